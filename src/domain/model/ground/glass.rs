//! Broken glass, after the window has closed: for incidents that others or the breaker opened, or nobody did; with the breaker's
//! code, another's, a wrong one or none; stopped in the countdown, and too late by a second.

use super::{ADMINISTRATOR, Ground, HOUR_MS, MINUTE_MS, Move, OWNER, Says, asked, code, hosts_answer, proposed, vote};
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::glass::Breaking;
use crate::domain::decide::incidents::Deed;
use crate::domain::factor::Want;
use crate::domain::fixture::NOON;
use crate::domain::id::{IncidentId, RunId};
use crate::domain::incident::{Mark, Opening, Severity};
use crate::domain::model::node::Node;
use crate::domain::order::CellResult;
use crate::domain::proved::Code;
use crate::domain::run::{Choice, StopHow};

/// How long everybody sees it coming.
const COUNTDOWN_MS: u64 = 5_000;

/// How long it lets steps begin, from when it was broken.
const LASTS_MS: u64 = 30 * MINUTE_MS;

/// Incidents there may be.
const INCIDENTS_MAX: u64 = 1;

pub fn moves(node: &Node) -> Vec<Move> {
    let mut moves = Vec::new();
    let next = node.world.next_incident.max(1);
    if next <= INCIDENTS_MAX {
        moves.extend(["bo", OWNER].map(opens));
    } else {
        let incident = IncidentId(next - 1);
        let deed = |deed| asked(OWNER, Ask::InIncident { incident, deed, text: "so".to_owned() });
        moves.extend([deed(Deed::Mark(Mark::Resolved)), deed(Deed::Close)]);
    }
    for id in 1..node.world.next_run {
        let Some(open) = node.open(id) else { continue };
        let run = RunId(id);
        let incident = IncidentId(next.max(2) - 1);
        let breaks = |who, code| {
            let (reason, phrase) = ("nobody can pay".to_owned(), "break glass".to_owned());
            let ask = Ask::BreakGlass(Box::new(Breaking { run, incident, reason, phrase }));
            Move::Coded(who, code, Seen::Binding(open.binding), ask)
        };
        let right = |who| breaks(who, code(who, node.at));
        moves.extend(["ada", "bo", OWNER].map(right));
        moves.extend([Code::None, Code::Wrong, code(OWNER, node.at)].map(|code| breaks("bo", code)));
        moves.push(vote(OWNER, run, open.binding, Choice::Approve));
        moves.push(asked("ada", Ask::Stop { run, how: StopHow::Now, reason: "no".to_owned() }));
        moves.push(asked("lea", Ask::Start { run }));
        moves.push(asked("lea", Ask::Continue { run }));
        moves.push(Move::Engine(Ask::Wake { run }));
        moves.extend(hosts_answer(node, run));
    }
    moves.push(asked("bo", Ask::Factor { person: "bo".into(), want: Want::Revoke { reason: "lost".to_owned() } }));
    moves.push(Move::Site(Says { bo_approves: !node.says.bo_approves, ..node.says }));
    if node.at.ms_since(NOON) < 5 * HOUR_MS {
        moves.extend([Move::Wait(COUNTDOWN_MS), Move::Wait(LASTS_MS - COUNTDOWN_MS)]);
    }
    moves
}

/// Opens an incident that grace answers for.
pub fn opens(who: &'static str) -> Move {
    let opening = Opening {
        workspace: "prod".into(),
        severity: Severity::P1,
        title: "checkout fails".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: OWNER.into(),
        commander: None,
    };
    asked(who, Ask::OpenIncident(Box::new(opening)))
}

/// Lea's run waits outside its window; bo and grace have second factors.
pub fn out_of_hours() -> Node {
    let node = Node::empty(Ground::Glass).after(&[Move::Wait(3 * HOUR_MS)]);
    let node = node.enrolled("bo", OWNER);
    node.enrolled(OWNER, ADMINISTRATOR).after(&[proposed("lea", "prod"), Move::Checks(RunId(1), CellResult::Ok)])
}
