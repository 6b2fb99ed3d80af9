//! Runbooks: conversion, the rules an approved one keeps, and the merge of its templates.

use super::template::{Templates, merge};
use super::{Parsed, Report, parts, step, within};
use crate::domain::people::Role;
use crate::domain::runbook::{
    Amount, Between, Change, Done, Effect, Impact, Input, InputKind, Kind, Limits, Lock, Pace, Runbook, Scope, Secret,
    Status, Step, Targets,
};
use crate::domain::{Digest, RunbookId, prose};
use crate::site::diagnostic::Code;
use crate::site::fields::{Fields, Node};
use crate::site::keys::runbook::RUNBOOK;
use crate::site::read::{Strictness, read};
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

/// Hosts at once where a runbook names no number: enough for a quick run, few enough to watch.
const PARALLEL_HOSTS: u32 = 8;

/// Parses a runbook and merges its templates into it.
pub fn runbook(file: &str, text: &str, templates: &Templates) -> Parsed<Runbook> {
    let mut report = Report::new(file, text);
    let source = report.source.clone();
    let Some(fields) = read(&source, &RUNBOOK, strictness, &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    let report = &mut report;
    let empty = Fields { span: 0..0, shape: &RUNBOOK, entries: Vec::new(), spoiled: Vec::new() };
    let head = fields.table("runbook").unwrap_or(&empty);
    parts::duplicate_ids(&fields, "step", "id", report);
    let limits = limits(fields.table("limits"));
    let mut value = Runbook {
        id: RunbookId::new(head.string("id")),
        title: head.string("title"),
        kind: kind(head.text("kind")),
        version: head.string("version"),
        status: status(head.text("status")),
        owner: head.string("owner"),
        last_reviewed: head.string("last_reviewed"),
        next_review: head.string("next_review"),
        impact: impact(head.text("impact")),
        runs_as: head.text("runs_as").and_then(Role::parse).unwrap_or(Role::Operator),
        uses: head.strings("uses"),
        links: head.strings("links"),
        controls: head.strings("controls"),
        change: fields.table("change").map(|change| Change {
            strategy: change.string("strategy"),
            slo_impact: change.string("slo_impact"),
            policies: change.strings("policies"),
        }),
        scope: fields.table("scope").map_or_else(Scope::default, |scope| Scope {
            changes: scope.string("changes"),
            why: scope.string("why"),
            expected: scope.string("expected"),
            excluded: scope.strings("excluded"),
            exclude: scope.maybe("exclude"),
        }),
        targets: targets(fields.table("targets"), fields.tables("step").count(), limits.run_ms, report),
        limits,
        inputs: parts::inputs(&fields, report),
        secrets: secrets(&fields, report),
        preflight: parts::checks(&fields, "preflight", "", report),
        steps: Vec::new(),
        verify: parts::checks(&fields, "verify", "", report),
        rollback: fields.table("rollback").map(|rollback| rollback.string("plan")).unwrap_or_default(),
        file: file.to_owned(),
        source: text.to_owned(),
        digest: Digest::of(text.as_bytes()),
        templates: Vec::new(),
        within: Vec::new(),
    };
    for item in fields.tables("step") {
        match within::is_call(item) {
            true => value.within.push(within::call(item, report).placed(value.steps.len())),
            false => value.steps.push(step::step(item, "", report)),
        }
    }
    merge(&mut value, &fields, templates, text, report);
    names(&fields, "", &value.inputs, &value.steps.iter().collect::<Vec<_>>(), report);
    super::tool::plans(&fields, report);
    super::vault::places(&fields, report);
    super::systems::places(&fields, report);
    outputs_clash(&fields, &value, report);
    secrets_of_steps(&fields, &value, report);
    rules(&fields, head, &value, report);
    shared_lock(&fields, &value, report);
    let report = std::mem::replace(report, Report::new("", ""));
    Parsed::new(report, Some(fields), Some(value))
}

/// `unicode = true` in the first table.
pub(super) fn says_unicode(root: &DeTable<'_>, table: &str) -> bool {
    let head = root.get(table).and_then(|head| head.get_ref().as_table());
    head.and_then(|head| head.get("unicode")).is_some_and(|value| value.get_ref().as_bool() == Some(true))
}

fn strictness(root: &DeTable<'_>) -> Strictness {
    let head = root.get("runbook").and_then(|head| head.get_ref().as_table());
    let status = head.and_then(|head| head.get("status"));
    Strictness {
        unicode: says_unicode(root, "runbook"),
        approved: status.filter(|word| word.get_ref().as_str() == Some("approved")).map(|word| word.span()),
    }
}

fn kind(word: Option<&str>) -> Kind {
    match word {
        Some("incident") => Kind::Incident,
        Some("maintenance") => Kind::Maintenance,
        Some("recovery") => Kind::Recovery,
        Some("security") => Kind::Security,
        Some("audit") => Kind::Audit,
        _ => Kind::Change,
    }
}

/// Hosts are shared by what only reads: what one run changes would be what the other checks.
fn shared_lock(fields: &Fields, runbook: &Runbook, report: &mut Report) {
    let changes = |step: &&Step| step.action.done() == Done::OnHosts && step.effect != Effect::Read;
    if runbook.targets.lock == Lock::Exclusive {
        return;
    }
    if let (Some(step), Some(targets)) = (runbook.steps.iter().find(changes), fields.table("targets")) {
        let message = format!("its hosts are shared, and step `{}` changes them", step.id);
        let hint = "take `lock` out, or say effect = \"read\" where that is true";
        report.error(Code::Rule, targets.span_of("lock"), message, hint);
    }
}

fn status(word: Option<&str>) -> Status {
    match word {
        Some("approved") => Status::Approved,
        Some("retired") => Status::Retired,
        _ => Status::Draft,
    }
}

/// The impact a word names; high where it was refused.
pub(super) fn impact(word: Option<&str>) -> Impact {
    match word {
        Some("low") => Impact::Low,
        Some("medium") => Impact::Medium,
        _ => Impact::High,
    }
}

fn targets(fields: Option<&Fields>, steps: usize, run_ms: u64, report: &mut Report) -> Targets {
    let whole = || vec![Amount::Percent(100)];
    let Some(fields) = fields else {
        return Targets {
            select: String::new(),
            batches: whole(),
            parallel: PARALLEL_HOSTS,
            between: Between::default(),
            pace: Pace::HostFirst,
            lock: Lock::Exclusive,
            max_failures: None,
        };
    };
    let mut batches = Vec::new();
    for node in fields.get("batches").map_or(&[][..], Node::items) {
        match node.amount() {
            Some(Amount::Percent(0)) => {
                report.error(Code::Value, node.span.clone(), "a batch of nobody", "write 1 or more, or \"1%\" or more");
            }
            amount => batches.extend(amount),
        }
    }
    if fields.get("batches").is_some_and(|node| node.items().is_empty()) {
        let hint = "leave the key out for one batch of all";
        report.error(Code::Value, fields.span_of("batches"), "no batches", hint);
    }
    let pause_ms = fields.duration_ms("pause_between").unwrap_or(0);
    let pace = match fields.text("order") {
        Some("step-first") => Pace::StepFirst,
        _ => Pace::HostFirst,
    };
    let rounds = if pace == Pace::StepFirst { steps } else { 1 };
    let pauses = u64::try_from(batches.len().saturating_sub(1) * rounds).unwrap_or(u64::MAX);
    if pause_ms.saturating_mul(pauses) >= run_ms {
        let hint = "pause for less long, or write a longer `run` under [limits]";
        report.error(
            Code::Rule,
            fields.span_of("pause_between"),
            "the pauses alone take longer than the run may",
            hint,
        );
    }
    Targets {
        select: fields.string("select"),
        batches: if batches.is_empty() { whole() } else { batches },
        parallel: fields.integer("parallel").and_then(|n| u32::try_from(n).ok()).unwrap_or(PARALLEL_HOSTS),
        between: Between { pause_ms, gate: fields.text("gate") == Some("person") },
        pace,
        lock: match fields.text("lock") {
            Some("shared") => Lock::Shared,
            _ => Lock::Exclusive,
        },
        max_failures: fields.get("max_failures").and_then(Node::amount),
    }
}

fn limits(fields: Option<&Fields>) -> Limits {
    let usual = Limits::default();
    let of = |key: &str, usual: u64| fields.and_then(|fields| fields.duration_ms(key)).unwrap_or(usual);
    Limits {
        connect_ms: of("connect", usual.connect_ms),
        idle_ms: of("idle", usual.idle_ms),
        run_ms: of("run", usual.run_ms),
    }
}

fn secrets(fields: &Fields, report: &mut Report) -> BTreeMap<String, Secret> {
    let Some(table) = fields.table("secrets") else {
        return BTreeMap::new();
    };
    let inputs = fields.table("inputs");
    for field in &table.entries {
        if inputs.is_some_and(|inputs| inputs.field(&field.name).is_some()) {
            let message = format!("`{}` is an input already", field.name);
            report.error(Code::Duplicate, field.name_span.clone(), message, "both become shell variables: rename one");
        }
    }
    let secret = |fields: &Fields| Secret { reference: fields.string("ref"), purpose: fields.string("purpose") };
    table.entries.iter().filter_map(|field| Some((field.name.clone(), secret(field.node.fields()?)))).collect()
}

/// Every secret a step names is declared, and every declared one is used.
fn secrets_of_steps(fields: &Fields, runbook: &Runbook, report: &mut Report) {
    let declared = fields.table("secrets");
    let single = fields.tables("step").flat_map(|step| {
        ["key", "kubeconfig", "secret", "value", "address", "token"].into_iter().filter_map(|key| step.get(key))
    });
    let several = fields.tables("step").filter_map(|step| step.get("secrets")).flat_map(Node::items);
    let becomes = fields.tables("step").filter_map(|step| step.table("become")?.get("password"));
    for item in several.chain(single).chain(becomes) {
        let name = item.text().unwrap_or_default();
        if declared.is_none_or(|declared| declared.field(name).is_none()) {
            let hint = format!("declare it under [secrets.{name}]");
            report.error(Code::Undeclared, item.span.clone(), format!("no secret is called `{name}`"), &hint);
        }
    }
    let used: BTreeSet<&String> = runbook.steps.iter().flat_map(|step| step.action.secrets()).collect();
    for field in declared.map_or(&[][..], |declared| &declared.entries) {
        if !used.contains(&field.name) {
            let message = format!("no step uses the secret `{}`", field.name);
            report.warning(Code::Rule, field.name_span.clone(), message, "name it in a step, or take it out");
        }
    }
}

/// Templates of steps name inputs, or values that a step before them publishes once for the whole run: known ones, and that is seen before
/// anybody reads them. `steps` are all there are, in order; those of this file are called `prefix` and their id.
pub(super) fn names(fields: &Fields, prefix: &str, inputs: &[Input], steps: &[&Step], report: &mut Report) {
    for step in fields.tables("step") {
        let id = format!("{prefix}{}", step.string("id"));
        let before = steps.iter().take_while(|other| other.id.as_str() != id);
        let once = before.filter(|other| other.action.done() != Done::OnHosts).flat_map(|other| &other.publishes);
        let known: Vec<Input> = inputs.iter().cloned().chain(once.map(|publish| published(&publish.name))).collect();
        texts(step, &known, report);
        super::call::names(step, &known, report);
        super::tool::names(step, &known, report);
    }
}

/// A published value as templates see it: worded freely, by somebody else.
fn published(name: &str) -> Input {
    Input {
        name: name.to_owned(),
        prompt: String::new(),
        kind: InputKind::String { pattern: None },
        default: None,
        help: String::new(),
        source: String::new(),
        confirm: None,
        required: false,
    }
}

fn texts(step: &Fields, known: &[Input], report: &mut Report) {
    let Some(node) = step.get("text") else { return };
    let text = node.text().unwrap_or_default();
    let is_known = |name: &str| name == "run" || known.iter().any(|input| input.name == name);
    if let Err(error) = prose::fill(text, |name| is_known(name).then(String::new)) {
        let at = report.source.place(&node.span, text, error.at);
        let hint =
            "{{ input }} stands for a value of the form or one published once before, {{ run }} for the run's number";
        report.error(Code::Undeclared, at, error.message, hint);
    }
}

/// Inputs, secrets and published values all become variables: none takes another's name. Of two steps that publish one name the later one
/// holds, but the SHA-256 of a plan is nobody else's to say.
fn outputs_clash(fields: &Fields, runbook: &Runbook, report: &mut Report) {
    for step in fields.tables("step") {
        let id = step.string("id");
        let Some(own) = runbook.steps.iter().find(|own| own.id.as_str() == id) else { continue };
        for publish in &own.publishes {
            let table = step.table("outputs").and_then(|table| table.field(&publish.name));
            let at = table.map_or_else(|| step.span_of("id"), |field| field.name_span.clone());
            let name = &publish.name;
            if runbook.inputs.iter().any(|input| input.name == *name) || runbook.secrets.contains_key(name) {
                let message = format!("`{name}` is an input or a secret already");
                report.error(Code::Clash, at, message, "all become variables: choose another name");
            } else if publish.is_of_a_plan() && runbook.publishers(name).count() > 1 {
                let message = format!("`{name}` is published by another step too");
                report.error(
                    Code::Clash,
                    at,
                    message,
                    "it is the SHA-256 of this step's plan: choose another name there",
                );
            }
        }
    }
}

/// What the format demands beyond single keys.
fn rules(fields: &Fields, head: &Fields, runbook: &Runbook, report: &mut Report) {
    let at = head.span_of("status");
    let approved = runbook.status == Status::Approved;
    let complete = runbook.uses.len() == runbook.templates.len();
    if approved && complete && runbook.verify.is_empty() && !fields.is_spoiled("verify") {
        let hint = "add a [[verify]]: without one a run cannot end succeeded";
        report.error(Code::Approved, at.clone(), "approved, and without verification", hint);
    }
    if approved && complete && runbook.steps.is_empty() && runbook.within.is_empty() && !fields.is_spoiled("step") {
        report.error(Code::Approved, at, "approved, and without a step", "add a [[step]], or make it a draft");
    }
    if !runbook.next_review.is_empty() && runbook.next_review <= runbook.last_reviewed {
        let message = "the next review is not after the last one";
        report.error(Code::Rule, head.span_of("next_review"), message, "");
    }
    match (runbook.kind, fields.field("change"), head.text("kind")) {
        (Kind::Change, None, Some(_)) if approved && !fields.is_spoiled("change") => {
            let message = "a change without [change]: strategy, slo_impact, policies";
            report.warning(Code::Rule, head.span_of("kind"), message, "an approver reads them first");
        }
        (Kind::Change, _, _) => {}
        (_, Some(field), Some(_)) => {
            let message = "[change] is for kind = \"change\"";
            report.warning(Code::Rule, field.name_span.clone(), message, "");
        }
        (_, _, _) => {}
    }
}
