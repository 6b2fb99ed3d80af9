//! The transcripts' desk on disks that have no room or fail: what is said of a try is what its transcript holds.

use super::clock::Clock;
use super::desk::{Desk, Kept, Patience};
use crate::domain::order::{OrderKey, OutputSummary, Stream};
use crate::domain::query::{LogFrom, LogQuery};
use crate::domain::run::{Item, Slot};
use crate::domain::{Digest, HostIx, RunId, Timestamp, fixture};
use crate::executor::Chunk;
use crate::ledger::MemoryDisk;
use crate::ledger::disk::{Fault, PowerCut};
use crate::ledger::transcript::{Legend, Packing, Transcripts};
use std::sync::Arc;

const NONE: Patience = Patience { in_all_ms: 0, again_ms: 0 };
const PLENTY: Patience = Patience { in_all_ms: 60_000, again_ms: 1 };

fn key(run: u64, host: u32) -> OrderKey {
    let slot = Slot { item: Item::Step(0), host: Some(HostIx(host)) };
    OrderKey { run: RunId(run), slot, attempt: 1 }
}

fn desk(disk: &MemoryDisk, patience: Patience) -> Desk {
    let transcripts = Transcripts::new(Arc::new(disk.clone())).unwrap();
    transcripts.keep_reserve();
    Desk::new(transcripts, Clock::start(Timestamp(1), Timestamp(1)), patience)
}

fn says(desk: &mut Desk, key: OrderKey, bytes: &[u8]) {
    desk.store(&Chunk { key, stream: Stream::Out, bytes: bytes.to_vec().into() }, Packing::Tight);
}

/// Bytes that do not pack: each frame takes its room.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn whole(kept: &Kept) -> OutputSummary {
    assert_eq!(kept.lost, None);
    kept.output
}

/// What the transcript of `key` holds on this disk.
fn printed(disk: &MemoryDisk, key: OrderKey) -> OutputSummary {
    let disk = MemoryDisk::with_files(&disk.files());
    Transcripts::read_only(Arc::new(disk)).reader(key.run).unwrap().printed(key).unwrap()
}

fn lines(disk: &MemoryDisk, run: RunId) -> Vec<String> {
    let disk = MemoryDisk::with_files(&disk.files());
    let mut reader = Transcripts::read_only(Arc::new(disk)).reader(run).unwrap();
    let (host, item, stream, matching) = (None, None, None, None);
    let query = LogQuery { run, host, item, stream, matching, from: LogFrom::End, count: 100 };
    let mut driver = fixture::Driver::new(fixture::site());
    let started = RunId(driver.start_one());
    let page = reader.page(&query, &Legend::of(&driver.world.run(started).unwrap().plan)).unwrap();
    page.lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

#[test]
fn what_an_outcome_says_was_synced_before_it() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, NONE);
    says(&mut desk, key(1, 0), b"one\n");
    let output = whole(&desk.finish(key(1, 0)));
    assert_eq!(output.sha256, Digest::of(b"one\n"));
    assert_eq!(printed(&disk.power_cut(PowerCut::Lost), key(1, 0)), output);
    let nothing = desk.finish(key(2, 0));
    assert_eq!((whole(&nothing), disk.files().contains_key("transcripts/2.qdt")), (OutputSummary::nothing(), false));
}

#[test]
fn output_given_up_is_said_with_the_outcome_and_in_the_transcript() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, NONE);
    says(&mut desk, key(1, 0), b"begins\n");
    desk.tick();
    disk.set_full(true);
    let all = noise(400_000);
    all.chunks(50_000).for_each(|part| says(&mut desk, key(1, 0), part));
    disk.set_full(false);
    let kept = desk.finish(key(1, 0));
    assert_eq!(kept.output, printed(&disk, key(1, 0)), "what is said is what stands");
    let lost = 7 + all.len() as u64 - kept.output.bytes;
    assert!(lost > 0 && kept.lost.as_ref().unwrap().starts_with(&format!("{lost} bytes ")), "{kept:?}");
    assert_eq!(lines(&disk, RunId(1)).last().unwrap(), &format!("{lost} bytes of output could not be stored"));
}

#[test]
fn the_end_of_what_was_said_when_the_disk_ran_full_is_kept_from_the_reserve() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, NONE);
    let said = noise(10_000);
    says(&mut desk, key(1, 0), &said);
    says(&mut desk, key(1, 1), b"still at it");
    disk.set_room(Some(0));
    let output = whole(&desk.finish(key(1, 0)));
    assert_eq!((output.sha256, printed(&disk, key(1, 0))), (Digest::of(&said), output));
}

#[test]
fn a_write_that_fails_once_is_tried_again_and_nothing_is_missing() {
    for after in 1..12 {
        let disk = MemoryDisk::new();
        let mut desk = desk(&disk, PLENTY);
        disk.plan([(disk.operations() + after, Fault::NoSpace)]);
        let said = noise(100_000);
        says(&mut desk, key(1, 0), &said);
        assert_eq!(whole(&desk.finish(key(1, 0))).sha256, Digest::of(&said), "{after}");
    }
}

#[test]
fn a_disk_that_stays_full_is_waited_for_once_and_not_by_every_chunk() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, Patience { in_all_ms: 5, again_ms: 1 });
    disk.set_full(true);
    says(&mut desk, key(1, 0), b"one\n");
    for run in 2..100 {
        let before = disk.operations();
        says(&mut desk, key(run, 0), b"two\n");
        assert!(disk.operations() - before < 5, "one look");
    }
}

#[test]
fn a_run_whose_sync_failed_takes_nothing_more_and_holds_nobody_up() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, PLENTY);
    says(&mut desk, key(1, 0), b"one\n");
    says(&mut desk, key(1, 1), b"other\n");
    desk.tick();
    disk.plan((disk.operations()..).take(20).map(|at| (at, Fault::Io)));
    assert!(desk.finish(key(1, 0)).lost.is_some());
    disk.plan([]);
    let (before, stored) = (disk.operations(), disk.files());
    says(&mut desk, key(1, 1), b"more\n");
    let kept = desk.finish(key(1, 1));
    assert!(kept.lost.is_some());
    desk.release(RunId(1));
    says(&mut desk, key(1, 2), b"again\n");
    assert_eq!((disk.operations(), disk.files()), (before, stored), "nothing of it touches the disk");
    says(&mut desk, key(2, 0), b"fine\n");
    assert_eq!(whole(&desk.finish(key(2, 0))).sha256, Digest::of(b"fine\n"));
}

#[test]
fn a_run_let_go_of_in_the_middle_of_a_try_keeps_the_whole_of_it() {
    let disk = MemoryDisk::new();
    let mut desk = desk(&disk, NONE);
    says(&mut desk, key(1, 0), b"first ");
    desk.release(RunId(1));
    says(&mut desk, key(1, 0), b"second\n");
    assert_eq!(whole(&desk.finish(key(1, 0))).sha256, Digest::of(b"first second\n"));
}
