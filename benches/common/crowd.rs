//! How soon everybody sees an act while ten thousand runs wait for somebody: from asking to the new World at a watcher, recorded
//! and synced on the way. The peer is the same act where one run waits.

use std::time::{Duration, Instant};

use quarterdeck::domain::{Ask, RunId, Timestamp};
use quarterdeck::engine::clock;

use super::common::{figure, note, percentile_ms, used};
use super::ground;
use super::past::{Past, open};

/// Half of what a World may hold.
const OPEN_RUNS: u64 = 10_000;

/// Notes written and waited for, one after the other.
const ACTS: u64 = 500;

/// The runs are proposed so long ago: none is expired yet, and all of it is past.
const AGO_MS: i64 = 2 * 60 * 60 * 1_000;

/// What it takes until a watcher has seen an act.
struct Seen {
    times: Vec<Duration>,
    cpu: Duration,
}

pub fn measure() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (alone, crowd) = (runtime.block_on(seen(1)), runtime.block_on(seen(OPEN_RUNS)));
    let [one, many] = [&alone, &crowd].map(|seen| percentile_ms(&seen.times, 99));
    figure("world_publish_p99_ms", many, "ms", "one-open-run", one / many, "5");
    let [one, many] = [&alone, &crowd].map(|seen| seen.cpu.as_secs_f64() * 1_000.0 / ACTS as f64);
    note(&format!(
        "with {OPEN_RUNS} open runs half of the acts are seen within {:.2} ms; an act costs {many:.2} ms of processor, with one open run {one:.2} ms",
        percentile_ms(&crowd.times, 50),
    ));
}

async fn seen(open_runs: u64) -> Seen {
    let dir = tempfile::Builder::new().prefix("qd-bench").tempdir().unwrap();
    let mut past = Past::begin_at(dir.path(), Timestamp(clock::wall().0 - AGO_MS));
    past.propose(open_runs);
    drop(past);
    let (handle, engine) = open(dir.path()).await;
    assert_eq!(handle.world().borrow().runs.len() as u64, open_runs, "all of them wait");
    let (mut times, before) = (Vec::new(), used::cpu(std::process::id()));
    for n in 0..ACTS {
        let run = RunId(1 + n * 17 % open_runs);
        let mut watcher = handle.world();
        watcher.borrow_and_update();
        let begun = Instant::now();
        let told = Ask::Note { run, text: format!("Looked at it, {n} times.") };
        let (_, changed) = tokio::join!(ground::ask(&handle, "ada", told), watcher.changed());
        changed.unwrap();
        times.push(begun.elapsed());
    }
    let cpu = used::cpu(std::process::id()) - before;
    handle.shut_down().await;
    engine.ended().await;
    Seen { times, cpu }
}
