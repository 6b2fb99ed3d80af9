//! The product over a fleet: the built program, a site of two people whose one workspace holds the fleet's hosts, and
//! every act through the program's own verbs.
//!
//! The server is started by whichever verb comes first, as the product does, and is known by the lock of its data.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::account;
use super::fleet::{Fleet, Oddity};
use super::wait::{SOON, until};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_quarterdeck");

/// How long a run over a fleet may take: its hosts share two cores with everything else.
pub const RUN: Duration = Duration::from_secs(90);

/// A site, its data, and the server that serves them; all of it ends on drop. Ada has this account, and may speak as grace.
#[derive(Debug)]
pub struct Product {
    dir: TempDir,
}

impl Product {
    /// A site over the fleet. `runbooks` are whole files: a name and its text.
    pub fn new(fleet: &Fleet, runbooks: &[(&str, &str)]) -> Product {
        let dir = tempfile::Builder::new().prefix("qd-product").tempdir().unwrap();
        let product = Product { dir };
        for made in ["site/workspaces", "site/runbooks", "data/keys"] {
            fs::create_dir_all(product.at(made)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(product.at(name), text).unwrap();
        write("site/quarterdeck.toml", "schema = 1\n[site]\nname = \"fleet\"\n[local]\nallow_as = true\n");
        write("site/people.toml", &PEOPLE.replace("@OWN@", &account::own_name()));
        write("site/workspaces/lab.toml", &workspace(fleet));
        for (name, text) in runbooks {
            write(&format!("site/runbooks/{name}.toml"), text);
        }
        let key = product.at("data/keys/id_ed25519");
        fs::copy(&fleet.user_key.private, &key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        product
    }

    /// Lets the server ask these places over HTTP. Before anything has started it.
    pub fn may_ask(&self, places: &[String]) {
        let file = self.at("site/quarterdeck.toml");
        let text = fs::read_to_string(&file).unwrap() + &format!("[egress]\nallow = {places:?}\n");
        fs::write(file, text).unwrap();
    }

    /// A file or directory of the product's own.
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program with these words, at this site.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_at(["site", "data"], words)
    }

    fn command_at(&self, [site, data]: [&str; 2], words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).env("HOME", self.dir.path()).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        for (flag, name) in [("--site", site), ("--data", data), ("--socket", "socket")] {
            command.arg(flag).arg(self.at(name));
        }
        command
    }

    /// What the program says to these words, spoken by nobody in particular.
    pub fn says(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The same, spoken by a person.
    pub fn tries(&self, who: &str, words: &[&str]) -> Output {
        self.command(words).args(["--json", "--as", who]).output().unwrap()
    }

    /// The same by somebody who has neither site nor data, only the socket: where no server runs none is started.
    pub fn visits(&self, who: &str, words: &[&str]) -> Output {
        self.command_at(["nowhere", "nothing"], words).args(["--json", "--as", who]).output().unwrap()
    }

    /// What a person is answered; it must be a yes.
    #[track_caller]
    pub fn json(&self, who: &str, words: &[&str]) -> Value {
        let said = self.tries(who, words);
        assert!(said.status.success(), "{who} {words:?}: {said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// A run as `runs show` has it.
    #[track_caller]
    pub fn run(&self, id: u64) -> Value {
        self.json("ada", &["runs", "show", &id.to_string()])
    }

    /// Every event of a run, by its index, as `audit list` has it.
    #[track_caller]
    pub fn audit(&self, id: u64) -> BTreeMap<u64, Value> {
        let mut events = BTreeMap::new();
        let id = id.to_string();
        let mut before: Option<String> = None;
        loop {
            let mut words = vec!["audit", "list", "--run", &id, "--limit", "200"];
            if let Some(before) = before.as_deref() {
                words.extend(["--before", before]);
            }
            let page = self.json("ada", &words);
            let rows = page["rows"].as_array().unwrap().iter();
            events.extend(rows.map(|row| (row["index"].as_u64().unwrap(), row.clone())));
            let Some(next) = page["next"].as_u64() else { return events };
            before = Some(next.to_string());
        }
    }

    /// Waits until a run is in one of these phases.
    #[track_caller]
    pub fn until_phase(&self, id: u64, phases: &[&str]) -> Value {
        until(&format!("run {id} to be {phases:?}"), RUN, || {
            let run = self.run(id);
            let over = run["phase"] == "cancelled" && !phases.contains(&"cancelled");
            assert!(!over, "it never gets there: {run:#}");
            match phases.iter().any(|phase| run["phase"] == *phase) {
                true => Ok(run),
                false => Err(format!("{run:#}")),
            }
        })
    }

    /// Proposes as ada; the run's number.
    #[track_caller]
    pub fn propose(&self, runbook: &str) -> u64 {
        let said = self.json("ada", &["propose", runbook, "--in", "lab", "--purpose", "fix"]);
        said["run"].as_u64().unwrap_or_else(|| panic!("{said}"))
    }

    /// Proposes a run that nobody need approve, starts it as ada, and returns its number.
    #[track_caller]
    pub fn start(&self, runbook: &str) -> u64 {
        let id = self.propose(runbook);
        self.until_phase(id, &["approved"]);
        self.json("ada", &["start", &id.to_string()]);
        id
    }

    /// `audit verify` says that the record is whole.
    #[track_caller]
    pub fn verifies(&self) {
        let said = self.says(&["audit", "verify"]);
        assert!(said.status.success(), "{said:?}");
    }

    /// Reads the ledger from its present end on, as it grows.
    pub fn follow(&self) -> Follow {
        let file = File::open(self.ledger()).unwrap();
        let offset = leaves_in(&fs::read(self.ledger()).unwrap()).1 as u64;
        Follow { file, offset }
    }

    /// The process that owns the data; `None` where none ever did.
    pub fn server(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.at("data/lock")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    /// Kills the server where it stands, as the kernel's out-of-memory killer would.
    #[track_caller]
    pub fn kill(&self) {
        let server = self.server().unwrap();
        kill_process(server, Signal::KILL).unwrap();
        until("the server to be gone", SOON, || match is_alive(server) {
            true => Err(format!("{server:?} lives")),
            false => Ok(()),
        });
    }

    /// The file with the leaves of the ledger, as long as there is one.
    pub fn ledger(&self) -> PathBuf {
        self.at(&format!("data/ledger/{:020}.seg", 0))
    }

    /// The leaves of the ledger as they lie on the disk, whether a server runs or not: read by the written format
    /// alone, so that a bug of our own reader cannot hide itself.
    pub fn leaves(&self) -> Vec<Value> {
        leaves_in(&fs::read(self.ledger()).unwrap_or_default()).0
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if let Some(server) = self.server() {
            // An error means that it is gone already.
            let _ = kill_process(server, Signal::KILL);
        }
    }
}

/// The cells of a run on one host, by kind and step.
pub fn cell<'a>(run: &'a Value, host: &str, kind: &str, step: &str) -> Option<&'a Value> {
    let cells = run["cells"].as_array().unwrap();
    cells.iter().find(|cell| cell["host"] == host && cell["kind"] == kind && cell["step"] == step)
}

/// A cell's state and its reason's code: `ok`, `refused hostkey.mismatch`; `waiting` where nothing happened.
pub fn state(run: &Value, host: &str, kind: &str, step: &str) -> String {
    let Some(cell) = cell(run, host, kind, step) else {
        return "waiting".to_owned();
    };
    let state = cell["state"].as_str().unwrap();
    cell["reason"].as_str().map_or_else(|| state.to_owned(), |reason| format!("{state} {reason}"))
}

/// Runs that still exist as processes; a zombie has ended.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// See [`Product::follow`].
#[derive(Debug)]
pub struct Follow {
    file: File,
    offset: u64,
}

impl Follow {
    /// The leaves that came since the last look.
    pub fn new_leaves(&mut self) -> Vec<Value> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.offset)).unwrap();
        self.file.read_to_end(&mut bytes).unwrap();
        let (leaves, taken) = leaves_in(&bytes);
        self.offset += taken as u64;
        leaves
    }
}

/// Whole records of `len u32 | crc32c u32 | index u64 | leaf`, and the bytes they take.
fn leaves_in(mut bytes: &[u8]) -> (Vec<Value>, usize) {
    let (mut leaves, all) = (Vec::new(), bytes.len());
    while let Some((head, rest)) = bytes.split_at_checked(16) {
        let len = u32::from_le_bytes(head[..4].try_into().unwrap());
        let Some((leaf, rest)) = rest.split_at_checked(len as usize) else {
            break;
        };
        let Ok(leaf) = serde_json::from_slice(leaf) else { break };
        leaves.push(leaf);
        bytes = rest;
    }
    (leaves, all - bytes.len())
}

const PEOPLE: &str = r#"schema = 1

[[person]]
id   = "ada"
name = "Ada"
unix = ["@OWN@"]

[[person]]
id   = "grace"
name = "Grace"
unix = ["quarterdeck-test-grace"]

[[person]]
id   = "lea"
name = "Lea"
unix = ["quarterdeck-test-lea"]
"#;

/// The fleet as a workspace; every host is pinned to the fleet's key, also the one that answers with another.
fn workspace(fleet: &Fleet) -> String {
    let head = "schema = 1\n\n[workspace]\nid = \"lab\"\ntitle = \"Lab\"\nenvironment = \"lab\"\ncolour = \"green\"\n\
        baseline_tags = [\"baseline\"]\nduties = [\"commander\"]\nowner = \"grace\"\n\n\
        [members]\nada = [\"operator\"]\ngrace = [\"operator\", \"approver\", \"owner\"]\nlea = [\"reviewer\"]\n\n\
        [policy]\napproval_expiry = \"4h\"\nexecution_expiry = \"24h\"\n";
    let key = fleet.host_key.public_line();
    let servers = fleet.hosts().iter().map(|host| {
        let odd = host.oddity.map_or("plain", |oddity| match oddity {
            Oddity::WrongHostKey => "wrong-key",
            Oddity::Refusing => "refusing",
            Oddity::Hanging => "hanging",
            Oddity::MissingShell => "no-shell",
            Oddity::UnknownUserKey => "unknown-key",
        });
        format!(
            "\n[[server]]\nname = \"{}\"\naddress = \"{}\"\nport = {}\nuser = \"{}\"\ngroups = [\"fleet\"]\n\
             tags = [\"{odd}\"]\nhost_key = \"{key}\"\n",
            host.name, host.address, host.port, host.user
        )
    });
    head.to_owned() + &servers.collect::<String>()
}

/// A runbook of the fleet: low impact, a draft, as a lab may run it. `rest` is everything after `[targets]`' selector.
pub fn runbook(id: &str, rest: &str) -> String {
    format!(
        "schema = 1\n\n[runbook]\nid = \"{id}\"\ntitle = \"{id}\"\nkind = \"maintenance\"\nversion = \"1.0.0\"\n\
         status = \"draft\"\nowner = \"platform\"\nimpact = \"low\"\n\n\
         [scope]\nchanges = \"Files in home directories.\"\nwhy = \"To be looked at.\"\nexpected = \"They are there.\"\n\n\
         [targets]\nselect = \"group:fleet\"\n{rest}\n[rollback]\nplan = \"Remove the files.\"\n"
    )
}

#[test]
fn leaves_are_read_up_to_a_torn_one() {
    let record = |leaf: &[u8]| {
        let len = u32::try_from(leaf.len()).unwrap().to_le_bytes();
        [&len[..], &[0; 12], leaf].concat()
    };
    let bytes = [record(br#"{"i":0}"#), record(br#"{"i":1}"#), record(br#"{"i":2}"#)].concat();
    assert_eq!((leaves_in(&bytes).0.len(), leaves_in(&bytes).1), (3, bytes.len()));
    let torn = leaves_in(&bytes[..bytes.len() - 1]);
    assert_eq!(torn.0, [serde_json::json!({"i": 0}), serde_json::json!({"i": 1})]);
    assert_eq!(torn.1, bytes.len() / 3 * 2);
}
