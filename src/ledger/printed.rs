//! Whether transcripts are what the record says was printed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use super::transcript::{DATA_SUFFIX, DIRECTORY, TranscriptError, Transcripts};
use crate::domain::order::{OrderKey, OutputSummary};
use crate::domain::{Digest, RunId};

/// What an event says that a try printed.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// The event.
    pub index: u64,
    /// The try.
    pub key: OrderKey,
    /// What it printed.
    pub output: OutputSummary,
}

/// What a transcript is beside the record.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    /// What was recorded.
    Same,
    /// Not in this copy of the data.
    NotHere,
    /// Something else than this event says.
    Differs(u64),
}

/// The file of a run's transcript.
pub fn path(run: RunId) -> String {
    format!("{DIRECTORY}/{}{DATA_SUFFIX}", run.0)
}

/// Compares what the events of a run say with its transcript.
///
/// # Errors
/// In words, where the transcript cannot be read.
pub fn differs(disk: &Arc<dyn Disk>, run: RunId, said: &[Said]) -> Result<Compared, String> {
    let Some(first) = said.iter().find(|said| said.output.bytes > 0) else {
        return Ok(Compared::Same);
    };
    let mut lanes = Lanes::of(said);
    let read = Transcripts::read_only(Arc::clone(disk)).reader(run);
    match read.and_then(|mut reader| reader.each_printed(|key, bytes| lanes.take(key, bytes))) {
        Ok(()) => Ok(lanes.end()),
        Err(TranscriptError::Missing(_)) => Ok(Compared::NotHere),
        Err(TranscriptError::Damaged { .. }) => Ok(Compared::Differs(first.index)),
        Err(error) => Err(error.to_string()),
    }
}

/// What is still expected of each try, in the order it was recorded. Lines are not compared: the last one of a try that
/// was cut off ends later.
#[derive(Default)]
struct Lanes {
    expected: BTreeMap<OrderKey, VecDeque<Said>>,
    under_way: BTreeMap<OrderKey, (Sha256, u64)>,
    differs: Option<u64>,
}

impl Lanes {
    fn of(said: &[Said]) -> Self {
        let mut lanes = Self::default();
        for said in said.iter().filter(|said| said.output.bytes > 0) {
            lanes.expected.entry(said.key).or_default().push_back(*said);
        }
        lanes
    }

    fn take(&mut self, key: OrderKey, mut bytes: &[u8]) {
        // What no event speaks of is a try under way, or one whose output was given up.
        while let Some(said) = self.expected.get(&key).and_then(VecDeque::front).copied().filter(|_| !bytes.is_empty())
        {
            let (hash, taken) = self.under_way.entry(key).or_default();
            let missing = usize::try_from(said.output.bytes - *taken).unwrap_or(usize::MAX);
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            hash.update(part);
            *taken += part.len() as u64;
            bytes = rest;
            if *taken == said.output.bytes {
                let (hash, _) = self.under_way.remove(&key).unwrap_or_default();
                if Digest(hash.finalize().into()) != said.output.sha256 {
                    self.differs.get_or_insert(said.index);
                }
                self.expected.entry(key).or_default().pop_front();
            }
        }
    }

    /// Whatever is still expected is not there.
    fn end(self) -> Compared {
        let missing = self.expected.values().flatten().map(|said| said.index).min();
        self.differs.into_iter().chain(missing).min().map_or(Compared::Same, Compared::Differs)
    }
}
