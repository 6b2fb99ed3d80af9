//! Traces of runs, as a collector gets them: with a real run on real hosts. Built with the feature `traces`, as `tests/run` does.

#![cfg(test)]
#![cfg(feature = "traces")]

mod real;

use real::process::{Daemon, new_mark};
use real::product::{PROGRAM, Product, RUN, runbook};
use real::receiver::Receiver;
use real::wait::SOON;
use real::{Fleet, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const STEPS: &str = r#"
[[step]]
id = "say"
title = "said-in-words"
run = 'echo printed-by-the-host; test "$QD_HOST" = h01 || exit 7'
effect = "idempotent"
on_failure = "stop"

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;

/// What no collector is told.
const WORDS: [&str; 3] = ["said-in-words", "printed-by-the-host", "asked-in-words"];

fn served(product: &Product, url: &str) -> Daemon {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(PROGRAM).env("HOME", product.at(".")).env_remove("SSH_AUTH_SOCK");
    for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
        command.arg(flag).arg(product.at(name));
    }
    command.args(["serve", "--traces", url]);
    let daemon = Daemon::spawn(command, &new_mark(), &product.at("serve.log"));
    until("the server", SOON, || match product.at("socket").exists() {
        true => Ok(()),
        false => Err(daemon.log()),
    });
    daemon
}

#[test]
fn real_a_run_is_told_as_one_trace_with_a_span_for_each_step_on_each_host() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let receiver = Receiver::start("200 OK");
    let product = Product::new(&fleet, &[("say", &runbook("say", STEPS))]);
    product.may_ask(std::slice::from_ref(&receiver.place));
    let _server = served(&product, &format!("http://{}/v1/traces", receiver.place));
    let proposed = product.json("ada", &["propose", "say", "--in", "lab", "--purpose", "fix", "--reason", WORDS[2]]);
    let id = proposed["run"].as_u64().unwrap();
    product.until_phase(id, &["approved"]);
    product.json("ada", &["start", &id.to_string()]);
    product.until_phase(id, &["ended"]);
    let came = until("the trace", RUN, || receiver.came().first().cloned().ok_or_else(|| "nothing came".to_owned()));
    assert_eq!(came.header("content-type"), "application/json");
    let text = String::from_utf8(came.body).unwrap();
    for word in WORDS {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let told: Value = serde_json::from_str(&text).unwrap();
    let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let of = |name: &str| spans.iter().filter(|span| span["name"] == name).collect::<Vec<_>>();
    let root = of("run say")[0];
    let attribute = |span: &Value, key: &str| {
        let all = span["attributes"].as_array().unwrap();
        let found = all.iter().find(|one| one["key"] == key);
        found.map(|one| one["value"]["stringValue"].as_str().or(one["value"]["intValue"].as_str()).unwrap().to_owned())
    };
    assert_eq!(attribute(root, "quarterdeck.run"), Some(id.to_string()));
    assert_eq!(
        (attribute(root, "quarterdeck.ending").as_deref(), &root["status"]["code"]),
        (Some("failed"), &2.into())
    );
    let nanos = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "each has its own");
    for span in spans {
        let hex = |key: &str, digits: usize| {
            let id = span[key].as_str().unwrap();
            assert!(id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}: {id}");
        };
        hex("traceId", 32);
        hex("spanId", 16);
        assert_eq!(span["traceId"], root["traceId"]);
        assert!(nanos(span, "startTimeUnixNano") <= nanos(span, "endTimeUnixNano"), "{span:#}");
        if span["name"] != "run say" {
            assert_eq!(span["parentSpanId"], root["spanId"]);
        }
    }
    let steps: BTreeSet<_> = of("say")
        .into_iter()
        .map(|span| {
            let [host, outcome] = ["host.name", "quarterdeck.outcome"].map(|key| attribute(span, key).unwrap());
            (host, outcome, attribute(span, "quarterdeck.reason"))
        })
        .collect();
    let expected = [("h01", "ok", None), ("h02", "failed", Some("exit"))];
    let expected = expected.map(|(host, outcome, why)| (host.to_owned(), outcome.to_owned(), why.map(str::to_owned)));
    assert_eq!(steps, BTreeSet::from(expected));
}

#[test]
fn real_a_collector_that_is_not_allowed_is_told_nothing_and_holds_up_no_run() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let receiver = Receiver::start("200 OK");
    let product = Product::new(&fleet, &[("say", &runbook("say", STEPS))]);
    let _server = served(&product, &format!("http://{}/v1/traces", receiver.place));
    let id = product.start("say");
    product.until_phase(id, &["ended"]);
    until("the log to say why", SOON, || {
        let logs = std::fs::read_dir(product.at("data/log")).unwrap();
        let said: String = logs.map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap()).collect();
        if said.contains("is not named under [egress] allow") { Ok(()) } else { Err(said) }
    });
    assert!(receiver.came().is_empty());
}
