//! The site of a past: four workspaces of the same people and hosts, four runbooks of medium impact.

use std::fs;
use std::path::Path;

/// Hosts of each workspace: `h0`, `h1`, …
pub const HOSTS: u64 = 16;

pub const WORKSPACES: [&str; 4] = ["lab", "staging", "prod-db", "prod-web"];

pub const RUNBOOKS: [&str; 4] = ["clean", "patch", "restart", "rotate"];

pub const PEOPLE: [&str; 5] = ["ada", "bo", "grace", "kim", "lea"];

/// Writes it into `dir`.
pub fn write(dir: &Path) {
    let put = |name: String, text: &str| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("quarterdeck.toml".to_owned(), "schema = 1\n[site]\nname = \"past\"\ntheme = \"harbour\"\n");
    let person = |id: &&str| format!("[[person]]\nid = \"{id}\"\nname = \"{id}\"\nunix = [\"{id}\"]\n");
    put("people.toml".to_owned(), &("schema = 1\n".to_owned() + &PEOPLE.iter().map(person).collect::<String>()));
    for id in WORKSPACES {
        put(format!("workspaces/{id}.toml"), &workspace(id));
    }
    for id in RUNBOOKS {
        put(format!("runbooks/{id}.toml"), &runbook(id));
    }
}

fn workspace(id: &str) -> String {
    let environment = id.split('-').next().unwrap().replace("prod", "production");
    // Nobody connects to them. Each is a machine of its own, or runs beside each other would wait for the same one.
    let net = WORKSPACES.iter().position(|other| *other == id).unwrap();
    let host = |n: u64| {
        format!("[[server]]\nname = \"h{n}\"\naddress = \"10.20.{net}.{n}\"\nuser = \"deploy\"\ngroups = [\"all\"]\n")
    };
    let hosts: String = (0..HOSTS).map(host).collect();
    // Not everybody sees everything: lea is no member of the lab's.
    let lea = if id == "lab" { "" } else { "lea = [\"reviewer\"]\n" };
    format!(
        "schema = 1\n[workspace]\nid = \"{id}\"\ntitle = \"{id}\"\nenvironment = \"{environment}\"\ncolour = \"green\"\n\
         owner = \"grace\"\n{hosts}[members]\nada = [\"operator\"]\nbo = [\"operator\"]\n\
         grace = [\"approver\", \"reviewer\", \"owner\"]\nkim = [\"approver\", \"reviewer\"]\n{lea}\
         [policy]\napproval_expiry = \"4h\"\nexecution_expiry = \"24h\"\n"
    )
}

fn runbook(id: &str) -> String {
    format!(
        "schema = 1\n[runbook]\nid = \"{id}\"\ntitle = \"{id} the service\"\nkind = \"maintenance\"\nversion = \"1.2.0\"\n\
         status = \"approved\"\nowner = \"platform\"\nlast_reviewed = 2023-09-17\nnext_review = 2099-01-01\n\
         impact = \"medium\"\nruns_as = \"operator\"\n\
         [scope]\nchanges = \"The service.\"\nwhy = \"It is due.\"\nexpected = \"It runs.\"\nexcluded = [\"nothing\"]\n\
         [targets]\nselect = \"group:all\"\nbatches = [\"100%\"]\nparallel = 4\n\
         [[preflight]]\nid = \"room\"\ntitle = \"There is room\"\nrun = \"echo 3\"\neffect = \"read\"\n\
         expect = {{ number = \">= 2\" }}\nseverity = \"block\"\n\
         [[step]]\nid = \"first\"\ntitle = \"Stop it\"\nrun = \"true\"\neffect = \"once\"\n\
         [[step]]\nid = \"second\"\ntitle = \"Start it\"\nrun = \"true\"\neffect = \"once\"\n\
         [[verify]]\nid = \"runs\"\ntitle = \"It runs\"\nrun = \"true\"\neffect = \"read\"\n\
         [rollback]\nplan = \"Start it again.\"\n"
    )
}
