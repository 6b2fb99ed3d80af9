//! Torn or damaged: what the end of the last segment means.
//!
//! A batch is one write, synced before it is acknowledged. A power cut may leave any part of the last batch, with
//! zeros in the holes; that batch was never acknowledged and goes aside as a whole. Anything else that is wrong was
//! once acknowledged: damage, and nobody guesses. Two facts tell them apart: the last frame of the details says
//! where its batch lies (it was synced before), and a batch without a frame is a single record. Pure.

use super::detail::Frame;
use super::record::{self, BadRecord, HEADER_BYTES, LEAF_BYTES_MAX};

/// The block a disk writes whole or not at all: holes of zeros begin and end at its multiples.
const SECTOR_BYTES: u64 = 512;

/// The length a record begins with.
const LENGTH_BYTES: usize = 4;

/// What to do with the end of the last segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Every record is whole. `drop_frame`: the last frame announced a batch of which nothing was written.
    Whole {
        /// The last frame belongs to no event.
        drop_frame: bool,
    },
    /// The last batch was not written whole: everything from `at` on was never acknowledged.
    Torn {
        /// Where the batch begins.
        at: u64,
        /// The last frame belongs to it.
        drop_frame: bool,
    },
    /// Acknowledged bytes are wrong or gone.
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong; `None`: the file ends before records that were acknowledged.
        why: Option<BadRecord>,
    },
}

/// Up to where the records can have been acknowledged, judged by the lengths alone.
pub fn scan_end(end: u64, last: Option<&Frame>) -> u64 {
    match last {
        Some(frame) if frame.leaf_offset <= end && end < frame.leaf_end() => frame.leaf_offset,
        Some(_) | None => end,
    }
}

/// Judges the tail of a segment of `end` bytes whose records up to [`scan_end`] were walked, `bad` being the first
/// that could not be read. `rest` reads the bytes from an offset to the end.
pub fn judge<E>(
    end: u64,
    bad: Option<(u64, BadRecord)>,
    last: Option<&Frame>,
    rest: impl FnOnce(u64) -> Result<Vec<u8>, E>,
) -> Result<Tail, E> {
    let damaged = |(at, why)| Tail::Damaged { at, why: Some(why) };
    match (last, bad) {
        (Some(frame), _) if frame.leaf_offset > end => Ok(Tail::Damaged { at: end, why: None }),
        (Some(frame), Some(bad)) if bad.0 < frame.leaf_offset => Ok(damaged(bad)),
        (Some(frame), _) if frame.leaf_offset == end => Ok(Tail::Whole { drop_frame: true }),
        (Some(frame), _) if end < frame.leaf_end() => Ok(Tail::Torn { at: frame.leaf_offset, drop_frame: true }),
        (_, None) => Ok(Tail::Whole { drop_frame: false }),
        (Some(frame), Some(bad)) if end == frame.leaf_end() => {
            let holes = has_holes(bad, &rest(bad.0)?);
            Ok(if holes { Tail::Torn { at: frame.leaf_offset, drop_frame: true } } else { damaged(bad) })
        }
        // Since that frame, or without any, batches were single records.
        (Some(_) | None, Some(bad)) => {
            if end - bad.0 > (HEADER_BYTES + LEAF_BYTES_MAX) as u64 {
                return Ok(damaged(bad));
            }
            let bytes = rest(bad.0)?;
            // A write begins only after the one before it was acknowledged: what is behind a whole length is another's.
            let torn = match bad.1 {
                BadRecord::Short => !record::begin_whole_but_for_length(&bytes),
                BadRecord::Checksum if record::announced(&bytes) == Some(bytes.len()) => has_holes(bad, &bytes),
                BadRecord::Length(_) | BadRecord::Checksum => lacks_length(bad.0, &bytes),
                BadRecord::Index { .. } => false,
            };
            let alone =
                (1..bytes.len()).all(|at| record::whole_at_start(bytes.get(at..).unwrap_or_default()).is_none());
            Ok(if torn && alone { Tail::Torn { at: bad.0, drop_frame: false } } else { damaged(bad) })
        }
    }
}

/// Whether part of what should stand here never arrived: these bytes of the file end in a zero (a leaf ends in `}`),
/// or one of the disk's blocks, as far as it lies within them, holds nothing else (no part of a record does that is
/// longer than a few bytes).
fn has_holes((offset, why): (u64, BadRecord), bytes: &[u8]) -> bool {
    let (head, tail) = first_block(offset, bytes);
    // The first bytes of a length can be zeros by right.
    let lost = blank(head) && (head.len() >= LENGTH_BYTES || matches!(why, BadRecord::Length(_)));
    bytes.last() == Some(&0) || lost || tail.chunks(512).any(blank)
}

/// Whether part of the length that should stand first never arrived.
fn lacks_length(offset: u64, bytes: &[u8]) -> bool {
    let (head, tail) = first_block(offset, bytes);
    blank(head) || (head.len() < LENGTH_BYTES && tail.chunks(512).next().is_some_and(blank))
}

/// What lies in the disk's block that `offset` is in, and what follows.
fn first_block(offset: u64, bytes: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::try_from(SECTOR_BYTES - offset % SECTOR_BYTES).unwrap_or(usize::MAX);
    bytes.split_at(first.min(bytes.len()))
}

fn blank(block: &[u8]) -> bool {
    !block.is_empty() && block.iter().all(|byte| *byte == 0)
}
