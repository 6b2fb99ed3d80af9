//! What all sessions of a server share, so that a thousand who watch one run cost little more than their frames: the ends of logs,
//! read and filtered once for everybody, and turns at drawing.
//!
//! Invariants: whoever gets an end may see its run at this moment; an end is never older than [`END_AGE_MAX`] or the last
//! line printed, whichever is older; a turn is never later than [`FRAME_GAP_MAX`], and nobody's key waits for one.

use super::follow;
use crate::console::LogRows;
use crate::domain::query::{Fetch, Fetched, LogFrom, LogQuery};
use crate::domain::{PersonId, RunId};
use crate::engine::Handle;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Frames closer together than this are one frame: more than a person sees, and more than a bad link carries. A key does
/// not wait for it: its frame is drawn as soon as the wire has room.
pub const FRAME_GAP: Duration = Duration::from_millis(20);

/// However many watch, each is shown what is new this often: below it lines no longer seem to run.
pub const FRAME_GAP_MAX: Duration = Duration::from_millis(250);

/// What a frame costs in all, in times of what drawing it takes: a message is taken in before, and encrypted and sent after. A
/// processor has room for nothing else then.
const COST_OF_DRAWING: u32 = 2;

/// An end that was read so lately is new enough for whoever asks now: one frame.
const END_AGE_MAX: Duration = Duration::from_millis(20);

/// Ends that are kept: one for each cell that people look at. Beyond it those go that nobody waits for.
const ENDS_MAX: usize = 64;

/// What sessions share.
#[derive(Debug)]
pub struct Shared {
    ends: Mutex<BTreeMap<What, Arc<Kept>>>,
    /// Until when what was drawn already takes all processors.
    busy: Mutex<Instant>,
    processors: u32,
}

/// Whose log, and which part of it: host and item as in a [`LogQuery`].
type What = (RunId, Option<String>, Option<crate::domain::run::Item>, u32);

/// The last end that was read. While one reads the next, all others wait for that one, and go on together.
#[derive(Debug)]
struct Kept {
    end: watch::Sender<Option<End>>,
    reading: AtomicBool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { end: watch::channel(None).0, reading: AtomicBool::new(false) }
    }
}

/// Somebody reads. Where they leave before they have read, the others are told, and one of them does.
struct Reading<'a>(&'a Kept);

impl Kept {
    /// Begins to read; `None`: somebody does already.
    fn begin(&self) -> Option<Reading<'_>> {
        (!self.reading.swap(true, Ordering::AcqRel)).then_some(Reading(self))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.store(false, Ordering::Release);
        self.0.end.send_modify(|_| {});
    }
}

/// The end of a log.
#[derive(Clone, Debug)]
pub struct End {
    /// Lines of the run when it was read, as [`Handle::grown`] told.
    pub known: Option<u64>,
    /// The lines.
    pub rows: LogRows,
    read: Instant,
}

impl End {
    /// Whether it is new enough for whoever asked at this moment and knows of so many lines.
    fn is_fresh(&self, asked: Instant, known: Option<u64>) -> bool {
        self.read + END_AGE_MAX > asked || known.is_some() && self.known == known
    }
}

impl Shared {
    /// For a machine with so many processors.
    pub fn new(processors: usize) -> Self {
        Self {
            ends: Mutex::default(),
            busy: Mutex::new(Instant::now()),
            processors: u32::try_from(processors).unwrap_or(u32::MAX).max(1),
        }
    }

    /// When whoever has drawn a frame just now, which took so long, draws the next one. Those who draw take turns: as long as
    /// there is time for everybody's frames each has the next after [`FRAME_GAP`], and beyond that all have fewer.
    pub fn next_turn(&self, now: Instant, took: Duration) -> Instant {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*busy).clamp(now + FRAME_GAP, now + FRAME_GAP_MAX);
        *busy = ((*busy).max(now) + took * COST_OF_DRAWING / self.processors).min(now + FRAME_GAP_MAX);
        turn
    }

    /// The end of an open run's log, as `person` may see it. `None`: there is none to share, so ask for it alone.
    pub async fn end(&self, engine: &Handle, person: &PersonId, query: &LogQuery) -> Option<End> {
        let shareable = query.from == LogFrom::End && query.matching.is_none() && query.stream.is_none();
        let world = Arc::clone(&engine.world().borrow());
        let run = world.run(query.run).filter(|run| world.can_see(person, &run.plan.proposal.workspace));
        if !shareable || run.is_none() {
            return None;
        }
        let (grown, asked) = (engine.grown(), Instant::now());
        let kept = self.kept((query.run, query.host.clone(), query.item, query.count));
        let mut ends = kept.end.subscribe();
        loop {
            let known = grown.borrow().get(&query.run).copied();
            let fresh = |end: &&End| end.is_fresh(asked, known);
            if let Some(end) = ends.borrow_and_update().as_ref().filter(fresh) {
                return Some(end.clone());
            }
            if let Some(_reading) = kept.begin() {
                let read = Instant::now();
                let Fetched::Log(page) = engine.fetch(person, Fetch::Log(query.clone())).await else {
                    return None;
                };
                let end = End { known, rows: follow::page(page), read };
                kept.end.send_replace(Some(end.clone()));
                return Some(end);
            }
            ends.changed().await.ok()?;
        }
    }

    fn kept(&self, what: What) -> Arc<Kept> {
        let mut ends = self.ends();
        if ends.len() >= ENDS_MAX && !ends.contains_key(&what) {
            ends.retain(|_, kept| Arc::strong_count(kept) > 1);
        }
        Arc::clone(ends.entry(what).or_default())
    }

    fn ends(&self) -> MutexGuard<'_, BTreeMap<What, Arc<Kept>>> {
        // Nothing under this lock can fail half-way.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_whoever_draws_alone_waits_for_nobody_and_a_crowd_takes_turns() {
        let (now, frame) = (Instant::now(), Duration::from_millis(1));
        let shared = Shared::new(2);
        let turn = |at: Instant| shared.next_turn(at, frame);
        for nr in 0..100 {
            let at = now + FRAME_GAP * nr;
            assert_eq!(turn(at), at + FRAME_GAP, "alone");
        }
        let at = now + Duration::from_secs(10);
        let turns: Vec<Duration> = (0..1_000).map(|_| turn(at) - at).collect();
        assert!(turns.is_sorted(), "in turn");
        assert_eq!((turns[10], turns[100], turns[999]), (FRAME_GAP, Duration::from_millis(100), FRAME_GAP_MAX));
        let later = at + FRAME_GAP_MAX;
        assert_eq!(turn(later), later + FRAME_GAP, "what was drawn is forgotten in time");
    }

    #[tokio::test]
    async fn s25_while_one_reads_the_others_wait_and_where_it_leaves_another_reads() {
        let kept = Kept::default();
        let mut waiting = kept.end.subscribe();
        let reading = kept.begin().unwrap();
        assert!(kept.begin().is_none(), "one reads");
        drop(reading);
        waiting.changed().await.unwrap();
        assert!(waiting.borrow().is_none() && kept.begin().is_some(), "who waited reads");
    }

    #[tokio::test(start_paused = true)]
    async fn s25_an_end_is_as_new_as_the_last_line_or_a_moment_old() {
        let read = Instant::now();
        let rows = LogRows { run: RunId(1), rows: Vec::new(), first: 0, total: 0, amiss: None };
        let end = End { known: Some(7), rows, read };
        assert!(end.is_fresh(read, Some(9)) && end.is_fresh(read + END_AGE_MAX / 2, None));
        let later = read + END_AGE_MAX * 3;
        assert!(end.is_fresh(later, Some(7)), "nothing was printed since");
        assert!(!end.is_fresh(later, Some(8)) && !end.is_fresh(later, None));
    }
}
