//! Answers questions about what is no longer in the world: from the views, the ledger and the transcripts. What the asker
//! may not see does not exist.

use super::codec;
use super::core::Happened;
use super::vault::Vault;
use super::views::Views;
use crate::domain::event::Event;
use crate::domain::plan::Plan;
use crate::domain::query::{Fetch, Fetched, HistoryQuery, LogPage, LogQuery, Preset};
use crate::domain::run::Run;
use crate::domain::{PersonId, Refusal, Rule, RunId, Timestamp, WorkspaceId, World, evolve};
use crate::ledger;
use crate::ledger::transcript::{Legend, Reader, TranscriptError, Transcripts, compile};
use crate::store::Store;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Runs of the past whose logs are kept open: one for each of a few people who read.
const RUNS_READ_MAX: usize = 8;

/// Everything that answers.
#[derive(Clone, Debug)]
pub struct Library {
    views: Views,
    pub(super) ledger: ledger::Reader,
    transcripts: Transcripts,
    vault: Vault,
    origin: String,
    pub(super) signer: Option<ledger::Signer>,
    /// Runs of the past whose logs are being read, the last one last.
    read: Arc<Mutex<VecDeque<Past>>>,
}

/// A run of the past: folded once and its transcript opened once for all pages of its log.
#[derive(Clone, Debug)]
struct Past {
    run: RunId,
    plan: Arc<Plan>,
    reader: Arc<Mutex<Reader>>,
}

/// Where whoever asks finds the library, for as long as the engine lives: with the engine it is gone, and so is its hold on the data.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<RwLock<Option<Library>>>);

impl Shelf {
    /// A shelf with a library.
    pub fn of(library: Library) -> Self {
        Self(Arc::new(RwLock::new(Some(library))))
    }

    /// The library, where it is still there.
    pub fn library(&self) -> Option<Library> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of the library, whoever still has the shelf.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Library {
    /// Answers from these. Packs are sealed by `signer`.
    pub fn new(
        store: Store,
        (ledger, signer): (ledger::Reader, Option<ledger::Signer>),
        transcripts: Transcripts,
        vault: Vault,
        origin: String,
    ) -> Self {
        Self { views: Views::new(store), ledger, transcripts, vault, origin, signer, read: Arc::default() }
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn transcripts(&self) -> &Transcripts {
        &self.transcripts
    }

    /// Hands what happened to the views.
    pub fn take(&self, happened: &[Happened]) {
        self.views.take(happened);
    }

    /// Writes what the views lack, before the end: the next start has less to make up for.
    pub fn close(&self) {
        if let Err(error) = self.views.whole() {
            tracing::warn!(error, "the views are made up for at the next start");
        }
    }

    /// Answers one question.
    ///
    /// # Errors
    /// As [`super::Handle::ask`].
    pub fn answer(&self, world: &World, asker: &PersonId, now: Timestamp, fetch: Fetch) -> Result<Fetched, Refusal> {
        let audits = |workspace: &WorkspaceId| world.can_audit(asker, workspace);
        match fetch {
            Fetch::History(query) => self.history(world, asker, query),
            Fetch::Audit(query) => self.views()?.audit(&query, &audits).map(Fetched::Audit).map_err(unread),
            Fetch::Log(query) => self.log(world, asker, &query),
            Fetch::Run(run) => self.run(world, asker, run).map(Fetched::Run),
            Fetch::Presets(person) => self.kept(asker, &person, |kept| !kept.name.is_empty()).map(Fetched::Presets),
            Fetch::Drafts(person) => self.kept(asker, &person, |kept| kept.name.is_empty()).map(Fetched::Drafts),
            Fetch::Evidence(run, sha256) => self.evidence(world, asker, run, &sha256),
            Fetch::Proof(question) => self.prove(world, asker, now, question).map(Fetched::Proof),
            Fetch::Sealed(question) => self.sealed(question).map(Fetched::Sealed),
            Fetch::Keys(..) => Err(Refusal::new(Rule::Storage, "what hosts show stands in no record")),
            Fetch::Secrets(run) => self.run(world, asker, run).map(|run| Fetched::Secrets(self.vault.missing(&run))),
        }
    }

    /// Keeps a form.
    ///
    /// # Errors
    /// In words.
    pub fn keep(&self, person: &PersonId, form: &Preset) -> Result<(), String> {
        self.views.forms().keep(person, form).map_err(|error| error.to_string())
    }

    /// Forgets a form.
    ///
    /// # Errors
    /// In words.
    pub fn forget(&self, person: &PersonId, form: &Preset) -> Result<(), String> {
        self.views.forms().forget(person, form).map_err(|error| error.to_string())
    }

    fn history(&self, world: &World, asker: &PersonId, query: HistoryQuery) -> Result<Fetched, Refusal> {
        let sees = |workspace: &WorkspaceId| world.can_see(asker, workspace);
        self.views()?.history(&query, &sees).map(Fetched::History).map_err(unread)
    }

    /// The views as of now.
    pub(super) fn views(&self) -> Result<&Store, Refusal> {
        self.views.whole().map_err(unread)
    }

    /// A run as it is or was: from the world, or folded from its own events.
    fn run(&self, world: &World, asker: &PersonId, id: RunId) -> Result<Arc<Run>, Refusal> {
        let missing = || Refusal::new(Rule::NotFound, format!("no run {id}"));
        let found = match world.run(id) {
            Some(run) => Arc::clone(run),
            None => self.fold(id)?.ok_or_else(missing)?,
        };
        if world.can_see(asker, &found.plan.proposal.workspace) { Ok(found) } else { Err(missing()) }
    }

    /// A file that was given as evidence, from the record itself.
    fn evidence(&self, world: &World, asker: &PersonId, id: RunId, sha256: &str) -> Result<Fetched, Refusal> {
        let run = self.run(world, asker, id)?;
        let mut meant = run.evidence.iter().filter(|given| given.is_called(sha256));
        let given = match (meant.next(), meant.next()) {
            (Some(given), None) => given,
            (Some(_), Some(_)) => return Err(Refusal::new(Rule::Input, "several files begin so: say more of it")),
            (None, _) => return Err(Refusal::new(Rule::NotFound, format!("{id} has no file with this SHA-256"))),
        };
        for index in self.views()?.events_of(id).map_err(unread)? {
            let entry = self.ledger.read(index).map_err(unread)?;
            let details = self.ledger.details(&entry).map_err(unread)?;
            let Some(recorded) = codec::recorded(ledger::Recorded { entry, details }).map_err(unread)? else {
                continue;
            };
            if !matches!(recorded.event, Event::EvidenceGiven { sha256, .. } if sha256 == given.sha256) {
                continue;
            }
            let content = recorded.details.get("content").map_or("", |detail| detail.text());
            let content = STANDARD.decode(content).map_err(unread)?;
            return match content.is_empty() {
                true => Err(Refusal::new(Rule::NotFound, "its content was erased; what it was stands in the record")),
                false => Ok(Fetched::Evidence(given.name.clone(), content.into())),
            };
        }
        Err(Refusal::new(Rule::Storage, "its event is not among those of the run"))
    }

    fn fold(&self, id: RunId) -> Result<Option<Arc<Run>>, Refusal> {
        let mut world = World { origin: self.origin.clone(), ..World::default() };
        let mut last = None;
        for index in self.views()?.events_of(id).map_err(unread)? {
            let entry = self.ledger.read(index).map_err(unread)?;
            let details = self.ledger.details(&entry).map_err(unread)?;
            let recorded = codec::recorded(ledger::Recorded { entry, details }).map_err(unread)?;
            if let Some(recorded) = recorded {
                last = evolve(&mut world, &recorded).map_err(unread)?.or(last);
            }
        }
        Ok(last)
    }

    fn log(&self, world: &World, asker: &PersonId, query: &LogQuery) -> Result<Fetched, Refusal> {
        let open = world.run(query.run).is_some();
        let known = if open { None } else { self.past(query.run) };
        let past = match known.filter(|past| world.can_see(asker, &past.plan.proposal.workspace)) {
            Some(past) => past,
            None => {
                let run = self.run(world, asker, query.run)?;
                let reader = match self.transcripts.reader(query.run) {
                    Ok(reader) => Arc::new(Mutex::new(reader)),
                    // Nothing was printed yet: an empty log, not an error, but to a pattern that is none.
                    Err(TranscriptError::Missing(_)) => {
                        query.matching.as_deref().map(compile).transpose().map_err(|error| unread_log(&error))?;
                        return Ok(Fetched::Log(LogPage::empty(query.run)));
                    }
                    Err(error) => return Err(unread_log(&error)),
                };
                let past = Past { run: query.run, plan: Arc::clone(&run.plan), reader };
                if !open {
                    self.keep_read(past.clone());
                }
                past
            }
        };
        let mut reader = past.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.page(query, &Legend::of(&past.plan)).map(Fetched::Log).map_err(|error| unread_log(&error))
    }

    /// The run if its log was read lately; it is the last one read then.
    fn past(&self, run: RunId) -> Option<Past> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let at = read.iter().position(|past| past.run == run)?;
        let found = read.remove(at)?;
        read.push_back(found.clone());
        Some(found)
    }

    fn keep_read(&self, past: Past) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push_back(past);
        if read.len() > RUNS_READ_MAX {
            read.pop_front();
        }
    }

    fn kept(&self, asker: &PersonId, person: &PersonId, wanted: fn(&Preset) -> bool) -> Result<Vec<Preset>, Refusal> {
        if asker != person {
            return Err(Refusal::new(Rule::NotFound, "presets and drafts are their owner's"));
        }
        let kept = self.views.forms().kept(person).map_err(unread)?;
        Ok(kept.into_iter().filter(wanted).collect())
    }
}

pub(super) fn unread(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Rule::Storage, error.to_string())
}

fn unread_log(error: &TranscriptError) -> Refusal {
    let rule = match error {
        TranscriptError::Pattern(_) => Rule::Input,
        TranscriptError::Missing(_)
        | TranscriptError::Busy(_)
        | TranscriptError::Newer { .. }
        | TranscriptError::Damaged { .. }
        | TranscriptError::Write(_)
        | TranscriptError::Read(_)
        | TranscriptError::Poisoned(_)
        | TranscriptError::Finished(_)
        | TranscriptError::Export(_) => Rule::Storage,
    };
    Refusal::new(rule, error.to_string())
}
