//! What waits for the person who looks and for their word alone: how much of it there is, and whether something is new. Notes that
//! name them ring too, and are counted by themselves: they wait to be read.
//!
//! Deliberately less than Home lists: a note or a review waits for somebody some day, and a start is nobody's duty in particular.

use super::facts::{Board, Errand, Waiting};
use super::mentions;
use super::model::{Console, Tone};
use crate::domain::mention;
use crate::domain::once;
use crate::domain::run::{Run, Slot};
use crate::domain::{PersonId, RunId, World};
use std::collections::BTreeSet;

/// Something that waits. What is the same here rings once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Thing {
    /// A request: to be approved, or a warning of it answered for.
    Request(RunId),
    /// A gate inside a run, or a step by hand of a run the person drives.
    Step(RunId, Slot),
    /// What failed in a run the person drives.
    Failure(RunId),
    /// A run that somebody offers to them.
    Offer(RunId),
    /// A change to the site.
    Site,
    /// A note that names them, by its place in the record.
    Mention(u64),
}

/// What a session remembers of it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// What waited when the world was last looked at; `None` before the first look: what is old by then rings for nobody.
    known: Option<BTreeSet<Thing>>,
    /// Whether the world has changed since.
    stale: bool,
}

/// A busy world is looked at so often: each look goes over every open run.
pub(super) const LOOK_MS: u64 = 250;

impl Bell {
    /// The server was away: what came meanwhile is told by the number, not by the bell.
    pub fn forget(&mut self) {
        *self = Bell::default();
    }

    /// Whether the world is to be looked at again.
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

impl Console {
    /// The world has changed: it is looked at now where it never was, else at the next tick, which is not far.
    pub(super) fn hears(&mut self, world: &World) {
        match self.bell.known {
            None => drop(self.listens(world)),
            Some(_) => self.bell.stale = true,
        }
    }

    /// Looks at the world. Whether something new waits, and the bell is to be heard.
    pub(super) fn listens(&mut self, world: &World) -> bool {
        self.bell.stale = false;
        let me = &self.here.me.person;
        let mut now = things(world, me, &self.here.board.of(world, me));
        self.here.waiting = now.len();
        now.extend(mention::unseen(world, me).map(|one| Thing::Mention(one.index)));
        self.here.named = now.len() - self.here.waiting;
        let new: Vec<Thing> =
            self.bell.known.as_ref().map(|known| now.difference(known).copied().collect()).unwrap_or_default();
        self.bell.known = Some(now);
        let note = mention::unseen(world, &self.here.me.person).find(|one| new.contains(&Thing::Mention(one.index)));
        if let Some(words) = note.map(mentions::words) {
            self.say(words, Tone::Said);
        }
        !new.is_empty() && self.here.rings
    }
}

/// What waits for a person.
pub fn things(world: &World, person: &PersonId, board: &Board) -> BTreeSet<Thing> {
    board.mine.iter().filter_map(|waiting| thing(world, person, waiting)).collect()
}

fn thing(world: &World, person: &PersonId, waiting: &Waiting) -> Option<Thing> {
    let run = || world.run(waiting.run?);
    match &waiting.errand {
        Errand::AcceptSite => Some(Thing::Site),
        Errand::TakeOver => Some(Thing::Offer(waiting.run?)),
        Errand::Approve | Errand::Accept(_) => Some(Thing::Request(waiting.run?)),
        Errand::Decide => run().filter(|run| drives(run, person)).map(|run| Thing::Failure(run.id)),
        Errand::HandStep(slot) => {
            let theirs = |run: &&std::sync::Arc<Run>| once::open_gate(run).is_some() || drives(run, person);
            run().filter(theirs).map(|run| Thing::Step(run.id, *slot))
        }
        Errand::Start | Errand::Continue | Errand::Note | Errand::Review => None,
    }
}

/// Whether a run is this person's to drive.
fn drives(run: &Run, person: &PersonId) -> bool {
    run.claim.as_ref().or(run.driver.as_ref()) == Some(person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::harness::Harness;
    use crate::console::{Effect, Msg, facts, fixture};
    use crate::domain::run::Phase;

    fn things(world: &World, person: &str) -> BTreeSet<Thing> {
        let person = person.into();
        super::things(world, &person, &facts::board(world, &person))
    }

    fn rung(console: &Harness) -> usize {
        console.effects().iter().filter(|effect| **effect == Effect::Ring).count()
    }

    /// The world in which a run of the fixture is somewhere else.
    fn put(world: &mut World, run: u64, phase: Phase) {
        let mut changed = (**world.run(RunId(run)).unwrap()).clone();
        changed.phase = phase;
        fixture::add(world, changed);
    }

    /// A world in which nothing waits for ada.
    fn quiet() -> World {
        let mut world = fixture::world();
        let waiting: Vec<RunId> = world.runs.keys().copied().collect();
        for run in waiting {
            put(&mut world, run.0, Phase::Checking(crate::domain::run::Round::Proposal));
        }
        world.pending = None;
        world
    }

    #[test]
    fn the_header_counts_what_waits_for_whoever_looks_and_nothing_for_others() {
        let world = fixture::world();
        for person in ["ada", "bo", "lea"] {
            let waits = things(&world, person).len();
            let console =
                Harness::new(world.clone()).by(person).world(|_| {}).press(":").type_str("runs").press("enter");
            let head = console.screen().lines().next().unwrap_or_default().to_owned();
            assert_eq!(head.contains(&format!("{waits} for you")), waits > 0, "{person}: {head}");
        }
        let mine = things(&world, "ada");
        assert!(mine.contains(&Thing::Request(RunId(42))), "{mine:?}");
        assert!(!things(&world, "bo").contains(&Thing::Request(RunId(42))), "bo asked for it");
        let head = Harness::new(quiet()).world(|_| {}).screen().lines().next().unwrap_or_default().to_owned();
        assert!(!head.contains("for you"), "{head}");
    }

    #[test]
    fn a_failure_calls_whoever_drives_the_run_and_no_other_operator() {
        let mut world = fixture::world();
        let mut failed = (**world.run(RunId(40)).unwrap()).clone();
        failed.driver = Some("ada".into());
        fixture::add(&mut world, failed.clone());
        let called = |world: &World, person: &str| things(world, person).contains(&Thing::Failure(RunId(40)));
        assert!(called(&world, "ada") && !called(&world, "bo"));
        failed.claim = Some("bo".into());
        fixture::add(&mut world, failed);
        assert!(!called(&world, "ada") && called(&world, "bo"), "whoever took it is called");
    }

    #[test]
    fn the_bell_rings_once_for_what_is_new_and_never_for_what_is_old() {
        let mut console = Harness::new(fixture::world()).world(|_| {});
        assert_eq!(rung(&console), 0, "what waited already is old");
        console = Harness::new(quiet()).world(|_| {});
        console = console.world(|world| put(world, 42, Phase::Waiting)).wait(LOOK_MS);
        assert_eq!(rung(&console), 1);
        console = console.world(|world| world.events += 1).press("3 esc");
        assert_eq!(rung(&console), 1, "once");
        console.send(Msg::Lost).send(Msg::Reconnected);
        console = console.world(|world| {
            let earlier = fixture::world();
            fixture::add(world, (**earlier.run(RunId(40)).unwrap()).clone());
        });
        console = console.wait(LOOK_MS);
        assert_eq!(rung(&console), 1, "what came while nobody listened is told by the number");
        console = console
            .world(|world| put(world, 42, Phase::Approved))
            .wait(LOOK_MS)
            .world(|world| put(world, 42, Phase::Waiting))
            .wait(LOOK_MS);
        assert_eq!(rung(&console), 2, "it waits once more");
    }

    #[test]
    fn the_bell_is_silenced_and_heard_again_by_a_word() {
        let mut console = Harness::new(quiet()).world(|_| {}).press(":").type_str("bell").press("enter");
        assert!(console.screen().contains("silent"), "{}", console.screen());
        console = console.world(|world| put(world, 42, Phase::Waiting)).wait(LOOK_MS);
        assert_eq!(rung(&console), 0);
        assert!(console.screen().contains("for you"), "the number is told all the same");
        console = console.press(":").type_str("bell").press("enter");
        console = console
            .world(|world| put(world, 42, Phase::Approved))
            .wait(LOOK_MS)
            .world(|world| put(world, 42, Phase::Waiting))
            .wait(LOOK_MS);
        assert_eq!(rung(&console), 1);
    }
}
