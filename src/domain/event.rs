//! What happened, as the ledger keeps it. A leaf holds only handles, numbers, digests and closed words; whatever a
//! person or host wrote is a *detail* kept beside it, so that it can be erased and every proof stays valid.

use super::beside::Beside;
use super::command::Decision;
use super::id::{Digest, IncidentId, PersonId, RunId, RunbookId, StepId, Timestamp, WorkspaceId};
use super::notice;
use super::order::{CellResult, OutputSummary};
use super::people::Actor;
use super::plan::Origin;
use super::proved::Proved;
use super::run::{BuiltIn, Cancel, Choice, Ending, PauseCause, Round, Slot, Stage, StopHow, Verdict};
use super::runbook::Impact;
use super::workspace::Environment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that happened. Variants are past tense; `kind` is the word in the leaf.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A run was proposed. Detail: `plan`.
    RunProposed {
        /// Its number.
        run: RunId,
        /// Where.
        workspace: WorkspaceId,
        /// The workspace's environment.
        environment: Environment,
        /// What.
        runbook: RunbookId,
        /// Digest of the runbook.
        digest: Digest,
        /// The binding.
        binding: Digest,
        /// Impact after all rules.
        impact: Impact,
        /// How many hosts.
        hosts: u32,
        /// How many steps.
        steps: u32,
        /// Where it comes from.
        origin: Origin,
    },
    /// A round of checks began: their cells are waiting again.
    RoundBegan {
        /// The run.
        run: RunId,
        /// Which round.
        round: Round,
    },
    /// The checks of a stage may run, one cell per check and target.
    ChecksReleased {
        /// The run.
        run: RunId,
        /// Which checks.
        stage: Stage,
        /// How many cells.
        checks: u32,
    },
    /// A check that needs no host was made. Detail: `why`.
    BuiltInJudged {
        /// The run.
        run: RunId,
        /// Which check.
        check: BuiltIn,
        /// What it came to.
        verdict: Verdict,
    },
    /// An order is about to be sent: from here on its cell may have had an effect.
    Intended {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// Which try.
        attempt: u16,
        /// Whether it only looks what became of the try before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        probe: bool,
    },
    /// The host has begun.
    Started {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// Which try.
        attempt: u16,
        /// Process group on the host.
        group: u32,
    },
    /// A try was given secrets. Detail: `secrets`, a line each: which, from where, of what version.
    SecretUsed {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// Which try.
        attempt: u16,
        /// How many.
        secrets: u32,
    },
    /// A try is over. Details: `saw`, `published`.
    Ended {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// Which try.
        attempt: u16,
        /// How.
        result: CellResult,
        /// What it printed, in numbers.
        output: OutputSummary,
    },
    /// A failed try will be repeated by itself.
    RetryPlanned {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// Not before this moment.
        not_before: Timestamp,
    },
    /// A person decided about a cell. Detail: `reason`.
    Resolved {
        /// The run.
        run: RunId,
        /// The cell.
        slot: Slot,
        /// What becomes of it.
        decision: Decision,
    },
    /// A failed host left the run by the runbook's own rule.
    HostDropped {
        /// The run.
        run: RunId,
        /// The cell that failed.
        slot: Slot,
    },
    /// A step of the whole run waits for people, or for time to pass.
    ManualOpened {
        /// The run.
        run: RunId,
        /// The step.
        slot: Slot,
    },
    /// Somebody answered a gate inside a run. Details: `reason`, `signature`.
    GateAnswered {
        /// The run.
        run: RunId,
        /// The gate.
        slot: Slot,
        /// Which way.
        choice: Choice,
        /// What an approval was given with.
        #[serde(default, skip_serializing_if = "Proved::is_nothing")]
        proved: Proved,
    },
    /// A gate was answered by all it asks, or denied by one.
    GateOver {
        /// The run.
        run: RunId,
        /// The gate.
        slot: Slot,
        /// Which way.
        choice: Choice,
    },
    /// A run has been taken, or handed over: this person drives it. Detail: `reason`.
    RunTaken {
        /// The run.
        run: RunId,
        /// By whom it is driven now.
        by: PersonId,
    },
    /// Whoever has a run offers it to somebody, who takes it or lets it be; `None`: the offer is taken back. Detail: `reason`.
    RunOffered {
        /// The run.
        run: RunId,
        /// To whom.
        to: Option<PersonId>,
    },
    /// The time a step waits for is over.
    WaitOver {
        /// The run.
        run: RunId,
        /// The step.
        slot: Slot,
    },
    /// A person said that a manual step is done. Detail: `evidence`.
    Ticked {
        /// The run.
        run: RunId,
        /// The step.
        slot: Slot,
        /// Points of the checklist that are done.
        checked: Vec<u16>,
    },
    /// A file was given that shows that a manual step was done. Details: `name`, `content` in base64.
    EvidenceGiven {
        /// The run.
        run: RunId,
        /// The step.
        slot: Slot,
        /// SHA-256 of its content.
        sha256: Digest,
        /// How long it is.
        bytes: u64,
    },
    /// The next stretch of steps, or the next batch of one, began.
    BatchBegan {
        /// The run.
        run: RunId,
        /// Which stretch.
        segment: u16,
        /// Which batch of it.
        batch: u32,
    },
    /// A warning was accepted. Detail: `reason`.
    WarningAccepted {
        /// The run.
        run: RunId,
        /// Which warning.
        warning: StepId,
    },
    /// The checks are through, or an approval was taken back; something must happen before the run may start. Detail: `why`, for
    /// the latter.
    RunWaiting {
        /// The run.
        run: RunId,
    },
    /// An approver decided. Details: `reason`, `signature`.
    Voted {
        /// The run.
        run: RunId,
        /// What was looked at.
        binding: Digest,
        /// Which way.
        choice: Choice,
        /// What an approval was given with.
        #[serde(default, skip_serializing_if = "Proved::is_nothing")]
        proved: Proved,
    },
    /// Nothing stands between the run and its start. Detail: `why`, where a start was asked for and not made.
    RunApproved {
        /// The run.
        run: RunId,
    },
    /// Somebody broke glass for the run: the countdown runs. Detail: `reason`.
    GlassBroken {
        /// The run.
        run: RunId,
        /// For which incident.
        incident: IncidentId,
    },
    /// The countdown is over: approvals, windows and freezes hold the run no more.
    GlassOpened {
        /// The run.
        run: RunId,
    },
    /// An operator asked for the start, and it waits: in the line for hosts that other runs have, or for a moment.
    StartQueued {
        /// The run.
        run: RunId,
        /// The moment, where it waits for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// It waits in the line no more, and has to be asked for again. Detail: `why`.
    QueueLeft {
        /// The run.
        run: RunId,
    },
    /// An operator asked for the start, or the turn of one who did has come; the checks run again first.
    StartAsked {
        /// The run.
        run: RunId,
    },
    /// The first step is released; the approval is used. Hosts that could not be reached are left out from here on.
    RunStarted {
        /// The run.
        run: RunId,
    },
    /// No step starts. Detail: `why`, where authority was lost.
    RunPaused {
        /// The run.
        run: RunId,
        /// Why.
        cause: PauseCause,
    },
    /// Steps start again.
    RunContinued {
        /// The run.
        run: RunId,
    },
    /// Nothing new starts any more. Detail: `reason`.
    RunStopping {
        /// The run.
        run: RunId,
        /// How.
        how: StopHow,
    },
    /// The steps are through; verification began.
    VerifyBegan {
        /// The run.
        run: RunId,
    },
    /// Nothing runs any more.
    RunEnded {
        /// The run.
        run: RunId,
        /// How it ended.
        ending: Ending,
    },
    /// It will never run.
    RunCancelled {
        /// The run.
        run: RunId,
        /// Why.
        cancel: Cancel,
    },
    /// A step was not through when it was due.
    StepOverdue {
        /// The run.
        run: RunId,
        /// The step, by its position among those that run.
        step: u16,
    },
    /// The site changed under a run that has started, which goes on as approved. Detail: `why`.
    Drifted {
        /// The run.
        run: RunId,
    },
    /// Words for the timeline. Detail: `text`.
    Noted {
        /// The run.
        run: RunId,
        /// Whom the words name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<PersonId>,
    },
    /// The outcome note is written. Detail: `text`.
    RunClosed {
        /// The run.
        run: RunId,
    },
    /// Signed off by one of those who must. Detail: `text`.
    ReviewGiven {
        /// The run.
        run: RunId,
    },
    /// Signed off. Detail: `text`.
    RunReviewed {
        /// The run.
        run: RunId,
    },
    /// Something happened to what people are told. Detail: `saw`, of a try that came to nothing.
    Notice {
        /// What.
        act: notice::Act,
    },
    /// Something was refused that is worth keeping: an attempt against separation of duties or authority.
    Refused {
        /// The run, where it was about one.
        run: Option<RunId>,
        /// The rule that said no.
        rule: super::refusal::Rule,
        /// What was asked for.
        verb: String,
    },
    /// Something happened that is of no run: it is written as a kind of its own, side by side with these.
    #[serde(untagged)]
    Beside(Beside),
}

impl Event {
    /// Whether it ends something, or says how something went: what is recorded even when the disk is full. Everything else
    /// begins something or can be said again later.
    pub fn winds_down(&self) -> bool {
        match self {
            Event::Beside(beside) => beside.winds_down(),
            Event::Started { .. }
            | Event::SecretUsed { .. }
            | Event::Ended { .. }
            | Event::RetryPlanned { .. }
            | Event::HostDropped { .. }
            | Event::StepOverdue { .. }
            | Event::WaitOver { .. }
            | Event::GateOver { .. }
            | Event::RunPaused { .. }
            | Event::RunStopping { .. }
            | Event::RunEnded { .. }
            | Event::RunCancelled { .. }
            | Event::RunWaiting { .. }
            | Event::QueueLeft { .. } => true,
            Event::RunProposed { .. }
            | Event::RoundBegan { .. }
            | Event::ChecksReleased { .. }
            | Event::BuiltInJudged { .. }
            | Event::Intended { .. }
            | Event::Resolved { .. }
            | Event::ManualOpened { .. }
            | Event::Ticked { .. }
            | Event::EvidenceGiven { .. }
            | Event::GateAnswered { .. }
            | Event::RunTaken { .. }
            | Event::RunOffered { .. }
            | Event::BatchBegan { .. }
            | Event::WarningAccepted { .. }
            | Event::Voted { .. }
            | Event::RunApproved { .. }
            | Event::StartQueued { .. }
            | Event::StartAsked { .. }
            | Event::RunStarted { .. }
            | Event::RunContinued { .. }
            | Event::VerifyBegan { .. }
            | Event::Drifted { .. }
            | Event::Noted { .. }
            | Event::RunClosed { .. }
            | Event::GlassBroken { .. }
            | Event::GlassOpened { .. }
            | Event::ReviewGiven { .. }
            | Event::RunReviewed { .. }
            | Event::Notice { .. }
            | Event::Refused { .. } => false,
        }
    }

    /// The run an event belongs to; its leaf then carries the run's own sequence.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Event::Beside(_) => None,
            Event::Refused { run, .. } => *run,
            Event::Notice { act } => act.run(),
            Event::RunProposed { run, .. }
            | Event::RoundBegan { run, .. }
            | Event::ChecksReleased { run, .. }
            | Event::BuiltInJudged { run, .. }
            | Event::Intended { run, .. }
            | Event::Started { run, .. }
            | Event::SecretUsed { run, .. }
            | Event::Ended { run, .. }
            | Event::RetryPlanned { run, .. }
            | Event::Resolved { run, .. }
            | Event::HostDropped { run, .. }
            | Event::ManualOpened { run, .. }
            | Event::Ticked { run, .. }
            | Event::EvidenceGiven { run, .. }
            | Event::WaitOver { run, .. }
            | Event::RunTaken { run, .. }
            | Event::RunOffered { run, .. }
            | Event::GateAnswered { run, .. }
            | Event::GateOver { run, .. }
            | Event::BatchBegan { run, .. }
            | Event::WarningAccepted { run, .. }
            | Event::RunWaiting { run }
            | Event::Voted { run, .. }
            | Event::RunApproved { run }
            | Event::StartQueued { run, .. }
            | Event::QueueLeft { run }
            | Event::StartAsked { run }
            | Event::RunStarted { run }
            | Event::RunPaused { run, .. }
            | Event::RunContinued { run }
            | Event::RunStopping { run, .. }
            | Event::VerifyBegan { run }
            | Event::RunEnded { run, .. }
            | Event::RunCancelled { run, .. }
            | Event::StepOverdue { run, .. }
            | Event::Drifted { run }
            | Event::Noted { run, .. }
            | Event::RunClosed { run }
            | Event::GlassBroken { run, .. }
            | Event::GlassOpened { run }
            | Event::ReviewGiven { run }
            | Event::RunReviewed { run } => Some(*run),
        }
    }
}

impl Event {
    /// The workspace an event belongs to that is of no run: for whoever is no member of it, it did not happen.
    pub fn workspace(&self) -> Option<&WorkspaceId> {
        let Event::Beside(beside) = self else {
            return None;
        };
        beside.workspace()
    }
}

/// How long one text may be: a site or a plan over 2 000 hosts with its runbooks and templates takes about one MiB.
pub const DETAIL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The texts of one event, by name. JSON for `site`, `sensitive` and `plan`, plain text otherwise.
pub type Details = BTreeMap<String, Detail>;

/// A text kept beside a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// The text.
    Text(String),
    /// It was erased; the leaf's commitment still proves that there was one.
    Erased,
}

impl Detail {
    /// The text, or nothing where it was erased.
    pub fn text(&self) -> &str {
        match self {
            Detail::Text(text) => text,
            Detail::Erased => "",
        }
    }
}

/// An event with its texts, as `decide` makes it and before the ledger stamps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The leaf's part.
    pub event: Event,
    /// Its texts.
    pub details: Details,
}

impl Entry {
    /// An event without texts.
    pub fn bare(event: Event) -> Self {
        Self { event, details: Details::new() }
    }

    /// An event with one text.
    pub fn with(event: Event, name: &str, text: impl Into<String>) -> Self {
        Self { event, details: Details::from([(name.to_owned(), Detail::Text(text.into()))]) }
    }

    /// Adds a text.
    pub fn and(mut self, name: &str, text: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), Detail::Text(text.into()));
        self
    }
}

/// An event as it stands in the ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its ledger index.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// Whose act.
    pub by: Actor,
    /// What happened.
    pub event: Event,
    /// Its texts.
    pub details: Details,
}
