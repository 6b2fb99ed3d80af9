//! Steps that ask systems of a kind of their own, as files say them.

use super::whole::{DRAFT, refused, sound, stands};
use crate::site::diagnostic::Code;

const SECRETS: &str = "[secrets.token]\nref = \"file:/s/token\"\npurpose = \"p\"\n";

fn step(id: &str, rest: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\n{rest}\neffect = \"once\"\n")
}

fn argo(rest: &str) -> String {
    format!("kind = \"argocd\"\nurl = \"https://argocd.example\"\napplication = \"web\"\ntoken = \"token\"\n{rest}")
}

#[test]
fn an_application_is_taken_back_behind_what_brought_it_there() {
    let steps = [
        step("up", &argo("do = \"sync\"")),
        step("said", "kind = \"manual\"\ntext = \"{{ up_revision }} replaced {{ up_replaced }}.\""),
        step("down", &argo("do = \"rollback\"\nof = \"up\"")),
        step(
            "tell",
            "kind = \"notify\"\nurl = \"https://chat.example\"\naddress = \"token\"\ntext = \"run {{ run }}\"",
        ),
        step("flow", "kind = \"n8n\"\nurl = \"https://n8n.example/webhook/x\""),
    ];
    let text = format!("{DRAFT}{SECRETS}{}", steps.concat());
    let loaded = sound(&[("runbooks/hello.toml", &text)]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn what_does_not_go_together_is_said_where_it_stands() {
    let up = step("up", &argo("do = \"sync\""));
    for (steps, code, token) in [
        (step("x", &argo("do = \"plan\"")), Code::Value, "\"plan\""),
        (step("x", &argo("do = \"sync\"\nof = \"up\"")), Code::KeyMisplaced, "\"up\""),
        (step("x", &argo("do = \"rollback\"")), Code::Rule, "[[step]]\nid = \"x\""),
        (step("x", &argo("do = \"rollback\"\nof = \"up\"")), Code::Undeclared, "\"up\""),
        (
            format!("{up}{}", step("x", &argo("do = \"rollback\"\nof = \"up\"").replace("\"web\"", "\"other\""))),
            Code::Undeclared,
            "\"up\"\neffect",
        ),
        (step("x", &argo("do = \"sync\"\nrevision = \"{{ nobody }}\"")), Code::Undeclared, "nobody }}"),
        (
            step("x", "kind = \"notify\"\nurl = \"https://c.example\"\naddress = \"nobody\"\ntext = \"t\""),
            Code::Undeclared,
            "\"nobody\"",
        ),
        (
            step("x", "kind = \"notify\"\nurl = \"https://c.example\"\naddress = \"token\"\ntext = \"{{ nobody }}\""),
            Code::Undeclared,
            "nobody }}",
        ),
        (
            step("x", "kind = \"n8n\"\nurl = \"https://{{ run }}.example/webhook\""),
            Code::Value,
            "\"https://{{ run }}.example/webhook\"",
        ),
        (
            step("x", "kind = \"wait\"\nuntil = { url = \"http://l.example\", of = \"loki\" }").replace("once", "read"),
            Code::KeyMisplaced,
            "\"loki\"",
        ),
    ] {
        let text = format!("{DRAFT}{SECRETS}{steps}");
        let found = refused(&[("runbooks/hello.toml", &text)]);
        stands(&found, code, "runbooks/hello.toml", &text, token);
    }
}
