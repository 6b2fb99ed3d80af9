//! Who is here, where they look, and since when nothing was heard of them.

use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, name, text};
use crate::domain::presence::{self, Present};

const NAME_COLUMNS: u16 = 16;
const SPOT_COLUMNS: u16 = 28;

/// Quiet for less than this is at work.
const QUIET_MS: u64 = 2 * 60_000;

/// Everybody at a console.
pub fn parts(cx: &Cx<'_>) -> Vec<Part> {
    let mut parts: Vec<Part> = cx.here.present.iter().map(|one| Part::Line(line(cx, one))).collect();
    if parts.is_empty() {
        parts.push(Part::Words(Role::Muted, "Nobody else is known to be here.".to_owned()));
    }
    parts
}

fn line(cx: &Cx<'_>, one: &Present) -> Vec<crate::console::widgets::piece::Piece> {
    let quiet = cx.now().ms_since(one.heard);
    let quiet = match quiet < QUIET_MS {
        true => String::new(),
        false => format!("quiet for {}", moment::age(quiet)),
    };
    let who = if one.person == *cx.me() { safe!("{} (you)", one.person) } else { safe!("{}", one.person) };
    vec![
        name(Role::Title, who).cols(NAME_COLUMNS),
        gap(1),
        text(Role::Text, presence::spot_words(cx.world, cx.me(), one.spot)).cols(SPOT_COLUMNS),
        gap(1),
        text(Role::Muted, safe!("since {}", moment::when(one.since, cx.now(), &cx.here.zone))),
        gap(2),
        text(Role::Muted, quiet),
    ]
}
