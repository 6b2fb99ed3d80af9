//! What a disk in memory has promised and not yet kept: changes of contents and names that wait for a sync.

use std::collections::BTreeMap;

use super::path;

/// One change of a file not yet synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

/// One change of a directory not yet synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChange {
    Add { path: String, node: Node },
    Remove { path: String },
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Directory,
    File(u64),
}

#[derive(Debug, Clone, Default)]
pub struct Inode {
    pub durable: Vec<u8>,
    pub current: Vec<u8>,
    pub pending: Vec<Change>,
}

impl Change {
    /// How many bytes it writes.
    pub fn written(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => bytes.len(),
            Self::Truncate(_) => 0,
        }
    }

    /// Does it.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(new);
                }
            }
            Self::Truncate(len) => bytes.truncate(*len),
        }
    }
}

impl NameChange {
    /// Does it.
    pub fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Add { path, node } => {
                names.insert(path.clone(), *node);
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }

    /// The directory whose sync makes it durable.
    pub fn directory(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Remove { path } => path::parent(path),
        }
    }
}
