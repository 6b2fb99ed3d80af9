//! What people are told outside the console: that something waits for them, was decided, runs out, stands still or has ended.
//!
//! Reading order: [`Notify`] (whom the site tells, and how), [`Notice`] (one thing that is told), [`Act`] (what the record keeps
//! of it), `object` (what is told of things that are no run), `waits` (who is asked, and when again), `outbox` (what is on its way), `document` (the bytes that leave), `rows` (what is shown of it).
//!
//! Invariants: which notices there are, and when each is tried, follows from the fold of the ledger alone, so that a server that
//! dies in between delivers after its restart; a notice holds handles, numbers and closed words, never what somebody wrote or a
//! run was given. Deliberately absent: sending, which is `engine::notify`'s.

mod document;
mod object;
mod outbox;
mod rows;
mod settings;
mod waits;

use super::id::{IncidentId, PersonId, RunId, RunbookId, StepId, Timestamp, WorkspaceId};
use super::run::{Cancel, Ending, PauseCause};
use super::runbook::Impact;
use super::workspace::Environment;
use serde::{Deserialize, Serialize};

pub use document::{document, key, summary};
pub use object::{News, Object, OfObject};
pub use outbox::{End, Outbox, Pending, Sent, Tries, apply, happened, happened_beside};
pub use rows::{Row, Standing, rows};
pub use settings::{LINK_NAMES, Notify, Webhook, under};
pub use waits::{Reminded, due, next, next_due};

/// What a site may want told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A run waits for people: for approval, for an answer to a warning, at a gate inside it.
    Waiting,
    /// It was approved, denied, withdrawn, void, or grew old.
    Decided,
    /// What waits, or may start, is about to grow old.
    Expiring,
    /// Nobody has decided for a while.
    Reminder,
    /// A run stands still, and no person wanted that.
    Paused,
    /// A run is over.
    Ended,
    /// Somebody broke glass.
    BreakGlass,
    /// An incident was opened, graded anew, or is over.
    Incident,
    /// Somebody was named in a note.
    Mention,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 9] = [
        Topic::Waiting,
        Topic::Decided,
        Topic::Expiring,
        Topic::Reminder,
        Topic::Paused,
        Topic::Ended,
        Topic::BreakGlass,
        Topic::Incident,
        Topic::Mention,
    ];

    /// The word in files and notices.
    pub fn word(self) -> &'static str {
        match self {
            Topic::Waiting => "waiting",
            Topic::Decided => "decided",
            Topic::Expiring => "expiring",
            Topic::Reminder => "reminder",
            Topic::Paused => "paused",
            Topic::Ended => "ended",
            Topic::BreakGlass => "break_glass",
            Topic::Incident => "incident",
            Topic::Mention => "mention",
        }
    }
}

/// A way to people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A program of the server's machine.
    Command,
    /// A signed request to another system.
    Webhook,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 2] = [Channel::Command, Channel::Webhook];

    /// The word in files and lists.
    pub fn word(self) -> &'static str {
        match self {
            Channel::Command => "command",
            Channel::Webhook => "webhook",
        }
    }
}

/// What is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It waits for approval, or for an answer to its warnings.
    Waiting,
    /// It waits at this gate inside it.
    Gate(StepId),
    /// It may start.
    Approved,
    /// It will never run.
    Cancelled(Cancel),
    /// It is worth nothing soon.
    Expiring,
    /// Nobody has decided yet.
    Reminder,
    /// It stands still.
    Paused(PauseCause),
    /// It is over.
    Ended(Ending),
    /// Somebody broke glass for it: approvals, windows and freezes hold it no more in a moment.
    Glass {
        /// Who.
        by: PersonId,
        /// For which incident.
        incident: IncidentId,
    },
    /// A note names people; what it says stays here.
    Mention {
        /// Whose note it is.
        by: PersonId,
        /// Whom it names.
        people: Vec<PersonId>,
    },
    /// What became of something that is no run.
    Object(News),
    /// Somebody tries whether notices arrive.
    Test,
}

impl What {
    /// The topic it belongs to; a test belongs to none and is always told.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            What::Waiting | What::Gate(_) => Some(Topic::Waiting),
            What::Approved | What::Cancelled(_) => Some(Topic::Decided),
            What::Expiring => Some(Topic::Expiring),
            What::Reminder => Some(Topic::Reminder),
            What::Paused(_) => Some(Topic::Paused),
            What::Ended(_) => Some(Topic::Ended),
            What::Glass { .. } => Some(Topic::BreakGlass),
            What::Mention { .. } | What::Object(News::Mentioned) => Some(Topic::Mention),
            What::Object(News::Asked) => Some(Topic::Waiting),
            What::Object(News::Granted | News::Over(_)) => Some(Topic::Decided),
            What::Object(News::Opened(_) | News::Regraded(_) | News::Closed) => Some(Topic::Incident),
            What::Test => None,
        }
    }

    /// The word for its topic, `test` for a test.
    pub fn word(&self) -> &'static str {
        self.topic().map_or("test", Topic::word)
    }

    /// How often each channel is tried before it is given up. Whoever tries wants to know at once.
    pub fn tries_max(&self) -> u16 {
        match self {
            What::Test => 1,
            What::Waiting
            | What::Gate(_)
            | What::Approved
            | What::Cancelled(_)
            | What::Expiring
            | What::Reminder
            | What::Paused(_)
            | What::Ended(_)
            | What::Glass { .. }
            | What::Mention { .. }
            | What::Object(_) => outbox::TRIES_MAX,
        }
    }
}

/// One thing that is told: whole, as it was when it happened, so that every try says the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The ledger index of the event it comes from.
    pub id: u64,
    /// What is told.
    pub what: What,
    /// When it happened.
    pub at: Timestamp,
    /// The site's name.
    pub site: String,
    /// What it is about.
    pub about: About,
    /// Who may act on it.
    pub may: Vec<PersonId>,
    /// Who of them is asked now.
    pub next: Option<PersonId>,
    /// When what waits grows old.
    pub until: Option<Timestamp>,
    /// How one gets there.
    pub link: Option<String>,
}

/// What a notice is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// A run.
    Run(OfRun),
    /// Something else that people decide on, or have to know of.
    Object(OfObject),
    /// Nothing: a test.
    Nothing,
}

impl About {
    /// The run, where it is one.
    pub fn run(&self) -> Option<&OfRun> {
        match self {
            About::Run(run) => Some(run),
            About::Object(_) | About::Nothing => None,
        }
    }

    /// The object, where it is one that is no run.
    pub fn object(&self) -> Option<&OfObject> {
        match self {
            About::Object(object) => Some(object),
            About::Run(_) | About::Nothing => None,
        }
    }

    /// Where it is, and in which environment.
    pub fn place(&self) -> Option<(&WorkspaceId, Environment)> {
        match self {
            About::Run(run) => Some((&run.workspace, run.environment)),
            About::Object(object) => Some((&object.workspace, object.environment)),
            About::Nothing => None,
        }
    }
}

/// What a notice says of its run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfRun {
    /// Its number.
    pub run: RunId,
    /// Where.
    pub workspace: WorkspaceId,
    /// The workspace's environment.
    pub environment: Environment,
    /// Its impact.
    pub impact: Impact,
    /// What.
    pub runbook: RunbookId,
    /// Who asked for it.
    pub requester: PersonId,
}

/// What the clock brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Nobody has decided for as long as the site waits.
    Reminder,
    /// What waits, or may start, is about to grow old.
    Expiring,
}

/// Why a try came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It could not be reached, or did not answer in time.
    NoAnswer,
    /// It answered with this status.
    Status(u16),
    /// The program ended with this status; none where a signal ended it.
    Exit(Option<i32>),
    /// The program took too long and was ended.
    Late,
    /// The program could not be started.
    NotStarted,
    /// The key that signs could not be had.
    NoSecret,
    /// The site in force does not name where it goes under `[egress]`.
    Egress,
    /// The site in force has no such channel any more.
    Gone,
}

impl Trouble {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Trouble::NoAnswer => "no answer".to_owned(),
            Trouble::Status(status) => format!("answered {status}"),
            Trouble::Exit(Some(code)) => format!("ended with status {code}"),
            Trouble::Exit(None) => "ended by a signal".to_owned(),
            Trouble::Late => "took too long".to_owned(),
            Trouble::NotStarted => "could not be started".to_owned(),
            Trouble::NoSecret => "the key that signs could not be had".to_owned(),
            Trouble::Egress => "where it goes is not named under [egress]".to_owned(),
            Trouble::Gone => "the site has no such channel any more".to_owned(),
        }
    }

    /// Whether it may pass: another try can end otherwise without anybody changing the site.
    pub fn may_pass(self) -> bool {
        match self {
            Trouble::NoAnswer | Trouble::Exit(_) | Trouble::Late | Trouble::NotStarted | Trouble::NoSecret => true,
            Trouble::Status(status) => status == 429 || status >= 500,
            Trouble::Egress | Trouble::Gone => false,
        }
    }
}

/// What happened to notices, as the record keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A moment came at which something is told again.
    Due {
        /// Of which run.
        run: RunId,
        /// What for.
        why: Due,
        /// Who is asked now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<PersonId>,
    },
    /// Somebody tries whether notices arrive.
    Test,
    /// A notice arrived.
    Delivered {
        /// Which.
        notice: u64,
        /// By which channel.
        channel: Channel,
        /// At which try, from 1.
        attempt: u16,
    },
    /// A try came to nothing. Detail: `saw`.
    Failed {
        /// Of which notice.
        notice: u64,
        /// By which channel.
        channel: Channel,
        /// Which try, from 1.
        attempt: u16,
        /// Why.
        trouble: Trouble,
        /// Whether it is tried again; else it is given up.
        again: bool,
    },
}

impl Act {
    /// The run it stands in the timeline of.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Act::Due { run, .. } => Some(*run),
            Act::Test | Act::Delivered { .. } | Act::Failed { .. } => None,
        }
    }

    /// In one line.
    pub fn words(&self) -> String {
        match self {
            Act::Due { why: Due::Reminder, next: Some(next), .. } => format!("nobody has decided: {next} is asked"),
            Act::Due { why: Due::Reminder, next: None, .. } => "nobody has decided".to_owned(),
            Act::Due { why: Due::Expiring, .. } => "about to expire".to_owned(),
            Act::Test => "tries whether notices arrive".to_owned(),
            Act::Delivered { notice, channel, attempt: 1 } => {
                format!("notice {notice} delivered by {}", channel.word())
            }
            Act::Delivered { notice, channel, attempt } => {
                format!("notice {notice} delivered by {}, try {attempt}", channel.word())
            }
            Act::Failed { notice, channel, attempt, trouble, again } => {
                let then = if *again { "tried again later" } else { "given up" };
                let (by, why) = (channel.word(), trouble.words());
                format!("notice {notice} not delivered by {by}, try {attempt}, {then}: {why}")
            }
        }
    }
}

/// What is asked about notices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A moment has come at which a run is told of again.
    Due {
        /// Of which run.
        run: RunId,
    },
    /// A channel was tried.
    Tried {
        /// Which notice.
        notice: u64,
        /// Which channel.
        channel: Channel,
        /// Which try, from 1.
        attempt: u16,
        /// What came of it.
        came: Result<(), Trouble>,
        /// What was seen, in words that hold no secret.
        saw: String,
    },
    /// Tell a test notice through every channel.
    Test,
}

impl Asked {
    /// The run it is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Asked::Due { run } => Some(*run),
            Asked::Tried { .. } | Asked::Test => None,
        }
    }
}
