//! Going back to a run that has ended: all of it once more, its failed hosts, the rest, or the way back. Of what nobody saw the end
//! of a person says first what became of it, one question at a time.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice as Pick, Item as Row, Menu};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::words;
use crate::domain::again;
use crate::domain::plan::{Again, How, Proposal, Settled, Unsure};
use crate::domain::run::{Phase, Run, Slot};
use crate::domain::{Ask, Seen};
use crate::terminal::line::Safe;

fn row(label: &str, detail: &str, choice: Pick) -> Row {
    Row { label: Safe::new(label), detail: Safe::new(detail), mark: None, choice }
}

/// What can be done with a run that has ended.
pub fn menu(run: &Run) -> Do {
    if !matches!(run.phase, Phase::Ended(_) | Phase::Closed(_)) {
        return Do::Say(format!("{} {}: it has not come to an end", run.id, words::phase(&run.phase)));
    }
    let rows = vec![
        row("undo what ran", "each step's undo, last first, where it ran", Pick::Back(How::Rollback)),
        row("the rest of it", "what is done stands, the rest runs", Pick::Back(How::Resume)),
        row("the failed hosts", "once more where it did not end well", Pick::Back(How::Failed)),
        row("all of it", "once more on every host, as it was", Pick::Back(How::Rerun)),
    ];
    over(Overlay::Menu(Menu::new(safe!("back to {} …", run.id), rows)))
}

/// The next thing to ask: what became of a step, or why it is wanted at all.
pub fn next(cx: &Cx<'_>, run: &Run, how: How, settled: &[Settled]) -> Do {
    let open = match how {
        How::Resume => again::unsure(run),
        How::Rerun | How::Failed | How::Rollback => Vec::new(),
    };
    match open.get(settled.len()) {
        Some(slot) => over(Overlay::Menu(what_became(run, *slot))),
        None => over(Overlay::Dialog(Box::new(dialog(cx, run, how, settled)))),
    }
}

/// What was chosen, as a word about the step that was asked about.
pub fn said(run: &Run, settled: &[Settled], became: Unsure) -> Option<Settled> {
    let slot = *again::unsure(run).get(settled.len())?;
    let host = slot.host.and_then(|host| run.plan.host(host)).map(|host| host.name.clone());
    Some(Settled { host, step: run.plan.item_name(slot.item).0, became, reason: String::new() })
}

fn what_became(run: &Run, slot: Slot) -> Menu {
    let (step, _, _) = run.plan.item_name(slot.item);
    let host = slot.host.and_then(|ix| run.plan.host(ix)).map_or("the run".to_owned(), |host| host.name.to_string());
    let rows = vec![
        row("it is done", "seen on the host: it ended well", Pick::Became(Unsure::Done)),
        row("run it again", "it may have had its effect already", Pick::Became(Unsure::Again)),
        row("go on without it", "the host goes on with the next step", Pick::Became(Unsure::Skip)),
        row("it failed", "the host is left out", Pick::Became(Unsure::Failed)),
    ];
    Menu::new(safe!("{host} · {step}: how did it end?"), rows)
}

fn dialog(cx: &Cx<'_>, run: &Run, how: How, settled: &[Settled]) -> Dialog {
    let (title, says) = match how {
        How::Rerun => ("all of it once more", "All of it runs once more, as it was."),
        How::Failed => ("the failed hosts", "All of it runs once more on the hosts that did not end well."),
        How::Resume => ("the rest of it", "What is done stands; the rest runs."),
        How::Rollback => ("undo what ran", "Each step that ran is undone, last first, on the hosts where it ran."),
    };
    let again = Again { run: run.id, how, settled: settled.to_vec() };
    let ask = Ask::Propose(Box::new(Proposal::going_back(run, again, "")));
    let label = if settled.is_empty() { "why" } else { "why, and how you know what became of each" };
    Dialog::new(cx, safe!("{title} · {}", run.id), "Propose", "proposed", Seen::Nothing, ask)
        .says(Role::Text, says)
        .says(Role::Muted, "It becomes a run of its own: checked, approved and started like any other.")
        .field(label, Need::Words)
}
