//! Views over the ledger: history, search, presets, drafts.
//!
//! Invariant: never the only copy of evidence. Whatever stands here but presets and drafts is made again from the ledger
//! when it is missing, damaged or of an older format; what it holds and how far it got change in one atomic batch.
//! Deliberately absent: anything a decision depends on.

mod keys;
mod query;

#[cfg(test)]
mod tests;

use crate::domain::query::{AuditRow, HistoryRow, Preset};
use crate::domain::run::Run;
use crate::domain::{PersonId, Recorded, RunId, WorkspaceId, history, words};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Changes with what rows hold: an older store is made again.
const FORMAT: u32 = 2;

/// Memory sled may use for pages: the hot end of a long history, on a bastion that does other things too.
const CACHE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// Why a view could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the store: {0}")]
pub struct StoreError(String);

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The views of a data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    views: sled::Tree,
    kept: sled::Tree,
    db: sled::Db,
}

/// A run's row with what only the indices need.
#[derive(Serialize, Deserialize)]
struct Stored {
    row: HistoryRow,
    hosts: Vec<String>,
}

impl Store {
    /// Opens the views of the ledger with this origin and size in `dir`. Views of another ledger, of another format, ahead
    /// of the ledger or damaged are set aside; presets and drafts go with damaged ones alone.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn open(dir: &Path, origin: &str, size: u64) -> Result<Self, StoreError> {
        let store = match open_whole(dir) {
            Some(store) => store,
            None => {
                set_aside(dir)?;
                open_whole(dir)
                    .ok_or_else(|| StoreError(format!("{} cannot be opened, not even anew", dir.display())))?
            }
        };
        let header = format!("{FORMAT} {origin}");
        let fits = store.views.get(keys::HEADER)?.is_some_and(|found| found == header.as_bytes());
        if !fits || store.applied() > size {
            store.views.clear()?;
            store.views.insert(keys::HEADER, header.as_bytes())?;
        }
        Ok(store)
    }

    /// How many events the views hold: the next one they need.
    pub fn applied(&self) -> u64 {
        self.number(keys::APPLIED)
    }

    /// Takes an event, and the run it was about as it stood afterwards.
    ///
    /// # Errors
    /// It could not be written; the views are then behind and are made up for at the next start.
    pub fn apply(&self, recorded: &Recorded, run: Option<&Arc<Run>>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let mut count = self.number(keys::COUNT);
        let audit = AuditRow {
            index: recorded.index,
            at: recorded.at,
            by: recorded.by.clone(),
            kind: words::kind(&recorded.event),
            run: recorded.event.run(),
            summary: words::event(&recorded.event, &recorded.details, run.map(|run| &*run.plan)),
        };
        batch.insert(keys::audit(audit.index), serde_json::to_vec(&audit)?);
        count += 1;
        for key in keys::of_event(&audit) {
            batch.insert(key, b"");
            count += 1;
        }
        if let Some(run) = run {
            let now = Stored { row: history::row(run), hosts: hosts(run) };
            let key = keys::history(run.id);
            let before = self.views.get(&key)?.map(|bytes| serde_json::from_slice::<Stored>(&bytes)).transpose()?;
            let old = before.as_ref().map(|before| keys::of_run(&before.row, &before.hosts)).unwrap_or_default();
            let new = keys::of_run(&now.row, &now.hosts);
            for gone in old.iter().filter(|key| !new.contains(key)) {
                batch.remove(gone.as_slice());
                count -= 1;
            }
            for fresh in new.iter().filter(|key| !old.contains(key)) {
                batch.insert(fresh.as_slice(), b"");
                count += 1;
            }
            count += u64::from(before.is_none());
            batch.insert(key, serde_json::to_vec(&now)?);
        }
        batch.insert(keys::APPLIED, &(recorded.index + 1).to_be_bytes());
        batch.insert(keys::COUNT, &count.to_be_bytes());
        self.views.apply_batch(batch)?;
        Ok(())
    }

    /// The workspace of a run.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn workspace_of(&self, run: RunId) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self.stored(run)?.map(|stored| stored.row.workspace))
    }

    /// Ledger indices of a run's events, in order.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn events_of(&self, run: RunId) -> Result<Vec<u64>, StoreError> {
        let found = self.views.scan_prefix(keys::events_of(run)).keys();
        found.map(|key| Ok(keys::number(&key?).unwrap_or_default())).collect()
    }

    /// Keeps a form in place of the preset of this name, or of the draft for this runbook and workspace.
    ///
    /// # Errors
    /// It could not be written.
    pub fn keep(&self, person: &PersonId, form: &Preset) -> Result<(), StoreError> {
        self.kept.insert(keys::kept(person, form), serde_json::to_vec(form)?)?;
        Ok(())
    }

    /// Forgets the preset of this name, or the draft for this runbook and workspace, and no other.
    ///
    /// # Errors
    /// It could not be written.
    pub fn forget(&self, person: &PersonId, form: &Preset) -> Result<(), StoreError> {
        self.kept.remove(keys::kept(person, form))?;
        Ok(())
    }

    /// A person's presets and drafts, by name.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn kept(&self, person: &PersonId) -> Result<Vec<Preset>, StoreError> {
        let mine = self.kept.scan_prefix(keys::kept_by(person)).values();
        mine.map(|value| Ok(serde_json::from_slice(&value?)?)).collect()
    }

    /// Hands everything to the disk; the next open finds it as it is now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn close(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        Ok(())
    }

    fn stored(&self, run: RunId) -> Result<Option<Stored>, StoreError> {
        let found = self.views.get(keys::history(run))?;
        Ok(found.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    fn number(&self, key: &[u8]) -> u64 {
        self.views.get(key).ok().flatten().and_then(|bytes| keys::number(&bytes)).unwrap_or(0)
    }

    /// Whether every row and index the store says it has is there and can be read.
    fn is_whole(&self) -> bool {
        let mut rows = 0u64;
        for found in &self.views {
            match found {
                Ok((key, _)) => rows += u64::from(!key.starts_with(b"m/")),
                Err(_) => return false,
            }
        }
        rows == self.number(keys::COUNT) && self.kept.iter().all(|found| found.is_ok())
    }
}

fn hosts(run: &Run) -> Vec<String> {
    run.plan.hosts.iter().map(|host| host.name.to_string()).collect()
}

/// Opens sled and reads it through. After a hard stop sled may refuse or panic at open, and a cut file may open with rows
/// missing: either way the answer is `None`, and the views are made anew.
fn open_whole(dir: &Path) -> Option<Store> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES_MAX).open().ok()?;
        let (views, kept) = (db.open_tree("views").ok()?, db.open_tree("kept").ok()?);
        let store = Store { views, kept, db };
        store.is_whole().then_some(store)
    }));
    opened.ok().flatten()
}

/// Moves a damaged store out of the way; the one set aside before it is gone then.
fn set_aside(dir: &Path) -> Result<(), StoreError> {
    let aside = dir.with_extension("damaged");
    if aside.exists() {
        std::fs::remove_dir_all(&aside)?;
    }
    if dir.exists() {
        std::fs::rename(dir, &aside)?;
    }
    tracing::warn!(dir = %aside.display(), "the store was damaged and is made again from the ledger");
    Ok(())
}
