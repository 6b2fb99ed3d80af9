//! What follows from the state alone. Start, retry, cancel, deadlines and recovery are one code path: the engine
//! makes what is in flight equal to what is due.

use super::command::Ask;
use super::deadlines;
use super::elevation;
use super::glass;
use super::id::Timestamp;
use super::locks;
use super::notice;
use super::once;
use super::order::OrderKey;
use super::policy;
use super::run::{BuiltIn, Phase, Run, Slot};
use super::standing;
use super::world::World;

/// Work that follows from the state.
#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    /// The order with this key should be in flight; `policy::clear` makes it where it is not.
    Do(OrderKey),
    /// At this moment, this should be asked.
    At(Timestamp, Ask),
}

/// Everything that is due, over all open runs.
pub fn due(world: &World) -> Vec<Work> {
    let holds = world.serving.holds();
    let turns = locks::turns(world).filter(|_| !holds);
    let turns = turns.map(|run| Work::At(run.phase_since, Ask::Wake { run: run.id }));
    let lapses = [elevation::next(&world.elevations), standing::next(&world.standings)];
    let lapses = lapses.into_iter().flatten().map(|moment| Work::At(moment, Ask::Lapse));
    world
        .runs
        .values()
        .flat_map(|run| of_run_at(run, holds))
        .chain(turns)
        .chain(lapses)
        .chain(notice::due(world))
        .collect()
}

/// What is due for one run.
pub fn of_run(run: &Run) -> Vec<Work> {
    of_run_at(run, false)
}

/// The same; where the server `holds`, nothing begins, and no moment at which something would is due.
fn of_run_at(run: &Run, holds: bool) -> Vec<Work> {
    let orders = run.progress.in_flight.iter().filter_map(|slot| policy::released(run, *slot));
    let mut work: Vec<Work> = orders.map(Work::Do).collect();
    let moment = if holds { next_end(run) } else { next_moment(run) };
    if let Some(moment) = moment {
        work.push(Work::At(moment, Ask::Wake { run: run.id }));
    }
    work
}

/// The next moment at which something changes without anybody doing anything.
pub fn next_moment(run: &Run) -> Option<Timestamp> {
    match &run.phase {
        Phase::Waiting | Phase::Approved => {
            let begins = run.queued.as_ref().and_then(|queued| queued.not_before);
            policy::expires(run).into_iter().chain(begins).chain(glass::opens(run)).min()
        }
        Phase::Running => {
            let over = run.phase_since.plus_ms(run.plan.limits.run_ms);
            let between = super::settle::next_batch_at(run);
            [next_retry(run), between, once::next_moment(run), deadlines::next(run)]
                .into_iter()
                .flatten()
                .chain(run.may_begin_until.filter(|_| super::settle::has_more_to_begin(run)))
                .chain([over])
                .min()
        }
        Phase::Paused(_) => deadlines::next(run),
        Phase::Stopping(super::run::StopHow::AfterBatch) => next_retry(run),
        // A round that has begun and was not judged: the server has just started.
        Phase::Checking(_) => (run.builtin.len() < BuiltIn::ALL.len()).then_some(run.phase_since),
        Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => None,
    }
}

/// The same of what ends or is late: what would begin waits until the server serves as usual.
fn next_end(run: &Run) -> Option<Timestamp> {
    match &run.phase {
        Phase::Waiting | Phase::Approved => policy::expires(run),
        Phase::Running => {
            let over = run.phase_since.plus_ms(run.plan.limits.run_ms);
            let closes = run.may_begin_until.filter(|_| super::settle::has_more_to_begin(run));
            [deadlines::next(run), closes, Some(over)].into_iter().flatten().min()
        }
        Phase::Paused(_) | Phase::Checking(_) => next_moment(run),
        Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => None,
    }
}

fn next_retry(run: &Run) -> Option<Timestamp> {
    let of_host = |host: &super::id::HostIx| {
        let (step, _) = super::settle::next_step(run, *host)?;
        run.cell(Slot { item: step, host: Some(*host) })?.not_before
    };
    run.progress.active.iter().filter_map(of_host).min()
}
