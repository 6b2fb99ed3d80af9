//! The secrets of each run, from the moment a step needs one until the run is released: fetched anew for every order, masked in
//! all output of the run from then on.
//!
//! Invariant: a value is masked before its first byte leaves for a host.

use super::trouble::Trouble;
use super::{LocalPlace, Resolve};
use crate::domain::id::RunId;
use crate::domain::order::{Order, Used};
use crate::domain::plan::PinnedSecret;
use crate::domain::run::Reason;
use crate::domain::secret_ref::SecretRef;
use crate::secrets::{Masks, Resolved, Sealed, SecretError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A secret on its way to a script: the name it gets there, and its value.
pub(super) type Named = (String, Arc<Sealed>);

/// Secrets fetched for one order: for the script, and for the record.
#[derive(Default)]
pub(super) struct Fetched {
    /// Names and values.
    pub named: Vec<Named>,
    /// Names and versions.
    pub used: Vec<Used>,
}

/// What is masked, by run.
#[derive(Clone, Default)]
pub(super) struct RunSecrets {
    runs: Arc<Mutex<BTreeMap<RunId, OfRun>>>,
}

struct OfRun {
    masks: watch::Sender<Masks>,
    known: Vec<Named>,
}

impl Default for OfRun {
    fn default() -> Self {
        Self { masks: watch::Sender::new(Masks::none()), known: Vec::new() }
    }
}

impl RunSecrets {
    /// What is masked in the output of `run`, now and later.
    pub fn masks(&self, run: RunId) -> watch::Receiver<Masks> {
        self.lock().entry(run).or_default().masks.subscribe()
    }

    /// Lets go of a run's secrets.
    pub fn release(&self, run: RunId) {
        self.lock().remove(&run);
    }

    /// Fetches secrets for one order of `run`, and has them masked from now on.
    ///
    /// # Errors
    /// When one cannot be had, or cannot be masked.
    pub async fn fetch(
        &self,
        order: &Order,
        wanted: &[PinnedSecret],
        resolve: &Resolve,
        local: &LocalPlace,
    ) -> Result<Fetched, Trouble> {
        let run = order.key.run;
        if wanted.is_empty() {
            return Ok(Fetched::default());
        }
        let missing = |words: String| Trouble::new(Reason::SecretMissing, words);
        let mut fetched = Fetched::default();
        for secret in wanted {
            let resolved = match secret.reference.parse() {
                Ok(SecretRef::Command { program, args }) => {
                    let here = local.under(&order.under).await?;
                    let printed = here.print(&program, &args).await;
                    let printed = printed.map_err(|why| SecretError::provider(secret, why));
                    printed.and_then(|value| Resolved::of(&secret.name, value, None))
                }
                Ok(SecretRef::File(_) | SecretRef::Prompt { .. } | SecretRef::Vault { .. }) | Err(_) => {
                    resolve(run, secret.clone()).await
                }
            };
            let resolved = resolved.map_err(|error| missing(error.to_string()))?;
            fetched.named.push((secret.name.clone(), resolved.value));
            let (name, reference) = (secret.name.clone(), secret.reference.clone());
            fetched.used.push(Used { name, reference, version: resolved.version });
        }
        self.hide(run, fetched.named.clone()).await?;
        Ok(fetched)
    }

    /// Has values masked in all output of `run` from now on.
    ///
    /// # Errors
    /// One cannot be masked: it must not be used.
    pub async fn hide(&self, run: RunId, named: Vec<Named>) -> Result<(), Trouble> {
        let missing = |words: String| Trouble::new(Reason::SecretMissing, words);
        // What is looked for in output is computed anew for a long value: not where other orders wait.
        let here = self.clone();
        match tokio::task::spawn_blocking(move || here.mask(run, &named)).await {
            Ok(masked) => masked.map_err(missing),
            Err(_) => Err(missing("masking a secret failed inside this program".to_owned())),
        }
    }

    fn mask(&self, run: RunId, fetched: &[Named]) -> Result<(), String> {
        let mut runs = self.lock();
        let of_run = runs.entry(run).or_default();
        // Every host fetches the same secret: masked once, and again only where its value changed in mid-run.
        let known =
            |new: &Named| of_run.known.iter().any(|(name, value)| *name == new.0 && value.expose() == new.1.expose());
        let fresh: Vec<Named> = fetched.iter().filter(|new| !known(new)).cloned().collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(&str, &Sealed)> = fresh.iter().map(|(name, value)| (name.as_str(), &**value)).collect();
        let masks = of_run.masks.borrow().with(&pairs).map_err(|error| error.to_string())?;
        of_run.masks.send_replace(masks);
        of_run.known.extend(fresh);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, OfRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
