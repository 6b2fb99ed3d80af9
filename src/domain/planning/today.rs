//! What today's site adds to a plan, whatever it runs: where its hosts are, what it could harm, who must approve it, whom it may ask,
//! and where its secrets are read.

use super::{MANY_HOSTS, jumps, loaded, may_propose, visible_workspace};
use crate::domain::call::CallKind;
use crate::domain::checkpoint::Demand;
use crate::domain::findings;
use crate::domain::id::HostIx;
use crate::domain::id::PersonId;
use crate::domain::people::Role;
use crate::domain::plan::{PinnedSecret, Plan, PlanWarning, PlannedHost, Proposal};
use crate::domain::proved::Demands;
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::runbook::{Action, Effect, Impact, Runbook, Step};
use crate::domain::secret_ref::SecretRef;
use crate::domain::site::Site;
use crate::domain::tool::Tool;
use crate::domain::workspace::{Environment, Quorum, Reach, Slot, Workspace};
use crate::domain::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// A plan that was made before, as today's site has it: where its hosts are, who must approve, when it may run. What runs is
/// not touched.
///
/// # Errors
/// The workspace, a host or the right to run it is gone.
pub fn under_site(world: &World, by: &PersonId, plan: Plan) -> Result<Plan, Refusal> {
    let site = loaded(world)?;
    let workspace = visible_workspace(site, by, &plan.proposal)?;
    let accepted = world.accepted_runbooks.contains(&plan.runbook.digest);
    may_propose(site, workspace, by, &plan.runbook, accepted)?;
    let now = |host: &PlannedHost| {
        let server = workspace.server(&host.name).ok_or_else(|| {
            Refusal::new(Rule::Targets, format!("{} is no longer in {}", host.name, workspace.id))
                .next("propose the runbook anew")
        })?;
        Ok(PlannedHost { name: host.name.clone(), reach: server.reach.clone() })
    };
    let hosts: Vec<PlannedHost> = plan.hosts.iter().map(now).collect::<Result<_, Refusal>>()?;
    egress(site, plan.steps().map(|(_, step)| step))?;
    let jumps = jumps(workspace, &hosts)?;
    let chosen = || plan.steps().map(|(_, step)| step);
    let secrets = plan.secrets.iter().map(|secret| pinned(site, &plan.proposal, &secret.name, &secret.reference));
    let secrets = secrets.collect::<Result<Vec<_>, Refusal>>()?;
    let local_account = local_account(site, workspace, &hosts, chosen(), &secrets)?;
    let (programs, groups) = (programs(site, chosen()), groups(workspace, &hosts, chosen()));
    let (impact, impact_because) = impact(workspace, &plan.runbook, (hosts.len(), plan.hour_hosts), &plan.proposal);
    let mut all_warnings = plan.warnings;
    all_warnings.retain(|warning| warning.id.as_str() != findings::UNCOMMITTED);
    all_warnings.extend(warnings(site, workspace));
    Ok(Plan {
        origin: world.origin.clone(),
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        site: site.digest,
        commit: site.commit.clone(),
        dirty: site.dirty,
        behind: site.owner_of(by).cloned(),
        workspace_title: workspace.title.clone(),
        environment: workspace.environment,
        hosts,
        local_account,
        programs,
        groups,
        jumps,
        secrets,
        impact,
        impact_because,
        quorum: quorum(site, workspace, impact),
        standing: None,
        demands: Demands::at(&workspace.policy, impact),
        approval_expiry_ms: workspace.policy.approval_expiry_ms,
        execution_expiry_ms: workspace.policy.execution_expiry_ms,
        windows: workspace.windows.clone(),
        after_window: workspace.policy.after_window,
        warnings: all_warnings,
        runbook_accepted: accepted,
        ..plan
    })
}

/// A secret with the place it is read at, as today's site names it.
pub(super) fn pinned(site: &Site, proposal: &Proposal, name: &str, reference: &str) -> Result<PinnedSecret, Refusal> {
    let reads_vault = reference.starts_with("vault:");
    if reads_vault && site.vault.is_none() {
        let what = format!("the secret {name} is read from a vault, and the site names none");
        return Err(Refusal::new(Rule::Input, what).next("describe it under [vault] in quarterdeck.toml"));
    }
    let vault = site.vault.clone().filter(|_| reads_vault);
    let version = proposal.versions.get(name).filter(|_| reads_vault).cloned();
    Ok(PinnedSecret { name: name.to_owned(), reference: reference.to_owned(), version, vault })
}

/// Under which account work on the server's own machine is done. In production never under the server's: that one reads keys
/// and records (Z56).
pub(super) fn local_account<'a>(
    site: &Site,
    workspace: &Workspace,
    hosts: &[PlannedHost],
    mut steps: impl Iterator<Item = &'a Step>,
    secrets: &[PinnedSecret],
) -> Result<Option<String>, Refusal> {
    let host =
        hosts.iter().find(|host| host.reach == Reach::Local).map(|host| format!("{} is this machine", host.name));
    let step = || {
        steps.find_map(|step| Some(format!("step {} runs {} on this machine", step.id, step.action.tool()?.program())))
    };
    let secret = || {
        let printed = secrets.iter().find(|it| matches!(it.reference.parse(), Ok(SecretRef::Command { .. })))?;
        Some(format!("the secret {} is printed by a program of this machine", printed.name))
    };
    let Some(here) = host.or_else(step).or_else(secret) else {
        return Ok(None);
    };
    match (&site.local_account, workspace.environment) {
        (None, Environment::Production) => {
            let what = format!("{here}, and the site names no account for work on it");
            Err(Refusal::new(Rule::LocalAccount, what).next("name one under [local] account in quarterdeck.toml"))
        }
        (account, _) => Ok(account.clone()),
    }
}

/// Where the programs of these steps lie, as far as the site says so.
pub(super) fn programs<'a>(site: &Site, steps: impl Iterator<Item = &'a Step>) -> Vec<(String, String)> {
    let needed = steps.filter_map(|step| step.action.tool()).map(Tool::program);
    let needed: BTreeSet<&str> = needed.collect();
    needed.into_iter().filter_map(|name| Some((name.to_owned(), site.programs.get(name)?.clone()))).collect()
}

/// Who of the hosts belongs to which group, for steps that choose among them by group.
pub(super) fn groups<'a>(
    workspace: &Workspace,
    hosts: &[PlannedHost],
    mut steps: impl Iterator<Item = &'a Step>,
) -> Vec<(String, Vec<HostIx>)> {
    let mut groups: BTreeMap<String, Vec<HostIx>> = BTreeMap::new();
    if steps.any(|step| step.action.tool().is_some_and(Tool::knows_groups)) {
        for (ix, host) in (0u32..).map(HostIx).zip(hosts) {
            for group in workspace.server(&host.name).into_iter().flat_map(|server| &server.groups) {
                groups.entry(group.clone()).or_default().push(ix);
            }
        }
    }
    groups.into_iter().collect()
}

/// The server asks nobody over HTTP whom the site does not name.
pub(super) fn egress<'a>(site: &Site, steps: impl Iterator<Item = &'a Step>) -> Result<(), Refusal> {
    for (step, call) in steps.filter_map(|step| step.action.call().map(|call| (step, call))) {
        let place = crate::domain::call::authority(call.url()).map_err(|why| Refusal::new(Rule::Egress, why))?.place;
        if !site.egress.contains(&place) {
            let what = format!("step {} asks {place}, which the site does not name", step.id);
            return Err(Refusal::new(Rule::Egress, what).next("name it under [egress] allow in quarterdeck.toml"));
        }
    }
    Ok(())
}

pub(super) fn impact(
    workspace: &Workspace,
    runbook: &Runbook,
    (hosts, hour_hosts): (usize, u32),
    proposal: &Proposal,
) -> (Impact, Vec<String>) {
    let (raise_to, goes_back) = (proposal.raise_to, proposal.again.is_some());
    // What goes back to an earlier run could harm what that one could; its undo steps say nothing beyond it.
    let steps = if goes_back { &[] } else { runbook.steps.as_slice() };
    let (mut impact, mut because) = impact_of(workspace, runbook, steps, (hosts, hour_hosts));
    if let Some(higher) = raise_to.filter(|wanted| *wanted > impact) {
        let whose = if goes_back { "as the run it goes back to" } else { "by the proposer" };
        because.push(format!("raised to {} {whose}", higher.word()));
        impact = higher;
    }
    (impact, because)
}

/// Before anybody raises it: by runbook, environment, hosts and effects.
pub(super) fn impact_of(
    workspace: &Workspace,
    runbook: &Runbook,
    steps: &[Step],
    (hosts, hour_hosts): (usize, u32),
) -> (Impact, Vec<String>) {
    let mut because = vec![format!("the runbook says {}", runbook.impact.word())];
    let mut impact = runbook.impact;
    let production = workspace.environment == Environment::Production;
    if production {
        because.push("raised by production".to_owned());
    }
    if hosts > MANY_HOSTS {
        because.push(format!("raised by more than {MANY_HOSTS} hosts"));
    }
    let many_in_an_hour = usize::try_from(hour_hosts).unwrap_or(usize::MAX) > MANY_HOSTS;
    if many_in_an_hour && hosts <= MANY_HOSTS {
        because.push(format!("raised by {hour_hosts} hosts within an hour"));
    }
    if production || hosts > MANY_HOSTS || many_in_an_hour {
        impact = impact.raised();
    }
    let counts = workspace.environment > Environment::Lab && impact < Impact::Medium;
    if let Some(step) = steps.iter().find(|step| is_for_good(step)).filter(|_| counts) {
        because.push(format!("raised by {}, which must never be done twice", step.id));
        impact = Impact::Medium;
    }
    (impact, because)
}

/// What must never be done twice is not mended by doing it again: that is no low impact outside a lab, whatever its author wrote. What people do,
/// what undoes, and what only tells somebody is not meant.
fn is_for_good(step: &Step) -> bool {
    let by_machine = match &step.action {
        Action::Script(_) | Action::Tool(_) | Action::Copy(_) | Action::Vault(_) => true,
        Action::Call(call) => !matches!(call.kind, CallKind::Notify { .. }),
        Action::Manual { .. } | Action::Approval(_) | Action::Wait(_) => false,
    };
    by_machine && step.effect == Effect::Once
}

/// Approval is due for impact medium and high, always in production, and where the policy asks it of every run. A site with one person has nobody to ask
/// and runs in lab and staging alone.
///
/// Of every role as many as any quorum at this impact or below it asks for, so that a higher impact never asks for less.
pub(in crate::domain) fn quorum(site: &Site, workspace: &Workspace, impact: Impact) -> Option<Quorum> {
    let every = workspace.policy.checkpoints.contains(&Demand::Scope);
    let asks = impact > Impact::Low || workspace.environment == Environment::Production || every;
    if site.has_one_person() || !asks {
        return None;
    }
    let written = workspace.policy.quorums.iter().filter(|quorum| quorum.impact <= impact);
    let mut seats: BTreeMap<Role, u32> = BTreeMap::new();
    for quorum in written {
        let mut wanted: BTreeMap<Role, u32> = BTreeMap::new();
        for slot in &quorum.from {
            *wanted.entry(slot.role).or_default() += slot.n;
        }
        for (role, n) in wanted {
            let most = seats.entry(role).or_default();
            *most = n.max(*most);
        }
    }
    let from = match seats.is_empty() {
        true => vec![Slot { role: Role::Approver, n: 1 }],
        false => seats.into_iter().map(|(role, n)| Slot { role, n }).collect(),
    };
    Some(Quorum { impact, from })
}

pub(super) fn warnings(site: &Site, workspace: &Workspace) -> Vec<PlanWarning> {
    if site.dirty == Some(true) && workspace.environment == Environment::Production {
        let text = "the site holds changes that are in no Git commit".to_owned();
        return vec![PlanWarning { id: findings::UNCOMMITTED.into(), text }];
    }
    Vec::new()
}
