//! Answers from the views. A question walks the index of its narrowest facet, newest first, and judges each row.

use super::{Store, StoreError, keys};
use crate::domain::query::{AuditQuery, AuditRow, HistoryQuery, HistoryRow, Page};
use crate::domain::{PersonId, RunId, Timestamp, WorkspaceId};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Rows of a page at most: some screens.
const PAGE_ROWS_MAX: u32 = 1_000;

impl Store {
    /// Runs that match, newest first, as far as `visible` allows.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn history(
        &self,
        query: &HistoryQuery,
        visible: &dyn Fn(&WorkspaceId) -> bool,
    ) -> Result<Page<HistoryRow>, StoreError> {
        let workspaces = self.workspaces("workspace")?;
        let (mut total, mut sees_all) = (0, true);
        for workspace in &workspaces {
            match visible(workspace) {
                true => total += self.count(&keys::facet("workspace", workspace.as_str()))?,
                false => sees_all = false,
            }
        }
        let prefix = narrowest(query);
        let matching = match facets(query) {
            _ if judged_by_row(query) => None,
            0 => Some(total),
            1 if sees_all => Some(self.count(&prefix)?),
            _ => None,
        };
        let mut page = Paging::new(query.limit, query.before, matching);
        for key in self.newest(prefix, page.begin()) {
            let Some(row) = keys::number(&key?).map(|run| self.row(RunId(run))).transpose()?.flatten() else {
                continue;
            };
            // Runs are numbered as they are proposed: none before this one is younger.
            if query.since.is_some_and(|since| row.proposed < since) {
                break;
            }
            if visible(&row.workspace) && matches(query, &row) && page.take(row.run.0, row).is_break() {
                break;
            }
        }
        Ok(page.finish(total))
    }

    /// Events that match, newest first, as far as `visible` allows.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn audit(
        &self,
        query: &AuditQuery,
        visible: &dyn Fn(&WorkspaceId) -> bool,
    ) -> Result<Page<AuditRow>, StoreError> {
        let prefix = match (&query.run, &query.person, &query.kind) {
            (Some(run), _, _) => keys::events_of(*run),
            (None, Some(person), _) => keys::facet("actor", person.as_str()),
            (None, None, Some(kind)) => keys::facet("kind", kind),
            (None, None, None) => b"a/".to_vec(),
        };
        let hidden = self.hidden(visible)?;
        let mut total = self.applied();
        for run in &hidden {
            total = total.saturating_sub(self.count(&keys::events_of(*run))?);
        }
        let mut sees_all = hidden.is_empty();
        for workspace in self.workspaces(keys::OF_WORKSPACE)?.iter().filter(|workspace| !visible(workspace)) {
            total = total.saturating_sub(self.count(&keys::facet(keys::OF_WORKSPACE, workspace.as_str()))?);
            sees_all = false;
        }
        let asked =
            usize::from(query.run.is_some()) + usize::from(query.person.is_some()) + usize::from(query.kind.is_some());
        let matching = match asked {
            0 => Some(total),
            1 if sees_all => Some(self.count(&prefix)?),
            _ => None,
        };
        let mut page = Paging::new(query.limit, query.before, matching);
        for key in self.newest(prefix, page.begin()) {
            let Some(index) = keys::number(&key?) else {
                continue;
            };
            let Some(bytes) = self.views.get(keys::audit(index))? else {
                continue;
            };
            let row: AuditRow = serde_json::from_slice(&bytes)?;
            let fits = query.person.as_ref().is_none_or(|person| row.by.person() == Some(person))
                && query.kind.as_ref().is_none_or(|kind| row.kind == *kind)
                && row.run.is_none_or(|run| !hidden.contains(&run))
                && row.workspace.as_ref().is_none_or(visible);
            if fits && page.take(index, row).is_break() {
                break;
            }
        }
        Ok(page.finish(total))
    }

    /// Runs of workspaces that are not visible.
    fn hidden(&self, visible: &dyn Fn(&WorkspaceId) -> bool) -> Result<BTreeSet<RunId>, StoreError> {
        let mut hidden = BTreeSet::new();
        for workspace in self.workspaces("workspace")?.iter().filter(|workspace| !visible(workspace)) {
            for key in self.views.scan_prefix(keys::facet("workspace", workspace.as_str())).keys() {
                hidden.extend(keys::number(&key?).map(RunId));
            }
        }
        Ok(hidden)
    }

    /// Keys with a prefix and a number, the highest number first; only those below `before`, where one is given.
    fn newest(
        &self,
        prefix: Vec<u8>,
        before: Option<u64>,
    ) -> impl Iterator<Item = Result<sled::IVec, sled::Error>> + use<> {
        let mut end = prefix.clone();
        match before {
            Some(before) => end.extend_from_slice(&before.to_be_bytes()),
            // Longer than any number, and above all.
            None => end.extend_from_slice(&[0xff; 9]),
        }
        self.views.range(prefix..end).keys().rev()
    }

    /// Runs that were proposed at or after a moment, newest first, as far as `wanted` says; no more than `most`.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn proposed_since(
        &self,
        since: Timestamp,
        wanted: &dyn Fn(&HistoryRow) -> bool,
        most: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let mut found = Vec::new();
        for key in self.newest(b"h/".to_vec(), None) {
            let Some(row) = keys::number(&key?).map(|run| self.row(RunId(run))).transpose()?.flatten() else {
                continue;
            };
            if row.proposed < since || found.len() >= most {
                break;
            }
            if wanted(&row) {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// Runs that had one of these hosts in their plan.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn runs_on<'a>(&self, hosts: impl Iterator<Item = &'a String>) -> Result<BTreeSet<RunId>, StoreError> {
        let mut found = BTreeSet::new();
        for host in hosts {
            for key in self.views.scan_prefix(keys::facet("host", host)).keys() {
                found.extend(keys::number(&key?).map(RunId));
            }
        }
        Ok(found)
    }

    /// Ledger indices of the events of these kinds, the oldest first.
    ///
    /// # Errors
    /// The views cannot be read.
    pub fn events_of_kinds(&self, kinds: &[&str]) -> Result<BTreeSet<u64>, StoreError> {
        let mut found = BTreeSet::new();
        for kind in kinds {
            for key in self.views.scan_prefix(keys::facet("kind", kind)).keys() {
                found.extend(keys::number(&key?));
            }
        }
        Ok(found)
    }

    /// The workspaces that have an entry in this index.
    fn workspaces(&self, facet: &str) -> Result<Vec<WorkspaceId>, StoreError> {
        let prefix = format!("i/{facet}\0").into_bytes();
        let mut found: Vec<WorkspaceId> = Vec::new();
        let mut next = prefix.clone();
        // From each workspace's first key to past its last: one look per workspace, not per run.
        while let Some(entry) = self.views.range(next.clone()..).next() {
            let (key, _) = entry?;
            let Some(rest) = key.strip_prefix(prefix.as_slice()) else {
                break;
            };
            let name = String::from_utf8_lossy(rest.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
            next = keys::facet(facet, &name);
            next.extend_from_slice(&[0xff; 9]);
            found.push(WorkspaceId::new(name));
        }
        Ok(found)
    }

    fn count(&self, prefix: &[u8]) -> Result<u64, StoreError> {
        let mut count = 0;
        for key in self.views.scan_prefix(prefix).keys() {
            key?;
            count += 1;
        }
        Ok(count)
    }
}

/// The index that is likely the shortest for a question. A question for a host always walks the host's own: rows do not
/// name their hosts.
fn narrowest(query: &HistoryQuery) -> Vec<u8> {
    if let Some(host) = &query.host {
        return keys::facet("host", host);
    }
    if let Some(person) = &query.person {
        return keys::facet("person", person.as_str());
    }
    if let Some(runbook) = &query.runbook {
        return keys::facet("runbook", runbook.as_str());
    }
    if let Some(ending) = query.ending {
        return keys::facet("ending", ending.word());
    }
    if let Some(phase) = query.phase {
        return keys::facet("phase", phase.word());
    }
    match &query.workspace {
        Some(workspace) => keys::facet("workspace", workspace.as_str()),
        None => b"h/".to_vec(),
    }
}

/// How many indices a question names.
fn facets(query: &HistoryQuery) -> usize {
    let HistoryQuery { workspace, person, runbook, host, ending, phase, .. } = query;
    let named =
        [workspace.is_some(), person.is_some(), runbook.is_some(), host.is_some(), ending.is_some(), phase.is_some()];
    named.into_iter().filter(|named| *named).count()
}

/// Whether only a row itself tells if it matches.
fn judged_by_row(query: &HistoryQuery) -> bool {
    query.since.is_some() || query.until.is_some() || query.text.is_some()
}

/// Whether a row fits all of a question but its host.
fn matches(query: &HistoryQuery, row: &HistoryRow) -> bool {
    let took_part = |person: &PersonId| {
        let named = [Some(&row.by), row.driver.as_ref(), row.reviewed_by.as_ref()];
        named.into_iter().flatten().chain(&row.approved_by).any(|one| one == person)
    };
    let says = |text: &String| {
        let text = text.to_lowercase();
        [row.runbook.as_str(), &row.ticket, &row.note].iter().any(|field| field.to_lowercase().contains(&text))
    };
    query.workspace.as_ref().is_none_or(|id| row.workspace == *id)
        && query.person.as_ref().is_none_or(took_part)
        && query.runbook.as_ref().is_none_or(|id| row.runbook == *id)
        && query.ending.is_none_or(|ending| row.ending == Some(ending))
        && query.phase.is_none_or(|phase| row.phase == phase)
        && query.until.is_none_or(|until| row.proposed < until)
        && query.text.as_ref().is_none_or(says)
}

/// Collects one page: out of all rows that match where they must be counted, else out of the first that do.
struct Paging<T> {
    rows: Vec<T>,
    limit: usize,
    before: Option<u64>,
    /// How many match, where the indices alone tell.
    known: Option<u64>,
    counted: u64,
    last: u64,
    more: bool,
}

impl<T> Paging<T> {
    fn new(limit: u32, before: Option<u64>, known: Option<u64>) -> Self {
        let limit = usize::try_from(limit.clamp(1, PAGE_ROWS_MAX)).unwrap_or(1);
        Self { rows: Vec::new(), limit, before, known, counted: 0, last: 0, more: false }
    }

    /// Below which number it is enough to look.
    fn begin(&self) -> Option<u64> {
        self.before.filter(|_| self.known.is_some())
    }

    /// Takes a row that matches. Breaks when no other changes the page.
    fn take(&mut self, number: u64, row: T) -> ControlFlow<()> {
        self.counted += 1;
        if self.before.is_some_and(|before| number >= before) {
            return ControlFlow::Continue(());
        }
        if self.rows.len() < self.limit {
            self.rows.push(row);
            self.last = number;
            return ControlFlow::Continue(());
        }
        self.more = true;
        if self.known.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn finish(self, total: u64) -> Page<T> {
        let matching = self.known.unwrap_or(self.counted);
        Page { rows: self.rows, matching, total, next: self.more.then_some(self.last) }
    }
}
