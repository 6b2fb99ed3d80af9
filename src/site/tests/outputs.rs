//! Values that steps publish, as files say it: what is found how, and who may name it.

use super::lines;
use super::whole::{DRAFT, refused, sound, stands};
use crate::site::diagnostic::Code;

fn with(steps: &str) -> String {
    format!("{DRAFT}{steps}")
}

const ASKS: &str = "[[step]]\nid = \"asks\"\nkind = \"http\"\nurl = \"http://api.example/x\"\noutputs = { made = { json = \"a\" } }\neffect = \"read\"\n";
const SITE: &str = "schema = 1\n[site]\nname = \"acme\"\n[egress]\nallow = [\"api.example:80\"]\n";

fn tells(text: &str) -> String {
    format!("[[step]]\nid = \"tells\"\nkind = \"manual\"\ntext = \"{text}\"\neffect = \"once\"\n")
}

#[test]
fn a_value_published_once_may_be_named_by_every_step_behind_it() {
    let text = with(&format!("{ASKS}{}", tells("See {{ made }}.")));
    sound(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &text)]);
}

#[test]
fn a_name_that_is_not_known_yet_or_only_on_a_host_is_refused_where_it_stands() {
    for steps in [
        format!("{}{ASKS}", tells("See {{ made }}.")),
        format!(
            "[[step]]\nid = \"s\"\nrun = \"true\"\neffect = \"read\"\noutputs = {{ made = {{ whole = true }} }}\n{}",
            tells("See {{ made }}.")
        ),
    ] {
        let text = with(&steps);
        let found = refused(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &text)]);
        stands(&found, Code::Undeclared, "runbooks/hello.toml", &text, "made }}.");
    }
}

#[test]
fn a_published_value_stands_in_a_query_in_quotes_alone() {
    let query = |query: &str| {
        with(&format!(
            "{ASKS}[[step]]\nid = \"q\"\nkind = \"promql\"\nurl = \"http://api.example\"\nquery = '{query}'\nexpect = {{ number = \"> 0\" }}\neffect = \"read\"\n"
        ))
    };
    sound(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &query("up{v=\"{{ made }}\"}"))]);
    let text = query("up > {{ made }}");
    let found = refused(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &text)]);
    assert!(lines(&found).contains("could change what this query asks"), "{}", lines(&found));
}

#[test]
fn a_value_is_found_in_one_way_and_takes_no_other_name() {
    let step = |outputs: &str, more: &str| {
        with(&format!("[[step]]\nid = \"s\"\nrun = \"true\"\neffect = \"read\"\noutputs = {outputs}\n{more}"))
    };
    for (text, code, token) in [
        (step("{ made = {} }", ""), Code::Rule, "{} }"),
        (step("{ made = { whole = false } }", ""), Code::Rule, "{ whole"),
        (step("{ made = { whole = true, json = \"a\" } }", ""), Code::Rule, "{ whole"),
        (step("{ made = { matches = \"(\" } }", ""), Code::Value, "\"(\""),
        (step("{ host = { whole = true } }", ""), Code::Value, "host = {"),
        (step("{ PATH = { whole = true } }", ""), Code::Value, "PATH"),
        (step("{ made = { whole = true } }", "output = \"withhold\"\n"), Code::Rule, "{ made = { whole"),
        (
            step("{ made = { whole = true } }", "[inputs.made]\nprompt = \"M\"\ntype = \"int\"\n"),
            Code::Clash,
            "made = { whole",
        ),
    ] {
        let found = refused(&[("runbooks/hello.toml", &text)]);
        stands(&found, code, "runbooks/hello.toml", &text, token);
    }
}
