//! Work of a program of the server's machine: which files go along, and that no value typed into a form is read as an option.

use super::{Report, parts};
use crate::domain::prose::{self, Piece};
use crate::domain::runbook::Input;
use crate::domain::tool::terraform::{self, Does, Terraform};
use crate::domain::tool::{Cluster, Tool, ToolKind};
use crate::site::diagnostic::Code;
use crate::site::fields::{Fields, Node};
use crate::site::files::ENCLOSED;
use std::ops::Range;

/// Longest time such work may take unless the file says otherwise.
const TOOL_TIMEOUT_MS: u64 = 1_800_000;

/// A playbook.
pub(super) fn ansible(fields: &Fields, report: &mut Report) -> Tool {
    for key in ["play_tags", "skip_tags"] {
        parts::duplicates(fields, key, report);
    }
    let playbook = fields.string("playbook");
    if is_below(&playbook, fields.span_of("playbook"), report) && !playbook.trim_start_matches("files/").contains('/') {
        let hint = "as in files/web/site.yml: what lies beside it goes along, and is shown to whoever approves";
        report.error(Code::Rule, fields.span_of("playbook"), "a playbook lies in a folder of its own", hint);
    }
    let kind = ToolKind::Ansible {
        playbook,
        play_tags: fields.strings("play_tags"),
        skip_tags: fields.strings("skip_tags"),
        key: fields.maybe("key"),
    };
    of(kind, fields, fields.maybe("key"))
}

/// An order to a cluster.
pub(super) fn cluster(kind: fn(Cluster) -> ToolKind, fields: &Fields, report: &mut Report) -> Tool {
    if let Some(folder) = fields.text("folder") {
        is_below(folder, fields.span_of("folder"), report);
    }
    let cluster = Cluster {
        args: fields.strings("args"),
        folder: fields.maybe("folder"),
        kubeconfig: fields.maybe("kubeconfig"),
    };
    of(kind(cluster), fields, fields.maybe("kubeconfig"))
}

/// A plan of what would change, or such a plan carried out.
pub(super) fn terraform(fields: &Fields, report: &mut Report) -> Tool {
    let folder = fields.string("folder");
    if !fields.lacks("folder") {
        is_below(&folder, fields.span_of("folder"), report);
    }
    if let Some(other) = fields.text("do").filter(|word| !["plan", "apply"].contains(word)) {
        report.error(Code::Value, fields.span_of("do"), format!("terraform does not {other}"), "plan or apply");
    }
    let does = match fields.text("do") {
        Some("apply") => Does::Apply { plan: terraform::published(&fields.string("plan")) },
        _ => Does::Plan,
    };
    for (key, is_plan, message) in [
        ("plan", true, "a step that plans has no `plan`"),
        ("secrets", false, "the plan holds every value already"),
        ("output", true, "a plan that nobody reads is not approved"),
    ] {
        if fields.get(key).is_some() && is_plan == (does == Does::Plan) {
            report.error(Code::KeyMisplaced, fields.span_of(key), message, "take it out");
        }
    }
    of(ToolKind::Terraform(Terraform { folder, does }), fields, None)
}

/// Each plan that is carried out was made by a step before it, of the same folder, and somebody let it on in between.
pub(super) fn plans(fields: &Fields, report: &mut Report) {
    let steps: Vec<&Fields> = fields.tables("step").collect();
    let is = |step: &Fields, does: &str| step.text("kind") == Some("terraform") && step.text("do") == Some(does);
    for (at, apply) in steps.iter().enumerate().filter(|(_, step)| is(step, "apply")) {
        let Some(named) = apply.text("plan") else {
            if apply.lacks("plan") {
                let hint = "name the step that plans: plan = \"plan\"";
                report.error(Code::KeyMissing, apply.span.clone(), "a terraform step that applies lacks `plan`", hint);
            }
            continue;
        };
        let before = steps.get(..at).unwrap_or_default();
        let Some(place) = before.iter().position(|step| is(step, "plan") && step.text("id") == Some(named)) else {
            let hint = "a step before this one with do = \"plan\" and this id";
            report.error(Code::Undeclared, apply.span_of("plan"), format!("no plan is made by a step `{named}`"), hint);
            continue;
        };
        if before.get(place).and_then(|step| step.text("folder")) != apply.text("folder") {
            let hint = "a plan is carried out where it was made";
            report.error(Code::Rule, apply.span_of("folder"), "another folder than that of its plan", hint);
        }
        let between = before.get(place + 1..).unwrap_or_default();
        if !between.iter().any(|step| step.text("kind") == Some("approval")) {
            let hint =
                "put a step of kind = \"approval\" between the two: whoever answers it reads the plan in the log";
            report.error(
                Code::Approved,
                apply.span_of("plan"),
                "nobody approves this plan before it is carried out",
                hint,
            );
        }
    }
}

fn of(kind: ToolKind, fields: &Fields, own: Option<String>) -> Tool {
    let mut secrets: Vec<String> = fields.strings("secrets");
    if let Some(own) = own
        && !secrets.contains(&own)
    {
        secrets.push(own);
    }
    let timeout_ms = fields.duration_ms("timeout").unwrap_or(TOOL_TIMEOUT_MS);
    Tool { kind, files: Vec::new(), secrets, timeout_ms }
}

/// What goes along lies in one place of the site, where everybody looks for it.
pub(super) fn is_below(path: &str, at: Range<usize>, report: &mut Report) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']);
    let below = path.split('/').next() == Some(ENCLOSED) && path.contains('/') && path.split('/').all(plain);
    if !below {
        let hint = "write its path in the site, as in files/web/site.yml";
        report.error(Code::Value, at, "lies outside files/", hint);
    }
    below
}

/// Every name in the words of such a step stands for an input or for the run, and none begins a word: a value that begins with a dash
/// would be read as an option (Z40).
pub(super) fn names(step: &Fields, inputs: &[Input], report: &mut Report) {
    let known = |name: &str| matches!(name, "run" | "step" | "attempt") || inputs.iter().any(|it| it.name == name);
    for word in step.get("args").map_or(&[][..], Node::items) {
        let text = word.text().unwrap_or_default();
        if let Err(error) = prose::fill(text, |name| known(name).then(String::new)) {
            let at = report.source.place(&word.span, text, error.at);
            report.error(Code::Undeclared, at, error.message, "{{ input }} stands for a value of the form");
        } else if let Ok([Piece::Name { name, .. }, ..]) = prose::parse(text).as_deref() {
            let message = format!("a value of `{name}` could be read as an option here");
            let hint = "put words before it: deployment/{{ name }}, --namespace={{ name }}";
            report.error(Code::Rule, word.span.clone(), message, hint);
        }
    }
}
