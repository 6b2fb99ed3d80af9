//! A runbook within another: on whose hosts it runs, what its steps get, and what they must come to.

use super::*;
use crate::domain::id::Digest;
use crate::domain::order::Job;
use crate::domain::runbook::{Expect, Match, Within};

fn within(select: &str, exclude: Option<&str>) -> Within {
    Within {
        step: "inside".into(),
        name: "inner@1".to_owned(),
        digest: Digest::of(b"inner"),
        first: 0,
        steps: 1,
        select: select.to_owned(),
        exclude: exclude.map(str::to_owned),
    }
}

#[test]
fn an_inner_runbook_runs_on_no_host_it_is_not_written_for() {
    for (select, exclude, refused) in [
        ("host:*", None, false),
        ("group:web", None, false),
        ("host:web-1", None, true),
        ("group:web", Some("host:web-2"), true),
        ("group:nothing", None, true),
    ] {
        let mut driver = driver_of(|site| {
            in_runbook(site, |runbook| runbook.within.push(within(select, exclude)));
        });
        let said = driver.as_person("ada", Ask::Propose(Box::new(fixture::proposal())));
        match (said, refused) {
            (Ok(_), false) => {}
            (Err(refusal), true) => {
                assert_eq!(refusal.rule, Rule::Targets);
                assert!(refusal.what.contains("inner@1, which is for"), "{}", refusal.what);
            }
            (said, _) => panic!("{select} {exclude:?}: {said:?}"),
        }
    }
}

#[test]
fn a_fixed_value_reaches_its_own_step_and_what_must_come_out_goes_along() {
    let expect = Expect { stdout: Some(Match::Equals("up".to_owned())), ..Expect::default() };
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            let mut inner = runbook.steps[0].clone();
            inner.id = "inside/look".into();
            inner.fixed = [("release".to_owned(), "fixed".to_owned())].into();
            inner.expect = Some(expect.clone());
            runbook.steps.insert(0, inner);
        });
    });
    let id = driver.start_one();
    let mut seen = Vec::new();
    driver.carry_out(|cleared| {
        if let (Item::Step(n), Job::Script(delivery)) = (cleared.order().key.slot.item, &cleared.order().job) {
            let value = delivery.variables.iter().filter(|(name, _)| name == "release").map(|(_, value)| value.clone());
            seen.push((n, value.collect::<Vec<_>>(), delivery.expect.clone()));
        }
        CellResult::Ok
    });
    let plan = &driver.run(id).plan;
    let asked: Vec<String> =
        plan.inputs.iter().filter(|(name, _)| name == "release").map(|(_, value)| value.clone()).collect();
    assert!(seen.iter().all(|(n, value, wanted)| match n {
        0 => *value == ["fixed"] && *wanted == Some(expect.clone()),
        _ => *value == asked && wanted.is_none(),
    }));
    assert!(seen.iter().any(|(n, _, _)| *n == 0) && seen.iter().any(|(n, _, _)| *n == 1));
    let text = "{{ release }}";
    assert_eq!(plan.told(plan.step(0).unwrap(), text), "fixed", "what a person reads is what the script gets");
}
