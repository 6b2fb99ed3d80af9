//! How follow-ups, deviations, reports and changes are told: in words, and as JSON.

use crate::domain::changes::{self, Change, What};
use crate::domain::compliance::{Report, gaps, outcome};
use crate::domain::follow_up::{State, Told};
use crate::domain::history::Said;
use crate::domain::week::{Line, Week};
use crate::domain::{Timestamp, words};
use crate::terminal::line::Safe;
use crate::verbs::json::time as json_time;
use crate::verbs::text::{table, time};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Where a follow-up stands, in words.
fn stands(told: &Told, now: Timestamp) -> String {
    match &told.state {
        State::Open if told.given.is_overdue(now) => "OVERDUE".to_owned(),
        State::Open => "open".to_owned(),
        State::Done(note) => format!("done by {}: {}", note.by, note.text),
        State::Replaced { digest, .. } => format!("closed by version {}", digest.short()),
    }
}

/// `follow-up list`.
pub fn follow_ups(all: &[Told], now: Timestamp) -> String {
    if all.is_empty() {
        return "no follow-ups\n".to_owned();
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|told| {
            let given = &told.given;
            let about = given.about.as_ref().map(|about| about.runbook.to_string()).unwrap_or_default();
            vec![
                given.id.to_string(),
                given.workspace.to_string(),
                given.owner.to_string(),
                given.due.to_string(),
                stands(told, now),
                about,
                given.from.words(),
                given.text.clone(),
            ]
        })
        .collect();
    let overdue = all.iter().filter(|told| told.state == State::Open && told.given.is_overdue(now)).count();
    let list = table(&["id", "workspace", "owner", "due", "state", "runbook", "from", "what"], &rows);
    match overdue {
        0 => list,
        late => format!("{list}{} overdue\n", words::count(late, "follow-up is", "follow-ups are")),
    }
}

/// A follow-up of a list.
pub fn follow_up_json(told: &Told, now: Timestamp) -> Value {
    let given = &told.given;
    let (state, closed, by, note) = match &told.state {
        State::Open => ("open", None, None, None),
        State::Done(note) => ("done", Some(note.at), Some(note.by.to_string()), Some(note.text.clone())),
        State::Replaced { by, at, .. } => ("replaced", Some(*at), by.as_ref().map(ToString::to_string), None),
    };
    json!({
        "at": json_time(given.at),
        "by": given.by,
        "closed": json_time(closed),
        "closed_by": by,
        "due": given.due,
        "from": given.from.words(),
        "id": given.id.to_string(),
        "note": note,
        "overdue": told.state == State::Open && given.is_overdue(now),
        "owner": given.owner,
        "runbook": given.about.as_ref().map(|about| &about.runbook),
        "state": state,
        "text": given.text,
        "workspace": given.workspace,
    })
}

fn looked(line: &Line) -> String {
    match (&line.looked, line.follow_up) {
        (_, Some(id)) => format!("became {id}"),
        (Some(said), None) => format!("{} {}: {}", said.by, time(said.at), said.text),
        (None, None) => "NOT YET".to_owned(),
    }
}

/// `deviations list`.
pub fn week(week: &Week) -> String {
    let mut text = String::new();
    let of = week.release.as_ref().map(|release| format!(" of {release}")).unwrap_or_default();
    let (since, until) = (time(week.since), time(week.until));
    let runs = words::count(week.runs.len(), "run", "runs");
    let _ = writeln!(text, "{runs}{} proposed {since} to {until}", Safe::new(&of));
    for run in &week.runs {
        let _ = writeln!(text, "  {} {} {}", run.run, Safe::new(run.workspace.as_str()), Safe::new(&run.words));
    }
    if week.deviations.is_empty() {
        text.push_str("nothing deviates\n");
        return text;
    }
    let deviations = words::count(week.deviations.len(), "deviation", "deviations");
    let _ = writeln!(text, "{deviations}, {} not yet looked at", week.open());
    let rows: Vec<Vec<String>> =
        week.deviations.iter().map(|line| vec![line.name(), line.words.clone(), looked(line)]).collect();
    text + &table(&["id", "what", "looked at"], &rows)
}

fn said(said: &Said) -> Value {
    json!({"at": json_time(said.at), "by": said.by, "text": said.text})
}

/// `deviations list`, as JSON.
pub fn week_json(week: &Week) -> Value {
    let runs: Vec<Value> =
        week.runs.iter().map(|run| json!({"run": run.run.0, "what": run.words, "workspace": run.workspace})).collect();
    let rows: Vec<Value> = week
        .deviations
        .iter()
        .map(|line| {
            json!({
                "follow_up": line.follow_up.map(|id| id.to_string()),
                "id": line.name(),
                "kind": line.deviation.kind(),
                "looked": line.looked.as_ref().map(said),
                "run": line.deviation.run().map(|run| run.0),
                "what": line.words,
                "workspace": line.workspace,
            })
        })
        .collect();
    json!({
        "open": week.open(),
        "release": week.release,
        "rows": rows,
        "runs": runs,
        "since": json_time(week.since),
        "until": json_time(week.until),
        "workspaces": week.workspaces,
    })
}

/// `compliance`.
pub fn compliance(report: &Report) -> String {
    let mut text = String::new();
    let runs = words::count(report.runs.len(), "run", "runs");
    let _ = writeln!(text, "{runs} proposed {} to {}", time(report.since), time(report.until));
    let rows: Vec<Vec<String>> = report
        .runs
        .iter()
        .map(|row| {
            let approved: Vec<&str> = row.acts.approvals.iter().map(|said| said.by.as_str()).collect();
            let gaps: Vec<&str> = gaps(row).into_iter().map(|gap| gap.words()).collect();
            vec![
                row.run.to_string(),
                time(row.proposed),
                row.workspace.to_string(),
                format!("{} {}", row.runbook, row.version),
                row.by.to_string(),
                approved.join(", "),
                outcome(row),
                row.reviewed_by.as_ref().map(ToString::to_string).unwrap_or_default(),
                gaps.join(", "),
            ]
        })
        .collect();
    let heads = ["run", "proposed", "workspace", "runbook", "by", "approved by", "outcome", "reviewed by", "gaps"];
    text.push_str(&table(&heads, &rows));
    let controls: Vec<Vec<String>> = report
        .controls
        .iter()
        .map(|control| {
            let runbooks: Vec<&str> = control.runbooks.iter().map(|id| id.as_str()).collect();
            let gaps = control.missing();
            let gaps = if gaps.is_empty() { "none".to_owned() } else { gaps.join("; ") };
            vec![control.id.clone(), control.runs.len().to_string(), runbooks.join(", "), gaps]
        })
        .collect();
    match controls.is_empty() {
        true => text + "no runbook names a control\n",
        false => text + "\n" + &table(&["control", "runs", "runbooks", "gaps"], &controls),
    }
}

fn site_words(hosts: &[changes::HostChange]) -> String {
    let hosts: Vec<String> =
        hosts.iter().map(|it| format!("{} of {} {}", it.host, it.workspace, it.how.word())).collect();
    hosts.join(", ")
}

/// `changes`.
pub fn changes(found: &[Change], target: &str) -> String {
    if found.is_empty() {
        return format!("nothing on record touched {}\n", Safe::new(target));
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|change| match &change.what {
            What::Run(row) => vec![
                time(change.at),
                row.run.to_string(),
                row.driver.as_ref().unwrap_or(&row.by).to_string(),
                format!("{} {} in {}, {}", row.runbook, row.version, row.workspace, outcome(row)),
                row.ticket.clone(),
            ],
            What::Site { digest, commit, by, hosts } => {
                let commit = commit.as_ref().map(|id| id.chars().take(10).collect::<String>());
                vec![
                    time(change.at),
                    "site".to_owned(),
                    by.as_ref().map(ToString::to_string).unwrap_or_default(),
                    format!("{} at {}", site_words(hosts), commit.unwrap_or_else(|| digest.short())),
                    String::new(),
                ]
            }
        })
        .collect();
    let tickets = changes::tickets(found);
    let list = table(&["when", "what", "by", "which", "ticket"], &rows);
    match tickets.is_empty() {
        true => list,
        false => format!("{list}tickets: {}\n", Safe::new(tickets.join(", "))),
    }
}

/// `changes`, as JSON.
pub fn changes_json(found: &[Change]) -> Value {
    let rows: Vec<Value> = found
        .iter()
        .map(|change| match &change.what {
            What::Run(row) => json!({
                "at": json_time(change.at),
                "by": row.driver.as_ref().unwrap_or(&row.by),
                "commit": null,
                "ended": json_time(row.ended),
                "hosts": null,
                "kind": "run",
                "outcome": outcome(row),
                "run": row.run.0,
                "runbook": row.runbook,
                "ticket": row.ticket,
                "version": row.version,
                "workspace": row.workspace,
            }),
            What::Site { digest, commit, by, hosts } => {
                let hosts: Vec<Value> = hosts
                    .iter()
                    .map(|it| json!({"host": it.host, "how": it.how.word(), "workspace": it.workspace}))
                    .collect();
                json!({
                    "at": json_time(change.at),
                    "by": by,
                    "commit": commit,
                    "digest": digest.to_string(),
                    "hosts": hosts,
                    "kind": "site",
                    "run": null,
                })
            }
        })
        .collect();
    json!({"rows": rows, "tickets": changes::tickets(found)})
}
