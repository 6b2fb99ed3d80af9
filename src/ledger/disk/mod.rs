//! The one seam between the ledger and the machine: a directory tree of append-only files.
//!
//! Two implementations exist, [`RealDisk`] and [`MemoryDisk`]; the second can lose, tear and reorder what was not
//! synced and fail any operation on request, so that every crash the format promises to survive can be played.
//! Invariant: nothing is durable before `sync_data` (contents) and `sync_dir` (names) have returned `Ok`.
//! Deliberately absent: memory maps, asynchronous calls, absolute paths and `..`.

mod change;
mod memory;
mod path;
mod power;
mod real;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use memory::{Fault, MemoryDisk};
pub use power::{PowerCut, power_cuts};
pub use real::{LOCK_FILE, OpenDirError, RealDisk};

/// A file opened on a [`Disk`]; meaningless on any other disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) u64);

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An existing file, to read only.
    Read,
    /// To append and read; made (0600) when missing.
    Append,
    /// To append and read; an error when the file exists.
    Create,
    /// An existing file, to overwrite in place. Used for erasing alone.
    Overwrite,
}

const SYNC: &str = "sync";
const SYNC_DIR: &str = "sync directory";

/// A failed disk operation: what was tried, on which file, and the system's answer.
#[derive(Debug, thiserror::Error)]
#[error("{act} {path}: {source}")]
pub struct DiskError {
    /// The operation, as a verb ("append to", "sync").
    pub act: &'static str,
    /// The file or directory, relative to the disk's root.
    pub path: String,
    /// The system's answer.
    #[source]
    pub source: io::Error,
}

impl DiskError {
    pub(crate) fn new(act: &'static str, path: &str, source: io::Error) -> Self {
        Self { act, path: path.to_owned(), source }
    }

    /// No room is left (ENOSPC or a quota): the caller may try again when there is.
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    /// A sync failed: see [`Disk::sync_data`].
    pub fn is_sync(&self) -> bool {
        self.act == SYNC || self.act == SYNC_DIR
    }

    /// The file or directory is not there.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// A directory tree of append-only files. Paths are relative, separated by `/`. Every call blocks.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &str, mode: Mode) -> Result<FileId, DiskError>;
    /// Forgets an open file. Nothing is synced by it.
    fn close(&self, file: FileId);
    /// The file's length in bytes.
    fn len(&self, file: FileId) -> Result<u64, DiskError>;
    /// Fills `into` from `offset`; returns fewer bytes only at the end of the file.
    fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError>;
    /// Writes all of `bytes` at the end. After an error any prefix of them may be there.
    fn append(&self, file: FileId, bytes: &[u8]) -> Result<(), DiskError>;
    /// Replaces bytes within the file's length.
    fn overwrite(&self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes contents and length durable. After an error the file's unsynced bytes are in doubt for good: a later
    /// success says nothing about them (Linux may have dropped the pages).
    fn sync_data(&self, file: FileId) -> Result<(), DiskError>;
    /// Shortens the file.
    fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError>;
    /// Renames a file, replacing the target. Durable after `sync_dir` of both parents.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &str) -> Result<(), DiskError>;
    /// Makes a directory (0700); no error when it is there. Its parent must exist.
    fn create_dir(&self, path: &str) -> Result<(), DiskError>;
    /// Makes the names in a directory durable. `""` is the root.
    fn sync_dir(&self, path: &str) -> Result<(), DiskError>;
    /// The names of the files (not directories) in a directory, sorted.
    fn list(&self, path: &str) -> Result<Vec<String>, DiskError>;
}

/// An open file that closes itself.
#[derive(Debug)]
pub struct File {
    disk: Arc<dyn Disk>,
    id: FileId,
}

impl File {
    /// Opens `path` on `disk`.
    pub fn open(disk: &Arc<dyn Disk>, path: &str, mode: Mode) -> Result<Self, DiskError> {
        let id = disk.open(path, mode)?;
        Ok(Self { disk: Arc::clone(disk), id })
    }

    /// As [`Disk::len`].
    pub fn size(&self) -> Result<u64, DiskError> {
        self.disk.len(self.id)
    }

    /// As [`Disk::read_at`].
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.read_at(self.id, offset, into)
    }

    /// `len` bytes from `offset`, fewer at the end of the file.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; len];
        let got = self.read_at(offset, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// As [`Disk::append`].
    pub fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.append(self.id, bytes)
    }

    /// As [`Disk::overwrite`].
    pub fn overwrite(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.overwrite(self.id, offset, bytes)
    }

    /// As [`Disk::sync_data`].
    pub fn sync_data(&self) -> Result<(), DiskError> {
        self.disk.sync_data(self.id)
    }

    /// As [`Disk::truncate`].
    pub fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.disk.truncate(self.id, len)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.disk.close(self.id);
    }
}

/// The whole content of a small file, or `None` when it is missing.
pub fn read_file(disk: &Arc<dyn Disk>, path: &str) -> Result<Option<Vec<u8>>, DiskError> {
    let file = match File::open(disk, path, Mode::Read) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = file.size()?;
    Ok(Some(file.read(0, usize::try_from(len).unwrap_or(usize::MAX))?))
}

/// Puts a small file in place whole or not at all: a temporary beside it, synced, renamed, its directory synced.
pub fn replace_file(disk: &Arc<dyn Disk>, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let temporary = format!("{path}.new");
    {
        let file = File::open(disk, &temporary, Mode::Append)?;
        file.truncate(0)?;
        file.append(bytes)?;
        file.sync_data()?;
    }
    disk.rename(&temporary, path)?;
    disk.sync_dir(path::parent(path))
}
