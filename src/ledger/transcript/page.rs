//! Answers questions about a transcript, a page at a time.

use std::ops::ControlFlow;

use super::count::{Counts, Found, Wanted};
use super::filter::Filter;
use super::lane::Lane;
use super::legend::Legend;
use super::reader::{Line, Reader};
use super::search;
use super::{COALESCE_MS, Torn, TranscriptError};
use crate::domain::id::Timestamp;
use crate::domain::query::{LogFrom, LogLine, LogPage, LogQuery};

/// Lines of a page, whatever is asked for: some screens.
pub const LOG_PAGE_LINES_MAX: u32 = 2_000;

/// Bytes of a page; the line that reaches it is the last. A page has at least one line, so asking on always moves on.
pub const LOG_PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Frames are written when they are full or have waited, so their times run backwards by so much at most; twice that is searched.
const DISORDER_MS: u64 = 2 * COALESCE_MS + 1_000;

impl Reader {
    /// The lines that `query` asks for; `legend` knows the names of hosts and steps. The page is shorter than asked at the end, and
    /// where it would be too large.
    ///
    /// # Errors
    /// When the pattern is no regular expression, the file cannot be read or is damaged.
    pub fn page(&mut self, query: &LogQuery, legend: &Legend) -> Result<LogPage, TranscriptError> {
        let pattern = query.matching.as_deref().map(search::Pattern::of).transpose()?;
        let wanted = Wanted { filter: Filter::of(query, legend), pattern };
        let mut counts = Counts::of(self, wanted);
        let page = self.counted_page(query, legend, &mut counts);
        counts.keep(self);
        page
    }

    fn counted_page(
        &mut self,
        query: &LogQuery,
        legend: &Legend,
        counts: &mut Counts,
    ) -> Result<LogPage, TranscriptError> {
        let frames = self.frames()?;
        let total = counts.total(self, frames)?;
        let count = u64::from(query.count.min(LOG_PAGE_LINES_MAX));
        let first = match query.from {
            LogFrom::Line(line) => line.min(total),
            LogFrom::End => total.saturating_sub(count),
            LogFrom::Time(at) => self.first_at(at, frames, counts)?,
        };
        let mut lines = Vec::new();
        if count > 0 && first < total {
            let found = counts.find(self, first)?;
            let mut bytes = 0;
            let _full = self.each_wanted(&counts.wanted, found, frames, |number, lane, line| {
                if number >= first {
                    bytes += line.bytes.len();
                    lines.push(named(legend, number, lane, line));
                }
                let full = lines.len() as u64 >= count || bytes >= LOG_PAGE_BYTES_MAX;
                if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        let amiss = self.torn().map(Torn::words);
        Ok(LogPage { run: self.run, lines, first, total, amiss })
    }

    /// Calls `each` for wanted lines with their number, from the frame `found` to the frame before `frames`, until it breaks.
    pub(super) fn each_wanted(
        &mut self,
        wanted: &Wanted,
        found: Found,
        frames: u64,
        mut each: impl FnMut(u64, &Lane, Line<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TranscriptError> {
        let Found { mut frame, before: mut number } = found;
        while frame < frames {
            for entry in self.entries(frame, frames)? {
                frame += 1;
                if !wanted.filter.wants(&entry.lane) {
                    continue;
                }
                let flow = self.lines(&entry, wanted.pattern.as_ref(), |line| {
                    if !wanted.wants(line.bytes) {
                        return ControlFlow::Continue(());
                    }
                    number += 1;
                    each(number - 1, &entry.lane, line)
                })?;
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The number of the first wanted line that began at or after `at`.
    fn first_at(&mut self, at: Timestamp, frames: u64, counts: &Counts) -> Result<u64, TranscriptError> {
        let early = Timestamp(at.0.saturating_sub(i64::try_from(DISORDER_MS).unwrap_or(0)));
        let (mut low, mut high) = (0, frames);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(middle)?.at < early { low = middle + 1 } else { high = middle }
        }
        let mut first = counts.before(self, low)?;
        let found = Found { frame: low, before: first };
        let _found = self.each_wanted(&counts.wanted, found, frames, |number, _, line| {
            first = number + u64::from(line.at < at);
            if line.at < at { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(first)
    }
}

/// A line with its names.
pub(super) fn named(legend: &Legend, number: u64, lane: &Lane, line: Line<'_>) -> LogLine {
    LogLine {
        number,
        at: line.at,
        host: legend.host(&lane.slot).to_owned(),
        item: lane.slot.item,
        step: legend.item(lane.slot.item),
        attempt: lane.attempt,
        stream: lane.stream,
        bytes: line.bytes.to_vec(),
    }
}
