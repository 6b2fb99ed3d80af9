//! What the world means for one person: what waits for them, what waits for others, what is at work and how far.

use crate::domain::run::Phase;
use crate::domain::{PersonId, Role, World};
use std::collections::BTreeSet;

/// Every role a person holds anywhere, in the order the formats list them.
pub fn roles(world: &World, person: &PersonId) -> BTreeSet<Role> {
    let Some(site) = &world.site else { return BTreeSet::new() };
    site.workspaces.values().filter_map(|workspace| workspace.members.get(person)).flatten().copied().collect()
}

/// Whether something a person may see changes with the seconds.
pub fn something_moves(world: &World, person: &PersonId) -> bool {
    world.visible_runs(person).any(|run| match run.phase {
        Phase::Checking(_) | Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => true,
        Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => false,
    })
}
