//! The other server of SSH that hosts run, with an account of its own that only it sees.

use super::kit;
use super::sshd::{free_port, has, is_root, keygen, run, wait_for};
use crate::domain::plan::PlannedHost;
use crate::domain::workspace::Trust;
use crate::executor::Executor;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The number of the account and of its group.
const OPS: u32 = 4242;

/// A running server.
pub struct Dropbear {
    dir: TempDir,
    port: u16,
    key: PathBuf,
    host_key: String,
    child: Child,
}

impl Dropbear {
    /// `None`, said aloud, where it is not installed or no account can be made up.
    pub async fn start() -> Option<Self> {
        if !is_root() || !has("dropbear") || !has("dropbearkey") || !has("ssh-keygen") || !has("unshare") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let key = keygen(path, "client", "ed25519");
        let keys = path.join("home/.ssh");
        fs::create_dir_all(&keys).unwrap();
        fs::copy(key.with_extension("pub"), keys.join("authorized_keys")).unwrap();
        for (of, mode) in [(path.join("home"), 0o700), (keys.clone(), 0o700), (keys.join("authorized_keys"), 0o600)] {
            chown(&of, Some(OPS), Some(OPS)).unwrap();
            fs::set_permissions(&of, fs::Permissions::from_mode(mode)).unwrap();
        }
        let passwd = format!("root:x:0:0:root:/root:/bin/sh\nops:x:{OPS}:{OPS}::{}/home:/bin/sh\n", path.display());
        fs::write(path.join("passwd"), passwd).unwrap();
        let host = path.join("host");
        let shown = run("dropbearkey", &["-t", "ed25519", "-f", host.to_str().unwrap()]);
        let host_key = shown.lines().find(|line| line.starts_with("ssh-ed25519")).unwrap().to_owned();
        let port = free_port();
        let start = format!(
            "mount --bind {0}/passwd /etc/passwd && exec dropbear -F -E -s -p 127.0.0.1:{port} -r {0}/host -P {0}/pid",
            path.display()
        );
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &start])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let dropbear = Self { dir, port, key, host_key, child };
        wait_for("dropbear listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Some(dropbear)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        kit::read(&self.dir.path().join("log"))
    }

    /// It as a host, its key pinned.
    pub fn host(&self) -> PlannedHost {
        kit::host("web-1", "127.0.0.1", self.port, "ops", Trust::Keys(vec![self.host_key.clone()]))
    }

    /// An executor with the key that it lets in.
    pub fn executor(&self) -> Executor {
        Executor::new(crate::executor::Settings { keys: vec![self.key.clone()], ..kit::settings() }, kit::secrets(&[]))
    }
}

impl Drop for Dropbear {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
