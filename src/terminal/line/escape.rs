//! Which characters may be drawn as they are, and how the others are spelled out.
//!
//! Invariant: the text this module returns holds no control, format, bidirectional, invisible, private or unassigned
//! character, and no zero-width character without a visible one before it. Deliberately absent: any way to delete a
//! character. What somebody wrote is shown, if need be by its number.

use std::borrow::Cow;
use std::sync::LazyLock;

use ratatui::buffer::CellWidth;
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;

/// Combining marks drawn on one character; more are spelled out. Written languages need at most four; eight leaves room
/// and keeps one cell from growing into a screen of ink.
pub const CELL_MARKS_MAX: usize = 8;

/// Characters that are not drawn: control, format, private use, surrogate, unassigned, line and paragraph separators, and
/// everything Unicode calls default-ignorable (fillers, variation selectors, tags). Unicode tables as of the regex crate.
static HIDDEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]").ok());

/// Whether one character has to be spelled out wherever it stands.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => return false,
        '\0'..='\u{9f}' => return true,
        c if is_everyday(c) => return false,
        _ => {}
    }
    let mut utf8 = [0; 4];
    // Without its table the safe answer is: everything beyond ASCII is hidden.
    HIDDEN.as_ref().is_none_or(|hidden| hidden.is_match(c.encode_utf8(&mut utf8)))
}

/// Blocks full of visible characters that logs are made of: Latin, Cyrillic, punctuation, rules and shapes, kana, Han, Hangul.
/// Only a short cut past the table.
fn is_everyday(c: char) -> bool {
    matches!(c, '\u{ae}'..='\u{2ff}' | '\u{400}'..='\u{52f}' | '\u{2010}'..='\u{2027}' | '\u{2190}'..='\u{23ff}'
        | '\u{2500}'..='\u{27ff}' | '\u{3041}'..='\u{3096}' | '\u{30a0}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{fffd}')
}

/// Columns a character takes when it stands alone, as ratatui counts them. Zero means it is drawn on the one before.
#[must_use]
pub fn char_width(c: char) -> usize {
    if c.is_ascii() {
        return usize::from(!c.is_ascii_control());
    }
    if c.is_control() {
        return 0;
    }
    let mut utf8 = [0; 4];
    usize::from((*c.encode_utf8(&mut utf8)).cell_width())
}

/// Appends a hidden character's name: `^[` for the C0 controls and DEL, `\u{202e}` for the others.
pub fn spell(c: char, out: &mut String) {
    match c {
        '\0'..='\x1f' => {
            out.push('^');
            out.push(char::from(c as u8 + b'@'));
        }
        '\x7f' => out.push_str("^?"),
        other => out.extend(other.escape_unicode()),
    }
}

/// The text with everything spelled out that may not be drawn. Clean text is handed back as it came.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for cluster in text.graphemes(true) {
        // Marks are drawn only on a character of their own cluster: one that would fall on a neighbour is spelled out.
        let mut based = false;
        let mut marks = 0;
        for c in cluster.chars() {
            if is_hidden(c) {
                based = false;
                spell(c, &mut out);
            } else if char_width(c) > 0 {
                based = true;
                marks = 0;
                out.push(c);
            } else if based && marks < CELL_MARKS_MAX {
                marks += 1;
                out.push(c);
            } else {
                spell(c, &mut out);
            }
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The same text in printable ASCII, each cluster replaced by as many columns as it took.
pub fn to_ascii(text: &str, out: &mut String) {
    for cluster in text.graphemes(true) {
        if cluster.len() == 1 {
            out.push_str(cluster);
            continue;
        }
        let width = usize::from(cluster.cell_width());
        match cluster.chars().next().and_then(look_alike) {
            Some(c) if width == 1 => out.push(c),
            _ => out.extend(std::iter::repeat_n('?', width)),
        }
    }
}

/// The ASCII character that says most nearly the same: glyphs of the console, rules, quotes, accented Latin letters.
fn look_alike(c: char) -> Option<char> {
    Some(match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{2800}' => ' ',
        '·' | '░' | '▂' => '.',
        '…' | '⋯' => '~',
        '•' | '●' | '◆' | '▆' | '\u{2801}'..='\u{28ff}' => '*',
        '–' | '—' | '‐' | '‑' | '−' | '─' | '━' | '┄' | '╌' | '▃' => '-',
        '═' | '‖' | '▄' => '=',
        '│' | '┃' | '║' | '┆' | '┊' | '▏' | '▎' | '▍' => '|',
        '┌'..='╋' | '╒'..='╬' | '╭'..='╰' | '✔' | '✓' | '±' | '▅' => '+',
        '█' | '▇' | '▉' | '▊' | '▋' | '▌' | '▐' | '▓' | '■' | '⊘' => '#',
        '▒' => ':',
        '▁' => '_',
        '□' | '○' | '°' | 'º' => 'o',
        '◐' | '→' | '↳' | '▸' | '▶' | '›' | '»' => '>',
        '←' | '◂' | '◀' | '‹' | '«' | '↩' => '<',
        '↑' | '▴' | '▲' | '␛' => '^',
        '↓' | '▾' | '▼' => 'v',
        '✘' | '✗' | '×' => 'x',
        '‘' | '’' | '‚' => '\'',
        '“' | '”' | '„' => '"',
        'À'..='Æ' => 'A',
        'Ç' => 'C',
        'È'..='Ë' | '€' => 'E',
        'Ì'..='Ï' => 'I',
        'Ð' => 'D',
        'Ñ' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Œ' => 'O',
        'Ù'..='Ü' => 'U',
        'Ý' => 'Y',
        'ß' => 's',
        'à'..='æ' | 'ª' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ð' => 'd',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' | 'œ' => 'o',
        'ù'..='ü' | 'µ' => 'u',
        'ý' | 'ÿ' => 'y',
        _ => return None,
    })
}

/// General categories Cc and Cf of Unicode 16.0 (DerivedGeneralCategory), kept apart from the crate's own tables.
#[cfg(test)]
pub(crate) const CC_CF: &[(u32, u32)] = &[
    (0x0, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x180e, 0x180e),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x2064),
    (0x2066, 0x206f),
    (0xfeff, 0xfeff),
    (0xfff9, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0001, 0xe0001),
    (0xe0020, 0xe007f),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_every_control_and_format_character_is_spelled() {
        let mut seen = 0;
        for c in CC_CF.iter().flat_map(|&(a, b)| a..=b).filter_map(char::from_u32) {
            assert!(is_hidden(c), "{:04x}", c as u32);
            let text = format!("a{c}b");
            let shown = escape(&text);
            assert!(
                !shown.contains(c) && shown.starts_with('a') && shown.ends_with('b') && shown.is_ascii(),
                "{shown}"
            );
            seen += 1;
        }
        assert_eq!(seen, 65 + 170);
    }

    #[test]
    fn t_invisible_characters_outside_cf_are_spelled() {
        let invisible = [
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{2028}',
            '\u{2029}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{e0100}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{10ffff}',
            '\u{ffff}',
            '\u{fdd0}',
            '\u{378}',
        ];
        for c in invisible {
            assert!(is_hidden(c), "{:04x}", c as u32);
        }
        for c in "aé ж漢字😀…─✔\u{301}\u{ac00}\u{fffd}".chars() {
            assert!(!is_hidden(c), "{c}");
        }
    }

    #[test]
    fn every_character_is_shown_and_none_is_without_width() {
        // Planes 4 to 13 hold nothing: a sample will do.
        let all = ('\0'..='\u{3ffff}').chain(('\u{40000}'..=char::MAX).step_by(101));
        for c in all {
            let text = c.to_string();
            let shown = escape(&text);
            assert!(shown.graphemes(true).all(|g| g.cell_width() > 0), "{:04x} {shown:?}", c as u32);
            assert_eq!(escape(&shown), shown, "{:04x}: escaping twice changes nothing", c as u32);
        }
    }

    #[test]
    fn the_short_cut_passes_nothing_hidden() {
        let hidden = HIDDEN.as_ref().expect("the pattern is valid");
        let all: String = ('\u{a0}'..=char::MAX).filter(|c| is_everyday(*c)).collect();
        assert_eq!(hidden.find(&all), None);
    }

    #[test]
    fn the_spelling_is_readable() {
        assert_eq!(escape("a\x1b[31m\x7f\n"), "a^[[31m^?^J");
        assert_eq!(escape("x\u{202e}y\u{9b}\u{feff}"), "x\\u{202e}y\\u{9b}\\u{feff}");
        assert_eq!(escape("né漢"), "né漢");
    }

    #[test]
    fn t_combining_floods_are_spelled_after_eight() {
        let flood = format!("e{}", "\u{301}".repeat(4096));
        let shown = escape(&flood);
        assert_eq!(shown.matches('\u{301}').count(), CELL_MARKS_MAX);
        assert_eq!(shown.matches("\\u{301}").count(), 4096 - CELL_MARKS_MAX);
        assert_eq!(escape("\u{301}x"), "\\u{301}x", "a mark without a character would fall on the neighbour");
        assert_eq!(escape("👨\u{200d}\u{301}"), "👨\\u{200d}\\u{301}");
    }

    #[test]
    fn ascii_keeps_the_columns() {
        for (text, ascii) in [
            ("─│┌┼…·✔✘◐‖⊘–", "-|++~.+x>=#-"),
            ("für Zoë", "fur Zoe"),
            ("漢字x", "????x"),
            ("e\u{301}", "?"),
            ("▁▃▂▆", "_-.*"),
        ] {
            let mut out = String::new();
            to_ascii(text, &mut out);
            assert_eq!(out, ascii);
        }
    }
}
