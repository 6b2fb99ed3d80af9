//! The server drains, is handed over and taken over, goes on or ends: nothing begins meanwhile, and no step is done twice or left out.

use super::*;
use crate::domain::due::{Work, due};
use crate::domain::event::Event;
use crate::domain::id::Digest;
use crate::domain::serving::{Build, Goal, Serving, Want, in_flight};
use std::collections::BTreeMap;

fn build(name: &str) -> Build {
    Build { version: name.to_owned(), digest: Digest::of(name.as_bytes()) }
}

impl Driver {
    fn server(&mut self, want: Want) -> Result<Vec<crate::domain::event::Entry>, crate::domain::Refusal> {
        self.engine(Ask::Server(want))
    }

    fn drains(&mut self, goal: Goal) {
        let until = self.at.plus_ms(300_000);
        self.server(Want::Drain { goal, until }).unwrap();
    }

    fn hands_over(&mut self) -> Result<Vec<crate::domain::event::Entry>, crate::domain::Refusal> {
        self.server(Want::HandOver { from: build("1"), to: build("2") })
    }

    fn takes_over(&mut self) {
        self.server(Want::TakeOver { program: build("2").digest, repaired_bytes: 0 }).unwrap();
        let open: Vec<RunId> = self.world.runs.keys().copied().collect();
        for run in open {
            self.engine(Ask::Wake { run }).unwrap();
        }
    }

    /// How often each cell was begun.
    fn begun(&self) -> BTreeMap<Slot, usize> {
        let mut begun = BTreeMap::new();
        for recorded in &self.log {
            if let Event::Intended { slot, .. } = recorded.event
                && matches!(slot.item, Item::Step(_))
            {
                *begun.entry(slot).or_default() += 1;
            }
        }
        begun
    }
}

#[test]
fn a_run_goes_on_by_itself_behind_any_of_its_steps() {
    // Handed over after as many orders as there are, one more each time.
    for after in 0.. {
        let mut driver = driver();
        let id = driver.start_one();
        for _ in 0..after {
            let Some(order) = driver.orders().into_iter().next() else { break };
            driver.ended(&order, CellResult::Ok);
        }
        let over = matches!(driver.run(id).phase, Phase::Ended(_));
        driver.drains(Goal::Upgrade);
        let at_work = in_flight(&driver.world);
        if at_work > 0 {
            assert_eq!(driver.hands_over().unwrap_err().rule, Rule::State, "not while something is in flight");
        }
        while let Some(order) = driver.orders().into_iter().next() {
            driver.ended(&order, CellResult::Ok);
            driver.wake();
        }
        let begun = driver.begun().values().sum::<usize>();
        driver.hands_over().unwrap();
        assert_eq!(driver.world.serving, Serving::HandedOver);
        driver.takes_over();
        assert_eq!(driver.world.serving, Serving::Usual);
        driver.carry_out(|_| CellResult::Ok);
        assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded), "handed over after {after} orders");
        let all = driver.begun();
        assert_eq!((all.len(), all.values().sum::<usize>()), (8, 8), "each once: {all:?}");
        assert!(over || begun < 8 || driver.run(id).progress.checks.total > 0);
        assert_eq!(fold(&driver), driver.world);
        if over {
            break;
        }
    }
}

#[test]
fn while_the_server_drains_nothing_begins_and_everything_else_is_taken() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.carry_out_checks();
    driver.as_person("bo", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out_checks();
    driver.drains(Goal::Upgrade);
    assert_eq!(in_flight(&driver.world), 1, "the canary");
    // A vote is taken, a start is not.
    driver.approve("grace", 2).unwrap();
    assert_eq!(driver.run(2).phase, Phase::Approved);
    let refused = driver.as_person("bo", Ask::Start { run: RunId(2) }).unwrap_err();
    assert_eq!(refused.rule, Rule::Stopping);
    assert!(!refused.next.is_empty(), "{refused:?}");
    driver.as_person("ada", Ask::Note { run: RunId(id), text: "seen".to_owned() }).unwrap();
    driver.as_person("ada", Ask::Pause { run: RunId(id) }).unwrap();
    driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap();
    // What is proposed now is checked once the server serves as usual.
    driver.as_person("bo", Ask::Propose(Box::new(proposal()))).unwrap();
    let order = driver.orders().into_iter().next().unwrap();
    driver.ended(&order, CellResult::Ok);
    assert!(driver.orders().is_empty());
    for minutes in [1, 10] {
        driver.at = driver.at.plus_ms(minutes * 60_000);
        driver.wake();
        assert_eq!(in_flight(&driver.world), 0);
        let moments = due(&driver.world).into_iter().filter(|work| match work {
            Work::At(at, Ask::Wake { .. }) => *at <= driver.at,
            Work::At(..) | Work::Do(_) => false,
        });
        assert_eq!(moments.count(), 0, "no moment is due that changes nothing");
    }
    driver.server(Want::CallOff { why: "no".to_owned() }).unwrap();
    for run in [id, 3] {
        driver.engine(Ask::Wake { run: RunId(run) }).unwrap();
    }
    assert!(in_flight(&driver.world) > 1, "both go on");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn from_the_hand_over_to_the_successors_word_nothing_is_recorded() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.drains(Goal::Upgrade);
    while let Some(order) = driver.orders().into_iter().next() {
        driver.ended(&order, CellResult::Ok);
    }
    driver.hands_over().unwrap();
    let before = driver.world.events;
    for ask in [
        Ask::Note { run: RunId(id), text: "x".to_owned() },
        Ask::Stop { run: RunId(id), how: StopHow::Now, reason: "x".to_owned() },
        Ask::Propose(Box::new(proposal())),
    ] {
        assert_eq!(driver.as_person("ada", ask).unwrap_err().rule, Rule::Stopping);
    }
    assert_eq!(driver.engine(Ask::Wake { run: RunId(id) }).unwrap_err().rule, Rule::Stopping);
    assert_eq!(driver.world.events, before);
    // Any other start than the successor's is one after a crash.
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Checking(run::Round::Proposal));
    assert_eq!(driver.world.serving, Serving::Usual);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_server_that_was_not_handed_over_is_not_taken_over() {
    let mut driver = driver();
    let take = Want::TakeOver { program: build("2").digest, repaired_bytes: 0 };
    assert!(driver.server(take.clone()).is_err());
    driver.drains(Goal::Stop);
    assert!(driver.server(take).is_err());
    assert_eq!(driver.hands_over().unwrap_err().rule, Rule::State, "one that stops has no successor");
    assert!(driver.server(Want::Drain { goal: Goal::Upgrade, until: driver.at }).is_err(), "one thing at a time");
}

#[test]
fn a_server_that_ends_interrupts_its_runs_itself() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.carry_out_checks();
    driver.drains(Goal::Stop);
    let order = driver.orders().into_iter().next().unwrap();
    driver.ended(&order, CellResult::Ok);
    driver.server(Want::End).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Interrupted));
    let unknown = driver.run(id).cells.iter().filter(|(_, cell)| matches!(cell.state, CellState::Unknown(_))).count();
    assert_eq!(unknown, 0, "what was in flight had ended");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn only_the_server_itself_or_an_owner_has_it_drain() {
    let mut driver = driver();
    let drain = |driver: &Driver| Ask::Server(Want::Drain { goal: Goal::Upgrade, until: driver.at.plus_ms(1) });
    let asked = drain(&driver);
    assert_eq!(driver.as_person("ada", asked.clone()).unwrap_err().rule, Rule::Role);
    driver.as_person("grace", asked).unwrap();
    for want in [
        Want::HandOver { from: build("1"), to: build("2") },
        Want::TakeOver { program: build("2").digest, repaired_bytes: 0 },
        Want::End,
    ] {
        assert_eq!(driver.as_person("grace", Ask::Server(want)).unwrap_err().rule, Rule::ActorMachine);
    }
}
