//! A field whose text nobody sees: for values of secrets. It holds the text itself, because the ordinary field's editor keeps
//! copies that nothing wipes.
//!
//! Invariants: the text is never drawn, printed or compared by content in a message; it is wiped when dropped or cleared; the
//! buffer never moves, so no copy stays behind.

use super::field::Focused;
use super::paint::Paint;
use crate::console::theme::{Ground, Role};
use crate::terminal::key::{Key, KeyCode, Mods};
use ratatui::layout::Rect;
use std::fmt;
use zeroize::Zeroizing;

/// A certificate with its key is the longest secret there is; `secrets` says so again.
const BYTES_MAX: usize = 64 * 1024;

/// Signs drawn for a text, at most: enough to see that keys arrive, too few to tell how long a password is.
const SIGNS_MAX: usize = 12;

/// A text that nobody sees.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Takes a text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The bytes; whoever takes them wipes them.
    pub fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0).into_bytes()
    }

    /// For tests that stand in for the vault.
    #[cfg(test)]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A hidden text being typed. Keys add at its end and take from its end; nobody can see where else a cursor would be.
#[derive(Debug)]
pub struct Masked {
    text: Hidden,
}

impl Default for Masked {
    fn default() -> Self {
        Self { text: Hidden(Zeroizing::new(String::with_capacity(BYTES_MAX))) }
    }
}

impl Masked {
    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.0.is_empty()
    }

    /// Takes a key. False where the key is not the field's.
    pub fn key(&mut self, key: Key) -> bool {
        let plain = !key.mods.has(Mods::CTRL) && !key.mods.has(Mods::ALT);
        match key.code {
            KeyCode::Char(c) if plain => self.push(c),
            KeyCode::Char('u') if key.mods.has(Mods::CTRL) => self.clear(),
            KeyCode::Backspace => drop(self.text.0.pop()),
            KeyCode::Char(_)
            | KeyCode::Enter
            | KeyCode::Esc
            | KeyCode::Tab
            | KeyCode::BackTab
            | KeyCode::Delete
            | KeyCode::Insert
            | KeyCode::Left
            | KeyCode::Right
            | KeyCode::Up
            | KeyCode::Down
            | KeyCode::Home
            | KeyCode::End
            | KeyCode::PageUp
            | KeyCode::PageDown
            | KeyCode::F(_) => return false,
        }
        true
    }

    /// Takes pasted text as it is: a key file keeps its lines. The line feed that ends a copied line is no part of a secret.
    pub fn paste(&mut self, text: &str) {
        for c in text.strip_suffix('\n').unwrap_or(text).chars() {
            self.push(c);
        }
    }

    /// The text, for whoever keeps it; the field is empty afterwards.
    pub fn take(&mut self) -> Hidden {
        std::mem::take(self).text
    }

    /// Draws a sign for each character, up to a few.
    pub fn draw(&self, paint: &mut Paint<'_>, area: Rect, focused: Focused) {
        if area.width == 0 || area.height == 0 {
            return;
        }
        let mut paint = paint.on(Ground::Panel);
        paint.clear(area);
        let count = self.text.0.chars().count();
        let mut signs = "*".repeat(count.min(SIGNS_MAX));
        if count > SIGNS_MAX {
            signs.push('…');
        }
        let used = paint.text(area, Role::Text, signs);
        if focused == Focused::Yes {
            paint.cursor(area.x.saturating_add(used).min(area.right() - 1), area.y);
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, c: char) {
        if self.text.0.len() + c.len_utf8() <= BYTES_MAX {
            self.text.0.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_what_was_typed() {
        let mut field = Masked::default();
        for c in "hunter22".chars() {
            assert!(field.key(Key::char(c)));
        }
        assert!(!format!("{field:?}").contains("hunter22"));
        assert!(field.key(Key::new(KeyCode::Backspace)));
        let value = field.take();
        assert!(!format!("{value:?}").contains("hunter2"));
        assert_eq!(value.into_bytes(), b"hunter2");
        assert!(field.is_empty());
    }

    #[test]
    fn a_pasted_key_keeps_its_lines_and_the_field_is_bounded() {
        let mut field = Masked::default();
        field.paste("-----BEGIN-----\nabc\n-----END-----\n");
        assert_eq!(field.take().into_bytes(), b"-----BEGIN-----\nabc\n-----END-----");
        field.paste(&"x".repeat(BYTES_MAX * 2));
        assert_eq!(field.take().into_bytes().len(), BYTES_MAX);
        field.paste("abc");
        assert!(field.key(Key::ctrl('u')) && field.is_empty());
        assert!(!field.key(Key::new(KeyCode::Enter)));
    }
}
