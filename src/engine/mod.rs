//! The single writer: decide, append, sync, evolve, publish, reconcile.
//!
//! Reading order: [`core`] (synchronous: everything that decides), `shell` (collects and commits in groups), [`Handle`]
//! (the only door), `reconcile` (makes what is in flight equal to what is due), `notify` (tells people),
//! `recorder` and `desk` (transcripts), `fetch`
//! and `views` (questions), `tally` (numbers for whoever watches), `open` (puts the parts together).
//!
//! Invariants: nobody is told what is not durable; an intent is durable before its order starts, output before its
//! outcome, an outcome before what depends on it; nothing but `core` touches the ledger. Deliberately absent: rules
//! (they are `domain`'s), terminals, sockets.

pub mod clock;
mod codec;
pub mod core;
mod desk;
mod enrol;
mod export;
mod fetch;
mod gather;
mod handle;
mod notify;
mod open;
mod pack;
mod prove;
mod proved;
mod reconcile;
mod recorder;
mod reload;
mod shell;
mod signing;
mod tally;
#[cfg(feature = "traces")]
pub mod traces;
mod vault;
mod views;

#[cfg(test)]
mod desk_tests;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod scale;
mod sealed;
#[cfg(test)]
mod tests;

pub use codec::{CodecError, OUTPUTS};
pub use fetch::Library;
pub use handle::Handle;
pub use open::{Engine, OpenError, Settings, open, take_over};
pub use proved::{Given, Offered, SIGNATURE_BYTES_MAX, signed_by, statement};
pub use reload::{Read, Reload, ReloadError};
pub use signing::{KEY_BYTES_MIN, SIGNATURE, Signed, TIMESTAMP};
pub use tally::{COMMIT_BOUNDS_MS, Counts, Health};
pub use vault::Vault;

/// What `prompt:` secrets are handed over as.
pub use crate::secrets::Sealed;

/// What [`ReloadError`] says is wrong with a site.
pub use crate::site::Diagnostic;

/// What [`Settings`] says about reaching hosts.
pub use crate::executor::{LocalPlace, Settings as ExecutorSettings, Tcp};
