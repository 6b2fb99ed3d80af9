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
        let mut pieces = SafeLine::from(word).wrap(columns);
        open = pieces.pop().map(|piece| piece.text()).unwrap_or_default();
        lines.extend(pieces.into_iter().map(|piece| piece.text()));
    }
    lines.push(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_at_spaces_and_long_words_anywhere() {
        let shown = words("Pick up the rotated certificate", 10);
        assert_eq!(shown, ["Pick up", "the", "rotated", "certificat", "e"].map(Safe::new));
        assert_eq!(words("", 10), [Safe::default()]);
        assert_eq!(words("a\nb", 10), [Safe::new("a"), Safe::new("b")]);
        assert_eq!(verbatim(&Safe::new("a  b c"), 3), [Safe::new("a  "), Safe::new("b c")]);
    }
}
