//! Signing with the ledger's key: notes as C2SP's `signed-note` has them, and SSH signatures (SSHSIG) that OpenSSH verifies.
//!
//! Invariant: what is signed says what it is: a note begins with the ledger's name, an SSH signature is for one purpose
//! (its namespace), so that neither can be taken for the other or for anything else. Both are the same each time they are made.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256, Sha512};

/// What an SSH signature over the text of a checkpoint is for.
pub const CHECKPOINT_NAMESPACE: &str = "checkpoint@quarterdeck";
/// What one over the manifest of an evidence pack is for.
pub const PACK_NAMESPACE: &str = "pack@quarterdeck";

/// The kind of key, as a signed note has it: Ed25519.
const NOTE_ED25519: u8 = 1;
const SSH_ED25519: &[u8] = b"ssh-ed25519";
const SSHSIG: &[u8] = b"SSHSIG";
const SSHSIG_VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
/// Columns of armour, as OpenSSH writes it.
const ARMOUR_COLUMNS: usize = 70;

/// The public half: who a ledger is, and by which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The ledger's name.
    pub origin: String,
    /// Its public key.
    pub key: [u8; 32],
}

impl Identity {
    /// The first four bytes of the hash of name and key, by which a note says whose signature a line is.
    pub fn note_id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.origin.as_bytes());
        hash.update(b"\n");
        hash.update([NOTE_ED25519]);
        hash.update(self.key);
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// The public key as other verifiers of notes take it: `NAME+ID+KEY`.
    pub fn note_key(&self) -> String {
        let id: String = self.note_id().iter().map(|byte| format!("{byte:02x}")).collect();
        let key = [&[NOTE_ED25519], self.key.as_slice()].concat();
        format!("{}+{id}+{}", self.origin, STANDARD.encode(key))
    }

    /// The file that tells `ssh-keygen -Y verify` which key may sign what.
    pub fn allowed_signers(&self) -> String {
        let key = STANDARD.encode(self.ssh_key());
        format!("{} namespaces=\"{CHECKPOINT_NAMESPACE},{PACK_NAMESPACE}\" ssh-ed25519 {key}\n", self.origin)
    }

    /// Whether `signature` is by this key over `text`.
    pub fn holds(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.key)
            .and_then(|key| key.verify_strict(text, &Signature::from_bytes(signature)))
            .is_ok()
    }

    /// Whether `armoured` is this key's SSH signature over `text` for `namespace`, in its one spelling.
    pub fn holds_ssh(&self, namespace: &str, text: &[u8], armoured: &str) -> bool {
        let Some(blob) = dearmoured(armoured) else {
            return false;
        };
        let (head, tail) = self.blob(namespace);
        let signature = blob.strip_prefix(head.as_slice()).and_then(|rest| rest.strip_prefix(tail.as_slice()));
        let signature: Option<&[u8; 64]> = signature.and_then(|signature| signature.try_into().ok());
        signature.is_some_and(|signature| self.holds(&signed_data(namespace, text), signature))
    }

    fn ssh_key(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        put(&mut wire, SSH_ED25519);
        put(&mut wire, &self.key);
        wire
    }

    /// The blob of a signature up to the 64 bytes it ends in, in two parts.
    fn blob(&self, namespace: &str) -> (Vec<u8>, Vec<u8>) {
        let mut head = SSHSIG.to_vec();
        head.extend_from_slice(&SSHSIG_VERSION.to_be_bytes());
        put(&mut head, &self.ssh_key());
        put(&mut head, namespace.as_bytes());
        put(&mut head, b"");
        put(&mut head, b"sha512");
        let mut tail = Vec::new();
        let signature_bytes = 4 + SSH_ED25519.len() + 4 + 64;
        tail.extend_from_slice(&u32::try_from(signature_bytes).unwrap_or(u32::MAX).to_be_bytes());
        put(&mut tail, SSH_ED25519);
        tail.extend_from_slice(&64u32.to_be_bytes());
        (head, tail)
    }
}

/// The private half. Signs what names itself, and nothing else.
#[derive(Clone)]
pub struct Signer {
    identity: Identity,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("origin", &self.identity.origin).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs for the ledger of this name.
    pub fn new(origin: &str, key: SigningKey) -> Self {
        let identity = Identity { origin: origin.to_owned(), key: key.verifying_key().to_bytes() };
        Self { identity, key }
    }

    /// Who signs.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The signature of a note with this text.
    pub(super) fn sign_note(&self, text: &str) -> [u8; 64] {
        self.key.sign(text.as_bytes()).to_bytes()
    }

    /// An SSH signature over `text`, armoured.
    pub(super) fn sign_ssh(&self, namespace: &str, text: &[u8]) -> String {
        let (mut blob, tail) = self.identity.blob(namespace);
        blob.extend_from_slice(&tail);
        blob.extend_from_slice(&self.key.sign(&signed_data(namespace, text)).to_bytes());
        armoured(&blob)
    }
}

/// What an SSH signature is over.
fn signed_data(namespace: &str, text: &[u8]) -> Vec<u8> {
    let mut data = SSHSIG.to_vec();
    put(&mut data, namespace.as_bytes());
    put(&mut data, b"");
    put(&mut data, b"sha512");
    put(&mut data, &Sha512::digest(text));
    data
}

/// A string as SSH writes it: its length, then its bytes.
fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend_from_slice(bytes);
}

fn armoured(blob: &[u8]) -> String {
    let text = STANDARD.encode(blob);
    let mut armour = BEGIN.to_owned();
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place.is_multiple_of(ARMOUR_COLUMNS) {
            armour.push('\n');
        }
        armour.push(letter);
    }
    armour.push('\n');
    armour.push_str(END);
    armour
}

fn dearmoured(text: &str) -> Option<Vec<u8>> {
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let blob = STANDARD.decode(body.replace('\n', "")).ok()?;
    (armoured(&blob) == text).then_some(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new("quarterdeck/0123", SigningKey::from_bytes(&[7; 32]))
    }

    #[test]
    fn another_text_purpose_key_or_spelling_does_not_hold() {
        let signer = signer();
        let armoured = signer.sign_ssh(CHECKPOINT_NAMESPACE, b"text\n");
        let holds = |armoured: &str| signer.identity().holds_ssh(CHECKPOINT_NAMESPACE, b"text\n", armoured);
        assert!(holds(&armoured));
        assert!(!signer.identity().holds_ssh(CHECKPOINT_NAMESPACE, b"text", &armoured));
        assert!(!signer.identity().holds_ssh(PACK_NAMESPACE, b"text\n", &armoured));
        let other = Signer::new("quarterdeck/0123", SigningKey::from_bytes(&[8; 32]));
        assert!(!other.identity().holds_ssh(CHECKPOINT_NAMESPACE, b"text\n", &armoured));
        for at in 0..armoured.len() {
            let mut bytes = armoured.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(!String::from_utf8(bytes).is_ok_and(|text| holds(&text)), "byte {at}");
        }
        for spoiled in [format!("{armoured}\n"), armoured.replacen('\n', "\n\n", 2), String::new()] {
            assert!(!holds(&spoiled));
        }
    }

    #[test]
    fn the_id_of_a_key_is_the_one_of_the_specification() {
        // The example of C2SP's signed-note.
        let written = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let key = STANDARD.decode(written.rsplit('+').next().unwrap()).unwrap();
        let identity = Identity { origin: "example.com/foo".to_owned(), key: key[1..].try_into().unwrap() };
        assert_eq!(identity.note_key(), written);
    }
}
