//! A screen that knows what our painter writes and no more: a thousand of them must cost less than what they look at.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "it may stop at the first surprise"
)]

/// Cells as bytes; what is no ASCII is a `?`.
pub struct Screen {
    columns: usize,
    cells: Vec<u8>,
    column: usize,
    row: usize,
    state: State,
    params: Vec<u8>,
}

#[derive(Clone, Copy)]
enum State {
    Text,
    Escape,
    Sequence,
}

impl Screen {
    pub fn new(columns: usize, rows: usize) -> Screen {
        let cells = vec![b' '; columns * rows];
        Screen { columns, cells, column: 0, row: 0, state: State::Text, params: Vec::new() }
    }

    /// Takes bytes; `whole` is called at the end of each synchronized update.
    pub fn feed(&mut self, bytes: &[u8], mut whole: impl FnMut(&Screen)) {
        for byte in bytes {
            match (self.state, byte) {
                (State::Text, 0x1b) => self.state = State::Escape,
                (State::Text, b'\r') => self.column = 0,
                (State::Text, b'\n') => self.row = (self.row + 1).min(self.rows() - 1),
                // The rest of a character.
                (State::Text, 0x80..=0xbf | 0..=0x1f) => {}
                (State::Text, byte) => self.print(if *byte < 0x80 { *byte } else { b'?' }),
                (State::Escape, b'[') => {
                    self.state = State::Sequence;
                    self.params.clear();
                }
                (State::Escape, _) => self.state = State::Text,
                (State::Sequence, 0x20..=0x3f) => self.params.push(*byte),
                (State::Sequence, last) => {
                    self.state = State::Text;
                    self.sequence(*last);
                    if *last == b'l' && self.params == b"?2026" {
                        whole(self);
                    }
                }
            }
        }
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    fn print(&mut self, byte: u8) {
        if self.column < self.columns {
            self.cells[self.row * self.columns + self.column] = byte;
            self.column += 1;
        }
    }

    fn sequence(&mut self, last: u8) {
        let mut params = self.params.split(|byte| *byte == b';').map(|digits| {
            digits.iter().fold(0usize, |number, digit| number * 10 + usize::from(digit.wrapping_sub(b'0')))
        });
        let (first, second) = (params.next().unwrap_or(0), params.next().unwrap_or(0));
        let count = first.max(1);
        match last {
            b'H' => {
                self.row = (first.max(1) - 1).min(self.rows() - 1);
                self.column = (second.max(1) - 1).min(self.columns - 1);
            }
            b'C' => self.column = (self.column + count).min(self.columns - 1),
            b'D' => self.column = self.column.saturating_sub(count),
            b'X' => self.blank(count),
            b'K' => self.blank(self.columns),
            b'J' => self.cells.fill(b' '),
            b'm' | b'h' | b'l' => {}
            other => panic!("a sequence that ends in {}", char::from(other)),
        }
    }

    fn blank(&mut self, count: usize) {
        let from = self.column.min(self.columns);
        let to = (from + count).min(self.columns);
        self.cells[self.row * self.columns..][from..to].fill(b' ');
    }

    /// The latest moment on the screen: `T` and sixteen digits.
    pub fn newest_moment(&self) -> Option<u64> {
        let starts = self.cells.iter().enumerate().filter(|(_, byte)| **byte == b'T');
        let moments = starts.filter_map(|(at, _)| {
            let digits = self.cells.get(at + 1..at + 17)?;
            let number = digits.iter().all(u8::is_ascii_digit);
            number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
        });
        moments.max()
    }

    /// Whether a text stands in one row.
    pub fn shows(&self, text: &[u8]) -> bool {
        self.cells.chunks(self.columns).any(|row| row.windows(text.len()).any(|window| window == text))
    }
}

#[test]
fn a_screen_shows_what_the_painter_wrote_as_another_terminal_does() {
    use quarterdeck::terminal::bytes::{Capability, Painter};
    let mut painter = Painter::new(40, 6, Capability::FULL);
    let (mut ours, mut theirs) =
        (Screen::new(40, 6), vt100::Parser::new(6.try_into().unwrap(), 40.try_into().unwrap(), 0));
    let mut whole = 0;
    for n in 0..50_u64 {
        let rows: Vec<String> = (n..n + 6)
            .map(|n| {
                format!(
                    "{:>width$} T{:016} {}",
                    n % 7,
                    n * 7_919,
                    "x".repeat(usize::try_from(n % 11).unwrap()),
                    width = usize::try_from(n % 5 + 1).unwrap()
                )
            })
            .collect();
        let bytes = painter.draw(|frame| frame.render_widget(ratatui::text::Text::from(rows.join("\n")), frame.area()));
        theirs.process(&bytes);
        ours.feed(&bytes, |screen| {
            whole += 1;
            assert_eq!(screen.newest_moment(), Some((n + 5) * 7_919));
        });
        let text =
            String::from_utf8(ours.cells.chunks(40).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b'\n')).unwrap();
        let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
        let known = theirs.screen().contents();
        let known: Vec<&str> = known.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, known);
    }
    assert_eq!(whole, 50);
}
