//! Finds the n-th line of a filtered transcript: how many wanted lines stand before every so-manieth frame.
//!
//! Invariant: counts only ever grow, as frames do; a count taken once is not taken again.

use std::ops::ControlFlow;

use super::TranscriptError;
use super::filter::Filter;
use super::index::{ENTRIES_READ, Entry};
use super::reader::Reader;
use super::search::Pattern;

/// Filters whose counts a reader keeps: a viewer's panes, and the one before.
const COUNTS_KEPT_MAX: usize = 8;

/// Which lines are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) pattern: Option<Pattern>,
}

impl Wanted {
    fn is(&self, other: &Self) -> bool {
        let text = |it: &Self| it.pattern.as_ref().map(|it| it.as_str().to_owned());
        self.filter == other.filter && text(self) == text(other)
    }

    /// Whether every line is wanted: then the index alone answers.
    fn is_all(&self) -> bool {
        self.filter.is_all() && self.pattern.is_none()
    }

    pub(super) fn wants(&self, line: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|it| it.is_match(line))
    }
}

/// How many wanted lines stand before each block of [`ENTRIES_READ`] frames.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) wanted: Wanted,
    /// Wanted lines before block 0, 1, …; one number per block begun.
    before: Vec<u64>,
    /// Frames counted.
    frames: u64,
    /// Wanted lines in them.
    total: u64,
}

/// A frame, and how many wanted lines stand before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) frame: u64,
    pub(super) before: u64,
}

impl Counts {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, before: Vec::new(), frames: 0, total: 0 }
    }

    /// Takes the counts for `wanted` out of those the reader keeps, or begins anew.
    pub(super) fn of(reader: &mut Reader, wanted: Wanted) -> Self {
        match reader.counts.iter().position(|it| it.wanted.is(&wanted)) {
            Some(index) => reader.counts.remove(index),
            None => Self::new(wanted),
        }
    }

    /// Gives them back, to go on from the next time.
    pub(super) fn keep(self, reader: &mut Reader) {
        reader.counts.push(self);
        let surplus = reader.counts.len().saturating_sub(COUNTS_KEPT_MAX);
        reader.counts.drain(..surplus);
    }

    /// Counts up to frame `frames`; the number of wanted lines so far.
    pub(super) fn total(&mut self, reader: &mut Reader, frames: u64) -> Result<u64, TranscriptError> {
        if self.wanted.is_all() {
            (self.frames, self.total) = (frames, 0);
            if let Some(last) = frames.checked_sub(1) {
                let entry = reader.entry(last)?;
                self.total = entry.before + u64::from(entry.ended);
            }
            return Ok(self.total);
        }
        while self.frames < frames {
            let block_end = (self.frames / ENTRIES_READ + 1) * ENTRIES_READ;
            for entry in reader.entries(self.frames, block_end.min(frames))? {
                if self.frames.is_multiple_of(ENTRIES_READ) {
                    self.before.push(self.total);
                }
                self.total += self.in_frame(reader, &entry)?;
                self.frames += 1;
            }
        }
        Ok(self.total)
    }

    /// The frame in which wanted line `line` ends; call [`Counts::total`] first, `line` must be below it.
    pub(super) fn find(&self, reader: &mut Reader, line: u64) -> Result<Found, TranscriptError> {
        if self.wanted.is_all() {
            let (mut low, mut high) = (0, self.frames);
            // The last frame before which no more than `line` lines ended, and which ends one of them.
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if reader.entry(middle)?.before <= line { low = middle } else { high = middle }
            }
            return Ok(Found { frame: low, before: reader.entry(low)?.before });
        }
        let block = self.before.partition_point(|it| *it <= line).saturating_sub(1);
        let mut found =
            Found { frame: block as u64 * ENTRIES_READ, before: self.before.get(block).copied().unwrap_or(0) };
        for entry in reader.entries(found.frame, self.frames)? {
            let lines = self.in_frame(reader, &entry)?;
            if found.before + lines > line {
                break;
            }
            found = Found { frame: found.frame + 1, before: found.before + lines };
        }
        Ok(found)
    }

    /// How many wanted lines stand before frame `frame`, which must have been counted.
    pub(super) fn before(&self, reader: &mut Reader, frame: u64) -> Result<u64, TranscriptError> {
        if frame >= self.frames {
            return Ok(self.total);
        }
        if self.wanted.is_all() {
            return Ok(reader.entry(frame)?.before);
        }
        let block = frame / ENTRIES_READ;
        let index = usize::try_from(block).unwrap_or(usize::MAX);
        let mut before = self.before.get(index).copied().unwrap_or(self.total);
        for entry in reader.entries(block * ENTRIES_READ, frame)? {
            before += self.in_frame(reader, &entry)?;
        }
        Ok(before)
    }

    fn in_frame(&self, reader: &mut Reader, entry: &Entry) -> Result<u64, TranscriptError> {
        if !self.wanted.filter.wants(&entry.lane) {
            return Ok(0);
        }
        if self.wanted.pattern.is_none() {
            return Ok(u64::from(entry.ended));
        }
        let mut count = 0;
        let _ = reader.lines(entry, self.wanted.pattern.as_ref(), |line| {
            count += u64::from(self.wanted.wants(line.bytes));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

#[cfg(test)]
impl Counts {
    pub(super) fn kept(&self) -> usize {
        self.before.len()
    }
}
