//! What one says of notes that name one.

use crate::domain::mention::On;
use clap::Subcommand;

/// `mentions …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Mentions {
    /// Notes that name you and that you have not seen
    List {
        /// Those you have seen too, as far as they are kept
        #[arg(long)]
        all: bool,
    },
    /// Say that you have seen those on a run or an incident
    Seen {
        /// The run, such as 42, or the incident, such as I3
        #[arg(value_name = "RUN|INCIDENT")]
        on: On,
    },
}
