//! The two lines that open a run: where, how it stands, how far, and how long that is usual.

use crate::console::facts;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::glass;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::chart;
use crate::console::widgets::piece::{Piece, gap, spring, text};
use crate::console::widgets::places::block;
use crate::console::words;
use crate::domain::PersonId;
use crate::domain::deadlines;
use crate::domain::policy;
use crate::domain::presence;
use crate::domain::run::{CellState, Item, PauseCause, Phase, Run};
use crate::domain::settle;
use crate::domain::window::{self, WindowState};
use crate::terminal::line::Safe;

const HOST_COLUMNS_MAX: usize = 20;
const DRIVER_COLUMNS_MAX: usize = 20;
const OFFER_COLUMNS_MAX: usize = 36;

/// Where it stands.
pub(super) fn first(cx: &Cx<'_>, run: &Run) -> Vec<Piece> {
    let mark = glyph::standing(run);
    let since = moment::counter(cx.now().ms_since(run.phase_since));
    let loud = match &run.phase {
        Phase::Paused(_) | Phase::Stopping(_) => {
            safe!("{} {} {since}", mark.glyph, mark.word.to_uppercase())
        }
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => safe!("{} {}", mark.glyph, mark.word),
    };
    let mut pieces = vec![block(run.plan.environment), gap(2), text(mark.role, loud)];
    if let Some(more) = more(cx, run) {
        pieces.push(text(Role::Text, safe!(" · {more}")));
    }
    let who: Vec<Safe> = drives(run).into_iter().chain(looks_on(cx, run)).collect();
    let who = Safe::new(who.iter().map(Safe::as_str).collect::<Vec<_>>().join(" · "));
    let used: usize = pieces.iter().map(Piece::wants).sum();
    // What stands must be read whole; who drives is in the audit as well, who looks on under `:who`.
    if !who.as_str().is_empty() && used + who.width() + 4 <= usize::from(cx.areas.body.width) {
        pieces.extend([spring(), text(Role::Muted, who)]);
    }
    pieces
}

/// Who drives it, and to whom it is offered.
fn drives(run: &Run) -> Option<Safe> {
    let driver = run.driver.as_ref().filter(|_| run.ended.is_none())?;
    Some(match &run.offered {
        Some(offer) => safe!("{driver} offers it to {}", offer.to).cut_middle(OFFER_COLUMNS_MAX),
        None => safe!("driver {driver}").cut_middle(DRIVER_COLUMNS_MAX),
    })
}

/// Who looks on: by name while they are few.
fn looks_on(cx: &Cx<'_>, run: &Run) -> Option<Safe> {
    let mut others = presence::watching(&cx.here.present, run.id, cx.me()).map(PersonId::as_str);
    match (others.next(), others.next(), others.count()) {
        (None, ..) => None,
        (Some(one), None, _) => Some(safe!("{one} looks on")),
        (Some(one), Some(two), 0) => Some(safe!("{one}, {two} look on")),
        (Some(_), Some(_), more) => Some(safe!("{} look on", more + 2)),
    }
}

fn more(cx: &Cx<'_>, run: &Run) -> Option<String> {
    let zone = &cx.here.zone;
    match &run.phase {
        Phase::Checking(_) => {
            let host_checks = run.plan.hosts.len() * (1 + run.plan.runbook.preflight.len());
            Some(format!("{} in parallel", words::count(host_checks, "check on hosts", "checks on hosts")))
        }
        Phase::Waiting | Phase::Approved if run.glass.is_some() => {
            let start = if crate::domain::glass::is_open(run) { "S starts it, " } else { "" };
            Some(format!("GLASS BROKEN · {start}{}", glass::standing(cx, run)))
        }
        Phase::Waiting => {
            let waits = policy::waits_for(cx.world, run, cx.now());
            let words: Vec<String> = waits.iter().map(|w| words::waits(w, cx.me(), cx.now(), zone)).collect();
            Some(if words.is_empty() { "goes on by itself".to_owned() } else { words.join(" · ") })
        }
        Phase::Approved if run.queued.is_some() => {
            let waits = policy::waits_for(cx.world, run, cx.now());
            let first = waits
                .iter()
                .find(|waits| words::is_of_the_start(waits))
                .map(|waits| words::waits(waits, cx.me(), cx.now(), zone));
            Some(first.unwrap_or_else(|| "its turn has come".to_owned()))
        }
        Phase::Approved => {
            let by = facts::start_by(cx.world, run, cx.now()).map(|by| moment::when(by, cx.now(), zone));
            let may = cx
                .world
                .workspace(&run.plan.proposal.workspace)
                .is_some_and(|workspace| workspace.grants(cx.me(), run.plan.runbook.runs_as));
            let who = if may { "S starts it" } else { "an operator starts it" };
            Some(by.map_or(who.to_owned(), |by| format!("{who}, by {by}")))
        }
        Phase::Paused(PauseCause::Failure) => match run.progress.attention.iter().next() {
            Some(slot) => {
                let host = match slot.host {
                    Some(_) => run.plan.place(*slot),
                    None => format!("step {}", run.plan.item_name(slot.item).0),
                };
                let word = match run.state(*slot) {
                    CellState::Unknown(_) => "is unknown",
                    CellState::Waiting
                    | CellState::Intended
                    | CellState::Started { .. }
                    | CellState::Ok
                    | CellState::Failed(_)
                    | CellState::Skipped
                    | CellState::Refused(_) => "failed",
                };
                let host = Safe::new(host).cut_middle(HOST_COLUMNS_MAX);
                Some(format!("{host} {word} · an {} must decide", run.plan.runbook.runs_as.word()))
            }
            None => Some("every host is decided: P goes on".to_owned()),
        },
        Phase::Paused(PauseCause::Person(by)) if facts::executes(cx.world, run, cx.me()) => {
            Some(format!("by {by} · P goes on"))
        }
        Phase::Paused(PauseCause::Person(by)) => {
            Some(format!("by {by} · an {} lets it go on", run.plan.runbook.runs_as.word()))
        }
        Phase::Paused(PauseCause::Batch) => {
            let (done, of) = (run.progress.batch + 1, run.plan.batches.len());
            Some(format!("batch {done} of {of} is through · P goes on"))
        }
        Phase::Paused(PauseCause::NoRoom) => Some("the disk was full · P goes on when there is room".to_owned()),
        Phase::Paused(PauseCause::Window) => Some("its window closed · P goes on within one, X ends it".to_owned()),
        Phase::Paused(PauseCause::Authority) => {
            let why =
                policy::lost_authority(cx.world, run).unwrap_or_else(|| "a role was lost and is held again".to_owned());
            Some(format!("{why} · P goes on, for whoever may"))
        }
        Phase::Stopping(how) => Some(match &run.stopped {
            Some(stopped) => format!("{} · by {}: {}", words::stop(*how), stopped.by, stopped.text),
            None => words::stop(*how).to_owned(),
        }),
        Phase::Ended(_) => {
            let stopped = run.stopped.as_ref().map(|stopped| format!("stopped by {} · ", stopped.by));
            let writes = if facts::stops(cx.world, run, cx.me()) { ": C writes it" } else { "" };
            Some(format!("{}outcome note missing{writes}", stopped.unwrap_or_default()))
        }
        Phase::Closed(_) => Some(match facts::reviewers(cx.world, run) {
            may if may.contains(cx.me()) => "review due: R signs it off".to_owned(),
            may if may.is_empty() => "review due: nobody here may".to_owned(),
            may => format!("review due: {}", words::one_of(&may, cx.me())),
        }),
        Phase::Reviewed(_) => run.review.as_ref().map(|note| format!("signed off by {}", note.by)),
        Phase::Running => {
            let drift = || run.drift.as_ref().map(|why| format!("as approved; the site has {why} since"));
            next_batch(cx, run).or_else(|| deadline(cx, run)).or_else(drift)
        }
        Phase::Verifying | Phase::Cancelled(_) => None,
    }
}

/// The batch that begins once its pause is over.
fn next_batch(cx: &Cx<'_>, run: &Run) -> Option<String> {
    let at = settle::next_batch_at(run).filter(|at| *at > cx.now())?;
    let (done, of) = (run.progress.batch + 1, run.plan.batches.len());
    Some(format!("batch {done} of {of} is through · the next in {}", moment::counter(at.ms_since(cx.now()))))
}

/// The step that is due next, or overdue longest.
fn deadline(cx: &Cx<'_>, run: &Run) -> Option<String> {
    let (position, at) = deadlines::open(run).min_by_key(|(_, at)| *at)?;
    let step = run.plan.item_name(Item::Step(position)).0;
    Some(match cx.now() < at {
        true => format!("{step} due in {}", moment::span(at.ms_since(cx.now()))),
        false => format!("{step} overdue for {}", moment::span(cx.now().ms_since(at))),
    })
}

/// How far, how long, until when.
pub(super) fn second(cx: &Cx<'_>, run: &Run) -> Vec<Piece> {
    let done = facts::done(run);
    let mut pieces = vec![];
    let at_work = matches!(run.phase, Phase::Running | Phase::Paused(_) | Phase::Stopping(_));
    if at_work && facts::hand_step(run).is_some() {
        // Between two stretches of scripts no batch is at work.
        pieces.extend([text(Role::Text, safe!("step {} of {}", done.step.max(1), run.plan.steps.len())), gap(3)]);
    } else if at_work && !run.plan.batches.is_empty() {
        let batch = usize::try_from(run.progress.batch).unwrap_or(0) + 1;
        pieces.extend([text(Role::Text, safe!("batch {batch} of {}", run.plan.batches.len())), gap(3)]);
    }
    match facts::elapsed_ms(run, cx.now()) {
        Some(elapsed) => {
            let percent = chart::percent(done.settled, done.cells);
            let role = glyph::standing(run).role;
            let spent = if run.ended.is_some() { "in all" } else { "gone" };
            pieces.extend([
                text(role, chart::bar(done.settled, done.cells, 12)),
                text(Role::Text, safe!("{percent} %")).right(6),
                gap(3),
                text(Role::Text, safe!("{} {spent}", moment::span(elapsed))),
            ]);
            if let Some(usual) = facts::usual_ms(cx.world, run) {
                let late = elapsed > usual.saturating_mul(2);
                let role = if late { Role::Warning } else { Role::Muted };
                pieces.push(text(role, safe!(", usually {}", moment::span(usual))));
            }
        }
        None => {
            let when = moment::when(run.proposed, cx.now(), &cx.here.zone);
            pieces.push(text(Role::Muted, safe!("asked by {} {when}", run.plan.requester)));
        }
    }
    pieces.extend([gap(2), spring()]);
    let state = cx.world.workspace(&run.plan.proposal.workspace).map(|w| window::state_for(w, run, cx.now()));
    let window = match (run.is_over() || run.ended.is_some(), state) {
        (true, _) | (false, None | Some(WindowState::Always)) => None,
        (false, Some(WindowState::Open { until, .. })) => {
            Some((Role::Muted, format!("window closes {}", moment::when(until, cx.now(), &cx.here.zone))))
        }
        (false, Some(state @ (WindowState::Closed { .. } | WindowState::Frozen { .. }))) => {
            Some((Role::Warning, words::window(&state, cx.now(), &cx.here.zone)))
        }
    };
    if let Some((role, words)) = window {
        pieces.push(text(role, words));
    }
    pieces
}
