//! The disk under the real program: damaged, taken, full.

#![cfg(test)]

mod real;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use real::product::{Product, RUN, runbook, state};
use real::wait::SOON;
use real::{Fleet, program, skipped, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const STEPS: &str = r#"parallel = 1
max_failures = 0

[[step]]
id = "one"
title = "one"
run = ': >"$HOME/begun"; read -r _ <"$HOME/gate"; echo one >>"$HOME/once"'
effect = "once"

[[step]]
id = "two"
title = "two"
run = 'echo two >>"$HOME/once"'
effect = "once"

[[verify]]
id = "both"
title = "both"
run = '[ "$(wc -l <"$HOME/once")" = 2 ]'
effect = "read"
"#;

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn real_server_refuses_a_damaged_ledger_with_the_place_and_exit_74() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[("steps", &runbook("steps", STEPS))]);
    let run = product.propose("steps");
    product.until_phase(run, &["approved"]);
    let second = product.says(&["serve"]);
    assert_eq!(second.status.code(), Some(73), "{second:?}");
    let holder = product.server().unwrap().as_raw_nonzero().to_string();
    assert!(says(&second).contains(&format!("in use by process {holder}")), "{second:?}");
    product.kill();

    let mut bytes = fs::read(product.ledger()).unwrap();
    let sizes = |record: &[u8]| 16 + u32::from_le_bytes(record[..4].try_into().unwrap()) as usize;
    let first = sizes(&bytes);
    let second = first + sizes(&bytes[first..]);
    // A digit of the third leaf's time.
    bytes[second + 16 + 6] ^= 1;
    fs::write(product.ledger(), &bytes).unwrap();
    let place = format!("{:020}.seg at byte {second}", 0);
    for words in [&["serve"][..], &["runs", "list", "--as", "ada"]] {
        let refused = product.says(words);
        assert_eq!(refused.status.code(), Some(74), "{words:?}: {refused:?}");
        assert!(says(&refused).contains(&place), "{place}: {refused:?}");
    }
    assert_eq!(fs::read(product.ledger()).unwrap(), bytes, "nothing was changed");
    let verdict = product.says(&["audit", "verify"]);
    assert_eq!(verdict.status.code(), Some(1), "{verdict:?}");
}

/// A small file system of its own, gone on drop.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        let mount = program("mount")?;
        let option = format!("size={size},mode=700");
        let done =
            Command::new(mount).args(["-t", "tmpfs", "-o", &option, "quarterdeck-test"]).arg(at).output().unwrap();
        if !done.status.success() {
            skipped("a file system of one's own cannot be mounted: the full disk");
            return None;
        }
        Some(SmallDisk { at: at.to_owned() })
    }

    /// Takes all room that is left, down to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 * 1024, 1] {
            let end = std::iter::repeat_with(|| file.write_all(&vec![7; size])).find_map(Result::err).unwrap();
            assert_eq!(end.kind(), ErrorKind::StorageFull, "{end}");
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that was just killed may hold it for a moment yet.
        Command::new("umount").arg("-l").arg(&self.at).status().unwrap();
    }
}

#[test]
fn real_full_disk_keeps_outcomes_and_aborts_and_begins_nothing() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[("steps", &runbook("steps", STEPS))]);
    let data = product.at("data");
    let Some(disk) = SmallDisk::mount(&data, "64m") else { return };
    // Dropped before the disk, on which it finds its server.
    let product = product;
    fs::create_dir(data.join("keys")).unwrap();
    // With the permissions of the original: nobody else's to read.
    fs::copy(&fleet.user_key.private, data.join("keys/id_ed25519")).unwrap();
    let host = fleet.host(1);
    mknodat(CWD, host.home.join("gate"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let mut gate = File::options().read(true).write(true).open(host.home.join("gate")).unwrap();

    for ending in ["aborted", "succeeded"] {
        let run = product.start("steps");
        let number = run.to_string();
        let begun = host.home.join("begun");
        until("the first step to be at work", RUN, || match begun.exists() {
            true => Ok(()),
            false => Err(product.run(run).to_string()),
        });
        let filler = disk.fill();
        // What would begin something is refused: not now, and why.
        for words in
            [&["propose", "steps", "--in", "lab", "--purpose", "fix"][..], &["note", &number, &"long ".repeat(2_000)]]
        {
            let refused = product.tries("ada", words);
            assert_eq!(refused.status.code(), Some(75), "{words:?}: {refused:?}");
            assert!(String::from_utf8_lossy(&refused.stdout).contains("\"storage.full\""), "{refused:?}");
        }
        let people = product.at("site/people.toml");
        let before = fs::read_to_string(&people).unwrap();
        fs::write(&people, format!("{before}# a change\n")).unwrap();
        let refused = product.tries("ada", &["site", "load"]);
        assert_eq!(refused.status.code(), Some(75), "not now, and not the files' fault: {refused:?}");
        fs::write(&people, before).unwrap();
        assert_eq!(product.run(run)["phase_because"], "no_room");
        // The outcome of what was at work is on the record; the next step is not begun.
        gate.write_all(b"\n").unwrap();
        until("the outcome", SOON, || match state(&product.run(run), &host.name, "step", "one") {
            ok if ok == "ok" => Ok(()),
            other => Err(other),
        });
        assert_eq!(host.file("once"), "one\n");
        assert_eq!(state(&product.run(run), &host.name, "step", "two"), "waiting");
        if ending == "aborted" {
            product.json("ada", &["abort", &number, "--reason", "no room"]);
        } else {
            fs::remove_file(&filler).unwrap();
            product.json("ada", &["continue", &number]);
        }
        let shown = product.until_phase(run, &["ended"]);
        assert_eq!(shown["ending"], ending, "{shown:#}");
        if ending == "aborted" {
            // A server starts on a full disk, and what it said before is there.
            product.kill();
            assert_eq!(product.run(run)["ending"], "aborted");
            fs::remove_file(&filler).unwrap();
        }
        product.json("ada", &["close", &number, "--note", "there is room again"]);
        fs::remove_file(host.home.join("once")).unwrap();
        fs::remove_file(&begun).unwrap();
        product.verifies();
    }
    product.kill();
}
