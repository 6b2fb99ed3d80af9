//! Who may act on a run that has started, and what happens when somebody no longer may.

use super::*;
use crate::domain::people::Role;
use crate::domain::run::PauseCause;
use crate::domain::runbook::{Action, Impact};

fn role_is(driver: &mut Driver, who: &str, roles: &[Role]) {
    let roles = roles.iter().copied().collect();
    driver.change_site(|site| in_workspace(site, |place| drop(place.members.insert(who.into(), roles))));
}

impl Driver {
    fn running_for(&mut self, who: &str) -> u64 {
        let id = self.propose();
        self.approve("kim", id).unwrap();
        self.start(who, id);
        self.carry_out_checks();
        assert_eq!(self.run(id).phase, Phase::Running);
        id
    }
}

#[test]
fn z21_an_approver_who_loses_the_role_mid_run_pauses_it_until_it_is_given_back() {
    let mut driver = driver();
    let id = driver.running_for("ada");
    role_is(&mut driver, "kim", &[Role::Viewer]);
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Authority));
    assert_eq!(driver.orders().len(), 1, "the step in flight ends");
    driver.carry_out(|_| CellResult::Ok);
    assert!(driver.orders().is_empty() && driver.run(id).phase == Phase::Paused(PauseCause::Authority));
    let go_on = Ask::Continue { run: RunId(id) };
    assert_eq!(driver.as_person("ada", go_on.clone()).unwrap_err().rule, Rule::Role);
    role_is(&mut driver, "kim", &[Role::Approver]);
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Authority), "nothing goes on by itself");
    driver.as_person("ada", go_on).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z22_a_driver_who_is_removed_mid_run_pauses_it_until_another_takes_it_over() {
    for paused in [false, true] {
        let mut driver = driver();
        let id = driver.running_for("bo");
        if paused {
            driver.as_person("bo", Ask::Pause { run: RunId(id) }).unwrap();
        }
        driver.change_site(|site| {
            site.people.remove(&"bo".into());
            in_workspace(site, |place| drop(place.members.remove(&"bo".into())));
        });
        assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Authority));
        assert!(driver.log.iter().any(|r| r.details.values().any(|d| d.text() == "bo is no longer operator")));
        driver.carry_out(|_| CellResult::Ok);
        driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap();
        assert_eq!(driver.run(id).driver, Some("ada".into()));
        driver.carry_out(|_| CellResult::Ok);
        assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    }
}

#[test]
fn z09_a_runbook_edited_between_two_steps_is_flagged_and_the_frozen_copy_runs_on() {
    let mut driver = driver();
    let id = driver.running_for("ada");
    let edit = |site: &mut super::super::site::Site| {
        in_runbook(site, |r| r.steps[1].action = Action::Script(fixture::script("restart --force")));
    };
    driver.change_site(edit);
    assert_eq!(driver.run(id).drift.as_deref(), Some("changed: steps or checks"));
    assert!(driver.last_words(id).contains("the run goes on as approved"), "{}", driver.last_words(id));
    let mut ran = Vec::new();
    driver.carry_out(|cleared| {
        if let (Item::Step(1), super::super::order::Job::Script(script)) =
            (cleared.order().key.slot.item, &cleared.order().job)
        {
            ran.push(script.text.clone());
        }
        CellResult::Ok
    });
    assert_eq!(ran, ["restart"; 4]);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
}

#[test]
fn a_workspace_stays_until_its_started_runs_are_signed_off() {
    let mut driver = driver();
    let id = driver.running_for("ada");
    let mut site = fixture::site();
    site.workspaces.clear();
    site.digest = super::super::Digest::of(b"without");
    let load = Ask::LoadSite { site: Arc::new(site), diff: String::new() };
    let refusal = driver.engine(load.clone()).unwrap_err();
    assert!(refusal.rule == Rule::Site && refusal.what.contains("#1"), "{refusal}");
    driver.carry_out(|_| CellResult::Ok);
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "done".to_owned() }).unwrap();
    assert!(driver.engine(load.clone()).is_err());
    driver
        .as_person("lea", Ask::Review { run: RunId(id), comment: "fine".to_owned(), follow_ups: Vec::new() })
        .unwrap();
    driver.engine(load).unwrap();
}

#[test]
fn from_high_impact_an_approver_executes_nothing() {
    let mut driver = driver();
    let mut form = proposal();
    form.raise_to = Some(Impact::High);
    driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
    driver.carry_out_checks();
    driver.approve("kim", 1).unwrap();
    let refused = |driver: &mut Driver, ask| driver.as_person("kim", ask).unwrap_err().rule;
    assert_eq!(refused(&mut driver, Ask::Start { run: RunId(1) }), Rule::SeparationSelf);
    driver.start("ada", 1);
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Step(_) => CellResult::Failed(Reason::Exit(1)),
        _ => CellResult::Ok,
    });
    let slot = *driver.run(1).progress.attention.iter().next().unwrap();
    let resolve = Ask::Resolve { run: RunId(1), slot, decision: Decision::Drop, reason: "dead".to_owned() };
    assert_eq!(refused(&mut driver, resolve.clone()), Rule::SeparationSelf);
    driver.as_person("ada", resolve).unwrap();
    driver.as_person("kim", Ask::Pause { run: RunId(1) }).unwrap();
    assert_eq!(refused(&mut driver, Ask::Continue { run: RunId(1) }), Rule::SeparationSelf);
}

#[test]
fn whoever_approved_or_executed_any_of_it_does_not_review() {
    let all = [Role::Operator, Role::Approver, Role::Reviewer];
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| place.members.values_mut().for_each(|held| held.extend(all)));
    });
    let id = driver.running_for("ada");
    driver.as_person("ada", Ask::Pause { run: RunId(id) }).unwrap();
    driver.as_person("bo", Ask::Continue { run: RunId(id) }).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "done".to_owned() }).unwrap();
    let review = Ask::Review { run: RunId(id), comment: "fine".to_owned(), follow_ups: Vec::new() };
    for (who, did) in [("ada", "proposed and started"), ("kim", "approved"), ("bo", "let it go on")] {
        assert_eq!(driver.as_person(who, review.clone()).unwrap_err().rule, Rule::SeparationReview, "{who} {did}");
    }
    driver.as_person("grace", review).unwrap();
}
