//! The details of a whole segment, one after the other, in the order of their events.

use std::sync::Arc;

use super::detail::{Frame, Payload, Slot, Slots};
use super::disk::{DiskError, File};
use super::hash::SALT_BYTES;
use super::scan::Frames;
use super::segment::details_path;
use super::window::{WALK_BYTES, Window};

/// Walks the slots of all frames of a segment. Stops for good at a damaged entry: whatever follows is then missing.
#[derive(Debug)]
pub struct SlotStream<'a> {
    frames: std::slice::Iter<'a, Frame>,
    window: Option<Window>,
    current: Option<Slots>,
    next: Option<Slot>,
    segment: u64,
}

impl<'a> SlotStream<'a> {
    /// The slots of these frames of `file`.
    pub fn new(frames: &'a Frames, file: Option<&Arc<File>>) -> Self {
        Self {
            frames: frames.all.iter(),
            window: file.map(|file| Window::new(file, frames.end, WALK_BYTES)),
            current: None,
            next: None,
            segment: frames.segment,
        }
    }

    /// The details file's path.
    pub fn path(&self) -> String {
        details_path(self.segment)
    }

    /// The slot that comes next.
    pub fn peek(&mut self) -> Result<Option<Slot>, DiskError> {
        let Some(window) = &mut self.window else {
            return Ok(None);
        };
        while self.next.is_none() {
            match &mut self.current {
                Some(slots) if !slots.at_end() => {
                    self.next = slots.step(window)?;
                    if self.next.is_none() {
                        self.window = None;
                        return Ok(None);
                    }
                }
                Some(_) | None => match self.frames.next() {
                    Some(frame) => self.current = Some(Slots::of(*frame)),
                    None => return Ok(None),
                },
            }
        }
        Ok(self.next.clone())
    }

    /// Goes past the slot that comes next.
    pub fn advance(&mut self) {
        self.next = None;
    }

    /// A slot's salt and value.
    pub fn payload(&mut self, slot: &Slot) -> Result<Option<Payload<&[u8]>>, DiskError> {
        let Some(window) = &mut self.window else {
            return Ok(None);
        };
        let bytes = window.bytes(slot.offset, SALT_BYTES + slot.value_bytes as usize)?;
        let whole = bytes.len() == SALT_BYTES + slot.value_bytes as usize;
        Ok(bytes.split_first_chunk().filter(|_| whole).map(|(salt, value)| (*salt, value)))
    }
}
