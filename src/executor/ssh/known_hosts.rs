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
use std::collections::HashMap;
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

/// Answers kept until a file changes; a site has no more hosts than that.
const ANSWERS_MAX: usize = 16 * 1024;

/// The account's known_hosts files.
pub(in crate::executor) struct KnownHosts {
    paths: Vec<PathBuf>,
    read: Mutex<Read>,
}

/// What was read, and what was answered from it.
#[derive(Default)]
struct Read {
    stamps: Vec<Option<Stamp>>,
    files: Vec<Arc<File>>,
    answers: HashMap<(String, u16), KnownHost>,
}

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// A file, sorted by how a name is looked up in it.
#[derive(Default)]
struct File {
    /// Keys of plain names, by name.
    named: HashMap<String, Vec<(usize, KeyData)>>,
    /// All others, which have to be tried one by one.
    others: Vec<Line>,
}

struct Line {
    number: usize,
    marker: Option<Marker>,
    names: Names,
    key: KeyData,
}

enum Names {
    /// Lower-case patterns, with `*`, `?` and a leading `!`.
    Patterns(Vec<String>),
    /// Salt and hash of one name.
    Hashed(Vec<u8>, [u8; 20]),
}

impl KnownHosts {
    /// The files at these paths. A path where there is no file counts as an empty one.
    pub fn new(paths: &[PathBuf]) -> Self {
        Self { paths: paths.to_vec(), read: Mutex::default() }
    }

    /// What they say about `port` of `address`. Blocks: looks whether a file has changed, and reads it then.
    ///
    /// # Errors
    /// When a file cannot be read or holds a `@revoked` line that cannot.
    pub fn of(&self, address: &str, port: u16) -> Result<KnownHost, Trouble> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps: Result<Vec<_>, Trouble> =
            self.paths.iter().map(|path| stamp(path).map_err(|why| unreadable(path, &why))).collect();
        let stamps = stamps?;
        if read.stamps != stamps {
            *read = Read::default();
            for (path, stamp) in self.paths.iter().zip(&stamps) {
                let file = stamp.map_or_else(|| Ok(File::default()), |_| parse(&std::fs::read(path)?));
                read.files.push(Arc::new(file.map_err(|why| unreadable(path, &why))?));
            }
            read.stamps = stamps;
        }
        let asked = (address.to_lowercase(), port);
        if let Some(known) = read.answers.get(&asked) {
            return Ok(known.clone());
        }
        let files = read.files.clone();
        let of = read.stamps.clone();
        drop(read);
        // A name costs two hashes for every hashed line: others need not wait for that.
        let known = self.look_up(&files, &asked.0, port);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.stamps == of && read.answers.len() < ANSWERS_MAX {
            read.answers.insert(asked, known.clone());
        }
        Ok(known)
    }

    fn look_up(&self, files: &[Arc<File>], plain: &str, port: u16) -> KnownHost {
        let name = if port == 22 { plain.to_owned() } else { format!("[{plain}]:{port}") };
        let mut known = KnownHost::default();
        for file in files {
            let mut keys = file.named.get(&name).cloned().unwrap_or_default();
            let mut without_port =
                if name == plain { Vec::new() } else { file.named.get(plain).cloned().unwrap_or_default() };
            for line in &file.others {
                let here = line.names.hold(&name);
                let at_any_port = !here && name != plain && line.names.hold(plain);
                let key = line.key.clone();
                match line.marker {
                    // A revoked key is revoked at every port.
                    Some(Marker::Revoked) if here || at_any_port => known.revoked.push(key),
                    Some(Marker::CertAuthority) if here || at_any_port => known.authorities.push(key),
                    None if here => keys.push((line.number, key)),
                    None if at_any_port => without_port.push((line.number, key)),
                    Some(Marker::Revoked | Marker::CertAuthority) | None => {}
                }
            }
            for (found, to) in [(keys, &mut known.keys), (without_port, &mut known.keys_without_port)] {
                to.extend(in_order(found));
            }
        }
        let read: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        known.why_unknown = match read.as_slice() {
            [] => "no known_hosts file is configured; pin host_key in the workspace".to_owned(),
            paths => format!("{name} is not in {}; pin host_key in the workspace or add it there", paths.join(" or ")),
        };
        known
    }
}

fn in_order(mut found: Vec<(usize, KeyData)>) -> impl Iterator<Item = KeyData> {
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, key)| key)
}

fn unreadable(path: &Path, why: &io::Error) -> Trouble {
    Trouble::new(Reason::HostKeyUnknown, format!("{} cannot be read: {why}", path.display()))
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

fn parse(text: &[u8]) -> io::Result<File> {
    let mut file = File::default();
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
            Ok(entry) => file.add(number, &entry),
            // OpenSSH skips what it cannot read; a revocation that is skipped would be an acceptance.
            Err(error) if *first == "@revoked" => {
                return Err(io::Error::other(format!(
                    "line {number} is a @revoked line that cannot be read ({error})"
                )));
            }
            Err(error) => tracing::debug!(number, %error, "skipped a line of known_hosts"),
        }
    }
    tracing::debug!(names = file.named.len(), others = file.others.len(), "read known_hosts");
    Ok(file)
}

impl File {
    fn add(&mut self, number: usize, entry: &Entry) {
        let (marker, key) = (entry.marker().copied(), entry.public_key().key_data().clone());
        let names = match entry.host_patterns() {
            HostPatterns::HashedName { salt, hash } => Names::Hashed(salt.clone(), *hash),
            HostPatterns::Patterns(patterns) => {
                Names::Patterns(patterns.iter().map(|pattern| pattern.to_lowercase()).collect())
            }
        };
        match names {
            Names::Patterns(patterns) if marker.is_none() && patterns.iter().all(|pattern| is_plain(pattern)) => {
                for pattern in patterns {
                    self.named.entry(pattern).or_default().push((number, key.clone()));
                }
            }
            names => self.others.push(Line { number, marker, names, key }),
        }
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.starts_with('!') && !pattern.contains(['*', '?'])
}

impl Names {
    fn hold(&self, name: &str) -> bool {
        match self {
            Self::Hashed(salt, hash) => hashed(salt, name).is_some_and(|mine| mine == *hash),
            Self::Patterns(patterns) => {
                let mut found = false;
                for pattern in patterns {
                    match pattern.strip_prefix('!') {
                        // One negated match outweighs every other.
                        Some(not) if glob(not, name) => return false,
                        Some(_) => {}
                        None => found = found || glob(pattern, name),
                    }
                }
                found
            }
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
mod fuzz;
#[cfg(test)]
mod tests;
