//! Which numbers there are. Closed words alone are labels: no workspace, person, runbook or host is one, for a name is somebody's
//! text, and there is no end to them.

use super::super::House;
use super::super::here::{Doing, Origin};
use super::super::turned::With;
use super::text::{Kind, Page, number};
use crate::domain::incident::Severity;
use crate::domain::run::{Ending, Phase, PhaseTag};
use crate::domain::{Timestamp, World, glass, quorum};
use crate::engine::{COMMIT_BOUNDS_MS, Counts, Health};
use std::time::Duration;

/// Every number there is at this moment.
pub fn page(house: &House) -> String {
    let mut page = Page::default();
    let world = house.engine.world().borrow().clone();
    of_process(&mut page, house.engine.up());
    let ready = house.health() == Health::Fine;
    page.one(("quarterdeck_ready", Kind::Gauge, "Whether decisions are taken: 1, or 0."), f64::from(u8::from(ready)));
    of_writer(&mut page, &house.engine.counts());
    of_world(&mut page, &world, house.engine.now());
    of_doors(&mut page, house);
    page.into_text()
}

/// The process itself, under the names every exporter uses.
fn of_process(page: &mut Page, up: Duration) {
    let version = [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1.0)];
    page.family(("quarterdeck_build_info", Kind::Gauge, "Which version this is."), version);
    page.one(("quarterdeck_uptime_seconds", Kind::Gauge, "How long the engine runs."), up.as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        page.one(
            ("process_resident_memory_bytes", Kind::Gauge, "Memory of this process that is in use."),
            number(bytes),
        );
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let count = u64::try_from(open.count()).unwrap_or(u64::MAX);
        page.one(("process_open_fds", Kind::Gauge, "Open descriptors."), number(count));
    }
}

/// `VmRSS`, as the kernel says it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

fn of_writer(page: &mut Page, counts: &Counts) {
    let bounds = COMMIT_BOUNDS_MS.map(|ms| Duration::from_millis(ms).as_secs_f64());
    page.histogram(
        ("quarterdeck_ledger_commit_seconds", "From a group of requests to its decisions being on the disk."),
        &bounds,
        &counts.commits,
        counts.committing.as_secs_f64(),
    );
    let ended = Ending::ALL.map(|ending| [("ending", ending.word())]);
    page.family(
        ("quarterdeck_runs_ended_total", Kind::Counter, "Runs that ended since the server started, by how."),
        ended.iter().zip(counts.ended).map(|(labels, count)| (&labels[..], number(count))),
    );
    page.family(
        ("quarterdeck_notices_total", Kind::Counter, "What became of notices since the server started."),
        [
            (&[("end", "delivered")][..], number(counts.delivered)),
            (&[("end", "given_up")][..], number(counts.given_up)),
        ],
    );
}

fn of_world(page: &mut Page, world: &World, now: Timestamp) {
    page.one(("quarterdeck_ledger_events_total", Kind::Counter, "Events in the record."), number(world.events));
    let runs = || world.runs.values();
    let open = PhaseTag::ALL.iter().filter(|tag| is_open(**tag)).map(|tag| {
        let count = runs().filter(|run| run.phase.tag() == *tag).count();
        ([("phase", tag.word())], count)
    });
    let open: Vec<_> = open.collect();
    page.family(
        ("quarterdeck_runs_open", Kind::Gauge, "Runs that are proposed and not yet reviewed, by phase."),
        open.iter().map(|(labels, count)| (&labels[..], amount(*count))),
    );
    let in_flight =
        House::in_flight(world).map(|run| run.cells.values().filter(|cell| cell.state.is_in_flight()).count());
    let steps = "Steps and checks that hosts, people or other systems have begun and not ended.";
    page.one(("quarterdeck_steps_in_flight", Kind::Gauge, steps), amount(in_flight.sum()));

    let unapproved = runs().filter(|run| run.phase == Phase::Waiting).filter(|run| {
        let workspace = world.workspace(&run.plan.proposal.workspace);
        workspace.is_some_and(|workspace| !quorum::missing_approvals(workspace, run).is_empty())
    });
    let since: Vec<Timestamp> = unapproved.map(|run| run.phase_since).collect();
    let oldest = since.iter().min().map_or(0, |since| now.ms_since(*since));
    page.one(("quarterdeck_approvals_waiting", Kind::Gauge, "Runs that wait for an approval."), amount(since.len()));
    let longest = "How long the one that waits longest has waited; 0 where none does.";
    page.one(("quarterdeck_approval_oldest_wait_seconds", Kind::Gauge, longest), seconds(oldest));

    let incidents = Severity::ALL.map(|severity| {
        let count = world.incidents.values().filter(|incident| incident.severity == severity).count();
        ([("severity", severity.word())], count)
    });
    page.family(
        ("quarterdeck_incidents_open", Kind::Gauge, "Incidents that are open, by severity."),
        incidents.iter().map(|(labels, count)| (&labels[..], amount(*count))),
    );
    let broken = runs().filter(|run| glass::is_open(run)).count();
    page.one(("quarterdeck_glass_broken", Kind::Gauge, "Open runs for which broken glass counts."), amount(broken));
    let red = runs().filter(|run| glass::is_red(run)).count();
    page.one(
        ("quarterdeck_glass_unreviewed", Kind::Gauge, "Runs that ran by broken glass and are not signed off."),
        amount(red),
    );
    let pending = amount(world.outbox.pending.len());
    page.one(("quarterdeck_notices_pending", Kind::Gauge, "Notices on their way to people."), pending);
    let lost = "Notices that gave way to newer ones before they arrived, as the record has it.";
    page.one(("quarterdeck_notices_lost_total", Kind::Counter, lost), number(world.outbox.lost));
    let waits = f64::from(u8::from(world.pending.is_some()));
    page.one(("quarterdeck_site_change_waiting", Kind::Gauge, "Whether a change to the site waits: 1, or 0."), waits);
}

/// Whether a run in this phase is one of the World's.
fn is_open(tag: PhaseTag) -> bool {
    match tag {
        PhaseTag::Checking
        | PhaseTag::Waiting
        | PhaseTag::Approved
        | PhaseTag::Running
        | PhaseTag::Paused
        | PhaseTag::Stopping
        | PhaseTag::Verifying
        | PhaseTag::Ended
        | PhaseTag::Closed => true,
        PhaseTag::Reviewed | PhaseTag::Cancelled => false,
    }
}

fn of_doors(page: &mut Page, house: &House) {
    let here = house.here.list();
    let kinds = ["socket", "ssh"].map(|door| Doing::ALL.map(|doing| (door, doing)));
    let sessions = kinds.as_flattened().iter().map(|(door, doing)| {
        let of_it = here.iter().filter(|one| door_of(&one.from) == *door && one.doing == *doing);
        ([("door", *door), ("carries", doing.word())], of_it.count())
    });
    let sessions: Vec<_> = sessions.collect();
    page.family(
        ("quarterdeck_sessions", Kind::Gauge, "Connections that were let in, by door and by what they carry."),
        sessions.iter().map(|(labels, count)| (&labels[..], amount(*count))),
    );
    let refused = With::ALL.map(|with| ([("by", with.word())], house.turned.refused(with)));
    page.family(
        (
            "quarterdeck_sign_in_refusals_total",
            Kind::Counter,
            "Refusals at the SSH door and of machines' requests, by what was not good enough.",
        ),
        refused.iter().map(|(labels, count)| (&labels[..], number(*count))),
    );
    let away = "Connections that were turned away unheard: too many at once, or too much failed from there.";
    page.one(("quarterdeck_connections_turned_away_total", Kind::Counter, away), number(house.turned.unheard()));
}

fn door_of(from: &Origin) -> &'static str {
    match from {
        Origin::Account { .. } => "socket",
        Origin::Source(_) => "ssh",
    }
}

fn amount(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
