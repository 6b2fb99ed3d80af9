//! The core at the limits of what can be recorded: on a full disk what is ended is recorded, nothing is begun, nothing is lost.

use super::clock::Clock;
use super::core::{Core, Reply, Request};
use super::{Library, Vault};
use crate::domain::event::DETAIL_BYTES_MAX;
use crate::domain::fixture::{self, NOON};
use crate::domain::order::{CellResult, OrderKey, Outcome, OutputSummary, Progressed, Report};
use crate::domain::run::{CellState, Choice, Ending, PauseCause, Phase, Run, StopHow};
use crate::domain::site::Site;
use crate::domain::{Actor, Ask, Digest, Person, PersonId, Rule, RunId, Seen, due};
use crate::ledger::disk::Fault;
use crate::ledger::transcript::Transcripts;
use crate::ledger::{Ledger, MemoryDisk, SeededEntropy};
use crate::store::Store;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const RUN: RunId = RunId(1);
const RESERVE_BYTES: u64 = 1024 * 1024;

struct Bench {
    disk: MemoryDisk,
    core: Core,
    /// What the last commit said about the disk.
    full: bool,
}

impl Bench {
    /// A run of the fixture's site at work: its first step is intended.
    fn running() -> Self {
        let disk = MemoryDisk::new();
        let entropy = Box::new(SeededEntropy::new(1));
        let mut ledger = Ledger::init(Arc::new(disk.clone()), entropy, NOON.0, "engine".into()).unwrap();
        ledger.keep_reserve(RESERVE_BYTES).unwrap();
        let mut bench = Bench { disk, core: Core::replay(ledger, |_| ()).unwrap(), full: false };
        bench.engine(Ask::LoadSite { site: Arc::new(fixture::site()), diff: String::new() }).unwrap();
        bench.person("ada", Ask::Propose(Box::new(fixture::proposal()))).unwrap();
        bench.carry_out();
        let seen = Seen::Binding(bench.run().binding);
        let vote = Ask::Vote { run: RUN, choice: Choice::Approve, reason: "fine".to_owned() };
        bench.ask(fixture::actor("grace"), seen, vote).unwrap();
        bench.person("ada", Ask::Start { run: RUN }).unwrap();
        while bench.run().phase != Phase::Running {
            let order = bench.orders()[0];
            bench.ended(order).unwrap();
        }
        assert!(!bench.orders().is_empty());
        bench
    }

    fn ask(&mut self, by: Actor, seen: Seen, ask: Ask) -> Reply {
        let committed = self.core.commit(&[Request { by, seen, ask, proof: Default::default() }], NOON);
        assert_eq!(committed.fatal, None);
        self.full = committed.full;
        let [reply] = <[Reply; 1]>::try_from(committed.replies).unwrap();
        reply
    }

    fn engine(&mut self, ask: Ask) -> Reply {
        self.ask(Actor::Engine, Seen::Nothing, ask)
    }

    fn person(&mut self, who: &str, ask: Ask) -> Reply {
        self.ask(fixture::actor(who), Seen::Nothing, ask)
    }

    fn run(&self) -> Arc<Run> {
        Arc::clone(self.core.world().run(RUN).unwrap())
    }

    fn orders(&self) -> Vec<OrderKey> {
        let orders = due(self.core.world()).into_iter().filter_map(|work| match work {
            due::Work::Do(key) => Some(key),
            due::Work::At(..) => None,
        });
        orders.collect()
    }

    fn ended(&mut self, key: OrderKey) -> Reply {
        let outcome = Outcome {
            result: CellResult::Ok,
            output: OutputSummary::nothing(),
            saw: "seen".to_owned(),
            used: Vec::new(),
            published: Vec::new(),
        };
        self.engine(Ask::Report(Report { key, what: Progressed::Ended(outcome) }))
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.orders().first().copied() {
            self.ended(order).unwrap();
        }
    }

    /// What a restart would find.
    fn again(&self) -> Core {
        let disk = MemoryDisk::with_files(&self.disk.files());
        let ledger = Ledger::open(Arc::new(disk), Box::new(SeededEntropy::new(2))).unwrap();
        Core::replay(ledger, |_| ()).unwrap()
    }
}

fn rule(reply: Reply) -> Rule {
    reply.unwrap_err().rule
}

fn abort() -> Ask {
    Ask::Stop { run: RUN, how: StopHow::Now, reason: "enough".to_owned() }
}

#[test]
fn c7_on_a_full_disk_outcomes_and_an_abort_are_recorded_and_nothing_begins() {
    let mut bench = Bench::running();
    let at_work = bench.orders();
    bench.disk.set_room(Some(0));
    assert_eq!(rule(bench.person("ada", Ask::Propose(Box::new(fixture::proposal())))), Rule::NoRoom);
    assert_eq!(bench.run().phase, Phase::Paused(PauseCause::NoRoom), "the run begins nothing more");
    bench.disk.set_room(Some(0));
    for key in &at_work {
        bench.ended(*key).unwrap();
        assert_eq!(*bench.run().state(key.slot), CellState::Ok);
    }
    assert_eq!(bench.orders(), [], "no step was begun after them");
    for ask in [Ask::Continue { run: RUN }, Ask::Note { run: RUN, text: "full".to_owned() }] {
        assert_eq!(rule(bench.person("ada", ask)), Rule::NoRoom);
    }
    assert_eq!(rule(bench.person("ada", Ask::Hold { run: RUN })), Rule::ActorMachine);
    bench.person("ada", abort()).unwrap();
    assert_eq!(bench.run().phase, Phase::Ended(Ending::Aborted));
    assert!(bench.full, "what was recorded is from the reserve");
    assert_eq!(bench.again().world().run(RUN).unwrap().phase, Phase::Ended(Ending::Aborted));
}

#[test]
fn c7_with_room_again_a_held_run_goes_on_to_its_end() {
    let mut bench = Bench::running();
    let key = bench.orders()[0];
    bench.disk.set_room(Some(0));
    bench.ended(key).unwrap();
    assert_eq!(bench.run().phase, Phase::Paused(PauseCause::NoRoom));
    bench.disk.set_room(None);
    assert!(bench.full);
    bench.person("ada", Ask::Continue { run: RUN }).unwrap();
    assert!(!bench.full);
    bench.carry_out();
    assert_eq!(bench.run().phase, Phase::Ended(Ending::Succeeded));
    assert_eq!(bench.disk.files()["reserve"].len() as u64, RESERVE_BYTES, "kept for the next time");
}

#[test]
fn c7_with_no_reserve_left_everything_waits_and_nothing_is_lost() {
    let mut bench = Bench::running();
    let key = bench.orders()[0];
    let before = bench.core.world().events;
    // Not even what is given back can be written to.
    bench.disk.set_full(true);
    assert_eq!(rule(bench.ended(key)), Rule::NoRoom);
    assert_eq!(rule(bench.person("ada", abort())), Rule::NoRoom);
    assert!(bench.full);
    assert_eq!(bench.core.world().events, before);
    assert!(bench.orders().contains(&key), "it is still at work, and told again");
    bench.disk.set_full(false);
    bench.ended(key).unwrap();
    assert_eq!(*bench.again().world().run(RUN).unwrap().state(key.slot), CellState::Ok);
}

#[test]
fn c7_a_server_starts_on_a_full_disk_and_interrupts_what_was_at_work() {
    let mut bench = Bench::running();
    bench.disk.set_room(Some(0));
    let site = Arc::new(Site { digest: Digest::of(b"edited"), ..fixture::site() });
    let asks = [Ask::LoadSite { site, diff: String::new() }, Ask::Boot { repaired_bytes: 0 }];
    let requests = asks.map(Request::of_engine);
    let replies = bench.core.commit(&requests, NOON).replies;
    assert_eq!(replies[0].clone().unwrap_err().rule, Rule::NoRoom, "the site in force stays");
    assert_eq!(super::open::fatal(bench.core.world(), &requests, replies), None);
    assert_eq!(bench.run().phase, Phase::Ended(Ending::Interrupted));
    assert_eq!(bench.again().world().run(RUN).unwrap().phase, Phase::Ended(Ending::Interrupted));
}

#[test]
fn c7_the_last_check_before_a_start_waits_for_room() {
    let mut bench = Bench::running();
    bench.person("ada", abort()).unwrap();
    while let Some(key) = bench.orders().first().copied() {
        bench.ended(key).unwrap();
    }
    bench.person("ada", Ask::Propose(Box::new(fixture::proposal()))).unwrap();
    let mut orders = bench.orders();
    let last = orders.pop().unwrap();
    for key in orders {
        bench.ended(key).unwrap();
    }
    bench.disk.set_room(Some(0));
    assert_eq!(rule(bench.ended(last)), Rule::NoRoom, "it would begin the next checks, or the wait for approval");
    bench.disk.set_room(None);
    bench.ended(last).unwrap();
}

#[test]
fn c8_a_torn_tail_is_put_aside_and_recorded_though_the_disk_is_full() {
    let mut files = Bench::running().disk.files();
    let segment = files.keys().find(|path| path.ends_with(".seg")).unwrap().clone();
    files.get_mut(&segment).unwrap().extend([0; 300]);
    let disk = MemoryDisk::with_files(&files);
    disk.set_room(Some(0));
    let mut ledger = Ledger::open(Arc::new(disk.clone()), Box::new(SeededEntropy::new(2))).unwrap();
    ledger.keep_reserve(RESERVE_BYTES).unwrap();
    let mut core = Core::replay(ledger, |_| ()).unwrap();
    assert_eq!(core.record_repairs(NOON).unwrap(), 300);
    let recorded = |path: &String| path.starts_with("ledger/torn/") && path.ends_with(".recorded");
    assert!(disk.files().keys().any(recorded));
}

#[test]
fn a_change_to_the_site_with_more_reasons_to_wait_than_a_leaf_holds_is_recorded() {
    let mut bench = Bench::running();
    let mut site = Site { digest: Digest::of(b"many"), ..fixture::site() };
    let ada = site.people[&"ada".into()].clone();
    for n in 0..2_000 {
        let id = PersonId::new(format!("person-{n}"));
        site.people.insert(id.clone(), Person { id, unix: vec![format!("account-{n}")], ..ada.clone() });
    }
    bench.engine(Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let pending = |core: &Core| core.world().pending.as_ref().map(|pending| pending.sensitive.len());
    assert_eq!((pending(&bench.core), pending(&bench.again())), (Some(2_000), Some(2_000)));
}

#[test]
fn a_site_longer_than_a_detail_is_refused_in_words() {
    let mut bench = Bench::running();
    let mut site = Site { digest: Digest::of(b"long"), ..fixture::site() };
    let runbook = Arc::make_mut(site.runbooks.get_mut(&"restart".into()).unwrap());
    runbook.source = "x".repeat(DETAIL_BYTES_MAX);
    let refused = bench.engine(Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap_err();
    assert_eq!(refused.rule, Rule::Site, "{refused}");
}

#[tokio::test]
async fn c9_the_first_sync_that_fails_ends_the_server_and_the_asker_is_told() {
    let Bench { disk, core, .. } = Bench::running();
    let dir = tempfile::tempdir().unwrap();
    let origin = core.world().origin.clone();
    let store = Store::open(dir.path(), &origin, core.world().events).unwrap();
    let transcripts = Transcripts::new(Arc::new(disk.clone())).unwrap();
    let library = Library::new(store, (core.reader(), None), transcripts, Vault::default(), origin);
    let (requests, waiting) = tokio::sync::mpsc::channel(1);
    let (publish, world) = tokio::sync::watch::channel(Arc::clone(core.world()));
    let before = world.borrow().events;
    // The reason is a detail: it is written, and its sync fails.
    disk.plan([(disk.operations() + 2, Fault::Io)]);
    let (reply, answer) = tokio::sync::oneshot::channel();
    let request = Request { by: fixture::actor("ada"), seen: Seen::Nothing, ask: abort(), proof: Default::default() };
    requests.send((request, reply)).await.unwrap();
    let clock = Clock::start(NOON, NOON);
    let end =
        super::shell::serve(core, waiting, publish, (library, Arc::default()), clock, CancellationToken::new()).await;
    assert!(end.unwrap().contains("failed sync"), "why the server must end, with exit 74");
    assert_eq!(rule(answer.await.unwrap()), Rule::Storage);
    assert_eq!(world.borrow().events, before, "nobody was told of it");
}

#[test]
fn a_report_on_a_run_that_is_over_is_not_told_again() {
    let mut bench = Bench::running();
    bench.person("ada", Ask::Propose(Box::new(fixture::proposal()))).unwrap();
    let key = *bench.orders().iter().find(|key| key.run == RunId(2)).unwrap();
    bench.person("ada", Ask::Withdraw { run: RunId(2) }).unwrap();
    assert_eq!(bench.ended(key).unwrap_err().rule, Rule::NotFound, "a refusal that is final");
}

#[test]
fn what_has_no_place_in_the_record_is_refused_as_such_and_not_as_a_full_disk() {
    let mut bench = Bench::running();
    let key = bench.orders()[0];
    let saw = "x".repeat(crate::ledger::DETAIL_BYTES_MAX + 1);
    let outcome = Outcome {
        result: CellResult::Ok,
        output: OutputSummary::nothing(),
        saw,
        used: Vec::new(),
        published: Vec::new(),
    };
    let report = Report { key, what: Progressed::Ended(outcome) };
    assert_eq!(bench.engine(Ask::Report(report)).unwrap_err().rule, Rule::Record);
    bench.ended(key).unwrap();
}
