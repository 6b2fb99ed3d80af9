//! The fold of the site: loaded, waiting for a second person, accepted; and what its sources said.

use super::text;
use crate::domain::event::Recorded;
use crate::domain::id::{Digest, PersonId, Timestamp, WorkspaceId};
use crate::domain::site::{Sensitive, Site};
use crate::domain::source::Listed;
use crate::domain::world::{PendingSite, World};
use std::sync::Arc;

/// The site that came with an event, where its text is still there.
fn parsed(recorded: &Recorded) -> Option<Arc<Site>> {
    let site = serde_json::from_str::<Site>(&text(&recorded.details, "site")).ok()?;
    let files = serde_json::from_str(&text(&recorded.details, "files")).unwrap_or_default();
    Some(Arc::new(Site { files, ..site }))
}

/// A site came into force.
pub(super) fn loaded(world: &mut World, recorded: &Recorded) {
    let Some(site) = parsed(recorded) else {
        return;
    };
    // What comes first is taken as it stands; later, only what a second person has seen counts as accepted.
    if world.site.is_none() {
        world.accepted_runbooks.extend(site.runbooks.values().map(|runbook| runbook.digest));
    }
    put_in_force(world, site, recorded.at);
}

/// A site waits for a second person.
pub(super) fn pends(world: &mut World, recorded: &Recorded, by: Option<&PersonId>) {
    world.pending = parsed(recorded).map(|site| PendingSite {
        site,
        diff: text(&recorded.details, "diff"),
        by: by.cloned(),
        at: recorded.at,
        sensitive: serde_json::from_str(&text(&recorded.details, "sensitive")).unwrap_or_default(),
    });
}

/// The site that waited was accepted.
pub(super) fn accepted(world: &mut World, recorded: &Recorded, digest: Digest) {
    let Some(pending) = world.pending.take().filter(|pending| pending.site.digest == digest) else {
        return;
    };
    let seen = pending.sensitive.iter().filter_map(|change| match change {
        Sensitive::Runbook(id) => pending.site.runbooks.get(id),
        Sensitive::People(_)
        | Sensitive::Administrators
        | Sensitive::Members(_)
        | Sensitive::Policy(_)
        | Sensitive::Servers(_)
        | Sensitive::Workspace(_)
        | Sensitive::AllowAs
        | Sensitive::SignIn
        | Sensitive::Egress
        | Sensitive::Notify
        | Sensitive::LocalAccount
        | Sensitive::Vault => None,
    });
    world.accepted_runbooks.extend(seen.map(|runbook| runbook.digest));
    put_in_force(world, pending.site, recorded.at);
}

/// A source said which servers it has.
pub(super) fn listed(world: &mut World, recorded: &Recorded, workspace: &WorkspaceId, source: &str) {
    let of = world.workspace(workspace).and_then(|found| found.sources.iter().find(|it| it.name == source)).cloned();
    if let (Some(of), Ok(servers)) = (of, serde_json::from_str(&text(&recorded.details, "servers"))) {
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
