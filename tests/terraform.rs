//! Terraform through the whole product, by the real program: a plan is made, read, approved, and that very plan is carried out.

#![cfg(test)]

mod real;

use real::product::{Product, runbook};
use real::{Fleet, program};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const VERIFY: &str = "[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

const STEPS: &str = r#"
[[step]]
id = "plan"
kind = "terraform"
do = "plan"
folder = "files/infra"
secrets = ["token"]
effect = "read"

[[step]]
id = "read-it"
kind = "approval"
text = "Carry out {{ plan_sha256 }}?"
from = [{ role = "approver", n = 1 }]
effect = "once"

[[step]]
id = "apply"
kind = "terraform"
do = "apply"
folder = "files/infra"
plan = "plan"
effect = "once"
"#;

/// A site with one runbook that plans and applies, and where its state lies.
fn product(fleet: &Fleet) -> Option<(Product, PathBuf)> {
    let at = program("terraform")?;
    let product = Product::new(fleet, &[]);
    let put = |name: &str, text: &str| {
        let file = product.at(&format!("site/{name}"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let settings = fs::read_to_string(product.at("site/quarterdeck.toml")).unwrap();
    put("quarterdeck.toml", &format!("{settings}[local.programs]\nterraform = \"{}\"\n", at.display()));
    let state = product.at("terraform.tfstate");
    let main = format!(
        "terraform {{\n  backend \"local\" {{\n    path = \"{}\"\n  }}\n}}\nvariable \"release\" {{\n  type = string\n}}\n\
         variable \"token\" {{\n  type      = string\n  sensitive = true\n}}\n\
         resource \"terraform_data\" \"web\" {{\n  input            = var.release\n  triggers_replace = [sha256(var.token)]\n}}\n",
        state.display()
    );
    put("files/infra/main.tf", &main);
    fs::write(product.at("token"), "wheelhouse-9137").unwrap();
    fs::set_permissions(product.at("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let rest = format!(
        "[inputs.release]\nprompt = \"Release\"\ntype = \"string\"\ndefault = '''v1 \"${{x}}\"'''\n\
         [secrets.token]\nref = \"file:{}\"\npurpose = \"p\"\n{STEPS}{VERIFY}",
        product.at("token").display()
    );
    put("runbooks/infra.toml", &runbook("infra", &rest));
    Some((product, state))
}

fn log(product: &Product, id: u64, step: &str) -> String {
    let said = product.says(&["runs", "log", &id.to_string(), "--step", step, "--as", "ada"]);
    String::from_utf8(said.stdout).unwrap()
}

fn once<'a>(run: &'a serde_json::Value, step: &str) -> &'a serde_json::Value {
    let cells = run["cells"].as_array().unwrap();
    cells.iter().find(|cell| cell["step"] == step).unwrap_or_else(|| panic!("{run:#}"))
}

/// Waits until the plan is made, and says which.
fn planned(product: &Product, id: u64) -> String {
    real::until("the plan to be made", real::product::RUN, || {
        let run = product.run(id);
        let made = run["cells"].as_array().unwrap().iter().find(|cell| cell["step"] == "read-it");
        match made {
            Some(_) => Ok(once(&run, "plan")["published"]["plan_sha256"].as_str().unwrap().to_owned()),
            None => Err(format!("{run:#}\n{}", log(product, id, "plan"))),
        }
    })
}

fn let_on(product: &Product, id: u64) {
    let run = product.run(id);
    let words = id.to_string();
    product.json("grace", &["approve", &words, "--code", run["code"].as_str().unwrap(), "--reason", "read it"]);
}

#[test]
fn real_terraform_carries_out_the_very_plan_that_was_approved_and_once() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some((product, state)) = product(&fleet) else { return };
    let id = product.start("infra");
    let sha256 = planned(&product, id);
    let told = log(&product, id, "plan");
    assert!(told.contains(&format!("plan sha256:{sha256}")) && told.contains("1 to add"), "{told}");
    assert_eq!(told.matches(r#"v1 \"${x}\""#).count(), 1, "a value is a value, and shown once: {told}");
    assert!(!state.exists(), "nothing is changed before somebody let it on");
    let_on(&product, id);
    let run = product.until_phase(id, &["ended", "paused"]);
    let told = log(&product, id, "apply");
    assert_eq!(run["ending"], "succeeded", "{run:#}\n{told}");
    assert!(told.contains("1 added, 0 changed, 0 destroyed"), "{told}");
    assert!(fs::read_to_string(&state).unwrap().contains("v1 \\\"${x}\\\""));
    let whole = format!("{told}{}{}", log(&product, id, "plan"), serde_json::to_string(&run).unwrap());
    assert!(!whole.contains("wheelhouse-9137"), "{whole}");
    // Carried out, it is there no more.
    let kept = ["/dev/shm", "/tmp"].map(|room| PathBuf::from(room).join("quarterdeck-kept-0").join(&sha256));
    assert!(kept.iter().all(|file| !file.exists()));
    let again = product.start("infra");
    planned(&product, again);
    assert!(log(&product, again, "plan").contains("No changes"), "{}", log(&product, again, "plan"));
    product.verifies();
}

#[test]
fn real_a_plan_whose_world_changed_meanwhile_is_not_carried_out() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some((product, _)) = product(&fleet) else { return };
    let first = product.start("infra");
    planned(&product, first);
    // The hosts are this run's until it ends: what changes the world comes from outside.
    let other = product.at("other");
    fs::create_dir_all(&other).unwrap();
    fs::copy(product.at("site/files/infra/main.tf"), other.join("main.tf")).unwrap();
    let terraform = |words: &[&str]| {
        let said = std::process::Command::new("terraform").args(words).current_dir(&other).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    };
    terraform(&["init", "-input=false"]);
    terraform(&["apply", "-input=false", "-auto-approve", "-var=release=other", "-var=token=other"]);
    let_on(&product, first);
    let run = product.until_phase(first, &["paused"]);
    assert_eq!(once(&run, "apply")["state"], "failed", "{run:#}");
    assert!(log(&product, first, "apply").contains("stale"), "{}", log(&product, first, "apply"));
}

#[test]
fn real_a_plan_that_was_tampered_with_or_is_gone_is_not_carried_out() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    for gone in [false, true] {
        let Some((product, state)) = product(&fleet) else { return };
        let id = product.start("infra");
        let sha256 = planned(&product, id);
        let uid = rustix::process::getuid().as_raw();
        let file = PathBuf::from(format!("/dev/shm/quarterdeck-kept-{uid}")).join(&sha256);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        match gone {
            true => fs::remove_file(&file).unwrap(),
            false => fs::write(&file, "another plan").unwrap(),
        }
        let_on(&product, id);
        let run = product.until_phase(id, &["paused"]);
        assert_eq!(once(&run, "apply")["state"], "failed", "{run:#}");
        let told = log(&product, id, "apply");
        assert!(told.contains(if gone { "is gone" } else { "not the one that was approved" }), "{told}");
        assert!(!state.exists());
    }
}

#[test]
fn real_a_description_that_is_wrong_says_what_and_where() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some((product, _)) = product(&fleet) else { return };
    let main = product.at("site/files/infra/main.tf");
    let text = fs::read_to_string(&main).unwrap().replace("input            = var.release", "input = var.released");
    fs::write(&main, text).unwrap();
    let id = product.start("infra");
    let run = product.until_phase(id, &["paused"]);
    assert_eq!(once(&run, "plan")["state"], "failed", "{run:#}");
    let told = log(&product, id, "plan");
    assert!(told.contains("undeclared input variable") && told.contains("main.tf line"), "{told}");
}
