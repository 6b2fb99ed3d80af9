//! Notes that name this person: how many there are, that a new one came, and that they were looked at.
//!
//! Invariant: a mention is seen because its person did something in front of what it is about, never because it was drawn on a
//! screen that nobody may look at.

use super::effect::Effect;
use super::model::{Console, Pending};
use crate::domain::mention::{self, Mention, On};
use crate::domain::{Ask, Seen, World};

/// A key so soon after a note came was meant for what stood there before.
const SEEN_AFTER_MS: u64 = 1_000;

/// What is said when a note comes that names this person.
pub(super) fn words(one: &Mention) -> String {
    format!("{} names you in a note on {}: :mentions opens it", one.by, one.on)
}

impl Console {
    /// The person did something: what names them on the run they are at is seen now.
    pub(super) fn looked(&mut self, world: &World, out: &mut Vec<Effect>) {
        if self.is_wall() {
            return;
        }
        let Some(on) = self.spot().run().map(On::Run) else { return };
        let is_read = |one: &Mention| one.on == on && self.here.now.ms_since(one.at) >= SEEN_AFTER_MS;
        if mention::unseen(world, &self.here.me.person).any(is_read) {
            self.sees(world, on, out);
        }
    }

    /// Says that what names this person on something is seen. Nobody is told of it: where it is refused, it stays unseen.
    pub(super) fn sees(&mut self, world: &World, on: On, out: &mut Vec<Effect>) {
        let is_open = mention::unseen(world, &self.here.me.person).any(|one| one.on == on);
        let is_asked = self.submitted.values().any(|pending| pending.said.is_none());
        if !is_open || is_asked || self.may_not_ask().is_some() {
            return;
        }
        let tag = self.tag();
        self.submitted.insert(tag, Pending { uid: self.top_uid(), said: None });
        out.push(Effect::Submit { tag, seen: Seen::Nothing, ask: Ask::SeeMentions { on } });
    }
}
