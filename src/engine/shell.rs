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
use tokio_util::sync::CancellationToken;

/// How often the wall clock is compared with the monotonic one.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

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
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                if core.world().serving.goal().is_some() {
                    // Whoever was given its time and did not end is cut off here, and the record says so.
                    core.commit(&[Request::of_engine(Ask::Server(Want::End))], clock.now());
                }
                tokio::task::spawn_blocking(move || library.close()).await.ok();
                return None;
            }
            taken = requests.recv_many(&mut waiting, REQUESTS_WAITING_MAX) => if taken == 0 { return None },
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
                return Some("the writer broke off; restart to recover from the ledger".to_owned());
            }
        }
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
