//! The asynchronous shell around the synchronous core: collects what is asked, has it committed as one group, publishes, answers.

use super::clock::{self, Clock};
use super::core::{Committed, Core, Request};
use super::fetch::Library;
use super::handle::{REQUESTS_WAITING_MAX, Waiting};
use super::tally::Tally;
use crate::domain::serving::Want;
use crate::domain::{Ask, World};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the wall clock is compared with the monotonic one.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// How long an event may be recorded without being signed for; the signing itself then ends within a second of it.
const SIGN_WITHIN: Duration = Duration::from_millis(800);

const BROKE_OFF: &str = "the writer broke off; restart to recover from the ledger";

/// Serves the writer until it is stopped or its storage fails for good. Returns why, where it failed.
pub(super) async fn serve(
    mut core: Core,
    mut requests: mpsc::Receiver<Waiting>,
    world: watch::Sender<Arc<World>>,
    (library, tally): (Library, Arc<Tally>),
    mut clock: Clock,
    stop: CancellationToken,
) -> Option<String> {
    let mut waiting = Vec::new();
    let mut check = tokio::time::interval(CLOCK_CHECK);
    // When what is recorded is signed for at the latest; `None`: it is.
    let mut sign_by = core.is_unsigned().then(Instant::now);
    loop {
        let due = sign_by;
        // Looked at first: whoever asks without a pause must not put it off.
        if due.is_some_and(|due| due <= Instant::now()) {
            match tokio::task::spawn_blocking(move || (core.sign(), core)).await {
                Ok((None, back)) => core = back,
                Ok((fatal, _)) => return fatal,
                Err(_) => return Some(BROKE_OFF.to_owned()),
            }
            sign_by = None;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                if core.world().serving.goal().is_some() {
                    // Whoever was given its time and did not end is cut off here, and the record says so.
                    core.commit(&[Request::of_engine(Ask::Server(Want::End))], clock.now());
                }
                let closing = move || {
                    library.close();
                    core.sign()
                };
                return tokio::task::spawn_blocking(closing).await.unwrap_or(None);
            }
            taken = requests.recv_many(&mut waiting, REQUESTS_WAITING_MAX) => if taken == 0 { return None },
            () = tokio::time::sleep_until(sign_by.unwrap_or_else(Instant::now)), if sign_by.is_some() => continue,
            _ = check.tick() => {
                let Some(by_ms) = clock.jumped(clock::wall()) else { continue };
                let (reply, _) = tokio::sync::oneshot::channel();
                waiting.push((Request::of_engine(Ask::ClockJumped { by_ms }), reply));
            }
        }
        let at = clock.now();
        let (group, replies): (Vec<Request>, Vec<_>) = waiting.drain(..).unzip();
        let views = library.clone();
        tally.begins();
        let committing = tokio::task::spawn_blocking(move || {
            let committed = core.commit(&group, at);
            // Before anybody is answered: whoever asks next has it applied first.
            views.take(&committed.happened);
            (core, committed)
        });
        let committed: Committed;
        match committing.await {
            Ok(done) => (core, committed) = done,
            Err(_) => {
                return Some(BROKE_OFF.to_owned());
            }
        }
        sign_by = match core.is_unsigned() {
            true => sign_by.or_else(|| Some(Instant::now() + SIGN_WITHIN)),
            false => None,
        };
        tally.take(&committed);
        world.send_replace(Arc::clone(core.world()));
        for (reply, answer) in replies.into_iter().zip(committed.replies) {
            // Whoever asked may be gone; what was decided stands.
            reply.send(answer).ok();
        }
        if committed.fatal.is_some() {
            return committed.fatal;
        }
    }
}
