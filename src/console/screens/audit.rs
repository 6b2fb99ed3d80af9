//! Events: who did what, when, through which door, about which run. Newest first; more come as one scrolls.

mod rows;

use super::Face;
use super::held::Held;
use super::listing::{self, Listing, Pressed};
use crate::console::bookmark::Kept;
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
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::domain::RunId;
use crate::domain::query::{AuditQuery, AuditRow, Fetch, Fetched};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::Line;

const KEYS: &[Key] = &[Key::Person, Key::Run, Key::Kind, Key::Since, Key::Until];

/// Events.
#[derive(Debug, Default)]
pub struct Audit {
    list: Listing<u64>,
    held: Held<AuditRow>,
    /// Events there were when the first page was asked for.
    seen: u64,
}

impl Audit {
    fn lines(&self) -> Vec<Line<'_>> {
        let all: Vec<Line<'_>> = self.held.rows.iter().map(Line).collect();
        let shown = self.list.filter().select(&all);
        shown.into_iter().filter_map(|nth| self.held.rows.get(nth)).map(Line).collect()
    }

    fn ids(&self) -> Vec<u64> {
        self.lines().iter().map(|line| line.0.index).collect()
    }

    fn selected(&self) -> Option<AuditRow> {
        let ids = self.ids();
        let index = self.list.pick.of(&ids)?;
        self.held.rows.iter().find(|row| row.index == *index).cloned()
    }

    fn ask(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.held.asked();
        self.seen = cx.world.events;
        let query = rows::query(cx, self.list.filter());
        vec![Do::Fetch(Want::Rows, Fetch::Audit(query))]
    }

    fn ask_more(&self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids();
        let at = self.list.pick.index(&ids);
        let Some(before) = self.held.more_before(cx, at, ids.len(), rows_in(list_area(cx))) else {
            return Vec::new();
        };
        let query = AuditQuery { before: Some(before), ..rows::query(cx, self.list.filter()) };
        vec![Do::Fetch(Want::MoreRows, Fetch::Audit(query))]
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

    fn kept(&self) -> Kept {
        self.list.kept()
    }

    fn restore(&mut self, cx: &Cx<'_>, kept: &Kept) {
        self.list.restore(cx, kept, KEYS, |text| text.parse().ok());
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
        let newer = cx.world.events.saturating_sub(self.seen);
        let newer = (self.held.is_ready() && newer > 0).then(|| safe!("{newer} newer; 7 reads them"));
        let status = self.held.status(cx);
        status.or_else(|| newer.map(|words| text(Role::Muted, words))).into_iter().collect()
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let lines = self.lines();
        let ids: Vec<u64> = lines.iter().map(|line| line.0.index).collect();
        let all = usize::try_from(self.held.total).unwrap_or(usize::MAX);
        let shown = match self.held.is_whole() {
            true => lines.len(),
            // What is not read yet fits as far as the store can tell.
            false => usize::try_from(self.held.matching).unwrap_or(usize::MAX),
        };
        paint.rule(inset(top(area, 1)), "events", self.list.count(shown, all));
        let area = list_area(cx);
        if lines.is_empty() {
            if !self.held.absent(cx, paint, area, "the record") {
                self.list.nothing(paint, area, &["No event is yours to see."]);
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
        if stage != Stage::Typing && todo.is_empty() {
            todo.extend(self.ask(cx));
        }
        todo
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Rows | Want::MoreRows, Answer::Plain(Fetched::Audit(page))) => {
                self.held.take(want, page, |row| row.index);
            }
            (_, Answer::Plain(Fetched::Failed(why))) => self.held.failed(why),
            (_, Answer::Plain(_) | Answer::Log(_)) => return Vec::new(),
        }
        let ids = self.ids();
        self.list.pick.settle(&ids);
        self.ask_more(cx)
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self.list.pressed(&self.ids(), list_area(cx), at) {
            Pressed::Again => self.row(cx, RowAct::Describe),
            Pressed::Selected | Pressed::Beside => Vec::new(),
        }
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
