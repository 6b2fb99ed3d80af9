//! An SFTP session on a connection: what replacing one file needs, and no more. Protocol version 3
//! (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions for links, moving over a file, and flushing.

use crate::domain::run::Reason;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::extensions::{FSYNC, HARDLINK};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Moves a file over another in one step.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Bytes of one write or read: what every server takes.
const PIECE_BYTES: usize = 32 * 1024;

/// Writes on their way at once: a long link is not waited for piece by piece.
const PIECES_AT_ONCE: usize = 16;

/// Longest words of a host about a failure.
const SAID_CHARS_MAX: usize = 200;

/// The bits of a mode that say what a thing is, and those of a regular file (`S_IFMT`, `S_IFREG`).
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// An SFTP session.
pub(in crate::executor) struct Sftp {
    session: RawSftpSession,
    can_flush: bool,
    /// One of the connection's places for channels.
    _place: OwnedSemaphorePermit,
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::executor) enum Unable {
    /// The host says so, in words: it is certain.
    Said(String),
    /// Nobody heard what became of it.
    Unheard(Reason, String),
}

/// What is at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::executor) struct There {
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its permissions.
    pub mode: u32,
    /// Whose it is: user and group, by number.
    pub owner: (u32, u32),
}

impl Sftp {
    /// Begins the session on a channel on which the host has begun SFTP. No answer may take longer than `patience`.
    pub(super) async fn begin(
        channel: russh::Channel<russh::client::Msg>,
        place: OwnedSemaphorePermit,
        patience: Duration,
    ) -> Result<Self, Unable> {
        let config = Config { request_timeout_secs: patience.as_secs().max(1), ..Config::default() };
        let session = RawSftpSession::new_with_config(channel.into_stream(), config);
        let version = session.init().await.map_err(|error| unable("SFTP", error))?;
        let has = |extension: &str| version.extensions.contains_key(extension);
        for needed in [POSIX_RENAME, HARDLINK] {
            if !has(needed) {
                let words = format!("its SFTP server cannot replace a file in one step: it lacks {needed}");
                return Err(Unable::Said(words));
            }
        }
        let can_flush = has(FSYNC);
        Ok(Self { session, can_flush, _place: place })
    }

    /// What is at `path`, links not followed.
    pub(in crate::executor) async fn look(&self, path: &str) -> Result<Option<There>, Unable> {
        let attrs = match self.session.lstat(path).await {
            Ok(found) => found.attrs,
            Err(Error::Status(status)) if status.status_code == StatusCode::NoSuchFile => return Ok(None),
            Err(error) => return Err(unable(path, error)),
        };
        let permissions = attrs.permissions.unwrap_or(0);
        Ok(Some(There {
            is_file: permissions & KIND == REGULAR,
            bytes: attrs.size.unwrap_or(0),
            mode: permissions & 0o7777,
            owner: (attrs.uid.unwrap_or(0), attrs.gid.unwrap_or(0)),
        }))
    }

    /// The file at `path`, at most one byte more than `bytes_max` of it.
    pub(in crate::executor) async fn read(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, Unable> {
        let opened = self.session.open(path, OpenFlags::READ, FileAttributes::empty()).await;
        let handle = opened.map_err(|error| unable(path, error))?.handle;
        let mut text = Vec::new();
        let read = loop {
            let offset = u64::try_from(text.len()).unwrap_or(u64::MAX);
            match self.session.read(handle.as_str(), offset, PIECE_BYTES as u32).await {
                Ok(piece) if piece.data.is_empty() => break Ok(()),
                Ok(piece) => text.extend(piece.data),
                Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break Ok(()),
                Err(error) => break Err(unable(path, error)),
            }
            if text.len() > bytes_max {
                break Ok(());
            }
        };
        let _ = self.session.close(handle).await;
        read.map(|()| text)
    }

    /// Writes a new file of our own at `path`, as `mode` says from its first byte, and flushes it where the host can. What is there is
    /// removed first, and nothing that somebody puts there meanwhile is written through.
    pub(in crate::executor) async fn write(&self, path: &str, text: &[u8], mode: u32) -> Result<(), Unable> {
        if self.look(path).await?.is_some() {
            self.remove(path).await?;
        }
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        let attrs = FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
        let handle = self.session.open(path, flags, attrs.clone()).await.map_err(|error| unable(path, error))?.handle;
        let written = self.fill(&handle, text, attrs).await;
        let closed = self.session.close(handle).await.map(|_| ());
        written.and(closed).map_err(|error| match error {
            Error::Status(status) if status.status_code == StatusCode::Failure => Unable::Said(format!(
                "{path} could not be written: {status}; is its disk full?",
                status = said(&status.error_message)
            )),
            other => unable(path, other),
        })
    }

    async fn fill(&self, handle: &str, text: &[u8], attrs: FileAttributes) -> Result<(), Error> {
        let pieces = text.chunks(PIECE_BYTES).zip((0u64..).step_by(PIECE_BYTES));
        let mut all: Vec<BoxFuture<'_, _>> = Vec::new();
        for (piece, offset) in pieces {
            all.push(Box::pin(self.session.write(handle, offset, piece.to_vec())));
        }
        let mut writes = stream::iter(all).buffered(PIECES_AT_ONCE);
        while let Some(written) = writes.next().await {
            written?;
        }
        drop(writes);
        // What the login's umask took away at first.
        self.session.fsetstat(handle, attrs).await?;
        if self.can_flush {
            self.session.fsync(handle).await?;
        }
        Ok(())
    }

    /// Gives the file at `path` to a user and a group.
    pub(in crate::executor) async fn give(&self, path: &str, (user, group): (u32, u32)) -> Result<(), Unable> {
        let attrs = FileAttributes { uid: Some(user), gid: Some(group), ..FileAttributes::empty() };
        self.session.setstat(path, attrs).await.map(|_| ()).map_err(|error| unable(path, error))
    }

    /// Another name for the file at `path`.
    pub(in crate::executor) async fn link(&self, path: &str, name: &str) -> Result<(), Unable> {
        self.session.hardlink(path, name).await.map(|_| ()).map_err(|error| unable(name, error))
    }

    /// Moves the file at `path` over whatever is at `to`, in one step.
    pub(in crate::executor) async fn replace(&self, path: &str, to: &str) -> Result<(), Unable> {
        let mut words = Vec::new();
        for word in [path, to] {
            words.extend_from_slice(&u32::try_from(word.len()).unwrap_or(u32::MAX).to_be_bytes());
            words.extend_from_slice(word.as_bytes());
        }
        match self.session.extended(POSIX_RENAME, words).await {
            Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok => Ok(()),
            Ok(Packet::Status(status)) => Err(unable(to, Error::Status(status))),
            Ok(_) => Err(lost(format!("{to}: an answer that answers nothing"))),
            Err(error) => Err(unable(to, error)),
        }
    }

    /// Removes the file at `path`.
    pub(in crate::executor) async fn remove(&self, path: &str) -> Result<(), Unable> {
        self.session.remove(path).await.map(|_| ()).map_err(|error| unable(path, error))
    }
}

fn lost(words: String) -> Unable {
    Unable::Unheard(Reason::ConnectionLost, words)
}

/// What a host says of a failure goes on the record: as one short line.
fn said(words: &str) -> String {
    let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect();
    plain.trim().to_owned()
}

/// Only a status is an answer of the host; whatever else came, what became of the request is not known.
fn unable(path: &str, error: Error) -> Unable {
    match error {
        Error::Status(status) => {
            let words = match status.status_code {
                StatusCode::NoSuchFile => "its folder is not there".to_owned(),
                StatusCode::PermissionDenied => "this login may not do that".to_owned(),
                _ => said(&status.error_message),
            };
            Unable::Said(format!("{path}: {words}"))
        }
        Error::Timeout => Unable::Unheard(Reason::IdleTimeout, "the host was silent for too long".to_owned()),
        other => lost(format!("the connection ended: {}", said(&other.to_string()))),
    }
}
