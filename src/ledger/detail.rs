//! Details: the erasable part of an event, beside the leaves and committed to by them.
//!
//! One append-only file per segment, made of frames, one per batch: `"QDF1" | crc32c u32 over what follows | first
//! index u64 | events u32 | 0 u32 | entries' bytes u64 | leaf offset u64 | leaf bytes u64`, then the entries: `event
//! within the batch u32 | name bytes u32 | value bytes u32 | crc32c u32 over those and the name | name | salt [32] |
//! value`, little-endian. A frame is synced before its batch's leaves are written, so it also tells recovery
//! which leaves were on their way. Erasing overwrites salt and value with zeros in place; a salt of zeros *is* the
//! erased state (random salts never are). Deliberately absent: a checksum over salt and value: the commitment is one.

use super::disk::{DiskError, File};
use super::hash::SALT_BYTES;
use super::window::Window;

/// Bytes of a frame before its entries.
pub const FRAME_BYTES: usize = 48;
const ENTRY_BYTES: usize = 16;
const MAGIC: &[u8; 4] = b"QDF1";
/// A name longer than this is not one of ours: leaves hold at most 16 KiB.
const NAME_BYTES_MAX: u32 = 16 * 1024;

/// A detail as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// The bytes that the leaf commits to.
    Text(Vec<u8>),
    /// They were erased; the leaf and every proof stay valid.
    Erased,
}

/// The head of a frame, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Where the frame begins.
    pub offset: u64,
    /// Its batch's first event.
    pub first: u64,
    /// How many events its batch has.
    pub count: u32,
    /// The length of its entries.
    pub entries_bytes: u64,
    /// Where its batch's leaves begin in the segment.
    pub leaf_offset: u64,
    /// How long they are.
    pub leaf_bytes: u64,
}

impl Frame {
    /// Where the frame ends.
    pub fn end(&self) -> u64 {
        self.offset + FRAME_BYTES as u64 + self.entries_bytes
    }

    /// The event after its batch.
    pub fn after(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// Where its batch's leaves end in the segment.
    pub fn leaf_end(&self) -> u64 {
        self.leaf_offset + self.leaf_bytes
    }

    /// Whether its ends can be told at all: a checksum fits any numbers, and a walk must always get on.
    fn is_measurable(&self) -> bool {
        let end = self.offset.checked_add(FRAME_BYTES as u64).and_then(|from| from.checked_add(self.entries_bytes));
        let after = self.first.checked_add(u64::from(self.count));
        end.is_some() && after.is_some() && self.leaf_offset.checked_add(self.leaf_bytes).is_some()
    }

    fn encode(&self) -> Vec<u8> {
        let mut rest = Vec::with_capacity(FRAME_BYTES);
        rest.extend_from_slice(&self.first.to_le_bytes());
        rest.extend_from_slice(&self.count.to_le_bytes());
        rest.extend_from_slice(&[0; 4]);
        rest.extend_from_slice(&self.entries_bytes.to_le_bytes());
        rest.extend_from_slice(&self.leaf_offset.to_le_bytes());
        rest.extend_from_slice(&self.leaf_bytes.to_le_bytes());
        let mut bytes = Vec::with_capacity(FRAME_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&crc32c::crc32c(&rest).to_le_bytes());
        bytes.extend_from_slice(&rest);
        bytes
    }

    fn decode(offset: u64, bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (crc, rest) = rest.split_first_chunk()?;
        let rest = rest.get(..FRAME_BYTES - 8)?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(rest);
        let (first, count, zero) = (fields.u64()?, fields.u32()?, fields.u32()?);
        let (entries_bytes, leaf_offset, leaf_bytes) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let frame = Self { offset, first, count, entries_bytes, leaf_offset, leaf_bytes };
        (zero == 0 && count > 0 && frame.is_measurable()).then_some(frame)
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }
}

/// Collects the entries of one batch.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    entries: Vec<u8>,
}

impl FrameBuilder {
    /// Adds a detail of the batch's `event`-th event (from 0).
    pub fn push(&mut self, event: u32, name: &str, salt: &[u8; SALT_BYTES], value: &[u8]) {
        let mut head = Vec::with_capacity(ENTRY_BYTES);
        head.extend_from_slice(&event.to_le_bytes());
        head.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head), name.as_bytes());
        head.extend_from_slice(&crc.to_le_bytes());
        self.entries.extend_from_slice(&head);
        self.entries.extend_from_slice(name.as_bytes());
        self.entries.extend_from_slice(salt);
        self.entries.extend_from_slice(value);
    }

    /// No details were added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How long the entries are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The frame's bytes, to be appended at `offset` of the details file.
    pub fn finish(&self, offset: u64, first: u64, count: u32, leaf_offset: u64, leaf_bytes: u64) -> (Frame, Vec<u8>) {
        let entries_bytes = self.entries.len() as u64;
        let frame = Frame { offset, first, count, entries_bytes, leaf_offset, leaf_bytes };
        let mut bytes = frame.encode();
        bytes.extend_from_slice(&self.entries);
        (frame, bytes)
    }
}

/// What stands at a place where a frame may begin.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameStep {
    /// A whole frame.
    Frame(Frame),
    /// The end of the file.
    End,
    /// Something else.
    Bad,
}

/// Reads the frame at `offset`.
pub fn frame_at(window: &mut Window, offset: u64) -> Result<FrameStep, DiskError> {
    if offset == window.end() {
        return Ok(FrameStep::End);
    }
    let end = window.end();
    let frame = Frame::decode(offset, window.bytes(offset, FRAME_BYTES)?);
    Ok(match frame {
        Some(frame) if frame.end() <= end => FrameStep::Frame(frame),
        Some(_) | None => FrameStep::Bad,
    })
}

/// One entry of a frame: where its salt and value lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The event.
    pub index: u64,
    /// The detail's name.
    pub name: String,
    /// Where the salt begins; the value follows it.
    pub offset: u64,
    /// The value's length.
    pub value_bytes: u32,
}

/// Walks the entries of one frame. A `None` before the frame's end means that the next entry is damaged.
#[derive(Debug)]
pub struct Slots {
    frame: Frame,
    at: u64,
}

impl Slots {
    /// The entries of `frame`.
    pub fn of(frame: Frame) -> Self {
        Self { frame, at: frame.offset + FRAME_BYTES as u64 }
    }

    /// Whether all entries were walked.
    pub fn at_end(&self) -> bool {
        self.at == self.frame.end()
    }

    /// Where the next entry begins.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The next entry.
    pub fn step(&mut self, window: &mut Window) -> Result<Option<Slot>, DiskError> {
        if self.at >= self.frame.end() {
            return Ok(None);
        }
        let head = window.bytes(self.at, ENTRY_BYTES)?;
        let covered = head.get(..ENTRY_BYTES - 4).unwrap_or_default();
        let mut crc = crc32c::crc32c(covered);
        let mut fields = Fields(head);
        let (Some(event), Some(name_bytes), Some(value_bytes), Some(expected)) =
            (fields.u32(), fields.u32(), fields.u32(), fields.u32())
        else {
            return Ok(None);
        };
        if name_bytes > NAME_BYTES_MAX {
            return Ok(None);
        }
        let name = window.bytes(self.at + ENTRY_BYTES as u64, name_bytes as usize)?;
        crc = crc32c::crc32c_append(crc, name);
        let name = String::from_utf8_lossy(name).into_owned();
        let offset = self.at + ENTRY_BYTES as u64 + u64::from(name_bytes);
        let end = offset + SALT_BYTES as u64 + u64::from(value_bytes);
        if crc != expected || end > self.frame.end() || event >= self.frame.count {
            return Ok(None);
        }
        self.at = end;
        Ok(Some(Slot { index: self.frame.first + u64::from(event), name, offset, value_bytes }))
    }
}

/// The salt and the value of an entry, as they lie on disk.
pub type Payload<Value> = ([u8; SALT_BYTES], Value);

/// Reads the salt and the value of an entry; `None` where the file ends before they do.
pub fn payload(file: &File, slot: &Slot) -> Result<Option<Payload<Vec<u8>>>, DiskError> {
    let mut bytes = file.read(slot.offset, SALT_BYTES + slot.value_bytes as usize)?;
    if bytes.len() < SALT_BYTES + slot.value_bytes as usize {
        return Ok(None);
    }
    let value = bytes.split_off(SALT_BYTES);
    Ok(bytes.first_chunk().map(|salt| (*salt, value)))
}
