//! Keys of hosts come into a site: looked at, held against what is known, written as a change, accepted by another person.

#![cfg(test)]

mod real;

use real::product::{Product, runbook};
use real::{Fleet, Tmux};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = \"true\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

#[test]
fn real_keys_of_hosts_are_looked_at_pinned_by_a_change_and_accepted_by_another_person() {
    if real::program("git").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(3).start() else { return };
    let product = Product::new(&fleet, &[("look", &runbook("look", LOOK))]);
    let file = product.at("site/workspaces/lab.toml");
    let pinned = fs::read_to_string(&file).unwrap();
    let line = format!("host_key = \"{}\"\n", fleet.host_key.public_line());
    // The first stays pinned; nothing is known of the others.
    let (before, rest) = pinned.split_once(&line).unwrap();
    fs::write(&file, format!("{before}{line}{}", rest.replace(&line, ""))).unwrap();

    let rows = product.json("ada", &["hosts", "enrol", "--in", "lab"]);
    let standing: Vec<&str> =
        rows["rows"].as_array().unwrap().iter().map(|row| row["standing"].as_str().unwrap()).collect();
    assert_eq!(standing, ["pinned", "unknown", "unknown"], "{rows}");
    let stranger = product.tries("lea", &["hosts", "enrol", "--in", "lab"]);
    assert_eq!(stranger.status.code(), Some(1), "a reviewer reaches no hosts: {stranger:?}");
    let nowhere = product.tries("ada", &["hosts", "enrol", "--in", "elsewhere"]);
    assert_eq!(nowhere.status.code(), Some(1));

    let refused = product.tries("ada", &["propose", "look", "--in", "lab", "--purpose", "fix"]);
    assert!(refused.status.success(), "it is proposed, and its checks say that the hosts are not known");

    let patch = product.says(&["hosts", "enrol", "--in", "lab", "--patch", "--as", "ada"]);
    assert!(patch.status.success(), "{patch:?}");
    in_the_console(&product, &patch.stdout);
    let mut git = Command::new("git")
        .args(["apply", "--unsafe-paths", "--directory"])
        .arg(product.at("site"))
        .arg("-")
        .current_dir("/")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(&patch.stdout).unwrap();
    assert!(git.wait().unwrap().success());
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("host_key = ").count(), 3, "{text}");
    assert_eq!(text.matches("seen once; nobody has vouched for it").count(), 2, "{text}");

    let loaded = product.says(&["site", "load", "--as", "ada"]);
    assert!(String::from_utf8_lossy(&loaded.stdout).contains("waits until another person accepts it"), "{loaded:?}");
    let waiting = product.json("ada", &["site", "show"]);
    let digest = waiting["pending"]["site"]["digest"].as_str().unwrap().to_owned();
    let own = product.tries("ada", &["site", "accept", &digest, "--reason", "mine"]);
    assert_eq!(own.status.code(), Some(1), "whoever loaded it does not accept it: {own:?}");
    let accepted = product.tries("grace", &["site", "accept", &digest, "--reason", "compared with the consoles"]);
    assert!(accepted.status.success(), "{accepted:?}");

    let rows = product.json("ada", &["hosts", "enrol", "--in", "lab"]);
    assert!(rows["rows"].as_array().unwrap().iter().all(|row| row["standing"] == "pinned"), "{rows}");
    assert_eq!(rows["patch"], "");
    let id = product.start("look");
    product.until_phase(id, &["ended"]);
}

/// The same look in a terminal, and the same change saved from there.
fn in_the_console(product: &Product, patch: &[u8]) {
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let command = product.command(&["--as", "ada"]);
    let words: Vec<String> = command.get_args().map(|word| word.display().to_string()).collect();
    // What is saved goes to where one started from.
    let home = product.at("home");
    fs::create_dir(&home).unwrap();
    tmux.line(&format!("cd {}; {} {}", home.display(), command.get_program().display(), words.join(" ")));
    tmux.wait_for_text("Home");
    tmux.text(":enrol lab");
    tmux.keys(&["Enter"]);
    let screen = tmux.wait_for_text("as the site pins it");
    assert!(screen.contains("SHA256:") && screen.contains("2 hosts have nobody vouched for"), "{screen}");
    tmux.text(":save keys.patch");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("saved");
    assert_eq!(fs::read(home.join("keys.patch")).unwrap(), patch);
    tmux.keys(&["Escape", "q"]);
}
