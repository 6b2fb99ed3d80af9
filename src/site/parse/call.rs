//! Calls to other systems: where they go, what they say, and that no name in them stands for nothing.

use super::{Report, parts};
use crate::domain::call::{Call, CallKind, Method, outside_quotes};
use crate::domain::prose;
use crate::domain::runbook::{Expect, Input, InputKind};
use crate::site::diagnostic::Code;
use crate::site::fields::{Fields, Node};
use std::collections::BTreeSet;

/// Longest time a call may take unless the file says otherwise (integrations: 5 s).
const CALL_TIMEOUT_MS: u64 = 5_000;

/// Any request.
pub(super) fn http(fields: &Fields, report: &mut Report) -> Call {
    let secrets = fields.strings("secrets");
    of(request(fields), fields, secrets, report)
}

/// A query to Prometheus.
pub(super) fn promql(fields: &Fields, report: &mut Report) -> Call {
    let secrets = fields.strings("secrets");
    of(query(fields), fields, secrets, report)
}

/// A query to Loki.
pub(super) fn logql(fields: &Fields, report: &mut Report) -> Call {
    let secrets = fields.strings("secrets");
    of(loki(fields), fields, secrets, report)
}

/// What a wait waits for: a query where one is written, else a request. The secrets stand in the step.
pub(super) fn until(fields: &Fields, step: &Fields, report: &mut Report) -> Call {
    let kind = match fields.get("query") {
        Some(_) => {
            for key in ["method", "body", "status"].into_iter().filter(|key| fields.get(key).is_some()) {
                let message = format!("a query has no `{key}`");
                report.error(Code::KeyMisplaced, fields.span_of(key), message, "take it out, or take `query` out");
            }
            if fields.text("of") == Some("loki") { loki(fields) } else { query(fields) }
        }
        None => {
            if fields.get("of").is_some() {
                report.error(Code::KeyMisplaced, fields.span_of("of"), "`of` says of whom a query is", "write `query`");
            }
            request(fields)
        }
    };
    of(kind, fields, step.strings("secrets"), report)
}

fn request(fields: &Fields) -> CallKind {
    let status = fields.get("status").map_or(&[][..], Node::items).iter();
    CallKind::Http {
        method: fields.text("method").and_then(Method::parse).unwrap_or(Method::Get),
        url: fields.string("url"),
        headers: headers(fields),
        body: fields.maybe("body"),
        status: status.filter_map(|status| status.scalar()?.parse().ok()).collect(),
    }
}

fn loki(fields: &Fields) -> CallKind {
    CallKind::Logql { url: fields.string("url"), query: fields.string("query"), headers: headers(fields) }
}

fn query(fields: &Fields) -> CallKind {
    CallKind::Promql { url: fields.string("url"), query: fields.string("query"), headers: headers(fields) }
}

pub(super) fn of(kind: CallKind, fields: &Fields, secrets: Vec<String>, report: &mut Report) -> Call {
    let expect = fields.table("expect");
    if let Some(expect) = expect {
        for key in ["exit", "stderr"].into_iter().filter(|key| expect.get(key).is_some()) {
            let message = format!("an answer has no `{key}`");
            report.error(Code::KeyMisplaced, expect.span_of(key), message, "use equals, matches, number or json");
        }
    }
    Call {
        kind,
        secrets,
        timeout_ms: fields.duration_ms("timeout").unwrap_or(CALL_TIMEOUT_MS),
        expect: expect.map_or_else(Expect::default, |expect| parts::expect(expect, report)),
    }
}

pub(super) fn headers(fields: &Fields) -> Vec<(String, String)> {
    let Some(table) = fields.table("headers") else {
        return Vec::new();
    };
    table.entries.iter().map(|field| (field.name.clone(), field.node.text().unwrap_or_default().to_owned())).collect()
}

/// Every name in the templates of a step's call stands for an input, for the run, or, in headers and body, for a secret of the step.
pub(super) fn names(step: &Fields, inputs: &[Input], report: &mut Report) {
    let secrets: BTreeSet<String> = step.strings("secrets");
    let known = |name: &str| matches!(name, "run" | "step" | "attempt") || inputs.iter().any(|it| it.name == name);
    for call in std::iter::once(step).chain(step.table("until")) {
        if let Some(query) = call.get("query") {
            free_words(query, inputs, report);
        }
        let open = ["url", "query"].into_iter().filter_map(|key| call.get(key));
        // Of the step itself alone: what is waited for has none.
        let of_step = step.get("revision").filter(|_| std::ptr::eq(call, step));
        let open = open.chain(of_step).map(|node| (node, false));
        let closed = call.table("headers").map_or(&[][..], |table| table.entries.as_slice()).iter().map(|it| &it.node);
        let closed = closed.chain(call.get("body")).map(|node| (node, true));
        for (node, may_be_secret) in open.chain(closed) {
            let text = node.text().unwrap_or_default();
            let filled =
                prose::fill(text, |name| (known(name) || (may_be_secret && secrets.contains(name))).then(String::new));
            if let Err(error) = filled {
                let at = report.source.place(&node.span, text, error.at);
                let hint =
                    "{{ input }} stands for a value of the form; a secret of the step stands in headers and body alone";
                report.error(Code::Undeclared, at, error.message, hint);
            }
        }
    }
}

/// What anybody may word freely stands in a query in double quotes alone: elsewhere a value could say more than a value (Z40).
fn free_words(query: &Node, inputs: &[Input], report: &mut Report) {
    let text = query.text().unwrap_or_default();
    let is_free = |name: &str| {
        inputs.iter().any(|input| {
            let of_few_forms = matches!(
                input.kind,
                InputKind::Int { .. }
                    | InputKind::Bool
                    | InputKind::Choice { .. }
                    | InputKind::Date
                    | InputKind::Duration
            );
            input.name == name && !of_few_forms
        })
    };
    for (at, name) in outside_quotes(text).into_iter().filter(|(_, name)| is_free(name)) {
        let at = report.source.place(&query.span, text, at);
        let message = format!("a value of `{name}` could change what this query asks");
        let hint = "put it between double quotes, or make the input an int, a duration or a choice";
        report.error(Code::Rule, at, message, hint);
    }
}
