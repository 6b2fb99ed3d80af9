//! The cells of a run's matrix: what is done where, where it stands, and why it did not end well.

use super::super::id::{HostIx, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A column of the matrix: a check or a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Connect, compare the host key, log in.
    Reach,
    /// A preflight check of the runbook.
    Preflight(u16),
    /// A step, by its position among the steps that run.
    Step(u16),
    /// A verification of the runbook.
    Verify(u16),
}

/// A cell's place: an item on a host, or a manual step of the whole run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// What.
    pub item: Item,
    /// Where; `None` for a manual step.
    pub host: Option<HostIx>,
}

/// A host·step, once something happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Where it stands.
    pub state: CellState,
    /// Which try, from 1.
    pub attempt: u16,
    /// When this state began.
    pub since: Timestamp,
    /// When the try began.
    pub began: Timestamp,
    /// When the first of its tries began, or the first since a person asked for another: what is waited for has so much time.
    pub opened: Timestamp,
    /// Whether this try only looks what became of the one before.
    pub probing: bool,
    /// How many of its tries only looked.
    pub probes: u16,
    /// Not before this moment, while a retry waits.
    pub not_before: Option<Timestamp>,
    /// What a check saw, or the evidence of a manual step; redacted, bounded. Shared: a run is copied with every event.
    pub saw: Arc<str>,
    /// Values it published, by name.
    pub published: Arc<[(String, String)]>,
}

/// Where a host·step stands. A cell absent from the map is `waiting`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Not begun, or to be tried again.
    Waiting,
    /// The intent is durable; nothing is known of the host yet.
    Intended,
    /// The host has begun.
    Started {
        /// Its process group on the host.
        group: u32,
    },
    /// Ended well.
    Ok,
    /// Ended badly, for certain.
    Failed(Reason),
    /// Nobody can tell how it ended.
    Unknown(Reason),
    /// A person said to go on without it.
    Skipped,
    /// Certain not to have begun.
    Refused(Reason),
}

impl CellState {
    /// Whether nothing more comes by itself.
    pub fn is_settled(&self) -> bool {
        match self {
            CellState::Waiting | CellState::Intended | CellState::Started { .. } => false,
            CellState::Ok
            | CellState::Failed(_)
            | CellState::Unknown(_)
            | CellState::Skipped
            | CellState::Refused(_) => true,
        }
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            CellState::Waiting => "waiting",
            CellState::Intended => "intended",
            CellState::Started { .. } => "started",
            CellState::Ok => "ok",
            CellState::Failed(_) => "failed",
            CellState::Unknown(_) => "unknown",
            CellState::Skipped => "skipped",
            CellState::Refused(_) => "refused",
        }
    }

    /// Why it did not end well.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            CellState::Failed(reason) | CellState::Unknown(reason) | CellState::Refused(reason) => Some(reason),
            CellState::Waiting
            | CellState::Intended
            | CellState::Started { .. }
            | CellState::Ok
            | CellState::Skipped => None,
        }
    }

    /// Whether the executor has it.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, CellState::Intended | CellState::Started { .. })
    }
}

/// Why a cell did not end well. The code is stable and searchable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A non-zero exit status.
    Exit(i32),
    /// Ended by a signal.
    Signal(String),
    /// Longer than the step may take.
    StepTimeout,
    /// Silent for too long.
    IdleTimeout,
    /// No usable session in time.
    ConnectTimeout,
    /// Nothing listens.
    ConnectRefused,
    /// No route, or the name does not resolve.
    Unreachable,
    /// The host's key is not the pinned one.
    HostKeyMismatch,
    /// Nothing pinned for this host.
    HostKeyUnknown,
    /// The host's key is marked as revoked.
    HostKeyRevoked,
    /// The host takes none of our keys.
    LoginRefused,
    /// Logged in, but no shell would run.
    NoShell,
    /// The host lacks the program that reads the script.
    NoInterpreter,
    /// The connection ended before the outcome was known.
    ConnectionLost,
    /// The channel closed without an exit status.
    NoExitStatus,
    /// It ran, and what came out is not what was expected.
    NotAsExpected,
    /// Ended by a person, and seen to be gone.
    Aborted,
    /// A secret could not be had.
    SecretMissing,
    /// This machine could not do its part.
    Local,
    /// The server went away meanwhile.
    Interrupted,
    /// The host was dropped from the run.
    Dropped,
    /// A value it would use was published by no step.
    NotPublished,
    /// Its probe says that it was not done.
    NotDone,
    /// A person marked it so.
    Marked,
    /// Somebody whose yes it needed said no.
    Denied,
}

impl Reason {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Exit(_) => "exit",
            Reason::Signal(_) => "signal",
            Reason::StepTimeout => "timeout.step",
            Reason::IdleTimeout => "timeout.idle",
            Reason::ConnectTimeout => "connect.timeout",
            Reason::ConnectRefused => "connect.refused",
            Reason::Unreachable => "connect.unreachable",
            Reason::HostKeyMismatch => "hostkey.mismatch",
            Reason::HostKeyUnknown => "hostkey.unknown",
            Reason::HostKeyRevoked => "hostkey.revoked",
            Reason::LoginRefused => "login.refused",
            Reason::NoShell => "login.no_shell",
            Reason::NoInterpreter => "script.no_interpreter",
            Reason::ConnectionLost => "connection.lost",
            Reason::NoExitStatus => "connection.no_status",
            Reason::NotAsExpected => "check.unexpected",
            Reason::Aborted => "aborted",
            Reason::SecretMissing => "secret.missing",
            Reason::Local => "local",
            Reason::Interrupted => "interrupted",
            Reason::Dropped => "dropped",
            Reason::NotPublished => "published.missing",
            Reason::NotDone => "probe.not_done",
            Reason::Marked => "marked",
            Reason::Denied => "denied",
        }
    }

    /// The reason in a tired person's words.
    pub fn words(&self) -> String {
        match self {
            Reason::Exit(code) => format!("exit {code}"),
            Reason::Signal(name) => format!("ended by {name}"),
            Reason::StepTimeout => "took longer than its time-out".to_owned(),
            Reason::IdleTimeout => "silent for too long".to_owned(),
            Reason::ConnectTimeout => "no answer in time".to_owned(),
            Reason::ConnectRefused => "connection refused".to_owned(),
            Reason::Unreachable => "not reachable".to_owned(),
            Reason::HostKeyMismatch => "host key is not the pinned one".to_owned(),
            Reason::HostKeyUnknown => "host key unknown".to_owned(),
            Reason::HostKeyRevoked => "host key revoked".to_owned(),
            Reason::LoginRefused => "login refused".to_owned(),
            Reason::NoShell => "logged in, but no shell runs".to_owned(),
            Reason::NoInterpreter => "the host cannot read this script".to_owned(),
            Reason::ConnectionLost => "connection lost, end not seen".to_owned(),
            Reason::NoExitStatus => "closed without exit status".to_owned(),
            Reason::NotAsExpected => "not as expected".to_owned(),
            Reason::Aborted => "aborted".to_owned(),
            Reason::SecretMissing => "a secret could not be had".to_owned(),
            Reason::Local => "this machine could not do its part".to_owned(),
            Reason::Interrupted => "the server went away meanwhile".to_owned(),
            Reason::Dropped => "host dropped from the run".to_owned(),
            Reason::NotPublished => "a value it uses was not published".to_owned(),
            Reason::NotDone => "its probe says that it was not done".to_owned(),
            Reason::Marked => "marked by a person".to_owned(),
            Reason::Denied => "denied".to_owned(),
        }
    }
}
