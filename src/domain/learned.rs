//! What a run's end teaches: how long it usually takes, what the last good one was, what ran well where, how the day went.

use super::id::{HostIx, Timestamp};
use super::plan::Origin;
use super::run::{CellState, Ending, Item, Run, Slot};
use super::runbook::Done;
use super::world::{LastGood, Proven, USUAL_RUNS_MAX, World};
use std::sync::Arc;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Keeps what a run's end teaches: how long it usually takes, what the last good one was, how the day went.
pub(super) fn learn(world: &mut World, run: &Arc<Run>, ending: Ending, at: Timestamp) {
    if ending != Ending::Succeeded {
        world.days.entry(run.proposed.0.div_euclid(DAY_MS)).or_default().failed += 1;
        return;
    }
    let key = (run.plan.proposal.workspace.clone(), run.plan.runbook.id.clone());
    let usual = world.usual.entry(key).or_default();
    let hosts = || run.plan.hosts.iter().map(|host| host.name.clone());
    // A step that somebody let the run go past has not run well.
    let ran_well = || (0u32..).map(HostIx).zip(hosts()).filter(|(host, _)| all_ok(run, *host)).map(|(_, name)| name);
    if let Origin::Rollback(_) = run.plan.from {
        // What was undone is no longer there, and a way back is no example of the way.
        if let Some(proven) = &mut usual.proven {
            hosts().for_each(|host| drop(proven.hosts.remove(&host)));
        }
        return;
    }
    let (digest, steps) = (run.plan.runbook.digest, &run.plan.steps);
    match &mut usual.proven {
        Some(proven) if proven.digest == digest && proven.steps.iter().all(|step| steps.contains(step)) => {
            proven.hosts.extend(ran_well());
        }
        proven => *proven = Some(Proven { digest, steps: steps.clone(), hosts: ran_well().collect() }),
    }
    if usual.durations_ms.len() >= USUAL_RUNS_MAX {
        usual.durations_ms.remove(0);
    }
    usual.durations_ms.push(at.ms_since(run.started.unwrap_or(at)));
    usual.last_good = Some(LastGood { run: run.id, at, plan: Arc::clone(&run.plan) });
}

fn all_ok(run: &Run, host: HostIx) -> bool {
    run.plan.steps().all(|(position, step)| {
        let host = (step.action.done() == Done::OnHosts).then_some(host);
        *run.state(Slot { item: Item::Step(position), host }) == CellState::Ok
    })
}
