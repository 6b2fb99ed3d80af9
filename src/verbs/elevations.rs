//! `elevate` and `elevations …`: roles for a while.

use super::args::{Elevations, RoleWord};
use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, act, text};
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::elevate::Answer;
use crate::domain::duration;
use crate::domain::elevation::Elevation;
use crate::domain::{Refusal, Rule, Timestamp, WorkspaceId, World};
use serde_json::{Value, json};
use std::sync::Arc;

/// `elevate`.
pub async fn elevate(
    cx: &Cx<'_>,
    role: RoleWord,
    workspace: &str,
    for_ms: u64,
    reason: &str,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let ask = Ask::Elevate { workspace: workspace.into(), role: role.into(), for_ms, reason: reason.to_owned() };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => {
            let world = cx.world();
            let mine = world.elevations.values().filter(|one| one.person == *cx.person);
            let words = mine.max_by_key(|one| one.id).map(|one| {
                format!("asked for, {}: waits until another person lends it, {}\n", one.id, duration::words(one.for_ms))
            });
            told(cx, "asked", receipt.index, words.as_deref().unwrap_or("asked for\n"), io).await
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

/// `elevations …`.
pub async fn run(cx: &Cx<'_>, verb: &Elevations, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (elevation, answer, reason, said) = match verb {
        Elevations::List { workspace } => return list(cx, workspace.as_deref(), io).await,
        Elevations::Grant { elevation, reason } => (*elevation, Answer::Grant, reason, "granted"),
        Elevations::Refuse { elevation, reason } => (*elevation, Answer::Refuse, reason, "refused"),
        Elevations::End { elevation, reason } => (*elevation, Answer::End, reason, "ended"),
    };
    let ask = Ask::AnswerElevation { elevation, answer, reason: reason.clone() };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => told(cx, said, receipt.index, &format!("{said} {elevation}\n"), io).await,
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

async fn told(cx: &Cx<'_>, done: &str, event: Option<u64>, words: &str, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let answer = match cx.json {
        true => out::document(&json!({ "done": done, "event": event })),
        false => words.to_owned(),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

async fn list(cx: &Cx<'_>, workspace: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let world = cx.world();
    if let Some(id) = workspace
        && !world.can_audit(cx.person, &WorkspaceId::new(id))
    {
        let refusal = Refusal::new(Rule::NotFound, format!("no workspace {id}"));
        return act::refused(cx, &refusal, io).await;
    }
    let found = seen(&world, cx, workspace);
    let answer = match cx.json {
        true => out::document(&Value::Array(found.iter().map(|one| written(one)).collect())),
        false => text::table(
            &["id", "workspace", "person", "role", "for", "stands", "why"],
            &found.iter().map(|one| row(one, cx.engine.now())).collect::<Vec<_>>(),
        ),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

fn seen(world: &World, cx: &Cx<'_>, workspace: Option<&str>) -> Vec<Arc<Elevation>> {
    let all = world.elevations.values();
    all.filter(|one| world.can_audit(cx.person, &one.workspace))
        .filter(|one| workspace.is_none_or(|id| one.workspace.as_str() == id))
        .cloned()
        .collect()
}

fn row(one: &Elevation, now: Timestamp) -> Vec<String> {
    let left = duration::words(one.over_at().ms_since(now));
    let stands = match &one.granted {
        Some(granted) => format!("lent by {}, {left} left", granted.by),
        None => format!("waits, {left} left"),
    };
    let (id, for_words) = (one.id.to_string(), duration::words(one.for_ms));
    let role = one.role.word().to_owned();
    vec![id, one.workspace.to_string(), one.person.to_string(), role, for_words, stands, one.reason.clone()]
}

fn written(one: &Elevation) -> Value {
    json!({
        "asked": time(one.asked),
        "by": one.granted.as_ref().map(|granted| granted.by.as_str()),
        "elevation": one.id.0,
        "for_ms": one.for_ms,
        "over_at": time(one.over_at()),
        "person": one.person.as_str(),
        "reason": one.reason,
        "role": one.role.word(),
        "stands": if one.granted.is_some() { "lent" } else { "asked" },
        "workspace": one.workspace.as_str(),
    })
}
