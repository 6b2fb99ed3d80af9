//! Steps: what all kinds have in common, and what each does.

use super::{Report, call, copy, parts, systems, tool, vault};
use crate::domain::StepId;
use crate::domain::call::CallKind;
use crate::domain::call::argocd::{self, Argo};
use crate::domain::published::{Found, Publish, VALUES_MAX};
use crate::domain::runbook::{Action, Become, Effect, Expect, Gate, OnFailure, Retries, Script, Step, Wait};
use crate::domain::tool::{ToolKind, terraform};
use crate::domain::vault::Does;
use crate::site::diagnostic::Code;
use crate::site::fields::{Field, Fields};
use crate::site::keys::step::KINDS;
use crate::site::shape::Kinds;
use std::collections::BTreeMap;

/// Longest time a probe may take: it looks, it does not work.
const PROBE_TIMEOUT_MS: u64 = 60_000;
/// Between two questions of a wait, unless the file says otherwise.
const EVERY_MS: u64 = 10_000;
/// How long something is waited for unless the file says otherwise.
const AT_MOST_MS: u64 = 600_000;
/// And at least so much: what is asked answers others too.
const EVERY_MS_MIN: u64 = 1_000;
/// Most questions of one wait: each is three lines of the record.
const TRIES_MAX: u64 = 2_000;

/// Longest time a step may take on a host unless the file says otherwise.
const STEP_TIMEOUT_MS: u64 = 600_000;

/// One step; `prefix` is put before its id.
pub(super) fn step(fields: &Fields, prefix: &str, report: &mut Report) -> Step {
    let kind = fields.text(KINDS.key).unwrap_or(KINDS.unless_written);
    // A kind that was refused says nothing about which keys belong.
    if !fields.is_spoiled(KINDS.key) {
        keys_of_kind(fields, &KINDS, report);
    }
    let effect = effect(fields);
    let retries = fields.table("retries").map_or_else(Retries::default, |retries| Retries {
        times: retries.integer("times").and_then(|times| u16::try_from(times).ok()).unwrap_or(0),
        delay_ms: retries.duration_ms("delay").unwrap_or(0),
        jitter_ms: retries.duration_ms("jitter").unwrap_or(0),
    });
    if let Some(field) = fields.field("retries")
        && fields.text("effect") == Some("once")
    {
        let hint = "make the step idempotent, or take `retries` out";
        report.error(Code::Rule, field.name_span.clone(), "a step that runs once is never retried by itself", hint);
    }
    let action = action(fields, kind, report);
    let undo = match &action {
        // It knows the way back itself.
        Action::Copy(copy) => Some(copy.undo("$run")),
        Action::Script(_)
        | Action::Manual { .. }
        | Action::Approval(_)
        | Action::Wait(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Vault(_) => fields.maybe("undo"),
    };
    let id = fields.string("id");
    parts::duplicates(fields, "secrets", report);
    Step {
        title: fields.maybe("title").unwrap_or_else(|| id.clone()),
        id: StepId::new(format!("{prefix}{id}")),
        publishes: publishes(fields, &action, report),
        action,
        effect,
        tags: fields.strings("tags"),
        due_ms: fields.duration_ms("due"),
        retries,
        on_failure: on_failure(fields),
        required: fields.flag("required"),
        undo,
        withhold: fields.text("output") == Some("withhold"),
        expect: expected(fields, kind, report),
        fixed: BTreeMap::new(),
        probe: fields.maybe("probe").map(|text| Script {
            text,
            timeout_ms: PROBE_TIMEOUT_MS,
            secrets: Vec::new(),
            becomes: becomes(fields),
            pty: false,
            ..parts::script(fields, PROBE_TIMEOUT_MS)
        }),
    }
}

/// Whether it is given a terminal. `sudo` is given its password on standard input, which a terminal would take away.
fn terminal(fields: &Fields, report: &mut Report) -> bool {
    let wanted = fields.flag("pty");
    if let Some(field) = fields.field("become").filter(|_| wanted) {
        let hint = "take one of them out: sudo gets its password on standard input, not from a terminal";
        report.error(Code::Rule, field.name_span.clone(), "a step that becomes somebody is given no terminal", hint);
    }
    wanted
}

/// As whom it runs, where that is not who logs in.
fn becomes(fields: &Fields) -> Option<Become> {
    let table = fields.table("become")?;
    let user = table.maybe("user").unwrap_or_else(|| "root".to_owned());
    Some(Become { user, password: table.maybe("password") })
}

/// The values it publishes: those of its kind, or those that are written. Whoever may read the record may read them.
fn publishes(fields: &Fields, action: &Action, report: &mut Report) -> Vec<Publish> {
    match action {
        Action::Tool(tool) if tool.is_a_plan() => return terraform::publishes(&fields.string("id")),
        Action::Vault(step) if !matches!(step.does, Does::Revoke { .. }) => {
            return crate::domain::vault::publishes(&fields.string("id"));
        }
        Action::Call(call) => {
            if let CallKind::Argocd { does: Argo::Sync { .. }, .. } = &call.kind {
                return argocd::publishes(&fields.string("id"));
            }
        }
        Action::Script(_)
        | Action::Manual { .. }
        | Action::Approval(_)
        | Action::Wait(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => {}
    }
    let Some(table) = fields.table("outputs") else {
        return Vec::new();
    };
    if fields.text("output") == Some("withhold") {
        let hint = "take `outputs` out, or keep the output";
        report.error(Code::Rule, fields.span_of("outputs"), "output that is thrown away publishes nothing", hint);
    }
    if let Some(beyond) = table.entries.get(VALUES_MAX) {
        report.error(Code::Rule, beyond.name_span.clone(), format!("more than {VALUES_MAX} values"), "");
    }
    let found = |output: &Fields, report: &mut Report| {
        let ways = [
            output.maybe("matches").map(Found::Matches),
            output.maybe("json").map(Found::Json),
            output.flag("whole").then_some(Found::Whole),
        ];
        let mut ways = ways.into_iter().flatten();
        let first = ways.next();
        if first.is_none() || ways.next().is_some() {
            let hint = "as in { matches = '^release: (.*)$' }, { json = \"data.id\" } or { whole = true }";
            report.error(Code::Rule, output.span.clone(), "a value is found in one way", hint);
        }
        first
    };
    let of = |field: &Field, report: &mut Report| {
        let found = found(field.node.fields()?, report)?;
        Some(Publish { name: field.name.clone(), found })
    };
    table.entries.iter().filter_map(|field| of(field, report)).collect()
}

/// What a script must come to. What is thrown away is not judged: a verdict would quote it.
fn expected(fields: &Fields, kind: &str, report: &mut Report) -> Option<Expect> {
    let expect = fields.table("expect").filter(|_| kind == KINDS.unless_written)?;
    if fields.text("output") == Some("withhold") {
        let hint = "take `expect` out, or keep the output";
        report.error(Code::Rule, fields.span_of("expect"), "output that is thrown away is not judged", hint);
    }
    Some(parts::expect(expect, report))
}

/// What repeating it means. A draft may leave it out: then the careful meaning holds.
pub(super) fn effect(fields: &Fields) -> Effect {
    match fields.text("effect") {
        Some("read") => Effect::Read,
        Some("idempotent") => Effect::Idempotent,
        _ => Effect::Once,
    }
}

/// What a failure does, where it is written.
pub(super) fn on_failure(fields: &Fields) -> Option<OnFailure> {
    match fields.text("on_failure") {
        Some("pause") => Some(OnFailure::Pause),
        Some("stop") => Some(OnFailure::Stop),
        Some("continue") => Some(OnFailure::Continue),
        Some("rollback") => Some(OnFailure::Rollback),
        _ => None,
    }
}

/// What a step of this kind does. A kind that was refused is read as a script.
fn action(fields: &Fields, kind: &str, report: &mut Report) -> Action {
    match kind {
        "manual" => Action::Manual {
            text: fields.string("text"),
            role: fields.maybe("role"),
            checklist: fields.strings("checklist"),
            evidence: fields.flag("evidence"),
        },
        "approval" => Action::Approval(gate(fields, report)),
        "wait" => Action::Wait(wait(fields, report)),
        "http" => Action::Call(Box::new(call::http(fields, report))),
        "promql" => Action::Call(Box::new(call::promql(fields, report))),
        "logql" => Action::Call(Box::new(call::logql(fields, report))),
        "n8n" => Action::Call(Box::new(systems::n8n(fields, report))),
        "notify" => Action::Call(Box::new(systems::notify(fields, report))),
        "argocd" => Action::Call(Box::new(systems::argocd(fields, report))),
        "ansible" => Action::Tool(Box::new(tool::ansible(fields, report))),
        "kubectl" => Action::Tool(Box::new(tool::cluster(ToolKind::Kubectl, fields, report))),
        "vault" => Action::Vault(Box::new(vault::vault(fields, report))),
        "terraform" => Action::Tool(Box::new(tool::terraform(fields, report))),
        "copy" => Action::Copy(Box::new(copy::copy(fields, report))),
        "helm" => Action::Tool(Box::new(tool::cluster(ToolKind::Helm, fields, report))),
        _ => {
            let script = Script {
                becomes: becomes(fields),
                pty: terminal(fields, report),
                ..parts::script(fields, STEP_TIMEOUT_MS)
            };
            let mut secrets: Vec<String> = fields.strings("secrets");
            let password = script.becomes.as_ref().and_then(|becomes| becomes.password.clone());
            secrets.extend(password.filter(|name| !secrets.contains(name)));
            Action::Script(Script { secrets, ..script })
        }
    }
}

/// Who lets a run on. A gate that asks nobody would never open, and one that may fail would be none.
fn gate(fields: &Fields, report: &mut Report) -> Gate {
    if fields.get("from").is_some_and(|from| from.items().is_empty()) {
        let hint = "name at least one role: from = [{ role = \"approver\", n = 1 }]";
        report.error(Code::Quorum, fields.span_of("from"), "a gate that asks nobody", hint);
    }
    if fields.text("on_failure") == Some("continue") {
        let hint = "a gate that was denied waits for a decision, stops the run, or has it undone";
        report.error(Code::Rule, fields.span_of("on_failure"), "a run does not go on through a denied gate", hint);
    }
    Gate { text: fields.string("text"), from: fields.tables("from").map(super::workspace::slot).collect() }
}

/// How long, or until what.
fn wait(fields: &Fields, report: &mut Report) -> Wait {
    let until = fields.table("until").map(|until| call::until(until, fields, report));
    let every_ms = fields.duration_ms("every").unwrap_or(EVERY_MS);
    let at_most_ms = fields.duration_ms("at_most").unwrap_or(AT_MOST_MS);
    match (&until, fields.duration_ms("for")) {
        (Some(_), Some(_)) => {
            let hint = "keep `for`, or `until` with `at_most`";
            report.error(Code::Rule, fields.span_of("for"), "it waits for a time and for something else", hint);
        }
        (None, Some(_)) => {
            for key in ["every", "at_most", "secrets"].into_iter().filter(|key| fields.get(key).is_some()) {
                let message = format!("`{key}` means nothing where time alone is waited for");
                report.error(Code::KeyMisplaced, fields.span_of(key), message, "take it out, or say `until` what");
            }
        }
        (Some(_), None) | (None, None) => {}
    }
    if every_ms < EVERY_MS_MIN {
        report.error(Code::Value, fields.span_of("every"), "asked too often", "write at least 1s");
    }
    if at_most_ms / every_ms.max(1) > TRIES_MAX {
        let hint = format!("ask less often, or for a shorter time: {TRIES_MAX} times at most");
        report.error(Code::Value, fields.span.clone(), "it would be asked too often", &hint);
    }
    match until {
        Some(call) => Wait::Until { call: Box::new(call), every_ms, at_most_ms },
        None => Wait::For { ms: fields.duration_ms("for").unwrap_or(0) },
    }
}

/// Says which keys a thing of its kind lacks, and which belong to other kinds.
pub(super) fn keys_of_kind(fields: &Fields, kinds: &Kinds, report: &mut Report) {
    let written = fields.text(kinds.key).unwrap_or(kinds.unless_written);
    let Some(kind) = kinds.of(written) else { return };
    for needed in kind.needs.iter().filter(|needed| fields.lacks(needed)) {
        report.error(Code::KeyMissing, fields.span.clone(), format!("a {written} step lacks `{needed}`"), kind.hint);
    }
    if !kind.one_of.is_empty() && kind.one_of.iter().all(|key| fields.lacks(key)) {
        let message = format!("a {written} step lacks `{}`", kind.one_of.join("` or `"));
        report.error(Code::KeyMissing, fields.span.clone(), message, kind.hint);
    }
    let foreign = |name: &str| kinds.is_particular(name) && !kind.has(name);
    for field in fields.entries.iter().filter(|field| foreign(&field.name)) {
        let message = format!("a {written} step has no `{}`", field.name);
        let hint = format!("it belongs to kind = {}: take it out, or change the kind", kinds.having(&field.name));
        report.error(Code::KeyMisplaced, field.name_span.clone(), message, &hint);
    }
}
