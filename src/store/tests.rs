//! The views answer the same, whatever happened to their files.

use super::Store;
use crate::domain::fixture::{self, Driver};
use crate::domain::order::CellResult;
use crate::domain::plan::Proposal;
use crate::domain::query::{AuditQuery, HistoryQuery, Preset};
use crate::domain::run::{Ending, PhaseTag, Reason, Run};
use crate::domain::{Ask, Recorded, RunId, World, evolve};
use std::path::Path;
use std::sync::Arc;

/// Everything a driver recorded, with each run as it stood.
fn happened(driver: &Driver) -> Vec<(Recorded, Option<Arc<Run>>)> {
    let mut world = World { origin: "test".to_owned(), ..World::default() };
    let fold = |recorded: &Recorded| (recorded.clone(), evolve(&mut world, recorded).unwrap());
    driver.log.iter().map(fold).collect()
}

fn some_runs() -> Vec<(Recorded, Option<Arc<Run>>)> {
    let mut driver = Driver::new(fixture::site());
    for n in 0..6u64 {
        let id = driver.start_one();
        driver.carry_out(|_| if n == 3 { CellResult::Failed(Reason::Exit(1)) } else { CellResult::Ok });
        driver.at = driver.at.plus_ms(60_000);
        if driver.world.run(RunId(id)).is_some_and(|run| run.phase.ending().is_some()) && n % 2 == 0 {
            driver.as_person("ada", Ask::Close { run: RunId(id), note: format!("Key {n} is in place.") }).unwrap();
        }
    }
    happened(&driver)
}

fn fill(dir: &Path, log: &[(Recorded, Option<Arc<Run>>)]) -> Store {
    let store = Store::open(dir, "test", log.len() as u64).unwrap();
    let applied = store.applied();
    let missing: Vec<_> = log.iter().filter(|(recorded, _)| recorded.index >= applied).collect();
    // In groups of every size: how events came together must not show.
    let mut rest = missing.as_slice();
    for size in (1..6).cycle() {
        let (group, later) = rest.split_at(rest.len().min(size));
        store.apply(group.iter().map(|(recorded, run)| (recorded, run.as_ref()))).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    store
}

/// Every answer of a spread of questions, as bytes.
fn answers(store: &Store) -> Vec<String> {
    let mut said = Vec::new();
    let query = |change: &dyn Fn(&mut HistoryQuery)| {
        let mut query = HistoryQuery { limit: 3, ..HistoryQuery::default() };
        change(&mut query);
        serde_json::to_string(&store.history(&query, &|_| true).unwrap()).unwrap()
    };
    said.push(query(&|_| {}));
    for before in 1..8 {
        said.push(query(&|q| q.before = Some(before)));
    }
    for ending in Ending::ALL {
        said.push(query(&|q| q.ending = Some(ending)));
    }
    for phase in PhaseTag::ALL {
        said.push(query(&|q| q.phase = Some(phase)));
    }
    for person in ["ada", "grace", "kim", "nobody"] {
        said.push(query(&|q| q.person = Some(person.into())));
        said.push(query(&|q| (q.person, q.ending) = (Some(person.into()), Some(Ending::Succeeded))));
    }
    for host in ["web-1", "db-1"] {
        said.push(query(&|q| q.host = Some(host.to_owned())));
    }
    for minute in 0..7 {
        said.push(query(&|q| q.since = Some(fixture::NOON.plus_ms(minute * 60_000))));
        said.push(query(&|q| q.until = Some(fixture::NOON.plus_ms(minute * 60_000))));
    }
    said.push(query(&|q| q.text = Some("KEY 2".to_owned())));
    said.push(query(&|q| q.workspace = Some("prod-web".into())));
    said.push(query(&|q| q.runbook = Some("restart".into())));
    for (run, person, kind) in
        [(None, None, None), (Some(2), None, None), (None, Some("grace"), None), (None, None, Some("voted"))]
    {
        let query = AuditQuery {
            run: run.map(RunId),
            person: person.map(Into::into),
            kind: kind.map(str::to_owned),
            limit: 5,
            ..AuditQuery::default()
        };
        said.push(serde_json::to_string(&store.audit(&query, &|_| true).unwrap()).unwrap());
    }
    said
}

#[test]
fn questions_narrow_and_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = fill(&dir.path().join("store"), &some_runs());
    let all = |query: HistoryQuery| store.history(&query, &|_| true).unwrap();
    let first = all(HistoryQuery { limit: 4, ..HistoryQuery::default() });
    assert_eq!((first.rows.len(), first.matching, first.total), (4, 6, 6));
    assert_eq!(first.rows[0].run, RunId(6), "newest first");
    let rest = all(HistoryQuery { limit: 4, before: first.next, ..HistoryQuery::default() });
    assert_eq!((rest.rows.len(), rest.next), (2, None));
    let hidden = store.history(&HistoryQuery { limit: 4, ..HistoryQuery::default() }, &|_| false).unwrap();
    assert_eq!((hidden.rows.len(), hidden.total), (0, 0), "z51: another workspace's history does not exist");
    let audit = |sees: bool| store.audit(&AuditQuery { limit: 1, ..AuditQuery::default() }, &|_| sees).unwrap();
    let of_none = some_runs().iter().filter(|(recorded, _)| recorded.event.run().is_none()).count() as u64;
    assert_eq!((audit(false).total, audit(false).matching), (of_none, of_none), "nor do its events count");
    assert_eq!(audit(true).total, store.applied());
}

#[test]
fn p8_answers_are_byte_equal_after_the_store_is_deleted_or_any_file_is_cut() {
    let log = some_runs();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = fill(&path, &log);
    let before = answers(&store);
    store.close().unwrap();
    drop(store);
    let files: Vec<_> = walk(&path);
    assert!(!files.is_empty());
    for (cut, file) in files.iter().enumerate() {
        let length = std::fs::metadata(file).unwrap().len();
        std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length / 2).unwrap();
        let store = fill(&path, &log);
        assert_eq!(answers(&store), before, "file {cut}: {}", file.display());
        store.close().unwrap();
    }
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(answers(&fill(&path, &log)), before);
}

#[test]
fn views_of_another_ledger_or_ahead_of_it_are_made_again() {
    let log = some_runs();
    let dir = tempfile::tempdir().unwrap();
    drop(fill(dir.path(), &log));
    assert_eq!(Store::open(dir.path(), "test", log.len() as u64).unwrap().applied(), log.len() as u64);
    assert_eq!(Store::open(dir.path(), "test", 3).unwrap().applied(), 0, "ahead");
    drop(fill(dir.path(), &log));
    assert_eq!(Store::open(dir.path(), "another", log.len() as u64).unwrap().applied(), 0);
}

#[test]
fn presets_and_drafts_are_their_owners() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test", 0).unwrap();
    let form = |name: &str, runbook: &str| Preset {
        name: name.to_owned(),
        proposal: Proposal { runbook: runbook.into(), ..fixture::proposal() },
    };
    for kept in [form("", "restart"), form("", "cleanup"), form("weekly", "restart"), form("weekly", "cleanup")] {
        store.keep(&"ada".into(), &kept).unwrap();
    }
    store.keep(&"bo".into(), &form("", "restart")).unwrap();
    let forms = |person: &str| {
        let kept = store.kept(&person.into()).unwrap().into_iter();
        kept.map(|kept| format!("{}:{}", kept.name, kept.proposal.runbook)).collect::<Vec<_>>()
    };
    assert_eq!(forms("ada"), [":cleanup", ":restart", "weekly:cleanup"], "a preset's name is its own");
    store.forget(&"ada".into(), &form("", "restart")).unwrap();
    assert_eq!(forms("ada"), [":cleanup", "weekly:cleanup"], "the draft that was named, and no other");
    store.forget(&"ada".into(), &form("weekly", "restart")).unwrap();
    assert_eq!((forms("ada").join(" "), forms("bo").join(" ")), (":cleanup".to_owned(), ":restart".to_owned()));
}

#[test]
fn presets_outlive_views_that_are_damaged_and_nothing_set_aside_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let form = Preset { name: "weekly".to_owned(), proposal: fixture::proposal() };
    for round in 1..3 {
        let store = fill(&path, &some_runs());
        store.keep(&"ada".into(), &form).unwrap();
        store
            .kept
            .insert(super::keys::kept(&"ada".into(), &Preset { name: "odd".to_owned(), ..form.clone() }), b"?")
            .unwrap();
        assert_eq!(
            store.kept(&"ada".into()).unwrap(),
            std::slice::from_ref(&form),
            "one that cannot be read hides no other"
        );
        store.views.insert(super::keys::COUNT, &7u64.to_be_bytes()).unwrap();
        store.close().unwrap();
        drop(store);
        let again = Store::open(&path, "test", 1_000).unwrap();
        assert_eq!((again.applied(), again.kept(&"ada".into()).unwrap()), (0, vec![form.clone()]));
        again.close().unwrap();
        drop(again);
        assert!(path.with_extension(format!("damaged-{round}")).exists());
    }
}

#[test]
fn a_store_that_may_not_be_opened_now_is_not_taken_for_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = fill(&path, &some_runs());
    // Held by another: sled refuses with an error of the disk.
    let second = Store::open(&path, "test", 1_000).map(drop);
    assert!(second.is_err(), "{second:?}");
    assert_eq!(walk(dir.path()).iter().filter(|file| file.to_string_lossy().contains("damaged")).count(), 0);
    drop(store);
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn how_events_were_grouped_does_not_show() {
    let log = some_runs();
    let dir = tempfile::tempdir().unwrap();
    let one_by_one = Store::open(&dir.path().join("one"), "test", log.len() as u64).unwrap();
    for (recorded, run) in &log {
        one_by_one.apply([(recorded, run.as_ref())]).unwrap();
    }
    let at_once = Store::open(&dir.path().join("all"), "test", log.len() as u64).unwrap();
    at_once.apply(log.iter().map(|(recorded, run)| (recorded, run.as_ref()))).unwrap();
    assert_eq!(answers(&at_once), answers(&one_by_one));
    assert!(at_once.is_whole() && one_by_one.is_whole());
}

#[test]
fn z51_what_belongs_to_a_workspace_and_no_run_is_seen_by_its_members_alone_and_does_not_count_for_others() {
    use crate::domain::follow_up::{Draft, Source, Wanted, day};
    let mut driver = Driver::new(fixture::site());
    driver.start_one();
    let draft =
        Draft { owner: "bo".into(), due: day(fixture::NOON), text: "Automate the drain.".to_owned(), runbook: None };
    let give = Wanted::Add { workspace: "prod-web".into(), draft, from: Source::Person };
    driver.as_person("ada", Ask::FollowUp(give)).unwrap();
    let log = happened(&driver);
    let dir = tempfile::tempdir().unwrap();
    let store = fill(&dir.path().join("store"), &log);
    let seen = |kind: Option<&str>, sees: bool| {
        let query = AuditQuery { kind: kind.map(str::to_owned), limit: 100, ..AuditQuery::default() };
        store.audit(&query, &|_| sees).unwrap()
    };
    let (yes, no) = (seen(Some("follow_up"), true), seen(Some("follow_up"), false));
    assert_eq!((yes.rows.len(), yes.matching), (1, 1));
    assert!(yes.rows[0].summary.contains("for bo"), "{}", yes.rows[0].summary);
    assert_eq!((no.rows.len(), no.matching), (0, 0));
    let public = log.iter().filter(|(it, _)| it.event.run().is_none() && it.event.workspace().is_none()).count() as u64;
    assert_eq!((seen(None, false).total, seen(None, false).rows.len() as u64), (public, public));
    assert_eq!(seen(None, true).total, store.applied());
}

#[test]
fn what_is_proved_is_found_by_host_by_kind_and_by_period() {
    let log = some_runs();
    let dir = tempfile::tempdir().unwrap();
    let store = fill(&dir.path().join("store"), &log);
    let hosts = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        store.runs_on(names.iter()).unwrap().into_iter().map(|run| run.0).collect::<Vec<_>>()
    };
    assert_eq!(hosts(&["web-1", "web-2", "gone"]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(hosts(&["db-1"]), Vec::<u64>::new());
    let since = |minutes: u64| {
        let rows =
            store.proposed_since(fixture::NOON.plus_ms(minutes * 60_000), &|row| row.run != RunId(5), 100).unwrap();
        rows.into_iter().map(|row| row.run.0).collect::<Vec<_>>()
    };
    assert_eq!((since(0), since(3), since(9)), (vec![6, 4, 3, 2, 1], vec![6, 4], Vec::new()));
    assert_eq!(store.proposed_since(fixture::NOON, &|_| true, 2).unwrap().len(), 2, "no more than is wanted");
    let kinds = ["run_closed", "site_loaded"];
    let wanted: Vec<u64> = log
        .iter()
        .filter(|(it, _)| kinds.contains(&crate::domain::words::kind(&it.event)))
        .map(|(it, _)| it.index)
        .collect();
    assert_eq!(store.events_of_kinds(&kinds).unwrap().into_iter().collect::<Vec<_>>(), wanted);
    assert!(wanted.len() > 3);
}
