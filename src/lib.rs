//! Quarterdeck governs operations from a terminal: a runbook is proposed, checked, approved by somebody
//! else, run over SSH, watched live, verified, reviewed and proved.
//!
//! The modules below are in reading order; `ARCHITECTURE.md` is the map.

pub mod domain;

pub mod ledger;

pub mod site;

pub mod store;

pub mod secrets;

pub mod connect;

pub mod executor;

pub mod engine;

pub mod terminal;

pub mod console;

pub mod verbs;

pub mod session;

pub mod server;

pub mod cli;
