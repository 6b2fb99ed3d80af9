//! Machines decide nothing: they hold no role that would let them, and nothing is theirs to answer for.

use super::error;
use crate::domain::PersonId;
use crate::domain::people::{Person, Role};
use crate::domain::workspace::Workspace;
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::load::Parts;
use crate::site::parse::Parsed;
use std::collections::BTreeMap;

/// Reports machines where only people can be.
pub(super) fn check(parts: &Parts, found: &mut Vec<Diagnostic>) {
    let Some(people) = parts.people.as_ref().and_then(|parsed| parsed.value.as_ref()) else {
        return;
    };
    for workspace in &parts.workspaces {
        in_workspace(workspace, people, found);
    }
    let Some(settings) = &parts.settings else {
        return;
    };
    let head = settings.fields.as_ref().and_then(|fields| fields.table("site"));
    let named = settings.value.iter().flat_map(|settings| &settings.administrators);
    for name in named.filter(|name| is_machine(people, name)) {
        let at = head.map_or(0..0, |head| head.span_of("administrators"));
        let message = format!("{name} is a machine and administers nothing");
        found.push(error(&settings.source, Code::Rule, at).say(message, "name a person"));
    }
}

fn is_machine(people: &BTreeMap<PersonId, Person>, id: &PersonId) -> bool {
    people.get(id).is_some_and(|person| person.machine_of.is_some())
}

fn in_workspace(parsed: &Parsed<Workspace>, people: &BTreeMap<PersonId, Person>, found: &mut Vec<Diagnostic>) {
    let (Some(workspace), Some(fields)) = (&parsed.value, &parsed.fields) else {
        return;
    };
    if is_machine(people, &workspace.owner) {
        let at = fields.table("workspace").map_or(0..0, |head| head.span_of("owner"));
        let message = format!("{} is a machine and answers for nothing", workspace.owner);
        found.push(error(&parsed.source, Code::Rule, at).say(message, "name a person"));
    }
    for (member, roles) in workspace.members.iter().filter(|(member, _)| is_machine(people, member)) {
        let beyond = roles.iter().find(|role| match role {
            Role::Viewer | Role::Operator => false,
            Role::Approver | Role::Reviewer | Role::Commander | Role::Auditor | Role::Owner => true,
        });
        if let Some(role) = beyond {
            let at = fields.table("members").map_or(0..0, |members| members.span_of(member.as_str()));
            let message = format!("{member} is a machine and cannot be {}", role.word());
            let hint = "a machine proposes: it is viewer or operator";
            found.push(error(&parsed.source, Code::Rule, at).say(message, hint));
        }
    }
}
