//! Requests for approval: those that wait for me first, each with what it needs and by when.

use super::approval::Approval;
use super::listing::Listing;
use super::live::Live;
use super::runs::rows::Line;
use super::{Face, Screen};
use crate::console::bookmark::Kept;
use crate::console::effect::{Do, Stage, push};
use crate::console::facts::{self, Board, Request};
use crate::console::filter::Key;
use crate::console::footer::{Foot, foot};
use crate::console::glyph;
use crate::console::keymap::{Act, Anywhere, Place, RowAct, RunAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::asks;
use crate::console::overlays::sheet;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::fold;
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::places::PlaceColumns;
use crate::console::words;
use crate::domain::RunId;
use crate::domain::policy;
use crate::domain::presence::Selected;
use crate::domain::run::{Phase, Run};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};

const WIDE_COLUMNS: u16 = 130;
const PLACE_COLUMNS_MAX: u16 = 12;
const NEEDS_COLUMNS: u16 = 24;

/// Requests for approval.
#[derive(Debug, Default)]
pub struct Approvals {
    list: Listing<RunId>,
}

const KEYS: &[Key] =
    &[Key::Workspace, Key::Person, Key::Runbook, Key::Host, Key::State, Key::Impact, Key::Ticket, Key::Run];

impl Approvals {
    /// The requests that the filter shows.
    fn shown<'a>(&self, board: &'a Board) -> Vec<&'a Request> {
        let lines: Vec<Line<'a>> = board.requests.iter().map(|request| Line { run: &request.run }).collect();
        self.list.filter().select(&lines).into_iter().filter_map(|nth| board.requests.get(nth)).collect()
    }
}

fn ids(requests: &[&Request]) -> Vec<RunId> {
    requests.iter().map(|request| request.run.id).collect()
}

impl Face for Approvals {
    fn scope(&self) -> Scope {
        Scope::Approvals
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Approvals")]
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
            foot(Act::Row(RowAct::Log)).says("checks"),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Row(RowAct::New)).locked(facts::looks_only(cx.world, cx.me(), None)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Help)),
            foot(Act::Anywhere(Anywhere::Back)),
        ]
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let board = cx.board();
        let requests = self.shown(&board);
        let area = inset(area);
        let mine = requests.iter().filter(|request| request.mine).count();
        paint.rule(
            area,
            "requests",
            safe!("{} · {mine} for you", self.list.count(requests.len(), board.requests.len())),
        );
        let (list, detail) = split(below(area, 1));
        if requests.is_empty() {
            self.list.nothing(paint, list, &["No request waits.", "n proposes a run; 6 shows what was decided."]);
            return;
        }
        let places = requests.iter().map(|r| (r.run.plan.environment, r.run.plan.proposal.workspace.as_str()));
        let columns = PlaceColumns::of(places, PLACE_COLUMNS_MAX);
        let ids = ids(&requests);
        let selected = self.list.pick.of(&ids);
        let height = usize::from(list.height);
        let mut left = list;
        for request in requests.iter().skip(self.list.pick.top(&ids, height)).take(height) {
            let chosen = selected == Some(&request.run.id);
            let ground = if chosen { Ground::Selected } else { Ground::Screen };
            paint.on(ground).line(left, &row(cx, request, columns, chosen));
            left = below(left, 1);
        }
        if detail.width > 0
            && let Some(request) = requests.iter().find(|request| selected == Some(&request.run.id))
        {
            paint.lines(detail, &about(cx, request, detail.width));
        }
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        let board = cx.board();
        let requests = self.shown(&board);
        let ids = ids(&requests);
        let selected = self.list.pick.of(&ids).and_then(|id| requests.iter().find(|request| request.run.id == *id));
        match act {
            Act::Motion(motion) => {
                let (list, _) = split(below(cx.areas.body, 1));
                self.list.go(&ids, motion, usize::from(list.height));
                Vec::new()
            }
            Act::Row(RowAct::Filter) => vec![self.list.ask_filter()],
            Act::Row(RowAct::New) => vec![Do::Go(Place::Runbooks)],
            Act::Row(act) => selected.map(|request| of_row(&request.run, act)).unwrap_or_default(),
            Act::Run(RunAct::Accept) => selected.map(|request| asks::accept(cx, &request.run)).into_iter().collect(),
            Act::Run(_)
            | Act::Anywhere(_)
            | Act::Go(_)
            | Act::Approval(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => Vec::new(),
        }
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = ids(&self.shown(&cx.board()));
        self.list.pick.settle(&ids);
        Vec::new()
    }

    fn select(&mut self, cx: &Cx<'_>, selected: Selected) -> Vec<Do> {
        let ids = ids(&self.shown(&cx.board()));
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

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let board = cx.board();
        let requests = self.shown(&board);
        let ids = ids(&requests);
        let (list, _) = split(below(inset(cx.areas.body), 1));
        if !list.contains(at) {
            return Vec::new();
        }
        let index = self.list.pick.top(&ids, usize::from(list.height)) + usize::from(at.y - list.y);
        if self.list.pick.index(&ids) == Some(index) {
            return requests.get(index).map(|request| of_row(&request.run, RowAct::Open)).unwrap_or_default();
        }
        self.list.pick.select(&ids, index);
        Vec::new()
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        self.list.pick.of(&ids(&self.shown(&cx.board()))).copied()
    }
}

fn split(area: Rect) -> (Rect, Rect) {
    match area.width >= WIDE_COLUMNS {
        true => beside(area, area.width * 3 / 5),
        false => (area, Rect { width: 0, ..area }),
    }
}

fn of_row(run: &Run, act: RowAct) -> Vec<Do> {
    match act {
        RowAct::Open | RowAct::Describe => vec![push(Screen::Approval(Approval::of(run.id)))],
        RowAct::Log => vec![push(Screen::Live(Box::new(Live::of(run.id))))],
        RowAct::Raw => {
            let runbook = &run.plan.runbook;
            vec![sheet::source(runbook)]
        }
        RowAct::Mark | RowAct::Filter | RowAct::Sort | RowAct::New | RowAct::LastRun | RowAct::EditDraft => Vec::new(),
    }
}

fn row(cx: &Cx<'_>, request: &Request, columns: PlaceColumns, chosen: bool) -> Vec<Piece> {
    let (run, plan) = (&request.run, &request.run.plan);
    let impact = glyph::impact(plan.impact);
    let mut pieces = vec![
        text(Role::Accent, if chosen { glyph::POINTER } else { " " }),
        gap(1),
        text(Role::Accent, safe!("{}", run.id)).cols(5),
        name(Role::Text, safe!("{}", plan.runbook.id)).rest(),
        gap(1),
    ];
    pieces.extend(columns.pieces(plan.environment, plan.proposal.workspace.as_str()));
    pieces.extend([
        gap(1),
        text(impact.role, impact.word).cols(6),
        gap(1),
        name(Role::Text, plan.requester.as_str()).cols(6),
        text(Role::Muted, moment::age(cx.now().ms_since(run.proposed))).right(4),
        gap(2),
        name(if request.mine { Role::Title } else { Role::Muted }, needs(cx, request)).cols(NEEDS_COLUMNS),
    ]);
    pieces
}

fn needs(cx: &Cx<'_>, request: &Request) -> String {
    let waits = policy::waits_for(cx.world, &request.run, cx.now());
    match (&request.run.phase, waits.first()) {
        (Phase::Waiting, Some(waits)) => words::waits_short(waits, cx.me(), cx.now(), &cx.here.zone),
        (phase, _) => words::phase(phase),
    }
}

/// What stands beside the list on a wide screen.
fn about(cx: &Cx<'_>, request: &Request, width: u16) -> Vec<Vec<Piece>> {
    let (run, plan) = (&request.run, &request.run.plan);
    let columns = usize::from(width);
    let mut lines = vec![vec![text(Role::Title, plan.runbook.title.as_str()).rest()], Vec::new()];
    let tell = |role: Role, words: &str| -> Vec<Vec<Piece>> {
        fold::words(words, columns).into_iter().map(|line| vec![text(role, line)]).collect()
    };
    lines.extend(tell(Role::Text, &plan.proposal.reason));
    lines.push(Vec::new());
    let mut pair = |label: &'static str, value: Safe| {
        lines.push(vec![text(Role::Muted, label).cols(12), text(Role::Text, value).rest()]);
    };
    pair("ticket", Safe::new(&plan.proposal.ticket));
    pair("where", safe!("{} · {}", plan.workspace_title, words::count(plan.hosts.len(), "host", "hosts")));
    pair("impact", safe!("{}: {}", plan.impact.word(), plan.impact_because.join(", ")));
    pair("asked", safe!("{} {}", plan.requester, moment::when(run.proposed, cx.now(), &cx.here.zone)));
    if let Some(by) = facts::start_by(cx.world, run, cx.now()) {
        pair("must start", Safe::new(moment::when(by, cx.now(), &cx.here.zone)));
    }
    lines.push(Vec::new());
    for waits in &policy::waits_for(cx.world, run, cx.now()) {
        lines.extend(tell(Role::Warning, &format!("· {}", words::waits(waits, cx.me(), cx.now(), &cx.here.zone))));
    }
    for vote in &run.votes {
        let when = moment::when(vote.at, cx.now(), &cx.here.zone);
        lines.extend(tell(Role::Ok, &format!("✔ {} {when}: {}", vote.by, vote.reason)));
    }
    lines
}

#[cfg(test)]
mod tests;
