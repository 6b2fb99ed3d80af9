//! One call to another system: its secrets fetched, its templates filled, sent once, judged. Request line and answer go to the
//! transcript like a host's output, redacted.
//!
//! What was certainly not sent is `Refused`; what was sent and not heard of is `Unknown`, never sent again by a rule unless it only
//! reads; everything else was answered.

use super::Executor;
use super::output::{Chunk, Outlet, WITHHELD};
use super::publish;
use super::secrets::Named;
use super::trouble::Trouble;
use crate::connect::{self, Answer, CallError, Request};
use crate::domain::call::{self, Call, CallKind, Encoded};
use crate::domain::check;
use crate::domain::order::{CellResult, Errand, Order, Outcome, Stream, Used};
use crate::domain::run::Reason;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// The header that names a request for as long as its step lives: a receiver that was asked twice can tell.
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
        Ok((request, used)) => {
            outlet.note(&format!("{} {}", request.method, request.url));
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

/// Everything before a byte leaves: the secrets, and the request with its templates filled.
async fn prepare(executor: &Executor, order: &Order, errand: &Errand<Call>) -> Result<(Request, Vec<Used>), Trouble> {
    let fetched = executor.secrets.fetch(order, &errand.secrets, &executor.resolve, &executor.local).await?;
    let request = request(order, errand, &fetched.named).map_err(|words| Trouble::new(Reason::Local, words))?;
    Ok((request, fetched.used))
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
            let step = plain("step").unwrap_or_default();
            headers.push((IDEMPOTENCY.to_owned(), Zeroizing::new(format!("{}-{step}", order.key.run.0))));
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
                CallKind::Promql { .. } | CallKind::Http { .. } => "api/v1/query",
            };
            let query = call::filled(query, Encoded::Quoted, &plain)?;
            let query = call::filled("{{ q }}", Encoded::Url, &|_| Some(query.clone()))?;
            let url = format!("{}/{path}?query={query}", url.trim_end_matches('/'));
            Ok(Request { method: "GET", url, headers: headers(written)?, body: None, timeout_ms })
        }
    }
}

fn judge(call: &Call, answer: &Answer) -> (CellResult, String) {
    let body = String::from_utf8_lossy(&answer.body);
    let failed = |why: String| (CellResult::Failed(Reason::NotAsExpected), why);
    if !answer.whole {
        return failed(format!("its answer is longer than {} bytes", connect::ANSWER_BYTES_MAX));
    }
    match &call.kind {
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
