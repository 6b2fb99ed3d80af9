//! Real components for tests: OpenSSH fleets, a dropbear host, an agent, accounts, a TCP proxy that cuts, tmux.
//!
//! A test binary opens with `#![cfg(test)]`, so that clippy grants its own functions what tests may do, and takes
//! the kit in with `mod real;`. Everything listens on loopback, lives in a temporary
//! directory and dies with the value that stands for it. What is not installed is `None`, said aloud and listed
//! by `tests/run` at its end; what is installed and does not start is a failure.
//!
//! Keep such a value on the test's own thread: what it started is killed when the thread that started it ends.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of the kit")]

pub mod account;
pub mod device;
pub mod door;
pub mod dropbear;
pub mod fleet;
pub mod keys;
pub mod openbao;
pub mod process;
pub mod product;
pub mod prometheus;
pub mod proxy;
pub mod receiver;
pub mod seat;
pub mod sshd;
pub mod tmux;
pub mod wait;
pub mod watched;

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

pub use account::Account;
pub use door::Served;
pub use dropbear::Dropbear;
pub use fleet::{Fleet, Host, Oddity};
pub use keys::{Agent, KeyPair, KeyType};
pub use process::Daemon;
pub use product::Product;
pub use proxy::Proxy;
pub use seat::Seat;
pub use sshd::Traffic;
pub use tmux::Tmux;
pub use wait::until;
pub use watched::Watched;

/// `tests/run --deep`: full counts instead of a sample.
#[expect(clippy::disallowed_methods, reason = "tests/run says so through the environment")]
pub fn deep() -> bool {
    env::var_os("QUARTERDECK_DEEP").is_some_and(|value| value == "1")
}

/// The program under test: this build, unless `tests/run` names another (`--deep`: the release binary).
#[expect(clippy::disallowed_methods, reason = "tests/run says so through the environment")]
pub fn built() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| env::var("QUARTERDECK_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_quarterdeck").to_owned()))
}

/// How often to repeat something: a sample normally, all of it under `--deep`.
pub fn count(sample: usize, full: usize) -> usize {
    if deep() { full } else { sample }
}

/// Says that something was not tried and why; `tests/run` prints all of these at its end.
#[expect(clippy::disallowed_methods, reason = "tests/run names its list through the environment")]
pub fn skipped(why: &str) {
    println!("not tried: {why}");
    if let Some(list) = env::var_os("QUARTERDECK_SKIPPED") {
        let line = format!("{why}\n");
        let written = OpenOptions::new().append(true).open(list).and_then(|mut list| list.write_all(line.as_bytes()));
        assert!(written.is_ok(), "the list of what was skipped: {written:?}");
    }
}

/// Where a program is; `None`, said aloud, when it is not installed. Looks into the sbin directories too.
#[expect(clippy::disallowed_methods, reason = "programs are found through PATH")]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let beyond = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path).chain(beyond).map(|at| at.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not installed"));
    }
    found
}
