//! Who is here, and who follows whom: what people at consoles know of each other. No truth and in no record: it is gone with the server.
//!
//! Invariant: nothing in here is a way into another's console. Whoever follows somebody reads where they are, and goes there themselves.

use super::id::{PersonId, RunId, Timestamp};
use super::run::Slot;
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

/// What somebody has selected where they look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selected {
    /// A row of a list, by its run.
    Run(RunId),
    /// A step of a run, or one host of it.
    Cell(Slot),
}

/// A person's console, as others know it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seat {
    /// Where they look.
    pub spot: Spot,
    /// What they have selected there; told while somebody follows them and at no other time, so that keys are nobody else's business.
    pub selected: Option<Selected>,
    /// Whom they follow.
    pub follows: Option<PersonId>,
}

/// Somebody at a console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Who.
    pub person: PersonId,
    /// Their console.
    pub seat: Seat,
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
            if let Some(run) = one.seat.spot.run() {
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

/// Who follows a person.
pub fn followers<'a>(present: &'a [Present], person: &PersonId) -> BTreeSet<&'a PersonId> {
    let follow = present.iter().filter(|one| one.seat.follows.as_ref() == Some(person));
    follow.map(|one| &one.person).filter(|one| *one != person).collect()
}

/// The console at which a person was heard last: whoever follows them is there. A screen in a room is nobody's.
pub fn seat_of<'a>(present: &'a [Present], person: &PersonId) -> Option<&'a Present> {
    present.iter().filter(|one| one.person == *person && one.seat.spot != Spot::Wall).max_by_key(|one| one.heard)
}

/// Whether `me` is followed by `person`, or by somebody they follow: two who follow each other would move each other for ever.
pub fn leads_back(present: &[Present], me: &PersonId, person: &PersonId) -> bool {
    let mut chain = BTreeSet::from([person]);
    // Each round finds somebody new or is the last.
    loop {
        let next = present.iter().filter(|one| chain.contains(&one.person)).filter_map(|one| one.seat.follows.as_ref());
        let next: Vec<&PersonId> = next.filter(|one| !chain.contains(one)).collect();
        if next.is_empty() {
            return chain.contains(me);
        }
        chain.extend(next);
    }
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
        Present { person: person.into(), seat: Seat { spot, ..Seat::default() }, since: NOON, heard: NOON }
    }

    fn follows(person: &str, whom: &str) -> Present {
        let seat = Seat { follows: Some(whom.into()), ..Seat::default() };
        Present { seat, ..present(person, Spot::Home) }
    }

    #[test]
    fn whoever_follows_a_person_is_known_and_nobody_follows_in_a_circle() {
        let all = [follows("bo", "ada"), follows("kim", "bo"), follows("kim", "bo"), present("ada", Spot::Runs)];
        let of = |person: &str| -> Vec<String> {
            followers(&all, &person.into()).into_iter().map(ToString::to_string).collect()
        };
        assert_eq!((of("ada"), of("bo"), of("kim")), (vec!["bo".to_owned()], vec!["kim".to_owned()], vec![]));
        let back = |me: &str, person: &str| leads_back(&all, &me.into(), &person.into());
        assert!(back("ada", "bo"), "bo follows ada");
        assert!(back("ada", "kim"), "kim follows bo, who follows ada");
        assert!(back("bo", "bo"), "and nobody follows themselves");
        assert!(!back("kim", "ada") && !back("lea", "kim") && !back("bo", "ada"));
    }

    #[test]
    fn of_two_consoles_the_one_that_was_heard_last_is_followed_and_a_wall_never() {
        let mut here = [present("ada", Spot::Runs), present("ada", Spot::Week), present("ada", Spot::Wall)];
        here[0].heard = NOON.plus_ms(5);
        here[2].heard = NOON.plus_ms(9);
        let spot = |here: &[Present]| seat_of(here, &"ada".into()).map(|one| one.seat.spot);
        assert_eq!(spot(&here), Some(Spot::Runs));
        here[1].heard = NOON.plus_ms(6);
        assert_eq!(spot(&here), Some(Spot::Week));
        assert_eq!(spot(&here[2..]), None);
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
