//! Signing an approval with the person's own SSH key: by their agent, or from a key file. Done where the person is, for the
//! server has no key of theirs.
//!
//! Invariant: signed is a statement that reads as an approval, of the person who was named, and nothing else a server may
//! send; the signature is for this one purpose ([`NAMESPACE`]), so no other program takes it.

use crate::domain::proved::{can_sign, same_key};
use crate::domain::statement::{NAMESPACE, Statement};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_encoding::Decode as _;
use russh::keys::ssh_key::{LineEnding, Signature, SshSig};
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long an agent may take: it may ask its person, or wait for a finger on a token.
const AGENT_WAIT: Duration = Duration::from_secs(60);

/// A private key file is a few hundred bytes; whatever is longer is something else.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Keys of a person, at most, that a server names.
const KEYS_MAX: usize = 64;

/// Something to sign, as a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToSign {
    text: String,
    keys: Vec<String>,
    /// What it means.
    pub statement: Statement,
}

impl ToSign {
    /// Looks at what a server wants signed. `person`: whom this program was told to act as, where it was.
    ///
    /// # Errors
    /// In words, where nothing of the kind is signed here.
    pub fn new(text: &str, keys: Vec<String>, person: Option<&str>) -> Result<Self, String> {
        let statement =
            Statement::parse(text).ok_or("the server sent something to sign that is no approval: not signed")?;
        if let Some(other) = person.filter(|person| statement.person.as_str() != *person) {
            let named = &statement.person;
            return Err(format!("the server sent an approval of {named} to sign, and you are {other}: not signed"));
        }
        let keys: Vec<String> = keys.into_iter().filter(|key| can_sign(key)).take(KEYS_MAX).collect();
        Ok(Self { text: text.to_owned(), keys, statement })
    }

    /// Signs by the agent that `socket` leads to, with the first of its keys that is the person's in people.toml.
    ///
    /// # Errors
    /// In words, with what to do.
    pub async fn by_agent(&self, socket: Option<&Path>) -> Result<String, String> {
        let socket =
            socket.ok_or("no agent holds your key: SSH_AUTH_SOCK is not set; start one, or name a key file")?;
        let signing = async {
            let mut agent = AgentClient::connect_uds(socket)
                .await
                .map_err(|error| format!("the agent cannot be reached: {error}"))?;
            let held = agent.request_identities().await.map_err(|error| format!("the agent says no: {error}"))?;
            let identity = held.into_iter().find(|identity| self.is_taken(identity)).ok_or_else(|| {
                format!("the agent holds no key that people.toml has for {}: ssh-add it", self.statement.person)
            })?;
            let AgentIdentity::PublicKey { key, .. } = &identity else {
                return Err("the agent holds a certificate alone".to_owned());
            };
            let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, self.text.as_bytes()).map_err(in_words)?;
            let before = data.len();
            let no = |error| format!("the agent did not sign: {error}");
            let signed = agent.sign_request(&identity, None, data).await.map_err(no)?;
            // The signature comes behind what was signed, its length in front of it.
            let mut behind = signed.get(before + 4..).unwrap_or_default();
            let signature = Signature::decode(&mut behind).map_err(in_words)?;
            armoured(SshSig::new(key.key_data().clone(), NAMESPACE, HashAlg::Sha512, signature).map_err(in_words)?)
        };
        tokio::time::timeout(AGENT_WAIT, signing)
            .await
            .unwrap_or_else(|_| Err(format!("the agent did not sign within {} seconds", AGENT_WAIT.as_secs())))
    }

    /// Signs with a key file.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn by_file(&self, path: &Path) -> Result<String, String> {
        let key = read(path)?;
        armoured(key.sign(NAMESPACE, HashAlg::Sha512, self.text.as_bytes()).map_err(in_words)?)
    }

    fn is_taken(&self, identity: &AgentIdentity) -> bool {
        match identity {
            AgentIdentity::PublicKey { key, .. } => {
                line(key).is_some_and(|line| self.keys.iter().any(|own| same_key(own, &line)))
            }
            AgentIdentity::Certificate { .. } => false,
        }
    }
}

fn line(key: &PublicKey) -> Option<String> {
    key.to_openssh().ok()
}

fn read(path: &Path) -> Result<PrivateKey, String> {
    let at = path.display();
    let file = std::fs::File::open(path).map_err(|error| format!("{at}: {error}"))?;
    let mode = file.metadata().map_err(|error| format!("{at}: {error}"))?.mode();
    if mode & 0o077 != 0 {
        return Err(format!("{at}: other accounts may read it (mode {:04o}); run: chmod 600 '{at}'", mode & 0o7777));
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| format!("{at}: {error}"))?;
    let encrypted =
        || format!("{at}: it is encrypted; load it into an agent (ssh-add '{at}'), then --sign without a file");
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) if key.is_encrypted() => Err(encrypted()),
        Ok(key) if line(key.public_key()).is_some_and(|line| can_sign(&line)) => Ok(key),
        Ok(key) => Err(format!("{at}: {} keys sign no approvals; use ed25519 or ecdsa", key.algorithm())),
        Err(russh::keys::Error::KeyIsEncrypted) => Err(encrypted()),
        Err(error) => Err(format!("{at}: {error}")),
    }
}

fn armoured(signature: SshSig) -> Result<String, String> {
    signature.to_pem(LineEnding::LF).map_err(in_words)
}

fn in_words(error: impl std::fmt::Display) -> String {
    format!("the approval could not be signed: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Digest, RunId};

    fn statement() -> Statement {
        let (origin, binding) = ("4f1c".to_owned(), Digest::of(b"plan"));
        Statement { origin, run: RunId(42), binding, gate: None, person: "grace".into(), nth: 1 }
    }

    #[test]
    fn nothing_but_an_approval_of_ones_own_is_signed() {
        let text = statement().text();
        assert!(ToSign::new(&text, Vec::new(), None).is_ok());
        assert!(ToSign::new(&text, Vec::new(), Some("grace")).is_ok());
        let refused = ToSign::new(&text, Vec::new(), Some("ada")).unwrap_err();
        assert!(refused.contains("approval of grace") && refused.contains("not signed"), "{refused}");
        for other in ["", "I, grace, owe you money\n", &format!("{text}and more\n"), "SSHSIG"] {
            let refused = ToSign::new(other, Vec::new(), None).unwrap_err();
            assert!(refused.contains("no approval"), "{refused}");
        }
    }

    #[tokio::test]
    async fn without_an_agent_it_is_said_what_to_do() {
        let to_sign = ToSign::new(&statement().text(), Vec::new(), None).unwrap();
        assert!(to_sign.by_agent(None).await.unwrap_err().contains("SSH_AUTH_SOCK"));
        let dir = tempfile::tempdir().unwrap();
        let gone = to_sign.by_agent(Some(&dir.path().join("gone"))).await.unwrap_err();
        assert!(gone.contains("cannot be reached"), "{gone}");
    }
}
