//! A run's life and the life of each of its host·step cells, as two small state machines. The two `legal`
//! tables below serve live execution and replay alike: an event the table does not allow never enters the
//! ledger, and a ledger that holds one is damaged.

mod cell;
mod phase;

pub use cell::{Cell, CellState, Item, Reason, Slot};
pub use phase::{Cancel, Ending, PauseCause, Phase, PhaseTag, Round, StopHow};

use super::evidence::Evidence;
use super::glass::Glass;
use super::id::{Digest, HostIx, PersonId, RunId, Timestamp};
use super::locks::Queued;
use super::plan::Plan;
use super::proved::Proved;
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
    /// Until when it may begin steps, where its window limits it.
    pub may_begin_until: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who started it, or took it over since; the driver of guided failures. Nobody, while it may only be started.
    pub driver: Option<PersonId>,
    /// Who has taken it: as long as somebody has, nobody else decides about what failed.
    pub claim: Option<PersonId>,
    /// Whom whoever has it offers it to.
    pub offered: Option<Offer>,
    /// Everybody who executed any of it: started it, let it go on, decided about a cell, ticked off a step.
    pub executors: OrdSet<PersonId>,
    /// What would run differently under the site now in force, where that changed since the start.
    pub drift: Option<String>,
    /// Its place in the line, while it was started and other runs have its hosts.
    pub queued: Option<Queued>,
    /// Who stopped it, when and why; nobody where it stopped by itself.
    pub stopped: Option<Note>,
    /// Who broke glass for it.
    pub glass: Option<Glass>,
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
    /// Files that show that manual steps were done, in the order they were given.
    pub evidence: Vector<Evidence>,
    /// The outcome note a run closes with.
    pub outcome_note: Option<Note>,
    /// Sign-offs before the last one, where more than one is needed.
    pub reviews: Vector<Note>,
    /// The last sign-off.
    pub review: Option<Note>,
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

/// A run that is to change hands: nothing changes until it is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// To whom.
    pub to: PersonId,
    /// By whom.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// What they should know.
    pub words: String,
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
    /// What an approval was given with.
    pub proved: Proved,
    /// The signature, armoured; empty where there is none or it was erased.
    pub signature: Arc<str>,
}

/// Which way an approver decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum Choice {
    Approve,
    Deny,
    /// What was approved before is taken back, while it has let nothing on yet.
    Retract,
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

/// How far execution got. Kept so that deciding what comes next never scans the matrix.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The stretch of steps at work: see `segments::at`.
    pub segment: u16,
    /// The batch at work.
    pub batch: u32,
    /// How many batches of this stretch were let on to the next, where somebody must.
    pub let_on: u32,
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

    /// What the step at a position tells a person now: with its inputs' values, and with what the steps before it published.
    pub fn told(&self, position: u16, text: &str) -> String {
        let known = super::published::before(self, Item::Step(position), None);
        self.plan.step(position).map_or_else(|| text.to_owned(), |step| self.plan.filled(step, &known, text))
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
