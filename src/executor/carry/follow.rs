//! From a shell that reads to the end of what it ran: the script is sent, heard, timed, and ended where it must be.

use super::{Carrier, End, Heeded, Reader, listen, words};
use crate::domain::order::Job;
use crate::domain::run::Reason;
use crate::executor::marker::Mark;
use crate::executor::talk::{Delivery, Exit, Place};
use crate::executor::trouble::Trouble;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

/// After the exit, output may still come as long as it comes at all; after this much silence the host is asked whether it has said
/// all. What the script left behind may hold its output open for ever.
const AFTER_EXIT_SILENCE_MS: u64 = 1_000;

/// And no longer than this in all.
const AFTER_EXIT_MS_MAX: u64 = 20_000;

/// After a silence this long, held-back output is looked at again, so that a prompt is seen.
const HELD_MS_MAX: u64 = 200;

/// How far the shell has come with what it was sent.
enum Progress {
    /// It has not said that the script begins; here is who wants to know.
    Sent(Option<oneshot::Sender<u32>>),
    /// The script began.
    Begun,
}

/// Why the shell left without beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It leads no process group.
    NotLeading,
    /// The host lacks what the script is for.
    NoProgram,
}

impl Progress {
    fn has_begun(&self) -> bool {
        matches!(self, Self::Begun)
    }

    fn heed(&mut self, marks: Vec<Mark>, pid: u32) -> Result<(), Left> {
        for mark in marks {
            match mark {
                Mark::Begins => {
                    if let Self::Sent(Some(started)) = std::mem::replace(self, Self::Begun) {
                        // Whoever no longer wants to know has not asked us to stop.
                        let _ = started.send(pid);
                    }
                }
                Mark::NotLeading => return Err(Left::NotLeading),
                Mark::NoProgram => return Err(Left::NoProgram),
                Mark::Reads(_) => {}
            }
        }
        Ok(())
    }
}

/// How the listening ended after an exit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// The session closed: everything was heard.
    Heard,
    /// The host has said all it had to say, and something still holds the session open.
    Held,
    /// The way there broke, or the host fell silent: something may be missing.
    Lost,
}

impl Carrier<'_> {
    /// Sends the script and listens until the end. `None`: the shell left because it leads no process group.
    pub(super) async fn follow(
        &mut self,
        mut reader: Reader,
        payload: Zeroizing<Vec<u8>>,
        started: &mut Option<oneshot::Sender<u32>>,
    ) -> Result<Option<End>, Trouble> {
        let mut delivery: Delivery = reader.talk.deliver(payload);
        let (mut delivered, mut held_flushed) = (false, false);
        let mut progress = Progress::Sent(started.take());
        let begin = Instant::now();
        let idle = Duration::from_millis(self.order.limits.idle_ms);
        let mut last = begin;
        let step_timer = sleep_until(begin + Duration::from_millis(self.order.limits.step_ms));
        let idle_timer = sleep_until(begin + idle);
        tokio::pin!(step_timer, idle_timer);
        let cancel = self.cancel.clone();
        let why = loop {
            let waiting = self.outlet.is_waiting();
            tokio::select! {
                biased;
                () = cancel.cancelled() => break Reason::Aborted,
                () = &mut step_timer => break Reason::StepTimeout,
                // A host that waits for us is not silent: we are deaf.
                () = &mut idle_timer, if !waiting => {
                    if Instant::now() >= last + idle {
                        break Reason::IdleTimeout;
                    }
                    idle_timer.as_mut().reset(last + idle);
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
                        Heeded::Marks(marks) => {
                            reader.goes_on_as(&marks);
                            if let Err(left) = progress.heed(marks, reader.pid) {
                                return self.left(left, progress, started);
                            }
                        }
                        Heeded::Output => {}
                        Heeded::Exit(exit) => {
                            drop(delivery);
                            return self.after_exit(reader, exit, progress, started).await;
                        }
                        Heeded::Closed => {
                            self.outlet.push(reader.marker.stream, reader.marker.finish());
                            let words = "the session closed without an exit status".to_owned();
                            return Ok(Some(End::Unknown(Reason::NoExitStatus, words)));
                        }
                        Heeded::Lost => return Ok(Some(End::Unknown(Reason::ConnectionLost, why_lost(&reader.place)))),
                    }
                }
            }
        };
        drop(delivery);
        self.stop(reader, progress.has_begun(), why).await.map(Some)
    }

    /// The host has said how it ended: hears what is still on its way.
    async fn after_exit(
        &mut self,
        mut reader: Reader,
        exit: Exit,
        mut progress: Progress,
        started: &mut Option<oneshot::Sender<u32>>,
    ) -> Result<Option<End>, Trouble> {
        let until = Instant::now() + Duration::from_millis(AFTER_EXIT_MS_MAX);
        let mut answered = false;
        let rest = loop {
            let waiting = self.outlet.is_waiting();
            // What it said before its answer is here, and taken first.
            let quiet = if answered { Duration::ZERO } else { Duration::from_millis(AFTER_EXIT_SILENCE_MS) };
            let heeded = tokio::select! {
                biased;
                () = sleep_until(until), if !waiting => break if answered { Rest::Held } else { Rest::Lost },
                heeded = listen(&mut reader.talk, &mut reader.marker, &mut self.outlet) => heeded,
                () = sleep_until(Instant::now() + quiet), if !waiting => {
                    if answered {
                        break Rest::Held;
                    }
                    answered = reader.place.answers().await;
                    continue;
                }
            };
            match heeded {
                Heeded::Marks(marks) => {
                    reader.goes_on_as(&marks);
                    if let Err(left) = progress.heed(marks, reader.pid) {
                        return self.left(left, progress, started);
                    }
                }
                Heeded::Output | Heeded::Exit(_) => {}
                Heeded::Closed => break Rest::Heard,
                Heeded::Lost => break Rest::Lost,
            }
        };
        self.outlet.push(reader.marker.stream, reader.marker.finish());
        match rest {
            Rest::Heard => {}
            Rest::Held => {
                self.outlet.note("something the script left behind holds its output open; it is not followed");
            }
            Rest::Lost => self.outlet.note("after the exit status the host was heard no more: output may be missing"),
        }
        let lost = why_lost(&reader.place);
        reader.talk.leave().await;
        self.ended(exit, &progress, rest, lost)
    }

    fn ended(&self, exit: Exit, progress: &Progress, rest: Rest, lost: String) -> Result<Option<End>, Trouble> {
        let how = self.outlet.clean(&words(&exit));
        match (progress, rest) {
            // What was printed decides, and some of it may be missing.
            (Progress::Begun, Rest::Lost) if self.is_judged() => Ok(Some(End::Unknown(
                Reason::ConnectionLost,
                format!("it ended with {how}, but its output may be missing: {lost}"),
            ))),
            (Progress::Begun, Rest::Heard | Rest::Held | Rest::Lost) => Ok(Some(End::Exit(exit))),
            // It says so before the first word of the script: a shell that left without saying it never began.
            (Progress::Sent(_), Rest::Heard) => {
                let words = format!("the shell ended with {how} before the script began");
                Err(Trouble::new(Reason::NoShell, self.with_last_words(words)))
            }
            // Whether it said so was not heard.
            (Progress::Sent(_), Rest::Held | Rest::Lost) => Ok(Some(End::Unknown(
                Reason::ConnectionLost,
                format!("it ended with {how}; whether the script began was not heard"),
            ))),
        }
    }

    /// Where another try may help, it tells who wants to know that the script began.
    fn left(
        &self,
        left: Left,
        progress: Progress,
        started: &mut Option<oneshot::Sender<u32>>,
    ) -> Result<Option<End>, Trouble> {
        if let Progress::Sent(wants) = progress {
            *started = wants;
        }
        match left {
            Left::NotLeading => Ok(None),
            Left::NoProgram => {
                let reads = match &self.order.job {
                    Job::Script(delivery) => delivery.interpreter.words(),
                    Job::Reach | Job::Call(_) | Job::Copy(_) | Job::Vault(_) => String::new(),
                };
                let words = format!("`{reads}` cannot read a script here: install it, or write the step for sh");
                Err(Trouble::new(Reason::NoInterpreter, words))
            }
        }
    }
}

fn why_lost(place: &Place) -> String {
    match place {
        Place::Ssh(connection) => connection.why_lost(),
        Place::Local(_) => "the process could not be waited for".to_owned(),
    }
}
