//! Another program takes the server's place while a run is in flight: each step is done once, nothing that was acknowledged is
//! lost, and whoever looked on looks on from where they were. What cannot take its place is refused, and a server that is
//! killed in between leaves an interrupted run, as ever.

#![cfg(test)]

mod real;

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use real::product::{PROGRAM, Product, RUN, runbook};
use real::wait::SOON;
use real::{Fleet, Host, Served, Tmux, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const STEPS: [&str; 3] = ["one", "two", "three"];
const HOSTS: usize = 3;

/// Leaves a line per step on each host; a FIFO holds a step where there is one.
fn walk() -> String {
    let step = |name: &&str| {
        format!(
            "\n[[step]]\nid = \"{name}\"\ntitle = \"{name}\"\neffect = \"once\"\nrun = '''\ncd \"$HOME\"\n: >\"begun-$step\"\n\
             [ ! -p \"gate-$step\" ] || read -r _ <\"gate-$step\"\necho \"$step\" >>once\n'''\n"
        )
    };
    let verify = "\n[[verify]]\nid = \"look\"\ntitle = \"look\"\neffect = \"read\"\nrun = 'test -s \"$HOME/once\"'\n";
    runbook("walk", &("parallel = 2\n".to_owned() + &STEPS.iter().map(step).collect::<String>() + verify))
}

/// Holds a step on a host until it is opened.
struct Gate(PathBuf);

impl Gate {
    fn shut(host: &Host, step: &str) -> Gate {
        let path = host.home.join(format!("gate-{step}"));
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        Gate(path)
    }

    fn open(self) -> File {
        let mut fifo = File::options().read(true).write(true).open(&self.0).unwrap();
        fifo.write_all(b"\n\n").unwrap();
        fs::remove_file(&self.0).unwrap();
        fifo
    }
}

/// A run that stands at a gate in its first step, on a server with a door.
struct Scene {
    served: Served,
    fleet: Fleet,
    run: u64,
    gate: Option<Gate>,
}

impl Scene {
    fn start(words: &[&str]) -> Option<Scene> {
        let fleet = Fleet::plan(HOSTS).start()?;
        let mut served = Served::start(&fleet, &[("walk", &walk())], "");
        if !words.is_empty() {
            served.restart_with(words);
        }
        let gate = Some(Gate::shut(fleet.host(1), STEPS[0]));
        let run = served.product.start("walk");
        until("the first step to be at work", RUN, || {
            let begun = fleet.host(1).home.join("begun-one");
            begun.exists().then_some(()).ok_or_else(|| format!("{:#}", served.product.run(run)))
        });
        Some(Scene { served, fleet, run, gate })
    }

    fn product(&self) -> &Product {
        &self.served.product
    }

    fn open(&mut self) -> File {
        self.gate.take().unwrap().open()
    }

    /// The program under another name, as a newer one would lie beside it.
    fn copy(&self, name: &str) -> PathBuf {
        let path = self.product().at(name);
        fs::copy(PROGRAM, &path).unwrap();
        path
    }

    /// A program of a few words of shell.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.product().at(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn upgrade(&self, to: &Path) -> Child {
        let mut command = self.product().command(&["serve", "--upgrade", to.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What a drain that begins says in the record, once it does.
    fn until_draining(&self) {
        until("the server to drain", SOON, || match self.kinds().contains(&"server drains".to_owned()) {
            true => Ok(()),
            false => Err(format!("{:?}", self.kinds())),
        });
    }

    /// Kinds of the leaves, with what they say of the server.
    fn kinds(&self) -> Vec<String> {
        let of = |leaf: Value| {
            let act = leaf["body"]["act"].as_str().filter(|_| leaf["kind"] == "server").map(|act| format!(" {act}"));
            format!("{}{}", leaf["kind"].as_str().unwrap(), act.unwrap_or_default())
        };
        self.product().leaves().into_iter().map(of).collect()
    }

    /// How often each step was done on each host.
    #[track_caller]
    fn each_step_was_done_once(&self) {
        for host in self.fleet.hosts() {
            let done = host.file("once");
            let mut done: Vec<&str> = done.lines().collect();
            done.sort_unstable();
            let mut steps = STEPS;
            steps.sort_unstable();
            assert_eq!(done, steps, "on {}", host.name);
        }
        for kind in ["intended", "ended"] {
            let steps = self.product().leaves().into_iter().filter(|leaf| {
                leaf["kind"] == kind && leaf["body"]["slot"]["item"]["step"].is_u64() && leaf["body"]["run"] == self.run
            });
            assert_eq!(steps.count(), HOSTS * STEPS.len(), "{kind}");
        }
    }

    /// A console at the socket.
    fn console(&self, words: &[&str]) -> Vec<String> {
        let mut command: Vec<String> = vec![PROGRAM.to_owned()];
        for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
            command.extend([flag.to_owned(), self.product().at(name).display().to_string()]);
        }
        command.extend(words.iter().map(|word| (*word).to_owned()));
        command
    }

    /// A console over SSH.
    fn over_ssh(&self, words: &[&str]) -> Vec<String> {
        let mut command = vec!["ssh".to_owned(), "-tt".to_owned()];
        command.extend(self.served.options(&self.served.ada.private));
        command.extend(["ada@127.0.0.1".to_owned(), "--".to_owned()]);
        command.extend(words.iter().map(|word| (*word).to_owned()));
        command
    }
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

fn text(said: &Output) -> String {
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

/// The file a process runs.
fn program_of(pid: Pid) -> PathBuf {
    fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).unwrap()
}

#[test]
fn real_an_upgrade_mid_run_does_each_step_once_and_viewers_stay_where_they_were() {
    let Some(mut scene) = Scene::start(&[]) else { return };
    let other = scene.product().propose("walk");
    scene.product().until_phase(other, &["approved"]);
    let (list, live) = (scene.console(&["attach"]), scene.over_ssh(&["run", &scene.run.to_string()]));
    let Some(list) = Tmux::start(100, 30, &words(&list)) else { return };
    let Some(live) = Tmux::start(100, 30, &words(&live)) else { return };
    // One filters the runs at the socket; one has selected a step of the run over SSH.
    list.wait_for_text("quarterdeck");
    list.keys(&["3"]);
    list.wait_for_text("▸ Runs");
    list.text("/walk & !is:approved");
    list.keys(&["Enter"]);
    list.wait_for_text("/ walk & !is:approved");
    live.wait_for_text("walk v1.0.0");
    live.keys(&["G"]);
    let selected = |screen: &str| screen.lines().any(|line| line.trim_start().starts_with(">  3 three"));
    live.wait_for("the last step to be selected", SOON, selected);

    let before = scene.product().server().unwrap();
    let newer = scene.copy("newer");
    let upgrade = scene.upgrade(&newer);
    scene.until_draining();
    for terminal in [&list, &live] {
        terminal.wait_for_text("upgrading: steps in flight finish first");
    }
    // Nothing starts; everything else is taken, and stays.
    let refused = scene.product().tries("ada", &["start", &other.to_string()]);
    assert_eq!(refused.status.code(), Some(75), "{refused:?}");
    assert!(text(&refused).contains("server.stopping"), "{refused:?}");
    let noted = scene.product().json("ada", &["note", &scene.run.to_string(), "seen while it drains"]);
    assert_eq!(scene.product().run(scene.run)["phase"], "running");
    let _open = scene.open();

    let said = upgrade.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", text(&said));
    assert!(text(&said).contains("runs go on"), "{}", text(&said));
    let after = scene.product().server().unwrap();
    assert_ne!(before, after);
    assert_eq!(program_of(after), newer);

    // They are where they were, and alive.
    list.wait_for("the list with its filter", SOON, |screen| {
        screen.contains("▸ Runs") && screen.contains("/ walk & !is:approved") && !screen.contains("reconnecting")
    });
    live.wait_for("the run with its selection", SOON, |screen| selected(screen) && !screen.contains("upgrading"));
    let run = scene.product().until_phase(scene.run, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    live.wait_for_text("succeeded");
    for terminal in [&list, &live] {
        terminal.keys(&["?"]);
        terminal.wait_for_text("keys:");
    }
    scene.each_step_was_done_once();
    let kinds = scene.kinds();
    let of_server: Vec<&str> = kinds.iter().filter(|kind| kind.starts_with("server")).map(String::as_str).collect();
    assert_eq!(of_server, ["server drains", "server handed_over", "server took_over"]);
    assert_eq!(kinds.iter().filter(|kind| *kind == "booted").count(), 1, "no start but the first");
    let events = scene.product().audit(scene.run);
    assert!(events.contains_key(&noted["event"].as_u64().unwrap()), "{noted}");
    let everything = text(&scene.product().says(&["audit", "list", "--as", "grace", "--kind", "server"]));
    assert!(everything.contains("server upgraded from"), "{everything}");
    scene.product().verifies();
}

#[test]
fn real_a_program_that_cannot_take_over_is_refused_and_the_run_goes_on() {
    let Some(mut scene) = Scene::start(&["--drain", "2s"]) else { return };
    let before = scene.product().server();
    let broken = scene.script("broken", "echo no such library >&2; exit 127");
    let other = scene.script("other", "echo hello");
    let older = scene.script(
        "older",
        &format!("{PROGRAM} serve --knows | sed -e 's/\"follow_up\",//' -e 's/\"version\": *\"[^\"]*\"/\"version\": \"0.0.9\"/'"),
    );
    for (program, why) in [
        (broken.as_path(), "no such library"),
        (&other, "no quarterdeck that can take over"),
        (&older, "0.0.9 is older: it does not know events of the kind follow_up"),
        (Path::new("/nowhere/quarterdeck"), "cannot be read"),
    ] {
        let said = scene.upgrade(program).wait_with_output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
        assert!(text(&said).contains(why) && text(&said).contains("goes on as it was"), "{why}: {}", text(&said));
    }
    assert!(!scene.kinds().iter().any(|kind| kind.starts_with("server")), "nothing was held for any of them");

    // A step that outlasts the limit is not cut off: the upgrade is called off.
    let said = scene.upgrade(Path::new(PROGRAM)).wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert!(text(&said).contains("did not end within"), "{}", text(&said));
    let kinds = scene.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "server called_off").count(), 1, "{kinds:?}");

    // One that knows everything and then does not serve: the program that served until now does again.
    let liar = scene.script("liar", &format!("case \"$*\" in *--knows*) exec {PROGRAM} \"$@\";; esac\nexit 3"));
    let upgrade = scene.upgrade(&liar);
    until("the second drain", SOON, || {
        let drains = scene.kinds().iter().filter(|kind| *kind == "server drains").count();
        (drains == 2).then_some(()).ok_or_else(|| format!("{:?}", scene.kinds()))
    });
    let _open = scene.open();
    let said = upgrade.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert!(text(&said).contains("the program that served until now goes on"), "{}", text(&said));
    assert_ne!(scene.product().server(), before);
    let run = scene.product().until_phase(scene.run, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    scene.each_step_was_done_once();
    scene.product().verifies();
}

#[test]
fn real_a_kill_between_the_hand_over_and_the_successor_leaves_an_interrupted_run() {
    let Some(mut scene) = Scene::start(&[]) else { return };
    let stuck = scene.script(
        "stuck",
        &format!("case \"$*\" in *--knows*) exec {PROGRAM} \"$@\";; esac\n: >\"$HOME/stuck-is-here\"\nexec sleep 1000"),
    );
    let upgrade = scene.upgrade(&stuck);
    scene.until_draining();
    let _open = scene.open();
    let here = scene.product().at("stuck-is-here");
    until("the successor to hang", RUN, || here.exists().then_some(()).ok_or_else(|| format!("{:?}", scene.kinds())));
    let before = scene.product().leaves();
    assert_eq!(scene.kinds().last().map(String::as_str), Some("server handed_over"));
    scene.served.restart();
    drop(upgrade.wait_with_output());

    let run = scene.product().run(scene.run);
    assert_eq!((&run["phase"], &run["ending"]), (&json!("ended"), &json!("interrupted")), "{run:#}");
    let after = scene.product().leaves();
    assert_eq!(&after[..before.len()], &before, "nothing that was acknowledged is gone");
    let began = after[before.len()..].iter().filter(|leaf| leaf["kind"] == "intended");
    assert_eq!(began.count(), 0, "nothing begins by itself");
    let unknown = run["cells"].as_array().unwrap().iter().filter(|cell| cell["state"] == "unknown").count();
    assert_eq!(unknown, 0, "what was in flight had ended: {run:#}");
    scene.product().verifies();
}

#[test]
fn real_a_server_that_is_told_to_end_lets_steps_in_flight_end_and_then_interrupts_the_run() {
    let Some(mut scene) = Scene::start(&[]) else { return };
    let viewer = scene.console(&["attach", &scene.run.to_string()]);
    let Some(viewer) = Tmux::start(100, 30, &words(&viewer)) else { return };
    viewer.wait_for_text("walk v1.0.0");
    kill_process(scene.product().server().unwrap(), Signal::TERM).unwrap();
    viewer.wait_for_text("the server is stopping: steps in flight finish first");
    let _open = scene.open();
    let ended = until("the server to end", RUN, || scene.served.daemon().ended().ok_or_else(|| "it lives".to_owned()));
    assert_eq!(ended.code(), Some(0), "{}", scene.served.said());
    let kinds = scene.kinds();
    assert_eq!(kinds.last().map(String::as_str), Some("run_ended"), "it says so itself: {kinds:?}");
    scene.served.restart();
    let run = scene.product().run(scene.run);
    assert_eq!((&run["phase"], &run["ending"]), (&json!("ended"), &json!("interrupted")), "{run:#}");
    assert!(run["cells"].as_array().unwrap().iter().all(|cell| cell["state"] != "unknown"), "{run:#}");
    scene.product().verifies();
}

/// Consoles that look on when the server is killed.
const VIEWERS: usize = 20;

#[test]
fn real_twenty_viewers_of_a_server_that_is_killed_come_back_to_an_interrupted_run_with_its_table() {
    let Some(mut scene) = Scene::start(&[]) else { return };
    let viewer = scene.console(&["attach", &scene.run.to_string()]);
    let Some(tmux) = Tmux::start(80, 24, &words(&viewer)) else { return };
    let names: Vec<String> = (0..VIEWERS).map(|nr| format!("viewer{nr}")).collect();
    for name in &names {
        tmux.window(name, &words(&viewer));
    }
    let all = |what: &str, wanted: &dyn Fn(&str) -> bool| {
        for name in &names {
            until(&format!("{name}: {what}"), RUN, || {
                let screen = tmux.screen_of(name);
                if wanted(&screen) { Ok(()) } else { Err(screen) }
            });
        }
    };
    all("the run", &|screen| screen.contains("walk v1.0.0") && screen.contains("running"));
    // Each selects something of its own.
    for (nr, name) in names.iter().enumerate() {
        tmux.keys_to(name, &["g"]);
        (0..nr % 4).for_each(|_| tmux.keys_to(name, &["j"]));
    }
    let run = scene.run.to_string();
    let told: Vec<u64> = (0..5)
        .map(|nr| scene.product().json("grace", &["note", &run, &format!("note {nr}")])["event"].as_u64().unwrap())
        .collect();
    let before = scene.product().leaves();
    scene.product().kill();
    all("to say that the server is gone", &|screen| screen.contains("reconnecting"));
    let _open = scene.open();
    let mut serve = Command::new(PROGRAM);
    for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
        serve.arg(flag).arg(scene.product().at(name));
    }
    let mut serve = serve.args(["serve"]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    all("to be back at the interrupted run", &|screen| {
        screen.contains("interrupted")
            && screen.contains("walk v1.0.0")
            && STEPS.iter().all(|step| screen.contains(step))
            && !screen.contains("reconnecting")
    });
    let after = scene.product().leaves();
    assert_eq!(&after[..before.len()], &before, "nothing that was acknowledged is gone");
    let listed = scene.product().audit(scene.run);
    assert!(told.iter().all(|event| listed.contains_key(event)), "{told:?}");
    let shown = scene.product().run(scene.run);
    assert_eq!(shown["ending"], "interrupted", "{shown:#}");
    scene.product().verifies();
    scene.product().kill();
    serve.wait().unwrap();
}

/// Reads what a service manager is told, until it is this.
#[track_caller]
fn hears(manager: &UnixDatagram, wanted: &str) -> String {
    manager.set_read_timeout(Some(SOON)).unwrap();
    loop {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("never {wanted}: {error}"));
        let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert_ne!(said, "STOPPING=1", "the service goes on");
        if said.starts_with(wanted) {
            return said;
        }
    }
}

/// The process a process is a child of.
fn parent_of(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A service whose program is replaced where it lies, twice: by a signal, with somebody at a console over SSH all the while.
#[test]
fn real_a_replaced_program_takes_over_by_a_signal_and_the_service_manager_hears_which_process_it_is() {
    let Some(fleet) = Fleet::plan(HOSTS).start() else { return };
    let mut served = Served::start(&fleet, &[("walk", &walk())], "");
    let program = served.product.at("quarterdeck");
    fs::copy(PROGRAM, &program).unwrap();
    let manager = UnixDatagram::bind(served.product.at("notify")).unwrap();
    served.restart_as(
        &program,
        &[("NOTIFY_SOCKET", &served.product.at("notify")), ("WATCHDOG_USEC", Path::new("400000"))],
    );
    hears(&manager, "READY=1");
    let scene = Scene { served, fleet, run: 0, gate: None };
    let viewer = scene.over_ssh(&[]);
    let Some(viewer) = Tmux::start(100, 30, &words(&viewer)) else { return };
    viewer.wait_for_text("quarterdeck");
    viewer.keys(&["6"]);
    viewer.wait_for_text("> History");
    viewer.text("/walk");
    viewer.keys(&["Enter"]);
    viewer.wait_for_text("/ walk");
    let first = scene.product().server().unwrap();
    let mut before = first;
    for nr in 1..=2 {
        fs::copy(PROGRAM, scene.product().at("next")).unwrap();
        fs::rename(scene.product().at("next"), &program).unwrap();
        kill_process(before, Signal::USR2).unwrap();
        let said = hears(&manager, "MAINPID=");
        let pid: u32 = said.trim().strip_prefix("MAINPID=").unwrap().parse().unwrap();
        let after = scene.product().server().unwrap();
        assert_eq!((pid, program_of(after)), (after.as_raw_nonzero().get().unsigned_abs(), program.clone()));
        assert_ne!(after, before);
        assert_ne!(parent_of(pid), before.as_raw_nonzero().get().unsigned_abs(), "its end is seen by the manager");
        hears(&manager, "WATCHDOG=1");
        // The door is the same, and so is the console behind it, which hears keys.
        let listed = scene.served.json(&scene.served.grace, "grace", &["sessions", "list"]);
        assert!(listed["rows"].as_array().unwrap().iter().any(|row| row["person"] == "ada"), "{listed}");
        viewer.wait_for("the filter", SOON, |screen| screen.contains("> History") && screen.contains("/ walk"));
        viewer.keys(&["?"]);
        viewer.wait_for_text("keys:");
        viewer.keys(&["Escape"]);
        viewer.wait_for(&format!("the list after {nr}"), SOON, |screen| !screen.contains("keys:"));
        before = after;
    }
    assert!(Path::new(&format!("/proc/{}", first.as_raw_nonzero())).exists(), "it stays for the console it accepted");
    // A run begins and ends here as anywhere.
    let run = scene.product().start("walk");
    assert_eq!(scene.product().until_phase(run, &["ended"])["ending"], "succeeded");
    viewer.keys(&["Escape"]);
    viewer.wait_for("no filter", SOON, |screen| !screen.contains("/ walk"));
    viewer.keys(&["C-c"]);
    until("the terminal to be given back", SOON, || viewer.ended().ok_or_else(|| viewer.screen()));
    assert_eq!(viewer.ended(), Some(0), "{}", viewer.screen());
    until("the first process to be gone with the last console", SOON, || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", first.as_raw_nonzero())).unwrap_or_default();
        let gone = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'));
        gone.then_some(()).ok_or(stat)
    });
    scene.product().verifies();
}
