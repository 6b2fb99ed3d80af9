//! A fleet: any number of SSH hosts on loopback addresses, some of them odd in a chosen way.
//!
//! ```ignore
//! let Some(fleet) = Fleet::plan(20).odd(3, Oddity::WrongHostKey).odd(5, Oddity::Refusing).start() else { return };
//! ```

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use tempfile::TempDir;

use super::account::{self, Account};
use super::keys::{Agent, KeyPair, KeyType};
use super::sshd::{Plan, Site, Sshd, Traffic};

/// In what way a host is not like the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// Answers with another host key than the one known of it.
    WrongHostKey,
    /// Nothing listens on its port.
    Refusing,
    /// Accepts the connection and never says a word.
    Hanging,
    /// The shell of the user does not exist, so that sshd turns the user away.
    MissingShell,
    /// The server does not know the user's key.
    UnknownUserKey,
}

/// How to reach a host, as a workspace would write it.
#[derive(Clone, Debug)]
pub struct Host {
    /// `h01`, `h02`, …; also `QD_HOST` in its commands.
    pub name: String,
    pub address: Ipv4Addr,
    pub port: u16,
    pub user: String,
    /// `HOME` of its commands, its own among all hosts.
    pub home: PathBuf,
    pub oddity: Option<Oddity>,
}

impl Host {
    /// A file the host's commands made in their `HOME`; empty when there is none.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.home.join(name)).unwrap_or_default()
    }
}

/// What to start: see [`Fleet::plan`].
#[derive(Clone, Debug)]
pub struct FleetPlan {
    hosts: usize,
    odd: Vec<(usize, Oddity)>,
    certified: Certified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certified {
    No,
    Yes,
}

/// Running hosts. All ends on drop: servers, sessions and what they started, accounts, files.
#[derive(Debug)]
pub struct Fleet {
    main: Sshd,
    /// Servers of odd hosts.
    others: Vec<Sshd>,
    hosts: Vec<Host>,
    /// The key a client signs in with.
    pub user_key: KeyPair,
    /// The key every host but one with [`Oddity::WrongHostKey`] answers with.
    pub host_key: KeyPair,
    /// Signed the host key when the plan said [`FleetPlan::certified`].
    pub authority: Option<KeyPair>,
    _held: Vec<Held>,
    directory: TempDir,
}

/// A port held so that nobody else answers on it.
#[derive(Debug)]
enum Held {
    Bound { _socket: OwnedFd },
    Listening { _listener: TcpListener },
    User { _account: Account },
}

impl Fleet {
    /// `hosts` plain hosts, named from `h01`.
    pub fn plan(hosts: usize) -> FleetPlan {
        FleetPlan { hosts, odd: Vec::new(), certified: Certified::No }
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// From 1, as in the name.
    #[track_caller]
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number - 1]
    }

    /// A directory of the test's own, gone with the fleet.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the servers' logs say of a host.
    pub fn traffic(&self, host: &Host) -> Traffic {
        let server = self.others.iter().chain([&self.main]).find(|server| server.port == host.port);
        server.map_or_else(Traffic::default, |server| server.traffic(host.address))
    }

    /// The logs of all servers.
    pub fn log(&self) -> String {
        self.others.iter().chain([&self.main]).map(Sshd::log).collect()
    }

    /// A known_hosts file that pins [`Fleet::host_key`] for every host.
    pub fn known_hosts(&self) -> PathBuf {
        let key = self.host_key.public_line();
        let lines = self.hosts.iter().map(|host| format!("[{}]:{} {key}\n", host.address, host.port));
        let file = self.directory.path().join("known_hosts");
        fs::write(&file, lines.collect::<String>()).unwrap();
        file
    }

    /// OpenSSH's own client with the user's key, told to be strict, ready for a command.
    pub fn client(&self, host: &Host) -> Command {
        let mut ssh = self.keyless_client(host);
        ssh.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&self.user_key.private);
        ssh
    }

    /// The same with the keys an agent holds and no other.
    pub fn agent_client(&self, host: &Host, agent: &Agent) -> Command {
        let mut ssh = self.keyless_client(host);
        ssh.args(["-o", "IdentityFile=none"]).env("SSH_AUTH_SOCK", &agent.socket);
        ssh
    }

    /// With a plain key exchange: the default one costs ten times the CPU, and these tests are about the hosts.
    fn keyless_client(&self, host: &Host) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        ssh.args(["-o", "ConnectTimeout=5", "-o", "GlobalKnownHostsFile=none"]);
        ssh.args(["-o", "KexAlgorithms=curve25519-sha256"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
        ssh.args(["-p", &host.port.to_string(), "-l", &host.user]).arg(host.address.to_string());
        ssh
    }

    /// Ends all servers and sessions, as a power cut would.
    pub fn kill(&mut self) {
        self.main.kill();
        self.others.iter_mut().for_each(Sshd::kill);
    }
}

impl FleetPlan {
    /// Makes one host odd; `number` counts from 1.
    pub fn odd(mut self, number: usize, oddity: Oddity) -> FleetPlan {
        assert!((1..=self.hosts).contains(&number), "there is no host {number}");
        self.odd.push((number, oddity));
        self
    }

    /// Lets an authority certify the host key for every address.
    pub fn certified(mut self) -> FleetPlan {
        self.certified = Certified::Yes;
        self
    }

    /// `None`, said aloud, where something it needs is not installed or not permitted.
    pub fn start(self) -> Option<Fleet> {
        super::program("ssh-keygen")?;
        let directory = tempfile::Builder::new().prefix("qd-fleet").tempdir().unwrap();
        let at = directory.path();
        let user_key = KeyPair::generate(at, "user", KeyType::Ed25519);
        let host_key = KeyPair::generate(at, "host", KeyType::Ed25519);
        let authorized = at.join("authorized_keys");
        fs::write(&authorized, user_key.public_line() + "\n").unwrap();
        let nobody = at.join("authorized_nobody");
        fs::write(&nobody, "").unwrap();

        let sites: Vec<Site> = (1..=self.hosts).map(|number| site(at, number)).collect();
        let authority = (self.certified == Certified::Yes).then(|| KeyPair::generate(at, "ca", KeyType::Ed25519));
        let certificate = authority.as_ref().map(|authority| {
            let names: Vec<String> = sites.iter().map(|site| site.address.to_string()).collect();
            host_key.certify_host(authority, &names)
        });
        let plain = Plan {
            directory: at,
            host_key: &host_key.private,
            certificate: certificate.as_deref(),
            authorized_keys: &authorized,
            sites: &sites,
        };
        let main = Sshd::start(&plain)?;

        let mut hosts: Vec<Host> = sites.iter().map(|site| plain_host(site, main.port)).collect();
        let mut others = Vec::new();
        let mut held = Vec::new();
        for (number, oddity) in self.odd {
            let host = &mut hosts[number - 1];
            host.oddity = Some(oddity);
            match oddity {
                Oddity::WrongHostKey => {
                    let key = KeyPair::generate(at, &format!("other-{number}"), KeyType::Ed25519);
                    others.push(Sshd::start(&Plan { host_key: &key.private, certificate: None, ..plain })?);
                    host.port = others.last()?.port;
                }
                Oddity::UnknownUserKey => {
                    others.push(Sshd::start(&Plan { authorized_keys: &nobody, ..plain })?);
                    host.port = others.last()?.port;
                }
                Oddity::Refusing => {
                    let (socket, port) = bound(host.address);
                    host.port = port;
                    held.push(Held::Bound { _socket: socket });
                }
                Oddity::Hanging => {
                    // The kernel completes the handshake; nobody ever takes the connection.
                    let listener = TcpListener::bind((host.address, 0)).unwrap();
                    host.port = listener.local_addr().unwrap().port();
                    held.push(Held::Listening { _listener: listener });
                }
                Oddity::MissingShell => {
                    let account = Account::new("noshell", "/nonexistent/shell", &at.join("noshell"))?;
                    host.user.clone_from(&account.name);
                    held.push(Held::User { _account: account });
                }
            }
        }
        Some(Fleet { main, others, hosts, user_key, host_key, authority, _held: held, directory })
    }
}

/// 127.77.0.1 and on, 250 to a block.
fn site(directory: &Path, number: usize) -> Site {
    let name = format!("h{number:02}");
    let [block, last] = [(number - 1) / 250, (number - 1) % 250 + 1].map(|part| u8::try_from(part).unwrap());
    let home = directory.join("hosts").join(&name);
    fs::create_dir_all(&home).unwrap();
    Site { name, address: Ipv4Addr::new(127, 77, block, last), home }
}

fn plain_host(site: &Site, port: u16) -> Host {
    let Site { name, address, home } = site.clone();
    Host { name, address, port, user: account::own_name(), home, oddity: None }
}

/// A socket that is bound and not listening: connecting to it is refused, and nobody else gets its port.
fn bound(address: Ipv4Addr) -> (OwnedFd, u16) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(address, 0)).unwrap();
    let name = getsockname(&socket).unwrap();
    let port = SocketAddrV4::try_from(name).unwrap().port();
    (socket, port)
}
