//! Files that show that a manual step was done. The leaf of the record has their SHA-256; name and content are details beside it.

use super::id::{Digest, PersonId, Timestamp};
use super::run::Slot;

/// Longest file: a screenshot, a page of output, a signed form. With its base64 it fits into a detail.
pub const EVIDENCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Files of one run at most.
pub const EVIDENCE_FILES_MAX: usize = 64;

/// Longest name.
pub const EVIDENCE_NAME_BYTES_MAX: usize = 255;

/// Whether a file may be called so: what is written to a terminal and to a directory again.
pub fn is_name(name: &str) -> bool {
    let sound = !name.is_empty() && name.len() <= EVIDENCE_NAME_BYTES_MAX && !name.contains('/');
    sound && !name.chars().any(super::input::is_invisible)
}

/// A file that somebody gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// For which step.
    pub slot: Slot,
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// What it is called.
    pub name: String,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// How long it is.
    pub bytes: u64,
}

impl Evidence {
    /// `dashboard.png, 21034 bytes, SHA-256 9f86d081…`.
    pub fn words(&self) -> String {
        format!("{}, {} bytes, SHA-256 {}", self.name, self.bytes, self.sha256)
    }

    /// Whether a person means it by the beginning of its SHA-256.
    pub fn is_called(&self, beginning: &str) -> bool {
        beginning.len() >= BEGINNING_MIN && self.sha256.to_string().starts_with(&beginning.to_ascii_lowercase())
    }
}

/// Digits by which a file is named at least.
pub const BEGINNING_MIN: usize = 8;
