//! Which SSH algorithms are offered to a host, by the names they have in the protocol (RFC 4253, 8731, 8268, 5656, and OpenSSH's own).
//!
//! What a workspace does not write is `modern`: nothing weaker is offered to a host because some other host needs it.

use serde::{Deserialize, Serialize};

/// How far back in time what we offer reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithms {
    /// Curve25519, alone or beside ML-KEM; ciphers that authenticate what they carry. OpenSSH from 6.5 on (2014).
    #[default]
    Modern,
    /// And NIST curves, groups of 2048 bits and more with SHA-2, AES in counter mode with SHA-2.
    Standard,
    /// And SHA-1 and AES in CBC mode: for machines that know nothing else.
    Legacy,
}

/// Key exchanges of each policy beyond those of the one before.
const KEX: [&[&str]; 3] = [
    &["mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"],
    &[
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    ],
    &["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"],
];

/// Ciphers. AES-256-GCM first: with it OpenSSH moves half as much again as with ChaCha20.
const CIPHERS: [&[&str]; 3] = [
    &["aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
    &["aes256-ctr", "aes192-ctr", "aes128-ctr"],
    &["aes256-cbc", "aes128-cbc"],
];

/// Codes that authenticate messages; those of `modern` are named for form, its ciphers bring their own.
const MACS: [&[&str]; 3] = [
    &["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"],
    &["hmac-sha2-512", "hmac-sha2-256"],
    &["hmac-sha1-etm@openssh.com", "hmac-sha1"],
];

impl Algorithms {
    /// Every policy, the strictest first.
    pub const ALL: [Algorithms; 3] = [Algorithms::Modern, Algorithms::Standard, Algorithms::Legacy];

    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Algorithms::Modern => "modern",
            Algorithms::Standard => "standard",
            Algorithms::Legacy => "legacy",
        }
    }

    /// The one a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }

    /// Key exchanges, the preferred first.
    pub fn kex(self) -> Vec<&'static str> {
        self.up_to(KEX)
    }

    /// Ciphers, the preferred first.
    pub fn ciphers(self) -> Vec<&'static str> {
        self.up_to(CIPHERS)
    }

    /// Message authentication codes, the preferred first.
    pub fn macs(self) -> Vec<&'static str> {
        self.up_to(MACS)
    }

    /// Whether it is what is offered unless somebody wrote otherwise.
    pub fn is_modern(&self) -> bool {
        *self == Algorithms::Modern
    }

    fn up_to(self, lists: [&'static [&'static str]; 3]) -> Vec<&'static str> {
        let of = Self::ALL.into_iter().zip(lists).filter(|(policy, _)| *policy <= self);
        of.flat_map(|(_, names)| names.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_offers_what_the_stricter_one_offers_first_and_nothing_of_the_weaker() {
        for pair in Algorithms::ALL.windows(2) {
            let [strict, weak] = pair else { continue };
            for of in [Algorithms::kex, Algorithms::ciphers, Algorithms::macs] {
                assert!(of(*weak).starts_with(&of(*strict)) && of(*weak).len() > of(*strict).len());
            }
        }
        let words = |policy: Algorithms| [policy.kex(), policy.ciphers(), policy.macs()].concat().join(" ");
        for weak in ["sha1", "cbc"] {
            assert!(!words(Algorithms::Standard).contains(weak) && words(Algorithms::Legacy).contains(weak));
        }
        assert!(!words(Algorithms::Legacy).contains("group1-"), "1024 bits are offered to nobody");
    }
}
