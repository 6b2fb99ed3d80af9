//! The socket. Whoever can reach it is asked who they are, so it is open to all; the data beside it is not.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Longest path a unix socket can have on Linux, its closing zero not counted.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Everybody may connect; the kernel says who does.
const SOCKET_MODE: u32 = 0o666;

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Longer than the system can bind.
    #[error("the socket's path has more than {SOCKET_PATH_BYTES_MAX} bytes: {}; name a shorter one with --socket", .0.display())]
    TooLong(PathBuf),
    /// Something else lies there.
    #[error("{} is there and is no socket; move it away, or name another path with --socket", .0.display())]
    Occupied(PathBuf),
    /// The system refused.
    #[error("the socket {} cannot be made: {source}", .path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A bound socket; its file goes with it.
#[derive(Debug)]
pub struct Bound {
    path: PathBuf,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Gone already, or taken over by the next server: either way there is nothing to do.
        let _ = fs::remove_file(&self.path);
    }
}

/// Binds the socket. Call it only while holding the data's lock: a socket that lies there already is then a dead
/// server's, and is replaced.
///
/// # Errors
/// When the path is too long, taken by something else, or the system refuses.
pub fn listen(path: &Path) -> Result<(UnixListener, Bound), ListenError> {
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(ListenError::TooLong(path.to_owned()));
    }
    let system = |source| ListenError::System { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(system)?,
        Ok(_) => return Err(ListenError::Occupied(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(system(error)),
    }
    let listener = UnixListener::bind(path).map_err(system)?;
    let bound = Bound { path: path.to_owned() };
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(system)?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_servers_socket_is_replaced_and_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (first, bound) = listen(&path).unwrap();
        std::mem::forget(bound);
        drop(first);
        let (_second, bound) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        drop(bound);
        assert!(!path.exists());
        fs::write(&path, "x").unwrap();
        assert!(matches!(listen(&path), Err(ListenError::Occupied(_))));
        assert!(matches!(listen(Path::new(&format!("/{}", "x".repeat(120)))), Err(ListenError::TooLong(_))));
    }
}
