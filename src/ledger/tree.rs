//! The Merkle tree over the leaves (RFC 6962 §2.1), kept as it grows: its root at once, its proofs from little.
//!
//! In memory and in side files stand the roots of whole blocks of [`BLOCK`] leaves, of blocks of blocks, and so on: 32 bytes for
//! 256 events, as the levels of `tlog-tiles` do. Hashes of single leaves are made again from the segments when a proof needs them, at most two blocks of them.
//! Invariant: a hash stands for a range of leaves that will never change, so that trees of any earlier size are here too.
//! Which hashes a proof consists of, and whether one holds, is `ct-merkle`'s to say.

use std::collections::BTreeMap;

use ct_merkle::{
    ConsistencyProof, InclusionProof, RootHash, indices_for_consistency_proof, indices_for_inclusion_proof,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hash::Hash;

/// Leaves of one block: as in `tlog-tiles`.
pub const BLOCK: u64 = 256;
/// Levels of the tree that one level of blocks stands for.
const BLOCK_LEVELS: u32 = BLOCK.trailing_zeros();
/// More leaves than any ledger has: what a note may claim without its being an absurdity (JSON's whole numbers).
pub const LEAVES_MAX: u64 = 1 << 53;

/// The hash of two subtrees side by side: SHA-256(0x01 ‖ left ‖ right).
pub fn node(left: Hash, right: Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Hash(hash.finalize().into())
}

/// The root of a tree without leaves.
fn of_nothing() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The right edge of a tree: the roots of its whole subtrees, the largest first. All that a root needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(0, leaf);
    }

    /// Adds a whole subtree of `2^level` leaves; the tree's size must be a multiple of that.
    fn push_subtree(&mut self, level: u32, root: Hash) {
        let mut root = root;
        let mut above = self.size >> level;
        while above & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            root = node(left, root);
            above >>= 1;
        }
        self.peaks.push(root);
        self.size += 1 << level;
    }

    /// Takes back the last `leaves`: as many as stand in subtrees smaller than all before.
    fn cut(&mut self, leaves: u64) {
        self.peaks.truncate(self.peaks.len().saturating_sub(leaves.count_ones() as usize));
        self.size -= leaves;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        let last = peaks.next().unwrap_or_else(of_nothing);
        peaks.fold(last, |right, left| node(left, right))
    }
}

/// The tree of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    frontier: Frontier,
    /// The hashes of the leaves of the last block, while it is not whole.
    open: Vec<Hash>,
    /// The roots of whole blocks; of whole blocks of those; and so on.
    levels: Vec<Vec<Hash>>,
}

/// What a segment's side file keeps of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The roots of the blocks that became whole in the segment.
    pub blocks: Vec<Hash>,
    /// The hashes of the leaves of the block that is not whole at its end.
    pub open: Vec<Hash>,
}

impl Tree {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.frontier.push(leaf);
        self.open.push(leaf);
        if self.open.len() as u64 == BLOCK {
            let root = whole(&std::mem::take(&mut self.open));
            self.push_block(0, root);
        }
    }

    fn push_block(&mut self, level: usize, root: Hash) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let Some(blocks) = self.levels.get_mut(level) else { return };
        blocks.push(root);
        if (blocks.len() as u64).is_multiple_of(BLOCK) {
            let from = blocks.len() - BLOCK as usize;
            let root = whole(blocks.get(from..).unwrap_or_default());
            self.push_block(level + 1, root);
        }
    }

    /// What a side file is to keep of the leaves from `first` on.
    pub fn part(&self, first: u64) -> Part {
        let from = usize::try_from(first / BLOCK).unwrap_or(usize::MAX);
        let blocks = self.levels.first().and_then(|blocks| blocks.get(from..)).unwrap_or_default();
        Part { blocks: blocks.to_vec(), open: self.open.clone() }
    }

    /// The tree with the leaves up to `size`, which a side file kept. False where the part does not fit: then nothing is changed.
    #[must_use]
    pub fn join(&mut self, part: &Part, size: u64) -> bool {
        let blocks = self.size() / BLOCK + part.blocks.len() as u64;
        if size < self.size() || blocks != size / BLOCK || part.open.len() as u64 != size % BLOCK {
            return false;
        }
        // What was pushed of a block that is whole now is part of that block's root.
        self.frontier.cut(self.open.len() as u64);
        for root in &part.blocks {
            self.frontier.push_subtree(BLOCK_LEVELS, *root);
            self.push_block(0, *root);
        }
        part.open.iter().for_each(|leaf| self.frontier.push(*leaf));
        self.open.clone_from(&part.open);
        true
    }

    /// The root of the tree as it was with `size` leaves. `leaves` gives the hashes of the leaves of a block that are there.
    ///
    /// # Errors
    /// Those of `leaves`.
    pub fn root_at<E>(&self, size: u64, leaves: impl FnMut(u64) -> Result<Vec<Hash>, E>) -> Result<Hash, E> {
        Walk::new(self, leaves).range(0, size)
    }

    /// The hashes that prove that leaf `index` stands in the tree of `size` leaves.
    ///
    /// # Errors
    /// Those of `leaves`.
    pub fn inclusion<E>(
        &self,
        index: u64,
        size: u64,
        leaves: impl FnMut(u64) -> Result<Vec<Hash>, E>,
    ) -> Result<Vec<Hash>, E> {
        if index >= size || size > self.size() {
            return Ok(Vec::new());
        }
        Walk::new(self, leaves).nodes(&indices_for_inclusion_proof(size, index), size)
    }

    /// The hashes that prove that the tree of `new` leaves continues the one of `old`.
    ///
    /// # Errors
    /// Those of `leaves`.
    pub fn consistency<E>(
        &self,
        old: u64,
        new: u64,
        leaves: impl FnMut(u64) -> Result<Vec<Hash>, E>,
    ) -> Result<Vec<Hash>, E> {
        if old == 0 || old >= new || new > self.size() {
            return Ok(Vec::new());
        }
        Walk::new(self, leaves).nodes(&indices_for_consistency_proof(old, new - old), new)
    }

    /// The roots of all that is not in `wanted` (ascending), as few as there can be, from left to right: with the hashes of those
    /// leaves they make the root of the tree of `size` leaves.
    ///
    /// # Errors
    /// Those of `leaves`.
    pub fn others<E>(
        &self,
        wanted: &[u64],
        size: u64,
        leaves: impl FnMut(u64) -> Result<Vec<Hash>, E>,
    ) -> Result<Vec<Hash>, E> {
        let mut walk = Walk::new(self, leaves);
        let mut found = Vec::new();
        walk.others(wanted, 0, size, &mut found)?;
        Ok(found)
    }
}

/// Whether `path` proves that a leaf with the bytes `leaf` stands at `index` of the tree with this root.
pub fn is_included(leaf: &[u8], index: u64, size: u64, root: Hash, path: &[Hash]) -> bool {
    if size > LEAVES_MAX || path.len() > 64 {
        return false;
    }
    let proof = InclusionProof::<Sha256>::from_digests(path.iter().map(|hash| (&hash.0).into()));
    RootHash::<Sha256>::new(root.0.into(), size).verify_inclusion(&leaf, index, &proof).is_ok()
}

/// Whether `path` proves that the second tree continues the first.
pub fn is_continued(old: (u64, Hash), new: (u64, Hash), path: &[Hash]) -> bool {
    if old.0 == new.0 {
        return old.1 == new.1 && path.is_empty();
    }
    if new.0 > LEAVES_MAX || old.0 > new.0 || path.len() > 64 {
        return false;
    }
    if old.0 == 0 {
        return old.1 == of_nothing() && path.is_empty();
    }
    let proof = ConsistencyProof::<Sha256>::from_digests(path.iter().map(|hash| (&hash.0).into()));
    let (old, new) = (RootHash::<Sha256>::new(old.1.0.into(), old.0), RootHash::new(new.1.0.into(), new.0));
    new.verify_consistency(&old, &proof).is_ok()
}

/// The root of a whole subtree from the roots of its parts, whose number is a power of two.
fn whole(parts: &[Hash]) -> Hash {
    let mut row = parts.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs.iter().map(|[left, right]| node(*left, *right)).collect();
    }
    row.first().copied().unwrap_or_else(of_nothing)
}

/// Makes hashes of ranges of leaves, reading each block of leaves at most once.
struct Walk<'a, Leaves> {
    tree: &'a Tree,
    leaves: Leaves,
    read: BTreeMap<u64, Vec<Hash>>,
}

impl<'a, E, Leaves: FnMut(u64) -> Result<Vec<Hash>, E>> Walk<'a, Leaves> {
    fn new(tree: &'a Tree, leaves: Leaves) -> Self {
        Self { tree, leaves, read: BTreeMap::new() }
    }

    /// The hashes at these places of the tree of `size` leaves, numbered as `ct-merkle` does: a place's level is how many ones it
    /// ends in.
    fn nodes(&mut self, places: &[u64], size: u64) -> Result<Vec<Hash>, E> {
        let range = |place: &u64| {
            let level = place.trailing_ones();
            let from = (place >> level >> 1) << level;
            (from, size.min(from + (1 << level)))
        };
        places.iter().map(range).map(|(from, to)| self.range(from, to)).collect()
    }

    /// The root over the leaves `from..to`: a subtree of some tree of RFC 6962, so that `from` is a multiple of the least power of
    /// two that is not below their number.
    fn range(&mut self, from: u64, to: u64) -> Result<Hash, E> {
        match to - from {
            0 => Ok(of_nothing()),
            1 => self.leaf(from),
            count => {
                if count.is_power_of_two()
                    && let Some(root) = self.kept(from, count)
                {
                    return Ok(root);
                }
                let left = count.next_power_of_two() / 2;
                let left = self.range(from, from + left)?;
                let right = self.range(from + count.next_power_of_two() / 2, to)?;
                Ok(node(left, right))
            }
        }
    }

    fn others(&mut self, wanted: &[u64], from: u64, to: u64, found: &mut Vec<Hash>) -> Result<(), E> {
        if wanted.is_empty() {
            if to > from {
                found.push(self.range(from, to)?);
            }
            return Ok(());
        }
        if to - from <= 1 {
            return Ok(());
        }
        let middle = from + (to - from).next_power_of_two() / 2;
        let (left, right) = wanted.split_at(wanted.partition_point(|index| *index < middle));
        self.others(left, from, middle, found)?;
        self.others(right, middle, to, found)
    }

    /// A root that is kept, of so many leaves.
    fn kept(&self, from: u64, count: u64) -> Option<Hash> {
        let level = (count.trailing_zeros() / BLOCK_LEVELS).checked_sub(1)?;
        if !count.trailing_zeros().is_multiple_of(BLOCK_LEVELS) {
            return None;
        }
        let blocks = self.tree.levels.get(level as usize)?;
        blocks.get(usize::try_from(from / count).ok()?).copied()
    }

    fn leaf(&mut self, index: u64) -> Result<Hash, E> {
        let (block, place) = (index / BLOCK, (index % BLOCK) as usize);
        if block == self.tree.size() / BLOCK {
            return Ok(self.tree.open.get(place).copied().unwrap_or_else(of_nothing));
        }
        if !self.read.contains_key(&block) {
            let hashes = (self.leaves)(block)?;
            self.read.insert(block, hashes);
        }
        let hashes = self.read.get(&block);
        Ok(hashes.and_then(|hashes| hashes.get(place)).copied().unwrap_or_else(of_nothing))
    }
}

#[cfg(test)]
mod tests;
