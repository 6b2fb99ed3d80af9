//! The thread that writes transcripts. Output of all hosts goes through one bounded channel, so a slow disk makes the
//! hosts wait and nothing is lost; an outcome is reported only after its output is synced.

use super::clock::Clock;
use crate::domain::order::{OrderKey, OutputSummary};
use crate::domain::{RunId, Timestamp};
use crate::executor::Chunk;
use crate::ledger::transcript::{COALESCE_MS, Packing, Transcripts, Writer};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Chunks under way to the disk: a few per host of a wide run; beyond it hosts wait.
const CHUNKS_WAITING_MAX: usize = 1_024;

/// From this many on the disk is behind, and what comes is packed quickly rather than tightly.
const CHUNKS_BEHIND: usize = 64;

/// How often a write that failed is tried again before its output is given up and the try says so.
const WRITE_TRIES_MAX: u32 = 50;

/// How long between those tries: ten seconds in all for somebody to free space.
const WRITE_RETRY: Duration = Duration::from_millis(200);

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// Output came.
    Output(Chunk),
    /// A try is over: store what waits, sync, and say what it printed.
    Finish(OrderKey, oneshot::Sender<Result<OutputSummary, String>>),
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
        let desk = Desk { transcripts, clock, writers: BTreeMap::new(), grown: grown.clone() };
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("transcripts".to_owned()).spawn(move || desk.work(waiting, &runtime))?;
        Ok(Self { told, grown })
    }

    /// Hands output on; waits while the disk is behind.
    pub async fn output(&self, chunk: Chunk) {
        // The thread ends only with its last door, which this is.
        self.told.send(Told::Output(chunk)).await.ok();
    }

    /// Stores and syncs what a try printed, and says what that was.
    ///
    /// # Errors
    /// In words, where the transcript could not be stored.
    pub async fn finish(&self, key: OrderKey) -> Result<OutputSummary, String> {
        let (reply, answer) = oneshot::channel();
        self.told.send(Told::Finish(key, reply)).await.map_err(|_| "the transcript's writer is gone".to_owned())?;
        answer.await.map_err(|_| "the transcript's writer is gone".to_owned())?
    }

    /// Closes a run's transcript; more output opens it again.
    pub async fn release(&self, run: RunId) {
        self.told.send(Told::Release(run)).await.ok();
    }

    /// Changes whenever a transcript has grown.
    pub fn grown(&self) -> watch::Receiver<BTreeMap<RunId, u64>> {
        self.grown.subscribe()
    }
}

struct Desk {
    transcripts: Transcripts,
    clock: Clock,
    writers: BTreeMap<RunId, Writer>,
    grown: watch::Sender<BTreeMap<RunId, u64>>,
}

impl Desk {
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
                    self.store(&chunk, if behind { Packing::Quick } else { Packing::Tight });
                }
                Some(Told::Finish(key, reply)) => {
                    reply.send(self.finish(key)).ok();
                }
                Some(Told::Release(run)) => {
                    self.writers.remove(&run);
                    self.grown.send_if_modified(|lines| lines.remove(&run).is_some());
                }
                None => return,
            }
            next_tick = self.tick();
        }
    }

    fn writer(&mut self, run: RunId) -> Result<&mut Writer, String> {
        if !self.writers.contains_key(&run) {
            let (writer, torn) = self.transcripts.writer(run).map_err(|error| error.to_string())?;
            if let Some(torn) = torn {
                tracing::warn!(%run, bytes = torn.bytes, "a torn end of the transcript was moved aside");
            }
            self.writers.insert(run, writer);
        }
        self.writers.get_mut(&run).ok_or_else(|| "no writer".to_owned())
    }

    fn store(&mut self, chunk: &Chunk, packing: Packing) {
        let at = self.clock.now();
        let mut taken = 0;
        for _ in 0..WRITE_TRIES_MAX {
            let rest = chunk.bytes.get(taken..).unwrap_or_default();
            let outcome = match self.writer(chunk.key.run) {
                Ok(writer) => {
                    writer.pack(packing);
                    writer.push(chunk.key, chunk.stream, at, rest).map_err(|not| (not.taken, not.why.to_string()))
                }
                Err(why) => Err((0, why)),
            };
            match outcome {
                Ok(()) => return,
                Err((more, why)) => {
                    taken += more;
                    tracing::error!(run = %chunk.key.run, %why, "output waits for the disk");
                    std::thread::park_timeout(WRITE_RETRY);
                }
            }
        }
        tracing::error!(run = %chunk.key.run, bytes = chunk.bytes.len() - taken, "output given up");
    }

    fn finish(&mut self, key: OrderKey) -> Result<OutputSummary, String> {
        let writer = self.writer(key.run)?;
        let summary = writer.finish(key).map_err(|error| error.to_string())?;
        if summary.bytes > 0 {
            writer.sync().map_err(|error| error.to_string())?;
        }
        Ok(summary)
    }

    /// Stores what has waited long enough and tells viewers what has grown. Returns when to come again.
    fn tick(&mut self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut next: Option<Timestamp> = None;
        for writer in self.writers.values_mut() {
            match writer.tick(now) {
                Ok(Some(at)) => next = Some(next.map_or(at, |before| before.min(at))),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(run = %writer.run(), %error, "output waits for the disk");
                    next = Some(now.plus_ms(COALESCE_MS));
                }
            }
        }
        let writers = &self.writers;
        self.grown.send_if_modified(|lines| {
            let mut changed = false;
            for (run, writer) in writers {
                let ended = writer.live().ended();
                changed |= lines.insert(*run, ended) != Some(ended);
            }
            changed
        });
        next
    }
}
