//! Who can decide: whether changes to the site, and runs in production, find a second person at all; and whether all
//! those people meet at one server.

use super::warning;
use crate::domain::PersonId;
use crate::domain::checkpoint::Demand;
use crate::domain::glass::REVIEWS;
use crate::domain::people::{Person, Role};
use crate::domain::proved::can_sign;
use crate::domain::runbook::Impact;
use crate::domain::workspace::{Environment, Workspace};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::load::Parts;
use crate::site::parse::Parsed;
use std::collections::{BTreeMap, BTreeSet};

/// Warns where authority rests on nobody or on one person. A site with one person says so already.
pub(super) fn check(parts: &Parts, found: &mut Vec<Diagnostic>) {
    let Some(people) = parts.people.as_ref().and_then(|parsed| parsed.value.as_ref()).filter(|all| all.len() > 1)
    else {
        return;
    };
    for workspace in &parts.workspaces {
        owners(workspace, found);
        usual_approval(workspace, found);
        quorum_nobody_asks(workspace, found);
        nobody_reviews(workspace, found);
        broken_glass(workspace, found);
        approvers_without_keys(workspace, people, found);
    }
    let accounts: BTreeSet<&String> = people.values().flat_map(|person| &person.unix).collect();
    if let Some(settings) = &parts.settings
        && let Some(fields) = &settings.fields
        && accounts.len() > 1
        && fields.table("data").is_none_or(|data| data.get("dir").is_none())
    {
        let at = fields.table("site").map_or(0..0, |head| head.span.clone());
        let message = "several people, and no [data] says where the records lie";
        let hint = "each account would start a server of its own: write [data] dir = \"/var/lib/quarterdeck\"";
        found.push(warning(&settings.source, Code::Rule, at).say(message, hint));
    }
}

/// Whoever loads a change cannot accept it: one owner alone waits for somebody else to load it.
fn owners(parsed: &Parsed<Workspace>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    let members = workspace.members.keys().filter(|person| workspace.is_owned_by(person));
    let owners: BTreeSet<&PersonId> = members.chain([&workspace.owner]).collect();
    if let [only] = owners.into_iter().collect::<Vec<_>>().as_slice() {
        let at = fields.table("workspace").map_or(0..0, |head| head.span_of("owner"));
        let message = format!("only {only} can accept a change of this workspace, and none that {only} loads");
        let hint = "give a second person the role owner under [members]";
        found.push(warning(&parsed.source, Code::Quorum, at).say(message, hint));
    }
}

/// A seal that nobody can break, and one that nobody can sign off, help nobody at three in the morning.
fn broken_glass(parsed: &Parsed<Workspace>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    let Some(role) = workspace.policy.break_glass else {
        return;
    };
    let at = fields.table("policy").map_or(0..0, |policy| policy.span_of("break_glass"));
    let breakers: BTreeSet<&PersonId> = workspace.holders(role).collect();
    let reviewers: BTreeSet<&PersonId> = workspace.holders(Role::Reviewer).collect();
    if breakers.is_empty() {
        let message = format!("nobody here is {}: glass stays whole", role.word());
        found.push(warning(&parsed.source, Code::Quorum, at).say(message, "give somebody that role under [members]"));
    } else if breakers.iter().any(|breaker| reviewers.iter().filter(|other| *other != breaker).count() < REVIEWS) {
        let message = format!("fewer than {REVIEWS} reviewers beside whoever breaks glass: such a run stays red");
        let hint = format!("give {REVIEWS} people who do not run things the role reviewer under [members]");
        found.push(warning(&parsed.source, Code::Quorum, at).say(message, hint));
    }
}

/// Where approvals are signed, whoever has no key approves nothing: said before anybody is blocked at night.
fn approvers_without_keys(
    parsed: &Parsed<Workspace>,
    people: &BTreeMap<PersonId, Person>,
    found: &mut Vec<Diagnostic>,
) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    let Some(from) = workspace.policy.signed else {
        return;
    };
    let seats = workspace.policy.quorums.iter().flat_map(|quorum| quorum.from.iter().map(|seat| seat.role));
    let roles: BTreeSet<Role> = seats.collect();
    // Where an impact has no quorum of its own, an approver is asked.
    let roles = if roles.is_empty() { BTreeSet::from([Role::Approver]) } else { roles };
    let cannot = |person: &PersonId| {
        let known = people.get(person);
        known.is_some_and(|known| !known.keys.iter().any(|key| can_sign(key)))
    };
    let holders: BTreeSet<&PersonId> = roles.iter().flat_map(|role| workspace.holders(*role)).collect();
    let without: Vec<&str> = holders.into_iter().filter(|person| cannot(person)).map(PersonId::as_str).collect();
    if without.is_empty() {
        return;
    }
    let at = fields.table("policy").map_or(0..0, |policy| policy.span_of("signed"));
    let message = format!(
        "approvals are signed from {} impact, and without a key to sign with: {}",
        from.word(),
        without.join(", ")
    );
    let hint = "write an ed25519 or ecdsa key under `keys` of each of them in people.toml";
    found.push(warning(&parsed.source, Code::Quorum, at).say(message, hint));
}

/// Outside production low impact asks nobody, whatever quorum is written for it.
fn quorum_nobody_asks(parsed: &Parsed<Workspace>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    let asks_always = workspace.environment == Environment::Production;
    if asks_always || workspace.policy.checkpoints.contains(&Demand::Scope) {
        return;
    }
    let policy = fields.table("policy");
    let low = policy.into_iter().flat_map(|policy| policy.tables("quorum"));
    if let Some(low) = low.into_iter().find(|quorum| quorum.text("impact") == Some(Impact::Low.word())) {
        let message = "outside production nobody is asked at low impact: this quorum decides nothing there";
        let hint = "to have every run approved write checkpoints = [\"scope\"] under [policy]";
        found.push(warning(&parsed.source, Code::Quorum, low.span_of("impact")).say(message, hint));
    }
}

/// Without a reviewer no run in production is ever signed off.
fn nobody_reviews(parsed: &Parsed<Workspace>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    if workspace.environment == Environment::Production && workspace.holders(Role::Reviewer).next().is_none() {
        let head = fields.table("workspace").map_or(0..0, |head| head.span_of("environment"));
        let at = fields.table("members").map_or(head, |members| members.span.clone());
        let message = "nobody reviews here: no run is ever signed off";
        let hint = "give somebody who does not run things the role reviewer under [members]";
        found.push(warning(&parsed.source, Code::Quorum, at).say(message, hint));
    }
}

/// Where no quorum is written, production asks one approver other than whoever proposes.
fn usual_approval(parsed: &Parsed<Workspace>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    let is_written = |impact: &Impact| workspace.policy.quorums.iter().any(|quorum| quorum.impact == *impact);
    if workspace.environment != Environment::Production || Impact::ALL.iter().all(is_written) {
        return;
    }
    let approvers: BTreeSet<&PersonId> = workspace.holders(Role::Approver).collect();
    let message = match approvers.iter().collect::<Vec<_>>().as_slice() {
        [] => "nobody approves here: nothing ever runs in production".to_owned(),
        [only] if workspace.grants(only, Role::Operator) => {
            format!("no approver other than {only}: nobody approves what {only} proposes")
        }
        [_] | [_, _, ..] => return,
    };
    let head = fields.table("workspace").map_or(0..0, |head| head.span_of("environment"));
    let at = fields.table("members").map_or(head, |members| members.span.clone());
    let hint = "give a second person the role approver under [members]";
    found.push(warning(&parsed.source, Code::Quorum, at).say(message, hint));
}
