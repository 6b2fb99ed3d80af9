//! Who made the last change to what a runbook runs, as Git has it: they alone do not let a run of it on (Z30).
//!
//! Invariant: a change that is in no commit names nobody; that it is in none is a warning of its own.

use super::git::Git;
use crate::domain::people::Person;
use crate::domain::runbook::Runbook;
use crate::domain::{PersonId, RunbookId};
use std::collections::{BTreeMap, BTreeSet};

/// Whoever wrote and whoever committed the newest change to a runbook's file, a template of its, or what runs within it. `templates` are files by
/// `id@version`.
pub(super) fn of(
    git: &Git,
    files: &BTreeMap<String, String>,
    people: &BTreeMap<PersonId, Person>,
    runbooks: &[Runbook],
    templates: &BTreeMap<String, String>,
) -> BTreeMap<RunbookId, BTreeSet<PersonId>> {
    let known: BTreeMap<String, &PersonId> = people
        .values()
        .flat_map(|person| person.git.iter().map(|address| (address.to_lowercase(), &person.id)))
        .collect();
    let last = |parts: BTreeSet<String>| {
        let committed = parts.iter().all(|file| files.get(file).is_some_and(|text| git.holds(file, text)));
        let changes = parts.iter().filter_map(|file| git.changed.get(file)).filter(|_| committed);
        let newest = changes.min_by_key(|change| change.newer);
        let people = newest.into_iter().flat_map(|change| &change.by).filter_map(|address| known.get(address));
        people.map(|person| (*person).clone()).collect::<BTreeSet<PersonId>>()
    };
    let parts = |runbook: &Runbook| -> BTreeSet<String> {
        let of_templates = runbook.templates.iter().filter_map(|(name, _)| templates.get(name)).cloned();
        of_templates.chain([runbook.file.clone()]).collect()
    };
    let by_name = |name: &str| runbooks.iter().find(|other| format!("{}@{}", other.id, other.version) == name);
    let all = |runbook: &Runbook| {
        let within = runbook.within.iter().filter_map(|it| by_name(&it.name));
        within.flat_map(parts).chain(parts(runbook)).collect::<BTreeSet<String>>()
    };
    let editors = runbooks.iter().map(|runbook| (runbook.id.clone(), last(all(runbook))));
    editors.filter(|(_, people)| !people.is_empty()).collect()
}
