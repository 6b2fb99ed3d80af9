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
    let mut left = word.clone();
    while left.width() > columns {
        let Some(head) = SafeLine::from(left.clone()).wrap(columns).first().map(SafeLine::text) else { break };
        let whole = head.as_str().len();
        // A joint near the start would leave a line nearly empty.
        let joint = head.as_str().rfind(['-', '_', '/', '.', ':', '@']).map(|at| at + 1);
        let at = joint.filter(|at| at * 2 > whole).unwrap_or(whole);
        let (Some(head), Some(rest)) = (left.as_str().get(..at), left.as_str().get(at..)) else { break };
        pieces.push(Safe::new(head));
        left = Safe::new(rest);
    }
    pieces.push(left);
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
    }
}
