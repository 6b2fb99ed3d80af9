//! Looks at the keys of a workspace's hosts, for somebody who wants to pin them.

use super::handle::Handle;
use crate::domain::enrol::{Enrolment, Seen, Standing};
use crate::domain::people::Role;
use crate::domain::plan::PlannedHost;
use crate::domain::planning::jumps;
use crate::domain::workspace::{Reach, Server, Trust, Workspace};
use crate::domain::{PersonId, Refusal, Rule, ServerName, WorkspaceId};
use crate::site::{Pin, pinned};
use futures::StreamExt as _;
use futures::stream;
use std::sync::Arc;

/// Hosts looked at side by side.
const LOOKS_MAX: usize = 32;

impl Handle {
    /// Looks at what the hosts of a workspace show; at all of them where `hosts` names none.
    ///
    /// # Errors
    /// A refusal: no such workspace or host for this person, or no role to reach hosts there.
    pub(super) async fn keys(
        &self,
        person: &PersonId,
        workspace: &WorkspaceId,
        hosts: &[String],
    ) -> Result<Enrolment, Refusal> {
        let world = Arc::clone(&self.world.borrow());
        let missing = || Refusal::new(Rule::NotFound, format!("no workspace is called {workspace}"));
        let found = world.workspace(workspace).filter(|found| found.has_member(person)).ok_or_else(missing)?;
        let may = found.is_owned_by(person) || found.grants(person, Role::Operator);
        if !may {
            let what = format!("{person} is neither operator nor owner in {workspace} and may not reach its hosts");
            return Err(Refusal::new(Rule::Role, what));
        }
        let chosen = chosen(found, hosts)?;
        let seen = self.look(found, &chosen).await?;
        let files = world.site.as_ref().map(|site| site.files.clone()).unwrap_or_default();
        let pins: Vec<Pin> = seen.iter().zip(&chosen).filter_map(|(seen, server)| pin(seen, server)).collect();
        let patch = pinned(&files, workspace, &pins).map_err(|why| Refusal::new(Rule::Site, why))?;
        Ok(Enrolment { seen, patch })
    }

    async fn look(&self, workspace: &Workspace, chosen: &[&Server]) -> Result<Vec<Seen>, Refusal> {
        let planned = |server: &Server| PlannedHost { name: server.name.clone(), reach: server.reach.clone() };
        let mut ways = Vec::new();
        for server in chosen {
            let host = planned(server);
            let jumps = jumps(workspace, std::slice::from_ref(&host))?;
            // The first needed is the nearest to the host: the way begins at the other end.
            ways.push((jumps.into_iter().rev().collect::<Vec<_>>(), host));
        }
        let looks = ways.into_iter().map(|(jumps, host)| {
            let executor = Arc::clone(&self.executor);
            async move { executor.look(&jumps, &host).await }
        });
        let seen: Vec<Option<Seen>> = stream::iter(looks).buffered(LOOKS_MAX).collect().await;
        self.executor.release_looks().await;
        Ok(seen.into_iter().flatten().collect())
    }
}

fn chosen<'a>(workspace: &'a Workspace, hosts: &[String]) -> Result<Vec<&'a Server>, Refusal> {
    for name in hosts {
        match workspace.server(&ServerName::new(name)).map(|server| &server.reach) {
            Some(Reach::Ssh { .. }) => {}
            Some(Reach::Local) => {
                return Err(Refusal::new(Rule::Targets, format!("{name} is this machine: it shows no key")));
            }
            None => {
                let what = format!("no server of {} is called {name}", workspace.id);
                return Err(Refusal::new(Rule::NotFound, what).next("`quarterdeck hosts list` shows them"));
            }
        }
    }
    let wanted = |server: &&Server| hosts.is_empty() || hosts.iter().any(|name| server.name.as_str() == name);
    let by_ssh = |server: &&Server| matches!(server.reach, Reach::Ssh { .. });
    Ok(workspace.servers.iter().filter(wanted).filter(by_ssh).collect())
}

/// What is to be written for a server that pins nothing yet.
fn pin(seen: &Seen, server: &Server) -> Option<Pin> {
    let Reach::Ssh { trust: Trust::KnownHosts, .. } = &server.reach else { return None };
    let shown = seen.shown.as_ref()?;
    let (key, value) = match (&seen.standing, &shown.authority) {
        (Standing::Signed, Some(authority)) => ("host_ca", authority.clone()),
        (Standing::Known | Standing::Unknown, _) => ("host_key", shown.key.clone()),
        (Standing::Pinned | Standing::Signed | Standing::Differs(_) | Standing::Unreached(_), _) => return None,
    };
    let words = match seen.standing {
        Standing::Known => format!("{} as in known_hosts", shown.fingerprint),
        Standing::Signed => format!("signs {} and is in known_hosts", shown.fingerprint),
        _ => format!("{} seen once; nobody has vouched for it", shown.fingerprint),
    };
    Some(Pin { host: server.name.clone(), key, value, words })
}
