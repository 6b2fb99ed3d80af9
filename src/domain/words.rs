//! Events in words: for the audit list, for verbs, and for whoever reads a refusal at three in the morning.

use super::command::Decision;
use super::event::{Details, Event};
use super::mention;
use super::order::CellResult;
use super::plan::Plan;
use super::proved::Proved;
use super::run::{Choice, Item, PauseCause, Slot, StopHow, Verdict};

/// So many of something: `1 host`, `12 hosts`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

pub(super) fn count_of(n: u32, one: &str, many: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), one, many)
}

/// The word a leaf carries for what happened.
pub fn kind(event: &Event) -> &'static str {
    match event {
        Event::Beside(beside) => beside.kind(),
        Event::RunProposed { .. } => "run_proposed",
        Event::RoundBegan { .. } => "round_began",
        Event::ChecksReleased { .. } => "checks_released",
        Event::BuiltInJudged { .. } => "built_in_judged",
        Event::Intended { .. } => "intended",
        Event::Started { .. } => "started",
        Event::SecretUsed { .. } => "secret_used",
        Event::Ended { .. } => "ended",
        Event::RetryPlanned { .. } => "retry_planned",
        Event::Resolved { .. } => "resolved",
        Event::HostDropped { .. } => "host_dropped",
        Event::ManualOpened { .. } => "manual_opened",
        Event::Ticked { .. } => "ticked",
        Event::EvidenceGiven { .. } => "evidence_given",
        Event::WaitOver { .. } => "wait_over",
        Event::RunTaken { .. } => "run_taken",
        Event::RunOffered { .. } => "run_offered",
        Event::GateAnswered { .. } => "gate_answered",
        Event::GateOver { .. } => "gate_over",
        Event::BatchBegan { .. } => "batch_began",
        Event::WarningAccepted { .. } => "warning_accepted",
        Event::RunWaiting { .. } => "run_waiting",
        Event::Voted { .. } => "voted",
        Event::RunApproved { .. } => "run_approved",
        Event::GlassBroken { .. } => "glass_broken",
        Event::GlassOpened { .. } => "glass_opened",
        Event::StartQueued { .. } => "start_queued",
        Event::QueueLeft { .. } => "queue_left",
        Event::StartAsked { .. } => "start_asked",
        Event::RunStarted { .. } => "run_started",
        Event::RunPaused { .. } => "run_paused",
        Event::RunContinued { .. } => "run_continued",
        Event::RunStopping { .. } => "run_stopping",
        Event::VerifyBegan { .. } => "verify_began",
        Event::RunEnded { .. } => "run_ended",
        Event::RunCancelled { .. } => "run_cancelled",
        Event::StepOverdue { .. } => "step_overdue",
        Event::Drifted { .. } => "drifted",
        Event::Noted { .. } => "noted",
        Event::RunClosed { .. } => "run_closed",
        Event::ReviewGiven { .. } => "review_given",
        Event::RunReviewed { .. } => "run_reviewed",
        Event::Notice { .. } => "notice",
        Event::Refused { .. } => "refused",
    }
}

/// Every kind there is: what `audit verify` knows.
pub const KINDS: &[&str] = &[
    "booted",
    "server",
    "clock_jumped",
    "site_loaded",
    "site_pending",
    "site_accepted",
    "factor",
    "source_listed",
    "elevation",
    "incident",
    "by_hand",
    "standing",
    "follow_up",
    "looked_at",
    "mention",
    "exported",
    "run_proposed",
    "round_began",
    "checks_released",
    "built_in_judged",
    "intended",
    "started",
    "secret_used",
    "ended",
    "retry_planned",
    "resolved",
    "host_dropped",
    "manual_opened",
    "ticked",
    "evidence_given",
    "wait_over",
    "run_taken",
    "run_offered",
    "gate_answered",
    "gate_over",
    "batch_began",
    "warning_accepted",
    "run_waiting",
    "voted",
    "run_approved",
    "glass_broken",
    "glass_opened",
    "start_queued",
    "queue_left",
    "start_asked",
    "run_started",
    "run_paused",
    "run_continued",
    "run_stopping",
    "verify_began",
    "run_ended",
    "run_cancelled",
    "step_overdue",
    "drifted",
    "noted",
    "run_closed",
    "review_given",
    "run_reviewed",
    "notice",
    "refused",
];

/// The cell an event is about.
pub fn slot(event: &Event) -> Option<Slot> {
    match event {
        Event::Intended { slot, .. }
        | Event::Started { slot, .. }
        | Event::SecretUsed { slot, .. }
        | Event::Ended { slot, .. }
        | Event::RetryPlanned { slot, .. }
        | Event::Resolved { slot, .. }
        | Event::HostDropped { slot, .. }
        | Event::ManualOpened { slot, .. }
        | Event::Ticked { slot, .. }
        | Event::EvidenceGiven { slot, .. }
        | Event::WaitOver { slot, .. }
        | Event::GateAnswered { slot, .. }
        | Event::GateOver { slot, .. } => Some(*slot),
        Event::Beside(_)
        | Event::RunProposed { .. }
        | Event::RoundBegan { .. }
        | Event::ChecksReleased { .. }
        | Event::BuiltInJudged { .. }
        | Event::BatchBegan { .. }
        | Event::WarningAccepted { .. }
        | Event::RunWaiting { .. }
        | Event::Voted { .. }
        | Event::RunApproved { .. }
        | Event::StartQueued { .. }
        | Event::QueueLeft { .. }
        | Event::StartAsked { .. }
        | Event::RunStarted { .. }
        | Event::RunPaused { .. }
        | Event::RunContinued { .. }
        | Event::RunStopping { .. }
        | Event::RunTaken { .. }
        | Event::RunOffered { .. }
        | Event::VerifyBegan { .. }
        | Event::RunEnded { .. }
        | Event::RunCancelled { .. }
        | Event::StepOverdue { .. }
        | Event::Drifted { .. }
        | Event::Noted { .. }
        | Event::RunClosed { .. }
        | Event::GlassBroken { .. }
        | Event::GlassOpened { .. }
        | Event::ReviewGiven { .. }
        | Event::RunReviewed { .. }
        | Event::Notice { .. }
        | Event::Refused { .. } => None,
    }
}

/// What happened, in one line; hosts and steps by name where the run's plan is at hand. Texts of people come last,
/// after a colon.
pub fn event(event: &Event, details: &Details, plan: Option<&Plan>) -> String {
    let place = |slot: Slot| place(slot, plan);
    let said = |words: String, name: &str| said(words, details, name);
    match event {
        Event::Beside(beside) => beside.words(details),
        Event::RunProposed { workspace, runbook, hosts, impact, .. } => {
            let hosts = count_of(*hosts, "host", "hosts");
            format!("proposed {runbook} in {workspace} on {hosts}, {} impact", impact.word())
        }
        Event::RoundBegan { .. } => "checks began".to_owned(),
        Event::ChecksReleased { checks, .. } => {
            format!("{} on hosts released", count_of(*checks, "check", "checks"))
        }
        Event::BuiltInJudged { check, verdict, .. } => {
            said(format!("{}: {}", check.id_and_title().0, verdict_word(*verdict)), "why")
        }
        Event::Intended { slot, attempt, .. } => match attempt {
            1 => format!("{}: about to run", place(*slot)),
            again => format!("{}: about to run, try {again}", place(*slot)),
        },
        Event::Started { slot, group, .. } => {
            format!("{}: began, process group {group}", place(*slot))
        }
        Event::Ended { slot, result, output, .. } => {
            let lines = if output.lines == 1 { "line" } else { "lines" };
            format!("{}: {}, {} {lines}", place(*slot), result_words(result), output.lines)
        }
        Event::RetryPlanned { slot, .. } => format!("{}: will be tried again", place(*slot)),
        Event::Resolved { slot, decision, .. } => {
            said(format!("{}: {}", place(*slot), decision_words(*decision)), "reason")
        }
        Event::HostDropped { slot: slot @ Slot { host: None, .. }, .. } => {
            format!("{}: the run went on behind it", place(*slot))
        }
        Event::HostDropped { slot, .. } => format!("{}: host left the run", place(*slot)),
        Event::ManualOpened { slot, .. } => format!("{}: waits for a person", place(*slot)),
        Event::GateAnswered { slot, choice: Choice::Approve, proved, .. } => {
            said(backed(&format!("{}, said yes", place(*slot)), proved), "reason")
        }
        Event::GateAnswered { slot, choice: Choice::Deny, .. } => said(format!("{}, said no", place(*slot)), "reason"),
        Event::GateAnswered { slot, choice: Choice::Retract, .. } => {
            said(format!("{}, took the yes back", place(*slot)), "reason")
        }
        Event::GateOver { slot, choice: Choice::Approve, .. } => format!("{}, let on", place(*slot)),
        Event::GateOver { slot, choice: Choice::Deny | Choice::Retract, .. } => format!("{}, denied", place(*slot)),
        Event::RunTaken { by, .. } => said(format!("{by} drives it now"), "reason"),
        Event::RunOffered { to: Some(to), .. } => said(format!("offered to {to}"), "reason"),
        Event::RunOffered { to: None, .. } => said("took the offer back".to_owned(), "reason"),
        Event::SecretUsed { slot, .. } => said(format!("{}, secrets handed over", place(*slot)), "secrets"),
        Event::WaitOver { slot, .. } => format!("{}, the wait is over", place(*slot)),
        Event::Ticked { slot, .. } => said(format!("{}, done by hand", place(*slot)), "evidence"),
        Event::EvidenceGiven { slot, sha256, .. } => {
            said(format!("{}, a file that shows it, SHA-256 {}", place(*slot), sha256.short()), "name")
        }
        Event::BatchBegan { segment, batch, .. } => {
            format!("batch {} of stretch {} began", batch + 1, segment + 1)
        }
        Event::WarningAccepted { warning, .. } => said(format!("answers for the warning {warning}"), "reason"),
        Event::RunWaiting { .. } => match first_line(details, "why") {
            "" => "checks are through; waiting".to_owned(),
            why => format!("waits again: {why}"),
        },
        Event::Voted { choice: Choice::Approve, proved, .. } => said(backed("approved", proved), "reason"),
        Event::Voted { choice: Choice::Deny, .. } => said("denied".to_owned(), "reason"),
        Event::Voted { choice: Choice::Retract, .. } => said("took the approval back".to_owned(), "reason"),
        Event::RunApproved { .. } => match first_line(details, "why") {
            "" => "may start".to_owned(),
            why => format!("not started: {why}"),
        },
        Event::StartQueued { not_before: Some(at), .. } => format!("to be started {}", at.to_jiff()),
        Event::StartQueued { not_before: None, .. } => said("start asked for, waits in line".to_owned(), "why"),
        Event::QueueLeft { .. } => said("left the line".to_owned(), "why"),
        Event::StartAsked { .. } => "start asked for; checks run again".to_owned(),
        Event::RunStarted { .. } => "first step released".to_owned(),
        Event::RunPaused { cause: PauseCause::Person(person), .. } => format!("paused by {person}"),
        Event::RunPaused { cause: PauseCause::Failure, .. } => "paused: somebody must decide".to_owned(),
        Event::RunPaused { cause: PauseCause::Batch, .. } => "paused: a batch is through".to_owned(),
        Event::RunPaused { cause: PauseCause::Window, .. } => "paused: its window has closed".to_owned(),
        Event::RunPaused { cause: PauseCause::NoRoom, .. } => "paused: the disk is full".to_owned(),
        Event::RunPaused { cause: PauseCause::Authority, .. } => said("paused".to_owned(), "why"),
        Event::RunContinued { .. } => "goes on".to_owned(),
        Event::RunStopping { how, .. } => said(stop_words(*how).to_owned(), "reason"),
        Event::VerifyBegan { .. } => "verification began".to_owned(),
        Event::RunEnded { ending, .. } => format!("ended: {}", ending.word()),
        Event::RunCancelled { cancel, .. } => said(cancel.word().to_owned(), "why"),
        Event::StepOverdue { step, .. } => {
            let slot = Slot { item: Item::Step(*step), host: None };
            format!("{}: overdue, not through when it was due", place(slot))
        }
        Event::Drifted { .. } => said("the site changed; the run goes on as approved".to_owned(), "why"),
        Event::Noted { mentions, .. } => said(mention::note_words(mentions), "text"),
        Event::RunClosed { .. } => said("closed".to_owned(), "text"),
        Event::GlassBroken { incident, .. } => said(format!("BROKE GLASS for {incident}"), "reason"),
        Event::GlassOpened { .. } => "glass is open: approvals, windows and freezes hold it no more".to_owned(),
        Event::ReviewGiven { .. } => said("reviewed, another review is due".to_owned(), "text"),
        Event::RunReviewed { .. } => said("reviewed".to_owned(), "text"),
        Event::Notice { act } => said(act.words(), "saw"),
        Event::Refused { rule, verb, .. } => format!("{verb} refused: {}", rule.code()),
    }
}

/// The first line of a text.
fn first_line<'a>(details: &'a Details, name: &str) -> &'a str {
    details.get(name).map_or("", |detail| detail.text()).lines().next().unwrap_or("")
}

/// Words, and after a colon the first line of what somebody said with them.
pub(super) fn said(words: String, details: &Details, name: &str) -> String {
    match first_line(details, name) {
        "" => words,
        text => format!("{words}: {text}"),
    }
}

/// An approval, and what it was given with.
fn backed(words: &str, proved: &Proved) -> String {
    match proved.is_nothing() {
        true => words.to_owned(),
        false => format!("{words} {}", proved.words()),
    }
}

/// A cell's place: by name, or by number where its plan is not at hand.
fn place(slot: Slot, plan: Option<&Plan>) -> String {
    let item = match (slot.item, plan) {
        (Item::Reach, _) => "reach".to_owned(),
        (Item::Preflight(_), Some(plan)) => format!("check {}", plan.item_name(slot.item).0),
        (Item::Step(_), Some(plan)) => format!("step {}", plan.item_name(slot.item).0),
        (Item::Verify(_), Some(plan)) => format!("verify {}", plan.item_name(slot.item).0),
        (Item::Preflight(n), None) => format!("check {}", n + 1),
        (Item::Step(n), None) => format!("step {}", n + 1),
        (Item::Verify(n), None) => format!("verify {}", n + 1),
    };
    match slot.host {
        Some(ix) => match plan.and_then(|plan| plan.host(ix)) {
            Some(host) => format!("{item} on {}", host.name),
            None => format!("{item} on host {}", ix.0 + 1),
        },
        None => item,
    }
}

fn result_words(result: &CellResult) -> String {
    match result {
        CellResult::Ok => "ok".to_owned(),
        CellResult::Failed(reason) => format!("failed: {}", reason.words()),
        CellResult::Unknown(reason) => format!("unknown: {}", reason.words()),
        CellResult::Refused(reason) => format!("never began: {}", reason.words()),
    }
}

/// A verdict in one word.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "fine",
        Verdict::Warn => "warning",
        Verdict::Block => "blocks",
    }
}

/// A decision in words.
pub fn decision_words(decision: Decision) -> &'static str {
    match decision {
        Decision::Retry => "run again",
        Decision::Probe => "let its probe look",
        Decision::Skip => "go on without it",
        Decision::Drop => "host dropped",
        Decision::MarkOk => "marked as done",
        Decision::MarkFailed => "marked as failed",
    }
}

/// A way to stop in words.
pub fn stop_words(how: StopHow) -> &'static str {
    match how {
        StopHow::AfterStep => "stopping after the steps at work",
        StopHow::AfterBatch => "stopping after this batch",
        StopHow::Now => "aborting now",
        StopHow::Failure => "stopping: too many failures",
        StopHow::WayBack => "stopping, to be undone",
        StopHow::TimedOut => "stopping: the run's time is over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{self, Driver};

    #[test]
    fn a_kind_is_what_the_leaf_carries() {
        let mut driver = Driver::new(fixture::site());
        driver.start_one();
        driver.carry_out(|_| CellResult::Ok);
        for recorded in &driver.log {
            let value = serde_json::to_value(&recorded.event).unwrap();
            assert_eq!(value["kind"], kind(&recorded.event));
        }
    }

    /// The variants of an enum as its source writes them, as words of a leaf.
    fn variants(source: &str, name: &str) -> Vec<String> {
        let start = source.find(&format!("pub enum {name} {{")).unwrap();
        let body = &source[start..start + source[start..].find("\n}\n").unwrap()];
        let of_variant = |line: &str| {
            let rest = line.strip_prefix("    ")?;
            rest.starts_with(|c: char| c.is_ascii_uppercase()).then(|| rest.trim_end_matches(" {").to_owned())
        };
        let names = body.lines().filter_map(of_variant).filter(|name| name != "Beside(Beside),");
        names.map(|name| snake(&name)).collect()
    }

    fn snake(name: &str) -> String {
        let mut word = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.push(c.to_ascii_lowercase());
        }
        word
    }

    #[test]
    fn the_list_of_kinds_is_the_enums() {
        let matched = |source: &'static str, prefix: &'static str| {
            let arms = source.lines().filter_map(move |line| line.trim().strip_prefix(prefix)?.split_once(" => \""));
            arms.filter_map(|(_, word)| word.strip_suffix("\","))
        };
        let beside = matched(include_str!("beside.rs"), "Beside::");
        let said: Vec<&str> = beside.chain(matched(include_str!("words.rs"), "Event::")).collect();
        assert_eq!(said, KINDS, "what a match says is what is known");
        let mut written = variants(include_str!("event.rs"), "Event");
        written.extend(variants(include_str!("beside.rs"), "Beside"));
        written.sort();
        let mut known: Vec<String> = KINDS.iter().map(ToString::to_string).collect();
        known.sort();
        assert_eq!(written, known);
    }
}
