//! Who is here: what people at consoles know of each other. No truth and in no record: it is gone with the server.

use super::id::{PersonId, RunId, Timestamp};
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

/// Where somebody looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Spot {
    /// At home.
    #[default]
    Home,
    /// Runbooks, or one of them.
    Runbooks,
    /// The form of a proposal.
    Form,
    /// Open runs.
    Runs,
    /// The inbox.
    Approvals,
    /// Past runs.
    History,
    /// Events, and what is proved with them.
    Record,
    /// The site, its hosts, or a change to it.
    Site,
    /// What is left to do, and what deviates.
    Week,
    /// A screen in a room: nobody in particular looks at it.
    Wall,
    /// A run.
    Run(RunId),
    /// A request.
    Request(RunId),
    /// A run that is over.
    Past(RunId),
}

impl Spot {
    /// The run somebody looks at.
    pub fn run(self) -> Option<RunId> {
        match self {
            Spot::Run(run) | Spot::Request(run) | Spot::Past(run) => Some(run),
            Spot::Home
            | Spot::Runbooks
            | Spot::Form
            | Spot::Runs
            | Spot::Approvals
            | Spot::History
            | Spot::Record
            | Spot::Site
            | Spot::Week
            | Spot::Wall => None,
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Spot::Home => "home".to_owned(),
            Spot::Runbooks => "runbooks".to_owned(),
            Spot::Form => "a proposal".to_owned(),
            Spot::Runs => "runs".to_owned(),
            Spot::Approvals => "approvals".to_owned(),
            Spot::History => "history".to_owned(),
            Spot::Record => "the record".to_owned(),
            Spot::Site => "the site".to_owned(),
            Spot::Week => "the week".to_owned(),
            Spot::Wall => "a wall".to_owned(),
            Spot::Run(run) => run.to_string(),
            Spot::Request(run) => format!("the request {run}"),
            Spot::Past(run) => format!("{run}, which is over"),
        }
    }
}

/// Somebody at a console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Who.
    pub person: PersonId,
    /// Where they look.
    pub spot: Spot,
    /// Since when they are here.
    pub since: Timestamp,
    /// When they last pressed a key, to about a minute.
    pub heard: Timestamp,
}

/// Everybody at a console, the earliest first. Cheap to clone: a thousand consoles hold the same one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Presence(Arc<Everybody>);

#[derive(PartialEq, Eq, Debug, Default)]
struct Everybody {
    all: Vec<Present>,
    /// Who looks at a run: counted once for everybody who draws it.
    by_run: BTreeMap<RunId, BTreeSet<PersonId>>,
}

impl FromIterator<Present> for Presence {
    fn from_iter<I: IntoIterator<Item = Present>>(present: I) -> Self {
        let all: Vec<Present> = present.into_iter().collect();
        let mut by_run: BTreeMap<RunId, BTreeSet<PersonId>> = BTreeMap::new();
        for one in &all {
            if let Some(run) = one.spot.run() {
                by_run.entry(run).or_default().insert(one.person.clone());
            }
        }
        Self(Arc::new(Everybody { all, by_run }))
    }
}

impl<const N: usize> From<[Present; N]> for Presence {
    fn from(all: [Present; N]) -> Self {
        all.into_iter().collect()
    }
}

impl Deref for Presence {
    type Target = [Present];

    fn deref(&self) -> &[Present] {
        &self.0.all
    }
}

/// Who else looks at a run, or asks and answers for it, by name.
pub fn watching<'a>(present: &'a Presence, run: RunId, me: &PersonId) -> impl Iterator<Item = &'a PersonId> {
    present.0.by_run.get(&run).into_iter().flatten().filter(move |person| *person != me)
}

/// Where somebody looks, as far as another may know: a run in a workspace that is not theirs is no run to them.
pub fn spot_words(world: &World, me: &PersonId, spot: Spot) -> String {
    let hidden = |run: RunId| match world.run(run) {
        Some(run) => !world.can_see(me, &run.plan.proposal.workspace),
        None => true,
    };
    match spot.run() {
        Some(run) if hidden(run) => "a run".to_owned(),
        Some(_) | None => spot.words(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{self, Driver, NOON};

    fn present(person: &str, spot: Spot) -> Present {
        Present { person: person.into(), spot, since: NOON, heard: NOON }
    }

    #[test]
    fn whoever_looks_at_a_run_twice_or_is_oneself_is_named_once_or_not_at_all() {
        let run = RunId(1);
        let all: Presence = [
            present("ada", Spot::Run(run)),
            present("kim", Spot::Request(run)),
            present("kim", Spot::Run(run)),
            present("bo", Spot::Home),
            present("grace", Spot::Run(RunId(2))),
        ]
        .into_iter()
        .collect();
        let watching: Vec<&str> = watching(&all, run, &"ada".into()).map(PersonId::as_str).collect();
        assert_eq!(watching, ["kim"]);
    }

    #[test]
    fn z51_where_somebody_looks_says_nothing_of_another_workspaces_run() {
        let mut driver = Driver::new(fixture::site());
        let id = RunId(driver.start_one());
        assert_eq!(spot_words(&driver.world, &"kim".into(), Spot::Run(id)), "#1");
        assert_eq!(spot_words(&driver.world, &"stranger".into(), Spot::Run(id)), "a run");
        assert_eq!(spot_words(&driver.world, &"stranger".into(), Spot::Run(RunId(99))), "a run", "as one that is not");
        assert_eq!(spot_words(&driver.world, &"stranger".into(), Spot::Home), "home");
    }
}
