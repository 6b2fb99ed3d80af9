//! Short phrases of the approval view.

use super::doc::{Chunk, Token};
use crate::console::model::Cx;
use crate::console::words;
use crate::domain::plan::PlannedHost;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::run::Run;
use crate::domain::runbook::{Action, Step};
use crate::domain::workspace::Reach;
use std::collections::{BTreeMap, BTreeSet};

/// `1 approver (you or kim), 1 owner (lea)`, or `nobody`.
pub(super) fn needed(cx: &Cx<'_>, run: &Run) -> String {
    let missing: Vec<String> = policy::waits_for(cx.world, run, cx.now())
        .iter()
        .filter_map(|waits| match waits {
            WaitsFor::Approval { role, missing, may } => {
                let count =
                    words::count(usize::try_from(*missing).unwrap_or(0), role.word(), &format!("{}s", role.word()));
                Some(format!("{count} ({})", words::one_of(may, cx.me())))
            }
            WaitsFor::Warning { .. } | WaitsFor::Window { .. } | WaitsFor::Line(_) | WaitsFor::Moment { .. } => None,
        })
        .collect();
    if missing.is_empty() { "nobody".to_owned() } else { missing.join(", ") }
}

/// What repeating a step means, or who does it.
pub(super) fn effect(step: &Step) -> &'static str {
    match step.action {
        Action::Manual { .. } => "by hand",
        Action::Approval(_) => "approval",
        Action::Wait(_) => "wait",
        Action::Script(_) | Action::Call(_) | Action::Tool(_) | Action::Copy(_) | Action::Vault(_) => {
            step.effect.word()
        }
    }
}

/// The login name a host is reached with.
pub(super) fn user(host: &PlannedHost) -> Option<&str> {
    match &host.reach {
        Reach::Ssh { user, .. } => Some(user),
        Reach::Local => None,
    }
}

/// `3 hosts, 12 lines (steps 2, 4, checks)`.
pub(super) fn unread(tokens: &BTreeSet<Token>) -> String {
    let mut lines: BTreeMap<Chunk, BTreeSet<u16>> = BTreeMap::new();
    let (mut hosts, mut inputs) = (0, BTreeSet::new());
    for token in tokens {
        match token {
            Token::Host(_) => hosts += 1,
            Token::Command { chunk, line, .. } => {
                lines.entry(*chunk).or_default().insert(*line);
            }
            Token::Input { nth, .. } => {
                inputs.insert(*nth);
            }
        }
    }
    let mut parts = Vec::new();
    if hosts > 0 {
        parts.push(words::count(hosts, "host", "hosts"));
    }
    let count: usize = lines.values().map(BTreeSet::len).sum();
    if count > 0 {
        parts.push(format!("{} ({})", words::count(count, "line", "lines"), chunks(lines.keys())));
    }
    if !inputs.is_empty() {
        parts.push(words::count(inputs.len(), "input", "inputs"));
    }
    parts.join(", ")
}

fn chunks<'a>(chunks: impl Iterator<Item = &'a Chunk>) -> String {
    let mut steps = Vec::new();
    let mut checks = None;
    for chunk in chunks {
        match chunk {
            Chunk::Step(position) => steps.push((position + 1).to_string()),
            Chunk::Checks => checks = Some("checks".to_owned()),
        }
    }
    let steps = match steps.as_slice() {
        [] => None,
        [one] => Some(format!("step {one}")),
        [first, .., last] if steps.len() > 4 => Some(format!("steps {first} … {last}")),
        all => Some(format!("steps {}", all.join(", "))),
    };
    let named: Vec<String> = steps.into_iter().chain(checks).collect();
    named.join(", ")
}
