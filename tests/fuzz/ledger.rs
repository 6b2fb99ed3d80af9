//! A ledger whose one segment holds any bytes: the leaves read from it are a beginning of those written, or none.

use quarterdeck::ledger::{Disk, Draft, Known, Ledger, MemoryDisk, Outcome, SeededEntropy, verify};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

const KIND: &str = "thing.happened";

/// The files of a ledger of a few events, the name of its segment, and its leaves.
struct Genuine {
    files: BTreeMap<String, Vec<u8>>,
    segment: String,
    leaves: Vec<Vec<u8>>,
}

fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let disk = MemoryDisk::new();
        let by = json!({"process": "init"});
        let mut ledger = Ledger::init(Arc::new(disk.clone()), Box::new(SeededEntropy::new(1)), 0, by).unwrap();
        for at in 1..6 {
            let body = Map::from_iter([("count".to_owned(), json!(at))]);
            let draft = Draft { kind: KIND.into(), at, by: json!({"person": "ada"}), body, ..Draft::default() };
            ledger.append(&[draft]).unwrap();
        }
        let leaves = (0..6).map(|index| ledger.reader().leaf(index).unwrap()).collect();
        drop(ledger);
        let files = disk.files();
        let segment = files.keys().find(|path| path.ends_with(".seg")).unwrap().clone();
        Genuine { files, segment, leaves }
    })
}

/// The leaves that can be read after opening; none where it does not open.
pub fn ours(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    let Ok(ledger) = Ledger::open(Arc::new(disk.clone()), Box::new(SeededEntropy::new(2))) else {
        return Vec::new();
    };
    (0..ledger.head().size).map_while(|index| ledger.reader().leaf(index).ok()).collect()
}

/// Wrong on purpose: believes whatever looks like a leaf.
pub fn trusting(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    let bytes = disk.files().remove(&genuine().segment).unwrap_or_default();
    bytes.split(|byte| *byte == 0).filter(|piece| piece.contains(&b'{')).map(<[u8]>::to_vec).collect()
}

/// Only what was written is read; what verifies is so too; opening again reads the same.
pub fn check(data: &[u8], read: fn(&MemoryDisk) -> Vec<Vec<u8>>) -> Result<(), String> {
    let mut files = genuine().files.clone();
    files.insert(genuine().segment.clone(), data.to_vec());
    let disk = MemoryDisk::with_files(&files);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let verdict = verify(&shared, Known { kinds: &[KIND], since: None, outputs: None });
    let first = read(&disk);
    if !genuine().leaves.starts_with(&first) {
        return Err(format!("{} leaves, and not those that were written", first.len()));
    }
    if verdict.outcome == Outcome::Intact && verdict.head.is_none_or(|head| head.size != first.len() as u64) {
        return Err(format!("verified, but {} leaves are read", first.len()));
    }
    let again = read(&disk);
    if again != first {
        return Err(format!("{} leaves, and {} when opened again", first.len(), again.len()));
    }
    Ok(())
}

/// The segment as it was written: what the corpus begins with.
#[test]
fn the_corpus_holds_the_genuine_segment() {
    let kept = super::mutate::corpus("ledger");
    assert!(kept.iter().any(|(_, bytes)| *bytes == genuine().files[&genuine().segment]), "write it there again");
    assert_eq!(ours(&MemoryDisk::with_files(&genuine().files)), genuine().leaves);
}
