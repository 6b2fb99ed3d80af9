//! The thread that writes transcripts. Output of all hosts goes through one bounded channel, so a slow disk makes the
//! hosts wait and nothing is lost; an outcome is reported only after its output is synced.

use super::clock::Clock;
use super::desk::{Desk, Kept, Patience};
use crate::domain::order::{OrderKey, OutputSummary};
use crate::domain::{RunId, Timestamp};
use crate::executor::Chunk;
use crate::ledger::transcript::{COALESCE_MS, Packing, Transcripts};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Chunks under way to the disk: a few per host of a wide run; beyond it hosts wait.
const CHUNKS_WAITING_MAX: usize = 1_024;

/// From this many on the disk is behind, and what comes is packed quickly rather than tightly.
const CHUNKS_BEHIND: usize = 64;

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// Output came.
    Output(Chunk),
    /// A try is over: store what waits, sync, and say what it printed.
    Finish(OrderKey, oneshot::Sender<Kept>),
    /// A run needs its transcript no more for now.
    Release(RunId),
}

/// The door to the thread. Cheap to clone; the thread ends with its last door.
#[derive(Clone, Debug)]
pub struct Recorder {
    told: mpsc::Sender<Told>,
    grown: watch::Sender<BTreeMap<RunId, u64>>,
}

impl Recorder {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(transcripts: Transcripts, clock: Clock) -> std::io::Result<Self> {
        let (told, waiting) = mpsc::channel(CHUNKS_WAITING_MAX);
        let (grown, _) = watch::channel(BTreeMap::new());
        let desk = Desk::new(transcripts, clock.clone(), Patience::default());
        let thread = Thread { desk, clock, grown: grown.clone() };
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("transcripts".to_owned()).spawn(move || thread.work(waiting, &runtime))?;
        Ok(Self { told, grown })
    }

    /// Hands output on; waits while the disk is behind.
    pub async fn output(&self, chunk: Chunk) {
        // The thread ends only with its last door, which this is.
        self.told.send(Told::Output(chunk)).await.ok();
    }

    /// Stores and syncs what a try printed, and says what that was.
    pub(super) async fn finish(&self, key: OrderKey) -> Kept {
        let (reply, answer) = oneshot::channel();
        self.told.send(Told::Finish(key, reply)).await.ok();
        let gone = "the transcript's writer is gone".to_owned();
        answer.await.unwrap_or(Kept { output: OutputSummary::nothing(), lost: Some(gone) })
    }

    /// Closes a run's transcript; more output opens it again. False: not now, the disk is behind; ask again.
    pub fn release(&self, run: RunId) -> bool {
        self.told.try_send(Told::Release(run)).is_ok()
    }

    /// Changes whenever a transcript has grown.
    pub fn grown(&self) -> watch::Receiver<BTreeMap<RunId, u64>> {
        self.grown.subscribe()
    }
}

struct Thread {
    desk: Desk,
    clock: Clock,
    grown: watch::Sender<BTreeMap<RunId, u64>>,
}

impl Thread {
    fn work(mut self, mut waiting: mpsc::Receiver<Told>, runtime: &tokio::runtime::Handle) {
        let mut next_tick: Option<Timestamp> = None;
        loop {
            let told = match next_tick {
                None => waiting.blocking_recv(),
                Some(at) => {
                    let patience = Duration::from_millis(at.ms_since(self.clock.now()).min(COALESCE_MS));
                    // A thread of its own; the channel has no blocking receive with a limit.
                    match runtime.block_on(async { tokio::time::timeout(patience, waiting.recv()).await }) {
                        Ok(told) => told,
                        Err(_) => {
                            next_tick = self.tick();
                            continue;
                        }
                    }
                }
            };
            match told {
                Some(Told::Output(chunk)) => {
                    let behind = waiting.len() >= CHUNKS_BEHIND;
                    self.desk.store(&chunk, if behind { Packing::Quick } else { Packing::Tight });
                }
                Some(Told::Finish(key, reply)) => {
                    reply.send(self.desk.finish(key)).ok();
                }
                Some(Told::Release(run)) => {
                    self.desk.release(run);
                    self.grown.send_if_modified(|lines| lines.remove(&run).is_some());
                }
                None => return,
            }
            next_tick = self.tick();
        }
    }

    /// Stores what has waited long enough and tells viewers what has grown. Returns when to come again.
    fn tick(&mut self) -> Option<Timestamp> {
        let next = self.desk.tick();
        let desk = &self.desk;
        self.grown.send_if_modified(|lines| {
            let mut changed = false;
            for (run, ended) in desk.lines() {
                changed |= lines.insert(run, ended) != Some(ended);
            }
            changed
        });
        next
    }
}
