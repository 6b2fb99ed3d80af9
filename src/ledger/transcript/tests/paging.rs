//! Long transcripts: a page costs a page.

use super::*;

const HOSTS: u64 = 8;

fn line(n: u64) -> String {
    format!("2026-09-17T22:00:00Z request {n} answered 200 in {} ms", n % 977)
}

/// `count` lines, turn by turn from each host, a few hundred at a time.
fn long(transcripts: &Transcripts, count: u64) -> Vec<u64> {
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    let mut of_host = vec![0; HOSTS as usize];
    let (mut n, mut turn) = (0, 0_u64);
    while n < count {
        let host = turn % HOSTS;
        let some = (turn * 37 % 400 + 1).min(count - n);
        let text: String = (n..n + some).map(|n| line(n) + "\n").collect();
        writer.push(key(host as u32, 0), Stream::Out, at(turn as i64), text.as_bytes()).unwrap();
        writer.tick(at(turn as i64 + 100)).unwrap();
        of_host[host as usize] += some;
        n += some;
        turn += 1;
    }
    for host in 0..HOSTS {
        writer.finish(key(host as u32, 0)).unwrap();
    }
    of_host
}

#[test]
fn a_million_lines_are_paged_anywhere() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let of_host = long(&transcripts, 1_000_000);
    let mut reader = transcripts.reader(RUN).unwrap();
    let page = reader.page(&LogQuery { from: LogFrom::End, count: 50, ..all() }, &legend()).unwrap();
    assert_eq!((page.total, page.first, page.lines.len()), (1_000_000, 999_950, 50));
    assert_eq!(text_of(&page)[49], line(999_999));
    for n in [0, 1, 499_999, 123_456, 999_999] {
        let page = reader.page(&LogQuery { from: LogFrom::Line(n), count: 1, ..all() }, &legend()).unwrap();
        assert_eq!(text_of(&page), [line(n)]);
    }
    let of_one = LogQuery { host: Some("web-3".into()), ..all() };
    let page = reader.page(&LogQuery { from: LogFrom::End, count: 5, ..of_one.clone() }, &legend()).unwrap();
    assert_eq!((page.total, page.lines.len()), (of_host[3], 5));
    let page =
        reader.page(&LogQuery { from: LogFrom::Line(of_host[3] / 2), count: 1_000, ..of_one }, &legend()).unwrap();
    assert!(page.lines.iter().all(|it| it.host == "web-3") && page.lines.len() == 1_000);
    // A page is bounded, whatever is asked for, and so is what a reader remembers.
    let page = reader.page(&LogQuery { count: u32::MAX, ..all() }, &legend()).unwrap();
    assert_eq!(page.lines.len(), LOG_PAGE_LINES_MAX as usize);
    for n in 0..30 {
        reader.page(&LogQuery { host: Some(format!("web-{n}")), count: 1, ..all() }, &legend()).unwrap();
    }
    let frames = reader.frames().unwrap();
    let (kept, numbers) = reader.remembered();
    assert!(kept <= 8 && numbers as u64 <= 8 * (frames / index::ENTRIES_READ + 1), "{kept} {numbers} {frames}");
    let first = reader.search(&legend(), Filter::default(), "request 999999 ", 0, 10).unwrap().next().unwrap().unwrap();
    assert_eq!((first.len(), first[0].number), (1, 999_999));
}

#[test]
fn a_page_of_long_lines_is_short_and_asking_on_moves_on() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    for n in 0..100_u8 {
        writer.push(key(0, 0), Stream::Out, at(0), &[vec![n | 0x80; 60_000], b"\n".to_vec()].concat()).unwrap();
    }
    writer.finish(key(0, 0)).unwrap();
    let mut reader = transcripts.reader(RUN).unwrap();
    let page = reader.page(&all(), &legend()).unwrap();
    let bytes: usize = page.lines.iter().map(|it| it.bytes.len()).sum();
    assert!(page.lines.len() < 100 && bytes <= LOG_PAGE_BYTES_MAX + lines::LINE_BYTES_MAX, "{bytes}");
    assert_eq!(page.total, 100);
    let mut first = 0;
    let mut pages = 0;
    while first < page.total {
        let page = reader.page(&LogQuery { from: LogFrom::Line(first), count: u32::MAX, ..all() }, &legend()).unwrap();
        assert_eq!(page.first, first);
        first += page.lines.len() as u64;
        pages += 1;
    }
    assert!(pages >= 3, "{pages}");
}

#[test]
fn patterns_are_bounded_and_told_apart() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    writer.push(key(0, 0), Stream::Out, at(0), b"Error: disk\nerror: net\nfine\n").unwrap();
    writer.finish(key(0, 0)).unwrap();
    let mut reader = transcripts.reader(RUN).unwrap();
    let mut ask = |pattern: &str| {
        reader.page(&LogQuery { matching: Some(pattern.to_owned()), ..all() }, &legend()).map(|it| text_of(&it))
    };
    assert_eq!(ask("error").unwrap(), ["error: net"]);
    assert_eq!(ask("(?i)^error").unwrap(), ["Error: disk", "error: net"]);
    for wrong in ["(", "a{1000}{1000}{1000}", &"a".repeat(SEARCH_PATTERN_BYTES_MAX + 1)] {
        assert!(matches!(ask(wrong), Err(TranscriptError::Pattern(_))));
    }
}

#[test]
fn an_export_can_be_labelled_and_says_when_it_cannot_write() {
    let disk = MemoryDisk::new();
    let transcripts = on(&disk);
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    writer.push(key(2, 1), Stream::Err, at(7), b"no\n").unwrap();
    writer
        .push(OrderKey { slot: Slot { host: None, item: Item::Step(0) }, ..key(0, 0) }, Stream::Note, at(8), b"waits\n")
        .unwrap();
    writer.tick(at(1_000_000)).unwrap();
    let mut reader = transcripts.reader(RUN).unwrap();
    let mut out = Vec::new();
    reader.export(&legend(), Filter::default(), ExportStyle::Labelled, &mut out).unwrap();
    let expected =
        "2026-09-21T14:13:20.007Z web-2 restart.1 err | no\n2026-09-21T14:13:20.008Z - drain.1 note | waits\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut full: &mut [u8] = &mut [0; 3];
    let refused = reader.export(&legend(), Filter::default(), ExportStyle::Bare, &mut full);
    assert!(matches!(refused, Err(TranscriptError::Export(_))));
}
