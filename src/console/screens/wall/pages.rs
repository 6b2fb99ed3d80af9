//! What stands on which page. Pure arithmetic over rows: sections flow into columns, columns make pages, pages take turns.
//!
//! Invariants: every block stands on exactly one page, whole and in order; a section that goes on in the next column has its rule
//! there again; the page at a moment follows from the moment alone.

use super::TURN_MS;
use crate::domain::Timestamp;
use std::ops::Range;

/// Blocks of one section that stand under one rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    /// Which section.
    pub section: usize,
    /// Which of its blocks.
    pub blocks: Range<usize>,
}

/// A column, from the top.
pub(super) type Column = Vec<Stretch>;

/// Columns in pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pages {
    columns: Vec<Column>,
    per_page: usize,
    air: Air,
}

/// Whether an empty row stands under each block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Air {
    Some,
    None,
}

impl Air {
    fn rows(self) -> usize {
        match self {
            Air::Some => 1,
            Air::None => 0,
        }
    }
}

impl Pages {
    /// Sections by the rows of their blocks, on pages of so many columns and rows. With air where all fits on one page so, and
    /// as level as it goes there.
    pub fn new(sections: &[Vec<usize>], per_page: usize, rows: usize) -> Self {
        let per_page = per_page.max(1);
        for air in [Air::Some, Air::None] {
            let level = (1..=rows).map(|rows| flow(sections, rows, air)).find(|columns| {
                let whole = columns.iter().flatten().count() == sections.len();
                columns.len() <= per_page && whole
            });
            let columns = level.unwrap_or_else(|| flow(sections, rows, air));
            if columns.len() <= per_page {
                return Self { columns, per_page, air };
            }
        }
        Self { columns: flow(sections, rows, Air::None), per_page, air: Air::None }
    }

    /// How many pages there are.
    pub fn count(&self) -> usize {
        self.columns.len().div_ceil(self.per_page)
    }

    /// Which page is shown at a moment, from 0.
    pub fn turn(&self, now: Timestamp) -> usize {
        let turns = now.0.max(0).unsigned_abs() / TURN_MS;
        usize::try_from(turns).unwrap_or(0) % self.count().max(1)
    }

    /// The columns shown at a moment.
    pub fn page(&self, now: Timestamp) -> &[Column] {
        self.columns.chunks(self.per_page).nth(self.turn(now)).unwrap_or_default()
    }

    /// Whether an empty row stands under each block.
    pub fn has_air(&self) -> bool {
        self.air == Air::Some
    }
}

/// Fills one column after the other. A section is broken only where no column holds it whole.
fn flow(sections: &[Vec<usize>], rows: usize, air: Air) -> Vec<Column> {
    let air = air.rows();
    // What is left empty under the last block of a column costs nothing.
    let height = |blocks: &[usize]| 1 + blocks.iter().map(|rows| rows + air).sum::<usize>() - air.min(blocks.len());
    let mut columns: Vec<Column> = Vec::new();
    let mut column: Column = Vec::new();
    let mut used = 0;
    for (section, blocks) in sections.iter().enumerate() {
        let mut from = 0;
        while from < blocks.len() {
            let rest = blocks.get(from..).unwrap_or_default();
            let room = rows.saturating_sub(used);
            let fit = (1..=rest.len()).rev().find(|n| height(rest.get(..*n).unwrap_or_default()) <= room);
            let breaks = fit.is_none_or(|n| n < rest.len());
            if !column.is_empty() && breaks && (fit.is_none() || height(rest) <= rows) {
                columns.push(std::mem::take(&mut column));
                used = 0;
                continue;
            }
            // A block that no column holds is cut by the edge; it is shown all the same.
            let n = fit.unwrap_or(1);
            let taken = rest.get(..n).unwrap_or_default();
            column.push(Stretch { section, blocks: from..from + n });
            // An empty row before the next rule.
            used += height(taken) + 1;
            from += n;
        }
    }
    if !column.is_empty() {
        columns.push(column);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(turn: u64) -> Timestamp {
        Timestamp(0).plus_ms(turn * TURN_MS)
    }

    #[test]
    fn every_block_stands_on_one_page_whole_and_in_order() {
        for rows in 3..40 {
            for per_page in 1..=3 {
                let sections = [vec![2; 7], vec![], vec![2, 1, 1], vec![1; 30], vec![2]];
                let pages = Pages::new(&sections, per_page, rows);
                let mut seen = Vec::new();
                for turn in 0..pages.count() {
                    let page = pages.page(at(u64::try_from(turn).unwrap()));
                    assert!(page.len() <= per_page);
                    for column in page {
                        let blocks = column.iter().flat_map(|one| &sections[one.section][one.blocks.clone()]);
                        let air = usize::from(pages.has_air());
                        let gaps = column.iter().map(|one| air * (one.blocks.len() - 1)).sum::<usize>();
                        let used = blocks.sum::<usize>() + gaps + 2 * column.len() - 1;
                        assert!(used <= rows, "{used} rows of {rows}: {column:?}");
                    }
                    seen.extend(page.iter().flatten().flat_map(|one| one.blocks.clone().map(|b| (one.section, b))));
                }
                let all = (0..).zip(&sections).flat_map(|(nth, blocks)| (0..blocks.len()).map(move |b| (nth, b)));
                assert_eq!(seen, all.collect::<Vec<_>>(), "{per_page} columns of {rows}");
            }
        }
    }

    #[test]
    fn pages_take_turns_by_the_clock_and_come_round() {
        let pages = Pages::new(&[vec![2; 12]], 1, 9);
        assert_eq!(pages.count(), 3);
        let shown: Vec<usize> = (0..7).map(|turn| pages.turn(at(turn))).collect();
        assert_eq!(shown, [0, 1, 2, 0, 1, 2, 0]);
        let last = at(1).plus_ms(TURN_MS - 1);
        assert_eq!(pages.turn(last), 1, "a page stays its whole time");
        let different: BTreeSet<String> = (0..3).map(|turn| format!("{:?}", pages.page(at(turn)))).collect();
        assert_eq!(different.len(), 3);
    }

    #[test]
    fn what_fits_on_one_page_has_air_there_and_stands_level() {
        let pages = Pages::new(&[vec![1; 4], vec![1; 4]], 2, 40);
        assert!(pages.has_air() && pages.count() == 1);
        assert_eq!(pages.page(at(0)).iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let tight = Pages::new(&[vec![1; 4], vec![1; 4]], 1, 11);
        assert!(!tight.has_air() && tight.count() == 1, "{tight:?}");
        assert_eq!(Pages::new(&[], 2, 10).count(), 0);
        assert_eq!(Pages::new(&[], 2, 10).page(at(3)), &[] as &[Column]);
    }
}
