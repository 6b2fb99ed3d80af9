//! Hosts over networks that break, and hosts that several runs want, through the whole product: the hosts' own record of what ran
//! is what the product's word is held against.

#![cfg(test)]

mod real;

use real::product::{Product, RUN, runbook, state};
use real::{Fleet, Host, Proxy, until};
use std::fs;
use std::net::SocketAddr;

/// Says that it began, works until it is let go, and says that it is over. At most once on each host.
const WORK: &str = "[limits]\nconnect = \"3s\"\nidle = \"4s\"\n\n[[step]]\nid = \"work\"\ntitle = \"Work\"\n\
    run = 'echo begin $run >>\"$HOME/did\"; until [ -e \"$HOME/go\" ]; do sleep 0.1; done; echo end $run >>\"$HOME/did\"'\n\
    effect = \"once\"\n\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// The product reaches these hosts through a proxy each.
fn behind_proxies(product: &Product, hosts: &[Host]) -> Vec<Proxy> {
    let file = product.at("site/workspaces/lab.toml");
    let proxies: Vec<Proxy> =
        hosts.iter().map(|host| Proxy::start(SocketAddr::from((host.address, host.port)))).collect();
    let mut text = fs::read_to_string(&file).unwrap();
    for (host, proxy) in hosts.iter().zip(&proxies) {
        let there = |address: &dyn std::fmt::Display, port: u16| format!("address = \"{address}\"\nport = {port}\n");
        text = text.replacen(&there(&host.address, host.port), &there(&proxy.address.ip(), proxy.address.port()), 1);
    }
    fs::write(file, text).unwrap();
    proxies
}

fn until_began(host: &Host, run: u64) {
    until(&format!("{} to begin", host.name), RUN, || match host.file("did") == format!("begin {run}\n") {
        true => Ok(()),
        false => Err(host.file("did")),
    });
}

fn let_go(hosts: &[Host]) {
    hosts.iter().for_each(|host| fs::write(host.home.join("go"), "").unwrap());
}

#[test]
fn real_c13_a_network_that_breaks_in_mid_step_leaves_unknown_and_nothing_runs_twice() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = Product::new(&fleet, &[("work", &runbook("work", WORK))]);
    let proxies = behind_proxies(&product, fleet.hosts());
    let id = product.start("work");
    fleet.hosts().iter().for_each(|host| until_began(host, id));
    // One connection is reset; the other falls silent for good, also for whoever connects anew.
    proxies[0].cut();
    proxies[1].freeze();
    let both = |run: &serde_json::Value| ["h01", "h02"].map(|host| state(run, host, "step", "work"));
    let run = until("both to be unknown", RUN, || {
        let run = product.run(id);
        match both(&run).iter().all(|state| state.starts_with("unknown")) {
            true => Ok(run),
            false => Err(format!("{:?}", both(&run))),
        }
    });
    assert_eq!(both(&run), ["unknown connection.lost", "unknown timeout.idle"]);
    proxies[1].thaw();
    let_go(fleet.hosts());
    for host in fleet.hosts() {
        until("the host to end what it does", RUN, || match host.file("did") == format!("begin {id}\nend {id}\n") {
            true => Ok(()),
            false => Err(host.file("did")),
        });
    }
    assert_eq!(both(&product.run(id)), both(&run), "nothing is run again, and nothing becomes known, by itself");
    product.json("ada", &["abort", &id.to_string(), "--reason", "looked at by hand"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "unknown", "{run:#}");
    product.verifies();
}

#[test]
fn real_c13_an_abort_that_cannot_be_seen_is_unknown_and_never_aborted() {
    let Some(fleet) = Fleet::plan(3).start() else { return };
    let product = Product::new(&fleet, &[("work", &runbook("work", &WORK.replace("\"4s\"", "\"5m\"")))]);
    let mut proxies = behind_proxies(&product, &fleet.hosts()[..2]);
    let id = product.start("work");
    fleet.hosts().iter().for_each(|host| until_began(host, id));
    // One link falls silent, another is gone for good, the third stays.
    proxies[0].freeze();
    product.json("ada", &["abort", &id.to_string(), "--reason", "enough"]);
    drop(proxies.remove(1));
    let run = product.until_phase(id, &["ended"]);
    let states = ["h01", "h02", "h03"].map(|host| state(&run, host, "step", "work"));
    assert!(states[0].starts_with("unknown"), "{states:?}");
    // The abort and the end of its link race: seen gone, or nobody can tell; and the host knows which.
    let seen = states[1] == "failed aborted";
    assert!(seen || states[1].starts_with("unknown"), "{states:?}");
    assert_eq!((states[2].as_str(), run["ending"].as_str()), ("failed aborted", Some("unknown")), "{run:#}");
    let_go(fleet.hosts());
    until("the host nobody could reach to end by itself", RUN, || match fleet.host(1).file("did").contains("end") {
        true => Ok(()),
        false => Err(fleet.host(1).file("did")),
    });
    assert!(!seen || !fleet.host(2).file("did").contains("end"), "what was seen to be gone is gone");
    assert_eq!(fleet.host(3).file("did"), format!("begin {id}\n"), "what was seen to be gone is gone");
}

#[test]
fn real_c13_a_host_that_never_answers_is_refused_and_nothing_begins_there() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let text = runbook("work", &format!("max_failures = 1\n{WORK}"));
    let product = Product::new(&fleet, &[("work", &text)]);
    let proxies = behind_proxies(&product, &fleet.hosts()[..1]);
    proxies[0].freeze();
    let id = product.propose("work");
    let run = product.until_phase(id, &["waiting"]);
    assert_eq!(state(&run, "h01", "reach", "reach"), "refused connect.timeout", "{run:#}");
    product.json("grace", &["accept", &id.to_string(), "reach", "--reason", "one host is away"]);
    product.until_phase(id, &["approved"]);
    product.json("ada", &["start", &id.to_string()]);
    until_began(fleet.host(2), id);
    let_go(fleet.hosts());
    let run = product.until_phase(id, &["ended"]);
    assert_eq!((run["ending"].as_str(), fleet.host(1).file("did").as_str()), (Some("failed"), ""), "{run:#}");
}

/// The second run of the same hosts begins by itself when the first has ended; what the hosts wrote down never overlaps.
#[test]
fn real_a_second_run_on_the_same_hosts_waits_in_line_and_begins_in_turn() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = Product::new(&fleet, &[("work", &runbook("work", WORK))]);
    let first = product.start("work");
    fleet.hosts().iter().for_each(|host| until_began(host, first));
    let second = product.start("work");
    let run = product.run(second);
    assert_eq!((run["phase"].as_str(), run["queued"]["by"].as_str()), (Some("approved"), Some("ada")), "{run:#}");
    let line = &run["waits_for"][0];
    assert_eq!((line["position"].as_u64(), line["held"][0]["run"].as_u64()), (Some(1), Some(first)), "{run:#}");
    let told = String::from_utf8(product.says(&["runs", "show", &second.to_string(), "--as", "ada"]).stdout).unwrap();
    assert!(told.contains("in line") && told.contains(&format!("#{first} holds h01 (ada)")), "{told}");
    let_go(fleet.hosts());
    product.until_phase(second, &["ended"]);
    let each = [first, second].map(|run| format!("begin {run}\nend {run}\n")).concat();
    assert_eq!([1, 2].map(|host| fleet.host(host).file("did")), [each.clone(), each]);
    product.verifies();
}
