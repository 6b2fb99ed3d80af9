//! Roles for a while: somebody asks to hold one more role in a workspace for so many minutes, another person who answers for the
//! workspace grants it, and it ends by itself.
//!
//! Invariants: nobody grants themselves anything (Z34), nobody grants what is not theirs to give (Z35), and a role that was lent
//! counts everywhere a written one does, on every path, exactly as long as the record says: what waits for it goes on, what
//! stands on it pauses when it ends (Z23).

use super::event::{Details, Recorded};
use super::id::{ElevationId, PersonId, Timestamp, WorkspaceId};
use super::legal::Illegal;
use super::people::Role;
use super::site::Site;
use super::workspace::Workspace;
use super::world::World;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The longest a role is lent for: a shift. Whoever needs it longer is written into the workspace.
pub const FOR_MS_MAX: u64 = 12 * 3_600_000;

/// The shortest: less than a minute is over before anything can be done.
pub const FOR_MS_MIN: u64 = 60_000;

/// How long a request waits for an answer.
pub const ASKED_MS_MAX: u64 = 4 * 3_600_000;

/// Requests and lent roles there may be at once.
pub const OPEN_MAX: usize = 1_000;

/// Every elevation that is asked for or in force.
pub type Elevations = OrdMap<ElevationId, Arc<Elevation>>;

/// A role that is asked for, or lent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elevation {
    /// Its number.
    pub id: ElevationId,
    /// Where.
    pub workspace: WorkspaceId,
    /// Who asked.
    pub person: PersonId,
    /// Which role.
    pub role: Role,
    /// For how long, in milliseconds, from the moment it is granted.
    pub for_ms: u64,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    pub asked: Timestamp,
    /// Who granted it, and until when; `None` while it waits.
    pub granted: Option<Granted>,
}

/// Who granted a role, and until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The first moment at which it is over.
    pub until: Timestamp,
}

impl Elevation {
    /// When it is over by itself: the role that was lent, or the request nobody answered.
    pub fn over_at(&self) -> Timestamp {
        self.granted.as_ref().map_or(self.asked.plus_ms(ASKED_MS_MAX), |granted| granted.until)
    }
}

/// What happened to an elevation, as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Somebody asked for it. Detail: `reason`.
    Asked {
        /// Which role.
        role: Role,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// Another person granted it. Detail: `reason`.
    Granted {
        /// The first moment at which it is over.
        until: Timestamp,
    },
    /// It is over. Detail: `reason`, where a person ended it.
    Over {
        /// How.
        how: Over,
    },
}

/// How an elevation is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Its time was over.
    Expired,
    /// Nobody answered in time.
    Unanswered,
    /// It was refused.
    Refused,
    /// Whoever held it, or asked for it, gave it back.
    GivenBack,
    /// Somebody who answers for the workspace took it away.
    TakenAway,
}

impl Over {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Over::Expired => "its time was over",
            Over::Unanswered => "nobody answered in time",
            Over::Refused => "refused",
            Over::GivenBack => "given back",
            Over::TakenAway => "taken away",
        }
    }
}

/// In a sentence, for the list of events.
pub fn words(act: &Act, workspace: &WorkspaceId, said: impl Fn(String, &str) -> String) -> String {
    match act {
        Act::Asked { role, for_ms } => {
            let long = super::duration::words(*for_ms);
            said(format!("asks to be {} in {workspace} for {long}", role.word()), "reason")
        }
        Act::Granted { .. } => said(format!("granted a role in {workspace}"), "reason"),
        Act::Over { how } => said(format!("role in {workspace}: {}", how.words()), "reason"),
    }
}

/// Whether a person may lend roles in a workspace: answers for it, or administers the site.
pub fn may_answer(world: &World, workspace: &Workspace, person: &PersonId) -> bool {
    let administers = world.site.as_ref().is_some_and(|site| site.administrators.contains(person));
    administers || workspace.is_owned_by(person)
}

/// Requests that nobody answered and roles that are over at `at`, the earliest first.
pub fn over(elevations: &Elevations, at: Timestamp) -> Vec<Arc<Elevation>> {
    let mut over: Vec<_> = elevations.values().filter(|one| at >= one.over_at()).cloned().collect();
    over.sort_by_key(|one| one.over_at());
    over
}

/// The next moment at which one is over.
pub fn next(elevations: &Elevations) -> Option<Timestamp> {
    elevations.values().map(|one| one.over_at()).min()
}

/// What one elevation's event does to the world.
///
/// # Errors
/// It fits no elevation there is.
pub fn fold(
    world: &mut World,
    recorded: &Recorded,
    id: ElevationId,
    workspace: &WorkspaceId,
    act: &Act,
) -> Result<(), Illegal> {
    let wrong = |state: &str| Illegal { event: format!("elevation {act:?}"), state: format!("{id} {state}") };
    let known = world.elevations.get(&id).cloned();
    match (act, known) {
        (Act::Asked { role, for_ms }, None) => {
            let person = recorded.by.person().cloned().ok_or_else(|| wrong("asked for by nobody"))?;
            let reason = reason(&recorded.details);
            let (role, for_ms, workspace) = (*role, *for_ms, workspace.clone());
            let asked = recorded.at;
            let one = Elevation { id, workspace, person, role, for_ms, reason, asked, granted: None };
            world.next_elevation = id.0 + 1;
            world.elevations.insert(id, Arc::new(one));
        }
        (Act::Granted { until }, Some(mut one)) if one.granted.is_none() => {
            let by = recorded.by.person().cloned().ok_or_else(|| wrong("granted by nobody"))?;
            Arc::make_mut(&mut one).granted = Some(Granted { by, at: recorded.at, until: *until });
            world.elevations.insert(id, one);
        }
        (Act::Over { .. }, Some(_)) => {
            world.elevations.remove(&id);
        }
        (Act::Asked { .. }, Some(_)) => return Err(wrong("is there already")),
        (Act::Granted { .. }, Some(_)) => return Err(wrong("is granted already")),
        (Act::Granted { .. } | Act::Over { .. }, None) => return Err(wrong("is over")),
    }
    world.refresh_site();
    Ok(())
}

fn reason(details: &Details) -> String {
    details.get("reason").map_or("", |detail| detail.text()).to_owned()
}

/// A site with the roles that are lent now.
pub fn with_elevated(site: Arc<Site>, elevations: &Elevations) -> Arc<Site> {
    let mut lent: BTreeMap<&WorkspaceId, BTreeMap<PersonId, BTreeSet<Role>>> = BTreeMap::new();
    for one in elevations.values().filter(|one| one.granted.is_some()) {
        lent.entry(&one.workspace).or_default().entry(one.person.clone()).or_default().insert(one.role);
    }
    let of = |workspace: &Workspace| lent.get(&workspace.id).cloned().unwrap_or_default();
    if site.workspaces.values().all(|workspace| workspace.lent == of(workspace)) {
        return site;
    }
    let mut whole = Site::clone(&site);
    for workspace in whole.workspaces.values_mut() {
        // Somebody who left the workspace or the site meanwhile holds nothing there.
        let mut lent = of(workspace);
        lent.retain(|person, _| workspace.members.contains_key(person) && site.people.contains_key(person));
        if workspace.lent != lent {
            Arc::make_mut(workspace).lent = lent;
        }
    }
    Arc::new(whole)
}
