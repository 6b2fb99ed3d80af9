//! Worlds to look at: plainly fictional people, workspaces as on the screens page, runs in every state.
//!
//! `world()` is the busy evening of the screens page; `fleet(n)` is one run on n hosts; `run_in(phase)` is one run in
//! one state. Everything can be bent further through the returned values.

mod site;

pub use site::*;

use crate::domain::binding::{binding_of, canonical_plan};
use crate::domain::plan::Plan;
use crate::domain::run::{
    BuiltIn, Cell, CellState, Choice, Item, Judged, Note, Phase, Progress, Reason, Run, Slot, Verdict, Vote,
};
use crate::domain::runbook::{Action, Impact};
use crate::domain::workspace::{Environment, Quorum, Slot as Seat};
use crate::domain::world::{Day, LastGood, Usual};
use crate::domain::{HostIx, PersonId, Role, RunId, RunbookId, StepId, Timestamp, WorkspaceId, World};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// 21 November 2026, 22:41 in Berlin: a Saturday.
pub const NOW: Timestamp = Timestamp(1_795_297_260_000);

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;

/// A moment so many minutes before [`NOW`].
pub fn ago(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 - minutes * MINUTE)
}

/// A site and nothing that ever ran.
pub fn empty() -> World {
    let site = site();
    World {
        origin: "fixture".to_owned(),
        accepted_runbooks: site.runbooks.values().map(|runbook| runbook.digest).collect(),
        site: Some(Arc::new(site)),
        events: 1,
        next_run: 1,
        last_at: ago(60),
        ..World::default()
    }
}

/// The busy evening of the screens page: #42 waits for ada, #43 for others, #41 runs, #39 lacks its note, #40 is
/// paused on a failed host.
pub fn world() -> World {
    let mut world = empty();
    world.events = 48_211;
    world.next_run = 44;
    add(&mut world, approval_42());
    add(&mut world, waiting_43());
    add(&mut world, running_41());
    add(&mut world, paused_40());
    add(&mut world, ended_39());
    world.usual.insert(
        (WorkspaceId::new("prod-web"), RunbookId::new("rolling-restart")),
        Usual {
            durations_ms: vec![280_000, 300_000, 320_000],
            last_good: Some(LastGood {
                run: RunId(33),
                at: Timestamp(NOW.0 - 11 * 86_400_000),
                plan: Arc::new(plan_33()),
            }),
            proven: None,
        },
    );
    world.usual.insert(
        (WorkspaceId::new("prod-edge"), RunbookId::new("cert-rotation")),
        Usual { durations_ms: vec![360_000], last_good: None, proven: None },
    );
    let today = NOW.0.div_euclid(86_400_000);
    for (back, (runs, failed)) in [(6, 0), (3, 0), (4, 1), (2, 0), (7, 1), (4, 0), (5, 0)].into_iter().enumerate() {
        world.days.insert(today - i64::try_from(back).unwrap(), Day { runs, failed });
    }
    world
}

/// A world with this run in it and the shared site.
pub fn with(run: Run) -> World {
    let mut world = empty();
    add(&mut world, run);
    world
}

/// Puts a run into a world.
pub fn add(world: &mut World, run: Run) {
    world.next_run = world.next_run.max(run.id.0 + 1);
    world.runs.insert(run.id, Arc::new(run));
}

/// A run of `rolling-restart` on so many hosts in the lab, halfway through: the first batches done, one host failed
/// where there are more than four, the rest waiting.
pub fn fleet(hosts: usize) -> World {
    let mut site = site();
    let workspace = workspace("lab", "Lab", Environment::Lab, "node", hosts);
    site.workspaces.insert(workspace.id.clone(), Arc::new(workspace));
    let mut plan = plan(&site, 42, "lab", "rolling-restart", "bo");
    plan.max_failures = Some(2);
    let mut run = run_of(plan, Phase::Running);
    run.started = Some(ago(4));
    run.driver = Some(PersonId::new("bo"));
    let done = hosts / 2;
    for host in 0..done {
        for step in 0..3 {
            set(&mut run, Item::Step(step), host, CellState::Ok);
        }
    }
    for host in done..(done + hosts / 8).min(hosts) {
        set(&mut run, Item::Step(0), host, CellState::Ok);
        set(&mut run, Item::Step(1), host, CellState::Started { group: 4711 });
    }
    if hosts > 4 {
        set(&mut run, Item::Step(1), done, CellState::Failed(Reason::Exit(7)));
        run.progress.attention.insert(slot(Item::Step(1), done));
        run.progress.failures = 1;
    }
    let mut world = World { site: Some(Arc::new(site)), ..empty() };
    add(&mut world, run);
    world
}

/// #42 of the screens page: asked by bo, high impact, owner grace has approved, one approver missing.
pub fn approval_42() -> Run {
    let site = site();
    let mut plan = plan(&site, 42, "prod-web", "rolling-restart", "bo");
    plan.impact = Impact::High;
    plan.impact_because = vec!["medium by the runbook".to_owned(), "raised: production".to_owned()];
    plan.asked = ago(4);
    let binding = binding_of(&canonical_plan(&plan).unwrap());
    let mut run = run_of(plan, Phase::Waiting);
    run.binding = binding;
    run.proposed = ago(4);
    run.phase_since = ago(3);
    run.votes.push_back(Vote {
        proved: Default::default(),
        signature: "".into(),
        by: PersonId::new("grace"),
        at: ago(1),
        choice: Choice::Approve,
        reason: "renewal is due".to_owned(),
    });
    checks_passed(&mut run);
    run
}

/// #43: a disk clean-up in the frozen database workspace that needs another person than ada.
pub fn waiting_43() -> Run {
    let site = site();
    let mut plan = plan(&site, 43, "prod-db", "disk-cleanup", "ada");
    plan.quorum = Some(Quorum { impact: Impact::High, from: vec![Seat { role: Role::Owner, n: 1 }] });
    let mut run = run_of(plan, Phase::Waiting);
    run.proposed = ago(12);
    run.phase_since = ago(11);
    checks_passed(&mut run);
    run
}

/// #41: runs at 45 %.
pub fn running_41() -> Run {
    let site = site();
    let mut run = run_of(plan(&site, 41, "prod-edge", "cert-rotation", "bo"), Phase::Running);
    run.started = Some(Timestamp(NOW.0 - 130_000));
    run.driver = Some(PersonId::new("bo"));
    run.proposed = ago(30);
    for host in 0..18 {
        for step in 0..3 {
            set(&mut run, Item::Step(step), host, CellState::Ok);
        }
    }
    for host in 18..20 {
        set(&mut run, Item::Step(0), host, CellState::Ok);
        set(&mut run, Item::Step(1), host, CellState::Started { group: 900 });
    }
    run
}

/// #40: the live sketch: web-5 failed in batch 3, two hosts end their step, somebody must decide.
pub fn paused_40() -> Run {
    let site = site();
    let mut run = run_of(
        plan(&site, 40, "prod-web", "rolling-restart", "bo"),
        Phase::Paused(crate::domain::run::PauseCause::Failure),
    );
    run.phase_since = Timestamp(NOW.0 - 31_000);
    run.started = Some(Timestamp(NOW.0 - 252_000));
    run.driver = Some(PersonId::new("bo"));
    run.proposed = ago(40);
    run.progress.batch = 2;
    for host in 0..4 {
        for step in 0..3 {
            set(&mut run, Item::Step(step), host, CellState::Ok);
        }
    }
    for host in 4..7 {
        set(&mut run, Item::Step(0), host, CellState::Ok);
    }
    set(&mut run, Item::Step(1), 4, CellState::Failed(Reason::Exit(7)));
    for host in 5..7 {
        set(&mut run, Item::Step(1), host, CellState::Started { group: 812 });
    }
    let at = slot(Item::Step(1), 4);
    if let Some(cell) = run.cells.get_mut(&at) {
        cell.attempt = 3;
        cell.began = Timestamp(NOW.0 - 40_000);
        cell.since = Timestamp(NOW.0 - 31_000);
        cell.saw = "curl: (7) Failed to connect to localhost port 80: refused".into();
    }
    run.progress.attention.insert(at);
    run.progress.failures = 1;
    run
}

/// #39: over, its outcome note missing.
pub fn ended_39() -> Run {
    let site = site();
    let mut run =
        run_of(plan(&site, 39, "prod-db", "db-failover", "ada"), Phase::Ended(crate::domain::run::Ending::Succeeded));
    run.proposed = Timestamp(NOW.0 - 3 * 86_400_000);
    run.started = Some(Timestamp(NOW.0 - 3 * 86_400_000 + 600_000));
    run.ended = Some(Timestamp(NOW.0 - 3 * 86_400_000 + 1_262_000));
    run.phase_since = Timestamp(NOW.0 - 3 * 86_400_000 + 1_262_000);
    run.driver = Some(PersonId::new("ada"));
    for host in 0..6 {
        for step in 0..3 {
            set(&mut run, Item::Step(step), host, CellState::Ok);
        }
        set(&mut run, Item::Verify(0), host, CellState::Ok);
    }
    set_by_hand(&mut run, 3, CellState::Ok, "posted, 14:31");
    run
}

/// #42 in another phase.
pub fn run_in(phase: Phase) -> Run {
    Run { phase, ..approval_42() }
}

/// A run of a plan.
pub fn run_of(plan: Plan, phase: Phase) -> Run {
    let binding = binding_of(&canonical_plan(&plan).unwrap());
    Run {
        id: plan.run,
        binding,
        revision: 7,
        phase,
        phase_since: ago(2),
        proposed: plan.asked,
        started: None,
        may_begin_until: None,
        ended: None,
        driver: None,
        claim: None,
        offered: None,
        executors: Default::default(),
        stopped: None,
        drift: None,
        queued: None,
        glass: None,
        reviews: imbl::Vector::new(),
        approved: None,
        builtin: Default::default(),
        accepted: Default::default(),
        votes: Default::default(),
        answers: imbl::OrdMap::new(),
        cells: Default::default(),
        progress: Progress::default(),
        notes: Default::default(),
        evidence: Default::default(),
        outcome_note: None,
        review: None,
        plan: Arc::new(plan),
    }
}

/// Puts a cell into a state.
pub fn set(run: &mut Run, item: Item, host: usize, state: CellState) {
    run.cells.insert(slot(item, host), cell(state, ""));
}

fn cell(state: CellState, saw: &str) -> Cell {
    Cell {
        state,
        attempt: 1,
        since: ago(1),
        began: ago(2),
        opened: ago(2),
        probing: false,
        probes: 0,
        not_before: None,
        saw: saw.into(),
        published: [].into(),
    }
}

/// Puts a step by hand into a state; `Waiting` means that it is open.
pub fn set_by_hand(run: &mut Run, step: u16, state: CellState, saw: &str) {
    let cell = cell(state, saw);
    run.cells.insert(Slot { item: Item::Step(step), host: None }, cell);
}

/// A run whose step by hand names a value of the form and the run's number.
pub fn told_with_values(mut run: Run) -> Run {
    let mut plan = (*run.plan).clone();
    let mut runbook = (*plan.runbook).clone();
    for step in &mut runbook.steps {
        if let Action::Manual { text, .. } = &mut step.action {
            *text = "Say that {{ release }} is out by {{ run }}.".to_owned();
        }
    }
    plan.runbook = Arc::new(runbook);
    run.plan = Arc::new(plan);
    run
}

/// A cell's place on a host.
pub fn slot(item: Item, host: usize) -> Slot {
    Slot { item, host: Some(HostIx(u32::try_from(host).unwrap())) }
}

/// Every check of a run passed; one warning is left, accepted by grace.
pub fn checks_passed(run: &mut Run) {
    for check in BuiltIn::ALL {
        run.builtin.insert(check, Judged { verdict: Verdict::Pass, why: "fine".to_owned(), at: ago(3) });
    }
    let hosts = run.plan.hosts.len();
    for host in 0..hosts {
        set(run, Item::Reach, host, CellState::Ok);
        for check in 0..run.plan.runbook.preflight.len() {
            set(run, Item::Preflight(u16::try_from(check).unwrap()), host, CellState::Ok);
        }
    }
}

/// A note by somebody.
pub fn note(by: &str, text: &str) -> Note {
    Note { by: PersonId::new(by), at: ago(2), text: text.to_owned() }
}

thread_local! {
    static LONG_NAME: RefCell<String> = RefCell::new(
        "ein-sehr-langer-name-der-in-keine-spalte-passt-und-trotzdem-erkannt-werden-muss".to_owned(),
    );
}

/// The longest name there is.
pub fn long_name() -> String {
    LONG_NAME.with_borrow(Clone::clone)
}

/// Looks at worlds in which another name stands in its place.
pub fn with_long_name(name: &str, look: impl FnOnce()) {
    let before = LONG_NAME.replace(name.to_owned());
    look();
    LONG_NAME.set(before);
}

/// The same world with names as long as people make them: site, hosts, runbook, workspace, steps, reasons; some of them of
/// two columns a character.
pub fn long_names() -> World {
    let mut site = site();
    let long = long_name();
    let mut workspace =
        workspace("prod-web", &format!("{long} 日本語のとても長い名前"), Environment::Production, &long, 12);
    workspace.policy.quorums[0].from[0].n = 1;
    workspace.members.insert(PersonId::new("ada"), Role::ALL.into_iter().collect());
    for server in &mut workspace.servers {
        server.groups = BTreeSet::from(["web".to_owned()]);
    }
    site.name = format!("acme-{long}");
    site.workspaces.insert(workspace.id.clone(), Arc::new(workspace));
    let mut runbook = runbook("rolling-restart", &format!("{long} 日本語"), Impact::Medium);
    runbook.id = RunbookId::new("rolling-restart");
    runbook.scope.why.clone_from(&long);
    runbook.rollback.clone_from(&long);
    runbook.source = format!("# {long}\n");
    for step in &mut runbook.steps {
        step.id = StepId::new(format!("host-baseline/{}-{long}", step.id));
        step.title = format!("{} {long} 日本語", step.title);
        if let Action::Script(script) = &mut step.action {
            script.text.push_str(&format!("\n# {long}"));
        }
    }
    for input in &mut runbook.inputs {
        input.prompt.clone_from(&long);
        input.help.clone_from(&long);
        input.confirm = Some(long.clone());
    }
    site.runbooks.insert(runbook.id.clone(), Arc::new(runbook));
    let mut plan = plan(&site, 42, "prod-web", "rolling-restart", "bo");
    plan.impact = Impact::High;
    plan.proposal.ticket = format!("CHG-{long}");
    plan.proposal.reason = format!("{long} {long} 日本語のとても長い理由 {long}");
    let mut waiting = run_of(plan.clone(), Phase::Waiting);
    checks_passed(&mut waiting);
    plan.run = RunId(40);
    let mut paused = Run { plan: Arc::new(plan), ..paused_40() };
    paused.notes.push_back(note("kim", &long));
    paused.driver = Some(PersonId::new(&long));
    let failed = paused.cells.get_mut(&slot(Item::Step(1), 4)).expect("web-5 failed");
    failed.saw = long.as_str().into();
    let mut world = World { site: Some(Arc::new(site)), ..empty() };
    add(&mut world, waiting);
    add(&mut world, paused);
    world
}
