//! A run's life and the life of each of its host·step cells, as two small state machines. The two `legal`
//! tables below serve live execution and replay alike: an event the table does not allow never enters the
//! ledger, and a ledger that holds one is damaged.

use super::id::{Digest, HostIx, PersonId, RunId, Timestamp};
use super::plan::Plan;
use super::refusal::Rule;
use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One run, from proposal to review.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Everything that runs.
    pub plan: Arc<Plan>,
    /// SHA-256 over the plan: what approvals are bound to.
    pub binding: Digest,
    /// Grows with every decision about the run (not with every line of output): what `Seen` is compared with.
    pub revision: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub phase_since: Timestamp,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// When the first step was released.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who started it, or took it over since; the driver of guided failures. Nobody, while it may only be started.
    pub driver: Option<PersonId>,
    /// Everybody who executed any of it: started it, let it go on, decided about a cell, ticked off a step.
    pub executors: OrdSet<PersonId>,
    /// What would run differently under the site now in force, where that changed since the start.
    pub drift: Option<String>,
    /// When it first became approved; the second clock runs from here.
    pub approved: Option<Timestamp>,
    /// Results of checks that need no host, by check.
    pub builtin: OrdMap<BuiltIn, Judged>,
    /// Warnings somebody accepted, by warning id.
    pub accepted: OrdMap<super::id::StepId, Acceptance>,
    /// Votes in ledger order; the latest of a person counts.
    pub votes: Vector<Vote>,
    /// Answers to gates inside the run, in ledger order; the latest of a person counts.
    pub answers: OrdMap<Slot, Vector<Vote>>,
    /// Cells that are not plainly waiting.
    pub cells: OrdMap<Slot, Cell>,
    /// How far execution got.
    pub progress: Progress,
    /// Notes, oldest first.
    pub notes: Vector<Note>,
    /// The outcome note a run closes with.
    pub outcome_note: Option<Note>,
    /// The sign-off.
    pub review: Option<Note>,
}

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
    /// Whoever drives it, or too many of those who approved it, lost the role.
    Authority,
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
}

impl Ending {
    /// Every ending.
    pub const ALL: [Ending; 6] =
        [Ending::Succeeded, Ending::Failed, Ending::Unverified, Ending::Aborted, Ending::Interrupted, Ending::Stuck];

    /// The word used on screen.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Succeeded => "succeeded",
            Ending::Failed => "failed",
            Ending::Unverified => "unverified",
            Ending::Aborted => "aborted",
            Ending::Interrupted => "interrupted",
            Ending::Stuck => "stuck",
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
    /// Stopped while it was checked for its start.
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

/// Checks that need no host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// Proposer and runbook's role are members of the workspace; somebody else can approve.
    Roles,
    /// Inputs complete, well formed and confirmed.
    Inputs,
    /// Every template of the stack present.
    Stack,
    /// Every host belongs to the workspace.
    Scope,
    /// No host is excluded.
    Excluded,
    /// A window is open and no freeze in force; before the start only a warning of what is to come.
    Window,
    /// No other run uses the hosts.
    Busy,
    /// The runbook's own review is not overdue.
    Freshness,
}

impl BuiltIn {
    /// Every built-in check, in the order shown.
    pub const ALL: [BuiltIn; 8] = [
        BuiltIn::Roles,
        BuiltIn::Inputs,
        BuiltIn::Stack,
        BuiltIn::Scope,
        BuiltIn::Excluded,
        BuiltIn::Window,
        BuiltIn::Busy,
        BuiltIn::Freshness,
    ];

    /// The id for `accept RUN WARNING` and the title on screen.
    pub fn id_and_title(self) -> (&'static str, &'static str) {
        match self {
            BuiltIn::Roles => ("roles", "Somebody may run it and somebody else may approve it"),
            BuiltIn::Inputs => ("inputs", "Inputs complete and confirmed"),
            BuiltIn::Stack => ("stack", "Template stack present"),
            BuiltIn::Scope => ("scope", "Hosts belong to the workspace"),
            BuiltIn::Excluded => ("excluded", "No excluded host"),
            BuiltIn::Window => ("window", "Change window and freezes"),
            BuiltIn::Busy => ("busy", "No other run on these hosts"),
            BuiltIn::Freshness => ("freshness", "Runbook reviewed in time"),
        }
    }
}

/// The result of a built-in check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// What it came to.
    pub verdict: Verdict,
    /// Why and where, in words.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a check came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Fine.
    Pass,
    /// Somebody must accept it by name and reason.
    Warn,
    /// The run may not go on.
    Block,
}

/// A warning accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acceptance {
    /// By whom.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The hosts it was about: another host is another warning.
    pub hosts: OrdSet<super::id::HostIx>,
}

/// An approver's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vote {
    /// Whose.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Which way.
    pub choice: Choice,
    /// Why.
    pub reason: String,
}

/// Which way an approver decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum Choice {
    Approve,
    Deny,
}

/// Words of a person on the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Whose.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The words; empty where they were erased.
    pub text: String,
}

/// A column of the matrix: a check or a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Connect, compare the host key, log in.
    Reach,
    /// A preflight check of the runbook.
    Preflight(u16),
    /// A step, by its position among the steps that run.
    Step(u16),
    /// A verification of the runbook.
    Verify(u16),
}

/// A cell's place: an item on a host, or a manual step of the whole run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// What.
    pub item: Item,
    /// Where; `None` for a manual step.
    pub host: Option<HostIx>,
}

/// A host·step, once something happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Where it stands.
    pub state: CellState,
    /// Which try, from 1.
    pub attempt: u16,
    /// When this state began.
    pub since: Timestamp,
    /// When the try began.
    pub began: Timestamp,
    /// When the first of its tries began, or the first since a person asked for another: what is waited for has so much time.
    pub opened: Timestamp,
    /// Not before this moment, while a retry waits.
    pub not_before: Option<Timestamp>,
    /// What a check saw, or the evidence of a manual step; redacted, bounded. Shared: a run is copied with every event.
    pub saw: Arc<str>,
}

/// Where a host·step stands. A cell absent from the map is `waiting`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Not begun, or to be tried again.
    Waiting,
    /// The intent is durable; nothing is known of the host yet.
    Intended,
    /// The host has begun.
    Started {
        /// Its process group on the host.
        group: u32,
    },
    /// Ended well.
    Ok,
    /// Ended badly, for certain.
    Failed(Reason),
    /// Nobody can tell how it ended.
    Unknown(Reason),
    /// A person said to go on without it.
    Skipped,
    /// Certain not to have begun.
    Refused(Reason),
}

impl CellState {
    /// Whether nothing more comes by itself.
    pub fn is_settled(&self) -> bool {
        match self {
            CellState::Waiting | CellState::Intended | CellState::Started { .. } => false,
            CellState::Ok
            | CellState::Failed(_)
            | CellState::Unknown(_)
            | CellState::Skipped
            | CellState::Refused(_) => true,
        }
    }

    /// Whether the executor has it.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, CellState::Intended | CellState::Started { .. })
    }
}

/// Why a cell did not end well. The code is stable and searchable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A non-zero exit status.
    Exit(i32),
    /// Ended by a signal.
    Signal(String),
    /// Longer than the step may take.
    StepTimeout,
    /// Silent for too long.
    IdleTimeout,
    /// No usable session in time.
    ConnectTimeout,
    /// Nothing listens.
    ConnectRefused,
    /// No route, or the name does not resolve.
    Unreachable,
    /// The host's key is not the pinned one.
    HostKeyMismatch,
    /// Nothing pinned for this host.
    HostKeyUnknown,
    /// The host's key is marked as revoked.
    HostKeyRevoked,
    /// The host takes none of our keys.
    LoginRefused,
    /// Logged in, but no shell would run.
    NoShell,
    /// The host lacks the program that reads the script.
    NoInterpreter,
    /// The connection ended before the outcome was known.
    ConnectionLost,
    /// The channel closed without an exit status.
    NoExitStatus,
    /// It ran, and what came out is not what was expected.
    NotAsExpected,
    /// Ended by a person, and seen to be gone.
    Aborted,
    /// A secret could not be had.
    SecretMissing,
    /// This machine could not do its part.
    Local,
    /// The server went away meanwhile.
    Interrupted,
    /// The host was dropped from the run.
    Dropped,
    /// A person marked it so.
    Marked,
    /// Somebody whose yes it needed said no.
    Denied,
}

impl Reason {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Exit(_) => "exit",
            Reason::Signal(_) => "signal",
            Reason::StepTimeout => "timeout.step",
            Reason::IdleTimeout => "timeout.idle",
            Reason::ConnectTimeout => "connect.timeout",
            Reason::ConnectRefused => "connect.refused",
            Reason::Unreachable => "connect.unreachable",
            Reason::HostKeyMismatch => "hostkey.mismatch",
            Reason::HostKeyUnknown => "hostkey.unknown",
            Reason::HostKeyRevoked => "hostkey.revoked",
            Reason::LoginRefused => "login.refused",
            Reason::NoShell => "login.no_shell",
            Reason::NoInterpreter => "script.no_interpreter",
            Reason::ConnectionLost => "connection.lost",
            Reason::NoExitStatus => "connection.no_status",
            Reason::NotAsExpected => "check.unexpected",
            Reason::Aborted => "aborted",
            Reason::SecretMissing => "secret.missing",
            Reason::Local => "local",
            Reason::Interrupted => "interrupted",
            Reason::Dropped => "dropped",
            Reason::Marked => "marked",
            Reason::Denied => "denied",
        }
    }

    /// The reason in a tired person's words.
    pub fn words(&self) -> String {
        match self {
            Reason::Exit(code) => format!("exit {code}"),
            Reason::Signal(name) => format!("ended by {name}"),
            Reason::StepTimeout => "took longer than its time-out".to_owned(),
            Reason::IdleTimeout => "silent for too long".to_owned(),
            Reason::ConnectTimeout => "no answer in time".to_owned(),
            Reason::ConnectRefused => "connection refused".to_owned(),
            Reason::Unreachable => "not reachable".to_owned(),
            Reason::HostKeyMismatch => "host key is not the pinned one".to_owned(),
            Reason::HostKeyUnknown => "host key unknown".to_owned(),
            Reason::HostKeyRevoked => "host key revoked".to_owned(),
            Reason::LoginRefused => "login refused".to_owned(),
            Reason::NoShell => "logged in, but no shell runs".to_owned(),
            Reason::NoInterpreter => "the host cannot read this script".to_owned(),
            Reason::ConnectionLost => "connection lost, end not seen".to_owned(),
            Reason::NoExitStatus => "closed without exit status".to_owned(),
            Reason::NotAsExpected => "not as expected".to_owned(),
            Reason::Aborted => "aborted".to_owned(),
            Reason::SecretMissing => "a secret could not be had".to_owned(),
            Reason::Local => "this machine could not do its part".to_owned(),
            Reason::Interrupted => "the server went away meanwhile".to_owned(),
            Reason::Dropped => "host dropped from the run".to_owned(),
            Reason::Marked => "marked by a person".to_owned(),
            Reason::Denied => "denied".to_owned(),
        }
    }
}

/// How far execution got. Kept so that deciding what comes next never scans the matrix.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The stretch of steps at work: see `segments::at`.
    pub segment: u16,
    /// The batch at work.
    pub batch: u32,
    /// Hosts of the batch already let in.
    pub admitted: u32,
    /// Hosts at work in this stretch.
    pub active: OrdSet<HostIx>,
    /// What the executor has.
    pub in_flight: OrdSet<Slot>,
    /// Cells that wait for a person's decision.
    pub attention: OrdSet<Slot>,
    /// Hosts taken out of the run.
    pub dropped: OrdSet<HostIx>,
    /// Hosts that failed without a person having decided to go on.
    pub failures: u32,
    /// Cells that are done, per step: ok or skipped.
    pub done: OrdMap<u16, u32>,
    /// Steps that were not through when they were due.
    pub overdue: OrdSet<u16>,
    /// Rounds of checks begun, this one among them.
    pub rounds: u16,
    /// The checks on hosts at work.
    pub checks: Checks,
    /// Whether some verification could not be made.
    pub unverified: bool,
    /// Whether undoing what ran is wanted once it has ended.
    pub way_back: bool,
    /// Whether something failed, was dropped, or is unknown for good.
    pub failed: bool,
}

/// The checks on hosts at work: each check of the stage on each target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checks {
    /// Which checks.
    pub stage: Stage,
    /// On which hosts.
    pub targets: Vector<HostIx>,
    /// How many cells the stage has.
    pub total: u32,
    /// How many were given out.
    pub given: u32,
    /// How many have a result.
    pub settled: u32,
}

/// Which checks on hosts are at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Connect, compare the host key, log in.
    #[default]
    Reach,
    /// The runbook's preflight, on hosts that can be reached.
    Preflight,
    /// The runbook's verification, on hosts still in the run.
    Verify,
}

impl Run {
    /// The cell at a place; a place nothing happened to is waiting.
    pub fn cell(&self, slot: Slot) -> Option<&Cell> {
        self.cells.get(&slot)
    }

    /// How often a place was tried. A check goes on counting where the round before ended: no two tries have one name.
    pub fn tries(&self, slot: Slot) -> u16 {
        let before = match slot.item {
            Item::Reach | Item::Preflight(_) => self.progress.rounds.saturating_sub(1),
            Item::Step(_) | Item::Verify(_) => 0,
        };
        self.cell(slot).map_or(before, |cell| cell.attempt)
    }

    /// The state at a place.
    pub fn state(&self, slot: Slot) -> &CellState {
        self.cells.get(&slot).map_or(&CellState::Waiting, |cell| &cell.state)
    }

    /// Whether it will never change by itself again and no outcome note is missing.
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => true,
            Phase::Checking(_)
            | Phase::Waiting
            | Phase::Approved
            | Phase::Running
            | Phase::Paused(_)
            | Phase::Stopping(_)
            | Phase::Verifying
            | Phase::Ended(_) => false,
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
