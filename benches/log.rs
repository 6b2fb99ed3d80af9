//! How a log of ten million lines opens, jumps and is searched, beside `grep` on the same text; and what memory that takes, beside a
//! log a tenth as long.
//!
//! Prints `figure NAME VALUE UNIT peer=NAME ratio=R goal=G` per figure. Never a timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{alone, figure, machine, note, percentile_ms, used};
use quarterdeck::domain::id::{HostIx, RunId, Timestamp};
use quarterdeck::domain::order::{OrderKey, Stream};
use quarterdeck::domain::query::{LogFrom, LogLine, LogPage, LogQuery};
use quarterdeck::domain::run::{Item, Slot};
use quarterdeck::ledger::transcript::{Filter, Legend, Reader, Transcripts};
use quarterdeck::ledger::{Disk, RealDisk};

/// Lines of the long log, and of the one whose memory is compared.
const LINES: u64 = 10_000_000;
const FEW_LINES: u64 = LINES / 10;

/// Hosts that print in turns, and lines they print at a time.
const HOSTS: u32 = 100;
const TURN: u64 = 500;

/// Places that are jumped to.
const JUMPS: usize = 200;

/// Stands in one line, near the end.
const NEEDLE: &str = "order 9999998 was lost";

/// Lines of a page: a large screen.
const PAGE: u32 = 200;

fn main() {
    let dir = tempfile::Builder::new().prefix("qd-log").tempdir().unwrap();
    let few = dir.path().join("few");
    write(&few, FEW_LINES, None);
    let long = dir.path().join("long");
    let plain = dir.path().join("plain.log");
    let began = Instant::now();
    let bytes = write(&long, LINES, Some(&plain));
    let took = began.elapsed();
    alone("log_stored_lines_s", LINES as f64 / took.as_secs_f64(), "lines/s", "200000");
    let stored = fs::metadata(long.join("transcripts/1.qdt")).unwrap().len();
    note(&format!("{LINES} lines, {} MiB, stored in {} MiB", bytes >> 20, stored >> 20));

    used::forget_peak();
    let few_mib = visited(&few, FEW_LINES).peak_mib;
    used::forget_peak();
    let seen = visited(&long, LINES);
    alone("log_open_ms", seen.open.as_secs_f64() * 1_000.0, "ms", "50");
    alone("log_jump_p99_ms", percentile_ms(&seen.jumps, 99), "ms", "50");
    alone("log_first_hit_ms", seen.first_hit.as_secs_f64() * 1_000.0, "ms", "100");
    let grep = grep(&plain);
    let ours = bytes as f64 / 1e9 / seen.scan.as_secs_f64();
    figure("log_scan_gb_s", ours, "GB/s", "grep", ours / (bytes as f64 / 1e9 / grep.as_secs_f64()), "1");
    figure("log_peak_mib", seen.peak_mib, "MiB", "a-tenth-as-long", few_mib / seen.peak_mib, "1.0x");
    machine();
}

fn key(host: u32) -> OrderKey {
    OrderKey { run: RunId(1), slot: Slot { item: Item::Step(0), host: Some(HostIx(host)) }, attempt: 1 }
}

/// Writes a log as a run of many hosts does, and beside it the same lines as a plain file. Answers the bytes of all lines.
fn write(dir: &Path, lines: u64, plain: Option<&Path>) -> u64 {
    RealDisk::prepare(dir).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::lock(dir, std::process::id()).unwrap());
    let transcripts = Transcripts::new(disk).unwrap();
    let (mut writer, _) = transcripts.writer(RunId(1)).unwrap();
    let mut beside = plain.map(|path| std::io::BufWriter::new(fs::File::create(path).unwrap()));
    (0..HOSTS).for_each(|host| writer.begin(key(host)));
    let (mut text, mut bytes) = (String::new(), 0);
    for turn in 0..lines / TURN {
        text.clear();
        for n in turn * TURN..(turn + 1) * TURN {
            if n == lines - 2 {
                writeln!(text, "Nov 24 12:00:00 api[4711]: {NEEDLE}").unwrap();
            } else {
                writeln!(text, "Nov 24 12:00:00 api[4711]: GET /v1/orders/{n} 200 in {} ms", n % 97).unwrap();
            }
        }
        bytes += text.len() as u64;
        let host = u32::try_from(turn % u64::from(HOSTS)).unwrap();
        let at = Timestamp(1_700_000_000_000 + i64::try_from(turn).unwrap());
        writer.push(key(host), Stream::Out, at, text.as_bytes()).unwrap();
        if let Some(beside) = &mut beside {
            beside.write_all(text.as_bytes()).unwrap();
        }
    }
    for host in 0..HOSTS {
        writer.finish(key(host)).unwrap();
    }
    bytes
}

/// What a viewer of a log waits for, and what memory that took.
struct Seen {
    open: Duration,
    jumps: Vec<Duration>,
    first_hit: Duration,
    scan: Duration,
    peak_mib: f64,
}

fn visited(dir: &Path, lines: u64) -> Seen {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(dir).unwrap());
    let transcripts = Transcripts::read_only(disk);
    let hosts = (0..HOSTS).map(|host| format!("h{host:02}").as_str().into()).collect();
    let legend = Legend { hosts, steps: vec!["step".into()], ..Legend::default() };
    let began = Instant::now();
    let mut reader = transcripts.reader(RunId(1)).unwrap();
    let last = page(&mut reader, &legend, LogFrom::End);
    let open = began.elapsed();
    assert_eq!((last.total, last.lines.len()), (lines, PAGE as usize));
    // Spread over all of it, in no order.
    let places = (0..JUMPS as u64).map(|nth| nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) % lines);
    let jumps = places.map(|place| {
        let began = Instant::now();
        let found = page(&mut reader, &legend, LogFrom::Line(place));
        assert_eq!(found.first, place);
        began.elapsed()
    });
    let jumps = jumps.collect();
    let (first_hit, _) = searched(&mut reader, &legend, "orders/[0-9]*7 200 in 5 ms");
    let (scan, hits) = searched(&mut reader, &legend, "order [0-9]+ was lost");
    assert_eq!(hits.len(), 1);
    Seen { open, jumps, first_hit, scan, peak_mib: used::peak_mib() }
}

fn page(reader: &mut Reader, legend: &Legend, from: LogFrom) -> LogPage {
    let (host, item, stream, matching) = (None, None, None, None);
    reader.page(&LogQuery { run: RunId(1), host, item, stream, matching, from, count: PAGE }, legend).unwrap()
}

/// Until the first hits are there; all of it is read where there is one alone.
fn searched(reader: &mut Reader, legend: &Legend, pattern: &str) -> (Duration, Vec<LogLine>) {
    let began = Instant::now();
    let mut hits = Vec::new();
    for found in reader.search(legend, Filter::default(), pattern, 0, 2).unwrap() {
        hits.extend(found.unwrap());
        if hits.len() >= 2 {
            break;
        }
    }
    (began.elapsed(), hits)
}

/// The same search on the plain text.
fn grep(plain: &Path) -> Duration {
    let began = Instant::now();
    let words = ["-E", "-c", "order [0-9]+ was lost"];
    let said = Command::new("grep").args(words).arg(plain).env("LC_ALL", "C").stderr(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "1");
    began.elapsed()
}
