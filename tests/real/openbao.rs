//! An OpenBao in its development mode, with one KV v2 mount, one policy and one AppRole.

use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::keys::run;
use super::process::{Daemon, new_mark};
use super::program;
use super::sshd::free_port;
use super::wait::{SOON, until};

/// The token of the development server's root.
const ROOT: &str = "root";

/// A server on loopback; it ends on drop.
#[derive(Debug)]
pub struct OpenBao {
    _daemon: Daemon,
    directory: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    /// The role that may read `kv/web`.
    pub role_id: String,
    /// What it logs in with.
    pub secret_id: String,
}

impl OpenBao {
    /// `None`, said aloud, where it is not installed.
    pub fn start() -> Option<OpenBao> {
        let server = program("bao")?;
        let directory = tempfile::Builder::new().prefix("qd-openbao").tempdir().unwrap();
        let place = format!("127.0.0.1:{}", free_port());
        let listen = format!("-dev-listen-address={place}");
        let token = format!("-dev-root-token-id={ROOT}");
        let mut command = Command::new(server);
        command.args(["server", "-dev", "-dev-no-store-token", &token, &listen]).env("HOME", directory.path());
        let mut daemon = Daemon::spawn(command, &new_mark(), &directory.path().join("log"));
        until("OpenBao to listen", SOON, || {
            assert!(daemon.ended().is_none(), "OpenBao ended: {}", daemon.log());
            TcpStream::connect(&place).map(drop).map_err(|error| error.to_string())
        });
        let address = format!("http://{place}");
        let (role_id, secret_id) = (String::new(), String::new());
        let mut bao = OpenBao { _daemon: daemon, directory, address, role_id, secret_id };
        bao.says(&["secrets", "enable", "-path=kv", "-version=2", "kv"]);
        bao.says(&["auth", "enable", "approle"]);
        let policy = bao.directory.path().join("policy.hcl");
        std::fs::write(&policy, "path \"kv/data/web\" { capabilities = [\"read\"] }\n").unwrap();
        bao.says(&["policy", "write", "web", policy.to_str().unwrap()]);
        bao.says(&["write", "auth/approle/role/web", "token_policies=web"]);
        bao.role_id = bao.says(&["read", "-field=role_id", "auth/approle/role/web/role-id"]);
        bao.secret_id = bao.says(&["write", "-f", "-field=secret_id", "auth/approle/role/web/secret-id"]);
        Some(bao)
    }

    /// Lets the role change the entry too.
    pub fn may_write(&self) {
        let policy = self.directory.path().join("more.hcl");
        let rules = "path \"kv/data/web\" { capabilities = [\"read\", \"create\", \"update\"] }\n\
                     path \"kv/destroy/web\" { capabilities = [\"update\"] }\n";
        std::fs::write(&policy, rules).unwrap();
        self.says(&["policy", "write", "web", policy.to_str().unwrap()]);
    }

    /// The command line's answer to these words, as root.
    pub fn says(&self, words: &[&str]) -> String {
        let mut command = Command::new(program("bao").unwrap());
        command.args(words).env("BAO_ADDR", &self.address).env("BAO_TOKEN", ROOT).env("HOME", self.directory.path());
        run(&mut command).trim().to_owned()
    }
}
