//! Follow-ups: what somebody of a workspace is to do after a run, a review or a deviation, by a day. An object of its own, so
//! that it is not forgotten with the run it came from.
//!
//! Invariants: whoever owns one is a member; a day is a day of UTC, and the whole of it is in time; one about a runbook closes by
//! itself when a site with another version of that runbook comes into force. Open ones are in the world, closed ones in the
//! record alone.

use super::beside::Beside;
use super::deviation::Deviation;
use super::event::{Details, Event, Recorded};
use super::id::{Digest, PersonId, RunId, RunbookId, Timestamp, WorkspaceId};
use super::legal::Illegal;
use super::people::Role;
use super::run::Note;
use super::site::Site;
use super::workspace::Workspace;
use super::world::World;
use super::{duration, words};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Open follow-ups at most: a change to the site may close all of them in one command.
pub const FOLLOW_UPS_OPEN_MAX: usize = 5_000;

/// Follow-ups one review gives at most: who has more found another run.
pub const FOLLOW_UPS_PER_REVIEW_MAX: usize = 20;

/// Longest text of one: the world keeps them all, and a list shows them.
pub const FOLLOW_UP_TEXT_BYTES_MAX: usize = 2 * 1_024;

/// A follow-up, counted from 1 and shown as `F7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FollowUpId(pub u64);

impl fmt::Display for FollowUpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

/// A text that names no follow-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a follow-up is a number, as `quarterdeck follow-up list` shows it: F7 or 7")]
pub struct NoFollowUp;

impl std::str::FromStr for FollowUpId {
    type Err = NoFollowUp;

    /// Reads `7`, `F7` or `f7`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(['F', 'f']).unwrap_or(text);
        digits.parse().ok().filter(|number| *number > 0).map(Self).ok_or(NoFollowUp)
    }
}

/// One that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FollowUp {
    /// Its number.
    pub id: FollowUpId,
    /// Where it belongs: for whoever is no member there it does not exist.
    pub workspace: WorkspaceId,
    /// Who gave it.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The ledger index of that.
    pub index: u64,
    /// Who is to do it.
    pub owner: PersonId,
    /// By the end of which day, in UTC.
    pub due: Date,
    /// What is to be done; empty where it was erased.
    pub text: String,
    /// The runbook it is about, as it stood then: another version closes it.
    pub about: Option<About>,
    /// What it came from.
    pub from: Source,
}

impl FollowUp {
    /// Whether its day is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        day(now) > self.due
    }

    /// Whether `person` may close it: whoever it is given to, a reviewer, or who answers for the workspace.
    pub fn may_close(&self, workspace: &Workspace, person: &PersonId) -> bool {
        let is_mine = self.owner == *person && workspace.has_member(person);
        is_mine || workspace.grants(person, Role::Reviewer) || workspace.is_owned_by(person)
    }
}

/// A version of a runbook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The runbook.
    pub runbook: RunbookId,
    /// Its digest.
    pub digest: Digest,
}

/// What a follow-up came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody's own thought.
    Person,
    /// The review of a run.
    Run(RunId),
    /// A deviation somebody looked at.
    Deviation(Deviation),
}

impl Source {
    /// `review of #42`, for lists; empty where nothing is to be said.
    pub fn words(&self) -> String {
        match self {
            Source::Person => String::new(),
            Source::Run(run) => format!("review of {run}"),
            Source::Deviation(deviation) => format!("deviation {deviation}"),
        }
    }
}

/// What happened to one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It was given. Detail: `text`.
    Added {
        /// To whom.
        owner: PersonId,
        /// By when.
        due: Date,
        /// About which runbook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<About>,
        /// Out of what.
        from: Source,
    },
    /// Somebody said that it is done. Detail: `note`.
    Done,
    /// A new version of its runbook came into force.
    Replaced {
        /// That version.
        digest: Digest,
    },
}

/// What a follow-up came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing yet.
    Open,
    /// Somebody said that it is done.
    Done(Note),
    /// A new version of its runbook came into force when this person loaded or accepted it; nobody, where the server did.
    Replaced {
        /// That version.
        digest: Digest,
        /// Who put it into force.
        by: Option<PersonId>,
        /// When.
        at: Timestamp,
    },
}

/// A follow-up, open or closed, with what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// As it was given.
    pub given: FollowUp,
    /// What became of it.
    pub state: State,
}

/// What somebody asks for about follow-ups.
#[derive(Clone, PartialEq, Debug)]
pub enum Wanted {
    /// Give one.
    Add {
        /// In which workspace.
        workspace: WorkspaceId,
        /// What it is to be.
        draft: Draft,
        /// What it comes from.
        from: Source,
    },
    /// Say that one is done.
    Done {
        /// Which.
        id: FollowUpId,
        /// What was done.
        note: String,
    },
}

/// A follow-up as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Who is to do it.
    pub owner: PersonId,
    /// By the end of which day.
    pub due: Date,
    /// What is to be done.
    pub text: String,
    /// The runbook it is about.
    pub runbook: Option<RunbookId>,
}

impl Draft {
    /// Reads `OWNER:DUE:TEXT`.
    ///
    /// # Errors
    /// Says what is wrong and how one is written.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':').map(str::trim);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(owner), Some(due), Some(words)) if !owner.is_empty() && !words.is_empty() => {
                Ok(Self { owner: PersonId::new(owner), due: due_day(due, now)?, text: words.to_owned(), runbook: None })
            }
            _ => Err(format!("`{text}` is no follow-up; write OWNER:DUE:TEXT, such as bo:14d:Automate the drain")),
        }
    }

    /// Reads several with `;` between them, as one line of a form holds them; none where the line is blank.
    ///
    /// # Errors
    /// As [`Draft::parse`].
    pub fn parse_line(line: &str, now: Timestamp) -> Result<Vec<Self>, String> {
        line.split(';').map(str::trim).filter(|one| !one.is_empty()).map(|one| Self::parse(one, now)).collect()
    }
}

/// The day a moment is in, in UTC.
pub fn day(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A day as people write it: `2026-12-24`, or so long from now (`14d`).
///
/// # Errors
/// Says how one is written.
pub fn due_day(text: &str, now: Timestamp) -> Result<Date, String> {
    if let Ok(day) = text.parse::<Date>() {
        return Ok(day);
    }
    let ms = duration::parse_ms(text).map_err(|_| format!("`{text}` is no day; write 2026-12-24, or 14d from now"))?;
    Ok(day(now.plus_ms(ms)))
}

/// Open follow-ups that `person` may see, the earliest due first.
pub fn open_for<'a>(world: &'a World, person: &'a PersonId) -> Vec<&'a Arc<FollowUp>> {
    let seen = world.follow_ups.values().filter(|one| world.can_see(person, &one.workspace));
    let mut found: Vec<&Arc<FollowUp>> = seen.collect();
    found.sort_by_key(|one| (one.due, one.id));
    found
}

/// Open follow-ups about runbooks that stand in this site in another version, and which.
pub fn replaced<'a>(world: &'a World, site: &'a Site) -> impl Iterator<Item = (&'a Arc<FollowUp>, Digest)> {
    world.follow_ups.values().filter_map(|one| {
        let about = one.about.as_ref()?;
        let now = site.runbooks.get(&about.runbook)?.digest;
        (now != about.digest).then_some((one, now))
    })
}

/// Applies what happened to one.
///
/// # Errors
/// It does not fit: one is given once, and closed once.
pub fn fold(
    world: &mut World,
    recorded: &Recorded,
    id: FollowUpId,
    workspace: &WorkspaceId,
    act: &Act,
) -> Result<(), Illegal> {
    match act {
        Act::Added { .. } if id.0 < world.next_follow_up.max(1) => return Err(misfit(id, "given already")),
        Act::Added { .. } => {
            world.next_follow_up = id.0 + 1;
            if let Some(given) = given(recorded, id, workspace, act) {
                world.follow_ups.insert(id, Arc::new(given));
            }
        }
        Act::Done | Act::Replaced { .. } => {
            world.follow_ups.remove(&id).ok_or_else(|| misfit(id, "not open"))?;
        }
    }
    Ok(())
}

fn misfit(id: FollowUpId, state: &str) -> Illegal {
    Illegal { event: "follow_up".to_owned(), state: format!("{id}, which is {state}") }
}

fn text(details: &Details, name: &str) -> String {
    details.get(name).map_or("", |detail| detail.text()).to_owned()
}

fn given(recorded: &Recorded, id: FollowUpId, workspace: &WorkspaceId, act: &Act) -> Option<FollowUp> {
    let Act::Added { owner, due, about, from } = act else {
        return None;
    };
    Some(FollowUp {
        id,
        workspace: workspace.clone(),
        by: recorded.by.person()?.clone(),
        at: recorded.at,
        index: recorded.index,
        owner: owner.clone(),
        due: *due,
        text: text(&recorded.details, "text"),
        about: about.clone(),
        from: from.clone(),
    })
}

/// Follow-ups out of their events, the latest given first: what a list of all of them is made of.
pub fn told(events: &[Recorded]) -> Vec<Told> {
    let mut all: std::collections::BTreeMap<FollowUpId, Told> = std::collections::BTreeMap::new();
    for recorded in events {
        let Event::Beside(Beside::FollowUp { id, workspace, act }) = &recorded.event else {
            continue;
        };
        let state = match act {
            Act::Added { .. } => {
                let given = given(recorded, *id, workspace, act);
                all.extend(given.map(|given| (*id, Told { given, state: State::Open })));
                continue;
            }
            Act::Done => {
                let Some(by) = recorded.by.person().cloned() else { continue };
                State::Done(Note { by, at: recorded.at, text: text(&recorded.details, "note") })
            }
            Act::Replaced { digest } => {
                State::Replaced { digest: *digest, by: recorded.by.person().cloned(), at: recorded.at }
            }
        };
        if let Some(told) = all.get_mut(id) {
            told.state = state;
        }
    }
    all.into_values().rev().collect()
}

/// What happened to one, in words; the text of people comes last.
pub fn act_words(id: FollowUpId, act: &Act, details: &Details) -> String {
    match act {
        Act::Added { owner, due, .. } => {
            let text = text(details, "text");
            format!("follow-up {id} for {owner}, due {due}: {}", text.lines().next().unwrap_or_default())
        }
        Act::Done => {
            let note = text(details, "note");
            format!("follow-up {id} done: {}", note.lines().next().unwrap_or_default())
        }
        Act::Replaced { digest } => format!("follow-up {id} closed: its runbook is {} now", digest.short()),
    }
}

/// `3 open, 1 overdue`, for one line; `None` where there are none.
pub fn summary<'a>(mine: impl Iterator<Item = &'a Arc<FollowUp>>, now: Timestamp) -> Option<(String, bool)> {
    let (mut open, mut overdue) = (0usize, 0usize);
    for one in mine {
        open += 1;
        overdue += usize::from(one.is_overdue(now));
    }
    match (open, overdue) {
        (0, _) => None,
        (_, 0) => Some((words::count(open, "follow-up", "follow-ups"), false)),
        _ => Some((format!("{}, {overdue} overdue", words::count(open, "follow-up", "follow-ups")), true)),
    }
}
