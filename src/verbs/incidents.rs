//! `incident …`.

use super::args::{BreakGlass, Incident as Said, OpenIncident};
use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, act, mentions, people, text};
use crate::domain::binding::Code;
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::glass::Breaking;
use crate::domain::decide::incidents::Deed;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Clocks, Incident, Mark, Opening, next_words};
use crate::domain::{PersonId, Refusal, Rule, Timestamp, WorkspaceId, duration};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Carries out one of them.
pub async fn run(cx: &Cx<'_>, verb: &Said, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (incident, deed, said) = match verb {
        Said::Open(opening) => return open(cx, opening, io).await,
        Said::List { workspace } => return list(cx, workspace.as_deref(), io).await,
        Said::Show { incident } => return show(cx, *incident, io).await,
        Said::Note { incident, text } => (*incident, Deed::Note, text),
        Said::Mark { incident, mark, note } => (*incident, Deed::Mark((*mark).into()), note),
        Said::Command { incident, person, note } => (*incident, Deed::Command(PersonId::new(person)), note),
        Said::Grade { incident, severity, reason } => (*incident, Deed::Grade((*severity).into()), reason),
        Said::Close { incident, note } => (*incident, Deed::Close, note),
    };
    let done = match &deed {
        Deed::Note => "noted on".to_owned(),
        Deed::Mark(mark) => format!("{}:", mark.word()),
        Deed::Command(person) => format!("{person} leads"),
        Deed::Grade(severity) => format!("now {}:", severity.word()),
        Deed::Close => "closed".to_owned(),
    };
    let place = cx.world().incidents.get(&incident).filter(|_| deed == Deed::Note).map(|one| one.workspace.clone());
    let named =
        place.filter(|place| cx.world().can_see(cx.person, place)).map(|place| mentions::named(cx, &place, said));
    let named = named.unwrap_or_default();
    let ask = Ask::InIncident { incident, deed: deed.clone(), text: said.clone() };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => {
            let answer = match cx.json {
                true => {
                    let told = json!({"done": done, "event": receipt.index, "incident": incident.0});
                    out::document(&if deed == Deed::Note { mentions::with_names(told, &named) } else { told })
                }
                false => format!("{done} {incident}\n{}", mentions::lines(&named)),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

/// `break-glass`.
pub async fn break_glass(cx: &Cx<'_>, said: &BreakGlass, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let seen = Seen::Code(Code::typed(&said.code));
    let given = match people::digits(said.factor.as_deref(), io).await {
        Ok(given) => given,
        Err(refusal) => return act::refused(cx, &refusal, io).await,
    };
    let breaking =
        Breaking { run: said.run, incident: said.incident, reason: said.reason.clone(), phrase: said.phrase.clone() };
    let ask = Ask::BreakGlass(Box::new(breaking));
    match cx.engine.submit_with(cx.actor.clone(), seen, ask, given).await {
        Ok(receipt) => act::told(cx, "glass broken for", &receipt, io).await,
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

async fn open(cx: &Cx<'_>, said: &OpenIncident, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let opening = Opening {
        workspace: WorkspaceId::new(&said.workspace),
        severity: said.severity.into(),
        title: said.title.clone(),
        tenant: said.tenant.clone(),
        impact: said.impact.clone(),
        monitoring: said.monitoring.clone(),
        owner: PersonId::new(&said.owner),
        commander: said.commander.as_ref().map(PersonId::new),
    };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, Ask::OpenIncident(Box::new(opening))).await {
        Ok(receipt) => {
            let world = cx.world();
            let mine = world.incidents.values().filter(|incident| incident.by == *cx.person);
            let id = mine.map(|incident| incident.id).max();
            let answer = match cx.json {
                true => {
                    out::document(&json!({"done": "opened", "event": receipt.index, "incident": id.map(|id| id.0)}))
                }
                false => format!("opened {}\n", id.map(|id| id.to_string()).unwrap_or_default()),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => act::refused(cx, &refusal, io).await,
    }
}

async fn list(cx: &Cx<'_>, workspace: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (world, now) = (cx.world(), cx.engine.now());
    if let Some(id) = workspace
        && !world.can_see(cx.person, &WorkspaceId::new(id))
    {
        return act::refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace {id}")), io).await;
    }
    let clocks = world.site.as_ref().map(|site| site.clocks).unwrap_or_default();
    let seen = world.incidents.values().filter(|one| world.can_see(cx.person, &one.workspace));
    let found: Vec<&Arc<Incident>> =
        seen.filter(|one| workspace.is_none_or(|id| one.workspace.as_str() == id)).collect();
    let answer = match cx.json {
        true => out::document(&Value::Array(found.iter().map(|one| written(one, &clocks, now)).collect())),
        false => text::table(
            &["id", "severity", "workspace", "open for", "next", "owner", "leads", "title"],
            &found.iter().map(|one| row(one, &clocks, now)).collect::<Vec<_>>(),
        ),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

async fn show(cx: &Cx<'_>, id: IncidentId, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (world, now) = (cx.world(), cx.engine.now());
    let clocks = world.site.as_ref().map(|site| site.clocks).unwrap_or_default();
    let found = world.incidents.get(&id).filter(|one| world.can_see(cx.person, &one.workspace));
    let Some(incident) = found else {
        let refusal = Refusal::new(Rule::NotFound, format!("no open incident {id}"))
            .next("`quarterdeck audit list --kind incident` shows what is over");
        return act::refused(cx, &refusal, io).await;
    };
    let answer = match cx.json {
        true => out::document(&written(incident, &clocks, now)),
        false => shown(incident, &clocks, now),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

fn row(one: &Incident, clocks: &Clocks, now: Timestamp) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.severity.word().to_owned(),
        one.workspace.to_string(),
        duration::words(now.ms_since(one.opened)),
        next_words(one, clocks, now),
        one.owner.to_string(),
        one.commander.as_ref().map(ToString::to_string).unwrap_or_default(),
        one.title.clone(),
    ]
}

fn shown(one: &Incident, clocks: &Clocks, now: Timestamp) -> String {
    let mut words = format!("{}  {}  {}\n", one.id, one.severity.word(), text::safe_lines(&one.title));
    let leads = one.commander.as_ref().map_or("nobody yet", |commander| commander.as_str());
    let facts = [
        ("workspace", one.workspace.to_string()),
        ("tenant", one.tenant.clone()),
        ("impact", one.impact.clone()),
        ("monitoring", one.monitoring.join(", ")),
        ("owner", one.owner.to_string()),
        ("leads", leads.to_owned()),
        ("opened", format!("{} by {}", text::time(one.opened), one.by)),
        ("next", next_words(one, clocks, now)),
    ];
    for (label, value) in facts {
        let _ = writeln!(words, "{label:12}{}", text::safe_lines(&value));
    }
    let late: Vec<&str> = one.late(clocks, now).into_iter().map(Mark::word).collect();
    if !late.is_empty() {
        let _ = writeln!(words, "{:12}{}", "late", late.join(", "));
    }
    for note in &one.notes {
        let _ = writeln!(words, "{}  {}  {}", text::time(note.at), note.by, text::safe_lines(&note.text));
    }
    words
}

fn written(one: &Incident, clocks: &Clocks, now: Timestamp) -> Value {
    let marks: serde_json::Map<String, Value> =
        Mark::ALL.into_iter().map(|mark| (mark.word().to_owned(), time(one.marks.get(&mark).copied()))).collect();
    let next = one.next_due(clocks).map(|(mark, due)| json!({"due": time(due), "mark": mark.word()}));
    json!({
        "by": one.by.as_str(),
        "commander": one.commander.as_ref().map(PersonId::as_str),
        "impact": one.impact,
        "incident": one.id.0,
        "late": one.late(clocks, now).into_iter().map(Mark::word).collect::<Vec<_>>(),
        "marks": marks,
        "monitoring": one.monitoring,
        "next": next,
        "notes": one.notes.iter().map(|note| json!({
            "at": time(note.at), "by": note.by.as_str(), "text": note.text,
        })).collect::<Vec<_>>(),
        "opened": time(one.opened),
        "owner": one.owner.as_str(),
        "severity": one.severity.word(),
        "tenant": one.tenant,
        "title": one.title,
        "workspace": one.workspace.as_str(),
    })
}
