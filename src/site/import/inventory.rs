//! An inventory of Ansible as `ansible-inventory --list` prints it; what a command of a site's own prints is in the same form.
//!
//! Source of the form: Ansible's documentation, "Developing dynamic inventory", "Inventory script conventions".

use super::servers::Found;
use super::{ImportError, short_enough};
use crate::domain::planning::HOSTS_MAX;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The servers an inventory names, by name. `user` logs in where the inventory names nobody.
///
/// # Errors
/// It is not such an inventory, or names more servers than a run takes.
pub fn inventory(text: &str, user: &str) -> Result<Vec<Found>, ImportError> {
    short_enough(text)?;
    let read: Value = serde_json::from_str(text).map_err(|error| ImportError::Form(format!("no JSON: {error}")))?;
    let Value::Object(groups) = &read else {
        return Err(ImportError::Form("no inventory: it is no JSON object of groups".to_owned()));
    };
    let mut of_hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in groups.keys().filter(|name| *name != "_meta") {
        for host in hosts_of(groups, name) {
            let groups = of_hosts.entry(host).or_default();
            if !matches!(name.as_str(), "all" | "ungrouped") {
                groups.insert(name.clone());
            }
        }
    }
    if of_hosts.is_empty() {
        return Err(ImportError::Nothing("the inventory names no host".to_owned()));
    }
    if of_hosts.len() > HOSTS_MAX {
        return Err(ImportError::Form(format!(
            "{} hosts; a workspace takes {HOSTS_MAX} from one place",
            of_hosts.len()
        )));
    }
    let none = Map::new();
    let vars = read.pointer("/_meta/hostvars").and_then(Value::as_object).unwrap_or(&none);
    Ok(of_hosts.into_iter().map(|(name, groups)| server(&name, groups, vars.get(&name), user)).collect())
}

/// The hosts of a group and of the groups in it. Each group is looked at once, so that a circle ends.
fn hosts_of(groups: &Map<String, Value>, name: &str) -> BTreeSet<String> {
    let strings = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let (mut hosts, mut seen, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = next.pop().filter(|_| seen.len() <= groups.len()) {
        match groups.get(&name) {
            // A list alone is a group of hosts.
            Some(list @ Value::Array(_)) => hosts.extend(strings(Some(list))),
            Some(Value::Object(group)) if seen.insert(name.clone()) => {
                hosts.extend(strings(group.get("hosts")));
                next.extend(strings(group.get("children")));
            }
            _ => {}
        }
    }
    hosts
}

fn server(name: &str, groups: BTreeSet<String>, vars: Option<&Value>, user: &str) -> Found {
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| match vars?.get(*key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let mut todo = Vec::new();
    let connection = text(&["ansible_connection"]).unwrap_or_else(|| "ssh".to_owned());
    if !matches!(
        connection.as_str(),
        "ssh" | "smart" | "paramiko" | "ansible.builtin.ssh" | "local" | "ansible.builtin.local"
    ) {
        todo.push(format!("Ansible reaches it by `{connection}`"));
    }
    let port = text(&["ansible_port", "ansible_ssh_port"]);
    let read_port = port.as_deref().and_then(|port| port.parse().ok());
    if let (Some(port), None) = (&port, read_port) {
        todo.push(format!("its port was `{port}`"));
    }
    let arguments = [text(&["ansible_ssh_common_args"]), text(&["ansible_ssh_extra_args"])]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let jump = jump(&arguments);
    if jump.is_none() && arguments.contains("Proxy") {
        todo.push(format!("Ansible reached it with `{arguments}`: name a server as jump"));
    }
    if let Some(key) = text(&["ansible_ssh_private_key_file", "ansible_private_key_file"]) {
        todo.push(format!("Ansible logged in with the key {key}"));
    }
    let keys = match vars.and_then(|vars| vars.get("quarterdeck_host_key")) {
        Some(Value::String(key)) => vec![key.clone()],
        Some(Value::Array(keys)) => keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Found {
        local: connection.ends_with("local"),
        address: text(&["ansible_host", "ansible_ssh_host"]).unwrap_or_else(|| name.to_owned()),
        port: read_port,
        user: text(&["ansible_user", "ansible_ssh_user"]).unwrap_or_else(|| user.to_owned()),
        jump,
        tags: BTreeSet::new(),
        host_keys: keys,
        name: name.to_owned(),
        groups,
        todo,
    }
}

/// The server that arguments of OpenSSH's client go through: `-J host` or `-o ProxyJump=host`.
fn jump(arguments: &str) -> Option<String> {
    let words = shlex::split(arguments)?;
    let named = words.iter().enumerate().find_map(|(nth, word)| {
        let next = || words.get(nth + 1).map(String::as_str);
        match word.as_str() {
            "-J" => next(),
            "-o" => next()?.strip_prefix("ProxyJump=").or_else(|| next()?.strip_prefix("ProxyJump ")),
            joined => joined.strip_prefix("-J").or_else(|| joined.strip_prefix("-oProxyJump=")),
        }
    })?;
    let last = named.rsplit(',').next()?;
    let host = last.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty() && host != "none").then(|| host.to_owned())
}
