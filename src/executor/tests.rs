//! Tests of the executor: a kit shared by them, then one file per kind of place.

mod kit;
mod local;
mod real_ssh;
mod sshd;
