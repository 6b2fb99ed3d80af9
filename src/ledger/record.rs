//! One record: `len u32 | crc32c u32 over index‖leaf | index u64 | leaf`, little-endian; and a reader that walks
//! a segment record by record, checking length, checksum and index before anybody sees a leaf.
//!
//! Invariant: a leaf handed out was written whole, at this index. Whether a bad record is a torn tail or damage is
//! decided in [`super::tail`], not here.

use super::disk::DiskError;
use super::window::Window;

/// Bytes before the leaf.
pub const HEADER_BYTES: usize = 16;
/// The longest leaf: far above any event (details lie outside), a quarter of what a `tlog-tiles` entry may hold.
pub const LEAF_BYTES_MAX: usize = 16 * 1024;
/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The file ends inside it.
    #[error("the file ends inside the record")]
    Short,
    /// Its length is 0 or above [`LEAF_BYTES_MAX`].
    #[error("impossible length {0}")]
    Length(u32),
    /// Its checksum does not fit.
    #[error("wrong checksum")]
    Checksum,
    /// It is a whole record, but another one belongs here.
    #[error("record {found} where {expected} belongs")]
    Index {
        /// The index in the record.
        found: u64,
        /// The index that belongs here.
        expected: u64,
    },
}

/// Appends the record of `leaf` to `out`.
pub fn encode(index: u64, leaf: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(leaf.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&checksum(index, leaf).to_le_bytes());
    out.extend_from_slice(&index.to_le_bytes());
    out.extend_from_slice(leaf);
}

/// The bytes a leaf of this length takes on disk.
pub fn size(leaf: usize) -> u64 {
    (HEADER_BYTES + leaf) as u64
}

fn checksum(index: u64, leaf: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&index.to_le_bytes()), leaf)
}

/// What stands at the reader's place.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole record.
    Leaf {
        /// Where it begins.
        offset: u64,
        /// Its leaf.
        leaf: &'a [u8],
    },
    /// The end of the file, after a whole record.
    End,
    /// Something else, from this offset on.
    Bad {
        /// Where the bad record begins.
        offset: u64,
        /// What is wrong with it.
        why: BadRecord,
    },
}

/// Walks the records of one segment.
#[derive(Debug)]
pub struct Records {
    window: Window,
    offset: u64,
    expected: u64,
}

impl Records {
    /// From the record `index` at `offset` to the window's end.
    pub fn new(window: Window, offset: u64, index: u64) -> Self {
        Self { window, offset, expected: index }
    }

    /// The offset behind the last whole record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The index of the record that comes next.
    pub fn index(&self) -> u64 {
        self.expected
    }

    /// Reads the next record.
    pub fn step(&mut self) -> Result<Step<'_>, DiskError> {
        let (offset, expected) = (self.offset, self.expected);
        let left = self.window.end().saturating_sub(offset);
        if left == 0 {
            return Ok(Step::End);
        }
        let Some((len, crc, index)) = header(self.window.bytes(offset, HEADER_BYTES)?) else {
            return Ok(Step::Bad { offset, why: BadRecord::Short });
        };
        if len == 0 || len as usize > LEAF_BYTES_MAX {
            return Ok(Step::Bad { offset, why: BadRecord::Length(len) });
        }
        let record = self.window.bytes(offset, HEADER_BYTES + len as usize)?;
        let leaf = record.get(HEADER_BYTES..).unwrap_or_default();
        if leaf.len() < len as usize {
            return Ok(Step::Bad { offset, why: BadRecord::Short });
        }
        if checksum(index, leaf) != crc {
            return Ok(Step::Bad { offset, why: BadRecord::Checksum });
        }
        if index != expected {
            return Ok(Step::Bad { offset, why: BadRecord::Index { found: index, expected } });
        }
        self.offset += size(leaf.len());
        self.expected += 1;
        Ok(Step::Leaf { offset, leaf })
    }
}

/// Whether `bytes` begin with a whole record, and of which index.
pub fn whole_at_start(bytes: &[u8]) -> Option<u64> {
    let (len, crc, index) = header(bytes)?;
    let leaf = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(len as usize)?)?;
    (len > 0 && leaf.len() <= LEAF_BYTES_MAX && checksum(index, leaf) == crc).then_some(index)
}

/// Whether `bytes` begin with a record that is whole but for its length field.
pub fn begin_whole_but_for_length(bytes: &[u8]) -> bool {
    let Some((_, crc, index)) = header(bytes) else {
        return false;
    };
    let mut sum = checksum(index, &[]);
    bytes.iter().skip(HEADER_BYTES).any(|byte| {
        sum = crc32c::crc32c_append(sum, &[*byte]);
        sum == crc
    })
}

/// How long the record at the start of `bytes` says it is.
pub fn announced(bytes: &[u8]) -> Option<usize> {
    header(bytes).and_then(|(len, ..)| HEADER_BYTES.checked_add(len as usize))
}

fn header(bytes: &[u8]) -> Option<(u32, u32, u64)> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let index = rest.first_chunk()?;
    Some((u32::from_le_bytes(*len), u32::from_le_bytes(*crc), u64::from_le_bytes(*index)))
}
