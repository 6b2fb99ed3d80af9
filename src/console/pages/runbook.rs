//! A runbook in full: front matter, scope, targets, what it asks for, every step, how it is undone.

use super::steps::{checks, row, steps};
use super::{heading, labelled};
use crate::console::facts;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, name, text};
use crate::domain::runbook::{Amount, Input, InputKind, Kind, Runbook, Status, Within};
use crate::domain::selector;
use crate::terminal::line::Safe;

/// The whole runbook, as one person may use it.
pub fn parts(cx: &Cx<'_>, runbook: &Runbook) -> Vec<Part> {
    [
        front_matter(cx, runbook),
        scope(runbook),
        targets(cx, runbook),
        asks_for(runbook),
        checks("checked before the first step", "none of its own", &runbook.preflight),
        steps("steps", runbook, runbook.steps.iter(), |_, words| words.to_owned()),
        checks("verified after the last", "nothing: a run cannot end as succeeded", &runbook.verify),
        way_back(runbook),
        before(cx, runbook),
    ]
    .concat()
}

fn front_matter(cx: &Cx<'_>, runbook: &Runbook) -> Vec<Part> {
    let (status, role) = status(cx, runbook);
    let impact = glyph::impact(runbook.impact);
    let mut parts = vec![
        Part::Line(vec![
            name(Role::Title, runbook.title.as_str()).rest(),
            gap(1),
            text(impact.role, safe!("{} impact", impact.word)),
        ]),
        Part::Line(vec![
            text(Role::Muted, safe!("{} · {} · v{} · ", runbook.id, kind(runbook.kind), runbook.version)),
            text(role, status),
        ]),
        Part::Air,
    ];
    let (reviewed, overdue) = reviewed(cx, runbook);
    parts.extend(
        [
            labelled("owner", runbook.owner.as_str()),
            labelled("runs as", runbook.runs_as.word()),
            labelled("reviewed", reviewed),
        ]
        .into_iter()
        .flatten(),
    );
    if overdue {
        let words = "! the review is overdue: somebody must accept that as a warning".to_owned();
        parts.push(Part::Labelled(super::LABEL_COLUMNS, Safe::default(), Role::Warning, words));
    }
    parts.extend(
        [
            labelled("stack", runbook.uses.join(", ")),
            labelled("runs within", within(runbook)),
            labelled("read along", runbook.links.join(", ")),
            labelled("controls", runbook.controls.join(", ")),
            labelled("file", format!("{}   {}", runbook.file, runbook.digest.short())),
        ]
        .into_iter()
        .flatten(),
    );
    parts
}

/// The runbooks that stand among its steps.
pub(super) fn within(runbook: &Runbook) -> String {
    let each: Vec<String> = runbook.within.iter().map(Within::words).collect();
    each.join("; ")
}

/// The one word that says what sort of work it is.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Incident => "incident",
        Kind::Change => "change",
        Kind::Maintenance => "maintenance",
        Kind::Recovery => "recovery",
        Kind::Security => "security",
        Kind::Audit => "audit",
    }
}

/// Whether it may run, and where.
pub fn status(cx: &Cx<'_>, runbook: &Runbook) -> (&'static str, Role) {
    match runbook.status {
        Status::Draft => ("draft: lab and staging alone", Role::Warning),
        Status::Retired => ("retired", Role::Skipped),
        Status::Approved if cx.world.accepted_runbooks.contains(&runbook.digest) => ("approved and accepted", Role::Ok),
        Status::Approved => ("approved, not yet accepted by a second person", Role::Warning),
    }
}

/// When it was reviewed and is to be again, and whether that day is over.
pub fn reviewed(cx: &Cx<'_>, runbook: &Runbook) -> (String, bool) {
    let today = cx.now().to_jiff().to_zoned(cx.here.zone.clone()).date();
    let next: Option<jiff::civil::Date> = runbook.next_review.parse().ok();
    let words = match (runbook.last_reviewed.is_empty(), runbook.next_review.is_empty()) {
        (true, true) => "never".to_owned(),
        (true, false) => format!("never, due {}", runbook.next_review),
        (false, true) => runbook.last_reviewed.clone(),
        (false, false) => format!("{}, again by {}", runbook.last_reviewed, runbook.next_review),
    };
    (words, next.is_some_and(|next| next < today))
}

fn scope(runbook: &Runbook) -> Vec<Part> {
    let scope = &runbook.scope;
    let change = runbook.change.as_ref();
    let said = [
        labelled("changes", scope.changes.as_str()),
        labelled("why", scope.why.as_str()),
        labelled("expected", scope.expected.as_str()),
        labelled("left alone", scope.excluded.join(", ")),
        labelled("refuses", scope.exclude.clone().unwrap_or_default()),
        labelled("strategy", change.map(|change| change.strategy.clone()).unwrap_or_default()),
        labelled("may cost", change.map(|change| change.slo_impact.clone()).unwrap_or_default()),
        labelled("policies", change.map(|change| change.policies.join(", ")).unwrap_or_default()),
    ];
    heading("scope", "").into_iter().chain(said.into_iter().flatten()).collect()
}

fn targets(cx: &Cx<'_>, runbook: &Runbook) -> Vec<Part> {
    let targets = &runbook.targets;
    let amount = |amount: &Amount| match amount {
        Amount::Hosts(n) => n.to_string(),
        Amount::Percent(n) => format!("{n} %"),
    };
    let batches: Vec<String> = targets.batches.iter().map(amount).collect();
    let failures = match &targets.max_failures {
        None => "a person decides about failures".to_owned(),
        Some(Amount::Hosts(0)) => "tolerates no failure".to_owned(),
        Some(most) => format!("tolerates {} failures", amount(most)),
    };
    let mut parts = heading("where", targets.select.as_str()).to_vec();
    for workspace in facts::workspaces(cx.world, cx.me()) {
        let found = selector::resolve(&targets.select, &workspace.servers).map_or(0, |hosts| hosts.len());
        let mark = glyph::environment(workspace.environment);
        let count = match found {
            0 => text(Role::Muted, "no host").right(12),
            n => text(Role::Text, crate::console::words::count(n, "host", "hosts")).right(12),
        };
        parts.push(Part::Line(vec![
            text(mark.role, safe!("{} {}", mark.glyph, mark.word)).cols(10),
            gap(1),
            name(Role::Text, safe!("{}", workspace.id)).rest(),
            gap(1),
            count,
        ]));
    }
    let batches = if batches.is_empty() { "all in one".to_owned() } else { batches.join(", then ") };
    parts.extend(labelled("batches", format!("{batches} · {} at once · {failures}", targets.parallel)));
    parts.extend(labelled("order", targets.pace.words().unwrap_or_default()));
    let between = targets.between.words().unwrap_or_default();
    parts.extend(labelled("in between", between));
    parts
}

fn asks_for(runbook: &Runbook) -> Vec<Part> {
    let mut parts = Vec::new();
    if !runbook.inputs.is_empty() {
        parts.extend(heading("asks for", safe!("{}", runbook.inputs.len())));
        for input in &runbook.inputs {
            let kind = text(Role::Muted, format_of(&input.kind));
            parts.push(row(&input.name, [text(Role::Text, input.prompt.as_str()).rest(), gap(1), kind]));
        }
    }
    if !runbook.secrets.is_empty() {
        parts.extend(heading("secrets, by name", safe!("{}", runbook.secrets.len())));
        for (key, secret) in &runbook.secrets {
            let reference = name(Role::Muted, secret.reference.as_str());
            parts.push(row(key, [text(Role::Text, secret.purpose.as_str()).rest(), gap(1), reference]));
        }
    }
    parts
}

/// What may be typed into a field, in words.
pub fn format_of(kind: &InputKind) -> String {
    match kind {
        InputKind::String { pattern: None } => "text".to_owned(),
        InputKind::String { pattern: Some(pattern) } => format!("text like {pattern}"),
        InputKind::Text => "several lines".to_owned(),
        InputKind::Int { min: Some(min), max: Some(max) } => format!("a number from {min} to {max}"),
        InputKind::Int { min: Some(min), max: None } => format!("a number from {min}"),
        InputKind::Int { min: None, max: Some(max) } => format!("a number up to {max}"),
        InputKind::Int { min: None, max: None } => "a number".to_owned(),
        InputKind::Bool => "yes or no".to_owned(),
        InputKind::Choice { choices } => format!("one of {}", choices.join(", ")),
        InputKind::Date => "a day, as 2026-11-30".to_owned(),
        InputKind::Duration => "a span, as 90s or 2h".to_owned(),
        InputKind::Host => "a server of the workspace".to_owned(),
        InputKind::File => "an absolute path".to_owned(),
    }
}

/// Where a value comes from and what helps to find it, in one line.
pub fn help_of(input: &Input) -> String {
    let source = if input.source.is_empty() { String::new() } else { format!("From: {}.", input.source) };
    [input.help.as_str(), source.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn way_back(runbook: &Runbook) -> Vec<Part> {
    let mut parts = heading("way back", "").to_vec();
    let words = if runbook.rollback.is_empty() { "nothing is written about it" } else { runbook.rollback.as_str() };
    parts.push(Part::Words(Role::Text, words.to_owned()));
    parts
}

/// The last good run in each place.
fn before(cx: &Cx<'_>, runbook: &Runbook) -> Vec<Part> {
    let mut parts = heading("last good runs", "").to_vec();
    for workspace in facts::workspaces(cx.world, cx.me()) {
        let Some(usual) = cx.world.usual.get(&(workspace.id.clone(), runbook.id.clone())) else {
            continue;
        };
        let usually = usual.duration_ms().map(|ms| format!("usually {}", moment::span(ms))).unwrap_or_default();
        let last = usual
            .last_good
            .as_ref()
            .map(|last| format!("{} on {}", last.run, moment::day(last.at, cx.now(), &cx.here.zone)));
        parts.push(row(
            workspace.id.as_str(),
            [text(Role::Text, last.unwrap_or_default()).rest(), gap(1), text(Role::Muted, usually)],
        ));
    }
    if parts.len() == 2 {
        parts.push(Part::Words(Role::Muted, "none yet".to_owned()));
    }
    parts
}

/// What it runs, and nothing else.
pub fn commands(runbook: &Runbook) -> Vec<Part> {
    [
        checks("checked before the first step", "none of its own", &runbook.preflight),
        steps("steps", runbook, runbook.steps.iter(), |_, words| words.to_owned()),
        checks("verified after the last", "nothing", &runbook.verify),
    ]
    .concat()
}
