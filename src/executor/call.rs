//! One call to another system: its secrets fetched, its templates filled, sent once, judged. Request line and answer go to the
//! transcript like a host's output, redacted.
//!
//! What was certainly not sent is `Refused`; what was sent and not heard of is `Unknown`, never sent again by a rule unless it only
//! reads; everything else was answered.

mod argocd;

use super::Executor;
use super::output::{Chunk, Outlet, WITHHELD};
use super::publish;
use super::secrets::Named;
use super::trouble::Trouble;
use crate::connect::{self, Answer, CallError, Request};
use crate::domain::call::argocd::Argo;
use crate::domain::call::message::MESSAGE_BYTES_MAX;
use crate::domain::call::{self, Call, CallKind, Encoded};
use crate::domain::check;
use crate::domain::order::{CellResult, Errand, Order, Outcome, Stream, Used};
use crate::domain::run::Reason;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// The header that carries what names a request.
const IDEMPOTENCY: &str = "Idempotency-Key";

/// Carries out one call.
pub(super) async fn carry_out(
    executor: &Executor,
    order: &Order,
    errand: &Errand<Call>,
    out: mpsc::Sender<Chunk>,
    cancel: CancellationToken,
) -> Outcome {
    let mut outlet = Outlet::new(order.key, out, executor.secrets.masks(order.key.run), order.withhold);
    let prepared = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Trouble::new(Reason::Aborted, "ended before it was asked")),
        prepared = prepare(executor, order, errand) => prepared,
    };
    let (result, saw, used) = match prepared {
        Err(trouble) => return publish::refused(&mut outlet, trouble).await,
        Ok((Prepared::Operation(asked), used)) => {
            let (result, saw) = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    let words = "ended while it was asked; what it had begun may go on".to_owned();
                    (CellResult::Unknown(Reason::Aborted), words)
                }
                came = argocd::carry_out(&asked, &mut outlet) => came,
            };
            let left = !matches!(result, CellResult::Refused(_));
            (result, saw, if left { used } else { Vec::new() })
        }
        Ok((Prepared::Request(request), used)) => {
            // The whole address of a message is secret, also to whoever reads the log.
            let shown = match &errand.what.kind {
                CallKind::Notify { url, .. } => url,
                _ => &request.url,
            };
            outlet.note(&format!("{} {shown}", request.method));
            let (result, saw) = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    let words = "ended while it was asked; whether it arrived cannot be told".to_owned();
                    (CellResult::Unknown(Reason::Aborted), words)
                }
                answer = connect::send(request) => answered(&errand.what, answer, &mut outlet).await,
            };
            let left = !matches!(result, CellResult::Refused(_));
            (result, saw, if left { used } else { Vec::new() })
        }
    };
    outlet.finish().await;
    publish::ended(order, &outlet, (result, saw), used)
}

/// What is ready to leave.
enum Prepared {
    /// One request.
    Request(Request),
    /// An operation that is begun and looked at.
    Operation(argocd::Asked),
}

/// Everything before a byte leaves: the secrets, and the request with its templates filled.
async fn prepare(executor: &Executor, order: &Order, errand: &Errand<Call>) -> Result<(Prepared, Vec<Used>), Trouble> {
    let fetched = executor.secrets.fetch(order, &errand.secrets, &executor.resolve, &executor.local).await?;
    let local = |words: String| Trouble::new(Reason::Local, words);
    let prepared = match &errand.what.kind {
        CallKind::Argocd { .. } => Prepared::Operation(operation(order, errand, &fetched.named).map_err(local)?),
        CallKind::Http { .. }
        | CallKind::Promql { .. }
        | CallKind::Logql { .. }
        | CallKind::N8n { .. }
        | CallKind::Notify { .. } => Prepared::Request(request(order, errand, &fetched.named).map_err(local)?),
    };
    Ok((prepared, fetched.used))
}

/// What names a request for as long as its step lives: a receiver that was asked twice can tell.
fn key_of(order: &Order, errand: &Errand<Call>) -> String {
    let step = errand.variables.iter().find(|(name, _)| name == "step").map_or("", |(_, value)| value.as_str());
    format!("{}-{step}", order.key.run.0)
}

fn operation(order: &Order, errand: &Errand<Call>, secrets: &[Named]) -> Result<argocd::Asked, String> {
    let CallKind::Argocd { url, application, token, does } = &errand.what.kind else {
        return Err("no operation".to_owned());
    };
    let plain = |name: &str| errand.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let sealed = secrets.iter().find(|(name, _)| name == token).ok_or("the plan lacks its token")?;
    let token = std::str::from_utf8(sealed.1.expose()).map_err(|_| "the token is no text")?;
    let (does, back_to) = match does {
        Argo::Sync { revision, prune } => {
            let revision = revision.as_ref().map(|it| call::filled(it, Encoded::Plain, &plain)).transpose()?;
            (Argo::Sync { revision, prune: *prune }, None)
        }
        Argo::Rollback { replaced } => (does.clone(), plain(replaced)),
    };
    Ok(argocd::Asked {
        address: format!("{}/api/v1/applications/{application}", url.trim_end_matches('/')),
        authorization: Zeroizing::new(format!("Bearer {token}")),
        does,
        back_to,
        key: key_of(order, errand),
        timeout_ms: errand.what.timeout_ms,
    })
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

/// What an answer, or the lack of one, comes to.
async fn answered(call: &Call, answer: Result<Answer, CallError>, outlet: &mut Outlet) -> (CellResult, String) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(CallError::NotSent(words)) => return (CellResult::Refused(Reason::Unreachable), words),
        Err(CallError::NotHeard(words)) => return (CellResult::Unknown(Reason::ConnectionLost), words),
    };
    outlet.note(&format!("answered {}, {} bytes", answer.status, answer.body.len()));
    outlet.push(Stream::Out, Bytes::from(answer.body.clone()));
    while outlet.is_waiting() {
        outlet.hand_on().await;
    }
    match judge(call, &answer) {
        // Why it is not as expected would say what it said.
        (result, _) if outlet.withholds() => (result, format!("answered {}; {WITHHELD}", answer.status)),
        judged => judged,
    }
}

fn request(order: &Order, errand: &Errand<Call>, secrets: &[Named]) -> Result<Request, String> {
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
        filled.collect::<Result<Vec<_>, String>>()
    };
    let timeout_ms = errand.what.timeout_ms;
    match &errand.what.kind {
        CallKind::Http { method, url, headers: written, body, .. } => {
            let mut headers = headers(written)?;
            headers.push((IDEMPOTENCY.to_owned(), Zeroizing::new(key_of(order, errand))));
            let body = body.as_ref().map(|body| call::filled(body, Call::body_encoding(body), &any)).transpose()?;
            if body.as_ref().is_some_and(|body| body.trim_start().starts_with(['{', '[']))
                && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                headers.push(("Content-Type".to_owned(), Zeroizing::new("application/json".to_owned())));
            }
            let url = call::filled(url, Encoded::Url, &plain)?;
            Ok(Request { method: method.word(), url, headers, body: body.map(Zeroizing::new), timeout_ms })
        }
        CallKind::Promql { url, query, headers: written } | CallKind::Logql { url, query, headers: written } => {
            let path = match &errand.what.kind {
                CallKind::Logql { .. } => "loki/api/v1/query",
                CallKind::Promql { .. }
                | CallKind::Http { .. }
                | CallKind::N8n { .. }
                | CallKind::Notify { .. }
                | CallKind::Argocd { .. } => "api/v1/query",
            };
            let query = call::filled(query, Encoded::Quoted, &plain)?;
            let query = call::filled("{{ q }}", Encoded::Url, &|_| Some(query.clone()))?;
            let url = format!("{}/{path}?query={query}", url.trim_end_matches('/'));
            Ok(Request { method: "GET", url, headers: headers(written)?, body: None, timeout_ms })
        }
        CallKind::N8n { url, headers: written, body } => {
            let mut headers = headers(written)?;
            headers.push((IDEMPOTENCY.to_owned(), Zeroizing::new(key_of(order, errand))));
            headers.push(json_header());
            let body = match body {
                Some(body) => call::filled(body, Call::body_encoding(body), &any)?,
                None => told_of_run(errand, &key_of(order, errand)),
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
            let headers = vec![json_header(), (IDEMPOTENCY.to_owned(), Zeroizing::new(key_of(order, errand)))];
            let body = Some(Zeroizing::new(form.body(&text, &run, &step)));
            Ok(Request { method: "POST", url, headers, body, timeout_ms })
        }
        CallKind::Argocd { .. } => Err("an operation is no single request".to_owned()),
    }
}

fn json_header() -> (String, Zeroizing<String>) {
    ("Content-Type".to_owned(), Zeroizing::new("application/json".to_owned()))
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

fn judge(call: &Call, answer: &Answer) -> (CellResult, String) {
    let body = String::from_utf8_lossy(&answer.body);
    let failed = |why: String| (CellResult::Failed(Reason::NotAsExpected), why);
    if !answer.whole {
        return failed(format!("its answer is longer than {} bytes", connect::ANSWER_BYTES_MAX));
    }
    match &call.kind {
        CallKind::N8n { .. } if answer.status == 404 => {
            let said: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let words =
                ["message", "hint"].map(|key| said.get(key).and_then(serde_json::Value::as_str).unwrap_or_default());
            failed(
                format!("no workflow listens there: is it active, and does its webhook take POST? {}", words.join(" "))
                    .trim()
                    .to_owned(),
            )
        }
        CallKind::N8n { .. } | CallKind::Notify { .. } | CallKind::Argocd { .. } => {
            if !(200..300).contains(&answer.status) {
                return failed(format!("answered {}\n{}", answer.status, body.trim()));
            }
            match check::judge(&call.expect, 0, &body, "") {
                Ok(()) => (CellResult::Ok, format!("answered {}", answer.status)),
                Err(why) => failed(why),
            }
        }
        CallKind::Http { status, .. } => {
            let wanted = match status.is_empty() {
                true => (200..300).contains(&answer.status),
                false => status.contains(&answer.status),
            };
            if !wanted {
                return failed(format!("answered {}\n{}", answer.status, body.trim()));
            }
            match check::judge(&call.expect, 0, &body, "") {
                Ok(()) => (CellResult::Ok, format!("answered {}", answer.status)),
                Err(why) => failed(why),
            }
        }
        CallKind::Promql { .. } | CallKind::Logql { .. } => match call::judge_query(call.expect.stdout.as_ref(), &body)
        {
            Ok(values) => (CellResult::Ok, values),
            Err(why) => failed(why),
        },
    }
}
