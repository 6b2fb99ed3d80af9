//! What is told of things that are no run: a role asked for, a standing approval, an incident, work done by hand.

use super::{Notice, What};
use crate::domain::beside::Beside;
use crate::domain::by_hand;
use crate::domain::elevation;
use crate::domain::event::Recorded;
use crate::domain::id::{ElevationId, HandId, IncidentId, PersonId, StandingId, Timestamp, WorkspaceId};
use crate::domain::incident::{self, Severity};
use crate::domain::people::Role;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::standing;
use crate::domain::workspace::{Environment, Workspace};
use crate::domain::world::World;
use std::collections::BTreeSet;

/// A thing that is no run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// A role for a while.
    Elevation(ElevationId),
    /// An approval in advance.
    Standing(StandingId),
    /// An incident.
    Incident(IncidentId),
    /// What was done by hand.
    ByHand(HandId),
}

impl Object {
    /// The word for its kind, in documents.
    pub fn word(self) -> &'static str {
        match self {
            Object::Elevation(_) => "elevation",
            Object::Standing(_) => "standing",
            Object::Incident(_) => "incident",
            Object::ByHand(_) => "by_hand",
        }
    }

    /// Its number.
    pub fn number(self) -> u64 {
        match self {
            Object::Elevation(id) => id.0,
            Object::Standing(id) => id.0,
            Object::Incident(id) => id.0,
            Object::ByHand(id) => id.0,
        }
    }

    /// As people write it.
    pub fn words(self) -> String {
        match self {
            Object::Elevation(id) => format!("elevation {id}"),
            Object::Standing(id) => format!("standing approval {id}"),
            Object::Incident(id) => format!("incident {id}"),
            Object::ByHand(id) => format!("work by hand {id}"),
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// It waits for people.
    Asked,
    /// It was granted.
    Granted,
    /// It is over; the closed word says how.
    Over(&'static str),
    /// An incident was opened.
    Opened(Severity),
    /// It is graver, or less grave, than was thought.
    Regraded(Severity),
    /// It is over.
    Closed,
    /// A note on it names people; what it says stays here.
    Mentioned,
}

impl News {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            News::Asked => "asked",
            News::Granted => "granted",
            News::Over(how) => how,
            News::Opened(severity) | News::Regraded(severity) => severity.word(),
            News::Closed => "closed",
            News::Mentioned => "mentioned",
        }
    }
}

/// What a notice says of its object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfObject {
    /// Which.
    pub object: Object,
    /// Where.
    pub workspace: WorkspaceId,
    /// The workspace's environment.
    pub environment: Environment,
    /// Whose it is: who asked for it, opened it, or did it.
    pub by: PersonId,
}

/// What an event beside the runs is told as, whose the object is, who may act on it, and until when it waits. `before` is the world
/// in which what is over now was still there.
pub(super) fn told(
    before: &World,
    world: &World,
    recorded: &Recorded,
    beside: &Beside,
) -> Option<(News, OfObject, Vec<PersonId>, Option<Timestamp>)> {
    let (object, news, by) = news(before, recorded, beside)?;
    let workspace = world.workspace(beside.workspace()?)?;
    let of = OfObject { object, workspace: workspace.id.clone(), environment: workspace.environment, by };
    let may = match news {
        News::Granted => vec![of.by.clone()],
        News::Asked => may_decide(world, workspace, object),
        News::Opened(_) | News::Regraded(_) => may_respond(workspace),
        News::Mentioned => named(beside),
        News::Over(_) | News::Closed => Vec::new(),
    };
    Some((news, of, may, until(world, object)))
}

fn news(before: &World, recorded: &Recorded, beside: &Beside) -> Option<(Object, News, PersonId)> {
    let by = recorded.by.person().cloned();
    match beside {
        Beside::Elevation { elevation: id, act, .. } => {
            let object = Object::Elevation(*id);
            let whose = before.elevations.get(id).map(|one| one.person.clone());
            match act {
                elevation::Act::Asked { .. } => Some((object, News::Asked, by?)),
                elevation::Act::Granted { .. } => Some((object, News::Granted, whose?)),
                elevation::Act::Over { how } => Some((object, News::Over(how.words()), whose?)),
            }
        }
        Beside::Standing { standing: id, act, .. } => {
            let object = Object::Standing(*id);
            let whose = before.standings.get(id).map(|one| one.terms.by.clone());
            match act {
                standing::Act::Asked { .. } => Some((object, News::Asked, by?)),
                standing::Act::Voted { .. } => None,
                standing::Act::Given => Some((object, News::Granted, whose?)),
                standing::Act::Over { how } => Some((object, News::Over(how.words()), whose?)),
            }
        }
        Beside::Incident { incident: id, act, .. } => {
            let object = Object::Incident(*id);
            match act {
                incident::Act::Opened { severity, .. } => Some((object, News::Opened(*severity), by?)),
                incident::Act::Regraded { severity } => Some((object, News::Regraded(*severity), by?)),
                incident::Act::Closed => Some((object, News::Closed, by?)),
                incident::Act::NotedTo { .. } => Some((object, News::Mentioned, by?)),
                incident::Act::Noted | incident::Act::Marked { .. } | incident::Act::Commanded { .. } => None,
            }
        }
        Beside::ByHand { entry: id, act, .. } => match act {
            by_hand::Act::Entered { who, .. } => Some((Object::ByHand(*id), News::Asked, who.clone())),
            by_hand::Act::FileGiven { .. } | by_hand::Act::Reviewed => None,
        },
        Beside::Booted { .. }
        | Beside::Server { .. }
        | Beside::ClockJumped { .. }
        | Beside::SiteLoaded { .. }
        | Beside::SitePending { .. }
        | Beside::SiteAccepted { .. }
        | Beside::SourceListed { .. }
        | Beside::Factor { .. }
        | Beside::FollowUp { .. }
        | Beside::Mention { .. }
        | Beside::LookedAt { .. }
        | Beside::Exported { .. } => None,
    }
}

/// Whom a note on an incident names.
fn named(beside: &Beside) -> Vec<PersonId> {
    let Beside::Incident { act: incident::Act::NotedTo { people }, .. } = beside else { return Vec::new() };
    people.clone()
}

/// Whoever may say yes to what is asked, or has to look at it.
fn may_decide(world: &World, workspace: &Workspace, object: Object) -> Vec<PersonId> {
    let Some(site) = &world.site else { return Vec::new() };
    match object {
        Object::Elevation(id) => {
            let whose = world.elevations.get(&id).map(|one| &one.person);
            let may = |it: &&PersonId| Some(*it) != whose && elevation::may_answer(world, workspace, it);
            site.people.keys().filter(may).cloned().collect()
        }
        Object::Standing(id) => {
            let missing = world.standings.get(&id).map(|one| one.missing(site, workspace)).unwrap_or_default();
            let may = missing.into_iter().flat_map(|waits| match waits {
                WaitsFor::Approval { may, .. } | WaitsFor::Warning { may, .. } => may,
                WaitsFor::Window { .. } | WaitsFor::Moment { .. } | WaitsFor::Line(_) => Vec::new(),
            });
            may.collect::<BTreeSet<_>>().into_iter().collect()
        }
        Object::ByHand(id) => {
            let took_part = |it: &PersonId| world.by_hand.get(&id).is_some_and(|one| one.who == *it || one.by == *it);
            workspace.holders(Role::Reviewer).filter(|it| !took_part(it)).cloned().collect()
        }
        Object::Incident(_) => Vec::new(),
    }
}

/// Whoever works where an incident is.
fn may_respond(workspace: &Workspace) -> Vec<PersonId> {
    workspace.members.keys().filter(|person| policy::may_stop(workspace, person)).cloned().collect()
}

fn until(world: &World, object: Object) -> Option<Timestamp> {
    match object {
        Object::Elevation(id) => world.elevations.get(&id).map(|one| one.over_at()),
        Object::Standing(id) => world.standings.get(&id).map(|one| one.over_at()),
        Object::Incident(_) | Object::ByHand(_) => None,
    }
}

/// In one line.
pub(super) fn summary(notice: &Notice, of: &OfObject, news: News) -> String {
    let (what, by) = (of.object.words(), &of.by);
    let place = format!("{} ({})", of.workspace, of.environment.word());
    let who = match notice.may.as_slice() {
        [] => String::new(),
        may => format!(": {}", may.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")),
    };
    match (of.object, news) {
        (Object::ByHand(_), News::Asked) => format!("{what} of {by} in {place} waits to be looked at{who}"),
        (_, News::Asked) => format!("{what} in {place}, asked for by {by}, waits for people{who}"),
        (_, News::Granted) => format!("{what} of {by} in {place} is granted"),
        (_, News::Over(how)) => format!("{what} of {by} in {place} is over: {how}"),
        (_, News::Opened(severity)) => format!("{what} in {place} was opened by {by}, {}{who}", severity.word()),
        (_, News::Regraded(severity)) => format!("{what} in {place} is now {}{who}", severity.word()),
        (_, News::Closed) => format!("{what} in {place} is closed"),
        (_, News::Mentioned) => format!("{what} in {place}: {by} names people in a note{who}"),
    }
}

impl Notice {
    /// What became of its object, where it is about one.
    pub(super) fn news(&self) -> Option<(&OfObject, News)> {
        match (&self.about, &self.what) {
            (super::About::Object(of), What::Object(news)) => Some((of, *news)),
            (_, _) => None,
        }
    }
}
