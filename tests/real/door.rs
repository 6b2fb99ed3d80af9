//! The door from the network: the product served at a port of its own, and the clients people have.

use super::fleet::Fleet;
use super::keys::{KeyPair, KeyType, run};
use super::process::{Daemon, new_mark};
use super::product::Product;
use super::tmux::Tmux;
use super::wait::{SOON, until};
use super::{account, built, program};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A server with a door, the keys of its people and of an authority it trusts.
#[derive(Debug)]
pub struct Served {
    // The server first: it ends before its data go.
    daemon: Daemon,
    pub product: Product,
    pub port: u16,
    pub ada: KeyPair,
    pub grace: KeyPair,
    pub ca: KeyPair,
    /// Of a machine of grace's.
    pub machine: KeyPair,
}

impl Served {
    /// `sign_in` is what the site says under that name beside its authority.
    pub fn start(fleet: &Fleet, runbooks: &[(&str, &str)], sign_in: &str) -> Served {
        Served::prepared(fleet, runbooks, sign_in, |_| ())
    }

    /// The same, with whatever `prepare` changes of the site before it is served.
    pub fn prepared(fleet: &Fleet, runbooks: &[(&str, &str)], sign_in: &str, prepare: impl FnOnce(&Product)) -> Served {
        let product = Product::new(fleet, runbooks);
        let keys = product.at("people");
        fs::create_dir(&keys).unwrap();
        let [ada, grace, ca, machine] =
            ["ada", "grace", "ca", "machine"].map(|name| KeyPair::generate(&keys, name, KeyType::Ed25519));
        let (site, people) = (product.at("site/quarterdeck.toml"), product.at("site/people.toml"));
        let text = fs::read_to_string(&site).unwrap().replace("[site]\n", "[site]\nadministrators = [\"grace\"]\n");
        fs::write(&site, format!("{text}[sign_in]\nuser_ca = [\"{}\"]\n{sign_in}\n", ca.public_line())).unwrap();
        let text = fs::read_to_string(&people).unwrap();
        let with = |text: &str, id: &str, lines: &str| {
            text.replace(&format!("id   = \"{id}\"\n"), &format!("id   = \"{id}\"\n{lines}"))
        };
        let text = with(&text, "ada", &format!("keys = [\"{}\"]\nprincipals = [\"ada@corp\"]\n", ada.public_line()));
        let text = with(&text, "grace", &format!("keys = [\"{}\"]\n", grace.public_line()));
        let of_grace = format!("machine_of = \"grace\"\nkeys = [\"{}\"]\n", machine.public_line());
        fs::write(&people, format!("{text}\n[[person]]\nid   = \"ci\"\nname = \"CI\"\n{of_grace}")).unwrap();
        // Two people answer for everything, so that what one loads the other accepts.
        let lab = product.at("site/workspaces/lab.toml");
        let text = fs::read_to_string(&lab).unwrap();
        fs::write(
            &lab,
            text.replace("lea = [\"reviewer\"]", "lea = [\"reviewer\", \"owner\", \"approver\"]\nci = [\"operator\"]"),
        )
        .unwrap();
        prepare(&product);
        let (daemon, port) = serve(&product, &[]);
        Served { daemon, product, port, ada, grace, ca, machine }
    }

    /// What the server said when it started.
    pub fn said(&self) -> String {
        self.daemon.log()
    }

    /// Ends the server and starts it anew, at another port.
    pub fn restart(&mut self) {
        self.daemon.kill();
        (self.daemon, self.port) = serve(&self.product, &[]);
    }

    /// The same, with more words to `serve`.
    pub fn restart_with(&mut self, words: &[&str]) {
        self.daemon.kill();
        (self.daemon, self.port) = serve(&self.product, words);
    }

    /// The same as a service whose program lies elsewhere.
    pub fn restart_as(&mut self, program: &Path, environment: &[(&str, &Path)]) {
        self.daemon.kill();
        (self.daemon, self.port) = serve_as(&self.product, program, environment, &[]);
    }

    /// The process that was started, and what became of it.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// OpenSSH's client, with this key alone, as `user`.
    pub fn ssh(&self, key: &Path, user: &str, options: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.options(key)).args(options).arg(format!("{user}@127.0.0.1")).arg("--").args(words);
        command.stdin(Stdio::null()).env_remove("SSH_AUTH_SOCK");
        command
    }

    /// What OpenSSH's client is told wherever it runs.
    pub fn options(&self, key: &Path) -> Vec<String> {
        let known = self.product.at("known_hosts");
        let host_key = fs::read_to_string(self.product.at("data/host_key.pub")).unwrap();
        fs::write(&known, format!("[127.0.0.1]:{} {host_key}", self.port)).unwrap();
        let set = [
            format!("UserKnownHostsFile={}", known.display()),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "ConnectTimeout=20".to_owned(),
            format!("IdentityFile={}", key.display()),
        ];
        let set = set.into_iter().flat_map(|option| ["-o".to_owned(), option]);
        ["-F", "none", "-p", &self.port.to_string()].map(str::to_owned).into_iter().chain(set).collect()
    }

    /// The console of a person over SSH, in a terminal of its own. `None`, said aloud, without tmux.
    pub fn console(&self, (columns, rows): (u16, u16), key: &KeyPair, user: &str, words: &[&str]) -> Option<Tmux> {
        // As the client does where it is installed with its own settings.
        let options = [&["-o".to_owned(), "SendEnv=LC_ALL".to_owned()], &*self.options(&key.private)].concat();
        let target = format!("{user}@127.0.0.1");
        // tmux scrolls by a line to say that the pane is dead: the empty one.
        let command: Vec<&str> = ["sh", "-c", "echo; exec ssh -t \"$@\"", "ssh"]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .chain([target.as_str()])
            .chain(words.iter().copied())
            .collect();
        Tmux::start(columns, rows, &command)
    }

    /// A verb by OpenSSH's client that asks its person nothing.
    pub fn says(&self, key: &Path, user: &str, words: &[&str]) -> Output {
        self.ssh(key, user, &["-o", "BatchMode=yes"], words).output().unwrap()
    }

    /// The same; it must be let in and end well.
    #[track_caller]
    pub fn json(&self, key: &KeyPair, user: &str, words: &[&str]) -> serde_json::Value {
        let said = self.says(&key.private, user, &[words, &["--json"]].concat());
        assert!(said.status.success(), "{words:?}: {said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// Dropbear's client; it reads keys of its own form alone. `None`, said aloud, where it is not installed.
    pub fn dbclient(&self, key: &KeyPair, user: &str, words: &[&str]) -> Option<Command> {
        let (client, convert) = (program("dbclient")?, program("dropbearconvert")?);
        let own = key.private.with_extension("dropbear");
        run(Command::new(convert).args(["openssh", "dropbear"]).arg(&key.private).arg(&own));
        let mut command = Command::new(client);
        // Twice: nothing about the host's key is kept. That it is the right one is the other clients' to find out.
        command.args(["-y", "-y", "-T", "-i"]).arg(own).args(["-p", &self.port.to_string()]);
        command
            .arg(format!("{user}@127.0.0.1"))
            .args(words)
            .env("HOME", self.product.at("people"))
            .stdin(Stdio::null());
        Some(command)
    }

    /// PuTTY's client, which is told the host key. `None`, said aloud, where it is not installed.
    pub fn plink(&self, key: &KeyPair, user: &str, words: &[&str]) -> Option<Command> {
        let (client, convert) = (program("plink")?, program("puttygen")?);
        let own = key.private.with_extension("ppk");
        run(Command::new(convert).arg(&key.private).args(["-O", "private", "-o"]).arg(&own));
        let said = self.said();
        let host_key = said.lines().find_map(|line| line.strip_prefix("host key ")).unwrap().to_owned();
        let mut command = Command::new(client);
        command.args(["-ssh", "-batch", "-noagent", "-hostkey", &host_key, "-i"]).arg(own);
        command.args(["-P", &self.port.to_string(), &format!("{user}@127.0.0.1")]).args(words);
        command.env("HOME", self.product.at("people")).stdin(Stdio::null());
        Some(command)
    }

    /// A certificate for a fresh key named `name`, signed by `ca` with these words of ssh-keygen.
    pub fn certified(&self, name: &str, ca: &KeyPair, words: &[&str]) -> PathBuf {
        let key = KeyPair::generate(&self.product.at("people"), name, KeyType::Ed25519);
        run(Command::new("ssh-keygen")
            .args(["-q", "-I", name])
            .args(words)
            .arg("-s")
            .arg(&ca.private)
            .arg(&key.public));
        key.private
    }

    /// A program that answers every prompt of OpenSSH's client with these digits.
    pub fn answering(&self, digits: &str) -> PathBuf {
        let path = self.product.at(&format!("answer-{digits}"));
        fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>\"$0.asked\"\necho {digits}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// A verb after a key and a code.
    pub fn with_code(&self, key: &Path, user: &str, digits: &str, words: &[&str]) -> Output {
        let mut command = self.ssh(key, user, &["-o", "NumberOfPasswordPrompts=1"], words);
        command.env("SSH_ASKPASS", self.answering(digits)).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", "none");
        command.output().unwrap()
    }

    /// Puts a change of people.toml or quarterdeck.toml into force: grace loads it, lea accepts.
    #[track_caller]
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.product.at(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
        self.product.json("grace", &["site", "load"]);
        let shown = self.product.json("lea", &["site", "show"]);
        let digest = shown["pending"]["site"]["digest"].as_str().unwrap().to_owned();
        self.product.json("lea", &["site", "accept", &digest[..8], "--reason", "looked at"]);
    }
}

/// Starts the server at a port the system picks, and reads which one from what it says.
fn serve(product: &Product, words: &[&str]) -> (Daemon, u16) {
    serve_as(product, Path::new(built()), &[], words)
}

fn serve_as(product: &Product, program: &Path, environment: &[(&str, &Path)], words: &[&str]) -> (Daemon, u16) {
    let log = product.at(&format!("serve-{}.log", new_mark()));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).env("HOME", product.at(".")).env_remove("SSH_AUTH_SOCK");
    command.envs(environment.iter().copied());
    for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
        command.arg(flag).arg(product.at(name));
    }
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(words);
    let mut daemon = Daemon::spawn(command, &new_mark(), &log);
    let port = until("the door to be open", SOON, || {
        let said = daemon.log();
        if let Some(status) = daemon.ended() {
            panic!("the server ended with {status}: {said}");
        }
        let port = said.lines().find_map(|line| line.strip_prefix("serving SSH at 127.0.0.1:")?.parse().ok());
        port.filter(|_| said.contains("host key SHA256:")).ok_or(said)
    });
    (daemon, port)
}

/// The account the tests run as: one of ada's names at the door.
pub fn own_account() -> String {
    account::own_name()
}
