//! Workspaces and their hosts: how each is reached, who may do what, when changes are allowed.

use super::{heading, labelled};
use crate::console::facts;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, name, text};
use crate::console::widgets::places::block;
use crate::console::words;
use crate::domain::run::Run;
use crate::domain::window;
use crate::domain::workspace::{Reach, Server, Trust, Workspace};
use crate::domain::{Role, selector};
use crate::terminal::line::Safe;
use std::collections::BTreeSet;

/// Columns of a host's name, and of how it is reached.
const HOST_COLUMNS: u16 = 14;
const REACH_COLUMNS: u16 = 24;

/// One workspace in full.
pub fn workspace(cx: &Cx<'_>, workspace: &Workspace) -> Vec<Part> {
    let state = words::window(&window::state(workspace, cx.now()), cx.now(), &cx.here.zone);
    let mut parts = vec![Part::Line(vec![
        block(workspace.environment),
        gap(1),
        name(Ink::Title, workspace.id.as_str()),
        gap(2),
        text(Ink::Muted, workspace.title.as_str()).rest(),
    ])];
    parts.push(Part::Air);
    parts.extend(
        [
            labelled("owner", workspace.owner.as_str()),
            labelled("changes", state),
            labelled(
                "windows",
                listed(workspace.windows.iter().map(|window| {
                    format!("{}: {} for {} ({})", window.name, window.start, moment::span(window.lasts_ms), window.zone)
                })),
            ),
            labelled(
                "freezes",
                listed(
                    workspace.freezes.iter().map(|freeze| {
                        format!("{}: {} to {} ({})", freeze.called(), freeze.from, freeze.to, freeze.zone)
                    }),
                ),
            ),
            labelled("duties", listed(workspace.duties.iter().cloned())),
            labelled(
                "asks for",
                listed(workspace.sources.iter().map(|source| format!("{}, by {}", source.name, source.words()))),
            ),
        ]
        .into_iter()
        .flatten(),
    );
    parts.extend(hosts_of(cx, workspace, workspace.servers.iter().collect()));
    parts.extend(heading("members", safe!("{}", workspace.members.len())));
    parts.extend(workspace.members.iter().map(|(person, roles)| {
        let mut words: Vec<String> = roles.iter().map(|role: &Role| role.word().to_owned()).collect();
        let lent = workspace.lent.get(person).into_iter().flatten();
        words.extend(lent.map(|role| format!("{} for a while", role.word())));
        Part::Labelled(HOST_COLUMNS, safe!("{person}"), Ink::Text, words.join(", "))
    }));
    parts
}

/// The hosts of every workspace the person may see, or those a selector takes.
///
/// # Errors
/// Says what is wrong with the selector.
pub fn hosts(cx: &Cx<'_>, select: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut found = 0;
    for workspace in facts::workspaces(cx.world, cx.me()) {
        let servers = match select {
            "" => workspace.servers.iter().collect(),
            select => selector::resolve(select, &workspace.servers).map_err(|error| error.to_string())?,
        };
        found += servers.len();
        if !servers.is_empty() {
            parts.extend(hosts_of(cx, workspace, servers));
        }
    }
    match found {
        0 if select.is_empty() => Err("no workspace of yours has a host".to_owned()),
        0 => Err(format!("no host of your workspaces matches {select}")),
        _ => Ok(parts),
    }
}

fn hosts_of(cx: &Cx<'_>, workspace: &Workspace, servers: Vec<&Server>) -> Vec<Part> {
    let mark = glyph::environment(workspace.environment);
    let title = format!("{} {}", mark.word, workspace.id);
    let mut parts = heading(&title, words::count(servers.len(), "host", "hosts")).to_vec();
    let at_work: Vec<_> = cx.world.visible_runs(cx.me()).filter(|run| facts::is_at_work(run)).collect();
    for server in servers {
        let run = at_work.iter().find(|run| takes(run, workspace, server));
        parts.push(Part::Line(vec![
            gap(2),
            name(Ink::Title, safe!("{}", server.name)).cols(HOST_COLUMNS - 2),
            gap(1),
            name(Ink::Text, reached(&server.reach)).cols(REACH_COLUMNS),
            gap(1),
            name(Ink::Muted, Safe::new(belongs(server))).rest(),
            gap(1),
            text(Ink::Running, run.map(|run| safe!("in {}", run.id)).unwrap_or_default()),
        ]));
        if let Some(words) = apart(server) {
            parts.push(Part::Line(vec![gap(HOST_COLUMNS + 1), text(Ink::Muted, words)]));
        }
        if let Some(words) = unpinned(&server.reach) {
            parts.push(Part::Line(vec![gap(HOST_COLUMNS + 1), text(Ink::Warning, words)]));
        }
    }
    parts
}

/// Whether a run at work has this host.
fn takes(run: &Run, workspace: &Workspace, server: &Server) -> bool {
    run.plan.proposal.workspace == workspace.id && run.plan.hosts.iter().any(|host| host.name == server.name)
}

fn reached(reach: &Reach) -> Safe {
    match reach {
        Reach::Local => Safe::new("this machine"),
        Reach::Ssh { address, port, user, jump, algorithms, .. } => {
            let over = jump.as_ref().map(|jump| format!(" over {jump}")).unwrap_or_default();
            let offered = if algorithms.is_modern() { String::new() } else { format!(" ({})", algorithms.word()) };
            safe!("{user}@{address}:{port}{over}{offered}")
        }
    }
}

/// What is not usual of it: the one key it is shown, the source that named it.
fn apart(server: &Server) -> Option<String> {
    let key = match &server.reach {
        Reach::Ssh { key, .. } => key.as_ref().map(|key| format!("is shown the key {key} alone")),
        Reach::Local => None,
    };
    let source = server.source.as_ref().map(|source| format!("named by the source {source}"));
    let words: Vec<String> = key.into_iter().chain(source).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn unpinned(reach: &Reach) -> Option<&'static str> {
    match reach {
        Reach::Ssh { trust: Trust::KnownHosts, .. } => Some("! its host key is pinned by name alone, in known_hosts"),
        Reach::Ssh { trust: Trust::Keys(_) | Trust::Authorities(_), .. } | Reach::Local => None,
    }
}

fn belongs(server: &Server) -> String {
    let marked = |mark: &str, all: &BTreeSet<String>| all.iter().map(|one| format!("{mark}:{one}")).collect::<Vec<_>>();
    [marked("group", &server.groups), marked("tag", &server.tags)].concat().join(" ")
}

fn listed(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(" · ")
}
