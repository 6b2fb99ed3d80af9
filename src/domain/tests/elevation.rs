//! Roles for a while: who lends them, what they open, and what becomes of what stands on them when they end.

use super::*;
use crate::domain::decide::elevate::Answer;
use crate::domain::elevation::{ASKED_MS_MAX, FOR_MS_MAX};
use crate::domain::id::ElevationId;
use crate::domain::people::Role;
use crate::domain::run::PauseCause;
use crate::domain::site::Site;

const HOUR_MS: u64 = 3_600_000;

fn elevate(driver: &mut Driver, who: &str, role: Role) -> Result<ElevationId, Rule> {
    let ask = Ask::Elevate { workspace: "prod-web".into(), role, for_ms: HOUR_MS, reason: "INC-7".to_owned() };
    driver.as_person(who, ask).map_err(|refusal| refusal.rule)?;
    Ok(ElevationId(driver.world.next_elevation - 1))
}

fn answer(driver: &mut Driver, who: &str, elevation: ElevationId, answer: Answer) -> Result<(), Rule> {
    let before = driver.world.clone();
    let ask = Ask::AnswerElevation { elevation, answer, reason: "on call".to_owned() };
    let done = driver.as_person(who, ask).map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

fn holds(driver: &Driver, who: &str, role: Role) -> bool {
    driver.world.workspace(&"prod-web".into()).unwrap().grants(&who.into(), role)
}

/// With a second owner, an administrator who is no member anywhere, and a person of no workspace.
fn house() -> Driver {
    driver_of(|site: &mut Site| {
        for id in ["root-ann", "stranger"] {
            site.people.insert(id.into(), fixture::person(id));
        }
        site.administrators = ["root-ann".into()].into();
        in_workspace(site, |place| {
            place.members.get_mut(&"kim".into()).unwrap().insert(Role::Owner);
        });
    })
}

#[test]
fn z34_nobody_lends_themselves_a_role_and_another_owner_does() {
    let mut driver = house();
    let id = elevate(&mut driver, "grace", Role::Operator).unwrap();
    assert_eq!(answer(&mut driver, "grace", id, Answer::Grant), Err(Rule::SeparationSelf));
    assert!(!holds(&driver, "grace", Role::Operator));
    answer(&mut driver, "kim", id, Answer::Grant).unwrap();
    assert!(holds(&driver, "grace", Role::Operator));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z35_who_does_not_answer_for_the_workspace_lends_nothing_and_nobody_is_made_an_owner() {
    let mut driver = house();
    assert_eq!(elevate(&mut driver, "ada", Role::Owner), Err(Rule::Escalate));
    let id = elevate(&mut driver, "ada", Role::Approver).unwrap();
    // Holding the role is not answering for it.
    assert_eq!(answer(&mut driver, "lea", id, Answer::Grant), Err(Rule::Escalate));
    assert_eq!(answer(&mut driver, "bo", id, Answer::Refuse), Err(Rule::Escalate));
    assert_eq!(answer(&mut driver, "bo", id, Answer::End), Err(Rule::Role));
    answer(&mut driver, "grace", id, Answer::Refuse).unwrap();
    assert!(driver.world.elevations.is_empty());
}

#[test]
fn z51_what_is_asked_for_in_another_workspace_does_not_exist() {
    let mut driver = house();
    assert_eq!(elevate(&mut driver, "stranger", Role::Operator), Err(Rule::NotFound));
    let id = elevate(&mut driver, "ada", Role::Approver).unwrap();
    assert_eq!(answer(&mut driver, "stranger", id, Answer::Grant), Err(Rule::NotFound));
    assert_eq!(answer(&mut driver, "grace", ElevationId(99), Answer::Grant), Err(Rule::NotFound));
}

#[test]
fn an_administrator_lends_roles_and_has_none_by_that() {
    let mut driver = house();
    assert_eq!(elevate(&mut driver, "root-ann", Role::Operator), Err(Rule::Role), "no member");
    let id = elevate(&mut driver, "ada", Role::Reviewer).unwrap();
    answer(&mut driver, "root-ann", id, Answer::Grant).unwrap();
    assert!(holds(&driver, "ada", Role::Reviewer));
    // Neither proposes nor sees a run.
    let refusal = driver.as_person("root-ann", Ask::Propose(Box::new(proposal()))).unwrap_err();
    assert_eq!(refusal.rule, Rule::NotFound, "{refusal}");
    let run = driver.propose();
    assert_eq!(driver.approve("root-ann", run).unwrap_err().rule, Rule::NotFound);
}

#[test]
fn a_lent_role_opens_what_the_role_opens_and_separation_still_holds() {
    let mut driver = house();
    let id = elevate(&mut driver, "bo", Role::Approver).unwrap();
    let run = driver.propose();
    assert_eq!(driver.approve("bo", run).unwrap_err().rule, Rule::Role);
    answer(&mut driver, "grace", id, Answer::Grant).unwrap();
    driver.approve("bo", run).unwrap();
    assert_eq!(driver.run(run).phase, Phase::Approved);
    // What bo proposes, bo does not approve.
    driver.as_person("bo", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out_checks();
    let own = driver.world.next_run - 1;
    assert_eq!(driver.approve("bo", own).unwrap_err().rule, Rule::SeparationSelf);
}

#[test]
fn z20_an_approval_given_by_a_lent_role_counts_no_longer_than_the_role() {
    let mut driver = house();
    let id = elevate(&mut driver, "bo", Role::Approver).unwrap();
    answer(&mut driver, "grace", id, Answer::Grant).unwrap();
    let run = driver.propose();
    driver.approve("bo", run).unwrap();
    driver.at = driver.at.plus_ms(HOUR_MS);
    // The engine's alarm is late: the command itself ends what is over.
    let refusal = driver.as_person("ada", Ask::Start { run: RunId(run) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::Role, "{refusal}");
}

#[test]
fn z23_a_role_that_ends_while_a_run_stands_on_it_pauses_the_run() {
    let mut driver = driver();
    let id = elevate(&mut driver, "lea", Role::Operator).unwrap();
    answer(&mut driver, "grace", id, Answer::Grant).unwrap();
    let run = driver.propose();
    driver.approve("grace", run).unwrap();
    driver.start("lea", run);
    driver.carry_out_checks();
    assert_eq!(driver.run(run).phase, Phase::Running);
    driver.at = driver.at.plus_ms(HOUR_MS);
    driver.wake();
    assert_eq!(driver.run(run).phase, Phase::Paused(PauseCause::Authority));
    assert!(driver.world.elevations.is_empty() && !holds(&driver, "lea", Role::Operator));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_role_is_given_back_or_taken_away_before_its_time() {
    let mut driver = house();
    for (who, ends) in [("ada", "ada"), ("bo", "kim"), ("bo", "root-ann")] {
        let id = elevate(&mut driver, who, Role::Approver).unwrap();
        answer(&mut driver, "grace", id, Answer::Grant).unwrap();
        assert_eq!(answer(&mut driver, "grace", id, Answer::Grant), Err(Rule::State), "once");
        answer(&mut driver, ends, id, Answer::End).unwrap();
        assert!(!holds(&driver, who, Role::Approver));
        assert_eq!(answer(&mut driver, ends, id, Answer::End), Err(Rule::NotFound), "it is over");
    }
}

#[test]
fn a_request_nobody_answers_is_over_by_itself() {
    let mut driver = house();
    elevate(&mut driver, "ada", Role::Approver).unwrap();
    assert_eq!(elevate(&mut driver, "ada", Role::Approver), Err(Rule::State), "asked for already");
    assert_eq!(elevate(&mut driver, "kim", Role::Approver), Err(Rule::State), "held already");
    driver.at = driver.at.plus_ms(ASKED_MS_MAX);
    driver.wake();
    assert!(driver.world.elevations.is_empty());
    let too_long = Ask::Elevate {
        workspace: "prod-web".into(),
        role: Role::Approver,
        for_ms: FOR_MS_MAX + 1,
        reason: "INC-7".to_owned(),
    };
    assert_eq!(driver.as_person("ada", too_long).unwrap_err().rule, Rule::Input);
}

#[test]
fn who_leaves_the_workspace_holds_nothing_there_for_a_while_either() {
    let mut driver = house();
    let id = elevate(&mut driver, "ada", Role::Approver).unwrap();
    answer(&mut driver, "grace", id, Answer::Grant).unwrap();
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_workspace(&mut site, |place| drop(place.members.remove(&"ada".into())));
    site.digest = crate::domain::Digest::of(b"without ada");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    assert!(holds(&driver, "ada", Role::Approver));
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "left".to_owned() }).unwrap();
    assert!(!holds(&driver, "ada", Role::Approver));
    assert_eq!(fold(&driver), driver.world);
}
