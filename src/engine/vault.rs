//! Values people typed for `prompt:` secrets, per run, in memory only; and how every secret of a run is fetched.

use crate::connect;
use crate::domain::plan::PinnedSecret;
use crate::domain::run::Run;
use crate::domain::secret_ref::SecretRef;
use crate::domain::site::VaultAt;
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

    /// Fetches a secret of a run. Blocks on files and on the vault.
    ///
    /// # Errors
    /// As [`secrets::resolve`].
    pub fn resolve(&self, run: RunId, secret: &PinnedSecret) -> Result<Resolved, SecretError> {
        let reference: SecretRef =
            secret.reference.parse().map_err(|_| SecretError::NotAnswered { name: secret.name.clone() })?;
        if let (SecretRef::Vault { path, field }, Some(at)) = (&reference, &secret.vault) {
            return read(secret, at, path, field);
        }
        // A file may take its time, and nobody who types a value should wait for it.
        let answers = self.answers().get(&run).cloned().unwrap_or_default();
        secrets::resolve(&secret.name, &reference, &answers)
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

/// Reads a secret from Vault or OpenBao, logging in for it. Called where blocking is allowed, inside the runtime.
fn read(secret: &PinnedSecret, at: &VaultAt, path: &str, field: &str) -> Result<Resolved, SecretError> {
    let (name, reference) = (secret.name.clone(), secret.reference.clone());
    let id = secrets::resolve("secret_id", &SecretRef::File(at.secret_id.clone().into()), &Answers::default())?;
    let reading = connect::vault::read(at, &id.value, path, field);
    let read = tokio::runtime::Handle::current().block_on(reading);
    let (value, version) = read.map_err(|why| SecretError::Provider { name: name.clone(), reference, why })?;
    let value = Sealed::new(value).map_err(|why| SecretError::Value { name, why })?;
    Ok(Resolved { value: Arc::new(value), version: Some(version) })
}

fn prompts(run: &Run) -> impl Iterator<Item = &PinnedSecret> {
    run.plan.secrets.iter().filter(|secret| secret.reference.starts_with("prompt:"))
}
