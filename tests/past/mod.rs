//! A past: a ledger of any number of governed runs, made by the engine's own core as fast as it decides. No host is asked:
//! the reports that hosts would give are made up here, good and bad ones, the same every time.

#![allow(dead_code, reason = "each binary uses its own part")]

pub mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use quarterdeck::domain::due::{self, Work};
use quarterdeck::domain::order::{CellResult, Outcome, OutputSummary, Progressed, Report};
use quarterdeck::domain::plan::{Proposal, RunPurpose};
use quarterdeck::domain::run::{Choice, Phase, Reason, StopHow};
use quarterdeck::domain::{Actor, Ask, Door, RunId, Seen, Timestamp, World};
use quarterdeck::engine::core::{Core, Request};
use quarterdeck::engine::{self, Engine, ExecutorSettings, Handle, LocalPlace, Settings, Tcp, clock};
use quarterdeck::ledger::{Ledger, OsEntropy, RealDisk};

use site::{HOSTS, RUNBOOKS, WORKSPACES};

/// 2024-01-01 00:00 UTC: long past, so that nothing of it is still due.
pub const BEGIN: Timestamp = Timestamp(1_704_067_200_000);

/// Between the waves of runs.
const WAVE_MS: u64 = 600_000;

/// Runs side by side: no two of them on one host, or the second could not start.
const WAVE: u64 = WORKSPACES.len() as u64 * HOSTS;

/// Commits between a wave's proposals and its reviews; more would mean that something does not end.
const ROUNDS_MAX: usize = 64;

/// A ledger being filled.
pub struct Past {
    core: Core,
    at: Timestamp,
    made: u64,
}

impl Past {
    /// Makes a site in `dir/site` and begins the ledger in `dir/data`, in a year long past.
    pub fn begin(dir: &Path) -> Past {
        Past::begin_at(dir, BEGIN)
    }

    /// The same, begun at a moment of one's own: what is proposed shortly before now is still waiting now.
    pub fn begin_at(dir: &Path, at: Timestamp) -> Past {
        site::write(&dir.join("site"));
        let disk = Arc::new(RealDisk::lock(&dir.join("data"), std::process::id()).unwrap());
        let ledger = Ledger::init(disk, Box::new(OsEntropy), at.0, serde_json::Value::from("engine")).unwrap();
        let mut past = Past { core: Core::replay(ledger, |_| ()).unwrap(), at, made: 0 };
        let loaded = quarterdeck::site::load(&dir.join("site"), quarterdeck::site::git::state(&dir.join("site")));
        let loaded = loaded.unwrap_or_else(|found| panic!("{found:?}"));
        past.commit(vec![by_engine(Ask::LoadSite { site: Arc::new(loaded.site), diff: String::new() })]);
        past
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.world().events
    }

    pub fn world(&self) -> &Arc<World> {
        self.core.world()
    }

    /// Proposes so many runs and leaves them waiting for their approval.
    pub fn propose(&mut self, count: u64) {
        let mut left = count;
        while left > 0 {
            let wave = left.min(WAVE);
            let runs = self.proposed(wave);
            self.reported(&runs);
            left -= wave;
        }
    }

    /// Makes so many runs, each to its end: most succeed and are reviewed, some fail, are denied, withdrawn or aborted,
    /// some are closed and not reviewed, some are not even closed.
    pub fn make(&mut self, count: u64) {
        let mut left = count;
        while left > 0 {
            let wave = left.min(WAVE);
            self.wave(wave);
            left -= wave;
        }
    }

    fn wave(&mut self, count: u64) {
        let runs = self.proposed(count);
        self.reported(&runs);
        let judged = runs.iter().filter_map(|id| {
            let run = self.world().run(*id).filter(|run| run.phase == Phase::Waiting)?;
            let (choice, reason) = match fate(*id) {
                Fate::Withdrawn => {
                    return Some(person(run.plan.requester.as_str(), Seen::Nothing, Ask::Withdraw { run: *id }));
                }
                Fate::Denied => (Choice::Deny, "not today"),
                Fate::Good | Fate::Failed | Fate::Aborted => (Choice::Approve, "looked at it"),
            };
            Some(person(
                approver(*id),
                Seen::Binding(run.binding),
                Ask::Vote { run: *id, choice, reason: reason.to_owned() },
            ))
        });
        let judged = judged.collect();
        self.commit(judged);
        self.commit(self.each(&runs, |phase| *phase == Phase::Approved, |run| ("ada", Ask::Start { run })));
        self.reported(&runs);
        let stop = |run| Ask::Stop { run, how: StopHow::AfterStep, reason: "enough".to_owned() };
        self.commit(self.each(&runs, |phase| matches!(phase, Phase::Paused(_)), |run| ("ada", stop(run))));
        self.reported(&runs);
        let close = |run: RunId| Ask::Close { run, note: format!("Went as run {} does.", run.0 % 40) };
        let ended = |phase: &Phase| matches!(phase, Phase::Ended(_));
        let closed: Vec<RunId> = runs.iter().copied().filter(|run| run.0 % 11 != 0).collect();
        self.commit(self.each(&closed, ended, |run| ("ada", close(run))));
        let reviewed: Vec<RunId> = closed.into_iter().filter(|run| run.0 % 7 != 0).collect();
        let review = |run| Ask::Review { run, comment: "read it".to_owned(), follow_ups: Vec::new() };
        // Whoever approved does not review; and lea is no member everywhere.
        let reviewer = |run: RunId| if approver(run) == "kim" { "grace" } else { "kim" };
        self.commit(self.each(
            &reviewed,
            |phase| matches!(phase, Phase::Closed(_)),
            |run| (reviewer(run), review(run)),
        ));
        self.at = self.at.plus_ms(WAVE_MS);
    }

    fn proposed(&mut self, count: u64) -> Vec<RunId> {
        let forms = (0..count).map(|n| {
            let number = self.made + n;
            let by = if number.is_multiple_of(4) { "bo" } else { "ada" };
            person(by, Seen::Nothing, Ask::Propose(Box::new(form(number))))
        });
        let forms = forms.collect();
        self.made += count;
        self.commit(forms)
    }

    /// Has every order that is due end, until none is.
    fn reported(&mut self, runs: &[RunId]) {
        for _ in 0..ROUNDS_MAX {
            let due = runs.iter().filter_map(|id| self.world().run(*id)).flat_map(|run| due::of_run(run));
            let reports: Vec<Request> = due
                .filter_map(|work| match work {
                    Work::Do(key) => {
                        Some(by_engine(Ask::Report(Report { key, what: Progressed::Ended(outcome(key)) })))
                    }
                    Work::At(..) => None,
                })
                .collect();
            if reports.is_empty() {
                return;
            }
            self.commit(reports);
        }
        panic!("orders are due for ever");
    }

    /// One ask for each run that stands as wanted.
    fn each(
        &self,
        runs: &[RunId],
        wanted: impl Fn(&Phase) -> bool,
        ask: impl Fn(RunId) -> (&'static str, Ask),
    ) -> Vec<Request> {
        let standing = runs.iter().filter_map(|id| self.world().run(*id)).filter(|run| wanted(&run.phase));
        standing
            .map(|run| {
                let (by, ask) = ask(run.id);
                person(by, Seen::Nothing, ask)
            })
            .collect()
    }

    /// Commits all as one group, none of which may be refused; the runs they were about.
    fn commit(&mut self, requests: Vec<Request>) -> Vec<RunId> {
        if requests.is_empty() {
            return Vec::new();
        }
        self.at = self.at.plus_ms(1_000);
        let committed = self.core.commit(&requests, self.at);
        let taken = committed.replies.into_iter().zip(&requests);
        taken.filter_map(|(reply, request)| reply.unwrap_or_else(|no| panic!("{:?}: {no}", request.ask)).run).collect()
    }
}

/// Opens the engine on a past in `dir`.
pub async fn open(dir: &Path) -> (Handle, Engine) {
    let executor = ExecutorSettings {
        keys: Vec::new(),
        named_keys: std::path::PathBuf::new(),
        known_hosts: Vec::new(),
        agent: None,
        dial: Arc::new(Tcp),
        now: Arc::new(clock::wall),
        local: LocalPlace { home: dir.to_owned(), lang: "C.UTF-8".to_owned() },
    };
    engine::open(Settings { site: dir.join("site"), data: dir.join("data"), executor }).await.unwrap()
}

/// What becomes of a run.
enum Fate {
    Good,
    Failed,
    Aborted,
    Denied,
    Withdrawn,
}

fn fate(run: RunId) -> Fate {
    match run.0 % 29 {
        3 | 17 => Fate::Failed,
        5 => Fate::Aborted,
        11 => Fate::Denied,
        23 => Fate::Withdrawn,
        _ => Fate::Good,
    }
}

fn approver(run: RunId) -> &'static str {
    if run.0.is_multiple_of(3) { "kim" } else { "grace" }
}

fn outcome(key: quarterdeck::domain::order::OrderKey) -> Outcome {
    use quarterdeck::domain::run::Item;
    let result = match (fate(key.run), key.slot.item) {
        (Fate::Failed, Item::Verify(_)) => CellResult::Failed(Reason::NotAsExpected),
        (Fate::Aborted, Item::Step(_)) => CellResult::Failed(Reason::Exit(1)),
        _ => CellResult::Ok,
    };
    let saw = format!("active (running), {} ms", key.run.0 % 900);
    Outcome { result, output: OutputSummary::nothing(), saw, used: Vec::new(), published: Vec::new() }
}

fn form(number: u64) -> Proposal {
    let workspace = WORKSPACES[(number % WORKSPACES.len() as u64) as usize];
    let host = number / WORKSPACES.len() as u64 % HOSTS;
    Proposal {
        workspace: workspace.into(),
        runbook: RUNBOOKS[(number / 3 % RUNBOOKS.len() as u64) as usize].into(),
        inputs: BTreeMap::new(),
        ticks: BTreeSet::new(),
        select: Some(format!("host:h{host}")),
        tags: BTreeSet::new(),
        purpose: RunPurpose::ALL[(number % 4) as usize],
        reason: format!("Reason {number}."),
        ticket: format!("CHG-{}", 1_000 + number),
        communication: String::new(),
        raise_to: None,
        again: None,
        versions: std::collections::BTreeMap::new(),
    }
}

fn by_engine(ask: Ask) -> Request {
    Request { by: Actor::Engine, seen: Seen::Nothing, ask, proof: Default::default() }
}

fn person(id: &str, seen: Seen, ask: Ask) -> Request {
    Request {
        by: Actor::Person { person: id.into(), door: Door::Socket { uid: 1_000 } },
        seen,
        ask,
        proof: Default::default(),
    }
}
