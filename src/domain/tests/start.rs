//! From the approval to the first step: what was true when it was asked for need not be true any more.

use super::*;
use crate::domain::event::{Entry, Event};
use crate::domain::run::Round;
use crate::domain::workspace::{Freeze, Window};
use crate::domain::{decide, policy};
use std::collections::BTreeSet;

pub(super) const HOUR_MS: u64 = 3_600_000;

pub(super) fn midday() -> Window {
    Window { name: "midday".to_owned(), start: "0 10 * * *".to_owned(), lasts_ms: 4 * HOUR_MS, zone: "UTC".to_owned() }
}

fn freeze(from: &str) -> Freeze {
    let (from, to) = (from.to_owned(), "2026-12-24T00:00:00".to_owned());
    Freeze { name: "year end".to_owned(), from, to, zone: "UTC".to_owned(), except: std::collections::BTreeSet::new() }
}

fn warns(site: &mut super::super::site::Site) {
    in_runbook(site, |runbook| runbook.preflight[0].severity = super::super::runbook::Severity::Warn);
}

impl Driver {
    fn approved(&mut self) -> u64 {
        let id = self.propose();
        self.approve("grace", id).unwrap();
        id
    }

    /// Lets a round's checks pass, but for the runbook's own on these hosts.
    fn checks_warn_on(&mut self, hosts: &[&str]) {
        while let Some(order) = self.orders().into_iter().next() {
            let order_key = order.order().key.slot.item;
            assert!(!matches!(order_key, Item::Step(_)), "a step, though a warning is open");
            let bad = order_key == Item::Preflight(0) && hosts.contains(&order.order().host.name.as_str());
            let result = if bad { CellResult::Failed(Reason::NotAsExpected) } else { CellResult::Ok };
            self.ended(&order, result);
        }
    }
}

#[test]
fn a_restart_during_the_checks_at_start_leaves_the_start_to_a_person() {
    let mut driver = driver();
    let id = driver.approved();
    let approved = driver.run(id).approved;
    driver.start("ada", id);
    assert_eq!(driver.run(id).phase, Phase::Checking(Round::Start));
    driver.at = driver.at.plus_ms(HOUR_MS);
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    driver.wake();
    driver.carry_out(|_| CellResult::Ok);
    let run = driver.run(id);
    assert_eq!((&run.phase, &run.driver, run.started), (&Phase::Approved, &None, None), "nothing starts by itself");
    assert_eq!(run.approved, approved, "and its time is not wound up again");
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_boot_says_one_word_about_each_open_run() {
    let mut driver = driver();
    driver.start_one();
    driver.carry_out_checks();
    for _ in 0..3 {
        driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    }
    let said = driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    let kinds: Vec<&str> = said.iter().map(|entry| super::super::words::kind(&entry.event)).collect();
    assert_eq!(kinds, ["booted", "run_ended", "round_began", "round_began", "round_began"]);
    driver.wake();
    driver.carry_out(|_| CellResult::Ok);
    assert!((2..=4).all(|id| driver.run(id).phase == Phase::Waiting));
}

#[test]
fn z18_a_start_whose_checks_outlast_the_window_is_not_made() {
    let closes = |site: &mut super::super::site::Site| in_workspace(site, |place| place.windows.push(midday()));
    let freezes = |site: &mut super::super::site::Site| {
        in_workspace(site, |place| place.freezes.push(freeze("2026-11-23T14:00:00")))
    };
    for (change, why) in [(&closes as &dyn Fn(&mut _), "outside the windows"), (&freezes, "frozen: year end")] {
        let mut driver = driver_of(change);
        let id = driver.approved();
        driver.start("ada", id);
        driver.at = driver.at.plus_ms(2 * HOUR_MS);
        driver.carry_out(|_| CellResult::Ok);
        assert_eq!(driver.run(id).phase, Phase::Approved);
        assert!(driver.last_words(id).contains(&format!("not started: {why}")), "{}", driver.last_words(id));
    }
}

#[test]
fn z18_no_start_before_the_window_or_in_a_freeze_and_the_attempt_is_on_the_record() {
    let night = Window { start: "0 22 * * *".to_owned(), ..midday() };
    let mut closed = driver_of(|site| in_workspace(site, |place| place.windows.push(night)));
    let mut frozen = driver_of(|site| in_workspace(site, |place| place.freezes.push(freeze("2026-11-01T00:00:00"))));
    for (driver, rule) in [(&mut closed, Rule::WindowClosed), (&mut frozen, Rule::Frozen)] {
        let id = driver.approved();
        let start = Ask::Start { run: RunId(id) };
        let refusal = driver.as_person("ada", start.clone()).unwrap_err();
        assert_eq!(refusal.rule, rule);
        let command = super::super::Command {
            by: actor("ada"),
            at: driver.at,
            seen: Seen::Nothing,
            ask: start,
            proof: Default::default(),
        };
        assert_eq!(decide::refused(&driver.world, &command, &refusal).len(), 1);
    }
}

#[test]
fn z18_a_start_whose_checks_outlast_the_approval_is_over() {
    let mut driver = driver();
    let id = driver.approved();
    driver.start("ada", id);
    driver.at = driver.at.plus_ms(24 * HOUR_MS);
    driver.carry_out(|_| CellResult::Ok);
    assert!(driver.world.run(RunId(id)).is_none());
    assert!(driver.last_words(id).contains("expired: approved too long ago"), "{}", driver.last_words(id));
}

#[test]
fn z22_a_driver_who_leaves_during_the_checks_at_start_starts_nothing() {
    let mut driver = driver();
    let id = driver.approved();
    driver.start("bo", id);
    driver.change_site(|site| in_workspace(site, |place| drop(place.members.remove(&"bo".into()))));
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Approved);
    assert!(driver.last_words(id).contains("bo is no longer operator"), "{}", driver.last_words(id));
}

#[test]
fn a_warning_found_at_the_start_waits_and_winds_up_neither_clock() {
    let mut driver = driver_of(warns);
    let id = driver.approved();
    let approved = driver.run(id).approved;
    driver.at = driver.at.plus_ms(5 * HOUR_MS);
    driver.start("ada", id);
    driver.checks_warn_on(&["web-1"]);
    assert_eq!(driver.run(id).phase, Phase::Waiting, "the time to approve is over, the time to start is not");
    let accept = Ask::AcceptWarning { run: RunId(id), warning: StepId::new("disk"), reason: "known".to_owned() };
    driver.as_person("bo", accept).unwrap();
    assert_eq!((&driver.run(id).phase, driver.run(id).approved), (&Phase::Approved, approved));
    driver.at = driver.at.plus_ms(19 * HOUR_MS);
    driver.wake();
    assert!(driver.world.run(RunId(id)).is_none(), "a day after it was first approved");
}

#[test]
fn an_answer_for_a_warning_covers_the_hosts_it_was_given_for() {
    let mut driver = driver_of(warns);
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.checks_warn_on(&["web-1"]);
    driver.approve("grace", 1).unwrap();
    let accept = Ask::AcceptWarning { run: RunId(1), warning: StepId::new("disk"), reason: "known".to_owned() };
    driver.as_person("bo", accept.clone()).unwrap();
    driver.start("ada", 1);
    driver.checks_warn_on(&["web-1", "web-2"]);
    assert_eq!(driver.run(1).phase, Phase::Waiting, "web-2 is news");
    assert_eq!(policy::open_warnings(&driver.run(1)).len(), 1);
    driver.as_person("bo", accept).unwrap();
    driver.start("ada", 1);
    driver.carry_out_checks();
    assert_eq!(driver.run(1).phase, Phase::Running, "fewer hosts are covered");
}

#[test]
fn a_report_on_a_run_that_is_over_is_not_taken() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    let order = driver.orders().remove(0);
    driver.as_person("ada", Ask::Withdraw { run: RunId(1) }).unwrap();
    let what = super::super::order::Progressed::Started { group: 7 };
    let report = super::super::order::Report { key: order.order().key, what };
    assert_eq!(driver.engine(Ask::Report(report)).unwrap_err().rule, Rule::NotFound);
}

#[test]
fn checks_at_start_are_stopped_by_anybody_who_works_there_and_denied_by_an_approver() {
    for (who, by_stop) in [("kim", true), ("grace", false)] {
        let mut driver = driver();
        let id = driver.approved();
        driver.start("ada", id);
        let (run, reason) = (RunId(id), "wrong day".to_owned());
        let stop = Ask::Stop { run, how: StopHow::Now, reason: reason.clone() };
        let seen = Seen::Binding(driver.run(id).binding);
        assert_eq!(driver.as_person("lea", stop.clone()).unwrap_err().rule, Rule::Role);
        let ask = if by_stop { stop } else { Ask::Vote { run, choice: Choice::Deny, reason } };
        driver.submit(actor(who), seen, ask).unwrap();
        assert!(driver.world.run(run).is_none());
        assert!(driver.last_words(id).contains(&format!("{who}: wrong day")), "{}", driver.last_words(id));
    }
}

#[test]
fn a_start_that_would_run_something_else_is_refused_and_the_run_is_void() {
    let mut driver = driver();
    let id = driver.approved();
    // As after an upgrade of the program: nobody loaded a site.
    let mut site = fixture::site();
    in_workspace(&mut site, |place| drop(place.servers.remove(0)));
    driver.world.site = Some(Arc::new(site));
    let ask = Ask::Start { run: RunId(id) };
    let refusal = driver.as_person("ada", ask.clone()).unwrap_err();
    assert_eq!(refusal.rule, Rule::BindingDrift);
    assert!(refusal.what.contains("hosts") && refusal.next.contains("void"), "{refusal}");
    let command =
        super::super::Command { by: actor("ada"), at: driver.at, seen: Seen::Nothing, ask, proof: Default::default() };
    let kept = decide::refused(&driver.world, &command, &refusal);
    assert!(matches!(
        kept[..],
        [Entry { event: Event::Refused { .. }, .. }, Entry { event: Event::RunCancelled { .. }, .. }]
    ));
}

#[test]
fn a_host_two_workspaces_name_is_one_host() {
    let mut lab = fixture::workspace("lab");
    lab.servers[0].name = "other".into();
    let mut driver = driver_of(|site| drop(site.workspaces.insert("lab".into(), Arc::new(lab))));
    let mut form = proposal();
    form.workspace = "lab".into();
    driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
    driver.carry_out_checks();
    driver.approve("grace", 1).unwrap();
    driver.start_one();
    driver.start("ada", 1);
    assert!(driver.run(1).queued.is_some(), "it waits for whoever has the machine");
}

#[test]
fn acting_on_what_has_changed_is_stale() {
    let mut driver = driver();
    let id = driver.approved();
    let run = RunId(id);
    let old = Seen::Revision(driver.run(id).revision - 1);
    let text = || "because".to_owned();
    for ask in [
        Ask::AcceptWarning { run, warning: StepId::new("disk"), reason: text() },
        Ask::Continue { run },
        Ask::Close { run, note: text() },
        Ask::Review { run, comment: text(), follow_ups: Vec::new() },
    ] {
        assert_eq!(driver.submit(actor("ada"), old, ask).unwrap_err().rule, Rule::Stale);
    }
}

#[test]
fn a_check_made_again_after_a_restart_is_another_try() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    let attempts = |driver: &Driver| -> BTreeSet<u16> {
        let due = super::super::due(&driver.world);
        due.into_iter()
            .filter_map(|work| match work {
                super::super::due::Work::Do(key) => Some(key.attempt),
                super::super::due::Work::At(..) => None,
            })
            .collect()
    };
    assert_eq!(attempts(&driver), BTreeSet::from([1]));
    // What the first try printed before the server was killed is in the transcript under its own name.
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    driver.wake();
    assert_eq!(attempts(&driver), BTreeSet::from([2]));
}
