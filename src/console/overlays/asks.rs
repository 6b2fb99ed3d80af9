//! The questions asked before each act on a run. One place, so that the same act asks the same wherever it is begun.
//!
//! What is safe and can be undone (pause) asks nothing; what ends or sends something says what it will do; in
//! production it also wants a word typed.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice as Pick, Item as Row, Menu};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::words;
use crate::domain::locks;
use crate::domain::once;
use crate::domain::policy;
use crate::domain::run::{CellState, Choice, Ending, PauseCause, Phase, Round, Run, Slot, StopHow};
use crate::domain::runbook::{Action, Effect, Impact};
use crate::domain::workspace::Environment;
use crate::domain::{Ask, Decision, PersonId, Seen, StepId, Timestamp, binding};
use crate::terminal::line::Safe;

/// Approve or deny exactly this plan.
pub fn vote(cx: &Cx<'_>, run: &Run, choice: Choice) -> Do {
    let plan = &run.plan;
    let hosts = words::count(plan.hosts.len(), "host", "hosts");
    let (title, verb, said) = match choice {
        Choice::Approve => ("approve", "Approve", "approved"),
        Choice::Deny => ("deny", "Deny", "denied"),
        Choice::Retract => ("take back the approval of", "Take back", "took back the approval of"),
    };
    let ask = Ask::Vote { run: run.id, choice, reason: String::new() };
    let title = safe!("{title} {} {}", run.id, plan.runbook.id);
    let mut dialog = Dialog::new(cx, title, verb, said, Seen::Binding(run.binding), ask).says(
        Role::Text,
        format!("{} · {hosts} · {} · asked by {}", plan.proposal.workspace, plan.impact.word(), plan.requester),
    );
    dialog = match choice {
        Choice::Approve => dialog
            .says(Role::Muted, "Bound to exactly this plan, good for one run. Whatever changes voids it.")
            .field("why you approve", Need::Words),
        Choice::Deny => dialog
            .says(Role::Muted, "The request ends here; it can be proposed anew.")
            .field("why you deny", Need::Words),
        Choice::Retract => dialog
            .says(Role::Muted, "It has not started: without your word it waits again.")
            .field("why you take it back", Need::Words),
    };
    if choice == Choice::Approve && plan.impact == Impact::High {
        let code = binding::code(&run.binding);
        dialog = dialog.field(&format!("high impact: type the binding's code, {code}"), Need::Code(run.binding));
    }
    if choice == Choice::Approve {
        dialog = backed(dialog, run);
    }
    over(Overlay::Dialog(Box::new(dialog)))
}

/// What the approver's workspace asks for beside a name: digits of a second factor, a signature.
fn backed(dialog: Dialog, run: &Run) -> Dialog {
    let demands = run.plan.demands;
    let dialog = match demands.signature {
        true => {
            dialog.says(Role::Muted, "Your own SSH key signs it, by the agent where you started the console.").signed()
        }
        false => dialog,
    };
    match demands.factor {
        true => dialog.field("six digits of your second factor", Need::Digits),
        false => dialog,
    }
}

/// Answer for a warning; where several are open, choose one first.
pub fn accept(cx: &Cx<'_>, run: &Run) -> Do {
    let open = policy::open_warnings(run);
    match open.as_slice() {
        [] => Do::Say("no warning is open".to_owned()),
        [(id, text)] => accept_one(cx, run, id, text),
        _ => {
            let rows = open.into_iter().map(|(id, text)| Row {
                label: safe!("{id}"),
                detail: Safe::new(text),
                mark: None,
                choice: Pick::Accept(id),
            });
            over(Overlay::Menu(Menu::new("which warning?", rows.collect())))
        }
    }
}

/// Answer for this warning.
pub fn accept_id(cx: &Cx<'_>, run: &Run, id: &StepId) -> Do {
    let text = policy::warnings(run).into_iter().find(|(known, _)| known == id).map(|(_, text)| text);
    accept_one(cx, run, id, &text.unwrap_or_default())
}

fn accept_one(cx: &Cx<'_>, run: &Run, id: &StepId, text: &str) -> Do {
    let ask = Ask::AcceptWarning { run: run.id, warning: id.clone(), reason: String::new() };
    let dialog = Dialog::new(cx, safe!("answer for {id}"), "Accept", "accepted a warning of", Seen::Nothing, ask)
        .says(Role::Warning, format!("! {text}"))
        .says(Role::Muted, "Your name and reason stay with the run.")
        .field("why it is acceptable", Need::Words);
    over(Overlay::Dialog(Box::new(dialog)))
}

const USES_APPROVAL: &str = "The checks run again first; the approval is used up by the start.";

/// Start an approved run.
pub fn start(cx: &Cx<'_>, run: &Run) -> Do {
    let plan = &run.plan;
    let ask = Ask::Start { run: run.id };
    let (hosts, batches) =
        (words::count(plan.hosts.len(), "host", "hosts"), words::count(plan.batches.len(), "batch", "batches"));
    let title = safe!("start {} {}", run.id, plan.runbook.id);
    let dialog = Dialog::new(cx, title, "Start", "starting", Seen::Revision(run.revision), ask)
        .says(
            Role::Text,
            format!("{} on {hosts} in {batches}, as you.", words::count(plan.steps.len(), "step", "steps")),
        )
        .says(Role::Muted, if plan.quorum.is_some() { USES_APPROVAL } else { "The checks run again first." });
    let dialog = match locks::line(cx.world, run) {
        None => dialog,
        Some(line) => dialog.says(Role::Warning, format!("{}. It begins by itself when its turn comes.", line.words())),
    };
    over(Overlay::Dialog(Box::new(meant(dialog, plan.environment, "start"))))
}

/// The `prompt:` secrets of a run: name, and what a person is asked for.
pub fn prompts(run: &Run) -> Vec<(&str, &str)> {
    let words = run.plan.secrets.iter().map(|secret| (secret.name.as_str(), secret.reference.strip_prefix("prompt:")));
    words.filter_map(|(name, words)| Some((name, words?.trim()))).collect()
}

/// Type the value of a `prompt:` secret.
pub fn secret(cx: &Cx<'_>, run: &Run, name: &str) -> Do {
    let words = prompts(run).into_iter().find(|(known, _)| *known == name).map_or("", |(_, words)| words);
    over(Overlay::Dialog(Box::new(Dialog::secret(cx, run.id, name, words))))
}

/// Have an approved run begin at a moment ahead.
pub fn schedule(cx: &Cx<'_>, run: &Run, at: Timestamp) -> Do {
    if run.phase != Phase::Approved || run.queued.is_some() {
        return Do::Say(format!("{} {}: nothing to schedule", run.id, words::standing(run)));
    }
    let ask = Ask::Schedule { run: run.id, at };
    let when = moment::when(at, cx.now(), &cx.here.zone);
    let title = safe!("start {} {when}", run.id);
    let dialog = Dialog::new(cx, title, "Schedule", "scheduled", Seen::Nothing, ask)
        .says(Role::Text, format!("It begins {when} by itself, for you, if everything still holds then."))
        .says(Role::Muted, "P takes it back until then.");
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Let no step start for now, or go on.
pub fn pause(cx: &Cx<'_>, run: &Run) -> Do {
    match &run.phase {
        Phase::Running => Do::Submit { seen: Seen::Nothing, ask: Ask::Pause { run: run.id }, said: "paused" },
        Phase::Approved if run.queued.is_some() => {
            Do::Submit { seen: Seen::Nothing, ask: Ask::Pause { run: run.id }, said: "start taken back:" }
        }
        Phase::Paused(cause) => {
            let ask = Ask::Continue { run: run.id };
            let title = safe!("continue {}", run.id);
            let goes_on = match cause {
                PauseCause::Batch => "The next batch begins.",
                PauseCause::Person(_)
                | PauseCause::Failure
                | PauseCause::NoRoom
                | PauseCause::Window
                | PauseCause::Authority => "Steps start again where they stopped.",
            };
            let dialog =
                Dialog::new(cx, title, "Continue", "going on with", Seen::Nothing, ask).says(Role::Text, goes_on);
            over(Overlay::Dialog(Box::new(dialog)))
        }
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => Do::Say(format!("{} {}: nothing to pause", run.id, words::phase(&run.phase))),
    }
}

/// The ways to stop a run now.
pub fn stop_menu(run: &Run) -> Do {
    let row = |how: StopHow, label: &str, detail: &str| Row {
        label: Safe::new(label),
        detail: Safe::new(detail),
        mark: None,
        choice: Pick::Stop(how),
    };
    let now = row(StopHow::Now, "abort now", "what runs is ended, and seen to have ended");
    let rows = match run.phase {
        Phase::Running | Phase::Paused(_) => vec![
            row(StopHow::AfterStep, "after this step", "hosts at work end the step they are in"),
            row(StopHow::AfterBatch, "after this batch", "the batch at work ends, no other starts"),
            row(StopHow::WayBack, "stop and undo", "hosts end their step; undoing what ran is proposed"),
            now,
        ],
        Phase::Verifying | Phase::Stopping(_) => vec![now],
        Phase::Checking(Round::Start) => {
            vec![row(StopHow::Now, "stop", "the request ends before its first step; nothing has run")]
        }
        Phase::Waiting | Phase::Approved if run.glass.is_some() => {
            vec![row(StopHow::Now, "stop", "glass stays shut: the request ends, nothing has run")]
        }
        Phase::Checking(Round::Proposal) | Phase::Waiting | Phase::Approved => vec![Row {
            label: Safe::new("withdraw"),
            detail: Safe::new("the request ends; nothing has run"),
            mark: None,
            choice: Pick::Withdraw,
        }],
        Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => {
            return Do::Say(format!("{} {}: nothing to stop", run.id, words::phase(&run.phase)));
        }
    };
    over(Overlay::Menu(Menu::new(safe!("stop {} …", run.id), rows)))
}

/// Stop in this way.
pub fn stop(cx: &Cx<'_>, run: &Run, how: StopHow) -> Do {
    let ask = Ask::Stop { run: run.id, how, reason: String::new() };
    let dialog = Dialog::new(cx, safe!("stop {}", run.id), "Stop", "stopping", Seen::Nothing, ask)
        .says(Role::Warning, format!("! {}; nothing new starts.", words::stop(how)))
        .field("why", Need::Words);
    let dialog = if how == StopHow::Now { meant(dialog, run.plan.environment, "abort") } else { dialog };
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Take a proposal back.
pub fn withdraw(cx: &Cx<'_>, run: &Run) -> Do {
    let ask = Ask::Withdraw { run: run.id };
    let title = safe!("withdraw {}", run.id);
    let dialog = Dialog::new(cx, title, "Withdraw", "withdrew", Seen::Revision(run.revision), ask)
        .says(Role::Text, "The request ends here. Nothing has run.");
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Take a run: at once where nobody has it, with a reason where somebody does. Nothing to ask where it is one's own.
pub fn claim(cx: &Cx<'_>, run: &Run) -> Option<Do> {
    match &run.claim {
        Some(holder) if holder == cx.me() => None,
        holder if holder.is_none() || is_offered(run, cx.me()) => {
            let ask = Ask::Claim { run: run.id, reason: String::new() };
            Some(Do::Submit { seen: Seen::Nothing, ask, said: "you have" })
        }
        None => None,
        Some(holder) => {
            let ask = Ask::Claim { run: run.id, reason: String::new() };
            let title = safe!("take {} over", run.id);
            let dialog = Dialog::new(cx, title, "Take over", "you have", Seen::Nothing, ask)
                .says(Role::Warning, format!("! {holder} has it and decides about what failed."))
                .field("why you take it over", Need::Words);
            Some(over(Overlay::Dialog(Box::new(dialog))))
        }
    }
}

/// Whether a run is offered to this person: taking it needs no reason.
pub fn is_offered(run: &Run, person: &PersonId) -> bool {
    run.offered.as_ref().is_some_and(|offer| offer.to == *person)
}

/// Give a run to somebody.
pub fn hand_over(cx: &Cx<'_>, run: &Run, to: &PersonId) -> Do {
    let ask = Ask::HandOver { run: run.id, to: to.clone(), reason: String::new() };
    let dialog = Dialog::new(cx, safe!("hand {} over to {to}", run.id), "Offer", "offered", Seen::Nothing, ask)
        .says(Role::Text, format!("It stays yours until {to} takes it."))
        .field("what they should know", Need::MayWords);
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Decide what becomes of a cell that failed or is unknown.
pub fn resolve(cx: &Cx<'_>, run: &Run, slot: Slot, decision: Decision) -> Do {
    let (step, _, _) = run.plan.item_name(slot.item);
    let host = run.plan.place(slot);
    let seen = Seen::Attempt(run.cell(slot).map_or(0, |cell| cell.attempt));
    let ask = Ask::Resolve { run: run.id, slot, decision, reason: String::new() };
    let unknown = matches!(run.state(slot), CellState::Unknown(_));
    let once = match slot.item {
        crate::domain::run::Item::Step(position) => run.plan.step(position).is_some_and(|s| s.effect == Effect::Once),
        crate::domain::run::Item::Reach
        | crate::domain::run::Item::Preflight(_)
        | crate::domain::run::Item::Verify(_) => false,
    };
    let (verb, said, says) = match decision {
        Decision::Retry if !once && !unknown => {
            return Do::Submit { seen, ask, said: "retrying on" };
        }
        Decision::Probe => return Do::Submit { seen, ask, said: "looking on" },
        Decision::Retry => ("Retry", "retrying on", "It may have had its effect already. It runs once more."),
        Decision::Skip => ("Skip", "skipped on", "This host goes on with the next step."),
        Decision::Drop => ("Drop", "dropped a host from", "The host leaves the run as it is; the others go on."),
        Decision::MarkOk => ("Mark done", "marked done on", "You have seen on the host that it ended well."),
        Decision::MarkFailed => {
            ("Mark failed", "marked failed on", "You have seen that it failed; the host leaves the run.")
        }
    };
    let mut dialog = Dialog::new(cx, safe!("{verb}: {host} · {step}"), verb, said, seen, ask).says(Role::Text, says);
    if unknown {
        dialog = dialog.says(Role::Unknown, "? Nobody can tell how it ended. Look on the host first.");
    }
    if once && decision == Decision::Retry {
        dialog = dialog.says(Role::Warning, "! A once step: running it twice is not known to be safe.");
    }
    over(Overlay::Dialog(Box::new(dialog.field("why", Need::Words))))
}

/// The answers to a gate.
fn gate_menu(run: &Run, title: &str, is_said: bool) -> Do {
    let row = |choice: Choice, label: &str, detail: &str| Row {
        label: Safe::new(label),
        detail: Safe::new(detail),
        mark: None,
        choice: Pick::Answer(choice),
    };
    let mut rows = vec![
        row(Choice::Approve, "let it go on", "your name and reason stay with the run"),
        row(Choice::Deny, "say no", "the run waits here for a decision"),
    ];
    if is_said {
        rows.push(row(Choice::Retract, "take the yes back", "as if you had not answered yet"));
    }
    over(Overlay::Menu(Menu::new(safe!("{} · {title}", run.id), rows)))
}

/// Answer the gate a run has come to.
pub fn answer(cx: &Cx<'_>, run: &Run, choice: Choice) -> Do {
    let Some((position, gate)) = once::open_gate(run) else {
        return Do::Say(format!("{} waits for nobody's word now", run.id));
    };
    let (verb, said, why) = match choice {
        Choice::Approve => ("Let it go on", "let go on", "why it may go on"),
        Choice::Deny => ("Say no", "said no to", "why not"),
        Choice::Retract => ("Take back", "took back the yes to", "why you take it back"),
    };
    let ask = Ask::Vote { run: run.id, choice, reason: String::new() };
    let title = safe!("{} · {}", run.id, run.plan.item_name(once::slot(position).item).1);
    let mut dialog = Dialog::new(cx, title, verb, said, Seen::Binding(run.binding), ask)
        .says(Role::Text, run.told(position, &gate.text))
        .says(Role::Muted, format!("It asks {}.", gate.who()))
        .field(why, Need::Words);
    if choice == Choice::Approve && run.plan.impact == Impact::High {
        let code = binding::code(&run.binding);
        dialog = dialog.field(&format!("high impact: type the binding's code, {code}"), Need::Code(run.binding));
    }
    if choice == Choice::Approve {
        dialog = backed(dialog, run);
    }
    over(Overlay::Dialog(Box::new(dialog)))
}

/// What a step asks of a person: what to do, points to tick, evidence to give; or a word.
pub fn by_hand(cx: &Cx<'_>, run: &Run, slot: Slot) -> Option<Do> {
    let crate::domain::run::Item::Step(position) = slot.item else {
        return None;
    };
    let step = run.plan.step(position)?;
    if let Action::Approval(_) = &step.action {
        return Some(gate_menu(run, &step.title, policy::has_let_on(run, slot, cx.me())));
    }
    let Action::Manual { text, checklist, evidence, .. } = &step.action else {
        return None;
    };
    let ask = Ask::Tick { run: run.id, step: step.id.clone(), checked: Vec::new(), evidence: String::new() };
    let seen = Seen::Attempt(run.cell(slot).map_or(0, |cell| cell.attempt));
    let mut dialog = Dialog::new(cx, safe!("{} · {}", run.id, step.title), "Done", "ticked off a step of", seen, ask)
        .says(Role::Text, run.told(position, text));
    for (number, point) in (0u16..).zip(checklist) {
        dialog = dialog.tick(point, number);
    }
    // A file shows it as well as words do.
    let asks = *evidence && !run.evidence.iter().any(|given| given.slot.item == slot.item);
    let need = if asks { Need::Words } else { Need::MayWords };
    let label = if asks { "what shows it" } else { "what shows it (may stay empty)" };
    Some(over(Overlay::Dialog(Box::new(dialog.field(label, need)))))
}

/// Write the outcome note.
pub fn close(cx: &Cx<'_>, run: &Run) -> Do {
    let Phase::Ended(how) = run.phase else {
        return Do::Say(format!("{} {}: the outcome note comes at the end", run.id, words::phase(&run.phase)));
    };
    let ask = Ask::Close { run: run.id, note: String::new() };
    let dialog = Dialog::new(cx, safe!("outcome of {}", run.id), "Close", "closed", Seen::Nothing, ask)
        .says(Role::Text, format!("It {}. What came of it, and what is left to do?", words::ending(how)));
    let dialog = match how {
        Ending::Unverified => dialog
            .says(Role::Warning, "Nothing verified it, and the note has to say so.")
            .field_with("outcome", Need::Words, "Not verified: "),
        Ending::Succeeded
        | Ending::Failed
        | Ending::Aborted
        | Ending::Interrupted
        | Ending::Stuck
        | Ending::Unknown => dialog.field("outcome", Need::Words),
    };
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Sign off.
pub fn review(cx: &Cx<'_>, run: &Run) -> Do {
    let Phase::Closed(how) = run.phase else {
        return Do::Say(format!("{} {}: a review comes after the outcome note", run.id, words::phase(&run.phase)));
    };
    // Nobody words a review that would be refused.
    let workspace = cx.world.workspace(&run.plan.proposal.workspace);
    if let Some(refusal) = workspace.and_then(|workspace| policy::refuses_review(workspace, run, cx.me())) {
        return Do::Refuse(refusal);
    }
    let ask = Ask::Review { run: run.id, comment: String::new(), follow_ups: Vec::new() };
    let mut dialog = Dialog::new(cx, safe!("review {}", run.id), "Sign off", "reviewed", Seen::Nothing, ask)
        .says(Role::Text, format!("It {}.", words::ending(how)));
    if let Some(note) = &run.outcome_note {
        let when = moment::when(note.at, cx.now(), &cx.here.zone);
        dialog = dialog.says(Role::Muted, format!("{} {when}: {}", note.by, note.text));
    }
    let dialog = dialog
        .field("your words", Need::Words)
        .field("follow-ups, OWNER:DUE:TEXT; with ; between (may stay empty)", Need::MayFollowUps(cx.now()));
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Production wants the act's own word typed.
fn meant(dialog: Dialog, environment: Environment, word: &'static str) -> Dialog {
    match environment {
        Environment::Production => dialog.field(&format!("production: type {word}"), Need::Word(word)),
        Environment::Staging | Environment::Lab => dialog,
    }
}
