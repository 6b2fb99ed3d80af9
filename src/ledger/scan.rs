//! Reading a segment from its first byte: every checksum, every link, the map of where things lie.
//!
//! Used when opening (for the last segment, and for a sealed one without a side file). Changes nothing on disk.

use std::sync::Arc;

use super::chain::Chain;
use super::detail::{self, Frame, FrameStep};
use super::disk::{Disk, DiskError, File, Mode};
use super::error::LedgerError;
use super::hash::{Hash, leaf_hash};
use super::leaf::{self, LeafError};
use super::record::{BadRecord, Records, Step};
use super::segment::{Segment, details_path, segment_path};
use super::tail::{self, Tail};
use super::window::{LOOK_UP_BYTES, WALK_BYTES, Window};

/// A segment as found, before any repair.
#[derive(Debug)]
pub struct Scanned {
    /// Its map, without what `tail` gives up.
    pub segment: Segment,
    /// The chain at its end.
    pub chain: Chain,
    /// The leaf hashes of its events.
    pub hashes: Vec<Hash>,
    /// The length of the file.
    pub file_bytes: u64,
    /// The length of its details file.
    pub details_file_bytes: u64,
    /// What its end means.
    pub tail: Tail,
    /// Where its last batch begins, and where that batch's frame does, when it has one.
    pub last_batch: (u64, Option<u64>),
}

/// The frames of a details file.
#[derive(Debug, Default)]
pub struct Frames {
    /// The segment's first event.
    pub segment: u64,
    /// All of them; 48 bytes each.
    pub all: Vec<Frame>,
    /// Where something else stands, or the end.
    pub end: u64,
    /// The length of the file.
    pub file_bytes: u64,
}

/// Reads the heads of all frames of the segment that begins with `first`. A missing file has none.
pub fn frames(disk: &Arc<dyn Disk>, first: u64) -> Result<Frames, DiskError> {
    let file = match File::open(disk, &details_path(first), Mode::Read) {
        Ok(file) => Arc::new(file),
        Err(error) if error.is_missing() => {
            return Ok(Frames { segment: first, ..Frames::default() });
        }
        Err(error) => return Err(error),
    };
    let file_bytes = file.size()?;
    let mut window = Window::new(&file, file_bytes, LOOK_UP_BYTES);
    let mut all: Vec<Frame> = Vec::new();
    let mut end = 0;
    while let FrameStep::Frame(frame) = detail::frame_at(&mut window, end)? {
        let follows = all.last().is_none_or(|last| last.after() <= frame.first && last.leaf_end() <= frame.leaf_offset);
        if !follows || frame.first < first {
            break;
        }
        end = frame.end();
        all.push(frame);
    }
    Ok(Frames { segment: first, all, end, file_bytes })
}

/// Reads the segment that begins with event `first` where the chain stands at `chain`. `last`: it is the ledger's
/// last, the only one that may have a torn tail.
pub fn scan(disk: &Arc<dyn Disk>, first: u64, chain: &Chain, last: bool) -> Result<Scanned, LedgerError> {
    let file = Arc::new(File::open(disk, &segment_path(first), Mode::Read).map_err(LedgerError::Open)?);
    let file_bytes = file.size().map_err(LedgerError::Open)?;
    let frames = frames(disk, first).map_err(LedgerError::Open)?;
    let damaged = |offset, why: String| LedgerError::Damaged { file: segment_path(first), offset, why };

    let announced = frames.all.last();
    let end = if last { tail::scan_end(file_bytes, announced) } else { file_bytes };
    let mut walk = walk(&file, first, end, chain)?;
    let tail = tail::judge(file_bytes, walk.bad, announced, |from| {
        file.read(from, usize::try_from(file_bytes - from).unwrap_or(usize::MAX))
    })
    .map_err(LedgerError::Open)?;
    let mut kept_frames = frames.all.as_slice();
    match tail {
        Tail::Damaged { at, why } => {
            let why = why.map_or_else(|| "acknowledged records are gone".to_owned(), |why| why.to_string());
            return Err(damaged(at, why));
        }
        Tail::Whole { drop_frame: false } => {}
        Tail::Whole { drop_frame: true } | Tail::Torn { .. } if !last => {
            return Err(damaged(walk.segment.bytes, "it ends before its last batch does".into()));
        }
        Tail::Whole { drop_frame: true } => kept_frames = without_last(kept_frames),
        Tail::Torn { at, drop_frame } => {
            if walk.segment.bytes > at {
                walk = self::walk(&file, first, at, chain)?;
            }
            if drop_frame {
                kept_frames = without_last(kept_frames);
            }
        }
    }
    for frame in kept_frames {
        walk.segment.push_frame(frame);
    }
    // Details that no frame covers: gone or damaged, unless nothing after the last good frame has any.
    let covered = kept_frames.last().map_or(first, Frame::after);
    if walk.last_detailed.is_some_and(|index| index >= covered) || (!last && frames.end < frames.file_bytes) {
        let why = "the details of acknowledged events are damaged or gone".into();
        return Err(LedgerError::Damaged { file: details_path(first), offset: frames.end, why });
    }
    if let Some(frame) = kept_frames.last()
        && (frame.after() > walk.segment.after() || frame.leaf_end() > walk.segment.bytes)
    {
        let why = "its frames do not fit the segment".into();
        return Err(LedgerError::Damaged { file: details_path(first), offset: frame.offset, why });
    }
    let last_batch = match kept_frames.last() {
        Some(frame) if frame.after() == walk.segment.after() => (frame.leaf_offset, Some(frame.offset)),
        Some(_) | None => (walk.last_offset, None),
    };
    Ok(Scanned {
        segment: walk.segment,
        chain: walk.chain,
        hashes: walk.hashes,
        file_bytes,
        details_file_bytes: frames.file_bytes,
        tail,
        last_batch,
    })
}

fn without_last(frames: &[Frame]) -> &[Frame] {
    frames.split_last().map_or(frames, |(_, rest)| rest)
}

struct Walk {
    segment: Segment,
    chain: Chain,
    hashes: Vec<Hash>,
    bad: Option<(u64, BadRecord)>,
    last_detailed: Option<u64>,
    last_offset: u64,
}

fn walk(file: &Arc<File>, first: u64, end: u64, chain: &Chain) -> Result<Walk, LedgerError> {
    let mut walk = Walk {
        segment: Segment::new(first),
        chain: chain.clone(),
        hashes: Vec::new(),
        bad: None,
        last_detailed: None,
        last_offset: 0,
    };
    let mut records = Records::new(Window::new(file, end, WALK_BYTES), 0, first);
    loop {
        match records.step().map_err(LedgerError::Open)? {
            Step::End => return Ok(walk),
            Step::Bad { offset, why } => {
                walk.bad = Some((offset, why));
                return Ok(walk);
            }
            Step::Leaf { offset, leaf } => {
                let damaged = |why| LedgerError::Damaged { file: segment_path(first), offset, why };
                let outline = leaf::outline(leaf).map_err(|error| match error {
                    LeafError::Newer(found) => LedgerError::NewerFormat { found },
                    LeafError::Shape(why) => damaged(why),
                })?;
                if !outline.commitments.is_empty() {
                    walk.last_detailed = Some(outline.index);
                }
                let hash = leaf_hash(leaf);
                walk.chain.extend(&outline, hash).map_err(|broken| damaged(broken.to_string()))?;
                walk.hashes.push(hash);
                walk.last_offset = offset;
                walk.segment.push_leaf(offset, offset + super::record::size(leaf.len()));
            }
        }
    }
}
