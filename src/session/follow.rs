//! The lines of one run as they come. What is printed faster than a person can be shown is skipped here, not stored: it
//! stands in the transcript, and the console asks for it when somebody scrolls back.

use crate::console::{LogRow, LogRows};
use crate::domain::RunId;
use crate::domain::query::{LogFrom, LogLine, LogPage, LogQuery};
use crate::terminal::filter;
use crate::terminal::line::SafeLine;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Lines handed to the console at once: several screens of them. Of more, the last are shown.
const LINES_MAX: u32 = 400;

/// One followed run.
#[derive(Debug)]
pub struct Follow {
    run: RunId,
    grown: watch::Receiver<BTreeMap<RunId, u64>>,
    known: Option<u64>,
    /// The first line not yet handed on; `None`: it is not known yet where the log ends.
    next: Option<u64>,
    asking: Asking,
}

/// Whether a question for lines is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asking {
    No,
    Yes,
}

impl Follow {
    /// Follows a run from here on.
    pub fn new(run: RunId, grown: watch::Receiver<BTreeMap<RunId, u64>>) -> Self {
        Self { run, grown, known: None, next: None, asking: Asking::No }
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Waits until there is something to ask for.
    pub async fn grown(&mut self) {
        if self.asking == Asking::Yes {
            std::future::pending::<()>().await;
        }
        let (run, known, begun) = (self.run, self.known, self.next.is_some());
        let changed = self.grown.wait_for(|lines| !begun || lines.get(&run).copied() != known).await.is_ok();
        if !changed {
            std::future::pending::<()>().await;
        }
    }

    /// The question to ask now.
    pub fn question(&mut self) -> LogQuery {
        self.asking = Asking::Yes;
        self.known = self.grown.borrow_and_update().get(&self.run).copied();
        LogQuery {
            run: self.run,
            host: None,
            item: None,
            stream: None,
            matching: None,
            from: self.next.map_or(LogFrom::End, LogFrom::Line),
            count: LINES_MAX,
        }
    }

    /// Takes the answer and says which rows the console has not seen.
    pub fn answered(&mut self, page: Option<LogPage>) -> Vec<LogRow> {
        self.asking = Asking::No;
        let Some(page) = page else { return Vec::new() };
        let taken = u64::try_from(page.lines.len()).unwrap_or(u64::MAX);
        let end = page.first.saturating_add(taken);
        let fresh = match self.next {
            // The console has asked for these itself; only what comes from now on is told.
            None => Vec::new(),
            Some(_) => rows(page.lines),
        };
        let behind = page.total.saturating_sub(end);
        self.next = Some(match behind > u64::from(LINES_MAX) {
            true => page.total.saturating_sub(u64::from(LINES_MAX)),
            false => end,
        });
        if behind > 0 {
            self.known = None;
        }
        fresh
    }
}

/// A page of a log, filtered and ready to draw.
pub fn page(page: LogPage) -> LogRows {
    LogRows { run: page.run, rows: rows(page.lines), first: page.first, total: page.total, amiss: page.amiss }
}

fn rows(lines: Vec<LogLine>) -> Vec<LogRow> {
    lines
        .into_iter()
        .map(|line| LogRow {
            number: line.number,
            at: line.at,
            host: line.host,
            item: line.item,
            step: line.step,
            attempt: line.attempt,
            stream: line.stream,
            text: shown(&line.bytes),
        })
        .collect()
}

/// One line as it is drawn. Our transcripts cut lines at the filter's own bound, so a further part is rare and marked.
fn shown(bytes: &[u8]) -> SafeLine {
    let lines = filter::lines(bytes);
    lines.first().map(filter::OutputLine::marked).unwrap_or_default()
}
