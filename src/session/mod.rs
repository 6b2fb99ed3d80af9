//! One person at one terminal: console, terminal and engine handle.
