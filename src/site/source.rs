//! One file's text, with what is needed to say where something stands in it.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::text;
use crate::domain::literal::find_literals;
use std::ops::Range;
use std::sync::Arc;

/// Hidden characters and literal secrets reported of one file; a binary file must not bury the rest.
const FINDINGS_PER_FILE_MAX: usize = 20;

/// A file's text.
#[derive(PartialEq, Eq, Debug)]
pub struct Source {
    file: String,
    text: String,
    drawable: String,
    /// Byte offset at which each line begins.
    lines: Vec<usize>,
}

impl Source {
    /// Takes a file's text in.
    pub(super) fn new(file: &str, text: &str) -> Arc<Self> {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Arc::new(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            drawable: text::drawable(text),
            lines: std::iter::once(0).chain(after_breaks).collect(),
        })
    }

    /// The file's name.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The text as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text as it may be drawn; its bytes lie where the text's lie.
    pub(super) fn drawable(&self) -> &str {
        &self.drawable
    }

    /// The written text of a span.
    pub(super) fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Where a byte of a text stands whose value is written at `span`; the whole span where it is written with escapes.
    pub(super) fn place(&self, span: &Range<usize>, text: &str, at: usize) -> Range<usize> {
        let begins = self.slice(span).find(text);
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        match begins {
            Some(begins) => span.start + begins + at..span.start + begins + at + length,
            None => span.clone(),
        }
    }

    /// Line and column in characters, both from 1, of a byte offset.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// Hidden characters and literal secrets anywhere in the file, comments included: a reviewer reads those too.
    pub(super) fn scan(self: &Arc<Self>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for (at, c) in text::hidden(&self.text) {
            let ends_line = c == '\r' && self.text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n'));
            if ends_line {
                continue;
            }
            found.push(
                Diagnostic::at(
                    self,
                    Severity::Error,
                    Code::TextHidden,
                    at..at + c.len_utf8(),
                    format!("the hidden character {}", text::number(c)),
                )
                .hint("remove it: it shows nothing, or makes other text show as what it is not"),
            );
            if found.len() >= FINDINGS_PER_FILE_MAX {
                break;
            }
        }
        for secret in find_literals(&self.text).into_iter().take(FINDINGS_PER_FILE_MAX) {
            found.push(
                Diagnostic::at(
                    self,
                    Severity::Error,
                    Code::SecretLiteral,
                    secret.range,
                    format!("this looks like {}", secret.kind.words()),
                )
                .label("blotted out here")
                .hint("a site holds references only: take it out, replace the secret where it is used, and name it under [secrets]"),
            );
        }
        found
    }
}
