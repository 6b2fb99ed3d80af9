//! The doors for people: a unix socket and, where the server listens for it, the network; the SSH protocol inside both, one
//! connection per attached terminal or verb.
//!
//! Reading order: `listen` (the socket and who may reach it), `door` (the network), [`Peer`] and `account` (who is at the other
//! end: the kernel's word, or a key that was proved), [`House`] and [`serve`] (everybody who visits), `crowd` and `penalties` (how
//! many at once, and who is turned away), `knock` (signing in by key), `here` (who is here, and how they are told to go), `guest`
//! (one connection: every request is answered), `console`, `exec` and `sessions` (what a channel carries), `themes`, `host_key`; `http`,
//! `metrics`, `turned` and `hooks` (what machines ask for over HTTP), `doctor` (what it says of itself); `relief`, `baton` and `relay`
//! (another program takes this one's place).
//!
//! Invariants: an account that people.toml maps to nobody does nothing here, root included (the server's own may stop it); over
//! the network nobody is anybody before a key, and a code where the site asks for it; what lets somebody in is judged again
//! whenever the site changes, and whoever it lets in no more is gone within two seconds; a guest that stops reading holds up
//! itself alone; every channel request gets an answer. Deliberately absent: passwords, forwarding of any kind, shells and
//! subsystems, and every rule about runs.

mod account;
mod baton;
mod console;
mod crowd;
mod doctor;
mod door;
mod exec;
mod guest;
mod here;
mod hooks;
mod host_key;
mod http;
mod knock;
mod listen;
mod metrics;
mod peer;
mod penalties;
mod relay;
mod relief;
mod sessions;
mod themes;
mod turned;
mod wire;

#[cfg(test)]
mod tests;

pub use account::Accounts;
pub use baton::{Baton, HANDING_FORM, Message};
pub use door::Door;
pub use guest::{LINE_BYTES_MAX, MARK_STREAM, SAVE_STREAM, SIGN_STREAM};
pub use host_key::{HOST_KEY_FILE, HostKey, HostKeyError};
pub use http::Port;
pub use listen::{Bound, ListenError, SOCKET_PATH_BYTES_MAX, listen, passed, taken_over};
pub use relief::{Relief, Stage, Told, Wish, copy_of};

use crate::domain::notice;
use crate::domain::run::{Phase, Run};
use crate::domain::sign_in::{self, No};
use crate::domain::{Actor, PersonId, Refusal, Rule, World, people};
use crate::engine::{Handle, Health};
use crate::session::{Hint, Shared, may_enter};
use crowd::{Crowd, Pass, Places, Whom};
use guest::Guest;
use here::{Connection, Here, Origin, Why};
pub use peer::Peer;
use penalties::Penalties;
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
use turned::Turned;
use wire::Cuttable;

/// Connections of one account that are not let in yet: a script's verbs side by side, and no flood. Whoever is
/// nobody here never gets further than this.
const SIGNING_IN_PER_ACCOUNT_MAX: usize = 32;

/// Connections of one source on the network that are not let in yet.
const SIGNING_IN_PER_SOURCE_MAX: usize = 4;

/// Connections from the network that are not let in yet, from all sources together.
const STARTUPS: Startups = Startups { begin: 10, percent: 30, full: 60 };

/// From being told to go to being cut: enough to give a terminal back.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// From connecting to being let in, or to a proved key.
const SIGN_IN_WAIT: Duration = Duration::from_secs(20);

/// From a proved key to a code: for finding the device, and the next code where one has just gone by.
const CODE_WAIT: Duration = Duration::from_secs(60);

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

/// How many sign in at once before some are turned away: from `begin` on `percent` of a hundred, rising to all at `full`.
#[derive(Clone, Copy, Debug)]
struct Startups {
    begin: usize,
    percent: usize,
    full: usize,
}

/// Everything guests share.
#[derive(Debug)]
pub struct House {
    engine: Handle,
    site: PathBuf,
    own_uid: u32,
    stop: CancellationToken,
    cut: CancellationToken,
    /// Of them, those at the socket.
    cut_sockets: CancellationToken,
    relief: Relief,
    closing: CancellationToken,
    crowd: Arc<Crowd>,
    here: Arc<Here>,
    penalties: Penalties,
    turned: Turned,
    tasks: TaskTracker,
    /// Answers to machines: they go on until everybody has left.
    watching: TaskTracker,
    over: CancellationToken,
    hint: Option<Hint>,
    shared: Arc<Shared>,
    config: Arc<russh::server::Config>,
}

/// What stands open beside the socket.
#[derive(Debug, Default)]
pub struct Doors {
    /// For people, from the network.
    pub network: Option<Door>,
    /// For whoever watches the server.
    pub watched: Option<Port>,
    /// For machines' requests.
    pub hooks: Option<Port>,
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
    /// Another program serves.
    Relieved,
}

impl House {
    /// A house for an engine. `site` is where themes are read; `own_uid` is the account it runs under; `seed` makes its
    /// key at the socket, which lives as long as the process; `hint` is what its consoles say about it.
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
        let cut = CancellationToken::new();
        Arc::new(Self {
            engine,
            site,
            own_uid,
            stop,
            cut_sockets: cut.child_token(),
            cut,
            relief: Relief::default(),
            closing: CancellationToken::new(),
            crowd: Arc::default(),
            here: Arc::default(),
            penalties: Penalties::default(),
            turned: Turned::default(),
            tasks: TaskTracker::new(),
            watching: TaskTracker::new(),
            over: CancellationToken::new(),
            hint,
            shared: Arc::new(Shared::new(std::thread::available_parallelism().map_or(1, usize::from))),
            config: Arc::new(config),
        })
    }

    /// How many may be here at once.
    fn places(&self) -> Places {
        let sign_in = self.engine.world().borrow().site.as_ref().map(|site| site.sign_in.clone()).unwrap_or_default();
        Places { all: sign_in.connections.into(), of_one_person: sign_in.connections_per_person.into(), on_call: false }
    }

    /// Being relieved by another program.
    pub fn relief(&self) -> &Relief {
        &self.relief
    }

    /// Lets a connection in, where its peer is somebody, and stays until it ends.
    /// `pass` is its place among all that are here.
    async fn admit(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        config: Arc<russh::server::Config>,
        connection: Arc<Connection>,
        mut pass: Pass,
    ) {
        let cut = match connection.from {
            Origin::Account { .. } => self.cut_sockets.child_token(),
            Origin::Source(_) => self.cut.child_token(),
        };
        let guest = Guest::new(Arc::clone(self), Arc::clone(&connection));
        let hello = russh::server::run_stream(config, Cuttable::new(stream, cut.clone()), guest);
        let from = &connection.from;
        let session = match tokio::time::timeout(HELLO_WAIT, hello).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return tracing::debug!(%error, ?from, "a peer did not speak SSH"),
            Err(_) => {
                connection.has_tried();
                return tracing::debug!(?from, "a peer said nothing");
            }
        };
        let minding = async {
            let known = is_known(&connection).await;
            if known {
                // Whoever holds a person's key takes no stranger's place while they look for their code.
                pass.let_in();
            }
            let entered = tokio::time::timeout(CODE_WAIT, connection.entered.cancelled());
            if known && entered.await.is_ok() {
                self.until_out(&connection).await;
                tokio::time::sleep(LEAVE_WAIT).await;
            } else {
                connection.has_tried();
            }
            cut.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = session => if let Err(error) = ended {
                tracing::debug!(%error, ?from, "a connection ended");
            },
            () = minding => {}
            () = connection.dropped.cancelled() => {}
        }
        // Whatever russh still does with the stream ends with it.
        cut.cancel();
    }

    /// Watches over somebody who was let in, until they have to go: because the site changed, because what vouched for them has
    /// run out, or because somebody said so.
    async fn until_out(&self, connection: &Connection) {
        let mut worlds = self.engine.world();
        let mut judged = None;
        loop {
            let world = worlds.borrow_and_update().clone();
            // Most of what happens changes no site.
            let same = |site: &Arc<_>| world.site.as_ref().is_some_and(|now| Arc::ptr_eq(now, site));
            if !judged.as_ref().is_some_and(same)
                && let Some(peer) = connection.peer()
                && let Err(why) = self.is_welcome(&world, peer)
            {
                connection.leave(why);
            }
            judged.clone_from(&world.site);
            tokio::select! {
                changed = worlds.changed() => if changed.is_err() {
                    // The engine ends: the consoles see it too.
                    std::future::pending::<()>().await;
                },
                () = sleep(self.runs_out_in(connection)) => judged = None,
                () = connection.out.cancelled() => return,
            }
        }
    }

    /// How long it is until what vouches for a peer runs out.
    fn runs_out_in(&self, connection: &Connection) -> Duration {
        let until = match connection.peer() {
            Some(Peer::Visitor(visitor)) => visitor.welcome.until,
            Some(Peer::Account { .. }) | None => None,
        };
        // A moment later than the last it is good for.
        until.map_or(Duration::MAX, |until| Duration::from_millis(until.ms_since(self.engine.now()) + 1))
    }

    /// Whether a peer that was let in may still be here.
    fn is_welcome(&self, world: &World, peer: &Peer) -> Result<(), Why> {
        match peer {
            Peer::Account { uid, .. } => {
                let known = *uid == self.own_uid || self.person(peer).is_some();
                known.then_some(()).ok_or(Why::Unwelcome)
            }
            Peer::Visitor(visitor) => {
                let site = world.site.as_ref().ok_or(Why::Unwelcome)?;
                match sign_in::judge(site, &visitor.shown, self.engine.now()) {
                    Ok(welcome) if welcome.person == visitor.welcome.person => Ok(()),
                    Err(No::Expired) => Err(Why::RanOut),
                    Ok(_) | Err(_) => Err(Why::Unwelcome),
                }
            }
        }
    }

    /// The person a peer is.
    fn person(&self, peer: &Peer) -> Option<PersonId> {
        let world = self.engine.world().borrow().clone();
        match peer {
            Peer::Account { name, .. } => {
                let known = world.site.as_ref()?.person_of_account(name.as_deref()?);
                known.map(|person| person.id.clone())
            }
            Peer::Visitor(visitor) => self.is_welcome(&world, peer).is_ok().then(|| visitor.welcome.person.clone()),
        }
    }

    /// Who acts: the peer's own person, or another where that was asked for and the site allows it.
    fn actor(&self, peer: &Peer, acting_as: Option<&str>) -> Result<Actor, Refusal> {
        let world = self.engine.world().borrow().clone();
        let own = self.person(peer);
        let (person, door) = match peer {
            Peer::Account { uid, .. } => {
                let person = acting_as.map(PersonId::new).or_else(|| own.clone()).unwrap_or_else(|| PersonId::new(""));
                let door = match own.as_ref() == Some(&person) || acting_as.is_none() {
                    true => people::Door::Socket { uid: *uid },
                    false => people::Door::As { uid: *uid },
                };
                (person, door)
            }
            Peer::Visitor(visitor) => {
                let person = visitor.welcome.person.clone();
                if acting_as.is_some_and(|other| other != person.as_str()) {
                    let what = "over SSH everybody is here as themselves";
                    return Err(Refusal::new(Rule::ActorUnknown, what).next("leave --as out"));
                }
                (person, visitor.welcome.door.clone())
            }
        };
        may_enter(&world, peer.account(), &person, &door)?;
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

    /// Whether decisions are taken at this moment.
    pub fn health(&self) -> Health {
        match self.engine.health() {
            Health::Failed => Health::Failed,
            _ if self.stop.is_cancelled() => Health::Stopping,
            other => other,
        }
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
    doors: Doors,
    idle_exit: Option<Duration>,
) -> Ended {
    let Doors { network, watched, hooks } = doors;
    if let Some(network) = network {
        network.serve(&house);
    }
    if let Some(watched) = watched {
        metrics::serve(watched, &house);
    }
    if let Some(hooks) = hooks {
        hooks::serve(hooks, &house);
    }
    let ended = let_in(&house, &listener, &Arc::new(accounts), idle_exit).await;
    drop(listener);
    house.closing.cancel();
    house.engine.shut_down().await;
    if house.relief.is_under_way() && house.see_over().await {
        return Ended::Relieved;
    }
    house.tasks.close();
    if tokio::time::timeout(FAREWELL_WAIT, house.tasks.wait()).await.is_err() {
        house.cut.cancel();
        if tokio::time::timeout(CUT_WAIT, house.tasks.wait()).await.is_err() {
            tracing::warn!(left = house.tasks.len(), "some did not leave, and are left");
        }
    }
    house.over.cancel();
    house.watching.close();
    house.watching.wait().await;
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
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = house.stop.cancelled() => return Ended::Stopped,
            () = house.engine.ended() => return Ended::Engine,
            () = house.relief.begun() => return Ended::Engine,
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

/// Waits until a connection is let in, or lacks a code alone; false where that took too long.
async fn is_known(connection: &Connection) -> bool {
    let known = async {
        tokio::select! {
            () = connection.entered.cancelled() => {}
            () = connection.known.cancelled() => {}
        }
    };
    tokio::time::timeout(SIGN_IN_WAIT, known).await.is_ok()
}

/// Pause after a failed accept, so that a lasting cause does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let Some(pass) = house.crowd.take(Whom::Account(uid), 0, house.places()) else {
        house.turned.turn_away();
        return tracing::warn!(uid, "too many connections: one was turned away");
    };
    let (home, accounts) = (Arc::clone(house), Arc::clone(accounts));
    house.tasks.spawn(async move {
        let named = tokio::task::spawn_blocking(move || accounts.name_of(uid)).await;
        let connection = Connection::new(Origin::Account { uid, name: named.ok().flatten() });
        let config = Arc::clone(&home.config);
        home.admit(stream, config, connection, pass).await;
    });
}
