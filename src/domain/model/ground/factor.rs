//! Second factors, where policy asks for one: offered, shown, confirmed by those who may and those who may not, revoked; and
//! approvals with the right code, a used one, another person's, a wrong one or none.

use super::{ADMINISTRATOR, Ground, MINUTE_MS, Move, OWNER, Says, asked, code, hosts_answer, proposed, secret_of};
use crate::domain::command::{Ask, Seen};
use crate::domain::factor::Want;
use crate::domain::fixture::NOON;
use crate::domain::id::RunId;
use crate::domain::model::node::Node;
use crate::domain::order::CellResult;
use crate::domain::proved::Code;
use crate::domain::run::Choice;

/// How long a device shows one code.
const SHOWN_MS: u64 = 30_000;

pub fn moves(node: &Node) -> Vec<Move> {
    let about = |want| Ask::Factor { person: "bo".into(), want };
    let confirm = || about(Want::Confirm { id: secret_of("bo"), reason: "compared".to_owned() });
    let offer = || about(Want::Offer { id: secret_of("bo") });
    let mut moves = vec![
        asked("bo", offer()),
        asked("lea", offer()),
        Move::Coded("bo", code("bo", node.at), Seen::Nothing, about(Want::Prove)),
        Move::Coded("bo", Code::Wrong, Seen::Nothing, about(Want::Prove)),
        Move::Coded("lea", code("bo", node.at), Seen::Nothing, about(Want::Prove)),
        asked("bo", about(Want::Revoke { reason: "lost".to_owned() })),
        asked("ada", about(Want::Revoke { reason: "lost".to_owned() })),
    ];
    moves.extend(["ada", "bo", OWNER].map(|who| asked(who, confirm())));
    for id in 1..node.world.next_run {
        let Some(open) = node.open(id) else { continue };
        let run = RunId(id);
        let approves = |who, code| {
            let ask = Ask::Vote { run, choice: Choice::Approve, reason: "so".to_owned() };
            Move::Coded(who, code, Seen::Binding(open.binding), ask)
        };
        let (now, before) = (code("bo", node.at), code("bo", NOON));
        moves.extend([Code::None, Code::Wrong, now, before, code(OWNER, node.at)].map(|code| approves("bo", code)));
        moves.push(approves(OWNER, code(OWNER, node.at)));
        moves.push(Move::Person(
            "bo",
            Seen::Binding(open.binding),
            Ask::Vote { run, choice: Choice::Retract, reason: "so".to_owned() },
        ));
        moves.push(asked("ada", Ask::Start { run }));
        moves.extend(hosts_answer(node, run));
    }
    moves.push(Move::Site(Says { factor: !node.says.factor, ..node.says }));
    if node.at.ms_since(NOON) < 40 * MINUTE_MS {
        moves.extend([Move::Wait(SHOWN_MS), Move::Wait(15 * MINUTE_MS)]);
    }
    moves
}

impl Node {
    /// Somebody has a second factor, from its offer to its confirmation by another person, and the next code is shown.
    pub fn enrolled(self, who: &'static str, by: &'static str) -> Self {
        let about = |want| Ask::Factor { person: who.into(), want };
        let (id, shows) = (secret_of(who), code(who, self.at));
        self.after(&[
            asked(who, about(Want::Offer { id })),
            Move::Coded(who, shows, Seen::Nothing, about(Want::Prove)),
            asked(by, about(Want::Confirm { id, reason: "compared".to_owned() })),
            Move::Wait(SHOWN_MS),
        ])
    }
}

/// Lea's run waits; grace has a second factor, bo has none yet.
pub fn with_factors() -> Node {
    let node = Node::empty(Ground::Factor).enrolled(OWNER, ADMINISTRATOR);
    node.after(&[proposed("lea", "prod"), Move::Checks(RunId(1), CellResult::Ok)])
}
