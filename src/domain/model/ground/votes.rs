//! The first ground: two runs, their votes, failures and restarts, and an approver who loses the role and gets it back.

use super::{CAST, LONG_MS, Move, RUNS_MAX, Says, ended, is_check, proposed, results, vote};
use crate::domain::command::{Ask, Decision, Seen};
use crate::domain::fixture::NOON;
use crate::domain::id::{Digest, HostIx, RunId, StepId};
use crate::domain::model::node::Node;
use crate::domain::notice;
use crate::domain::order::{CellResult, OrderKey, Progressed, Report};
use crate::domain::run::{CellState, Choice, Item, Reason, Slot, StopHow};

/// The clock is moved so often at most: past both expiries, and no further.
const HOURS_MAX: u64 = 6 * LONG_MS;

pub fn moves(node: &Node) -> Vec<Move> {
    let mut moves = Vec::new();
    if node.world.next_run.max(1) <= RUNS_MAX {
        for (who, _) in CAST {
            moves.extend([proposed(who, "prod"), proposed(who, "lab")]);
        }
    }
    for id in 1..node.world.next_run {
        about(node, id, &mut moves);
    }
    moves.push(Move::Engine(Ask::Boot { repaired_bytes: 0 }));
    moves.push(Move::Site(Says { bo_approves: !node.says.bo_approves, ..node.says }));
    if node.at.ms_since(NOON) < HOURS_MAX {
        moves.push(Move::Wait(LONG_MS));
    }
    moves
}

fn about(node: &Node, id: u64, moves: &mut Vec<Move>) {
    let run = RunId(id);
    let other = node.open(3 - id).map_or(Digest::of(b"another"), |other| other.binding);
    let Some(open) = node.open(id) else {
        // Over for good: one person with every role that could matter tries everything on it.
        let slot = Slot { item: Item::Step(0), host: None };
        moves.extend(asks(run, other, slot).into_iter().map(|(seen, ask)| Move::Person("bo", seen, ask)));
        let key = OrderKey { run, slot: Slot { item: Item::Reach, host: Some(HostIx(0)) }, attempt: 1 };
        moves.push(Move::Engine(Ask::Report(Report { key, what: Progressed::Started { group: 7 } })));
        return;
    };
    let by_hand = Slot { item: Item::Step(1), host: None };
    let script = Slot { item: Item::Step(0), host: Some(HostIx(0)) };
    let waits = open.cell(by_hand).is_some_and(|cell| cell.state == CellState::Waiting);
    let slot = open.progress.attention.iter().next().copied().unwrap_or(if waits { by_hand } else { script });
    for (who, _) in CAST {
        let asks = asks(run, open.binding, slot).into_iter();
        // Notes change nothing that is judged here; the matrix has them.
        let asks = asks.filter(|(_, ask)| !matches!(ask, Ask::Note { .. }));
        moves.extend(asks.map(|(seen, ask)| Move::Person(who, seen, ask)));
        moves.push(vote(who, run, other, Choice::Approve));
    }
    moves.push(Move::Engine(Ask::Wake { run }));
    moves.push(Move::Engine(Ask::Notice(notice::Asked::Due { run })));
    let orders = node.orders(run);
    if orders.iter().any(|order| is_check(order.order().key.slot.item)) {
        moves.push(Move::Checks(run, CellResult::Ok));
        moves.push(Move::Checks(run, CellResult::Failed(Reason::NotAsExpected)));
    }
    if let Some(order) = orders.first() {
        let key = order.order().key;
        let what = Progressed::Started { group: 7 };
        moves.push(Move::Engine(Ask::Report(Report { key, what: what.clone() })));
        moves.extend(results().map(|result| Move::Engine(ended(order, result))));
        let late = OrderKey { attempt: key.attempt + 1, ..key };
        moves.push(Move::Engine(Ask::Report(Report { key: late, what })));
    }
}

/// Everything one person can ask about one run, each as it would be sent by somebody who has just looked.
pub fn asks(run: RunId, binding: Digest, slot: Slot) -> Vec<(Seen, Ask)> {
    let word = || "because".to_owned();
    let vote = |choice, binding| (Seen::Binding(binding), Ask::Vote { run, choice, reason: word() });
    let decide = |decision| (Seen::Nothing, Ask::Resolve { run, slot, decision, reason: word() });
    vec![
        (Seen::Nothing, Ask::Withdraw { run }),
        (Seen::Nothing, Ask::AcceptWarning { run, warning: StepId::new("disk"), reason: word() }),
        vote(Choice::Approve, binding),
        vote(Choice::Deny, binding),
        vote(Choice::Retract, binding),
        (Seen::Nothing, Ask::Start { run }),
        (Seen::Nothing, Ask::Tick { run, step: StepId::new("look"), checked: Vec::new(), evidence: word() }),
        (
            Seen::Nothing,
            Ask::Evidence {
                run,
                step: StepId::new("look"),
                name: "shot.png".to_owned(),
                content: b"png".as_slice().into(),
            },
        ),
        decide(Decision::Retry),
        decide(Decision::Skip),
        decide(Decision::Drop),
        decide(Decision::MarkOk),
        decide(Decision::MarkFailed),
        (Seen::Nothing, Ask::Claim { run, reason: word() }),
        (Seen::Nothing, Ask::HandOver { run, to: "bo".into(), reason: word() }),
        (Seen::Nothing, Ask::Pause { run }),
        (Seen::Nothing, Ask::Continue { run }),
        (Seen::Nothing, Ask::Stop { run, how: StopHow::AfterStep, reason: word() }),
        (Seen::Nothing, Ask::Stop { run, how: StopHow::Now, reason: word() }),
        (Seen::Nothing, Ask::Note { run, text: word() }),
        (Seen::Nothing, Ask::Close { run, note: word() }),
        (Seen::Nothing, Ask::Review { run, comment: word(), follow_ups: Vec::new() }),
    ]
}
