//! Segments: names of the ledger's files, and the sparse map of one segment that makes a look-up one short read.
//!
//! A sealed segment's map and the chain's state at its end are kept in a side file, so that opening reads only the last segment.
//! Side files are derived: a missing, damaged or ill-fitting one is made again from the segment; none is evidence.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::detail::Frame;
use super::disk::{self, Disk, DiskError};
use super::tree::Part;

/// Where the segments lie.
pub const LEDGER_DIR: &str = "ledger";
/// Where the details lie, one file per segment.
pub const DETAILS_DIR: &str = "ledger/details";
/// Where the derived side files lie.
pub const INDEX_DIR: &str = "ledger/index";
/// Where torn tails are moved.
pub const TORN_DIR: &str = "ledger/torn";
/// Where private keys lie.
pub const KEYS_DIR: &str = "keys";
/// The ledger's Ed25519 private key: its seed in base64.
pub const KEY_FILE: &str = "keys/ledger.ed25519";
/// The key of a ledger that is being made: a seed that names none yet.
pub const SEED_FILE: &str = "keys/ledger.seed";
/// Erasures under way.
pub const ERASING_FILE: &str = "ledger/details/erasing";
/// How long a segment may grow: small enough to copy and scan in a blink, large enough that years are few files.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The map holds the place of each such event; a look-up walks at most as many records.
pub const MAP_EVERY: u64 = 64;

/// The path of the segment that begins with event `first`.
pub fn segment_path(first: u64) -> String {
    format!("{LEDGER_DIR}/{first:020}.seg")
}

/// The path of that segment's details.
pub fn details_path(first: u64) -> String {
    format!("{DETAILS_DIR}/{first:020}.det")
}

/// The path of that segment's side file.
pub fn index_path(first: u64) -> String {
    format!("{INDEX_DIR}/{first:020}.idx")
}

/// The first events of all segments, in order. Other files are none of the ledger's and left alone.
pub fn segments(disk: &Arc<dyn Disk>) -> Result<Vec<u64>, DiskError> {
    let names = match disk.list(LEDGER_DIR) {
        Ok(names) => names,
        Err(error) if error.is_missing() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let first = |name: &String| name.strip_suffix(".seg").filter(|digits| digits.len() == 20)?.parse().ok();
    let mut firsts: Vec<u64> = names.iter().filter_map(first).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Where things lie in one segment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Segment {
    /// Its first event.
    pub first: u64,
    /// How many events it has.
    pub count: u64,
    /// The length of its records.
    pub bytes: u64,
    /// The length of its details.
    pub details_bytes: u64,
    /// The offset of every [`MAP_EVERY`]th record.
    leaves: Vec<u64>,
    /// First event and offset of frames, at most one per [`MAP_EVERY`] events.
    frames: Vec<(u64, u64)>,
}

impl Segment {
    /// An empty segment.
    pub fn new(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// The event after its last.
    pub fn after(&self) -> u64 {
        self.first + self.count
    }

    /// Adds the record at `offset` that ends at `end`.
    pub fn push_leaf(&mut self, offset: u64, end: u64) {
        if self.count.is_multiple_of(MAP_EVERY) {
            self.leaves.push(offset);
        }
        self.count += 1;
        self.bytes = end;
    }

    /// Adds a frame.
    pub fn push_frame(&mut self, frame: &Frame) {
        let bucket = |first: u64| first / MAP_EVERY;
        if self.frames.last().is_none_or(|(first, _)| bucket(*first) < bucket(frame.first)) {
            self.frames.push((frame.first, frame.offset));
        }
        self.details_bytes = frame.end();
    }

    /// Forgets the frames from `offset` on.
    pub fn cut_details(&mut self, offset: u64) {
        self.frames.retain(|(_, at)| *at < offset);
        self.details_bytes = offset;
    }

    /// The nearest mapped record at or before event `index`: its index and offset.
    pub fn leaf_near(&self, index: u64) -> (u64, u64) {
        let place = index.saturating_sub(self.first) / MAP_EVERY;
        let offset = usize::try_from(place).ok().and_then(|place| self.leaves.get(place));
        offset.map_or((self.first, 0), |offset| (self.first + place * MAP_EVERY, *offset))
    }

    /// The offset of the nearest mapped frame that begins at or before event `index`.
    pub fn frame_near(&self, index: u64) -> Option<u64> {
        let after = self.frames.partition_point(|(first, _)| *first <= index);
        self.frames.get(after.checked_sub(1)?).map(|(_, offset)| *offset)
    }
}

/// A sealed segment's side file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its map.
    pub segment: Segment,
    /// The chain at its end.
    pub chain: Chain,
    /// What its events add to the tree.
    pub tree: Part,
}

impl Sealed {
    /// Reads the side file of the segment that begins with `first`; `None` when it is missing or not whole.
    pub fn load(disk: &Arc<dyn Disk>, first: u64) -> Result<Option<Self>, DiskError> {
        let Some(bytes) = disk::read_file(disk, &index_path(first))? else {
            return Ok(None);
        };
        let Some((crc, json)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        if crc32c::crc32c(json) != u32::from_le_bytes(*crc) {
            return Ok(None);
        }
        let sealed: Option<Self> = serde_json::from_slice(json).ok();
        Ok(sealed.filter(|sealed| sealed.segment.first == first && sealed.chain.size == sealed.segment.after()))
    }

    /// Writes the side file.
    pub fn save(&self, disk: &Arc<dyn Disk>) -> Result<(), DiskError> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = crc32c::crc32c(&json).to_le_bytes().to_vec();
        bytes.extend_from_slice(&json);
        disk::replace_file(disk, &index_path(self.segment.first), &bytes)
    }
}
