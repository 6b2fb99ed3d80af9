//! Workspaces: servers, members, policy, windows and freezes.

use super::parts::{duplicate_ids, duplicates, duplicates_in, look_alikes};
use super::runbook::{impact, says_unicode};
use super::{Parsed, Report, windows};
use crate::domain::algorithms::Algorithms;
use crate::domain::checkpoint::Demand;
use crate::domain::people::Role;
use crate::domain::source::{Asks, Source};
use crate::domain::workspace::{
    AfterWindow, Environment, Policy, Quorum, REVIEW_WITHIN_MS, Reach, Server, Slot, Trust, Workspace,
};
use crate::domain::{PersonId, ServerName, WorkspaceId};
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;
use crate::site::keys::workspace::WORKSPACE;
use crate::site::read::{Strictness, read};
use crate::site::suggest::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A request waits this long unless the workspace says otherwise: a shift's half.
const APPROVAL_EXPIRY_MS: u64 = 4 * 3_600_000;
/// An approval holds this long unless the workspace says otherwise.
const EXECUTION_EXPIRY_MS: u64 = 24 * 3_600_000;
/// Most servers one goes through to another: each adds its delay, and nobody has more.
const HOPS_MAX: usize = 8;
/// The port of SSH.
const SSH_PORT: u16 = 22;

/// Parses a workspace.
pub fn workspace(file: &str, text: &str) -> Parsed<Workspace> {
    let mut report = Report::new(file, text);
    let source = report.source.clone();
    let strict = |root: &toml::de::DeTable<'_>| Strictness { unicode: says_unicode(root, "workspace"), approved: None };
    let Some(fields) = read(&source, &WORKSPACE, strict, &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    let empty = Fields { span: 0..0, shape: &WORKSPACE, entries: Vec::new(), spoiled: Vec::new() };
    let head = fields.table("workspace").unwrap_or(&empty);
    duplicate_ids(&fields, "server", "name", &mut report);
    look_alikes(&fields, "server", "name", &mut report);
    duplicate_ids(&fields, "source", "name", &mut report);
    duplicate_ids(&fields, "window", "name", &mut report);
    duplicate_ids(&fields, "freeze", "name", &mut report);
    let members = members(&fields, &mut report);
    let value = Workspace {
        id: WorkspaceId::new(head.string("id")),
        title: head.string("title"),
        environment: match head.text("environment") {
            Some("lab") => Environment::Lab,
            Some("staging") => Environment::Staging,
            _ => Environment::Production,
        },
        colour: head.string("colour"),
        baseline_tags: head.strings("baseline_tags"),
        duties: head.strings("duties"),
        owner: PersonId::new(head.string("owner")),
        servers: fields
            .tables("server")
            .map(|server| self::server(server, fields.table("algorithms"), &mut report))
            .collect(),
        sources: fields
            .tables("source")
            .map(|source| self::source(source, fields.table("algorithms"), &mut report))
            .collect(),
        policy: policy(&fields, &members, &mut report),
        members,
        windows: windows::windows(&fields, &mut report),
        lent: std::collections::BTreeMap::new(),
        standing: BTreeMap::new(),
        freezes: fields.tables("freeze").map(|item| windows::freeze(item, &mut report)).collect(),
    };
    algorithms_of_nobody(&fields, &mut report);
    jumps(&fields, &value, &mut report);
    Parsed::new(report, Some(fields), Some(value))
}

/// What the groups of a server say of it; two that say it differently leave open what is offered.
fn algorithms(server: &Fields, by_group: Option<&Fields>, report: &mut Report) -> Algorithms {
    let groups: BTreeSet<String> = server.strings("groups");
    let entries = by_group.map_or(&[][..], |table| &table.entries).iter();
    let said: BTreeSet<Algorithms> = entries
        .filter(|field| groups.contains(&field.name))
        .filter_map(|field| field.node.text().and_then(Algorithms::parse))
        .collect();
    if said.len() > 1 {
        let hint = "take the server out of one of the groups, or say the same of both under [algorithms]";
        report.error(
            Code::Rule,
            server.span_of("groups"),
            "its groups disagree about the algorithms it is offered",
            hint,
        );
    }
    said.into_iter().next().unwrap_or_default()
}

/// Groups that no server is in: what they were to say is said of nobody.
fn algorithms_of_nobody(fields: &Fields, report: &mut Report) {
    // What a source will say is not known here.
    if fields.tables("source").next().is_some() {
        return;
    }
    let groups: BTreeSet<String> =
        fields.tables("server").flat_map(|server| server.strings::<Vec<_>>("groups")).collect();
    for field in fields.table("algorithms").map_or(&[][..], |table| &table.entries) {
        if !groups.contains(&field.name) {
            let hint = nearest(&field.name, groups.iter().map(String::as_str));
            let hint = hint.map(|meant| format!("did you mean `{meant}`?")).unwrap_or_default();
            let message = format!("no server of this workspace is in a group `{}`", field.name);
            report.error(Code::Undeclared, field.name_span.clone(), message, &hint);
        }
    }
}

fn server(fields: &Fields, by_group: Option<&Fields>, report: &mut Report) -> Server {
    let local = fields.flag("local");
    for key in ["address", "port", "user", "key", "jump", "host_key", "host_ca"] {
        if let Some(field) = fields.field(key).filter(|_| local) {
            let message = format!("a local server has no `{key}`");
            report.error(Code::KeyMisplaced, field.name_span.clone(), message, "it is the bastion itself: take it out");
        }
    }
    for key in ["address", "user"] {
        if !local && fields.lacks(key) && !fields.is_spoiled("local") {
            let hint = "write it, or say local = true for the bastion itself";
            report.error(Code::KeyMissing, fields.span.clone(), format!("a server lacks `{key}`"), hint);
        }
    }
    if let Some(field) = fields.field("host_ca").filter(|_| fields.get("host_key").is_some()) {
        let message = "a host key and an authority for the same server";
        report.error(Code::Rule, field.name_span.clone(), message, "keep one: it must be clear which key is accepted");
    }
    for key in ["host_key", "host_ca", "groups", "tags"] {
        duplicates(fields, key, report);
    }
    let keys: Vec<String> = fields.strings("host_key");
    let authorities: Vec<String> = fields.strings("host_ca");
    Server {
        name: ServerName::new(fields.string("name")),
        reach: match local {
            true => Reach::Local,
            false => Reach::Ssh {
                address: fields.string("address"),
                port: fields.integer("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(SSH_PORT),
                user: fields.string("user"),
                key: fields.maybe("key"),
                jump: fields.text("jump").map(ServerName::new),
                algorithms: algorithms(fields, by_group, report),
                trust: match (keys.is_empty(), authorities.is_empty()) {
                    (false, _) => Trust::Keys(keys),
                    (true, false) => Trust::Authorities(authorities),
                    (true, true) => Trust::KnownHosts,
                },
            },
        },
        groups: fields.strings("groups"),
        tags: fields.strings("tags"),
        source: None,
    }
}

/// Where more servers are asked for. What is asked lies where it is said to lie: found by a search, it could be another one tomorrow.
fn source(fields: &Fields, by_group: Option<&Fields>, report: &mut Report) -> Source {
    let command: Vec<String> = fields.strings("command");
    let places = [("inventory", fields.maybe("inventory")), ("command", command.first().cloned())];
    for (key, place) in places {
        if place.is_some_and(|place| !Path::new(&place).is_absolute()) {
            let hint = "as in: /etc/ansible/hosts, or [\"/usr/local/bin/cmdb\", \"--list\"]";
            report.error(Code::Value, fields.span_of(key), "not an absolute path", hint);
        }
    }
    let spoiled = fields.is_spoiled("inventory") || fields.is_spoiled("command");
    if fields.field("inventory").is_some() == fields.field("command").is_some() && !spoiled {
        let hint = "write one of them: inventory = \"/etc/ansible/hosts\", or command = [\"/usr/local/bin/cmdb\"]";
        report.error(Code::Rule, fields.span.clone(), "a source asks an inventory or a command", hint);
    }
    for key in ["host_ca", "groups", "tags"] {
        duplicates(fields, key, report);
    }
    let authorities: Vec<String> = fields.strings("host_ca");
    let entries = by_group.map_or(&[][..], |table| &table.entries).iter();
    Source {
        name: fields.string("name"),
        asks: match fields.maybe("inventory") {
            Some(inventory) => Asks::Inventory(inventory),
            None => Asks::Command(command),
        },
        user: fields.string("user"),
        groups: fields.strings("groups"),
        tags: fields.strings("tags"),
        jump: fields.text("jump").map(ServerName::new),
        key: fields.maybe("key"),
        trust: if authorities.is_empty() { Trust::KnownHosts } else { Trust::Authorities(authorities) },
        algorithms: entries
            .filter_map(|field| Some((field.name.clone(), field.node.text().and_then(Algorithms::parse)?)))
            .collect(),
    }
}

/// Every jump names another server that is reached by SSH, and no two go through each other.
fn jumps(fields: &Fields, workspace: &Workspace, report: &mut Report) {
    let through: BTreeMap<&str, &str> =
        fields.tables("server").filter_map(|server| Some((server.text("name")?, server.text("jump")?))).collect();
    let reach: BTreeMap<&str, &Reach> =
        workspace.servers.iter().map(|server| (server.name.as_str(), &server.reach)).collect();
    for server in fields.tables("server") {
        let (Some(name), Some(jump)) = (server.text("name"), server.text("jump")) else {
            continue;
        };
        if report.is_full() {
            return;
        }
        let at = server.span_of("jump");
        match reach.get(jump) {
            None => {
                let names = workspace.servers.iter().map(|server| server.name.as_str());
                let hint = nearest(jump, names).map(|meant| format!("did you mean \"{meant}\"?"));
                let message = format!("no server of this workspace is called `{jump}`");
                report.error(Code::Undeclared, at, message, &hint.unwrap_or_default());
            }
            Some(Reach::Local) => {
                report.error(Code::Rule, at, format!("`{jump}` is the bastion itself"), "take `jump` out");
            }
            Some(Reach::Ssh { .. }) => {
                let hops = std::iter::successors(Some(jump), |hop| through.get(hop).copied());
                let way: Vec<&str> = hops.take(HOPS_MAX + 1).collect();
                if way.contains(&name) {
                    let message = format!("the way to `{name}` leads through `{name}`");
                    report.error(Code::Rule, at, message, "");
                } else if way.len() > HOPS_MAX {
                    let message = format!("the way to `{name}` has more than {HOPS_MAX} hops");
                    report.error(Code::Rule, at, message, "");
                }
            }
        }
    }
}

fn members(fields: &Fields, report: &mut Report) -> BTreeMap<PersonId, std::collections::BTreeSet<Role>> {
    let Some(table) = fields.table("members") else {
        return BTreeMap::new();
    };
    for field in &table.entries {
        duplicates_in(&field.node, report);
    }
    table
        .entries
        .iter()
        .map(|field| {
            let roles = field.node.items().iter().filter_map(|item| Role::parse(item.text()?));
            (PersonId::new(&field.name), roles.collect())
        })
        .collect()
}

fn policy(
    fields: &Fields,
    members: &BTreeMap<PersonId, std::collections::BTreeSet<Role>>,
    report: &mut Report,
) -> Policy {
    let empty =
        Fields { span: 0..0, shape: &crate::site::keys::workspace::POLICY, entries: Vec::new(), spoiled: Vec::new() };
    let policy = fields.table("policy").unwrap_or(&empty);
    duplicate_ids(policy, "quorum", "impact", report);
    if let Some(demands) = policy.get("checkpoints") {
        duplicates_in(demands, report);
    }
    // There are three impacts; what goes beyond was reported as a duplicate.
    for quorum in policy.tables("quorum").take(3) {
        quorum_can_be_met(quorum, members, report);
    }
    Policy {
        approval_expiry_ms: policy.duration_ms("approval_expiry").unwrap_or(APPROVAL_EXPIRY_MS),
        break_glass: policy.text("break_glass").and_then(Role::parse),
        after_window: match policy.string("after_window").as_str() {
            "finish" => AfterWindow::Finish,
            _ => AfterWindow::Pause,
        },
        second_factor: policy.text("second_factor").map(|word| impact(Some(word))),
        checkpoints: policy
            .strings::<Vec<String>>("checkpoints")
            .iter()
            .filter_map(|word| Demand::parse(word))
            .collect(),
        signed: policy.text("signed").map(|word| impact(Some(word))),
        execution_expiry_ms: policy.duration_ms("execution_expiry").unwrap_or(EXECUTION_EXPIRY_MS),
        review_within_ms: policy.duration_ms("review_within").unwrap_or(REVIEW_WITHIN_MS),
        quorums: policy
            .tables("quorum")
            .map(|quorum| Quorum {
                impact: impact(quorum.text("impact")),
                from: quorum.tables("from").map(slot).collect(),
            })
            .collect(),
    }
}

/// So many people of a role.
pub(super) fn slot(fields: &Fields) -> Slot {
    Slot {
        role: fields.text("role").and_then(Role::parse).unwrap_or(Role::Approver),
        n: fields.integer("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
    }
}

/// Distinct people fill the places. By Hall's theorem they can exactly where every set of groups has as many
/// holders as places; with seven roles at most, all sets are tried.
fn quorum_can_be_met(
    quorum: &Fields,
    members: &BTreeMap<PersonId, std::collections::BTreeSet<Role>>,
    report: &mut Report,
) {
    if quorum.get("from").is_some_and(|node| node.items().is_empty()) {
        let hint = "name at least one role: an empty quorum would let everything pass";
        report.error(Code::Quorum, quorum.span_of("from"), "a quorum of nobody", hint);
    }
    let mut wanted: BTreeMap<Role, usize> = BTreeMap::new();
    for slot in quorum.tables("from") {
        let Some(role) = slot.text("role").and_then(Role::parse) else {
            return;
        };
        let n = slot.integer("n").and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
        *wanted.entry(role).or_default() += n;
    }
    let roles: Vec<(Role, usize)> = wanted.into_iter().collect();
    for set in 1..(1u32 << roles.len()) {
        let chosen: Vec<&(Role, usize)> =
            roles.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, pair)| pair).collect();
        let places: usize = chosen.iter().map(|(_, n)| n).sum();
        let holders = members.values().filter(|held| chosen.iter().any(|(role, _)| held.contains(role))).count();
        if holders < places {
            let words: Vec<&str> = chosen.iter().map(|(role, _)| role.word()).collect();
            let message = format!(
                "this quorum cannot be met: it needs {places} of {}, and there are {holders}",
                words.join(" or ")
            );
            report.warning(
                Code::Quorum,
                quorum.span.clone(),
                message,
                "give the role under [members], or ask for less",
            );
            return;
        }
    }
}
