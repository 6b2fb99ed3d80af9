//! Checkpoints as the ledger signs, keeps and checks them; and a ledger that is not the one they were signed for.

use super::super::hash::leaf_hash;
use super::*;

fn signed(disk: &MemoryDisk, events: i64) -> Ledger {
    let mut ledger = init(disk);
    for at in 1..=events {
        ledger.append(&[event(at)]).unwrap();
    }
    ledger.sign_checkpoint().unwrap();
    ledger
}

fn checkpoint(ledger: &Ledger) -> Checkpoint {
    ledger.reader().checkpoint().unwrap().checkpoint.clone()
}

#[test]
fn a_checkpoint_says_how_many_events_there_are_and_the_root_over_them() {
    let disk = MemoryDisk::new();
    let mut ledger = signed(&disk, 2);
    let hashes: Vec<Hash> = leaves(&disk).iter().map(|leaf| leaf_hash(leaf)).collect();
    let root = tree::node(tree::node(hashes[0], hashes[1]), hashes[2]);
    assert_eq!(checkpoint(&ledger), Checkpoint { origin: ledger.genesis().origin.clone(), size: 3, root });
    let note = ledger.reader().checkpoint().unwrap().note.clone();
    assert_eq!(checkpoint::read(&note, &ledger.genesis().identity()), Ok(checkpoint(&ledger)));
    assert_eq!(String::from_utf8(disk.files()[CHECKPOINTS_FILE].clone()).unwrap(), note);
    ledger.sign_checkpoint().unwrap();
    assert_eq!(disk.files()[CHECKPOINTS_FILE].len(), note.len(), "nothing new, nothing signed");
    let before = checkpoint(&ledger);
    drop(ledger);
    let mut ledger = open(&disk);
    assert_eq!(checkpoint(&ledger), before);
    ledger.append(&[event(9)]).unwrap();
    ledger.sign_checkpoint().unwrap();
    assert_eq!(checkpoint(&ledger).size, 4);
    let verdict = verify_now(&disk);
    assert_eq!((verdict.outcome, verdict.checkpoints), (Outcome::Intact, 2));
}

#[test]
fn a_ledger_of_many_segments_keeps_its_tree_in_their_side_files() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, 20_000);
    for at in 1..=700 {
        ledger.append(&[event(at)]).unwrap();
        if at % 97 == 0 {
            ledger.sign_checkpoint().unwrap();
        }
    }
    let root = ledger.reader().tree().root();
    drop(ledger);
    let count = disk.files().keys().filter(|path| path.ends_with(".idx")).count();
    assert!(count > 3, "{count} side files");
    let ledger = open_small(&disk, 20_000);
    assert_eq!(ledger.reader().tree().root(), root);
    drop(ledger);
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with(".idx"));
    let without = MemoryDisk::with_files(&files);
    assert_eq!(open_small(&without, 20_000).reader().tree().root(), root);
    assert_eq!(verify_now(&without).checkpoints, 7);
}

/// A8: the data of yesterday beside the checkpoints of today.
#[test]
fn a8_a_ledger_put_back_from_an_earlier_copy_is_not_served() {
    let disk = MemoryDisk::new();
    let mut ledger = signed(&disk, 3);
    let yesterday = disk.files();
    ledger.append(&[event(10), note(11, "an approval nobody is to see")]).unwrap();
    ledger.sign_checkpoint().unwrap();
    drop(ledger);
    let mut files = yesterday;
    files.insert(CHECKPOINTS_FILE.into(), disk.files()[CHECKPOINTS_FILE].clone());
    let restored = MemoryDisk::with_files(&files);
    let refused = Ledger::open(shared(&restored), Box::new(SeededEntropy::new(2))).unwrap_err();
    assert!(matches!(refused, LedgerError::RolledBack { here: 4, signed: 6 }), "{refused}");
    assert_eq!((refused.exit_code(), restored.files() == files), (error::EXIT_STORAGE, true));
    let verdict = verify_now(&restored);
    assert!(matches!(verdict.outcome, Outcome::Tampered(Finding { reason: Reason::RolledBack(6), .. })), "{verdict}");
}

/// A9: another history of the same length, every link of it right.
#[test]
fn a9_another_history_than_the_signed_one_is_not_served() {
    let disk = MemoryDisk::new();
    let ledger = signed(&disk, 3);
    drop(ledger);
    let mut files = disk.files();
    let checkpoints = files.remove(CHECKPOINTS_FILE).unwrap();
    let other = MemoryDisk::new();
    drop(init(&other));
    let mut forked = open(&other);
    for at in 1..=3 {
        forked.append(&[event(at + 100)]).unwrap();
    }
    drop(forked);
    let mut files = other.files();
    files.insert(CHECKPOINTS_FILE.into(), checkpoints);
    let other = MemoryDisk::with_files(&files);
    let refused = Ledger::open(shared(&other), Box::new(SeededEntropy::new(2))).unwrap_err();
    assert!(matches!(refused, LedgerError::Forked { signed: 4 }), "{refused}");
    let verdict = verify_now(&other);
    assert!(matches!(verdict.outcome, Outcome::Tampered(Finding { reason: Reason::Forked(4), .. })), "{verdict}");
}

#[test]
fn checkpoints_of_another_ledger_or_that_nobody_signed_are_refused() {
    let disk = MemoryDisk::new();
    drop(signed(&disk, 3));
    let other = MemoryDisk::new();
    let mut stranger = Ledger::init(shared(&other), Box::new(SeededEntropy::new(77)), 0, json!({})).unwrap();
    stranger.sign_checkpoint().unwrap();
    let own = disk.files()[CHECKPOINTS_FILE].clone();
    let changed = String::from_utf8(own.clone()).unwrap().replace("\n4\n", "\n3\n").into_bytes();
    for bytes in [other.files()[CHECKPOINTS_FILE].clone(), changed, [own.as_slice(), b"and more\n\nlines\n"].concat()] {
        let mut files = disk.files();
        files.insert(CHECKPOINTS_FILE.into(), bytes);
        let spoiled = MemoryDisk::with_files(&files);
        let refused = Ledger::open(shared(&spoiled), Box::new(SeededEntropy::new(2))).unwrap_err();
        assert!(matches!(&refused, LedgerError::Damaged { file, .. } if file == CHECKPOINTS_FILE), "{refused}");
        assert!(matches!(verify_now(&spoiled).outcome, Outcome::Tampered(_)));
    }
}

#[test]
fn a_checkpoint_that_was_not_written_whole_is_written_anew() {
    let disk = MemoryDisk::new();
    let mut ledger = signed(&disk, 3);
    let whole = disk.files()[CHECKPOINTS_FILE].len();
    ledger.append(&[event(10)]).unwrap();
    ledger.sign_checkpoint().unwrap();
    drop(ledger);
    let files = disk.files();
    for cut in whole..files[CHECKPOINTS_FILE].len() {
        let mut files = files.clone();
        files.get_mut(CHECKPOINTS_FILE).unwrap().truncate(cut);
        let torn = MemoryDisk::with_files(&files);
        let mut ledger = open(&torn);
        assert_eq!(checkpoint(&ledger).size, 4, "{cut}");
        ledger.sign_checkpoint().unwrap();
        assert_eq!(torn.files(), disk.files(), "{cut}");
    }
}

#[test]
fn a_ledger_without_its_key_goes_on_and_signs_nothing() {
    let disk = MemoryDisk::new();
    drop(signed(&disk, 3));
    let mut files = disk.files();
    files.remove(segment::KEY_FILE);
    let without = MemoryDisk::with_files(&files);
    let mut ledger = open(&without);
    ledger.append(&[event(10)]).unwrap();
    ledger.sign_checkpoint().unwrap();
    assert_eq!(checkpoint(&ledger).size, 4);
    assert!(ledger.signer().is_none());
}
