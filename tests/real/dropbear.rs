//! A second implementation of the SSH server. dropbear reads `~/.ssh/authorized_keys` and nothing else, so it signs
//! in an account of its own: needs root, or sudo without a password.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use tempfile::TempDir;

use super::account::{Account, is_root};
use super::fleet::Host;
use super::keys::{KeyPair, KeyType, run};
use super::process::{Daemon, new_mark};
use super::sshd::free_port;
use super::wait::{SOON, until};
use super::{program, skipped};

/// One running dropbear host.
#[derive(Debug)]
pub struct Dropbear {
    daemon: Daemon,
    pub host: Host,
    pub user_key: KeyPair,
    /// `ssh-ed25519 AAAA…`
    pub host_key_line: String,
    _account: Account,
    directory: TempDir,
}

impl Dropbear {
    /// `None`, said aloud, where it is not installed or accounts cannot be made.
    pub fn start() -> Option<Dropbear> {
        let (server, keygen) = (program("dropbear")?, program("dropbearkey")?);
        program("ssh-keygen")?;
        if !is_root() {
            skipped("dropbear signing in an account of its own: not root");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("qd-dropbear").tempdir().unwrap();
        // The account must reach its home below this directory.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let home = directory.path().join("home");
        let account = Account::new("dropbear", "/bin/sh", &home)?;
        let user_key = KeyPair::generate(directory.path(), "user", KeyType::Ed25519);
        let settings = home.join(".ssh");
        let authorized = settings.join("authorized_keys");
        fs::create_dir(&settings).unwrap();
        fs::write(&authorized, user_key.public_line() + "\n").unwrap();
        for (path, mode) in [(&home, 0o700), (&settings, 0o700), (&authorized, 0o600)] {
            chown(path, Some(account.uid), Some(account.gid)).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        let host_key = directory.path().join("host_key");
        let printed = run(Command::new(keygen).args(["-t", "ed25519", "-f"]).arg(&host_key));
        let line = printed.lines().find(|line| line.starts_with("ssh-ed25519 ")).unwrap();
        let host_key_line = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");

        let (address, port) = (Ipv4Addr::new(127, 78, 0, 1), free_port());
        let listen = format!("{address}:{port}");
        let key = host_key.to_str().unwrap();
        let log = directory.path().join("log");
        let pid_file = directory.path().join("pid");
        let arguments = ["-F", "-E", "-s", "-p", &listen, "-r", key, "-P", pid_file.to_str().unwrap()];
        let mut daemon = Daemon::start(&server, &arguments, &new_mark(), &log);
        until("dropbear to listen", SOON, || {
            assert!(daemon.ended().is_none(), "dropbear ended: {}", daemon.log());
            TcpStream::connect((address, port)).map(drop).map_err(|error| error.to_string())
        });
        let user = account.name.clone();
        let host = Host { name: "dropbear".to_owned(), address, port, user, home, oddity: None };
        Some(Dropbear { daemon, host, user_key, host_key_line, _account: account, directory })
    }

    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// OpenSSH's own client, told to be strict, ready for a command.
    pub fn client(&self) -> Command {
        let Host { address, port, user, .. } = &self.host;
        let known = self.directory.path().join("known_hosts");
        fs::write(&known, format!("[{address}]:{port} {}\n", self.host_key_line)).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", known.display()));
        ssh.arg("-i").arg(&self.user_key.private).args(["-p", &port.to_string(), "-l", user]);
        ssh.arg(address.to_string());
        ssh
    }
}
