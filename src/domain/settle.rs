//! What follows at once from the state of a run, one event at a time. `decide` asks until nothing follows, so that an
//! outcome, its consequence and the next intent are one group in the ledger: nothing is intended without its cause, and
//! a crash never falls between them.

use super::deadlines;
use super::event::{Entry, Event};
use super::failure;
use super::id::{HostIx, Timestamp};
use super::once::{self, Once};
use super::plan::Origin;
use super::policy;
use super::refusal::Rule;
use super::rounds;
use super::run::{
    BuiltIn, Cancel, CellState, Ending, Item, PauseCause, Phase, Round, Run, Slot, Stage, StopHow, Verdict,
};
use super::runbook::Done;
use super::segments::{self, Segment};
use super::serving;
use super::world::World;

/// Checks of one run in flight at once: all in parallel, as far as one bastion's sockets go.
pub const CHECKS_PARALLEL_MAX: u32 = 128;

/// The next event that follows from the state, or nothing. While the server drains nothing begins.
pub fn next(world: &World, run: &Run, at: Timestamp) -> Option<Entry> {
    let entry = follows(world, run, at)?;
    (!(world.serving.holds() && serving::begins(&entry.event))).then_some(entry)
}

fn follows(world: &World, run: &Run, at: Timestamp) -> Option<Entry> {
    match &run.phase {
        Phase::Checking(round) => checking(world, run, *round, at),
        Phase::Waiting => waiting(world, run, at),
        Phase::Approved => is_expired(run, at).then(|| cancelled(run, Cancel::Expired, "approved too long ago")),
        Phase::Running => running(world, run, at),
        Phase::Paused(cause) => paused(world, run, cause, at),
        Phase::Stopping(how) => stopping(world, run, *how, at),
        Phase::Verifying => verifying(run),
        Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => None,
    }
}

/// The step a host at work is at: the first of the stretch that is not done.
pub fn next_step(run: &Run, host: HostIx) -> Option<(Item, &CellState)> {
    let Some(Segment::OnHosts { first, last }) = segments::at(&run.plan, run.progress.segment) else {
        return None;
    };
    (first..=last).map(Item::Step).find_map(|item| {
        let state = run.state(Slot { item, host: Some(host) });
        (!matches!(state, CellState::Ok | CellState::Skipped)).then_some((item, state))
    })
}

fn cancelled(run: &Run, cancel: Cancel, why: &str) -> Entry {
    Entry::with(Event::RunCancelled { run: run.id, cancel }, "why", why)
}

fn checking(world: &World, run: &Run, round: Round, at: Timestamp) -> Option<Entry> {
    if let Some(check) = BuiltIn::ALL.into_iter().find(|check| !run.builtin.contains_key(check)) {
        let (verdict, why) = rounds::judge(world, run, check, at);
        return Some(Entry::with(Event::BuiltInJudged { run: run.id, check, verdict }, "why", why));
    }
    let checks = &run.progress.checks;
    if let Some(slot) = next_check(run) {
        return Some(intended(run, slot));
    }
    if checks.settled < checks.total {
        return None;
    }
    let released = checks.total > 0;
    let of_runbook = run.plan.runbook.preflight.len();
    match checks.stage {
        Stage::Reach if !released => return Some(release(run, Stage::Reach, run.plan.hosts.len())),
        // Before approval a check of a runbook version nobody has accepted would be ungoverned execution.
        Stage::Reach if of_runbook > 0 && (round == Round::Start || run.plan.runbook_accepted) => {
            let reached =
                run.cells.iter().filter(|(slot, cell)| slot.item == Item::Reach && cell.state == CellState::Ok);
            let cells = reached.count() * of_runbook;
            if cells > 0 {
                return Some(release(run, Stage::Preflight, cells));
            }
        }
        Stage::Reach | Stage::Preflight | Stage::Verify => {}
    }
    Some(round_over(world, run, round, at))
}

fn release(run: &Run, stage: Stage, cells: usize) -> Entry {
    let checks = u32::try_from(cells).unwrap_or(u32::MAX);
    Entry::bare(Event::ChecksReleased { run: run.id, stage, checks })
}

/// The next check to give out: check by check, each on every target.
fn next_check(run: &Run) -> Option<Slot> {
    let checks = &run.progress.checks;
    if checks.given >= checks.total || checks.given - checks.settled >= CHECKS_PARALLEL_MAX {
        return None;
    }
    let targets = u32::try_from(checks.targets.len()).ok().filter(|count| *count > 0)?;
    let number = u16::try_from(checks.given / targets).ok()?;
    let host = *checks.targets.get(usize::try_from(checks.given % targets).ok()?)?;
    let item = match checks.stage {
        Stage::Reach => Item::Reach,
        Stage::Preflight => Item::Preflight(number),
        Stage::Verify => Item::Verify(number),
    };
    Some(Slot { item, host: Some(host) })
}

fn round_over(world: &World, run: &Run, round: Round, at: Timestamp) -> Entry {
    let judged = run.builtin.iter().find(|(_, judged)| judged.verdict == Verdict::Block);
    if let Some((check, judged)) = judged {
        let why = format!("{}: {}", check.id_and_title().0, judged.why);
        return cancelled(run, Cancel::Void(Rule::PreflightBlock), &why);
    }
    if let Some(finding) = policy::host_findings(run).into_iter().find(|finding| finding.verdict == Verdict::Block) {
        let why = format!("{}: {}", finding.id, finding.text);
        return cancelled(run, Cancel::Void(Rule::PreflightBlock), &why);
    }
    match (round, may_go_on(world, run)) {
        (Round::Proposal, true) => Entry::bare(Event::RunApproved { run: run.id }),
        (Round::Start, true) => match start_refused(world, run, at) {
            None => Entry::bare(Event::RunStarted { run: run.id }),
            Some(why) => Entry::with(Event::RunApproved { run: run.id }, "why", why),
        },
        (Round::Proposal | Round::Start, false) => Entry::bare(Event::RunWaiting { run: run.id }),
    }
}

/// What was true when the start was asked for need not be true once the checks are through: a window closes meanwhile,
/// an approval grows old, a driver leaves. The run then may be started again, by somebody who asks again.
fn start_refused(world: &World, run: &Run, at: Timestamp) -> Option<String> {
    if at >= policy::worth_until(run) {
        return Some("approved too long ago".to_owned());
    }
    policy::lost_authority(world, run)
        .or_else(|| rounds::is_allowed_now(world, run, at).err().map(|refusal| refusal.what))
}

fn may_go_on(world: &World, run: &Run) -> bool {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else {
        return false;
    };
    policy::open_warnings(run).is_empty() && policy::missing_approvals(workspace, run).is_empty()
}

/// Whether the time of a run that waits, or may start, is over. The engine's alarm may be late in saying so.
pub fn is_expired(run: &Run, at: Timestamp) -> bool {
    policy::expires(run).is_some_and(|over| at >= over)
}

fn waiting(world: &World, run: &Run, at: Timestamp) -> Option<Entry> {
    if is_expired(run, at) {
        let why = if run.approved.is_some() { "approved too long ago" } else { "asked for too long ago" };
        return Some(cancelled(run, Cancel::Expired, why));
    }
    may_go_on(world, run).then(|| Entry::bare(Event::RunApproved { run: run.id }))
}

fn running(world: &World, run: &Run, at: Timestamp) -> Option<Entry> {
    if let Some(entry) = deadlines::missed(run, at) {
        return Some(entry);
    }
    if at >= run.phase_since.plus_ms(run.plan.limits.run_ms) {
        return Some(Entry::bare(Event::RunStopping { run: run.id, how: StopHow::TimedOut }));
    }
    if let Some(slot) = run.progress.attention.iter().next() {
        return Some(failure::follows(run, *slot, at));
    }
    if let Some(entry) = authority_lost(world, run) {
        return Some(entry);
    }
    if let Some(entry) = window_over(run, at) {
        return Some(entry);
    }
    next_work(run, at, Admit::Hosts).or_else(|| stretch_over(run, at))
}

/// What is in flight ends; nothing more begins until somebody lets it, within a window.
fn window_over(run: &Run, at: Timestamp) -> Option<Entry> {
    let over = has_closed(run, at) && has_more_to_begin(run);
    over.then(|| Entry::bare(Event::RunPaused { run: run.id, cause: PauseCause::Window }))
}

fn has_closed(run: &Run, at: Timestamp) -> bool {
    run.may_begin_until.is_some_and(|until| at >= until)
}

/// Whether a step is left that has not begun. What is in flight, or open for people, has.
pub fn has_more_to_begin(run: &Run) -> bool {
    let Some(stretch) = segments::at(&run.plan, run.progress.segment) else {
        return false;
    };
    if all_dropped(run) {
        return false;
    }
    if segments::at(&run.plan, run.progress.segment + 1).is_some() {
        return true;
    }
    match stretch {
        Segment::Once { step } => !once::has_begun(run, step),
        Segment::OnHosts { last, .. } => {
            let at_last = |host: &HostIx| {
                next_step(run, *host).is_none_or(|(item, state)| item == Item::Step(last) && state.is_in_flight())
            };
            let batch = usize::try_from(run.progress.batch + 1).unwrap_or(usize::MAX);
            batch < run.plan.batches.len() || next_host(run).is_some() || !run.progress.active.iter().all(at_last)
        }
    }
}

/// What is in flight ends; nothing more begins until somebody with authority lets it.
fn authority_lost(world: &World, run: &Run) -> Option<Entry> {
    let why = policy::lost_authority(world, run)?;
    Some(Entry::with(Event::RunPaused { run: run.id, cause: PauseCause::Authority }, "why", why))
}

/// Whether further hosts of a batch are let in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admit {
    Hosts,
    Nobody,
}

/// Lets hosts at work take their next step, then lets further hosts of the batch in.
fn next_work(run: &Run, at: Timestamp, admit: Admit) -> Option<Entry> {
    let ready = |host: &HostIx| {
        let (item, state) = next_step(run, *host)?;
        let slot = Slot { item, host: Some(*host) };
        let cell = run.cell(slot);
        let due = cell.and_then(|cell| cell.not_before).is_none_or(|moment| at >= moment);
        (*state == CellState::Waiting && due).then(|| intended(run, slot))
    };
    if let Some(entry) = run.progress.active.iter().find_map(ready) {
        return Some(entry);
    }
    let Some(Segment::OnHosts { .. }) = segments::at(&run.plan, run.progress.segment) else {
        return None;
    };
    let parallel = usize::try_from(run.plan.parallel).unwrap_or(usize::MAX);
    if admit == Admit::Nobody || run.progress.active.len() >= parallel {
        return None;
    }
    let host = next_host(run)?;
    let (item, _) = next_step(run, host)?;
    Some(intended(run, Slot { item, host: Some(host) }))
}

fn intended(run: &Run, slot: Slot) -> Entry {
    Entry::bare(Event::Intended { run: run.id, slot, attempt: run.tries(slot).saturating_add(1), probe: false })
}

/// The next host of the batch that was not let in yet, has something to do, and is still in the run. Hosts dropped before they
/// were let in (in an earlier stretch) are passed over.
fn next_host(run: &Run) -> Option<HostIx> {
    let batch = run.plan.batches.get(usize::try_from(run.progress.batch).ok()?)?;
    let Some(Segment::OnHosts { first, last }) = segments::at(&run.plan, run.progress.segment) else {
        return None;
    };
    let begins_at = |host: HostIx| (first..=last).find(|step| !run.plan.stands(*step, Some(host)));
    // Nothing of this stretch is left to do on hosts where all of it stands, and dropped ones have left.
    let mut live =
        batch.iter().filter(|host| begins_at(**host).is_some_and(|step| !was_dropped_before(run, **host, step)));
    live.nth(usize::try_from(run.progress.admitted).ok()?).copied()
}

/// Whether a host left the run in an earlier stretch. One that left in this stretch was let in, and counts as such.
fn was_dropped_before(run: &Run, host: HostIx, begins_at: u16) -> bool {
    let slot = Slot { item: Item::Step(begins_at), host: Some(host) };
    run.progress.dropped.contains(&host) && run.cell(slot).is_none()
}

/// When nothing of the batch is left: the next batch, the next stretch, or the end.
fn stretch_over(run: &Run, at: Timestamp) -> Option<Entry> {
    if !run.progress.active.is_empty() || !run.progress.in_flight.is_empty() {
        return None;
    }
    match segments::at(&run.plan, run.progress.segment) {
        Some(Segment::Once { step }) => match once::follows(run, step, at) {
            Once::Now(entry) => Some(entry),
            Once::Waits => None,
            Once::Over => Some(next_stretch(run)),
        },
        Some(Segment::OnHosts { .. }) if next_host(run).is_some() => None,
        Some(Segment::OnHosts { .. }) => {
            let batch = run.progress.batch + 1;
            let more = usize::try_from(batch).is_ok_and(|next| next < run.plan.batches.len());
            if !more || all_dropped(run) {
                return Some(next_stretch(run));
            }
            match next_batch_at(run) {
                Some(moment) if at < moment => None,
                Some(_) if run.plan.runbook.targets.between.gate && run.progress.let_on < batch => {
                    Some(Entry::bare(Event::RunPaused { run: run.id, cause: PauseCause::Batch }))
                }
                Some(_) | None => {
                    Some(Entry::bare(Event::BatchBegan { run: run.id, segment: run.progress.segment, batch }))
                }
            }
        }
        None => Some(steps_over(run)),
    }
}

/// Before which moment the next batch does not begin: its pause begins when the last host of the batch at work was through.
/// `None` where nothing lies between batches, hosts are at work, or this batch had nothing to do.
pub fn next_batch_at(run: &Run) -> Option<Timestamp> {
    let between = run.plan.runbook.targets.between;
    let idle = !between.is_nothing()
        && run.progress.active.is_empty()
        && run.progress.in_flight.is_empty()
        && next_host(run).is_none();
    let Some(Segment::OnHosts { first, last }) = segments::at(&run.plan, run.progress.segment).filter(|_| idle) else {
        return None;
    };
    let batch = run.plan.batches.get(usize::try_from(run.progress.batch).ok()?)?;
    let slots = batch.iter().flat_map(|host| (first..=last).map(|step| (Item::Step(step), *host)));
    // What stood from the beginning was not done now.
    let done = slots.filter(|(item, host)| matches!(item, Item::Step(step) if !run.plan.stands(*step, Some(*host))));
    let through =
        done.filter_map(|(item, host)| run.cell(Slot { item, host: Some(host) })).map(|cell| cell.since).max()?;
    Some(through.plus_ms(between.pause_ms))
}

fn all_dropped(run: &Run) -> bool {
    run.progress.dropped.len() >= run.plan.hosts.len()
}

fn next_stretch(run: &Run) -> Entry {
    let segment = run.progress.segment + 1;
    if segments::at(&run.plan, segment).is_some() && !all_dropped(run) {
        return Entry::bare(Event::BatchBegan { run: run.id, segment, batch: 0 });
    }
    steps_over(run)
}

fn steps_over(run: &Run) -> Entry {
    if all_dropped(run) {
        return ended(run, Ending::Failed);
    }
    if run.plan.runbook.verify.is_empty() {
        return ended(run, if run.progress.failed { Ending::Failed } else { Ending::Unverified });
    }
    Entry::bare(Event::VerifyBegan { run: run.id })
}

fn ended(run: &Run, ending: Ending) -> Entry {
    let ending = match ending {
        Ending::Failed | Ending::Unknown if is_stuck(run) => Ending::Stuck,
        other => other,
    };
    Entry::bare(Event::RunEnded { run: run.id, ending })
}

/// Whether a step is left of which nobody can tell how it ended.
fn is_unknown(run: &Run) -> bool {
    let unknown = |(slot, cell): (&Slot, &super::run::Cell)| {
        matches!(slot.item, Item::Step(_)) && matches!(cell.state, CellState::Unknown(_))
    };
    run.cells.iter().any(unknown)
}

/// Whether something that was to be undone is not: neither the old state nor the new one holds.
fn is_stuck(run: &Run) -> bool {
    let failed = |(slot, cell): (&Slot, &super::run::Cell)| {
        matches!(slot.item, Item::Step(_))
            && matches!(cell.state, CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_))
    };
    matches!(run.plan.from, Origin::Rollback(_)) && (!run.progress.dropped.is_empty() || run.cells.iter().any(failed))
}

fn paused(world: &World, run: &Run, cause: &PauseCause, at: Timestamp) -> Option<Entry> {
    if let Some(entry) = deadlines::missed(run, at) {
        return Some(entry);
    }
    match cause {
        PauseCause::Person(_) | PauseCause::NoRoom | PauseCause::Batch => return authority_lost(world, run),
        PauseCause::Failure | PauseCause::Authority | PauseCause::Window => {}
    }
    let over = super::evolve::ends_with_decisions(cause) && run.progress.attention.is_empty();
    if !over {
        return None;
    }
    let kept = authority_lost(world, run).or_else(|| window_over(run, at));
    kept.or_else(|| Some(Entry::bare(Event::RunContinued { run: run.id })))
}

fn stopping(world: &World, run: &Run, how: StopHow, at: Timestamp) -> Option<Entry> {
    if how == StopHow::AfterBatch {
        if let Some(slot) = run.progress.attention.iter().next() {
            return Some(Entry::bare(Event::HostDropped { run: run.id, slot: *slot }));
        }
        let lost = policy::lost_authority(world, run).is_some() || has_closed(run, at);
        let admit = if failure::beyond_tolerated(run) { Admit::Nobody } else { Admit::Hosts };
        if let Some(entry) = next_work(run, at, admit).filter(|_| !lost) {
            return Some(entry);
        }
        if !run.progress.active.is_empty() && !lost {
            return None;
        }
    }
    if !run.progress.in_flight.is_empty() {
        return None;
    }
    Some(ended(
        run,
        match how {
            // Nobody saw all of it end: what was stopped is not said to be.
            StopHow::AfterStep | StopHow::AfterBatch | StopHow::Now | StopHow::TimedOut if is_unknown(run) => {
                Ending::Unknown
            }
            StopHow::AfterStep | StopHow::AfterBatch | StopHow::Now => Ending::Aborted,
            StopHow::Failure | StopHow::TimedOut | StopHow::WayBack => Ending::Failed,
        },
    ))
}

fn verifying(run: &Run) -> Option<Entry> {
    let checks = &run.progress.checks;
    if checks.stage != Stage::Verify {
        let hosts = run.plan.hosts.len().saturating_sub(run.progress.dropped.len());
        return Some(release(run, Stage::Verify, hosts * run.plan.runbook.verify.len()));
    }
    if let Some(slot) = next_check(run) {
        return Some(intended(run, slot));
    }
    if checks.settled < checks.total {
        return None;
    }
    Some(ended(
        run,
        match (run.progress.failed, run.progress.unverified) {
            (true, _) => Ending::Failed,
            (false, true) => Ending::Unverified,
            (false, false) => Ending::Succeeded,
        },
    ))
}

/// Whether a step waits for people.
pub fn is_manual(run: &Run, slot: Slot) -> bool {
    match slot.item {
        Item::Step(n) => run.plan.step(n).is_some_and(|step| step.action.done() == Done::ByPeople),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => false,
    }
}
