//! Looks at the key a host shows, and goes: nobody logs in, nothing is learned by it.

use super::dial;
use super::gate::offer;
use super::pool::Pool;
use super::trust::{Judged, Trust};
use crate::domain::enrol::{Seen, Shown, Standing};
use crate::domain::id::{RunId, Timestamp};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::workspace::{self, Reach};
use crate::executor::trouble::Trouble;
use russh::client::{self, Handler};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;

/// Longest look at one host, its way included.
const LOOK_MS_MAX: u64 = 15_000;

/// The connections of a scan are those of no run.
pub(in crate::executor) const NO_RUN: RunId = RunId(0);

impl Pool {
    /// What the last of `way` shows, reached through those before it. A host over which others are reached is logged in to, once.
    pub(in crate::executor) async fn look(&self, way: &[&PlannedHost]) -> Option<Seen> {
        let (host, before) = way.split_last()?;
        let Reach::Ssh { address, port, .. } = &host.reach else { return None };
        let seen = |shown, standing| {
            Some(Seen { host: host.name.clone(), reached: format!("{address}:{port}"), shown, standing })
        };
        match timeout(Duration::from_millis(LOOK_MS_MAX), self.shown(host, before)).await {
            Err(_) => seen(None, Standing::Unreached(format!("no key was shown within {LOOK_MS_MAX} ms"))),
            Ok(Err(trouble)) => seen(None, Standing::Unreached(trouble.words)),
            Ok(Ok((shown, standing))) => seen(Some(shown), standing),
        }
    }

    async fn shown(&self, host: &PlannedHost, before: &[&PlannedHost]) -> Result<(Shown, Standing), Trouble> {
        let Reach::Ssh { address, port, trust: written, algorithms, .. } = &host.reach else {
            return Err(Trouble::new(Reason::Local, "it is not reached over SSH"));
        };
        let through = match before {
            [] => None,
            way => Some(self.connect(NO_RUN, way).await?),
        };
        let trust = self.trust(host, written, address, *port).await?;
        let stream = match &through {
            Some(connection) => connection.reach_on(address, *port).await?,
            None => {
                let dialed = self.means().dial.dial(address, *port).await;
                dialed.map_err(|error| dial::trouble(address, *port, &error))?
            }
        };
        let shown = Arc::new(OnceLock::new());
        let offered = Arc::new(offer(&trust, *algorithms));
        let looking = Looking { trust, written: written.clone(), now: (self.means().now)(), shown: Arc::clone(&shown) };
        let failed = client::connect_stream(offered, stream, looking).await.err();
        shown.get().cloned().ok_or_else(|| {
            let words = failed.map_or_else(|| "it showed no key".to_owned(), |error| error.to_string());
            Trouble::new(Reason::Unreachable, words)
        })
    }
}

fn described(key: &PublicKeyOrCertificate) -> Shown {
    let plain = key.public_key();
    let written = |key: &russh::keys::PublicKey| {
        let text = key.to_openssh().unwrap_or_default();
        // Without the words behind it, which are anybody's.
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    let authority = key.certificate().map(|certificate| written(&certificate.signature_key().clone().into()));
    Shown { key: written(&plain), fingerprint: plain.fingerprint(HashAlg::Sha256).to_string(), authority }
}

/// Sees the key and lets nothing go on from there.
struct Looking {
    trust: Trust,
    written: workspace::Trust,
    now: Timestamp,
    shown: Arc<OnceLock<(Shown, Standing)>>,
}

impl Looking {
    fn standing(&self, key: &PublicKeyOrCertificate) -> Standing {
        match (self.trust.judge(key, self.now), &self.written) {
            (Judged::Accepted, _) if key.certificate().is_some() => Standing::Signed,
            (Judged::Accepted, workspace::Trust::KnownHosts) => Standing::Known,
            (Judged::Accepted, workspace::Trust::Keys(_) | workspace::Trust::Authorities(_)) => Standing::Pinned,
            (Judged::Unknown, _) => Standing::Unknown,
            (Judged::Refused(words), _) => Standing::Differs(words),
        }
    }
}

impl Handler for Looking {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let _ = self.shown.set((described(shown), self.standing(shown)));
        Ok(false)
    }
}
