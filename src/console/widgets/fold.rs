//! Running text broken into lines at spaces, so that sentences are read and not scrolled sideways.

use crate::terminal::line::{Safe, SafeLine};

/// `text` in lines of at most `columns` columns, broken at spaces where there are any. Its own line breaks are kept.
pub fn words(text: &str, columns: usize) -> Vec<Safe> {
    Safe::lines(text).iter().flat_map(|line| fold(line, columns)).collect()
}

/// One line broken anywhere: for commands, where every space counts.
pub fn verbatim(line: &Safe, columns: usize) -> Vec<Safe> {
    // Most lines fit; those of names by the thousand must not cost a look at every character.
    match line.width() <= columns {
        true => vec![line.clone()],
        false => SafeLine::from(line.clone()).wrap(columns.max(1)).into_iter().map(|piece| piece.text()).collect(),
    }
}

fn fold(line: &Safe, columns: usize) -> Vec<Safe> {
    let columns = columns.max(1);
    let mut lines: Vec<Safe> = Vec::new();
    let mut open = Safe::default();
    for word in line.as_str().split(' ') {
        let word = Safe::new(word);
        let joined = if open.is_empty() { word.width() } else { open.width() + 1 + word.width() };
        if joined <= columns {
            if !open.is_empty() {
                open.push(&Safe::new(" "));
            }
            open.push(&word);
            continue;
        }
        if !open.is_empty() {
            lines.push(std::mem::take(&mut open));
        }
        let mut pieces = joints(&word, columns);
        open = pieces.pop().unwrap_or_default();
        lines.extend(pieces);
    }
    lines.push(open);
    lines
}

/// A word too long for a line, broken behind its joints: `host-baseline/` then `restart`. Anywhere where it has none.
fn joints(word: &Safe, columns: usize) -> Vec<Safe> {
    let mut pieces = Vec::new();
    let (mut open, mut used) = (Safe::default(), 0);
    // Looked at once, character by character: a word may be as long as a line of a log.
    for character in SafeLine::from(word.clone()).wrap(1).iter().map(SafeLine::text) {
        if used > 0 && used + character.width() > columns {
            let whole = open.as_str().len();
            let joint = open.as_str().rfind(['-', '_', '/', '.', ':', '@']).map(|at| at + 1);
            // A joint near the start would leave a line nearly empty.
            let at = joint.filter(|at| at * 2 > whole).unwrap_or(whole);
            let (head, rest) = open.as_str().split_at_checked(at).unwrap_or((open.as_str(), ""));
            pieces.push(Safe::new(head));
            open = Safe::new(rest);
            used = open.width();
        }
        open.push(&character);
        used += character.width();
    }
    pieces.push(open);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_at_spaces_and_long_words_anywhere() {
        let shown = words("Pick up the rotated certificate", 10);
        assert_eq!(shown, ["Pick up", "the", "rotated", "certificat", "e"].map(Safe::new));
        assert_eq!(words("host-baseline/restart", 16), ["host-baseline/", "restart"].map(Safe::new));
        assert_eq!(words("a-certificate", 10), ["a-certific", "ate"].map(Safe::new));
        assert_eq!(words("", 10), [Safe::default()]);
        assert_eq!(words("a\nb", 10), [Safe::new("a"), Safe::new("b")]);
        assert_eq!(verbatim(&Safe::new("a  b c"), 3), [Safe::new("a  "), Safe::new("b c")]);
        assert_eq!(words("日本語", 3), ["日", "本", "語"].map(Safe::new));
    }

    /// Each line of a long word once cost a look at all that was left of it: 20 s for this one.
    #[test]
    fn a_word_of_a_mebibyte_is_broken_in_one_pass() {
        let lines = words(&"x-".repeat(512 * 1024), 80);
        assert_eq!(lines.len(), 1024 * 1024 / 80 + 1);
    }
}
