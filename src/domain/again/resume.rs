//! The rest of a run: what ended well stands, what certainly did not is done again, and of everything else somebody says what became
//! of it.

use super::{heard, on_hosts, places};
use crate::domain::id::HostIx;
use crate::domain::plan::{Again, Given, Origin, Plan, Settled, Stands, Unsure};
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::run::{CellState, Item, Run, Slot};
use crate::domain::runbook::{Action, Effect, Step};
use std::collections::{BTreeMap, BTreeSet};

/// The plan of the rest.
///
/// # Errors
/// Nobody said what became of a step, something is said of one whose end is known, or nothing is left.
pub(super) fn plan(base: Plan, earlier: &Run, again: &Again) -> Result<Plan, Refusal> {
    let old = &earlier.plan;
    let mut stands: BTreeMap<(u16, Stands, String), Vec<HostIx>> = BTreeMap::new();
    let mut once: Vec<Given> = Vec::new();
    let mut left_out: BTreeSet<HostIx> = BTreeSet::new();
    let (mut unsaid, mut used, mut open) = (Vec::new(), 0, false);
    for (position, step) in old.steps() {
        for host in places(old, step) {
            let place = Slot { item: Item::Step(position), host };
            let standing = match known(earlier.state(place), step) {
                Known::Stands(stands) => Fate::Stands(stands, format!("in {}", earlier.id)),
                Known::Open => Fate::Runs,
                Known::Unsure => match said_of(again, old, step, host) {
                    Some(said) => {
                        used += 1;
                        fate(step, said)?
                    }
                    None => {
                        unsaid.push(format!("{}:{}", host.map_or("run".to_owned(), |_| old.place(place)), step.id));
                        continue;
                    }
                },
            };
            match (standing, host) {
                (Fate::Runs, _) => open = true,
                (Fate::LeftOut, host) => left_out.extend(host),
                (Fate::Stands(stand, why), Some(host)) => stands.entry((position, stand, why)).or_default().push(host),
                (Fate::Stands(stands, why), None) => {
                    once.push(Given { step: position, hosts: Vec::new(), stands, why });
                }
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
    if !open && old.runbook.verify.is_empty() {
        return Err(Refusal::new(Rule::Targets, "nothing to do: every step is done"));
    }
    let of_hosts = stands.into_iter().map(|((step, stands, why), hosts)| Given { step, hosts, stands, why });
    let given = of_hosts.chain(once).collect();
    let plan = Plan { from: Origin::Resume(again.run), given, published: heard(earlier), ..base };
    on_hosts(plan, old, |host| !left_out.contains(&host), "every host was left out")
}

/// What becomes of a step in a place.
enum Fate {
    /// It is not done again: as what it stands, and since when or who says so.
    Stands(Stands, String),
    /// It runs.
    Runs,
    /// Its host is left out.
    LeftOut,
}

fn said_of<'a>(again: &'a Again, old: &Plan, step: &Step, host: Option<HostIx>) -> Option<&'a Settled> {
    let name = host.and_then(|host| old.host(host)).map(|host| &host.name);
    again.settled.iter().find(|said| said.step == step.id && said.host.as_ref() == name)
}

fn fate(step: &Step, said: &Settled) -> Result<Fate, Refusal> {
    let why = said.reason.trim();
    match said.became {
        Unsure::Again => Ok(Fate::Runs),
        Unsure::Done | Unsure::Skip | Unsure::Failed if why.is_empty() => {
            Err(Refusal::new(Rule::ReasonMissing, format!("say why {} counts so", step.id)))
        }
        Unsure::Done => Ok(Fate::Stands(Stands::Done, why.to_owned())),
        Unsure::Skip if step.required => {
            Err(Refusal::new(Rule::Choice, format!("{} is required and cannot be skipped", step.id)))
        }
        Unsure::Skip => Ok(Fate::Stands(Stands::Skipped, why.to_owned())),
        Unsure::Failed if said.host.is_none() => {
            Err(Refusal::new(Rule::Choice, format!("{} has no host that could be left out", step.id)))
        }
        Unsure::Failed => Ok(Fate::LeftOut),
    }
}

/// Steps of an ended run of which somebody must say what became of them before the rest can run, in the order of the plan.
pub fn unsure(run: &Run) -> Vec<Slot> {
    let of_step = |(position, step): (u16, &Step)| {
        let slots = run.cells.iter().filter(move |(slot, _)| slot.item == Item::Step(position));
        let unsure = slots.filter(|(_, cell)| matches!(known(&cell.state, step), Known::Unsure));
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

fn known(state: &CellState, step: &Step) -> Known {
    match (state, &step.action, step.effect) {
        (CellState::Ok, _, _) => Known::Stands(Stands::Done),
        // What people were asked and what was waited for is asked and waited for again: nobody says it in their place.
        (_, Action::Approval(_) | Action::Wait(_), _) => Known::Open,
        (CellState::Skipped, _, _) => Known::Stands(Stands::Skipped),
        (CellState::Waiting | CellState::Refused(_), _, _) => Known::Open,
        (CellState::Failed(_), _, Effect::Read | Effect::Idempotent) => Known::Open,
        // A step that may have had half of its effect is not begun again by a rule.
        (CellState::Failed(_), _, Effect::Once) => Known::Unsure,
        (CellState::Unknown(_) | CellState::Intended | CellState::Started { .. }, _, _) => Known::Unsure,
    }
}
