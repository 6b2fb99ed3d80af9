//! Runs as one page for people: what each was, who approved it, what happened when, and what became of each step on each host; before
//! them what happened beside them, in an incident or a period.
//! Made of the record alone, so that the same record always gives the same page.
//!
//! Invariant: no script, no font, no picture from elsewhere; every text of people and hosts is escaped and stands between tags.

use super::compliance::{escaped, moment};
use super::event::Recorded;
use super::history;
use super::people::Actor;
use super::plan::Plan;
use super::run::{CellState, Choice, Item, Run, Slot, Vote};
use super::statement::Statement;
use super::words;
use std::fmt::Write as _;

const STYLE: &str = "body{font:14px/1.4 sans-serif;margin:2em;color:#111}h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}th{background:#eee}dl{display:grid;grid-template-columns:12em 1fr;gap:.1em 1em}dt{color:#555}dd{margin:0;\
white-space:pre-wrap;overflow-wrap:anywhere}td.bad{font-weight:bold}td.none{color:#777}tr{break-inside:avoid}\
svg{width:100%;height:1.2em}.good{fill:#3a7d44}.poor{fill:#b3261e}.unsure{fill:#b07d00}.left{fill:#bbb}@media print{body{margin:0}\
th{background:none}}";

/// The page of what was selected: events of no run, runs each with its events in order, and the head they are proved against.
pub fn html(selected: &str, beside: &[Recorded], runs: &[(&Run, &[Recorded])], head: &super::sealed::Head) -> String {
    let title = format!("Evidence of {selected}");
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<dl>\n",
        escaped(&title)
    );
    pair(&mut out, "record", &head.origin);
    pair(&mut out, "signed head", &format!("{} events, root {}", head.size, head.root));
    pair(&mut out, "checked by", "python3 verify.py .");
    out.push_str("</dl>\n");
    if !beside.is_empty() {
        out.push_str("<h2>Beside the runs</h2>\n");
        timeline(&mut out, beside, None);
    }
    for (run, events) in runs {
        of_run(&mut out, run, events);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn of_run(out: &mut String, run: &Run, events: &[Recorded]) {
    let (row, plan) = (history::row(run), &run.plan);
    let _ = writeln!(out, "<h2>{}</h2>\n<dl>", escaped(&format!("{} {} {}", run.id, row.runbook, row.version)));
    pair(out, "title", &plan.runbook.title);
    pair(out, "workspace", &format!("{}, {}", row.workspace, plan.environment.word()));
    pair(out, "impact", row.impact.word());
    pair(out, "proposed", &format!("{} by {}", moment(row.proposed), row.by));
    let at = |at: Option<super::id::Timestamp>| at.map(moment).unwrap_or_default();
    pair(out, "started", &at(row.started));
    pair(out, "ended", &at(row.ended));
    pair(out, "how it ended", row.ending.map_or("", |ending| ending.word()));
    pair(out, "verification", row.acts.verification.words());
    pair(out, "reason", &row.acts.reason);
    pair(out, "ticket", &row.ticket);
    pair(out, "hosts", &row.acts.select);
    pair(out, "binding", &format!("{}, code {}", run.binding, super::binding::code(&run.binding)));
    pair(out, "Git commit", plan.commit.as_deref().unwrap_or_default());
    pair(out, "controls", &row.acts.controls.join(", "));
    for (name, value) in &plan.proposal.inputs {
        pair(out, &format!("input {name}"), value);
    }
    pair(out, "outcome", &row.note);
    if let Some(said) = &row.acts.reviewed {
        pair(out, "reviewed", &format!("{} by {}: {}", moment(said.at), said.by, said.text));
    }
    out.push_str("</dl>\n<h3>Approvals</h3>\n");
    approvals(out, run);
    out.push_str("<h3>Steps</h3>\n");
    matrix(out, run);
    out.push_str("<h3>Timeline</h3>\n");
    timeline(out, events, Some(plan));
}

fn timeline(out: &mut String, events: &[Recorded], plan: Option<&Plan>) {
    let rows = events.iter().map(|one| {
        let words = words::event(&one.event, &one.details, plan);
        [one.index.to_string(), moment(one.at), actor(&one.by), words].map(|text| cell(&text))
    });
    table(out, &["event", "at", "by", "what"], rows.map(|row| row.concat()));
}

fn approvals(out: &mut String, run: &Run) {
    let gates = run.answers.keys().flat_map(|slot| Statement::of_answers(run, *slot));
    let all: Vec<(&Vote, Statement)> = Statement::of_votes(run).chain(gates).collect();
    if all.is_empty() {
        out.push_str("<p>Nobody was asked, or nobody answered.</p>\n");
        return;
    }
    let rows = all.iter().map(|(vote, statement)| {
        let choice = match vote.choice {
            Choice::Approve => "approved",
            Choice::Deny => "denied",
            Choice::Retract => "taken back",
        };
        let gate = statement.gate.map_or_else(|| "the start".to_owned(), |gate| format!("step {}", gate.step));
        let proved = vote.proved.words();
        [moment(vote.at), vote.by.to_string(), choice.to_owned(), gate, proved.to_owned(), vote.reason.clone()]
            .map(|text| cell(&text))
            .concat()
    });
    table(out, &["at", "who", "choice", "of what", "how", "why"], rows);
}

/// Each step on each host, and how many went how.
fn matrix(out: &mut String, run: &Run) {
    let plan = &run.plan;
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let steps = plan.steps().map(|(position, _)| Item::Step(position));
    let before = (0..count(plan.runbook.preflight.len())).map(Item::Preflight);
    let after = (0..count(plan.runbook.verify.len())).map(Item::Verify);
    let items: Vec<Item> = [Item::Reach].into_iter().chain(before).chain(steps).chain(after).collect();
    let hosts = (0..u32::try_from(plan.hosts.len()).unwrap_or(u32::MAX)).map(super::id::HostIx);
    let places: Vec<Option<super::id::HostIx>> = hosts.map(Some).chain([None]).collect();
    let mut heads = vec!["where".to_owned()];
    heads.extend(items.iter().map(|item| plan.item_name(*item).0.to_string()));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = places.iter().map(|host| {
        let place = host.and_then(|ix| plan.host(ix)).map_or_else(|| "once".to_owned(), |host| host.name.to_string());
        let states = items.iter().map(|item| state(run, Slot { item: *item, host: *host }));
        cell(&place) + &states.collect::<String>()
    });
    table(out, &heads, rows);
    for item in items {
        bar(out, run, item, &places);
    }
}

fn state(run: &Run, slot: Slot) -> String {
    let Some(found) = run.cell(slot) else {
        return "<td class=\"none\">–</td>".to_owned();
    };
    let (class, word) = stands(&found.state);
    let tries = if found.attempt > 1 { format!(", try {}", found.attempt) } else { String::new() };
    format!("<td class=\"{}\">{}{tries}</td>", if class == Stands::Bad { "bad" } else { "" }, escaped(&word))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Good,
    Bad,
    Unsure,
    Left,
}

fn stands(state: &CellState) -> (Stands, String) {
    match state {
        CellState::Waiting => (Stands::Left, "waiting".to_owned()),
        CellState::Intended | CellState::Started { .. } => (Stands::Unsure, "at work".to_owned()),
        CellState::Ok => (Stands::Good, "ok".to_owned()),
        CellState::Failed(reason) => (Stands::Bad, format!("failed: {}", reason.code())),
        CellState::Unknown(reason) => (Stands::Unsure, format!("unknown: {}", reason.code())),
        CellState::Skipped => (Stands::Left, "skipped".to_owned()),
        CellState::Refused(reason) => (Stands::Bad, format!("not begun: {}", reason.code())),
    }
}

/// How a step went over all places, as a bar.
fn bar(out: &mut String, run: &Run, item: Item, places: &[Option<super::id::HostIx>]) {
    let found = |host: &Option<super::id::HostIx>| run.cell(Slot { item, host: *host });
    let all: Vec<Stands> = places.iter().filter_map(found).map(|cell| stands(&cell.state).0).collect();
    if all.is_empty() {
        return;
    }
    let _ = write!(out, "<p>{} <svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\">", {
        escaped(run.plan.item_name(item).0.as_str())
    });
    let mut from = 0;
    for (kind, class) in
        [(Stands::Good, "good"), (Stands::Bad, "poor"), (Stands::Unsure, "unsure"), (Stands::Left, "left")]
    {
        let many = all.iter().filter(|one| **one == kind).count();
        let width = many * 1_000 / all.len();
        if many > 0 {
            let _ = write!(out, "<rect class=\"{class}\" x=\"{from}\" y=\"0\" width=\"{width}\" height=\"10\"></rect>");
        }
        from += width;
    }
    let good = all.iter().filter(|one| **one == Stands::Good).count();
    let _ = writeln!(out, "</svg> {good} of {} ok</p>", all.len());
}

fn table(out: &mut String, heads: &[&str], rows: impl Iterator<Item = String>) {
    let heads: String = heads.iter().map(|head| format!("<th>{}</th>", escaped(head))).collect();
    let _ = writeln!(out, "<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>");
    for row in rows {
        let _ = writeln!(out, "<tr>{row}</tr>");
    }
    out.push_str("</tbody>\n</table>\n");
}

fn cell(text: &str) -> String {
    format!("<td>{}</td>", escaped(text))
}

fn pair(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    }
}

fn actor(by: &Actor) -> String {
    by.person().map_or_else(|| "the engine".to_owned(), ToString::to_string)
}
