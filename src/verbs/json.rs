//! The JSON forms of answers. Stable: names are sorted and only ever added to; a name that does not apply is `null`, never
//! missing; moments are RFC 3339 in UTC with milliseconds, spans are milliseconds and say so in their name.

use super::Exit;
use crate::domain::calendar::Span;
use crate::domain::checkpoint;
use crate::domain::deadlines;
use crate::domain::enrol::Enrolment;
use crate::domain::locks::Ahead;
use crate::domain::people::Vouched;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::query::{AuditRow, HistoryRow, LogLine, Page};
use crate::domain::run::{Cancel, Cell, Item, Note, PauseCause, Phase, Reason, Run, Slot, Vote};
use crate::domain::statement::{NAMESPACE, Statement};
use crate::domain::workspace::{Reach, Server, Workspace};
use crate::domain::{Actor, Digest, Door, Refusal, Timestamp, World, binding, sign_in, words};
use serde_json::{Map, Value, json};

/// `{"refused": {code, next, what, who_may}}`.
pub fn refusal(refusal: &Refusal) -> Value {
    json!({"refused": {
        "code": refusal.rule.code(),
        "next": refusal.next,
        "what": refusal.what,
        "who_may": refusal.who_may,
    }})
}

/// `{"failed": {exit, what}}`, with the site's `problems` where it is they that are wrong: every end that is neither an
/// answer nor a refusal by a rule.
pub fn failure(exit: Exit, what: &str, problems: &[Value]) -> Value {
    let mut failed = json!({"exit": exit.code(), "what": what});
    if !problems.is_empty()
        && let Some(fields) = failed.as_object_mut()
    {
        fields.insert("problems".to_owned(), problems.into());
    }
    json!({"failed": failed})
}

/// A moment, or `null`.
pub fn time(at: impl Into<Option<Timestamp>>) -> Value {
    at.into().map_or(Value::Null, |at| Value::from(format!("{:.3}", at.to_jiff())))
}

/// One run in full: what `runs show` prints.
pub fn run(world: &World, run: &Run, now: Timestamp) -> Value {
    let plan = &run.plan;
    let hosts: Vec<Value> =
        plan.hosts.iter().map(|host| json!({"name": host.name.as_str(), "reach": reach(&host.reach)})).collect();
    let cells: Vec<Value> = run.cells.iter().map(|(slot, found)| cell(run, *slot, found)).collect();
    let waits: Vec<Value> = match matches!(run.phase, Phase::Waiting | Phase::Approved) {
        true => policy::waits_for(world, run, now).iter().map(waits_for).collect(),
        false => Vec::new(),
    };
    let checks: Vec<Value> = run
        .builtin
        .iter()
        .map(|(check, judged)| {
            json!({
                "at": time(judged.at),
                "check": check.id_and_title().0,
                "verdict": words::verdict_word(judged.verdict),
                "why": judged.why,
            })
        })
        .collect();
    let warnings: Vec<Value> = policy::warnings(run)
        .iter()
        .map(|(id, text)| {
            let accepted = policy::answer(run, id)
                .map(|found| json!({"at": time(found.at), "by": found.by.as_str(), "reason": found.reason}));
            json!({"accepted": accepted, "id": id.as_str(), "text": text})
        })
        .collect();
    let due: Vec<Value> = deadlines::open(run)
        .map(|(step, at)| {
            let overdue = run.progress.overdue.contains(&step);
            json!({"at": time(at), "overdue": overdue, "step": plan.item_name(Item::Step(step)).0.as_str()})
        })
        .collect();
    let votes: Vec<Value> =
        Statement::of_votes(run).map(|(given, statement)| vote(given, &statement, Map::new())).collect();
    let answers: Vec<Value> = run
        .answers
        .keys()
        .flat_map(|slot| Statement::of_answers(run, *slot).map(move |(given, statement)| (slot, given, statement)))
        .map(|(slot, given, statement)| {
            let step = plan.item_name(slot.item).0.to_string();
            let place = Map::from_iter([("step".to_owned(), Value::from(step))]);
            vote(given, &statement, place)
        })
        .collect();
    let mut told = asked(world, run);
    told.append(&mut of_object(json!({
        "answers": answers,
        "approved": time(run.approved),
        "binding": run.binding.to_string(),
        "cells": cells,
        "checks": checks,
        "code": binding::code(&run.binding),
        "drift": run.drift,
        "offered": run.offered.as_ref().map(|offer| json!({"at": time(offer.at), "by": offer.by.as_str(), "to": offer.to.as_str()})),
        "claim": run.claim.as_ref().map(ToString::to_string),
        "demands": {"second_factor": plan.demands.factor, "signature": plan.demands.signature},
        "driver": run.driver.as_ref().map(ToString::to_string),
        "due": due,
        "ended": time(run.ended),
        "ending": run.phase.ending().map(|ending| ending.word()),
        "environment": plan.environment.word(),
        "hosts": hosts,
        "editors": plan.editors.iter().map(|person| person.as_str()).collect::<Vec<_>>(),
        "impact": plan.impact.word(),
        "impact_because": plan.impact_because,
        "inputs": plan.inputs.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "evidence": evidence(run),
        "notes": run.notes.iter().map(|found| note(Some(found))).collect::<Vec<_>>(),
        "outcome_note": note(run.outcome_note.as_ref()),
        "phase": run.phase.tag().word(),
        "phase_because": because(&run.phase),
        "phase_since": time(run.phase_since),
        "glass": run.glass.as_ref().map(|glass| json!({
            "at": time(glass.at), "by": glass.by.as_str(), "incident": glass.incident.0, "open": glass.open,
            "reason": glass.reason, "review_due": time(glass.review_due()), "until": time(glass.until()),
        })),
        "reviews_missing": crate::domain::glass::reviews_missing(run),
        "queued": run.queued.as_ref().map(|queued| json!({"at": time(queued.at), "by": queued.by.as_str(), "not_before": time(queued.not_before)})),
        "proposed": time(run.proposed),
        "requester": plan.requester.as_str(),
        "review": note(run.review.as_ref()),
        "revision": run.revision,
        "run": run.id.0,
        "runbook": plan.runbook.id.as_str(),
        "started": time(run.started),
        "version": plan.runbook.version,
        "votes": votes,
        "waits_for": waits,
        "warnings": warnings,
        "workspace": plan.proposal.workspace.as_str(),
    })));
    Value::Object(told)
}

/// What whoever asked said of it, and how far its checkpoints are.
fn asked(world: &World, run: &Run) -> Map<String, Value> {
    let proposal = &run.plan.proposal;
    let workspace = world.workspace(&proposal.workspace);
    of_object(json!({
        "checkpoints": workspace.map(|workspace| checkpoint::of(workspace, run)).unwrap_or_default(),
        "communication": proposal.communication,
        "owner": run.plan.runbook.owner,
        "purpose": proposal.purpose.words(),
        "reason": proposal.reason,
        "ticket": proposal.ticket,
    }))
}

fn of_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}

/// A vote or an answer, with what it was given with. Who wants to verify a signature has here all that `ssh-keygen -Y verify` needs
/// beside the person's key.
fn vote(given: &Vote, statement: &Statement, mut fields: Map<String, Value>) -> Value {
    let signed = given.proved.key.map(|key| {
        json!({
            "key": sign_in::printed(&key),
            "namespace": NAMESPACE,
            "signature": (!given.signature.is_empty()).then_some(&*given.signature),
            "statement": statement.text(),
        })
    });
    fields.extend([
        ("at".to_owned(), time(given.at)),
        ("by".to_owned(), given.by.as_str().into()),
        ("choice".to_owned(), json!(given.choice)),
        ("reason".to_owned(), given.reason.clone().into()),
        ("second_factor".to_owned(), given.proved.factor.into()),
        ("signed".to_owned(), signed.unwrap_or_default()),
    ]);
    Value::Object(fields)
}

/// Why a run is paused, cancelled or stopping; `null` elsewhere.
fn because(phase: &Phase) -> Value {
    match phase {
        Phase::Paused(PauseCause::Person(person)) => json!(person.as_str()),
        Phase::Paused(PauseCause::Failure) => json!("failure"),
        Phase::Paused(PauseCause::Batch) => json!("batch"),
        Phase::Paused(PauseCause::Window) => json!("window"),
        Phase::Paused(PauseCause::NoRoom) => json!("no_room"),
        Phase::Paused(PauseCause::Authority) => json!("authority"),
        Phase::Stopping(how) => json!(how),
        Phase::Cancelled(Cancel::Void(rule)) => json!(format!("void: {}", rule.code())),
        Phase::Cancelled(cancel) => json!(cancel.word()),
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_) => Value::Null,
    }
}

fn note(note: Option<&Note>) -> Value {
    note.map_or(Value::Null, |note| json!({"at": time(note.at), "by": note.by.as_str(), "text": note.text}))
}

fn cell(run: &Run, slot: Slot, cell: &Cell) -> Value {
    let host = slot.host.and_then(|ix| run.plan.host(ix));
    json!({
        "attempt": cell.attempt,
        "began": time(cell.began),
        "host": host.map(|host| host.name.as_str()),
        "kind": kind(slot.item),
        "needs_decision": run.progress.attention.contains(&slot),
        "reason": cell.state.reason().map(Reason::code),
        "reason_words": cell.state.reason().map(Reason::words),
        "published": cell.published.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "saw": cell.saw,
        "since": time(cell.since),
        "state": cell.state.word(),
        "step": run.plan.item_name(slot.item).0.as_str(),
    })
}

/// What sort of column an item is.
pub fn kind(item: crate::domain::run::Item) -> &'static str {
    use crate::domain::run::Item;
    match item {
        Item::Reach => "reach",
        Item::Preflight(_) => "preflight",
        Item::Step(_) => "step",
        Item::Verify(_) => "verify",
    }
}

fn waits_for(waits: &WaitsFor) -> Value {
    match waits {
        WaitsFor::Approval { role, missing, may } => json!({
            "kind": "approval", "may": names(may), "missing": missing, "role": role.word(),
        }),
        WaitsFor::Warning { id, text, may } => json!({
            "id": id.as_str(), "kind": "warning", "may": names(may), "text": text,
        }),
        WaitsFor::Moment { at, by } => json!({"at": time(*at), "by": by.as_str(), "for": "moment"}),
        WaitsFor::Line(line) => json!({
            "before": line.before.iter().map(ahead).collect::<Vec<_>>(),
            "held": line.held.iter().map(ahead).collect::<Vec<_>>(), "kind": "line", "position": line.position(),
        }),
        WaitsFor::Window { why, until } => {
            json!({"kind": "window", "until": time(*until), "why": why})
        }
    }
}

fn ahead(one: &Ahead) -> Value {
    json!({"by": one.by.as_ref().map(|by| by.as_str()), "host": one.host.as_str(), "run": one.run.0})
}

fn names(people: &[crate::domain::PersonId]) -> Vec<&str> {
    people.iter().map(|person| person.as_str()).collect()
}

/// `{"matching", "next", "rows", "total"}` of runs.
pub fn history(page: &Page<HistoryRow>) -> Value {
    of_page(page, |row| {
        json!({
            "approved_by": names(&row.approved_by),
            "by": row.by.as_str(),
            "driver": row.driver.as_ref().map(ToString::to_string),
            "ended": time(row.ended),
            "ending": row.ending.map(|ending| ending.word()),
            "environment": row.environment.word(),
            "hosts": row.hosts,
            "hosts_failed": row.hosts_failed,
            "impact": row.impact.word(),
            "note": row.note,
            "phase": row.phase.word(),
            "proposed": time(row.proposed),
            "reviewed_by": row.reviewed_by.as_ref().map(ToString::to_string),
            "run": row.run.0,
            "runbook": row.runbook.as_str(),
            "started": time(row.started),
            "ticket": row.ticket,
            "version": row.version,
            "warnings_accepted": row.warnings_accepted,
            "workspace": row.workspace.as_str(),
        })
    })
}

/// `{"matching", "next", "rows", "total"}` of events.
pub fn audit(page: &Page<AuditRow>) -> Value {
    of_page(page, |row| {
        let (by, door) = actor(&row.by);
        json!({
            "at": time(row.at),
            "by": by,
            "door": door,
            "index": row.index,
            "kind": row.kind,
            "run": row.run.map(|run| run.0),
            "summary": row.summary,
        })
    })
}

/// Who acted, and the word for the door that was used.
pub fn actor(actor: &Actor) -> (String, Value) {
    match actor {
        Actor::Engine => ("engine".to_owned(), Value::Null),
        Actor::Person { person, door } => (person.to_string(), self::door(door)),
    }
}

/// The door somebody came by.
pub fn door(door: &Door) -> Value {
    match door {
        Door::Socket { uid } => json!({"kind": "socket", "uid": uid}),
        Door::As { uid } => json!({"kind": "as", "uid": uid}),
        Door::Ssh { key, vouched } => ssh_door(key, vouched.as_ref()),
        Door::Hook { request } => json!({"kind": "hook", "request": request.to_string()}),
    }
}

fn ssh_door(key: &Digest, vouched: Option<&Vouched>) -> Value {
    let key = sign_in::printed(key);
    match vouched {
        None => json!({"key": key, "kind": "ssh"}),
        Some(Vouched { ca, serial }) => {
            let certificate = json!({"ca": sign_in::printed(ca), "serial": serial.to_string()});
            json!({"certificate": certificate, "key": key, "kind": "ssh"})
        }
    }
}

fn of_page<T>(page: &Page<T>, row: impl Fn(&T) -> Value) -> Value {
    json!({
        "matching": page.matching,
        "next": page.next,
        "rows": page.rows.iter().map(row).collect::<Vec<_>>(),
        "total": page.total,
    })
}

/// One line of a log.
pub fn log_line(line: &LogLine) -> Value {
    json!({
        "at": time(line.at),
        "attempt": line.attempt,
        "host": line.host,
        "kind": kind(line.item),
        "number": line.number,
        "step": line.step.as_str(),
        "stream": line.stream,
        "text": String::from_utf8_lossy(&line.bytes),
    })
}

/// A server and its workspace.
pub fn server(workspace: &Workspace, server: &Server) -> Value {
    json!({
        "environment": workspace.environment.word(),
        "groups": server.groups,
        "name": server.name.as_str(),
        "reach": reach(&server.reach),
        "tags": server.tags,
        "workspace": workspace.id.as_str(),
    })
}

/// A window or freeze of `windows list`.
pub fn span(span: &Span) -> Value {
    json!({
        "from": time(span.from),
        "kind": span.kind.word(),
        "name": span.name,
        "until": time(span.until),
        "workspace": span.workspace.as_str(),
        "zone": span.zone,
    })
}

/// Files that show that manual steps of a run were done.
pub fn evidence(run: &Run) -> Vec<Value> {
    let row = |given: &crate::domain::evidence::Evidence| {
        json!({
            "at": time(given.at),
            "by": given.by.as_str(),
            "bytes": given.bytes,
            "name": given.name,
            "sha256": given.sha256.to_string(),
            "step": run.plan.item_name(given.slot.item).0.as_str(),
        })
    };
    run.evidence.iter().map(row).collect()
}

/// What hosts show, and the change that pins it.
pub fn enrolment(found: &Enrolment) -> Value {
    let row = |seen: &crate::domain::enrol::Seen| {
        json!({
            "authority": seen.shown.as_ref().and_then(|shown| shown.authority.as_deref()),
            "fingerprint": seen.shown.as_ref().map(|shown| &shown.fingerprint),
            "host": seen.host.as_str(),
            "key": seen.shown.as_ref().map(|shown| &shown.key),
            "reached": seen.reached,
            "standing": seen.standing.word(),
            "words": seen.standing.words(),
        })
    };
    json!({"patch": found.patch, "rows": found.seen.iter().map(row).collect::<Vec<_>>()})
}

fn reach(reach: &Reach) -> Value {
    match reach {
        Reach::Local => json!({"kind": "local"}),
        Reach::Ssh { address, port, user, key, jump, algorithms, trust: _ } => json!({
            "address": address,
            "algorithms": algorithms.word(),
            "jump": jump.as_ref().map(ToString::to_string),
            "key": key,
            "kind": "ssh",
            "port": port,
            "user": user,
        }),
    }
}

/// The site in force and the change that waits.
pub fn site(world: &World) -> Value {
    let one = |site: &crate::domain::site::Site| {
        json!({
            "allow_as": site.allow_as,
            "commit": site.commit,
            "digest": site.digest.to_string(),
            "dirty": site.dirty,
            "name": site.name,
            "people": site.people.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "runbooks": site.runbooks.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "workspaces": site.workspaces.keys().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    json!({
        "in_force": world.site.as_deref().map(one),
        "pending": world.pending.as_ref().map(|pending| json!({
            "at": time(pending.at),
            "by": pending.by.as_ref().map(ToString::to_string),
            "diff": pending.diff,
            "sensitive": pending.sensitive.iter().map(|change| change.words()).collect::<Vec<_>>(),
            "site": one(&pending.site),
        })),
    })
}

/// What a run's watcher is told when it moves on.
pub fn moved(run: &Run) -> Value {
    json!({
        "ending": run.phase.ending().map(|ending| ending.word()),
        "moved": run.phase.tag().word(),
        "needs_decision": run
            .progress
            .attention
            .iter()
            .map(|slot| {
                let host = slot.host.and_then(|ix| run.plan.host(ix));
                json!({
                    "host": host.map(|host| host.name.as_str()),
                    "step": run.plan.item_name(slot.item).0.as_str(),
                })
            })
            .collect::<Vec<_>>(),
        "run": run.id.0,
        "since": time(run.phase_since),
    })
}
