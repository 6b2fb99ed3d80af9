//! One order, from connection to outcome.
//!
//! What can be said about an order that did not end well depends on how far it got. Until a shell of ours has said that it reads
//! its input no byte of the script has left: `Refused`. From then on only the host knows: its exit status, or the sight
//! of an empty process group, makes `Failed`; anything less is `Unknown`.

mod begin;
mod finish;

use super::Executor;
use super::marker::{Mark, Marker};
use super::output::{Chunk, Outlet, clip_back};
use super::script::{self, Nonce};
use super::talk::{Delivery, Exit, Heard, Place, Talk};
use super::trouble::Trouble;
use crate::domain::order::{self, CellResult, Job, Order, Outcome, OutputSummary, SAW_BYTES_MAX, Stream};
use crate::domain::run::Reason;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// After the exit, output may still come as long as it comes at all; this much silence ends it. What the script left
/// behind may hold its output open for ever.
const AFTER_EXIT_SILENCE_MS: u64 = 1_000;

/// And no longer than this in all.
const AFTER_EXIT_MS_MAX: u64 = 20_000;

/// After a silence this long, held-back output is looked at again, so that a prompt is seen.
const HELD_MS_MAX: u64 = 200;

/// Longest we wait for the output of something that was seen to be gone.
const AFTER_ENDING_MS_MAX: u64 = 2_000;

/// Carries out `order`.
pub(super) async fn carry_out(
    executor: &Executor,
    order: &Order,
    out: mpsc::Sender<Chunk>,
    started: oneshot::Sender<u32>,
    cancel: CancellationToken,
) -> Outcome {
    let outlet = Outlet::new(order.key, out, executor.secrets.masks(order.key.run));
    let connect_until = Instant::now() + Duration::from_millis(order.limits.connect_ms);
    let mut carrier = Carrier { executor, order, outlet, cancel, connect_until };
    let end = match &order.job {
        Job::Reach => carrier.reach().await,
        Job::Script(delivery) => carrier.script(delivery, started).await,
    };
    carrier.outlet.finish().await;
    let (result, saw) = match end {
        Ok(end) => carrier.verdict(end),
        Err(trouble) => (CellResult::Refused(trouble.reason), trouble.words),
    };
    let saw = clip_back(&carrier.outlet.clean(&saw), SAW_BYTES_MAX);
    Outcome { result, output: OutputSummary::nothing(), saw }
}

struct Carrier<'a> {
    executor: &'a Executor,
    order: &'a Order,
    outlet: Outlet,
    cancel: CancellationToken,
    connect_until: Instant,
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
    talk: Talk,
    marker: Marker,
    pid: u32,
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
        let mut reader = self.reader(&nonce, |_| script::probe_line(&nonce)).await?;
        let until = self.connect_until;
        // The probe reads nothing and ends by itself.
        reader.talk.deliver(Zeroizing::new(Vec::new())).await;
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
        let run = self.order.key.run;
        let fetching = self.executor.secrets.fetch(run, &delivery.secrets, &self.executor.resolve);
        let secrets = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Trouble::new(Reason::Aborted, "ended before it began")),
            fetched = timeout_at(self.connect_until, fetching) => fetched.unwrap_or_else(|_| {
                Err(Trouble::new(Reason::SecretMissing, "fetching the secrets took longer than reaching a host may"))
            })?,
        };
        let mut started = Some(started);
        loop {
            let nonce = fresh_nonce()?;
            let payload = script::payload(&nonce, delivery, &secrets)
                .map_err(|error| Trouble::new(Reason::Local, error.to_string()))?;
            let reader = self.reader(&nonce, |place| script::line(delivery.interpreter, &nonce, place.lead())).await?;
            let place = reader.place.clone();
            match self.follow(reader, payload, &mut started).await? {
                Some(end) => return Ok(end),
                // It led no process group, and left without beginning: once more, with `setsid`.
                None if place.saw_no_leader() => {}
                None => {
                    let words = "the shell leads no process group, so that nothing could be ended later";
                    return Err(Trouble::new(Reason::NoShell, words));
                }
            }
        }
    }

    /// Sends the script and listens until the end. `None`: the shell left because it leads no process group.
    async fn follow(
        &mut self,
        mut reader: Reader,
        payload: Zeroizing<Vec<u8>>,
        started: &mut Option<oneshot::Sender<u32>>,
    ) -> Result<Option<End>, Trouble> {
        let mut delivery: Delivery = reader.talk.deliver(payload);
        let (mut delivered, mut begun, mut held_flushed) = (false, false, false);
        let mut exit: Option<(Exit, Instant)> = None;
        let begin = Instant::now();
        let step_until = begin + Duration::from_millis(self.order.limits.step_ms);
        let idle = Duration::from_millis(self.order.limits.idle_ms);
        let mut last = begin;
        let step_timer = sleep_until(step_until);
        let idle_timer = sleep_until(begin + idle);
        tokio::pin!(step_timer, idle_timer);
        let cancel = self.cancel.clone();
        let why = loop {
            let waiting = self.outlet.is_waiting();
            let running = exit.is_none();
            let exit_until = exit.as_ref().map_or(begin, |(_, at)| {
                (last.max(*at) + Duration::from_millis(AFTER_EXIT_SILENCE_MS))
                    .min(*at + Duration::from_millis(AFTER_EXIT_MS_MAX))
            });
            tokio::select! {
                biased;
                () = cancel.cancelled(), if running => break Reason::Aborted,
                () = &mut step_timer, if running => break Reason::StepTimeout,
                // A host that waits for us is not silent: we are deaf.
                () = &mut idle_timer, if running && !waiting => {
                    if Instant::now() >= last + idle {
                        break Reason::IdleTimeout;
                    }
                    idle_timer.as_mut().reset(last + idle);
                }
                () = sleep_until(exit_until), if !running && !waiting => {
                    self.outlet.note("something the script left behind holds its output open; it is not followed");
                    reader.talk.leave().await;
                    return self.ended(begun, exit);
                }
                () = &mut delivery, if !delivered => delivered = true,
                () = sleep_until(last + Duration::from_millis(HELD_MS_MAX)), if self.outlet.is_holding() && !held_flushed && !waiting => {
                    held_flushed = true;
                    self.outlet.flush_idle();
                }
                heeded = listen(&mut reader.talk, &mut reader.marker, &mut self.outlet) => {
                    last = Instant::now();
                    held_flushed = false;
                    match heeded {
                        Heeded::Marks(marks) => for mark in marks {
                            match mark {
                                Mark::Begins => {
                                    begun = true;
                                    if let Some(started) = started.take() {
                                        // Whoever no longer wants to know has not asked us to stop.
                                        let _ = started.send(reader.pid);
                                    }
                                }
                                Mark::NotLeading => return Ok(None),
                                Mark::Reads(_) => {}
                            }
                        },
                        Heeded::Output => {}
                        Heeded::Exit(how) => exit = Some((how, last)),
                        Heeded::Closed => {
                            self.outlet.push(Stream::Err, reader.marker.finish());
                            return self.ended(begun, exit);
                        }
                        Heeded::Lost if exit.is_some() => return self.ended(begun, exit),
                        Heeded::Lost => {
                            let words = match &reader.place {
                                Place::Ssh(connection) => connection.why_lost(),
                                Place::Local(_) => "the process could not be waited for".to_owned(),
                            };
                            return Ok(Some(End::Unknown(Reason::ConnectionLost, words)));
                        }
                    }
                }
            }
        };
        drop(delivery);
        Ok(Some(self.stop(reader, begun, why).await))
    }

    fn ended(&self, begun: bool, exit: Option<(Exit, Instant)>) -> Result<Option<End>, Trouble> {
        match exit {
            Some((exit, _)) if begun => Ok(Some(End::Exit(exit))),
            // It says so before the first word of the script: a shell that left without saying it never began.
            Some((exit, _)) => {
                let words =
                    format!("the shell ended with {} before the script began", self.outlet.clean(&words(&exit)));
                Err(Trouble::new(Reason::NoShell, self.with_last_words(words)))
            }
            None => {
                Ok(Some(End::Unknown(Reason::NoExitStatus, "the session closed without an exit status".to_owned())))
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

/// Hears the next thing whether or not there is room for it. Safe to cancel.
async fn listen_on(talk: &mut Talk, marker: &mut Marker, outlet: &mut Outlet) -> Heeded {
    match talk.hear().await {
        Heard::Out(bytes) => outlet.push(Stream::Out, bytes),
        Heard::Err(bytes) => {
            let mut marks = Vec::new();
            outlet.push(Stream::Err, marker.take(bytes, &mut marks));
            if !marks.is_empty() {
                return Heeded::Marks(marks);
            }
        }
        Heard::Exit(exit) => return Heeded::Exit(exit),
        Heard::Closed => return Heeded::Closed,
        Heard::Lost => return Heeded::Lost,
    }
    Heeded::Output
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
