//! The hashes of the ledger: RFC 6962 leaf hashes and salted commitments to details.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of salt in front of each detail.
pub const SALT_BYTES: usize = 32;

/// A SHA-256 value; shown and written as standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads the base64 form; `None` for anything but its one spelling.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The base64 form, as it stands in a leaf.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.to_base64())
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(&text).ok_or_else(|| D::Error::custom("not a hash in base64"))
    }
}

/// The hash of a leaf: SHA-256(0x00 ‖ leaf), RFC 6962 §2.1.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    Hash(hash.finalize().into())
}

/// What a leaf says of a detail: HMAC-SHA256(salt, kind ‖ 0 ‖ bytes). `kind` is the event's. Without the salt even
/// a one-word value cannot be guessed.
pub fn commitment(salt: &[u8; SALT_BYTES], kind: &str, bytes: &[u8]) -> Hash {
    match <Hmac<Sha256> as KeyInit>::new_from_slice(salt) {
        Ok(mut mac) => {
            mac.update(kind.as_bytes());
            mac.update(&[0]);
            mac.update(bytes);
            Hash(mac.finalize().into_bytes().into())
        }
        // HMAC takes a key of any length; a value nobody can match stands in for the impossible.
        Err(_) => leaf_hash(b""),
    }
}

/// Whether two hashes are equal, in constant time.
pub fn same(one: Hash, other: Hash) -> bool {
    one.0.ct_eq(&other.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_hash_is_rfc_6962s() {
        // RFC 6962's own example: the hash of an empty leaf.
        let hex: String = leaf_hash(b"").0.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn base64_has_one_spelling() {
        let hash = leaf_hash(b"x");
        let text = hash.to_base64();
        assert_eq!(Hash::from_base64(&text), Some(hash));
        assert_eq!(Hash::from_base64(text.trim_end_matches('=')), None);
        // The last digit carries two unused bits: set, they would be a second spelling.
        let mut other = text.clone().into_bytes();
        let last = other.len() - 2;
        other[last] += 1;
        assert_ne!(Hash::from_base64(std::str::from_utf8(&other).unwrap()), Some(hash));
    }

    #[test]
    fn a_commitment_separates_kind_and_bytes() {
        let salt = [7; SALT_BYTES];
        assert_ne!(commitment(&salt, "a", b"b"), commitment(&salt, "ab", b""));
        assert_ne!(commitment(&salt, "a", b"b"), commitment(&[8; SALT_BYTES], "a", b"b"));
    }
}
