//! A report as JSON: names sorted and only ever added to, moments in RFC 3339 with milliseconds, `null` where one does not apply.

use super::{Report, gaps, outcome};
use crate::domain::history::Said;
use crate::domain::id::Timestamp;
use crate::domain::query::HistoryRow;
use serde_json::{Value, json};

/// The report.
pub fn json(report: &Report) -> Value {
    let controls: Vec<Value> = report
        .controls
        .iter()
        .map(|control| {
            let gaps = control.gaps.iter().map(|(run, gap)| json!({"gap": gap, "run": run.map(|run| run.0)}));
            json!({
                "gaps": gaps.collect::<Vec<_>>(),
                "id": control.id,
                "runbooks": control.runbooks,
                "runs": control.runs,
            })
        })
        .collect();
    json!({
        "by": report.by,
        "control": report.control,
        "controls": controls,
        "events": report.events,
        "made": time(Some(report.made)),
        "runs": report.runs.iter().map(run).collect::<Vec<_>>(),
        "since": time(Some(report.since)),
        "site": report.site,
        "until": time(Some(report.until)),
        "workspaces": report.workspaces,
    })
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::from(format!("{:.3}", at.to_jiff())))
}

fn said(said: &Said) -> Value {
    json!({"at": time(Some(said.at)), "by": said.by, "text": said.text})
}

fn run(row: &HistoryRow) -> Value {
    let acts = &row.acts;
    let warnings: Vec<Value> = acts
        .warnings
        .iter()
        .map(|(warning, answer)| {
            json!({"at": time(Some(answer.at)), "by": answer.by, "reason": answer.text, "warning": warning})
        })
        .collect();
    json!({
        "approvals": acts.approvals.iter().map(said).collect::<Vec<_>>(),
        "by": row.by,
        "controls": acts.controls,
        "driver": row.driver,
        "emergency": acts.emergency.as_ref().map(said),
        "ended": time(row.ended),
        "environment": row.environment,
        "first_reviews": acts.first_reviews.iter().map(said).collect::<Vec<_>>(),
        "gaps": gaps(row),
        "hosts": row.hosts,
        "hosts_failed": row.hosts_failed,
        "impact": row.impact,
        "note": acts.noted.as_ref().map(said),
        "outcome": outcome(row),
        "proposed": time(Some(row.proposed)),
        "reason": acts.reason,
        "review": acts.reviewed.as_ref().map(said),
        "run": row.run,
        "runbook": row.runbook,
        "select": acts.select,
        "standing_approval": acts.standing.map(|id| id.to_string()),
        "started": time(row.started),
        "ticket": row.ticket,
        "verification": acts.verification,
        "version": row.version,
        "warnings_accepted": warnings,
        "workspace": row.workspace,
    })
}
