//! Our side of an SSH connection: checks the host key, refuses whatever a host wants to open towards us, remembers how the
//! connection ended. And the algorithms we offer.

use super::dial::Stream;
use super::trust::Trust;
use crate::domain::algorithms::Algorithms;
use crate::domain::id::Timestamp;
use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use russh::client::{self, ChannelOpenHandle, DisconnectReason, Handle, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, ChannelOpenFailure, compression, kex};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How often a silent host is asked whether it is still there; after [`KEEPALIVES_UNANSWERED_MAX`] it is lost.
const KEEPALIVE_INTERVAL_MS: u64 = 15_000;

/// A minute of silence from a host that should answer at once.
const KEEPALIVES_UNANSWERED_MAX: usize = 3;

/// Messages heard and not yet taken, per channel; then the connection waits. 16 packets of 32 KiB keep a
/// fast host busy, and 256 such hosts stay below 128 MiB.
const CHANNEL_MESSAGES_MAX: usize = 16;

/// Bytes a host may send ahead of us on one channel.
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Largest packet, the size OpenSSH sends.
const PACKET_BYTES_MAX: u32 = 32 * 1024;

/// What we say of ourselves beside key exchanges: that we know of extensions, and number packets strictly (CVE-2023-48795).
const KEX_EXTENSIONS: [kex::Name; 2] = [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

/// What became known about a connection while others waited on it.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// The host key accepted, in words.
    pub host_key: OnceLock<String>,
    /// How the connection ended.
    pub ended: OnceLock<String>,
    /// What the host last said when it refused a channel.
    refused_channel: Mutex<String>,
}

impl Fate {
    /// What the host last said when it refused a channel.
    pub fn refused_channel(&self) -> String {
        self.refused_channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shakes hands over `stream`. On success the host is the one that was meant.
///
/// # Errors
/// When host and we share no algorithm, the host's key is not accepted, or the stream ends.
pub(super) async fn shake_hands(
    stream: Box<dyn Stream>,
    trust: Trust,
    algorithms: Algorithms,
    now: Timestamp,
) -> Result<(Handle<Gate>, Arc<Fate>), Trouble> {
    let fate = Arc::new(Fate::default());
    let config = offer(&trust, algorithms);
    let gate = Gate { trust, now, fate: fate.clone() };
    let handle = client::connect_stream(Arc::new(config), stream, gate).await.map_err(|fault| match fault {
        Fault::Refused(trouble) => trouble,
        Fault::Ssh(error) => handshake_trouble(&error),
    })?;
    Ok((handle, fate))
}

/// What a host is offered, and how we behave on the way to it.
pub(super) fn offer(trust: &Trust, algorithms: Algorithms) -> client::Config {
    client::Config {
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES_MAX,
        channel_buffer_size: CHANNEL_MESSAGES_MAX,
        preferred: russh::Preferred {
            kex: Cow::Owned(names::<kex::Name>(&algorithms.kex()).chain(KEX_EXTENSIONS).collect()),
            key: Cow::Owned(trust.key_algorithms()),
            host_key_certificates: Cow::Owned(trust.certificate_algorithms()),
            cipher: Cow::Owned(names(&algorithms.ciphers()).collect()),
            mac: Cow::Owned(names(&algorithms.macs()).collect()),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        keepalive_interval: Some(Duration::from_millis(KEEPALIVE_INTERVAL_MS)),
        keepalive_max: KEEPALIVES_UNANSWERED_MAX,
        nodelay: true,
        ..client::Config::default()
    }
}

/// The library's names for these; `offered` below tests that it knows all of them.
fn names<'a, N: TryFrom<&'a str>>(words: &[&'a str]) -> impl Iterator<Item = N> {
    words.iter().filter_map(|word| N::try_from(word).ok())
}

fn handshake_trouble(error: &russh::Error) -> Trouble {
    use russh::{AlgorithmKind, Error};
    match error {
        Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. } => Trouble::new(
            Reason::HostKeyUnknown,
            format!(
                "the host offers only {} keys, which cannot be checked; give it an ed25519 or ecdsa host key",
                theirs.join(", ")
            ),
        ),
        Error::NoCommonAlgo { kind, theirs, .. } => Trouble::new(
            Reason::Unreachable,
            format!(
                "no common {kind:?} algorithm; the host offers {}; where it knows no better, say so of its group under [algorithms]",
                theirs.join(", ")
            ),
        ),
        Error::Version => Trouble::new(Reason::Unreachable, "what answers does not speak SSH 2"),
        Error::WrongServerSig => {
            Trouble::new(Reason::HostKeyMismatch, "the host could not prove that it holds the key it showed")
        }
        Error::Disconnect | Error::HUP | Error::IO(_) => {
            Trouble::new(Reason::ConnectionLost, "the host closed the connection before the login")
        }
        other => Trouble::new(Reason::ConnectionLost, format!("the SSH handshake failed: {other}")),
    }
}

/// Why our side of a connection stopped.
#[derive(Debug)]
pub(super) enum Fault {
    /// The host is not the one that was meant.
    Refused(Trouble),
    /// The protocol or the stream failed.
    Ssh(russh::Error),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// What the host may do to us: show its key, and nothing else.
pub(super) struct Gate {
    trust: Trust,
    now: Timestamp,
    fate: Arc<Fate>,
}

/// A host asked for a channel towards us. Dropping the reply refuses it; the library's own default would accept.
macro_rules! refuse {
    ($($name:ident($($kind:ty),*);)*) => {
        $(async fn $name(&mut self, _: Channel<Msg>, $(_: $kind,)* _: ChannelOpenHandle, _: &mut Session) -> Result<(), Fault> {
            Ok(())
        })*
    };
}

impl Handler for Gate {
    type Error = Fault;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        let accepted = self.trust.check(shown, self.now).map_err(Fault::Refused)?;
        let _ = self.fate.host_key.set(accepted);
        Ok(true)
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        reason: ChannelOpenFailure,
        description: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), Fault> {
        let words = if description.is_empty() { format!("{reason:?}") } else { description.to_owned() };
        *self.fate.refused_channel.lock().unwrap_or_else(PoisonError::into_inner) = words;
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        let words = match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                format!("the host ended the connection: {}", said.message)
            }
            DisconnectReason::Error(Fault::Ssh(error)) => format!("the connection ended: {error}"),
            DisconnectReason::Error(Fault::Refused(trouble)) => trouble.words,
        };
        let _ = self.fate.ended.set(words);
        Ok(())
    }

    refuse! {
        server_channel_open_forwarded_tcpip(&str, u32, &str, u32);
        server_channel_open_forwarded_streamlocal(&str);
        server_channel_open_agent_forward();
        server_channel_open_session();
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::{cipher, mac};

    #[test]
    fn offered_is_every_algorithm_a_policy_names() {
        for policy in Algorithms::ALL {
            assert_eq!(names::<kex::Name>(&policy.kex()).count(), policy.kex().len(), "{policy:?}");
            assert_eq!(names::<cipher::Name>(&policy.ciphers()).count(), policy.ciphers().len(), "{policy:?}");
            assert_eq!(names::<mac::Name>(&policy.macs()).count(), policy.macs().len(), "{policy:?}");
        }
    }
}
