//! Searches a transcript for a regular expression, some hits at a time.

use std::ops::ControlFlow;

use regex::bytes::{Regex, RegexBuilder};

use super::TranscriptError;
use super::count::{Counts, Found, Wanted};
use super::filter::Filter;
use super::legend::Legend;
use super::page::{LOG_PAGE_BYTES_MAX, LOG_PAGE_LINES_MAX, named};
use super::reader::Reader;
use crate::domain::query::LogLine;

/// Longest search text.
pub const SEARCH_PATTERN_BYTES_MAX: usize = 4096;

/// Memory of a compiled pattern: `\w{1000}` and its like are refused, not run.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// Hits of a search, in pages. A hit's number is that of the line in the log with the same filter and no pattern, so that a viewer
/// can go there.
#[derive(Debug)]
pub struct Search<'a> {
    reader: &'a mut Reader,
    legend: &'a Legend,
    wanted: Wanted,
    pattern: Regex,
    next: Found,
    /// Lines of the frame `next` that were looked at.
    seen: u64,
    frames: u64,
    limit: usize,
}

impl Reader {
    /// Searches the lines that `filter` wants, from line `from` on (counted without the pattern), `limit` hits a page.
    ///
    /// # Errors
    /// When the pattern is no regular expression, the file cannot be read or is damaged.
    pub fn search<'a>(
        &'a mut self,
        legend: &'a Legend,
        filter: Filter,
        pattern: &str,
        from: u64,
        limit: u32,
    ) -> Result<Search<'a>, TranscriptError> {
        let pattern = compile(pattern)?;
        let frames = self.frames()?;
        let mut counts = Counts::of(self, Wanted { filter, pattern: None });
        let place = counts.total(self, frames).and_then(|total| match from < total {
            true => counts.find(self, from),
            false => Ok(Found { frame: frames, before: total }),
        });
        let wanted = counts.wanted.clone();
        counts.keep(self);
        let next = place?;
        let seen = from.saturating_sub(next.before);
        let limit = limit.clamp(1, LOG_PAGE_LINES_MAX) as usize;
        Ok(Search { reader: self, legend, wanted, pattern, next, seen, frames, limit })
    }
}

impl Iterator for Search<'_> {
    type Item = Result<Vec<LogLine>, TranscriptError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.page() {
            Ok(lines) if lines.is_empty() => None,
            Ok(lines) => Some(Ok(lines)),
            Err(error) => {
                // What cannot be read now cannot be read a moment later: no second try, no endless loop.
                self.next.frame = self.frames;
                Some(Err(error))
            }
        }
    }
}

impl Search<'_> {
    fn page(&mut self) -> Result<Vec<LogLine>, TranscriptError> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while self.next.frame < self.frames {
            for entry in self.reader.entries(self.next.frame, self.frames)? {
                if self.wanted.filter.wants(&entry.lane) {
                    let (mut number, skip) = (self.next.before, self.next.before + self.seen);
                    let (pattern, legend, limit) = (&self.pattern, self.legend, self.limit);
                    let flow = self.reader.lines(&entry, |line| {
                        number += 1;
                        if number <= skip || !pattern.is_match(line.bytes) {
                            return ControlFlow::Continue(());
                        }
                        bytes += line.bytes.len();
                        lines.push(named(legend, number - 1, &entry.lane, line));
                        let full = lines.len() >= limit || bytes >= LOG_PAGE_BYTES_MAX;
                        if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })?;
                    if flow.is_break() {
                        self.seen = number - self.next.before;
                        return Ok(lines);
                    }
                    self.next.before += u64::from(entry.ended);
                }
                self.next.frame += 1;
                self.seen = 0;
            }
        }
        Ok(lines)
    }
}

/// Compiles a search text; `(?i)` in front of it ignores case.
///
/// # Errors
/// It is none, or too long.
pub fn compile(text: &str) -> Result<Regex, TranscriptError> {
    if text.len() > SEARCH_PATTERN_BYTES_MAX {
        return Err(TranscriptError::Pattern(format!("it is longer than {SEARCH_PATTERN_BYTES_MAX} bytes")));
    }
    RegexBuilder::new(text)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| TranscriptError::Pattern(error.to_string()))
}
