//! How fast output is taken: one host's stream beside `ssh cat` with the same cipher, and lines of many hosts at once. Taken
//! means searched for a secret, cut into frames, compressed, hashed and synced, with its outcome in the ledger. Never a
//! timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;
#[path = "common/ground.rs"]
mod ground;
#[path = "../tests/real/mod.rs"]
mod real;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{alone, figure, machine, note, used};
use ground::Ground;
use quarterdeck::domain::PersonId;
use quarterdeck::domain::query::{Fetch, Fetched, LogFrom, LogQuery};
use quarterdeck::domain::run::{Ending, Phase};
use quarterdeck::domain::{RunId, run::Run};
use quarterdeck::engine::Handle;
use real::Fleet;

/// A log file of this size is printed so often: 1 GiB, of which the disk holds a part.
const FILE_MIB: usize = 64;
const TIMES: usize = 16;

/// Hosts that print at once, and lines of each.
const HOSTS: usize = 32;
const LINES: u64 = 100_000;

/// Most memory the whole may take.
const RSS_MIB_GOAL: &str = "128";

fn main() {
    one_stream();
    many_lines();
    machine();
}

/// One host prints 1 GiB of log.
fn one_stream() {
    let Some(fleet) = Fleet::plan(1).start() else {
        return note("output: no OpenSSH server here, so there is no figure");
    };
    let ground = Ground::of_fleet(&fleet);
    let log = log_file(&ground);
    let print = format!("n=0; while [ $n -lt {TIMES} ]; do cat {}; n=$((n+1)); done", log.display());
    ground.runbook("print", &print);
    let mib = (FILE_MIB * TIMES) as f64;
    let theirs = ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"].map(|cipher| {
        let mut ssh = fleet.client(&fleet.hosts()[0]);
        let begun = Instant::now();
        let status = ssh.args(["-c", cipher, &print]).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "ssh: {status}");
        mib * 1.048_576 / begun.elapsed().as_secs_f64()
    });
    used::forget_peak();
    let (run, took) = governed(&ground, "print");
    let peak = used::peak_mib();
    went_well(&run);
    let ours = mib * 1.048_576 / took.as_secs_f64();
    figure("output_mb_s", ours, "MB/s", "ssh-cat-aes256-gcm", ours / theirs[0], "0.60x");
    alone("output_rss_mib", peak, "MiB", RSS_MIB_GOAL);
    note(&format!(
        "ssh cat: {:.0} MB/s with AES-256-GCM, {:.0} MB/s with ChaCha20; we speak the first",
        theirs[0], theirs[1]
    ));
    let stored = fs::metadata(ground.at("data/transcripts/1.qdt")).unwrap().len();
    note(&format!("its transcript takes {:.1} % of what was printed", 100.0 * stored as f64 / (mib * 1_048_576.0)));
}

/// Many hosts print lines at once; none may be lost.
fn many_lines() {
    let Some(fleet) = Fleet::plan(HOSTS).start() else { return };
    let ground = Ground::of_fleet(&fleet);
    let lines = ground.at("lines");
    let mut text = String::new();
    for n in 0..LINES {
        writeln!(text, "Nov 24 12:00:00 api[4711]: GET /v1/orders/{n} 200 in {} ms", n % 97).unwrap();
    }
    fs::write(&lines, text).unwrap();
    ground.runbook("lines", &format!("cat {}", lines.display()));
    let (run, took) = governed(&ground, "lines");
    went_well(&run);
    let rate = (HOSTS as u64 * LINES) as f64 / took.as_secs_f64();
    alone("output_lines_s", rate, "lines/s", "200000");
    note(&format!(
        "{} lines of {HOSTS} hosts in {:.2} s, every one of them there afterwards",
        HOSTS as u64 * LINES,
        took.as_secs_f64()
    ));
}

/// Runs it; from the first step's begin to the durable end.
fn governed(ground: &Ground, runbook: &str) -> (std::sync::Arc<Run>, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (handle, engine) = ground.open().await;
        let id = ground::approved(&handle, runbook).await;
        let (began, ended, run) = ground::carried_out(&handle, id).await;
        if runbook == "lines" {
            assert_eq!(stored_lines(&handle, id).await, HOSTS as u64 * LINES, "lines are missing");
        }
        handle.shut_down().await;
        engine.ended().await;
        (run, ended - began)
    })
}

async fn stored_lines(handle: &Handle, run: RunId) -> u64 {
    let query = LogQuery {
        run,
        host: None,
        item: None,
        stream: Some(quarterdeck::domain::order::Stream::Out),
        matching: None,
        from: LogFrom::End,
        count: 1,
    };
    match handle.fetch(&PersonId::new("ada"), Fetch::Log(query)).await {
        Fetched::Log(page) => page.total,
        other => panic!("{other:?}"),
    }
}

fn went_well(run: &Run) {
    assert_eq!(run.phase, Phase::Ended(Ending::Unverified), "{:?}", run.cells);
}

/// A log as services write it: lines that resemble each other and are never the same.
fn log_file(ground: &Ground) -> PathBuf {
    let path = ground.at("log");
    let mut text = String::with_capacity(FILE_MIB * 1_048_576 + 256);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while text.len() < FILE_MIB * 1_048_576 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (user, path, took) = (state % 90_000, (state >> 20) % 700, (state >> 40) % 900);
        writeln!(
            text,
            "2026-11-24T12:{:02}:{:02}Z web-1 api[4711]: user={user} GET /v1/items/{path} 200 {took}ms id={state:016x}",
            (state >> 50) % 60,
            (state >> 56) % 60,
        )
        .unwrap();
    }
    text.truncate(FILE_MIB * 1_048_576);
    fs::write(&path, text).unwrap();
    path
}
