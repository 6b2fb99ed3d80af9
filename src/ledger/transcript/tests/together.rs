//! Writing and reading at the same time, on a real disk.

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::ledger::RealDisk;

const LINES: u32 = 20_000;
const HOSTS: u32 = 4;

enum Told {
    Output { host: u32, bytes: Vec<u8> },
    Ended(u32),
}

/// Hosts print as fast as a bounded channel lets them, one thread writes, one reads pages, one watches the ring.
#[test]
fn no_line_is_lost_between_a_writer_and_its_viewers() {
    let dir = tempfile::tempdir().unwrap();
    let transcripts = Transcripts::new(Arc::new(RealDisk::lock(dir.path(), 1).unwrap())).unwrap();
    let (mut writer, _) = transcripts.writer(RUN).unwrap();
    let live = transcripts.live_of(RUN).unwrap();
    let total = u64::from(LINES * HOSTS);
    let (to, from) = mpsc::sync_channel(4);
    thread::scope(|scope| {
        for host in 0..HOSTS {
            let to = to.clone();
            scope.spawn(move || {
                let text: Vec<u8> = (0..LINES).flat_map(|n| format!("host {host} line {n}\n").into_bytes()).collect();
                // Cut anywhere, in pieces of all sizes.
                let mut rest = text.as_slice();
                let mut size = 1;
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(size.min(rest.len()));
                    to.send(Told::Output { host, bytes: piece.to_vec() }).unwrap();
                    (rest, size) = (after, size * 7 % 9_973 + 1);
                }
                to.send(Told::Ended(host)).unwrap();
            });
        }
        drop(to);
        scope.spawn(move || {
            let mut now = 0;
            for told in from {
                now += 1;
                match told {
                    Told::Output { host, bytes } => writer.push(key(host, 0), Stream::Out, at(now), &bytes).unwrap(),
                    Told::Ended(host) => {
                        assert_eq!(writer.finish(key(host, 0)).unwrap().lines, u64::from(LINES))
                    }
                }
                writer.tick(at(now)).unwrap();
            }
            writer.sync().unwrap();
        });
        let pages = scope.spawn(|| {
            let mut reader = transcripts.reader(RUN).unwrap();
            let mut lines: Vec<LogLine> = Vec::new();
            let mut of_one = 0;
            while (lines.len() as u64) < total {
                let next = LogFrom::Line(lines.len() as u64);
                let page = reader.page(&LogQuery { from: next, ..all() }, &legend()).unwrap();
                lines.extend(page.lines);
                let page = reader
                    .page(&LogQuery { host: Some("web-2".into()), from: LogFrom::End, count: 3, ..all() }, &legend())
                    .unwrap();
                assert!(page.total >= of_one, "a count never shrinks");
                of_one = page.total;
                thread::yield_now();
            }
            lines
        });
        let watched = scope.spawn(|| {
            let (mut next, mut seen, mut missed) = (0, Vec::new(), 0);
            while next < total {
                let tail = live.since(next, &Filter::default(), 500);
                missed += tail.missed;
                next = tail.next;
                seen.extend(tail.lines);
                thread::yield_now();
            }
            (seen, missed)
        });
        let lines = pages.join().unwrap();
        for host in 0..HOSTS {
            let name = format!("web-{host}");
            let of_host: Vec<String> = texts(&lines.iter().filter(|it| it.host == name).cloned().collect::<Vec<_>>());
            assert_eq!(of_host.len(), LINES as usize);
            assert!(of_host.iter().zip(0..).all(|(it, n)| *it == format!("host {host} line {n}")));
        }
        let (seen, missed) = watched.join().unwrap();
        assert_eq!(seen.len() as u64 + missed, total);
        for line in seen {
            let number = line.number.unwrap();
            assert_eq!(line.bytes, lines[number as usize].bytes, "line {number}");
        }
    });
}
