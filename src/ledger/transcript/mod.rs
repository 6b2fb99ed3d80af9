//! Transcripts: what hosts printed, redacted, one append-only file per run, readable while it grows.
//!
//! Reading order: [`lane`] and [`frame`] (what stands in the file), [`lines`] (what a line is), [`index`] (where lines are), [`Writer`],
//! [`Live`] (the last lines, in memory), [`Filter`], [`Reader`] (pages), search and export; [`Transcripts`] hands them out.
//!
//! Files, under `transcripts/`: `RUN.qdt` holds the frames and is the evidence, `RUN.idx` says where lines are and can be made
//! again from it at any time, `RUN.torn` keeps what a crash left half-written; `reserve` is room for a full disk.
//!
//! Invariants: bytes are stored in the order they were given per try; a line's number, once given, never changes, because lines are
//! numbered when they end; reading takes memory for a page, not for a transcript. Deliberately absent: redaction (done before), threads
//! and queues (the caller drives a [`Writer`]; its bounded channel is the back-pressure), deletion.

mod count;
mod error;
mod export;
mod filter;
pub mod frame;
pub mod index;
pub mod lane;
mod legend;
pub mod lines;
mod live;
mod page;
mod reader;
mod scan;
mod search;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, Mode};
use super::reserve::Reserve;
use crate::domain::id::RunId;

pub use error::TranscriptError;
pub use export::ExportStyle;
pub use filter::{Filter, Hosts};
pub use frame::Packing;
pub use lane::Lane;
pub use legend::Legend;
pub use live::{LIVE_RING_BYTES_MAX, Live, LiveLine, LiveTail};
pub use page::{LOG_PAGE_BYTES_MAX, LOG_PAGE_LINES_MAX};
pub use reader::Reader;
pub use search::{SEARCH_PATTERN_BYTES_MAX, Search, compile};
pub use writer::{COALESCE_MS, NotTaken, Torn, Writer};

/// The directory of all transcripts, relative to the data directory.
pub const DIRECTORY: &str = "transcripts";

/// Room kept for the day the disk is full.
const RESERVE_FILE: &str = "transcripts/reserve";

/// How much: the last frames of a hundred hosts' steps, that end at once.
const RESERVE_BYTES: u64 = 4 * 1024 * 1024;

/// What the name of a transcript ends with.
pub const DATA_SUFFIX: &str = ".qdt";

fn data_path(run: RunId) -> String {
    format!("{DIRECTORY}/{}{DATA_SUFFIX}", run.0)
}

fn index_path(run: RunId) -> String {
    format!("{DIRECTORY}/{}.idx", run.0)
}

fn torn_path(run: RunId) -> String {
    format!("{DIRECTORY}/{}.torn", run.0)
}

/// Every transcript of a data directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transcripts {
    disk: Arc<dyn Disk>,
    /// The runs that are being written, and their last lines.
    live: Arc<Mutex<BTreeMap<RunId, Live>>>,
    /// Room for the end of what was being said when the disk ran full.
    reserve: Arc<Mutex<Option<Reserve>>>,
}

impl Transcripts {
    /// The transcripts on `disk`; makes their directory when it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(disk: Arc<dyn Disk>) -> Result<Self, TranscriptError> {
        disk.create_dir(DIRECTORY).and_then(|()| disk.sync_dir("")).map_err(TranscriptError::Write)?;
        Ok(Self { disk, live: Arc::default(), reserve: Arc::default() })
    }

    /// The transcripts of a data directory that another process owns; nothing can be written through it, and an index
    /// that is missing or behind is made in memory.
    #[must_use]
    pub fn read_only(disk: Arc<dyn Disk>) -> Self {
        Self { disk, live: Arc::default(), reserve: Arc::default() }
    }

    /// Keeps [`RESERVE_BYTES`] of the disk for [`Transcripts::give_reserve`], as far as there is room.
    pub fn keep_reserve(&self) {
        match Reserve::open(&self.disk, RESERVE_FILE, RESERVE_BYTES) {
            Ok(reserve) => *self.reserve() = Some(reserve),
            Err(error) => tracing::warn!(%error, "no room is kept for transcripts"),
        }
    }

    /// Gives some of the reserve back to whoever writes next. False: there is none.
    #[must_use]
    pub fn give_reserve(&self) -> bool {
        self.reserve().as_mut().is_some_and(|reserve| reserve.give(0).unwrap_or(false))
    }

    /// Keeps again what was given, as far as there is room.
    pub fn refill(&self) {
        if let Some(reserve) = self.reserve().as_mut() {
            let _tried_again_after_the_next = reserve.fill();
        }
    }

    /// Opens the transcript of `run` to append, making it when missing. What a crash left half-written is moved aside
    /// and reported; lines it left open end there. After a restart do this once for each run that was in flight.
    ///
    /// # Errors
    /// When it is being written already, is damaged, or the disk fails.
    pub fn writer(&self, run: RunId) -> Result<(Writer, Option<Torn>), TranscriptError> {
        // Held throughout: of two callers the second must find the first registered.
        let mut live = self.live();
        if live.contains_key(&run) {
            return Err(TranscriptError::Busy(run));
        }
        let (mut writer, torn) = Writer::open(&self.disk, run)?;
        // Only now: dropping a registration takes the lock that is held here.
        writer.register(Registration { run, live: Arc::clone(&self.live) });
        live.insert(run, writer.live());
        Ok((writer, torn))
    }

    /// The last lines of a run that is being written.
    #[must_use]
    pub fn live_of(&self, run: RunId) -> Option<Live> {
        self.live().get(&run).cloned()
    }

    /// Opens the transcript of `run` to read; where its index is missing or behind, one is made in memory.
    ///
    /// # Errors
    /// When there is none, it is newer than this program, or the disk fails.
    pub fn reader(&self, run: RunId) -> Result<Reader, TranscriptError> {
        let is_live = self.live().contains_key(&run);
        Reader::open(&self.disk, run, is_live)
    }

    /// The runs that have a transcript, in order.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunId>, TranscriptError> {
        let names = self.disk.list(DIRECTORY).map_err(TranscriptError::Read)?;
        let numbers = names.iter().filter_map(|name| name.strip_suffix(DATA_SUFFIX)?.parse().ok());
        let mut runs: Vec<RunId> = numbers.map(RunId).collect();
        runs.sort_unstable();
        Ok(runs)
    }

    fn reserve(&self) -> MutexGuard<'_, Option<Reserve>> {
        self.reserve.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<RunId, Live>> {
        // A panic elsewhere leaves the map whole: every change is one insert or remove.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a run is being written, until it is dropped.
#[derive(Debug)]
struct Registration {
    run: RunId,
    live: Arc<Mutex<BTreeMap<RunId, Live>>>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
    }
}

/// Moves the file's bytes from `offset` on to the end of the run's `.torn` file, then shortens it. In this order a crash between
/// leaves the bytes twice, not nowhere.
fn move_aside(disk: &Arc<dyn Disk>, run: RunId, offset: u64) -> Result<(), TranscriptError> {
    let data = super::disk::File::open(disk, &data_path(run), Mode::Append).map_err(TranscriptError::Write)?;
    let len = data.size().map_err(TranscriptError::Read)?;
    let aside = super::disk::File::open(disk, &torn_path(run), Mode::Append).map_err(TranscriptError::Write)?;
    let mut at = offset;
    while at < len {
        let part = data.read(at, frame::FRAME_BYTES_MAX).map_err(TranscriptError::Read)?;
        if part.is_empty() {
            break;
        }
        aside.append(&part).map_err(TranscriptError::Write)?;
        at += part.len() as u64;
    }
    aside.sync_data().map_err(TranscriptError::Write)?;
    disk.sync_dir(DIRECTORY).map_err(TranscriptError::Write)?;
    data.truncate(offset).map_err(TranscriptError::Write)?;
    data.sync_data().map_err(TranscriptError::Write)
}
