//! The door for people: a unix socket, the SSH protocol inside, one connection per attached terminal or verb.
//!
//! Reading order: `listen` (the socket and who may reach it), [`Peer`] and `account` (who is at the other end: the kernel's
//! word), [`House`] and [`serve`] (everybody who visits), `crowd` (how many at once), `guest` (one connection: every request is answered), `console` and
//! `exec` (what a channel carries), `themes`.
//!
//! Invariants: an account that people.toml maps to nobody does nothing here, root included (the server's own may stop it); a guest that stops reading holds up
//! itself alone; every channel request gets an answer. Deliberately absent: keys and passwords (the kernel has said who it is),
//! forwarding of any kind, and every rule about runs.

mod account;
mod console;
mod crowd;
mod exec;
mod guest;
mod listen;
mod themes;
mod wire;

#[cfg(test)]
mod tests;

pub use account::Accounts;
pub use guest::{LINE_BYTES_MAX, SAVE_STREAM, SIGN_STREAM};
pub use listen::{Bound, ListenError, SOCKET_PATH_BYTES_MAX, listen};

use crate::domain::notice;
use crate::domain::run::{Phase, Run};
use crate::domain::{Actor, Door, PersonId, Refusal, World};
use crate::engine::Handle;
use crate::session::{Hint, may_enter};
use crowd::{Crowd, Pass};
use guest::Guest;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Cuttable;

/// Connections at once: a whole company's war-room; beyond it a script has gone wrong.
const CONNECTIONS_MAX: usize = 256;

/// Of them, those of one account: nobody can keep a whole company out.
const CONNECTIONS_PER_ACCOUNT_MAX: usize = 128;

/// Of them, those of one account that are not let in yet: a script's verbs side by side, and no flood. Whoever is
/// nobody here never gets further than this.
const SIGNING_IN_PER_ACCOUNT_MAX: usize = 32;

/// From connecting to being let in. Nobody types anything meanwhile.
const SIGN_IN_WAIT: Duration = Duration::from_secs(20);

/// To the peer's first line.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// What guests get to say their last words once the server stops.
const FAREWELL_WAIT: Duration = Duration::from_secs(8);

/// What they get once their connections are cut: nothing waits for anybody then but a directory service that is away.
const CUT_WAIT: Duration = Duration::from_secs(2);

/// How often an idle server looks whether it is still idle, at most.
const IDLE_LOOK: Duration = Duration::from_secs(15);

/// Bytes of output on their way to a terminal before it must have read some: two full frames, so that what is drawn is
/// never much older than what is true.
pub const WINDOW_BYTES: u32 = 128 * 1024;

/// Who is at the other end of a connection, by the kernel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The user id.
    pub uid: u32,
    /// The account's name; `None`: the system knows none.
    pub account: Option<String>,
}

/// Everything guests share.
#[derive(Debug)]
pub struct House {
    engine: Handle,
    site: PathBuf,
    own_uid: u32,
    stop: CancellationToken,
    cut: CancellationToken,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    hint: Option<Hint>,
    config: Arc<russh::server::Config>,
}

/// Why a server ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Somebody said so.
    Stopped,
    /// Nobody was here and nothing ran for as long as was agreed.
    Idle,
    /// The engine ended; it knows why.
    Engine,
}

impl House {
    /// A house for an engine. `site` is where themes are read; `own_uid` is the account it runs under; `seed` makes its
    /// host key, which lives as long as the process; `hint` is what its consoles say about it.
    pub fn new(
        engine: Handle,
        site: PathBuf,
        own_uid: u32,
        seed: &[u8; 32],
        stop: CancellationToken,
        hint: Option<Hint>,
    ) -> Arc<Self> {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(seed));
        let config = russh::server::Config {
            methods: (&[russh::MethodKind::None][..]).into(),
            auth_rejection_time: Duration::ZERO,
            keys: vec![key],
            window_size: WINDOW_BYTES,
            max_auth_attempts: 1,
            // A console may be looked at for a night without a key being pressed; a peer that is gone closes its socket.
            inactivity_timeout: None,
            preferred: russh::Preferred {
                cipher: Cow::Borrowed(&[russh::cipher::AES_256_GCM, russh::cipher::CHACHA20_POLY1305]),
                compression: Cow::Borrowed(&[russh::compression::NONE]),
                ..russh::Preferred::default()
            },
            ..russh::server::Config::default()
        };
        Arc::new(Self {
            engine,
            site,
            own_uid,
            stop,
            cut: CancellationToken::new(),
            crowd: Arc::default(),
            tasks: TaskTracker::new(),
            hint,
            config: Arc::new(config),
        })
    }

    /// Lets a connection in, where its peer is somebody, and stays until it ends.
    /// `pass` is its place among all that are here.
    async fn admit(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        mut pass: Pass,
    ) {
        let cut = self.cut.child_token();
        let entered = CancellationToken::new();
        let guest = Guest::new(Arc::clone(self), peer.clone(), entered.clone());
        let hello = russh::server::run_stream(Arc::clone(&self.config), Cuttable::new(stream, cut.clone()), guest);
        let session = match tokio::time::timeout(HELLO_WAIT, hello).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return tracing::debug!(%error, ?peer, "a peer did not speak SSH"),
            Err(_) => return tracing::debug!(?peer, "a peer said nothing"),
        };
        let grace = async {
            match tokio::time::timeout(SIGN_IN_WAIT, entered.cancelled()).await {
                Ok(()) => pass.let_in(),
                Err(_) => cut.cancel(),
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = session => if let Err(error) = ended {
                tracing::debug!(%error, ?peer, "a connection ended");
            },
            () = grace => {}
        }
        // Whatever russh still does with the stream ends with it.
        cut.cancel();
    }

    /// The person an account is.
    fn person(&self, peer: &Peer) -> Option<PersonId> {
        let world = self.engine.world().borrow().clone();
        let account = peer.account.as_deref()?;
        world.site.as_ref()?.person_of_account(account).map(|person| person.id.clone())
    }

    /// Who acts: the peer's own person, or another where that was asked for and the site allows it.
    fn actor(&self, peer: &Peer, acting_as: Option<&str>) -> Result<Actor, Refusal> {
        let world = self.engine.world().borrow().clone();
        let account = peer.account.as_deref().unwrap_or_default();
        let own = self.person(peer);
        let person = match (acting_as, &own) {
            (Some(other), _) => PersonId::new(other),
            (None, Some(own)) => own.clone(),
            (None, None) => PersonId::new(""),
        };
        let door = match own.as_ref() == Some(&person) {
            true => Door::Socket { uid: peer.uid },
            false if acting_as.is_none() => Door::Socket { uid: peer.uid },
            false => Door::As { uid: peer.uid },
        };
        may_enter(&world, account, &person, &door)?;
        Ok(Actor::Person { person, door })
    }

    /// Runs that would be cut off if the server stopped now.
    pub fn in_flight(world: &World) -> impl Iterator<Item = &Arc<Run>> {
        world.runs.values().filter(|run| match run.phase {
            Phase::Checking(_) | Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => true,
            Phase::Waiting
            | Phase::Approved
            | Phase::Ended(_)
            | Phase::Closed(_)
            | Phase::Reviewed(_)
            | Phase::Cancelled(_) => false,
        })
    }

    fn is_busy(&self) -> bool {
        let world = self.engine.world().borrow().clone();
        // Whoever leaves tells nobody any more, neither what is on its way nor what somebody is to be reminded of.
        let tells = !world.outbox.pending.is_empty() || notice::due(&world).next().is_some();
        !self.crowd.is_empty()
            || self.engine.keeps_typed_secrets()
            || tells
            || House::in_flight(&world).next().is_some()
    }
}

/// Lets people in until somebody says stop, the engine ends, or nobody was here for `idle_exit`; then ends the engine and
/// sees everybody out.
pub async fn serve(
    house: Arc<House>,
    listener: UnixListener,
    accounts: Accounts,
    idle_exit: Option<Duration>,
) -> Ended {
    let ended = let_in(&house, &listener, &Arc::new(accounts), idle_exit).await;
    drop(listener);
    house.engine.shut_down().await;
    house.tasks.close();
    if tokio::time::timeout(FAREWELL_WAIT, house.tasks.wait()).await.is_err() {
        house.cut.cancel();
        if tokio::time::timeout(CUT_WAIT, house.tasks.wait()).await.is_err() {
            tracing::warn!(left = house.tasks.len(), "some did not leave, and are left");
        }
    }
    ended
}

async fn let_in(
    house: &Arc<House>,
    listener: &UnixListener,
    accounts: &Arc<Accounts>,
    idle_exit: Option<Duration>,
) -> Ended {
    let mut busy = Instant::now();
    let look = idle_exit.map_or(Duration::MAX, |idle| (idle / 4).min(IDLE_LOOK));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => welcome(house, stream, accounts),
                Err(error) => {
                    // Out of descriptors, most likely: those who are here go on, and leave some.
                    tracing::error!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            },
            () = house.stop.cancelled() => return Ended::Stopped,
            () = house.engine.ended() => return Ended::Engine,
            () = sleep(look) => {}
        }
        if house.is_busy() {
            busy = Instant::now();
        }
        if idle_exit.is_some_and(|idle| busy.elapsed() >= idle) {
            return Ended::Idle;
        }
    }
}

/// Pause after a failed accept, so that a lasting cause does not spin.
const ACCEPT_PAUSE_MS: u64 = 100;

async fn sleep(time: Duration) {
    match time {
        Duration::MAX => std::future::pending().await,
        time => tokio::time::sleep(time).await,
    }
}

fn welcome(house: &Arc<House>, stream: UnixStream, accounts: &Arc<Accounts>) {
    let uid = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(error) => return tracing::warn!(%error, "a peer without credentials was turned away"),
    };
    let Some(pass) = house.crowd.take(uid) else {
        return tracing::warn!(uid, "too many connections: one was turned away");
    };
    let (home, accounts) = (Arc::clone(house), Arc::clone(accounts));
    house.tasks.spawn(async move {
        let named = tokio::task::spawn_blocking(move || accounts.name_of(uid)).await;
        let peer = Peer { uid, account: named.ok().flatten() };
        home.admit(stream, peer, pass).await;
    });
}
