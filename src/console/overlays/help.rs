//! Help: every key of a screen, printed from the one table, and every command.

use super::sheet::{Part, Sheet};
use crate::console::commands;
use crate::console::keymap::{self, Bound, Scope};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{gap, text};
use crate::terminal::line::Safe;

const KEY_COLUMNS: u16 = 14;
const COMMAND_COLUMNS: u16 = 32;

/// The keys of a scope and of those it lies in, then the commands.
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
                text(Role::Accent, keys.join(" ")).cols(KEY_COLUMNS),
                gap(1),
                text(Role::Text, bound.help).rest(),
            ])
        }));
        parts.push(Part::Air);
    }
    parts.push(Part::Rule(Safe::new("commands, behind :")));
    parts.extend(commands::TABLE.iter().map(|command| {
        let names = command.names.join(" ");
        Part::Line(vec![
            gap(1),
            text(Role::Accent, safe!("{names} {}", command.takes.word())).cols(COMMAND_COLUMNS),
            gap(1),
            text(Role::Text, command.help).rest(),
        ])
    }));
    parts.push(Part::Words(Role::Muted, " The words of every key above are commands too.".to_owned()));
    Sheet::new(safe!("keys: {}", scope.title()), parts)
}
