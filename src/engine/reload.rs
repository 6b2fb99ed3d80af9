//! Reads the site's files for the engine: at start, and whenever somebody asks.
//!
//! Invariant: what changed is told against the files of the site in force, whatever was read in between: whoever
//! accepts a change must be shown all of what it changes.

use crate::domain::Refusal;
use crate::domain::site::Site;
use crate::site::{self, Diagnostic};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the site is.
#[derive(Clone, Debug)]
pub struct Reload {
    dir: PathBuf,
}

/// A site as read.
#[derive(Debug)]
pub struct Read {
    /// The site.
    pub site: Site,
    /// How its files differ from those of the site in force; nothing where there is none.
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
        Self { dir }
    }

    /// Reads the files, and tells how they differ from those of the site in force.
    ///
    /// # Errors
    /// Every problem of every file.
    pub async fn read(&self, current: Option<Arc<Site>>) -> Result<Read, ReloadError> {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.read_now(current.as_deref())).await;
        read.map_err(|_| ReloadError::Broken)?
    }

    fn read_now(&self, current: Option<&Site>) -> Result<Read, ReloadError> {
        let loaded = site::load(&self.dir, site::git::state(&self.dir)).map_err(ReloadError::Wrong)?;
        let diff = current.map(|current| site::diff(&current.files, &loaded.site.files)).unwrap_or_default();
        Ok(Read { site: loaded.site, diff })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::Driver;

    #[test]
    fn z37_a_change_is_told_against_the_site_in_force_whatever_was_read_before_and_after_a_new_start() {
        let dir = tempfile::tempdir().unwrap();
        site::init(dir.path(), "ada").unwrap();
        let edit = |path: &str, from: &str, to: &str| {
            let path = dir.path().join(path);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from}");
            std::fs::write(path, text.replace(from, to)).unwrap();
        };
        let reload = Reload::new(dir.path().to_owned());
        let first = reload.read_now(None).unwrap();
        assert_eq!(first.diff, "", "nothing was in force");
        // What a fold of the ledger knows is all that is left after a new start.
        let in_force = Driver::new(first.site).world.site;
        let edits = [
            ("runbooks/templates/host-facts.toml", "64 MiB", "65 MiB"),
            ("quarterdeck.toml", "name  = \"my-site\"", "name  = \"our-site\""),
            ("people.toml", "# Nobody", "# No one"),
        ];
        for (nth, (path, from, to)) in edits.iter().enumerate() {
            edit(path, from, to);
            let diff = Reload::new(dir.path().to_owned()).read_now(in_force.as_deref()).unwrap().diff;
            for (_, from, to) in &edits[..=nth] {
                let is =
                    |sign: char, words: &str| diff.lines().any(|line| line.starts_with(sign) && line.contains(words));
                assert!(is('-', from) && is('+', to), "{to}:\n{diff}");
            }
        }
    }
}
