//! Carries out one cleared order: on a host over SSH, or on this machine.
//!
//! Reading order: [`Executor::carry_out`], `carry` (one order from connection to outcome), `script` and `marker` (what is sent and
//! how we know that it began), `talk` (a shell being listened to), `ssh/` and `local` (the two kinds of place), `call` (another system),
//! `copy` (a file by SFTP), `ending` (TERM, KILL, and seeing that it is gone), `output` (cap, redact, hand on).
//!
//! Invariants: nothing runs without a [`Cleared`]; what is certain not to have begun is `Refused`, what was seen to end is `Ok` or
//! `Failed`, everything else is `Unknown`; output leaves redacted; a secret reaches a host on standard input alone.
//! Deliberately absent: retries (they are decisions), the ledger, the clock on the wall, the environment.

mod call;
mod carry;
mod copy;
mod ending;
mod local;
mod marker;
mod output;
mod publish;
mod script;
mod secrets;
mod ssh;
mod talk;
mod trouble;
mod vault;

#[cfg(test)]
pub(crate) mod tests;

use crate::domain::enrol;
use crate::domain::id::{RunId, Timestamp};
use crate::domain::order::{Job, Order, Outcome, Under};
use crate::domain::plan::{PinnedSecret, PlannedHost};
use crate::domain::policy::Cleared;
use crate::domain::run::Reason;
use crate::secrets::{Masks, Resolved, Sealed, SealedError, SecretError};
use futures::future::BoxFuture;
use secrets::RunSecrets;
use ssh::known_hosts::KnownHosts;
use ssh::login::Identities;
use ssh::pool::{Means, Pool};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use trouble::Trouble;

pub use local::{LocalPlace, SEARCH_PATH, Untold, can_become};
pub use output::{Chunk, OUTPUT_STEP_BYTES_MAX};
pub use ssh::dial::{Dial, Stream, Tcp};
pub use ssh::login::KeyFileError;

/// A program that pages somebody needs seconds; one that hangs must not keep what comes behind it.
const TELL_SECONDS: u64 = 20;

/// Fetches a secret of a run, now. Dropping what it gives back gives the fetching up.
pub type Resolve = Arc<dyn Fn(RunId, PinnedSecret) -> BoxFuture<'static, Result<Resolved, SecretError>> + Send + Sync>;

/// The wall clock.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the executor is given. It reads nothing from its environment.
pub struct Settings {
    /// Private key files, in the order they are tried.
    pub keys: Vec<PathBuf>,
    /// Where keys lie that hosts name.
    pub named_keys: PathBuf,
    /// The account's known_hosts files, for workspaces that trust them.
    pub known_hosts: Vec<PathBuf>,
    /// The ssh-agent's socket.
    pub agent: Option<PathBuf>,
    /// How streams to hosts are opened: [`Tcp`], or to hosts inside this process.
    pub dial: Arc<dyn Dial>,
    /// The wall clock, for the dates of host certificates alone.
    pub now: Now,
    /// Where orders for this machine run.
    pub local: LocalPlace,
}

/// Carries out orders. One per server, shared by all runs.
pub struct Executor {
    pool: Pool,
    local: Arc<LocalPlace>,
    secrets: RunSecrets,
    resolve: Resolve,
    keys: Vec<PathBuf>,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Executor")
    }
}

impl Executor {
    /// An executor without connections. Reads the key files; blocks.
    pub fn new(settings: Settings, resolve: Resolve) -> Self {
        let Settings { keys, named_keys, known_hosts, agent, dial, now, local } = settings;
        let identities = RwLock::new(Arc::new(Identities::read(&keys)));
        let known_hosts = Arc::new(KnownHosts::new(&known_hosts));
        let means = Means { dial, known_hosts, identities, named_keys, agent, now };
        Self { pool: Pool::new(means), local: Arc::new(local), secrets: RunSecrets::default(), resolve, keys }
    }

    /// Reads the key files again; blocks. Open connections stay.
    pub fn reload_keys(&self) {
        let identities = Arc::new(Identities::read(&self.keys));
        *self.pool.means().identities.write().unwrap_or_else(PoisonError::into_inner) = identities;
    }

    /// What is wrong with the key files that are not used, in words.
    pub fn key_problems(&self) -> Vec<String> {
        let identities = self.pool.means().identities.read().unwrap_or_else(PoisonError::into_inner);
        identities.problems().iter().map(ToString::to_string).collect()
    }

    /// Carries out one order and says how it ended. Output goes to `out` as it arrives, redacted and capped; a full channel makes
    /// the host wait. `started` is told the process group once the script begins. When `cancel` is called, what runs is
    /// ended and seen to be gone. `Outcome::output` is left empty: the transcript knows it.
    ///
    /// Dropping the future leaves what runs to itself; call `cancel` instead.
    pub async fn carry_out(
        &self,
        cleared: Cleared,
        out: mpsc::Sender<Chunk>,
        started: oneshot::Sender<u32>,
        cancel: CancellationToken,
    ) -> Outcome {
        let order = cleared.order();
        if let [name, ..] = order.lacks.as_slice() {
            let words = format!("no step published `{name}` here: see what became of the one that should have");
            return Outcome::refused(Reason::NotPublished, words);
        }
        match &order.job {
            Job::Call(errand) => call::carry_out(self, order, errand, out, cancel).await,
            Job::Vault(errand) => vault::carry_out(self, order, errand, out, cancel).await,
            Job::Copy(file) => copy::carry_out(self, order, file, out, cancel).await,
            Job::Reach => carry::carry_out(self, order, None, out, started, cancel).await,
            Job::Script(delivery) => carry::carry_out(self, order, Some(delivery), out, started, cancel).await,
        }
    }

    /// There was no usable session in time. A connection that was once good may be half-open: the next order makes a new one.
    fn late(&self, order: &Order) -> Trouble {
        self.pool.forget(order.key.run, &order.host.name);
        let limit_ms = order.limits.connect_ms;
        Trouble::new(Reason::ConnectTimeout, format!("no usable session within {limit_ms} ms"))
    }

    /// What a host shows for itself, reached through `jumps`; `None` for this machine. Nobody logs in to it.
    pub async fn look(&self, jumps: &[PlannedHost], host: &PlannedHost) -> Option<enrol::Seen> {
        let way: Vec<&PlannedHost> = jumps.iter().chain([host]).collect();
        self.pool.look(&way).await
    }

    /// What a program of this machine prints, started without a shell: a list of servers.
    ///
    /// # Errors
    /// In words.
    pub async fn list(&self, under: &Under, words: &[String]) -> Result<String, String> {
        let here = self.local.under(under).await.map_err(|trouble| trouble.words)?;
        here.list(words).await
    }

    /// Hands a document to a program of this machine, started without a shell: somebody is told something.
    ///
    /// # Errors
    /// The program did not take it.
    pub async fn tell(&self, under: &Under, words: &[String], document: &[u8]) -> Result<(), Untold> {
        let here = self.local.under(under).await.map_err(|trouble| Untold::NotStarted(trouble.words))?;
        here.tell(words, document, TELL_SECONDS).await
    }

    /// A secret of no run that a program of this machine prints; or why it is none.
    ///
    /// # Errors
    /// In words that hold nothing of what it said.
    pub async fn printed(
        &self,
        under: &Under,
        program: &Path,
        args: &[String],
    ) -> Result<Result<Sealed, SealedError>, String> {
        let here = self.local.under(under).await.map_err(|trouble| trouble.words)?;
        here.print(program, args).await
    }

    /// Ends the connections over which others were looked at.
    pub async fn release_looks(&self) {
        self.pool.release(ssh::scan::NO_RUN).await;
    }

    /// What is masked in the output of `run` so far, for other words about it.
    pub fn masks(&self, run: RunId) -> Masks {
        self.secrets.masks(run).borrow().clone()
    }

    /// The run needs its hosts no more for now: ends its connections and lets go of its secrets. An order that comes
    /// later connects anew.
    pub async fn release(&self, run: RunId) {
        self.pool.release(run).await;
        self.secrets.release(run);
    }
}
