//! C4: every workload of at most three operations, cut off at every change of the disk, in every way power can go.

use std::collections::{BTreeMap, BTreeSet};

use super::super::disk::{Fault, power_cuts};
use super::*;

/// Segments so short that a batch begins a new one.
const SEGMENT_BYTES: u64 = 9_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// One event without details: no frame announces it. It is signed for at once.
    One,
    /// One event with a detail.
    Note,
    /// Twenty events of a run with details, over several sectors and pages.
    Batch,
    /// A write that finds no room, half done.
    Full,
    /// The last detail not yet erased: recorded, then wiped.
    Erase,
    /// Close and open.
    Reopen,
}

const OPS: [Op; 6] = [Op::One, Op::Note, Op::Batch, Op::Full, Op::Erase, Op::Reopen];

/// What the workload knows it was promised.
#[derive(Debug, Clone, Default)]
struct Promised {
    /// Sizes after each acknowledgement.
    sizes: Vec<u64>,
    erased: BTreeSet<(u64, String)>,
    /// Asked for and not yet confirmed.
    erasing: Option<(u64, String)>,
}

struct Bench {
    disk: MemoryDisk,
    ledger: Option<Ledger>,
    promised: Promised,
    clock: i64,
}

impl Bench {
    fn on(disk: &MemoryDisk) -> Self {
        let ledger = open_small(disk, SEGMENT_BYTES);
        let promised = Promised { sizes: vec![ledger.head().size], ..Promised::default() };
        Self { disk: disk.clone(), ledger: Some(ledger), promised, clock: 100 }
    }

    fn append(&mut self, drafts: &[Draft]) -> Result<(), LedgerError> {
        let ledger = self.ledger.as_mut().unwrap();
        ledger.append(drafts)?;
        self.promised.sizes.push(ledger.head().size);
        Ok(())
    }

    fn run(&mut self, op: Op) -> Result<(), LedgerError> {
        self.clock += 1;
        let at = self.clock;
        match op {
            Op::One => {
                self.append(&[event(at)])?;
                self.ledger.as_mut().unwrap().sign_checkpoint()
            }
            Op::Note => self.append(&[note(at, "a note of some length, to be erased one day")]),
            Op::Batch => {
                let run = u64::try_from(at).unwrap();
                let long = "x".repeat(300);
                let drafts: Vec<_> = (0..20).map(|_| Draft { run: Some(run), ..note(at, &long) }).collect();
                self.append(&drafts)
            }
            Op::Full => {
                // Once in the frame (the append's first write), once in the leaves (two operations later).
                for late in [0, 2] {
                    let planned = self.disk.planned();
                    let short = (self.disk.operations() + 1 + late, Fault::ShortWrite(400));
                    self.disk.plan(planned.clone().into_iter().chain([short]));
                    let failed = self.append(&[note(at, "lost"), note(at, &"y".repeat(900))]);
                    self.disk.plan(planned);
                    if let Err(error) = failed
                        && !matches!(error, LedgerError::Write(_))
                    {
                        return Err(error);
                    }
                }
                Ok(())
            }
            Op::Erase => {
                let ledger = self.ledger.as_ref().unwrap();
                let last = (0..ledger.head().size).rev().find(|index| {
                    let has = ledger.read(*index).is_ok_and(|entry| entry.commitments.contains_key("text"));
                    has && !self.promised.erased.contains(&(*index, "text".into()))
                });
                let Some(index) = last else { return Ok(()) };
                let body = erasure_body([(index, "text")]);
                self.append(&[Draft { kind: KIND_ERASED.into(), body, ..event(at) }])?;
                self.promised.erasing = Some((index, "text".into()));
                self.ledger.as_mut().unwrap().erase(index, "text")?;
                self.promised.erased.extend(self.promised.erasing.take());
                Ok(())
            }
            Op::Reopen => {
                self.ledger = None;
                let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
                self.ledger = Some(Ledger::open_sized(disk, Box::new(SeededEntropy::new(3)), SEGMENT_BYTES)?);
                Ok(())
            }
        }
    }
}

/// All leaves and the details as they were given.
type Contents = Vec<(Vec<u8>, BTreeMap<String, Detail>)>;

fn contents(ledger: &Ledger) -> Contents {
    let reader = ledger.reader();
    let leaf = |recorded: Recorded| (reader.leaf(recorded.entry.index).unwrap(), recorded.details);
    ledger.recorded(0).map(|recorded| leaf(recorded.unwrap())).collect()
}

/// P1, P2, P3, P6 and the erasures, of one disk as the next boot finds it.
fn check_survivor(left: &MemoryDisk, promised: &Promised, whole: &Contents, what: &dyn Fn() -> String) {
    let verdict = verify_now(left);
    assert_eq!(verdict.outcome, Outcome::Intact, "before opening, {}", what());
    let ledger = Ledger::open_sized(shared(left), Box::new(SeededEntropy::new(4)), SEGMENT_BYTES)
        .unwrap_or_else(|error| panic!("{error}, {}", what()));
    let found = contents(&ledger);
    let size = found.len() as u64;
    let acknowledged = promised.sizes.last().copied().unwrap();
    assert!(size >= acknowledged, "{size} of {acknowledged} acknowledged events, {}", what());
    for (index, ((leaf, details), (leaf_given, details_given))) in found.iter().zip(whole).enumerate() {
        assert_eq!(leaf, leaf_given, "event {index}, {}", what());
        for (name, detail) in details {
            let key = (index as u64, name.clone());
            let erasing = promised.erasing.as_ref() == Some(&key);
            if promised.erased.contains(&key) {
                assert_eq!(detail, &Detail::Erased, "event {index}, {}", what());
            } else if !(erasing && detail == &Detail::Erased) {
                assert_eq!(Some(detail), details_given.get(name), "event {index}, {}", what());
            }
        }
    }
    drop(ledger);
    let once = left.files();
    drop(Ledger::open_sized(shared(left), Box::new(SeededEntropy::new(5)), SEGMENT_BYTES).unwrap());
    assert_eq!(left.files(), once, "recovery done twice, {}", what());
    let verdict = verify_now(left);
    assert_eq!(verdict.outcome, Outcome::Intact, "{}", what());
    assert_eq!((verdict.unfinished_bytes, verdict.head.unwrap().size), (0, size), "{}", what());
}

/// The numbers of the operations that changed something, after `from`.
fn changes(disk: &MemoryDisk, from: u64) -> Vec<u64> {
    let changing = ["append to", "overwrite", "shorten", "rename", "remove", "create", "make directory"];
    let acts = disk.acts();
    let numbered = acts.iter().enumerate().map(|(place, act)| (place as u64 + 1, act));
    numbered.filter(|(n, act)| *n > from && changing.contains(*act)).map(|(n, _)| n).collect()
}

fn start() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let mut ledger = init(&disk);
    ledger.append(&[note(1, "the first note"), event(2)]).unwrap();
    drop(ledger);
    MemoryDisk::with_files(&disk.files())
}

/// Runs a workload to its end: what it wrote, with nothing erased, and the numbers of its last operation's changes.
fn dry_run(base: &MemoryDisk, workload: &[Op]) -> (Contents, Vec<u64>) {
    // Looking counts as operations too, so it is done on another disk than counting.
    let mut looked = Bench::on(&MemoryDisk::with_files(&base.files()));
    let mut given: Contents = contents(looked.ledger.as_ref().unwrap());
    let counted = MemoryDisk::with_files(&base.files());
    let mut bench = Bench::on(&counted);
    let mut from = 0;
    for op in workload {
        from = counted.operations();
        bench.run(*op).unwrap();
        looked.run(*op).unwrap();
        let now = contents(looked.ledger.as_ref().unwrap());
        let known = given.len();
        given.extend(now.into_iter().skip(known));
    }
    (given, changes(&counted, from))
}

fn workloads(length: usize) -> Vec<Vec<Op>> {
    (0..length).fold(vec![Vec::new()], |shorter, _| {
        shorter.iter().flat_map(|workload| OPS.map(|op| [workload.as_slice(), &[op]].concat())).collect()
    })
}

/// Cuts the last operation of a workload at each of its changes; the operations before were other workloads' last.
fn cut_everywhere(base: &MemoryDisk, workload: &[Op], in_recovery_too: bool) -> [usize; 2] {
    let (given, points) = dry_run(base, workload);
    let mut tried = [0, 0];
    for point in points {
        let disk = MemoryDisk::with_files(&base.files());
        disk.plan([(point, Fault::PowerOff)]);
        let mut bench = Bench::on(&disk);
        for op in workload {
            // The last one fails, as planned, unless the failing act was one nobody waits for.
            if bench.run(*op).is_err() {
                break;
            }
        }
        let mut seen = BTreeSet::new();
        for cut in power_cuts() {
            let left = disk.power_cut(cut);
            if !seen.insert(left.files()) {
                continue;
            }
            let what = || format!("{workload:?} cut at operation {point}, {cut:?}");
            if in_recovery_too {
                let copy = MemoryDisk::with_files(&left.files());
                let _watched = Ledger::open_sized(shared(&copy), Box::new(SeededEntropy::new(4)), SEGMENT_BYTES);
                for second in changes(&copy, 0) {
                    let copy = MemoryDisk::with_files(&left.files());
                    copy.plan([(second, Fault::PowerOff)]);
                    let _dies = Ledger::open_sized(shared(&copy), Box::new(SeededEntropy::new(4)), SEGMENT_BYTES);
                    let mut seen = BTreeSet::new();
                    for again in power_cuts() {
                        let left = copy.power_cut(again);
                        if seen.insert(left.files()) {
                            let what = || format!("{}, then recovery cut at {second}, {again:?}", what());
                            check_survivor(&left, &bench.promised, &given, &what);
                            tried[1] += 1;
                        }
                    }
                }
            }
            check_survivor(&left, &bench.promised, &given, &what);
            tried[0] += 1;
        }
    }
    tried
}

fn play(workloads: &[Vec<Op>], in_recovery_too: bool) -> [usize; 2] {
    let base = start();
    let halves = workloads.chunks(workloads.len().div_ceil(2));
    std::thread::scope(|scope| {
        let threads: Vec<_> = halves
            .map(|half| {
                let base = &base;
                scope.spawn(move || {
                    half.iter().fold([0, 0], |sum, workload| {
                        let tried = cut_everywhere(base, workload, in_recovery_too);
                        [sum[0] + tried[0], sum[1] + tried[1]]
                    })
                })
            })
            .collect();
        threads.into_iter().fold([0, 0], |sum, thread| {
            let tried = thread.join().unwrap();
            [sum[0] + tried[0], sum[1] + tried[1]]
        })
    })
}

#[test]
fn c4_power_cut_in_workloads_of_one_operation_and_in_their_recovery() {
    let tried = play(&workloads(1), true);
    println!("{} disks, {} after a cut recovery", tried[0], tried[1]);
    assert!(tried[0] > 100 && tried[1] > 1_000, "{tried:?}");
}

#[test]
fn c4_power_cut_in_workloads_of_two_operations() {
    let workloads = workloads(2);
    let tried = play(&workloads, deep());
    println!("{} workloads, {tried:?} disks", workloads.len());
    assert!(tried[0] > 1_000, "{tried:?}");
}

#[test]
fn c4_power_cut_in_workloads_of_three_operations() {
    let workloads = workloads(3);
    let tried = play(&workloads, deep());
    println!("{} workloads, {tried:?} disks", workloads.len());
    assert!(tried[0] > 5_000, "{tried:?}");
}

#[test]
fn c4_power_cut_while_the_ledger_is_made() {
    let made = || {
        let disk = MemoryDisk::new();
        let ledger = Ledger::init(shared(&disk), Box::new(SeededEntropy::new(1)), 0, json!({}));
        (disk, ledger.map(drop))
    };
    let (disk, _) = made();
    for point in changes(&disk, 0) {
        let disk = MemoryDisk::new();
        disk.plan([(point, Fault::PowerOff)]);
        Ledger::init(shared(&disk), Box::new(SeededEntropy::new(1)), 0, json!({})).unwrap_err();
        for cut in power_cuts() {
            let left = disk.power_cut(cut);
            match Ledger::open(shared(&left), Box::new(SeededEntropy::new(1))) {
                Ok(ledger) => assert_eq!(ledger.head().size, 1),
                Err(LedgerError::Missing) => {
                    let again = Ledger::init(shared(&left), Box::new(SeededEntropy::new(9)), 0, json!({}));
                    assert!(again.unwrap().signer().is_some(), "{point} {cut:?}");
                }
                Err(error) => panic!("{error}, cut at operation {point}, {cut:?}"),
            }
        }
    }
}
