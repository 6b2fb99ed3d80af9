//! Where a runbook runs and how wide: batches, what lies between them, in which order steps and hosts come, and whether a run has its
//! hosts for itself.

use serde::{Deserialize, Serialize};

/// Where a runbook runs and how wide.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Targets {
    /// The selector.
    pub select: String,
    /// Batches, canary first; the last may be `100%`.
    pub batches: Vec<Amount>,
    /// Hosts at once inside a batch.
    pub parallel: u32,
    /// What lies between two batches.
    #[serde(default, skip_serializing_if = "Between::is_nothing")]
    pub between: Between,
    /// Which comes first: a host's next step, or a step's next host.
    #[serde(default, skip_serializing_if = "Pace::is_host_first")]
    pub pace: Pace,
    /// Whether a run has its hosts for itself.
    #[serde(default, skip_serializing_if = "Lock::is_exclusive")]
    pub lock: Lock,
    /// Failed hosts tolerated: unreachable ones, and those of steps that do not themselves say to pause or stop.
    pub max_failures: Option<Amount>,
}

/// What lies between two batches: what a canary is watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Between {
    /// So many milliseconds pass after the last host of a batch was through.
    pub pause_ms: u64,
    /// Then somebody lets the next batch begin.
    pub gate: bool,
}

impl Between {
    /// In words, where anything lies there: `5m pass, then a person lets the next begin`.
    pub fn words(self) -> Option<String> {
        let pause = super::duration::short(self.pause_ms);
        match (self.pause_ms, self.gate) {
            (0, false) => None,
            (0, true) => Some("a person lets the next begin".to_owned()),
            (_, false) => Some(format!("{pause} pass")),
            (_, true) => Some(format!("{pause} pass, then a person lets the next begin")),
        }
    }

    /// Whether the next batch begins at once.
    pub fn is_nothing(&self) -> bool {
        *self == Between::default()
    }
}

/// Which comes first where several steps run on several hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Each host goes through the steps, batch by batch.
    #[default]
    HostFirst,
    /// Each step goes through all batches before the next one begins.
    StepFirst,
}

impl Pace {
    /// In words, where it is not the usual one.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Pace::HostFirst => None,
            Pace::StepFirst => Some("each step on all hosts before the next step"),
        }
    }

    fn is_host_first(&self) -> bool {
        *self == Pace::HostFirst
    }
}

/// Whether a run has its hosts for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// No other run is on them meanwhile.
    #[default]
    Exclusive,
    /// Others that share them too may be: for runbooks that only read.
    Shared,
}

impl Lock {
    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Lock::Exclusive => "exclusive",
            Lock::Shared => "shared",
        }
    }

    fn is_exclusive(&self) -> bool {
        *self == Lock::Exclusive
    }
}

/// A count, or a share of all hosts in percent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// That many hosts.
    Hosts(u32),
    /// That share of all hosts, rounded up for batches and down for failures.
    Percent(u32),
}
