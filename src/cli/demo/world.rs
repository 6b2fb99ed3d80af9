//! The demo's files: a site of five plainly fictional people and four hosts, written where the demo lives.

use super::{Failure, hosts};
use crate::cli::Exit;
use crate::cli::surroundings::Surroundings;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

macro_rules! embedded {
    ($root:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!($root, $name)))),*]
    };
}

/// The demo's own site, beside the runbooks that ship.
const SITE: &[(&str, &str)] = embedded!("site/":
    "quarterdeck.toml",
    "people.toml",
    "workspaces/prod-web.toml",
    "workspaces/prod-db.toml",
    "workspaces/staging-web.toml",
    "workspaces/lab.toml",
);

/// The runbooks that ship, with their templates and texts.
const RUNBOOKS: &[(&str, &str)] = embedded!("../../../runbooks/":
    "access-review.toml",
    "disaster-recovery.toml",
    "disk-cleanup.toml",
    "host-maintenance.toml",
    "lift-release-freeze.toml",
    "p1-incident.toml",
    "p1-incident-de.toml",
    "planned-change.toml",
    "secrets-rotation.toml",
    "security-event.toml",
    "service-restart.toml",
    "slo-breach.toml",
    "templates/change-record.toml",
    "templates/host-baseline.toml",
    "templates/http-service.toml",
    "templates/slo-gate.toml",
);

/// What stands in for programs a demo must not touch, and what furnishes a host.
const SHIMS: &[(&str, &str)] = embedded!("hosts/bin/": "apt-get", "curl", "systemctl");
const SEED: &str = include_str!("hosts/seed.sh");

/// The hosts.
const HOSTS: [&str; 4] = ["web-1", "web-2", "db-1", "edge-1"];

/// The token that the rotation's runbook asks for, and where the shipped runbook looks for it.
const TOKEN: &str = "demo-token-of-november";
const TOKEN_PLACE: &str = "/etc/quarterdeck/secrets/service-token";

/// The socket's name in the demo's directory.
pub const SOCKET: &str = "data.sock";

/// Where the demo's parts lie.
pub struct Ground {
    /// The site.
    pub site: PathBuf,
    /// The data.
    pub data: PathBuf,
    /// The socket.
    pub socket: PathBuf,
}

/// Furnishes the hosts, starts them, and writes the site that names them.
pub async fn build(
    root: &Path,
    around: &Surroundings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Ground, Failure> {
    let ground = Ground { site: root.join("site"), data: root.join("data"), socket: root.join(SOCKET) };
    let login = fresh_key()?;
    make_dir(&ground.data.join("keys"))?;
    let openssh =
        login.to_openssh(russh::keys::ssh_key::LineEnding::LF).map_err(|error| wrong("a login key", &error))?;
    write(&ground.data.join("keys/id_ed25519"), openssh.as_bytes(), 0o600)?;
    let mut started = BTreeMap::new();
    for name in HOSTS {
        let home = root.join("hosts").join(name);
        furnish(&home, name)?;
        let host = hosts::start(home, fresh_key()?, login.public_key(), tasks, stop.clone()).await?;
        started.insert(name, host);
    }
    let token = root.join("service-token");
    write(&token, format!("{TOKEN}\n").as_bytes(), 0o600)?;
    let account = around.account().unwrap_or_else(|| "nobody".to_owned());
    for (name, text) in SITE {
        let text = match name.starts_with("workspaces/") {
            true => with_hosts(text, &started),
            false => text.replace("\"DEMO\"", &format!("\"{account}\"")),
        };
        write(&ground.site.join(name), text.as_bytes(), 0o644)?;
    }
    for (name, text) in RUNBOOKS {
        let text = text.replace(TOKEN_PLACE, &token.display().to_string());
        write(&ground.site.join("runbooks").join(name), text.as_bytes(), 0o644)?;
    }
    Ok(ground)
}

/// Puts the real port and key of each host where the file has its placeholders.
fn with_hosts(text: &str, hosts: &BTreeMap<&str, hosts::Host>) -> String {
    let mut lines = Vec::new();
    let mut current: Option<&hosts::Host> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("name").and_then(|rest| rest.split('"').nth(1)) {
            current = hosts.get(name);
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        lines.push(match (key, current) {
            ("port", Some(host)) => format!("port     = {}", host.port),
            ("host_key", Some(host)) => format!("host_key = \"{}\"", host.key),
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

fn furnish(home: &Path, name: &str) -> Result<(), Failure> {
    for (shim, text) in SHIMS {
        write(&home.join("bin").join(shim), text.as_bytes(), 0o755)?;
    }
    let seed = home.with_extension("seed");
    write(&seed, SEED.as_bytes(), 0o644)?;
    let furnished = std::process::Command::new("sh")
        .arg(&seed)
        .arg(name)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin", home.display()))
        .output()
        .map_err(|error| wrong("the demo host's furnishing", &error))?;
    if !furnished.status.success() {
        return Err(wrong("the demo host's furnishing", &String::from_utf8_lossy(&furnished.stderr)));
    }
    fs::remove_file(&seed).map_err(|error| wrong("the demo host's furnishing", &error))
}

fn fresh_key() -> Result<PrivateKey, Failure> {
    use crate::ledger::Entropy as _;
    let mut seed = [0; 32];
    crate::ledger::OsEntropy.fill(&mut seed).map_err(|error| wrong("a key", &error))?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

fn make_dir(dir: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| wrong(&dir.display().to_string(), &error))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| wrong(&path.display().to_string(), &error);
    if let Some(dir) = path.parent() {
        make_dir(dir)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)
}

fn wrong(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Storage, format!("the demo cannot make {what}: {error}"))
}
