//! What the transcripts' thread does: a writer for each run, patience with a disk that has no room, and a word about
//! everything that could not be kept.
//!
//! Invariant: an outcome says either exactly what its transcript holds, or that something of it is missing.

use super::clock::Clock;
use crate::domain::order::{OrderKey, OutputSummary, Stream};
use crate::domain::{RunId, Timestamp};
use crate::executor::Chunk;
use crate::ledger::transcript::{COALESCE_MS, Packing, TranscriptError, Transcripts, Writer};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a disk without room is waited for before output is given up: for somebody to free space. One such wait for
/// all output together, or every chunk would hold up every run once more.
const PATIENCE_MS_MAX: u64 = 10_000;

/// How long between two tries of a write.
const WRITE_RETRY_MS: u64 = 200;

/// How a disk without room is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// In all, until something could be stored again.
    pub in_all_ms: u64,
    /// Between two tries.
    pub again_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { in_all_ms: PATIENCE_MS_MAX, again_ms: WRITE_RETRY_MS }
    }
}

/// What became of a try's output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// What its transcript holds.
    pub output: OutputSummary,
    /// Why that is not all of it.
    pub lost: Option<String>,
}

/// Whose output goes to the disk for good, with what the kernel has no room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// What there is.
    Free,
    /// And what was kept for this.
    Reserved,
}

/// The writers and what they are at.
pub(super) struct Desk {
    transcripts: Transcripts,
    clock: Clock,
    patience: Patience,
    writers: BTreeMap<RunId, Writer>,
    /// Tries under way that said something, and how many bytes of it could not be kept.
    tries: BTreeMap<OrderKey, u64>,
    /// Runs whose transcript takes nothing more until a restart, and why.
    shut: BTreeMap<RunId, String>,
    /// Since when nothing could be stored.
    refusing_since: Option<Timestamp>,
}

impl Desk {
    pub fn new(transcripts: Transcripts, clock: Clock, patience: Patience) -> Self {
        let (writers, tries, shut) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { transcripts, clock, patience, writers, tries, shut, refusing_since: None }
    }

    /// Stores output, or counts what of it could not be kept.
    pub fn store(&mut self, chunk: &Chunk, packing: Packing) {
        let at = self.clock.now();
        let mut begins = !self.tries.contains_key(&chunk.key);
        self.tries.entry(chunk.key).or_default();
        let mut rest = chunk.bytes.as_ref();
        let stored = self.patiently(chunk.key.run, Room::Free, |writer| {
            if std::mem::take(&mut begins) {
                writer.begin(chunk.key);
            }
            writer.pack(packing);
            writer.push(chunk.key, chunk.stream, at, rest).map_err(|not| {
                rest = rest.get(not.taken..).unwrap_or_default();
                not.why
            })
        });
        if let Err(why) = stored {
            tracing::error!(run = %chunk.key.run, bytes = rest.len(), %why, "output given up");
            if chunk.stream != Stream::Note {
                *self.tries.entry(chunk.key).or_default() += rest.len() as u64;
            }
        }
    }

    /// Ends a try: all it printed is on the disk and synced, or it is said what is not.
    pub fn finish(&mut self, key: OrderKey) -> Kept {
        let Some(mut lost) = self.tries.remove(&key) else {
            return Kept { output: OutputSummary::nothing(), lost: None };
        };
        let mut why = String::new();
        let output = match self.patiently(key.run, Room::Reserved, |writer| writer.finish(key)) {
            Ok(output) => output,
            Err(error) => {
                why = error;
                let stored = self.writers.get_mut(&key.run).map(|writer| writer.abandon(key));
                let (output, waited) = stored.unwrap_or((OutputSummary::nothing(), 0));
                lost += waited;
                output
            }
        };
        if lost > 0 {
            let words = format!("{lost} bytes of output could not be stored");
            why = if why.is_empty() { words.clone() } else { format!("{words}: {why}") };
            self.note(key, &words);
        }
        if output.bytes > 0
            && let Err(error) = self.patiently(key.run, Room::Free, Writer::sync)
        {
            why = error;
        }
        self.transcripts.refill();
        Kept { output, lost: Some(why).filter(|why| !why.is_empty()) }
    }

    /// Writes a line of ours behind what a try printed, if that goes.
    fn note(&mut self, key: OrderKey, words: &str) {
        let (at, line) = (self.clock.now(), format!("{words}\n"));
        let mut said = false;
        let noted = self.patiently(key.run, Room::Reserved, |writer| {
            if !said {
                writer.push(key, Stream::Note, at, line.as_bytes()).map_err(|not| not.why)?;
                said = true;
            }
            writer.finish(key).map(drop)
        });
        if let Err(why) = noted {
            tracing::error!(run = %key.run, %words, %why, "not even that could be noted");
        }
    }

    /// Closes a run's transcript, unless it is written to again by now: a try must not change writers half-way.
    pub fn release(&mut self, run: RunId) {
        if !self.tries.keys().any(|key| key.run == run) {
            self.writers.remove(&run);
        }
    }

    /// Stores what has waited long enough. Returns when to come again.
    pub fn tick(&mut self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut next: Option<Timestamp> = None;
        let mut refused: Vec<(RunId, TranscriptError)> = Vec::new();
        for (run, writer) in &mut self.writers {
            let before = writer.stored_bytes();
            match writer.tick(now) {
                Ok(at) => next = [next, at].into_iter().flatten().min(),
                Err(error) => refused.push((*run, error)),
            }
            if writer.stored_bytes() > before {
                self.refusing_since = None;
            }
        }
        for (run, error) in refused {
            if self.is_passing(run, &error) {
                let again = now.plus_ms(self.patience.again_ms.max(COALESCE_MS));
                next = Some(next.map_or(again, |next| next.min(again)));
            }
        }
        next
    }

    /// The runs being written, and how many lines of each there are.
    pub fn lines(&self) -> impl Iterator<Item = (RunId, u64)> {
        self.writers.iter().map(|(run, writer)| (*run, writer.live().ended()))
    }

    /// Tries `work` again for as long as the disk has no room and patience lasts.
    fn patiently<T>(
        &mut self,
        run: RunId,
        room: Room,
        mut work: impl FnMut(&mut Writer) -> Result<T, TranscriptError>,
    ) -> Result<T, String> {
        loop {
            if let Some(why) = self.shut.get(&run) {
                return Err(why.clone());
            }
            let error = match self.attempt(run, &mut work) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if room == Room::Reserved && error.is_full() && self.transcripts.give_reserve() {
                continue;
            }
            if !self.is_passing(run, &error) || !self.waits() {
                return Err(error.to_string());
            }
        }
    }

    fn attempt<T>(
        &mut self,
        run: RunId,
        work: &mut impl FnMut(&mut Writer) -> Result<T, TranscriptError>,
    ) -> Result<T, TranscriptError> {
        if !self.writers.contains_key(&run) {
            let (writer, torn) = self.transcripts.writer(run)?;
            if let Some(torn) = torn {
                tracing::warn!(%run, bytes = torn.bytes, "a torn end of the transcript was moved aside");
            }
            self.writers.insert(run, writer);
        }
        let writer = self.writers.get_mut(&run).ok_or(TranscriptError::Missing(run))?;
        let before = writer.stored_bytes();
        let done = work(writer);
        // What only waits in memory says nothing about the disk.
        if writer.stored_bytes() > before {
            self.refusing_since = None;
        }
        done
    }

    /// Whether trying again can help. What it cannot help is not tried again for this run: it would hold up all others.
    fn is_passing(&mut self, run: RunId, error: &TranscriptError) -> bool {
        match error {
            TranscriptError::Write(_) => {
                if self.refusing_since.is_none() {
                    tracing::error!(%run, %error, "output waits for the disk");
                    self.refusing_since = Some(self.clock.now());
                }
                true
            }
            // That output's own mistake.
            TranscriptError::Finished(_) => false,
            TranscriptError::Missing(_)
            | TranscriptError::Busy(_)
            | TranscriptError::Newer { .. }
            | TranscriptError::Damaged { .. }
            | TranscriptError::Read(_)
            | TranscriptError::Poisoned(_)
            | TranscriptError::Pattern(_)
            | TranscriptError::Export(_) => {
                tracing::error!(%run, %error, "the transcript takes nothing more until a restart");
                self.writers.remove(&run);
                self.shut.insert(run, error.to_string());
                false
            }
        }
    }

    fn waits(&self) -> bool {
        let waited = self.refusing_since.map_or(0, |since| self.clock.now().ms_since(since));
        let more = waited < self.patience.in_all_ms;
        if more {
            std::thread::park_timeout(Duration::from_millis(self.patience.again_ms));
        }
        more
    }
}
