//! What is passed between a server and its successor: messages and open sockets, over a pair of sockets that only the two have.
//!
//! One message is one packet, so that none is read in half, and what comes with it belongs to it. The successor finds its end as
//! its standard input: no descriptor is inherited by accident, and nothing is said in the environment.

use crate::domain::Digest;
use crate::domain::sign_in::Shown;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The form in which two programs speak here; another form has another number, and neither takes the other's place.
pub const HANDING_FORM: u64 = 1;

/// Sockets that come with one message: the one for this machine, a few for the network, one each for metrics and requests.
pub const SOCKETS_MAX: usize = 32;

/// Longest message: what a certificate names fits many times.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What the two say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Message {
    /// To the successor, first: the sockets people and machines knock at, in this order.
    Doors {
        /// SHA-256 of the program it is started from.
        program: Digest,
        /// Whether the first is the unix socket's, and was made by the server itself: whoever has it removes its file.
        made: bool,
        /// How many are for SSH.
        ssh: usize,
        /// How many are for metrics: none or one.
        metrics: usize,
        /// How many are for machines' requests: none or one.
        hooks: usize,
    },
    /// From the successor: it serves.
    Here {
        /// Its process.
        pid: u32,
    },
    /// To the successor: a console of somebody who signed in over SSH, with a stream to it.
    Console {
        /// What they had shown.
        shown: Box<Shown>,
    },
}

/// One end of the pair.
#[derive(Debug)]
pub struct Baton {
    // Of packets, whatever its type is called: what it is asked for is asked of the system itself.
    socket: UnixStream,
}

impl Baton {
    /// A pair: ours, and the end for a successor.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self::of(ours)?, theirs))
    }

    /// The end that was given.
    ///
    /// # Errors
    /// It is no socket that can be waited for.
    pub fn of(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self { socket: UnixStream::from_std(socket)? })
    }

    /// Sends a message, and open sockets with it.
    ///
    /// # Errors
    /// The far end is gone.
    pub async fn send(&self, message: &Message, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        self.socket
            .async_io(Interest::WRITABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
                    return Err(io::Error::other("too many sockets for one message"));
                }
                sendmsg(self.socket.as_fd(), &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
                Ok(())
            })
            .await
    }

    /// The next message, and what came with it; `None` once the far end is gone.
    ///
    /// # Errors
    /// It is no message of this form.
    pub async fn receive(&self) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        let mut text = vec![0; MESSAGE_BYTES_MAX];
        let (bytes, sockets) = self
            .socket
            .async_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
                let mut control = RecvAncillaryBuffer::new(&mut space);
                let mut parts = [IoSliceMut::new(&mut text)];
                let bytes = recvmsg(self.socket.as_fd(), &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
                let mut sockets = Vec::new();
                for message in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(came) = message {
                        sockets.extend(came);
                    }
                }
                Ok((bytes, sockets))
            })
            .await?;
        match text.get(..bytes) {
            Some(text) if !text.is_empty() => Ok(Some((serde_json::from_slice(text)?, sockets))),
            Some(_) | None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[tokio::test]
    async fn a_message_comes_whole_with_the_sockets_that_belong_to_it() {
        let (ours, theirs) = Baton::pair().unwrap();
        let theirs = Baton::of(theirs).unwrap();
        let (mut near, far) = Socket::pair().unwrap();
        let doors = Message::Doors { program: Digest::of(b"program"), made: true, ssh: 0, metrics: 0, hooks: 0 };
        ours.send(&doors, &[far.as_fd()]).await.unwrap();
        ours.send(&Message::Here { pid: 7 }, &[]).await.unwrap();
        drop(far);
        let (message, mut sockets) = theirs.receive().await.unwrap().unwrap();
        assert_eq!((message, sockets.len()), (doors, 1));
        let mut passed = Socket::from(sockets.remove(0));
        passed.write_all(b"x").unwrap();
        let mut byte = [0];
        near.read_exact(&mut byte).unwrap();
        assert_eq!(theirs.receive().await.unwrap().unwrap().0, Message::Here { pid: 7 });
        drop(ours);
        assert!(theirs.receive().await.unwrap().is_none(), "the far end is gone");
    }
}
