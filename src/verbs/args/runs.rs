//! What one says of runs: the form, what is done by hand, what is looked for.

use super::words::{DecisionWord, EndingWord, ImpactWord, PhaseWord, Purpose, StreamWord};
use crate::domain::RunId;
use clap::{Args, Subcommand};

/// A filled form.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The runbook's id
    pub runbook: String,
    /// The workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: String,
    /// An input's value; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub inputs: Vec<(String, String)>,
    /// Tick the confirmation of this input; may be repeated
    #[arg(long = "confirm", value_name = "NAME")]
    pub confirm: Vec<String>,
    /// Narrow the runbook's hosts; never widens them
    #[arg(long, value_name = "SELECTOR")]
    pub select: Option<String>,
    /// A tag beyond the workspace's baseline; may be repeated, and needs a reason
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// What the run is for
    #[arg(long, value_enum)]
    pub purpose: Purpose,
    /// Why, in words
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Ticket reference
    #[arg(long, default_value = "")]
    pub ticket: String,
    /// Who is told, and how
    #[arg(long, value_name = "WHOM", default_value = "")]
    pub tell: String,
    /// A higher impact than the rules compute
    #[arg(long, value_enum)]
    pub impact: Option<ImpactWord>,
}

/// `tick`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Tick {
    /// The run
    pub run: RunId,
    /// The manual step's id
    pub step: String,
    /// A point of the checklist that is done, counted from 1; may be repeated
    #[arg(long = "point", value_name = "N", conflicts_with = "all")]
    pub points: Vec<u16>,
    /// Every point of the checklist is done
    #[arg(long)]
    pub all: bool,
    /// What shows it
    #[arg(long, default_value = "")]
    pub evidence: String,
}

/// `decide`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Decide {
    /// The run
    pub run: RunId,
    /// The host; `-` for a manual step, which has none
    pub host: String,
    /// The step's or check's id
    pub step: String,
    /// What becomes of it
    #[arg(value_enum)]
    pub decision: DecisionWord,
    /// Why
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// `runs …`.
#[derive(Subcommand, Clone, PartialEq, Debug)]
pub enum Runs {
    /// List runs, newest first
    List(RunsList),
    /// Show one run: its plan, checks, hosts, votes, notes
    Show {
        /// The run
        run: RunId,
    },
    /// Print what a run printed
    Log(RunsLog),
    /// List files that were given as evidence, or write one to standard output
    Evidence {
        /// The run
        run: RunId,
        /// The beginning of its SHA-256
        sha256: Option<String>,
    },
}

/// `runs list`.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct RunsList {
    /// In this workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// Proposed, approved, driven or reviewed by this person
    #[arg(long)]
    pub person: Option<String>,
    /// Of this runbook
    #[arg(long)]
    pub runbook: Option<String>,
    /// On this host
    #[arg(long)]
    pub host: Option<String>,
    /// That ended so
    #[arg(long, value_enum)]
    pub ending: Option<EndingWord>,
    /// That stand so
    #[arg(long, value_enum)]
    pub phase: Option<PhaseWord>,
    /// Proposed at or after: `2h` ago, a day, or a moment
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Proposed before
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Words that runbook, ticket or note contain
    #[arg(long)]
    pub text: Option<String>,
    /// Runs with a number below this
    #[arg(long, value_name = "RUN")]
    pub before: Option<RunId>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

/// `runs log`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct RunsLog {
    /// The run
    pub run: RunId,
    /// Of this host
    #[arg(long)]
    pub host: Option<String>,
    /// Of this step or check
    #[arg(long)]
    pub step: Option<String>,
    /// Of this stream
    #[arg(long, value_enum)]
    pub stream: Option<StreamWord>,
    /// Lines that match this regular expression
    #[arg(long, value_name = "PATTERN")]
    pub grep: Option<String>,
    /// Go on until the run ends
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// With the time of each line
    #[arg(long)]
    pub times: bool,
    /// As an asciicast (version 3), to be played back in the time it took
    #[arg(long, conflicts_with_all = ["follow", "times"])]
    pub cast: bool,
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE".to_owned()),
    }
}
