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
    pattern: Pattern,
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
        let pattern = Pattern::of(pattern)?;
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
                    let flow = self.reader.lines(&entry, Some(pattern), |line| {
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

/// A search text, compiled twice: for a line, and for many lines at once, in which it stands nowhere where it stands in none of them.
#[derive(Debug, Clone)]
pub struct Pattern {
    line: Regex,
    many: Option<Regex>,
}

impl Pattern {
    /// Compiles a search text.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn of(text: &str) -> Result<Self, TranscriptError> {
        let line = compile(text)?;
        // The ends of a text mean those of a line: in many lines they mean something else.
        let plain = text.strip_prefix("(?i)").unwrap_or(text).replace("(?:", "(");
        let of_the_ends = ["\\A", "\\z", "\\b{", "(?"].iter().any(|it| plain.contains(it));
        // Whatever stands in a line must be found here too; that more is found costs time alone.
        let many =
            (!of_the_ends).then(|| builder(text).multi_line(true).crlf(true).dot_matches_new_line(true).build().ok());
        Ok(Self { line, many: many.flatten() })
    }

    /// Whether it stands in a line.
    #[must_use]
    pub fn is_match(&self, line: &[u8]) -> bool {
        self.line.is_match(line)
    }

    /// Whether it may stand in one of these lines, each of which is here from its beginning to its end.
    #[must_use]
    pub fn may_stand_in(&self, lines: &[u8]) -> bool {
        self.many.as_ref().is_none_or(|many| many.is_match(lines))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.line.as_str()
    }
}

fn builder(text: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(text);
    builder.size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX);
    builder
}

/// Compiles a search text; `(?i)` in front of it ignores case.
///
/// # Errors
/// It is none, or too long.
pub fn compile(text: &str) -> Result<Regex, TranscriptError> {
    if text.len() > SEARCH_PATTERN_BYTES_MAX {
        return Err(TranscriptError::Pattern(format!("it is longer than {SEARCH_PATTERN_BYTES_MAX} bytes")));
    }
    builder(text).build().map_err(|error| TranscriptError::Pattern(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many lines are passed over only where the pattern stands in none of them, whatever ends or edges it names.
    #[test]
    fn what_stands_in_a_line_may_stand_in_the_lines_around_it() {
        let patterns = [
            "b",
            "^b",
            "b$",
            "^b$",
            "^$",
            "^",
            "$",
            "a.c",
            "a.*c",
            "a[^x]c",
            "\\bb\\b",
            "\\Bb",
            "b\\B",
            "(?i)B$",
            "(?i)^(?:B|C)$",
            "\\Ab",
            "b\\z",
            "(?m)^b$",
            "(?-u)\\xff",
            "\\s",
            "\\S$",
            "[[:cntrl:]]",
            "c\\r?$",
            "(?s)a.c",
            "(?x) b",
            "\\x00",
            "b{2}",
            "(a|b)+$",
            "\\b{start}b",
        ];
        let words: [&[u8]; 14] = [
            b"",
            b"b",
            b"B",
            b"a\rc",
            b"abc",
            b"ab\r",
            b"\r",
            b"bb",
            b"x b y",
            b"\xff",
            b"b\xff",
            b"a c",
            b"\0",
            "\u{e4}b".as_bytes(),
        ];
        let mut tried = 0;
        for text in patterns {
            let pattern = Pattern::of(text).unwrap();
            for first in words {
                for second in words {
                    for third in words {
                        for end in [&b"\n"[..], b"\r\n", b""] {
                            let lines = [first, b"\n", second, b"\r\n", third, end].concat();
                            let each =
                                lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
                            // Behind the last line feed there is no line.
                            let count = lines.iter().filter(|byte| **byte == b'\n').count();
                            if each.take(count).any(|line| pattern.is_match(line)) {
                                assert!(pattern.may_stand_in(&lines), "{text:?} in {}", lines.escape_ascii());
                                tried += 1;
                            }
                        }
                    }
                }
            }
        }
        assert!(tried > 50_000, "{tried}");
        assert!(!Pattern::of("lost").unwrap().may_stand_in(b"found\nfound\n"), "it passes over what it can");
    }
}
