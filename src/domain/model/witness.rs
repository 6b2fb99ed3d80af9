//! A second opinion: what the record alone must never show, judged by rules written here once more and in other
//! words. Nothing of `decide`, `settle`, `policy` or `legal` is asked.

use super::ground::{CAST, LONG_MS, OPEN_MS, OPENS_HOUR};
use crate::domain::beside::Beside;
use crate::domain::command::Decision;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{Digest, RunId, Timestamp};
use crate::domain::order::CellResult;
use crate::domain::people::Role;
use crate::domain::run::{Choice, Item, Round, Slot};
use imbl::{OrdMap, OrdSet};

/// How long a request may wait, and an approved run; as the ground's workspaces have it.
const REQUEST_MS: u64 = 4 * 3_600_000;
const APPROVED_MS: u64 = 24 * 3_600_000;

/// What the witness has seen of the whole.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Witness {
    runs: OrdMap<RunId, Life>,
    bo_lost_it: bool,
    bo_is_to_lose_it: bool,
}

/// States of cells by place, with how often each was tried.
type Cells = OrdMap<Slot, (&'static str, u16)>;

/// What it has seen of one run.
#[derive(Clone, PartialEq, Debug)]
struct Life {
    proposer: String,
    binding: Digest,
    production: bool,
    proposed: Timestamp,
    phase: &'static str,
    driver: Option<String>,
    queued: Option<String>,
    /// Whoever proposed, approved or executed any of it.
    took_part: OrdSet<String>,
    /// The latest word of each person.
    said: OrdMap<String, Choice>,
    approved: Option<Timestamp>,
    starts: u8,
    ends: u8,
    warned: bool,
    answered: bool,
    cells: Cells,
    /// The name of the last try of each cell, over all rounds of checks.
    named: OrdMap<Slot, u16>,
    /// Attempts at a cell that a person, not the engine, has allowed.
    allowed: OrdMap<Slot, u16>,
}

/// From where to where a run may go; written down by hand from the run's life in ARCHITECTURE.md.
const WAYS: &[(&str, &[&str])] = &[
    ("checking", &["checking", "waiting", "approved", "running", "cancelled"]),
    ("waiting", &["approved", "cancelled"]),
    ("approved", &["checking", "waiting", "cancelled"]),
    ("running", &["paused", "stopping", "verifying", "ended"]),
    ("paused", &["paused", "running", "stopping", "ended"]),
    ("stopping", &["stopping", "ended"]),
    ("verifying", &["stopping", "ended"]),
    ("ended", &["closed"]),
    ("closed", &["reviewed"]),
];

/// The same for a host·step.
const STEPS: &[(&str, &[&str])] = &[
    ("waiting", &["intended", "ok", "skipped"]),
    ("intended", &["started", "ok", "failed", "unknown", "refused"]),
    ("started", &["ok", "failed", "unknown", "refused"]),
    ("failed", &["waiting", "skipped"]),
    ("unknown", &["waiting", "skipped", "ok", "failed"]),
    ("refused", &["waiting", "skipped"]),
];

fn leads(table: &[(&str, &[&str])], from: &str, to: &str) -> bool {
    table.iter().any(|(start, ends)| *start == from && ends.contains(&to))
}

impl Witness {
    fn holds(&self, who: &str, role: Role) -> bool {
        let held = CAST.iter().any(|(name, roles)| *name == who && roles.contains(&role));
        held && !(self.bo_lost_it && who == "bo" && role == Role::Approver)
    }

    /// Takes note that bo will be an approver, or none any more, once the site says so.
    pub fn bo_approves(&mut self, yes: bool) {
        self.bo_is_to_lose_it = !yes;
    }

    /// Takes in one event.
    ///
    /// # Panics
    /// Where it shows what must never be.
    pub fn saw(&mut self, recorded: &Recorded) {
        let who = recorded.by.person().map(|person| person.as_str().to_owned());
        if let Event::RunProposed { run, workspace, binding, .. } = &recorded.event {
            let who = who.expect("a person proposes");
            assert!(self.holds(&who, Role::Operator), "{who} proposed without being an operator");
            assert!(self.runs.values().all(|other| other.binding != *binding), "two runs share a binding");
            let life = Life {
                took_part: OrdSet::unit(who.clone()),
                proposer: who,
                binding: *binding,
                production: workspace.as_str() == "prod",
                proposed: recorded.at,
                phase: "checking",
                driver: None,
                queued: None,
                said: OrdMap::new(),
                approved: None,
                starts: 0,
                ends: 0,
                warned: false,
                answered: false,
                cells: OrdMap::new(),
                named: OrdMap::new(),
                allowed: OrdMap::new(),
            };
            assert!(self.runs.insert(*run, life).is_none(), "{run} was proposed twice");
            return;
        }
        if matches!(recorded.event, Event::Beside(Beside::SiteLoaded { .. } | Beside::SiteAccepted { .. })) {
            self.bo_lost_it = self.bo_is_to_lose_it;
        }
        let Some(id) = recorded.event.run() else {
            return;
        };
        let mut life = self.runs.get(&id).cloned().unwrap_or_else(|| panic!("{id} was never proposed"));
        self.judge(&mut life, recorded, who);
        self.runs.insert(id, life);
    }

    fn judge(&self, life: &mut Life, recorded: &Recorded, who: Option<String>) {
        let holds = |role| who.as_ref().is_some_and(|who| self.holds(who, role));
        let works = || holds(Role::Operator) || holds(Role::Approver) || who.as_deref() == Some("grace");
        match &recorded.event {
            Event::Voted { binding, choice, .. } => {
                let who = who.clone().expect("a person votes");
                assert_ne!(who, life.proposer, "z1: {who} voted on an own proposal");
                match choice {
                    Choice::Retract => {
                        assert_eq!(life.said.get(&who), Some(&Choice::Approve), "{who} took nothing back")
                    }
                    Choice::Approve | Choice::Deny => {
                        assert!(holds(Role::Approver), "{who} voted without being an approver")
                    }
                }
                assert_eq!(*binding, life.binding, "z16: a vote for another binding");
                assert_eq!(life.starts, 0, "a vote after the start");
                let in_time = recorded.at < life.worth_until() || *choice == Choice::Retract;
                assert!(in_time, "z18: a vote after the request expired");
                life.took_part.insert(who.clone());
                life.said.insert(who, *choice);
            }
            Event::RunApproved { .. } => {
                self.is_approved(life);
                life.approved.get_or_insert(recorded.at);
                life.driver = None;
                life.enter("approved");
            }
            Event::StartQueued { .. } => {
                assert!(holds(Role::Operator), "{who:?} started without being an operator");
                life.queued = who;
            }
            Event::QueueLeft { .. } => life.queued = None,
            Event::StartAsked { .. } => {
                let who = life.queued.take().or(who);
                let holds = |role| who.as_deref().is_some_and(|who| self.holds(who, role));
                assert!(holds(Role::Operator), "{who:?} started without being an operator");
                self.is_approved(life);
                assert!(life.approved.is_some(), "approved before it starts");
                life.may_start_at(recorded.at);
                life.driver = who;
            }
            Event::RunStarted { .. } => {
                self.is_approved(life);
                life.may_start_at(recorded.at);
                let driver = life.driver.clone().expect("somebody asked for this start");
                assert!(self.holds(&driver, Role::Operator), "started for {driver}, who is no operator");
                life.took_part.insert(driver);
                life.starts += 1;
                assert_eq!(life.starts, 1, "started twice");
                life.enter("running");
            }
            Event::RoundBegan { round, .. } => {
                if *round == Round::Proposal {
                    life.driver = None;
                }
                life.cells.clear();
                life.warned = false;
                life.enter("checking");
            }
            Event::RunWaiting { .. } => {
                life.driver = None;
                life.enter("waiting");
            }
            Event::WarningAccepted { .. } => {
                assert!(works(), "{who:?} answered for a warning");
                assert!(!life.production || who.as_ref() != Some(&life.proposer), "answered for an own warning");
                life.answered = true;
            }
            Event::RunPaused { .. } => life.enter("paused"),
            Event::RunContinued { .. } => {
                self.is_approved(life);
                life.took_part.extend(who);
                life.enter("running");
            }
            Event::RunStopping { .. } => {
                assert!(who.is_none() || works(), "z48: {who:?} stopped a run");
                life.enter("stopping");
            }
            Event::VerifyBegan { .. } => life.enter("verifying"),
            Event::RunCancelled { .. } => {
                life.ends += 1;
                life.enter("cancelled");
            }
            Event::RunEnded { .. } => {
                life.ends += 1;
                let lost = |cell: &(&'static str, u16)| if in_flight(cell.0) { ("unknown", cell.1) } else { *cell };
                life.cells = life.cells.iter().map(|(slot, cell)| (*slot, lost(cell))).collect();
                life.enter("ended");
            }
            Event::RunClosed { .. } => {
                assert!(works(), "{who:?} closed a run");
                life.enter("closed");
            }
            Event::RunReviewed { .. } => {
                assert!(holds(Role::Reviewer), "{who:?} reviewed");
                let who = who.expect("a person reviews");
                assert!(!life.took_part.contains(&who), "{who} reviewed what they took part in");
                life.enter("reviewed");
            }
            Event::BatchBegan { .. } => assert_eq!(life.phase, "running"),
            event => {
                if matches!(event, Event::Resolved { .. } | Event::Ticked { .. } | Event::EvidenceGiven { .. }) {
                    life.took_part.extend(who.clone());
                }
                life.cell_moves(event, who.is_some());
            }
        }
        assert!(life.ends <= 1, "ended twice");
    }

    /// Where an approval is due: somebody who is an approver now, is not the proposer, and whose last word is yes.
    fn is_approved(&self, life: &Life) {
        let yes = |(who, choice): &(&String, &Choice)| {
            **choice == Choice::Approve && **who != life.proposer && self.holds(who, Role::Approver)
        };
        assert!(!life.production || life.said.iter().any(|said| yes(&said)), "no approval where one is due: {life:?}");
        assert!(!life.warned || life.answered, "a warning nobody answers for: {life:?}");
        assert!(!life.said.values().any(|choice| *choice == Choice::Deny), "somebody said no: {life:?}");
    }

    /// No host has steps of two runs in flight; both workspaces name the same machine.
    pub fn hosts_are_not_shared(&self) {
        let busy = |life: &&Life| {
            let steps = |(slot, cell): (&Slot, &(&str, u16))| matches!(slot.item, Item::Step(_)) && in_flight(cell.0);
            life.cells.iter().any(steps)
        };
        assert!(self.runs.values().filter(busy).count() <= 1, "two runs at one host: {self:?}");
    }

    /// The phase of a run and its cells, as the witness has them.
    pub fn of(&self, run: RunId) -> Option<(&'static str, &Cells)> {
        self.runs.get(&run).map(|life| (life.phase, &life.cells))
    }

    /// Whether steps of a run may be on a host at all.
    pub fn may_be_at_work(&self, run: RunId) -> bool {
        let at_work = |life: &Life| life.starts == 1 && matches!(life.phase, "running" | "paused" | "stopping");
        self.runs.get(&run).is_some_and(at_work)
    }
}

/// Whether something may be on the host now.
pub fn in_flight(state: &str) -> bool {
    matches!(state, "intended" | "started")
}

impl Life {
    fn worth_until(&self) -> Timestamp {
        self.approved.map_or(self.proposed.plus_ms(REQUEST_MS), |approved| approved.plus_ms(APPROVED_MS))
    }

    fn may_start_at(&self, at: Timestamp) {
        assert!(at < self.worth_until(), "z18: started after the approval expired");
        let hour = at.0.rem_euclid(24 * 3_600_000) - OPENS_HOUR * 3_600_000;
        let open = u64::try_from(hour).is_ok_and(|since| since < OPEN_MS);
        assert!(open || !self.production, "z18: started outside the window");
    }

    fn enter(&mut self, phase: &'static str) {
        assert!(leads(WAYS, self.phase, phase), "from {} to {phase}", self.phase);
        self.phase = phase;
    }

    fn cell_moves(&mut self, event: &Event, by_person: bool) {
        match event {
            Event::Intended { slot, attempt, .. } => {
                let step = matches!(slot.item, Item::Step(_));
                assert!(!step || self.starts == 1, "a step before the start");
                assert!(!step || matches!(self.phase, "running" | "stopping"), "a step while {}", self.phase);
                self.put(*slot, "intended");
                let tries = self.tried(*slot);
                let allowed = 1 + self.allowed.get(slot).copied().unwrap_or_default();
                assert!(tries <= allowed, "z47: a once step ran {tries} times, allowed were {allowed}");
                assert!(!step || tries == *attempt, "tries are counted one by one");
                let before = self.named.insert(*slot, *attempt).unwrap_or_default();
                assert!(*attempt > before, "two tries have one name");
            }
            Event::Started { slot, attempt, .. } => {
                assert_eq!(self.named.get(slot), Some(attempt), "a report on another try");
                self.put(*slot, "started");
            }
            Event::Ended { slot, attempt, result, .. } => {
                assert_eq!(self.named.get(slot), Some(attempt), "a report on another try");
                let badly = !matches!(result, CellResult::Ok);
                self.warned |= matches!(slot.item, Item::Preflight(_)) && badly;
                self.put(
                    *slot,
                    match result {
                        CellResult::Ok => "ok",
                        CellResult::Failed(_) => "failed",
                        CellResult::Unknown(_) => "unknown",
                        CellResult::Refused(_) => "refused",
                    },
                );
            }
            Event::Resolved { slot, decision, .. } => {
                assert!(by_person, "a person decides");
                match decision {
                    Decision::Retry => {
                        self.put(*slot, "waiting");
                        *self.allowed.entry(*slot).or_default() += 1;
                    }
                    Decision::Probe => panic!("nothing here has a probe"),
                    Decision::Skip => self.put(*slot, "skipped"),
                    Decision::MarkOk => self.put(*slot, "ok"),
                    Decision::MarkFailed => self.put(*slot, "failed"),
                    Decision::Drop => {}
                }
            }
            Event::RetryPlanned { .. } => panic!("nothing here is tried again by itself"),
            Event::Ticked { slot, .. } => {
                assert!(by_person, "a person ticks off");
                self.put(*slot, "ok");
            }
            _ => {}
        }
    }

    fn tried(&mut self, slot: Slot) -> u16 {
        let cell = self.cells.entry(slot).or_insert(("waiting", 0));
        cell.1 += 1;
        cell.1
    }

    fn put(&mut self, slot: Slot, state: &'static str) {
        let cell = self.cells.entry(slot).or_insert(("waiting", 0));
        assert!(leads(STEPS, cell.0, state), "{slot:?} from {} to {state}", cell.0);
        cell.0 = state;
    }
}

const _: () = assert!(LONG_MS > REQUEST_MS && LONG_MS < APPROVED_MS);
