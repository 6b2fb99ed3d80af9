//! The real program on a real terminal: however a visit ends, the terminal is as it was.

#![cfg(test)]

mod real;

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use real::wait::SOON;
use real::{Account, Tmux, built, until};
use tempfile::TempDir;

/// A site that `init` wrote, with its data beside it; its server ends on drop.
struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("qd-attach").tempdir().unwrap();
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
        format!("--site {} --data {} --socket {}", path("site"), path("data"), path("socket"))
    }

    fn says(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let flags = self.flags();
        let mut command = Command::new(built());
        command.args(words).args(flags.split(' ')).env("HOME", self.dir.path());
        command
    }

    /// Opens the console in a pane; its process id.
    fn attach(&self, tmux: &Tmux, variables: &str) -> u32 {
        let pid = self.at("pid");
        let flags = self.flags();
        let line = format!("{variables} sh -c 'echo $$ >{}; exec {} {flags}'", pid.display(), built());
        tmux.line(&line);
        tmux.wait_for_text("Home");
        std::fs::read_to_string(pid).unwrap().trim().parse().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.says(&["serve", "--stop", "--stop"]);
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
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
    until("the console to end", SOON, || match Path::new(&format!("/proc/{pid}")).exists() {
        true => Err(tmux.screen()),
        false => Ok(()),
    });
    tmux.wait_for("the shell's own screen", SOON, |screen| screen.contains("before"));
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
fn real_a_terminal_that_is_only_read_from_is_given_back() {
    given_back("</dev/tty", |_, pid| signal("TERM", pid));
}

#[test]
fn real_a_signal_at_the_secret_prompt_gives_the_terminal_back() {
    let world = World::new();
    let Some(tmux) = Tmux::shell(80, 24) else {
        return;
    };
    let stty = tmux.stty();
    let pid = world.at("pid");
    tmux.line(&format!("sh -c 'echo $$ >{}; exec {} secret 1 token {}'", pid.display(), built(), world.flags()));
    tmux.wait_for_text("token:");
    until("the prompt to be unechoed", SOON, || match tmux.stty() == stty {
        true => Err("echoed".to_owned()),
        false => Ok(()),
    });
    signal("TERM", fs::read_to_string(pid).unwrap().trim().parse().unwrap());
    until("the terminal to be as it was", SOON, || match tmux.stty() == stty {
        true => Ok(()),
        false => Err(tmux.screen()),
    });
    tmux.line("echo af''ter");
    tmux.wait_for_text("after");
}

#[test]
fn real_a_panic_inside_a_draw_gives_the_terminal_back() {
    let screen = given_back("QUARTERDECK_FAULT=draw", |tmux, _| tmux.keys(&["j"]));
    let skipped = screen.is_empty();
    assert!(skipped || screen.contains("an error of its own"), "{screen}");
    assert!(!screen.contains("asked for by a test"), "{screen}");
}

impl World {
    /// A server of our own, so that it can be killed.
    fn serve(&self) -> Child {
        let flags = self.flags();
        let mut server = Command::new(built());
        server.arg("serve").args(flags.split(' ')).env("HOME", self.dir.path());
        let server = server.stderr(Stdio::null()).spawn().unwrap();
        until("the server to answer", SOON, || match std::os::unix::net::UnixStream::connect(self.at("socket")) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        server
    }
}

#[test]
fn real_a_console_outlives_its_server_and_finds_the_next_one() {
    let Some(tmux) = Tmux::shell(80, 24) else {
        return;
    };
    let world = World::new();
    let mut server = world.serve();
    tmux.line("echo be''fore");
    tmux.wait_for_text("before");
    let (stty, modes) = (tmux.stty(), tmux.modes());
    let pid = world.attach(&tmux, "");
    server.kill().unwrap();
    server.wait().unwrap();
    let screen = tmux.wait_for_text("reconnecting, runs go on");
    assert!(screen.contains("last seen 00:0") && screen.contains("Home"), "the last frame stays: {screen}");
    tmux.keys(&["j", "X", "Enter"]);
    let mut server = world.serve();
    tmux.wait_for("the console again", SOON, |screen| screen.contains("Home") && !screen.contains("reconnecting"));
    tmux.keys(&["?"]);
    tmux.wait_for_text("keys: home");
    server.kill().unwrap();
    server.wait().unwrap();
    tmux.wait_for_text("reconnecting, runs go on");
    tmux.keys(&["q"]);
    until("the console to end", SOON, || match Path::new(&format!("/proc/{pid}")).exists() {
        true => Err(tmux.screen()),
        false => Ok(()),
    });
    tmux.wait_for("the shell's own screen", SOON, |screen| screen.contains("before"));
    assert_eq!((tmux.stty(), tmux.modes()), (stty, modes));
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
    until("the server to leave", SOON, || match world.at("socket").exists() {
        true => Err("its socket is there".to_owned()),
        false => Ok(()),
    });
    let stopped = world.says(&["serve", "--stop"]);
    assert_eq!(stopped.status.code(), Some(69), "{stopped:?}");
    std::fs::write(world.at("site/people.toml"), "nonsense").unwrap();
    assert_eq!(world.says(&["check"]).status.code(), Some(65));
}

#[test]
fn real_two_verbs_at_once_on_a_broken_site_both_hear_why() {
    let world = World::new();
    fs::write(world.at("site/people.toml"), "nonsense").unwrap();
    let spoken: Vec<_> =
        (0..2).map(|_| world.command(&["runs", "list"]).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for verb in spoken {
        let said = verb.wait_with_output().unwrap();
        assert_eq!(said.status.code(), Some(65), "{said:?}");
    }
}

#[test]
fn real_a_verb_starts_a_server_once_the_one_that_is_leaving_has_left() {
    let world = World::new();
    fs::DirBuilder::new().mode(0o700).create(world.at("data")).unwrap();
    let lock = fs::File::create(world.at("data/lock")).unwrap();
    lock.lock().unwrap();
    let verb = world.command(&["runs", "list"]).stderr(Stdio::piped()).spawn().unwrap();
    // The log is made before the lock is asked for: a server has tried.
    until("a server to have tried", SOON, || match world.at("data/log").exists() {
        true => Ok(()),
        false => Err("no log".to_owned()),
    });
    lock.unlock().unwrap();
    let said = verb.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

#[test]
fn real_other_data_do_not_take_over_a_socket_that_is_served() {
    let world = World::new();
    let mut server = world.serve();
    let other = world.at("other");
    let mut second = Command::new(built());
    second.args(["serve", "--site", world.at("site").to_str().unwrap(), "--data", other.to_str().unwrap()]);
    let second = second.arg("--socket").arg(world.at("socket")).output().unwrap();
    assert_eq!(second.status.code(), Some(73), "{second:?}");
    let answered = world.says(&["runs", "list"]);
    assert!(answered.status.success(), "{answered:?}");
    signal("TERM", server.id());
    server.wait().unwrap();
}

#[test]
fn real_a_frozen_server_is_not_waited_for_for_ever() {
    let world = World::new();
    let mut server = world.serve();
    signal("STOP", server.id());
    let said = world.says(&["runs", "list", "--json"]);
    let doctor = world.says(&["doctor"]);
    signal("CONT", server.id());
    assert_eq!(said.status.code(), Some(75), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("does not answer"), "{said:?}");
    assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
    signal("TERM", server.id());
    server.wait().unwrap();
}

#[test]
fn real_an_answer_that_cannot_be_written_is_no_success() {
    let world = World::new();
    let to = |words: &[&str], stdout: Stdio| world.command(words).stdout(stdout).status().unwrap().code();
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for words in [&["show", "hello", "--paper"][..], &["runs", "list"], &["--help"], &["show", "--json"]] {
        assert_eq!(to(words, full()), Some(74), "{words:?}");
    }
    // A reader that has left, as `head` does.
    let left = || Stdio::from(std::io::pipe().unwrap().1);
    assert_eq!(to(&["show", "hello", "--paper"], left()), Some(0));
    let proposed = world.says(&["propose", "hello", "--in", "lab", "--purpose", "fix", "--json"]);
    assert!(proposed.status.success(), "{proposed:?}");
    until("the checks to be done", SOON, || match world.says(&["runs", "list", "--phase", "checking", "--json"]) {
        still if String::from_utf8_lossy(&still.stdout).contains("\"run\": 1") => Err(format!("{still:?}")),
        _ => Ok(()),
    });
    for words in [&["run", "1"][..], &["runs", "log", "1", "-f"]] {
        assert_eq!(to(words, left()), Some(75), "{words:?}: nobody knows how it ended");
    }
}

#[test]
fn real_what_goes_wrong_is_json_where_json_was_asked_for() {
    let world = World::new();
    let json = |words: &[&str]| {
        let said = world.says(words);
        let value: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
        (said.status.code().unwrap(), value)
    };
    for (words, exit) in [
        (&["nonsense", "--json"][..], 64),
        (&["attach", "nonsense", "--json"], 64),
        (&["show", "nobody-wrote-it", "--json"], 1),
        (&["serve", "--stop", "--json"], 69),
        (&["init", world.at("site").to_str().unwrap(), "--json"], 1),
    ] {
        let (code, value) = json(words);
        assert_eq!((code, value["failed"]["exit"].as_i64()), (exit, Some(exit.into())), "{words:?}: {value}");
    }
    assert!(
        json(&["show", "hello", "--paper", "--json"]).1["paper"].as_str().is_some_and(|paper| paper.starts_with('#'))
    );
    fs::write(world.at("site/people.toml"), "nonsense").unwrap();
    let (code, value) = json(&["show", "hello", "--json"]);
    assert!(code == 65 && value["failed"]["problems"][0]["file"] == "people.toml", "{value}");
}

const PEOPLE: &str = r#"schema = 1

[[person]]
id   = "ada"
name = "Ada"
unix = ["@ADA@"]

[[person]]
id   = "grace"
name = "Grace"
unix = ["@GRACE@"]

[[person]]
id   = "lea"
name = "Lea"
unix = ["@LEA@"]
"#;

/// Accounts of this system at one server, which runs under another.
struct Two {
    world: World,
    program: PathBuf,
    server: Child,
}

impl Two {
    fn new(ada: &Account, grace: &Account, lea: &Account) -> Self {
        let world = World::new();
        fs::set_permissions(world.dir.path(), Permissions::from_mode(0o755)).unwrap();
        // The program where every account can run it.
        let program = world.at("quarterdeck");
        fs::copy(built(), &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let people = PEOPLE.replace("@ADA@", &ada.name).replace("@GRACE@", &grace.name).replace("@LEA@", &lea.name);
        fs::write(world.at("site/people.toml"), people).unwrap();
        let lab = world.at("site/workspaces/lab.toml");
        let text = fs::read_to_string(&lab).unwrap();
        let (head, rest) = text.split_once("[members]\n").unwrap();
        let (member, rest) = rest.split_once('\n').unwrap();
        let owner = member.split(' ').next().unwrap();
        let head = head.replace(&format!("owner         = \"{owner}\""), "owner         = \"grace\"");
        let members = "ada = [\"operator\"]\ngrace = [\"approver\", \"owner\"]\nlea = [\"reviewer\"]\n";
        fs::write(&lab, format!("{head}[members]\n{members}{rest}")).unwrap();
        let flags = world.flags();
        let mut server = Command::new(built());
        server.arg("serve").args(flags.split(' ')).env("HOME", world.dir.path());
        let server = server.stderr(Stdio::null()).spawn().unwrap();
        until("the server", SOON, || match world.at("socket").exists() {
            true => Ok(()),
            false => Err("no socket".to_owned()),
        });
        Two { world, program, server }
    }

    fn command(&self, who: &Account, words: &[&str]) -> Command {
        let mut command = who.command(&self.program);
        command.args(words).args(self.world.flags().split(' '));
        command
    }

    fn json(&self, who: &Account, words: &[&str]) -> serde_json::Value {
        let said = self.command(who, words).arg("--json").output().unwrap();
        assert!(said.status.success(), "{words:?}: {said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }

    fn until_phase(&self, who: &Account, phase: &str) -> serde_json::Value {
        until(phase, SOON, || {
            let run = self.json(who, &["runs", "show", "1"]);
            match run["phase"] == phase {
                true => Ok(run),
                false => Err(run.to_string()),
            }
        })
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        signal("TERM", self.server.id());
        self.server.wait().unwrap();
    }
}

#[test]
fn real_two_accounts_share_a_run_and_neither_reaches_the_data() {
    let homes = tempfile::tempdir().unwrap();
    let home = |name: &str| homes.path().join(name);
    let Some(ada) = Account::new("ada", "/bin/sh", &home("ada")) else {
        return;
    };
    let Some(grace) = Account::new("grace", "/bin/sh", &home("grace")) else {
        return;
    };
    let Some(lea) = Account::new("lea", "/bin/sh", &home("lea")) else {
        return;
    };
    let two = Two::new(&ada, &grace, &lea);

    two.json(&ada, &["propose", "hello", "--in", "lab", "--purpose", "fix", "--impact", "medium"]);
    let run = two.until_phase(&grace, "waiting");
    let code = run["code"].as_str().unwrap().to_owned();
    let own = two.command(&ada, &["approve", "1", "--code", &code, "--reason", "mine"]).output().unwrap();
    assert_eq!(own.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&own.stderr).contains("sod.self"), "{own:?}");
    two.json(&grace, &["approve", "1", "--code", &code, "--reason", "looked at it"]);

    // The proposer's own terminal is killed while the run waits for a person; the run does not notice.
    let mut watching = two.command(&ada, &["run", "1"]).stdout(Stdio::null()).spawn().unwrap();
    two.until_phase(&grace, "running");
    watching.kill().unwrap();
    watching.wait().unwrap();
    until("the manual step", SOON, || {
        let tick = two.command(&grace, &["tick", "1", "look", "--all", "--evidence", "seen"]).output().unwrap();
        match tick.status.success() {
            true => Ok(()),
            false => Err(format!("{tick:?}")),
        }
    });
    assert_eq!(two.until_phase(&ada, "ended")["ending"], "succeeded");
    two.json(&ada, &["close", "1", "--note", "done"]);
    two.json(&lea, &["review", "1", "--comment", "seen"]);

    let data = two.world.at("data");
    for who in [&ada, &grace, &lea] {
        for program in ["/bin/ls", "/usr/bin/touch"] {
            let tried = who.command(Path::new(program)).arg(data.join("ledger")).output().unwrap();
            assert!(!tried.status.success(), "{program}: {tried:?}");
        }
    }
    // The account the server runs under is nobody here.
    let nobody = two.world.says(&["runs", "list"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("actor.unknown"), "{nobody:?}");
}

#[test]
fn real_demo_without_a_terminal_tells_a_whole_run_and_leaves_a_site_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let demo = |words: &[&str]| {
        let mut command = Command::new(built());
        command.args(words).env("HOME", dir.path());
        command.output().unwrap()
    };
    let kept_text = kept.to_str().unwrap();
    let told = demo(&["demo", "--headless", "--keep", kept_text]);
    let text = String::from_utf8(told.stdout.clone()).unwrap();
    assert!(told.status.success(), "{told:?}");
    for part in [
        "ada  proposes #1",
        "grace  approves #1",
        "web-1  step ",
        "web-2  verification ",
        "succeeded",
        "lea  reviews #1",
        "intact: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let again = demo(&["demo", "--headless", "--keep", kept_text]);
    assert_eq!(again.status.code(), Some(64), "{again:?}");
    let long = dir.path().join("x".repeat(100));
    let refused = demo(&["demo", "--headless", "--keep", long.to_str().unwrap()]);
    assert!(refused.status.code() == Some(64) && !long.exists(), "{refused:?}");
    let (site, data) = (kept.join("site"), kept.join("data"));
    let flags = ["--site", site.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let listed = demo(&[&["runs", "list", "--json"], &flags[..]].concat());
    let rows: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(rows["rows"][0]["reviewed_by"], "lea", "{listed:?}");
    for words in [&["audit", "verify"][..], &["serve", "--stop"]] {
        let said = demo(&[words, &flags[..]].concat());
        assert!(said.status.success(), "{words:?}: {said:?}");
    }
}

#[test]
fn real_demo_on_a_terminal_is_ada_and_can_be_grace() {
    let Some(tmux) = Tmux::shell(100, 30) else {
        return;
    };
    tmux.line(&format!("{} demo", built()));
    tmux.wait_for_text("ada: operator");
    tmux.wait_for_text("how to open a second window");
    tmux.keys(&["?"]);
    tmux.wait_for("the second window's command", SOON, |screen| screen.contains("--as grace"));
    tmux.keys(&["Escape"]);
    tmux.wait_for("help to be closed", SOON, |screen| !screen.contains("--as grace"));
    tmux.keys(&[":"]);
    tmux.text("as grace");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("acting as");
    tmux.keys(&["C-c"]);
    tmux.wait_for("the prompt", SOON, |screen| screen.trim_end().ends_with("\n$"));
    tmux.line("echo af''ter");
    tmux.wait_for_text("after");
}

#[test]
fn real_a_demo_that_is_ended_leaves_no_keys_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Command::new(built());
    let mut demo = demo.args(["demo", "--headless"]).env("TMPDIR", dir.path()).stdout(Stdio::null()).spawn().unwrap();
    let made = || fs::read_dir(dir.path()).unwrap().next().is_some();
    until("the demo to make its ground", SOON, || match made() {
        true => Ok(()),
        false => Err("nothing there".to_owned()),
    });
    signal("TERM", demo.id());
    assert_eq!(demo.wait().unwrap().code(), Some(75));
    assert!(!made());
}
