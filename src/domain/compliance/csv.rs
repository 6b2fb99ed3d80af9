//! A report as CSV (RFC 4180): a row per run, then one per control that nothing served.
//!
//! Invariant: no cell begins with a character that a spreadsheet takes for a formula; such a one stands behind an apostrophe.

use super::{Gap, Report, columns, plain};

/// What a spreadsheet takes for the beginning of a formula, or skips to find one.
const BEGINS_FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The report, lines ended by CR LF.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    let heads: Vec<&str> = HEADS.to_vec();
    line(&mut out, heads.iter().map(|head| (*head).to_owned()));
    for row in &report.runs {
        line(&mut out, columns(row).into_iter().map(|(_, value)| value));
    }
    for control in report.controls.iter().filter(|control| control.runs.is_empty()) {
        let runbooks: Vec<&str> = control.runbooks.iter().map(|id| id.as_str()).collect();
        let cell = |head: &&str| match *head {
            "controls" => control.id.clone(),
            "runbook" => runbooks.join("; "),
            "gaps" => Gap::NoRun.words().to_owned(),
            _ => String::new(),
        };
        line(&mut out, HEADS.iter().map(cell));
    }
    out
}

/// The names of the columns, in order; tested against what a row holds.
const HEADS: [&str; 31] = [
    "run",
    "workspace",
    "environment",
    "runbook",
    "version",
    "controls",
    "hosts",
    "select",
    "impact",
    "proposed_by",
    "proposed",
    "reason",
    "ticket",
    "approvals",
    "standing_approval",
    "warnings_accepted",
    "emergency",
    "driver",
    "started",
    "ended",
    "outcome",
    "hosts_failed",
    "verification",
    "note",
    "note_by",
    "note_at",
    "first_reviews",
    "review",
    "reviewed_by",
    "reviewed_at",
    "gaps",
];

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (nth, value) in cells.enumerate() {
        if nth > 0 {
            out.push(',');
        }
        out.push_str(&cell(&value));
    }
    out.push_str("\r\n");
}

/// One cell: harmless to a spreadsheet, quoted where it must be.
fn cell(value: &str) -> String {
    let value = plain(value);
    let guarded = match value.starts_with(BEGINS_FORMULA) {
        true => format!("'{value}"),
        false => value,
    };
    match guarded.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{self, Driver};
    use crate::domain::history;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@cmd", "'@cmd"),
            ("\tcmd", "'\tcmd"),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("\u{202e}evil", "\\u{202e}evil"),
        ];
        for (value, wanted) in cases {
            assert_eq!(cell(value), wanted, "{value:?}");
        }
    }

    #[test]
    fn heads_are_the_columns_of_a_row() {
        let mut driver = Driver::new(fixture::site());
        let id = driver.start_one();
        let row = history::row(&driver.run(id));
        assert_eq!(columns(&row).into_iter().map(|(head, _)| head).collect::<Vec<_>>(), HEADS);
    }
}
