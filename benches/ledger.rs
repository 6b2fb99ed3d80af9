//! How fast events are recorded, acknowledged, opened and verified, beside bare `fdatasync` on the same disk.
//!
//! Prints `figure NAME VALUE UNIT peer=NAME ratio=R goal=G` per figure. Never a timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{alone, figure, machine, note};
use quarterdeck::ledger::{Disk, Draft, Known, Ledger, OsEntropy, Outcome, RealDisk, segment, verify};
use serde_json::{Map, Value, json};

/// As many events as an engine under load commits at once: one for each host of a large batch.
const GROUP_EVENTS: u64 = 256;
/// Events of the throughput figure.
const GROUPED_EVENTS: u64 = 100 * GROUP_EVENTS;
/// Single acknowledgements of the latency figure.
const ACKS: usize = 3_000;
/// Events of the opening and verifying figures.
const MANY_EVENTS: u64 = 1_000_000;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let grouped = events_per_second(dir.path());
    figure("ledger_events_s", grouped.0, "events/s", "fdatasync", grouped.0 / grouped.1, "20000");
    let acks = acknowledgements(dir.path());
    figure("ledger_ack_p99_ms", acks.0, "ms", "fdatasync", acks.1 / acks.0, "5");
    let many = dir.path().join("many");
    fill(&many);
    let (with, without) = opening(&many);
    alone("ledger_open_s", with, "s", "2");
    note(&format!("opening the same ledger without its side files: {without:.2} s"));
    let verified = verifying(&many);
    alone("verify_leaves_s", verified, "leaves/s", "200000");
    note(&format!("reading every event with its details: {:.0} events/s", reading(&many)));
    machine();
}

fn disk(dir: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::lock(dir, std::process::id()).unwrap())
}

fn make(dir: &Path) -> Ledger {
    Ledger::init(disk(dir), Box::new(OsEntropy), 0, json!({"process": "bench"})).unwrap()
}

/// An outcome of one step on one host, with what a person would read beside it.
fn draft(n: u64) -> Draft {
    Draft {
        kind: "step_ended".into(),
        at: i64::try_from(n).unwrap_or(i64::MAX),
        by: json!({"engine": "bench"}),
        run: Some(1 + n / 1_000),
        run_closed: n % 1_000 == 999,
        body: Map::from_iter([
            ("attempt".to_owned(), Value::from(1)),
            ("result".to_owned(), Value::from("ok")),
            ("slot".to_owned(), json!({"host": n % 64, "item": {"step": 3}})),
            (
                "output".to_owned(),
                json!({"bytes": 8_192, "lines": 120, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}),
            ),
        ]),
        details: [("saw".to_owned(), b"active (running) since 04:12:07".to_vec())].into(),
    }
}

fn group(first: u64, len: u64) -> Vec<Draft> {
    (first..first + len).map(draft).collect()
}

/// Ours and the peer's: the same bytes in the same groups, one `fdatasync` each.
fn events_per_second(dir: &Path) -> (f64, f64) {
    let data = dir.join("grouped");
    let mut ledger = make(&data);
    let groups: Vec<_> = (0..GROUPED_EVENTS).step_by(GROUP_EVENTS as usize).map(|n| group(n, GROUP_EVENTS)).collect();
    let start = Instant::now();
    for group in &groups {
        ledger.append(group).unwrap();
    }
    let ours = start.elapsed();
    drop(ledger);

    let bytes = [segment::segment_path(0), segment::details_path(0)];
    let bytes: u64 = bytes.iter().map(|path| fs::metadata(data.join(path)).unwrap().len()).sum();
    let block = vec![b'x'; usize::try_from(bytes / groups.len() as u64).unwrap()];
    let mut file = File::create(dir.join("bare")).unwrap();
    let start = Instant::now();
    for _ in &groups {
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
    }
    let bare = start.elapsed();
    let rate = |took: Duration| GROUPED_EVENTS as f64 / took.as_secs_f64();
    (rate(ours), rate(bare))
}

/// The 99th percentile in milliseconds, ours and the peer's.
fn acknowledgements(dir: &Path) -> (f64, f64) {
    let mut ledger = make(&dir.join("single"));
    let p99 = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() * 99 / 100].as_secs_f64() * 1_000.0
    };
    let ours = (0..ACKS as u64)
        .map(|n| {
            let one = [draft(n)];
            let start = Instant::now();
            ledger.append(&one).unwrap();
            start.elapsed()
        })
        .collect();
    let mut file = File::create(dir.join("bare_single")).unwrap();
    let block = [b'x'; 512];
    let bare = (0..ACKS)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&block).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    (p99(ours), p99(bare))
}

fn fill(dir: &Path) {
    let mut ledger = make(dir);
    for first in (0..MANY_EVENTS).step_by(2_000) {
        ledger.append(&group(first, 2_000)).unwrap();
    }
}

/// Seconds to open with side files and without.
fn opening(dir: &Path) -> (f64, f64) {
    let open = || {
        let start = Instant::now();
        let ledger = Ledger::open(disk(dir), Box::new(OsEntropy)).unwrap();
        assert_eq!(ledger.head().size, MANY_EVENTS + 1);
        start.elapsed().as_secs_f64()
    };
    let with = open();
    fs::remove_dir_all(dir.join(segment::INDEX_DIR)).unwrap();
    (with, open())
}

fn verifying(dir: &Path) -> f64 {
    let start = Instant::now();
    let verdict = verify(&disk(dir), Known { kinds: &["step_ended"], since: None, outputs: None });
    let took = start.elapsed();
    assert_eq!(verdict.outcome, Outcome::Intact, "{verdict}");
    MANY_EVENTS as f64 / took.as_secs_f64()
}

fn reading(dir: &Path) -> f64 {
    let ledger = Ledger::open(disk(dir), Box::new(OsEntropy)).unwrap();
    let start = Instant::now();
    let read = ledger.recorded(0).map(Result::unwrap).count();
    read as f64 / start.elapsed().as_secs_f64()
}
