//! How many commands are decided a second while ten thousand runs wait: votes, notes, starts that are refused, votes of whoever asked,
//! and proposals, each against the same World. Nothing is recorded and nothing synced: this is what policy costs. And how long an
//! approver with five thousand requests waits for a frame. Never a timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;
#[path = "common/inbox.rs"]
mod inbox;
#[path = "../tests/past/mod.rs"]
mod past;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{alone, machine, note};
use past::Past;
use quarterdeck::domain::plan::Proposal;
use quarterdeck::domain::run::{Choice, Phase, Run};
use quarterdeck::domain::{Actor, Ask, Command, Door, PersonId, Refusal, Rule, Seen, World, decide, policy};

/// Half of what a World may hold.
const OPEN_RUNS: u64 = 10_000;

/// Commands of each kind.
const COMMANDS: usize = 20_000;

/// What the commands are, and how many of ten are of the kind.
const KINDS: [(&str, usize); 5] = [("vote", 4), ("note", 2), ("own vote", 2), ("early start", 1), ("propose", 1)];

fn main() {
    let dir = tempfile::Builder::new().prefix("qd-bench").tempdir().unwrap();
    let mut past = Past::begin(dir.path());
    past.propose(OPEN_RUNS);
    let world = Arc::clone(past.world());
    let waiting: Vec<&Arc<Run>> = world.runs.values().filter(|run| run.phase == Phase::Waiting).collect();
    assert_eq!(waiting.len() as u64, OPEN_RUNS, "all of them wait");
    let each: Vec<Duration> = KINDS.iter().map(|(kind, _)| measured(&world, &waiting, kind)).collect();
    let of_ten: Duration = each.iter().zip(KINDS).map(|(each, (_, n))| *each * u32::try_from(n).unwrap()).sum();
    alone("decide_commands_s", 10.0 / of_ten.as_secs_f64(), "1/s", "100000");
    let said: Vec<String> =
        each.iter().zip(KINDS).map(|(each, (kind, _))| format!("{kind} {:.1} µs", each.as_secs_f64() * 1e6)).collect();
    note(&format!("with {OPEN_RUNS} open runs a command takes: {}", said.join(", ")));
    let dir = tempfile::Builder::new().prefix("qd-bench").tempdir().unwrap();
    inbox::measure(dir.path());
    machine();
}

/// What one command of a kind takes.
fn measured(world: &World, waiting: &[&Arc<Run>], kind: &str) -> Duration {
    let commands: Vec<Command> = (0..COMMANDS).map(|n| command(world, waiting[n * 17 % waiting.len()], kind)).collect();
    let begun = Instant::now();
    let mut refused = 0;
    for command in &commands {
        match decide(world, command) {
            Ok(entries) => assert!(!entries.is_empty(), "something happens"),
            Err(refusal) => {
                expected(kind, &refusal);
                refused += 1;
            }
        }
    }
    let took = begun.elapsed();
    let is_refusal = matches!(kind, "own vote" | "early start");
    assert_eq!(refused, if is_refusal { COMMANDS } else { 0 }, "{kind}");
    took / u32::try_from(COMMANDS).unwrap()
}

fn expected(kind: &str, refusal: &Refusal) {
    let rule = if kind == "own vote" { Rule::SeparationSelf } else { Rule::State };
    assert_eq!(refusal.rule, rule, "{kind}: {refusal}");
}

fn command(world: &World, run: &Run, kind: &str) -> Command {
    let requester = run.plan.requester.clone();
    let vote = || Ask::Vote { run: run.id, choice: Choice::Approve, reason: "Looked at it.".to_owned() };
    let (who, seen, ask) = match kind {
        "vote" => (approver(world, run), Seen::Binding(run.binding), vote()),
        "note" => (requester, Seen::Nothing, Ask::Note { run: run.id, text: "Looked at it.".to_owned() }),
        "own vote" => (requester, Seen::Binding(run.binding), vote()),
        "early start" => (requester, Seen::Revision(run.revision), Ask::Start { run: run.id }),
        _ => (requester, Seen::Nothing, Ask::Propose(Box::new(Proposal { ..run.plan.proposal.clone() }))),
    };
    Command {
        by: Actor::Person { person: who, door: Door::Socket { uid: 1_000 } },
        at: world.last_at,
        seen,
        ask,
        proof: Default::default(),
    }
}

fn approver(world: &World, run: &Run) -> PersonId {
    let workspace = world.workspace(&run.plan.proposal.workspace).unwrap();
    workspace.members.keys().find(|person| policy::may_vote(workspace, run, person)).unwrap().clone()
}
