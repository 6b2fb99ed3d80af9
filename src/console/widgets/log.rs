//! A pane of a run's log: one host and step, or all merged. A million lines cost no more than the window in memory:
//! scrolling asks for what is missing, and what a run prints while one looks is appended or counted.
//!
//! Invariants: the window holds consecutive lines and at most [`LOG_ROWS_MAX`]; scrolling up stops following; lines
//! that arrive while one reads further up are counted, never drawn over what is read.

mod draw;
mod find;

use crate::console::effect::{Do, Effect, Want};
use crate::console::keymap::{LogAct, Motion};
use crate::console::model::Cx;
use crate::console::msg::{Answer, LogRow, LogRows};
use crate::domain::query::{Fetch, Fetched, LogFrom, LogQuery};
use crate::domain::run::Item;
use crate::domain::{RunId, Timestamp};
use find::Search;
use ratatui::layout::Rect;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Lines a pane keeps: some dozens of screens, a few hundred KiB.
pub const LOG_ROWS_MAX: usize = 4_000;

/// Lines asked for where one follows: some screens. What is further up is asked for once somebody scrolls there.
const LOG_END_LINES: u32 = 400;

/// Lines asked for at once.
pub const LOG_PAGE_LINES: u32 = 1_000;

/// Columns one step sideways goes.
const SIDEWAYS_COLUMNS: usize = 8;

/// Whether lines may still come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    /// The run is at work.
    Growing,
    /// It is not: what is there is all of it.
    Over,
}

impl Growth {
    /// What an empty log says.
    fn nothing(self) -> &'static str {
        match self {
            Growth::Growing => "nothing printed yet",
            Growth::Over => "nothing was printed",
        }
    }
}

/// A pane of a log.
#[derive(Debug)]
pub struct LogPane {
    run: RunId,
    host: Option<String>,
    item: Option<Item>,
    /// Consecutive lines, and whoever watches the same run holds the same ones: what number one has here follows from its place.
    rows: VecDeque<Arc<LogRow>>,
    first: u64,
    total: u64,
    place: Place,
    state: State,
    wrap: Wrap,
    times: Times,
    left: usize,
    marks: BTreeSet<u64>,
    search: Option<Search>,
    /// What of the transcript cannot be shown.
    amiss: Option<String>,
    /// What came while the first page was on its way.
    early: VecDeque<Arc<LogRow>>,
    /// The line of the run that is next, once some have come.
    next: Option<u64>,
    /// Whether lines were left out because they came faster than they can be shown: the numbers here are too small then.
    gaps: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The end, as it grows.
    Follow,
    /// This line on top.
    Line(u64),
}

#[derive(Clone, PartialEq, Debug)]
enum State {
    /// Waits for a page around this.
    Asked(Around),
    Ready,
    Failed(String),
}

#[derive(Clone, PartialEq, Debug)]
enum Around {
    End,
    Before,
    After,
    Start,
    Moment,
    Hit(Arc<LogRow>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrap {
    Cut,
    Wrapped,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Times {
    Clock,
    SinceStart,
    Off,
}

impl LogPane {
    /// A pane of a run's whole log, merged.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            host: None,
            item: None,
            rows: VecDeque::new(),
            first: 0,
            total: 0,
            place: Place::Follow,
            state: State::Asked(Around::End),
            wrap: Wrap::Cut,
            times: Times::Clock,
            left: 0,
            marks: BTreeSet::new(),
            search: None,
            amiss: None,
            early: VecDeque::new(),
            next: None,
            gaps: false,
        }
    }

    /// What it shows: a host, a step; `None` for all of them.
    pub fn shows(&self) -> (Option<&str>, Option<Item>) {
        (self.host.as_deref(), self.item)
    }

    /// Shows another part of the log, from its end. Asks only where it is another.
    pub fn show(&mut self, host: Option<String>, item: Option<Item>) -> Vec<Do> {
        if (self.host.as_deref(), self.item) == (host.as_deref(), item) {
            return Vec::new();
        }
        (self.host, self.item) = (host, item);
        self.rows.clear();
        self.marks.clear();
        (self.first, self.total, self.left) = (0, 0, 0);
        self.place = Place::Follow;
        self.open()
    }

    /// Asks for the end: when the pane is first shown, or shown again.
    pub fn open(&mut self) -> Vec<Do> {
        self.early.clear();
        self.ask(Around::End, LogFrom::End)
    }

    /// Goes to the first line of so long ago.
    pub fn since(&mut self, at: Timestamp) -> Vec<Do> {
        self.ask(Around::Moment, LogFrom::Time(at))
    }

    /// Puts the loaded lines into the terminal's clipboard.
    pub fn copied(&self) -> Vec<Do> {
        let said = "the lines of the log that are read are copied".to_owned();
        vec![Do::Effect(Effect::Copy(self.text())), Do::Say(said)]
    }

    /// Writes the loaded lines to a file; `runs log` writes all of them.
    pub fn saved(&self, name: &str) -> Vec<Do> {
        vec![Do::Effect(Effect::SaveText { name: name.to_owned(), text: self.text() })]
    }

    fn text(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.text.text())).collect()
    }

    /// Takes a key. `area` is where the pane stands.
    pub fn act(&mut self, cx: &Cx<'_>, act: LogAct, area: Rect) -> Vec<Do> {
        match act {
            LogAct::Follow if self.place == Place::Follow => self.hold_at(self.top(area)),
            LogAct::Follow => self.go_to_end(),
            LogAct::Wrap => {
                self.wrap = match self.wrap {
                    Wrap::Cut => Wrap::Wrapped,
                    Wrap::Wrapped => Wrap::Cut,
                };
                self.left = 0;
                Vec::new()
            }
            LogAct::Times => {
                self.times = match self.times {
                    Times::Clock => Times::SinceStart,
                    Times::SinceStart => Times::Off,
                    Times::Off => Times::Clock,
                };
                Vec::new()
            }
            LogAct::Mark => {
                if !self.rows.is_empty() {
                    self.marks.insert(self.end().saturating_sub(1));
                }
                Vec::new()
            }
            LogAct::Search => vec![self.search_prompt()],
            LogAct::NextHit => self.next_hit(cx, 1),
            LogAct::PrevHit => self.next_hit(cx, -1),
            // The screen's own: which part of the screen a log takes, and whose log it is.
            LogAct::Full | LogAct::Merge => Vec::new(),
        }
    }

    /// Scrolls.
    pub fn go(&mut self, motion: Motion, area: Rect) -> Vec<Do> {
        let page = u64::from(area.height.max(1));
        let top = self.top(area);
        match motion {
            Motion::Up => self.up(top, 1),
            Motion::PageUp => self.up(top, page),
            Motion::HalfUp => self.up(top, page.div_ceil(2)),
            Motion::Top if self.first == 0 => {
                self.place = Place::Line(0);
                Vec::new()
            }
            Motion::Top => self.ask(Around::Start, LogFrom::Line(0)),
            Motion::Down => self.down(top, 1, area),
            Motion::PageDown => self.down(top, page, area),
            Motion::HalfDown => self.down(top, page.div_ceil(2), area),
            Motion::Bottom => self.go_to_end(),
            Motion::Left => {
                self.left = self.left.saturating_sub(SIDEWAYS_COLUMNS);
                Vec::new()
            }
            Motion::Right if self.wrap == Wrap::Cut => {
                self.left += SIDEWAYS_COLUMNS;
                Vec::new()
            }
            Motion::Right => Vec::new(),
        }
    }

    /// Takes the answer to one of its questions.
    pub fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer, area: Rect) -> Vec<Do> {
        let page = match answer {
            Answer::Log(page) if page.run == self.run => page,
            Answer::Plain(Fetched::Failed(why)) => {
                self.state = State::Failed(why.clone());
                return Vec::new();
            }
            Answer::Log(_) | Answer::Plain(_) => return Vec::new(),
        };
        if want == Want::Hits {
            return self.found(cx, page, area);
        }
        let around = match std::mem::replace(&mut self.state, State::Ready) {
            State::Asked(around) => around,
            State::Ready | State::Failed(_) => Around::End,
        };
        self.total = page.total.max(self.total);
        self.amiss.clone_from(&page.amiss);
        match around {
            Around::Before => {
                let mut older = 0;
                for row in page.rows.iter().rev().filter(|row| row.number < self.first) {
                    self.rows.push_front(Arc::clone(row));
                    older += 1;
                }
                self.rows.truncate(LOG_ROWS_MAX);
                self.first = self.first.saturating_sub(older);
            }
            Around::After => {
                let end = self.end();
                self.rows.extend(page.rows.iter().filter(|row| row.number >= end).cloned());
                self.trim_front();
            }
            Around::End => {
                self.replace(page);
                self.take_early();
            }
            Around::Start => {
                self.replace(page);
                self.place = Place::Line(0);
            }
            Around::Moment => {
                self.replace(page);
                self.place = Place::Line(self.first);
            }
            Around::Hit(hit) => {
                self.replace(page);
                self.show_hit(&hit, area);
            }
        }
        Vec::new()
    }

    /// Takes lines the run just printed.
    pub fn tail(&mut self, rows: &[Arc<LogRow>]) {
        for row in rows {
            self.gaps |= self.next.is_some_and(|next| next < row.number);
            self.next = Some(row.number + 1);
            if !self.is_mine(row) {
                continue;
            }
            if self.state == State::Asked(Around::End) {
                if self.early.len() >= LOG_ROWS_MAX {
                    self.early.pop_front();
                }
                self.early.push_back(Arc::clone(row));
            } else {
                self.append(row);
            }
        }
    }

    fn is_mine(&self, row: &LogRow) -> bool {
        self.host.as_deref().is_none_or(|host| host == row.host) && self.item.is_none_or(|item| item == row.item)
    }

    fn append(&mut self, row: &Arc<LogRow>) {
        let at_end = self.end() == self.total;
        self.total += 1;
        if at_end && (self.place == Place::Follow || self.rows.len() < LOG_ROWS_MAX) {
            self.rows.push_back(Arc::clone(row));
            self.trim_front();
        }
    }

    /// Appends what came while the page was read, less what the page holds already.
    fn take_early(&mut self) {
        let early = std::mem::take(&mut self.early);
        let same = |a: &LogRow, b: &LogRow| {
            (a.at, &a.host, a.item, a.attempt, a.stream) == (b.at, &b.host, b.item, b.attempt, b.stream)
                && a.text == b.text
        };
        let known = self.rows.back().map(|last| {
            let here = early.iter().rposition(|row| same(row, last)).map(|at| at + 1);
            here.unwrap_or_else(|| early.iter().take_while(|row| row.at < last.at).count())
        });
        for row in early.iter().skip(known.unwrap_or(0)) {
            self.append(row);
        }
    }

    fn replace(&mut self, page: &LogRows) {
        self.gaps = false;
        self.rows = page.rows.iter().cloned().collect();
        self.first = page.first;
        self.total = page.total;
    }

    fn trim_front(&mut self) {
        while self.rows.len() > LOG_ROWS_MAX {
            self.rows.pop_front();
            self.first += 1;
        }
    }

    /// Lines from this number on, each with its number.
    fn numbered(&self, from: u64) -> impl DoubleEndedIterator<Item = (u64, &Arc<LogRow>)> {
        let skipped = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.rows.len());
        let from = from.max(self.first);
        self.rows
            .range(skipped..)
            .enumerate()
            .map(move |(nth, row)| (from.saturating_add(u64::try_from(nth).unwrap_or(u64::MAX)), row))
    }

    /// Stops following, with this line on top. Where lines were left out, what is around it is read anew: from here on somebody
    /// scrolls, and must not take for neighbours what are none.
    fn hold_at(&mut self, top: u64) -> Vec<Do> {
        let at = self.numbered(top).next().map(|(_, row)| row.at);
        self.place = Place::Line(top);
        match at.filter(|_| std::mem::take(&mut self.gaps)) {
            Some(at) => self.ask(Around::Moment, LogFrom::Time(at)),
            None => Vec::new(),
        }
    }

    fn end(&self) -> u64 {
        self.first + u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    fn up(&mut self, top: u64, by: u64) -> Vec<Do> {
        let to = top.saturating_sub(by);
        if self.gaps {
            return self.hold_at(to.max(self.first));
        }
        self.place = Place::Line(to);
        match to < self.first {
            true => self.ask(Around::Before, LogFrom::Line(self.first.saturating_sub(u64::from(LOG_PAGE_LINES)))),
            false => Vec::new(),
        }
    }

    fn down(&mut self, top: u64, by: u64, area: Rect) -> Vec<Do> {
        if self.place == Place::Follow {
            return Vec::new();
        }
        let to = top + by;
        if to >= self.bottom_top(area) {
            if self.end() >= self.total {
                self.place = Place::Follow;
                return Vec::new();
            }
            self.place = Place::Line(to.min(self.end().saturating_sub(1)));
            return self.ask(Around::After, LogFrom::Line(self.end()));
        }
        self.place = Place::Line(to);
        Vec::new()
    }

    fn go_to_end(&mut self) -> Vec<Do> {
        self.place = Place::Follow;
        match self.end() < self.total {
            true => self.open(),
            false => Vec::new(),
        }
    }

    fn ask(&mut self, around: Around, from: LogFrom) -> Vec<Do> {
        let count = if around == Around::End { LOG_END_LINES } else { LOG_PAGE_LINES };
        self.state = State::Asked(around);
        vec![Do::Fetch(Want::Log, Fetch::Log(self.query(from, count, None)))]
    }

    fn query(&self, from: LogFrom, count: u32, matching: Option<String>) -> LogQuery {
        let (run, host, item) = (self.run, self.host.clone(), self.item);
        LogQuery { run, host, item, stream: None, matching, from, count }
    }
}

#[cfg(test)]
mod tests;
