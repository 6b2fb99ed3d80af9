//! Words with places for inputs: `{{ release }}` in a manual step's text. Strict (a name nobody gave is an error) and
//! filled in one pass: what a value holds is never looked at again.
//!
//! Deliberately absent: expressions, loops, filters. A text that could run for ever, or grow without bound, would be
//! a program that nobody reviews as one.

/// A piece of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Words as they stand.
    Words(&'a str),
    /// A name to be replaced.
    Name {
        /// The name.
        name: &'a str,
        /// Byte offset in the text.
        at: usize,
    },
}

/// What is wrong with a text, and where in it (bytes).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProseError {
    /// What is wrong and what to write instead.
    pub message: String,
    /// Byte offset in the text.
    pub at: usize,
}

/// Takes a text apart.
///
/// # Errors
/// Where braces are not closed, or hold anything but a name.
pub fn parse(text: &str) -> Result<Vec<Piece<'_>>, ProseError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let open = at + open;
        let inside = text.get(open + 2..).unwrap_or_default();
        let Some(length) = inside.find("}}") else {
            let message = "`{{` is not closed; write {{ input }}".to_owned();
            return Err(ProseError { message, at: open });
        };
        let written = inside.get(..length).unwrap_or_default();
        let name = written.trim();
        if !is_name(name) {
            let message = format!("`{{{{{written}}}}}` is no name; write {{{{ input }}}}");
            return Err(ProseError { message, at: open });
        }
        pieces.push(Piece::Words(text.get(at..open).unwrap_or_default()));
        let blanks = written.len() - written.trim_start().len();
        pieces.push(Piece::Name { name, at: open + 2 + blanks });
        at = open + 2 + length + 2;
    }
    pieces.push(Piece::Words(text.get(at..).unwrap_or_default()));
    pieces.retain(|piece| *piece != Piece::Words(""));
    Ok(pieces)
}

/// The text with each name replaced by its value.
///
/// # Errors
/// As [`parse`], and where `value` does not know a name.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, ProseError> {
    let mut out = String::with_capacity(text.len());
    for piece in parse(text)? {
        match piece {
            Piece::Words(words) => out.push_str(words),
            Piece::Name { name, at } => {
                let message = || format!("{{{{ {name} }}}} names no input");
                let value = value(name).ok_or_else(|| ProseError { message: message(), at })?;
                out.push_str(&value);
            }
        }
    }
    Ok(out)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, ProseError> {
        fill(text, |name| match name {
            "release" => Some("v1 {{ run }}".to_owned()),
            "run" => Some("#42".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(filled("no names").unwrap(), "no names");
        assert_eq!(filled("{{release}} in {{ run }}.").unwrap(), "v1 {{ run }} in #42.");
        assert_eq!(filled("a } b { c }} d").unwrap(), "a } b { c }} d");
    }

    #[test]
    fn what_is_no_name_is_refused_at_its_place() {
        for (text, at) in
            [("a {{ b", 2), ("ä{{ 1 + 1 }}", 2), ("{{ release | upper }}", 0), ("{{}}", 0), ("{{ x }}", 3)]
        {
            assert_eq!(filled(text).unwrap_err().at, at, "{text}");
        }
    }
}
