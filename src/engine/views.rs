//! Keeps the views in step with the ledger, without making whoever decides wait for them: events are collected, and
//! applied before the next question, when there are many, or when they have waited long enough.
//!
//! Invariant: views are asked only when they hold all that happened; otherwise the answer is that they do not.

use super::core::Happened;
use crate::store::Store;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Events that wait at most: a run's row is written once for many of its events, and a question soon after waits little.
const EVENTS_WAITING_MAX: usize = 256;

/// How long they wait while others come: what is lost by a crash is made up for from the ledger.
const WAIT_MS: u64 = 200;

/// Events kept for views that cannot be written: a disk that has room again a while later; beyond it a restart catches up.
const EVENTS_KEPT_MAX: usize = 8_192;

/// The views, and what they still lack.
#[derive(Clone, Debug)]
pub(super) struct Views {
    store: Store,
    lacking: Arc<Mutex<Lacking>>,
}

#[derive(Debug, Default)]
struct Lacking {
    events: Vec<Happened>,
    since: Option<Instant>,
    /// Too much was missed: only a restart makes up for it.
    lost: bool,
}

impl Views {
    pub fn new(store: Store) -> Self {
        Self { store, lacking: Arc::default() }
    }

    /// Presets and drafts, which are no views.
    pub fn forms(&self) -> &Store {
        &self.store
    }

    /// Takes what happened.
    pub fn take(&self, happened: &[Happened]) {
        let mut lacking = self.lacking();
        if lacking.lost || happened.is_empty() {
            return;
        }
        lacking.events.extend_from_slice(happened);
        let since = *lacking.since.get_or_insert_with(Instant::now);
        if lacking.events.len() < EVENTS_WAITING_MAX && since.elapsed() < Duration::from_millis(WAIT_MS) {
            return;
        }
        if let Err(error) = self.apply(&mut lacking) {
            tracing::error!(error, events = lacking.events.len(), "the views cannot be written");
            // The next attempt after a while: not with every event on a disk that refuses.
            lacking.since = Some(Instant::now());
        }
        if lacking.events.len() > EVENTS_KEPT_MAX {
            tracing::error!("the views fell behind; they are made up for at the next start");
            *lacking = Lacking { lost: true, ..Lacking::default() };
        }
    }

    /// The views as of now.
    ///
    /// # Errors
    /// In words, where they lack something: an answer would be wrong.
    pub fn whole(&self) -> Result<&Store, String> {
        let mut lacking = self.lacking();
        if lacking.lost {
            return Err("the views are behind the record: start the server again".to_owned());
        }
        self.apply(&mut lacking).map_err(|error| format!("the views are behind the record: {error}"))?;
        Ok(&self.store)
    }

    fn apply(&self, lacking: &mut Lacking) -> Result<(), String> {
        let group = lacking.events.iter().map(|one| (&one.recorded, one.run.as_ref()));
        self.store.apply(group).map_err(|error| error.to_string())?;
        lacking.events.clear();
        lacking.since = None;
        Ok(())
    }

    fn lacking(&self) -> MutexGuard<'_, Lacking> {
        // A panic half-way leaves events to be applied again, which changes nothing twice.
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
