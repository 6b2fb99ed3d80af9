//! Reads `known_hosts` files the way OpenSSH does: hashed names, `[host]:port`, wildcards and negation, `@revoked`,
//! `@cert-authority` (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! Invariants: a file that cannot be read is an error, never an empty file; a `@revoked` line that cannot be read is one too; nothing
//! is ever written. Files are read again when they change.

use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::ssh_key::public::KeyData;
use sha1::Sha1;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Larger files are no known_hosts: 200 000 hosts fit.
const KNOWN_HOSTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What the files say about one host and port.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::executor) struct KnownHost {
    /// Its keys.
    pub keys: Vec<KeyData>,
    /// Keys of the same name at the standard port; they count where nothing is written for this port.
    pub keys_without_port: Vec<KeyData>,
    /// Authorities that may sign its certificates.
    pub authorities: Vec<KeyData>,
    /// Keys that are never accepted.
    pub revoked: Vec<KeyData>,
    /// What to say when no key is known.
    pub why_unknown: String,
}

/// The account's known_hosts files.
pub(in crate::executor) struct KnownHosts {
    files: Vec<File>,
}

struct File {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Arc<Vec<Line>>)>>,
}

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

struct Line {
    number: usize,
    marker: Option<Marker>,
    patterns: HostPatterns,
    key: KeyData,
}

impl KnownHosts {
    /// The files at these paths. A path where there is no file counts as an empty one.
    pub fn new(paths: &[PathBuf]) -> Self {
        let file = |path: &PathBuf| File { path: path.clone(), read: Mutex::new(None) };
        Self { files: paths.iter().map(file).collect() }
    }

    /// What they say about `port` of `address`. Blocks on file reads where a file is new or changed.
    ///
    /// # Errors
    /// When a file cannot be read or holds a `@revoked` line that cannot.
    pub fn of(&self, address: &str, port: u16) -> Result<KnownHost, Trouble> {
        let plain = address.to_lowercase();
        let name = if port == 22 { plain.clone() } else { format!("[{plain}]:{port}") };
        let mut known = KnownHost::default();
        for file in &self.files {
            let lines = file.lines().map_err(|why| {
                Trouble::new(Reason::HostKeyUnknown, format!("{} cannot be read: {why}", file.path.display()))
            })?;
            for line in lines.iter() {
                let here = matches(&line.patterns, &name);
                let without_port = name != plain && matches(&line.patterns, &plain);
                match line.marker {
                    // A revoked key is revoked at every port.
                    Some(Marker::Revoked) if here || without_port => known.revoked.push(line.key.clone()),
                    Some(Marker::CertAuthority) if here || without_port => known.authorities.push(line.key.clone()),
                    None if here => known.keys.push(line.key.clone()),
                    None if without_port => known.keys_without_port.push(line.key.clone()),
                    Some(Marker::Revoked | Marker::CertAuthority) | None => {}
                }
            }
        }
        let read: Vec<String> = self.files.iter().map(|file| file.path.display().to_string()).collect();
        known.why_unknown = match read.as_slice() {
            [] => "no known_hosts file is configured; pin host_key in the workspace".to_owned(),
            paths => format!("{name} is not in {}; pin host_key in the workspace or add it there", paths.join(" or ")),
        };
        Ok(known)
    }
}

impl File {
    fn lines(&self) -> io::Result<Arc<Vec<Line>>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stamp) = stamp(&self.path)? else {
            *read = None;
            return Ok(Arc::default());
        };
        if let Some((of, lines)) = read.as_ref().filter(|(of, _)| *of == stamp) {
            debug_assert!(*of == stamp);
            return Ok(lines.clone());
        }
        let lines = Arc::new(parse(&std::fs::read(&self.path)?)?);
        *read = Some((stamp, lines.clone()));
        Ok(lines)
    }
}

fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if meta.len() > KNOWN_HOSTS_BYTES_MAX {
        return Err(io::Error::other("it is too large"));
    }
    Ok(Some(Stamp { inode: meta.ino(), bytes: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }))
}

fn parse(text: &[u8]) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (n, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = n + 1;
        // The parser splits at single blanks; files hold tabs and runs of blanks as well.
        let text = String::from_utf8_lossy(raw);
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if first.starts_with('#') {
            continue;
        }
        match words.join(" ").parse::<Entry>() {
            Ok(entry) => lines.push(Line {
                number,
                marker: entry.marker().copied(),
                patterns: entry.host_patterns().clone(),
                key: entry.public_key().key_data().clone(),
            }),
            // OpenSSH skips what it cannot read; a revocation that is skipped would be an acceptance.
            Err(error) if *first == "@revoked" => {
                return Err(io::Error::other(format!(
                    "line {number} is a @revoked line that cannot be read ({error})"
                )));
            }
            Err(error) => tracing::debug!(number, %error, "skipped a line of known_hosts"),
        }
    }
    tracing::debug!(lines = lines.len(), last = lines.last().map(|line| line.number), "read known_hosts");
    Ok(lines)
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => hashed(salt, name).is_some_and(|mine| mine == *hash),
        HostPatterns::Patterns(patterns) => {
            let mut found = false;
            for pattern in patterns {
                match pattern.strip_prefix('!') {
                    // One negated match outweighs every other.
                    Some(not) if glob(&not.to_lowercase(), name) => return false,
                    Some(_) => {}
                    None => found |= glob(&pattern.to_lowercase(), name),
                }
            }
            found
        }
    }
}

fn hashed(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

/// `*` stands for any run of characters, `?` for one. Linear: it goes back only to the last star.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || name.get(n) == Some(wanted) => {
                p += 1;
                n += 1;
            }
            Some(_) | None => match star {
                Some((at, taken)) => {
                    p = at + 1;
                    n = taken + 1;
                    star = Some((at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests;
