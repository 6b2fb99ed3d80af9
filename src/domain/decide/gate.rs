//! Answers to a gate inside a run: the same voice as before its start, for what could not be known then.

use super::*;
use crate::domain::runbook::Gate;

/// An answer that was given.
pub(super) struct Answer<'a> {
    /// Which gate.
    pub slot: Slot,
    /// What it asks.
    pub gate: &'a Gate,
    /// Which way.
    pub choice: Choice,
    /// Why.
    pub reason: &'a str,
    /// What was looked at.
    pub seen: Seen,
}

impl Deciding {
    /// One no ends the question; enough yeses, each in a seat of its own, let the run go on.
    pub(super) fn answer(&mut self, run: &Run, workspace: &Workspace, answer: &Answer<'_>) -> Result<(), Refusal> {
        let person = self.person()?;
        let Answer { slot, gate, choice, reason, seen } = *answer;
        if run.plan.behind.as_ref() == Some(&person) {
            return Err(policy::owner_of(run));
        }
        if run.plan.requester == person {
            return Err(Refusal::new(Rule::SeparationSelf, "whoever asks for a run lets it through no gate")
                .next("ask one of those it names"));
        }
        if !policy::may_answer(workspace, run, gate, &person) {
            let role = gate.from.first().map_or(Role::Approver, |seat| seat.role);
            return Err(match gate.from.iter().any(|seat| workspace.grants(&person, seat.role)) {
                true => {
                    Refusal::new(Rule::SeparationSelf, "at high impact whoever executes a run lets it through no gate")
                }
                false => planning::missing_role(workspace, &person, role, "let this run go on"),
            });
        }
        looked_at(run, seen, "an answer")?;
        if choice == Choice::Retract && !policy::has_let_on(run, slot, &person) {
            return Err(Refusal::new(Rule::State, format!("{person} has not said yes here")));
        }
        let text = needed(reason, "a reason")?;
        let backed = self.proved(run, &person, choice)?;
        let event = Event::GateAnswered { run: run.id, slot, choice, proved: backed.proved };
        self.emit(backed.beside(Entry::with(event, "reason", text)))?;
        let now = self.world.run(run.id).map(Arc::clone);
        let open = now.is_some_and(|now| !policy::missing_answers(workspace, &now, slot, gate).is_empty());
        if choice == Choice::Deny || (choice == Choice::Approve && !open) {
            self.emit(Entry::bare(Event::GateOver { run: run.id, slot, choice }))?;
        }
        self.settle(run.id)
    }
}
