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
    // Whoever starts the server has this open, and passes it on.
    let theirs = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty()).unwrap();
    let (data, socket, program) = (product.at("data"), product.at("socket"), home.path().join("quarterdeck"));
    // Where the program lies may be closed to other accounts.
    fs::copy(env!("CARGO_BIN_EXE_quarterdeck"), &program).unwrap();
    fs::set_permissions(product.at("."), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The way to the data is open to everybody, so that what keeps it closed is the data directory's own doing.
    let text = format!(
        "id -un; echo in $PWD user $USER groups $(id -Gn); env | sort | tr '\\n' ' '; echo\n\
         for tried in {data} {data}/keys {data}/ledger; do ls $tried && echo SEEN $tried; done 2>&1\n\
         cat {data}/keys/id_ed25519 2>&1; echo x >{data}/x 2>&1\n\
         read -r server <\"$HOME/server\"; [ -d /proc/$server ] && echo the server is there\n\
         cat /proc/$server/environ 2>&1 && echo READ ENVIRON; kill -0 $server 2>&1 && echo SIGNALLED\n\
         ls -l /proc/$$/fd; [ -S {socket} ] && echo the socket is there\n\
         {program} --socket {socket} --data {data} runs list 2>&1 && echo LET IN; true",
        data = data.display(),
        socket = socket.display(),
        program = program.display(),
    );
    fs::write(product.at("site/runbooks/try.toml"), steps(&text, "")).unwrap();
    with_this_machine(&product, &account.name);
    let id = product.propose("try");
    product.until_phase(id, &["approved"]);
    let doctor = String::from_utf8(product.says(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains(&format!("under {}", account.name)), "{doctor}");
    let server = product.server().unwrap().as_raw_nonzero();
    fs::write(home.path().join("server"), format!("{server}\n")).unwrap();
    product.json("ada", &["start", &id.to_string()]);
    let run = product.until_phase(id, &["ended"]);
    let log = product.says(&["runs", "log", &id.to_string(), "--step", "try", "--as", "ada"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert_eq!(run["ending"], "succeeded", "{run:#}\n{log}");
    for told in [
        format!("in {} user {}", home.path().display(), account.name),
        format!("cannot open directory '{}'", data.display()),
        format!("cannot access '{}/keys'", data.display()),
        "the server is there".to_owned(),
        format!("/proc/{server}/environ: Permission denied"),
        "Operation not permitted".to_owned(),
        "the socket is there".to_owned(),
        format!("the account {} (uid {}) is nobody here", account.name, account.uid),
    ] {
        assert!(log.contains(&told), "{told}: {log}");
    }
    let opened = log.lines().filter_map(|line| line.split_once(" -> ").map(|(_, what)| what));
    let opened: Vec<&str> = opened.filter(|what| *what != "/dev/null" && !what.starts_with("pipe:")).collect();
    assert!(opened.is_empty(), "open, and none of its business: {opened:?}");
    for never in ["BEGIN OPENSSH", "SEEN", "READ ENVIRON", "SIGNALLED", "LET IN"] {
        assert!(!log.contains(never), "{never}: {log}");
    }
    assert!(!data.join("x").exists());
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
    let doctor = String::from_utf8(product.says(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("no account qd-no-such-account"), "{doctor}");
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

/// The product's words, said by an account that is not root, for which `sudo` knows these rules. They hold for whatever it starts, and
/// for nobody else on this machine.
struct NotRoot<'a> {
    product: &'a Product,
    program: std::path::PathBuf,
    rules: std::path::PathBuf,
    account: &'a Account,
}

impl NotRoot<'_> {
    fn says(&self, words: &[&str]) -> String {
        let at = |name: &str| self.product.at(name).display().to_string();
        let becomes = format!(
            "mount --bind '{}' /etc/sudoers && exec setpriv --reuid={uid} --regid={gid} --clear-groups -- \"$0\" \"$@\"",
            self.rules.display(),
            uid = self.account.uid,
            gid = self.account.gid,
        );
        let said = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", &becomes])
            .arg(&self.program)
            .args(words)
            .args(["--site", &at("site"), "--data", &at("data"), "--socket", &at("socket"), "--json", "--as", "ada"])
            .env("HOME", self.product.at("."))
            .current_dir("/")
            .output()
            .unwrap();
        assert!(said.status.success(), "{words:?}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.says(words)).unwrap()
    }

    fn until_phase(&self, id: &str, phase: &str) -> serde_json::Value {
        until(phase, real::product::RUN, || {
            let run = self.json(&["runs", "show", id]);
            if run["phase"] == phase { Ok(run) } else { Err(format!("{run:#}")) }
        })
    }
}

#[test]
fn real_z56_a_server_that_is_not_root_does_local_work_by_sudo_and_ends_it_that_way() {
    if real::program("sudo").is_none() || real::program("unshare").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let homes = tempfile::Builder::new().prefix("qd-sudo").tempdir_in("/tmp").unwrap();
    fs::set_permissions(homes.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (own, work) = (homes.path().join("own"), homes.path().join("work"));
    let (Some(server), Some(worker)) =
        (Account::new("server", "/bin/sh", &own), Account::new("worker", "/bin/sh", &work))
    else {
        return;
    };
    let text = "id -un; id -Gn; echo \"in $PWD of $HOME\"; env | grep -c '^QUARTERDECK'; echo $$ >\"$HOME/began\"; sleep 987321 & wait";
    let product = Product::new(&fleet, &[("try", &steps(text, ""))]);
    with_this_machine(&product, &worker.name);
    let people = product.at("site/people.toml");
    let told =
        fs::read_to_string(&people).unwrap().replace("unix = [\"root\"]", &format!("unix = [\"{}\"]", server.name));
    fs::write(&people, told).unwrap();
    let (program, rules) = (homes.path().join("quarterdeck"), homes.path().join("sudoers"));
    fs::copy(env!("CARGO_BIN_EXE_quarterdeck"), &program).unwrap();
    fs::write(&rules, format!("Defaults env_reset\n{} ALL=({}) NOPASSWD: ALL\n", server.name, worker.name)).unwrap();
    fs::set_permissions(&rules, std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
    let mut given = std::process::Command::new("chown");
    given.args(["-R", &format!("{}:{}", server.uid, server.gid)]).arg(product.at("."));
    assert!(given.status().unwrap().success());
    let not_root = NotRoot { product: &product, program, rules, account: &server };

    let id = not_root.json(&["propose", "try", "--in", "lab", "--purpose", "fix"])["run"].to_string();
    not_root.until_phase(&id, "approved");
    not_root.json(&["start", &id]);
    let began = work.join("began");
    until("the step to begin", real::product::RUN, || match fs::read_to_string(&began) {
        Ok(text) if text.ends_with('\n') => Ok(()),
        other => Err(format!("{other:?} {:#}", not_root.json(&["runs", "show", &id]))),
    });
    not_root.json(&["abort", &id, "--reason", "enough"]);
    let run = not_root.until_phase(&id, "ended");
    assert_eq!(cell(&run, "here", "step", "try").unwrap()["state"], "failed", "seen to be gone: {run:#}");
    let lives = |entry: &fs::DirEntry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains("987321"))
    };
    assert!(!fs::read_dir(Path::new("/proc")).unwrap().flatten().any(|entry| lives(&entry)));
    let log = not_root.says(&["runs", "log", &id, "--step", "try"]);
    assert!(
        log.contains(&worker.name) && log.contains(&format!("in {} of {}", work.display(), work.display())),
        "{log}"
    );
}
