//! Questions about what is not in `World`, and their answers. The console asks by these, verbs print them; the store and
//! the transcripts answer, a page at a time, and of their keys the hosts themselves.

use super::enrol::Enrolment;
use super::history::Acts;
use super::id::{PersonId, RunId, RunbookId, StepId, Timestamp, WorkspaceId};
use super::order::Stream;
use super::people::Actor;
use super::proof;
use super::run::{Ending, Item, PhaseTag, Run};
use super::runbook::Impact;
use super::sealed;
use super::workspace::Environment;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A question.
#[derive(Clone, PartialEq, Debug)]
pub enum Fetch {
    /// Past and present runs, newest first.
    History(HistoryQuery),
    /// Events, newest first.
    Audit(AuditQuery),
    /// Lines of a run's transcript.
    Log(LogQuery),
    /// One run as it was, open or long over.
    Run(RunId),
    /// The presets of a person for a runbook in a workspace.
    Presets(PersonId),
    /// What stands in a person's unfinished forms.
    Drafts(PersonId),
    /// Names of the `prompt:` secrets that nobody has typed yet for a run.
    Secrets(RunId),
    /// A file that was given as evidence in a run, by the beginning of its SHA-256.
    Evidence(RunId, String),
    /// What the hosts of a workspace show for themselves now; of these alone, where some are named.
    Keys(WorkspaceId, Vec<String>),
    /// What is proved out of the record: follow-ups, deviations, compliance, changes.
    Proof(proof::Question),
    /// What the ledger has signed for.
    Sealed(sealed::Question),
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Fetched {
    /// To `Fetch::History`.
    History(Page<HistoryRow>),
    /// To `Fetch::Audit`.
    Audit(Page<AuditRow>),
    /// To `Fetch::Log`.
    Log(LogPage),
    /// To `Fetch::Run`.
    Run(Arc<Run>),
    /// To `Fetch::Presets`.
    Presets(Vec<Preset>),
    /// To `Fetch::Drafts`.
    Drafts(Vec<Preset>),
    /// To `Fetch::Secrets`.
    Secrets(Vec<String>),
    /// To `Fetch::Evidence`: its name and its content.
    Evidence(String, Arc<[u8]>),
    /// To `Fetch::Keys`.
    Keys(Enrolment),
    /// To `Fetch::Proof`.
    Proof(proof::Found),
    /// To `Fetch::Sealed`.
    Sealed(sealed::Found),
    /// It could not be had, and why, in words.
    Failed(String),
}

/// A part of a longer list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many match in all.
    pub matching: u64,
    /// How many there are without the filter.
    pub total: u64,
    /// Ask again with `before` this to go on; `None` at the end.
    pub next: Option<u64>,
}

/// Which runs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryQuery {
    /// In this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Proposed, approved, driven or reviewed by this person.
    pub person: Option<PersonId>,
    /// Of this runbook.
    pub runbook: Option<RunbookId>,
    /// On this host.
    pub host: Option<String>,
    /// That ended so.
    pub ending: Option<Ending>,
    /// That stand so.
    pub phase: Option<PhaseTag>,
    /// Proposed at or after.
    pub since: Option<Timestamp>,
    /// Proposed before.
    pub until: Option<Timestamp>,
    /// Words that runbook, ticket or note contain.
    pub text: Option<String>,
    /// Only workspaces of this person; set by the engine from the asker.
    pub visible_to: Option<PersonId>,
    /// Runs with a number below this.
    pub before: Option<u64>,
    /// At most this many rows; the store bounds it.
    pub limit: u32,
}

/// A run in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Its number.
    pub run: RunId,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Which runbook.
    pub runbook: RunbookId,
    /// Its version.
    pub version: String,
    /// Where.
    pub workspace: WorkspaceId,
    /// The workspace's environment.
    pub environment: Environment,
    /// Impact.
    pub impact: Impact,
    /// Who proposed it.
    pub by: PersonId,
    /// Who approved it.
    pub approved_by: Vec<PersonId>,
    /// Who started it.
    pub driver: Option<PersonId>,
    /// Who signed it off.
    pub reviewed_by: Option<PersonId>,
    /// Where it stands.
    pub phase: PhaseTag,
    /// How it ended.
    pub ending: Option<Ending>,
    /// How many hosts.
    pub hosts: u32,
    /// How many hosts did not end well.
    pub hosts_failed: u32,
    /// Its ticket.
    pub ticket: String,
    /// The outcome note.
    pub note: String,
    /// Whether somebody accepted a warning.
    pub warnings_accepted: u32,
    /// Who did what about it.
    #[serde(default)]
    pub acts: Acts,
}

/// Which events.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    /// Of this run.
    pub run: Option<RunId>,
    /// By this person.
    pub person: Option<PersonId>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Only workspaces of this person; set by the engine from the asker.
    pub visible_to: Option<PersonId>,
    /// With an index below this.
    pub before: Option<u64>,
    /// At most this many rows.
    pub limit: u32,
}

/// An event in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its ledger index.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// Whose act, and through which door.
    pub by: Actor,
    /// The leaf's word for what happened.
    pub kind: String,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// The workspace it belongs to, where it is of no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// What happened, in words.
    pub summary: String,
}

/// Which lines of a transcript.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogQuery {
    /// Of this run.
    pub run: RunId,
    /// Of this host, by name; `None` merges all.
    pub host: Option<String>,
    /// Of this step or check.
    pub item: Option<Item>,
    /// Of this stream.
    pub stream: Option<Stream>,
    /// Lines that match this regular expression.
    pub matching: Option<String>,
    /// From which line of the filtered log.
    pub from: LogFrom,
    /// At most this many lines; the reader bounds it.
    pub count: u32,
}

/// Where a page of a log begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFrom {
    /// This line, counted from 0 in the filtered log.
    Line(u64),
    /// So that the page ends with the last line.
    End,
    /// The first line at or after this moment.
    Time(Timestamp),
}

/// Lines of a transcript.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogPage {
    /// The run.
    pub run: RunId,
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Number of the first line in the filtered log, from 0.
    pub first: u64,
    /// How many lines the filtered log has so far.
    pub total: u64,
    /// What the transcript once had and cannot be shown, in words; `None` where it is whole.
    pub amiss: Option<String>,
}

impl LogPage {
    /// The log of a run that printed nothing.
    pub fn empty(run: RunId) -> Self {
        Self { run, lines: Vec::new(), first: 0, total: 0, amiss: None }
    }
}

/// A line of a transcript: redacted, not yet fit for a terminal (see `terminal::filter`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogLine {
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
    /// The bytes without the line end.
    pub bytes: Vec<u8>,
}

/// A form kept for later: a named preset, or an unfinished draft.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Preset {
    /// Its name; empty for a draft.
    pub name: String,
    /// The form.
    pub proposal: super::plan::Proposal,
}
