//! One file's text, with what is needed to say where something stands in it.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::text;
use crate::domain::literal::find_literals;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Hidden characters and literal secrets reported of one file; a binary file must not bury the rest.
const FINDINGS_PER_FILE_MAX: usize = 20;

/// What to do about a literal secret.
pub(super) const SECRET_HINT: &str =
    "a site holds references only: take it out, replace the secret where it is used, and name it under [secrets]";

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

    /// The value of a text written at `span`: one line end, however the file's lines end.
    pub(super) fn value<'t>(&self, span: &Range<usize>, parsed: &'t str) -> Cow<'t, str> {
        match self.slice(span).contains("\r\n") {
            true => Cow::Owned(parsed.replace("\r\n", "\n")),
            false => Cow::Borrowed(parsed),
        }
    }

    /// Where a byte of a text stands whose value is written at `span`; the whole span where it is written with escapes.
    pub(super) fn place(&self, span: &Range<usize>, text: &str, at: usize) -> Range<usize> {
        let written = self.slice(span);
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let Some(begins) = written.replace("\r\n", "\n").find(text) else {
            return span.clone();
        };
        // The value counts a line end as one byte; the file may have two there.
        let mut left = begins + at;
        let mut place = span.start;
        for line in written.split_inclusive('\n') {
            let counted = line.len() - usize::from(line.ends_with("\r\n"));
            if left < counted {
                break;
            }
            left -= counted;
            place += line.len();
        }
        place + left..place + left + length
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
        for (at, c) in text::hidden_in_file(&self.text) {
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
                .hint(SECRET_HINT),
            );
        }
        found
    }
}
