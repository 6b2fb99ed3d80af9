//! Hosts that fail, and steps that are late.

use super::*;
use crate::domain::event::Event;
use crate::domain::runbook::{Amount, OnFailure};

fn tolerating(most: Option<Amount>, on_failure: Option<OnFailure>) -> Driver {
    driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.targets.max_failures = most;
            runbook.steps[0].on_failure = on_failure;
        });
    })
}

fn on(cleared: &super::super::policy::Cleared, host: &str, item: Item) -> bool {
    cleared.order().host.name.as_str() == host && cleared.order().key.slot.item == item
}

#[test]
fn a_written_pause_asks_at_the_first_failure_whatever_is_tolerated() {
    use OnFailure::{Continue, Pause, Rollback, Stop};
    let all = Some(Amount::Percent(100));
    for (on_failure, most, phase) in [
        (Some(Pause), all, "paused"),
        (Some(Pause), None, "paused"),
        (Some(Stop), all, "ended"),
        (Some(Rollback), all, "ended"),
        (Some(Continue), all, "running"),
        (Some(Continue), None, "running"),
        (Some(Continue), Some(Amount::Hosts(0)), "ended"),
        (None, all, "running"),
        (None, Some(Amount::Hosts(0)), "paused"),
        (None, None, "paused"),
    ] {
        let mut driver = tolerating(most, on_failure);
        let id = driver.start_one();
        driver.carry_out_checks();
        let canary = driver.orders().remove(0);
        driver.ended(&canary, CellResult::Failed(Reason::Exit(1)));
        assert_eq!(driver.run(id).phase.tag().word(), phase, "{on_failure:?} with {most:?}");
    }
}

#[test]
fn an_unreachable_host_that_is_tolerated_gets_no_step_and_counts_as_failed() {
    let mut driver = tolerating(Some(Amount::Hosts(1)), None);
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    let down = |cleared: &super::super::policy::Cleared| match on(cleared, "web-2", Item::Reach) {
        true => CellResult::Refused(Reason::ConnectRefused),
        false => CellResult::Ok,
    };
    driver.carry_out(down);
    driver.approve("grace", 1).unwrap();
    let accept = Ask::AcceptWarning { run: RunId(1), warning: StepId::new("reach"), reason: "known".to_owned() };
    driver.as_person("bo", accept).unwrap();
    driver.start("ada", 1);
    let mut ran = std::collections::BTreeSet::new();
    driver.carry_out(|cleared| {
        if matches!(cleared.order().key.slot.item, Item::Step(_) | Item::Verify(_)) {
            ran.insert(cleared.order().host.name.to_string());
        }
        match on(cleared, "web-3", Item::Step(0)) {
            true => CellResult::Failed(Reason::Exit(1)),
            false => down(cleared),
        }
    });
    assert!(!ran.contains("web-2"), "{ran:?}");
    assert!(matches!(driver.run(1).phase, Phase::Paused(_)), "two hosts are one more than is tolerated");
    let slot = *driver.run(1).progress.attention.iter().next().unwrap();
    let drop = Ask::Resolve { run: RunId(1), slot, decision: Decision::Drop, reason: "dead".to_owned() };
    driver.as_person("ada", drop).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(1).phase, Phase::Ended(Ending::Failed));
    assert_eq!(super::super::history::row(&driver.run(1)).hosts_failed, 2);
}

#[test]
fn a_run_that_stops_after_its_batch_lets_no_further_host_in_beyond_what_is_tolerated() {
    for (most, expected) in [(0, ["web-3"].as_slice()), (1, &["web-3", "web-4"])] {
        let mut driver = tolerating(Some(Amount::Hosts(most)), None);
        let id = driver.start_one();
        driver.carry_out_checks();
        while driver.orders().iter().any(|order| order.order().host.name.as_str() == "web-1") {
            let canary = driver.orders().remove(0);
            driver.ended(&canary, CellResult::Ok);
        }
        let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterBatch, reason: "enough".to_owned() };
        driver.as_person("ada", stop).unwrap();
        let mut through = Vec::new();
        driver.carry_out(|cleared| {
            if cleared.order().key.slot.item == Item::Step(1) {
                through.push(cleared.order().host.name.to_string());
            }
            match on(cleared, "web-2", Item::Step(0)) {
                true => CellResult::Failed(Reason::Exit(1)),
                false => CellResult::Ok,
            }
        });
        assert_eq!(through, expected, "{most} tolerated");
        assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Aborted));
    }
}

#[test]
fn a_step_that_is_not_through_when_it_is_due_is_recorded_once() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.steps[0].due_ms = Some(600_000)));
    let id = driver.start_one();
    driver.carry_out_checks();
    let due = driver.at.plus_ms(600_000);
    assert_eq!(super::super::due::next_moment(&driver.run(id)), Some(due));
    driver.as_person("ada", Ask::Pause { run: RunId(id) }).unwrap();
    driver.at = due;
    driver.wake();
    driver.wake();
    driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap();
    let missed = driver.log.iter().filter(|recorded| matches!(recorded.event, Event::StepOverdue { step: 0, .. }));
    assert_eq!(missed.count(), 1);
    assert!(driver.run(id).progress.overdue.contains(&0));
    assert_eq!(super::super::deadlines::open(&driver.run(id)).count(), 1);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(super::super::deadlines::open(&driver.run(id)).count(), 0, "late, but through");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z33_whoever_has_a_run_decides_alone_until_it_is_taken_over_or_handed_over() {
    let mut driver = tolerating(None, None);
    let id = driver.start_one();
    driver.carry_out_checks();
    let canary = driver.orders().remove(0);
    driver.ended(&canary, CellResult::Failed(Reason::Exit(1)));
    let slot = canary.order().key.slot;
    let claim = |reason: &str| Ask::Claim { run: RunId(id), reason: reason.to_owned() };
    let skip = || Ask::Resolve { run: RunId(id), slot, decision: Decision::Skip, reason: "known".to_owned() };
    assert_eq!(driver.as_person("lea", claim("")).unwrap_err().rule, Rule::Role, "a reviewer drives nothing");
    driver.as_person("bo", claim("")).unwrap();
    assert_eq!(driver.run(id).driver.as_ref().map(ToString::to_string).as_deref(), Some("bo"));
    assert_eq!(driver.as_person("bo", claim("")).unwrap_err().rule, Rule::State);
    assert_eq!(driver.as_person("ada", skip()).unwrap_err().rule, Rule::Claimed);
    assert_eq!(driver.as_person("ada", claim(" ")).unwrap_err().rule, Rule::ReasonMissing);
    driver.as_person("ada", claim("bo's link is down")).unwrap();
    assert_eq!(driver.as_person("bo", skip()).unwrap_err().rule, Rule::Claimed);
    let over = |to: &str| Ask::HandOver { run: RunId(id), to: to.into(), reason: "your turn".to_owned() };
    assert_eq!(driver.as_person("bo", over("bo")).unwrap_err().rule, Rule::Claimed);
    assert_eq!(driver.as_person("ada", over("nobody")).unwrap_err().rule, Rule::NotFound);
    assert_eq!(driver.as_person("ada", over("lea")).unwrap_err().rule, Rule::Role);
    driver.as_person("ada", over("bo")).unwrap();
    assert_eq!(driver.run(id).claim, Some("ada".into()), "an offer changes nothing");
    assert_eq!(driver.as_person("bo", skip()).unwrap_err().rule, Rule::Claimed);
    assert_eq!(driver.as_person("ada", over("bo")).unwrap_err().rule, Rule::State, "it is offered already");
    driver.as_person("ada", over("ada")).unwrap();
    assert_eq!(driver.run(id).offered, None, "taken back");
    assert_eq!(driver.as_person("bo", claim("")).unwrap_err().rule, Rule::ReasonMissing, "and not for the taking");
    assert_eq!(driver.as_person("ada", over("ada")).unwrap_err().rule, Rule::State);
    driver.as_person("ada", over("bo")).unwrap();
    assert_eq!(driver.as_person("kim", claim("")).unwrap_err().rule, Rule::ReasonMissing, "it is offered to bo");
    driver.as_person("bo", claim("")).unwrap();
    assert_eq!((&driver.run(id).offered, &driver.run(id).claim), (&None, &Some("bo".into())));
    // z33: whoever handed it over has no say in it any more.
    assert_eq!(driver.as_person("ada", skip()).unwrap_err().rule, Rule::Claimed);
    assert_eq!(driver.as_person("ada", over("ada")).unwrap_err().rule, Rule::Claimed);
    driver.as_person("bo", skip()).unwrap();
    assert_eq!(driver.run(id).phase.tag().word(), "running");
    assert!(["ada", "bo"].iter().all(|who| driver.run(id).executors.contains(&crate::domain::PersonId::new(who))));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn jitter_is_drawn_from_the_name_of_the_try_and_stays_within_its_bound() {
    let retries = crate::domain::runbook::Retries { times: 3, delay_ms: 1_000, jitter_ms: 500 };
    let slot = |host| Slot { item: Item::Step(0), host: Some(crate::domain::HostIx(host)) };
    let waits: Vec<u64> = (0..64).map(|host| retries.wait_ms(RunId(7), slot(host), 1)).collect();
    assert!(waits.iter().all(|wait| (1_000..=1_500).contains(wait)));
    assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 32, "hosts do not come back at once");
    assert_eq!(retries.wait_ms(RunId(7), slot(3), 1), waits[3], "a replay draws the same");
    let plain = crate::domain::runbook::Retries { jitter_ms: 0, ..retries };
    assert_eq!(plain.wait_ms(RunId(7), slot(3), 1), 1_000);
}

/// A run whose first step, with a probe, is lost on the canary.
fn lost(effect: crate::domain::runbook::Effect) -> (Driver, u64) {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.steps[0].effect = effect;
            runbook.steps[0].retries.times = 1;
            runbook.steps[0].probe = Some(fixture::script("was it done?"));
        });
    });
    let id = driver.start_one();
    driver.carry_out_checks();
    let canary = driver.orders().remove(0);
    driver.ended(&canary, CellResult::Unknown(Reason::ConnectionLost));
    (driver, id)
}

#[test]
fn a_probe_looks_once_by_itself_and_its_yes_its_no_and_its_silence_are_three_things() {
    use crate::domain::order::Purpose;
    use crate::domain::runbook::Effect::{Idempotent, Once};
    let exit = |status| CellResult::Failed(Reason::Exit(status));
    let gone = CellResult::Refused(Reason::ConnectRefused);
    for (effect, said, phase, state) in [
        (Once, CellResult::Ok, "running", CellState::Ok),
        (Once, exit(1), "paused", CellState::Failed(Reason::NotDone)),
        (Once, exit(2), "paused", CellState::Unknown(Reason::Exit(2))),
        (Once, gone.clone(), "paused", CellState::Unknown(Reason::ConnectRefused)),
        (Idempotent, exit(1), "running", CellState::Intended),
        (Idempotent, gone, "paused", CellState::Unknown(Reason::ConnectRefused)),
    ] {
        let (mut driver, id) = lost(effect);
        let look = driver.orders().remove(0);
        assert_eq!((look.order().purpose, look.order().key.attempt), (Purpose::Probe, 2));
        let crate::domain::order::Job::Script(script) = &look.order().job else { panic!("a script") };
        assert_eq!((script.text.as_str(), script.secrets.len()), ("was it done?", 0));
        driver.ended(&look, said.clone());
        assert_eq!(driver.run(id).phase.tag().word(), phase, "{effect:?} {said:?}");
        assert_eq!(driver.run(id).state(look.order().key.slot), &state, "{effect:?} {said:?}");
        assert_eq!(fold(&driver), driver.world);
    }
}

#[test]
fn a_probe_is_asked_again_by_a_person_and_by_nobody_where_the_end_was_seen() {
    let (mut driver, id) = lost(crate::domain::runbook::Effect::Once);
    let look = driver.orders().remove(0);
    let slot = look.order().key.slot;
    driver.ended(&look, CellResult::Refused(Reason::ConnectRefused));
    assert_eq!(driver.orders().len(), 0, "once by itself");
    let ask = || Ask::Resolve { run: RunId(id), slot, decision: Decision::Probe, reason: String::new() };
    driver.as_person("ada", ask()).unwrap();
    let look = driver.orders().remove(0);
    driver.ended(&look, CellResult::Failed(Reason::Exit(1)));
    assert_eq!(driver.as_person("ada", ask()).unwrap_err().rule, Rule::Choice);
    assert_eq!(driver.run(id).state(slot), &CellState::Failed(Reason::NotDone), "and it is not run again by itself");
}

#[test]
fn each_try_that_nobody_saw_the_end_of_is_looked_for_once() {
    use crate::domain::order::Purpose;
    let (mut driver, id) = lost(crate::domain::runbook::Effect::Once);
    let look = driver.orders().remove(0);
    let slot = look.order().key.slot;
    driver.ended(&look, CellResult::Failed(Reason::Exit(1)));
    let again = Ask::Resolve { run: RunId(id), slot, decision: Decision::Retry, reason: "not done".to_owned() };
    driver.as_person("ada", again).unwrap();
    let second = driver.orders().remove(0);
    assert_eq!(second.order().purpose, Purpose::Step);
    driver.ended(&second, CellResult::Unknown(Reason::ConnectionLost));
    assert_eq!(driver.orders().remove(0).order().purpose, Purpose::Probe);
}
