//! A batch before it is written: drafts placed in the chain, leaves and details as bytes. Changes nothing on disk.

use std::collections::BTreeMap;

use super::canonical;
use super::chain::Chain;
use super::detail::FrameBuilder;
use super::entropy::Entropy;
use super::error::LedgerError;
use super::hash::{self, Hash, SALT_BYTES, leaf_hash};
use super::leaf::{self, DETAIL_BYTES_MAX, Draft, DraftError, Place, RunLink};
use super::record;

/// The most events in one batch: what a change of the site says about every open run; keeps a torn batch small enough to
/// look at.
pub const BATCH_EVENTS_MAX: usize = 50_000;
/// The most bytes of leaves in one batch: a quarter of a segment.
pub const BATCH_LEAF_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of details in one batch: some of the largest bindings at once.
pub const BATCH_DETAIL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An event as acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// Its place, and its id.
    pub index: u64,
    /// Its leaf hash.
    pub hash: Hash,
    /// Its place in its run's chain.
    pub run: Option<RunLink>,
}

/// The leaves and details of a batch, ready to be written.
pub(super) struct Batch {
    pub leaves: Vec<u8>,
    pub offsets: Vec<u64>,
    pub details: FrameBuilder,
    pub stamps: Vec<Stamped>,
    pub chain: Chain,
}

impl Batch {
    /// Places the drafts after `chain`, with a fresh salt for each detail.
    pub fn plan(drafts: &[Draft], chain: &Chain, entropy: &mut dyn Entropy) -> Result<Self, LedgerError> {
        let details: usize = drafts.iter().map(|draft| draft.details.len()).sum();
        let mut salts = vec![0; details * SALT_BYTES];
        entropy.fill(&mut salts).map_err(LedgerError::Entropy)?;
        let (mut salts, _) = salts.as_chunks::<SALT_BYTES>();

        let mut batch = Self {
            leaves: Vec::with_capacity(drafts.len() * 512),
            offsets: Vec::with_capacity(drafts.len()),
            details: FrameBuilder::default(),
            stamps: Vec::with_capacity(drafts.len()),
            chain: chain.clone(),
        };
        for (position, draft) in drafts.iter().enumerate() {
            let (now, later) = salts.split_at(draft.details.len().min(salts.len()));
            salts = later;
            batch.push(position, draft, now).map_err(|source| LedgerError::Draft { position, source })?;
        }
        Ok(batch)
    }

    fn push(&mut self, position: usize, draft: &Draft, salts: &[[u8; SALT_BYTES]]) -> Result<(), DraftError> {
        let run = self.chain.next(draft.at, draft.run, draft.run_closed)?;
        let event = u32::try_from(position).unwrap_or(u32::MAX);
        let mut commitments = BTreeMap::new();
        for ((name, value), salt) in draft.details.iter().zip(salts) {
            if !canonical::is_key(name) {
                return Err(DraftError::DetailName(name.clone()));
            }
            if value.len() > DETAIL_BYTES_MAX {
                return Err(DraftError::DetailBytes { name: name.clone(), bytes: value.len() });
            }
            commitments.insert(name.clone(), hash::commitment(salt, &draft.kind, value));
            self.details.push(event, name, salt, value);
        }
        let place = Place { index: self.chain.size, prev: self.chain.hash, run, commitments: &commitments };
        let leaf = leaf::write(draft, &place)?;
        let hash = leaf_hash(&leaf);
        self.offsets.push(self.leaves.len() as u64);
        record::encode(place.index, &leaf, &mut self.leaves);
        self.stamps.push(Stamped { index: place.index, hash, run });
        self.chain.push(draft.at, run, hash);
        let over = self.stamps.len() > BATCH_EVENTS_MAX
            || self.leaves.len() > BATCH_LEAF_BYTES_MAX
            || self.details.len() > BATCH_DETAIL_BYTES_MAX;
        if over {
            let bytes = self.leaves.len() + self.details.len();
            return Err(DraftError::Batch { events: self.stamps.len(), bytes });
        }
        Ok(())
    }
}
