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

use super::frame::{
    self, Bytes, Decoder, HEAD_BYTES, HEADER_BYTES, Head, Header, LANE_BYTES, Lane,
};
use super::lines;
use super::{TranscriptError, data_path, index_path};
use crate::domain::id::{RunId, Timestamp};
use crate::ledger::disk::{Disk, File, Mode};

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 8 + 8 + 8 + LANE_BYTES + 4 + 4 + 4 + 4;

const MAGIC: &[u8; 8] = b"QDINDEX\0";

/// Read at a time when a whole file is read.
const WINDOW_BYTES: usize = 1024 * 1024;

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
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let fields = (self.offset.to_le_bytes().into_iter())
            .chain(self.before.to_le_bytes())
            .chain(self.at.0.to_le_bytes())
            .chain(self.lane.encode())
            .chain(self.ended.to_le_bytes())
            .chain(self.open.to_le_bytes())
            .chain(self.back.to_le_bytes());
        entry
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        let check = crc32c::crc32c(entry.get(..ENTRY_BYTES - 4).unwrap_or_default()).to_le_bytes();
        entry
            .iter_mut()
            .skip(ENTRY_BYTES - 4)
            .zip(check)
            .for_each(|(to, from)| *to = from);
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
        Some(Self {
            offset,
            before,
            at,
            lane,
            ended,
            open,
            back,
        })
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
        let entry = Entry {
            offset,
            before: self.lines,
            at,
            lane,
            ended: counted.ended,
            open,
            back,
        };
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

/// What stands behind the last whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// What a crash leaves of frames that were being written: short, or pages that never arrived.
    Torn,
    /// Bytes that are wrong although frames follow.
    Damaged(&'static str),
}

/// Reads frames one after another, from the first.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    data: &'a File,
    decoder: Decoder,
    payload: Vec<u8>,
    /// Part of the file, from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
    /// Offset of the next frame.
    pub(super) offset: u64,
    len: u64,
    /// Frames so far.
    pub(super) numbering: Numbering,
}

impl<'a> Scan<'a> {
    pub(super) fn new(data: &'a File) -> Result<Self, TranscriptError> {
        Ok(Self {
            data,
            decoder: Decoder::default(),
            payload: Vec::new(),
            window: Vec::new(),
            window_at: 0,
            offset: HEAD_BYTES as u64,
            len: data.size().map_err(TranscriptError::Read)?,
            numbering: Numbering::default(),
        })
    }

    /// The entry of the next frame, or what stands there instead.
    pub(super) fn step(&mut self) -> Result<Result<Entry, Rest>, TranscriptError> {
        let left = self.len.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Err(Rest::Nothing));
        }
        let start = self.load()?;
        let bytes = self.window.get(start..).unwrap_or_default();
        let Some(header) = Header::decode(bytes) else {
            let last = left <= (HEADER_BYTES + frame::FRAME_BYTES_MAX) as u64;
            let torn = last || bytes.iter().take(HEADER_BYTES).all(|byte| *byte == 0);
            return Ok(Err(if torn {
                Rest::Torn
            } else {
                Rest::Damaged("its header does not fit its checksum")
            }));
        };
        let end = usize::try_from(header.frame_bytes()).unwrap_or(usize::MAX);
        let Some(stored) = bytes.get(HEADER_BYTES..end) else {
            return Ok(Err(Rest::Torn));
        };
        if !self.decoder.decode(&header, stored, &mut self.payload) {
            let last = header.frame_bytes() == left;
            return Ok(Err(if last {
                Rest::Torn
            } else {
                Rest::Damaged("its bytes do not fit their checksum")
            }));
        }
        if header.seq != self.numbering.frames {
            return Ok(Err(Rest::Damaged("it is not the next frame")));
        }
        let (entry, open) = self.numbering.entry(
            self.offset,
            header.lane,
            header.at,
            &self.payload,
            header.end,
        );
        self.numbering.take(&entry, open);
        self.offset += header.frame_bytes();
        Ok(Ok(entry))
    }

    /// Sees to it that the window holds the next frame, as far as there is one; where in the window it starts.
    fn load(&mut self) -> Result<usize, TranscriptError> {
        let start = usize::try_from(self.offset - self.window_at).unwrap_or(usize::MAX);
        let loaded = self.window_at + self.window.len() as u64;
        let needed = (self.offset + (HEADER_BYTES + frame::FRAME_BYTES_MAX) as u64).min(self.len);
        if loaded >= needed && self.window_at <= self.offset {
            return Ok(start);
        }
        let bytes = WINDOW_BYTES.min(usize::try_from(self.len - self.offset).unwrap_or(usize::MAX));
        self.window = self
            .data
            .read(self.offset, bytes)
            .map_err(TranscriptError::Read)?;
        self.window_at = self.offset;
        Ok(0)
    }
}

/// A transcript whose frames were all read.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) numbering: Numbering,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Bytes behind it, and what they are.
    pub(super) left: u64,
    pub(super) rest: Rest,
}

/// Opens a transcript to read and checks its head; `None` when only part of a head was ever written.
pub(super) fn open_data(
    disk: &Arc<dyn Disk>,
    run: RunId,
    mode: Mode,
) -> Result<Option<File>, TranscriptError> {
    let path = data_path(run);
    let data = File::open(disk, &path, mode).map_err(|error| {
        if error.is_missing() {
            TranscriptError::Missing(run)
        } else {
            TranscriptError::Read(error)
        }
    })?;
    let head = data.read(0, HEAD_BYTES).map_err(TranscriptError::Read)?;
    match frame::read_head(&head) {
        Head::Known(found) if found == run => Ok(Some(data)),
        Head::Newer(found) => Err(TranscriptError::Newer {
            file: path,
            found,
            known: frame::VERSION,
        }),
        // Only a crash between making the file and syncing its head leaves this; nothing was in it.
        Head::Wrong if head.len() < HEAD_BYTES || (head.iter().all(|byte| *byte == 0)) => Ok(None),
        Head::Known(_) | Head::Wrong => Err(TranscriptError::Damaged {
            file: path,
            offset: 0,
            why: "its head is not this run's",
        }),
    }
}

/// Makes the index file of `run` again from its frames, and puts it in place whole. Nobody may be writing either.
pub(super) fn rebuild(
    disk: &Arc<dyn Disk>,
    run: RunId,
    data: &File,
) -> Result<Whole, TranscriptError> {
    let path = index_path(run);
    let temporary = format!("{path}.new");
    let file = File::open(disk, &temporary, Mode::Append).map_err(TranscriptError::Write)?;
    file.truncate(0).map_err(TranscriptError::Write)?;
    let mut waiting = frame::head_with(MAGIC, run).to_vec();
    let mut scan = Scan::new(data)?;
    let rest = loop {
        let step = scan.step()?;
        if let Ok(entry) = &step {
            waiting.extend(entry.encode());
        }
        if step.is_err() || waiting.len() >= ENTRY_BYTES * ENTRIES_READ as usize {
            file.append(&waiting).map_err(TranscriptError::Write)?;
            waiting.clear();
        }
        if let Err(rest) = step {
            break rest;
        }
    };
    disk.rename(&temporary, &path)
        .map_err(TranscriptError::Write)?;
    let left = scan.len - scan.offset;
    Ok(Whole {
        numbering: scan.numbering,
        end: scan.offset,
        left,
        rest,
    })
}

/// The index file of `run`, when it is whole and ends where `data` does: a look at the last entry tells.
pub(super) fn current(
    disk: &Arc<dyn Disk>,
    run: RunId,
    data: &File,
) -> Result<Option<File>, TranscriptError> {
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
            let header = data
                .read(entry.offset, HEADER_BYTES)
                .map_err(TranscriptError::Read)?;
            match Header::decode(&header).filter(|it| it.seq == last) {
                Some(header) => entry.offset + header.frame_bytes(),
                None => return Ok(None),
            }
        }
    };
    let whole_entries = file.size().map_err(TranscriptError::Read)?
        == HEAD_BYTES as u64 + count * ENTRY_BYTES as u64;
    let whole = whole_entries && end == data.size().map_err(TranscriptError::Read)?;
    Ok(whole.then_some(file))
}

/// The entries of a transcript whose index file cannot be made, or not be trusted.
pub(super) fn in_memory(data: &File) -> Result<(Vec<Entry>, Whole), TranscriptError> {
    let mut scan = Scan::new(data)?;
    let mut entries = Vec::new();
    let rest = loop {
        match scan.step()? {
            Ok(entry) => entries.push(entry),
            Err(rest) => break rest,
        }
    };
    let left = scan.len - scan.offset;
    Ok((
        entries,
        Whole {
            numbering: scan.numbering,
            end: scan.offset,
            left,
            rest,
        },
    ))
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
    let got = data
        .read_at(entry.offset, bytes)
        .map_err(TranscriptError::Read)?;
    let Some(header) = Header::decode(bytes.get(..got).unwrap_or_default()) else {
        return Ok(None);
    };
    bytes.resize(header.stored as usize, 0);
    let got = data
        .read_at(entry.offset + HEADER_BYTES as u64, bytes)
        .map_err(TranscriptError::Read)?;
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
    pub(super) fn read(
        &self,
        first: u64,
        count: u64,
    ) -> Result<Option<Vec<Entry>>, TranscriptError> {
        let bytes = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(ENTRY_BYTES);
        let offset = HEAD_BYTES as u64 + first * ENTRY_BYTES as u64;
        let bytes = self
            .file
            .read(offset, bytes)
            .map_err(TranscriptError::Read)?;
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
        let slot = Slot {
            item: Item::Verify(3),
            host: Some(HostIx(77)),
        };
        let lane = Lane {
            slot,
            attempt: 2,
            stream: Stream::Err,
        };
        let entry = Entry {
            offset: 1 << 40,
            before: 9,
            at: Timestamp(7),
            lane,
            ended: 65_537,
            open: 3,
            back: 8,
        };
        let bytes = entry.encode();
        assert_eq!(Entry::decode(&bytes), Some(entry));
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes;
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::decode(&bent), None, "bit {bit}");
        }
    }
}
