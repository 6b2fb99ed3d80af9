//! Reads a file's text: its TOML, its version, then every key of it.

use super::diagnostic::{Code, DIAGNOSTICS_PER_FILE_MAX, Diagnostic, Severity};
use super::fields::Fields;
use super::reader::Reader;
use super::shape::Table;
use super::source::Source;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The version of the formats this program reads.
const SCHEMA_VERSION: i64 = 1;

/// How the parser begins to say that a key stands twice.
const TWICE: &str = "duplicate key";

/// What the whole file says about how strictly to read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Strictness {
    /// `unicode = true` in its first table.
    pub unicode: bool,
    /// It is an approved runbook, said so here, or a template.
    pub approved: Option<Range<usize>>,
}

/// Reads a file. Nothing comes back where its TOML cannot be read or it is of another version.
pub(super) fn read(
    source: &Arc<Source>,
    shape: &'static Table,
    strictness: impl Fn(&DeTable<'_>) -> Strictness,
    found: &mut Vec<Diagnostic>,
) -> Option<Fields> {
    let scanned = source.scan();
    let (root, errors) = DeTable::parse_recoverable(source.text());
    // A key that stands twice leaves the tree whole: the rest of the file is checked. After any other error the rest
    // would be guesswork.
    let whole = errors.iter().all(|error| error.message().starts_with(TWICE));
    if !errors.is_empty() {
        for error in errors.iter().take(DIAGNOSTICS_PER_FILE_MAX + 1) {
            let span = error.span().unwrap_or(0..0);
            if !scanned.iter().any(|other| other.span.start == span.start) {
                found.push(syntax(source, span, error.message()));
            }
        }
    }
    found.extend(scanned);
    if !whole {
        return None;
    }
    let root = root.get_ref();
    if let Some(newer) = another_version(source, root) {
        found.push(newer);
        return None;
    }
    let mut reader = Reader { source, strictness: strictness(root), found };
    let fields = reader.table(root, 0..0, shape);
    // Where reading stopped half-way, what is missing says nothing.
    (found.len() <= DIAGNOSTICS_PER_FILE_MAX).then_some(fields)
}

fn syntax(source: &Arc<Source>, span: Range<usize>, message: &str) -> Diagnostic {
    let diagnostic = Diagnostic::at(source, Severity::Error, Code::Syntax, span, format!("not TOML: {message}"));
    match message.starts_with(TWICE) {
        true => diagnostic.hint("it stands above already; keep one"),
        false => diagnostic.hint("nothing else of this file was checked"),
    }
}

/// A file of another version is not read at all: its keys would all look wrong.
fn another_version(source: &Arc<Source>, root: &DeTable<'_>) -> Option<Diagnostic> {
    let schema = root.get("schema")?;
    let DeValue::Integer(number) = schema.get_ref() else {
        return None;
    };
    let version = i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX);
    let message = match version.cmp(&SCHEMA_VERSION) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => format!("written for a later version: schema {version}"),
        std::cmp::Ordering::Less => format!("there is no schema {version}"),
    };
    Some(
        Diagnostic::at(source, Severity::Error, Code::Schema, schema.span(), message)
            .hint(format!("this version of quarterdeck reads schema = {SCHEMA_VERSION}")),
    )
}
