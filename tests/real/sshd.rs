//! One OpenSSH server with a configuration, a port and keys of its own.
//!
//! It listens on every loopback address: each 127.x.y.z with a row in `Hosts` is a host, with a `HOME` of its own and its name
//! in `QD_HOST`. The working directory a command starts in is the account's real home: say `cd "$HOME"`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use super::account::is_root;
use super::process::{Daemon, MARK, new_mark};
use super::program;
use super::wait::{SOON, until};

/// A port can be taken between finding it free and sshd's own bind.
const PORT_ATTEMPTS_MAX: usize = 5;

/// What an address is called and where its commands are at home.
#[derive(Clone, Debug)]
pub struct Site {
    pub name: String,
    pub address: Ipv4Addr,
    pub home: PathBuf,
}

/// What the server's log says of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub connections: usize,
    /// Sign-ins that succeeded.
    pub accepted: usize,
    /// Commands and shells started.
    pub sessions: usize,
}

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub directory: &'a Path,
    pub host_key: &'a Path,
    pub certificate: Option<&'a Path>,
    pub authorized_keys: &'a Path,
    pub sites: &'a [Site],
}

/// A running server; it and all its sessions end on drop.
#[derive(Debug)]
pub struct Sshd {
    daemon: Daemon,
    pub port: u16,
}

impl Sshd {
    /// `None`, said aloud, where OpenSSH's server is not installed.
    pub fn start(plan: &Plan<'_>) -> Option<Sshd> {
        let sshd = program("sshd")?;
        program("setpriv")?;
        // As root sshd insists on this directory; a service's start script would have made it.
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        for _ in 0..PORT_ATTEMPTS_MAX {
            if let Some(started) = attempt(&sshd, plan) {
                return Some(started);
            }
        }
        panic!("sshd found no free port in {PORT_ATTEMPTS_MAX} attempts");
    }

    /// The whole log, at level VERBOSE.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// What the log says of one address. Its lines name the client's port, and only `Connection from` the address.
    pub fn traffic(&self, address: Ipv4Addr) -> Traffic {
        traffic(&self.daemon.log(), address)
    }

    /// Ends the server and every session at once: each client sees its connection lost.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }
}

/// `None` when the port was taken.
fn attempt(sshd: &Path, plan: &Plan<'_>) -> Option<Sshd> {
    let port = free_port();
    let mark = new_mark();
    let file = |kind: &str| plan.directory.join(format!("sshd-{port}.{kind}"));
    let (settings, log) = (file("conf"), file("log"));
    fs::write(&settings, configuration(plan, port, &mark)).unwrap();
    let paths = [&settings, &log].map(|path| path.to_str().unwrap());
    let mut daemon = Daemon::start(sshd, &["-D", "-f", paths[0], "-E", paths[1]], &mark, &log);
    let listening = format!("Server listening on 0.0.0.0 port {port}");
    let ready = until("sshd to listen", SOON, || {
        let log = daemon.log();
        if log.contains(&listening) {
            return Ok(true);
        }
        match daemon.ended() {
            Some(_) if log.contains("Address already in use") => Ok(false),
            Some(status) => panic!("sshd ended with {status}:\n{log}"),
            None => Err(log),
        }
    });
    ready.then_some(Sshd { daemon, port })
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

fn configuration(plan: &Plan<'_>, port: u16, mark: &str) -> String {
    let mut text = format!(
        "Port {port}\nListenAddress 0.0.0.0\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nLogLevel VERBOSE\n\
         UsePAM no\nStrictModes no\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\nPrintLastLog no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         MaxStartups 4096\nMaxSessions 64\nLoginGraceTime 20\nSubsystem sftp internal-sftp\n",
        plan.host_key.display(),
        plan.authorized_keys.display(),
    );
    if let Some(certificate) = plan.certificate {
        text.push_str(&format!("HostCertificate {}\n", certificate.display()));
    }
    for Site { name, address, home } in plan.sites {
        let home = home.display();
        text.push_str(&format!("Match LocalAddress {address}\n  SetEnv {MARK}={mark} QD_HOST={name} HOME={home}\n"));
    }
    text
}

fn traffic(log: &str, address: Ipv4Addr) -> Traffic {
    let mut seen = Traffic::default();
    // A client's port may be used again later, by a connection to another address.
    let mut ours: Vec<&str> = Vec::new();
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|found| *found == word)?;
            words.get(at + 1).copied()
        };
        let Some(port) = after("port") else { continue };
        if line.starts_with("Connection from ") {
            ours.retain(|known| *known != port);
            if after("on") == Some(&address.to_string()) {
                ours.push(port);
                seen.connections += 1;
            }
        } else if ours.contains(&port) {
            seen.accepted += usize::from(line.starts_with("Accepted "));
            seen.sessions += usize::from(line.starts_with("Starting session: "));
        }
    }
    seen
}

#[test]
fn the_log_is_read_per_address() {
    let log = "Server listening on 0.0.0.0 port 2200.\n\
        Connection from 127.0.0.1 port 40001 on 127.77.0.1 port 2200 rdomain \"\"\n\
        Connection from 127.0.0.1 port 40002 on 127.77.0.2 port 2200 rdomain \"\"\n\
        Accepted publickey for kim from 127.0.0.1 port 40001 ssh2: ED25519 SHA256:x\n\
        Starting session: command for kim from 127.0.0.1 port 40001 id 0\n\
        Starting session: command for kim from 127.0.0.1 port 40001 id 1\n\
        Connection from 127.0.0.1 port 40001 on 127.77.0.2 port 2200 rdomain \"\"\n\
        Accepted publickey for kim from 127.0.0.1 port 40001 ssh2: ED25519 SHA256:x\n";
    let first = Traffic { connections: 1, accepted: 1, sessions: 2 };
    let second = Traffic { connections: 2, accepted: 1, sessions: 0 };
    assert_eq!(traffic(log, Ipv4Addr::new(127, 77, 0, 1)), first);
    assert_eq!(traffic(log, Ipv4Addr::new(127, 77, 0, 2)), second);
}
