//! Whole runs by two people, by keys alone: what each of them sees at every stage, and where the run stands.

use super::fixture;
use super::house::House;
use crate::domain::order::{CellResult, Order, Purpose};
use crate::domain::run::{Ending, PauseCause, Phase, Reason};
use crate::domain::runbook::{Amount, Impact};
use crate::domain::site::Site;
use crate::domain::workspace::Environment;
use crate::domain::{Role, RunbookId, WorkspaceId};
use std::sync::Arc;

/// ada operates; grace approves and reviews; production, three hosts, medium impact.
fn site() -> Site {
    let mut site = fixture::site();
    let mut place = fixture::workspace("prod-web", "Production web", Environment::Production, "web", 3);
    let roles = |roles: &[Role]| roles.iter().copied().collect();
    place.members =
        [("ada".into(), roles(&[Role::Operator])), ("grace".into(), roles(&[Role::Approver, Role::Reviewer]))].into();
    let mut runbook = fixture::runbook("rolling-restart", "Rolling restart of the web tier", Impact::Low);
    runbook.secrets.clear();
    runbook.targets.batches = vec![Amount::Hosts(1), Amount::Percent(100)];
    site.workspaces = [(WorkspaceId::new("prod-web"), Arc::new(place))].into();
    site.runbooks = [(RunbookId::new("rolling-restart"), Arc::new(runbook))].into();
    site
}

fn house() -> House {
    House::new(site(), &["ada", "grace"])
}

/// ada opens the runbook, fills its form by keys and proposes.
fn propose(house: &mut House) {
    house.press("ada", "2");
    house.sees("ada", &["quarterdeck ▸ Runbooks", "rolling-restart", "Rolling restart of the web tier"]);
    house.press("ada", "n");
    house.sees("ada", &["▸ propose", "Release to restart into", "0 of 1 done"]);
    house.types("ada", "2.8.1");
    house.press("ada", "tab");
    // A wrong value is named where it stands, and the plan is not shown.
    house.press("ada", "f2");
    house.sees("ada", &["! "]);
    house.press("ada", "home");
    house.types("ada", "v");
    house.press("ada", "f2");
    house.sees("ada", &["not confirmed", "Compare with the ticket."]);
    house.press("ada", "alt-t");
    house.sees("ada", &["ada confirms: Compare with the ticket.", "1 of 1 done"]);
    house.press("ada", "tab tab tab");
    house.types("ada", "CHG-30211");
    house.press("ada", "tab");
    house.types("ada", "Pick up the rotated certificate.");
    house.press("ada", "f2");
    house.sees("ada", &["what would run", "3 hosts", "CHG-30211", "Pick up the rotated certificate."]);
    house.press("ada", "enter");
}

fn fails_once_on_web_2(order: &Order) -> (CellResult, Vec<&'static str>) {
    let step = order.purpose == Purpose::Step && order.key.slot.item == crate::domain::run::Item::Step(1);
    match step && order.host.name.as_str() == "web-2" {
        true => (CellResult::Failed(Reason::Exit(7)), vec!["Stopping web.service", "E curl: (7) connection refused"]),
        false => (CellResult::Ok, vec!["done"]),
    }
}

#[test]
fn two_people_take_a_run_from_the_form_to_the_review_by_keys_alone() {
    let mut house = house();
    house.sees("ada", &["ada: operator", "PROD web", "3 hosts"]);
    house.sees("grace", &["grace: approver, reviewer"]);

    propose(&mut house);
    let run = house.world.next_run - 1;
    assert!(matches!(house.phase(run), Phase::Checking(_)), "{:?}", house.phase(run));
    house.sees("ada", &[&format!("#{run} rolling-restart"), "checking"]);
    house.begin_all();
    house.all_goes_well();
    assert_eq!(house.phase(run), &Phase::Waiting);
    house.sees("ada", &["waiting", "approver", "grace"]);

    // grace is told at Home, finds it in the inbox, cannot approve unread, and reads all of it.
    house.sees("grace", &["waiting for you", "approve", &format!("#{run}"), "4 Approvals 1"]);
    house.press("grace", "4");
    house.sees("grace", &["quarterdeck ▸ Approvals", "rolling-restart", "ada"]);
    house.press("grace", "enter a");
    house.sees("grace", &["locked", "unread"]);
    for _ in 0..40 {
        house.press("grace", "space");
        if house.screen("grace").contains("everything was shown") {
            break;
        }
    }
    house.press("grace", "a");
    house.sees("grace", &["why you approve", "Cancel"]);
    house.types("grace", "renewal is due");
    house.press("grace", "enter enter");
    assert_eq!(house.phase(run), &Phase::Approved);
    house.sees("grace", &[&format!("approved #{run}")]);

    // ada starts: production wants the word; the checks run again first.
    house.sees("ada", &["approved", "S starts it"]);
    house.press("ada", "S");
    house.sees("ada", &["start", "production: type start", "3 hosts in 2 batches"]);
    house.types("ada", "start");
    house.press("ada", "enter enter");
    assert!(matches!(house.phase(run), Phase::Checking(_)), "{:?}", house.phase(run));
    house.sees("ada", &["checking"]);
    house.press("grace", "3 enter");
    house.sees("grace", &[&format!("#{run} rolling-restart")]);

    // A host fails in the second batch, retries and all; both see it, one takes it.
    house.carry_out(fails_once_on_web_2);
    assert_eq!(house.phase(run), &Phase::Paused(PauseCause::Failure));
    for who in ["ada", "grace"] {
        house.sees(who, &["PAUSED", "web-2 failed", "an operator must decide", "exit 7", "connection refused"]);
        house.sees(who, &["needs a person", "batch 2 of 2"]);
    }
    house.press("ada", "c");
    house.sees("ada", &["yours to decide", "retry", "skip"]);
    house.press("ada", "1");
    assert_eq!(house.phase(run), &Phase::Running);
    house.begin_all();
    house.sees("grace", &["running"]);
    house.all_goes_well();

    // The last step is by hand; then verification runs and the run ends.
    assert_eq!(house.phase(run), &Phase::Running);
    house.sees("ada", &["Tell the stakeholders", "2 points to tick"]);
    house.press("ada", "c space enter space enter");
    house.types("ada", "posted at 22:58");
    house.press("ada", "enter enter");
    assert_eq!(house.phase(run), &Phase::Verifying);
    house.sees("grace", &["verifying"]);
    house.all_goes_well();
    assert_eq!(house.phase(run), &Phase::Ended(Ending::Succeeded));
    house.sees("ada", &["succeeded", "outcome note missing"]);

    // The note closes it, another person signs it off.
    house.press("ada", "C");
    house.types("ada", "All hosts answer; web-2 needed a second try.");
    house.press("ada", "enter enter");
    assert_eq!(house.phase(run), &Phase::Closed(Ending::Succeeded));
    house.press("grace", "1");
    house.sees("grace", &["review", &format!("#{run}"), "succeeded"]);
    house.press("ada", "R");
    house.types("ada", "fine by me");
    house.press("ada", "enter enter");
    house.sees("ada", &["may not review"]);
    house.press("ada", "esc");
    assert_eq!(house.phase(run), &Phase::Closed(Ending::Succeeded));
    house.press("grace", "enter R");
    house.sees("grace", &["All hosts answer; web-2 needed a second try."]);
    house.types("grace", "agreed");
    house.press("grace", "enter enter");
    assert_eq!(house.phase(run), &Phase::Reviewed(Ending::Succeeded));

    // Both find it in the history, with who did what and the definition as it ran.
    for who in ["ada", "grace"] {
        house.press(who, "6");
        house.sees(who, &["▸ History", &format!("#{run}"), "rolling-restart", "ada", "grace"]);
        house.press(who, "enter");
        house.sees(who, &[&format!("#{run} rolling-restart"), "succeeded", "what happened"]);
    }
    house.press("ada", "l");
    house.sees("ada", &["connection refused"]);
    house.press("grace", "tab");
    house.sees("grace", &["as it ran"]);
    house.press("grace", "7");
    house.sees("grace", &["▸ Audit", "ada", "grace"]);
}
