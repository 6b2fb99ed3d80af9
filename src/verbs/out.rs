//! Where a verb's words go, and how JSON is written so that a terminal may see it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Nobody listens any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

/// A verb's three streams.
pub struct Io<'a> {
    /// Answers.
    pub stdout: &'a mut (dyn AsyncWrite + Unpin + Send),
    /// Complaints.
    pub stderr: &'a mut (dyn AsyncWrite + Unpin + Send),
    /// Read by verbs that say so.
    pub stdin: mpsc::Receiver<Bytes>,
}

impl Io<'_> {
    /// Writes to standard output.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub async fn out(&mut self, text: &str) -> Result<(), Gone> {
        write(self.stdout, text).await
    }

    /// Writes bytes of a file to standard output, as they are: what reads them is no terminal.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub(super) async fn out_bytes(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.stdout.write_all(bytes).await.map_err(|_| Gone)?;
        self.stdout.flush().await.map_err(|_| Gone)
    }

    /// Writes to standard error.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub async fn err(&mut self, text: &str) -> Result<(), Gone> {
        write(self.stderr, text).await
    }

    /// Reads standard input to its end; `None` where it holds more than `bytes_max`.
    pub(super) async fn read(&mut self, bytes_max: usize) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(part) = self.stdin.recv().await {
            if all.len() + part.len() > bytes_max {
                return None;
            }
            all.extend_from_slice(&part);
        }
        Some(all)
    }
}

async fn write(to: &mut (dyn AsyncWrite + Unpin + Send), text: &str) -> Result<(), Gone> {
    if text.is_empty() {
        return Ok(());
    }
    to.write_all(text.as_bytes()).await.map_err(|_| Gone)?;
    to.flush().await.map_err(|_| Gone)
}

/// A document over several lines: names sorted, two blanks of indent, a line feed at its end.
pub fn document(value: &Value) -> String {
    written(value, Careful(PrettyFormatter::with_indent(b"  ")))
}

/// A document on one line, for streams.
pub fn line(value: &Value) -> String {
    written(value, Careful(CompactFormatter))
}

fn written(value: &Value, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    // Writing a tree of values into memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}

/// Writes characters that command a terminal or cannot be seen as `\uXXXX`: the same text to a program, harmless to eyes.
struct Careful<F>(F);

impl<F: Formatter> Formatter for Careful<F> {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(crate::domain::input::is_invisible) {
            let (plain, hidden) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = hidden.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }
    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }
    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }
    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }
    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }
    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
    fn end_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn t_invisible_characters_are_spelled_and_mean_the_same() {
        let value = json!({"text": "a\u{9b}31m\u{202e}b\u{e0041}c", "b": [1, "é…"]});
        let written = line(&value);
        assert!(!written.trim_end().contains(crate::domain::input::is_invisible), "{written}");
        assert!(written.contains("\\u009b31m\\u202eb\\udb40\\udc41c"), "{written}");
        assert!(written.contains("é…"));
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
        assert_eq!(serde_json::from_str::<Value>(&document(&value)).unwrap(), value);
    }

    #[test]
    fn names_are_sorted() {
        assert_eq!(line(&json!({"b": 1, "a": {"d": 2, "c": 3}})), "{\"a\":{\"c\":3,\"d\":2},\"b\":1}\n");
    }
}
