//! The real disk: one directory, files 0600, directories 0700, one writing process by `flock`.
//!
//! Invariant: a `RealDisk` that can write holds the lock until it is dropped. A read-only one (for `audit verify`
//! beside a running server) holds nothing and cannot write. Deliberately absent: O_APPEND, because Linux ignores
//! the offset of a positioned write on such a file.

use std::collections::BTreeMap;
use std::fs::{self, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Disk, DiskError, FileId, Mode, SYNC, SYNC_DIR, path};

/// The file whose lock says that a process owns the data directory; it holds that process's id as text.
pub const LOCK_FILE: &str = "lock";

/// What may lie in a data directory before it was ever locked: keys that people put there, and the log.
const OWN_NAMES: [&str; 2] = ["keys", "log"];

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDirError {
    /// Another process owns it (exit 73).
    #[error("{dir} is in use by process {}; attach to it, or stop it with `serve --stop`", holder.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    AlreadyRunning {
        /// The directory.
        dir: String,
        /// The owner's process id, where it could be read.
        holder: Option<u32>,
    },
    /// The directory could not be made, read or locked.
    #[error("open the data directory {dir}: {source}")]
    Io {
        /// The directory.
        dir: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

/// A directory of the machine. See [`Disk`].
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    lock: Option<fs::File>,
    files: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Arc<Opened>>,
}

#[derive(Debug)]
struct Opened {
    path: String,
    file: fs::File,
}

impl RealDisk {
    /// Makes the directory (0700) when missing, and closes it to others when it is open to them.
    pub fn prepare(root: &Path) -> Result<(), OpenDirError> {
        let wrap = |source| OpenDirError::Io { dir: root.display().to_string(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(wrap)?;
        close_to_others(root).map_err(wrap)
    }

    /// Takes the directory for this process, prepared. `pid` is written into the lock file for whoever comes second.
    pub fn lock(root: &Path, pid: u32) -> Result<Self, OpenDirError> {
        let wrap = |source| OpenDirError::Io { dir: root.display().to_string(), source };
        Self::prepare(root)?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(wrap)?;
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(root.join(LOCK_FILE)).map_err(wrap)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(OpenDirError::AlreadyRunning { dir: root.display().to_string(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(wrap(source)),
        }
        lock.set_len(0).map_err(wrap)?;
        lock.write_all(format!("{pid}\n").as_bytes()).map_err(wrap)?;
        Ok(Self { root: root.to_owned(), lock: Some(lock), files: RwLock::default() })
    }

    /// The directory to read only, whoever owns it. Every writing call answers "read-only".
    pub fn read_only(root: &Path) -> Result<Self, OpenDirError> {
        fs::read_dir(root).map_err(|source| OpenDirError::Io { dir: root.display().to_string(), source })?;
        Ok(Self { root: root.to_owned(), lock: None, files: RwLock::default() })
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn writable(&self, act: &'static str, path: &str) -> Result<(), DiskError> {
        if self.lock.is_some() {
            Ok(())
        } else {
            Err(DiskError::new(act, path, io::Error::from(io::ErrorKind::ReadOnlyFilesystem)))
        }
    }

    fn opened(&self, act: &'static str, file: FileId) -> Result<Arc<Opened>, DiskError> {
        let table = self.files.read().unwrap_or_else(PoisonError::into_inner);
        table
            .open
            .get(&file.0)
            .cloned()
            .ok_or_else(|| DiskError::new(act, "(closed file)", io::Error::from(io::ErrorKind::NotFound)))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str, mode: Mode) -> Result<FileId, DiskError> {
        path::check(path)?;
        let mut options = fs::OpenOptions::new();
        options.read(true).mode(0o600);
        match mode {
            Mode::Read => {}
            Mode::Append => {
                self.writable("open", path)?;
                options.write(true).create(true).truncate(false);
            }
            Mode::Create => {
                self.writable("create", path)?;
                options.write(true).create_new(true);
            }
            Mode::Overwrite => {
                self.writable("open", path)?;
                options.write(true);
            }
        }
        let file = options.open(self.at(path)).map_err(|source| DiskError::new("open", path, source))?;
        let mut table = self.files.write().unwrap_or_else(PoisonError::into_inner);
        table.next += 1;
        let id = table.next;
        table.open.insert(id, Arc::new(Opened { path: path.to_owned(), file }));
        Ok(FileId(id))
    }

    fn close(&self, file: FileId) {
        let mut table = self.files.write().unwrap_or_else(PoisonError::into_inner);
        table.open.remove(&file.0);
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        let opened = self.opened("measure", file)?;
        opened.file.metadata().map(|m| m.len()).map_err(|e| DiskError::new("measure", &opened.path, e))
    }

    fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let opened = self.opened("read", file)?;
        fill(into, |rest, done| opened.file.read_at(rest, offset + done as u64))
            .map_err(|e| DiskError::new("read", &opened.path, e))
    }

    fn append(&self, file: FileId, bytes: &[u8]) -> Result<(), DiskError> {
        let end = self.len(file)?;
        let opened = self.opened("append to", file)?;
        drain(bytes, |rest, done| opened.file.write_at(rest, end + done as u64))
            .map_err(|e| DiskError::new("append to", &opened.path, e))
    }

    fn overwrite(&self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let opened = self.opened("overwrite", file)?;
        drain(bytes, |rest, done| opened.file.write_at(rest, offset + done as u64))
            .map_err(|e| DiskError::new("overwrite", &opened.path, e))
    }

    fn sync_data(&self, file: FileId) -> Result<(), DiskError> {
        let opened = self.opened(SYNC, file)?;
        opened.file.sync_data().map_err(|e| DiskError::new(SYNC, &opened.path, e))
    }

    fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError> {
        let opened = self.opened("shorten", file)?;
        opened.file.set_len(len).map_err(|e| DiskError::new("shorten", &opened.path, e))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        path::check(from)?;
        path::check(to)?;
        self.writable("rename", from)?;
        fs::rename(self.at(from), self.at(to)).map_err(|e| DiskError::new("rename", from, e))
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        path::check(path)?;
        self.writable("remove", path)?;
        fs::remove_file(self.at(path)).map_err(|e| DiskError::new("remove", path, e))
    }

    fn create_dir(&self, path: &str) -> Result<(), DiskError> {
        path::check(path)?;
        self.writable("make directory", path)?;
        match fs::DirBuilder::new().mode(0o700).create(self.at(path)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(DiskError::new("make directory", path, error)),
        }
    }

    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        path::check_dir(path)?;
        fs::File::open(self.at(path)).and_then(|dir| dir.sync_all()).map_err(|e| DiskError::new(SYNC_DIR, path, e))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        path::check_dir(path)?;
        let wrap = |e| DiskError::new("list", path, e);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(path)).map_err(wrap)? {
            let entry = entry.map_err(wrap)?;
            if entry.file_type().map_err(wrap)?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Closes a data directory to others. One that is not ours, or that is no data directory, is left as it is.
fn close_to_others(root: &Path) -> io::Result<()> {
    let found = fs::metadata(root)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another account"));
    }
    if found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    if holds_something_else(root)? {
        let why = "it is open to others and holds something else; name a directory of its own, or chmod 700 it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o700))
}

/// Whether a directory that was never locked holds what no data directory does.
fn holds_something_else(root: &Path) -> io::Result<bool> {
    if root.join(LOCK_FILE).exists() || root.join("ledger").exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        if !OWN_NAMES.iter().any(|own| name == *own) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes all of `bytes` through a call that may write less or be interrupted.
fn drain(bytes: &[u8], mut write: impl FnMut(&[u8], usize) -> io::Result<usize>) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match write(rest, done) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `into` through a call that may read less or be interrupted; less only at the end.
fn fill(into: &mut [u8], mut read: impl FnMut(&mut [u8], usize) -> io::Result<usize>) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read(rest, done) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c10_short_writes_and_interrupts_are_carried_on() {
        let mut out = Vec::new();
        let mut turn = 0;
        drain(b"one record of the ledger", |rest, done| {
            turn += 1;
            if turn % 2 == 0 {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            assert_eq!(done, out.len());
            let n = rest.len().min(1 + turn % 3);
            out.extend_from_slice(&rest[..n]);
            Ok(n)
        })
        .unwrap();
        assert_eq!(out, b"one record of the ledger");

        let source = b"0123456789";
        let mut into = [0; 16];
        let mut turn = 0;
        let got = fill(&mut into, |rest, done| {
            turn += 1;
            if turn % 2 == 1 {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            let n = rest.len().min(3).min(source.len() - done);
            rest[..n].copy_from_slice(&source[done..done + n]);
            Ok(n)
        })
        .unwrap();
        assert_eq!(&into[..got], source);
    }

    #[test]
    fn c10_a_write_of_nothing_is_an_error_and_not_a_loop() {
        assert_eq!(drain(b"x", |_, _| Ok(0)).unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_second_writer_is_told_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        let first = RealDisk::lock(&root, 4242).unwrap();
        match RealDisk::lock(&root, 1) {
            Err(OpenDirError::AlreadyRunning { holder, .. }) => assert_eq!(holder, Some(4242)),
            other => panic!("{other:?}"),
        }
        let reader = RealDisk::read_only(&root).unwrap();
        assert!(reader.open("x", Mode::Append).is_err());
        drop(first);
        RealDisk::lock(&root, 1).unwrap();
    }

    #[test]
    fn a_directory_of_something_else_is_not_closed_to_its_users() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("index.html"), "x").unwrap();
        assert!(matches!(RealDisk::lock(dir.path(), 1), Err(OpenDirError::Io { .. })));
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o755);
        fs::rename(dir.path().join("index.html"), dir.path().join("keys")).unwrap();
        RealDisk::lock(dir.path(), 1).unwrap();
    }

    #[test]
    fn directories_and_files_are_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let disk = RealDisk::lock(&root, 1).unwrap();
        disk.create_dir("ledger").unwrap();
        disk.create_dir("ledger").unwrap();
        disk.open("ledger/a", Mode::Append).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root), 0o700);
        assert_eq!(mode(&root.join("ledger")), 0o700);
        assert_eq!(mode(&root.join("ledger/a")), 0o600);
        assert_eq!(mode(&root.join(LOCK_FILE)), 0o600);
    }
}
