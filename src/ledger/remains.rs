//! What a lost ledger leaves behind: how a directory that never held one is told from one whose segments are gone.
//!
//! Invariant: whatever stands here was written after event 0 or by it; a start that broke off leaves at most an empty details
//! file and the seed of a key.

use std::sync::Arc;

use super::checkpoint::CHECKPOINTS_FILE;
use super::disk::{Disk, DiskError, File, Mode};
use super::segment::{DETAILS_DIR, INDEX_DIR, KEY_FILE, TORN_DIR, details_path};
use super::transcript;

/// The first thing found that only a ledger leaves, by its path; `None` where none can have been.
pub fn of_a_ledger(disk: &Arc<dyn Disk>) -> Result<Option<String>, DiskError> {
    let begun = details_path(0);
    for dir in [DETAILS_DIR, INDEX_DIR, TORN_DIR] {
        for name in names(disk, dir)? {
            let path = format!("{dir}/{name}");
            if path != begun || size(disk, &path)? > 0 {
                return Ok(Some(path));
            }
        }
    }
    for file in [KEY_FILE, CHECKPOINTS_FILE] {
        if size(disk, file)? > 0 {
            return Ok(Some(file.to_owned()));
        }
    }
    let printed = names(disk, transcript::DIRECTORY)?.into_iter().find(|name| name.ends_with(transcript::DATA_SUFFIX));
    Ok(printed.map(|name| format!("{}/{name}", transcript::DIRECTORY)))
}

fn names(disk: &Arc<dyn Disk>, dir: &str) -> Result<Vec<String>, DiskError> {
    match disk.list(dir) {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        listed => listed,
    }
}

/// A file's length; 0 where there is none.
fn size(disk: &Arc<dyn Disk>, path: &str) -> Result<u64, DiskError> {
    match File::open(disk, path, Mode::Read) {
        Err(error) if error.is_missing() => Ok(0),
        opened => opened?.size(),
    }
}
