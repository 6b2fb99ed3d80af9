//! The server is gone and the terminal is still there: the last frame stays, the last row says so and counts, and the
//! console opens again once a server answers.
//!
//! Deliberately absent: starting a server. Whoever restarts it has a reason for how; ours would stand in its way.

use super::Person;
use crate::cli::link::{self, Link, Shut};
use crate::cli::{Exit, Failure};
use crate::terminal::guard::size;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, interval, sleep};

/// Pause between knocks: short enough to be back at once, long enough to cost nothing.
const KNOCK_EVERY: Duration = Duration::from_millis(500);

/// How often the counter is written: it shows seconds.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// How waiting ended.
pub enum Waited {
    /// A server answered.
    Back(Link),
    /// The person had enough.
    Left,
    /// A server answered, and lets this account in no more.
    TurnedAway(Failure),
}

/// Waits at the socket. What is typed meanwhile is let go (nobody sees what it would do), but for what means leaving; that
/// works also while a server that was found does not answer.
pub async fn wait(socket: &Path, person: &mut Person) -> Waited {
    let lost = Instant::now();
    let mut every = interval(COUNT_EVERY);
    let mut answer = pin!(answered(socket));
    loop {
        tokio::select! {
            _ = every.tick() => say(lost.elapsed()),
            answer = &mut answer => return answer,
            typed = person.keyboard.recv() => match typed {
                Some(bytes) if !leaves(&bytes) => {}
                Some(_) | None => return Waited::Left,
            },
            _ = person.resized.recv() => say(lost.elapsed()),
            () = person.ending.come() => return Waited::Left,
        }
    }
}

/// Knocks until a server answers.
async fn answered(socket: &Path) -> Waited {
    loop {
        match link::knock(socket).await {
            Ok(link) => return Waited::Back(link),
            Err(Shut::Refused(failure)) if failure.exit == Exit::No => return Waited::TurnedAway(failure),
            Err(Shut::Nobody | Shut::Gone(_) | Shut::Silent | Shut::Refused(_)) => sleep(KNOCK_EVERY).await,
        }
    }
}

/// `q`, or control-c.
fn leaves(typed: &[u8]) -> bool {
    const INTERRUPT: u8 = 3;
    matches!(typed, [b'q' | INTERRUPT])
}

/// What the last row says.
fn words(gone: Duration, columns: usize) -> String {
    let seconds = gone.as_secs();
    let since = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    let whole = format!(" last seen {since} ago, reconnecting, runs go on. q leaves");
    match whole.len() <= columns {
        true => whole,
        false => format!(" {since}, reconnecting").chars().take(columns).collect(),
    }
}

/// Writes the last row over what stands there, and leaves the cursor hidden as it is.
fn say(gone: Duration) {
    let (columns, rows) = size(std::io::stdout()).unwrap_or((80, 24));
    let columns = usize::from(columns);
    // One column less: the last cell of the last row would scroll some terminals.
    let text = words(gone, columns.saturating_sub(1));
    put(format!("\x1b[{rows};1H\x1b[0;7m{text:<width$}\x1b[0m", width = columns.saturating_sub(1)).as_bytes());
}

/// Gives the screen back for the moment until the server takes it again.
pub fn close_screen(last: &[u8]) {
    put(last);
}

fn put(bytes: &[u8]) {
    let mut to = std::io::stdout().lock();
    // A terminal that is gone is noticed by its keyboard.
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_counts_and_fits() {
        let at = |seconds, columns| words(Duration::from_secs(seconds), columns);
        assert_eq!(at(7, 79), " last seen 00:07 ago, reconnecting, runs go on. q leaves");
        assert_eq!(at(3_725, 79), " last seen 62:05 ago, reconnecting, runs go on. q leaves");
        assert_eq!(at(7, 30), " 00:07, reconnecting");
        assert_eq!(at(7, 5), " 00:0");
    }

    #[test]
    fn only_what_means_leaving_leaves() {
        assert!(leaves(b"q") && leaves(&[3]));
        assert!(!leaves(b"qq") && !leaves(b"a") && !leaves(b""));
    }
}
