//! Verbs that prove what was done, and keep what is left to do: follow-ups, deviations, compliance, changes.

mod told;

use super::act::refused;
use super::args::{Changes, Compliance, Deviations, FollowUps};
use super::look::unanswered;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, find};
use crate::domain::command::{Ask, Receipt, Seen};
use crate::domain::compliance;
use crate::domain::deviation::Deviation;
use crate::domain::follow_up::{Draft, FollowUp, Source, State, Told, Wanted, due_day, open_for};
use crate::domain::proof::{Found, Period, Question};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::{PersonId, Refusal, Rule, RunbookId, Timestamp, WorkspaceId};
use serde_json::json;

/// How far back a review of a release looks for its runs unless told: releases take weeks, not years.
const RELEASE_SINCE: &str = "366d";

/// How far back a review looks unless told.
const WEEK: &str = "7d";

/// `follow-up …`.
pub async fn follow_up(cx: &Cx<'_>, verb: &FollowUps, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        FollowUps::Add { workspace, owner, due, text, runbook } => {
            let workspace = WorkspaceId::new(workspace);
            match draft(cx, owner, due, text, runbook.as_deref()) {
                Ok(draft) => give(cx, Wanted::Add { workspace, draft, from: Source::Person }, io).await,
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
        FollowUps::Done { id, note } => {
            let wanted = Wanted::Done { id: *id, note: note.clone() };
            match cx.engine.submit(cx.actor.clone(), Seen::Nothing, Ask::FollowUp(wanted)).await {
                Ok(receipt) => said(cx, &format!("follow-up {id} done"), &receipt, io).await,
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
        FollowUps::List { workspace, person, all } => {
            list(cx, (workspace.as_deref(), person.as_deref()), *all, io).await
        }
    }
}

fn draft(cx: &Cx<'_>, owner: &str, due: &str, text: &str, runbook: Option<&str>) -> Result<Draft, Refusal> {
    let due = due_day(due, cx.engine.now()).map_err(|wrong| Refusal::new(Rule::Input, wrong))?;
    Ok(Draft { owner: PersonId::new(owner), due, text: text.to_owned(), runbook: runbook.map(RunbookId::new) })
}

async fn give(cx: &Cx<'_>, wanted: Wanted, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, Ask::FollowUp(wanted)).await {
        Ok(receipt) => {
            let world = cx.world();
            let given = world.follow_ups.values().find(|one| Some(one.index) == receipt.index);
            let answer = match (cx.json, given) {
                (true, given) => out::document(&json!({
                    "done": "given",
                    "event": receipt.index,
                    "follow_up": given.map(|given| given.id.to_string()),
                })),
                (false, Some(given)) => {
                    format!("follow-up {} given to {}, due {}\n", given.id, given.owner, given.due)
                }
                (false, None) => "follow-up given\n".to_owned(),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

async fn said(cx: &Cx<'_>, what: &str, receipt: &Receipt, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let answer = match cx.json {
        true => out::document(&json!({"done": what, "event": receipt.index})),
        false => format!("{}\n", super::safe_lines(what)),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

async fn list(
    cx: &Cx<'_>,
    (workspace, person): (Option<&str>, Option<&str>),
    all: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let world = cx.world();
    let named = workspace.map(WorkspaceId::new);
    if let Some(id) = named.as_ref().filter(|id| !world.can_see(cx.person, id)) {
        return refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace is called {id}")), io).await;
    }
    let wanted = |one: &FollowUp| {
        named.as_ref().is_none_or(|id| one.workspace == *id) && person.is_none_or(|id| one.owner.as_str() == id)
    };
    let mut told: Vec<Told> = match all {
        true => match cx.ask(Fetch::Proof(Question::FollowUps)).await {
            Ok(Fetched::Proof(Found::FollowUps(told))) => told,
            Ok(other) => return unanswered(cx, &find::another_answer(&other), io).await,
            Err(refusal) => return unanswered(cx, &refusal, io).await,
        },
        false => open_for(&world, cx.person)
            .into_iter()
            .map(|one| Told { given: FollowUp::clone(one), state: State::Open })
            .collect(),
    };
    told.retain(|told| wanted(&told.given));
    let now = cx.engine.now();
    let answer = match cx.json {
        true => {
            out::document(&json!({"rows": told.iter().map(|one| told::follow_up_json(one, now)).collect::<Vec<_>>()}))
        }
        false => told::follow_ups(&told, now),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// `deviations …`.
pub async fn deviations(cx: &Cx<'_>, verb: &Deviations, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        Deviations::List { workspace, since, until, release } => {
            let usual = if release.is_some() { RELEASE_SINCE } else { WEEK };
            let since = since.as_deref().unwrap_or(usual);
            let period = match period(cx, workspace.as_deref(), since, until.as_deref(), release.as_deref()) {
                Ok(period) => period,
                Err(refusal) => return unanswered(cx, &refusal, io).await,
            };
            match cx.ask(Fetch::Proof(Question::Week(period))).await {
                Ok(Fetched::Proof(Found::Week(week))) => {
                    let answer = match cx.json {
                        true => out::document(&told::week_json(&week)),
                        false => told::week(&week),
                    };
                    io.out(&answer).await?;
                    Ok(Exit::Done)
                }
                Ok(other) => unanswered(cx, &find::another_answer(&other), io).await,
                Err(refusal) => unanswered(cx, &refusal, io).await,
            }
        }
        Deviations::Look { id, reason } => match named(id) {
            Ok((workspace, deviation)) => {
                let ask = Ask::LookAt { workspace, deviation, reason: reason.clone() };
                match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
                    Ok(receipt) => said(cx, &format!("looked at {id}"), &receipt, io).await,
                    Err(refusal) => refused(cx, &refusal, io).await,
                }
            }
            Err(refusal) => refused(cx, &refusal, io).await,
        },
        Deviations::Follow { id, owner, due, text, runbook } => {
            let meant = named(id).and_then(|named| Ok((named, draft(cx, owner, due, text, runbook.as_deref())?)));
            match meant {
                Ok(((workspace, deviation), draft)) => {
                    let from = Source::Deviation(deviation);
                    give(cx, Wanted::Add { workspace, draft, from }, io).await
                }
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
    }
}

/// `WORKSPACE:DEVIATION`.
fn named(text: &str) -> Result<(WorkspaceId, Deviation), Refusal> {
    let wrong = |why: String| Refusal::new(Rule::Input, why);
    let (workspace, deviation) = text.split_once(':').unwrap_or_default();
    let deviation = deviation.parse::<Deviation>().map_err(|none| wrong(format!("`{text}`: {none}")))?;
    Ok((WorkspaceId::new(workspace), deviation))
}

fn period(
    cx: &Cx<'_>,
    workspace: Option<&str>,
    since: &str,
    until: Option<&str>,
    about: Option<&str>,
) -> Result<Period, Refusal> {
    let now = cx.engine.now();
    // What happened in this very moment is in it.
    let until = until.map_or(Ok(Timestamp(now.0 + 1)), |until| find::moment(until, now))?;
    let (workspace, about) = (workspace.map(WorkspaceId::new), about.map(str::to_owned));
    Ok(Period { workspace, since: find::moment(since, now)?, until, about })
}

/// `compliance`.
pub async fn compliance(cx: &Cx<'_>, asked: &Compliance, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let Compliance { workspace, since, until, control, csv, html } = asked;
    let period = match period(cx, workspace.as_deref(), since, until.as_deref(), control.as_deref()) {
        Ok(period) => period,
        Err(refusal) => return unanswered(cx, &refusal, io).await,
    };
    let report = match cx.ask(Fetch::Proof(Question::Compliance(period))).await {
        Ok(Fetched::Proof(Found::Compliance(report))) => report,
        Ok(other) => return unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => return unanswered(cx, &refusal, io).await,
    };
    let answer = match (cx.json, csv, html) {
        (true, _, _) => out::document(&compliance::json(&report)),
        (false, true, _) => compliance::csv(&report),
        (false, false, true) => compliance::html(&report),
        (false, false, false) => told::compliance(&report),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// `changes`.
pub async fn changes(cx: &Cx<'_>, asked: &Changes, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let Changes { target, since, until, workspace } = asked;
    let period = match period(cx, workspace.as_deref(), since, until.as_deref(), None) {
        Ok(period) => period,
        Err(refusal) => return unanswered(cx, &refusal, io).await,
    };
    match cx.ask(Fetch::Proof(Question::Changes(target.clone(), period))).await {
        Ok(Fetched::Proof(Found::Changes(found))) => {
            let answer = match cx.json {
                true => out::document(&told::changes_json(&found)),
                false => told::changes(&found, target),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Ok(other) => unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => unanswered(cx, &refusal, io).await,
    }
}
