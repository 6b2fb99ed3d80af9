//! A secret changed where it lies: the value is made or fetched here, hidden before it leaves, and written; what is heard of it is the
//! number of its version.
//!
//! What certainly did not happen is `Refused`; what was asked for and not heard of is `Unknown`.

use super::Executor;
use super::output::{Chunk, Outlet};
use super::publish;
use super::trouble::Trouble;
use crate::connect::vault::{self, Change, Unchanged, Versions};
use crate::domain::order::{CellResult, Errand, Order, Outcome, Stream, Used};
use crate::domain::plan::PinnedSecret;
use crate::domain::run::Reason;
use crate::domain::secret_ref::SecretRef;
use crate::domain::site::VaultAt;
use crate::domain::vault::{Does, VaultStep};
use crate::secrets::{self, Answers, Sealed};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// What new values are made of: as many as divide 256 the least unevenly are taken, the rest is drawn again.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Changes the secret.
pub(super) async fn carry_out(
    executor: &Executor,
    order: &Order,
    errand: &Errand<VaultStep>,
    out: mpsc::Sender<Chunk>,
    cancel: CancellationToken,
) -> Outcome {
    let mut outlet = Outlet::new(order.key, out, executor.secrets.masks(order.key.run), false);
    let ready = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Trouble::new(Reason::Aborted, "ended before anything was asked")),
        ready = prepare(executor, order, errand) => ready,
    };
    let ready = match ready {
        Ok(ready) => ready,
        Err(trouble) => return publish::refused(&mut outlet, trouble).await,
    };
    let change = match &ready.change {
        Todo::Nothing => {
            outlet.finish().await;
            let came = (CellResult::Ok, "there is no older version".to_owned());
            return publish::ended(order, &outlet, came, Vec::new());
        }
        Todo::Set(value) => Change::Set(&ready.field, value),
        Todo::Destroy(version) => Change::Destroy(*version),
    };
    outlet.note(&format!("changing {} at {}", ready.path, ready.at.address));
    let changed = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Unchanged::Unknown("ended while it was asked".to_owned())),
        changed = vault::change(&ready.at, &ready.secret_id, &ready.path, change) => changed,
    };
    let (result, saw) = match changed {
        Ok(Versions { now, before }) if matches!(ready.change, Todo::Set(_)) => {
            outlet.push(Stream::Out, Bytes::from(format!("version {now}\nreplaced {before}\n")));
            (CellResult::Ok, format!("version {now} replaced {before}"))
        }
        Ok(Versions { now, .. }) => (CellResult::Ok, format!("version {now} is destroyed")),
        Err(Unchanged::Refused(words)) => (CellResult::Refused(Reason::SecretMissing), words),
        Err(Unchanged::Unknown(words)) => {
            (CellResult::Unknown(Reason::ConnectionLost), format!("{words}; whether it was done cannot be told"))
        }
    };
    outlet.finish().await;
    publish::ended(order, &outlet, (result, saw), ready.used)
}

/// Everything before a byte leaves.
struct Ready {
    at: VaultAt,
    secret_id: Arc<Sealed>,
    path: String,
    field: String,
    change: Todo,
    used: Vec<Used>,
}

enum Todo {
    Set(Arc<Sealed>),
    Destroy(u64),
    Nothing,
}

async fn prepare(executor: &Executor, order: &Order, errand: &Errand<VaultStep>) -> Result<Ready, Trouble> {
    let step = &errand.what;
    let missing = |words: &str| Trouble::new(Reason::SecretMissing, words);
    let place: &PinnedSecret = errand
        .secrets
        .iter()
        .find(|secret| secret.name == step.secret)
        .ok_or_else(|| missing("the plan has no place for this secret"))?;
    let (Ok(SecretRef::Vault { path, field }), Some(at)) = (place.reference.parse(), place.vault.clone()) else {
        return Err(missing("it lies in no vault that the site names"));
    };
    let secret_id = SecretRef::File(at.secret_id.clone().into());
    let reading = tokio::task::spawn_blocking(move || secrets::resolve("secret_id", &secret_id, &Answers::default()));
    let secret_id = reading.await.map_err(|_| missing("reading the secret_id failed inside this program"))?;
    let secret_id = secret_id.map_err(|error| missing(&error.to_string()))?.value;
    let mut used = Vec::new();
    let change = match &step.does {
        Does::Generate { length } => {
            let value = Arc::new(fresh(*length)?);
            executor.secrets.hide(order.key.run, vec![(step.secret.clone(), value.clone())]).await?;
            Todo::Set(value)
        }
        Does::Write { value } => {
            let given: Vec<PinnedSecret> = errand.secrets.iter().filter(|it| it.name == *value).cloned().collect();
            let fetched = executor.secrets.fetch(order, &given, &executor.resolve, &executor.local).await?;
            used = fetched.used;
            Todo::Set(fetched.named.into_iter().next().ok_or_else(|| missing("there is no value to write"))?.1)
        }
        Does::Revoke { version } => {
            let known = errand.variables.iter().find(|(name, _)| name == version).map(|(_, value)| value.as_str());
            match known.unwrap_or_default().parse() {
                Ok(0) => Todo::Nothing,
                Ok(version) => Todo::Destroy(version),
                Err(_) => return Err(missing("no step before it says which version was replaced")),
            }
        }
    };
    Ok(Ready { at, secret_id, path, field, change, used })
}

/// So many letters and digits, drawn evenly.
fn fresh(length: u16) -> Result<Sealed, Trouble> {
    let no_randomness = |error: getrandom::Error| Trouble::new(Reason::Local, format!("no randomness: {error}"));
    let mut value = Vec::with_capacity(usize::from(length));
    let mut drawn = Zeroizing::new([0_u8; 64]);
    while value.len() < usize::from(length) {
        getrandom::fill(drawn.as_mut_slice()).map_err(no_randomness)?;
        let fair = drawn.iter().filter(|byte| usize::from(**byte) < 256 - 256 % LETTERS.len());
        let letters = fair.filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
        let room = usize::from(length) - value.len();
        value.extend(letters.take(room));
    }
    Sealed::new(value).map_err(|error| Trouble::new(Reason::Local, error.to_string()))
}
