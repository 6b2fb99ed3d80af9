//! Connections by run and host: one each, shared by all orders of the run, and by the hosts behind a jump server.
//!
//! Invariants: two orders that need the same host at once make one attempt and share its result; a failed attempt is not remembered; a
//! connection that has ended is never given out twice.

use super::connection::Connection;
use super::dial::{self, Dial};
use super::gate::shake_hands;
use super::known_hosts::KnownHosts;
use super::login::{Identities, log_in};
use super::trust::Trust;
use crate::domain::id::{RunId, ServerName, Timestamp};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::workspace::{self, Reach};
use crate::executor::trouble::Trouble;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// What connecting needs.
pub(in crate::executor) struct Means {
    /// How streams are opened.
    pub dial: Arc<dyn Dial>,
    /// The account's known_hosts.
    pub known_hosts: Arc<KnownHosts>,
    /// Keys from files.
    pub identities: RwLock<Arc<Identities>>,
    /// Where keys lie that hosts name.
    pub named_keys: PathBuf,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// The wall clock, for the dates of host certificates.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

type Attempt = Arc<OnceCell<Result<Arc<Connection>, Trouble>>>;

/// Open connections.
pub(in crate::executor) struct Pool {
    means: Means,
    open: Mutex<BTreeMap<(RunId, ServerName), Attempt>>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(means: Means) -> Self {
        Self { means, open: Mutex::new(BTreeMap::new()) }
    }

    /// What connecting needs.
    pub fn means(&self) -> &Means {
        &self.means
    }

    /// A connection to the last of `way`, through those before it: the open one, or a new one. Safe to cancel.
    ///
    /// # Errors
    /// When a server on the way cannot be reached, is not the one that was meant, or lets nobody in.
    pub async fn connect(&self, run: RunId, way: &[&PlannedHost]) -> Result<Arc<Connection>, Trouble> {
        let mut through: Option<Arc<Connection>> = None;
        for (n, host) in way.iter().enumerate() {
            let next = self.connect_one(run, host, through).await;
            let next =
                if n + 1 < way.len() { next.map_err(|trouble| trouble.at_hop(host.name.as_str())) } else { next };
            through = Some(next?);
        }
        through.ok_or_else(|| Trouble::new(Reason::Local, "the plan names no host"))
    }

    /// A connection beside the pool's own, for when that one does not answer.
    ///
    /// # Errors
    /// As [`Pool::connect`].
    pub async fn connect_anew(&self, way: &[&PlannedHost]) -> Result<Arc<Connection>, Trouble> {
        let mut through = None;
        for host in way {
            through = Some(Arc::new(self.make(host, through).await?));
        }
        through.ok_or_else(|| Trouble::new(Reason::Local, "the plan names no host"))
    }

    /// Lets go of a connection that does not answer.
    pub fn forget(&self, run: RunId, host: &ServerName) {
        self.open().remove(&(run, host.clone()));
    }

    /// Ends the connections of a run.
    pub async fn release(&self, run: RunId) {
        let gone: Vec<Attempt> = {
            let mut open = self.open();
            let (gone, kept) = std::mem::take(&mut *open).into_iter().partition(|((of, _), _)| *of == run);
            *open = kept;
            BTreeMap::into_values(gone).collect()
        };
        // At once: those that are stuck take their time together.
        let open = gone.iter().filter_map(|attempt| attempt.get()?.as_ref().ok());
        futures::future::join_all(open.map(|connection| connection.disconnect())).await;
    }

    async fn connect_one(
        &self,
        run: RunId,
        host: &PlannedHost,
        through: Option<Arc<Connection>>,
    ) -> Result<Arc<Connection>, Trouble> {
        let key = (run, host.name.clone());
        loop {
            let attempt = self.open().entry(key.clone()).or_default().clone();
            let mut mine = false;
            let result = attempt
                .get_or_init(|| {
                    mine = true;
                    let through = through.clone();
                    async { self.make(host, through).await.map(Arc::new) }
                })
                .await
                .clone();
            let usable = result.as_ref().is_ok_and(|connection| !connection.is_closed());
            if usable {
                return result;
            }
            {
                let mut open = self.open();
                if open.get(&key).is_some_and(|held| Arc::ptr_eq(held, &attempt)) {
                    open.remove(&key);
                }
            }
            match result {
                // It ended since it was made by somebody: make one of our own.
                Ok(_) if !mine => continue,
                Ok(connection) => return Err(connection.lost()),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn make(&self, host: &PlannedHost, through: Option<Arc<Connection>>) -> Result<Connection, Trouble> {
        let Reach::Ssh { address, port, user, key, trust, algorithms, jump: _ } = &host.reach else {
            return Err(Trouble::new(Reason::Local, format!("{} is not reached over SSH", host.name)));
        };
        let trust = self.trust(host, trust, address, *port).await?;
        let stream = match &through {
            Some(connection) => connection.reach_on(address, *port).await?,
            None => {
                let dialed = self.means.dial.dial(address, *port).await;
                dialed.map_err(|error| dial::trouble(address, *port, &error))?
            }
        };
        let (mut handle, fate) = shake_hands(stream, trust, *algorithms, (self.means.now)()).await?;
        let (identities, agent) = match key {
            Some(name) => (self.named_key(name).await?, None),
            None => (
                self.means.identities.read().unwrap_or_else(PoisonError::into_inner).clone(),
                self.means.agent.as_deref(),
            ),
        };
        log_in(&mut handle, &fate, user, &identities, agent).await?;
        Ok(Connection::new(handle, fate, through))
    }

    /// The one key a host names. Read anew, so that a new key is taken without a word; no other is shown in its stead.
    async fn named_key(&self, name: &str) -> Result<Arc<Identities>, Trouble> {
        let path = self.means.named_keys.join(name);
        let read = spawn_blocking(move || Arc::new(Identities::read(&[path]))).await;
        read.map_err(|_| Trouble::new(Reason::Local, "reading the key failed in this program"))
    }

    pub(super) async fn trust(
        &self,
        host: &PlannedHost,
        trust: &workspace::Trust,
        address: &str,
        port: u16,
    ) -> Result<Trust, Trouble> {
        match trust {
            workspace::Trust::Keys(_) | workspace::Trust::Authorities(_) => {
                Trust::of(trust, &host.name, address, port, &self.means.known_hosts)
            }
            // A file of many hashed names takes its time.
            workspace::Trust::KnownHosts => {
                let (trust, name, address) = (trust.clone(), host.name.clone(), address.to_owned());
                let known_hosts = self.means.known_hosts.clone();
                let read = spawn_blocking(move || Trust::of(&trust, &name, &address, port, &known_hosts)).await;
                read.unwrap_or_else(|_| Err(Trouble::new(Reason::Local, "reading known_hosts failed in this program")))
            }
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<(RunId, ServerName), Attempt>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
