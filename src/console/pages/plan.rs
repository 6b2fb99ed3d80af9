//! A plan in full: everything that would run, or that ran. Nothing of it is folded, and no host is left out.

use super::steps::{checks, row, steps};
use super::{LABEL_COLUMNS, heading, labelled};
use crate::console::compare::{self, Sign};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, name, text};
use crate::console::words;
use crate::domain::HostIx;
use crate::domain::algorithms::Algorithms;
use crate::domain::plan::{Plan, PlannedHost};
use crate::domain::runbook::Lock;
use crate::domain::workspace::{AfterWindow, Quorum, Reach, Trust};
use crate::terminal::line::Safe;
use std::collections::BTreeSet;

/// The whole plan. `cx` gives the zone of its times and the world it is compared with.
pub fn parts(cx: &Cx<'_>, plan: &Plan) -> Vec<Part> {
    [
        head(plan),
        why(plan),
        place(plan),
        standing(plan),
        steps(&runs_as(plan), &plan.runbook, plan.steps().map(|(_, step)| step), |step, words| plan.told(step, words)),
        given(cx, plan),
        checks("checked before the first step", "none of the runbook's own", &plan.runbook.preflight),
        checks("verified after the last", "nothing: the run cannot end as succeeded", &plan.runbook.verify),
        against(cx, plan),
        way_back(plan),
        bound(cx, plan),
    ]
    .concat()
}

/// Environment and impact, why it is what it is, who must say yes, what must be answered for.
fn head(plan: &Plan) -> Vec<Part> {
    let mark = glyph::environment(plan.environment);
    let impact = glyph::impact(plan.impact);
    let mut parts = vec![
        Part::Line(vec![
            text(mark.role, safe!(" {} {} ", mark.glyph, plan.environment.word().to_uppercase())),
            gap(1),
            name(Role::Title, safe!("{}", plan.proposal.workspace)),
            gap(2),
            text(Role::Muted, plan.workspace_title.as_str()).rest(),
            gap(1),
            text(impact.role, safe!("{} impact", impact.word)),
        ]),
        Part::Air,
    ];
    parts.extend(labelled("impact", format!("{}: {}", plan.impact.word(), plan.impact_because.join(", "))));
    let approval = match plan.standing {
        Some(standing) => format!("a standing change: {standing} approves it in advance"),
        None => quorum(plan.quorum.as_ref()),
    };
    parts.extend(labelled("approval", approval));
    parts.extend(labelled("approvals", plan.demands.words()));
    parts.extend(plan.warnings.iter().map(|warning| {
        let words = format!("! {}: {}", warning.id, warning.text);
        Part::Labelled(LABEL_COLUMNS, Safe::new("warning"), Role::Warning, words)
    }));
    parts
}

/// `1 approver and 1 owner, none of them the proposer`.
pub fn quorum(quorum: Option<&Quorum>) -> String {
    match quorum {
        None => "none is due".to_owned(),
        Some(quorum) => {
            let seats: Vec<String> =
                quorum.from.iter().map(|seat| format!("{} {}", seat.n, seat.role.word())).collect();
            format!("{}, none of them the proposer", seats.join(" and "))
        }
    }
}

fn why(plan: &Plan) -> Vec<Part> {
    let proposal = &plan.proposal;
    let origin = plan.goes_back().unwrap_or_default();
    let said = [
        labelled("origin", origin),
        labelled("purpose", proposal.purpose.words()),
        labelled("reason", proposal.reason.as_str()),
        labelled("ticket", proposal.ticket.as_str()),
        labelled("tells", proposal.communication.as_str()),
        labelled("changes", plan.runbook.scope.changes.as_str()),
        labelled("expected", plan.runbook.scope.expected.as_str()),
    ];
    heading("why", safe!("asked by {}", plan.requester)).into_iter().chain(said.into_iter().flatten()).collect()
}

fn place(plan: &Plan) -> Vec<Part> {
    let count = safe!(
        "{} · {} · {}",
        words::count(plan.hosts.len(), "host", "hosts"),
        words::count(plan.batches.len(), "batch", "batches"),
        tolerance(plan.max_failures)
    );
    let mut parts = heading("where", count).to_vec();
    for (nth, batch) in plan.batches.iter().enumerate() {
        let hosts = batch.iter().filter_map(|ix| host(plan, *ix)).collect::<Vec<_>>().join("  ");
        let label =
            safe!("{:>2} {:>6}", nth + 1, if batch.len() > 1 { format!("({})", batch.len()) } else { String::new() });
        parts.push(Part::Labelled(LABEL_COLUMNS, label, Role::Text, hosts));
    }
    let said = [
        labelled("selected by", selected_by(plan)),
        labelled("left alone", left_alone(plan)),
        labelled("logs in", logins(plan)),
        labelled("through", jumps(plan)),
        labelled("host keys", trust(plan)),
        labelled("algorithms", algorithms(plan)),
        labelled("local work", local_work(plan)),
        labelled("order", plan.runbook.targets.pace.words().unwrap_or_default()),
        labelled("in between", plan.runbook.targets.between.words().unwrap_or_default()),
        labelled("at once", words::count(usize::try_from(plan.parallel).unwrap_or(usize::MAX), "host", "hosts")),
        labelled(
            "shares them",
            if plan.runbook.targets.lock == Lock::Shared { "with runs that only read too" } else { "" },
        ),
    ];
    parts.extend(said.into_iter().flatten());
    parts
}

/// Under which account steps on the server's own machine run.
fn local_work(plan: &Plan) -> String {
    match (&plan.local_account, works_here(plan)) {
        (_, false) => String::new(),
        (Some(account), true) => format!("under the account {account}"),
        (None, true) => "under the server's own account, which reads its keys and records".to_owned(),
    }
}

fn works_here(plan: &Plan) -> bool {
    plan.hosts.iter().any(|host| host.reach == Reach::Local)
        || plan.steps().any(|(_, step)| step.action.tool().is_some())
}

fn host(plan: &Plan, ix: HostIx) -> Option<String> {
    plan.host(ix).map(|host| host.name.to_string())
}

/// `tolerates no failure`, `tolerates 3 failures`.
pub fn tolerance(max_failures: Option<u32>) -> String {
    match max_failures {
        None => "a person decides about failures".to_owned(),
        Some(0) => "tolerates no failure".to_owned(),
        Some(1) => "tolerates 1 failure".to_owned(),
        Some(n) => format!("tolerates {n} failures"),
    }
}

fn selected_by(plan: &Plan) -> String {
    match plan.proposal.select.as_deref().filter(|select| !select.trim().is_empty()) {
        Some(narrower) => format!("{}, narrowed to {narrower}", plan.runbook.targets.select),
        None => plan.runbook.targets.select.clone(),
    }
}

fn left_alone(plan: &Plan) -> String {
    let scope = &plan.runbook.scope;
    scope.excluded.iter().chain(scope.exclude.as_ref()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn logins(plan: &Plan) -> String {
    let who = |reach: &Reach| match reach {
        Reach::Ssh { user, port, key, .. } => {
            let at = if *port == 22 { String::new() } else { format!(", port {port}") };
            let with = key.as_ref().map(|key| format!(", with the key {key} alone")).unwrap_or_default();
            format!("as {user}{at}{with}")
        }
        Reach::Local => "on the bastion itself".to_owned(),
    };
    let all: BTreeSet<String> = plan.hosts.iter().map(|host| who(&host.reach)).collect();
    all.into_iter().collect::<Vec<_>>().join("; ")
}

fn runs_as(plan: &Plan) -> String {
    let users: BTreeSet<&str> = plan
        .hosts
        .iter()
        .filter_map(|host| match &host.reach {
            Reach::Ssh { user, .. } => Some(user.as_str()),
            Reach::Local => None,
        })
        .collect();
    match users.len() {
        0 => "what runs".to_owned(),
        1 => format!("what runs, as user {}", users.into_iter().collect::<String>()),
        _ => format!("what runs, as users {}", users.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn jumps(plan: &Plan) -> String {
    plan.jumps.iter().map(|jump| jump.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn trust(plan: &Plan) -> String {
    let said = |reach: &Reach| match reach {
        Reach::Ssh { trust: Trust::Keys(_), .. } => Some("pinned in the workspace"),
        Reach::Ssh { trust: Trust::Authorities(_), .. } => Some("signed by an authority of the workspace"),
        Reach::Ssh { trust: Trust::KnownHosts, .. } => Some("from known_hosts, not pinned"),
        Reach::Local => None,
    };
    let all: BTreeSet<&str> = plan.hosts.iter().filter_map(|host| said(&host.reach)).collect();
    all.into_iter().collect::<Vec<_>>().join("; ")
}

/// Which hosts, and servers on the way, are offered weaker algorithms than others.
fn algorithms(plan: &Plan) -> String {
    let of = |policy: Algorithms| {
        let offered = |it: &&PlannedHost| matches!(&it.reach, Reach::Ssh { algorithms, .. } if *algorithms == policy);
        let ways = plan.jumps.iter().filter(|jump| !plan.hosts.iter().any(|host| host.name == jump.name));
        let names: Vec<&str> = plan.hosts.iter().chain(ways).filter(offered).map(|it| it.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{} to {}", policy.word(), names.join(", ")))
    };
    [Algorithms::Legacy, Algorithms::Standard].into_iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

fn given(cx: &Cx<'_>, plan: &Plan) -> Vec<Part> {
    let mut parts = Vec::new();
    if !plan.inputs.is_empty() {
        parts.extend(heading("inputs", safe!("{}", plan.inputs.len())));
        for (key, value) in &plan.inputs {
            let ticked = if plan.proposal.ticks.contains(key) {
                text(Role::Ok, safe!("{} confirmed", glyph::DONE.glyph))
            } else {
                gap(0)
            };
            let lines = value.lines().count();
            let shown = match lines {
                0 => text(Role::Muted, "(empty)").rest(),
                1 => text(Role::Text, value.as_str()).rest(),
                _ => text(Role::Muted, safe!("{lines} lines")).rest(),
            };
            parts.push(row(key, [shown, gap(1), ticked]));
            if lines > 1 {
                parts.push(Part::Indented(LABEL_COLUMNS, Role::Text, value.clone()));
            }
        }
    }
    if !plan.secrets.is_empty() {
        parts.extend(heading("secrets, by name", safe!("{}", plan.secrets.len())));
        for secret in &plan.secrets {
            let version = match &secret.version {
                Some(version) => text(Role::Text, version.as_str()),
                // A form that is still being filled: the vault is asked when it is proposed.
                None if secret.vault.is_some() && plan.run.0 >= cx.world.next_run => {
                    text(Role::Muted, "pinned when proposed")
                }
                None => text(Role::Warning, "not pinned"),
            };
            parts.push(row(&secret.name, [name(Role::Muted, secret.place()).rest(), gap(1), version]));
        }
    }
    parts
}

/// What is not done again, and why.
fn standing(plan: &Plan) -> Vec<Part> {
    if plan.given.is_empty() {
        return Vec::new();
    }
    let lines = plan.standing().into_iter().map(|line| Part::Words(Role::Text, line));
    heading("what stands already", "").into_iter().chain(lines).collect()
}

/// What is different from the last good run here.
fn against(cx: &Cx<'_>, plan: &Plan) -> Vec<Part> {
    let Some(last) = compare::last_good(cx.world, plan) else {
        let words = "This runbook has not ended well here before: there is nothing to compare with.";
        return [heading("against the last good run", "").as_slice(), &[Part::Words(Role::Muted, words.to_owned())]]
            .concat();
    };
    let when = moment::day(last.at, cx.now(), &cx.here.zone);
    let mut parts = heading(&format!("against the last good run {}", last.run), when).to_vec();
    for change in compare::plans(&last.plan, plan) {
        let role = match change.sign {
            Sign::New => Role::Ok,
            Sign::Gone => Role::Failed,
            Sign::Other => Role::Warning,
            Sign::Same => Role::Muted,
        };
        parts.push(Part::Labelled(3, safe!(" {}", change.sign.glyph()), role, change.words));
    }
    parts
}

/// How it is undone, known before anything starts.
fn way_back(plan: &Plan) -> Vec<Part> {
    let mut parts = heading("way back", "").to_vec();
    parts.push(Part::Words(Role::Text, plan.runbook.rollback.clone()));
    let undo: Vec<String> =
        plan.steps().filter(|(_, step)| step.undo.is_some()).map(|(_, step)| step.id.to_string()).collect();
    let stays: Vec<String> =
        plan.steps().filter(|(_, step)| step.undo.is_none()).map(|(_, step)| step.id.to_string()).collect();
    parts.extend(labelled("undone", undo.into_iter().rev().collect::<Vec<_>>().join(", then ")));
    parts.extend(labelled("no undo", stays.join(", ")));
    parts
}

/// What an approval is bound to beside all of the above.
fn bound(cx: &Cx<'_>, plan: &Plan) -> Vec<Part> {
    let templates: Vec<String> =
        plan.runbook.templates.iter().map(|(id, digest)| format!("{id} ({})", digest.short())).collect();
    let commit = match (&plan.commit, plan.dirty) {
        (Some(commit), Some(true)) => {
            format!("{} and changes in no commit", commit.chars().take(10).collect::<String>())
        }
        (Some(commit), Some(false) | None) => commit.chars().take(10).collect(),
        (None, _) => "not in a repository".to_owned(),
    };
    let accepted = if plan.runbook_accepted { "accepted by a second person" } else { "accepted by nobody yet" };
    let said = [
        labelled("runbook", format!("{} v{}, {accepted}", plan.runbook.file, plan.runbook.version)),
        labelled("digest", plan.runbook.digest.short()),
        labelled("stack", templates.join(", ")),
        labelled("within", super::runbook::within(&plan.runbook)),
        labelled("commit", commit),
        labelled("changed by", plan.editors_in_words()),
        labelled("site", plan.site.short()),
        labelled(
            "windows",
            match plan.windows.is_empty() {
                true => "always".to_owned(),
                false => {
                    let names: Vec<&str> = plan.windows.iter().map(|window| window.name.as_str()).collect();
                    let then = match plan.after_window {
                        AfterWindow::Pause => "pauses",
                        AfterWindow::Finish => "goes on to its end",
                    };
                    format!("{}; at work when it closes, it {then}", names.join(", "))
                }
            },
        ),
        labelled(
            "expires",
            format!(
                "{} after it was asked for ({}), {} after its approval",
                moment::span(plan.approval_expiry_ms),
                moment::when(plan.asked.plus_ms(plan.approval_expiry_ms), cx.now(), &cx.here.zone),
                moment::span(plan.execution_expiry_ms)
            ),
        ),
        labelled(
            "time-outs",
            format!(
                "{} to connect, {} of silence, {} in all",
                moment::span(plan.limits.connect_ms),
                moment::span(plan.limits.idle_ms),
                moment::span(plan.limits.run_ms)
            ),
        ),
    ];
    heading("bound to", "").into_iter().chain(said.into_iter().flatten()).collect()
}
