//! Changes of secrets where they lie: which secret, what is done, and that what is revoked was replaced before.

use super::Report;
use crate::domain::vault::{self, Does, VaultStep};
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;

/// Letters and digits of a new value unless the file says otherwise: 190 bits.
const LENGTH: u16 = 32;

/// Longest time it may take unless the file says otherwise: a login, a read, a write.
const VAULT_TIMEOUT_MS: u64 = 20_000;

/// Keys that belong to one of the things that are done.
const OF: [(&str, &str); 3] = [("length", "generate"), ("value", "write"), ("of", "revoke")];

/// What is done with a secret.
pub(super) fn vault(fields: &Fields, report: &mut Report) -> VaultStep {
    let written = fields.text("do").unwrap_or("generate");
    if !["generate", "write", "revoke"].contains(&written) {
        let hint = "generate, write or revoke";
        report.error(Code::Value, fields.span_of("do"), format!("a secret has no `{written}`"), hint);
    }
    for (key, of) in OF {
        if fields.get(key).is_some() && of != written {
            let message = format!("`{key}` is for do = \"{of}\"");
            report.error(Code::KeyMisplaced, fields.span_of(key), message, "take it out");
        }
    }
    for (key, of) in OF.iter().skip(1) {
        if *of == written && fields.lacks(key) {
            let message = format!("a vault step that does {of} lacks `{key}`");
            let hint = "value: the secret that is written; of: the step whose new value made the old one worthless";
            report.error(Code::Rule, fields.span.clone(), message, hint);
        }
    }
    let secret = fields.string("secret");
    let (does, secrets) = match written {
        "write" => {
            let value = fields.string("value");
            (Does::Write { value: value.clone() }, vec![secret.clone(), value])
        }
        "revoke" => (Does::Revoke { version: vault::replaced(&fields.string("of")) }, vec![secret.clone()]),
        _ => {
            let length = fields.integer("length").and_then(|length| u16::try_from(length).ok()).unwrap_or(LENGTH);
            (Does::Generate { length }, vec![secret.clone()])
        }
    };
    VaultStep { secret, does, secrets, timeout_ms: fields.duration_ms("timeout").unwrap_or(VAULT_TIMEOUT_MS) }
}

/// Each secret that is changed lies in a vault, and what is revoked was replaced by a step before it, of the same secret.
pub(super) fn places(fields: &Fields, report: &mut Report) {
    let steps: Vec<&Fields> = fields.tables("step").collect();
    let is_vault = |step: &Fields| step.text("kind") == Some("vault");
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| is_vault(step)) {
        let place =
            step.text("secret").and_then(|name| fields.table("secrets")?.field(name)?.node.fields()?.text("ref"));
        if place.is_some_and(|place| !place.starts_with("vault:")) {
            let hint = "its `ref` must begin with vault:";
            report.error(Code::Rule, step.span_of("secret"), "this secret lies in no vault", hint);
        }
        let Some(of) = step.text("of") else { continue };
        let replaces = |other: &&Fields| {
            is_vault(other)
                && other.text("do") != Some("revoke")
                && other.text("id") == Some(of)
                && other.text("secret") == step.text("secret")
        };
        if !steps.get(..at).unwrap_or_default().iter().any(replaces) {
            let message = format!("no step `{of}` before it gives this secret a new value");
            report.error(
                Code::Undeclared,
                step.span_of("of"),
                message,
                "name the vault step that generates or writes it",
            );
        }
    }
}
