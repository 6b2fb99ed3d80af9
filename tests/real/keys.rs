//! Key pairs by ssh-keygen, an ssh-agent of one's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::{Daemon, new_mark};
use super::wait::{SOON, until};
use super::{program, skipped};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    Ed25519,
    EcdsaP256,
    Rsa3072,
}

/// Two files, the public one named after the private one.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pub private: PathBuf,
    pub public: PathBuf,
}

impl KeyPair {
    /// A fresh pair `name`, `name.pub` in `directory`, without a passphrase.
    pub fn generate(directory: &Path, name: &str, kind: KeyType) -> KeyPair {
        let kind: &[&str] = match kind {
            KeyType::Ed25519 => &["-t", "ed25519"],
            KeyType::EcdsaP256 => &["-t", "ecdsa", "-b", "256"],
            KeyType::Rsa3072 => &["-t", "rsa", "-b", "3072"],
        };
        let private = directory.join(name);
        run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name, "-f"]).arg(&private).args(kind));
        KeyPair { public: directory.join(format!("{name}.pub")), private }
    }

    /// `ssh-ed25519 AAAA…`, as known_hosts, authorized_keys and a workspace's pin have it.
    pub fn public_line(&self) -> String {
        let text = std::fs::read_to_string(&self.public).unwrap();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// `SHA256:…`
    pub fn fingerprint(&self) -> String {
        let text = run(Command::new("ssh-keygen").args(["-l", "-E", "sha256", "-f"]).arg(&self.public));
        text.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Lets `authority` certify this key as a host key for `principals`; the certificate file is returned.
    pub fn certify_host(&self, authority: &KeyPair, principals: &[String]) -> PathBuf {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-h", "-I", "host", "-V", "-5m:+1d", "-n", &principals.join(","), "-s"]);
        run(command.arg(&authority.private).arg(&self.public));
        self.private
            .with_file_name(format!("{}-cert.pub", self.private.file_name().and_then(|name| name.to_str()).unwrap()))
    }
}

/// An ssh-agent that holds what is added to it.
#[derive(Debug)]
pub struct Agent {
    _daemon: Daemon,
    /// What `SSH_AUTH_SOCK` would say.
    pub socket: PathBuf,
}

impl Agent {
    /// `None`, said aloud, where there is no ssh-agent.
    pub fn start(directory: &Path) -> Option<Agent> {
        let agent = program("ssh-agent")?;
        let socket = directory.join("agent.sock");
        let Some(address) = socket.to_str().filter(|path| path.len() < SOCKET_PATH_BYTES_MAX) else {
            skipped("the temporary directory's name is too long for an agent's socket");
            return None;
        };
        let log = directory.join("agent.log");
        let daemon = Daemon::start(&agent, &["-D", "-a", address], &new_mark(), &log);
        until("the agent's socket", SOON, || match socket.exists() {
            true => Ok(()),
            false => Err(daemon.log()),
        });
        Some(Agent { _daemon: daemon, socket })
    }

    pub fn add(&self, key: &KeyPair) {
        run(Command::new("ssh-add").arg("-q").arg(&key.private).env("SSH_AUTH_SOCK", &self.socket));
    }
}

/// `sockaddr_un.sun_path` on Linux, less the final zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Runs a program that must succeed; its standard output.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
