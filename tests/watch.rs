//! What machines ask of a running server: `/healthz`, `/metrics`, readiness; with the real Prometheus and the real systemd.

#![cfg(test)]

mod real;

use real::process::{Daemon, new_mark};
use real::product::{Product, RUN, runbook};
use real::prometheus::Prometheus;
use real::wait::SOON;
use real::{Fleet, Watched, program, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::process::{Command, Stdio};

/// Words of people and a secret, none of which may be seen by whoever watches.
const WORDS: [&str; 10] =
    ["sesame-0451", "noted-7788", "titled-9911", "shop-5522", "wellknown", "h01", "lab", "grace", "ada", "fleet"];

const STEPS: &str = r#"
[secrets.token]
ref = "file:@SECRET@"
purpose = "For the test."

[[step]]
id = "use"
title = "use"
run = 'test -n "$token" && echo done'
effect = "idempotent"
secrets = ["token"]

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;

fn product(fleet: &Fleet) -> Product {
    let product = Product::new(fleet, &[]);
    let secret = product.at("secret");
    fs::write(&secret, WORDS[0]).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = runbook("wellknown", &STEPS.replace("@SECRET@", &secret.display().to_string()));
    fs::write(product.at("site/runbooks/wellknown.toml"), &text).unwrap();
    // One that needs an approval.
    let grave = text.replace("\"wellknown\"", "\"wellknown-grave\"").replace("impact = \"low\"", "impact = \"medium\"");
    fs::write(product.at("site/runbooks/wellknown-grave.toml"), grave).unwrap();
    product
}

fn pid(watched: &Watched) -> Pid {
    Pid::from_raw(watched.daemon.pid().try_into().unwrap()).unwrap()
}

#[test]
fn real_prometheus_scrapes_a_server_and_sees_numbers_and_no_word_of_anybody() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let watched = Watched::start(&product);
    let (status, head, body) = watched.get("/healthz");
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("content-type: application/json") && head.contains("connection: close"), "{head}");
    let said: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&said["status"], &said["version"]), (&"ready".into(), &env!("CARGO_PKG_VERSION").into()));

    let id = product.start("wellknown");
    let ended = product.until_phase(id, &["ended"]);
    assert_eq!(ended["ending"], "succeeded", "{ended:#}");
    product.json("ada", &["note", &id.to_string(), WORDS[1]]);
    let words = ["incident", "open", "--in", "lab", "--severity", "p2", "--title", WORDS[2], "--tenant", WORDS[3]];
    let rest = ["--impact", "nobody can pay", "--monitoring", "x", "--owner", "grace"];
    product.json("ada", &[words.as_slice(), &rest].concat());

    let asked = product.propose("wellknown-grave");
    product.until_phase(asked, &["waiting"]);

    let (status, head, page) = watched.get("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for (name, expected) in [
        ("quarterdeck_ready", 1.0),
        ("quarterdeck_runs_ended_total{ending=\"succeeded\"}", 1.0),
        ("quarterdeck_runs_ended_total{ending=\"failed\"}", 0.0),
        ("quarterdeck_runs_open{phase=\"ended\"}", 1.0),
        ("quarterdeck_incidents_open{severity=\"P2\"}", 1.0),
        ("quarterdeck_runs_open{phase=\"waiting\"}", 1.0),
        ("quarterdeck_approvals_waiting", 1.0),
        ("quarterdeck_steps_in_flight", 0.0),
    ] {
        assert_eq!(watched.number(name), expected, "{name} in\n{page}");
    }
    let events = watched.number("quarterdeck_ledger_events_total");
    assert_eq!(events, product.leaves().len() as f64, "as many as lie on the disk");
    assert!(watched.number("quarterdeck_ledger_commit_seconds_count") > 5.0, "{page}");
    assert!(watched.number("process_resident_memory_bytes") > 1e6, "{page}");
    let answers = [page.clone(), body];
    for word in WORDS {
        assert!(answers.iter().all(|answer| !answer.contains(word)), "{word} stands in\n{page}");
    }

    if let Some(promtool) = program("promtool") {
        let mut linting = Command::new(promtool);
        linting.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut linting = linting.spawn().unwrap();
        linting.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let said = linting.wait_with_output().unwrap();
        assert!(said.status.success(), "{said:?}\n{page}");
    }
    let Some(prometheus) = Prometheus::watching(&[&watched.place]) else { return };
    let query = format!(
        "GET /api/v1/query?query=quarterdeck_runs_ended_total%7Bending%3D%22succeeded%22%7D HTTP/1.1\r\nHost: {}\r\n\
         Connection: close\r\n\r\n",
        prometheus.place
    );
    until("Prometheus to know of the run", RUN, || {
        let mut stream = TcpStream::connect(&prometheus.place).map_err(|error| error.to_string())?;
        stream.write_all(query.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        let knows = answer.contains(r#""ending":"succeeded""#) && answer.contains(r#","1"]"#);
        knows.then_some(()).ok_or(answer)
    });
}

#[test]
fn real_s_whoever_asks_badly_for_metrics_is_answered_or_cut_and_holds_up_nobody() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let watched = Watched::start(&product);
    let status = |bytes: &str| watched.ask(bytes).map(|(status, _, _)| status);
    assert_eq!(status("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxx"), Ok(405));
    assert_eq!(status("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(405));
    assert_eq!(status("GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(404));
    assert_eq!(status("nonsense\r\n\r\n"), Ok(400));
    let head = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(!matches!(status(&head), Ok(200)), "a head without an end");
    let lines = "X: y\r\n".repeat(100);
    assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{lines}\r\n")), Ok(431));
    let (_, _, body) = watched.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(body, "");
    // One request each, whatever the client would like.
    let twice = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".repeat(2);
    let (_, _, body) = watched.ask(&twice).unwrap();
    assert_eq!(body.matches("ready").count(), 1, "{body}");

    // Twice as many as are answered at once, which say nothing, or only a part.
    let mute: Vec<TcpStream> = (0..16)
        .map(|nr| {
            let mut stream = TcpStream::connect(&watched.place).unwrap();
            if nr % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
            }
            stream
        })
        .collect();
    product.json("ada", &["runs", "list"]);
    assert_eq!(watched.get("/healthz").0, 200, "they are cut, and the next is answered");
    drop(mute);
    product.verifies();
}

#[test]
fn real_server_that_stops_says_so_until_everybody_has_left() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let mut watched = Watched::start(&product);
    // Somebody who says nothing is waited for a moment.
    let visitor = UnixStream::connect(product.at("socket")).unwrap();
    assert_eq!(watched.get("/healthz").0, 200);
    kill_process(pid(&watched), Signal::TERM).unwrap();
    let said = until("the server to say that it stops", SOON, || {
        let (status, _, body) = watched.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?;
        (status == 503).then_some(body.clone()).ok_or(body)
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["status"], "stopping", "{said}");
    assert_eq!(watched.number("quarterdeck_ready"), 0.0);
    drop(visitor);
    let status = until("the server to end", SOON, || watched.daemon.ended().ok_or_else(|| watched.daemon.log()));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn metrics_are_for_this_machine_unless_it_is_said_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let say = |words: &[&str]| {
        let mut command = Command::new(real::product::PROGRAM);
        command.arg("--site").arg(&site).arg("--data").arg(dir.path().join("data")).args(words).output().unwrap()
    };
    let refused = say(&["serve", "--metrics", "0.0.0.0:9184"]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--metrics-open"), "{refused:?}");
    assert!(!dir.path().join("data").exists(), "nothing was begun");
}

/// A service manager: hears what it is told.
struct Manager(UnixDatagram);

impl Manager {
    fn hears(&self) -> String {
        let mut bytes = [0; 256];
        self.0.set_read_timeout(Some(SOON)).unwrap();
        let length = self.0.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned()
    }
}

/// The words by which the product serves, behind whatever starts it.
fn serving(product: &Product) -> Vec<String> {
    let places = [("--site", "site"), ("--data", "data"), ("--socket", "socket")];
    let places = places.map(|(flag, name)| [flag.to_owned(), product.at(name).display().to_string()]);
    let program = [real::product::PROGRAM.to_owned()];
    program.into_iter().chain(places.into_iter().flatten()).chain(["serve".to_owned()]).collect()
}

#[test]
fn real_server_says_that_it_is_ready_once_it_answers_and_logs_to_the_journal_without_a_clock() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let manager = Manager(UnixDatagram::bind(product.at("notify")).unwrap());
    let log = product.at("journal");
    let journal = fs::File::create(&log).unwrap().metadata().unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(serving(&product)).env_remove("SSH_AUTH_SOCK");
    command.env("HOME", product.at(".")).env("NOTIFY_SOCKET", product.at("notify"));
    command.env("JOURNAL_STREAM", format!("{}:{}", journal.dev(), journal.ino()));
    let mut daemon = Daemon::spawn(command, &new_mark(), &log);
    assert_eq!(manager.hears(), "READY=1");
    // Whoever speaks so starts no server.
    let said = product.visits("ada", &["runs", "list"]);
    assert!(said.status.success(), "{said:?}");
    kill_process(Pid::from_raw(daemon.pid().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(manager.hears(), "STOPPING=1", "and nothing about a watchdog that nobody asked for");
    let status = until("the server to end", SOON, || daemon.ended().ok_or_else(|| daemon.log()));
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    let said = daemon.log();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("the server ends")).collect();
    assert_eq!(lines, ["INFO quarterdeck::cli::serve: the server ends why=\"Stopped\""], "{said}");
    assert!(!product.at("data/log").exists(), "the journal keeps it");
}

#[test]
fn real_systemd_passes_the_doors_and_the_first_knock_starts_the_server() {
    let Some(activate) = program("systemd-socket-activate") else { return };
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let name = format!("quarterdeck-test-{}", new_mark());
    let manager = Manager(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap());
    let port = real::sshd::free_port();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(activate).arg("-l").arg(product.at("socket"));
    command.args(["-l", &format!("127.0.0.1:{port}"), "-E", &format!("HOME={}", product.at(".").display())]);
    command.args(["-E", &format!("NOTIFY_SOCKET=@{name}"), "-E", "WATCHDOG_USEC=200000"]).args(serving(&product));
    let mut daemon = Daemon::spawn(command, &new_mark(), &product.at("activate"));
    until("systemd to hold the doors", SOON, || match product.at("socket").exists() {
        true => Ok(()),
        false => Err(daemon.log()),
    });
    assert!(product.server().is_none(), "nobody has knocked");
    let said = product.visits("ada", &["runs", "list"]);
    assert!(said.status.success(), "{said:?}: {}", daemon.log());
    assert_eq!(product.server().unwrap().as_raw_nonzero().get(), i32::try_from(daemon.pid()).unwrap());
    assert_eq!(manager.hears(), "READY=1");
    assert_eq!(manager.hears(), "WATCHDOG=1");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut hello = [0; 19];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(hello, *b"SSH-2.0-Quarterdeck");
    drop(stream);
    let log = fs::read_dir(product.at("data/log")).unwrap().next().unwrap().unwrap().path();
    let lines = fs::read_to_string(log).unwrap();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(["at", "level", "target"].iter().all(|key| line[key].is_string()), "{line}");
    }
    kill_process(product.server().unwrap(), Signal::TERM).unwrap();
    while manager.hears() != "STOPPING=1" {}
    until("the server to end", SOON, || daemon.ended().ok_or_else(|| daemon.log()));
    assert!(product.at("socket").exists(), "it is systemd's");
}

#[test]
fn real_systemd_understands_the_units_that_are_printed() {
    let Some(analyze) = program("systemd-analyze") else { return };
    let dir = tempfile::Builder::new().prefix("qd-unit").tempdir().unwrap();
    let site = dir.path().join("site");
    let say = |words: &[&str]| {
        let mut command = Command::new(real::product::PROGRAM);
        let said = command.arg("--site").arg(&site).args(["--data", "/var/lib/quarterdeck"]);
        said.args(["--socket", "/run/quarterdeck/quarterdeck.sock"]).args(words).output().unwrap()
    };
    for (account, unit) in [("", "service"), ("[local]\naccount = \"nobody\"\n", "service"), ("", "socket")] {
        fs::create_dir_all(&site).unwrap();
        fs::write(site.join("quarterdeck.toml"), format!("schema = 1\n[site]\nname = \"unit\"\n{account}")).unwrap();
        fs::write(site.join("people.toml"), "schema = 1\n[[person]]\nid = \"ada\"\nname = \"Ada\"\nunix = [\"ada\"]\n")
            .unwrap();
        let said = say(&["serve", "--metrics", "127.0.0.1:9184", "--listen", "0.0.0.0:2222", "--unit", unit]);
        assert!(said.status.success(), "{said:?}");
        // The account is made by whoever installs it; the program is read by whoever tests it.
        let text = String::from_utf8(said.stdout).unwrap().replace("=quarterdeck\nGroup", "=root\nGroup");
        let text = text.replace("Group=quarterdeck", "Group=root");
        assert_eq!(text.contains("\nNoNewPrivileges=no\n"), !account.is_empty(), "{text}");
        let file = dir.path().join(format!("quarterdeck.{unit}"));
        fs::write(&file, &text).unwrap();
        let judged = Command::new(&analyze).args(["verify", "--man=no"]).arg(&file).output().unwrap();
        let words = String::from_utf8_lossy(&judged.stderr);
        let ours: Vec<&str> = words.lines().filter(|line| line.contains("quarterdeck.")).collect();
        assert!(ours.is_empty(), "{judged:?}\n{text}");
    }
}

#[test]
fn real_doctor_asks_a_running_server_and_looks_for_the_programs_a_site_names() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let looks = || {
        let said = product.says(&["doctor", "--json"]);
        let rows: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
        rows["rows"].as_array().unwrap().clone()
    };
    let of = |looks: &[Value], what: &str| looks.iter().find(|look| look["what"] == what).cloned();
    let before = looks();
    assert_eq!(of(&before, "server").unwrap()["found"], "absent", "{before:#?}");
    assert!(of(&before, "running server").is_none(), "{before:#?}");
    assert_eq!(of(&before, "room").unwrap()["found"], "fine", "{before:#?}");

    let _watched = Watched::start(&product);
    let during = looks();
    let says = |what: &str| of(&during, what).unwrap_or_else(|| panic!("{what} in {during:#?}"))["says"].to_string();
    assert!(says("running server").contains(concat!("version ", env!("CARGO_PKG_VERSION"))), "{during:#?}");
    assert!(says("decisions").contains("taken") && says("clock").contains("no jump"), "{during:#?}");
    assert!(says("record in use").contains(&format!("{} events", product.leaves().len())), "{during:#?}");
    assert!(says("sessions").contains("1 here, 0 of them over SSH"), "this one: {during:#?}");

    let named = "allow_as = true\nprograms = { helm = \"/nowhere/helm\" }\n";
    let site = product.at("site/quarterdeck.toml");
    let text = fs::read_to_string(&site).unwrap();
    fs::write(&site, text.replace("allow_as = true\n", named)).unwrap();
    let after = of(&looks(), "programs").unwrap();
    assert_eq!(after["found"], "wrong", "{after}");
    assert!(after["says"].as_str().unwrap().contains("/nowhere/helm"), "{after}");
}
