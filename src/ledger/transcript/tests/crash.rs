//! Cuts, full disks, failing syncs, flipped bits.

use super::*;
use crate::ledger::disk::{Fault, power_cuts};

fn push_lines(writer: &mut Writer, from: usize, count: usize) {
    for n in from..from + count {
        let text = format!(
            "line {n} of host {}, with words enough to be worth compressing, {n} {n} {n} {n} {n} {n} {n}\n",
            n % 3
        );
        writer.push(key((n % 3) as u32, 0), Stream::Out, at(n as i64), text.as_bytes()).unwrap();
        writer.tick(at(n as i64 + 1_000)).unwrap();
    }
}

#[test]
fn c05_a_last_frame_cut_at_every_byte_is_told_and_moved_aside() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    push_lines(&mut writer, 0, 4);
    let whole = disk.files()["transcripts/42.qdt"].len();
    push_lines(&mut writer, 4, 1);
    let files = disk.files();
    let after = files["transcripts/42.qdt"].len();
    assert!(after > whole + frame::HEADER_BYTES);
    for cut in whole..after {
        for keep_index in [true, false] {
            let mut files = files.clone();
            files.get_mut("transcripts/42.qdt").unwrap().truncate(cut);
            if !keep_index {
                files.remove("transcripts/42.idx");
            }
            let expected =
                (cut > whole).then_some(Torn { offset: whole as u64, bytes: (cut - whole) as u64, damage: None });
            let disk = MemoryDisk::with_files(&files);
            let transcripts = on(&disk);
            let mut reader = transcripts.reader(RUN).unwrap();
            assert_eq!(reader.torn(), expected, "cut at {cut}");
            let before = every(&mut reader, &all());
            assert_eq!(before.len(), 4);
            let (mut writer, torn) = transcripts.writer(RUN).unwrap();
            assert_eq!(torn, expected, "cut at {cut}");
            let aside = disk.files().get("transcripts/42.torn").cloned().unwrap_or_default();
            assert_eq!(aside, files["transcripts/42.qdt"][whole..]);
            push_lines(&mut writer, 5, 1);
            drop(writer);
            let mut reader = transcripts.reader(RUN).unwrap();
            assert_eq!(reader.torn(), None);
            let lines = every(&mut reader, &all());
            assert_eq!(lines[..4], before);
            assert!(texts(&lines)[4].starts_with("line 5 "));
        }
    }
}

#[test]
fn c04_what_was_synced_survives_every_power_cut() {
    for cut in power_cuts() {
        let disk = MemoryDisk::new();
        let transcripts = on(&disk);
        let (mut writer, _) = transcripts.writer(RUN).unwrap();
        push_lines(&mut writer, 0, 40);
        writer.sync().unwrap();
        let synced = every(&mut transcripts.reader(RUN).unwrap(), &all());
        assert_eq!(synced.len(), 40);
        push_lines(&mut writer, 40, 60);
        let after = disk.power_cut(cut);
        let transcripts = on(&after);
        // Whatever is left, a reader shows no line that was not written, and a writer goes on or says why not.
        let seen = every(&mut transcripts.reader(RUN).unwrap(), &all());
        match transcripts.writer(RUN) {
            Ok((writer, _)) => drop(writer),
            Err(error) => assert!(matches!(error, TranscriptError::Damaged { .. }), "{cut:?}: {error}"),
        }
        let lines = every(&mut transcripts.reader(RUN).unwrap(), &all());
        assert_eq!(seen, lines, "{cut:?}");
        assert_eq!(lines[..40], synced, "{cut:?}");
        for (number, line) in texts(&lines).iter().enumerate() {
            assert!(line.starts_with(&format!("line {number} of host")), "{cut:?}: {line}");
        }
    }
}

#[test]
fn c06_a_flipped_bit_is_noticed_or_harmless() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    push_lines(&mut writer, 0, 12);
    drop(writer);
    let whole = every(&mut transcripts.reader(RUN).unwrap(), &all());
    let files = disk.files();
    for name in ["transcripts/42.qdt", "transcripts/42.idx"] {
        for byte in 0..files[name].len() {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[byte] ^= 1 << (byte % 8);
            let transcripts = on(&MemoryDisk::with_files(&files));
            let page = transcripts.reader(RUN).and_then(|mut it| it.page(&all(), &legend()));
            match page {
                Ok(page) => assert!(whole.starts_with(&page.lines), "{name} byte {byte}"),
                Err(TranscriptError::Damaged { .. }) => {
                    assert_eq!(name, "transcripts/42.qdt", "an index can be made again: byte {byte}")
                }
                Err(error) => panic!("{name} byte {byte}: {error}"),
            }
        }
    }
}

#[test]
fn a_header_damaged_near_the_end_moves_no_good_frame_aside() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    push_lines(&mut writer, 0, 2);
    let good = disk.files()["transcripts/42.qdt"].len();
    push_lines(&mut writer, 2, 2);
    drop(writer);
    let mut files = disk.files();
    files.get_mut("transcripts/42.qdt").unwrap()[good + 9] ^= 1;
    let disk = MemoryDisk::with_files(&files);
    assert!(matches!(on(&disk).writer(RUN).map(|_| ()), Err(TranscriptError::Damaged { .. })));
    assert_eq!(disk.files()["transcripts/42.qdt"], files["transcripts/42.qdt"]);
}

#[test]
fn a_transcript_whose_head_is_zeroed_is_damaged_and_not_begun_anew() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    push_lines(&mut writer, 0, 2);
    drop(writer);
    let mut files = disk.files();
    files.get_mut("transcripts/42.qdt").unwrap()[..24].fill(0);
    let disk = MemoryDisk::with_files(&files);
    assert!(matches!(on(&disk).writer(RUN).map(|_| ()), Err(TranscriptError::Damaged { .. })));
    assert_eq!(disk.files()["transcripts/42.qdt"], files["transcripts/42.qdt"]);
}

#[test]
fn damage_before_the_end_is_told_and_moves_nothing_that_follows() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    push_lines(&mut writer, 0, 2);
    let good = disk.files()["transcripts/42.qdt"].len();
    writer.push(key(0, 0), Stream::Out, at(9), &noise).unwrap();
    writer.finish(key(0, 0)).unwrap();
    drop(writer);
    let mut files = disk.files();
    files.get_mut("transcripts/42.qdt").unwrap()[good + 200] ^= 1;
    let disk = MemoryDisk::with_files(&files);
    let refused = on(&disk).writer(RUN).map(|_| ()).unwrap_err();
    assert!(matches!(refused, TranscriptError::Damaged { offset, .. } if offset == good as u64), "{refused}");
    assert_eq!(disk.files()["transcripts/42.qdt"], files["transcripts/42.qdt"]);
    let page = on(&disk).reader(RUN).unwrap().page(&all(), &legend()).unwrap();
    assert!(page.amiss.unwrap().contains("not fit their checksum"));
}

#[test]
fn c07_a_full_disk_loses_nothing() {
    let write = |disk: &MemoryDisk, fault: Option<(u64, Fault)>| {
        let transcripts = on(disk);
        let (mut writer, _) = transcripts.writer(RUN).unwrap();
        disk.plan(fault.map(|(after, fault)| (disk.operations() + after, fault)));
        let mut failures = 0;
        for n in 0..6_u32 {
            let text =
                format!("{n}: ").into_bytes().into_iter().chain(vec![b'x'; 40_000]).chain(*b"\n").collect::<Vec<_>>();
            let mut rest = text.as_slice();
            while let Err(not_taken) = writer.push(key(n % 2, 0), Stream::Out, at(0), rest) {
                rest = &rest[not_taken.taken..];
                failures += 1;
            }
            while writer.tick(at(1_000)).is_err() {
                failures += 1;
            }
        }
        let mut finish = |host| loop {
            match writer.finish(key(host, 0)) {
                Ok(printed) => return printed,
                Err(_) => failures += 1,
            }
        };
        let printed = [finish(0), finish(1)];
        writer.sync().unwrap();
        (printed, failures, every(&mut transcripts.reader(RUN).unwrap(), &all()))
    };
    let (printed, failures, lines) = write(&MemoryDisk::new(), None);
    assert_eq!((failures, lines.len()), (0, 6));
    let mut faults_met = 0;
    for after in 1..60 {
        for fault in [Fault::NoSpace, Fault::ShortWrite(7), Fault::ShortWrite(50)] {
            let (printed_now, failures, lines_now) = write(&MemoryDisk::new(), Some((after, fault)));
            assert_eq!((printed_now, &lines_now), (printed, &lines), "{fault:?} at {after}");
            faults_met += failures;
        }
    }
    assert!(faults_met >= 20, "{faults_met}");
}

#[test]
fn c09_a_failed_sync_stops_the_writer() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    writer.push(key(0, 0), Stream::Out, at(0), b"a\n").unwrap();
    writer.finish(key(0, 0)).unwrap();
    disk.plan([(disk.operations() + 1, Fault::Io)]);
    assert!(matches!(writer.sync(), Err(TranscriptError::Poisoned(_))));
    assert!(
        matches!(writer.sync(), Err(TranscriptError::Poisoned(_))),
        "a later sync says nothing about the bytes before"
    );
    let refused = writer.push(key(1, 0), Stream::Out, at(0), b"b\n").unwrap_err();
    assert!(matches!(refused.why, TranscriptError::Poisoned(_)));
}

#[test]
fn a_disk_that_cannot_be_written_to_is_read_all_the_same() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    push_lines(&mut writer, 0, 300);
    drop(writer);
    let whole = every(&mut on(&disk).reader(RUN).unwrap(), &all());
    let mut files = disk.files();
    files.remove("transcripts/42.idx");
    let disk = MemoryDisk::with_files(&files);
    disk.set_full(true);
    let transcripts = Transcripts::read_only(Arc::new(disk.clone()));
    assert_eq!(every(&mut transcripts.reader(RUN).unwrap(), &all()), whole);
}
