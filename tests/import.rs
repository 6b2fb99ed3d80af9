//! What other tools know, by the program itself: drafts that a site takes as they are, servers as those tools read them.

#![cfg(test)]

mod real;

use real::program;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn says(home: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quarterdeck")).args(words).env("HOME", home).current_dir(home).output().unwrap()
}

#[track_caller]
fn told(home: &Path, words: &[&str]) -> String {
    let said = says(home, words);
    assert!(said.status.success(), "{words:?}: {said:?}");
    String::from_utf8(said.stdout).unwrap()
}

const JOBS: &str = "- name: Restart web\n  description: Restarts it.\n  nodefilters: {filter: 'tags: web'}\n  options:\n  - {name: release, required: true}\n\
    \x20 sequence:\n    commands:\n    - exec: systemctl restart web-${option.release}\n- name: Look\n  sequence:\n    commands:\n    - script: |\n        #!/bin/bash\n        df -h\n";

const PAGE: &str = "# Drain a host\n\n## Steps\n\n1. Take it out:\n   ```sh\n   lb drain <host-name>\n   ```\n2. Tell the chat.\n\n## Rollback\n\nPut it back.\n";

#[test]
fn drafts_of_jobs_and_pages_are_taken_by_a_site_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    told(home, &["init", "site"]);
    fs::write(home.join("jobs.yaml"), JOBS).unwrap();
    fs::write(home.join("drain.md"), PAGE).unwrap();
    let several = says(home, &["import", "rundeck", "jobs.yaml"]);
    assert_eq!(several.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&several.stderr).contains("--into"), "{several:?}");
    assert!(told(home, &["import", "rundeck", "jobs.yaml", "--job", "Look"]).contains("df -h"));
    let written = told(home, &["import", "rundeck", "jobs.yaml", "--into", "site/runbooks"]);
    assert!(written.contains("restart-web.toml") && written.contains("look.toml"), "{written}");
    told(home, &["import", "markdown", "drain.md", "--into", "site/runbooks"]);
    let again = says(home, &["import", "markdown", "drain.md", "--into", "site/runbooks"]);
    assert_eq!(again.status.code(), Some(1), "over no file that is there: {again:?}");
    let checked = says(home, &["check", "site"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let shown = told(home, &["show", "--site", "site"]);
    for id in ["restart-web", "look", "drain-a-host"] {
        assert!(shown.contains(id), "{shown}");
    }
    let json = told(home, &["import", "rundeck", "jobs.yaml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["drafts"].as_array().unwrap().len(), 2);
    assert!(!json["drafts"][0]["todo"].as_array().unwrap().is_empty());
    for (words, exit) in [
        (["import", "rundeck", "drain.md"], 65),
        (["import", "rundeck", "nowhere"], 65),
        (["import", "markdown", "."], 65),
    ] {
        assert_eq!(says(home, &words).status.code(), Some(exit), "{words:?}");
    }
}

#[test]
fn real_hosts_of_a_client_configuration_are_printed_as_ssh_reads_them() {
    if program("ssh").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    fs::create_dir_all(home.join(".ssh/config.d")).unwrap();
    fs::write(home.join(".ssh/config.d/web"), "Host web-1 web-2\n  ProxyJump edge-1\n  HostName %h.internal\n")
        .unwrap();
    fs::write(
        home.join(".ssh/config"),
        "Include config.d/*\nHost edge-1\n  HostName 192.0.2.1\n  Port 2222\nHost *\n  User deploy\n",
    )
    .unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&told(home, &["hosts", "import", "--json", "--ssh-config"])).unwrap();
    let rows: Vec<(String, String, i64, Option<&str>)> = json["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("name"), text("address"), row["port"].as_i64().unwrap(), row["jump"].as_str())
        })
        .collect();
    // The include of a user's own file is looked for by `ssh` itself where the account's home is, whatever `HOME` says.
    assert!(rows.iter().any(|row| *row == ("edge-1".to_owned(), "192.0.2.1".to_owned(), 2222, None)), "{rows:?}");
    assert_eq!(rows.len(), 3, "{rows:?}");
    let one = told(home, &["hosts", "import", "--ssh-config", ".ssh/config", "--", "edge-1"]);
    assert!(
        one.contains("[[server]]\nname = \"edge-1\"\naddress = \"192.0.2.1\"\nport = 2222\nuser = \"deploy\"\n"),
        "{one}"
    );
    assert_eq!(says(home, &["hosts", "import", "--ssh-config", ".ssh/config", "nobody"]).status.code(), Some(1));
    assert_eq!(says(home, &["hosts", "import"]).status.code(), Some(64), "from where is said");
}

#[test]
fn real_hosts_of_an_inventory_are_printed_as_ansible_reads_them() {
    if program("ansible-inventory").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    fs::write(home.join("hosts"), "[web]\nweb-[1:2] ansible_user=deploy\n[db]\ndb-1 ansible_host=192.0.2.9 ansible_port=2200\n[site:children]\nweb\n").unwrap();
    let text = told(home, &["hosts", "import", "--ansible", "hosts", "--user", "ops"]);
    assert_eq!(text.matches("[[server]]").count(), 3, "{text}");
    assert!(
        text.contains("name = \"db-1\"\naddress = \"192.0.2.9\"\nport = 2200\nuser = \"ops\"\ngroups = [\"db\"]\n"),
        "{text}"
    );
    assert!(
        text.contains("name = \"web-2\"\naddress = \"web-2\"\nuser = \"deploy\"\ngroups = [\"site\", \"web\"]\n"),
        "{text}"
    );
    assert_eq!(says(home, &["hosts", "import", "--ansible", "nowhere"]).status.code(), Some(65));
}
