//! What is different this time: a plan beside the plan of the last good run of the same runbook in the same place.

use crate::domain::World;
use crate::domain::plan::Plan;
use crate::domain::runbook::{Action, Step};
use crate::domain::workspace::Reach;
use crate::domain::world::LastGood;
use std::collections::BTreeSet;

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What sort.
    pub sign: Sign,
    /// In words.
    pub words: String,
}

/// What sort of difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sign {
    New,
    Gone,
    Other,
    Same,
}

impl Sign {
    /// One column wide.
    pub fn glyph(self) -> &'static str {
        match self {
            Sign::New => "+",
            Sign::Gone => "-",
            Sign::Other => "~",
            Sign::Same => "=",
        }
    }
}

/// Names told one by one before the rest is counted.
const NAMED_MAX: usize = 6;

/// The last good run of this plan's runbook in its workspace.
pub fn last_good<'a>(world: &'a World, plan: &Plan) -> Option<&'a LastGood> {
    let key = (plan.proposal.workspace.clone(), plan.runbook.id.clone());
    world.usual.get(&key)?.last_good.as_ref().filter(|last| last.run != plan.run)
}

/// Every difference that matters to somebody who decides, the weightiest first. What is the same is said once, at the
/// end, so that nobody has to infer it from silence.
pub fn plans(before: &Plan, after: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    commands(before, after, &mut changes);
    hosts(before, after, &mut changes);
    inputs(before, after, &mut changes);
    secrets(before, after, &mut changes);
    rest(before, after, &mut changes);
    changes
}

fn change(sign: Sign, words: impl Into<String>) -> Change {
    Change { sign, words: words.into() }
}

fn commands(before: &Plan, after: &Plan, changes: &mut Vec<Change>) {
    let found = |plan: &Plan, step: &Step| plan.steps().any(|(_, other)| other.id == step.id);
    let before_len = changes.len();
    for (_, step) in after.steps() {
        match before.steps().find(|(_, old)| old.id == step.id).map(|(_, old)| old) {
            None => changes.push(change(Sign::New, format!("step {} is new", step.id))),
            Some(old) if old.action != step.action => {
                let what = match (&old.action, &step.action) {
                    (Action::Script(a), Action::Script(b)) if a.text != b.text => "runs another command",
                    (Action::Script(_), Action::Script(_)) => "runs under other conditions",
                    (Action::Manual { .. }, Action::Manual { .. }) => "asks for something else by hand",
                    (_, Action::Manual { .. }) => "is done by hand now",
                    (Action::Script(_), _) => "is no script any more",
                    (_, Action::Script(_)) => "is a script now",
                    (a, b) if a.word() == b.word() => "does something else",
                    (_, _) => "is of another kind now",
                };
                changes.push(change(Sign::Other, format!("step {} {what}", step.id)));
            }
            Some(old) if old.undo != step.undo => {
                changes.push(change(Sign::Other, format!("step {} is undone in another way", step.id)));
            }
            Some(old) if old != step => {
                changes.push(change(Sign::Other, format!("step {} is the same command under other rules", step.id)));
            }
            Some(_) => {}
        }
    }
    for (_, step) in before.steps().filter(|(_, step)| !found(after, step)) {
        changes.push(change(Sign::Gone, format!("step {} is gone", step.id)));
    }
    let order = |plan: &Plan| -> Vec<_> { plan.steps().map(|(_, step)| step.id.clone()).collect() };
    let (old, new) = (order(before), order(after));
    if changes.len() == before_len {
        match old == new {
            true => changes.push(change(Sign::Same, "commands unchanged")),
            false => changes.push(change(Sign::Other, "the same commands in another order")),
        }
    }
    let checks = |plan: &Plan| (plan.runbook.preflight.clone(), plan.runbook.verify.clone());
    if checks(before) != checks(after) {
        changes.push(change(Sign::Other, "checks or verification are others"));
    }
}

fn hosts(before: &Plan, after: &Plan, changes: &mut Vec<Change>) {
    let names = |plan: &Plan| -> BTreeSet<String> { plan.hosts.iter().map(|host| host.name.to_string()).collect() };
    let (old, new) = (names(before), names(after));
    // In the plan's own order: web-2 before web-12.
    let of = |plan: &Plan, other: &BTreeSet<String>| -> Vec<String> {
        plan.hosts.iter().map(|host| host.name.to_string()).filter(|name| !other.contains(name)).collect()
    };
    let (fresh, gone) = (of(after, &old), of(before, &new));
    if !fresh.is_empty() {
        let verb = if fresh.len() == 1 { "is" } else { "are" };
        changes.push(change(Sign::New, format!("{} {verb} new", some(&fresh))));
    }
    if !gone.is_empty() {
        let verb = if gone.len() == 1 { "is" } else { "are" };
        changes.push(change(Sign::Gone, format!("{} {verb} not in it", some(&gone))));
    }
    let moved: Vec<String> = after
        .hosts
        .iter()
        .filter(|host| before.hosts.iter().any(|old| old.name == host.name && old.reach != host.reach))
        .map(|host| match &host.reach {
            Reach::Ssh { address, user, .. } => format!("{} ({user}@{address})", host.name),
            Reach::Local => format!("{} (local)", host.name),
        })
        .collect();
    if !moved.is_empty() {
        changes.push(change(Sign::Other, format!("reached in another way: {}", some(&moved))));
    }
}

fn inputs(before: &Plan, after: &Plan, changes: &mut Vec<Change>) {
    for (name, value) in &after.inputs {
        match before.inputs.iter().find(|(old, _)| old == name) {
            None => changes.push(change(Sign::New, format!("{name} {value}"))),
            Some((_, old)) if old != value => {
                changes.push(change(Sign::Other, format!("{name} {} → {}", shown(old), shown(value))));
            }
            Some(_) => {}
        }
    }
    for (name, _) in before.inputs.iter().filter(|(name, _)| !after.inputs.iter().any(|(new, _)| new == name)) {
        changes.push(change(Sign::Gone, format!("{name} is not asked for any more")));
    }
}

fn secrets(before: &Plan, after: &Plan, changes: &mut Vec<Change>) {
    for secret in &after.secrets {
        match before.secrets.iter().find(|old| old.name == secret.name) {
            None => changes.push(change(Sign::New, format!("secret {}", secret.name))),
            Some(old) if old.place() != secret.place() => {
                let words = format!("secret {} comes from {}", secret.name, secret.place());
                changes.push(change(Sign::Other, words));
            }
            Some(old) => match (&old.version, &secret.version) {
                (Some(old), Some(new)) if old != new => {
                    changes.push(change(Sign::Other, format!("secret {} {old} → {new}", secret.name)));
                }
                (None | Some(_), None | Some(_)) => {}
            },
        }
    }
}

fn rest(before: &Plan, after: &Plan, changes: &mut Vec<Change>) {
    if before.runbook.version != after.runbook.version {
        let words = format!("runbook {} → {}", before.runbook.version, after.runbook.version);
        changes.push(change(Sign::Other, words));
    } else if before.runbook.digest != after.runbook.digest {
        changes.push(change(Sign::Other, "the runbook's text changed, its version did not"));
    }
    let sizes = |plan: &Plan| -> Vec<usize> { plan.batches.iter().map(Vec::len).collect() };
    let shape = |plan: &Plan| (sizes(plan), plan.parallel, plan.max_failures, plan.runbook.targets.between);
    if shape(before) != shape(after) {
        changes.push(change(Sign::Other, format!("batches {} → {}", batches(before), batches(after))));
    }
    if before.impact != after.impact {
        changes.push(change(Sign::Other, format!("impact {} → {}", before.impact.word(), after.impact.word())));
    }
}

/// `1 + 3 + 8`.
pub fn batches(plan: &Plan) -> String {
    let sizes: Vec<String> = plan.batches.iter().map(|batch| batch.len().to_string()).collect();
    let between = plan.runbook.targets.between.words().filter(|_| sizes.len() > 1);
    let between = between.map(|words| format!(" ({words} in between)")).unwrap_or_default();
    let order = plan.runbook.targets.pace.words().map(|words| format!(", {words}")).unwrap_or_default();
    format!("{}{between}{order}", sizes.join(" + "))
}

fn shown(value: &str) -> &str {
    match value.lines().next() {
        None | Some("") => "(empty)",
        Some(first) => first,
    }
}

fn some(names: &[String]) -> String {
    match names.split_at_checked(NAMED_MAX) {
        Some((told, rest)) if !rest.is_empty() => format!("{} and {} more", told.join(", "), rest.len()),
        Some(_) | None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::fixture;
    use crate::domain::runbook::Runbook;
    use std::sync::Arc;

    fn words(before: &Plan, after: &Plan) -> Vec<String> {
        plans(before, after).into_iter().map(|change| format!("{} {}", change.sign.glyph(), change.words)).collect()
    }

    #[test]
    fn the_last_good_run_of_the_screens_page() {
        let world = fixture::world();
        let run = fixture::approval_42();
        let last = last_good(&world, &run.plan).unwrap();
        let found = words(&last.plan, &run.plan);
        assert!(found.contains(&"+ web-12 is new".to_owned()), "{found:?}");
        assert!(found.contains(&"~ release v2.8.0 → v2.8.1".to_owned()), "{found:?}");
        assert_eq!(found.first().unwrap(), "= commands unchanged");
    }

    #[test]
    fn a_changed_command_comes_first_and_is_named() {
        let before = fixture::plan(&fixture::site(), 1, "prod-web", "rolling-restart", "bo");
        let mut runbook: Runbook = (*before.runbook).clone();
        if let Action::Script(script) = &mut runbook.steps[1].action {
            script.text.push_str("\nrm -rf /tmp/x");
        }
        runbook.steps.remove(0);
        runbook.version = "2.9.0".to_owned();
        let after = Plan { runbook: Arc::new(runbook), steps: vec![0, 1, 2], ..before.clone() };
        let found = words(&before, &after);
        assert_eq!(found[..2], ["~ step restart runs another command", "- step drain is gone"]);
        assert!(found.contains(&"~ runbook 2.8.1 → 2.9.0".to_owned()));
        assert!(!found.iter().any(|line| line.contains("unchanged")));
    }

    #[test]
    fn many_new_hosts_are_counted() {
        let after = fixture::plan(&fixture::site(), 1, "prod-edge", "rolling-restart", "bo");
        let mut before = after.clone();
        before.hosts.truncate(10);
        assert!(words(&before, &after).iter().any(|line| line.ends_with("and 24 more are new")));
    }
}
