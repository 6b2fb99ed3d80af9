//! An approval taken back while it has let nothing on yet.

use super::*;
use crate::domain::event::Entry;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::refusal::Refusal;
use crate::domain::runbook::Impact;

fn retract(driver: &mut Driver, who: &str, id: u64) -> Result<Vec<Entry>, Refusal> {
    let seen = Seen::Binding(driver.run(id).binding);
    let ask = Ask::Vote { run: RunId(id), choice: Choice::Retract, reason: "I looked at the wrong host.".to_owned() };
    driver.submit(actor(who), seen, ask)
}

#[test]
fn an_approval_taken_back_leaves_the_run_waiting_for_it_again() {
    let mut driver = driver_of(|_| {});
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
    retract(&mut driver, "grace", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Waiting);
    let before = driver.world.clone();
    let refusal = driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "{refusal}");
    assert_eq!(driver.world, before);
    // Somebody else may give it, and so may whoever took it back.
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn what_is_taken_back_while_the_start_is_checked_starts_nothing() {
    let mut driver = driver_of(|_| {});
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
    retract(&mut driver, "grace", id).unwrap();
    driver.carry_out_checks();
    assert_eq!(driver.run(id).phase, Phase::Waiting);
    assert!(driver.run(id).started.is_none());
}

#[test]
fn what_waits_in_the_line_leaves_it_with_the_approval() {
    let mut driver = driver_of(|_| {});
    let first = driver.start_one();
    let second = driver.propose();
    driver.approve("grace", second).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(second) }).unwrap();
    assert!(driver.run(second).queued.is_some());
    retract(&mut driver, "grace", second).unwrap();
    let run = driver.run(second);
    assert_eq!((run.phase.clone(), run.queued.is_none()), (Phase::Waiting, true));
    assert!(driver.run(first).ended.is_none(), "the other one is untouched");
}

#[test]
fn nobody_takes_back_what_they_did_not_give_or_what_was_used() {
    let mut driver = driver_of(|_| {});
    let id = driver.propose();
    let refusal = retract(&mut driver, "grace", id).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "{refusal}");
    driver.approve("grace", id).unwrap();
    let refusal = retract(&mut driver, "kim", id).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "another person's: {refusal}");
    retract(&mut driver, "grace", id).unwrap();
    let refusal = retract(&mut driver, "grace", id).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "twice: {refusal}");
    driver.approve("grace", id).unwrap();
    driver.start("ada", id);
    driver.carry_out_checks();
    let refusal = retract(&mut driver, "grace", id).unwrap_err();
    assert_eq!(refusal.rule, Rule::ApprovalUsed, "{refusal}");
}

#[test]
fn whoever_took_an_approval_back_has_still_judged_the_run() {
    // From high impact such a person neither executes nor reviews it.
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.impact = Impact::High));
    let id = driver.propose();
    driver.approve("kim", id).unwrap();
    retract(&mut driver, "kim", id).unwrap();
    assert!(!policy::may_execute(&driver.run(id), &"kim".into()));
}

#[test]
fn one_approval_of_two_taken_back_is_one_missing() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.impact = Impact::High));
    let id = driver.propose();
    driver.approve("kim", id).unwrap();
    let missing = |driver: &Driver| {
        let workspace = driver.world.workspace(&"prod-web".into()).unwrap();
        policy::missing_approvals(workspace, &driver.run(id))
            .iter()
            .map(|wait| match wait {
                WaitsFor::Approval { missing, .. } => *missing,
                WaitsFor::Warning { .. } | WaitsFor::Line(_) | WaitsFor::Moment { .. } | WaitsFor::Window { .. } => 0,
            })
            .sum::<u32>()
    };
    let with_one = missing(&driver);
    retract(&mut driver, "kim", id).unwrap();
    assert_eq!(missing(&driver), with_one + 1);
}
