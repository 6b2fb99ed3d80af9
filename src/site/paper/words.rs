//! Words for paper: how a host is reached, what a value may be, what a check expects; and scripts in fences.

use super::BLANK;
use crate::domain::check::sign;
use crate::domain::prose;
use crate::domain::runbook::{Amount, Expect, Input, InputKind, Interpreter, Match};
use crate::domain::workspace::{Reach, Server};
use std::fmt::Write as _;

pub(super) fn reach(server: &Server) -> String {
    match &server.reach {
        Reach::Local => format!("{}: this machine", server.name),
        Reach::Ssh { address, port, user, jump, .. } => {
            let jump = jump.as_ref().map(|jump| format!(" -J {jump}")).unwrap_or_default();
            format!("{}: `ssh{jump} -p {port} {user}@{address}`", server.name)
        }
    }
}

/// What a step done by hand says. Paper knows no values: each name stands as it does in the list of values.
pub(super) fn told(text: &str) -> String {
    prose::fill(text, |name| Some(format!("`{name}`"))).unwrap_or_else(|_| text.to_owned())
}

pub(super) fn amount_words(amount: Amount) -> String {
    match amount {
        Amount::Hosts(1) => "1 host".to_owned(),
        Amount::Hosts(n) => format!("{n} hosts"),
        Amount::Percent(n) => format!("{n} % of them"),
    }
}

pub(super) fn input(input: &Input, out: &mut String) {
    let kind = match &input.kind {
        InputKind::String { pattern: Some(pattern) } => format!("text like `{pattern}`"),
        InputKind::String { pattern: None } => "one line".to_owned(),
        InputKind::Text => "several lines".to_owned(),
        InputKind::Int { min, max } => match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (None, Some(max)) => format!("{max} or less"),
            (None, None) => "a whole number".to_owned(),
        },
        InputKind::Bool => "`true` or `false`".to_owned(),
        InputKind::Choice { choices } => format!("`{}`", choices.join("`, `")),
        InputKind::Date => "a day, YYYY-MM-DD".to_owned(),
        InputKind::Duration => "a duration, as in `90m`".to_owned(),
        InputKind::Host => "a host of the workspace".to_owned(),
        InputKind::File => "an absolute path".to_owned(),
    };
    let usual = input.default.as_ref().map(|text| format!(" (usually `{text}`)")).unwrap_or_default();
    let may = if input.required { "" } else { ", may stay empty" };
    let _ = writeln!(out, "- `{}=`{BLANK} {}: {kind}{may}{usual}. {}", input.name, input.prompt, input.help.trim());
    if !input.source.is_empty() {
        let _ = writeln!(out, "  From: {}.", input.source);
    }
    if let Some(confirm) = &input.confirm {
        let _ = writeln!(out, "  - [ ] {confirm}");
    }
}

pub(super) fn expected(expect: &Expect) -> String {
    let mut words = vec![format!("exit status {}", expect.exit)];
    for (name, wanted) in [("output", &expect.stdout), ("error output", &expect.stderr)] {
        if let Some(wanted) = wanted {
            words.push(match wanted {
                Match::Equals(text) if text.is_empty() => format!("no {name}"),
                Match::Equals(text) => format!("{name} exactly `{text}`"),
                Match::Matches(pattern) => format!("{name} like `{pattern}`"),
                Match::Number { compare, with } => {
                    format!("{name} a number {} {with}", sign(*compare))
                }
                Match::Json { path, equals } => format!("{name} JSON with {path} = `{equals}`"),
            });
        }
    }
    words.join(", ")
}

/// A fenced block; the fence is longer than any run of backticks in the script.
pub(super) fn code(text: &str, interpreter: Interpreter, out: &mut String) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let name = match interpreter {
        Interpreter::Sh => "sh",
        Interpreter::Bash => "bash",
    };
    // Not indented: what is copied must be what was reviewed, byte for byte.
    let _ = writeln!(out, "{fence}{name}\n{}\n{fence}", text.trim_matches('\n'));
}
