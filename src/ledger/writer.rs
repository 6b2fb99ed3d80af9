//! The ledger's one writer: makes it, opens and repairs it, appends batches, erases details.
//!
//! Invariant: what `append` returned `Ok` for was synced, details before leaves, and survives any power cut; what it
//! returned `Err` for is not in the ledger. A batch is kept whole or not at all. Deliberately absent: what events
//! mean, and any clock: time comes with the drafts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::batch::{Batch, Stamped};
use super::chain::Chain;
use super::checkpoint::{Checkpoint, Kept};
use super::detail::Detail;
use super::disk::{self, Disk, DiskError, File, Mode};
use super::entropy::Entropy;
use super::erasure;
use super::error::LedgerError;
use super::leaf::{self, Draft, Entry, FORMAT_VERSION, KIND_CREATED, Place};
use super::open::{self, Genesis, Repair, key_of};
use super::reader::{Entries, Head, Reader, Recorded};
use super::record;
use super::remains;
use super::reserve::{RESERVE_FILE, Reserve};
use super::segment::{
    DETAILS_DIR, INDEX_DIR, KEYS_DIR, LEDGER_DIR, SEED_FILE, SEGMENT_BYTES_MAX, Sealed, Segment, TORN_DIR,
    details_path, segment_path,
};
use super::signer::Signer;

/// Whether events can be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The last write went well.
    Fine,
    /// The last write found no room or failed; the next one tries again.
    Refusing,
    /// A sync failed: nothing is written until a restart.
    Poisoned,
}

/// The ledger. One per data directory.
pub struct Ledger {
    disk: Arc<dyn Disk>,
    entropy: Box<dyn Entropy>,
    segment_bytes: u64,
    leaves: File,
    details: File,
    chain: Chain,
    checkpoints: Kept,
    signer: Option<Signer>,
    reader: Reader,
    health: Health,
    poison: String,
    repairs: Vec<Repair>,
    genesis: Genesis,
    reserve: Option<Reserve>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("size", &self.chain.size).field("health", &self.health).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Makes a ledger: a random origin and a key drawn from `entropy`, event 0 written at `at` by `by`. Made again
    /// after a crash halfway; refused where there is one or was one.
    pub fn init(disk: Arc<dyn Disk>, mut entropy: Box<dyn Entropy>, at: i64, by: Value) -> Result<Self, LedgerError> {
        if !super::segment::segments(&disk).map_err(LedgerError::Open)?.is_empty() {
            return Err(LedgerError::AlreadyThere);
        }
        if let Some(left) = remains::of_a_ledger(&disk).map_err(LedgerError::Open)? {
            return Err(LedgerError::Lost { left });
        }
        let write = LedgerError::Write;
        for dir in [LEDGER_DIR, KEYS_DIR, DETAILS_DIR, INDEX_DIR, TORN_DIR] {
            disk.create_dir(dir).map_err(write)?;
        }
        disk.sync_dir("").and_then(|()| disk.sync_dir(LEDGER_DIR)).map_err(write)?;
        let mut origin = [0; 16];
        entropy.fill(&mut origin).map_err(LedgerError::Entropy)?;
        let public = seed(&disk, entropy.as_mut())?.verifying_key().to_bytes();

        let origin: String = origin.iter().map(|byte| format!("{byte:02x}")).collect();
        let body = Map::from_iter([
            ("format".to_owned(), Value::from(FORMAT_VERSION)),
            ("key".to_owned(), Value::from(STANDARD.encode(public))),
            ("origin".to_owned(), Value::from(format!("quarterdeck/{origin}"))),
        ]);
        let draft = Draft { kind: KIND_CREATED.into(), at, by, body, ..Draft::default() };
        let place = Place { index: 0, prev: None, run: None, commitments: &BTreeMap::new() };
        let leaf = leaf::write(&draft, &place).map_err(|source| LedgerError::Draft { position: 0, source })?;
        let mut bytes = Vec::new();
        record::encode(0, &leaf, &mut bytes);
        File::open(&disk, &details_path(0), Mode::Append).map_err(write)?;
        disk.sync_dir(DETAILS_DIR).map_err(write)?;
        disk::replace_file(&disk, &segment_path(0), &bytes).map_err(write)?;
        Self::open(disk, entropy)
    }

    /// Opens a ledger: finishes what a crash left half done, moves a torn tail aside, refuses damage. See
    /// [`Ledger::repairs`].
    pub fn open(disk: Arc<dyn Disk>, entropy: Box<dyn Entropy>) -> Result<Self, LedgerError> {
        Self::open_sized(disk, entropy, SEGMENT_BYTES_MAX)
    }

    /// As [`Ledger::open`] with shorter segments, for tests that want many.
    pub fn open_sized(disk: Arc<dyn Disk>, entropy: Box<dyn Entropy>, segment_bytes: u64) -> Result<Self, LedgerError> {
        let opened = open::open(&disk)?;
        let head = Head { size: opened.chain.size, hash: opened.genesis_hash, at: opened.chain.at };
        let head = Head { hash: opened.chain.hash.unwrap_or(head.hash), ..head };
        let segment = opened.segments.last().map_or(0, |segment| segment.first);
        let (signer, checkpoints) = (opened.signer, opened.checkpoints);
        let published = super::reader::Published {
            segments: opened.segments,
            head,
            erasing: BTreeSet::new(),
            tree: opened.tree,
            checkpoint: checkpoints.last.clone(),
        };
        let reader = Reader::new(Arc::clone(&disk), published, opened.genesis.identity());
        let (leaves, details) = open_active(&disk, segment).map_err(LedgerError::Open)?;
        let mut ledger = Self {
            reader,
            checkpoints,
            signer,
            disk,
            entropy,
            segment_bytes,
            leaves,
            details,
            chain: opened.chain,
            health: Health::Fine,
            poison: String::new(),
            repairs: opened.repairs,
            genesis: opened.genesis,
            reserve: None,
        };
        for (index, name) in erasure::unfinished(&ledger.disk).map_err(LedgerError::Open)? {
            if index < ledger.chain.size {
                ledger.wipe(index, &name)?;
            }
        }
        erasure::finish(&ledger.disk).map_err(LedgerError::Open)?;
        Ok(ledger)
    }

    /// Keeps so many bytes of the disk for [`Ledger::append_from_reserve`], as far as there is room.
    pub fn keep_reserve(&mut self, bytes: u64) -> Result<(), LedgerError> {
        self.reserve = Some(Reserve::open(&self.disk, RESERVE_FILE, bytes).map_err(LedgerError::Open)?);
        Ok(())
    }

    /// As [`Ledger::append`], giving back what was kept for a full disk, little by little, until the batch fits; what it
    /// did not need is kept again. For what must be recorded even then.
    pub fn append_from_reserve(&mut self, drafts: &[Draft]) -> Result<Vec<Stamped>, LedgerError> {
        loop {
            let refused = match self.write_batch(drafts) {
                Err(LedgerError::Write(error)) if error.is_full() => error,
                written => return written.inspect(|_| self.refill()),
            };
            let details = drafts.iter().flat_map(|draft| draft.details.values());
            let bytes = details.map(|detail| detail.len() as u64).sum();
            match self.reserve.as_mut().map(|reserve| reserve.give(bytes)) {
                Some(Ok(true)) => {}
                None | Some(Ok(false)) => return Err(LedgerError::Write(refused)),
                Some(Err(error)) => return Err(LedgerError::Write(error)),
            }
        }
    }

    /// Writes a batch and syncs it: all of it, or none. Returns after the sync, with each event's place.
    pub fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Stamped>, LedgerError> {
        self.write_batch(drafts).inspect(|_| self.refill())
    }

    /// Gives so much of the reserve back to whoever needs it now; the next append keeps what is left of it again. False:
    /// there is none.
    pub fn give_reserve(&mut self, bytes: u64) -> Result<bool, LedgerError> {
        self.reserve.as_mut().map_or(Ok(false), |reserve| reserve.give(bytes)).map_err(LedgerError::Open)
    }

    /// What room there is belongs to the reserve first. What was just recorded stands either way.
    fn refill(&mut self) {
        if let Some(reserve) = &mut self.reserve {
            let _tried_again_after_the_next = reserve.fill();
        }
    }

    fn write_batch(&mut self, drafts: &[Draft]) -> Result<Vec<Stamped>, LedgerError> {
        self.refuse_if_poisoned()?;
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::plan(drafts, &self.chain, self.entropy.as_mut())?;
        let outcome = self.roll(batch.leaves.len() as u64).and_then(|()| self.write(&batch));
        match outcome {
            Ok(()) => {
                self.health = Health::Fine;
                self.chain = batch.chain;
                Ok(batch.stamps)
            }
            Err(error) => {
                if self.health != Health::Poisoned {
                    self.health = Health::Refusing;
                }
                Err(error)
            }
        }
    }

    /// Overwrites a detail and its salt; the leaf and every proof stay valid. Record it first, by an event of kind
    /// [`super::KIND_ERASED`]: `verify` reports an erasure that no event names. Done twice, it does nothing more.
    pub fn erase(&mut self, index: u64, name: &str) -> Result<(), LedgerError> {
        self.refuse_if_poisoned()?;
        let entry = self.reader.read(index)?;
        self.reader.place(&entry, name)?;
        match erasure::begin(&self.disk, index, name) {
            Ok(()) => {}
            Err(error) if error.is_sync() => return Err(self.failed(error)),
            Err(error) => {
                // Nothing was overwritten; half a journal entry must not stand before the next one.
                erasure::finish(&self.disk).map_err(|error| self.failed(error))?;
                return Err(LedgerError::Write(error));
            }
        }
        self.wipe(index, name)?;
        erasure::finish(&self.disk).map_err(|error| self.failed(error))
    }

    /// Signs how many events there are and the root over them, and keeps that; does nothing where the last checkpoint says so already,
    /// or where the ledger's key is not here.
    pub fn sign_checkpoint(&mut self) -> Result<(), LedgerError> {
        self.refuse_if_poisoned()?;
        let Some(signer) = &self.signer else { return Ok(()) };
        let (size, root) = {
            let published = self.reader.published();
            (published.tree.size(), published.tree.root())
        };
        if self.checkpoints.last.as_ref().is_some_and(|last| last.checkpoint.size >= size) {
            return Ok(());
        }
        let signed = Checkpoint { origin: self.genesis.origin.clone(), size, root }.sign(signer);
        let signed = match self.checkpoints.keep(signed) {
            Ok(signed) => signed,
            Err(error) if error.is_sync() => return Err(self.failed(error)),
            Err(error) => return Err(LedgerError::Write(error)),
        };
        self.reader.publish().checkpoint = Some(signed);
        Ok(())
    }

    /// Signs for this ledger; `None` where its key is not here.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// The last acknowledged event.
    pub fn head(&self) -> Head {
        self.reader.head()
    }

    /// Whether events can be recorded.
    pub fn health(&self) -> Health {
        self.health
    }

    /// What event 0 says.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Torn tails moved aside and not yet recorded: append a [`super::KIND_REPAIRED`] event for each, then call
    /// [`Ledger::repairs_recorded`].
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// The repairs are in the ledger: they are not reported again.
    pub fn repairs_recorded(&mut self) -> Result<(), LedgerError> {
        for repair in std::mem::take(&mut self.repairs) {
            let recorded = format!("{}.recorded", repair.aside);
            self.disk.rename(&repair.aside, &recorded).map_err(LedgerError::Write)?;
        }
        self.disk.sync_dir(TORN_DIR).map_err(LedgerError::Write)
    }

    /// A handle that reads from any thread.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// As [`Reader::read`].
    pub fn read(&self, index: u64) -> Result<Entry, LedgerError> {
        self.reader.read(index)
    }

    /// As [`Reader::iter`].
    pub fn iter(&self, from: u64) -> Entries {
        self.reader.iter(from)
    }

    /// As [`Reader::recorded`].
    pub fn recorded(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + use<> {
        self.reader.recorded(from)
    }

    /// As [`Reader::detail`].
    pub fn detail(&self, entry: &Entry, name: &str) -> Result<Detail, LedgerError> {
        self.reader.detail(entry, name)
    }

    fn refuse_if_poisoned(&self) -> Result<(), LedgerError> {
        match self.health {
            Health::Fine | Health::Refusing => Ok(()),
            Health::Poisoned => Err(LedgerError::Poisoned(self.poison.clone())),
        }
    }

    /// Begins a new segment when the batch does not fit the active one.
    fn roll(&mut self, bytes: u64) -> Result<(), LedgerError> {
        let (full, next) = {
            let published = self.reader.published();
            let active = published.segments.last();
            (active.is_some_and(|a| a.count > 0 && a.bytes + bytes > self.segment_bytes), self.chain.size)
        };
        if !full {
            return Ok(());
        }
        let (leaves, details) = match open_active(&self.disk, next) {
            Ok(files) => files,
            // The new names may never reach the disk, and no later sync would say so.
            Err(error) if error.is_sync() => return Err(self.failed(error)),
            Err(error) => return Err(LedgerError::Write(error)),
        };
        let sealed = self.reader.published().segments.last().cloned();
        if let Some(segment) = sealed {
            // Only saves time at the next start: not worth an event's refusal.
            let tree = self.reader.published().tree.part(segment.first);
            let _made_again_when_missing = Sealed { segment, chain: self.chain.clone(), tree }.save(&self.disk);
        }
        self.leaves = leaves;
        self.details = details;
        self.reader.publish().segments.push(Segment::new(next));
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let first = self.chain.size;
        let (leaf_offset, details_offset) = {
            let published = self.reader.published();
            published.segments.last().map_or((0, 0), |active| (active.bytes, active.details_bytes))
        };
        let leaf_bytes = batch.leaves.len() as u64;
        let count = u32::try_from(batch.stamps.len()).unwrap_or(u32::MAX);
        // One record without details needs no frame: its extent is its own length.
        let mut frame = None;
        if count > 1 || !batch.details.is_empty() {
            let (head, bytes) = batch.details.finish(details_offset, first, count, leaf_offset, leaf_bytes);
            if let Err(error) = self.details.append(&bytes) {
                return Err(self.undo(error, leaf_offset, details_offset));
            }
            self.details.sync_data().map_err(|error| self.failed(error))?;
            frame = Some(head);
        }
        if let Err(error) = self.leaves.append(&batch.leaves) {
            return Err(self.undo(error, leaf_offset, details_offset));
        }
        self.leaves.sync_data().map_err(|error| self.failed(error))?;

        let mut published = self.reader.publish();
        batch.stamps.iter().for_each(|stamp| published.tree.push(stamp.hash));
        if let Some(active) = published.segments.last_mut() {
            let ends = batch.offsets.iter().skip(1).copied().chain([leaf_bytes]);
            for (offset, end) in batch.offsets.iter().zip(ends) {
                active.push_leaf(leaf_offset + offset, leaf_offset + end);
            }
            if let Some(frame) = &frame {
                active.push_frame(frame);
            }
        }
        if let Some(hash) = batch.chain.hash {
            published.head = Head { size: batch.chain.size, hash, at: batch.chain.at };
        }
        Ok(())
    }

    /// After a failed write: back to what was acknowledged, durably, leaves first. A frame left behind would claim
    /// bytes that a later batch writes. Where that fails too, nothing is certain any more.
    fn undo(&mut self, error: DiskError, leaf_offset: u64, details_offset: u64) -> LedgerError {
        let undone = self
            .leaves
            .truncate(leaf_offset)
            .and_then(|()| self.leaves.sync_data())
            .and_then(|()| self.details.truncate(details_offset))
            .and_then(|()| self.details.sync_data());
        match undone {
            Ok(()) => LedgerError::Write(error),
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: DiskError) -> LedgerError {
        self.health = Health::Poisoned;
        self.poison = error.to_string();
        LedgerError::Poisoned(self.poison.clone())
    }

    fn wipe(&mut self, index: u64, name: &str) -> Result<(), LedgerError> {
        let entry = self.reader.read(index)?;
        let (segment, slot) = self.reader.place(&entry, name)?;
        let key = (index, name.to_owned());
        self.reader.publish().erasing.insert(key.clone());
        let wiped = erasure::wipe(&self.disk, segment, &slot);
        self.reader.publish().erasing.remove(&key);
        wiped.map_err(|error| self.failed(error))
    }
}

/// The key of a ledger that is being made: the one an attempt that broke off left, or a new one, durable.
fn seed(disk: &Arc<dyn Disk>, entropy: &mut dyn Entropy) -> Result<SigningKey, LedgerError> {
    let left = disk::read_file(disk, SEED_FILE).map_err(LedgerError::Read)?.map(Zeroizing::new);
    if let Some(key) = left.and_then(|text| key_of(&text)) {
        return Ok(key);
    }
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(seed.as_mut_slice()).map_err(LedgerError::Entropy)?;
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*seed)));
    disk::replace_file(disk, SEED_FILE, text.as_bytes()).map_err(LedgerError::Write)?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Opens the files of the segment that begins with `first` for writing, making them durable when new: the details'
/// name first, so that a segment never lacks its details.
fn open_active(disk: &Arc<dyn Disk>, first: u64) -> Result<(File, File), DiskError> {
    let details = File::open(disk, &details_path(first), Mode::Append)?;
    disk.sync_dir(DETAILS_DIR)?;
    let leaves = File::open(disk, &segment_path(first), Mode::Append)?;
    disk.sync_dir(LEDGER_DIR)?;
    Ok((leaves, details))
}
