//! Plans of infrastructure, as files say it: what is carried out was made before, and somebody read it.

use super::whole::{DRAFT, refused, sound, stands};
use crate::site::diagnostic::Code;

const PLAN: &str =
    "[[step]]\nid = \"the-plan\"\nkind = \"terraform\"\ndo = \"plan\"\nfolder = \"files/infra\"\neffect = \"read\"\n";
const GATE: &str = "[[step]]\nid = \"gate\"\nkind = \"approval\"\ntext = \"{{ the_plan_sha256 }}?\"\nfrom = [{ role = \"approver\", n = 1 }]\neffect = \"once\"\n";
const APPLY: &str = "[[step]]\nid = \"apply\"\nkind = \"terraform\"\ndo = \"apply\"\nfolder = \"files/infra\"\nplan = \"the-plan\"\neffect = \"once\"\n";
const MAIN: (&str, &str) = ("files/infra/main.tf", "terraform {}\n");

#[test]
fn a_plan_that_somebody_let_on_is_carried_out() {
    let text = format!("{DRAFT}{PLAN}{GATE}{APPLY}");
    sound(&[MAIN, ("runbooks/hello.toml", &text)]);
}

#[test]
fn a_plan_nobody_made_or_read_is_refused_where_it_is_named() {
    let input = "[inputs.the_plan_sha256]\nprompt = \"P\"\ntype = \"string\"\n";
    let other = "[[step]]\nid = \"says\"\nrun = \"true\"\neffect = \"read\"\noutputs = { the_plan_sha256 = { whole = true } }\n";
    let elsewhere = APPLY.replace("files/infra", "files/other");
    for (steps, code, token) in [
        (format!("{PLAN}{APPLY}"), Code::Approved, "\"the-plan\"\neffect = \"once\""),
        (
            format!("{GATE}{PLAN}{APPLY}").replace("{{ the_plan_sha256 }}", "Go"),
            Code::Approved,
            "\"the-plan\"\neffect = \"once\"",
        ),
        (format!("{APPLY}{PLAN}{GATE}"), Code::Undeclared, "\"the-plan\"\neffect = \"once\""),
        (format!("{PLAN}{GATE}{elsewhere}"), Code::Rule, "\"files/other\""),
        (
            format!("{PLAN}{GATE}{}", APPLY.replace("plan = \"the-plan\"\n", "")),
            Code::KeyMissing,
            "[[step]]\nid = \"apply\"",
        ),
        (
            format!("{}{GATE}{APPLY}", PLAN.replace("effect", "output = \"withhold\"\neffect")),
            Code::KeyMisplaced,
            "\"withhold\"",
        ),
        (format!("{PLAN}{GATE}{APPLY}{input}"), Code::Clash, "\"the-plan\"\nkind"),
        (format!("{other}{PLAN}{GATE}{APPLY}"), Code::Clash, "\"the-plan\"\nkind"),
    ] {
        let text = format!("{DRAFT}{steps}");
        let found = refused(&[MAIN, ("files/other/main.tf", "terraform {}\n"), ("runbooks/hello.toml", &text)]);
        stands(&found, code, "runbooks/hello.toml", &text, token);
    }
}
