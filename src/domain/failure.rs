//! What follows from a step that did not end well: another try, one host fewer, a question to somebody, or the end.
//!
//! A step's written `on_failure` holds from its first failure: `pause` asks and `stop` ends the run, whatever the runbook
//! tolerates; `continue` leaves hosts out, as many as `max_failures` allows where it is written. A step that writes
//! nothing leaves out as many as `max_failures` allows, and then asks.

use super::event::{Entry, Event};
use super::id::Timestamp;
use super::run::{Cell, CellState, Item, PauseCause, Run, Slot, StopHow};
use super::runbook::{Action, Done, Effect, OnFailure, Wait};

/// What follows from a cell that asks for attention while the run runs.
pub fn follows(run: &Run, slot: Slot, at: Timestamp) -> Entry {
    if let Some(entry) = retry(run, slot, at) {
        return entry;
    }
    // By itself once after each try nobody saw the end of; after that somebody asks for it.
    if run.cell(slot).is_some_and(|cell| !cell.probing)
        && let Some(entry) = probe(run, slot)
    {
        return entry;
    }
    let on_failure = match slot.item {
        Item::Step(n) => run.plan.step(n).and_then(|step| step.on_failure),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => None,
    };
    let failures = run.progress.failures + 1;
    let within = |most: u32| failures <= most;
    // Nobody can tell how an unknown ended, so it is never waved through while somebody can be asked.
    let unknown = matches!(run.state(slot), CellState::Unknown(_));
    let dropped = Event::HostDropped { run: run.id, slot };
    let asked = Event::RunPaused { run: run.id, cause: PauseCause::Failure };
    let stopped = |how| Event::RunStopping { run: run.id, how };
    if slot.host.is_none() {
        return Entry::bare(of_the_whole_run(run, slot, on_failure));
    }
    Entry::bare(match on_failure {
        None if run.plan.max_failures.is_some_and(within) && !unknown => dropped,
        None | Some(OnFailure::Pause) => asked,
        Some(OnFailure::Continue) if run.plan.max_failures.is_none_or(within) => dropped,
        Some(OnFailure::Continue | OnFailure::Stop) => stopped(StopHow::Failure),
        Some(OnFailure::Rollback) => stopped(StopHow::WayBack),
    })
}

/// What follows from a step of the whole run: it is no host, so no number of hosts tolerated covers it. Where its author wrote that
/// the run goes on it does, but never through a gate that was denied.
fn of_the_whole_run(run: &Run, slot: Slot, on_failure: Option<OnFailure>) -> Event {
    match on_failure {
        Some(OnFailure::Continue) if !super::once::is_gate(run, slot) => Event::HostDropped { run: run.id, slot },
        None | Some(OnFailure::Pause | OnFailure::Continue) => {
            Event::RunPaused { run: run.id, cause: PauseCause::Failure }
        }
        Some(OnFailure::Stop) => Event::RunStopping { run: run.id, how: StopHow::Failure },
        Some(OnFailure::Rollback) => Event::RunStopping { run: run.id, how: StopHow::WayBack },
    }
}

/// Lets a step's probe look what became of it, where nobody saw its end and it has one.
pub fn probe(run: &Run, slot: Slot) -> Option<Entry> {
    let Item::Step(n) = slot.item else {
        return None;
    };
    let unknown = matches!(run.state(slot), CellState::Unknown(_));
    let has_one = run.plan.step(n).is_some_and(|step| step.probe.is_some());
    let attempt = run.tries(slot).saturating_add(1);
    (unknown && has_one).then(|| Entry::bare(Event::Intended { run: run.id, slot, attempt, probe: true }))
}

/// Whether more hosts failed than the runbook tolerates: while a run stops, no further host is let in then.
pub fn beyond_tolerated(run: &Run) -> bool {
    run.progress.failures > run.plan.max_failures.unwrap_or(0)
}

/// A try that certainly failed or never began is repeated where the step may be and has tries left. A `once` step is
/// repeated by itself only where it certainly never began; an unknown never is.
fn retry(run: &Run, slot: Slot, at: Timestamp) -> Option<Entry> {
    let Item::Step(n) = slot.item else {
        return None;
    };
    let step = run.plan.step(n)?;
    let cell = run.cell(slot)?;
    // What people said is no try: only people ask them again.
    if matches!(step.action.done(), Done::ByPeople | Done::ByTime) {
        return None;
    }
    if let Action::Wait(Wait::Until { every_ms, at_most_ms, .. }) = &step.action {
        return again_until(run, slot, cell, at.plus_ms(*every_ms), *at_most_ms);
    }
    let allowed = match (&cell.state, step.effect) {
        (CellState::Refused(_), _) => true,
        (CellState::Failed(_), Effect::Read | Effect::Idempotent) => true,
        (CellState::Failed(_), Effect::Once) => false,
        (
            CellState::Unknown(_)
            | CellState::Waiting
            | CellState::Intended
            | CellState::Started { .. }
            | CellState::Ok
            | CellState::Skipped,
            _,
        ) => false,
    };
    let not_before = at.plus_ms(step.retries.wait_ms(run.id, slot, cell.attempt));
    (allowed && cell.attempt.saturating_sub(cell.probes) <= step.retries.times)
        .then(|| Entry::bare(Event::RetryPlanned { run: run.id, slot, not_before }))
}

/// What is waited for is asked for again until the time it has is over. An answer nobody heard is no answer: it is only read.
fn again_until(run: &Run, slot: Slot, cell: &Cell, not_before: Timestamp, at_most_ms: u64) -> Option<Entry> {
    let asked = matches!(cell.state, CellState::Failed(_) | CellState::Refused(_) | CellState::Unknown(_));
    (asked && not_before <= cell.opened.plus_ms(at_most_ms))
        .then(|| Entry::bare(Event::RetryPlanned { run: run.id, slot, not_before }))
}
