//! Values people typed for `prompt:` secrets, per run, in memory only; and how every secret of a run is fetched.

use crate::connect;
use crate::domain::plan::PinnedSecret;
use crate::domain::run::Run;
use crate::domain::secret_ref::SecretRef;
use crate::domain::{Actor, Refusal, Rule, RunId, World};
use crate::secrets::{self, Answers, Resolved, Sealed, SecretError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Typed values, by run.
#[derive(Clone, Default, Debug)]
pub struct Vault {
    answers: Arc<Mutex<BTreeMap<RunId, Answers>>>,
}

impl Vault {
    /// Keeps a value somebody typed for a run that is theirs to drive.
    ///
    /// # Errors
    /// No such run for this person, or no such secret.
    pub fn provide(&self, world: &World, by: &Actor, run: RunId, name: &str, value: Sealed) -> Result<(), Refusal> {
        let missing = || Refusal::new(Rule::NotFound, format!("no open run {run}"));
        let person = by.person().ok_or_else(missing)?;
        let found =
            world.run(run).filter(|run| world.can_see(person, &run.plan.proposal.workspace)).ok_or_else(missing)?;
        let workspace = world.workspace(&found.plan.proposal.workspace).ok_or_else(missing)?;
        if !workspace.grants(person, found.plan.runbook.runs_as) {
            return Err(Refusal::new(Rule::Role, format!("{person} may not give {run} a secret")));
        }
        if !prompts(found).any(|secret| secret.name == name) {
            return Err(Refusal::new(Rule::NotFound, format!("{run} asks for no secret called {name}")));
        }
        self.answers().entry(run).or_default().put(name, value);
        Ok(())
    }

    /// Names of the `prompt:` secrets nobody has typed yet.
    pub fn missing(&self, run: &Run) -> Vec<String> {
        let answers = self.answers();
        let known = answers.get(&run.id);
        let open = |name: &str| known.is_none_or(|answers| answers.get(name).is_none());
        prompts(run).filter(|secret| open(&secret.name)).map(|secret| secret.name.clone()).collect()
    }

    /// Fetches a secret of a run.
    ///
    /// # Errors
    /// As [`secrets::resolve`], and what is wrong with the vault that holds it.
    pub async fn resolve(&self, run: RunId, secret: &PinnedSecret) -> Result<Resolved, SecretError> {
        let name = || secret.name.clone();
        let reference: SecretRef = secret.reference.parse().map_err(|_| SecretError::NotAnswered { name: name() })?;
        match (reference, &secret.vault) {
            (SecretRef::Vault { path, field }, Some(at)) => {
                let file = SecretRef::File(at.secret_id.clone().into());
                let id = here("secret_id".to_owned(), file, Answers::default()).await?;
                let read = connect::vault::read(at, &id.value, &path, &field).await;
                let (value, version) = read.map_err(|why| SecretError::provider(secret, why))?;
                Resolved::of(&secret.name, Sealed::new(value), Some(version))
            }
            (reference, _) => {
                let answers = self.answers().get(&run).cloned().unwrap_or_default();
                here(name(), reference, answers).await
            }
        }
    }

    /// The version that a vault has of a secret now. Its value is not kept.
    ///
    /// # Errors
    /// It cannot be asked, or does not say.
    pub async fn version(&self, secret: &PinnedSecret) -> Result<String, SecretError> {
        let none = || SecretError::provider(secret, "no vault holds it".to_owned());
        let reference: SecretRef = secret.reference.parse().map_err(|_| none())?;
        let (SecretRef::Vault { path, .. }, Some(at)) = (reference, &secret.vault) else { return Err(none()) };
        let file = SecretRef::File(at.secret_id.clone().into());
        let id = here("secret_id".to_owned(), file, Answers::default()).await?;
        connect::vault::version(at, &id.value, &path).await.map_err(|why| SecretError::provider(secret, why))
    }

    /// Forgets the values of every run but these.
    pub fn retain(&self, open: impl Fn(RunId) -> bool) {
        self.answers().retain(|run, _| open(*run));
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.answers().is_empty()
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<RunId, Answers>> {
        // Every change is one insert or remove: a panic elsewhere leaves the map whole.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches what lies on this machine or was typed. A file may take its time, and nothing else waits for it.
async fn here(name: String, reference: SecretRef, answers: Answers) -> Result<Resolved, SecretError> {
    let (named, place) = (name.clone(), reference.to_string());
    let fetching = tokio::task::spawn_blocking(move || secrets::resolve(&name, &reference, &answers));
    fetching.await.unwrap_or_else(|_| {
        let why = "fetching it failed inside this program".to_owned();
        Err(SecretError::Provider { name: named, reference: place, why })
    })
}

fn prompts(run: &Run) -> impl Iterator<Item = &PinnedSecret> {
    run.plan.secrets.iter().filter(|secret| secret.reference.starts_with("prompt:"))
}
