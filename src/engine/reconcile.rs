//! Makes what is in flight equal to what is due: starts orders, ends those that are no longer due, and asks what a moment
//! brings. Start, retry, abort, deadlines and recovery all come through here, because all of them are only state.

use super::handle::Handle;
use super::recorder::Recorder;
use crate::domain::due::Work;
use crate::domain::order::{CellResult, OrderKey, Outcome, OutputSummary, Progressed, Report, SAW_BYTES_MAX};
use crate::domain::policy::{self, Cleared};
use crate::domain::run::{Phase, Reason, Run};
use crate::domain::{Actor, Ask, Rule, RunId, Seen, Timestamp, World, due};
use crate::executor::{Chunk, Executor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Chunks of one order under way to the transcript: enough to keep a channel busy, little enough to wait early.
const ORDER_CHUNKS_MAX: usize = 16;

/// How long a report waits before it is told again while nothing can be recorded.
const REPORT_RETRY: Duration = Duration::from_millis(500);

/// How long the news that a step began waits for its end: that of a short one is recorded with it, in one sync instead of
/// two. Nothing depends on the news; what must be ended is ended by whoever carries it out.
const BEGUN_HELD: Duration = Duration::from_millis(20);

/// The reconciler's own state: what it has started.
pub(super) struct Reconciler {
    handle: Handle,
    executor: Arc<Executor>,
    recorder: Recorder,
    in_flight: BTreeMap<OrderKey, Flight>,
    tasks: JoinSet<()>,
    held: BTreeSet<RunId>,
    /// Runs that nothing began in while the server drained, and that are to be looked at again.
    resting: BTreeSet<RunId>,
    drained: bool,
    /// What a moment brings is not asked for again before this one, where it was refused.
    asked_until: Instant,
}

/// An order that was started: its task, and how it is ended.
struct Flight {
    task: Id,
    token: CancellationToken,
}

impl Reconciler {
    /// `goes_on`: runs are in flight that another server handed over.
    pub fn new(handle: Handle, executor: Arc<Executor>, recorder: Recorder, goes_on: bool) -> Self {
        let (in_flight, tasks, held) = (BTreeMap::new(), JoinSet::new(), BTreeSet::new());
        let resting = BTreeSet::new();
        Self {
            handle,
            executor,
            recorder,
            in_flight,
            tasks,
            held,
            resting,
            drained: goes_on,
            asked_until: Instant::now(),
        }
    }

    /// Works until the engine stops.
    pub async fn work(mut self) {
        let mut world = self.handle.world();
        let stop = self.handle.stop.clone();
        loop {
            let now = Arc::clone(&world.borrow_and_update());
            self.rests(&now);
            let due = self.reconcile(&now).await;
            let again = self.resting.first().map(|run| (now.last_at, Ask::Wake { run: *run }));
            let wake = again.or(due);
            let sleep = async {
                match wake {
                    Some((at, _)) => {
                        tokio::time::sleep_until(self.handle.clock.instant_of(at).max(self.asked_until)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = world.changed() => if changed.is_err() { return },
                Some(done) = self.tasks.join_next_with_id() => match done {
                    Ok((task, ())) => drop(self.landed(task)),
                    Err(broken) => self.crashed(broken.id()),
                },
                () = sleep => {
                    let Some((_, ask)) = wake else { continue };
                    let run = ask.run();
                    match self.handle.submit(Actor::Engine, Seen::Nothing, ask).await {
                        Ok(_) => run.is_some_and(|run| self.resting.remove(&run)),
                        // Somebody was faster, and the next look at the world tells; or nothing can be recorded now.
                        Err(_) => {
                            self.asked_until = Instant::now() + REPORT_RETRY;
                            false
                        }
                    };
                }
            }
        }
    }

    /// Once a server that drained serves as usual again, every run at work is looked at: no moment would wake one whose next step is
    /// due already.
    fn rests(&mut self, world: &World) {
        if world.serving.holds() {
            self.drained = true;
        } else if std::mem::take(&mut self.drained) {
            self.resting = world.runs.values().filter(|run| !is_resting(run)).map(|run| run.id).collect();
        }
    }

    /// Starts and ends orders; returns the nearest moment something must be asked.
    async fn reconcile(&mut self, world: &World) -> Option<(Timestamp, Ask)> {
        let mut wanted: BTreeSet<OrderKey> = BTreeSet::new();
        let mut wake: Option<(Timestamp, Ask)> = None;
        for work in due(world) {
            match work {
                Work::Do(key) => {
                    wanted.insert(key);
                    let new = (!self.in_flight.contains_key(&key)).then(|| world.run(key.run)).flatten();
                    if let Some(cleared) = new.and_then(|run| policy::clear(run, key.slot)) {
                        self.begin(key, cleared);
                    }
                }
                Work::At(at, ask) => {
                    if wake.as_ref().is_none_or(|(nearest, _)| at < *nearest) {
                        wake = Some((at, ask));
                    }
                }
            }
        }
        for (key, flight) in &self.in_flight {
            if !wanted.contains(key) {
                flight.token.cancel();
            }
        }
        self.handle.vault.retain(|run| world.run(run).is_some_and(|run| run.phase.ending().is_none()));
        self.release(world).await;
        wake
    }

    fn begin(&mut self, key: OrderKey, cleared: Cleared) {
        let token = CancellationToken::new();
        self.held.insert(key.run);
        let (handle, executor, recorder) = (self.handle.clone(), Arc::clone(&self.executor), self.recorder.clone());
        let task = self.tasks.spawn(carry(handle, executor, recorder, cleared, token.clone())).id();
        self.in_flight.insert(key, Flight { task, token });
    }

    /// Whose task it was; it is in flight no more.
    fn landed(&mut self, task: Id) -> Option<OrderKey> {
        let key = self.in_flight.iter().find_map(|(key, flight)| (flight.task == task).then_some(*key))?;
        self.in_flight.remove(&key);
        Some(key)
    }

    /// A task of ours broke off: nobody can tell how far its order got, and somebody must say so.
    fn crashed(&mut self, task: Id) {
        let Some(key) = self.landed(task) else { return };
        tracing::error!(run = %key.run, ?key, "carrying out an order broke off");
        let (handle, recorder) = (self.handle.clone(), self.recorder.clone());
        let task = self.tasks.spawn(async move { tell_crashed(&handle, &recorder, key).await }).id();
        self.in_flight.insert(key, Flight { task, token: CancellationToken::new() });
    }

    /// Lets go of connections, secrets and transcripts of runs that need none for now.
    async fn release(&mut self, world: &World) {
        let idle = |run: &RunId| {
            let resting = world.run(*run).is_none_or(|run| is_resting(run));
            resting && !self.in_flight.keys().any(|key| key.run == *run)
        };
        let released: Vec<RunId> = self.held.iter().filter(|run| idle(run)).copied().collect();
        for run in released {
            self.executor.release(run).await;
            // While the disk is behind the next look comes again; waiting here would hold up every other run.
            if self.recorder.release(run) {
                self.held.remove(&run);
            }
        }
    }
}

/// Whether nothing of a run can be in flight.
fn is_resting(run: &Run) -> bool {
    match run.phase {
        Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => true,
        Phase::Checking(_) | Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => false,
    }
}

/// Carries one order from its intent to its durable outcome.
async fn carry(
    handle: Handle,
    executor: Arc<Executor>,
    recorder: Recorder,
    cleared: Cleared,
    cancel: CancellationToken,
) {
    let key = cleared.order().key;
    let (out, mut chunks) = mpsc::channel::<Chunk>(ORDER_CHUNKS_MAX);
    let (started, group) = oneshot::channel::<u32>();
    let over = CancellationToken::new();
    let carried = async {
        let outcome = executor.carry_out(cleared, out, started, cancel).await;
        over.cancel();
        outcome
    };
    let store = async {
        let mut printed = false;
        while let Some(chunk) = chunks.recv().await {
            printed = true;
            recorder.output(chunk).await;
        }
        printed
    };
    let tell_begun = |group| tell(&handle, Report { key, what: Progressed::Started { group } });
    let begun = async {
        let group = group.await.ok()?;
        if tokio::time::timeout(BEGUN_HELD, over.cancelled()).await.is_ok() {
            return Some(group);
        }
        tell_begun(group).await;
        None
    };
    let (mut outcome, printed, begun) = tokio::join!(carried, store, begun);
    // Most steps are silent: nothing of theirs waits for the disk.
    if printed {
        let kept = recorder.finish(key).await;
        outcome.output = kept.output;
        if let Some(why) = kept.lost {
            outcome = unrecorded(outcome, &why);
        }
    }
    let begun = async {
        if let Some(group) = begun {
            tell_begun(group).await;
        }
    };
    let ended = tell(&handle, Report { key, what: Progressed::Ended(outcome) });
    tokio::join!(biased; begun, ended);
}

async fn tell_crashed(handle: &Handle, recorder: &Recorder, key: OrderKey) {
    let output = recorder.finish(key).await.output;
    let saw = "carrying it out broke off inside this program; look on the host".to_owned();
    let outcome =
        Outcome { result: CellResult::Unknown(Reason::Local), output, saw, used: Vec::new(), published: Vec::new() };
    tell(handle, Report { key, what: Progressed::Ended(outcome) }).await;
}

/// Output that could not be kept makes a good end an unknown one: nobody could prove it.
fn unrecorded(outcome: Outcome, why: &str) -> Outcome {
    let result = match outcome.result {
        CellResult::Ok => CellResult::Unknown(Reason::Local),
        other @ (CellResult::Failed(_) | CellResult::Unknown(_) | CellResult::Refused(_)) => other,
    };
    let mut saw = format!("the transcript is not whole: {why}\n{}", outcome.saw);
    saw.truncate((0..=SAW_BYTES_MAX).rev().find(|at| saw.is_char_boundary(*at)).unwrap_or(0));
    Outcome { result, saw: saw.trim_end().to_owned(), ..outcome }
}

/// Tells the engine until it is on the record. While nothing can be recorded the outcome is known to nobody else, so it
/// is told again. An outcome that has no place in the record as it is becomes an unknown one, said in fewer words; any
/// other refusal is final.
async fn tell(handle: &Handle, mut report: Report) {
    loop {
        match handle.submit(Actor::Engine, Seen::Nothing, Ask::Report(report.clone())).await {
            Err(refusal) if matches!(refusal.rule, Rule::Storage | Rule::NoRoom) && !handle.stop.is_cancelled() => {
                tokio::time::sleep(REPORT_RETRY).await;
            }
            Err(refusal) if refusal.rule == Rule::Record && shortened(&mut report) => {
                tracing::warn!(run = %report.key.run, %refusal, "an outcome is recorded as unknown");
            }
            Err(refusal) => {
                tracing::warn!(run = %report.key.run, %refusal, "a report was not taken");
                return;
            }
            Ok(_) => return,
        }
    }
}

/// Makes an outcome one that can be recorded. Whether it was another one before.
fn shortened(report: &mut Report) -> bool {
    let unknown = Outcome {
        result: CellResult::Unknown(Reason::Local),
        output: OutputSummary::nothing(),
        saw: "the outcome could not be recorded".to_owned(),
        used: Vec::new(),
        published: Vec::new(),
    };
    let Progressed::Ended(outcome) = &mut report.what else {
        return false;
    };
    let told = *outcome != unknown;
    *outcome = unknown;
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HostIx;
    use crate::domain::run::{Item, Slot};

    #[test]
    fn an_outcome_that_cannot_be_recorded_becomes_an_unknown_one_once() {
        let slot = Slot { item: Item::Step(0), host: Some(HostIx(0)) };
        let key = OrderKey { run: RunId(1), slot, attempt: 1 };
        let outcome = Outcome {
            result: CellResult::Ok,
            output: OutputSummary::nothing(),
            saw: "much".to_owned(),
            used: Vec::new(),
            published: Vec::new(),
        };
        let mut report = Report { key, what: Progressed::Ended(outcome) };
        assert!(shortened(&mut report));
        let Progressed::Ended(outcome) = &report.what else { panic!("an end") };
        assert_eq!(outcome.result, CellResult::Unknown(Reason::Local));
        assert!(!shortened(&mut report), "told so once, not for ever");
        assert!(!shortened(&mut Report { key, what: Progressed::Started { group: 7 } }));
    }
}
