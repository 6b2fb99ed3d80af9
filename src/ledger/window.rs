//! Buffered reading at offsets: many small looks at a file through few reads.

use std::sync::Arc;

use super::disk::{DiskError, File};

/// How much a walk through a whole file reads at once: the calls cost nothing, the buffer stays in the cache.
pub const WALK_BYTES: usize = 1024 * 1024;
/// How much a look-up reads at once: a stretch of the sparse index, about 64 leaves.
pub const LOOK_UP_BYTES: usize = 32 * 1024;

/// A moving view of one file up to a fixed end.
#[derive(Debug)]
pub struct Window {
    file: Arc<File>,
    end: u64,
    read_bytes: usize,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Window {
    /// A view of `file` up to `end`, read `read_bytes` at a time.
    pub fn new(file: &Arc<File>, end: u64, read_bytes: usize) -> Self {
        Self { file: Arc::clone(file), end, read_bytes, buffer: Vec::new(), buffer_at: 0 }
    }

    /// The end of what may be seen.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// `len` bytes at `offset`, or fewer at the end.
    pub fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], DiskError> {
        let start = match offset.checked_sub(self.buffer_at).map(usize::try_from) {
            Some(Ok(start)) if start.saturating_add(len) <= self.buffer.len() => start,
            Some(_) | None => {
                let rest = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
                self.buffer.resize(rest.min(self.read_bytes.max(len)), 0);
                let got = self.file.read_at(offset, &mut self.buffer)?;
                self.buffer.truncate(got);
                self.buffer_at = offset;
                0
            }
        };
        let end = start.saturating_add(len).min(self.buffer.len());
        Ok(self.buffer.get(start..end).unwrap_or_default())
    }
}
