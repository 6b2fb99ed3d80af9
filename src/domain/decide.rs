//! The one choke point: whether a command is allowed, and what happened if it is. Judges only what it is given; the
//! moment is the command's.

use super::command::{Ask, Command, Decision, Seen};
use super::event::{Entry, Event, Recorded};
use super::evolve::evolve;
use super::id::{PersonId, RunId, Timestamp};
use super::order::{Progressed, Report};
use super::people::{Actor, Role};
use super::plan::{Plan, Proposal};
use super::planning;
use super::policy;
use super::refusal::{Refusal, Rule};
use super::rounds;
use super::run::{Cancel, CellState, Choice, Item, PauseCause, Phase, Round, Run, Slot, StopHow};
use super::runbook::{Action, Effect, Impact};
use super::settle;
use super::site::{self, Site};
use super::workspace::Workspace;
use super::world::{WORLD_OPEN_RUNS_MAX, World};
use super::{binding, event::Detail};
use std::sync::Arc;

/// Events one command may lead to: a start that lets ten thousand hosts in at once, and no loop for ever.
const EVENTS_PER_COMMAND_MAX: usize = 65_536;

/// Longest text anybody may put on the record in one go.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;

/// Judges a command. What it allows has happened once the ledger holds the entries, not before.
///
/// # Errors
/// A refusal; the world is as it was.
pub fn decide(world: &World, command: &Command) -> Result<Vec<Entry>, Refusal> {
    let mut deciding = Deciding {
        world: world.clone(),
        by: command.by.clone(),
        at: command.at,
        entries: Vec::new(),
    };
    deciding.ask(&command.ask, command.seen)?;
    Ok(deciding.entries)
}

/// What to keep of a refusal that somebody may later want to know about: attempts beyond one's authority.
pub fn refused(world: &World, command: &Command, refusal: &Refusal) -> Option<Entry> {
    let worth_keeping = match refusal.rule {
        Rule::Role
        | Rule::SeparationSelf
        | Rule::SeparationReview
        | Rule::ActorMachine
        | Rule::ActorUnknown
        | Rule::ApprovalUsed
        | Rule::BindingDrift
        | Rule::OnePerson => true,
        Rule::NotFound
        | Rule::Stale
        | Rule::State
        | Rule::Expired
        | Rule::PreflightBlock
        | Rule::PreflightUnaccepted
        | Rule::WindowClosed
        | Rule::Frozen
        | Rule::Input
        | Rule::Targets
        | Rule::RunbookStatus
        | Rule::RunbookOverdue
        | Rule::ReasonMissing
        | Rule::Limit
        | Rule::Site
        | Rule::Busy
        | Rule::Storage
        | Rule::Choice => false,
    };
    // Only a run that exists: a leaf must not open the chain of one that never was.
    let run = command.ask.run().filter(|id| world.run(*id).is_some());
    worth_keeping.then(|| {
        Entry::bare(Event::Refused {
            run,
            rule: refusal.rule,
            verb: command.ask.verb().to_owned(),
        })
    })
}

struct Deciding {
    world: World,
    by: Actor,
    at: Timestamp,
    entries: Vec<Entry>,
}

impl Deciding {
    fn ask(&mut self, ask: &Ask, seen: Seen) -> Result<(), Refusal> {
        match ask {
            Ask::LoadSite { site, diff } => self.load_site(site, diff),
            Ask::AcceptSite { digest, reason } => self.accept_site(*digest, reason),
            Ask::Propose(proposal) => self.propose(proposal),
            Ask::Withdraw { run } => self.withdraw(*run, seen),
            Ask::AcceptWarning {
                run,
                warning,
                reason,
            } => self.accept_warning(*run, warning, reason),
            Ask::Vote {
                run,
                choice,
                reason,
            } => self.vote(*run, *choice, reason, seen),
            Ask::Start { run } => self.start(*run, seen),
            Ask::Tick {
                run,
                step,
                checked,
                evidence,
            } => self.tick(*run, step, checked, evidence),
            Ask::Resolve {
                run,
                slot,
                decision,
                reason,
            } => self.resolve(*run, *slot, *decision, reason, seen),
            Ask::Pause { run } => self.pause(*run),
            Ask::Continue { run } => self.go_on(*run),
            Ask::Stop { run, how, reason } => self.stop(*run, *how, reason),
            Ask::Note { run, text } => self.note(*run, text),
            Ask::Close { run, note } => self.close(*run, note),
            Ask::Review { run, comment } => self.review(*run, comment),
            Ask::Report(report) => self.report(report),
            Ask::Wake { run } => self.engine_only().and_then(|()| self.settle(*run)),
            Ask::Boot { repaired_bytes } => self.boot(*repaired_bytes),
            Ask::ClockJumped { by_ms } => {
                self.engine_only()?;
                self.emit(Entry::bare(Event::ClockJumped { by_ms: *by_ms }))
            }
        }
    }

    // What every ask stands on.

    fn emit(&mut self, entry: Entry) -> Result<(), Refusal> {
        if self.entries.len() >= EVENTS_PER_COMMAND_MAX {
            return Err(Refusal::new(
                Rule::Limit,
                "one command would lead to too many events",
            ));
        }
        let recorded = Recorded {
            index: self.world.events,
            at: self.at,
            by: self.by.clone(),
            event: entry.event,
            details: entry.details,
        };
        evolve(&mut self.world, &recorded).map_err(|illegal| {
            Refusal::new(Rule::State, illegal.to_string()).next("look at the run as it stands now")
        })?;
        self.entries.push(Entry {
            event: recorded.event,
            details: recorded.details,
        });
        Ok(())
    }

    /// Emits whatever follows from the run's state until nothing does.
    fn settle(&mut self, id: RunId) -> Result<(), Refusal> {
        loop {
            let Some(run) = self.world.run(id).cloned() else {
                return Ok(());
            };
            let Some(entry) = settle::next(&self.world, &run, self.at) else {
                return Ok(());
            };
            let started = matches!(entry.event, Event::RunStarted { .. });
            self.emit(entry)?;
            if started {
                self.emit(Entry::bare(Event::BatchBegan {
                    run: id,
                    segment: 0,
                    batch: 0,
                }))?;
            }
        }
    }

    fn engine_only(&self) -> Result<(), Refusal> {
        match self.by {
            Actor::Engine => Ok(()),
            Actor::Person { .. } => Err(Refusal::new(
                Rule::ActorMachine,
                "only the engine says that",
            )),
        }
    }

    fn person(&self) -> Result<PersonId, Refusal> {
        let Some(person) = self.by.person() else {
            return Err(Refusal::new(
                Rule::ActorMachine,
                "only a person may do that",
            ));
        };
        let known = self
            .world
            .site
            .as_ref()
            .is_some_and(|site| site.people.contains_key(person));
        if known {
            Ok(person.clone())
        } else {
            Err(Refusal::new(
                Rule::ActorUnknown,
                format!("{person} is nobody here"),
            ))
        }
    }

    /// The run, for a person who may see it; for others it does not exist.
    fn run_for(&self, id: RunId, person: &PersonId) -> Result<(Arc<Run>, Arc<Workspace>), Refusal> {
        let found = self.world.run(id).and_then(|run| {
            let workspace = self.world.workspace(&run.plan.proposal.workspace)?;
            workspace
                .has_member(person)
                .then(|| (Arc::clone(run), Arc::clone(workspace)))
        });
        found.ok_or_else(|| {
            Refusal::new(Rule::NotFound, format!("no open run {id}"))
                .next("history shows past runs")
        })
    }

    fn needs(
        &self,
        workspace: &Workspace,
        person: &PersonId,
        role: Role,
        act: &str,
    ) -> Result<(), Refusal> {
        if workspace.grants(person, role) {
            Ok(())
        } else {
            Err(planning::missing_role(workspace, person, role, act))
        }
    }

    // The site.

    fn load_site(&mut self, site: &Arc<Site>, diff: &str) -> Result<(), Refusal> {
        let same = |known: &Option<Arc<Site>>| {
            known
                .as_ref()
                .is_some_and(|known| known.digest == site.digest)
        };
        if same(&self.world.site) && self.world.pending.is_none() {
            return Ok(());
        }
        if same(
            &self
                .world
                .pending
                .as_ref()
                .map(|pending| Arc::clone(&pending.site)),
        ) {
            return Ok(());
        }
        let text = serde_json::to_string(site)
            .map_err(|error| Refusal::new(Rule::Site, error.to_string()))?;
        let sensitive = self
            .world
            .site
            .as_ref()
            .map(|current| site::sensitive_changes(current, site))
            .unwrap_or_default();
        // Somebody alone cannot be asked to find a second person.
        let alone = self
            .world
            .site
            .as_ref()
            .is_some_and(|current| current.has_one_person() && site.has_one_person());
        let (digest, commit, dirty) = (site.digest, site.commit.clone(), site.dirty);
        let event = if sensitive.is_empty() || alone {
            Event::SiteLoaded {
                digest,
                commit,
                dirty,
            }
        } else {
            Event::SitePending {
                digest,
                commit,
                dirty,
                by: self.by.person().cloned(),
                sensitive,
            }
        };
        self.emit(Entry::with(event, "site", text).and("diff", diff))?;
        self.void_what_drifted()
    }

    fn accept_site(&mut self, digest: super::id::Digest, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let Some(pending) = self.world.pending.clone() else {
            return Err(Refusal::new(Rule::State, "no change to the site waits"));
        };
        if pending.site.digest != digest {
            return Err(
                Refusal::new(Rule::Stale, "the waiting change is another one by now")
                    .next("look at it again"),
            );
        }
        if pending.by.as_ref() == Some(&person) {
            return Err(Refusal::new(
                Rule::SeparationSelf,
                "whoever loaded a change cannot accept it",
            )
            .who_may("any other owner"));
        }
        let owns = |site: &Site| {
            site.workspaces
                .values()
                .any(|workspace| workspace.grants(&person, Role::Owner))
        };
        if !self.world.site.as_deref().is_some_and(owns) {
            return Err(Refusal::new(
                Rule::Role,
                format!("{person} owns no workspace of the site in force"),
            ));
        }
        self.emit(Entry::with(
            Event::SiteAccepted { digest },
            "reason",
            needed(reason, "a reason")?,
        ))?;
        self.void_what_drifted()
    }

    /// Voids every run that has not started and would run something else under the site now in force.
    fn void_what_drifted(&mut self) -> Result<(), Refusal> {
        let open: Vec<Arc<Run>> = self.world.runs.values().cloned().collect();
        for run in open {
            let not_started = matches!(
                run.phase,
                Phase::Checking(_) | Phase::Waiting | Phase::Approved
            );
            if let Some(drift) = drift(&self.world, &run).filter(|_| not_started) {
                self.void(run.id, Rule::BindingDrift, &drift)?;
            }
        }
        Ok(())
    }

    fn void(&mut self, run: RunId, rule: Rule, why: &str) -> Result<(), Refusal> {
        self.emit(Entry::with(
            Event::RunCancelled {
                run,
                cancel: Cancel::Void(rule),
            },
            "why",
            why,
        ))
    }

    // Before the start.

    fn propose(&mut self, proposal: &Proposal) -> Result<(), Refusal> {
        let person = self.person()?;
        if self.world.runs.len() >= WORLD_OPEN_RUNS_MAX {
            return Err(
                Refusal::new(Rule::Limit, format!("{WORLD_OPEN_RUNS_MAX} runs are open"))
                    .next("close some"),
            );
        }
        let run = RunId(self.world.next_run.max(1));
        let plan = planning::plan(&self.world, run, &person, self.at, proposal)?;
        let text = binding::canonical_plan(&plan).map_err(|error| {
            Refusal::new(Rule::Input, format!("the plan cannot be bound: {error}"))
        })?;
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

    fn begin_round(&mut self, id: RunId, round: Round) -> Result<(), Refusal> {
        self.emit(Entry::bare(Event::RoundBegan { run: id, round }))?;
        let Some(run) = self.world.run(id).cloned() else {
            return Ok(());
        };
        for (check, verdict, why) in rounds::judge(&self.world, &run, self.at) {
            self.emit(Entry::with(
                Event::BuiltInJudged {
                    run: id,
                    check,
                    verdict,
                },
                "why",
                why,
            ))?;
        }
        self.settle(id)
    }

    fn withdraw(&mut self, id: RunId, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if run.plan.requester != person && !workspace.grants(&person, Role::Owner) {
            return Err(Refusal::new(Rule::Role, "somebody else's proposal")
                .who_may(format!("{} or an owner", run.plan.requester)));
        }
        self.emit(Entry::bare(Event::RunCancelled {
            run: id,
            cancel: Cancel::Withdrawn,
        }))
    }

    fn accept_warning(
        &mut self,
        id: RunId,
        warning: &super::id::StepId,
        reason: &str,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::open_warnings(&run)
            .iter()
            .any(|(open, _)| open == warning)
        {
            return Err(Refusal::new(
                Rule::NotFound,
                format!("{id} has no open warning called {warning}"),
            ));
        }
        if !policy::may_accept(&workspace, &run, &person) {
            let own = run.plan.requester == person;
            let rule = if own {
                Rule::SeparationSelf
            } else {
                Rule::Role
            };
            return Err(
                Refusal::new(rule, format!("{person} may not answer for this warning"))
                    .who_may("an operator, approver or owner other than the proposer"),
            );
        }
        let text = needed(reason, "a reason")?;
        self.emit(Entry::with(
            Event::WarningAccepted {
                run: id,
                warning: warning.clone(),
            },
            "reason",
            text,
        ))?;
        self.settle(id)
    }

    fn vote(&mut self, id: RunId, choice: Choice, reason: &str, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if run.started.is_some() {
            return Err(Refusal::new(
                Rule::ApprovalUsed,
                format!("{id} has started; approvals are used once"),
            ));
        }
        if run.plan.requester == person {
            let may: Vec<String> = workspace
                .holders(Role::Approver)
                .filter(|p| **p != person)
                .map(ToString::to_string)
                .collect();
            return Err(Refusal::new(
                Rule::SeparationSelf,
                "whoever asks for a run cannot approve or deny it",
            )
            .who_may(may.join(", "))
            .next("withdraw it, or ask one of them"));
        }
        if !policy::may_vote(&workspace, &run, &person) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                Role::Approver,
                "decide on this run",
            ));
        }
        match (choice, &run.phase) {
            (_, Phase::Waiting) | (Choice::Deny, Phase::Approved) => {}
            (_, phase) => {
                return Err(Refusal::new(
                    Rule::State,
                    format!("{id} is {}; nothing to decide", phase.tag().word()),
                ));
            }
        }
        match seen {
            Seen::Binding(binding) if binding == run.binding => {}
            Seen::Binding(_) => return Err(stale(&run)),
            Seen::Nothing | Seen::Revision(_) | Seen::Attempt(_) => {
                return Err(Refusal::new(
                    Rule::BindingDrift,
                    "an approval names the binding that was looked at",
                )
                .next(format!(
                    "give the code of {id}: {}",
                    binding::code(&run.binding)
                )));
            }
        }
        let text = needed(reason, "a reason")?;
        self.emit(Entry::with(
            Event::Voted {
                run: id,
                binding: run.binding,
                choice,
            },
            "reason",
            text,
        ))?;
        match choice {
            Choice::Deny => self.emit(Entry::with(
                Event::RunCancelled {
                    run: id,
                    cancel: Cancel::Denied,
                },
                "why",
                format!("{person}: {reason}"),
            )),
            Choice::Approve => self.settle(id),
        }
    }

    fn start(&mut self, id: RunId, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        self.needs(
            &workspace,
            &person,
            run.plan.runbook.runs_as,
            "start this run",
        )?;
        if run.phase != Phase::Approved {
            return Err(not_startable(&self.world, &run, self.at));
        }
        let voted = policy::latest_votes(&run)
            .iter()
            .any(|(voter, _)| **voter == person);
        if voted && run.plan.impact == Impact::High {
            return Err(Refusal::new(
                Rule::SeparationSelf,
                "from high impact, whoever approved does not execute",
            )
            .who_may(format!("another {}", run.plan.runbook.runs_as.word())));
        }
        if let Some(drift) = drift(&self.world, &run) {
            return self.void(id, Rule::BindingDrift, &drift);
        }
        if !policy::missing_approvals(&workspace, &run).is_empty() {
            return Err(Refusal::new(
                Rule::Role,
                "an approver no longer holds the role the approval needs",
            )
            .next("withdraw the run and propose it again"));
        }
        rounds::may_start(&self.world, &run, self.at)?;
        self.emit(Entry::bare(Event::StartAsked { run: id }))?;
        self.begin_round(id, Round::Start)
    }

    // While it runs.

    fn tick(
        &mut self,
        id: RunId,
        step: &super::id::StepId,
        checked: &[u16],
        evidence: &str,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        let Some((position, found)) = run.plan.steps().find(|(_, found)| found.id == *step) else {
            return Err(Refusal::new(
                Rule::NotFound,
                format!("{id} has no step called {step}"),
            ));
        };
        let Action::Manual {
            checklist,
            evidence: wants_evidence,
            ..
        } = &found.action
        else {
            return Err(Refusal::new(
                Rule::Choice,
                format!("{step} is a script; a person cannot tick it off"),
            ));
        };
        if !policy::may_stop(&workspace, &person) && !workspace.grants(&person, Role::Reviewer) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                Role::Operator,
                "tick off a step",
            ));
        }
        let slot = Slot {
            item: Item::Step(position),
            host: None,
        };
        if run
            .cell(slot)
            .is_none_or(|cell| cell.state != CellState::Waiting)
        {
            return Err(Refusal::new(
                Rule::State,
                format!("{step} is not waiting for anybody"),
            ));
        }
        let every_point = (0u16..)
            .zip(checklist)
            .all(|(number, _)| checked.contains(&number));
        if !every_point {
            return Err(
                Refusal::new(Rule::Input, "every point of the checklist must be ticked")
                    .next("or skip the step with a reason"),
            );
        }
        let text = if *wants_evidence {
            needed(evidence, "evidence")?
        } else {
            bounded(evidence)?
        };
        let checked = checked
            .iter()
            .copied()
            .filter(|n| usize::from(*n) < checklist.len())
            .collect();
        self.emit(Entry::with(
            Event::Ticked {
                run: id,
                slot,
                checked,
            },
            "evidence",
            text,
        ))?;
        self.settle(id)
    }

    fn resolve(
        &mut self,
        id: RunId,
        slot: Slot,
        decision: Decision,
        reason: &str,
        seen: Seen,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        self.needs(
            &workspace,
            &person,
            run.plan.runbook.runs_as,
            "decide about a failed host",
        )?;
        let manual_open = settle::is_manual(&run, slot)
            && run
                .cell(slot)
                .is_some_and(|cell| cell.state == CellState::Waiting);
        if !run.progress.attention.contains(&slot) && !manual_open {
            return Err(Refusal::new(Rule::State, "nothing is to be decided there")
                .next("somebody may have decided already"));
        }
        let attempt = run.cell(slot).map_or(0, |cell| cell.attempt);
        match seen {
            Seen::Attempt(looked_at) if looked_at != attempt => return Err(stale(&run)),
            Seen::Nothing | Seen::Attempt(_) | Seen::Revision(_) | Seen::Binding(_) => {}
        }
        fits(&run, slot, decision, manual_open)?;
        let text = match decision {
            Decision::Retry if !must_explain_retry(&run, slot) => bounded(reason)?,
            Decision::Retry
            | Decision::Skip
            | Decision::Drop
            | Decision::MarkOk
            | Decision::MarkFailed => needed(reason, "a reason")?,
        };
        self.emit(Entry::with(
            Event::Resolved {
                run: id,
                slot,
                decision,
            },
            "reason",
            text,
        ))?;
        self.settle(id)
    }

    fn pause(&mut self, id: RunId) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                Role::Operator,
                "pause a run",
            ));
        }
        if run.phase != Phase::Running {
            return Err(Refusal::new(
                Rule::State,
                format!("{id} is {}, not running", run.phase.tag().word()),
            ));
        }
        self.emit(Entry::bare(Event::RunPaused {
            run: id,
            cause: PauseCause::Person(person),
        }))
    }

    fn go_on(&mut self, id: RunId) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        self.needs(
            &workspace,
            &person,
            run.plan.runbook.runs_as,
            "let a run go on",
        )?;
        if !matches!(run.phase, Phase::Paused(_)) {
            return Err(Refusal::new(
                Rule::State,
                format!("{id} is {}, not paused", run.phase.tag().word()),
            ));
        }
        if !run.progress.attention.is_empty() {
            return Err(Refusal::new(Rule::State, "hosts wait for a decision")
                .next("decide about each of them first"));
        }
        self.emit(Entry::bare(Event::RunContinued { run: id }))?;
        self.settle(id)
    }

    fn stop(&mut self, id: RunId, how: StopHow, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                Role::Operator,
                "stop a run",
            ));
        }
        let by_person = match how {
            StopHow::AfterStep | StopHow::AfterBatch | StopHow::Now => true,
            StopHow::Failure | StopHow::TimedOut => false,
        };
        let sooner = match run.phase {
            Phase::Running | Phase::Paused(_) | Phase::Verifying => true,
            Phase::Stopping(before) => how == StopHow::Now && before != StopHow::Now,
            _ => false,
        };
        if !by_person || !sooner {
            return Err(Refusal::new(
                Rule::State,
                format!("{id} is {}; nothing to stop", run.phase.tag().word()),
            ));
        }
        let text = needed(reason, "a reason")?;
        self.emit(Entry::with(
            Event::RunStopping { run: id, how },
            "reason",
            text,
        ))?;
        self.settle(id)
    }

    fn note(&mut self, id: RunId, text: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        self.run_for(id, &person)?;
        self.emit(Entry::with(
            Event::Noted { run: id },
            "text",
            needed(text, "a note")?,
        ))
    }

    // Afterwards.

    fn close(&mut self, id: RunId, note: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                run.plan.runbook.runs_as,
                "write the outcome note",
            ));
        }
        if !matches!(run.phase, Phase::Ended(_)) {
            return Err(Refusal::new(
                Rule::State,
                format!(
                    "{id} is {}; an outcome note is written once, at the end",
                    run.phase.tag().word()
                ),
            ));
        }
        self.emit(Entry::with(
            Event::RunClosed { run: id },
            "text",
            needed(note, "an outcome note")?,
        ))
    }

    fn review(&mut self, id: RunId, comment: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        if !matches!(run.phase, Phase::Closed(_)) {
            return Err(Refusal::new(
                Rule::State,
                format!(
                    "{id} is {}; it is reviewed once its outcome note is written",
                    run.phase.tag().word()
                ),
            ));
        }
        if !policy::may_review(&workspace, &run, &person) {
            let took_part = workspace.grants(&person, Role::Reviewer);
            let rule = if took_part {
                Rule::SeparationReview
            } else {
                Rule::Role
            };
            return Err(Refusal::new(rule, format!("{person} may not review {id}"))
                .who_may("a reviewer who neither proposed nor drove it"));
        }
        self.emit(Entry::with(
            Event::RunReviewed { run: id },
            "text",
            needed(comment, "a word of review")?,
        ))
    }

    // The engine's own.

    fn report(&mut self, report: &Report) -> Result<(), Refusal> {
        self.engine_only()?;
        let (id, slot, attempt) = (report.key.run, report.key.slot, report.key.attempt);
        match &report.what {
            Progressed::Started { group } => self.emit(Entry::bare(Event::Started {
                run: id,
                slot,
                attempt,
                group: *group,
            })),
            Progressed::Ended(outcome) => {
                let event = Event::Ended {
                    run: id,
                    slot,
                    attempt,
                    result: outcome.result.clone(),
                    output: outcome.output,
                };
                let mut entry = Entry::bare(event);
                if !outcome.saw.is_empty() {
                    entry
                        .details
                        .insert("saw".to_owned(), Detail::Text(outcome.saw.clone()));
                }
                self.emit(entry)?;
                self.settle(id)
            }
        }
    }

    /// Nothing continues by itself after a restart: what ran is interrupted, what was only checked is checked again.
    fn boot(&mut self, repaired_bytes: u64) -> Result<(), Refusal> {
        self.engine_only()?;
        self.emit(Entry::bare(Event::Booted { repaired_bytes }))?;
        let open: Vec<(RunId, Phase)> = self
            .world
            .runs
            .values()
            .map(|run| (run.id, run.phase.clone()))
            .collect();
        for (run, phase) in open {
            match phase {
                Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => {
                    self.emit(Entry::bare(Event::RunEnded {
                        run,
                        ending: super::run::Ending::Interrupted,
                    }))?;
                }
                Phase::Checking(round) => self.begin_round(run, round)?,
                Phase::Waiting | Phase::Approved => self.settle(run)?,
                Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => {}
            }
        }
        Ok(())
    }
}

fn fresh(run: &Run, seen: Seen) -> Result<(), Refusal> {
    match seen {
        Seen::Revision(revision) if revision != run.revision => Err(stale(run)),
        Seen::Binding(binding) if binding != run.binding => Err(stale(run)),
        Seen::Nothing | Seen::Revision(_) | Seen::Binding(_) | Seen::Attempt(_) => Ok(()),
    }
}

fn stale(run: &Run) -> Refusal {
    Refusal::new(Rule::Stale, format!("{} changed since you looked", run.id))
        .next("look again, then decide")
}

fn needed(text: &str, what: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(
            Refusal::new(Rule::ReasonMissing, format!("{what} is needed"))
                .next("say it in a sentence"),
        );
    }
    bounded(text)
}

fn bounded(text: &str) -> Result<String, Refusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::new(
            Rule::Limit,
            format!("a text may have {TEXT_BYTES_MAX} bytes"),
        ));
    }
    Ok(text.to_owned())
}

fn must_explain_retry(run: &Run, slot: Slot) -> bool {
    let Item::Step(n) = slot.item else {
        return false;
    };
    let once = run
        .plan
        .step(n)
        .is_some_and(|step| step.effect == Effect::Once);
    once || matches!(run.state(slot), CellState::Unknown(_))
}

fn fits(run: &Run, slot: Slot, decision: Decision, manual_open: bool) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(Refusal::new(Rule::Choice, what.to_owned()));
    let required = match slot.item {
        Item::Step(n) => run.plan.step(n).is_some_and(|step| step.required),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => true,
    };
    let unknown = matches!(run.state(slot), CellState::Unknown(_));
    match decision {
        Decision::Skip if required => refuse("a required step cannot be skipped"),
        Decision::MarkOk | Decision::MarkFailed if !unknown => {
            refuse("only what is unknown can be marked")
        }
        Decision::Retry | Decision::Drop | Decision::MarkOk | Decision::MarkFailed
            if manual_open =>
        {
            refuse("a step done by hand is ticked off or skipped")
        }
        Decision::Retry
        | Decision::Skip
        | Decision::Drop
        | Decision::MarkOk
        | Decision::MarkFailed => Ok(()),
    }
}

fn not_startable(world: &World, run: &Run, at: Timestamp) -> Refusal {
    let phase = run.phase.tag().word();
    let waits = policy::waits_for(world, run, at);
    let first = waits.iter().find_map(|wait| match wait {
        policy::WaitsFor::Approval { role, missing, may } => Some((
            format!("{missing} {} must still approve", role.word()),
            may.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        )),
        policy::WaitsFor::Warning { id, text, may } => Some((
            format!("nobody answers for the warning {id}: {text}"),
            may.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        )),
        policy::WaitsFor::Window { .. } => None,
    });
    match (&run.phase, first) {
        (Phase::Waiting, Some((what, who))) => {
            Refusal::new(Rule::State, format!("{} waits: {what}", run.id)).who_may(who)
        }
        _ => Refusal::new(
            Rule::State,
            format!("{} is {phase}; only an approved run starts", run.id),
        ),
    }
}

/// What of a run's plan would be different under the site in force: the field's name, or nothing.
///
/// The site's digest, commit and the like are part of the binding but do not run: they are left out here, so that an
/// edit elsewhere in the site voids nobody's approval.
pub fn drift(world: &World, run: &Run) -> Option<String> {
    let old = &run.plan;
    let new = match planning::plan(world, run.id, &old.requester, old.asked, &old.proposal) {
        Ok(plan) => Plan {
            site: old.site,
            commit: old.commit.clone(),
            dirty: old.dirty,
            warnings: old.warnings.clone(),
            workspace_title: old.workspace_title.clone(),
            runbook_accepted: old.runbook_accepted,
            from: old.from,
            ..plan
        },
        Err(refusal) => return Some(format!("it could not be proposed now: {}", refusal.what)),
    };
    if new == **old {
        return None;
    }
    let commands = |plan: &Plan| {
        (
            plan.runbook.steps.clone(),
            plan.runbook.preflight.clone(),
            plan.runbook.verify.clone(),
            plan.steps.clone(),
        )
    };
    let fields: [(&str, bool); 9] = [
        ("crate version", old.crate_version != new.crate_version),
        ("hosts", old.hosts != new.hosts || old.jumps != new.jumps),
        (
            "batches",
            old.batches != new.batches || old.parallel != new.parallel,
        ),
        ("steps or checks", commands(old) != commands(&new)),
        (
            "runbook (commands unchanged)",
            old.runbook.digest != new.runbook.digest && commands(old) == commands(&new),
        ),
        ("inputs", old.inputs != new.inputs),
        ("secrets", old.secrets != new.secrets),
        (
            "impact or quorum",
            old.impact != new.impact || old.quorum != new.quorum,
        ),
        (
            "policy",
            old.windows != new.windows || old.approval_expiry_ms != new.approval_expiry_ms,
        ),
    ];
    let changed: Vec<&str> = fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| *name)
        .collect();
    Some(if changed.is_empty() {
        "changed: limits".to_owned()
    } else {
        format!("changed: {}", changed.join(", "))
    })
}
