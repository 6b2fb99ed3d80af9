//! What one says of people and what they may do.

use crate::domain::id::ElevationId;
use clap::Subcommand;

/// `elevations …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Elevations {
    /// Who holds a role for a while, and who asks for one
    List {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
    },
    /// Lend a role that somebody asks for
    Grant {
        /// Which, as `elevations list` shows it
        elevation: ElevationId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Refuse a role that somebody asks for
    Refuse {
        /// Which
        elevation: ElevationId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Give a lent role back, or take it away
    End {
        /// Which
        elevation: ElevationId,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
}
