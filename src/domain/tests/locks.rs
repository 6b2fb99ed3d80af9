//! Hosts are held by one run at a time, and those that want them wait in a line.

use super::start::{HOUR_MS, midday};
use super::*;
use crate::domain::event::Event;
use crate::domain::locks;
use crate::domain::runbook::{Effect, Lock};
use crate::domain::workspace::Reach;
use std::collections::BTreeMap;

/// Proposes by ada, lets the checks pass, approves by grace; on these hosts.
fn approved_on(driver: &mut Driver, select: &str) -> u64 {
    let mut form = proposal();
    form.select = Some(select.to_owned());
    driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
    let id = driver.world.next_run - 1;
    driver.carry_out_checks();
    driver.approve("grace", id).unwrap();
    id
}

fn is_queued(driver: &Driver, id: u64) -> bool {
    driver.run(id).queued.is_some()
}

/// Everything the engine would do by itself until nothing is due.
fn let_go_on(driver: &mut Driver) {
    for _ in 0..8 {
        driver.carry_out(|_| CellResult::Ok);
        driver.wake();
    }
}

fn words(driver: &Driver, id: u64) -> String {
    locks::line(&driver.world, &driver.run(id)).map_or_else(|| "free".to_owned(), |line| line.words())
}

#[test]
fn whoever_comes_later_waits_for_its_hosts_and_begins_by_itself_in_turn() {
    let mut driver = driver();
    let [first, second, third] = [(), (), ()].map(|()| approved_on(&mut driver, "host:web-1 | host:web-2"));
    driver.start("ada", first);
    driver.start("bo", third);
    driver.start("ada", second);
    assert!(is_queued(&driver, second) && is_queued(&driver, third));
    assert_eq!(words(&driver, third), "next in line; #1 holds web-1 (ada)");
    assert_eq!(words(&driver, second), "2nd in line, after #3 (bo); #1 holds web-1 (ada)");
    let again = driver.as_person("bo", Ask::Start { run: RunId(third) }).unwrap_err();
    assert_eq!(again.rule, Rule::Busy, "{again}");
    let mut order = Vec::new();
    for _ in 0..8 {
        driver.carry_out(|cleared| {
            let key = cleared.order().key;
            if matches!(key.slot.item, Item::Step(_)) && order.last() != Some(&key.run.0) {
                order.push(key.run.0);
            }
            CellResult::Ok
        });
        driver.wake();
    }
    assert_eq!(order, [first, third, second], "one after the other, in the order they were started");
    assert_eq!(driver.run(third).driver.as_ref().map(ToString::to_string).as_deref(), Some("bo"), "whoever started it");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn nobody_passes_an_earlier_run_that_wants_the_same_host() {
    let mut driver = driver();
    let holder = approved_on(&mut driver, "host:web-1");
    let both = approved_on(&mut driver, "host:web-1 | host:web-2");
    let free = approved_on(&mut driver, "host:web-2");
    let other = approved_on(&mut driver, "host:web-3");
    driver.start("ada", holder);
    driver.start("ada", both);
    driver.start("ada", free);
    assert_eq!(words(&driver, free), "2nd in line, after #2 (ada)", "web-2 is free, and promised");
    driver.start("ada", other);
    assert!(!is_queued(&driver, other), "nobody wants its host");
    driver.as_person("ada", Ask::Pause { run: RunId(both) }).unwrap();
    driver.wake();
    assert!(!is_queued(&driver, free), "the one before it left the line: its turn has come");
    assert_eq!(driver.run(both).phase, Phase::Approved, "and may be started again");
    let_go_on(&mut driver);
    assert!([holder, free, other].iter().all(|id| driver.run(*id).phase == Phase::Ended(Ending::Succeeded)));
    assert_eq!(driver.run(both).phase, Phase::Approved, "nothing begins that nobody waits for");
}

#[test]
fn a_line_does_not_move_on_hosts_that_somebody_should_look_at() {
    let mut driver = driver();
    let [first, second] = [(), ()].map(|()| approved_on(&mut driver, "host:web-1"));
    driver.start("ada", first);
    driver.start("ada", second);
    driver.carry_out_checks();
    driver
        .as_person("bo", Ask::Stop { run: RunId(first), how: StopHow::AfterStep, reason: "wrong".to_owned() })
        .unwrap();
    let_go_on(&mut driver);
    assert_eq!(driver.run(first).phase, Phase::Ended(Ending::Aborted));
    assert_eq!((driver.run(second).phase.clone(), is_queued(&driver, second)), (Phase::Approved, false));
    assert!(driver.last_words(second).contains("#1 ended aborted"), "{}", driver.last_words(second));
    driver.start("ada", second);
    let_go_on(&mut driver);
    assert_eq!(driver.run(second).phase, Phase::Ended(Ending::Succeeded));
}

#[test]
fn a_run_in_line_that_is_aborted_is_over_and_whoever_waits_behind_it_moves_up() {
    let mut driver = driver();
    let [first, second, third] = [(), (), ()].map(|()| approved_on(&mut driver, "host:web-1"));
    [first, second, third].iter().for_each(|id| driver.start("ada", *id));
    let stop = Ask::Stop { run: RunId(second), how: StopHow::Now, reason: "not tonight".to_owned() };
    driver.as_person("bo", stop).unwrap();
    assert!(driver.world.run(RunId(second)).is_none(), "nothing of it had begun");
    assert_eq!(words(&driver, third), "next in line; #1 holds web-1 (ada)");
    let_go_on(&mut driver);
    assert_eq!(driver.run(third).phase, Phase::Ended(Ending::Succeeded));
}

/// Its turn has come, the engine has not said so yet: whoever asked for it drives it, not whoever is faster.
#[test]
fn a_run_whose_turn_has_come_is_started_for_whoever_asked() {
    let mut driver = driver();
    let [first, second] = [(), ()].map(|()| approved_on(&mut driver, "host:web-1"));
    driver.start("ada", first);
    driver.start("ada", second);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(words(&driver, second), "free");
    assert_eq!(driver.as_person("bo", Ask::Start { run: RunId(second) }).unwrap_err().rule, Rule::Busy);
    driver.wake();
    assert_eq!(driver.run(second).driver.as_ref().map(ToString::to_string).as_deref(), Some("ada"));
}

#[test]
fn a_restart_empties_the_line() {
    let mut driver = driver();
    let [first, second] = [(), ()].map(|()| approved_on(&mut driver, "host:web-1"));
    driver.start("ada", first);
    driver.start("ada", second);
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    let_go_on(&mut driver);
    assert_eq!((driver.run(second).phase.clone(), is_queued(&driver, second)), (Phase::Approved, false));
}

#[test]
fn z18_whose_turn_comes_outside_the_window_or_after_the_approval_begins_nothing() {
    let closes = |site: &mut super::super::site::Site| in_workspace(site, |place| place.windows.push(midday()));
    let mut driver = driver_of(closes);
    let [first, second] = [(), ()].map(|()| approved_on(&mut driver, "host:web-1"));
    driver.start("ada", first);
    driver.start("ada", second);
    driver.at = driver.at.plus_ms(2 * HOUR_MS);
    let_go_on(&mut driver);
    assert_eq!((driver.run(second).phase.clone(), is_queued(&driver, second)), (Phase::Approved, false));
    assert!(driver.last_words(second).contains("outside the windows"), "{}", driver.last_words(second));
}

#[test]
fn z20_whose_turn_comes_after_losing_the_role_begins_nothing_and_what_drifted_is_void() {
    for (change, leaves) in [(true, false), (false, true)] {
        let mut driver = driver();
        let [first, second] = [(), ()].map(|()| approved_on(&mut driver, "host:web-1"));
        driver.start("ada", first);
        driver.start("bo", second);
        driver.change_site(|site| match leaves {
            true => in_workspace(site, |place| drop(place.members.remove(&"bo".into()))),
            false => in_workspace(site, |place| place.servers[0].reach = Reach::Local),
        });
        let_go_on(&mut driver);
        match change {
            true => assert!(driver.world.run(RunId(second)).is_none(), "void: its host is another one by now"),
            false => {
                assert_eq!((driver.run(second).phase.clone(), is_queued(&driver, second)), (Phase::Approved, false));
            }
        }
    }
}

#[test]
fn what_only_reads_may_share_a_host_and_waits_for_whatever_changes_it() {
    let mut driver = driver_of(|site| {
        let mut look = fixture::runbook("look");
        look.targets.lock = Lock::Shared;
        look.steps.iter_mut().for_each(|step| step.effect = Effect::Read);
        site.runbooks.insert("look".into(), Arc::new(look));
    });
    let look = |driver: &mut Driver| {
        let mut form = proposal();
        form.runbook = "look".into();
        driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
        let id = driver.world.next_run - 1;
        driver.carry_out_checks();
        driver.approve("grace", id).unwrap();
        id
    };
    let [one, two, three] = [(), (), ()].map(|()| look(&mut driver));
    let changes = approved_on(&mut driver, "host:web-1");
    driver.start("ada", one);
    driver.start("ada", two);
    assert!(!is_queued(&driver, two), "both only read");
    driver.start("ada", changes);
    driver.start("ada", three);
    assert!(is_queued(&driver, changes) && is_queued(&driver, three), "a reader does not pass a writer that waits");
    let began: BTreeMap<u64, u64> = {
        let_go_on(&mut driver);
        let starts = driver.log.iter().filter_map(|it| match it.event {
            Event::RunStarted { run } => Some((run.0, it.index)),
            _ => None,
        });
        starts.collect()
    };
    assert!(began[&changes] > began[&two] && began[&three] > began[&changes], "{began:?}");
}
