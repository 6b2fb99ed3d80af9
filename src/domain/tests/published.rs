//! Values that steps publish: who gets which, and what does not run where there is none.

use super::*;
use crate::domain::command::Decision;
use crate::domain::order::Job;
use crate::domain::plan::{Again, How, Proposal};
use crate::domain::published::{Found, Publish};
use crate::domain::runbook::{Action, Effect, OnFailure};
use std::collections::BTreeMap;

fn publish(name: &str) -> Publish {
    Publish { name: name.to_owned(), found: Found::Whole }
}

/// Two steps: the first publishes `made`, the second uses it, and undoes with it.
fn driver() -> Driver {
    driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.targets.batches = vec![crate::domain::runbook::Amount::Percent(100)];
            let [first, second] = runbook.steps.as_mut_slice() else { panic!("two steps") };
            first.publishes = vec![publish("made")];
            first.effect = Effect::Idempotent;
            first.on_failure = Some(OnFailure::Pause);
            if let Action::Script(script) = &mut second.action {
                script.text = "use \"$made\"".to_owned();
            }
            second.on_failure = Some(OnFailure::Pause);
            second.undo = Some("unuse \"$made\"".to_owned());
        });
    })
}

/// What each host and item was given under a name, of the orders that ran.
fn given(
    driver: &mut Driver,
    name: &str,
    judge: impl Fn(&str, Item) -> CellResult,
) -> BTreeMap<(String, String), Vec<String>> {
    let mut given: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    driver.carry_out(|cleared| {
        let order = cleared.order();
        let host = order.host.name.to_string();
        if !order.lacks.is_empty() {
            return CellResult::Refused(Reason::NotPublished);
        }
        if let Job::Script(delivery) = &order.job {
            let values = delivery.variables.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
            given.insert((host.clone(), format!("{:?}", order.key.slot.item)), values.collect());
        }
        judge(&host, order.key.slot.item)
    });
    given
}

fn at(given: &BTreeMap<(String, String), Vec<String>>, host: &str, item: Item) -> Vec<String> {
    given.get(&(host.to_owned(), format!("{item:?}"))).cloned().unwrap_or_default()
}

#[test]
fn a_value_reaches_the_steps_and_checks_behind_it_on_its_own_host_alone() {
    let mut driver = driver();
    let id = driver.start_one();
    let given = given(&mut driver, "made", |_, _| CellResult::Ok);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    for host in ["web-1", "web-2", "web-4"] {
        let own = vec![format!("{host} in {id}")];
        assert_eq!(at(&given, host, Item::Step(0)), Vec::<String>::new(), "nobody knows it before");
        assert_eq!((at(&given, host, Item::Step(1)), at(&given, host, Item::Verify(0))), (own.clone(), own), "{host}");
    }
}

#[test]
fn what_was_not_published_is_not_replaced_by_nothing_what_names_it_does_not_run() {
    let mut driver = driver();
    let id = driver.start_one();
    given(&mut driver, "made", |host, item| match (host, item) {
        ("web-2", Item::Step(0)) => CellResult::Failed(Reason::Exit(1)),
        _ => CellResult::Ok,
    });
    let run = driver.run(id);
    let (slot, _) = run
        .cells
        .iter()
        .find(|(slot, cell)| slot.item == Item::Step(0) && matches!(cell.state, CellState::Failed(_)))
        .unwrap();
    let slot = *slot;
    let ask = Ask::Resolve { run: RunId(id), slot, decision: Decision::Skip, reason: "looked".to_owned() };
    driver.as_person("ada", ask).unwrap();
    given(&mut driver, "made", |_, _| CellResult::Ok);
    let run = driver.run(id);
    let next = Slot { item: Item::Step(1), host: slot.host };
    assert_eq!(run.state(next), &CellState::Refused(Reason::NotPublished), "skipped, it published nothing");
}

#[test]
fn the_rest_of_a_run_and_its_way_back_know_what_it_had_published() {
    for how in [How::Resume, How::Rollback] {
        let mut driver = driver();
        let id = driver.start_one();
        given(&mut driver, "made", |host, item| match (host, item) {
            ("web-2", Item::Step(1)) => CellResult::Failed(Reason::Exit(1)),
            _ => CellResult::Ok,
        });
        let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "look first".to_owned() };
        driver.as_person("ada", stop).unwrap();
        let again = Again { run: RunId(id), how, settled: Vec::new() };
        let proposal = Proposal::going_back(&driver.run(id), again, "as agreed");
        driver.as_person("ada", Ask::Propose(Box::new(proposal))).unwrap();
        let next = driver.world.next_run - 1;
        driver.carry_out(|_| CellResult::Ok);
        for (warning, _) in crate::domain::policy::open_warnings(&driver.run(next)) {
            driver
                .as_person("bo", Ask::AcceptWarning { run: RunId(next), warning, reason: "known".to_owned() })
                .unwrap();
        }
        let told = driver.run(next).plan.standing();
        let line = format!("made = web-2 in {id} on web-2, as it was published");
        assert!(told.contains(&line), "whoever approves reads it: {told:?}");
        driver.approve("grace", next).unwrap();
        driver.as_person("ada", Ask::Start { run: RunId(next) }).unwrap();
        let given = given(&mut driver, "made", |_, _| CellResult::Ok);
        let position = if how == How::Resume { Item::Step(1) } else { Item::Step(0) };
        assert_eq!(at(&given, "web-2", position), [format!("web-2 in {id}")], "{how:?}: {given:?}");
    }
}

#[test]
fn a_verification_and_an_undo_that_name_what_was_never_published_do_not_run() {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            let [first, second] = runbook.steps.as_mut_slice() else { panic!("two steps") };
            first.undo = Some("rm -rf \"/srv/$made\"".to_owned());
            first.on_failure = Some(OnFailure::Pause);
            second.publishes = vec![publish("made")];
            second.on_failure = Some(OnFailure::Pause);
            runbook.verify[0].script.text = "test -e \"/srv/$made\"".to_owned();
        });
    });
    let id = driver.start_one();
    let lacking = |driver: &mut Driver, result: &CellResult| {
        let mut lacking = Vec::new();
        driver.carry_out(|cleared| {
            if !cleared.order().lacks.is_empty() {
                lacking.push(cleared.order().key.slot.item);
                return CellResult::Refused(Reason::NotPublished);
            }
            if cleared.order().key.slot.item == Item::Step(1) { result.clone() } else { CellResult::Ok }
        });
        lacking
    };
    assert!(lacking(&mut driver, &CellResult::Failed(Reason::Exit(1))).is_empty());
    let skip = |driver: &Driver| driver.run(id).progress.attention.iter().next().copied();
    while let Some(slot) = skip(&driver) {
        let reason = "looked".to_owned();
        driver.as_person("ada", Ask::Resolve { run: RunId(id), slot, decision: Decision::Skip, reason }).unwrap();
        lacking(&mut driver, &CellResult::Failed(Reason::Exit(1)));
    }
    let run = driver.run(id);
    let verified = run.cells.iter().filter(|(slot, _)| matches!(slot.item, Item::Verify(0)));
    assert!(verified.clone().count() > 0);
    assert!(verified.clone().all(|(_, cell)| cell.state == CellState::Refused(Reason::NotPublished)));
    let again = Again { run: RunId(id), how: How::Rollback, settled: Vec::new() };
    let proposal = Proposal::going_back(&driver.run(id), again, "as agreed");
    driver.as_person("ada", Ask::Propose(Box::new(proposal))).unwrap();
    let next = driver.world.next_run - 1;
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("grace", next).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(next) }).unwrap();
    assert!(lacking(&mut driver, &CellResult::Ok).contains(&Item::Step(0)), "nothing below /srv is removed");
}
