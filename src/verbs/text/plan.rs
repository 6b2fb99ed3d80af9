//! A plan in words: all that would run, for whoever proposes, approves or proves it.

use crate::domain::looks;
use crate::domain::plan::Plan;
use crate::domain::words;
use crate::terminal::line::Safe;
use std::fmt::Write as _;

/// `plan`, and the first part of `runs show`: what would run, where, and the way back.
pub fn plan(plan: &Plan, code: Option<&str>) -> String {
    let mut text = format!(
        "{} {} in {} ({}), impact {}\n",
        plan.runbook.id,
        Safe::new(&plan.runbook.version),
        plan.proposal.workspace,
        plan.environment.word(),
        plan.impact.word()
    );
    let _ = writeln!(text, "{}", Safe::new(&plan.runbook.title));
    if let Some(back) = plan.goes_back() {
        let _ = writeln!(text, "{back}");
    }
    for because in &plan.impact_because {
        let _ = writeln!(text, "impact because: {}", Safe::new(because));
    }
    if let Some(code) = code {
        let _ = writeln!(text, "code {code}");
    }
    let approval = match &plan.quorum {
        None => "none due".to_owned(),
        Some(quorum) => {
            let slots: Vec<String> =
                quorum.from.iter().map(|slot| format!("{} {}", slot.n, slot.role.word())).collect();
            slots.join(" and ")
        }
    };
    match plan.standing {
        Some(standing) => {
            let _ = writeln!(text, "approval: standing approval {standing}, in place of {approval}");
        }
        None => {
            let _ = writeln!(text, "approval: {approval}");
        }
    }
    if !plan.demands.is_nothing() {
        let _ = writeln!(text, "approvals: {}", plan.demands.words());
    }
    if !plan.editors.is_empty() {
        let _ = writeln!(text, "last changed by: {}", plan.editors_in_words());
    }
    section(&mut text, "inputs", plan.inputs.iter().map(|(name, value)| (name.clone(), value.clone())));
    section(&mut text, "not what it looks like", deceptions(plan).into_iter());
    section(
        &mut text,
        "secrets",
        plan.secrets.iter().map(|secret| {
            let version = secret.version.as_deref().unwrap_or("not pinned");
            (secret.name.clone(), format!("{} ({version})", secret.place()))
        }),
    );
    let batches: Vec<String> = plan
        .batches
        .iter()
        .map(|batch| {
            let names: Vec<&str> =
                batch.iter().filter_map(|ix| plan.host(*ix)).map(|host| host.name.as_str()).collect();
            names.join(" ")
        })
        .collect();
    let heading = format!(
        "hosts: {} in {}, {} at once{}",
        plan.hosts.len(),
        words::count(batches.len(), "batch", "batches"),
        plan.parallel,
        [
            plan.runbook.targets.pace.words().map(|words| format!("; {words}")),
            plan.runbook.targets.between.words().map(|words| format!("; between batches {words}")),
        ]
        .into_iter()
        .flatten()
        .collect::<String>()
    );
    section(&mut text, &heading, (1..).zip(batches).map(|(number, names)| (format!("batch {number}"), names)));
    checks(&mut text, "preflight", &plan.runbook.preflight);
    let standing = plan.standing();
    if !standing.is_empty() {
        let _ = writeln!(text, "\nstands already");
        for line in standing {
            let _ = writeln!(text, "  {}", Safe::new(&line));
        }
    }
    let _ = writeln!(text, "\nsteps");
    for (position, step) in plan.steps() {
        let withheld = if step.withhold { ", output withheld" } else { "" };
        let (title, effect) = (Safe::new(&step.title), step.effect.word());
        let _ = writeln!(text, "  {}. {}: {title}  [{effect}{withheld}]", position + 1, step.id);
        let lines = step.action.written(&|text| plan.told(step, text));
        for line in lines.trim().lines() {
            let _ = writeln!(text, "       {}", Safe::new(line));
        }
        let aside = [("probe", step.probe.as_ref().map(|probe| probe.text.as_str())), ("undo", step.undo.as_deref())];
        for (label, line) in aside
            .iter()
            .filter_map(|(label, text)| Some((label, (*text)?)))
            .flat_map(|(label, text)| text.trim().lines().map(move |line| (label, line)))
        {
            let _ = writeln!(text, "       {label}: {}", Safe::new(line));
        }
        for (label, words) in step.aside() {
            let _ = writeln!(text, "       {label}: {}", Safe::new(&words));
        }
        for (number, point) in (1..).zip(step.action.checklist()) {
            let _ = writeln!(text, "       [{number}] {}", Safe::new(point));
        }
    }
    let within = plan.runbook.within.iter();
    section(&mut text, "runbooks within", within.map(|it| (it.name.clone(), it.words())));
    checks(&mut text, "verify", &plan.runbook.verify);
    if !plan.runbook.rollback.is_empty() {
        let _ = writeln!(text, "\nway back\n  {}", Safe::new(plan.runbook.rollback.trim()));
    }
    let warned = plan.warnings.iter().map(|w| (w.id.to_string(), w.text.clone()));
    section(&mut text, "warnings", warned);
    text
}

/// What of a plan deceives the eye, and where it stands.
fn deceptions(plan: &Plan) -> Vec<(String, String)> {
    let inputs = plan.inputs.iter().map(|(name, value)| (format!("input {name}"), value.clone()));
    let steps = plan.steps().map(|(_, step)| {
        let written = step.action.written(&|text| plan.told(step, text));
        (format!("step {}", step.id), [&written, step.undo.as_deref().unwrap_or_default()].join("\n"))
    });
    let found = inputs.chain(steps).filter_map(|(place, text)| {
        let lines: Vec<String> = text.lines().filter_map(looks::deceptions).collect();
        (!lines.is_empty()).then(|| (place, lines.join("; ")))
    });
    found.collect()
}

fn checks(text: &mut String, heading: &str, checks: &[crate::domain::runbook::Check]) {
    if checks.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}");
    for check in checks {
        let _ = writeln!(text, "  {}: {}", check.id, Safe::new(&check.title));
        for line in check.script.text.trim().lines() {
            let _ = writeln!(text, "       {}", Safe::new(line));
        }
    }
}

fn section(text: &mut String, heading: &str, rows: impl Iterator<Item = (String, String)>) {
    let rows: Vec<(Safe, Safe)> = rows.map(|(name, value)| (Safe::new(name), Safe::new(value))).collect();
    let Some(width) = rows.iter().map(|(name, _)| name.width()).max() else {
        return;
    };
    let _ = writeln!(text, "\n{heading}");
    for (name, value) in rows {
        let _ = writeln!(text, "  {}  {value}", name.pad(width));
    }
}
