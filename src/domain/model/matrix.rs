//! Every ask against every state of a run, and everybody against every ask, as tables to be read and judged.

use super::ground::{self, CAST, Move};
use super::node::Node;
use super::{one_at_work, passes, proposed, then, two_approved, votes};
use crate::domain::command::{Ask, Command, Decision, Seen};
use crate::domain::decide;
use crate::domain::fixture::actor;
use crate::domain::id::{Digest, HostIx, RunId, StepId};
use crate::domain::order::CellResult;
use crate::domain::run::{Choice, Item, Reason, Slot, StopHow};

/// A state, and the moves that lead there.
struct State {
    name: &'static str,
    node: Node,
}

fn ask(who: &'static str, ask: Ask) -> Move {
    Move::Person(who, Seen::Nothing, ask)
}

fn stop(how: StopHow) -> Ask {
    Ask::Stop { run: RunId(1), how, reason: "because".to_owned() }
}

fn states() -> Vec<State> {
    let run = RunId(1);
    let with = |mut moves: Vec<Move>, more: &[Move]| {
        moves.extend(more.iter().cloned());
        moves
    };
    let unknown = CellResult::Unknown(Reason::ConnectionLost);
    let tick =
        ask("ada", Ask::Tick { run, step: StepId::new("look"), checked: Vec::new(), evidence: "seen".to_owned() });
    let manual = then(one_at_work(), &CellResult::Ok);
    let verifying = with(manual.clone(), &[tick]);
    let ended = with(verifying.clone(), &[passes(1)]);
    let closed = with(ended.clone(), &[ask("ada", Ask::Close { run, note: "done".to_owned() })]);
    let reviewed =
        with(closed.clone(), &[ask("grace", Ask::Review { run, comment: "fine".to_owned(), follow_ups: Vec::new() })]);
    let warned = Move::Checks(run, CellResult::Failed(Reason::NotAsExpected));
    let paths: Vec<(&'static str, Vec<Move>)> = vec![
        ("checking", vec![proposed("ada", "prod")]),
        ("waiting", vec![proposed("ada", "prod"), passes(1)]),
        ("waiting, warning", vec![proposed("ada", "prod"), warned]),
        ("waiting, too late", vec![proposed("ada", "prod"), passes(1), Move::Wait(ground::LONG_MS)]),
        ("approved", two_approved()),
        ("approved, too late", with(two_approved(), &[const { Move::Wait(ground::LONG_MS) }; 5])),
        ("checking at start", with(two_approved(), &[ask("ada", Ask::Start { run })])),
        ("running", one_at_work()),
        ("running, by hand", manual),
        ("paused by bo", with(one_at_work(), &[ask("bo", Ask::Pause { run })])),
        ("paused, unknown", then(one_at_work(), &unknown)),
        ("paused, failed", then(one_at_work(), &CellResult::Failed(Reason::Exit(1)))),
        ("stopping", with(one_at_work(), &[ask("ada", stop(StopHow::AfterStep))])),
        ("stopping now", with(one_at_work(), &[ask("ada", stop(StopHow::Now))])),
        ("verifying", verifying),
        ("ended", ended),
        ("closed", closed),
        ("reviewed", reviewed),
        ("withdrawn", vec![proposed("ada", "prod"), ask("ada", Ask::Withdraw { run })]),
    ];
    paths.into_iter().map(|(name, path)| State { name, node: votes(&path) }).collect()
}

/// Everything a person can ask about a run, with somebody who may where the state lets it.
fn asks(node: &Node) -> Vec<(&'static str, &'static str, Seen, Ask)> {
    let run = RunId(1);
    let word = || "because".to_owned();
    let open = node.open(1);
    let seen = Seen::Binding(open.as_ref().map_or(Digest::of(b"gone"), |run| run.binding));
    let by_hand = Slot { item: Item::Step(1), host: None };
    let script = Slot { item: Item::Step(0), host: Some(HostIx(0)) };
    let at_hand = open.as_ref().is_some_and(|run| run.cell(by_hand).is_some());
    let slot = if at_hand { by_hand } else { script };
    let vote = |choice| Ask::Vote { run, choice, reason: word() };
    let decide = |decision| Ask::Resolve { run, slot, decision, reason: word() };
    let tick = Ask::Tick { run, step: StepId::new("look"), checked: Vec::new(), evidence: word() };
    let (name, content) = ("shot.png".to_owned(), b"png".as_slice().into());
    let evidence = Ask::Evidence { run, step: StepId::new("look"), name, content };
    let not = Seen::Nothing;
    vec![
        ("withdraw", "ada", not, Ask::Withdraw { run }),
        ("accept", "bo", not, Ask::AcceptWarning { run, warning: StepId::new("disk"), reason: word() }),
        ("approve", "bo", seen, vote(Choice::Approve)),
        ("deny", "bo", seen, vote(Choice::Deny)),
        ("retract", "bo", seen, vote(Choice::Retract)),
        ("start", "ada", not, Ask::Start { run }),
        ("tick", "ada", not, tick),
        ("evidence", "ada", not, evidence),
        ("retry", "ada", not, decide(Decision::Retry)),
        ("skip", "ada", not, decide(Decision::Skip)),
        ("drop", "ada", not, decide(Decision::Drop)),
        ("mark ok", "ada", not, decide(Decision::MarkOk)),
        ("mark failed", "ada", not, decide(Decision::MarkFailed)),
        ("claim", "ada", not, Ask::Claim { run, reason: word() }),
        ("hand over", "ada", not, Ask::HandOver { run, to: "bo".into(), reason: word() }),
        ("pause", "ada", not, Ask::Pause { run }),
        ("continue", "ada", not, Ask::Continue { run }),
        ("stop", "ada", not, stop(StopHow::AfterStep)),
        ("stop now", "ada", not, stop(StopHow::Now)),
        ("note", "ada", not, Ask::Note { run, text: word() }),
        ("close", "ada", not, Ask::Close { run, note: word() }),
        ("review", "grace", not, Ask::Review { run, comment: word(), follow_ups: Vec::new() }),
    ]
}

fn answer(node: &Node, who: &str, seen: Seen, ask: Ask) -> String {
    let command = Command { by: actor(who), at: node.at, seen, ask, proof: Default::default() };
    match decide(&node.world, &command) {
        Ok(_) => "yes".to_owned(),
        // `does not fit` is the legality table's own word: somebody asked, so `decide` should have said it better.
        Err(refusal) if refusal.what.contains("does not fit") => "BADLY SAID".to_owned(),
        Err(refusal) if refusal.rule.code() == "state" => "·".to_owned(),
        Err(refusal) => refusal.rule.code().to_owned(),
    }
}

fn drawn(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// States down, asks across; each ask by somebody with the right role, so that what speaks is the state.
fn by_state(states: &[State]) -> String {
    let mut rows = Vec::new();
    for state in states {
        let asks = asks(&state.node);
        if rows.is_empty() {
            let heads = asks.iter().map(|(name, ..)| (*name).to_owned());
            rows.push(std::iter::once(String::new()).chain(heads).collect());
        }
        let cells = asks.into_iter().map(|(_, who, seen, ask)| answer(&state.node, who, seen, ask));
        rows.push(std::iter::once(state.name.to_owned()).chain(cells).collect());
    }
    drawn(&rows)
}

/// Asks down, people across; each in a state that allows it, so that what speaks is the role.
fn by_person(states: &[State]) -> String {
    let mut heads = vec![String::new(), String::new()];
    heads.extend(CAST.map(|(who, _)| who.to_owned()));
    let mut rows = vec![heads];
    let count = states.first().map_or(0, |state| asks(&state.node).len());
    for column in 0..count {
        let allows = |state: &&State| {
            let (_, who, seen, ask) = asks(&state.node).swap_remove(column);
            answer(&state.node, who, seen, ask) == "yes"
        };
        let Some(state) = states.iter().find(allows) else {
            continue;
        };
        let (name, _, seen, ask) = asks(&state.node).swap_remove(column);
        let mut row = vec![name.to_owned(), state.name.to_owned()];
        row.extend(CAST.map(|(who, _)| answer(&state.node, who, seen, ask.clone())));
        rows.push(row);
    }
    drawn(&rows)
}

#[test]
fn every_ask_in_every_state() {
    let states = states();
    let cast = CAST.map(|(who, roles)| {
        let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
        format!("{who}: {}", words.join(" and "))
    });
    let table = format!(
        "Run #1 of ada's in production. yes: it happens; ·: refused by the code `state`; else the refusal's code.\n\n\
         {}\n\n{}; grace owns the workspace.\n\n{}\n",
        by_state(&states),
        cast.join("; "),
        by_person(&states)
    );
    assert!(!table.contains("BADLY SAID"), "{table}");
    insta::assert_snapshot!("state-by-command", table);
}

#[test]
fn every_ask_is_allowed_somewhere_and_every_state_is_reached() {
    let states = states();
    for column in 0..asks(&states[0].node).len() {
        let name = asks(&states[0].node)[column].0;
        let allowed = states.iter().any(|state| {
            let (_, who, seen, ask) = asks(&state.node).swap_remove(column);
            answer(&state.node, who, seen, ask) == "yes"
        });
        assert!(allowed, "{name} is never allowed");
    }
    let reached =
        |word: &str| states.iter().any(|state| state.node.open(1).is_some_and(|r| r.phase.tag().word() == word));
    for tag in crate::domain::run::PhaseTag::ALL {
        let gone = matches!(tag.word(), "reviewed" | "cancelled");
        assert!(gone || reached(tag.word()), "{} is not in the table", tag.word());
    }
    let of_model = ground::asks(RunId(1), Digest::of(b""), Slot { item: Item::Reach, host: None });
    assert_eq!(of_model.len(), asks(&states[0].node).len(), "the model tries what the table shows");
}
