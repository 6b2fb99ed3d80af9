//! What one says of incidents.

use super::approve::STDIN;
use super::words::{MarkWord, SeverityWord};
use crate::domain::RunId;
use crate::domain::id::IncidentId;
use clap::{Args, Subcommand};

/// `incident …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Incident {
    /// Open one
    Open(Box<Open>),
    /// Open incidents
    List {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
    },
    /// Show one: what it is, its clocks, its timeline
    Show {
        /// Which
        incident: IncidentId,
    },
    /// Write a note on its timeline
    Note {
        /// Which
        incident: IncidentId,
        /// The words; @NAME tells that person
        text: String,
    },
    /// Say how far it is
    Mark {
        /// Which
        incident: IncidentId,
        /// How far
        #[arg(value_enum)]
        mark: MarkWord,
        /// What is to be said of it
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Say who leads the work on it
    Command {
        /// Which
        incident: IncidentId,
        /// Who
        person: String,
        /// What they should know
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Say that it is graver, or less grave, than was thought
    Grade {
        /// Which
        incident: IncidentId,
        /// How grave
        #[arg(value_enum)]
        severity: SeverityWord,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Close one that is resolved
    Close {
        /// Which
        incident: IncidentId,
        /// What came of it
        #[arg(long)]
        note: String,
    },
}

/// `incident open`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// In which workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: String,
    /// How grave it is
    #[arg(long, value_enum)]
    pub severity: SeverityWord,
    /// What it is, in a line
    #[arg(long)]
    pub title: String,
    /// Whose customers notice it
    #[arg(long)]
    pub tenant: String,
    /// What they notice
    #[arg(long)]
    pub impact: String,
    /// What monitoring calls it: an alert, a check, a ticket; may be repeated
    #[arg(long = "monitoring", value_name = "ID", required = true)]
    pub monitoring: Vec<String>,
    /// Who answers for it
    #[arg(long, value_name = "PERSON")]
    pub owner: String,
    /// Who leads the work on it
    #[arg(long, value_name = "PERSON")]
    pub commander: Option<String>,
}

/// `break-glass`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct BreakGlass {
    /// The run
    pub run: RunId,
    /// For which incident, opened by somebody else
    #[arg(long, value_name = "INCIDENT")]
    pub incident: IncidentId,
    /// The code shown with the plan, XXX-XXX
    #[arg(long)]
    pub code: String,
    /// The words `break glass`
    #[arg(long, value_name = "WORDS")]
    pub phrase: String,
    /// Why it cannot wait
    #[arg(long)]
    pub reason: String,
    /// Six digits of your second factor. Write `-`, and they are read from standard input: what stands here itself, every
    /// account sees in the list of processes
    #[arg(long, value_name = "DIGITS")]
    pub factor: Option<String>,
}

impl BreakGlass {
    /// Whether the line comes with standard input.
    pub fn reads(&self) -> bool {
        self.factor.as_deref() == Some(STDIN)
    }
}
