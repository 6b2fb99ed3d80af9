//! Everything before a run starts: propose, answer for warnings, vote, start.

use super::*;
use crate::domain::proved::Proved;
use std::collections::BTreeMap;

impl Deciding {
    pub(super) fn propose(&mut self, proposal: &Proposal) -> Result<(), Refusal> {
        let person = self.person()?;
        self.propose_as(&person, proposal)
    }

    /// What ran is to be undone: proposed for whoever drove the run, and approved like any other. Where that cannot be, the
    /// run says why.
    pub(super) fn propose_way_back(&mut self, run: &Run) -> Result<(), Refusal> {
        let again = Again { run: run.id, how: How::Rollback, settled: Vec::new() };
        let proposal = Proposal::going_back(run, again, &format!("{} is to be undone", run.id));
        let by = run.driver.clone().unwrap_or_else(|| run.plan.requester.clone());
        match self.propose_as(&by, &proposal) {
            Err(refusal) if refusal.rule != Rule::Storage => {
                let text = format!("undoing it could not be proposed: {}", refusal.what);
                self.emit(Entry::with(Event::Noted { run: run.id, mentions: Vec::new() }, "text", text))
            }
            other => other,
        }
    }

    fn propose_as(&mut self, person: &PersonId, proposal: &Proposal) -> Result<(), Refusal> {
        if self.world.runs.len() >= WORLD_OPEN_RUNS_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{WORLD_OPEN_RUNS_MAX} runs are open")).next("close some"));
        }
        let run = RunId(self.world.next_run.max(1));
        let plan = planning::plan(&self.world, run, person, self.at, proposal)?;
        let text = binding::canonical_plan(&plan)
            .map_err(|error| Refusal::new(Rule::Input, format!("the plan cannot be bound: {error}")))?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let event = Event::RunProposed {
            run,
            workspace: plan.proposal.workspace.clone(),
            environment: plan.environment,
            runbook: plan.runbook.id.clone(),
            digest: plan.runbook.digest,
            binding: binding::binding_of(&text),
            impact: plan.impact,
            hosts: count(plan.hosts.len()),
            steps: count(plan.steps.len()),
            origin: plan.from,
        };
        self.emit(Entry::with(event, "plan", text))?;
        self.begin_round(run, Round::Proposal)
    }

    pub(super) fn begin_round(&mut self, id: RunId, round: Round) -> Result<(), Refusal> {
        self.emit(Entry::bare(Event::RoundBegan { run: id, round }))?;
        self.settle(id)
    }

    pub(super) fn withdraw(&mut self, id: RunId, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if !run.plan.is_asked_by(&person) && !workspace.grants(&person, Role::Owner) {
            return Err(Refusal::new(Rule::Role, "somebody else's proposal")
                .who_may(format!("{} or an owner", run.plan.requester)));
        }
        if !matches!(run.phase, Phase::Checking(_) | Phase::Waiting | Phase::Approved) {
            let what = format!("{id} is {}; only what has not started is withdrawn", run.phase.tag().word());
            return Err(Refusal::new(Rule::State, what).next(after_start(&run)));
        }
        self.emit(Entry::bare(Event::RunCancelled { run: id, cancel: Cancel::Withdrawn }))
    }

    pub(super) fn accept_warning(
        &mut self,
        id: RunId,
        warning: &StepId,
        reason: &str,
        seen: Seen,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if !policy::open_warnings(&run).iter().any(|(open, _)| open == warning) {
            return Err(Refusal::new(Rule::NotFound, format!("{id} has no open warning called {warning}")));
        }
        if !policy::may_accept(&workspace, &run, &person) {
            let rule = match (run.plan.requester == person, run.plan.behind.as_ref() == Some(&person)) {
                (true, _) => Rule::SeparationSelf,
                (false, true) => Rule::SeparationOwner,
                (false, false) => Rule::Role,
            };
            return Err(Refusal::new(rule, format!("{person} may not answer for this warning"))
                .who_may("an operator, approver or owner other than the proposer"));
        }
        in_time(&run, self.at)?;
        let text = needed(reason, "a reason")?;
        self.emit(Entry::with(Event::WarningAccepted { run: id, warning: warning.clone() }, "reason", text))?;
        self.settle(id)
    }

    pub(super) fn vote(&mut self, id: RunId, choice: Choice, reason: &str, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if let Some((position, gate)) = once::open_gate(&run) {
            let answer = gate::Answer { slot: once::slot(position), gate, choice, reason, seen };
            return self.answer(&run, &workspace, &answer);
        }
        if run.started.is_some() {
            return Err(Refusal::new(Rule::ApprovalUsed, format!("{id} has started; approvals are used once")));
        }
        if choice == Choice::Retract {
            return self.retract(&run, &person, reason, seen);
        }
        if let Some(refusal) = policy::refuses_vote(&workspace, &run, &person, choice) {
            return Err(refusal);
        }
        match (choice, &run.phase) {
            (_, Phase::Waiting) | (Choice::Deny, Phase::Approved | Phase::Checking(Round::Start)) => {}
            (_, phase) => {
                return Err(Refusal::new(Rule::State, format!("{id} is {}; nothing to decide", phase.tag().word())));
            }
        }
        in_time(&run, self.at)?;
        looked_at(&run, seen, "an approval")?;
        let text = needed(reason, "a reason")?;
        let backed = self.proved(&run, &person, choice)?;
        let event = Event::Voted { run: id, binding: run.binding, choice, proved: backed.proved };
        self.emit(backed.beside(Entry::with(event, "reason", text)))?;
        match choice {
            Choice::Deny => self.emit(Entry::with(
                Event::RunCancelled { run: id, cancel: Cancel::Denied },
                "why",
                format!("{person}: {reason}"),
            )),
            Choice::Approve | Choice::Retract => self.settle(id),
        }
    }

    /// Whoever approved may take it back until the run has started: the safe direction, so it asks for no role and no clock. A run
    /// that was let on by it waits again.
    fn retract(&mut self, run: &Run, person: &PersonId, reason: &str, seen: Seen) -> Result<(), Refusal> {
        let id = run.id;
        fresh(run, seen)?;
        if !policy::has_approved(run, person) {
            return Err(Refusal::new(Rule::State, format!("{person} has given {id} no approval that stands")));
        }
        let text = needed(reason, "a reason")?;
        let voted = Event::Voted { run: id, binding: run.binding, choice: Choice::Retract, proved: Proved::default() };
        self.emit(Entry::with(voted, "reason", text))?;
        if run.phase == Phase::Approved && !self.is_approved(run) {
            let why = format!("{person} took the approval back");
            if run.queued.is_some() {
                self.leave_line(id, &why)?;
            }
            self.emit(Entry::with(Event::RunWaiting { run: id }, "why", why))?;
        }
        self.settle(id)
    }

    fn is_approved(&self, run: &Run) -> bool {
        let now = self.world.run(run.id);
        let workspace = self.world.workspace(&run.plan.proposal.workspace);
        now.zip(workspace).is_some_and(|(run, workspace)| policy::missing_approvals(workspace, run).is_empty())
    }

    /// What has not started and would use another version of a secret than was approved is void. Once it works, what changes
    /// may be its own doing, and the record says which version each step got.
    pub(super) fn versions(&mut self, id: RunId, versions: &BTreeMap<String, String>) -> Result<(), Refusal> {
        self.engine_only()?;
        let Some(run) = self.world.run(id).filter(|run| run.started.is_none() && run.phase.ending().is_none()) else {
            return Ok(());
        };
        let other = run.plan.secrets.iter().find_map(|secret| {
            let (pinned, now) = (secret.version.as_ref()?, versions.get(&secret.name)?);
            (pinned != now).then(|| format!("changed: the secret {} has version {now}, not {pinned}", secret.name))
        });
        match other {
            Some(why) => self.emit(voided(id, Rule::BindingDrift, &why)),
            None => Ok(()),
        }
    }

    pub(super) fn start(&mut self, id: RunId, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        self.may_begin()?;
        self.may_start(&run, &workspace, &person)?;
        let line = locks::line(&self.world, &run);
        if let Some(queued) = &run.queued {
            let waits = line.map_or_else(|| "its turn has come".to_owned(), |line| line.words());
            let what = format!("{id} was started by {} and waits: {waits}", queued.by);
            let next = format!("it begins by itself; out of the line: pause {}", id.0);
            return Err(Refusal::new(Rule::Busy, what).next(next));
        }
        match line {
            None => {
                self.emit(Entry::bare(Event::StartAsked { run: id }))?;
                self.begin_round(id, Round::Start)
            }
            Some(line) => {
                let queued = Event::StartQueued { run: id, not_before: None };
                self.emit(Entry::with(queued, "why", line.words()))
            }
        }
    }

    /// Everything a start is judged by holds now, but for the window: that must be open at the moment itself. All of it is judged
    /// once more when the moment has come.
    pub(super) fn schedule(&mut self, id: RunId, moment: Timestamp, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if let Some(queued) = &run.queued {
            let what = format!("{} has asked for the start of {id} already", queued.by);
            return Err(Refusal::new(Rule::State, what).next(format!("take it back first: pause {}", id.0)));
        }
        if moment <= self.at {
            return Err(Refusal::new(Rule::Input, "that moment is over").next(format!("start it now: start {}", id.0)));
        }
        if run.phase == Phase::Approved && moment >= policy::worth_until(&run) {
            return Err(Refusal::new(Rule::Expired, "the approval is over before that moment")
                .next("name an earlier one, or have it approved again later"));
        }
        self.may_start_at(&run, &workspace, &person, moment)?;
        self.emit(Entry::bare(Event::StartQueued { run: id, not_before: Some(moment) }))
    }

    fn may_start(&self, run: &Run, workspace: &Workspace, person: &PersonId) -> Result<(), Refusal> {
        self.may_start_at(run, workspace, person, self.at)
    }

    fn may_start_at(
        &self,
        run: &Run,
        workspace: &Workspace,
        person: &PersonId,
        moment: Timestamp,
    ) -> Result<(), Refusal> {
        self.needs(workspace, person, run.plan.runbook.runs_as, "start this run")?;
        if run.phase != Phase::Approved {
            return Err(not_startable(&self.world, run, self.at));
        }
        in_time(run, self.at)?;
        separate(run, person)?;
        if let Some(drift) = drift(&self.world, run) {
            return Err(Refusal::new(Rule::BindingDrift, drift).next("propose it again; this one is void"));
        }
        if !policy::missing_approvals(workspace, run).is_empty() {
            return Err(Refusal::new(Rule::Role, "an approver no longer holds the role the approval needs")
                .next("withdraw the run and propose it again"));
        }
        rounds::is_allowed_now(&self.world, run, moment)
    }

    /// Whether the moment has come that a start was put off to.
    pub(super) fn has_come(&self, run: &Run) -> bool {
        let moment = run.queued.as_ref().and_then(|queued| queued.not_before);
        run.phase == Phase::Approved && moment.is_some_and(|moment| self.at >= moment)
    }

    /// The hosts of a run in the line are free, or its moment has come. Everything that held when its start was asked for is judged once more; what no
    /// longer does takes it out of the line, so that nothing begins later without anybody expecting it.
    pub(super) fn take_turn(&mut self, run: &Run) -> Result<(), Refusal> {
        let id = run.id;
        let asked = run.queued.as_ref().map(|queued| queued.by.clone());
        let (Some(person), Some(workspace)) = (asked, self.world.workspace(&run.plan.proposal.workspace).cloned())
        else {
            return self.leave_line(id, "its workspace is gone");
        };
        let known = self.world.site.as_ref().is_some_and(|site| site.knows(&person));
        let put_off_to = run.queued.as_ref().and_then(|queued| queued.not_before);
        if put_off_to.is_some_and(|moment| self.at.ms_since(moment) > LATE_MS_MAX) {
            return self.leave_line(id, "its moment passed while the server was down");
        }
        let judged = match known {
            true => self.may_start(run, &workspace, &person),
            false => Err(Refusal::new(Rule::ActorUnknown, format!("{person} is nobody here"))),
        };
        // In the line already, it is its turn; whose moment has come may have to wait for hosts as anybody.
        let line = put_off_to.and_then(|_| locks::all_contested(&self.world, run).into_iter().next());
        match judged {
            Ok(()) if line.is_some() => self.emit(Entry::bare(Event::StartQueued { run: id, not_before: None })),
            Ok(()) => {
                self.emit(Entry::bare(Event::StartAsked { run: id }))?;
                self.begin_round(id, Round::Start)
            }
            Err(refusal) if refusal.rule == Rule::BindingDrift => self.emit(voided(id, refusal.rule, &refusal.what)),
            Err(refusal) => self.leave_line(id, &format!("its turn came, and {}", refusal.what)),
        }
    }

    /// From now on it begins only when somebody starts it again.
    pub(super) fn leave_line(&mut self, run: RunId, why: &str) -> Result<(), Refusal> {
        self.emit(Entry::with(Event::QueueLeft { run }, "why", why))
    }
}

/// How much later than it was put off to a start still happens by itself: nobody expects it any more after that.
const LATE_MS_MAX: u64 = 10 * 60_000;

/// What there is to do instead, once a run has started.
fn after_start(run: &Run) -> String {
    match run.phase {
        Phase::Running | Phase::Paused(_) | Phase::Verifying => format!("stop it: abort {}", run.id.0),
        Phase::Ended(_) => format!("write its outcome note: close {}", run.id.0),
        _ => String::new(),
    }
}

fn not_startable(world: &World, run: &Run, at: Timestamp) -> Refusal {
    let phase = run.phase.tag().word();
    let waits = policy::waits_for(world, run, at);
    let first = waits.iter().find_map(|wait| match wait {
        policy::WaitsFor::Approval { role, missing, may } => Some((
            format!("{missing} {} must still approve", role.word()),
            may.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        )),
        policy::WaitsFor::Warning { id, text, may } => Some((
            format!("nobody answers for the warning {id}: {text}"),
            may.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        )),
        policy::WaitsFor::Window { .. } | policy::WaitsFor::Line(_) | policy::WaitsFor::Moment { .. } => None,
    });
    match (&run.phase, first) {
        (Phase::Waiting, Some((what, who))) => {
            Refusal::new(Rule::State, format!("{} waits: {what}", run.id)).who_may(who)
        }
        (Phase::Checking(_), _) => {
            Refusal::new(Rule::State, format!("{} is {phase}; only an approved run starts", run.id))
                .next("its checks are at work: look again in a moment")
        }
        _ => Refusal::new(Rule::State, format!("{} is {phase}; only an approved run starts", run.id)),
    }
}
