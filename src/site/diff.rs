//! How one state of a site's files differs from another: what the person reads who has to accept it.

use crate::domain::world::LEFT_OUT;
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

/// Longest diff: it is kept as a detail of the event, and nobody reads more at once.
const DIFF_BYTES_MAX: usize = 1_024 * 1_024;
/// Time one file may take before its diff becomes coarser.
const FILE_MS_MAX: u64 = 500;
/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// The unified diff of two states of a site's files, by path. What does not fit is named, on lines that begin with
/// [`LEFT_OUT`]: nobody can accept a change that is not shown whole.
pub fn diff(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut out = String::new();
    let mut left_out = 0;
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if before == after {
            continue;
        }
        let piece = one(path, before, after);
        if out.len() + piece.len() <= DIFF_BYTES_MAX {
            out.push_str(&piece);
        } else {
            left_out += 1;
            let _ = writeln!(out, "{LEFT_OUT} {path}: {} lines of differences, left out here", piece.lines().count());
        }
    }
    if left_out > 0 {
        let _ = writeln!(out, "{LEFT_OUT} {left_out} files were left out: this is too much for one change");
    }
    out
}

fn one(path: &str, before: Option<&String>, after: Option<&String>) -> String {
    let name = |side: &str, text: Option<&String>| match text {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = (before.map_or("", String::as_str), after.map_or("", String::as_str));
    TextDiff::configure()
        .timeout(Duration::from_millis(FILE_MS_MAX))
        .diff_lines(old, new)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&name("a", before), &name("b", after))
        .to_string()
}
