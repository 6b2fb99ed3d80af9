//! The checkpoints of a run: the list somebody who governs changes would go through by hand. It fills itself in from what the
//! record holds, and where a workspace's policy says so, a run that leaves one open is not proposed.
//!
//! Approvals that are due, warnings and the outcome note hold whatever a policy says; it can only ask for more.

use super::findings;
use super::plan::Proposal;
use super::quorum;
use super::refusal::{Refusal, Rule};
use super::run::{Choice, Run};
use super::runbook::{Effect, Runbook, Step};
use super::words::count;
use super::workspace::Workspace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a run is looked at for, in the order of its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Who approved what it does and where.
    Scope,
    /// Each warning has somebody who answers for it.
    Warnings,
    /// Its impact, and who is told.
    Communication,
    /// How it is undone, written before it starts.
    Rollback,
    /// What came of it.
    Outcome,
}

impl Point {
    /// All of them, in the order of a run's life.
    pub const ALL: [Point; 5] = [Point::Scope, Point::Warnings, Point::Communication, Point::Rollback, Point::Outcome];

    /// Its word, in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Point::Scope => "scope",
            Point::Warnings => "warnings",
            Point::Communication => "communication",
            Point::Rollback => "rollback",
            Point::Outcome => "outcome",
        }
    }
}

/// What a policy may ask for beyond what always holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Every run is approved, those of low impact too.
    Scope,
    /// A proposal says who is told.
    Communication,
    /// Whatever changes something has a written way back.
    Rollback,
    /// A proposal names its ticket.
    Ticket,
}

impl Demand {
    /// All of them.
    pub const ALL: [Demand; 4] = [Demand::Scope, Demand::Communication, Demand::Rollback, Demand::Ticket];

    /// Its word in files.
    pub fn word(self) -> &'static str {
        match self {
            Demand::Scope => "scope",
            Demand::Communication => "communication",
            Demand::Rollback => "rollback",
            Demand::Ticket => "ticket",
        }
    }

    /// The demand a word means.
    pub fn parse(word: &str) -> Option<Demand> {
        Demand::ALL.into_iter().find(|demand| demand.word() == word)
    }
}

/// How far one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Filled in.
    Done,
    /// Still open.
    Open,
    /// Nothing of the kind is due.
    NotDue,
}

impl State {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Open => "open",
            State::NotDue => "not due",
        }
    }
}

/// One of a run's checkpoints, as the record fills it in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checkpoint {
    /// Which.
    pub point: Point,
    /// How far it is.
    pub state: State,
    /// By whom and how, or what is missing.
    pub words: String,
}

/// The checkpoints of a run. `workspace` judges who may approve now.
pub fn of(workspace: &Workspace, run: &Run) -> Vec<Checkpoint> {
    let filled = Point::ALL.into_iter().map(|point| {
        let (state, words) = match point {
            Point::Scope => scope(workspace, run),
            Point::Warnings => warnings(run),
            Point::Communication => communication(run),
            Point::Rollback => rollback(&run.plan.runbook, run.plan.steps().map(|(_, step)| step)),
            Point::Outcome => outcome(run),
        };
        Checkpoint { point, state, words }
    });
    filled.collect()
}

fn scope(workspace: &Workspace, run: &Run) -> (State, String) {
    let missing = quorum::missing_approvals(workspace, run);
    let was_let_on = run.started.is_some() || missing.is_empty();
    // During the countdown, and once whoever broke it may no more, nothing is let on by it.
    if let Some(glass) = run.glass.as_ref().filter(|_| was_let_on) {
        return (State::Done, format!("{} broke glass for {}", glass.by, glass.incident));
    }
    // Where it covers the run no more, people say yes or no as to any other.
    if let Some(standing) = run.plan.standing.filter(|_| was_let_on && run.votes.is_empty()) {
        return (State::Done, format!("approved in advance by {standing}"));
    }
    if run.plan.quorum.is_none() {
        return (State::NotDue, format!("no approval is due at {} impact", run.plan.impact.word()));
    }
    let votes = quorum::latest_votes(run);
    let said = |wanted: Choice| {
        let who = votes.iter().filter(move |(_, choice)| *choice == wanted).map(|(who, _)| who.as_str());
        who.collect::<Vec<_>>().join(", ")
    };
    match (said(Choice::Deny), said(Choice::Approve)) {
        (denied, _) if !denied.is_empty() => (State::Open, format!("denied by {denied}")),
        // Their words were taken back, or erased, after it had started.
        (_, approved) if run.started.is_some() && approved.is_empty() => (State::Done, "it was let on".to_owned()),
        // What has started was let on; who holds which role later is no matter.
        (_, approved) if was_let_on => (State::Done, format!("approved by {approved}")),
        (_, approved) if approved.is_empty() => (State::Open, "not approved yet".to_owned()),
        (_, approved) => (State::Open, format!("approved by {approved}; more must")),
    }
}

fn warnings(run: &Run) -> (State, String) {
    let (all, open) = (findings::warnings(run), findings::open_warnings(run));
    if all.is_empty() {
        return (State::NotDue, "there are none".to_owned());
    }
    let who: BTreeSet<&str> =
        all.iter().filter_map(|(id, _)| findings::answer(run, id)).map(|given| given.by.as_str()).collect();
    let who = who.into_iter().collect::<Vec<_>>().join(", ");
    match (open.len(), who) {
        (0, who) if who.is_empty() => (State::Done, "whoever broke glass answers for them".to_owned()),
        (0, who) => (State::Done, format!("{} answered for by {who}", count(all.len(), "is", "are"))),
        (n, _) => (State::Open, format!("{n} of {} nobody answers for", all.len())),
    }
}

fn communication(run: &Run) -> (State, String) {
    let impact = format!("{} impact", run.plan.impact.word());
    match first_line(&run.plan.proposal.communication) {
        "" => (State::Open, format!("{impact}; nobody is told")),
        told => (State::Done, format!("{impact}; tells {told}")),
    }
}

/// Filled in by words, or where every step that changes something has its undo.
fn rollback<'a>(runbook: &Runbook, steps: impl Iterator<Item = &'a Step>) -> (State, String) {
    let changing: Vec<&Step> = steps.filter(|step| step.effect != Effect::Read).collect();
    if changing.is_empty() {
        return (State::NotDue, "nothing is changed".to_owned());
    }
    let undone = changing.iter().filter(|step| step.undo.is_some()).count();
    let undo = format!("{undone} of {} can be undone", count(changing.len(), "step", "steps"));
    match first_line(&runbook.rollback) {
        "" if undone == changing.len() => (State::Done, undo),
        "" => (State::Open, format!("{undo}; nothing is written for the rest")),
        words => (State::Done, format!("{undo}; {words}")),
    }
}

fn outcome(run: &Run) -> (State, String) {
    match (&run.outcome_note, run.ended) {
        (Some(note), _) => (State::Done, format!("written by {}", note.by)),
        (None, Some(_)) => (State::Open, "nobody has written it".to_owned()),
        (None, None) => (State::NotDue, "written once it is over".to_owned()),
    }
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

/// Refuses a proposal that leaves open what the workspace's policy asks for. What the whole run must have shown is asked of the form
/// it is filled in, where it can still be mended.
///
/// # Errors
/// Names the checkpoint, and what fills it in.
pub(super) fn demanded(workspace: &Workspace, runbook: &Runbook, proposal: &Proposal) -> Result<(), Refusal> {
    for demand in &workspace.policy.checkpoints {
        let (missing, next) = match demand {
            // Asks for a quorum, which `planning` sees to.
            Demand::Scope => continue,
            Demand::Communication if first_line(&proposal.communication).is_empty() => {
                ("who is told, and how", "fill it in: --tell \"status page and #ops\"")
            }
            Demand::Ticket if first_line(&proposal.ticket).is_empty() => ("a ticket", "name it: --ticket CHG-1234"),
            Demand::Rollback if rollback(runbook, runbook.steps.iter()).0 == State::Open => (
                "a written way back",
                "write `rollback` into the runbook, or an `undo` for each step that changes something",
            ),
            Demand::Communication | Demand::Ticket | Demand::Rollback => continue,
        };
        let what = format!("{} asks of every run for {missing}", workspace.id);
        return Err(Refusal::new(Rule::Checkpoint, what).next(next));
    }
    Ok(())
}
