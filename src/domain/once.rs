//! Steps done once for the whole run: what follows from where such a step stands. Every host has come through before one
//! begins, and none goes on before it is settled.

use super::event::{Entry, Event};
use super::id::Timestamp;
use super::run::{CellState, Item, Run, Slot};
use super::runbook::{Action, Done, Gate, Wait};

/// What follows from a step of the whole run.
#[derive(Clone, PartialEq, Debug)]
pub enum Once {
    /// This happens now.
    Now(Entry),
    /// Somebody, something or some time must come first.
    Waits,
    /// It is settled: the run goes on behind it.
    Over,
}

/// What follows from the step at `position`, which the run has come to.
pub fn follows(run: &Run, position: u16, at: Timestamp) -> Once {
    let Some(step) = run.plan.step(position) else {
        return Once::Over;
    };
    let slot = slot(position);
    let opened = || Once::Now(Entry::bare(Event::ManualOpened { run: run.id, slot }));
    let intended = || {
        let attempt = run.tries(slot).saturating_add(1);
        Once::Now(Entry::bare(Event::Intended { run: run.id, slot, attempt, probe: false }))
    };
    let Some(cell) = run.cell(slot) else {
        return match step.action.done() {
            Done::ByServer => intended(),
            Done::ByPeople | Done::ByTime | Done::OnHosts => opened(),
        };
    };
    match (&cell.state, step.action.done()) {
        (CellState::Waiting, Done::ByServer) => match cell.not_before {
            Some(moment) if at < moment => Once::Waits,
            Some(_) | None => intended(),
        },
        (CellState::Waiting, Done::ByTime) => match over_at(run, position) {
            Some(moment) if at < moment => Once::Waits,
            Some(_) | None => Once::Now(Entry::bare(Event::WaitOver { run: run.id, slot })),
        },
        (CellState::Waiting, Done::ByPeople | Done::OnHosts) => Once::Waits,
        (CellState::Intended | CellState::Started { .. }, _) => Once::Waits,
        (CellState::Ok | CellState::Skipped, _) => Once::Over,
        // Somebody decided to go on behind it, or is still to decide.
        (CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_), _) => {
            match run.progress.attention.contains(&slot) {
                true => Once::Waits,
                false => Once::Over,
            }
        }
    }
}

/// Whether such a step is at work, open for people, or settled. One that is to be tried again has yet to begin.
pub fn has_begun(run: &Run, position: u16) -> bool {
    let by_server = run.plan.step(position).is_some_and(|step| step.action.done() == Done::ByServer);
    run.cell(slot(position)).is_some_and(|cell| !by_server || cell.state != CellState::Waiting)
}

/// The next moment at which such a step goes on by itself.
pub fn next_moment(run: &Run) -> Option<Timestamp> {
    let super::segments::Segment::Once { step } = super::segments::at(&run.plan, run.progress.segment)? else {
        return None;
    };
    let cell = run.cell(slot(step)).filter(|cell| cell.state == CellState::Waiting)?;
    cell.not_before.or_else(|| over_at(run, step))
}

/// When the time a step waits for is over.
pub fn over_at(run: &Run, position: u16) -> Option<Timestamp> {
    let cell = run.cell(slot(position))?;
    match &run.plan.step(position)?.action {
        Action::Wait(Wait::For { ms }) => Some(cell.since.plus_ms(*ms)),
        Action::Wait(Wait::Until { .. })
        | Action::Script(_)
        | Action::Manual { .. }
        | Action::Approval(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => None,
    }
}

/// The gate a run has come to, where it waits at one, and at which position it stands.
pub fn open_gate(run: &Run) -> Option<(u16, &Gate)> {
    let super::segments::Segment::Once { step } = super::segments::at(&run.plan, run.progress.segment)? else {
        return None;
    };
    let waits = run.started.is_some() && run.cell(slot(step)).is_some_and(|cell| cell.state == CellState::Waiting);
    match &run.plan.step(step)?.action {
        Action::Approval(gate) if waits => Some((step, gate)),
        Action::Approval(_)
        | Action::Script(_)
        | Action::Manual { .. }
        | Action::Wait(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => None,
    }
}

/// Whether a step lets the run on only by the word of people: nobody who executes goes round it.
pub fn is_gate(run: &Run, slot: Slot) -> bool {
    match slot.item {
        Item::Step(n) => run.plan.step(n).is_some_and(|step| matches!(step.action, Action::Approval(_))),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => false,
    }
}

/// Where a step of the whole run stands.
pub fn slot(position: u16) -> Slot {
    Slot { item: Item::Step(position), host: None }
}
