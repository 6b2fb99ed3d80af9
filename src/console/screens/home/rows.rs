//! Home's lines, made from the world.

use super::RowId;
use crate::console::facts::{self, Board, Errand, Waiting};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::{by_hand, glass, incidents, lend, mentions, standing};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::chart;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::places::PlaceColumns;
use crate::console::words;
use crate::domain::follow_up;
use crate::domain::incident::Severity;
use crate::domain::mention::{self, Mention};
use crate::domain::policy;
use crate::domain::run::Run;
use crate::domain::window::{self, WindowState};
use crate::domain::workspace::Workspace;
use crate::terminal::line::Safe;

/// A line of Home.
pub(super) enum Line {
    /// A section begins.
    Rule(Safe, Safe),
    /// Something that can be opened; `more` stands under it.
    Row { id: RowId, pieces: Vec<Piece>, more: Vec<Vec<Piece>> },
    /// Words.
    Plain(Vec<Piece>),
}

impl Line {
    pub(super) fn id(&self) -> Option<&RowId> {
        match self {
            Line::Row { id, .. } => Some(id),
            Line::Rule(..) | Line::Plain(_) => None,
        }
    }

    pub(super) fn height(&self) -> usize {
        match self {
            Line::Row { more, .. } => 1 + more.len(),
            Line::Rule(..) | Line::Plain(_) => 1,
        }
    }
}

const ERRAND_COLUMNS: u16 = 8;
const RUN_COLUMNS: u16 = 5;
const PLACE_COLUMNS_MAX: u16 = 14;
const WHAT_COLUMNS: u16 = 26;
const BY_COLUMNS_MAX: usize = 20;

/// Rows about notes that name somebody: the rest is under `:mentions`.
const MENTION_ROWS_MAX: usize = 4;

/// Rows of one section; whoever has more than this waiting needs the lists behind 3 and 4, with their filters.
const SECTION_ROWS_MAX: usize = 50;

/// What is wrong, what waits, what runs.
pub(super) fn left(cx: &Cx<'_>, board: &Board) -> Vec<Line> {
    let mut lines = banners(cx);
    if facts::workspaces(cx.world, cx.me()).is_empty() {
        lines.extend(first_steps(cx));
        return lines;
    }
    // The change to the site has its banner, which is its row.
    let mine: Vec<&Waiting> = board.mine.iter().filter(|waiting| waiting.run.is_some()).collect();
    let oldest = mine.iter().map(|waiting| waiting.since).min().map(|since| moment::age(cx.now().ms_since(since)));
    let right = match oldest {
        Some(age) => safe!("{} · oldest {age}", mine.len()),
        None => Safe::new("nothing"),
    };
    lines.push(Line::Rule(Safe::new("waiting for you"), right));
    let columns = columns(cx, board);
    lines.extend(mine.iter().take(SECTION_ROWS_MAX).filter_map(|waiting| mine_row(cx, columns, waiting)));
    lines.extend(more(mine.len(), "4 lists requests, 3 runs"));
    lines.extend(mentions(cx));
    lines.extend(follow_ups(cx));

    if !board.others.is_empty() {
        lines.push(Line::Rule(Safe::new("waiting for others"), safe!("{}", board.others.len())));
    }
    let others = board.others.iter().filter_map(|id| cx.world.run(*id));
    lines.extend(others.take(SECTION_ROWS_MAX).map(|run| {
        let what = match policy::waits_for(cx.world, run, cx.now()).first() {
            Some(waits) => words::waits_short(waits, cx.me(), cx.now(), &cx.here.zone),
            None => "nothing: it goes on by itself".to_owned(),
        };
        Line::Row {
            id: RowId::Other(run.id),
            pieces: run_row(run, columns, "approve", What(what, String::new())),
            more: Vec::new(),
        }
    }));
    lines.extend(more(board.others.len(), "4 lists all requests"));

    let right = if board.at_work.is_empty() { Safe::new("nothing") } else { safe!("{}", board.at_work.len()) };
    lines.push(Line::Rule(Safe::new("running"), right));
    let at_work = board.at_work.iter().filter_map(|id| cx.world.run(*id));
    lines.extend(at_work.take(SECTION_ROWS_MAX).map(|run| at_work_row(cx, columns, run)));
    lines.extend(more(board.at_work.len(), "3 lists all runs"));
    lines
}

/// Notes that name this person and that they have not seen, by what they are on: the newest of each.
fn mentions(cx: &Cx<'_>) -> Vec<Line> {
    let mut newest: Vec<(&Mention, usize)> = Vec::new();
    for one in mention::unseen(cx.world, cx.me()) {
        match newest.iter_mut().find(|(known, _)| known.on == one.on) {
            Some((_, more)) => *more += 1,
            None => newest.push((one, 0)),
        }
    }
    let all = newest.len();
    let row = |(one, more): (&Mention, usize)| {
        let more = if more > 0 { safe!("and {more} more  ") } else { Safe::default() };
        let pieces = vec![
            text(Role::Warning, "named").cols(ERRAND_COLUMNS),
            gap(1),
            text(Role::Accent, safe!("{}", one.on)).cols(RUN_COLUMNS),
            name(Role::Text, mentions::said(cx, one)).rest(),
            gap(1),
            text(Role::Muted, more),
            text(Role::Muted, moment::age(cx.now().ms_since(one.at))),
        ];
        Line::Row { id: RowId::Mention(one.on), pieces, more: Vec::new() }
    };
    let mut lines: Vec<Line> = newest.into_iter().take(MENTION_ROWS_MAX).map(row).collect();
    let left_out = all.saturating_sub(MENTION_ROWS_MAX);
    if left_out > 0 {
        lines.push(Line::Plain(vec![gap(2), text(Role::Muted, safe!("and {left_out} more: :mentions lists them"))]));
    }
    lines
}

/// What this person has to do after runs and reviews, in one line.
fn follow_ups(cx: &Cx<'_>) -> Option<Line> {
    let all = follow_up::open_for(cx.world, cx.me());
    let mine: Vec<_> = all.into_iter().filter(|one| one.owner == *cx.me()).collect();
    let (words, late) = follow_up::summary(mine.iter().copied(), cx.now())?;
    let next = mine.first().map(|one| safe!("next due {}", one.due));
    let pieces = vec![
        text(Role::Text, "to do").cols(ERRAND_COLUMNS),
        gap(1),
        text(if late { Role::Failed } else { Role::Text }, words).rest(),
        gap(1),
        text(Role::Muted, next.unwrap_or_default()),
    ];
    Some(Line::Row { id: RowId::FollowUps, pieces, more: Vec::new() })
}

/// Says what a section left out, and where it is.
fn more(rows: usize, hint: &str) -> Option<Line> {
    let left_out = rows.checked_sub(SECTION_ROWS_MAX).filter(|n| *n > 0)?;
    Some(Line::Plain(vec![gap(2), text(Role::Muted, safe!("and {} more: {hint}", words::number(left_out)))]))
}

/// Where changes are allowed, and what the last days were like.
pub(super) fn right(cx: &Cx<'_>, board: &Board) -> Vec<Line> {
    let workspaces = facts::workspaces(cx.world, cx.me());
    if workspaces.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::Rule(Safe::new("workspaces"), safe!("{}", workspaces.len()))];
    lines.extend(workspaces.into_iter().map(|workspace| place_row(cx, workspace)));
    lines.push(Line::Rule(Safe::new("last seven days"), Safe::default()));
    lines.push(Line::Plain(week(cx, board)));
    lines
}

fn banners(cx: &Cx<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut banner = |words: Safe| lines.push(Line::Plain(vec![text(Role::Warning, safe!("! {words}"))]));
    if cx.world.site.as_ref().is_some_and(|site| site.has_one_person()) {
        banner(Safe::new("one person: no separation of duties; lab and staging alone"));
    }
    if let Some((at, by_ms)) = cx.world.clock_jump {
        let (by, way) = (moment::span(by_ms.unsigned_abs()), if by_ms < 0 { "back" } else { "forward" });
        let when = moment::when(at, cx.now(), &cx.here.zone);
        banner(safe!("the server's clock jumped {by} {way} at {when}; the record's time goes on"));
    }
    if let Some(pending) = &cx.world.pending {
        let changes: Vec<String> = pending.sensitive.iter().map(|change| change.words()).collect();
        let words = safe!("the site changed and waits for a second person: {}", changes.join(", "));
        lines.push(Line::Row {
            id: RowId::Site,
            pieces: vec![text(Role::Warning, safe!("! {words}")).rest()],
            more: Vec::new(),
        });
    }
    for run in glass::visible(cx) {
        lines.push(Line::Row { id: RowId::AtWork(run.id), pieces: glass::row(cx, run), more: Vec::new() });
    }
    for one in by_hand::visible(cx) {
        lines.push(Line::Row {
            id: RowId::ByHand(one.id),
            pieces: vec![text(Role::ErrorText, safe!("! {}", by_hand::words(one))).rest()],
            more: Vec::new(),
        });
    }
    for one in incidents::visible(cx) {
        let overdue = one.next_due(&incidents::clocks(cx)).is_some_and(|(_, due)| due <= cx.now());
        let ink = if overdue || one.severity == Severity::P1 { Role::ErrorText } else { Role::Warning };
        lines.push(Line::Row { id: RowId::Incident(one.id), pieces: incidents::row(cx, one, ink), more: Vec::new() });
    }
    for one in standing::mine(cx) {
        let words = safe!(
            "! {} asks for a standing approval of {} in {}: {}",
            one.terms.by,
            one.terms.runbook,
            one.terms.workspace,
            one.reason
        );
        lines.push(Line::Row {
            id: RowId::Standing(one.terms.standing),
            pieces: vec![text(Role::Warning, words).rest()],
            more: Vec::new(),
        });
    }
    for one in lend::mine(cx) {
        let words = match &one.granted {
            Some(_) => safe!("you are {}", lend::words(cx, one)),
            None => safe!("{} asks to be {}", one.person, lend::words(cx, one)),
        };
        let ink = if one.granted.is_some() { Role::Muted } else { Role::Warning };
        lines.push(Line::Row {
            id: RowId::Elevation(one.id),
            pieces: vec![text(ink, safe!("{} {words}", if one.granted.is_some() { "·" } else { "!" })).rest()],
            more: Vec::new(),
        });
    }
    lines
}

fn first_steps(cx: &Cx<'_>) -> Vec<Line> {
    let plain = |role, words: &str| Line::Plain(vec![text(role, words)]);
    let known = cx.world.site.as_ref().is_some_and(|site| !site.workspaces.is_empty());
    let mut lines = vec![plain(Role::Text, "")];
    if known {
        lines.push(plain(Role::Title, "No workspace has you as a member."));
        lines.push(plain(Role::Text, "An owner adds you under [members] of workspaces/NAME.toml."));
    } else {
        lines.push(plain(Role::Title, "No workspaces yet."));
        lines.push(plain(Role::Text, "`quarterdeck init DIR` writes a site to begin with."));
        lines.push(plain(Role::Text, "`quarterdeck demo` shows one at work, with four hosts of its own."));
    }
    lines
}

/// One set of columns for all rows about runs, so that they line up.
fn columns(cx: &Cx<'_>, board: &Board) -> PlaceColumns {
    let mine = board.mine.iter().take(SECTION_ROWS_MAX).filter_map(|waiting| waiting.run);
    let others = board.others.iter().take(SECTION_ROWS_MAX).copied();
    let at_work = board.at_work.iter().take(SECTION_ROWS_MAX).copied();
    let runs = mine.chain(others).chain(at_work).filter_map(|id| cx.world.run(id));
    let places = runs.map(|run| (run.plan.environment, run.plan.proposal.workspace.as_str()));
    PlaceColumns::of(places, PLACE_COLUMNS_MAX)
}

fn mine_row(cx: &Cx<'_>, columns: PlaceColumns, waiting: &Waiting) -> Option<Line> {
    // The pending site has its banner, which is its row.
    let run = cx.world.run(waiting.run?)?;
    let plan = &run.plan;
    let by = facts::start_by(cx.world, run, cx.now());
    let by = by.map(|by| format!("start by {}", moment::when(by, cx.now(), &cx.here.zone))).unwrap_or_default();
    let nothing = String::new;
    let what = match &waiting.errand {
        Errand::Approve => What(format!("{} · {}", glyph::impact(plan.impact).word, plan.requester), by),
        Errand::Accept(warning) => What(format!("warning {warning}"), nothing()),
        Errand::Decide => {
            let first = run.progress.attention.iter().next();
            first.map_or_else(|| What(nothing(), nothing()), |slot| failed(run, *slot))
        }
        Errand::TakeOver => {
            What(run.offered.as_ref().map(|offer| format!("{} offers it", offer.by)).unwrap_or_default(), nothing())
        }
        Errand::HandStep(slot) => What(plan.item_name(slot.item).1, nothing()),
        Errand::Start => What(nothing(), by),
        Errand::Continue => {
            What(format!("you paused it {} ago", moment::age(cx.now().ms_since(waiting.since))), nothing())
        }
        Errand::Note => {
            let ended = run.ended.unwrap_or(waiting.since);
            What(format!("ran {}", moment::day(ended, cx.now(), &cx.here.zone)), "no note".to_owned())
        }
        Errand::Review => {
            let how = run.phase.ending().map(words::ending).unwrap_or_default();
            What(format!("by {}", run.driver.as_ref().unwrap_or(&plan.requester)), how.to_owned())
        }
        Errand::AcceptSite => return None,
    };
    let id = RowId::Mine(run.id, waiting.errand.clone());
    Some(Line::Row { id, pieces: run_row(run, columns, waiting.errand.word(), what), more: Vec::new() })
}

/// What stands behind a run at Home: a part that may be cut, and a part that is the point of it.
struct What(String, String);

impl What {
    /// So wide; the first part gives way.
    fn pieces(self) -> Vec<Piece> {
        let Self(head, point) = self;
        let point = Safe::new(point).cut_end(usize::from(WHAT_COLUMNS));
        let left = WHAT_COLUMNS.saturating_sub(u16::try_from(point.width()).unwrap_or(WHAT_COLUMNS));
        if point.is_empty() {
            return vec![name(Role::Muted, head).cols(WHAT_COLUMNS)];
        }
        vec![name(Role::Muted, head).cols(left.saturating_sub(2)), gap(left.min(2)), text(Role::Muted, point)]
    }
}

fn failed(run: &Run, slot: crate::domain::run::Slot) -> What {
    let (step, _, _) = run.plan.item_name(slot.item);
    let host = run.plan.place(slot);
    let more = match run.progress.attention.len() {
        0 | 1 => String::new(),
        n => format!("and {} more", n - 1),
    };
    What(format!("{host} {step}"), more)
}

fn run_row(run: &Run, columns: PlaceColumns, errand: &str, what: What) -> Vec<Piece> {
    let plan = &run.plan;
    let mut pieces = vec![
        text(Role::Text, errand).cols(ERRAND_COLUMNS),
        gap(1),
        text(Role::Accent, safe!("{}", run.id)).cols(RUN_COLUMNS),
        name(Role::Text, safe!("{} {}", plan.runbook.id, version(plan))).rest(),
        gap(1),
    ];
    pieces.extend(columns.pieces(plan.environment, plan.proposal.workspace.as_str()));
    pieces.push(gap(1));
    pieces.extend(what.pieces());
    pieces
}

fn version(plan: &crate::domain::plan::Plan) -> String {
    format!("v{}", plan.runbook.version.trim_start_matches('v'))
}

fn at_work_row(cx: &Cx<'_>, columns: PlaceColumns, run: &Run) -> Line {
    let plan = &run.plan;
    let done = facts::done(run);
    let mark = glyph::standing(run);
    let by = run.driver.as_ref().unwrap_or(&plan.requester);
    let mut pieces = vec![
        text(mark.role, mark.glyph),
        gap(1),
        text(Role::Accent, safe!("{}", run.id)).cols(RUN_COLUMNS),
        name(Role::Text, safe!("{}", plan.runbook.id)).rest(),
        gap(1),
    ];
    pieces.extend(columns.pieces(plan.environment, plan.proposal.workspace.as_str()));
    let step = safe!("step {} of {}   {} of {} hosts ✔", done.step, plan.steps.len(), done.hosts, plan.hosts.len());
    pieces.extend([gap(1), text(Role::Text, step).cols(34)]);
    let percent = chart::percent(done.settled, done.cells);
    let mut second = vec![
        gap(4),
        text(mark.role, chart::bar(done.settled, done.cells, 20)),
        gap(1),
        text(Role::Text, safe!("{percent} %")).right(5),
        gap(2),
        text(mark.role, mark.word),
        gap(2),
        text(Role::Muted, safe!("by {by}").cut_middle(BY_COLUMNS_MAX)),
    ];
    if let Some(elapsed) = facts::elapsed_ms(run, cx.now()) {
        let usual = match facts::usual_ms(cx.world, run) {
            Some(usual) => format!(", usually {}", moment::span(usual)),
            None => String::new(),
        };
        second.extend([gap(2), text(Role::Muted, safe!("{} gone{usual}", moment::span(elapsed)))]);
    }
    Line::Row { id: RowId::AtWork(run.id), pieces, more: vec![second] }
}

fn place_row(cx: &Cx<'_>, workspace: &Workspace) -> Line {
    let state = window::state(workspace, cx.now());
    let role = match state {
        WindowState::Always | WindowState::Open { .. } => Role::Muted,
        WindowState::Closed { .. } => Role::Warning,
        WindowState::Frozen { .. } => Role::Refused,
    };
    let all = facts::workspaces(cx.world, cx.me());
    let all = all.iter().map(|workspace| (workspace.environment, workspace.id.as_str()));
    let mut pieces =
        PlaceColumns::of(all, PLACE_COLUMNS_MAX).pieces(workspace.environment, workspace.id.as_str()).to_vec();
    pieces.extend([
        text(Role::Text, words::count(workspace.servers.len(), "host ", "hosts")).right(12),
        gap(3),
        text(role, words::window(&state, cx.now(), &cx.here.zone)).rest(),
    ]);
    Line::Row { id: RowId::Place(workspace.id.clone()), pieces, more: Vec::new() }
}

const DAY_MS: i64 = 86_400_000;

fn week(cx: &Cx<'_>, board: &Board) -> Vec<Piece> {
    let today = cx.now().0.div_euclid(DAY_MS);
    let days: Vec<_> = (today - 6..=today).map(|day| cx.world.days.get(&day).copied().unwrap_or_default()).collect();
    let runs: Vec<u64> = days.iter().map(|day| u64::from(day.runs)).collect();
    let failed: u32 = days.iter().map(|day| day.failed).sum();
    let all = usize::try_from(runs.iter().sum::<u64>()).unwrap_or(usize::MAX);
    let role = if failed > 0 { Role::Failed } else { Role::Muted };
    let mut pieces = vec![
        gap(2),
        text(Role::Text, words::count(all, "run", "runs")),
        gap(1),
        text(Role::Accent, chart::sparkline(&runs)),
        gap(4),
        text(role, safe!("{failed} failed")),
    ];
    if board.reviews > 0 {
        pieces.extend([gap(4), text(Role::Text, safe!("{} due", words::count(board.reviews, "review", "reviews")))]);
    }
    pieces
}
