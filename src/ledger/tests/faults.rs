//! C7 to C10: no room, I/O errors, a sync that fails once, at every operation of a workload.

use super::super::disk::{Fault, PowerCut};
use super::*;

/// What a workload under faults saw.
struct Seen {
    acknowledged: Vec<Vec<u8>>,
    errors: Vec<LedgerError>,
    ledger: Ledger,
}

/// Appends, erases and rolls over segments, going on after every error as the engine would.
fn workload(disk: &MemoryDisk) -> Seen {
    let mut ledger = open_small(disk, 3_000);
    // A fault may hit one of the test's own looks; then it looks again.
    let look = |ledger: &Ledger, index| {
        let leaf = ledger.reader().leaf(index);
        leaf.or_else(|_| ledger.reader().leaf(index)).unwrap()
    };
    let mut seen = (vec![look(&ledger, 0)], Vec::new());
    for at in 1..12 {
        let drafts = match at % 3 {
            0 => vec![event(at)],
            1 => vec![note(at, &"long ".repeat(60))],
            _ => vec![note(at, "a"), Draft { run: Some(at as u64), ..event(at) }, note(at, "b")],
        };
        match ledger.append(&drafts) {
            Ok(stamps) => {
                for stamp in stamps {
                    let leaf = look(&ledger, stamp.index);
                    assert_eq!(leaf_hash(&leaf), stamp.hash);
                    seen.0.push(leaf);
                }
            }
            Err(error) => seen.1.push(error),
        }
        if at == 7
            && let Err(error) = ledger.erase(1, "text")
        {
            seen.1.push(error);
        }
    }
    Seen { acknowledged: seen.0, errors: seen.1, ledger }
}

fn base() -> MemoryDisk {
    let disk = MemoryDisk::new();
    drop(init(&disk));
    MemoryDisk::with_files(&disk.files())
}

/// The number of operations of the workload without faults, and of opening alone.
fn counts() -> (u64, u64) {
    let disk = base();
    drop(open_small(&disk, 3_000));
    let opening = disk.operations();
    let disk = base();
    assert!(workload(&disk).errors.is_empty());
    (opening, disk.operations())
}

fn leaves_of(ledger: &Ledger) -> Vec<Vec<u8>> {
    let reader = ledger.reader();
    (0..ledger.head().size).map(|index| reader.leaf(index).unwrap()).collect()
}

/// Everything acknowledged is there, live and after a restart with or without a power cut before it.
fn check(disk: &MemoryDisk, seen: &Seen, what: &str) {
    assert_eq!(leaves_of(&seen.ledger), seen.acknowledged, "live, {what}");
    let before = disk.power_cut(PowerCut::Lost);
    let as_it_is = MemoryDisk::with_files(&disk.files());
    for (disk, how) in [(as_it_is, "restart"), (before, "power cut")] {
        let ledger = Ledger::open_sized(shared(&disk), Box::new(SeededEntropy::new(8)), 3_000)
            .unwrap_or_else(|error| panic!("{error}, {how}, {what}"));
        let found = leaves_of(&ledger);
        assert_eq!(found[..seen.acknowledged.len()], seen.acknowledged, "{how}, {what}");
        let known = Known { kinds: KINDS, since: None, outputs: None };
        let verdict = verify(&shared(&disk), known);
        let unrecorded = |reason: &Reason| matches!(reason, Reason::ErasureUnrecorded(_));
        match &verdict.outcome {
            Outcome::Intact => {}
            // The workload erases without recording it.
            Outcome::Tampered(finding) if unrecorded(&finding.reason) => {}
            other => panic!("{other:?}, {how}, {what}"),
        }
    }
}

#[test]
fn c7_no_room_at_every_operation_refuses_and_goes_on_when_there_is_room() {
    let (opening, all) = counts();
    let mut refused = 0;
    for n in opening + 1..=all {
        for fault in [Fault::NoSpace, Fault::ShortWrite(1), Fault::ShortWrite(100)] {
            let disk = base();
            disk.plan([(n, fault)]);
            let mut seen = workload(&disk);
            let what = format!("{fault:?} at operation {n}");
            let stamp = seen.ledger.append(&[event(100)]).unwrap()[0];
            seen.acknowledged.push(seen.ledger.reader().leaf(stamp.index).unwrap());
            for error in &seen.errors {
                assert!(matches!(error, LedgerError::Write(cause) if cause.is_full()), "{error}, {what}");
                assert_eq!(error.exit_code(), 75);
            }
            refused += seen.errors.len();
            assert!(seen.errors.len() <= 1, "{what}");
            assert_eq!(seen.ledger.health(), Health::Fine, "{what}");
            check(&disk, &seen, &what);
        }
    }
    println!("{} faults, {refused} appends refused", (all - opening) * 3);
    assert!(refused > 30);
}

#[test]
fn c7_a_full_disk_refuses_until_there_is_room() {
    let disk = base();
    let mut ledger = open(&disk);
    ledger.append(&[note(1, "before")]).unwrap();
    disk.set_full(true);
    for _ in 0..3 {
        assert!(matches!(ledger.append(&[note(2, "x")]), Err(LedgerError::Write(_))));
        assert_eq!(ledger.health(), Health::Refusing);
    }
    assert_eq!(ledger.head().size, 2);
    assert_eq!(ledger.iter(0).count(), 2, "reading goes on");
    disk.set_full(false);
    assert_eq!(ledger.append(&[note(2, "after")]).unwrap()[0].index, 2);
    assert_eq!(ledger.health(), Health::Fine);
    drop(ledger);
    disk.set_full(true);
    assert_eq!(open(&disk).head().size, 3, "a full disk does not keep the ledger shut");
}

#[test]
fn c8_an_io_error_at_every_operation_loses_nothing_acknowledged() {
    let (opening, all) = counts();
    let mut poisoned = 0;
    for n in opening + 1..=all {
        let disk = base();
        disk.plan([(n, Fault::Io)]);
        let seen = workload(&disk);
        let what = format!("I/O error at operation {n} ({})", disk.acts()[n as usize - 1]);
        for error in &seen.errors {
            assert_eq!(error.exit_code(), 74, "{error}, {what}");
        }
        poisoned += usize::from(seen.ledger.health() == Health::Poisoned);
        check(&disk, &seen, &what);
    }
    println!("{} errors, {poisoned} poisoned", all - opening);
    assert!(poisoned > 10);
}

#[test]
fn c8_an_io_error_while_opening_is_an_error_and_changes_nothing() {
    let disk = base();
    drop(workload(&disk).ledger);
    let files = disk.files();
    let counted = MemoryDisk::with_files(&files);
    drop(open_small(&counted, 3_000));
    for n in 1..=counted.operations() {
        let disk = MemoryDisk::with_files(&files);
        disk.plan([(n, Fault::Io)]);
        let opened = Ledger::open_sized(shared(&disk), Box::new(SeededEntropy::new(1)), 3_000);
        match opened {
            Ok(ledger) => {
                assert_eq!(ledger.head().size, open_small(&MemoryDisk::with_files(&files), 3_000).head().size)
            }
            Err(error) => assert_eq!(error.exit_code(), 74, "{error}"),
        }
        let strip = |files: BTreeMap<String, Vec<u8>>| {
            files.into_iter().filter(|(path, _)| !path.starts_with("ledger/index")).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(strip(disk.files()), strip(files.clone()), "operation {n}");
    }
}

#[test]
fn c9_a_sync_that_fails_once_poisons_for_good() {
    let (opening, all) = counts();
    let disk = base();
    drop(workload(&disk));
    let syncs: Vec<u64> = (opening + 1..=all).filter(|n| disk.acts()[*n as usize - 1].starts_with("sync")).collect();
    let mut poisoned = 0;
    for n in syncs {
        let disk = base();
        disk.plan([(n, Fault::Io)]);
        let mut seen = workload(&disk);
        // A side file's sync is nobody's promise; every other one is.
        if seen.ledger.health() == Health::Fine {
            assert!(seen.errors.is_empty());
            continue;
        }
        poisoned += 1;
        assert!(seen.errors.iter().all(|error| matches!(error, LedgerError::Poisoned(_))), "{:?}", seen.errors);
        let size = seen.ledger.head().size;
        let before = disk.files();
        let again = seen.ledger.append(&[event(1_000)]).unwrap_err();
        assert!(matches!(again, LedgerError::Poisoned(_)));
        assert_eq!(again.exit_code(), 74);
        assert!(matches!(seen.ledger.erase(1, "text"), Err(LedgerError::Poisoned(_))));
        assert_eq!(disk.files(), before, "nothing is written after a failed sync");
        assert_eq!(seen.ledger.head().size, size);
        check(&disk, &seen, &format!("failed sync at operation {n}"));
    }
    println!("{poisoned} failed syncs");
    assert!(poisoned > 10);
}

#[test]
fn c9_after_a_poisoned_restart_the_ledger_goes_on() {
    let disk = base();
    let mut ledger = open(&disk);
    ledger.append(&[note(1, "kept")]).unwrap();
    disk.plan([(disk.operations() + 2, Fault::Io)]);
    assert!(matches!(ledger.append(&[note(2, "in doubt")]), Err(LedgerError::Poisoned(_))));
    drop(ledger);
    let disk = disk.power_cut(PowerCut::Kept);
    let mut ledger = open(&disk);
    assert_eq!(ledger.head().size, 2);
    ledger.append(&[note(3, "goes on")]).unwrap();
    assert_eq!(verify_now(&disk).outcome, Outcome::Intact);
}

#[test]
fn c9_what_reads_well_after_a_failed_sync_is_written_again_before_it_counts() {
    // The pages of the failed sync are clean in memory and not on the disk: a restarted process reads them well.
    for (failing, drafts) in [(2, vec![event(2)]), (4, vec![note(2, "in doubt"), event(2)])] {
        let disk = base();
        let mut ledger = open(&disk);
        ledger.append(&[note(1, "kept")]).unwrap();
        disk.plan([(disk.operations() + failing, Fault::Io)]);
        assert!(matches!(ledger.append(&drafts), Err(LedgerError::Poisoned(_))));
        drop(ledger);
        let mut ledger = open(&disk);
        let size = ledger.head().size;
        assert_eq!(size, 2 + drafts.len() as u64, "it is there as far as anybody can read");
        ledger.append(&[note(3, "acknowledged on top")]).unwrap();
        let leaves = leaves_of(&ledger);
        for cut in [PowerCut::Lost, PowerCut::Kept] {
            let disk = disk.power_cut(cut);
            assert_eq!(leaves_of(&open(&disk)), leaves);
            assert_eq!(verify_now(&disk).outcome, Outcome::Intact);
        }
    }
}

#[test]
fn c7_a_reserve_takes_what_must_be_recorded_on_a_full_disk_and_comes_back_with_the_room() {
    const KEPT: u64 = 3 * 256 * 1024;
    let disk = base();
    let mut ledger = open(&disk);
    let reserve = |disk: &MemoryDisk| disk.files()["reserve"].len() as u64;
    ledger.keep_reserve(KEPT).unwrap();
    assert_eq!(reserve(&disk), KEPT);
    disk.set_room(Some(0));
    assert!(matches!(ledger.append(&[note(1, "x")]), Err(LedgerError::Write(error)) if error.is_full()));
    assert_eq!(reserve(&disk), KEPT, "what can wait does not touch it");
    ledger.append_from_reserve(&[note(2, "one")]).unwrap();
    assert!((KEPT - 2_000..KEPT).contains(&reserve(&disk)), "as little as that takes: {}", reserve(&disk));
    assert!(ledger.append(&[note(3, "x")]).is_err(), "nothing else gets in through the same door");
    ledger.append_from_reserve(&[note(3, &"long ".repeat(150_000))]).unwrap();
    assert!(ledger.append_from_reserve(&[note(4, &"long ".repeat(150_000))]).is_err());
    // Somebody else takes what was given back in vain.
    disk.set_room(Some(0));
    assert_eq!(reserve(&disk), 0);
    assert!(matches!(ledger.append_from_reserve(&[note(4, "x")]), Err(LedgerError::Write(error)) if error.is_full()));
    assert_eq!(ledger.head().size, 3);

    disk.set_room(Some(1_000));
    ledger.append(&[note(5, "a little room")]).unwrap();
    assert!((1..1_000).contains(&reserve(&disk)), "the reserve comes first: {}", reserve(&disk));
    assert!(ledger.append(&[note(6, "x")]).is_err());
    assert_eq!(ledger.head().size, 4);
    disk.set_room(None);
    ledger.append(&[note(7, "room")]).unwrap();
    assert_eq!(reserve(&disk), KEPT);
    drop(ledger);
    assert_eq!(open(&disk).head().size, 5);
    let verdict = verify(&shared(&disk), Known { kinds: KINDS, since: None, outputs: None });
    assert!(matches!(verdict.outcome, Outcome::Intact), "{verdict:?}");
}
