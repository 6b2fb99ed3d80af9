//! What deviates in a week, or in the runs of a release; what nobody has looked at yet stands first.
//!
//! Invariant: looking is an act with a reason. Scrolling past a row is not looking at it.

use super::Face;
use super::listing::{self, Listing, Pressed};
use crate::console::commands::{self, PaletteAct};
use crate::console::effect::{Do, Stage, Want, over};
use crate::console::filter::{Key, Row as Filtered};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Place, RowAct, Scope, TaskAct};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::msg::Answer;
use crate::console::overlays::Overlay;
use crate::console::overlays::dialog::{self, Dialog, Need};
use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::pages::labelled;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::console::words;
use crate::domain::deviation::Deviation;
use crate::domain::follow_up::Source;
use crate::domain::proof::{Found, Period, Question};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::week::{Line, Week};
use crate::domain::{Ask, Receipt, Refusal, RunId, Seen, Timestamp, WorkspaceId};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

const DAY_MS: u64 = 24 * 3_600_000;
const WEEK_MS: u64 = 7 * DAY_MS;
/// Releases take weeks, not years.
const RELEASE_MS: u64 = 366 * DAY_MS;

const KEYS: &[Key] = &[Key::Workspace, Key::Kind, Key::Run, Key::State];

const LOOKED_COLUMNS: u16 = 10;
const KIND_COLUMNS: u16 = 10;
const PLACE_COLUMNS: u16 = 14;
const RUN_COLUMNS: u16 = 6;

/// A week being looked at.
#[derive(Debug)]
pub struct WeekScreen {
    workspace: Option<WorkspaceId>,
    release: Option<String>,
    list: Listing<(WorkspaceId, Deviation)>,
    read: Read,
}

#[derive(Debug)]
enum Read {
    Not,
    Done(Arc<Week>),
    Failed(String),
}

struct Shown<'a>(&'a Line);

impl Filtered for Shown<'_> {
    fn words(&self) -> String {
        format!("{} {} {}", self.0.name(), self.0.words, looked(self.0))
    }

    fn field(&self, key: Key) -> Option<String> {
        Some(match key {
            Key::Workspace => self.0.workspace.to_string(),
            Key::Kind => self.0.deviation.kind().to_owned(),
            Key::Run => self.0.deviation.run().map(|run| run.0.to_string()).unwrap_or_default(),
            Key::State => looked(self.0),
            Key::Person
            | Key::Runbook
            | Key::Host
            | Key::Impact
            | Key::Ticket
            | Key::Owner
            | Key::Since
            | Key::Until => return None,
        })
    }

    fn at(&self) -> Option<Timestamp> {
        None
    }
}

fn looked(line: &Line) -> String {
    match (&line.looked, line.follow_up) {
        (_, Some(id)) => id.to_string(),
        (Some(said), None) => said.by.to_string(),
        (None, None) => "not yet".to_owned(),
    }
}

fn key(line: &Line) -> (WorkspaceId, Deviation) {
    (line.workspace.clone(), line.deviation.clone())
}

impl WeekScreen {
    /// The last seven days of this workspace; of all, where none is named.
    pub fn of(workspace: Option<WorkspaceId>) -> Self {
        Self { workspace, release: None, list: Listing::default(), read: Read::Not }
    }

    /// The runs of a release.
    pub fn of_release(text: &str) -> Self {
        Self { release: Some(text.to_owned()), ..Self::of(None) }
    }

    fn ask(&self, cx: &Cx<'_>) -> Vec<Do> {
        let span = if self.release.is_some() { RELEASE_MS } else { WEEK_MS };
        let (since, until) = (cx.now().minus_ms(span), cx.now().plus_ms(1));
        let period = Period { workspace: self.workspace.clone(), since, until, about: self.release.clone() };
        vec![Do::Fetch(Want::Rows, Fetch::Proof(Question::Week(period)))]
    }

    fn all(&self) -> &[Line] {
        match &self.read {
            Read::Done(week) => &week.deviations,
            Read::Not | Read::Failed(_) => &[],
        }
    }

    fn lines(&self) -> Vec<&Line> {
        let all: Vec<Shown<'_>> = self.all().iter().map(Shown).collect();
        self.list.filter().select(&all).into_iter().filter_map(|nth| self.all().get(nth)).collect()
    }

    fn ids(&self) -> Vec<(WorkspaceId, Deviation)> {
        self.lines().into_iter().map(key).collect()
    }

    fn selected(&self) -> Option<&Line> {
        let ids = self.ids();
        let id = self.list.pick.of(&ids)?;
        self.all().iter().find(|line| key(line) == *id)
    }

    fn task(&self, cx: &Cx<'_>, act: TaskAct) -> Vec<Do> {
        let Some(line) = self.selected() else {
            return vec![Do::Say("nothing is selected".to_owned())];
        };
        let overlay = match act {
            TaskAct::Look => {
                let (workspace, deviation) = key(line);
                let ask = Ask::LookAt { workspace, deviation, reason: String::new() };
                let title = safe!("{} looked at", line.name());
                let dialog = Dialog::new(cx, title, "Looked at", "looked at", Seen::Nothing, ask)
                    .says(Role::Text, line.words.as_str())
                    .field("what came of it", Need::Words);
                Box::new(dialog)
            }
            TaskAct::Give => dialog::follow_up(cx, &line.workspace, Source::Deviation(line.deviation.clone())),
            TaskAct::Done => return Vec::new(),
        };
        vec![over(Overlay::Dialog(overlay))]
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        match act {
            RowAct::Filter => return vec![self.list.ask_filter()],
            RowAct::New => return vec![Do::Go(Place::Runbooks)],
            RowAct::Mark => {
                self.list.toggle_mark(&self.ids(), rows_in(list_area(cx)));
                return Vec::new();
            }
            RowAct::Sort => return vec![Do::Say("what nobody has looked at stands first".to_owned())],
            RowAct::EditDraft => return vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())],
            RowAct::Open | RowAct::Describe | RowAct::Raw | RowAct::Log | RowAct::LastRun => {}
        }
        let Some(line) = self.selected() else {
            return vec![Do::Say("nothing is selected".to_owned())];
        };
        match (act, line.deviation.run()) {
            (RowAct::Open | RowAct::Log | RowAct::LastRun, Some(run)) => vec![commands::open(cx, run)],
            _ => vec![over(Overlay::Sheet(Sheet::new(Safe::new(line.name()), about(cx, line))))],
        }
    }
}

fn about(cx: &Cx<'_>, line: &Line) -> Vec<Part> {
    let said = line
        .looked
        .as_ref()
        .map(|said| format!("{}, {}: {}", said.by, moment::when(said.at, cx.now(), &cx.here.zone), said.text));
    let follow_up = line.follow_up.map(|id| id.to_string()).unwrap_or_default();
    let parts = [
        labelled("what", line.words.as_str()),
        labelled("workspace", line.workspace.as_str()),
        labelled("looked at", said.unwrap_or_else(|| "by nobody yet".to_owned())),
        labelled("follow-up", follow_up),
    ];
    parts.into_iter().flatten().collect()
}

fn list_area(cx: &Cx<'_>) -> Rect {
    inset(below(cx.areas.body, 1))
}

fn heads() -> Vec<Piece> {
    vec![
        text(Role::Faint, "looked at").cols(LOOKED_COLUMNS),
        gap(1),
        text(Role::Faint, "kind").cols(KIND_COLUMNS),
        text(Role::Faint, "run").cols(RUN_COLUMNS),
        text(Role::Faint, "workspace").cols(PLACE_COLUMNS),
        gap(1),
        text(Role::Faint, "what").rest(),
    ]
}

fn pieces(line: &Line) -> Vec<Piece> {
    let role = if line.is_open() { Role::Warning } else { Role::Muted };
    let run = line.deviation.run().map(|run| run.to_string()).unwrap_or_default();
    vec![
        name(role, looked(line)).cols(LOOKED_COLUMNS),
        gap(1),
        text(Role::Text, line.deviation.kind()).cols(KIND_COLUMNS),
        text(Role::Accent, run).cols(RUN_COLUMNS),
        name(Role::Muted, line.workspace.as_str()).cols(PLACE_COLUMNS),
        gap(1),
        text(Role::Text, line.words.lines().next().unwrap_or_default()).rest(),
    ]
}

impl Face for WeekScreen {
    fn scope(&self) -> Scope {
        Scope::Week
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        let what = match &self.release {
            Some(text) => safe!("Release {text}"),
            None => Safe::new("Week"),
        };
        [what].into_iter().chain(self.workspace.as_ref().map(|id| Safe::new(id.as_str()))).collect()
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Task(TaskAct::Look)),
            foot(Act::Task(TaskAct::Give)),
            foot(Act::Row(RowAct::Open)),
            foot(Act::Row(RowAct::Describe)),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Anywhere(Anywhere::Help)),
            foot(Act::Anywhere(Anywhere::Back)),
        ]
    }

    fn status(&self, _: &Cx<'_>) -> Vec<Piece> {
        let Read::Done(week) = &self.read else { return Vec::new() };
        let runs = words::count(week.runs.len(), "run", "runs");
        match week.open() {
            0 => vec![text(Role::Ok, safe!("{runs}; all was looked at"))],
            open => vec![text(Role::Warning, safe!("{runs}; {open} not yet looked at"))],
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let lines = self.lines();
        let ids: Vec<(WorkspaceId, Deviation)> = lines.iter().map(|line| key(line)).collect();
        paint.rule(inset(top(area, 1)), "what deviates", self.list.count(lines.len(), self.all().len()));
        let area = list_area(cx);
        match &self.read {
            Read::Not => {
                if let Some(reading) = listing::loading(cx, Want::Rows, "the record") {
                    paint.text(below(area, 1), Role::Muted, reading);
                }
                return;
            }
            Read::Failed(why) => {
                paint.text(below(area, 1), Role::Failed, safe!("  the record cannot be read: {why}"));
                return;
            }
            Read::Done(_) if lines.is_empty() => {
                self.list.nothing(paint, area, &["Nothing deviates."]);
                return;
            }
            Read::Done(_) => {}
        }
        let heads = heads();
        let first = self.list.pick.top(&ids, rows_in(area));
        let table = Table { heads: &heads, len: lines.len(), top: first, selected: self.list.pick.index(&ids) };
        table.view(paint, area, |nth| match lines.get(nth) {
            Some(line) => Row { mark: self.list.mark(&key(line)), pieces: pieces(line) },
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
                Vec::new()
            }
            Act::Row(act) => self.row(cx, act),
            Act::Task(act) => self.task(cx, act),
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

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        self.list.clear_filter().then(Vec::new)
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        self.list.line(cx, stage, text, KEYS)
    }

    fn fetched(&mut self, _: &Cx<'_>, _: Want, answer: &Answer) -> Vec<Do> {
        match answer {
            Answer::Plain(Fetched::Proof(Found::Week(week))) => self.read = Read::Done(Arc::clone(week)),
            Answer::Plain(Fetched::Failed(why)) => self.read = Read::Failed(why.clone()),
            Answer::Plain(_) | Answer::Log(_) => return Vec::new(),
        }
        let ids = self.ids();
        self.list.pick.settle(&ids);
        Vec::new()
    }

    fn answered(&mut self, cx: &Cx<'_>, result: &Result<Receipt, Refusal>) -> Vec<Do> {
        match result {
            Ok(_) => self.ask(cx),
            Err(_) => Vec::new(),
        }
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self.list.pressed(&self.ids(), list_area(cx), at) {
            Pressed::Again => self.row(cx, RowAct::Describe),
            Pressed::Selected | Pressed::Beside => Vec::new(),
        }
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        self.selected()?.deviation.run().filter(|run| cx.world.run(*run).is_some())
    }

    fn palette(&mut self, _: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let lines = self.lines();
        let ids = self.ids();
        let text = |id: &(WorkspaceId, Deviation)| {
            let line = lines.iter().find(|line| key(line) == *id)?;
            Some(format!("{}\t{}\t{}", line.name(), looked(line), line.words.replace(['\n', '\t'], " ")))
        };
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}

#[cfg(test)]
mod tests;
