//! Where a run stands, why it is paused, how it is stopped and how it ended.

use super::super::id::PersonId;
use super::super::refusal::Rule;
use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Checks run.
    Checking(Round),
    /// Something must happen first: see `policy::waiting_for`.
    Waiting,
    /// An operator may start it.
    Approved,
    /// Steps run.
    Running,
    /// No step starts.
    Paused(PauseCause),
    /// Nothing new starts; what is in flight ends or is ended.
    Stopping(StopHow),
    /// Verification runs.
    Verifying,
    /// Nothing runs any more; the outcome note is due.
    Ended(Ending),
    /// The outcome note is written; a review is due.
    Closed(Ending),
    /// Signed off.
    Reviewed(Ending),
    /// It never ran.
    Cancelled(Cancel),
}

/// Which round of preflight runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Round {
    /// After the proposal.
    Proposal,
    /// After `start`, before the first step.
    Start,
}

/// Why a run is paused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseCause {
    /// A person said so.
    Person(PersonId),
    /// A host failed or its state is unknown; somebody must decide.
    Failure,
    /// The disk was full: nothing could be begun that could also be recorded.
    NoRoom,
    /// A batch is through, and somebody is to let the next begin.
    Batch,
    /// Whoever drives it, or too many of those who approved it, lost the role.
    Authority,
    /// Its change window closed.
    Window,
}

/// How a run is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopHow {
    /// Hosts at work finish the step they are in.
    AfterStep,
    /// The batch at work finishes; no other starts.
    AfterBatch,
    /// What runs is ended at once, and seen to have ended.
    Now,
    /// A failure beyond what is tolerated, or a step that says stop.
    Failure,
    /// The run's own time is over.
    TimedOut,
    /// Hosts at work finish the step they are in; then undoing what ran is proposed.
    WayBack,
}

impl StopHow {
    /// Whether steps in flight may end by themselves; otherwise they are ended.
    pub fn lets_steps_end(self) -> bool {
        match self {
            StopHow::AfterStep | StopHow::AfterBatch | StopHow::Failure | StopHow::WayBack => true,
            StopHow::Now | StopHow::TimedOut => false,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every step on every host, and every verification.
    Succeeded,
    /// A host failed or was dropped, or a verification failed.
    Failed,
    /// Steps went well; a verification could not be made.
    Unverified,
    /// A person stopped it.
    Aborted,
    /// The server went away while it ran.
    Interrupted,
    /// An undo failed.
    Stuck,
    /// It was stopped, and whether everything it began has ended cannot be told.
    Unknown,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Ending; 7] = [
        Ending::Succeeded,
        Ending::Failed,
        Ending::Unverified,
        Ending::Aborted,
        Ending::Interrupted,
        Ending::Stuck,
        Ending::Unknown,
    ];

    /// The word used on screen.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Succeeded => "succeeded",
            Ending::Failed => "failed",
            Ending::Unverified => "unverified",
            Ending::Aborted => "aborted",
            Ending::Interrupted => "interrupted",
            Ending::Stuck => "stuck",
            Ending::Unknown => "unknown",
        }
    }
}

/// Why a run never ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancel {
    /// Its proposer took it back.
    Withdrawn,
    /// An approver said no.
    Denied,
    /// Waited too long for approval or start.
    Expired,
    /// Stopped between its start and its first step.
    Stopped,
    /// A rule made it worthless: drift, or a check that blocks.
    Void(Rule),
}

impl Cancel {
    /// The word used on screen.
    pub fn word(&self) -> &'static str {
        match self {
            Cancel::Withdrawn => "withdrawn",
            Cancel::Denied => "denied",
            Cancel::Expired => "expired",
            Cancel::Stopped => "stopped",
            Cancel::Void(_) => "void",
        }
    }
}

/// A phase without what it carries: the rows of the legality table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "named after Phase")]
pub enum PhaseTag {
    Checking,
    Waiting,
    Approved,
    Running,
    Paused,
    Stopping,
    Verifying,
    Ended,
    Closed,
    Reviewed,
    Cancelled,
}

impl PhaseTag {
    /// Every tag.
    pub const ALL: [PhaseTag; 11] = [
        PhaseTag::Checking,
        PhaseTag::Waiting,
        PhaseTag::Approved,
        PhaseTag::Running,
        PhaseTag::Paused,
        PhaseTag::Stopping,
        PhaseTag::Verifying,
        PhaseTag::Ended,
        PhaseTag::Closed,
        PhaseTag::Reviewed,
        PhaseTag::Cancelled,
    ];

    /// The word used on screen.
    pub fn word(self) -> &'static str {
        match self {
            PhaseTag::Checking => "checking",
            PhaseTag::Waiting => "waiting",
            PhaseTag::Approved => "approved",
            PhaseTag::Running => "running",
            PhaseTag::Paused => "paused",
            PhaseTag::Stopping => "stopping",
            PhaseTag::Verifying => "verifying",
            PhaseTag::Ended => "ended",
            PhaseTag::Closed => "closed",
            PhaseTag::Reviewed => "reviewed",
            PhaseTag::Cancelled => "cancelled",
        }
    }
}

impl Phase {
    /// The phase without what it carries.
    pub fn tag(&self) -> PhaseTag {
        match self {
            Phase::Checking(_) => PhaseTag::Checking,
            Phase::Waiting => PhaseTag::Waiting,
            Phase::Approved => PhaseTag::Approved,
            Phase::Running => PhaseTag::Running,
            Phase::Paused(_) => PhaseTag::Paused,
            Phase::Stopping(_) => PhaseTag::Stopping,
            Phase::Verifying => PhaseTag::Verifying,
            Phase::Ended(_) => PhaseTag::Ended,
            Phase::Closed(_) => PhaseTag::Closed,
            Phase::Reviewed(_) => PhaseTag::Reviewed,
            Phase::Cancelled(_) => PhaseTag::Cancelled,
        }
    }

    /// How it ended, where it did.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Phase::Ended(ending) | Phase::Closed(ending) | Phase::Reviewed(ending) => Some(*ending),
            Phase::Checking(_)
            | Phase::Waiting
            | Phase::Approved
            | Phase::Running
            | Phase::Paused(_)
            | Phase::Stopping(_)
            | Phase::Verifying
            | Phase::Cancelled(_) => None,
        }
    }
}
