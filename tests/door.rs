//! The door from the network, with the clients people have: OpenSSH's, dropbear's, PuTTY's. Let in by key, certificate and code;
//! refused in each way they should be; verbs, consoles, sessions; and what the record says of the door.

#![cfg(test)]

mod real;

use real::device::{device, enrolled};
use real::door::own_account;
use real::keys::run;
use real::product::runbook;
use real::wait::SOON;
use real::{Fleet, KeyPair, Served, program, until};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = \"true\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// Where a run of `grave` waits for an approval.
fn served(fleet: &Fleet, sign_in: &str) -> Served {
    let grave = runbook("grave", LOOK).replace("impact = \"low\"", "impact = \"medium\"");
    Served::start(fleet, &[("grave", &grave)], sign_in)
}

#[expect(clippy::disallowed_methods, reason = "other programs keep real time")]
fn now() -> Instant {
    Instant::now()
}

fn text(said: &Output) -> String {
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

/// Refused at the door, in the words of every refusal.
#[track_caller]
fn turned_away(said: &Output, why: &str) {
    let heard = text(said);
    assert_eq!(said.status.code(), Some(255), "{why}: {heard}");
    assert!(heard.contains("Permission denied (publickey)."), "{why}: {heard}");
}

#[test]
fn real_people_sign_in_by_key_with_three_clients_and_the_record_says_by_which_door() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let id = served.json(&served.ada, "ada", &["propose", "grave", "--in", "lab", "--purpose", "fix"])["run"]
        .as_u64()
        .unwrap();
    let waiting = served.product.until_phase(id, &["waiting"]);
    let (id, code) = (id.to_string(), waiting["code"].as_str().unwrap().to_owned());

    // What is refused by a rule ends with 1 and its code, as at the socket; so does what is said wrongly.
    let own = served.says(
        &served.ada.private,
        &own_account(),
        &["approve", &id, "--code", &code, "--reason", "mine", "--json"],
    );
    assert_eq!(own.status.code(), Some(1), "{own:?}");
    let refused: Value = serde_json::from_slice(&own.stdout).unwrap();
    assert_eq!(refused["refused"]["code"], "sod.self");
    assert_eq!(served.says(&served.ada.private, "ada", &["sh"]).status.code(), Some(64), "no shell");
    served.json(&served.grace, "grace", &["approve", &id, "--code", &code, "--reason", "planned"]);

    for (client, command) in [
        ("dbclient", served.dbclient(&served.ada, "ada", &["runs", "list", "--json"])),
        ("plink", served.plink(&served.ada, "ada", &["runs", "list", "--json"])),
    ] {
        let Some(mut command) = command else { continue };
        let said = command.output().unwrap();
        assert!(said.status.success(), "{client}: {}", text(&said));
        let rows: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{client}: {}", text(&said)));
        assert_eq!(rows["rows"][0]["run"].as_u64().map(|run| run.to_string()).as_ref(), Some(&id), "{client}: {rows}");
    }
    for command in [
        served.dbclient(&served.ada, "ada", &["runs", "show", "77"]),
        served.plink(&served.ada, "ada", &["runs", "show", "77"]),
    ] {
        let Some(mut command) = command else { continue };
        let said = command.output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
        assert!(text(&said).contains("not_found"), "{}", text(&said));
    }

    let run: Vec<Value> = served.product.audit(id.parse().unwrap()).into_values().collect();
    let door =
        |kind: &str| run.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("{run:#?}"))["door"].clone();
    assert_eq!(door("run_proposed"), serde_json::json!({"key": served.ada.fingerprint(), "kind": "ssh"}));
    assert_eq!(door("voted"), serde_json::json!({"key": served.grace.fingerprint(), "kind": "ssh"}));
    assert_eq!(door("refused"), serde_json::json!({"key": served.ada.fingerprint(), "kind": "ssh"}));
    served.product.verifies();

    // Over SSH nobody is anybody else, though this site lets people be at the socket.
    let acting = served.says(&served.ada.private, "ada", &["runs", "list", "--as", "grace", "--json"]);
    assert_eq!(acting.status.code(), Some(1), "{acting:?}");
    assert!(text(&acting).contains("actor.unknown"), "{}", text(&acting));
}

#[test]
fn z06_z07_real_a_machine_proposes_over_ssh_and_neither_it_nor_its_owner_approves() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let words = ["propose", "grave", "--in", "lab", "--purpose", "rollout", "--reason", "pipeline-7"];
    let id = served.json(&served.machine, "ci", &words)["run"].as_u64().unwrap();
    let waiting = served.product.until_phase(id, &["waiting"]);
    assert_eq!((&waiting["requester"], &waiting["waits_for"][0]["may"]), (&"ci".into(), &serde_json::json!(["lea"])));
    let (run, code) = (id.to_string(), waiting["code"].as_str().unwrap().to_owned());
    let refused = |key: &KeyPair, who: &str, words: &[&str]| {
        let said = served.says(&key.private, who, &[words, &["--json"]].concat());
        assert_eq!(said.status.code(), Some(1), "{who} {words:?}: {}", text(&said));
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        said["refused"]["code"].as_str().unwrap().to_owned()
    };
    let approve = ["approve", &run, "--code", &code, "--reason", "planned"];
    assert_eq!(refused(&served.machine, "ci", &approve), "actor.machine");
    assert_eq!(refused(&served.machine, "ci", &["deny", &run, "--reason", "no"]), "actor.machine");
    assert_eq!(refused(&served.machine, "ci", &["start", &run]), "actor.machine");
    assert_eq!(refused(&served.grace, "grace", &approve), "sod.owner");
    // By the socket it is the same person, and the same word.
    let said = served.product.tries("grace", &approve);
    let heard: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((said.status.code(), &heard["refused"]["code"]), (Some(1), &"sod.owner".into()), "{heard}");
    assert_eq!(served.product.until_phase(id, &["waiting"])["revision"], waiting["revision"], "nothing changed");
    let kept: Vec<Value> = served.product.audit(id).into_values().filter(|row| row["kind"] == "refused").collect();
    assert_eq!(kept.len(), 5, "{kept:#?}");
    served.product.json("lea", &approve);
    served.product.until_phase(id, &["approved"]);
    served.product.verifies();
}

#[test]
fn real_a_verb_that_takes_a_file_reads_standard_input() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    served.json(&served.grace, "grace", &["people", "enrol"]);
    let mut command = served.ssh(&served.grace.private, "grace", &["-o", "BatchMode=yes"], &["people", "prove"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"000000\n").unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(text(&said).contains("factor.wrong"), "{}", text(&said));
}

#[test]
fn s_real_certificates_let_in_whom_they_name_and_are_refused_for_each_thing_that_is_wrong_with_them() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served =
        served(&fleet, "revoked_serials = [\"13\"]\ncertificate_lifetime = \"8h\"\non_call = [\"127.0.0.0/8\"]");
    let good = served.certified("good", &served.ca, &["-n", "ada@corp", "-V", "-5m:+1h", "-z", "18446744073709551615"]);
    let listed = served.says(&good, "ada", &["sessions", "list", "--json"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let own = &listed["rows"][0];
    assert_eq!((&own["person"], &own["from"]), (&"ada".into(), &"127.0.0.1".into()), "{listed}");
    assert_eq!(own["door"]["certificate"]["serial"], "18446744073709551615");
    assert_eq!(own["door"]["certificate"]["ca"], served.ca.fingerprint());
    // PuTTY's client knows certificates too.
    if let (Some(puttygen), Some(_)) = (program("puttygen"), program("plink")) {
        let pair = KeyPair { private: good.clone(), public: good.with_extension("pub") };
        let mut command = served.plink(&pair, "ada", &["runs", "list"]).unwrap();
        let (ppk, certificate) = (good.with_extension("ppk"), good.with_file_name("good-cert.pub"));
        run(Command::new(puttygen)
            .arg(&ppk)
            .arg("--certificate")
            .arg(certificate)
            .args(["-O", "private", "-o"])
            .arg(&ppk));
        let said = command.output().unwrap();
        assert!(said.status.success(), "{}", text(&said));
    }

    let elsewhere = KeyPair::generate(&served.product.at("people"), "elsewhere", real::KeyType::Ed25519);
    let hour = ["-n", "ada@corp", "-V", "-5m:+1h"];
    let wrong: [(&str, &KeyPair, Vec<&str>); 12] = [
        ("self-signed", &elsewhere, hour.to_vec()),
        ("by-her-own-key", &served.ada, hour.to_vec()),
        ("expired", &served.ca, vec!["-n", "ada@corp", "-V", "-2h:-1h"]),
        ("early", &served.ca, vec!["-n", "ada@corp", "-V", "+1h:+2h"]),
        ("wrong-principal", &served.ca, vec!["-n", "grace@corp", "-V", "-5m:+1h"]),
        ("handle-as-principal", &served.ca, vec!["-n", "ada", "-V", "-5m:+1h"]),
        ("no-principal", &served.ca, vec!["-V", "-5m:+1h"]),
        ("for-hosts", &served.ca, [&["-h"], &hour[..]].concat()),
        ("too-long", &served.ca, vec!["-n", "ada@corp", "-V", "-5m:+1d"]),
        ("revoked", &served.ca, [&["-z", "13"], &hour[..]].concat()),
        ("unknown-option", &served.ca, [&["-O", "critical:verify-me@example"], &hour[..]].concat()),
        ("forced", &served.ca, [&["-O", "force-command=sh"], &hour[..]].concat()),
    ];
    for (name, ca, words) in wrong {
        let key = served.certified(name, ca, &words);
        turned_away(&served.says(&key, "ada", &["runs", "list"]), name);
    }
    let there = served.certified("there", &served.ca, &[&["-O", "source-address=192.0.2.0/24"], &hour[..]].concat());
    turned_away(&served.says(&there, "ada", &["runs", "list"]), "another source");
    let here = served.certified("here", &served.ca, &[&["-O", "source-address=127.0.0.0/8"], &hour[..]].concat());
    assert!(served.says(&here, "ada", &["runs", "list"]).status.success());
    turned_away(&served.says(&here, "grace", &["runs", "list"]), "another person");
}

#[test]
fn s_real_whoever_has_no_key_of_theirs_hears_the_same_words_and_no_other_method_is_offered() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "on_call = [\"127.0.0.0/8\"]");
    let stranger = KeyPair::generate(&served.product.at("people"), "stranger", real::KeyType::Ed25519);
    let begun = now();
    turned_away(&served.says(&stranger.private, "ada", &["runs", "list"]), "a stranger's key");
    let known = begun.elapsed();
    let begun = now();
    turned_away(&served.says(&stranger.private, "nobody-here", &["runs", "list"]), "a stranger's name");
    let unknown = begun.elapsed();
    assert!(known >= Duration::from_millis(250) && unknown >= Duration::from_millis(250), "{known:?} {unknown:?}");
    turned_away(&served.says(&served.grace.private, "ada", &["runs", "list"]), "another's key");
    let password =
        served.ssh(&stranger.private, "ada", &["-o", "PreferredAuthentications=password"], &["runs", "list"]);
    let mut password = password;
    let answer = served.answering("123456");
    password.env("SSH_ASKPASS", &answer).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", "none");
    turned_away(&password.output().unwrap(), "a password");
    let interactive = ["-o", "PreferredAuthentications=keyboard-interactive", "-o", "BatchMode=no"];
    let mut interactive = served.ssh(&stranger.private, "ada", &interactive, &["runs", "list"]);
    interactive.env("SSH_ASKPASS", &answer).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", "none");
    turned_away(&interactive.output().unwrap(), "a code without a key");
    assert!(!answer.with_extension("asked").exists(), "nobody was asked for anything");

    // Inside: no subsystem, no forwarding either way.
    let batch = ["-o", "BatchMode=yes"];
    let sftp = served.ssh(&served.ada.private, "ada", &[&batch[..], &["-s"]].concat(), &["sftp"]).output().unwrap();
    assert!(!sftp.status.success() && text(&sftp).contains("subsystem request failed"), "{}", text(&sftp));
    let target = format!("127.0.0.1:{}", served.port);
    let through =
        served.ssh(&served.ada.private, "ada", &[&batch[..], &["-W", &target]].concat(), &[]).output().unwrap();
    assert!(
        !through.status.success() && text(&through).contains("prohibited") || text(&through).contains("open failed"),
        "{}",
        text(&through)
    );
    let back = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"];
    let back =
        served.ssh(&served.ada.private, "ada", &[&batch[..], &back].concat(), &["runs", "list"]).output().unwrap();
    assert!(!back.status.success() && text(&back).contains("remote port forwarding failed"), "{}", text(&back));
    let shell = served.ssh(&served.ada.private, "ada", &[&batch[..], &["-T"]].concat(), &[]).output().unwrap();
    assert!(!shell.status.success(), "no console without a terminal, and nothing else: {}", text(&shell));
}

#[test]
fn s_real_after_the_key_a_code_is_asked_for_which_is_good_once() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "second_factor = true\non_call = [\"192.0.2.0/24\"]");
    // Nobody without a factor in force gets in, and by the key they are told why.
    let without = served.with_code(&served.grace.private, "grace", "123456", &["runs", "list"]);
    assert!(!without.status.success(), "{without:?}");
    assert!(text(&without).contains("people enrol"), "{}", text(&without));
    let (_, secret, step) = enrolled(&served.product, "grace", "lea");
    let code = |off: u64| device(&secret, step + off);
    let used = served.with_code(&served.grace.private, "grace", &code(0), &["runs", "list"]);
    assert!(!used.status.success(), "the one of the enrolment: {}", text(&used));
    let said = served.with_code(&served.grace.private, "grace", &code(1), &["runs", "list", "--json"]);
    assert!(said.status.success(), "{}", text(&said));
    let replayed = served.with_code(&served.grace.private, "grace", &code(1), &["runs", "list"]);
    assert!(!replayed.status.success(), "{}", text(&replayed));
    // A key alone, or another's key with this code, is nothing.
    assert_eq!(served.says(&served.grace.private, "grace", &["runs", "list"]).status.code(), Some(255));
    assert!(!served.with_code(&served.ada.private, "grace", &code(2), &["runs", "list"]).status.success());

    let rows = served.product.json("grace", &["audit", "list", "--limit", "50"]);
    let rows = rows["rows"].as_array().unwrap();
    let by_ssh = |kind: &str| rows.iter().filter(|row| row["kind"] == kind && row["door"]["kind"] == "ssh").count();
    assert_eq!(by_ssh("factor"), 1, "{rows:#?}");
    assert_eq!(by_ssh("refused"), 2, "{rows:#?}");
    served.product.verifies();
}

#[test]
fn z53_real_a_console_opens_over_ssh_follows_its_terminal_and_is_cut_when_its_key_is_revoked() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let id = served.product.propose("grave");
    served.product.until_phase(id, &["waiting"]);
    let Some(tmux) = served.console((100, 30), &served.ada, "ada", &[]) else { return };
    tmux.wait_for_text("ada");
    tmux.resize(80, 24);
    tmux.wait_for("a screen of 80 by 24", SOON, |screen| {
        screen.lines().last().is_some_and(|line| !line.trim().is_empty())
    });
    // A link opens its run.
    let link = served.console((100, 30), &served.grace, "grace", &["run", &id.to_string()]).unwrap();
    link.wait_for("the run on its screen", SOON, |screen| {
        screen.contains(&format!("#{id}")) && screen.contains("grave")
    });

    // And a verb that waits for what it reads.
    let mut waiting = served.ssh(&served.ada.private, "ada", &["-o", "BatchMode=yes"], &["people", "prove"]);
    let mut waiting = waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the verb to be there", SOON, || {
        let listed = served.json(&served.grace, "grace", &["sessions", "list"]);
        let at_work = |row: &Value| row["person"] == "ada" && row["does"] == "verb";
        listed["rows"].as_array().unwrap().iter().any(at_work).then_some(()).ok_or_else(|| listed.to_string())
    });
    let listed = served.json(&served.grace, "grace", &["sessions", "list"]);
    let rows = listed["rows"].as_array().unwrap().clone();
    assert!(
        rows.iter().any(|row| row["person"] == "ada" && row["does"] == "console" && row["from"] == "127.0.0.1"),
        "{listed:#}"
    );

    let ada = served.ada.public_line();
    let other = KeyPair::generate(&served.product.at("people"), "new", real::KeyType::Ed25519);
    served.change("site/people.toml", &ada, &other.public_line());
    let begun = now();
    let status = until("ada's console to be cut", SOON, || tmux.ended().ok_or_else(|| tmux.screen()));
    let took = begun.elapsed();
    until("ada's verb to be cut", SOON, || waiting.try_wait().unwrap().ok_or_else(String::new));
    assert!(
        took <= Duration::from_secs(2) && begun.elapsed() <= Duration::from_secs(2),
        "{took:?} {:?}",
        begun.elapsed()
    );
    let verb = waiting.wait_with_output().unwrap();
    assert!(verb.status.code() == Some(1) && text(&verb).contains("no longer known"), "{}", text(&verb));
    assert_eq!(status, 1, "{}", tmux.screen());
    assert!(tmux.screen().contains("no longer known"), "{}", tmux.screen());
    assert!(tmux.modes().contains("alternate=0"), "the terminal is given back: {}", tmux.modes());
    turned_away(&served.says(&served.ada.private, "ada", &["runs", "list"]), "the old key");
    assert!(served.says(&other.private, "ada", &["runs", "list"]).status.success());
    assert!(link.ended().is_none(), "grace is still there");
}

#[test]
fn z53_real_a_session_ends_with_the_certificate_it_came_in_by() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let short = served.certified("short", &served.ca, &["-n", "ada@corp", "-V", "-1m:+8s"]);
    let short = KeyPair { public: short.with_extension("pub"), private: short };
    let Some(tmux) = served.console((100, 30), &short, "ada", &[]) else { return };
    tmux.wait_for_text("ada");
    let status = until("the console to end", SOON, || tmux.ended().ok_or_else(|| tmux.screen()));
    assert!(status == 1 && tmux.screen().contains("has run out"), "{status}: {}", tmux.screen());
}

#[test]
fn real_a_session_is_ended_by_its_person_or_a_site_administrator_and_by_nobody_else() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let Some(ada) = served.console((100, 30), &served.ada, "ada", &[]) else { return };
    ada.wait_for_text("ada");
    let grace = served.console((100, 30), &served.grace, "grace", &[]).unwrap();
    grace.wait_for_text("grace");
    let number = |of: &str| {
        let listed = served.json(&served.grace, "grace", &["sessions", "list"]);
        let rows = listed["rows"].as_array().unwrap();
        let found = rows.iter().find(|row| row["person"] == of && row["does"] == "console");
        found.unwrap_or_else(|| panic!("{listed:#}"))["id"].as_u64().unwrap().to_string()
    };
    let of_grace = number("grace");
    let refused = served.says(&served.ada.private, "ada", &["sessions", "kill", &of_grace, "--json"]);
    assert!(refused.status.code() == Some(1) && text(&refused).contains("role.missing"), "{}", text(&refused));
    assert!(text(&refused).contains("\"who_may\": \"grace\""), "{}", text(&refused));
    let unknown = served.says(&served.ada.private, "ada", &["sessions", "kill", "4711"]);
    assert!(unknown.status.code() == Some(1) && text(&unknown).contains("not_found"), "{}", text(&unknown));
    let seen = served.json(&served.ada, "ada", &["sessions", "list"]);
    let row = seen["rows"].as_array().unwrap().iter().find(|row| row["person"] == "grace").unwrap().clone();
    assert!(row["from"].is_null(), "where others sit is theirs: {row}");

    served.json(&served.grace, "grace", &["sessions", "kill", &number("ada")]);
    let status = until("ada's console to end", SOON, || ada.ended().ok_or_else(|| ada.screen()));
    assert!(status == 1 && ada.screen().contains("grace ended this session"), "{status}: {}", ada.screen());
    served.json(&served.grace, "grace", &["sessions", "kill", &of_grace]);
    until("grace's own to end", SOON, || grace.ended().ok_or_else(|| grace.screen()));
}

#[test]
fn s_real_the_host_key_is_made_once_and_its_certificate_is_offered() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let mut served = served(&fleet, "");
    let host_key =
        |served: &Served| served.said().lines().find(|line| line.starts_with("host key ")).unwrap().to_owned();
    let before = host_key(&served);
    let doctor = text(&served.product.says(&["doctor"]));
    assert!(doctor.contains(before.strip_prefix("host key ").unwrap()), "{doctor}");
    let own = KeyPair { private: served.product.at("data/host_key"), public: served.product.at("data/host_key.pub") };
    let authority = KeyPair::generate(&served.product.at("people"), "hosts", real::KeyType::Ed25519);
    own.certify_host(&authority, &["127.0.0.1".to_owned()]);
    served.restart();
    assert_eq!(host_key(&served), before);
    // Whoever knows the authority alone is sure of this server.
    let options = served.options(&served.ada.private);
    let known = served.product.at("known_hosts");
    fs::write(&known, format!("@cert-authority * {}\n", authority.public_line())).unwrap();
    let mut command = Command::new("ssh");
    command.args(options).args(["-o", "BatchMode=yes", "ada@127.0.0.1", "runs", "list"]).stdin(Stdio::null());
    let said = command.output().unwrap();
    assert!(said.status.success(), "{}", text(&said));
}

#[test]
fn s_real_whoever_says_nothing_is_cut_and_a_flood_leaves_room_for_people() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "on_call = [\"127.0.0.0/8\"]");
    let at = ("127.0.0.1", served.port);
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(at).unwrap()).collect();
    // All but the four places of this source are closed at once; those four after five seconds.
    let begun = now();
    let mut closed = Vec::new();
    for mut stream in silent {
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        closed.push((begun.elapsed(), said.len()));
    }
    assert!(begun.elapsed() < SOON, "{closed:?}");
    let greeted = closed.iter().filter(|(_, said)| *said > 0).count();
    assert_eq!(greeted, 4, "{closed:?}");
    assert!(served.says(&served.ada.private, "ada", &["runs", "list"]).status.success());
}

#[test]
fn s_real_a_source_that_fails_too_often_is_turned_away_unless_it_is_on_call() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "");
    let stranger = KeyPair::generate(&served.product.at("people"), "stranger", real::KeyType::Ed25519);
    for _ in 0..10 {
        turned_away(&served.says(&stranger.private, "ada", &["runs", "list"]), "a stranger");
    }
    let until_shut = until("the source to be turned away", SOON, || {
        let said = served.says(&served.ada.private, "ada", &["runs", "list"]);
        if said.status.success() { Err(text(&said)) } else { Ok(text(&said)) }
    });
    assert!(!until_shut.contains("Permission denied"), "before any key: {until_shut}");
    // The site's word counts at once: nobody restarts anything at 3 a.m.
    served.change("site/quarterdeck.toml", "[sign_in]\n", "[sign_in]\non_call = [\"127.0.0.1\"]\n");
    assert!(served.says(&served.ada.private, "ada", &["runs", "list"]).status.success());
}

/// ssh-audit, where `tests/run` has put it.
fn ssh_audit(served: &Served, words: &[&str]) -> Option<Output> {
    let audit = program("ssh-audit")?;
    let mut command = Command::new(audit);
    command.args(["-n", "-p", &served.port.to_string()]).args(words).arg("127.0.0.1");
    Some(command.output().unwrap())
}

#[test]
fn s_real_ssh_audit_finds_nothing_where_the_site_asks_for_post_quantum_and_only_its_policy_otherwise() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let served = served(&fleet, "on_call = [\"127.0.0.0/8\"]");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/door/ssh-audit.policy");
    let Some(said) = ssh_audit(&served, &["-P", policy.to_str().unwrap()]) else { return };
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    served.change("site/quarterdeck.toml", "[sign_in]\n", "[sign_in]\npost_quantum = true\n");
    let said = ssh_audit(&served, &[]).unwrap();
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
}
