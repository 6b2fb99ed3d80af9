//! `standing …`: approvals in advance.

use super::args::{Standing as Said, WantStanding};
use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, act, text};
use crate::domain::binding::Code;
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::standing::{WantedStanding, Word};
use crate::domain::id::StandingId;
use crate::domain::run::Choice;
use crate::domain::standing::{Allowed, Standing};
use crate::domain::{Refusal, Rule, WorkspaceId, binding, duration};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Carries out one of them.
pub async fn run(cx: &Cx<'_>, verb: &Said, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (id, word, reason, said) = match verb {
        Said::Propose(want) => return propose(cx, want, io).await,
        Said::List { workspace } => return list(cx, workspace.as_deref(), io).await,
        Said::Show { standing } => return show(cx, *standing, io).await,
        Said::Approve { standing, reason, .. } => (*standing, Word::Vote(Choice::Approve), reason, "approved"),
        Said::Deny { standing, reason } => (*standing, Word::Vote(Choice::Deny), reason, "denied"),
        Said::Revoke { standing, reason } => (*standing, Word::Revoke, reason, "revoked"),
    };
    let Some(one) = found(cx, id) else {
        return act::refused(cx, &missing(id), io).await;
    };
    let seen = match verb {
        Said::Approve { code, .. } => Seen::Code(Code::typed(code)),
        Said::Propose(_) | Said::List { .. } | Said::Show { .. } | Said::Deny { .. } | Said::Revoke { .. } => {
            Seen::Binding(one.binding)
        }
    };
    let ask = Ask::InStanding { standing: id, word, reason: reason.clone() };
    match cx.engine.submit(cx.actor.clone(), seen, ask).await {
        Ok(receipt) => {
            let now = found(cx, id);
            let stands = now.map_or_else(|| "over".to_owned(), |one| standing_words(cx, &one));
            let answer = match cx.json {
                true => out::document(&json!({"done": said, "event": receipt.index, "standing": id.0})),
                false => format!("{said} {id}: {stands}\n"),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

fn missing(id: StandingId) -> Refusal {
    Refusal::new(Rule::NotFound, format!("no standing approval {id} is open"))
        .next("`quarterdeck standing list` shows them")
}

fn found(cx: &Cx<'_>, id: StandingId) -> Option<Arc<Standing>> {
    let world = cx.world();
    world.standings.get(&id).filter(|one| world.can_see(cx.person, &one.terms.workspace)).cloned()
}

async fn propose(cx: &Cx<'_>, want: &WantStanding, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let wanted = WantedStanding {
        workspace: WorkspaceId::new(&want.workspace),
        runbook: want.runbook.as_str().into(),
        inputs: want.inputs.iter().map(|(name, range)| (name.clone(), Allowed::parse(range))).collect(),
        hosts_max: want.hosts,
        for_ms: want.for_ms,
        reason: want.reason.clone(),
    };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, Ask::WantStanding(Box::new(wanted))).await {
        Ok(receipt) => {
            let world = cx.world();
            let mine = world.standings.values().filter(|one| one.terms.by == *cx.person);
            let newest = mine.max_by_key(|one| one.terms.standing).cloned();
            let answer = match (cx.json, &newest) {
                (true, one) => out::document(&json!({
                    "code": one.as_ref().map(|one| binding::code(&one.binding)),
                    "done": "asked",
                    "event": receipt.index,
                    "standing": one.as_ref().map(|one| one.terms.standing.0),
                })),
                (false, Some(one)) => format!("asked for {}: {}\n", one.terms.standing, standing_words(cx, one)),
                (false, None) => "asked for\n".to_owned(),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

async fn list(cx: &Cx<'_>, workspace: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let world = cx.world();
    if let Some(id) = workspace
        && !world.can_see(cx.person, &WorkspaceId::new(id))
    {
        return act::refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace {id}")), io).await;
    }
    let seen = world.standings.values().filter(|one| world.can_see(cx.person, &one.terms.workspace));
    let found: Vec<&Arc<Standing>> =
        seen.filter(|one| workspace.is_none_or(|id| one.terms.workspace.as_str() == id)).collect();
    let answer = match cx.json {
        true => out::document(&Value::Array(found.iter().map(|one| written(cx, one)).collect())),
        false => text::table(
            &["id", "workspace", "runbook", "hosts", "by", "stands", "why"],
            &found
                .iter()
                .map(|one| {
                    let terms = &one.terms;
                    vec![
                        terms.standing.to_string(),
                        terms.workspace.to_string(),
                        terms.runbook.to_string(),
                        format!("up to {}", terms.hosts_max),
                        terms.by.to_string(),
                        standing_words(cx, one),
                        one.reason.clone(),
                    ]
                })
                .collect::<Vec<_>>(),
        ),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

async fn show(cx: &Cx<'_>, id: StandingId, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let Some(one) = found(cx, id) else {
        return act::refused(cx, &missing(id), io).await;
    };
    let answer = match cx.json {
        true => out::document(&written(cx, &one)),
        false => shown(cx, &one),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// Where it stands, in one line.
fn standing_words(cx: &Cx<'_>, one: &Standing) -> String {
    let (world, now) = (cx.world(), cx.engine.now());
    let left = duration::words(one.over_at().ms_since(now));
    let place = world.workspace(&one.terms.workspace);
    match (place.is_some_and(|place| place.standing.contains_key(&one.terms.standing)), one.given) {
        (true, _) => format!("in force, {left} left"),
        (false, Some(_)) => "approved, and not in force: an approver no longer holds the role".to_owned(),
        (false, None) => {
            let waits = world.site.as_ref().zip(place).map(|(site, place)| one.missing(site, place));
            let words: Vec<String> = waits.unwrap_or_default().iter().map(text::waits_for).collect();
            format!("waits: {}", words.join("; "))
        }
    }
}

fn shown(cx: &Cx<'_>, one: &Standing) -> String {
    let terms = &one.terms;
    let mut words = format!("{}  {}\n", terms.standing, standing_words(cx, one));
    let inputs: Vec<String> =
        terms.inputs.iter().map(|(name, allowed)| format!("{name}: {}", allowed.words())).collect();
    let facts = [
        ("runbook", format!("{}, version {}", terms.runbook, terms.digest.short())),
        ("workspace", terms.workspace.to_string()),
        ("inputs", if inputs.is_empty() { "as the runbook has them".to_owned() } else { inputs.join(", ") }),
        ("hosts", format!("up to {} in one run and within an hour", terms.hosts_max)),
        ("impact", format!("up to {}", terms.impact.word())),
        ("until", text::time(terms.until)),
        ("asked", format!("{} by {}: {}", text::time(terms.asked), terms.by, one.reason)),
        ("code", binding::code(&one.binding)),
    ];
    for (label, value) in facts {
        let _ = writeln!(words, "{label:11}{}", text::safe_lines(&value));
    }
    for vote in &one.votes {
        let word = match vote.choice {
            Choice::Approve => "approved",
            Choice::Deny => "denied",
            Choice::Retract => "took the approval back",
        };
        let _ = writeln!(words, "{}  {}  {word}: {}", text::time(vote.at), vote.by, text::safe_lines(&vote.reason));
    }
    words
}

fn written(cx: &Cx<'_>, one: &Standing) -> Value {
    let terms = &one.terms;
    let world = cx.world();
    let in_force = world.workspace(&terms.workspace).is_some_and(|place| place.standing.contains_key(&terms.standing));
    json!({
        "asked": time(terms.asked),
        "by": terms.by.as_str(),
        "code": binding::code(&one.binding),
        "digest": terms.digest.to_string(),
        "hosts_max": terms.hosts_max,
        "impact": terms.impact.word(),
        "in_force": in_force,
        "inputs": terms.inputs.iter().map(|(name, allowed)| (name.clone(), json!(allowed))).collect::<serde_json::Map<_, _>>(),
        "over_at": time(one.over_at()),
        "reason": one.reason,
        "runbook": terms.runbook.as_str(),
        "standing": terms.standing.0,
        "votes": one.votes.iter().map(|vote| json!({
            "at": time(vote.at), "by": vote.by.as_str(), "choice": vote.choice, "reason": vote.reason,
        })).collect::<Vec<_>>(),
        "workspace": terms.workspace.as_str(),
    })
}
