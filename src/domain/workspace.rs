//! A workspace: the servers a team operates, who may do what there, and by which rules. It limits runs
//! structurally: a selector resolves inside one workspace and reaches nothing else.

use super::algorithms::Algorithms;
use super::checkpoint::Demand;
use super::id::{PersonId, RunbookId, ServerName, StandingId, WorkspaceId};
use super::people::Role;
use super::runbook::Impact;
use super::source::Source;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How close to customers a workspace is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Nobody depends on it.
    Lab,
    /// Rehearsal.
    Staging,
    /// Customers depend on it.
    Production,
}

impl Environment {
    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Environment::Lab => "lab",
            Environment::Staging => "staging",
            Environment::Production => "production",
        }
    }
}

/// A workspace as written in `workspaces/*.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its title on screen.
    pub title: String,
    /// How close to customers it is.
    pub environment: Environment,
    /// A colour name shown beside the name, never alone.
    pub colour: String,
    /// The tags a run takes unless more are chosen.
    pub baseline_tags: BTreeSet<String>,
    /// Duties a manual step may name.
    pub duties: BTreeSet<String>,
    /// Who answers for it.
    pub owner: PersonId,
    /// Its servers, in file order.
    pub servers: Vec<Server>,
    /// Where more servers are asked for; what they said last stands among `servers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Who may do what.
    pub members: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Rules for approvals.
    pub policy: Policy,
    /// When runs may start; none means always.
    pub windows: Vec<Window>,
    /// When none may start.
    pub freezes: Vec<Freeze>,
    /// Roles that members hold for a while, beside those written: of the record, not of the file.
    #[serde(skip)]
    pub lent: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Standing approvals that let runs start here now: of the record too.
    #[serde(skip)]
    pub standing: BTreeMap<StandingId, Given>,
}

impl Workspace {
    /// Whether `person` holds `role` here. An owner holds no other role by being owner.
    pub fn grants(&self, person: &PersonId, role: Role) -> bool {
        [&self.members, &self.lent].into_iter().any(|held| held.get(person).is_some_and(|roles| roles.contains(&role)))
    }

    /// Every role `person` holds here, for good or for a while.
    pub fn roles(&self, person: &PersonId) -> impl Iterator<Item = Role> {
        [&self.members, &self.lent].into_iter().filter_map(|held| held.get(person)).flatten().copied()
    }

    /// Whether `person` answers for it: named as its owner, or holding that role.
    pub fn is_owned_by(&self, person: &PersonId) -> bool {
        self.owner == *person || self.grants(person, Role::Owner)
    }

    /// Everybody who holds `role` here.
    pub fn holders(&self, role: Role) -> impl Iterator<Item = &PersonId> {
        self.members.keys().filter(move |person| self.grants(person, role))
    }

    /// Whether `person` is a member at all; a workspace does not exist for others.
    pub fn has_member(&self, person: &PersonId) -> bool {
        self.members.contains_key(person) || self.owner == *person
    }

    /// The server called `name`.
    pub fn server(&self, name: &ServerName) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == *name)
    }
}

/// By whose word a standing approval is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// Who asked for it: their word fills no seat.
    pub asked: PersonId,
    /// Who said yes, and stands by it.
    pub by: BTreeSet<PersonId>,
}

/// One machine a run can reach.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Server {
    /// Its name inside the workspace.
    pub name: ServerName,
    /// How it is reached.
    pub reach: Reach,
    /// Groups it belongs to.
    pub groups: BTreeSet<String>,
    /// Tags it carries.
    pub tags: BTreeSet<String>,
    /// The source that named it; `None` where the workspace's file does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How a host is reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// By SSH.
    Ssh {
        /// Host name or address, as written.
        address: String,
        /// TCP port.
        port: u16,
        /// Login name.
        user: String,
        /// Server of the same workspace to go through.
        jump: Option<ServerName>,
        /// Whose host key is accepted.
        trust: Trust,
        /// The one key it is shown, by its name among the server's keys; `None` for those that every host is shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Which algorithms it is offered.
        #[serde(default, skip_serializing_if = "Algorithms::is_modern")]
        algorithms: Algorithms,
    },
    /// On the bastion itself (`local = true`).
    Local,
}

/// Whose host key is accepted. An unknown key is always refused, never trusted on first use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Exactly these OpenSSH public keys.
    Keys(Vec<String>),
    /// Host certificates signed by one of these OpenSSH public keys.
    Authorities(Vec<String>),
    /// What the server account's known_hosts says; pinned by name only, and the plan says so.
    KnownHosts,
}

/// Rules for approvals in a workspace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// A request waiting longer than this many milliseconds expires.
    pub approval_expiry_ms: u64,
    /// An approved run not started for this many milliseconds expires.
    pub execution_expiry_ms: u64,
    /// Quorums by impact; where none is written, one approver.
    pub quorums: Vec<Quorum>,
    /// What becomes of a run whose window closes while it is at work.
    #[serde(default)]
    pub after_window: AfterWindow,
    /// The role that may break glass; nobody, unless one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Role>,
    /// A run that is over and not reviewed for this many milliseconds is a deviation.
    #[serde(default = "review_within_ms")]
    pub review_within_ms: u64,
    /// From which impact an approval needs a code of the approver's second factor; never, unless written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Impact>,
    /// From which impact an approval is signed by the approver's own SSH key; never, unless written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Impact>,
    /// What every run must have shown beyond what always holds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub checkpoints: BTreeSet<Demand>,
}

/// A run is reviewed within a week unless the workspace says otherwise.
pub const REVIEW_WITHIN_MS: u64 = 7 * 24 * 3_600_000;

/// For sites in records that were made before it could be written.
fn review_within_ms() -> u64 {
    REVIEW_WITHIN_MS
}

/// What becomes of a run whose window closes while it is at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterWindow {
    /// Steps at work end, and no other begins.
    #[default]
    Pause,
    /// It goes on to its end.
    Finish,
}

/// Who must approve at one impact: every slot, each filled by another person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quorum {
    /// The impact it holds for.
    pub impact: Impact,
    /// Groups that are ANDed.
    pub from: Vec<Slot>,
}

/// A group of a quorum: `n` distinct people holding `role`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// The role.
    pub role: Role,
    /// How many people.
    pub n: u32,
}

/// A change window: one that comes again, or one that is open once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// In `zone`: a five-field cron expression, or the one moment it opens at, `YYYY-MM-DDTHH:MM:SS`.
    pub start: String,
    /// How long it stays open, in milliseconds.
    pub lasts_ms: u64,
    /// IANA zone name.
    pub zone: String,
}

/// A span in which nothing may start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Freeze {
    /// Its name.
    pub name: String,
    /// First moment, `YYYY-MM-DDTHH:MM:SS` in `zone`.
    pub from: String,
    /// First moment after it, in `zone`.
    pub to: String,
    /// IANA zone name.
    pub zone: String,
    /// Runbooks that start all the same, within the windows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<RunbookId>,
}

impl Freeze {
    /// Its name, with the runbooks it holds not for.
    pub fn called(&self) -> String {
        let except: Vec<&str> = self.except.iter().map(RunbookId::as_str).collect();
        match except.is_empty() {
            true => self.name.clone(),
            false => format!("{}, but for {}", self.name, except.join(", ")),
        }
    }
}
