//! Everything anybody can ask for. Console, command line, clock and executor all submit a [`Command`] to the same
//! `decide`: there is no other way to change anything.

use super::binding::Code;
use super::decide::by_hand::Done;
use super::decide::elevate::Answer;
use super::decide::exporting::Exporting;
use super::decide::glass::Breaking;
use super::decide::incidents::Deed;
use super::decide::standing::{WantedStanding, Word};
use super::deviation::Deviation;
use super::factor::Want;
use super::follow_up::{Draft, Wanted};
use super::id::{Digest, ElevationId, HandId, IncidentId, PersonId, RunId, StandingId, StepId, Timestamp, WorkspaceId};
use super::incident::Opening;
use super::mention::On;
use super::notice;
use super::order::Report;
use super::people::{Actor, Role};
use super::plan::Proposal;
use super::proved::Proof;
use super::run::{Choice, Slot, StopHow};
use super::serving;
use super::site::Site;
use super::workspace::Server;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Somebody asks for something at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Who, from the authenticated channel.
    pub by: Actor,
    /// When, stamped by the engine: the only time `decide` knows.
    pub at: Timestamp,
    /// What the asker had looked at.
    pub seen: Seen,
    /// What for.
    pub ask: Ask,
    /// What came with it beside its words.
    pub proof: Proof,
}

/// What the asker had looked at; acting on something that changed since is refused as stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing that could have changed: notes, and asks that create.
    Nothing,
    /// A run at this revision.
    Revision(u64),
    /// The plan with this binding.
    Binding(Digest),
    /// The plan with this code, as somebody typed it.
    Code(Code),
    /// A cell at this attempt.
    Attempt(u16),
}

impl Seen {
    /// Whether that is the plan with this binding; nothing where no plan was named.
    pub fn is_plan(self, binding: &Digest) -> Option<bool> {
        match self {
            Seen::Binding(seen) => Some(seen == *binding),
            Seen::Code(code) => Some(code.is_of(binding)),
            Seen::Nothing | Seen::Revision(_) | Seen::Attempt(_) => None,
        }
    }
}

/// What can be asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// Put a site into force, or leave it waiting where it changes something sensitive.
    LoadSite {
        /// The site as read and checked.
        site: Arc<Site>,
        /// What changed, as a unified diff of the files, bounded.
        diff: String,
    },
    /// Accept the site that waits.
    AcceptSite {
        /// Its digest.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Something about a person's second factor.
    Factor {
        /// Whose.
        person: PersonId,
        /// What.
        want: Want,
    },
    /// A source of servers said these.
    List {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// Which source.
        source: String,
        /// The servers, as the site has them.
        servers: Vec<Server>,
    },
    /// Vaults said these versions of the secrets of a run that is about to start.
    Versions {
        /// Which run.
        run: RunId,
        /// Versions by the secret's name; one that is missing was not heard.
        versions: BTreeMap<String, String>,
    },
    /// Propose a run.
    Propose(Box<Proposal>),
    /// Take a proposal back.
    Withdraw {
        /// Which run.
        run: RunId,
    },
    /// Answer for a warning.
    AcceptWarning {
        /// Which run.
        run: RunId,
        /// Which warning.
        warning: StepId,
        /// Why it is acceptable.
        reason: String,
    },
    /// Approve or deny.
    Vote {
        /// Which run.
        run: RunId,
        /// Which way.
        choice: Choice,
        /// Why.
        reason: String,
    },
    /// Break glass for a run that waits.
    BreakGlass(Box<Breaking>),
    /// Start an approved run.
    Start {
        /// Which run.
        run: RunId,
    },
    /// Start an approved run at a moment ahead.
    Schedule {
        /// Which run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// Say that a manual step is done.
    Tick {
        /// Which run.
        run: RunId,
        /// Which step.
        step: StepId,
        /// Points of the checklist that are done, by position.
        checked: Vec<u16>,
        /// What shows it.
        evidence: String,
    },
    /// Give a file that shows that a manual step was done.
    Evidence {
        /// Which run.
        run: RunId,
        /// Which step.
        step: StepId,
        /// What the file is called.
        name: String,
        /// What is in it.
        content: Arc<[u8]>,
    },
    /// Decide what becomes of a cell that failed or is unknown.
    Resolve {
        /// Which run.
        run: RunId,
        /// Which cell.
        slot: Slot,
        /// What becomes of it.
        decision: Decision,
        /// Why.
        reason: String,
    },
    /// Take a run: from then on this person drives it and alone decides what becomes of what failed.
    Claim {
        /// Which run.
        run: RunId,
        /// Why it is taken from somebody; may be empty where nobody has it.
        reason: String,
    },
    /// Give a run one has to somebody else.
    HandOver {
        /// Which run.
        run: RunId,
        /// To whom.
        to: PersonId,
        /// What they should know.
        reason: String,
    },
    /// Start no further step for now.
    Pause {
        /// Which run.
        run: RunId,
    },
    /// Go on after a pause.
    Continue {
        /// Which run.
        run: RunId,
    },
    /// End a run.
    Stop {
        /// Which run.
        run: RunId,
        /// How.
        how: StopHow,
        /// Why.
        reason: String,
    },
    /// Words for the timeline.
    Note {
        /// Which run.
        run: RunId,
        /// The words.
        text: String,
    },
    /// Say that one has looked at what notes name one on.
    SeeMentions {
        /// What they are on.
        on: On,
    },
    /// Write the outcome note and close.
    Close {
        /// Which run.
        run: RunId,
        /// What came of it.
        note: String,
    },
    /// Sign a closed run off.
    Review {
        /// Which run.
        run: RunId,
        /// The reviewer's words.
        comment: String,
        /// What is to be done, by whom and by when.
        follow_ups: Vec<Draft>,
    },
    /// Give a follow-up, or close one.
    FollowUp(Wanted),
    /// Say that a deviation was looked at.
    LookAt {
        /// In which workspace.
        workspace: WorkspaceId,
        /// Which.
        deviation: Deviation,
        /// What came of it.
        reason: String,
    },
    /// Take a pack of evidence out.
    Export(Exporting),
    /// Ask to hold a role for a while.
    Elevate {
        /// Where.
        workspace: WorkspaceId,
        /// Which role.
        role: Role,
        /// For how long, in milliseconds.
        for_ms: u64,
        /// Why.
        reason: String,
    },
    /// Grant or refuse such a role, or end it.
    AnswerElevation {
        /// Which.
        elevation: ElevationId,
        /// What becomes of it.
        answer: Answer,
        /// Why.
        reason: String,
    },
    /// Open an incident.
    OpenIncident(Box<Opening>),
    /// Do something with an open incident.
    InIncident {
        /// Which.
        incident: IncidentId,
        /// What.
        deed: Deed,
        /// What is said with it.
        text: String,
    },
    /// Ask for a standing approval.
    WantStanding(Box<WantedStanding>),
    /// Decide on a standing approval, or take it away.
    InStanding {
        /// Which.
        standing: StandingId,
        /// What is said to it.
        word: Word,
        /// Why.
        reason: String,
    },
    /// Enter what was done by hand.
    EnterByHand(Box<Done>),
    /// Give a file that shows it.
    ShowByHand {
        /// Which entry.
        entry: HandId,
        /// What the file is called.
        name: String,
        /// What is in it.
        content: Arc<[u8]>,
    },
    /// Say that one has looked at it.
    ReviewByHand {
        /// Which entry.
        entry: HandId,
        /// The reviewer's words.
        comment: String,
    },
    /// A moment has come at which something lapses that is of no run.
    Lapse,
    /// The executor reports.
    Report(Report),
    /// A moment `due` named has come for this run.
    Wake {
        /// Which run.
        run: RunId,
    },
    /// The disk is full: a running run begins nothing more until somebody lets it go on.
    Hold {
        /// Which run.
        run: RunId,
    },
    /// Something about what people are told.
    Notice(notice::Asked),
    /// The server has started: what was in flight is so no longer.
    Boot {
        /// What repairing the ledger's tail set aside, in bytes; 0 where nothing was torn.
        repaired_bytes: u64,
    },
    /// Something about the server itself: it drains, goes on, is handed over, or ends.
    Server(serving::Want),
    /// The wall clock jumped against the monotonic one.
    ClockJumped {
        /// By how many milliseconds, forward positive.
        by_ms: i64,
    },
}

impl Ask {
    /// The run an ask is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Ask::LoadSite { .. }
            | Ask::AcceptSite { .. }
            | Ask::Factor { .. }
            | Ask::List { .. }
            | Ask::Propose(_)
            | Ask::Elevate { .. }
            | Ask::AnswerElevation { .. }
            | Ask::OpenIncident(_)
            | Ask::InIncident { .. }
            | Ask::SeeMentions { .. }
            | Ask::WantStanding(_)
            | Ask::InStanding { .. }
            | Ask::EnterByHand(_)
            | Ask::ShowByHand { .. }
            | Ask::ReviewByHand { .. }
            | Ask::Lapse
            | Ask::FollowUp(_)
            | Ask::LookAt { .. }
            | Ask::Export(_)
            | Ask::Boot { .. }
            | Ask::Server(_)
            | Ask::ClockJumped { .. } => None,
            Ask::Withdraw { run }
            | Ask::AcceptWarning { run, .. }
            | Ask::Vote { run, .. }
            | Ask::Start { run }
            | Ask::Schedule { run, .. }
            | Ask::Tick { run, .. }
            | Ask::Evidence { run, .. }
            | Ask::Resolve { run, .. }
            | Ask::Claim { run, .. }
            | Ask::HandOver { run, .. }
            | Ask::Pause { run }
            | Ask::Continue { run }
            | Ask::Stop { run, .. }
            | Ask::Note { run, .. }
            | Ask::Close { run, .. }
            | Ask::Review { run, .. }
            | Ask::Wake { run }
            | Ask::Versions { run, .. }
            | Ask::Hold { run } => Some(*run),
            Ask::BreakGlass(breaking) => Some(breaking.run),
            Ask::Report(report) => Some(report.key.run),
            Ask::Notice(asked) => asked.run(),
        }
    }

    /// The verb a person knows it by.
    pub fn verb(&self) -> &'static str {
        match self {
            Ask::LoadSite { .. } => "load",
            Ask::AcceptSite { .. } => "accept-site",
            Ask::Factor { want: Want::Offer { .. }, .. } => "enrol",
            Ask::Factor { want: Want::Prove, .. } => "prove",
            Ask::Factor { want: Want::SignIn { .. }, .. } => "sign_in",
            Ask::Factor { want: Want::Confirm { .. }, .. } => "confirm",
            Ask::Factor { want: Want::Revoke { .. }, .. } => "revoke",
            Ask::List { .. } => "list",
            Ask::Versions { .. } => "versions",
            Ask::Propose(_) => "propose",
            Ask::Withdraw { .. } => "withdraw",
            Ask::AcceptWarning { .. } => "accept",
            Ask::Vote { choice: Choice::Approve, .. } => "approve",
            Ask::Vote { choice: Choice::Deny, .. } => "deny",
            Ask::Vote { choice: Choice::Retract, .. } => "retract",
            Ask::BreakGlass(_) => "break-glass",
            Ask::Start { .. } | Ask::Schedule { .. } => "start",
            Ask::Tick { .. } => "tick",
            Ask::Evidence { .. } => "evidence",
            Ask::Resolve { .. } => "decide",
            Ask::Claim { .. } => "claim",
            Ask::HandOver { .. } => "handover",
            Ask::Pause { .. } => "pause",
            Ask::Continue { .. } => "continue",
            Ask::Stop { .. } => "abort",
            Ask::Note { .. } => "note",
            Ask::SeeMentions { .. } => "mentions seen",
            Ask::Close { .. } => "close",
            Ask::Review { .. } => "review",
            Ask::Elevate { .. } => "elevate",
            Ask::AnswerElevation { answer: Answer::Grant, .. } => "grant",
            Ask::AnswerElevation { answer: Answer::Refuse, .. } => "refuse",
            Ask::AnswerElevation { answer: Answer::End, .. } => "end",
            Ask::OpenIncident(_) => "incident open",
            Ask::InIncident { .. } => "incident",
            Ask::WantStanding(_) => "standing propose",
            Ask::InStanding { word: Word::Vote(Choice::Approve), .. } => "standing approve",
            Ask::InStanding { word: Word::Vote(Choice::Deny), .. } => "standing deny",
            Ask::InStanding { word: Word::Vote(Choice::Retract), .. } => "standing retract",
            Ask::InStanding { word: Word::Revoke, .. } => "standing revoke",
            Ask::EnterByHand(_) => "record add",
            Ask::ShowByHand { .. } => "record file",
            Ask::ReviewByHand { .. } => "record review",
            Ask::Lapse => "lapse",
            Ask::FollowUp(_) => "follow-up",
            Ask::LookAt { .. } => "look-at",
            Ask::Export(_) => "evidence export",
            Ask::Report(_) => "report",
            Ask::Wake { .. } => "wake",
            Ask::Hold { .. } => "hold",
            Ask::Notice(_) => "notify",
            Ask::Boot { .. } => "boot",
            Ask::Server(_) => "serve",
            Ask::ClockJumped { .. } => "clock",
        }
    }
}

/// What a person decides about a cell that failed or is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Run it again.
    Retry,
    /// Let the step's probe look whether it was done.
    Probe,
    /// Go on without it.
    Skip,
    /// Take the host out of the run.
    Drop,
    /// It was seen to have ended well.
    MarkOk,
    /// It was seen to have ended badly: the host leaves the run.
    MarkFailed,
}

/// What an accepted command leads to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Receipt {
    /// The run it was about or has made.
    pub run: Option<RunId>,
    /// The ledger index of the first event it led to; `None` where it changed nothing.
    pub index: Option<u64>,
}
