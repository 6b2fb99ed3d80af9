//! The grounds the model walks on: four people with three roles between them, one production runbook that needs a second person
//! and one lab runbook that needs nobody; and for each idea of governance a ground of its own, with the commands that concern it.

mod elevation;
mod factor;
mod glass;
mod schedule;
mod standing;
mod votes;

use super::node::Node;
use crate::domain::command::{Ask, Seen};
use crate::domain::factor::step_at;
use crate::domain::fixture;
use crate::domain::id::{Digest, PersonId, RunId, Timestamp, WorkspaceId};
use crate::domain::notice::{Notify, Topic};
use crate::domain::order::{CellResult, Outcome, OutputSummary, Progressed, Report};
use crate::domain::people::Role;
use crate::domain::plan::Proposal;
use crate::domain::policy::Cleared;
use crate::domain::proved::Code;
use crate::domain::run::{Choice, Item, Reason};
use crate::domain::runbook::{Action, Effect, Impact, Runbook, Severity};
use crate::domain::site::Site;
use crate::domain::workspace::{Environment, Quorum, Slot as Seat, Window, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use elevation::wants_role;
pub use factor::with_factors;
pub use glass::{opens, out_of_hours};
pub use standing::{COUNT_MOST, HOSTS_MAX, LASTS_MS, inside, wants_standing};
pub use votes::asks;

/// Who there is, and what each may do: no role is held by one person alone, and everybody but ada holds two.
pub const CAST: [(&str, &[Role]); 4] = [
    ("ada", &[Role::Operator]),
    ("bo", &[Role::Operator, Role::Approver]),
    ("grace", &[Role::Approver, Role::Reviewer]),
    ("lea", &[Role::Operator, Role::Reviewer]),
];

/// Who answers for the workspaces, and who administers the site where somebody does: they lend roles and vouch for second factors.
pub const OWNER: &str = "grace";
pub const ADMINISTRATOR: &str = "lea";

/// Longer than an approval waits, shorter than an approved run does.
pub const LONG_MS: u64 = 5 * HOUR_MS;

pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const MINUTE_MS: u64 = 60_000;

/// In production runs start between ten and two, UTC: not five hours after noon, but one day and one hour after it.
pub const OPENS_HOUR: i64 = 10;
pub const OPEN_MS: u64 = 4 * HOUR_MS;

/// Runs there may be at once.
pub const RUNS_MAX: u64 = 2;

/// Which idea of governance is tried: each has its own alphabet of commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// Votes, retractions, failures, restarts, and a site that changes.
    Votes,
    /// A role lent for a while.
    Elevation,
    /// Starts that are put off to a moment.
    Schedule,
    /// Broken glass.
    Glass,
    /// Standing approvals.
    Standing,
    /// Second factors.
    Factor,
}

impl Ground {
    /// Everything that can be tried here, allowed or not.
    pub fn moves(self, node: &Node) -> Vec<Move> {
        match self {
            Ground::Votes => votes::moves(node),
            Ground::Elevation => elevation::moves(node),
            Ground::Schedule => schedule::moves(node),
            Ground::Glass => glass::moves(node),
            Ground::Standing => standing::moves(node),
            Ground::Factor => factor::moves(node),
        }
    }

    /// What the site says at first.
    pub fn says(self) -> Says {
        Says { bo_approves: true, version: 1, factor: self == Ground::Factor, approvers: 1 }
    }

    /// Whether somebody administers the site.
    pub fn has_administrator(self) -> bool {
        matches!(self, Ground::Glass | Ground::Factor)
    }

    /// The role that may break glass.
    pub fn breaks(self) -> Option<Role> {
        (self == Ground::Glass).then_some(Role::Approver)
    }
}

/// What of the site changes as the model goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Says {
    /// Whether bo is an approver.
    pub bo_approves: bool,
    /// Which version of the runbook is in force.
    pub version: u8,
    /// Whether an approval asks for the second factor.
    pub factor: bool,
    /// How many approvers a run needs.
    pub approvers: u32,
}

/// One thing somebody or something may do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Move {
    /// A person asks.
    Person(&'static str, Seen, Ask),
    /// A person asks, and what they type as a code comes to this.
    Coded(&'static str, Code, Seen, Ask),
    /// The engine asks.
    Engine(Ask),
    /// Every check on hosts that this run waits for ends like this.
    Checks(RunId, CellResult),
    /// The site is another one: ada loads it, and grace accepts it where that is asked for.
    Site(Says),
    /// So much time goes by, and the engine's own alarm is late.
    Wait(u64),
}

impl Move {
    /// In a word or two, for the path that led to a fault.
    pub fn words(&self) -> String {
        let of = |ask: &Ask| match ask.run() {
            Some(run) => format!("{} {run}", ask.verb()),
            None => ask.verb().to_owned(),
        };
        match self {
            Move::Person(who, _, Ask::Propose(form)) => match (&form.select, form.inputs.get("count")) {
                (None, None) => format!("{who} proposes in {}", form.workspace),
                (select, count) => format!("{who} proposes with {select:?} and count {count:?}"),
            },
            Move::Person(who, _, Ask::Factor { person, .. }) | Move::Coded(who, _, _, Ask::Factor { person, .. }) => {
                let (Move::Person(_, _, ask) | Move::Coded(_, _, _, ask)) = self else { return String::new() };
                format!("{who}: {} of {person}", ask.verb())
            }
            Move::Person(who, seen, ask) => format!("{who}: {} having seen {seen:?}", of(ask)),
            Move::Coded(who, code, _, ask) => format!("{who}: {} with {code:?}", of(ask)),
            Move::Engine(Ask::Report(report)) => format!("engine: {:?}", report.what),
            Move::Engine(ask) => format!("engine: {}", of(ask)),
            Move::Checks(run, result) => format!("checks of {run}: {result:?}"),
            Move::Site(says) => format!("the site is {says:?}"),
            Move::Wait(ms) => format!("{} pass", crate::domain::duration::words(*ms)),
        }
    }
}

/// The site of a ground, as it says now.
pub fn site(ground: Ground, says: Says) -> Site {
    let mut site = fixture::site();
    site.people = CAST.iter().map(|(id, _)| (PersonId::new(id), fixture::person(id))).collect();
    site.workspaces = [("prod", Environment::Production), ("lab", Environment::Lab)]
        .map(|(id, environment)| (WorkspaceId::new(id), Arc::new(workspace(ground, id, environment, says))))
        .into();
    site.runbooks = BTreeMap::from([("restart".into(), Arc::new(runbook(ground, says)))]);
    site.administrators = ground.has_administrator().then(|| PersonId::new(ADMINISTRATOR)).into_iter().collect();
    let (command, tell) = (vec!["/usr/local/bin/page".to_owned()], Topic::ALL.into());
    site.notify = Some(Notify { command, webhook: None, link: None, remind_ms: Some(LONG_MS), tell });
    site.digest = Digest::of(format!("{says:?}").as_bytes());
    site
}

fn workspace(ground: Ground, id: &str, environment: Environment, says: Says) -> Workspace {
    let mut workspace = fixture::workspace(id);
    workspace.environment = environment;
    workspace.owner = OWNER.into();
    workspace.servers.truncate(if ground == Ground::Standing { 2 } else { 1 });
    if environment == Environment::Production {
        workspace.windows.push(Window {
            name: "midday".to_owned(),
            start: format!("0 {OPENS_HOUR} * * *"),
            lasts_ms: OPEN_MS,
            zone: "UTC".to_owned(),
        });
    }
    let policy = &mut workspace.policy;
    policy.break_glass = ground.breaks();
    policy.second_factor = says.factor.then_some(Impact::Medium);
    if says.approvers > 1 {
        let from = vec![Seat { role: Role::Approver, n: says.approvers }];
        policy.quorums = vec![Quorum { impact: Impact::Medium, from }];
    }
    let roles = |who: &str, roles: &[Role]| -> BTreeSet<Role> {
        roles.iter().copied().filter(|role| says.bo_approves || who != "bo" || *role != Role::Approver).collect()
    };
    workspace.members = CAST.iter().map(|(id, held)| (PersonId::new(id), roles(id, held))).collect();
    // Somebody must accept that bo loses a role.
    workspace.members.entry(OWNER.into()).or_default().insert(Role::Owner);
    workspace
}

/// A check that warns, a step that may run once, another one (by hand where failures are tried), and a verification.
fn runbook(ground: Ground, says: Says) -> Runbook {
    let mut runbook = fixture::runbook("restart");
    runbook.preflight[0].severity = Severity::Warn;
    runbook.steps[0].effect = Effect::Once;
    if ground == Ground::Votes {
        let text = "Look at it.".to_owned();
        let by_hand = Action::Manual { role: None, text, checklist: Vec::new(), evidence: false };
        runbook.steps[1] = fixture::step("look", by_hand);
    }
    if ground == Ground::Standing {
        runbook.inputs = vec![standing::count()];
    }
    if says.version > 1 {
        runbook.source = format!("# restart, version {}", says.version);
        runbook.digest = Digest::of(runbook.source.as_bytes());
    }
    runbook
}

/// A person asks about something that could not have changed.
pub fn asked(who: &'static str, ask: Ask) -> Move {
    Move::Person(who, Seen::Nothing, ask)
}

/// A person proposes in a workspace.
pub fn proposed(who: &'static str, place: &str) -> Move {
    asked(who, Ask::Propose(Box::new(form(place))))
}

/// A vote of somebody who has just looked.
pub fn vote(who: &'static str, run: RunId, binding: Digest, choice: Choice) -> Move {
    Move::Person(who, Seen::Binding(binding), Ask::Vote { run, choice, reason: "so".to_owned() })
}

/// A person's second factor.
pub fn secret_of(who: &str) -> Digest {
    Digest::of(who.as_bytes())
}

/// The code that a person's device shows at a moment.
pub fn code(of: &str, at: Timestamp) -> Code {
    Code::Right { factor: secret_of(of), step: step_at(at) }
}

/// What is due of the hosts: the checks that are given out end, and so does the step at work.
fn hosts_answer(node: &Node, run: RunId) -> Vec<Move> {
    let orders = node.orders(run);
    match orders.first() {
        Some(order) if is_check(order.order().key.slot.item) => vec![Move::Checks(run, CellResult::Ok)],
        Some(order) => vec![Move::Engine(ended(order, CellResult::Ok))],
        None => Vec::new(),
    }
}

/// The form, in one of the two workspaces.
pub fn form(workspace: &str) -> Proposal {
    Proposal { workspace: workspace.into(), ..fixture::proposal() }
}

/// A report on an order.
pub fn ended(order: &Cleared, result: CellResult) -> Ask {
    let outcome = Outcome {
        result,
        output: OutputSummary::nothing(),
        saw: String::new(),
        used: Vec::new(),
        published: Vec::new(),
    };
    Ask::Report(Report { key: order.order().key, what: Progressed::Ended(outcome) })
}

/// How an order may end.
pub fn results() -> [CellResult; 4] {
    [
        CellResult::Ok,
        CellResult::Failed(Reason::Exit(1)),
        CellResult::Unknown(Reason::ConnectionLost),
        CellResult::Refused(Reason::ConnectRefused),
    ]
}

/// Whether an item is a check, not a step.
pub fn is_check(item: Item) -> bool {
    !matches!(item, Item::Step(_))
}
