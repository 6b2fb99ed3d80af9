//! Governed runs over real OpenSSH servers, driven by the program's own verbs: a fleet with odd hosts, and scripts that
//! commands try to swallow.

#![cfg(test)]

mod real;

use std::collections::BTreeMap;

use real::product::{Product, cell, runbook, state};
use real::{Fleet, Oddity, Traffic};
use serde_json::Value;

/// The hosts that are not like the others, and what becomes of each, in `runs show`'s words.
const ODD: [(usize, Oddity, &str); 4] = [
    (3, Oddity::WrongHostKey, "refused hostkey.mismatch"),
    (8, Oddity::Refusing, "refused connect.refused"),
    (12, Oddity::Hanging, "refused connect.timeout"),
    (17, Oddity::MissingShell, "refused login.refused"),
];

/// Two batches; each host leaves a file, and verification reads it back.
const WRITE: &str = r#"batches = [10, "100%"]
parallel = 10
max_failures = 4

[limits]
connect = "3s"

[[preflight]]
id = "home"
title = "The home directory can be written"
run = '[ -w "$HOME" ] && [ ! -e "$HOME/changed" ]'
effect = "read"
severity = "block"

[[step]]
id = "write"
title = "Write the file"
run = 'echo "$QD_HOST $host run $run" >>"$HOME/changed"'
effect = "once"

[[verify]]
id = "reads-back"
title = "The file says so"
run = 'cat "$HOME/changed"; [ "$(cat "$HOME/changed")" = "$QD_HOST $host run $run" ]'
effect = "read"
"#;

fn moment(run: &Value, host: &str, kind: &str, step: &str, key: &str) -> String {
    cell(run, host, kind, step).unwrap_or_else(|| panic!("{host} {step}"))[key].as_str().unwrap().to_owned()
}

#[test]
fn real_fleet_of_twenty_with_four_odd_hosts_ends_with_a_reason_for_each() {
    let plan = ODD.iter().fold(Fleet::plan(20), |plan, (number, oddity, _)| plan.odd(*number, *oddity));
    let Some(fleet) = plan.start() else { return };
    let product = Product::new(&fleet, &[("write", &runbook("write", WRITE))]);
    let id = product.propose("write");
    let words = id.to_string();

    // Four hosts that cannot be reached are a warning, for this runbook tolerates four; somebody else answers for it.
    let run = product.until_phase(id, &["waiting"]);
    let warnings: Vec<&str> =
        run["warnings"].as_array().unwrap().iter().map(|warning| warning["id"].as_str().unwrap()).collect();
    let [warning] = warnings[..] else { panic!("{warnings:?}") };
    let text = run["warnings"][0]["text"].as_str().unwrap();
    for (number, ..) in ODD {
        assert!(text.contains(&fleet.host(number).name), "{text}");
    }
    let own = product.tries("ada", &["accept", &words, warning, "--reason", "mine"]);
    assert_eq!(own.status.code(), Some(1), "{own:?}");
    let code = run["code"].as_str().unwrap();
    product.json("grace", &["approve", &words, "--code", code, "--reason", "hosts and command read"]);
    let early = product.tries("ada", &["start", &words]);
    assert_eq!(early.status.code(), Some(1), "the warning is open: {early:?}");
    product.json("grace", &["accept", &words, warning, "--reason", "the four are down, and known to be"]);
    product.until_phase(id, &["approved"]);
    product.json("ada", &["start", &words]);
    let run = product.until_phase(id, &["ended"]);

    // Each odd host has its own reason at the check, and no step; nothing was changed, nothing executed there.
    for (number, oddity, wanted) in ODD {
        let host = fleet.host(number);
        assert_eq!(state(&run, &host.name, "reach", "reach"), wanted, "{host:?}");
        assert_eq!(state(&run, &host.name, "step", "write"), "waiting", "{host:?}");
        assert_eq!(state(&run, &host.name, "verify", "reads-back"), "waiting", "{host:?}");
        assert_eq!(host.file("changed"), "");
        let traffic = fleet.traffic(host);
        assert_eq!((traffic.accepted, traffic.sessions), (0, 0), "{host:?}");
        let heard = matches!(oddity, Oddity::WrongHostKey | Oddity::MissingShell);
        assert_eq!(traffic.connections > 0, heard, "{host:?}: {traffic:?}");
    }
    // Sixteen changed, once each, and verification read it back from them.
    let good: Vec<_> = fleet.hosts().iter().filter(|host| host.oddity.is_none()).collect();
    assert_eq!(good.len(), 16);
    for host in &good {
        let name = &host.name;
        for (kind, step) in [("reach", "reach"), ("preflight", "home"), ("step", "write"), ("verify", "reads-back")] {
            assert_eq!(state(&run, name, kind, step), "ok", "{name} {step}");
        }
        assert_eq!(host.file("changed"), format!("{name} {name} run {id}\n"));
        let logged = product.says(&["runs", "log", &words, "--host", name, "--step", "reads-back", "--as", "ada"]);
        let logged = String::from_utf8(logged.stdout).unwrap();
        assert!(logged.contains(&format!("{name} {name} run {id}")), "{logged}");
        // The servers write their log on their own time.
        real::until("its sessions to be in the log", real::product::RUN, || match fleet.traffic(host) {
            Traffic { accepted: 1.., sessions: 4.., .. } => Ok(()),
            other => Err(format!("{host:?}: {other:?}")),
        });
    }
    // Nobody of the second batch began before the last of the first had ended.
    let first_batch = |host: &str| host[1..].parse::<usize>().unwrap() <= 10;
    let (first, second): (Vec<_>, Vec<_>) =
        good.iter().map(|host| host.name.as_str()).partition(|name| first_batch(name));
    let last_end = first.iter().map(|host| moment(&run, host, "step", "write", "since")).max().unwrap();
    let first_begin = second.iter().map(|host| moment(&run, host, "step", "write", "began")).min().unwrap();
    assert!(last_end <= first_begin, "{last_end} {first_begin}");
    // Four hosts were left behind: that is no success.
    assert_eq!(run["ending"], "failed");

    product.json("ada", &["close", &words, "--note", "sixteen of twenty; the others are known to be down"]);
    product.json("lea", &["review", &words, "--comment", "seen"]);
    product.verifies();
}

#[test]
fn real_fleet_one_failed_host_more_than_tolerated_blocks_the_run() {
    let Some(fleet) = Fleet::plan(3).odd(1, Oddity::Refusing).odd(3, Oddity::WrongHostKey).start() else {
        return;
    };
    let rest = WRITE.replace("max_failures = 4", "max_failures = 1");
    let product = Product::new(&fleet, &[("write", &runbook("write", &rest))]);
    let id = product.propose("write");
    let run = product.until_phase(id, &["cancelled"]);
    assert_eq!(run["phase_because"], "void: preflight.block", "{run:#}");
    // Before approval a host is only reached, and nothing of the runbook runs there.
    assert_eq!(state(&run, "h02", "reach", "reach"), "ok");
    assert_eq!(fleet.host(2).file("changed"), "");
    assert_eq!(fleet.traffic(fleet.host(3)).sessions, 0);
    product.verifies();
}

/// 64 KiB of script of which every line counts one up.
fn script(head: &str) -> String {
    let line = "n=$((n + 1)) # a line that a greedy cat would swallow\n";
    let lines = 64 * 1024 / line.len() + 1;
    format!("set -e\nn=0\n{head}\n{}echo \"$n\" >\"$HOME/$step\"\n", line.repeat(lines))
}

#[test]
fn real_steps_whose_commands_read_their_input_lose_nothing_of_64_kib_of_script() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let steps: BTreeMap<String, (&str, String)> = ["sh", "bash"]
        .iter()
        .flat_map(|shell| {
            [("false", "cat; false"), ("true", "cat; true"), ("last", "cat; false || :")]
                .map(|(name, head)| (format!("{shell}-{name}"), (*shell, script(head))))
        })
        .collect();
    let book = |id: &str, (shell, script): &(&str, String)| {
        let rest = format!(
            "max_failures = 0\n[[step]]\nid = \"{id}\"\ntitle = \"{id}\"\ninterpreter = \"{shell}\"\nrun = '''\n{script}'''\n\
             effect = \"once\"\non_failure = \"stop\"\n\n[[step]]\nid = \"{id}-next\"\ntitle = \"{id}-next\"\n\
             run = 'echo next >\"$HOME/$step\"'\neffect = \"once\"\n\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\n\
             effect = \"read\"\n"
        );
        runbook(id, &rest)
    };
    let books: Vec<(String, String)> = steps.iter().map(|(id, step)| (id.clone(), book(id, step))).collect();
    let books: Vec<(&str, &str)> = books.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    let product = Product::new(&fleet, &books);
    for (id, (_, script)) in &steps {
        assert!(script.len() > 64 * 1024);
        let number = product.start(id);
        let run = product.until_phase(number, &["ended"]);
        let lines = script.matches("greedy").count();
        for host in fleet.hosts() {
            let (marker, next) = (host.file(id), host.file(&format!("{id}-next")));
            if id.ends_with("-false") {
                assert_eq!(state(&run, &host.name, "step", id), "failed exit", "{id} on {}", host.name);
                let cell = cell(&run, &host.name, "step", id).unwrap();
                assert_eq!(cell["reason_words"], "exit 1", "{cell}");
                assert_eq!((marker.as_str(), next.as_str()), ("", ""), "{id} on {}", host.name);
            } else {
                assert_eq!(state(&run, &host.name, "step", id), "ok", "{id} on {}", host.name);
                assert_eq!((marker.trim(), next.as_str()), (lines.to_string().as_str(), "next\n"), "{id}");
            }
        }
        let ending = if id.ends_with("-false") { "failed" } else { "succeeded" };
        assert_eq!(run["ending"], ending, "{id}");
    }
    product.verifies();
}
