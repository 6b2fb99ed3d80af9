//! `note`, and `mentions list` and `mentions seen`: notes that name people, for their authors and for whoever is named.

use super::act::{refused, told, told_in_json, told_in_words};
use super::args::Mentions as Verb;
use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, text};
use crate::domain::command::{Ask, Receipt, Seen};
use crate::domain::mention::{self, Mention, Named, On};
use crate::domain::{PersonId, RunId, WorkspaceId};
use serde_json::{Value, json};

/// Carries out one of them.
pub async fn run(cx: &Cx<'_>, verb: &Verb, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        Verb::List { all } => list(cx, *all, io).await,
        Verb::Seen { on } => {
            let ask = Ask::SeeMentions { on: *on };
            match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
                Ok(receipt) => told(cx, &format!("seen: {on}"), &Receipt { run: None, ..receipt }, io).await,
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
    }
}

/// `note`: its author is told whom it tells, and which names are nobody's who could see it.
pub async fn note(cx: &Cx<'_>, run: RunId, text: &str, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let place = cx.open_run(run).ok().map(|run| run.plan.proposal.workspace.clone());
    let named = place.map(|place| named(cx, &place, text)).unwrap_or_default();
    let ask = Ask::Note { run, text: text.to_owned() };
    let receipt = match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => receipt,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let answer = match cx.json {
        true => out::document(&with_names(told_in_json(cx, "noted on", &receipt), &named)),
        false => format!("{}\n{}", told_in_words(cx, "noted on", &receipt), lines(&named)),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// Whom a note in a workspace names, as far as the world says it now.
pub fn named(cx: &Cx<'_>, place: &WorkspaceId, text: &str) -> Named {
    let world = cx.world();
    let place = world.site.as_ref().zip(world.workspace(place));
    place.map(|(site, workspace)| mention::read(site, workspace, cx.person, text)).unwrap_or_default()
}

/// An answer with whom the note names.
pub fn with_names(mut answer: Value, named: &Named) -> Value {
    if let Value::Object(fields) = &mut answer {
        let people: Vec<&str> = named.people.iter().map(PersonId::as_str).collect();
        fields.insert("nobody".to_owned(), json!(named.nobody));
        fields.insert("tells".to_owned(), json!(people));
    }
    answer
}

/// A line for whom a note tells, and one for whom it does not reach.
pub fn lines(named: &Named) -> String {
    named.words().into_iter().map(|line| text::safe_lines(&line) + "\n").collect()
}

async fn list(cx: &Cx<'_>, all: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let world = cx.world();
    let rows: Vec<&Mention> = mention::of(&world, cx.person).filter(|one| all || one.seen.is_none()).collect();
    let said = |one: &Mention| mention::text(&world, one).to_owned();
    let answer = match cx.json {
        true => {
            let row = |one: &&Mention| {
                let (run, incident) = match one.on {
                    On::Run(run) => (Some(run.0), None),
                    On::Incident(incident) => (None, Some(incident.0)),
                };
                json!({
                    "at": time(Some(one.at)),
                    "by": one.by.as_str(),
                    "event": one.index,
                    "incident": incident,
                    "run": run,
                    "seen": time(one.seen),
                    "text": said(one),
                    "workspace": one.workspace.as_str(),
                })
            };
            out::document(&json!({"rows": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        false => {
            let row = |one: &&Mention| {
                let seen = one.seen.map(text::time).unwrap_or_else(|| "not yet".to_owned());
                vec![
                    one.on.to_string(),
                    one.workspace.to_string(),
                    one.by.to_string(),
                    text::time(one.at),
                    seen,
                    said(one),
                ]
            };
            let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
            text::table(&["on", "workspace", "by", "when", "seen", "note"], &rows)
        }
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}
