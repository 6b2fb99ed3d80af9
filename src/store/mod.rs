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
use crate::domain::{PersonId, Recorded, RunId, history, words};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Changes with what rows hold: an older store is made again.
const FORMAT: u32 = 5;

/// Memory sled may use for pages: the hot end of a long history, on a bastion that does other things too.
const CACHE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// How often a store that the disk refuses is opened before that is believed: sled lets go of its files in a thread of its own.
const OPEN_TRIES_MAX: u32 = 20;

/// How long between two tries: one second in all.
const OPEN_RETRY: Duration = Duration::from_millis(50);

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
    /// of the ledger or damaged are made again; damaged ones are kept beside, and what can be read of presets and drafts stays.
    ///
    /// # Errors
    /// The directory cannot be used, or not now.
    pub fn open(dir: &Path, origin: &str, size: u64) -> Result<Self, StoreError> {
        let store = match open_whole(dir)? {
            Opened::Whole(store) => store,
            Opened::Damaged(forms) => {
                set_aside(dir)?;
                let Opened::Whole(store) = open_whole(dir)? else {
                    return Err(StoreError(format!("{} cannot be opened, not even anew", dir.display())));
                };
                for (key, form) in forms {
                    store.kept.insert(key, form)?;
                }
                store
            }
        };
        let header = format!("{FORMAT} {origin}");
        let fits = store.views.get(keys::HEADER)?.is_some_and(|found| found == header.as_bytes());
        if fits && store.applied() > size {
            let (views, ledger) = (store.applied(), size);
            tracing::error!(
                views,
                ledger,
                "the ledger has fewer events than were seen before: were its last ones lost?"
            );
        }
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
                workspace: recorded.event.workspace().cloned(),
                summary: words::event(&recorded.event, &recorded.details, run.map(|run| &*run.plan)),
            };
            count += put_row(&audit, &mut batch)?;
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

    /// Takes one of the ledger's own events.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn apply_own(&self, row: &AuditRow) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let count = self.number(keys::COUNT) + put_row(row, &mut batch)?;
        batch.insert(keys::APPLIED, &(row.index + 1).to_be_bytes());
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
        let mut mine = Vec::new();
        for value in self.kept.scan_prefix(keys::kept_by(person)).values() {
            match serde_json::from_slice(&value?) {
                Ok(form) => mine.push(form),
                // Of another version: it must not hide the others.
                Err(error) => tracing::warn!(%person, %error, "a preset or draft cannot be read"),
            }
        }
        Ok(mine)
    }

    /// Hands everything to the disk; the next open finds it as it is now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn close(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        Ok(())
    }

    /// A run's row.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn row(&self, run: RunId) -> Result<Option<HistoryRow>, StoreError> {
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

/// Adds an event's row and its indices to `batch`; how many keys that are.
fn put_row(row: &AuditRow, batch: &mut sled::Batch) -> Result<u64, StoreError> {
    batch.insert(keys::audit(row.index), serde_json::to_vec(row)?);
    let mut count = 1;
    for key in keys::of_event(row) {
        batch.insert(key, b"");
        count += 1;
    }
    Ok(count)
}

/// What stands in a store's directory.
enum Opened {
    Whole(Store),
    /// With the presets and drafts that can be read.
    Damaged(Vec<(sled::IVec, sled::IVec)>),
}

/// Opens sled and reads it through. After a hard stop sled may refuse or panic at open, and a cut file may open with rows
/// missing: then the views are made anew.
///
/// # Errors
/// The disk refuses, which says nothing about what stands there.
fn open_whole(dir: &Path) -> Result<Opened, StoreError> {
    let mut opened = open_once(dir);
    for _ in 1..OPEN_TRIES_MAX {
        if opened.is_ok() {
            break;
        }
        std::thread::park_timeout(OPEN_RETRY);
        opened = open_once(dir);
    }
    opened
}

fn open_once(dir: &Path) -> Result<Opened, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES_MAX).open()?;
        let (views, kept) = (db.open_tree("views")?, db.open_tree("kept")?);
        Ok(Store { views, kept, db })
    }));
    match opened {
        Ok(Ok(store)) => match catch_unwind(AssertUnwindSafe(|| store.is_whole())) {
            Ok(true) => Ok(Opened::Whole(store)),
            Ok(false) | Err(_) => {
                let forms = readable(&store.kept);
                // It may still want to write what it cannot.
                let _closed_or_not = catch_unwind(AssertUnwindSafe(|| drop(store)));
                Ok(Opened::Damaged(forms))
            }
        },
        Ok(Err(error)) if !is_damage(&error) => Err(error.into()),
        Ok(Err(_)) | Err(_) => Ok(Opened::Damaged(Vec::new())),
    }
}

/// Whether an error tells of the store's bytes, and not of the disk.
fn is_damage(error: &sled::Error) -> bool {
    match error {
        sled::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::NotFound
        ),
        sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => true,
    }
}

fn readable(kept: &sled::Tree) -> Vec<(sled::IVec, sled::IVec)> {
    let mut forms = Vec::new();
    let read = catch_unwind(AssertUnwindSafe(|| forms.extend(kept.iter().map_while(Result::ok))));
    if read.is_err() {
        tracing::warn!("not all presets and drafts of the damaged store can be read");
    }
    forms
}

/// Moves a damaged store out of the way, beside those that were before.
fn set_aside(dir: &Path) -> Result<(), StoreError> {
    let aside = (1u32..).map(|n| dir.with_extension(format!("damaged-{n}"))).find(|aside| !aside.exists());
    if let Some(aside) = aside.filter(|_| dir.exists()) {
        std::fs::rename(dir, &aside)?;
        tracing::warn!(dir = %aside.display(), "the store was damaged and is made again from the ledger");
    }
    Ok(())
}
