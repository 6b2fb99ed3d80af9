//! What people are told outside the console, through the whole product: a program and a receiver of real requests.

#![cfg(test)]

mod real;

use real::product::{Product, RUN, runbook};
use real::receiver::Receiver;
use real::{Fleet, until};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

const KEY: &str = "the-key-that-signs-0123456789";

/// What somebody wrote into the request, which is nobody else's to read.
const WORDS: &str = "words-of-a-person";

const STEP: &str = "[[step]]\nid = \"say\"\ntitle = \"say\"\nrun = 'true'\neffect = \"read\"\n\
    [[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// A site that tells a program, which keeps what it gets under `told/`, and a receiver.
fn telling(fleet: &Fleet, receiver: &Receiver, more: &str) -> Product {
    let text = runbook("say", STEP).replace("impact = \"low\"", "impact = \"medium\"");
    let product = Product::new(fleet, &[("say", &text)]);
    fs::create_dir_all(product.at("told")).unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        fs::write(product.at(name), text).unwrap();
        fs::set_permissions(product.at(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    write("notify.key", &format!("{KEY}\n"), 0o600);
    write("page", "#!/bin/sh\ncat > \"$1/$$\"\necho seen by nobody\n", 0o755);
    product.may_ask(std::slice::from_ref(&receiver.place));
    let file = product.at("site/quarterdeck.toml");
    let notify = format!(
        "[notify]\ncommand = [{:?}, {:?}]\nwebhook = \"http://{}/hook\"\nsecret = \"file:{}\"\n\
         link = \"ssh -t bastion quarterdeck attach {{{{ run }}}}\"\n{more}",
        product.at("page"),
        product.at("told"),
        receiver.place,
        product.at("notify.key").display(),
    );
    fs::write(&file, fs::read_to_string(&file).unwrap() + &notify).unwrap();
    product
}

/// What the program was told.
fn told(product: &Product) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(product.at("told")).unwrap();
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).filter(|text| text.ends_with(b"\n")).collect()
}

/// Waits until nothing is on its way, and returns what became of it.
#[track_caller]
fn all_over(product: &Product, rows: usize) -> Value {
    until("every notice to arrive", RUN, || {
        let list = product.json("ada", &["notify", "list"]);
        let found = list["rows"].as_array().unwrap();
        match found.len() == rows && found.iter().all(|row| row["standing"] != "on its way") {
            true => Ok(list.clone()),
            false => Err(format!("{list:#}")),
        }
    })
}

/// The signature that `openssl` makes of what was signed.
fn signed(timestamp: &str, body: &[u8]) -> String {
    let hexadecimal: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{hexadecimal}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = openssl.stdin.take().unwrap();
    stdin.write_all(&[timestamp.as_bytes(), b".", body].concat()).unwrap();
    drop(stdin);
    let said = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

/// Whether a file below `dir` holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().map(Result::unwrap).any(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => holds(&entry.path(), bytes),
        kind if kind.is_file() => fs::read(entry.path()).unwrap().windows(bytes.len()).any(|part| part == bytes),
        _ => false,
    })
}

#[test]
fn real_a_waiting_run_is_told_once_to_a_program_and_to_a_receiver_that_can_prove_whose_it_is() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let receiver = Receiver::start("200 OK");
    let product = telling(&fleet, &receiver, "tell = [\"waiting\"]\n");
    let said = product.json("ada", &["propose", "say", "--in", "lab", "--purpose", "fix", "--reason", WORDS]);
    let id = said["run"].as_u64().unwrap();
    product.until_phase(id, &["waiting"]);
    let list = all_over(&product, 2);
    assert!(list["rows"].as_array().unwrap().iter().all(|row| row["standing"] == "delivered"), "{list:#}");

    let [came] = receiver.came().try_into().expect("one request");
    let document: Value = serde_json::from_slice(&came.body).unwrap();
    assert_eq!(
        [&document["kind"], &document["run"], &document["workspace"], &document["environment"], &document["runbook"]],
        [&"waiting".into(), &Value::from(id), &"lab".into(), &"lab".into(), &"say".into()]
    );
    assert_eq!(document["may_act"], serde_json::json!(["grace"]));
    assert_eq!(document["link"], format!("ssh -t bastion quarterdeck attach {id}"));
    assert_eq!(came.header("idempotency-key"), document["id"]);
    let timestamp = came.header("x-quarterdeck-timestamp");
    assert_eq!(came.header("x-quarterdeck-signature"), signed(timestamp, &came.body));
    let now = String::from_utf8(Command::new("date").arg("+%s").output().unwrap().stdout).unwrap();
    assert!(timestamp.parse::<u64>().unwrap().abs_diff(now.trim().parse().unwrap()) < 300);

    let [piped] = told(&product).try_into().expect("the program ran once");
    assert_eq!(serde_json::from_slice::<Value>(&piped).unwrap(), document);
    for text in [String::from_utf8(came.body.clone()).unwrap(), String::from_utf8(piped).unwrap()] {
        assert!(!text.contains(WORDS) && !text.contains(KEY), "{text}");
    }

    // A server that dies and comes back has nothing more to tell.
    product.kill();
    let before = list["rows"].as_array().unwrap().len();
    let after = product.json("ada", &["notify", "list"]);
    assert_eq!(after["rows"].as_array().unwrap().len(), before, "{after:#}");
    assert_eq!((receiver.came().len(), told(&product).len()), (1, 1));
    assert!(!holds(&product.at("data"), KEY.as_bytes()), "the key is in no record and no log");
    assert!(!holds(&product.at("data"), b"seen by nobody"), "what the program prints is kept nowhere");
    product.verifies();
}

#[test]
fn real_a_test_notice_says_how_each_channel_went_and_stands_in_the_record() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let receiver = Receiver::start("404 Not Found");
    let product = telling(&fleet, &receiver, "");
    let refused = product.tries("ada", &["notify", "test"]);
    assert_eq!(refused.status.code(), Some(1), "ada owns nothing: {refused:?}");
    let said = product.tries("grace", &["notify", "test"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    let standing = |channel: &str| {
        let rows = answer["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["channel"] == channel).unwrap_or_else(|| panic!("{answer:#}"));
        (row["standing"].as_str().unwrap().to_owned(), row["trouble"].as_str().map(str::to_owned))
    };
    assert_eq!(standing("command"), ("delivered".to_owned(), None));
    assert_eq!(standing("webhook"), ("given up".to_owned(), Some("answered 404".to_owned())));
    let words = product.says(&["notify", "test", "--as", "grace"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("command  delivered") && words.contains("webhook  given up: answered 404"), "{words}");
    let list = String::from_utf8(product.says(&["notify", "list", "--as", "ada"]).stdout).unwrap();
    assert!(list.starts_with("notice  at") && list.matches("given up: answered 404").count() == 2, "{list}");
    let record = product.json("ada", &["audit", "list", "--kind", "notice"]);
    let rows = record["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6, "two tests and what became of each channel: {record:#}");
    assert!(
        rows.iter().any(|row| row["by"] == "grace" && row["summary"] == "tries whether notices arrive"),
        "{record:#}"
    );
    product.verifies();
}
