//! One authenticated connection to one host, for one run.

use super::gate::{Fate, Gate};
use super::sftp::{Sftp, Unable};
use super::talk::{Answer, SshTalk};
use crate::domain::run::Reason;
use crate::executor::talk::Streams;
use crate::executor::trouble::Trouble;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Channels at once on one connection: OpenSSH allows ten (`MaxSessions`).
const CHANNELS_MAX: usize = 8;

/// Longest wait for the answer to "are you there": many times round the world.
const ANSWER_MS_MAX: u64 = 5_000;

/// Longest wait for a goodbye to be taken: a connection that is stuck is left to its time-outs.
pub(super) const GOODBYE_MS_MAX: u64 = 1_000;

/// An authenticated connection.
pub(in crate::executor) struct Connection {
    handle: Handle<Gate>,
    fate: Arc<Fate>,
    places: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    needs_setsid: AtomicBool,
    /// The connection this one goes through stays open as long.
    _through: Option<Arc<Connection>>,
}

impl Connection {
    pub(super) fn new(handle: Handle<Gate>, fate: Arc<Fate>, through: Option<Arc<Connection>>) -> Self {
        Self {
            handle,
            fate,
            places: Arc::new(Semaphore::new(CHANNELS_MAX)),
            aside: Arc::new(Semaphore::new(1)),
            needs_setsid: AtomicBool::new(false),
            _through: through,
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// The host key that was accepted, in words.
    pub fn host_key(&self) -> &str {
        self.fate.host_key.get().map_or("", String::as_str)
    }

    /// Whether shells on this host need `setsid` to lead a process group.
    pub fn needs_setsid(&self) -> bool {
        self.needs_setsid.load(Ordering::Relaxed)
    }

    /// It was seen that shells on this host lead no process group.
    pub fn saw_no_leader(&self) {
        self.needs_setsid.store(true, Ordering::Relaxed);
    }

    /// A place for one channel, as soon as there is one. `None` only where this connection gives out none any more.
    pub(in crate::executor) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Starts `line` in a place from [`Connection::room`]; comes back when the host has accepted it.
    pub(in crate::executor) async fn start(
        &self,
        line: &str,
        streams: Streams,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<SshTalk, Trouble> {
        self.start_in(room.ok_or_else(|| self.lost())?, line, streams).await
    }

    /// Starts `line` in the place that orders never take: ending what runs must not wait for what runs.
    pub(in crate::executor) async fn start_aside(&self, line: &str) -> Result<SshTalk, Trouble> {
        let place = self.aside.clone().acquire_owned().await.map_err(|_| self.lost())?;
        self.start_in(place, line, Streams::Apart).await
    }

    /// Begins SFTP in a place from [`Connection::room`]. No answer may take longer than `patience`.
    pub(in crate::executor) async fn sftp(
        &self,
        room: Option<OwnedSemaphorePermit>,
        patience: Duration,
    ) -> Result<Sftp, Trouble> {
        let room = room.ok_or_else(|| self.lost())?;
        let mut channel = self.session().await?;
        channel.request_subsystem(true, "sftp").await.map_err(|_| self.lost())?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::Failure | ChannelMsg::Close) => {
                    return Err(Trouble::new(Reason::NoShell, "the host offers no SFTP to this login"));
                }
                Some(_) => {}
                None => return Err(self.lost()),
            }
        }
        Sftp::begin(channel, room, patience).await.map_err(|unable| match unable {
            Unable::Said(words) => Trouble::new(Reason::NoShell, words),
            Unable::Unheard(..) if self.is_closed() => self.lost(),
            Unable::Unheard(_, words) => Trouble::new(Reason::NoShell, format!("SFTP did not begin: {words}")),
        })
    }

    /// Nothing but the line has left when the answer is heard, and by itself the line does nothing: so it may be said again
    /// where a host closes the channel without a word. Dropbear does at times, when another channel ends that moment.
    async fn start_in(&self, place: OwnedSemaphorePermit, line: &str, streams: Streams) -> Result<SshTalk, Trouble> {
        let mut talk = SshTalk::new(self.session().await?, streams, place);
        let mut answer = talk.ask(line).await;
        if matches!(answer, Answer::Closed) {
            talk = SshTalk::new(self.session().await?, streams, talk.into_place());
            answer = talk.ask(line).await;
        }
        match answer {
            Answer::Accepted => Ok(talk),
            Answer::NoTerminal => {
                let words = "the host gives this login no terminal, which the step asks for (pty = true)";
                Err(Trouble::new(Reason::NoShell, words))
            }
            Answer::Refused => Err(Trouble::new(Reason::NoShell, "the host refuses to run commands for this login")),
            Answer::Closed => {
                Err(Trouble::new(Reason::NoShell, "the host closed the session instead of starting a shell"))
            }
            Answer::Lost => Err(self.lost()),
        }
    }

    async fn session(&self) -> Result<Channel<Msg>, Trouble> {
        self.handle.channel_open_session().await.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(_) => {
                Trouble::new(Reason::NoShell, format!("the host opens no session: {}", self.fate.refused_channel()))
            }
            _ => self.lost(),
        })
    }

    /// Opens a stream from this host on to `port` of `address`.
    pub(super) async fn reach_on(&self, address: &str, port: u16) -> Result<Box<dyn super::dial::Stream>, Trouble> {
        let channel = self.handle.channel_open_direct_tcpip(address, u32::from(port), "127.0.0.1", 0).await;
        match channel {
            Ok(channel) => Ok(Box::new(channel.into_stream())),
            Err(russh::Error::ChannelOpenFailure(kind)) => {
                let said = self.fate.refused_channel();
                let reason = match kind {
                    russh::ChannelOpenFailure::ConnectFailed if said.contains("refused") => Reason::ConnectRefused,
                    russh::ChannelOpenFailure::ConnectFailed if said.contains("timed out") => Reason::ConnectTimeout,
                    _ => Reason::Unreachable,
                };
                Err(Trouble::new(reason, format!("it cannot reach {address} port {port}: {said}")))
            }
            Err(_) => Err(self.lost()),
        }
    }

    /// Whether the host answers a question to it soon. What it said before has been heard by then.
    pub(in crate::executor) async fn answers(&self) -> bool {
        let answer = timeout(Duration::from_millis(ANSWER_MS_MAX), self.handle.send_ping()).await;
        matches!(answer, Ok(Ok(()))) && !self.is_closed()
    }

    /// Says goodbye. The connection ends when the last who uses it lets go.
    pub(super) async fn disconnect(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "the run is over", "en");
        let _ = timeout(Duration::from_millis(GOODBYE_MS_MAX), goodbye).await;
    }

    /// How it ended, in words.
    pub fn why_lost(&self) -> String {
        self.fate.ended.get().map_or("the connection ended", String::as_str).to_owned()
    }

    pub(super) fn lost(&self) -> Trouble {
        Trouble::new(Reason::ConnectionLost, self.why_lost())
    }
}
