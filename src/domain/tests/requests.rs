//! Requests that a machine signs: each is heard once, and asks for no more than a machine may.

use super::threats::with_machine;
use super::*;
use crate::domain::command::Command;
use crate::domain::decide::{decide, refused};
use crate::domain::id::Digest;
use crate::domain::people::{Actor, Door};
use crate::domain::proved::Proof;
use crate::domain::refusal::Refusal;

/// `ci`, by a request of its own.
fn by_request(body: &[u8]) -> Actor {
    let request = Digest::of(body);
    Actor::Person { person: "ci".into(), door: Door::Hook { request } }
}

/// What a request is answered, its refusal recorded as the engine does.
fn request(driver: &mut Driver, body: &[u8], seen: Seen, ask: Ask) -> Result<(), Refusal> {
    let by = by_request(body);
    let command = Command { by: by.clone(), at: driver.at, seen, ask, proof: Proof::default() };
    let (entries, answer) = match decide(&driver.world, &command) {
        Ok(entries) => (entries, Ok(())),
        Err(refusal) => (refused(&driver.world, &command, &refusal), Err(refusal)),
    };
    driver.record(&by, entries);
    answer
}

#[test]
fn z49_a_request_is_heard_once_and_its_replay_is_on_record_once() {
    let mut driver = driver_of(with_machine);
    request(&mut driver, b"one", Seen::Nothing, Ask::Propose(Box::new(proposal()))).unwrap();
    let id = driver.world.next_run - 1;
    assert_eq!(driver.run(id).plan.behind, Some("grace".into()), "as by every other door");
    for again in 0..3 {
        let (before, recorded) = (driver.world.clone(), driver.log.len());
        let ask = Ask::Propose(Box::new(proposal()));
        let refusal = request(&mut driver, b"one", Seen::Nothing, ask).unwrap_err();
        assert_eq!(refusal.rule, Rule::RequestReplayed, "{refusal}");
        assert_eq!((&driver.world.runs, driver.world.next_run), (&before.runs, before.next_run));
        assert_eq!(driver.log.len() - recorded, usize::from(again == 0), "whoever repeats it fills no record");
    }
    assert_eq!(fold(&driver), driver.world, "a restart has forgotten nothing");
    request(&mut driver, b"other", Seen::Nothing, Ask::Propose(Box::new(proposal()))).unwrap();
}

#[test]
fn z49_what_a_request_was_refused_it_does_not_get_later() {
    let mut driver = driver_of(with_machine);
    // Not found: of a person's typing error there would be no word.
    let asks = |id: u64| Ask::Note { run: RunId(id), text: "pipeline 7".to_owned() };
    let refusal = request(&mut driver, b"note", Seen::Nothing, asks(1)).unwrap_err();
    assert_eq!(refusal.rule, Rule::NotFound, "{refusal}");
    assert_eq!(driver.propose(), 1);
    let refusal = request(&mut driver, b"note", Seen::Nothing, asks(1)).unwrap_err();
    assert_eq!(refusal.rule, Rule::RequestReplayed, "{refusal}");
    assert!(driver.run(1).notes.is_empty());
}

#[test]
fn z06_a_request_decides_nothing_whatever_it_asks() {
    let mut driver = driver_of(with_machine);
    let id = driver.propose();
    let vote = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "green".to_owned() };
    let seen = Seen::Binding(driver.run(id).binding);
    let refusal = request(&mut driver, b"vote", seen, vote).unwrap_err();
    assert_eq!(refusal.rule, Rule::ActorMachine, "{refusal}");
    assert!(driver.run(id).votes.is_empty());
}
