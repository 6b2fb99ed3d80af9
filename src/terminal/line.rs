//! Drawable text. [`Safe`] is the only kind of string that reaches a screen; [`SafeLine`] is a line of styled runs.
//!
//! Invariant: whatever a `Safe` was made from, it holds no control, format, bidirectional, invisible, private-use or
//! unassigned character: they are spelled out (`^[`, `\u{202e}`), never dropped, so a reader sees that they were there.
//! ratatui alone would drop some of them unseen and ship others to the terminal inside the cell before.
//! Deliberately absent: a constructor that skips the escaping, and line breaks (a `Safe` is one line or less).

mod escape;
mod style;

use std::fmt;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

#[cfg(test)]
pub(crate) use escape::CC_CF;
pub use escape::{CELL_MARKS_MAX, char_width, is_hidden};
pub(in crate::terminal) use escape::{spell, to_ascii};
pub use style::{Attrs, Colour, StyleBits};

/// What stands for the part that was cut out. One column; [`Safe::to_ascii`] turns it into `~`.
pub const CUT: &str = "…";

/// Columns between tab stops.
pub const TAB_COLUMNS: usize = 8;

/// A string that may be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safe(String);

impl Safe {
    /// Makes text drawable. A line break becomes `^J` and a tab `^I`: see [`Safe::lines`] for text of several lines.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(escape::escape(text.as_ref()).into_owned())
    }

    /// One `Safe` per line of the text, tabs widened to their columns. The empty text is one empty line.
    #[must_use]
    pub fn lines(text: &str) -> Vec<Self> {
        text.split('\n').map(|line| Self::new(widen_tabs(line))).collect()
    }

    /// The text, ready to draw.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns taken on the screen.
    #[must_use]
    pub fn width(&self) -> usize {
        width(&self.0)
    }

    /// At most `columns` wide: the end is cut and `…` says so.
    #[must_use]
    pub fn cut_end(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let Some(kept) = columns.checked_sub(1) else {
            return Self::default();
        };
        Self(format!("{}{CUT}", head(&self.0, kept)))
    }

    /// At most `columns` wide and always with `…` behind it: something that belongs here is left out.
    #[must_use]
    pub fn cut_after(&self, columns: usize) -> Self {
        match columns.checked_sub(1) {
            Some(kept) if self.width() <= kept => Self(format!("{}{CUT}", self.0)),
            Some(_) => Self(format!("{} {CUT}", self.0)).cut_end(columns),
            None => Self::default(),
        }
    }

    /// At most `columns` wide: the middle is cut and `…` says so. Names differ at both ends.
    #[must_use]
    pub fn cut_middle(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let Some(kept) = columns.checked_sub(1) else {
            return Self::default();
        };
        let right = kept / 2;
        Self(format!("{}{CUT}{}", head(&self.0, kept - right), tail(&self.0, right)))
    }

    /// At least `columns` wide, filled with spaces on the right.
    #[must_use]
    pub fn pad(&self, columns: usize) -> Self {
        Self(format!("{}{}", self.0, blanks(columns, self.width())))
    }

    /// At least `columns` wide, filled with spaces on the left: for numbers.
    #[must_use]
    pub fn align_right(&self, columns: usize) -> Self {
        Self(format!("{}{}", blanks(columns, self.width()), self.0))
    }

    /// The same columns in printable ASCII, for terminals without UTF-8: look-alikes where there are, else `?`.
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        let mut out = String::with_capacity(self.0.len());
        to_ascii(&self.0, &mut out);
        Self(out)
    }

    /// This text with that style.
    #[must_use]
    pub fn styled(self, style: impl Into<Style>) -> Span<'static> {
        Span::styled(self.0, style)
    }

    /// Puts another text behind this one.
    pub fn push(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for Safe {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Safe {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// `Safe::from(format_args!("{done} of {all}"))`: the whole of it is escaped, arguments included.
impl From<fmt::Arguments<'_>> for Safe {
    fn from(text: fmt::Arguments<'_>) -> Self {
        Self::new(text.to_string())
    }
}

impl From<Safe> for String {
    fn from(safe: Safe) -> Self {
        safe.0
    }
}

impl From<Safe> for Span<'static> {
    fn from(safe: Safe) -> Self {
        Span::raw(safe.0)
    }
}

impl From<Safe> for Line<'static> {
    fn from(safe: Safe) -> Self {
        Line::from(safe.0)
    }
}

/// A stretch of text in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Run {
    /// What is drawn.
    pub text: Safe,
    /// How it looks.
    pub style: StyleBits,
}

/// One line of styled runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SafeLine {
    runs: Vec<Run>,
}

impl SafeLine {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The runs, left to right. None is empty.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Columns taken on the screen.
    #[must_use]
    pub fn width(&self) -> usize {
        self.runs.iter().map(|run| run.text.width()).sum()
    }

    /// The text without its styles: for searching and copying.
    #[must_use]
    pub fn text(&self) -> Safe {
        Safe(self.runs.iter().map(|run| run.text.as_str()).collect())
    }

    /// Adds a run at the end; one of the same style as the last is joined to it.
    pub fn push(&mut self, text: Safe, style: StyleBits) {
        if text.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.style == style => last.text.push(&text),
            _ => self.runs.push(Run { text, style }),
        }
    }

    /// At most `columns` wide: the end is cut and `…` says so.
    #[must_use]
    pub fn cut_end(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let Some(kept) = columns.checked_sub(1) else {
            return Self::default();
        };
        let mut cut = self.window(0, kept);
        let style = cut.runs.last().or(self.runs.first()).map_or(StyleBits::PLAIN, |run| run.style);
        cut.push(Safe(CUT.to_owned()), style);
        cut
    }

    /// `columns` columns from column `from` on: for scrolling sideways. A wide character that does not fit whole at
    /// either edge is left out; at the left edge spaces stand in for the half of it that would show.
    #[must_use]
    pub fn window(&self, from: usize, columns: usize) -> Self {
        let end = from.saturating_add(columns);
        let mut out = Self::default();
        let mut at = 0;
        for run in &self.runs {
            let (mut kept, text) = (String::new(), run.text.as_str());
            // Most of what hosts print: a column for each byte.
            if text.is_ascii() {
                let within = |column: usize| column.saturating_sub(at).min(text.len());
                kept.push_str(text.get(within(from)..within(end)).unwrap_or_default());
                at += text.len();
            }
            let others = if text.is_ascii() { "" } else { text };
            for cluster in others.graphemes(true) {
                let next = at + width(cluster);
                if at >= from && next <= end {
                    kept.push_str(cluster);
                } else if at < from && next > from {
                    kept.extend(std::iter::repeat_n(' ', next.min(end) - from));
                }
                at = next;
            }
            out.push(Safe(kept), run.style);
            if at >= end {
                break;
            }
        }
        out
    }

    /// The line broken into pieces of at most `columns` columns; never none, and nothing is left out. A character wider
    /// than `columns` has a piece of its own.
    #[must_use]
    pub fn wrap(&self, columns: usize) -> Vec<Self> {
        let mut pieces = vec![Self::default()];
        let mut used = 0;
        for run in &self.runs {
            let mut kept = String::new();
            for cluster in run.text.as_str().graphemes(true) {
                let wide = width(cluster);
                if used > 0 && used + wide > columns {
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(Safe(std::mem::take(&mut kept)), run.style);
                    }
                    pieces.push(Self::default());
                    used = 0;
                }
                kept.push_str(cluster);
                used += wide;
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push(Safe(kept), run.style);
            }
        }
        pieces
    }

    /// The same columns in printable ASCII.
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        let runs = self.runs.iter().map(|run| Run { text: run.text.to_ascii(), style: run.style });
        Self { runs: runs.collect() }
    }
}

impl From<Safe> for SafeLine {
    fn from(text: Safe) -> Self {
        let mut line = Self::default();
        line.push(text, StyleBits::PLAIN);
        line
    }
}

impl FromIterator<Run> for SafeLine {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        let mut line = Self::default();
        for run in runs {
            line.push(run.text, run.style);
        }
        line
    }
}

impl From<SafeLine> for Line<'static> {
    fn from(line: SafeLine) -> Self {
        line.runs.into_iter().map(|run| run.text.styled(run.style)).collect()
    }
}

/// Whether a character takes one column and is a cluster of its own beside others of these: ASCII, lines and blocks, and the signs we
/// draw most.
pub fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '·' | '…' | '–' | '─'..='▟' | '▸')
}

fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    if text.chars().all(is_plain) {
        return text.chars().count();
    }
    text.graphemes(true).map(|cluster| usize::from(cluster.cell_width())).sum()
}

/// As much of the start as fits into `columns`.
fn head(text: &str, columns: usize) -> &str {
    if text.is_ascii() {
        return text.get(..columns.min(text.len())).unwrap_or_default();
    }
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += width(cluster);
        if used > columns {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// As much of the end as fits into `columns`.
fn tail(text: &str, columns: usize) -> &str {
    if text.is_ascii() {
        return text.get(text.len().saturating_sub(columns)..).unwrap_or_default();
    }
    let mut used = 0;
    let mut from = text.len();
    for (at, cluster) in text.grapheme_indices(true).rev() {
        used += width(cluster);
        if used > columns {
            break;
        }
        from = at;
    }
    text.get(from..).unwrap_or_default()
}

fn blanks(columns: usize, used: usize) -> String {
    " ".repeat(columns.saturating_sub(used))
}

fn widen_tabs(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    // The columns of what will be drawn count, not those of what was written.
    let mut at = 0;
    for (nth, piece) in line.split('\t').enumerate() {
        if nth > 0 {
            let gap = TAB_COLUMNS - at % TAB_COLUMNS;
            out.extend(std::iter::repeat_n(' ', gap));
            at += gap;
        }
        at += width(&escape::escape(piece));
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests;
