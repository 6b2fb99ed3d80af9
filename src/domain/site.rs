//! The site in force: people, workspaces and runbooks as one value, and which of its changes are sensitive enough
//! to wait for a second person.

use super::event::DETAIL_BYTES_MAX;
use super::id::{Digest, PersonId, RunbookId, WorkspaceId};
use super::people::Person;
use super::runbook::{Runbook, Status};
use super::workspace::Workspace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything the site's files say, checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The site's name.
    pub name: String,
    /// The theme consoles start with.
    pub theme: String,
    /// Whether verbs may say `--as PERSON`.
    pub allow_as: bool,
    /// Everybody, by handle.
    pub people: BTreeMap<PersonId, Person>,
    /// Every workspace, by id.
    pub workspaces: BTreeMap<WorkspaceId, Arc<Workspace>>,
    /// Every runbook, by id.
    pub runbooks: BTreeMap<RunbookId, Arc<Runbook>>,
    /// SHA-256 over all files read: path, NUL, length, bytes, in path order.
    pub digest: Digest,
    /// The Git commit it was read at, where the directory is a repository.
    pub commit: Option<String>,
    /// Whether the directory held changes beyond that commit; `None` where there is no repository.
    pub dirty: Option<bool>,
}

impl Site {
    /// Whether separation of duties is possible at all.
    pub fn has_one_person(&self) -> bool {
        self.people.len() < 2
    }

    /// The person a Unix account belongs to.
    pub fn person_of_account(&self, account: &str) -> Option<&Person> {
        self.people.values().find(|person| person.unix.iter().any(|name| name == account))
    }
}

/// A change to the site that waits until another person accepts it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitive {
    /// Somebody joined, left, or changed accounts or keys.
    People(PersonId),
    /// Members of a workspace.
    Members(WorkspaceId),
    /// Approvals, expiry, quorums, windows, freezes or environment of a workspace.
    Policy(WorkspaceId),
    /// Servers, addresses or host keys of a workspace.
    Servers(WorkspaceId),
    /// A workspace appeared or went.
    Workspace(WorkspaceId),
    /// An approved runbook changed or appeared.
    Runbook(RunbookId),
    /// `allow_as` was switched.
    AllowAs,
}

impl Sensitive {
    /// The change in a person's words.
    pub fn words(&self) -> String {
        match self {
            Sensitive::People(id) => format!("accounts or keys of {id}"),
            Sensitive::Members(id) => format!("members of {id}"),
            Sensitive::Policy(id) => format!("policy, windows or freezes of {id}"),
            Sensitive::Servers(id) => format!("servers or host keys of {id}"),
            Sensitive::Workspace(id) => format!("workspace {id} added or removed"),
            Sensitive::Runbook(id) => format!("approved runbook {id}"),
            Sensitive::AllowAs => "acting as somebody else".to_owned(),
        }
    }
}

/// Says that a site's serialised form is longer than what one event may keep.
pub fn too_large(bytes: usize) -> String {
    let mib = |bytes: usize| bytes.div_ceil(1024 * 1024);
    format!("the site takes {} MiB as it would be recorded, more than {} MiB", mib(bytes), mib(DETAIL_BYTES_MAX))
}

/// What of the way from `old` to `new` needs a second person, in a stable order.
pub fn sensitive_changes(old: &Site, new: &Site) -> Vec<Sensitive> {
    let mut found = Vec::new();
    if old.allow_as != new.allow_as {
        found.push(Sensitive::AllowAs);
    }
    for id in union(&old.people, &new.people) {
        let credentials =
            |site: &Site| site.people.get(&id).map(|p| (p.unix.clone(), p.keys.clone(), p.principals.clone()));
        if credentials(old) != credentials(new) {
            found.push(Sensitive::People(id));
        }
    }
    for id in union(&old.workspaces, &new.workspaces) {
        match (old.workspaces.get(&id), new.workspaces.get(&id)) {
            (Some(before), Some(after)) => workspace_changes(before, after, &mut found),
            (None, Some(_)) | (Some(_), None) => found.push(Sensitive::Workspace(id)),
            (None, None) => {}
        }
    }
    for (id, runbook) in &new.runbooks {
        let same = old.runbooks.get(id).is_some_and(|before| before.digest == runbook.digest);
        if runbook.status == Status::Approved && !same {
            found.push(Sensitive::Runbook(id.clone()));
        }
    }
    found
}

fn workspace_changes(before: &Workspace, after: &Workspace, found: &mut Vec<Sensitive>) {
    if before.members != after.members || before.owner != after.owner {
        found.push(Sensitive::Members(after.id.clone()));
    }
    let rules = |w: &Workspace| {
        (w.policy.clone(), w.windows.clone(), w.freezes.clone(), w.environment, w.baseline_tags.clone())
    };
    if rules(before) != rules(after) {
        found.push(Sensitive::Policy(after.id.clone()));
    }
    if before.servers != after.servers {
        found.push(Sensitive::Servers(after.id.clone()));
    }
}

fn union<K: Ord + Clone, V>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> Vec<K> {
    let mut keys: Vec<K> = a.keys().chain(b.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}
