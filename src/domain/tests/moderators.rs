//! Whoever leads an incident holds up a run they did not start, and everybody sees who did.

use super::*;
use crate::domain::people::Role;
use crate::domain::run::PauseCause;
use crate::domain::site::Site;

/// ada has started #1; kim is a commander and nothing else, lea looks on.
fn house() -> Driver {
    let mut driver = driver_of(|site: &mut Site| {
        let mut place = fixture::workspace("prod-web");
        place.members.insert("kim".into(), [Role::Commander].into());
        place.members.insert("lea".into(), [Role::Viewer].into());
        site.workspaces.insert("prod-web".into(), Arc::new(place));
    });
    driver.start_one();
    driver.carry_out_checks();
    driver
}

fn stop(how: StopHow, reason: &str) -> Ask {
    Ask::Stop { run: RunId(1), how, reason: reason.to_owned() }
}

#[test]
fn a_commander_pauses_a_run_that_somebody_else_started_and_everybody_sees_who_did() {
    let mut driver = house();
    assert_eq!(driver.run(1).driver, Some("ada".into()));
    driver.as_person("kim", Ask::Pause { run: RunId(1) }).unwrap();
    assert_eq!(driver.run(1).phase, Phase::Paused(PauseCause::Person("kim".into())));
    assert_eq!(driver.run(1).driver, Some("ada".into()), "to hold it up is not to drive it");
    // What was held up goes on by the word of whoever may execute it, not of a commander.
    let refused = driver.as_person("kim", Ask::Continue { run: RunId(1) }).unwrap_err();
    assert_eq!(refused.rule, Rule::Role);
    driver.as_person("ada", Ask::Continue { run: RunId(1) }).unwrap();
    assert_eq!(driver.run(1).phase, Phase::Running);
}

#[test]
fn a_commander_stops_a_run_with_a_reason_and_both_stay_with_it() {
    let mut driver = house();
    assert_eq!(driver.as_person("kim", stop(StopHow::AfterStep, " ")).unwrap_err().rule, Rule::ReasonMissing);
    assert_eq!(driver.run(1).stopped, None);
    driver.as_person("kim", stop(StopHow::AfterStep, "customers see errors")).unwrap();
    let stopped = driver.run(1).stopped.clone().unwrap();
    assert_eq!((stopped.by.as_str(), stopped.text.as_str()), ("kim", "customers see errors"));
    // Whoever is quicker about it is named then.
    driver.as_person("bo", stop(StopHow::Now, "at once")).unwrap();
    assert_eq!(driver.run(1).stopped.clone().unwrap().by, "bo".into());
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(1).stopped.clone().unwrap().by, "bo".into(), "also after its end");
}

#[test]
fn z48_whoever_only_looks_on_neither_pauses_nor_stops() {
    let mut driver = house();
    for ask in [Ask::Pause { run: RunId(1) }, stop(StopHow::AfterStep, "x"), stop(StopHow::Now, "x")] {
        assert_eq!(driver.as_person("lea", ask).unwrap_err().rule, Rule::Role);
    }
    assert_eq!(driver.run(1).phase, Phase::Running);
}

#[test]
fn what_stops_by_itself_names_nobody() {
    let mut driver = house();
    driver.carry_out(|_| CellResult::Failed(Reason::Exit(1)));
    assert_eq!(driver.run(1).stopped, None);
}
