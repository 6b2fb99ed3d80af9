//! What a person typed, pasted or clicked, as our own closed types, and the [`Decoder`] that reads them from a byte stream.
//!
//! Invariant: a sequence that is not understood yields nothing; no part of it turns into typed text. Answers of terminals
//! to questions are among those (we never ask). Deliberately absent: resizes (they come by another way), focus, other mouse
//! buttons than the left, key releases, and a clock.

mod decode;
mod meaning;

pub use decode::Decoder;

/// One act of a person at a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed (or repeats while held).
    Key(Key),
    /// Text was pasted. At most [`PASTE_BYTES_MAX`] bytes; lines end with `\n`; other controls may be in it.
    Paste(String),
    /// A paste was longer than [`PASTE_BYTES_MAX`] and none of it was taken: half a paste is worse than none.
    PasteRefused,
    /// The mouse was used.
    Mouse(Mouse),
}

/// Longest paste that is taken.
pub const PASTE_BYTES_MAX: usize = 64 * 1024;

/// A key with what was held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// What was held. Never SHIFT with a `Char`: the character says it.
    pub mods: Mods,
}

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character as typed: `A` is `Char('A')`. Never a control character.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 to F35.
    F(u8),
}

/// A set of modifier keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mods(u8);

impl Mods {
    /// None held.
    pub const NONE: Self = Self(0);
    /// Shift.
    pub const SHIFT: Self = Self(1);
    /// Alt, Option or Meta.
    pub const ALT: Self = Self(2);
    /// Control.
    pub const CTRL: Self = Self(4);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the other set is in this one.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Key {
    /// A key alone.
    #[must_use]
    pub const fn new(code: KeyCode) -> Self {
        Self { code, mods: Mods::NONE }
    }

    /// A character alone.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c))
    }

    /// A character with Control.
    #[must_use]
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), mods: Mods::CTRL }
    }
}

/// A mouse event, in cells from the top left, which is (0, 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mouse {
    /// What happened.
    pub kind: MouseKind,
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
}

/// What the mouse did. Only the left button counts; the others belong to the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// The button went down.
    Down,
    /// The button came up.
    Up,
    /// The pointer moved with the button down.
    Drag,
    /// The wheel turned away from the person.
    ScrollUp,
    /// The wheel turned towards the person.
    ScrollDown,
}
