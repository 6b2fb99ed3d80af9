//! What a run would do differently under the site now in force.

use super::*;

/// What of a run's plan would be different under the site in force: the field's name, or nothing.
///
/// The site's digest, commit and the like are part of the binding but do not run: they are left out here, so that an
/// edit elsewhere in the site voids nobody's approval.
pub fn drift(world: &World, run: &Run) -> Option<String> {
    let old = &run.plan;
    let new = match planning::anew(world, old) {
        Ok(plan) => Plan {
            site: old.site,
            commit: old.commit.clone(),
            dirty: old.dirty,
            warnings: old.warnings.clone(),
            workspace_title: old.workspace_title.clone(),
            runbook_accepted: old.runbook_accepted,
            from: old.from,
            // The same text is the same edit, whoever commits it once more.
            editors: old.editors.clone(),
            ..plan
        },
        Err(refusal) => return Some(format!("it could not be proposed now: {}", refusal.what)),
    };
    if new == **old {
        return None;
    }
    let changed = differences(old, &new);
    Some(if changed.is_empty() { "changed: the plan".to_owned() } else { format!("changed: {}", changed.join(", ")) })
}

/// In what of that which runs, and by whose word, two plans of one request differ: each by its name.
pub fn differences(old: &Plan, new: &Plan) -> Vec<&'static str> {
    let commands = |plan: &Plan| {
        (plan.runbook.steps.clone(), plan.runbook.preflight.clone(), plan.runbook.verify.clone(), plan.steps.clone())
    };
    let fields: [(&'static str, bool); 19] = [
        ("program version", old.crate_version != new.crate_version),
        ("whose machine asks", old.behind != new.behind),
        ("environment", old.environment != new.environment),
        ("hosts", old.hosts != new.hosts || old.jumps != new.jumps || old.groups != new.groups),
        ("batches", old.batches != new.batches || old.parallel != new.parallel),
        ("tolerated failures", old.max_failures != new.max_failures),
        ("time-outs", old.limits != new.limits),
        ("steps or checks", commands(old) != commands(new)),
        ("runbook (commands unchanged)", old.runbook.digest != new.runbook.digest && commands(old) == commands(new)),
        ("inputs", old.inputs != new.inputs),
        ("account for local work", old.local_account != new.local_account),
        ("programs for local work", old.programs != new.programs),
        ("secrets", old.secrets != new.secrets),
        ("impact", old.impact != new.impact || old.impact_because != new.impact_because),
        ("quorum", old.quorum != new.quorum),
        ("second factor or signature", old.demands != new.demands),
        ("windows", old.windows != new.windows || old.after_window != new.after_window),
        ("approval expiry", old.approval_expiry_ms != new.approval_expiry_ms),
        ("execution expiry", old.execution_expiry_ms != new.execution_expiry_ms),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
