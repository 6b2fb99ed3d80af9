//! Notices on their way: what the fold puts in, what a recorded result takes out, and when each channel is tried next.
//!
//! Invariant: total. What does not fit (a result of a notice that is no longer here) changes nothing.

use super::{About, Act, Channel, Due, Notice, OfRun, Reminded, Trouble, What, key, object, waits};
use crate::domain::beside::Beside;
use crate::domain::event::{Details, Event, Recorded};
use crate::domain::id::{Digest, PersonId, RunId, Timestamp};
use crate::domain::once;
use crate::domain::policy;
use crate::domain::run::{Item, PauseCause, Phase, Run};
use crate::domain::world::World;
use imbl::{OrdMap, Vector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a channel is tried before it is given up: over half an hour, so that a receiver may be started anew.
pub const TRIES_MAX: u16 = 8;

/// How long the second try waits for the first; each further one three times as long.
const BACK_OFF_MS: u64 = 5_000;

/// The longest wait between two tries.
const BACK_OFF_MS_MAX: u64 = 10 * 60 * 1_000;

/// Notices on their way at most: a receiver that is away for a day must not fill the memory everybody shares. The oldest gives
/// way: what is new is what somebody has to know.
const PENDING_MAX: usize = 2_000;

/// Results that are kept to be shown.
const SENT_KEPT_MAX: usize = 100;

/// Notices on their way, and what became of the last ones.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outbox {
    /// What is on its way, by number.
    pub pending: OrdMap<u64, Pending>,
    /// What became of the last ones, oldest first.
    pub sent: Vector<Sent>,
    /// Notices that gave way to newer ones before they arrived.
    pub lost: u64,
    /// What runs were told of again.
    pub(super) reminded: OrdMap<RunId, Reminded>,
}

/// A notice on its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Pending {
    /// The notice.
    pub notice: Arc<Notice>,
    /// Channels that it has not gone through yet.
    pub open: BTreeMap<Channel, Tries>,
}

/// How far a channel is with a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tries {
    /// Tries that came to nothing.
    pub made: u16,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// Why the last one came to nothing.
    pub trouble: Option<Trouble>,
}

/// What became of a notice on one channel.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// The notice.
    pub notice: Arc<Notice>,
    /// The channel.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// The last try, from 1.
    pub tries: u16,
    /// How it ended.
    pub end: End,
    /// What was seen of the last try, in words.
    pub saw: String,
}

/// How a channel ended with a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It arrived.
    Delivered,
    /// It was given up.
    GivenUp(Trouble),
}

/// Something happened to a run: what the site wants told of it goes on its way.
pub fn happened(world: &mut World, recorded: &Recorded, before: &Run, run: &Run) {
    if matches!(run.phase, Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_)) {
        world.outbox.reminded.remove(&run.id);
    }
    if let Some(what) = told_of(&recorded.event, before, run) {
        tell(world, recorded, what, Some(run));
    }
}

/// Something happened beside the runs. `before` is the world as it was.
pub fn happened_beside(before: &World, world: &mut World, recorded: &Recorded, beside: &Beside) {
    if let Some((news, of, may, until)) = object::told(before, world, recorded, beside) {
        let bare = Bare { what: What::Object(news), about: About::Object(of), may, next: None, until, link: None };
        send(world, recorded, bare);
    }
}

/// What an event is told as.
fn told_of(event: &Event, before: &Run, run: &Run) -> Option<What> {
    match event {
        Event::RunWaiting { .. } => Some(What::Waiting),
        // What nobody had to decide is no news to whoever asked for it; a start that was not made, none of a decision.
        Event::RunApproved { .. } => (before.phase == Phase::Waiting).then_some(What::Approved),
        Event::RunCancelled { cancel, .. } => Some(What::Cancelled(cancel.clone())),
        Event::ManualOpened { slot, .. } => {
            let at_gate = once::open_gate(run).is_some_and(|(position, _)| slot.item == Item::Step(position));
            at_gate.then(|| What::Gate(run.plan.item_name(slot.item).0.as_str().into()))
        }
        // Whoever paused it knows.
        Event::RunPaused { cause: PauseCause::Person(_), .. } => None,
        Event::RunPaused { cause, .. } => Some(What::Paused(cause.clone())),
        Event::RunEnded { ending, .. } => Some(What::Ended(*ending)),
        Event::GlassBroken { incident, .. } => {
            let by = run.glass.as_ref().map(|glass| glass.by.clone())?;
            Some(What::Glass { by, incident: *incident })
        }
        Event::Noted { mentions, .. } => {
            let note = run.notes.last().filter(|_| !mentions.is_empty())?;
            Some(What::Mention { by: note.by.clone(), people: mentions.clone() })
        }
        Event::Notice { .. }
        | Event::Beside(_)
        | Event::RunProposed { .. }
        | Event::RoundBegan { .. }
        | Event::ChecksReleased { .. }
        | Event::BuiltInJudged { .. }
        | Event::Intended { .. }
        | Event::Started { .. }
        | Event::SecretUsed { .. }
        | Event::Ended { .. }
        | Event::RetryPlanned { .. }
        | Event::Resolved { .. }
        | Event::HostDropped { .. }
        | Event::GateAnswered { .. }
        | Event::GateOver { .. }
        | Event::RunTaken { .. }
        | Event::RunOffered { .. }
        | Event::WaitOver { .. }
        | Event::Ticked { .. }
        | Event::EvidenceGiven { .. }
        | Event::BatchBegan { .. }
        | Event::WarningAccepted { .. }
        | Event::Voted { .. }
        | Event::StartQueued { .. }
        | Event::QueueLeft { .. }
        | Event::StartAsked { .. }
        | Event::RunStarted { .. }
        | Event::RunContinued { .. }
        | Event::RunStopping { .. }
        | Event::VerifyBegan { .. }
        | Event::StepOverdue { .. }
        | Event::Drifted { .. }
        | Event::RunClosed { .. }
        | Event::GlassOpened { .. }
        | Event::ReviewGiven { .. }
        | Event::RunReviewed { .. }
        | Event::Refused { .. } => None,
    }
}

/// Something happened to notices themselves.
pub fn apply(world: &mut World, recorded: &Recorded, act: &Act) {
    match act {
        Act::Due { run, why, next } => {
            let Some(found) = world.run(*run).cloned() else { return };
            let before = world.outbox.reminded.get(run).cloned().unwrap_or_default();
            let after = before.after(&found, *why, next.as_ref(), recorded.at);
            world.outbox.reminded.insert(*run, after);
            let what = match why {
                Due::Reminder => What::Reminder,
                Due::Expiring => What::Expiring,
            };
            tell(world, recorded, what, Some(&found));
        }
        Act::Test => tell(world, recorded, What::Test, None),
        Act::Delivered { notice, channel, attempt } => {
            over(world, (*notice, *channel), *attempt, End::Delivered, recorded.at, String::new());
        }
        Act::Failed { notice, channel, attempt, trouble, again: false } => {
            let (end, saw) = (End::GivenUp(*trouble), saw(&recorded.details));
            over(world, (*notice, *channel), *attempt, end, recorded.at, saw);
        }
        Act::Failed { notice, channel, attempt, trouble, again: true } => {
            let wait = back_off_ms(&world.origin, *notice, *channel, *attempt);
            let open = world.outbox.pending.get_mut(notice).and_then(|pending| pending.open.get_mut(channel));
            if let Some(tries) = open {
                *tries = Tries { made: *attempt, not_before: recorded.at.plus_ms(wait), trouble: Some(*trouble) };
            }
        }
    }
}

fn saw(details: &Details) -> String {
    details.get("saw").map_or("", |detail| detail.text()).to_owned()
}

/// Puts a notice on its way, where the site in force wants it told.
fn tell(world: &mut World, recorded: &Recorded, what: What, run: Option<&Run>) {
    let (next, until) = match (&recorded.event, run) {
        (Event::Notice { act: Act::Due { next, .. } }, Some(run)) => (next.clone(), policy::expires(run)),
        (_, run) => (None, run.and_then(policy::expires)),
    };
    let may = run.map(|run| who_may(world, &what, run)).unwrap_or_default();
    let about = run.map_or(About::Nothing, |run| About::Run(of_run(run)));
    send(world, recorded, Bare { what, about, may, next, until, link: run.map(|run| run.id) });
}

/// What is told, before the site in force says whether, how, and with which link.
struct Bare {
    what: What,
    about: About,
    may: Vec<PersonId>,
    next: Option<PersonId>,
    until: Option<Timestamp>,
    link: Option<RunId>,
}

fn send(world: &mut World, recorded: &Recorded, Bare { what, about, may, next, until, link }: Bare) {
    let Some(site) = world.site.clone() else { return };
    let Some(notify) = &site.notify else { return };
    if what.topic().is_some_and(|topic| !notify.tell.contains(&topic)) {
        return;
    }
    let (id, at, site) = (recorded.index, recorded.at, site.name.clone());
    let link = link.and_then(|run| notify.link_to(run));
    let notice = Notice { id, what, at, site, about, may, next, until, link };
    let first = Tries { made: 0, not_before: recorded.at, trouble: None };
    let open: BTreeMap<Channel, Tries> = notify.channels().map(|channel| (channel, first)).collect();
    if open.is_empty() {
        return;
    }
    let pending = &mut world.outbox.pending;
    pending.insert(notice.id, Pending { notice: Arc::new(notice), open });
    if pending.len() > PENDING_MAX
        && let Some(oldest) = pending.get_min().map(|(id, _)| *id)
    {
        pending.remove(&oldest);
        world.outbox.lost += 1;
    }
}

fn of_run(run: &Run) -> OfRun {
    OfRun {
        run: run.id,
        workspace: run.plan.proposal.workspace.clone(),
        environment: run.plan.environment,
        impact: run.plan.impact,
        runbook: run.plan.runbook.id.clone(),
        requester: run.plan.requester.clone(),
    }
}

fn who_may(world: &World, what: &What, run: &Run) -> Vec<PersonId> {
    match what {
        What::Cancelled(_) | What::Object(_) | What::Test => Vec::new(),
        What::Mention { people, .. } => people.clone(),
        // Whoever works there may stop a countdown, and write down what came of a run.
        What::Ended(_) | What::Glass { .. } => waits::works_there(world, run),
        What::Approved => waits::may_start(world, run),
        What::Expiring if run.phase == Phase::Approved => waits::may_start(world, run),
        What::Waiting | What::Gate(_) | What::Expiring | What::Reminder | What::Paused(_) => waits::may_act(world, run),
    }
}

/// A channel is through with a notice.
fn over(world: &mut World, (id, channel): (u64, Channel), tries: u16, end: End, at: Timestamp, saw: String) {
    let Some(pending) = world.outbox.pending.get_mut(&id) else { return };
    if pending.open.remove(&channel).is_none() {
        return;
    }
    let notice = Arc::clone(&pending.notice);
    if pending.open.is_empty() {
        world.outbox.pending.remove(&id);
    }
    world.outbox.sent.push_back(Sent { notice, channel, at, tries, end, saw });
    while world.outbox.sent.len() > SENT_KEPT_MAX {
        world.outbox.sent.pop_front();
    }
}

/// How long a channel rests after a try: longer each time, and not the same for all, so that what was held up together does not
/// come back together. What looks like chance is a digest: a replay rests as long.
fn back_off_ms(origin: &str, notice: u64, channel: Channel, attempt: u16) -> u64 {
    let threefold = 3_u64.saturating_pow(u32::from(attempt.saturating_sub(1)));
    let wait = BACK_OFF_MS.saturating_mul(threefold).min(BACK_OFF_MS_MAX);
    let seed = Digest::of(format!("{} {} {attempt}", key(origin, notice), channel.word()).as_bytes());
    let share = u64::from(seed.0.first().copied().unwrap_or_default());
    wait + wait / 4 * share / 255
}
