//! While a run works: tick off, decide about failures, pause, go on, stop, note.

use super::*;
use crate::domain::evidence::{EVIDENCE_BYTES_MAX, EVIDENCE_FILES_MAX};
use crate::domain::failure;
use crate::domain::glass;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

impl Deciding {
    pub(super) fn tick(&mut self, id: RunId, step: &StepId, checked: &[u16], evidence: &str) -> Result<(), Refusal> {
        let (run, slot) = self.by_hand(id, step, "tick off a step", "nobody ticks it off")?;
        let found = run.plan.steps().find(|(_, found)| found.id == *step);
        let (checklist, wants_evidence) = match found.map(|(_, found)| &found.action) {
            Some(Action::Manual { checklist, evidence, .. }) => (checklist.as_slice(), *evidence),
            Some(_) | None => (&[][..], false),
        };
        let every_point = (0u16..).zip(checklist).all(|(number, _)| checked.contains(&number));
        if !every_point {
            return Err(Refusal::new(Rule::Input, "every point of the checklist must be ticked")
                .next("tick each point (`tick RUN STEP --all`), or skip the step with a reason"));
        }
        // A file shows it as well as words do.
        let has_file = run.evidence.iter().any(|given| given.slot == slot);
        let text = match wants_evidence && !has_file {
            true => needed(evidence, "evidence")?,
            false => bounded(evidence)?,
        };
        let checked = checked.iter().copied().filter(|n| usize::from(*n) < checklist.len()).collect();
        self.emit(Entry::with(Event::Ticked { run: id, slot, checked }, "evidence", text))?;
        self.settle(id)
    }

    pub(super) fn evidence(&mut self, id: RunId, step: &StepId, name: &str, content: &[u8]) -> Result<(), Refusal> {
        let (run, slot) = self.by_hand(id, step, "give evidence of a step", "it shows itself")?;
        if run.evidence.len() >= EVIDENCE_FILES_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{id} has {EVIDENCE_FILES_MAX} files already")));
        }
        if !crate::domain::evidence::is_name(name) {
            return Err(Refusal::new(Rule::Input, "this is no name for a file").next("rename it"));
        }
        if content.is_empty() || content.len() > EVIDENCE_BYTES_MAX {
            let most = EVIDENCE_BYTES_MAX / (1024 * 1024);
            let what = format!("the file has {} bytes; between 1 byte and {most} MiB show something", content.len());
            return Err(Refusal::new(Rule::Input, what).next("name where a longer one lies in the step's words"));
        }
        let (sha256, bytes) = (Digest::of(content), content.len() as u64);
        let given = Entry::with(Event::EvidenceGiven { run: id, slot, sha256, bytes }, "name", name.to_owned());
        self.emit(given.and("content", STANDARD.encode(content)))
    }

    /// The manual step that waits for this person's `act`. `otherwise`: what holds of a step that is none.
    fn by_hand(&self, id: RunId, step: &StepId, act: &str, otherwise: &str) -> Result<(Arc<Run>, Slot), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        let Some((position, found)) = run.plan.steps().find(|(_, found)| found.id == *step) else {
            return Err(Refusal::new(Rule::NotFound, format!("{id} has no step called {step}")));
        };
        if !matches!(found.action, Action::Manual { .. }) {
            let what = found.action.word();
            return Err(Refusal::new(Rule::Choice, format!("{step} is no manual step but {what}: {otherwise}")));
        }
        if !policy::may_stop(&workspace, &person) && !workspace.grants(&person, Role::Reviewer) {
            return Err(planning::missing_role(&workspace, &person, Role::Operator, act));
        }
        separate(&run, &person)?;
        let slot = Slot { item: Item::Step(position), host: None };
        if run.cell(slot).is_none_or(|cell| cell.state != CellState::Waiting) {
            return Err(Refusal::new(Rule::State, format!("{step} is not waiting for anybody"))
                .next("it opens once the steps before it are done, and closes when it is ticked off"));
        }
        Ok((run, slot))
    }

    pub(super) fn resolve(
        &mut self,
        id: RunId,
        slot: Slot,
        decision: Decision,
        reason: &str,
        seen: Seen,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        self.needs(&workspace, &person, run.plan.runbook.runs_as, "decide about a failed host")?;
        separate(&run, &person)?;
        claim::is_free_for(&run, &person)?;
        let manual_open =
            settle::is_manual(&run, slot) && run.cell(slot).is_some_and(|cell| cell.state == CellState::Waiting);
        if !run.progress.attention.contains(&slot) && !manual_open {
            return Err(
                Refusal::new(Rule::State, "nothing is to be decided there").next("somebody may have decided already")
            );
        }
        let attempt = run.cell(slot).map_or(0, |cell| cell.attempt);
        match seen {
            Seen::Attempt(looked_at) if looked_at != attempt => return Err(stale(&run)),
            Seen::Nothing | Seen::Attempt(_) | Seen::Revision(_) | Seen::Binding(_) | Seen::Code(_) => {}
        }
        fits(&run, slot, decision, manual_open)?;
        let text = match decision {
            Decision::Retry if !must_explain_retry(&run, slot) => bounded(reason)?,
            Decision::Probe => bounded(reason)?,
            Decision::Retry | Decision::Skip | Decision::Drop | Decision::MarkOk | Decision::MarkFailed => {
                needed(reason, "a reason")?
            }
        };
        self.emit(Entry::with(Event::Resolved { run: id, slot, decision }, "reason", text))?;
        if decision == Decision::Probe {
            self.may_begin()?;
            self.emit(failure::probe(&run, slot).ok_or_else(|| stale(&run))?)?;
        }
        self.settle(id)
    }

    pub(super) fn pause(&mut self, id: RunId) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(&workspace, &person, Role::Operator, "pause a run"));
        }
        if run.queued.is_some() {
            return self.leave_line(id, &format!("paused by {person}"));
        }
        if run.phase != Phase::Running {
            return Err(Refusal::new(Rule::State, format!("{id} is {}, not running", run.phase.tag().word())));
        }
        self.emit(Entry::bare(Event::RunPaused { run: id, cause: PauseCause::Person(person) }))
    }

    /// After authority was lost, whoever lets the run go on drives it from then on; lost approvals nobody can replace.
    pub(super) fn go_on(&mut self, id: RunId, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        self.needs(&workspace, &person, run.plan.runbook.runs_as, "let a run go on")?;
        separate(&run, &person)?;
        if !matches!(run.phase, Phase::Paused(_)) {
            return Err(Refusal::new(Rule::State, format!("{id} is {}, not paused", run.phase.tag().word())));
        }
        if !run.progress.attention.is_empty() {
            return Err(Refusal::new(Rule::State, "hosts wait for a decision").next("decide about each of them first"));
        }
        if let Some(why) = glass::lost(&workspace, &run) {
            return Err(
                Refusal::new(Rule::Role, why).next(format!("have the role given back, or end the run: abort {id}"))
            );
        }
        if !policy::missing_approvals(&workspace, &run).is_empty() {
            return Err(Refusal::new(Rule::Role, "an approver no longer holds the role the approval needs")
                .next(format!("have the role given back, or end the run: abort {id}")));
        }
        if window::may_begin_until(&run, self.at).is_some_and(|until| until <= self.at) {
            let words = rounds::window_words(&workspace, &run, self.at);
            return Err(Refusal::new(Rule::WindowClosed, format!("{id} begins nothing more: {words}"))
                .next(format!("let it go on when the window opens, or end it: abort {id}")));
        }
        self.emit(Entry::bare(Event::RunContinued { run: id }))?;
        self.settle(id)
    }

    pub(super) fn stop(&mut self, id: RunId, how: StopHow, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(&workspace, &person, Role::Operator, "stop a run"));
        }
        let by_person = match how {
            StopHow::AfterStep | StopHow::AfterBatch | StopHow::Now | StopHow::WayBack => true,
            StopHow::Failure | StopHow::TimedOut => false,
        };
        let sooner = match run.phase {
            Phase::Running | Phase::Paused(_) | Phase::Verifying => true,
            Phase::Stopping(before) => how == StopHow::Now && before != StopHow::Now,
            _ => false,
        };
        // Started, and nothing of it has begun: it is checked, or waits in line. Or glass was broken, and somebody says no.
        let is_broken_into = run.glass.is_some() && matches!(run.phase, Phase::Waiting | Phase::Approved);
        if by_person && (run.phase == Phase::Checking(Round::Start) || run.queued.is_some() || is_broken_into) {
            let why = format!("{person}: {}", needed(reason, "a reason")?);
            return self.emit(Entry::with(Event::RunCancelled { run: id, cancel: Cancel::Stopped }, "why", why));
        }
        if !by_person || !sooner {
            return Err(Refusal::new(Rule::State, format!("{id} is {}; nothing to stop", run.phase.tag().word())));
        }
        let text = needed(reason, "a reason")?;
        self.emit(Entry::with(Event::RunStopping { run: id, how }, "reason", text))?;
        self.settle(id)
    }

    pub(super) fn note(&mut self, id: RunId, text: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (_, workspace) = self.run_for(id, &person)?;
        let text = needed(text, "a note")?;
        let mentions = self.named(&workspace, &person, &text)?;
        self.emit(Entry::with(Event::Noted { run: id, mentions }, "text", text))
    }
}

fn must_explain_retry(run: &Run, slot: Slot) -> bool {
    let Item::Step(n) = slot.item else {
        return false;
    };
    let once = run.plan.step(n).is_some_and(|step| step.effect == Effect::Once);
    once || matches!(run.state(slot), CellState::Unknown(_))
}

fn fits(run: &Run, slot: Slot, decision: Decision, manual_open: bool) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(Refusal::new(Rule::Choice, what.to_owned()));
    let required = match slot.item {
        Item::Step(n) => run.plan.step(n).is_some_and(|step| step.required),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => true,
    };
    let unknown = matches!(run.state(slot), CellState::Unknown(_));
    match decision {
        Decision::Drop if slot.host.is_none() => {
            refuse("a step of the whole run has no host to drop: skip it, or stop the run")
        }
        Decision::Skip if once::is_gate(run, slot) => {
            refuse("a gate is passed by the word of those it asks, and by nothing else")
        }
        Decision::Skip if required => refuse("a required step cannot be skipped"),
        Decision::Probe if !unknown => refuse("a probe looks where nobody saw the end; this one was seen"),
        Decision::Probe if failure::probe(run, slot).is_none() => refuse("this step has no probe"),
        Decision::MarkOk | Decision::MarkFailed if !unknown => refuse("only what is unknown can be marked"),
        Decision::Retry | Decision::Drop | Decision::MarkOk | Decision::MarkFailed if manual_open => {
            refuse("a step done by hand is ticked off or skipped")
        }
        Decision::Retry
        | Decision::Probe
        | Decision::Skip
        | Decision::Drop
        | Decision::MarkOk
        | Decision::MarkFailed => Ok(()),
    }
}
