//! Runs that come from an earlier run: the whole once more, what did not end well, the rest of it, or the way back. Each is a run of
//! its own, with its own binding and approval; only how its plan is computed differs.
//!
//! The plan rests on what the earlier run was bound to, never on today's runbook: what is repeated is what ran. Today's site
//! says who may, when, and whether a host is still where it was. What is known of the earlier run is what its cells say, so
//! it must not have left the world: until its review there is time to go on with it or to undo it.

use super::id::{HostIx, PersonId, RunId, StepId, Timestamp};
use super::plan::{Again, Given, How, Origin, Plan, PlanWarning, Proposal, Stands, Unsure};
use super::planning;
use super::refusal::{Refusal, Rule};
use super::run::{CellState, Item, Phase, Run, Slot};
use super::runbook::{Action, Effect, OnFailure, Retries, Runbook, Script, Step};
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest time an undo may take where its step has no time-out of its own, in milliseconds.
const UNDO_TIMEOUT_MS: u64 = 600_000;

/// The plan of a proposal that goes back to an earlier run.
///
/// # Errors
/// The earlier run is not there or has not ended, a host is not where it was, somebody must first say what became of a step,
/// or nothing is left to do.
pub fn plan(
    world: &World,
    run: RunId,
    by: &PersonId,
    at: Timestamp,
    proposal: &Proposal,
    again: &Again,
) -> Result<Plan, Refusal> {
    let earlier = ended(world, by, again.run)?;
    if proposal.reason.trim().is_empty() {
        return Err(Refusal::new(Rule::ReasonMissing, "say why, in a sentence"));
    }
    let old = &earlier.plan;
    let base = Plan {
        run,
        requester: by.clone(),
        asked: at,
        proposal: Proposal {
            select: None,
            ticks: old.proposal.ticks.clone(),
            tags: old.proposal.tags.clone(),
            inputs: old.proposal.inputs.clone(),
            ..proposal.clone()
        },
        warnings: Vec::new(),
        given: Vec::new(),
        ..(**old).clone()
    };
    let plan = match again.how {
        How::Rerun => Plan { from: Origin::Rerun(again.run), given: Vec::new(), ..base },
        How::Failed => {
            let failed = |host: HostIx| !ended_well(&earlier, host);
            on_hosts(Plan { from: Origin::Rerun(again.run), ..base }, old, failed, "every host ended well")?
        }
        How::Resume => resume(base, &earlier, again)?,
        How::Rollback => rollback(base, &earlier)?,
    };
    let today = planning::under_site(world, by, plan.clone())?;
    moved(&plan, &today)?;
    Ok(today)
}

/// The earlier run, where this person may see it and it has come to an end.
fn ended(world: &World, by: &PersonId, id: RunId) -> Result<Arc<Run>, Refusal> {
    let visible = |run: &&Arc<Run>| world.workspace(&run.plan.proposal.workspace).is_some_and(|it| it.has_member(by));
    let run = world.runs.get(&id).filter(visible).ok_or_else(|| {
        Refusal::new(Rule::NotFound, format!("no open run is called {id}"))
            .next("a run can be repeated, resumed and undone until it is reviewed; later, propose its runbook")
    })?;
    match run.phase {
        Phase::Ended(_) | Phase::Closed(_) => Ok(Arc::clone(run)),
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => {
            Err(Refusal::new(Rule::State, format!("{id} is {}; it has not come to an end", run.phase.tag().word())))
        }
    }
}

/// A host that is not where it was is another host.
fn moved(plan: &Plan, today: &Plan) -> Result<(), Refusal> {
    let pairs = plan.hosts.iter().zip(&today.hosts).chain(plan.jumps.iter().zip(&today.jumps));
    match pairs.into_iter().find(|(then, now)| then != now) {
        None if plan.jumps.len() == today.jumps.len() => Ok(()),
        None => Err(Refusal::new(Rule::BindingDrift, "the way to a host is another one than it was")),
        Some((then, _)) => Err(Refusal::new(
            Rule::BindingDrift,
            format!("{} has another address, login, key or way than when it ran", then.name),
        )
        .next("propose the runbook anew for it")),
    }
}

fn ended_well(run: &Run, host: HostIx) -> bool {
    let on_host = |(_, step): &(u16, &Step)| step.action.done() == super::runbook::Done::OnHosts;
    let done = |(position, _): (u16, &Step)| {
        let state = run.state(Slot { item: Item::Step(position), host: Some(host) });
        matches!(state, CellState::Ok | CellState::Skipped)
    };
    !run.progress.dropped.contains(&host) && run.plan.steps().filter(on_host).all(done)
}

/// The plan for some of the hosts alone, in the batches they were in; what stands already moves along.
fn on_hosts(plan: Plan, old: &Plan, keep: impl Fn(HostIx) -> bool, nobody: &str) -> Result<Plan, Refusal> {
    let kept: Vec<HostIx> = (0u32..).take(old.hosts.len()).map(HostIx).filter(|host| keep(*host)).collect();
    if kept.is_empty() {
        return Err(Refusal::new(Rule::Targets, format!("nothing to do: {nobody}")));
    }
    let moved: BTreeMap<HostIx, HostIx> = kept.iter().copied().zip((0u32..).map(HostIx)).collect();
    let batches = old.batches.iter().map(|batch| batch.iter().filter_map(|host| moved.get(host).copied()).collect());
    let given = plan.given.into_iter().filter_map(|given| {
        let hosts: Vec<HostIx> = given.hosts.iter().filter_map(|host| moved.get(host).copied()).collect();
        (given.hosts.is_empty() || !hosts.is_empty()).then_some(Given { hosts, ..given })
    });
    Ok(Plan {
        hosts: kept.iter().filter_map(|host| old.host(*host).cloned()).collect(),
        batches: batches.filter(|batch: &Vec<HostIx>| !batch.is_empty()).collect(),
        given: given.collect(),
        ..plan
    })
}

/// The rest of a run: what ended well stands, what certainly did not is done again, and of everything else somebody says what
/// became of it.
fn resume(base: Plan, earlier: &Run, again: &Again) -> Result<Plan, Refusal> {
    let old = &earlier.plan;
    let mut stands: BTreeMap<(u16, Stands, String), Vec<HostIx>> = BTreeMap::new();
    let mut once: Vec<Given> = Vec::new();
    let mut left_out: BTreeSet<HostIx> = BTreeSet::new();
    let mut unsaid: Vec<String> = Vec::new();
    let mut used = 0;
    for (position, step) in old.steps() {
        let places: Vec<Option<HostIx>> = match step.action.done() {
            super::runbook::Done::OnHosts => (0u32..).take(old.hosts.len()).map(|ix| Some(HostIx(ix))).collect(),
            _ => vec![None],
        };
        for host in places {
            let name = host.and_then(|host| old.host(host)).map(|host| host.name.to_string());
            let said = again
                .settled
                .iter()
                .find(|said| said.step == step.id && said.host.as_ref().map(ToString::to_string) == name);
            let standing = match known(earlier.state(Slot { item: Item::Step(position), host }), step.effect) {
                Known::Stands(stands) => Some((stands, format!("in {}", earlier.id))),
                Known::Open => None,
                Known::Unsure => {
                    used += usize::from(said.is_some());
                    match said.map(|said| (said.became, said.reason.trim())) {
                        None => {
                            unsaid.push(format!("{}:{}", name.as_deref().unwrap_or("run"), step.id));
                            None
                        }
                        Some((Unsure::Again, _)) => None,
                        Some((_, "")) => {
                            return Err(Refusal::new(Rule::ReasonMissing, format!("say why {} counts so", step.id)));
                        }
                        Some((Unsure::Done, why)) => Some((Stands::Done, why.to_owned())),
                        Some((Unsure::Skip, _)) if step.required => {
                            return Err(Refusal::new(
                                Rule::Choice,
                                format!("{} is required and cannot be skipped", step.id),
                            ));
                        }
                        Some((Unsure::Skip, why)) => Some((Stands::Skipped, why.to_owned())),
                        Some((Unsure::Failed, _)) => {
                            left_out.extend(host);
                            None
                        }
                    }
                }
            };
            match (standing, host) {
                (Some((as_what, why)), Some(host)) => stands.entry((position, as_what, why)).or_default().push(host),
                (Some((stands, why)), None) => once.push(Given { step: position, hosts: Vec::new(), stands, why }),
                (None, _) => {}
            }
        }
    }
    if !unsaid.is_empty() {
        return Err(Refusal::new(Rule::Choice, format!("nobody can tell how these ended: {}", unsaid.join(", ")))
            .next("look on the hosts, then say of each: --settle HOST:STEP=done|again|skip|failed,WHY"));
    }
    if used < again.settled.len() {
        return Err(Refusal::new(Rule::Choice, "something is said of a step whose end is known")
            .next("say it of those alone that are unknown"));
    }
    let of_hosts = stands.into_iter().map(|((step, stands, why), hosts)| Given { step, hosts, stands, why });
    let given: Vec<Given> = of_hosts.chain(once).collect();
    let open = |plan: &Plan| {
        let cells: usize = plan
            .steps()
            .map(|(_, step)| match step.action.done() {
                super::runbook::Done::OnHosts => plan.hosts.len(),
                _ => 1,
            })
            .sum();
        let standing: usize = plan.given.iter().map(|given| given.hosts.len().max(1)).sum();
        cells > standing
    };
    let plan = Plan { from: Origin::Resume(again.run), given, ..base };
    let plan = on_hosts(plan, old, |host| !left_out.contains(&host), "every host was left out")?;
    match open(&plan) || !plan.runbook.verify.is_empty() {
        true => Ok(plan),
        false => Err(Refusal::new(Rule::Targets, "nothing to do: every step is done")),
    }
}

/// Steps of an ended run of which somebody must say what became of them before the rest can run, in the order of the plan.
pub fn unsure(run: &Run) -> Vec<Slot> {
    let of_step = |(position, step): (u16, &Step)| {
        let slots = run.cells.iter().filter(move |(slot, _)| slot.item == Item::Step(position));
        let unsure = slots.filter(|(_, cell)| matches!(known(&cell.state, step.effect), Known::Unsure));
        unsure.map(|(slot, _)| *slot).collect::<Vec<_>>()
    };
    run.plan.steps().flat_map(of_step).collect()
}

/// What the record says of a step.
enum Known {
    /// It need not be done again.
    Stands(Stands),
    /// It was not done.
    Open,
    /// Somebody must say.
    Unsure,
}

fn known(state: &CellState, effect: Effect) -> Known {
    match (state, effect) {
        (CellState::Ok, _) => Known::Stands(Stands::Done),
        (CellState::Skipped, _) => Known::Stands(Stands::Skipped),
        (CellState::Waiting | CellState::Refused(_), _) => Known::Open,
        (CellState::Failed(_), Effect::Read | Effect::Idempotent) => Known::Open,
        // A step that may have had half of its effect is not begun again by a rule.
        (CellState::Failed(_), Effect::Once) => Known::Unsure,
        (CellState::Unknown(_) | CellState::Intended | CellState::Started { .. }, _) => Known::Unsure,
    }
}

/// The way back: each step that ran and can be undone, last first, on the hosts where it ran; then the verification.
fn rollback(base: Plan, earlier: &Run) -> Result<Plan, Refusal> {
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
        steps.push(undoing(step, undo));
    }
    if steps.is_empty() {
        return Err(Refusal::new(
            Rule::Targets,
            format!("nothing to undo: no step of {} that ran has an undo", earlier.id),
        )
        .next("follow the rollback the runbook describes in words"));
    }
    let positions = (0u16..).take(steps.len()).collect();
    let runbook = Arc::new(Runbook { steps, preflight: Vec::new(), ..(*old.runbook).clone() });
    let plan = Plan { from: Origin::Rollback(earlier.id), runbook, steps: positions, given, warnings, ..base };
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
            interpreter: super::runbook::Interpreter::Sh,
            timeout_ms: UNDO_TIMEOUT_MS,
            secrets: step.action.secrets().to_vec(),
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
