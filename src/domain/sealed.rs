//! What the ledger signs for: its head, and proofs against it, as they are handed out. Anybody who may ask at all may have them:
//! they are hashes alone, and a head that many people hold is what keeps a record from being made anew.
//! Also which events are signed for at once; all others are within a second.

use super::beside::Beside;
use super::event::Event;

/// A question about what is signed for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// What was signed for last.
    Head,
    /// That an event stands in it.
    Inclusion(u64),
    /// That the record of so many events continues that of fewer; `None`: as it was signed for last.
    Consistency(u64, Option<u64>),
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// To `Question::Head`.
    Head(Head),
    /// To `Question::Inclusion`.
    Inclusion(Inclusion),
    /// To `Question::Consistency`.
    Consistency(Consistency),
}

/// How many events there are and the root over them, signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose: the ledger's name.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// The root over their leaves, in base64.
    pub root: String,
    /// The checkpoint: a signed note.
    pub note: String,
    /// An SSH signature over its three lines.
    pub sshsig: String,
    /// The key, as verifiers of notes take it.
    pub key: String,
    /// The key, as `ssh-keygen -Y verify` takes it.
    pub allowed_signers: String,
}

/// That an event stands in the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inclusion {
    /// Which.
    pub index: u64,
    /// The hash of its leaf, in base64.
    pub leaf: String,
    /// The hashes that lead from it to the root, in base64.
    pub path: Vec<String>,
    /// All of it as one text (C2SP `tlog-proof`).
    pub text: String,
    /// The head it is proved against.
    pub head: Head,
}

/// That a later ledger continues an earlier one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consistency {
    /// Number of events and root of the earlier one.
    pub from: (u64, String),
    /// Of the later one.
    pub to: (u64, String),
    /// The hashes that prove it, in base64.
    pub path: Vec<String>,
}

impl Event {
    /// Whether it is signed for as soon as it is recorded: what somebody may one day wish not to have happened.
    pub fn is_signed_at_once(&self) -> bool {
        match self {
            Event::Voted { .. }
            | Event::GateAnswered { .. }
            | Event::GlassBroken { .. }
            | Event::GlassOpened { .. }
            | Event::RunStarted { .. }
            | Event::RunClosed { .. }
            | Event::ReviewGiven { .. }
            | Event::RunReviewed { .. } => true,
            Event::Beside(beside) => beside.is_signed_at_once(),
            Event::RunProposed { .. }
            | Event::RoundBegan { .. }
            | Event::ChecksReleased { .. }
            | Event::BuiltInJudged { .. }
            | Event::Intended { .. }
            | Event::Started { .. }
            | Event::SecretUsed { .. }
            | Event::Ended { .. }
            | Event::RetryPlanned { .. }
            | Event::Resolved { .. }
            | Event::HostDropped { .. }
            | Event::ManualOpened { .. }
            | Event::GateOver { .. }
            | Event::RunTaken { .. }
            | Event::RunOffered { .. }
            | Event::WaitOver { .. }
            | Event::Ticked { .. }
            | Event::EvidenceGiven { .. }
            | Event::BatchBegan { .. }
            | Event::WarningAccepted { .. }
            | Event::RunWaiting { .. }
            | Event::RunApproved { .. }
            | Event::StartQueued { .. }
            | Event::QueueLeft { .. }
            | Event::StartAsked { .. }
            | Event::RunPaused { .. }
            | Event::RunContinued { .. }
            | Event::RunStopping { .. }
            | Event::VerifyBegan { .. }
            | Event::RunEnded { .. }
            | Event::RunCancelled { .. }
            | Event::StepOverdue { .. }
            | Event::Drifted { .. }
            | Event::Noted { .. }
            | Event::Notice { .. }
            | Event::Refused { .. } => false,
        }
    }
}

impl Beside {
    /// As [`Event::is_signed_at_once`]: whatever changes who may do what, and what leaves the house.
    fn is_signed_at_once(&self) -> bool {
        match self {
            Beside::SiteLoaded { .. }
            | Beside::SitePending { .. }
            | Beside::SiteAccepted { .. }
            | Beside::Factor { .. }
            | Beside::Elevation { .. }
            | Beside::Standing { .. }
            | Beside::Exported { .. } => true,
            Beside::Booted { .. }
            | Beside::ClockJumped { .. }
            | Beside::SourceListed { .. }
            | Beside::Incident { .. }
            | Beside::FollowUp { .. }
            | Beside::LookedAt { .. }
            | Beside::Mention { .. }
            | Beside::Server { .. }
            | Beside::ByHand { .. } => false,
        }
    }
}
