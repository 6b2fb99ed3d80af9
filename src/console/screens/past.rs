//! One past run, with its definition as it ran.

use super::Face;
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Scope};
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::Paint;
use crate::domain::RunId;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// One past run, with its definition as it ran.
#[derive(Debug)]
pub struct Past {
    run: RunId,
}

impl Past {
    /// The screen of this run.
    pub fn of(run: RunId) -> Self {
        Self { run }
    }
}

impl Face for Past {
    fn scope(&self) -> Scope {
        Scope::Past
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![safe!("{}", self.run)]
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Anywhere(Anywhere::Back)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn view(&self, _: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        paint.text(area, Role::Muted, " nothing here yet");
    }

    fn act(&mut self, _: &Cx<'_>, _: Act) -> Vec<Do> {
        Vec::new()
    }
}
