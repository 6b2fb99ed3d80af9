//! The ground the model walks on: four people with three roles between them, one production runbook that needs a
//! second person and one lab runbook that needs nobody, on one host each; and every command that can be given there.

use crate::domain::command::{Ask, Decision, Seen};
use crate::domain::fixture;
use crate::domain::id::{Digest, PersonId, RunId, StepId, WorkspaceId};
use crate::domain::notice::{Notify, Topic};
use crate::domain::order::{CellResult, Outcome, OutputSummary, Progressed, Report};
use crate::domain::people::Role;
use crate::domain::plan::Proposal;
use crate::domain::policy::Cleared;
use crate::domain::run::{Choice, Item, Reason, Slot, StopHow};
use crate::domain::runbook::{Action, Effect, Runbook, Severity};
use crate::domain::site::Site;
use crate::domain::workspace::{Environment, Window, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who there is, and what each may do: no role is held by one person alone, and everybody but ada holds two.
pub const CAST: [(&str, &[Role]); 4] = [
    ("ada", &[Role::Operator]),
    ("bo", &[Role::Operator, Role::Approver]),
    ("grace", &[Role::Approver, Role::Reviewer]),
    ("lea", &[Role::Operator, Role::Reviewer]),
];

/// Longer than an approval waits, shorter than an approved run does.
pub const LONG_MS: u64 = 5 * 3_600_000;

/// In production runs start between ten and two, UTC: not five hours after noon, but one day and one hour after it.
pub const OPENS_HOUR: i64 = 10;
pub const OPEN_MS: u64 = 4 * 3_600_000;

/// Runs there may be at once.
pub const RUNS_MAX: u64 = 2;

/// One thing somebody or something may do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Move {
    /// A person asks.
    Person(&'static str, Seen, Ask),
    /// The engine asks.
    Engine(Ask),
    /// Every check on hosts that this run waits for ends like this.
    Checks(RunId, CellResult),
    /// Bo is no approver any more, or is one again.
    BoApproves(bool),
    /// Hours go by, and the engine's own alarm is late.
    Later,
}

impl Move {
    /// In a word or two, for the path that led to a fault.
    pub fn words(&self) -> String {
        let of = |ask: &Ask| match ask.run() {
            Some(run) => format!("{} {run}", ask.verb()),
            None => ask.verb().to_owned(),
        };
        match self {
            Move::Person(who, _, Ask::Propose(form)) => format!("{who} proposes in {}", form.workspace),
            Move::Person(who, seen, ask) => format!("{who}: {} having seen {seen:?}", of(ask)),
            Move::Engine(Ask::Report(report)) => format!("engine: {:?}", report.what),
            Move::Engine(ask) => format!("engine: {}", of(ask)),
            Move::Checks(run, result) => format!("checks of {run}: {result:?}"),
            Move::BoApproves(yes) => format!("bo approves: {yes}"),
            Move::Later => "five hours pass".to_owned(),
        }
    }
}

/// The site, with or without bo among the approvers.
pub fn site(bo_approves: bool) -> Site {
    let mut site = fixture::site();
    site.people = CAST.iter().map(|(id, _)| (PersonId::new(id), fixture::person(id))).collect();
    site.workspaces = [("prod", Environment::Production), ("lab", Environment::Lab)]
        .map(|(id, environment)| (WorkspaceId::new(id), Arc::new(workspace(id, environment, bo_approves))))
        .into();
    site.runbooks = BTreeMap::from([("restart".into(), Arc::new(runbook()))]);
    let (command, tell) = (vec!["/usr/local/bin/page".to_owned()], Topic::ALL.into());
    site.notify = Some(Notify { command, webhook: None, link: None, remind_ms: Some(LONG_MS), tell });
    site.digest = Digest::of(if bo_approves { b"with bo" } else { b"less bo" });
    site
}

fn workspace(id: &str, environment: Environment, bo_approves: bool) -> Workspace {
    let mut workspace = fixture::workspace(id);
    workspace.environment = environment;
    workspace.owner = "grace".into();
    workspace.servers.truncate(1);
    if environment == Environment::Production {
        workspace.windows.push(Window {
            name: "midday".to_owned(),
            start: format!("0 {OPENS_HOUR} * * *"),
            lasts_ms: OPEN_MS,
            zone: "UTC".to_owned(),
        });
    }
    let roles = |who: &str, roles: &[Role]| -> BTreeSet<Role> {
        roles.iter().copied().filter(|role| bo_approves || who != "bo" || *role != Role::Approver).collect()
    };
    workspace.members = CAST.iter().map(|(id, held)| (PersonId::new(id), roles(id, held))).collect();
    // Somebody must accept that bo loses a role.
    workspace.members.entry("grace".into()).or_default().insert(Role::Owner);
    workspace
}

/// A check that warns, a step that may run once, one by hand, and a verification.
fn runbook() -> Runbook {
    let mut runbook = fixture::runbook("restart");
    runbook.preflight[0].severity = Severity::Warn;
    let by_hand = Action::Manual { role: None, text: "Look at it.".to_owned(), checklist: Vec::new(), evidence: false };
    runbook.steps[0].effect = Effect::Once;
    runbook.steps[1] = fixture::step("look", by_hand);
    runbook
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

/// Everything one person can ask about one run, each as it would be sent by somebody who has just looked.
pub fn asks(run: RunId, binding: Digest, slot: Slot) -> Vec<(Seen, Ask)> {
    let word = || "because".to_owned();
    let vote = |choice, binding| (Seen::Binding(binding), Ask::Vote { run, choice, reason: word() });
    let decide = |decision| (Seen::Nothing, Ask::Resolve { run, slot, decision, reason: word() });
    vec![
        (Seen::Nothing, Ask::Withdraw { run }),
        (Seen::Nothing, Ask::AcceptWarning { run, warning: StepId::new("disk"), reason: word() }),
        vote(Choice::Approve, binding),
        vote(Choice::Deny, binding),
        vote(Choice::Retract, binding),
        (Seen::Nothing, Ask::Start { run }),
        (Seen::Nothing, Ask::Tick { run, step: StepId::new("look"), checked: Vec::new(), evidence: word() }),
        (
            Seen::Nothing,
            Ask::Evidence {
                run,
                step: StepId::new("look"),
                name: "shot.png".to_owned(),
                content: b"png".as_slice().into(),
            },
        ),
        decide(Decision::Retry),
        decide(Decision::Skip),
        decide(Decision::Drop),
        decide(Decision::MarkOk),
        decide(Decision::MarkFailed),
        (Seen::Nothing, Ask::Claim { run, reason: word() }),
        (Seen::Nothing, Ask::HandOver { run, to: "bo".into(), reason: word() }),
        (Seen::Nothing, Ask::Pause { run }),
        (Seen::Nothing, Ask::Continue { run }),
        (Seen::Nothing, Ask::Stop { run, how: StopHow::AfterStep, reason: word() }),
        (Seen::Nothing, Ask::Stop { run, how: StopHow::Now, reason: word() }),
        (Seen::Nothing, Ask::Note { run, text: word() }),
        (Seen::Nothing, Ask::Close { run, note: word() }),
        (Seen::Nothing, Ask::Review { run, comment: word(), follow_ups: Vec::new() }),
    ]
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
