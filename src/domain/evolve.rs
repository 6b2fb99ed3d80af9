//! The fold: how each event changes what is true. Total and deterministic; what it needs to know beyond the event is
//! in the run's plan, which came with the run. An event of a run the world does not hold (erased, or long over) changes
//! nothing, so any subset that keeps whole runs folds as well.

mod site;

use super::beside::Beside;
use super::by_hand;
use super::command::Decision;
use super::elevation;
use super::event::{Details, Event, Recorded};
use super::evidence::Evidence;
use super::factor;
use super::follow_up;
use super::glass::Glass;
use super::id::{HostIx, RunId, Timestamp};
use super::incident;
use super::learned;
use super::legal::{self, Illegal};
use super::locks::{self, Queued};
use super::mention;
use super::notice;
use super::order::CellResult;
use super::plan::{Plan, Stands};
use super::policy;
use super::proved::Proved;
use super::published;
use super::refusal::Rule;
use super::run::{
    Acceptance, Cancel, Cell, CellState, Checks, Choice, Ending, Item, Judged, Note, Offer, PauseCause, Phase,
    Progress, Reason, Round, Run, Slot, Stage, StopHow, Vote,
};
use super::serving;
use super::settle;
use super::standing;
use super::voided;
use super::window;
use super::world::World;
use std::sync::Arc;

/// Days kept for the week's sparkline and the month's comparison.
const DAYS_MAX: usize = 31;

/// Applies one event. Returns the run it was about as it stands afterwards, also where the run has left the world.
///
/// # Errors
/// The event does not fit the state: the ledger is damaged, or `decide` has a fault.
pub fn evolve(world: &mut World, recorded: &Recorded) -> Result<Option<Arc<Run>>, Illegal> {
    let touched = match &recorded.event {
        Event::RunProposed { run, .. } => propose(world, recorded, *run),
        Event::Refused { rule, .. } => {
            factor::fold_refused(world, recorded, *rule);
            None
        }
        Event::Notice { act } => {
            notice::apply(world, recorded, act);
            None
        }
        Event::Beside(beside) => {
            beside_runs(world, recorded, beside)?;
            None
        }
        event => match event.run() {
            Some(id) => in_run(world, recorded, id)?,
            None => None,
        },
    };
    if let Some(request) = recorded.by.request() {
        let again = matches!(&recorded.event, Event::Refused { rule: Rule::RequestReplayed, .. });
        world.heard.note(request, recorded.at, again);
    }
    world.used.note(world.site.as_deref(), recorded, touched.as_deref());
    mention::fold(world, recorded, touched.as_deref());
    world.events = recorded.index + 1;
    world.last_at = recorded.at;
    Ok(touched)
}

/// What is of no run: each object folds its own.
fn beside_runs(world: &mut World, recorded: &Recorded, beside: &Beside) -> Result<(), Illegal> {
    let before = world.clone();
    match beside {
        // These change nothing that is true; whoever lists them reads the record. What was seen is folded with all mentions.
        Beside::LookedAt { .. } | Beside::Mention { .. } | Beside::Exported { .. } => {}
        Beside::Booted { .. } => world.serving = serving::Serving::Usual,
        Beside::Server { act } => serving::fold(world, recorded, act)?,
        Beside::ClockJumped { by_ms } => world.clock_jump = Some((recorded.at, *by_ms)),
        Beside::SiteLoaded { .. } => site::loaded(world, recorded),
        Beside::SitePending { by, .. } => site::pends(world, recorded, by.as_ref()),
        Beside::SiteAccepted { digest } => site::accepted(world, recorded, *digest),
        Beside::SourceListed { workspace, source, .. } => site::listed(world, recorded, workspace, source),
        Beside::Factor { person, act } => factor::fold(world, recorded, person, act)?,
        Beside::FollowUp { id, workspace, act } => follow_up::fold(world, recorded, *id, workspace, act)?,
        Beside::Elevation { elevation, workspace, act } => {
            elevation::fold(world, recorded, *elevation, workspace, act)?
        }
        Beside::Incident { incident, workspace, act } => incident::fold(world, recorded, *incident, workspace, act)?,
        Beside::ByHand { entry, workspace, act } => by_hand::fold(world, recorded, *entry, workspace, act)?,
        Beside::Standing { standing, act, .. } => standing::fold(world, recorded, *standing, act)?,
    }
    notice::happened_beside(&before, world, recorded, beside);
    Ok(())
}

fn text(details: &Details, name: &str) -> String {
    details.get(name).map_or("", |detail| detail.text()).to_owned()
}

fn propose(world: &mut World, recorded: &Recorded, id: RunId) -> Option<Arc<Run>> {
    world.next_run = id.0 + 1;
    let day = recorded.at.0.div_euclid(learned::DAY_MS);
    world.days.entry(day).or_default().runs += 1;
    while world.days.len() > DAYS_MAX {
        let Some(oldest) = world.days.get_min().map(|(day, _)| *day) else {
            break;
        };
        world.days.remove(&oldest);
    }
    let Event::RunProposed { binding, .. } = &recorded.event else {
        return None;
    };
    let plan: Plan = serde_json::from_str(&text(&recorded.details, "plan")).ok()?;
    let run = Arc::new(Run {
        id,
        plan: Arc::new(plan),
        binding: *binding,
        revision: 1,
        phase: Phase::Checking(Round::Proposal),
        phase_since: recorded.at,
        proposed: recorded.at,
        started: None,
        ended: None,
        may_begin_until: None,
        driver: None,
        claim: None,
        offered: None,
        executors: imbl::OrdSet::new(),
        drift: None,
        queued: None,
        stopped: None,
        glass: None,
        reviews: imbl::Vector::new(),
        approved: None,
        builtin: imbl::OrdMap::new(),
        accepted: imbl::OrdMap::new(),
        votes: imbl::Vector::new(),
        answers: imbl::OrdMap::new(),
        cells: imbl::OrdMap::new(),
        progress: Progress::default(),
        notes: imbl::Vector::new(),
        evidence: imbl::Vector::new(),
        outcome_note: None,
        review: None,
    });
    world.recent.note(&run);
    world.runs.insert(id, Arc::clone(&run));
    Some(run)
}

fn in_run(world: &mut World, recorded: &Recorded, id: RunId) -> Result<Option<Arc<Run>>, Illegal> {
    let Some(found) = world.runs.get(&id).cloned() else {
        return Ok(None);
    };
    legal::check(&found, &recorded.event)?;
    let mut run = Arc::clone(&found);
    apply(Arc::make_mut(&mut run), recorded);
    if let Event::StartQueued { .. } = recorded.event
        && let Some(queued) = &mut Arc::make_mut(&mut run).queued
    {
        queued.behind = locks::all_contested(world, &found);
    }
    if matches!(run.phase, Phase::Reviewed(_) | Phase::Cancelled(_)) {
        world.runs.remove(&id);
        if let Phase::Cancelled(_) = run.phase {
            world.recent.forget(id);
        }
    } else {
        world.runs.insert(id, Arc::clone(&run));
    }
    if let (Event::ReviewGiven { .. } | Event::RunReviewed { .. }, Some(glass), Some(by)) =
        (&recorded.event, &run.glass, recorded.by.person())
    {
        world.glass_reviews.insert((by.clone(), glass.by.clone()), recorded.at);
    }
    if let Event::RunCancelled { cancel: Cancel::Void(Rule::BindingDrift), .. } = recorded.event {
        voided::note(world, &run, recorded.at);
    }
    if let Event::RunEnded { ending, .. } = recorded.event {
        learned::learn(world, &run, ending, recorded.at);
    }
    notice::happened(world, recorded, &found, &run);
    Ok(Some(run))
}

fn vote(recorded: &Recorded, Note { by, at, text: reason }: Note, choice: Choice, proved: Proved) -> Vote {
    let signature = text(&recorded.details, "signature").into();
    Vote { by, at, choice, reason, proved, signature }
}

fn apply(run: &mut Run, recorded: &Recorded) {
    let at = recorded.at;
    let by = || recorded.by.person().cloned();
    let note =
        |name: &str| Note { by: by().unwrap_or_else(|| "engine".into()), at, text: text(&recorded.details, name) };
    match &recorded.event {
        Event::RoundBegan { round, .. } => {
            run.cells = run.cells.iter().filter(|(slot, _)| is_step(slot.item)).map(|(s, c)| (*s, c.clone())).collect();
            run.builtin.clear();
            run.progress.in_flight.clear();
            run.progress.checks = Checks::default();
            run.progress.rounds = run.progress.rounds.saturating_add(1);
            if *round == Round::Proposal {
                run.driver = None;
            }
            enter(run, Phase::Checking(*round), at);
        }
        Event::ChecksReleased { stage, checks, .. } => {
            let targets = targets(run, *stage);
            run.progress.checks = Checks { stage: *stage, targets, total: *checks, given: 0, settled: 0 };
        }
        Event::BuiltInJudged { check, verdict, .. } => {
            let why = text(&recorded.details, "why");
            run.builtin.insert(*check, Judged { verdict: *verdict, why, at });
        }
        Event::Intended { slot, attempt, probe, .. } => intend(run, *slot, *attempt, *probe, at),
        Event::Started { slot, group, .. } => {
            if let Some(cell) = run.cells.get_mut(slot) {
                cell.state = CellState::Started { group: *group };
                cell.since = at;
            }
        }
        Event::Ended { slot, result, .. } => {
            end(run, *slot, result, text(&recorded.details, "saw"), at);
            if let Some(cell) = run.cells.get_mut(slot) {
                // Erased, it is no longer known: what would use it does not run.
                cell.published = published::read(&text(&recorded.details, "published")).into();
            }
        }
        Event::RetryPlanned { slot, not_before, .. } => {
            run.progress.attention.remove(slot);
            if let Some(cell) = run.cells.get_mut(slot) {
                cell.state = CellState::Waiting;
                cell.not_before = Some(*not_before);
                cell.since = at;
            }
        }
        Event::Resolved { slot, decision, .. } => {
            run.executors.extend(by());
            resolve(run, *slot, *decision, at);
        }
        Event::HostDropped { slot, .. } => {
            run.progress.failures += u32::from(slot.host.is_some());
            drop_host(run, *slot);
        }
        Event::ManualOpened { slot, .. } => {
            run.cells.insert(*slot, fresh(0, at));
            run.revision += 1;
        }
        Event::Ticked { slot, .. } => {
            run.executors.extend(by());
            settle_cell(run, *slot, CellState::Ok, at);
            if let Some(cell) = run.cells.get_mut(slot) {
                cell.saw = text(&recorded.details, "evidence").into();
            }
            run.revision += 1;
        }
        Event::EvidenceGiven { slot, sha256, bytes, .. } => {
            run.executors.extend(by());
            run.evidence.extend(by().map(|by| Evidence {
                slot: *slot,
                by,
                at,
                name: text(&recorded.details, "name"),
                sha256: *sha256,
                bytes: *bytes,
            }));
            run.revision += 1;
        }
        Event::GateAnswered { slot, choice, proved, .. } => {
            let given = vote(recorded, note("reason"), *choice, *proved);
            run.answers.entry(*slot).or_default().push_back(given);
            run.revision += 1;
        }
        Event::GateOver { slot, choice: Choice::Approve, .. } => settle_cell(run, *slot, CellState::Ok, at),
        Event::GateOver { slot, choice: Choice::Deny, .. } => {
            settle_cell(run, *slot, CellState::Failed(Reason::Denied), at);
        }
        // Taking a word back ends no question.
        Event::GateOver { choice: Choice::Retract, .. } => {}
        Event::RunTaken { by, .. } => {
            run.claim = Some(by.clone());
            run.offered = None;
            run.driver = Some(by.clone());
            run.executors.insert(by.clone());
            run.revision += 1;
        }
        Event::RunOffered { to, .. } => {
            let Note { by, at, text: words } = note("reason");
            run.offered = to.clone().map(|to| Offer { to, by, at, words });
            run.revision += 1;
        }
        Event::WaitOver { slot, .. } => settle_cell(run, *slot, CellState::Ok, at),
        Event::BatchBegan { segment, batch, .. } => {
            run.progress.segment = *segment;
            run.progress.batch = *batch;
            run.progress.let_on = *batch;
            run.progress.admitted = 0;
            run.progress.active.clear();
        }
        Event::WarningAccepted { warning, .. } => {
            let Note { by, at, text } = note("reason");
            let hosts = policy::warned_hosts(run, warning);
            run.accepted.insert(warning.clone(), Acceptance { by, at, reason: text, hosts });
            run.revision += 1;
        }
        Event::Voted { choice, proved, .. } => {
            run.votes.push_back(vote(recorded, note("reason"), *choice, *proved));
            run.revision += 1;
        }
        Event::RunWaiting { .. } => {
            run.driver = None;
            enter(run, Phase::Waiting, at);
        }
        Event::RunApproved { .. } => {
            run.driver = None;
            run.approved.get_or_insert(at);
            enter(run, Phase::Approved, at);
        }
        Event::StartQueued { not_before, .. } => {
            // Whose moment has come waits in the line for whoever asked.
            let asked = by().or_else(|| run.queued.take().map(|queued| queued.by));
            let (order, not_before) = (recorded.index, *not_before);
            run.queued = asked.map(|by| Queued { by, at, not_before, order, behind: Vec::new() });
            run.revision += 1;
        }
        Event::QueueLeft { .. } => {
            run.queued = None;
            run.revision += 1;
        }
        // Whose turn has come is started for whoever asked.
        Event::StartAsked { .. } => run.driver = run.queued.take().map(|queued| queued.by).or_else(by),
        Event::RunStarted { .. } => {
            run.started = Some(at);
            run.may_begin_until = window::may_begin_until(run, at);
            run.executors.extend(run.driver.clone());
            take_given(run, at);
            leave_out_unreached(run);
            enter(run, Phase::Running, at);
        }
        Event::RunPaused { cause, .. } => enter(run, Phase::Paused(cause.clone()), at),
        Event::RunContinued { .. } => {
            run.executors.extend(by());
            run.may_begin_until = window::may_begin_until(run, at);
            if run.phase == Phase::Paused(PauseCause::Authority) {
                run.driver = by();
            }
            if run.phase == Phase::Paused(PauseCause::Batch) {
                run.progress.let_on = run.progress.batch + 1;
            }
            enter(run, Phase::Running, at);
        }
        Event::StepOverdue { step, .. } => {
            run.progress.overdue.insert(*step);
        }
        Event::Drifted { .. } => run.drift = Some(text(&recorded.details, "why")),
        Event::RunStopping { how, .. } => {
            run.progress.way_back |= *how == StopHow::WayBack;
            run.stopped = by().map(|_| note("reason")).or(run.stopped.take());
            enter(run, Phase::Stopping(*how), at);
        }
        Event::VerifyBegan { .. } => enter(run, Phase::Verifying, at),
        Event::RunEnded { ending, .. } => {
            lose_what_is_in_flight(run, at);
            run.ended = Some(at);
            enter(run, Phase::Ended(*ending), at);
        }
        Event::RunCancelled { cancel, .. } => {
            run.queued = None;
            run.ended = Some(at);
            enter(run, Phase::Cancelled(cancel.clone()), at);
        }
        Event::Noted { .. } => run.notes.push_back(note("text")),
        Event::RunClosed { .. } => {
            run.outcome_note = Some(note("text"));
            close(run, Phase::Closed, at);
        }
        Event::GlassBroken { incident, .. } => {
            let Note { by, at, text } = note("reason");
            run.glass = Some(Glass { by, incident: *incident, reason: text, at, open: false });
            run.revision += 1;
        }
        Event::GlassOpened { .. } => {
            if let Some(glass) = &mut run.glass {
                glass.open = true;
            }
            run.revision += 1;
        }
        Event::ReviewGiven { .. } => {
            run.reviews.push_back(note("text"));
            run.revision += 1;
        }
        Event::RunReviewed { .. } => {
            run.review = Some(note("text"));
            close(run, Phase::Reviewed, at);
        }
        Event::Beside(_)
        | Event::RunProposed { .. }
        | Event::SecretUsed { .. }
        | Event::Notice { .. }
        | Event::Refused { .. } => {}
    }
}

fn enter(run: &mut Run, phase: Phase, at: Timestamp) {
    run.phase = phase;
    run.phase_since = at;
    run.revision += 1;
}

fn close(run: &mut Run, into: fn(Ending) -> Phase, at: Timestamp) {
    if let Some(ending) = run.phase.ending() {
        enter(run, into(ending), at);
    }
}

fn is_step(item: Item) -> bool {
    matches!(item, Item::Step(_))
}

fn fresh(attempt: u16, at: Timestamp) -> Cell {
    Cell {
        state: CellState::Waiting,
        attempt,
        since: at,
        began: at,
        opened: at,
        probing: false,
        probes: 0,
        not_before: None,
        saw: "".into(),
        published: [].into(),
    }
}

fn targets(run: &Run, stage: Stage) -> imbl::Vector<HostIx> {
    let all = (0u32..).take(run.plan.hosts.len()).map(HostIx);
    let reached = |host: &HostIx| *run.state(Slot { item: Item::Reach, host: Some(*host) }) == CellState::Ok;
    match stage {
        Stage::Reach => all.collect(),
        Stage::Preflight => all.filter(reached).collect(),
        Stage::Verify => all.filter(|host| !run.progress.dropped.contains(host)).collect(),
    }
}

fn intend(run: &mut Run, slot: Slot, attempt: u16, probe: bool, at: Timestamp) {
    let mut cell = fresh(attempt, at);
    cell.state = CellState::Intended;
    if let Some(before) = run.cell(slot) {
        cell.opened = before.opened;
        cell.probes = before.probes + u16::from(probe);
    }
    cell.probing = probe;
    run.progress.attention.remove(&slot);
    run.cells.insert(slot, cell);
    run.progress.in_flight.insert(slot);
    match (slot.item, slot.host) {
        (Item::Step(_), Some(host)) => {
            if run.progress.active.insert(host).is_none() {
                run.progress.admitted += 1;
            }
        }
        (Item::Step(_), None) => {}
        (Item::Reach | Item::Preflight(_) | Item::Verify(_), _) => run.progress.checks.given += 1,
    }
}

fn end(run: &mut Run, slot: Slot, result: &CellResult, saw: String, at: Timestamp) {
    run.progress.in_flight.remove(&slot);
    let probing = run.cell(slot).is_some_and(|cell| cell.probing);
    let state = match result {
        _ if probing => probed(result),
        CellResult::Ok => CellState::Ok,
        CellResult::Failed(reason) => CellState::Failed(reason.clone()),
        CellResult::Unknown(reason) => CellState::Unknown(reason.clone()),
        CellResult::Refused(reason) => CellState::Refused(reason.clone()),
    };
    match slot.item {
        Item::Step(_) => settle_cell(run, slot, state, at),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => {
            run.progress.checks.settled += 1;
            if matches!(slot.item, Item::Verify(_)) {
                match &state {
                    CellState::Failed(_) => run.progress.failed = true,
                    CellState::Unknown(_) | CellState::Refused(_) => run.progress.unverified = true,
                    CellState::Ok
                    | CellState::Waiting
                    | CellState::Intended
                    | CellState::Started { .. }
                    | CellState::Skipped => {}
                }
            }
            set_state(run, slot, state, at);
        }
    }
    if let Some(cell) = run.cells.get_mut(&slot) {
        cell.saw = saw.into();
    }
}

/// What a probe says of the try before it. Whatever is no plain yes or no leaves it as unknown as it was.
fn probed(result: &CellResult) -> CellState {
    match result {
        CellResult::Ok => CellState::Ok,
        CellResult::Failed(Reason::Exit(1)) => CellState::Failed(Reason::NotDone),
        CellResult::Failed(reason) | CellResult::Unknown(reason) | CellResult::Refused(reason) => {
            CellState::Unknown(reason.clone())
        }
    }
}

fn set_state(run: &mut Run, slot: Slot, state: CellState, at: Timestamp) {
    if let Some(cell) = run.cells.get_mut(&slot) {
        cell.state = state;
        cell.since = at;
    }
}

/// Gives a step's cell its result and moves its host on, or asks for attention.
fn settle_cell(run: &mut Run, slot: Slot, state: CellState, at: Timestamp) {
    let done = matches!(state, CellState::Ok | CellState::Skipped);
    set_state(run, slot, state, at);
    if !done {
        run.progress.attention.insert(slot);
        return;
    }
    run.progress.attention.remove(&slot);
    let (Item::Step(step), Some(host)) = (slot.item, slot.host) else {
        return;
    };
    *run.progress.done.entry(step).or_insert(0) += 1;
    // What is left of the stretch may stand already.
    if settle::next_step(run, host).is_none() {
        run.progress.active.remove(&host);
    }
}

fn resolve(run: &mut Run, slot: Slot, decision: Decision, at: Timestamp) {
    run.revision += 1;
    match decision {
        Decision::Retry => {
            run.progress.attention.remove(&slot);
            // What was said of a gate is said again: it is another question now.
            run.answers.remove(&slot);
            set_state(run, slot, CellState::Waiting, at);
            if let Some(cell) = run.cells.get_mut(&slot) {
                cell.not_before = None;
                cell.opened = at;
            }
        }
        // The look itself is the next event.
        Decision::Probe => {}
        Decision::Skip => settle_cell(run, slot, CellState::Skipped, at),
        Decision::MarkOk => settle_cell(run, slot, CellState::Ok, at),
        Decision::Drop => drop_host(run, slot),
        Decision::MarkFailed => {
            set_state(run, slot, CellState::Failed(Reason::Marked), at);
            drop_host(run, slot);
        }
    }
}

fn drop_host(run: &mut Run, slot: Slot) {
    run.progress.attention.remove(&slot);
    run.progress.failed = true;
    if let Some(host) = slot.host {
        run.progress.active.remove(&host);
        run.progress.dropped.insert(host);
    }
}

/// What stands from the beginning is settled before anything begins.
fn take_given(run: &mut Run, at: Timestamp) {
    let plan = Arc::clone(&run.plan);
    for given in &plan.given {
        let state = match given.stands {
            Stands::Done => CellState::Ok,
            Stands::Skipped => CellState::Skipped,
        };
        let cell = Cell { state, saw: given.why.as_str().into(), ..fresh(0, at) };
        let item = Item::Step(given.step);
        if given.hosts.is_empty() {
            run.cells.insert(Slot { item, host: None }, cell);
            continue;
        }
        for host in &given.hosts {
            run.cells.insert(Slot { item, host: Some(*host) }, cell.clone());
        }
        *run.progress.done.entry(given.step).or_insert(0) += u32::try_from(given.hosts.len()).unwrap_or(u32::MAX);
    }
}

/// A host that could not be reached had no check made on it: it gets no step either, and counts as failed.
fn leave_out_unreached(run: &mut Run) {
    let all = (0u32..).take(run.plan.hosts.len()).map(HostIx);
    let reached = |host: &HostIx| *run.state(Slot { item: Item::Reach, host: Some(*host) }) == CellState::Ok;
    let unreached: Vec<HostIx> = all.filter(|host| !reached(host)).collect();
    run.progress.failures = u32::try_from(unreached.len()).unwrap_or(u32::MAX);
    run.progress.failed |= !unreached.is_empty();
    run.progress.dropped.extend(unreached);
}

/// A run ends with cells in flight only when the server went away: nobody can tell how they ended.
fn lose_what_is_in_flight(run: &mut Run, at: Timestamp) {
    let lost: Vec<Slot> = run.progress.in_flight.iter().copied().collect();
    for slot in lost {
        set_state(run, slot, CellState::Unknown(Reason::Interrupted), at);
        run.progress.failed = true;
    }
    run.progress.in_flight.clear();
}

/// Whether a pause ends by itself once every open decision is taken.
pub fn ends_with_decisions(cause: &PauseCause) -> bool {
    match cause {
        PauseCause::Failure => true,
        PauseCause::Person(_) | PauseCause::NoRoom | PauseCause::Batch | PauseCause::Authority | PauseCause::Window => {
            false
        }
    }
}
