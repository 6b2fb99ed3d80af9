//! What was asked for within the last hour: a hundred runs of one host each weigh as much as one run of a hundred (Z39).
//!
//! Invariant: runs are in it in the order they were asked for, and none that came to nothing before it started.

use super::id::{RunId, RunbookId, ServerName, Timestamp, WorkspaceId};
use super::run::Run;
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far back what was asked for counts, in milliseconds.
const COUNTS_FOR_MS: u64 = 60 * 60 * 1_000;

/// A run that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    at: Timestamp,
    workspace: WorkspaceId,
    runbook: RunbookId,
    hosts: Vec<ServerName>,
}

/// Runs that were asked for within the last hour.
pub type Recent = OrdMap<RunId, Arc<Asked>>;

/// Takes a run in, and leaves out what is older than an hour.
pub fn note(recent: &mut Recent, run: &Run) {
    let proposal = &run.plan.proposal;
    while let Some((oldest, _)) = recent.get_min().filter(|(_, asked)| !counts(asked, run.proposed)) {
        let oldest = *oldest;
        recent.remove(&oldest);
    }
    let hosts = run.plan.hosts.iter().map(|host| host.name.clone()).collect();
    let (workspace, runbook) = (proposal.workspace.clone(), proposal.runbook.clone());
    recent.insert(run.id, Arc::new(Asked { at: run.proposed, workspace, runbook, hosts }));
}

/// How many hosts the runs of a runbook in a workspace were asked for within the hour before `at`, these ones included.
pub fn hosts<'a>(
    recent: &'a Recent,
    workspace: &WorkspaceId,
    runbook: &RunbookId,
    at: Timestamp,
    these: impl Iterator<Item = &'a ServerName>,
) -> usize {
    let of_it =
        recent.values().filter(|asked| asked.workspace == *workspace && asked.runbook == *runbook && counts(asked, at));
    of_it.flat_map(|asked| &asked.hosts).chain(these).collect::<BTreeSet<_>>().len()
}

fn counts(asked: &Asked, at: Timestamp) -> bool {
    at.ms_since(asked.at) < COUNTS_FOR_MS
}
