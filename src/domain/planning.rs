//! From a filled form to a plan, by the site in force. Pure, so that a form can show its plan while it is typed.

mod today;

pub(super) use today::quorum;
pub use today::under_site;
use today::{egress, groups, impact, local_account, pinned, programs, warnings};

use super::checkpoint;
use super::id::{HostIx, PersonId, RunId, Timestamp};
use super::people::Role;
use super::plan::{Origin, PinnedSecret, Plan, PlannedHost, Proposal};
use super::proved::Demands;
use super::refusal::{Refusal, Rule};
use super::runbook::{Amount, Impact, Runbook, Status, Step, Targets};
use super::selector;
use super::site::Site;
use super::standing;
use super::workspace::{Environment, Reach, Server, Workspace};
use super::world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Hosts in one run: the matrix, the plan's JSON and everybody's screen stay bounded.
pub const HOSTS_MAX: usize = 10_000;

/// Beyond so many hosts a run counts as one impact higher.
pub const MANY_HOSTS: usize = 10;

/// Servers to go through at most: a longer chain is a loop or a mistake.
pub const JUMPS_MAX: usize = 8;

/// So many characters of a selector are said back to whoever typed it.
const RECOGNISED_CHARS_MAX: usize = 60;

/// Makes the plan of a proposal that would become run `run`.
///
/// # Errors
/// The first refusal in the order a person would mend things: workspace, runbook, fields, hosts.
pub fn plan(world: &World, run: RunId, by: &PersonId, at: Timestamp, proposal: &Proposal) -> Result<Plan, Refusal> {
    match &proposal.again {
        Some(again) => super::again::plan(world, run, by, at, proposal, again),
        None => {
            let plan = planned(world, run, by, at, proposal, None)?;
            Ok(Plan { standing: standing::covering(world, &plan), ..plan })
        }
    }
}

/// What was planned before, as it would be planned under the site now in force. What was asked for meanwhile is no matter.
///
/// # Errors
/// As [`plan`].
pub fn anew(world: &World, old: &Plan) -> Result<Plan, Refusal> {
    match &old.proposal.again {
        // What goes back to an earlier run is pinned in its own plan: only where it runs and who lets it can change.
        Some(_) => under_site(world, &old.requester, Plan::clone(old)),
        None => {
            let plan = planned(world, old.run, &old.requester, old.asked, &old.proposal, Some(old.hour_hosts))?;
            // Whether it lives is judged where approvals are.
            Ok(Plan { standing: old.standing, ..plan })
        }
    }
}

/// How many hosts runs like this one were asked for within an hour, these among them.
pub(super) fn hour_hosts(world: &World, proposal: &Proposal, at: Timestamp, hosts: &[PlannedHost]) -> u32 {
    let these = hosts.iter().map(|host| &host.name);
    let hosts = world.recent.hosts_with(&proposal.workspace, &proposal.runbook, at, these);
    u32::try_from(hosts).unwrap_or(u32::MAX)
}

fn planned(
    world: &World,
    run: RunId,
    by: &PersonId,
    at: Timestamp,
    proposal: &Proposal,
    hour: Option<u32>,
) -> Result<Plan, Refusal> {
    let site = loaded(world)?;
    let workspace = visible_workspace(site, by, proposal)?;
    let runbook = site.runbooks.get(&proposal.runbook).ok_or_else(|| {
        Refusal::new(Rule::NotFound, format!("no runbook is called {}", proposal.runbook))
            .next("`quarterdeck show` lists them")
    })?;
    let accepted = world.accepted_runbooks.contains(&runbook.digest);
    may_propose(site, workspace, by, runbook, accepted)?;
    fields_are_right(workspace, runbook, proposal)?;
    checkpoint::demanded(workspace, runbook, proposal)?;
    let inputs = filled(runbook, proposal);
    let hosts = hosts(workspace, runbook, proposal)?;
    let jumps = jumps(workspace, &hosts)?;
    let steps = steps(workspace, runbook, proposal)?;
    baseline_stands(world, workspace, runbook, proposal, &hosts)?;
    let chosen = || steps.iter().filter_map(|nth| runbook.steps.get(usize::from(*nth)));
    only_over_ssh(&hosts, chosen())?;
    let secrets = secrets(site, runbook, proposal)?;
    let local_account = local_account(site, workspace, &hosts, chosen(), &secrets)?;
    let (programs, groups) = (programs(site, chosen()), groups(workspace, &hosts, chosen()));
    egress(site, chosen())?;
    let hour_hosts = hour.unwrap_or_else(|| hour_hosts(world, proposal, at, &hosts));
    let (impact, impact_because) = impact(workspace, runbook, (hosts.len(), hour_hosts), proposal);
    Ok(Plan {
        origin: world.origin.clone(),
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        site: site.digest,
        commit: site.commit.clone(),
        dirty: site.dirty,
        run,
        from: Origin::Proposed,
        requester: by.clone(),
        behind: site.owner_of(by).cloned(),
        asked: at,
        proposal: proposal.clone(),
        workspace_title: workspace.title.clone(),
        environment: workspace.environment,
        runbook: Arc::clone(runbook),
        inputs,
        secrets,
        batches: batches(&runbook.targets, hosts.len()),
        parallel: runbook.targets.parallel.max(1),
        max_failures: runbook.targets.max_failures.map(|amount| tolerated(amount, hosts.len())),
        hosts,
        local_account,
        programs,
        groups,
        jumps,
        steps,
        given: Vec::new(),
        published: Vec::new(),
        promised: Vec::new(),
        limits: runbook.limits.clone(),
        editors: site.editors.get(&runbook.id).cloned().unwrap_or_default(),
        hour_hosts,
        impact,
        impact_because,
        quorum: quorum(site, workspace, impact),
        standing: None,
        demands: Demands::at(&workspace.policy, impact),
        approval_expiry_ms: workspace.policy.approval_expiry_ms,
        execution_expiry_ms: workspace.policy.execution_expiry_ms,
        windows: workspace.windows.clone(),
        after_window: workspace.policy.after_window,
        warnings: warnings(site, workspace),
        runbook_accepted: accepted,
    })
}

/// The impact that a run of a runbook on so many hosts has, and why.
pub(super) fn impact_at_most(workspace: &Workspace, runbook: &Runbook, hosts: u32) -> (Impact, Vec<String>) {
    today::impact_of(workspace, runbook, &runbook.steps, (usize::try_from(hosts).unwrap_or(usize::MAX), hosts))
}

fn loaded(world: &World) -> Result<&Site, Refusal> {
    world
        .site
        .as_deref()
        .ok_or_else(|| Refusal::new(Rule::Site, "no site is loaded yet").next("run `quarterdeck check`"))
}

/// Another workspace's object is "not found", in the same words as one that does not exist.
fn visible_workspace<'a>(site: &'a Site, by: &PersonId, proposal: &Proposal) -> Result<&'a Arc<Workspace>, Refusal> {
    site.workspaces.get(&proposal.workspace).filter(|workspace| workspace.has_member(by)).ok_or_else(|| {
        Refusal::new(Rule::NotFound, format!("no workspace is called {}", proposal.workspace))
            .next("`quarterdeck hosts list` shows the workspaces you are a member of")
    })
}

/// Says who holds a role that somebody lacks.
pub(super) fn missing_role(workspace: &Workspace, by: &PersonId, role: Role, act: &str) -> Refusal {
    let who: Vec<&str> = workspace.holders(role).map(PersonId::as_str).collect();
    Refusal::new(Rule::Role, format!("{by} is not {} in {} and may not {act}", role.word(), workspace.id))
        .who_may(if who.is_empty() { "nobody yet".to_owned() } else { who.join(", ") })
}

fn may_propose(
    site: &Site,
    workspace: &Workspace,
    by: &PersonId,
    runbook: &Runbook,
    accepted: bool,
) -> Result<(), Refusal> {
    may_run_here(site, workspace, runbook, accepted)?;
    match workspace.grants(by, runbook.runs_as) {
        true => Ok(()),
        false => Err(missing_role(workspace, by, runbook.runs_as, "propose this runbook")),
    }
}

fn may_run_here(site: &Site, workspace: &Workspace, runbook: &Runbook, accepted: bool) -> Result<(), Refusal> {
    let production = workspace.environment == Environment::Production;
    let refuse = |what: String, next: &str| Err(Refusal::new(Rule::RunbookStatus, what).next(next));
    match runbook.status {
        Status::Retired => {
            return refuse(format!("{} is retired", runbook.id), "look for the runbook that replaced it");
        }
        Status::Draft if production => {
            return refuse(format!("{} is a draft and runs in lab and staging alone", runbook.id), "have it approved");
        }
        Status::Approved if production && !accepted => {
            return refuse(
                format!("this version of {} was not accepted by a second person", runbook.id),
                "somebody other than its author accepts the site change",
            );
        }
        Status::Draft | Status::Approved => {}
    }
    if production && site.has_one_person() {
        return Err(Refusal::new(Rule::OnePerson, "one person: no separation, so nothing runs in production")
            .next("add a second person to people.toml"));
    }
    if let Some(duty) = runbook.duties().into_iter().find(|duty| !workspace.duties.contains(*duty)) {
        return Err(Refusal::new(
            Rule::RunbookStatus,
            format!("{} names the duty {duty}, which {} lacks", runbook.id, workspace.id),
        )
        .next("declare it under [workspace] duties"));
    }
    Ok(())
}

fn fields_are_right(workspace: &Workspace, runbook: &Runbook, proposal: &Proposal) -> Result<(), Refusal> {
    let refuse = |what: String| Err(Refusal::new(Rule::Input, what));
    if let Some(name) = proposal.inputs.keys().find(|name| !runbook.inputs.iter().any(|input| input.name == **name)) {
        return refuse(format!("{} has no input called {name}", runbook.id));
    }
    for input in &runbook.inputs {
        let value = proposal.inputs.get(&input.name).or(input.default.as_ref()).map_or("", String::as_str);
        if let Err(why) = super::input::check(input, value, workspace) {
            return refuse(format!("{}: {why}", input.name));
        }
        if let Some(confirm) = input.confirm.as_ref().filter(|_| !proposal.ticks.contains(&input.name)) {
            return refuse(format!("{} is not confirmed: {confirm}", input.name));
        }
    }
    let texts =
        [("reason", &proposal.reason), ("ticket", &proposal.ticket), ("communication", &proposal.communication)];
    for (name, text) in texts {
        if text.len() > super::input::INPUT_BYTES_MAX {
            return refuse(format!("{name} is longer than {} bytes", super::input::INPUT_BYTES_MAX));
        }
        if text.chars().any(|c| c != '\n' && super::input::is_invisible(c)) {
            return refuse(format!("{name} holds an invisible character"));
        }
    }
    Ok(())
}

fn filled(runbook: &Runbook, proposal: &Proposal) -> Vec<(String, String)> {
    let value = |name: &String, default: &Option<String>| {
        proposal.inputs.get(name).or(default.as_ref()).cloned().unwrap_or_default()
    };
    runbook.inputs.iter().map(|input| (input.name.clone(), value(&input.name, &input.default))).collect()
}

fn secrets(site: &Site, runbook: &Runbook, proposal: &Proposal) -> Result<Vec<PinnedSecret>, Refusal> {
    runbook.secrets.iter().map(|(name, secret)| pinned(site, proposal, name, &secret.reference)).collect()
}

fn hosts(workspace: &Workspace, runbook: &Runbook, proposal: &Proposal) -> Result<Vec<PlannedHost>, Refusal> {
    let refuse = |what: String| Refusal::new(Rule::Targets, what);
    let parse =
        |text: &str| selector::parse(text).map_err(|error| refuse(format!("selector `{}`: {error}", beginning(text))));
    let base = parse(&runbook.targets.select)?;
    let narrower = proposal.select.as_deref().filter(|text| !text.trim().is_empty()).map(parse).transpose()?;
    let excluded = runbook.scope.exclude.as_deref().map(parse).transpose()?;
    let chosen: Vec<&Server> = workspace
        .servers
        .iter()
        .filter(|server| base.matches(server) && narrower.as_ref().is_none_or(|select| select.matches(server)))
        .collect();
    if chosen.is_empty() {
        let select = proposal.select.as_deref().unwrap_or(&runbook.targets.select);
        return Err(refuse(format!(
            "`{select}` matches no server of {}; an empty match is never \"all\"",
            workspace.id
        ))
        .next("`quarterdeck hosts list` shows groups and tags"));
    }
    if chosen.len() > HOSTS_MAX {
        return Err(
            Refusal::new(Rule::Limit, format!("{} hosts; a run takes {HOSTS_MAX}", chosen.len())).next("split the run")
        );
    }
    if let Some(hit) = excluded.and_then(|select| chosen.iter().find(|server| select.matches(server))) {
        return Err(refuse(format!("{} is excluded by the runbook's scope", hit.name)).next("choose narrower"));
    }
    written_for(runbook, &chosen)?;
    Ok(chosen
        .into_iter()
        .map(|server| PlannedHost { name: server.name.clone(), reach: server.reach.clone() })
        .collect())
}

/// A runbook within another is accepted for the hosts it names: being run from elsewhere widens nothing.
fn written_for(runbook: &Runbook, chosen: &[&Server]) -> Result<(), Refusal> {
    for within in &runbook.within {
        let of = |text: &str| selector::parse(text).ok();
        let select = of(&within.select);
        let exclude = within.exclude.as_deref().and_then(of);
        let fits = |server: &&&Server| {
            select.as_ref().is_none_or(|select| select.matches(server))
                && !exclude.as_ref().is_some_and(|exclude| exclude.matches(server))
        };
        if let Some(other) = chosen.iter().find(|server| !fits(server)) {
            let but = within.exclude.as_ref().map(|text| format!(", but not `{text}`")).unwrap_or_default();
            let what = format!("{} runs {}, which is for `{}`{but}", runbook.id, within.name, within.select);
            return Err(Refusal::new(Rule::Targets, format!("{}: {what}", other.name)).next("choose narrower"));
        }
    }
    Ok(())
}

/// So much of a text that it can be recognised, however long it is.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(RECOGNISED_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Every server the hosts go through, once, in the order first needed.
pub(crate) fn jumps(workspace: &Workspace, hosts: &[PlannedHost]) -> Result<Vec<PlannedHost>, Refusal> {
    let mut found: Vec<PlannedHost> = Vec::new();
    for host in hosts {
        let mut at = host.reach.clone();
        let mut hops = 0;
        while let Reach::Ssh { jump: Some(name), .. } = &at {
            hops += 1;
            if hops > JUMPS_MAX {
                return Err(Refusal::new(
                    Rule::Targets,
                    format!("{} goes through more than {JUMPS_MAX} servers", host.name),
                ));
            }
            let Some(server) = workspace.server(name) else {
                return Err(Refusal::new(
                    Rule::Targets,
                    format!("{} goes through {name}, which {} lacks", host.name, workspace.id),
                ));
            };
            let next = server.reach.clone();
            if !found.iter().any(|known| known.name == *name) {
                found.push(PlannedHost { name: name.clone(), reach: next.clone() });
            }
            at = next;
        }
    }
    Ok(found)
}

/// A run takes the steps of the workspace's baseline tags and of those chosen; steps without tags always run.
fn steps(workspace: &Workspace, runbook: &Runbook, proposal: &Proposal) -> Result<Vec<u16>, Refusal> {
    let beyond: Vec<&str> =
        proposal.tags.iter().filter(|tag| !workspace.baseline_tags.contains(*tag)).map(String::as_str).collect();
    if let Some(tag) = beyond.iter().find(|tag| !runbook.steps.iter().any(|step| step.tags.contains(**tag))) {
        return Err(Refusal::new(Rule::Input, format!("no step of {} carries the tag {tag}", runbook.id)));
    }
    if !beyond.is_empty() && proposal.reason.trim().is_empty() {
        return Err(Refusal::new(
            Rule::ReasonMissing,
            format!("tags beyond the baseline ({}) need a reason", beyond.join(", ")),
        ));
    }
    let runs = |step: &super::runbook::Step| {
        step.tags.is_empty()
            || step.tags.iter().any(|tag| workspace.baseline_tags.contains(tag) || proposal.tags.contains(tag))
    };
    let chosen: Vec<u16> =
        (0u16..).zip(&runbook.steps).filter(|(_, step)| runs(step)).map(|(position, _)| position).collect();
    if chosen.is_empty() {
        return Err(Refusal::new(Rule::Input, "no step carries one of the tags").next("choose tags that steps carry"));
    }
    Ok(chosen)
}

/// On the server's own machine work is done by the account for it, which becomes nobody else and is given no terminal.
fn only_over_ssh<'a>(hosts: &[PlannedHost], steps: impl Iterator<Item = &'a Step>) -> Result<(), Refusal> {
    let Some(host) = hosts.iter().find(|host| host.reach == Reach::Local) else {
        return Ok(());
    };
    for step in steps {
        let Some(script) = step.action.script() else { continue };
        let wants = match (&script.becomes, script.pty) {
            (Some(_), _) => "becomes another user",
            (None, true) => "wants a terminal",
            (None, false) => continue,
        };
        let what = format!("step {} {wants}, and {} is this machine", step.id, host.name);
        return Err(Refusal::new(Rule::Targets, what).next("choose hosts that are reached by SSH"));
    }
    Ok(())
}

/// More than the baseline is for hosts on which a run of the baseline, of this very version, ended well.
fn baseline_stands(
    world: &World,
    workspace: &Workspace,
    runbook: &Runbook,
    proposal: &Proposal,
    hosts: &[PlannedHost],
) -> Result<(), Refusal> {
    let is_baseline = |tag: &String| workspace.baseline_tags.contains(tag);
    let has_baseline = runbook.steps.iter().flat_map(|step| &step.tags).any(is_baseline);
    if !has_baseline || proposal.tags.iter().all(is_baseline) {
        return Ok(());
    }
    let alone = Proposal { tags: BTreeSet::new(), ..proposal.clone() };
    let baseline = steps(workspace, runbook, &alone)?;
    let usual = world.usual.get(&(workspace.id.clone(), runbook.id.clone()));
    let proven = usual.and_then(|usual| usual.proven.as_ref());
    let stands = |host: &PlannedHost| proven.is_some_and(|it| it.holds(runbook.digest, &baseline, &host.name));
    match hosts.iter().find(|host| !stands(host)) {
        None => Ok(()),
        Some(host) => {
            let what = format!("the baseline of this version of {} has not run well on {}", runbook.id, host.name);
            Err(Refusal::new(Rule::Baseline, what).next("run it without further tags first, or choose other hosts"))
        }
    }
}

fn batches(targets: &Targets, hosts: usize) -> Vec<Vec<HostIx>> {
    let total = u32::try_from(hosts).unwrap_or(u32::MAX);
    let mut next = 0;
    let mut batches = Vec::new();
    for amount in &targets.batches {
        let size = match amount {
            Amount::Hosts(count) => *count,
            Amount::Percent(percent) => {
                u32::try_from((u64::from(total) * u64::from(*percent)).div_ceil(100)).unwrap_or(total)
            }
        };
        let end = next + size.max(1).min(total - next);
        if end > next {
            batches.push((next..end).map(HostIx).collect());
        }
        next = end;
    }
    if next < total {
        batches.push((next..total).map(HostIx).collect());
    }
    batches
}

fn tolerated(amount: Amount, hosts: usize) -> u32 {
    match amount {
        Amount::Hosts(count) => count,
        Amount::Percent(percent) => {
            let hosts = u64::try_from(hosts).unwrap_or(u64::MAX);
            u32::try_from(hosts * u64::from(percent) / 100).unwrap_or(u32::MAX)
        }
    }
}
