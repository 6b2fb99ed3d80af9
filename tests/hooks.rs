//! Requests of machines over HTTP: signed by openssl, sent by curl, against the server as it is started (Z49, Z6, Z7).

#![cfg(test)]

mod real;

use real::product::{Product, runbook};
use real::wait::SOON;
use real::{Fleet, Watched, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

const KEY: &str = "the-key-that-ci-signs-with-0123456789abcdef";
const OTHERS_KEY: &str = "the-key-that-cd-signs-with-0123456789abcdef";

const STEP: &str = "[[step]]\nid = \"say\"\ntitle = \"say\"\nrun = 'true'\neffect = \"read\"\n\
    [[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// A site with machines: `ci` and `cd` are ada's, and may propose; `mute` has no key.
fn product(fleet: &Fleet) -> Product {
    let grave = runbook("grave", STEP).replace("impact = \"low\"", "impact = \"medium\"");
    let product = Product::new(fleet, &[("light", &runbook("light", STEP)), ("grave", &grave)]);
    let mut people = fs::read_to_string(product.at("site/people.toml")).unwrap();
    for (id, key) in [("ci", KEY), ("cd", OTHERS_KEY)] {
        let file = product.at(&format!("{id}.key"));
        fs::write(&file, key).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        people += &format!(
            "\n[[person]]\nid = \"{id}\"\nname = \"Machine {id}\"\nmachine_of = \"ada\"\nhook_secret = \"file:{}\"\n",
            file.display()
        );
    }
    people += "\n[[person]]\nid = \"mute\"\nname = \"Mute\"\nmachine_of = \"ada\"\n";
    fs::write(product.at("site/people.toml"), people).unwrap();
    let workspace = product.at("site/workspaces/lab.toml");
    let text = fs::read_to_string(&workspace).unwrap();
    let members = "[members]\nci = [\"operator\"]\ncd = [\"viewer\"]\nmute = [\"operator\"]\n";
    // Ada may approve, but for what her machines ask.
    let text =
        text.replace("ada = [\"operator\"]", "ada = [\"operator\", \"approver\"]").replace("[members]\n", members);
    fs::write(workspace, text).unwrap();
    product
}

fn now() -> u64 {
    let printed = Command::new("date").arg("+%s").output().unwrap().stdout;
    String::from_utf8(printed).unwrap().trim().parse().unwrap()
}

/// HMAC-SHA256 over the timestamp, a dot and the body, by openssl.
fn signature(key: &str, timestamp: &str, body: &str) -> String {
    let mut signing = Command::new("openssl");
    signing.args(["dgst", "-sha256", "-hmac", key, "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut signing = signing.spawn().unwrap();
    write!(signing.stdin.take().unwrap(), "{timestamp}.{body}").unwrap();
    let printed = String::from_utf8(signing.wait_with_output().unwrap().stdout).unwrap();
    printed.split(' ').next().unwrap().to_owned()
}

/// A request as bytes.
fn request(machine: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /hooks/{machine} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A request that `key` has signed at this moment of the sender's clock.
fn signed(machine: &str, key: &str, timestamp: u64, words: &[&str]) -> String {
    let (timestamp, body) = (timestamp.to_string(), json!({ "words": words }).to_string());
    let signature = signature(key, &timestamp, &body);
    request(machine, &[("X-Quarterdeck-Timestamp", &timestamp), ("X-Quarterdeck-Signature", &signature)], &body)
}

fn ask(watched: &Watched, bytes: &str) -> (u16, Value) {
    let (status, _, body) = Watched::ask_at(&watched.hooks, bytes).unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn rule(answer: &Value) -> &str {
    answer["refused"]["code"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

/// How far the record goes, in leaves on the disk.
fn recorded(product: &Product) -> usize {
    product.leaves().len()
}

const PROPOSE: [&str; 8] = ["propose", "grave", "--in", "lab", "--reason", "release 7", "--purpose", "rollout"];

#[test]
fn real_z49_z06_z07_a_machine_proposes_by_a_signed_request_and_people_decide() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let watched = Watched::start(&product);
    let (status, answer) = ask(&watched, &signed("ci", KEY, now(), &PROPOSE));
    assert_eq!(status, 200, "{answer:#}");
    let id = answer["run"].as_u64().unwrap_or_else(|| panic!("{answer:#}"));
    let run = product.until_phase(id, &["waiting"]);
    assert_eq!(run["requester"], "ci", "{run:#}");
    let proposed = product.audit(id).into_values().find(|row| row["kind"] == "run_proposed").unwrap();
    assert_eq!((&proposed["by"], &proposed["door"]["kind"]), (&json!("ci"), &json!("hook")), "{proposed:#}");

    // It asks what became of it, and decides nothing.
    let number = id.to_string();
    let (status, shown) = ask(&watched, &signed("ci", KEY, now(), &["runs", "show", &number]));
    assert_eq!((status, &shown["phase"]), (200, &json!("waiting")), "{shown:#}");
    let code = run["code"].as_str().unwrap();
    let approve = ["approve", number.as_str(), "--code", code, "--reason", "green"];
    let (status, refused) = ask(&watched, &signed("ci", KEY, now(), &approve));
    assert_eq!((status, rule(&refused)), (409, "actor.machine"), "{refused:#}");
    let owner = product.tries("ada", &approve);
    let said: Value = serde_json::from_slice(&owner.stdout).unwrap();
    assert_eq!((owner.status.code(), rule(&said)), (Some(1), "sod.owner"), "{said:#}");
    let seen = product.audit(id);
    let word = |by: &str, rule: &str| {
        seen.values()
            .any(|row| row["kind"] == "refused" && row["by"] == by && row["summary"].to_string().contains(rule))
    };
    assert!(word("ci", "actor.machine") && word("ada", "sod.owner"), "{seen:#?}");
    assert_eq!(product.run(id)["phase"], "waiting");
    product.verifies();
}

#[test]
fn real_z49_a_request_that_is_forged_late_replayed_or_too_long_changes_nothing() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let mut watched = Watched::start(&product);
    let body = json!({ "words": PROPOSE }).to_string();
    let at = now().to_string();
    let good = signature(KEY, &at, &body);
    let before = recorded(&product);
    let headers = |timestamp: &str, signature: &str, machine: &str, body: &str| {
        request(machine, &[("X-Quarterdeck-Timestamp", timestamp), ("X-Quarterdeck-Signature", signature)], body)
    };
    let other = (now() - 1).to_string();
    let flipped = match good.strip_prefix('0') {
        Some(rest) => format!("1{rest}"),
        None => format!("0{}", &good[1..]),
    };
    let unproved = [
        headers(&at, &flipped, "ci", &body),
        headers(&at, &good[..62], "ci", &body),
        headers(&at, "", "ci", &body),
        headers(&at, &good, "ci", &body.replace("release 7", "release 8")),
        headers(&other, &good, "ci", &body),
        headers(&format!("0{at}"), &good, "ci", &body),
        // Another machine's, a person's, nobody's, and a machine's that has no key.
        headers(&at, &good, "cd", &body),
        headers(&at, &good, "ada", &body),
        headers(&at, &good, "nobody", &body),
        headers(&at, &good, "mute", &body),
        request("ci", &[("X-Quarterdeck-Timestamp", &at)], &body),
        request("ci", &[("X-Quarterdeck-Signature", &good)], &body),
        request(
            "ci",
            &[
                ("X-Quarterdeck-Timestamp", &at),
                ("X-Quarterdeck-Signature", &good),
                ("X-Quarterdeck-Timestamp", &other),
            ],
            &body,
        ),
    ];
    let mut words = None;
    for bytes in &unproved {
        let (status, answer) = ask(&watched, bytes);
        assert_eq!((status, rule(&answer)), (401, "request.unproved"), "{bytes}\n{answer:#}");
        assert_eq!(*words.get_or_insert(answer.clone()), answer, "nobody learns who there is");
    }
    for signed_at in [now() - 302, now() + 330, 0] {
        let (status, answer) = ask(&watched, &signed("ci", KEY, signed_at, &PROPOSE));
        assert_eq!((status, rule(&answer)), (403, "request.late"), "{answer:#}");
    }
    assert_eq!(recorded(&product), before, "what nobody has signed just now fills no record");
    let refused = watched.number("quarterdeck_sign_in_refusals_total{by=\"request\"}");
    assert_eq!(refused, (unproved.len() + 3) as f64);

    // 300 KiB, said and unsaid; a head that never ends; a body that never comes.
    let long = "x".repeat(300 * 1024);
    assert_eq!(ask(&watched, &headers(&at, &signature(KEY, &at, &long), "ci", &long)).0, 413);
    let chunks: String = (0..5).map(|_| format!("{:x}\r\n{}\r\n", 65_000, "x".repeat(65_000))).collect();
    let chunked = format!(
        "POST /hooks/ci HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Quarterdeck-Timestamp: {at}\r\n\
         X-Quarterdeck-Signature: {good}\r\n\r\n{chunks}0\r\n\r\n"
    );
    assert_eq!(ask(&watched, &chunked).0, 413);
    assert_eq!(ask(&watched, "GET /hooks/ci HTTP/1.1\r\nHost: a\r\n\r\n").0, 405);
    assert_eq!(ask(&watched, &request("", &[], "").replace("/hooks/", "/other")).0, 404);
    let mute: Vec<TcpStream> = (0..16)
        .map(|nr| {
            let mut stream = TcpStream::connect(&watched.hooks).unwrap();
            let part: &[u8] = match nr % 2 {
                0 => b"POST /hooks/ci HTTP/1.1\r\nHost:",
                _ => b"POST /hooks/ci HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
            };
            stream.write_all(part).unwrap();
            stream
        })
        .collect();
    let (status, _) = ask(&watched, &signed("ci", KEY, now(), &["runs", "list"]));
    assert_eq!(status, 200, "they are cut, and the next is answered");
    drop(mute);

    // Nonsense that is signed, and what is no request's to say.
    for (body, expected) in [
        ("", 400),
        ("[]", 400),
        ("{\"words\": [\"propose\"], \"as\": \"ada\"}", 400),
        ("{\"words\": []}", 400),
        ("{\"words\": [\"frobnicate\"]}", 400),
        ("{\"words\": [\"serve\", \"--stop\", \"--stop\"]}", 400),
        ("{\"words\": [\"check\"]}", 400),
        ("{\"words\": [\"sessions\", \"list\"]}", 400),
        ("{\"words\": [\"wall\"]}", 400),
        ("{\"words\": [\"runs\", \"list\", \"--as\", \"ada\"]}", 409),
    ] {
        let at = now().to_string();
        let (status, answer) = ask(&watched, &headers(&at, &signature(KEY, &at, body), "ci", body));
        assert_eq!(status, expected, "{body}: {answer:#}");
    }
    assert_eq!(recorded(&product), before);

    // One is heard once: also by the next server, after this one was killed.
    let bytes = signed("ci", KEY, now(), &PROPOSE);
    let (status, answer) = ask(&watched, &bytes);
    assert_eq!(status, 200, "{answer:#}");
    let id = answer["run"].as_u64().unwrap();
    product.until_phase(id, &["waiting"]);
    let replayed = |watched: &Watched| {
        let (status, answer) = ask(watched, &bytes);
        assert_eq!((status, rule(&answer)), (409, "request.replayed"), "{answer:#}");
    };
    replayed(&watched);
    let after = recorded(&product);
    replayed(&watched);
    assert_eq!(recorded(&product), after, "its replay is on record once");
    kill_process(Pid::from_raw(watched.daemon.pid().try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    real::until("the server to be gone", SOON, || watched.daemon.ended().ok_or_else(|| "it lives".to_owned()));
    let watched = Watched::start(&product);
    replayed(&watched);
    let list = product.json("ada", &["runs", "list"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1, "{list:#}");
    let words = product.json("ada", &["audit", "list", "--kind", "refused"]);
    assert!(words["rows"][0]["summary"].to_string().contains("request.replayed"), "{words:#}");
    product.verifies();
}

#[test]
fn real_the_readmes_request_is_heard() {
    let (Some(fleet), Some(_)) = (Fleet::plan(1).start(), program("curl")) else { return };
    let product = product(&fleet);
    let watched = Watched::start(&product);
    let readme = include_str!("../README.md");
    let (_, after) = readme.split_once("```text\nbody=").unwrap();
    let script = format!("body={}", after.split_once("```").unwrap().0);
    let script = script
        .replace("127.0.0.1:9185", &watched.hooks)
        .replace("/etc/quarterdeck/ci.key", &product.at("ci.key").display().to_string())
        .replace("rotate-tls", "grave")
        .replace("prod-web", "lab");
    let said = Command::new("bash").args(["-euc", &script]).output().unwrap();
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{script}\n{said:?}"));
    product.until_phase(answer["run"].as_u64().unwrap_or_else(|| panic!("{answer:#}")), &["waiting"]);
}

#[test]
fn requests_are_heard_on_this_machine_alone_unless_it_is_said_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let mut serving = Command::new(real::product::PROGRAM);
    serving.arg("--site").arg(dir.path()).arg("--data").arg(dir.path().join("data"));
    let refused = serving.args(["serve", "--hooks", "0.0.0.0:9185"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("127.0.0.1:9185") && said.contains("--hooks-open"), "{said}");
    assert!(!dir.path().join("data").exists(), "nothing was begun");
}
