//! Breaking glass for a run.

use super::*;
use crate::domain::glass::{self, PHRASE, RETURN_MS};
use crate::domain::id::IncidentId;

/// What somebody says who breaks glass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breaking {
    /// For which run.
    pub run: RunId,
    /// For which incident.
    pub incident: IncidentId,
    /// Why.
    pub reason: String,
    /// The phrase, typed.
    pub phrase: String,
}

impl Deciding {
    pub(super) fn break_glass(&mut self, breaking: &Breaking, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let id = breaking.run;
        let (run, workspace) = self.run_for(id, &person)?;
        let Some(role) = workspace.policy.break_glass else {
            return Err(Refusal::new(Rule::GlassSealed, format!("{} has no role that may break glass", workspace.id))
                .next("an owner names one in its policy, `break_glass`, and another one accepts it"));
        };
        self.needs(&workspace, &person, role, "break glass")?;
        let incident = self.world.incidents.get(&breaking.incident).filter(|one| one.workspace == workspace.id);
        let Some(incident) = incident else {
            return Err(Refusal::new(Rule::GlassIncident, format!("no open incident {} here", breaking.incident))
                .next("somebody else opens one first: incident open"));
        };
        if incident.by == person {
            return Err(Refusal::new(Rule::SeparationSelf, "whoever opened the incident does not break glass for it")
                .next("somebody else opens it, or breaks it"));
        }
        if !matches!(run.phase, Phase::Waiting | Phase::Approved) || run.glass.is_some() {
            let stands = if run.glass.is_some() { "broken into already" } else { run.phase.tag().word() };
            return Err(Refusal::new(Rule::State, format!("{id} is {stands}; glass is broken once, before the start")));
        }
        looked_at(&run, seen, "breaking glass")?;
        in_time(&run, self.at)?;
        if let Some(drift) = drift(&self.world, &run) {
            return Err(Refusal::new(Rule::BindingDrift, drift).next("propose it again; this one is void"));
        }
        if breaking.phrase.trim() != PHRASE {
            return Err(Refusal::new(Rule::Input, "the phrase was not typed").next(format!("type: {PHRASE}")));
        }
        let text = needed(&breaking.reason, "a reason")?;
        // The code last: what is refused for another reason has not used it up.
        self.second_factor(&person)?;
        let event = Event::GlassBroken { run: id, incident: breaking.incident };
        self.emit(Entry::with(event, "reason", text))
    }

    /// The countdown is over.
    pub(super) fn open_glass(&mut self, id: RunId) -> Result<(), Refusal> {
        let opens = self.world.run(id).and_then(|run| glass::opens(run));
        match opens.is_some_and(|opens| self.at >= opens) {
            true => self.emit(Entry::bare(Event::GlassOpened { run: id })),
            false => Ok(()),
        }
    }

    /// Two different people sign off what glass was broken for, neither of them whose own was signed off by whoever broke it a
    /// while ago.
    pub(super) fn may_sign_off(&self, run: &Run, person: &PersonId) -> Result<(), Refusal> {
        if run.reviews.iter().any(|review| review.by == *person) {
            return Err(Refusal::new(Rule::SeparationReview, format!("{person} has signed off {} already", run.id))
                .who_may("another reviewer who took no part"));
        }
        let Some(glass) = &run.glass else {
            return Ok(());
        };
        let returned = self.world.glass_reviews.get(&(glass.by.clone(), person.clone()));
        match returned.is_some_and(|at| self.at.ms_since(*at) < RETURN_MS) {
            true => Err(Refusal::new(
                Rule::SeparationReview,
                format!(
                    "{} signed off {person}'s broken glass within a month: they do not sign off each other",
                    glass.by
                ),
            )
            .who_may("another reviewer who took no part")),
            false => Ok(()),
        }
    }
}
