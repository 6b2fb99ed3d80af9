//! What needs a person in a run: hosts that failed or are unknown, a step by hand, and what can be chosen.

use crate::console::facts;
use crate::console::glyph;
use crate::console::keymap::{self, Act, DecideAct, Scope};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{Piece, gap, text};
use crate::console::words;
use crate::domain::StepId;
use crate::domain::failure;
use crate::domain::once;
use crate::domain::policy;
use crate::domain::run::{CellState, Item, Phase, Run, Slot};
use crate::domain::runbook::Effect;
use crate::terminal::line::Safe;

/// Failures named before the rest is counted.
const NAMED_MAX: usize = 2;

const HOST_COLUMNS_MAX: usize = 20;
const STEP_COLUMNS_MAX: usize = 16;

/// The lines under "needs a person"; none where nothing does. Once the run has ended, what was left undecided: nothing is
/// to be chosen any more.
pub(super) fn lines(cx: &Cx<'_>, run: &Run, taken: Option<Slot>, selected: Option<Slot>) -> Vec<Vec<Piece>> {
    let waiting: Vec<Slot> = run.progress.attention.iter().copied().collect();
    let offer = offered(cx, run);
    let is_mine = offer.is_some();
    if waiting.is_empty() {
        return offer.into_iter().chain(by_hand(cx, run)).chain(warnings(run)).collect();
    }
    let open = !facts::undecided(run).is_empty();
    // What is taken or selected comes first, so that the keys below are about the line above them.
    let front = taken.or(selected).filter(|slot| waiting.contains(slot)).or(waiting.first().copied());
    let mut order: Vec<Slot> = front.into_iter().collect();
    order.extend(waiting.iter().copied().filter(|slot| Some(*slot) != front));
    let mut lines: Vec<Vec<Piece>> = offer.into_iter().collect();
    for (nth, slot) in order.iter().take(NAMED_MAX).enumerate() {
        lines.extend(failure(cx, run, *slot));
        if nth == 0 {
            lines.extend(known(run, *slot));
            let holder = run.claim.as_ref().filter(|holder| open && *holder != cx.me());
            if let Some(holder) = holder.filter(|_| !is_mine) {
                let does = match &run.offered {
                    Some(offer) => safe!(" has it and offers it to {}   ", offer.to),
                    None => Safe::new(" has it and decides   "),
                };
                lines.push(vec![
                    gap(3),
                    text(Role::Title, safe!("{holder}")),
                    text(Role::Text, does),
                    text(Role::Accent, "c"),
                    text(Role::Text, " takes it over"),
                ]);
            } else if open && holder.is_none() {
                lines.extend(choices(cx, run, *slot, taken.is_some()));
            }
        }
    }
    if order.len() > NAMED_MAX {
        let more = words::count(order.len() - NAMED_MAX, "more", "more");
        lines.push(vec![gap(3), text(Role::Muted, safe!("and {more}"))]);
    }
    lines
}

/// That somebody offers this person the run, and what they said with it.
fn offered(cx: &Cx<'_>, run: &Run) -> Option<Vec<Piece>> {
    let offer = run.offered.as_ref().filter(|offer| offer.to == *cx.me() && facts::is_at_work(run))?;
    let said = if offer.words.is_empty() { Safe::default() } else { safe!(": {}", offer.words) };
    Some(vec![
        gap(1),
        text(glyph::WARNING.role, glyph::WARNING.glyph),
        gap(1),
        text(Role::Title, safe!("{}", offer.by)),
        text(Role::Text, safe!(" offers you this run{said}")).rest(),
        gap(2),
        text(Role::Accent, "c"),
        text(Role::Text, " takes it"),
    ])
}

/// Warnings that nobody has answered for, while that is still what the run waits for.
fn warnings(run: &Run) -> Vec<Vec<Piece>> {
    match run.phase {
        Phase::Checking(_) | Phase::Waiting => {}
        Phase::Approved
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => return Vec::new(),
    }
    let open = policy::open_warnings(run);
    let more = open.len().saturating_sub(NAMED_MAX);
    let line = |(id, words): (StepId, String)| {
        vec![
            gap(1),
            text(glyph::WARNING.role, glyph::WARNING.glyph),
            gap(1),
            text(Role::Text, safe!("{id}: {words}")).rest(),
            gap(2),
            text(Role::Accent, "A"),
            text(Role::Text, " accepts"),
        ]
    };
    let mut lines: Vec<Vec<Piece>> = open.into_iter().take(NAMED_MAX).map(line).collect();
    if more > 0 {
        lines.push(vec![gap(3), text(Role::Muted, safe!("and {}", words::count(more, "more", "more")))]);
    }
    lines
}

/// Which host, which step, how it ended, how often it was tried, whether it may run again.
fn failure(cx: &Cx<'_>, run: &Run, slot: Slot) -> Vec<Vec<Piece>> {
    let (step, _, _) = run.plan.item_name(slot.item);
    let host = run.plan.place(slot);
    let mark = glyph::cell(run.state(slot));
    let mut facts: Vec<String> = Vec::new();
    if let Some(cell) = run.cell(slot) {
        let took = moment::counter(cell.since.ms_since(cell.began));
        facts.push(match &cell.state {
            CellState::Failed(reason) | CellState::Unknown(reason) | CellState::Refused(reason) => {
                format!("{} after {took}", reason.words())
            }
            CellState::Waiting => "waits".to_owned(),
            CellState::Intended | CellState::Started { .. } => {
                format!("runs for {}", moment::counter(cx.now().ms_since(cell.began)))
            }
            CellState::Ok => "ended well".to_owned(),
            CellState::Skipped => "skipped".to_owned(),
        });
        if cell.attempt > 1 {
            facts.push(format!("{} tries", cell.attempt));
        }
    }
    let mut lines = vec![vec![
        gap(1),
        text(mark.role, mark.glyph),
        gap(1),
        text(Role::Title, Safe::new(host).cut_middle(HOST_COLUMNS_MAX)),
        text(Role::Text, safe!(" · {} · {}", safe!("{step}").cut_middle(STEP_COLUMNS_MAX), facts.join(" · "))),
    ]];
    // Whether it may run again is what is decided by: where the line is full it has the next one.
    let again = again(run, slot);
    match lines.last_mut() {
        Some(line) if wide(line) + Safe::new(again).width() + 3 <= columns(cx) => {
            line.push(text(Role::Text, safe!(" · {again}")));
        }
        Some(_) | None => lines.push(vec![gap(3), text(Role::Text, again)]),
    }
    lines
}

fn wide(line: &[Piece]) -> usize {
    line.iter().map(Piece::wants).sum()
}

/// Columns the lines have: the whole width, or the left half of a wide screen.
fn columns(cx: &Cx<'_>) -> usize {
    let width = cx.areas.body.width;
    let width = if width >= super::WIDE_COLUMNS { width / 2 } else { width };
    usize::from(width.saturating_sub(2))
}

fn again(run: &Run, slot: Slot) -> &'static str {
    let effect = match slot.item {
        Item::Step(position) => run.plan.step(position).map(|step| step.effect),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => Some(Effect::Read),
    };
    match (run.state(slot), effect) {
        (CellState::Unknown(_), Some(Effect::Once)) => "may have had its effect: look first",
        (CellState::Unknown(_), _) => "its end was not seen",
        (_, Some(Effect::Once)) => "a once step: repeating needs a reason",
        (_, Some(Effect::Read | Effect::Idempotent)) => "safe to retry",
        (_, None) => "not in this plan",
    }
}

/// The last words the host said about it.
fn known(run: &Run, slot: Slot) -> Option<Vec<Piece>> {
    let saw = &run.cell(slot)?.saw;
    let last = saw.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(vec![gap(3), text(Role::ErrorText, last)])
}

/// What can be chosen about a cell.
pub(super) fn choices_of(run: &Run, slot: Slot) -> Vec<DecideAct> {
    let mut acts = vec![DecideAct::Retry];
    acts.extend((!once::is_gate(run, slot)).then_some(DecideAct::Skip));
    // A step of the whole run has no host that could leave it.
    acts.extend(slot.host.map(|_| DecideAct::Drop));
    acts.extend([DecideAct::WayBack, DecideAct::Stop]);
    if matches!(run.state(slot), CellState::Unknown(_)) {
        acts.extend([DecideAct::MarkOk, DecideAct::MarkFailed]);
    }
    acts.extend(failure::probe(run, slot).map(|_| DecideAct::Probe));
    acts
}

/// What can be chosen, over as many lines as it takes: a choice out of sight is none.
fn choices(cx: &Cx<'_>, run: &Run, slot: Slot, taken: bool) -> Vec<Vec<Piece>> {
    let acts = choices_of(run, slot);
    let mut lines = match taken {
        true => vec![vec![gap(3), text(Role::Text, "choose:")]],
        false => vec![vec![gap(3), text(Role::Accent, "c"), text(Role::Text, " take it:")]],
    };
    let room = columns(cx);
    for act in acts {
        let Some(bound) = keymap::bound(Scope::Decide, Act::Decide(act)) else {
            continue;
        };
        let key = bound.keys.first().copied().map(keymap::label).unwrap_or_default();
        let (key_role, word_role) = if taken { (Role::Accent, Role::Text) } else { (Role::Muted, Role::Muted) };
        let choice = [gap(1), text(key_role, key), gap(1), text(word_role, bound.word), gap(1)];
        match lines.last_mut() {
            Some(line) if wide(line) + wide(&choice) <= room => line.extend(choice),
            Some(_) | None => lines.push([vec![gap(2)], choice.to_vec()].concat()),
        }
    }
    lines
}

fn by_hand(cx: &Cx<'_>, run: &Run) -> Option<Vec<Piece>> {
    let (slot, cell) = facts::hand_step(run)?;
    let Item::Step(position) = slot.item else {
        return None;
    };
    let step = run.plan.step(position)?;
    let (role, checklist) = (step.action.duty(), step.action.checklist());
    let mut facts = vec![format!("waits {}", moment::counter(cx.now().ms_since(cell.since)))];
    if !checklist.is_empty() {
        facts.push(words::count(checklist.len(), "point to tick", "points to tick"));
    }
    let who = role.map(|role| format!("{role}: ")).unwrap_or_default();
    Some(vec![
        gap(1),
        text(glyph::PAUSED.role, glyph::PAUSED.glyph),
        gap(1),
        text(Role::Muted, who),
        text(Role::Title, step.title.as_str()).yields(),
        text(Role::Text, safe!(" · {}   ", facts.join(" · "))),
        text(Role::Accent, "c"),
        text(Role::Text, " take it"),
    ])
}
