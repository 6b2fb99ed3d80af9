//! The one loop that waits in real time. Other processes cannot wake a test, so it looks, pauses and looks again,
//! and gives up at a limit with what it saw last.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// For what should take well under a second on an idle machine; the rest is room for a busy one.
pub const SOON: Duration = Duration::from_secs(20);

const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Looks until `look` gives a value. Fails after `limit` with `what` was awaited and the last `Err`: what was
/// seen instead.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "other processes keep real time")]
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    let mut pause = PAUSE_MIN;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= limit => {
                panic!("waited {limit:?} for {what}; seen at the end:\n{seen}")
            }
            Err(_) => {}
        }
        sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Looks without a pause, for a moment that must be met as it comes; gives up as [`until`] does.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "other processes keep real time")]
pub fn at_the_moment<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= limit => {
                panic!("waited {limit:?} for {what}; seen at the end:\n{seen}")
            }
            Err(_) => std::thread::yield_now(),
        }
    }
}
