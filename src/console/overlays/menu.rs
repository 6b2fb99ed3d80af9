//! A few choices over a screen. What is chosen goes back to the screen as a [`Choice`].

use crate::console::effect::Do;
use crate::console::footer::{Foot, foot as entry};
use crate::console::keymap::{self, Act, FormAct, Motion, Scope};
use crate::console::layout::middle;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{gap, name, text};
use crate::domain::StepId;
use crate::domain::run::StopHow;
use crate::terminal::key::Input;
use crate::terminal::line::Safe;

/// What can be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Stop the run in this way.
    Stop(StopHow),
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
    /// The thing of this name: a workspace, a host.
    Named(String),
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
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
}

impl Menu {
    /// A menu, its first row selected.
    pub fn new(title: impl Into<Safe>, items: Vec<Item>) -> Self {
        Self { title: title.into(), items, at: 0 }
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
        let label = self.items.iter().map(|item| item.label.width()).max().unwrap_or(0);
        let detail = self.items.iter().map(|item| item.detail.width()).max().unwrap_or(0);
        let columns = u16::try_from((label + detail + 10).max(self.title.width() + 8)).unwrap_or(u16::MAX);
        let rows = u16::try_from(self.items.len() + 4).unwrap_or(u16::MAX);
        let area = middle(cx.areas.body, columns, rows);
        let mut paint = paint.on(Ground::Panel);
        let height = usize::from(area.height.saturating_sub(4));
        // What is not in sight is counted.
        let title = match self.items.len() {
            all if all > height => safe!("{} · {} of {all}", self.title, self.at + 1),
            _ => self.title.clone(),
        };
        let inner = below(paint.panel(area, title), 1);
        let half = usize::from(inner.width / 2);
        let label = if detail > 0 && label + detail + 5 > usize::from(inner.width) { label.min(half) } else { label };
        let top = (self.at + 1).saturating_sub(height);
        for (nth, item) in self.items.iter().enumerate().skip(top).take(height) {
            let row = below(inner, u16::try_from(nth - top).unwrap_or(u16::MAX));
            let chosen = nth == self.at;
            let mut paint = paint.on(if chosen { Ground::Selected } else { Ground::Panel });
            let pointer = if chosen { crate::console::glyph::POINTER } else { " " };
            let label = name(Role::Text, item.label.clone()).cols(u16::try_from(label).unwrap_or(u16::MAX));
            let detail = text(Role::Muted, item.detail.clone()).rest();
            paint.line(row, &[text(Role::Accent, pointer), gap(1), label, gap(2), detail, gap(1)]);
        }
    }
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
