//! What was done by hand: listed, read, looked at.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice, Item as Row, Menu, Wherever};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::domain::by_hand::{ByHand, REVIEWS};
use crate::domain::id::HandId;
use crate::domain::{Ask, Role, Seen};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// Entries of this person's workspaces that too few have looked at.
pub fn visible<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<ByHand>> {
    let (world, me) = (cx.world, &cx.here.me.person);
    world.by_hand.values().filter(move |one| world.can_see(me, &one.workspace))
}

/// `H4 prod-web, by ada, recorded and not governed: 2 to look at it`.
pub fn words(one: &ByHand) -> Safe {
    let missing = REVIEWS.saturating_sub(one.reviews.len());
    safe!("{} {}, by hand by {}: recorded, not governed; {missing} to look at it", one.id, one.workspace, one.who)
}

/// All of them, to be read.
pub fn all(cx: &Cx<'_>) -> Do {
    let rows: Vec<Row> = visible(cx)
        .map(|one| Row {
            mark: None,
            label: safe!("{} {}", one.id, one.who),
            detail: safe!("{}: {}", one.workspace, one.reason),
            choice: Choice::Wherever(Wherever::ByHand(one.id)),
        })
        .collect();
    match rows.is_empty() {
        true => Do::Say("nothing that was done by hand waits; `quarterdeck record add` enters it".to_owned()),
        false => over(Overlay::Menu(Menu::new("done by hand, not governed", rows))),
    }
}

/// What was done, with the question whether one has looked at it.
pub fn read(cx: &Cx<'_>, id: HandId) -> Do {
    let Some(one) = cx.world.by_hand.get(&id) else {
        return Do::Say(format!("{id} was looked at"));
    };
    let reviews = cx.world.workspace(&one.workspace).is_some_and(|place| place.grants(cx.me(), Role::Reviewer));
    match reviews {
        true => review(cx, id),
        false => Do::Say(format!("{id}: a reviewer looks at it; `quarterdeck record list --json` shows all of it")),
    }
}

/// The question before it is done; what was entered stands above it.
fn review(cx: &Cx<'_>, id: HandId) -> Do {
    let Some(one) = cx.world.by_hand.get(&id) else {
        return Do::Say(format!("{id} was looked at"));
    };
    let when = |at| moment::when(at, cx.now(), &cx.here.zone);
    let hosts = one.hosts.lines().collect::<Vec<_>>().join(", ");
    let ask = Ask::ReviewByHand { entry: id, comment: String::new() };
    let mut dialog = Dialog::new(cx, safe!("{id}: done by hand"), "Looked at", "looked at", Seen::Nothing, ask)
        .says(Ink::Text, format!("{} on {hosts}, {} to {}: {}", one.who, when(one.from), when(one.until), one.reason));
    for line in one.commands.lines().take(LINES_MAX) {
        dialog = dialog.says(Ink::Muted, line.to_owned());
    }
    let more = one.commands.lines().count().saturating_sub(LINES_MAX);
    if more > 0 {
        let words = format!("{more} more lines: `quarterdeck record list --json` shows all of it");
        dialog = dialog.says(Ink::Warning, words);
    }
    for (name, sha256, bytes) in &one.files {
        dialog = dialog.says(Ink::Muted, format!("{name}, {bytes} bytes, SHA-256 {}", sha256.short()));
    }
    over(Overlay::Dialog(Box::new(dialog.field("what you saw", Need::Words))))
}

/// Lines of commands that a dialog shows.
const LINES_MAX: usize = 8;
