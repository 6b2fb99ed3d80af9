//! The brush. It takes only `Safe` text, turns roles into styles, and clips.
//!
//! Invariants: no cell outside the given area changes; text that does not fit ends in `…`; on a terminal without
//! UTF-8 every character drawn is ASCII.

use super::piece::{self, Cut, Fit, Piece};
use crate::console::Look;
use crate::console::theme::{Ground, Role, readable};
use crate::terminal::line::{Safe, SafeLine, is_plain};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget;

/// Whether a terminal draws more than ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Charset {
    #[default]
    Unicode,
    Ascii,
}

/// A brush over one frame.
pub struct Paint<'a> {
    buffer: &'a mut Buffer,
    look: &'a Look,
    ground: Ground,
}

impl<'a> Paint<'a> {
    /// A brush on the screen's own ground.
    pub fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        Self { buffer, look, ground: Ground::Screen }
    }

    /// The same brush on another ground.
    pub fn on(&mut self, ground: Ground) -> Paint<'_> {
        Paint { buffer: self.buffer, look: self.look, ground }
    }

    /// What lies beneath.
    pub fn ground(&self) -> Ground {
        self.ground
    }

    /// Empties an area down to its ground.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        let mut blank = Cell::EMPTY;
        blank.set_style(self.look.theme.ground(self.ground));
        for row in area.rows() {
            self.row_mut(row).fill(blank.clone());
        }
    }

    /// Draws one line of pieces on the first row of `area`. The row is emptied first.
    pub fn line(&mut self, area: Rect, pieces: &[Piece]) {
        let row = first_row(area);
        self.clear(row);
        let mut x = row.x;
        let given = piece::columns(pieces, row.width);
        let marked = piece::marked(pieces, &given);
        for (nth, (piece, columns)) in pieces.iter().zip(given).enumerate() {
            let wanted = usize::from(columns);
            let shown = match piece.cut {
                _ if marked == Some(nth) => piece.text.cut_after(wanted),
                Cut::End => piece.text.cut_end(wanted),
                Cut::Middle => piece.text.cut_middle(wanted),
            };
            let shown = match piece.fit {
                Fit::Right(_) => shown.align_right(usize::from(columns)),
                Fit::Own | Fit::Left(_) | Fit::Rest | Fit::Yields => shown,
            };
            self.put(Rect { x, width: columns, ..row }, &shown, self.look.theme.style(piece.role, self.ground));
            x += columns;
        }
    }

    /// Draws several lines from the top of `area` and returns what is left of it below them.
    pub fn lines(&mut self, area: Rect, lines: &[Vec<Piece>]) -> Rect {
        let mut left = area;
        for line in lines {
            if left.height == 0 {
                break;
            }
            self.line(left, line);
            left = below(left, 1);
        }
        left
    }

    /// Draws one text on the first row of `area`, cut at its end; returns the columns used.
    pub fn text(&mut self, area: Rect, role: Role, text: impl Into<Safe>) -> u16 {
        let row = first_row(area);
        let shown = text.into().cut_end(usize::from(row.width));
        self.put(row, &shown, self.look.theme.style(role, self.ground))
    }

    /// Draws a host's own line on the first row of `area`, in its own colours over this ground.
    pub fn host_line(&mut self, area: Rect, line: &SafeLine, base: Role) {
        let row = first_row(area).intersection(self.buffer.area);
        let line = line.cut_end(usize::from(row.width));
        let line = match self.look.charset {
            Charset::Unicode => line,
            Charset::Ascii => line.to_ascii(),
        };
        let style = self.look.theme.style(base, self.ground);
        let mut line: Line = line.into();
        if self.look.theme.palette().is_none() {
            for span in &mut line.spans {
                span.style = Style { fg: None, bg: None, ..span.style };
            }
        }
        self.buffer.set_style(row, style);
        if !line.spans.iter().all(|span| span.content.chars().all(is_plain)) {
            return line.render(row, self.buffer);
        }
        let mut left = row;
        for span in &line.spans {
            let columns = put_plain(self.row_mut(left), &span.content, span.style);
            left = Rect { x: left.x + columns, width: left.width - columns, ..left };
        }
    }

    /// The cells of one row, which lies within the buffer.
    fn row_mut(&mut self, row: Rect) -> &mut [Cell] {
        if row.width == 0 || row.height == 0 {
            return &mut [];
        }
        let from = self.buffer.index_of(row.x, row.y);
        self.buffer.content.get_mut(from..from + usize::from(row.width)).unwrap_or_default()
    }

    /// A section's rule: `── title ──────────── right ──`.
    pub fn rule(&mut self, area: Rect, title: impl Into<Safe>, right: impl Into<Safe>) {
        self.rule_of(area, Role::Title, title, right);
    }

    /// A section's rule whose title has a meaning.
    pub fn rule_of(&mut self, area: Rect, role: Role, title: impl Into<Safe>, right: impl Into<Safe>) {
        let (title, right): (Safe, Safe) = (title.into(), right.into());
        let width = usize::from(area.width);
        let dash = |n: usize| piece::text(Role::Rule, "─".repeat(n));
        let mut pieces = Vec::new();
        let mut used = 0;
        if !title.is_empty() {
            let title = title.cut_end(width.saturating_sub(6));
            used = 4 + title.width();
            pieces.extend([dash(2), piece::gap(1), piece::text(role, title), piece::gap(1)]);
        }
        let room = width.saturating_sub(used + 6);
        let right = right.cut_end(room);
        if right.is_empty() {
            pieces.push(dash(width.saturating_sub(used)));
        } else {
            pieces.push(dash(width.saturating_sub(used + right.width() + 4)));
            pieces.extend([piece::gap(1), piece::text(Role::Muted, right), piece::gap(1), dash(2)]);
        }
        self.line(area, &pieces);
    }

    /// A panel with a thin edge and a title; returns what is inside, a column of air on either side.
    pub fn panel(&mut self, area: Rect, title: impl Into<Safe>) -> Rect {
        self.clear(area);
        let across = usize::from(area.width.saturating_sub(2));
        let title = title.into().cut_end(across.saturating_sub(4));
        let edge = |text_: String| piece::text(Role::Rule, text_);
        let rest = across.saturating_sub(title.width() + 3);
        self.line(
            area,
            &[
                edge("┌─".to_owned()),
                piece::gap(1),
                piece::text(Role::Title, title),
                piece::gap(1),
                edge("─".repeat(rest)),
                edge("┐".to_owned()),
            ],
        );
        for y in area.y + 1..area.bottom().saturating_sub(1) {
            for x in [area.x, area.right().saturating_sub(1)] {
                self.line(Rect { x, y, width: 1, height: 1 }, &[edge("│".to_owned())]);
            }
        }
        if area.height > 1 {
            let bottom = Rect { y: area.bottom() - 1, height: 1, ..area };
            self.line(bottom, &[edge(format!("└{}┘", "─".repeat(across)))]);
        }
        inside(area)
    }

    /// Gives cells that are drawn already another meaning: hits of a search.
    pub fn tint(&mut self, area: Rect, role: Role) {
        let style = self.look.theme.style(role, self.ground);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Puts this ground under cells that are drawn already: a selected cell keeps its state's colour where that can be read.
    pub fn ground_only(&mut self, area: Rect) {
        let theme = &self.look.theme;
        let ground = theme.ground(self.ground);
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                let kept = cell.fg;
                cell.set_style(ground);
                if theme.reads_on(kept, self.ground) {
                    cell.fg = kept;
                }
            }
        }
    }

    /// Turns one cell around, to show where typing goes on.
    pub fn cursor(&mut self, x: u16, y: u16) {
        if let Some(cell) = self.buffer.cell_mut((x, y)) {
            let style = cell.style().add_modifier(Modifier::REVERSED);
            cell.set_style(style);
        }
    }

    /// Makes everything drawn so far quiet: the frame is older than it looks.
    pub fn dim(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        let Some(faint) = self.look.theme.palette().map(|palette| palette.faint) else {
            self.buffer.set_style(area, Style::new().add_modifier(Modifier::DIM));
            return;
        };
        for position in area.positions() {
            // Filled blocks keep their text: production is to be read most of all while nobody can act on it.
            if let Some(cell) = self.buffer.cell_mut(position).filter(|cell| readable(faint, &[cell.bg])) {
                cell.fg = faint;
            }
        }
    }

    fn put(&mut self, row: Rect, text: &Safe, style: Style) -> u16 {
        let row = row.intersection(self.buffer.area);
        if row.width == 0 || row.height == 0 {
            return 0;
        }
        let text = match self.look.charset {
            Charset::Unicode => text.clone(),
            Charset::Ascii => text.to_ascii(),
        };
        if text.as_str().chars().all(is_plain) {
            return put_plain(self.row_mut(row), text.as_str(), style);
        }
        let (end, _) = self.buffer.set_stringn(row.x, row.y, text.as_str(), usize::from(row.width), style);
        end - row.x
    }
}

/// Writes a text of plain characters into cells, as far as they go; returns how many it took. As the library does it, without
/// looking for clusters where there are none.
fn put_plain(cells: &mut [Cell], text: &str, style: Style) -> u16 {
    let mut taken = 0;
    for (cell, c) in cells.iter_mut().zip(text.chars()) {
        cell.set_char(c).set_style(style);
        taken += 1;
    }
    taken
}

/// The first row of an area; empty where it has none.
pub fn first_row(area: Rect) -> Rect {
    Rect { height: area.height.min(1), ..area }
}

/// What is inside a panel's edge, a column of air on either side.
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

/// What is left of an area under its first `rows` rows.
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The first `rows` rows of an area.
pub fn top(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}

/// What is left of an area without its first `columns` columns.
pub fn indent(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::widgets::piece::{name, spring, text};

    fn drawn(width: u16, pieces: &[Piece], charset: Charset) -> String {
        let area = Rect::new(0, 0, width + 2, 2);
        let mut buffer = Buffer::filled(area, ratatui::buffer::Cell::new("~"));
        let look = Look { charset, ..Look::default() };
        Paint::new(&mut buffer, &look).line(Rect::new(1, 0, width, 2), pieces);
        (0..area.width).map(|x| buffer[(x, 0)].symbol()).collect()
    }

    #[test]
    fn nothing_is_drawn_outside_and_cuts_are_marked() {
        let line = [text(Role::Text, "long sentence"), spring(), text(Role::Muted, "end")];
        assert_eq!(drawn(20, &line, Charset::Unicode), "~long sentence    end~");
        assert_eq!(drawn(14, &line, Charset::Unicode), "~long sentence…~");
        assert_eq!(drawn(6, &line, Charset::Unicode), "~long …~");
        // What found no room at all leaves a mark too.
        assert_eq!(drawn(13, &line, Charset::Unicode), "~long sentenc…~");
        assert_eq!(drawn(8, &[name(Role::Text, "web-frontend-0042")], Charset::Unicode), "~web-…042~");
    }

    #[test]
    fn without_utf8_every_character_is_ascii() {
        let line = [text(Role::Ok, "✔ naïve 日本"), spring(), text(Role::Rule, "──")];
        let shown = drawn(20, &line, Charset::Ascii);
        assert!(shown.is_ascii(), "{shown}");
        assert!(shown.contains("+ naive ????"), "{shown}");
    }

    #[test]
    fn wide_characters_never_hang_over_the_edge() {
        for width in 0..12 {
            let shown = drawn(width, &[text(Role::Text, "日本語のホスト名")], Charset::Unicode);
            assert!(shown.starts_with('~') && shown.ends_with('~'), "{width}: {shown}");
        }
    }

    #[test]
    fn a_rule_holds_its_title_and_its_count() {
        let area = Rect::new(0, 0, 30, 1);
        let mut buffer = Buffer::empty(area);
        let look = Look::default();
        Paint::new(&mut buffer, &look).rule(area, "running", "1");
        let shown: String = (0..30).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(shown, "── running ────────────── 1 ──");
    }
}
