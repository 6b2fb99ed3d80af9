//! The keys of the views: one tree, prefixes, big-endian numbers, so that walking a prefix backwards is newest first.

use crate::domain::query::{AuditRow, HistoryRow, Preset};
use crate::domain::run::Run;
use crate::domain::{PersonId, RunId};
use std::collections::BTreeSet;

/// What the views hold so far.
pub const APPLIED: &[u8] = b"m/applied";
/// Format, origin and count of the views.
pub const HEADER: &[u8] = b"m/header";
/// Number of keys below the prefixes of rows and indices: what a damaged store cannot fake.
pub const COUNT: &[u8] = b"m/count";

/// A run's row.
pub fn history(run: RunId) -> Vec<u8> {
    numbered(b"h/", run.0)
}

/// An event's row.
pub fn audit(index: u64) -> Vec<u8> {
    numbered(b"a/", index)
}

/// All events of a run.
pub fn events_of(run: RunId) -> Vec<u8> {
    numbered(b"e/", run.0)
}

/// An event of a run.
pub fn event_of(run: RunId, index: u64) -> Vec<u8> {
    let mut key = events_of(run);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// Everything with one value of one facet.
pub fn facet(facet: &str, value: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(facet.len() + value.len() + 12);
    key.extend_from_slice(b"i/");
    key.extend_from_slice(facet.as_bytes());
    key.push(0);
    key.extend_from_slice(value.as_bytes());
    key.push(0);
    key
}

/// One thing with one value of one facet.
pub fn faceted(name: &str, value: &str, number: u64) -> Vec<u8> {
    let mut key = facet(name, value);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number a key ends with.
pub fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A kept form of a person: a preset by its name, a draft by what it is a form for.
pub fn kept(person: &PersonId, form: &Preset) -> Vec<u8> {
    let mut key = kept_by(person);
    if form.name.is_empty() {
        let (workspace, runbook) = (form.proposal.workspace.as_str(), form.proposal.runbook.as_str());
        key.extend_from_slice(format!("draft\0{workspace}\0{runbook}").as_bytes());
    } else {
        key.extend_from_slice(b"preset\0");
        key.extend_from_slice(form.name.as_bytes());
    }
    key
}

/// What every kept form of a person begins with.
pub fn kept_by(person: &PersonId) -> Vec<u8> {
    let mut key = person.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

/// The hosts of a run.
pub fn hosts_of_run(run: &Run) -> BTreeSet<Vec<u8>> {
    run.plan.hosts.iter().map(|host| faceted("host", host.name.as_str(), run.id.0)).collect()
}

/// The facets of a run that can change, sorted.
pub fn of_run(row: &HistoryRow) -> Vec<Vec<u8>> {
    let run = row.run.0;
    let mut keys = vec![
        faceted("workspace", row.workspace.as_str(), run),
        faceted("runbook", row.runbook.as_str(), run),
        faceted("phase", row.phase.word(), run),
    ];
    keys.extend(row.ending.map(|ending| faceted("ending", ending.word(), run)));
    let people = [Some(&row.by), row.driver.as_ref(), row.reviewed_by.as_ref()];
    keys.extend(
        people.into_iter().flatten().chain(&row.approved_by).map(|person| faceted("person", person.as_str(), run)),
    );
    keys.sort();
    keys.dedup();
    keys
}

/// Events of a workspace that are of none of its runs.
pub const OF_WORKSPACE: &str = "of";

/// The facets of an event.
pub fn of_event(row: &AuditRow) -> Vec<Vec<u8>> {
    let mut keys = vec![faceted("kind", &row.kind, row.index)];
    keys.extend(row.by.person().map(|person| faceted("actor", person.as_str(), row.index)));
    keys.extend(row.run.map(|run| event_of(run, row.index)));
    keys.extend(row.workspace.as_ref().map(|workspace| faceted(OF_WORKSPACE, workspace.as_str(), row.index)));
    keys
}

fn numbered(prefix: &[u8], number: u64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}
