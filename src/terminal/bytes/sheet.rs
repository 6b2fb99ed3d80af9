//! The screen that frames are drawn on before they are anybody's: one for each thread, however many viewers there are. A screen
//! of 120 by 40 takes a quarter of a MiB, so that a second one for each of a thousand viewers would be most of what they cost.

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};
use std::cell::Cell as Slot;
use std::convert::Infallible;

thread_local! {
    /// Taken while somebody draws: what a panic leaves half drawn is dropped with it.
    static SHEET: Slot<Option<Terminal<Blank>>> = const { Slot::new(None) };
}

/// Draws on a blank sheet of this size, and says where the cursor is to stand. What `view` leaves on it is wiped.
pub fn draw(size: Size, view: impl FnOnce(&mut Frame)) -> Option<Position> {
    let kept = SHEET.take().filter(|sheet| sheet.backend().size == size);
    let mut sheet = kept.unwrap_or_else(|| {
        let Ok(sheet) = Terminal::new(Blank { size, cursor: None });
        sheet
    });
    let Ok(_) = sheet.draw(view);
    let cursor = sheet.backend().cursor;
    SHEET.set(Some(sheet));
    cursor
}

/// A terminal nobody sees: it remembers the cursor.
struct Blank {
    size: Size,
    cursor: Option<Position>,
}

impl Backend for Blank {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, _: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.cursor = None;
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.cursor = Some(position.into());
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> Result<(), Infallible> {
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
