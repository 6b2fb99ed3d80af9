//! Reads the site's files for the engine: at start, and whenever somebody asks.

use crate::domain::Refusal;
use crate::domain::site::Site;
use crate::site::{self, Diagnostic};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the site is, and its files as last read.
#[derive(Clone, Debug)]
pub struct Reload {
    dir: PathBuf,
    files: Arc<Mutex<BTreeMap<String, String>>>,
}

/// A site as read.
#[derive(Debug)]
pub struct Read {
    /// The site.
    pub site: Site,
    /// What changed since it was last read.
    pub diff: String,
}

/// Why a site could not be put into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Its files are wrong.
    #[error("the site has {} problems; `quarterdeck check` shows them", .0.len())]
    Wrong(Vec<Diagnostic>),
    /// The answer was no.
    #[error(transparent)]
    Refused(Refusal),
    /// Reading broke off.
    #[error("the site could not be read")]
    Broken,
}

impl Reload {
    /// Reads from this directory.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, files: Arc::default() }
    }

    /// Reads the files. What changed is told against the files as last read; after a restart those are unknown, and
    /// the diff is told between what the two sites mean.
    ///
    /// # Errors
    /// Every problem of every file.
    pub async fn read(&self, current: Option<Arc<Site>>) -> Result<Read, ReloadError> {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.read_now(current.as_deref())).await;
        read.map_err(|_| ReloadError::Broken)?
    }

    fn read_now(&self, current: Option<&Site>) -> Result<Read, ReloadError> {
        let git = site::git::state(&self.dir);
        let loaded = site::load(&self.dir, git).map_err(ReloadError::Wrong)?;
        let mut known = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match (known.is_empty(), current) {
            (true, Some(site)) => Some(meaning(site)),
            (true, None) | (false, _) => None,
        };
        let diff = match before {
            Some(before) => site::diff(&before, &meaning(&loaded.site)),
            None => site::diff(&known, &loaded.files),
        };
        *known = loaded.files;
        Ok(Read { site: loaded.site, diff })
    }
}

/// What a site means, as text: one pretty-printed JSON per workspace, runbook and the people.
fn meaning(site: &Site) -> BTreeMap<String, String> {
    fn text(value: &impl serde::Serialize) -> String {
        serde_json::to_string_pretty(value).unwrap_or_default()
    }
    let mut files = BTreeMap::from([("people".to_owned(), text(&site.people))]);
    files.extend(site.workspaces.iter().map(|(id, workspace)| (format!("workspaces/{id}"), text(workspace))));
    files.extend(site.runbooks.values().map(|runbook| (runbook.file.clone(), runbook.source.clone())));
    files
}
