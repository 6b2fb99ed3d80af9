//! What one says to prove what was done: follow-ups, deviations, compliance, changes.

use crate::domain::follow_up::FollowUpId;
use clap::{Args, Subcommand};

/// `follow-up …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum FollowUps {
    /// Give somebody something to do by a day
    Add {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: String,
        /// Who is to do it
        #[arg(long, value_name = "PERSON")]
        owner: String,
        /// By the end of which day, in UTC: 2026-12-24, or 14d from now
        #[arg(long, value_name = "DAY")]
        due: String,
        /// What is to be done
        #[arg(long)]
        text: String,
        /// The runbook it is about: it closes by itself when another version comes into force
        #[arg(long)]
        runbook: Option<String>,
    },
    /// Say that one is done
    Done {
        /// Which, such as F7
        id: FollowUpId,
        /// What was done
        #[arg(long)]
        note: String,
    },
    /// List those that are open, the earliest due first
    List {
        /// Of this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// Of this person
        #[arg(long)]
        person: Option<String>,
        /// Closed ones too, with what became of them
        #[arg(long)]
        all: bool,
    },
}

/// `deviations …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Deviations {
    /// List what deviates: warnings accepted, notes missing, reviews overdue, tags beyond the baseline, stale runbooks, unused
    /// roles, follow-ups overdue; those nobody has looked at first
    List {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// Of runs proposed at or after: 7d (ago), 2026-11-21, or RFC 3339 [7d; with --release a year]
        #[arg(long)]
        since: Option<String>,
        /// Of runs proposed before [now]
        #[arg(long)]
        until: Option<String>,
        /// Of the runs of one release alone: those whose ticket or reason holds this text
        #[arg(long, value_name = "TEXT")]
        release: Option<String>,
    },
    /// Say that one was looked at, and what came of it
    Look {
        /// As listed, such as prod-web:warning:42:freshness
        id: String,
        /// What came of it
        #[arg(long)]
        reason: String,
    },
    /// Turn one into a follow-up
    Follow {
        /// As listed, such as prod-web:warning:42:freshness
        id: String,
        /// Who is to do something about it
        #[arg(long, value_name = "PERSON")]
        owner: String,
        /// By the end of which day, in UTC: 2026-12-24, or 14d from now
        #[arg(long, value_name = "DAY")]
        due: String,
        /// What is to be done
        #[arg(long)]
        text: String,
        /// The runbook it is about: it closes by itself when another version comes into force
        #[arg(long)]
        runbook: Option<String>,
    },
}

/// `compliance`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Compliance {
    /// In this workspace; in all that you own or audit unless written
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// Of runs proposed at or after: 90d (ago), 2026-11-21, or RFC 3339
    #[arg(long, default_value = "90d")]
    pub since: String,
    /// Of runs proposed before [now]
    #[arg(long)]
    pub until: Option<String>,
    /// Of this control alone, such as ISO27001:A.8.32
    #[arg(long, value_name = "ID")]
    pub control: Option<String>,
    /// As CSV, a row per run, harmless to spreadsheets
    #[arg(long, conflicts_with_all = ["html", "json"])]
    pub csv: bool,
    /// As one HTML file to keep or print
    #[arg(long, conflicts_with = "json")]
    pub html: bool,
}

/// `changes`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Changes {
    /// A host, or a group of hosts
    #[arg(value_name = "HOST|GROUP")]
    pub target: String,
    /// At work at or after: 24h (ago), 2026-11-21, or RFC 3339
    #[arg(long, default_value = "24h")]
    pub since: String,
    /// Begun before [now]
    #[arg(long)]
    pub until: Option<String>,
    /// In this workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: Option<String>,
}
