//! One order, from connection to outcome.
//!
//! What can be said about an order that did not end well depends on how far it got. Until a shell of ours has said that it reads
//! its input no byte of the script has left: `Refused`. From then on only the host knows: its exit status, or the sight
//! of an empty process group, makes `Failed`; anything less is `Unknown`.

mod begin;
mod finish;
mod follow;

use super::Executor;
use super::marker::{Mark, Marker};
use super::output::{Chunk, Outlet};
use super::publish;
use super::script::{self, Becoming, Lead, Nonce};
use super::talk::{Exit, Heard, Place, Streams, Talk};
use super::trouble::Trouble;
use crate::domain::order::{self, Order, Outcome, Stream, Used};
use crate::domain::run::Reason;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Longest we wait for the output of something that was seen to be gone.
const AFTER_ENDING_MS_MAX: u64 = 2_000;

/// `sudo` is given its password on standard input, which is no terminal. A site that says both does not load.
const BECOMES_WITHOUT_TERMINAL: &str = "a step that becomes somebody is given no terminal";

/// Carries `order` out in a shell: this script, or the sight that one answers.
pub(super) async fn carry_out(
    executor: &Executor,
    order: &Order,
    script: Option<&order::Delivery>,
    out: mpsc::Sender<Chunk>,
    started: oneshot::Sender<u32>,
    cancel: CancellationToken,
) -> Outcome {
    let outlet = Outlet::new(order.key, out, executor.secrets.masks(order.key.run), order.withhold);
    let connect_until = Instant::now() + Duration::from_millis(order.limits.connect_ms);
    let mut carrier = Carrier { executor, order, outlet, cancel, connect_until, used: Vec::new(), becoming: None };
    let end = match script {
        None => carrier.reach().await,
        Some(delivery) => carrier.script(delivery, started).await,
    };
    match end {
        Ok(end) => {
            carrier.outlet.finish().await;
            let came = carrier.verdict(end);
            publish::ended(order, &carrier.outlet, came, std::mem::take(&mut carrier.used))
        }
        // Nothing has left for the host.
        Err(trouble) => publish::refused(&mut carrier.outlet, trouble).await,
    }
}

struct Carrier<'a> {
    executor: &'a Executor,
    order: &'a Order,
    outlet: Outlet,
    cancel: CancellationToken,
    connect_until: Instant,
    /// Secrets the script gets.
    used: Vec<Used>,
    /// As whom it runs, where that is not who logs in.
    becoming: Option<Becoming>,
}

/// How something that may have begun ended.
enum End {
    /// The host was reached and a shell answered.
    Reached(String),
    /// The host said so.
    Exit(Exit),
    /// Ended by us, and seen to be gone.
    Stopped(Reason, String),
    /// Nobody can tell.
    Unknown(Reason, String),
}

/// A shell of ours that reads its input.
struct Reader {
    place: Place,
    /// How it was started.
    lead: Lead,
    talk: Talk,
    marker: Marker,
    pid: u32,
}

impl Reader {
    /// The shell has become another user's, under another number.
    fn goes_on_as(&mut self, marks: &[Mark]) {
        for mark in marks {
            if let Mark::Reads(pid) = mark {
                self.pid = *pid;
            }
        }
    }
}

/// What waiting for a shell came to.
enum Heeded {
    Marks(Vec<Mark>),
    Output,
    Exit(Exit),
    Closed,
    Lost,
}

impl Carrier<'_> {
    async fn reach(&mut self) -> Result<End, Trouble> {
        let nonce = fresh_nonce()?;
        // The probe reads nothing and ends by itself.
        let mut reader = self.reader(&nonce, Streams::Apart, |_| script::probe_line(&nonce)).await?;
        let until = self.connect_until;
        let goodbye = async {
            loop {
                match reader.talk.hear().await {
                    Heard::Closed | Heard::Lost => return,
                    Heard::Out(_) | Heard::Err(_) | Heard::Exit(_) => {}
                }
            }
        };
        let _ = timeout_at(until, goodbye).await;
        Ok(End::Reached(match &reader.place {
            Place::Ssh(connection) => connection.host_key().to_owned(),
            Place::Local(_) => "this machine".to_owned(),
        }))
    }

    async fn script(&mut self, delivery: &order::Delivery, started: oneshot::Sender<u32>) -> Result<End, Trouble> {
        let Executor { secrets, resolve, local, .. } = self.executor;
        let password = delivery.becomes.as_ref().and_then(|becomes| becomes.password.as_ref());
        let wanted: Vec<_> = delivery.secrets.iter().chain(password).cloned().collect();
        let fetching = secrets.fetch(self.order, &wanted, resolve, local);
        let fetched = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Trouble::new(Reason::Aborted, "ended before it began")),
            fetched = timeout_at(self.connect_until, fetching) => fetched.unwrap_or_else(|_| {
                Err(Trouble::new(Reason::SecretMissing, "fetching the secrets took longer than reaching a host may"))
            })?,
        };
        self.used = fetched.used;
        let local = |error: script::ScriptError| Trouble::new(Reason::Local, error.to_string());
        let (named, last) = fetched.named.split_at(delivery.secrets.len());
        self.becoming = delivery.becomes.as_ref().map(|becomes| Becoming {
            user: becomes.user.clone(),
            password: last.first().map(|(_, value)| value.clone()),
        });
        if self.becoming.as_ref().and_then(|it| it.password.as_ref()).is_some_and(|it| it.expose().contains(&b'\n')) {
            return Err(Trouble::new(Reason::SecretMissing, "the password for sudo is more than one line"));
        }
        let mut started = Some(started);
        loop {
            let nonce = fresh_nonce()?;
            let payload = script::payload(&nonce, delivery, named).map_err(local)?;
            let by = &delivery.interpreter;
            let (payload, reader) = match (self.becoming.clone(), delivery.pty) {
                (None, false) => {
                    (payload, self.reader(&nonce, Streams::Apart, |lead| script::line(by, &nonce, lead)).await?)
                }
                (None, true) => {
                    let payload = script::padded(&payload);
                    let line = |lead| script::line_on_a_terminal(by, &nonce, lead, payload.len());
                    let reader = self.reader(&nonce, Streams::Terminal, line).await?;
                    (payload, reader)
                }
                (Some(_), true) => return Err(Trouble::new(Reason::Local, BECOMES_WITHOUT_TERMINAL)),
                (Some(becoming), false) => {
                    let payload = script::joined(&becoming.ahead(&nonce), &payload);
                    (payload, self.reader(&nonce, Streams::Apart, |_| becoming.line(by, &nonce)).await?)
                }
            };
            let (place, lead) = (reader.place.clone(), reader.lead);
            match self.follow(reader, payload, &mut started).await? {
                Some(end) => return Ok(end),
                // It led no process group, and left without beginning: once more, with `setsid`.
                None if place.saw_no_leader(lead) => {}
                None => {
                    let words = "the shell leads no process group, so that nothing could be ended later";
                    return Err(Trouble::new(Reason::NoShell, words));
                }
            }
        }
    }
}

/// Hands on what waits, or hears the next thing. Safe to cancel.
async fn listen(talk: &mut Talk, marker: &mut Marker, outlet: &mut Outlet) -> Heeded {
    if outlet.is_waiting() {
        outlet.hand_on().await;
        return Heeded::Output;
    }
    listen_on(talk, marker, outlet).await
}

/// Keeps what was said, but for our own lines.
fn said(stream: Stream, bytes: Bytes, marker: &mut Marker, outlet: &mut Outlet) -> Heeded {
    let mut marks = Vec::new();
    let rest = if stream == marker.stream { marker.take(bytes, &mut marks) } else { bytes };
    outlet.push(stream, rest);
    if marks.is_empty() { Heeded::Output } else { Heeded::Marks(marks) }
}

/// Hears the next thing whether or not there is room for it. Safe to cancel.
async fn listen_on(talk: &mut Talk, marker: &mut Marker, outlet: &mut Outlet) -> Heeded {
    match talk.hear().await {
        Heard::Out(bytes) => said(Stream::Out, bytes, marker, outlet),
        Heard::Err(bytes) => said(Stream::Err, bytes, marker, outlet),
        Heard::Exit(exit) => Heeded::Exit(exit),
        Heard::Closed => Heeded::Closed,
        Heard::Lost => Heeded::Lost,
    }
}

fn fresh_nonce() -> Result<Nonce, Trouble> {
    Nonce::fresh().map_err(|error| Trouble::new(Reason::Local, format!("no randomness: {error}")))
}

fn words(exit: &Exit) -> String {
    match exit {
        Exit::Status(status) => format!("exit {status}"),
        Exit::Signal(name) | Exit::OtherSignal(name) => format!("signal {name}"),
    }
}
