//! Who is here, where they look, since when nothing was heard of them; and following one of them.

use super::Overlay;
use super::menu::{Choice, Item as Row, Menu, Wherever};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::domain::presence::{self, Present};

/// Quiet for less than this is at work.
const QUIET_MS: u64 = 2 * 60_000;

/// Columns of where somebody looks: what stands behind it lines up for most.
const SPOT_COLUMNS: usize = 18;

/// Everybody at a console, as it changes.
pub fn menu(cx: &Cx<'_>) -> Do {
    match cx.here.present.is_empty() {
        true => Do::Say("nobody else is known to be here".to_owned()),
        false => over(Overlay::Menu(Menu::of_those_here("who is here: enter follows", rows(cx)))),
    }
}

/// A row for each console.
pub fn rows(cx: &Cx<'_>) -> Vec<Row> {
    cx.here.present.iter().map(|one| row(cx, one)).collect()
}

fn row(cx: &Cx<'_>, one: &Present) -> Row {
    let spot = presence::spot_words(cx.world, cx.me(), one.seat.spot);
    let mut words = vec![format!("since {}", moment::when(one.since, cx.now(), &cx.here.zone))];
    let quiet = cx.now().ms_since(one.heard);
    if quiet >= QUIET_MS {
        words.push(format!("quiet for {}", moment::age(quiet)));
    }
    if let Some(whom) = &one.seat.follows {
        words.push(if whom == cx.me() { "follows you".to_owned() } else { format!("follows {whom}") });
    }
    let is_me = one.person == *cx.me();
    Row {
        mark: None,
        label: if is_me { safe!("{} (you)", one.person) } else { safe!("{}", one.person) },
        detail: safe!("{spot:SPOT_COLUMNS$} {}", words.join(" · ")),
        choice: Choice::Wherever(Wherever::Follow(one.person.clone())),
    }
}
