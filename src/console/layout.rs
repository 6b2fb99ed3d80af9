//! What stands where. Pure, and the same for drawing and for the mouse.

use super::model::Console;
use ratatui::layout::Rect;

/// The least size that works, in columns and rows.
pub const SIZE_MIN: (u16, u16) = (72, 20);

/// The parts of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Areas {
    /// Everything.
    pub all: Rect,
    /// Where one is, who one is, what time it is.
    pub header: Rect,
    /// The screen's own.
    pub body: Rect,
    /// What was just done or refused, else the screen's own words.
    pub status: Rect,
    /// The keys that matter here.
    pub footer: Rect,
}

/// The parts of the screen at its present size; `None` where it is too small to work with.
pub fn layout(console: &Console) -> Option<Areas> {
    areas(console.here.size)
}

/// As [`layout`], by size: columns and rows.
pub fn areas((columns, rows): (u16, u16)) -> Option<Areas> {
    if columns < SIZE_MIN.0 || rows < SIZE_MIN.1 {
        return None;
    }
    let row = |y, height| Rect { x: 0, y, width: columns, height };
    Some(Areas {
        all: row(0, rows),
        header: row(0, 1),
        body: row(1, rows - 3),
        status: row(rows - 2, 1),
        footer: row(rows - 1, 1),
    })
}

/// A column of air on either side.
pub fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// Splits an area into a left part of `columns` and the rest, a column of air between.
pub fn beside(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    let left = Rect { width: columns, ..area };
    let right_x = (area.x + columns + 2).min(area.right());
    (left, Rect { x: right_x, width: area.right() - right_x, ..area })
}

/// A panel of at most `columns` × `rows` in the middle of `area`.
pub fn middle(area: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(area.width), rows.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_cover_the_screen_and_do_not_overlap() {
        for size in [(80, 24), (160, 50), (72, 20), (500, 200)] {
            let areas = areas(size).unwrap();
            let heights = [areas.header, areas.body, areas.status, areas.footer].map(|area| area.height);
            assert_eq!(heights.iter().sum::<u16>(), size.1);
            assert_eq!(areas.header.bottom(), areas.body.y);
            assert_eq!(areas.body.bottom(), areas.status.y);
            assert_eq!(areas.status.bottom(), areas.footer.y);
        }
        assert_eq!(areas((40, 12)), None);
        assert_eq!(areas((0, 0)), None);
    }

    #[test]
    fn wide_screens_put_two_parts_beside_each_other() {
        let (left, right) = beside(Rect::new(1, 1, 158, 40), 60);
        assert_eq!((left.width, right.x, right.right()), (60, 63, 159));
        let (left, right) = beside(Rect::new(0, 0, 10, 4), 60);
        assert_eq!((left.width, right.width), (10, 0));
    }
}
