//! Runbooks: search, front matter, scope, steps, raw TOML.

use super::Face;
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Scope};
use crate::console::model::Cx;
use crate::console::theme::Role;
use crate::console::widgets::paint::Paint;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Runbooks: search, front matter, scope, steps, raw TOML.
#[derive(Debug, Default)]
pub struct Runbooks {}

impl Face for Runbooks {
    fn scope(&self) -> Scope {
        Scope::Runbooks
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Runbooks")]
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
