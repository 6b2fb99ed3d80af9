//! "Did you mean": the nearest of the known words.

/// The known word nearest to a mistyped one, where one is near enough: a third of its letters, at most three edits.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| {
            let longer = length.max(candidate.chars().count());
            *edits <= (longer / 3).clamp(1, 3)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other: insert, delete, replace, or swap two neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().take(WORD_CHARS_MAX).collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let replace = at(&row, j) + usize::from(x != y);
            let insert = at(&next, j) + 1;
            let delete = at(&row, j + 1) + 1;
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            let swap = if swapped { at(&before, j - 1) + 1 } else { usize::MAX / 2 };
            next.push(replace.min(insert).min(delete).min(swap));
        }
        before = std::mem::replace(&mut row, next);
    }
    at(&row, b.len())
}

/// Longest word compared: the known ones are shorter, and the work grows with the product of both.
const WORD_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_find_their_word() {
        let known = ["title", "timeout", "tags", "status", "due"];
        for (typed, meant) in [
            ("titel", Some("title")),
            ("Title", Some("title")),
            ("time_out", Some("timeout")),
            ("tag", Some("tags")),
            ("stauts", Some("status")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn a_huge_word_costs_little() {
        assert_eq!(nearest(&"x".repeat(1_000_000), ["title"]), None);
    }
}
