//! What goes in comes out, in order, whole, and with the right digest.

use proptest::prelude::*;

use super::*;
use crate::domain::id::Digest;

#[test]
fn lines_of_several_hosts_read_back_with_names_and_times() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, torn) = transcripts.writer(RUN).unwrap();
    assert_eq!(torn, None);
    writer.push(key(0, 0), Stream::Out, at(0), b"draining\r\nhal").unwrap();
    writer.push(key(1, 1), Stream::Err, at(5), b"warning: slow\n").unwrap();
    writer.push(key(0, 0), Stream::Out, at(10), b"f way\n").unwrap();
    writer
        .push(OrderKey { slot: Slot { item: Item::Reach, host: None }, ..key(0, 0) }, Stream::Note, at(20), b"began")
        .unwrap();
    writer.finish(key(0, 0)).unwrap();
    drop(writer);
    let mut reader = transcripts.reader(RUN).unwrap();
    let page = reader.page(&all(), &legend()).unwrap();
    assert_eq!(text_of(&page), ["draining", "half way", "warning: slow"], "an open line is not in the log");
    let line = &page.lines[1];
    assert_eq!(
        (line.number, line.at, line.host.as_str(), line.step.as_str(), line.attempt),
        (1, at(0), "web-0", "drain", 1)
    );
    assert_eq!((page.lines[2].host.as_str(), page.lines[2].stream), ("web-1", Stream::Err));
    // Whoever opens it next ends what was left open.
    drop(transcripts.writer(RUN).unwrap());
    let page =
        transcripts.reader(RUN).unwrap().page(&LogQuery { host: Some(String::new()), ..all() }, &legend()).unwrap();
    assert_eq!(text_of(&page), ["began"]);
    assert_eq!((page.lines[0].host.as_str(), page.lines[0].step.as_str(), page.lines[0].at), ("", "reach", at(20)));
}

#[test]
fn output_waits_for_more_but_not_long() {
    let disk = MemoryDisk::new();
    let (mut writer, _) = on(&disk).writer(RUN).unwrap();
    let size = || disk.files()["transcripts/42.qdt"].len();
    let empty = size();
    writer.push(key(0, 0), Stream::Out, at(0), b"a\n").unwrap();
    writer.push(key(0, 0), Stream::Out, at(30), b"b\n").unwrap();
    assert_eq!(writer.tick(at(49)).unwrap(), Some(at(50)));
    assert_eq!(size(), empty);
    assert_eq!(writer.tick(at(50)).unwrap(), None);
    assert_eq!(size(), empty + frame::HEADER_BYTES + 4, "one frame for both");
    writer.push(key(0, 0), Stream::Out, at(60), &vec![b'x'; frame::FRAME_BYTES_MAX]).unwrap();
    assert!(size() > empty + 2 * frame::HEADER_BYTES, "a full frame does not wait");
}

#[test]
fn what_one_stream_said_first_stands_first() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    for n in 0..6 {
        let stream = if n % 2 == 0 { Stream::Out } else { Stream::Err };
        writer.push(key(0, 0), stream, at(n), format!("{n}\n").as_bytes()).unwrap();
    }
    writer.finish(key(0, 0)).unwrap();
    let mut reader = transcripts.reader(RUN).unwrap();
    assert_eq!(texts(&every(&mut reader, &all())), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn a_digest_covers_output_and_not_our_notes() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    writer.push(key(0, 0), Stream::Note, at(0), b"began\n").unwrap();
    writer.push(key(0, 0), Stream::Out, at(1), b"one\ntwo").unwrap();
    writer.push(key(0, 0), Stream::Err, at(2), b"three\n").unwrap();
    let printed = writer.finish(key(0, 0)).unwrap();
    assert_eq!((printed.sha256, printed.bytes, printed.lines), (Digest::of(b"one\ntwothree\n"), 13, 3));
    writer.sync().unwrap();
    // The record has the digest: nothing may change it any more.
    let late = writer.push(key(0, 0), Stream::Out, at(3), b"late\n").unwrap_err();
    assert!(matches!(late.why, TranscriptError::Finished(it) if it == key(0, 0)));
    assert_eq!(late.taken, 0);
    writer.push(key(0, 0), Stream::Note, at(4), b"ended\n").unwrap();
    writer.finish(key(0, 0)).unwrap();
    let mut reader = transcripts.reader(RUN).unwrap();
    assert_eq!(reader.printed(key(0, 0)).unwrap(), printed);
    assert_eq!(
        texts(&every(&mut reader, &all())),
        ["began", "one", "three", "two", "ended"],
        "lines stand where they end"
    );
    let silent = reader.printed(key(5, 1)).unwrap();
    assert_eq!(silent, crate::domain::order::OutputSummary::nothing());
}

#[test]
fn one_writer_at_a_time() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let first = transcripts.writer(RUN).unwrap();
    assert!(matches!(transcripts.clone().writer(RUN), Err(TranscriptError::Busy(RUN))));
    assert!(transcripts.live_of(RUN).is_some());
    drop(first);
    assert!(transcripts.live_of(RUN).is_none());
    assert!(transcripts.writer(RUN).is_ok());
    assert!(matches!(transcripts.reader(RunId(7)), Err(TranscriptError::Missing(RunId(7)))));
    assert_eq!(transcripts.runs().unwrap(), [RUN]);
}

#[test]
fn z52_a_newer_transcript_is_refused() {
    let disk = MemoryDisk::new();
    drop(on(&disk).writer(RUN).unwrap());
    let mut files = disk.files();
    let head = files.get_mut("transcripts/42.qdt").unwrap();
    head[8] = 2;
    let check = crc32c::crc32c(&head[..20]).to_le_bytes();
    head[20..24].copy_from_slice(&check);
    let transcripts = on(&MemoryDisk::with_files(&files));
    assert!(matches!(transcripts.reader(RUN), Err(TranscriptError::Newer { found: 2, known: 1, .. })));
    assert!(matches!(transcripts.writer(RUN), Err(TranscriptError::Newer { .. })));
}

#[test]
fn a_line_without_end_is_cut_and_not_lost() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    let long: Vec<u8> = (0..lines::LINE_BYTES_MAX * 2 + 17).map(|n| b'a' + (n % 23) as u8).collect();
    for part in long.chunks(10_007) {
        writer.push(key(3, 1), Stream::Out, at(0), part).unwrap();
        writer.tick(at(100)).unwrap();
    }
    let printed = writer.finish(key(3, 1)).unwrap();
    assert_eq!((printed.bytes, printed.lines), (long.len() as u64, 3));
    let lines = every(&mut transcripts.reader(RUN).unwrap(), &all());
    assert_eq!(
        lines.iter().map(|it| it.bytes.len()).collect::<Vec<_>>(),
        [lines::LINE_BYTES_MAX, lines::LINE_BYTES_MAX, 17]
    );
    assert_eq!(lines.iter().flat_map(|it| it.bytes.clone()).collect::<Vec<_>>(), long);
}

#[test]
fn live_lines_carry_their_numbers_and_say_what_was_missed() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    let live = transcripts.live_of(RUN).unwrap();
    writer.push(key(0, 0), Stream::Out, at(0), b"one\ntwo\nPass").unwrap();
    writer.tick(at(60)).unwrap();
    let tail = live.since(0, &Filter::default(), 10);
    assert_eq!(
        tail.lines.iter().map(|it| (it.number, it.bytes.as_slice())).collect::<Vec<_>>(),
        [(Some(0), &b"one"[..]), (Some(1), b"two")]
    );
    assert_eq!((tail.next, tail.missed), (2, 0));
    assert_eq!(tail.open.iter().map(|it| it.bytes.as_slice()).collect::<Vec<_>>(), [b"Pass"]);
    writer.push(key(0, 0), Stream::Out, at(70), b"word: \n").unwrap();
    writer.push(key(1, 0), Stream::Out, at(70), b"other\n").unwrap();
    writer.tick(at(200)).unwrap();
    let tail = live.since(2, &Filter { host: Hosts::One(HostIx(0)), ..Filter::default() }, 10);
    assert_eq!(
        tail.lines.iter().map(|it| (it.number, it.at, it.bytes.as_slice())).collect::<Vec<_>>(),
        [(Some(2), at(0), &b"Password: "[..])]
    );
    assert_eq!((tail.next, tail.open.len()), (4, 0), "lines of others are passed over");
    assert_eq!(live.since(1, &Filter::default(), 1).next, 2, "a full page goes on where it stopped");
    // Far more than the ring holds.
    for n in 0..400 {
        writer.push(key(2, 0), Stream::Out, at(300), format!("{n:04096}\n").as_bytes()).unwrap();
    }
    writer.finish(key(2, 0)).unwrap();
    let tail = live.since(4, &Filter::default(), usize::MAX);
    let first = tail.lines[0].number.unwrap();
    assert_eq!((first - 4, tail.next, live.ended()), (tail.missed, 404, 404));
    assert!(tail.missed > 200 && tail.lines.len() > 64, "{}", tail.missed);
    assert!(tail.lines.iter().map(|it| it.bytes.len()).sum::<usize>() <= LIVE_RING_BYTES_MAX);
    let mut reader = transcripts.reader(RUN).unwrap();
    let missed = reader.page(&LogQuery { from: LogFrom::Line(4), count: 2, ..all() }, &legend()).unwrap();
    assert_eq!(missed.lines[1].bytes, format!("{:04096}", 1).into_bytes());
    assert_eq!(live.last(&Filter::default(), 3).lines.len(), 3);
}

/// Something that happens to a writer.
#[derive(Debug, Clone)]
enum Step {
    Push { host: u32, step: u16, stream: Stream, text: Vec<u8> },
    Wait(i64),
    Finish { host: u32, step: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let stream = prop_oneof![Just(Stream::Out), Just(Stream::Err), Just(Stream::Note)];
    let text = prop_oneof![
        6 => "([a-c]{0,5}\r?\n){0,4}[a-c]{0,9}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (1_usize..160_000, 1_usize..70_000).prop_map(|(len, every)| (0..len).map(|n| if n % every == every - 1 { b'\n' } else { b'x' }).collect()),
    ];
    prop_oneof![
        8 => (0_u32..3, 0_u16..2, stream, text).prop_map(|(host, step, stream, text)| Step::Push { host, step, stream, text }),
        3 => (1_i64..120).prop_map(Step::Wait),
        1 => (0_u32..3, 0_u16..2).prop_map(|(host, step)| Step::Finish { host, step }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_output_reads_back_whole_under_any_filter(steps in prop::collection::vec(step(), 1..40), from in 0_u64..60, count in 1_u32..20, wait in 0_i64..900) {
        let disk = MemoryDisk::new();
        let transcripts = on(&disk);
        let (mut writer, _) = transcripts.writer(RUN).unwrap();
        let (mut now, mut printed, mut pushed, mut digests) = (0, BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for step in &steps {
            match step {
                Step::Push { host, step, stream, text } => {
                    let key = key(*host, *step);
                    match writer.push(key, *stream, at(now), text) {
                        Ok(()) => {
                            let lane: &mut Vec<u8> = pushed.entry((*host, *step, *stream)).or_default();
                            lane.extend(text);
                            if *stream != Stream::Note {
                                printed.entry((*host, *step)).or_insert_with(Vec::new).extend(text);
                            }
                        }
                        Err(error) => prop_assert!(digests.contains_key(&(*host, *step)), "{}", error),
                    }
                }
                Step::Wait(ms) => {
                    now += ms;
                    writer.tick(at(now)).unwrap();
                }
                Step::Finish { host, step } => {
                    digests.entry((*host, *step)).or_insert(writer.finish(key(*host, *step)).unwrap());
                }
            }
        }
        for host in 0..3 {
            for step in 0..2 {
                let summary = writer.finish(key(host, step)).unwrap();
                digests.entry((host, step)).or_insert(summary);
            }
        }
        drop(writer);
        let index = disk.files()["transcripts/42.idx"].clone();
        let mut reader = transcripts.reader(RUN).unwrap();
        let whole = every(&mut reader, &all());

        // Each lane's lines are what was pushed. (Notes end a line at each finish, so only their bytes are compared.)
        for ((host, step, stream), text) in &pushed {
            let of_lane = whole.iter().filter(|it| it.host == format!("web-{host}") && it.item == Item::Step(*step) && it.stream == *stream);
            let got: Vec<Vec<u8>> = of_lane.map(|it| it.bytes.clone()).collect();
            if *stream == Stream::Note || text.len() > lines::LINE_BYTES_MAX {
                let plain = |bytes: &[u8]| bytes.iter().copied().filter(|it| !b"\r\n".contains(it)).collect::<Vec<_>>();
                prop_assert_eq!(plain(&got.concat()), plain(text));
            } else {
                prop_assert_eq!(&got, &split(text));
            }
        }
        for ((host, step), summary) in &digests {
            let text = printed.get(&(*host, *step)).cloned().unwrap_or_default();
            prop_assert_eq!(summary.bytes, text.len() as u64);
            prop_assert_eq!(summary.sha256, Digest::of(&text));
            prop_assert_eq!(reader.printed(key(*host, *step)).unwrap(), *summary);
        }
        let total: u64 = whole.iter().filter(|it| it.stream != Stream::Note).count() as u64;
        prop_assert_eq!(total, digests.values().map(|it| it.lines).sum::<u64>());

        // Every filter means the lines that a look at all of them gives.
        for host in [None, Some("web-1".to_owned()), Some("nobody".to_owned()), Some(String::new())] {
            for item in [None, Some(Item::Step(1)), Some(Item::Reach)] {
                for stream in [None, Some(Stream::Err)] {
                    for matching in [None, Some("a+b".to_owned()), Some("^$".to_owned()), Some("(^|a)b$".to_owned())] {
                        let pattern = regex::bytes::Regex::new(matching.as_deref().unwrap_or("")).unwrap();
                        let meant: Vec<LogLine> = whole.iter().filter(|it| {
                            host.as_ref().is_none_or(|name| *name == it.host)
                                && item.is_none_or(|item| item == it.item)
                                && stream.is_none_or(|stream| stream == it.stream)
                                && pattern.is_match(&it.bytes)
                        }).zip(0..).map(|(it, number)| LogLine { number, ..it.clone() }).collect();
                        let query = LogQuery { host: host.clone(), item, stream, matching, ..all() };
                        let window = |from: u64| {
                            let start = (from as usize).min(meant.len());
                            meant[start..(start + count as usize).min(meant.len())].to_vec()
                        };
                        let total = meant.len() as u64;
                        let page = reader.page(&LogQuery { from: LogFrom::Line(from), count, ..query.clone() }, &legend()).unwrap();
                        prop_assert_eq!((page.total, page.first, &page.lines), (total, from.min(total), &window(from)));
                        let last = total.saturating_sub(u64::from(count));
                        let page = reader.page(&LogQuery { from: LogFrom::End, count, ..query.clone() }, &legend()).unwrap();
                        prop_assert_eq!((page.first, &page.lines), (last, &window(last)));
                        let since = meant.iter().position(|it| it.at >= at(wait)).unwrap_or(meant.len()) as u64;
                        let page = reader.page(&LogQuery { from: LogFrom::Time(at(wait)), count, ..query.clone() }, &legend()).unwrap();
                        prop_assert_eq!((page.first, &page.lines), (since, &window(since)));
                    }
                }
            }
        }

        // Search numbers its hits as the log without the pattern does; export is all of it.
        let hits: Vec<LogLine> = reader.search(&legend(), Filter::default(), "b", from, 3).unwrap().flat_map(Result::unwrap).collect();
        let meant: Vec<LogLine> = whole.iter().filter(|it| it.number >= from && it.bytes.contains(&b'b')).cloned().collect();
        prop_assert_eq!(hits, meant);
        let mut exported = Vec::new();
        let lines = reader.export(&legend(), Filter::default(), ExportStyle::Bare, &mut exported).unwrap();
        prop_assert_eq!(lines, whole.len() as u64);
        prop_assert_eq!(exported, whole.iter().flat_map(|it| [it.bytes.as_slice(), b"\n"].concat()).collect::<Vec<u8>>());

        // The index is a function of the frames.
        let mut files = disk.files();
        files.remove("transcripts/42.idx");
        let bare = MemoryDisk::with_files(&files);
        prop_assert_eq!(&every(&mut on(&bare).reader(RUN).unwrap(), &all()), &whole);
        drop(on(&bare).writer(RUN).unwrap());
        prop_assert_eq!(&bare.files()["transcripts/42.idx"], &index);
    }
}
