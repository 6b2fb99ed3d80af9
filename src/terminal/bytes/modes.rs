//! What a terminal can do, and the bytes outside of frames: taking it over, giving it back, the mouse, the clipboard, the bell.

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};

use crate::terminal::line::Safe;

/// Longest text copied to a person's clipboard. Terminals cut or ignore longer ones; xterm's limit is near 75 000 bytes of
/// base64.
pub const COPY_BYTES_MAX: usize = 48 * 1024;

/// What every terminal rings its bell for, and draws nothing.
pub const BELL: &[u8] = b"\x07";

/// What a terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capability {
    /// How many colours.
    pub colours: Colours,
    /// Which characters.
    pub charset: Charset,
    /// Which modes.
    pub screen: Screen,
}

impl Capability {
    /// What every terminal of today can do.
    pub const FULL: Self = Self { colours: Colours::True, charset: Charset::Unicode, screen: Screen::Full };
    /// A DEC VT100, and whatever is unknown.
    pub const VT100: Self = Self { colours: Colours::None, charset: Charset::Ascii, screen: Screen::Vt100 };
}

/// How many colours a terminal shows. Others are brought to the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Colours {
    /// None: bold, underline and reverse remain (`NO_COLOR`, VT100).
    None,
    /// The 16 of the person's own theme.
    Ansi16,
    /// xterm's 256.
    Indexed256,
    /// 24 bits.
    True,
}

/// Which characters a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// UTF-8.
    Unicode,
    /// Printable ASCII.
    Ascii,
}

/// Which modes a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Screen {
    /// Alternate screen, mouse, paste marks, synchronized update. Terminals ignore those of them they lack.
    Full,
    /// Cursor moves, erasing and three attributes; nothing is assumed beyond.
    Vt100,
}

/// Whether the mouse belongs to us or to the terminal's own selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseCapture {
    /// Clicks and the wheel come to us.
    On,
    /// The terminal selects text.
    Off,
}

/// No colour, no attribute.
const PLAIN: &[u8] = b"\x1b[m";

/// The same, the screen erased, the cursor at its first cell: what a VT100 knows, too.
const PLAIN_AND_EMPTY: &[u8] = b"\x1b[m\x1b[2J\x1b[H";

/// The bytes that take over a terminal: alternate screen, cleared, cursor hidden, paste marked, mouse as asked.
#[must_use]
pub fn enter(capability: Capability, mouse: MouseCapture) -> Vec<u8> {
    match capability.screen {
        Screen::Full => {
            let mut screen = Vec::new();
            // Writing into memory cannot fail.
            let _ = queue!(screen, EnterAlternateScreen, Hide, EnableBracketedPaste);
            [screen.as_slice(), mouse_capture(capability, mouse), PLAIN_AND_EMPTY].concat()
        }
        Screen::Vt100 => PLAIN_AND_EMPTY.to_vec(),
    }
}

/// The bytes that give a terminal back as it was. They may be sent at any moment, also when [`enter`] was not.
#[must_use]
pub fn leave(capability: Capability) -> Vec<u8> {
    match capability.screen {
        Screen::Full => {
            let mut bytes = Vec::new();
            let _ = queue!(bytes, EndSynchronizedUpdate);
            bytes.extend_from_slice(mouse_capture(capability, MouseCapture::Off));
            let _ = queue!(bytes, DisableBracketedPaste);
            bytes.extend_from_slice(PLAIN);
            let _ = queue!(bytes, Show, LeaveAlternateScreen);
            bytes
        }
        Screen::Vt100 => PLAIN_AND_EMPTY.to_vec(),
    }
}

/// The bytes that take the mouse or give it back: presses, drags and the wheel, in decimal coordinates. crossterm's own would
/// have every motion reported, and each would cross the link.
#[must_use]
pub fn mouse_capture(capability: Capability, mouse: MouseCapture) -> &'static [u8] {
    match (capability.screen, mouse) {
        (Screen::Full, MouseCapture::On) => b"\x1b[?1000h\x1b[?1002h\x1b[?1006h",
        (Screen::Full, MouseCapture::Off) => b"\x1b[?1006l\x1b[?1002l\x1b[?1000l",
        (Screen::Vt100, _) => b"",
    }
}

/// The bytes that put our own lines on the person's clipboard (OSC 52). None when longer than [`COPY_BYTES_MAX`], or when
/// the terminal has no such thing.
#[must_use]
pub fn copy_to_clipboard(capability: Capability, lines: &[Safe]) -> Option<Vec<u8>> {
    let text = lines.iter().map(Safe::as_str).collect::<Vec<_>>().join("\n");
    if text.len() > COPY_BYTES_MAX || capability.screen == Screen::Vt100 {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = queue!(bytes, CopyToClipboard::to_clipboard_from(text));
    Some(bytes)
}
