//! Words for what a person reads often: phases, endings, counts.

use super::moment;
use crate::domain::policy::WaitsFor;
use crate::domain::run::{Ending, PauseCause, Phase, Round, Run, StopHow};
use crate::domain::window::WindowState;
use crate::domain::workspace::Environment;
use crate::domain::{PersonId, Refusal, Rule, Timestamp};
use jiff::tz::TimeZone;

/// `1 host`, `12 hosts`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `48 211`: groups of three, as ISO 31-0 writes them.
pub fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Where a run stands, in a few words.
pub fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Checking(Round::Proposal) => "checks run".to_owned(),
        Phase::Checking(Round::Start) => "checks run again before the start".to_owned(),
        Phase::Waiting => "waits".to_owned(),
        Phase::Approved => "approved, not started".to_owned(),
        Phase::Running => "running".to_owned(),
        Phase::Paused(PauseCause::Person(person)) => format!("paused by {person}"),
        Phase::Paused(PauseCause::Failure) => "paused: a person must decide".to_owned(),
        Phase::Paused(PauseCause::Batch) => "paused: a batch is through".to_owned(),
        Phase::Paused(PauseCause::NoRoom) => "paused: the disk was full".to_owned(),
        Phase::Paused(PauseCause::Authority) => "paused: a role was lost".to_owned(),
        Phase::Paused(PauseCause::Window) => "paused: its window closed".to_owned(),
        Phase::Stopping(how) => format!("stopping: {}", stop(*how)),
        Phase::Verifying => "verifying".to_owned(),
        Phase::Ended(how) => format!("{}: outcome note missing", ending(*how)),
        Phase::Closed(how) => format!("{}: review due", ending(*how)),
        Phase::Reviewed(how) => format!("{}, reviewed", ending(*how)),
        Phase::Cancelled(why) => why.word().to_owned(),
    }
}

/// How a run ended, in a few words.
pub fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Succeeded => "succeeded",
        Ending::Failed => "failed",
        Ending::Unverified => "ended, not verified",
        Ending::Aborted => "aborted",
        Ending::Interrupted => "interrupted",
        Ending::Stuck => "stuck: an undo failed",
        Ending::Unknown => "stopped; a host may still be at work",
    }
}

/// How a run is stopped, in a few words.
pub fn stop(how: StopHow) -> &'static str {
    match how {
        StopHow::AfterStep => "hosts end the step they are in",
        StopHow::AfterBatch => "the batch at work ends",
        StopHow::Now => "what runs is ended now",
        StopHow::Failure => "too much failed",
        StopHow::WayBack => "hosts at work end their step, then undoing is proposed",
        StopHow::TimedOut => "its time is over",
    }
}

/// Why somebody may not decide about a run, said to them.
pub fn not_yours(refusal: &Refusal) -> &str {
    if refusal.rule == Rule::SeparationSelf {
        "you asked for it; somebody else decides"
    } else if refusal.rule == Rule::Role {
        "you hold no role its approval needs"
    } else {
        &refusal.what
    }
}

/// `kim`, `kim or lea`, `kim, lea or you`: people, of whom one is enough.
pub fn one_of(people: &[PersonId], me: &PersonId) -> String {
    let name = |person: &PersonId| {
        if person == me { "you".to_owned() } else { person.to_string() }
    };
    let mut names: Vec<String> = people.iter().filter(|person| *person != me).map(name).collect();
    if people.contains(me) {
        names.insert(0, "you".to_owned());
    }
    match names.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
    }
}

/// What is waited for, for a list: who could, and nothing more.
pub fn waits_short(waits: &WaitsFor, me: &PersonId, now: Timestamp, zone: &TimeZone) -> String {
    match waits {
        WaitsFor::Approval { role, may, .. } => format!("{}: {}", role.word(), one_of(may, me)),
        WaitsFor::Line(line) => line.short(),
        WaitsFor::Moment { at, .. } => format!("begins {}", moment::when(*at, now, zone)),
        WaitsFor::Warning { .. } | WaitsFor::Window { .. } => self::waits(waits, me, now, zone),
    }
}

/// Where a run stands, the line for its hosts among it.
pub fn standing(run: &Run) -> String {
    match &run.queued {
        Some(queued) if queued.not_before.is_some() => "scheduled".to_owned(),
        Some(_) => "in line for its hosts".to_owned(),
        None => phase(&run.phase),
    }
}

/// Whether it is what a start that was asked for waits for: hosts, or a moment.
pub fn is_of_the_start(waits: &WaitsFor) -> bool {
    match waits {
        WaitsFor::Line(_) | WaitsFor::Moment { .. } => true,
        WaitsFor::Approval { .. } | WaitsFor::Warning { .. } | WaitsFor::Window { .. } => false,
    }
}

/// What is waited for, and for whom.
pub fn waits(waits: &WaitsFor, me: &PersonId, now: Timestamp, zone: &TimeZone) -> String {
    match waits {
        WaitsFor::Approval { role, missing: 1, may } => {
            let article = if role.word().starts_with(['a', 'o']) { "an" } else { "a" };
            format!("needs {article} {}: {}", role.word(), one_of(may, me))
        }
        WaitsFor::Approval { role, missing, may } => {
            format!("needs {missing} {}s: {}", role.word(), one_of(may, me))
        }
        WaitsFor::Warning { id, may, .. } => format!("warning {id}: {}", one_of(may, me)),
        WaitsFor::Window { why, until: Some(until) } => format!("{why}, until {}", moment::when(*until, now, zone)),
        WaitsFor::Window { why, until: None } => why.clone(),
        WaitsFor::Moment { at, by } => format!("begins {}, asked for by {by}", moment::when(*at, now, zone)),
        WaitsFor::Line(line) => line.words(),
    }
}

/// A workspace's name beside its environment's mark: `prod-web` is `web` where `PROD` stands before it.
pub fn short_place(environment: Environment, workspace: &str) -> &str {
    let prefixes: &[&str] = match environment {
        Environment::Production => &["prod-", "production-"],
        Environment::Staging => &["staging-", "stage-"],
        Environment::Lab => &["lab-"],
    };
    let short = prefixes.iter().find_map(|prefix| workspace.strip_prefix(prefix));
    short.filter(|short| !short.is_empty()).unwrap_or(workspace)
}

/// Whether changes are allowed in a workspace now.
pub fn window(state: &WindowState, now: Timestamp, zone: &TimeZone) -> String {
    match state {
        WindowState::Always => "always allowed".to_owned(),
        WindowState::Open { until, .. } => {
            format!("changes allowed until {}", moment::when(*until, now, zone))
        }
        WindowState::Closed { opens: Some(opens) } => {
            format!("closed until {}", moment::when(*opens, now, zone))
        }
        WindowState::Closed { opens: None } => "closed: no window comes".to_owned(),
        WindowState::Frozen { name, until } => format!("FROZEN \"{name}\" until {}", moment::when(*until, now, zone)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counts_are_grammatical() {
        assert_eq!(number(48211), "48 211");
        assert_eq!(number(1_284), "1 284");
        assert_eq!(number(999), "999");
        assert_eq!(count(1, "host", "hosts"), "1 host");
        let people = ["kim", "lea", "ada"].map(PersonId::new);
        assert_eq!(one_of(&people, &PersonId::new("ada")), "you, kim or lea");
        assert_eq!(one_of(&people[..1], &PersonId::new("ada")), "kim");
        assert_eq!(one_of(&[], &PersonId::new("ada")), "nobody");
        assert_eq!(count(2000, "host", "hosts"), "2 000 hosts");
    }
}
