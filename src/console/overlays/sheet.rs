//! A page of text over a screen: help, raw TOML, what exactly ran, a refusal in full.

use crate::console::effect::{Do, over};
use crate::console::footer::{Foot, foot as entry};
use crate::console::keymap::{self, Act, Anywhere, FormAct, Motion, RowAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::overlays::Overlay;
use crate::console::overlays::menu::Choice;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::page::Page;
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{gap, text};
use crate::domain::Refusal;
use crate::domain::runbook::Runbook;
use crate::terminal::key::Input;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

pub use crate::console::widgets::page::Part;

/// A page of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sheet {
    title: Safe,
    page: Page,
    leads: Leads,
}

/// What may be done from a page, beside reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leads {
    Nowhere,
    /// It shows a runbook: a run of it may be proposed.
    ToPropose,
}

/// Opens a runbook's file as it stands.
pub fn source(runbook: &Runbook) -> Do {
    over(Overlay::Sheet(Sheet::verbatim(Safe::new(&runbook.file), &runbook.source)))
}

impl Sheet {
    /// A page, shown from its start.
    pub fn new(title: impl Into<Safe>, parts: Vec<Part>) -> Self {
        Self { title: title.into(), page: Page::new(parts), leads: Leads::Nowhere }
    }

    /// The page of a runbook, from which a run of it is proposed.
    pub fn proposes(self) -> Self {
        Self { leads: Leads::ToPropose, ..self }
    }

    /// A page of text in which every space counts.
    pub fn verbatim(title: impl Into<Safe>, text: &str) -> Self {
        Self::new(title, vec![Part::Verbatim(Role::Text, text.to_owned())])
    }

    /// Scrolls.
    pub fn scroll(&mut self, cx: &Cx<'_>, motion: Motion) {
        self.page.scroll(motion, inner(cx));
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        let Input::Key(key) = input else {
            return Vec::new();
        };
        match keymap::act(Scope::Sheet, *key) {
            Some(Act::Motion(motion)) => {
                self.scroll(cx, motion);
                Vec::new()
            }
            Some(Act::Row(RowAct::New)) if self.leads == Leads::ToPropose => {
                vec![Do::Shut, Do::Picked(Choice::Propose)]
            }
            Some(act @ Act::Row(RowAct::Raw)) if self.leads == Leads::ToPropose => vec![Do::Shut, Do::Act(act)],
            Some(Act::Form(FormAct::Leave) | Act::Anywhere(_)) => vec![Do::Shut],
            Some(_) | None => Vec::new(),
        }
    }

    /// Draws it over the whole body.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let area = cx.areas.body;
        let mut paint = paint.on(Ground::Panel);
        paint.clear(area);
        paint.rule(inset(area), self.title.clone(), self.page.standing(inner(cx)).words());
        self.page.view(&mut paint, inner(cx));
    }
}

/// Where the text stands: under the title, a row of air at the end.
fn inner(cx: &Cx<'_>) -> Rect {
    let area = inset(below(cx.areas.body, 1));
    Rect { height: area.height.saturating_sub(1), ..area }
}

/// A refusal in full: what, the rule and its code, who may, what next.
pub fn of_refusal(refusal: &Refusal) -> Sheet {
    let line = |label: &'static str, words: &str| {
        let words = if words.is_empty() { "–" } else { words };
        vec![Part::Line(vec![text(Role::Muted, label)]), Part::Words(Role::Text, words.to_owned()), Part::Air]
    };
    let parts = [
        vec![Part::Air],
        line("what was refused", &refusal.what),
        vec![
            Part::Line(vec![text(Role::Muted, "by which rule")]),
            Part::Line(vec![text(Role::Refused, "⊘"), gap(1), text(Role::Text, refusal.rule.code())]),
            Part::Air,
        ],
        line("who may", &refusal.who_may),
        line("what next", &refusal.next),
    ];
    Sheet::new("refused", parts.concat())
}

/// The keys the footer shows.
pub fn foot(sheet: &Sheet) -> Vec<Foot> {
    let lead = match sheet.leads {
        Leads::Nowhere => Vec::new(),
        Leads::ToPropose => vec![entry(Act::Row(RowAct::New)), entry(Act::Row(RowAct::Raw))],
    };
    let keys = [
        entry(Act::Motion(Motion::Down)),
        entry(Act::Motion(Motion::Up)),
        entry(Act::Motion(Motion::PageDown)),
        entry(Act::Motion(Motion::Bottom)),
        entry(Act::Anywhere(Anywhere::Back)).says("close"),
    ];
    lead.into_iter().chain(keys).collect()
}
