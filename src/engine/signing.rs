//! Keys that sign what goes over HTTP: the server's own notices, and the requests of machines.
//!
//! Invariants: a key is fetched from where the site says it lies and reaches no record, no log, no argument and no environment;
//! a machine's is kept for a moment, so that a flood of forged requests starts no program and asks no vault for each.

use super::handle::Handle;
use crate::connect::webhook;
pub use crate::connect::webhook::{SIGNATURE, TIMESTAMP};
use crate::domain::plan::PinnedSecret;
use crate::domain::secret_ref::SecretRef;
use crate::domain::site::Site;
use crate::domain::{PersonId, RunId, notice};
use crate::secrets::{Sealed, SecretError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The name of a machine's key, where something is said about it.
const KEY_NAME: &str = "hook_secret";

/// Bytes of a machine's key at least: as many as its signature has.
pub const KEY_BYTES_MIN: usize = 32;

/// How long a machine's key is kept, or that it could not be had: a new one counts after that.
const KEPT: Duration = Duration::from_secs(10);

/// What a machine sent, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// When it was signed, as written: seconds since 1970.
    pub timestamp: &'a str,
    /// What it says.
    pub body: &'a [u8],
    /// What proves whose it is, in hexadecimal digits.
    pub signature: &'a str,
}

/// Machines' keys that were fetched lately.
#[derive(Clone, Debug, Default)]
pub struct Keys(Arc<Mutex<BTreeMap<PersonId, Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    reference: String,
    until: Instant,
    key: Option<Arc<Sealed>>,
}

impl Handle {
    /// Whether a machine of the site in force has signed this. Whoever is none, or has no key, has not.
    pub async fn has_signed(&self, machine: &PersonId, signed: Signed<'_>) -> bool {
        let world = Arc::clone(&self.world.borrow());
        let Some(site) = world.site.as_ref() else { return false };
        let known = site.people.get(machine).filter(|known| known.machine_of.is_some() && !known.disabled);
        let Some(reference) = known.and_then(|known| known.hook_secret.as_deref()) else { return false };
        let key = match self.keys.kept(machine, reference) {
            Some(kept) => kept,
            None => self.fetched(site, machine, reference).await,
        };
        key.is_some_and(|key| webhook::is_signed(key.expose(), signed.timestamp, signed.body, signed.signature))
    }

    async fn fetched(&self, site: &Site, machine: &PersonId, reference: &str) -> Option<Arc<Sealed>> {
        let key = match key(self, site, KEY_NAME, reference).await {
            Ok(key) if key.expose().len() >= KEY_BYTES_MIN => Some(key),
            Ok(_) => {
                tracing::warn!(%machine, "the key of a machine is shorter than {KEY_BYTES_MIN} bytes: it signs nothing");
                None
            }
            Err(error) => {
                tracing::warn!(%machine, %error, "the key of a machine cannot be had: it signs nothing");
                None
            }
        };
        self.keys.keep(machine, reference, key.clone());
        key
    }
}

impl Keys {
    fn kept(&self, machine: &PersonId, reference: &str) -> Option<Option<Arc<Sealed>>> {
        let kept = self.book().get(machine).cloned()?;
        (kept.reference == reference && Instant::now() < kept.until).then_some(kept.key)
    }

    /// There are no more than the site has machines.
    fn keep(&self, machine: &PersonId, reference: &str, key: Option<Arc<Sealed>>) {
        let kept = Kept { reference: reference.to_owned(), until: Instant::now() + KEPT, key };
        self.book().insert(machine.clone(), kept);
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<PersonId, Kept>> {
        // Keeping cannot fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that signs, from where the site says it lies.
pub(super) async fn key(handle: &Handle, site: &Site, name: &str, reference: &str) -> Result<Arc<Sealed>, SecretError> {
    let secret = PinnedSecret {
        name: name.to_owned(),
        reference: reference.to_owned(),
        version: None,
        vault: site.vault.clone(),
    };
    if let Ok(SecretRef::Command { program, args }) = reference.parse() {
        let printed = handle.executor.printed(&notice::under(site), &program, &args).await;
        let printed = printed.map_err(|why| SecretError::provider(&secret, why))?;
        let value = printed.map_err(|why| SecretError::Value { name: secret.name, why })?;
        return Ok(Arc::new(value));
    }
    // No run has it: nobody is asked to type it.
    handle.vault.resolve(RunId(0), &secret).await.map(|resolved| resolved.value)
}
