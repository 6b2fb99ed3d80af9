//! The way to a host over SSH: dial, see that it is the host that was meant, log in, start a shell.
//!
//! Invariants: no host key is ever accepted because it is new; agent forwarding is never offered and every channel a
//! host tries to open towards us is refused; passwords are never sent.

pub(super) mod connection;
pub(super) mod dial;
mod gate;
pub(super) mod known_hosts;
pub(super) mod login;
pub(super) mod pool;
pub(super) mod scan;
pub(super) mod sftp;
pub(super) mod talk;
pub(super) mod trust;
