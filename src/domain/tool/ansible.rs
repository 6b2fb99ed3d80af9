//! What Ansible is given: an inventory of the hosts of the run and no others, the way to each of them as the workspace writes it,
//! and a plug-in that tells what happens line by line.
//!
//! A host key that is pinned is the only one accepted; nothing is trusted on first use. Connections are not kept between tasks:
//! one that outlived the step could not be ended with it.

use super::work::Work;
use crate::domain::id::HostIx;
use crate::domain::plan::{Plan, PlannedHost};
use crate::domain::workspace::{Reach, Trust};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Tells what happens.
const CALLBACK: &str = include_str!("callback.py");

const PINNED: &str = "  UserKnownHostsFile @place@/made/known_hosts\n  GlobalKnownHostsFile none\n";

/// The bit of its exit status that says a host could not be reached, or no longer could.
const UNREACHABLE: u8 = 4;

const CONFIGURATION: &str = "[defaults]
stdout_callback = quarterdeck
callback_plugins = @place@/made/callback
home = @place@/ansible
retry_files_enabled = False
host_key_checking = True
nocows = True
nocolor = True
force_valid_group_names = ignore
[ssh_connection]
ssh_args = -F @place@/made/ssh_config
pipelining = True
";

/// The words that choose tasks by their tags.
pub(super) fn tags(play: &[String], skip: &[String]) -> Vec<String> {
    let of = |word: &str, tags: &[String]| (!tags.is_empty()).then(|| [word.to_owned(), tags.join(",")]);
    [of("--tags", play), of("--skip-tags", skip)].into_iter().flatten().flatten().collect()
}

/// A playbook on the hosts of `plan` that are still in.
pub(super) fn work(
    plan: &Plan,
    is_in: &dyn Fn(HostIx) -> bool,
    playbook: &str,
    tags: Vec<String>,
    key: Option<&str>,
) -> Work {
    let hosts: Vec<(HostIx, &PlannedHost)> =
        (0u32..).map(HostIx).zip(&plan.hosts).filter(|(host, _)| is_in(*host)).collect();
    let (folder, file) = playbook.rsplit_once('/').unwrap_or(("files", playbook));
    let mut words = vec!["-i".to_owned(), "@place@/made/hosts.json".to_owned(), "-e".to_owned()];
    words.extend(["@@place@/values".to_owned(), "--forks".to_owned(), plan.parallel.to_string()]);
    words.extend(tags);
    words.extend(["--".to_owned(), file.to_owned()]);
    let mut work = Work::new(words, folder);
    work.made = vec![
        ("made/ansible.cfg".to_owned(), CONFIGURATION.to_owned()),
        ("made/callback/quarterdeck.py".to_owned(), CALLBACK.to_owned()),
        ("made/hosts.json".to_owned(), inventory(plan, &hosts).to_string()),
        ("made/ssh_config".to_owned(), ssh_config(plan)),
        ("made/known_hosts".to_owned(), known_hosts(plan)),
    ];
    work.env("ANSIBLE_CONFIG", "@place@/made/ansible.cfg");
    work.env("QUARTERDECK_PROOF", "@place@/proof");
    let names: Vec<&str> = hosts.iter().map(|(_, host)| host.name.as_str()).collect();
    work.env("QUARTERDECK_HOSTS", &names.join(" "));
    work.key = key.map(str::to_owned);
    work.values = Some("values");
    work.proof = Some("proof");
    work.unsure = UNREACHABLE;
    work
}

fn inventory(plan: &Plan, hosts: &[(HostIx, &PlannedHost)]) -> Value {
    let mut children = Map::new();
    for (group, members) in &plan.groups {
        let members = hosts.iter().filter(|(host, _)| members.contains(host));
        let members: Map<String, Value> = members.map(|(_, host)| (host.name.to_string(), json!({}))).collect();
        if !members.is_empty() && !["all", "ungrouped"].contains(&group.as_str()) {
            children.insert(group.clone(), json!({"hosts": members}));
        }
    }
    let all: Map<String, Value> =
        hosts.iter().map(|(_, host)| (host.name.to_string(), variables(&host.reach))).collect();
    json!({"all": {"hosts": all, "children": children}})
}

fn variables(reach: &Reach) -> Value {
    match reach {
        Reach::Local => json!({"ansible_connection": "local"}),
        Reach::Ssh { .. } => json!({}),
    }
}

fn ways(plan: &Plan) -> impl Iterator<Item = &PlannedHost> {
    let others = plan.jumps.iter().filter(|jump| !plan.hosts.iter().any(|host| host.name == jump.name));
    plan.hosts.iter().chain(others)
}

/// ssh_config(5), one entry per host and per server on the way.
fn ssh_config(plan: &Plan) -> String {
    let mut text = String::new();
    for host in ways(plan) {
        let Reach::Ssh { address, port, user, jump, trust, algorithms, key: _ } = &host.reach else { continue };
        // In `HostName` a percent sign begins a token: the zone of an IPv6 address has one.
        let address = address.replace('%', "%%");
        let _ = writeln!(text, "Host {}\n  HostName {address}\n  Port {port}\n  User {user}", host.name);
        if let Some(jump) = jump {
            let _ = writeln!(text, "  ProxyJump {jump}");
        }
        // The server's own client may be too old to know the newest of them.
        let known: Vec<&str> = algorithms.kex().into_iter().filter(|name| !name.starts_with("mlkem")).collect();
        let offered = [("KexAlgorithms", known), ("Ciphers", algorithms.ciphers()), ("MACs", algorithms.macs())];
        for (key, names) in offered {
            let _ = writeln!(text, "  {key} {}", names.join(","));
        }
        match trust {
            Trust::Keys(_) => {
                let _ = write!(text, "  HostKeyAlias {}\n{PINNED}", host.name);
            }
            // A certificate names the address.
            Trust::Authorities(_) => text.push_str(PINNED),
            // The account's own file says it.
            Trust::KnownHosts => {}
        }
    }
    text.push_str("Host *\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  BatchMode yes\n  ControlMaster no\n");
    text.push_str("  ControlPath none\n  ForwardAgent no\n  ConnectTimeout 20\n  ServerAliveInterval 15\n");
    text
}

/// The SSH_KNOWN_HOSTS FILE FORMAT of sshd(8).
fn known_hosts(plan: &Plan) -> String {
    let mut text = String::new();
    for host in ways(plan) {
        let Reach::Ssh { address, port, trust, .. } = &host.reach else { continue };
        match trust {
            Trust::Keys(keys) => {
                for key in keys {
                    let _ = writeln!(text, "{} {key}", host.name);
                }
            }
            Trust::Authorities(keys) => {
                for key in keys {
                    let _ = writeln!(text, "@cert-authority {address},[{address}]:{port} {key}");
                }
            }
            Trust::KnownHosts => {}
        }
    }
    text
}
