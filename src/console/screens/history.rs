//! Every run there was. What is asked for is the filter's own words as far as the store knows them; the rest is judged
//! here. More rows come as one scrolls.

mod rows;

use super::held::Held;
use super::listing::{self, Listing, Pressed};
use super::past::Past;
use super::{Face, Screen};
use crate::console::bookmark::Kept;
use crate::console::commands::{self, PaletteAct};
use crate::console::effect::{Do, Stage, Want, push};
use crate::console::filter::Key;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Place, RowAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::safe;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::Piece;
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::domain::RunId;
use crate::domain::query::{Fetch, Fetched, HistoryRow};
use crate::domain::run::{Phase, Run};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::Line;

const KEYS: &[Key] = &[
    Key::Workspace,
    Key::Runbook,
    Key::Person,
    Key::Host,
    Key::State,
    Key::Impact,
    Key::Ticket,
    Key::Run,
    Key::Since,
    Key::Until,
];

/// Past runs.
#[derive(Debug, Default)]
pub struct History {
    list: Listing<RunId>,
    held: Held<HistoryRow>,
    sort: Sort,
    /// What of the world would make the first page another one.
    seen: (u64, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Sort {
    #[default]
    Newest,
    Longest,
    Runbook,
}

impl History {
    fn lines(&self) -> Vec<Line<'_>> {
        let all: Vec<Line<'_>> = self.held.rows.iter().map(Line).collect();
        let shown = self.list.filter().select(&all);
        let mut lines: Vec<Line<'_>> = shown.into_iter().filter_map(|nth| self.held.rows.get(nth)).map(Line).collect();
        let took = |line: &Line<'_>| match (line.0.started, line.0.ended) {
            (Some(started), Some(ended)) => ended.ms_since(started),
            (None | Some(_), None | Some(_)) => 0,
        };
        match self.sort {
            Sort::Newest => {}
            Sort::Longest => lines.sort_by_key(|line| std::cmp::Reverse(took(line))),
            Sort::Runbook => lines.sort_by(|a, b| a.0.runbook.cmp(&b.0.runbook)),
        }
        lines
    }

    fn ids(&self) -> Vec<RunId> {
        self.lines().iter().map(|line| line.0.run).collect()
    }

    fn ask(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        match rows::query(cx, self.list.filter()) {
            Ok(query) => {
                self.held.asked();
                self.seen = first_page(cx);
                vec![Do::Fetch(Want::Rows, Fetch::History(query))]
            }
            Err(wrong) => vec![Do::Say(wrong)],
        }
    }

    /// Asks for what comes after the rows held, where one is about to see their end.
    fn ask_more(&self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids();
        let at = self.list.pick.index(&ids);
        let Some(before) = self.held.more_before(cx, at, ids.len(), rows_in(list_area(cx))) else {
            return Vec::new();
        };
        match rows::query(cx, self.list.filter()) {
            Ok(query) => {
                let query = crate::domain::query::HistoryQuery { before: Some(before), ..query };
                vec![Do::Fetch(Want::MoreRows, Fetch::History(query))]
            }
            Err(_) => Vec::new(),
        }
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        let ids = self.ids();
        let selected = self.list.pick.of(&ids).copied();
        match (act, selected) {
            (RowAct::Filter, _) => vec![self.list.ask_filter()],
            (RowAct::New, _) => vec![Do::Go(Place::Runbooks)],
            (RowAct::Mark, _) => {
                self.list.toggle_mark(&ids, rows_in(list_area(cx)));
                self.ask_more(cx)
            }
            (RowAct::Sort, _) => {
                let (sort, word) = match self.sort {
                    Sort::Newest => (Sort::Longest, "duration, longest first"),
                    Sort::Longest => (Sort::Runbook, "runbook"),
                    Sort::Runbook => (Sort::Newest, "number, newest first"),
                };
                self.sort = sort;
                vec![Do::Say(format!("the rows read so far are sorted by {word}"))]
            }
            (RowAct::Open, Some(run)) => vec![commands::open(cx, run)],
            (RowAct::Describe, Some(run)) => vec![push(Screen::Past(Box::new(Past::of(run))))],
            (RowAct::Log, Some(run)) => vec![push(Screen::Past(Box::new(Past::log_of(run))))],
            (RowAct::Raw, Some(run)) => vec![push(Screen::Past(Box::new(Past::raw_of(run))))],
            (RowAct::LastRun, Some(run)) => match self.earlier_good(run) {
                Some(last) => vec![push(Screen::Past(Box::new(Past::of(last))))],
                None => vec![Do::Say("no earlier good run among the rows read so far".to_owned())],
            },
            (RowAct::EditDraft, _) => vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())],
            (RowAct::Open | RowAct::Describe | RowAct::Log | RowAct::Raw | RowAct::LastRun, None) => {
                vec![Do::Say("no run is selected".to_owned())]
            }
        }
    }

    fn earlier_good(&self, run: RunId) -> Option<RunId> {
        let this = self.held.rows.iter().find(|row| row.run == run)?;
        let same = |row: &&HistoryRow| row.runbook == this.runbook && row.workspace == this.workspace;
        let good = |row: &&HistoryRow| row.ending == Some(crate::domain::run::Ending::Succeeded);
        self.held.rows.iter().filter(same).filter(good).find(|row| row.run < run).map(|row| row.run)
    }
}

fn list_area(cx: &Cx<'_>) -> Rect {
    inset(below(cx.areas.body, 1))
}

/// Changes whenever a run appears or is over.
fn first_page(cx: &Cx<'_>) -> (u64, usize) {
    let over = |run: &&std::sync::Arc<Run>| match run.phase {
        Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => true,
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying => false,
    };
    (cx.world.next_run, cx.world.runs.len() * 2 + cx.world.runs.values().filter(over).count())
}

impl Face for History {
    fn scope(&self) -> Scope {
        Scope::History
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("History")]
    }

    fn kept(&self) -> Kept {
        self.list.kept()
    }

    fn restore(&mut self, cx: &Cx<'_>, kept: &Kept) {
        self.list.restore(cx, kept, KEYS, |text| text.parse().ok());
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Row(RowAct::Open)),
            foot(Act::Row(RowAct::Log)),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Row(RowAct::Sort)),
            foot(Act::Row(RowAct::LastRun)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        self.held.status(cx).into_iter().collect()
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let lines = self.lines();
        let ids: Vec<RunId> = lines.iter().map(|line| line.0.run).collect();
        let counted = match self.list.filter().is_all() && self.held.matching == self.held.total {
            true => self.list.count(lines.len(), usize::try_from(self.held.total).unwrap_or(usize::MAX)),
            false => safe!("{} · / {}", rows::counted(self.held.matching, self.held.total), self.list.filter().text()),
        };
        paint.rule(inset(top(area, 1)), "runs that were", counted);
        let area = list_area(cx);
        if lines.is_empty() {
            if !self.held.absent(cx, paint, area, "the history") {
                self.list.nothing(paint, area, &["Nothing has run yet.", "2 shows what could be run."]);
            }
            return;
        }
        let columns = rows::Columns::of(&lines, area.width);
        let heads = columns.heads();
        let first = self.list.pick.top(&ids, rows_in(area));
        let selected = self.list.pick.index(&ids);
        let table = Table { heads: &heads, len: lines.len(), top: first, selected };
        table.view(paint, area, |nth| match lines.get(nth) {
            Some(line) => columns.row(cx, line, self.list.mark(&line.0.run)),
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
            | Act::Task(_)
            | Act::Line(_) => Vec::new(),
        }
    }

    fn back(&mut self, cx: &Cx<'_>) -> Option<Vec<Do>> {
        let cleared = self.list.clear_filter();
        cleared.then(|| self.ask(cx))
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        let mut todo = self.list.line(cx, stage, text, KEYS);
        // While one types the rows at hand are narrowed; the store is asked once the line is taken or left.
        if stage != Stage::Typing && todo.is_empty() {
            todo.extend(self.ask(cx));
        }
        todo
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Rows | Want::MoreRows, Answer::Plain(Fetched::History(page))) => {
                self.held.take(want, page, |row| row.run.0);
            }
            (_, Answer::Plain(Fetched::Failed(why))) => self.held.failed(why),
            (_, Answer::Plain(_) | Answer::Log(_)) => return Vec::new(),
        }
        let ids = self.ids();
        self.list.pick.settle(&ids);
        self.ask_more(cx)
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        // Rows further down do not move under the reader: only a list still on its first page is read anew.
        let first = self.held.rows.len() <= usize::try_from(rows::PAGE_ROWS).unwrap_or(usize::MAX);
        match first && self.seen != first_page(cx) {
            true => self.ask(cx),
            false => Vec::new(),
        }
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self.list.pressed(&self.ids(), list_area(cx), at) {
            Pressed::Again => self.row(cx, RowAct::Open),
            Pressed::Selected | Pressed::Beside => Vec::new(),
        }
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        let ids = self.ids();
        self.list.pick.of(&ids).copied().filter(|run| cx.world.run(*run).is_some())
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let lines = self.lines();
        let ids: Vec<RunId> = lines.iter().map(|line| line.0.run).collect();
        let text = |id: &RunId| lines.iter().find(|line| line.0.run == *id).map(|line| line.text(cx));
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}
