//! Frames become bytes: a ratatui [`Backend`] that writes to memory, for any viewer over any channel.
//!
//! Written are cursor moves, SGR, erasing, the alternate screen, cursor visibility, and the mouse, paste and synchronized
//! update modes; nothing else. Every frame stands between the marks of a synchronized update (mode 2026); a frame that
//! changes nothing is no bytes at all.
//!
//! Invariants: no question is asked of the terminal, not even its size; no control, format or invisible character leaves,
//! whatever a widget put into its cells (what slipped past [`super::line::Safe`] is drawn as U+FFFD); in ASCII no byte above `~` leaves.
//! Deliberately absent: window titles, links, scroll regions, and a cursor shape.

mod colour;
mod modes;
mod pen;
mod sheet;

use std::borrow::Cow;
use std::convert::Infallible;

use ratatui::Frame;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::{Position, Rect, Size};

use super::line::{CELL_MARKS_MAX, StyleBits, char_width, is_hidden, to_ascii};
use pen::Pen;

pub use modes::{
    BELL, COPY_BYTES_MAX, Capability, Charset, Colours, MouseCapture, Screen, copy_to_clipboard, enter, leave,
    mouse_capture,
};

/// Longest content of one cell that is written: a character with its marks. Real ones have at most about thirty bytes.
const SYMBOL_BYTES_MAX: usize = 64;

/// Fewest blanks worth the sequence that erases them and the move behind it.
const ERASE_CELLS_MIN: u16 = 10;

/// One viewer's screen: views go in, bytes come out. Kept is one screen, the one its terminal shows; the other that drawing
/// takes is the thread's, for whoever draws on it.
pub struct Painter {
    backend: ByteBackend,
    shown: Buffer,
}

impl Painter {
    /// A screen of so many columns and rows, on a terminal that is sent [`enter`] before anything drawn here.
    #[must_use]
    pub fn new(columns: u16, rows: u16, capability: Capability) -> Self {
        let backend = ByteBackend::new(columns, rows, capability);
        let shown = Buffer::empty(backend.area());
        Self { backend, shown }
    }

    /// The terminal has another size now. The next draw clears and repaints.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.backend.resize(columns, rows);
    }

    /// Draws and returns the bytes that bring the terminal from the frame before to this one: none when nothing changed.
    /// They must reach it whole and in order; when there is no room for them, do not draw.
    #[must_use]
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame)) -> Vec<u8> {
        if self.shown.area != self.backend.area() {
            self.repaint();
        }
        let Self { backend, shown } = self;
        let cursor = sheet::draw(backend.size, |frame| {
            view(frame);
            let next = frame.buffer_mut();
            empty_right_halves(next);
            let Ok(()) = backend.draw(shown.diff_iter(next));
            // What was shown is nobody's any more: the sheet takes it.
            std::mem::swap(shown, next);
        });
        let Ok(()) = match cursor {
            None => backend.hide_cursor(),
            Some(at) => backend.show_cursor().and_then(|()| backend.set_cursor_position(at)),
        };
        let Ok(()) = backend.flush();
        backend.take()
    }

    /// The next draw takes nothing for known and repaints everything: for a screen that something else wrote on.
    pub fn repaint(&mut self) {
        let Ok(()) = self.backend.clear();
        self.shown = Buffer::empty(self.backend.area());
    }
}

/// Empties the cells that lie under the right half of a wide character. ratatui leaves blanks there and later takes the
/// column for blank already; what a terminal really leaves, when the left half is drawn over, differs from one to another.
fn empty_right_halves(buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(columns) {
        let mut rest = row;
        while let [cell, behind @ ..] = rest {
            let covered = usize::from(cell_width(cell.symbol()) - 1).min(behind.len());
            let (halves, behind) = behind.split_at_mut(covered);
            for half in halves {
                half.set_symbol("");
            }
            rest = behind;
        }
    }
}

/// A ratatui backend whose terminal is a byte buffer. [`Painter`] is how to use it.
#[derive(Debug)]
pub struct ByteBackend {
    capability: Capability,
    size: Size,
    out: Vec<u8>,
    frame: FrameState,
    cursor: Cursor,
    /// Where the terminal's cursor is, as far as that is certain.
    at: Option<Position>,
    pen: Pen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameState {
    /// Nothing written since the last flush.
    Empty,
    /// The synchronized update is open.
    Begun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Unknown,
    Hidden,
    Shown,
}

/// Blank cells that wait for what comes behind them: erasing is shorter than drawing.
#[derive(Clone, Copy)]
struct Blanks {
    from: Position,
    count: u16,
}

impl ByteBackend {
    /// A backend for a terminal that has just been sent [`enter`].
    #[must_use]
    pub fn new(columns: u16, rows: u16, capability: Capability) -> Self {
        Self {
            capability,
            size: Size::new(columns, rows),
            out: Vec::new(),
            frame: FrameState::Empty,
            cursor: Cursor::Unknown,
            at: None,
            pen: Pen::new(capability),
        }
    }

    /// The person's terminal has another size now. The next draw clears and repaints.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.size = Size::new(columns, rows);
        self.at = None;
    }

    /// The whole of the screen.
    fn area(&self) -> Rect {
        Rect::from((Position::ORIGIN, self.size))
    }

    /// Takes the bytes written since the last call. Empty when nothing changed. A frame taken must reach the terminal, for
    /// the next one says only what differs.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What the terminal can do.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.frame == FrameState::Empty {
            self.frame = FrameState::Begun;
            if self.capability.screen == Screen::Full {
                self.out.extend_from_slice(b"\x1b[?2026h");
            }
        }
        self.out.extend_from_slice(bytes);
    }

    /// Moves the cursor by the shortest of the ways there are.
    fn move_to(&mut self, to: Position) {
        match self.at {
            Some(at) if at == to => return,
            Some(at) if to.x == 0 && at.y == to.y => self.write(b"\r"),
            Some(at) if to.x == 0 && at.y.checked_add(1) == Some(to.y) => self.write(b"\r\n"),
            Some(at) if at.y == to.y && at.x < to.x => self.csi(&[to.x - at.x], 'C'),
            Some(at) if at.y == to.y => self.csi(&[at.x - to.x], 'D'),
            _ if to.x == 0 => self.csi(&[to.y + 1], 'H'),
            _ => self.csi(&[to.y + 1, to.x + 1], 'H'),
        }
        self.at = Some(to);
    }

    /// A control sequence; a single 1 is what no parameter means.
    fn csi(&mut self, params: &[u16], last: char) {
        let mut text = String::from("\x1b[");
        if params != [1] {
            text.push_str(&params.iter().map(u16::to_string).collect::<Vec<_>>().join(";"));
        }
        text.push(last);
        self.write(text.as_bytes());
    }

    fn set_pen(&mut self, look: StyleBits) {
        let change = self.pen.change_to(look);
        if !change.is_empty() {
            self.write(change.as_bytes());
        }
    }

    /// Draws a cell, or keeps it with the blanks that wait.
    fn next_cell(&mut self, waiting: Option<Blanks>, at: Position, cell: &Cell) -> Option<Blanks> {
        let blank = cell.symbol() == " " && pen::blank_is_blank(self.pen.look(cell));
        match waiting {
            Some(run) if blank && run.from.y == at.y && run.from.x + run.count == at.x => {
                Some(Blanks { count: run.count + 1, ..run })
            }
            other => {
                if let Some(run) = other {
                    self.blanks(run);
                }
                if !blank {
                    self.cell(at, cell);
                }
                blank.then_some(Blanks { from: at, count: 1 })
            }
        }
    }

    fn cell(&mut self, at: Position, cell: &Cell) {
        let look = match cell.symbol() {
            " " => self.pen.blank(self.pen.look(cell)),
            _ => self.pen.look(cell),
        };
        let width = cell_width(cell.symbol());
        self.move_to(at);
        self.set_pen(look);
        let symbol = drawable(cell.symbol(), self.capability.charset);
        let room = self.size.width.saturating_sub(at.x);
        if width > room {
            // Half a character at the edge would wrap.
            self.write(" ".repeat(usize::from(room)).as_bytes());
        } else {
            self.write(symbol.as_bytes());
        }
        // Behind the last column terminals differ in where the cursor is; behind emoji and clusters of several characters,
        // in how far it went.
        let end = at.x + width;
        let certain = symbol.is_ascii() || symbol.len() <= 3 && symbol.chars().nth(1).is_none();
        self.at = (certain && end < self.size.width).then_some(Position { x: end, y: at.y });
    }

    fn blanks(&mut self, blanks: Blanks) {
        let Blanks { from, count } = blanks;
        self.move_to(from);
        if !pen::blank_is_blank(self.pen.style()) {
            self.set_pen(StyleBits::PLAIN);
        }
        let to_the_edge = from.x + count >= self.size.width;
        match self.capability.screen {
            // Even for one blank: drawing it would leave the cursor nobody knows where.
            _ if to_the_edge => self.write(b"\x1b[K"),
            Screen::Full if count >= ERASE_CELLS_MIN => self.csi(&[count], 'X'),
            Screen::Full | Screen::Vt100 => {
                self.write(" ".repeat(usize::from(count)).as_bytes());
                self.at = Some(Position { x: from.x + count, y: from.y });
            }
        }
    }

    fn set_cursor(&mut self, cursor: Cursor, bytes: &[u8]) {
        if self.cursor != cursor {
            self.cursor = cursor;
            if self.capability.screen == Screen::Full {
                self.write(bytes);
            }
        }
    }

    fn erase(&mut self, bytes: &[u8]) {
        // Erasing takes the colour of the pen; and a clear is how a person mends a screen something else wrote on, so
        // nothing is taken for known.
        self.pen.forget();
        self.set_pen(StyleBits::PLAIN);
        self.write(bytes);
    }
}

impl Backend for ByteBackend {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut waiting: Option<Blanks> = None;
        for (x, y, cell) in content {
            if x < self.size.width && y < self.size.height {
                waiting = self.next_cell(waiting, Position { x, y }, cell);
            }
        }
        if let Some(run) = waiting {
            self.blanks(run);
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.set_cursor(Cursor::Hidden, b"\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.set_cursor(Cursor::Shown, b"\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.move_to(position.into());
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> Result<(), Infallible> {
        match clear_type {
            ClearType::All => {
                self.cursor = Cursor::Unknown;
                self.erase(b"\x1b[2J\x1b[H");
                self.at = Some(Position::ORIGIN);
            }
            ClearType::AfterCursor => self.erase(b"\x1b[J"),
            ClearType::BeforeCursor => self.erase(b"\x1b[1J"),
            ClearType::CurrentLine => self.erase(b"\x1b[2K"),
            ClearType::UntilNewLine => self.erase(b"\x1b[K"),
        }
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        if self.frame == FrameState::Begun {
            self.frame = FrameState::Empty;
            if self.capability.screen == Screen::Full {
                self.out.extend_from_slice(b"\x1b[?2026l");
            }
        }
        Ok(())
    }
}

/// Columns ratatui reckons for a cell's content; at least one.
fn cell_width(symbol: &str) -> u16 {
    if symbol.len() == 1 { 1 } else { symbol.cell_width().max(1) }
}

/// A cell's content as it may leave, exactly as wide as ratatui reckons it.
fn drawable(symbol: &str, charset: Charset) -> Cow<'_, str> {
    if matches!(symbol.as_bytes(), [b' '..=b'~']) {
        return Cow::Borrowed(symbol);
    }
    let fit = symbol.is_empty() || is_one_clean_character(symbol);
    if fit && charset == Charset::Unicode && !symbol.is_empty() {
        return Cow::Borrowed(symbol);
    }
    let mut out = match charset {
        Charset::Unicode if fit => String::new(),
        Charset::Unicode => String::from(char::REPLACEMENT_CHARACTER),
        Charset::Ascii => {
            let mut ascii = String::new();
            to_ascii(if fit { symbol } else { "\u{fffd}" }, &mut ascii);
            ascii
        }
    };
    // What stands in for it may be narrower, but it fills its columns.
    let drawn = usize::from(if out.is_empty() { 0 } else { cell_width(&out) });
    let width = usize::from(cell_width(symbol));
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(drawn)));
    Cow::Owned(out)
}

/// A visible character with no more marks than are drawn, and nothing hidden.
fn is_one_clean_character(symbol: &str) -> bool {
    let marks = symbol.chars().filter(|c| char_width(*c) == 0).count();
    symbol.len() <= SYMBOL_BYTES_MAX
        && marks <= CELL_MARKS_MAX
        && symbol.chars().next().is_some_and(|c| char_width(c) > 0)
        && !symbol.chars().any(is_hidden)
}

#[cfg(test)]
mod tests;
