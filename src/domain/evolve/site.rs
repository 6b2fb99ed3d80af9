//! The fold of the site: loaded, waiting for a second person, accepted; what its sources said; jumps of the clock.

use super::text;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{Timestamp, WorkspaceId};
use crate::domain::site::{Sensitive, Site};
use crate::domain::source::Listed;
use crate::domain::world::{PendingSite, World};
use std::sync::Arc;

/// Applies one event that is of no run.
pub(super) fn fold(world: &mut World, recorded: &Recorded) {
    let parsed = || {
        let site = serde_json::from_str::<Site>(&text(&recorded.details, "site")).ok()?;
        let files = serde_json::from_str(&text(&recorded.details, "files")).unwrap_or_default();
        Some(Arc::new(Site { files, ..site }))
    };
    if let Event::SiteLoaded { .. } = &recorded.event
        && let Some(site) = parsed()
    {
        // What comes first is taken as it stands; later, only what a second person has seen counts as accepted.
        if world.site.is_none() {
            world.accepted_runbooks.extend(site.runbooks.values().map(|runbook| runbook.digest));
        }
        put_in_force(world, site, recorded.at);
    }
    if let Event::SitePending { by, .. } = &recorded.event {
        world.pending = parsed().map(|site| PendingSite {
            site,
            diff: text(&recorded.details, "diff"),
            by: by.clone(),
            at: recorded.at,
            sensitive: serde_json::from_str(&text(&recorded.details, "sensitive")).unwrap_or_default(),
        });
    }
    if let Event::SiteAccepted { digest } = &recorded.event
        && let Some(pending) = world.pending.take().filter(|pending| pending.site.digest == *digest)
    {
        let seen = pending.sensitive.iter().filter_map(|change| match change {
            Sensitive::Runbook(id) => pending.site.runbooks.get(id),
            Sensitive::People(_)
            | Sensitive::Administrators
            | Sensitive::Members(_)
            | Sensitive::Policy(_)
            | Sensitive::Servers(_)
            | Sensitive::Workspace(_)
            | Sensitive::AllowAs
            | Sensitive::Egress
            | Sensitive::Notify
            | Sensitive::LocalAccount
            | Sensitive::Vault => None,
        });
        world.accepted_runbooks.extend(seen.map(|runbook| runbook.digest));
        put_in_force(world, pending.site, recorded.at);
    }
    if let Event::SourceListed { workspace, source, .. } = &recorded.event {
        list(world, workspace, source, &text(&recorded.details, "servers"));
    }
    if let Event::ClockJumped { by_ms } = &recorded.event {
        world.clock_jump = Some((recorded.at, *by_ms));
    }
}

fn list(world: &mut World, workspace: &WorkspaceId, source: &str, servers: &str) {
    let of = world.workspace(workspace).and_then(|found| found.sources.iter().find(|it| it.name == source)).cloned();
    if let (Some(of), Ok(servers)) = (of, serde_json::from_str(servers)) {
        world.listed.insert((workspace.clone(), source.to_owned()), Listed { of, servers });
        world.refresh_site();
    }
}

fn put_in_force(world: &mut World, site: Arc<Site>, at: Timestamp) {
    world.pending = None;
    world.used.in_force(&site, at);
    world.site = Some(site);
    world.refresh_site();
}
