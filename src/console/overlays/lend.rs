//! Roles for a while: asked for, lent, refused, given back.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice, Item as Row, Menu, Wherever};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::domain::decide::elevate::Answer;
use crate::domain::elevation::{self, Elevation};
use crate::domain::id::ElevationId;
use crate::domain::{Ask, Role, Seen, WorkspaceId, duration};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// Asks for a role, as typed: `ROLE WORKSPACE 60m`.
pub fn asked(cx: &Cx<'_>, typed: &str) -> Do {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let [role, place, long] = words.as_slice() else {
        return Do::Say("write :elevate ROLE WORKSPACE 60m".to_owned());
    };
    let Some(role) = Role::parse(role) else {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        return Do::Say(format!("{role} is no role; there are {}", known.join(", ")));
    };
    let for_ms = match duration::parse_ms(long) {
        Ok(ms) => ms,
        Err(wrong) => return Do::Say(wrong),
    };
    let workspace = WorkspaceId::new(place);
    let ask = Ask::Elevate { workspace, role, for_ms, reason: String::new() };
    let title = safe!("to be {} in {place} for {}", role.word(), duration::words(for_ms));
    let dialog = Dialog::new(cx, title, "Ask", "asked for a role", Seen::Nothing, ask)
        .says(Ink::Text, "Another person who answers for the workspace lends it.")
        .says(Ink::Muted, "It begins then, ends by itself, and stands in the record.")
        .field("why you need it", Need::Words);
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Every elevation this person may see, to be answered or ended.
pub fn all(cx: &Cx<'_>) -> Do {
    let rows: Vec<Row> = visible(cx)
        .map(|one| Row {
            mark: None,
            label: safe!("{} {}", one.id, one.person),
            detail: Safe::new(words(cx, one)),
            choice: Choice::Wherever(Wherever::Elevation(one.id)),
        })
        .collect();
    match rows.is_empty() {
        true => Do::Say("no role is asked for or lent; :elevate asks for one".to_owned()),
        false => over(Overlay::Menu(Menu::new("roles for a while", rows))),
    }
}

fn visible<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<Elevation>> {
    let (world, me) = (cx.world, &cx.here.me.person);
    world.elevations.values().filter(move |one| world.can_audit(me, &one.workspace))
}

/// Elevations that concern this person: requests they may answer, and roles they hold for a while.
pub fn mine<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<Elevation>> {
    let (world, me) = (cx.world, &cx.here.me.person);
    visible(cx).filter(move |one| match &one.granted {
        Some(_) => one.person == *me,
        None => {
            let place = world.workspace(&one.workspace);
            one.person != *me && place.is_some_and(|place| elevation::may_answer(world, place, me))
        }
    })
}

/// `operator in prod-web, until 14:30: why`.
pub fn words(cx: &Cx<'_>, one: &Elevation) -> String {
    let role = format!("{} in {}", one.role.word(), one.workspace);
    match &one.granted {
        Some(granted) => {
            let until = moment::when(granted.until, cx.now(), &cx.here.zone);
            format!("{role}, until {until}, lent by {}: {}", granted.by, one.reason)
        }
        None => format!("{role} for {}: {}", duration::words(one.for_ms), one.reason),
    }
}

/// What can be done about one.
pub fn menu(cx: &Cx<'_>, id: ElevationId) -> Do {
    let Some(one) = cx.world.elevations.get(&id) else {
        return Do::Say(format!("{id} is over"));
    };
    let row = |answer: Answer, label: &'static str, detail: &'static str| Row {
        mark: None,
        label: Safe::new(label),
        detail: Safe::new(detail),
        choice: Choice::Wherever(Wherever::Elevate(id, answer)),
    };
    let mine = one.person == *cx.me();
    let rows = match (&one.granted, mine) {
        (None, false) => vec![
            row(Answer::Grant, "lend the role", "from now on, for as long as it is asked for"),
            row(Answer::Refuse, "refuse", "with a reason"),
        ],
        (None, true) => vec![row(Answer::End, "take the request back", "it is not needed any more")],
        (Some(_), true) => vec![row(Answer::End, "give it back", "what stands on it pauses")],
        (Some(_), false) => vec![row(Answer::End, "take it away", "what stands on it pauses")],
    };
    over(Overlay::Menu(Menu::new(safe!("{id} {}: {}", one.person, words(cx, one)), rows)))
}

/// The question before it is done.
pub fn answer(cx: &Cx<'_>, id: ElevationId, answer: Answer) -> Do {
    let Some(one) = cx.world.elevations.get(&id) else {
        return Do::Say(format!("{id} is over"));
    };
    let ask = Ask::AnswerElevation { elevation: id, answer, reason: String::new() };
    let (title, verb, said, label, need) = match answer {
        Answer::Grant => ("lend a role to", "Lend", "lent a role", "why", Need::Words),
        Answer::Refuse => ("refuse a role to", "Refuse", "refused a role", "why not", Need::Words),
        Answer::End => ("end the role of", "End", "ended a role", "why (may stay empty)", Need::MayWords),
    };
    let dialog = Dialog::new(cx, safe!("{title} {}", one.person), verb, said, Seen::Nothing, ask)
        .says(Ink::Text, words(cx, one))
        .field(label, need);
    over(Overlay::Dialog(Box::new(dialog)))
}
