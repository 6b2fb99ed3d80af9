//! Reading what was acknowledged: a cheap handle for any thread, beside the one writer.
//!
//! Invariant: nothing unacknowledged is ever handed out; every leaf is checked against its checksum and index, every
//! detail against its commitment, each time it is read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::checkpoint::Signed;
use super::detail::{self, Detail, FrameStep, Payload, Slot, Slots};
use super::disk::{Disk, File, Mode};
use super::error::LedgerError;
use super::hash::{self, Hash, SALT_BYTES, leaf_hash};
use super::leaf::{self, Entry, LeafError};
use super::record::{Records, Step};
use super::segment::{Segment, details_path, segment_path};
use super::signer::Identity;
use super::tree::{BLOCK, Tree};
use super::window::{LOOK_UP_BYTES, WALK_BYTES, Window};

/// How many events an iterator reads at once: a good stretch of a file, little memory.
const CHUNK_EVENTS: u64 = 512;

/// The last acknowledged event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many events there are.
    pub size: u64,
    /// The last one's leaf hash.
    pub hash: Hash,
    /// The last one's time, in Unix milliseconds.
    pub at: i64,
}

/// An event with its details.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The event.
    pub entry: Entry,
    /// Its details, each as it is found.
    pub details: BTreeMap<String, Detail>,
}

/// Reads the ledger. Clones see the same ledger, growing.
#[derive(Debug, Clone)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    state: Arc<RwLock<Published>>,
    identity: Arc<Identity>,
}

/// What the writer has published.
#[derive(Debug)]
pub(super) struct Published {
    /// All segments, the last one growing.
    pub segments: Vec<Segment>,
    /// The last acknowledged event.
    pub head: Head,
    /// Details whose bytes are being overwritten at this moment.
    pub erasing: BTreeSet<(u64, String)>,
    /// The tree over all leaves.
    pub tree: Tree,
    /// The last checkpoint.
    pub checkpoint: Option<Arc<Signed>>,
}

/// Where a walk over leaves starts.
struct Start {
    first: u64,
    index: u64,
    offset: u64,
    end: u64,
    after: u64,
}

impl Reader {
    pub(super) fn new(disk: Arc<dyn Disk>, published: Published, identity: Identity) -> Self {
        Self { disk, state: Arc::new(RwLock::new(published)), identity: Arc::new(identity) }
    }

    /// Who the ledger is, and by which key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self) -> RwLockWriteGuard<'_, Published> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last acknowledged event.
    pub fn head(&self) -> Head {
        self.published().head
    }

    /// The last checkpoint; `None` where the ledger's key is not here, or nothing was signed yet.
    pub fn checkpoint(&self) -> Option<Arc<Signed>> {
        self.published().checkpoint.clone()
    }

    /// The tree as it is now.
    pub fn tree(&self) -> Tree {
        self.published().tree.clone()
    }

    /// The leaf hashes of a block of the tree, as far as there are events.
    pub fn block(&self, block: u64) -> Result<Vec<Hash>, LedgerError> {
        let (mut next, until) = (block * BLOCK, ((block + 1) * BLOCK).min(self.head().size));
        let mut hashes = Vec::with_capacity(BLOCK as usize);
        while next < until {
            self.walk_leaves(next, until, WALK_BYTES, |_, bytes| {
                hashes.push(leaf_hash(bytes));
                Ok(())
            })?;
            next = block * BLOCK + hashes.len() as u64;
        }
        Ok(hashes)
    }

    /// One event.
    pub fn read(&self, index: u64) -> Result<Entry, LedgerError> {
        let mut found = self.walk(index, index + 1, LOOK_UP_BYTES)?;
        found.pop_front().ok_or(LedgerError::NoEvent(index))
    }

    /// The stored bytes of one leaf: what its hash and every proof are over.
    pub fn leaf(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let mut leaf = None;
        self.walk_leaves(index, index + 1, LOOK_UP_BYTES, |_, bytes| {
            leaf = Some(bytes.to_vec());
            Ok(())
        })?;
        leaf.ok_or(LedgerError::NoEvent(index))
    }

    /// The events from `from` to the head as it is now.
    pub fn iter(&self, from: u64) -> Entries {
        Entries { reader: self.clone(), next: from, until: self.head().size, chunk: VecDeque::new() }
    }

    /// The events from `from` to the head as it is now, with their details. Where a detail cannot be read, so
    /// says the item; the iterator goes on.
    pub fn recorded(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + use<> {
        let reader = self.clone();
        let mut walk = SlotWalk::default();
        self.iter(from).map(move |entry| {
            let entry = entry?;
            let details = reader.details_from(&mut walk, &entry)?;
            Ok(Recorded { entry, details })
        })
    }

    /// All details of an event.
    pub fn details(&self, entry: &Entry) -> Result<BTreeMap<String, Detail>, LedgerError> {
        self.details_from(&mut SlotWalk::default(), entry)
    }

    /// One detail of an event.
    pub fn detail(&self, entry: &Entry, name: &str) -> Result<Detail, LedgerError> {
        if !entry.commitments.contains_key(name) {
            return Err(LedgerError::NoDetail { index: entry.index, name: name.to_owned() });
        }
        let mut walk = SlotWalk::default();
        self.slots(&mut walk, entry.index)?;
        self.open_detail(&walk, entry, name)
    }

    /// Where a detail lies: the segment's first event and the slot.
    pub(super) fn place(&self, entry: &Entry, name: &str) -> Result<(u64, Slot), LedgerError> {
        if !entry.commitments.contains_key(name) {
            return Err(LedgerError::NoDetail { index: entry.index, name: name.to_owned() });
        }
        let mut walk = SlotWalk::default();
        self.slots(&mut walk, entry.index)?;
        let slot = walk.find(entry.index, name).cloned().ok_or_else(|| walk.gone(entry.index, name))?;
        Ok((walk.segment, slot))
    }

    fn start(&self, index: u64) -> Option<Start> {
        let published = self.published();
        let after = published.segments.partition_point(|segment| segment.first <= index);
        let segment = published.segments.get(after.checked_sub(1)?)?;
        let (at, offset) = segment.leaf_near(index);
        (index < segment.after()).then_some(Start {
            first: segment.first,
            index: at,
            offset,
            end: segment.bytes,
            after: segment.after(),
        })
    }

    /// Events from `from`, up to `until` and at most to the end of the segment.
    fn walk(&self, from: u64, until: u64, read_bytes: usize) -> Result<VecDeque<Entry>, LedgerError> {
        let mut found = VecDeque::new();
        self.walk_leaves(from, until, read_bytes, |_, bytes| {
            found.push_back(leaf::read(bytes, leaf_hash(bytes))?);
            Ok(())
        })?;
        Ok(found)
    }

    fn walk_leaves(
        &self,
        from: u64,
        until: u64,
        read_bytes: usize,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), LeafError>,
    ) -> Result<(), LedgerError> {
        let start = self.start(from).ok_or(LedgerError::NoEvent(from))?;
        let path = segment_path(start.first);
        let damaged = |offset, why: String| LedgerError::Damaged { file: path.clone(), offset, why };
        let file = Arc::new(File::open(&self.disk, &path, Mode::Read).map_err(LedgerError::Read)?);
        let mut records = Records::new(Window::new(&file, start.end, read_bytes), start.offset, start.index);
        while records.index() < until.min(start.after) {
            let index = records.index();
            match records.step().map_err(LedgerError::Read)? {
                Step::Leaf { .. } if index < from => {}
                Step::Leaf { offset, leaf } => each(index, leaf).map_err(|error| match error {
                    LeafError::Newer(found) => LedgerError::NewerFormat { found },
                    LeafError::Shape(why) => damaged(offset, why),
                })?,
                Step::Bad { offset, why } => return Err(damaged(offset, why.to_string())),
                Step::End => {
                    return Err(damaged(start.end, "acknowledged records are gone".into()));
                }
            }
        }
        Ok(())
    }

    fn details_from(&self, walk: &mut SlotWalk, entry: &Entry) -> Result<BTreeMap<String, Detail>, LedgerError> {
        if entry.commitments.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.slots(walk, entry.index)?;
        let names = entry.commitments.keys();
        names.map(|name| Ok((name.clone(), self.open_detail(walk, entry, name)?))).collect()
    }

    /// Brings the walk to the frame that may hold the details of event `index`.
    fn slots(&self, walk: &mut SlotWalk, index: u64) -> Result<(), LedgerError> {
        if walk.file.is_some() && (walk.from..walk.after).contains(&index) {
            return Ok(());
        }
        let (first, near, end) = {
            let published = self.published();
            let after = published.segments.partition_point(|segment| segment.first <= index);
            let segment = after.checked_sub(1).and_then(|place| published.segments.get(place));
            let segment = segment.ok_or(LedgerError::NoEvent(index))?;
            (segment.first, segment.frame_near(index), segment.details_bytes)
        };
        let goes_on = walk.segment == first && walk.passed <= index;
        let (file, mut window) = match (walk.file.take(), walk.window.take()) {
            (Some(file), Some(window)) if goes_on && window.end() == end => (file, window),
            (Some(_) | None, Some(_) | None) => {
                let file = File::open(&self.disk, &details_path(first), Mode::Read);
                let file = Arc::new(file.map_err(LedgerError::Read)?);
                let window = Window::new(&file, end, LOOK_UP_BYTES);
                walk.looked_at = near.unwrap_or(end);
                (file, window)
            }
        };
        walk.segment = first;
        walk.slots.clear();
        (walk.from, walk.after) = (index, index);
        let mut at = walk.looked_at;
        while let FrameStep::Frame(frame) = detail::frame_at(&mut window, at).map_err(LedgerError::Read)? {
            if frame.first > index {
                break;
            }
            (at, walk.passed) = (frame.end(), frame.after());
            if index < frame.after() {
                let mut slots = Slots::of(frame);
                while let Some(slot) = slots.step(&mut window).map_err(LedgerError::Read)? {
                    walk.slots.insert((slot.index, slot.name.clone()), slot);
                }
                (walk.from, walk.after) = (frame.first, frame.after());
                break;
            }
        }
        walk.looked_at = at;
        (walk.file, walk.window) = (Some(file), Some(window));
        Ok(())
    }

    /// The salt and the bytes of a detail; `None` where it was erased.
    pub fn salted(&self, entry: &Entry, name: &str) -> Result<Option<Payload<Vec<u8>>>, LedgerError> {
        if !entry.commitments.contains_key(name) {
            return Err(LedgerError::NoDetail { index: entry.index, name: name.to_owned() });
        }
        let mut walk = SlotWalk::default();
        self.slots(&mut walk, entry.index)?;
        self.open_salted(&walk, entry, name)
    }

    fn open_detail(&self, walk: &SlotWalk, entry: &Entry, name: &str) -> Result<Detail, LedgerError> {
        let found = self.open_salted(walk, entry, name)?;
        Ok(found.map_or(Detail::Erased, |(_, value)| Detail::Text(value)))
    }

    fn open_salted(&self, walk: &SlotWalk, entry: &Entry, name: &str) -> Result<Option<Payload<Vec<u8>>>, LedgerError> {
        let gone = || walk.gone(entry.index, name);
        let (Some(file), Some(slot)) = (&walk.file, walk.find(entry.index, name)) else {
            return Err(gone());
        };
        let committed = entry.commitments.get(name).copied().ok_or_else(gone)?;
        // Twice: the first look may fall into the middle of an erasure.
        for _ in 0..2 {
            let erasing = self.published().erasing.contains(&(entry.index, name.to_owned()));
            let (salt, value) = detail::payload(file, slot).map_err(LedgerError::Read)?.ok_or_else(gone)?;
            if erasing || (salt == [0; SALT_BYTES] && value.iter().all(|byte| *byte == 0)) {
                return Ok(None);
            }
            if hash::same(hash::commitment(&salt, &entry.kind, &value), committed) {
                return Ok(Some((salt, value)));
            }
        }
        Err(gone())
    }
}

/// The slots of one frame, and where a walk through the frames stands: going on is cheaper than looking up again.
#[derive(Debug, Default)]
struct SlotWalk {
    segment: u64,
    file: Option<Arc<File>>,
    window: Option<Window>,
    slots: BTreeMap<(u64, String), Slot>,
    /// The events of the frame at hand.
    from: u64,
    after: u64,
    /// The next frame's offset, and the first event that no frame before it has.
    looked_at: u64,
    passed: u64,
}

impl SlotWalk {
    fn find(&self, index: u64, name: &str) -> Option<&Slot> {
        self.slots.get(&(index, name.to_owned()))
    }

    fn gone(&self, index: u64, name: &str) -> LedgerError {
        let offset = self.find(index, name).map_or(self.looked_at, |slot| slot.offset);
        LedgerError::DetailDamaged { index, name: name.to_owned(), file: details_path(self.segment), offset }
    }
}

/// The events from some index on. See [`Reader::iter`].
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    next: u64,
    until: u64,
    chunk: VecDeque<Entry>,
}

impl Iterator for Entries {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.chunk.pop_front() {
            return Some(Ok(entry));
        }
        if self.next >= self.until {
            return None;
        }
        match self.reader.walk(self.next, self.until.min(self.next + CHUNK_EVENTS), WALK_BYTES) {
            Ok(chunk) => {
                self.next += chunk.len() as u64;
                self.chunk = chunk;
                self.chunk.pop_front().map(Ok)
            }
            Err(error) => {
                // What cannot be read now is not skipped: the walk ends here.
                self.next = self.until;
                Some(Err(error))
            }
        }
    }
}
