//! Proof by exhaustion: four people, three roles, two runs, and every order of up to seven commands, from an empty
//! world and from worlds where runs are further on. After every single command the witness gives its second opinion.
//!
//! Orders that lead to the same state are one state here, so a few thousand states stand for many millions of orders.
//! A normal run goes a few commands deep and then walks at random (from a fixed seed) to the full length;
//! `tests/run --deep` visits everything.

mod ground;
mod matrix;
mod witness;

use super::command::{Ask, Command, Seen};
use super::event::{Event, Recorded};
use super::fixture::{NOON, actor};
use super::id::{Digest, PersonId, RunId, Timestamp};
use super::notice;
use super::order::{CellResult, Progressed, Report};
use super::people::Actor;
use super::policy::{self, Cleared};
use super::run::{Cell, CellState, Choice, Item, Progress, Reason, Run, Slot};
use super::world::World;
use super::{decide, due, evolve};
use ground::{CAST, LONG_MS, Move, RUNS_MAX};
use imbl::Vector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use witness::Witness;

/// Commands in a row.
const COMMANDS_MAX: usize = 7;

/// The clock is moved so often at most: past both expiries, and no further.
const HOURS_MAX: u64 = 6 * LONG_MS;

/// From worlds that are some commands on already, so many more.
const MORE_COMMANDS_MAX: usize = 5;

/// How far a normal run visits everything, and how many walks of full length it takes from each world.
const QUICK_DEPTH: usize = 3;
const QUICK_WALKS: u64 = 12;

/// A world, how it came about, and what the witness knows.
#[derive(Clone)]
struct Node {
    world: World,
    log: Vector<Recorded>,
    path: Vector<String>,
    at: Timestamp,
    bo_approves: bool,
    witness: Witness,
}

#[derive(Default)]
struct Tally {
    states: usize,
    commands: usize,
    refused: usize,
}

impl Node {
    fn empty() -> Self {
        let world = World { origin: "model".to_owned(), ..World::default() };
        let witness = Witness::default();
        let mut node = Self { world, log: Vector::new(), path: Vector::new(), at: NOON, bo_approves: true, witness };
        node.load();
        node
    }

    /// A world some moves on. Each must change something.
    fn after(moves: &[Move]) -> Self {
        moves.iter().fold(Node::empty(), |node, next| {
            node.make(next, &mut Tally::default()).unwrap_or_else(|| panic!("{} changes nothing", next.words()))
        })
    }

    /// Loads the site as it is to be; where that is a matter of authority, grace, who owns it, accepts it.
    fn load(&mut self) {
        let site = ground::site(self.bo_approves);
        let digest = site.digest;
        let ask = Ask::LoadSite { site: Arc::new(site), diff: String::new() };
        let by = if self.world.site.is_none() { Actor::Engine } else { actor("ada") };
        assert!(self.submit(by, Seen::Nothing, ask), "a site is always taken");
        if self.world.pending.is_some() {
            let accept = Ask::AcceptSite { digest, reason: "agreed".to_owned() };
            assert!(self.submit(actor("grace"), Seen::Nothing, accept), "an owner accepts");
        }
    }

    fn open(&self, id: u64) -> Option<Arc<Run>> {
        self.world.run(RunId(id)).cloned()
    }

    fn orders(&self, run: RunId) -> Vec<Cleared> {
        let of_run = |work| match work {
            due::Work::Do(key) if key.run == run => policy::clear(self.world.run(run)?, key.slot),
            due::Work::Do(_) | due::Work::At(..) => None,
        };
        due(&self.world).into_iter().filter_map(of_run).collect()
    }

    /// Everything that can be tried here, allowed or not.
    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        if self.world.next_run.max(1) <= RUNS_MAX {
            for (who, _) in CAST {
                let propose = |place| Move::Person(who, Seen::Nothing, Ask::Propose(Box::new(ground::form(place))));
                moves.extend([propose("prod"), propose("lab")]);
            }
        }
        for id in 1..self.world.next_run {
            self.moves_about(id, &mut moves);
        }
        moves.push(Move::Engine(Ask::Boot { repaired_bytes: 0 }));
        moves.push(Move::BoApproves(!self.bo_approves));
        if self.at.ms_since(NOON) < HOURS_MAX {
            moves.push(Move::Later);
        }
        moves
    }

    fn moves_about(&self, id: u64, moves: &mut Vec<Move>) {
        let run = RunId(id);
        let other = self.open(3 - id).map_or(Digest::of(b"another"), |other| other.binding);
        let approve_other = |who| {
            Move::Person(who, Seen::Binding(other), Ask::Vote { run, choice: Choice::Approve, reason: "so".to_owned() })
        };
        let Some(open) = self.open(id) else {
            // Over for good: one person with every role that could matter tries everything on it.
            let slot = Slot { item: Item::Step(0), host: None };
            moves.extend(ground::asks(run, other, slot).into_iter().map(|(seen, ask)| Move::Person("bo", seen, ask)));
            let key = super::order::OrderKey {
                run,
                slot: Slot { item: Item::Reach, host: Some(super::HostIx(0)) },
                attempt: 1,
            };
            moves.push(Move::Engine(Ask::Report(Report { key, what: Progressed::Started { group: 7 } })));
            return;
        };
        let by_hand = Slot { item: Item::Step(1), host: None };
        let script = Slot { item: Item::Step(0), host: Some(super::HostIx(0)) };
        let waits = open.cell(by_hand).is_some_and(|cell| cell.state == CellState::Waiting);
        let slot = open.progress.attention.iter().next().copied().unwrap_or(if waits { by_hand } else { script });
        for (who, _) in CAST {
            let asks = ground::asks(run, open.binding, slot).into_iter();
            // Notes change nothing that is judged here; the matrix has them.
            let asks = asks.filter(|(_, ask)| !matches!(ask, Ask::Note { .. }));
            moves.extend(asks.map(|(seen, ask)| Move::Person(who, seen, ask)));
            moves.push(approve_other(who));
        }
        moves.push(Move::Engine(Ask::Wake { run }));
        moves.push(Move::Engine(Ask::Notice(notice::Asked::Due { run })));
        let orders = self.orders(run);
        if orders.iter().any(|order| ground::is_check(order.order().key.slot.item)) {
            moves.push(Move::Checks(run, CellResult::Ok));
            moves.push(Move::Checks(run, CellResult::Failed(Reason::NotAsExpected)));
        }
        if let Some(order) = orders.first() {
            let key = order.order().key;
            let what = Progressed::Started { group: 7 };
            moves.push(Move::Engine(Ask::Report(Report { key, what: what.clone() })));
            moves.extend(ground::results().map(|result| Move::Engine(ground::ended(order, result))));
            let late = super::order::OrderKey { attempt: key.attempt + 1, ..key };
            moves.push(Move::Engine(Ask::Report(Report { key: late, what })));
        }
    }

    /// The world after a move, where it changes anything.
    fn make(&self, chosen: &Move, tally: &mut Tally) -> Option<Node> {
        let mut node = self.clone();
        node.path.push_back(chosen.words());
        let changed = match chosen {
            Move::Person(who, seen, ask) => node.submit(actor(who), *seen, ask.clone()),
            Move::Engine(Ask::Boot { repaired_bytes }) => node.boot(*repaired_bytes),
            Move::Engine(ask) => node.submit(Actor::Engine, Seen::Nothing, ask.clone()),
            Move::Checks(run, result) => node.checks(*run, result),
            Move::BoApproves(yes) => {
                node.bo_approves = *yes;
                node.witness.bo_approves(*yes);
                node.load();
                true
            }
            Move::Later => {
                node.at = node.at.plus_ms(LONG_MS);
                true
            }
        };
        tally.commands += 1;
        tally.refused += usize::from(!changed);
        changed.then_some(node)
    }

    /// Starts the server, and asks what is due at once.
    fn boot(&mut self, repaired_bytes: u64) -> bool {
        let changed = self.submit(Actor::Engine, Seen::Nothing, Ask::Boot { repaired_bytes });
        let open: Vec<RunId> = self.world.runs.keys().copied().collect();
        for run in open {
            self.submit(Actor::Engine, Seen::Nothing, Ask::Wake { run });
        }
        changed
    }

    fn checks(&mut self, run: RunId, result: &CellResult) -> bool {
        let check = |node: &Node| node.orders(run).into_iter().find(|o| ground::is_check(o.order().key.slot.item));
        let mut changed = false;
        while let Some(order) = check(self) {
            let reached = order.order().key.slot.item == Item::Reach;
            let result = if reached { CellResult::Ok } else { result.clone() };
            changed |= self.submit(Actor::Engine, Seen::Nothing, ground::ended(&order, result));
        }
        changed
    }

    /// Gives a command and has everything looked at. Whether anything changed.
    fn submit(&mut self, by: Actor, seen: Seen, ask: Ask) -> bool {
        let command = Command { by: by.clone(), at: self.at, seen, ask, proof: Default::default() };
        let entries = match decide(&self.world, &command) {
            Ok(entries) => entries,
            Err(refusal) => {
                assert!(!refusal.what.is_empty(), "a refusal says why: {refusal:?}");
                self.a_refusal_changes_nothing(&command, &refusal);
                return false;
            }
        };
        let changed = !entries.is_empty();
        for entry in entries {
            let json = serde_json::to_value(&entry.event).unwrap();
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), entry.event, "an event survives its JSON");
            let (index, event, details) = (self.world.events, entry.event, entry.details);
            let recorded = Recorded { index, at: self.at, by: by.clone(), event, details };
            evolve(&mut self.world, &recorded).unwrap_or_else(|illegal| panic!("{illegal}"));
            self.witness.saw(&recorded);
            self.log.push_back(recorded);
        }
        if changed {
            self.agrees();
        }
        changed
    }

    fn a_refusal_changes_nothing(&self, command: &Command, refusal: &super::Refusal) {
        let mut after = self.world.clone();
        for entry in decide::refused(&self.world, command, refusal) {
            let (event, details, by) = (entry.event, entry.details, command.by.clone());
            evolve(&mut after, &Recorded { index: self.world.events, at: self.at, by, event, details }).unwrap();
        }
        after.events = self.world.events;
        after.last_at = self.world.last_at;
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
                Event::StartAsked { .. } | Event::QueueLeft { .. } => run.queued.is_some(),
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
    fn replays(&self) {
        let mut world = World { origin: "model".to_owned(), ..World::default() };
        for recorded in &self.log {
            evolve(&mut world, recorded).unwrap_or_else(|illegal| panic!("{illegal}"));
        }
        assert_eq!(world, self.world, "the fold of the log");
    }

    /// Everything that what comes next may depend on. Two nodes with one key have one future.
    fn key(&self) -> Digest {
        let mut text = format!("{} {} {}", self.at.0, self.bo_approves, self.world.next_run);
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
            text += &format!("{accepted:?}{votes:?}{cells:?}{judged:?}");
        }
        Digest::of(text.as_bytes())
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

/// Says by which commands a fault was reached, before the test fails.
struct Trail<'a>(&'a Node, &'a Move);

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("after:\n  {}", self.0.path.iter().cloned().collect::<Vec<_>>().join("\n  "));
            println!("and then:\n  {}", self.1.words());
        }
    }
}

/// Every state that a move leads to from here.
fn next(node: &Node, tally: &mut Tally) -> Vec<Node> {
    let moves = node.moves();
    let made = moves.iter().filter_map(|chosen| {
        let _trail = Trail(node, chosen);
        node.make(chosen, tally)
    });
    made.collect()
}

/// Visits every state within `depth` commands.
fn visit_all(root: &Node, depth: usize, replay: bool) -> Tally {
    let mut tally = Tally { states: 1, ..Tally::default() };
    let mut known = BTreeSet::from([root.key().0]);
    let mut frontier = vec![root.clone()];
    for _ in 0..depth {
        let mut reached = Vec::new();
        for node in frontier {
            for after in next(&node, &mut tally) {
                if known.insert(after.key().0) {
                    if replay {
                        after.replays();
                    }
                    reached.push(after);
                }
            }
        }
        tally.states += reached.len();
        frontier = reached;
    }
    tally
}

/// Walks the full length, trying everything at every stop and going on with one of what is possible.
fn walk(root: &Node, mut seed: u64, tally: &mut Tally) {
    let mut node = root.clone();
    for _ in 0..COMMANDS_MAX {
        let mut open = next(&node, tally);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = usize::try_from(seed >> 33).unwrap() % open.len();
        node = open.swap_remove(chosen);
        tally.states += 1;
    }
    node.replays();
}

fn prove(name: &str, root: &Node) {
    let empty = root.world.next_run == 0;
    let tally = if deep() {
        visit_all(root, if empty { COMMANDS_MAX } else { MORE_COMMANDS_MAX }, true)
    } else {
        let mut tally = visit_all(root, QUICK_DEPTH, false);
        (1..=QUICK_WALKS).for_each(|seed| walk(root, seed, &mut tally));
        tally
    };
    println!("{name}: {} states, {} commands, {} of them refused", tally.states, tally.commands, tally.refused);
    assert!(tally.states > 30 && tally.refused > tally.states, "the model went nowhere");
}

/// Whether full counts were asked for (`tests/run --deep`).
#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
fn deep() -> bool {
    std::env::var_os("QUARTERDECK_DEEP").is_some()
}

fn proposed(who: &'static str, place: &str) -> Move {
    Move::Person(who, Seen::Nothing, Ask::Propose(Box::new(ground::form(place))))
}

fn passes(run: u64) -> Move {
    Move::Checks(RunId(run), CellResult::Ok)
}

/// Ada's run in production, approved by bo, and lea's, approved by grace.
fn two_approved() -> Vec<Move> {
    let mut moves = vec![proposed("ada", "prod"), passes(1), proposed("lea", "prod"), passes(2)];
    let node = Node::after(&moves);
    for (run, who) in [(1, "bo"), (2, "grace")] {
        let seen = Seen::Binding(node.open(run).unwrap().binding);
        let ask = Ask::Vote { run: RunId(run), choice: Choice::Approve, reason: "fine".to_owned() };
        moves.push(Move::Person(who, seen, ask));
    }
    moves
}

/// Ada's run is at its first step; lea's is approved and wants the same host.
fn one_at_work() -> Vec<Move> {
    let mut moves = two_approved();
    moves.push(Move::Person("ada", Seen::Nothing, Ask::Start { run: RunId(1) }));
    moves.push(passes(1));
    moves
}

fn then(mut moves: Vec<Move>, result: &CellResult) -> Vec<Move> {
    let node = Node::after(&moves);
    moves.push(Move::Engine(ground::ended(&node.orders(RunId(1))[0], result.clone())));
    moves
}

#[test]
fn z_model_from_an_empty_world() {
    prove("empty", &Node::empty());
}

#[test]
fn z_model_from_two_runs_that_wait_for_approval() {
    prove("two wait", &Node::after(&two_approved()[..4]));
}

#[test]
fn z_model_from_two_approved_runs() {
    prove("two approved", &Node::after(&two_approved()));
}

#[test]
fn z_model_from_a_run_at_work() {
    prove("one at work", &Node::after(&one_at_work()));
}

#[test]
fn z_model_from_a_run_nobody_can_tell_about() {
    let unknown = CellResult::Unknown(Reason::ConnectionLost);
    prove("unknown", &Node::after(&then(one_at_work(), &unknown)));
}

#[test]
fn z_model_from_a_run_at_its_manual_step() {
    prove("manual", &Node::after(&then(one_at_work(), &CellResult::Ok)));
}
