//! What a session tells its console.

use super::bookmark::Bookmark;
use crate::domain::order::Stream;
use crate::domain::presence::Presence;
use crate::domain::query::Fetched;
use crate::domain::run::Item;
use crate::domain::{Receipt, Refusal, RunId, StepId, Timestamp};
use crate::terminal::key::Input;
use crate::terminal::line::SafeLine;
use std::sync::Arc;

/// Ties an answer to its question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag(pub u64);

/// Something a session has for its console.
#[derive(Clone, PartialEq, Debug)]
pub enum Msg {
    /// The person did something, at this moment.
    Input(Timestamp, Input),
    /// The world is another one now.
    World,
    /// A question was answered.
    Fetched(Tag, Answer),
    /// What became of an ask.
    Submitted(Tag, Result<Receipt, Refusal>),
    /// Others came, left, or look somewhere else.
    Present(Presence),
    /// Time went on.
    Tick(Timestamp),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The followed run printed something.
    Tail(RunId, Vec<Arc<LogRow>>),
    /// A text was saved (where), or could not be (why).
    Saved(Result<String, String>),
    /// The site's files were read, or could not be put into force.
    SiteLoaded(Result<SiteLoad, Refusal>),
    /// The session itself says no.
    Refused(Refusal),
    /// Open this run: somebody came by a link to it.
    Open(RunId),
    /// Open again where the person was when their server went. Before anything else.
    Reopen(Bookmark),
    /// This is a screen in a room: it shows the wall and takes no keys but those that leave. Before anything else.
    Wall,
    /// The server cannot be reached.
    Lost,
    /// It can be reached again.
    Reconnected,
}

/// What became of the site's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteLoad {
    /// They are as they were.
    Unchanged,
    /// What they say holds now.
    InForce,
    /// What they say waits until another owner accepts it.
    Waits,
}

impl SiteLoad {
    /// What a person is told.
    pub fn words(self) -> &'static str {
        match self {
            SiteLoad::Unchanged => "nothing to load: the files are as they were",
            SiteLoad::InForce => "loaded and in force",
            SiteLoad::Waits => "loaded; it waits until another owner accepts it: :site accept",
        }
    }
}

/// An answer fit for drawing. Logs pass the terminal filter on the way here; whatever else a host wrote is escaped
/// where it is drawn.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Anything but a log.
    Plain(Fetched),
    /// To `Fetch::Log`.
    Log(LogRows),
}

/// A part of a log.
#[derive(Clone, PartialEq, Debug)]
pub struct LogRows {
    /// The run.
    pub run: RunId,
    /// The lines; whoever watches the same run holds the same ones.
    pub rows: Vec<Arc<LogRow>>,
    /// Number of the first line in the filtered log, from 0.
    pub first: u64,
    /// How many lines the filtered log has so far.
    pub total: u64,
    /// What of the transcript cannot be shown, in words.
    pub amiss: Option<String>,
}

/// A line of a log, filtered and ready to draw.
#[derive(Clone, PartialEq, Debug)]
pub struct LogRow {
    /// Its number in the filtered log, from 0.
    pub number: u64,
    /// When its first byte came.
    pub at: Timestamp,
    /// The host's name; empty for lines about the whole run.
    pub host: String,
    /// What ran.
    pub item: Item,
    /// The step's or check's id.
    pub step: StepId,
    /// Which try.
    pub attempt: u16,
    /// Which stream.
    pub stream: Stream,
    /// The text, with a mark where something was dropped.
    pub text: SafeLine,
}
