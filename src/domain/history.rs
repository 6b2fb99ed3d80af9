//! A run as one row of a list.

use super::policy;
use super::query::HistoryRow;
use super::run::{CellState, Choice, Item, Run};
use std::collections::BTreeSet;

/// The row of a run as it stands.
pub fn row(run: &Run) -> HistoryRow {
    let plan = &run.plan;
    let approvers = policy::latest_votes(run).into_iter().filter(|(_, choice)| *choice == Choice::Approve);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    HistoryRow {
        run: run.id,
        proposed: run.proposed,
        started: run.started,
        ended: run.ended,
        runbook: plan.runbook.id.clone(),
        version: plan.runbook.version.clone(),
        workspace: plan.proposal.workspace.clone(),
        environment: plan.environment,
        impact: plan.impact,
        by: plan.requester.clone(),
        approved_by: approvers.map(|(person, _)| person.clone()).collect(),
        driver: run.driver.clone(),
        reviewed_by: run.review.as_ref().map(|note| note.by.clone()),
        phase: run.phase.tag(),
        ending: run.phase.ending(),
        hosts: count(plan.hosts.len()),
        hosts_failed: count(hosts_failed(run)),
        ticket: plan.proposal.ticket.clone(),
        note: run.outcome_note.as_ref().map(|note| note.text.clone()).unwrap_or_default(),
        warnings_accepted: count(run.accepted.len()),
    }
}

/// Hosts on which a step or verification did not end well, or that were left out.
fn hosts_failed(run: &Run) -> usize {
    let bad = |state: &CellState| matches!(state, CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_));
    let counts = |item: Item| matches!(item, Item::Step(_) | Item::Verify(_));
    let failed = run.cells.iter().filter(|(slot, cell)| counts(slot.item) && bad(&cell.state));
    let left_out = run.progress.dropped.iter().copied();
    failed.filter_map(|(slot, _)| slot.host).chain(left_out).collect::<BTreeSet<_>>().len()
}
