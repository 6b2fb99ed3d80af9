//! What it costs to run `true` on 64 real hosts, beside clush, pdsh and Ansible on the same addresses and a bare russh client.
//!
//! Ours is a governed run from its start to its end: hosts reached again, host keys checked, every intent and outcome in the
//! ledger, output searched for a secret. Peers are called as installed, with known host keys, and once with the key
//! exchange that both sides of ours speak. Never a timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;
#[path = "common/ground.rs"]
mod ground;
#[path = "../tests/real/mod.rs"]
mod real;

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{figure, machine, note, used};
use ground::Ground;
use quarterdeck::domain::run::{CellState, Ending, Phase, Run};
use real::{Fleet, Host};
use russh::client::{self, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, cipher, kex};
use tokio::task::JoinSet;

const HOSTS: usize = 64;

/// Ours and the bare client take turns so often; the others are too slow for more than once.
const ROUNDS: u32 = 2;

/// What one tool needed for all hosts.
#[derive(Clone, Copy)]
struct Needed {
    cpu: Duration,
    wall: Duration,
}

impl Needed {
    fn cpu_ms_per_host(self) -> f64 {
        self.cpu.as_secs_f64() * 1_000.0 / HOSTS as f64
    }

    fn mean(all: &[Needed]) -> Needed {
        let count = u32::try_from(all.len()).unwrap();
        let sum = |of: fn(&Needed) -> Duration| all.iter().map(of).sum::<Duration>() / count;
        Needed { cpu: sum(|one| one.cpu), wall: sum(|one| one.wall) }
    }
}

fn main() {
    let Some(fleet) = Fleet::plan(HOSTS).start() else {
        note("fanout: no OpenSSH server here, so there is no figure");
        machine();
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ground = Ground::of_fleet(&fleet);
    ground.runbook("fan", "true");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let (handle, engine) = ground.open().await;
        for _ in 0..ROUNDS {
            bare.push(measured(bare_client(&fleet)).await);
            let id = ground::approved(&handle, "fan").await;
            let (before, begun) = (used::cpu(std::process::id()), Instant::now());
            let (_, _, run) = ground::carried_out(&handle, id).await;
            ours.push(Needed { cpu: used::cpu(std::process::id()) - before, wall: begun.elapsed() });
            went_well(&run);
        }
        handle.shut_down().await;
        engine.ended().await;
    });
    let (ours, bare) = (Needed::mean(&ours), Needed::mean(&bare));
    let peers = [
        ("clush", "clush", clush(&fleet, &[])),
        ("clush-curve25519", "clush", clush(&fleet, &["-o", "KexAlgorithms=curve25519-sha256"])),
        ("pdsh", "pdsh", pdsh(&fleet)),
        ("ansible", "ansible", ansible(&fleet)),
    ];
    let cost = ours.cpu_ms_per_host();
    for (name, program, command) in peers {
        match command.and_then(whole) {
            Some(peer) => {
                let theirs = peer.cpu_ms_per_host();
                note(&format!("{name} took {:.2} s and {theirs:.1} ms of processor a host", peer.wall.as_secs_f64()));
                figure("fanout_cpu_ms_per_host", cost, "ms", name, theirs / cost, "2.5");
            }
            None => note(&format!("{program} is not installed: no figure beside {name}")),
        }
    }
    figure("fanout_cpu_ms_per_host", cost, "ms", "bare-russh", bare.cpu_ms_per_host() / cost, "2.5");
    let (wall, bare_wall) = (ours.wall.as_secs_f64(), bare.wall.as_secs_f64());
    figure("fanout_wall_s", wall, "s", "bare-russh", bare_wall / wall, &format!("{:.3}", bare_wall * 1.15));
    machine();
}

fn went_well(run: &Run) {
    assert_eq!(run.phase, Phase::Ended(Ending::Unverified), "{:?}", run.cells);
    let done = run.cells.values().filter(|cell| cell.state == CellState::Ok).count();
    assert_eq!(done, 2 * HOSTS, "each host reached, each host's step done");
}

async fn measured(work: impl Future<Output = ()>) -> Needed {
    let (before, begun) = (used::cpu(std::process::id()), Instant::now());
    work.await;
    Needed { cpu: used::cpu(std::process::id()) - before, wall: begun.elapsed() }
}

/// A client that trusts everybody and keeps nothing: what the protocol alone costs.
struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn bare_client(fleet: &Fleet) {
    let key = Arc::new(load_secret_key(&fleet.user_key.private, None).unwrap());
    let preferred = russh::Preferred {
        kex: Cow::Borrowed(&[kex::CURVE25519]),
        cipher: Cow::Borrowed(&[cipher::AES_256_GCM]),
        ..russh::Preferred::default()
    };
    let config = Arc::new(client::Config { preferred, nodelay: true, ..client::Config::default() });
    let mut all = JoinSet::new();
    for Host { address, port, user, .. } in fleet.hosts().iter().cloned() {
        let (key, config) = (Arc::clone(&key), Arc::clone(&config));
        all.spawn(async move { on_one(config, key, address, port, user).await });
    }
    let ended = all.join_all().await;
    assert!(ended.iter().all(|status| *status == Some(0)), "{ended:?}");
}

async fn on_one(
    config: Arc<client::Config>,
    key: Arc<russh::keys::PrivateKey>,
    address: Ipv4Addr,
    port: u16,
    user: String,
) -> Option<u32> {
    let mut session = client::connect(config, (address, port), Trusting).await.unwrap();
    let signed_in = session.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, None)).await.unwrap();
    assert!(signed_in.success());
    let mut channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "true").await.unwrap();
    let mut status = None;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        }
    }
    status
}

/// Options for OpenSSH's client: our key, known host keys, nothing of this machine's own settings.
fn options(fleet: &Fleet) -> Vec<String> {
    let known = format!("UserKnownHostsFile={}", fleet.known_hosts().display());
    let port = fleet.hosts()[0].port.to_string();
    let key = fleet.user_key.private.display().to_string();
    let mut options: Vec<String> = ["-F", "none", "-i", &key, "-p", &port].map(str::to_owned).into();
    for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", &known] {
        options.extend(["-o".to_owned(), option.to_owned()]);
    }
    options
}

fn addresses(fleet: &Fleet) -> String {
    fleet.hosts().iter().map(|host| host.address.to_string()).collect::<Vec<_>>().join(",")
}

fn clush(fleet: &Fleet, more: &[&str]) -> Option<Command> {
    let mut command = Command::new(real::program("clush")?);
    let options = [options(fleet), more.iter().map(|word| (*word).to_owned()).collect()].concat().join(" ");
    command.args(["-q", "-S", "-f", &HOSTS.to_string(), "-l", &fleet.hosts()[0].user, "-o", &options]);
    command.args(["-w", &addresses(fleet), "true"]);
    Some(command)
}

fn pdsh(fleet: &Fleet) -> Option<Command> {
    let mut command = Command::new(real::program("pdsh")?);
    command.env("PDSH_SSH_ARGS_APPEND", options(fleet).join(" "));
    command.args(["-S", "-R", "ssh", "-f", &HOSTS.to_string(), "-l", &fleet.hosts()[0].user]);
    command.args(["-w", &addresses(fleet), "true"]);
    Some(command)
}

/// Without Python on the hosts, without facts: no more than the command, as the others.
fn ansible(fleet: &Fleet) -> Option<Command> {
    let mut command = Command::new(real::program("ansible")?);
    let host = &fleet.hosts()[0];
    let known = format!("-F none -o UserKnownHostsFile={} -o ControlMaster=no", fleet.known_hosts().display());
    command.args(["all", "-i", &format!("{},", addresses(fleet)), "-f", &HOSTS.to_string(), "-u", &host.user]);
    command.args(["-e", &format!("ansible_port={}", host.port), "--private-key"]).arg(&fleet.user_key.private);
    command.args(["--ssh-common-args", &known, "-m", "ansible.builtin.raw", "-a", "true"]);
    command.env("ANSIBLE_HOST_KEY_CHECKING", "True").env("ANSIBLE_NOCOLOR", "1");
    Some(command)
}

/// Runs a peer to its end; nothing where it failed, for a failed run is no peer.
fn whole(mut command: Command) -> Option<Needed> {
    let (before, begun) = (used::cpu_of_children(), Instant::now());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let wall = begun.elapsed();
    if !output.status.success() {
        note(&format!(
            "{}: {}: {}",
            command.get_program().display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
        return None;
    }
    Some(Needed { cpu: used::cpu_of_children() - before, wall })
}
