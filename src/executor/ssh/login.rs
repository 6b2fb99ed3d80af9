//! Who we are to a host: key files, then the agent. Never a password, never a forwarded agent.

use super::gate::{Fate, Gate};
use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Keys shown to one host: OpenSSH hangs up at the sixth failure.
const KEYS_SHOWN_MAX: usize = 5;

/// A private key file is a few hundred bytes; whatever is longer is something else.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Keys read from files, and what is wrong with the files that gave none.
#[derive(Default)]
pub(in crate::executor) struct Identities {
    keys: Vec<FileKey>,
    problems: Vec<KeyFileError>,
}

struct FileKey {
    key: Arc<PrivateKey>,
    certificate: Option<Certificate>,
}

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be opened or read.
    #[error("key {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: std::io::Error,
    },
    /// Others on this machine can read it.
    #[error("key {}: other accounts may read it (mode {mode:04o}); run: chmod 600 '{}'", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is encrypted.
    #[error("key {}: it is encrypted, and nobody is there to type its passphrase; load it into an agent with ssh-add, or use a key without one", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// It is no private key of a kind we have.
    #[error("key {}: {why}; use an ed25519 or ecdsa key in OpenSSH format", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Identities {
    /// Reads key files. Blocks.
    pub fn read(paths: &[PathBuf]) -> Self {
        let mut identities = Self::default();
        for path in paths {
            match read_key(path) {
                Ok(key) => identities.keys.push(key),
                Err(problem) => identities.problems.push(problem),
            }
        }
        identities
    }

    /// What is wrong with the files that gave no key.
    pub fn problems(&self) -> &[KeyFileError] {
        &self.problems
    }
}

fn read_key(path: &Path) -> Result<FileKey, KeyFileError> {
    let unreadable = |why| KeyFileError::Unreadable { path: path.to_owned(), why };
    let unusable = |why: String| KeyFileError::Unusable { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let key = match russh::keys::decode_secret_key(&text, None) {
        Ok(key) if key.is_encrypted() => {
            return Err(KeyFileError::Encrypted { path: path.to_owned() });
        }
        Ok(key) => key,
        Err(russh::keys::Error::KeyIsEncrypted) => {
            return Err(KeyFileError::Encrypted { path: path.to_owned() });
        }
        Err(error) => return Err(unusable(error.to_string())),
    };
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {}
        other => return Err(unusable(format!("{other} keys are not used"))),
    }
    // As `ssh` does: a certificate lies beside its key.
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    let certificate = std::fs::read_to_string(beside).ok().and_then(|text| Certificate::from_openssh(&text).ok());
    let certificate = certificate.filter(|certificate| certificate.public_key() == key.public_key().key_data());
    Ok(FileKey { key: Arc::new(key), certificate })
}

/// Logs in.
///
/// # Errors
/// When the host takes none of the keys, or the connection ends.
pub(super) async fn log_in(
    handle: &mut Handle<Gate>,
    fate: &Fate,
    user: &str,
    identities: &Identities,
    agent: Option<&Path>,
) -> Result<(), Trouble> {
    let mut shown = 0;
    let mut half = false;
    for file in &identities.keys {
        // A key with a certificate is shown twice, and the host counts both.
        if let Some(certificate) = file.certificate.clone().filter(|_| shown < KEYS_SHOWN_MAX) {
            shown += 1;
            let result = handle.authenticate_openssh_cert(user, file.key.clone(), certificate).await;
            if accepted(handle, fate, user, result.map_err(|error| error.to_string()), &mut half)? {
                return Ok(());
            }
        }
        if shown >= KEYS_SHOWN_MAX {
            break;
        }
        shown += 1;
        let result = handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(file.key.clone(), None)).await;
        if accepted(handle, fate, user, result.map_err(|error| error.to_string()), &mut half)? {
            return Ok(());
        }
    }
    let mut words: Vec<String> = identities.problems.iter().map(ToString::to_string).collect();
    if let Some(socket) = agent {
        match log_in_by_agent(handle, fate, user, identities, socket, &mut shown, &mut half).await? {
            Ok(()) => return Ok(()),
            Err(why) => words.extend(why),
        }
    }
    let said = match (half, shown) {
        (true, _) => "the host wants more than a key".to_owned(),
        (false, 0) => "there is no key to show".to_owned(),
        (false, 1) => "the host did not take the key".to_owned(),
        (false, n) => format!("the host took none of {n} keys"),
    };
    words.insert(0, format!("{said} for the login {user}"));
    Err(Trouble::new(Reason::LoginRefused, words.join("; ")))
}

/// The inner result is why the agent was of no use.
async fn log_in_by_agent(
    handle: &mut Handle<Gate>,
    fate: &Fate,
    user: &str,
    identities: &Identities,
    socket: &Path,
    shown: &mut usize,
    half: &mut bool,
) -> Result<Result<(), Option<String>>, Trouble> {
    let useless = |error: russh::keys::Error| Ok(Err(Some(format!("agent {}: {error}", socket.display()))));
    let mut agent = match AgentClient::connect_uds(socket).await {
        Ok(agent) => agent,
        Err(error) => return useless(error),
    };
    if let Some(binding) = handle.agent_session_binding() {
        // Lets the agent enforce its destination constraints; one that knows none refuses, which is no matter.
        let _ = agent.bind_session(binding, false).await;
    }
    let held = match agent.request_identities().await {
        Ok(held) => held,
        Err(error) => return useless(error),
    };
    for identity in held {
        if *shown >= KEYS_SHOWN_MAX {
            return Ok(Err(Some("the agent holds more keys than a host lets us try; name the right one".to_owned())));
        }
        let result = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                if identities.keys.iter().any(|file| file.key.public_key().key_data() == key.key_data()) {
                    continue;
                }
                *shown += 1;
                let hash = hash_for(&key);
                handle.authenticate_publickey_with(user, key, hash, &mut agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                *shown += 1;
                let hash = hash_for(&PublicKey::new(certificate.public_key().clone(), ""));
                handle.authenticate_certificate_with(user, certificate, hash, &mut agent).await
            }
        };
        if accepted(handle, fate, user, result.map_err(|error| error.to_string()), half)? {
            return Ok(Ok(()));
        }
    }
    Ok(Err(None))
}

/// RSA signs with SHA-2 only.
fn hash_for(key: &PublicKey) -> Option<HashAlg> {
    match key.algorithm() {
        Algorithm::Rsa { .. } => Some(HashAlg::Sha512),
        _ => None,
    }
}

/// Whether the host accepted; that it did not is no reason to stop, a connection that ended is.
fn accepted(
    handle: &Handle<Gate>,
    fate: &Fate,
    user: &str,
    result: Result<AuthResult, String>,
    half: &mut bool,
) -> Result<bool, Trouble> {
    match result {
        Ok(AuthResult::Success) => return Ok(true),
        Ok(AuthResult::Failure { partial_success, .. }) => *half |= partial_success,
        // One key could not sign: the next may.
        Err(_) => {}
    }
    if !handle.is_closed() {
        return Ok(false);
    }
    Err(match fate.ended.get() {
        // The host's own words for "go away", as OpenSSH has them after too many keys.
        Some(words) if words.contains("authentication") => {
            Trouble::new(Reason::LoginRefused, format!("login {user}: {words}"))
        }
        Some(words) => Trouble::new(Reason::ConnectionLost, format!("during the login: {words}")),
        None => Trouble::new(Reason::ConnectionLost, "the connection ended during the login"),
    })
}
