//! The form of a proposal.

use super::Face;
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Scope};
use crate::console::model::Cx;
use crate::console::theme::Role;
use crate::console::widgets::paint::Paint;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// The form of a proposal.
#[derive(Debug, Default)]
pub struct Propose {}

impl Face for Propose {
    fn scope(&self) -> Scope {
        Scope::Form
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Propose")]
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
