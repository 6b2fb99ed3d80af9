//! Reads a whole transcript, frame after frame, from nothing but its own bytes: how an index is made again, and how what a
//! crash left is found.

use std::sync::Arc;

use super::frame::{self, Decoder, HEAD_BYTES, HEADER_BYTES, Header};
use super::index::{ENTRIES_READ, ENTRY_BYTES, Entry, MAGIC, Numbering};
use super::{TranscriptError, index_path};
use crate::domain::id::RunId;
use crate::ledger::disk::{Disk, File, Mode};

/// Read at a time when a whole file is read.
const WINDOW_BYTES: usize = 1024 * 1024;

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
            let torn = bytes.iter().take(HEADER_BYTES).all(|byte| *byte == 0) || (last && !frame_follows(bytes));
            return Ok(Err(if torn { Rest::Torn } else { Rest::Damaged("its header does not fit its checksum") }));
        };
        let end = usize::try_from(header.frame_bytes()).unwrap_or(usize::MAX);
        let Some(stored) = bytes.get(HEADER_BYTES..end) else {
            return Ok(Err(Rest::Torn));
        };
        if !self.decoder.decode(&header, stored, &mut self.payload) {
            let last = header.frame_bytes() == left;
            return Ok(Err(if last { Rest::Torn } else { Rest::Damaged("its bytes do not fit their checksum") }));
        }
        if header.seq != self.numbering.frames {
            return Ok(Err(Rest::Damaged("it is not the next frame")));
        }
        let (entry, open) = self.numbering.entry(self.offset, header.lane, header.at, &self.payload, header.end);
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
        self.window = self.data.read(self.offset, bytes).map_err(TranscriptError::Read)?;
        self.window_at = self.offset;
        Ok(0)
    }
}

/// Whether a whole header stands somewhere behind the first byte.
fn frame_follows(bytes: &[u8]) -> bool {
    (1..bytes.len().saturating_sub(HEADER_BYTES))
        .any(|at| Header::decode(bytes.get(at..).unwrap_or_default()).is_some())
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

/// Makes the index file of `run` again from its frames, and puts it in place whole. Nobody may be writing either.
pub(super) fn rebuild(disk: &Arc<dyn Disk>, run: RunId, data: &File) -> Result<Whole, TranscriptError> {
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
    disk.rename(&temporary, &path).map_err(TranscriptError::Write)?;
    let left = scan.len - scan.offset;
    Ok(Whole { numbering: scan.numbering, end: scan.offset, left, rest })
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
    Ok((entries, Whole { numbering: scan.numbering, end: scan.offset, left, rest }))
}
