//! The review of access: who holds which role, since when, and when it was used last.

use super::heading;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{name, text};
use crate::domain::workspace::Workspace;

const PERSON_COLUMNS: u16 = 16;
const ROLE_COLUMNS: u16 = 11;
const SINCE_COLUMNS: u16 = 15;
const LAST_COLUMNS: u16 = 15;

/// The roles of these workspaces.
pub fn parts<'a>(cx: &Cx<'_>, workspaces: impl Iterator<Item = &'a Workspace>) -> Vec<Part> {
    let (now, zone) = (cx.now(), &cx.here.zone);
    let when = |at| moment::when(at, now, zone);
    let row = |cells: [&str; 4], note: &str, ink: Ink| {
        let [person, role, since, last] = cells;
        Part::Line(vec![
            name(Ink::Title, person).cols(PERSON_COLUMNS),
            text(Ink::Text, role).cols(ROLE_COLUMNS),
            text(Ink::Muted, since).cols(SINCE_COLUMNS),
            text(Ink::Muted, last).cols(LAST_COLUMNS),
            text(ink, note).rest(),
        ])
    };
    let mut parts = Vec::new();
    for workspace in workspaces {
        let held: Vec<_> = cx.world.used.of(&workspace.id).collect();
        parts.extend(heading(workspace.id.as_str(), safe!("{}", held.len())));
        parts.push(row(["person", "role", "since", "last used"], "", Ink::Muted));
        for (person, role, held) in held {
            let note = if held.is_unused(role, now) { "! unused for a quarter" } else { "" };
            let (since, last) = (when(held.since), held.last_words(role, when));
            parts.push(row([person.as_str(), role.word(), &since, &last], note, Ink::Warning));
        }
        let lent = cx.world.elevations.values().filter(|one| one.workspace == workspace.id);
        for (one, granted) in lent.filter_map(|one| Some((one, one.granted.as_ref()?))) {
            let (since, note) = (when(granted.at), format!("lent by {} until {}", granted.by, when(granted.until)));
            parts.push(row([one.person.as_str(), one.role.word(), &since, ""], &note, Ink::Text));
        }
    }
    parts
}
