//! What follows from the state alone. Start, retry, cancel, deadlines and recovery are one code path: the engine
//! makes what is in flight equal to what is due.

use super::command::Ask;
use super::id::Timestamp;
use super::policy::Cleared;

/// Work that follows from the state.
#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    /// This order should be in flight.
    Do(Box<Cleared>),
    /// At this moment, this should be asked.
    At(Timestamp, Ask),
}
