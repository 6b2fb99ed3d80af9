//! From a person's bytes to [`Input`]s.
//!
//! The stream is cut into whole sequences here, by the grammar of ECMA-48, and each is then understood on its own. Termina's
//! parser alone would, after a sequence it does not know, read what is left of it as typed text, and would keep an
//! unfinished sequence or an endless paste for ever.

use std::time::Duration;

use super::meaning::{understood, with_alt};
use super::{Input, PASTE_BYTES_MAX};

/// Quiet after which a lone ESC is the Escape key. Terminals send sequences at once, people do not.
const ESCAPE_QUIET: Duration = Duration::from_millis(50);

/// Quiet after which an unfinished sequence is given up.
const SEQUENCE_QUIET: Duration = Duration::from_millis(100);

/// Quiet after which an unfinished paste is given up. Long, for on a bad link the rest of a paste may stall, and must not
/// then be taken for keys.
const PASTE_QUIET: Duration = Duration::from_secs(60);

/// Longest sequence that is read. The longest a terminal sends for a key or the mouse has about thirty bytes.
const SEQUENCE_BYTES_MAX: usize = 64;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;
const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Reads one person's byte stream. Times are monotonic, counted from any one moment.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// The unfinished sequence or character.
    token: Vec<u8>,
    /// When the last bytes came.
    last: Duration,
}

#[derive(Debug, Default)]
enum State {
    /// Keys and sequences.
    #[default]
    Keys,
    /// A sequence too long or too strange to read, up to its final byte.
    Ignored,
    /// A terminal's answer (OSC, DCS and their like): read over up to its end.
    Answer,
    /// Between the two marks of a paste.
    Paste(Paste),
}

/// A paste so far.
#[derive(Debug, Default)]
struct Paste {
    /// The text with as much of the end mark as has come.
    bytes: Vec<u8>,
    /// How many bytes of the end mark have come in a row.
    matched: usize,
    size: Size,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Size {
    #[default]
    Fits,
    TooLong,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that came at `at` and says what they mean.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8], at: Duration) -> Vec<Input> {
        let mut out = self.tick(at);
        self.last = at;
        for &byte in bytes {
            self.byte(byte, &mut out);
        }
        out
    }

    /// When [`Decoder::tick`] should be called if no bytes come before. None: nothing is unfinished.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let quiet = match &self.state {
            State::Keys if self.token.is_empty() => return None,
            State::Keys if self.is_escape_key() => ESCAPE_QUIET,
            State::Keys | State::Ignored | State::Answer => SEQUENCE_QUIET,
            State::Paste(_) => PASTE_QUIET,
        };
        Some(self.last + quiet)
    }

    /// Settles what is unfinished once it has been quiet for long enough.
    #[must_use]
    pub fn tick(&mut self, at: Duration) -> Vec<Input> {
        let mut out = Vec::new();
        if self.deadline().is_none_or(|deadline| at < deadline) {
            return out;
        }
        match std::mem::take(&mut self.state) {
            State::Keys if self.is_escape_key() => {
                for _ in 0..self.token.len() {
                    out.extend(understood(&[ESC]));
                }
            }
            State::Paste(_) => out.push(Input::PasteRefused),
            State::Keys | State::Ignored | State::Answer => {}
        }
        self.token.clear();
        out
    }

    /// ESC once, or twice in a row.
    fn is_escape_key(&self) -> bool {
        matches!(self.token.as_slice(), [ESC] | [ESC, ESC])
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match &mut self.state {
            State::Keys => self.key_byte(byte, out),
            State::Ignored => match byte {
                b' '..=b'?' => {}
                b'@'..=b'~' => self.state = State::Keys,
                _ => self.restart(byte, out),
            },
            State::Answer => match (self.token.last(), byte) {
                (_, BEL | CAN | SUB) | (Some(&ESC), b'\\') => self.restart_empty(),
                (Some(&ESC), _) => {
                    self.restart_empty();
                    self.byte(ESC, out);
                    self.byte(byte, out);
                }
                // Only the last byte matters: whether an ESC may begin the end.
                _ => self.token = vec![byte],
            },
            State::Paste(paste) => {
                if let Some(input) = paste.byte(byte) {
                    out.push(input);
                    self.restart_empty();
                }
            }
        }
    }

    fn key_byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match self.token.as_slice() {
            [] => self.begin(byte, out),
            [ESC] => match byte {
                ESC | b'[' | b'O' => self.token.push(byte),
                b']' | b'P' | b'X' | b'^' | b'_' => {
                    self.state = State::Answer;
                    self.token.clear();
                }
                // Alt and a character, of one byte or the first of several.
                _ => self.character(byte, out),
            },
            // Alt and a sequence in some terminals; with anything else behind, the Escape key and then that.
            [ESC, ESC] => {
                if matches!(byte, b'[' | b'O') {
                    self.token.push(byte);
                } else {
                    out.extend(understood(&[ESC]));
                    self.token.truncate(1);
                    self.key_byte(byte, out);
                }
            }
            [ESC, b'[' | b'O', ..] | [ESC, ESC, ..] => self.sequence(byte, out),
            _ => self.character(byte, out),
        }
    }

    fn begin(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            ESC => self.token.push(byte),
            _ => self.character(byte, out),
        }
    }

    /// A byte of a character, perhaps with an ESC (Alt) before it.
    fn character(&mut self, byte: u8, out: &mut Vec<Input>) {
        let alt = usize::from(self.token.first() == Some(&ESC));
        let begun = self.token.len() > alt;
        self.token.push(byte);
        match std::str::from_utf8(self.token.get(alt..).unwrap_or_default()) {
            Ok(_) => {
                out.extend(understood(&self.token));
                self.token.clear();
            }
            Err(error) if error.error_len().is_none() => {}
            // Not UTF-8. What broke a character off may begin something itself.
            Err(_) if begun => self.restart(byte, out),
            Err(_) => self.token.clear(),
        }
    }

    /// A byte of a control sequence.
    fn sequence(&mut self, byte: u8, out: &mut Vec<Input>) {
        let body = self.token.strip_prefix(&[ESC, ESC]).or(self.token.strip_prefix(&[ESC])).unwrap_or_default();
        let (ends, fits) = match (body, byte) {
            // The mouse report of before 2000: three bytes of any value behind an M.
            ([b'[', b'M', rest @ ..], _) => (rest.len() == 2, true),
            // The Linux console's F1 to F5.
            ([b'['], b'[') => (false, true),
            (_, b' '..=b'?') => (false, self.token.len() < SEQUENCE_BYTES_MAX),
            ([b'['], b'M') => (false, true),
            (_, b'@'..=b'~') => (true, true),
            _ => return self.restart(byte, out),
        };
        if !fits {
            self.state = State::Ignored;
            self.token.clear();
            return;
        }
        self.token.push(byte);
        if !ends {
            return;
        }
        let token = std::mem::take(&mut self.token);
        if token == PASTE_BEGIN {
            self.state = State::Paste(Paste::default());
            return;
        }
        match token.strip_prefix(&[ESC]).filter(|rest| rest.first() == Some(&ESC)) {
            Some(inner) => out.extend(understood(inner).map(with_alt)),
            None => out.extend(understood(&token)),
        }
    }

    /// What came so far is nothing; this byte may begin something.
    fn restart(&mut self, byte: u8, out: &mut Vec<Input>) {
        self.restart_empty();
        self.begin(byte, out);
    }

    fn restart_empty(&mut self) {
        self.state = State::Keys;
        self.token.clear();
    }
}

impl Paste {
    fn byte(&mut self, byte: u8) -> Option<Input> {
        self.matched = match PASTE_END.get(self.matched) {
            Some(&next) if next == byte => self.matched + 1,
            _ => usize::from(byte == ESC),
        };
        if self.size == Size::Fits {
            self.bytes.push(byte);
            if self.bytes.len() - self.matched > PASTE_BYTES_MAX {
                self.size = Size::TooLong;
                self.bytes = Vec::new();
            }
        }
        if self.matched < PASTE_END.len() {
            return None;
        }
        if self.size == Size::TooLong {
            return Some(Input::PasteRefused);
        }
        self.bytes.truncate(self.bytes.len().saturating_sub(PASTE_END.len()));
        // Terminals send a return for a line break.
        let text = String::from_utf8_lossy(&self.bytes).replace("\r\n", "\n").replace('\r', "\n");
        Some(Input::Paste(text))
    }
}

#[cfg(test)]
mod tests;
