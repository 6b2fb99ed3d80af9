//! Roles for a while: asked for, granted by another person, ended by whoever may or by time.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::duration;
use crate::domain::elevation::{self, Act, Elevation, FOR_MS_MAX, FOR_MS_MIN, OPEN_MAX, Over};
use crate::domain::id::{ElevationId, WorkspaceId};

/// What somebody says to an elevation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Lend the role.
    Grant,
    /// Do not.
    Refuse,
    /// It is no longer needed, or no longer to be had.
    End,
}

impl Deciding {
    pub(super) fn elevate(&mut self, id: &WorkspaceId, role: Role, for_ms: u64, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let workspace = self.place(id, &person)?;
        if !workspace.members.contains_key(&person) {
            return Err(Refusal::new(Rule::Role, format!("{person} is no member of {id}"))
                .next("an owner adds you under [members] of its file"));
        }
        if role == Role::Owner {
            return Err(Refusal::new(Rule::Escalate, "nobody is made an owner for a while")
                .next("an owner changes the workspace's file, and another one accepts it"));
        }
        if workspace.grants(&person, role) {
            return Err(Refusal::new(Rule::State, format!("{person} is {} in {id} already", role.word())));
        }
        if !(FOR_MS_MIN..=FOR_MS_MAX).contains(&for_ms) {
            let [least, most] = [FOR_MS_MIN, FOR_MS_MAX].map(duration::words);
            return Err(Refusal::new(Rule::Input, format!("a role is lent for {least} to {most}"))
                .next("whoever needs it longer is written into the workspace's file"));
        }
        let same = |one: &&Arc<Elevation>| one.workspace == *id && one.person == person && one.role == role;
        if let Some(known) = self.world.elevations.values().find(same) {
            return Err(Refusal::new(Rule::State, format!("that is asked for already: {}", known.id)));
        }
        if self.world.elevations.len() >= OPEN_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{OPEN_MAX} roles are asked for or lent")));
        }
        let elevation = ElevationId(self.world.next_elevation.max(1));
        let event =
            Event::Beside(Beside::Elevation { elevation, workspace: id.clone(), act: Act::Asked { role, for_ms } });
        self.emit(Entry::with(event, "reason", needed(reason, "a reason")?))
    }

    pub(super) fn answer_elevation(&mut self, id: ElevationId, answer: Answer, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let found = self.world.elevations.get(&id).cloned();
        let seen = found.and_then(|one| Some((self.place(&one.workspace, &person).ok()?, one)));
        let Some((workspace, one)) = seen else {
            return Err(Refusal::new(Rule::NotFound, format!("no elevation {id} is open")));
        };
        let answers = self.may_elevate(&workspace, &person);
        let act = match answer {
            Answer::Grant | Answer::Refuse if one.granted.is_some() => {
                return Err(Refusal::new(Rule::State, format!("{id} is granted already")).next("end it instead"));
            }
            Answer::Grant | Answer::Refuse if one.person == person => {
                return Err(Refusal::new(Rule::SeparationSelf, "nobody lends themselves a role")
                    .who_may(self.who_may_elevate(&workspace, &one)));
            }
            Answer::Grant | Answer::Refuse if !answers => {
                return Err(Refusal::new(Rule::Escalate, format!("{person} does not answer for {}", workspace.id))
                    .who_may(self.who_may_elevate(&workspace, &one)));
            }
            Answer::Grant => Act::Granted { until: self.at.plus_ms(one.for_ms) },
            Answer::Refuse => Act::Over { how: Over::Refused },
            Answer::End if one.person == person => Act::Over { how: Over::GivenBack },
            Answer::End if answers => Act::Over { how: Over::TakenAway },
            Answer::End => {
                return Err(Refusal::new(Rule::Role, format!("{id} is another person's"))
                    .who_may(format!("{}, or whoever answers for {}", one.person, workspace.id)));
            }
        };
        let text = match answer {
            Answer::Grant | Answer::Refuse => needed(reason, "a reason")?,
            Answer::End => bounded(reason)?,
        };
        let event = Event::Beside(Beside::Elevation { elevation: id, workspace: one.workspace.clone(), act });
        self.emit(Entry::with(event, "reason", text))?;
        self.site_changed()
    }

    /// Ends what is over by now, before anything else is judged: a role counts no moment longer than it was lent for, also
    /// where the engine's alarm is late.
    pub(super) fn lapse(&mut self) -> Result<(), Refusal> {
        let over = elevation::over(&self.world.elevations, self.at);
        for one in &over {
            let how = if one.granted.is_some() { Over::Expired } else { Over::Unanswered };
            let workspace = one.workspace.clone();
            self.emit(Entry::bare(Event::Beside(Beside::Elevation {
                elevation: one.id,
                workspace,
                act: Act::Over { how },
            })))?;
        }
        self.lapse_standings()?;
        match over.is_empty() {
            true => Ok(()),
            false => self.site_changed(),
        }
    }

    /// The workspace, for a person who may see it; for others it does not exist.
    pub(super) fn place(&self, id: &WorkspaceId, person: &PersonId) -> Result<Arc<Workspace>, Refusal> {
        let administers = self.world.site.as_ref().is_some_and(|site| site.administrators.contains(person));
        let found = self.world.workspace(id).filter(|workspace| administers || workspace.has_member(person));
        found.cloned().ok_or_else(|| Refusal::new(Rule::NotFound, format!("no workspace {id}")))
    }

    fn may_elevate(&self, workspace: &Workspace, person: &PersonId) -> bool {
        elevation::may_answer(&self.world, workspace, person)
    }

    fn who_may_elevate(&self, workspace: &Workspace, one: &Elevation) -> String {
        let people = self.world.site.iter().flat_map(|site| site.people.keys());
        let may = people.filter(|other| **other != one.person && self.may_elevate(workspace, other));
        may.map(PersonId::as_str).collect::<Vec<_>>().join(", ")
    }
}
