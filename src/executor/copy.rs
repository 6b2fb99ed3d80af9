//! One file put on a host by SFTP: written beside its place, read back, what is there kept, and then moved over it in one step.
//!
//! Until that step is asked for, the host's file is what it was: what fails before has failed for certain. Whoever did not hear the
//! answer to it cannot tell, nor can anybody whose connection broke.

use super::Executor;
use super::ending::way;
use super::output::{Chunk, Outlet, clip_back};
use super::ssh::sftp::{Sftp, Unable};
use super::trouble::Trouble;
use crate::domain::copy::{Beside, FileCopy};
use crate::domain::order::{CellResult, Order, Outcome, OutputSummary, SAW_BYTES_MAX};
use crate::domain::run::Reason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// Longest we wait for a host to answer once more when copying is given up.
const GIVING_UP_MS_MAX: u64 = 5_000;

/// Carries out one copy.
pub(super) async fn carry_out(
    executor: &Executor,
    order: &Order,
    file: &FileCopy,
    out: mpsc::Sender<Chunk>,
    cancel: CancellationToken,
) -> Outcome {
    let mut outlet = Outlet::new(order.key, out, executor.secrets.masks(order.key.run), order.withhold);
    let opened = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Trouble::new(Reason::Aborted, "stopped before anything was sent")),
        opened = open(executor, order) => opened,
    };
    let (result, saw) = match opened {
        Err(trouble) => (CellResult::Refused(trouble.reason), trouble.words),
        Ok(sftp) => {
            let (bytes, digest) = (file.file.text.len(), file.digest());
            outlet.note(&format!("{} to {} by SFTP: {bytes} bytes, SHA-256 {digest}", file.file.path, file.to));
            let put = Put { sftp, file, beside: file.beside(order.key.run), asked: AtomicBool::new(false) };
            let until = Instant::now() + Duration::from_millis(order.limits.step_ms);
            let (result, saw) = tokio::select! {
                biased;
                done = put.replace() => put.came_to(done).await,
                () = cancel.cancelled() => put.give_up(Reason::Aborted).await,
                () = sleep_until(until) => put.give_up(Reason::StepTimeout).await,
            };
            if let CellResult::Unknown(_) = result {
                executor.pool.forget(order.key.run, &order.host.name);
            }
            outlet.note(&saw);
            (result, saw)
        }
    };
    outlet.finish().await;
    let saw = clip_back(&outlet.clean(&saw), SAW_BYTES_MAX);
    Outcome { result, output: OutputSummary::nothing(), saw, used: Vec::new(), published: Vec::new() }
}

/// Connects, and begins SFTP. Nothing of the file has left by then.
async fn open(executor: &Executor, order: &Order) -> Result<Sftp, Trouble> {
    let (way, patience) = (way(order), Duration::from_millis(order.limits.idle_ms));
    let mut until = Instant::now() + Duration::from_millis(order.limits.connect_ms);
    let late = |_| executor.late(order);
    let mut first = true;
    loop {
        let connecting = executor.pool.connect(order.key.run, &way);
        let connection = timeout_at(until, connecting).await.unwrap_or_else(|over| Err(late(over)))?;
        let waits = Instant::now();
        let room = connection.room().await;
        // Others of our own were in the way, not the host.
        until += waits.elapsed();
        match timeout_at(until, connection.sftp(room, patience)).await.unwrap_or_else(|over| Err(late(over))) {
            // The connection of an earlier order ended meanwhile: nothing was sent, so one more try is no repetition.
            Err(trouble) if trouble.reason == Reason::ConnectionLost && first => first = false,
            other => return other,
        }
    }
}

struct Put<'a> {
    sftp: Sftp,
    file: &'a FileCopy,
    beside: Beside,
    /// Whether the host was asked to replace the file.
    asked: AtomicBool,
}

impl Put<'_> {
    /// Says what was done.
    async fn replace(&self) -> Result<String, Unable> {
        let Self { sftp, file: FileCopy { file, to, mode, .. }, beside, asked } = self;
        let text = file.text.as_bytes();
        let there = sftp.look(to).await?;
        if there.is_some_and(|there| !there.is_file) {
            return Err(Unable::Said(format!("{to} is no regular file: name the file itself")));
        }
        let same = |read: Vec<u8>| read == text;
        if there.is_some_and(|there| there.bytes == text.len() as u64 && there.mode == *mode)
            // One that this login may not read is replaced.
            && sftp.read(to, text.len()).await.is_ok_and(same)
        {
            return Ok(format!("{to} is already so"));
        }
        sftp.write(&beside.part, text, *mode).await?;
        if !same(sftp.read(&beside.part, text.len()).await?) {
            return Err(Unable::Said(format!("{} reads back otherwise than it was written", beside.part)));
        }
        if let Some(there) = there {
            let ours = sftp.look(&beside.part).await?.map(|part| part.owner);
            if ours != Some(there.owner) {
                sftp.give(&beside.part, there.owner).await.map_err(|unable| match unable {
                    Unable::Said(_) => {
                        let (user, group) = there.owner;
                        Unable::Said(format!(
                            "{to} belongs to user {user}, group {group}, and this login cannot give files to them"
                        ))
                    }
                    unheard => unheard,
                })?;
            }
        }
        // What an earlier try of this run has kept is what was there before the run.
        let mut kept = None;
        if sftp.look(&beside.before).await?.is_none() && sftp.look(&beside.absent).await?.is_none() {
            kept = Some(match there {
                Some(_) => {
                    sftp.link(to, &beside.before).await?;
                    &beside.before
                }
                None => {
                    sftp.write(&beside.absent, b"", 0o600).await?;
                    &beside.absent
                }
            });
        }
        asked.store(true, Ordering::SeqCst);
        if let Err(unable) = sftp.replace(&beside.part, to).await {
            // Refused for certain: nothing says any more that this run changed something.
            if let (Unable::Said(_), Some(kept)) = (&unable, kept) {
                sftp.remove(kept).await?;
            }
            return Err(unable);
        }
        Ok(match there {
            Some(_) => format!("{to} is replaced; what was there is kept as {}", beside.before),
            None => format!("{to} is there; there was none before"),
        })
    }

    async fn came_to(&self, done: Result<String, Unable>) -> (CellResult, String) {
        match done {
            Ok(words) => (CellResult::Ok, words),
            Err(Unable::Said(words)) => {
                let _ = self.clear_away().await;
                (CellResult::Failed(Reason::NotAsExpected), words)
            }
            Err(Unable::Unheard(why, words)) => (CellResult::Unknown(why), words),
        }
    }

    /// Ends the copying. A host that still answers has not been asked to replace the file, and will not be.
    async fn give_up(&self, why: Reason) -> (CellResult, String) {
        let to = &self.file.to;
        if self.asked.load(Ordering::SeqCst) {
            return (CellResult::Unknown(why), format!("ended while {to} was replaced: whether it was cannot be told"));
        }
        match self.clear_away().await {
            Ok(()) | Err(Unable::Said(_)) => (CellResult::Failed(why), format!("ended before {to} was replaced")),
            Err(Unable::Unheard(_, words)) => (CellResult::Unknown(why), words),
        }
    }

    /// Removes what was written, where the host answers soon.
    async fn clear_away(&self) -> Result<(), Unable> {
        let removed = timeout(Duration::from_millis(GIVING_UP_MS_MAX), self.sftp.remove(&self.beside.part));
        removed
            .await
            .unwrap_or_else(|_| Err(Unable::Unheard(Reason::IdleTimeout, "the host answers no more".to_owned())))
    }
}
