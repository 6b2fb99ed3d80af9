//! The ledger as a whole, on disks that fail.

mod basics;
mod checkpoints;
mod erase;
mod faults;
mod power;
mod rot;
mod tamper;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

const TOKEN: usize = leaf::TOKEN_BYTES_MAX + 1;
const KINDS: &[&str] = &["note.written", "thing.happened"];

/// Whether full counts were asked for (`tests/run --deep`).
#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
pub(super) fn deep() -> bool {
    std::env::var_os("QUARTERDECK_DEEP").is_some()
}

fn shared(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn init(disk: &MemoryDisk) -> Ledger {
    Ledger::init(shared(disk), Box::new(SeededEntropy::new(1)), 0, json!({"process": "init"})).unwrap()
}

fn open(disk: &MemoryDisk) -> Ledger {
    Ledger::open(shared(disk), Box::new(SeededEntropy::new(2))).unwrap()
}

fn open_small(disk: &MemoryDisk, segment_bytes: u64) -> Ledger {
    Ledger::open_sized(shared(disk), Box::new(SeededEntropy::new(2)), segment_bytes).unwrap()
}

fn event(at: i64) -> Draft {
    Draft {
        kind: "thing.happened".into(),
        at,
        by: json!({"person": "ada"}),
        body: serde_json::Map::from_iter([("count".to_owned(), json!(3))]),
        ..Draft::default()
    }
}

fn note(at: i64, text: &str) -> Draft {
    Draft {
        kind: "note.written".into(),
        at,
        by: json!({"person": "ada"}),
        details: BTreeMap::from([("text".to_owned(), text.as_bytes().to_vec())]),
        ..Draft::default()
    }
}

fn verify_now(disk: &MemoryDisk) -> Verdict {
    verify(&shared(disk), Known { kinds: KINDS, since: None, outputs: None })
}

/// The leaves of the one segment of a ledger.
fn leaves(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    let segment = disk.files()[&segment::segment_path(0)].clone();
    let mut rest = segment.as_slice();
    let mut leaves = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(*rest.first_chunk().unwrap()) as usize;
        leaves.push(rest[record::HEADER_BYTES..record::HEADER_BYTES + len].to_vec());
        rest = &rest[record::HEADER_BYTES + len..];
    }
    leaves
}

/// The same ledger with other leaves, their records' checksums and indices right.
fn with_leaves(disk: &MemoryDisk, leaves: &[Vec<u8>]) -> MemoryDisk {
    let mut segment = Vec::new();
    for (index, leaf) in leaves.iter().enumerate() {
        record::encode(index as u64, leaf, &mut segment);
    }
    let mut files = disk.files();
    files.insert(segment::segment_path(0), segment);
    MemoryDisk::with_files(&files)
}

/// The same ledger with one leaf edited and everything that is not a secret made to fit: checksums, and the hash
/// links of all later leaves.
fn forge(disk: &MemoryDisk, index: usize, edit: impl FnOnce(&mut Value)) -> MemoryDisk {
    let mut leaves = leaves(disk);
    let mut leaf = canonical::parse(&leaves[index]).unwrap();
    edit(&mut leaf);
    leaves[index] = canonical::to_bytes(&leaf).unwrap();
    relink(&mut leaves);
    with_leaves(disk, &leaves)
}

fn relink(leaves: &mut [Vec<u8>]) {
    let mut before = leaf_hash(&leaves[0]);
    for leaf in leaves.iter_mut().skip(1) {
        let mut value = canonical::parse(leaf).unwrap();
        value["prev"] = json!(before.to_base64());
        *leaf = canonical::to_bytes(&value).unwrap();
        before = leaf_hash(leaf);
    }
}
