//! Erasing, so that a crash at any point leaves either the detail or nothing of it.
//!
//! The journal `ledger/details/erasing` names what is being wiped, synced before the first byte is overwritten and
//! emptied after the last is synced. Whatever it names at the next start is wiped again. Limits: copies made by the
//! file system, by a solid-state disk or by backups are out of reach of any program.

use std::sync::Arc;

use super::detail::Slot;
use super::disk::{Disk, DiskError, File, Mode};
use super::hash::SALT_BYTES;
use super::record::{self, HEADER_BYTES, LEAF_BYTES_MAX};
use super::segment::{DETAILS_DIR, ERASING_FILE, details_path};

/// Writes down that a detail is about to be wiped.
pub fn begin(disk: &Arc<dyn Disk>, index: u64, name: &str) -> Result<(), DiskError> {
    let file = File::open(disk, ERASING_FILE, Mode::Append)?;
    let mut bytes = Vec::new();
    record::encode(index, name.as_bytes(), &mut bytes);
    file.append(&bytes)?;
    file.sync_data()?;
    disk.sync_dir(DETAILS_DIR)
}

/// Overwrites a detail's salt and value.
pub fn wipe(disk: &Arc<dyn Disk>, segment: u64, slot: &Slot) -> Result<(), DiskError> {
    let file = File::open(disk, &details_path(segment), Mode::Overwrite)?;
    file.overwrite(slot.offset, &vec![0; SALT_BYTES + slot.value_bytes as usize])?;
    file.sync_data()
}

/// The journal is done with.
pub fn finish(disk: &Arc<dyn Disk>) -> Result<(), DiskError> {
    match File::open(disk, ERASING_FILE, Mode::Overwrite) {
        Ok(file) => {
            file.truncate(0)?;
            file.sync_data()
        }
        Err(error) if error.is_missing() => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a crash left to be wiped. An entry that was not written whole was never begun.
pub fn unfinished(disk: &Arc<dyn Disk>) -> Result<Vec<(u64, String)>, DiskError> {
    let bytes = super::disk::read_file(disk, ERASING_FILE)?.unwrap_or_default();
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while let Some(index) = record::whole_at_start(rest) {
        let len = rest.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize).min(LEAF_BYTES_MAX);
        let name = rest.get(HEADER_BYTES..HEADER_BYTES + len).unwrap_or_default();
        found.push((index, String::from_utf8_lossy(name).into_owned()));
        rest = rest.get(HEADER_BYTES + len..).unwrap_or_default();
    }
    Ok(found)
}
