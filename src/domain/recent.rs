//! What was asked for within the last hour: a hundred runs of one host each weigh as much as one run of a hundred (Z39).
//!
//! Invariant: no run is in it that came to nothing before it started, and each host of a runbook in a workspace is counted as often as
//! runs in it have it.

use super::id::{RunId, RunbookId, ServerName, Timestamp, WorkspaceId};
use super::run::Run;
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far back what was asked for counts, in milliseconds.
const COUNTS_FOR_MS: u64 = 60 * 60 * 1_000;

/// A runbook in a workspace.
type Kind = (WorkspaceId, RunbookId);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    at: Timestamp,
    kind: Kind,
    hosts: Vec<ServerName>,
}

/// Runs that were asked for within the last hour.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recent {
    /// In the order they were asked for.
    runs: OrdMap<RunId, Arc<Asked>>,
    /// How many of them have each host: asked at every proposal, so nobody looks at every run.
    hosts: OrdMap<Kind, OrdMap<ServerName, u32>>,
}

impl Recent {
    /// Takes a run in, and leaves out what is older than an hour.
    pub fn note(&mut self, run: &Run) {
        self.forget_before(run.proposed);
        let hosts: Vec<ServerName> = run.plan.hosts.iter().map(|host| host.name.clone()).collect();
        let kind = kind(&run.plan.proposal.workspace, &run.plan.proposal.runbook);
        let counts = self.hosts.entry(kind.clone()).or_default();
        for host in &hosts {
            *counts.entry(host.clone()).or_default() += 1;
        }
        self.runs.insert(run.id, Arc::new(Asked { at: run.proposed, kind, hosts }));
    }

    /// A run came to nothing, or counts no more.
    pub fn forget(&mut self, run: RunId) {
        let Some(asked) = self.runs.remove(&run) else { return };
        let Some(counts) = self.hosts.get_mut(&asked.kind) else { return };
        for host in &asked.hosts {
            match counts.get_mut(host) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(counts.remove(host)),
            }
        }
        if counts.is_empty() {
            self.hosts.remove(&asked.kind);
        }
    }

    fn forget_before(&mut self, at: Timestamp) {
        while let Some((oldest, asked)) = self.runs.get_min() {
            if at.ms_since(asked.at) < COUNTS_FOR_MS {
                return;
            }
            self.forget(*oldest);
        }
    }

    /// How many hosts the runs of a runbook in a workspace were asked for within the hour before `at`, these ones included.
    pub fn hosts_with<'a>(
        &self,
        workspace: &WorkspaceId,
        runbook: &RunbookId,
        at: Timestamp,
        these: impl Iterator<Item = &'a ServerName>,
    ) -> usize {
        let mut now = self.clone();
        now.forget_before(at);
        let counts = now.hosts.get(&kind(workspace, runbook));
        let more =
            these.filter(|host| counts.is_none_or(|counts| !counts.contains_key(*host))).collect::<BTreeSet<_>>();
        counts.map_or(0, OrdMap::len) + more.len()
    }

    /// How many runs count.
    #[cfg(test)]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }
}

fn kind(workspace: &WorkspaceId, runbook: &RunbookId) -> Kind {
    (workspace.clone(), runbook.clone())
}
