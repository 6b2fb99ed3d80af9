//! Reads a transcript, while it grows or long after: entries, frames, and the lines in them.
//!
//! Invariants: takes memory for a few frames and, per filter in use, a number for every [`index::ENTRIES_READ`] frames; a line is read
//! whole, wherever its parts stand. Never seen: bytes of a line that has not ended (see [`super::Live`]).

use std::ops::ControlFlow;
use std::sync::Arc;

use super::count::Counts;
use super::frame::{Decoder, Header};
use super::index::{self, ENTRIES_READ, Entries, Entry};
use super::lines::{self, Ends};
use super::scan;
use super::search::Pattern;
use super::writer::{Printed, Torn};
use super::{TranscriptError, data_path, index_path};
use crate::domain::id::{RunId, Timestamp};
use crate::domain::order::{OrderKey, OutputSummary, Stream};
use crate::ledger::disk::{Disk, File, Mode};

/// Reads the transcript of one run. Not shared: each viewer's questions keep their own counts.
#[derive(Debug)]
pub struct Reader {
    pub(super) run: RunId,
    data: File,
    index: Index,
    torn: Option<Torn>,
    decoder: Decoder,
    stored: Vec<u8>,
    /// What is counted of recent filters, latest last.
    pub(super) counts: Vec<Counts>,
}

#[derive(Debug)]
enum Index {
    /// Written by somebody else while we read.
    Live(File),
    /// Complete.
    Done(File),
    /// Made for this reader: the file cannot be written, or not be trusted.
    Memory(Vec<Entry>),
}

/// A line within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// When its first byte came.
    pub(super) at: Timestamp,
    /// Without its line end.
    pub(super) bytes: &'a [u8],
}

impl Reader {
    pub(super) fn open(disk: &Arc<dyn Disk>, run: RunId, is_live: bool) -> Result<Self, TranscriptError> {
        let Some(data) = index::open_data(disk, run, Mode::Read)? else {
            return Err(TranscriptError::Missing(run));
        };
        let (index, torn) = if is_live {
            let file = File::open(disk, &index_path(run), Mode::Read);
            (Index::Live(file.map_err(TranscriptError::Read)?), None)
        } else {
            match index::current(disk, run, &data)? {
                Some(file) => (Index::Done(file), None),
                // Only a writer makes the file again: one may open at any moment.
                None => {
                    let (entries, whole) = scan::in_memory(&data)?;
                    (Index::Memory(entries), Torn::of(&whole))
                }
            }
        };
        let (decoder, stored, counts) = (Decoder::default(), Vec::new(), Vec::new());
        Ok(Self { run, data, index, torn, decoder, stored, counts })
    }

    /// What stands behind the last whole frame, where a crash or damage left something: it is not shown.
    #[must_use]
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// How many frames there are so far.
    pub(super) fn frames(&self) -> Result<u64, TranscriptError> {
        match &self.index {
            Index::Live(file) | Index::Done(file) => Entries { file }.count(),
            Index::Memory(entries) => Ok(entries.len() as u64),
        }
    }

    /// Entries from `first` on, at most [`ENTRIES_READ`] and none at or after `end`.
    pub(super) fn entries(&mut self, first: u64, end: u64) -> Result<Vec<Entry>, TranscriptError> {
        let count = end.saturating_sub(first).min(ENTRIES_READ);
        if let Some(entries) = self.try_entries(first, count)? {
            return Ok(entries);
        }
        if matches!(self.index, Index::Done(_)) {
            let (entries, _) = scan::in_memory(&self.data)?;
            self.index = Index::Memory(entries);
            self.counts.clear();
        }
        self.try_entries(first, count)?.ok_or_else(|| TranscriptError::Damaged {
            file: index_path(self.run),
            offset: first * index::ENTRY_BYTES as u64,
            why: "an entry is not there, or does not fit its checksum",
        })
    }

    /// `None` when one of them is not there or not whole.
    fn try_entries(&self, first: u64, count: u64) -> Result<Option<Vec<Entry>>, TranscriptError> {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let entries = match &self.index {
            Index::Live(file) | Index::Done(file) => Entries { file }.read(first, count)?,
            Index::Memory(entries) => {
                let from = usize::try_from(first).unwrap_or(usize::MAX);
                Some(entries.iter().skip(from).take(wanted).copied().collect())
            }
        };
        Ok(entries.filter(|it| it.len() == wanted))
    }

    pub(super) fn entry(&mut self, number: u64) -> Result<Entry, TranscriptError> {
        let entries = self.entries(number, number + 1)?;
        entries.first().copied().ok_or_else(|| self.damaged(0, "its index names a frame that is not there"))
    }

    /// Reads the payload of a frame.
    fn payload(&mut self, entry: &Entry) -> Result<(Header, Vec<u8>), TranscriptError> {
        let mut payload = Vec::new();
        match index::read_frame(&self.data, &mut self.decoder, entry, &mut self.stored, &mut payload)? {
            Some(header) => Ok((header, payload)),
            None => Err(self.damaged(entry.offset, "a frame does not fit its checksum")),
        }
    }

    fn damaged(&self, offset: u64, why: &'static str) -> TranscriptError {
        TranscriptError::Damaged { file: data_path(self.run), offset, why }
    }

    /// Calls `each` for the lines that end in the frame of `entry`, in order, until it breaks. Where `of` cannot stand in any of them
    /// nothing is called.
    pub(super) fn lines(
        &mut self,
        entry: &Entry,
        of: Option<&Pattern>,
        mut each: impl FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TranscriptError> {
        if entry.ended == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let (header, payload) = self.payload(entry)?;
        // Then every line in it begins behind a line feed or with it.
        let whole = entry.open == 0 && payload.len() <= lines::LINE_BYTES_MAX;
        if whole && of.is_some_and(|pattern| !pattern.may_stand_in(&payload)) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut earlier = if entry.open > 0 { Some(self.earlier(entry)?) } else { None };
        for piece in lines::pieces(entry.open, &payload, header.end).filter(|it| it.ends != Ends::Later) {
            let flow = match earlier.take() {
                Some((at, mut bytes)) => {
                    bytes.extend_from_slice(piece.bytes);
                    each(Line { at, bytes: lines::without_return(&bytes, piece.ends) })
                }
                None => each(Line { at: entry.at, bytes: lines::without_return(piece.bytes, piece.ends) }),
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The earlier part of the first line of a frame, and when it began. At most `LINE_BYTES_MAX` bytes, in as many frames.
    fn earlier(&mut self, entry: &Entry) -> Result<(Timestamp, Vec<u8>), TranscriptError> {
        let mut parts = Vec::new();
        let mut later = *entry;
        let at = loop {
            let before = self.entry(u64::from(later.back))?;
            // Backwards, always: whatever an index says, this ends.
            if before.lane != later.lane || before.offset >= later.offset {
                return Err(self.damaged(later.offset, "the earlier part of its first line is not there"));
            }
            let (header, payload) = self.payload(&before)?;
            let last = lines::pieces(before.open, &payload, header.end).last();
            let Some(last) = last.filter(|it| it.ends == Ends::Later) else {
                return Err(self.damaged(later.offset, "the earlier part of its first line is not there"));
            };
            parts.push(last.bytes.to_vec());
            if before.ended > 0 || before.open == 0 {
                break before.at;
            }
            later = before;
        };
        parts.reverse();
        Ok((at, parts.concat()))
    }

    /// What a try printed on standard output and standard error, computed again from the file: compare it with the record.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn printed(&mut self, key: OrderKey) -> Result<OutputSummary, TranscriptError> {
        let mut printed = Printed::default();
        let frames = self.frames()?;
        let mut number = 0;
        while number < frames {
            let entries = self.entries(number, frames)?;
            for entry in &entries {
                let of_try = entry.lane.slot == key.slot && entry.lane.attempt == key.attempt;
                if of_try && entry.lane.stream != Stream::Note {
                    let (_, payload) = self.payload(entry)?;
                    printed.add(&payload, entry);
                }
            }
            number += entries.len().max(1) as u64;
        }
        Ok(printed.summary())
    }

    /// Calls `each` with what tries printed on standard output and standard error, frame after frame.
    ///
    /// # Errors
    /// As there.
    pub fn each_printed(&mut self, mut each: impl FnMut(OrderKey, &[u8])) -> Result<(), TranscriptError> {
        let frames = self.frames()?;
        let mut number = 0;
        while number < frames {
            let entries = self.entries(number, frames)?;
            for entry in entries.iter().filter(|entry| entry.lane.stream != Stream::Note) {
                let key = OrderKey { run: self.run, slot: entry.lane.slot, attempt: entry.lane.attempt };
                let (_, payload) = self.payload(entry)?;
                each(key, &payload);
            }
            number += entries.len().max(1) as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Reader {
    /// Filters whose counts are kept, and numbers kept for them.
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.counts.len(), self.counts.iter().map(Counts::kept).sum())
    }
}
