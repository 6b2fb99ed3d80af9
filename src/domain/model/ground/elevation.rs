//! A role lent for a while: asked for by somebody who lacks it, and by whoever asks for the run; granted by the owner, and by
//! everybody who may not; given back, taken away, and over by time, to the minute.

use super::{HOUR_MS, MINUTE_MS, Move, OWNER, RUNS_MAX, asked, hosts_answer, proposed, vote};
use crate::domain::command::Ask;
use crate::domain::decide::elevate::Answer;
use crate::domain::fixture::NOON;
use crate::domain::id::{ElevationId, RunId};
use crate::domain::model::node::Node;
use crate::domain::people::Role;
use crate::domain::run::Choice;

/// Elevations there may be at once.
const LENT_MAX: u64 = 2;

pub fn moves(node: &Node) -> Vec<Move> {
    let mut moves = Vec::new();
    if node.world.next_elevation.max(1) <= LENT_MAX {
        moves.extend(["ada", "lea"].map(|who| wants_role(who, Role::Approver)));
        moves.push(wants_role("bo", Role::Owner));
    }
    for id in 1..node.world.next_elevation {
        let answer = |who, answer| {
            asked(who, Ask::AnswerElevation { elevation: ElevationId(id), answer, reason: "because".to_owned() })
        };
        moves.extend(["ada", "bo", OWNER, "lea"].map(|who| answer(who, Answer::Grant)));
        moves.extend(["ada", "bo", OWNER].map(|who| answer(who, Answer::End)));
        moves.push(answer(OWNER, Answer::Refuse));
    }
    if node.world.next_run <= RUNS_MAX {
        moves.push(proposed("ada", "prod"));
    }
    for id in 1..node.world.next_run {
        let Some(open) = node.open(id) else { continue };
        let run = RunId(id);
        moves.extend(["ada", "lea"].map(|who| vote(who, run, open.binding, Choice::Approve)));
        moves.push(vote("ada", run, open.binding, Choice::Retract));
        moves.extend(["ada", "lea"].map(|who| asked(who, Ask::Start { run })));
        moves.push(asked("lea", Ask::Continue { run }));
        moves.extend(hosts_answer(node, run));
    }
    moves.push(Move::Engine(Ask::Lapse));
    if node.at.ms_since(NOON) < 2 * HOUR_MS {
        moves.extend([Move::Wait(HOUR_MS - MINUTE_MS), Move::Wait(MINUTE_MS)]);
    }
    moves
}

/// Asks for a role for an hour.
pub fn wants_role(who: &'static str, role: Role) -> Move {
    asked(who, Ask::Elevate { workspace: "prod".into(), role, for_ms: HOUR_MS, reason: "on call".to_owned() })
}
