//! Servers that were found elsewhere, as a workspace writes them.

use super::toml_text::{comment, list, value};
use crate::site::form;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Files that a client's configuration includes, one within another: OpenSSH stops there too.
const INCLUDES_MAX: usize = 16;

/// A server that was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Whether it is the machine itself.
    pub local: bool,
    /// How it is reached.
    pub address: String,
    /// TCP port; none where it is the usual one.
    pub port: Option<u16>,
    /// Login name; empty where nobody says.
    pub user: String,
    /// The server it is reached through.
    pub jump: Option<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Public keys it is known by.
    pub host_keys: Vec<String>,
    /// What a person should look at.
    pub todo: Vec<String>,
}

impl Found {
    /// What of it no workspace takes, in words; empty where it is sound.
    pub fn unsound(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.local && self.user.is_empty() {
            all.push("user: nobody says who logs in".to_owned());
        }
        let mut judge = |what: &str, verdict: Result<(), form::Fault>| {
            if let Err(fault) = verdict {
                all.push(format!("{what}: {}", fault.message));
            }
        };
        judge("name", form::name(&self.name));
        if !self.local {
            judge("address", form::address(&self.address));
            judge("user", form::account(&self.user));
            for key in &self.host_keys {
                judge("host key", form::public_key(key).map(|_| ()));
            }
        }
        if let Some(jump) = &self.jump {
            judge("jump", form::name(jump));
        }
        for group in self.groups.iter().chain(&self.tags) {
            judge("group or tag", form::name(group));
        }
        all
    }
}

/// The servers as a workspace's file has them; what no file takes stands there as a comment.
pub fn servers(found: &[Found], source: &str) -> String {
    let mut out =
        format!("# Servers found in {}. A server without host_key is known by known_hosts alone.\n", comment(source));
    for server in found {
        out.push('\n');
        for todo in &server.todo {
            let _ = writeln!(out, "# TODO: {}", comment(todo));
        }
        let unsound = server.unsound();
        let lines = written(server);
        match unsound.is_empty() {
            true => out.push_str(&lines),
            false => {
                for why in unsound {
                    let _ = writeln!(out, "# TODO: not taken over: {}", comment(&why));
                }
                for line in lines.lines() {
                    let _ = writeln!(out, "# {line}");
                }
            }
        }
    }
    out
}

fn written(server: &Found) -> String {
    let mut out = format!("[[server]]\nname = {}\n", value(&server.name));
    match server.local {
        true => out.push_str("local = true\n"),
        false => {
            let _ = writeln!(out, "address = {}", value(&server.address));
            if let Some(port) = server.port.filter(|port| *port != 22) {
                let _ = writeln!(out, "port = {port}");
            }
            let _ = writeln!(out, "user = {}", value(&server.user));
            if let Some(jump) = &server.jump {
                let _ = writeln!(out, "jump = {}", value(jump));
            }
            match server.host_keys.as_slice() {
                [] => {}
                [one] => {
                    let _ = writeln!(out, "host_key = {}", value(one));
                }
                several => {
                    let _ = writeln!(out, "host_key = {}", list(several));
                }
            }
        }
    }
    for (key, names) in [("groups", &server.groups), ("tags", &server.tags)] {
        if !names.is_empty() {
            let _ = writeln!(out, "{key} = {}", list(&names.iter().cloned().collect::<Vec<_>>()));
        }
    }
    out
}

/// The hosts that a client's configuration names one by one (`ssh_config(5)`): patterns name nobody. `include` answers the texts
/// of the files an `Include` stands for.
pub fn ssh_hosts(text: &str, include: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    fn within(text: &str, include: &dyn Fn(&str) -> Vec<String>, depth: usize, found: &mut Vec<String>) {
        for line in text.lines() {
            let line = line.trim();
            let (key, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            let words: Vec<String> = shlex::split(rest.trim_start_matches(['=', ' ', '\t'])).unwrap_or_default();
            match key.to_ascii_lowercase().as_str() {
                "host" => found.extend(words.into_iter().filter(|word| !word.contains(['*', '?', '!']))),
                "include" if depth < INCLUDES_MAX => {
                    for text in words.iter().flat_map(|pattern| include(pattern)) {
                        within(&text, include, depth + 1, found);
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    within(text, include, 0, &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    found
}

/// The server that `ssh -G NAME` describes: its answer, one setting a line.
pub fn ssh_settings(name: &str, answer: &str) -> Found {
    let setting = |key: &str| {
        answer
            .lines()
            .find_map(|line| line.split_once(' ').filter(|(found, _)| *found == key))
            .map(|(_, value)| value.trim())
    };
    let mut found = Found {
        name: name.to_owned(),
        address: setting("hostname").unwrap_or(name).to_owned(),
        port: setting("port").and_then(|port| port.parse().ok()),
        user: setting("user").unwrap_or_default().to_owned(),
        ..Found::default()
    };
    match setting("proxyjump") {
        None | Some("none") => {}
        Some(way) => {
            let hops: Vec<&str> = way.split(',').collect();
            let last = hops.last().copied().unwrap_or_default();
            // `user@host:port` names a server that is not one of these by itself.
            let bare = last.rsplit('@').next().unwrap_or_default();
            let bare = bare.split(':').next().unwrap_or_default();
            found.jump = Some(bare.to_owned());
            if hops.len() > 1 || bare != last {
                found.todo.push(format!(
                    "it is reached through {way}: each server on the way is one of its own, with its own jump"
                ));
            }
        }
    }
    if let Some(command) = setting("proxycommand").filter(|command| *command != "none") {
        found.todo.push(format!("it is reached through the command `{command}`: name a server as jump"));
    }
    found
}
