//! The real program on a real terminal: however a visit ends, the terminal is as it was.

#![cfg(test)]

mod real;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use real::wait::SOON;
use real::{Tmux, until};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quarterdeck");

/// A site that `init` wrote, with its data beside it; its server ends on drop.
struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("qd-attach")
            .tempdir()
            .unwrap();
        let world = World { dir };
        let made = world.says(&["init", world.at("site").to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        let toml = world.at("site/quarterdeck.toml");
        let text = std::fs::read_to_string(&toml).unwrap();
        let text = text.replace("allow_as = false", "allow_as = true");
        let text = match text.contains("allow_as = true") {
            true => text,
            false => text + "\n[local]\nallow_as = true\n",
        };
        std::fs::write(&toml, text).unwrap();
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn flags(&self) -> String {
        let path = |name: &str| self.at(name).display().to_string();
        format!(
            "--site {} --data {} --socket {}",
            path("site"),
            path("data"),
            path("socket")
        )
    }

    fn says(&self, words: &[&str]) -> Output {
        let flags = self.flags();
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .args(flags.split(' '))
            .env("HOME", self.dir.path());
        command.output().unwrap()
    }

    /// Opens the console in a pane; its process id.
    fn attach(&self, tmux: &Tmux, variables: &str) -> u32 {
        let pid = self.at("pid");
        let flags = self.flags();
        let line = format!(
            "{variables} sh -c 'echo $$ >{}; exec {PROGRAM} {flags}'",
            pid.display()
        );
        tmux.line(&line);
        tmux.wait_for_text("Home");
        std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.says(&["serve", "--stop", "--stop"]);
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// The terminal before a visit, after some way of ending it, and what stood on the screen meanwhile.
fn given_back(variables: &str, end: impl Fn(&Tmux, u32)) -> String {
    let world = World::new();
    let Some(tmux) = Tmux::shell(80, 24) else {
        return String::new();
    };
    tmux.line("echo be''fore");
    tmux.wait_for_text("before");
    let (stty, modes) = (tmux.stty(), tmux.modes());
    let pid = world.attach(&tmux, variables);
    assert_ne!(tmux.stty(), stty, "raw while the console is open");
    assert_ne!(tmux.modes(), modes, "full screen while the console is open");
    end(&tmux, pid);
    until("the console to end", SOON, || {
        match Path::new(&format!("/proc/{pid}")).exists() {
            true => Err(tmux.screen()),
            false => Ok(()),
        }
    });
    tmux.wait_for("the shell's own screen", SOON, |screen| {
        screen.contains("before")
    });
    assert_eq!(tmux.stty(), stty);
    assert_eq!(tmux.modes(), modes);
    tmux.line("echo af''ter");
    tmux.wait_for_text("after")
}

#[test]
fn real_leaving_gives_the_terminal_back() {
    given_back("", |tmux, _| tmux.keys(&["q"]));
}

#[test]
fn real_control_c_gives_the_terminal_back() {
    given_back("", |tmux, _| tmux.keys(&["C-c"]));
}

#[test]
fn real_sigterm_gives_the_terminal_back() {
    given_back("", |_, pid| signal("TERM", pid));
}

#[test]
fn real_sighup_gives_the_terminal_back() {
    given_back("", |_, pid| signal("HUP", pid));
}

#[test]
fn real_a_panic_inside_a_draw_gives_the_terminal_back() {
    let screen = given_back("QUARTERDECK_FAULT=draw", |tmux, _| tmux.keys(&["j"]));
    let skipped = screen.is_empty();
    assert!(
        skipped || screen.contains("an error of its own"),
        "{screen}"
    );
    assert!(!screen.contains("asked for by a test"), "{screen}");
}

#[test]
fn real_verbs_start_a_server_and_end_with_their_codes() {
    let world = World::new();
    let listed = world.says(&["runs", "list", "--json"]);
    assert!(listed.status.success(), "{listed:?}");
    let rows: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(rows["rows"], serde_json::json!([]));
    let second = world.says(&["serve"]);
    assert_eq!(second.status.code(), Some(73), "{second:?}");
    for (words, code) in [
        (&["runs", "show", "7"][..], 1),
        (&["nonsense"], 64),
        (&["attach"], 64),
        (&["audit", "verify"], 0),
        (&["serve", "--stop"], 0),
    ] {
        let said = world.says(words);
        assert_eq!(said.status.code(), Some(code), "{words:?}: {said:?}");
    }
    until("the server to leave", SOON, || {
        match world.at("socket").exists() {
            true => Err("its socket is there".to_owned()),
            false => Ok(()),
        }
    });
    let stopped = world.says(&["serve", "--stop"]);
    assert_eq!(stopped.status.code(), Some(69), "{stopped:?}");
    std::fs::write(world.at("site/people.toml"), "nonsense").unwrap();
    assert_eq!(world.says(&["check"]).status.code(), Some(65));
}
