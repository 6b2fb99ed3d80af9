//! Incidents: something customers notice, who leads and who answers for it, how far it is, and the clocks it is held against.
//!
//! Invariants: an incident names its workspace, tenant, impact, monitoring and owner from its first moment; its clocks run from
//! there and are read off the record, so that no restart stops them; nobody closes one that is not resolved.

use super::duration;
use super::event::{Details, Recorded};
use super::id::{IncidentId, PersonId, Timestamp, WorkspaceId};
use super::legal::Illegal;
use super::mention::note_words;
use super::run::Note;
use super::world::World;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Incidents that may be open at once.
pub const OPEN_MAX: usize = 200;

/// Monitoring ids one may name.
pub const MONITORING_MAX: usize = 32;

/// Every open incident.
pub type Incidents = OrdMap<IncidentId, Arc<Incident>>;

/// How grave it is, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum Severity {
    P1,
    P2,
    P3,
    P4,
}

impl Severity {
    /// All of them.
    pub const ALL: [Severity; 4] = [Severity::P1, Severity::P2, Severity::P3, Severity::P4];

    /// As people write and read it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::P1 => "P1",
            Severity::P2 => "P2",
            Severity::P3 => "P3",
            Severity::P4 => "P4",
        }
    }

    /// What a word means, in either case.
    pub fn parse(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.word().eq_ignore_ascii_case(word))
    }

    /// Whether the clocks hold for it; the others are worked on in their turn.
    pub fn is_timed(self) -> bool {
        self <= Severity::P2
    }
}

/// How far an incident is, in the order in which that is reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Somebody works on it.
    Acknowledged,
    /// Customers were told: the status page says so.
    Told,
    /// Customers notice it no more.
    Mitigated,
    /// Its cause is gone.
    Resolved,
}

impl Mark {
    /// All of them, in order.
    pub const ALL: [Mark; 4] = [Mark::Acknowledged, Mark::Told, Mark::Mitigated, Mark::Resolved];

    /// The word used on screen and by verbs.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Acknowledged => "acknowledged",
            Mark::Told => "told",
            Mark::Mitigated => "mitigated",
            Mark::Resolved => "resolved",
        }
    }

    /// What is to be done for it.
    pub fn errand(self) -> &'static str {
        match self {
            Mark::Acknowledged => "acknowledge",
            Mark::Told => "tell customers",
            Mark::Mitigated => "mitigate",
            Mark::Resolved => "resolve",
        }
    }

    /// What a word means.
    pub fn parse(word: &str) -> Option<Mark> {
        Mark::ALL.into_iter().find(|mark| mark.word() == word)
    }
}

/// How soon after its beginning each mark of an incident is due, in milliseconds: values of the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clocks {
    /// Until somebody works on it.
    pub acknowledge_ms: u64,
    /// Until customers are told.
    pub tell_ms: u64,
    /// Until they notice it no more.
    pub mitigate_ms: u64,
    /// Until its cause is gone.
    pub resolve_ms: u64,
}

impl Default for Clocks {
    fn default() -> Self {
        let minutes = |n: u64| n * 60_000;
        Self { acknowledge_ms: minutes(5), tell_ms: minutes(10), mitigate_ms: minutes(30), resolve_ms: minutes(60) }
    }
}

impl Clocks {
    /// How soon a mark is due.
    pub fn of(&self, mark: Mark) -> u64 {
        match mark {
            Mark::Acknowledged => self.acknowledge_ms,
            Mark::Told => self.tell_ms,
            Mark::Mitigated => self.mitigate_ms,
            Mark::Resolved => self.resolve_ms,
        }
    }
}

/// An incident that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Where.
    pub workspace: WorkspaceId,
    /// How grave it is.
    pub severity: Severity,
    /// What it is, in a line.
    pub title: String,
    /// Whose customers notice it.
    pub tenant: String,
    /// What they notice.
    pub impact: String,
    /// What monitoring calls it: alerts, checks, tickets.
    pub monitoring: Vec<String>,
    /// Who answers for it.
    pub owner: PersonId,
    /// Who leads the work on it, once somebody does.
    pub commander: Option<PersonId>,
    /// Who opened it.
    pub by: PersonId,
    /// When.
    pub opened: Timestamp,
    /// When each mark was reached.
    pub marks: BTreeMap<Mark, Timestamp>,
    /// Its timeline, oldest first.
    pub notes: Vector<Note>,
}

impl Incident {
    /// The next mark it is held against, and when that is due; `None` where it is resolved, or no clock holds for it.
    pub fn next_due(&self, clocks: &Clocks) -> Option<(Mark, Timestamp)> {
        let open = Mark::ALL.into_iter().find(|mark| !self.marks.contains_key(mark))?;
        self.severity.is_timed().then(|| (open, self.opened.plus_ms(clocks.of(open))))
    }

    /// Marks that were reached too late, or are overdue at `at`.
    pub fn late(&self, clocks: &Clocks, at: Timestamp) -> Vec<Mark> {
        let is_late = |mark: &Mark| {
            let reached = self.marks.get(mark).copied().unwrap_or(at);
            self.severity.is_timed() && reached.ms_since(self.opened) > clocks.of(*mark)
        };
        Mark::ALL.into_iter().filter(is_late).collect()
    }
}

/// `mitigate in 12 min`, or that it is overdue.
pub fn next_words(incident: &Incident, clocks: &Clocks, now: Timestamp) -> String {
    match incident.next_due(clocks) {
        Some((mark, due)) if due > now => format!("{} in {}", mark.errand(), minutes(due.ms_since(now))),
        Some((mark, due)) => format!("{} is {} late", mark.errand(), minutes(now.ms_since(due))),
        None => {
            let reached = Mark::ALL.into_iter().rev().find(|mark| incident.marks.contains_key(mark));
            reached.map_or("open", Mark::word).to_owned()
        }
    }
}

/// Minutes are counted whole; the last one in seconds.
fn minutes(ms: u64) -> String {
    duration::words(if ms < 60_000 { ms } else { ms - ms % 60_000 })
}

/// What somebody says when they open one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Where.
    pub workspace: WorkspaceId,
    /// How grave it is.
    pub severity: Severity,
    /// What it is, in a line.
    pub title: String,
    /// Whose customers notice it.
    pub tenant: String,
    /// What they notice.
    pub impact: String,
    /// What monitoring calls it.
    pub monitoring: Vec<String>,
    /// Who answers for it.
    pub owner: PersonId,
    /// Who leads the work on it.
    pub commander: Option<PersonId>,
}

/// What happened to an incident, as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It was opened. Details: `title`, `tenant`, `impact`, `monitoring` (a line each).
    Opened {
        /// How grave it is.
        severity: Severity,
        /// Who answers for it.
        owner: PersonId,
        /// Who leads the work on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commander: Option<PersonId>,
    },
    /// Words for its timeline. Detail: `text`.
    Noted,
    /// Words for its timeline that name people. Detail: `text`.
    NotedTo {
        /// Whom.
        people: Vec<PersonId>,
    },
    /// It got so far. Detail: `text`, where something was said.
    Marked {
        /// How far.
        mark: Mark,
    },
    /// Somebody leads the work on it from now on. Detail: `text`, where something was said.
    Commanded {
        /// Who.
        commander: PersonId,
    },
    /// It is graver, or less grave, than was thought. Detail: `text`.
    Regraded {
        /// How grave.
        severity: Severity,
    },
    /// It is over. Detail: `text`.
    Closed,
}

/// In a sentence, for the list of events.
pub fn words(id: IncidentId, act: &Act, said: impl Fn(String, &str) -> String) -> String {
    match act {
        Act::Opened { severity, owner, .. } => {
            said(format!("{id} opened, {}, {owner} answers for it", severity.word()), "title")
        }
        Act::Noted => said(format!("{id}: note"), "text"),
        Act::NotedTo { people } => said(format!("{id}: {}", note_words(people)), "text"),
        Act::Marked { mark } => said(format!("{id}: {}", mark.word()), "text"),
        Act::Commanded { commander } => said(format!("{id}: {commander} leads it"), "text"),
        Act::Regraded { severity } => said(format!("{id}: now {}", severity.word()), "text"),
        Act::Closed => said(format!("{id} closed"), "text"),
    }
}

/// What one incident's event does to the world.
///
/// # Errors
/// It fits no incident there is.
pub fn fold(
    world: &mut World,
    recorded: &Recorded,
    id: IncidentId,
    workspace: &WorkspaceId,
    act: &Act,
) -> Result<(), Illegal> {
    let wrong = |state: &str| Illegal { event: format!("incident {act:?}"), state: format!("{id} {state}") };
    let by = recorded.by.person().cloned().ok_or_else(|| wrong("of nobody"))?;
    let text = |name: &str| detail(&recorded.details, name);
    if let Act::Opened { severity, owner, commander } = act {
        if world.incidents.contains_key(&id) {
            return Err(wrong("is open already"));
        }
        let incident = Incident {
            id,
            workspace: workspace.clone(),
            severity: *severity,
            title: text("title"),
            tenant: text("tenant"),
            impact: text("impact"),
            monitoring: text("monitoring").lines().map(str::to_owned).collect(),
            owner: owner.clone(),
            commander: commander.clone(),
            by,
            opened: recorded.at,
            marks: BTreeMap::new(),
            notes: Vector::new(),
        };
        world.next_incident = id.0 + 1;
        world.incidents.insert(id, Arc::new(incident));
        return Ok(());
    }
    let Some(mut known) = world.incidents.get(&id).cloned() else {
        return Err(wrong("is not open"));
    };
    let incident = Arc::make_mut(&mut known);
    match act {
        Act::Opened { .. } | Act::Noted | Act::NotedTo { .. } => {}
        Act::Marked { mark } => {
            incident.marks.entry(*mark).or_insert(recorded.at);
        }
        Act::Commanded { commander } => incident.commander = Some(commander.clone()),
        Act::Regraded { severity } => incident.severity = *severity,
        Act::Closed => {
            world.incidents.remove(&id);
            return Ok(());
        }
    }
    let words = match act {
        Act::Opened { .. } | Act::Noted | Act::NotedTo { .. } | Act::Closed => text("text"),
        Act::Marked { mark } => said(mark.word(), &text("text")),
        Act::Commanded { commander } => said(&format!("{commander} leads it"), &text("text")),
        Act::Regraded { severity } => said(&format!("now {}", severity.word()), &text("text")),
    };
    incident.notes.push_back(Note { by, at: recorded.at, text: words });
    world.incidents.insert(id, known);
    Ok(())
}

fn said(what: &str, text: &str) -> String {
    if text.is_empty() { what.to_owned() } else { format!("{what}: {text}") }
}

fn detail(details: &Details, name: &str) -> String {
    details.get(name).map_or("", |detail| detail.text()).to_owned()
}
