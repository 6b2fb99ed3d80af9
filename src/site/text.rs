//! Which characters a file may hold. What a reviewer sees must be what runs: nothing hidden, nothing that turns the
//! direction of writing, no letter of another alphabet posing as a Latin one (Z54).
//!
//! Deliberately absent: a list of code points. The tables are the regex crate's Unicode tables.

use crate::domain::literal::find_literals;
use regex::Regex;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Control, format, private, unassigned, line and paragraph separators, everything default-ignorable, and the blank
/// Braille cell, which is drawn as nothing.
static HIDDEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]").ok());

/// Alphabets with letters that pass for Latin ones.
static STRANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\p{Coptic}\p{Lisu}\p{Georgian}\p{Deseret}\p{Gothic}]")
        .ok()
});

static LATIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{Latin}").ok());

static LETTERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{Alphabetic}\p{M}]+").ok());

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

/// A word in which a letter poses as one of another alphabet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookalike {
    /// Byte offset of the letter.
    pub at: usize,
    /// The letter.
    pub letter: char,
    /// The word it stands in.
    pub word: String,
}

/// The first word that mixes Latin with an alphabet that resembles it, or that is written in letters made to look
/// like ASCII (full-width, mathematical).
pub(super) fn lookalike(text: &str) -> Option<Lookalike> {
    if text.is_ascii() {
        return None;
    }
    let words = LETTERS.as_ref()?;
    words.find_iter(text).find_map(|word| {
        let has_latin = word.as_str().chars().any(|c| is(&LATIN, c));
        let found = word.as_str().char_indices().find(|(_, c)| is_dressed_up(*c) || (has_latin && is(&STRANGE, *c)));
        found.map(|(at, letter)| Lookalike { at: word.start() + at, letter, word: word.as_str().to_owned() })
    })
}

/// Full-width and mathematical letters and digits.
fn is_dressed_up(c: char) -> bool {
    matches!(c, '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}

/// What a name looks like at a glance: two names with one skeleton are told apart by nobody.
pub(super) fn skeleton(text: &str) -> String {
    let plain = |c: char| PAIRS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to);
    text.chars().map(plain).collect()
}

/// Letters drawn alike in common fonts. `i` and `l` are not: names of people and of series need both.
#[rustfmt::skip]
const PAIRS: &[(char, char)] = &[
    ('0', 'o'), ('O', 'o'), ('1', 'l'), ('I', 'l'), ('|', 'l'),
    // Cyrillic
    ('а', 'a'), ('с', 'c'), ('ԁ', 'd'), ('е', 'e'), ('һ', 'h'), ('і', 'i'), ('ј', 'j'), ('о', 'o'), ('р', 'p'),
    ('ԛ', 'q'), ('ѕ', 's'), ('ѵ', 'v'), ('ԝ', 'w'), ('х', 'x'), ('у', 'y'), ('А', 'A'), ('В', 'B'), ('С', 'C'),
    ('Е', 'E'), ('Н', 'H'), ('І', 'l'), ('Ј', 'J'), ('К', 'K'), ('М', 'M'), ('О', 'o'), ('Р', 'P'), ('Ѕ', 'S'),
    ('Т', 'T'), ('Х', 'X'), ('У', 'Y'),
    // Greek
    ('α', 'a'), ('ι', 'i'), ('ν', 'v'), ('ο', 'o'), ('ρ', 'p'), ('υ', 'u'), ('χ', 'x'), ('Α', 'A'), ('Β', 'B'),
    ('Ε', 'E'), ('Ζ', 'Z'), ('Η', 'H'), ('Ι', 'l'), ('Κ', 'K'), ('Μ', 'M'), ('Ν', 'N'), ('Ο', 'o'), ('Ρ', 'P'),
    ('Τ', 'T'), ('Υ', 'Y'), ('Χ', 'X'),
];

/// A character by its number, as in `U+202E`.
pub(super) fn number(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
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
    fn z54_a_letter_of_another_alphabet_is_found_inside_a_word() {
        let found = lookalike("web-\u{430}dmin").unwrap();
        assert_eq!((found.at, found.letter, found.word.as_str()), (4, 'а', "аdmin"));
        assert!(lookalike("Über die Straße").is_none());
        assert!(lookalike("Перезапуск nginx").is_none(), "two words, two alphabets");
        assert!(lookalike("ａda").is_some());
        assert!(lookalike("𝐚da").is_some());
    }

    #[test]
    fn z54_names_of_one_look_have_one_skeleton() {
        assert_eq!(skeleton("асе"), skeleton("ace"));
        assert_eq!(skeleton("web-l"), skeleton("web-1"));
        assert_eq!(skeleton("АСЕ"), skeleton("ACE"));
        for (one, other) in [("ada", "bo"), ("kim", "klm"), ("Ian", "Lan"), ("ada", "Ada")] {
            assert_ne!(skeleton(one), skeleton(other));
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
