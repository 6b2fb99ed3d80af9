//! The one request of a call, with its templates filled and its secrets in place. Nothing is sent here: what cannot be filled is
//! said before a byte leaves.

use super::super::secrets::Named;
use crate::connect::Request;
use crate::domain::call::message::MESSAGE_BYTES_MAX;
use crate::domain::call::{self, Call, CallKind, Encoded};
use crate::domain::order::{Errand, Order};
use zeroize::Zeroizing;

/// The header that carries what names a request.
const IDEMPOTENCY: &str = "Idempotency-Key";

/// The header that says a body is JSON.
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What names a request for as long as its step lives: a receiver that was asked twice can tell.
pub(super) fn key_of(order: &Order, errand: &Errand<Call>) -> String {
    let step = errand.variables.iter().find(|(name, _)| name == "step").map_or("", |(_, value)| value.as_str());
    format!("{}-{step}", order.key.run.0)
}

/// The request, ready to leave.
pub(super) fn request(order: &Order, errand: &Errand<Call>, secrets: &[Named]) -> Result<Request, String> {
    let plain = |name: &str| errand.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let sealed = |name: &str| {
        let found = secrets.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(found.1.expose()).ok().map(str::to_owned)
    };
    let any = |name: &str| plain(name).or_else(|| sealed(name));
    let headers = |written: &[(String, String)]| {
        let filled = written
            .iter()
            .map(|(name, value)| Ok((name.clone(), Zeroizing::new(call::filled(value, Encoded::Plain, &any)?))));
        filled.collect::<Result<Headers, String>>()
    };
    let query = |url: &str, path: &str, written: &str| {
        let query = call::filled(written, Encoded::Quoted, &plain)?;
        let query = call::filled("{{ q }}", Encoded::Url, &|_| Some(query.clone()))?;
        Ok::<_, String>(format!("{}/{path}?query={query}", url.trim_end_matches('/')))
    };
    let key = key_of(order, errand);
    let timeout_ms = errand.what.timeout_ms;
    match &errand.what.kind {
        CallKind::Http { method, url, headers: written, body, .. } => {
            let mut headers = headers(written)?;
            unless_written(&mut headers, (IDEMPOTENCY, &key));
            let body = body.as_ref().map(|body| call::filled(body, Call::body_encoding(body), &any)).transpose()?;
            if body.as_ref().is_some_and(|body| body.trim_start().starts_with(['{', '['])) {
                unless_written(&mut headers, JSON);
            }
            let url = call::filled(url, Encoded::Url, &plain)?;
            Ok(Request { method: method.word(), url, headers, body: body.map(Zeroizing::new), timeout_ms })
        }
        CallKind::Promql { url, query: written, headers: given } => {
            let url = query(url, "api/v1/query", written)?;
            Ok(Request { method: "GET", url, headers: headers(given)?, body: None, timeout_ms })
        }
        CallKind::Logql { url, query: written, headers: given } => {
            let url = query(url, "loki/api/v1/query", written)?;
            Ok(Request { method: "GET", url, headers: headers(given)?, body: None, timeout_ms })
        }
        CallKind::N8n { url, headers: written, body } => {
            let mut headers = headers(written)?;
            unless_written(&mut headers, (IDEMPOTENCY, &key));
            unless_written(&mut headers, JSON);
            let body = match body {
                Some(body) => call::filled(body, Call::body_encoding(body), &any)?,
                None => told_of_run(errand, &key),
            };
            let url = call::filled(url, Encoded::Url, &plain)?;
            Ok(Request { method: "POST", url, headers, body: Some(Zeroizing::new(body)), timeout_ms })
        }
        CallKind::Notify { url, form, address: named, text } => {
            let url = address(url, &sealed(named).ok_or("the plan lacks the secret that is the address")?)?;
            let text = call::filled(text, Encoded::Plain, &plain)?;
            if text.len() > MESSAGE_BYTES_MAX {
                return Err(format!("the message is longer than {MESSAGE_BYTES_MAX} bytes"));
            }
            let (run, step) = (plain("run").unwrap_or_default(), plain("step").unwrap_or_default());
            let mut headers = Headers::new();
            unless_written(&mut headers, (IDEMPOTENCY, &key));
            unless_written(&mut headers, JSON);
            let body = Some(Zeroizing::new(form.body(&text, &run, &step)));
            Ok(Request { method: "POST", url, headers, body, timeout_ms })
        }
        CallKind::Argocd { .. } => Err("an operation is no single request".to_owned()),
    }
}

type Headers = Vec<(String, Zeroizing<String>)>;

/// Adds what the product says of a request, unless the runbook says it: a header that stands there twice means nothing.
fn unless_written(headers: &mut Headers, (name, value): (&str, &str)) {
    if !headers.iter().any(|(written, _)| written.eq_ignore_ascii_case(name)) {
        headers.push((name.to_owned(), Zeroizing::new(value.to_owned())));
    }
}

/// What a workflow is told where the runbook writes no body: which run, which step, and every value of the form.
fn told_of_run(errand: &Errand<Call>, key: &str) -> String {
    let of_run = ["run", "step", "attempt"];
    let given = |name: &str| errand.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let inputs: serde_json::Map<String, serde_json::Value> = errand
        .variables
        .iter()
        .filter(|(name, _)| !of_run.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    serde_json::json!({"idempotency_key": key, "inputs": inputs, "run": given("run"), "step": given("step")})
        .to_string()
}

/// The address of a message, which is a secret: it must go where the runbook says it goes.
fn address(url: &str, sealed: &str) -> Result<String, String> {
    let (written, meant) = (call::authority(sealed.trim()), call::authority(url)?);
    match written {
        Ok(written) if written == meant => Ok(sealed.trim().to_owned()),
        // Where else it would go is part of the secret.
        Ok(_) => Err(format!("the address in the secret does not go to {url}, where the plan says it goes")),
        Err(_) => Err("the secret is no address: an absolute URL is wanted".to_owned()),
    }
}
