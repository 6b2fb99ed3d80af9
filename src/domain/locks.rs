//! Who holds which hosts, and the line of runs that wait for them.
//!
//! A run takes all its hosts at once, when its start is asked for, and holds them until it ends: nobody waits while holding, so no
//! two runs wait for each other. One host is one machine, by whatever name and from whatever workspace. Runs that only read may
//! share a host; whatever else holds it alone. A later run never passes an earlier one that wants the same host.
//!
//! Invariants: nothing of a run begins on a host that another holds; a line moves only while what was before ended well, because
//! nobody approved of a run on hosts that another has left half changed.

use super::id::{PersonId, RunId, ServerName, Timestamp, WorkspaceId};
use super::plan::PlannedHost;
use super::run::{Ending, Phase, Round, Run};
use super::runbook::Lock;
use super::workspace::Reach;
use super::world::World;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A start that was asked for and has not come: whoever asked, since when, who was there before; or the moment it is put off to.
/// Until then it is in no line, and nobody waits for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queued {
    /// Who asked.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The moment it begins at; `None` where it begins as soon as its hosts are free.
    pub not_before: Option<Timestamp>,
    /// The ledger index of that: what comes first is earlier.
    pub order: u64,
    /// Runs that had its hosts, or had asked for them, by then. Nobody passes, so it can only become fewer; and whether its turn
    /// has come is told without comparing hosts.
    pub behind: Vec<Contested>,
}

/// A host that another run has, or is to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contested {
    /// Which run.
    pub run: RunId,
    /// The first such host, by this run's name for it.
    pub host: ServerName,
}

/// Another run that is to be waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ahead {
    /// Which run.
    pub run: RunId,
    /// Who has it, or asked for its start.
    pub by: Option<PersonId>,
    /// The first host of its that this one wants, by this run's name for it.
    pub host: ServerName,
}

/// Why a run cannot have its hosts yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// Runs at work on them.
    pub held: Vec<Ahead>,
    /// Runs that asked earlier, the earliest first.
    pub before: Vec<Ahead>,
}

impl Line {
    /// Which one in the line it is: 1 is next.
    pub fn position(&self) -> usize {
        self.before.len() + 1
    }

    /// `#12 holds web-3`, or `after #15`: what fits beside others in a list.
    pub fn short(&self) -> String {
        match (self.held.first(), self.before.last()) {
            (Some(one), None) => format!("{} holds {}", one.run, one.host),
            (_, Some(last)) => format!("after {}", last.run),
            (None, None) => "its turn has come".to_owned(),
        }
    }

    /// `2nd in line, after #15 (bo); #12 holds web-3 (ada)`: where it stands first, which must be read also where little fits.
    pub fn words(&self) -> String {
        let by = |ahead: &Ahead| ahead.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
        let place = match self.before.last() {
            None => "next in line".to_owned(),
            Some(last) => format!("{} in line, after {}{}", ordinal(self.position()), last.run, by(last)),
        };
        let holds = self.held.first().map(|one| format!("; {} holds {}{}", one.run, one.host, by(one)));
        let more = match self.held.len() {
            0 | 1 => String::new(),
            held => format!(", {} more hold others", held - 1),
        };
        format!("{place}{}{more}", holds.unwrap_or_default())
    }
}

fn ordinal(n: usize) -> String {
    let end = match (n % 10, n % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// What keeps a run from its hosts; nothing where it may have them now.
pub fn line(world: &World, run: &Run) -> Option<Line> {
    let order = run.queued.as_ref().map(|queued| queued.order);
    let mut line = Line::default();
    let mut waiting: Vec<(u64, Ahead)> = Vec::new();
    let contested = match &run.queued {
        Some(queued) if queued.not_before.is_some() => return None,
        Some(queued) => queued.behind.clone(),
        None => all_contested(world, run),
    };
    for Contested { run: other, host } in contested {
        match world.run(other).and_then(|other| stands_before(other, order)) {
            Some(Before::Holds(by)) => line.held.push(Ahead { run: other, by, host }),
            Some(Before::Waits(order, by)) => waiting.push((order, Ahead { run: other, by: Some(by), host })),
            None => {}
        }
    }
    waiting.sort_by_key(|(order, _)| *order);
    line.before = waiting.into_iter().map(|(_, ahead)| ahead).collect();
    (!line.held.is_empty() || !line.before.is_empty()).then_some(line)
}

/// Every run that a start at this moment would have to wait for.
pub fn all_contested(world: &World, run: &Run) -> Vec<Contested> {
    let others = world.runs.contending().filter(|other| other.id != run.id);
    others.filter_map(|other| Some(Contested { run: other.id, host: contested(run, other)? })).collect()
}

/// How a run stands before one whose start was, or is only now, asked for.
enum Before {
    /// It has its hosts; this person drives it.
    Holds(Option<PersonId>),
    /// It asked earlier: when, and who.
    Waits(u64, PersonId),
}

fn stands_before(other: &Run, order: Option<u64>) -> Option<Before> {
    if holds(other) {
        return Some(Before::Holds(other.driver.clone()));
    }
    let waits = other.queued.as_ref().filter(|theirs| theirs.not_before.is_none());
    let queued = waits.filter(|theirs| order.is_none_or(|ours| theirs.order < ours))?;
    Some(Before::Waits(queued.order, queued.by.clone()))
}

/// Runs in the line whose turn it is: their hosts are free, and nobody before them wants one.
pub fn turns(world: &World) -> impl Iterator<Item = &Arc<Run>> {
    world.runs.contending().filter(|run| is_its_turn(world, run))
}

/// Whether a run waits in the line, and need not any longer.
pub fn is_its_turn(world: &World, run: &Run) -> bool {
    let Some(queued) = run.queued.as_ref().filter(|queued| queued.not_before.is_none()) else { return false };
    let before =
        |one: &Contested| world.run(one.run).is_some_and(|other| stands_before(other, Some(queued.order)).is_some());
    !queued.behind.iter().any(before)
}

/// Whether a run waits for hosts that others have, and not for a moment.
pub fn is_in_line(run: &Run) -> bool {
    run.queued.as_ref().is_some_and(|queued| queued.not_before.is_none())
}

/// Runs in the line for hosts of one that ended so that somebody should look at them first.
pub fn held_up_by(world: &World, over: &Run, ending: Ending) -> Vec<RunId> {
    let well = match ending {
        Ending::Succeeded | Ending::Unverified => true,
        Ending::Failed | Ending::Aborted | Ending::Interrupted | Ending::Stuck | Ending::Unknown => false,
    };
    let waits = |run: &&Arc<Run>| is_in_line(run) && contested(run, over).is_some();
    world.runs.contending().filter(|_| !well).filter(waits).map(|run| run.id).collect()
}

/// Whether a run may have to be waited for: it has its hosts, or waits in line for them.
pub(super) fn contends(run: &Run) -> bool {
    holds(run) || is_in_line(run)
}

/// Whether a run has its hosts: from the moment its start is asked for until it has ended.
fn holds(run: &Run) -> bool {
    match run.phase {
        Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => true,
        Phase::Checking(Round::Start) => true,
        Phase::Checking(Round::Proposal)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => false,
    }
}

/// The first host of `run` that it cannot have beside `other`.
fn contested(run: &Run, other: &Run) -> Option<ServerName> {
    let lock = |run: &Run| run.plan.runbook.targets.lock;
    if lock(run) == Lock::Shared && lock(other) == Lock::Shared {
        return None;
    }
    let taken: BTreeSet<Place<'_>> = other.plan.hosts.iter().flat_map(|host| places(other, host)).collect();
    let host = run.plan.hosts.iter().find(|host| places(run, host).iter().any(|place| taken.contains(place)));
    host.map(|host| host.name.clone())
}

/// What makes two hosts one: the same server of a workspace, or the same machine by two names or in two workspaces.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Server(&'a WorkspaceId, &'a ServerName),
    Machine(Cow<'a, str>, u16),
    Here,
}

fn places<'a>(run: &'a Run, host: &'a PlannedHost) -> [Place<'a>; 2] {
    // Names are one name in any case; most are written in small letters already.
    let name = |address: &'a str| match address.contains(|letter: char| letter.is_ascii_uppercase()) {
        true => Cow::Owned(address.to_ascii_lowercase()),
        false => Cow::Borrowed(address),
    };
    let machine = match &host.reach {
        Reach::Ssh { address, port, .. } => Place::Machine(name(address), *port),
        Reach::Local => Place::Here,
    };
    [Place::Server(&run.plan.proposal.workspace, &host.name), machine]
}
