//! Steps of the whole run: done by the server, by the clock, and what follows when they do not end well.

use super::super::id::Timestamp;
use super::*;
use crate::domain::call::{Call, CallKind, Method};
use crate::domain::event::Event;
use crate::domain::people::Role;
use crate::domain::runbook::{Action, Effect, Expect, Gate, OnFailure, Retries, Step, Wait};

/// The minute in milliseconds.
const MINUTE_MS: u64 = 60_000;

fn call() -> Call {
    let kind = CallKind::Http {
        method: Method::Get,
        url: "http://127.0.0.1/ready".to_owned(),
        headers: Vec::new(),
        body: None,
        status: Vec::new(),
    };
    Call { kind, secrets: Vec::new(), timeout_ms: 5_000, expect: Expect::default() }
}

/// A run whose step between two scripts is this one, with both scripts' stretches.
pub(super) fn between(action: Action, change: impl Fn(&mut Step)) -> Driver {
    driver_of(|site| {
        site.egress.insert("127.0.0.1:80".to_owned());
        in_runbook(site, |runbook| {
            let mut step = fixture::step("once", action.clone());
            step.effect = Effect::Read;
            change(&mut step);
            runbook.steps.insert(1, step);
        });
    })
}

pub(super) fn steps(driver: &mut Driver, mut judge: impl FnMut(u16) -> CellResult) {
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Step(position) => judge(position),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => CellResult::Ok,
    });
}

fn wakes_at(driver: &Driver, id: u64) -> Timestamp {
    crate::domain::due::next_moment(&driver.run(id)).expect("a moment")
}

#[test]
fn a_call_is_made_once_for_all_hosts_after_the_steps_before_it_and_before_those_behind_it() {
    let mut driver = between(Action::Call(Box::new(call())), |_| {});
    let id = driver.start_one();
    let mut order = Vec::new();
    steps(&mut driver, |position| {
        order.push(position);
        CellResult::Ok
    });
    let hosts = driver.run(id).plan.hosts.len();
    let expected = [vec![0; hosts], vec![1], vec![2; hosts]].concat();
    assert_eq!(order, expected);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(driver.orders().len(), 0);
}

#[test]
fn a_failed_call_asks_and_a_person_may_repeat_it_or_go_on_without_it_but_drops_no_host() {
    for decision in [Decision::Retry, Decision::Skip] {
        let mut driver = between(Action::Call(Box::new(call())), |_| {});
        let id = driver.start_one();
        let mut tries = 0;
        steps(&mut driver, |position| match position {
            1 if tries == 0 => {
                tries += 1;
                CellResult::Failed(Reason::NotAsExpected)
            }
            _ => CellResult::Ok,
        });
        assert_eq!(driver.run(id).phase.tag().word(), "paused");
        let slot = crate::domain::once::slot(1);
        let reason = "known".to_owned();
        let dropped = Ask::Resolve { run: RunId(id), slot, decision: Decision::Drop, reason: reason.clone() };
        assert_eq!(driver.as_person("ada", dropped).unwrap_err().rule, Rule::Choice);
        driver.as_person("ada", Ask::Resolve { run: RunId(id), slot, decision, reason }).unwrap();
        steps(&mut driver, |_| CellResult::Ok);
        assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded), "{decision:?}");
    }
}

#[test]
fn a_failed_call_that_may_fail_leaves_no_host_out_and_the_run_says_failed_in_the_end() {
    let mut driver = between(Action::Call(Box::new(call())), |step| step.on_failure = Some(OnFailure::Continue));
    let id = driver.start_one();
    let mut behind = 0;
    steps(&mut driver, |position| match position {
        1 => CellResult::Failed(Reason::NotAsExpected),
        2 => {
            behind += 1;
            CellResult::Ok
        }
        _ => CellResult::Ok,
    });
    assert_eq!(behind, driver.run(id).plan.hosts.len());
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Failed));
}

#[test]
fn a_call_nobody_heard_the_answer_of_is_never_repeated_by_itself() {
    let retried = |step: &mut Step| step.retries = Retries { times: 3, delay_ms: 0, jitter_ms: 0 };
    let mut driver = between(Action::Call(Box::new(call())), retried);
    let id = driver.start_one();
    steps(&mut driver, |position| match position {
        1 => CellResult::Unknown(Reason::ConnectionLost),
        _ => CellResult::Ok,
    });
    assert_eq!(driver.run(id).phase.tag().word(), "paused");
    assert_eq!(driver.run(id).tries(crate::domain::once::slot(1)), 1);
}

#[test]
fn a_wait_goes_on_by_itself_when_its_time_is_over_and_not_before() {
    let mut driver = between(Action::Wait(Wait::For { ms: MINUTE_MS }), |_| {});
    let id = driver.start_one();
    steps(&mut driver, |_| CellResult::Ok);
    assert_eq!(wakes_at(&driver, id), driver.at.plus_ms(MINUTE_MS));
    driver.at = driver.at.plus_ms(MINUTE_MS - 1);
    assert_eq!(driver.engine(Ask::Wake { run: RunId(id) }).unwrap(), []);
    assert_eq!(driver.orders().len(), 0);
    driver.at = driver.at.plus_ms(1);
    driver.engine(Ask::Wake { run: RunId(id) }).unwrap();
    assert!(driver.log.iter().any(|recorded| matches!(recorded.event, Event::WaitOver { .. })));
    steps(&mut driver, |_| CellResult::Ok);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
}

#[test]
fn waiting_until_something_holds_asks_again_until_it_does_or_its_time_is_over() {
    let until = || {
        let call = Box::new(call());
        Action::Wait(Wait::Until { call, every_ms: 10_000, at_most_ms: MINUTE_MS })
    };
    for (holds_at_try, ending) in [(3, Some(Ending::Succeeded)), (100, None)] {
        let mut driver = between(until(), |_| {});
        let id = driver.start_one();
        let mut tries = 0;
        for _ in 0..20 {
            steps(&mut driver, |position| {
                tries += u32::from(position == 1);
                match position {
                    1 if tries < holds_at_try => CellResult::Failed(Reason::NotAsExpected),
                    _ => CellResult::Ok,
                }
            });
            if driver.run(id).phase.tag().word() != "running" {
                break;
            }
            driver.at = wakes_at(&driver, id);
            driver.engine(Ask::Wake { run: RunId(id) }).unwrap();
        }
        assert_eq!(driver.run(id).phase.ending(), ending);
        // At 0, 10, …, 60 seconds; then a person decides.
        assert_eq!(tries, if ending.is_some() { 3 } else { 7 });
    }
}

pub(super) fn gate(seats: &[(Role, u32)]) -> Action {
    let from = seats.iter().map(|(role, n)| crate::domain::workspace::Slot { role: *role, n: *n }).collect();
    Action::Approval(Gate { text: "Is the canary fine?".to_owned(), from })
}

#[test]
fn a_gate_lets_a_run_on_when_every_place_is_filled_by_another_person() {
    let mut driver = between(gate(&[(Role::Approver, 2)]), |_| {});
    let id = driver.start_one();
    steps(&mut driver, |_| CellResult::Ok);
    assert_eq!(driver.orders().len(), 0);
    assert_eq!(driver.approve("ada", id).unwrap_err().rule, Rule::SeparationSelf, "whoever asked for the run");
    assert_eq!(driver.approve("bo", id).unwrap_err().rule, Rule::Role);
    let without = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() };
    assert_eq!(driver.as_person("grace", without).unwrap_err().rule, Rule::BindingDrift);
    driver.approve("grace", id).unwrap();
    driver.approve("grace", id).unwrap();
    assert_eq!(driver.orders().len(), 0, "one person fills one place");
    driver.approve("kim", id).unwrap();
    steps(&mut driver, |_| CellResult::Ok);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn one_no_at_a_gate_stops_there_and_asking_again_asks_everybody_again() {
    let mut driver = between(gate(&[(Role::Approver, 2)]), |_| {});
    let id = driver.start_one();
    steps(&mut driver, |_| CellResult::Ok);
    driver.approve("grace", id).unwrap();
    let seen = Seen::Binding(driver.run(id).binding);
    let no = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "errors on the canary".to_owned() };
    driver.submit(actor("kim"), seen, no).unwrap();
    let slot = crate::domain::once::slot(1);
    assert_eq!(driver.run(id).state(slot), &CellState::Failed(Reason::Denied));
    assert_eq!(driver.run(id).phase.tag().word(), "paused");
    let again =
        Ask::Resolve { run: RunId(id), slot, decision: Decision::Retry, reason: "the canary is mended".to_owned() };
    driver.as_person("ada", again).unwrap();
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.orders().len(), 0, "what grace said was about another question");
    driver.approve("grace", id).unwrap();
    steps(&mut driver, |_| CellResult::Ok);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
}

#[test]
fn z50_nobody_is_asked_over_http_whom_the_site_does_not_name_also_not_after_the_approval() {
    let mut driver = between(Action::Call(Box::new(call())), |_| {});
    let mut site = (*driver.world.site.clone().unwrap()).clone();
    let named = driver.world.site.clone();
    site.egress = ["127.0.0.1:81".to_owned()].into();
    driver.world.site = Some(Arc::new(site.clone()));
    let refusal = driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap_err();
    assert_eq!(refusal.rule, Rule::Egress);
    assert!(refusal.what.contains("127.0.0.1:80"), "{refusal}");
    driver.world.site = named;
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("grace", 1).unwrap();
    driver.world.site = Some(Arc::new(site));
    assert_eq!(driver.as_person("ada", Ask::Start { run: RunId(1) }).unwrap_err().rule, Rule::BindingDrift);
}

#[test]
fn a_gate_is_passed_by_no_skip_no_tolerance_and_no_written_continue() {
    use crate::domain::runbook::Amount;
    for on_failure in [None, Some(OnFailure::Continue)] {
        let mut driver = driver_of(|site| {
            in_runbook(site, |runbook| {
                runbook.targets.max_failures = Some(Amount::Percent(100));
                let mut step = fixture::step("gate", gate(&[(Role::Approver, 1)]));
                step.on_failure = on_failure;
                runbook.steps.insert(1, step);
            });
        });
        let id = driver.start_one();
        steps(&mut driver, |_| CellResult::Ok);
        let slot = crate::domain::once::slot(1);
        let skip = || Ask::Resolve { run: RunId(id), slot, decision: Decision::Skip, reason: "in a hurry".to_owned() };
        assert_eq!(driver.as_person("ada", skip()).unwrap_err().rule, Rule::Choice, "while it waits");
        let seen = Seen::Binding(driver.run(id).binding);
        let no = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "errors".to_owned() };
        driver.submit(actor("grace"), seen, no).unwrap();
        assert_eq!(driver.run(id).phase.tag().word(), "paused", "{on_failure:?}");
        assert_eq!(driver.as_person("ada", skip()).unwrap_err().rule, Rule::Choice, "nor once it was denied");
        assert_eq!(driver.orders().len(), 0);
    }
}

#[test]
fn a_step_of_the_whole_run_that_fails_is_no_host_that_failed() {
    use crate::domain::runbook::Amount;
    let mut driver = driver_of(|site| {
        site.egress.insert("127.0.0.1:80".to_owned());
        in_runbook(site, |runbook| {
            runbook.targets.max_failures = Some(Amount::Hosts(1));
            let mut step = fixture::step("once", Action::Call(Box::new(call())));
            step.effect = Effect::Read;
            runbook.steps.insert(1, step);
        });
    });
    let id = driver.start_one();
    steps(
        &mut driver,
        |position| if position == 1 { CellResult::Failed(Reason::NotAsExpected) } else { CellResult::Ok },
    );
    assert_eq!(driver.run(id).phase.tag().word(), "paused", "no tolerated host covers it");
    assert_eq!(driver.run(id).progress.failures, 0);
}

#[test]
fn a_gate_nobody_could_answer_blocks_the_run_before_it_starts() {
    let mut driver = between(gate(&[(Role::Commander, 1)]), |_| {});
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert!(driver.world.run(RunId(1)).is_none(), "void");
    let why = driver.log.iter().find_map(|recorded| match recorded.event {
        Event::RunCancelled { .. } => recorded.details.get("why").map(|why| why.text().to_owned()),
        _ => None,
    });
    assert!(why.as_deref().is_some_and(|why| why.contains("at the gate once")), "{why:?}");
}

#[test]
fn from_high_impact_whoever_let_a_run_through_a_gate_executes_none_of_it() {
    let mut driver = between(gate(&[(Role::Approver, 1)]), |_| {});
    let mut site = (*driver.world.site.clone().unwrap()).clone();
    in_runbook(&mut site, |runbook| runbook.impact = crate::domain::runbook::Impact::High);
    let mut workspace = (*site.workspaces[&"prod-web".into()]).clone();
    workspace.members.entry("grace".into()).or_default().insert(Role::Operator);
    workspace.members.entry("kim".into()).or_default().insert(Role::Operator);
    site.workspaces.insert("prod-web".into(), Arc::new(workspace));
    driver.world.site = Some(Arc::new(site));
    driver.world.accepted_runbooks.extend(driver.world.site.as_ref().unwrap().runbooks.values().map(|it| it.digest));
    let id = driver.start_one();
    steps(&mut driver, |_| CellResult::Ok);
    driver.approve("kim", id).unwrap();
    let claim = Ask::Claim { run: RunId(id), reason: String::new() };
    assert_eq!(driver.as_person("kim", claim).unwrap_err().rule, Rule::SeparationSelf);
}
