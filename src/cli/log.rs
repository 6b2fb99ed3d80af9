//! The server's log: a line per event, as JSON with closed keys or as text; in files beside the data, or to the journal.
//!
//! Invariants: an event is one line, whatever it holds; what came from elsewhere is spelled out (`terminal::line::Safe`) and
//! bounded before it is written, in both forms; nothing but [`LEVELS`] decides what is written, so that no environment can make
//! a server talkative.

use crate::domain::Timestamp;
use crate::engine;
use crate::terminal::line::{CUT, Safe};
use crate::verbs::args::LogFormat;
use serde_json::{Map, Value};
use std::fmt::{self, Debug, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What is written, by module.
pub const LEVELS: &str = "info,russh=warn";

/// Bytes of one field: a refusal with its reasons; what is longer is cut, and says so.
const FIELD_BYTES_MAX: usize = 2 * 1024;

/// Fields of one event that are written.
const FIELDS_MAX: usize = 16;

/// How an event becomes a line.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// As JSON, or as text.
    pub format: LogFormat,
    /// Whether the line says when it was: the journal knows.
    pub timed: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let about = event.metadata();
        let at = self.timed.then(engine::clock::wall);
        writeln!(to, "{}", self.line(at, about.level().as_str(), about.target(), fields))
    }
}

impl Lines {
    fn line(self, at: Option<Timestamp>, level: &str, target: &str, fields: Fields) -> String {
        let at = at.map(|at| format!("{:.3}", at.to_jiff()));
        let Fields { message, mut named } = fields;
        match self.format {
            LogFormat::Json => {
                let mut line = Map::new();
                let ours = [("at", at), ("level", Some(level.to_lowercase())), ("target", Some(target.to_owned()))];
                for (key, value) in ours.into_iter().chain([("message", message)]) {
                    value.map(|value| line.insert(key.to_owned(), value.into()));
                }
                if !named.is_empty() {
                    line.insert("fields".to_owned(), std::mem::take(&mut named).into());
                }
                Value::from(line).to_string()
            }
            LogFormat::Text => {
                let mut line = at.map(|at| at + " ").unwrap_or_default();
                // Writing into a string cannot fail.
                let _ = write!(line, "{level} {target}: {}", message.unwrap_or_default());
                for (key, value) in named {
                    let _ = write!(line, " {key}={value}");
                }
                line
            }
        }
    }
}

/// What an event holds, each made safe and bounded.
#[derive(Debug, Default)]
struct Fields {
    message: Option<String>,
    named: Map<String, Value>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        } else if self.named.len() < FIELDS_MAX {
            self.named.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Bounded(String::new());
        // It fails once it is full: the rest is not even made.
        let whole = write!(text, "{value:?}").is_ok();
        let mut shown = safe(&text.0);
        if !whole && !shown.ends_with(CUT) {
            shown.push_str(CUT);
        }
        self.take(field, shown.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, safe(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

/// Text that takes a little more than a field may have, and no more.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(cut(text, (FIELD_BYTES_MAX + 1).saturating_sub(self.0.len())));
        if self.0.len() > FIELD_BYTES_MAX { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The beginning of a text, at most so many bytes and what completes a character.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (bytes..text.len()).find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

fn safe(text: &str) -> String {
    let kept = cut(text, FIELD_BYTES_MAX);
    let more = if kept.len() < text.len() { CUT } else { "" };
    format!("{}{more}", Safe::new(kept).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Kept;

        fn make_writer(&'a self) -> Kept {
            self.clone()
        }
    }

    fn logged(lines: Lines, says: impl FnOnce()) -> String {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().event_format(lines).with_writer(kept.clone()).finish();
        tracing::subscriber::with_default(subscriber, says);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    const HOSTILE: &str = "a\r\n{\"level\":\"info\"}\x1b[2J\u{202e}\u{9b}31m";

    #[test]
    fn s_what_a_peer_says_stays_in_its_field_of_its_line() {
        for (format, timed) in [(LogFormat::Json, true), (LogFormat::Text, false)] {
            let said = logged(Lines { format, timed }, || {
                tracing::warn!(user = HOSTILE, debug = ?HOSTILE, shown = %HOSTILE, "said {HOSTILE}");
            });
            assert_eq!(said.lines().count(), 1, "{said:?}");
            let hidden = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!said.contains(hidden), "{said:?}");
        }
    }

    #[test]
    fn a_line_is_json_with_its_level_target_time_and_fields() {
        let said = logged(Lines { format: LogFormat::Json, timed: true }, || tracing::info!(uid = 7, "came in"));
        let line: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&line["level"], &line["message"], &line["fields"]["uid"]),
            (&"info".into(), &"came in".into(), &7.into())
        );
        assert!(line["target"].as_str().unwrap().ends_with("log::tests"), "{said}");
        assert!(line["at"].as_str().unwrap().starts_with("20"), "{said}");
        let said = logged(Lines { format: LogFormat::Text, timed: false }, || tracing::info!(uid = 7, "came in"));
        assert_eq!(said, "INFO quarterdeck::cli::log::tests: came in uid=7\n");
    }

    #[test]
    fn a_field_without_end_is_cut_and_no_more_of_it_is_made() {
        let long = "ü".repeat(100_000);
        let said = logged(Lines { format: LogFormat::Json, timed: false }, || {
            tracing::info!(shown = %long, debug = ?long, plain = long.as_str());
        });
        assert!(said.len() < 4 * FIELD_BYTES_MAX, "{}", said.len());
        let line: Value = serde_json::from_str(&said).unwrap();
        for field in ["shown", "debug", "plain"] {
            assert!(line["fields"][field].as_str().unwrap().ends_with('…'), "{field}");
        }
    }
}
