//! Checkpoints that fill themselves in, what a policy asks of them, and effects that raise the impact.

use super::*;
use crate::domain::checkpoint::{self, Demand, Point, State};
use crate::domain::plan::Proposal;
use crate::domain::runbook::{Effect, Impact};
use crate::domain::workspace::Environment;
use std::collections::BTreeSet;

fn points(driver: &Driver, id: u64) -> Vec<(Point, State, String)> {
    let run = driver.run(id);
    let workspace = driver.world.workspace(&run.plan.proposal.workspace).unwrap();
    checkpoint::of(workspace, &run).into_iter().map(|one| (one.point, one.state, one.words)).collect()
}

fn demands(wanted: &[Demand]) -> impl Fn(&mut super::super::site::Site) {
    let wanted: BTreeSet<Demand> = wanted.iter().copied().collect();
    move |site| in_workspace(site, |place| place.policy.checkpoints = wanted.clone())
}

fn lab(site: &mut super::super::site::Site) {
    in_workspace(site, |place| place.environment = Environment::Lab);
}

#[test]
fn checkpoints_fill_themselves_in_over_a_runs_life() {
    use Point::{Communication, Outcome, Rollback, Scope, Warnings};
    use State::{Done, NotDue, Open};
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.steps[0].undo = Some("undo".to_owned())));
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    let said = |all: Vec<(Point, State, &str)>| -> Vec<(Point, State, String)> {
        all.into_iter().map(|(point, state, words)| (point, state, words.to_owned())).collect()
    };
    let way_back = (Rollback, Done, "1 of 2 steps can be undone; Undo in reverse.");
    assert_eq!(
        points(&driver, 1),
        said(vec![
            (Scope, Open, "not approved yet"),
            (Warnings, NotDue, "there are none"),
            (Communication, Open, "medium impact; nobody is told"),
            way_back,
            (Outcome, NotDue, "written once it is over"),
        ])
    );
    driver.approve("grace", 1).unwrap();
    assert_eq!(points(&driver, 1)[0], (Scope, Done, "approved by grace".to_owned()));
    driver.start("ada", 1);
    driver.carry_out_checks();
    assert!(driver.run(1).started.is_some());
    // Who holds which role later is no matter: it was let on.
    driver.change_site(|site| {
        in_workspace(site, |place| drop(place.members.remove(&crate::domain::PersonId::new("grace"))));
    });
    assert_eq!(points(&driver, 1)[0], (Scope, Done, "approved by grace".to_owned()));
}

#[test]
fn the_outcome_is_open_from_the_end_of_a_run_until_its_note() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(points(&driver, id)[4], (Point::Outcome, State::Open, "nobody has written it".to_owned()));
    let told = Ask::Close { run: RunId(id), note: "All well.".to_owned() };
    driver.as_person("ada", told).unwrap();
    assert_eq!(points(&driver, id)[4], (Point::Outcome, State::Done, "written by ada".to_owned()));
}

#[test]
fn warnings_are_open_until_somebody_answers_for_them() {
    let mut driver = driver_of(|site| site.dirty = Some(true));
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(points(&driver, 1)[1], (Point::Warnings, State::Open, "1 of 1 nobody answers for".to_owned()));
    let (warning, _) = crate::domain::policy::open_warnings(&driver.run(1)).remove(0);
    let accept = Ask::AcceptWarning { run: RunId(1), warning, reason: "seen".to_owned() };
    driver.as_person("kim", accept).unwrap();
    assert_eq!(points(&driver, 1)[1], (Point::Warnings, State::Done, "1 is answered for by kim".to_owned()));
}

#[test]
fn a_proposal_that_leaves_open_what_the_policy_asks_for_is_refused_and_changes_nothing() {
    let bare = Proposal { ticket: " ".to_owned(), ..proposal() };
    let no_way_back = |site: &mut super::super::site::Site| in_runbook(site, |runbook| runbook.rollback.clear());
    for (demand, what) in
        [(Demand::Communication, "who is told"), (Demand::Ticket, "a ticket"), (Demand::Rollback, "a written way back")]
    {
        let mut driver = driver_of(|site| {
            no_way_back(site);
            demands(&[demand])(site);
        });
        let before = driver.world.clone();
        let refused = driver.as_person("ada", Ask::Propose(Box::new(bare.clone()))).unwrap_err();
        assert_eq!(refused.rule, Rule::Checkpoint, "{demand:?}");
        assert!(refused.what.contains(what) && !refused.next.is_empty(), "{refused}");
        assert_eq!(driver.world, before);
    }
    let whole = Proposal { communication: "#ops".to_owned(), ..proposal() };
    let mut driver = driver_of(demands(&Demand::ALL));
    driver.as_person("ada", Ask::Propose(Box::new(whole))).unwrap();
}

#[test]
fn what_waits_when_a_policy_begins_to_ask_for_more_is_void() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.change_site(demands(&[Demand::Communication]));
    assert!(driver.world.run(RunId(1)).is_none(), "void");
    assert!(driver.last_words(1).contains("asks of every run for who is told"), "{}", driver.last_words(1));
}

#[test]
fn a_way_back_is_not_held_up_by_what_a_policy_asks_of_proposals() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.steps[0].undo = Some("undo".to_owned())));
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    driver.change_site(demands(&[Demand::Communication, Demand::Ticket]));
    let again =
        crate::domain::plan::Again { run: RunId(id), how: super::super::plan::How::Rollback, settled: Vec::new() };
    let back = Proposal { again: Some(again), ticket: String::new(), ..proposal() };
    driver.as_person("ada", Ask::Propose(Box::new(back))).unwrap();
}

#[test]
fn a_policy_may_ask_for_an_approval_at_every_impact() {
    let mut free = driver_of(lab);
    free.propose();
    assert_eq!(free.run(1).plan.quorum, None);
    let mut asked = driver_of(|site| {
        lab(site);
        demands(&[Demand::Scope])(site);
    });
    asked.propose();
    asked.carry_out_checks();
    assert!(asked.run(1).plan.quorum.is_some());
    let start = asked.as_person("ada", Ask::Start { run: RunId(1) }).unwrap_err();
    assert_eq!(start.rule, Rule::State, "{start}");
}

#[test]
fn z38_what_must_never_be_done_twice_is_no_low_impact_whatever_its_author_wrote() {
    let once = |site: &mut super::super::site::Site| in_runbook(site, |runbook| runbook.steps[1].effect = Effect::Once);
    let staging = |site: &mut super::super::site::Site| {
        in_workspace(site, |place| place.environment = Environment::Staging);
    };
    let mut driver = driver_of(|site| {
        staging(site);
        once(site);
    });
    driver.propose();
    let plan = &driver.run(1).plan;
    assert_eq!(plan.impact, Impact::Medium);
    assert_eq!(plan.impact_because, ["the runbook says low", "raised by restart, which must never be done twice"]);
    assert!(plan.quorum.is_some(), "somebody else must say yes");
    let mut driver = driver_of(once);
    driver.propose();
    assert_eq!(driver.run(1).plan.impact, Impact::Medium, "in production nothing is low");
    let mut driver = driver_of(|site| {
        lab(site);
        once(site);
    });
    driver.propose();
    assert_eq!(driver.run(1).plan.impact, Impact::Low, "a lab is for trying");
    let mut driver = driver_of(|site| {
        staging(site);
        in_runbook(site, |runbook| runbook.steps.iter_mut().for_each(|step| step.effect = Effect::Idempotent));
    });
    driver.propose();
    assert_eq!(driver.run(1).plan.impact, Impact::Low);
}
