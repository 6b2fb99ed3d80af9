//! The last lines of a run that is being written, in memory, for everybody who watches.
//!
//! Lines carry the numbers they have in the whole transcript, so a viewer that fell behind learns how many it missed and
//! reads them from the file. Invariants: what is kept is bounded; a slow viewer costs nobody anything; frames are kept as they are and cut
//! into lines only when somebody looks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::filter::Filter;
use super::frame::End;
use super::index::Entry;
use super::lane::Lane;
use super::lines::{self, Ends};
use crate::domain::id::Timestamp;

/// Bytes of output kept per run: some screens of a wide terminal for each of a few hundred hosts.
pub const LIVE_RING_BYTES_MAX: usize = 512 * 1024;

/// Bytes of an unfinished line shown live; the file has all of it.
const LIVE_LINE_BYTES_MAX: usize = 4 * 1024;

/// What one frame counts for besides its bytes, so that empty lines are bounded too.
const FRAME_COST_BYTES: usize = 160;

/// A line as it was printed a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLine {
    /// Its number in the whole transcript, from 0; for a line not yet ended the number is not known.
    pub number: Option<u64>,
    /// When its first byte came.
    pub at: Timestamp,
    /// Where it came from.
    pub lane: Lane,
    /// Its bytes, without the line end. A very long line that came in parts may lack its middle.
    pub bytes: Vec<u8>,
}

/// What came since a viewer last looked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveTail {
    /// The wanted lines, in order.
    pub lines: Vec<LiveLine>,
    /// Lines begun and not ended, of the wanted lanes: a prompt, a progress line.
    pub open: Vec<LiveLine>,
    /// Ask again from this line.
    pub next: u64,
    /// Lines of the whole transcript that came and went between: read them from the file.
    pub missed: u64,
}

/// The last lines of a run. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Live {
    ring: Arc<Mutex<Ring>>,
}

#[derive(Debug, Default)]
struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Lines ended so far.
    next: u64,
    open: BTreeMap<Lane, Part>,
}

#[derive(Debug)]
struct Frame {
    entry: Entry,
    end: End,
    payload: Vec<u8>,
    /// The earlier part of its first line.
    earlier: Option<Part>,
}

/// A line that has begun: at most [`LIVE_LINE_BYTES_MAX`] of it.
#[derive(Debug, Clone)]
struct Part {
    at: Timestamp,
    bytes: Vec<u8>,
}

impl Live {
    /// The wanted lines from number `from` on, at most `count`, and the lines that are open.
    #[must_use]
    pub fn since(&self, from: u64, filter: &Filter, count: usize) -> LiveTail {
        let ring = self.ring();
        let oldest = ring.frames.front().map_or(ring.next, |it| it.entry.before);
        let mut tail = LiveTail {
            next: from.max(oldest).min(ring.next),
            missed: oldest.saturating_sub(from),
            ..LiveTail::default()
        };
        'frames: for frame in &ring.frames {
            let after = frame.entry.before + u64::from(frame.entry.ended);
            if after <= tail.next {
                continue;
            }
            if filter.wants(&frame.entry.lane) {
                for line in frame.lines().filter(|it| it.number >= Some(from)) {
                    if tail.lines.len() >= count {
                        break 'frames;
                    }
                    tail.next = line.number.map_or(tail.next, |it| it + 1);
                    tail.lines.push(line);
                }
            }
            tail.next = after;
        }
        let open = ring.open.iter().filter(|(lane, _)| filter.wants(lane));
        tail.open = open
            .map(|(lane, part)| LiveLine { number: None, at: part.at, lane: *lane, bytes: part.bytes.clone() })
            .collect();
        tail
    }

    /// The last `count` wanted lines that are still here, and the lines that are open.
    #[must_use]
    pub fn last(&self, filter: &Filter, count: usize) -> LiveTail {
        let mut tail = self.since(0, filter, usize::MAX);
        let surplus = tail.lines.len().saturating_sub(count);
        tail.lines.drain(..surplus);
        tail
    }

    /// How many lines have ended so far.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ring().next
    }

    /// Starts at this many lines: a transcript that is continued.
    pub(super) fn start_at(&self, lines: u64) {
        self.ring().next = lines;
    }

    /// Adds a frame that was written.
    pub(super) fn push(&self, entry: Entry, mut payload: Vec<u8>, end: End) {
        if payload.len() < payload.capacity() / 2 {
            payload.shrink_to_fit();
        }
        let mut ring = self.ring();
        let lane = entry.lane;
        let earlier = ring.open.remove(&lane).filter(|_| entry.open > 0);
        let frame = Frame { entry, end, payload, earlier };
        if let Some(part) = frame.left_open() {
            ring.open.insert(lane, part);
        }
        ring.next = entry.before + u64::from(entry.ended);
        if entry.ended > 0 {
            ring.bytes += frame.cost();
            ring.frames.push_back(frame);
        }
        while ring.bytes > LIVE_RING_BYTES_MAX && ring.frames.len() > 1 {
            let cost = ring.frames.pop_front().map_or(0, |it| it.cost());
            ring.bytes -= cost;
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // What a panicking holder leaves is at worst a frame short.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame {
    fn cost(&self) -> usize {
        self.payload.capacity() + self.earlier.as_ref().map_or(0, |it| it.bytes.capacity()) + FRAME_COST_BYTES
    }

    /// The lines that end in it.
    fn lines(&self) -> impl Iterator<Item = LiveLine> {
        let mut earlier = self.earlier.as_ref();
        let pieces = lines::pieces(self.entry.open, &self.payload, self.end);
        pieces.filter(|it| it.ends != Ends::Later).zip(self.entry.before..).map(move |(piece, number)| {
            let part = earlier.take();
            let mut bytes = part.map(|it| it.bytes.clone()).unwrap_or_default();
            bytes.extend_from_slice(piece.bytes);
            bytes.truncate(lines::without_return(&bytes, piece.ends).len());
            let at = part.map_or(self.entry.at, |it| it.at);
            LiveLine { number: Some(number), at, lane: self.entry.lane, bytes }
        })
    }

    /// The line it leaves open.
    fn left_open(&self) -> Option<Part> {
        let last = lines::last(self.entry.open, &self.payload, self.end)?;
        if last.ends != Ends::Later {
            return None;
        }
        let continued = self.entry.ended == 0;
        let mut part = match (&self.earlier, continued) {
            (Some(part), true) => part.clone(),
            (Some(_) | None, _) => Part { at: self.entry.at, bytes: Vec::new() },
        };
        let room = LIVE_LINE_BYTES_MAX.saturating_sub(part.bytes.len());
        part.bytes.extend(last.bytes.iter().take(room));
        Some(part)
    }
}
