//! Runs that come from an earlier run: the whole once more, what did not end well, the rest of it, or the way back. Each is a run of
//! its own, with its own binding and approval; only how its plan is computed differs.
//!
//! The plan rests on what the earlier run was bound to, never on today's runbook: what is repeated is what ran. Today's site
//! says who may, when, and whether a host is still where it was. What is known of the earlier run is what its cells say, so
//! it must not have left the world: until its review there is time to go on with it or to undo it.

mod resume;
mod rollback;

pub use resume::unsure;

use super::id::{HostIx, PersonId, RunId, Timestamp};
use super::plan::{Again, Given, How, Origin, Plan, Proposal};
use super::planning;
use super::published::{self, Heard};
use super::refusal::{Refusal, Rule};
use super::run::{CellState, Item, Phase, Run, Slot};
use super::runbook::{Done, Step};
use super::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The plan of a proposal that goes back to an earlier run.
///
/// # Errors
/// The earlier run is not there or has not ended, a host is not where it was, somebody must first say what became of a step,
/// or nothing is left to do.
pub fn plan(
    world: &World,
    run: RunId,
    by: &PersonId,
    at: Timestamp,
    proposal: &Proposal,
    again: &Again,
) -> Result<Plan, Refusal> {
    let earlier = ended(world, by, again.run)?;
    if proposal.reason.trim().is_empty() {
        return Err(Refusal::new(Rule::ReasonMissing, "say why, in a sentence"));
    }
    let old = &earlier.plan;
    let base = Plan {
        run,
        requester: by.clone(),
        asked: at,
        proposal: Proposal {
            // Of the new form the words count alone: where and what are the earlier run's, and what it could harm is no less.
            reason: proposal.reason.clone(),
            ticket: proposal.ticket.clone(),
            communication: proposal.communication.clone(),
            purpose: proposal.purpose,
            raise_to: proposal.raise_to.max(Some(old.impact)),
            select: None,
            again: Some(again.clone()),
            versions: proposal.versions.clone(),
            ..old.proposal.clone()
        },
        warnings: Vec::new(),
        given: Vec::new(),
        published: Vec::new(),
        promised: Vec::new(),
        ..(**old).clone()
    };
    let plan = match again.how {
        How::Rerun => Plan { from: Origin::Rerun(again.run), given: Vec::new(), ..base },
        How::Failed => {
            let failed = |host: HostIx| !ended_well(&earlier, host);
            on_hosts(Plan { from: Origin::Rerun(again.run), ..base }, old, failed, "every host ended well")?
        }
        How::Resume => resume::plan(base, &earlier, again)?,
        How::Rollback => rollback::plan(base, &earlier)?,
    };
    let hour_hosts = match again.how {
        // What went out in many small runs may come back as it went.
        How::Rollback => 0,
        How::Rerun | How::Failed | How::Resume => planning::hour_hosts(world, &plan.proposal, at, &plan.hosts),
    };
    let plan = Plan { hour_hosts, ..plan };
    let today = planning::under_site(world, by, plan.clone())?;
    moved(&plan, &today)?;
    Ok(today)
}

/// The earlier run, where this person may see it and it has come to an end.
fn ended(world: &World, by: &PersonId, id: RunId) -> Result<Arc<Run>, Refusal> {
    let visible = |run: &&Arc<Run>| world.workspace(&run.plan.proposal.workspace).is_some_and(|it| it.has_member(by));
    let run = world.runs.get(&id).filter(visible).ok_or_else(|| {
        Refusal::new(Rule::NotFound, format!("no open run is called {id}"))
            .next("a run can be repeated, resumed and undone until it is reviewed; later, propose its runbook")
    })?;
    match run.phase {
        Phase::Ended(_) | Phase::Closed(_) => Ok(Arc::clone(run)),
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => {
            Err(Refusal::new(Rule::State, format!("{id} is {}; it has not come to an end", run.phase.tag().word())))
        }
    }
}

/// A host that is not where it was is another host.
fn moved(plan: &Plan, today: &Plan) -> Result<(), Refusal> {
    let pairs = plan.hosts.iter().zip(&today.hosts).chain(plan.jumps.iter().zip(&today.jumps));
    match pairs.into_iter().find(|(then, now)| then != now) {
        None if plan.jumps.len() == today.jumps.len() => Ok(()),
        None => Err(Refusal::new(Rule::BindingDrift, "the way to a host is another one than it was")),
        Some((then, _)) => Err(Refusal::new(
            Rule::BindingDrift,
            format!("{} has another address, login, key or way than when it ran", then.name),
        )
        .next("propose the runbook anew for it")),
    }
}

fn ended_well(run: &Run, host: HostIx) -> bool {
    let on_host = |(_, step): &(u16, &Step)| step.action.done() == Done::OnHosts;
    let done = |(position, _): (u16, &Step)| {
        let state = run.state(Slot { item: Item::Step(position), host: Some(host) });
        matches!(state, CellState::Ok | CellState::Skipped)
    };
    !run.progress.dropped.contains(&host) && run.plan.steps().filter(on_host).all(done)
}

/// The plan for some of the hosts alone, in the batches they were in; what stands already moves along.
fn on_hosts(plan: Plan, old: &Plan, keep: impl Fn(HostIx) -> bool, nobody: &str) -> Result<Plan, Refusal> {
    let kept: Vec<HostIx> = (0u32..).take(old.hosts.len()).map(HostIx).filter(|host| keep(*host)).collect();
    if kept.is_empty() {
        return Err(Refusal::new(Rule::Targets, format!("nothing to do: {nobody}")));
    }
    let moved: BTreeMap<HostIx, HostIx> = kept.iter().copied().zip((0u32..).map(HostIx)).collect();
    let batches = old.batches.iter().map(|batch| batch.iter().filter_map(|host| moved.get(host).copied()).collect());
    let given = plan.given.into_iter().filter_map(|given| {
        let hosts: Vec<HostIx> = given.hosts.iter().filter_map(|host| moved.get(host).copied()).collect();
        (given.hosts.is_empty() || !hosts.is_empty()).then_some(Given { hosts, ..given })
    });
    let published = plan.published.into_iter().filter_map(|heard| match heard.host {
        None => Some(heard),
        Some(host) => moved.get(&host).map(|host| Heard { host: Some(*host), ..heard }),
    });
    let published = published.collect();
    Ok(Plan {
        published,
        hosts: kept.iter().filter_map(|host| old.host(*host).cloned()).collect(),
        batches: batches.filter(|batch: &Vec<HostIx>| !batch.is_empty()).collect(),
        given: given.collect(),
        ..plan
    })
}

/// What the earlier run knew in the end: once for all of it, and beside that on each of its hosts.
fn heard(earlier: &Run) -> Vec<Heard> {
    let known = |host| published::before(earlier, Item::Verify(0), host);
    let of_all = known(None);
    let hosts = (0u32..).take(earlier.plan.hosts.len()).map(HostIx);
    let on_hosts = hosts.flat_map(|host| known(Some(host)).into_iter().map(move |pair| (Some(host), pair)));
    let beside = on_hosts.filter(|(_, pair)| !of_all.contains(pair));
    let once = of_all.iter().cloned().map(|pair| (None, pair));
    once.chain(beside).map(|(host, (name, value))| Heard { host, name, value }).collect()
}

/// Every place a step is done: on each host, or once for the whole run.
fn places(plan: &Plan, step: &Step) -> Vec<Option<HostIx>> {
    match step.action.done() {
        Done::OnHosts => (0u32..).take(plan.hosts.len()).map(|ix| Some(HostIx(ix))).collect(),
        Done::ByPeople | Done::ByServer | Done::ByTime => vec![None],
    }
}
