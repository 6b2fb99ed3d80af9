//! Work on the server's own machine under an account of its own, through the whole product (Z56).

#![cfg(test)]

mod real;

use real::account::Account;
use real::product::{Product, cell, runbook};
use real::{Fleet, until};
use std::fs;
use std::path::Path;

/// The fleet's workspace has one more server: this machine.
fn with_this_machine(product: &Product, account: &str) {
    let add = |name: &str, text: &str| {
        let file = product.at(name);
        let before = fs::read_to_string(&file).unwrap();
        fs::write(
            file,
            before.replace("allow_as = true\n", &format!("allow_as = true\naccount = \"{account}\"\n")) + text,
        )
        .unwrap();
    };
    add("site/quarterdeck.toml", "");
    add("site/workspaces/lab.toml", "\n[[server]]\nname = \"here\"\nlocal = true\ngroups = [\"own\"]\n");
}

fn steps(text: &str, rest: &str) -> String {
    let step = format!("[[step]]\nid = \"try\"\ntitle = \"Try\"\nrun = '''\n{text}\n'''\neffect = \"once\"\n{rest}\n");
    let verify = "[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";
    runbook("try", &(step + verify)).replace("group:fleet", "group:own")
}

#[test]
fn real_z56_a_local_step_runs_as_its_account_and_reaches_nothing_of_the_server() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let home = tempfile::Builder::new().prefix("qd-local").tempdir_in("/tmp").unwrap();
    let Some(account) = Account::new("local", "/bin/sh", home.path()) else { return };
    let product = Product::new(&fleet, &[]);
    let (data, socket) = (product.at("data"), product.at("socket"));
    fs::set_permissions(product.at("."), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The way to the data is open to everybody, so that what keeps it closed is the data directory's own doing.
    let text = format!(
        "id -un; echo home $HOME user $USER groups $(id -Gn); env | sort | tr '\\n' ' '; echo\n\
         ls {data} 2>&1; cat {data}/keys/id_ed25519 2>&1; cat {data}/ledger/* 2>&1; echo x >{data}/x 2>&1\n\
         server=$(cat {data}/lock 2>/dev/null); for f in /proc/[0-9]*; do\n\
         case $(tr '\\0' ' ' <$f/cmdline 2>/dev/null) in *quarterdeck*serve*) kill -0 ${{f#/proc/}} 2>/dev/null && echo CAN SIGNAL; \
         cat $f/environ >/dev/null 2>&1 && echo CAN READ ENVIRON;; esac; done\n\
         {program} --site {site} --data {data} --socket {socket} runs list 2>&1; echo exit $?; touch \"$HOME/was-here\"",
        data = data.display(),
        site = product.at("site").display(),
        socket = socket.display(),
        program = env!("CARGO_BIN_EXE_quarterdeck"),
    );
    fs::write(product.at("site/runbooks/try.toml"), steps(&text, "")).unwrap();
    with_this_machine(&product, &account.name);
    let id = product.start("try");
    let run = product.until_phase(id, &["ended"]);
    let log = product.says(&["runs", "log", &id.to_string(), "--step", "try", "--as", "ada"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert_eq!(run["ending"], "succeeded", "{run:#}\n{log}");
    assert!(log.contains(&format!("{0}\n", account.name)), "{log}");
    assert!(log.contains(&format!("home {} user {}", home.path().display(), account.name)), "{log}");
    assert!(log.contains("Permission denied"), "{log}");
    for never in ["BEGIN OPENSSH", "CAN SIGNAL", "CAN READ ENVIRON", "run_proposed", "exit 0"] {
        assert!(!log.contains(never), "{never}: {log}");
    }
    assert!(!data.join("x").exists() && home.path().join("was-here").exists(), "{log}");
    product.verifies();
}

#[test]
fn real_z56_what_runs_as_another_account_is_ended_and_seen_gone() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let home = tempfile::Builder::new().prefix("qd-local").tempdir_in("/tmp").unwrap();
    let Some(account) = Account::new("local", "/bin/sh", home.path()) else { return };
    let text = "sh -c 'sleep 987654 & sleep 987654' & echo $$ >\"$HOME/began\"; wait";
    let product = Product::new(&fleet, &[("try", &steps(text, ""))]);
    with_this_machine(&product, &account.name);
    let id = product.start("try");
    let began = home.path().join("began");
    until("the step to begin", real::product::RUN, || match fs::read_to_string(&began) {
        Ok(text) if text.ends_with('\n') => Ok(()),
        other => Err(format!("{other:?}")),
    });
    product.json("ada", &["abort", &id.to_string(), "--reason", "enough"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(
        (run["ending"].as_str(), cell(&run, "here", "step", "try").unwrap()["state"].as_str()),
        (Some("aborted"), Some("failed")),
        "{run:#}"
    );
    let lives = |entry: &fs::DirEntry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains("987654"))
    };
    assert!(
        !fs::read_dir(Path::new("/proc")).unwrap().flatten().any(|entry| lives(&entry)),
        "gone from the process table"
    );
}

#[test]
fn real_z56_an_account_that_is_not_there_or_somebodys_starts_nothing() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let text = steps("echo never", "");
    let product = Product::new(&fleet, &[("try", &text)]);
    with_this_machine(&product, "qd-no-such-account");
    let id = product.propose("try");
    let run = product.until_phase(id, &["waiting", "cancelled"]);
    let reach = cell(&run, "here", "reach", "reach").unwrap();
    assert_eq!(reach["state"], "refused", "{run:#}");
    assert!(reach["saw"].as_str().unwrap().contains("no account qd-no-such-account"), "{reach:#}");
    let product = Product::new(&fleet, &[("try", &text)]);
    with_this_machine(&product, &real::account::own_name());
    let said = product.says(&["check"]);
    let words = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(!said.status.success() && words.contains("is an account of ada"), "{words}");
}
