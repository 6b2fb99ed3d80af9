//! What touched a host, or a group of hosts, in a period: runs that had it in their plan and started, and loads of the site that
//! changed how it is reached. The first question of whoever wonders why a host behaves otherwise than an hour ago.

use super::id::{Digest, PersonId, RunId, ServerName, Timestamp, WorkspaceId};
use super::query::HistoryRow;
use super::site::Site;
use super::workspace::{Server, Workspace};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// When it began to touch the host.
    pub at: Timestamp,
    /// What it was.
    pub what: What,
}

/// What touched a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A run.
    Run(Box<HistoryRow>),
    /// A change of the site.
    Site {
        /// Its digest.
        digest: Digest,
        /// Its Git commit.
        commit: Option<String>,
        /// Who put it into force; nobody, where the server found it at its start.
        by: Option<PersonId>,
        /// What of the hosts changed.
        hosts: Vec<HostChange>,
    },
}

impl Change {
    /// The run it is.
    pub fn run(&self) -> Option<RunId> {
        match &self.what {
            What::Run(row) => Some(row.run),
            What::Site { .. } => None,
        }
    }
}

/// A host that another site has otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostChange {
    /// Of this workspace.
    pub workspace: WorkspaceId,
    /// The host.
    pub host: ServerName,
    /// How.
    pub how: How,
}

/// How a site has a host otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum How {
    /// It came.
    Added,
    /// It went.
    Removed,
    /// Its address, key, groups or tags are others.
    Changed,
}

impl How {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Removed => "removed",
            How::Changed => "changed",
        }
    }
}

/// Whether a server is called so, or belongs to a group of this name.
fn is_meant(server: &Server, target: &str) -> bool {
    server.name.as_str() == target || server.groups.contains(target)
}

/// Names of the hosts that are meant today in these workspaces; `target` itself is one where no server bears it any more, for it
/// may have been one then.
pub fn hosts(workspaces: &[Arc<Workspace>], target: &str) -> BTreeSet<String> {
    let servers = workspaces.iter().flat_map(|found| &found.servers);
    let meant = servers.filter(|server| is_meant(server, target)).map(|server| server.name.to_string());
    meant.chain([target.to_owned()]).collect()
}

/// What of the hosts that are meant another site has otherwise, in these workspaces.
pub fn of_site(before: &Site, after: &Site, workspaces: &[Arc<Workspace>], target: &str) -> Vec<HostChange> {
    let mut changed = BTreeSet::new();
    for id in workspaces.iter().map(|found| &found.id) {
        let servers = |site: &Site| site.workspaces.get(id).map(|found| found.servers.clone()).unwrap_or_default();
        let (old, new) = (servers(before), servers(after));
        let mut note = |server: &Server, how: How| {
            changed.insert(HostChange { workspace: id.clone(), host: server.name.clone(), how });
        };
        for server in &new {
            match old.iter().find(|it| it.name == server.name) {
                Some(was) if was == server => {}
                // It may belong to the group no more, or only now.
                Some(was) if is_meant(was, target) || is_meant(server, target) => note(server, How::Changed),
                None if is_meant(server, target) => note(server, How::Added),
                Some(_) | None => {}
            }
        }
        for gone in old.iter().filter(|server| is_meant(server, target)) {
            if !new.iter().any(|server| server.name == gone.name) {
                note(gone, How::Removed);
            }
        }
    }
    changed.into_iter().collect()
}

/// The tickets that changes name, each once, the latest first.
pub fn tickets(changes: &[Change]) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for change in changes {
        if let What::Run(row) = &change.what
            && !row.ticket.is_empty()
            && !named.contains(&row.ticket)
        {
            named.push(row.ticket.clone());
        }
    }
    named
}
