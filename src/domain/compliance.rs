//! Compliance over a period: each run with who asked for it, who approved it when, how it ended and who signed it off; and for
//! each control that runbooks serve, what is missing. A fold of rows, so that the same period always gives the same report.
//!
//! Deliberately absent: a verdict. Whether a gap matters is for the people who answer for the control.

mod csv;
mod html;
mod json;

pub use csv::csv;
pub(super) use html::escaped;
pub use html::html;
pub use json::json;

use super::history::{Said, Verification};
use super::id::{PersonId, RunId, RunbookId, Timestamp, WorkspaceId};
use super::query::HistoryRow;
use super::run::{Cancel, Ending};
use super::site::Site;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The site it is about.
    pub site: String,
    /// From this moment on.
    pub since: Timestamp,
    /// Up to this moment.
    pub until: Timestamp,
    /// The control it is limited to.
    pub control: Option<String>,
    /// In these workspaces.
    pub workspaces: Vec<WorkspaceId>,
    /// When it was made.
    pub made: Timestamp,
    /// For whom.
    pub by: PersonId,
    /// How many events the record held then.
    pub events: u64,
    /// The runs that were proposed in the period, oldest first.
    pub runs: Vec<HistoryRow>,
    /// The controls, by id.
    pub controls: Vec<Control>,
}

/// A control, and what serves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// Its id: `ISO27001:A.8.32`.
    pub id: String,
    /// The runbooks that serve it, today or in the period.
    pub runbooks: BTreeSet<RunbookId>,
    /// The runs of the period that served it.
    pub runs: Vec<RunId>,
    /// What is missing.
    pub gaps: Vec<(Option<RunId>, Gap)>,
}

impl Control {
    /// What is missing, a run at a time: `#37 not reviewed, not verified`.
    pub fn missing(&self) -> Vec<String> {
        let mut said: Vec<(Option<RunId>, String)> = Vec::new();
        for (run, gap) in &self.gaps {
            match said.last_mut() {
                Some((last, words)) if last == run => {
                    words.push_str(", ");
                    words.push_str(gap.words());
                }
                _ => said
                    .push((*run, run.map_or_else(|| gap.words().to_owned(), |run| format!("{run} {}", gap.words())))),
            }
        }
        said.into_iter().map(|(_, words)| words).collect()
    }
}

/// What is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// Nothing served the control in the period.
    NoRun,
    /// It ran without anybody's approval.
    NotApproved,
    /// It is over and nobody wrote what came of it.
    NoNote,
    /// It is over and nobody signed it off.
    NotReviewed,
    /// Nobody saw that what was wanted came about.
    Unverified,
    /// It ended otherwise than well.
    Failed,
    /// What had been approved or asked for was worthless by then.
    Void,
}

impl Gap {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Gap::NoRun => "no run in the period",
            Gap::NotApproved => "ran without approval",
            Gap::NoNote => "no outcome note",
            Gap::NotReviewed => "not reviewed",
            Gap::Unverified => "not verified",
            Gap::Failed => "did not end well",
            Gap::Void => "void",
        }
    }
}

/// What is missing of one run.
pub fn gaps(row: &HistoryRow) -> Vec<Gap> {
    let acts = &row.acts;
    let started = row.started.is_some();
    let over = row.ending.is_some();
    let failed = match row.ending {
        Some(Ending::Failed | Ending::Aborted | Ending::Interrupted | Ending::Stuck | Ending::Unknown) => true,
        Some(Ending::Succeeded | Ending::Unverified) | None => false,
    };
    let found = [
        (Gap::NotApproved, started && acts.approvals.is_empty() && acts.standing.is_none()),
        (Gap::Failed, failed),
        (Gap::Unverified, over && acts.verification != Verification::Passed),
        (Gap::NoNote, over && acts.noted.is_none()),
        (Gap::NotReviewed, over && acts.reviewed.is_none()),
        (Gap::Void, matches!(acts.cancel, Some(Cancel::Void(_)))),
    ];
    found.into_iter().filter(|(_, is)| *is).map(|(gap, _)| gap).collect()
}

/// How a run ended, or where it stands, in a word.
pub fn outcome(row: &HistoryRow) -> String {
    match (&row.acts.cancel, row.ending) {
        (Some(cancel), _) => cancel.word().to_owned(),
        (None, Some(ending)) => ending.word().to_owned(),
        (None, None) => row.phase.word().to_owned(),
    }
}

/// Controls of a runbook, or of those it runs within itself, as people write them: whatever the case.
fn is_control(known: &str, named: &str) -> bool {
    known.eq_ignore_ascii_case(named.trim())
}

/// Gathers a period's rows into what each control has, and lacks. `rows` are those of the period and of the asker's workspaces.
pub fn report(head: Head, site: Option<&Site>, mut rows: Vec<HistoryRow>) -> Report {
    let wanted = |id: &String| head.control.as_ref().is_none_or(|named| is_control(id, named));
    if head.control.is_some() {
        rows.retain(|row| row.acts.controls.iter().any(wanted));
    }
    rows.sort_by_key(|row| (row.proposed, row.run));
    let mut known: BTreeMap<String, Control> = BTreeMap::new();
    let mut serves = |id: &String, runbook: &RunbookId, row: Option<&HistoryRow>| {
        let empty = || Control { id: id.clone(), runbooks: BTreeSet::new(), runs: Vec::new(), gaps: Vec::new() };
        let control = known.entry(id.clone()).or_insert_with(empty);
        control.runbooks.insert(runbook.clone());
        if let Some(row) = row {
            control.runs.push(row.run);
            control.gaps.extend(gaps(row).into_iter().map(|gap| (Some(row.run), gap)));
        }
    };
    for runbook in site.into_iter().flat_map(|site| site.runbooks.values()) {
        runbook.controls.iter().filter(|id| wanted(id)).for_each(|id| serves(id, &runbook.id, None));
    }
    for row in &rows {
        let ids: BTreeSet<&String> = row.acts.controls.iter().filter(|id| wanted(id)).collect();
        ids.into_iter().for_each(|id| serves(id, &row.runbook, Some(row)));
    }
    for control in known.values_mut().filter(|control| control.runs.is_empty()) {
        control.gaps.push((None, Gap::NoRun));
    }
    Report {
        site: site.map(|site| site.name.clone()).unwrap_or_default(),
        since: head.since,
        until: head.until,
        control: head.control.clone(),
        workspaces: head.workspaces,
        made: head.made,
        by: head.by,
        events: head.events,
        controls: known.into_values().collect(),
        runs: rows,
    }
}

/// What a report is about, and for whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// From this moment on.
    pub since: Timestamp,
    /// Up to this moment.
    pub until: Timestamp,
    /// The control it is limited to.
    pub control: Option<String>,
    /// In these workspaces.
    pub workspaces: Vec<WorkspaceId>,
    /// When it is made.
    pub made: Timestamp,
    /// For whom.
    pub by: PersonId,
    /// How many events the record holds.
    pub events: u64,
}

/// A moment as reports write it: RFC 3339 in UTC, to the second.
pub fn moment(at: Timestamp) -> String {
    format!("{:.0}", at.to_jiff())
}

/// `grace 2026-11-23T12:00:00Z: fine`.
fn said(said: &Said) -> String {
    let who = format!("{} {}", said.by, moment(said.at));
    if said.text.is_empty() { who } else { format!("{who}: {}", said.text) }
}

/// A text of people, with what cannot be seen spelled out; line feeds and tabs stay.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if super::input::is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The names and values of a run's row, one order for every format.
fn columns(row: &HistoryRow) -> Vec<(&'static str, String)> {
    let acts = &row.acts;
    let list = |words: Vec<String>| words.join("; ");
    let at = |at: Option<Timestamp>| at.map(moment).unwrap_or_default();
    let by = |said: &Option<Said>| said.as_ref().map(|said| said.by.to_string()).unwrap_or_default();
    let when = |said: &Option<Said>| said.as_ref().map(|said| moment(said.at)).unwrap_or_default();
    let text = |said: &Option<Said>| said.as_ref().map(|said| said.text.clone()).unwrap_or_default();
    let warnings = acts.warnings.iter().map(|(id, answer)| format!("{id}: {}", said(answer)));
    let gaps = gaps(row).into_iter().map(|gap| gap.words().to_owned());
    vec![
        ("run", row.run.0.to_string()),
        ("workspace", row.workspace.to_string()),
        ("environment", row.environment.word().to_owned()),
        ("runbook", row.runbook.to_string()),
        ("version", row.version.clone()),
        ("controls", list(acts.controls.clone())),
        ("hosts", row.hosts.to_string()),
        ("select", acts.select.clone()),
        ("impact", row.impact.word().to_owned()),
        ("proposed_by", row.by.to_string()),
        ("proposed", moment(row.proposed)),
        ("reason", acts.reason.clone()),
        ("ticket", row.ticket.clone()),
        ("approvals", list(acts.approvals.iter().map(said).collect())),
        ("standing_approval", acts.standing.map(|id| id.to_string()).unwrap_or_default()),
        ("warnings_accepted", list(warnings.collect())),
        ("emergency", acts.emergency.as_ref().map(said).unwrap_or_default()),
        ("driver", row.driver.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("started", at(row.started)),
        ("ended", at(row.ended)),
        ("outcome", outcome(row)),
        ("hosts_failed", row.hosts_failed.to_string()),
        ("verification", acts.verification.words().to_owned()),
        ("note", text(&acts.noted)),
        ("note_by", by(&acts.noted)),
        ("note_at", when(&acts.noted)),
        ("first_reviews", list(acts.first_reviews.iter().map(said).collect())),
        ("review", text(&acts.reviewed)),
        ("reviewed_by", by(&acts.reviewed)),
        ("reviewed_at", when(&acts.reviewed)),
        ("gaps", list(gaps.collect())),
    ]
}
