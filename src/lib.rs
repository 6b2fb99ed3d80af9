//! Quarterdeck governs operations from a terminal: a runbook is proposed, checked, approved by somebody
//! else, run over SSH, watched live, verified, reviewed and proved.
//!
//! The modules below are in reading order; `ARCHITECTURE.md` is the map.

pub mod terminal;
