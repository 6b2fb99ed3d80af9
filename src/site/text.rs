//! Which characters a file may hold. What a reviewer sees must be what runs: nothing hidden, nothing that turns the
//! direction of writing, no letter of another alphabet posing as a Latin one (Z54, `domain::looks`).
//!
//! Deliberately absent: a list of code points. The tables are the regex crate's Unicode tables.

use crate::domain::literal::find_literals;
pub(super) use crate::domain::looks::{number, skeleton};
use regex::Regex;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Control, format, private, unassigned, line and paragraph separators, everything default-ignorable, and the blank
/// Braille cell, which is drawn as nothing.
static HIDDEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]").ok());

/// Whether a character shows nothing or changes how others show.
pub(super) fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        '\0'..='\u{9f}' => true,
        other => is(&HIDDEN, other),
    }
}

/// Each hidden character of a text with its byte offset; newline and tab are not hidden.
pub(super) fn hidden(text: &str) -> impl Iterator<Item = (usize, char)> {
    text.char_indices().filter(|(_, c)| is_hidden(*c) && !matches!(c, '\n' | '\t'))
}

/// Each hidden character of a file's text; the `\r` of a line end shows nothing on purpose and is part of no value.
pub(super) fn hidden_in_file(text: &str) -> impl Iterator<Item = (usize, char)> {
    hidden(text).filter(|(at, c)| !(*c == '\r' && text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n'))))
}

/// Words for a message: hidden characters spelled out, secrets blotted out.
pub(super) fn harmless(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in blot(words).chars() {
        if is_hidden(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A source as it may be drawn, byte for byte as long as it was: secrets blotted out, hidden characters replaced.
pub(super) fn drawable(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for c in blot(source).replace("\r\n", " \n").chars() {
        if is_hidden(c) && !matches!(c, '\n' | '\t') {
            out.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// The text with each literal secret replaced by as many asterisks as it has bytes; line ends stay.
fn blot(text: &str) -> String {
    let secrets = find_literals(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in &secrets {
        out.push_str(text.get(at..secret.range.start).unwrap_or_default());
        for c in text.get(secret.range.clone()).unwrap_or_default().chars() {
            if c == '\n' {
                out.push('\n');
            } else {
                out.extend(std::iter::repeat_n('*', c.len_utf8()));
            }
        }
        at = secret.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Whether a table holds a character. Without its table the safe answer is yes.
fn is(table: &LazyLock<Option<Regex>>, c: char) -> bool {
    let mut utf8 = [0; 4];
    table.as_ref().is_none_or(|table| table.is_match(c.encode_utf8(&mut utf8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_and_format_character_is_hidden() {
        let format = Regex::new(r"[\p{Cc}\p{Cf}]").unwrap();
        let mut count = 0;
        for c in '\0'..=char::MAX {
            if format.is_match(&c.to_string()) {
                assert!(is_hidden(c), "{}", number(c));
                count += 1;
            }
        }
        assert!(count > 200, "{count}");
        for c in ['a', 'ä', 'ß', 'е', '漢', '✓', '…', '–', '\u{a0}'] {
            assert!(!is_hidden(c), "{}", number(c));
        }
    }

    #[test]
    fn a_drawn_source_keeps_every_byte_in_its_place() {
        let secret = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
        let source = format!("a = \"\u{202e}x\" # {secret}\nb\u{1b}[31m");
        let drawn = drawable(&source);
        assert_eq!(drawn.len(), source.len());
        assert_eq!(drawn.find('\n'), source.find('\n'));
        assert!(!drawn.contains(&secret) && !drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'));
        assert!(!harmless(&source).contains(&secret));
    }
}
