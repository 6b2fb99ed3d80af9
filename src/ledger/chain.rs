//! The rules that bind an event to those before it: index, `prev`, time, and each run's own chain.
//!
//! Pure. The writer asks where an event goes, opening and verifying ask whether it stands there rightly.
//! Invariant: memory grows with the open runs, not with the ledger: run ids are counters, so an id at or below the
//! highest ever seen, whose run is not open, is a run that ended.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::leaf::{DraftError, Outline, RunLink};

/// Where an event breaks the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLink {
    /// The leaf names another index than its record's place.
    #[error("the leaf says index {found}, its place is {expected}")]
    Index {
        /// The index in the leaf.
        found: u64,
        /// Its place.
        expected: u64,
    },
    /// `prev` is not the hash of the leaf before.
    #[error("`prev` is not the hash of the event before")]
    Prev,
    /// The event is older than the one before.
    #[error("time goes back from {before} to {at}")]
    Clock {
        /// Its time.
        at: i64,
        /// The time of the event before.
        before: i64,
    },
    /// An event of the run is missing or stands twice.
    #[error("run {run}: event {found} where {expected} belongs")]
    RunSequence {
        /// The run.
        run: u64,
        /// The sequence number in the leaf.
        found: u64,
        /// The number that belongs here.
        expected: u64,
    },
    /// The run's back-link is not the hash of the run's event before.
    #[error("run {run}: its back-link is not the hash of its event before")]
    RunPrev {
        /// The run.
        run: u64,
    },
    /// An event of a run that has ended, or a run that begins after a later one.
    #[error("run {run} has ended, or a later run began before it")]
    RunOver {
        /// The run.
        run: u64,
    },
}

/// The state of the chain after some event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain {
    /// How many events there are.
    pub size: u64,
    /// The last one's leaf hash.
    pub hash: Option<Hash>,
    /// The last one's time.
    pub at: i64,
    /// The highest run id seen.
    pub last_run: u64,
    /// The open runs: sequence number and leaf hash of each one's last event. Cheap to clone: every batch does.
    pub runs: OrdMap<u64, (u64, Hash)>,
}

impl Chain {
    /// The run link of the next event, and whether its time may follow.
    pub fn next(&self, at: i64, run: Option<u64>, end: bool) -> Result<Option<RunLink>, DraftError> {
        if self.size > 0 && at < self.at {
            return Err(DraftError::Clock { at, last: self.at });
        }
        let Some(id) = run else {
            return if end { Err(DraftError::NoRun) } else { Ok(None) };
        };
        match self.runs.get(&id) {
            Some((seq, hash)) => Ok(Some(RunLink { id, seq: seq + 1, prev: Some(*hash), end })),
            None if id > self.last_run => Ok(Some(RunLink { id, seq: 1, prev: None, end })),
            None => Err(DraftError::RunOver(id)),
        }
    }

    /// Adds an event that the chain itself placed.
    pub fn push(&mut self, at: i64, run: Option<RunLink>, hash: Hash) {
        self.size += 1;
        self.hash = Some(hash);
        self.at = at;
        if let Some(run) = run {
            self.last_run = self.last_run.max(run.id);
            if run.end {
                self.runs.remove(&run.id);
            } else {
                self.runs.insert(run.id, (run.seq, hash));
            }
        }
    }

    /// Adds an event found on disk, after checking that it stands where it must.
    pub(super) fn extend(&mut self, leaf: &Outline<'_>, hash: Hash) -> Result<(), BrokenLink> {
        if leaf.index != self.size {
            return Err(BrokenLink::Index { found: leaf.index, expected: self.size });
        }
        if leaf.prev != self.hash {
            return Err(BrokenLink::Prev);
        }
        if self.size > 0 && leaf.at < self.at {
            return Err(BrokenLink::Clock { at: leaf.at, before: self.at });
        }
        if let Some(link) = leaf.run {
            let (expected, prev) = match self.runs.get(&link.id) {
                Some((seq, hash)) => (seq + 1, Some(*hash)),
                None if link.id > self.last_run => (1, None),
                None => return Err(BrokenLink::RunOver { run: link.id }),
            };
            if link.seq != expected {
                return Err(BrokenLink::RunSequence { run: link.id, found: link.seq, expected });
            }
            if link.prev != prev {
                return Err(BrokenLink::RunPrev { run: link.id });
            }
        }
        self.push(leaf.at, leaf.run, hash);
        Ok(())
    }
}
