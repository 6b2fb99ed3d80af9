//! Tests of the executor: a kit shared by them, then one file per kind of place.

mod cut;
mod dropbear;
pub(crate) mod fake;
mod faults;
mod kit;
mod local;
mod publishing;
mod real_abort;
mod real_algorithms;
mod real_become;
mod real_copy;
mod real_login;
mod real_pty;
mod real_scan;
mod real_steps;
mod real_trust;
pub(super) mod sshd;
mod systems;
