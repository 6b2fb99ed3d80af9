//! The checks that need no host, and what keeps an approved run from starting right now.

use super::duration;
use super::id::Timestamp;
use super::locks;
use super::policy;
use super::refusal::{Refusal, Rule};
use super::run::{BuiltIn, Phase, Round, Run, Verdict};
use super::runbook::Action;
use super::window::{self, WindowState};
use super::words;
use super::workspace::Workspace;
use super::world::World;

/// A runbook whose review is overdue for longer blocks.
const REVIEW_OVERDUE_DAYS_MAX: i64 = 90;

/// Judges a built-in check. Planning has refused already what could never run; what it found right is said here too, so
/// that an approver reads that it was looked at.
pub fn judge(world: &World, run: &Run, check: BuiltIn, at: Timestamp) -> (Verdict, String) {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else {
        return (Verdict::Block, "the workspace is gone".to_owned());
    };
    match check {
        BuiltIn::Roles => roles(workspace, run),
        BuiltIn::Inputs => {
            let inputs = words::count(run.plan.inputs.len(), "input", "inputs");
            pass(format!("{inputs}, {} confirmed", run.plan.proposal.ticks.len()))
        }
        BuiltIn::Stack => stack(run),
        BuiltIn::Scope => pass(format!("{} of {}", words::count(run.plan.hosts.len(), "host", "hosts"), workspace.id)),
        BuiltIn::Excluded => pass(excluded(run)),
        BuiltIn::Window => windows(world, workspace, run, at),
        BuiltIn::Busy => pass(busy_words(world, run)),
        BuiltIn::Freshness => freshness(run, at),
    }
}

/// Whether an approved run may start at this moment: a window is open and nothing is frozen.
///
/// # Errors
/// The rule, what it waits for, and for how long.
pub fn is_allowed_now(world: &World, run: &Run, at: Timestamp) -> Result<(), Refusal> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else {
        return Err(Refusal::new(Rule::NotFound, "the workspace is gone"));
    };
    let words = window_words(workspace, run, at);
    match window::state_for(workspace, run, at) {
        WindowState::Always | WindowState::Open { .. } => {}
        WindowState::Closed { .. } => {
            return Err(Refusal::new(Rule::WindowClosed, words).next("start it when the window opens"));
        }
        WindowState::Frozen { .. } => {
            return Err(Refusal::new(Rule::Frozen, words).next("start it after the freeze"));
        }
    }
    Ok(())
}

fn pass(why: String) -> (Verdict, String) {
    (Verdict::Pass, why)
}

fn roles(workspace: &Workspace, run: &Run) -> (Verdict, String) {
    let gates = run.plan.steps().filter_map(|(_, step)| match &step.action {
        Action::Approval(gate) => Some((format!(" at the gate {}", step.id), gate.from.as_slice())),
        Action::Script(_)
        | Action::Manual { .. }
        | Action::Wait(_)
        | Action::Call(_)
        | Action::Tool(_)
        | Action::Copy(_)
        | Action::Vault(_) => None,
    });
    let quorum = run.plan.quorum.as_ref().map(|quorum| (String::new(), quorum.from.as_slice()));
    for (place, from) in quorum.into_iter().chain(gates) {
        if !policy::can_be_filled(workspace, from, &policy::Apart::of(&run.plan)) {
            let roles: Vec<&str> = from.iter().map(|slot| slot.role.word()).collect();
            let (id, by) = (&workspace.id, &run.plan.requester);
            let wrote = if run.plan.editors.is_empty() { "" } else { " and whoever changed the runbook last" };
            let why = format!("{id} has not enough people besides {by}{wrote} for: {}{place}", roles.join(" and "));
            return (Verdict::Block, why);
        }
    }
    match run.plan.quorum {
        Some(_) => pass("members can fill the quorum without the proposer".to_owned()),
        None => pass("no approval is due".to_owned()),
    }
}

fn stack(run: &Run) -> (Verdict, String) {
    let uses = &run.plan.runbook.uses;
    if uses.len() == run.plan.runbook.templates.len() {
        pass(if uses.is_empty() { "no templates".to_owned() } else { uses.join(", ") })
    } else {
        (Verdict::Block, "a template of the stack is missing".to_owned())
    }
}

fn excluded(run: &Run) -> String {
    match &run.plan.runbook.scope.exclude {
        Some(selector) => format!("none of {selector}"),
        None => "the runbook excludes no host".to_owned(),
    }
}

fn freshness(run: &Run, at: Timestamp) -> (Verdict, String) {
    let due = &run.plan.runbook.next_review;
    let Ok(day) = due.parse::<jiff::civil::Date>() else {
        return pass("no review date".to_owned());
    };
    let today = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
    let late = day.until(today).map_or(0, |span| i64::from(span.get_days()));
    match late {
        i64::MIN..=0 => pass(format!("next review {due}")),
        1..=REVIEW_OVERDUE_DAYS_MAX => (Verdict::Warn, format!("its review was due on {due}")),
        _ => (Verdict::Block, format!("its review was due on {due}, more than {REVIEW_OVERDUE_DAYS_MAX} days ago")),
    }
}

/// A run that is started in a window, and usually takes longer than that stays open, warns.
fn windows(world: &World, workspace: &Workspace, run: &Run, at: Timestamp) -> (Verdict, String) {
    let words = window_words(workspace, run, at);
    let key = (run.plan.proposal.workspace.clone(), run.plan.runbook.id.clone());
    let usual = world.usual.get(&key).and_then(super::world::Usual::duration_ms);
    let starts = run.phase == Phase::Checking(Round::Start);
    match (window::may_begin_until(run, at), usual) {
        (Some(until), Some(usual)) if starts && until > at && at.plus_ms(usual) > until => {
            let (usual, left) = (duration::short(usual), duration::short(until.ms_since(at)));
            (Verdict::Warn, format!("it usually takes {usual}, and {left} are left: {words}"))
        }
        _ => pass(words),
    }
}

/// The state of the windows for a run, in words.
pub fn window_words(workspace: &Workspace, run: &Run, at: Timestamp) -> String {
    let when = |moment: Timestamp| {
        let zone = workspace.windows.first().map_or("UTC", |window| window.zone.as_str());
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        moment.to_jiff().to_zoned(zone).strftime("%a %d %b %H:%M %Z").to_string()
    };
    match window::state_for(workspace, run, at) {
        WindowState::Always => "always allowed".to_owned(),
        WindowState::Open { name, until } => format!("{name} is open until {}", when(until)),
        WindowState::Closed { opens: Some(opens) } => {
            format!("outside the windows; the next opens {}", when(opens))
        }
        WindowState::Closed { opens: None } => "outside the windows; none will open".to_owned(),
        WindowState::Frozen { name, until } => format!("frozen: {name}, until {}", when(until)),
    }
}

fn busy_words(world: &World, run: &Run) -> String {
    match locks::line(world, run) {
        None => "free".to_owned(),
        Some(line) => format!("{}; a start now would wait", line.words()),
    }
}
