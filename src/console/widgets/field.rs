//! A text field. `tui-textarea` keeps the text and the cursor; what is drawn goes through `Safe` like everything else.
//!
//! Invariants: no control or invisible character gets in, pasted or typed; a field of one line stays one line; no key
//! here does more than edit this field.

use super::paint::Paint;
use crate::console::theme::{Ground, Role};
use crate::terminal::key::{Key, KeyCode, Mods};
use crate::terminal::line::{Safe, is_hidden};
use ratatui::layout::Rect;
use tui_textarea::{CursorMove, TextArea};

/// Longest text of one field: a reason is a paragraph, not a file.
pub const FIELD_BYTES_MAX: usize = 8 * 1024;

/// How many lines a field has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Lines {
    One,
    Many,
}

/// A text being typed.
#[derive(Clone, Debug)]
pub struct Field {
    area: TextArea<'static>,
    lines: Lines,
}

impl Field {
    /// A field that starts with this text, the cursor behind it.
    pub fn new(lines: Lines, text: &str) -> Self {
        let mut area = TextArea::default();
        // Its own undo keeps every text ever typed alive; nobody has a key for it here.
        area.set_max_histories(0);
        let mut field = Self { area, lines };
        field.paste(text);
        field
    }

    /// The text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether the cursor stands behind all of the text.
    pub fn is_at_end(&self) -> bool {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let last = self.area.lines().last().map_or(0, |line| line.chars().count());
        (row + 1, column) == (self.area.lines().len(), last)
    }

    /// Whether nothing but white space stands in it.
    pub fn is_blank(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// Replaces the text.
    pub fn set(&mut self, text: &str) {
        *self = Self::new(self.lines, text);
    }

    /// Whether it may have several lines.
    pub fn lines(&self) -> Lines {
        self.lines
    }

    /// How many lines the field has now.
    pub fn height(&self) -> usize {
        self.area.lines().len()
    }

    /// Takes a key. False where the key is not the field's.
    pub fn key(&mut self, key: Key) -> bool {
        let plain = !key.mods.has(Mods::CTRL) && !key.mods.has(Mods::ALT);
        let motion = match key.code {
            KeyCode::Char(c) if plain => {
                self.insert(c);
                return true;
            }
            KeyCode::Enter if self.lines == Lines::Many => {
                self.insert('\n');
                return true;
            }
            KeyCode::Backspace => {
                let _ = if plain { self.area.delete_char() } else { self.area.delete_word() };
                return true;
            }
            KeyCode::Char('w') if key.mods.has(Mods::CTRL) => {
                self.area.delete_word();
                return true;
            }
            KeyCode::Char('u') if key.mods.has(Mods::CTRL) => {
                self.area.delete_line_by_head();
                return true;
            }
            KeyCode::Delete => {
                self.area.delete_next_char();
                return true;
            }
            KeyCode::Left if plain => CursorMove::Back,
            KeyCode::Left => CursorMove::WordBack,
            KeyCode::Right if plain => CursorMove::Forward,
            KeyCode::Right => CursorMove::WordForward,
            KeyCode::Home => CursorMove::Head,
            KeyCode::End => CursorMove::End,
            KeyCode::Up if self.lines == Lines::Many => CursorMove::Up,
            KeyCode::Down if self.lines == Lines::Many => CursorMove::Down,
            KeyCode::Char(_)
            | KeyCode::Enter
            | KeyCode::Esc
            | KeyCode::Tab
            | KeyCode::BackTab
            | KeyCode::Insert
            | KeyCode::Up
            | KeyCode::Down
            | KeyCode::PageUp
            | KeyCode::PageDown
            | KeyCode::F(_) => return false,
        };
        self.area.move_cursor(motion);
        true
    }

    /// Takes pasted text, without what nobody could see.
    pub fn paste(&mut self, text: &str) {
        let mut room = FIELD_BYTES_MAX.saturating_sub(self.bytes());
        let mut clean = String::new();
        let text = text.replace("\r\n", "\n");
        for c in text.chars().filter_map(|c| self.visible(c)) {
            match room.checked_sub(c.len_utf8()) {
                Some(left) => room = left,
                None => break,
            }
            clean.push(c);
        }
        self.area.insert_str(clean);
    }

    /// Draws the text, scrolled so that the cursor is inside. `focused` draws the cursor.
    pub fn draw(&self, paint: &mut Paint<'_>, area: Rect, focused: Focused) {
        let (row, column) = {
            let cursor = self.area.cursor();
            (cursor.0, cursor.1)
        };
        let height = usize::from(area.height);
        if height == 0 || area.width == 0 {
            return;
        }
        let top = (row + 1).saturating_sub(height);
        let mut paint = paint.on(Ground::Panel);
        paint.clear(area);
        for (line, y) in (top..).zip(area.y..area.bottom()) {
            let Some(text) = self.area.lines().get(line) else {
                break;
            };
            let before: String = text.chars().take(column).collect();
            let before = Safe::new(before).width();
            // One column is kept for the cursor behind the last character.
            let room = usize::from(area.width).saturating_sub(1);
            let from = if line == row { before.saturating_sub(room) } else { 0 };
            let shown = crate::terminal::line::SafeLine::from(Safe::new(text)).window(from, usize::from(area.width));
            paint.text(Rect { y, height: 1, ..area }, Role::Text, shown.text());
            if line == row && focused == Focused::Yes {
                let x = u16::try_from(before - from).unwrap_or(u16::MAX);
                paint.cursor(area.x.saturating_add(x).min(area.right() - 1), y);
            }
        }
    }

    fn insert(&mut self, c: char) {
        match self.visible(c) {
            Some(c) if self.bytes() + c.len_utf8() > FIELD_BYTES_MAX => {}
            Some('\n') => self.area.insert_newline(),
            Some(c) => self.area.insert_char(c),
            None => {}
        }
    }

    fn bytes(&self) -> usize {
        self.area.lines().iter().map(|line| line.len() + 1).sum()
    }

    /// What a character becomes in this field; `None` for what nobody could see.
    fn visible(&self, c: char) -> Option<char> {
        match c {
            '\t' => Some(' '),
            '\n' | '\r' if self.lines == Lines::One => Some(' '),
            '\n' | '\r' => Some('\n'),
            c if is_hidden(c) => None,
            c => Some(c),
        }
    }
}

/// Whether typing goes into this field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Focused {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_pasted_controls_and_invisibles_do_not_get_in() {
        let mut field = Field::new(Lines::One, "");
        field.paste("a\u{1b}[31mb\u{202e}c\r\nd\te\u{200b}");
        assert_eq!(field.text(), "a[31mbc d e");
        let mut many = Field::new(Lines::Many, "");
        many.paste("a\r\nb\rc");
        assert_eq!(many.text(), "a\nb\nc");
    }

    #[test]
    fn a_field_is_bounded() {
        let mut field = Field::new(Lines::One, "");
        field.paste(&"x".repeat(FIELD_BYTES_MAX * 2));
        assert!((FIELD_BYTES_MAX - 2..=FIELD_BYTES_MAX).contains(&field.text().len()));
    }

    #[test]
    fn keys_edit_and_nothing_else() {
        let mut field = Field::new(Lines::One, "one two");
        assert!(field.key(Key::ctrl('w')));
        assert_eq!(field.text(), "one ");
        for c in "tri".chars() {
            assert!(field.key(Key::char(c)));
        }
        assert!(field.key(Key::new(KeyCode::Backspace)));
        assert_eq!(field.text(), "one tr");
        for code in [KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::F(1)] {
            assert!(!field.key(Key::new(code)), "{code:?}");
        }
        assert!(!field.key(Key::ctrl('c')));
        assert!(field.key(Key::ctrl('u')));
        assert_eq!(field.text(), "");
    }
}
