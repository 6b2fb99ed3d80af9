//! Home: what is wrong, what waits for me, what waits for others, what runs, where changes are allowed.
//!
//! One list whose rows open what they name. Wide screens put the running and the waiting beside the places.

mod rows;

use super::approval::Approval;
use super::follow_ups::FollowUps;
use super::live::Live;
use super::past;
use super::site_change::SiteChange;
use super::{Face, Screen};
use crate::console::effect::{Do, over, push};
use crate::console::facts::{self, Board, Errand};
use crate::console::footer::{Foot, foot};
use crate::console::glyph;
use crate::console::keymap::{Act, Anywhere, Place, RowAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::overlays::Overlay;
use crate::console::overlays::sheet::{self, Sheet};
use crate::console::overlays::{by_hand, incidents, lend, mentions, standing};
use crate::console::pages;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::pick::Pick;
use crate::console::widgets::piece::{Piece, gap, text};
use crate::console::words;
use crate::domain::id::{ElevationId, HandId, IncidentId, StandingId};
use crate::domain::mention::On;
use crate::domain::presence::Selected;
use crate::domain::{RunId, WorkspaceId};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::Line;

/// From this width on two columns stand side by side.
const WIDE_COLUMNS: u16 = 130;

/// What a row opens.
#[derive(Clone, PartialEq, Eq, Debug)]
enum RowId {
    Mine(RunId, Errand),
    Other(RunId),
    AtWork(RunId),
    Place(WorkspaceId),
    Elevation(ElevationId),
    Incident(IncidentId),
    ByHand(HandId),
    Standing(StandingId),
    FollowUps,
    Mention(On),
    Site,
}

impl RowId {
    fn run(&self) -> Option<RunId> {
        match self {
            RowId::Mine(run, _) | RowId::Other(run) | RowId::AtWork(run) | RowId::Mention(On::Run(run)) => Some(*run),
            RowId::Place(_)
            | RowId::Elevation(_)
            | RowId::Incident(_)
            | RowId::ByHand(_)
            | RowId::Standing(_)
            | RowId::FollowUps
            | RowId::Mention(On::Incident(_))
            | RowId::Site => None,
        }
    }
}

/// What is wrong, what waits for me.
#[derive(Debug, Default)]
pub struct Home {
    pick: Pick<RowId>,
}

impl Home {
    fn lines(&self, cx: &Cx<'_>) -> (Vec<Line>, Vec<Line>) {
        let board = cx.board();
        (rows::left(cx, &board), rows::right(cx, &board))
    }

    fn ids(&self, cx: &Cx<'_>) -> Vec<RowId> {
        let (left, right) = self.lines(cx);
        ids(&left, &right)
    }
}

impl Face for Home {
    fn scope(&self) -> Scope {
        Scope::Home
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        Vec::new()
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Row(RowAct::Open)),
            foot(Act::Row(RowAct::New)).locked(facts::looks_only(cx.world, cx.me(), None)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Help)),
            foot(Act::Anywhere(Anywhere::Back)).says("leave (runs go on)"),
        ]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        let events = usize::try_from(cx.world.events).unwrap_or(usize::MAX);
        vec![text(Role::Faint, safe!("record safe · {}", words::count(events, "event", "events")))]
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        tabs(&cx.board(), paint, top(inset(area), 1));
        let area = inset(below(area, 1));
        let (left, right) = self.lines(cx);
        let selected = self.pick.of(&ids(&left, &right)).cloned();
        if area.width >= WIDE_COLUMNS {
            let (a, b) = beside(area, area.width / 2 + 4);
            draw(paint, a, &left, selected.as_ref());
            draw(paint, b, &right, selected.as_ref());
        } else {
            let all: Vec<Line> = left.into_iter().chain(right).collect();
            draw(paint, area, &all, selected.as_ref());
        }
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        // Who comes home looks at what waits, not at the workspace the pointer rested on while nothing did.
        if matches!(self.pick.of(&self.ids(cx)), Some(RowId::Place(_))) {
            self.pick = Pick::default();
        }
        Vec::new()
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        let ids = self.ids(cx);
        match act {
            Act::Motion(motion) => {
                self.pick.go(&ids, motion, usize::from(cx.areas.body.height) / 2);
                Vec::new()
            }
            Act::Row(act) => self.row(cx, act, self.pick.of(&ids).cloned()),
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

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids(cx);
        // A workspace that the pointer is on because nothing waited is nobody's choice: what comes to wait takes its place.
        if !matches!(self.pick.of(&ids), Some(RowId::Place(_))) {
            self.pick.settle(&ids);
        }
        Vec::new()
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        if at.y == cx.areas.body.y {
            return tab_at(&cx.board(), at.x).map(Do::Go).into_iter().collect();
        }
        let area = inset(below(cx.areas.body, 1));
        let (left, right) = self.lines(cx);
        let ids = ids(&left, &right);
        let selected = self.pick.of(&ids).cloned();
        let hit = if area.width >= WIDE_COLUMNS {
            let (a, b) = beside(area, area.width / 2 + 4);
            let (lines, part) = if at.x < b.x { (&left, a) } else { (&right, b) };
            row_at(lines, part, selected.as_ref(), at.y)
        } else {
            let all: Vec<Line> = left.into_iter().chain(right).collect();
            row_at(&all, area, selected.as_ref(), at.y)
        };
        let Some(hit) = hit else { return Vec::new() };
        if selected.as_ref() == Some(&hit) {
            return self.row(cx, RowAct::Open, Some(hit));
        }
        if let Some(index) = ids.iter().position(|id| *id == hit) {
            self.pick.select(&ids, index);
        }
        Vec::new()
    }

    fn select(&mut self, cx: &Cx<'_>, selected: Selected) -> Vec<Do> {
        let ids = self.ids(cx);
        if let Selected::Run(run) = selected
            && let Some(index) = ids.iter().position(|id| id.run() == Some(run))
        {
            self.pick.select(&ids, index);
        }
        Vec::new()
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        self.pick.of(&self.ids(cx))?.run()
    }
}

impl Home {
    fn row(&self, cx: &Cx<'_>, act: RowAct, selected: Option<RowId>) -> Vec<Do> {
        match (act, selected) {
            (RowAct::New, _) => vec![Do::Go(Place::Runbooks)],
            (RowAct::Open | RowAct::Describe | RowAct::Log, Some(id)) => open(cx, id),
            (RowAct::Raw, Some(id)) => match id.run().and_then(|run| cx.world.run(run)) {
                Some(run) => vec![sheet::source(&run.plan.runbook)],
                None => Vec::new(),
            },
            (RowAct::Filter | RowAct::Sort | RowAct::Mark, _) => {
                vec![Do::Say("nothing to filter at home: 3 lists runs, 6 the history".to_owned())]
            }
            (RowAct::LastRun, Some(id)) => match id.run().and_then(|run| cx.world.run(run)) {
                Some(run) => vec![past::last_good(cx, &run.plan)],
                None => vec![Do::Say("select a run first".to_owned())],
            },
            (RowAct::EditDraft, _) => vec![Do::Say("unfinished forms are under 2 Runbooks".to_owned())],
            (RowAct::Open | RowAct::Describe | RowAct::Log | RowAct::Raw | RowAct::LastRun, None) => {
                vec![Do::Say("nothing is selected".to_owned())]
            }
        }
    }
}

fn open(cx: &Cx<'_>, id: RowId) -> Vec<Do> {
    match id {
        RowId::Mine(run, Errand::Approve | Errand::Accept(_)) | RowId::Other(run) => {
            vec![push(Screen::Approval(Approval::of(run)))]
        }
        RowId::Mine(
            run,
            Errand::Decide
            | Errand::TakeOver
            | Errand::HandStep(_)
            | Errand::Start
            | Errand::Continue
            | Errand::Note
            | Errand::Review
            | Errand::AcceptSite,
        )
        | RowId::AtWork(run) => vec![push(Screen::Live(Box::new(Live::of(run))))],
        RowId::Place(id) => match cx.world.workspace(&id) {
            Some(workspace) => {
                vec![over(Overlay::Sheet(Sheet::new(safe!("{id}"), pages::place::workspace(cx, workspace))))]
            }
            None => Vec::new(),
        },
        RowId::Mention(on) => mentions::open(cx, on),
        RowId::Standing(id) => vec![standing::menu(cx, id)],
        RowId::ByHand(id) => vec![by_hand::read(cx, id)],
        RowId::Incident(id) => vec![incidents::menu(cx, id)],
        RowId::Elevation(id) => vec![lend::menu(cx, id)],
        RowId::FollowUps => vec![push(Screen::FollowUps(FollowUps::of(None)))],
        RowId::Site => vec![push(Screen::SiteChange(SiteChange::default()))],
    }
}

const TABS: [(Place, &str, &str); 6] = [
    (Place::Home, "1", "Home"),
    (Place::Runbooks, "2", "Runbooks"),
    (Place::Runs, "3", "Runs"),
    (Place::Approvals, "4", "Approvals"),
    (Place::History, "6", "History"),
    (Place::Audit, "7", "Audit"),
];

fn tab_texts(board: &Board) -> Vec<(Place, &'static str, Safe)> {
    let count = |place: Place| match place {
        Place::Runs => board.open,
        Place::Approvals => board.approvals(),
        Place::Home | Place::Runbooks | Place::History | Place::Audit => 0,
    };
    TABS.into_iter()
        .map(|(place, key, word)| match count(place) {
            0 => (place, key, Safe::new(word)),
            n => (place, key, safe!("{word} {n}")),
        })
        .collect()
}

fn tabs(board: &Board, paint: &mut Paint<'_>, area: Rect) {
    let mut pieces = Vec::new();
    for (place, key, word) in tab_texts(board) {
        let role = if place == Place::Home { Role::Title } else { Role::Text };
        pieces.extend([text(Role::Accent, key), gap(1), text(role, word), gap(2)]);
    }
    paint.line(area, &pieces);
}

fn tab_at(board: &Board, x: u16) -> Option<Place> {
    let mut from = 1;
    for (place, _, word) in tab_texts(board) {
        let to = from + 2 + u16::try_from(word.width()).unwrap_or(u16::MAX);
        if (from..to).contains(&x) {
            return Some(place);
        }
        from = to + 2;
    }
    None
}

fn ids(left: &[Line], right: &[Line]) -> Vec<RowId> {
    left.iter().chain(right).filter_map(|line| line.id().cloned()).collect()
}

/// Lines from the first on screen: the selected row is always among them, with the rule above it where it fits.
fn window(lines: &[Line], height: u16, selected: Option<&RowId>) -> usize {
    let heights: Vec<usize> = lines.iter().map(Line::height).collect();
    let all: usize = heights.iter().sum();
    let height = usize::from(height);
    if all <= height {
        return 0;
    }
    let at = lines.iter().position(|line| selected.is_some() && line.id() == selected).unwrap_or(0);
    let mut first = 0;
    let until = |first: usize| heights.iter().take(at + 1).skip(first).sum::<usize>();
    while first < at && until(first) > height {
        first += 1;
    }
    first
}

fn draw(paint: &mut Paint<'_>, area: Rect, lines: &[Line], selected: Option<&RowId>) {
    let mut left = area;
    for line in lines.iter().skip(window(lines, area.height, selected)) {
        if left.height == 0 {
            break;
        }
        match line {
            Line::Rule(title, right) => paint.rule(left, title.clone(), right.clone()),
            Line::Plain(pieces) => paint.line(left, pieces),
            Line::Row { id, pieces, more } => {
                let chosen = selected == Some(id);
                let mut paint = paint.on(if chosen { Ground::Selected } else { Ground::Screen });
                let pointer = if chosen { glyph::POINTER } else { " " };
                let mut row = vec![text(Role::Accent, pointer), gap(1)];
                row.extend(pieces.iter().cloned());
                paint.line(left, &row);
                for (nth, more) in (1u16..).zip(more) {
                    if nth < left.height {
                        paint.line(below(left, nth), more);
                    }
                }
            }
        }
        left = below(left, u16::try_from(line.height()).unwrap_or(u16::MAX));
    }
}

fn row_at(lines: &[Line], area: Rect, selected: Option<&RowId>, y: u16) -> Option<RowId> {
    let mut row = usize::from(area.y);
    for line in lines.iter().skip(window(lines, area.height, selected)) {
        if (row..row + line.height()).contains(&usize::from(y)) {
            return line.id().cloned();
        }
        row += line.height();
    }
    None
}

#[cfg(test)]
mod tests;
