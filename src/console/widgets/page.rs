//! Text that is read from top to bottom: headings on rules, sentences, scripts, lines made of pieces. Sheets show one
//! over a screen, screens show one beside a list.
//!
//! Invariant: nothing is drawn past the area, and what does not fit is reached by scrolling, never dropped.

use super::fold;
use super::paint::{Paint, below};
use super::piece::{Piece, gap, text};
use crate::console::glyph;
use crate::console::keymap::Motion;
use crate::console::theme::Role;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Columns before a script's lines, for the mark of one that goes on.
const GOES_ON_COLUMNS: u16 = 2;

/// A part of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// A heading on a rule.
    Rule(Safe),
    /// A heading on a rule, with a count or a word at its right end.
    Counted(Safe, Safe),
    /// Sentences, broken at spaces.
    Words(Role, String),
    /// Sentences behind a label of so many columns; what does not fit goes on below, under its own beginning.
    Labelled(u16, Safe, Role, String),
    /// As `Labelled`, the label being keys or a command.
    Keyed(u16, Safe, String),
    /// Text in which every space counts: scripts, TOML.
    Verbatim(Role, String),
    /// As `Verbatim`, so many columns further in.
    Indented(u16, Role, String),
    /// A line made of pieces, cut at the edge.
    Line(Vec<Piece>),
    /// An empty line.
    Air,
}

/// Text and how far down it is scrolled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    parts: Vec<Part>,
    top: usize,
}

impl Page {
    /// A page, shown from its start.
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts, top: 0 }
    }

    /// Other text, scrolled as far as before.
    pub fn replace(&mut self, parts: Vec<Part>) {
        self.parts = parts;
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Scrolls, where the page has this area; never past its end.
    pub fn scroll(&mut self, motion: Motion, area: Rect) {
        let height = usize::from(area.height);
        let last = self.lines(area.width).len().saturating_sub(height);
        let to = match motion {
            Motion::Down => self.top + 1,
            Motion::Up => self.top.saturating_sub(1),
            Motion::PageDown => self.top + height,
            Motion::PageUp => self.top.saturating_sub(height),
            Motion::HalfDown => self.top + height.div_ceil(2),
            Motion::HalfUp => self.top.saturating_sub(height.div_ceil(2)),
            Motion::Top => 0,
            Motion::Bottom => last,
            Motion::Left | Motion::Right => self.top,
        };
        self.top = to.min(last);
    }

    /// Goes to the next heading below the top, or the one before.
    pub fn to_heading(&mut self, motion: Motion, area: Rect) {
        let lines = self.lines(area.width);
        let last = lines.len().saturating_sub(usize::from(area.height));
        let is_heading = |nth: &usize| matches!(lines.get(*nth), Some(Drawn::Rule(..)));
        let found = match motion {
            Motion::Up | Motion::PageUp | Motion::HalfUp | Motion::Top | Motion::Left => {
                (0..self.top).rev().find(is_heading).unwrap_or(0)
            }
            Motion::Down | Motion::PageDown | Motion::HalfDown | Motion::Bottom | Motion::Right => {
                (self.top + 1..lines.len()).find(is_heading).unwrap_or(last)
            }
        };
        self.top = found.min(last);
    }

    /// Where it stands when it has this area.
    pub fn standing(&self, area: Rect) -> Standing {
        let all = self.lines(area.width).len();
        let height = usize::from(area.height);
        let top = self.top.min(all.saturating_sub(height));
        Standing { first: top + 1, last: (top + height).min(all), all }
    }

    /// Draws what fits.
    pub fn view(&self, paint: &mut Paint<'_>, area: Rect) {
        let lines = self.lines(area.width);
        let top = self.top.min(lines.len().saturating_sub(usize::from(area.height)));
        let mut left = area;
        for line in lines.iter().skip(top).take(usize::from(area.height)) {
            match line {
                Drawn::Pieces(pieces) => paint.line(left, pieces),
                Drawn::Rule(title, right) => paint.rule(left, title.clone(), right.clone()),
            }
            left = below(left, 1);
        }
    }

    fn lines(&self, width: u16) -> Vec<Drawn> {
        self.parts.iter().flat_map(|part| drawn(part, width)).collect()
    }
}

/// Which lines of a page are in sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The first, from 1.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// How many there are.
    pub all: usize,
}

impl Standing {
    /// `1–20 of 64`; empty where all of it is in sight.
    pub fn words(self) -> Safe {
        if self.first == 1 && self.last == self.all {
            return Safe::default();
        }
        Safe::from(format_args!("{}–{} of {}", self.first, self.last, self.all))
    }
}

enum Drawn {
    Pieces(Vec<Piece>),
    Rule(Safe, Safe),
}

fn drawn(part: &Part, width: u16) -> Vec<Drawn> {
    let columns = usize::from(width);
    let indented = |by: u16, role: Role, lines: Vec<Safe>| {
        lines.into_iter().map(|line| Drawn::Pieces(vec![gap(by), text(role, line)])).collect()
    };
    match part {
        Part::Rule(title) => vec![Drawn::Rule(title.clone(), Safe::default())],
        Part::Counted(title, right) => vec![Drawn::Rule(title.clone(), right.clone())],
        Part::Words(role, words) => indented(0, *role, fold::words(words, columns)),
        Part::Labelled(label_columns, label, role, words) => {
            labelled(*label_columns, &text(Role::Muted, label.clone()), *role, words, columns)
        }
        Part::Keyed(label_columns, label, words) => {
            labelled(*label_columns, &text(Role::Accent, label.clone()), Role::Text, words, columns)
        }
        Part::Verbatim(role, code) => verbatim(GOES_ON_COLUMNS, *role, code, columns),
        Part::Indented(by, role, code) => verbatim((*by).max(GOES_ON_COLUMNS), *role, code, columns),
        Part::Line(pieces) => vec![Drawn::Pieces(pieces.clone())],
        Part::Air => vec![Drawn::Pieces(Vec::new())],
    }
}

/// Lines as they stand; what goes on from the line above is marked before it.
fn verbatim(by: u16, role: Role, code: &str, columns: usize) -> Vec<Drawn> {
    let room = columns.saturating_sub(usize::from(by)).max(1);
    let line = |line: Safe| {
        fold::verbatim(&line, room).into_iter().enumerate().map(|(nth, part)| {
            let mark = if nth == 0 { "" } else { glyph::GOES_ON };
            let mark = text(Role::Faint, mark).cols(GOES_ON_COLUMNS);
            Drawn::Pieces(vec![gap(by - GOES_ON_COLUMNS), mark, text(role, part)])
        })
    };
    Safe::lines(code).into_iter().flat_map(line).collect()
}

/// A label, and words that go on under their own beginning.
fn labelled(wide: u16, label: &Piece, role: Role, words: &str, columns: usize) -> Vec<Drawn> {
    let room = columns.saturating_sub(usize::from(wide)).max(1);
    let lines = fold::words(words, room).into_iter().enumerate();
    let label = |nth| if nth == 0 { label.clone() } else { text(Role::Muted, "") };
    lines.map(|(nth, line)| Drawn::Pieces(vec![label(nth).cols(wide), text(role, line)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut parts = vec![Part::Rule(Safe::new("one"))];
        parts.extend((0..10).map(|n| Part::Words(Role::Text, format!("line {n}"))));
        parts.push(Part::Rule(Safe::new("two")));
        parts.extend((0..10).map(|n| Part::Words(Role::Text, format!("more {n}"))));
        Page::new(parts)
    }

    #[test]
    fn scrolling_ends_with_the_last_line_in_sight() {
        let area = Rect::new(0, 0, 20, 6);
        let mut page = page();
        assert_eq!(page.standing(area), Standing { first: 1, last: 6, all: 22 });
        for motion in [Motion::PageDown, Motion::PageDown, Motion::PageDown, Motion::PageDown] {
            page.scroll(motion, area);
        }
        assert_eq!(page.standing(area).words().as_str(), "17–22 of 22");
        page.scroll(Motion::Down, area);
        assert_eq!(page.standing(area).last, 22);
        page.scroll(Motion::Top, area);
        assert_eq!(page.standing(area).first, 1);
        assert!(page.standing(Rect { height: 40, ..area }).words().is_empty());
    }

    #[test]
    fn headings_are_gone_to_by_name() {
        let area = Rect::new(0, 0, 20, 6);
        let mut page = page();
        page.to_heading(Motion::Down, area);
        assert_eq!(page.standing(area).first, 12);
        page.to_heading(Motion::Up, area);
        assert_eq!(page.standing(area).first, 1);
    }

    #[test]
    fn labelled_sentences_go_on_under_their_own_beginning() {
        let page = Page::new(vec![Part::Labelled(6, Safe::new("why"), Role::Text, "one two three".to_owned())]);
        assert_eq!(page.standing(Rect::new(0, 0, 13, 9)).all, 2);
    }
}
