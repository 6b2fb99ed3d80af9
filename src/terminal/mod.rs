//! The terminal, seen from both sides: what may be drawn, what is drawn, what was typed.
//!
//! - [`mod@line`]: [`line::Safe`] text, the only text that reaches a screen.
//! - [`filter`]: bytes from hosts become lines; whatever could command a terminal is dropped and counted.
//! - [`key`]: bytes from a person become keys, pastes and mouse events.
//! - [`bytes`]: frames become bytes, as few as will do.
//! - [`guard`]: the local tty's modes, and what a terminal can do.
//!
//! Invariants: a host's bytes are never passed on, only re-drawn; nothing here asks a terminal a question (a terminal that
//! answers is an injection channel); nothing here reads the environment, a clock or the product's own types.

pub mod bytes;
pub mod filter;
pub mod guard;
pub mod key;
pub mod line;
