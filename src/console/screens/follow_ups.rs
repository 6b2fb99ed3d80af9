//! What is left to do after runs and reviews: by whom, by when, about what. The earliest due first; what is overdue is red, and
//! says so. Closed ones stand in the audit.

use super::Face;
use super::listing::{self, Listing, Pressed};
use crate::console::bookmark::Kept;
use crate::console::commands::{self, PaletteAct};
use crate::console::effect::{Do, Stage, over};
use crate::console::filter::{Key, Row as Filtered};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Place, RowAct, Scope, TaskAct};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::Overlay;
use crate::console::overlays::dialog::{self, Dialog, Need};
use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::pages::labelled;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::domain::follow_up::{FollowUp, FollowUpId, Source, Wanted, open_for};
use crate::domain::{Ask, RunId, Seen, Timestamp, WorkspaceId};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

const KEYS: &[Key] = &[Key::Workspace, Key::Owner, Key::Person, Key::Runbook, Key::State, Key::Since, Key::Until];

const ID_COLUMNS: u16 = 5;
const DUE_COLUMNS: u16 = 11;
const LATE_COLUMNS: u16 = 8;
const OWNER_COLUMNS_MAX: u16 = 10;
const PLACE_COLUMNS_MAX: u16 = 14;

/// What is left to do.
#[derive(Debug)]
pub struct FollowUps {
    workspace: Option<WorkspaceId>,
    list: Listing<FollowUpId>,
}

/// One of them, at a moment.
struct Line<'a>(&'a FollowUp, Timestamp);

impl Line<'_> {
    fn state(&self) -> &'static str {
        if self.0.is_overdue(self.1) { "overdue" } else { "open" }
    }

    fn about(&self) -> String {
        self.0.about.as_ref().map(|about| about.runbook.to_string()).unwrap_or_default()
    }

    fn text(&self) -> String {
        let Self(one, _) = self;
        let words = one.text.replace(['\n', '\t'], " ");
        format!("{}\t{}\t{}\t{}\t{}\t{words}", one.id, one.due, self.state(), one.owner, one.workspace)
    }
}

impl Filtered for Line<'_> {
    fn words(&self) -> String {
        format!("{} {} {}", self.text(), self.about(), self.0.from.words())
    }

    fn field(&self, key: Key) -> Option<String> {
        Some(match key {
            Key::Workspace => self.0.workspace.to_string(),
            Key::Owner => self.0.owner.to_string(),
            Key::Person => self.0.by.to_string(),
            Key::Runbook => self.about(),
            Key::State => self.state().to_owned(),
            Key::Host | Key::Impact | Key::Ticket | Key::Kind | Key::Run | Key::Since | Key::Until => return None,
        })
    }

    fn at(&self) -> Option<Timestamp> {
        Some(self.0.at)
    }
}

impl FollowUps {
    /// Of this workspace; of all, where none is named.
    pub fn of(workspace: Option<WorkspaceId>) -> Self {
        Self { workspace, list: Listing::default() }
    }

    fn all<'a>(&self, cx: &Cx<'a>) -> Vec<&'a Arc<FollowUp>> {
        let mut all = open_for(cx.world, &cx.here.me.person);
        all.retain(|one| self.workspace.as_ref().is_none_or(|id| one.workspace == *id));
        all
    }

    fn shown<'a>(&self, cx: &Cx<'a>) -> (Vec<&'a Arc<FollowUp>>, usize) {
        let all = self.all(cx);
        let lines: Vec<Line<'_>> = all.iter().map(|one| Line(one, cx.now())).collect();
        let shown = self.list.filter().select(&lines);
        (shown.into_iter().filter_map(|nth| all.get(nth).copied()).collect(), all.len())
    }

    fn ids(&self, cx: &Cx<'_>) -> Vec<FollowUpId> {
        self.shown(cx).0.iter().map(|one| one.id).collect()
    }

    fn selected<'a>(&self, cx: &Cx<'a>) -> Option<&'a Arc<FollowUp>> {
        let id = *self.list.pick.of(&self.ids(cx))?;
        cx.world.follow_ups.get(&id)
    }

    fn task(&self, cx: &Cx<'_>, act: TaskAct) -> Vec<Do> {
        match act {
            TaskAct::Done => match self.selected(cx) {
                Some(one) => vec![done(cx, one)],
                None => vec![Do::Say("no follow-up is selected".to_owned())],
            },
            TaskAct::Give => {
                let places = crate::console::facts::workspaces(cx.world, cx.me());
                let only = match places.as_slice() {
                    [only] => Some(only.id.clone()),
                    _ => None,
                };
                let of_selected = || self.selected(cx).map(|one| one.workspace.clone());
                match self.workspace.clone().or_else(of_selected).or(only) {
                    Some(place) => vec![over(Overlay::Dialog(dialog::follow_up(cx, &place, Source::Person)))],
                    None => vec![Do::Say("in which workspace? write :follow-ups WORKSPACE first".to_owned())],
                }
            }
            TaskAct::Look => Vec::new(),
        }
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        match act {
            RowAct::Filter => return vec![self.list.ask_filter()],
            RowAct::New => return vec![Do::Go(Place::Runbooks)],
            RowAct::Mark => {
                self.list.toggle_mark(&self.ids(cx), rows_in(list_area(cx)));
                return Vec::new();
            }
            RowAct::Sort => return vec![Do::Say("follow-ups stand in the order they are due".to_owned())],
            RowAct::EditDraft => return vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())],
            RowAct::Open | RowAct::Describe | RowAct::Raw | RowAct::Log | RowAct::LastRun => {}
        }
        let Some(one) = self.selected(cx) else {
            return vec![Do::Say("no follow-up is selected".to_owned())];
        };
        match (act, run_of(one)) {
            (RowAct::Log | RowAct::LastRun, Some(run)) => vec![commands::open(cx, run)],
            _ => vec![over(Overlay::Sheet(Sheet::new(safe!("follow-up {}", one.id), about(cx, one))))],
        }
    }
}

fn run_of(one: &FollowUp) -> Option<RunId> {
    match &one.from {
        Source::Run(run) => Some(*run),
        Source::Deviation(deviation) => deviation.run(),
        Source::Person => None,
    }
}

fn done(cx: &Cx<'_>, one: &FollowUp) -> Do {
    let ask = Ask::FollowUp(Wanted::Done { id: one.id, note: String::new() });
    let dialog = Dialog::new(cx, safe!("{} done", one.id), "Done", "follow-up done", Seen::Nothing, ask)
        .says(Role::Text, one.text.as_str())
        .says(Role::Muted, format!("{}'s, due {}", one.owner, one.due))
        .field("what was done", Need::Words);
    over(Overlay::Dialog(Box::new(dialog)))
}

fn about(cx: &Cx<'_>, one: &FollowUp) -> Vec<Part> {
    let when = moment::when(one.at, cx.now(), &cx.here.zone);
    let late = if one.is_overdue(cx.now()) { ", overdue" } else { "" };
    let about = one.about.as_ref().map(|about| {
        format!("{}; closes when another version than {} is in force", about.runbook, about.digest.short())
    });
    let parts = [
        labelled("owner", one.owner.as_str()),
        labelled("due", format!("{} in UTC{late}", one.due)),
        labelled("workspace", one.workspace.as_str()),
        labelled("given by", format!("{}, {when}", one.by)),
        labelled("from", one.from.words()),
        labelled("runbook", about.unwrap_or_default()),
    ];
    let mut parts: Vec<Part> = parts.into_iter().flatten().collect();
    parts.extend([Part::Air, Part::Verbatim(Role::Text, one.text.clone())]);
    parts
}

fn list_area(cx: &Cx<'_>) -> Rect {
    inset(below(cx.areas.body, 1))
}

/// Columns of owners and workspaces: as wide as their names, so that the words have the rest.
#[derive(Clone, Copy)]
struct Columns {
    owner: u16,
    place: u16,
}

impl Columns {
    fn of(shown: &[&Arc<FollowUp>]) -> Self {
        let fitting = |head: &str, names: Vec<&str>, most: u16| {
            let wide = names.into_iter().chain([head]).map(|name| Safe::new(name).width()).max().unwrap_or(0);
            u16::try_from(wide).unwrap_or(most).min(most)
        };
        let owners = shown.iter().map(|one| one.owner.as_str()).collect();
        let places = shown.iter().map(|one| one.workspace.as_str()).collect();
        Self {
            owner: fitting("owner", owners, OWNER_COLUMNS_MAX),
            place: fitting("workspace", places, PLACE_COLUMNS_MAX),
        }
    }
}

fn heads(columns: Columns) -> Vec<Piece> {
    vec![
        text(Role::Faint, "id").cols(ID_COLUMNS),
        text(Role::Faint, "due").cols(DUE_COLUMNS),
        text(Role::Faint, "").cols(LATE_COLUMNS),
        text(Role::Faint, "owner").cols(columns.owner),
        gap(1),
        text(Role::Faint, "workspace").cols(columns.place),
        gap(1),
        text(Role::Faint, "what").rest(),
    ]
}

fn pieces(one: &FollowUp, columns: Columns, now: Timestamp) -> Vec<Piece> {
    let late = one.is_overdue(now);
    let role = if late { Role::Failed } else { Role::Text };
    vec![
        text(Role::Accent, safe!("{}", one.id)).cols(ID_COLUMNS),
        text(role, one.due.to_string()).cols(DUE_COLUMNS),
        text(role, if late { "OVERDUE" } else { "" }).cols(LATE_COLUMNS),
        name(Role::Text, one.owner.as_str()).cols(columns.owner),
        gap(1),
        name(Role::Muted, one.workspace.as_str()).cols(columns.place),
        gap(1),
        text(Role::Text, one.text.lines().next().unwrap_or_default()).rest(),
    ]
}

impl Face for FollowUps {
    fn scope(&self) -> Scope {
        Scope::FollowUps
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        [Safe::new("Follow-ups")].into_iter().chain(self.workspace.as_ref().map(|id| Safe::new(id.as_str()))).collect()
    }

    fn kept(&self) -> Kept {
        self.list.kept()
    }

    fn restore(&mut self, cx: &Cx<'_>, kept: &Kept) {
        self.list.restore(cx, kept, KEYS, |text| text.parse().ok());
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Task(TaskAct::Done)),
            foot(Act::Task(TaskAct::Give)),
            foot(Act::Row(RowAct::Describe)),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Help)),
            foot(Act::Anywhere(Anywhere::Back)),
        ]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        let late = self.all(cx).iter().filter(|one| one.is_overdue(cx.now())).count();
        match late {
            0 => Vec::new(),
            late => vec![text(Role::Failed, safe!("{late} overdue; days are days in UTC"))],
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let (shown, all) = self.shown(cx);
        let ids: Vec<FollowUpId> = shown.iter().map(|one| one.id).collect();
        paint.rule(inset(top(area, 1)), "to be done", self.list.count(shown.len(), all));
        let area = list_area(cx);
        if shown.is_empty() {
            self.list.nothing(paint, area, &["Nothing is left to do.", "N gives somebody something to do by a day."]);
            return;
        }
        let columns = Columns::of(&shown);
        let heads = heads(columns);
        let first = self.list.pick.top(&ids, rows_in(area));
        let table = Table { heads: &heads, len: shown.len(), top: first, selected: self.list.pick.index(&ids) };
        table.view(paint, area, |nth| match shown.get(nth) {
            Some(one) => Row { mark: self.list.mark(&one.id), pieces: pieces(one, columns, cx.now()) },
            None => Row::plain(Vec::new()),
        });
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(Motion::Left | Motion::Right) => Vec::new(),
            Act::Motion(motion) => {
                self.list.go(&self.ids(cx), motion, rows_in(list_area(cx)));
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

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids(cx);
        self.list.pick.settle(&ids);
        Vec::new()
    }

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        self.list.clear_filter().then(Vec::new)
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        self.list.line(cx, stage, text, KEYS)
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self.list.pressed(&self.ids(cx), list_area(cx), at) {
            Pressed::Again => self.row(cx, RowAct::Describe),
            Pressed::Selected | Pressed::Beside => Vec::new(),
        }
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let (shown, _) = self.shown(cx);
        let ids: Vec<FollowUpId> = shown.iter().map(|one| one.id).collect();
        let text = |id: &FollowUpId| shown.iter().find(|one| one.id == *id).map(|one| Line(one, cx.now()).text());
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}

#[cfg(test)]
mod tests;
