//! What one says of work that was done by hand.

use crate::domain::id::HandId;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `record …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Enter what was done by hand; the commands come on standard input
    Add(Box<Add>),
    /// Give a file that shows it; its SHA-256 stands in the record
    File {
        /// Which entry
        entry: HandId,
        /// The file; `-` for standard input
        file: PathBuf,
    },
    /// Entries that too few people have looked at
    List {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
    },
    /// Say that you have looked at one; two do who took no part
    Review {
        /// Which entry
        entry: HandId,
        /// Your words
        #[arg(long)]
        comment: String,
    },
}

/// `record add`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Add {
    /// In which workspace
    #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
    pub workspace: String,
    /// Who did it
    #[arg(long, value_name = "PERSON")]
    pub who: String,
    /// When it began: `2h` ago, or a moment as 2026-11-21T21:41:00Z
    #[arg(long, value_name = "WHEN")]
    pub from: String,
    /// When it was over
    #[arg(long, value_name = "WHEN")]
    pub until: String,
    /// On which host; may be repeated
    #[arg(long = "host", value_name = "HOST", required = true)]
    pub hosts: Vec<String>,
    /// What it was for
    #[arg(long)]
    pub reason: String,
}
