//! A run that is at work when its change window closes, and one that would outlast it.

use super::start::midday;
use super::*;
use crate::domain::Timestamp;
use crate::domain::fixture::NOON;
use crate::domain::plan::{Again, How, Proposal};
use crate::domain::run::PauseCause;
use crate::domain::workspace::AfterWindow;

const HOUR_MS: u64 = 3_600_000;

/// A run at work an hour and a half before its window closes, its first order in flight.
fn at_work(after_window: AfterWindow) -> (Driver, u64) {
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| {
            place.windows.push(midday());
            place.policy.after_window = after_window;
        });
        in_runbook(site, |runbook| runbook.steps.iter_mut().for_each(|step| step.undo = Some("undo".to_owned())));
    });
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.start("ada", id);
    driver.carry_out_checks();
    assert_eq!(driver.run(id).phase, Phase::Running);
    (driver, id)
}

impl Driver {
    /// The moment at which something is due for a run, if anything.
    fn alarm(&self, id: u64) -> Option<Timestamp> {
        crate::domain::due::next_moment(&self.run(id))
    }
}

#[test]
fn z18_when_its_window_closes_the_step_in_flight_ends_and_nothing_more_begins() {
    let (mut driver, id) = at_work(AfterWindow::Pause);
    let closes = NOON.plus_ms(2 * HOUR_MS);
    assert_eq!(driver.run(id).may_begin_until, Some(closes));
    assert_eq!(driver.alarm(id), Some(closes), "the engine wakes for it");
    let order = driver.orders().remove(0);
    driver.at = closes;
    driver.wake();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Window));
    assert_eq!(driver.orders().len(), 1, "what is in flight ends");
    driver.ended(&order, CellResult::Ok);
    assert!(driver.orders().is_empty());

    let go_on = Ask::Continue { run: RunId(id) };
    let before = driver.world.clone();
    let refusal = driver.as_person("ada", go_on.clone()).unwrap_err();
    assert_eq!(refusal.rule, Rule::WindowClosed, "{refusal}");
    assert_eq!(driver.world, before);
    // The next day it opens again: nothing goes on by itself, and a person lets it.
    driver.at = NOON.plus_ms(23 * HOUR_MS);
    driver.wake();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Window));
    driver.as_person("ada", go_on).unwrap();
    assert_eq!(driver.run(id).may_begin_until, Some(closes.plus_ms(24 * HOUR_MS)));
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_run_whose_last_step_is_at_work_when_the_window_closes_goes_on_to_be_verified() {
    let (mut driver, id) = at_work(AfterWindow::Pause);
    let closes = NOON.plus_ms(2 * HOUR_MS);
    assert_eq!(driver.alarm(id), Some(closes), "something is left to begin");
    let hosts = driver.run(id).plan.hosts.len();
    let is_last = |driver: &Driver| {
        let run = driver.run(id);
        let done = run.progress.done.get(&1).copied().unwrap_or(0);
        run.progress.in_flight.len() == 1 && usize::try_from(done).unwrap() == hosts - 1
    };
    while !is_last(&driver) {
        let order = driver.orders().remove(0);
        driver.ended(&order, CellResult::Ok);
    }
    assert_ne!(driver.alarm(id), Some(closes), "nothing happens at that moment any more");
    driver.at = closes;
    driver.wake();
    assert_eq!(driver.run(id).phase, Phase::Running);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));

    // What fails then, and would be tried again, is something to begin.
    let (mut driver, id) = at_work(AfterWindow::Pause);
    while !is_last(&driver) {
        let order = driver.orders().remove(0);
        driver.ended(&order, CellResult::Ok);
    }
    driver.at = closes;
    let order = driver.orders().remove(0);
    driver.ended(&order, CellResult::Failed(Reason::Exit(1)));
    let slot = *driver.run(id).progress.attention.iter().next().unwrap();
    let retry = Ask::Resolve { run: RunId(id), slot, decision: Decision::Retry, reason: String::new() };
    driver.as_person("ada", retry).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Window));
}

#[test]
fn a_policy_may_let_a_run_that_has_begun_come_to_its_end() {
    let (mut driver, id) = at_work(AfterWindow::Finish);
    assert_eq!(driver.run(id).may_begin_until, None);
    driver.at = NOON.plus_ms(3 * HOUR_MS);
    driver.wake();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
}

#[test]
fn windows_that_follow_one_another_are_one() {
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| {
            let later =
                super::super::workspace::Window { start: "0 14 * * *".to_owned(), lasts_ms: HOUR_MS, ..midday() };
            place.windows.extend([midday(), later]);
        });
    });
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.start("ada", id);
    driver.carry_out_checks();
    assert_eq!(driver.run(id).may_begin_until, Some(NOON.plus_ms(3 * HOUR_MS)));
}

#[test]
fn what_is_decided_after_the_window_begins_nothing_before_the_next() {
    let (mut driver, id) = at_work(AfterWindow::Pause);
    let order = driver.orders().remove(0);
    driver.ended(&order, CellResult::Failed(Reason::Exit(1)));
    let slot = *driver.run(id).progress.attention.iter().next().unwrap();
    driver.at = NOON.plus_ms(2 * HOUR_MS);
    let retry = Ask::Resolve { run: RunId(id), slot, decision: Decision::Retry, reason: String::new() };
    driver.as_person("ada", retry).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Window));
    assert!(driver.orders().is_empty());
}

#[test]
fn what_ran_may_be_undone_outside_the_windows() {
    let (mut driver, id) = at_work(AfterWindow::Pause);
    let order = driver.orders().remove(0);
    driver.ended(&order, CellResult::Ok);
    let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "wrong release".to_owned() };
    driver.as_person("ada", stop).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.at = NOON.plus_ms(3 * HOUR_MS);
    let again = Some(Again { run: RunId(id), how: How::Rollback, settled: Vec::new() });
    driver.as_person("ada", Ask::Propose(Box::new(Proposal { again, ..proposal() }))).unwrap();
    driver.carry_out_checks();
    driver.approve("grace", id + 1).unwrap();
    driver.start("ada", id + 1);
    driver.carry_out(|_| CellResult::Ok);
    assert!(matches!(driver.run(id + 1).phase, Phase::Ended(_)), "{:?}", driver.run(id + 1).phase);
    assert_eq!(driver.run(id + 1).may_begin_until, None);
}

#[test]
fn a_start_that_would_outlast_the_window_warns_and_somebody_answers_for_it() {
    let mut driver = driver_of(|site| in_workspace(site, |place| place.windows.push(midday())));
    let first = driver.propose();
    driver.approve("grace", first).unwrap();
    driver.start("ada", first);
    driver.carry_out_checks();
    driver.at = driver.at.plus_ms(HOUR_MS);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(first).phase, Phase::Ended(Ending::Succeeded), "it took an hour");

    driver.at = NOON.plus_ms(90 * 60_000);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.start("ada", id);
    driver.carry_out_checks();
    assert_eq!(driver.run(id).phase, Phase::Waiting, "half an hour is left");
    let (warning, text) = crate::domain::policy::open_warnings(&driver.run(id)).remove(0);
    assert!(text.contains("usually takes 1h00, and 30m00 are left"), "{text}");
    let accept =
        |reason: &str| Ask::AcceptWarning { run: RunId(id), warning: warning.clone(), reason: reason.to_owned() };
    assert_eq!(driver.as_person("ada", accept("fast today")).unwrap_err().rule, Rule::SeparationSelf);
    driver.as_person("kim", accept("only one host today")).unwrap();
    driver.start("ada", id);
    driver.carry_out_checks();
    assert_eq!(driver.run(id).phase, Phase::Running);
}

#[test]
fn z18_a_freeze_holds_for_everything_but_what_it_excepts_and_that_only_within_the_windows() {
    let frozen = |except: &[&str], window: bool| {
        let except: std::collections::BTreeSet<crate::domain::RunbookId> =
            except.iter().map(|id| (*id).into()).collect();
        driver_of(move |site| {
            in_workspace(site, |place| {
                let [from, to] = ["2026-11-20T00:00:00", "2026-12-24T00:00:00"].map(str::to_owned);
                let (name, zone) = ("year end".to_owned(), "UTC".to_owned());
                place.freezes.push(super::super::workspace::Freeze { name, from, to, zone, except });
                let start = "0 22 * * *".to_owned();
                place.windows.extend(window.then(|| super::super::workspace::Window { start, ..midday() }));
            });
        })
    };
    for (except, window, rule) in [
        (&["other"][..], false, Some(Rule::Frozen)),
        (&["restart"][..], false, None),
        (&["restart"][..], true, Some(Rule::WindowClosed)),
    ] {
        let mut driver = frozen(except, window);
        let id = driver.propose();
        driver.approve("grace", id).unwrap();
        let started = driver.as_person("ada", Ask::Start { run: RunId(id) });
        assert_eq!(started.err().map(|refusal| refusal.rule), rule, "{except:?} {window}");
    }
}
