//! Opening: find the segments, trust sealed ones by their side files, read the last, put its torn tail aside.
//!
//! Invariant: done twice it leaves the same bytes; damage changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::chain::Chain;
use super::checkpoint::{CHECKPOINTS_FILE, Checkpoint, Kept, KeptError};
use super::disk::{self, Disk, DiskError, File, Mode};
use super::error::LedgerError;
use super::hash::{Hash, leaf_hash};
use super::leaf::{self, FORMAT_VERSION, KIND_CREATED, LeafError};
use super::reader::{Head, Published, Reader};
use super::record::{Records, Step};
use super::remains;
use super::reserve;
use super::scan::{self, Scanned};
use super::segment::{
    INDEX_DIR, KEY_FILE, KEYS_DIR, SEED_FILE, Sealed, Segment, TORN_DIR, details_path, segment_path, segments,
};
use super::signer::{Identity, Signer};
use super::tail::Tail;
use super::tree::Tree;
use super::window::{LOOK_UP_BYTES, Window};

/// What event 0 says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The ledger's random name, `quarterdeck/` and 32 hexadecimal digits.
    pub origin: String,
    /// The ledger's Ed25519 public key.
    pub key: [u8; 32],
    /// The format it was made with.
    pub format: u64,
}

impl Genesis {
    /// Who the ledger is.
    pub fn identity(&self) -> Identity {
        Identity { origin: self.origin.clone(), key: self.key }
    }
}

/// A torn tail that was moved aside when the ledger was opened, and is not yet recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The event that would have stood there.
    pub index: u64,
    /// How many bytes were never acknowledged.
    pub bytes: u64,
    /// Where they are now, relative to the data directory.
    pub aside: String,
}

impl Repair {
    /// The body of the [`super::KIND_REPAIRED`] event that records it.
    pub fn body(&self) -> Map<String, Value> {
        Map::from_iter([
            ("aside".to_owned(), Value::from(self.aside.as_str())),
            ("bytes".to_owned(), Value::from(self.bytes)),
            ("index".to_owned(), Value::from(self.index)),
        ])
    }
}

/// A ledger as it stands after opening.
pub struct Opened {
    pub segments: Vec<Segment>,
    pub chain: Chain,
    pub tree: Tree,
    pub repairs: Vec<Repair>,
    pub genesis: Genesis,
    pub genesis_hash: Hash,
    pub signer: Option<Signer>,
    pub checkpoints: Kept,
}

/// Reads and repairs.
pub fn open(disk: &Arc<dyn Disk>) -> Result<Opened, LedgerError> {
    let firsts = segments(disk).map_err(LedgerError::Open)?;
    if firsts.is_empty() {
        return Err(match remains::of_a_ledger(disk).map_err(LedgerError::Open)? {
            Some(left) => LedgerError::Lost { left },
            None => LedgerError::Missing,
        });
    }
    // Other directories may be missing from a restored copy: nothing in them is needed to go on.
    for dir in [INDEX_DIR, TORN_DIR, KEYS_DIR] {
        disk.create_dir(dir).map_err(LedgerError::Open)?;
    }
    let (genesis, genesis_hash) = genesis(disk)?;
    name_key(disk).map_err(LedgerError::Open)?;
    let signer = signer(disk, &genesis).map_err(LedgerError::Open)?;
    let checkpoints = Kept::open(disk, &genesis.identity(), signer.as_ref()).map_err(|error| match error {
        KeptError::Disk(error) => LedgerError::Open(error),
        KeptError::Wrong(offset, why) => {
            LedgerError::Damaged { file: CHECKPOINTS_FILE.to_owned(), offset, why: why.to_string() }
        }
    })?;
    let (mut chain, mut tree) = (Chain::default(), Tree::default());
    let mut maps: Vec<Segment> = Vec::with_capacity(firsts.len());
    for (place, &first) in firsts.iter().enumerate() {
        let next = firsts.get(place + 1).copied();
        let last = next.is_none();
        let sealed = if last { None } else { trusted(disk, first).map_err(LedgerError::Open)? };
        let sealed = sealed.filter(|sealed| tree.join(&sealed.tree, sealed.segment.after()));
        let (segment, after) = match sealed {
            Some(sealed) => {
                follows(&sealed.segment, next)?;
                (sealed.segment, sealed.chain)
            }
            None => {
                let scanned = scan::scan(disk, first, &chain, last)?;
                follows(&scanned.segment, next)?;
                scanned.hashes.iter().for_each(|hash| tree.push(*hash));
                if last {
                    let found = maps.iter().chain([&scanned.segment]).cloned().collect();
                    continues(disk, found, &tree, &scanned.chain, (&checkpoints, &genesis.identity()))?;
                    repair(disk, &scanned).and_then(|()| assure(disk, &scanned)).map_err(LedgerError::Open)?;
                } else {
                    let (segment, chain) = (scanned.segment.clone(), scanned.chain.clone());
                    let sealed = Sealed { segment, chain, tree: tree.part(first) };
                    // Only saves time: a full disk must not keep the ledger shut.
                    let _made_again_when_missing = sealed.save(disk);
                }
                (scanned.segment, scanned.chain)
            }
        };
        chain = after;
        maps.push(segment);
    }
    if chain.size == 0 {
        return Err(LedgerError::Missing);
    }
    let repairs = repairs(disk).map_err(LedgerError::Open)?;
    Ok(Opened { segments: maps, chain, tree, repairs, genesis, genesis_hash, signer, checkpoints })
}

/// Whether the ledger continues what was signed last: a copy from before is not served, and not repaired.
fn continues(
    disk: &Arc<dyn Disk>,
    segments: Vec<Segment>,
    tree: &Tree,
    chain: &Chain,
    (checkpoints, identity): (&Kept, &Identity),
) -> Result<(), LedgerError> {
    let Some(Checkpoint { size, root, .. }) = checkpoints.last.as_ref().map(|signed| &signed.checkpoint) else {
        return Ok(());
    };
    let (Some(hash), here) = (chain.hash.filter(|_| chain.size >= *size), chain.size) else {
        return Err(LedgerError::RolledBack { here: chain.size, signed: *size });
    };
    let head = Head { size: here, hash, at: chain.at };
    let published = Published { segments, head, erasing: BTreeSet::new(), tree: Tree::default(), checkpoint: None };
    let reader = Reader::new(Arc::clone(disk), published, identity.clone());
    match tree.root_at(*size, |block| reader.block(block))? == *root {
        true => Ok(()),
        false => Err(LedgerError::Forked { signed: *size }),
    }
}

/// Signs by the ledger's private key; `None` when its file is missing or is not event 0's.
fn signer(disk: &Arc<dyn Disk>, genesis: &Genesis) -> Result<Option<Signer>, DiskError> {
    let text = disk::read_file(disk, KEY_FILE)?.map(Zeroizing::new);
    let key = text.and_then(|text| key_of(&text)).filter(|key| key.verifying_key().to_bytes() == genesis.key);
    Ok(key.map(|key| Signer::new(&genesis.origin, key)))
}

/// The key whose seed stands in a key file.
pub fn key_of(text: &[u8]) -> Option<SigningKey> {
    let seed = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new).ok()?;
    seed.as_slice().try_into().ok().map(|seed: &[u8; 32]| SigningKey::from_bytes(seed))
}

/// Gives the key its name once event 0 stands, which names it. No key that is there is replaced.
fn name_key(disk: &Arc<dyn Disk>) -> Result<(), DiskError> {
    let there = |path: &str| match File::open(disk, path, Mode::Read) {
        Err(error) if error.is_missing() => Ok(false),
        opened => opened.map(|_| true),
    };
    if !there(SEED_FILE)? || there(KEY_FILE)? {
        return Ok(());
    }
    disk.rename(SEED_FILE, KEY_FILE)?;
    disk.sync_dir(KEYS_DIR)
}

/// Whether the next segment begins where this one ends.
fn follows(segment: &Segment, next: Option<u64>) -> Result<(), LedgerError> {
    match next {
        Some(next) if next != segment.after() => {
            let why = format!("the segment before it ends at event {}", segment.after());
            Err(LedgerError::Damaged { file: segment_path(next), offset: 0, why })
        }
        Some(_) | None => Ok(()),
    }
}

/// A sealed segment's side file, when it fits the files it describes.
fn trusted(disk: &Arc<dyn Disk>, first: u64) -> Result<Option<Sealed>, DiskError> {
    let Some(sealed) = Sealed::load(disk, first)? else {
        return Ok(None);
    };
    let size = |path: &str| File::open(disk, path, Mode::Read).and_then(|file| file.size());
    let fits = size(&segment_path(first))? == sealed.segment.bytes
        && size(&details_path(first)).is_ok_and(|size| size == sealed.segment.details_bytes);
    Ok(fits.then_some(sealed))
}

/// Reads event 0.
fn genesis(disk: &Arc<dyn Disk>) -> Result<(Genesis, Hash), LedgerError> {
    let path = segment_path(0);
    let damaged = |why: String| LedgerError::Damaged { file: path.clone(), offset: 0, why };
    let file = match File::open(disk, &path, Mode::Read) {
        Ok(file) => Arc::new(file),
        Err(error) if error.is_missing() => {
            return Err(damaged("the first segment is gone".into()));
        }
        Err(error) => return Err(LedgerError::Open(error)),
    };
    let end = file.size().map_err(LedgerError::Open)?;
    let mut records = Records::new(Window::new(&file, end, LOOK_UP_BYTES), 0, 0);
    let leaf = match records.step().map_err(LedgerError::Open)? {
        Step::Leaf { leaf, .. } => leaf,
        Step::Bad { why, .. } => return Err(damaged(why.to_string())),
        Step::End => return Err(damaged("event 0 is gone".into())),
    };
    let hash = leaf_hash(leaf);
    let entry = leaf::read(leaf, hash).map_err(|error| match error {
        LeafError::Newer(found) => LedgerError::NewerFormat { found },
        LeafError::Shape(why) => damaged(why),
    })?;
    match read_genesis(&entry.kind, &entry.body) {
        Some(genesis) if genesis.format > FORMAT_VERSION => Err(LedgerError::NewerFormat { found: genesis.format }),
        Some(genesis) => Ok((genesis, hash)),
        None => Err(damaged("event 0 does not say what it must".into())),
    }
}

/// What event 0 says, when it is one.
pub fn read_genesis(kind: &str, body: &Map<String, Value>) -> Option<Genesis> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let key = STANDARD.decode(text("key")?).ok()?;
    let origin = text("origin")?.to_owned();
    let named = origin.starts_with("quarterdeck/") && kind == KIND_CREATED;
    named.then_some(Genesis { origin, key: key.try_into().ok()?, format: body.get("format")?.as_u64()? })
}

/// Moves a torn tail aside and cuts it off; forgets details that belong to no event. Each step is durable before the
/// next: aside, leaves, details.
fn repair(disk: &Arc<dyn Disk>, scanned: &Scanned) -> Result<(), DiskError> {
    let first = scanned.segment.first;
    if let Tail::Torn { at, .. } = scanned.tail {
        let file = File::open(disk, &segment_path(first), Mode::Append)?;
        let bytes = usize::try_from(scanned.file_bytes - at).unwrap_or(usize::MAX);
        let torn = file.read(at, bytes)?;
        put_aside(disk, &format!("{TORN_DIR}/{:020}-{}", scanned.chain.size, torn.len()), &torn)?;
        file.truncate(at)?;
        file.sync_data()?;
    }
    if scanned.details_file_bytes > scanned.segment.details_bytes {
        let file = File::open(disk, &details_path(first), Mode::Append)?;
        file.truncate(scanned.segment.details_bytes)?;
        file.sync_data()?;
    }
    Ok(())
}

/// Writes bytes aside; on a full disk from the reserve, or the server could not start and nothing be stopped.
fn put_aside(disk: &Arc<dyn Disk>, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    loop {
        match disk::replace_file(disk, path, bytes) {
            Err(error) if error.is_full() && reserve::give_back(disk, bytes.len() as u64)? => {}
            written => return written,
        }
    }
}

/// Makes sure that the last batch is on the disk and not only in the machine's memory: a process that died before
/// its sync, or of a failed one, leaves pages that read well and may never be written. They are written again, the
/// same bytes in the same place, and synced. All batches before were synced.
fn assure(disk: &Arc<dyn Disk>, scanned: &Scanned) -> Result<(), DiskError> {
    let Segment { first, bytes, details_bytes, .. } = scanned.segment;
    let (leaves_from, frame_from) = scanned.last_batch;
    // Details first, as they were written.
    if let Some(from) = frame_from {
        rewrite(disk, &details_path(first), from, details_bytes)?;
    }
    rewrite(disk, &segment_path(first), leaves_from, bytes)
}

fn rewrite(disk: &Arc<dyn Disk>, path: &str, from: u64, end: u64) -> Result<(), DiskError> {
    let file = File::open(disk, path, Mode::Overwrite)?;
    let bytes = file.read(from, usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX))?;
    if !bytes.is_empty() {
        file.overwrite(from, &bytes)?;
    }
    file.sync_data()
}

/// The torn tails that no event records yet.
fn repairs(disk: &Arc<dyn Disk>) -> Result<Vec<Repair>, DiskError> {
    let parse = |name: String| {
        let (index, bytes) = name.split_once('-')?;
        Some(Repair { index: index.parse().ok()?, bytes: bytes.parse().ok()?, aside: format!("{TORN_DIR}/{name}") })
    };
    Ok(disk.list(TORN_DIR)?.into_iter().filter_map(parse).collect())
}
