//! The engine on real files, with orders that run on this machine.

use super::{Engine, Handle, OpenError, Settings, open};
use crate::domain::plan::{Proposal, RunPurpose};
use crate::domain::query::{AuditQuery, Fetch, Fetched, HistoryQuery, LogFrom, LogQuery, Preset};
use crate::domain::run::{Choice, Ending, Phase, Run};
use crate::domain::words;
use crate::domain::{Actor, Ask, Door, PersonId, Receipt, Refusal, RunId, Seen};
use crate::executor::{self, LocalPlace, Tcp};
use crate::ledger::{self, Disk, Known, RealDisk, Verdict};
use std::path::Path;
use std::sync::Arc;

/// Far beyond what any of these waits takes: a test that would hang fails instead.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const PEOPLE: &str = r#"
schema = 1
[[person]]
id = "ada"
name = "Ada"
unix = ["ada"]
[[person]]
id = "grace"
name = "Grace"
unix = ["grace"]
[[person]]
id = "lea"
name = "Lea"
unix = ["lea"]
"#;

const WORKSPACE: &str = r#"
schema = 1
[workspace]
id = "lab"
title = "Lab"
environment = "lab"
colour = "green"
owner = "grace"
[[server]]
name = "here"
local = true
groups = ["lab"]
[members]
ada = ["operator"]
grace = ["approver", "owner"]
lea = ["reviewer"]
[policy]
approval_expiry = "4h"
execution_expiry = "24h"
"#;

fn runbook(step: &str) -> String {
    format!(
        r#"
schema = 1
[runbook]
id = "touch"
title = "Make a file"
kind = "maintenance"
version = "1.0.0"
status = "approved"
owner = "platform"
last_reviewed = 2026-09-17
next_review = 2099-01-01
impact = "medium"
runs_as = "operator"
[scope]
changes = "Makes a file."
why = "To see that it is there."
expected = "It is there."
excluded = ["nothing"]
[targets]
select = "group:lab"
batches = ["100%"]
parallel = 1
[[preflight]]
id = "room"
title = "There is room"
run = "echo 3"
effect = "read"
expect = {{ number = ">= 2" }}
severity = "block"
[[step]]
id = "make"
title = "Make the file"
run = '''{step}'''
effect = "idempotent"
[[verify]]
id = "there"
title = "The file is there"
run = "test -f \"$HOME/made\""
effect = "read"
[rollback]
plan = "Remove it."
"#
    )
}

pub(super) struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    pub(super) fn new(step: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join("site").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("quarterdeck.toml", "schema = 1\n[site]\nname = \"test\"\ntheme = \"harbour\"\n");
        write("people.toml", PEOPLE);
        write("workspaces/lab.toml", WORKSPACE);
        write("runbooks/touch.toml", &runbook(step));
        std::fs::create_dir_all(dir.path().join("home")).unwrap();
        Self { dir }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) async fn open(&self) -> Result<(Handle, Engine), OpenError> {
        let executor = executor::Settings {
            keys: Vec::new(),
            named_keys: std::path::PathBuf::new(),
            known_hosts: Vec::new(),
            agent: None,
            dial: Arc::new(Tcp),
            now: Arc::new(super::clock::wall),
            local: LocalPlace { home: self.path().join("home"), lang: "C.UTF-8".to_owned() },
        };
        open(Settings { site: self.path().join("site"), data: self.path().join("data"), executor }).await
    }

    /// Opens once the server before has let go.
    pub(super) async fn open_again(&self) -> (Handle, Engine) {
        let reopened = async {
            loop {
                match self.open().await {
                    // The thread that writes transcripts lets go of the directory last.
                    Err(error) if error.exit_code() == 73 => tokio::task::yield_now().await,
                    opened => return opened,
                }
            }
        };
        tokio::time::timeout(PATIENCE, reopened).await.unwrap().unwrap()
    }
}

pub(super) fn verified(data: &Path) -> Verdict {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(data).unwrap());
    ledger::verify(&disk, Known { kinds: words::KINDS, since: None, outputs: Some(super::OUTPUTS) })
}

pub(super) fn who(id: &str) -> Actor {
    Actor::Person { person: id.into(), door: Door::Socket { uid: 1 } }
}

pub(super) async fn ask(handle: &Handle, person: &str, ask: Ask) -> Result<Receipt, Refusal> {
    handle.submit(who(person), Seen::Nothing, ask).await
}

/// Waits until the open run satisfies `wanted`.
pub(super) async fn until(handle: &Handle, id: RunId, wanted: impl Fn(&Run) -> bool) -> Arc<Run> {
    let mut world = handle.world();
    let waiting = world.wait_for(|world| world.run(id).is_none_or(|run| wanted(run)));
    let found = match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(found) => found.unwrap().run(id).cloned(),
        Err(_) => panic!("still {:?}", handle.world().borrow().run(id)),
    };
    match found {
        Some(run) => run,
        None => panic!("{id} is over: {:?}", handle.fetch(&"ada".into(), Fetch::Run(id)).await),
    }
}

/// Proposes a run as ada.
pub(super) async fn propose(handle: &Handle) -> RunId {
    let form = Proposal {
        workspace: "lab".into(),
        runbook: "touch".into(),
        inputs: Default::default(),
        ticks: Default::default(),
        select: None,
        tags: Default::default(),
        purpose: RunPurpose::Fix,
        reason: "to see".to_owned(),
        ticket: "CHG-1".to_owned(),
        communication: String::new(),
        raise_to: None,
        again: None,
        versions: std::collections::BTreeMap::new(),
    };
    ask(handle, "ada", Ask::Propose(Box::new(form))).await.unwrap().run.unwrap()
}

pub(super) async fn start_one(handle: &Handle) -> RunId {
    let id = propose(handle).await;
    let run = until(handle, id, |run| run.phase == Phase::Waiting).await;
    let vote = Ask::Vote { run: id, choice: Choice::Approve, reason: "fine".to_owned() };
    handle.submit(who("grace"), Seen::Binding(run.binding), vote).await.unwrap();
    ask(handle, "ada", Ask::Start { run: id }).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_governed_run_on_this_machine_from_proposal_to_history() {
    let site = Site::new("echo making; : > \"$HOME/made\"");
    let (handle, engine) = site.open().await.unwrap();
    let id = start_one(&handle).await;
    let run = until(&handle, id, |run| run.phase.ending().is_some()).await;
    assert_eq!(run.phase, Phase::Ended(Ending::Succeeded), "{:?}", run.cells);
    assert!(site.path().join("home/made").exists());

    let ada = PersonId::new("ada");
    let query = LogQuery {
        run: id,
        host: Some("here".to_owned()),
        item: None,
        stream: None,
        matching: None,
        from: LogFrom::Line(0),
        count: 100,
    };
    let Fetched::Log(page) = handle.fetch(&ada, Fetch::Log(query)).await else { panic!("a log") };
    let words: Vec<String> = page.lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect();
    assert!(words.contains(&"making".to_owned()), "{words:?}");

    ask(&handle, "ada", Ask::Close { run: id, note: "made".to_owned() }).await.unwrap();
    ask(&handle, "lea", Ask::Review { run: id, comment: "fine".to_owned(), follow_ups: Vec::new() }).await.unwrap();
    let Fetched::Run(past) = handle.fetch(&ada, Fetch::Run(id)).await else { panic!("a run") };
    assert_eq!(past.phase, Phase::Reviewed(Ending::Succeeded));
    let Fetched::History(page) =
        handle.fetch(&ada, Fetch::History(HistoryQuery { limit: 10, ..Default::default() })).await
    else {
        panic!("history")
    };
    assert_eq!((page.rows.len(), page.rows[0].run, page.rows[0].approved_by.clone()), (1, id, vec!["grace".into()]));
    let stranger = handle.fetch(&PersonId::new("mallory"), Fetch::Run(id)).await;
    assert_eq!(stranger, Fetched::Failed(format!("no run {id}")));

    handle.shut_down().await;
    assert_eq!(engine.ended().await, None);
    // What was printed is compared with the record: shortened, and gone.
    let data = site.path().join("data");
    let exit = || verified(&data);
    assert_eq!((exit().exit_code(), exit().transcripts_missing), (0, 0), "{}", exit());
    let transcript = data.join("transcripts/1.qdt");
    let bytes = std::fs::read(&transcript).unwrap();
    std::fs::write(&transcript, &bytes[..60]).unwrap();
    assert!(exit().to_string().contains("transcript is not what was recorded"), "{}", exit());
    assert_eq!(exit().exit_code(), 1);
    std::fs::remove_file(&transcript).unwrap();
    assert_eq!((exit().exit_code(), exit().transcripts_missing), (0, 1), "{}", exit());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_draft_takes_no_other_with_it() {
    let site = Site::new("true");
    let (handle, _engine) = site.open().await.unwrap();
    let (ada, bo) = (PersonId::new("ada"), PersonId::new("bo"));
    let form = |runbook: &str| Preset {
        name: String::new(),
        proposal: Proposal { runbook: runbook.into(), ..crate::domain::fixture::proposal() },
    };
    for runbook in ["restart", "cleanup"] {
        handle.keep(&ada, form(runbook)).await.unwrap();
    }
    handle.keep(&bo, form("cleanup")).await.unwrap();
    handle.forget(&ada, form("cleanup")).await.unwrap();
    assert_eq!(handle.fetch(&ada, Fetch::Drafts(ada.clone())).await, Fetched::Drafts(vec![form("restart")]));
    assert_eq!(handle.fetch(&bo, Fetch::Drafts(bo.clone())).await, Fetched::Drafts(vec![form("cleanup")]));
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_refused_by_name() {
    let site = Site::new("true");
    let (handle, _engine) = site.open().await.unwrap();
    let error = site.open().await.map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 73);
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_interrupts_what_ran_and_the_history_says_so() {
    let site = Site::new("sleep 600");
    let (handle, engine) = site.open().await.unwrap();
    let id = start_one(&handle).await;
    until(&handle, id, |run| run.phase == Phase::Running && !run.progress.in_flight.is_empty()).await;
    handle.shut_down().await;
    engine.ended().await;
    drop(handle);
    let (handle, _engine) = site.open_again().await;
    let run = until(&handle, id, |run| run.phase.ending().is_some()).await;
    assert_eq!(run.phase, Phase::Ended(Ending::Interrupted));
    ask(&handle, "ada", Ask::Close { run: id, note: "the server was restarted".to_owned() }).await.unwrap();
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_recorded_as_repaired_and_stands_in_the_list_of_events() {
    let site = Site::new("true");
    let (handle, engine) = site.open().await.unwrap();
    handle.shut_down().await;
    engine.ended().await;
    drop(handle);
    let segment = site.path().join("data/ledger").join(format!("{:020}.seg", 0));
    let mut file = std::fs::OpenOptions::new().append(true).open(segment).unwrap();
    std::io::Write::write_all(&mut file, &[0; 300]).unwrap();
    let (handle, _engine) = site.open_again().await;
    let query = AuditQuery { limit: 10, ..AuditQuery::default() };
    let Fetched::Audit(page) = handle.fetch(&PersonId::new("ada"), Fetch::Audit(query)).await else { panic!("a list") };
    let kinds: Vec<&str> = page.rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["booted", "ledger.repaired", "booted", "site_loaded", "ledger.created"]);
    assert_eq!((page.total, page.rows[1].summary.contains("300 bytes")), (5, true));
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_ends_what_runs_and_sees_it_gone() {
    let site = Site::new("sleep 600");
    let (handle, _engine) = site.open().await.unwrap();
    let id = start_one(&handle).await;
    let started = |run: &Run| {
        run.cells.values().any(|cell| matches!(cell.state, crate::domain::run::CellState::Started { .. }))
            && run.phase == Phase::Running
    };
    until(&handle, id, started).await;
    let stop = Ask::Stop { run: id, how: crate::domain::run::StopHow::Now, reason: "wrong".to_owned() };
    ask(&handle, "ada", stop).await.unwrap();
    let run = until(&handle, id, |run| run.phase.ending().is_some()).await;
    assert_eq!(run.phase, Phase::Ended(Ending::Aborted));
    let aborted = |cell: &crate::domain::run::Cell| {
        cell.state == crate::domain::run::CellState::Failed(crate::domain::run::Reason::Aborted)
    };
    assert!(run.cells.values().any(aborted), "{:?}", run.cells);
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_cannot_be_read_stops_the_first_start_and_says_where() {
    let site = Site::new("true");
    std::fs::write(site.path().join("site/people.toml"), "schema = 1\n[[person]]\nname = \"x\"\n").unwrap();
    let error = site.open().await.map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 65);
    let OpenError::Site(problems) = error else { panic!("problems") };
    assert!(problems.iter().any(|problem| problem.file.ends_with("people.toml")));
}
