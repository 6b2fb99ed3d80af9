//! A run afterwards: how it ended, who allowed it, who said what, what happened when.

use super::heading;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{Piece, gap, name, spring, text};
use crate::console::widgets::places;
use crate::console::words;
use crate::domain::policy;
use crate::domain::query::AuditRow;
use crate::domain::run::{CellState, Choice, Note, Run};
use crate::domain::{Actor, binding};
use crate::terminal::line::Safe;

/// Cells that did not end well and are told one by one; the matrix shows them all.
const TROUBLES_MAX: usize = 40;

/// Two lines: where and how it ended; when, by whom.
pub fn head(cx: &Cx<'_>, run: &Run) -> Vec<Vec<Piece>> {
    let plan = &run.plan;
    let mark = glyph::standing(run);
    let took = match (run.started, run.ended) {
        (Some(started), Some(ended)) => format!(" · took {}", moment::span(ended.ms_since(started))),
        (None | Some(_), None | Some(_)) => String::new(),
    };
    let impact = glyph::impact(plan.impact);
    let first = vec![
        places::block(plan.environment),
        gap(1),
        name(Role::Title, safe!("{}", plan.proposal.workspace)),
        gap(2),
        text(mark.role, safe!("{} {}{took}", mark.glyph, words::standing(run))),
        spring(),
        text(impact.role, safe!("{} impact", impact.word)),
    ];
    let when = |at| moment::when(at, cx.now(), &cx.here.zone);
    let mut people = vec![format!("asked by {} {}", plan.requester, when(run.proposed))];
    if let (Some(driver), Some(started)) = (&run.driver, run.started) {
        people.push(format!("driven by {driver} {}", when(started)));
    }
    if let Some(review) = &run.review {
        people.push(format!("reviewed by {}", review.by));
    }
    vec![first, vec![name(Role::Muted, people.join(" · "))]]
}

/// What it is known by: the binding's code and how often it changed.
pub fn record(run: &Run) -> Safe {
    safe!("binding {} · {}", binding::code(&run.binding), run.plan.proposal.ticket)
}

/// Everything that was said and decided, then what happened, oldest first.
pub fn parts(cx: &Cx<'_>, run: &Run, timeline: &[AuditRow]) -> Vec<Part> {
    let checkpoints = super::checkpoints::parts(cx, run);
    [outcome(cx, run), checkpoints, approvals(cx, run), troubles(run), notes(cx, run), happened(cx, timeline)].concat()
}

fn said(cx: &Cx<'_>, note: &Note) -> Vec<Part> {
    let when = moment::when(note.at, cx.now(), &cx.here.zone);
    let words = if note.text.is_empty() { "(erased)" } else { note.text.as_str() };
    vec![
        Part::Line(vec![text(Role::Title, note.by.as_str()), gap(1), text(Role::Muted, when)]),
        Part::Labelled(2, Safe::default(), Role::Text, words.to_owned()),
    ]
}

fn outcome(cx: &Cx<'_>, run: &Run) -> Vec<Part> {
    let mut parts = Vec::new();
    match &run.outcome_note {
        Some(note) => parts.extend(said(cx, note)),
        None if run.ended.is_some() => {
            parts.push(Part::Words(Role::Warning, "! The outcome note is missing.".to_owned()));
        }
        None => parts.push(Part::Words(Role::Muted, "It never ran.".to_owned())),
    }
    match &run.review {
        Some(review) => {
            parts.push(Part::Line(vec![text(Role::Ok, safe!("{} signed off", glyph::DONE.glyph))]));
            parts.extend(said(cx, review));
        }
        None if run.outcome_note.is_some() => {
            parts.push(Part::Words(Role::Muted, "Nobody has signed it off yet.".to_owned()));
        }
        None => {}
    }
    parts
}

fn approvals(cx: &Cx<'_>, run: &Run) -> Vec<Part> {
    let mut parts = heading("approvals", super::plan::quorum(run.plan.quorum.as_ref()).as_str()).to_vec();
    for vote in &run.votes {
        let (mark, word) = match vote.choice {
            Choice::Approve => (glyph::DONE, "approved"),
            Choice::Deny => (glyph::REFUSED, "denied"),
            Choice::Retract => (glyph::SKIPPED, "took the approval back"),
        };
        let when = moment::when(vote.at, cx.now(), &cx.here.zone);
        parts.push(Part::Line(vec![
            text(mark.role, mark.glyph),
            gap(1),
            text(Role::Title, vote.by.as_str()),
            text(Role::Muted, safe!(" {word} {when}")),
        ]));
        parts.push(Part::Labelled(2, Safe::default(), Role::Text, vote.reason.clone()));
    }
    if run.votes.is_empty() {
        parts.push(Part::Words(Role::Muted, "nobody voted".to_owned()));
    }
    for (id, accepted) in &run.accepted {
        let when = moment::when(accepted.at, cx.now(), &cx.here.zone);
        let text_of = policy::warnings(run).into_iter().find(|(known, _)| known == id).map(|(_, text)| text);
        parts.push(Part::Line(vec![
            text(Role::Warning, glyph::WARNING.glyph),
            gap(1),
            name(Role::Text, safe!("{id}: {}", text_of.unwrap_or_default())).rest(),
        ]));
        let words = format!("{} {when}: {}", accepted.by, accepted.reason);
        parts.push(Part::Labelled(2, Safe::default(), Role::Muted, words));
    }
    parts
}

/// Cells that did not end well, with what they said.
fn troubles(run: &Run) -> Vec<Part> {
    let bad: Vec<_> = run
        .cells
        .iter()
        .filter_map(|(slot, cell)| match &cell.state {
            CellState::Failed(reason) | CellState::Unknown(reason) | CellState::Refused(reason) => {
                Some((slot, cell, reason))
            }
            CellState::Waiting
            | CellState::Intended
            | CellState::Started { .. }
            | CellState::Ok
            | CellState::Skipped => None,
        })
        .collect();
    if bad.is_empty() {
        return Vec::new();
    }
    let mut parts = heading("what did not end well", safe!("{}", bad.len())).to_vec();
    for (slot, cell, reason) in bad.iter().take(TROUBLES_MAX) {
        let mark = glyph::cell(&cell.state);
        let host = run.plan.place(**slot);
        let (step, _, _) = run.plan.item_name(slot.item);
        let tries = if cell.attempt > 1 { format!(" · {} tries", cell.attempt) } else { String::new() };
        parts.push(Part::Line(vec![
            text(mark.role, mark.glyph),
            gap(1),
            name(Role::Text, safe!("{host}")),
            text(Role::Muted, safe!(" · {step} · ")),
            text(mark.role, reason.words()),
            text(Role::Muted, tries),
        ]));
        if !cell.saw.is_empty() {
            parts.push(Part::Indented(2, Role::Muted, cell.saw.to_string()));
        }
    }
    if bad.len() > TROUBLES_MAX {
        let more = format!("and {} more: the matrix above and the log show them", bad.len() - TROUBLES_MAX);
        parts.push(Part::Words(Role::Muted, more));
    }
    parts
}

fn notes(cx: &Cx<'_>, run: &Run) -> Vec<Part> {
    if run.notes.is_empty() {
        return Vec::new();
    }
    let mut parts = heading("notes", safe!("{}", run.notes.len())).to_vec();
    for note in &run.notes {
        parts.extend(said(cx, note));
    }
    parts
}

fn happened(cx: &Cx<'_>, timeline: &[AuditRow]) -> Vec<Part> {
    if timeline.is_empty() {
        return Vec::new();
    }
    let mut parts = heading("timeline", words::count(timeline.len(), "event", "events").as_str()).to_vec();
    let mut day = String::new();
    for row in timeline.iter().rev() {
        let this = moment::day_alone(row.at, &cx.here.zone);
        if this != day {
            parts.push(Part::Words(Role::Muted, this.clone()));
            day = this;
        }
        let who = match &row.by {
            Actor::Person { person, .. } => text(Role::Text, person.as_str()),
            Actor::Engine => text(Role::Faint, "·"),
        };
        parts.push(Part::Line(vec![
            text(Role::Faint, moment::time_to_second(row.at, &cx.here.zone)),
            gap(1),
            who.cols(6),
            gap(1),
            text(Role::Text, row.summary.as_str()).rest(),
        ]));
    }
    parts
}
