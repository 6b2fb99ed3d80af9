//! Every open run: where it stands, whose it is, what it waits for.

pub(super) mod rows;

use super::approval::Approval;
use super::listing::{self, Listing, Pressed};
use super::live::Live;
use super::past;
use super::{Face, Screen};
use crate::console::bookmark::Kept;
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Stage, over, push};
use crate::console::facts;
use crate::console::filter::Key;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Place, RowAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::overlays::Overlay;
use crate::console::overlays::menu::Choice;
use crate::console::overlays::sheet::{self, Sheet};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::console::{pages, safe};
use crate::domain::RunId;
use crate::domain::presence::Selected;
use crate::domain::run::{Phase, Run};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::{Line, Sort};
use std::sync::Arc;

const KEYS: &[Key] = &[
    Key::Workspace,
    Key::Runbook,
    Key::Person,
    Key::State,
    Key::Impact,
    Key::Ticket,
    Key::Host,
    Key::Run,
    Key::Since,
    Key::Until,
];

/// Open runs.
#[derive(Debug, Default)]
pub struct Runs {
    list: Listing<RunId>,
    sort: Sort,
}

impl Runs {
    fn lines<'a>(&self, cx: &Cx<'a>) -> (Vec<Line<'a>>, usize) {
        let all = rows::all(cx, self.sort);
        let count = all.len();
        let shown = self.list.filter().select(&all);
        (shown.into_iter().filter_map(|nth| all.get(nth).cloned()).collect(), count)
    }

    fn ids(&self, cx: &Cx<'_>) -> Vec<RunId> {
        self.lines(cx).0.iter().map(|line| line.run.id).collect()
    }

    fn selected<'a>(&self, cx: &Cx<'a>) -> Option<&'a Arc<Run>> {
        cx.world.run(*self.list.pick.of(&self.ids(cx))?)
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        match act {
            RowAct::New => return vec![Do::Go(Place::Runbooks)],
            RowAct::Filter => return vec![self.list.ask_filter()],
            RowAct::Sort => {
                self.sort = self.sort.next();
                return vec![Do::Say(format!("sorted by {}", self.sort.word()))];
            }
            RowAct::Mark => {
                let ids = self.ids(cx);
                self.list.toggle_mark(&ids, rows_in(list_area(cx)));
                return Vec::new();
            }
            RowAct::Open | RowAct::Describe | RowAct::Raw | RowAct::Log | RowAct::LastRun | RowAct::EditDraft => {}
        }
        let Some(run) = self.selected(cx) else {
            return vec![Do::Say("no run is selected".to_owned())];
        };
        match act {
            RowAct::Open if run.phase == Phase::Waiting => {
                vec![push(Screen::Approval(Approval::of(run.id)))]
            }
            RowAct::Open | RowAct::Log => vec![push(Screen::Live(Box::new(Live::of(run.id))))],
            RowAct::Describe => {
                let title = safe!("{} {}", run.id, run.plan.runbook.id);
                let sheet = Sheet::new(title, pages::plan::parts(cx, &run.plan));
                vec![over(Overlay::Sheet(sheet))]
            }
            RowAct::Raw => {
                vec![sheet::source(&run.plan.runbook)]
            }
            RowAct::LastRun => vec![past::last_good(cx, &run.plan)],
            RowAct::EditDraft => {
                vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())]
            }
            RowAct::New | RowAct::Filter | RowAct::Sort | RowAct::Mark => Vec::new(),
        }
    }
}

fn list_area(cx: &Cx<'_>) -> Rect {
    inset(below(cx.areas.body, 1))
}

impl Face for Runs {
    fn scope(&self) -> Scope {
        Scope::Runs
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Runs")]
    }

    fn kept(&self) -> Kept {
        self.list.kept()
    }

    fn restore(&mut self, cx: &Cx<'_>, kept: &Kept) {
        self.list.restore(cx, kept, KEYS, |text| text.parse().ok());
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Row(RowAct::Open)),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Row(RowAct::Sort)),
            foot(Act::Row(RowAct::Describe)),
            foot(Act::Row(RowAct::New)).locked(facts::looks_only(cx.world, cx.me(), None)),
            foot(Act::Anywhere(Anywhere::Note)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let (lines, all) = self.lines(cx);
        let ids: Vec<RunId> = lines.iter().map(|line| line.run.id).collect();
        paint.rule(inset(top(area, 1)), "open runs", self.list.count(lines.len(), all));
        let area = list_area(cx);
        if lines.is_empty() {
            let none = ["No run is open.", "n proposes one, 6 shows those that are over."];
            self.list.nothing(paint, area, &none);
            return;
        }
        let columns = rows::Columns::of(&lines, area.width);
        let heads = columns.heads(self.sort);
        let first = self.list.pick.top(&ids, rows_in(area));
        let selected = self.list.pick.index(&ids);
        let table = Table { heads: &heads, len: lines.len(), top: first, selected };
        table.view(paint, area, |nth| match lines.get(nth) {
            Some(line) => columns.row(cx, line, self.list.mark(&line.run.id)),
            None => Row::plain(Vec::new()),
        });
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(motion) => {
                self.list.go(&self.ids(cx), motion, rows_in(list_area(cx)));
                Vec::new()
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

    fn select(&mut self, cx: &Cx<'_>, selected: Selected) -> Vec<Do> {
        let ids = self.ids(cx);
        if let Selected::Run(run) = selected
            && let Some(index) = ids.iter().position(|id| *id == run)
        {
            self.list.pick.select(&ids, index);
        }
        Vec::new()
    }

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        self.list.clear_filter().then(Vec::new)
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        self.list.line(cx, stage, text, KEYS)
    }

    fn picked(&mut self, _: &Cx<'_>, _: &Choice) -> Vec<Do> {
        Vec::new()
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids(cx);
        self.list.pick.settle(&ids);
        Vec::new()
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self.list.pressed(&self.ids(cx), list_area(cx), at) {
            Pressed::Again => self.row(cx, RowAct::Open),
            Pressed::Selected | Pressed::Beside => Vec::new(),
        }
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        self.selected(cx).map(|run| run.id)
    }

    fn ran(&self, cx: &Cx<'_>) -> Option<Sheet> {
        let run = self.selected(cx)?;
        let title = safe!("what {} runs", run.id);
        Some(Sheet::new(title, pages::runbook::commands(&run.plan.runbook)))
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let (lines, _) = self.lines(cx);
        let ids: Vec<RunId> = lines.iter().map(|line| line.run.id).collect();
        let text = |id: &RunId| lines.iter().find(|line| line.run.id == *id).map(|line| line.text(cx));
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}
