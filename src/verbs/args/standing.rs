//! What one says of standing approvals.

use crate::domain::duration::parse_ms;
use crate::domain::id::StandingId;
use clap::{Args, Subcommand};

/// `standing …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Ask for one: this version of a runbook, within bounds, for a while
    Propose(Box<Want>),
    /// Those that are asked for and in force
    List {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
    },
    /// Show one: what it lets run, who approved it
    Show {
        /// Which
        standing: StandingId,
    },
    /// Approve one, by the code of what was looked at
    Approve {
        /// Which
        standing: StandingId,
        /// The code shown with it, XXX-XXX
        #[arg(long)]
        code: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Deny one
    Deny {
        /// Which
        standing: StandingId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Take one away: what has not started by it waits, what runs by it pauses
    Revoke {
        /// Which
        standing: StandingId,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// `standing propose`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// The runbook's id
    pub runbook: String,
    /// The workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: String,
    /// What an input may be: NAME=VALUE, NAME=LEAST..MOST or NAME=*; may be repeated. Others keep their default
    #[arg(long = "input", short = 'i', value_name = "NAME=RANGE", value_parser = super::runs::name_and_value)]
    pub inputs: Vec<(String, String)>,
    /// On how many hosts at most, in one run and within an hour
    #[arg(long, value_name = "N")]
    pub hosts: u32,
    /// For how long, such as 30d; 90d at most
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_ms)]
    pub for_ms: u64,
    /// Why
    #[arg(long)]
    pub reason: String,
}
