//! A shell started over SSH.

use super::connection::GOODBYE_MS_MAX;
use crate::executor::talk::{Delivery, Exit, Heard, Streams};
use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Signals that systems know beyond those that SSH names: a name goes on the record, so no host may choose it freely.
const SIGNALS: [&str; 23] = [
    "BUS", "CHLD", "CONT", "EMT", "INFO", "IO", "IOT", "POLL", "PROF", "PWR", "STKFLT", "STOP", "SYS", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "XCPU", "XFSZ",
];

/// What is shown of any other name: more than any system's own.
const NAME_CHARS_MAX: usize = 64;

/// What a terminal says it is: one that knows no colours and moves no cursor.
const TERMINAL_KIND: &str = "dumb";

/// Columns and rows: wide, so that programs fold few of their lines.
const TERMINAL_SIZE: (u32, u32) = (160, 50);

/// The modes of RFC 4254, section 8, under which a terminal is a pipe in both directions: nothing is echoed (a secret would be),
/// no byte means anything, no line end is changed.
const TERMINAL_MODES: [(Pty, u32); 16] = [
    (Pty::ECHO, 0),
    (Pty::ECHOE, 0),
    (Pty::ECHOK, 0),
    (Pty::ECHONL, 0),
    (Pty::ICANON, 0),
    (Pty::ISIG, 0),
    (Pty::IEXTEN, 0),
    (Pty::INLCR, 0),
    (Pty::IGNCR, 0),
    (Pty::ICRNL, 0),
    (Pty::ISTRIP, 0),
    (Pty::IXON, 0),
    (Pty::IXOFF, 0),
    (Pty::OPOST, 0),
    (Pty::CS8, 1),
    (Pty::PARENB, 0),
];

/// A channel on which a command line was accepted.
pub(in crate::executor) struct SshTalk {
    read: ChannelReadHalf,
    write: Arc<ChannelWriteHalf<Msg>>,
    streams: Streams,
    /// Heard before the command line was accepted.
    early: VecDeque<Heard>,
    /// One of the connection's places for channels.
    place: OwnedSemaphorePermit,
}

/// The host's answer to a command line.
pub(super) enum Answer {
    /// It runs.
    Accepted,
    /// The host gives no terminal.
    NoTerminal,
    /// The host does not do that.
    Refused,
    /// The channel closed instead.
    Closed,
    /// The connection is gone.
    Lost,
}

impl SshTalk {
    /// Listens on a channel.
    pub fn new(channel: russh::Channel<Msg>, streams: Streams, place: OwnedSemaphorePermit) -> Self {
        let (read, write) = channel.split();
        Self { read, write: Arc::new(write), streams, early: VecDeque::new(), place }
    }

    /// The place it had, for another channel.
    pub(super) fn into_place(self) -> OwnedSemaphorePermit {
        self.place
    }

    /// Asks for `line` to be run, on a terminal where there is to be one, and waits for the answer.
    pub(super) async fn ask(&mut self, line: &str) -> Answer {
        match self.streams {
            Streams::Apart => {}
            Streams::Terminal => match self.ask_for_a_terminal().await {
                Answer::Accepted => {}
                Answer::Refused => return Answer::NoTerminal,
                other => return other,
            },
        }
        if self.write.exec(true, line).await.is_err() {
            return Answer::Lost;
        }
        self.answer().await
    }

    /// Asks for a terminal that changes nothing of what passes through it, and waits for the answer.
    async fn ask_for_a_terminal(&mut self) -> Answer {
        let (columns, rows) = TERMINAL_SIZE;
        if self.write.request_pty(true, TERMINAL_KIND, columns, rows, 0, 0, &TERMINAL_MODES).await.is_err() {
            return Answer::Lost;
        }
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        loop {
            match self.read.wait().await {
                Some(ChannelMsg::Success) => return Answer::Accepted,
                Some(ChannelMsg::Failure) => return Answer::Refused,
                Some(ChannelMsg::Close) => return Answer::Closed,
                Some(message) => self.early.extend(heard(message)),
                None => return Answer::Lost,
            }
        }
    }

    pub(in crate::executor) async fn hear(&mut self) -> Heard {
        if let Some(heard) = self.early.pop_front() {
            return heard;
        }
        loop {
            match self.read.wait().await {
                Some(message) => {
                    if let Some(heard) = heard(message) {
                        return heard;
                    }
                }
                // A channel that closes says so first: without that the connection is gone.
                None => return Heard::Lost,
            }
        }
    }

    pub(in crate::executor) fn deliver(&mut self, bytes: Zeroizing<Vec<u8>>) -> Delivery {
        let (write, streams) = (self.write.clone(), self.streams);
        Box::pin(async move {
            // A host that is gone is heard to be gone. A terminal whose input ends is hung up by some hosts.
            if write.data_bytes(Bytes::from_owner(bytes)).await.is_ok() && streams == Streams::Apart {
                let _ = write.eof().await;
            }
        })
    }

    /// Closes the channel from our side: what still holds its other end is left to itself.
    pub(in crate::executor) async fn leave(&self) {
        let _ = timeout(Duration::from_millis(GOODBYE_MS_MAX), self.write.close()).await;
    }
}

fn heard(message: ChannelMsg) -> Option<Heard> {
    match message {
        ChannelMsg::Data { data } => Some(Heard::Out(data)),
        ChannelMsg::ExtendedData { data, .. } => Some(Heard::Err(data)),
        ChannelMsg::ExitStatus { exit_status } => Some(Heard::Exit(Exit::Status(exit_status as i32))),
        ChannelMsg::ExitSignal { signal_name, .. } => Some(Heard::Exit(died(&signal_name))),
        ChannelMsg::Close => Some(Heard::Closed),
        // Window sizes, end of output before the end of the process, and what only servers hear.
        _ => None,
    }
}

fn died(signal: &Sig) -> Exit {
    match signal {
        Sig::Custom(name) if SIGNALS.contains(&name.as_str()) => Exit::Signal(name.clone()),
        Sig::Custom(name) => Exit::OtherSignal(name.chars().take(NAME_CHARS_MAX).collect()),
        known => Exit::Signal(format!("{known:?}")),
    }
}
