//! What can go wrong with a ledger, each with what to do about it and the exit code of its class.

use super::disk::DiskError;
use super::leaf::{DraftError, FORMAT_VERSION};

/// Exit code: the storage failed or is damaged.
pub const EXIT_STORAGE: u8 = 74;
/// Exit code: there is no room; try again.
pub const EXIT_TRY_AGAIN: u8 = 75;
/// Exit code: the ledger is there already, is missing, or is newer than this program.
pub const EXIT_BAD_INPUT: u8 = 65;

/// A failed ledger operation.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No ledger was ever made here.
    #[error("there is no ledger here: make one with `quarterdeck init`")]
    Missing,
    /// Its segments are gone, and something that only a ledger leaves is still here.
    #[error("the ledger is gone, but {left} is still here: restore ledger/ from a backup; nothing was changed")]
    Lost {
        /// What is still here, relative to the data directory.
        left: String,
    },
    /// A ledger is here already.
    #[error("there is a ledger here already: nothing was changed")]
    AlreadyThere,
    /// It was written by a newer version.
    #[error("the ledger's format is version {found}, this program reads {FORMAT_VERSION}: use a newer quarterdeck")]
    NewerFormat {
        /// The version found.
        found: u64,
    },
    /// Acknowledged bytes are wrong or gone.
    #[error("the ledger is damaged: {file} at byte {offset}: {why}. Restore it from a backup; nothing was changed")]
    Damaged {
        /// The file, relative to the data directory.
        file: String,
        /// The first wrong byte's record.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// It has fewer events than were signed for: it is a copy from before.
    #[error(
        "the record was rolled back: {here} events are here, and {signed} were signed for. Restore the newest copy of \
         ledger/; if it is lost for good, keep the file checkpoints elsewhere and take it away here, and tell whoever audits; \
         nothing was changed"
    )]
    RolledBack {
        /// How many events are here.
        here: u64,
        /// How many the last checkpoint is of.
        signed: u64,
    },
    /// Other events are here than those that were signed for.
    #[error(
        "the record is another than the one that was signed: the first {signed} events are not those of the last checkpoint. \
         Restore the ledger/ that belongs to it; nothing was changed"
    )]
    Forked {
        /// How many events the last checkpoint is of.
        signed: u64,
    },
    /// A draft cannot be written.
    #[error("event {position} of the batch: {source}")]
    Draft {
        /// Its place in the batch, from 0.
        position: usize,
        /// Why.
        #[source]
        source: DraftError,
    },
    /// The write found no room, or failed. What was acknowledged is untouched; the next append tries again.
    #[error("not recorded, and so not done: {0}. Make room; the next attempt is made afresh")]
    Write(#[source] DiskError),
    /// A sync failed: whether the bytes before it are on the disk is not known, and no later success would tell.
    #[error("the ledger stopped after a failed sync ({0}): restart to read back what the disk has")]
    Poisoned(String),
    /// Reading failed.
    #[error(transparent)]
    Read(DiskError),
    /// Opening or repairing failed before anything could be recorded.
    #[error("the ledger could not be opened: {0}")]
    Open(#[source] DiskError),
    /// There is no such event.
    #[error("there is no event {0}")]
    NoEvent(u64),
    /// The event has no such detail.
    #[error("event {index} has no detail {name}")]
    NoDetail {
        /// The event.
        index: u64,
        /// The name asked for.
        name: String,
    },
    /// A detail is not what its leaf commits to, or is gone without having been erased.
    #[error("detail {name} of event {index} is not what was recorded ({file} at byte {offset})")]
    DetailDamaged {
        /// The event.
        index: u64,
        /// The detail's name.
        name: String,
        /// The details file.
        file: String,
        /// Where it should be.
        offset: u64,
    },
    /// No random bytes could be had.
    #[error("no random bytes: {0}")]
    Entropy(#[source] std::io::Error),
}

impl LedgerError {
    /// The exit code of this error's class.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing | Self::AlreadyThere | Self::NewerFormat { .. } => EXIT_BAD_INPUT,
            Self::Write(error) if error.is_full() => EXIT_TRY_AGAIN,
            Self::Damaged { .. }
            | Self::RolledBack { .. }
            | Self::Forked { .. }
            | Self::Lost { .. }
            | Self::Write(_)
            | Self::Poisoned(_)
            | Self::Read(_)
            | Self::Open(_)
            | Self::DetailDamaged { .. }
            | Self::Entropy(_) => EXIT_STORAGE,
            Self::Draft { .. } | Self::NoEvent(_) | Self::NoDetail { .. } => 1,
        }
    }
}
