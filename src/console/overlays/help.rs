//! Help: every key of a screen, printed from the one table, and every command.

use super::sheet::{Part, Sheet};
use crate::console::commands;
use crate::console::keymap::{self, Bound, Scope};
use crate::console::model::Hint;
use crate::console::safe;
use crate::console::theme::Role;
use crate::terminal::line::Safe;

const KEY_COLUMNS: u16 = 17;
const COMMAND_COLUMNS: u16 = 34;

/// What the server says of itself, the keys of a scope and of those it lies in, then the commands.
pub fn of(scope: Scope, hint: Option<&Hint>) -> Sheet {
    let mut parts = Vec::new();
    if let Some(hint) = hint {
        parts.extend([Part::Words(Role::Text, hint.help.clone()), Part::Air]);
    }
    for scope in scope.chain() {
        let rows: Vec<&Bound> = keymap::own(*scope).collect();
        if rows.is_empty() {
            continue;
        }
        parts.push(Part::Rule(Safe::new(scope.title())));
        parts.extend(rows.into_iter().map(|bound| {
            let keys: Vec<String> = bound.keys.iter().map(|key| keymap::label(*key)).collect();
            Part::Keyed(KEY_COLUMNS, safe!("  {}", keys.join(" ")), bound.help.to_owned())
        }));
        parts.push(Part::Air);
    }
    parts.push(Part::Rule(Safe::new("commands, behind :")));
    parts.extend(commands::TABLE.iter().map(|command| {
        let names = command.names.join(" ");
        Part::Keyed(COMMAND_COLUMNS, safe!("  {names} {}", command.takes.word()), command.help.to_owned())
    }));
    parts.push(Part::Words(Role::Muted, " The words of every key above are commands too.".to_owned()));
    Sheet::new(safe!("keys: {}", scope.title()), parts)
}
