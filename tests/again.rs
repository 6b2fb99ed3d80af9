//! Runs that go back to an earlier one, over real OpenSSH servers and by the program's own verbs: the way back from a failure, and
//! the rest of a run whose server was killed; and steps that people, time and other programs than a shell do in between.

#![cfg(test)]

mod real;

use real::product::{Product, RUN, cell, runbook, state};
use real::{Fleet, until};

/// Two steps with an undo each; the second fails on one host. The hosts keep their own record of what ran.
const TWO: &str = r#"max_failures = 0

[[step]]
id = "first"
title = "First"
run = 'echo first >>"$HOME/did"'
effect = "once"
undo = 'echo un-first >>"$HOME/did"'

[[step]]
id = "second"
title = "Second"
run = 'echo second >>"$HOME/did"; [ "$host" != h02 ]'
effect = "once"
on_failure = "rollback"
undo = 'echo un-second >>"$HOME/did"'

[[verify]]
id = "v"
title = "v"
run = 'cat "$HOME/did"'
effect = "read"
"#;

fn approve_and_start(product: &Product, id: u64) {
    let words = id.to_string();
    let run = product.until_phase(id, &["waiting", "approved"]);
    if run["phase"] == "waiting" {
        let code = run["code"].as_str().unwrap();
        product.json("grace", &["approve", &words, "--code", code, "--reason", "read"]);
        product.until_phase(id, &["approved"]);
    }
    product.json("ada", &["start", &words]);
}

/// The log as an asciicast: a header of version 3, then events whose intervals never go back.
fn is_a_recording(product: &Product, id: u64) {
    let said = product.says(&["runs", "log", &id.to_string(), "--cast", "--as", "ada"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (head, events) = lines.split_first().unwrap();
    assert_eq!((&head["version"], head["term"]["cols"].is_u64()), (&serde_json::json!(3), true), "{head}");
    assert!(!events.is_empty());
    for event in events {
        let [seconds, kind, data] = event.as_array().unwrap().as_slice() else { panic!("{event}") };
        assert!(seconds.as_f64().unwrap() >= 0.0 && kind == "o", "{event}");
        assert!(data.as_str().unwrap().ends_with("\r\n"), "{event}");
    }
}

#[test]
fn real_a_failed_run_proposes_its_way_back_and_undoes_what_ran_where_it_ran() {
    let Some(fleet) = Fleet::plan(3).start() else { return };
    let rest = format!("parallel = 1\nbatches = [1, 1, 1]\n{TWO}");
    let product = Product::new(&fleet, &[("two", &runbook("two", &rest))]);
    let id = product.start("two");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!((run["ending"].as_str(), fleet.host(3).file("did").as_str()), (Some("failed"), ""));
    let back = id + 1;
    approve_and_start(&product, back);
    let run = product.until_phase(back, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    is_a_recording(&product, back);
    assert_eq!(fleet.host(1).file("did"), "first\nsecond\nun-second\nun-first\n");
    assert_eq!(fleet.host(2).file("did"), "first\nsecond\nun-second\nun-first\n");
    assert_eq!(fleet.host(3).file("did"), "", "nothing ran there, so nothing is undone");
    product.verifies();
}

#[test]
fn real_c2_a_run_whose_server_is_killed_between_batches_begins_none_by_itself_and_its_rest_is_resumed() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let rest = "batches = [1, 1]\npause_between = \"1h\"\n[[step]]\nid = \"once\"\ntitle = \"Once\"\n\
                run = 'echo did >>\"$HOME/did\"'\neffect = \"once\"\n\
                [[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";
    let product = Product::new(&fleet, &[("paced", &runbook("paced", rest))]);
    let id = product.start("paced");
    until("the first host to be through", RUN, || match state(&product.run(id), "h01", "step", "once").as_str() {
        "ok" => Ok(()),
        other => Err(other.to_owned()),
    });
    product.kill();
    let run = product.until_phase(id, &["ended"]);
    assert_eq!((run["ending"].as_str(), state(&run, "h02", "step", "once").as_str()), (Some("interrupted"), "waiting"));
    let resumed = product.json("ada", &["resume", &id.to_string(), "--reason", "the bastion came back"]);
    let rest = resumed["run"].as_u64().unwrap();
    approve_and_start(&product, rest);
    let run = product.until_phase(rest, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert_eq!((fleet.host(1).file("did"), fleet.host(2).file("did")), ("did\n".to_owned(), "did\n".to_owned()));
    product.verifies();
}

#[test]
fn real_a_file_that_was_copied_is_undone_to_what_the_host_had_before() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[]);
    let to = fleet.host(1).home.join("app.conf");
    std::fs::write(&to, "theirs\n").unwrap();
    std::fs::create_dir_all(product.at("site/files/web")).unwrap();
    std::fs::write(product.at("site/files/web/app.conf"), "listen 443\n").unwrap();
    let rest = format!(
        "[[step]]\nid = \"put\"\nkind = \"copy\"\nfile = \"files/web/app.conf\"\nto = \"{}\"\nmode = \"0600\"\n\
         effect = \"idempotent\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n",
        to.display()
    );
    std::fs::write(product.at("site/runbooks/put.toml"), runbook("put", &rest)).unwrap();
    let id = product.start("put");
    assert_eq!(product.until_phase(id, &["ended"])["ending"], "succeeded");
    assert_eq!(fleet.host(1).file("app.conf"), "listen 443\n");
    let words = id.to_string();
    let said = product.says(&["runs", "log", &words, "--as", "ada"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("is replaced; what was there is kept as"), "{said:?}");
    let back = product.json("ada", &["rollback", &words, "--reason", "wrong port"])["run"].as_u64().unwrap();
    approve_and_start(&product, back);
    assert_eq!(product.until_phase(back, &["ended"])["ending"], "succeeded");
    assert_eq!(fleet.host(1).file("app.conf"), "theirs\n");
    let names = std::fs::read_dir(&fleet.host(1).home).unwrap().map(|it| it.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains(".run-")), "nothing is left beside it");
    product.verifies();
}

#[test]
fn real_c2_a_run_whose_server_is_killed_is_resumed_and_repeats_nothing_that_is_done() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let rest = r#"max_failures = 0

[[step]]
id = "first"
title = "First"
run = 'echo first >>"$HOME/did"'
effect = "once"

[[step]]
id = "hangs"
title = "Hangs until it may go on"
run = 'echo hangs >>"$HOME/did"; until [ -e "$HOME/go" ]; do sleep 0.1; done'
effect = "once"

[[step]]
id = "last"
title = "Last"
run = 'echo last >>"$HOME/did"'
effect = "once"

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;
    let product = Product::new(&fleet, &[("three", &runbook("three", rest))]);
    let id = product.start("three");
    real::wait::until("both hosts hang", real::product::RUN, || {
        let hang = fleet.hosts().iter().all(|host| host.file("did") == "first\nhangs\n");
        if hang { Ok(()) } else { Err(String::new()) }
    });
    product.kill();
    let words = id.to_string();
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "interrupted");
    let told = product.tries("ada", &["resume", &words, "--reason", "the server was killed"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("h01:hangs") && told.contains("h02:hangs"), "{told}");
    let resumed = product.json(
        "ada",
        &[
            "resume",
            &words,
            "--reason",
            "looked on both",
            "--settle",
            "h01:hangs=done,it is waiting for nothing we need",
            "--settle",
            "h02:hangs=skip,not needed there",
        ],
    );
    let rest = resumed["run"].as_u64().unwrap();
    approve_and_start(&product, rest);
    let run = product.until_phase(rest, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    for host in fleet.hosts() {
        assert_eq!(host.file("did"), "first\nhangs\nlast\n", "nothing was done twice on {}", host.name);
    }
    assert_eq!(state(&run, "h01", "step", "first"), "ok");
    assert_eq!(cell(&run, "h01", "step", "first").unwrap()["attempt"], 0, "it stands, and was not tried");
    product.verifies();
}

#[test]
fn real_python_a_gate_and_a_wait_stand_in_one_run() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    if real::program("python3").is_none() {
        real::skipped("a script read by python3: there is no python3");
        return;
    }
    let rest = r#"max_failures = 0

[[step]]
id = "facts"
title = "Facts"
interpreter = "python3"
run = '''
import json, os
v = json.load(os.fdopen(3))
open(os.environ["HOME"] + "/did", "w").write(v["host"] + " " + v["step"])
'''
effect = "idempotent"

[[step]]
id = "look"
title = "Look at it"
kind = "approval"
text = "Is it fine?"
from = [{ role = "approver", n = 1 }]
effect = "once"

[[step]]
id = "settle"
title = "Let it settle"
kind = "wait"
for = "1s"
effect = "read"

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;
    let product = Product::new(&fleet, &[("mixed", &runbook("mixed", rest))]);
    let id = product.start("mixed");
    let words = id.to_string();
    let run = real::wait::until("the gate is open", real::product::RUN, || {
        let run = product.run(id);
        let open =
            run["cells"].as_array().unwrap().iter().any(|cell| cell["step"] == "look" && cell["state"] == "waiting");
        if open { Ok(run) } else { Err(format!("{run:#}")) }
    });
    assert_eq!(fleet.host(1).file("did"), "h01 facts");
    let code = run["code"].as_str().unwrap();
    let own = product.tries("ada", &["approve", &words, "--code", code, "--reason", "mine"]);
    assert_eq!(own.status.code(), Some(1), "{own:?}");
    product.json("grace", &["approve", &words, "--code", code, "--reason", "looked"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    product.verifies();
}

/// What `outer` runs between two steps of its own: it asks first, and looks afterwards.
const INNER: &str = r#"max_failures = 0

[inputs.say]
prompt = "What is said"
type = "string"
required = true

[[preflight]]
id = "room"
title = "There is room"
run = 'cat "$HOME/room"'
effect = "read"
expect = { equals = "yes" }

[[step]]
id = "put"
run = 'echo "$say by $step" >>"$HOME/did"'
effect = "once"
undo = 'echo "not $say" >>"$HOME/did"'
"#;

const OUTER: &str = r#"max_failures = 0

[[step]]
id = "begin"
run = 'echo begin >>"$HOME/did"; echo no >"$HOME/room"'
effect = "once"
undo = 'echo un-begin >>"$HOME/did"'

[[step]]
id = "inside"
kind = "runbook"
runbook = "inner@1.0.0"
with = { say = "it's $HOME" }
effect = "once"

[[step]]
id = "end"
run = 'cat "$HOME/did"'
effect = "read"
expect = { matches = "by inside/put" }

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;

#[test]
fn real_a_runbook_within_another_checks_runs_and_is_undone_in_its_place() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[("inner", &runbook("inner", INNER)), ("outer", &runbook("outer", OUTER))]);
    let id = product.start("outer");
    let run = product.until_phase(id, &["paused"]);
    assert_eq!(state(&run, "h01", "step", "inside/room"), "failed check.unexpected", "{run:#}");
    let words = id.to_string();
    let skip = product.tries("ada", &["decide", &words, "h01", "inside/room", "skip", "--reason", "never mind"]);
    assert_ne!(skip.status.code(), Some(0), "a check that blocks is not gone past: {skip:?}");
    std::fs::write(fleet.host(1).home.join("room"), "yes\n").unwrap();
    product.json("ada", &["decide", &words, "h01", "inside/room", "retry", "--reason", "made room"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert_eq!(fleet.host(1).file("did"), "begin\nit's $HOME by inside/put\n");
    let back = product.json("ada", &["rollback", &words, "--reason", "not wanted"])["run"].as_u64().unwrap();
    approve_and_start(&product, back);
    assert_eq!(product.until_phase(back, &["ended"])["ending"], "succeeded");
    assert_eq!(fleet.host(1).file("did"), "begin\nit's $HOME by inside/put\nnot it's $HOME\nun-begin\n");
    product.verifies();
}
