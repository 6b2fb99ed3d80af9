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
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Changes with what rows hold: an older store is made again.
const FORMAT: u32 = 3;

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

/// An event, and the run it was about as it stood afterwards.
pub type Happened<'a> = (&'a Recorded, Option<&'a Arc<Run>>);

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

    /// Takes a group of events, all or none. Of a run only its last state counts, so a group costs a run's row once.
    ///
    /// # Errors
    /// It could not be written; the views are then behind and are made up for at the next start.
    pub fn apply<'a>(&self, group: impl IntoIterator<Item = Happened<'a>>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let mut count = self.number(keys::COUNT);
        let mut applied = None;
        let mut runs: BTreeMap<RunId, &Arc<Run>> = BTreeMap::new();
        for (recorded, run) in group {
            let audit = AuditRow {
                index: recorded.index,
                at: recorded.at,
                by: recorded.by.clone(),
                kind: words::kind(&recorded.event).to_owned(),
                run: recorded.event.run(),
                summary: words::event(&recorded.event, &recorded.details, run.map(|run| &*run.plan)),
            };
            batch.insert(keys::audit(audit.index), serde_json::to_vec(&audit)?);
            count += 1;
            for key in keys::of_event(&audit) {
                batch.insert(key, b"");
                count += 1;
            }
            applied = Some(recorded.index + 1);
            runs.extend(run.map(|run| (run.id, run)));
        }
        let Some(applied) = applied else {
            return Ok(());
        };
        for run in runs.into_values() {
            count = self.put_run(run, count, &mut batch)?;
        }
        batch.insert(keys::APPLIED, &applied.to_be_bytes());
        batch.insert(keys::COUNT, &count.to_be_bytes());
        self.views.apply_batch(batch)?;
        Ok(())
    }

    /// Adds a run's row and what has changed of its indices to `batch`; how many keys there are then, of `count` before.
    fn put_run(&self, run: &Run, mut count: u64, batch: &mut sled::Batch) -> Result<u64, StoreError> {
        let now = history::row(run);
        let before = self.row(run.id)?;
        if before.as_ref() == Some(&now) {
            return Ok(count);
        }
        let old = before.as_ref().map(keys::of_run).unwrap_or_default();
        let new = keys::of_run(&now);
        for gone in old.iter().filter(|key| !new.contains(key)) {
            batch.remove(gone.as_slice());
            count -= 1;
        }
        for fresh in new.iter().filter(|key| !old.contains(key)) {
            batch.insert(fresh.as_slice(), b"");
            count += 1;
        }
        if before.is_none() {
            // Its hosts never change: what was approved is what runs.
            for key in keys::hosts_of_run(run) {
                batch.insert(key, b"");
                count += 1;
            }
            count += 1;
        }
        batch.insert(keys::history(run.id), serde_json::to_vec(&now)?);
        Ok(count)
    }

    /// The workspace of a run.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn workspace_of(&self, run: RunId) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self.row(run)?.map(|row| row.workspace))
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

    fn row(&self, run: RunId) -> Result<Option<HistoryRow>, StoreError> {
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
