//! The way back: each step that ran and can be undone, last first, on the hosts where it ran; then the verification.

use super::{heard, on_hosts};
use crate::domain::id::{HostIx, StepId};
use crate::domain::plan::{Given, Origin, Plan, PlanWarning, Stands};
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::run::{CellState, Item, Run, Slot};
use crate::domain::runbook::{
    Action, Between, Effect, Interpreter, OnFailure, Retries, Runbook, Script, Step, Targets,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longest time an undo may take where its step has no time-out of its own, in milliseconds.
const UNDO_TIMEOUT_MS: u64 = 600_000;

/// The plan of the way back.
///
/// # Errors
/// Nothing that ran can be undone.
pub(super) fn plan(base: Plan, earlier: &Run) -> Result<Plan, Refusal> {
    let old = &earlier.plan;
    let (mut steps, mut given, mut touched, mut warnings) = (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new());
    let positions: Vec<(u16, &Step)> = old.steps().collect();
    for (position, step) in positions.into_iter().rev() {
        let ran: Vec<HostIx> = (0u32..)
            .take(old.hosts.len())
            .map(HostIx)
            .filter(|host| has_run(earlier.state(Slot { item: Item::Step(position), host: Some(*host) })))
            .collect();
        let once = has_run(earlier.state(Slot { item: Item::Step(position), host: None }));
        if ran.is_empty() && !once {
            continue;
        }
        let Some(undo) = step.undo.as_ref().filter(|_| !ran.is_empty()) else {
            // A word that was given and time that passed are nothing to undo.
            let said = matches!(step.action, Action::Approval(_) | Action::Wait(_));
            if step.effect != Effect::Read && !said {
                let place = if once { "once for all".to_owned() } else { format!("on {}", listed(old, &ran)) };
                let text = format!("{} cannot be undone: it ran {place}", step.id);
                warnings.push(PlanWarning { id: StepId::new(format!("undo-{}", step.id)), text });
            }
            continue;
        };
        let unsure: Vec<HostIx> = ran
            .iter()
            .copied()
            .filter(|host| {
                let state = earlier.state(Slot { item: Item::Step(position), host: Some(*host) });
                matches!(state, CellState::Unknown(_))
            })
            .collect();
        if !unsure.is_empty() {
            let text = format!(
                "nobody can tell how {} ended on {}; it is undone there all the same",
                step.id,
                listed(old, &unsure)
            );
            warnings.push(PlanWarning { id: StepId::new(format!("undo-{}", step.id)), text });
        }
        let at = u16::try_from(steps.len()).unwrap_or(u16::MAX);
        let others: Vec<HostIx> =
            (0u32..).take(old.hosts.len()).map(HostIx).filter(|host| !ran.contains(host)).collect();
        if !others.is_empty() {
            let why = format!("it did not run in {}", earlier.id);
            given.push(Given { step: at, hosts: others, stands: Stands::Skipped, why });
        }
        touched.extend(ran);
        let undo = match &step.action {
            Action::Copy(copy) => copy.undo(&earlier.id.0.to_string()),
            Action::Script(_)
            | Action::Manual { .. }
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Tool(_)
            | Action::Vault(_) => undo.clone(),
        };
        steps.push(undoing(step, &undo));
    }
    if steps.is_empty() {
        return Err(Refusal::new(
            Rule::Targets,
            format!("nothing to undo: no step of {} that ran has an undo", earlier.id),
        )
        .next("follow the rollback the runbook describes in words"));
    }
    let positions = (0u16..).take(steps.len()).collect();
    // Whoever goes back goes back at once.
    let targets = Targets { between: Between::default(), ..old.runbook.targets.clone() };
    let runbook =
        Arc::new(Runbook { steps, targets, preflight: Vec::new(), within: Vec::new(), ..(*old.runbook).clone() });
    let names = old.steps().flat_map(|(_, step)| &step.publishes).map(|publish| publish.name.clone());
    let (promised, published) = (names.collect(), heard(earlier));
    let from = Origin::Rollback(earlier.id);
    let plan = Plan { from, runbook, steps: positions, given, warnings, published, promised, ..base };
    on_hosts(plan, old, |host| touched.contains(&host), "no step that ran has an undo")
}

fn has_run(state: &CellState) -> bool {
    match state {
        CellState::Ok
        | CellState::Failed(_)
        | CellState::Unknown(_)
        | CellState::Intended
        | CellState::Started { .. } => true,
        CellState::Waiting | CellState::Skipped | CellState::Refused(_) => false,
    }
}

/// An undo as a step: never repeated by itself, and asked about when it fails.
fn undoing(step: &Step, undo: &str) -> Step {
    let script = match step.action.script() {
        Some(script) => Script { text: undo.to_owned(), ..script.clone() },
        None => Script {
            text: undo.to_owned(),
            interpreter: Interpreter::Sh,
            timeout_ms: UNDO_TIMEOUT_MS,
            secrets: step.action.secrets().to_vec(),
            becomes: None,
            pty: false,
        },
    };
    Step {
        id: step.id.clone(),
        title: format!("Undo: {}", step.title),
        action: Action::Script(script),
        effect: Effect::Once,
        tags: BTreeSet::new(),
        due_ms: None,
        retries: Retries::default(),
        on_failure: Some(OnFailure::Pause),
        required: true,
        undo: None,
        probe: None,
        withhold: step.withhold,
        expect: None,
        fixed: step.fixed.clone(),
        publishes: Vec::new(),
    }
}

/// The first few hosts by name, and how many more.
fn listed(plan: &Plan, hosts: &[HostIx]) -> String {
    const NAMED_MAX: usize = 5;
    let names: Vec<&str> =
        hosts.iter().take(NAMED_MAX).filter_map(|ix| plan.host(*ix)).map(|host| host.name.as_str()).collect();
    match hosts.len().saturating_sub(NAMED_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
