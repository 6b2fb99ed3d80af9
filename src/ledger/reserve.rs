//! Room kept for the day the disk is full: a file of zeros that gives its bytes back when outcomes could not be recorded
//! otherwise.
//!
//! Zeros are written, not only a length set, so that the file really holds the room. On a file system that packs zeros
//! away (compression) it holds nothing, and a full disk then refuses everything, as it would without a reserve.

use std::sync::Arc;

use super::disk::{Disk, DiskError, File, Mode};

/// Where it lies.
pub const RESERVE_FILE: &str = "reserve";
/// How much is kept: six thousand outcomes with the longest text, more than can be in flight at once.
pub const RESERVE_BYTES: u64 = 16 * 1024 * 1024;
/// How much is given back at a time, at least: whoever filled the disk takes a share of what becomes free.
const GIVEN_BYTES_MIN: u64 = 256 * 1024;
/// How much is written at a time.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The file and what is left of it.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    kept: u64,
    wanted: u64,
}

/// Gives back `bytes` of the reserve, or more, before a ledger is open. False: nothing is left to give.
pub(super) fn give_back(disk: &Arc<dyn Disk>, bytes: u64) -> Result<bool, DiskError> {
    let file = match File::open(disk, RESERVE_FILE, Mode::Overwrite) {
        Err(error) if error.is_missing() => return Ok(false),
        opened => opened?,
    };
    let kept = file.size()?;
    Reserve { file, kept, wanted: kept }.give(bytes)
}

impl Reserve {
    /// Opens the file, and fills it as far as there is room.
    pub fn open(disk: &Arc<dyn Disk>, path: &str, wanted: u64) -> Result<Self, DiskError> {
        let file = File::open(disk, path, Mode::Append)?;
        let mut reserve = Self { kept: file.size()?, file, wanted };
        reserve.fill()?;
        Ok(reserve)
    }

    /// Fills what is missing, as far as there is room.
    pub fn fill(&mut self) -> Result<(), DiskError> {
        while self.kept < self.wanted {
            let part = usize::try_from(self.wanted - self.kept).unwrap_or(ZEROS.len()).min(ZEROS.len());
            let written = self.file.append(ZEROS.get(..part).unwrap_or(&ZEROS));
            // After an error some of it may be there.
            self.kept = self.file.size()?;
            match written {
                Err(error) if error.is_full() => return Ok(()),
                written => written?,
            }
        }
        Ok(())
    }

    /// Gives room back, `bytes` or more where there is so much. False: nothing is left to give.
    pub fn give(&mut self, bytes: u64) -> Result<bool, DiskError> {
        if self.kept == 0 {
            return Ok(false);
        }
        let rest = self.kept.saturating_sub(bytes.max(GIVEN_BYTES_MIN));
        self.file.truncate(rest)?;
        self.kept = rest;
        // Some file systems hand freed blocks out again only after this.
        self.file.sync_data()?;
        Ok(true)
    }
}
