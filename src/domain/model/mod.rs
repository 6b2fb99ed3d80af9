//! Proof by exhaustion: four people, three roles, two runs, and every order of up to seven commands, from an empty
//! world and from worlds where runs are further on. After every single command the witness gives its second opinion.
//!
//! Orders that lead to the same state are one state here, so a few thousand states stand for many millions of orders. Each idea of
//! governance has a ground of its own (votes, roles lent, starts put off, broken glass, standing approvals, second factors), with
//! the commands that concern it. A normal run visits some grounds whole, goes a few commands deep into others, and then walks at
//! random (from a fixed seed) to the full length; `tests/run --deep` visits everything. That a fault would be found is shown by
//! breaking the rules one by one (`faults`).

mod explore;
mod faults;
mod ground;
mod matrix;
mod node;
mod witness;

use super::command::{Ask, Seen};
use super::id::RunId;
use super::order::CellResult;
use super::run::{Choice, Reason};
use explore::{COMMANDS_MAX, Depth, prove};
use ground::{Ground, Move, proposed};
use node::Node;

/// How far a normal run visits everything where there is too much of it.
const QUICK_DEPTH: usize = 3;

/// From worlds of votes that are some commands on already, so many more.
const MORE: Depth = Depth { quick: QUICK_DEPTH, deep: 5 };

fn votes(moves: &[Move]) -> Node {
    Node::empty(Ground::Votes).after(moves)
}

fn passes(run: u64) -> Move {
    Move::Checks(RunId(run), CellResult::Ok)
}

/// Ada's run in production, approved by bo, and lea's, approved by grace.
fn two_approved() -> Vec<Move> {
    approved_on(Ground::Votes)
}

fn approved_on(ground: Ground) -> Vec<Move> {
    let mut moves = vec![proposed("ada", "prod"), passes(1), proposed("lea", "prod"), passes(2)];
    let node = Node::empty(ground).after(&moves);
    for (run, who) in [(1, "bo"), (2, "grace")] {
        let seen = Seen::Binding(node.open(run).unwrap().binding);
        let ask = Ask::Vote { run: RunId(run), choice: Choice::Approve, reason: "fine".to_owned() };
        moves.push(Move::Person(who, seen, ask));
    }
    moves
}

/// Ada's run is at its first step; lea's is approved and wants the same host.
fn one_at_work() -> Vec<Move> {
    let mut moves = two_approved();
    moves.push(Move::Person("ada", Seen::Nothing, Ask::Start { run: RunId(1) }));
    moves.push(passes(1));
    moves
}

fn then(mut moves: Vec<Move>, result: &CellResult) -> Vec<Move> {
    let node = Node::empty(Ground::Votes).after(&moves);
    moves.push(Move::Engine(ground::ended(&node.orders(RunId(1))[0], result.clone())));
    moves
}

#[test]
fn z_model_from_an_empty_world() {
    prove("empty", &votes(&[]), Depth { quick: QUICK_DEPTH, deep: COMMANDS_MAX });
}

#[test]
fn z_model_from_two_runs_that_wait_for_approval() {
    prove("two wait", &votes(&two_approved()[..4]), MORE);
}

#[test]
fn z_model_from_two_approved_runs() {
    prove("two approved", &votes(&two_approved()), MORE);
}

#[test]
fn z_model_from_a_run_at_work() {
    prove("one at work", &votes(&one_at_work()), MORE);
}

#[test]
fn z_model_from_a_run_nobody_can_tell_about() {
    let unknown = CellResult::Unknown(Reason::ConnectionLost);
    prove("unknown", &votes(&then(one_at_work(), &unknown)), MORE);
}

#[test]
fn z_model_from_a_run_at_its_manual_step() {
    prove("manual", &votes(&then(one_at_work(), &CellResult::Ok)), MORE);
}

fn lea_waits(root: Node) -> Node {
    root.after(&[proposed("lea", "prod"), passes(1)])
}

#[test]
fn z_model_of_roles_that_are_lent() {
    prove("elevation", &lea_waits(Node::empty(Ground::Elevation)), Depth { quick: COMMANDS_MAX, deep: COMMANDS_MAX });
}

#[test]
fn z_model_of_starts_that_are_put_off() {
    let moves = approved_on(Ground::Schedule);
    prove("schedule", &Node::empty(Ground::Schedule).after(&moves), Depth { quick: 5, deep: COMMANDS_MAX });
}

#[test]
fn z_model_of_broken_glass() {
    prove("glass", &ground::out_of_hours(), Depth { quick: COMMANDS_MAX, deep: COMMANDS_MAX });
}

#[test]
fn z_model_of_standing_approvals() {
    prove("standing", &Node::empty(Ground::Standing), Depth { quick: 5, deep: COMMANDS_MAX });
}

#[test]
fn z_model_of_second_factors() {
    prove("factor", &ground::with_factors(), Depth { quick: 6, deep: COMMANDS_MAX });
}
