//! The one choke point: whether a command is allowed, and what happened if it is. Judges only what it is given; the
//! moment is the command's.
//!
//! Here: the dispatch, and what every ask stands on. The asks themselves by when they come: `loading` (the site), `before`,
//! `during` and `after` a run, at a `gate` inside one, and on the `follow_ups` of it; `reports` is what the engine says, `notices` what
//! people are told; `drift` what would be different by now.

mod after;
mod before;
pub mod by_hand;
mod claim;
mod drift;
mod during;
pub mod elevate;
pub mod exporting;
mod follow_ups;
mod gate;
pub mod glass;
pub mod incidents;
mod loading;
mod machines;
mod mentions;
mod notices;
mod proved;
mod reports;
mod serving;
pub mod standing;

use crate::domain::beside::Beside;
use crate::domain::command::{Ask, Command, Decision, Seen};
use crate::domain::event::{Entry, Event, Recorded};
use crate::domain::evolve::evolve;
use crate::domain::follow_up::FOLLOW_UPS_OPEN_MAX;
use crate::domain::hook::Times;
use crate::domain::id::{Digest, PersonId, RunId, StepId, Timestamp};
use crate::domain::locks;
use crate::domain::once;
use crate::domain::order::{Progressed, Report};
use crate::domain::people::{Actor, Role};
use crate::domain::plan::{Again, How, Plan, Proposal};
use crate::domain::planning;
use crate::domain::policy;
use crate::domain::proved::Proof;
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::rounds;
use crate::domain::run::{Cancel, CellState, Choice, Ending, Item, PauseCause, Phase, Round, Run, Slot, StopHow};
use crate::domain::runbook::{Action, Effect};
use crate::domain::settle;
use crate::domain::site::{self, Site};
use crate::domain::window;
use crate::domain::workspace::Workspace;
use crate::domain::world::{WORLD_OPEN_RUNS_MAX, World};
use crate::domain::{binding, event::Detail};
use std::sync::Arc;

pub use drift::{differences, drift};

/// Events one command may lead to: a start that lets ten thousand hosts in at once, and no loop for ever. No more than
/// one batch of the ledger holds.
pub const EVENTS_PER_COMMAND_MAX: usize = 50_000;

/// Events a change of the site leads to about one run at most: its plan drifted, and authority over it was lost.
const EVENTS_PER_RUN_OF_A_SITE_MAX: usize = 2;
const _: () =
    assert!(WORLD_OPEN_RUNS_MAX * EVENTS_PER_RUN_OF_A_SITE_MAX + FOLLOW_UPS_OPEN_MAX < EVENTS_PER_COMMAND_MAX);

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
        proof: command.proof.clone(),
        entries: Vec::new(),
    };
    deciding.ask(&command.ask, command.seen)?;
    Ok(deciding.entries)
}

/// What to keep of a refusal that somebody may later want to know about: attempts beyond one's authority, at the wrong
/// time, or on something that had changed. A run that is started and would do something else by now is void.
pub fn refused(world: &World, command: &Command, refusal: &Refusal) -> Vec<Entry> {
    let worth_keeping = match refusal.rule {
        Rule::Role
        | Rule::SeparationSelf
        | Rule::Escalate
        | Rule::GlassSealed
        | Rule::GlassIncident
        | Rule::SeparationOwner
        | Rule::SeparationReview
        | Rule::SeparationEditor
        | Rule::ActorMachine
        | Rule::ActorUnknown
        | Rule::ApprovalUsed
        | Rule::BindingDrift
        | Rule::Stale
        | Rule::Expired
        | Rule::WindowClosed
        | Rule::Frozen
        | Rule::RunbookStatus
        | Rule::OnePerson
        | Rule::FactorMissing
        | Rule::FactorWrong
        | Rule::FactorUsed
        | Rule::FactorLocked
        | Rule::SignatureMissing
        | Rule::SignatureWrong
        | Rule::CredentialShared => true,
        // Once: whoever sends it again and again fills no record.
        Rule::RequestReplayed => heard(world, &command.by) == Some(Times::Once),
        Rule::NotFound
        | Rule::State
        | Rule::PreflightBlock
        | Rule::Input
        | Rule::Targets
        | Rule::RunbookOverdue
        | Rule::Checkpoint
        | Rule::ReasonMissing
        | Rule::Limit
        | Rule::Site
        | Rule::Busy
        | Rule::Storage
        | Rule::Record
        | Rule::NoRoom
        | Rule::Stopping
        | Rule::Claimed
        | Rule::Egress
        | Rule::LocalAccount
        | Rule::Baseline
        | Rule::RequestUnproved
        | Rule::RequestLate
        | Rule::Choice => false,
    };
    // What came as a request is on record whatever became of it, or it could be sent again once it would be allowed.
    let worth_keeping = worth_keeping || is_first_hearing(world, &command.by);
    // Only a run that exists: a leaf must not open the chain of one that never was.
    let run = command.ask.run().filter(|id| world.run(*id).is_some());
    let verb = command.ask.verb().to_owned();
    let mut kept: Vec<Entry> = Vec::new();
    if worth_keeping {
        kept.push(Entry::bare(Event::Refused { run, rule: refusal.rule, verb }));
    }
    if let (Ask::Start { .. }, Rule::BindingDrift, Some(run)) = (&command.ask, refusal.rule, run) {
        kept.push(voided(run, refusal.rule, &refusal.what));
    }
    kept
}

/// How often a request was heard that an actor came by; nothing of whoever came by another door.
fn heard(world: &World, by: &Actor) -> Option<Times> {
    world.heard.times(by.request()?)
}

fn is_first_hearing(world: &World, by: &Actor) -> bool {
    by.request().is_some() && heard(world, by).is_none()
}

fn voided(run: RunId, rule: Rule, why: &str) -> Entry {
    Entry::with(Event::RunCancelled { run, cancel: Cancel::Void(rule) }, "why", why)
}

struct Deciding {
    world: World,
    by: Actor,
    at: Timestamp,
    proof: Proof,
    entries: Vec<Entry>,
}

impl Deciding {
    fn ask(&mut self, ask: &Ask, seen: Seen) -> Result<(), Refusal> {
        self.is_ours(ask)?;
        self.hears_once()?;
        self.lapse()?;
        self.people_decide(ask)?;
        match ask {
            Ask::LoadSite { site, diff } => self.load_site(site, diff),
            Ask::AcceptSite { digest, reason } => self.accept_site(*digest, reason),
            Ask::Factor { person, want } => self.factor(person, want),
            Ask::List { workspace, source, servers } => self.list(workspace, source, servers),
            Ask::Versions { run, versions } => self.versions(*run, versions),
            Ask::Propose(proposal) => self.propose(proposal),
            Ask::Withdraw { run } => self.withdraw(*run, seen),
            Ask::AcceptWarning { run, warning, reason } => self.accept_warning(*run, warning, reason, seen),
            Ask::Vote { run, choice, reason } => self.vote(*run, *choice, reason, seen),
            Ask::BreakGlass(breaking) => self.break_glass(breaking, seen),
            Ask::Start { run } => self.start(*run, seen),
            Ask::Schedule { run, at } => self.schedule(*run, *at, seen),
            Ask::Tick { run, step, checked, evidence } => self.tick(*run, step, checked, evidence),
            Ask::Evidence { run, step, name, content } => self.evidence(*run, step, name, content),
            Ask::Resolve { run, slot, decision, reason } => self.resolve(*run, *slot, *decision, reason, seen),
            Ask::Claim { run, reason } => self.claim(*run, reason),
            Ask::HandOver { run, to, reason } => self.hand_over(*run, to, reason),
            Ask::Pause { run } => self.pause(*run),
            Ask::Continue { run } => self.go_on(*run, seen),
            Ask::Stop { run, how, reason } => self.stop(*run, *how, reason),
            Ask::Note { run, text } => self.note(*run, text),
            Ask::SeeMentions { on } => self.see_mentions(*on),
            Ask::Close { run, note } => self.close(*run, note, seen),
            Ask::Review { run, comment, follow_ups } => self.review(*run, comment, follow_ups, seen),
            Ask::FollowUp(wanted) => self.follow_up(wanted),
            Ask::LookAt { workspace, deviation, reason } => self.look_at(workspace, deviation, reason),
            Ask::Export(of) => self.export(of),
            Ask::Elevate { workspace, role, for_ms, reason } => self.elevate(workspace, *role, *for_ms, reason),
            Ask::AnswerElevation { elevation, answer, reason } => self.answer_elevation(*elevation, *answer, reason),
            Ask::OpenIncident(opening) => self.open_incident(opening),
            Ask::InIncident { incident, deed, text } => self.in_incident(*incident, deed, text),
            Ask::WantStanding(wanted) => self.want_standing(wanted),
            Ask::InStanding { standing, word, reason } => self.in_standing(*standing, *word, reason, seen),
            Ask::EnterByHand(done) => self.enter_by_hand(done),
            Ask::ShowByHand { entry, name, content } => self.show_by_hand(*entry, name, content),
            Ask::ReviewByHand { entry, comment } => self.review_by_hand(*entry, comment),
            // What is over by now is ended before every ask.
            Ask::Lapse => self.engine_only(),
            Ask::Report(report) => self.report(report),
            Ask::Wake { run } => self.wake(*run),
            Ask::Hold { run } => self.hold(*run),
            Ask::Notice(asked) => self.notice(asked),
            Ask::Boot { repaired_bytes } => self.boot(*repaired_bytes),
            Ask::Server(want) => self.server(want),
            Ask::ClockJumped { by_ms } => {
                self.engine_only()?;
                self.emit(Entry::bare(Event::Beside(Beside::ClockJumped { by_ms: *by_ms })))
            }
        }
    }

    // What every ask stands on.

    /// A signed request says one thing once (Z49): by the record, so that a restart forgets none.
    fn hears_once(&self) -> Result<(), Refusal> {
        match heard(&self.world, &self.by) {
            Some(Times::Once | Times::Again) => {
                let what = "this request was heard already";
                Err(Refusal::new(Rule::RequestReplayed, what).next("sign a new one, with the time of now"))
            }
            None => Ok(()),
        }
    }

    fn emit(&mut self, entry: Entry) -> Result<(), Refusal> {
        if self.entries.len() >= EVENTS_PER_COMMAND_MAX {
            return Err(Refusal::new(Rule::Limit, "one command would lead to too many events"));
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
        self.entries.push(Entry { event: recorded.event, details: recorded.details });
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
            let ending = match &entry.event {
                Event::RunEnded { ending, .. } => Some(*ending),
                _ => None,
            };
            self.emit(entry)?;
            for waiting in ending.map_or_else(Vec::new, |ending| locks::held_up_by(&self.world, &run, ending)) {
                let ended = ending.map_or("", Ending::word);
                self.leave_line(
                    waiting,
                    &format!("{id} ended {ended} on hosts of it: look at them, then start it again"),
                )?;
            }
            if ending.is_some() && run.progress.way_back {
                self.propose_way_back(&run)?;
            }
            if started {
                self.emit(Entry::bare(Event::BatchBegan { run: id, segment: 0, batch: 0 }))?;
            }
        }
    }

    /// A moment that was named has come, or the turn of a run that waits in the line.
    fn wake(&mut self, id: RunId) -> Result<(), Refusal> {
        self.engine_only()?;
        self.open_glass(id)?;
        self.settle(id)?;
        match self.world.run(id).cloned() {
            // Whoever waits in the line waits until the server serves as usual.
            Some(_) if self.world.serving.holds() => Ok(()),
            Some(run) if locks::is_its_turn(&self.world, &run) || self.has_come(&run) => self.take_turn(&run),
            Some(_) | None => Ok(()),
        }
    }

    fn engine_only(&self) -> Result<(), Refusal> {
        match self.by {
            Actor::Engine => Ok(()),
            Actor::Person { .. } => Err(Refusal::new(Rule::ActorMachine, "only the engine says that")),
        }
    }

    fn person(&self) -> Result<PersonId, Refusal> {
        let Some(person) = self.by.person() else {
            return Err(Refusal::new(Rule::ActorMachine, "only a person may do that"));
        };
        let known = self.world.site.as_ref().is_some_and(|site| site.knows(person));
        if known {
            Ok(person.clone())
        } else {
            Err(Refusal::new(Rule::ActorUnknown, format!("{person} is nobody here")))
        }
    }

    /// The run, for a person who may see it; for others it does not exist.
    fn run_for(&self, id: RunId, person: &PersonId) -> Result<(Arc<Run>, Arc<Workspace>), Refusal> {
        let found = self.world.run(id).and_then(|run| {
            let workspace = self.world.workspace(&run.plan.proposal.workspace)?;
            workspace.has_member(person).then(|| (Arc::clone(run), Arc::clone(workspace)))
        });
        found.ok_or_else(|| Refusal::new(Rule::NotFound, format!("no open run {id}")).next("history shows past runs"))
    }

    fn needs(&self, workspace: &Workspace, person: &PersonId, role: Role, act: &str) -> Result<(), Refusal> {
        if workspace.grants(person, role) { Ok(()) } else { Err(planning::missing_role(workspace, person, role, act)) }
    }
}

fn fresh(run: &Run, seen: Seen) -> Result<(), Refusal> {
    match seen {
        Seen::Revision(revision) if revision != run.revision => Err(stale(run)),
        Seen::Binding(_) | Seen::Code(_) if seen.is_plan(&run.binding) == Some(false) => Err(another_plan(run, seen)),
        Seen::Nothing | Seen::Revision(_) | Seen::Binding(_) | Seen::Code(_) | Seen::Attempt(_) => Ok(()),
    }
}

/// The plan as it stands is what was looked at: `act` rests on nothing else.
fn looked_at(run: &Run, seen: Seen, act: &str) -> Result<(), Refusal> {
    match seen.is_plan(&run.binding) {
        Some(true) => Ok(()),
        Some(false) => Err(another_plan(run, seen)),
        None => Err(Refusal::new(Rule::BindingDrift, format!("{act} names the binding that was looked at"))
            .next(format!("give the code of {}: {}", run.id, binding::code(&run.binding)))),
    }
}

/// From high impact, whoever approved does not execute: not the start, and nothing after it.
fn separate(run: &Run, person: &PersonId) -> Result<(), Refusal> {
    if policy::may_execute(run, person) {
        return Ok(());
    }
    Err(Refusal::new(Rule::SeparationSelf, "from high impact, whoever approved does not execute")
        .who_may(format!("another {}", run.plan.runbook.runs_as.word())))
}

/// Another plan was looked at than the one that stands. A code may have been typed wrongly too.
fn another_plan(run: &Run, seen: Seen) -> Refusal {
    match seen {
        Seen::Code(_) => Refusal::new(Rule::Stale, format!("that is not the code of {} as it stands", run.id))
            .next("look again, then give the code that stands there"),
        Seen::Nothing | Seen::Revision(_) | Seen::Binding(_) | Seen::Attempt(_) => stale(run),
    }
}

fn stale(run: &Run) -> Refusal {
    Refusal::new(Rule::Stale, format!("{} changed since you looked", run.id)).next("look again, then decide")
}

/// A run whose time is over takes no word and does not start, also where the engine's alarm is late.
fn in_time(run: &Run, at: Timestamp) -> Result<(), Refusal> {
    if settle::is_expired(run, at) {
        return Err(Refusal::new(Rule::Expired, format!("the time of {} is over", run.id)).next("propose it again"));
    }
    Ok(())
}

fn needed(text: &str, what: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(Rule::ReasonMissing, format!("{what} is needed")).next("say it in a sentence"));
    }
    bounded(text)
}

fn bounded(text: &str) -> Result<String, Refusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::new(Rule::Limit, format!("a text may have {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text.to_owned())
}
