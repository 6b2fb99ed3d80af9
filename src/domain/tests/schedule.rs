//! Starts that are put off to a moment: judged when they are asked for, and once more when the moment has come.

use super::start::midday;
use super::*;
use crate::domain::Timestamp;
use crate::domain::event::Event;
use crate::domain::fixture::NOON;
use crate::domain::run::Cancel;
use crate::domain::runbook::Impact;
use crate::domain::site::Site;

const HOUR_MS: u64 = 3_600_000;

fn schedule(driver: &mut Driver, who: &str, id: u64, at: Timestamp) -> Result<(), Rule> {
    let before = driver.world.clone();
    let done = driver.as_person(who, Ask::Schedule { run: RunId(id), at });
    let done = done.map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

/// An approved run, and the moment an hour ahead.
fn approved(change: impl FnOnce(&mut Site)) -> (Driver, u64, Timestamp) {
    let mut driver = driver_of(change);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    (driver, id, NOON.plus_ms(HOUR_MS))
}

fn comes(driver: &mut Driver, at: Timestamp) {
    driver.at = at;
    driver.wake();
    driver.carry_out_checks();
}

#[test]
fn a_start_put_off_begins_by_itself_for_whoever_asked_at_its_moment_and_not_before() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    assert_eq!(crate::domain::due::next_moment(&driver.run(id)), Some(at));
    comes(&mut driver, at.minus_ms(1));
    assert!(driver.run(id).started.is_none());
    comes(&mut driver, at);
    let run = driver.run(id);
    assert_eq!((run.phase.clone(), run.driver.clone()), (Phase::Running, Some("ada".into())));
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z18_the_window_must_be_open_at_the_moment_itself() {
    let (mut driver, id, _) = approved(|site| in_workspace(site, |place| place.windows.push(midday())));
    // From ten to two: it is noon.
    assert_eq!(schedule(&mut driver, "ada", id, NOON.plus_ms(3 * HOUR_MS)), Err(Rule::WindowClosed));
    schedule(&mut driver, "ada", id, NOON.plus_ms(23 * HOUR_MS)).unwrap();
    comes(&mut driver, NOON.plus_ms(3 * HOUR_MS));
    assert!(driver.run(id).started.is_none(), "the window has closed meanwhile, and the moment is of the next one");
    comes(&mut driver, NOON.plus_ms(23 * HOUR_MS));
    assert_eq!(driver.run(id).phase, Phase::Running);
}

#[test]
fn a_moment_that_is_over_or_lies_behind_the_approvals_end_is_refused() {
    let (mut driver, id, _) = approved(|_| {});
    assert_eq!(schedule(&mut driver, "ada", id, NOON), Err(Rule::Input));
    assert_eq!(schedule(&mut driver, "ada", id, NOON.plus_ms(24 * HOUR_MS)), Err(Rule::Expired));
    schedule(&mut driver, "ada", id, NOON.plus_ms(24 * HOUR_MS - 1)).unwrap();
    assert_eq!(schedule(&mut driver, "bo", id, NOON.plus_ms(HOUR_MS)), Err(Rule::State), "one moment at a time");
}

#[test]
fn only_who_may_start_a_run_puts_its_start_off() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.impact = Impact::High));
    let at = NOON.plus_ms(HOUR_MS);
    let id = driver.propose();
    assert_eq!(schedule(&mut driver, "ada", id, at), Err(Rule::State), "nobody has approved it");
    driver.approve("kim", id).unwrap();
    assert_eq!(schedule(&mut driver, "lea", id, at), Err(Rule::Role));
    assert_eq!(schedule(&mut driver, "kim", id, at), Err(Rule::SeparationSelf), "approved it, and would execute it");
    schedule(&mut driver, "ada", id, at).unwrap();
}

#[test]
fn z22_a_schedule_of_somebody_who_may_no_more_starts_nothing() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_workspace(&mut site, |place| drop(place.members.remove(&"ada".into())));
    site.digest = crate::domain::Digest::of(b"without ada");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "left".to_owned() }).unwrap();
    comes(&mut driver, at);
    let run = driver.world.run(RunId(id));
    assert!(run.is_none_or(|run| run.started.is_none() && run.queued.is_none()), "{run:?}");
}

#[test]
fn z08_what_changed_until_the_moment_voids_the_run() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_runbook(&mut site, |runbook| runbook.source.push_str("\n# later"));
    site.digest = crate::domain::Digest::of(b"later");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    if let Some(digest) = driver.world.pending.as_ref().map(|pending| pending.site.digest) {
        driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    }
    assert!(driver.world.run(RunId(id)).is_none());
    let void = |event: &Event| matches!(event, Event::RunCancelled { cancel: Cancel::Void(Rule::BindingDrift), .. });
    assert!(driver.log.iter().any(|recorded| void(&recorded.event)));
    comes(&mut driver, at);
}

#[test]
fn a_schedule_is_taken_back_by_pausing_and_voided_by_an_approval_taken_back() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    driver.as_person("bo", Ask::Pause { run: RunId(id) }).unwrap();
    assert!(driver.run(id).queued.is_none());
    schedule(&mut driver, "ada", id, at).unwrap();
    let seen = super::super::command::Seen::Binding(driver.run(id).binding);
    let retract = Ask::Vote { run: RunId(id), choice: Choice::Retract, reason: "not today".to_owned() };
    driver.submit(actor("grace"), seen, retract).unwrap();
    assert_eq!((driver.run(id).phase.clone(), driver.run(id).queued.is_none()), (Phase::Waiting, true));
    comes(&mut driver, at);
    assert!(driver.run(id).started.is_none());
}

#[test]
fn until_its_moment_nobody_waits_for_it_and_then_it_waits_in_line_as_anybody() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    // Another run on the same hosts starts at once.
    let other = driver.propose();
    driver.approve("grace", other).unwrap();
    driver.start("bo", other);
    driver.carry_out_checks();
    assert_eq!(driver.run(other).phase, Phase::Running);
    driver.at = at;
    driver.wake();
    let run = driver.run(id);
    let queued = run.queued.as_ref().expect("in line");
    assert_eq!((queued.by.as_str(), queued.not_before), ("ada", None));
    driver.carry_out(|_| CellResult::Ok);
    driver.wake();
    driver.carry_out_checks();
    assert!(driver.run(id).started.is_some(), "{:?}", driver.run(id).phase);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_server_that_starts_anew_keeps_the_schedule_and_lets_go_of_a_moment_long_past() {
    let (mut driver, id, at) = approved(|_| {});
    schedule(&mut driver, "ada", id, at).unwrap();
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    assert!(driver.run(id).queued.is_some());
    comes(&mut driver, at.plus_ms(11 * 60_000));
    let run = driver.run(id);
    assert_eq!((run.phase.clone(), run.queued.is_none()), (Phase::Approved, true));
}
