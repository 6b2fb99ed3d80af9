//! A shell that was started somewhere and is being listened to, and the place it was started in. Two kinds: over
//! SSH, and on this machine. Everything above this file treats them alike.

use super::local::{Here, LocalTalk};
use super::script::Lead;
use super::ssh::connection::Connection;
use super::ssh::talk::SshTalk;
use super::trouble::Trouble;
use crate::domain::order::Stream;
use crate::domain::run::Reason;
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

/// What a shell's input and output are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Streams {
    /// Three of them: what goes to standard error is known as such.
    Apart,
    /// A terminal, which is all of them at once.
    Terminal,
}

impl Streams {
    /// Where our own lines are heard.
    pub fn of_marks(self) -> Stream {
        match self {
            Streams::Apart => Stream::Err,
            Streams::Terminal => Stream::Out,
        }
    }
}

/// A place where a command line can be started.
#[derive(Clone)]
pub(super) enum Place {
    /// A host with an authenticated connection.
    Ssh(Arc<Connection>),
    /// This machine.
    Local(Arc<Here>),
}

impl Place {
    /// Starts `line` in `room` and comes back when the place has accepted it.
    ///
    /// # Errors
    /// When no shell could be started; then nothing was.
    pub async fn start(&self, line: &str, streams: Streams, room: Room) -> Result<Talk, Trouble> {
        match (self, streams) {
            (Place::Ssh(connection), _) => connection.start(line, streams, room.0).await.map(Talk::Ssh),
            (Place::Local(local), Streams::Apart) => local.start(line).map(|talk| Talk::Local(Box::new(talk))),
            (Place::Local(_), Streams::Terminal) => {
                Err(Trouble::new(Reason::Local, "what runs on this machine is given no terminal"))
            }
        }
    }

    /// Starts `line` beside what runs here: what ends a step must not wait for a step.
    ///
    /// # Errors
    /// As [`Place::start`].
    pub async fn start_aside(&self, line: &str) -> Result<Talk, Trouble> {
        match self {
            Place::Ssh(connection) => connection.start_aside(line).await.map(Talk::Ssh),
            Place::Local(local) => local.start(line).map(|talk| Talk::Local(Box::new(talk))),
        }
    }

    /// How a shell started here comes to lead its process group.
    pub fn lead(&self) -> Lead {
        match self {
            Place::Ssh(connection) if connection.needs_setsid() => Lead::Taken,
            Place::Ssh(_) | Place::Local(_) => Lead::Given,
        }
    }

    /// It was seen that a shell started so leads no process group. Says whether there is another way.
    pub fn saw_no_leader(&self, tried: Lead) -> bool {
        match (self, tried) {
            // Others may have seen it first: what counts is how this one was started.
            (Place::Ssh(connection), Lead::Given) => {
                connection.saw_no_leader();
                true
            }
            (Place::Ssh(_), Lead::Taken) | (Place::Local(_), Lead::Given | Lead::Taken) => false,
        }
    }

    /// Waits until the place has answered once more: what it said before that has arrived. Says whether it did.
    pub async fn answers(&self) -> bool {
        match self {
            Place::Ssh(connection) => connection.answers().await,
            Place::Local(_) => true,
        }
    }

    /// Room for one more shell; waits for those that run here.
    pub async fn room(&self) -> Room {
        match self {
            Place::Ssh(connection) => Room(connection.room().await),
            Place::Local(_) => Room(None),
        }
    }
}

/// Room for one shell at a place that has little of it.
pub(super) struct Room(Option<OwnedSemaphorePermit>);

/// What is heard from a started shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// Standard output.
    Out(Bytes),
    /// Standard error.
    Err(Bytes),
    /// How it ended; output may still follow.
    Exit(Exit),
    /// Nothing follows.
    Closed,
    /// The way there is gone: whether it still runs cannot be told.
    Lost,
}

/// How a process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// With a status.
    Status(i32),
    /// By a signal: its name without `SIG`.
    Signal(String),
    /// By a signal whose name is none we know: what the host calls it.
    OtherSignal(String),
}

/// Bytes on their way to a shell's standard input, then its end.
pub(super) type Delivery = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A started shell.
pub(super) enum Talk {
    /// Over SSH.
    Ssh(SshTalk),
    /// On this machine.
    Local(Box<LocalTalk>),
}

impl Talk {
    /// The next thing heard. Safe to cancel.
    pub async fn hear(&mut self) -> Heard {
        match self {
            Talk::Ssh(talk) => talk.hear().await,
            Talk::Local(talk) => talk.hear().await,
        }
    }

    /// Sends `bytes` to its standard input and closes that, while it is listened to. Only once.
    pub fn deliver(&mut self, bytes: Zeroizing<Vec<u8>>) -> Delivery {
        match self {
            Talk::Ssh(talk) => talk.deliver(bytes),
            Talk::Local(talk) => talk.deliver(bytes),
        }
    }

    /// Lets go of it without waiting for whatever still holds its output.
    pub async fn leave(self) {
        match self {
            Talk::Ssh(talk) => talk.leave().await,
            Talk::Local(_) => {}
        }
    }
}
