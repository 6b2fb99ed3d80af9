//! Steps that are due some time after the start: by when, and whether they made it.

use super::event::{Entry, Event};
use super::id::{HostIx, Timestamp};
use super::run::{CellState, Item, Run, Slot};
use super::runbook::Done;

/// Steps with a deadline that are not through: position and moment, in the order of the plan.
pub fn open(run: &Run) -> impl Iterator<Item = (u16, Timestamp)> + '_ {
    let dated = run.plan.steps().filter_map(|(position, step)| {
        let due = run.started?.plus_ms(step.due_ms?);
        Some((position, due))
    });
    dated.filter(|(position, _)| !is_through(run, *position))
}

/// The next moment at which a step is overdue.
pub fn next(run: &Run) -> Option<Timestamp> {
    unsaid(run).map(|(_, due)| due).min()
}

/// Says once of each step that it was not through when it was due.
pub fn missed(run: &Run, at: Timestamp) -> Option<Entry> {
    let (step, _) = unsaid(run).find(|(_, due)| at >= *due)?;
    Some(Entry::bare(Event::StepOverdue { run: run.id, step }))
}

fn unsaid(run: &Run) -> impl Iterator<Item = (u16, Timestamp)> + '_ {
    open(run).filter(|(position, _)| !run.progress.overdue.contains(position))
}

/// Whether a step is done on every host still in the run, or, by hand, done. Asked at every event, so it does not look at
/// every host: what hosts that left had done is taken off the count.
fn is_through(run: &Run, position: u16) -> bool {
    let done_on = |host: Option<HostIx>| {
        let state = run.state(Slot { item: Item::Step(position), host });
        matches!(state, CellState::Ok | CellState::Skipped)
    };
    match run.plan.step(position).map(|step| step.action.done()) {
        Some(Done::ByPeople | Done::ByServer | Done::ByTime) => done_on(None),
        Some(Done::OnHosts) | None => {
            let by_all = run.progress.done.get(&position).map_or(0, |done| usize::try_from(*done).unwrap_or(0));
            let by_dropped = run.progress.dropped.iter().filter(|host| done_on(Some(**host))).count();
            by_all.saturating_sub(by_dropped) + run.progress.dropped.len() >= run.plan.hosts.len()
        }
    }
}
