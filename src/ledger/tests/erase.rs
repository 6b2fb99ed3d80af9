//! Erasing a detail: the bytes are gone, every proof stays.

use std::sync::Mutex;

use super::super::disk::{DiskError, FileId, Mode};
use super::*;

fn contains(disk: &MemoryDisk, needle: &[u8]) -> bool {
    disk.files().values().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

fn erase(ledger: &mut Ledger, at: i64, index: u64, name: &str) {
    let body = erasure_body([(index, name)]);
    ledger.append(&[Draft { kind: KIND_ERASED.into(), body, ..event(at) }]).unwrap();
    ledger.erase(index, name).unwrap();
}

#[test]
fn an_erased_detail_is_gone_and_everything_else_stays() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    let two = Draft {
        details: [("reason".into(), b"because of kim".to_vec()), ("text".into(), b"personal words".to_vec())].into(),
        ..note(1, "")
    };
    ledger.append(&[note(1, "before"), two, note(1, "after")]).unwrap();
    let leaf = ledger.reader().leaf(2).unwrap();
    let entry = ledger.read(2).unwrap();
    let salt = {
        let (_, slot) = ledger.reader().place(&entry, "text").unwrap();
        let details = &disk.files()[&segment::details_path(0)];
        details[slot.offset as usize..slot.offset as usize + 32].to_vec()
    };
    assert!(contains(&disk, b"personal words") && contains(&disk, &salt));

    erase(&mut ledger, 2, 2, "text");
    assert!(!contains(&disk, b"personal words") && !contains(&disk, &salt));
    for ledger in [ledger, open(&disk)] {
        assert_eq!(ledger.reader().leaf(2).unwrap(), leaf);
        assert_eq!(ledger.detail(&entry, "text").unwrap(), Detail::Erased);
        assert_eq!(ledger.detail(&entry, "reason").unwrap(), Detail::Text(b"because of kim".to_vec()));
        let all: Vec<_> = ledger.recorded(0).map(Result::unwrap).collect();
        assert_eq!(all[2].details["text"], Detail::Erased);
        assert_eq!(all[3].details["text"], Detail::Text(b"after".to_vec()));
    }
    let verdict = verify_now(&disk);
    assert_eq!((&verdict.outcome, verdict.erased, verdict.details), (&Outcome::Intact, 1, 3));
}

#[test]
fn erasing_twice_or_what_is_not_there() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(1, "x")]).unwrap();
    erase(&mut ledger, 2, 1, "text");
    let before = disk.files();
    ledger.erase(1, "text").unwrap();
    assert_eq!(disk.files(), before);
    assert!(matches!(ledger.erase(1, "other"), Err(LedgerError::NoDetail { .. })));
    assert!(matches!(ledger.erase(9, "text"), Err(LedgerError::NoEvent(9))));
    assert_eq!(disk.files(), before);
}

#[test]
fn a_detail_of_no_bytes_can_be_erased_too() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(1, "")]).unwrap();
    let entry = ledger.read(1).unwrap();
    assert_eq!(ledger.detail(&entry, "text").unwrap(), Detail::Text(Vec::new()));
    erase(&mut ledger, 2, 1, "text");
    assert_eq!(ledger.detail(&entry, "text").unwrap(), Detail::Erased);
}

#[test]
fn details_are_found_in_old_segments_and_large_batches() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, 30_000);
    for batch in 0..6_i64 {
        let drafts: Vec<_> = (0..70).map(|n| note(batch, &format!("batch {batch} note {n}"))).collect();
        ledger.append(&drafts).unwrap();
    }
    for index in [1, 70, 71, 200, 420] {
        erase(&mut ledger, 10, index, "text");
        let entry = ledger.read(index).unwrap();
        assert_eq!(ledger.detail(&entry, "text").unwrap(), Detail::Erased, "event {index}");
        let near = ledger.read(index - 1).unwrap();
        if index > 1 {
            assert!(matches!(ledger.detail(&near, "text").unwrap(), Detail::Text(_)) || index == 71);
        }
    }
    drop(ledger);
    let ledger = open_small(&disk, 30_000);
    let erased = ledger.recorded(0).filter(|r| r.as_ref().unwrap().details.values().any(|d| *d == Detail::Erased));
    assert_eq!(erased.count(), 5);
    let verdict = verify_now(&disk);
    assert_eq!((&verdict.outcome, verdict.erased), (&Outcome::Intact, 5), "{verdict}");
}

#[test]
fn large_details_come_back_whole() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    let plan = vec![b'p'; 3 * 1024 * 1024];
    let draft = Draft { details: [("plan".into(), plan.clone())].into(), ..note(1, "") };
    ledger.append(&[draft, note(1, "after")]).unwrap();
    let details = ledger.recorded(1).next().unwrap().unwrap().details;
    assert_eq!(details["plan"], Detail::Text(plan));
    assert_eq!(verify_now(&disk).details, 2);
}

#[test]
fn the_real_disk_keeps_a_ledger_too() {
    let dir = tempfile::tempdir().unwrap();
    let lock = || -> Arc<dyn Disk> { Arc::new(RealDisk::lock(&dir.path().join("data"), 1).unwrap()) };
    let mut ledger = Ledger::init(lock(), Box::new(OsEntropy), 0, json!({"process": "init"})).unwrap();
    for at in 1..50 {
        ledger.append(&[note(at, "words"), event(at)]).unwrap();
    }
    erase(&mut ledger, 50, 3, "text");
    let head = ledger.head();
    drop(ledger);
    let ledger = Ledger::open_sized(lock(), Box::new(OsEntropy), 10_000).unwrap();
    assert_eq!(ledger.head(), head);
    let beside: Arc<dyn Disk> = Arc::new(RealDisk::read_only(&dir.path().join("data")).unwrap());
    let verdict = verify(&beside, Known { kinds: KINDS, since: Some((head.size, head.hash)), outputs: None });
    assert_eq!((&verdict.outcome, verdict.erased), (&Outcome::Intact, 1), "{verdict}");
}

#[test]
fn verification_beside_a_writer_never_cries_wolf() {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, 8_000);
    let beside = disk.clone();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let auditor = std::thread::spawn(move || {
        let mut verdicts = 0;
        while !seen.load(std::sync::atomic::Ordering::Acquire) || verdicts < 3 {
            let verdict = verify_now(&beside);
            assert_eq!(verdict.outcome, Outcome::Intact, "{verdict}");
            verdicts += 1;
        }
    });
    for at in 1..150 {
        ledger.append(&[note(at, "words to erase"), note(at, "words to keep")]).unwrap();
        let index = ledger.head().size - 2;
        erase(&mut ledger, at, index, "text");
    }
    done.store(true, std::sync::atomic::Ordering::Release);
    auditor.join().unwrap();
}

/// A disk on which somebody appends each time the details are opened to be read.
#[derive(Debug)]
struct Busy {
    disk: MemoryDisk,
    ledger: Mutex<Ledger>,
}

impl Disk for Busy {
    fn open(&self, path: &str, mode: Mode) -> Result<FileId, DiskError> {
        if path == segment::details_path(0) {
            let drafts = [note(9, "while you look"), event(9)];
            self.ledger.lock().unwrap().append(&drafts).unwrap();
            self.ledger.lock().unwrap().append(&drafts).unwrap();
        }
        self.disk.open(path, mode)
    }
    fn close(&self, file: FileId) {
        self.disk.close(file);
    }
    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        self.disk.len(file)
    }
    fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.read_at(file, offset, into)
    }
    fn append(&self, file: FileId, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.append(file, bytes)
    }
    fn overwrite(&self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.overwrite(file, offset, bytes)
    }
    fn sync_data(&self, file: FileId) -> Result<(), DiskError> {
        self.disk.sync_data(file)
    }
    fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.disk.truncate(file, len)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.disk.remove(path)
    }
    fn create_dir(&self, path: &str) -> Result<(), DiskError> {
        self.disk.create_dir(path)
    }
    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.disk.sync_dir(path)
    }
    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        self.disk.list(path)
    }
}

#[test]
fn what_is_appended_between_the_looks_of_a_verification_is_not_missed_by_it() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(1, "before"), event(2)]).unwrap();
    let busy: Arc<dyn Disk> = Arc::new(Busy { disk, ledger: Mutex::new(ledger) });
    let verdict = verify(&busy, Known { kinds: KINDS, since: None, outputs: None });
    assert_eq!((&verdict.outcome, verdict.head.unwrap().size), (&Outcome::Intact, 3), "{verdict}");
}
