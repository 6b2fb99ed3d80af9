//! The README is kept true: what it tells people to type is typed, and what it shows of a site is checked as one.

#![cfg(test)]

mod real;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quarterdeck");
const README: &str = include_str!("../README.md");

/// The fenced blocks in one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}");
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in README.lines() {
        match (open, line == opening, line == "```") {
            (false, true, _) => {
                found.push(String::new());
                open = true;
            }
            (true, _, true) => open = false,
            (true, ..) => found.last_mut().unwrap().extend([line, "\n"]),
            (false, false, _) => {}
        }
    }
    assert!(!open, "a block of {language} is never closed");
    found
}

/// The commands of every `sh` block, without what stands behind them.
fn commands() -> Vec<String> {
    let lines = blocks("sh").concat();
    let bare = lines.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    bare.filter(|line| !line.is_empty()).collect()
}

fn block_with(language: &str, words: &str) -> String {
    let found: Vec<String> = blocks(language).into_iter().filter(|block| block.contains(words)).collect();
    assert_eq!(found.len(), 1, "blocks of {language} with {words}");
    found.concat()
}

fn program(home: &Path, words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).env("HOME", home).current_dir(home).output().unwrap()
}

/// Runs a line as a person would, `quarterdeck` being this build.
fn shell(home: &Path, line: &str) -> Output {
    let path = format!("{}:{}", Path::new(PROGRAM).parent().unwrap().display(), env!("PATH"));
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).env("HOME", home).env("PATH", path).current_dir(home);
    command.env("QUARTERDECK_SITE", home.join("site")).env("QUARTERDECK_DATA", home.join("data")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_command_of_the_readme_is_known_to_a_test() {
    let tried: BTreeSet<&str> = [
        // The first two: `real_the_first_command…` below, and whatever runs this test.
        "cargo run --release -- demo",
        "tests/run",
        "cargo build --release",
        "strace -f -y -o sync.txt -e trace=fsync,fdatasync,sync_file_range target/release/quarterdeck demo --headless",
        "grep -c 'fdatasync.*/ledger/' sync.txt",
        "grep -c 'sync_file_range.*/store/' sync.txt",
        "quarterdeck show p1-incident --paper > p1.md",
        "quarterdeck audit verify",
    ]
    .into();
    let written = commands();
    let written: BTreeSet<&str> = written.iter().map(String::as_str).collect();
    assert_eq!(written, tried);
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run").exists());
}

#[test]
fn real_the_first_command_and_what_it_leaves_are_as_written() {
    let home = tempfile::tempdir().unwrap();
    let demo = program(home.path(), &["demo", "--headless", "--keep", "."]);
    assert!(demo.status.success(), "{}", text(&demo.stderr));
    assert!(text(&demo.stdout).contains("intact"), "{}", text(&demo.stdout));
    for line in ["quarterdeck show p1-incident --paper > p1.md", "quarterdeck audit verify"] {
        assert!(commands().iter().any(|command| command == line), "the README says {line}");
        let done = shell(home.path(), line);
        assert!(done.status.success(), "{line}: {}", text(&done.stderr));
    }
    let paper = fs::read_to_string(home.path().join("p1.md")).unwrap();
    assert!(paper.starts_with("# ") && paper.contains("```"), "{paper}");
}

#[test]
fn real_the_ledger_is_synced_and_sled_is_not_as_the_readme_says() {
    let Some(strace) = real::program("strace") else { return };
    let home = tempfile::tempdir().unwrap();
    let traced = commands().into_iter().find(|command| command.starts_with("strace ")).unwrap();
    let mut words = traced.split(' ').skip(1).map(|word| match word.ends_with("/quarterdeck") {
        true => PROGRAM,
        false => word,
    });
    let done = Command::new(strace).args(words.by_ref()).env("HOME", home.path()).current_dir(home.path()).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let counts: Vec<u32> = commands()
        .into_iter()
        .filter(|command| command.starts_with("grep -c "))
        .map(|command| text(&shell(home.path(), &command).stdout).trim().parse().unwrap())
        .collect();
    assert_eq!(counts.len(), 2);
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

#[test]
fn what_the_readme_shows_of_a_site_is_a_site_without_mistakes() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join("site").join(name);
    let made = program(home.path(), &["init", "site"]);
    assert!(made.status.success(), "{made:?}");
    let people =
        ["ada", "grace", "lea"].map(|id| format!("[[person]]\nid = \"{id}\"\nname = \"{id}\"\nunix = [\"{id}\"]\n"));
    fs::write(at("people.toml"), format!("schema = 1\n{}", people.concat())).unwrap();
    fs::remove_file(at("workspaces/lab.toml")).unwrap();
    fs::remove_file(at("runbooks/hello.toml")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/templates/host-baseline.toml");
    fs::copy(shipped, at("runbooks/templates/host-baseline.toml")).unwrap();

    // The key is elided on the page; what stands before it must be the kind that is meant.
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPLTFHZkHhW2eLEzKVbB3UjLxDwYFVb6xTtDLP+PTbPq";
    let workspace = block_with("toml", "[workspace]");
    assert!(workspace.contains("ssh-ed25519 AAAA…"));
    fs::write(at("workspaces/prod-web.toml"), workspace.replace("ssh-ed25519 AAAA…", key)).unwrap();
    let runbook = block_with("toml", "[runbook]") + &block_with("toml", "[secrets.new_token]");
    fs::write(at("runbooks/service-restart.toml"), runbook).unwrap();

    let checked = program(home.path(), &["check", "site"]);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    for kind in ["runbook", "workspace", "people", "site"] {
        let schema = program(home.path(), &["schema", kind]);
        assert!(schema.status.success(), "{kind}: {}", text(&schema.stderr));
        assert!(serde_json::from_slice::<serde_json::Value>(&schema.stdout).is_ok(), "{kind}");
    }
}

#[test]
fn every_file_the_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets: Vec<&str> = README.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let files: Vec<&str> = targets.into_iter().filter(|target| !target.contains("://")).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert!(root.join(file).exists(), "{file}");
    }
    let shipped = fs::read_dir(root.join("runbooks")).unwrap().map(|entry| entry.unwrap().path());
    for runbook in shipped.filter(|path| path.extension().is_some_and(|is| is == "toml")) {
        let id = runbook.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(README.contains(&format!("`{id}`")), "{id} is not in the table of runbooks");
    }
}
