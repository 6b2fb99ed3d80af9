//! Runs that come from an earlier run: once more, the rest, the way back.

use super::*;
use crate::domain::event::Event;
use crate::domain::order::Purpose;
use crate::domain::plan::{Again, How, Origin, Proposal, Settled, Unsure};
use crate::domain::runbook::{Effect, OnFailure};

fn going_back(driver: &Driver, id: u64, how: How, settled: Vec<Settled>) -> Ask {
    let again = Again { run: RunId(id), how, settled };
    Ask::Propose(Box::new(Proposal::going_back(&driver.run(id), again, "as agreed")))
}

/// Every host and step that ran, in order, as the orders came.
fn ran(driver: &mut Driver, mut judge: impl FnMut(&str, u16) -> CellResult) -> Vec<(String, u16)> {
    let mut ran = Vec::new();
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Step(step) => {
            let host = cleared.order().host.name.to_string();
            ran.push((host.clone(), step));
            judge(&host, step)
        }
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => CellResult::Ok,
    });
    ran
}

/// Approves a run that waits and starts it.
fn start(driver: &mut Driver, id: u64) {
    driver.carry_out(|_| CellResult::Ok);
    let open = crate::domain::policy::open_warnings(&driver.run(id));
    for (warning, _) in open {
        driver.as_person("bo", Ask::AcceptWarning { run: RunId(id), warning, reason: "known".to_owned() }).unwrap();
    }
    driver.approve("grace", id).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
}

/// A run whose second step fails on web-2 and stops there, each step with an undo.
fn stopped(change: impl FnOnce(&mut crate::domain::runbook::Runbook), result: CellResult) -> (Driver, u64) {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            for step in &mut runbook.steps {
                step.undo = Some(format!("undo {}", step.id));
                step.effect = Effect::Idempotent;
            }
            runbook.steps[1].on_failure = Some(OnFailure::Stop);
            change(runbook);
        });
    });
    let id = driver.start_one();
    ran(&mut driver, |host, step| if (host, step) == ("web-2", 1) { result.clone() } else { CellResult::Ok });
    if driver.run(id).phase.ending().is_none() {
        let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "look first".to_owned() };
        driver.as_person("ada", stop).unwrap();
    }
    assert!(driver.run(id).phase.ending().is_some());
    (driver, id)
}

fn failed() -> CellResult {
    CellResult::Failed(Reason::Exit(1))
}

#[test]
fn a_rollback_undoes_what_ran_where_it_ran_last_first_and_is_approved_before() {
    let (mut driver, id) = stopped(|_| {}, failed());
    let before = driver.run(id);
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    let back = id + 1;
    let run = driver.run(back);
    assert_eq!(run.plan.from, Origin::Rollback(RunId(id)));
    assert_ne!(run.binding, before.binding);
    assert_eq!(run.plan.quorum, before.plan.quorum, "by impact, as the run itself");
    let early = driver.as_person("ada", Ask::Start { run: RunId(back) }).unwrap_err();
    assert_eq!(early.rule, Rule::State);
    assert_eq!(driver.approve("ada", back).unwrap_err().rule, Rule::SeparationSelf);
    start(&mut driver, back);
    let mut purposes = std::collections::BTreeSet::new();
    let mut texts = Vec::new();
    driver.carry_out(|cleared| {
        if let (Item::Step(_), crate::domain::order::Job::Script(script)) =
            (cleared.order().key.slot.item, &cleared.order().job)
        {
            purposes.insert(cleared.order().purpose);
            texts.push((cleared.order().host.name.to_string(), script.text.clone()));
        }
        CellResult::Ok
    });
    assert_eq!(purposes, [Purpose::Undo].into());
    let touched: Vec<&str> = before
        .plan
        .hosts
        .iter()
        .map(|host| host.name.as_str())
        .filter(|name| before.state(Slot { item: Item::Step(0), host: before.plan.host_ix(name) }) == &CellState::Ok)
        .collect();
    for host in &touched {
        let of_host: Vec<&str> = texts.iter().filter(|(at, _)| at == host).map(|(_, text)| text.as_str()).collect();
        let ran_both = !matches!(
            before.state(Slot { item: Item::Step(1), host: before.plan.host_ix(host) }),
            CellState::Waiting | CellState::Refused(_)
        );
        assert_eq!(of_host, if ran_both { vec!["undo restart", "undo drain"] } else { vec!["undo drain"] }, "{host}");
    }
    assert!(texts.iter().all(|(host, _)| touched.contains(&host.as_str())), "no host that was not touched");
    assert_eq!(driver.run(back).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn an_undo_that_fails_leaves_the_run_stuck() {
    let (mut driver, id) = stopped(|_| {}, failed());
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    let back = id + 1;
    start(&mut driver, back);
    ran(&mut driver, |host, step| if (host, step) == ("web-1", 0) { failed() } else { CellResult::Ok });
    assert_eq!(driver.run(back).phase.tag().word(), "paused", "somebody is asked first");
    let slot = *driver.run(back).progress.attention.iter().next().unwrap();
    let skip = Ask::Resolve { run: RunId(back), slot, decision: Decision::Skip, reason: "no".to_owned() };
    assert_eq!(driver.as_person("ada", skip).unwrap_err().rule, Rule::Choice, "an undo is not skipped");
    let dropped = Ask::Resolve { run: RunId(back), slot, decision: Decision::Drop, reason: "by hand".to_owned() };
    driver.as_person("ada", dropped).unwrap();
    ran(&mut driver, |_, _| CellResult::Ok);
    assert_eq!(driver.run(back).phase.ending(), Some(Ending::Stuck));
}

/// It was called unknown, as if nothing had been half undone.
#[test]
fn a_way_back_that_is_stopped_with_an_undo_nobody_saw_the_end_of_is_stuck() {
    let (mut driver, id) = stopped(|_| {}, failed());
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    let back = id + 1;
    start(&mut driver, back);
    let lost = CellResult::Unknown(Reason::ConnectionLost);
    ran(&mut driver, |host, step| if (host, step) == ("web-1", 0) { lost.clone() } else { CellResult::Ok });
    driver.as_person("ada", Ask::Stop { run: RunId(back), how: StopHow::Now, reason: "look".to_owned() }).unwrap();
    ran(&mut driver, |_, _| CellResult::Ok);
    assert_eq!(driver.run(back).phase.ending(), Some(Ending::Stuck));
}

#[test]
fn what_cannot_be_undone_and_what_nobody_saw_the_end_of_is_answered_for() {
    let lost = CellResult::Unknown(Reason::ConnectionLost);
    let (mut driver, id) = stopped(
        |runbook| {
            runbook.steps[0].undo = None;
            runbook.steps[0].effect = Effect::Once;
        },
        lost,
    );
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    let open = crate::domain::policy::open_warnings(&driver.run(id + 1));
    let words: Vec<String> = open.into_iter().map(|(id, text)| format!("{id}: {text}")).collect();
    assert!(words.iter().any(|line| line.starts_with("undo-drain: drain cannot be undone")), "{words:?}");
    assert!(words.iter().any(|line| line.contains("nobody can tell how restart ended on web-2")), "{words:?}");
}

#[test]
fn a_word_given_at_a_gate_and_time_that_passed_are_nothing_to_undo() {
    let (mut driver, id) = stopped(
        |runbook| {
            let gate = crate::domain::runbook::Gate { text: "Fine?".to_owned(), from: Vec::new() };
            let mut step = fixture::step("gate", crate::domain::runbook::Action::Approval(gate));
            step.effect = Effect::Once;
            let mut wait = step.clone();
            wait.id = "wait".into();
            wait.action = crate::domain::runbook::Action::Wait(crate::domain::runbook::Wait::For { ms: 1 });
            runbook.steps.extend([step, wait]);
        },
        failed(),
    );
    let mut run = (*driver.run(id)).clone();
    for position in [2, 3] {
        let cell = crate::domain::run::Cell { state: CellState::Ok, ..run.cells.values().next().unwrap().clone() };
        run.cells.insert(crate::domain::once::slot(position), cell);
    }
    driver.world.runs.insert(RunId(id), Arc::new(run));
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    assert_eq!(driver.run(id + 1).plan.warnings, []);
}

#[test]
fn nothing_that_ran_and_can_be_undone_is_no_rollback() {
    let (mut driver, id) = stopped(|runbook| runbook.steps.iter_mut().for_each(|step| step.undo = None), failed());
    let refusal = driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap_err();
    assert_eq!(refusal.rule, Rule::Targets);
}

#[test]
fn on_failure_rollback_proposes_the_way_back_by_itself_and_it_still_needs_its_approval() {
    let (driver, id) = stopped(|runbook| runbook.steps[1].on_failure = Some(OnFailure::Rollback), failed());
    let back = driver.run(id + 1);
    assert_eq!((back.plan.from, back.plan.requester.as_str()), (Origin::Rollback(RunId(id)), "ada"));
    assert_eq!(back.started, None);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_way_back_that_cannot_be_proposed_says_so_on_the_run() {
    let change = |runbook: &mut crate::domain::runbook::Runbook| {
        runbook.steps[1].on_failure = Some(OnFailure::Rollback);
        runbook.steps.iter_mut().for_each(|step| step.undo = None);
    };
    let (driver, id) = stopped(change, failed());
    assert!(driver.world.run(RunId(id + 1)).is_none());
    assert!(driver.run(id).notes.iter().any(|note| note.text.contains("nothing to undo")));
}

#[test]
fn a_resume_repeats_nothing_that_is_done_and_begins_where_each_host_stood() {
    let (mut driver, id) = stopped(|_| {}, failed());
    let before = driver.run(id);
    driver.as_person("ada", going_back(&driver, id, How::Resume, Vec::new())).unwrap();
    let rest = id + 1;
    start(&mut driver, rest);
    let again = ran(&mut driver, |_, _| CellResult::Ok);
    for (ix, host) in (0u32..).zip(&before.plan.hosts) {
        for step in 0..2 {
            let slot = Slot { item: Item::Step(step), host: Some(crate::domain::HostIx(ix)) };
            let times = again.iter().filter(|(name, n)| *name == host.name.as_str() && *n == step).count();
            assert_eq!(times, usize::from(before.state(slot) != &CellState::Ok), "{} {step}", host.name);
        }
    }
    assert_eq!(driver.run(rest).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z46_a_resume_waits_for_its_own_approval_and_for_a_word_about_every_unknown() {
    let (mut driver, id) = stopped(|_| {}, CellResult::Unknown(Reason::ConnectionLost));
    let refusal = driver.as_person("ada", going_back(&driver, id, How::Resume, Vec::new())).unwrap_err();
    assert_eq!(refusal.rule, Rule::Choice);
    assert!(refusal.what.contains("web-2:restart"), "{refusal}");
    let say = |became, reason: &str| {
        vec![Settled { host: Some("web-2".into()), step: "restart".into(), became, reason: reason.to_owned() }]
    };
    let unsaid = driver.as_person("ada", going_back(&driver, id, How::Resume, say(Unsure::Done, ""))).unwrap_err();
    assert_eq!(unsaid.rule, Rule::ReasonMissing);
    for (nth, became, runs) in
        [(1, Unsure::Done, 0), (2, Unsure::Again, 1), (3, Unsure::Skip, 0), (4, Unsure::Failed, 0)]
    {
        let mut driver = Driver { world: driver.world.clone(), log: Vec::new(), at: driver.at };
        driver.as_person("ada", going_back(&driver, id, How::Resume, say(became, "seen on the host"))).unwrap();
        let rest = id + 1;
        driver.carry_out(|_| CellResult::Ok);
        assert_eq!(driver.as_person("ada", Ask::Start { run: RunId(rest) }).unwrap_err().rule, Rule::State);
        driver.approve("grace", rest).unwrap();
        driver.as_person("ada", Ask::Start { run: RunId(rest) }).unwrap();
        let again = ran(&mut driver, |_, _| CellResult::Ok);
        let times = again.iter().filter(|(host, step)| (host.as_str(), *step) == ("web-2", 1)).count();
        assert_eq!(times, runs, "{nth} {became:?}");
        let left_out = driver.run(rest).plan.host_ix("web-2").is_none();
        assert_eq!(left_out, became == Unsure::Failed);
        assert_eq!(driver.run(rest).phase.ending(), Some(Ending::Succeeded));
    }
}

#[test]
fn a_failed_once_step_is_not_begun_again_by_a_resume_unless_somebody_says_so() {
    let (mut driver, id) = stopped(|runbook| runbook.steps[1].effect = Effect::Once, failed());
    let refusal = driver.as_person("ada", going_back(&driver, id, How::Resume, Vec::new())).unwrap_err();
    assert_eq!(refusal.rule, Rule::Choice);
}

#[test]
fn z47_repeating_a_run_is_a_run_of_its_own_with_a_fresh_quorum() {
    let (mut driver, id) = stopped(|_| {}, failed());
    driver.as_person("ada", going_back(&driver, id, How::Rerun, Vec::new())).unwrap();
    let rerun = id + 1;
    driver.carry_out(|_| CellResult::Ok);
    assert!(driver.run(rerun).votes.is_empty());
    assert_eq!(driver.as_person("ada", Ask::Start { run: RunId(rerun) }).unwrap_err().rule, Rule::State);
    driver.approve("grace", rerun).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(rerun) }).unwrap();
    let again = ran(&mut driver, |_, _| CellResult::Ok);
    assert_eq!(again.len(), driver.run(rerun).plan.hosts.len() * 2);
}

#[test]
fn on_failed_hosts_alone_takes_those_that_did_not_end_well_and_nobody_else() {
    let (mut driver, id) = stopped(
        |runbook| {
            runbook.steps[1].on_failure = Some(OnFailure::Continue);
            runbook.targets.max_failures = Some(crate::domain::runbook::Amount::Percent(100));
        },
        failed(),
    );
    driver.as_person("ada", going_back(&driver, id, How::Failed, Vec::new())).unwrap();
    let hosts: Vec<String> = driver.run(id + 1).plan.hosts.iter().map(|host| host.name.to_string()).collect();
    assert_eq!(hosts, ["web-2"]);
}

#[test]
fn what_is_repeated_is_what_ran_and_not_the_runbook_of_today_and_a_host_that_moved_is_another() {
    let (mut driver, id) = stopped(|_| {}, failed());
    let mut site = (*driver.world.site.clone().unwrap()).clone();
    in_runbook(&mut site, |runbook| {
        runbook.steps[0].action = crate::domain::runbook::Action::Script(fixture::script("other"))
    });
    driver.world.site = Some(Arc::new(site));
    driver.as_person("ada", going_back(&driver, id, How::Rerun, Vec::new())).unwrap();
    assert_eq!(driver.run(id + 1).plan.runbook.steps, driver.run(id).plan.runbook.steps);
    let mut site = (*driver.world.site.clone().unwrap()).clone();
    let mut workspace = (*site.workspaces[&"prod-web".into()]).clone();
    if let crate::domain::workspace::Reach::Ssh { address, .. } = &mut workspace.servers[0].reach {
        *address = "10.99.0.1".to_owned();
    }
    site.workspaces.insert("prod-web".into(), Arc::new(workspace));
    driver.world.site = Some(Arc::new(site));
    let refusal = driver.as_person("ada", going_back(&driver, id, How::Rerun, Vec::new())).unwrap_err();
    assert_eq!(refusal.rule, Rule::BindingDrift);
    assert!(refusal.what.contains("web-1"), "{refusal}");
    let drifted = crate::domain::decide::drift(&driver.world, &driver.run(id + 1));
    assert_eq!(drifted.as_deref(), Some("changed: hosts"));
    assert!(driver.log.iter().all(|recorded| !matches!(recorded.event, Event::RunStarted { run } if run.0 > id)));
}

#[test]
fn z38_going_back_asks_for_no_less_than_the_run_it_goes_back_to() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.steps[1].undo = Some("back".to_owned())));
    let high = Some(crate::domain::runbook::Impact::High);
    driver.as_person("ada", Ask::Propose(Box::new(Proposal { raise_to: high, ..proposal() }))).unwrap();
    start(&mut driver, 1);
    ran(&mut driver, |_, _| CellResult::Ok);
    for (next, how) in [(2, How::Rollback), (3, How::Rerun)] {
        driver.as_person("ada", going_back(&driver, 1, how, Vec::new())).unwrap();
        assert_eq!(Some(driver.run(next).plan.impact), high, "{how:?}");
    }
}

#[test]
fn of_a_form_that_goes_back_the_words_count_alone() {
    let (mut driver, id) = stopped(|_| {}, failed());
    let Ask::Propose(mut form) = going_back(&driver, id, How::Rerun, Vec::new()) else { panic!("a proposal") };
    form.workspace = "elsewhere".into();
    form.runbook = "another".into();
    form.inputs.insert("release".to_owned(), "v9".to_owned());
    form.select = Some("host:web-1".to_owned());
    driver.as_person("ada", Ask::Propose(form)).unwrap();
    let (before, after) = (driver.run(id), driver.run(id + 1));
    assert_eq!(after.plan.proposal.workspace, before.plan.proposal.workspace);
    assert_eq!(after.plan.proposal.runbook, before.plan.proposal.runbook);
    assert_eq!((&after.plan.inputs, &after.plan.hosts), (&before.plan.inputs, &before.plan.hosts));
}

#[test]
fn a_denied_gate_is_asked_again_by_a_resume_and_settled_by_nobody_else() {
    use crate::domain::runbook::{Action, Gate};
    let from = vec![crate::domain::workspace::Slot { role: crate::domain::Role::Approver, n: 1 }];
    let gate = Action::Approval(Gate { text: "Fine?".to_owned(), from });
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.steps.insert(1, fixture::step("gate", gate))));
    let id = driver.start_one();
    ran(&mut driver, |_, _| CellResult::Ok);
    let seen = Seen::Binding(driver.run(id).binding);
    driver
        .submit(actor("grace"), seen, Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "no".to_owned() })
        .unwrap();
    driver.as_person("ada", Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "no".to_owned() }).unwrap();
    let done = Settled { host: None, step: "gate".into(), became: Unsure::Done, reason: "it was fine".to_owned() };
    let refusal = driver.as_person("ada", going_back(&driver, id, How::Resume, vec![done])).unwrap_err();
    assert_eq!(refusal.rule, Rule::Choice);
    driver.as_person("ada", going_back(&driver, id, How::Resume, Vec::new())).unwrap();
    start(&mut driver, id + 1);
    assert_eq!(ran(&mut driver, |_, _| CellResult::Ok).len(), 0, "everything before the gate stands, and it waits");
    assert!(crate::domain::once::open_gate(&driver.run(id + 1)).is_some());
}

#[test]
fn a_step_whose_output_is_withheld_is_ordered_so_and_undone_so() {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.steps[0].withhold = true;
            runbook.steps[0].undo = Some("true".to_owned());
        });
    });
    let id = driver.start_one();
    let mut seen = std::collections::BTreeSet::new();
    let mut look = |cleared: &super::super::policy::Cleared| {
        let order = cleared.order();
        if let Item::Step(step) = order.key.slot.item {
            seen.insert((order.key.run.0, step, order.withhold));
        }
        CellResult::Ok
    };
    driver.carry_out(&mut look);
    driver.as_person("ada", going_back(&driver, id, How::Rollback, Vec::new())).unwrap();
    start(&mut driver, id + 1);
    driver.carry_out(&mut look);
    assert!(seen.contains(&(id, 0, true)) && seen.contains(&(id, 1, false)), "{seen:?}");
    assert!(seen.contains(&(id + 1, 0, true)), "{seen:?}");
}
