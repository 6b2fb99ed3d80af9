//! Steps that ask other systems, through the whole product: a real Prometheus, asked by requests, queries and waits.

#![cfg(test)]

mod real;

use real::product::{Product, RUN, runbook};
use real::prometheus::Prometheus;
use real::{Fleet, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;

fn once<'a>(run: &'a Value, step: &str) -> &'a Value {
    let cells = run["cells"].as_array().unwrap();
    cells.iter().find(|cell| cell["step"] == step && cell["host"].is_null()).unwrap_or_else(|| panic!("{run:#}"))
}

fn step(id: &str, rest: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\ntitle = \"{id}\"\neffect = \"read\"\n{rest}\n\n")
}

const VERIFY: &str = "[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

#[test]
fn real_prometheus_is_asked_by_a_request_a_query_and_a_wait_until_it_knows() {
    let (Some(prometheus), Some(fleet)) = (Prometheus::start(), Fleet::plan(1).start()) else { return };
    let url = format!("http://{}", prometheus.place);
    let rest = [
        step("healthy", &format!("kind = \"http\"\nurl = \"{url}/-/healthy\"\nexpect = {{ matches = \"Healthy\" }}")),
        step(
            "scraped",
            &format!(
                "kind = \"wait\"\nuntil = {{ url = \"{url}\", query = 'up{{job=\"own\"}}', expect = {{ number = \"== 1\" }} }}\n\
                 every = \"1s\"\nat_most = \"1m\""
            ),
        ),
        step(
            "few",
            &format!("kind = \"promql\"\nurl = \"{url}\"\nquery = 'vector(0.001)'\nexpect = {{ number = \"< 0.01\" }}"),
        ),
        VERIFY.to_owned(),
    ];
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest.concat()))]);
    product.may_ask(std::slice::from_ref(&prometheus.place));
    let id = product.start("ask");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert_eq!((once(&run, "scraped")["saw"].as_str(), once(&run, "few")["saw"].as_str()), (Some("1"), Some("0.001")));
    let log = product.says(&["runs", "log", &id.to_string(), "--step", "healthy", "--as", "ada"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(log.contains(&format!("GET {url}/-/healthy")) && log.contains("Healthy"), "{log}");
    product.verifies();
}

#[test]
fn real_an_answer_that_is_withheld_stands_nowhere_whether_it_is_as_expected_or_not() {
    let (Some(prometheus), Some(fleet)) = (Prometheus::start(), Fleet::plan(1).start()) else { return };
    let url = format!("http://{}/-/healthy", prometheus.place);
    let ask = |id: &str, expected: &str| {
        let words = "kind = \"http\"\noutput = \"withhold\"\non_failure = \"continue\"";
        step(id, &format!("{words}\nurl = \"{url}\"\nexpect = {{ matches = \"{expected}\" }}"))
    };
    let rest = [ask("well", "Health"), ask("badly", "Odd"), VERIFY.to_owned()].concat();
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest))]);
    product.may_ask(std::slice::from_ref(&prometheus.place));
    let id = product.start("ask");
    let run = product.until_phase(id, &["ended"]);
    for (cell, state) in [("well", "ok"), ("badly", "failed")] {
        let cell = once(&run, cell);
        assert_eq!(cell["state"], state, "{run:#}");
        let saw = cell["saw"].as_str().unwrap();
        assert!(saw.starts_with("answered 200; what it printed is withheld"), "{saw}");
    }
    let log = String::from_utf8(product.says(&["runs", "log", &id.to_string(), "--as", "ada"]).stdout).unwrap();
    assert!(log.contains("bytes of standard output") && !log.contains("Healthy"), "{log}");
    product.verifies();
}

#[test]
fn real_an_answer_that_is_not_as_expected_asks_somebody_and_a_wrong_query_says_what_is_wrong() {
    let (Some(prometheus), Some(fleet)) = (Prometheus::start(), Fleet::plan(1).start()) else { return };
    let url = format!("http://{}", prometheus.place);
    for (id, query, wanted) in [
        ("much", "vector(2)", "expected < 1, found 2"),
        ("none", "no_such_series", "no series answers the query"),
        ("wrong", "sum(", "it says: "),
    ] {
        let rest = step(
            id,
            &format!("kind = \"promql\"\nurl = \"{url}\"\nquery = '{query}'\nexpect = {{ number = \"< 1\" }}"),
        );
        let product = Product::new(&fleet, &[(id, &runbook(id, &format!("{rest}{VERIFY}")))]);
        product.may_ask(std::slice::from_ref(&prometheus.place));
        let number = product.start(id);
        let run = product.until_phase(number, &["paused"]);
        let cell = once(&run, id);
        assert_eq!(
            (cell["state"].as_str(), cell["reason"].as_str()),
            (Some("failed"), Some("check.unexpected")),
            "{cell}"
        );
        assert!(cell["saw"].as_str().unwrap().contains(wanted), "{cell}");
    }
}

#[test]
fn real_z50_a_place_the_site_does_not_name_is_refused_before_anything_is_asked() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let rest = format!("{}{VERIFY}", step("ask", "kind = \"http\"\nurl = \"http://127.0.0.1:9/\""));
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest))]);
    let told = product.tries("ada", &["propose", "ask", "--in", "lab", "--purpose", "fix"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["refused"]["code"], "egress", "{told}");
}

#[test]
fn real_a_place_where_nobody_listens_is_certain_not_to_have_been_asked() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let place = format!("127.0.0.1:{}", real::sshd::free_port());
    let rest = format!("{}{VERIFY}", step("ask", &format!("kind = \"http\"\nurl = \"http://{place}/\"")));
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest))]);
    product.may_ask(&[place]);
    let id = product.start("ask");
    let run = until("somebody is asked", RUN, || {
        let run = product.run(id);
        if run["phase"] == "paused" { Ok(run) } else { Err(format!("{run:#}")) }
    });
    assert_eq!(once(&run, "ask")["state"], "refused", "{run:#}");
}

/// Answers one request after the other with these, and says what was asked: request line and headers.
fn answering(answers: &[(&str, &str)]) -> (String, mpsc::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let answers: Vec<String> = answers
        .iter()
        .map(|(status, body)| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        })
        .collect();
    let (say, said) = mpsc::sync_channel(answers.len());
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            say.send(lines.take_while(|line| !line.is_empty()).collect()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (place, said)
}

/// Loki cannot be had here: what it documents of its HTTP API (v1, `/loki/api/v1/query`) answers in its place.
#[test]
fn real_a_query_to_loki_is_asked_for_its_tenant_and_says_what_loki_says_is_wrong() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let counted = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1588889221,"3"]}],"stats":{}}}"#;
    let wrong = "parse error at line 1, col 5: syntax error: unexpected IDENTIFIER\n";
    let (place, asked) = answering(&[("200 OK", counted), ("400 Bad Request", wrong)]);
    let input = "[inputs.release]\nprompt = \"Release\"\ntype = \"string\"\ndefault = 'v\"1'\n\n";
    let ask = |id: &str| {
        let query = r#"sum(count_over_time({app="web", release="{{ release }}"}[5m]))"#;
        let rest = format!(
            "kind = \"logql\"\nurl = \"http://{place}\"\nquery = '{query}'\nheaders = {{ X-Scope-OrgID = \"ops\" }}\n\
             expect = {{ number = \"< 10\" }}"
        );
        step(id, &rest)
    };
    let rest = format!("{input}{}{}{VERIFY}", ask("few"), ask("again"));
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest))]);
    product.may_ask(std::slice::from_ref(&place));
    let run = product.until_phase(product.start("ask"), &["paused"]);
    assert_eq!((once(&run, "few")["state"].as_str(), once(&run, "few")["saw"].as_str()), (Some("ok"), Some("3")));
    let again = once(&run, "again");
    assert_eq!(again["state"], "failed", "{again}");
    assert!(again["saw"].as_str().unwrap().starts_with("the answer is: parse error at line 1"), "{again}");
    let heard = asked.recv().unwrap();
    let line = "GET /loki/api/v1/query?query=sum%28count_over_time%28%7Bapp%3D%22web%22%2C%20release%3D%22v%5C%221%22%7D%5B5m%5D%29%29 HTTP/1.1";
    assert_eq!(heard.first().map(String::as_str), Some(line));
    assert!(heard.iter().any(|header| header.eq_ignore_ascii_case("x-scope-orgid: ops")), "{heard:?}");
    product.verifies();
}

#[test]
fn real_an_answer_and_a_script_publish_values_for_what_comes_behind_them() {
    let (Some(prometheus), Some(fleet)) = (Prometheus::start(), Fleet::plan(2).start()) else { return };
    let url = format!("http://{}", prometheus.place);
    let info = "kind = \"http\"\noutputs = { version = { json = \"data.version\" } }";
    let rest = [
        step("info", &format!("{info}\nurl = \"{url}/api/v1/status/buildinfo\"")),
        step("mine", "run = 'echo \"made by $host\"'\noutputs = { maker = { matches = \"by (.*)\" } }"),
        step("again", &format!("kind = \"http\"\nurl = \"{url}/-/healthy?of={{{{ version }}}}\"")),
        step("use", "run = 'echo \"$version $maker\" >\"$HOME/used\"'"),
        VERIFY.replace("'true'", "'[ \"$(cat \"$HOME/used\")\" = \"$version $host\" ]'"),
    ];
    let product = Product::new(&fleet, &[("ask", &runbook("ask", &rest.concat()))]);
    product.may_ask(std::slice::from_ref(&prometheus.place));
    let id = product.start("ask");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    let version = once(&run, "info")["published"]["version"].as_str().unwrap().to_owned();
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    for host in fleet.hosts() {
        assert_eq!(host.file("used"), format!("{version} {}\n", host.name), "of its own host alone");
    }
    let log = product.says(&["runs", "log", &id.to_string(), "--step", "again", "--as", "ada"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(log.contains(&format!("healthy?of={}", version.replace('+', "%2B"))), "{log}");
    product.kill();
    let again = product.run(id);
    assert_eq!(once(&again, "info")["published"]["version"], version.as_str(), "it stands in the record");
    product.verifies();
}
