//! Whom a note names, and that whoever was named has looked.

use super::*;
use crate::domain::mention::{self, Act, NAMED_MAX, On};

impl Deciding {
    /// Whom a note in `workspace` names. Names that are nobody's there are words: its author was told so before.
    pub(super) fn named(&self, workspace: &Workspace, by: &PersonId, text: &str) -> Result<Vec<PersonId>, Refusal> {
        let people = self.world.site.as_ref().map(|site| mention::read(site, workspace, by, text).people);
        let people = people.unwrap_or_default();
        match people.len() > NAMED_MAX {
            true => Err(Refusal::new(Rule::Limit, format!("one note names {NAMED_MAX} people at most"))
                .next("name those who must look now; an incident is told to everybody who works there")),
            false => Ok(people),
        }
    }

    /// What somebody was not named on, and what they may not see any more, are one answer.
    pub(super) fn see_mentions(&mut self, on: On) -> Result<(), Refusal> {
        let person = self.person()?;
        let found = mention::unseen(&self.world, &person).find(|one| one.on == on).map(|one| one.workspace.clone());
        let Some(workspace) = found else {
            return Err(Refusal::new(Rule::NotFound, format!("no note on {on} names you that you have not seen"))
                .next("`quarterdeck mentions list` shows those that do"));
        };
        self.emit(Entry::bare(Event::Beside(Beside::Mention { workspace, act: Act::Seen { on } })))
    }
}
