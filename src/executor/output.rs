//! The way of a host's output out of the executor: cap, redact, hand on. What a verdict or a reader needs is kept
//! aside, redacted too.
//!
//! Invariants: nothing leaves unredacted; without secrets to mask no byte is copied; at most [`OUTPUT_STEP_BYTES_MAX`] are handed on.
//! Deliberately absent: time stamps, line splitting and hashes, which are the transcript's.

use crate::domain::order::{OrderKey, Stream};
use crate::secrets::{Masks, Redactor};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

/// Most output kept of one try of one step on one host. A run that really needs more writes a file on the host; a
/// step that prints without end must not fill the disk that holds the evidence.
pub const OUTPUT_STEP_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What a check is judged by, per stream: a verdict needs words, not a dump.
pub(super) const JUDGED_BYTES_MAX: usize = 64 * 1024;

/// The end of each stream, kept for the words in the record.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// While a step is being ended its output is taken whether or not anybody reads it, so that the connection stays usable
/// for the ending; this much waits, the rest is counted and dropped.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a waiting piece takes beside its bytes: a host that prints byte by byte must not fill the memory.
const WAITING_PIECE_BYTES: usize = size_of::<Chunk>() + 64;

/// Said in the place of what is withheld.
pub(super) const WITHHELD: &str = "what it printed is withheld, as the step says";

/// One piece of a host's output, redacted and capped, in the order it was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Which try of which cell.
    pub key: OrderKey,
    /// Which stream.
    pub stream: Stream,
    /// The bytes; never empty.
    pub bytes: Bytes,
}

impl Chunk {
    /// What it takes while it waits.
    fn held(&self) -> usize {
        self.bytes.len() + WAITING_PIECE_BYTES
    }
}

/// The output of one order.
pub(super) struct Outlet {
    key: OrderKey,
    to: mpsc::Sender<Chunk>,
    masks: watch::Receiver<Masks>,
    out: Lane,
    err: Lane,
    /// How much may still be handed on.
    room: u64,
    waiting: VecDeque<Chunk>,
    waiting_bytes: usize,
    dropped: u64,
    /// Bytes thrown away, per stream, where nothing that is printed leaves.
    withheld: Option<[u64; 2]>,
}

impl Outlet {
    /// An outlet that masks by what `masks` holds now and later; or, to `withhold`, lets out our own words alone.
    pub fn new(key: OrderKey, to: mpsc::Sender<Chunk>, mut masks: watch::Receiver<Masks>, withhold: bool) -> Self {
        let now = masks.borrow_and_update().clone();
        let lane = |stream| Lane { stream, redactor: Redactor::new(&now), idle: now.is_empty(), kept: Kept::default() };
        let (out, err) = (lane(Stream::Out), lane(Stream::Err));
        Self {
            key,
            to,
            masks,
            out,
            err,
            room: OUTPUT_STEP_BYTES_MAX,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            withheld: withhold.then_some([0, 0]),
        }
    }

    /// Takes the next bytes of standard output or standard error.
    pub fn push(&mut self, stream: Stream, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.adopt();
        if let (Some([out, err]), Stream::Out | Stream::Err) = (&mut self.withheld, stream) {
            *(if stream == Stream::Out { out } else { err }) += bytes.len() as u64;
            return;
        }
        let lane = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
            Stream::Note => return self.wait(stream, bytes),
        };
        let clean = lane.clean(bytes);
        self.keep(stream, clean);
    }

    /// Says something in our own words, on a line of its own.
    pub fn note(&mut self, words: &str) {
        self.adopt();
        let clean = format!("{}\n", self.masks.borrow().clean_text(words));
        self.wait(Stream::Note, Bytes::from(clean.into_bytes()));
    }

    /// Whether nothing that is printed leaves.
    pub fn withholds(&self) -> bool {
        self.withheld.is_some()
    }

    /// Whether something waits until the receiver has room.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether bytes are held back that could be the beginning of a secret.
    pub fn is_holding(&self) -> bool {
        self.out.redactor.held_bytes() + self.err.redactor.held_bytes() > 0
    }

    /// Hands on one chunk, as soon as the receiver has room. Safe to cancel.
    pub async fn hand_on(&mut self) {
        match self.to.reserve().await {
            Ok(permit) => {
                if let Some(chunk) = self.waiting.pop_front() {
                    self.waiting_bytes -= chunk.held();
                    permit.send(chunk);
                }
            }
            Err(_) => {
                self.waiting.clear();
                self.waiting_bytes = 0;
            }
        }
    }

    /// The streams have been silent for a while: lets out what is no beginning of a secret.
    pub fn flush_idle(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            let lane = if stream == Stream::Out { &mut self.out } else { &mut self.err };
            let mut clean = Vec::new();
            lane.redactor.flush_idle(&mut clean);
            self.keep(stream, Bytes::from(clean));
        }
    }

    /// The streams have ended: lets out everything and waits until it has been taken.
    pub async fn finish(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            let lane = if stream == Stream::Out { &mut self.out } else { &mut self.err };
            let mut clean = Vec::new();
            lane.redactor.flush(&mut clean);
            self.keep(stream, Bytes::from(clean));
        }
        if let Some([out, err]) = self.withheld.take() {
            self.note(&format!("{WITHHELD}: {out} bytes of standard output, {err} of standard error"));
        }
        if self.dropped > 0 {
            let words = format!("{} bytes printed while the step was being ended were not kept", self.dropped);
            self.dropped = 0;
            self.note(&words);
        }
        while self.is_waiting() {
            self.hand_on().await;
        }
    }

    /// What was said until now was the login's, not the script's: no verdict and no last words come of it.
    pub fn forget_what_was_said(&mut self) {
        self.out.kept = Kept::default();
        self.err.kept = Kept::default();
    }

    /// What a check is judged by.
    pub fn judged(&self) -> Judged {
        let text = |lane: &Lane| String::from_utf8_lossy(&lane.kept.head).into_owned();
        let cut = [&self.out, &self.err].iter().any(|lane| lane.kept.extent == Extent::Cut);
        let extent = if cut { Extent::Cut } else { Extent::Whole };
        Judged { stdout: text(&self.out), stderr: text(&self.err), extent }
    }

    /// The end of what was printed, standard error before standard output, in at most `max` bytes.
    pub fn last_words(&self, max: usize) -> String {
        let words = [&self.err, &self.out].map(|lane| String::from_utf8_lossy(&lane.kept.tail).trim().to_owned());
        let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        clip_front(&words, max).to_owned()
    }

    /// Whether a secret was masked in a text.
    pub fn is_marked(&self, text: &str) -> bool {
        self.masks.borrow().is_marked(text)
    }

    /// Replaces the secrets of the run in a text of ours.
    pub fn clean(&self, words: &str) -> String {
        self.masks.borrow().clean_text(words)
    }

    /// A secret fetched since then, for whatever host of the run, is masked here too.
    fn adopt(&mut self) {
        if self.masks.has_changed().unwrap_or(false) {
            let masks = self.masks.borrow_and_update().clone();
            for lane in [&mut self.out, &mut self.err] {
                lane.redactor.adopt(&masks);
                lane.idle = masks.is_empty();
            }
        }
    }

    fn keep(&mut self, stream: Stream, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let was_full = self.room == 0;
        let taken = bytes.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
        let whole = taken == bytes.len();
        let bytes = bytes.slice(..taken);
        self.room -= taken as u64;
        if !bytes.is_empty() {
            let lane = if stream == Stream::Err { &mut self.err } else { &mut self.out };
            lane.kept.add(&bytes);
            self.wait(stream, bytes);
        }
        if !whole && !was_full {
            self.note(&format!("more than {OUTPUT_STEP_BYTES_MAX} bytes: what follows is not kept"));
        }
    }

    fn wait(&mut self, stream: Stream, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        while let Some(first) = self.waiting.pop_front() {
            self.waiting_bytes -= first.held();
            if let Err(TrySendError::Full(first)) = self.to.try_send(first) {
                self.waiting_bytes += first.held();
                self.waiting.push_front(first);
                break;
            }
        }
        let chunk = Chunk { key: self.key, stream, bytes };
        let chunk = if self.waiting.is_empty() {
            match self.to.try_send(chunk) {
                // Closed: nobody listens any more, and the host must still be able to finish.
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(chunk)) => chunk,
            }
        } else {
            chunk
        };
        if stream != Stream::Note && self.waiting_bytes + chunk.held() > WAITING_BYTES_MAX {
            self.dropped += chunk.bytes.len() as u64;
            return;
        }
        self.waiting_bytes += chunk.held();
        self.waiting.push_back(chunk);
    }
}

struct Lane {
    stream: Stream,
    redactor: Redactor,
    /// No secret to mask.
    idle: bool,
    kept: Kept,
}

impl Lane {
    fn clean(&mut self, bytes: Bytes) -> Bytes {
        debug_assert_ne!(self.stream, Stream::Note);
        if self.idle {
            return bytes;
        }
        let mut clean = Vec::with_capacity(bytes.len() + 64);
        self.redactor.push(&bytes, &mut clean);
        Bytes::from(clean)
    }
}

/// What a check is judged by: the first [`JUDGED_BYTES_MAX`] of either stream.
pub(super) struct Judged {
    pub stdout: String,
    pub stderr: String,
    pub extent: Extent,
}

/// Whether something is all there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Extent {
    /// It is.
    #[default]
    Whole,
    /// More was printed.
    Cut,
}

/// The beginning and the end of a stream.
#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    extent: Extent,
    tail: Vec<u8>,
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        let room = JUDGED_BYTES_MAX - self.head.len();
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room {
            self.extent = Extent::Cut;
        }
        let fresh = bytes.get(bytes.len().saturating_sub(TAIL_BYTES_MAX)..).unwrap_or(bytes);
        let surplus = (self.tail.len() + fresh.len()).saturating_sub(TAIL_BYTES_MAX);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend_from_slice(fresh);
    }
}

/// The end of `text` in at most `max` bytes, from a line's beginning where one fits.
fn clip_front(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let from = (text.len() - max..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let end = text.get(from..).unwrap_or_default();
    match end.split_once('\n') {
        Some((_, lines)) if !lines.is_empty() => lines,
        Some(_) | None => end,
    }
}

/// The beginning of `text` in at most `max` bytes, with `…` where something was cut.
pub(super) fn clip_back(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub('…'.len_utf8());
    let to = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", text.get(..to).unwrap_or_default())
}

#[cfg(test)]
mod tests;
