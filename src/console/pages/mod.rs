//! Pages of text about things: a runbook, a plan, a past run, a workspace, the site. Each is made once from domain values and shown wherever
//! it is asked for, so that the same thing reads the same everywhere.

pub mod access;
pub mod calendar;
pub mod checkpoints;
pub mod diff;
pub mod incident;
pub mod notify;
pub mod place;
pub mod plan;
pub mod run;
pub mod runbook;
pub mod standing;
pub mod state;
mod steps;

use super::theme::Role;
use super::widgets::page::Part;
use crate::terminal::line::Safe;

/// Columns of the labels in front of values.
pub const LABEL_COLUMNS: u16 = 12;

/// A value behind its label; an empty one is left out.
pub fn labelled(label: impl Into<Safe>, value: impl Into<String>) -> Option<Part> {
    let value = value.into();
    (!value.trim().is_empty()).then(|| Part::Labelled(LABEL_COLUMNS, label.into(), Role::Text, value))
}

/// A heading with air above it.
fn heading(title: &str, right: impl Into<Safe>) -> [Part; 2] {
    [Part::Air, Part::Counted(Safe::new(title), right.into())]
}
