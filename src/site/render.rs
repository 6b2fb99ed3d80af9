//! Draws a diagnostic for a person: the lines around it, a caret, the hint. The only place that knows miette.
//!
//! Invariant: what is drawn holds no control character of a file's and no literal secret; the source was made
//! harmless when it was read.

use super::diagnostic::{Diagnostic, Severity};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters, ThemeStyles,
};
use std::fmt;

/// Columns of a line of source that are drawn on each side of a caret; a script in one line may have thousands.
const AROUND_BYTES_MAX: usize = 300;

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
        Ink::Ascii => GraphicalTheme {
            characters: ThemeCharacters::ascii(),
            styles: ThemeStyles::none(),
        },
        Ink::Plain => GraphicalTheme {
            characters: ThemeCharacters::unicode(),
            styles: ThemeStyles::none(),
        },
        Ink::Colour => GraphicalTheme {
            characters: ThemeCharacters::unicode(),
            styles: ThemeStyles::ansi(),
        },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false)
        .with_context_lines(1);
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
    source: Option<NamedSource<String>>,
    span: std::ops::Range<usize>,
}

impl<'a> Report<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let placed = diagnostic.source.as_ref().filter(|_| diagnostic.line > 0);
        let (text, span) = match placed {
            Some(source) => shortened(source.drawable(), diagnostic.span.clone()),
            None => (String::new(), 0..0),
        };
        let place = format!(
            "{}:{}:{}",
            diagnostic.file, diagnostic.line, diagnostic.column
        );
        Self {
            diagnostic,
            source: placed.map(|_| NamedSource::new(place, text)),
            span,
        }
    }
}

/// The source with over-long lines cut around the span, so that a caret is always in sight; and the span's new place.
fn shortened(text: &str, span: std::ops::Range<usize>) -> (String, std::ops::Range<usize>) {
    let line_start = text
        .get(..span.start)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let line_end = text
        .get(span.start..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |at| span.start + at);
    // A caret runs to the end of its first line; a script of a hundred lines is not underlined whole.
    let end = span.end.min(line_end).max(span.start);
    let mut from = span.start.saturating_sub(AROUND_BYTES_MAX).max(line_start);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let removed = from - line_start;
    let mut out = String::with_capacity(text.len());
    out.push_str(text.get(..line_start).unwrap_or_default());
    out.push_str(text.get(from..).unwrap_or_default());
    let mut cut = String::with_capacity(out.len());
    for line in out.split_inclusive('\n') {
        let mut keep = line.len().min(2 * AROUND_BYTES_MAX);
        while !line.is_char_boundary(keep) {
            keep -= 1;
        }
        let (kept, rest) = line.split_at(keep);
        cut.push_str(kept);
        // Bytes before the caret's line must keep their number, or the caret moves.
        if !rest.is_empty() {
            let ends = if rest.ends_with('\n') { "\n" } else { "" };
            cut.extend(std::iter::repeat_n(' ', rest.len() - ends.len()));
            cut.push_str(ends);
        }
    }
    (cut, span.start - removed..end - removed)
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_none() {
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
        self.diagnostic
            .hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source
            .as_ref()
            .map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let label = Some(self.diagnostic.label.clone()).filter(|label| !label.is_empty());
        let label = label.or_else(|| Some("here".to_owned()));
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(
            label,
            self.span.clone(),
        ))))
    }
}
