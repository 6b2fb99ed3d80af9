//! What is left to do after a run: who gives it, who closes it, and what closes it by itself.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::deviation::Deviation;
use crate::domain::event::Event;
use crate::domain::fixture::NOON;
use crate::domain::follow_up::{self, Act, Draft, FollowUpId, Source, State, Wanted, day, due_day};
use crate::domain::id::{Digest, PersonId, Timestamp};
use crate::domain::people::Role;

const DAY_MS: u64 = 24 * 3_600_000;

fn draft(owner: &str, in_days: u64) -> Draft {
    let due = day(NOON.plus_ms(in_days * DAY_MS));
    Draft { owner: owner.into(), due, text: "Automate the drain.".to_owned(), runbook: None }
}

fn add(draft: Draft) -> Ask {
    Ask::FollowUp(Wanted::Add { workspace: "prod-web".into(), draft, from: Source::Person })
}

fn done(id: u64) -> Ask {
    Ask::FollowUp(Wanted::Done { id: FollowUpId(id), note: "It drains by itself.".to_owned() })
}

/// A run that is closed and waits for its review.
fn closed(driver: &mut Driver) -> u64 {
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "New key everywhere.".to_owned() }).unwrap();
    id
}

fn review(id: u64, follow_ups: Vec<Draft>) -> Ask {
    Ask::Review { run: RunId(id), comment: "Clean.".to_owned(), follow_ups }
}

fn open(driver: &Driver) -> Vec<FollowUpId> {
    driver.world.follow_ups.keys().copied().collect()
}

/// A new version of the site in force, as another owner accepts it.
fn put_in_force(driver: &mut Driver, change: impl FnOnce(&mut crate::domain::site::Site)) {
    let mut site = (**driver.world.site.as_ref().unwrap()).clone();
    change(&mut site);
    site.digest = Digest::of(format!("{:?}", driver.world.events).as_bytes());
    let digest = site.digest;
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    if driver.world.pending.is_some() {
        driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    }
}

#[test]
fn a_reviewer_gives_follow_ups_with_the_sign_off_and_they_outlive_the_run() {
    let mut driver = driver();
    let id = closed(&mut driver);
    driver.as_person("lea", review(id, vec![draft("bo", 14), draft("grace", 1)])).unwrap();
    assert!(driver.world.run(RunId(id)).is_none());
    let (lea, bo) = (PersonId::new("lea"), PersonId::new("bo"));
    let listed = follow_up::open_for(&driver.world, &bo);
    let shown: Vec<(u64, &str)> = listed.iter().map(|one| (one.id.0, one.owner.as_str())).collect();
    assert_eq!(shown, [(2, "grace"), (1, "bo")], "the earliest due first");
    assert_eq!((&listed[0].by, &listed[0].from), (&lea, &Source::Run(RunId(id))));
    assert_eq!(follow_up::open_for(&driver.world, &PersonId::new("mallory")), Vec::<&Arc<_>>::new());
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_review_with_one_wrong_follow_up_signs_nothing_off() {
    let mut driver = driver();
    let id = closed(&mut driver);
    let yesterday = Draft { due: day(Timestamp(NOON.0 - 86_400_000)), ..draft("bo", 0) };
    let many = vec![draft("bo", 1); follow_up::FOLLOW_UPS_PER_REVIEW_MAX + 1];
    let cases = [
        (vec![draft("bo", 1), draft("mallory", 1)], Rule::Input, "no member of prod-web"),
        (vec![draft("bo", 1), yesterday], Rule::Input, "is over"),
        (vec![Draft { text: "  ".to_owned(), ..draft("bo", 1) }], Rule::ReasonMissing, "what is to be done"),
        (vec![Draft { text: "x".repeat(3_000), ..draft("bo", 1) }], Rule::Limit, "bytes of text"),
        (vec![Draft { runbook: Some("restrat".into()), ..draft("bo", 1) }], Rule::NotFound, "no runbook"),
        (many, Rule::Limit, "20 follow-ups at most"),
    ];
    for (drafts, rule, words) in cases {
        let before = driver.world.clone();
        let refusal = driver.as_person("lea", review(id, drafts)).unwrap_err();
        assert_eq!(refusal.rule, rule, "{refusal}");
        assert!(refusal.what.contains(words), "{refusal}");
        assert_eq!(driver.world, before);
    }
    assert!(matches!(driver.run(id).phase, Phase::Closed(_)));
    // Today itself is in time.
    driver.as_person("lea", review(id, vec![draft("bo", 0)])).unwrap();
}

#[test]
fn its_owner_a_reviewer_or_an_owner_of_the_workspace_closes_one_and_nobody_else() {
    let mut driver = driver();
    for _ in 0..4 {
        driver.as_person("ada", add(draft("bo", 14))).unwrap();
    }
    let refusal = driver.as_person("kim", done(1)).unwrap_err();
    assert_eq!((refusal.rule, refusal.who_may.as_str()), (Rule::Role, "bo, a reviewer or an owner"));
    assert_eq!(driver.as_person("ada", done(1)).unwrap_err().rule, Rule::Role, "giving it is no right to close it");
    let blank = Ask::FollowUp(Wanted::Done { id: FollowUpId(1), note: " ".to_owned() });
    assert_eq!(driver.as_person("bo", blank).unwrap_err().rule, Rule::ReasonMissing);
    for (who, id) in [("bo", 1), ("lea", 2), ("grace", 3)] {
        driver.as_person(who, done(id)).unwrap();
        assert_eq!(driver.as_person(who, done(id)).unwrap_err().rule, Rule::NotFound, "once");
    }
    assert_eq!(open(&driver), [FollowUpId(4)]);
    let told = follow_up::told(&driver.log);
    assert_eq!(told.len(), 4, "closed ones stand in the record");
    let State::Done(note) = &told.last().unwrap().state else { panic!("done") };
    assert_eq!((note.by.as_str(), note.text.as_str()), ("bo", "It drains by itself."));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z51_a_follow_up_of_another_workspace_is_as_one_that_is_not_there() {
    let mut driver = driver_of(|site| {
        let mut other = fixture::workspace("lab");
        other.members.remove(&PersonId::new("bo"));
        site.workspaces.insert("lab".into(), Arc::new(other));
    });
    let draft_of = Ask::FollowUp(Wanted::Add { workspace: "lab".into(), draft: draft("ada", 1), from: Source::Person });
    driver.as_person("grace", draft_of.clone()).unwrap();
    let hidden = driver.as_person("bo", done(1)).unwrap_err();
    let missing = driver.as_person("bo", done(2)).unwrap_err();
    assert_eq!(hidden.to_string().replace("F1", "F2"), missing.to_string());
    let refusal = driver.as_person("bo", draft_of).unwrap_err();
    assert_eq!((refusal.rule, refusal.what.as_str()), (Rule::NotFound, "no workspace is called lab"));
    let elsewhere = driver.log.last().unwrap();
    assert_eq!(elsewhere.event.workspace().map(|id| id.as_str()), Some("lab"));
}

#[test]
fn one_about_a_runbook_closes_when_another_version_of_it_comes_into_force_and_no_sooner() {
    let mut driver = driver();
    let about = Draft { runbook: Some("restart".into()), ..draft("bo", 14) };
    driver.as_person("lea", add(about)).unwrap();
    driver.as_person("lea", add(draft("bo", 14))).unwrap();
    put_in_force(&mut driver, |site| site.theme = "dusk".to_owned());
    assert_eq!(open(&driver).len(), 2, "the site changed, and not its runbook");

    let new = Digest::of(b"restart, automated");
    let mut site = (**driver.world.site.as_ref().unwrap()).clone();
    Arc::make_mut(site.runbooks.get_mut(&"restart".into()).unwrap()).digest = new;
    site.digest = Digest::of(b"automated");
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    assert!(driver.world.pending.is_some());
    assert_eq!(open(&driver).len(), 2, "it waits for its second person, and so does what it closes");
    let digest = Digest::of(b"automated");
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    assert_eq!(open(&driver), [FollowUpId(2)]);
    let told = follow_up::told(&driver.log);
    let first = told.iter().find(|told| told.given.id == FollowUpId(1)).unwrap();
    let State::Replaced { digest, by, .. } = &first.state else { panic!("replaced") };
    assert_eq!((*digest, by.as_ref().unwrap().as_str()), (new, "grace"));
    assert_eq!(first.given.by.as_str(), "lea", "who gave it stays known");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_runbook_that_is_gone_closes_nothing() {
    let mut driver = driver();
    let about = Draft { runbook: Some("restart".into()), ..draft("bo", 14) };
    driver.as_person("lea", add(about)).unwrap();
    put_in_force(&mut driver, |site| site.runbooks.clear());
    assert_eq!(open(&driver), [FollowUpId(1)]);
}

#[test]
fn whoever_only_looks_gives_nothing_and_nobody_gives_one_in_the_name_of_a_review() {
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| drop(place.members.insert("ada".into(), [Role::Viewer].into())));
    });
    assert_eq!(driver.as_person("ada", add(draft("bo", 1))).unwrap_err().rule, Rule::Role);
    let forged = Wanted::Add { workspace: "prod-web".into(), draft: draft("bo", 1), from: Source::Run(RunId(1)) };
    assert_eq!(driver.as_person("bo", Ask::FollowUp(forged)).unwrap_err().rule, Rule::Input);
    let nowhere = Source::Deviation(Deviation::NoNote(RunId(7)));
    let about_nothing = Wanted::Add { workspace: "prod-web".into(), draft: draft("bo", 1), from: nowhere };
    assert_eq!(driver.as_person("bo", Ask::FollowUp(about_nothing)).unwrap_err().rule, Rule::NotFound);
    assert_eq!(driver.engine(add(draft("bo", 1))).unwrap_err().rule, Rule::ActorMachine);
    assert_eq!(open(&driver), []);
}

#[test]
fn it_is_overdue_once_its_day_is_over_in_utc() {
    let mut driver = driver();
    driver.as_person("ada", add(draft("bo", 1))).unwrap();
    let one = &driver.world.follow_ups[&FollowUpId(1)];
    let midnight = Timestamp(one.due.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond());
    let ends = midnight.plus_ms(DAY_MS);
    assert!(!one.is_overdue(Timestamp(ends.0 - 1)));
    assert!(one.is_overdue(ends));
}

#[test]
fn follow_ups_are_written_as_owner_due_and_text() {
    let read = |text: &str| Draft::parse(text, NOON);
    let fine = read(" bo : 14d : Automate the drain: all of it ").unwrap();
    assert_eq!((fine.owner.as_str(), fine.text.as_str()), ("bo", "Automate the drain: all of it"));
    assert_eq!(fine.due.to_string(), "2026-12-07");
    assert_eq!(due_day("2026-12-24", NOON).unwrap().to_string(), "2026-12-24");
    for wrong in ["", "bo", "bo:14d", "bo:14d:", ":14d:x", "bo:soon:x", "bo:2026-13-01:x", "bo:14:x"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Draft::parse_line("bo:1d:one; lea:2d:two ;", NOON).unwrap().len(), 2);
    assert_eq!(Draft::parse_line("  ", NOON).unwrap(), []);
    assert!(Draft::parse_line("bo:1d:one; lea", NOON).is_err());
}

#[test]
fn a_ledger_that_closes_one_twice_or_gives_one_twice_is_damaged() {
    let mut driver = driver();
    driver.as_person("ada", add(draft("bo", 1))).unwrap();
    driver.as_person("bo", done(1)).unwrap();
    let mut world = driver.world.clone();
    for recorded in driver.log.iter().rev().take(2) {
        let act = match &recorded.event {
            Event::Beside(Beside::FollowUp { act, .. }) => act.clone(),
            _ => panic!("a follow-up"),
        };
        assert!(matches!(act, Act::Done | Act::Added { .. }));
        assert!(evolve(&mut world, recorded).is_err(), "{act:?}");
    }
}

#[test]
fn a_run_that_nothing_verified_is_closed_by_a_note_that_says_so_and_none_is_reviewed_without_a_note() {
    let mut driver = driver_of(|site| in_runbook(site, |runbook| runbook.verify.clear()));
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Unverified));
    assert_eq!(driver.as_person("lea", review(id, Vec::new())).unwrap_err().rule, Rule::State);
    let close = |note: &str| Ask::Close { run: RunId(id), note: note.to_owned() };
    let before = driver.world.clone();
    let refusal = driver.as_person("ada", close("New key everywhere.")).unwrap_err();
    assert_eq!(refusal.rule, Rule::ReasonMissing);
    assert!(refusal.what.contains("nothing verified #1"), "{refusal}");
    assert_eq!(driver.world, before);
    driver.as_person("ada", close("Not verified: looked at the graphs.")).unwrap();
    driver.as_person("lea", review(id, Vec::new())).unwrap();
}
