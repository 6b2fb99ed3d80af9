//! Draws a diagnostic for a person: the lines around it, a caret, the hint. The only place that knows miette.
//!
//! Invariant: what is drawn holds no control character of a file's and no literal secret; the source was made
//! harmless when it was read.

use super::diagnostic::{Diagnostic, Severity};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceSpan, SpanContents,
    ThemeCharacters, ThemeStyles,
};
use std::fmt;
use std::ops::Range;

/// Characters of a line of source that are drawn on each side of a caret; a script in one line may have thousands.
const AROUND_CHARS_MAX: usize = 100;
/// Lines drawn before and after the one with the caret.
const CONTEXT_LINES: usize = 1;

/// How a diagnostic is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Columns there are.
    pub width: usize,
    /// Which signs and colours.
    pub ink: Ink,
}

/// Signs and colours of a drawn diagnostic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// Letters and signs of a plain keyboard.
    Ascii,
    /// Box-drawing signs, no colours.
    Plain,
    /// Box-drawing signs and the terminal's own colours.
    Colour,
}

/// The diagnostic as several lines for a terminal.
pub fn render(diagnostic: &Diagnostic, look: Look) -> String {
    let theme = match look.ink {
        Ink::Ascii => GraphicalTheme { characters: ThemeCharacters::ascii(), styles: ThemeStyles::none() },
        Ink::Plain => GraphicalTheme { characters: ThemeCharacters::unicode(), styles: ThemeStyles::none() },
        Ink::Colour => GraphicalTheme { characters: ThemeCharacters::unicode(), styles: ThemeStyles::ansi() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false)
        .without_primary_span_start()
        .with_context_lines(CONTEXT_LINES);
    let mut out = String::new();
    let report = Report::of(diagnostic);
    match handler.render_report(&mut out, &report) {
        Ok(()) => out,
        Err(fmt::Error) => format!("{diagnostic}\n"),
    }
}

/// A diagnostic in the form miette draws.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Option<Excerpt>,
}

/// The lines around a caret, and where the caret stands in them.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// Number of the first line, from 0.
    first: usize,
    span: Range<usize>,
}

impl<'a> Report<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let source = diagnostic.source.as_ref().filter(|_| diagnostic.line > 0);
        Self { diagnostic, excerpt: source.map(|source| Excerpt::of(diagnostic, source.drawable())) }
    }
}

impl Excerpt {
    fn of(diagnostic: &Diagnostic, source: &str) -> Self {
        let at = diagnostic.line.saturating_sub(1);
        let first = at.saturating_sub(CONTEXT_LINES);
        let start = source.get(..diagnostic.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let mut text = String::new();
        let mut span = 0..0;
        let lines = source.lines().enumerate().skip(first).take(at - first + 1 + CONTEXT_LINES);
        for (nr, line) in lines {
            if nr == at {
                let (cut, within) = around(line, diagnostic.span.start - start..diagnostic.span.end - start);
                span = text.len() + within.start..text.len() + within.end;
                text.push_str(&cut);
            } else {
                text.push_str(&around(line, 0..0).0);
            }
            text.push('\n');
        }
        let name = format!("{}:{}:{}", diagnostic.file, diagnostic.line, diagnostic.column);
        Self { name, text, first, span }
    }
}

/// A line with its far ends cut off, and the place of the span in what is left. A span ends with its line: a script
/// of a hundred lines is not underlined whole.
fn around(line: &str, span: Range<usize>) -> (String, Range<usize>) {
    let start = span.start.min(line.len());
    let end = span.end.min(line.len()).max(start);
    let (before, rest) = line.split_at_checked(start).unwrap_or((line, ""));
    let (within, after) = rest.split_at_checked(end - start).unwrap_or((rest, ""));
    let mut out = String::new();
    let skipped = before.chars().count().saturating_sub(AROUND_CHARS_MAX);
    if skipped > 0 {
        out.push('…');
    }
    out.extend(before.chars().skip(skipped));
    let from = out.len();
    out.extend(within.chars().take(2 * AROUND_CHARS_MAX));
    let to = out.len();
    let mut left = after.chars();
    out.extend(left.by_ref().take(AROUND_CHARS_MAX));
    if left.next().is_some() || to - from < within.len() {
        out.push('…');
    }
    (out, from..to)
}

impl miette::SourceCode for Excerpt {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let within = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            within.data(),
            *within.span(),
            within.line() + self.first,
            within.column(),
            within.line_count(),
        )))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excerpt.is_none() {
            write!(f, "{}: ", self.diagnostic.file)?;
        }
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code.word()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        // What the caret says already is not said twice.
        let hint = self.diagnostic.hint.as_ref();
        hint.filter(|hint| **hint != self.diagnostic.label).map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.excerpt.as_ref()?.span.clone();
        let label = Some(self.diagnostic.label.clone()).filter(|label| !label.is_empty());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(label, span))))
    }
}
