//! People of the demo at work, through the same door as everybody: propose, approve, start, tick, close, review.

use super::Failure;
use crate::cli::Exit;
use crate::cli::surroundings::uid;
use crate::domain::plan::{Proposal, RunPurpose};
use crate::domain::run::{CellState, Choice, Ending, Item, Phase, Run, Slot};
use crate::domain::{Actor, Ask, Door, Receipt, RunId, Seen, binding};
use crate::engine::Handle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A run of the demo takes seconds; one that takes minutes has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// The people at the demo's engine.
pub struct Stage<'a> {
    handle: &'a Handle,
    tell: &'a dyn Fn(&str, &str),
}

/// What is to be done.
pub struct Change {
    /// Who proposes and drives.
    pub by: &'static str,
    /// Who approves.
    pub approver: &'static str,
    /// Where.
    pub workspace: &'static str,
    /// What.
    pub runbook: &'static str,
    /// The form's values.
    pub inputs: &'static [(&'static str, &'static str)],
    /// The form's confirmations.
    pub ticks: &'static [&'static str],
    /// The ticket.
    pub ticket: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl<'a> Stage<'a> {
    /// `tell` hears who did what.
    pub fn new(handle: &'a Handle, tell: &'a dyn Fn(&str, &str)) -> Self {
        Self { handle, tell }
    }

    /// Proposes, waits for the checks, and has it approved where that is due.
    pub async fn propose(&self, change: &Change) -> Result<RunId, Failure> {
        let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let proposal = Proposal {
            workspace: change.workspace.into(),
            runbook: change.runbook.into(),
            inputs: texts(change.inputs),
            ticks: change.ticks.iter().map(|name| (*name).to_owned()).collect(),
            select: None,
            tags: BTreeSet::new(),
            purpose: RunPurpose::Rollout,
            reason: change.reason.to_owned(),
            ticket: change.ticket.to_owned(),
            communication: "stakeholder chat".to_owned(),
            raise_to: None,
            again: None,
            versions: std::collections::BTreeMap::new(),
        };
        let receipt = self.ask(change.by, Seen::Nothing, Ask::Propose(Box::new(proposal))).await?;
        let id = receipt.run.ok_or_else(|| gone_wrong("the proposal made no run"))?;
        (self.tell)(
            change.by,
            &format!("proposes {id}: {} in {}, {}", change.runbook, change.workspace, change.ticket),
        );
        let run = self.until(id, |run| !matches!(run.phase, Phase::Checking(_))).await?;
        let checks = run.builtin.len() + run.cells.len();
        (self.tell)("preflight", &format!("{checks} checks on {} hosts: nothing blocks", run.plan.hosts.len()));
        Ok(id)
    }

    /// Has a run approved by the binding's code.
    pub async fn approve(&self, change: &Change, id: RunId) -> Result<(), Failure> {
        let run = self.until(id, |_| true).await?;
        if run.plan.quorum.is_none() {
            (self.tell)("policy", "no approval is due for low impact outside production");
            return Ok(());
        }
        let vote =
            Ask::Vote { run: id, choice: Choice::Approve, reason: "Seen: hosts, commands, way back.".to_owned() };
        self.ask(change.approver, Seen::Binding(run.binding), vote).await?;
        (self.tell)(change.approver, &format!("approves {id}, binding {}", binding::code(&run.binding)));
        Ok(())
    }

    /// Starts a run and stays with it to its end, ticking off what is done by hand.
    pub async fn run(&self, change: &Change, id: RunId) -> Result<Ending, Failure> {
        self.ask(change.by, Seen::Nothing, Ask::Start { run: id }).await?;
        (self.tell)(change.by, &format!("starts {id}"));
        let mut told = BTreeSet::new();
        loop {
            let run = self
                .until(id, |run| {
                    self.tell_outcomes(run, &mut told);
                    run.phase.ending().is_some() || open_manual_step(run).is_some() || needs_a_person(run)
                })
                .await?;
            if let Some(ending) = run.phase.ending() {
                let verified = run
                    .cells
                    .iter()
                    .filter(|(slot, cell)| matches!(slot.item, Item::Verify(_)) && cell.state == CellState::Ok);
                (self.tell)("engine", &format!("{id} {}: {} verifications hold", ending.word(), verified.count()));
                return Ok(ending);
            }
            match open_manual_step(&run) {
                Some((step, points)) => {
                    let tick = Ask::Tick {
                        run: id,
                        step: step.clone(),
                        checked: (0..points).collect(),
                        evidence: "Said so in the chat.".to_owned(),
                    };
                    self.ask(change.by, Seen::Nothing, tick).await?;
                    (self.tell)(change.by, &format!("ticks off {step}"));
                }
                None => {
                    return Err(gone_wrong(&format!("{id} waits for a decision: {:?}", run.progress.attention)));
                }
            }
        }
    }

    /// Tells, once, how each step and each verification ended on each host.
    fn tell_outcomes(&self, run: &Run, told: &mut BTreeSet<(Slot, u16)>) {
        for (slot, cell) in &run.cells {
            let Some(host) = slot.host.and_then(|host| run.plan.host(host)) else {
                continue;
            };
            let kind = match slot.item {
                Item::Step(_) => "step",
                Item::Verify(_) => "verification",
                Item::Reach | Item::Preflight(_) => continue,
            };
            if cell.state.is_settled() && told.insert((*slot, cell.attempt)) {
                let id = run.plan.item_name(slot.item).0;
                (self.tell)(host.name.as_str(), &format!("{kind} {id}: {}", cell.state.word()));
            }
        }
    }

    /// Writes the outcome note, and has the run reviewed.
    pub async fn close(&self, change: &Change, id: RunId, note: &str) -> Result<(), Failure> {
        self.ask(change.by, Seen::Nothing, Ask::Close { run: id, note: note.to_owned() }).await?;
        (self.tell)(change.by, &format!("writes the outcome note: {note}"));
        Ok(())
    }

    /// Has a closed run signed off.
    pub async fn review(&self, by: &str, id: RunId) -> Result<(), Failure> {
        self.ask(
            by,
            Seen::Nothing,
            Ask::Review { run: id, comment: "Went as planned.".to_owned(), follow_ups: Vec::new() },
        )
        .await?;
        (self.tell)(by, &format!("reviews {id} and signs it off"));
        Ok(())
    }

    async fn ask(&self, who: &str, seen: Seen, ask: Ask) -> Result<Receipt, Failure> {
        let by = Actor::Person { person: who.into(), door: Door::As { uid: uid() } };
        self.handle.submit(by, seen, ask).await.map_err(|refusal| gone_wrong(&format!("{who}: {refusal}")))
    }

    async fn until(&self, id: RunId, mut wanted: impl FnMut(&Run) -> bool) -> Result<Arc<Run>, Failure> {
        let mut world = self.handle.world();
        let waiting = world.wait_for(|world| world.run(id).is_none_or(|run| wanted(run)));
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        let found = found.map_err(|_| gone_wrong(&format!("{id} takes too long")))?;
        let found = found.map_err(|_| gone_wrong("the engine ended"))?.run(id).cloned();
        found.ok_or_else(|| gone_wrong(&format!("{id} is void: a check blocked it")))
    }
}

fn needs_a_person(run: &Run) -> bool {
    matches!(run.phase, Phase::Paused(_))
}

/// The manual step that waits, with the number of points on its checklist.
fn open_manual_step(run: &Run) -> Option<(crate::domain::StepId, u16)> {
    use crate::domain::runbook::Action;
    run.plan.steps().find_map(|(position, step)| {
        let Action::Manual { checklist, .. } = &step.action else {
            return None;
        };
        let cell = run.cell(Slot { item: Item::Step(position), host: None })?;
        let points = u16::try_from(checklist.len()).unwrap_or(u16::MAX);
        (cell.state == CellState::Waiting).then(|| (step.id.clone(), points))
    })
}

fn gone_wrong(why: &str) -> Failure {
    Failure::new(Exit::No, format!("the demo went wrong: {why}"))
}
