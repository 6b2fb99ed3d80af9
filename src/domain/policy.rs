//! Who may do what, and what a run still waits for. The one place that turns a decision into permission: an executor
//! takes a [`Cleared`] order and nothing else, and only this module can make one.

use super::copy::{self, FileCopy};
pub use super::findings::{Finding, answer, host_findings, open_warnings, warned_hosts, warnings};
use super::glass;
use super::id::{PersonId, StepId, Timestamp};
use super::locks;
use super::order::{Becomes, Delivery, Errand, Job, Order, OrderKey, OrderLimits, Purpose, Under};
use super::people::Role;
use super::plan::{Origin, PinnedSecret, Plan, PlannedHost};
use super::planning;
use super::published;
pub use super::quorum::{
    Apart, can_be_filled, has_approved, has_let_on, latest_votes, missing_answers, missing_approvals,
};
use super::refusal::{Refusal, Rule};
use super::run::{Choice, Item, Phase, Run, Slot};
use super::runbook::{Action, Gate, Impact, Interpreter, Script, Wait};
use super::tool::Tool;
use super::window::{self, WindowState};
use super::workspace::{Environment, Reach, Workspace};
use super::world::World;

/// An order that policy has cleared. Holding one is the permission to carry it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cleared(Order);

impl Cleared {
    /// The order.
    pub fn order(&self) -> &Order {
        &self.0
    }

    /// For tests of the executor alone: nothing outside tests can make an order that policy has not seen.
    #[cfg(test)]
    pub(crate) fn for_test(order: Order) -> Self {
        Self(order)
    }
}

/// Clears the order of a cell in flight. `None` where the run's phase does not let it run (any more): then whatever is
/// in flight for it must end.
pub fn clear(run: &Run, slot: Slot) -> Option<Cleared> {
    let key = released(run, slot)?;
    let host = match slot.host {
        Some(host) => run.plan.host(host)?.clone(),
        None => PlannedHost::here(),
    };
    let (purpose, job, step_ms) = job(run, key, &host)?;
    let limits = OrderLimits { connect_ms: run.plan.limits.connect_ms, idle_ms: run.plan.limits.idle_ms, step_ms };
    let jumps = jumps_to(&run.plan, &host);
    let under = under(&run.plan);
    let step = match slot.item {
        Item::Step(n) => run.plan.step(n),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => None,
    };
    let withhold = step.is_some_and(|step| step.withhold);
    // A probe only looks: it publishes nothing.
    let publishes = step.filter(|_| purpose == Purpose::Step).map(|step| step.publishes.clone()).unwrap_or_default();
    let lacks = published::lacking(run, slot.item, slot.host);
    Some(Cleared(Order { key, purpose, host, under, jumps, job, withhold, publishes, lacks, limits }))
}

/// Planning refuses production without an account; a plan of an older version may still be here when the server starts.
fn under(plan: &Plan) -> Under {
    match (&plan.local_account, plan.environment) {
        (Some(account), _) => Under::Account(account.clone()),
        (None, Environment::Production) => Under::Nobody,
        (None, Environment::Staging | Environment::Lab) => Under::Server,
    }
}

/// Which try of a cell may be in flight now, by its key alone.
pub fn released(run: &Run, slot: Slot) -> Option<OrderKey> {
    let cell = run.cell(slot).filter(|cell| cell.state.is_in_flight())?;
    let released = match (slot.item, &run.phase) {
        (Item::Reach | Item::Preflight(_), Phase::Checking(_)) | (Item::Verify(_), Phase::Verifying) => true,
        (Item::Step(_), Phase::Running | Phase::Paused(_)) => true,
        (Item::Step(_), Phase::Stopping(how)) => how.lets_steps_end(),
        (Item::Reach | Item::Preflight(_) | Item::Step(_) | Item::Verify(_), _) => false,
    };
    released.then_some(OrderKey { run: run.id, slot, attempt: cell.attempt })
}

/// The servers a host is reached through, nearest to us first.
fn jumps_to(plan: &Plan, host: &PlannedHost) -> Vec<PlannedHost> {
    let mut chain = Vec::new();
    let mut at = &host.reach;
    while let Reach::Ssh { jump: Some(name), .. } = at {
        let Some(next) = plan.jumps.iter().find(|jump| jump.name == *name) else {
            break;
        };
        if chain.len() >= super::planning::JUMPS_MAX {
            break;
        }
        chain.push(next.clone());
        at = &next.reach;
    }
    chain.reverse();
    chain
}

fn job(run: &Run, key: OrderKey, host: &PlannedHost) -> Option<(Purpose, Job, u64)> {
    let plan = &run.plan;
    let check = |purpose, n: u16, list: &[super::runbook::Check]| {
        let check = list.get(usize::from(n))?;
        let mut delivery = delivery(run, key, host, &check.script, check.id.as_str());
        delivery.expect = Some(check.expect.clone());
        delivery.secrets.clear();
        Some((purpose, Job::Script(delivery), check.script.timeout_ms))
    };
    match key.slot.item {
        Item::Reach => Some((Purpose::Preflight, Job::Reach, plan.limits.connect_ms)),
        Item::Preflight(n) => check(Purpose::Preflight, n, &plan.runbook.preflight),
        Item::Verify(n) => check(Purpose::Verify, n, &plan.runbook.verify),
        Item::Step(n) => {
            let step = plan.step(n)?;
            let id = step.id.as_str();
            if let Some(probe) = step.probe.as_ref().filter(|_| run.cell(key.slot).is_some_and(|cell| cell.probing)) {
                let mut delivery = delivery(run, key, host, probe, id);
                delivery.secrets.clear();
                return Some((Purpose::Probe, Job::Script(delivery), probe.timeout_ms));
            }
            let (job, timeout_ms) = match &step.action {
                Action::Script(script) => {
                    let mut delivery = delivery(run, key, host, script, id);
                    delivery.expect = step.expect.clone();
                    (Job::Script(delivery), script.timeout_ms)
                }
                Action::Call(call) | Action::Wait(Wait::Until { call, .. }) => {
                    (Job::Call(errand(run, key, id, &step.action, &**call)), call.timeout_ms)
                }
                Action::Vault(step) => {
                    (Job::Vault(errand(run, key, id, &plan.step(n)?.action, &**step)), step.timeout_ms)
                }
                Action::Tool(tool) => (Job::Script(work(run, key, id, tool)), tool.timeout_ms),
                Action::Copy(copy) => match host.reach {
                    Reach::Ssh { .. } => (Job::Copy(copy.clone()), copy.timeout_ms),
                    Reach::Local => (Job::Script(put(run, key, host, id, copy)), copy.timeout_ms),
                },
                Action::Manual { .. } | Action::Approval(_) | Action::Wait(Wait::For { .. }) => return None,
            };
            let purpose = match plan.from {
                Origin::Rollback(_) => Purpose::Undo,
                Origin::Proposed | Origin::Resume(_) | Origin::Rerun(_) => Purpose::Step,
            };
            Some((purpose, job, timeout_ms))
        }
    }
}

fn errand<T: Clone>(run: &Run, key: OrderKey, step: &str, action: &Action, what: &T) -> Errand<T> {
    let plan = &run.plan;
    let host = key.slot.host.and_then(|host| plan.host(host));
    let secrets = plan.secrets.iter().filter(|secret| action.secrets().contains(&secret.name)).cloned().collect();
    Errand { what: what.clone(), variables: variables(run, key, host, step), secrets }
}

/// What a script's variables and a template's names stand for.
fn variables(run: &Run, key: OrderKey, host: Option<&PlannedHost>, step: &str) -> Vec<(String, String)> {
    let position = match key.slot.item {
        Item::Step(n) => Some(n),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => None,
    };
    let mut variables = run.plan.inputs_of(position.and_then(|n| run.plan.step(n)));
    variables.extend(published::before(run, key.slot.item, key.slot.host));
    variables.extend(host.map(|host| ("host".to_owned(), host.name.to_string())));
    variables.extend([
        ("run".to_owned(), key.run.0.to_string()),
        ("step".to_owned(), step.to_owned()),
        ("attempt".to_owned(), key.attempt.to_string()),
    ]);
    variables
}

fn delivery(run: &Run, key: OrderKey, host: &PlannedHost, script: &Script, step: &str) -> Delivery {
    let variables = variables(run, key, Some(host), step);
    let becomes = script.becomes.as_ref();
    let password = becomes.and_then(|becomes| becomes.password.as_ref());
    let named = |secret: &&PinnedSecret| script.secrets.contains(&secret.name) && Some(&secret.name) != password;
    Delivery {
        interpreter: script.interpreter.clone(),
        variables,
        secrets: run.plan.secrets.iter().filter(named).cloned().collect(),
        text: script.text.clone(),
        becomes: becomes.map(|becomes| Becomes {
            user: becomes.user.clone(),
            password: run.plan.secrets.iter().find(|secret| Some(&secret.name) == password).cloned(),
        }),
        pty: script.pty,
        expect: None,
        elsewhere: false,
    }
}

/// A file put where the server is, as a script.
fn put(run: &Run, key: OrderKey, host: &PlannedHost, step: &str, copy: &FileCopy) -> Delivery {
    let mut variables = variables(run, key, Some(host), step);
    variables.push((copy::TEXT.to_owned(), copy.file.text.clone()));
    let (interpreter, text) = (Interpreter::Sh, copy.script());
    Delivery {
        interpreter,
        variables,
        secrets: Vec::new(),
        text,
        becomes: None,
        pty: false,
        expect: None,
        elsewhere: false,
    }
}

/// A program's work as a script: Python is what all of them come with, or are at home with.
fn work(run: &Run, key: OrderKey, step: &str, tool: &Tool) -> Delivery {
    let plan = &run.plan;
    let variables = variables(run, key, None, step);
    let is_in = |host| !run.progress.dropped.contains(&host);
    let text = tool.script(plan, &is_in, &variables);
    let secrets = plan.secrets.iter().filter(|secret| tool.secrets.contains(&secret.name)).cloned().collect();
    let interpreter = Interpreter::Program(vec!["python3".to_owned(), "-".to_owned()]);
    Delivery { interpreter, variables, secrets, text, becomes: None, pty: false, expect: None, elsewhere: true }
}

/// Something that must happen before a run may start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitsFor {
    /// So many people of a role must still approve.
    Approval {
        /// The role.
        role: Role,
        /// How many are missing.
        missing: u32,
        /// Who could.
        may: Vec<PersonId>,
    },
    /// A warning nobody has answered for.
    Warning {
        /// Its id.
        id: StepId,
        /// What is wrong.
        text: String,
        /// Who could accept it.
        may: Vec<PersonId>,
    },
    /// Its start was put off to this moment.
    Moment {
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: PersonId,
    },
    /// Other runs have its hosts. Only while it waits in the line.
    Line(locks::Line),
    /// No window is open, or a freeze is in force. It keeps a run from starting, not from being approved.
    Window {
        /// Why, in words.
        why: String,
        /// When that ends, where it can be told.
        until: Option<Timestamp>,
    },
}

/// What a run waits for before it may start, windows last. Empty: it may start now.
pub fn waits_for(world: &World, run: &Run, at: Timestamp) -> Vec<WaitsFor> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else {
        return Vec::new();
    };
    let mut waits: Vec<WaitsFor> = waits_for_people(workspace, run).collect();
    waits.extend(run.queued.as_ref().and_then(|queued| {
        let (at, by) = (queued.not_before?, queued.by.clone());
        Some(WaitsFor::Moment { at, by })
    }));
    waits.extend(run.queued.as_ref().and_then(|_| locks::line(world, run)).map(WaitsFor::Line));
    match window::state_for(workspace, run, at) {
        WindowState::Always | WindowState::Open { .. } => {}
        WindowState::Closed { opens } => {
            waits.push(WaitsFor::Window { why: "outside the change windows".to_owned(), until: opens });
        }
        WindowState::Frozen { name, until } => {
            waits.push(WaitsFor::Window { why: format!("frozen: {name}"), until: Some(until) });
        }
    }
    waits
}

/// Whose word a run waits for: those who may approve it, then those who may answer for its warnings. Warnings are looked for
/// once somebody asks beyond the approvals.
pub fn waits_for_people(workspace: &Workspace, run: &Run) -> impl Iterator<Item = WaitsFor> {
    let warnings = std::iter::once_with(|| open_warnings(run)).flatten().map(|(id, text)| {
        let may = workspace.members.keys().filter(|person| may_accept(workspace, run, person)).cloned().collect();
        WaitsFor::Warning { id, text, may }
    });
    missing_approvals(workspace, run).into_iter().chain(warnings)
}

/// When a run that waits, or may start, is worth nothing any more: a request that grew old, an approval that did.
pub fn expires(run: &Run) -> Option<Timestamp> {
    match run.phase {
        Phase::Waiting | Phase::Approved => Some(worth_until(run)),
        Phase::Checking(_)
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => None,
    }
}

/// Until when a run may start. Two clocks: from the proposal until it is first approved, and from then on; nothing that
/// happens later winds the second one up again.
pub fn worth_until(run: &Run) -> Timestamp {
    if let Some(glass) = run.glass.as_ref().filter(|glass| glass.open) {
        return glass.until();
    }
    match run.approved {
        Some(approved) => approved.plus_ms(run.plan.execution_expiry_ms),
        None => run.proposed.plus_ms(run.plan.approval_expiry_ms),
    }
}

/// Why a run may begin nothing more: whoever drives it no longer may, or too few of those who approved it still do.
pub fn lost_authority(world: &World, run: &Run) -> Option<String> {
    let Some(workspace) = world.workspace(&run.plan.proposal.workspace) else {
        return Some("the workspace is gone".to_owned());
    };
    let role = run.plan.runbook.runs_as;
    let known = |person: &PersonId| world.site.as_ref().is_some_and(|site| site.knows(person));
    let may = |person: &PersonId| known(person) && workspace.grants(person, role);
    match &run.driver {
        Some(driver) if !may(driver) => Some(format!("{driver} is no longer {}", role.word())),
        // It may have begun outside every window: approvals alone do not let it go on.
        Some(_) | None if run.started.is_some() && glass::lost(workspace, run).is_some() => glass::lost(workspace, run),
        Some(_) | None => {
            let enough = missing_approvals(workspace, run).is_empty();
            (!enough).then(|| "an approver no longer holds the role the approval needs".to_owned())
        }
    }
}

/// Whether a person may answer a gate: holds one of its roles, did not ask for the run, and from high impact executed none of it.
pub fn may_answer(workspace: &Workspace, run: &Run, gate: &Gate, person: &PersonId) -> bool {
    let holds = gate.from.iter().any(|seat| workspace.grants(person, seat.role));
    let apart = run.plan.impact < Impact::High || !run.executors.contains(person);
    holds && apart && !run.plan.is_asked_by(person)
}

/// Whether a person may answer for a run's warnings: somebody who works there, and from medium impact not the proposer.
pub fn may_accept(workspace: &Workspace, run: &Run, person: &PersonId) -> bool {
    let works_there = [Role::Operator, Role::Approver, Role::Owner].iter().any(|role| workspace.grants(person, *role));
    let alone = run.plan.quorum.is_none();
    let proposer_may = run.plan.impact == Impact::Low || alone;
    works_there && (proposer_may || !run.plan.is_asked_by(person))
}

/// Whether a person may vote on a run: holds a role of the quorum and did not ask for it.
pub fn may_vote(workspace: &Workspace, run: &Run, person: &PersonId) -> bool {
    let roles = run.plan.quorum.iter().flat_map(|quorum| quorum.from.iter().map(|slot| slot.role));
    !run.plan.is_asked_by(person) && roles.into_iter().any(|role| workspace.grants(person, role))
}

/// Why a person may neither approve nor deny a run, whatever state it is in; nothing where they may.
pub fn refuses_vote(workspace: &Workspace, run: &Run, person: &PersonId, choice: Choice) -> Option<Refusal> {
    let list = |may: &[&PersonId]| may.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    if run.plan.behind.as_ref() == Some(person) {
        return Some(owner_of(run));
    }
    if run.plan.requester == *person {
        let may: Vec<&PersonId> = workspace.holders(Role::Approver).filter(|other| *other != person).collect();
        return Some(
            Refusal::new(Rule::SeparationSelf, "whoever asks for a run cannot approve or deny it")
                .who_may(list(&may))
                .next("withdraw it, or ask one of them"),
        );
    }
    if !may_vote(workspace, run, person) {
        return Some(planning::missing_role(workspace, person, Role::Approver, "decide on this run"));
    }
    let alone = run.plan.quorum.as_ref().is_some_and(|quorum| quorum.from.iter().map(|seat| seat.n).sum::<u32>() == 1);
    if choice == Choice::Approve && alone && run.plan.editors.contains(person) {
        let others = workspace.members.keys().filter(|other| !run.plan.editors.contains(*other));
        let may: Vec<&PersonId> = others.filter(|other| may_vote(workspace, run, other)).collect();
        return Some(
            Refusal::new(Rule::SeparationEditor, "whoever changed the runbook last is not its only approver")
                .who_may(list(&may))
                .next("ask one of them; a denial is yours to give"),
        );
    }
    None
}

/// Whoever owns the machine that asked is behind the request, and not somebody else.
pub(super) fn owner_of(run: &Run) -> Refusal {
    let what = format!("{} asked for it, a machine of yours", run.plan.requester);
    Refusal::new(Rule::SeparationOwner, what).next("ask somebody else to decide")
}

/// Whether a person may stop or pause: the safe direction is open to everybody who works there.
pub fn may_stop(workspace: &Workspace, person: &PersonId) -> bool {
    [Role::Operator, Role::Approver, Role::Commander, Role::Owner].iter().any(|role| workspace.grants(person, *role))
}

/// Whether a person does anything in a workspace but look, and write notes.
pub fn acts(workspace: &Workspace, person: &PersonId) -> bool {
    may_stop(workspace, person) || workspace.grants(person, Role::Reviewer)
}

/// Whether separation lets a person execute a run: from high impact, whoever approved it does not.
pub fn may_execute(run: &Run, person: &PersonId) -> bool {
    run.plan.impact < Impact::High || !has_voted(run, person)
}

/// Whether a person may sign a run off: a reviewer who neither proposed, approved nor executed any of it.
pub fn may_review(workspace: &Workspace, run: &Run, person: &PersonId) -> bool {
    let broke = run.glass.as_ref().is_some_and(|glass| glass.by == *person);
    let took_part = run.plan.is_asked_by(person) || run.executors.contains(person) || has_voted(run, person) || broke;
    let alone = workspace.members.len() < 2 && run.glass.is_none();
    workspace.grants(person, Role::Reviewer) && (!took_part || alone)
}

/// Why a person may not sign a run off; nothing where they may.
pub fn refuses_review(workspace: &Workspace, run: &Run, person: &PersonId) -> Option<Refusal> {
    let rule = if workspace.grants(person, Role::Reviewer) { Rule::SeparationReview } else { Rule::Role };
    let refusal = Refusal::new(rule, format!("{person} may not review {}", run.id))
        .who_may("a reviewer who neither proposed, approved nor executed any of it");
    (!may_review(workspace, run, person)).then_some(refusal)
}

/// Whether somebody let a run on or said no to it: before its start, or at a gate inside it.
fn has_voted(run: &Run, person: &PersonId) -> bool {
    run.votes.iter().chain(run.answers.values().flatten()).any(|vote| vote.by == *person)
}
