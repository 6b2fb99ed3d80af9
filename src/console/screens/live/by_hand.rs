//! A step by hand where a script's log would stand: what is to be done, what to tick, what shows it. Nobody should have to open
//! a dialog to read what they are asked for.

use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::{Page, Part};
use crate::console::widgets::piece::{gap, text};
use crate::domain::once;
use crate::domain::published;
use crate::domain::run::{CellState, Choice, Item, Run, Slot};
use crate::domain::runbook::{Action, Gate};
use crate::terminal::line::Safe;

/// The step's words; `None` where the item is a script.
pub(super) fn page(run: &Run, item: Item) -> Option<Page> {
    let Item::Step(position) = item else { return None };
    let step = run.plan.step(position)?;
    let (told, checklist, evidence) = match &step.action {
        Action::Manual { text, checklist, evidence, .. } => (text, checklist, evidence),
        Action::Approval(gate) => return Some(of_gate(run, position, &step.title, gate)),
        Action::Script(_)
        | Action::Wait(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => return None,
    };
    let cell = run.cell(Slot { item, host: None });
    let is_done = cell.is_some_and(|cell| cell.state == CellState::Ok);
    let (mark, ink) = if is_done { ("[✔]", Role::Ok) } else { ("[ ]", Role::Muted) };
    let mut parts =
        vec![Part::Words(Role::Title, step.title.clone()), Part::Words(Role::Text, run.told(position, told))];
    let ticks = checklist
        .iter()
        .map(|point| Part::Line(vec![text(ink, mark), gap(1), text(Role::Text, point.as_str()).rest()]));
    parts.extend(ticks);
    let shown = cell.map(|cell| cell.saw.trim()).filter(|saw| !saw.is_empty());
    match shown {
        Some(saw) => parts.push(Part::Labelled(14, Safe::new("what shows it"), Role::Text, saw.to_owned())),
        None if *evidence && !is_done => {
            let file = format!("quarterdeck evidence {} {} FILE", run.id.0, step.id);
            parts.push(Part::Words(Role::Muted, format!("asks for evidence: words, or a file by `{file}`")));
        }
        None => {}
    }
    let files = run.evidence.iter().filter(|given| given.slot == Slot { item, host: None });
    parts.extend(files.map(|given| Part::Labelled(14, Safe::new("a file"), Role::Text, given.words())));
    Some(Page::new(parts))
}

/// What is decided at a gate, who is asked, and what was said so far.
fn of_gate(run: &Run, position: u16, title: &str, gate: &Gate) -> Page {
    let mut parts = vec![
        Part::Words(Role::Title, title.to_owned()),
        Part::Words(Role::Text, run.told(position, &gate.text)),
        Part::Words(Role::Muted, format!("asks {}", gate.who())),
    ];
    let known = published::before(run, once::slot(position).item, None);
    parts.extend(known.into_iter().map(|(name, value)| {
        let label = safe!("{name} = ");
        let columns = u16::try_from(label.width()).unwrap_or(u16::MAX);
        Part::Labelled(columns, label, Role::Text, value)
    }));
    let said = run.answers.get(&once::slot(position)).into_iter().flatten().map(|vote| {
        let (mark, ink) = match vote.choice {
            Choice::Approve => ("yes", Role::Ok),
            Choice::Deny => ("no", Role::ErrorText),
            Choice::Retract => ("yes taken back", Role::Muted),
        };
        Part::Labelled(14, safe!("{}: {mark}", vote.by), ink, vote.reason.clone())
    });
    parts.extend(said);
    Page::new(parts)
}

/// What the rule above it says.
pub(super) fn title(run: &Run, item: Item) -> Safe {
    safe!("by hand: {}", run.plan.item_name(item).0)
}
