//! Whom a run waits for, and when it is told again: reminders while nobody decides, and a word before it grows old.
//!
//! Invariant: what is due at a moment and when the next such moment comes are one function, so that no alarm rings for nothing.

use super::{Asked, Due, Notify, Topic};
use crate::domain::command::Ask;
use crate::domain::due::Work;
use crate::domain::glass;
use crate::domain::id::{PersonId, Timestamp};
use crate::domain::once;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::quorum;
use crate::domain::run::{PauseCause, Phase, Run};
use crate::domain::workspace::Workspace;
use crate::domain::world::World;
use std::collections::BTreeSet;

/// Reminders of one wait, at most: whoever has not come after so many does not come because of one more.
const REMINDERS_MAX: usize = 24;

/// How long before it grows old a run is told of, at most; of one that has little time, a quarter of that.
const AHEAD_MS_MAX: u64 = 60 * 60 * 1_000;

/// What was told again of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reminded {
    /// Since when the wait lasts that people were reminded of; another wait begins anew.
    since: Option<Timestamp>,
    /// When somebody was last asked.
    at: Timestamp,
    /// How often.
    times: usize,
    /// Who was asked, in order.
    asked: Vec<PersonId>,
    /// The end that was told of.
    expiring: Option<Timestamp>,
}

/// A run that waits for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wait {
    /// Since when: what tells one wait from the next.
    since: Timestamp,
    /// When somebody last said something about it.
    quiet_since: Timestamp,
}

/// Whether a run waits for people, and since when. Asked of every run at every change of the world: nobody is looked up.
fn wait(run: &Run) -> Option<Wait> {
    let (since, said) = match &run.phase {
        Phase::Waiting => {
            let said = run.votes.iter().map(|vote| vote.at).chain(run.accepted.values().map(|accepted| accepted.at));
            (run.phase_since, said.max())
        }
        Phase::Paused(PauseCause::Person(_)) => return None,
        Phase::Paused(_) => (run.phase_since, None),
        Phase::Running => {
            let slot = once::slot(once::open_gate(run)?.0);
            (run.cell(slot)?.since, run.answers.get(&slot).into_iter().flatten().map(|vote| vote.at).max())
        }
        Phase::Checking(_)
        | Phase::Approved
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => return None,
    };
    Some(Wait { since, quiet_since: said.map_or(since, |said| said.max(since)) })
}

/// Who may do what a run waits for; nobody where it waits for nobody, or there is nobody left who may.
pub(super) fn may_act(world: &World, run: &Run) -> Vec<PersonId> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else { return Vec::new() };
    let may = match (&run.phase, once::open_gate(run)) {
        (Phase::Waiting, _) => may_decide(workspace, run),
        (Phase::Paused(cause), _) => may_go_on(workspace, run, cause),
        (Phase::Running, Some((position, gate))) => {
            let missing = people(quorum::missing_answers(workspace, run, once::slot(position), gate));
            missing.into_iter().filter(|person| policy::may_answer(workspace, run, gate, person)).collect()
        }
        (Phase::Running, None)
        | (
            Phase::Checking(_)
            | Phase::Approved
            | Phase::Stopping(_)
            | Phase::Verifying
            | Phase::Ended(_)
            | Phase::Closed(_)
            | Phase::Reviewed(_)
            | Phase::Cancelled(_),
            _,
        ) => Vec::new(),
    };
    known(world, may)
}

/// Who may start a run.
pub(super) fn may_start(world: &World, run: &Run) -> Vec<PersonId> {
    let executes = |workspace: &Workspace| executors(workspace, run).collect();
    known(world, world.workspace(&run.plan.proposal.workspace).map(|it| executes(it)).unwrap_or_default())
}

/// Who works where a run is.
pub(super) fn works_there(world: &World, run: &Run) -> Vec<PersonId> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else { return Vec::new() };
    let works_there = workspace.members.keys().filter(|person| policy::may_stop(workspace, person));
    known(world, works_there.cloned().collect())
}

/// Whoever could approve, or answer for a warning.
fn may_decide(workspace: &Workspace, run: &Run) -> Vec<PersonId> {
    let mut may: BTreeSet<PersonId> = people(policy::missing_approvals(workspace, run)).into_iter().collect();
    if !policy::open_warnings(run).is_empty() {
        may.extend(workspace.members.keys().filter(|person| policy::may_accept(workspace, run, person)).cloned());
    }
    may.into_iter().collect()
}

/// Whoever may decide about what failed, or let a run go on: while somebody has it, what failed is theirs alone.
fn may_go_on(workspace: &Workspace, run: &Run, cause: &PauseCause) -> Vec<PersonId> {
    match (cause, &run.claim) {
        (PauseCause::Failure, Some(holder)) => vec![holder.clone()],
        (
            PauseCause::Failure
            | PauseCause::Person(_)
            | PauseCause::NoRoom
            | PauseCause::Batch
            | PauseCause::Authority
            | PauseCause::Window,
            _,
        ) => executors(workspace, run).collect(),
    }
}

fn executors<'a>(workspace: &'a Workspace, run: &'a Run) -> impl Iterator<Item = PersonId> + 'a {
    let all = workspace.members.keys();
    let may = |it: &&PersonId| workspace.grants(it, run.plan.runbook.runs_as) && policy::may_execute(run, it);
    all.filter(may).cloned()
}

fn people(waits: Vec<WaitsFor>) -> Vec<PersonId> {
    let may = waits.into_iter().flat_map(|waits| match waits {
        WaitsFor::Approval { may, .. } | WaitsFor::Warning { may, .. } => may,
        WaitsFor::Window { .. } | WaitsFor::Moment { .. } | WaitsFor::Line(_) => Vec::new(),
    });
    may.collect::<BTreeSet<_>>().into_iter().collect()
}

fn known(world: &World, people: Vec<PersonId>) -> Vec<PersonId> {
    let is_known = |person: &PersonId| world.site.as_ref().is_some_and(|site| site.people.contains_key(person));
    people.into_iter().filter(is_known).collect()
}

/// The moments at which runs are told of again, as work of the engine.
pub fn due(world: &World) -> impl Iterator<Item = Work> + '_ {
    let tells = world.site.as_ref().is_some_and(|site| site.notify.is_some());
    let runs = world.runs.values().filter(move |_| tells);
    runs.filter_map(|run| {
        let (at, _) = next_due(world, run)?;
        Some(Work::At(at, Ask::Notice(Asked::Due { run: run.id })))
    })
}

/// The next moment at which a run is told of again, and what for.
pub fn next_due(world: &World, run: &Run) -> Option<(Timestamp, Due)> {
    let notify = world.site.as_ref()?.notify.as_ref()?;
    let reminded = world.outbox.reminded.get(&run.id);
    let expiring = expiring(notify, reminded, run).map(|at| (at, Due::Expiring));
    let reminder = reminder(notify, reminded, run).map(|at| (at, Due::Reminder));
    expiring.into_iter().chain(reminder).min_by_key(|(at, _)| *at)
}

fn expiring(notify: &Notify, reminded: Option<&Reminded>, run: &Run) -> Option<Timestamp> {
    let until = policy::expires(run).filter(|_| notify.tell.contains(&Topic::Expiring))?;
    if reminded.is_some_and(|reminded| reminded.expiring == Some(until)) {
        return None;
    }
    let whole = match run.approved {
        _ if glass::is_open(run) => glass::FOR_MS,
        Some(_) => run.plan.execution_expiry_ms,
        None => run.plan.approval_expiry_ms,
    };
    Some(until.minus_ms(AHEAD_MS_MAX.min(whole / 4)))
}

fn reminder(notify: &Notify, reminded: Option<&Reminded>, run: &Run) -> Option<Timestamp> {
    let after = notify.remind_ms.filter(|_| notify.tell.contains(&Topic::Reminder))?;
    let wait = wait(run)?;
    let of_it = reminded.filter(|reminded| reminded.since == Some(wait.since));
    if of_it.is_some_and(|reminded| reminded.times >= REMINDERS_MAX) {
        return None;
    }
    let last = of_it.map_or(wait.quiet_since, |reminded| reminded.at.max(wait.quiet_since));
    Some(last.plus_ms(after))
}

/// Who is asked next: whoever was asked least, and not the same person twice in a row while there are others. Nobody where nobody
/// is left who may: that it waits is told all the same.
pub fn next(world: &World, run: &Run) -> Option<PersonId> {
    let (wait, may) = (wait(run)?, may_act(world, run));
    let asked = match world.outbox.reminded.get(&run.id) {
        Some(reminded) if reminded.since == Some(wait.since) => reminded.asked.as_slice(),
        Some(_) | None => &[],
    };
    let others: Vec<&PersonId> = may.iter().filter(|person| asked.last() != Some(*person)).collect();
    let often = |person: &PersonId| asked.iter().filter(|known| *known == person).count();
    let least = others.into_iter().min_by_key(|person| often(person));
    least.or(may.first()).cloned()
}

impl Reminded {
    /// Keeps that a run was told of again at `at`.
    pub(super) fn after(self, run: &Run, why: Due, next: Option<&PersonId>, at: Timestamp) -> Self {
        match why {
            Due::Expiring => Self { expiring: policy::expires(run), ..self },
            Due::Reminder => {
                let since = wait(run).map(|wait| wait.since);
                let (times, before) = if self.since == since { (self.times, self.asked) } else { (0, Vec::new()) };
                let asked = before.into_iter().chain(next.cloned()).collect();
                Self { since, at, times: times + 1, asked, expiring: self.expiring }
            }
        }
    }
}
