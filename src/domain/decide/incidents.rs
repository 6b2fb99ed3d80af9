//! Incidents: opened, noted, marked, closed.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Act, Incident, MONITORING_MAX, Mark, OPEN_MAX, Opening, Severity};

/// What somebody does with an open incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Words for its timeline.
    Note,
    /// It got so far.
    Mark(Mark),
    /// This person leads the work on it.
    Command(PersonId),
    /// It is so grave.
    Grade(Severity),
    /// It is over.
    Close,
}

/// Longest word for what monitoring calls something.
const MONITORING_BYTES_MAX: usize = 200;

impl Deciding {
    pub(super) fn open_incident(&mut self, opening: &Opening) -> Result<(), Refusal> {
        let person = self.person()?;
        let workspace = self.member_of(&opening.workspace, &person)?;
        self.works_there(&workspace, &person, "open an incident")?;
        if self.world.incidents.len() >= OPEN_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{OPEN_MAX} incidents are open")).next("close some"));
        }
        for named in [Some(&opening.owner), opening.commander.as_ref()].into_iter().flatten() {
            is_member(&workspace, named)?;
        }
        let monitoring: Vec<String> = opening.monitoring.iter().map(|id| id.trim().to_owned()).collect();
        if monitoring.is_empty() || monitoring.iter().any(|id| id.is_empty() || id.lines().count() > 1) {
            return Err(Refusal::new(Rule::ReasonMissing, "an incident names what monitoring calls it")
                .next("the id of an alert, a check or a ticket; where a person saw it first, say so"));
        }
        let long = monitoring.iter().any(|id| id.len() > MONITORING_BYTES_MAX);
        if long || monitoring.len() > MONITORING_MAX {
            let what = format!("{MONITORING_MAX} monitoring ids of {MONITORING_BYTES_MAX} bytes at most");
            return Err(Refusal::new(Rule::Limit, what));
        }
        let act = Act::Opened {
            severity: opening.severity,
            owner: opening.owner.clone(),
            commander: opening.commander.clone(),
        };
        let incident = IncidentId(self.world.next_incident.max(1));
        let event = Event::Beside(Beside::Incident { incident, workspace: workspace.id.clone(), act });
        self.emit(
            Entry::with(event, "title", needed(&opening.title, "a title")?)
                .and("tenant", needed(&opening.tenant, "a tenant: whose customers notice it")?)
                .and("impact", needed(&opening.impact, "an impact: what they notice")?)
                .and("monitoring", monitoring.join("\n")),
        )
    }

    pub(super) fn in_incident(&mut self, id: IncidentId, deed: &Deed, text: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let missing = || Refusal::new(Rule::NotFound, format!("no open incident {id}"));
        let found = self.world.incidents.get(&id).cloned().ok_or_else(missing)?;
        let workspace = self.member_of(&found.workspace, &person).map_err(|_| missing())?;
        self.works_there(&workspace, &person, "work on an incident")?;
        let (act, text) = match deed {
            Deed::Note => {
                let text = needed(text, "a note")?;
                match self.named(&workspace, &person, &text)? {
                    people if people.is_empty() => (Act::Noted, text),
                    people => (Act::NotedTo { people }, text),
                }
            }
            Deed::Mark(mark) if found.marks.contains_key(mark) => {
                return Err(Refusal::new(Rule::State, format!("{id} is {} already", mark.word())));
            }
            Deed::Mark(mark) => (Act::Marked { mark: *mark }, bounded(text)?),
            Deed::Command(commander) => {
                is_member(&workspace, commander)?;
                (Act::Commanded { commander: commander.clone() }, bounded(text)?)
            }
            Deed::Grade(severity) if found.severity == *severity => {
                return Err(Refusal::new(Rule::State, format!("{id} is {} already", severity.word())));
            }
            Deed::Grade(severity) => (Act::Regraded { severity: *severity }, needed(text, "a reason")?),
            Deed::Close => {
                may_close(&workspace, &found, &person)?;
                (Act::Closed, needed(text, "what came of it")?)
            }
        };
        let event = Event::Beside(Beside::Incident { incident: id, workspace: found.workspace.clone(), act });
        let entry = match text.is_empty() {
            true => Entry::bare(event),
            false => Entry::with(event, "text", text),
        };
        self.emit(entry)
    }

    /// The workspace, for a member of it; for others it does not exist.
    pub(super) fn member_of(
        &self,
        id: &crate::domain::id::WorkspaceId,
        person: &PersonId,
    ) -> Result<Arc<Workspace>, Refusal> {
        let found = self.world.workspace(id).filter(|workspace| workspace.has_member(person));
        found.cloned().ok_or_else(|| Refusal::new(Rule::NotFound, format!("no workspace {id}")))
    }

    pub(super) fn works_there(&self, workspace: &Workspace, person: &PersonId, act: &str) -> Result<(), Refusal> {
        match policy::may_stop(workspace, person) {
            true => Ok(()),
            false => Err(planning::missing_role(workspace, person, Role::Operator, act)),
        }
    }
}

fn is_member(workspace: &Workspace, person: &PersonId) -> Result<(), Refusal> {
    match workspace.has_member(person) {
        true => Ok(()),
        false => Err(Refusal::new(Rule::Input, format!("{person} is no member of {}", workspace.id))
            .next("name somebody who is")),
    }
}

/// Whoever leads it or answers for it closes an incident, or a commander of the workspace.
fn may_close(workspace: &Workspace, incident: &Incident, person: &PersonId) -> Result<(), Refusal> {
    let leads = incident.owner == *person || incident.commander.as_ref() == Some(person);
    if !leads && !workspace.grants(person, Role::Commander) {
        let who = incident.commander.iter().chain([&incident.owner]).map(PersonId::as_str).collect::<Vec<_>>();
        return Err(Refusal::new(Rule::Role, "whoever leads or answers for an incident closes it")
            .who_may(format!("{}, or a commander", who.join(", "))));
    }
    match incident.marks.contains_key(&Mark::Resolved) {
        true => Ok(()),
        false => Err(Refusal::new(Rule::State, format!("{} is not resolved", incident.id))
            .next(format!("say so first: incident mark {} resolved", incident.id.0))),
    }
}
