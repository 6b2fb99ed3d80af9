//! Writes a filtered transcript as plain text.

use std::io::Write;
use std::ops::ControlFlow;

use super::TranscriptError;
use super::count::{Found, Wanted};
use super::filter::Filter;
use super::lane::Lane;
use super::legend::Legend;
use super::reader::{Line, Reader};
use crate::domain::order::Stream;

/// What stands before each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportStyle {
    /// Nothing: the output as it was.
    Bare,
    /// Time (UTC), host, step, attempt and stream.
    Labelled,
}

impl Reader {
    /// Writes every line that `filter` wants to `to`, each with a line feed; returns how many. Bytes are as they were printed, redacted:
    /// they are for a file, not for a terminal. Takes memory for one frame.
    ///
    /// # Errors
    /// When the transcript cannot be read or is damaged, or `to` cannot be written to; what was written by then stays.
    pub fn export(
        &mut self,
        legend: &Legend,
        filter: Filter,
        style: ExportStyle,
        to: &mut impl Write,
    ) -> Result<u64, TranscriptError> {
        let frames = self.frames()?;
        let wanted = Wanted { filter, pattern: None };
        let (mut count, mut failed) = (0, None);
        let flow =
            self.each_wanted(&wanted, Found { frame: 0, before: 0 }, frames, |_, lane, line| {
                match write_line(legend, lane, line, style, to) {
                    Ok(()) => {
                        count += 1;
                        ControlFlow::Continue(())
                    }
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })?;
        debug_assert_eq!(flow.is_break(), failed.is_some());
        match failed {
            Some(error) => Err(TranscriptError::Export(error)),
            None => Ok(count),
        }
    }
}

fn write_line(
    legend: &Legend,
    lane: &Lane,
    line: Line<'_>,
    style: ExportStyle,
    to: &mut impl Write,
) -> std::io::Result<()> {
    match style {
        ExportStyle::Bare => {}
        ExportStyle::Labelled => {
            let host = match legend.host(&lane.slot) {
                "" => "-",
                name => name,
            };
            let stream = match lane.stream {
                Stream::Out => "out",
                Stream::Err => "err",
                Stream::Note => "note",
            };
            let at = line.at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
            write!(to, "{at} {host} {}.{} {stream} | ", legend.item(lane.slot.item), lane.attempt)?;
        }
    }
    to.write_all(line.bytes)?;
    to.write_all(b"\n")
}
