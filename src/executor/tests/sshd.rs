//! Starts real SSH servers for tests, each with its own keys, port and log in a directory that goes with it.

use super::kit::{self, Came};
use crate::domain::order::{CellResult, Job};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::workspace::Trust;
use crate::executor::{Executor, Settings};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// Whether a program is here; where not, says what is not tried.
pub fn has(program: &str) -> bool {
    let found = Path::new(program).is_absolute() && Path::new(program).exists()
        || Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .is_ok_and(|found| found.status.success());
    if !found {
        println!("skipped: {program} is not here");
        #[expect(clippy::disallowed_methods, reason = "tests/run collects there what was not tried")]
        if let Some(list) = std::env::var_os("QUARTERDECK_SKIPPED") {
            let mut list = fs::OpenOptions::new().append(true).open(list).unwrap();
            writeln!(list, "executor: {program} is not here").unwrap();
        }
    }
    found
}

/// Whether this is root: only root's servers may log in other users.
pub fn is_root() -> bool {
    run("id", &["-u"]).trim() == "0"
}

/// Runs a program to its end and gives its output.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key pair without passphrase and gives the path of its private half.
pub fn keygen(dir: &Path, name: &str, kind: &str) -> PathBuf {
    let path = dir.join(name);
    run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", name, "-f", path.to_str().unwrap()]);
    path
}

/// The public half of a key, as pinned.
pub fn public(key: &Path) -> String {
    kit::read(&key.with_extension("pub")).trim().to_owned()
}

/// A port nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a condition holds, letting what was started go on meanwhile.
#[expect(clippy::disallowed_methods, reason = "other processes keep real time")]
pub async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A running server.
pub struct Sshd {
    pub dir: TempDir,
    pub port: u16,
    pub user: String,
    /// The private key it lets in.
    pub key: PathBuf,
    /// Its private host key.
    pub host_key: PathBuf,
    child: Child,
}

impl Sshd {
    /// A server with further lines in its configuration. `None`, said aloud, where there is no OpenSSH server.
    pub async fn start(config: &str) -> Option<Self> {
        Self::start_with(config, |_, _| {}, "").await
    }

    /// As [`Sshd::start`]; `prepare` is given the directory and the configuration before the start; `passwd` replaces the
    /// accounts this server sees, which only root can do.
    pub async fn start_with(config: &str, prepare: impl FnOnce(&Path, &mut String), passwd: &str) -> Option<Self> {
        if !has(SSHD) || !has("ssh-keygen") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        // Other users' sessions pass through it.
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = dir.path();
        let key = keygen(path, "client", "ed25519");
        let host_key = keygen(path, "host", "ed25519");
        fs::copy(path.join("client.pub"), path.join("authorized")).unwrap();
        let port = free_port();
        let mut text = format!(
            "Port {port}\nListenAddress 0.0.0.0\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n\
             MaxStartups 1000\nPrintMotd no\n{config}\n",
            path.display()
        );
        prepare(path, &mut text);
        fs::write(path.join("config"), text).unwrap();
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let start = format!("exec {SSHD} -D -f {0}/config -E {0}/log", path.display());
        let mut command = if passwd.is_empty() {
            let mut command = Command::new("sh");
            command.args(["-c", &start]);
            command
        } else {
            fs::write(path.join("passwd"), passwd).unwrap();
            let mut command = Command::new("unshare");
            // With it go what `prepare` put beside it.
            let each = "for f in passwd shadow sudoers; do [ ! -e $d/$f ] || mount --bind $d/$f /etc/$f || exit; done";
            let script = format!("d={}; {each}; {start}", path.display());
            command.args(["--mount", "sh", "-c", &script]);
            command
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let user = run("id", &["-un"]).trim().to_owned();
        let sshd = Self { dir, port, user, key, host_key, child };
        wait_for("sshd listens", || {
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1)).is_ok()
        })
        .await;
        Some(sshd)
    }

    /// The server under one of its many addresses, with its key pinned.
    pub fn host(&self, name: &str, address: &str) -> PlannedHost {
        kit::host(name, address, self.port, &self.user, Trust::Keys(vec![public(&self.host_key)]))
    }

    /// What it logged.
    pub fn log(&self) -> String {
        kit::read(&self.dir.path().join("log"))
    }

    /// How often something stands in the log.
    pub fn logged(&self, words: &str) -> usize {
        self.log().matches(words).count()
    }

    /// Ends the server and every session of it, as a power cut would.
    pub fn cut(&self) {
        let id = self.child.id();
        run("sh", &["-c", &format!("pkill -KILL -P {id}; kill -KILL {id}; true")]);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An executor with the key that `sshd` lets in.
pub fn executor(sshd: &Sshd) -> Executor {
    with_settings(sshd, |_| {})
}

/// As [`executor`], with other settings.
pub fn with_settings(sshd: &Sshd, change: impl FnOnce(&mut Settings)) -> Executor {
    let mut settings = kit::settings();
    settings.keys = vec![sshd.key.clone()];
    change(&mut settings);
    Executor::new(settings, kit::secrets(&[("token", "s3cr3t-'quoted'-value")]))
}

/// What comes of trying to reach a host.
pub async fn reach(executor: &Executor, host: PlannedHost) -> Came {
    kit::carry(executor, kit::order(host, Job::Reach)).await
}

/// It was refused for that reason, and nothing began.
pub fn refused(came: &Came, reason: Reason) {
    assert_eq!(came.result(), &CellResult::Refused(reason), "{}", came.outcome.saw);
    assert_eq!(came.group, None);
}

/// A running agent.
pub struct Agent {
    pub socket: PathBuf,
    child: Child,
    _dir: TempDir,
}

impl Agent {
    /// An agent that holds these keys.
    pub fn start(keys: &[&Path]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a", socket.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its socket once it listens.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        for key in keys {
            let added = Command::new("ssh-add").arg(key).env("SSH_AUTH_SOCK", &socket).stderr(Stdio::null()).status();
            assert!(added.unwrap().success());
        }
        Self { socket, child, _dir: dir }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
