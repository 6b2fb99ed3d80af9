//! TOML that people write becomes checked domain values, or diagnostics that say where and what to do.
//!
//! `parse` turns one file's text into one value and reads no file; `load` reads a directory, merges templates and
//! checks what only the whole can show. The keys of every file are described once, as data (`keys`): files are read
//! with that description, the JSON Schemas are printed from it, and the tests take their cases from it.
//!
//! Architecture Invariant: nothing after this module knows TOML or templates. Deliberately absent: writing to a
//! site; it is a Git repository and belongs to its people. (`init` makes a new one where there is none.)

pub mod diagnostic;
pub mod git;
pub mod parse;

mod cross;
mod diff;
mod editors;
mod enclosed;
mod fields;
mod files;
mod form;
pub mod import;
mod init;
mod keys;
mod load;
mod paper;
mod pin;
mod read;
mod reader;
mod render;
mod rule;
mod schema;
mod shape;
mod source;
mod suggest;
mod text;
mod types;
mod whereabouts;
mod within;

pub use diagnostic::{Code, Diagnostic, Severity};
pub use diff::diff;
pub use git::Git;
pub use init::{InitError, init};
pub use load::{Loaded, load};
pub use paper::paper;
pub use parse::Settings;
pub use pin::{Pin, pinned};
pub use render::{Ink, Look, render};
pub use schema::{Kind, schema};
pub use whereabouts::{Stated, Whereabouts, whereabouts};

#[cfg(test)]
mod tests;
