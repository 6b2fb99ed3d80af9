//! Notes that name this person: all that are kept, and the way to what each is about.

use super::menu::{Choice, Item as Row, Menu, Wherever};
use super::{Overlay, incidents};
use crate::console::commands;
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::domain::mention::{self, Mention, On};

/// All of them, newest first.
pub fn all(cx: &Cx<'_>) -> Do {
    let rows: Vec<Row> = mention::of(cx.world, cx.me()).map(|one| row(cx, one)).collect();
    match rows.is_empty() {
        true => Do::Say("no note names you".to_owned()),
        false => over(Overlay::Menu(Menu::new("notes that name you", rows))),
    }
}

fn row(cx: &Cx<'_>, one: &Mention) -> Row {
    Row {
        mark: None,
        label: safe!("{} {}", if one.seen.is_none() { "@" } else { " " }, one.on),
        detail: safe!("{:>4}  {}", moment::age(cx.now().ms_since(one.at)), said(cx, one)),
        choice: Choice::Wherever(Wherever::Mention(one.on)),
    }
}

/// `ada: please look`; without the words where they are gone.
pub fn said(cx: &Cx<'_>, one: &Mention) -> String {
    match mention::text(cx.world, one) {
        "" => format!("{} wrote a note that is not kept here any more", one.by),
        text => format!("{}: {text}", one.by),
    }
}

/// What it is about. A run is seen by whoever is at it; an incident is a page of text.
pub fn open(cx: &Cx<'_>, on: On) -> Vec<Do> {
    match on {
        On::Run(run) => vec![commands::open(cx, run)],
        On::Incident(incident) => vec![incidents::read(cx, incident), Do::See(on)],
    }
}
