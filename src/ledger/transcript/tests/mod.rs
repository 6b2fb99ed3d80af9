//! Transcripts as a whole: nothing lost, nothing invented, whatever is cut, full or looked at meanwhile.

mod crash;
mod paging;
mod together;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::domain::id::{HostIx, ServerName, StepId, Timestamp};
use crate::domain::order::{OrderKey, Stream};
use crate::domain::query::{LogFrom, LogLine, LogPage, LogQuery};
use crate::domain::run::{Item, Slot};
use crate::ledger::MemoryDisk;

const RUN: RunId = RunId(42);

fn on(disk: &MemoryDisk) -> Transcripts {
    Transcripts::new(Arc::new(disk.clone())).unwrap()
}

fn legend() -> Legend {
    Legend {
        hosts: (0..8).map(|n| ServerName::new(format!("web-{n}"))).collect(),
        preflight: vec![StepId::new("disk")],
        steps: vec![StepId::new("drain"), StepId::new("restart")],
        verify: vec![StepId::new("healthy")],
    }
}

/// The first try of step `step` on host `host`.
fn key(host: u32, step: u16) -> OrderKey {
    OrderKey { run: RUN, slot: Slot { item: Item::Step(step), host: Some(HostIx(host)) }, attempt: 1 }
}

fn at(ms: i64) -> Timestamp {
    Timestamp(1_790_000_000_000 + ms)
}

fn all() -> LogQuery {
    LogQuery { run: RUN, host: None, item: None, stream: None, matching: None, from: LogFrom::Line(0), count: 1_000 }
}

/// Every line a question means, page by page.
fn every(reader: &mut Reader, query: &LogQuery) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    loop {
        let from = LogFrom::Line(lines.len() as u64);
        let page = reader.page(&LogQuery { from, ..query.clone() }, &legend()).unwrap();
        assert_eq!(page.first, lines.len() as u64);
        if page.lines.is_empty() {
            assert_eq!(page.total, lines.len() as u64);
            return lines;
        }
        lines.extend(page.lines);
    }
}

fn texts(lines: &[LogLine]) -> Vec<String> {
    lines.iter().map(|it| String::from_utf8_lossy(&it.bytes).into_owned()).collect()
}

fn text_of(page: &LogPage) -> Vec<String> {
    texts(&page.lines)
}

/// What lines a text has, by eye.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    let ended = text.iter().filter(|byte| **byte == b'\n').count();
    for line in lines.iter_mut().take(ended) {
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    lines
}
