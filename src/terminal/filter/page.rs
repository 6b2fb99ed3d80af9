//! One line of output while it is being printed: cells under a cursor that never leaves it.

use std::collections::BTreeMap;

use super::sgr;
use super::{LineEnd, OUTPUT_LINE_BYTES_MAX, OUTPUT_LINE_MARKS_MAX, OutputLine};
use crate::terminal::line::{CELL_MARKS_MAX, Safe, SafeLine, StyleBits, TAB_COLUMNS, char_width, is_hidden, spell};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// A character of one column, or the left half of one of two.
    Char(char, StyleBits),
    /// The right half of the character before.
    Right,
}

const BLANK: Cell = Cell::Char(' ', StyleBits::PLAIN);

impl Cell {
    fn bytes(self) -> usize {
        match self {
            Self::Char(c, _) => c.len_utf8(),
            Self::Right => 0,
        }
    }
}

/// The line under construction, and the parser's way to write on it.
#[derive(Default)]
pub(super) struct Page {
    /// Lines that are complete.
    pub done: Vec<OutputLine>,
    cells: Vec<Cell>,
    /// Combining marks by the column of the character they stand on: few lines have any.
    marks: BTreeMap<usize, String>,
    marks_total: usize,
    /// Bytes of the characters and marks.
    bytes: usize,
    column: usize,
    style: StyleBits,
    dropped: u32,
}

impl Page {
    /// Whether the line has not begun: no cell, no colour, and no sequence, for each is counted when it begins.
    pub fn is_new(&self) -> bool {
        self.cells.is_empty() && self.dropped == 0 && self.style == StyleBits::PLAIN
    }

    /// A line of printable ASCII at once.
    pub fn whole_line(&mut self, text: &str) {
        let mut rest = text;
        while let Some((piece, behind)) =
            rest.split_at_checked(OUTPUT_LINE_BYTES_MAX).filter(|(_, behind)| !behind.is_empty())
        {
            self.done.push(OutputLine { text: Safe::new(piece).into(), dropped: 0, end: LineEnd::Split });
            rest = behind;
        }
        self.done.push(OutputLine { text: Safe::new(rest).into(), dropped: 0, end: LineEnd::Feed });
    }

    /// Something was dropped.
    pub fn count(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// What was counted last turned out to be worth keeping.
    pub fn uncount(&mut self) {
        self.dropped = self.dropped.saturating_sub(1);
    }

    /// Ends the line: what it drew is done, and the next begins with the plain style.
    pub fn end_line(&mut self, end: LineEnd) {
        let line = OutputLine { text: self.drawn(), dropped: self.dropped, end };
        self.done.push(line);
        self.cells.clear();
        self.marks.clear();
        self.marks_total = 0;
        self.bytes = 0;
        self.column = 0;
        self.dropped = 0;
        match end {
            LineEnd::Split => {}
            LineEnd::Feed | LineEnd::Open => self.style = StyleBits::PLAIN,
        }
    }

    /// The line as it is now, if anything is on it.
    pub fn open(&self) -> Option<OutputLine> {
        let begun = !self.cells.is_empty() || self.dropped > 0;
        begun.then(|| OutputLine { text: self.drawn(), dropped: self.dropped, end: LineEnd::Open })
    }

    fn drawn(&self) -> SafeLine {
        let mut line = SafeLine::new();
        let mut text = String::new();
        let mut style = StyleBits::PLAIN;
        for (column, cell) in self.cells.iter().enumerate() {
            let Cell::Char(c, its) = *cell else { continue };
            if its != style {
                line.push(Safe::new(&text), style.visible());
                text.clear();
                style = its;
            }
            text.push(c);
            if let Some(marks) = self.marks.get(&column) {
                text.push_str(marks);
            }
        }
        line.push(Safe::new(&text), style.visible());
        line
    }

    /// Draws one character where the cursor is and moves it on.
    fn draw(&mut self, c: char, width: usize) {
        if self.bytes + c.len_utf8() > OUTPUT_LINE_BYTES_MAX {
            self.end_line(LineEnd::Split);
        }
        self.put(self.column, Cell::Char(c, self.style));
        if width > 1 {
            self.put(self.column + 1, Cell::Right);
        }
        self.column += width;
    }

    /// Sets one column. Half of a wide character cannot stay: its other half becomes a blank.
    fn put(&mut self, column: usize, new: Cell) {
        if column >= self.cells.len() {
            self.bytes += new.bytes();
            self.cells.push(new);
            return;
        }
        let old = self.replace(column, new);
        if new != Cell::Right && old == Some(Cell::Right) {
            self.replace(column - 1, BLANK);
        }
        if self.cells.get(column + 1) == Some(&Cell::Right) {
            self.replace(column + 1, BLANK);
        }
    }

    fn replace(&mut self, column: usize, new: Cell) -> Option<Cell> {
        let cell = self.cells.get_mut(column)?;
        let old = std::mem::replace(cell, new);
        self.bytes = (self.bytes + new.bytes()).saturating_sub(old.bytes());
        if let Some(marks) = self.marks.remove(&column) {
            self.bytes = self.bytes.saturating_sub(marks.len());
        }
        Some(old)
    }

    /// Puts a mark on the character left of the cursor.
    fn mark(&mut self, c: char) {
        let left = match self.column.checked_sub(1) {
            Some(left) if self.cells.get(left) == Some(&Cell::Right) => left.checked_sub(1),
            other => other,
        };
        let Some(left) = left else {
            return self.spelled(c);
        };
        let marks = self.marks.entry(left).or_default();
        if marks.chars().count() < CELL_MARKS_MAX && self.marks_total < OUTPUT_LINE_MARKS_MAX {
            marks.push(c);
            self.marks_total += 1;
            self.bytes += c.len_utf8();
        } else {
            self.count();
        }
    }

    fn spelled(&mut self, c: char) {
        let mut name = String::new();
        spell(c, &mut name);
        for c in name.chars() {
            self.draw(c, 1);
        }
    }

    /// Moves to the next tab stop. What stands there already stays, as on a terminal.
    fn tab(&mut self) {
        let stop = (self.column / TAB_COLUMNS + 1) * TAB_COLUMNS;
        while self.column < stop.min(self.cells.len()) {
            self.column += 1;
        }
        let style = std::mem::take(&mut self.style);
        for _ in self.column..stop {
            self.draw(' ', 1);
        }
        self.style = style;
    }
}

impl vte::Perform for Page {
    fn print(&mut self, c: char) {
        match c {
            ' '..='~' => self.draw(c, 1),
            // C1 controls spelled in UTF-8 are commands to some terminals; DEL is one to all.
            '\u{7f}'..='\u{9f}' => self.count(),
            _ if is_hidden(c) => self.spelled(c),
            _ => match char_width(c) {
                0 => self.mark(c),
                width => self.draw(c, width),
            },
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            b'\t' => self.tab(),
            0x08 => self.column = self.column.saturating_sub(1),
            // CAN ends whatever sequence is open; the sequence was counted when it began.
            super::CAN => {}
            _ => self.count(),
        }
    }

    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && !ignore {
            sgr::apply(&mut self.style, params);
            self.uncount();
        }
    }
}
