//! The site in force: people, workspaces and runbooks as one value, and which of its changes are sensitive enough
//! to wait for a second person.

use super::event::DETAIL_BYTES_MAX;
use super::id::{Digest, PersonId, RunbookId, WorkspaceId};
use super::incident::Clocks;
use super::notice::Notify;
use super::people::Person;
use super::runbook::{Runbook, Status};
use super::sign_in::SignIn;
use super::workspace::Workspace;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Places (`host:port`) that the server may ask over HTTP; none unless written.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub egress: BTreeSet<String>,
    /// The Vault or OpenBao that `vault:` secrets are read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultAt>,
    /// The account of the server's machine that local work runs under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_account: Option<String>,
    /// Where programs that steps need lie, by name, where they are not found by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, String>,
    /// Who looks after people and policy of the whole site; no role anywhere comes with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub administrators: BTreeSet<PersonId>,
    /// How soon incidents must get how far.
    #[serde(default)]
    pub clocks: Clocks,
    /// Whom it tells, of what, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// How people sign in over SSH.
    #[serde(default, skip_serializing_if = "SignIn::is_usual")]
    pub sign_in: SignIn,
    /// Everybody, by handle.
    pub people: BTreeMap<PersonId, Person>,
    /// Every workspace, by id.
    pub workspaces: BTreeMap<WorkspaceId, Arc<Workspace>>,
    /// Every runbook, by id.
    pub runbooks: BTreeMap<RunbookId, Arc<Runbook>>,
    /// Who changed what a runbook runs last, as far as Git and `people.toml` tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub editors: BTreeMap<RunbookId, BTreeSet<PersonId>>,
    /// SHA-256 over all files read: path, NUL, length, bytes, in path order.
    pub digest: Digest,
    /// The Git commit it was read at, where the directory is a repository.
    pub commit: Option<String>,
    /// Whether the directory held changes beyond that commit; `None` where there is no repository.
    pub dirty: Option<bool>,
    /// The text of every file read, by path: what the next change is told against. A detail of its own.
    #[serde(skip)]
    pub files: BTreeMap<String, String>,
}

/// Where `vault:` secrets are read, and as whom. Nothing here is secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VaultAt {
    /// Where it answers.
    pub address: String,
    /// The namespace everything is in.
    pub namespace: Option<String>,
    /// The role that is logged in.
    pub role_id: String,
    /// The file that holds the role's secret_id; the server's account alone may read it.
    pub secret_id: String,
}

/// A site as the record keeps it: two details of one event.
pub struct Written {
    /// What it means, as JSON.
    pub site: String,
    /// What stood in its files, as JSON.
    pub files: String,
}

impl Site {
    /// The site as it is recorded. What it means can be longer than its files: templates stand in every runbook that names
    /// them.
    ///
    /// # Errors
    /// One event could not keep it; the words say by how much.
    pub fn written(&self) -> Result<Written, String> {
        let detail = |text: serde_json::Result<String>| match text {
            Ok(text) if text.len() <= DETAIL_BYTES_MAX => Ok(text),
            Ok(text) => {
                let [bytes, most] = [text.len(), DETAIL_BYTES_MAX].map(|bytes| bytes.div_ceil(1024 * 1024));
                Err(format!("the site takes {bytes} MiB as it would be recorded, more than {most} MiB"))
            }
            Err(error) => Err(error.to_string()),
        };
        Ok(Written { site: detail(serde_json::to_string(self))?, files: detail(serde_json::to_string(&self.files))? })
    }

    /// Whether separation of duties is possible at all.
    pub fn has_one_person(&self) -> bool {
        self.people.values().filter(|person| person.machine_of.is_none()).count() < 2
    }

    /// Whose machine somebody is, where it is one.
    pub fn owner_of(&self, machine: &PersonId) -> Option<&PersonId> {
        self.people.get(machine)?.machine_of.as_ref()
    }

    /// Whether a person answers for what a change touches: for a workspace its owner, for what all share any owner. Who may do
    /// what, and by which rules, is a site administrator's too; what runs where never is.
    pub fn answers_for(&self, person: &PersonId, change: &Sensitive) -> bool {
        if change.is_of_people_or_policy() && self.administrators.contains(person) {
            return true;
        }
        let of = match change {
            Sensitive::Members(id) | Sensitive::Policy(id) | Sensitive::Servers(id) | Sensitive::Workspace(id) => {
                self.workspaces.get(id)
            }
            Sensitive::People(_)
            | Sensitive::Administrators
            | Sensitive::Runbook(_)
            | Sensitive::AllowAs
            | Sensitive::SignIn
            | Sensitive::Egress
            | Sensitive::Notify
            | Sensitive::LocalAccount
            | Sensitive::Vault => None,
        };
        match of {
            Some(workspace) => workspace.is_owned_by(person),
            // A workspace that is new has no owner yet.
            None => self.workspaces.values().any(|workspace| workspace.is_owned_by(person)),
        }
    }

    /// Everybody who answers for all of these changes.
    pub fn answerable(&self, changes: &[Sensitive]) -> Vec<&PersonId> {
        self.people.keys().filter(|person| changes.iter().all(|change| self.answers_for(person, change))).collect()
    }

    /// The person a Unix account belongs to, where they may come in.
    pub fn person_of_account(&self, account: &str) -> Option<&Person> {
        let mut people = self.people.values();
        people.find(|person| !person.disabled && person.unix.iter().any(|name| name == account))
    }

    /// Whether somebody is known and may act.
    pub fn knows(&self, person: &PersonId) -> bool {
        self.people.get(person).is_some_and(|person| !person.disabled)
    }
}

/// A change to the site that waits until another person accepts it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitive {
    /// Somebody joined, left, or changed accounts or keys.
    People(PersonId),
    /// Who administers the site.
    Administrators,
    /// Members of a workspace.
    Members(WorkspaceId),
    /// Approvals, expiry, quorums, windows, freezes or environment of a workspace.
    Policy(WorkspaceId),
    /// Servers, addresses or host keys of a workspace.
    Servers(WorkspaceId),
    /// A workspace appeared or went.
    Workspace(WorkspaceId),
    /// An approved runbook changed, appeared, or is none any more.
    Runbook(RunbookId),
    /// `allow_as` was switched.
    AllowAs,
    /// How people sign in over SSH.
    SignIn,
    /// Places the server may ask over HTTP.
    Egress,
    /// Whom it tells, of what, and how.
    Notify,
    /// Where secrets are read.
    Vault,
    /// The account local work runs under.
    LocalAccount,
}

impl Sensitive {
    /// Whether it is about who may do what, or by which rules: not about what runs, and where.
    fn is_of_people_or_policy(&self) -> bool {
        match self {
            Sensitive::People(_)
            | Sensitive::Administrators
            | Sensitive::Members(_)
            | Sensitive::Policy(_)
            | Sensitive::SignIn
            | Sensitive::AllowAs => true,
            Sensitive::Servers(_)
            | Sensitive::Workspace(_)
            | Sensitive::Runbook(_)
            | Sensitive::Egress
            | Sensitive::Notify
            | Sensitive::Vault
            | Sensitive::LocalAccount => false,
        }
    }

    /// The change in a person's words.
    pub fn words(&self) -> String {
        match self {
            Sensitive::People(id) => format!("accounts or keys of {id}"),
            Sensitive::Administrators => "who administers the site".to_owned(),
            Sensitive::Members(id) => format!("members of {id}"),
            Sensitive::Policy(id) => format!("policy, windows or freezes of {id}"),
            Sensitive::Servers(id) => format!("servers or host keys of {id}"),
            Sensitive::Workspace(id) => format!("workspace {id} added or removed"),
            Sensitive::Runbook(id) => format!("approved runbook {id}"),
            Sensitive::AllowAs => "acting as somebody else".to_owned(),
            Sensitive::SignIn => "how people sign in over SSH".to_owned(),
            Sensitive::Egress => "places the server may ask over HTTP".to_owned(),
            Sensitive::Notify => "whom it tells, and how".to_owned(),
            Sensitive::Vault => "where secrets are read".to_owned(),
            Sensitive::LocalAccount => "local work: its account, or where its programs lie".to_owned(),
        }
    }
}

/// What of the way from `old` to `new` needs a second person, in a stable order.
pub fn sensitive_changes(old: &Site, new: &Site) -> Vec<Sensitive> {
    let mut found = Vec::new();
    if old.allow_as != new.allow_as {
        found.push(Sensitive::AllowAs);
    }
    if old.sign_in != new.sign_in {
        found.push(Sensitive::SignIn);
    }
    if old.administrators != new.administrators {
        found.push(Sensitive::Administrators);
    }
    if old.egress != new.egress {
        found.push(Sensitive::Egress);
    }
    if old.notify != new.notify {
        found.push(Sensitive::Notify);
    }
    if old.vault != new.vault {
        found.push(Sensitive::Vault);
    }
    if old.local_account != new.local_account || old.programs != new.programs {
        found.push(Sensitive::LocalAccount);
    }
    for id in union(&old.people, &new.people) {
        let credentials = |site: &Site| {
            let person = site.people.get(&id)?;
            let lists = [&person.unix, &person.keys, &person.principals, &person.git].map(Clone::clone);
            Some((lists, person.disabled, person.machine_of.clone(), person.hook_secret.clone()))
        };
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
    for id in union(&old.runbooks, &new.runbooks) {
        let (before, after) = (old.runbooks.get(&id), new.runbooks.get(&id));
        let same = before.map(|runbook| runbook.digest) == after.map(|runbook| runbook.digest);
        let approved = [before, after].into_iter().flatten().any(|runbook| runbook.status == Status::Approved);
        if approved && !same {
            found.push(Sensitive::Runbook(id));
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
    // What a source says may change from day to day; which source is asked may not.
    let written = |w: &Workspace| {
        let servers: Vec<_> = w.servers.iter().filter(|server| server.source.is_none()).cloned().collect();
        (servers, w.sources.clone())
    };
    if written(before) != written(after) {
        found.push(Sensitive::Servers(after.id.clone()));
    }
}

fn union<K: Ord + Clone, V>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> Vec<K> {
    let mut keys: Vec<K> = a.keys().chain(b.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}
