//! What has to be asked of others before a run can be planned: which servers a source names, which versions of its secrets a
//! vault has.
//!
//! Invariant: asked for members of the workspace alone; what was heard is recorded or bound before anything is decided by it.

use super::handle::Handle;
use crate::domain::command::{Ask, Seen};
use crate::domain::order::Under;
use crate::domain::plan::{PinnedSecret, Proposal};
use crate::domain::run::Run;
use crate::domain::selector::{self, Named};
use crate::domain::site::Site;
use crate::domain::source::{Asks, Source};
use crate::domain::tool::INVENTORY;
use crate::domain::workspace::{Environment, Reach, Server, Trust, Workspace};
use crate::domain::{Actor, Refusal, Rule, RunId, ServerName, WorkspaceId};
use crate::site::import::{self, Found};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Handle {
    /// A proposal with everything asked that its plan needs: the servers of its workspace's sources, the versions of its secrets.
    ///
    /// # Errors
    /// As [`Handle::ask_sources`].
    pub async fn gathered(&self, by: &Actor, proposal: Proposal) -> Result<Proposal, Refusal> {
        // What goes back to a run has that run's hosts; whoever must undo something at night waits for no inventory.
        if proposal.again.is_none()
            && let Err(refusal) = self.ask_sources(by, &proposal.workspace).await
            && !self.names_written_servers(&proposal)
        {
            let next = "mend the source, or name servers that the workspace writes down: --select 'host:web-1'";
            return Err(refusal.next(next));
        }
        Ok(self.with_versions(by, proposal).await)
    }

    /// Whether a proposal names its servers one by one, and all of them are written in the workspace: then no source that does not
    /// answer keeps one of them back.
    fn names_written_servers(&self, proposal: &Proposal) -> bool {
        let world = Arc::clone(&self.world.borrow());
        let written = |select: &str| {
            let names = selector::parse(select).ok()?;
            let named: Option<BTreeSet<&str>> = names
                .names()
                .into_iter()
                .map(|(named, negated)| match named {
                    Named::Host(name) if !negated => Some(name),
                    Named::Host(_) | Named::Group(_) | Named::Tag(_) => None,
                })
                .collect();
            let found = world.workspace(&proposal.workspace)?.servers.iter().filter(|server| names.matches(server));
            let found: Vec<&Server> = found.collect();
            let all_named = found.iter().all(|server| server.source.is_none()) && found.len() == named?.len();
            Some(all_named && !found.is_empty())
        };
        proposal.select.as_deref().and_then(written).unwrap_or(false)
    }

    /// Asks the sources of a workspace for its servers, and has what changed recorded. Nothing happens where it has none, or where
    /// the asker may not see it.
    ///
    /// # Errors
    /// A source did not answer, or not in a way that fits: then nothing is planned by what it said before.
    pub async fn ask_sources(&self, by: &Actor, workspace: &WorkspaceId) -> Result<(), Refusal> {
        let world = Arc::clone(&self.world.borrow());
        let (Some(site), Some(found)) = (&world.site, world.workspace(workspace)) else { return Ok(()) };
        if !by.person().is_some_and(|person| found.has_member(person)) {
            return Ok(());
        }
        for source in &found.sources {
            let servers = self.servers_of(site, found, source).await.map_err(|why| {
                let what = format!("the source {} of {workspace} ({}): {why}", source.name, source.words());
                Refusal::new(Rule::Targets, what).next("mend the source, or write the servers into the workspace")
            })?;
            let ask = Ask::List { workspace: workspace.clone(), source: source.name.clone(), servers };
            self.decided(Actor::Engine, Seen::Nothing, ask).await?;
        }
        Ok(())
    }

    async fn servers_of(&self, site: &Site, workspace: &Workspace, source: &Source) -> Result<Vec<Server>, String> {
        let under = match (&site.local_account, workspace.environment) {
            (Some(account), _) => Under::Account(account.clone()),
            (None, Environment::Production) => Under::Nobody,
            (None, Environment::Staging | Environment::Lab) => Under::Server,
        };
        let words: Vec<String> = match &source.asks {
            Asks::Command(words) => words.clone(),
            Asks::Inventory(path) => {
                let program = site.programs.get(INVENTORY).cloned().unwrap_or_else(|| INVENTORY.to_owned());
                vec![program, "-i".to_owned(), path.clone(), "--list".to_owned()]
            }
        };
        let printed = self.executor.list(&under, &words).await?;
        let found = import::inventory(&printed, &source.user).map_err(|error| error.to_string())?;
        found.into_iter().map(|found| server(found, source)).collect()
    }

    /// Asks vaults, before a run starts, for the versions of the secrets it pinned, and has the answer judged.
    ///
    /// # Errors
    /// The server is stopping.
    pub(super) async fn ask_versions(&self, by: &Actor, run: RunId) -> Result<(), Refusal> {
        let world = Arc::clone(&self.world.borrow());
        let seen = |found: &&Arc<Run>| by.person().is_some_and(|it| world.can_see(it, &found.plan.proposal.workspace));
        let Some(found) = world.run(run).filter(seen) else { return Ok(()) };
        let pinned: Vec<PinnedSecret> = found.plan.secrets.iter().filter(|it| it.version.is_some()).cloned().collect();
        if pinned.is_empty() {
            return Ok(());
        }
        let versions = self.versions(&pinned).await;
        self.decided(Actor::Engine, Seen::Nothing, Ask::Versions { run, versions }).await.map(|_| ())
    }

    /// A proposal with the versions that vaults have now of the secrets it needs. One that does not say is not pinned, and the
    /// plan says so.
    async fn with_versions(&self, by: &Actor, mut proposal: Proposal) -> Proposal {
        proposal.versions = self.versions(&self.vault_secrets(by, &proposal)).await;
        proposal
    }

    async fn versions(&self, secrets: &[PinnedSecret]) -> BTreeMap<String, String> {
        let heard = futures::future::join_all(secrets.iter().map(|secret| self.vault.version(secret))).await;
        let said = secrets.iter().zip(heard).filter_map(|(secret, version)| match version {
            Ok(version) => Some((secret.name.clone(), version)),
            Err(error) => {
                tracing::warn!(%error, "the version of a secret was not heard");
                None
            }
        });
        said.collect()
    }

    fn vault_secrets(&self, by: &Actor, proposal: &Proposal) -> Vec<PinnedSecret> {
        let world = Arc::clone(&self.world.borrow());
        let seen = by.person().is_some_and(|person| world.can_see(person, &proposal.workspace));
        let Some(site) = world.site.as_ref().filter(|_| seen) else { return Vec::new() };
        let runbook = match &proposal.again {
            Some(again) => world.run(again.run).map(|run| Arc::clone(&run.plan.runbook)),
            None => site.runbooks.get(&proposal.runbook).cloned(),
        };
        let (Some(runbook), Some(at)) = (runbook, &site.vault) else { return Vec::new() };
        let in_vault = runbook.secrets.iter().filter(|(_, secret)| secret.reference.starts_with("vault:"));
        in_vault
            .map(|(name, secret)| PinnedSecret {
                name: name.clone(),
                reference: secret.reference.clone(),
                version: None,
                vault: Some(at.clone()),
            })
            .collect()
    }
}

/// A server as a source names it, with what the site says of all of them.
fn server(found: Found, source: &Source) -> Result<Server, String> {
    let unsound = found.unsound();
    if let [first, ..] = unsound.as_slice() {
        return Err(format!("{}: {first}", found.name));
    }
    let groups: BTreeSet<String> = found.groups.union(&source.groups).cloned().collect();
    let offered: BTreeSet<_> = groups.iter().filter_map(|group| source.algorithms.get(group).copied()).collect();
    if offered.len() > 1 {
        return Err(format!("{}: its groups disagree about the algorithms it is offered", found.name));
    }
    let reach = match found.local {
        true => Reach::Local,
        false => Reach::Ssh {
            address: found.address,
            port: found.port.unwrap_or(22),
            user: found.user,
            jump: found.jump.as_deref().map(ServerName::new).or_else(|| source.jump.clone()),
            trust: match found.host_keys.is_empty() {
                false => Trust::Keys(found.host_keys),
                true => source.trust.clone(),
            },
            key: source.key.clone(),
            algorithms: offered.into_iter().next().unwrap_or_default(),
        },
    };
    Ok(Server {
        name: ServerName::new(found.name),
        reach,
        groups,
        tags: found.tags.union(&source.tags).cloned().collect(),
        source: Some(source.name.clone()),
    })
}
