//! Servers that a workspace does not write down but asks for: from an inventory of Ansible, or from a command of the site's own.
//!
//! What a source says is recorded whenever it changed, and becomes part of the workspace from then on: a plan is made of
//! what was heard when the run was proposed, and binds it. Who a source is, is the site's to say; a change of that waits for
//! another person, what it says does not.

use super::algorithms::Algorithms;
use super::id::{ServerName, WorkspaceId};
use super::planning::HOSTS_MAX;
use super::site::Site;
use super::workspace::{Reach, Server, Trust, Workspace};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where servers are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its name inside the workspace.
    pub name: String,
    /// Who is asked.
    pub asks: Asks,
    /// Login name where the answer names none.
    pub user: String,
    /// Groups that every server of it belongs to, beside those the answer says.
    pub groups: BTreeSet<String>,
    /// Tags that every server of it carries.
    pub tags: BTreeSet<String>,
    /// Server of the workspace to go through, where the answer names none.
    pub jump: Option<ServerName>,
    /// The one key its servers are shown.
    pub key: Option<String>,
    /// Whose host key is accepted where the answer pins none.
    pub trust: Trust,
    /// What the hosts of a group are offered.
    pub algorithms: BTreeMap<String, Algorithms>,
}

/// Who is asked for servers. Both answer in the form of `ansible-inventory --list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// `ansible-inventory`, of this inventory.
    Inventory(String),
    /// This program with these arguments, started without a shell.
    Command(Vec<String>),
}

impl Source {
    /// In a person's words.
    pub fn words(&self) -> String {
        match &self.asks {
            Asks::Inventory(path) => format!("the inventory {path}"),
            Asks::Command(words) => format!("the command {}", words.join(" ")),
        }
    }
}

/// What a source last said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The source as it was asked: what another one said is not what this one says.
    pub of: Source,
    /// The servers.
    pub servers: Vec<Server>,
}

/// What every source last said, by workspace and name.
pub type AllListed = OrdMap<(WorkspaceId, String), Listed>;

/// A site with the servers its sources said.
pub fn with_listed(site: Arc<Site>, listed: &AllListed) -> Arc<Site> {
    if site.workspaces.values().all(|workspace| workspace.sources.is_empty()) {
        return site;
    }
    let mut whole = Site::clone(&site);
    for workspace in whole.workspaces.values_mut().filter(|workspace| !workspace.sources.is_empty()) {
        let mut with = Workspace::clone(workspace);
        with.servers.retain(|server| server.source.is_none());
        for source in &workspace.sources {
            let said = listed.get(&(workspace.id.clone(), source.name.clone())).filter(|said| said.of == *source);
            with.servers.extend(said.into_iter().flat_map(|said| said.servers.iter().cloned()));
        }
        *workspace = Arc::new(with);
    }
    Arc::new(whole)
}

/// What is wrong with what a source said, in words; `None` where it fits into its workspace.
pub fn unfit(workspace: &Workspace, source: &str, servers: &[Server]) -> Option<String> {
    if servers.is_empty() {
        return Some("it names no server; an empty answer is never taken".to_owned());
    }
    let others = || workspace.servers.iter().filter(|server| server.source.as_deref() != Some(source));
    if others().count() + servers.len() > HOSTS_MAX {
        return Some(format!("it names {} servers; a workspace takes {HOSTS_MAX}", servers.len()));
    }
    let mut names: BTreeSet<&ServerName> = others().map(|server| &server.name).collect();
    for server in servers {
        if !names.insert(&server.name) {
            return Some(format!("it names {}, which the workspace has already", server.name));
        }
    }
    for server in servers {
        if let Reach::Ssh { jump: Some(jump), .. } = &server.reach
            && (!names.contains(jump) || *jump == server.name)
        {
            return Some(format!("{} goes through {jump}, which the workspace lacks", server.name));
        }
    }
    None
}
