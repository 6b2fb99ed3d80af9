//! Values as TOML, in the way a person would write them.

use crate::site::text::is_hidden;

/// A text as a value: on one line in quotes, on several as it stands where it can.
pub(super) fn value(text: &str) -> String {
    let text = plain(text);
    if text.contains('\n') && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    toml::Value::String(text).to_string()
}

/// A list of texts.
pub(super) fn list(texts: &[String]) -> String {
    let values: Vec<String> = texts.iter().map(|text| value(text)).collect();
    format!("[{}]", values.join(", "))
}

/// What a comment may hold: one line, and nothing hidden.
pub(super) fn comment(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    plain(&words.join(" "))
}

/// A text without what no file of a site may hold: hidden characters, and line ends of other systems.
pub(super) fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c)).collect()
}

/// A text on one line, as titles are, no longer than one may be.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let words = comment(text);
    match words.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", words.get(..at).unwrap_or_default()),
        None => words,
    }
}

/// An id made from words; `None` where nothing of them may stand in one.
pub(super) fn id(words: &str) -> Option<String> {
    const CHARS_MAX: usize = 32;
    let mut made = String::new();
    for c in words.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => made.push(c),
            _ if made.is_empty() || made.ends_with('-') => {}
            _ => made.push('-'),
        }
        if made.len() >= CHARS_MAX {
            break;
        }
    }
    let made = made.trim_matches('-');
    (!made.is_empty()).then(|| made.to_owned())
}

/// The first of `name`, `name-2`, … that is not taken yet; `joint` stands before the number.
pub(super) fn unique(name: &str, joint: char, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    (2u32..).map(|n| format!("{name}{joint}{n}")).find(|other| !taken(other)).unwrap_or_else(|| name.to_owned())
}

/// Whether nothing of a text can be shown.
pub(super) fn is_blank(text: &str) -> bool {
    plain(text).trim().is_empty()
}

/// Whether all of a text can stand in a file as it is.
pub(super) fn is_plain(text: &str) -> bool {
    plain(text) == text
}
