//! Worlds to look at: plainly fictional people, workspaces as on the screens page, runs in every state.

use crate::domain::Timestamp;

/// 21 November 2026, 22:41 in Berlin.
pub const NOW: Timestamp = Timestamp(1_795_297_260_000);
