//! Tells a collector what ran, once it has ended: a trace a run, a span a step on a host (OTLP over HTTP, as JSON).
//!
//! Invariants: no run waits for it; a collector that is away costs three tries and a line in the log; the site's `[egress]` names
//! where it may be, as of everything else the server asks.

use super::handle::Handle;
use crate::connect::{self, CallError, Request};
use crate::domain::call::authority;
use crate::domain::{RunId, trace};
use std::collections::BTreeSet;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a collector may take.
const TIMEOUT_MS: u64 = 5_000;

/// Pauses between tries.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// Works until the engine stops. What had ended before is told already, or was never to be.
pub async fn tell(handle: Handle, url: String) {
    let mut world = handle.world();
    let now = world.borrow_and_update().clone();
    let over = |world: &crate::domain::World| -> BTreeSet<RunId> {
        world.runs.values().filter(|run| run.ended.is_some()).map(|run| run.id).collect()
    };
    let mut told = over(&now);
    loop {
        tokio::select! {
            () = handle.stop.cancelled() => return,
            changed = world.changed() => if changed.is_err() { return },
        }
        let now = world.borrow_and_update().clone();
        let ended = over(&now);
        for run in ended.difference(&told).filter_map(|id| now.run(*id)) {
            for document in trace::documents(&now.origin, env!("CARGO_PKG_VERSION"), run) {
                tokio::select! {
                    () = handle.stop.cancelled() => return,
                    came = send(&handle, &url, document.to_string()) => if let Err(why) = came {
                        tracing::warn!(run = run.id.0, why, "the trace of a run was not taken");
                        break;
                    }
                }
            }
        }
        told = ended;
    }
}

async fn send(handle: &Handle, url: &str, body: String) -> Result<(), String> {
    let place = authority(url)?.place;
    if !handle.world.borrow().site.as_ref().is_some_and(|site| site.egress.contains(&place)) {
        return Err(format!("{place} is not named under [egress] allow"));
    }
    let mut pauses = RETRIES.into_iter();
    loop {
        let json = ("Content-Type".to_owned(), Zeroizing::new("application/json".to_owned()));
        let body = Some(Zeroizing::new(body.clone()));
        let request =
            Request { method: "POST", url: url.to_owned(), headers: vec![json], body, timeout_ms: TIMEOUT_MS };
        let why = match connect::send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
            Ok(answer) => format!("it answered {}", answer.status),
            Err(CallError::NotSent(why) | CallError::NotHeard(why)) => why,
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(why),
        }
    }
}
