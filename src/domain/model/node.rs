//! One state of the model: a world, how it came about, and what the witness knows. Every command goes to the product's own
//! `decide`, every event to its own `evolve` and to the witness, and after each of them the two must agree.

use super::explore::Tally;
use super::ground::{self, Ground, Move, OWNER, Says};
use super::witness::{self, Witness};
use crate::domain::command::{Ask, Command, Seen};
use crate::domain::event::{Entry, Event, Recorded};
use crate::domain::fixture::{NOON, actor};
use crate::domain::id::{Digest, PersonId, RunId, Timestamp};
use crate::domain::order::CellResult;
use crate::domain::people::Actor;
use crate::domain::policy::{self, Cleared};
use crate::domain::proved::{Code, Proof};
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::run::{Cell, CellState, Item, PauseCause, Progress, Run, Slot};
use crate::domain::world::World;
use crate::domain::{decide, due, evolve};
use imbl::Vector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Breaks a rule on purpose: what `decide` is shown instead of the truth.
pub type Doctor = fn(&mut World, &mut Command);

/// A world, how it came about, and what the witness knows.
#[derive(Clone)]
pub struct Node {
    pub world: World,
    log: Vector<Recorded>,
    pub path: Vector<String>,
    pub at: Timestamp,
    pub ground: Ground,
    pub says: Says,
    doctor: Option<Doctor>,
    witness: Witness,
}

impl Node {
    /// A world with the ground's site in force, and nothing else.
    pub fn empty(ground: Ground) -> Self {
        let world = World { origin: "model".to_owned(), ..World::default() };
        let (says, witness) = (ground.says(), Witness::new(ground));
        let (log, path) = (Vector::new(), Vector::new());
        let mut node = Self { world, log, path, at: NOON, ground, says, doctor: None, witness };
        node.load();
        node
    }

    /// Some moves on. Each must change something.
    pub fn after(self, moves: &[Move]) -> Self {
        moves.iter().fold(self, |node, next| {
            node.make(next, &mut Tally::default()).unwrap_or_else(|| panic!("{} changes nothing", next.words()))
        })
    }

    /// The same, with a rule broken from here on.
    pub fn shown_by(self, doctor: Doctor) -> Self {
        Self { doctor: Some(doctor), ..self }
    }

    /// Everything that can be tried here, allowed or not.
    pub fn moves(&self) -> Vec<Move> {
        self.ground.moves(self)
    }

    /// Loads the site as it is to be; where that is a matter of authority, grace, who owns it, accepts it.
    fn load(&mut self) {
        let site = ground::site(self.ground, self.says);
        let digest = site.digest;
        let ask = Ask::LoadSite { site: Arc::new(site), diff: String::new() };
        let by = if self.world.site.is_none() { Actor::Engine } else { actor("ada") };
        assert!(self.submit(by, Code::None, Seen::Nothing, ask), "a site is always taken");
        if self.world.pending.is_some() {
            let accept = Ask::AcceptSite { digest, reason: "agreed".to_owned() };
            assert!(self.submit(actor(OWNER), Code::None, Seen::Nothing, accept), "an owner accepts");
        }
    }

    pub fn open(&self, id: u64) -> Option<Arc<Run>> {
        self.world.run(RunId(id)).cloned()
    }

    pub fn orders(&self, run: RunId) -> Vec<Cleared> {
        let of_run = |work| match work {
            due::Work::Do(key) if key.run == run => policy::clear(self.world.run(run)?, key.slot),
            due::Work::Do(_) | due::Work::At(..) => None,
        };
        due(&self.world).into_iter().filter_map(of_run).collect()
    }

    /// The world after a move, where it changes anything.
    pub fn make(&self, chosen: &Move, tally: &mut Tally) -> Option<Node> {
        let mut node = self.clone();
        node.path.push_back(chosen.words());
        let changed = match chosen {
            Move::Person(who, seen, ask) => node.submit(actor(who), Code::None, *seen, ask.clone()),
            Move::Coded(who, code, seen, ask) => node.submit(actor(who), *code, *seen, ask.clone()),
            Move::Engine(Ask::Boot { repaired_bytes }) => node.boot(*repaired_bytes),
            Move::Engine(ask) => node.asks(ask.clone()),
            Move::Checks(run, result) => node.checks(*run, result),
            Move::Site(says) => {
                node.says = *says;
                node.witness.site_is_to_be(*says);
                node.load();
                true
            }
            Move::Wait(ms) => {
                node.at = node.at.plus_ms(*ms);
                true
            }
        };
        tally.commands += 1;
        tally.refused += usize::from(!changed);
        changed.then_some(node)
    }

    /// Starts the server, and asks what is due at once.
    fn boot(&mut self, repaired_bytes: u64) -> bool {
        let changed = self.asks(Ask::Boot { repaired_bytes });
        let open: Vec<RunId> = self.world.runs.keys().copied().collect();
        for run in open {
            self.asks(Ask::Wake { run });
        }
        changed
    }

    fn checks(&mut self, run: RunId, result: &CellResult) -> bool {
        let check = |node: &Node| node.orders(run).into_iter().find(|o| ground::is_check(o.order().key.slot.item));
        let mut changed = false;
        while let Some(order) = check(self) {
            let reached = order.order().key.slot.item == Item::Reach;
            let result = if reached { CellResult::Ok } else { result.clone() };
            changed |= self.asks(ground::ended(&order, result));
        }
        changed
    }

    fn asks(&mut self, ask: Ask) -> bool {
        self.submit(Actor::Engine, Code::None, Seen::Nothing, ask)
    }

    /// Gives a command and has everything looked at. Whether anything changed.
    fn submit(&mut self, by: Actor, code: Code, seen: Seen, ask: Ask) -> bool {
        self.witness.shown(code);
        let proof = Proof { code, ..Proof::default() };
        let command = Command { by, at: self.at, seen, ask, proof };
        let entries = match self.decided(&command) {
            Ok(entries) => entries,
            Err(refusal) => {
                assert!(!refusal.what.is_empty(), "a refusal says why: {refusal:?}");
                self.a_refusal_changes_nothing(&command, &refusal);
                // But that wrong codes are counted.
                if refusal.rule != Rule::FactorWrong {
                    return false;
                }
                decide::refused(&self.world, &command, &refusal)
            }
        };
        let changed = !entries.is_empty();
        for entry in entries {
            let json = serde_json::to_value(&entry.event).unwrap();
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), entry.event, "an event survives its JSON");
            let (index, event, details) = (self.world.events, entry.event, entry.details);
            let recorded = Recorded { index, at: self.at, by: command.by.clone(), event, details };
            // The witness first: the fold would refuse some of what it is to object to.
            self.witness.saw(&recorded);
            evolve(&mut self.world, &recorded).unwrap_or_else(|illegal| panic!("{illegal}"));
            self.log.push_back(recorded);
        }
        if changed && self.doctor.is_none() {
            self.agrees();
        }
        changed
    }

    fn decided(&self, command: &Command) -> Result<Vec<Entry>, Refusal> {
        let Some(doctor) = self.doctor else {
            return decide(&self.world, command);
        };
        let (mut world, mut command) = (self.world.clone(), command.clone());
        doctor(&mut world, &mut command);
        decide(&world, &command)
    }

    fn a_refusal_changes_nothing(&self, command: &Command, refusal: &Refusal) {
        let kept = decide::refused(&self.world, command, refusal);
        if kept.is_empty() {
            return;
        }
        let mut after = self.world.clone();
        for entry in kept {
            let (event, details, by) = (entry.event, entry.details, command.by.clone());
            evolve(&mut after, &Recorded { index: self.world.events, at: self.at, by, event, details }).unwrap();
        }
        after.events = self.world.events;
        after.last_at = self.world.last_at;
        if refusal.rule == Rule::FactorWrong {
            after.factors = self.world.factors.clone();
        }
        assert_eq!(after, self.world, "a refusal on the record changes nothing");
    }

    /// The world and the witness say the same, and nothing is left that should have followed at once.
    fn agrees(&self) {
        self.witness.hosts_are_not_shared();
        for run in self.world.runs.values() {
            let (phase, cells) = self.witness.of(run.id).unwrap_or_else(|| panic!("{} is known", run.id));
            assert_eq!(phase, run.phase.tag().word());
            for (slot, cell) in &run.cells {
                let seen = cells.get(slot).map_or("waiting", |cell| cell.0);
                assert_eq!(seen, state_word(&cell.state), "{slot:?} of {}", run.id);
            }
            let in_flight = cells.iter().filter(|(_, cell)| witness::in_flight(cell.0)).map(|(slot, _)| *slot);
            assert!(in_flight.eq(run.progress.in_flight.iter().copied()), "what is in flight, is");
            let wake = Ask::Wake { run: run.id };
            let command =
                Command { by: Actor::Engine, at: self.at, seen: Seen::Nothing, ask: wake, proof: Default::default() };
            let more = decide(&self.world, &command).unwrap();
            // The alarm may be late: then expiry is what is still to come, after a restart the checks, and in the line the turn.
            let late = |event: &Event| match event {
                Event::RunCancelled { .. } | Event::RunStopping { .. } | Event::BuiltInJudged { .. } => true,
                Event::RunPaused { cause, .. } => *cause == PauseCause::Window,
                Event::GlassOpened { .. } => true,
                Event::StartQueued { .. } | Event::StartAsked { .. } | Event::QueueLeft { .. } => run.queued.is_some(),
                _ => false,
            };
            assert!(more.first().is_none_or(|entry| late(&entry.event)), "left undone: {more:?}");
        }
        for work in due(&self.world) {
            let due::Work::Do(key) = work else { continue };
            let step = matches!(key.slot.item, Item::Step(_));
            assert!(!step || self.witness.may_be_at_work(key.run), "an order for {key:?}");
        }
    }

    /// Folding the log from the start gives this world.
    pub fn replays(&self) {
        let mut world = World { origin: "model".to_owned(), ..World::default() };
        for recorded in &self.log {
            evolve(&mut world, recorded).unwrap_or_else(|illegal| panic!("{illegal}"));
        }
        assert_eq!(world, self.world, "the fold of the log");
    }

    /// Everything that what comes next may depend on. Two nodes with one key have one future.
    pub fn key(&self) -> Digest {
        let mut text = format!("{} {:?} {}", self.at.0, self.says, self.world.next_run);
        if self.ground != Ground::Votes {
            text += &self.governance();
        }
        let queued = self.world.runs.values().filter_map(|run| Some((run.queued.as_ref()?, run.id)));
        let line: BTreeMap<u64, (&PersonId, RunId)> =
            queued.map(|(queued, id)| (queued.order, (&queued.by, id))).collect();
        text += &format!("{:?}", line.values().collect::<Vec<_>>());
        for run in self.world.runs.values() {
            let accepted: Vec<_> = run.accepted.keys().collect();
            let votes = policy::latest_votes(run);
            // How often checks began before changes nothing of what comes.
            let progress = Progress { rounds: 0, ..run.progress.clone() };
            let tries = |slot: &Slot, cell: &Cell| if matches!(slot.item, Item::Step(_)) { cell.attempt } else { 0 };
            let cells: Vec<_> = run.cells.iter().map(|(slot, cell)| (slot, &cell.state, tries(slot, cell))).collect();
            let judged: Vec<_> = run.builtin.values().map(|judged| judged.verdict).collect();
            let who = (&run.plan.requester, &run.plan.proposal.workspace, &run.driver, &run.executors, &run.drift);
            let times = (run.proposed.0, run.approved.map(|at| at.0), run.started.map(|_| run.phase_since.0));
            text += &format!("|{who:?}{times:?}{:?}{progress:?}", run.phase);
            let begins = (run.queued.as_ref().and_then(|queued| queued.not_before), run.may_begin_until);
            text += &format!("{accepted:?}{votes:?}{cells:?}{judged:?}{begins:?}");
        }
        Digest::of(text.as_bytes())
    }

    /// What of it is of no run, or of runs on some grounds alone; and what the witness has of it, so that nothing which the two
    /// may come to see differently is taken for one.
    fn governance(&self) -> String {
        let world = &self.world;
        let lent: Vec<_> =
            world.elevations.values().map(|one| (one.id, one.over_at(), one.granted.is_some())).collect();
        let standings: Vec<_> = world.standings.values().map(|one| (one.terms.standing, one.given)).collect();
        let incidents: Vec<_> = world.incidents.values().map(|one| (one.id, &one.by, one.marks.len())).collect();
        let runs = world.runs.values().map(|run| {
            let proved: Vec<_> = run.votes.iter().map(|vote| vote.proved.factor).collect();
            (&run.glass, &run.plan.proposal.select, &run.plan.inputs, run.plan.standing, run.plan.hour_hosts, proved)
        });
        let runs: Vec<_> = runs.collect();
        let recent = (self.ground == Ground::Standing).then_some(&world.recent);
        let factors = &world.factors;
        let counts = (world.next_elevation, world.next_standing, world.next_incident);
        format!("{counts:?}{lent:?}{standings:?}{incidents:?}{factors:?}{runs:?}{recent:?}{:?}", self.witness.powers())
    }
}

fn state_word(state: &CellState) -> &'static str {
    match state {
        CellState::Waiting => "waiting",
        CellState::Intended => "intended",
        CellState::Started { .. } => "started",
        CellState::Ok => "ok",
        CellState::Failed(_) => "failed",
        CellState::Unknown(_) => "unknown",
        CellState::Skipped => "skipped",
        CellState::Refused(_) => "refused",
    }
}
