//! The way back from a run, as a page: what really ran, where, and how each of it is undone.

use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::safe;
use crate::console::theme::Role;
use crate::domain::HostIx;
use crate::domain::run::{CellState, Item, Run, Slot};

/// How what ran is undone: the runbook's words, and each undo on the hosts where its step ran, last first.
pub(super) fn sheet(run: &Run) -> Sheet {
    let plan = &run.plan;
    let mut parts = vec![Part::Words(Role::Text, plan.runbook.rollback.clone()), Part::Air];
    let steps: Vec<_> = plan.steps().collect();
    for (position, step) in steps.into_iter().rev() {
        let ran: Vec<String> = (0u32..)
            .zip(&plan.hosts)
            .filter(|(ix, _)| {
                let state = run.state(Slot { item: Item::Step(position), host: Some(HostIx(*ix)) });
                !matches!(state, CellState::Waiting | CellState::Skipped | CellState::Refused(_))
            })
            .map(|(_, host)| host.name.to_string())
            .collect();
        let manual = run.state(Slot { item: Item::Step(position), host: None }) == &CellState::Ok;
        if ran.is_empty() && !manual {
            continue;
        }
        parts.push(Part::Rule(safe!("{}", step.id)));
        parts.push(Part::Words(
            Role::Muted,
            if manual { "done by hand".to_owned() } else { format!("ran on {}", ran.join(" ")) },
        ));
        match &step.undo {
            Some(undo) => parts.push(Part::Verbatim(Role::Text, undo.clone())),
            None => parts.push(Part::Words(Role::Warning, "! no undo is written for it".to_owned())),
        }
        parts.push(Part::Air);
    }
    Sheet::new(safe!("the way back from {}", run.id), parts)
}
