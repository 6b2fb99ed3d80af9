//! In which order steps and hosts come, and on which hosts more than the baseline may run.

use super::*;
use crate::domain::plan::{Again, How, Proposal};
use crate::domain::refusal::Refusal;
use crate::domain::runbook::{Amount, Pace};

/// Hosts and steps in the order their orders came.
fn order(driver: &mut Driver) -> Vec<(String, u16)> {
    let mut order = Vec::new();
    driver.carry_out(|cleared| {
        if let Item::Step(step) = cleared.order().key.slot.item {
            order.push((cleared.order().host.name.to_string(), step));
        }
        CellResult::Ok
    });
    order
}

fn with(pace: Pace) -> Driver {
    driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.targets.pace = pace;
            runbook.targets.batches = vec![Amount::Hosts(1), Amount::Percent(100)];
        });
    })
}

#[test]
fn host_first_a_canary_goes_through_every_step_before_others_begin() {
    let mut driver = with(Pace::HostFirst);
    driver.start_one();
    let order = order(&mut driver);
    assert_eq!(order[..2], [("web-1".to_owned(), 0), ("web-1".to_owned(), 1)]);
}

#[test]
fn step_first_every_host_has_a_step_batch_by_batch_before_any_has_the_next() {
    let mut driver = with(Pace::StepFirst);
    let id = driver.start_one();
    let order = order(&mut driver);
    let hosts = driver.run(id).plan.hosts.len();
    assert_eq!(order.len(), 2 * hosts);
    let (first, second) = order.split_at(hosts);
    assert!(first.iter().all(|(_, step)| *step == 0) && second.iter().all(|(_, step)| *step == 1), "{order:?}");
    assert_eq!((first[0].0.as_str(), second[0].0.as_str()), ("web-1", "web-1"), "the canary leads each step");
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
}

#[test]
fn step_first_a_host_that_was_dropped_gets_no_further_step() {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.targets.pace = Pace::StepFirst;
            runbook.targets.max_failures = Some(Amount::Hosts(1));
            runbook.steps.iter_mut().for_each(|step| step.on_failure = None);
        });
    });
    let id = driver.start_one();
    let mut second = Vec::new();
    driver.carry_out(|cleared| {
        let (host, item) = (cleared.order().host.name.to_string(), cleared.order().key.slot.item);
        match (host.as_str(), item) {
            ("web-2", Item::Step(0)) => CellResult::Failed(Reason::Exit(1)),
            (_, Item::Step(1)) => {
                second.push(host);
                CellResult::Ok
            }
            _ => CellResult::Ok,
        }
    });
    assert!(!second.contains(&"web-2".to_owned()) && second.len() + 1 == driver.run(id).plan.hosts.len(), "{second:?}");
}

/// A second step that is the baseline, and a third beyond it.
fn tagged() -> Driver {
    driver_of(|site| {
        in_workspace(site, |workspace| workspace.baseline_tags = ["baseline".to_owned()].into());
        in_runbook(site, |runbook| {
            runbook.steps[1].tags = ["baseline".to_owned()].into();
            let mut more = runbook.steps[1].clone();
            more.id = "more".into();
            more.tags = ["deep".to_owned()].into();
            more.undo = Some("undo more".to_owned());
            runbook.steps.push(more);
        });
    })
}

fn deep(select: Option<&str>) -> Proposal {
    let select = select.map(str::to_owned);
    Proposal { tags: ["deep".to_owned()].into(), select, ..fixture::proposal() }
}

fn propose(driver: &mut Driver, proposal: Proposal) -> Result<u64, Refusal> {
    driver.as_person("ada", Ask::Propose(Box::new(proposal)))?;
    Ok(driver.world.next_run - 1)
}

fn run(driver: &mut Driver, id: u64, result: &CellResult) {
    driver.carry_out(|_| CellResult::Ok);
    for (warning, _) in crate::domain::policy::open_warnings(&driver.run(id)) {
        driver.as_person("bo", Ask::AcceptWarning { run: RunId(id), warning, reason: "known".to_owned() }).unwrap();
    }
    driver.approve("grace", id).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Step(_) => result.clone(),
        _ => CellResult::Ok,
    });
}

#[test]
fn more_than_the_baseline_runs_on_hosts_alone_where_the_baseline_ran_well() {
    let mut driver = tagged();
    assert_eq!(propose(&mut driver, deep(None)).unwrap_err().rule, Rule::Baseline);
    let first = Proposal { select: Some("host:web-1 | host:web-2".to_owned()), ..fixture::proposal() };
    let id = propose(&mut driver, first).unwrap();
    run(&mut driver, id, &CellResult::Ok);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    let refused = propose(&mut driver, deep(Some("host:web-2 | host:web-3"))).unwrap_err();
    assert!(refused.rule == Rule::Baseline && refused.what.ends_with("on web-3"), "{refused}");
    let more = propose(&mut driver, deep(Some("host:web-2"))).unwrap();
    run(&mut driver, more, &CellResult::Ok);
    assert_eq!(driver.run(more).plan.steps.len(), 3);
    propose(&mut driver, deep(Some("host:web-1"))).unwrap();
}

#[test]
fn a_baseline_that_failed_or_was_undone_or_is_of_another_version_does_not_count() {
    let mut driver = tagged();
    let id = propose(&mut driver, fixture::proposal()).unwrap();
    run(&mut driver, id, &CellResult::Failed(Reason::Exit(1)));
    assert_eq!(propose(&mut driver, deep(None)).unwrap_err().rule, Rule::Baseline);
    let mut driver = tagged();
    let id = propose(&mut driver, fixture::proposal()).unwrap();
    run(&mut driver, id, &CellResult::Ok);
    let more = propose(&mut driver, deep(Some("host:web-1"))).unwrap();
    run(&mut driver, more, &CellResult::Ok);
    let again = Again { run: RunId(more), how: How::Rollback, settled: Vec::new() };
    let back = Proposal::going_back(&driver.run(more), again, "as agreed");
    let back = propose(&mut driver, back).unwrap();
    run(&mut driver, back, &CellResult::Ok);
    assert_eq!(driver.run(back).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(propose(&mut driver, deep(Some("host:web-1"))).unwrap_err().rule, Rule::Baseline, "it was undone there");
    propose(&mut driver, deep(Some("host:web-2"))).unwrap();
    let mut other = (**driver.world.site.as_ref().unwrap()).clone();
    in_runbook(&mut other, |runbook| runbook.version = "another".to_owned());
    driver.world.accepted_runbooks.insert(other.runbooks[&"restart".into()].digest);
    driver.world.site = Some(std::sync::Arc::new(other));
    let refused = propose(&mut driver, deep(Some("host:web-2"))).unwrap_err();
    assert_eq!(refused.rule, Rule::Baseline, "another version: {refused}");
}

#[test]
fn a_step_that_becomes_somebody_is_for_hosts_reached_by_ssh_and_its_password_is_no_variable() {
    use crate::domain::order::Job;
    use crate::domain::runbook::{Action, Become, Secret};
    let with = |local: bool| {
        driver_of(|site| {
            in_workspace(site, |workspace| {
                if local {
                    workspace.servers[0].reach = crate::domain::workspace::Reach::Local;
                }
            });
            in_runbook(site, |runbook| {
                let secret = Secret { reference: "file:/s/pw".to_owned(), purpose: "p".to_owned() };
                runbook.secrets.insert("pw".to_owned(), secret);
                if let Action::Script(script) = &mut runbook.steps[0].action {
                    script.becomes = Some(Become { user: "root".to_owned(), password: Some("pw".to_owned()) });
                    script.secrets = vec!["pw".to_owned()];
                }
            });
        })
    };
    let one = || Proposal { select: Some("host:web-1".to_owned()), ..fixture::proposal() };
    let refused = propose(&mut with(true), one());
    assert!(refused.unwrap_err().what.contains("becomes another user"));
    let refused = propose(
        &mut driver_of(|site| {
            in_workspace(site, |workspace| workspace.servers[0].reach = crate::domain::workspace::Reach::Local);
            in_runbook(site, |runbook| {
                if let Action::Script(script) = &mut runbook.steps[0].action {
                    script.pty = true;
                }
            });
        }),
        one(),
    );
    assert!(refused.unwrap_err().what.contains("wants a terminal"));
    let mut driver = with(false);
    driver.start_one();
    let mut seen = 0;
    driver.carry_out(|cleared| {
        if let (Item::Step(0), Job::Script(delivery)) = (cleared.order().key.slot.item, &cleared.order().job) {
            let becomes = delivery.becomes.as_ref().unwrap();
            assert_eq!(becomes.password.as_ref().map(|it| it.name.as_str()), Some("pw"));
            assert!(delivery.secrets.is_empty(), "it reaches sudo alone");
            seen += 1;
        }
        CellResult::Ok
    });
    assert!(seen > 0);
}

#[test]
fn a_baseline_that_somebody_let_a_host_go_past_does_not_count_there() {
    use crate::domain::command::Decision;
    let mut driver = tagged();
    let id = propose(&mut driver, fixture::proposal()).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("grace", id).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
    let judge = |cleared: &crate::domain::policy::Cleared| {
        let order = cleared.order();
        match (order.host.name.as_str(), order.key.slot.item) {
            ("web-2", Item::Step(1)) => CellResult::Failed(Reason::Exit(1)),
            _ => CellResult::Ok,
        }
    };
    driver.carry_out(judge);
    let slot = driver.run(id).progress.attention.iter().next().copied().unwrap();
    let reason = "not needed there".to_owned();
    driver.as_person("ada", Ask::Resolve { run: RunId(id), slot, decision: Decision::Skip, reason }).unwrap();
    driver.carry_out(judge);
    assert_eq!(driver.run(id).phase.ending(), Some(Ending::Succeeded));
    assert_eq!(propose(&mut driver, deep(Some("host:web-2"))).unwrap_err().rule, Rule::Baseline);
    propose(&mut driver, deep(Some("host:web-1"))).unwrap();
}
