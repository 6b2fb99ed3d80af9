//! The only door to the engine. Everybody who wants something goes through it: submit, look, ask, follow.

use super::core::{Reply, Request};
use super::fetch::Shelf;
use super::reload::{Reload, ReloadError};
use super::signing::Keys;
use super::tally::{Counts, Health, Tally};
use super::vault::Vault;
use crate::domain::proved::Proof;
use crate::domain::query::{Fetch, Fetched, Preset};
use crate::domain::serving;
use crate::domain::{Actor, Ask, PersonId, Receipt, Refusal, Rule, RunId, Seen, Timestamp, World};
use crate::executor::Executor;
use crate::secrets::{Factors, Sealed};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Requests under way to the writer: as many as a war-room and a wide run ask in one sync; beyond it askers wait.
pub(super) const REQUESTS_WAITING_MAX: usize = 4_096;

/// A request with the place its answer goes.
pub(super) type Waiting = (Request, oneshot::Sender<Reply>);

/// What is said where there is no engine any more.
pub(super) fn gone() -> Refusal {
    Refusal::new(Rule::Stopping, "the server is stopping").next("try again")
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Waiting>,
    pub(super) world: watch::Receiver<Arc<World>>,
    pub(super) clock: super::clock::Clock,
    pub(super) shelf: Shelf,
    pub(super) tally: Arc<Tally>,
    pub(super) vault: Vault,
    pub(super) keys: Keys,
    pub(super) factors: Factors,
    pub(super) executor: Arc<Executor>,
    pub(super) reload: Reload,
    pub(super) grown: watch::Receiver<BTreeMap<RunId, u64>>,
    pub(super) stop: CancellationToken,
    pub(super) stopped: CancellationToken,
}

impl Handle {
    /// Asks for something and waits until it is decided and durable.
    ///
    /// # Errors
    /// A refusal; nothing has changed.
    pub async fn submit(&self, by: Actor, seen: Seen, ask: Ask) -> Result<Receipt, Refusal> {
        let ask = match ask {
            Ask::Propose(proposal) => Ask::Propose(Box::new(self.gathered(&by, *proposal).await?)),
            Ask::Start { run } => {
                self.ask_versions(&by, run).await?;
                ask
            }
            other => other,
        };
        self.decided(by, seen, ask).await
    }

    /// The same, with nothing left to be asked of others first.
    pub(super) async fn decided(&self, by: Actor, seen: Seen, ask: Ask) -> Result<Receipt, Refusal> {
        self.decided_with(by, seen, ask, Proof::default()).await
    }

    /// The same with what came beside it.
    pub(super) async fn decided_with(&self, by: Actor, seen: Seen, ask: Ask, proof: Proof) -> Result<Receipt, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.requests.send((Request { by, seen, ask, proof }, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// What is true, and a way to learn that it changed. A slow viewer sees the latest, not each.
    pub fn world(&self) -> watch::Receiver<Arc<World>> {
        self.world.clone()
    }

    /// Answers a question about what is no longer in the world, as far as `asker` may see it.
    pub async fn fetch(&self, asker: &PersonId, fetch: Fetch) -> Fetched {
        self.ask(asker, fetch).await.unwrap_or_else(|refusal| Fetched::Failed(refusal.what))
    }

    /// The same for whoever must tell why there is no answer.
    ///
    /// # Errors
    /// [`Rule::NotFound`]; [`Rule::Role`] where hosts would be reached by somebody who may not; [`Rule::Input`] where it was
    /// asked wrongly; [`Rule::Storage`] where it cannot be read.
    pub async fn ask(&self, asker: &PersonId, fetch: Fetch) -> Result<Fetched, Refusal> {
        if let Fetch::Keys(workspace, hosts) = &fetch {
            return self.keys(asker, workspace, hosts).await.map(Fetched::Keys);
        }
        let world = Arc::clone(&self.world.borrow());
        let library = self.shelf.library().ok_or_else(gone)?;
        let (asker, now) = (asker.clone(), self.now());
        let answer = tokio::task::spawn_blocking(move || library.answer(&world, &asker, now, fetch)).await;
        let broken = |_| Refusal::new(Rule::Storage, "the answer could not be made; the log says why");
        answer.map_err(broken)?
    }

    /// Keeps a draft of a form, or a preset where it has a name.
    ///
    /// # Errors
    /// In words, where it could not be kept.
    pub async fn keep(&self, person: &PersonId, form: Preset) -> Result<(), String> {
        let library = self.shelf.library().ok_or_else(|| gone().what)?;
        let person = person.clone();
        let kept = tokio::task::spawn_blocking(move || library.keep(&person, &form)).await;
        kept.unwrap_or_else(|_| Err("it could not be kept; the log says why".to_owned()))
    }

    /// Forgets this draft or preset, and no other.
    ///
    /// # Errors
    /// In words, where it could not be forgotten.
    pub async fn forget(&self, person: &PersonId, form: Preset) -> Result<(), String> {
        let library = self.shelf.library().ok_or_else(|| gone().what)?;
        let person = person.clone();
        let gone = tokio::task::spawn_blocking(move || library.forget(&person, &form)).await;
        gone.unwrap_or_else(|_| Err("it could not be forgotten; the log says why".to_owned()))
    }

    /// Changes whenever the transcript of some run has grown: run and lines so far. The lines are asked for by `fetch`.
    pub fn grown(&self) -> watch::Receiver<BTreeMap<RunId, u64>> {
        self.grown.clone()
    }

    /// Reads the site's files again and puts them into force, or leaves them waiting for a second person.
    ///
    /// # Errors
    /// The files' problems, or a refusal.
    pub async fn reload(&self, by: Actor) -> Result<Receipt, ReloadError> {
        let current = self.world.borrow().site.clone();
        let read = self.reload.read(current).await?;
        let ask = Ask::LoadSite { site: Arc::new(read.site), diff: read.diff };
        self.submit(by, Seen::Nothing, ask).await.map_err(ReloadError::Refused)
    }

    /// Gives a run the value of one of its `prompt:` secrets. It is kept in memory until the run is over.
    ///
    /// # Errors
    /// A refusal: no such run for this person, or no such secret.
    pub async fn provide_secret(&self, by: &Actor, run: RunId, name: &str, value: Sealed) -> Result<(), Refusal> {
        let world = Arc::clone(&self.world.borrow());
        self.vault.provide(&world, by, run, name, value)
    }

    /// Names of the `prompt:` secrets a run still lacks.
    pub fn missing_secrets(&self, run: RunId) -> Vec<String> {
        let world = Arc::clone(&self.world.borrow());
        world.run(run).map(|run| self.vault.missing(run)).unwrap_or_default()
    }

    /// Whether values that people typed for runs are kept: with this process they would be gone.
    pub fn keeps_typed_secrets(&self) -> bool {
        !self.vault.is_empty()
    }

    /// The engine's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until nothing is in flight any more. It does not begin: nothing may, for as long as one waits.
    pub async fn drained(&self) {
        let mut worlds = self.world();
        while serving::in_flight(&worlds.borrow_and_update().clone()) > 0 {
            if worlds.changed().await.is_err() {
                return;
            }
        }
    }

    /// How long the engine runs.
    pub fn up(&self) -> Duration {
        self.clock.up()
    }

    /// What the writer has done since then.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Whether decisions are taken at this moment.
    pub fn health(&self) -> Health {
        match self.tally.health() {
            Health::Failed => Health::Failed,
            _ if self.stop.is_cancelled() => Health::Stopping,
            other => other,
        }
    }

    /// Ends the engine: nothing new is taken, what is in flight is left to itself, files are closed. Returns once it is done.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }

    /// Resolves when the engine has ended, also where its storage failed.
    pub async fn ended(&self) {
        self.stopped.cancelled().await;
    }
}
