//! Verbs that ask: plans, runs, hosts, events.

use super::act::{proposal, refused};
use super::args::{Proposal as Form, RunsList};
use super::out::{self, Gone, Io};
use super::{Cx, Exit, find, json, text};
use crate::domain::calendar::{self, Span};
use crate::domain::enrol::Standing;
use crate::domain::query::{AuditQuery, Fetch, Fetched, HistoryQuery};
use crate::domain::{PersonId, Refusal, Rule, RunId, Timestamp, WorkspaceId, planning, selector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// `plan`: what a proposal would run. The number and the moment are those the next proposal would get, so the code
/// shown is not the one to approve by: another second, another code.
pub async fn plan(cx: &Cx<'_>, form: &Form, io: &mut Io<'_>) -> Result<Exit, Gone> {
    // As a proposal would be: with the servers and versions there are now.
    let proposal = match cx.engine.gathered(cx.actor, proposal(form)).await {
        Ok(proposal) => proposal,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let world = cx.world();
    let number = RunId(world.next_run.max(1));
    let now = cx.engine.now();
    match planning::plan(&world, number, cx.person, now, &proposal) {
        Ok(plan) => {
            let answer = match cx.json {
                true => out::document(&serde_json::to_value(&plan).unwrap_or_default()),
                false => text::plan(&plan, None),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// `runs list`.
pub async fn runs(cx: &Cx<'_>, list: &RunsList, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let now = cx.engine.now();
    let moment = |text: &Option<String>| -> Result<Option<Timestamp>, Refusal> {
        text.as_deref().map(|text| find::moment(text, now)).transpose()
    };
    let (since, until) = match (moment(&list.since), moment(&list.until)) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(refusal), _) | (_, Err(refusal)) => return unanswered(cx, &refusal, io).await,
    };
    let query = HistoryQuery {
        workspace: list.workspace.as_deref().map(Into::into),
        person: list.person.as_deref().map(PersonId::new),
        runbook: list.runbook.as_deref().map(Into::into),
        host: list.host.clone(),
        ending: list.ending.map(Into::into),
        phase: list.phase.map(Into::into),
        since,
        until,
        text: list.text.clone(),
        visible_to: None,
        before: list.before.map(|run| run.0),
        limit: list.limit,
    };
    match cx.ask(Fetch::History(query)).await {
        Ok(Fetched::History(page)) => {
            let answer = match cx.json {
                true => out::document(&json::history(&page)),
                false => {
                    let more = text::more(page.rows.len(), page.matching, page.next);
                    text::history(&page.rows, &cx.world()) + &more
                }
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Ok(other) => unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => unanswered(cx, &refusal, io).await,
    }
}

/// `runs show`.
pub async fn run(cx: &Cx<'_>, id: RunId, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match cx.any_run(id).await {
        Ok(run) => {
            let (world, now) = (cx.world(), cx.engine.now());
            let answer = match cx.json {
                true => {
                    let mut value = json::run(&world, &run, now);
                    if let Some(fields) = value.as_object_mut() {
                        fields.insert("missing_secrets".to_owned(), cx.engine.missing_secrets(id).into());
                    }
                    out::document(&value)
                }
                false => text::run(&world, &run, now) + &secrets_missing(cx, id),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => unanswered(cx, &refusal, io).await,
    }
}

/// Which `prompt:` secrets a run still lacks, and how they are given.
pub fn secrets_missing(cx: &Cx<'_>, id: RunId) -> String {
    let names = cx.engine.missing_secrets(id);
    names.iter().map(|name| format!("\nneeds a secret: quarterdeck secret {} {name} < FILE\n", id.0)).collect()
}

/// `hosts list`.
pub async fn hosts(cx: &Cx<'_>, workspace: Option<&str>, select: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let known: Vec<WorkspaceId> = cx.world().site.iter().flat_map(|site| site.workspaces.keys().cloned()).collect();
    for id in known.iter().filter(|id| workspace.is_none_or(|named| id.as_str() == named)) {
        // What a source last said is listed all the same: somebody may need just that.
        if let Err(refusal) = cx.engine.ask_sources(cx.actor, id).await {
            io.err(&text::refusal(&refusal)).await?;
        }
    }
    let world = cx.world();
    let workspaces = world.site.iter().flat_map(|site| site.workspaces.values());
    let wanted = workspaces.filter(|found| {
        let named = workspace.is_none_or(|id| found.id.as_str() == id);
        named && found.has_member(cx.person)
    });
    let mut rows = Vec::new();
    let mut seen = 0;
    for found in wanted {
        seen += 1;
        let servers = match select {
            None => Ok(found.servers.iter().collect()),
            Some(text) => selector::resolve(text, &found.servers),
        };
        match servers {
            Ok(servers) => rows.extend(servers.into_iter().map(|server| (found.as_ref(), server))),
            Err(error) => {
                let refusal = Refusal::new(Rule::Targets, error.to_string());
                return refused(cx, &refusal, io).await;
            }
        }
    }
    if let (0, Some(id)) = (seen, workspace) {
        let refusal = Refusal::new(Rule::NotFound, format!("no workspace is called {id}"));
        return refused(cx, &refusal, io).await;
    }
    let answer = match cx.json {
        true => {
            let rows: Vec<_> = rows.iter().map(|(w, server)| json::server(w, server)).collect();
            out::document(&json!({"rows": rows}))
        }
        false => text::hosts(&rows),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// `windows list`.
pub async fn windows(
    cx: &Cx<'_>,
    workspace: Option<&str>,
    days: u16,
    ical: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let (world, now) = (cx.world(), cx.engine.now());
    let workspaces = world.site.iter().flat_map(|site| site.workspaces.values());
    let wanted: Vec<_> = workspaces
        .filter(|found| workspace.is_none_or(|id| found.id.as_str() == id) && found.has_member(cx.person))
        .collect();
    if let (true, Some(id)) = (wanted.is_empty(), workspace) {
        return refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace is called {id}")), io).await;
    }
    let until = now.plus_ms(u64::from(days) * DAY_MS);
    let mut spans: Vec<Span> = wanted.iter().flat_map(|found| calendar::spans(found, now, until)).collect();
    spans.sort();
    let answer = match (cx.json, ical) {
        (true, _) => out::document(&json!({"rows": spans.iter().map(json::span).collect::<Vec<_>>()})),
        (false, true) => {
            let site = world.site.as_ref().map_or("", |site| site.name.as_str());
            super::ical::calendar(site, &spans, now)
        }
        (false, false) => text::spans(&spans),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// `runs evidence`.
pub async fn evidence(cx: &Cx<'_>, run: RunId, sha256: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let fetch = match sha256 {
        Some(sha256) => Fetch::Evidence(run, sha256.to_owned()),
        None => Fetch::Run(run),
    };
    match (cx.ask(fetch).await, cx.json) {
        (Ok(Fetched::Evidence(name, content)), true) => {
            let content = STANDARD.encode(&content);
            io.out(&out::document(&json!({"content": content, "name": name}))).await?;
        }
        (Ok(Fetched::Evidence(_, content)), false) => io.out_bytes(&content).await?,
        (Ok(Fetched::Run(run)), true) => io.out(&out::document(&json!({"rows": json::evidence(&run)}))).await?,
        (Ok(Fetched::Run(run)), false) => io.out(&text::evidence(&run)).await?,
        (Ok(other), _) => return unanswered(cx, &find::another_answer(&other), io).await,
        (Err(refusal), _) => return unanswered(cx, &refusal, io).await,
    }
    Ok(Exit::Done)
}

/// `hosts enrol`.
pub async fn enrol(cx: &Cx<'_>, workspace: &str, patch: bool, hosts: &[String], io: &mut Io<'_>) -> Result<Exit, Gone> {
    let found = match cx.ask(Fetch::Keys(WorkspaceId::new(workspace), hosts.to_vec())).await {
        Ok(Fetched::Keys(found)) => found,
        Ok(other) => return unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    match (cx.json, patch) {
        (true, _) => io.out(&out::document(&json::enrolment(&found))).await?,
        (false, true) => {
            io.err(&text::seen(&found.seen)).await?;
            // To the byte, as another program reads it: a file in force holds no character that a terminal would mind.
            io.out(&found.patch).await?;
        }
        (false, false) => io.out(&text::enrolment(&found)).await?,
    }
    let standings = || found.seen.iter().map(|seen| &seen.standing);
    Ok(match () {
        () if standings().any(|it| matches!(it, Standing::Differs(_))) => Exit::No,
        () if standings().any(|it| matches!(it, Standing::Unreached(_))) => Exit::Unreachable,
        () => Exit::Done,
    })
}

/// `audit list`.
pub async fn audit(cx: &Cx<'_>, query: AuditQuery, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match cx.ask(Fetch::Audit(query)).await {
        Ok(Fetched::Audit(page)) => {
            let answer = match cx.json {
                true => out::document(&json::audit(&page)),
                false => {
                    let more = text::more(page.rows.len(), page.matching, page.next);
                    text::audit(&page.rows) + &more
                }
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        Ok(other) => unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => unanswered(cx, &refusal, io).await,
    }
}

/// A question that was not answered: wrongly asked is exit 64, a record that cannot be read 74; else it is a refusal.
pub async fn unanswered(cx: &Cx<'_>, refusal: &Refusal, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let exits = [(Rule::Input, Exit::Usage), (Rule::Storage, Exit::Storage)];
    match exits.iter().find(|(rule, _)| *rule == refusal.rule) {
        Some((_, exit)) => super::fail(*exit, &sentence(refusal), cx.json, io).await,
        None => refused(cx, refusal, io).await,
    }
}

fn sentence(refusal: &Refusal) -> String {
    match refusal.next.is_empty() {
        true => refusal.what.clone(),
        false => format!("{}: {}", refusal.what, refusal.next),
    }
}
