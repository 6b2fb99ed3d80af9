//! Appends what hosts print to the transcript of one run.
//!
//! One thread drives a [`Writer`]: it takes output from a bounded channel, calls [`Writer::push`], calls [`Writer::tick`] when that says so,
//! [`Writer::finish`] and [`Writer::sync`] before an outcome goes on the record. A full channel is the back-pressure; the writer itself holds at most
//! a frame per lane.
//!
//! Invariants: what `push` took is stored or still waits, whatever fails; order within a try is kept, across its streams; nothing of a try is stored
//! after its digest was given out. Deliberately absent: a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::frame::{self, Encoder, End, FRAME_BYTES_MAX, HEAD_BYTES, Packing};
use super::index::{self, Entry, Numbering};
use super::lane::Lane;
use super::live::Live;
use super::scan::{self, Rest, Whole};
use super::{DIRECTORY, Registration, TranscriptError, data_path};
use crate::domain::id::{Digest, RunId, Timestamp};
use crate::domain::order::{OrderKey, OutputSummary, Stream};
use crate::domain::run::Slot;
use crate::ledger::disk::{Disk, File, Mode};

/// Bytes wait this long for more of the same lane: a viewer sees them soon enough, and a frame holds more than a word.
pub const COALESCE_MS: u64 = 50;

/// Where this much comes at once, more follows.
const MUCH_BYTES: usize = 16 * 1024;

/// Bytes behind the last whole frame. A writer moves them aside; a reader does not see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong, where it is more than a crash leaves of a frame that was being written.
    pub damage: Option<&'static str>,
}

impl Torn {
    /// What a reader of the lines before must know.
    pub(super) fn words(self) -> String {
        let Self { offset, bytes, damage } = self;
        match damage {
            Some(why) => format!("{bytes} bytes from byte {offset} of the transcript on are not shown: {why}"),
            None => format!("the last {bytes} bytes of the transcript were not written whole and are not shown"),
        }
    }

    pub(super) fn of(whole: &Whole) -> Option<Self> {
        let damage = match whole.rest {
            Rest::Nothing => return None,
            Rest::Torn => None,
            Rest::Damaged(why) => Some(why),
        };
        Some(Self { offset: whole.end, bytes: whole.left, damage })
    }
}

/// Writes the transcript of one run. Dropping it stores what waits, as well as that goes.
#[derive(Debug)]
pub struct Writer {
    run: RunId,
    data: File,
    index: File,
    /// Acknowledged lengths of both files.
    data_len: u64,
    index_len: u64,
    encoder: Encoder,
    numbering: Numbering,
    waiting: BTreeMap<Lane, Waiting>,
    turns: u64,
    tries: BTreeMap<(Slot, u16), Printed>,
    finished: BTreeSet<(Slot, u16)>,
    live: Live,
    health: Health,
    registration: Option<Registration>,
}

/// Bytes of a lane that wait for more.
#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    /// Grows with every lane that begins to wait: frames are written in the order their first bytes came.
    turn: u64,
    bytes: Vec<u8>,
}

/// What a try printed so far.
#[derive(Debug, Default)]
pub(super) struct Printed {
    hash: Sha256,
    bytes: u64,
    lines: u64,
}

#[derive(Debug)]
enum Health {
    Well,
    /// A sync failed: what is on the disk is not known.
    Poisoned(String),
}

impl Writer {
    pub(super) fn open(disk: &Arc<dyn Disk>, run: RunId) -> Result<(Self, Option<Torn>), TranscriptError> {
        let data = match index::open_data(disk, run, Mode::Append) {
            Ok(Some(data)) if data.size().map_err(TranscriptError::Read)? > 0 => data,
            Ok(_) | Err(TranscriptError::Missing(_)) => begin(disk, run)?,
            Err(error) => return Err(error),
        };
        // Everything is read, however long: what the power left of unsynced pages shows nowhere else.
        let whole = scan::rebuild(disk, run, &data)?;
        if let Rest::Damaged(why) = whole.rest {
            // Frames that are good may follow: what was stored once is not moved out of the way.
            return Err(TranscriptError::Damaged { file: data_path(run), offset: whole.end, why });
        }
        let torn = Torn::of(&whole);
        if torn.is_some() {
            super::move_aside(disk, run, whole.end)?;
        }
        let index = index::open_to_append(disk, run)?;
        let live = Live::default();
        live.start_at(whole.numbering.lines);
        let mut writer = Self {
            run,
            data,
            data_len: whole.end,
            index_len: index.size().map_err(TranscriptError::Read)?,
            index,
            encoder: Encoder::default(),
            numbering: whole.numbering,
            waiting: BTreeMap::new(),
            turns: 0,
            tries: BTreeMap::new(),
            finished: BTreeSet::new(),
            live,
            health: Health::Well,
            registration: None,
        };
        // Whoever wrote these lines is gone: they end as they are.
        for lane in writer.numbering.open_lanes().collect::<Vec<_>>() {
            writer.flush(lane, End::Closed)?;
        }
        Ok((writer, torn))
    }

    /// Says that the run is being written, for as long as this lives.
    pub(super) fn register(&mut self, registration: Registration) {
        self.registration = Some(registration);
    }

    /// The run whose transcript it is.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The last lines, for viewers.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// A try of this name begins: checks are made before the approval and once more before the start.
    pub fn begin(&mut self, key: OrderKey) {
        self.finished.remove(&(key.slot, key.attempt));
        self.tries.remove(&(key.slot, key.attempt));
    }

    /// Packs so from now on: while hosts wait, quickly.
    pub fn pack(&mut self, packing: Packing) {
        self.encoder.pack(packing);
    }

    /// Takes output of a try that came at `at`, redacted. It is stored when a frame is full, after [`COALESCE_MS`], or at the end.
    /// After an error nothing of `bytes` beyond what is told was taken: try again with the rest.
    ///
    /// # Errors
    /// With how many bytes were taken, when a write failed, the try is finished, or a sync failed before.
    pub fn push(&mut self, key: OrderKey, stream: Stream, at: Timestamp, bytes: &[u8]) -> Result<(), NotTaken> {
        let lane = Lane::of(key, stream);
        let mut taken = 0;
        let refused = |taken, why| NotTaken { taken, why };
        self.well().map_err(|why| refused(0, why))?;
        if stream != Stream::Note && self.finished.contains(&(key.slot, key.attempt)) {
            return Err(refused(0, TranscriptError::Finished(key)));
        }
        // What another stream of this try said first is stored first.
        for other in [Stream::Out, Stream::Err, Stream::Note] {
            if other != stream {
                self.flush(Lane::of(key, other), End::Open).map_err(|why| refused(0, why))?;
            }
        }
        while let Some(rest) = bytes.get(taken..).filter(|it| !it.is_empty()) {
            let turn = &mut self.turns;
            let waiting = self.waiting.entry(lane).or_insert_with(|| {
                *turn += 1;
                // Where much comes at once a frame is filled: growing step by step would copy it twice.
                let room = if rest.len() < MUCH_BYTES { 0 } else { FRAME_BYTES_MAX };
                Waiting { since: at, turn: *turn, bytes: Vec::with_capacity(room) }
            });
            let room = FRAME_BYTES_MAX - waiting.bytes.len();
            let part = rest.get(..room).unwrap_or(rest);
            if part.is_empty() {
                self.flush(lane, End::Open).map_err(|why| refused(taken, why))?;
                continue;
            }
            waiting.bytes.extend_from_slice(part);
            taken += part.len();
        }
        // A full frame goes at once; if that fails its bytes wait, and the next push says so.
        if self.waiting.get(&lane).is_some_and(|it| it.bytes.len() == FRAME_BYTES_MAX) {
            self.flush(lane, End::Open).map_err(|why| refused(taken, why))?;
        }
        Ok(())
    }

    /// Stores what has waited long enough at `now`. Returns when to call again; `None`: after the next push.
    ///
    /// # Errors
    /// When a write failed; what could not be stored still waits.
    pub fn tick(&mut self, now: Timestamp) -> Result<Option<Timestamp>, TranscriptError> {
        self.well()?;
        self.flush_waiting(|_, it| it.since.plus_ms(COALESCE_MS) <= now)?;
        Ok(self.waiting.values().map(|it| it.since.plus_ms(COALESCE_MS)).min())
    }

    /// Ends a try: stores what waits, ends its open lines, and says what it printed on standard output and standard error, as it stands
    /// in the file. Our own notes about it do not count and may still follow.
    ///
    /// # Errors
    /// When a write failed; call it again.
    pub fn finish(&mut self, key: OrderKey) -> Result<OutputSummary, TranscriptError> {
        self.well()?;
        self.flush_waiting(|lane, _| (lane.slot, lane.attempt) == (key.slot, key.attempt))?;
        for stream in [Stream::Out, Stream::Err, Stream::Note] {
            self.flush(Lane::of(key, stream), End::Closed)?;
        }
        self.finished.insert((key.slot, key.attempt));
        let printed = self.tries.remove(&(key.slot, key.attempt)).unwrap_or_default();
        Ok(printed.summary())
    }

    /// Ends a try of which something cannot be stored: what it printed as far as it stands in the file, and how many bytes of
    /// its output do not.
    pub fn abandon(&mut self, key: OrderKey) -> (OutputSummary, u64) {
        let of_try = |lane: &Lane| (lane.slot, lane.attempt) == (key.slot, key.attempt);
        let waiting = self.waiting.iter().filter(|(lane, _)| of_try(lane) && lane.stream != Stream::Note);
        let lost = waiting.map(|(_, it)| it.bytes.len() as u64).sum();
        self.waiting.retain(|lane, _| !of_try(lane));
        self.finished.insert((key.slot, key.attempt));
        (self.tries.remove(&(key.slot, key.attempt)).unwrap_or_default().summary(), lost)
    }

    /// How many bytes stand in the file.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.data_len
    }

    /// Makes everything that is stored durable: what [`Writer::finish`] said is, whatever waits of other tries.
    ///
    /// # Errors
    /// When the sync failed: then the writer is of no more use.
    pub fn sync(&mut self) -> Result<(), TranscriptError> {
        self.well()?;
        self.data.sync_data().map_err(|error| {
            self.health = Health::Poisoned(error.to_string());
            TranscriptError::Poisoned(error.to_string())
        })
    }

    fn well(&self) -> Result<(), TranscriptError> {
        match &self.health {
            Health::Well => Ok(()),
            Health::Poisoned(why) => Err(TranscriptError::Poisoned(why.clone())),
        }
    }

    /// Stores what waits of the lanes that `of` picks, first come first.
    fn flush_waiting(&mut self, of: impl Fn(&Lane, &Waiting) -> bool) -> Result<(), TranscriptError> {
        let picked = self.waiting.iter().filter(|(lane, it)| of(lane, it));
        let mut picked: Vec<(u64, Lane)> = picked.map(|(lane, it)| (it.turn, *lane)).collect();
        picked.sort_unstable_by_key(|(turn, _)| *turn);
        picked.into_iter().try_for_each(|(_, lane)| self.flush(lane, End::Open))
    }

    /// Stores what waits of a lane, and ends its open line if it is to be closed.
    fn flush(&mut self, lane: Lane, end: End) -> Result<(), TranscriptError> {
        match self.waiting.get_mut(&lane) {
            Some(waiting) => {
                let (at, bytes) = (waiting.since, mem::take(&mut waiting.bytes));
                match self.write(lane, at, bytes, end) {
                    Ok(()) => {
                        self.waiting.remove(&lane);
                        Ok(())
                    }
                    Err((bytes, why)) => {
                        if let Some(waiting) = self.waiting.get_mut(&lane) {
                            waiting.bytes = bytes;
                        }
                        Err(why)
                    }
                }
            }
            None if end == End::Closed && self.numbering.is_open(&lane) => {
                let at = self.numbering.latest;
                self.write(lane, at, Vec::new(), end).map_err(|(_, why)| why)
            }
            None => Ok(()),
        }
    }

    /// Writes one frame and its entry, or neither; gives the payload back when it was not written.
    fn write(
        &mut self,
        lane: Lane,
        at: Timestamp,
        payload: Vec<u8>,
        end: End,
    ) -> Result<(), (Vec<u8>, TranscriptError)> {
        let (entry, open) = self.numbering.entry(self.data_len, lane, at, &payload, end);
        let frame = self.encoder.encode(lane, at, self.numbering.frames, &payload, end);
        let bytes = frame.len() as u64;
        let written =
            self.data.append(frame).map_err(TranscriptError::Write).and_then(|()| index::append(&self.index, &entry));
        if let Err(why) = written {
            return Err((payload, self.take_back(why)));
        }
        self.data_len += bytes;
        self.index_len += index::ENTRY_BYTES as u64;
        self.numbering.take(&entry, open);
        if lane.stream != Stream::Note {
            self.tries.entry((lane.slot, lane.attempt)).or_default().add(&payload, &entry);
        }
        self.live.push(entry, payload, end);
        Ok(())
    }

    /// Cuts both files back to what is whole. If not even that goes, nobody knows what the next append would continue.
    fn take_back(&mut self, why: TranscriptError) -> TranscriptError {
        let cut = self.data.truncate(self.data_len).and_then(|()| self.index.truncate(self.index_len));
        if let Err(error) = cut {
            self.health = Health::Poisoned(error.to_string());
        }
        why
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.well().is_ok() {
            // Nobody is left to tell; whatever matters was synced before its outcome was recorded.
            let _ = self.flush_waiting(|_, _| true);
        }
    }
}

impl Printed {
    pub(super) fn add(&mut self, payload: &[u8], entry: &Entry) {
        self.hash.update(payload);
        self.bytes += payload.len() as u64;
        self.lines += u64::from(entry.ended);
    }

    pub(super) fn summary(self) -> OutputSummary {
        OutputSummary { sha256: Digest(self.hash.finalize().into()), bytes: self.bytes, lines: self.lines }
    }
}

/// Output that was not taken, or only in part.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotTaken {
    /// How many of the bytes were taken: they are stored or wait.
    pub taken: usize,
    /// Why not more.
    #[source]
    pub why: TranscriptError,
}

/// Makes the file with its head, durable: a run that printed has a transcript, whatever follows.
fn begin(disk: &Arc<dyn Disk>, run: RunId) -> Result<File, TranscriptError> {
    let data = File::open(disk, &data_path(run), Mode::Append).map_err(TranscriptError::Write)?;
    data.truncate(0)
        .and_then(|()| data.append(&frame::head(run)))
        .and_then(|()| data.sync_data())
        .and_then(|()| disk.sync_dir(DIRECTORY))
        .map_err(TranscriptError::Write)?;
    debug_assert!(data.size().is_ok_and(|len| len == HEAD_BYTES as u64));
    Ok(data)
}
