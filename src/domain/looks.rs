//! What deceives the eye: letters of one alphabet that pass for another's, and characters that show nothing. Where people
//! decide by what they read, these are named beside the text they stand in.
//!
//! Deliberately absent: a list of all look-alikes. The alphabets are the regex crate's Unicode tables; the pairs are those drawn
//! alike in common fonts.

use super::input::is_invisible;
use regex::Regex;
use std::sync::LazyLock;

/// Deceptions named for one line; more are counted.
const NAMED_MAX: usize = 3;

/// Alphabets with letters that pass for Latin ones.
static STRANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\p{Coptic}\p{Lisu}\p{Georgian}\p{Deseret}\p{Gothic}]")
        .ok()
});

static LATIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{Latin}").ok());

static LETTERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{Alphabetic}\p{M}]+").ok());

/// A letter that poses as one of another alphabet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike<'a> {
    /// Byte offset of the letter.
    pub at: usize,
    /// The letter.
    pub letter: char,
    /// The word it stands in.
    pub word: &'a str,
}

/// Words that mix Latin with an alphabet that resembles it, or are written in letters made to look like ASCII (full-width,
/// mathematical): the first such letter of each.
pub fn lookalikes(text: &str) -> impl Iterator<Item = Lookalike<'_>> {
    let words = LETTERS.as_ref().filter(|_| !text.is_ascii());
    words.into_iter().flat_map(|words| words.find_iter(text)).filter_map(|word| {
        let has_latin = word.as_str().chars().any(|c| is(&LATIN, c));
        let poses = |c: char| is_dressed_up(c) || (has_latin && is(&STRANGE, c));
        let (at, letter) = word.as_str().char_indices().find(|(_, c)| poses(*c))?;
        Some(Lookalike { at: word.start() + at, letter, word: word.as_str() })
    })
}

/// What of a line deceives the eye, in words; `None` where it is what it looks like. Besides words that mix alphabets, a word all
/// of whose letters have a Latin twin: `асе` says nothing in any language.
pub fn deceptions(line: &str) -> Option<String> {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return None;
    }
    let mut named: Vec<String> = lookalikes(line).map(|found| posing(found.word, found.letter)).collect();
    let words = LETTERS.as_ref().into_iter().flat_map(|words| words.find_iter(line));
    let twins = words.filter(|word| word.as_str().chars().all(|c| !c.is_ascii() && twin(c).is_some()));
    named.extend(twins.filter_map(|word| Some(posing(word.as_str(), word.as_str().chars().next()?))));
    let mut hidden: Vec<char> = line.chars().filter(|c| is_invisible(*c) && *c != '\t').collect();
    hidden.sort_unstable();
    hidden.dedup();
    named.extend(hidden.into_iter().map(|c| format!("{} shows nothing, or changes how the rest shows", number(c))));
    let more = named.len().saturating_sub(NAMED_MAX);
    named.truncate(NAMED_MAX);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    (!named.is_empty()).then(|| named.join("; "))
}

fn posing(word: &str, letter: char) -> String {
    match twin(letter) {
        Some(twin) => format!("`{word}`: {} looks like {twin} and is not", number(letter)),
        None => format!("`{word}`: {} is of another alphabet", number(letter)),
    }
}

/// A character by its number, as in `U+202E`.
pub fn number(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// What a name looks like at a glance: two names with one skeleton are told apart by nobody.
pub fn skeleton(text: &str) -> String {
    text.chars().map(|c| PAIRS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to)).collect()
}

/// The Latin letter or digit that a character beyond ASCII passes for.
fn twin(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    let dressed = |first: char, last: char, as_first: u32| {
        (first..=last).contains(&c).then(|| char::from_u32(u32::from(c) - u32::from(first) + as_first)).flatten()
    };
    let wide = || dressed('\u{ff10}', '\u{ff19}', 0x30).or(dressed('\u{ff21}', '\u{ff3a}', 0x41));
    let pair = PAIRS.iter().find(|(from, _)| *from == c).map(|(_, to)| *to);
    pair.or_else(wide).or_else(|| dressed('\u{ff41}', '\u{ff5a}', 0x61))
}

/// Full-width and mathematical letters and digits.
fn is_dressed_up(c: char) -> bool {
    matches!(c, '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}

/// Whether a table holds a character. Without its table the safe answer is yes.
fn is(table: &LazyLock<Option<Regex>>, c: char) -> bool {
    let mut utf8 = [0; 4];
    table.as_ref().is_none_or(|table| table.is_match(c.encode_utf8(&mut utf8)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z54_a_letter_of_another_alphabet_is_found_inside_a_word() {
        let found = lookalikes("web-\u{430}dmin").next().unwrap();
        assert_eq!((found.at, found.letter, found.word), (4, 'а', "аdmin"));
        assert!(lookalikes("Über die Straße").next().is_none());
        assert!(lookalikes("Перезапуск nginx").next().is_none(), "two words, two alphabets");
        assert!(lookalikes("ａda").next().is_some());
        assert!(lookalikes("𝐚da").next().is_some());
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
    fn z54_what_deceives_the_eye_is_named_and_what_does_not_is_left_alone() {
        let named = |line: &str| deceptions(line).unwrap();
        assert_eq!(named("rm -rf /srv/\u{430}dmin"), "`\u{430}dmin`: U+0430 looks like a and is not");
        assert!(named("\u{430}\u{441}\u{435}").contains("U+0430 looks like a"), "a word of twins alone");
        assert!(named("v2\u{200b}.8").contains("U+200B shows nothing"));
        assert!(named("abc\u{202e}def").contains("U+202E"));
        assert!(named("ｒm").contains("U+FF52 looks like r"));
        let many = "а1a b\u{43e}b c\u{43e}c d\u{43e}d e\u{43e}e";
        assert!(named(many).ends_with("and 1 more") || named(many).ends_with("and 2 more"), "{}", named(many));
        for plain in ["systemctl restart web", "a\tb", "Über die Straße – 95 %", "Перезапуск nginx", "漢字", "é"]
        {
            assert_eq!(deceptions(plain), None, "{plain}");
        }
    }
}
