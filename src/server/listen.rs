//! The socket. Whoever can reach it is asked who they are, so it is open to all; the data beside it is not.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
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
    /// A server of other data answers there.
    #[error("another server answers at {}; name another path with --socket, or stop that one", .0.display())]
    Held(PathBuf),
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
    file: Option<(u64, u64)>,
}

impl Bound {
    /// Leaves the file to a successor, which listens there now.
    pub fn leave(mut self) {
        self.file = None;
    }

    /// Whether it was made here: whoever has it removes its file.
    pub fn is_made(&self) -> bool {
        self.file.is_some()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Gone already, or another server's by now: either way there is nothing to do.
        if self.file.is_some() && identity(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode: what tells a file from its successor at the same path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Takes a socket that somebody else has bound and keeps, such as systemd: its file stays when the server goes.
///
/// # Errors
/// The system refused.
pub fn passed(path: &Path, listener: std::os::unix::net::UnixListener) -> Result<(UnixListener, Bound), ListenError> {
    let system = |source| ListenError::System { path: path.to_owned(), source };
    listener.set_nonblocking(true).map_err(system)?;
    let listener = UnixListener::from_std(listener).map_err(system)?;
    Ok((listener, Bound { path: path.to_owned(), file: None }))
}

/// Takes a socket over from the server that was here before. `made`: it had made the file, which goes with this server now.
///
/// # Errors
/// The system refused.
pub fn taken_over(
    path: &Path,
    listener: std::os::unix::net::UnixListener,
    made: bool,
) -> Result<(UnixListener, Bound), ListenError> {
    let (listener, mut bound) = passed(path, listener)?;
    bound.file = if made { identity(path) } else { None };
    Ok((listener, bound))
}

/// Binds the socket. Call it only while holding the data's lock: a socket that lies there and does not answer is then a
/// dead server's, and is replaced.
///
/// # Errors
/// When the path is too long, taken by something else or by a server that answers, or the system refuses.
pub fn listen(path: &Path) -> Result<(UnixListener, Bound), ListenError> {
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(ListenError::TooLong(path.to_owned()));
    }
    let system = |source| ListenError::System { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if answers(path).map_err(system)? {
                return Err(ListenError::Held(path.to_owned()));
            }
            fs::remove_file(path).map_err(system)?;
        }
        Ok(_) => return Err(ListenError::Occupied(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(system(error)),
    }
    let listener = UnixListener::bind(path).map_err(system)?;
    let bound = Bound { path: path.to_owned(), file: identity(path) };
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(system)?;
    Ok((listener, bound))
}

/// Whether somebody listens at a socket. Does not wait: a server that takes nobody in right now listens all the same.
fn answers(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let knocking = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&knocking, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS) => Ok(true),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
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
        let (second, bound) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        drop((second, bound));
        assert!(!path.exists());
        fs::write(&path, "x").unwrap();
        assert!(matches!(listen(&path), Err(ListenError::Occupied(_))));
        assert!(matches!(listen(Path::new(&format!("/{}", "x".repeat(120)))), Err(ListenError::TooLong(_))));
    }

    #[tokio::test]
    async fn a_living_servers_socket_is_neither_taken_over_nor_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (first, bound) = listen(&path).unwrap();
        assert!(matches!(listen(&path), Err(ListenError::Held(_))));
        fs::remove_file(&path).unwrap();
        let (_next, _its) = listen(&path).unwrap();
        drop((first, bound));
        assert!(answers(&path).unwrap(), "only one's own file is removed");
    }
}
