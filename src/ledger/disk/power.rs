//! What a power cut leaves of a [`MemoryDisk`]: synced bytes always; of the rest, any part that a real disk may keep.
//!
//! Blocks below a sector (1 and 8 bytes) are only cut as a prefix: no disk writes the second half of a sector and
//! not the first. Sectors and pages may also arrive in any order, which leaves holes of zeros before written bytes.

use std::collections::BTreeMap;

use super::change::{Change, Inode, Node};
use super::memory::{MemoryDisk, State};

/// The sizes at which unsynced writes are cut, in bytes: a byte, a word, a sector, a page.
pub const CUT_BLOCKS: [usize; 4] = [1, 8, 512, 4096];

/// One way to lose power. Deterministic: the same disk and the same cut leave the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCut {
    /// Nothing unsynced arrived.
    Lost,
    /// Everything unsynced arrived.
    Kept,
    /// Contents arrived, unsynced names did not.
    NamesLost,
    /// Names and lengths arrived, contents did not: zeros stand in their place.
    Zeroed,
    /// The unsynced writes of every file arrived up to a share of their bytes (`keep` of 16), cut down to whole
    /// blocks; the file ends there.
    Torn {
        /// Block size in bytes.
        block: usize,
        /// Sixteenths of the bytes that arrived.
        keep: u8,
    },
    /// As `Torn`, but the length arrived in full and zeros fill the rest.
    TornZeroed {
        /// Block size in bytes.
        block: usize,
        /// Sixteenths of the bytes that arrived.
        keep: u8,
    },
    /// Each unsynced block of each file arrived or not, by a coin thrown with this seed; holes are zeros.
    Reordered {
        /// Block size in bytes.
        block: usize,
        /// The seed of the coin.
        seed: u64,
    },
}

/// Every kind of cut, with a few positions and seeds each.
pub fn power_cuts() -> Vec<PowerCut> {
    let mut cuts = vec![PowerCut::Lost, PowerCut::Kept, PowerCut::NamesLost, PowerCut::Zeroed];
    for block in CUT_BLOCKS {
        for keep in [1, 8, 15] {
            cuts.push(PowerCut::Torn { block, keep });
            cuts.push(PowerCut::TornZeroed { block, keep });
        }
        if block >= 512 {
            cuts.extend((0..4).map(|seed| PowerCut::Reordered { block, seed }));
        }
    }
    cuts
}

impl MemoryDisk {
    /// The disk as the next boot finds it. This one is left as it is.
    pub fn power_cut(&self, cut: PowerCut) -> Self {
        let before = self.snapshot();
        let mut coin = match cut {
            PowerCut::Reordered { seed, .. } => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            PowerCut::Lost
            | PowerCut::Kept
            | PowerCut::NamesLost
            | PowerCut::Zeroed
            | PowerCut::Torn { .. }
            | PowerCut::TornZeroed { .. } => 0,
        };
        let mut names = before.durable_names.clone();
        for change in &before.pending_names {
            let arrived = match cut {
                PowerCut::Lost | PowerCut::NamesLost => false,
                PowerCut::Kept | PowerCut::Zeroed | PowerCut::Torn { .. } | PowerCut::TornZeroed { .. } => true,
                PowerCut::Reordered { .. } => heads(&mut coin),
            };
            if arrived {
                change.apply(&mut names);
            }
        }
        let mut files = BTreeMap::new();
        for (path, node) in &names {
            if let Node::File(inode) = node
                && let Some(inode) = before.inodes.get(inode)
            {
                files.insert(path.clone(), survives(inode, cut, &mut coin));
            }
        }
        let after = Self::with_files(&files);
        // Directories without files survive too.
        let mut state: State = after.snapshot();
        for (path, node) in names {
            if node == Node::Directory {
                state.names.insert(path.clone(), node);
                state.durable_names.insert(path, node);
            }
        }
        Self::from_state(state)
    }
}

fn survives(inode: &Inode, cut: PowerCut, coin: &mut u64) -> Vec<u8> {
    let mut bytes = inode.durable.clone();
    let written: usize = inode.pending.iter().map(Change::written).sum();
    match cut {
        PowerCut::Lost => {}
        PowerCut::Kept | PowerCut::NamesLost => inode.pending.iter().for_each(|change| change.apply(&mut bytes)),
        PowerCut::Zeroed => keep_up_to(inode, 0, 1, Rest::Zero, &mut bytes),
        PowerCut::Torn { block, keep } => {
            keep_up_to(inode, written * usize::from(keep) / 16, block, Rest::Absent, &mut bytes)
        }
        PowerCut::TornZeroed { block, keep } => {
            keep_up_to(inode, written * usize::from(keep) / 16, block, Rest::Zero, &mut bytes);
        }
        PowerCut::Reordered { block, .. } => {
            for change in &inode.pending {
                match change {
                    Change::Truncate(_) => {
                        if heads(coin) {
                            change.apply(&mut bytes);
                        }
                    }
                    Change::Write { offset, bytes: new } => {
                        for (at, piece) in blocks(*offset, new, block) {
                            if heads(coin) {
                                Change::Write { offset: at, bytes: piece.to_vec() }.apply(&mut bytes);
                            }
                        }
                    }
                }
            }
        }
    }
    bytes
}

#[derive(Clone, Copy, PartialEq)]
enum Rest {
    Absent,
    Zero,
}

/// Applies the unsynced changes in order until `budget` bytes are written; the write under way ends at a block
/// boundary of the file.
fn keep_up_to(inode: &Inode, budget: usize, block: usize, rest: Rest, bytes: &mut Vec<u8>) {
    let mut left = budget;
    for change in &inode.pending {
        match change {
            Change::Truncate(_) => change.apply(bytes),
            Change::Write { offset, bytes: new } => {
                let mut kept = new.len().min(left);
                if kept < new.len() {
                    let end = (offset + kept) / block * block;
                    kept = end.saturating_sub(*offset);
                    left = 0;
                } else {
                    left -= kept;
                }
                let piece = new.get(..kept).unwrap_or_default().to_vec();
                if !piece.is_empty() {
                    Change::Write { offset: *offset, bytes: piece }.apply(bytes);
                }
                if rest == Rest::Zero && bytes.len() < offset + new.len() {
                    bytes.resize(offset + new.len(), 0);
                }
            }
        }
    }
}

/// The parts of a write that lie in different blocks of the file.
fn blocks(offset: usize, mut bytes: &[u8], block: usize) -> Vec<(usize, &[u8])> {
    let mut parts = Vec::new();
    let mut at = offset;
    while !bytes.is_empty() {
        let room = block - at % block;
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        parts.push((at, head));
        at += head.len();
        bytes = tail;
    }
    parts
}

fn heads(coin: &mut u64) -> bool {
    // xorshift64*: any coin will do, as long as it is the same one each time.
    *coin ^= *coin >> 12;
    *coin ^= *coin << 25;
    *coin ^= *coin >> 27;
    coin.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63 == 1
}
