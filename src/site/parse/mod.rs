//! From a file's text to the value it describes. Pure: nothing here reads a file.

mod call;
mod copy;
mod notify;
mod parts;
mod people;
mod runbook;
mod settings;
mod step;
mod systems;
mod template;
mod theme;
mod tool;
mod vault;
mod windows;
pub(super) mod within;
mod workspace;

pub use people::people;
pub use runbook::runbook;
pub use settings::{Settings, quarterdeck};
pub use template::{Template, Templates, template};
pub use theme::{Theme, ThemeKind, theme};
pub use workspace::workspace;

use super::diagnostic::{Code, DIAGNOSTICS_PER_FILE_MAX, Diagnostic, Severity};
use super::fields::Fields;
use super::source::Source;
use std::ops::Range;
use std::sync::Arc;

/// What became of a file.
#[derive(Debug)]
pub struct Parsed<T> {
    /// The value, where nothing is wrong with the file.
    pub value: Option<T>,
    /// What is wrong with it, and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What could be read of it, for checks across files.
    pub(super) fields: Option<Fields>,
    pub(super) source: Arc<Source>,
}

impl<T> Parsed<T> {
    fn new(report: Report, fields: Option<Fields>, value: Option<T>) -> Self {
        let refused = report.found.iter().any(Diagnostic::is_error);
        Self { value: value.filter(|_| !refused), diagnostics: report.found, fields, source: report.source }
    }
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(super) struct Report {
    pub source: Arc<Source>,
    pub found: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self { source: Source::new(file, text), found: Vec::new() }
    }

    /// Whether so much is wrong that the rest would not be shown.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() > DIAGNOSTICS_PER_FILE_MAX
    }

    pub(super) fn error(&mut self, code: Code, at: Range<usize>, message: impl Into<String>, hint: &str) {
        self.push(Severity::Error, code, at, message.into(), hint);
    }

    pub(super) fn warning(&mut self, code: Code, at: Range<usize>, message: impl Into<String>, hint: &str) {
        self.push(Severity::Warning, code, at, message.into(), hint);
    }

    fn push(&mut self, severity: Severity, code: Code, at: Range<usize>, message: String, hint: &str) {
        if self.is_full() {
            return;
        }
        let diagnostic = Diagnostic::at(&self.source, severity, code, at, message);
        self.found.push(match hint.is_empty() {
            true => diagnostic,
            false => diagnostic.hint(hint),
        });
    }
}
