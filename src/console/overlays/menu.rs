//! A few choices over a screen. What is chosen goes back to the screen as a [`Choice`].

use super::who;
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot as entry};
use crate::console::glyph::Mark;
use crate::console::keymap::{self, Act, FormAct, Motion, Scope};
use crate::console::layout::middle;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{self, gap, name, text};
use crate::domain::decide::elevate::Answer;
use crate::domain::decide::incidents::Deed;
use crate::domain::decide::standing::Word;
use crate::domain::id::{ElevationId, HandId, IncidentId, PersonId, StandingId, StepId};
use crate::domain::mention::On;
use crate::domain::plan::{How, Unsure};
use crate::domain::run::{self, StopHow};
use crate::terminal::key::Input;
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};

/// What can be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Stop the run in this way.
    Stop(StopHow),
    /// Answer the gate the run has come to.
    Answer(run::Choice),
    /// Go back to the run in this way.
    Back(How),
    /// This became of the step that was asked about.
    Became(Unsure),
    /// Take the proposal back.
    Withdraw,
    /// Answer for this warning.
    Accept(StepId),
    /// The preset at this position of the page fetched.
    Preset(usize),
    /// The draft at this position of the page fetched.
    Draft(usize),
    /// A run of what the page is about.
    Propose,
    /// What is of no screen, and is answered alike wherever it was chosen.
    Wherever(Wherever),
    /// The thing of this name: a workspace, a host.
    Named(String),
}

/// What can be chosen wherever one is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wherever {
    /// This role for a while: what can be done about it.
    Elevation(ElevationId),
    /// Do this about a role for a while.
    Elevate(ElevationId, Answer),
    /// This standing approval: what can be done about it.
    Standing(StandingId),
    /// All that is known of this standing approval.
    ReadStanding(StandingId),
    /// Say this to a standing approval.
    InStanding(StandingId, Word),
    /// What was done by hand: what can be done about it.
    ByHand(HandId),
    /// This incident: what can be done about it.
    Incident(IncidentId),
    /// All that is known of this incident.
    ReadIncident(IncidentId),
    /// Do this in an incident.
    InIncident(IncidentId, Deed),
    /// What a note that names this person is about.
    Mention(On),
    /// Go where this person goes.
    Follow(PersonId),
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// What stands before it: a workspace's environment.
    pub mark: Option<Mark>,
    /// What it is called.
    pub label: Safe,
    /// What it means.
    pub detail: Safe,
    /// What choosing it says.
    pub choice: Choice,
}

/// Choices over a screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Menu {
    title: Safe,
    items: Vec<Item>,
    at: usize,
    shows: Shows,
}

/// What the rows are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shows {
    /// What there was to choose when it opened.
    Choices,
    /// Who is here, as that changes.
    ThoseHere,
}

impl Menu {
    /// A menu, its first row selected.
    pub fn new(title: impl Into<Safe>, items: Vec<Item>) -> Self {
        Self { title: title.into(), items, at: 0, shows: Shows::Choices }
    }

    /// A menu of those who are here.
    pub fn of_those_here(title: impl Into<Safe>, items: Vec<Item>) -> Self {
        Self { shows: Shows::ThoseHere, ..Self::new(title, items) }
    }

    /// Others came, left or look elsewhere. The pointer stays on whom it was on.
    pub fn present(&mut self, cx: &Cx<'_>) {
        if self.shows == Shows::ThoseHere {
            let on = self.items.get(self.at).map(|item| item.choice.clone());
            self.items = who::rows(cx);
            let last = self.items.len().saturating_sub(1);
            let is_still = self.items.get(self.at).map(|item| &item.choice) == on.as_ref();
            if !is_still {
                let found = self.items.iter().position(|item| Some(&item.choice) == on.as_ref());
                self.at = found.unwrap_or(self.at.min(last));
            }
        }
    }

    /// Moves the pointer.
    pub fn go(&mut self, motion: Motion) {
        let last = self.items.len().saturating_sub(1);
        self.at = match motion {
            Motion::Down | Motion::HalfDown | Motion::PageDown | Motion::Right => (self.at + 1).min(last),
            Motion::Up | Motion::HalfUp | Motion::PageUp | Motion::Left => self.at.saturating_sub(1),
            Motion::Top => 0,
            Motion::Bottom => last,
        };
    }

    /// Takes a click: on a row it selects, on the selected row it chooses.
    pub fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let inner = inner(self.area(cx));
        if !inner.contains(at) {
            return Vec::new();
        }
        let hit = self.top(inner) + usize::from(at.y - inner.y);
        match self.items.get(hit) {
            Some(item) if hit == self.at => vec![Do::Shut, Do::Picked(item.choice.clone())],
            Some(_) => {
                self.at = hit;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn mark_columns(&self) -> usize {
        let marks = self.items.iter().filter_map(|item| item.mark);
        marks.map(|mark| mark.word.len() + 3).max().unwrap_or(0)
    }

    fn label_columns(&self) -> usize {
        self.items.iter().map(|item| item.label.width()).max().unwrap_or(0)
    }

    fn detail_columns(&self) -> usize {
        self.items.iter().map(|item| item.detail.width()).max().unwrap_or(0)
    }

    fn area(&self, cx: &Cx<'_>) -> Rect {
        let wide = self.mark_columns() + self.label_columns() + self.detail_columns() + 10;
        let columns = u16::try_from(wide.max(self.title.width() + 8)).unwrap_or(u16::MAX);
        let rows = u16::try_from(self.items.len() + 4).unwrap_or(u16::MAX);
        middle(cx.areas.body, columns, rows)
    }

    /// The row on top: the selected one is always in sight.
    fn top(&self, inner: Rect) -> usize {
        (self.at + 1).saturating_sub(usize::from(inner.height))
    }

    /// Takes what the person did.
    pub fn input(&mut self, _: &Cx<'_>, input: &Input) -> Vec<Do> {
        let Input::Key(key) = input else { return Vec::new() };
        match keymap::act(Scope::Menu, *key) {
            Some(Act::Motion(motion)) => {
                self.go(motion);
                Vec::new()
            }
            Some(Act::Form(FormAct::Press)) => match self.items.get(self.at) {
                Some(item) => vec![Do::Shut, Do::Picked(item.choice.clone())],
                None => vec![Do::Shut],
            },
            Some(Act::Form(FormAct::Leave)) => vec![Do::Shut],
            Some(_) | None => Vec::new(),
        }
    }

    /// Draws it in the middle of the screen.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let (mark, label, detail) = (self.mark_columns(), self.label_columns(), self.detail_columns());
        let area = self.area(cx);
        let mut paint = paint.on(Ground::Panel);
        let inner = inner(area);
        let height = usize::from(inner.height);
        // What is not in sight is counted.
        let title = match self.items.len() {
            all if all > height => safe!("{} · {} of {all}", self.title, self.at + 1),
            _ => self.title.clone(),
        };
        paint.panel(area, title);
        let half = usize::from(inner.width / 2);
        let tight = detail > 0 && mark + label + detail + 5 > usize::from(inner.width);
        let label = u16::try_from(if tight { label.min(half) } else { label }).unwrap_or(u16::MAX);
        let mark = u16::try_from(mark).unwrap_or(u16::MAX);
        let top = self.top(inner);
        for (nth, item) in self.items.iter().enumerate().skip(top).take(height) {
            let row = below(inner, u16::try_from(nth - top).unwrap_or(u16::MAX));
            let chosen = nth == self.at;
            let mut paint = paint.on(if chosen { Ground::Selected } else { Ground::Panel });
            let pointer = if chosen { crate::console::glyph::POINTER } else { " " };
            let before = match item.mark {
                Some(mark) => piece::text(mark.role, safe!("{} {}", mark.glyph, mark.word)),
                None => piece::text(Role::Text, ""),
            };
            paint.line(
                row,
                &[
                    text(Role::Accent, pointer),
                    gap(1),
                    before.cols(mark.saturating_sub(1)),
                    gap(mark.min(1)),
                    name(Role::Text, item.label.clone()).cols(label),
                    gap(2),
                    text(Role::Muted, item.detail.clone()).rest(),
                    gap(1),
                ],
            );
        }
    }
}

/// The rows of a menu: inside its edge, a row of air above and below.
fn inner(area: Rect) -> Rect {
    let (width, height) = (area.width.saturating_sub(4), area.height.saturating_sub(4));
    Rect { x: area.x + 2, y: area.y + 2, width, height }
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![
        entry(Act::Form(FormAct::Press)),
        entry(Act::Motion(Motion::Down)),
        entry(Act::Motion(Motion::Up)),
        entry(Act::Form(FormAct::Leave)),
    ]
}
