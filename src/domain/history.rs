//! A run as one row of a list, with who did what about it.

use super::id::{PersonId, StandingId, StepId, Timestamp};
use super::policy;
use super::query::HistoryRow;
use super::run::{Cancel, CellState, Choice, Ending, Item, Note, Phase, Run, Vote};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who did what about a run: what an auditor asks of each.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Acts {
    /// Why it was wanted.
    pub reason: String,
    /// The hosts it was to reach, as a selector.
    pub select: String,
    /// The tags that were chosen for it.
    pub tags: Vec<String>,
    /// The controls its runbook serves.
    pub controls: Vec<String>,
    /// The approvals that count, in the order they were given.
    pub approvals: Vec<Said>,
    /// The standing approval that stood in their place.
    pub standing: Option<StandingId>,
    /// Warnings somebody answered for.
    pub warnings: Vec<(StepId, Said)>,
    /// Why it never ran, where it did not.
    pub cancel: Option<Cancel>,
    /// Whether somebody saw that what was wanted came about.
    pub verification: Verification,
    /// Who wrote what came of it.
    pub noted: Option<Said>,
    /// Who broke glass for it, for which incident and why.
    pub emergency: Option<Said>,
    /// Sign-offs before the one that closed it, where more than one is asked for.
    pub first_reviews: Vec<Said>,
    /// Who signed it off.
    pub reviewed: Option<Said>,
}

/// Somebody's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// Whose.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The word; empty where it was erased.
    pub text: String,
}

/// What the verification of a run came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// It was not made, or not on every host.
    #[default]
    NotMade,
    /// The runbook has none.
    NoneWritten,
    /// It went well on every host.
    Passed,
    /// It went wrong on some host.
    Failed,
}

impl Verification {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Verification::NotMade => "not made",
            Verification::NoneWritten => "none written",
            Verification::Passed => "passed",
            Verification::Failed => "failed",
        }
    }
}

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
        acts: acts(run),
    }
}

fn acts(run: &Run) -> Acts {
    let (plan, proposal) = (&run.plan, &run.plan.proposal);
    let noted = |note: &Note| Said { by: note.by.clone(), at: note.at, text: note.text.clone() };
    let warnings = run.accepted.iter().map(|(warning, answer)| {
        let said = Said { by: answer.by.clone(), at: answer.at, text: answer.reason.clone() };
        (warning.clone(), said)
    });
    Acts {
        reason: proposal.reason.clone(),
        select: proposal.select.clone().unwrap_or_else(|| plan.runbook.targets.select.clone()),
        tags: proposal.tags.iter().cloned().collect(),
        controls: plan.runbook.controls.clone(),
        approvals: approvals(run),
        standing: plan.standing,
        warnings: warnings.collect(),
        cancel: if let Phase::Cancelled(cancel) = &run.phase { Some(cancel.clone()) } else { None },
        verification: verification(run),
        noted: run.outcome_note.as_ref().map(noted),
        emergency: run.glass.as_ref().map(|glass| Said {
            by: glass.by.clone(),
            at: glass.at,
            text: format!("{}: {}", glass.incident, glass.reason),
        }),
        first_reviews: run.reviews.iter().map(noted).collect(),
        reviewed: run.review.as_ref().map(noted),
    }
}

/// The latest word of each person counts, and of those the ones that say yes.
fn approvals(run: &Run) -> Vec<Said> {
    let latest: BTreeMap<&PersonId, &Vote> = run.votes.iter().map(|vote| (&vote.by, vote)).collect();
    let mut given: Vec<Said> = latest
        .into_values()
        .filter(|vote| vote.choice == Choice::Approve)
        .map(|vote| Said { by: vote.by.clone(), at: vote.at, text: vote.reason.clone() })
        .collect();
    given.sort_by_key(|said| said.at);
    given
}

fn verification(run: &Run) -> Verification {
    if run.plan.runbook.verify.is_empty() {
        return Verification::NoneWritten;
    }
    let mut cells = run.cells.iter().filter(|(slot, _)| matches!(slot.item, Item::Verify(_)));
    match run.phase.ending() {
        Some(Ending::Succeeded) => Verification::Passed,
        _ if cells.any(|(_, cell)| matches!(cell.state, CellState::Failed(_))) => Verification::Failed,
        Some(_) | None => Verification::NotMade,
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
