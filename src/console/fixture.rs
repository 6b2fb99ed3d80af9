//! Worlds to look at: plainly fictional people, workspaces as on the screens page, runs in every state.
//!
//! `world()` is the busy evening of the screens page; `fleet(n)` is one run on n hosts; `run_in(phase)` is one run in
//! one state. Everything can be bent further through the returned values.

use crate::domain::binding::{binding_of, canonical_plan};
use crate::domain::people::Person;
use crate::domain::plan::{Origin, PinnedSecret, Plan, PlanWarning, PlannedHost, Proposal, RunPurpose};
use crate::domain::run::{
    BuiltIn, Cell, CellState, Choice, Item, Judged, Note, Phase, Progress, Reason, Run, Slot, Verdict, Vote,
};
use crate::domain::runbook::{
    Action, Amount, Check, Effect, Expect, Impact, Input, InputKind, Interpreter, Kind, Limits, OnFailure, Retries,
    Runbook, Scope, Script, Secret, Severity, Status, Step, Targets,
};
use crate::domain::site::Site;
use crate::domain::workspace::{
    Environment, Freeze, Policy, Quorum, Reach, Server, Slot as Seat, Trust, Window, Workspace,
};
use crate::domain::world::{Day, LastGood, Usual};
use crate::domain::{
    Digest, HostIx, PersonId, Role, RunId, RunbookId, ServerName, StepId, Timestamp, WorkspaceId, World,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
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
        },
    );
    world.usual.insert(
        (WorkspaceId::new("prod-edge"), RunbookId::new("cert-rotation")),
        Usual { durations_ms: vec![360_000], last_good: None },
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
        ended: None,
        driver: None,
        approved: None,
        builtin: Default::default(),
        accepted: Default::default(),
        votes: Default::default(),
        cells: Default::default(),
        progress: Progress::default(),
        notes: Default::default(),
        outcome_note: None,
        review: None,
        plan: Arc::new(plan),
    }
}

/// Puts a cell into a state.
pub fn set(run: &mut Run, item: Item, host: usize, state: CellState) {
    let cell = Cell { state, attempt: 1, since: ago(1), began: ago(2), not_before: None, saw: "".into() };
    run.cells.insert(slot(item, host), cell);
}

/// Puts a step by hand into a state; `Waiting` means that it is open.
pub fn set_by_hand(run: &mut Run, step: u16, state: CellState, saw: &str) {
    let cell = Cell { state, attempt: 1, since: ago(1), began: ago(2), not_before: None, saw: saw.into() };
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

/// acme-ops: five people, five workspaces, four runbooks.
pub fn site() -> Site {
    let people = ["ada", "bo", "grace", "kim", "lea"].map(|id| {
        let name = id.chars().next().unwrap().to_uppercase().chain(id.chars().skip(1)).collect();
        let person = Person {
            id: PersonId::new(id),
            name,
            unix: vec![id.to_owned()],
            keys: Vec::new(),
            principals: Vec::new(),
            contact: BTreeMap::new(),
        };
        (person.id.clone(), person)
    });
    let mut frozen = workspace("prod-db", "Production databases", Environment::Production, "db", 6);
    frozen.freezes.push(Freeze {
        name: "audit week".to_owned(),
        from: "2026-11-20T00:00:00".to_owned(),
        to: "2026-11-23T08:00:00".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    });
    let mut web = workspace("prod-web", "Production web", Environment::Production, "web", 12);
    web.windows.push(Window {
        name: "nightly".to_owned(),
        start: "0 22 * * *".to_owned(),
        lasts_ms: 4 * 3_600_000,
        zone: "Europe/Berlin".to_owned(),
    });
    let workspaces = [
        web,
        frozen,
        workspace("prod-edge", "Production edge", Environment::Production, "edge", 40),
        workspace("staging-web", "Staging web", Environment::Staging, "stage", 4),
        workspace("lab", "Lab", Environment::Lab, "lab", 9),
    ];
    let runbooks = [
        runbook("rolling-restart", "Rolling restart of the web tier", Impact::Medium),
        runbook("db-failover", "Fail the database over to its standby", Impact::High),
        runbook("disk-cleanup", "Free disk space", Impact::Low),
        runbook("cert-rotation", "Rotate the edge certificates", Impact::Medium),
    ];
    Site {
        name: "acme-ops".to_owned(),
        theme: "harbour".to_owned(),
        allow_as: true,
        people: people.into(),
        workspaces: workspaces.map(|w| (w.id.clone(), Arc::new(w))).into(),
        runbooks: runbooks.map(|r| (r.id.clone(), Arc::new(r))).into(),
        digest: Digest::of(b"site"),
        commit: Some("4f2a9c1".to_owned()),
        dirty: Some(false),
    }
}

/// A workspace of so many servers, named `STEM-1` and so on.
pub fn workspace(id: &str, title: &str, environment: Environment, stem: &str, servers: usize) -> Workspace {
    let roles = |roles: &[Role]| roles.iter().copied().collect::<BTreeSet<Role>>();
    let server = |n: usize| Server {
        name: ServerName::new(format!("{stem}-{n}")),
        reach: reach(n),
        groups: BTreeSet::from([stem.to_owned()]),
        tags: BTreeSet::new(),
    };
    Workspace {
        id: WorkspaceId::new(id),
        title: title.to_owned(),
        environment,
        colour: "red".to_owned(),
        baseline_tags: BTreeSet::from(["baseline".to_owned()]),
        duties: BTreeSet::from(["comms".to_owned()]),
        owner: PersonId::new("grace"),
        servers: (1..=servers).map(server).collect(),
        members: [
            (PersonId::new("ada"), roles(&[Role::Operator, Role::Approver])),
            (PersonId::new("bo"), roles(&[Role::Operator])),
            (PersonId::new("grace"), roles(&[Role::Reviewer, Role::Owner])),
            (PersonId::new("kim"), roles(&[Role::Approver])),
            (PersonId::new("lea"), roles(&[Role::Reviewer, Role::Owner])),
        ]
        .into(),
        policy: Policy {
            approval_expiry_ms: 4 * 3_600_000,
            execution_expiry_ms: 24 * 3_600_000,
            quorums: vec![Quorum {
                impact: Impact::High,
                from: vec![Seat { role: Role::Approver, n: 1 }, Seat { role: Role::Owner, n: 1 }],
            }],
        },
        windows: Vec::new(),
        freezes: Vec::new(),
    }
}

fn reach(n: usize) -> Reach {
    Reach::Ssh {
        address: format!("10.20.{}.{}", n / 250, n % 250 + 1),
        port: 22,
        user: "deploy".to_owned(),
        jump: None,
        trust: Trust::Keys(vec!["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFixture".to_owned()]),
    }
}

/// A runbook of four steps: drain, restart, warm and one by hand.
pub fn runbook(id: &str, title: &str, impact: Impact) -> Runbook {
    Runbook {
        id: RunbookId::new(id),
        title: title.to_owned(),
        kind: Kind::Change,
        version: "2.8.1".to_owned(),
        status: Status::Approved,
        owner: "platform".to_owned(),
        last_reviewed: "2026-09-17".to_owned(),
        next_review: "2026-12-01".to_owned(),
        impact,
        runs_as: Role::Operator,
        uses: vec!["host-baseline@1".to_owned()],
        links: vec!["docs/deployment.md".to_owned()],
        controls: vec!["SOC2:CC8.1".to_owned()],
        change: None,
        scope: Scope {
            changes: "Restarts web.service, one batch at a time.".to_owned(),
            why: "Pick up the rotated TLS certificate.".to_owned(),
            expected: "/healthz answers 200 everywhere.".to_owned(),
            excluded: vec!["database hosts".to_owned()],
            exclude: Some("group:db".to_owned()),
        },
        targets: Targets {
            select: "group:web".to_owned(),
            batches: vec![Amount::Hosts(1), Amount::Percent(25), Amount::Percent(100)],
            parallel: 32,
            max_failures: Some(Amount::Hosts(0)),
        },
        limits: Limits::default(),
        inputs: vec![Input {
            name: "release".to_owned(),
            prompt: "Release to restart into".to_owned(),
            kind: InputKind::String { pattern: Some(r"^v\d+\.\d+\.\d+$".to_owned()) },
            default: None,
            help: "As in the release note.".to_owned(),
            source: "release note".to_owned(),
            confirm: Some("Compare with the ticket.".to_owned()),
            required: true,
        }],
        secrets: BTreeMap::from([(
            "deploy_token".to_owned(),
            Secret { reference: "file:/run/secrets/deploy".to_owned(), purpose: "Authenticates the drain.".to_owned() },
        )]),
        preflight: vec![Check {
            id: StepId::new("disk"),
            title: "At least 2 GiB free on /var".to_owned(),
            script: script("df --output=avail -B1 /var | tail -1"),
            expect: Expect::default(),
            severity: Severity::Block,
        }],
        steps: vec![
            step(
                "drain",
                "Take the host out of rotation",
                "lb drain \"$host\"",
                Effect::Once,
                Some("lb join \"$host\""),
            ),
            step(
                "restart",
                "Restart web.service",
                "systemctl restart web.service\ncurl -fsS --max-time 5 \"http://localhost/healthz?expect=$release\"",
                Effect::Idempotent,
                Some("systemctl restart web.service"),
            ),
            step("warm", "Warm the cache", "curl -fsS localhost/healthz", Effect::Read, None),
            Step {
                action: Action::Manual {
                    text: "Tell the stakeholder chat that the restart is done.".to_owned(),
                    role: Some("comms".to_owned()),
                    checklist: vec!["Posted in the stakeholder chat".to_owned(), "Status page updated".to_owned()],
                    evidence: true,
                },
                ..step("announce", "Tell the stakeholders", "", Effect::Once, None)
            },
        ],
        verify: vec![Check {
            id: StepId::new("healthy"),
            title: "Every host answers".to_owned(),
            script: script("curl -fsS http://localhost/healthz"),
            expect: Expect::default(),
            severity: Severity::Block,
        }],
        rollback: "Undo in reverse order what ran, host by host; then verify again.".to_owned(),
        file: format!("runbooks/{id}.toml"),
        source: format!("schema = 1\n\n[runbook]\nid = \"{id}\"\n"),
        digest: Digest::of(id.as_bytes()),
        templates: vec![("host-baseline@1".to_owned(), Digest::of(b"host-baseline"))],
    }
}

fn script(text: &str) -> Script {
    Script { text: text.to_owned(), interpreter: Interpreter::Sh, timeout_ms: 120_000, secrets: Vec::new() }
}

/// A step that runs a script.
pub fn step(id: &str, title: &str, text: &str, effect: Effect, undo: Option<&str>) -> Step {
    Step {
        id: StepId::new(id),
        title: title.to_owned(),
        action: Action::Script(script(text)),
        effect,
        tags: BTreeSet::new(),
        due_ms: None,
        retries: Retries { times: 2, delay_ms: 5_000 },
        on_failure: OnFailure::Pause,
        required: false,
        undo: undo.map(str::to_owned),
    }
}

/// A plan of a runbook on every server of a workspace.
pub fn plan(site: &Site, run: u64, workspace: &str, runbook: &str, requester: &str) -> Plan {
    let workspace = &site.workspaces[&WorkspaceId::new(workspace)];
    let runbook = &site.runbooks[&RunbookId::new(runbook)];
    let hosts: Vec<PlannedHost> = workspace
        .servers
        .iter()
        .map(|server| PlannedHost { name: server.name.clone(), reach: server.reach.clone() })
        .collect();
    let quarter = hosts.len().div_ceil(4).max(1);
    let all: Vec<HostIx> = (0..u32::try_from(hosts.len()).unwrap()).map(HostIx).collect();
    let (first, rest) = all.split_at(1.min(all.len()));
    let (second, third) = rest.split_at(quarter.min(rest.len()));
    let batches = [first, second, third].into_iter().filter(|batch| !batch.is_empty()).map(<[_]>::to_vec).collect();
    Plan {
        origin: "fixture".to_owned(),
        crate_version: "0.1.0".to_owned(),
        site: site.digest,
        commit: site.commit.clone(),
        dirty: site.dirty,
        run: RunId(run),
        from: Origin::Proposed,
        requester: PersonId::new(requester),
        asked: ago(10),
        proposal: Proposal {
            workspace: workspace.id.clone(),
            runbook: runbook.id.clone(),
            inputs: BTreeMap::from([("release".to_owned(), "v2.8.1".to_owned())]),
            ticks: BTreeSet::from(["release".to_owned()]),
            select: None,
            tags: BTreeSet::new(),
            purpose: RunPurpose::Rollout,
            reason: "Pick up the rotated TLS certificate.".to_owned(),
            ticket: "CHG-30211".to_owned(),
            communication: "stakeholder chat (kim)".to_owned(),
            raise_to: None,
        },
        workspace_title: workspace.title.clone(),
        environment: workspace.environment,
        runbook: runbook.clone(),
        inputs: vec![("release".to_owned(), "v2.8.1".to_owned())],
        secrets: vec![PinnedSecret {
            name: "deploy_token".to_owned(),
            reference: "file:/run/secrets/deploy".to_owned(),
            version: Some("v7".to_owned()),
        }],
        hosts,
        jumps: Vec::new(),
        batches,
        steps: vec![0, 1, 2, 3],
        parallel: 32,
        max_failures: Some(0),
        limits: Limits::default(),
        impact: runbook.impact,
        impact_because: vec![format!("{} by the runbook", runbook.impact.word())],
        quorum: workspace.policy.quorums.first().cloned(),
        approval_expiry_ms: workspace.policy.approval_expiry_ms,
        execution_expiry_ms: workspace.policy.execution_expiry_ms,
        windows: workspace.windows.iter().map(|window| window.name.clone()).collect(),
        warnings: Vec::new(),
        runbook_accepted: true,
    }
}

/// The last good run that #42 is compared with: one host fewer, the release before.
fn plan_33() -> Plan {
    let mut plan = plan(&site(), 33, "prod-web", "rolling-restart", "bo");
    plan.hosts.pop();
    plan.batches[2].pop();
    plan.inputs = vec![("release".to_owned(), "v2.8.0".to_owned())];
    plan
}

/// A warning the plan itself computed.
pub fn warning(id: &str, text: &str) -> PlanWarning {
    PlanWarning { id: StepId::new(id), text: text.to_owned() }
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
