//! Signed requests of machines: `POST /hooks/MACHINE`, a verb in its own words, answered as the verb answers.
//!
//! The request says `{"words": ["propose", "restart", "--in", "web", …]}`. Its headers are those of the notices the server sends:
//! `X-Quarterdeck-Timestamp` (seconds since 1970) and `X-Quarterdeck-Signature`, an HMAC-SHA256 over the timestamp, a dot and the body.
//!
//! Invariants: what nobody has signed is measured, compared and let go: it reaches no record, which an outsider could fill, and is
//! told no more than that; what a machine has signed goes the way of every verb, through the same rules, and is heard once.
//! Deliberately absent: TLS, which whatever stands before this port does; lock-outs, for behind it everybody has one address.

use super::House;
use super::http::{self, Answer, Bounds, Port};
use super::turned::With;
use crate::domain::people::{Actor, Door};
use crate::domain::{Digest, PersonId, Refusal, Rule, Timestamp, hook};
use crate::engine::{SIGNATURE, Signed, TIMESTAMP};
use crate::verbs::args::{Line, Place, Verb};
use crate::verbs::out::Io;
use crate::verbs::{self, Exit, Misunderstood};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde::Deserialize;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

/// A pipeline's jobs side by side; the body in [`BODY_WAIT`], the verb in [`VERB_WAIT`].
const BOUNDS: Bounds = Bounds { connections: 16, wait: Duration::from_secs(45) };

/// Bytes of a request's body: a verb with its inputs.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Until the body is there.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Until the verb has ended: one that follows a run is for a terminal.
const VERB_WAIT: Duration = Duration::from_secs(30);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Hears requests until the server has seen everybody out.
pub(super) fn serve(port: Port, house: &Arc<House>) {
    port.answer(house, BOUNDS, respond);
}

/// What a request says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    words: Vec<String>,
}

/// Why there is no verb to carry out.
enum Unheard {
    Answered(Answer),
    Refused(StatusCode, Refusal),
}

impl From<Unheard> for Answer {
    fn from(unheard: Unheard) -> Answer {
        match unheard {
            Unheard::Answered(answer) => answer,
            Unheard::Refused(status, refusal) => {
                http::json(status, verbs::out::document(&verbs::json::refusal(&refusal)))
            }
        }
    }
}

async fn respond(request: Request<Incoming>, house: Arc<House>) -> Answer {
    match heard(request, &house).await {
        Ok((actor, body)) => carried_out(&house, &actor, &body).await,
        Err(unheard) => unheard.into(),
    }
}

/// A request that a machine has signed just now.
async fn heard(request: Request<Incoming>, house: &House) -> Result<(Actor, Bytes), Unheard> {
    if request.method() != Method::POST {
        let mut refused = http::plain(StatusCode::METHOD_NOT_ALLOWED, "only POST\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Err(Unheard::Answered(refused));
    }
    let Some(machine) = request.uri().path().strip_prefix("/hooks/").map(PersonId::new) else {
        let there = "there is /hooks/MACHINE, with a machine of people.toml\n".to_owned();
        return Err(Unheard::Answered(http::plain(StatusCode::NOT_FOUND, there)));
    };
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let unproved = || {
        house.turned.refuse(With::Request);
        let next = "sign the timestamp, a dot and the body with the machine's hook_secret";
        let refusal = Refusal::new(Rule::RequestUnproved, "no machine of this site has signed this").next(next);
        Unheard::Refused(StatusCode::UNAUTHORIZED, refusal)
    };
    let (timestamp, signature) =
        only(&head.headers, TIMESTAMP).zip(only(&head.headers, SIGNATURE)).ok_or_else(unproved)?;
    let signed = Signed { timestamp, body: &body, signature };
    if !house.engine.has_signed(&machine, signed).await {
        tracing::info!(%machine, "a request that is not signed by its machine");
        return Err(unproved());
    }
    let at = seconds(timestamp);
    if !at.is_some_and(|at| hook::is_fresh(at, house.engine.now())) {
        house.turned.refuse(With::Request);
        tracing::info!(%machine, "a request that was not signed just now");
        let what = format!("it was not signed within {} s of now", hook::FRESH_MS / 1_000);
        let next = format!("sign it again, with the seconds since 1970 under {TIMESTAMP}");
        return Err(Unheard::Refused(StatusCode::FORBIDDEN, Refusal::new(Rule::RequestLate, what).next(next)));
    }
    let request =
        Digest::of([machine.as_str().as_bytes(), b"\0", timestamp.as_bytes(), b".", &body].concat().as_slice());
    Ok((Actor::Person { person: machine, door: Door::Hook { request } }, body))
}

/// A header's value, where it is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn seconds(timestamp: &str) -> Option<Timestamp> {
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| digits)?;
    seconds.checked_mul(1_000).map(Timestamp)
}

async fn read(body: Incoming) -> Result<Bytes, Unheard> {
    let collected = tokio::time::timeout(BODY_WAIT, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let words = |status, words: String| Unheard::Answered(http::plain(status, words));
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(words(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {} KiB\n", BODY_BYTES_MAX / 1024)))
        }
        Ok(Err(_)) => Err(words(StatusCode::BAD_REQUEST, "the body broke off\n".to_owned())),
        Err(_) => Err(words(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n".to_owned())),
    }
}

/// Carries out what was said, and answers as the verb does.
async fn carried_out(house: &House, actor: &Actor, body: &[u8]) -> Answer {
    let mut stdout = Kept::default();
    let mut stderr = Kept::default();
    // Nothing comes beside a request: a verb that reads finds nothing.
    let (_, stdin) = mpsc::channel(1);
    let mut io = Io { stdout: &mut stdout, stderr: &mut stderr, stdin };
    let spoken = tokio::time::timeout(VERB_WAIT, spoken(house, actor, body, &mut io));
    let exit = spoken.await.ok();
    if stdout.over {
        let words = format!("the answer has more than {} MiB: ask for less\n", ANSWER_BYTES_MAX / 1024 / 1024);
        return http::plain(StatusCode::INTERNAL_SERVER_ERROR, words);
    }
    let Some(exit) = exit else {
        let words = "the verb did not end in time: what it asked for may stand; ask what became of it\n".to_owned();
        return http::plain(StatusCode::GATEWAY_TIMEOUT, words);
    };
    let said = String::from_utf8(stdout.bytes).unwrap_or_default();
    http::json(status(exit), said)
}

async fn spoken(house: &House, actor: &Actor, body: &[u8], io: &mut Io<'_>) -> Exit {
    let understood = match understood(body) {
        Ok(line) => line,
        Err((exit, words)) => return verbs::fail(exit, &words, true, io).await.unwrap_or(Exit::TryAgain),
    };
    match &understood.verb {
        Some(Verb::Sessions(_) | Verb::Doctor) | None => {
            let words = "a request says a verb that changes or shows a run";
            verbs::fail(Exit::Usage, words, true, io).await.unwrap_or(Exit::TryAgain)
        }
        Some(verb) if verb.place() != Place::Server => {
            verbs::fail(Exit::Usage, verbs::ELSEWHERE, true, io).await.unwrap_or(Exit::TryAgain)
        }
        Some(_) if understood.common.acting_as.is_some() => {
            let refusal = Refusal::new(Rule::ActorUnknown, "a machine asks as itself").next("leave --as out");
            verbs::refuse(&refusal, true, io).await.unwrap_or(Exit::TryAgain)
        }
        Some(_) => verbs::run(&house.engine, actor, &understood, io).await,
    }
}

/// The verb that a body says; its answer is JSON in any case.
fn understood(body: &[u8]) -> Result<Line, (Exit, String)> {
    let said: Said = serde_json::from_slice(body)
        .map_err(|error| (Exit::Usage, format!("a request is {{\"words\": [\"propose\", ...]}}: {error}")))?;
    let mut line =
        verbs::parse(&said.words).map_err(|Misunderstood { text, exit, .. }| (exit.max(Exit::Usage), text))?;
    line.common.json = true;
    Ok(line)
}

/// The status that says how a verb ended.
fn status(exit: Exit) -> StatusCode {
    match exit {
        Exit::Done => StatusCode::OK,
        Exit::No => StatusCode::CONFLICT,
        Exit::Unknown => StatusCode::ACCEPTED,
        Exit::Usage => StatusCode::BAD_REQUEST,
        Exit::BadInput => StatusCode::UNPROCESSABLE_ENTITY,
        Exit::Unreachable | Exit::AlreadyRunning | Exit::Storage | Exit::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What a verb says, up to a bound.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    over: bool,
}

impl AsyncWrite for Kept {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.bytes.len() + bytes.len() > ANSWER_BYTES_MAX {
            self.over = true;
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
