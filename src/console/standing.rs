//! Why a run stands where it stands: what it waits for, who may do that, and why this person may not. What `w` tells
//! wherever a run is open or selected.

use super::facts;
use super::model::Cx;
use super::moment;
use super::overlays::sheet::{Part, Sheet};
use super::safe;
use super::theme::Role as Ink;
use super::words;
use crate::domain::locks;
use crate::domain::policy;
use crate::domain::run::{Choice, PauseCause, Phase, Run};
use crate::domain::window::{self, WindowState};
use crate::domain::workspace::Workspace;
use crate::domain::{PersonId, Role, Rule};

/// The page about one run, for the person who looks.
pub fn sheet(cx: &Cx<'_>, run: &Run) -> Sheet {
    let mut parts = vec![Part::Air];
    for (ink, line) in lines(cx, run) {
        parts.push(Part::Words(ink, format!("· {line}")));
        parts.push(Part::Air);
    }
    Sheet::new(safe!("{} {}: {}", run.id, run.plan.runbook.id, words::standing(run)), parts)
}

fn lines(cx: &Cx<'_>, run: &Run) -> Vec<(Ink, String)> {
    let Some(workspace) = cx.world.workspace(&run.plan.proposal.workspace) else {
        return vec![(Ink::Warning, "its workspace is no longer there".to_owned())];
    };
    let executor = run.plan.runbook.runs_as;
    let executes = |person: &PersonId| workspace.grants(person, executor);
    let works_there = |person: &PersonId| policy::may_stop(workspace, person);
    let told = Told { cx, workspace };
    match &run.phase {
        Phase::Checking(_) => vec![fact("the checks run; nobody has to do anything until they are through")],
        Phase::Waiting => waiting(cx, run),
        Phase::Approved if run.queued.is_some() => {
            let waits = policy::waits_for(cx.world, run, cx.now());
            let mut lines: Vec<_> =
                waits.iter().map(|waits| fact(&words::waits(waits, cx.me(), cx.now(), &cx.here.zone))).collect();
            let by = run.queued.as_ref().map_or("somebody", |queued| queued.by.as_str());
            if locks::is_in_line(run) {
                lines.push(fact(&format!("started by {by}; it begins by itself, unless what is before it ends badly")));
            } else {
                lines.push(fact("it begins by itself; everything a start is judged by is judged once more then"));
            }
            lines.push(told.who("taken back (P) by", works_there));
            lines
        }
        Phase::Approved => {
            let mut lines = vec![told.who(&format!("to be started (S) by an {}", executor.word()), executes)];
            lines.extend(told.not_you(&format!("you are no {} here", executor.word()), Rule::Role, executes));
            lines.extend(closed(cx, workspace, run));
            let lapses = policy::expires(run).map(|by| moment::when(by, cx.now(), &cx.here.zone));
            lines.extend(lapses.map(|by| (Ink::Muted, format!("the approval lapses {by}"))));
            lines
        }
        Phase::Running => by_hand(cx, run).map_or_else(
            || vec![fact("it goes on by itself; P pauses it, X stops it")],
            |step| vec![step, told.who("to be ticked off (c) by somebody who works there", works_there)],
        ),
        Phase::Paused(PauseCause::Failure) if run.progress.attention.is_empty() => {
            vec![fact("every host is decided; P goes on"), told.who("by", executes)]
        }
        Phase::Paused(PauseCause::Failure) => {
            let mut lines = vec![
                fact("a host failed, or nobody can tell how it ended: a person decides (c) before anything starts"),
                told.who(&format!("by an {}", executor.word()), executes),
            ];
            lines.extend(told.not_you(&format!("you are no {} here", executor.word()), Rule::Role, executes));
            lines
        }
        Phase::Paused(PauseCause::Person(by)) => {
            vec![fact(&format!("{by} paused it; P goes on")), told.who("by", executes)]
        }
        Phase::Paused(PauseCause::Authority) => {
            let mut lines = vec![
                fact(
                    "whoever started or approved it may no longer do so; the step in flight ended, nothing new starts",
                ),
                told.who(&format!("P takes it over, by an {}", executor.word()), executes),
            ];
            lines.extend(told.not_you(&format!("you are no {} here", executor.word()), Rule::Role, executes));
            lines
        }
        Phase::Paused(PauseCause::Batch) => {
            vec![fact("a batch is through; P lets the next begin, X ends it here"), told.who("by", executes)]
        }
        Phase::Paused(PauseCause::Window) => {
            let closed = "its window has closed: nothing new starts; P goes on within a window, X ends it here";
            vec![fact(closed), told.who("by", executes)]
        }
        Phase::Paused(PauseCause::NoRoom) => {
            vec![fact("the disk was full; P goes on once there is room"), told.who("by", executes)]
        }
        Phase::Stopping(how) => vec![fact(words::stop(*how)), fact("nothing new starts")],
        Phase::Verifying => vec![fact("it reads back from the hosts what the steps changed; that ends by itself")],
        Phase::Ended(_) => vec![
            fact("it is not done before somebody writes down what came of it (C)"),
            told.who("by somebody who works there", works_there),
        ],
        Phase::Closed(_) => {
            let reviews = |person: &PersonId| policy::may_review(workspace, run, person);
            let mut lines = vec![told.who("to be signed off (R) by a reviewer who took no part", reviews)];
            let (why, rule) = match workspace.grants(cx.me(), Role::Reviewer) {
                true => ("you took part in it", Rule::SeparationReview),
                false => ("you are no reviewer here", Rule::Role),
            };
            lines.extend(told.not_you(why, rule, reviews));
            lines
        }
        Phase::Reviewed(_) | Phase::Cancelled(_) => vec![fact("it is over; nothing is waited for")],
    }
}

/// What a request waits for, and why its proposer is nobody it waits for.
fn waiting(cx: &Cx<'_>, run: &Run) -> Vec<(Ink, String)> {
    let waits = policy::waits_for(cx.world, run, cx.now());
    let mut lines: Vec<(Ink, String)> =
        waits.iter().map(|waits| fact(&words::waits(waits, cx.me(), cx.now(), &cx.here.zone))).collect();
    let decides = waits.iter().any(|waits| facts::is_for(waits, cx.me()));
    let workspace = cx.world.workspace(&run.plan.proposal.workspace);
    let refuses = workspace.and_then(|workspace| policy::refuses_vote(workspace, run, cx.me(), Choice::Approve));
    if let Some(refusal) = refuses.filter(|_| !decides && run.plan.quorum.is_some()) {
        let words = format!("not you: {} ({})", words::not_yours(&refusal), refusal.rule.code());
        lines.push((Ink::Warning, words));
    } else if !decides && policy::has_approved(run, cx.me()) {
        lines.push(fact("you approved it already"));
    } else if !decides {
        lines.push((Ink::Warning, format!("not you: you hold no role it waits for ({})", Rule::Role.code())));
    }
    if let Some(by) = policy::expires(run) {
        let by = moment::when(by, cx.now(), &cx.here.zone);
        lines.push((Ink::Muted, format!("the request lapses {by}")));
    }
    lines
}

fn by_hand(cx: &Cx<'_>, run: &Run) -> Option<(Ink, String)> {
    let (slot, cell) = facts::hand_step(run)?;
    let (_, title, _) = run.plan.item_name(slot.item);
    let crate::domain::run::Item::Step(position) = slot.item else { return None };
    let duty = run.plan.step(position)?.action.duty().map(|duty| format!(" ({duty})")).unwrap_or_default();
    let waits = moment::counter(cx.now().ms_since(cell.since));
    Some(fact(&format!("a step is done by hand{duty}, waiting {waits}: {title}")))
}

fn closed(cx: &Cx<'_>, workspace: &Workspace, run: &Run) -> Option<(Ink, String)> {
    let state = window::state_for(workspace, run, cx.now());
    match state {
        WindowState::Always | WindowState::Open { .. } => None,
        WindowState::Closed { .. } | WindowState::Frozen { .. } => {
            Some((Ink::Warning, words::window(&state, cx.now(), &cx.here.zone)))
        }
    }
}

fn fact(words: &str) -> (Ink, String) {
    (Ink::Text, words.to_owned())
}

/// Who is told, and about which workspace.
struct Told<'a, 'b> {
    cx: &'a Cx<'b>,
    workspace: &'a Workspace,
}

impl Told<'_, '_> {
    /// `by an operator: you or bo`.
    fn who(&self, what: &str, may: impl Fn(&PersonId) -> bool) -> (Ink, String) {
        let people: Vec<PersonId> = self.workspace.members.keys().filter(|person| may(person)).cloned().collect();
        fact(&format!("{what}: {}", words::one_of(&people, self.cx.me())))
    }

    fn not_you(&self, why: &str, rule: Rule, may: impl Fn(&PersonId) -> bool) -> Option<(Ink, String)> {
        (!may(self.cx.me())).then(|| (Ink::Warning, format!("not you: {why} ({})", rule.code())))
    }
}

#[cfg(test)]
mod tests {
    use crate::console::fixture;
    use crate::console::harness::Harness;
    use crate::domain::locks::{Contested, Queued};
    use crate::domain::run::{Ending, Phase};
    use crate::domain::{Refusal, Rule, RunId, World};

    fn at(run: u64, phase: Phase) -> World {
        let mut world = fixture::world();
        let mut changed = (**world.run(RunId(run)).unwrap()).clone();
        changed.phase = phase;
        fixture::add(&mut world, changed);
        world
    }

    fn why(person: &str, line: &str, world: World) -> String {
        Harness::new(world).by(person).at(120, 40).press(":").type_str(line).press("enter w").screen()
    }

    #[test]
    fn w_says_why_a_proposer_cannot_approve_and_who_can() {
        let screen = why("bo", "run 42", fixture::world());
        assert!(screen.contains("needs an approver: ada or kim"), "{screen}");
        assert!(screen.contains("not you: you asked for it; somebody else decides (sod.self)"), "{screen}");
        assert!(screen.contains("the request lapses"), "{screen}");
    }

    #[test]
    fn w_says_what_every_phase_waits_for() {
        let paused = why("ada", "run 40", fixture::world());
        assert!(paused.contains("a person decides (c)") && paused.contains("by an operator: you"), "{paused}");
        let running = why("ada", "run 41", fixture::world());
        assert!(running.contains("it goes on by itself"), "{running}");
        let ended = why("ada", "run 41", at(41, Phase::Ended(Ending::Succeeded)));
        assert!(ended.contains("somebody writes down what came of it (C)"), "{ended}");
        let closed = why("bo", "run 41", at(41, Phase::Closed(Ending::Succeeded)));
        assert!(closed.contains("signed off (R)") && closed.contains("not you: "), "{closed}");
        let approved = why("ada", "run 42", at(42, Phase::Approved));
        assert!(approved.contains("started (S) by an operator: you") && approved.contains("lapses"), "{approved}");
    }

    #[test]
    fn a_run_in_line_says_for_what_and_how_it_leaves() {
        let mut world = at(42, Phase::Approved);
        let mut waits = (**world.run(RunId(42)).unwrap()).clone();
        let holder = (**world.run(RunId(40)).unwrap()).clone();
        waits.plan = std::sync::Arc::clone(&holder.plan);
        waits.queued = Some(Queued {
            not_before: None,
            by: "ada".into(),
            at: fixture::ago(1),
            order: 7,
            behind: vec![Contested { run: RunId(40), host: "web-1".into() }],
        });
        fixture::add(&mut world, waits);
        let mut console = Harness::new(world).by("ada").at(80, 24).press(":").type_str("run 42").press("enter");
        let screen = console.screen();
        assert!(screen.contains("⋯ in line") && screen.contains("#40 holds"), "{screen}");
        assert!(screen.contains("P take back") && !screen.contains("S start"), "{screen}");
        console = console.press("w");
        assert!(console.screen().contains("it begins by itself"), "{}", console.screen());
    }

    #[test]
    fn w_explains_the_row_that_is_selected_and_a_fresh_refusal_before_it() {
        let mut console = Harness::new(fixture::world()).press("3 w");
        assert!(console.screen().contains("disk-cleanup: waits"), "{}", console.screen());
        console = console.press("esc");
        console.send(crate::console::Msg::Refused(Refusal::new(Rule::NotFound, "no such thing").next("look again")));
        assert!(console.press("w").screen().contains("look again"));
    }
}
