//! What lies between two batches: time that passes, and somebody who lets the next begin.

use super::super::id::Timestamp;
use super::*;
use crate::domain::event::Event;
use crate::domain::run::PauseCause;
use crate::domain::runbook::Between;

const FIVE_MIN_MS: u64 = 300_000;

/// Three hosts in a batch of one and a batch of the rest, with this between them.
fn with(pause_ms: u64, gate: bool) -> (Driver, u64) {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| runbook.targets.between = Between { pause_ms, gate });
    });
    let id = driver.start_one();
    (driver, id)
}

/// Carries out what is due, and says on how many hosts steps ran.
fn ran(driver: &mut Driver) -> usize {
    let mut hosts = std::collections::BTreeSet::new();
    driver.carry_out(|cleared| {
        if matches!(cleared.order().key.slot.item, Item::Step(_)) {
            hosts.extend(cleared.order().key.slot.host);
        }
        CellResult::Ok
    });
    hosts.len()
}

fn moment(driver: &Driver, id: u64) -> Timestamp {
    crate::domain::due::next_moment(&driver.run(id)).expect("a moment")
}

#[test]
fn a_pause_begins_when_the_last_host_of_a_batch_was_through_and_the_next_batch_behind_it() {
    let (mut driver, id) = with(FIVE_MIN_MS, false);
    assert_eq!(ran(&mut driver), 1, "the canary alone");
    let through = driver.run(id).cells.values().map(|cell| cell.since).max().unwrap();
    assert_eq!(moment(&driver, id), through.plus_ms(FIVE_MIN_MS));
    driver.at = through.plus_ms(FIVE_MIN_MS - 1);
    driver.engine(Ask::Wake { run: RunId(id) }).unwrap();
    assert_eq!(ran(&mut driver), 0, "not a millisecond earlier");
    driver.at = through.plus_ms(FIVE_MIN_MS);
    driver.engine(Ask::Wake { run: RunId(id) }).unwrap();
    assert_eq!(ran(&mut driver), driver.run(id).plan.hosts.len() - 1);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded), "there is no pause behind the last batch");
}

#[test]
fn a_gate_pauses_once_behind_each_batch_but_the_last_until_somebody_lets_the_run_go_on() {
    let (mut driver, id) = with(0, true);
    assert_eq!(ran(&mut driver), 1);
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Batch));
    let asked = Ask::Continue { run: RunId(id) };
    assert_eq!(driver.as_person("lea", asked.clone()).unwrap_err().rule, Rule::Role, "a reviewer executes nothing");
    driver.as_person("ada", asked).unwrap();
    assert_eq!(ran(&mut driver), driver.run(id).plan.hosts.len() - 1);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    let pauses = driver.log.iter().filter(|it| matches!(it.event, Event::RunPaused { .. })).count();
    assert_eq!(pauses, 1);
}

#[test]
fn a_person_who_pauses_and_goes_on_between_batches_has_not_opened_the_gate() {
    let (mut driver, id) = with(FIVE_MIN_MS, true);
    assert_eq!(ran(&mut driver), 1);
    assert_eq!(driver.run(id).phase, Phase::Running, "the time passes first");
    driver.as_person("ada", Ask::Pause { run: RunId(id) }).unwrap();
    driver.at = driver.at.plus_ms(2 * FIVE_MIN_MS);
    driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Batch));
    assert_eq!(ran(&mut driver), 0);
    driver.as_person("ada", Ask::Stop { run: RunId(id), how: StopHow::AfterBatch, reason: "odd".to_owned() }).unwrap();
    assert_eq!((ran(&mut driver), driver.run(id).phase.ending().is_some()), (0, true), "it ends where it stands");
}
