//! Many people watch one run over SSH. Under `tests/run --deep` two hundred of them, otherwise a handful: all see the run's last
//! line, the run is no slower for them, and each costs a bounded piece of memory. Timed it is by the bench of the same name.

#![cfg(test)]

mod crowd;
mod real;

use crowd::{Crowd, Stage};
use real::{Fleet, deep, program};
use std::time::Duration;

/// Watching, or two cores at full load for longer than anybody waits.
const CROWD_WAIT: Duration = Duration::from_secs(120);

/// More than a viewer is to cost: a build that is not optimised, and an allocator that keeps what it once had.
const KIB_MAX: u64 = 1_536;

#[test]
fn s25_real_everybody_who_watches_sees_the_last_line_while_one_reads_nothing() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let (viewers, seconds, rate) = if deep() { (crowd::viewers(200), 60, 20_000) } else { (8, 10, 2_000) };
    let stage = Stage::set(&fleet, rate, &[seconds]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let before = stage.server_kib();
    let (ages, took) = stage.print(seconds, |run| {
        runtime.block_on(async {
            let mut crowd = Crowd::gather(&stage, run, viewers, 1).await;
            crowd.all_see(CROWD_WAIT).await;
            let ages = crowd.ages(Duration::from_secs(u64::from(seconds) / 2)).await;
            crowd.all_saw_the_end(CROWD_WAIT).await;
            ages
        })
    });
    let each = stage.server_kib().saturating_sub(before) / viewers as u64;
    println!(
        "{viewers} viewers: lines on a screen were {} ms old at most in 99 of 100 looks, {:.1} frames a second each; {each} KiB each; \
         the run printed for {:.1} s instead of {seconds}",
        ages.thousandths_ms(990),
        ages.frames_per_second,
        took.as_secs_f64(),
    );
    // What a few viewers take is less than what one run more does.
    assert!(!deep() || each <= KIB_MAX, "{each} KiB each");
    stage.served.product.verifies();
}
