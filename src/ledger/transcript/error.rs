//! What can go wrong with a transcript, and what to do about it.

use crate::domain::id::RunId;
use crate::domain::order::OrderKey;
use crate::ledger::disk::DiskError;

/// A failed transcript operation.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// Nothing was ever printed by this run, or its transcript is gone.
    #[error("run {0} has no transcript")]
    Missing(RunId),
    /// Two writers would write over each other.
    #[error("the transcript of run {0} is being written already")]
    Busy(RunId),
    /// Written by a newer version.
    #[error("{file} has format version {found}, this program reads {known}: use a newer quarterdeck")]
    Newer {
        /// The file, relative to the data directory.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Bytes in the middle of the file are wrong.
    #[error(
        "{file} is damaged at byte {offset}: {why}. What stands before is readable; restore the file from a backup"
    )]
    Damaged {
        /// The file, relative to the data directory.
        file: String,
        /// Where the first wrong frame or entry starts.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A write failed. What was stored before is untouched and what was to be written still waits: try again.
    #[error("output could not be stored: {0}. Make room; the next attempt writes what waits")]
    Write(#[source] crate::ledger::disk::DiskError),
    /// A read failed.
    #[error("the transcript could not be read: {0}")]
    Read(#[source] DiskError),
    /// A sync failed, or a half-written frame could not be cut off: what is on the disk is not known.
    #[error("the transcript stopped after a failure it cannot undo ({0}): restart to read back what the disk has")]
    Poisoned(String),
    /// Output for a try that was finished: its digest is on the record already.
    #[error("output arrived after the end of {0:?}: it would change a recorded digest, and was not stored")]
    Finished(OrderKey),
    /// A search text that is no regular expression.
    #[error("this is no regular expression: {0}")]
    Pattern(String),
    /// An export could not be written to where it was to go.
    #[error("the export could not be written: {0}")]
    Export(#[source] std::io::Error),
}

impl TranscriptError {
    /// The disk has no room: the caller may try again when it has.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Write(error) if error.is_full())
    }
}
