//! Who has a run: taking it, handing it over, and what others may not do meanwhile.

use super::*;

impl Deciding {
    /// Whoever takes a run drives it. Taking it from somebody who has not offered it needs a reason, and both names stay with the run.
    pub(super) fn claim(&mut self, id: RunId, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        is_at_work(&run)?;
        self.may_have(&run, &workspace, &person)?;
        let is_offered = run.offered.as_ref().is_some_and(|offer| offer.to == person);
        let text = match &run.claim {
            Some(holder) if *holder == person => {
                return Err(Refusal::new(Rule::State, format!("you have {id} already")));
            }
            Some(holder) if !is_offered && reason.trim().is_empty() => {
                return Err(
                    Refusal::new(Rule::ReasonMissing, format!("{holder} has {id}")).next("say why you take it over")
                );
            }
            Some(_) | None => bounded(reason)?,
        };
        self.emit(Entry::with(Event::RunTaken { run: id, by: person }, "reason", text))
    }

    /// Offers a run to somebody who may drive it: whoever has it does, or drives it where nobody has taken it. Nothing changes
    /// until it is taken. Offered to oneself, what was offered is taken back.
    pub(super) fn hand_over(&mut self, id: RunId, to: &PersonId, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        is_at_work(&run)?;
        let holder = run.claim.as_ref().or(run.driver.as_ref());
        if holder != Some(&person) {
            let who = holder.map_or_else(|| "nobody yet".to_owned(), ToString::to_string);
            return Err(Refusal::new(Rule::Claimed, format!("{id} is not yours to hand over")).who_may(who));
        }
        let text = bounded(reason)?;
        if *to == person {
            return match run.offered {
                Some(_) => self.emit(Entry::with(Event::RunOffered { run: id, to: None }, "reason", text)),
                None => Err(Refusal::new(Rule::State, format!("you have {id}, and nobody is offered it"))),
            };
        }
        if !self.world.site.as_ref().is_some_and(|site| site.knows(to)) || !workspace.has_member(to) {
            return Err(Refusal::new(Rule::NotFound, format!("nobody called {to} is a member of {}", workspace.id)));
        }
        self.may_have(&run, &workspace, to)?;
        if run.offered.as_ref().is_some_and(|offer| offer.to == *to) {
            return Err(Refusal::new(Rule::State, format!("{to} is offered {id} already")));
        }
        self.emit(Entry::with(Event::RunOffered { run: id, to: Some(to.clone()) }, "reason", text))
    }

    fn may_have(&self, run: &Run, workspace: &Workspace, person: &PersonId) -> Result<(), Refusal> {
        self.needs(workspace, person, run.plan.runbook.runs_as, "drive this run")?;
        separate(run, person)
    }
}

fn is_at_work(run: &Run) -> Result<(), Refusal> {
    match run.phase {
        Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => Ok(()),
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => Err(Refusal::new(
            Rule::State,
            format!("{} is {}; there is nothing to drive", run.id, run.phase.tag().word()),
        )),
    }
}

/// While somebody has a run, nobody else decides about what failed: two decisions at once are none.
pub(super) fn is_free_for(run: &Run, person: &PersonId) -> Result<(), Refusal> {
    match &run.claim {
        Some(holder) if holder != person => {
            Err(Refusal::new(Rule::Claimed, format!("{holder} has {} and decides about it", run.id))
                .who_may(holder.to_string())
                .next(format!("take it over with a reason: claim {}", run.id.0)))
        }
        Some(_) | None => Ok(()),
    }
}
