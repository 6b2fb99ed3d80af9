//! Governance by the program's own verbs, over a real OpenSSH server: an approval taken back, a start put off, a role lent for a
//! while, an incident and the glass broken for it. What is refused changes nothing and stands in the record.

#![cfg(test)]

mod real;

use real::device::{device, enrolled, told};
use real::product::{Product, RUN, runbook};
use real::{Fleet, program, until};
use serde_json::Value;
use std::fs;
use std::process::Command;

const ONE: &str = r#"
[[step]]
id = "touch"
title = "Touch"
run = 'echo did >>"$HOME/did"'
effect = "once"

[[verify]]
id = "v"
title = "v"
run = 'cat "$HOME/did"'
effect = "read"
"#;

const PEOPLE: &str = "\n[[person]]\nid = \"kim\"\nname = \"Kim\"\nunix = [\"quarterdeck-test-kim\"]\n\
    \n[[person]]\nid = \"bo\"\nname = \"Bo\"\nunix = [\"quarterdeck-test-bo\"]\n\
    \n[[person]]\nid = \"zoe\"\nname = \"Zoe\"\nunix = [\"quarterdeck-test-zoe\"]\n";

const POLICY: &str = "break_glass = \"commander\"\n\n[[policy.quorum]]\nimpact = \"medium\"\n\
    from = [{ role = \"approver\", n = 1 }]\n";

/// A house of six: ada operates; grace approves and owns; kim commands; lea and bo review; zoe is of no workspace.
fn house(fleet: &Fleet) -> Product {
    let product = Product::new(fleet, &[("one", &runbook("one", ONE))]);
    let people = product.at("site/people.toml");
    fs::write(&people, fs::read_to_string(&people).unwrap() + PEOPLE).unwrap();
    let lab = product.at("site/workspaces/lab.toml");
    let text = fs::read_to_string(&lab).unwrap();
    let text =
        text.replace("lea = [\"reviewer\"]\n", "lea = [\"reviewer\"]\nbo = [\"reviewer\"]\nkim = [\"commander\"]\n");
    let (head, servers) = text.split_once("\n[[server]]").unwrap();
    fs::write(&lab, format!("{head}{POLICY}\n[[server]]{servers}")).unwrap();
    product
}

/// The code of the rule that says no. It is on the record, and the run is as it was.
#[track_caller]
fn refused(product: &Product, who: &str, words: &[&str]) -> String {
    let said = product.tries(who, words);
    assert_eq!(said.status.code(), Some(1), "{who} {words:?}: {said:?}");
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    answer["refused"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[track_caller]
fn waiting(product: &Product) -> (u64, String, String) {
    let said = product.json("ada", &["propose", "one", "--in", "lab", "--purpose", "fix", "--impact", "medium"]);
    let id = said["run"].as_u64().unwrap();
    let run = product.until_phase(id, &["waiting"]);
    (id, id.to_string(), run["code"].as_str().unwrap().to_owned())
}

fn kinds(product: &Product, id: u64) -> Vec<String> {
    product.audit(id).values().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn real_an_approval_is_taken_back_and_a_start_put_off_begins_by_itself() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = house(&fleet);
    let (id, run, code) = waiting(&product);
    assert_eq!(refused(&product, "grace", &["retract", &run, "--reason", "none"]), "state");
    product.json("grace", &["approve", &run, "--code", &code, "--reason", "read"]);
    product.json("grace", &["retract", &run, "--reason", "the wrong host"]);
    assert_eq!(product.run(id)["phase"], "waiting");
    assert_eq!(refused(&product, "ada", &["start", &run]), "state");
    product.json("grace", &["approve", &run, "--code", &code, "--reason", "the right one"]);
    // Put off to a moment: refused where it is over, taken back, and carried out at the moment.
    assert_eq!(refused(&product, "ada", &["start", &run, "--at", "2020-01-01T00:00:00Z"]), "input");
    assert_eq!(refused(&product, "ada", &["start", &run, "--at", "200h"]), "approval.expired");
    assert_eq!(refused(&product, "lea", &["start", &run, "--at", "1h"]), "role.missing");
    product.json("ada", &["start", &run, "--at", "1h"]);
    assert!(product.run(id)["queued"]["not_before"].is_string(), "{:#}", product.run(id));
    product.json("ada", &["pause", &run]);
    assert!(product.run(id)["queued"].is_null());
    product.json("ada", &["start", &run, "--at", "2s"]);
    let ended = product.until_phase(id, &["ended"]);
    assert_eq!((ended["ending"].as_str(), ended["driver"].as_str()), (Some("succeeded"), Some("ada")), "{ended:#}");
    assert_eq!(fleet.host(1).file("did"), "did\n");
    let kinds = kinds(&product, id);
    assert_eq!(kinds.iter().filter(|kind| *kind == "voted").count(), 3, "{kinds:?}");
    assert!(kinds.iter().any(|kind| kind == "refused"), "attempts beyond one's authority are kept: {kinds:?}");
    product.verifies();
}

#[test]
fn real_a_role_is_lent_for_a_while_and_ends_by_itself_over_a_restart() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = house(&fleet);
    let elevate =
        |role: &'static str, long: &'static str| ["elevate", role, "--in", "lab", "--for", long, "--reason", "on call"];
    assert_eq!(refused(&product, "ada", &elevate("owner", "1h")), "iam.escalate");
    assert_eq!(refused(&product, "ada", &elevate("approver", "13h")), "input");
    assert_eq!(refused(&product, "zoe", &elevate("approver", "1h")), "not_found");
    product.json("lea", &elevate("approver", "1h"));
    assert_eq!(refused(&product, "lea", &["elevations", "grant", "E1", "--reason", "mine"]), "sod.self");
    assert_eq!(refused(&product, "ada", &["elevations", "grant", "1", "--reason", "friend"]), "iam.escalate");
    assert_eq!(refused(&product, "zoe", &["elevations", "grant", "E1", "--reason", "x"]), "not_found");
    product.json("grace", &["elevations", "grant", "E1", "--reason", "agreed"]);
    let (id, run, code) = waiting(&product);
    product.json("lea", &["approve", &run, "--code", &code, "--reason", "read"]);
    assert_eq!(product.run(id)["phase"], "approved");
    // Over a restart it holds; given back, what stands on it starts no more.
    product.kill();
    assert_eq!(product.json("ada", &["elevations", "list"])[0]["stands"], "lent");
    product.json("lea", &["elevations", "end", "E1"]);
    assert_eq!(product.json("ada", &["elevations", "list"]), serde_json::json!([]));
    assert_eq!(refused(&product, "ada", &["start", &run]), "role.missing");
    // zoe, who is of no workspace, reads nothing of it; a member does.
    let events =
        |who: &str| product.json(who, &["audit", "list", "--kind", "elevation"])["rows"].as_array().unwrap().len();
    assert_eq!((events("ada"), events("zoe")), (3, 0));
    product.verifies();
}

#[test]
fn real_glass_is_broken_for_an_incident_of_somebody_else_and_stays_red_until_two_have_signed_off() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = house(&fleet);
    let (id, run, code) = waiting(&product);
    let open = |who: &str| {
        let words = ["incident", "open", "--in", "lab", "--severity", "p1", "--title", "checkout fails", "--tenant"];
        let rest = ["shop", "--impact", "nobody can pay", "--monitoring", "CheckoutErrors", "--owner", "grace"];
        product.tries(who, &[words.as_slice(), &rest].concat())
    };
    let breaks = |incident: &'static str| {
        let words = ["break-glass", &run, "--incident", incident, "--code", &code, "--phrase", "break glass"];
        [words.as_slice(), &["--reason", "nobody can pay"]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let no =
        |who: &str, words: Vec<String>| refused(&product, who, &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(no("kim", breaks("I1")), "glass.incident");
    assert!(open("kim").status.success());
    assert_eq!(no("kim", breaks("I1")), "sod.self");
    assert!(open("ada").status.success());
    assert_eq!(no("ada", breaks("I2")), "role.missing");
    // It asks for the second factor of whoever breaks it.
    assert_eq!(no("kim", breaks("I2")), "factor.missing");
    let (_, secret, used) = enrolled(&product, "kim", "grace");
    let said = [breaks("I2"), vec!["--factor".to_owned(), "-".to_owned()]].concat();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let wrong = told(&product, "kim", &said, &format!("{}\n", device(&secret, used)));
    assert_eq!(wrong.status.code(), Some(1), "a code is good once: {wrong:?}");
    // A device's next code is taken already: their clocks need not be the same.
    let broken = told(&product, "kim", &said, &format!("{}\n", device(&secret, used + 1)));
    assert!(broken.status.success(), "{broken:?}");
    assert_eq!(refused(&product, "ada", &["start", &run]), "state", "it counts down");
    product.until_phase(id, &["approved"]);
    product.json("ada", &["start", &run]);
    product.until_phase(id, &["ended"]);
    product.json("ada", &["close", &run, "--note", "they can pay again"]);
    let review = |who: &str| product.tries(who, &["review", &run, "--comment", "looked at"]);
    assert!(review("lea").status.success());
    let red = product.run(id);
    assert_eq!((red["phase"].as_str(), red["reviews_missing"].as_u64()), (Some("closed"), Some(1)), "{red:#}");
    assert_eq!(refused(&product, "lea", &["review", &run, "--comment", "again"]), "sod.review");
    assert!(review("bo").status.success());
    until("the run to be signed off", RUN, || match product.run(id)["phase"].as_str() {
        Some("reviewed") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let kinds = kinds(&product, id);
    for kind in ["glass_broken", "glass_opened", "review_given", "run_reviewed", "refused"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind}: {kinds:?}");
    }
    // The incident goes its way.
    assert_eq!(product.json("ada", &["incident", "list"])[1]["next"]["mark"], "acknowledged");
    product.json("grace", &["incident", "mark", "I2", "resolved", "--note", "certificate renewed"]);
    product.json("grace", &["incident", "close", "I2", "--note", "a certificate had run out"]);
    assert_eq!(product.json("ada", &["incident", "list"]).as_array().unwrap().len(), 1);
    // Over, it goes out as one pack, with the run that broke glass for it.
    let pack = product.at("incident.tar").display().to_string();
    let export = |who: &str| product.tries(who, &["evidence", "export", "--incident", "I2", "--out", &pack]);
    assert_eq!(export("kim").status.code(), Some(1), "not who may prove");
    let written = export("grace");
    assert!(written.status.success(), "{written:?}");
    let dir = product.at("unpacked");
    fs::create_dir(&dir).unwrap();
    assert!(Command::new("tar").arg("-C").arg(&dir).args(["-xf", &pack]).status().unwrap().success());
    let ours = product.says(&["evidence", "verify", &pack]);
    assert!(ours.status.success(), "{ours:?}");
    let theirs = Command::new("python3").args(["-B", "verify.py", "."]).current_dir(&dir).output().unwrap();
    assert!(theirs.status.success(), "{theirs:?}");
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    for words in ["Evidence of incident I2", "a certificate had run out", "nobody can pay"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(dir.join(format!("run-{id}-plan.json")).exists());
    product.verifies();
}

#[test]
fn real_a_standing_approval_lets_one_operator_start_at_once_within_its_bounds_until_it_is_revoked() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = house(&fleet);
    // What may run in advance has medium impact here, so that it would wait otherwise.
    let file = product.at("site/runbooks/one.toml");
    let text = fs::read_to_string(&file).unwrap().replace("impact = \"low\"", "impact = \"medium\"");
    fs::write(&file, text).unwrap();
    let propose = |select: &str| {
        let said = product.json("ada", &["propose", "one", "--in", "lab", "--purpose", "fix", "--select", select]);
        let id = said["run"].as_u64().unwrap();
        let run = product.until_phase(id, &["waiting", "approved"]);
        (id, run["phase"].as_str().unwrap().to_owned())
    };
    let want = |hosts: &'static str, long: &'static str| {
        ["standing", "propose", "one", "--in", "lab", "--hosts", hosts, "--for", long, "--reason", "every week"]
    };
    assert_eq!(propose("host:h01").1, "waiting");
    assert_eq!(refused(&product, "ada", &want("1", "91d")), "input");
    assert_eq!(refused(&product, "lea", &want("1", "30d")), "role.missing");
    let asked = product.json("ada", &want("1", "30d"));
    let code = asked["code"].as_str().unwrap();
    let yes = |who: &str, code: &str| {
        product.tries(who, &["standing", "approve", "S1", "--code", code, "--reason", "read"]).status.success()
    };
    assert!(!yes("ada", code), "whoever asks does not give it");
    assert!(!yes("grace", "AAA-AAA"), "the code is of what was looked at");
    assert!(yes("grace", code));
    assert_eq!(product.json("ada", &["standing", "list"])[0]["in_force"], true);
    // The hour's hosts count together: the first request named one already.
    let (id, phase) = propose("host:h01");
    assert_eq!(phase, "approved");
    product.json("ada", &["start", &id.to_string()]);
    let ended = product.until_phase(id, &["ended"]);
    assert_eq!(ended["ending"], "succeeded", "{ended:#}");
    let (waits, phase) = propose("host:h01");
    assert_eq!(phase, "approved");
    assert_eq!(propose("host:h02").1, "waiting", "a second host within the hour");
    product.json("grace", &["standing", "revoke", "S1"]);
    product.until_phase(waits, &["waiting"]);
    assert_eq!(refused(&product, "ada", &["start", &waits.to_string()]), "state");
    // Who holds what, and what of it was used.
    let rows = product.json("grace", &["people", "roles", "--in", "lab"]);
    let of = |who: &str, role: &str| {
        let rows = rows["rows"].as_array().unwrap().iter();
        rows.clone().find(|row| row["person"] == who && row["role"] == role).cloned().unwrap_or_default()
    };
    assert!(of("ada", "operator")["last_used"].is_string(), "{rows:#}");
    assert!(of("lea", "reviewer")["since"].is_string() && of("lea", "reviewer")["last_used"].is_null(), "{rows:#}");
    product.verifies();
}

#[test]
fn real_what_was_done_by_hand_is_entered_shown_and_looked_at_by_two() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = house(&fleet);
    let add = ["record", "add", "--in", "lab", "--who", "ada", "--from", "2h", "--until", "1h", "--host", "h01"];
    let add = [add.as_slice(), &["--reason", "the console could not be reached"]].concat();
    let entered = told(&product, "grace", &add, "systemctl restart web\njournalctl -u web\n");
    assert!(entered.status.success(), "{entered:?}");
    assert_eq!(refused(&product, "grace", &add), "reason.missing", "nothing on standard input");
    let shot = product.at("shell.log");
    fs::write(&shot, "$ systemctl restart web\n").unwrap();
    product.json("grace", &["record", "file", "H1", shot.to_str().unwrap()]);
    let listed = product.json("lea", &["record", "list"]);
    assert_eq!((&listed[0]["reviews_missing"], &listed[0]["files"][0]["name"]), (&2.into(), &"shell.log".into()));
    assert!(listed[0]["commands"].as_str().unwrap().contains("journalctl"), "{listed:#}");
    assert_eq!(refused(&product, "ada", &["record", "review", "H1", "--comment", "mine"]), "role.missing");
    product.json("lea", &["record", "review", "H1", "--comment", "asked ada"]);
    product.json("bo", &["record", "review", "H1", "--comment", "read the log"]);
    assert_eq!(product.json("lea", &["record", "list"]), serde_json::json!([]));
    product.verifies();
}
