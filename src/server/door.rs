//! The door from the network: SSH over TCP, by keys and certificates of people.
//!
//! What is beyond it is the same house: the same guests, consoles and verbs. Here is only who may knock, and how often.

use super::crowd::{Places, Whom};
use super::here::{Connection, Origin};
use super::host_key::HostKey;
use super::knock::ATTEMPTS_MAX;
use super::penalties::source;
use super::relief::copy_of;
use super::{ACCEPT_PAUSE, House, WINDOW_BYTES};
use crate::domain::Digest;
use crate::domain::algorithms::Algorithms;
use core::net::{IpAddr, SocketAddr};
use russh::keys::ssh_key::EcdsaCurve;
use russh::keys::{Algorithm, HashAlg};
use russh::{MethodKind, SshId, compression, kex};
use rustix::net::sockopt;
use std::borrow::Cow;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Every refusal takes so long: longer than any judgement, so that its time tells nothing.
const REFUSAL_TIME: Duration = Duration::from_millis(300);

/// After so long without a byte the kernel asks whether the peer is still there. No byte of the protocol is sent for it.
const QUIET: Duration = Duration::from_secs(60);

/// Between two such questions.
const QUESTION_GAP: Duration = Duration::from_secs(20);

/// Questions without an answer until a peer counts as gone.
const QUESTIONS_MAX: u32 = 3;

/// Bytes that a peer does not acknowledge for so long are lost: it is gone.
const UNHEARD_MS: u32 = 120_000;

/// Key exchanges that no quantum computer undoes.
const POST_QUANTUM: [&str; 1] = ["mlkem768x25519-sha256"];

/// Key exchanges of the protocol's own, that say what a side understands.
const KEX_EXTENSIONS: [kex::Name; 2] = [kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER];

/// Listeners, and what is said at them.
#[derive(Debug)]
pub struct Door {
    listeners: Vec<TcpListener>,
    said: Arc<Said>,
    dice: Dice,
}

/// What is said at the door: to everybody, or to those whose key exchange no quantum computer undoes.
#[derive(Debug)]
struct Said {
    to_everybody: Arc<russh::server::Config>,
    post_quantum: Arc<russh::server::Config>,
}

/// Chance, for whom to turn away among many: from a seed, so that nobody outside can foresee it.
#[derive(Debug)]
struct Dice {
    seed: [u8; 32],
    rolls: AtomicU64,
}

impl Dice {
    fn roll(&self) -> u8 {
        let nr = self.rolls.fetch_add(1, Ordering::Relaxed);
        Digest::of(&[&self.seed[..], &nr.to_be_bytes()].concat()).0[0]
    }
}

impl Door {
    /// Listens at every address, and where others did so already. `seed` is what chance is made of.
    ///
    /// # Errors
    /// An address, and why nobody can listen there.
    pub async fn open(
        addresses: &[SocketAddr],
        passed: Vec<std::net::TcpListener>,
        host_key: &HostKey,
        seed: [u8; 32],
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(TcpListener::bind(address).await.map_err(|error| (*address, error))?);
        }
        for listener in passed {
            let at = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
            let taken = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
            listeners.push(taken.map_err(|error| (at, error))?);
        }
        let dice = Dice { seed, rolls: AtomicU64::new(0) };
        let [all, hybrid] =
            [Algorithms::Modern.kex(), POST_QUANTUM.to_vec()].map(|kex| Arc::new(config(host_key, &kex)));
        let said = Arc::new(Said { to_everybody: all, post_quantum: hybrid });
        Ok(Self { listeners, said, dice })
    }

    /// Copies of its sockets, for a successor.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn copies(&self) -> io::Result<Vec<OwnedFd>> {
        self.listeners.iter().map(copy_of).collect()
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Takes people in at every listener until the house closes.
    pub(super) fn serve(self, house: &Arc<House>) {
        let Door { listeners, said, dice } = self;
        let dice = Arc::new(dice);
        for listener in listeners {
            let (home, said, dice) = (Arc::clone(house), Arc::clone(&said), Arc::clone(&dice));
            house.tasks.spawn(async move {
                loop {
                    tokio::select! {
                        accepted = listener.accept() => match accepted {
                            Ok((stream, from)) => welcome(&home, stream, from.ip(), &said, dice.roll()),
                            Err(error) => {
                                tracing::error!(%error, "a connection could not be taken");
                                tokio::time::sleep(ACCEPT_PAUSE).await;
                            }
                        },
                        () = home.closing.cancelled() => return,
                    }
                }
            });
        }
    }
}

fn welcome(house: &Arc<House>, stream: TcpStream, from: IpAddr, said: &Said, dice: u8) {
    let from = from.to_canonical();
    let world = house.engine.world().borrow().clone();
    let on_call = world.site.as_ref().is_some_and(|site| site.sign_in.is_on_call(from));
    // A source that is turned away hears nothing: words would be work.
    if house.penalties.turns_away(from, Instant::now()) && !on_call {
        house.turned.turn_away();
        return tracing::debug!(%from, "turned away: too much failed from there");
    }
    let Some(pass) = house.crowd.take(Whom::Source(source(from)), dice, Places { on_call, ..house.places() }) else {
        house.turned.turn_away();
        return tracing::warn!(%from, "too many connections: one was turned away");
    };
    if let Err(error) = mind_silence(&stream) {
        return tracing::debug!(%error, %from, "a peer was gone at once");
    }
    let config = match world.site.as_ref().is_some_and(|site| site.sign_in.post_quantum) {
        true => Arc::clone(&said.post_quantum),
        false => Arc::clone(&said.to_everybody),
    };
    let home = Arc::clone(house);
    house.tasks.spawn(async move {
        let connection = Connection::new(Origin::Source(from));
        home.admit(stream, config, Arc::clone(&connection), pass).await;
        if connection.has_failed() && home.penalties.failed(from, Instant::now()) {
            let told = if on_call { "an on-call network: let through all the same" } else { "turned away for a while" };
            tracing::warn!(%from, told, "too many connections from one source failed to sign in");
        }
    });
}

/// Has the kernel find out when a peer is gone.
fn mind_silence(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, QUIET)?;
    sockopt::set_tcp_keepintvl(stream, QUESTION_GAP)?;
    sockopt::set_tcp_keepcnt(stream, QUESTIONS_MAX)?;
    sockopt::set_tcp_user_timeout(stream, UNHEARD_MS)?;
    Ok(())
}

/// What is said at the door: modern algorithms, keys of people, nothing else.
pub(super) fn config(host_key: &HostKey, key_exchanges: &[&str]) -> russh::server::Config {
    let modern = Algorithms::Modern;
    russh::server::Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Quarterdeck")),
        methods: (&[MethodKind::PublicKey][..]).into(),
        auth_rejection_time: REFUSAL_TIME,
        // The question which methods there are is no attempt of anybody.
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key.private.clone()],
        certificates: host_key.certificate.iter().cloned().collect(),
        window_size: WINDOW_BYTES,
        // And that question.
        max_auth_attempts: ATTEMPTS_MAX + 1,
        inactivity_timeout: None,
        preferred: russh::Preferred {
            kex: Cow::Owned(names::<kex::Name>(key_exchanges).chain(KEX_EXTENSIONS).collect()),
            key: Cow::Borrowed(KEYS),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Owned(names(&modern.ciphers()).collect()),
            mac: Cow::Owned(names(&modern.macs()).collect()),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        ..russh::server::Config::default()
    }
}

/// Signatures of people's keys that are taken, and our own first.
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::SkEd25519,
    Algorithm::SkEcdsaSha2NistP256,
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// The library's names for these; a test holds the list against them.
fn names<'a, N: TryFrom<&'a str>>(words: &[&'a str]) -> impl Iterator<Item = N> {
    words.iter().filter_map(|word| N::try_from(word).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_knows_every_algorithm_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let host_key = HostKey::open(dir.path(), &[1; 32], 0).unwrap();
        let modern = Algorithms::Modern;
        let said = config(&host_key, &modern.kex()).preferred;
        assert_eq!(said.kex.len(), modern.kex().len() + KEX_EXTENSIONS.len());
        assert_eq!((said.cipher.len(), said.mac.len()), (modern.ciphers().len(), modern.macs().len()));
        assert_eq!(config(&host_key, &POST_QUANTUM).preferred.kex.len(), POST_QUANTUM.len() + KEX_EXTENSIONS.len());
        assert!(POST_QUANTUM.iter().all(|kex| modern.kex().contains(kex)));
    }

    #[test]
    fn chance_is_none_that_repeats_itself() {
        let dice = Dice { seed: [1; 32], rolls: AtomicU64::new(0) };
        let rolls: std::collections::BTreeSet<u8> = (0..64).map(|_| dice.roll()).collect();
        assert!(rolls.len() > 32, "{rolls:?}");
    }
}
