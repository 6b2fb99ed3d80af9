//! What is proved out of rows and the world: compliance and its gaps, a week's deviations, what touched a host.

use super::*;
use crate::domain::changes::{self, How};
use crate::domain::compliance::{self, Gap, Head, Report};
use crate::domain::deviation::Deviation;
use crate::domain::event::Recorded;
use crate::domain::fixture::NOON;
use crate::domain::follow_up::{self, Draft, Source, Wanted, day};
use crate::domain::history::{self, Verification};
use crate::domain::id::{PersonId, StepId, Timestamp};
use crate::domain::people::Role;
use crate::domain::plan::Proposal;
use crate::domain::proof::{Period, may_prove, places};
use crate::domain::query::HistoryRow;
use crate::domain::run::Run;
use crate::domain::week::{self, Heard, Week};
use std::collections::BTreeMap;

const DAY_MS: u64 = 24 * 3_600_000;

/// The rows of every run there was, the latest first, as the views keep them.
fn rows(driver: &Driver) -> Vec<HistoryRow> {
    let mut world = World { origin: "test".to_owned(), ..World::default() };
    let mut runs: BTreeMap<RunId, Arc<Run>> = BTreeMap::new();
    for recorded in &driver.log {
        runs.extend(evolve(&mut world, recorded).unwrap().map(|run| (run.id, run)));
    }
    runs.values().rev().map(|run| history::row(run)).collect()
}

fn served() -> Driver {
    driver_of(|site| {
        in_runbook(site, |runbook| runbook.controls = vec!["ISO27001:A.8.32".to_owned(), "SOC2:CC8.1".to_owned()]);
        let mut other = fixture::runbook("access-review");
        other.controls = vec!["SOC2:CC6.2".to_owned()];
        site.runbooks.insert("access-review".into(), Arc::new(other));
    })
}

fn head(driver: &Driver, control: Option<&str>) -> Head {
    Head {
        since: Timestamp(NOON.0 - 1),
        until: driver.at.plus_ms(1),
        control: control.map(str::to_owned),
        workspaces: vec!["prod-web".into()],
        made: driver.at,
        by: "grace".into(),
        events: driver.world.events,
    }
}

fn report(driver: &Driver, control: Option<&str>) -> Report {
    compliance::report(head(driver, control), driver.world.site.as_deref(), rows(driver))
}

fn close(driver: &mut Driver, id: u64, note: &str) {
    driver.as_person("ada", Ask::Close { run: RunId(id), note: note.to_owned() }).unwrap();
}

fn sign(driver: &mut Driver, id: u64) {
    let ask = Ask::Review { run: RunId(id), comment: "Clean.".to_owned(), follow_ups: Vec::new() };
    driver.as_person("lea", ask).unwrap();
}

fn fail_steps(cleared: &crate::domain::policy::Cleared) -> CellResult {
    match cleared.order().key.slot.item {
        Item::Step(_) => CellResult::Failed(Reason::Exit(1)),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => CellResult::Ok,
    }
}

#[test]
fn a_run_that_went_by_the_book_has_no_gap_and_each_act_has_its_person_and_moment() {
    let mut driver = served();
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    driver.at = driver.at.plus_ms(60_000);
    close(&mut driver, id, "New key everywhere.");
    driver.at = driver.at.plus_ms(60_000);
    sign(&mut driver, id);
    let found = report(&driver, None);
    let [row] = found.runs.as_slice() else { panic!("one run") };
    let acts = &row.acts;
    assert_eq!(compliance::gaps(row), []);
    assert_eq!((acts.approvals[0].by.as_str(), acts.approvals[0].at), ("grace", NOON));
    let (noted, reviewed) = (acts.noted.as_ref().unwrap(), acts.reviewed.as_ref().unwrap());
    assert_eq!(
        (noted.by.as_str(), noted.at, noted.text.as_str()),
        ("ada", NOON.plus_ms(60_000), "New key everywhere.")
    );
    assert_eq!((reviewed.by.as_str(), reviewed.at), ("lea", NOON.plus_ms(120_000)));
    assert_eq!(acts.verification, Verification::Passed);
    let controls: Vec<(&str, usize, Vec<Gap>)> = found
        .controls
        .iter()
        .map(|control| (control.id.as_str(), control.runs.len(), control.gaps.iter().map(|(_, gap)| *gap).collect()))
        .collect();
    let none = Vec::new();
    let wanted = [("ISO27001:A.8.32", 1, none.clone()), ("SOC2:CC6.2", 0, vec![Gap::NoRun]), ("SOC2:CC8.1", 1, none)];
    assert_eq!(controls, wanted);
}

#[test]
fn gaps_name_what_is_missing_of_which_run() {
    let mut driver = served();
    let failed = driver.start_one();
    driver.carry_out(fail_steps);
    driver.as_person("ada", Ask::Stop { run: RunId(failed), how: StopHow::Now, reason: "enough".to_owned() }).unwrap();
    let void = {
        driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
        driver.world.next_run - 1
    };
    let mut site = (**driver.world.site.as_ref().unwrap()).clone();
    in_workspace(&mut site, |place| place.policy.execution_expiry_ms += 1);
    site.digest = crate::domain::id::Digest::of(b"drifted");
    let digest = site.digest;
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    let found = report(&driver, Some("soc2:cc8.1"));
    let [control] = found.controls.as_slice() else { panic!("{:?}", found.controls) };
    let run = |id: u64| Some(RunId(id));
    let wanted = [
        (run(failed), Gap::Failed),
        (run(failed), Gap::Unverified),
        (run(failed), Gap::NoNote),
        (run(failed), Gap::NotReviewed),
        (run(void), Gap::Void),
    ];
    assert_eq!(control.gaps, wanted);
    assert_eq!(report(&driver, Some("SOC2:CC6.2")).runs, [], "runs that served another control are left out");
    assert_eq!(report(&driver, Some("GDPR:32")).controls, []);
}

#[test]
fn only_auditors_and_owners_prove_and_for_others_the_workspace_is_not_there() {
    let driver = driver_of(|site| {
        in_workspace(site, |place| drop(place.members.insert("kim".into(), [Role::Auditor].into())));
    });
    let (world, id) = (&driver.world, "prod-web".into());
    for who in ["grace", "kim"] {
        assert_eq!(places(world, &PersonId::new(who), Some(&id), may_prove).unwrap().len(), 1, "{who}");
    }
    for who in ["ada", "lea", "mallory"] {
        let hidden = places(world, &PersonId::new(who), Some(&id), may_prove).unwrap_err();
        assert_eq!((hidden.rule, hidden.what.as_str()), (Rule::NotFound, "no workspace is called prod-web"), "{who}");
        assert_eq!(places(world, &PersonId::new(who), None, may_prove).unwrap_err().rule, Rule::NotFound);
    }
}

#[test]
fn a_period_that_ends_before_it_begins_is_none() {
    let period = |since: i64, until: i64| Period {
        workspace: None,
        since: Timestamp(since),
        until: Timestamp(until),
        about: None,
    };
    assert!(period(1, 2).check().is_ok());
    for (since, until) in [(2, 2), (3, 2), (0, 3 * 366 * 86_400_000)] {
        assert_eq!(period(since, until).check().unwrap_err().rule, Rule::Input, "{since} {until}");
    }
}

/// What the last seven days of the driver's world come to.
fn week_of(driver: &Driver, release: Option<&str>) -> Week {
    let period = Period {
        workspace: None,
        since: driver.at.minus_ms(30 * DAY_MS),
        until: driver.at.plus_ms(1),
        about: release.map(str::to_owned),
    };
    let workspaces: Vec<_> = driver.world.site.as_ref().unwrap().workspaces.values().cloned().collect();
    let mut rows = rows(driver);
    rows.retain(|row| release.is_none_or(|text| week::is_of_release(row, text)));
    let looks: Vec<Recorded> = driver.log.clone();
    let heard = Heard::of(&looks, &follow_up::told(&driver.log), period.since);
    week::look(&driver.world, &workspaces, &period, &rows, &heard, driver.at)
}

fn named(week: &Week) -> Vec<String> {
    week.deviations.iter().map(|line| line.deviation.to_string()).collect()
}

#[test]
fn a_week_names_what_was_let_pass_left_out_and_overdue() {
    let mut driver = driver_of(|site| {
        in_runbook(site, |runbook| {
            runbook.preflight[0].severity = crate::domain::runbook::Severity::Warn;
            runbook.steps[1].tags = ["extra".to_owned()].into();
        });
    });
    let form = Proposal { tags: ["extra".to_owned()].into(), ..proposal() };
    driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
    let id = driver.world.next_run - 1;
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Preflight(_) => CellResult::Failed(Reason::Exit(1)),
        Item::Reach | Item::Step(_) | Item::Verify(_) => CellResult::Ok,
    });
    let warning = StepId::new("disk");
    driver.as_person("kim", Ask::AcceptWarning { run: RunId(id), warning, reason: "known, CHG-1".to_owned() }).unwrap();
    let due = day(NOON.plus_ms(DAY_MS));
    let draft = Draft { owner: "bo".into(), due, text: "Automate it.".to_owned(), runbook: None };
    let add = Wanted::Add { workspace: "prod-web".into(), draft, from: Source::Person };
    driver.as_person("lea", Ask::FollowUp(add)).unwrap();
    assert_eq!(named(&week_of(&driver, None)), ["warning:1:disk"]);
    driver.at = NOON.plus_ms(3 * DAY_MS);
    assert_eq!(named(&week_of(&driver, None)), ["warning:1:disk", "follow-up:F1"]);
}

#[test]
fn a_run_over_without_note_or_review_deviates_and_each_once_it_is_late() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(named(&week_of(&driver, None)), ["note:1"]);
    close(&mut driver, id, "New key everywhere.");
    assert_eq!(named(&week_of(&driver, None)), Vec::<String>::new());
    driver.at = NOON.plus_ms(7 * DAY_MS);
    assert_eq!(named(&week_of(&driver, None)), Vec::<String>::new(), "in time until a week is over");
    driver.at = driver.at.plus_ms(1);
    assert_eq!(named(&week_of(&driver, None)), ["review:1"]);
    // Asked for before the period began, it lies about all the same.
    let only_today = |driver: &Driver| {
        let (since, until) = (driver.at, driver.at.plus_ms(1));
        let period = Period { workspace: None, since, until, about: None };
        let workspaces: Vec<_> = driver.world.site.as_ref().unwrap().workspaces.values().cloned().collect();
        named(&week::look(&driver.world, &workspaces, &period, &[], &Heard::default(), driver.at))
    };
    assert_eq!(only_today(&driver), ["review:1"]);
    sign(&mut driver, id);
    assert_eq!(only_today(&driver), Vec::<String>::new());
    assert_eq!(named(&week_of(&driver, None)), ["review:1"], "late is late");
}

#[test]
fn looking_at_one_is_recorded_with_person_and_reason_and_becoming_a_follow_up_counts_as_well() {
    let mut driver = driver();
    for _ in 0..2 {
        let id = driver.start_one();
        driver.carry_out(|_| CellResult::Ok);
        assert!(matches!(driver.run(id).phase, Phase::Ended(_)));
    }
    let look = |run: u64, reason: &str| Ask::LookAt {
        workspace: "prod-web".into(),
        deviation: Deviation::NoNote(RunId(run)),
        reason: reason.to_owned(),
    };
    assert_eq!(driver.as_person("ada", look(1, "seen")).unwrap_err().rule, Rule::Role);
    assert_eq!(driver.as_person("mallory", look(1, "seen")).unwrap_err().rule, Rule::ActorUnknown);
    assert_eq!(driver.as_person("lea", look(1, " ")).unwrap_err().rule, Rule::ReasonMissing);
    assert_eq!(driver.as_person("lea", look(9, "seen")).unwrap_err().rule, Rule::NotFound);
    for nothing in ["stale:nothing", "unused:lea:operator", "follow-up:F7", "note:9"] {
        let deviation = nothing.parse().unwrap();
        let ask = Ask::LookAt { workspace: "prod-web".into(), deviation, reason: "seen".to_owned() };
        let refusal = driver.as_person("lea", ask).unwrap_err();
        assert_eq!((refusal.rule, refusal.what), (Rule::NotFound, format!("prod-web has no deviation {nothing}")));
    }
    assert_eq!(week_of(&driver, None).open(), 2);
    driver.as_person("lea", look(1, "ada writes it today")).unwrap();
    let draft = Draft {
        owner: "ada".into(),
        due: day(NOON.plus_ms(DAY_MS)),
        text: "Write the note.".to_owned(),
        runbook: Some("restart".into()),
    };
    let from = Source::Deviation(Deviation::NoNote(RunId(2)));
    driver.as_person("lea", Ask::FollowUp(Wanted::Add { workspace: "prod-web".into(), draft, from })).unwrap();
    let week = week_of(&driver, None);
    assert_eq!(week.open(), 0);
    let said = week.deviations.iter().find_map(|line| line.looked.as_ref()).unwrap();
    assert_eq!((said.by.as_str(), said.text.as_str()), ("lea", "ada writes it today"));
    assert!(week.deviations.iter().any(|line| line.follow_up.is_some()));
    // A period that begins later has to be looked at anew.
    let heard = Heard::of(&driver.log, &follow_up::told(&driver.log), driver.at.plus_ms(1));
    let period = Period { workspace: None, since: driver.at.plus_ms(1), until: driver.at.plus_ms(2), about: None };
    let workspaces: Vec<_> = driver.world.site.as_ref().unwrap().workspaces.values().cloned().collect();
    let later = week::look(&driver.world, &workspaces, &period, &rows(&driver), &heard, driver.at);
    assert_eq!(later.open(), 2);
}

#[test]
fn a_release_is_the_runs_whose_ticket_or_reason_holds_its_name() {
    let mut driver = driver();
    for (ticket, reason) in [("CHG-1", "Release 2026.11 to all"), ("REL-2026.11", "x"), ("CHG-3", "Something else")] {
        let form = Proposal { ticket: ticket.to_owned(), reason: reason.to_owned(), ..proposal() };
        driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
        driver.carry_out(|_| CellResult::Ok);
    }
    let week = week_of(&driver, Some("2026.11"));
    assert_eq!(week.runs.iter().map(|run| run.run.0).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_role_that_nobody_used_for_a_quarter_deviates_and_using_it_ends_that() {
    let mut driver = driver();
    driver.start_one();
    driver.at = NOON.plus_ms(91 * DAY_MS);
    let unused = named(&week_of(&driver, None));
    let of = |line: &&String| line.starts_with("unused:");
    let mut found: Vec<&String> = unused.iter().filter(of).collect();
    found.sort();
    let wanted = [
        "unused:ada:operator",
        "unused:bo:operator",
        "unused:grace:approver",
        "unused:grace:owner",
        "unused:kim:approver",
        "unused:kim:operator",
        "unused:lea:reviewer",
    ];
    assert_eq!(found, wanted);
    let words = &week_of(&driver, None);
    let of_bo = words.deviations.iter().find(|line| line.deviation.to_string() == "unused:bo:operator").unwrap();
    assert_eq!(of_bo.words, "bo has been given operator and never used it");
    driver.start_one();
    let unused = named(&week_of(&driver, None));
    for used in ["unused:ada:operator", "unused:grace:approver"] {
        assert!(!unused.contains(&used.to_owned()), "{unused:?}");
    }
    assert!(unused.contains(&"unused:bo:operator".to_owned()));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_runbook_that_is_run_here_and_was_not_reviewed_in_time_is_stale() {
    let mut driver = driver();
    driver.at = NOON.plus_ms(300 * DAY_MS);
    assert!(!named(&week_of(&driver, None)).contains(&"stale:restart".to_owned()), "nobody runs it here");
    driver.at = NOON;
    driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    driver.at = NOON.plus_ms(300 * DAY_MS);
    assert!(named(&week_of(&driver, None)).contains(&"stale:restart".to_owned()));
}

#[test]
fn a_change_of_the_site_names_the_hosts_it_has_otherwise() {
    let driver = driver();
    let before = (**driver.world.site.as_ref().unwrap()).clone();
    let workspaces: Vec<_> = before.workspaces.values().cloned().collect();
    let mut after = before.clone();
    in_workspace(&mut after, |place| {
        place.servers.retain(|server| server.name.as_str() != "web-4");
        place.servers[0].tags = ["drained".to_owned()].into();
        place.servers[1].groups = ["db".to_owned()].into();
        let mut new = place.servers[2].clone();
        new.name = "web-9".into();
        place.servers.push(new);
    });
    let told = |target: &str| -> Vec<(String, How)> {
        let changed = changes::of_site(&before, &after, &workspaces, target);
        changed.into_iter().map(|it| (it.host.to_string(), it.how)).collect()
    };
    let host = |name: &str, how: How| (name.to_owned(), how);
    assert_eq!(told("web-1"), [host("web-1", How::Changed)]);
    assert_eq!(told("web-3"), []);
    let web = [
        host("web-1", How::Changed),
        host("web-2", How::Changed),
        host("web-4", How::Removed),
        host("web-9", How::Added),
    ];
    assert_eq!(told("web"), web);
    assert_eq!(told("db"), [host("web-2", How::Changed)], "it belongs to the group only now");
    assert_eq!(changes::hosts(&workspaces, "db"), ["db", "db-1"].map(str::to_owned).into());
    assert_eq!(changes::hosts(&workspaces, "gone-1"), ["gone-1".to_owned()].into());
    assert_eq!(changes::of_site(&before, &after, &[], "web"), [], "of workspaces that one does not see nothing");
}

#[test]
fn a_report_in_html_holds_no_word_of_people_as_markup() {
    let mut driver = served();
    let evil = "<script>alert(1)</script> & \"quotes\" 'too' \u{202e}";
    let id = driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    close(&mut driver, id, evil);
    let page = compliance::html(&report(&driver, None));
    assert!(!page.contains("<script"), "{page}");
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;too&#39; \\u{202e}"),
        "{page}"
    );
    for outside in ["src=", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} would leave the file");
    }
}

#[test]
fn a_run_for_which_glass_was_broken_deviates_and_is_to_be_signed_off_twice_within_a_day() {
    use super::glass::{breaking, breaks, house, in_window, later, waits};
    let mut driver = house(Some(Role::Commander), in_window);
    let id = waits(&mut driver);
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    later(&mut driver, crate::domain::glass::COUNTDOWN_MS);
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    close(&mut driver, id, "People can pay again.");
    let emergency = format!("emergency:{id}");
    assert_eq!(named(&week_of(&driver, None)), std::slice::from_ref(&emergency));
    driver.at = driver.at.plus_ms(DAY_MS);
    assert_eq!(named(&week_of(&driver, None)), [emergency, format!("review:{id}")]);
    let review = |words: &str| Ask::Review {
        run: RunId(id),
        comment: words.to_owned(),
        follow_ups: vec![Draft {
            owner: "ada".into(),
            due: day(NOON.plus_ms(9 * DAY_MS)),
            text: format!("{words}: say so in the runbook."),
            runbook: None,
        }],
    };
    driver.as_person("bo", review("first")).unwrap();
    driver.as_person("lea", review("second")).unwrap();
    assert_eq!(driver.world.follow_ups.len(), 2, "each of the two gives follow-ups");
    let found = report(&driver, None);
    let acts = &found.runs.iter().find(|row| row.run == RunId(id)).unwrap().acts;
    let said = acts.emergency.as_ref().unwrap();
    assert_eq!((said.by.as_str(), said.text.contains("nobody can pay")), ("kim", true));
    assert_eq!(acts.first_reviews.iter().map(|said| said.by.as_str()).collect::<Vec<_>>(), ["bo"]);
    assert_eq!(acts.reviewed.as_ref().unwrap().by.as_str(), "lea");
    assert_eq!(compliance::gaps(found.runs.last().unwrap()), [Gap::NotApproved]);
}
