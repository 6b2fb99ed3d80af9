//! Approvals signed by the approver's own SSH key, through the whole product: by an agent, from a file, elsewhere; and verified
//! years later by OpenSSH alone.

#![cfg(test)]

mod real;

use real::keys::run as ran;
use real::product::{Product, runbook};
use real::wait::SOON;
use real::{Agent, Fleet, KeyPair, KeyType, Tmux, until};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = \"true\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// Where approvals at high impact are signed; each person has keys.
struct Signed {
    product: Product,
    keys: tempfile::TempDir,
    grace: KeyPair,
    /// Ada's, who proposes.
    ada: KeyPair,
    /// Grace's too: nobody can sign with it.
    rsa: KeyPair,
}

impl Signed {
    fn new(fleet: &Fleet, kind: KeyType) -> Signed {
        let grave = runbook("grave", LOOK).replace("impact = \"low\"", "impact = \"high\"");
        let product = Product::new(fleet, &[("grave", &grave)]);
        let keys = tempfile::Builder::new().prefix("qd-keys").tempdir().unwrap();
        let pair = |name: &str, kind| KeyPair::generate(keys.path(), name, kind);
        let (grace, ada, rsa) = (pair("grace", kind), pair("ada", KeyType::Ed25519), pair("rsa", KeyType::Rsa3072));
        let file = product.at("site/workspaces/lab.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("[policy]\n", "[policy]\nsigned = \"high\"\n")).unwrap();
        let file = product.at("site/people.toml");
        let people = fs::read_to_string(&file).unwrap();
        let with = |people: String, name: &str, keys: &[String]| {
            people.replace(&format!("name = \"{name}\"\n"), &format!("name = \"{name}\"\nkeys = {keys:?}\n"))
        };
        let people = with(people, "Grace", &[rsa.public_line(), grace.public_line()]);
        fs::write(&file, with(people, "Ada", &[ada.public_line()])).unwrap();
        Signed { product, keys, grace, ada, rsa }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.keys.path().join(name)
    }

    fn waiting(&self) -> (u64, String) {
        let id = self.product.propose("grave");
        let run = self.product.until_phase(id, &["waiting"]);
        assert_eq!(run["demands"]["signature"], true, "{run:#}");
        (id, run["code"].as_str().unwrap().to_owned())
    }

    fn approve(&self, (id, code): &(u64, String), more: &[&str], agent: Option<&Agent>) -> Output {
        let id = id.to_string();
        let mut words = vec!["approve", &id, "--code", code, "--as", "grace"];
        words.extend(more);
        let mut command = self.product.command(&words);
        if let Some(agent) = agent {
            command.env("SSH_AUTH_SOCK", &agent.socket);
        }
        command.output().unwrap()
    }

    /// Signed by OpenSSH itself, over what the program says is to be signed.
    fn by_openssh(&self, run: &(u64, String), key: &KeyPair, namespace: &str) -> PathBuf {
        let said = self.approve(run, &["--statement"], None);
        assert!(said.status.success(), "{said:?}");
        let file = self.at(&format!("statement-{}", run.0));
        fs::write(&file, &said.stdout).unwrap();
        let signature = file.with_extension("sig");
        let _ = fs::remove_file(&signature);
        ran(Command::new("ssh-keygen").args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&key.private).arg(&file));
        signature
    }

    /// What an auditor does with the record and the public key alone.
    fn verifies(&self, statement: &str, signature: &str) -> bool {
        let (allowed, file, signed) = (self.at("allowed"), self.at("signature"), self.at("statement"));
        fs::write(&allowed, format!("grace {}\n", self.grace.public_line())).unwrap();
        fs::write(&file, signature).unwrap();
        fs::write(&signed, statement).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", "grace", "-n", "approval@quarterdeck", "-f"]).arg(&allowed);
        let said = command.arg("-s").arg(&file).stdin(File::open(&signed).unwrap()).output().unwrap();
        said.status.success()
    }

    #[track_caller]
    fn is_proved(&self, id: u64) {
        let run = self.product.run(id);
        let signed = &run["votes"][0]["signed"];
        let text = |name: &str| signed[name].as_str().unwrap_or_else(|| panic!("{name}: {run:#}")).to_owned();
        assert_eq!((text("key"), text("namespace")), (self.grace.fingerprint(), "approval@quarterdeck".to_owned()));
        // Anybody writes the statement again from what stands in the record of the run.
        let origin = statement_line(&text("statement"), "origin");
        let written = format!(
            "quarterdeck approval v1\norigin: {origin}\nrun: {id}\nbinding: {}\nchoice: approve\nperson: grace\nnth: 1\n",
            run["binding"].as_str().unwrap()
        );
        assert_eq!(text("statement"), written);
        assert!(self.verifies(&written, &text("signature")));
        assert!(!self.verifies(&written.replace("run: ", "run: 1"), &text("signature")));
        assert!(!self.verifies(&written.replace("grace", "ada"), &text("signature")));
    }
}

fn statement_line(statement: &str, name: &str) -> String {
    let line = statement.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("{name}: {statement}")).to_owned()
}

fn words(said: &Output) -> String {
    String::from_utf8_lossy(&said.stderr).into_owned()
}

const REASON: [&str; 2] = ["--reason", "planned"];

#[test]
fn real_an_approval_is_signed_by_the_agent_or_a_file_and_openssh_verifies_it_from_the_record() {
    for kind in [KeyType::Ed25519, KeyType::EcdsaP256] {
        let Some(fleet) = Fleet::plan(1).start() else { return };
        let signed = Signed::new(&fleet, kind);
        let Some(agent) = Agent::start(signed.keys.path()) else { return };
        let run = signed.waiting();
        let none = signed.approve(&run, &REASON, None);
        assert!(words(&none).contains("signature.missing") && words(&none).contains("--sign"), "{none:?}");
        let sign = [&REASON[..], &["--sign"]].concat();
        let nowhere = signed.approve(&run, &sign, None);
        assert!(
            nowhere.status.code() == Some(1) && words(&nowhere).contains("SSH_AUTH_SOCK is not set"),
            "{nowhere:?}"
        );
        agent.add(&signed.ada);
        let empty = signed.approve(&run, &sign, Some(&agent));
        assert!(words(&empty).contains("no key that people.toml has for grace"), "{empty:?}");
        // Her RSA key comes first, in people.toml and in the agent: it is passed over.
        agent.add(&signed.rsa);
        agent.add(&signed.grace);
        let said = signed.approve(&run, &sign, Some(&agent));
        assert!(said.status.success(), "{said:?}");
        assert_eq!(signed.product.run(run.0)["phase"], "approved");
        signed.is_proved(run.0);
        // From the record alone, also after a new start.
        signed.product.kill();
        signed.is_proved(run.0);
        signed.product.verifies();

        let run = signed.waiting();
        let file = format!("--sign={}", signed.grace.private.display());
        let said = signed.approve(&run, &[&REASON[..], &[&file]].concat(), None);
        assert!(said.status.success(), "{said:?}");
        signed.is_proved(run.0);
        let shown = signed.product.says(&["runs", "show", &run.0.to_string(), "--as", "ada"]);
        assert!(String::from_utf8_lossy(&shown.stdout).contains("approved signed: planned"), "{shown:?}");
    }
}

#[test]
fn z03_real_a_signature_of_another_key_purpose_run_or_kind_is_none() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let signed = Signed::new(&fleet, KeyType::Ed25519);
    let (run, other) = (signed.waiting(), signed.waiting());
    let give = |run: &(u64, String), file: &Path| {
        let file = file.display().to_string();
        signed.approve(run, &[&REASON[..], &["--signature", &file]].concat(), None)
    };
    let refused = |said: &Output, why: &str| {
        assert!(said.status.code() == Some(1) && words(said).contains("signature.wrong"), "{said:?}");
        assert!(words(said).contains(why), "{said:?}");
    };
    refused(&give(&run, &signed.by_openssh(&run, &signed.ada, "approval@quarterdeck")), "none of grace's");
    refused(&give(&run, &signed.by_openssh(&run, &signed.grace, "file")), "another purpose");
    refused(&give(&run, &signed.by_openssh(&other, &signed.grace, "approval@quarterdeck")), "over another text");
    refused(&give(&run, &signed.by_openssh(&run, &signed.rsa, "approval@quarterdeck")), "use ed25519 or ecdsa");
    let garbage = signed.at("garbage");
    fs::write(&garbage, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n").unwrap();
    refused(&give(&run, &garbage), "no SSH signature");
    fs::write(&garbage, "x".repeat(9_000)).unwrap();
    refused(&give(&run, &garbage), "longer than");
    // Encrypted, or open to others: it is said what to do.
    let locked = signed.at("locked");
    ran(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "a passphrase", "-f"]).arg(&locked));
    let said = signed.approve(&run, &[&REASON[..], &[&format!("--sign={}", locked.display())]].concat(), None);
    assert!(words(&said).contains("ssh-add"), "{said:?}");
    assert_eq!(signed.product.run(run.0)["votes"], Value::Array(Vec::new()));
    // What was tried is on the record; what is right goes through, also on standard input.
    let tried = signed.product.audit(run.0).into_values();
    let wrong = tried.filter(|row| row["summary"].as_str().unwrap().contains("signature.wrong")).count();
    assert_eq!(wrong, 6);
    let file = signed.by_openssh(&run, &signed.grace, "approval@quarterdeck");
    let (id, code) = (run.0.to_string(), run.1.as_str());
    let words = ["approve", &id, "--code", code, "--as", "grace", "--reason", "planned", "--signature", "-"];
    let said = signed.product.command(&words).stdin(Stdio::from(File::open(&file).unwrap())).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    signed.is_proved(run.0);
    // Z16: used for that run, it is worth nothing for the next.
    refused(&give(&other, &file), "over another text");
}

#[test]
fn real_the_console_has_the_persons_agent_sign_and_says_what_to_do_without_one() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let signed = Signed::new(&fleet, KeyType::Ed25519);
    let Some(agent) = Agent::start(signed.keys.path()) else { return };
    agent.add(&signed.grace);
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let run = signed.waiting();
    for with_agent in [false, true] {
        let command = signed.product.command(&["--as", "grace"]);
        let said: Vec<String> = command.get_args().map(|word| word.display().to_string()).collect();
        let socket = if with_agent { format!("SSH_AUTH_SOCK={} ", agent.socket.display()) } else { String::new() };
        tmux.line(&format!("clear; {socket}{} {}", command.get_program().display(), said.join(" ")));
        tmux.wait_for_text("Home");
        tmux.keys(&["4", "Enter"]);
        tmux.wait_for_text("each signed with the approver's SSH key");
        until("all of it to be shown", SOON, || {
            tmux.keys(&["Space"]);
            let screen = tmux.screen();
            if screen.contains("everything was shown") { Ok(()) } else { Err(screen) }
        });
        until("the dialog", SOON, || {
            let screen = tmux.screen();
            if screen.contains("Your own SSH key signs it") {
                return Ok(());
            }
            // What stood there for an instant only counts as unread, and the key does nothing.
            tmux.keys(&["a"]);
            Err(screen)
        });
        typed(&tmux, "planned");
        tmux.keys(&["Enter"]);
        typed(&tmux, &run.1);
        tmux.keys(&["Enter"]);
        tmux.wait_for_text("▸[ Approve ]");
        let wanted = if with_agent { "approved #" } else { "SSH_AUTH_SOCK" };
        until(wanted, Duration::from_secs(20), || {
            let screen = tmux.screen();
            if screen.contains(wanted) {
                return Ok(());
            }
            tmux.keys(&["Enter"]);
            Err(screen)
        });
        if !with_agent {
            let screen = tmux.screen();
            assert!(screen.contains("signature.missing") && screen.contains("--sign=KEYFILE"), "{screen}");
            assert_eq!(signed.product.run(run.0)["votes"], Value::Array(Vec::new()));
        }
        tmux.keys(&["C-c"]);
        tmux.wait_for("the shell again", SOON, |screen| screen.trim_end().ends_with('$'));
    }
    signed.is_proved(run.0);
}

/// Types into a dialog that hears nothing in its first moment: until it stands there.
#[track_caller]
fn typed(tmux: &Tmux, text: &str) {
    until(&format!("{text} to be typed"), SOON, || {
        let screen = tmux.screen();
        if screen.lines().any(|line| line.contains('▸') && line.contains(text)) {
            return Ok(());
        }
        tmux.keys(&["C-u"]);
        tmux.text(text);
        Err(screen)
    });
}

/// An evidence pack of a run with a signed approval, from proposal to review: what an auditor has, years later and elsewhere.
#[test]
fn real_a_run_is_exported_as_a_pack_that_proves_itself_to_python_and_openssh() {
    for kind in [KeyType::Ed25519, KeyType::EcdsaP256] {
        let Some(fleet) = Fleet::plan(2).start() else { return };
        let signed = Signed::new(&fleet, kind);
        let product = &signed.product;
        let head = |name: &str| {
            let said = product.says(&["audit", "head", "--as", "lea"]);
            assert!(said.status.success(), "{said:?}");
            fs::write(product.at(name), &said.stdout).unwrap();
            product.json("lea", &["audit", "head"])["size"].as_u64().unwrap()
        };
        let run = signed.waiting();
        let held = head("head-before");
        let file = format!("--sign={}", signed.grace.private.display());
        assert!(signed.approve(&run, &[&REASON[..], &[&file]].concat(), None).status.success());
        let id = run.0.to_string();
        product.json("ada", &["start", &id]);
        product.until_phase(run.0, &["ended"]);
        let (pack, since) = (product.at("pack.tar").display().to_string(), held.to_string());
        let export =
            |who: &str| product.tries(who, &["evidence", "export", "--run", &id, "--since", &since, "--out", &pack]);
        let refused = export("ada");
        assert!(refused.status.code() == Some(1) && !Path::new(&pack).exists(), "not who may prove: {refused:?}");
        let verify = |more: &[&str]| product.says(&[&["evidence", "verify", &pack][..], more].concat());
        assert!(export("grace").status.success());
        let open = verify(&[]);
        assert_eq!(open.status.code(), Some(2), "it is not over: {open:?}");
        product.json("ada", &["close", &id, "--note", "done"]);
        product.json("lea", &["review", &id, "--comment", "seen"]);
        let written = export("grace");
        assert!(written.status.success(), "{written:?}");
        // Each export is recorded before anybody has the pack, and the pack rests on a head that has it; what was refused is none.
        let exports = product.json("lea", &["audit", "list", "--kind", "exported"]);
        let [last, first] = exports["rows"].as_array().unwrap().as_slice() else { panic!("{exports}") };
        assert!(last["summary"].as_str().unwrap().contains(&format!("evidence of #{id} exported")), "{exports}");
        assert!(
            first["index"].as_u64() < last["index"].as_u64() && last["by"].to_string().contains("grace"),
            "{exports}"
        );
        let said = verify(&[]);
        assert!(said.status.success(), "{said:?}");
        assert!(String::from_utf8_lossy(&said.stdout).contains("1 signed approval"), "{said:?}");
        let before = product.at("head-before").display().to_string();
        assert!(verify(&["--since", &before]).status.success());
        // The whole day, and an incident that the run's ticket does not name.
        let day = last["at"].as_str().unwrap()[..10].to_owned();
        let of_day = product.at("day.tar").display().to_string();
        let days = ["evidence", "export", "--from", &day, "--to", &day, "--out", &of_day];
        assert_eq!(product.tries("ada", &days).status.code(), Some(1), "not who may prove");
        let written = product.tries("grace", &days);
        assert!(written.status.success(), "{written:?}");
        head("head-day");
        let of_head = product.at("head-day").display().to_string();
        let said = product.says(&["evidence", "verify", &of_day, "--since", &of_head]);
        assert!(said.status.success(), "{said:?}");
        let none = product.tries("grace", &["evidence", "export", "--incident", "I9", "--out", &of_day]);
        assert_eq!(none.status.code(), Some(1), "{none:?}");
        head("head-after");
        product.kill();
        let after = product.at("head-after").display().to_string();
        let cut = verify(&["--since", &after]);
        assert!(cut.status.code() == Some(1) && String::from_utf8_lossy(&cut.stdout).contains("cut off"), "{cut:?}");
        assert!(verify(&["--since", &before]).status.success(), "without a server");
        let dir = product.at("unpacked");
        fs::create_dir(&dir).unwrap();
        ran(Command::new("tar").arg("-C").arg(&dir).args(["-xf", &pack]));
        let said =
            Command::new("python3").args(["-B", "verify.py", ".", "--since", &before]).current_dir(&dir).output();
        let said = said.unwrap();
        assert!(said.status.success(), "{said:?}");
        let origin = fs::read_to_string(dir.join("checkpoint.body")).unwrap().lines().next().unwrap().to_owned();
        let mut openssh = Command::new("ssh-keygen");
        openssh.args([
            "-Y",
            "verify",
            "-f",
            "allowed_signers",
            "-n",
            "checkpoint@quarterdeck",
            "-s",
            "checkpoint.sshsig",
        ]);
        openssh.args(["-I", &origin]).stdin(File::open(dir.join("checkpoint.body")).unwrap()).current_dir(&dir);
        assert!(openssh.output().unwrap().status.success());
        let page = fs::read_to_string(dir.join("report.html")).unwrap();
        assert!(page.contains("approved") && page.contains("signed") && page.contains(" ok</p>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        // What is proved of one event, and of the record as a whole.
        let proof = product.says(&["audit", "proof", "0", "--as", "lea"]);
        assert!(String::from_utf8_lossy(&proof.stdout).starts_with("c2sp.org/tlog-proof@v1\nindex 0\n"), "{proof:?}");
        let consistent = product.json("lea", &["audit", "consistency", &since]);
        assert_eq!(consistent["from"]["size"].as_u64(), Some(held));
        product.verifies();
    }
}

#[test]
fn real_what_nobody_waits_for_is_signed_for_soon_and_an_approval_at_once() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let signed = Signed::new(&fleet, KeyType::Ed25519);
    let size = || signed.product.json("lea", &["audit", "head"])["size"].as_u64().unwrap();
    let last = |id: u64| *signed.product.audit(id).last_key_value().unwrap().0;
    let run = signed.waiting();
    until("the checks to be signed for", SOON, || match (size(), last(run.0)) {
        (size, last) if size > last => Ok(()),
        (size, last) => Err(format!("{size} of {last}")),
    });
    let file = format!("--sign={}", signed.grace.private.display());
    assert!(signed.approve(&run, &[&REASON[..], &[&file]].concat(), None).status.success());
    let voted = signed.product.audit(run.0).into_iter().find(|(_, row)| row["kind"] == "voted").unwrap().0;
    assert!(size() > voted, "the answer came after the signature");
}

/// A8 through the whole product: yesterday's ledger beside today's checkpoints is not served.
#[test]
fn a8_real_a_ledger_of_yesterday_is_not_served() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[("look", &runbook("look", LOOK))]);
    product.start("look");
    product.kill();
    let (ledger, copy) = (product.at("data/ledger"), product.at("yesterday"));
    ran(Command::new("cp").arg("-a").args([&ledger, &copy]));
    product.start("look");
    product.json("ada", &["audit", "head"]);
    product.kill();
    fs::remove_dir_all(&ledger).unwrap();
    ran(Command::new("cp").arg("-a").args([&copy, &ledger]));
    let said = product.tries("ada", &["runs", "list"]);
    let told = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(!said.status.success() && told.contains("rolled back"), "{said:?}");
    let said = product.says(&["audit", "verify"]);
    assert!(said.status.code() == Some(1) && String::from_utf8_lossy(&said.stdout).contains("signed for"), "{said:?}");
}
