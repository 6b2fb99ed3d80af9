//! Aborting at any moment, on a real OpenSSH server: what was begun is gone from the host's process table, and the outcome says so.

use super::kit::{carry_until, sh};
use super::sshd::{Sshd, executor};
use crate::domain::id::RunId;
use crate::domain::order::CellResult;
use crate::domain::run::Reason;
use std::fs;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is tried; all of it under `tests/run --deep`.
const TRIES: u64 = 25;
const TRIES_DEEP: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
fn tries() -> u64 {
    if std::env::var_os("QUARTERDECK_DEEP").is_some() { TRIES_DEEP } else { TRIES }
}

/// Three layers of shells, one of them with job control, and a child in the background of each.
fn layers(mark: u64) -> String {
    let inner = format!("sleep {mark} & sleep {mark}; true");
    format!("echo begun; sleep {mark} & bash -c 'set -m; sleep {mark} & sh -c \"{inner}\"; true'; true")
}

/// Processes that still carry the mark. The dead whom nobody has collected have no command line.
fn left(mark: u64) -> Vec<String> {
    let mark = mark.to_string();
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(&mark) && !line.contains("executor::")).then_some(line)
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_aborted_at_any_moment_is_gone_from_the_host_and_never_unknown() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let executor = executor(&sshd);
    let host = sshd.host("web-1", "127.0.1.1");
    let base = 1_000_000 + u64::from(std::process::id()) % 100_000 * 1_000;
    // From the first byte to the last of a script that does nothing, login included: the moments lie within twice as long.
    let started = Instant::now();
    carry_until(&executor, sh(&host, "true"), CancellationToken::new(), |_| {}).await;
    let span_ms = 2 * u64::try_from(started.elapsed().as_millis()).unwrap().max(50);
    let (mut begun, mut before) = (0, 0);
    for nth in 0..tries() {
        // Spread over the whole time, the same in every run of this test; a new login every few tries.
        let moment = Duration::from_millis(nth * 37 % span_ms);
        if nth % 5 == 0 {
            executor.release(RunId(7)).await;
        }
        let cancel = CancellationToken::new();
        // Every second moment counts from the script's first word: how busy the machine is does not decide what is tried.
        let within = nth % 2 == 0;
        let word = Notify::new();
        let abort = async {
            if within {
                word.notified().await;
            }
            tokio::time::sleep(moment).await;
            cancel.cancel();
        };
        let order = sh(&host, &layers(base + nth));
        let (came, ()) = tokio::join!(carry_until(&executor, order, cancel.clone(), |_| word.notify_one()), abort);
        let words = format!("try {nth}, after {moment:?}: {} {}", came.outcome.saw, came.notes);
        match came.result() {
            CellResult::Failed(Reason::Aborted) => begun += 1,
            CellResult::Refused(Reason::Aborted) => before += 1,
            other => panic!("{other:?}: {words}"),
        }
        let still = left(base + nth);
        assert!(still.is_empty(), "{words}: {still:?}");
    }
    assert!(begun >= tries() / 2, "of {} tries only {begun} met a script that had begun", tries());
    println!(
        "{} tries: {begun} ended while the script ran, {before} before it began; none unknown, nothing left",
        tries()
    );
}
