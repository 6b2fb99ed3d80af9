//! What stands in a transcript file: a head, then frames one after another.
//!
//! All numbers are little-endian. Head (24 bytes): magic `QDTRANS\0`, version u32, run u64, CRC-32C u32 over the 20 bytes before. Frame:
//! 44 bytes of header, then the payload, as it is or as one zstd frame. Header: CRC u32 over the 40 bytes that follow; CRC u32 over the stored payload;
//! stored length u32; length u32; host u32 (all ones: the whole run); item kind u8, stream u8, item number u16, attempt u16, coding u8, end u8;
//! sequence u64 (frames count from 0); time i64 (ms since 1970 of the first byte).
//!
//! Invariant: a frame is believed only when both checksums, every code and the sequence fit.

use super::lane::{Bytes, Lane};
use crate::domain::id::{RunId, Timestamp};

/// Most payload bytes of a frame. A page reads whole frames; a larger one would compress a little better.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a file's head.
pub const HEAD_BYTES: usize = 24;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 44;

/// The format written and the newest one read.
pub const VERSION: u32 = 1;

/// Shorter payloads are stored as they are: zstd's own header would eat the gain.
const COMPRESS_BYTES_MIN: usize = 128;

/// How tightly payloads are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// As long as the disk's thread keeps up: logs shrink to a fifth or a quarter.
    #[default]
    Tight,
    /// While hosts wait for it: half as fast again, and half as large again.
    Quick,
}

impl Packing {
    /// The level of zstd: its fastest ordinary one, and the second of those that do without more.
    const fn level(self) -> i32 {
        match self {
            Self::Tight => 1,
            Self::Quick => -2,
        }
    }
}

const MAGIC: &[u8; 8] = b"QDTRANS\0";

/// Whether a lane's open line ends with a frame, although no line end stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The next frame of the lane may continue the line.
    Open,
    /// Nothing more comes: the line is what it is.
    Closed,
}

/// A frame without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Where the bytes came from.
    pub lane: Lane,
    /// When the first of them came.
    pub at: Timestamp,
    /// Its number in the file, from 0.
    pub seq: u64,
    /// Bytes of the payload.
    pub len: u32,
    /// Whether the lane's open line ends with it.
    pub end: End,
    /// Bytes of the payload as stored.
    pub stored: u32,
    crc: u32,
    compressed: bool,
}

impl Header {
    /// Bytes of the whole frame in the file.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored)
    }

    /// Reads a header; `None` when its checksum or a code does not fit.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (fixed, _) = bytes.split_at_checked(HEADER_BYTES)?;
        let (check, rest) = fixed.split_at_checked(4)?;
        if check != crc32c::crc32c(rest).to_le_bytes() {
            return None;
        }
        let mut rest = Bytes(rest);
        let (crc, stored, len) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let lane = Lane::decode(&mut rest)?;
        let compressed = match rest.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let end = match rest.u8()? {
            0 => End::Open,
            1 => End::Closed,
            _ => return None,
        };
        let (seq, at) = (rest.u64()?, rest.i64()?);
        let within = len as usize <= FRAME_BYTES_MAX && stored <= len;
        within.then_some(Self { lane, at: Timestamp(at), seq, len, end, stored, crc, compressed })
    }
}

/// Writes frames; keeps the compressor's memory.
pub struct Encoder {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packing: Packing,
    /// Room for a payload compressed; kept, because to clear it costs as much as to write it.
    packed: Vec<u8>,
    frame: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        // Without a compressor frames are stored as they are: larger, and as true.
        let packing = Packing::default();
        let zstd = zstd::bulk::Compressor::new(packing.level()).ok();
        Self { zstd, packing, packed: vec![0; FRAME_BYTES_MAX], frame: Vec::new() }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// Packs so from now on.
    pub fn pack(&mut self, packing: Packing) {
        let changed = packing != self.packing;
        if let Some(zstd) = self.zstd.as_mut().filter(|_| changed)
            && zstd.set_compression_level(packing.level()).is_ok()
        {
            self.packing = packing;
        }
    }

    /// The frame for `payload` (at most [`FRAME_BYTES_MAX`] bytes).
    pub fn encode(&mut self, lane: Lane, at: Timestamp, seq: u64, payload: &[u8], end: End) -> &[u8] {
        self.frame.clear();
        self.frame.resize(HEADER_BYTES, 0);
        let packed = self.compress(payload);
        let compressed = packed.is_some();
        let stored = packed.and_then(|len| self.packed.get(..len)).unwrap_or(payload);
        self.frame.extend_from_slice(stored);
        let mut fields = Vec::with_capacity(HEADER_BYTES);
        fields.extend(crc32c::crc32c(stored).to_le_bytes());
        fields.extend((stored.len() as u32).to_le_bytes());
        fields.extend((payload.len() as u32).to_le_bytes());
        fields.extend(lane.encode());
        fields.push(u8::from(compressed));
        fields.push(u8::from(end == End::Closed));
        fields.extend(seq.to_le_bytes());
        fields.extend(at.0.to_le_bytes());
        let check = crc32c::crc32c(&fields).to_le_bytes();
        for (to, from) in self.frame.iter_mut().zip(check.into_iter().chain(fields)) {
            *to = from;
        }
        &self.frame
    }

    /// Compresses `payload` into `packed`; how long it is there, if that made it smaller.
    fn compress(&mut self, payload: &[u8]) -> Option<usize> {
        let zstd = self.zstd.as_mut().filter(|_| payload.len() >= COMPRESS_BYTES_MIN)?;
        // One byte less than it is: a payload that does not shrink is an error, and stored as it is.
        let room = self.packed.get_mut(..payload.len() - 1)?;
        zstd.compress_to_buffer(payload, room).ok()
    }
}

/// Reads payloads; keeps the decompressor's memory.
pub struct Decoder {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { zstd: zstd::bulk::Decompressor::new().ok() }
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decoder {
    /// Puts the payload of the frame `header` into `payload`, from its stored bytes; `false` when they do not fit their checksum
    /// or length.
    #[must_use]
    pub fn decode(&mut self, header: &Header, stored: &[u8], payload: &mut Vec<u8>) -> bool {
        payload.clear();
        if stored.len() != header.stored as usize || crc32c::crc32c(stored) != header.crc {
            return false;
        }
        if !header.compressed {
            payload.extend_from_slice(stored);
            return stored.len() == header.len as usize;
        }
        payload.resize(header.len as usize, 0);
        let unpacked = self.zstd.as_mut().map(|zstd| zstd.decompress_to_buffer(stored, payload.as_mut_slice()));
        matches!(unpacked, Some(Ok(len)) if len == header.len as usize)
    }
}

/// A file's head.
#[must_use]
pub fn head(run: RunId) -> [u8; HEAD_BYTES] {
    head_with(MAGIC, run)
}

/// A head with this magic.
pub(super) fn head_with(magic: &[u8; 8], run: RunId) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let fields = magic.iter().copied().chain(VERSION.to_le_bytes()).chain(run.0.to_le_bytes());
    head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    let check = crc32c::crc32c(head.get(..HEAD_BYTES - 4).unwrap_or_default()).to_le_bytes();
    head.iter_mut().skip(HEAD_BYTES - 4).zip(check).for_each(|(to, from)| *to = from);
    head
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Of this run, in a version that can be read.
    Known(RunId),
    /// In a newer version.
    Newer(u32),
    /// Short, of another kind, or damaged.
    Wrong,
}

/// Reads a file's head.
#[must_use]
pub fn read_head(bytes: &[u8]) -> Head {
    read_head_with(MAGIC, bytes)
}

pub(super) fn read_head_with(magic: &[u8; 8], bytes: &[u8]) -> Head {
    let mut rest = Bytes(bytes);
    let fields = (rest.array::<8>(), rest.u32(), rest.u64(), rest.u32());
    let (Some(found), Some(version), Some(run), Some(check)) = fields else {
        return Head::Wrong;
    };
    let fits = check == crc32c::crc32c(bytes.get(..HEAD_BYTES - 4).unwrap_or_default());
    match version {
        _ if &found != magic || !fits => Head::Wrong,
        VERSION => Head::Known(RunId(run)),
        newer => Head::Newer(newer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::HostIx;
    use crate::domain::order::Stream;
    use crate::domain::run::{Item, Slot};

    fn lane(item: Item, host: Option<u32>, stream: Stream) -> Lane {
        Lane { slot: Slot { item, host: host.map(HostIx) }, attempt: 3, stream }
    }

    #[test]
    fn a_frame_reads_back() {
        let (mut encoder, mut decoder, mut payload) = (Encoder::default(), Decoder::default(), Vec::new());
        let lanes = [
            lane(Item::Reach, Some(0), Stream::Note),
            lane(Item::Preflight(7), Some(1999), Stream::Out),
            lane(Item::Step(65535), None, Stream::Err),
            lane(Item::Verify(1), Some(u32::MAX - 1), Stream::Out),
        ];
        let texts = [
            Vec::new(),
            b"short".to_vec(),
            b"the same again ".repeat(4000),
            (0..60_000_u32).map(|n| ((n * n) >> 7) as u8).collect(),
        ];
        for (lane, text) in lanes.into_iter().zip(&texts) {
            for (end, packing) in [(End::Open, Packing::Tight), (End::Closed, Packing::Quick)] {
                encoder.pack(packing);
                let frame = encoder.encode(lane, Timestamp(-5), 9, text, end).to_vec();
                let header = Header::decode(&frame).unwrap();
                assert_eq!((header.lane, header.at, header.seq, header.end), (lane, Timestamp(-5), 9, end));
                assert_eq!(header.frame_bytes(), frame.len() as u64);
                assert!(decoder.decode(&header, &frame[HEADER_BYTES..], &mut payload));
                assert_eq!(&payload, text);
            }
        }
    }

    #[test]
    fn c06_any_flipped_bit_is_noticed() {
        let (mut encoder, mut decoder, mut payload) = (Encoder::default(), Decoder::default(), Vec::new());
        let frame = encoder
            .encode(
                lane(Item::Step(2), Some(4), Stream::Out),
                Timestamp(1),
                0,
                &b"line after line\n".repeat(30),
                End::Open,
            )
            .to_vec();
        for bit in 0..frame.len() * 8 {
            let mut bent = frame.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let believed =
                Header::decode(&bent).is_some_and(|it| decoder.decode(&it, &bent[HEADER_BYTES..], &mut payload));
            assert!(!believed, "bit {bit}");
        }
    }

    #[test]
    fn heads_tell_version_and_run() {
        assert_eq!(read_head(&head(RunId(42))), Head::Known(RunId(42)));
        let mut newer = head(RunId(42));
        newer[8] = 9;
        let check = crc32c::crc32c(&newer[..20]).to_le_bytes();
        newer[20..].copy_from_slice(&check);
        assert_eq!(read_head(&newer), Head::Newer(9));
        newer[3] ^= 1;
        assert_eq!(read_head(&newer), Head::Wrong);
        assert_eq!(read_head(b"QDTRANS\0"), Head::Wrong);
    }
}
