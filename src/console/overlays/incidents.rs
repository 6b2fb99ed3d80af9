//! Incidents: opened, read, led, marked and closed.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice, Item as Row, Menu, Wherever};
use super::sheet::Sheet;
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::pages;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::widgets::piece::{Piece, name, text};
use crate::domain::decide::incidents::Deed;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Clocks, Incident, Mark, Opening, Severity, next_words};
use crate::domain::{Ask, Seen, WorkspaceId};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// The clocks of the site in force.
pub fn clocks(cx: &Cx<'_>) -> Clocks {
    cx.world.site.as_ref().map(|site| site.clocks).unwrap_or_default()
}

/// Open incidents of this person's workspaces, the gravest first.
pub fn visible<'a>(cx: &Cx<'a>) -> Vec<&'a Arc<Incident>> {
    let all = cx.world.incidents.values().filter(|one| cx.world.can_see(cx.me(), &one.workspace));
    let mut found: Vec<_> = all.collect();
    found.sort_by_key(|one| (one.severity, one.id));
    found
}

/// `! I3 P1 prod-web: checkout fails · mitigate in 12 min · grace leads`; the title gives way.
pub fn row(cx: &Cx<'_>, one: &Incident, ink: Ink) -> Vec<Piece> {
    vec![
        text(ink, safe!("! {} {} {}: ", one.id, one.severity.word(), one.workspace)),
        name(ink, one.title.as_str()).rest(),
        text(ink, safe!(" · {}", standing(cx, one))),
    ]
}

fn standing(cx: &Cx<'_>, one: &Incident) -> String {
    let leads = one.commander.as_ref().map_or("no lead".to_owned(), |person| format!("{person} leads"));
    format!("{} · {leads}", next_words(one, &clocks(cx), cx.now()))
}

/// Opens one, as typed: `P1 WORKSPACE`. Nothing typed: shows those that are open.
pub fn typed(cx: &Cx<'_>, typed: &str) -> Do {
    let words: Vec<&str> = typed.split_whitespace().collect();
    match words.as_slice() {
        [] => all(cx),
        [severity, place] => match Severity::parse(severity) {
            Some(severity) => opening(cx, severity, &WorkspaceId::new(place)),
            None => Do::Say(format!("{severity} is no severity; there are P1, P2, P3 and P4")),
        },
        _ => Do::Say("write :incident P1 WORKSPACE to open one, :incident to see those that are open".to_owned()),
    }
}

fn all(cx: &Cx<'_>) -> Do {
    let rows: Vec<Row> = visible(cx)
        .into_iter()
        .map(|one| Row {
            mark: None,
            label: safe!("{} {}", one.id, one.severity.word()),
            detail: safe!("{}: {} · {}", one.workspace, one.title, next_words(one, &clocks(cx), cx.now())),
            choice: Choice::Wherever(Wherever::Incident(one.id)),
        })
        .collect();
    match rows.is_empty() {
        true => Do::Say("no incident is open; :incident P1 WORKSPACE opens one".to_owned()),
        false => over(Overlay::Menu(Menu::new("open incidents", rows))),
    }
}

/// The form for one. Its fields are in the order in which [`Opening`] takes them.
fn opening(cx: &Cx<'_>, severity: Severity, place: &WorkspaceId) -> Do {
    let Some(workspace) = cx.world.workspace(place).filter(|found| found.has_member(cx.me())) else {
        return Do::Say(format!("no workspace is called {place}; tab shows them"));
    };
    let opening = Opening {
        workspace: workspace.id.clone(),
        severity,
        title: String::new(),
        tenant: String::new(),
        impact: String::new(),
        monitoring: Vec::new(),
        owner: workspace.owner.clone(),
        commander: None,
    };
    let title = safe!("open an incident: {} in {place}", severity.word());
    let dialog =
        Dialog::new(cx, title, "Open", "opened an incident", Seen::Nothing, Ask::OpenIncident(Box::new(opening)))
            .says(
                Ink::Muted,
                format!("{} owns the workspace, and answers for it unless somebody else is named.", workspace.owner),
            )
            .field("what it is, in a line", Need::Words)
            .field("tenant: whose customers notice it", Need::Words)
            .field("impact: what they notice", Need::Words)
            .field("what monitoring calls it (ids, comma between)", Need::Words)
            .field("who answers for it (may stay empty)", Need::MayWords)
            .field("who leads the work (may stay empty)", Need::MayWords);
    over(Overlay::Dialog(Box::new(dialog)))
}

/// An opening with what was typed into its form.
pub fn filled(opening: Opening, typed: &[String]) -> Opening {
    let text = |nth: usize| typed.get(nth).cloned().unwrap_or_default();
    let person = |nth: usize| Some(text(nth)).filter(|name| !name.is_empty());
    Opening {
        title: text(0),
        tenant: text(1),
        impact: text(2),
        monitoring: text(3).split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect(),
        owner: person(4).map_or(opening.owner.clone(), |name| name.as_str().into()),
        commander: person(5).map(|name| name.as_str().into()),
        ..opening
    }
}

/// What can be done about one.
pub fn menu(cx: &Cx<'_>, id: IncidentId) -> Do {
    let Some(one) = cx.world.incidents.get(&id) else {
        return Do::Say(format!("{id} is closed"));
    };
    let row = |label: String, detail: &'static str, choice: Wherever| Row {
        mark: None,
        label: Safe::new(&label),
        detail: Safe::new(detail),
        choice: Choice::Wherever(choice),
    };
    let deed = |label: String, detail, deed: Deed| row(label, detail, Wherever::InIncident(id, deed));
    let mut rows = vec![
        row("read it".to_owned(), "what it is, its clocks, its timeline", Wherever::ReadIncident(id)),
        deed("note".to_owned(), "a line for its timeline", Deed::Note),
    ];
    if let Some(mark) = Mark::ALL.into_iter().find(|mark| !one.marks.contains_key(mark)) {
        rows.push(deed(mark.word().to_owned(), "the next mark it is held against", Deed::Mark(mark)));
    }
    let open = Mark::ALL.into_iter().filter(|mark| !one.marks.contains_key(mark)).skip(1);
    rows.extend(open.map(|mark| deed(mark.word().to_owned(), "before the others", Deed::Mark(mark))));
    if one.commander.as_ref() != Some(cx.me()) {
        rows.push(deed("lead it".to_owned(), "from now on you lead the work", Deed::Command(cx.me().clone())));
    }
    let others = Severity::ALL.into_iter().filter(|severity| *severity != one.severity);
    rows.extend(others.map(|severity| {
        let detail = if severity < one.severity { "it is graver" } else { "it is less grave" };
        deed(format!("now {}", severity.word()), detail, Deed::Grade(severity))
    }));
    if one.marks.contains_key(&Mark::Resolved) {
        rows.push(deed("close".to_owned(), "with what came of it", Deed::Close));
    }
    over(Overlay::Menu(Menu::new(safe!("{} {}: {}", one.id, one.severity.word(), one.title), rows)))
}

/// The question before it is done.
pub fn deed(cx: &Cx<'_>, id: IncidentId, deed: &Deed) -> Do {
    let Some(one) = cx.world.incidents.get(&id) else {
        return Do::Say(format!("{id} is closed"));
    };
    let (title, verb, said, label, need) = match deed {
        Deed::Note => ("note on".to_owned(), "Write", "noted on an incident", "note", Need::Words),
        Deed::Mark(mark) => (
            format!("{}:", mark.word()),
            "Mark",
            "marked an incident",
            "what is to be said (may stay empty)",
            Need::MayWords,
        ),
        Deed::Command(_) => {
            ("lead".to_owned(), "Lead", "lead an incident", "what is to be said (may stay empty)", Need::MayWords)
        }
        Deed::Grade(severity) => {
            (format!("now {}:", severity.word()), "Say so", "regraded an incident", "why", Need::Words)
        }
        Deed::Close => ("close".to_owned(), "Close", "closed an incident", "what came of it", Need::Words),
    };
    let ask = Ask::InIncident { incident: id, deed: deed.clone(), text: String::new() };
    let dialog = Dialog::new(cx, safe!("{title} {id}"), verb, said, Seen::Nothing, ask)
        .says(Ink::Text, format!("{} {}: {}", one.severity.word(), one.workspace, one.title))
        .says(Ink::Muted, standing(cx, one))
        .field(label, need);
    let dialog = if *deed == Deed::Note { dialog.naming(&one.workspace) } else { dialog };
    over(Overlay::Dialog(Box::new(dialog)))
}

/// All of it as text.
pub fn read(cx: &Cx<'_>, id: IncidentId) -> Do {
    match cx.world.incidents.get(&id) {
        Some(one) => {
            over(Overlay::Sheet(Sheet::new(safe!("{id} {}", one.severity.word()), pages::incident::parts(cx, one))))
        }
        None => Do::Say(format!("{id} is closed")),
    }
}
