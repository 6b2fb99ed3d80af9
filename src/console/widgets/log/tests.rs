//! A log pane, on its own.
