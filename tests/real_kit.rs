//! The kit for real components, tested with their own clients: what `tests/real/` promises to other tests.

#![cfg(test)]

mod real;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use real::process::processes_with;
use real::wait::SOON;
use real::{Account, Agent, Dropbear, Fleet, Host, KeyPair, KeyType, Oddity, Proxy, Tmux, Traffic, until};

const SHORT: Duration = Duration::from_millis(300);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ssh(fleet: &Fleet, host: &Host, command: &str) -> Output {
    fleet.client(host).arg(command).output().unwrap()
}

#[test]
fn real_fleet_answers_on_twenty_addresses_each_its_own_host() {
    let Some(fleet) = Fleet::plan(20).start() else {
        return;
    };
    for host in fleet.hosts() {
        let done = ssh(&fleet, host, "echo \"$QD_HOST\"; echo \"$QD_HOST\" >\"$HOME/name\"");
        assert!(done.status.success(), "{}: {}", host.name, text(&done.stderr));
        assert_eq!(text(&done.stdout).trim(), host.name);
        assert_eq!(host.file("name").trim(), host.name);
        assert_eq!(fleet.traffic(host), Traffic { connections: 1, accepted: 1, sessions: 1 }, "{}", host.name);
    }
}

#[test]
fn real_fleet_has_odd_hosts_that_are_odd_in_their_own_way() {
    let oddities = [Oddity::WrongHostKey, Oddity::Refusing, Oddity::Hanging, Oddity::UnknownUserKey];
    let plan = oddities.iter().zip(1..).fold(Fleet::plan(5), |plan, (oddity, number)| plan.odd(number, *oddity));
    let Some(fleet) = plan.start() else { return };
    for (number, says) in
        [(1, "Host key verification failed"), (2, "Connection refused"), (4, "Permission denied (publickey)")]
    {
        let host = fleet.host(number);
        let done = ssh(&fleet, host, "true");
        assert_eq!(done.status.code(), Some(255), "{host:?}");
        assert!(text(&done.stderr).contains(says), "{host:?}: {}", text(&done.stderr));
        assert_eq!(fleet.traffic(host).sessions, 0, "{host:?}");
    }
    assert_eq!(fleet.traffic(fleet.host(1)).connections, 1);
    let hanging = fleet.host(3);
    let mut silent = TcpStream::connect((hanging.address, hanging.port)).unwrap();
    silent.set_read_timeout(Some(SHORT)).unwrap();
    let nothing = silent.read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert!(ssh(&fleet, fleet.host(5), "true").status.success());
}

#[test]
fn real_fleet_turns_a_user_without_a_shell_away() {
    let Some(fleet) = Fleet::plan(2).odd(2, Oddity::MissingShell).start() else {
        return;
    };
    let host = fleet.host(2);
    let done = ssh(&fleet, host, "true");
    assert!(text(&done.stderr).contains("Permission denied (publickey)"), "{}", text(&done.stderr));
    assert!(fleet.log().contains("does not exist"), "{}", fleet.log());
    assert_eq!(fleet.traffic(host), Traffic { connections: 1, accepted: 0, sessions: 0 });
}

#[test]
fn real_fleet_shows_a_host_certificate() {
    let Some(fleet) = Fleet::plan(1).certified().start() else {
        return;
    };
    let authority = fleet.authority.as_ref().unwrap().public_line();
    let known = fleet.directory().join("authorities");
    fs::write(&known, format!("@cert-authority * {authority}\n")).unwrap();
    let mut client = fleet.client(fleet.host(1));
    let option = format!("UserKnownHostsFile={}", known.display());
    // The client takes the first value it is told, so the file of pins must hold none.
    fs::write(fleet.directory().join("known_hosts"), "").unwrap();
    let done = client.args(["-v", "-o", &option, "true"]).output().unwrap();
    assert!(text(&done.stderr).contains("Server host certificate: "), "{}", text(&done.stderr));
}

#[test]
fn real_fleet_takes_everything_it_started_along() {
    let Some(mut fleet) = Fleet::plan(1).start() else {
        return;
    };
    let host = fleet.host(1).clone();
    let script = "cd \"$HOME\"; setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!; exec sleep 601";
    let mut waiting = fleet.client(&host).arg(script).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    waiting.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let home = format!("HOME={}", host.home.display());
    // A process that is just being replaced by its program shows no environment for a moment.
    until("the orphan and the step", SOON, || match processes_with(&home) {
        both if both.len() == 2 => Ok(()),
        others => Err(format!("{others:?}")),
    });
    fleet.kill();
    assert_eq!(waiting.wait().unwrap().code(), Some(255), "the client saw its connection lost");
    until("its processes to end", SOON, || match processes_with(&home) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn real_agent_signs_with_the_key_it_was_given() {
    let Some(fleet) = Fleet::plan(1).start() else {
        return;
    };
    let Some(agent) = Agent::start(fleet.directory()) else {
        return;
    };
    let stranger = KeyPair::generate(fleet.directory(), "stranger", KeyType::EcdsaP256);
    assert!(stranger.fingerprint().starts_with("SHA256:"), "{}", stranger.fingerprint());
    let signs_in = || fleet.agent_client(fleet.host(1), &agent).arg("true").output().unwrap();
    agent.add(&stranger);
    assert_eq!(signs_in().status.code(), Some(255));
    agent.add(&fleet.user_key);
    let done = signs_in();
    assert!(done.status.success(), "{}", text(&done.stderr));
}

#[test]
fn real_dropbear_runs_a_command_in_its_own_home() {
    let Some(dropbear) = Dropbear::start() else {
        return;
    };
    let done = dropbear.client().arg("pwd; echo here >file").output().unwrap();
    assert!(done.status.success(), "{}\n{}", text(&done.stderr), dropbear.log());
    assert_eq!(text(&done.stdout).trim(), dropbear.host.home.to_str().unwrap());
    assert_eq!(dropbear.host.file("file"), "here\n");
}

#[test]
fn real_account_runs_as_itself_and_goes_away() {
    let directory = tempfile::tempdir().unwrap();
    let Some(account) = Account::new("self", "/bin/sh", &directory.path().join("home")) else {
        return;
    };
    let said = account.command(Path::new("id")).arg("-un").output().unwrap();
    assert_eq!(text(&said.stdout).trim(), account.name, "{}", text(&said.stderr));
    let name = account.name.clone();
    drop(account);
    assert!(!fs::read_to_string("/etc/passwd").unwrap().contains(&name));
}

#[test]
fn real_proxy_freezes_thaws_and_cuts() {
    let Some(fleet) = Fleet::plan(1).start() else {
        return;
    };
    let host = fleet.host(1);
    let proxy = Proxy::start(SocketAddr::from((host.address, host.port)));
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-2.0-");

    let mut frozen = TcpStream::connect(proxy.address).unwrap();
    proxy.freeze();
    frozen.set_read_timeout(Some(SHORT)).unwrap();
    // What had passed before the freeze may still arrive; after it, silence and no end.
    let mut rest = Vec::new();
    let silent = frozen.read_to_end(&mut rest).unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::WouldBlock);
    frozen.write_all(b"SSH-2.0-test\r\n").unwrap();
    assert_eq!(frozen.read_to_end(&mut rest).unwrap_err().kind(), ErrorKind::WouldBlock);

    proxy.thaw();
    frozen.set_read_timeout(Some(SOON)).unwrap();
    let mut byte = [0; 1];
    frozen.read_exact(&mut byte).unwrap();

    proxy.cut();
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn real_tmux_types_reads_and_measures() {
    let Some(tmux) = Tmux::shell(80, 24) else {
        return;
    };
    tmux.wait_for_text("$");
    let (stty, modes) = (tmux.stty(), tmux.modes());
    assert!(stty.contains(':') && modes.contains("alternate=0 cursor=1"), "{stty} {modes}");
    tmux.line("printf '\\033[1;31m%s\\033[0m ü→\\n' red$((1 + 1))");
    let screen = tmux.wait_for_text("red2 ü→");
    assert_eq!(screen.lines().count(), 24);
    assert!(tmux.styled_screen().contains("\u{1b}[1m"), "{}", tmux.styled_screen());

    tmux.line("stty raw -echo; printf '\\033[?1049h\\033[?25lfull'; read x; printf '\\033[?1049l\\033[?25h'");
    tmux.wait_for("the other screen", SOON, |screen| screen.trim() == "full");
    assert!(tmux.modes().contains("alternate=1 cursor=0"), "{}", tmux.modes());
    assert_ne!(tmux.stty(), stty);
    tmux.keys(&["C-j"]);
    tmux.wait_for_text("red2 ü→");
    // Raw still: Enter's carriage return ends no line.
    tmux.text("stty sane; clear; echo back");
    tmux.keys(&["C-j"]);
    tmux.wait_for("the cleared screen", SOON, |screen| screen.starts_with("back"));
    assert_eq!(tmux.modes(), modes);

    tmux.resize(120, 40);
    until("the new size", SOON, || {
        tmux.line("stty size");
        match tmux.screen() {
            screen if screen.contains("40 120") => Ok(()),
            screen => Err(screen),
        }
    });
    assert_eq!(tmux.cursor().0, 2);
    tmux.line("exit 7");
    until("the shell to end", SOON, || tmux.ended().ok_or_else(|| tmux.screen()));
    assert_eq!(tmux.ended(), Some(7));
}
