//! Small pictures of numbers: a bar of progress, a line of history.

use crate::terminal::line::Safe;

const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// `███████░░░░░`: `done` of `all` in so many columns. A single thing done shows, and only all of it fills the bar.
pub fn bar(done: usize, all: usize, columns: usize) -> Safe {
    let full = match (done, all) {
        (0, _) | (_, 0) => 0,
        (done, all) if done >= all => columns,
        (done, all) => (done * columns / all).clamp(1, columns.saturating_sub(1)),
    };
    Safe::new(format!("{}{}", "█".repeat(full), "░".repeat(columns - full)))
}

/// One column per number, the greatest highest; nought is the lowest line.
pub fn sparkline(numbers: &[u64]) -> Safe {
    let greatest = numbers.iter().copied().max().unwrap_or(0).max(1);
    let level = |n: u64| match n {
        0 => 0,
        n => 1 + n.saturating_mul(6) / greatest,
    };
    let line: String =
        numbers.iter().filter_map(|n| LEVELS.get(usize::try_from(level(*n)).unwrap_or(0)).copied()).collect();
    Safe::new(line)
}

/// Whole percent, never 100 before all is done.
pub fn percent(done: usize, all: usize) -> usize {
    match all {
        0 => 100,
        all => (done.min(all) * 100 / all).min(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        assert_eq!(bar(0, 10, 4).as_str(), "░░░░");
        assert_eq!(bar(1, 1000, 4).as_str(), "█░░░");
        assert_eq!(bar(999, 1000, 4).as_str(), "███░");
        assert_eq!(bar(1000, 1000, 4).as_str(), "████");
        assert_eq!(bar(0, 0, 4).as_str(), "░░░░");
        assert_eq!(percent(999, 1000), 99);
    }

    #[test]
    fn a_sparkline_has_a_column_per_number() {
        assert_eq!(sparkline(&[0, 1, 7]).as_str(), "▁▂█");
        assert_eq!(sparkline(&[]).as_str(), "");
        assert_eq!(sparkline(&[0, 0]).as_str(), "▁▁");
    }
}
