//! Help: every key of a screen, printed from the one table.

use super::sheet::{Part, Sheet};
use crate::console::keymap::{self, Bound, Scope};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{gap, text};
use crate::terminal::line::Safe;

/// The keys of a scope and of those it lies in.
pub fn of(scope: Scope) -> Sheet {
    let mut parts = Vec::new();
    for scope in scope.chain() {
        let rows: Vec<&Bound> = keymap::own(*scope).collect();
        if rows.is_empty() {
            continue;
        }
        parts.push(Part::Rule(Safe::new(scope.title())));
        parts.extend(rows.into_iter().map(|bound| {
            let keys: Vec<String> = bound.keys.iter().map(|key| keymap::label(*key)).collect();
            Part::Line(vec![
                gap(1),
                text(Role::Accent, keys.join(" ")).cols(12),
                gap(1),
                text(Role::Text, bound.help).rest(),
            ])
        }));
        parts.push(Part::Air);
    }
    Sheet::new(safe!("keys: {}", scope.title()), parts)
}
