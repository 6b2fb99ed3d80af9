//! Words for paper: how a host is reached, what a value may be, what a check expects; and scripts in fences.

use super::BLANK;
use crate::domain::check::sign;
use crate::domain::planning::JUMPS_MAX;
use crate::domain::prose;
use crate::domain::runbook::{Amount, Expect, Input, InputKind, Interpreter, Match};
use crate::domain::workspace::{Reach, Server, Trust, Workspace};
use std::fmt::Write as _;

/// The command that reaches a server. The names of servers mean nothing to ssh: it is told addresses, on the way too.
pub(super) fn reach(server: &Server, workspace: &Workspace) -> String {
    let Reach::Ssh { address, port, user, .. } = &server.reach else {
        return format!("{}: this machine", server.name);
    };
    let next = |server: &&Server| match &server.reach {
        Reach::Ssh { jump: Some(jump), .. } => workspace.server(jump),
        Reach::Ssh { jump: None, .. } | Reach::Local => None,
    };
    let mut way: Vec<String> = std::iter::successors(next(&server), next).take(JUMPS_MAX).filter_map(hop).collect();
    way.reverse();
    let jumps = if way.is_empty() { String::new() } else { format!(" -J {}", way.join(",")) };
    format!("{}: `ssh{jumps} -p {port} {user}@{address}`", server.name)
}

fn hop(server: &Server) -> Option<String> {
    match &server.reach {
        Reach::Ssh { address, port, user, .. } if address.contains(':') => Some(format!("{user}@[{address}]:{port}")),
        Reach::Ssh { address, port, user, .. } => Some(format!("{user}@{address}:{port}")),
        Reach::Local => None,
    }
}

/// The keys by which a server is known again.
pub(super) fn known_again(server: &Server, out: &mut String) {
    let Reach::Ssh { trust, .. } = &server.reach else { return };
    let (what, keys) = match trust {
        Trust::Keys(keys) => ("Its host key", keys),
        Trust::Authorities(keys) => ("Its host certificate is signed by", keys),
        Trust::KnownHosts => return out.push_str("  - Its host key is in known_hosts; refuse an unknown one.\n"),
    };
    for key in keys {
        let _ = writeln!(out, "  - {what}: `{key}`");
    }
}

/// Names in a row.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
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
pub(super) fn code(text: &str, interpreter: &Interpreter, out: &mut String) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let name = match interpreter {
        Interpreter::Sh => "sh",
        Interpreter::Bash => "bash",
        Interpreter::Program(words) => words.first().map_or("", String::as_str),
    };
    // Not indented: what is copied must be what was reviewed, byte for byte.
    let _ = writeln!(out, "{fence}{name}\n{}\n{fence}", text.trim_matches('\n'));
}
