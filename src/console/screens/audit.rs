//! Events: who did what, when, through which door, about which run. Newest first; more come as one scrolls.

mod rows;

use super::Face;
use super::listing::{self, Listing};
use crate::console::commands::{self, PaletteAct};
use crate::console::effect::{Do, Stage, Want, over};
use crate::console::filter::Key;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Place, RowAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::overlays::Overlay;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, text};
use crate::console::widgets::table::{Row, Table, row_at, rows_in};
use crate::domain::RunId;
use crate::domain::query::{AuditQuery, AuditRow, Fetch, Fetched, Page};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::Line;

const KEYS: &[Key] = &[Key::Person, Key::Run, Key::Kind, Key::Since, Key::Until];

/// Rows held at once: nobody reads further without a narrower filter, and a session's memory stays bounded.
const ROWS_HELD_MAX: usize = 10_000;

/// Events.
#[derive(Debug, Default)]
pub struct Audit {
    list: Listing<u64>,
    rows: Vec<AuditRow>,
    matching: u64,
    total: u64,
    next: Option<u64>,
    state: State,
    /// Events there were when the first page was asked for.
    seen: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Unasked,
    Asked,
    Ready,
    Failed(String),
}

impl Audit {
    fn lines(&self) -> Vec<Line<'_>> {
        let all: Vec<Line<'_>> = self.rows.iter().map(Line).collect();
        let shown = self.list.filter().select(&all);
        shown.into_iter().filter_map(|nth| self.rows.get(nth)).map(Line).collect()
    }

    fn ids(&self) -> Vec<u64> {
        self.lines().iter().map(|line| line.0.index).collect()
    }

    fn selected(&self) -> Option<AuditRow> {
        let ids = self.ids();
        let index = self.list.pick.of(&ids)?;
        self.rows.iter().find(|row| row.index == *index).cloned()
    }

    fn ask(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.state = State::Asked;
        self.seen = cx.world.events;
        let query = rows::query(cx, self.list.filter());
        vec![Do::Fetch(Want::Rows, Fetch::Audit(query))]
    }

    fn ask_more(&self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids();
        let near = self.list.pick.index(&ids).map_or(0, |at| at + 2 * rows_in(list_area(cx)));
        let wanted = near >= ids.len() && cx.waiting(Want::MoreRows).is_none();
        let (Some(before), true) = (self.next, wanted && self.rows.len() < ROWS_HELD_MAX) else {
            return Vec::new();
        };
        let query = AuditQuery { before: Some(before), ..rows::query(cx, self.list.filter()) };
        vec![Do::Fetch(Want::MoreRows, Fetch::Audit(query))]
    }

    fn take(&mut self, page: &Page<AuditRow>) {
        (self.matching, self.total, self.next) = (page.matching, page.total, page.next);
        self.state = State::Ready;
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        match act {
            RowAct::Filter => return vec![self.list.ask_filter()],
            RowAct::New => return vec![Do::Go(Place::Runbooks)],
            RowAct::Mark => {
                self.list.toggle_mark(&self.ids(), rows_in(list_area(cx)));
                return self.ask_more(cx);
            }
            RowAct::Sort => return vec![Do::Say("events stand in the order of the record".to_owned())],
            RowAct::EditDraft => return vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())],
            RowAct::Open | RowAct::Describe | RowAct::Raw | RowAct::Log | RowAct::LastRun => {}
        }
        let Some(event) = self.selected() else {
            return vec![Do::Say("no event is selected".to_owned())];
        };
        match (act, event.run) {
            (RowAct::Open | RowAct::Log | RowAct::LastRun, Some(run)) => vec![commands::open(cx, run)],
            (RowAct::Open | RowAct::Log | RowAct::LastRun, None)
            | (
                RowAct::Describe
                | RowAct::Raw
                | RowAct::Mark
                | RowAct::Filter
                | RowAct::Sort
                | RowAct::New
                | RowAct::EditDraft,
                _,
            ) => vec![over(Overlay::Sheet(rows::sheet(cx, &event)))],
        }
    }
}

fn list_area(cx: &Cx<'_>) -> Rect {
    inset(below(cx.areas.body, 1))
}

impl Face for Audit {
    fn scope(&self) -> Scope {
        Scope::Audit
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Audit")]
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Row(RowAct::Open)).says("its run"),
            foot(Act::Row(RowAct::Describe)),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Motion(Motion::Bottom)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        if let Some(reading) = listing::loading(cx, Want::MoreRows, "more") {
            return vec![text(Role::Muted, reading)];
        }
        let newer = cx.world.events.saturating_sub(self.seen);
        match (self.state == State::Ready && newer > 0, self.rows.len() >= ROWS_HELD_MAX) {
            (true, _) => vec![text(Role::Muted, safe!("{newer} newer; 7 reads them"))],
            (false, true) => {
                vec![text(Role::Muted, safe!("{ROWS_HELD_MAX} rows are held; a filter reaches further back"))]
            }
            (false, false) => Vec::new(),
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let lines = self.lines();
        let ids: Vec<u64> = lines.iter().map(|line| line.0.index).collect();
        let all = usize::try_from(self.total).unwrap_or(usize::MAX);
        let shown = match self.next {
            // What is not read yet fits as far as the store can tell.
            Some(_) => usize::try_from(self.matching).unwrap_or(usize::MAX),
            None => lines.len(),
        };
        paint.rule(inset(top(area, 1)), "events", self.list.count(shown, all));
        let area = list_area(cx);
        if lines.is_empty() {
            match &self.state {
                State::Failed(why) => {
                    paint.text(below(area, 1), Role::Failed, safe!("  the record cannot be read: {why}"));
                }
                State::Unasked | State::Asked => {
                    if let Some(reading) = listing::loading(cx, Want::Rows, "the record") {
                        paint.text(below(area, 1), Role::Muted, reading);
                    }
                }
                State::Ready => self.list.nothing(paint, area, &["No event is yours to see."]),
            }
            return;
        }
        let columns = rows::Columns::of(&lines, area.width);
        let heads = columns.heads();
        let first = self.list.pick.top(&ids, rows_in(area));
        let selected = self.list.pick.index(&ids);
        let table = Table { heads: &heads, len: lines.len(), top: first, selected };
        table.view(paint, area, |nth| match lines.get(nth) {
            Some(line) => columns.row(cx, line, self.list.mark(&line.0.index)),
            None => Row::plain(Vec::new()),
        });
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.ask(cx)
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(Motion::Left | Motion::Right) => Vec::new(),
            Act::Motion(motion) => {
                self.list.go(&self.ids(), motion, rows_in(list_area(cx)));
                self.ask_more(cx)
            }
            Act::Row(act) => self.row(cx, act),
            Act::Anywhere(_)
            | Act::Go(_)
            | Act::Approval(_)
            | Act::Run(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Line(_) => Vec::new(),
        }
    }

    fn back(&mut self, cx: &Cx<'_>) -> Option<Vec<Do>> {
        let cleared = self.list.clear_filter();
        cleared.then(|| self.ask(cx))
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        let mut todo = self.list.line(cx, stage, text, KEYS);
        if stage != Stage::Typing && todo.is_empty() {
            todo.extend(self.ask(cx));
        }
        todo
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Rows, Answer::Plain(Fetched::Audit(page))) => {
                self.rows.clone_from(&page.rows);
                self.take(page);
            }
            (Want::MoreRows, Answer::Plain(Fetched::Audit(page))) => {
                let last = self.rows.last().map(|row| row.index);
                self.rows.extend(page.rows.iter().filter(|row| last.is_none_or(|last| row.index < last)).cloned());
                self.take(page);
            }
            (_, Answer::Plain(Fetched::Failed(why))) => self.state = State::Failed(why.clone()),
            (_, Answer::Plain(_) | Answer::Log(_)) => return Vec::new(),
        }
        let ids = self.ids();
        self.list.pick.settle(&ids);
        self.ask_more(cx)
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let (ids, area) = (self.ids(), list_area(cx));
        let first = self.list.pick.top(&ids, rows_in(area));
        let Some(hit) = row_at(area, first, ids.len(), at.y) else {
            return Vec::new();
        };
        if self.list.pick.index(&ids) == Some(hit) {
            return self.row(cx, RowAct::Describe);
        }
        self.list.pick.select(&ids, hit);
        Vec::new()
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        self.selected()?.run.filter(|run| cx.world.run(*run).is_some())
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let lines = self.lines();
        let ids: Vec<u64> = lines.iter().map(|line| line.0.index).collect();
        let text = |id: &u64| lines.iter().find(|line| line.0.index == *id).map(|line| line.text(cx));
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}
