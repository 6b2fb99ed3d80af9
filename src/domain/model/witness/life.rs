//! What the record of one run may look like: where it may go from where it is, how its steps may move, and until when it may start.

use super::powers::Policy;
use crate::domain::command::Decision;
use crate::domain::event::{Details, Event};
use crate::domain::id::{Digest, ServerName, StandingId, Timestamp};
use crate::domain::model::ground::{LONG_MS, OPEN_MS, OPENS_HOUR};
use crate::domain::order::CellResult;
use crate::domain::run::{Choice, Item, Slot};
use imbl::{OrdMap, OrdSet};
use std::collections::BTreeSet;

/// How long a request may wait, and an approved run; as the ground's workspaces have it.
const REQUEST_MS: u64 = 4 * 3_600_000;
const APPROVED_MS: u64 = 24 * 3_600_000;

/// How long broken glass is open, how long everybody sees it coming, and how late a start that was put off may be.
pub const GLASS_MS: u64 = 30 * 60_000;
pub const COUNTDOWN_MS: u64 = 5_000;
const LATE_MS: u64 = 10 * 60_000;

/// States of cells by place, with how often each was tried.
pub type Cells = OrdMap<Slot, (&'static str, u16)>;

/// What it has seen of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Life {
    pub proposer: String,
    pub binding: Digest,
    pub production: bool,
    pub proposed: Timestamp,
    pub phase: &'static str,
    pub driver: Option<String>,
    pub queued: Option<String>,
    /// The moment its start was put off to.
    pub moment: Option<Timestamp>,
    /// Paused because somebody lost a role: whoever lets it go on drives it.
    pub lost: bool,
    /// What policy asked for when it was proposed.
    pub policy: Policy,
    /// What it does, and where, as its plan says.
    pub plan: Planned,
    /// Hosts that runs like it were asked for within an hour, its own among them.
    pub hour_hosts: usize,
    pub glass: Option<Glass>,
    /// Whoever proposed, approved or executed any of it.
    pub took_part: OrdSet<String>,
    /// The latest word of each person.
    pub said: OrdMap<String, Choice>,
    pub approved: Option<Timestamp>,
    pub starts: u8,
    pub ends: u8,
    pub warned: bool,
    pub answered: bool,
    pub cells: Cells,
    /// The name of the last try of each cell, over all rounds of checks.
    pub named: OrdMap<Slot, u16>,
    /// Attempts at a cell that a person, not the engine, has allowed.
    pub allowed: OrdMap<Slot, u16>,
}

/// What a plan on the record says of what matters here.
#[derive(Clone, PartialEq, Debug)]
pub struct Planned {
    /// The input `count`, where the runbook has it.
    pub count: Option<i64>,
    pub hosts: BTreeSet<ServerName>,
    /// Which standing approval it says that it is covered by.
    pub standing: Option<StandingId>,
}

impl Planned {
    /// Reads it off the record, not by the product's own types.
    pub fn of(details: &Details) -> Self {
        let plan: serde_json::Value = serde_json::from_str(details["plan"].text()).unwrap();
        let list = |name: &str| plan[name].as_array().cloned().unwrap_or_default();
        let count = list("inputs").iter().find(|input| input[0] == "count").map(|input| input[1].clone());
        let hosts = list("hosts").iter().map(|host| ServerName::new(host["name"].as_str().unwrap())).collect();
        Self {
            count: count.and_then(|count| count.as_str()?.parse().ok()),
            hosts,
            standing: plan["standing"].as_u64().map(StandingId),
        }
    }
}

/// Glass that was broken for a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Glass {
    pub by: String,
    pub at: Timestamp,
    pub open: bool,
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

/// Whether something may be on the host now.
pub fn in_flight(state: &str) -> bool {
    matches!(state, "intended" | "started")
}

impl Life {
    pub fn worth_until(&self) -> Timestamp {
        if let Some(glass) = self.glass.as_ref().filter(|glass| glass.open) {
            return glass.at.plus_ms(GLASS_MS);
        }
        self.approved.map_or(self.proposed.plus_ms(REQUEST_MS), |approved| approved.plus_ms(APPROVED_MS))
    }

    /// A start that was put off begins at its moment, or a little later, or not at all.
    pub fn moment_has_come(&self, at: Timestamp) {
        let Some(moment) = self.moment else { return };
        assert!(at >= moment, "begun before the moment it was put off to");
        assert!(at.ms_since(moment) <= LATE_MS, "begun when nobody expected it any more");
    }

    /// Whether a window is open, for those whom none need be.
    pub fn is_in_window(&self, at: Timestamp) -> bool {
        let hour = at.0.rem_euclid(24 * 3_600_000) - OPENS_HOUR * 3_600_000;
        let open = u64::try_from(hour).is_ok_and(|since| since < OPEN_MS);
        open || !self.production
    }

    pub fn enter(&mut self, phase: &'static str) {
        assert!(leads(WAYS, self.phase, phase), "from {} to {phase}", self.phase);
        self.phase = phase;
    }

    pub fn cell_moves(&mut self, event: &Event, by_person: bool) {
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
