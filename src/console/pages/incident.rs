//! An incident in full: what it is, how far it is and by when, what was said.

use super::{heading, labelled};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::incidents::clocks;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, text};
use crate::domain::incident::{Incident, Mark, next_words};
use crate::terminal::line::Safe;

const MARK_COLUMNS: u16 = 14;

/// One incident.
pub fn parts(cx: &Cx<'_>, one: &Incident) -> Vec<Part> {
    let (clocks, now) = (clocks(cx), cx.now());
    let when = |at| moment::when(at, now, &cx.here.zone);
    let mut parts = vec![Part::Words(Role::Title, one.title.clone()), Part::Air];
    let leads = one.commander.as_ref().map_or("nobody yet".to_owned(), ToString::to_string);
    parts.extend(
        [
            labelled("workspace", one.workspace.as_str()),
            labelled("tenant", &*one.tenant),
            labelled("impact", &*one.impact),
            labelled("monitoring", one.monitoring.join(", ")),
            labelled("owner", one.owner.as_str()),
            labelled("leads", leads),
            labelled("opened", format!("{} by {}", when(one.opened), one.by)),
        ]
        .into_iter()
        .flatten(),
    );
    parts.extend(heading("how far it is", next_words(one, &clocks, now)));
    let late = one.late(&clocks, now);
    parts.extend(Mark::ALL.into_iter().map(|mark| {
        let due = one.severity.is_timed().then(|| when(one.opened.plus_ms(clocks.of(mark))));
        let by = due.map(|due| format!("due {due}")).unwrap_or_default();
        let (ink, reached) = match (one.marks.get(&mark), late.contains(&mark)) {
            (Some(at), false) => (Role::Ok, format!("{}  {by}", when(*at))),
            (Some(at), true) => (Role::Warning, format!("{}  {by}: late", when(*at))),
            (None, true) => (Role::ErrorText, format!("{by}: overdue")),
            (None, false) => (Role::Muted, by),
        };
        Part::Line(vec![text(Role::Text, mark.word()).cols(MARK_COLUMNS), text(ink, reached)])
    }));
    parts.extend(heading("timeline", safe!("{}", one.notes.len())));
    for note in &one.notes {
        parts.push(Part::Line(vec![text(Role::Title, note.by.as_str()), gap(1), text(Role::Muted, when(note.at))]));
        parts.push(Part::Labelled(2, Safe::default(), Role::Text, note.text.clone()));
    }
    parts
}
