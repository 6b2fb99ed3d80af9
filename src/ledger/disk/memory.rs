//! A disk in memory that remembers what was synced, fails on request, and can lose its power.
//!
//! Every clone is the same disk. Operations are counted from 1; a fault plan names the numbers at which one fails,
//! so that a test can play "fail the Nth operation" for every N. What a power cut leaves is in [`super::power`].
//! Invariant: what a synced file held survives every cut; so do names whose directory was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::change::{Change, Inode, NameChange, Node};
use super::{Disk, DiskError, FileId, Mode, SYNC, SYNC_DIR, path};

/// What goes wrong at one numbered operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No space: a write keeps nothing; other operations that need room fail too.
    NoSpace,
    /// No space after this many bytes of a write went in.
    ShortWrite(usize),
    /// An I/O error; a sync that fails so drops its dirty pages as Linux does: the next sync succeeds, the bytes
    /// are not on the disk, reads still show them.
    Io,
    /// The power goes: the operation is done in memory, it and all later ones answer an error.
    PowerOff,
}

/// A disk in memory. See [`Disk`] and [`MemoryDisk::plan`].
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: BTreeMap<String, Node>,
    pub(super) durable_names: BTreeMap<String, Node>,
    pub(super) pending_names: Vec<NameChange>,
    open: BTreeMap<u64, (String, u64, bool)>,
    next_inode: u64,
    next_file: u64,
    operations: u64,
    acts: Vec<&'static str>,
    faults: BTreeMap<u64, Fault>,
    full: bool,
    room: Option<usize>,
    off: bool,
    broken: BTreeSet<String>,
}

impl MemoryDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the operations that fail, counted from the disk's first operation.
    pub fn plan(&self, faults: impl IntoIterator<Item = (u64, Fault)>) {
        self.state().faults = faults.into_iter().collect();
    }

    /// The fault plan.
    pub fn planned(&self) -> BTreeMap<u64, Fault> {
        self.state().faults.clone()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What each operation so far was, as [`DiskError::act`] would name it; the first is operation 1.
    pub fn acts(&self) -> Vec<&'static str> {
        self.state().acts.clone()
    }

    /// Every operation that needs room fails from now on, or no longer.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// The files together may grow by so many bytes more; `None`: without limit. What is shortened makes room.
    pub fn set_room(&self, bytes: Option<usize>) {
        let mut state = self.state();
        state.room = bytes.map(|bytes| state.used() + bytes);
    }

    /// Reading this file answers an I/O error from now on.
    pub fn break_file(&self, path: &str) {
        self.state().broken.insert(path.to_owned());
    }

    /// Every file that is there now, with its content: what a copy of the directory would hold.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state
            .names
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(inode) => state.inodes.get(inode).map(|inode| (path.clone(), inode.current.clone())),
                Node::Directory => None,
            })
            .collect()
    }

    /// A disk that holds these files, all durable.
    pub fn with_files(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut state = State::default();
        for (path, bytes) in files {
            let mut parent = path::parent(path);
            while !parent.is_empty() {
                state.names.insert(parent.to_owned(), Node::Directory);
                parent = path::parent(parent);
            }
            state.next_inode += 1;
            let inode = Inode { durable: bytes.clone(), current: bytes.clone(), pending: Vec::new() };
            state.inodes.insert(state.next_inode, inode);
            state.names.insert(path.clone(), Node::File(state.next_inode));
        }
        state.durable_names = state.names.clone();
        Self::from_state(state)
    }

    pub(super) fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn snapshot(&self) -> State {
        self.state().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the fault plan says about the operation under way.
enum Verdict {
    Go,
    Short(usize),
    /// Done in memory, answered with an error.
    Last,
}

impl State {
    /// Counts the operation and asks the plan. `needs_room`: fails on a full disk.
    fn begin(&mut self, act: &'static str, path: &str, needs_room: bool) -> Result<Verdict, DiskError> {
        let fail = |error| Err(DiskError::new(act, path, error));
        if self.off {
            return fail(io::Error::other("the power is off"));
        }
        self.operations += 1;
        self.acts.push(act);
        match self.faults.get(&self.operations).copied() {
            None if self.full && needs_room => fail(io::Error::from(io::ErrorKind::StorageFull)),
            None => Ok(Verdict::Go),
            Some(Fault::NoSpace) if needs_room => fail(io::Error::from(io::ErrorKind::StorageFull)),
            Some(Fault::ShortWrite(n)) if needs_room => Ok(Verdict::Short(n)),
            Some(Fault::NoSpace | Fault::ShortWrite(_)) => Ok(Verdict::Go),
            Some(Fault::Io) => fail(io::Error::other("input/output error")),
            Some(Fault::PowerOff) => {
                self.off = true;
                Ok(Verdict::Last)
            }
        }
    }

    fn end(&self, verdict: &Verdict, act: &'static str, path: &str) -> Result<(), DiskError> {
        match verdict {
            Verdict::Go => Ok(()),
            Verdict::Short(_) => Err(DiskError::new(act, path, io::Error::from(io::ErrorKind::StorageFull))),
            Verdict::Last => Err(DiskError::new(act, path, io::Error::other("the power is off"))),
        }
    }

    fn file(&self, act: &'static str, file: FileId) -> Result<(String, u64, bool), DiskError> {
        self.open
            .get(&file.0)
            .cloned()
            .ok_or_else(|| DiskError::new(act, "(closed file)", io::Error::from(io::ErrorKind::NotFound)))
    }

    /// The bytes of all files that have a name.
    fn used(&self) -> usize {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(inode) => self.inodes.get(inode),
            Node::Directory => None,
        });
        files.map(|inode| inode.current.len()).sum()
    }

    fn change(&mut self, inode: u64, change: Change) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            change.apply(&mut inode.current);
            inode.pending.push(change);
        }
    }

    fn rename_entry(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn write(&mut self, act: &'static str, file: FileId, offset: Option<u64>, bytes: &[u8]) -> Result<(), DiskError> {
        let (path, inode, writable) = self.file(act, file)?;
        if !writable {
            return Err(DiskError::new(act, &path, io::Error::from(io::ErrorKind::PermissionDenied)));
        }
        let verdict = self.begin(act, &path, offset.is_none())?;
        let left = self.room.filter(|_| offset.is_none()).map(|room| room.saturating_sub(self.used()));
        let verdict = match (verdict, left) {
            (Verdict::Go, Some(left)) if left < bytes.len() => Verdict::Short(left),
            (verdict, _) => verdict,
        };
        let kept = match verdict {
            Verdict::Short(n) => bytes.get(..n).unwrap_or(bytes),
            Verdict::Go | Verdict::Last => bytes,
        };
        let end = self.inodes.get(&inode).map_or(0, |inode| inode.current.len());
        let offset = offset.map_or(end, |offset| usize::try_from(offset).unwrap_or(usize::MAX));
        self.change(inode, Change::Write { offset, bytes: kept.to_vec() });
        self.end(&verdict, act, &path)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str, mode: Mode) -> Result<FileId, DiskError> {
        path::check(path)?;
        let mut state = self.state();
        let missing = || DiskError::new("open", path, io::Error::from(io::ErrorKind::NotFound));
        let found = match state.names.get(path) {
            Some(Node::File(inode)) => Some(*inode),
            Some(Node::Directory) => {
                return Err(DiskError::new("open", path, io::Error::from(io::ErrorKind::IsADirectory)));
            }
            None => None,
        };
        let creates = match mode {
            Mode::Read | Mode::Overwrite => false,
            Mode::Append => found.is_none(),
            Mode::Create if found.is_some() => {
                return Err(DiskError::new("create", path, io::Error::from(io::ErrorKind::AlreadyExists)));
            }
            Mode::Create => true,
        };
        let act = if creates { "create" } else { "open" };
        let verdict = state.begin(act, path, creates)?;
        let inode = if creates {
            let parent = path::parent(path);
            if !parent.is_empty() && state.names.get(parent) != Some(&Node::Directory) {
                return Err(missing());
            }
            state.next_inode += 1;
            let inode = state.next_inode;
            state.inodes.insert(inode, Inode::default());
            state.rename_entry(NameChange::Add { path: path.to_owned(), node: Node::File(inode) });
            inode
        } else {
            found.ok_or_else(missing)?
        };
        state.end(&verdict, act, path)?;
        state.next_file += 1;
        let id = state.next_file;
        state.open.insert(id, (path.to_owned(), inode, mode != Mode::Read));
        Ok(FileId(id))
    }

    fn close(&self, file: FileId) {
        self.state().open.remove(&file.0);
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        let mut state = self.state();
        let (path, inode, _) = state.file("measure", file)?;
        let verdict = state.begin("measure", &path, false)?;
        state.end(&verdict, "measure", &path)?;
        Ok(state.inodes.get(&inode).map_or(0, |inode| inode.current.len() as u64))
    }

    fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut state = self.state();
        let (path, inode, _) = state.file("read", file)?;
        let verdict = state.begin("read", &path, false)?;
        state.end(&verdict, "read", &path)?;
        if state.broken.contains(&path) {
            return Err(DiskError::new("read", &path, io::Error::other("input/output error")));
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = state.inodes.get(&inode).and_then(|inode| inode.current.get(offset..)).unwrap_or_default();
        let n = rest.len().min(into.len());
        if let (Some(from), Some(to)) = (rest.get(..n), into.get_mut(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn append(&self, file: FileId, bytes: &[u8]) -> Result<(), DiskError> {
        self.state().write("append to", file, None, bytes)
    }

    fn overwrite(&self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.state().write("overwrite", file, Some(offset), bytes)
    }

    fn sync_data(&self, file: FileId) -> Result<(), DiskError> {
        let mut state = self.state();
        let (path, inode, _) = state.file(SYNC, file)?;
        let verdict = match state.begin(SYNC, &path, false) {
            Ok(verdict) => verdict,
            Err(error) => {
                // Linux marks the pages clean: they are lost, and nobody will be told again.
                if !state.off
                    && let Some(inode) = state.inodes.get_mut(&inode)
                {
                    inode.pending.clear();
                }
                return Err(error);
            }
        };
        // A power cut during a sync leaves the changes pending: any of them may have arrived.
        state.end(&verdict, SYNC, &path)?;
        if let Some(inode) = state.inodes.get_mut(&inode) {
            for change in std::mem::take(&mut inode.pending) {
                change.apply(&mut inode.durable);
            }
        }
        Ok(())
    }

    fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError> {
        let mut state = self.state();
        let (path, inode, _) = state.file("shorten", file)?;
        let verdict = state.begin("shorten", &path, false)?;
        state.change(inode, Change::Truncate(usize::try_from(len).unwrap_or(usize::MAX)));
        state.end(&verdict, "shorten", &path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        path::check(from)?;
        path::check(to)?;
        let mut state = self.state();
        let verdict = state.begin("rename", from, true)?;
        let node = state.names.get(from).copied();
        let Some(node) = node else {
            return Err(DiskError::new("rename", from, io::Error::from(io::ErrorKind::NotFound)));
        };
        state.rename_entry(NameChange::Add { path: to.to_owned(), node });
        state.rename_entry(NameChange::Remove { path: from.to_owned() });
        state.end(&verdict, "rename", from)
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        let mut state = self.state();
        let verdict = state.begin("remove", path, false)?;
        if !state.names.contains_key(path) {
            return Err(DiskError::new("remove", path, io::Error::from(io::ErrorKind::NotFound)));
        }
        state.rename_entry(NameChange::Remove { path: path.to_owned() });
        state.end(&verdict, "remove", path)
    }

    fn create_dir(&self, path: &str) -> Result<(), DiskError> {
        path::check(path)?;
        let mut state = self.state();
        let there = state.names.contains_key(path);
        let verdict = state.begin("make directory", path, !there)?;
        if !there {
            state.rename_entry(NameChange::Add { path: path.to_owned(), node: Node::Directory });
        }
        state.end(&verdict, "make directory", path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        path::check_dir(path)?;
        let mut state = self.state();
        let verdict = state.begin(SYNC_DIR, path, false)?;
        state.end(&verdict, SYNC_DIR, path)?;
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending_names).into_iter().partition(|change| change.directory() == path);
        for change in &now {
            change.apply(&mut state.durable_names);
        }
        state.pending_names = later;
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        path::check_dir(path)?;
        let mut state = self.state();
        let verdict = state.begin("list", path, false)?;
        state.end(&verdict, "list", path)?;
        if !path.is_empty() && !state.names.contains_key(path) {
            return Err(DiskError::new("list", path, io::Error::from(io::ErrorKind::NotFound)));
        }
        let names =
            state.names.iter().filter(|(name, node)| matches!(node, Node::File(_)) && path::parent(name) == path);
        Ok(names.map(|(name, _)| path::name(name).to_owned()).collect())
    }
}
