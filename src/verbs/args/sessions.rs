//! What one says of people's connections.

use clap::Subcommand;

/// `sessions …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Sessions {
    /// List who is here, by which door, since when and how idle
    List,
    /// End one: one's own, or any as a site administrator; runs go on
    Kill {
        /// Its number, as `sessions list` shows it
        id: u64,
    },
}
