//! What verification says: intact, tampered or cannot tell, and the first bad thing by event, file, offset, reason.

use std::fmt;

use super::canonical::CanonicalError;
use super::chain::BrokenLink;
use super::checkpoint::NoteError;
use super::leaf::FORMAT_VERSION;
use super::reader::Head;
use super::record::BadRecord;

/// What verification found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// The ledger's name, where event 0 could be read.
    pub origin: Option<String>,
    /// The last good event.
    pub head: Option<Head>,
    /// Details that are what their leaves commit to.
    pub details: u64,
    /// Details that were erased, each by a recorded event.
    pub erased: u64,
    /// Bytes at the end that were never acknowledged: a crash, or a write under way at this moment.
    pub unfinished_bytes: u64,
    /// Checkpoints that hold: each signed by the ledger's key, each of the events that are here.
    pub checkpoints: u64,
    /// Runs that printed something and whose transcripts are not here.
    pub transcripts_missing: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Everything is as it was written.
    Intact,
    /// Something is not.
    Tampered(Finding),
    /// Something could not be judged.
    CannotTell(Finding),
}

/// The first bad thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The event it concerns, where one can be named.
    pub index: Option<u64>,
    /// The file, relative to the data directory.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A record is not whole.
    #[error("{0}")]
    Record(#[from] BadRecord),
    /// Acknowledged records are gone.
    #[error("records that were acknowledged are gone")]
    Gone,
    /// A segment is missing, or does not begin where the one before ends.
    #[error("the segment that begins with event {0} is missing")]
    Segment(u64),
    /// A leaf is not in its one form.
    #[error("{0}")]
    Canonical(#[from] CanonicalError),
    /// A leaf has not the shape of one.
    #[error("not a leaf: {0}")]
    Shape(String),
    /// Event 0 does not say what it must, or says it again later.
    #[error("event 0 does not name origin, format and key, or another event does")]
    Genesis,
    /// A link is broken.
    #[error("{0}")]
    Link(#[from] BrokenLink),
    /// A detail is not what its leaf commits to.
    #[error("detail {0} is not what the event commits to")]
    Detail(String),
    /// A detail is neither there nor erased.
    #[error("detail {0} is gone without having been erased")]
    DetailGone(String),
    /// Details that belong to no event.
    #[error("details that no event commits to")]
    DetailsExtra,
    /// A detail was erased, and no event says so.
    #[error("detail {0} was erased, and no event records it")]
    ErasureUnrecorded(String),
    /// A transcript is not what its run's events say was printed.
    #[error("the transcript is not what was recorded")]
    Transcript,
    /// The ledger is shorter than, or other than, the head known from before.
    #[error("it does not continue the known head of {0} events")]
    Since(u64),
    /// What stands among the checkpoints is none of this ledger.
    #[error("not a checkpoint of this ledger: {0}")]
    Checkpoint(#[from] NoteError),
    /// A checkpoint says no more than the one before.
    #[error("a checkpoint of {0} events stands behind one of as many or more")]
    CheckpointOrder(u64),
    /// Events are gone that were signed for.
    #[error("{0} events were signed for, and not all of them are here")]
    RolledBack(u64),
    /// Other events are here than those that were signed for.
    #[error("the first {0} events are not those that were signed for")]
    Forked(u64),
    /// The format is newer than this program.
    #[error("newer schema: format version {0}, this program reads {FORMAT_VERSION}")]
    NewerFormat(u64),
    /// A kind of event that this program does not know.
    #[error("newer schema: unknown kind {0}")]
    UnknownKind(String),
    /// There is no ledger.
    #[error("there is no ledger here")]
    Missing,
    /// The file could not be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Reason {
    /// Whether it says that something was changed, rather than that it could not be judged.
    pub(super) fn is_tampering(&self) -> bool {
        match self {
            Self::NewerFormat(_) | Self::UnknownKind(_) | Self::Missing | Self::Unreadable(_) => false,
            Self::Record(_)
            | Self::Gone
            | Self::Segment(_)
            | Self::Canonical(_)
            | Self::Shape(_)
            | Self::Genesis
            | Self::Link(_)
            | Self::Detail(_)
            | Self::DetailGone(_)
            | Self::DetailsExtra
            | Self::ErasureUnrecorded(_)
            | Self::Transcript
            | Self::Checkpoint(_)
            | Self::CheckpointOrder(_)
            | Self::RolledBack(_)
            | Self::Forked(_)
            | Self::Since(_) => true,
        }
    }
}

impl Verdict {
    /// 0 intact, 1 tampered, 2 cannot tell.
    pub fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::Intact => 0,
            Outcome::Tampered(_) => 1,
            Outcome::CannotTell(_) => 2,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "event {index}: ")?;
        }
        write!(f, "{} ({} at byte {})", self.reason, self.file, self.offset)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Intact => {
                let (size, hash) = self.head.map_or((0, String::new()), |head| (head.size, head.hash.to_base64()));
                write!(f, "intact: {size} events, {} details, {} erased, head {hash}", self.details, self.erased)?;
                match self.checkpoints {
                    0 => write!(f, "; no checkpoint was signed")?,
                    kept => write!(f, "; {kept} checkpoints hold")?,
                }
                if self.unfinished_bytes > 0 {
                    write!(f, "; {} bytes at the end were never acknowledged", self.unfinished_bytes)?;
                }
                match self.transcripts_missing {
                    0 => Ok(()),
                    runs => write!(f, "; transcripts of {runs} runs are not here"),
                }
            }
            Outcome::Tampered(finding) => write!(f, "TAMPERED: {finding}"),
            Outcome::CannotTell(finding) => write!(f, "cannot tell: {finding}"),
        }
    }
}
