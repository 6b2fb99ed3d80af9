//! What the world means for one person: what waits for them, what waits for others, what is at work and how far.
//!
//! Pure questions over `World`; the rules themselves are `domain::policy`'s.

use crate::domain::once;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::run::{Cell, CellState, Ending, Item, PauseCause, Phase, Run, Slot};
use crate::domain::runbook::Done as By;
use crate::domain::window::{self, WindowState};
use crate::domain::workspace::Workspace;
use crate::domain::{HostIx, PersonId, Role, RunId, StepId, Timestamp, World};
use imbl::OrdSet;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something only a person can do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Errand {
    /// Decide about a cell that failed or is unknown.
    Decide,
    /// Take a run that is offered.
    TakeOver,
    /// Do a step by hand.
    HandStep(Slot),
    /// Approve or deny.
    Approve,
    /// Answer for this warning.
    Accept(StepId),
    /// Start what is approved.
    Start,
    /// Go on after a pause.
    Continue,
    /// Write the outcome note.
    Note,
    /// Sign off.
    Review,
    /// Accept a change to the site.
    AcceptSite,
}

impl Errand {
    /// One word for lists.
    pub fn word(&self) -> &'static str {
        match self {
            Errand::Decide => "decide",
            Errand::TakeOver => "take over",
            Errand::HandStep(_) => "by hand",
            Errand::Approve => "approve",
            Errand::Accept(_) => "accept",
            Errand::Start => "start",
            Errand::Continue => "continue",
            Errand::Note => "note",
            Errand::Review => "review",
            Errand::AcceptSite => "site",
        }
    }
}

/// Something that waits for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The run it is about; `None` where it is about the site.
    pub run: Option<RunId>,
    /// What is to be done.
    pub errand: Errand,
    /// Since when.
    pub since: Timestamp,
}

/// Every role a person holds anywhere, in the order the formats list them.
pub fn roles(world: &World, person: &PersonId) -> BTreeSet<Role> {
    let Some(site) = &world.site else { return BTreeSet::new() };
    site.workspaces.values().flat_map(|workspace| workspace.roles(person)).collect()
}

/// The workspaces a person may see, production first.
pub fn workspaces<'a>(world: &'a World, person: &PersonId) -> Vec<&'a Arc<Workspace>> {
    let Some(site) = &world.site else { return Vec::new() };
    let mut found: Vec<_> = site.workspaces.values().filter(|workspace| workspace.has_member(person)).collect();
    found.sort_by_key(|workspace| std::cmp::Reverse(workspace.environment));
    found
}

/// Whether somebody can do no more than look at what is on their screen: at this run, or anywhere. Who is a member of nothing yet
/// is told so in other words.
pub fn looks_only(world: &World, person: &PersonId, run: Option<RunId>) -> bool {
    let of_run = run.and_then(|run| world.workspace(&world.run(run)?.plan.proposal.workspace));
    let places = match of_run.filter(|workspace| workspace.has_member(person)) {
        Some(workspace) => vec![workspace],
        None => workspaces(world, person),
    };
    let administers = world.site.as_ref().is_some_and(|site| site.administrators.contains(person));
    !places.is_empty() && !administers && !places.iter().any(|workspace| policy::acts(workspace, person))
}

/// Whether somebody may execute a run: start it, let it go on, decide about what failed.
pub fn executes(world: &World, run: &Run, person: &PersonId) -> bool {
    let grants = |workspace: &Arc<Workspace>| workspace.grants(person, run.plan.runbook.runs_as);
    world.workspace(&run.plan.proposal.workspace).is_some_and(grants) && policy::may_execute(run, person)
}

/// Whether somebody may hold a run up, or end it.
pub fn stops(world: &World, run: &Run, person: &PersonId) -> bool {
    world.workspace(&run.plan.proposal.workspace).is_some_and(|workspace| policy::may_stop(workspace, person))
}

/// Whether something a person may see changes with the seconds.
pub fn something_moves(world: &World, person: &PersonId) -> bool {
    world.visible_runs(person).any(|run| is_at_work(run) || run.glass.is_some())
        || world.incidents.values().any(|incident| world.can_see(person, &incident.workspace))
}

/// Whether a run changes with the seconds.
pub fn is_at_work(run: &Run) -> bool {
    match run.phase {
        Phase::Checking(_) | Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => true,
        Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => false,
    }
}

/// A run that was asked for and has not begun.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The run.
    pub run: Arc<Run>,
    /// Whether it waits for this person's word.
    pub mine: bool,
}

/// What the world means for one person, in one pass over the open runs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Board {
    /// What waits for them: what holds a run up first, then by age.
    pub mine: Vec<Waiting>,
    /// What waits for somebody else; newest first.
    pub others: Vec<RunId>,
    /// Requests that are open, those for this person first, then the oldest first.
    pub requests: Vec<Request>,
    /// Runs at work, newest first.
    pub at_work: Vec<RunId>,
    /// Closed runs that nobody has signed off.
    pub reviews: usize,
    /// Runs that are not over.
    pub open: usize,
}

impl Board {
    /// How many requests wait for this person.
    pub fn approvals(&self) -> usize {
        self.requests.iter().filter(|request| request.mine).count()
    }
}

/// The board of whoever looks, as it was last made: ten thousand open runs are read once per change, not per frame and screen.
#[derive(Clone, Debug, Default)]
pub struct LastBoard(RefCell<Option<(u64, PersonId, Arc<Board>)>>);

impl LastBoard {
    /// The board of the world as it is.
    pub fn of(&self, world: &World, person: &PersonId) -> Arc<Board> {
        let mut last = self.0.borrow_mut();
        if let Some((events, of, board)) = last.as_ref()
            && (*events, of) == (world.events, person)
        {
            return Arc::clone(board);
        }
        let made = Arc::new(board(world, person));
        *last = Some((world.events, person.clone(), Arc::clone(&made)));
        made
    }
}

/// What the world means for one person.
pub fn board(world: &World, person: &PersonId) -> Board {
    let mut board = Board::default();
    if let Some(pending) = &world.pending
        && pending.by.as_ref() != Some(person)
        && world.site.as_ref().is_some_and(|site| site.answerable(&pending.sensitive).contains(&person))
    {
        board.mine.push(Waiting { run: None, errand: Errand::AcceptSite, since: pending.at });
    }
    for run in world.runs.values().rev() {
        let workspace = world.workspace(&run.plan.proposal.workspace);
        let Some(workspace) = workspace.filter(|workspace| workspace.has_member(person)) else { continue };
        board.open += usize::from(!run.is_over());
        board.reviews += usize::from(matches!(run.phase, Phase::Closed(_)));
        if is_at_work(run) {
            board.at_work.push(run.id);
        }
        let errand = errand(workspace, run, person);
        if matches!(run.phase, Phase::Checking(_) | Phase::Waiting | Phase::Approved) {
            let asks = |waiting: &Waiting| matches!(waiting.errand, Errand::Approve | Errand::Accept(_));
            let mine = errand.as_ref().is_some_and(asks);
            board.requests.push(Request { run: Arc::clone(run), mine });
        }
        match errand {
            Some(waiting) => board.mine.push(waiting),
            None if run.phase == Phase::Waiting => board.others.push(run.id),
            None => {}
        }
    }
    board.mine.sort_by_key(|one| (rank(&one.errand), one.since, one.run));
    board.requests.sort_by_key(|request| (!request.mine, request.run.proposed, request.run.id));
    board
}

/// What a person can do about one run now, where there is something.
fn errand(workspace: &Workspace, run: &Run, person: &PersonId) -> Option<Waiting> {
    let executes = || workspace.grants(person, run.plan.runbook.runs_as);
    let works_there = || policy::may_stop(workspace, person);
    if let Some(offer) = run.offered.as_ref().filter(|offer| offer.to == *person && is_at_work(run)) {
        return Some(Waiting { run: Some(run.id), errand: Errand::TakeOver, since: offer.at });
    }
    let (errand, since) = match &run.phase {
        Phase::Waiting => {
            let errand = policy::waits_for_people(workspace, run).find_map(|waits| match waits {
                WaitsFor::Approval { may, .. } => may.contains(person).then_some(Errand::Approve),
                WaitsFor::Warning { id, may, .. } => may.contains(person).then_some(Errand::Accept(id)),
                WaitsFor::Window { .. } | WaitsFor::Line(_) | WaitsFor::Moment { .. } => None,
            })?;
            (errand, run.phase_since)
        }
        Phase::Approved if run.queued.is_none() && executes() => (Errand::Start, run.phase_since),
        Phase::Running | Phase::Paused(_) => {
            if let Some(slot) = run.progress.attention.iter().next()
                && executes()
            {
                let since = run.cell(*slot).map_or(run.phase_since, |cell| cell.since);
                (Errand::Decide, since)
            } else if asks_for(workspace, run, person)
                && let Some((slot, cell)) = hand_step(run)
            {
                (Errand::HandStep(slot), cell.since)
            } else if continues(run, person, executes()) {
                (Errand::Continue, run.phase_since)
            } else {
                return None;
            }
        }
        Phase::Ended(_) if works_there() => (Errand::Note, run.phase_since),
        Phase::Closed(_) if policy::may_review(workspace, run, person) => (Errand::Review, run.phase_since),
        Phase::Checking(_)
        | Phase::Approved
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => return None,
    };
    Some(Waiting { run: Some(run.id), errand, since })
}

/// Whether the step that waits for people waits for this one.
fn asks_for(workspace: &Workspace, run: &Run, person: &PersonId) -> bool {
    match once::open_gate(run) {
        Some((_, gate)) => policy::may_answer(workspace, run, gate, person),
        None => policy::may_stop(workspace, person),
    }
}

/// Whether this person could do what is waited for.
pub fn is_for(waits: &WaitsFor, person: &PersonId) -> bool {
    match waits {
        WaitsFor::Approval { may, .. } | WaitsFor::Warning { may, .. } => may.contains(person),
        WaitsFor::Window { .. } | WaitsFor::Line(_) | WaitsFor::Moment { .. } => false,
    }
}

/// Who may sign a run off.
pub fn reviewers(world: &World, run: &Run) -> Vec<PersonId> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else { return Vec::new() };
    workspace.members.keys().filter(|person| policy::may_review(workspace, run, person)).cloned().collect()
}

/// Whether a paused run waits for this person to let it go on: whoever paused it, or, after a full disk, who executes.
fn continues(run: &Run, person: &PersonId, executes: bool) -> bool {
    match &run.phase {
        Phase::Paused(PauseCause::Person(by)) => by == person,
        Phase::Paused(PauseCause::NoRoom | PauseCause::Batch | PauseCause::Authority | PauseCause::Window) => executes,
        _ => false,
    }
}

/// The step that waits for people, where one does.
pub fn hand_step(run: &Run) -> Option<(Slot, &Cell)> {
    run.plan
        .steps()
        .filter(|(_, step)| step.action.done() == By::ByPeople)
        .map(|(position, _)| Slot { item: Item::Step(position), host: None })
        .find_map(|slot| run.cell(slot).filter(|cell| cell.state == CellState::Waiting).map(|cell| (slot, cell)))
}

/// By when an approved run must have started, where something says so: the window closes or the approval expires.
pub fn start_by(world: &World, run: &Run, now: Timestamp) -> Option<Timestamp> {
    let window = world.workspace(&run.plan.proposal.workspace).and_then(|w| match window::state_for(w, run, now) {
        WindowState::Open { until, .. } => Some(until),
        WindowState::Always | WindowState::Closed { .. } | WindowState::Frozen { .. } => None,
    });
    let expiry = match run.phase {
        Phase::Checking(_) | Phase::Waiting | Phase::Approved => Some(policy::worth_until(run)),
        Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => return None,
    };
    window.into_iter().chain(expiry).min()
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Cells that are settled, of [`Done::cells`].
    pub settled: usize,
    /// Cells there are: steps, manual steps and verification of the hosts still in the run.
    pub cells: usize,
    /// Hosts that are through every step.
    pub hosts: usize,
    /// The step furthest on, from 1; 0 before the first.
    pub step: usize,
}

/// How far a run is, in one pass over what happened.
pub fn done(run: &Run) -> Done {
    let plan = &run.plan;
    let kept = plan.hosts.len().saturating_sub(run.progress.dropped.len());
    let on_hosts = plan.steps().filter(|(_, step)| step.action.done() == By::OnHosts).count();
    let once = plan.steps.len().saturating_sub(on_hosts);
    let cells = kept * (on_hosts + plan.runbook.verify.len()) + once;
    let mut through: BTreeMap<HostIx, usize> = BTreeMap::new();
    let (mut settled, mut step) = (0, 0);
    for (slot, cell) in &run.cells {
        if slot.host.is_some_and(|host| run.progress.dropped.contains(&host)) {
            continue;
        }
        let over = matches!(cell.state, CellState::Ok | CellState::Skipped);
        match slot.item {
            Item::Reach | Item::Preflight(_) => {}
            Item::Verify(_) => settled += usize::from(cell.state.is_settled()),
            Item::Step(position) => {
                step = step.max(usize::from(position) + 1);
                settled += usize::from(over);
                if let Some(host) = slot.host.filter(|_| over) {
                    *through.entry(host).or_default() += 1;
                }
            }
        }
    }
    let hosts = through.values().filter(|n| **n >= on_hosts).count();
    Done { settled, cells, hosts, step }
}

/// Milliseconds since the first step was released, up to the end where there is one.
pub fn elapsed_ms(run: &Run, now: Timestamp) -> Option<u64> {
    run.started.map(|started| run.ended.unwrap_or(now).ms_since(started))
}

/// What is usual for this runbook here, in milliseconds.
pub fn usual_ms(world: &World, run: &Run) -> Option<u64> {
    let key = (run.plan.proposal.workspace.clone(), run.plan.runbook.id.clone());
    world.usual.get(&key).and_then(|usual| usual.duration_ms())
}

/// Hosts by where they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hosts {
    /// Through every step.
    pub done: usize,
    /// At work.
    pub running: usize,
    /// Not at work: before the first step, or between two.
    pub waiting: usize,
    /// Something failed or was refused.
    pub failed: usize,
    /// Nobody can tell.
    pub unknown: usize,
    /// Out of the run.
    pub dropped: usize,
}

/// Cells whose failure somebody may still decide about; none once the run has ended.
pub fn undecided(run: &Run) -> OrdSet<Slot> {
    if run.ended.is_some() { OrdSet::new() } else { run.progress.attention.clone() }
}

/// Hosts by where they stand with the steps.
pub fn hosts(run: &Run) -> Hosts {
    #[derive(Clone, Copy, Default)]
    struct Seen {
        over: usize,
        running: bool,
        failed: bool,
        unknown: bool,
    }
    let on_hosts = run.plan.steps().filter(|(_, step)| step.action.done() == By::OnHosts).count();
    let mut seen = vec![Seen::default(); run.plan.hosts.len()];
    for (slot, cell) in &run.cells {
        let (Item::Step(_), Some(host)) = (slot.item, slot.host) else { continue };
        let Some(host) = usize::try_from(host.0).ok().and_then(|ix| seen.get_mut(ix)) else { continue };
        match &cell.state {
            CellState::Waiting => {}
            CellState::Intended | CellState::Started { .. } => host.running = true,
            CellState::Ok | CellState::Skipped => host.over += 1,
            CellState::Failed(_) | CellState::Refused(_) => host.failed = true,
            CellState::Unknown(_) => host.unknown = true,
        }
    }
    let mut hosts = Hosts::default();
    for (ix, host) in (0u32..).zip(seen) {
        let place = if run.progress.dropped.contains(&HostIx(ix)) {
            &mut hosts.dropped
        } else if host.unknown {
            &mut hosts.unknown
        } else if host.failed {
            &mut hosts.failed
        } else if host.running {
            &mut hosts.running
        } else if host.over >= on_hosts && on_hosts > 0 {
            &mut hosts.done
        } else {
            &mut hosts.waiting
        };
        *place += 1;
    }
    hosts
}

/// Whether an ending is a good one.
pub fn is_good(ending: Ending) -> bool {
    match ending {
        Ending::Succeeded => true,
        Ending::Failed
        | Ending::Unverified
        | Ending::Aborted
        | Ending::Interrupted
        | Ending::Stuck
        | Ending::Unknown => false,
    }
}

fn rank(errand: &Errand) -> u8 {
    match errand {
        Errand::Decide => 0,
        Errand::HandStep(_) | Errand::TakeOver => 1,
        Errand::Approve | Errand::Accept(_) | Errand::AcceptSite => 2,
        Errand::Start | Errand::Continue => 3,
        Errand::Note => 4,
        Errand::Review => 5,
    }
}
