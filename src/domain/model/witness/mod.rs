//! A second opinion: what the record alone must never show, judged by rules written here once more and in other
//! words. Nothing of `decide`, `settle`, `policy` or `legal` is asked.
//!
//! A step begins by one of three words, and each must hold at that very moment: a quorum of people other than the proposer, who hold
//! the role and gave what policy asks for; a standing approval given by such a quorum, inside its bounds; or glass broken for an
//! incident that somebody else opened.

mod life;
mod powers;

use super::ground::{Ground, HOUR_MS, OWNER, Says};
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{RunId, Timestamp};
use crate::domain::people::Role;
use crate::domain::proved::Code;
use crate::domain::run::{Choice, Item, PauseCause, Round, Slot};
use imbl::{OrdMap, OrdSet};
pub use life::in_flight;
use life::{COUNTDOWN_MS, Cells, GLASS_MS, Glass, Life, Planned};
use powers::Powers;
use std::collections::BTreeSet;

/// What the witness has seen of the whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Witness {
    runs: OrdMap<RunId, Life>,
    powers: Powers,
}

impl Witness {
    pub fn new(ground: Ground) -> Self {
        Self { runs: OrdMap::new(), powers: Powers::new(ground) }
    }

    /// What it has seen that is of no run.
    pub fn powers(&self) -> &Powers {
        &self.powers
    }

    /// Takes note of what the site will say, once it is in force.
    pub fn site_is_to_be(&mut self, says: Says) {
        self.powers.coming = says;
    }

    /// Takes note of what is typed as a code with the next command.
    pub fn shown(&mut self, code: Code) {
        self.powers.shown(code);
    }

    /// Takes in one event.
    ///
    /// # Panics
    /// Where it shows what must never be.
    pub fn saw(&mut self, recorded: &Recorded) {
        let who = recorded.by.person().map(|person| person.as_str().to_owned());
        self.powers.saw(recorded, who.as_deref());
        if let Event::RunProposed { run, workspace, binding, .. } = &recorded.event {
            let who = who.expect("a person proposes");
            let holds = self.powers.holds(&who, Role::Operator, recorded.at);
            assert!(holds, "{who} proposed without being an operator");
            assert!(self.runs.values().all(|other| other.binding != *binding), "two runs share a binding");
            let plan = Planned::of(&recorded.details);
            let hour_hosts = self.hour_hosts(&plan, recorded.at);
            let life = Life {
                took_part: OrdSet::unit(who.clone()),
                proposer: who,
                binding: *binding,
                production: workspace.as_str() == "prod",
                proposed: recorded.at,
                phase: "checking",
                driver: None,
                queued: None,
                moment: None,
                lost: false,
                policy: self.powers.policy(),
                plan,
                hour_hosts,
                glass: None,
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
        let Some(id) = recorded.event.run() else {
            return;
        };
        let mut life = self.runs.get(&id).cloned().unwrap_or_else(|| panic!("{id} was never proposed"));
        self.judge(&mut life, recorded, who);
        self.runs.insert(id, life);
    }

    fn judge(&self, life: &mut Life, recorded: &Recorded, who: Option<String>) {
        let at = recorded.at;
        let holds = |role| who.as_ref().is_some_and(|who| self.powers.holds(who, role, at));
        let works = || holds(Role::Operator) || holds(Role::Approver) || who.as_deref() == Some(OWNER);
        match &recorded.event {
            Event::Voted { binding, choice, proved, .. } => {
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
                let came = self.powers.came_with_code(&who);
                assert_eq!(proved.factor, came, "z5: {who}'s vote says of the second factor what was not so");
                let asked = self.powers.policy().factor && *choice == Choice::Approve;
                assert!(!asked || came, "z5: {who} approved without the second factor that policy asks for");
                assert_eq!(*binding, life.binding, "z16: a vote for another binding");
                assert_eq!(life.starts, 0, "a vote after the start");
                let in_time = recorded.at < life.worth_until() || *choice == Choice::Retract;
                assert!(in_time, "z18: a vote after the request expired");
                life.took_part.insert(who.clone());
                life.said.insert(who, *choice);
            }
            Event::RunApproved { .. } => {
                // A start that came too late for its glass is over with the next event.
                if life.driver.is_none() || life.glass.is_none() {
                    self.is_approved(life, at);
                }
                life.approved.get_or_insert(at);
                life.driver = None;
                life.enter("approved");
            }
            Event::StartQueued { not_before, .. } => {
                match who.clone() {
                    Some(who) => {
                        assert!(holds(Role::Operator), "{who} started without being an operator");
                        assert_eq!(life.queued, None, "started by {who} and by another");
                        life.queued = Some(who);
                    }
                    None => life.moment_has_come(at),
                }
                self.is_approved(life, at);
                life.moment = *not_before;
                let ahead = life.moment.is_none_or(|moment| moment > at && moment < life.worth_until());
                assert!(ahead, "put off to a moment that is over, or will be too late");
            }
            Event::QueueLeft { .. } => (life.queued, life.moment) = (None, None),
            Event::StartAsked { .. } => {
                assert!(who.is_none() || life.queued.is_none(), "started by {who:?} and by another");
                life.moment_has_come(at);
                (life.driver, life.moment) = (life.queued.take().or(who), None);
                self.may_start(life, at);
            }
            Event::RunStarted { .. } => {
                self.may_start(life, at);
                life.took_part.extend(life.driver.clone());
                life.starts += 1;
                assert_eq!(life.starts, 1, "started twice");
                life.enter("running");
            }
            Event::GlassBroken { incident, .. } => {
                let who = who.clone().expect("a person breaks glass");
                let role = self.powers.breaks().expect("z45: a role may break glass here");
                assert!(holds(role), "z44: {who} broke glass without the role");
                let opened = self.powers.opened(*incident);
                let opened = opened.unwrap_or_else(|| panic!("z44: {who} broke glass for no open incident"));
                assert_ne!(*opened, who, "z44: {who} broke glass for an own incident");
                assert!(self.powers.came_with_code(&who), "z44: {who} broke glass without the second factor");
                assert!(matches!(life.phase, "waiting" | "approved"), "glass broken while {}", life.phase);
                assert!(life.glass.is_none() && at < life.worth_until(), "glass broken twice, or too late");
                life.took_part.insert(who.clone());
                life.glass = Some(Glass { by: who, at, open: false });
            }
            Event::GlassOpened { .. } => {
                assert!(who.is_none() && matches!(life.phase, "waiting" | "approved"), "opened by {who:?}");
                let glass = life.glass.as_mut().expect("broken before it is open");
                assert!(at >= glass.at.plus_ms(COUNTDOWN_MS), "z44: open before everybody saw it coming");
                glass.open = true;
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
                (life.driver, life.moment) = (None, None);
                life.enter("waiting");
            }
            Event::WarningAccepted { .. } => {
                assert!(works(), "{who:?} answered for a warning");
                assert!(!life.production || who.as_ref() != Some(&life.proposer), "answered for an own warning");
                life.answered = true;
            }
            Event::RunPaused { cause, .. } => {
                life.lost = matches!(cause, PauseCause::Authority);
                life.enter("paused");
            }
            Event::RunContinued { .. } => {
                self.is_approved(life, at);
                if life.lost {
                    life.driver.clone_from(&who);
                }
                life.took_part.extend(who);
                life.enter("running");
            }
            Event::RunTaken { by, .. } => {
                life.took_part.insert(by.as_str().to_owned());
                life.driver = Some(by.as_str().to_owned());
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
                if let Event::Intended { slot: Slot { item: Item::Step(_), .. }, .. } = event {
                    self.may_begin(life, at);
                }
                life.cell_moves(event, who.is_some());
            }
        }
        assert!(life.ends <= 1, "ended twice");
    }

    /// Everything that must hold when a start is asked for, and once more when it comes.
    fn may_start(&self, life: &Life, at: Timestamp) {
        self.is_driven(life, at);
        self.is_approved(life, at);
        assert!(life.approved.is_some(), "approved before it starts");
        assert_eq!(life.policy, self.powers.policy(), "approved by a policy, or a runbook, that is another one by now");
        assert!(at < life.worth_until(), "z18: started after the approval expired");
        assert!(self.has_glass(life, at) || life.is_in_window(at), "z18: started outside the window");
    }

    /// The same for each step: a word that was enough at the start need not be any more.
    fn may_begin(&self, life: &Life, at: Timestamp) {
        self.is_driven(life, at);
        self.is_approved(life, at);
        assert!(self.has_glass(life, at) || life.is_in_window(at), "z18: a step outside the window");
    }

    fn is_driven(&self, life: &Life, at: Timestamp) {
        let driver = life.driver.as_ref().expect("somebody asked for this start");
        assert!(self.powers.holds(driver, Role::Operator, at), "driven by {driver}, who is no operator");
    }

    /// Where an approval is due: a quorum, a standing approval, or glass; nobody said no, and somebody answers for warnings.
    fn is_approved(&self, life: &Life, at: Timestamp) {
        let lets = life.plan.standing.is_some_and(|id| self.powers.standing_lets(id, life, at));
        let on = !life.production || self.has_quorum(life, at) || lets || self.has_glass(life, at);
        assert!(on, "no approval where one is due: {life:?} {:?}", self.powers);
        let answered = life.answered || life.glass.as_ref().is_some_and(|glass| glass.open);
        assert!(!life.warned || answered, "a warning nobody answers for: {life:?}");
        assert!(!life.said.values().any(|choice| *choice == Choice::Deny), "somebody said no: {life:?}");
    }

    /// Enough people who are approvers now, are not the proposer, and whose last word is yes.
    fn has_quorum(&self, life: &Life, at: Timestamp) -> bool {
        self.powers.yeses(&life.said, &life.proposer, at) >= life.policy.approvers
    }

    /// Glass that is open now, broken by somebody who still may.
    fn has_glass(&self, life: &Life, at: Timestamp) -> bool {
        let (Some(glass), Some(role)) = (&life.glass, self.powers.breaks()) else { return false };
        glass.open && at < glass.at.plus_ms(GLASS_MS) && self.powers.holds(&glass.by, role, at)
    }

    /// Hosts that runs were asked for within an hour and came to something, these among them.
    fn hour_hosts(&self, plan: &Planned, at: Timestamp) -> usize {
        let counts = |life: &&Life| life.phase != "cancelled" && at.ms_since(life.proposed) < HOUR_MS;
        let before = self.runs.values().filter(counts).flat_map(|life| &life.plan.hosts);
        before.chain(&plan.hosts).collect::<BTreeSet<_>>().len()
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
