//! Runbooks within runbooks: what stands where, what is bound, and what does not go together.

use super::lines;
use super::whole::{DRAFT, LAB, refused, sound, stands};
use crate::domain::RunbookId;
use crate::domain::runbook::{Effect, Impact, OnFailure, Runbook};
use crate::site::diagnostic::Code;
use std::sync::Arc;

const DRAIN: &str = r#"schema = 1
[runbook]
id = "drain"
title = "Drain"
kind = "maintenance"
version = "1.2.0"
status = "draft"
impact = "medium"
controls = ["SOC2:CC8.1"]
[scope]
excluded = ["the queue"]
exclude = "group:db"
[targets]
select = "group:lab"
[inputs.tries]
prompt = "Tries"
type = "int"
min = 1
[inputs.reason]
prompt = "Reason"
type = "string"
[secrets.token]
ref = "file:/secrets/token"
purpose = "Says so."
[[preflight]]
id = "up"
title = "It is up"
run = "state"
effect = "read"
expect = { equals = "up" }
[[step]]
id = "stop"
run = "drain $tries"
effect = "idempotent"
secrets = ["token"]
undo = "undrain"
[[verify]]
id = "down"
title = "It is drained"
run = "state"
effect = "read"
severity = "warn"
"#;

/// The small runbook with a step that runs another, before its own or after it.
fn outer(step: &str) -> String {
    format!(
        "{DRAFT}[[step]]\nid = \"drain\"\nkind = \"runbook\"\n{step}[[step]]\nid = \"bye\"\nrun = \"true\"\neffect = \"read\"\n"
    )
}

fn usual() -> String {
    outer("runbook = \"drain@1.2.0\"\nwith = { tries = 3 }\neffect = \"idempotent\"\n")
}

fn hello(changes: &[(&str, &str)]) -> Arc<Runbook> {
    let mut all = vec![("runbooks/drain.toml", DRAIN)];
    all.retain(|(path, _)| changes.iter().all(|(other, _)| other != path));
    Arc::clone(&sound(&[&all, changes].concat()).site.runbooks[&RunbookId::new("hello")])
}

fn ids(runbook: &Runbook) -> Vec<&str> {
    runbook.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn a_runbook_takes_the_place_of_the_step_that_names_it_with_its_checks_around_it() {
    let text = usual();
    let runbook = hello(&[("runbooks/hello.toml", &text)]);
    assert_eq!(ids(&runbook), ["say", "drain/up", "drain/stop", "drain/down", "bye"]);
    let [_, up, stop, down, _] = runbook.steps.as_slice() else { panic!() };
    assert!(up.expect.is_some() && up.required && up.on_failure == Some(OnFailure::Pause));
    assert!(down.effect == Effect::Read && !down.required, "somebody may answer for a warning");
    assert_eq!((stop.undo.as_deref(), stop.on_failure), (Some("undrain"), None));
    assert_eq!(stop.fixed.get("tries").map(String::as_str), Some("3"));
    let asked: Vec<&str> = runbook.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(asked, ["reason"], "what is fixed is not asked for");
    assert!(runbook.secrets.contains_key("token"));
    assert_eq!(runbook.impact, Impact::Medium, "the floor of both");
    assert_eq!(
        (runbook.controls.as_slice(), runbook.scope.excluded.as_slice()),
        (&["SOC2:CC8.1".to_owned()][..], &["the queue".to_owned()][..])
    );
    let [within] = runbook.within.as_slice() else { panic!() };
    assert_eq!((within.first, within.steps, within.select.as_str()), (1, 3, "group:lab"));
    assert_eq!(within.exclude.as_deref(), Some("group:db"));
    assert!(within.words().starts_with("drain: drain@1.2.0 ("), "{}", within.words());
}

#[test]
fn what_is_accepted_of_the_outer_one_covers_every_byte_of_the_inner_one() {
    let text = usual();
    let before = hello(&[("runbooks/hello.toml", &text)]);
    let edited = DRAIN.replace("drain $tries", "drain  $tries");
    let after = hello(&[("runbooks/hello.toml", &text), ("runbooks/drain.toml", &edited)]);
    assert_ne!(before.digest, after.digest);
    assert_ne!(before.within[0].digest, after.within[0].digest);
}

#[test]
fn runbooks_stand_in_each_other_with_their_steps_counted_right() {
    let middle = DRAIN.replace("id = \"drain\"", "id = \"middle\"").replace("[scope]", "links = [\"m\"]\n[scope]").replace(
        "[[verify]]",
        "[[step]]\nid = \"inner\"\nkind = \"runbook\"\nrunbook = \"drain@1.2.0\"\nwith = { tries = 9 }\neffect = \"once\"\n[[verify]]",
    );
    let text = outer("runbook = \"middle@1.2.0\"\nwith = { tries = 3 }\neffect = \"idempotent\"\n")
        + "[[step]]\nid = \"again\"\nkind = \"runbook\"\nrunbook = \"drain@1.2.0\"\neffect = \"once\"\n";
    let runbook = hello(&[("runbooks/hello.toml", &text), ("runbooks/middle.toml", &middle)]);
    let expected = [
        "say",
        "drain/up",
        "drain/stop",
        "drain/inner/up",
        "drain/inner/stop",
        "drain/inner/down",
        "drain/down",
        "bye",
        "again/up",
        "again/stop",
        "again/down",
    ];
    assert_eq!(ids(&runbook), expected);
    let places: Vec<(&str, u16, u16)> =
        runbook.within.iter().map(|it| (it.step.as_str(), it.first, it.steps)).collect();
    assert_eq!(places, [("drain", 1, 6), ("drain/inner", 3, 3), ("again", 8, 3)]);
    let fixed = |nth: usize| runbook.steps[nth].fixed.get("tries").cloned();
    assert_eq!(
        (fixed(2), fixed(4), fixed(9)),
        (Some("3".to_owned()), Some("9".to_owned()), None),
        "the innermost word holds"
    );
    assert!(runbook.inputs.iter().any(|input| input.name == "tries"), "the last one asks for it");
}

#[test]
fn templates_stay_around_what_stands_within() {
    let text = usual().replace("impact", "uses = [\"facts@1\"]\nimpact");
    let runbook = hello(&[("runbooks/hello.toml", &text)]);
    assert_eq!(ids(&runbook), ["facts/open", "say", "drain/up", "drain/stop", "drain/down", "bye", "facts/close"]);
    assert_eq!(runbook.within[0].first, 2);
}

#[test]
fn a_circle_of_runbooks_is_refused_with_the_whole_circle_said() {
    let ring = |from: &str, to: &str| {
        DRAFT
            .replace("id = \"hello\"", &format!("id = \"{from}\""))
            .replace("title = \"Hello\"", &format!("title = \"{from}\""))
            + &format!("[[step]]\nid = \"next\"\nkind = \"runbook\"\nrunbook = \"{to}@1\"\neffect = \"read\"\n")
    };
    let own = ring("hello", "hello");
    let found = refused(&[("runbooks/hello.toml", &own)]);
    stands(&found, Code::Rule, "runbooks/hello.toml", &own, "\"hello@1\"");
    assert!(lines(&found).contains("hello → hello"), "{}", lines(&found));
    let (hello, b, c) = (ring("hello", "b"), ring("b", "c"), ring("c", "b"));
    let found = refused(&[("runbooks/hello.toml", &hello), ("runbooks/b.toml", &b), ("runbooks/c.toml", &c)]);
    assert_eq!(found.len(), 1, "one circle is said once: {}", lines(&found));
    assert!(lines(&found).contains("b → c → b"), "{}", lines(&found));
}

#[test]
fn what_stands_too_deep_or_grows_too_long_is_refused() {
    let level = |nth: usize, calls: usize| {
        let mut text =
            DRAFT.replace("id = \"hello\"", &format!("id = \"l{nth}\"")).replace("\"Hello\"", &format!("\"L{nth}\""));
        for call in 0..calls {
            text += &format!(
                "[[step]]\nid = \"c{call}\"\nkind = \"runbook\"\nrunbook = \"l{}@1\"\neffect = \"read\"\n",
                nth + 1
            );
        }
        text
    };
    let files = |calls: usize, levels: usize| -> Vec<(String, String)> {
        (0..=levels)
            .map(|nth| (format!("runbooks/l{nth}.toml"), level(nth, if nth == levels { 0 } else { calls })))
            .collect()
    };
    for (calls, levels, said) in [(1, 5, "more than 4 deep"), (30, 3, "more than 500 steps")] {
        let files = files(calls, levels);
        let refs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let found = refused(&refs);
        assert!(lines(&found).contains(said), "{}", lines(&found));
    }
}

#[test]
fn what_does_not_go_together_is_refused_at_the_key_that_says_it() {
    let approved = |text: &str| text.replace("status = \"draft\"", "status = \"approved\"");
    let cases: &[(&str, &str, String, Code, &str)] = &[
        (
            "runbook = \"drain@1.2.0\"\n",
            "",
            usual().replace("drain@1.2.0", "drian@1.2.0"),
            Code::Undeclared,
            "\"drian@1.2.0\"",
        ),
        ("", "", usual().replace("drain@1.2.0", "drain@1.1.0"), Code::Rule, "\"drain@1.1.0\""),
        ("", "", usual().replace("drain@1.2.0", "drain"), Code::Value, "\"drain\"\nwith"),
        ("status = \"draft\"", "status = \"retired\"", usual(), Code::Rule, "\"drain@1.2.0\""),
        ("impact = \"medium\"", "impact = \"medium\"\nruns_as = \"owner\"", usual(), Code::Rule, "\"drain@1.2.0\""),
        ("", "", usual().replace("\"group:lab\"", "\"group:lab\"\nlock = \"shared\""), Code::Rule, "\"drain@1.2.0\""),
        (
            "",
            "",
            usual().replace("effect = \"idempotent\"", "effect = \"read\""),
            Code::Rule,
            "\"read\"\n[[step]]\nid = \"bye\"",
        ),
        ("", "", usual().replace("tries = 3", "trees = 3"), Code::Undeclared, "{ trees"),
        ("", "", usual().replace("tries = 3", "tries = 0"), Code::Value, "{ tries"),
        ("", "", usual().replace("tries = 3", "reason = \"{{ why }}\""), Code::Value, "{ reason"),
        (
            "type = \"string\"",
            "type = \"host\"",
            usual().replace("tries = 3", "reason = \"here\""),
            Code::Value,
            "{ reason",
        ),
        (
            "",
            "",
            usual().replace("kind = \"runbook\"", "kind = \"runbook\"\ndue = \"5m\""),
            Code::KeyMisplaced,
            "\"5m\"",
        ),
        ("", "", usual().replace("kind = \"runbook\"", "kind = \"runbook\"\nundo = \"x\""), Code::KeyMisplaced, "undo"),
        ("", "", usual() + "[inputs.reason]\nprompt = \"R\"\ntype = \"int\"\n", Code::Clash, "\"drain@1.2.0\""),
        ("", "", usual() + "[inputs.token]\nprompt = \"T\"\ntype = \"string\"\n", Code::Clash, "\"drain@1.2.0\""),
        ("", "", usual() + "[secrets.token]\nref = \"file:/other\"\npurpose = \"p\"\n", Code::Clash, "\"drain@1.2.0\""),
    ];
    for (from, to, text, code, token) in cases {
        let drain = DRAIN.replace(from, to);
        let found = refused(&[("runbooks/hello.toml", text), ("runbooks/drain.toml", &drain)]);
        stands(&found, *code, "runbooks/hello.toml", text, token);
    }
    let text = approved(&usual());
    let found = refused(&[("runbooks/hello.toml", &text), ("runbooks/drain.toml", DRAIN)]);
    assert!(lines(&found).contains("approved"), "{}", lines(&found));
}

#[test]
fn a_broken_inner_runbook_is_reported_in_its_own_file_alone() {
    let broken = DRAIN.replace("title = \"Drain\"\n", "");
    let text = usual();
    let found = refused(&[("runbooks/hello.toml", &text), ("runbooks/drain.toml", &broken)]);
    assert!(found.iter().all(|it| it.file == "runbooks/drain.toml"), "{}", lines(&found));
}

#[test]
fn an_inner_duty_nobody_declares_is_seen_from_the_outer_runbook() {
    let lab = LAB.replace("duties = [\"comms\"]\n", "");
    let inner = DRAIN.replace(
        "[[verify]]",
        "[[step]]\nid = \"tell\"\nkind = \"manual\"\ntext = \"Tell.\"\nrole = \"comms\"\neffect = \"once\"\n[[verify]]",
    );
    let text = usual().replace("effect = \"idempotent\"", "effect = \"once\"");
    let loaded =
        sound(&[("workspaces/lab.toml", &lab), ("runbooks/hello.toml", &text), ("runbooks/drain.toml", &inner)]);
    let of_outer: Vec<String> =
        loaded.warnings.iter().filter(|it| it.file == "runbooks/hello.toml").map(ToString::to_string).collect();
    assert!(of_outer.iter().any(|it| it.contains("`comms`")), "{of_outer:?}");
}

#[test]
fn a_step_is_called_as_no_item_of_a_template_is() {
    let text = usual()
        .replace("impact", "uses = [\"facts@1\"]\nimpact")
        .replace("id = \"drain\"\nkind", "id = \"facts\"\nkind");
    let inner = DRAIN.replace("id = \"stop\"", "id = \"open\"");
    let found = refused(&[("runbooks/hello.toml", &text), ("runbooks/drain.toml", &inner)]);
    stands(&found, Code::Clash, "runbooks/hello.toml", &text, "\"drain@1.2.0\"");
    assert!(lines(&found).contains("`facts/open`"), "{}", lines(&found));
}

/// Followed to its end, a chain as long as this took the stack with it.
#[test]
fn a_chain_of_thousands_is_refused_and_not_followed() {
    let level = |nth: usize| {
        let own =
            DRAFT.replace("id = \"hello\"", &format!("id = \"l{nth}\"")).replace("\"Hello\"", &format!("\"L{nth}\""));
        format!("{own}[[step]]\nid = \"next\"\nkind = \"runbook\"\nrunbook = \"l{}@1\"\neffect = \"read\"\n", nth + 1)
    };
    let last = DRAFT.replace("id = \"hello\"", "id = \"l3000\"").replace("\"Hello\"", "\"L3000\"");
    let mut files: Vec<(String, String)> =
        (0..3_000).map(|nth| (format!("runbooks/l{nth}.toml"), level(nth))).collect();
    files.push(("runbooks/l3000.toml".to_owned(), last));
    let refs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = refused(&refs);
    assert!(lines(&found).contains("more than 4 deep"), "{} problems", found.len());
}
