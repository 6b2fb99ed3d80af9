//! A file of the site that is put on hosts, whole or not at all: written beside its place, read back, and moved there. What was there
//! before is kept beside it until it is undone or somebody removes it.
//!
//! Over SSH it goes by SFTP; where hosts are the server's own machine the same is done by a script ([`FileCopy::script`]).
//! Invariants: the names of what is kept carry the run's number, so that a run undoes its own change and no other's; a
//! reader of the place sees the old file or the new one.

use super::id::{Digest, RunId};
use super::tool::{Enclosed, shell_word};
use serde::{Deserialize, Serialize};

/// The variable a script finds the file's text in.
pub const TEXT: &str = "file_text";

/// A file and its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileCopy {
    /// Which file of the site.
    pub file: Enclosed,
    /// Its place on a host, absolute.
    pub to: String,
    /// Its permissions there.
    pub mode: u32,
    /// Longest time it may take on a host, in milliseconds.
    pub timeout_ms: u64,
}

/// What lies beside a file that a run replaces: hidden, and of no ending that a program which reads a whole directory would take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beside {
    /// The new file, until it is whole.
    pub part: String,
    /// The file that was there before.
    pub before: String,
    /// Says that there was none.
    pub absent: String,
}

impl FileCopy {
    /// SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        Digest::of(self.file.text.as_bytes())
    }

    /// What `run` puts beside the place.
    pub fn beside(&self, run: RunId) -> Beside {
        let (folder, name) = self.to.rsplit_once('/').unwrap_or(("", &self.to));
        let kept = format!("{folder}/.{name}.run-{}", run.0);
        Beside { part: format!("{kept}.part"), before: format!("{kept}.before"), absent: format!("{kept}.absent") }
    }

    /// Everything it does, line by line: what an approver reads.
    pub fn written(&self) -> String {
        let Self { file, to, mode, .. } = self;
        let text = file.text.strip_suffix('\n').unwrap_or(&file.text);
        format!("copy {} to {to}, mode {mode:04o}\nSHA-256 {}\n── {}\n{text}", file.path, self.digest(), file.path)
    }

    /// The script that does it where the server is, for `sh`; [`TEXT`] holds the file.
    pub fn script(&self) -> String {
        format!("{}mode={:o}\n{}", self.place("$run"), self.mode, include_str!("copy/put.sh"))
    }

    /// The script that undoes what `run` did, for `sh`. A plan that is not a run yet says `$run`.
    pub fn undo(&self, run: &str) -> String {
        format!("{}{}", self.place(run), include_str!("copy/undo.sh"))
    }

    fn place(&self, run: &str) -> String {
        format!("to={}\nkept=${{to%/*}}/.${{to##*/}}.run-{run}\n", shell_word(&self.to))
    }
}
