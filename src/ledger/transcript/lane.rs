//! Where bytes came from, and how that is written into frames and index entries.

use crate::domain::id::HostIx;
use crate::domain::order::{OrderKey, Stream};
use crate::domain::run::{Item, Slot};

/// Bytes of a lane in a header or an index entry.
pub(super) const LANE_BYTES: usize = 10;

const NO_HOST: u32 = u32::MAX;

/// Where bytes came from: one stream of one try of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The cell.
    pub slot: Slot,
    /// Which try.
    pub attempt: u16,
    /// Which stream.
    pub stream: Stream,
}

impl Lane {
    /// The lane of `stream` of a try.
    #[must_use]
    pub fn of(key: OrderKey, stream: Stream) -> Self {
        Self { slot: key.slot, attempt: key.attempt, stream }
    }

    /// Host u32, kind u8, stream u8, number u16, attempt u16.
    pub(super) fn encode(self) -> [u8; LANE_BYTES] {
        let (kind, number) = match self.slot.item {
            Item::Reach => (0, 0),
            Item::Preflight(number) => (1, number),
            Item::Step(number) => (2, number),
            Item::Verify(number) => (3, number),
        };
        let stream = match self.stream {
            Stream::Out => 0,
            Stream::Err => 1,
            Stream::Note => 2,
        };
        let host = self.slot.host.map_or(NO_HOST, |ix| ix.0).to_le_bytes();
        let (number, attempt) = (u16::to_le_bytes(number), self.attempt.to_le_bytes());
        let [a, b, c, d] = host;
        [a, b, c, d, kind, stream, number[0], number[1], attempt[0], attempt[1]]
    }

    pub(super) fn decode(bytes: &mut Bytes<'_>) -> Option<Self> {
        let host = bytes.u32()?;
        let (kind, stream, number, attempt) = (bytes.u8()?, bytes.u8()?, bytes.u16()?, bytes.u16()?);
        let item = match (kind, number) {
            (0, 0) => Item::Reach,
            (1, number) => Item::Preflight(number),
            (2, number) => Item::Step(number),
            (3, number) => Item::Verify(number),
            _ => return None,
        };
        let stream = match stream {
            0 => Stream::Out,
            1 => Stream::Err,
            2 => Stream::Note,
            _ => return None,
        };
        let host = (host != NO_HOST).then_some(HostIx(host));
        Some(Self { slot: Slot { item, host }, attempt, stream })
    }
}

/// Little-endian numbers from the front of a slice.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}
