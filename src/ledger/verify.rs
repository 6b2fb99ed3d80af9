//! Verification: is what lies here what was written? One pass over the files, no World, no trust in side files.
//!
//! Every record's checksum, every leaf's canonical form, index, `prev`, time and run chain, every detail against its
//! commitment, every erasure against the event that records it. Reports the first bad thing. Limit, said plainly:
//! whoever can write the files can also cut the last events off; only a head kept elsewhere (`since`) shows that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::canonical;
use super::chain::Chain;
use super::checkpoint::{self, CHECKPOINTS_FILE, Checkpoint, NoteError};
use super::disk::{Disk, DiskError, File, Mode};
use super::erasure;
use super::hash::{self, Hash, SALT_BYTES, leaf_hash};
use super::leaf::{self, Entry, FORMAT_VERSION, KIND_CREATED, KIND_ERASED, KIND_REPAIRED, LeafError, Outline};
use super::open::{Genesis, read_genesis};
use super::printed::{self, Compared, Said};
use super::reader::Head;
use super::record::{Records, Step};
use super::remains;
use super::scan::{self, Frames};
use super::segment::{details_path, segment_path, segments};
use super::slots::SlotStream;
use super::tail::{self, Tail};
use super::tree::Frontier;
use super::verdict::{Finding, Outcome, Reason, Verdict};
use super::window::{WALK_BYTES, Window};
use crate::domain::RunId;
use crate::domain::order::{OrderKey, OutputSummary};

/// What the caller knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Every kind of event this program knows, beside the ledger's own.
    pub kinds: &'a [&'a str],
    /// A head seen earlier and kept elsewhere.
    pub since: Option<(u64, Hash)>,
    /// Which events say what a try printed: then transcripts are compared with them.
    pub outputs: Option<Outputs>,
}

/// Events that say what a try printed, and how such a one is read.
#[derive(Debug, Clone, Copy)]
pub struct Outputs {
    /// Their kind.
    pub kind: &'static str,
    /// What one of them says; `None` where it says nothing about a transcript.
    pub read: fn(&Entry) -> Option<(OrderKey, OutputSummary)>,
}

/// How often a pass is made before a finding is believed that is never the same twice: a server beside us may be writing or
/// erasing meanwhile. What is really wrong is found again by the second pass.
const PASSES_MAX: usize = 16;

/// Verifies the ledger on `disk`. Reads only; may run beside the server: what is found wrong is looked at again
/// before it is said.
pub fn verify(disk: &Arc<dyn Disk>, known: Known<'_>) -> Verdict {
    let mut verdict = Pass::new(disk, known).judge();
    for _ in 1..PASSES_MAX {
        if !matches!(verdict.outcome, Outcome::Tampered(_)) {
            break;
        }
        let again = Pass::new(disk, known).judge();
        let same = again.outcome == verdict.outcome;
        verdict = again;
        if same {
            break;
        }
    }
    verdict
}

type Found = Result<(), Box<Finding>>;

struct Pass<'a> {
    disk: &'a Arc<dyn Disk>,
    known: Known<'a>,
    chain: Chain,
    origin: Option<String>,
    details: u64,
    erased: BTreeMap<(u64, String), (String, u64)>,
    recorded: BTreeSet<(u64, String)>,
    erasing: BTreeSet<(u64, String)>,
    doubt: Option<Box<Finding>>,
    /// The root over the leaves so far.
    frontier: Frontier,
    /// The checkpoints not yet reached, each with its place in the file.
    signed: VecDeque<(u64, Checkpoint)>,
    checkpoints: u64,
    unfinished_bytes: u64,
    /// What tries of runs that are not over printed, and the events that say so.
    printed: BTreeMap<RunId, Vec<Said>>,
    transcripts_missing: u64,
}

impl<'a> Pass<'a> {
    fn new(disk: &'a Arc<dyn Disk>, known: Known<'a>) -> Self {
        Self {
            disk,
            known,
            chain: Chain::default(),
            origin: None,
            details: 0,
            erased: BTreeMap::new(),
            recorded: BTreeSet::new(),
            erasing: BTreeSet::new(),
            doubt: None,
            frontier: Frontier::default(),
            signed: VecDeque::new(),
            checkpoints: 0,
            unfinished_bytes: 0,
            printed: BTreeMap::new(),
            transcripts_missing: 0,
        }
    }

    fn judge(mut self) -> Verdict {
        let found = self.run();
        let outcome = match found.err().or(self.doubt) {
            None => Outcome::Intact,
            Some(finding) if finding.reason.is_tampering() => Outcome::Tampered(*finding),
            Some(finding) => Outcome::CannotTell(*finding),
        };
        let Chain { size, hash, at, .. } = self.chain;
        Verdict {
            outcome,
            origin: self.origin,
            head: hash.map(|hash| Head { size, hash, at }),
            details: self.details,
            erased: self.erased.len() as u64,
            unfinished_bytes: self.unfinished_bytes,
            checkpoints: self.checkpoints,
            transcripts_missing: self.transcripts_missing,
        }
    }

    fn run(&mut self) -> Found {
        let firsts = segments(self.disk).map_err(|error| unreadable(&error))?;
        if firsts.is_empty() {
            let left = remains::of_a_ledger(self.disk).map_err(|error| unreadable(&error))?;
            let reason = left.map_or(Reason::Missing, |_| Reason::Gone);
            return found(None, super::segment::LEDGER_DIR, 0, reason);
        }
        // Before the leaves: a server beside us signs for what it has written.
        let signed = checkpoint::all(self.disk).map_err(|error| unreadable(&error))?;
        self.erasing = erasure::unfinished(self.disk).map_err(|error| unreadable(&error))?.into_iter().collect();
        for (place, &first) in firsts.iter().enumerate() {
            if first != self.chain.size {
                return found(None, &segment_path(first), 0, Reason::Segment(self.chain.size));
            }
            self.segment(first, place + 1 == firsts.len(), &signed)?;
        }
        if let Some((offset, Checkpoint { size, .. })) = self.signed.front() {
            return found(Some(self.chain.size), CHECKPOINTS_FILE, *offset, Reason::RolledBack(*size));
        }
        if self.chain.size == 0 {
            return found(None, &segment_path(0), 0, Reason::Gone);
        }
        if let Some((size, _)) = self.known.since.filter(|(size, _)| *size > self.chain.size) {
            let last = firsts.last().copied().unwrap_or_default();
            return found(Some(self.chain.size), &segment_path(last), 0, Reason::Since(size));
        }
        for ((index, name), (file, offset)) in &self.erased {
            if !self.recorded.contains(&(*index, name.clone())) {
                return found(Some(*index), file, *offset, Reason::ErasureUnrecorded(name.clone()));
            }
        }
        while let Some((run, said)) = self.printed.pop_first() {
            self.transcript(run, &said)?;
        }
        Ok(())
    }

    /// Whether a run's transcript is what its events say.
    fn transcript(&mut self, run: RunId, said: &[Said]) -> Found {
        match printed::differs(self.disk, run, said) {
            Ok(Compared::Same) => Ok(()),
            Ok(Compared::NotHere) => {
                self.transcripts_missing += 1;
                Ok(())
            }
            Ok(Compared::Differs(index)) => found(Some(index), &printed::path(run), 0, Reason::Transcript),
            Err(why) => found(None, &printed::path(run), 0, Reason::Unreadable(why)),
        }
    }

    fn segment(&mut self, first: u64, last: bool, signed: &[u8]) -> Found {
        let path = segment_path(first);
        let file = File::open(self.disk, &path, Mode::Read).map_err(|error| unreadable(&error))?;
        let file = Arc::new(file);
        // The length first: a server may be writing, and writes details before leaves.
        let bytes = file.size().map_err(|error| unreadable(&error))?;
        let mut frames = scan::frames(self.disk, first).map_err(|error| unreadable(&error))?;
        let later = file.size().map_err(|error| unreadable(&error))?;
        // What was written since is the next pass's; a frame beyond what is there now lost its records.
        frames.all.retain(|frame| later == bytes || frame.leaf_offset < bytes || frame.leaf_offset > later);
        let details = match File::open(self.disk, &details_path(first), Mode::Read) {
            Ok(file) => Some(Arc::new(file)),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(unreadable(&error)),
        };
        let announced = frames.all.last();
        let end = if last { tail::scan_end(bytes, announced) } else { bytes };
        let mut slots = SlotStream::new(&frames, details.as_ref());
        let mut records = Records::new(Window::new(&file, end, WALK_BYTES), 0, first);
        let bad = loop {
            match records.step().map_err(|error| unreadable(&error))? {
                Step::Leaf { offset, leaf } => self.leaf(&path, offset, leaf, &mut slots, signed)?,
                Step::End => break None,
                Step::Bad { offset, why } => break Some((offset, why)),
            }
        };
        let rest = |from: u64| file.read(from, usize::try_from(bytes - from).unwrap_or(usize::MAX));
        let tail = tail::judge(bytes, bad, announced, rest).map_err(|error| unreadable(&error))?;
        match tail {
            Tail::Damaged { at, why } => {
                found(Some(self.chain.size), &path, at, why.map_or(Reason::Gone, Reason::Record))
            }
            Tail::Whole { drop_frame: false } => self.all_used(first, &frames, &mut slots, last),
            Tail::Whole { drop_frame: true } | Tail::Torn { .. } if !last => {
                found(Some(self.chain.size), &path, bytes, Reason::Gone)
            }
            Tail::Whole { drop_frame: true } => Ok(()),
            Tail::Torn { at, .. } => {
                self.unfinished_bytes = bytes - at;
                Ok(())
            }
        }
    }

    /// After the last leaf of a segment nothing may be left over.
    fn all_used(&self, first: u64, frames: &Frames, slots: &mut SlotStream<'_>, last: bool) -> Found {
        let path = details_path(first);
        if let Some(slot) = slots.peek().map_err(|error| unreadable(&error))? {
            return found(Some(slot.index), &path, slot.offset, Reason::DetailsExtra);
        }
        // At the ledger's end a frame may be on its way.
        if !last && frames.end < frames.file_bytes {
            return found(None, &path, frames.end, Reason::DetailsExtra);
        }
        Ok(())
    }

    fn leaf(&mut self, path: &str, offset: u64, leaf: &[u8], slots: &mut SlotStream<'_>, signed: &[u8]) -> Found {
        let index = self.chain.size;
        let bad = |reason: Reason| found(Some(index), path, offset, reason);
        if let Err(error) = canonical::check(leaf) {
            return bad(error.into());
        }
        let outline = match leaf::outline(leaf) {
            Ok(outline) => outline,
            Err(LeafError::Newer(version)) => return bad(Reason::NewerFormat(version)),
            Err(LeafError::Shape(why)) => return bad(Reason::Shape(why)),
        };
        let hash = leaf_hash(leaf);
        if let Err(broken) = self.chain.extend(&outline, hash) {
            return bad(broken.into());
        }
        if self.known.since == Some((index + 1, hash)) {
            self.known.since = None;
        } else if let Some((size, _)) = self.known.since.filter(|(size, _)| *size == index + 1) {
            return bad(Reason::Since(size));
        }
        self.frontier.push(hash);
        if self.signed.front().is_some_and(|(_, signed)| signed.size == index + 1)
            && let Some((_, signed)) = self.signed.pop_front()
        {
            if signed.root != self.frontier.root() {
                return bad(Reason::Forked(signed.size));
            }
            self.checkpoints += 1;
        }
        if let Some(genesis) =
            self.kind(index, outline.kind, leaf, hash).or_else(|reason| bad(reason).map(|()| None))?
        {
            self.signed_for(&genesis, signed)?;
        }
        if !self.is_known(outline.kind) && self.doubt.is_none() {
            self.doubt = bad(Reason::UnknownKind(outline.kind.to_owned())).err();
        }
        self.details_of(&outline, path, offset, slots)?;
        self.output_of(&outline, leaf, hash)
    }

    fn output_of(&mut self, outline: &Outline<'_>, leaf: &[u8], hash: Hash) -> Found {
        let outputs = self.known.outputs.filter(|outputs| outputs.kind == outline.kind);
        let entry = outputs.and_then(|outputs| Some((outputs, leaf::read(leaf, hash).ok()?)));
        if let Some((key, output)) = entry.and_then(|(outputs, entry)| (outputs.read)(&entry)) {
            self.printed.entry(key.run).or_default().push(Said { index: outline.index, key, output });
        }
        // A run that is over is compared and forgotten: what is kept here is what is open.
        let over = outline.run.filter(|run| run.end).map(|run| RunId(run.id));
        match over.and_then(|run| self.printed.remove(&run).map(|said| (run, said))) {
            Some((run, said)) => self.transcript(run, &said),
            None => Ok(()),
        }
    }

    fn is_known(&self, kind: &str) -> bool {
        [KIND_CREATED, KIND_ERASED, KIND_REPAIRED].contains(&kind) || self.known.kinds.contains(&kind)
    }

    /// The two kinds whose bodies matter here.
    fn kind(&mut self, index: u64, kind: &str, leaf: &[u8], hash: Hash) -> Result<Option<Genesis>, Reason> {
        if (index == 0) != (kind == KIND_CREATED) {
            return Err(Reason::Genesis);
        }
        if index > 0 && kind != KIND_ERASED {
            return Ok(None);
        }
        let entry = leaf::read(leaf, hash).map_err(|error| Reason::Shape(error.to_string()))?;
        if index == 0 {
            let genesis = read_genesis(&entry.kind, &entry.body).ok_or(Reason::Genesis)?;
            if genesis.format > FORMAT_VERSION {
                return Err(Reason::NewerFormat(genesis.format));
            }
            self.origin = Some(genesis.origin.clone());
            return Ok(Some(genesis));
        } else {
            let of = leaf::erasures(&entry.body).ok_or_else(|| Reason::Shape("no list of erasures".into()))?;
            self.recorded.extend(of);
        }
        Ok(None)
    }

    /// The checkpoints of the ledger with this event 0.
    fn signed_for(&mut self, genesis: &Genesis, bytes: &[u8]) -> Found {
        let (notes, end) = checkpoint::notes(bytes);
        let (mut offset, mut before) = (0, 0);
        for note in notes {
            let wrong = |reason: Reason| found(None, CHECKPOINTS_FILE, offset, reason);
            match checkpoint::read(note, &genesis.identity()) {
                Err(error) => return wrong(error.into()),
                Ok(checkpoint) if checkpoint.size <= before => return wrong(Reason::CheckpointOrder(checkpoint.size)),
                Ok(checkpoint) => {
                    before = checkpoint.size;
                    self.signed.push_back((offset, checkpoint));
                }
            }
            offset += note.len() as u64;
        }
        match checkpoint::is_torn(bytes.get(end..).unwrap_or_default()) {
            true => Ok(()),
            false => found(None, CHECKPOINTS_FILE, offset, NoteError::Form.into()),
        }
    }

    fn details_of(&mut self, leaf: &Outline<'_>, path: &str, offset: u64, slots: &mut SlotStream<'_>) -> Found {
        // Both in the order of their names: the next slot must be the next commitment's.
        let mut committed = leaf.commitments.iter();
        while let Some(slot) = slots.peek().map_err(|error| unreadable(&error))? {
            let file = slots.path();
            if slot.index > leaf.index {
                break;
            }
            let expected = if slot.index == leaf.index { committed.next() } else { None };
            let expected = match expected {
                Some((name, hash)) if *name == slot.name => hash,
                Some((name, _)) if leaf.commitments.contains_key(slot.name.as_str()) => {
                    return found(Some(leaf.index), path, offset, Reason::DetailGone((*name).to_owned()));
                }
                Some(_) | None => return found(Some(slot.index), &file, slot.offset, Reason::DetailsExtra),
            };
            let key = (slot.index, slot.name.clone());
            let payload = slots.payload(&slot).map_err(|error| unreadable(&error))?;
            let Some((salt, value)) = payload else {
                return found(Some(slot.index), &file, slot.offset, Reason::DetailGone(slot.name));
            };
            let wiped = salt == [0; SALT_BYTES] && value.iter().all(|byte| *byte == 0);
            if wiped || self.erasing.contains(&key) {
                self.erased.insert(key, (file, slot.offset));
            } else if hash::same(hash::commitment(&salt, leaf.kind, value), *expected) {
                self.details += 1;
            } else {
                return found(Some(slot.index), &file, slot.offset, Reason::Detail(slot.name));
            }
            slots.advance();
        }
        // Several may be gone; the first is named.
        match committed.next() {
            None => Ok(()),
            Some((name, _)) => found(Some(leaf.index), path, offset, Reason::DetailGone((*name).to_owned())),
        }
    }
}

fn found(index: Option<u64>, file: &str, offset: u64, reason: Reason) -> Found {
    Err(Box::new(Finding { index, file: file.to_owned(), offset, reason }))
}

fn unreadable(error: &DiskError) -> Box<Finding> {
    Box::new(Finding {
        index: None,
        file: error.path.clone(),
        offset: 0,
        reason: Reason::Unreadable(error.to_string()),
    })
}
