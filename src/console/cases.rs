//! Every screen and overlay in every state people meet it in, as a table: which keys lead there, and what was answered on the way.
//!
//! Two layers look at them: `cases/rules.rs` holds every frame to what holds for all, and this file keeps text and styles of each,
//! so that a reviewer sees what changed. Adding a screen is adding a row.

pub mod prove;
mod rules;
pub mod wall;

use super::fixture::{self, long_name};
use super::harness::{Harness, log_page, log_rows};
use super::msg::Msg;
use crate::domain::enrol::{Enrolment, Seen, Shown, Standing};
use crate::domain::plan::{PinnedSecret, Proposal};
use crate::domain::query::{AuditRow, Fetch, Fetched, Page, Preset};
use crate::domain::run::{Ending, Item, Phase, Round, Run};
use crate::domain::site::Sensitive;
use crate::domain::world::PendingSite;
use crate::domain::{Actor, Door, PersonId, Refusal, Rule, RunId, Timestamp, World, history};
use crate::terminal::line::Safe;
use prove::{follow_ups, left_to_do, proof, week};
use std::fmt::Write as _;
use std::sync::Arc;

/// How people meet a screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// An ordinary evening.
    Busy,
    /// Nothing is there, or nothing of the kind.
    Empty,
    /// An answer is on its way; where a screen asks nothing, the server is not reached.
    Loading,
    /// Everything has the longest name people give it.
    Long,
    /// Something was refused, is wrong, or cannot be read.
    Error,
}

impl State {
    /// Every one.
    pub const ALL: [State; 5] = [State::Busy, State::Empty, State::Loading, State::Long, State::Error];

    fn word(self) -> &'static str {
        match self {
            State::Busy => "busy",
            State::Empty => "empty",
            State::Loading => "loading",
            State::Long => "long names",
            State::Error => "error",
        }
    }

    pub(super) fn world(self) -> World {
        let mut world = match self {
            State::Busy | State::Loading | State::Error => fixture::world(),
            State::Empty => fixture::empty(),
            State::Long => fixture::long_names(),
        };
        if self == State::Long {
            world.events = 123_456_789;
        }
        world
    }
}

/// A screen or overlay: its name, the world it is looked at in, and the way there.
pub(super) struct Case(&'static str, fn(State) -> World, fn(State, Harness) -> Harness);

/// Every screen and overlay.
pub(super) const CASES: &[Case] = &[
    Case("home", State::world, home),
    Case("runbooks", no_runbooks, runbooks),
    Case("propose", State::world, propose),
    Case("plan", State::world, plan),
    Case("request", requested, request),
    Case("approvals", State::world, approvals),
    Case("approval", State::world, approval),
    Case("live", State::world, live),
    Case("runs", State::world, runs),
    Case("history", State::world, past_runs),
    Case("past", State::world, past),
    Case("audit", State::world, audit),
    Case("site-change", pending, site_change),
    Case("host-keys", State::world, host_keys),
    Case("follow-ups", left_to_do, follow_ups),
    Case("week", State::world, week),
    Case("proof", State::world, proof),
    Case("wall", wall::world, wall::wall),
    Case("help", State::world, help),
    Case("palette", State::world, palette),
    Case("dialog", always_runs, dialog),
    Case("secret", asks_secret, secret),
    Case("menu", State::world, menu),
    Case("prompt", State::world, prompt),
    Case("sheet", State::world, sheet),
];

/// The frame of a case at a size.
pub(super) fn frame(case: &Case, state: State, size: (u16, u16)) -> Harness {
    let Case(_, world, way) = case;
    way(state, Harness::new(world(state)).at(size.0, size.1))
}

/// Every case with the longest names: what is drawn of a name is drawn here.
pub fn with_long_names(size: (u16, u16)) -> impl Iterator<Item = (&'static str, Harness)> {
    CASES.iter().map(move |case| (case.0, frame(case, State::Long, size)))
}

/// Every case as it is looked at most days.
pub fn with_usual_names(size: (u16, u16)) -> impl Iterator<Item = (&'static str, Harness)> {
    CASES.iter().map(move |case| (case.0, frame(case, State::Busy, size)))
}

/// Keeps text and styles of every state of one screen at both sizes.
fn keep(name: &str) {
    let case = CASES.iter().find(|case| case.0 == name).expect("a row of the table");
    for size in [(80, 24), (160, 50)] {
        let mut all = String::new();
        for state in State::ALL {
            writeln!(all, "=== {name}, {} ===\n{}", state.word(), frame(case, state, size).frame()).unwrap();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(format!("all-{name}-{}x{}", size.0, size.1), all));
    }
}

macro_rules! kept {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { keep($name); })*
        #[test]
        fn every_row_of_the_table_is_kept() {
            assert_eq!(CASES.iter().map(|case| case.0).collect::<Vec<_>>(), [$($name),*]);
        }
    };
}

kept! {
    kept_home "home"
    kept_runbooks "runbooks"
    kept_propose "propose"
    kept_plan "plan"
    kept_request "request"
    kept_approvals "approvals"
    kept_approval "approval"
    kept_live "live"
    kept_runs "runs"
    kept_history "history"
    kept_past "past"
    kept_audit "audit"
    kept_site_change "site-change"
    kept_host_keys "host-keys"
    kept_follow_ups "follow-ups"
    kept_week "week"
    kept_proof "proof"
    kept_wall "wall"
    kept_help "help"
    kept_palette "palette"
    kept_dialog "dialog"
    kept_secret "secret"
    kept_menu "menu"
    kept_prompt "prompt"
    kept_sheet "sheet"
}

fn lost(mut console: Harness) -> Harness {
    console.send(Msg::Lost);
    console.wait(7_000)
}

fn stale() -> Refusal {
    Refusal::new(Rule::Stale, "#42 changed since you looked").who_may("anybody who looks again").next("look again")
}

/// Somebody's note is refused, seen from the screen below.
fn refused(console: Harness) -> Harness {
    console.press(". ").type_str("checked with kim").press("enter enter").refused(stale()).press("esc")
}

fn unreadable() -> Fetched {
    Fetched::Failed("the views cannot be read: I/O error".to_owned())
}

fn command(console: Harness, line: &str) -> Harness {
    console.press(":").type_str(line).press("enter")
}

fn home(state: State, console: Harness) -> Harness {
    match state {
        State::Busy | State::Empty => console,
        State::Loading => lost(console),
        State::Long => console.press("j"),
        State::Error => refused(console),
    }
}

fn no_runbooks(state: State) -> World {
    let mut world = state.world();
    if state == State::Empty {
        let mut site = (*world.site.clone().unwrap()).clone();
        site.runbooks.clear();
        world.site = Some(Arc::new(site));
    }
    world
}

fn runbooks(state: State, console: Harness) -> Harness {
    let console = console.press("2");
    match state {
        State::Busy | State::Empty => console,
        State::Loading => lost(console),
        State::Long => console.press("j j j"),
        State::Error => console.press("e").fetched(unreadable()),
    }
}

fn propose(state: State, console: Harness) -> Harness {
    let console = command(console, "propose rolling-restart prod-web");
    match state {
        State::Busy => filled(console.fetched(Fetched::Drafts(Vec::new()))),
        State::Empty => console.fetched(Fetched::Drafts(Vec::new())),
        State::Loading => lost(console),
        State::Long => filled(console.fetched(Fetched::Drafts(Vec::new()))).paste(&long_name()).paste(&long_name()),
        State::Error => console.fetched(Fetched::Drafts(Vec::new())).type_str("2.8.1").press("f2"),
    }
}

fn filled(console: Harness) -> Harness {
    let console = console.type_str("v2.8.1").press("alt-t tab tab tab").type_str("CHG-30211").press("tab");
    console.type_str("Pick up the rotated TLS certificate.")
}

fn plan(state: State, console: Harness) -> Harness {
    let console = command(console, "propose rolling-restart prod-web").fetched(Fetched::Drafts(Vec::new()));
    match state {
        State::Busy => filled(console).press("f2"),
        State::Empty => console.press("f2"),
        State::Loading => filled(console).press("f2 enter").wait(400),
        State::Long => filled(console).paste(&long_name()).press("f2 pgdn"),
        State::Error => filled(console).press("f2 enter").refused(stale()),
    }
}

fn requested(state: State) -> World {
    let mut world = state.world();
    if state != State::Empty {
        let plan = world.run(RunId(42)).unwrap().plan.clone();
        let mut run = fixture::run_of((*plan).clone(), Phase::Checking(Round::Proposal));
        if state != State::Loading {
            fixture::checks_passed(&mut run);
            fixture::set(&mut run, Item::Reach, 3, crate::domain::run::CellState::Started { group: 1 });
        }
        fixture::add(&mut world, run);
    }
    world
}

fn request(state: State, console: Harness) -> Harness {
    let console = command(console, "run 42");
    match state {
        State::Busy => console.fetched_log(log_page(RunId(42), Vec::new())),
        State::Long => console.press("right").fetched_log(log_page(RunId(42), Vec::new())),
        State::Empty => no_such_run(console),
        State::Loading => console.wait(400),
        State::Error => console.fetched(unreadable()),
    }
}

fn no_such_run(console: Harness) -> Harness {
    console.answered(|fetch| match fetch {
        Fetch::Run(run) => Some(Fetched::Failed(format!("no run {run}"))),
        _ => None,
    })
}

fn approvals(state: State, console: Harness) -> Harness {
    let console = console.press("4");
    match state {
        State::Busy | State::Empty | State::Long => console,
        State::Loading => lost(console),
        State::Error => refused(console),
    }
}

fn approval(state: State, console: Harness) -> Harness {
    let console = console.press("4 enter").wait(1_000);
    match state {
        State::Busy | State::Long => console,
        State::Empty => console,
        State::Loading => lost(console),
        State::Error => console.press("a"),
    }
}

fn live(state: State, console: Harness) -> Harness {
    let console = command(console, "run 40");
    let rows = log_rows(
        "web-5",
        Item::Step(1),
        "restart",
        &["Stopping web.service - Web tier...", "E curl: (7) Failed to connect to localhost port 80: refused"],
    );
    match state {
        State::Busy => console.fetched_log(log_page(RunId(40), rows)),
        State::Empty => no_such_run(console),
        State::Loading => console.wait(400),
        State::Long => {
            let mut rows = rows;
            for row in &mut rows {
                row.host = long_name();
                row.text = Safe::new(long_name()).into();
            }
            console.fetched_log(log_page(RunId(40), rows)).press("c")
        }
        State::Error => console.fetched(unreadable()),
    }
}

fn runs(state: State, console: Harness) -> Harness {
    let console = console.press("3");
    match state {
        State::Busy | State::Empty | State::Long => console,
        State::Loading => lost(console),
        State::Error => console.press("/").type_str("since:xx"),
    }
}

/// Runs that are over, as a store answers.
fn over(state: State) -> Vec<Arc<Run>> {
    let mut runs: Vec<Arc<Run>> = Vec::new();
    for (id, ending) in [(39, Ending::Succeeded), (38, Ending::Failed), (37, Ending::Interrupted)] {
        let mut plan = (*fixture::ended_39().plan).clone();
        plan.run = RunId(id);
        if state == State::Long {
            let long = fixture::long_names();
            plan = crate::domain::plan::Plan { run: RunId(id), ..(*long.run(RunId(42)).unwrap().plan).clone() };
        }
        let mut run = Run { id: RunId(id), phase: Phase::Reviewed(ending), ..fixture::ended_39() };
        run.plan = Arc::new(plan);
        let words = if state == State::Long { format!("{0} {0}", long_name()) } else { "all hosts fine".to_owned() };
        run.outcome_note = Some(fixture::note("ada", &words));
        run.review = Some(fixture::note("lea", "agreed"));
        runs.push(Arc::new(run));
    }
    runs
}

fn page<T>(rows: Vec<T>) -> Page<T> {
    let all = u64::try_from(rows.len()).unwrap();
    Page { rows, matching: all, total: all, next: None }
}

fn past_runs(state: State, console: Harness) -> Harness {
    let console = console.press("6");
    match state {
        State::Busy | State::Long => {
            let rows = over(state).iter().map(|run| history::row(run)).collect();
            console.fetched(Fetched::History(page(rows)))
        }
        State::Empty => console.fetched(Fetched::History(page(Vec::new()))),
        State::Loading => console.wait(400),
        State::Error => console.fetched(unreadable()),
    }
}

fn event(index: u64, run: u64, by: &str, kind: &str, summary: &str) -> AuditRow {
    AuditRow {
        index,
        at: Timestamp(fixture::NOW.0 - 60_000 * i64::try_from(60 - index).unwrap()),
        by: Actor::Person { person: PersonId::new(by), door: Door::Socket { uid: 1000 } },
        kind: kind.to_owned(),
        run: Some(RunId(run)),
        workspace: None,
        summary: summary.to_owned(),
    }
}

fn events(state: State) -> Vec<AuditRow> {
    match state {
        State::Empty => Vec::new(),
        State::Long => {
            let long = long_name();
            vec![event(9, 39, &long, "run_closed", &long), event(8, 39, "ada", &long, &format!("{long} {long}"))]
        }
        State::Busy | State::Loading | State::Error => vec![
            event(9, 39, "lea", "run_reviewed", "signed off: agreed"),
            event(8, 39, "ada", "run_closed", "outcome: all hosts fine"),
            event(7, 39, "ada", "start_asked", "start asked"),
        ],
    }
}

fn past(state: State, console: Harness) -> Harness {
    let console = command(console, "run 38");
    let answer = |console: Harness| {
        console.answered(|fetch| match fetch {
            Fetch::Run(_) => Some(Fetched::Run(over(state)[1].clone())),
            Fetch::Audit(_) => Some(Fetched::Audit(page(events(state)))),
            _ => None,
        })
    };
    match state {
        State::Busy | State::Long => answer(console),
        State::Empty => no_such_run(console),
        State::Loading => console.wait(400),
        State::Error => {
            let console = answer(console).press("l");
            console.answered(|fetch| matches!(fetch, Fetch::Log(_)).then(unreadable))
        }
    }
}

fn audit(state: State, console: Harness) -> Harness {
    let console = console.press("7");
    match state {
        State::Busy | State::Empty | State::Long => console.fetched(Fetched::Audit(page(events(state)))),
        State::Loading => console.wait(400),
        State::Error => console.fetched(unreadable()),
    }
}

fn pending(state: State) -> World {
    let mut world = state.world();
    if state == State::Empty {
        return world;
    }
    let site = world.site.clone().unwrap();
    let mut diff = "--- a/workspaces/prod-web.toml\n+++ b/workspaces/prod-web.toml\n@@ -7,3 +7,3 @@\n".to_owned();
    let lines = if state == State::Long { 80 } else { 3 };
    for nth in 0..lines {
        let name = if state == State::Long { long_name() } else { "lea".to_owned() };
        writeln!(diff, "-{name}{nth} = [\"reviewer\"]\n+{name}{nth} = [\"reviewer\", \"approver\"]").unwrap();
    }
    world.pending = Some(PendingSite {
        site,
        diff,
        by: Some(PersonId::new("bo")),
        at: fixture::ago(3),
        sensitive: vec![Sensitive::Members("prod-web".into())],
    });
    world
}

fn site_change(state: State, console: Harness) -> Harness {
    let console = console.by("grace").press("g enter");
    match state {
        State::Busy => console,
        // Somebody else was faster.
        State::Empty => {
            let console =
                Harness::new(pending(State::Busy)).at(console.console.here.size.0, console.console.here.size.1);
            console.by("grace").press("g enter").world(|world| world.pending = None)
        }
        State::Loading => lost(console),
        State::Long => console.press("space"),
        State::Error => {
            let console = console.press("space a").type_str("lea approves from today").press("enter enter");
            console.refused(Refusal::new(Rule::Role, "grace owns no workspace this changes").who_may("lea"))
        }
    }
}

fn keys(state: State) -> Enrolment {
    let long = state == State::Long;
    let key = "AAAAC3NzaC1lZDI1NTE5AAAAIGbsWZ5DeLZ3gLHJqVsXqTTl6Zcoyzf0jBZyNqOfXbLk";
    let shown = || {
        let fingerprint = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8".to_owned();
        Some(Shown { key: format!("ssh-ed25519 {key}"), fingerprint, authority: None })
    };
    let differs = "known_hosts has ecdsa-sha2-nistp256 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM".to_owned();
    let rows = [
        (Standing::Pinned, shown()),
        (Standing::Known, shown()),
        (Standing::Unknown, shown()),
        (Standing::Differs(differs), shown()),
        (Standing::Unreached("connection refused".to_owned()), None),
    ];
    let host = |nth: usize| if long { format!("{}-{nth}", long_name()) } else { format!("web-{nth}") };
    let seen = |(nth, (standing, shown)): (usize, (Standing, Option<Shown>))| Seen {
        host: host(nth + 1).as_str().into(),
        reached: format!("192.0.2.{}:22", nth + 1),
        shown,
        standing,
    };
    let patch = format!(
        "--- a/workspaces/prod-web.toml\n+++ b/workspaces/prod-web.toml\n@@ -14,3 +14,5 @@\n name = \"{}\"\n \
         address = \"192.0.2.2\"\n+# SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 as in known_hosts\n\
         +host_key = \"ssh-ed25519 {key}\"\n groups = [\"web\"]\n",
        host(2)
    );
    match state {
        State::Empty => Enrolment { seen: Vec::new(), patch: String::new() },
        State::Busy | State::Loading | State::Long | State::Error => {
            Enrolment { seen: rows.into_iter().enumerate().map(seen).collect(), patch }
        }
    }
}

fn host_keys(state: State, console: Harness) -> Harness {
    let console = command(console, if state == State::Empty { "enrol lab" } else { "enrol prod-web" });
    match state {
        State::Busy | State::Empty => console.fetched(Fetched::Keys(keys(state))),
        State::Loading => console.wait(400),
        State::Long => console.fetched(Fetched::Keys(keys(state))).press("G"),
        State::Error => {
            let why = "ada is neither operator nor owner in prod-web and may not reach its hosts";
            console.fetched(Fetched::Failed(why.to_owned()))
        }
    }
}

fn help(state: State, console: Harness) -> Harness {
    match state {
        State::Busy | State::Long => live(State::Busy, console).press("?"),
        State::Empty | State::Error => console.press("?"),
        State::Loading => lost(console.press("?")),
    }
}

fn palette(state: State, console: Harness) -> Harness {
    let console = console.press(":");
    match state {
        State::Busy => console.press("down down"),
        State::Empty => console.type_str("zzz"),
        State::Loading => lost(console.type_str("run ")),
        State::Long => console.type_str("propose rolling-restart "),
        State::Error => console.type_str("frobnicate").press("enter"),
    }
}

/// A dialog is about something: what is empty is what was typed.
fn always_runs(state: State) -> World {
    if state == State::Empty { State::Busy.world() } else { state.world() }
}

fn dialog(state: State, console: Harness) -> Harness {
    let console = live(State::Busy, console);
    let console = match state {
        State::Empty => return console.press(".").press("tab tab enter"),
        State::Busy | State::Loading | State::Long | State::Error => console.press("c 2"),
    };
    match state {
        State::Busy | State::Empty => console,
        State::Loading => console.type_str("known bad disk").press("enter enter").wait(400),
        State::Long => console.paste(&long_name()).paste(&long_name()),
        State::Error => console.type_str("known bad disk").press("enter enter").refused(stale()),
    }
}

fn asks_secret(state: State) -> World {
    let mut world = fixture::world();
    let mut run = Run { phase: Phase::Approved, approved: Some(fixture::ago(1)), ..fixture::approval_42() };
    let mut plan = (*run.plan).clone();
    let words = if state == State::Long { long_name() } else { "the deploy key's passphrase".to_owned() };
    plan.secrets = vec![PinnedSecret {
        name: "deploy_key".to_owned(),
        reference: format!("prompt:{words}"),
        version: None,
        vault: None,
    }];
    run.plan = Arc::new(plan);
    fixture::add(&mut world, run);
    world
}

fn secret(state: State, console: Harness) -> Harness {
    let console = command(console, "run 42").press("S");
    let opened = |console: Harness| console.fetched(Fetched::Secrets(vec!["deploy_key".to_owned()]));
    match state {
        State::Busy => opened(console).type_str("hunter2 hunter2"),
        State::Empty => opened(console).press("tab tab enter"),
        State::Loading => opened(console).type_str("hunter2 hunter2").press("enter enter").wait(400),
        State::Long => opened(console).paste(&long_name()),
        State::Error => console.fetched(unreadable()),
    }
}

fn menu(state: State, console: Harness) -> Harness {
    match state {
        State::Busy => live(State::Busy, console).press("X"),
        State::Empty => propose(State::Empty, console).press("f3").fetched(Fetched::Presets(Vec::new())),
        State::Loading => lost(live(State::Busy, console).press("X j")),
        State::Long => {
            let mut proposal: Proposal = fixture::approval_42().plan.proposal.clone();
            proposal.inputs.insert("release".to_owned(), long_name());
            let preset =
                |nth: usize| Preset { name: format!("{nth} {0} {0}", long_name()), proposal: proposal.clone() };
            let kept = (0..40).map(preset).collect();
            propose(State::Empty, console).press("f3").fetched(Fetched::Presets(kept))
        }
        State::Error => propose(State::Empty, console).press("f3").fetched(unreadable()),
    }
}

fn prompt(state: State, console: Harness) -> Harness {
    let console = console.press("3 /");
    match state {
        State::Busy => console.type_str("!prod-db"),
        State::Empty => console.type_str("zzz"),
        State::Loading => lost(console),
        State::Long => console.paste(&long_name()).paste(&long_name()),
        State::Error => console.type_str("since:xx").press("enter"),
    }
}

fn sheet(state: State, console: Harness) -> Harness {
    match state {
        State::Busy => live(State::Busy, console).press("@"),
        State::Empty => console.press("w"),
        State::Loading => lost(live(State::Busy, console).press("@")),
        State::Long => live(State::Long, console).press("esc @"),
        State::Error => refused(console).press("w"),
    }
}
