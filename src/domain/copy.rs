//! A file put on every host over SFTP.

use super::id::Digest;
use serde::{Deserialize, Serialize};

/// One file and where it goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Copy {
    /// The file of the site it comes from.
    pub source: String,
    /// SHA-256 over its bytes.
    pub digest: Digest,
    /// The absolute path on the host.
    pub to: String,
    /// Its mode, as in `0o644`.
    pub mode: u32,
    /// Secrets it gets, by name.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Copy {
    /// Everything that is done, line by line: what an approver reads.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        format!("{} → {}, mode {:o}\nsha256 {}", self.source, told(&self.to), self.mode, self.digest)
    }
}
