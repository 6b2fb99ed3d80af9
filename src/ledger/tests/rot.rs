//! C5 and C6: files cut, flipped, zeroed, stale, misplaced. Detected or harmless; never a wrong answer.

use std::panic::AssertUnwindSafe;

use super::*;

/// What the ledger held before anything was done to it.
struct Truth {
    files: BTreeMap<String, Vec<u8>>,
    leaves: Vec<Vec<u8>>,
    recorded: Vec<Recorded>,
}

const SEGMENT_BYTES: u64 = 1_400;

/// Few events, two segments, every feature: batches, runs, details, an erasure.
fn small() -> Truth {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    let mut ledger = open_small(&disk, SEGMENT_BYTES);
    ledger.append(&[note(1, "abc"), Draft { run: Some(3), ..event(1) }]).unwrap();
    ledger.append(&[Draft { run: Some(3), run_closed: true, ..note(2, "de") }]).unwrap();
    let body = erasure_body([(1, "text")]);
    ledger.append(&[Draft { kind: KIND_ERASED.into(), body, ..event(3) }]).unwrap();
    ledger.erase(1, "text").unwrap();
    ledger.sign_checkpoint().unwrap();
    ledger.append(&[note(4, "f"), event(4)]).unwrap();
    truth(&disk, &ledger)
}

fn truth(disk: &MemoryDisk, ledger: &Ledger) -> Truth {
    let reader = ledger.reader();
    Truth {
        files: disk.files(),
        leaves: (0..ledger.head().size).map(|index| reader.leaf(index).unwrap()).collect(),
        recorded: ledger.recorded(0).map(Result::unwrap).collect(),
    }
}

/// What became of a change to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Harmless,
    Repaired,
    Refused,
    /// It opens, but some reads say that they cannot be answered.
    ReadsRefused,
}

/// Opens, reads everything, verifies. Panics on any wrong answer.
fn fate(truth: &Truth, files: &BTreeMap<String, Vec<u8>>, segment_bytes: u64, what: &str) -> Fate {
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| judge(truth, files, segment_bytes)));
    result.unwrap_or_else(|_| panic!("{what}"))
}

fn judge(truth: &Truth, files: &BTreeMap<String, Vec<u8>>, segment_bytes: u64) -> Fate {
    let disk = MemoryDisk::with_files(files);
    let verdict = verify_now(&disk);
    let fate = match Ledger::open_sized(shared(&disk), Box::new(SeededEntropy::new(6)), segment_bytes) {
        Err(_) => {
            assert_eq!(disk.files(), *files, "what is refused is left as it is");
            Fate::Refused
        }
        Ok(ledger) => {
            let size = usize::try_from(ledger.head().size).unwrap();
            assert!(size <= truth.leaves.len());
            let mut fate = if size < truth.leaves.len() { Fate::Repaired } else { Fate::Harmless };
            for index in 0..size {
                match ledger.reader().leaf(index as u64) {
                    Ok(leaf) => assert_eq!(leaf, truth.leaves[index]),
                    Err(_) => fate = Fate::ReadsRefused,
                }
            }
            for (index, recorded) in ledger.recorded(0).enumerate() {
                match recorded {
                    Ok(recorded) => assert_eq!(recorded, truth.recorded[index]),
                    Err(_) => fate = Fate::ReadsRefused,
                }
            }
            fate
        }
    };
    // Verification never calls changed bytes intact; a tail that recovery would move aside it counts.
    match (&verdict.outcome, fate) {
        (Outcome::Intact, Fate::Harmless) => {}
        (Outcome::Intact, Fate::Repaired) => {
            let short = verdict.head.unwrap().size < truth.leaves.len() as u64;
            assert!(short, "{verdict}");
        }
        (Outcome::Intact, Fate::Refused | Fate::ReadsRefused) => panic!("{verdict}, but {fate:?}"),
        (Outcome::Tampered(_) | Outcome::CannotTell(_), _) => {}
    }
    fate
}

fn tally(fates: impl IntoIterator<Item = Fate>) -> BTreeMap<Fate, usize> {
    let mut tally = BTreeMap::new();
    for fate in fates {
        *tally.entry(fate).or_insert(0) += 1;
    }
    tally
}

/// Splits the work over two threads.
fn in_parallel<T: Sync>(work: &[T], each: impl Fn(&T) -> Fate + Sync) -> Vec<Fate> {
    std::thread::scope(|scope| {
        let halves: Vec<_> = work.chunks(work.len().div_ceil(2).max(1)).collect();
        let threads: Vec<_> =
            halves.into_iter().map(|half| scope.spawn(|| half.iter().map(&each).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn c6_every_bit_flipped_is_detected_or_harmless() {
    let truth = small();
    let flips: Vec<(&String, usize, u8)> = truth
        .files
        .iter()
        .flat_map(|(path, bytes)| (0..bytes.len()).flat_map(move |at| (0..8).map(move |bit| (path, at, bit))))
        .collect();
    let fates = in_parallel(&flips, |(path, at, bit)| {
        let mut files = truth.files.clone();
        files.get_mut(*path).unwrap()[*at] ^= 1 << bit;
        fate(&truth, &files, SEGMENT_BYTES, &format!("{path}, byte {at}, bit {bit}"))
    });
    let mut by_file: BTreeMap<&str, Vec<Fate>> = BTreeMap::new();
    for ((path, _, _), fate) in flips.iter().zip(&fates) {
        by_file.entry(path).or_default().push(*fate);
    }
    for (path, fates) in &by_file {
        let tally = tally(fates.iter().copied());
        println!("{path}: {tally:?}");
        if path.ends_with(".seg") {
            // The segments hold nothing that may change unseen, and no flip looks like a power cut.
            assert_eq!(tally.keys().copied().filter(|fate| *fate == Fate::Harmless).count(), 0, "{path}");
        }
        if path.ends_with(".idx") || path.starts_with("keys/") {
            assert_eq!(tally.keys().copied().collect::<Vec<_>>(), [Fate::Harmless], "{path}");
        }
    }
}

#[test]
fn c5_every_file_cut_at_every_byte_is_detected_or_harmless() {
    let truth = small();
    let cuts: Vec<(&String, usize)> =
        truth.files.iter().flat_map(|(path, bytes)| (0..bytes.len()).map(move |len| (path, len))).collect();
    let fates = in_parallel(&cuts, |(path, len)| {
        let mut files = truth.files.clone();
        files.get_mut(*path).unwrap().truncate(*len);
        fate(&truth, &files, SEGMENT_BYTES, &format!("{path} cut at {len}"))
    });
    println!("{} cuts: {:?}", cuts.len(), tally(fates));
}

#[test]
fn c5_the_last_record_cut_at_every_byte_is_moved_aside() {
    for last in [vec![event(9)], vec![note(9, "words")], vec![note(9, "a"), event(9), note(9, "b")]] {
        let disk = MemoryDisk::new();
        let mut ledger = init(&disk);
        ledger.append(&[note(1, "kept")]).unwrap();
        let path = segment::segment_path(0);
        let before = disk.files()[&path].len();
        ledger.append(&last).unwrap();
        drop(ledger);
        let whole = disk.files();
        for len in before..whole[&path].len() {
            let mut files = whole.clone();
            files.get_mut(&path).unwrap().truncate(len);
            let disk = MemoryDisk::with_files(&files);
            let verdict = verify_now(&disk);
            assert_eq!(verdict.outcome, Outcome::Intact, "cut at {len}");
            assert_eq!(verdict.unfinished_bytes, (len - before) as u64);
            let mut ledger = open(&disk);
            assert_eq!(ledger.head().size, 2, "cut at {len}");
            let torn: Vec<_> = ledger.repairs().iter().map(|repair| (repair.index, repair.bytes)).collect();
            let expected = if len == before { vec![] } else { vec![(2, (len - before) as u64)] };
            assert_eq!(torn, expected);
            if let [repair] = ledger.repairs() {
                assert_eq!(disk.files()[&repair.aside], whole[&path][before..len]);
                let draft = Draft { kind: KIND_REPAIRED.into(), body: repair.body(), ..event(10) };
                ledger.append(&[draft]).unwrap();
                // A crash before the next line only has it recorded twice.
                assert_eq!(open(&MemoryDisk::with_files(&disk.files())).repairs().len(), 1);
                ledger.repairs_recorded().unwrap();
            }
            ledger.append(&last.iter().map(|d| Draft { at: 11, ..d.clone() }).collect::<Vec<_>>()).unwrap();
            drop(ledger);
            assert!(open(&disk).repairs().is_empty());
            assert_eq!(verify_now(&disk).outcome, Outcome::Intact);
        }
    }
}

#[test]
fn c5_a_tail_of_zeros_is_a_torn_tail() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(1, "kept"), event(1)]).unwrap();
    drop(ledger);
    for zeros in [1, 15, 16, 511, 512, 4096, 5000] {
        let mut files = disk.files();
        let path = segment::segment_path(0);
        files.get_mut(&path).unwrap().extend(vec![0; zeros]);
        let disk = MemoryDisk::with_files(&files);
        let ledger = open(&disk);
        assert_eq!((ledger.head().size, ledger.repairs().len()), (3, 1), "{zeros} zeros");
    }
}

#[test]
fn c5_an_acknowledged_record_damaged_before_a_torn_write_is_not_moved_aside() {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[event(1)]).unwrap();
    let path = segment::segment_path(0);
    let begin = disk.files()[&path].len();
    ledger.append(&[event(2)]).unwrap();
    let end = disk.files()[&path].len();
    drop(ledger);
    // A byte of its leaf, and its length made shorter and longer.
    for (at, bit) in [(begin + 40, 1), (begin, 1), (begin + 1, 2)] {
        let mut files = disk.files();
        let bytes = files.get_mut(&path).unwrap();
        bytes[at] ^= bit;
        let next = bytes[begin..end - 100].to_vec();
        bytes.extend(next);
        bytes.extend([0; 100]);
        let disk = MemoryDisk::with_files(&files);
        let opened = Ledger::open(shared(&disk), Box::new(SeededEntropy::new(1)));
        assert!(matches!(opened, Err(LedgerError::Damaged { .. })), "byte {}: {opened:?}", at - begin);
        assert_eq!(verify_now(&disk).exit_code(), 1);
    }
}

/// About 64 KiB in one segment, so that sectors and pages lie within it.
fn large() -> Truth {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    for at in 1..60 {
        ledger.append(&[note(at, "some words"), event(at), Draft { run: Some(at as u64), ..event(at) }]).unwrap();
    }
    truth(&disk, &ledger)
}

#[test]
fn c6_zeroed_stale_and_misplaced_pages_before_the_tail_stop_with_their_offset() {
    let truth = large();
    let path = segment::segment_path(0);
    let whole = &truth.files[&path];
    for block in [512, 4096] {
        let blocks = whole.len() / block;
        // Everything but what the last batch touches.
        let settled = whole.len() - 3 * 400;
        let mut refused = 0;
        for place in 0..blocks {
            for source in [None, Some((place + 1) % blocks), Some(place.saturating_sub(3)), Some(blocks - 1 - place)] {
                let mut files = truth.files.clone();
                let bytes = files.get_mut(&path).unwrap();
                let at = place * block;
                match source {
                    None => bytes[at..at + block].fill(0),
                    Some(other) => bytes.copy_within(other * block..(other + 1) * block, at),
                }
                let changed = *bytes != *whole;
                let what = format!("block {place} of {block} replaced by {source:?}");
                let fate = fate(&truth, &files, segment::SEGMENT_BYTES_MAX, &what);
                if changed && at + block <= settled {
                    assert_eq!(fate, Fate::Refused, "{what}");
                    let disk = MemoryDisk::with_files(&files);
                    let opened = Ledger::open(shared(&disk), Box::new(SeededEntropy::new(1)));
                    let Err(LedgerError::Damaged { file, offset, .. }) = opened else { panic!("{opened:?}, {what}") };
                    assert_eq!(file, path);
                    let offset = usize::try_from(offset).unwrap();
                    assert!(offset <= at + block && offset + 1_000 > at, "offset {offset}, {what}");
                    refused += 1;
                }
            }
        }
        println!("blocks of {block}: {refused} replaced and refused");
        assert!(refused > blocks);
    }
}

#[test]
fn c6_a_file_gone_is_noticed() {
    let truth = small();
    for gone in truth.files.keys() {
        let mut files = truth.files.clone();
        files.remove(gone);
        let fate = fate(&truth, &files, SEGMENT_BYTES, gone);
        // A ledger without checkpoints is one that is older than they are; whoever holds one elsewhere sees more.
        let derived = gone.ends_with(".idx") || gone.ends_with("erasing");
        let harmless = derived || gone.starts_with("keys/") || gone == CHECKPOINTS_FILE;
        assert_eq!(fate == Fate::Harmless, harmless, "{gone}: {fate:?}");
    }
    // The last segment with its details, both gone, is a ledger cut short behind its last checkpoint: only a head kept elsewhere
    // shows it.
    let mut files = truth.files.clone();
    let last = *segment::segments(&shared(&MemoryDisk::with_files(&files))).unwrap().last().unwrap();
    assert!(last > 0);
    files.remove(&segment::segment_path(last));
    files.remove(&segment::details_path(last));
    let disk = MemoryDisk::with_files(&files);
    assert_eq!(verify_now(&disk).outcome, Outcome::Intact);
    let head = (truth.leaves.len() as u64, leaf_hash(truth.leaves.last().unwrap()));
    let verdict = verify(&shared(&disk), Known { kinds: KINDS, since: Some(head), outputs: None });
    assert_eq!(verdict.exit_code(), 1);
}

#[test]
fn c8_a_file_that_cannot_be_read_is_not_called_tampered() {
    let truth = small();
    for path in truth.files.keys().filter(|path| path.ends_with(".seg") || path.ends_with(".det")) {
        let disk = MemoryDisk::with_files(&truth.files);
        disk.break_file(path);
        assert_eq!(verify_now(&disk).exit_code(), 2, "{path}");
    }
}
