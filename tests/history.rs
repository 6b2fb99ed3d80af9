//! The views hold nothing that the ledger does not: questions about a long past are answered the same, byte for byte, after the
//! store was deleted and after any file of it was cut.

#![cfg(test)]

mod past;
mod real;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use past::site::{PEOPLE, RUNBOOKS, WORKSPACES};
use past::{Past, open};
use quarterdeck::domain::{Actor, Door};
use quarterdeck::engine::Handle;
use quarterdeck::verbs::out::Io;
use quarterdeck::verbs::{self, Exit};
use tokio::sync::mpsc;

/// Questions, each about something else.
const QUESTIONS: usize = 60;

/// Questions that may find nothing: some ask for what is not there, and a sample is too short for the narrowest.
const EMPTY_MAX: usize = 12;

/// The questions as somebody types them, and who.
fn questions(runs: u64) -> Vec<(&'static str, String)> {
    let mut asked: Vec<(&'static str, String)> = Vec::new();
    let mut by_ada = |line: String| asked.push(("ada", line));
    let list = |rest: &str| format!("runs list {rest}").trim_end().to_owned();
    for rest in ["", "--limit 1", "--limit 1000", "--limit 0"] {
        by_ada(list(rest));
    }
    for id in WORKSPACES {
        by_ada(list(&format!("--in {id}")));
        by_ada(list(&format!("--in {id} --ending failed --limit 200")));
    }
    for id in PEOPLE {
        by_ada(list(&format!("--person {id} --limit 20")));
    }
    for id in RUNBOOKS {
        by_ada(list(&format!("--runbook {id}")));
    }
    for ending in ["succeeded", "failed", "unverified", "aborted"] {
        by_ada(list(&format!("--ending {ending}")));
    }
    for phase in ["ended", "closed", "reviewed", "cancelled"] {
        by_ada(list(&format!("--phase {phase} --limit 10")));
    }
    for host in ["h0", "h7", "h15", "nowhere"] {
        by_ada(list(&format!("--host {host}")));
    }
    for rest in [
        "--since 2024-01-01T01:00:00Z --limit 500",
        "--until 2024-01-01T01:00:00Z --limit 500",
        "--since 2024-01-01T00:30:00Z --until 2024-01-01T02:00:00Z --limit 500",
        "--since 2025-01-01",
        "--text CHG-1007",
        "--text 'run 13'",
        "--in prod-web --runbook rotate --host h3",
        "--person kim --ending succeeded --until 2024-01-02",
        "--person grace --host h4 --phase reviewed",
        "--runbook patch --ending aborted --in prod-db",
    ] {
        by_ada(list(rest));
    }
    for part in 1..5 {
        by_ada(list(&format!("--before {} --limit 30", runs * part / 5)));
    }
    by_ada(list(&format!("--in staging --before {} --limit 7", runs / 2)));
    for run in [1, 3, 5, 11, 23, runs / 2, runs] {
        by_ada(format!("runs show {run}"));
    }
    for rest in
        ["--run 1", "--run 5 --limit 3", "--person grace", "--person bo --limit 5", "--kind voted", "--kind run_ended"]
    {
        by_ada(format!("audit list {rest}"));
    }
    for before in [2, runs, runs * 4] {
        by_ada(format!("audit list --before {before} --limit 100"));
    }
    by_ada("audit list --person kim --kind voted --before 400".to_owned());
    asked.push(("lea", list("--limit 300")));
    asked.push(("lea", "runs list --in lab".to_owned()));
    asked.push(("lea", "audit list --kind run_proposed --limit 30".to_owned()));
    asked
}

/// What a person is told, and how the verb ended.
async fn said(handle: &Handle, person: &str, line: &str) -> (String, Exit) {
    let actor = Actor::Person { person: person.into(), door: Door::Socket { uid: 1_000 } };
    let words = shlex::split(line).unwrap();
    let line = verbs::parse(&[words, vec!["--json".to_owned()]].concat()).unwrap_or_else(|no| panic!("{}", no.text));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (_, stdin) = mpsc::channel(1);
    let mut io = Io { stdout: &mut out, stderr: &mut err, stdin };
    let exit = verbs::run(handle, &actor, &line, &mut io).await;
    (String::from_utf8([out, err].concat()).unwrap(), exit)
}

/// Every answer about the past in a copy of `dir` whose store is as `change` leaves it.
async fn answers(dir: &Path, runs: u64, change: impl Fn(&Path)) -> Vec<(String, String, Exit)> {
    let copied = tempfile::Builder::new().prefix("qd-past").tempdir().unwrap();
    copy(dir, copied.path());
    change(&copied.path().join("data/store"));
    let (handle, engine) = open(copied.path()).await;
    let mut all = Vec::new();
    for (person, line) in questions(runs) {
        let (text, exit) = said(&handle, person, &line).await;
        all.push((format!("{person}: {line}"), text, exit));
    }
    handle.shut_down().await;
    engine.ended().await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_sixty_questions_over_ten_thousand_runs_are_answered_the_same_whatever_became_of_the_store() {
    let runs = real::count(200, 10_000) as u64;
    let dir = tempfile::Builder::new().prefix("qd-past").tempdir().unwrap();
    let mut past = Past::begin(dir.path());
    past.make(runs);
    println!("{runs} runs, {} events, {} questions", past.events(), questions(runs).len());
    drop(past);
    let lines: BTreeSet<_> = questions(runs).into_iter().collect();
    assert!(lines.len() >= QUESTIONS, "{} different questions", lines.len());
    // The first opening makes the store; from here on every copy begins with the same ledger and the same store.
    let (handle, engine) = open(dir.path()).await;
    handle.shut_down().await;
    engine.ended().await;
    drop(handle);

    let before = answers(dir.path(), runs, |_| ()).await;
    let empty = before.iter().filter(|(_, text, _)| text.contains("\"rows\": []")).count();
    assert!(empty <= EMPTY_MAX, "{empty} questions find nothing: they would find nothing in an empty store too");
    assert!(before.iter().filter(|(_, _, exit)| *exit == Exit::Done).count() >= QUESTIONS);

    let deleted = answers(dir.path(), runs, |store| fs::remove_dir_all(store).unwrap()).await;
    same(&before, &deleted, "the store was deleted");
    let store = dir.path().join("data/store");
    let files = files_below(&store);
    assert!(files.len() >= 2, "{files:?}");
    for file in &files {
        // Each file cut to half; in the sample, where making the store again is quick, to nothing too.
        for keep in [1, 0].into_iter().take(real::count(2, 1)) {
            let name = file.strip_prefix(&store).unwrap();
            let cut = answers(dir.path(), runs, |store| {
                let file = fs::OpenOptions::new().write(true).open(store.join(name)).unwrap();
                let length = file.metadata().unwrap().len();
                file.set_len(length / 2 * keep).unwrap();
            });
            same(&before, &cut.await, &format!("{} was cut to {}", name.display(), ["nothing", "half"][keep as usize]));
        }
    }
}

fn same(before: &[(String, String, Exit)], after: &[(String, String, Exit)], what: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "after {what}");
    }
    assert_eq!(before.len(), after.len());
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}
