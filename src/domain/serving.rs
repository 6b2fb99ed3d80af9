//! What becomes of the server itself: it stops with a grace, or another program takes its place while runs are in flight.
//!
//! Both begin by draining. While the server drains nothing begins (no step, no check, no batch, no start), and what is in flight
//! ends and is recorded; everything else goes on: votes, ticks, pauses, aborts. Once nothing is in flight, the server may be
//! handed over, and from that event on until the successor's first nothing is recorded at all. So a step can neither be
//! begun twice nor be lost between two processes.
//!
//! Invariants: only a server that was handed over is taken over; any other start ends it as a crash does (`Boot`).

use super::due::{Work, due};
use super::event::{Details, Event, Recorded};
use super::id::{Digest, Timestamp};
use super::legal::Illegal;
use super::world::World;
use serde::{Deserialize, Serialize};

/// Where the server stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Serving {
    /// It serves.
    #[default]
    Usual,
    /// Nothing begins; what is in flight ends.
    Draining {
        /// What for.
        goal: Goal,
        /// Since when.
        since: Timestamp,
        /// When it is waited for no longer.
        until: Timestamp,
    },
    /// Its successor has yet to say that it took over.
    HandedOver,
}

impl Serving {
    /// Whether nothing begins.
    pub fn holds(self) -> bool {
        match self {
            Serving::Usual => false,
            Serving::Draining { .. } | Serving::HandedOver => true,
        }
    }

    /// What it drains for, if it does.
    pub fn goal(self) -> Option<Goal> {
        match self {
            Serving::Draining { goal, .. } => Some(goal),
            Serving::Usual | Serving::HandedOver => None,
        }
    }
}

/// What a server drains for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Another program takes its place; runs go on.
    Upgrade,
    /// It ends; runs are interrupted at a boundary between steps.
    Stop,
}

/// A program that can be a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// Its version, as it says itself.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Digest,
}

impl Build {
    /// `0.2.0 (sha256 1f3b…)`.
    pub fn words(&self) -> String {
        format!("{} (sha256 {})", self.version, self.digest.short())
    }
}

/// What is asked of the server itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// Nothing begins any more.
    Drain {
        /// What for.
        goal: Goal,
        /// When it is waited for no longer.
        until: Timestamp,
    },
    /// It serves on as before.
    CallOff {
        /// Why.
        why: String,
    },
    /// Nothing is in flight: another program goes on.
    HandOver {
        /// From this one.
        from: Build,
        /// To that one.
        to: Build,
    },
    /// The successor is there.
    TakeOver {
        /// SHA-256 of its program.
        program: Digest,
        /// What repairing the ledger's tail set aside, in bytes.
        repaired_bytes: u64,
    },
    /// The server ends now: runs in flight are interrupted.
    End,
}

/// What happened to the server itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Nothing begins any more.
    Drains {
        /// What for.
        goal: Goal,
        /// When it is waited for no longer.
        until: Timestamp,
    },
    /// It serves on as before. Detail: `why`.
    CalledOff,
    /// Another program goes on. Details: `from`, `to` (versions).
    HandedOver {
        /// SHA-256 of the program that served.
        from: Digest,
        /// SHA-256 of the one that is to go on.
        to: Digest,
    },
    /// The successor serves; runs go on by themselves.
    TookOver {
        /// SHA-256 of the program that serves.
        program: Digest,
        /// Bytes of a torn tail that were set aside.
        repaired_bytes: u64,
    },
}

impl Act {
    /// Whether it ends something: what is recorded even when the disk is full. All of it: a server that could say none of it
    /// could not be ended in order.
    pub fn winds_down(&self) -> bool {
        match self {
            Act::Drains { .. } | Act::CalledOff | Act::HandedOver { .. } | Act::TookOver { .. } => true,
        }
    }

    /// What happened, in one line.
    pub fn words(&self, details: &Details) -> String {
        let text = |name: &str| details.get(name).map_or("", |detail| detail.text()).to_owned();
        match self {
            Act::Drains { goal: Goal::Upgrade, .. } => "upgrade begun: nothing starts until it is through".to_owned(),
            Act::Drains { goal: Goal::Stop, .. } => "server stopping: nothing starts, steps in flight end".to_owned(),
            Act::CalledOff => format!("server goes on as it was: {}", text("why")),
            Act::HandedOver { from, to } => format!(
                "server upgraded from {} (sha256 {}) to {} (sha256 {})",
                text("from"),
                from.short(),
                text("to"),
                to.short()
            ),
            Act::TookOver { program, repaired_bytes } => {
                let torn = match repaired_bytes {
                    0 => String::new(),
                    bytes => format!("; a torn tail of {bytes} bytes was set aside"),
                };
                format!("server took over (sha256 {}); runs go on{torn}", program.short())
            }
        }
    }
}

/// Whether an event begins something: while the server drains it does not happen by itself.
pub fn begins(event: &Event) -> bool {
    matches!(
        event,
        Event::Intended { .. }
            | Event::ChecksReleased { .. }
            | Event::RunStarted { .. }
            | Event::BatchBegan { .. }
            | Event::ManualOpened { .. }
            | Event::VerifyBegan { .. }
    )
}

/// How many orders are in flight: steps, checks and looks that a successor could not see the end of.
pub fn in_flight(world: &World) -> usize {
    due(world).iter().filter(|work| matches!(work, Work::Do(_))).count()
}

pub(super) fn fold(world: &mut World, recorded: &Recorded, act: &Act) -> Result<(), Illegal> {
    world.serving = match (act, world.serving) {
        (Act::Drains { goal, until }, Serving::Usual) => {
            Serving::Draining { goal: *goal, since: recorded.at, until: *until }
        }
        (Act::CalledOff, Serving::Draining { .. }) => Serving::Usual,
        (Act::HandedOver { .. }, Serving::Draining { goal: Goal::Upgrade, .. }) => Serving::HandedOver,
        (Act::TookOver { .. }, Serving::HandedOver) => Serving::Usual,
        (Act::Drains { .. } | Act::CalledOff | Act::HandedOver { .. } | Act::TookOver { .. }, state) => {
            return Err(Illegal { event: "server".to_owned(), state: format!("a server that is {}", state.word()) });
        }
    };
    Ok(())
}

impl Serving {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Serving::Usual => "serving",
            Serving::Draining { goal: Goal::Upgrade, .. } => "upgrading",
            Serving::Draining { goal: Goal::Stop, .. } => "stopping",
            Serving::HandedOver => "handed over",
        }
    }
}
