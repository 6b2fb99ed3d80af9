//! The key by which this server is known over SSH: made once, kept in the data directory, never replaced. A host certificate
//! beside it is offered where it is this key's.

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::{Certificate, LineEnding};
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The key's file in the data directory.
pub const HOST_KEY_FILE: &str = "host_key";

/// Its public half, for known_hosts and for whoever signs a certificate.
const PUBLIC_FILE: &str = "host_key.pub";

/// A certificate of it, where somebody put one there.
const CERTIFICATE_FILE: &str = "host_key-cert.pub";

/// The key by which a server is known.
#[derive(Debug)]
pub struct HostKey {
    /// The key.
    pub private: PrivateKey,
    /// Its certificate; none, or one that has run out, is not offered.
    pub certificate: Option<Certificate>,
    /// Why a certificate that lies there is not offered, in words.
    pub unoffered: Option<String>,
}

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// It cannot be read or written.
    #[error("the host key {} cannot be read or made: {source}", .path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the host key {} is open to others (mode {mode:o}): whoever read it can pose as this server; make a new one, or chmod 600 if nobody did", .path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What lies there is no ed25519 key without a passphrase.
    #[error("{} is no host key: an ed25519 private key without a passphrase is needed ({why})", .path.display())]
    NoKey {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The certificate is not this key's, or not one of hosts.
    #[error("{} is no certificate of this host key: {why}; take it away, or sign {PUBLIC_FILE} with ssh-keygen -h", .path.display())]
    Certificate {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl HostKey {
    /// The key in a data directory, made of `seed` where there is none. `now` is in seconds since 1970. Blocks.
    ///
    /// # Errors
    /// It cannot be read or made, or what lies there is not what it should be.
    pub fn open(data: &Path, seed: &[u8; 32], now: u64) -> Result<Self, HostKeyError> {
        let private = match Self::read(data)? {
            Some(private) => private,
            None => {
                make(data, seed).map_err(|source| HostKeyError::System { path: data.join(HOST_KEY_FILE), source })?
            }
        };
        let (certificate, unoffered) = match certificate(data, &private)? {
            None => (None, None),
            Some(certificate) if now < certificate.valid_after() => (None, Some("is not valid yet".to_owned())),
            Some(certificate) if now >= certificate.valid_before() => (None, Some("has run out".to_owned())),
            Some(certificate) => (Some(certificate), None),
        };
        Ok(Self { private, certificate, unoffered })
    }

    /// The key in a data directory, where there is one.
    ///
    /// # Errors
    /// It cannot be read, or is not what it should be.
    pub fn read(data: &Path) -> Result<Option<PrivateKey>, HostKeyError> {
        let path = data.join(HOST_KEY_FILE);
        let mode = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(HostKeyError::System { path, source }),
            Ok(meta) => meta.mode() & 0o777,
        };
        if mode & 0o077 != 0 {
            return Err(HostKeyError::Open { path, mode });
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(source) => return Err(HostKeyError::System { path, source }),
        };
        match PrivateKey::from_openssh(text.as_bytes()) {
            Err(error) => Err(HostKeyError::NoKey { path, why: error.to_string() }),
            Ok(key) if key.is_encrypted() => Err(HostKeyError::NoKey { path, why: "it has a passphrase".to_owned() }),
            Ok(key) if key.algorithm() != Algorithm::Ed25519 => {
                Err(HostKeyError::NoKey { path, why: format!("it is of type {}", key.algorithm()) })
            }
            Ok(key) => Ok(Some(key)),
        }
    }

    /// `SHA256:…`, as a client shows it.
    pub fn fingerprint(key: &PrivateKey) -> String {
        key.public_key().fingerprint(HashAlg::Sha256).to_string()
    }
}

/// Makes the key and writes it, whole or not at all.
fn make(data: &Path, seed: &[u8; 32]) -> io::Result<PrivateKey> {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(seed));
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let public = key.public_key().to_openssh().map_err(io::Error::other)? + "\n";
    let unfinished = data.join(format!("{HOST_KEY_FILE}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, data.join(HOST_KEY_FILE))?;
    fs::write(data.join(PUBLIC_FILE), public)?;
    File::open(data)?.sync_all()?;
    Ok(key)
}

fn certificate(data: &Path, key: &PrivateKey) -> Result<Option<Certificate>, HostKeyError> {
    let path = data.join(CERTIFICATE_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(HostKeyError::System { path, source }),
    };
    let wrong = |why: &str| HostKeyError::Certificate { path: path.clone(), why: why.to_owned() };
    let certificate =
        Certificate::from_openssh(&text).map_err(|error| wrong(&format!("it cannot be read ({error})")))?;
    if !certificate.cert_type().is_host() {
        return Err(wrong("it is one for people"));
    }
    if certificate.public_key() != key.public_key().key_data() {
        return Err(wrong("it is another key's"));
    }
    Ok(Some(certificate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::ssh_key::certificate::{Builder, CertType};
    use std::os::unix::fs::PermissionsExt as _;

    fn signed(key: &PrivateKey, kind: CertType, after: u64, before: u64) -> String {
        let ca = PrivateKey::from(Ed25519Keypair::from_seed(&[9; 32]));
        let mut builder = Builder::new(vec![1; 32], key.public_key().clone(), after, before).unwrap();
        builder.cert_type(kind).unwrap().valid_principal("bastion").unwrap();
        builder.sign(&ca).unwrap().to_openssh().unwrap()
    }

    #[test]
    fn a_host_key_is_made_once_for_the_server_alone_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = HostKey::open(dir.path(), &[1; 32], 0).unwrap();
        let again = HostKey::open(dir.path(), &[2; 32], 0).unwrap();
        assert_eq!(HostKey::fingerprint(&first.private), HostKey::fingerprint(&again.private));
        let path = dir.path().join(HOST_KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(dir.path().join(PUBLIC_FILE)).unwrap().starts_with("ssh-ed25519 "));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(HostKey::open(dir.path(), &[1; 32], 0), Err(HostKeyError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(HostKey::open(dir.path(), &[1; 32], 0), Err(HostKeyError::NoKey { .. })), "never replaced");
    }

    #[test]
    fn a_host_certificate_is_offered_where_it_is_this_keys_and_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let key = HostKey::open(dir.path(), &[1; 32], 0).unwrap().private;
        let put = |text: String| fs::write(dir.path().join(CERTIFICATE_FILE), text).unwrap();
        let open = |now: u64| HostKey::open(dir.path(), &[1; 32], now);
        put(signed(&key, CertType::Host, 100, 200));
        assert!(open(150).unwrap().certificate.is_some());
        for (now, why) in [(99, "not valid yet"), (200, "run out")] {
            let opened = open(now).unwrap();
            assert!(opened.certificate.is_none() && opened.unoffered.unwrap().contains(why), "{now}");
        }
        put(signed(&key, CertType::User, 100, 200));
        assert!(matches!(open(150), Err(HostKeyError::Certificate { .. })));
        let other = PrivateKey::from(Ed25519Keypair::from_seed(&[3; 32]));
        put(signed(&other, CertType::Host, 100, 200));
        assert!(open(150).unwrap_err().to_string().contains("another key's"));
        put("nonsense".to_owned());
        assert!(matches!(open(150), Err(HostKeyError::Certificate { .. })));
    }
}
