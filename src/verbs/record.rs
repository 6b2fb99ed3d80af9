//! `record …`: what was done by hand, entered afterwards.

use super::args::{Record, RecordAdd};
use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, act, find, text};
use crate::domain::by_hand::{ByHand, REVIEWS};
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::by_hand::Done;
use crate::domain::evidence::EVIDENCE_BYTES_MAX;
use crate::domain::{Refusal, Rule, WorkspaceId};
use serde_json::{Value, json};

/// Longest commands on standard input; `decide` bounds them once more.
const COMMANDS_BYTES_MAX: usize = 64 * 1024;

/// Carries out one of them.
pub async fn run(cx: &Cx<'_>, verb: &Record, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (ask, said) = match verb {
        Record::List { workspace } => return list(cx, workspace.as_deref(), io).await,
        Record::Add(add) => match entered(cx, add, io).await {
            Ok(ask) => (ask, "entered, and red until two have looked at it:"),
            Err(refusal) => return act::refused(cx, &refusal, io).await,
        },
        Record::File { entry, file } => {
            let Some(bytes) = io.read(EVIDENCE_BYTES_MAX).await else {
                let refusal = Refusal::new(Rule::Limit, "the file is longer than an entry takes");
                return act::refused(cx, &refusal, io).await;
            };
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let name = if name == "-" { "standard-input".to_owned() } else { name };
            (Ask::ShowByHand { entry: *entry, name, content: bytes.into() }, "kept with")
        }
        Record::Review { entry, comment } => {
            (Ask::ReviewByHand { entry: *entry, comment: comment.clone() }, "looked at")
        }
    };
    let named = match &ask {
        Ask::ShowByHand { entry, .. } | Ask::ReviewByHand { entry, .. } => Some(*entry),
        _ => None,
    };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => {
            let world = cx.world();
            let newest = || world.by_hand.values().filter(|one| one.by == *cx.person).map(|one| one.id).max();
            let entry = named.or_else(newest);
            let answer = match cx.json {
                true => out::document(&json!({
                    "done": said.trim_end_matches(':'), "entry": entry.map(|id| id.0), "event": receipt.index,
                })),
                false => format!("{said} {}\n", entry.map(|id| id.to_string()).unwrap_or_default()),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

async fn entered(cx: &Cx<'_>, add: &RecordAdd, io: &mut Io<'_>) -> Result<Ask, Refusal> {
    let now = cx.engine.now();
    let (from, until) = (find::moment(&add.from, now)?, find::moment(&add.until, now)?);
    let bytes = io.read(COMMANDS_BYTES_MAX).await;
    let bytes = bytes.ok_or_else(|| Refusal::new(Rule::Limit, "standard input holds more than an entry takes"))?;
    let commands = String::from_utf8(bytes.to_vec())
        .map_err(|_| Refusal::new(Rule::Input, "standard input is not text").next("give it as a file: record file"))?;
    let done = Done {
        workspace: WorkspaceId::new(&add.workspace),
        who: add.who.as_str().into(),
        from,
        until,
        hosts: add.hosts.clone(),
        commands,
        reason: add.reason.clone(),
    };
    Ok(Ask::EnterByHand(Box::new(done)))
}

async fn list(cx: &Cx<'_>, workspace: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let world = cx.world();
    if let Some(id) = workspace
        && !world.can_see(cx.person, &WorkspaceId::new(id))
    {
        return act::refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace {id}")), io).await;
    }
    let seen = world.by_hand.values().filter(|one| world.can_see(cx.person, &one.workspace));
    let found: Vec<_> = seen.filter(|one| workspace.is_none_or(|id| one.workspace.as_str() == id)).collect();
    let answer = match cx.json {
        true => out::document(&Value::Array(found.iter().map(|one| written(one)).collect())),
        false => text::table(
            &["id", "workspace", "who", "from", "until", "hosts", "stands", "why"],
            &found.iter().map(|one| row(one)).collect::<Vec<_>>(),
        ),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

fn row(one: &ByHand) -> Vec<String> {
    let missing = REVIEWS.saturating_sub(one.reviews.len());
    vec![
        one.id.to_string(),
        one.workspace.to_string(),
        one.who.to_string(),
        text::time(one.from),
        text::time(one.until),
        one.hosts.lines().collect::<Vec<_>>().join(" "),
        format!("recorded, not governed; {missing} to look at it"),
        one.reason.clone(),
    ]
}

fn written(one: &ByHand) -> Value {
    json!({
        "at": time(one.at),
        "by": one.by.as_str(),
        "commands": one.commands,
        "entry": one.id.0,
        "files": one.files.iter().map(|(name, sha256, bytes)| json!({
            "bytes": bytes, "name": name, "sha256": sha256.to_string(),
        })).collect::<Vec<_>>(),
        "from": time(one.from),
        "hosts": one.hosts.lines().collect::<Vec<_>>(),
        "reason": one.reason,
        "reviews": one.reviews.iter().map(|note| json!({
            "at": time(note.at), "by": note.by.as_str(), "text": note.text,
        })).collect::<Vec<_>>(),
        "reviews_missing": REVIEWS.saturating_sub(one.reviews.len()),
        "until": time(one.until),
        "who": one.who.as_str(),
        "workspace": one.workspace.as_str(),
    })
}
