//! Whether the host that answers is the one that was meant.
//!
//! What a host shows is compared with what the workspace pins: keys, authorities, or the account's known_hosts. Nothing is ever
//! learned from the host itself.

use super::known_hosts::{KnownHost, KnownHosts};
use crate::domain::id::{ServerName, Timestamp};
use crate::domain::run::Reason;
use crate::domain::workspace;
use crate::executor::trouble::Trouble;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};
use std::collections::BTreeSet;

/// The host keys we can check, most wanted first. RSA is not among them: the only implementation at hand leaks
/// timing (RUSTSEC-2023-0071), and every OpenSSH since 6.5 has an ed25519 key.
const CHECKABLE: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// What is accepted as one host's key.
#[derive(Clone, Debug)]
pub(in crate::executor) struct Trust {
    /// What a certificate may name: the address as written and the server's name.
    names: Vec<String>,
    accepted: Accepted,
}

/// What looking at a key comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::executor) enum Judged {
    /// It is what was pinned or is known.
    Accepted,
    /// Nothing is known of the host.
    Unknown,
    /// Something else is known of it; in words.
    Refused(String),
}

#[derive(Clone, Debug)]
enum Accepted {
    Keys(Vec<KeyData>),
    Authorities(Vec<KeyData>),
    Known(KnownHost),
}

impl Trust {
    /// What is accepted for `server` at `port` of `address`. Blocks where known_hosts has to be read.
    ///
    /// # Errors
    /// When nothing is, or what is written cannot be read.
    pub fn of(
        trust: &workspace::Trust,
        server: &ServerName,
        address: &str,
        port: u16,
        known_hosts: &KnownHosts,
    ) -> Result<Self, Trouble> {
        let accepted = match trust {
            workspace::Trust::Keys(keys) => Accepted::Keys(parse(keys)?),
            workspace::Trust::Authorities(keys) => Accepted::Authorities(parse(keys)?),
            workspace::Trust::KnownHosts => Accepted::Known(checkable(known_hosts.of(address, port)?)),
        };
        Ok(Self { names: vec![address.to_lowercase(), server.as_str().to_lowercase()], accepted })
    }

    /// Kinds of keys to ask for: the pinned ones first, so that a host with several shows the pinned one.
    pub fn key_algorithms(&self) -> Vec<Algorithm> {
        let pinned: Vec<Algorithm> = match &self.accepted {
            Accepted::Keys(keys) => keys.iter().map(KeyData::algorithm).collect(),
            Accepted::Authorities(_) => Vec::new(),
            Accepted::Known(known) => known.keys.iter().map(KeyData::algorithm).collect(),
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = CHECKABLE.into_iter().partition(|kind| pinned.contains(kind));
        first.extend(rest);
        first
    }

    /// Kinds of certificates to ask for.
    pub fn certificate_algorithms(&self) -> Vec<Algorithm> {
        match &self.accepted {
            Accepted::Authorities(_) => CHECKABLE.to_vec(),
            Accepted::Known(known) if !known.authorities.is_empty() => CHECKABLE.to_vec(),
            Accepted::Keys(_) | Accepted::Known(_) => Vec::new(),
        }
    }

    /// Judges what the host shows; comes back with what was accepted, in words.
    ///
    /// # Errors
    /// When it is not what was pinned, is revoked, or nothing is pinned.
    pub fn check(&self, shown: &PublicKeyOrCertificate, now: Timestamp) -> Result<String, Trouble> {
        match (&self.accepted, shown) {
            (Accepted::Keys(pinned), _) => match_key(pinned, shown),
            (Accepted::Authorities(authorities), PublicKeyOrCertificate::Certificate(certificate)) => {
                self.check_certificate(certificate, authorities, now)
            }
            (Accepted::Authorities(_), PublicKeyOrCertificate::PublicKey { key, .. }) => Err(Trouble::new(
                Reason::HostKeyUnknown,
                format!(
                    "the host shows the bare key {}, and only certificates are accepted for it",
                    words(key.key_data())
                ),
            )),
            (Accepted::Known(known), _) => self.check_known(known, shown, now),
        }
    }

    /// The same for whoever only looks.
    pub fn judge(&self, shown: &PublicKeyOrCertificate, now: Timestamp) -> Judged {
        match self.check(shown, now) {
            Ok(_) => Judged::Accepted,
            Err(trouble) if trouble.reason == Reason::HostKeyUnknown && matches!(self.accepted, Accepted::Known(_)) => {
                Judged::Unknown
            }
            Err(trouble) => Judged::Refused(trouble.words),
        }
    }

    fn check_known(
        &self,
        known: &KnownHost,
        shown: &PublicKeyOrCertificate,
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let key = shown.public_key();
        let signer = shown.certificate().map(Certificate::signature_key);
        if let Some(bad) = [Some(key.key_data()), signer].into_iter().flatten().find(|key| known.revoked.contains(key))
        {
            return Err(Trouble::new(
                Reason::HostKeyRevoked,
                format!("{} is marked @revoked in known_hosts", words(bad)),
            ));
        }
        if let Some(certificate) = shown.certificate().filter(|it| known.authorities.contains(it.signature_key())) {
            return self.check_certificate(certificate, &known.authorities, now);
        }
        if known.keys.is_empty() {
            if known.keys_without_port.contains(key.key_data()) {
                return Ok(words(key.key_data()));
            }
            return Err(Trouble::new(
                Reason::HostKeyUnknown,
                format!("the host shows {}; {}", words(key.key_data()), known.why_unknown),
            ));
        }
        match_key(&known.keys, shown)
    }

    fn check_certificate(
        &self,
        certificate: &Certificate,
        authorities: &[KeyData],
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let refuse = |why: String| {
            let id = certificate.key_id();
            Err(Trouble::new(Reason::HostKeyMismatch, format!("the host's certificate \u{201c}{id}\u{201d} {why}")))
        };
        let signer = certificate.signature_key();
        if !authorities.contains(signer) {
            return refuse(format!("is signed by {}, not by an accepted authority", words(signer)));
        }
        match certificate.cert_type() {
            CertType::Host => {}
            CertType::User => return refuse("is for users, not for hosts".to_owned()),
        }
        let seconds = u64::try_from(now.0 / 1000).unwrap_or(0);
        if seconds < certificate.valid_after() {
            return refuse("is not valid yet".to_owned());
        }
        if seconds >= certificate.valid_before() {
            return refuse("is no longer valid".to_owned());
        }
        // None at all would mean every host: an authority that signs such certificates is no proof of anything.
        if !certificate.valid_principals().iter().any(|name| self.names.contains(&name.to_lowercase())) {
            return refuse(format!("names {}, not {}", list(certificate.valid_principals()), self.names.join(" or ")));
        }
        if let Some(option) = certificate.critical_options().keys().next() {
            return refuse(format!("demands \u{201c}{option}\u{201d}, which we do not know"));
        }
        if certificate.validate_at(seconds, [&signer.fingerprint(HashAlg::Sha256)]).is_err() {
            return refuse("is not rightly signed".to_owned());
        }
        Ok(format!("certificate {} signed by {}", certificate.key_id(), words(signer)))
    }
}

/// Only keys that can be checked prove anything; a host that has only others there is not known.
fn checkable(mut known: KnownHost) -> KnownHost {
    let uncheckable: BTreeSet<String> = known
        .keys
        .iter()
        .chain(&known.keys_without_port)
        .map(KeyData::algorithm)
        .filter(|kind| !CHECKABLE.contains(kind))
        .map(|kind| kind.to_string())
        .collect();
    for keys in [&mut known.keys, &mut known.keys_without_port, &mut known.authorities] {
        keys.retain(|key| CHECKABLE.contains(&key.algorithm()));
    }
    if !uncheckable.is_empty() {
        let kinds: Vec<String> = uncheckable.into_iter().collect();
        known.why_unknown =
            format!("known_hosts has only an {} key for it; add its ed25519 key", kinds.join(" and an "));
    }
    known
}

fn match_key(pinned: &[KeyData], shown: &PublicKeyOrCertificate) -> Result<String, Trouble> {
    let key = shown.public_key();
    if pinned.contains(key.key_data()) {
        return Ok(words(key.key_data()));
    }
    let expected: Vec<String> = pinned.iter().map(words).collect();
    Err(Trouble::new(
        Reason::HostKeyMismatch,
        format!("the host shows {}, expected {}", words(key.key_data()), expected.join(" or ")),
    ))
}

fn parse(keys: &[String]) -> Result<Vec<KeyData>, Trouble> {
    let unusable = |words: String| Trouble::new(Reason::HostKeyUnknown, words);
    let parsed: Result<Vec<KeyData>, Trouble> = keys
        .iter()
        .map(|text| match PublicKey::from_openssh(text.trim()) {
            Ok(key) if CHECKABLE.contains(&key.algorithm()) => Ok(key.key_data().clone()),
            Ok(key) => {
                Err(unusable(format!("{} keys cannot be checked; pin an ed25519 or ecdsa key", key.algorithm())))
            }
            Err(error) => Err(unusable(format!("the pinned key cannot be read: {error}"))),
        })
        .collect();
    match parsed {
        Ok(keys) if keys.is_empty() => Err(unusable("no key is pinned".to_owned())),
        other => other,
    }
}

/// A key in words: its kind and fingerprint.
fn words(key: &KeyData) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no host".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
