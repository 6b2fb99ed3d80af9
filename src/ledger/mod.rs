//! The ledger: what was decided and what happened, append-only, hash-chained, acknowledged only after a sync.
//!
//! In reading order: [`hash`], [`leaf`] (drafts in, entries out), [`record`] and
//! [`segment`] (files), [`detail`] (the erasable part), [`chain`] (links), [`tail`] (torn or damaged),
//! [`tree`] (roots and proofs), [`signer`] and [`checkpoint`] (what is signed), `scan`, `open`, `remains` (of a lost ledger), `writer`, `reserve` (for a full disk), `reader`, `erasure`, [`verify`] (with `printed`), and [`pack`] (a part of it for somebody else). [`disk`] is the seam below all of them.
//! Invariants: the ledger is the truth, everything else in the data directory can be made again from it; no free
//! text stands in a leaf; what was acknowledged survives any crash. Deliberately absent: what events mean.

mod batch;
pub mod chain;
pub mod checkpoint;
pub mod detail;
pub mod disk;
pub mod entropy;
mod erasure;
pub mod error;
pub mod hash;
pub mod leaf;
mod open;
pub mod pack;
mod printed;
mod reader;
pub mod record;
mod remains;
mod reserve;
mod scan;
pub mod segment;
pub mod signer;
mod slots;
pub mod tail;
pub mod transcript;
pub mod tree;
pub mod verdict;
pub mod verify;
mod window;
mod writer;

#[cfg(test)]
mod tests;

pub use crate::domain::canonical;
pub use batch::{BATCH_EVENTS_MAX, Stamped};
pub use checkpoint::{CHECKPOINTS_FILE, Checkpoint, NoteError, Signed};
pub use detail::Detail;
pub use disk::{Disk, LOCK_FILE, MemoryDisk, OpenDirError, RealDisk};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::LedgerError;
pub use hash::{Hash, leaf_hash};
pub use leaf::{
    DETAIL_BYTES_MAX, Draft, DraftError, Entry, FORMAT_VERSION, KIND_CREATED, KIND_ERASED, KIND_REPAIRED, RunLink,
    erasure_body,
};
pub use open::{Genesis, Repair};
pub use reader::{Entries, Head, Reader, Recorded};
pub use reserve::RESERVE_BYTES;
pub use signer::{Identity, Signer};
pub use verdict::{Finding, Outcome, Reason, Verdict};
pub use verify::{Known, Outputs, verify};
pub use writer::{Health, Ledger};
