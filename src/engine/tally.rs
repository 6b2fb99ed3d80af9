//! What the writer has done since it began, in numbers alone, and whether it can record at this moment: for whoever watches
//! the server from outside.
//!
//! Invariant: it is told what is durable, after it is; nothing rests on it. Deliberately absent: names, texts, and whatever the
//! `World` knows anyway.

use super::core::Committed;
use crate::domain::Event;
use crate::domain::notice;
use crate::domain::run::Ending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Upper bounds of the times a commit may take: from a disk with a cache of its own to one that is about to die.
pub const COMMIT_BOUNDS_MS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 500, 1_000, 10_000];

/// A commit that has taken so long hangs: no disk in order takes longer, and every decision waits for it.
const COMMIT_HANGS: Duration = Duration::from_secs(10);

/// Whether decisions are taken at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// They are.
    Fine,
    /// The last thing to be recorded found the disk full: only outcomes, pause and abort are.
    Full,
    /// The disk has not answered for so long.
    Hangs(Duration),
    /// The record cannot be written any more; the server ends.
    Failed,
    /// The server ends because somebody said so.
    Stopping,
}

/// Numbers since the server began.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Counts {
    /// Runs that ended, in the order of [`Ending::ALL`].
    pub ended: [u64; Ending::ALL.len()],
    /// Notices that arrived, each channel of one counted.
    pub delivered: u64,
    /// Notices that were given up, each channel of one counted.
    pub given_up: u64,
    /// Commits that took no longer than each of [`COMMIT_BOUNDS_MS`] and longer than the one before; the last: than none of them.
    pub commits: [u64; COMMIT_BOUNDS_MS.len() + 1],
    /// How long all of them took together.
    pub committing: Duration,
}

/// Whoever counts.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    counts: Counts,
    storage: Storage,
    begun: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Storage {
    #[default]
    Fine,
    Full,
    Failed,
}

impl Tally {
    /// A commit begins.
    pub(super) fn begins(&self) {
        self.book().begun = Some(Instant::now());
    }

    /// It is over, and this came of it.
    pub(super) fn take(&self, committed: &Committed) {
        let mut book = self.book();
        let took = book.begun.take().map(|begun| begun.elapsed());
        if committed.fatal.is_some() {
            book.storage = Storage::Failed;
        } else if committed.full {
            book.storage = Storage::Full;
        } else if !committed.happened.is_empty() {
            book.storage = Storage::Fine;
        }
        if let Some(took) = took.filter(|_| !committed.happened.is_empty()) {
            book.counts.took(took);
        }
        for happened in &committed.happened {
            book.counts.saw(&happened.recorded.event);
        }
    }

    /// The numbers so far.
    pub fn counts(&self) -> Counts {
        self.book().counts.clone()
    }

    /// Whether decisions are taken, as far as the storage goes.
    pub(super) fn health(&self) -> Health {
        let book = self.book();
        match (book.storage, book.begun.map(|begun| begun.elapsed())) {
            (Storage::Failed, _) => Health::Failed,
            (_, Some(since)) if since >= COMMIT_HANGS => Health::Hangs(since),
            (Storage::Full, _) => Health::Full,
            (Storage::Fine, _) => Health::Fine,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Counting cannot fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn took(&mut self, time: Duration) {
        let bucket = COMMIT_BOUNDS_MS.iter().position(|most| time <= Duration::from_millis(*most));
        if let Some(count) = self.commits.get_mut(bucket.unwrap_or(COMMIT_BOUNDS_MS.len())) {
            *count += 1;
        }
        self.committing += time;
    }

    fn saw(&mut self, event: &Event) {
        if let Event::RunEnded { ending, .. } = event
            && let Some(nr) = Ending::ALL.iter().position(|one| one == ending)
            && let Some(count) = self.ended.get_mut(nr)
        {
            *count += 1;
        }
        if let Event::Notice { act } = event {
            match act {
                notice::Act::Delivered { .. } => self.delivered += 1,
                notice::Act::Failed { again: false, .. } => self.given_up += 1,
                notice::Act::Due { .. } | notice::Act::Test | notice::Act::Failed { again: true, .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, Recorded, RunId, Timestamp};
    use crate::engine::core::Happened;

    fn ended(ending: Ending) -> Happened {
        let event = Event::RunEnded { run: RunId(1), ending };
        let recorded = Recorded { index: 1, at: Timestamp(0), by: Actor::Engine, event, details: Default::default() };
        Happened { recorded, run: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_durable_is_counted_by_kind_and_by_the_time_it_took() {
        let tally = Tally::default();
        for (ending, ms) in [(Ending::Failed, 1), (Ending::Failed, 30), (Ending::Stuck, 20_000)] {
            tally.begins();
            tokio::time::advance(Duration::from_millis(ms)).await;
            tally.take(&Committed { happened: vec![ended(ending)], ..Committed::default() });
        }
        let counts = tally.counts();
        assert_eq!(counts.ended, [0, 2, 0, 0, 0, 1, 0]);
        assert_eq!(counts.commits, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!(counts.committing, Duration::from_millis(20_031));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_is_full_or_hangs_or_broke_is_told_apart_and_what_is_recorded_again_is_fine() {
        let tally = Tally::default();
        let full = Committed { full: true, happened: vec![ended(Ending::Aborted)], ..Committed::default() };
        tally.take(&full);
        assert_eq!(tally.health(), Health::Full, "an end was recorded from the reserve; nothing else would be");
        tally.take(&Committed::default());
        assert_eq!(tally.health(), Health::Full, "nothing was written: nobody knows better");
        tally.take(&Committed { happened: vec![ended(Ending::Aborted)], ..Committed::default() });
        assert_eq!(tally.health(), Health::Fine);
        tally.begins();
        tokio::time::advance(COMMIT_HANGS).await;
        assert_eq!(tally.health(), Health::Hangs(COMMIT_HANGS));
        tally.take(&Committed { fatal: Some("gone".to_owned()), ..Committed::default() });
        assert_eq!(tally.health(), Health::Failed);
    }
}
