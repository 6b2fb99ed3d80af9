//! Standing approvals: asked for, decided, taken away.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::duration;
use crate::domain::id::{RunbookId, StandingId, WorkspaceId};
use crate::domain::proved::Demands;
use crate::domain::runbook::{Impact, InputKind, Runbook};
use crate::domain::standing::{self, Act, Allowed, FOR_MS_MAX, OPEN_MAX, Over, Standing, Terms};
use crate::domain::workspace::{Quorum, Slot as Seat};
use std::collections::BTreeMap;

/// What somebody asks for who wants a standing approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedStanding {
    /// Where.
    pub workspace: WorkspaceId,
    /// Which runbook, as it is in force.
    pub runbook: RunbookId,
    /// What its inputs may be.
    pub inputs: BTreeMap<String, Allowed>,
    /// On how many hosts at most.
    pub hosts_max: u32,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Why.
    pub reason: String,
}

/// What somebody says to one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// Approve, deny, or take an approval back.
    Vote(Choice),
    /// Take it away.
    Revoke,
}

impl Deciding {
    pub(super) fn want_standing(&mut self, wanted: &WantedStanding) -> Result<(), Refusal> {
        let person = self.person()?;
        let workspace = self.member_of(&wanted.workspace, &person)?;
        let site = self.world.site.clone().ok_or_else(|| Refusal::new(Rule::Site, "no site is loaded yet"))?;
        let runbook = site
            .runbooks
            .get(&wanted.runbook)
            .ok_or_else(|| Refusal::new(Rule::NotFound, format!("no runbook is called {}", wanted.runbook)))?;
        self.needs(&workspace, &person, runbook.runs_as, "ask for a standing approval of this runbook")?;
        if self.world.standings.len() >= OPEN_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{OPEN_MAX} standing approvals are open")));
        }
        if wanted.for_ms == 0 || wanted.for_ms > FOR_MS_MAX {
            let most = duration::words(FOR_MS_MAX);
            return Err(Refusal::new(Rule::Input, format!("a standing approval lasts up to {most}")));
        }
        if wanted.hosts_max == 0 {
            return Err(Refusal::new(Rule::Input, "a standing approval is for at least one host"));
        }
        inputs_fit(runbook, &workspace, &wanted.inputs)?;
        let (impact, because) = planning::impact_at_most(&workspace, runbook, wanted.hosts_max);
        if impact >= Impact::High {
            let what = format!("that would be high impact ({}), which is approved run by run", because.join(", "));
            return Err(Refusal::new(Rule::Limit, what).next("fewer hosts, or a runbook of less impact"));
        }
        if !Demands::at(&workspace.policy, impact).is_nothing() {
            let what = "what is approved with a second factor or a signature is approved run by run";
            return Err(Refusal::new(Rule::Limit, what).next("a runbook of less impact"));
        }
        let one = Quorum { impact, from: vec![Seat { role: Role::Approver, n: 1 }] };
        let quorum = planning::quorum(&site, &workspace, impact).unwrap_or(one);
        let editors = site.editors.get(&runbook.id).cloned().unwrap_or_default();
        if !policy::can_be_filled(&workspace, &quorum.from, &policy::Apart::from(&person, &editors)) {
            return Err(Refusal::new(Rule::Role, format!("{} has not enough people to approve it", workspace.id)));
        }
        let standing = StandingId(self.world.next_standing.max(1));
        let terms = Terms {
            origin: self.world.origin.clone(),
            standing,
            workspace: workspace.id.clone(),
            runbook: runbook.id.clone(),
            digest: runbook.digest,
            inputs: wanted.inputs.clone(),
            hosts_max: wanted.hosts_max,
            impact,
            quorum,
            by: person,
            asked: self.at,
            until: self.at.plus_ms(wanted.for_ms),
        };
        let (text, binding) = terms.written().map_err(|why| Refusal::new(Rule::Input, why))?;
        let act = Act::Asked {
            runbook: terms.runbook.clone(),
            digest: terms.digest,
            binding,
            hosts_max: terms.hosts_max,
            until: terms.until,
        };
        let event = Event::Beside(Beside::Standing { standing, workspace: terms.workspace.clone(), act });
        self.emit(Entry::with(event, "reason", needed(&wanted.reason, "a reason")?).and("terms", text))
    }

    pub(super) fn in_standing(&mut self, id: StandingId, word: Word, reason: &str, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let missing = || Refusal::new(Rule::NotFound, format!("no standing approval {id} is open"));
        let one = self.world.standings.get(&id).cloned().ok_or_else(missing)?;
        let workspace = self.member_of(&one.terms.workspace, &person).map_err(|_| missing())?;
        match word {
            Word::Vote(choice) => self.vote_standing(&one, &workspace, &person, (choice, reason, seen)),
            Word::Revoke => {
                if !policy::may_stop(&workspace, &person) {
                    return Err(planning::missing_role(&workspace, &person, Role::Operator, "revoke it"));
                }
                self.end_standing(&one, Over::Revoked, bounded(reason)?)
            }
        }
    }

    fn vote_standing(
        &mut self,
        one: &Standing,
        workspace: &Workspace,
        person: &PersonId,
        (choice, reason, seen): (Choice, &str, Seen),
    ) -> Result<(), Refusal> {
        let id = one.terms.standing;
        if one.terms.by == *person {
            return Err(Refusal::new(Rule::SeparationSelf, "whoever asks for a standing approval does not give it"));
        }
        let has_said_yes = one.votes.iter().rev().find(|vote| vote.by == *person);
        let said_yes = has_said_yes.is_some_and(|vote| vote.choice == Choice::Approve);
        if choice == Choice::Retract && !said_yes {
            return Err(Refusal::new(Rule::State, format!("{person} has given {id} no approval that stands")));
        }
        let holds = one.terms.quorum.from.iter().any(|seat| workspace.grants(person, seat.role));
        if choice != Choice::Retract && !holds {
            return Err(planning::missing_role(workspace, person, Role::Approver, "decide on it"));
        }
        match seen.is_plan(&one.binding) {
            Some(true) => {}
            Some(false) => {
                return Err(Refusal::new(Rule::Stale, format!("{id} is not what you looked at"))
                    .next(format!("read `standing show {id}`, then give its code")));
            }
            None => {
                return Err(Refusal::new(Rule::BindingDrift, "an approval names the binding that was looked at")
                    .next(format!("give the code of {id}: {}", binding::code(&one.binding))));
            }
        }
        let text = needed(reason, "a reason")?;
        let act = Act::Voted { binding: one.binding, choice };
        let workspace_id = one.terms.workspace.clone();
        let event = Event::Beside(Beside::Standing { standing: id, workspace: workspace_id.clone(), act });
        self.emit(Entry::with(event, "reason", text.clone()))?;
        if choice == Choice::Deny {
            return self.end_standing(one, Over::Denied, text);
        }
        let now = self.world.standings.get(&id).cloned();
        let (site, place) = (self.world.site.clone(), self.world.workspace(&workspace_id).cloned());
        let full = match (now, site, place) {
            (Some(now), Some(site), Some(place)) => now.given.is_none() && now.missing(&site, &place).is_empty(),
            _ => false,
        };
        if full {
            self.emit(Entry::bare(Event::Beside(Beside::Standing {
                standing: id,
                workspace: workspace_id,
                act: Act::Given,
            })))?;
        }
        self.standing_changed()
    }

    fn end_standing(&mut self, one: &Standing, how: Over, reason: String) -> Result<(), Refusal> {
        let (standing, workspace) = (one.terms.standing, one.terms.workspace.clone());
        let event = Event::Beside(Beside::Standing { standing, workspace, act: Act::Over { how } });
        let entry = if reason.is_empty() { Entry::bare(event) } else { Entry::with(event, "reason", reason) };
        self.emit(entry)?;
        self.standing_changed()
    }

    /// Ends those that are over by now. True where one was.
    pub(super) fn lapse_standings(&mut self) -> Result<bool, Refusal> {
        let over = standing::over(&self.world, self.at);
        for (one, how) in &over {
            self.end_standing(one, *how, String::new())?;
        }
        Ok(!over.is_empty())
    }

    /// What was let on by a standing approval that lives no more waits again; what has started pauses.
    fn standing_changed(&mut self) -> Result<(), Refusal> {
        let of_standing: Vec<Arc<Run>> =
            self.world.runs.values().filter(|run| run.plan.standing.is_some()).cloned().collect();
        for run in of_standing {
            let workspace = self.world.workspace(&run.plan.proposal.workspace).cloned();
            let lives = workspace.is_some_and(|workspace| policy::missing_approvals(&workspace, &run).is_empty());
            if run.phase == Phase::Approved && !lives {
                let why = "its standing approval is in force no more";
                if run.queued.is_some() {
                    self.leave_line(run.id, why)?;
                }
                self.emit(Entry::with(Event::RunWaiting { run: run.id }, "why", why))?;
            }
            self.settle(run.id)?;
        }
        Ok(())
    }
}

fn inputs_fit(runbook: &Runbook, workspace: &Workspace, inputs: &BTreeMap<String, Allowed>) -> Result<(), Refusal> {
    for (name, allowed) in inputs {
        let Some(input) = runbook.inputs.iter().find(|input| input.name == *name) else {
            return Err(Refusal::new(Rule::Input, format!("{} has no input called {name}", runbook.id)));
        };
        let wrong = match allowed {
            Allowed::Any => None,
            Allowed::Is(value) => crate::domain::input::check(input, value, workspace).err(),
            Allowed::Between { least, most } if least > most => Some("the least is more than the most".to_owned()),
            Allowed::Between { .. } => {
                (!matches!(input.kind, InputKind::Int { .. })).then(|| "not a whole number".to_owned())
            }
        };
        if let Some(why) = wrong {
            return Err(Refusal::new(Rule::Input, format!("{name}: {why}")));
        }
    }
    Ok(())
}
