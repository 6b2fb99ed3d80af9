//! Fetches a secret's value from where its reference says.
//!
//! Invariants: reads are bounded; a value is never part of an error; nothing here is cached, so a value lives as long
//! as the caller keeps it. Deliberately absent: `vault:`, which
//! needs a network client (`connect::vault`), and `command:`, which needs a process (`executor::local`).

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{READ_BYTES_MAX, Sealed, SealedError};
use crate::domain::plan::PinnedSecret;
use crate::domain::secret_ref::SecretRef;

/// What persons typed for `prompt:` secrets of one run, by the secret's name. Wiped when dropped or cleared.
#[derive(Debug, Default, Clone)]
pub struct Answers {
    by_name: BTreeMap<String, Arc<Sealed>>,
}

impl Answers {
    /// Keeps `value` as the answer for the secret `name`, in place of an earlier one.
    pub fn put(&mut self, name: &str, value: Sealed) {
        self.by_name.insert(name.to_owned(), Arc::new(value));
    }

    /// The answer for `name`, where one was given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Sealed>> {
        self.by_name.get(name).cloned()
    }

    /// Which secrets have been answered: names only.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Lets go of every answer: the run is over.
    pub fn clear(&mut self) {
        self.by_name.clear();
    }
}

/// A fetched value.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The value.
    pub value: Arc<Sealed>,
    /// The provider's version of it. `None` where the provider knows none: the plan then says "not pinned".
    pub version: Option<String>,
}

impl Resolved {
    /// A value that was had, in this version of it.
    ///
    /// # Errors
    /// It is no usable one.
    pub fn of(name: &str, value: Result<Sealed, SealedError>, version: Option<String>) -> Result<Self, SecretError> {
        let value = value.map_err(|why| SecretError::Value { name: name.to_owned(), why })?;
        Ok(Self { value: Arc::new(value), version })
    }
}

/// Why a secret's value could not be had. The messages name the secret and the place, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be opened or read.
    #[error("secret {name}: {} cannot be read: {source}; make it readable for the server's account", path.display())]
    Unreadable {
        /// The secret's name.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory, device, socket or pipe.
    #[error("secret {name}: {} is not a regular file; point the reference at a file", path.display())]
    NotAFile {
        /// The secret's name.
        name: String,
        /// The path.
        path: PathBuf,
    },
    /// Any account on the machine may read or write it.
    #[error("secret {name}: every account may read or write {} (mode {mode:04o}); run: chmod o-rwx '{}'", path.display(), path.display())]
    OpenToAll {
        /// The secret's name.
        name: String,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The value itself is not usable.
    #[error("secret {name}: {why}")]
    Value {
        /// The secret's name.
        name: String,
        /// What is wrong with it.
        why: SealedError,
    },
    /// Nobody has typed it yet.
    #[error("secret {name}: nobody has typed it yet; start the run from a terminal and type it when asked")]
    NotAnswered {
        /// The secret's name.
        name: String,
    },
    /// Another system that holds it did not give it.
    #[error("secret {name}: {reference}: {why}")]
    Provider {
        /// The secret's name.
        name: String,
        /// Where it lies.
        reference: String,
        /// What is wrong and what to do.
        why: String,
    },
}

impl SecretError {
    /// Whoever holds a secret did not give it.
    pub fn provider(secret: &PinnedSecret, why: String) -> Self {
        Self::Provider { name: secret.name.clone(), reference: secret.reference.clone(), why }
    }
}

/// Fetches the value of the secret `name`. Blocks on file reads, so call it where blocking is allowed.
///
/// # Errors
/// When the place cannot be read, is open to everybody, or holds a value that cannot be masked; when nobody has typed
/// a `prompt:` secret; when it is held by what this module does not reach.
pub fn resolve(name: &str, reference: &SecretRef, answers: &Answers) -> Result<Resolved, SecretError> {
    let named = || name.to_owned();
    match reference {
        SecretRef::File(path) => {
            let bytes = read_file(name, path)?;
            Resolved::of(name, Sealed::of_text(bytes), None)
        }
        SecretRef::Prompt { .. } => match answers.get(name) {
            Some(value) => Ok(Resolved { value, version: None }),
            None => Err(SecretError::NotAnswered { name: named() }),
        },
        // Read over the network by whoever has a client: see `engine::vault`.
        SecretRef::Vault { .. } => Err(SecretError::Provider {
            name: named(),
            reference: reference.to_string(),
            why: "the site names no vault".to_owned(),
        }),
        // Run by whoever starts programs: see `executor::local`.
        SecretRef::Command { .. } => Err(SecretError::Provider {
            name: named(),
            reference: reference.to_string(),
            why: "no program is started here".to_owned(),
        }),
    }
}

fn read_file(name: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |source| SecretError::Unreadable { name: name.to_owned(), path: path.to_owned(), source };
    // Not blocking: opening a named pipe would otherwise wait for a writer. The checks look at the opened file, so
    // nothing can be put in its place between check and read. Links are followed: mounted secrets are links.
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(SecretError::NotAFile { name: name.to_owned(), path: path.to_owned() });
    }
    if meta.mode() & 0o006 != 0 {
        return Err(SecretError::OpenToAll {
            name: name.to_owned(),
            path: path.to_owned(),
            mode: meta.mode() & 0o7777,
        });
    }
    // Reserved at once, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_BYTES_MAX));
    file.take(READ_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::secrets::SECRET_BYTES_MAX;

    fn file_with(bytes: &[u8], mode: u32) -> (tempfile::TempDir, SecretRef) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (dir, SecretRef::File(path))
    }

    fn value(reference: &SecretRef) -> Result<Vec<u8>, SecretError> {
        resolve("token", reference, &Answers::default()).map(|it| it.value.expose().to_vec())
    }

    #[test]
    fn r31_a_files_last_line_end_is_not_part_of_the_secret() {
        for (written, meant) in [
            ("hunter22\n", "hunter22"),
            ("hunter22\r\n", "hunter22"),
            ("hunter22\n\n", "hunter22\n"),
            ("hunter22", "hunter22"),
        ] {
            let (_dir, reference) = file_with(written.as_bytes(), 0o600);
            assert_eq!(value(&reference).unwrap(), meant.as_bytes(), "{written:?}");
        }
    }

    #[test]
    fn a_file_everybody_can_read_is_refused_with_what_to_do() {
        for mode in [0o644, 0o604, 0o602] {
            let (_dir, reference) = file_with(b"hunter22", mode);
            let error = value(&reference).unwrap_err().to_string();
            assert!(error.contains("chmod o-rwx"), "{error}");
            assert!(!error.contains("hunter22"));
        }
        let (_dir, reference) = file_with(b"hunter22", 0o640);
        assert!(value(&reference).is_ok());
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let directory = SecretRef::File(dir.path().to_owned());
        assert!(matches!(value(&directory), Err(SecretError::NotAFile { .. })));
        assert!(matches!(value(&SecretRef::File("/dev/zero".into())), Err(SecretError::NotAFile { .. })));
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(value(&SecretRef::File(pipe)), Err(SecretError::NotAFile { .. })));
        assert!(matches!(value(&SecretRef::File(dir.path().join("none"))), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn sizes_at_the_edges() {
        let (_dir, reference) = file_with(&[vec![b'k'; SECRET_BYTES_MAX], b"\r\n".to_vec()].concat(), 0o600);
        assert_eq!(value(&reference).unwrap().len(), SECRET_BYTES_MAX);
        for length in [SECRET_BYTES_MAX + 1, SECRET_BYTES_MAX + 9, 7, 0] {
            let (_dir, reference) = file_with(&vec![b'k'; length], 0o600);
            assert!(matches!(value(&reference), Err(SecretError::Value { .. })), "{length}");
        }
    }

    #[test]
    fn a_prompted_secret_is_what_was_typed_until_the_run_lets_go() {
        let reference = SecretRef::Prompt { words: String::new() };
        let mut answers = Answers::default();
        assert!(matches!(resolve("token", &reference, &answers), Err(SecretError::NotAnswered { .. })));
        answers.put("token", Sealed::new(b"hunter22".to_vec()).unwrap());
        assert_eq!(answers.names().collect::<Vec<_>>(), ["token"]);
        assert_eq!(resolve("token", &reference, &answers).unwrap().value.expose(), b"hunter22");
        answers.clear();
        assert!(resolve("token", &reference, &answers).is_err());
    }
}
