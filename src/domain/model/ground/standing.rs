//! Standing approvals: asked for by an operator and by an approver, given and taken back, revoked, over by time or by another version
//! of the runbook; and runs inside and outside of their bounds, while policy comes to ask for more.

use super::{Ground, HOUR_MS, Move, OWNER, RUNS_MAX, Says, asked, form, hosts_answer, vote};
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::standing::{WantedStanding, Word};
use crate::domain::fixture::NOON;
use crate::domain::id::{RunId, StandingId};
use crate::domain::model::node::Node;
use crate::domain::plan::Proposal;
use crate::domain::run::Choice;
use crate::domain::runbook::{Input, InputKind};
use crate::domain::standing::Allowed;
use std::collections::BTreeMap;

/// The bounds that are asked for: the runbook's one input is 1 to 3, on one host within an hour, for an hour and a half.
pub const COUNT_MOST: i64 = 3;
pub const HOSTS_MAX: usize = 1;
pub const LASTS_MS: u64 = 3 * HOUR_MS / 2;

pub fn moves(node: &Node) -> Vec<Move> {
    let mut moves = Vec::new();
    if node.world.next_standing.max(1) <= 1 {
        moves.extend(["ada", "bo"].map(wants_standing));
    }
    let s1 = StandingId(1);
    if let Some(one) = node.world.standings.get(&s1) {
        let says = |who, word| {
            let ask = Ask::InStanding { standing: s1, word, reason: "because".to_owned() };
            Move::Person(who, Seen::Binding(one.binding), ask)
        };
        moves.extend(["ada", "bo", OWNER].map(|who| says(who, Word::Vote(Choice::Approve))));
        moves.push(says("bo", Word::Vote(Choice::Retract)));
        moves.push(says("lea", Word::Revoke));
    }
    if node.world.next_run.max(1) <= RUNS_MAX {
        moves.extend([(1, "web-1"), (4, "web-1"), (1, "web-2")].map(|(count, host)| inside("lea", count, host)));
    }
    for id in 1..node.world.next_run {
        let Some(open) = node.open(id) else { continue };
        let run = RunId(id);
        moves.push(vote(OWNER, run, open.binding, Choice::Approve));
        moves.push(asked("ada", Ask::Start { run }));
        moves.extend(hosts_answer(node, run));
    }
    // One change of the site at a time, and back.
    let first = Ground::Standing.says();
    let others = [
        Says { bo_approves: false, ..first },
        Says { version: 2, ..first },
        Says { factor: true, ..first },
        Says { approvers: 2, ..first },
    ];
    let sites = if node.says == first { others.to_vec() } else { vec![first] };
    moves.extend(sites.into_iter().map(Move::Site));
    moves.push(Move::Engine(Ask::Lapse));
    if node.at.ms_since(NOON) < 2 * HOUR_MS {
        moves.push(Move::Wait(HOUR_MS / 2));
    }
    moves
}

/// Asks for a standing approval within the bounds.
pub fn wants_standing(who: &'static str) -> Move {
    let wanted = WantedStanding {
        workspace: "prod".into(),
        runbook: "restart".into(),
        inputs: BTreeMap::from([("count".to_owned(), Allowed::Between { least: 1, most: COUNT_MOST })]),
        hosts_max: 1,
        for_ms: LASTS_MS,
        reason: "done every week".to_owned(),
    };
    asked(who, Ask::WantStanding(Box::new(wanted)))
}

/// Proposes on one host.
pub fn inside(who: &'static str, count: i64, host: &str) -> Move {
    let inputs = BTreeMap::from([("count".to_owned(), count.to_string())]);
    asked(who, Ask::Propose(Box::new(Proposal { inputs, select: Some(format!("host:{host}")), ..form("prod") })))
}

/// The runbook's input.
pub fn count() -> Input {
    Input {
        name: "count".to_owned(),
        prompt: "How many".to_owned(),
        kind: InputKind::Int { min: None, max: None },
        required: false,
        default: Some("1".to_owned()),
        confirm: None,
        help: String::new(),
        source: String::new(),
    }
}
