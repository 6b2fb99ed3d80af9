//! Answers in words: short lines, columns that line up, nothing a terminal could take for a command.

mod plan;

pub use plan::plan;

use super::json::kind;
use crate::domain::calendar::Span;
use crate::domain::checkpoint;
use crate::domain::deadlines;
use crate::domain::enrol::{Enrolment, Seen, Shown};
use crate::domain::order::Stream;
use crate::domain::policy::{self, WaitsFor};
use crate::domain::query::{AuditRow, HistoryRow, LogLine};
use crate::domain::run::{Cancel, CellState, Item, PauseCause, Phase, Run, Slot, Verdict};
use crate::domain::workspace::{Reach, Server, Workspace};
use crate::domain::{Actor, Door, PersonId, Refusal, Timestamp, World, binding, duration, words};
use crate::terminal::filter;
use crate::terminal::line::Safe;
use std::fmt::Write as _;

/// Hosts of a run whose cells are listed one by one; of more, only those that did not end well.
const HOSTS_LISTED_MAX: usize = 24;

/// `refused: … (code)`, who may, what next.
pub fn refusal(refusal: &Refusal) -> String {
    let mut text = format!("refused: {} ({})\n", Safe::new(&refusal.what), refusal.rule.code());
    for (label, value) in [("who may", &refusal.who_may), ("next", &refusal.next)] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label}: {}", Safe::new(value));
        }
    }
    text
}

/// Text of several lines, none of which commands a terminal.
pub fn safe_lines(text: &str) -> String {
    let lines: Vec<Safe> = Safe::lines(text.trim_end());
    lines.iter().map(Safe::as_str).collect::<Vec<_>>().join("\n")
}

/// A moment: `2026-11-21 21:41:07Z`.
pub fn time(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Rows under their headings, columns lined up, two blanks between.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = headings.iter().map(|word| (*word).to_owned()).collect();
    let all: Vec<Vec<Safe>> =
        std::iter::once(&head).chain(rows).map(|row| row.iter().map(Safe::new).collect()).collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(Safe::width).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| cell.pad(*width).to_string()).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// How many of how many, under a list that goes on.
pub fn more(shown: usize, matching: u64, next: Option<u64>) -> String {
    match next {
        Some(next) => format!("{shown} of {matching}; go on with --before {next}\n"),
        None => String::new(),
    }
}

/// Where a run stands, in one line: `waiting for 1 approver (grace, kim)`.
pub fn standing(world: &World, run: &Run, now: Timestamp) -> String {
    let phase = match &run.queued {
        Some(queued) if queued.not_before.is_some() => "scheduled".to_owned(),
        Some(_) => "in line".to_owned(),
        None => phase(&run.phase),
    };
    let rest = match &run.phase {
        Phase::Waiting | Phase::Approved => {
            let waits = policy::waits_for(world, run, now);
            waits.iter().map(waits_for).collect::<Vec<_>>().join("; ")
        }
        Phase::Paused(_) | Phase::Running => {
            let decide = run.progress.attention.iter().map(|slot| format!("{} needs a decision", place(run, *slot)));
            let manual = by_hand(run).map(|slot| format!("{} is to be done by a person", place(run, slot)));
            let lost = policy::lost_authority(world, run);
            decide.chain(manual).chain(lost).chain(due(run)).collect::<Vec<_>>().join("; ")
        }
        Phase::Checking(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => String::new(),
    };
    match rest.is_empty() {
        true => phase,
        false => format!("{phase}: {rest}"),
    }
}

/// Steps that are due and not through.
fn due(run: &Run) -> impl Iterator<Item = String> + '_ {
    deadlines::open(run).map(|(position, at)| {
        let step = run.plan.item_name(Item::Step(position)).0;
        match run.progress.overdue.contains(&position) {
            true => format!("{step} is overdue since {}", time(at)),
            false => format!("{step} is due {}", time(at)),
        }
    })
}

/// Manual steps that wait for somebody now.
fn by_hand(run: &Run) -> impl Iterator<Item = Slot> + '_ {
    let open = run.cells.iter().filter(|(slot, cell)| slot.host.is_none() && cell.state == CellState::Waiting);
    open.map(|(slot, _)| *slot).filter(|slot| crate::domain::settle::is_manual(run, *slot))
}

/// A phase with what it carries: `paused by ada`, `ended: failed`.
pub fn phase(phase: &Phase) -> String {
    let word = phase.tag().word();
    match phase {
        Phase::Paused(PauseCause::Person(person)) => format!("{word} by {person}"),
        Phase::Paused(PauseCause::Failure) => format!("{word} after a failure"),
        Phase::Paused(PauseCause::Batch) => format!("{word} behind a batch"),
        Phase::Paused(PauseCause::Window) => format!("{word}: its window has closed"),
        Phase::Paused(PauseCause::NoRoom) => format!("{word}: the disk was full"),
        Phase::Paused(PauseCause::Authority) => format!("{word}: a role it stands on was lost"),
        Phase::Stopping(how) => words::stop_words(*how).to_owned(),
        Phase::Ended(ending) | Phase::Closed(ending) | Phase::Reviewed(ending) => {
            format!("{word}, {}", ending.word())
        }
        Phase::Cancelled(Cancel::Void(rule)) => format!("void ({})", rule.code()),
        Phase::Cancelled(cancel) => cancel.word().to_owned(),
        Phase::Checking(_) | Phase::Waiting | Phase::Approved | Phase::Running | Phase::Verifying => word.to_owned(),
    }
}

pub(super) fn waits_for(waits: &WaitsFor) -> String {
    match waits {
        WaitsFor::Approval { role, missing, may } => {
            format!("{missing} {} ({})", role.word(), people(may))
        }
        WaitsFor::Warning { id, text, may } => {
            format!("somebody to answer for warning {id}: {} ({})", Safe::new(text), people(may))
        }
        WaitsFor::Moment { at, by } => format!("begins {}, asked for by {by}", time(*at)),
        WaitsFor::Line(line) => line.words(),
        WaitsFor::Window { why, until } => match until {
            Some(until) => format!("{why}, until {}", time(*until)),
            None => why.clone(),
        },
    }
}

fn people(people: &[PersonId]) -> String {
    match people.is_empty() {
        true => "nobody".to_owned(),
        false => people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// `web-1 restart`, or `announce` for a manual step.
pub fn place(run: &Run, slot: Slot) -> String {
    let step = run.plan.item_name(slot.item).0;
    match slot.host.and_then(|ix| run.plan.host(ix)) {
        Some(host) => format!("{} {step}", host.name),
        None => step.to_string(),
    }
}

/// Rows of `runs list`.
pub fn history(rows: &[HistoryRow], world: &World) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let queued = world.run(row.run).and_then(|run| run.queued.as_ref());
            let stands = match row.ending {
                None if queued.is_some_and(|queued| queued.not_before.is_some()) => "scheduled".to_owned(),
                None if queued.is_some() => "in line".to_owned(),
                Some(ending) => format!("{}, {}", row.phase.word(), ending.word()),
                None => row.phase.word().to_owned(),
            };
            let took = match (row.started, row.ended) {
                (Some(started), Some(ended)) => duration::short(ended.ms_since(started)),
                _ => String::new(),
            };
            let hosts = match row.hosts_failed {
                0 => row.hosts.to_string(),
                failed => format!("{} ({failed} failed)", row.hosts),
            };
            vec![
                row.run.to_string(),
                time(row.proposed),
                row.workspace.to_string(),
                format!("{} {}", row.runbook, row.version),
                row.impact.word().to_owned(),
                row.by.to_string(),
                hosts,
                took,
                stands,
            ]
        })
        .collect();
    let headings = ["run", "proposed", "workspace", "runbook", "impact", "by", "hosts", "took", "stands"];
    table(&headings, &rows)
}

/// Rows of `audit list`.
pub fn audit(rows: &[AuditRow]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.index.to_string(),
                time(row.at),
                actor(&row.by),
                row.run.map(|run| run.to_string()).unwrap_or_default(),
                row.kind.clone(),
                row.summary.clone(),
            ]
        })
        .collect();
    table(&["index", "at", "by", "run", "kind", "what"], &rows)
}

/// `grace`, or `grace (as)` where somebody else acted as grace.
pub fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Engine => "engine".to_owned(),
        Actor::Person { person, door } => match door {
            Door::Socket { .. } | Door::Ssh { .. } | Door::Hook { .. } => person.to_string(),
            Door::As { .. } => format!("{person} (as)"),
        },
    }
}

/// Rows of `hosts list`.
pub fn hosts(rows: &[(&Workspace, &Server)]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(workspace, server)| {
            let joined = |words: &std::collections::BTreeSet<String>| {
                words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
            };
            vec![
                workspace.id.to_string(),
                workspace.environment.word().to_owned(),
                server.name.to_string(),
                reach(&server.reach),
                joined(&server.groups),
                joined(&server.tags),
            ]
        })
        .collect();
    let headings = ["workspace", "environment", "host", "reached", "groups", "tags"];
    table(&headings, &rows)
}

/// Windows and freezes, each in its own zone.
pub fn spans(spans: &[Span]) -> String {
    let row = |span: &Span| {
        let zone = jiff::tz::TimeZone::get(&span.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let local = |at: Timestamp| at.to_jiff().to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
        let words = [local(span.from), local(span.until), span.zone.clone(), span.workspace.to_string()];
        [words.as_slice(), &[span.kind.word().to_owned(), span.name.clone()]].concat()
    };
    table(&["from", "until", "zone", "workspace", "kind", "name"], &spans.iter().map(row).collect::<Vec<_>>())
}

/// Files that show that manual steps of a run were done.
pub fn evidence(run: &Run) -> String {
    let row = |given: &crate::domain::evidence::Evidence| {
        let step = run.plan.item_name(given.slot.item).0;
        let (by, bytes) = (given.by.to_string(), given.bytes.to_string());
        vec![step.to_string(), given.name.clone(), bytes, given.sha256.to_string(), by, time(given.at)]
    };
    table(&["step", "name", "bytes", "sha256", "by", "at"], &run.evidence.iter().map(row).collect::<Vec<_>>())
}

/// What hosts show, and what to do with it.
pub fn enrolment(found: &Enrolment) -> String {
    let mut text = seen(&found.seen);
    let troubles = found.seen.iter().filter(|seen| seen.standing.is_trouble()).count();
    if troubles > 0 {
        text.push_str(&format!("\n{troubles} of {} to look into before anything is pinned there\n", found.seen.len()));
    }
    match found.patch.is_empty() {
        true => text.push_str("\nnothing to pin\n"),
        false => {
            text.push_str(
                "\nThe change that pins what was seen (with --patch it is printed alone, for `git apply`):\n\n",
            );
            text.push_str(&safe_lines(&found.patch));
            text.push_str(
                "\nOnce it is loaded (`quarterdeck site load`) another person accepts it, as any change to servers.\n",
            );
        }
    }
    text
}

/// What hosts show.
pub fn seen(seen: &[Seen]) -> String {
    let row = |seen: &Seen| {
        let shown = |of: fn(&Shown) -> String| seen.shown.as_ref().map(of).unwrap_or_else(|| "-".to_owned());
        vec![
            seen.host.to_string(),
            seen.reached.clone(),
            shown(|it| it.key.split(' ').next().unwrap_or_default().to_owned()),
            shown(|it| it.fingerprint.clone()),
            seen.standing.words(),
        ]
    };
    table(&["host", "reached", "kind", "fingerprint", "standing"], &seen.iter().map(row).collect::<Vec<_>>())
}

fn reach(reach: &Reach) -> String {
    match reach {
        Reach::Local => "this machine".to_owned(),
        Reach::Ssh { address, port, user, key, jump, algorithms, trust: _ } => {
            let with = key.as_ref().map(|key| format!(" with key {key}"));
            let over = jump.as_ref().map(|jump| format!(" over {jump}"));
            let over = format!("{}{}", with.unwrap_or_default(), over.unwrap_or_default());
            let offered = Some(algorithms.word()).filter(|_| !algorithms.is_modern()).map(|word| format!(" ({word})"));
            format!("{user}@{address}:{port}{over}{}", offered.unwrap_or_default())
        }
    }
}

/// `runs show`.
pub fn run(world: &World, run: &Run, now: Timestamp) -> String {
    let code = binding::code(&run.binding);
    let mut text = format!("{}  {}\n", run.id, standing(world, run, now));
    text.push_str(&plan(&run.plan, Some(&code)));
    let _ = writeln!(text, "\nwho and when");
    let mut rows = vec![vec![time(run.proposed), run.plan.requester.to_string(), "proposed".to_owned()]];
    rows.extend(run.votes.iter().map(|vote| {
        let word = match vote.choice {
            crate::domain::run::Choice::Approve => "approved",
            crate::domain::run::Choice::Deny => "denied",
            crate::domain::run::Choice::Retract => "took the approval back",
        };
        let with = vote.proved.words();
        let word = if with.is_empty() { word.to_owned() } else { format!("{word} {with}") };
        vec![time(vote.at), vote.by.to_string(), format!("{word}: {}", vote.reason)]
    }));
    rows.extend(run.accepted.iter().map(|(id, found)| {
        vec![time(found.at), found.by.to_string(), format!("accepted warning {id}: {}", found.reason)]
    }));
    if let Some(glass) = &run.glass {
        let what = format!("BROKE GLASS for {}: {}", glass.incident, glass.reason);
        rows.push(vec![time(glass.at), glass.by.to_string(), what]);
    }
    rows.extend(
        run.reviews
            .iter()
            .map(|review| vec![time(review.at), review.by.to_string(), format!("reviewed: {}", review.text)]),
    );
    if let (Some(started), Some(driver)) = (run.started, &run.driver) {
        rows.push(vec![time(started), driver.to_string(), "started, drives".to_owned()]);
    }
    if let Some(why) = &run.drift {
        rows.push(vec![String::new(), String::new(), format!("the site changed since; it goes on as approved: {why}")]);
    }
    rows.extend(run.notes.iter().map(|note| vec![time(note.at), note.by.to_string(), format!("note: {}", note.text)]));
    if let Some(ended) = run.ended {
        rows.push(vec![time(ended), String::new(), phase(&run.phase)]);
    }
    for (word, note) in [("outcome", &run.outcome_note), ("review", &run.review)] {
        if let Some(note) = note {
            rows.push(vec![time(note.at), note.by.to_string(), format!("{word}: {}", note.text)]);
        }
    }
    rows.sort_by(|a, b| a.first().cmp(&b.first()));
    text.push_str(&indented(&table(&["at", "who", "what"], &rows)));
    let judged: Vec<Vec<String>> = run
        .builtin
        .iter()
        .filter(|(_, judged)| judged.verdict != Verdict::Pass)
        .map(|(check, judged)| {
            vec![check.id_and_title().0.to_owned(), words::verdict_word(judged.verdict).to_owned(), judged.why.clone()]
        })
        .collect();
    if !judged.is_empty() {
        let _ = writeln!(text, "\nchecks");
        text.push_str(&indented(&table(&["check", "verdict", "why"], &judged)));
    }
    if let Some(workspace) = world.workspace(&run.plan.proposal.workspace) {
        let rows = checkpoint::of(workspace, run)
            .into_iter()
            .map(|one| vec![one.point.word().to_owned(), one.state.word().to_owned(), one.words]);
        let _ = writeln!(text, "\ncheckpoints");
        text.push_str(&indented(&table(&["what", "state", "by whom, how"], &rows.collect::<Vec<_>>())));
    }
    text.push_str(&matrix(run));
    text
}

fn matrix(run: &Run) -> String {
    let every = run.plan.hosts.len() <= HOSTS_LISTED_MAX;
    let rows: Vec<Vec<String>> = run
        .cells
        .iter()
        .filter(|(_, cell)| every || !matches!(cell.state, CellState::Ok))
        .map(|(slot, cell)| {
            let host = slot.host.and_then(|ix| run.plan.host(ix));
            let why = cell.state.reason().map(|reason| format!("{} ({})", reason.words(), reason.code()));
            let saw = cell.saw.lines().next().unwrap_or_default();
            vec![
                host.map(|host| host.name.to_string()).unwrap_or_default(),
                kind(slot.item).to_owned(),
                run.plan.item_name(slot.item).0.to_string(),
                cell.state.word().to_owned(),
                cell.attempt.to_string(),
                why.unwrap_or_default(),
                saw.to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let heading = match every {
        true => "host by step".to_owned(),
        false => format!("host by step, of {} hosts what is not ok", run.plan.hosts.len()),
    };
    let headings = ["host", "kind", "step", "state", "try", "why", "saw"];
    format!("\n{heading}\n{}", indented(&table(&headings, &rows)))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// `site show`.
pub fn site(world: &World) -> String {
    let mut text = match &world.site {
        None => "no site is in force\n".to_owned(),
        Some(site) => {
            let git = match (&site.commit, site.dirty) {
                (Some(commit), Some(true)) => format!(", commit {commit} with changes beyond it"),
                (Some(commit), _) => format!(", commit {commit}"),
                (None, _) => ", not in Git".to_owned(),
            };
            format!(
                "{}: {}, {}, {}; digest {}{git}\n",
                Safe::new(&site.name),
                words::count(site.people.len(), "person", "people"),
                words::count(site.workspaces.len(), "workspace", "workspaces"),
                words::count(site.runbooks.len(), "runbook", "runbooks"),
                site.digest.short()
            )
        }
    };
    if let Some(pending) = &world.pending {
        let by = pending.by.as_ref().map_or("loaded by nobody yet".to_owned(), |by| format!("by {by}"));
        let _ = writeln!(
            text,
            "\na change waits for another owner: digest {}, since {}, {by}",
            pending.site.digest.short(),
            time(pending.at)
        );
        for change in &pending.sensitive {
            let _ = writeln!(text, "  {}", Safe::new(change.words()));
        }
        let _ = writeln!(text);
        for line in pending.diff.lines() {
            let _ = writeln!(text, "{}", Safe::new(line));
        }
    }
    text
}

/// A line of a log: `web-1 restart | …`, `!` for standard error, `-` for our own words. Host bytes pass the filter.
pub fn log_line(line: &LogLine, times: bool) -> String {
    let mark = match line.stream {
        Stream::Out => '|',
        Stream::Err => '!',
        Stream::Note => '-',
    };
    let at = match times {
        true => format!("{} ", line.at.to_jiff().strftime("%H:%M:%S%.3f")),
        false => String::new(),
    };
    let shown: String = filter::lines(&line.bytes).iter().map(|line| line.marked().text().to_string()).collect();
    let host = match line.host.is_empty() {
        true => String::new(),
        false => format!("{} ", Safe::new(&line.host)),
    };
    format!("{at}{host}{} {mark} {shown}\n", line.step)
}
