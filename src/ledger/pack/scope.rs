//! Which part of the record a pack is of, and whether it is all of that part, as far as leaves alone can tell.
//!
//! Runs are chains: a gap shows. A period is every event between two neighbours: a gap shows. The events of an incident are no chain: that
//! it begins and ends here shows, and that every run whose broken glass is here is here whole; that nothing in between was left out
//! is what the ledger's key signs for with the manifest.

use serde_json::Value;

use super::super::leaf::Entry;
use super::Manifest;
use super::check::{Checked, bad};
use super::leaves::Leaves;

const FILE: &str = "leaves.jsonl";

/// Which part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Some runs.
    #[default]
    Run,
    /// An incident with its runs.
    Incident(u64),
    /// Every event from one moment up to another, which is not in it; with the runs that have one there.
    Period {
        /// In Unix milliseconds.
        from: i64,
        /// In Unix milliseconds.
        until: i64,
    },
}

impl Scope {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Run => "run",
            Scope::Incident(_) => "incident",
            Scope::Period { .. } => "period",
        }
    }

    /// What a manifest says; `None` where it contradicts itself.
    pub fn of(manifest: &Manifest) -> Option<Scope> {
        match (manifest.scope.as_str(), manifest.incident, manifest.from, manifest.until) {
            ("run", None, None, None) => Some(Scope::Run),
            ("incident", Some(id), None, None) => Some(Scope::Incident(id)),
            ("period", None, Some(from), Some(until)) if from < until => Some(Scope::Period { from, until }),
            _ => None,
        }
    }

    /// Whether what has to be here is here.
    pub(super) fn holds(self, leaves: &Leaves, runs: &[u64], size: u64) -> Checked {
        match self {
            Scope::Run => Ok(()),
            Scope::Incident(id) => incident(leaves, id, runs),
            Scope::Period { from, until } => period(leaves, (from, until), runs, size),
        }
    }

    /// Whether nothing can be added to it any more behind the signed head.
    pub(super) fn is_over(self, leaves: &Leaves, runs: &[u64]) -> bool {
        let ends = |run: &u64| leaves.values().any(|entry| entry.run.is_some_and(|link| link.id == *run && link.end));
        match self {
            Scope::Run => runs.iter().all(ends),
            Scope::Incident(id) => {
                leaves.values().any(|entry| is_of(entry, id) && acts(entry) == Some("closed")) && runs.iter().all(ends)
            }
            Scope::Period { until, .. } => leaves.values().any(|entry| entry.at >= until),
        }
    }
}

fn is_of(entry: &Entry, id: u64) -> bool {
    entry.kind == "incident" && entry.body.get("incident").and_then(Value::as_u64) == Some(id)
}

/// The word for what happened to an incident.
fn acts(entry: &Entry) -> Option<&str> {
    match entry.body.get("act")? {
        Value::String(word) => Some(word),
        Value::Object(act) => act.keys().next().map(String::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn incident(leaves: &Leaves, id: u64, runs: &[u64]) -> Checked {
    let (mut begun, mut over) = (false, false);
    for entry in leaves.values() {
        let wrong = |what: String| bad(FILE, format!("event {}: {what}", entry.index));
        let broke = entry.kind == "glass_broken" && entry.body.get("incident").and_then(Value::as_u64) == Some(id);
        if let Some(run) = entry.run.map(|run| run.id).filter(|run| broke && !runs.contains(run)) {
            return wrong(format!("run {run} broke glass for incident {id} and is not here whole"));
        }
        if !is_of(entry, id) {
            continue;
        }
        if over {
            return wrong(format!("it stands behind the end of incident {id}"));
        }
        if (acts(entry) == Some("opened")) == begun {
            return wrong(format!("incident {id} does not begin once, and first of all"));
        }
        begun = true;
        over = acts(entry) == Some("closed");
    }
    match begun {
        true => Ok(()),
        false => bad(FILE, format!("no event of incident {id} is there")),
    }
}

/// From the last event before the period to the first one after it, or to the head, each follows the one before.
fn period(leaves: &Leaves, (from, until): (i64, i64), runs: &[u64], size: u64) -> Checked {
    let mut next = leaves.values().take_while(|entry| entry.at < from).last().map_or(0, |entry| entry.index + 1);
    let missing = |index: u64| bad(FILE, format!("event {index} of the period is not there"));
    for entry in leaves.values().filter(|entry| entry.at >= from) {
        if entry.index != next {
            return missing(next);
        }
        if entry.at >= until {
            return Ok(());
        }
        if let Some(run) = entry.run.map(|run| run.id).filter(|run| !runs.contains(run)) {
            return bad(FILE, format!("event {next}: run {run} has it in the period and is not here whole"));
        }
        next += 1;
    }
    match next == size {
        true => Ok(()),
        false => missing(next),
    }
}
