//! What a wall says, made from the world: sums, what is wrong, and the sections below.

use crate::console::facts::{self, Board};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::{by_hand, glass, incidents};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::chart;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::places::PlaceColumns;
use crate::console::words;
use crate::domain::calendar::{self, Kind};
use crate::domain::incident::{Incident, Severity, next_words};
use crate::domain::presence::{self, Spot};
use crate::domain::run::{Phase, Run};
use crate::domain::window::{self, WindowState};
use crate::domain::workspace::{Environment, Workspace};
use crate::domain::{PersonId, Timestamp, follow_up, policy};
use crate::terminal::line::Safe;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines that stand together.
pub(super) struct Block(pub Vec<Vec<Piece>>);

impl Block {
    /// Rows of a block at most.
    pub const ROWS: u16 = 2;

    /// Its rows.
    pub fn rows(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(Self::ROWS).min(Self::ROWS)
    }
}

/// Blocks under one rule.
pub(super) struct Section {
    pub title: &'static str,
    pub role: Role,
    pub blocks: Vec<Block>,
    /// How many there are; more than are shown where there are too many to take turns.
    pub of: usize,
}

impl Section {
    pub fn new(title: &'static str, role: Role, blocks: Vec<Block>) -> Self {
        let of = blocks.len();
        Self { title, role, blocks, of }
    }

    fn of(title: &'static str, role: Role, of: usize, blocks: impl Iterator<Item = Block>) -> Self {
        Self { title, role, blocks: blocks.take(BLOCKS_MAX).collect(), of }
    }
}

/// Blocks of one section at most: nobody waits minutes for a page to come round.
const BLOCKS_MAX: usize = 40;

/// A number to be read across a room.
pub(super) struct Sum {
    pub name: &'static str,
    pub number: usize,
    pub role: Role,
    /// What belongs to it where there is a row for it.
    pub words: Safe,
    /// What belongs to it in a few letters.
    pub short: Option<Safe>,
}

/// What begins within this is worth knowing now.
const AHEAD_MS: u64 = 24 * 3_600_000;

const STATE_COLUMNS: u16 = 12;
const RUN_COLUMNS: u16 = 6;
const PLACE_COLUMNS_MAX: u16 = 16;
const BAR_COLUMNS: usize = 12;

/// Why nothing can be shown at all, where that is so.
pub(super) fn nothing_to_see(cx: &Cx<'_>) -> Option<&'static str> {
    let none = facts::workspaces(cx.world, cx.me()).is_empty();
    let known = cx.world.site.as_ref().is_some_and(|site| !site.workspaces.is_empty());
    match (none, known) {
        (false, _) => None,
        (true, true) => Some("Nothing to show: no workspace has you as a member."),
        (true, false) => Some("Nothing to show: no site is in force yet."),
    }
}

/// Whether anything is open, at work, waiting or overdue.
fn is_calm(cx: &Cx<'_>) -> bool {
    let board = cx.board();
    wrong(cx).is_empty() && board.at_work.is_empty() && waiting(&board).is_empty() && overdue(cx).is_empty()
}

/// What stands at the top where nothing is wrong.
pub(super) fn calm(cx: &Cx<'_>) -> Block {
    let line = match is_calm(cx) {
        true => {
            vec![text(Role::Ok, "✔ "), text(Role::Title, "All quiet: nothing runs, nothing waits, nothing is overdue.")]
        }
        false => vec![text(Role::Ok, "✔ "), text(Role::Text, "No incident is open, no glass is broken.")],
    };
    Block(vec![line])
}

/// The numbers.
pub(super) fn sums(cx: &Cx<'_>) -> Vec<Sum> {
    let board = cx.board();
    vec![incident_sum(cx), run_sum(cx, &board), waiting_sum(cx, &board), overdue_sum(cx), freeze_sum(cx)]
}

fn incident_sum(cx: &Cx<'_>) -> Sum {
    let open = incidents::visible(cx);
    let graves = Severity::ALL.into_iter().filter_map(|severity| {
        let n = open.iter().filter(|one| one.severity == severity).count();
        (n > 0).then(|| format!("{n} {}", severity.word()))
    });
    let words = graves.collect::<Vec<_>>().join(" · ");
    let role = match open.first().map(|one| one.severity.is_timed()) {
        Some(true) => Role::Failed,
        Some(false) => Role::Warning,
        None => Role::Title,
    };
    let words = if words.is_empty() { Safe::new("none is open") } else { Safe::new(words) };
    Sum { name: "incidents", number: open.len(), role, words, short: None }
}

fn run_sum(cx: &Cx<'_>, board: &Board) -> Sum {
    let runs = || board.at_work.iter().filter_map(|id| cx.world.run(*id));
    let held = runs().filter(|run| matches!(run.phase, Phase::Paused(_) | Phase::Stopping(_))).count();
    let (role, words) = match (board.at_work.len(), held) {
        (0, _) => (Role::Title, Safe::new("nothing runs")),
        (_, 0) => (Role::Running, Safe::new("all go on")),
        (_, held) => (Role::Warning, safe!("{held} held")),
    };
    Sum { name: "at work", number: board.at_work.len(), role, words, short: None }
}

fn waiting_sum(cx: &Cx<'_>, board: &Board) -> Sum {
    let waiting: Vec<&Arc<Run>> = waiting(board).into_iter().filter(|run| run.phase == Phase::Waiting).collect();
    let oldest = waiting.iter().map(|run| run.proposed).min().map(|since| moment::age(cx.now().ms_since(since)));
    let (role, words, short) = match oldest {
        None => (Role::Title, Safe::new("nothing waits"), None),
        Some(age) => (Role::Warning, safe!("oldest {age}"), Some(safe!("({age})"))),
    };
    Sum { name: "approvals", number: waiting.len(), role, words, short }
}

fn overdue_sum(cx: &Cx<'_>) -> Sum {
    let number = overdue(cx).len();
    let (role, words) = match number {
        0 => (Role::Title, "nothing is overdue"),
        _ => (Role::Failed, "not looked at"),
    };
    Sum { name: "overdue", number, role, words: Safe::new(words), short: None }
}

fn freeze_sum(cx: &Cx<'_>) -> Sum {
    let states = facts::workspaces(cx.world, cx.me()).into_iter().map(|place| window::state(place, cx.now()));
    let ends: Vec<Timestamp> = states
        .filter_map(|state| match state {
            WindowState::Frozen { until, .. } => Some(until),
            WindowState::Always | WindowState::Open { .. } | WindowState::Closed { .. } => None,
        })
        .collect();
    let (role, words) = match ends.iter().max() {
        None => (Role::Title, Safe::new("none is in force")),
        Some(until) => (Role::Refused, safe!("until {}", moment::day(*until, cx.now(), &cx.here.zone))),
    };
    Sum { name: "frozen", number: ends.len(), role, words, short: None }
}

/// What stays at the top: broken glass, then incidents, the gravest first and of those whose clock runs out next.
pub(super) fn wrong(cx: &Cx<'_>) -> Vec<Block> {
    let clocks = incidents::clocks(cx);
    let mut open = incidents::visible(cx);
    open.sort_by_key(|one| (one.severity, one.next_due(&clocks).map_or(Timestamp(i64::MAX), |(_, due)| due), one.id));
    let glass = glass::visible(cx).map(|run| broken(cx, run));
    glass.chain(open.into_iter().map(|one| incident(cx, one))).collect()
}

fn broken(cx: &Cx<'_>, run: &Run) -> Block {
    let Some(glass) = &run.glass else { return Block(Vec::new()) };
    let mut first = vec![
        text(Role::Failed, "! GLASS BROKEN "),
        text(Role::Accent, safe!("{} ", run.id)),
        name(Role::Title, run.plan.runbook.id.as_str()).rest(),
        gap(1),
    ];
    first.extend(place(run.plan.environment, run.plan.proposal.workspace.as_str()));
    let second = vec![
        gap(2),
        text(Role::ErrorText, safe!("{} · for {} · ", glass::standing(cx, run), glass.incident)),
        text(Role::Text, safe!("by {}: {}", glass.by, glass.reason)).rest(),
    ];
    Block(vec![first, second])
}

fn incident(cx: &Cx<'_>, one: &Incident) -> Block {
    let (clocks, now) = (incidents::clocks(cx), cx.now());
    let late = one.next_due(&clocks).is_some_and(|(_, due)| due <= now);
    let grave = match (late, one.severity) {
        (true, _) | (_, Severity::P1) => Role::Failed,
        (_, Severity::P2) => Role::Warning,
        (_, Severity::P3 | Severity::P4) => Role::Muted,
    };
    // Red from edge to edge is what a room sees first.
    let title = if grave == Role::Failed { Role::Failed } else { Role::Title };
    let clock = if late { Role::Failed } else { Role::Title };
    let first = vec![
        text(grave, safe!("! {} ", one.severity.word())),
        text(Role::Accent, safe!("{} ", one.id)),
        text(title, one.title.as_str()).rest(),
        gap(2),
        text(clock, next_words(one, &clocks, now)),
    ];
    let leads = match &one.commander {
        Some(person) => text(Role::Text, safe!("{} leads", safe!("{person}").cut_middle(NAME_COLUMNS))),
        None => text(Role::Warning, "nobody leads"),
    };
    let mut second = vec![gap(2)];
    if let Some(workspace) = cx.world.workspace(&one.workspace) {
        second.extend(place(workspace.environment, workspace.id.as_str()));
    }
    second.extend([
        text(Role::Muted, safe!(" · {}: {}", one.tenant, one.impact)).rest(),
        gap(2),
        leads,
        text(Role::Muted, safe!(" · open {}", since(cx, one.opened))),
    ]);
    Block(vec![first, second])
}

/// Columns of a person's name, at most.
const NAME_COLUMNS: usize = 16;

/// What takes turns below.
pub(super) fn sections(cx: &Cx<'_>) -> Vec<Section> {
    let board = cx.board();
    let at_work = board.at_work.iter().filter_map(|id| cx.world.run(*id)).map(|run| at_work(cx, run));
    let requests = waiting(&board);
    let all = [
        Section::of("at work", Role::Title, board.at_work.len(), at_work),
        Section::of("waiting", Role::Title, requests.len(), requests.into_iter().map(|run| request(cx, run))),
        Section::of("overdue", Role::Failed, overdue(cx).len(), overdue(cx).into_iter()),
        Section::of("about the site", Role::Warning, site(cx).len(), site(cx).into_iter()),
        places(cx),
        Section::of("who is on", Role::Title, people(cx).len(), people(cx).into_iter()),
    ];
    all.into_iter().filter(|section| !section.blocks.is_empty()).collect()
}

/// `■ PROD web`, as wide as it is, long names cut.
fn place(environment: Environment, workspace: &str) -> [Piece; 3] {
    PlaceColumns::of([(environment, workspace)].into_iter(), PLACE_COLUMNS_MAX).pieces(environment, workspace)
}

/// How long ago, counted in minutes: seconds would change the screen for nothing.
fn since(cx: &Cx<'_>, at: Timestamp) -> String {
    let ms = cx.now().ms_since(at);
    if ms < 60_000 { "under 1m".to_owned() } else { moment::span(ms - ms % 60_000) }
}

fn at_work(cx: &Cx<'_>, run: &Run) -> Block {
    let plan = &run.plan;
    let mark = glyph::standing(run);
    let mut first = vec![
        text(mark.role, safe!("{} {}", mark.glyph, mark.word)).cols(STATE_COLUMNS),
        text(Role::Accent, safe!("{}", run.id)).cols(RUN_COLUMNS),
        name(Role::Title, plan.runbook.id.as_str()).rest(),
        gap(1),
    ];
    first.extend(place(plan.environment, plan.proposal.workspace.as_str()));
    let (done, hosts) = (facts::done(run), facts::hosts(run));
    let bad = hosts.failed + hosts.unknown;
    let by = run.driver.as_ref().unwrap_or(&plan.requester);
    let mut second =
        vec![text(mark.role, chart::bar(done.settled, done.cells, BAR_COLUMNS)).cols(STATE_COLUMNS), gap(1)];
    match run.phase {
        Phase::Paused(_) | Phase::Stopping(_) => second.push(text(Role::Warning, words::phase(&run.phase)).rest()),
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Running
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => {
            second.push(text(Role::Text, safe!("step {} of {}", done.step, plan.steps.len())).rest());
        }
    }
    second.push(text(Role::Text, safe!(" {} of {} ✔", done.hosts, words::count(plan.hosts.len(), "host", "hosts"))));
    if bad > 0 {
        second.push(text(Role::Failed, safe!(" {bad} ✘")));
    }
    second.push(text(Role::Muted, safe!(" · by {}", safe!("{by}").cut_middle(NAME_COLUMNS))));
    if let Some(elapsed) = facts::elapsed_ms(run, cx.now()) {
        let began = Timestamp(cx.now().0.saturating_sub_unsigned(elapsed));
        second.push(text(Role::Muted, safe!(" · {}", since(cx, began))));
    }
    Block(vec![first, second])
}

/// Requests that wait for people or for their start, the oldest first.
fn waiting(board: &Board) -> Vec<&Arc<Run>> {
    let requests = board.requests.iter().map(|request| &request.run);
    let mut found: Vec<_> = requests.filter(|run| matches!(run.phase, Phase::Waiting | Phase::Approved)).collect();
    found.sort_by_key(|run| (run.phase != Phase::Waiting, run.proposed, run.id));
    found
}

fn request(cx: &Cx<'_>, run: &Run) -> Block {
    let (plan, now, zone) = (&run.plan, cx.now(), &cx.here.zone);
    let (state, role) = match run.phase == Phase::Waiting {
        true => (safe!("{} {}", glyph::WAITING.glyph, since(cx, run.proposed)), Role::Warning),
        false => {
            let mark = glyph::standing(run);
            (safe!("{} {}", mark.glyph, mark.word), mark.role)
        }
    };
    let impact = glyph::impact(plan.impact);
    let mut first = vec![
        text(role, state).cols(STATE_COLUMNS),
        text(Role::Accent, safe!("{}", run.id)).cols(RUN_COLUMNS),
        name(Role::Title, plan.runbook.id.as_str()).rest(),
        gap(1),
        text(impact.role, impact.word),
        gap(1),
    ];
    first.extend(place(plan.environment, plan.proposal.workspace.as_str()));
    // A wall speaks to a room: nobody in it is "you".
    let nobody = PersonId::new("");
    let waits: Vec<String> = policy::waits_for(cx.world, run, now)
        .iter()
        .map(|waits| words::waits_short(waits, &nobody, now, zone))
        .collect();
    let waits = match (waits.is_empty(), run.phase == Phase::Waiting) {
        (false, _) => waits.join("; "),
        (true, true) => "goes on by itself".to_owned(),
        (true, false) => "may be started".to_owned(),
    };
    let by = facts::start_by(cx.world, run, now).map(|by| format!("lapses {}", moment::when(by, now, zone)));
    let second = vec![
        gap(STATE_COLUMNS),
        text(Role::Text, waits).rest(),
        gap(2),
        text(Role::Muted, safe!("asked by {}", safe!("{}", plan.requester).cut_middle(NAME_COLUMNS))),
        text(Role::Muted, by.map(|by| safe!(" · {by}")).unwrap_or_default()),
    ];
    Block(vec![first, second])
}

/// What should have been looked at, or never was governed.
fn overdue(cx: &Cx<'_>) -> Vec<Block> {
    let now = cx.now();
    let red = |words: Safe| Block(vec![vec![text(Role::ErrorText, safe!("! {words}")).rest()]]);
    let mut found: Vec<Block> = by_hand::visible(cx).map(|one| red(by_hand::words(one))).collect();
    for run in cx.world.visible_runs(cx.me()).filter(|run| run.glass.is_none() && matches!(run.phase, Phase::Closed(_)))
    {
        let within = cx.world.workspace(&run.plan.proposal.workspace).map(|place| place.policy.review_within_ms);
        let due = run.ended.zip(within).map(|(ended, within)| ended.plus_ms(within));
        if let Some(due) = due.filter(|due| *due < now) {
            let (plan, since) = (&run.plan, moment::when(due, now, &cx.here.zone));
            let place = plan.proposal.workspace.as_str();
            found.push(red(safe!("{} {} in {place}: review overdue since {since}", run.id, plan.runbook.id)));
        }
    }
    let late = follow_up::open_for(cx.world, cx.me()).into_iter().filter(|one| one.is_overdue(now));
    found.extend(late.map(|one| red(safe!("follow-up of {}, due {}: {}", one.owner, one.due, one.text))));
    found
}

/// What is amiss with the site or the server.
fn site(cx: &Cx<'_>) -> Vec<Block> {
    let warns = |words: Safe| Block(vec![vec![text(Role::Warning, safe!("! {words}")).rest()]]);
    let mut found = Vec::new();
    if let Some((at, by_ms)) = cx.world.clock_jump {
        let (by, way) = (moment::span(by_ms.unsigned_abs()), if by_ms < 0 { "back" } else { "forward" });
        let when = moment::when(at, cx.now(), &cx.here.zone);
        found.push(warns(safe!("the server's clock jumped {by} {way} at {when}; the record's time goes on")));
    }
    if let Some(pending) = &cx.world.pending {
        let words = safe!("the site changed and waits for a second person, for {}", since(cx, pending.at));
        found.push(warns(words));
    }
    found
}

/// Where changes are allowed and until when, and freezes that begin soon; what forbids most first.
fn places(cx: &Cx<'_>) -> Section {
    let workspaces = facts::workspaces(cx.world, cx.me());
    let columns =
        PlaceColumns::of(workspaces.iter().map(|place| (place.environment, place.id.as_str())), PLACE_COLUMNS_MAX);
    let mut rows: Vec<(u8, Block)> = workspaces.iter().map(|place| of_place(cx, columns, place)).collect();
    rows.extend(workspaces.iter().flat_map(|place| to_come(cx, columns, place)).map(|block| (1, block)));
    rows.sort_by_key(|(rank, _)| *rank);
    Section::of("freezes and windows", Role::Title, rows.len(), rows.into_iter().map(|(_, block)| block))
}

fn of_place(cx: &Cx<'_>, columns: PlaceColumns, place: &Workspace) -> (u8, Block) {
    let state = window::state(place, cx.now());
    let (rank, role) = match state {
        WindowState::Frozen { .. } => (0, Role::Refused),
        WindowState::Closed { .. } => (2, Role::Warning),
        WindowState::Open { .. } => (3, Role::Ok),
        WindowState::Always => (4, Role::Muted),
    };
    let mut line = columns.pieces(place.environment, place.id.as_str()).to_vec();
    line.extend([gap(2), text(role, words::window(&state, cx.now(), &cx.here.zone)).rest()]);
    (rank, Block(vec![line]))
}

fn to_come(cx: &Cx<'_>, columns: PlaceColumns, place: &Workspace) -> Vec<Block> {
    let (now, zone) = (cx.now(), &cx.here.zone);
    let spans = calendar::spans(place, now, now.plus_ms(AHEAD_MS)).into_iter();
    let freezes = spans.filter(|span| span.kind == Kind::Freeze && span.from > now);
    freezes
        .map(|span| {
            let (from, until) = (moment::when(span.from, now, zone), moment::when(span.until, now, zone));
            let mut line = columns.pieces(place.environment, place.id.as_str()).to_vec();
            let words = safe!("freeze \"{}\" begins {from}, until {until}", span.name);
            line.extend([gap(2), text(Role::Warning, words).rest()]);
            Block(vec![line])
        })
        .collect()
}

/// Whoever sits at a console, leads an incident or drives a run; those who do both first.
fn people(cx: &Cx<'_>) -> Vec<Block> {
    let mut on: BTreeMap<&PersonId, On> = BTreeMap::new();
    for one in incidents::visible(cx) {
        if let Some(person) = &one.commander {
            on.entry(person).or_default().leads.push(format!("{} {}", one.id, one.severity.word()));
        }
    }
    for run in cx.world.visible_runs(cx.me()).filter(|run| facts::is_at_work(run)) {
        if let Some(person) = &run.driver {
            on.entry(person).or_default().drives.push(run.id.to_string());
        }
    }
    // Whoever set a wall up need not be in the room.
    for one in cx.here.present.iter().filter(|one| one.seat.spot != Spot::Wall) {
        let on = on.entry(&one.person).or_default();
        on.at.insert(presence::spot_words(cx.world, cx.me(), one.seat.spot));
        on.heard = on.heard.max(Some(one.heard));
    }
    let mut on: Vec<(&PersonId, On)> = on.into_iter().collect();
    on.sort_by_key(|(_, on)| (on.leads.is_empty() && on.drives.is_empty(), on.heard.is_none()));
    on.into_iter().map(|(person, on)| on.block(cx, person)).collect()
}

/// What somebody is on with.
#[derive(Default)]
struct On {
    leads: Vec<String>,
    drives: Vec<String>,
    /// Where they look, at their consoles.
    at: BTreeSet<String>,
    /// When they last pressed a key; `None`: they sit at no console.
    heard: Option<Timestamp>,
}

/// Quiet for less than this is at work.
const QUIET_MS: u64 = 2 * 60_000;

impl On {
    fn block(self, cx: &Cx<'_>, person: &PersonId) -> Block {
        let mut words: Vec<String> = [("leads", self.leads), ("drives", self.drives)]
            .into_iter()
            .filter(|(_, what)| !what.is_empty())
            .map(|(how, what)| format!("{how} {}", what.join(", ")))
            .collect();
        let (role, here) = match self.heard.map(|heard| cx.now().ms_since(heard)) {
            None => (Role::Warning, "at no console".to_owned()),
            Some(quiet) => {
                let at: Vec<String> = self.at.into_iter().collect();
                words.push(format!("at {}", at.join(", ")));
                let quiet = (quiet >= QUIET_MS).then(|| format!("quiet for {}", moment::age(quiet)));
                (Role::Muted, quiet.unwrap_or_default())
            }
        };
        Block(vec![vec![
            name(Role::Title, safe!("{person}").cut_middle(NAME_COLUMNS)),
            gap(2),
            text(Role::Text, words.join(" · ")).rest(),
            gap(2),
            text(role, here),
        ]])
    }
}
