//! What a thousand people cost who watch one run over SSH: how old the lines on their screens are, what memory each takes, and by
//! how much the run is slower for it. The run prints 20 000 lines a second on a real host; the server is a process of its own, all
//! viewers are in this one. One more reads nothing at all, from the first frame on. Never a timed test.
//!
//! `QUARTERDECK_VIEWERS=200 cargo bench --bench viewers` has fewer.

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
#[path = "../tests/crowd/mod.rs"]
mod crowd;
#[path = "../tests/real/mod.rs"]
mod real;

use std::time::{Duration, Instant};

use common::{alone, figure, machine, note, used};
use crowd::{Crowd, Stage};
use real::Fleet;

const VIEWERS: usize = 1_000;
const LINES_PER_SECOND: u32 = 20_000;

/// How long the run prints without a viewer.
const UNWATCHED_S: u32 = 20;

/// How long it prints for the viewers: long enough for all of them to sign in, and for a minute of looking.
const WATCHED_S: u32 = 120;

/// How long the screens are looked at.
const LOOKING: Duration = Duration::from_secs(60);

/// No crowd takes longer to sit down, or to see the end.
const CROWD_WAIT: Duration = Duration::from_secs(60);

fn main() {
    let Some(fleet) = Fleet::plan(1).start() else {
        note("viewers: no OpenSSH server here, so there is no figure");
        machine();
        return;
    };
    let viewers = crowd::viewers(VIEWERS);
    let stage = Stage::set(&fleet, LINES_PER_SECOND, &[UNWATCHED_S, WATCHED_S]);
    let ((), unwatched) = stage.print(UNWATCHED_S, |_| ());
    let (before, threads) = (stage.server_kib(), std::thread::available_parallelism().map_or(1, usize::from));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    let (_, watched) = stage.print(WATCHED_S, |run| {
        runtime.block_on(async {
            let begun = Instant::now();
            let mut crowd = Crowd::gather(&stage, run, viewers, 1).await;
            crowd.all_see(CROWD_WAIT).await;
            note(&format!("{viewers} viewers sat down within {:.1} s", begun.elapsed().as_secs_f64()));
            let own = std::process::id();
            let (server, ours) = (used::cpu(stage.server()), used::cpu(own));
            let ages = crowd.ages(LOOKING).await;
            let cores = |used: Duration| used.as_secs_f64() / LOOKING.as_secs_f64();
            let (server, ours) = (cores(used::cpu(stage.server()) - server), cores(used::cpu(own) - ours));
            let each = (stage.server_kib() - before) as f64 / viewers as f64;
            alone("viewer_frame_age_p99_ms", ages.thousandths_ms(990) as f64, "ms", "500");
            alone("viewer_kib", each, "KiB", "512");
            note(&format!(
                "half of the looks saw lines of {} ms ago, the worst of a thousand of {} ms; {:.1} frames and {:.1} KiB a second each; \
                 the server took {server:.2} cores, the viewers {ours:.2}",
                ages.thousandths_ms(500),
                ages.thousandths_ms(999),
                ages.frames_per_second,
                ages.kib_per_second,
            ));
            crowd.all_saw_the_end(Duration::from_secs(u64::from(WATCHED_S)) + CROWD_WAIT).await;
        });
    });
    let pace = |took: Duration, seconds: u32| took.as_secs_f64() / f64::from(seconds);
    let (alone_s, watched_s) = (pace(unwatched, UNWATCHED_S), pace(watched, WATCHED_S));
    figure("viewer_run_slowed_pct", 100.0 * (watched_s / alone_s - 1.0), "%", "unwatched", alone_s / watched_s, "5");
    machine();
}
