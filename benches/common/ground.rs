//! A site with two people and one workspace, in a directory of its own, and the engine on it.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quarterdeck::domain::plan::{Proposal, RunPurpose};
use quarterdeck::domain::run::{Choice, Phase, Run};
use quarterdeck::domain::{Actor, Ask, Door, Receipt, RunId, Seen};
use quarterdeck::engine::{Engine, ExecutorSettings, Handle, LocalPlace, Settings, Tcp, clock};
use tempfile::TempDir;

use super::real::Fleet;

/// No run of a bench takes this long.
const RUN_WAIT: Duration = Duration::from_secs(300);

const PEOPLE: &str = r#"schema = 1
[[person]]
id = "ada"
name = "Ada"
unix = ["@OWN@"]
[[person]]
id = "grace"
name = "Grace"
unix = ["grace"]
"#;

const WORKSPACE: &str = r#"schema = 1
[workspace]
id = "lab"
title = "Lab"
environment = "lab"
colour = "green"
owner = "grace"
[members]
ada = ["operator"]
grace = ["approver", "reviewer", "owner"]
[policy]
approval_expiry = "4h"
execution_expiry = "24h"
"#;

/// A server's row for this machine itself.
pub const HERE: &str = "[[server]]\nname = \"here\"\nlocal = true\ngroups = [\"all\"]\n";

/// The directory of a site and its data.
pub struct Ground {
    dir: TempDir,
    keys: Vec<PathBuf>,
}

impl Ground {
    /// A site with these rows of servers. There is one secret, so that output is really searched.
    pub fn new(servers: &str, keys: Vec<PathBuf>) -> Ground {
        let dir = tempfile::Builder::new().prefix("qd-bench").tempdir().unwrap();
        let ground = Ground { dir, keys };
        let own = own_account();
        ground.write("site/quarterdeck.toml", "schema = 1\n[site]\nname = \"bench\"\ntheme = \"harbour\"\n");
        ground.write("site/people.toml", &PEOPLE.replace("@OWN@", &own));
        ground.write("site/workspaces/lab.toml", &WORKSPACE.replace("[members]", &format!("{servers}[members]")));
        ground.write("token", "correct horse battery staple\n");
        fs::set_permissions(ground.at("token"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir_all(ground.at("home")).unwrap();
        ground
    }

    /// The same for the hosts of a fleet, with their host keys pinned.
    pub fn of_fleet(fleet: &Fleet) -> Ground {
        let key = fleet.host_key.public_line();
        let row = |host: &super::real::Host| {
            format!(
                "[[server]]\nname = \"{}\"\naddress = \"{}\"\nport = {}\nuser = \"{}\"\ngroups = [\"all\"]\nhost_key = \"{key}\"\n",
                host.name, host.address, host.port, host.user
            )
        };
        Ground::new(&fleet.hosts().iter().map(row).collect::<String>(), vec![fleet.user_key.private.clone()])
    }

    /// A runbook of one step on all servers at once. It is a draft: those run in a lab without verification, which no
    /// peer does either.
    pub fn runbook(&self, id: &str, script: &str) {
        let token = self.at("token").display().to_string();
        let text = format!(
            "schema = 1\n[runbook]\nid = \"{id}\"\ntitle = \"{id}\"\nkind = \"maintenance\"\nversion = \"1.0.0\"\n\
             status = \"draft\"\nowner = \"bench\"\nlast_reviewed = 2026-09-17\nnext_review = 2099-01-01\n\
             impact = \"low\"\nruns_as = \"operator\"\n\
             [scope]\nchanges = \"Nothing.\"\nwhy = \"To measure.\"\nexpected = \"Figures.\"\nexcluded = [\"nothing\"]\n\
             [targets]\nselect = \"group:all\"\nbatches = [\"100%\"]\nparallel = 64\n\
             [secrets.token]\nref = \"file:{token}\"\npurpose = \"so that output is searched\"\n\
             [[step]]\nid = \"step\"\ntitle = \"The step\"\nrun = '''{script}'''\neffect = \"read\"\nsecrets = [\"token\"]\n\
             timeout = \"10m\"\n[rollback]\nplan = \"None is needed.\"\n"
        );
        self.write(&format!("site/runbooks/{id}.toml"), &text);
    }

    /// A place below the site's directory.
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Opens the engine.
    pub async fn open(&self) -> (Handle, Engine) {
        let executor = ExecutorSettings {
            keys: self.keys.clone(),
            named_keys: std::path::PathBuf::new(),
            known_hosts: Vec::new(),
            agent: None,
            dial: Arc::new(Tcp),
            now: Arc::new(clock::wall),
            local: LocalPlace { home: self.at("home"), lang: "C.UTF-8".to_owned() },
        };
        let settings = Settings { site: self.at("site"), data: self.at("data"), executor };
        quarterdeck::engine::open(settings).await.unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn own_account() -> String {
    super::real::account::own_name()
}

/// Somebody at the socket.
pub fn actor(person: &str) -> Actor {
    Actor::Person { person: person.into(), door: Door::Socket { uid: 1_000 } }
}

/// Asks, and stops the bench where the answer is no.
pub async fn ask(handle: &Handle, person: &str, ask: Ask) -> Receipt {
    handle.submit(actor(person), Seen::Nothing, ask).await.unwrap()
}

/// Waits until an open run is as wanted.
pub async fn until(handle: &Handle, id: RunId, wanted: impl Fn(&Run) -> bool) -> Arc<Run> {
    let mut world = handle.world();
    let found = tokio::time::timeout(RUN_WAIT, world.wait_for(|world| world.run(id).is_some_and(|run| wanted(run))));
    match found.await {
        Ok(found) => Arc::clone(found.unwrap().run(id).unwrap()),
        Err(_) => panic!("{id} still stands as {:?}", handle.world().borrow().run(id).map(|run| run.phase.clone())),
    }
}

/// Proposes a run and has it approved.
pub async fn approved(handle: &Handle, runbook: &str) -> RunId {
    let form = Proposal {
        workspace: "lab".into(),
        runbook: runbook.into(),
        inputs: BTreeMap::new(),
        ticks: BTreeSet::new(),
        select: None,
        tags: BTreeSet::new(),
        purpose: RunPurpose::Fix,
        reason: "to measure".to_owned(),
        ticket: String::new(),
        communication: String::new(),
        raise_to: None,
        again: None,
        versions: std::collections::BTreeMap::new(),
    };
    let id = ask(handle, "ada", Ask::Propose(Box::new(form))).await.run.unwrap();
    let run = until(handle, id, |run| !matches!(run.phase, Phase::Checking(_))).await;
    if run.phase == Phase::Waiting {
        let vote = Ask::Vote { run: id, choice: Choice::Approve, reason: "to measure".to_owned() };
        handle.submit(actor("grace"), Seen::Binding(run.binding), vote).await.unwrap();
    }
    until(handle, id, |run| run.phase == Phase::Approved).await;
    id
}

/// Starts an approved run and waits for its end; when its steps began, when it ended.
pub async fn carried_out(handle: &Handle, id: RunId) -> (Instant, Instant, Arc<Run>) {
    ask(handle, "ada", Ask::Start { run: id }).await;
    until(handle, id, |run| !matches!(run.phase, Phase::Checking(_) | Phase::Approved)).await;
    let began = Instant::now();
    let run = until(handle, id, |run| run.phase.ending().is_some()).await;
    (began, Instant::now(), run)
}
