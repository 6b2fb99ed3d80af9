//! Second factors through the whole product: enrolled, confirmed by another person, asked for at an approval, used once, locked
//! out and revoked; and their secrets, looked for everywhere.

#![cfg(test)]

mod real;

use real::device::{device, enrolled, step_now, told};
use real::product::{Product, runbook};
use real::wait::SOON;
use real::{Fleet, Tmux, program, until};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = \"true\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// Where approvals at high impact need a second factor, and two people answer for it.
fn product(fleet: &Fleet) -> Product {
    let grave = runbook("grave", LOOK).replace("impact = \"low\"", "impact = \"high\"");
    let product = Product::new(fleet, &[("grave", &grave)]);
    let file = product.at("site/workspaces/lab.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("[policy]\n", "[policy]\nsecond_factor = \"high\"\n");
    fs::write(&file, text.replace("lea = [\"reviewer\"]", "lea = [\"reviewer\", \"owner\"]")).unwrap();
    product
}

#[track_caller]
fn refused(said: &Output) -> (String, Value) {
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let value: Value = serde_json::from_slice(&said.stdout).unwrap();
    (value["refused"]["code"].as_str().unwrap().to_owned(), value)
}

fn waiting(product: &Product) -> (u64, String) {
    let id = product.propose("grave");
    let run = product.until_phase(id, &["waiting"]);
    assert_eq!(run["demands"]["second_factor"], true, "{run:#}");
    (id, run["code"].as_str().unwrap().to_owned())
}

fn approve(product: &Product, who: &str, (id, code): &(u64, String), digits: &str) -> Output {
    let words = ["approve", &id.to_string(), "--code", code, "--reason", "planned", "--factor", "-"];
    told(product, who, &words, &format!("{digits}\n"))
}

/// Every file below a directory that holds one of these texts.
fn holding(dir: &Path, texts: &[&[u8]]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holding(&path, texts));
        } else if let Ok(bytes) = fs::read(&path)
            && texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == *text))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn z05_real_an_approval_needs_the_approvers_second_factor_which_is_good_once_and_lies_in_one_file_alone() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let run = waiting(&product);
    let words = ["approve", &run.0.to_string(), "--code", &run.1, "--reason", "planned"];
    let (code, said) = refused(&product.tries("grace", &words));
    assert_eq!(code, "factor.missing");
    assert!(said["refused"]["next"].as_str().unwrap().contains("people enrol"), "{said}");

    // Enrolled, and not in force before a code was shown and somebody else confirmed it.
    let offered = product.json("grace", &["people", "enrol"]);
    let (id, secret) = (offered["id"].as_str().unwrap().to_owned(), offered["secret"].as_str().unwrap().to_owned());
    assert_eq!(
        offered["uri"],
        format!("otpauth://totp/Quarterdeck%20fleet:grace?secret={secret}&issuer=Quarterdeck%20fleet")
    );
    let file = product.at("data/factors").join(&id);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let confirm =
        |who: &str, id: &str| product.tries(who, &["people", "confirm", "grace", "--id", id, "--reason", "heard it"]);
    assert_eq!(refused(&confirm("lea", &id)).0, "state", "no code was shown");
    let step = step_now();
    // Wrong by one digit.
    let right = device(&secret, step);
    let wrong = format!("{}{}", &right[..5], (right[5..].parse::<u8>().unwrap() + 1) % 10);
    assert_eq!(refused(&told(&product, "grace", &["people", "prove"], &wrong)).0, "factor.wrong");
    assert!(told(&product, "grace", &["people", "prove"], &right).status.success());
    assert_eq!(refused(&approve(&product, "grace", &run, &device(&secret, step + 1))).0, "factor.missing");
    assert_eq!(refused(&confirm("grace", &id)).0, "sod.self");
    assert_eq!(refused(&confirm("ada", &id)).0, "role.missing");
    assert_eq!(refused(&confirm("lea", "00000000")).0, "stale", "what was read out is what is confirmed");
    let listed = |product: &Product| {
        let rows = product.json("lea", &["people", "list"]);
        rows["rows"].as_array().unwrap().iter().find(|row| row["person"] == "grace").unwrap().clone()
    };
    assert_eq!(listed(&product)["factor"]["standing"], "proved, not confirmed");
    product.json("lea", &["people", "confirm", "grace", "--id", &id[..8], "--reason", "read out by telephone"]);
    assert_eq!(
        (&listed(&product)["factor"]["standing"], &listed(&product)["factor"]["confirmed_by"]),
        (&"confirmed".into(), &"lea".into())
    );

    // Z5: whoever acts as grace has no code of hers. Then grace has one.
    assert_eq!(refused(&product.tries("grace", &words)).0, "factor.missing");
    assert_eq!(refused(&approve(&product, "grace", &run, &right)).0, "factor.used", "the one of the enrolment");
    assert_eq!(refused(&approve(&product, "grace", &run, "12 34")).0, "input", "a slip of the fingers is no guess");
    let next = device(&secret, step + 1);
    let said = approve(&product, "grace", &run, &next);
    assert!(said.status.success(), "{said:?}");
    let shown = product.run(run.0);
    assert_eq!((&shown["votes"][0]["second_factor"], &shown["phase"]), (&true.into(), &"approved".into()));

    // Seen by somebody, it is worth nothing any more; a restart changes nothing about that.
    let other = waiting(&product);
    assert_eq!(refused(&approve(&product, "grace", &other, &next)).0, "factor.used");
    product.kill();
    assert_eq!(refused(&approve(&product, "grace", &other, &next)).0, "factor.used");
    assert_eq!(product.run(other.0)["votes"], Value::Array(Vec::new()));

    // Nowhere else than in its file: not in the ledger, the views, the log.
    let raw = fs::read(&file).unwrap();
    assert_eq!(raw.len(), 20);
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let found = holding(&product.at("data"), &[&raw, secret.as_bytes(), hex.as_bytes()]);
    assert_eq!(found, [file.display().to_string()]);
    product.verifies();
    let audit = product.json("lea", &["audit", "list", "--kind", "factor"]);
    let told: Vec<&str> =
        audit["rows"].as_array().unwrap().iter().map(|row| row["summary"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("used") && told[1].contains("confirmed: read out by telephone"), "{told:?}");

    // A lost device: gone with its file, and the next one begins anew.
    let revoked = ["people", "revoke", "grace", "--reason", "left on a train"];
    assert_eq!(refused(&product.tries("ada", &revoked)).0, "role.missing");
    product.json("lea", &revoked);
    assert!(!file.exists());
    assert_eq!(refused(&approve(&product, "grace", &other, &device(&secret, step + 2))).0, "factor.missing");
    product.json("grace", &["people", "enrol"]);
    assert_eq!(listed(&product)["factor"]["standing"], "offered, not proved");
}

#[test]
fn z31_real_guessing_locks_out_and_the_record_says_so() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let (_, secret, step) = enrolled(&product, "grace", "lea");
    let run = waiting(&product);
    let valid: Vec<String> = (step - 1..step + 6).map(|step| device(&secret, step)).collect();
    let guesses = (0..).map(|n| format!("{n:06}")).filter(|guess| !valid.contains(guess));
    for guess in guesses.take(5) {
        assert_eq!(refused(&approve(&product, "grace", &run, &guess)).0, "factor.wrong");
    }
    for restarted in [false, true] {
        let (code, said) = refused(&approve(&product, "grace", &run, &device(&secret, step_now() + 1)));
        assert_eq!(code, "factor.locked", "the right one too");
        assert!(said["refused"]["what"].as_str().unwrap().contains("none is taken before"), "{said}");
        if !restarted {
            product.kill();
        }
    }
    assert_eq!(product.run(run.0)["votes"], Value::Array(Vec::new()));
    let refusals = product.audit(run.0).into_values().filter(|row| row["kind"] == "refused");
    let words: Vec<String> = refusals.map(|row| row["summary"].as_str().unwrap().to_owned()).collect();
    assert_eq!(words.iter().filter(|it| it.contains("factor.wrong")).count(), 5, "{words:?}");
    assert_eq!(words.iter().filter(|it| it.contains("factor.locked")).count(), 2, "{words:?}");
}

#[test]
fn z31_real_the_console_asks_for_the_digits_behind_the_typed_code() {
    if program("python3").is_none() {
        return;
    }
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = product(&fleet);
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let said = |words: &[&str]| {
        let command = product.command(words);
        let words: Vec<String> = command.get_args().map(|word| word.display().to_string()).collect();
        format!("{} {}", command.get_program().display(), words.join(" "))
    };
    // Enrolled at a terminal: the picture, then digits that stand on no screen.
    tmux.line(&format!("clear; {}", said(&["people", "enrol", "--as", "grace"])));
    let screen = tmux.wait_for_text("people confirm grace --id");
    let field = |name: &str| {
        let line =
            screen.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {screen}"));
        line.trim().to_owned()
    };
    let secret: String = field("secret ").replace(' ', "");
    let id = field("id ");
    let step = step_now();
    tmux.line(&format!("clear; {}", said(&["people", "prove", "--as", "grace"])));
    tmux.wait_for_text("a code of your second factor");
    let digits = device(&secret, step);
    tmux.line(&digits);
    let screen = tmux.wait_for_text("another person confirms it");
    assert!(!screen.contains(&digits), "{screen}");
    product.json("lea", &["people", "confirm", "grace", "--id", &id, "--reason", "heard it"]);

    let run = waiting(&product);
    tmux.line(&format!("clear; {}", said(&["--as", "grace"])));
    tmux.wait_for_text("Home");
    tmux.keys(&["4", "Enter"]);
    tmux.wait_for_text("each with the approver's second factor");
    until("all of it to be shown", SOON, || {
        tmux.keys(&["Space"]);
        let screen = tmux.screen();
        if screen.contains("everything was shown") { Ok(()) } else { Err(screen) }
    });
    until("the dialog", SOON, || {
        let screen = tmux.screen();
        if screen.contains("six digits of your second factor") {
            return Ok(());
        }
        // What stood there for an instant only counts as unread, and the key does nothing.
        tmux.keys(&["a"]);
        Err(screen)
    });
    typed(&tmux, "planned", "planned");
    tmux.keys(&["Enter"]);
    typed(&tmux, &run.1, &run.1);
    tmux.keys(&["Enter"]);
    let next = device(&secret, step + 1);
    typed(&tmux, &next, &next);
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("▸[ Approve ]");
    until("the approval", Duration::from_secs(20), || {
        tmux.keys(&["Enter"]);
        let run = product.run(run.0);
        if run["phase"] == "approved" { Ok(()) } else { Err(tmux.screen()) }
    });
    assert_eq!(product.run(run.0)["votes"][0]["second_factor"], true);
    tmux.keys(&["C-c"]);
}

/// Types into a dialog that hears nothing in its first moment: until it stands there.
#[track_caller]
fn typed(tmux: &Tmux, text: &str, shown: &str) {
    until(&format!("{text} to be typed"), SOON, || {
        let screen = tmux.screen();
        if screen.lines().any(|line| line.contains('▸') && line.contains(shown)) {
            return Ok(());
        }
        tmux.keys(&["C-u"]);
        tmux.text(text);
        Err(screen)
    });
}
