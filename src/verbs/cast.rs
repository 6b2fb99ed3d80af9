//! A run's log as an asciicast, version 3 (docs.asciinema.org/manual/asciicast/v3): a header, then one event a line, each with the
//! seconds since the one before it.
//!
//! Invariant: what a player writes to its terminal has been through the same filter as what a verb prints.

use super::text;
use crate::domain::Timestamp;
use crate::domain::query::LogLine;
use crate::domain::run::Run;
use serde_json::json;

/// The terminal a recording is made for.
const COLUMNS: u16 = 120;
const ROWS: u16 = 40;

/// A recording as it is written.
pub struct Cast {
    title: String,
    began: Timestamp,
    last: Timestamp,
}

impl Cast {
    /// The recording of this run.
    pub fn new(run: &Run) -> Self {
        let began = run.started.unwrap_or(run.proposed);
        Self { title: format!("{} {}", run.id, run.plan.runbook.id), began, last: began }
    }

    /// The first line.
    pub fn head(&self) -> String {
        let term = json!({ "cols": COLUMNS, "rows": ROWS });
        let head =
            json!({ "version": 3, "term": term, "timestamp": self.began.0.div_euclid(1_000), "title": self.title });
        format!("{head}\n")
    }

    /// A line of the log as an event. Lines of several hosts come in the order they were kept: no time goes back.
    pub fn event(&mut self, line: &LogLine) -> String {
        let gone = line.at.ms_since(self.last);
        self.last = self.last.max(line.at);
        let shown = text::log_line(line, false).trim_end_matches('\n').to_owned() + "\r\n";
        let seconds = format!("{}.{:03}", gone / 1_000, gone % 1_000);
        format!("[{seconds}, \"o\", {}]\n", serde_json::Value::String(shown))
    }
}
