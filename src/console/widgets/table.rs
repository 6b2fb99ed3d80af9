//! Rows under one row of heads. Only rows in sight are made, so a list may be as long as it likes.

use super::paint::{Paint, below, top};
use super::piece::{Piece, text};
use crate::console::glyph::POINTER;
use crate::console::theme::{Ground, Role};
use ratatui::layout::Rect;

/// Columns before each row: the pointer and a mark.
pub const POINTER_COLUMNS: u16 = 2;

/// What a table shows.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Names of the columns, made like a row.
    pub heads: &'a [Piece],
    /// How many rows there are.
    pub len: usize,
    /// The first in sight.
    pub top: usize,
    /// The one that the next key acts on.
    pub selected: Option<usize>,
}

/// A row as it is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Beside the pointer: marked by the person, or nothing.
    pub mark: &'static str,
    /// Its columns.
    pub pieces: Vec<Piece>,
}

impl Row {
    /// A row nobody marked.
    pub fn plain(pieces: Vec<Piece>) -> Self {
        Self { mark: "", pieces }
    }
}

impl Table<'_> {
    /// Draws heads and rows.
    pub fn view(&self, paint: &mut Paint<'_>, area: Rect, row: impl Fn(usize) -> Row) {
        let mut heads = vec![text(Role::Faint, "").cols(POINTER_COLUMNS)];
        heads.extend(self.heads.iter().cloned().map(|piece| piece.role(Role::Faint)));
        paint.line(area, &heads);
        let mut left = below(area, 1);
        for nth in (self.top..self.len).take(usize::from(left.height)) {
            let chosen = self.selected == Some(nth);
            let row = row(nth);
            let pointer = if chosen { POINTER } else { " " };
            let mut pieces = vec![text(Role::Accent, pointer), text(Role::Accent, row.mark).cols(1)];
            pieces.extend(row.pieces);
            paint.on(if chosen { Ground::Selected } else { Ground::Screen }).line(top(left, 1), &pieces);
            left = below(left, 1);
        }
    }
}

/// How many rows fit into an area.
pub fn rows_in(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

/// The row at a line of the screen.
pub fn row_at(area: Rect, first: usize, len: usize, y: u16) -> Option<usize> {
    let nth = y.checked_sub(area.y + 1)?;
    let nth = first + usize::from(nth);
    (y < area.bottom() && nth < len).then_some(nth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Look;
    use ratatui::buffer::Buffer;

    #[test]
    fn only_rows_in_sight_are_made() {
        let area = Rect::new(0, 0, 12, 4);
        let mut buffer = Buffer::empty(area);
        let look = Look::default();
        let made = std::cell::Cell::new(0);
        let table = Table { heads: &[text(Role::Text, "name")], len: 1_000_000, top: 500, selected: Some(501) };
        table.view(&mut Paint::new(&mut buffer, &look), area, |nth| {
            made.set(made.get() + 1);
            Row::plain(vec![text(Role::Text, nth.to_string())])
        });
        assert_eq!(made.get(), 3);
        let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        assert_eq!([row(0), row(1), row(2)].map(|row| row.trim_end().to_owned()), ["  name", "  500", "▸ 501"]);
    }

    #[test]
    fn a_click_finds_its_row() {
        let area = Rect::new(0, 5, 12, 4);
        assert_eq!(row_at(area, 10, 12, 5), None);
        assert_eq!(row_at(area, 10, 12, 6), Some(10));
        assert_eq!(row_at(area, 10, 12, 8), None);
        assert_eq!(row_at(area, 10, 99, 9), None);
    }
}
