//! Where random bytes come from: an argument, so that a test or the simulator can replay them.

use std::io;

use sha2::{Digest, Sha256};

/// A source of random bytes.
pub trait Entropy: Send {
    /// Fills `into`. An error stops whatever needed the bytes; nothing is made up.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<()>;
}

impl<F: FnMut(&mut [u8]) -> io::Result<()> + Send> Entropy for F {
    fn fill(&mut self, into: &mut [u8]) -> io::Result<()> {
        self(into)
    }
}

/// The operating system's source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, into: &mut [u8]) -> io::Result<()> {
        getrandom::fill(into).map_err(io::Error::from)
    }
}

/// Predictable bytes: SHA-256 of a seed and a counter. For tests and the simulator only: never for a real ledger.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: u64,
    block: u64,
    rest: Vec<u8>,
}

impl SeededEntropy {
    /// The stream of this seed, from its start.
    pub fn new(seed: u64) -> Self {
        Self { seed, block: 0, rest: Vec::new() }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, into: &mut [u8]) -> io::Result<()> {
        for byte in into {
            if self.rest.is_empty() {
                let mut hash = Sha256::new();
                hash.update(self.seed.to_le_bytes());
                hash.update(self.block.to_le_bytes());
                self.block += 1;
                self.rest = hash.finalize().to_vec();
            }
            *byte = self.rest.pop().unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_stream_however_it_is_cut() {
        let mut whole = [0; 100];
        SeededEntropy::new(7).fill(&mut whole).unwrap();
        let mut entropy = SeededEntropy::new(7);
        let mut parts = [0; 100];
        for part in parts.chunks_mut(9) {
            entropy.fill(part).unwrap();
        }
        assert_eq!(whole, parts);
        let mut other = [0; 100];
        SeededEntropy::new(8).fill(&mut other).unwrap();
        assert_ne!(whole, other);
    }
}
