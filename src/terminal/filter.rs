//! What a host printed, made fit to look at: bytes in any pieces become lines of cells.
//!
//! Kept: text, SGR colours and attributes, tab, line feed, carriage return (a progress bar collapses to its last state) and
//! backspace. Everything else that could command a terminal (titles, clipboards, queries, cursor moves, images, C1 controls)
//! is dropped and counted, and its line says so. Characters that cannot be seen are spelled out by [`Safe`].
//!
//! Invariants: the cells depend on the bytes and never on how they were cut into pieces. A line depends on its own bytes
//! alone: colours and unfinished sequences end with it, so any line of a log can be shown without reading those before.
//! Memory is bounded by [`OUTPUT_LINE_BYTES_MAX`]. Deliberately absent: a screen, a cursor that leaves its line, redaction
//! (that comes before).

mod page;
mod raw;
mod sgr;

use page::Page;

use super::line::{Attrs, Safe, SafeLine, StyleBits};

pub use raw::raw_lines;

/// Longest line, in bytes of what is drawn; a longer one goes on in a further line. The size of one transcript frame.
pub const OUTPUT_LINE_BYTES_MAX: usize = 64 * 1024;

/// Combining marks drawn in one line; more are dropped and counted. Room for a long line of any language.
pub const OUTPUT_LINE_MARKS_MAX: usize = 4096;

/// Bytes handed to the parser at a time. After a byte that is not UTF-8 the parser looks for the next escape from there:
/// over a long slice of such bytes that would cost the square of its length.
const PARSE_SLICE_BYTES: usize = 512;

const BEL: u8 = 0x07;
const LF: u8 = b'\n';
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// One line of a host's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputLine {
    /// What is drawn.
    pub text: SafeLine,
    /// How many controls and sequences of this line were dropped.
    pub dropped: u32,
    /// How the line ended.
    pub end: LineEnd,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// With a line feed.
    #[default]
    Feed,
    /// It was too long and goes on in the next one.
    Split,
    /// Not yet: the output stops here, for now or for good.
    Open,
}

impl OutputLine {
    /// The line with its marks: `␛×3` where three things were dropped, `↩` where it goes on in the next line.
    #[must_use]
    pub fn marked(&self) -> SafeLine {
        let mut line = self.text.clone();
        if self.dropped > 0 {
            line.push(Safe::from(format_args!(" ␛×{}", self.dropped)), StyleBits::attrs(Attrs::DIM));
        }
        match self.end {
            LineEnd::Split => line.push(Safe::new("↩"), StyleBits::attrs(Attrs::DIM)),
            LineEnd::Feed | LineEnd::Open => {}
        }
        line
    }
}

/// The filter for one stream of one host.
#[derive(Default)]
pub struct Filter {
    parser: vte::Parser,
    page: Page,
    state: State,
    /// The start of a UTF-8 character whose end has not come yet: at most three bytes.
    torn: Vec<u8>,
}

/// Where in the stream the next byte stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// In text or in a sequence the parser handles, whose size it bounds.
    #[default]
    Text,
    /// Right behind an ESC that may open a string.
    Escape(Before),
    /// Inside a string nobody shall read: its bytes go nowhere, so it may be of any length.
    String(Ended),
}

/// What an escape interrupts: one that closes a string (`ESC \`) is part of it and not counted again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Text,
    String,
}

/// What ends a string besides ESC, CAN, SUB and the line feed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// An operating system command: BEL too (xterm's habit).
    ByBell,
    /// DCS, APC, PM, SOS: nothing else.
    ByTerminator,
}

impl Filter {
    /// A filter at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and appends every line they complete to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<OutputLine>) {
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            rest = match self.state {
                State::Text => self.text(rest),
                State::Escape(before) => {
                    self.escape(before, first);
                    behind
                }
                State::String(ended) => self.string(ended, rest),
            };
            out.append(&mut self.page.done);
        }
    }

    /// The line that has begun and not ended, as it looks now: a prompt, a progress bar. None when nothing has come.
    #[must_use]
    pub fn open(&self) -> Option<OutputLine> {
        self.page.open()
    }

    /// The end of the stream: the rest is a line too. A torn character becomes U+FFFD.
    #[must_use]
    pub fn finish(mut self) -> Vec<OutputLine> {
        self.feed(&[], Some(CAN));
        let mut rest = std::mem::take(&mut self.page.done);
        rest.extend(self.page.open());
        rest
    }

    /// Text up to the next escape or line feed.
    fn text<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(at) = bytes.iter().position(|&b| b == ESC || b == LF) else {
            self.feed(bytes, None);
            return &[];
        };
        let (run, rest) = bytes.split_at(at);
        match rest.split_first() {
            Some((&ESC, rest)) => {
                self.feed(run, Some(ESC));
                self.begin_escape(Before::Text);
                rest
            }
            Some((_, rest)) => {
                if self.torn.is_empty() && self.page.is_new() && run.iter().all(|b| matches!(b, b' '..=b'~')) {
                    // Most lines of most logs: nothing to obey, nothing to drop.
                    self.page.whole_line(&String::from_utf8_lossy(run));
                } else {
                    self.feed(run, Some(CAN));
                    self.end_line();
                }
                rest
            }
            None => rest,
        }
    }

    /// The byte behind an ESC. Those that open a string take it from the parser, which would keep it in memory.
    fn escape(&mut self, before: Before, byte: u8) {
        let string = |ended| (CAN, State::String(ended));
        let (byte, state) = match byte {
            b']' => string(Ended::ByBell),
            b'P' | b'X' | b'^' | b'_' => string(Ended::ByTerminator),
            LF => {
                self.feed(&[], Some(CAN));
                return self.end_line();
            }
            ESC => return self.begin_escape(Before::Text),
            CAN | SUB => (byte, State::Text),
            b'\\' => {
                if before == Before::String {
                    self.page.uncount();
                }
                (byte, State::Text)
            }
            b' '..=b'~' => (byte, State::Text),
            // Other controls act where they stand and what is not ASCII is ignored: the escape is still open.
            0x80.. => return,
            0x00..=0x1f | 0x7f => (byte, State::Escape(before)),
        };
        self.state = state;
        self.feed(&[], Some(byte));
    }

    fn begin_escape(&mut self, before: Before) {
        self.state = State::Escape(before);
        self.page.count();
    }

    /// A string's bytes, up to what ends it.
    fn string<'b>(&mut self, ended: Ended, bytes: &'b [u8]) -> &'b [u8] {
        let ends = |b: &u8| match *b {
            ESC | CAN | SUB | LF => true,
            BEL => ended == Ended::ByBell,
            _ => false,
        };
        let Some(at) = bytes.iter().position(ends) else {
            return &[];
        };
        let Some((&end, rest)) = bytes.split_at(at).1.split_first() else {
            return &[];
        };
        match end {
            ESC => {
                self.feed(&[], Some(ESC));
                self.begin_escape(Before::String);
            }
            LF => self.end_line(),
            _ => self.state = State::Text,
        }
        rest
    }

    fn end_line(&mut self) {
        self.state = State::Text;
        self.page.end_line(LineEnd::Feed);
    }

    /// Hands bytes to the parser: whole characters only, for it forgets characters that follow a torn one; what is torn
    /// waits for the next piece unless a control byte follows `then` and there.
    fn feed(&mut self, run: &[u8], then: Option<u8>) {
        let joined;
        let mut bytes = run;
        if !self.torn.is_empty() {
            joined = [std::mem::take(&mut self.torn).as_slice(), run].concat();
            bytes = &joined;
        }
        let (whole, torn) = bytes.split_at(bytes.len() - torn_tail(bytes));
        let mut rest = whole;
        while !rest.is_empty() {
            let (slice, behind) = rest.split_at(char_boundary(rest, PARSE_SLICE_BYTES));
            self.parser.advance(&mut self.page, slice);
            rest = behind;
        }
        match then {
            None => self.torn.extend_from_slice(torn),
            Some(control) if torn.is_empty() => self.parser.advance(&mut self.page, &[control]),
            Some(control) => self.parser.advance(&mut self.page, &[torn, &[control]].concat()),
        }
    }
}

/// The lines of a whole text at once: for a page of a log.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<OutputLine> {
    let mut filter = Filter::new();
    let mut out = Vec::new();
    filter.push(bytes, &mut out);
    out.extend(filter.finish());
    out
}

/// How many bytes at the end begin a UTF-8 character and do not finish it: 0 to 3.
fn torn_tail(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let tail = bytes.get(from..).unwrap_or_default();
    let Some(lead) = tail.iter().rposition(|b| b & 0xc0 != 0x80) else {
        return 0;
    };
    let last = tail.get(lead..).unwrap_or_default();
    match std::str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len() - error.valid_up_to(),
        Ok(_) | Err(_) => 0,
    }
}

/// The largest cut at or below `at` that tears no character.
fn char_boundary(bytes: &[u8], at: usize) -> usize {
    if bytes.len() <= at {
        return bytes.len();
    }
    let starts = |i: &usize| bytes.get(*i).is_some_and(|b| b & 0xc0 != 0x80);
    (at.saturating_sub(3)..=at).rev().find(starts).unwrap_or(at)
}

#[cfg(test)]
mod tests;
