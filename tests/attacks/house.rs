//! The house that is attacked: one site, served at a socket and at a port, seven people and a machine with their accounts
//! and keys; and the doors by which each of them says a verb.
//!
//! The accounts are ones that every system has, so that the kernel's own word says who somebody is and none is made.

use crate::attacks::doors::in_leaves;
use crate::real::account::{acting, uid_of};
use crate::real::door::own_account;
use crate::real::keys::run;
use crate::real::product::{Product, runbook};
use crate::real::{Fleet, KeyPair, KeyType, Served, built};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Whose account is which. Ada's are the tests' own, and another one.
const ACCOUNTS: [(&str, &str); 5] =
    [("grace", "daemon"), ("lea", "bin"), ("kim", "sys"), ("vic", "man"), ("zoe", "lp")];

/// An account of ada's beside her first.
pub const SECOND_ACCOUNT: &str = "games";

/// An account that is nobody here.
pub const NOBODY: &str = "nobody";

/// Ada operates; grace and lea approve, review and own; kim commands; vic looks on; ci is a machine of grace's.
const MEMBERS: &str = "ada = [\"operator\"]\ngrace = [\"operator\", \"approver\", \"owner\"]\n\
    lea = [\"reviewer\", \"owner\", \"approver\"]\nkim = [\"commander\"]\nvic = [\"viewer\"]\nci = [\"operator\"]\n";

const LAB_POLICY: &str = "break_glass = \"commander\"\nsecond_factor = \"high\"\n";

/// Beside the lab, places that differ in one thing: what they ask for, or when they let begin.
const PLACES: [(&str, &str, &str); 4] = [
    ("two", "[[policy.quorum]]\nimpact = \"medium\"\nfrom = [{ role = \"approver\", n = 2 }]\n", ""),
    (
        "both",
        "[[policy.quorum]]\nimpact = \"medium\"\nfrom = [{ role = \"approver\", n = 1 }, { role = \"owner\", n = 1 }]\n",
        "",
    ),
    (
        "iced",
        "",
        "[[freeze]]\nname = \"for ever\"\nfrom = 2020-01-01T00:00:00\nto = 2099-01-01T00:00:00\nzone = \"UTC\"\n",
    ),
    ("shut", "", "[[window]]\nname = \"leap\"\nstart = \"0 3 29 2 *\"\nlasts = \"1h\"\nzone = \"UTC\"\n"),
];

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = \"true\"\neffect = \"read\"\n";
const VERIFY: &str = "[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";
const FAILS: &str = "[[step]]\nid = \"break\"\nrun = \"echo did >>$HOME/did; false\"\neffect = \"once\"\nundo = \"true\"\non_failure = \"stop\"\n";
const BY_HAND: &str = "[[step]]\nid = \"hand\"\nkind = \"manual\"\ntext = \"Turn the handle.\"\neffect = \"once\"\n";

/// Only what is not of one's own draft waits for another person.
const APPROVED: &str = "\"approved\"\nlast_reviewed = 2026-01-01\nnext_review = 2099-01-01";

/// The runbooks: of medium impact, of high impact, one that fails, one that waits for a hand, one that somebody edited.
fn runbooks() -> [(&'static str, String); 5] {
    let of = |id: &str, steps: &str, impact: &str| {
        runbook(id, &format!("{steps}{VERIFY}")).replace("impact = \"low\"", &format!("impact = \"{impact}\""))
    };
    [
        ("grave", of("grave", LOOK, "medium").replace("\"draft\"", APPROVED)),
        ("grim", of("grim", LOOK, "high")),
        ("breaks", of("breaks", FAILS, "medium")),
        ("hold", of("hold", BY_HAND, "low")),
        ("edited", of("edited", LOOK, "medium")),
    ]
}

/// A way to say a verb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// The socket, as an account of this system.
    Account,
    /// The socket, by `--as`.
    As,
    /// The port, with OpenSSH's client.
    Ssh,
}

impl Door {
    pub const ALL: [Door; 3] = [Door::Account, Door::As, Door::Ssh];
}

/// A site that is served. The fleet goes last.
#[derive(Debug)]
pub struct House {
    pub served: Served,
    keys: BTreeMap<&'static str, KeyPair>,
    program: PathBuf,
    _fleet: Fleet,
}

impl House {
    /// `None`, said aloud, where something it needs is not installed.
    pub fn new() -> Option<House> {
        let fleet = Fleet::plan(1).start()?;
        crate::real::program("git")?;
        let runbooks = runbooks();
        let runbooks = runbooks.each_ref().map(|(name, text)| (*name, text.as_str()));
        let mut keys = BTreeMap::new();
        let on_call = "on_call = [\"127.0.0.0/8\"]";
        let served = Served::prepared(&fleet, &runbooks, on_call, |product| keys = furnish(product));
        for (who, key) in [("ada", &served.ada), ("grace", &served.grace), ("ci", &served.machine)] {
            keys.insert(who, KeyPair { private: key.private.clone(), public: key.public.clone() });
        }
        // Everybody may knock; the data are the server's own.
        fs::set_permissions(served.product.at("."), Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(served.product.at("data"), Permissions::from_mode(0o700)).unwrap();
        let program = served.product.at("quarterdeck");
        fs::copy(built(), &program).unwrap();
        Some(House { served, keys, program, _fleet: fleet })
    }

    pub fn product(&self) -> &Product {
        &self.served.product
    }

    /// The program as an account of this system, with nothing but the socket.
    pub fn as_account(&self, account: &str) -> Option<Command> {
        let mut command = acting(account, &self.program)?;
        for (flag, name) in [("--site", "nowhere"), ("--data", "nothing"), ("--socket", "socket")] {
            command.arg(flag).arg(self.product().at(name));
        }
        Some(command)
    }

    /// The same as the account of a person; ada's is the tests' own.
    pub fn as_person(&self, who: &str) -> Option<Command> {
        if who == "ada" {
            return Some(self.product().command(&[]));
        }
        self.as_account(ACCOUNTS.iter().find(|(person, _)| *person == who)?.1)
    }

    pub fn key(&self, who: &str) -> Option<&KeyPair> {
        self.keys.get(who)
    }

    /// A verb through a door; `None` where that door is not for this person, or not to be had here.
    pub fn command(&self, door: Door, who: &str, words: &[&str]) -> Option<Command> {
        let mut command = match door {
            Door::Account => self.as_person(who)?,
            Door::As if who == "ada" => return None,
            Door::As => {
                let mut command = self.as_person("ada")?;
                command.args(["--as", who]);
                command
            }
            Door::Ssh => {
                // What is typed behind a host's name is a line there.
                let line = shlex::try_join(words.iter().copied()).unwrap();
                return Some(self.served.ssh(&self.key(who)?.private, who, &["-o", "BatchMode=yes"], &[&line]));
            }
        };
        command.args(words);
        Some(command)
    }

    /// What is answered to it, in JSON.
    pub fn says(&self, door: Door, who: &str, words: &[&str]) -> Option<Output> {
        Some(self.command(door, who, &[words, &["--json"]].concat())?.output().unwrap())
    }

    /// How the record writes the door.
    pub fn written(&self, door: Door, who: &str) -> Value {
        let own = uid_of(&own_account());
        match door {
            Door::Account if who == "ada" => json!({"socket": {"uid": own}}),
            Door::Account => {
                let account = ACCOUNTS.iter().find(|(person, _)| *person == who).map(|(_, account)| *account);
                json!({"socket": {"uid": account.and_then(uid_of)}})
            }
            Door::As => json!({"as": {"uid": own}}),
            Door::Ssh => json!({"ssh": {"key": self.key(who).map(in_leaves)}}),
        }
    }

    /// What a person is answered at the socket; it must be a yes.
    #[track_caller]
    pub fn json(&self, who: &str, words: &[&str]) -> Value {
        self.product().json(who, words)
    }

    /// A run that ada asked for, once it waits: its number and its code.
    #[track_caller]
    pub fn waits(&self, runbook: &str, place: &str) -> (u64, String) {
        let said = self.json("ada", &["propose", runbook, "--in", place, "--purpose", "fix"]);
        self.until_waiting(&said)
    }

    #[track_caller]
    pub fn until_waiting(&self, said: &Value) -> (u64, String) {
        let id = said["run"].as_u64().unwrap_or_else(|| panic!("{said}"));
        let run = self.product().until_phase(id, &["waiting"]);
        (id, run["code"].as_str().unwrap().to_owned())
    }

    /// One that lea has approved.
    #[track_caller]
    pub fn approved(&self, runbook: &str, place: &str) -> u64 {
        let (id, code) = self.waits(runbook, place);
        self.json("lea", &["approve", &id.to_string(), "--code", &code, "--reason", "read"]);
        self.product().until_phase(id, &["approved"]);
        id
    }
}

/// Writes the people and places, and has git say who changed what; the keys of those who have none yet.
fn furnish(product: &Product) -> BTreeMap<&'static str, KeyPair> {
    let keys = ["lea", "kim", "vic", "zoe", "ada-2"];
    let keys = keys.map(|who| (who, KeyPair::generate(&product.at("people"), who, KeyType::Ed25519)));
    let keys = BTreeMap::from(keys);
    let people = product.at("site/people.toml");
    let mut text = fs::read_to_string(&people).unwrap();
    text = text.replace("quarterdeck-test-grace", "daemon").replace("quarterdeck-test-lea", "bin");
    text = text.replace(
        "id   = \"lea\"\n",
        &format!("id   = \"lea\"\ngit = [\"lea@corp\"]\nkeys = [\"{}\"]\n", keys["lea"].public_line()),
    );
    // Ada's second key and account.
    text = text.replacen("keys = [\"", &format!("keys = [\"{}\", \"", keys["ada-2"].public_line()), 1);
    text = text.replace(
        &format!("unix = [\"{}\"]", own_account()),
        &format!("unix = [\"{}\", \"{SECOND_ACCOUNT}\"]", own_account()),
    );
    for who in ["kim", "vic", "zoe"] {
        let account = ACCOUNTS.iter().find(|(person, _)| *person == who).map(|(_, account)| *account).unwrap();
        let key = keys[who].public_line();
        text +=
            &format!("\n[[person]]\nid   = \"{who}\"\nname = \"{who}\"\nunix = [\"{account}\"]\nkeys = [\"{key}\"]\n");
    }
    fs::write(&people, text).unwrap();

    let lab = fs::read_to_string(product.at("site/workspaces/lab.toml")).unwrap();
    let (head, rest) = lab.split_once("[members]\n").unwrap();
    let (_, rest) = rest.split_once("[policy]\n").unwrap();
    let (policy, servers) = rest.split_once("\n[[server]]").unwrap();
    let place = |id: &str, policy_more: &str, more: &str| {
        let head = head.replace("id = \"lab\"", &format!("id = \"{id}\"")).replace("\"Lab\"", &format!("\"{id}\""));
        let text =
            format!("{head}[members]\n{MEMBERS}\n[policy]\n{policy}\n{policy_more}\n{more}\n[[server]]{servers}");
        fs::write(product.at(&format!("site/workspaces/{id}.toml")), text).unwrap();
    };
    place("lab", LAB_POLICY, "");
    for (id, policy_more, more) in PLACES {
        place(id, policy_more, more);
    }

    let git = |words: &[&str], by: &str| {
        let mut command = Command::new("git");
        command.arg("-C").arg(product.at("site")).args(words).env("HOME", product.at("."));
        for part in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{part}_NAME"), by).env(format!("GIT_{part}_EMAIL"), format!("{by}@corp"));
        }
        run(&mut command);
    };
    git(&["init", "-q"], "setup");
    git(&["add", "-A"], "setup");
    git(&["commit", "-q", "-m", "The site"], "setup");
    let edited = product.at("site/runbooks/edited.toml");
    fs::write(&edited, fs::read_to_string(&edited).unwrap() + "# By lea.\n").unwrap();
    git(&["commit", "-q", "-a", "-m", "Say who"], "lea");
    keys
}
