//! Relative slash-separated names: what a [`super::Disk`] accepts. Pure text, no file system.

use std::io;

use super::DiskError;

/// The directory part of a path; `""` for a name in the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Refuses anything that could leave the root: absolute paths, `.`, `..`, empty parts, NUL.
pub fn check(path: &str) -> Result<(), DiskError> {
    let plain = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    if plain { Ok(()) } else { Err(DiskError::new("name", path, io::Error::from(io::ErrorKind::InvalidInput))) }
}

/// As [`check`], the root (`""`) allowed.
pub fn check_dir(path: &str) -> Result<(), DiskError> {
    if path.is_empty() { Ok(()) } else { check(path) }
}
