//! Rows that come by the page: those held, how many the store says there are, and whether more are wanted.
//!
//! Invariant: rows stand in the store's order, newest first, and none of them twice.

use super::listing;
use crate::console::effect::Want;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{Piece, text};
use crate::domain::query::Page;
use ratatui::layout::Rect;

/// Rows held at once: nobody reads further without a narrower filter, and a session's memory stays bounded.
const ROWS_HELD_MAX: usize = 10_000;

/// What has been read so far.
#[derive(Debug)]
pub struct Held<Row> {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many match what was asked for, as far as the store can tell.
    pub matching: u64,
    /// How many there are.
    pub total: u64,
    next: Option<u64>,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Unasked,
    Asked,
    Ready,
    Failed(String),
}

impl<Row> Default for Held<Row> {
    fn default() -> Self {
        Self { rows: Vec::new(), matching: 0, total: 0, next: None, state: State::Unasked }
    }
}

impl<Row: Clone> Held<Row> {
    /// The first page was asked for; until it comes, what is held stays.
    pub fn asked(&mut self) {
        self.state = State::Asked;
    }

    /// Takes a page; `number` is what the rows are in order of.
    pub fn take(&mut self, want: Want, page: &Page<Row>, number: impl Fn(&Row) -> u64) {
        if want == Want::Rows {
            self.rows.clear();
        }
        let last = self.rows.last().map(&number);
        let new = page.rows.iter().filter(|row| last.is_none_or(|last| number(row) < last));
        self.rows.extend(new.cloned());
        (self.matching, self.total, self.next) = (page.matching, page.total, page.next);
        self.state = State::Ready;
    }

    /// The question could not be answered.
    pub fn failed(&mut self, why: &str) {
        self.state = State::Failed(why.to_owned());
    }

    /// Before which row to read on, where somebody at row `at` of `shown` is about to see their end.
    pub fn more_before(&self, cx: &Cx<'_>, at: Option<usize>, shown: usize, height: usize) -> Option<u64> {
        let near = at.map_or(0, |at| at + 2 * height) >= shown;
        let wanted = near && !self.is_full() && cx.waiting(Want::MoreRows).is_none();
        self.next.filter(|_| wanted)
    }

    /// Whether everything there is has been read.
    pub fn is_whole(&self) -> bool {
        self.next.is_none()
    }

    /// Whether what is held was read.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What to say below the list: that more is being read, or that there is no more room for it.
    pub fn status(&self, cx: &Cx<'_>) -> Option<Piece> {
        let full = || safe!("{ROWS_HELD_MAX} rows are held; a filter reaches further back");
        let said = listing::loading(cx, Want::MoreRows, "more");
        said.or_else(|| (self.is_full() && !self.is_whole()).then(full)).map(|words| text(Role::Muted, words))
    }

    /// Says why there is no row to see of `what`; false where it was read and there is none.
    pub fn absent(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect, what: &str) -> bool {
        let area = below(area, 1);
        match &self.state {
            State::Failed(why) => {
                paint.text(area, Role::Failed, safe!("  {what} cannot be read: {why}"));
            }
            State::Unasked | State::Asked => {
                if let Some(reading) = listing::loading(cx, Want::Rows, what) {
                    paint.text(area, Role::Muted, reading);
                }
            }
            State::Ready => return false,
        }
        true
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_HELD_MAX
    }
}
