//! The raw view: every byte of the output, with nothing obeyed. What the filter dropped can be read here.

use super::OUTPUT_LINE_BYTES_MAX;
use crate::terminal::line::{Attrs, Safe, SafeLine, StyleBits, is_hidden};

/// How a spelled-out byte differs from the same letters printed by the host.
const SPELLED: StyleBits = StyleBits::attrs(Attrs::REVERSE);

/// The lines of a text as they came: escapes as `^[`, bytes that are not UTF-8 as `\x9b`, both in reverse so that they
/// cannot be taken for text. Lines are split where they pass [`OUTPUT_LINE_BYTES_MAX`].
#[must_use]
pub fn raw_lines(bytes: &[u8]) -> Vec<SafeLine> {
    let mut lines: Vec<SafeLine> = bytes
        .split(|&b| b == b'\n')
        .flat_map(|line| if line.is_empty() { vec![line] } else { line.chunks(OUTPUT_LINE_BYTES_MAX).collect() })
        .map(raw_line)
        .collect();
    // What stands behind the last line feed is a line only when there is something.
    if lines.last().is_some_and(SafeLine::is_empty) {
        lines.pop();
    }
    lines
}

fn raw_line(bytes: &[u8]) -> SafeLine {
    let mut line = SafeLine::new();
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            let hidden = is_hidden(c);
            let until = rest.find(|c| is_hidden(c) != hidden).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(until);
            line.push(Safe::new(run), if hidden { SPELLED } else { StyleBits::PLAIN });
            rest = behind;
        }
        for byte in chunk.invalid() {
            line.push(Safe::from(format_args!("\\x{byte:02x}")), SPELLED);
        }
    }
    line
}
