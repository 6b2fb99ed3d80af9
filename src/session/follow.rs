//! The lines of one run as they come. What is printed faster than a person can be shown is skipped here, not stored: it
//! stands in the transcript, and the console asks for it when somebody scrolls back.

use crate::console::{LogRow, LogRows};
use crate::domain::RunId;
use crate::domain::query::{LogFrom, LogLine, LogPage, LogQuery};
use crate::terminal::filter;
use crate::terminal::line::SafeLine;
use std::collections::BTreeMap;
use std::sync::Arc;
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
    /// Whether the last answer ended before the log did, for its lines are long.
    cut: bool,
    asking: Asking,
}

/// Whether a question for lines is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asking {
    No,
    Yes,
}

/// An answer.
#[derive(Debug)]
pub struct Lines {
    /// Lines of the run by then.
    pub known: Option<u64>,
    /// Some of them.
    pub rows: LogRows,
}

impl Follow {
    /// Follows a run from here on.
    pub fn new(run: RunId, grown: watch::Receiver<BTreeMap<RunId, u64>>) -> Self {
        Self { run, grown, known: None, next: None, cut: false, asking: Asking::No }
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

    /// The question to ask now, and the lines of the run by now. Asked for is the end, as by everybody who watches, unless the
    /// last answer was cut short.
    pub fn question(&mut self) -> (Option<u64>, LogQuery) {
        self.asking = Asking::Yes;
        let known = self.grown.borrow_and_update().get(&self.run).copied();
        let from = match self.next.filter(|_| self.cut) {
            Some(next) => LogFrom::Line(next),
            None => LogFrom::End,
        };
        let query =
            LogQuery { run: self.run, host: None, item: None, stream: None, matching: None, from, count: LINES_MAX };
        (known, query)
    }

    /// Takes the answer and says which rows the console has not seen.
    pub fn answered(&mut self, lines: Option<Lines>) -> Vec<Arc<LogRow>> {
        self.asking = Asking::No;
        let Some(Lines { known, rows }) = lines else { return Vec::new() };
        let taken = u64::try_from(rows.rows.len()).unwrap_or(u64::MAX);
        let end = rows.first.saturating_add(taken);
        let fresh = match self.next {
            // The console has asked for these itself; only what comes from now on is told.
            None => Vec::new(),
            Some(next) => rows.rows.into_iter().filter(|row| row.number >= next).collect(),
        };
        let behind = rows.total.saturating_sub(end);
        self.cut = behind > 0 && behind <= u64::from(LINES_MAX);
        self.next = Some(match behind > u64::from(LINES_MAX) {
            true => rows.total.saturating_sub(u64::from(LINES_MAX)),
            false => end.max(self.next.unwrap_or(0)),
        });
        self.known = known.filter(|_| behind == 0);
        fresh
    }
}

/// A page of a log, filtered and ready to draw.
pub fn page(page: LogPage) -> LogRows {
    LogRows { run: page.run, rows: rows(page.lines), first: page.first, total: page.total, amiss: page.amiss }
}

fn rows(lines: Vec<LogLine>) -> Vec<Arc<LogRow>> {
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
        .map(Arc::new)
        .collect()
}

/// One line as it is drawn. Our transcripts cut lines at the filter's own bound, so a further part is rare and marked.
fn shown(bytes: &[u8]) -> SafeLine {
    let lines = filter::lines(bytes);
    lines.first().map(filter::OutputLine::marked).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId(1);

    fn lines(from: u64, count: u64, total: u64) -> LogRows {
        let line = |number: u64| LogLine {
            number,
            at: crate::domain::Timestamp(0),
            host: "web-1".to_owned(),
            item: crate::domain::run::Item::Step(0),
            step: crate::domain::StepId::new("step"),
            attempt: 1,
            stream: crate::domain::order::Stream::Out,
            bytes: number.to_string().into_bytes(),
        };
        page(LogPage { run: RUN, lines: (from..from + count).map(line).collect(), first: from, total, amiss: None })
    }

    fn numbers(follow: &mut Follow, known: u64, rows: LogRows) -> Vec<u64> {
        follow.answered(Some(Lines { known: Some(known), rows })).iter().map(|row| row.number).collect()
    }

    #[test]
    fn every_line_is_told_once_the_latest_before_all_and_long_ones_one_page_after_the_other() {
        let (_grown, receiver) = watch::channel(BTreeMap::from([(RUN, 10)]));
        let mut follow = Follow::new(RUN, receiver);
        assert_eq!(follow.question().1.from, LogFrom::End);
        assert!(numbers(&mut follow, 10, lines(0, 10, 10)).is_empty(), "what was there the console reads itself");
        assert_eq!(numbers(&mut follow, 13, lines(0, 13, 13)), [10, 11, 12]);
        assert!(numbers(&mut follow, 13, lines(0, 13, 13)).is_empty(), "an end that another was told already");
        // More than a person can be shown: the latest.
        assert_eq!(numbers(&mut follow, 9_000, lines(8_600, 400, 9_000)).len(), 400);
        // An end whose lines are long: it ends before the log does.
        assert_eq!(numbers(&mut follow, 9_300, lines(8_900, 150, 9_300)), (9_000..9_050).collect::<Vec<_>>());
        assert_eq!((follow.question().1.from, follow.known), (LogFrom::Line(9_050), None));
        assert_eq!(numbers(&mut follow, 9_300, lines(9_050, 250, 9_300)), (9_050..9_300).collect::<Vec<_>>());
        assert_eq!(follow.question().1.from, LogFrom::End);
    }
}
