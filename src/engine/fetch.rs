//! Answers questions about what is no longer in the world: from the views, the ledger and the transcripts. What the asker
//! may not see does not exist.

use super::codec;
use super::core::Happened;
use super::vault::Vault;
use crate::domain::plan::Plan;
use crate::domain::query::{Fetch, Fetched, HistoryQuery, LogQuery, Preset};
use crate::domain::run::Run;
use crate::domain::{PersonId, Refusal, Rule, RunId, WorkspaceId, World, evolve};
use crate::ledger;
use crate::ledger::transcript::{Legend, TranscriptError, Transcripts};
use crate::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Everything that answers.
#[derive(Clone, Debug)]
pub struct Library {
    store: Store,
    ledger: ledger::Reader,
    transcripts: Transcripts,
    vault: Vault,
    origin: String,
    behind: Arc<AtomicBool>,
}

impl Library {
    /// Answers from these.
    pub fn new(store: Store, ledger: ledger::Reader, transcripts: Transcripts, vault: Vault, origin: String) -> Self {
        Self { store, ledger, transcripts, vault, origin, behind: Arc::default() }
    }

    /// Hands what happened to the views. A view that fails falls behind and takes nothing more, so that the next start makes
    /// up for all of it; the ledger has everything.
    pub fn take(&self, happened: &[Happened]) {
        if self.behind.load(Ordering::Relaxed) {
            return;
        }
        let group = happened.iter().map(|one| (&one.recorded, one.run.as_ref()));
        if let Err(error) = self.store.apply(group) {
            let index = happened.first().map(|one| one.recorded.index);
            tracing::error!(%error, ?index, "a view fell behind; it is made again at the next start");
            self.behind.store(true, Ordering::Relaxed);
        }
    }

    /// Answers one question.
    ///
    /// # Errors
    /// As [`super::Handle::ask`].
    pub fn answer(&self, world: &World, asker: &PersonId, fetch: Fetch) -> Result<Fetched, Refusal> {
        let sees = |workspace: &WorkspaceId| world.can_see(asker, workspace);
        match fetch {
            Fetch::History(query) => self.history(world, asker, query),
            Fetch::Audit(query) => {
                let sees_run = |run: RunId| self.workspace_of(world, run).is_some_and(|workspace| sees(&workspace));
                self.store.audit(&query, &sees_run).map(Fetched::Audit).map_err(unread)
            }
            Fetch::Log(query) => self.log(world, asker, &query),
            Fetch::Run(run) => self.run(world, asker, run).map(Fetched::Run),
            Fetch::Presets(person) => self.kept(asker, &person, |kept| !kept.name.is_empty()).map(Fetched::Presets),
            Fetch::Drafts(person) => self.kept(asker, &person, |kept| kept.name.is_empty()).map(Fetched::Drafts),
            Fetch::Secrets(run) => self.run(world, asker, run).map(|run| Fetched::Secrets(self.vault.missing(&run))),
        }
    }

    /// Keeps a form.
    ///
    /// # Errors
    /// In words.
    pub fn keep(&self, person: &PersonId, form: &Preset) -> Result<(), String> {
        self.store.keep(person, form).map_err(|error| error.to_string())
    }

    /// Forgets a form.
    ///
    /// # Errors
    /// In words.
    pub fn forget(&self, person: &PersonId, form: &Preset) -> Result<(), String> {
        self.store.forget(person, form).map_err(|error| error.to_string())
    }

    fn history(&self, world: &World, asker: &PersonId, query: HistoryQuery) -> Result<Fetched, Refusal> {
        let sees = |workspace: &WorkspaceId| world.can_see(asker, workspace);
        self.store.history(&query, &sees).map(Fetched::History).map_err(unread)
    }

    fn workspace_of(&self, world: &World, run: RunId) -> Option<WorkspaceId> {
        match world.run(run) {
            Some(run) => Some(run.plan.proposal.workspace.clone()),
            None => self.store.workspace_of(run).ok().flatten(),
        }
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

    fn fold(&self, id: RunId) -> Result<Option<Arc<Run>>, Refusal> {
        let mut world = World { origin: self.origin.clone(), ..World::default() };
        let mut last = None;
        for index in self.store.events_of(id).map_err(unread)? {
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
        let plan: Arc<Plan> = Arc::clone(&self.run(world, asker, query.run)?.plan);
        let mut reader = match self.transcripts.reader(query.run) {
            Ok(reader) => reader,
            // Nothing was printed yet: an empty log, not an error.
            Err(TranscriptError::Missing(_)) => {
                let empty = crate::domain::query::LogPage { run: query.run, lines: Vec::new(), first: 0, total: 0 };
                return Ok(Fetched::Log(empty));
            }
            Err(error) => return Err(unread_log(&error)),
        };
        reader.page(query, &Legend::of(&plan)).map(Fetched::Log).map_err(|error| unread_log(&error))
    }

    fn kept(&self, asker: &PersonId, person: &PersonId, wanted: fn(&Preset) -> bool) -> Result<Vec<Preset>, Refusal> {
        if asker != person {
            return Err(Refusal::new(Rule::NotFound, "presets and drafts are their owner's"));
        }
        let kept = self.store.kept(person).map_err(unread)?;
        Ok(kept.into_iter().filter(wanted).collect())
    }
}

fn unread(error: impl std::fmt::Display) -> Refusal {
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
