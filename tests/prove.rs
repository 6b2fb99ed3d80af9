//! What is left to do and what is proved, by the program's own verbs over a real host; files are read back by other programs.

#![cfg(test)]

mod real;

use real::product::{Product, runbook};
use real::wait::SOON;
use real::{Fleet, until};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// One step and its verification; `controls` as the head of a runbook has them.
const TOUCH: &str = "[[step]]\nid = \"touch\"\ntitle = \"Touch\"\nrun = 'echo did >>\"$HOME/did\"'\neffect = \"once\"\n\
                     [[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'cat \"$HOME/did\"'\neffect = \"read\"\n";

fn serving(id: &str, controls: &str) -> String {
    runbook(id, TOUCH).replace("owner = \"platform\"\n", &format!("owner = \"platform\"\ncontrols = [{controls}]\n"))
}

fn product(fleet: &Fleet) -> Product {
    let (touch, other) = (serving("touch", "\"ISO27001:A.8.32\", \"GDPR:32\""), serving("other", "\"SOC2:CC6.2\""));
    Product::new(fleet, &[("touch", &touch), ("other", &other)])
}

/// A run from proposal to outcome note, asked for with words that a spreadsheet or a page could take for its own.
fn closed(product: &Product, reason: &str, ticket: &str) -> u64 {
    let words = ["propose", "touch", "--in", "lab", "--purpose", "fix", "--reason", reason, "--ticket", ticket];
    let id = product.json("ada", &words)["run"].as_u64().unwrap();
    let number = id.to_string();
    product.until_phase(id, &["approved"]);
    product.json("ada", &["start", &number]);
    assert_eq!(product.until_phase(id, &["ended"])["ending"], "succeeded");
    product.json("ada", &["close", &number, "--note", "touched,\n\"all\" of it"]);
    id
}

/// What a program of Python says to a text.
fn python(program: &str, text: &[u8]) -> Value {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

const READ_CSV: &str = "import csv, io, json, sys
text = sys.stdin.buffer.read().decode('utf-8')
print(json.dumps(list(csv.DictReader(io.StringIO(text, newline=''), strict=True))))";

/// Whether tags are closed in order; every word between them; and every attribute.
const READ_HTML: &str = "import json, sys
from html.parser import HTMLParser
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.words, self.tags, self.wrong = [], [], {}, []
    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag != 'meta' and tag != 'br':
            self.open.append(tag)
        self.wrong += [[tag, name, value] for name, value in attrs if name in ('src', 'onclick') or
                       (name == 'href' and not value.startswith('#'))]
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(['closes', tag])
    def handle_data(self, data):
        self.words.append(data)
page = Page()
page.feed(sys.stdin.buffer.read().decode('utf-8'))
page.close()
print(json.dumps({'wrong': page.wrong + page.open, 'tags': page.tags, 'text': ' '.join(page.words)}))";

fn refused(said: &Output, exit: i32, words: &str) {
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(exit), "{text}");
    assert!(text.contains(words), "{words:?} in {text}");
}

#[test]
fn real_a_report_is_read_by_other_programs_and_shown_to_owners_alone() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let formula = "=HYPERLINK(\"http://evil.example\",\"<b>look</b>\")";
    let id = closed(&product, formula, "CHG-7");
    let number = id.to_string();
    product.json("lea", &["review", &number, "--comment", "read it", "--follow-up", "ada:14d:Automate it"]);

    let as_grace = |words: &[&str]| product.command(words).args(["--as", "grace"]).output().unwrap();
    let said = as_grace(&["compliance", "--in", "lab", "--csv"]);
    assert!(said.status.success(), "{said:?}");
    let rows = python(READ_CSV, &said.stdout);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let row = &rows[0];
    assert_eq!((row["run"].as_str(), row["runbook"].as_str()), (Some(number.as_str()), Some("touch")));
    assert_eq!(row["reason"], format!("'{formula}"), "no formula, and every character of it");
    assert_eq!(row["note"], "touched,\n\"all\" of it");
    assert_eq!(row["controls"], "ISO27001:A.8.32; GDPR:32");
    assert_eq!(
        (&row["proposed_by"], &row["reviewed_by"], &row["outcome"]),
        (&"ada".into(), &"lea".into(), &"succeeded".into())
    );
    assert_eq!((&row["verification"], &row["gaps"]), (&"passed".into(), &"ran without approval".into()));
    assert_eq!((&rows[1]["controls"], &rows[1]["gaps"]), (&"SOC2:CC6.2".into(), &"no run in the period".into()));

    let said = as_grace(&["compliance", "--html"]);
    let page = python(READ_HTML, &said.stdout);
    assert_eq!(page["wrong"], serde_json::json!([]), "{page:#}");
    assert!(page["text"].as_str().unwrap().contains(formula), "{page:#}");
    assert!(page["tags"].get("script").is_none() && page["tags"].get("b").is_none(), "{page:#}");
    assert_eq!(page["tags"]["section"], 1);

    let json = product.json("grace", &["compliance", "--control", "gdpr:32"]);
    assert_eq!(json["controls"].as_array().unwrap().len(), 1, "{json:#}");
    assert_eq!((&json["controls"][0]["runs"][0], &json["runs"][0]["review"]["by"]), (&id.into(), &"lea".into()));
    let none = product.json("grace", &["compliance", "--until", "1h", "--since", "2h"]);
    assert_eq!(none["runs"], serde_json::json!([]), "{none:#}");
    assert_eq!(none["controls"][0]["gaps"][0]["gap"], "no_run");

    for who in ["ada", "lea"] {
        refused(&product.tries(who, &["compliance", "--in", "lab"]), 1, "no workspace is called lab");
    }
    refused(&product.tries("grace", &["compliance", "--in", "elsewhere"]), 1, "no workspace is called elsewhere");
    refused(&product.tries("grace", &["compliance", "--since", "1h", "--until", "2h"]), 64, "ends before it begins");
    refused(&product.tries("grace", &["compliance", "--since", "soon"]), 64, "is no moment");
    refused(&product.tries("grace", &["compliance", "--csv", "--html"]), 64, "cannot be used with");
    product.verifies();
}

#[test]
fn real_a_follow_up_is_given_listed_and_closed_by_whom_it_concerns_or_by_a_new_version() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let id = closed(&product, "Look at it.", "CHG-7").to_string();
    for (text, words) in [
        ("mallory:14d:x", "mallory is no member of lab"),
        ("ada:2020-01-01:x", "2020-01-01 is over"),
        ("ada:soon:x", "`soon` is no day"),
        ("ada", "write OWNER:DUE:TEXT"),
    ] {
        let review = ["review", id.as_str(), "--comment", "read it", "--follow-up", text];
        refused(&product.tries("lea", &review), 1, words);
    }
    let two =
        ["review", &id, "--comment", "read it", "--follow-up", "ada:14d:Automate it", "--follow-up", "lea:1d:Ask"];
    product.json("lea", &two);
    let add = ["follow-up", "add", "--in", "lab", "--owner", "ada", "--due", "2099-01-01", "--text", "Say why"];
    let about = product.json("grace", &[&add[..], &["--runbook", "touch"]].concat());
    assert_eq!(about["follow_up"], "F3", "{about:#}");
    refused(
        &product.tries("grace", &[&add[..], &["--runbook", "nothing"]].concat()),
        1,
        "no runbook is called nothing",
    );

    let list = |words: &[&str]| -> Vec<String> {
        let said = product.json("ada", &[&["follow-up", "list"], words].concat());
        let rows = said["rows"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["id"].as_str().unwrap(), row["state"].as_str().unwrap())).collect()
    };
    assert_eq!(list(&[]), ["F2 open", "F1 open", "F3 open"], "the earliest due first");
    assert_eq!(list(&["--person", "lea"]), ["F2 open"]);
    refused(&product.tries("ada", &["follow-up", "list", "--in", "elsewhere"]), 1, "no workspace is called elsewhere");
    refused(&product.tries("ada", &["follow-up", "done", "F2", "--note", "asked"]), 1, "lea, a reviewer or an owner");
    refused(&product.tries("ada", &["follow-up", "done", "F9", "--note", "asked"]), 1, "no open follow-up F9");
    refused(&product.tries("ada", &["follow-up", "done", "x", "--note", "asked"]), 64, "a follow-up is a number");
    product.json("ada", &["follow-up", "done", "F1", "--note", "a timer does it"]);

    let file = product.at("site/runbooks/touch.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("To be looked at.", "Because of CHG-7.")).unwrap();
    product.json("ada", &["site", "load"]);
    assert_eq!(list(&[]), ["F2 open"]);
    assert_eq!(list(&["--all"]), ["F3 replaced", "F2 open", "F1 done"]);
    let events = product.json("ada", &["audit", "list", "--kind", "follow_up"]);
    assert_eq!(events["rows"].as_array().unwrap().len(), 5, "{events:#}");
    product.kill();
    assert_eq!(list(&["--all"]), ["F3 replaced", "F2 open", "F1 done"], "as before, out of the record");
    product.verifies();
}

#[test]
fn real_changes_and_deviations_name_runs_loads_and_what_was_looked_at() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = product(&fleet);
    let id = closed(&product, "Release 2026.11", "CHG-7");
    let rerun = product.json("ada", &["rerun", &id.to_string(), "--reason", "Release 2026.11 once more"]);
    let second = rerun["run"].as_u64().unwrap();
    product.until_phase(second, &["approved"]);
    product.json("ada", &["start", &second.to_string()]);
    product.until_phase(second, &["ended"]);
    let file = product.at("site/workspaces/lab.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let host = format!("name = \"{}\"", fleet.host(1).name);
    let (head, rest) = text.split_once(&host).unwrap();
    std::fs::write(&file, format!("{head}{host}{}", rest.replacen("tags = [\"plain\"]", "tags = [\"drained\"]", 1)))
        .unwrap();
    product.json("ada", &["site", "load"]);
    let waits = product.json("ada", &["site", "show"]);
    let digest = waits["pending"]["site"]["digest"].as_str().unwrap();
    product.json("grace", &["site", "accept", digest, "--reason", "read"]);

    let touched = |target: &str| -> Vec<String> {
        let said = product.json("lea", &["changes", target, "--since", "1h"]);
        let rows = said["rows"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["kind"].as_str().unwrap(), row["run"])).collect()
    };
    let runs = [format!("run {second}"), format!("run {id}")];
    let first = fleet.host(1).name.clone();
    assert_eq!(touched(&first), [&["site null".to_owned()][..], &runs].concat());
    assert_eq!(touched(&fleet.host(2).name), runs, "the load changed another host");
    assert_eq!(touched("fleet"), [&["site null".to_owned()][..], &runs].concat());
    assert_eq!(touched("nothing"), Vec::<String>::new());
    let said = product.json("lea", &["changes", &first]);
    assert_eq!(said["tickets"], serde_json::json!(["CHG-7"]), "{said:#}");
    refused(&product.tries("lea", &["changes", &first, "--since", "1h", "--until", "2h"]), 64, "ends before it begins");

    let week = |words: &[&str]| product.json("lea", &[&["deviations", "list"], words].concat());
    let of = |week: &Value| -> Vec<String> {
        week["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let note = format!("lab:note:{second}");
    assert!(of(&week(&[])).contains(&note), "{:#}", week(&[]));
    assert_eq!(of(&week(&["--release", "2026.11"])), std::slice::from_ref(&note));
    refused(&product.tries("ada", &["deviations", "look", &note, "--reason", "seen"]), 1, "a reviewer, an auditor");
    refused(&product.tries("lea", &["deviations", "look", "note", "--reason", "seen"]), 1, "a deviation is named as");
    product.json("lea", &["deviations", "look", &note, "--reason", "ada writes it today"]);
    let seen = week(&["--release", "2026.11"]);
    assert_eq!((&seen["open"], &seen["rows"][0]["looked"]["by"]), (&0.into(), &"lea".into()), "{seen:#}");
    let follow = ["deviations", "follow", &note, "--owner", "ada", "--due", "3d", "--text", "Write it"];
    product.json("lea", &follow);
    until("the follow-up to be told", SOON, || {
        match week(&["--release", "2026.11"])["rows"][0]["follow_up"].as_str() {
            Some("F1") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    product.verifies();
}
