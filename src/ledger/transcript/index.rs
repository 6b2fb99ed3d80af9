//! Where lines are: one entry of fixed size per frame, so that any line is found by looking at a few entries.
//!
//! The file: a head as a transcript's (magic `QDINDEX\0`), then entries of [`ENTRY_BYTES`], little-endian: frame offset u64, lines
//! ended before the frame u64, time i64, lane (10 bytes, as in a frame), lines that end in it u32, bytes of the line open before it u32, frame that
//! holds the earlier part of that line u32, CRC-32C u32 over all that.
//!
//! Invariant: entries are a function of the frames: the file is never synced, and is made again when it is missing, damaged
//! or behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::frame::{self, Decoder, HEAD_BYTES, HEADER_BYTES, Head, Header};
use super::lane::{Bytes, LANE_BYTES, Lane};
use super::lines;
use super::{TranscriptError, data_path, index_path};
use crate::domain::id::{RunId, Timestamp};
use crate::ledger::disk::{Disk, File, Mode};

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 8 + 8 + 8 + LANE_BYTES + 4 + 4 + 4 + 4;

pub(super) const MAGIC: &[u8; 8] = b"QDINDEX\0";

/// Entries read at a time: some 13 KiB.
pub(super) const ENTRIES_READ: u64 = 256;

/// What the index knows of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Where the frame stands in the file.
    pub offset: u64,
    /// Lines of the whole transcript that ended before it.
    pub before: u64,
    /// When its first byte came.
    pub at: Timestamp,
    /// Where its bytes came from.
    pub lane: Lane,
    /// Lines that end in it.
    pub ended: u32,
    /// Bytes of its lane's line that were open before it.
    pub open: u32,
    /// The frame before it on its lane; meaningful while `open` is not zero.
    pub back: u32,
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let fields = (self.offset.to_le_bytes().into_iter())
            .chain(self.before.to_le_bytes())
            .chain(self.at.0.to_le_bytes())
            .chain(self.lane.encode())
            .chain(self.ended.to_le_bytes())
            .chain(self.open.to_le_bytes())
            .chain(self.back.to_le_bytes());
        entry.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let check = crc32c::crc32c(entry.get(..ENTRY_BYTES - 4).unwrap_or_default()).to_le_bytes();
        entry.iter_mut().skip(ENTRY_BYTES - 4).zip(check).for_each(|(to, from)| *to = from);
        entry
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, check) = bytes.split_at_checked(ENTRY_BYTES - 4)?;
        if check != crc32c::crc32c(fields).to_le_bytes() {
            return None;
        }
        let mut rest = Bytes(fields);
        let (offset, before, at) = (rest.u64()?, rest.u64()?, Timestamp(rest.i64()?));
        let lane = Lane::decode(&mut rest)?;
        let (ended, open, back) = (rest.u32()?, rest.u32()?, rest.u32()?);
        Some(Self { offset, before, at, lane, ended, open, back })
    }
}

/// Gives frames their entries, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbering {
    /// Frames so far.
    pub(super) frames: u64,
    /// Lines ended so far.
    pub(super) lines: u64,
    /// The latest time of a frame.
    pub(super) latest: Timestamp,
    /// Lanes with an open line: its bytes so far and the frame they end in.
    open: BTreeMap<Lane, (u32, u32)>,
}

impl Numbering {
    /// The entry of the next frame. Changes nothing: the frame may still fail to be written.
    pub(super) fn entry(
        &self,
        offset: u64,
        lane: Lane,
        at: Timestamp,
        payload: &[u8],
        end: frame::End,
    ) -> (Entry, u32) {
        let (open, back) = self.open.get(&lane).copied().unwrap_or_default();
        let counted = lines::count(open, payload, end);
        let entry = Entry { offset, before: self.lines, at, lane, ended: counted.ended, open, back };
        (entry, counted.open)
    }

    /// Takes the frame of `entry` as written; it leaves `open` bytes of a line open.
    pub(super) fn take(&mut self, entry: &Entry, open: u32) {
        // Frames beyond 2^32 would need 250 TB of output or as many silences.
        let frame = u32::try_from(self.frames).unwrap_or(u32::MAX);
        self.frames += 1;
        self.lines += u64::from(entry.ended);
        self.latest = self.latest.max(entry.at);
        if open == 0 {
            self.open.remove(&entry.lane);
        } else {
            self.open.insert(entry.lane, (open, frame));
        }
    }

    /// Lanes whose line is open.
    pub(super) fn open_lanes(&self) -> impl Iterator<Item = Lane> {
        self.open.keys().copied()
    }

    pub(super) fn is_open(&self, lane: &Lane) -> bool {
        self.open.contains_key(lane)
    }
}

/// Opens a transcript to read and checks its head; `None` when only part of a head was ever written.
pub(super) fn open_data(disk: &Arc<dyn Disk>, run: RunId, mode: Mode) -> Result<Option<File>, TranscriptError> {
    let path = data_path(run);
    let data = File::open(disk, &path, mode).map_err(|error| {
        match error {
            error if error.is_missing() => TranscriptError::Missing(run),
            // It was to be made.
            error if error.is_full() => TranscriptError::Write(error),
            error => TranscriptError::Read(error),
        }
    })?;
    let head = data.read(0, HEAD_BYTES).map_err(TranscriptError::Read)?;
    match frame::read_head(&head) {
        Head::Known(found) if found == run => Ok(Some(data)),
        Head::Newer(found) => Err(TranscriptError::Newer { file: path, found, known: frame::VERSION }),
        // Only a crash between making the file and syncing its head leaves this; nothing was in it.
        Head::Wrong if head.iter().all(|byte| *byte == 0) && is_blank(&data)? => Ok(None),
        Head::Wrong if head.len() < HEAD_BYTES => Ok(None),
        Head::Known(_) | Head::Wrong => {
            Err(TranscriptError::Damaged { file: path, offset: 0, why: "its head is not this run's" })
        }
    }
}

/// Whether a file holds nothing but zeros.
fn is_blank(data: &File) -> Result<bool, TranscriptError> {
    let len = data.size().map_err(TranscriptError::Read)?;
    let mut at = 0;
    while at < len {
        let part = data.read(at, frame::FRAME_BYTES_MAX).map_err(TranscriptError::Read)?;
        if part.is_empty() || part.iter().any(|byte| *byte != 0) {
            return Ok(part.is_empty());
        }
        at += part.len() as u64;
    }
    Ok(true)
}

/// The index file of `run`, when it is whole and ends where `data` does: a look at the last entry tells.
pub(super) fn current(disk: &Arc<dyn Disk>, run: RunId, data: &File) -> Result<Option<File>, TranscriptError> {
    let file = match File::open(disk, &index_path(run), Mode::Read) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(TranscriptError::Read(error)),
    };
    let head = file.read(0, HEAD_BYTES).map_err(TranscriptError::Read)?;
    if frame::read_head_with(MAGIC, &head) != Head::Known(run) {
        return Ok(None);
    }
    let entries = Entries { file: &file };
    let count = entries.count()?;
    let end = match count.checked_sub(1) {
        None => HEAD_BYTES as u64,
        Some(last) => {
            let entry = entries.read(last, 1)?.and_then(|it| it.first().copied());
            let Some(entry) = entry else { return Ok(None) };
            let header = data.read(entry.offset, HEADER_BYTES).map_err(TranscriptError::Read)?;
            match Header::decode(&header).filter(|it| it.seq == last) {
                Some(header) => entry.offset + header.frame_bytes(),
                None => return Ok(None),
            }
        }
    };
    let whole_entries = file.size().map_err(TranscriptError::Read)? == HEAD_BYTES as u64 + count * ENTRY_BYTES as u64;
    let whole = whole_entries && end == data.size().map_err(TranscriptError::Read)?;
    Ok(whole.then_some(file))
}

/// Reads the frame of `entry` into `payload`; `None` when it is not whole.
pub(super) fn read_frame(
    data: &File,
    decoder: &mut Decoder,
    entry: &Entry,
    bytes: &mut Vec<u8>,
    payload: &mut Vec<u8>,
) -> Result<Option<Header>, TranscriptError> {
    bytes.resize(HEADER_BYTES, 0);
    let got = data.read_at(entry.offset, bytes).map_err(TranscriptError::Read)?;
    let Some(header) = Header::decode(bytes.get(..got).unwrap_or_default()) else {
        return Ok(None);
    };
    bytes.resize(header.stored as usize, 0);
    let got = data.read_at(entry.offset + HEADER_BYTES as u64, bytes).map_err(TranscriptError::Read)?;
    let whole = decoder.decode(&header, bytes.get(..got).unwrap_or_default(), payload);
    Ok(whole.then_some(header))
}

/// Opens the index file of `run` for a writer that has made it again.
pub(super) fn open_to_append(disk: &Arc<dyn Disk>, run: RunId) -> Result<File, TranscriptError> {
    File::open(disk, &index_path(run), Mode::Append).map_err(TranscriptError::Write)
}

/// Appends an entry.
pub(super) fn append(file: &File, entry: &Entry) -> Result<(), TranscriptError> {
    file.append(&entry.encode()).map_err(TranscriptError::Write)
}

/// Reads entries of an index file.
pub(super) struct Entries<'a> {
    pub(super) file: &'a File,
}

impl Entries<'_> {
    /// How many there are so far; one half-written is not counted.
    pub(super) fn count(&self) -> Result<u64, TranscriptError> {
        let len = self.file.size().map_err(TranscriptError::Read)?;
        Ok(len.saturating_sub(HEAD_BYTES as u64) / ENTRY_BYTES as u64)
    }

    /// Up to `count` entries from `first` on; `None` when one does not fit its checksum.
    pub(super) fn read(&self, first: u64, count: u64) -> Result<Option<Vec<Entry>>, TranscriptError> {
        let bytes = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES);
        let offset = HEAD_BYTES as u64 + first * ENTRY_BYTES as u64;
        let bytes = self.file.read(offset, bytes).map_err(TranscriptError::Read)?;
        Ok(bytes.chunks_exact(ENTRY_BYTES).map(Entry::decode).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::HostIx;
    use crate::domain::order::Stream;
    use crate::domain::run::{Item, Slot};

    #[test]
    fn an_entry_reads_back_and_a_flipped_bit_is_noticed() {
        let slot = Slot { item: Item::Verify(3), host: Some(HostIx(77)) };
        let lane = Lane { slot, attempt: 2, stream: Stream::Err };
        let entry = Entry { offset: 1 << 40, before: 9, at: Timestamp(7), lane, ended: 65_537, open: 3, back: 8 };
        let bytes = entry.encode();
        assert_eq!(Entry::decode(&bytes), Some(entry));
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes;
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::decode(&bent), None, "bit {bit}");
        }
    }
}
