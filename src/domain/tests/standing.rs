//! Approvals in advance: who gives them, what they let start, and when they stop.

use super::*;
use crate::domain::command::Seen;
use crate::domain::decide::standing::{WantedStanding, Word};
use crate::domain::fixture::NOON;
use crate::domain::id::{Digest, StandingId};
use crate::domain::people::Role;
use crate::domain::plan::Proposal;
use crate::domain::run::PauseCause;
use crate::domain::runbook::{Impact, Input, InputKind};
use crate::domain::site::Site;
use crate::domain::standing::{Allowed, FOR_MS_MAX};
use crate::domain::workspace::{Quorum, Slot as Seat};
use std::collections::BTreeMap;

const S1: StandingId = StandingId(1);
const DAY_MS: u64 = 24 * 3_600_000;

fn input(name: &str, kind: InputKind, default: Option<&str>) -> Input {
    Input {
        name: name.to_owned(),
        prompt: name.to_owned(),
        kind,
        required: false,
        default: default.map(str::to_owned),
        confirm: None,
        help: String::new(),
        source: String::new(),
    }
}

/// A runbook with two inputs; medium impact in production.
fn house() -> Driver {
    driver_of(|site: &mut Site| {
        in_runbook(site, |runbook| {
            runbook.inputs = vec![
                input("count", InputKind::Int { min: None, max: None }, Some("1")),
                input("mode", InputKind::String { pattern: None }, Some("soft")),
            ];
        });
    })
}

fn wanted() -> WantedStanding {
    WantedStanding {
        workspace: "prod-web".into(),
        runbook: "restart".into(),
        inputs: BTreeMap::from([("count".to_owned(), Allowed::Between { least: 1, most: 3 })]),
        hosts_max: 4,
        for_ms: 30 * DAY_MS,
        reason: "done every week".to_owned(),
    }
}

fn wants(driver: &mut Driver, who: &str, wanted: WantedStanding) -> Result<(), Rule> {
    let before = driver.world.clone();
    let done = driver.as_person(who, Ask::WantStanding(Box::new(wanted))).map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

fn says(driver: &mut Driver, who: &str, word: Word) -> Result<(), Rule> {
    let before = driver.world.clone();
    let seen = Seen::Binding(driver.world.standings[&S1].binding);
    let ask = Ask::InStanding { standing: S1, word, reason: "seen".to_owned() };
    let done = driver.submit(actor(who), seen, ask).map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

const YES: Word = Word::Vote(Choice::Approve);

/// One that ada asked for and grace gave.
fn given() -> Driver {
    let mut driver = house();
    wants(&mut driver, "ada", wanted()).unwrap();
    says(&mut driver, "grace", YES).unwrap();
    driver
}

fn form(inputs: &[(&str, &str)]) -> Proposal {
    let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Proposal { inputs, select: Some("host:web-1".to_owned()), ..proposal() }
}

/// Proposes as somebody; whether it may start without an approval of its own.
fn needs_none(driver: &mut Driver, who: &str, form: Proposal) -> (u64, bool) {
    driver.as_person(who, Ask::Propose(Box::new(form))).unwrap();
    driver.carry_out_checks();
    let id = driver.world.next_run - 1;
    let run = driver.run(id);
    assert_eq!(run.plan.standing.is_some(), run.phase == Phase::Approved, "marked as what it is");
    (id, run.phase == Phase::Approved)
}

#[test]
fn a_run_inside_the_bounds_starts_at_once_by_one_operator_and_is_reviewed_as_any_other() {
    let mut driver = given();
    let (id, at_once) = needs_none(&mut driver, "bo", form(&[("count", "3")]));
    assert!(at_once);
    assert_eq!(scope(&driver, id), "approved in advance by S1");
    driver.start("bo", id);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    let row = crate::domain::history::row(&driver.run(id));
    assert_eq!((row.acts.standing, row.acts.approvals.len()), (Some(S1), 0));
    let gaps = crate::domain::compliance::gaps(&row);
    let unapproved = crate::domain::compliance::Gap::NotApproved;
    assert!(!gaps.contains(&unapproved), "a report names what stood in its place: {gaps:?}");
    driver.as_person("bo", Ask::Close { run: RunId(id), note: "as every week".to_owned() }).unwrap();
    driver
        .as_person("lea", Ask::Review { run: RunId(id), comment: "seen".to_owned(), follow_ups: Vec::new() })
        .unwrap();
    assert_eq!(fold(&driver), driver.world);
}

/// What the checkpoints say of who approved it.
fn scope(driver: &Driver, id: u64) -> String {
    let workspace = driver.world.workspace(&"prod-web".into()).unwrap();
    crate::domain::checkpoint::of(workspace, &driver.run(id)).remove(0).words
}

#[test]
fn a_checkpoint_claims_no_standing_approval_that_is_in_force_no_more() {
    let mut driver = given();
    let (id, _) = needs_none(&mut driver, "bo", form(&[("count", "3")]));
    says(&mut driver, "kim", Word::Revoke).unwrap();
    assert_eq!(scope(&driver, id), "not approved yet");
    driver.approve("grace", id).unwrap();
    assert_eq!(scope(&driver, id), "approved by grace");
}

#[test]
fn whatever_is_outside_the_bounds_needs_an_approval_of_its_own() {
    let outside: [(&str, Proposal); 5] = [
        ("an input beyond its range", form(&[("count", "4")])),
        ("an input that was not named", form(&[("count", "2"), ("mode", "hard")])),
        ("raised by the proposer", Proposal { raise_to: Some(Impact::High), ..form(&[("count", "2")]) }),
        ("another selection is fine, more hosts are not", Proposal { select: None, ..form(&[]) }),
        ("two", Proposal { select: Some("host:web-1 | host:web-2".to_owned()), ..form(&[]) }),
    ];
    for (what, form) in outside {
        let mut driver = house();
        wants(&mut driver, "ada", WantedStanding { hosts_max: 1, ..wanted() }).unwrap();
        says(&mut driver, "grace", YES).unwrap();
        assert!(!needs_none(&mut driver, "bo", form).1, "{what}");
    }
}

#[test]
fn z39_runs_split_to_stay_below_the_host_maximum_are_counted_together() {
    let mut driver = house();
    wants(&mut driver, "ada", WantedStanding { hosts_max: 2, ..wanted() }).unwrap();
    says(&mut driver, "grace", YES).unwrap();
    let on = |host: &str| Proposal { select: Some(host.to_owned()), ..form(&[]) };
    assert!(needs_none(&mut driver, "bo", on("host:web-1")).1);
    assert!(needs_none(&mut driver, "bo", on("host:web-2")).1);
    assert!(!needs_none(&mut driver, "bo", on("host:web-3")).1, "a third host within the hour");
}

#[test]
fn z01_nobody_gives_themselves_one_and_its_quorum_is_as_a_runs() {
    let mut driver = house();
    wants(&mut driver, "kim", wanted()).unwrap();
    assert_eq!(says(&mut driver, "kim", YES), Err(Rule::SeparationSelf));
    assert_eq!(says(&mut driver, "ada", YES), Err(Rule::Role));
    let unseen = Ask::InStanding { standing: S1, word: YES, reason: "seen".to_owned() };
    assert_eq!(driver.as_person("grace", unseen).unwrap_err().rule, Rule::BindingDrift);
    says(&mut driver, "grace", YES).unwrap();
    assert!(needs_none(&mut driver, "bo", form(&[])).1);
}

#[test]
fn z30_whoever_wrote_the_runbook_last_does_not_give_it_alone() {
    let mut driver = driver_of(|site| {
        site.editors.insert("restart".into(), ["grace".into()].into());
    });
    wants(&mut driver, "ada", WantedStanding { inputs: BTreeMap::new(), ..wanted() }).unwrap();
    says(&mut driver, "grace", YES).unwrap();
    assert!(driver.world.standings[&S1].given.is_none());
    says(&mut driver, "kim", YES).unwrap();
    assert!(driver.world.standings[&S1].given.is_some());
}

#[test]
fn what_would_be_high_impact_or_last_too_long_or_names_no_input_is_not_asked_for() {
    let mut driver = house();
    let name = |name: &str, allowed| BTreeMap::from([(name.to_owned(), allowed)]);
    let wrong = [
        (WantedStanding { hosts_max: 0, ..wanted() }, Rule::Input),
        (WantedStanding { for_ms: FOR_MS_MAX + 1, ..wanted() }, Rule::Input),
        (WantedStanding { inputs: name("colour", Allowed::Any), ..wanted() }, Rule::Input),
        (WantedStanding { inputs: name("mode", Allowed::Between { least: 1, most: 2 }), ..wanted() }, Rule::Input),
        (WantedStanding { inputs: name("count", Allowed::Between { least: 2, most: 1 }), ..wanted() }, Rule::Input),
        (WantedStanding { inputs: name("count", Allowed::Is("many".to_owned())), ..wanted() }, Rule::Input),
        (WantedStanding { reason: String::new(), ..wanted() }, Rule::ReasonMissing),
        (WantedStanding { runbook: "nothing".into(), ..wanted() }, Rule::NotFound),
        (WantedStanding { workspace: "elsewhere".into(), ..wanted() }, Rule::NotFound),
    ];
    for (said, rule) in wrong {
        assert_eq!(wants(&mut driver, "ada", said.clone()), Err(rule), "{said:?}");
    }
    assert_eq!(wants(&mut driver, "lea", wanted()), Err(Rule::Role));
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.impact = Impact::Medium));
    let high = WantedStanding { inputs: BTreeMap::new(), ..wanted() };
    assert_eq!(wants(&mut driver, "ada", high), Err(Rule::Limit), "medium, raised by production");
}

#[test]
fn revoked_by_one_word_what_waits_by_it_waits_and_what_runs_pauses() {
    let mut driver = given();
    let (waits, _) = needs_none(&mut driver, "bo", form(&[]));
    let (runs, _) = needs_none(&mut driver, "ada", Proposal { select: Some("host:web-2".to_owned()), ..form(&[]) });
    driver.start("ada", runs);
    driver.carry_out_checks();
    assert_eq!(driver.run(runs).phase, Phase::Running);
    assert_eq!(says(&mut driver, "lea", Word::Revoke), Err(Rule::Role), "only reviews");
    says(&mut driver, "bo", Word::Revoke).unwrap();
    assert_eq!(driver.run(waits).phase, Phase::Waiting);
    assert_eq!(driver.run(runs).phase, Phase::Paused(PauseCause::Authority));
    assert!(!needs_none(&mut driver, "bo", form(&[])).1, "nor does the next one");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn it_ends_with_its_time_and_an_approver_who_may_no_more_takes_it_along() {
    let mut driver = given();
    driver.at = NOON.plus_ms(30 * DAY_MS);
    driver.wake();
    assert!(driver.world.standings.is_empty());
    assert!(!needs_none(&mut driver, "bo", form(&[])).1);

    let mut driver = given();
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_workspace(&mut site, |place| {
        place.members.insert("grace".into(), [Role::Owner].into());
    });
    site.digest = Digest::of(b"grace approves no more");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "I asked for it".to_owned() }).unwrap();
    assert!(!needs_none(&mut driver, "bo", form(&[])).1);
}

/// Puts a changed site into force, by kim and grace.
fn changed(driver: &mut Driver, change: impl FnOnce(&mut Site)) {
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    change(&mut site);
    site.digest = Digest::of(b"changed");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
}

#[test]
fn what_policy_has_come_to_ask_more_for_is_approved_run_by_run() {
    let mut driver = given();
    assert!(needs_none(&mut driver, "bo", form(&[])).1);
    changed(&mut driver, |site| in_workspace(site, |place| place.policy.second_factor = Some(Impact::Medium)));
    assert!(!needs_none(&mut driver, "bo", form(&[])).1, "a code of the second factor, each time");

    let mut driver = given();
    let two = Quorum { impact: Impact::Medium, from: vec![Seat { role: Role::Approver, n: 2 }] };
    changed(&mut driver, |site| in_workspace(site, |place| place.policy.quorums = vec![two]));
    assert!(!needs_none(&mut driver, "bo", form(&[])).1, "one person gave it");
    says(&mut driver, "kim", YES).unwrap();
    let (id, at_once) = needs_none(&mut driver, "bo", form(&[]));
    assert!(at_once, "two have by now");
    says(&mut driver, "grace", Word::Vote(Choice::Retract)).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Waiting, "one of them no more, and one is what it was given by at first");
}

#[test]
fn z08_another_version_of_the_runbook_voids_it() {
    let mut driver = given();
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_runbook(&mut site, |runbook| {
        runbook.source.push_str("\n# changed");
        runbook.digest = Digest::of(b"changed");
    });
    site.digest = Digest::of(b"another version");
    driver.as_person("kim", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    assert!(driver.world.standings.is_empty(), "void");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn what_lapses_by_time_is_recorded_on_a_full_disk_too() {
    // Every command ends first what is over: were that no winding down, a full disk would refuse every report.
    let mut driver = given();
    let (waits, _) = needs_none(&mut driver, "bo", form(&[]));
    let ask =
        Ask::Elevate { workspace: "prod-web".into(), role: Role::Reviewer, for_ms: 3_600_000, reason: "x".to_owned() };
    driver.as_person("ada", ask).unwrap();
    driver.at = driver.at.plus_ms(3_600_000);
    driver.as_person("bo", Ask::Schedule { run: RunId(waits), at: driver.at.plus_ms(60_000) }).unwrap();
    driver.at = NOON.plus_ms(30 * DAY_MS);
    let lapsed = driver.engine(Ask::Lapse).unwrap();
    assert!(lapsed.len() >= 4, "the request, the approval, the run and its schedule: {lapsed:?}");
    let begins: Vec<_> = lapsed.iter().filter(|entry| !entry.event.winds_down()).collect();
    assert!(begins.is_empty(), "{begins:?}");
}
