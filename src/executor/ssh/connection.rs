//! One authenticated connection to one host, for one run.

use super::gate::{Fate, Gate};
use super::talk::{Answer, SshTalk};
use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use russh::Disconnect;
use russh::client::Handle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// Channels at once on one connection: OpenSSH allows ten (`MaxSessions`).
const CHANNELS_MAX: usize = 8;

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

    /// Starts `line`; comes back when the host has accepted it.
    pub(in crate::executor) async fn start(&self, line: &str) -> Result<SshTalk, Trouble> {
        self.start_in(&self.places, line).await
    }

    /// Starts `line` in the place that orders never take: ending what runs must not wait for what runs.
    pub(in crate::executor) async fn start_aside(&self, line: &str) -> Result<SshTalk, Trouble> {
        self.start_in(&self.aside, line).await
    }

    async fn start_in(&self, places: &Arc<Semaphore>, line: &str) -> Result<SshTalk, Trouble> {
        let place = places.clone().acquire_owned().await.map_err(|_| self.lost())?;
        let channel = self.handle.channel_open_session().await.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(_) => {
                Trouble::new(Reason::NoShell, format!("the host opens no session: {}", self.fate.refused_channel()))
            }
            _ => self.lost(),
        })?;
        let mut talk = SshTalk::new(channel, place);
        match talk.ask(line).await {
            Answer::Accepted => Ok(talk),
            Answer::Refused => Err(Trouble::new(Reason::NoShell, "the host refuses to run commands for this login")),
            Answer::Closed => {
                Err(Trouble::new(Reason::NoShell, "the host closed the session instead of starting a shell"))
            }
            Answer::Lost => Err(self.lost()),
        }
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

    /// Says goodbye. The connection ends when the last who uses it lets go.
    pub(super) async fn disconnect(&self) {
        let _ = self.handle.disconnect(Disconnect::ByApplication, "the run is over", "en").await;
    }

    /// How it ended, in words.
    pub fn why_lost(&self) -> String {
        self.fate.ended.get().map_or("the connection ended", String::as_str).to_owned()
    }

    pub(super) fn lost(&self) -> Trouble {
        Trouble::new(Reason::ConnectionLost, self.why_lost())
    }
}
