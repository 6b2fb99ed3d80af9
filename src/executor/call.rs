//! One call to another system: its secrets fetched, its templates filled, sent once, judged. Request line and answer go to the
//! transcript like a host's output, redacted.
//!
//! What was certainly not sent is `Refused`; what was sent and not heard of is `Unknown`, never sent again by a rule unless it only
//! reads; everything else was answered.

mod argocd;
mod request;

use super::Executor;
use super::output::{Chunk, Outlet, WITHHELD};
use super::publish;
use super::secrets::Named;
use super::trouble::Trouble;
use crate::connect::{self, Answer, CallError, Request};
use crate::domain::call::argocd::Argo;
use crate::domain::call::{self, Call, CallKind, Encoded};
use crate::domain::check;
use crate::domain::order::{CellResult, Errand, Order, Outcome, Stream, Used};
use crate::domain::run::Reason;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

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
    let (prepared, used) = match prepared {
        Err(trouble) => return publish::refused(&mut outlet, trouble).await,
        Ok(prepared) => prepared,
    };
    let (result, saw) = ask(prepared, &errand.what, &mut outlet, &cancel).await;
    // What did not leave took no secret with it.
    let used = if matches!(result, CellResult::Refused(_)) { Vec::new() } else { used };
    outlet.finish().await;
    publish::ended(order, &outlet, (result, saw), used)
}

/// Asks, and judges what comes of it. An answer that was heard counts, also where the run was ended meanwhile.
async fn ask(prepared: Prepared, call: &Call, outlet: &mut Outlet, cancel: &CancellationToken) -> (CellResult, String) {
    let ended = |open: &str| (CellResult::Unknown(Reason::Aborted), format!("ended while it was asked; {open}"));
    match prepared {
        Prepared::Operation(asked) => tokio::select! {
            biased;
            () = cancel.cancelled() => ended("what it had begun may go on"),
            came = argocd::carry_out(&asked, outlet) => came,
        },
        Prepared::Request(request) => {
            // The whole address of a message is secret, also to whoever reads the log.
            let shown = match &call.kind {
                CallKind::Notify { url, .. } => url,
                _ => &request.url,
            };
            outlet.note(&format!("{} {shown}", request.method));
            tokio::select! {
                biased;
                () = cancel.cancelled() => ended("whether it arrived cannot be told"),
                answer = connect::send(request) => answered(call, answer, outlet).await,
            }
        }
    }
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
        | CallKind::Notify { .. } => Prepared::Request(request::request(order, errand, &fetched.named).map_err(local)?),
    };
    Ok((prepared, fetched.used))
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
        key: request::key_of(order, errand),
        timeout_ms: errand.what.timeout_ms,
    })
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

fn judge(call: &Call, answer: &Answer) -> (CellResult, String) {
    let body = String::from_utf8_lossy(&answer.body);
    let failed = |why: String| (CellResult::Failed(Reason::NotAsExpected), why);
    if !answer.whole {
        return failed(format!("its answer is longer than {} bytes", connect::ANSWER_BYTES_MAX));
    }
    let by_status = |is_wanted: bool| match check::judge(&call.expect, 0, &body, "") {
        _ if !is_wanted => failed(format!("answered {}\n{}", answer.status, body.trim())),
        Ok(()) => (CellResult::Ok, format!("answered {}", answer.status)),
        Err(why) => failed(why),
    };
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
        CallKind::Http { status, .. } if !status.is_empty() => by_status(status.contains(&answer.status)),
        CallKind::Http { .. } | CallKind::N8n { .. } | CallKind::Notify { .. } | CallKind::Argocd { .. } => {
            by_status((200..300).contains(&answer.status))
        }
        CallKind::Promql { .. } | CallKind::Logql { .. } => match call::judge_query(call.expect.stdout.as_ref(), &body)
        {
            Ok(values) => (CellResult::Ok, values),
            Err(why) => failed(why),
        },
    }
}
