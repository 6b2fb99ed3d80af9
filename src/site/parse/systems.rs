//! Steps that ask systems of a kind of their own: workflows of n8n, messages to people, applications of Argo CD.

use super::{Report, call};
use crate::domain::call::argocd::{self, Argo};
use crate::domain::call::message::Form;
use crate::domain::call::{Call, CallKind};
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;

/// Longest time an operation of Argo CD may take unless the file says otherwise, health included.
const OPERATION_TIMEOUT_MS: u64 = 10 * 60_000;

/// A workflow of n8n.
pub(super) fn n8n(fields: &Fields, report: &mut Report) -> Call {
    let kind = CallKind::N8n { url: fields.string("url"), headers: call::headers(fields), body: fields.maybe("body") };
    call::of(kind, fields, fields.strings("secrets"), report)
}

/// A message.
pub(super) fn notify(fields: &Fields, report: &mut Report) -> Call {
    let address = fields.string("address");
    let kind = CallKind::Notify {
        url: fields.string("url"),
        form: fields.text("form").and_then(Form::parse).unwrap_or(Form::Json),
        address: address.clone(),
        text: fields.string("text"),
    };
    call::of(kind, fields, vec![address], report)
}

/// An application of Argo CD.
pub(super) fn argocd(fields: &Fields, report: &mut Report) -> Call {
    let written = fields.text("do").unwrap_or("sync");
    if !["sync", "rollback"].contains(&written) {
        let message = format!("an application has no `{written}`");
        report.error(Code::Value, fields.span_of("do"), message, "sync or rollback");
    }
    for (key, of) in [("revision", "sync"), ("prune", "sync"), ("of", "rollback")] {
        if fields.get(key).is_some() && of != written {
            let message = format!("`{key}` is for do = \"{of}\"");
            report.error(Code::KeyMisplaced, fields.span_of(key), message, "take it out");
        }
    }
    if written == "rollback" && fields.lacks("of") {
        let hint = "of: the step that synchronised it";
        report.error(Code::Rule, fields.span.clone(), "a rollback of an application lacks `of`", hint);
    }
    let does = match written {
        "rollback" => Argo::Rollback { replaced: argocd::replaced(&fields.string("of")) },
        _ => Argo::Sync { revision: fields.maybe("revision"), prune: fields.flag("prune") },
    };
    let token = fields.string("token");
    let kind = CallKind::Argocd {
        url: fields.string("url"),
        application: fields.string("application"),
        token: token.clone(),
        does,
    };
    let made = call::of(kind, fields, vec![token], report);
    Call { timeout_ms: fields.duration_ms("timeout").unwrap_or(OPERATION_TIMEOUT_MS), ..made }
}

/// What is taken back was brought there by a step before it, of the same application.
pub(super) fn places(fields: &Fields, report: &mut Report) {
    let steps: Vec<&Fields> = fields.tables("step").collect();
    let is_argo = |step: &Fields| step.text("kind") == Some("argocd");
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| is_argo(step)) {
        let Some(of) = step.text("of") else { continue };
        let brought = |other: &&Fields| {
            is_argo(other)
                && other.text("do") == Some("sync")
                && other.text("id") == Some(of)
                && ["url", "application"].iter().all(|key| other.text(key) == step.text(key))
        };
        if !steps.get(..at).unwrap_or_default().iter().any(brought) {
            let message = format!("no step `{of}` before it synchronises this application");
            report.error(Code::Undeclared, step.span_of("of"), message, "name the argocd step with do = \"sync\"");
        }
    }
}
