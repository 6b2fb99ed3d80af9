//! Cleans one stream of the secrets of its run, while it flows.
//!
//! Each secret found, in whatever form, becomes `[secret:NAME]`; everything else passes byte for byte. A copy in pieces, over lines or
//! between colours becomes one mark, together with what stood between its bytes.
//!
//! Invariants: what comes out does not depend on how the stream was cut into pieces; no 12 consecutive bytes of a secret come
//! out (a shorter secret: not all of it); at most [`HELD_BYTES_MAX`] bytes wait; a stream without secrets to mask waits for nothing.
//! One redactor per stream: stdout and stderr are stored apart and never joined within a line.

use std::fmt;

use zeroize::Zeroize as _;

use super::Masks;
use super::forms::WINDOW_BYTES_MAX;
use super::needles::Hit;
use super::skeleton::{self, Folder, POPS_MAX, Skeleton};

/// Bytes from the first to the last of a needle: more between them, and it is no copy of a secret. Room for one byte per line
/// of an indented, coloured listing; bounds what waits.
const SPAN_BYTES_MAX: u64 = 4096;

/// Most bytes that can wait for what comes next: a needle's span, a character taken back, a control sequence.
pub const HELD_BYTES_MAX: usize = SPAN_BYTES_MAX as usize + 128;

/// Bytes handled at a time: the skeleton stays in the processor's first caches.
const PIECE_BYTES: usize = 16 * 1024;

/// Skeleton bytes that what comes next can still change or complete.
const TAIL_BYTES: usize = WINDOW_BYTES_MAX - 1 + POPS_MAX;

/// After silence, or at the end, fewer bytes than this of a secret's beginning are let out: three letters are no secret, and a
/// prompt may end in them.
const TELLING_HEAD_BYTES: usize = 4;

/// At the end of a stream as much from the middle of a secret is replaced.
const TELLING_PART_BYTES: usize = 8;

/// Replaces the secrets of a run in one stream.
pub struct Redactor {
    masks: Masks,
    folder: Folder,
    /// The end of the skeleton, with stream offsets; at most [`TAIL_BYTES`].
    tail: Vec<(u8, u64)>,
    /// What waits.
    held: Vec<u8>,
    /// Stream offset of the first byte of `held`.
    base: u64,
    /// Found and not yet written.
    marks: Vec<Mark>,
    /// The mark being written: its end is not settled.
    open: Option<Open>,
}

/// Needle `owner` stood in the stream from `start` up to `end`.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start: u64,
    end: u64,
    owner: u16,
    /// Bytes of the needle.
    weight: u32,
}

/// Marks that overlap become one; the owner of most needle bytes names it.
#[derive(Debug)]
struct Open {
    end: u64,
    votes: Vec<(u16, u32)>,
}

impl Redactor {
    /// A redactor for a stream of a run with these masks.
    #[must_use]
    pub fn new(masks: &Masks) -> Self {
        Self {
            masks: masks.clone(),
            folder: Folder::default(),
            tail: Vec::new(),
            held: Vec::new(),
            base: 0,
            marks: Vec::new(),
            open: None,
        }
    }

    /// From here on masks by `masks`, which must have come from this redactor's masks by [`Masks::with`].
    pub fn adopt(&mut self, masks: &Masks) {
        self.masks = masks.clone();
    }

    /// Takes the next bytes of the stream; appends to `out` what is settled.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.masks.is_empty() {
            out.extend_from_slice(chunk);
            return;
        }
        for piece in chunk.chunks(PIECE_BYTES) {
            self.push_piece(piece, out);
        }
    }

    /// The stream has been silent for a while: lets out what is no beginning of a secret, so that a prompt is seen.
    pub fn flush_idle(&mut self, out: &mut Vec<u8>) {
        let bytes: Vec<u8> = self.tail.iter().map(|(byte, _)| *byte).collect();
        let partial_line = !self.folder.line_ended;
        let kept = (0..bytes.len()).find(|&start| {
            let rest = bytes.get(start..).unwrap_or_default();
            let telling = rest.len() >= TELLING_HEAD_BYTES && self.masks.begins(rest).is_some();
            telling || (partial_line && self.masks.form_begins(rest).is_some())
        });
        let until = kept.and_then(|start| self.tail.get(start)).map(|(_, at)| *at);
        self.write_until(self.settled_before(until), out);
    }

    /// The stream has ended, or was cut: lets everything out, but the beginning of a secret only as its mark. The
    /// redactor is then as new.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        let end = self.end();
        let mut skeleton = self.restored();
        self.folder.finish(&mut skeleton);
        self.search(&mut skeleton);
        let bytes = &skeleton.bytes;
        let partial = (0..bytes.len()).find_map(|start| {
            let rest = bytes.get(start..).filter(|it| it.len() >= TELLING_HEAD_BYTES)?;
            let part = || self.masks.begins(rest).filter(|_| rest.len() >= TELLING_PART_BYTES);
            let owner = self.masks.form_begins(rest).or_else(part)?;
            Some(Mark { start: *skeleton.at.get(start)?, end: skeleton.at.last()? + 1, owner, weight: 0 })
        });
        self.marks.extend(partial.filter(|it| it.end > self.base));
        self.write_until(end, out);
        self.held.zeroize();
        *self = Self::new(&self.masks);
    }

    /// How many bytes wait.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn end(&self) -> u64 {
        self.base + self.held.len() as u64
    }

    fn push_piece(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let at = self.end();
        self.held.extend_from_slice(piece);
        if self.folder.is_plain(piece) {
            self.push_plain(piece, at);
        } else {
            self.push_any(piece, at);
        }
        self.write_until(self.settled_before(self.undecided_from()), out);
    }

    fn push_plain(&mut self, piece: &[u8], at: u64) {
        let before = self.tail.len();
        let mut bytes = Vec::with_capacity(before + piece.len());
        bytes.extend(self.tail.iter().map(|(byte, _)| *byte));
        self.folder.fold_plain(piece, &mut bytes);
        let mut hits = Vec::new();
        self.masks.find(&bytes, before, &mut |hit| hits.push(hit));
        if !hits.is_empty() {
            let offsets: Vec<u64> = self.tail.iter().map(|(_, at)| *at).chain(skeleton::offsets(piece, at)).collect();
            self.marks.extend(hits.iter().filter_map(|hit| mark(hit, &offsets)));
        }
        let latest = skeleton::last_traces(piece, at, TAIL_BYTES);
        let surplus = (self.tail.len() + latest.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
        self.tail.extend(latest);
    }

    fn push_any(&mut self, piece: &[u8], at: u64) {
        let mut skeleton = self.restored();
        let mut folder = std::mem::take(&mut self.folder);
        folder.fold(piece, at, &mut skeleton, &mut |so_far| self.search(so_far));
        self.folder = folder;
        self.search(&mut skeleton);
        let surplus = skeleton.bytes.len().saturating_sub(TAIL_BYTES);
        self.tail = skeleton.bytes.into_iter().zip(skeleton.at).skip(surplus).collect();
    }

    /// The tail as a skeleton in which nothing is fresh.
    fn restored(&self) -> Skeleton {
        let (bytes, at) = self.tail.iter().copied().unzip();
        Skeleton { bytes, at, fresh: self.tail.len() }
    }

    fn search(&mut self, skeleton: &mut Skeleton) {
        let marks = &mut self.marks;
        self.masks.find(&skeleton.bytes, skeleton.fresh, &mut |hit| marks.extend(mark(&hit, &skeleton.at)));
        skeleton.fresh = skeleton.bytes.len();
    }

    /// Offset of the first skeleton byte that may turn out to begin a secret, whatever comes next, backspaces included.
    fn undecided_from(&self) -> Option<u64> {
        let mut bytes = [0; TAIL_BYTES];
        for (to, (from, _)) in bytes.iter_mut().zip(&self.tail) {
            *to = *from;
        }
        let count = self.tail.len();
        let end = self.end();
        let start = (0..count).find(|&start| {
            // Up to `pops` bytes may be taken back: the rest must be a beginning.
            let certain = (count - start).saturating_sub(self.folder.pops).max(1);
            let head = bytes.get(start..start + certain).unwrap_or_default();
            let near = self.tail.get(start).is_some_and(|(_, at)| end - at < SPAN_BYTES_MAX);
            near && certain < WINDOW_BYTES_MAX && self.masks.begins(head).is_some()
        });
        start.and_then(|start| self.tail.get(start)).map(|(_, at)| *at)
    }

    /// What is settled when skeleton bytes from `undecided` on are not: an unfinished control sequence is not, either.
    fn settled_before(&self, undecided: Option<u64>) -> u64 {
        let waits = [undecided, self.folder.unfinished_at()];
        waits.into_iter().flatten().fold(self.end(), u64::min).max(self.base)
    }

    /// Writes what stands before the offset `until`, which is settled.
    fn write_until(&mut self, until: u64, out: &mut Vec<u8>) {
        let mut cursor = self.base;
        self.marks.sort_unstable_by_key(|it| (it.start, it.end, it.owner));
        let settled = self.marks.partition_point(|it| it.start < until);
        for mark in self.marks.drain(..settled).collect::<Vec<_>>() {
            match &mut self.open {
                Some(open) if mark.start < open.end => open.end = open.end.max(mark.end),
                Some(_) | None => {
                    self.close(&mut cursor, out);
                    self.copy(cursor, mark.start, out);
                    cursor = cursor.max(mark.start);
                    self.open = Some(Open { end: mark.end, votes: Vec::new() });
                }
            }
            let Some(open) = &mut self.open else { continue };
            match open.votes.iter_mut().find(|(owner, _)| *owner == mark.owner) {
                Some((_, votes)) => *votes = votes.saturating_add(mark.weight),
                None => open.votes.push((mark.owner, mark.weight)),
            }
        }
        if self.open.as_ref().is_some_and(|open| open.end <= until) {
            self.close(&mut cursor, out);
        }
        if self.open.is_none() {
            self.copy(cursor, until, out);
        }
        let written = usize::try_from(until - self.base).unwrap_or(usize::MAX).min(self.held.len());
        self.held.drain(..written);
        self.held.shrink_to(HELD_BYTES_MAX);
        self.base = until;
    }

    /// Writes the open mark, if there is one, and moves on behind it.
    fn close(&mut self, cursor: &mut u64, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        let named = open.votes.iter().max_by_key(|(owner, votes)| {
            (*votes, std::cmp::Reverse(self.masks.value_bytes(*owner)), std::cmp::Reverse(*owner))
        });
        out.extend_from_slice(named.map_or(b"[secret]", |(owner, _)| self.masks.mark(*owner)));
        *cursor = (*cursor).max(open.end);
    }

    fn copy(&self, from: u64, to: u64, out: &mut Vec<u8>) {
        let index = |at: u64| usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX);
        out.extend_from_slice(self.held.get(index(from)..index(to)).unwrap_or_default());
    }
}

// By hand: what waits may be half a secret.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({:?}, {} bytes held)", self.masks, self.held.len())
    }
}

impl Drop for Redactor {
    fn drop(&mut self) {
        self.held.zeroize();
        self.tail.iter_mut().for_each(|(byte, _)| byte.zeroize());
    }
}

/// Where a hit stood in the stream; `None` when its bytes stand too far apart.
fn mark(hit: &Hit, offsets: &[u64]) -> Option<Mark> {
    let start = *offsets.get(hit.start)?;
    let end = *offsets.get(hit.start + hit.len - 1)? + 1;
    let weight = u32::try_from(hit.len).unwrap_or(u32::MAX);
    (end - start <= SPAN_BYTES_MAX).then_some(Mark { start, end, owner: hit.owner, weight })
}
