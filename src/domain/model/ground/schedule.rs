//! Starts that are put off: to a moment in the window and to one outside it, by those who may and those who may not; with approvals
//! taken back and roles lost meanwhile, and an alarm that is late by minutes.

use super::{HOUR_MS, MINUTE_MS, Move, Says, asked, hosts_answer, vote};
use crate::domain::command::Ask;
use crate::domain::fixture::NOON;
use crate::domain::id::RunId;
use crate::domain::model::node::Node;
use crate::domain::run::Choice;

/// How much later than asked for a start may begin by itself.
pub const LATE_MS: u64 = 10 * MINUTE_MS;

pub fn moves(node: &Node) -> Vec<Move> {
    let mut moves = Vec::new();
    for id in 1..node.world.next_run {
        let Some(open) = node.open(id) else { continue };
        let run = RunId(id);
        let at = |who, ms| asked(who, Ask::Schedule { run, at: NOON.plus_ms(ms) });
        moves.extend(["ada", "lea", "grace"].map(|who| at(who, HOUR_MS / 2)));
        moves.push(at("ada", 3 * HOUR_MS));
        moves.extend(["ada", "lea"].map(|who| asked(who, Ask::Start { run })));
        let approver = if id == 1 { "bo" } else { "grace" };
        moves.push(vote(approver, run, open.binding, Choice::Retract));
        moves.push(vote(approver, run, open.binding, Choice::Approve));
        moves.push(asked("grace", Ask::Pause { run }));
        moves.push(Move::Engine(Ask::Wake { run }));
        moves.extend(hosts_answer(node, run));
    }
    moves.push(Move::Site(Says { bo_approves: !node.says.bo_approves, ..node.says }));
    if node.at.ms_since(NOON) < 3 * HOUR_MS {
        moves.extend([Move::Wait(HOUR_MS / 2), Move::Wait(LATE_MS), Move::Wait(1)]);
    }
    moves
}
