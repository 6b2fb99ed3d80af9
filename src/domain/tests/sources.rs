//! Servers that a workspace asks for: heard, recorded, planned with, and bound.

use super::*;
use crate::domain::plan::Proposal;
use crate::domain::source::{Asks, Source};
use crate::domain::workspace::{Reach, Server, Trust};
use crate::domain::{ServerName, WorkspaceId};

fn source() -> Source {
    Source {
        name: "cmdb".to_owned(),
        asks: Asks::Command(vec!["/usr/local/bin/cmdb".to_owned()]),
        user: "deploy".to_owned(),
        groups: ["web".to_owned()].into(),
        tags: Default::default(),
        jump: None,
        key: None,
        trust: Trust::KnownHosts,
        algorithms: Default::default(),
    }
}

fn server(name: &str, address: &str) -> Server {
    let reach = Reach::Ssh {
        address: address.to_owned(),
        port: 22,
        user: "deploy".to_owned(),
        jump: None,
        trust: Trust::KnownHosts,
        key: None,
        algorithms: Default::default(),
    };
    let groups = ["web".to_owned()].into();
    Server { name: ServerName::new(name), reach, groups, tags: Default::default(), source: Some("cmdb".to_owned()) }
}

fn list(servers: &[Server]) -> Ask {
    Ask::List { workspace: WorkspaceId::new("prod-web"), source: "cmdb".to_owned(), servers: servers.to_vec() }
}

fn asking() -> Driver {
    driver_of(|site| in_workspace(site, |workspace| workspace.sources.push(source())))
}

#[test]
fn what_a_source_says_is_planned_with_and_bound_and_voids_what_waits_when_it_changes() {
    let mut driver = asking();
    let before = driver.world.workspace(&WorkspaceId::new("prod-web")).unwrap().servers.len();
    let entries = driver.engine(list(&[server("cloud-1", "10.9.0.1")])).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(driver.world.workspace(&WorkspaceId::new("prod-web")).unwrap().servers.len(), before + 1);
    assert!(driver.engine(list(&[server("cloud-1", "10.9.0.1")])).unwrap().is_empty(), "the same is nothing new");

    let select = Some("host:cloud-1".to_owned());
    let id = {
        let asked = Proposal { select: select.clone(), ..fixture::proposal() };
        driver.as_person("ada", Ask::Propose(Box::new(asked))).unwrap();
        driver.carry_out_checks();
        driver.world.next_run - 1
    };
    let planned = &driver.run(id).plan.hosts[0];
    assert!(matches!(&planned.reach, Reach::Ssh { address, .. } if address == "10.9.0.1"));
    // Another server beside it changes nothing for this run; another address of its own does.
    driver.engine(list(&[server("cloud-1", "10.9.0.1"), server("cloud-2", "10.9.0.2")])).unwrap();
    assert!(!matches!(driver.run(id).phase, Phase::Cancelled(_)));
    driver.engine(list(&[server("cloud-1", "10.9.0.7")])).unwrap();
    assert!(driver.world.run(RunId(id)).is_none_or(|run| matches!(run.phase, Phase::Cancelled(_))), "its host moved");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_of_it_is_taken() {
    let mut driver = asking();
    let known = driver.world.workspace(&WorkspaceId::new("prod-web")).unwrap().servers[0].name.to_string();
    let mut lost = server("cloud-1", "10.9.0.1");
    if let Reach::Ssh { jump, .. } = &mut lost.reach {
        *jump = Some(ServerName::new("nowhere"));
    }
    for (servers, words) in [
        (vec![], "names no server"),
        (vec![server(&known, "10.9.0.1")], "has already"),
        (vec![server("a", "10.9.0.1"), server("a", "10.9.0.2")], "has already"),
        (vec![lost], "which the workspace lacks"),
    ] {
        let refused = driver.engine(list(&servers)).unwrap_err();
        assert!(refused.what.contains(words), "{refused}");
    }
    assert!(driver.world.listed.is_empty());
    let person = driver.as_person("ada", list(&[server("cloud-1", "10.9.0.1")]));
    assert!(person.is_err(), "what a source says is the engine's to tell");
}

#[test]
fn a_source_that_the_site_asks_otherwise_has_said_nothing_yet() {
    let mut driver = asking();
    driver.engine(list(&[server("cloud-1", "10.9.0.1")])).unwrap();
    let count = |driver: &Driver| driver.world.workspace(&WorkspaceId::new("prod-web")).unwrap().servers.len();
    let with = count(&driver);
    let old = driver.world.site.clone().unwrap();
    // The same site read anew: what was heard stands, and no second person is needed for it.
    let mut same = fixture::site();
    in_workspace(&mut same, |workspace| workspace.sources.push(source()));
    assert_eq!(crate::domain::site::sensitive_changes(&old, &same), []);
    same.digest = crate::domain::Digest::of(b"read anew");
    driver.engine(Ask::LoadSite { site: Arc::new(same.clone()), diff: String::new() }).unwrap();
    assert_eq!(count(&driver), with);
    // Another command: a change to servers, which waits; and what the old one said does not count.
    in_workspace(&mut same, |workspace| workspace.sources[0].asks = Asks::Command(vec!["/other".to_owned()]));
    same.digest = crate::domain::Digest::of(b"asks another");
    let old = driver.world.site.clone().unwrap();
    assert_eq!(crate::domain::site::sensitive_changes(&old, &same).len(), 1);
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(same.clone()), diff: "-a\n+b\n".to_owned() }).unwrap();
    assert_eq!(count(&driver), with, "it waits");
    let accept = Ask::AcceptSite { digest: same.digest, reason: "seen".to_owned() };
    driver.submit(fixture::actor("grace"), Seen::Nothing, accept).unwrap();
    assert_eq!(count(&driver), with - 1);
}

#[test]
fn versions_of_secrets_are_pinned_when_a_run_is_proposed_and_held_against_the_vault_before_it_starts() {
    use crate::domain::runbook::Secret;
    use crate::domain::site::VaultAt;
    let secret = |reference: &str| Secret { reference: reference.to_owned(), purpose: "p".to_owned() };
    let at = VaultAt {
        address: "http://127.0.0.1:1".to_owned(),
        namespace: None,
        role_id: "r".to_owned(),
        secret_id: "/s".to_owned(),
    };
    let mut driver = driver_of(|site| {
        site.vault = Some(at);
        in_runbook(site, |runbook| {
            runbook.secrets.insert("a".to_owned(), secret("vault:kv/web#a"));
            runbook.secrets.insert("b".to_owned(), secret("file:/s/b"));
        });
    });
    let versions = [("a".to_owned(), "7".to_owned()), ("b".to_owned(), "9".to_owned())].into();
    let asked = Proposal { versions, ..fixture::proposal() };
    driver.as_person("ada", Ask::Propose(Box::new(asked))).unwrap();
    let plan = driver.run(driver.world.next_run - 1).plan.clone();
    let pinned: Vec<Option<&str>> = plan.secrets.iter().map(|it| it.version.as_deref()).collect();
    assert_eq!(pinned, [Some("7"), None], "a file has no version, whatever was claimed");

    // Asked once more before the start: the same version lets it begin, another one voids it; what nobody said is no other.
    let id = driver.world.next_run - 1;
    driver.carry_out_checks();
    let versions = |version: &str| {
        let heard = if version.is_empty() { Default::default() } else { [("a".to_owned(), version.to_owned())].into() };
        Ask::Versions { run: RunId(id), versions: heard }
    };
    assert!(driver.as_person("ada", versions("8")).is_err(), "the engine's to tell");
    for same in ["7", ""] {
        assert!(driver.engine(versions(same)).unwrap().is_empty());
    }
    driver.engine(versions("8")).unwrap();
    assert!(driver.world.run(RunId(id)).is_none(), "void");
    assert!(driver.engine(versions("8")).is_ok(), "a run that is over is none of its business");
}

#[test]
fn a_version_that_changes_while_a_run_works_is_the_runs_own_doing_or_nobodys_to_judge() {
    let mut driver = driver();
    let id = driver.start_one();
    let before = driver.run(id).phase.clone();
    let heard = [("a".to_owned(), "8".to_owned())].into();
    assert!(driver.engine(Ask::Versions { run: RunId(id), versions: heard }).unwrap().is_empty());
    assert_eq!(driver.run(id).phase, before);
}
