//! One request for approval.

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

/// One request for approval.
#[derive(Debug)]
pub struct Approval {
    run: RunId,
}

impl Approval {
    /// The screen of this run.
    pub fn of(run: RunId) -> Self {
        Self { run }
    }
}

impl Face for Approval {
    fn scope(&self) -> Scope {
        Scope::Approval
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
