//! Reads a transcript, while it grows or long after: entries, frames, and the lines in them.
//!
//! Invariants: takes memory for a few frames and, per filter in use, a number for every [`index::ENTRIES_READ`] frames; a line is read
//! whole, wherever its parts stand; the beginnings of some lines are kept for who reads on. Never seen: bytes of a line that has not ended (see [`super::Live`]).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::count::Counts;
use super::frame::{Decoder, Header};
use super::index::{self, ENTRIES_READ, Entries, Entry};
use super::lane::Lane;
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
    /// How the last frame of a lane that was read ended, where a line began in it that goes on in the next.
    begun: BTreeMap<Lane, Begun>,
}

/// The first part of a line.
#[derive(Debug)]
struct Begun {
    /// Of the frame it stands in.
    offset: u64,
    /// When it began.
    at: Timestamp,
    bytes: Vec<u8>,
}

/// Lanes whose beginnings of lines are kept; and how long a beginning is. Others are read again.
const BEGUN_LANES_MAX: usize = 1_024;
const BEGUN_BYTES_MAX: usize = 1_024;

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

/// Whether a pattern stands in none of the lines that end in a frame: not in the first, part of which stands in an earlier one, and not in
/// the others, each of which begins behind a line feed. Lines that are cut for their length begin elsewhere: then nobody knows.
fn stands_nowhere(pattern: &Pattern, entry: &Entry, earlier: Option<&(Timestamp, Vec<u8>)>, payload: &[u8]) -> bool {
    if entry.open as usize + payload.len() > lines::LINE_BYTES_MAX {
        return false;
    }
    match earlier {
        None => !pattern.may_stand_in(payload),
        Some((_, begin)) => match payload.iter().position(|byte| *byte == b'\n') {
            None => false,
            Some(feed) => {
                let (end, others) = payload.split_at(feed + 1);
                !pattern.may_stand_in(&[begin, end].concat()) && !pattern.may_stand_in(others)
            }
        },
    }
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
        Ok(Self { run, data, index, torn, decoder, stored, counts, begun: BTreeMap::new() })
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
        let mut earlier = if entry.open > 0 { Some(self.earlier(entry)?) } else { None };
        self.keep_begun(entry, &header, &payload);
        if of.is_some_and(|pattern| stands_nowhere(pattern, entry, earlier.as_ref(), &payload)) {
            return Ok(ControlFlow::Continue(()));
        }
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
            if let Some(begun) = self.begun.get(&before.lane).filter(|begun| begun.offset == before.offset) {
                parts.push(begun.bytes.clone());
                break begun.at;
            }
            let (header, payload) = self.payload(&before)?;
            let last = lines::last(before.open, &payload, header.end);
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

    /// A reader that goes forward needs the end of this frame for the next one of its lane.
    fn keep_begun(&mut self, entry: &Entry, header: &Header, payload: &[u8]) {
        let last = lines::last(entry.open, payload, header.end);
        let begins_here = entry.ended > 0 || entry.open == 0;
        match last.filter(|it| it.ends == Ends::Later && begins_here && it.bytes.len() <= BEGUN_BYTES_MAX) {
            Some(last) if self.begun.len() < BEGUN_LANES_MAX || self.begun.contains_key(&entry.lane) => {
                let begun = Begun { offset: entry.offset, at: entry.at, bytes: last.bytes.to_vec() };
                self.begun.insert(entry.lane, begun);
            }
            Some(_) | None => drop(self.begun.remove(&entry.lane)),
        }
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
