//! A runbook on paper: plain Markdown for the day the tool is down. It holds all that a person needs to do the work
//! by hand, in the order it is done, with boxes to tick and lines to fill.

mod words;

use crate::domain::Digest;
use crate::domain::duration;
use crate::domain::runbook::Lock;
use crate::domain::runbook::{
    Action, Amount, Check, Done, Effect, Interpreter, Kind, OnFailure, Runbook, Severity, Status, Step,
};
use crate::domain::selector;
use crate::domain::workspace::Workspace;
use std::fmt::Write as _;

/// What is filled in by hand.
const BLANK: &str = "______________________________";

/// The runbook as Markdown, with the hosts it means in these workspaces: how they are reached and known again.
pub fn paper(runbook: &Runbook, workspaces: &[&Workspace]) -> String {
    let mut out = String::new();
    head(runbook, &mut out);
    scope(runbook, &mut out);
    hosts(runbook, workspaces, &mut out);
    inputs(runbook, &mut out);
    if !runbook.preflight.is_empty() {
        section("Before the first step", &mut out);
        line("On every host. A check that fails and says **stop** ends the work before it began.", &mut out);
        for check in &runbook.preflight {
            self::check(check, &mut out);
        }
    }
    section("Steps", &mut out);
    for (nr, step) in runbook.steps.iter().enumerate() {
        self::step(nr + 1, step, runbook.targets.max_failures, &mut out);
    }
    if !runbook.verify.is_empty() {
        section("Verification", &mut out);
        line("On every host that was changed. Without it the work is not done.", &mut out);
        for check in &runbook.verify {
            self::check(check, &mut out);
        }
    }
    rollback(runbook, &mut out);
    section("Afterwards", &mut out);
    line(
        "- [ ] What happened, in a few sentences, with the times above, is with the tool's next start noted in its history.",
        &mut out,
    );
    line(&format!("- [ ] Reviewed by somebody who did not do it: {BLANK}"), &mut out);
    out
}

fn line(text: &str, out: &mut String) {
    out.push_str(text);
    out.push('\n');
}

fn section(title: &str, out: &mut String) {
    let _ = write!(out, "\n## {title}\n\n");
}

fn head(runbook: &Runbook, out: &mut String) {
    let _ = write!(out, "# {}\n\n", runbook.title);
    let kind = match runbook.kind {
        Kind::Incident => "incident",
        Kind::Change => "change",
        Kind::Maintenance => "maintenance",
        Kind::Recovery => "recovery",
        Kind::Security => "security",
        Kind::Audit => "audit",
    };
    let status = match runbook.status {
        Status::Draft => "draft",
        Status::Approved => "approved",
        Status::Retired => "RETIRED: do not use it",
    };
    let _ = writeln!(
        out,
        "`{}` {}, {kind}, {status}, impact {}, done in the role {}.  ",
        runbook.id,
        runbook.version,
        runbook.impact.word(),
        runbook.runs_as.word()
    );
    if !runbook.owner.is_empty() {
        let _ = write!(out, "Owner: {}. ", runbook.owner);
    }
    if !runbook.next_review.is_empty() {
        let _ = write!(out, "Reviewed {}, next {}. ", runbook.last_reviewed, runbook.next_review);
    }
    let _ = writeln!(out, "File {}, SHA-256 {}.", runbook.file, Digest::of(runbook.source.as_bytes()));
    if !runbook.templates.is_empty() || !runbook.within.is_empty() {
        for (name, digest) in &runbook.templates {
            let _ = writeln!(out, "Template {name}, SHA-256 {digest}.");
        }
        for within in &runbook.within {
            let _ = writeln!(out, "Step `{}` is the runbook {}, {}.", within.step, within.name, within.digest);
        }
        let _ = writeln!(out, "All of it together, as it is accepted and run: {}.", runbook.digest);
    }
    let _ = write!(
        out,
        "\nDone by {BLANK} started {BLANK}\n\nAgreed to by (somebody else) {BLANK} at {BLANK}\n\nTicket {BLANK} `run=`{BLANK}\n"
    );
}

fn scope(runbook: &Runbook, out: &mut String) {
    section("What it does", out);
    let scope = &runbook.scope;
    for (title, text) in [("Why", &scope.why), ("Changes", &scope.changes), ("Expected", &scope.expected)] {
        if !text.is_empty() {
            let _ = writeln!(out, "- **{title}:** {}", text.trim());
        }
    }
    for text in &scope.excluded {
        let _ = writeln!(out, "- **Not touched:** {text}");
    }
    if let Some(selector) = &scope.exclude {
        let _ = writeln!(out, "- **Never on:** `{selector}`");
    }
    if let Some(change) = &runbook.change {
        for (title, text) in [("Strategy", &change.strategy), ("Service level", &change.slo_impact)] {
            if !text.is_empty() {
                let _ = writeln!(out, "- **{title}:** {text}");
            }
        }
    }
    for link in &runbook.links {
        let _ = writeln!(out, "- **See:** {link}");
    }
}

fn hosts(runbook: &Runbook, workspaces: &[&Workspace], out: &mut String) {
    section("Hosts", out);
    let targets = &runbook.targets;
    let batches: Vec<String> = targets.batches.iter().map(|amount| words::amount_words(*amount)).collect();
    let _ = writeln!(
        out,
        "Selected by `{}`. In batches: {}; at most {} at a time.",
        targets.select,
        batches.join(", then "),
        targets.parallel
    );
    if let Some(words) = targets.pace.words() {
        let _ = writeln!(out, "In this order: {words}.");
    }
    if let Some(words) = targets.between.words() {
        let _ = writeln!(out, "Between two batches: {words}.");
    }
    if targets.lock == Lock::Shared {
        line("It only reads: other runs that only read may be on the same hosts.", out);
    }
    match targets.max_failures {
        Some(amount) => {
            let most = words::amount_words(amount);
            let _ = writeln!(out, "Tolerated to fail, where a step does not say otherwise: {most}.");
        }
        None => line("Stop and ask at the first failure.", out),
    }
    let excluded = runbook.scope.exclude.as_ref().and_then(|text| selector::parse(text).ok());
    for workspace in workspaces {
        let chosen = selector::resolve(&targets.select, &workspace.servers).unwrap_or_default();
        if chosen.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\nIn **{}** ({}):\n", workspace.title, workspace.environment.word());
        for server in chosen {
            let never = excluded.as_ref().is_some_and(|selector| selector.matches(server));
            let warning = if never { ": **excluded, do not touch**" } else { "" };
            let _ = writeln!(out, "- [ ] {}{warning}", words::reach(server, workspace));
            words::known_again(server, out);
        }
    }
}

fn inputs(runbook: &Runbook, out: &mut String) {
    if runbook.inputs.is_empty() && runbook.secrets.is_empty() {
        return;
    }
    section("Values", out);
    line(
        "Commands read these as shell variables. Set them first, in single quotes, and `host` and `run` with them. A name in a step done by hand stands for its value.",
        out,
    );
    out.push('\n');
    for input in &runbook.inputs {
        words::input(input, out);
    }
    for (name, secret) in &runbook.secrets {
        let _ = writeln!(
            out,
            "- `{name}` (secret): from `{}`. {} Type it with `read -rs {name}`; never write it down here.",
            secret.reference, secret.purpose
        );
    }
}

fn check(check: &Check, out: &mut String) {
    let severity = match check.severity {
        Severity::Block => "**stop** if not",
        Severity::Warn => "if not, somebody else decides",
    };
    let _ = write!(out, "\n- [ ] **{}** (`{}`, {severity})\n\n", check.title, check.id);
    words::code(&check.script.text, &check.script.interpreter, out);
    let _ = writeln!(out, "\nExpected: {}.", words::expected(&check.expect));
}

fn step(nr: usize, step: &Step, tolerated: Option<Amount>, out: &mut String) {
    let _ = write!(out, "\n### {nr}. {} (`{}`)\n\n", step.title, step.id);
    if let Some(due) = step.due_ms {
        let _ = write!(out, "Due {} after the start. ", duration::short(due));
    }
    match step.effect {
        Effect::Read => line("Changes nothing.", out),
        Effect::Idempotent => line("May be done again.", out),
        Effect::Once => line("**Once only:** if you are not sure that it was done, find out before doing it.", out),
    }
    if !step.tags.is_empty() {
        let _ = writeln!(out, "Only where one of these is wanted: {}.", words::listed(&step.tags));
    }
    for (name, value) in &step.fixed {
        let _ = writeln!(out, "Here `{name}` is `{value}`.");
    }
    if !step.action.secrets().is_empty() {
        let _ = writeln!(out, "Needs the secrets {}.", words::listed(step.action.secrets()));
    }
    out.push('\n');
    match &step.action {
        Action::Manual { text, role, checklist, evidence } => {
            let who = role.as_deref().map(|role| format!(" ({role})")).unwrap_or_default();
            let _ = writeln!(out, "- [ ] By hand{who}: {}", words::told(text.trim()));
            for point in checklist {
                let _ = writeln!(out, "  - [ ] {point}");
            }
            if *evidence {
                let _ = writeln!(out, "  - Evidence: {BLANK}");
            }
        }
        Action::Script(script) => {
            let becomes = script.becomes.as_ref().map(|it| format!(" as `{}`, by `sudo`,", it.user));
            let becomes = becomes.unwrap_or_else(|| ",".to_owned());
            let _ = write!(out, "- [ ] On every host{becomes} at most {}:\n\n", duration::short(script.timeout_ms));
            words::code(&script.text, &script.interpreter, out);
            if let Some(expect) = &step.expect {
                let _ = writeln!(out, "\nExpected: {}.", words::expected(expect));
            }
            failure(step, tolerated, out);
        }
        Action::Approval(_)
        | Action::Wait(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => {
            let place = if step.action.done() == Done::OnHosts { "On every host" } else { "Once for all" };
            let _ = write!(out, "- [ ] {place}, {}:\n\n", step.action.word());
            words::code(&step.action.written(&|text| words::told(text)), &Interpreter::Sh, out);
            failure(step, tolerated, out);
        }
    }
    let _ = writeln!(out, "\nDone at {BLANK}");
}

fn failure(step: &Step, tolerated: Option<Amount>, out: &mut String) {
    let failure = match step.on_failure {
        None if tolerated.is_some_and(|most| !matches!(most, Amount::Hosts(0) | Amount::Percent(0))) => {
            "leave the host out; beyond what is tolerated stop and decide: again, skip, or roll back"
        }
        None | Some(OnFailure::Pause) => "stop and decide: again, skip, leave the host out, or roll back",
        Some(OnFailure::Stop) => "stop",
        Some(OnFailure::Continue) => "leave the host out and go on",
        Some(OnFailure::Rollback) => "stop and roll back",
    };
    let _ = writeln!(out, "\nIf it fails: {failure}.");
}

fn rollback(runbook: &Runbook, out: &mut String) {
    section("If it has to be undone", out);
    line(if runbook.rollback.is_empty() { "No plan is written." } else { runbook.rollback.trim() }, out);
    let undone: Vec<&Step> = runbook.steps.iter().rev().filter(|step| step.undo.is_some()).collect();
    if undone.is_empty() {
        return;
    }
    line("\nIn this order, on each host where the step was done:", out);
    for step in undone {
        let interpreter = step.action.script().map_or(&Interpreter::Sh, |script| &script.interpreter);
        let _ = write!(out, "\n- [ ] Undo **{}** (`{}`)\n\n", step.title, step.id);
        words::code(step.undo.as_deref().unwrap_or_default(), interpreter, out);
    }
}
