//! Worlds for tests: a small site with plainly fictional people, and a driver that submits commands as the engine would.

use super::command::{Ask, Command, Seen};
use super::event::{Entry, Recorded};
use super::id::{Digest, RunId, Timestamp};
use super::order::{CellResult, Outcome, OutputSummary, Progressed, Report};
use super::people::{Actor, Door, Person, Role};
use super::plan::{Proposal, RunPurpose};
use super::policy::Cleared;
use super::proved::Proof;
use super::refusal::Refusal;
use super::run::{Choice, Run};
use super::runbook::Lock;
use super::runbook::{
    Action, Amount, Between, Check, Effect, Expect, Impact, Interpreter, Kind, Limits, Retries, Runbook, Scope, Script,
    Severity, Status, Step, Targets,
};
use super::sign_in::SignIn;
use super::site::Site;
use super::workspace::{Environment, Policy, Reach, Server, Trust, Workspace};
use super::world::World;
use super::{decide, due, evolve, locks, policy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// 2026-11-23 12:00 UTC, a Monday.
pub const NOON: Timestamp = Timestamp(1_795_435_200_000);

/// A person with one Unix account of the same name.
pub fn person(id: &str) -> Person {
    Person {
        id: id.into(),
        name: id.to_owned(),
        unix: vec![id.to_owned()],
        keys: Vec::new(),
        principals: Vec::new(),
        git: Vec::new(),
        contact: BTreeMap::new(),
        disabled: false,
        machine_of: None,
        hook_secret: None,
    }
}

/// A workspace with `web-1` … `web-4`, `db-1`, and ada and bo (operators), grace and kim (approvers), lea (reviewer).
pub fn workspace(id: &str) -> Workspace {
    let server = |name: String, group: &str, last: u8| Server {
        name: name.as_str().into(),
        reach: Reach::Ssh {
            address: format!("127.0.0.{last}"),
            port: 22,
            user: "deploy".to_owned(),
            jump: None,
            key: None,
            algorithms: crate::domain::algorithms::Algorithms::Modern,
            trust: Trust::Keys(vec!["ssh-ed25519 AAAA".to_owned()]),
        },
        groups: [group.to_owned()].into(),
        tags: BTreeSet::new(),
        source: None,
    };
    let mut servers: Vec<Server> = (1..=4).map(|n| server(format!("web-{n}"), "web", n)).collect();
    servers.push(server("db-1".to_owned(), "db", 9));
    let roles = |roles: &[Role]| roles.iter().copied().collect::<BTreeSet<Role>>();
    Workspace {
        id: id.into(),
        title: id.to_owned(),
        environment: Environment::Production,
        colour: "red".to_owned(),
        baseline_tags: BTreeSet::new(),
        duties: ["comms".to_owned()].into(),
        owner: "grace".into(),
        servers,
        members: BTreeMap::from([
            ("ada".into(), roles(&[Role::Operator])),
            ("bo".into(), roles(&[Role::Operator])),
            ("grace".into(), roles(&[Role::Approver, Role::Owner])),
            ("kim".into(), roles(&[Role::Approver, Role::Operator])),
            ("lea".into(), roles(&[Role::Reviewer])),
        ]),
        policy: Policy {
            approval_expiry_ms: 4 * 3_600_000,
            execution_expiry_ms: 24 * 3_600_000,
            quorums: Vec::new(),
            after_window: crate::domain::workspace::AfterWindow::Pause,
            break_glass: None,
            checkpoints: Default::default(),
            review_within_ms: crate::domain::workspace::REVIEW_WITHIN_MS,
            second_factor: None,
            signed: None,
        },
        windows: Vec::new(),
        freezes: Vec::new(),
        lent: BTreeMap::new(),
        standing: BTreeMap::new(),
        sources: Vec::new(),
    }
}

/// A script of the interpreter sh.
pub fn script(text: &str) -> Script {
    Script {
        text: text.to_owned(),
        interpreter: Interpreter::Sh,
        timeout_ms: 60_000,
        secrets: Vec::new(),
        becomes: None,
        pty: false,
    }
}

/// An idempotent step that pauses on failure.
pub fn step(id: &str, action: Action) -> Step {
    Step {
        id: id.into(),
        title: id.to_owned(),
        action,
        effect: Effect::Idempotent,
        tags: BTreeSet::new(),
        due_ms: None,
        retries: Retries::default(),
        on_failure: None,
        required: false,
        undo: None,
        probe: None,
        withhold: false,
        expect: None,
        fixed: BTreeMap::new(),
        publishes: Vec::new(),
    }
}

/// A runbook for `group:web`: `drain`, `restart`, and one verification.
pub fn runbook(id: &str) -> Runbook {
    let check = |id: &str| Check {
        id: id.into(),
        title: id.to_owned(),
        script: script("true"),
        expect: Expect::default(),
        severity: Severity::Block,
    };
    Runbook {
        id: id.into(),
        title: id.to_owned(),
        kind: Kind::Change,
        version: "1.0.0".to_owned(),
        status: Status::Approved,
        owner: "platform".to_owned(),
        last_reviewed: "2026-09-17".to_owned(),
        next_review: "2027-09-01".to_owned(),
        impact: Impact::Low,
        runs_as: Role::Operator,
        uses: Vec::new(),
        links: Vec::new(),
        controls: Vec::new(),
        change: None,
        scope: Scope { changes: "Restarts web.".to_owned(), why: "New key.".to_owned(), ..Scope::default() },
        targets: Targets {
            select: "group:web".to_owned(),
            batches: vec![Amount::Hosts(1), Amount::Percent(100)],
            parallel: 2,
            between: Between::default(),
            pace: crate::domain::runbook::Pace::HostFirst,
            lock: Lock::Exclusive,
            max_failures: None,
        },
        limits: Limits::default(),
        inputs: Vec::new(),
        secrets: BTreeMap::new(),
        preflight: vec![check("disk")],
        steps: vec![step("drain", Action::Script(script("drain"))), step("restart", Action::Script(script("restart")))],
        verify: vec![check("healthy")],
        rollback: "Undo in reverse.".to_owned(),
        file: format!("runbooks/{id}.toml"),
        source: format!("# {id}"),
        digest: Digest::of(id.as_bytes()),
        templates: Vec::new(),
        within: Vec::new(),
    }
}

/// A site of one production workspace `prod-web` and the runbook `restart`.
pub fn site() -> Site {
    let people = ["ada", "bo", "grace", "kim", "lea"].map(person);
    Site {
        name: "acme-ops".to_owned(),
        theme: "harbour".to_owned(),
        administrators: BTreeSet::new(),
        clocks: crate::domain::incident::Clocks::default(),
        allow_as: false,
        egress: BTreeSet::new(),
        vault: None,
        local_account: None,
        notify: None,
        sign_in: SignIn::default(),
        programs: BTreeMap::new(),
        people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
        workspaces: BTreeMap::from([("prod-web".into(), Arc::new(workspace("prod-web")))]),
        runbooks: BTreeMap::from([("restart".into(), Arc::new(runbook("restart")))]),
        editors: BTreeMap::new(),
        digest: Digest::of(b"site"),
        commit: None,
        dirty: None,
        files: BTreeMap::new(),
    }
}

/// The form for `restart` in `prod-web`.
pub fn proposal() -> Proposal {
    Proposal {
        workspace: "prod-web".into(),
        runbook: "restart".into(),
        inputs: BTreeMap::new(),
        ticks: BTreeSet::new(),
        select: None,
        tags: BTreeSet::new(),
        purpose: RunPurpose::Rollout,
        reason: "Pick up the new key.".to_owned(),
        ticket: "CHG-1".to_owned(),
        communication: String::new(),
        raise_to: None,
        again: None,
        versions: std::collections::BTreeMap::new(),
    }
}

/// Somebody at the socket.
pub fn actor(id: &str) -> Actor {
    Actor::Person { person: id.into(), door: Door::Socket { uid: 1000 } }
}

/// A world that is driven by commands, with everything it has recorded.
pub struct Driver {
    /// What is true.
    pub world: World,
    /// Everything that happened.
    pub log: Vec<Recorded>,
    /// The clock.
    pub at: Timestamp,
}

impl Driver {
    /// A world with this site in force.
    pub fn new(site: Site) -> Self {
        let mut driver =
            Self { world: World { origin: "test".to_owned(), ..World::default() }, log: Vec::new(), at: NOON };
        driver.engine(Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
        driver
    }

    /// Submits and records.
    pub fn submit(&mut self, by: Actor, seen: Seen, ask: Ask) -> Result<Vec<Entry>, Refusal> {
        self.submit_with(by, seen, ask, Proof::default())
    }

    /// Submits with a proof and records.
    pub fn submit_with(&mut self, by: Actor, seen: Seen, ask: Ask, proof: Proof) -> Result<Vec<Entry>, Refusal> {
        let command = Command { by: by.clone(), at: self.at, seen, ask, proof };
        let entries = decide(&self.world, &command)?;
        self.record(&by, entries.clone());
        Ok(entries)
    }

    /// Records what was decided.
    pub fn record(&mut self, by: &Actor, entries: Vec<Entry>) {
        for entry in entries {
            let recorded = Recorded {
                index: self.world.events,
                at: self.at,
                by: by.clone(),
                event: entry.event,
                details: entry.details,
            };
            evolve(&mut self.world, &recorded).unwrap();
            // Whatever happens, those whom others wait for are known.
            let all = self.world.runs.values().filter(|run| locks::contends(run));
            assert!(all.eq(self.world.runs.contending()), "after {:?}", recorded.event);
            self.log.push(recorded);
        }
    }

    /// Submits as the engine.
    pub fn engine(&mut self, ask: Ask) -> Result<Vec<Entry>, Refusal> {
        self.submit(Actor::Engine, Seen::Nothing, ask)
    }

    /// Submits as a person who has just looked.
    pub fn as_person(&mut self, who: &str, ask: Ask) -> Result<Vec<Entry>, Refusal> {
        self.submit(actor(who), Seen::Nothing, ask)
    }

    /// The open run.
    pub fn run(&self, id: u64) -> Arc<Run> {
        Arc::clone(self.world.run(RunId(id)).expect("open run"))
    }

    /// Approves with the binding that stands.
    pub fn approve(&mut self, who: &str, id: u64) -> Result<Vec<Entry>, Refusal> {
        let seen = Seen::Binding(self.run(id).binding);
        self.submit(actor(who), seen, Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() })
    }

    /// Every order that is due now.
    pub fn orders(&self) -> Vec<Cleared> {
        let orders = due(&self.world).into_iter().filter_map(|work| match work {
            due::Work::Do(key) => policy::clear(self.world.run(key.run)?, key.slot),
            due::Work::At(..) => None,
        });
        orders.collect()
    }

    /// Reports how an order ended. One that ended well published of each name where it was and in which run.
    pub fn ended(&mut self, order: &Cleared, result: CellResult) {
        let (host, run) = (&order.order().host.name, order.order().key.run.0);
        let published = order.order().publishes.iter().filter(|_| result == CellResult::Ok);
        let published = published.map(|publish| (publish.name.clone(), format!("{host} in {run}"))).collect();
        let outcome =
            Outcome { result, output: OutputSummary::nothing(), saw: String::new(), used: Vec::new(), published };
        self.engine(Ask::Report(Report { key: order.order().key, what: Progressed::Ended(outcome) })).unwrap();
    }

    /// Lets every order end as `judge` says until none is due.
    pub fn carry_out(&mut self, mut judge: impl FnMut(&Cleared) -> CellResult) {
        while let Some(order) = self.orders().into_iter().next() {
            let result = judge(&order);
            self.ended(&order, result);
        }
    }

    /// Proposes as ada, lets the checks pass, approves as grace, and starts as ada.
    pub fn start_one(&mut self) -> u64 {
        self.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
        let id = self.world.next_run - 1;
        self.carry_out(|_| CellResult::Ok);
        self.approve("grace", id).unwrap();
        self.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
        id
    }
}
