//! The wall as a room sees it.
