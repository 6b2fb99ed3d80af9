//! Breaking glass, and what everybody sees of it.

use super::Overlay;
use super::dialog::{Dialog, Need};
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::widgets::piece::{Piece, name, text};
use crate::domain::decide::glass::Breaking;
use crate::domain::glass::{self, PHRASE};
use crate::domain::id::IncidentId;
use crate::domain::run::{Phase, Run};
use crate::domain::{Ask, Seen, binding};
use std::sync::Arc;

/// The question before it is done.
pub fn ask(cx: &Cx<'_>, run: &Run, incident: IncidentId) -> Do {
    let breaking = Breaking { run: run.id, incident, reason: String::new(), phrase: PHRASE.to_owned() };
    let title = safe!("BREAK GLASS for {} {}", run.id, run.plan.runbook.id);
    let code = binding::code(&run.binding);
    let hosts = crate::console::words::count(run.plan.hosts.len(), "host", "hosts");
    let ask = Ask::BreakGlass(Box::new(breaking));
    let dialog = Dialog::new(cx, title, "Break glass", "broke glass for", Seen::Binding(run.binding), ask)
        .says(Ink::ErrorText, format!("Nobody's approval, no window and no freeze holds it: {hosts}, for 30 minutes."))
        .says(Ink::Text, format!("For {incident}. Everybody sees it; after 5 seconds it may be started."))
        .says(Ink::Muted, "Two people who took no part review it within 24 hours; until then it stays red.")
        .field("why it cannot wait", Need::Words)
        .field(&format!("type the binding's code, {code}"), Need::Code(run.binding))
        .field(&format!("type: {PHRASE}"), Need::Word(PHRASE))
        .field("six digits of your second factor", Need::Digits);
    over(Overlay::Dialog(Box::new(dialog)))
}

/// Runs for which glass is broken and that are not signed off, of workspaces this person sees.
pub fn visible<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<Run>> {
    let me = &cx.here.me.person;
    cx.world.visible_runs(me).filter(|run| run.glass.is_some())
}

/// What it is and what it waits for: `! #42 GLASS BROKEN by grace for I3 · opens in 4 s`.
pub fn row(cx: &Cx<'_>, run: &Run) -> Vec<Piece> {
    let Some(glass) = &run.glass else { return Vec::new() };
    vec![
        text(
            Ink::ErrorText,
            safe!("! {} GLASS BROKEN by {} for {} · {}", run.id, glass.by, glass.incident, standing(cx, run)),
        ),
        name(Ink::Muted, safe!(" · {}", glass.reason)).rest(),
    ]
}

/// What a run with broken glass waits for.
pub fn standing(cx: &Cx<'_>, run: &Run) -> String {
    let Some(glass) = &run.glass else { return String::new() };
    let now = cx.now();
    if !glass.open {
        let seconds = glass.opens().ms_since(now).div_ceil(1_000);
        return format!("opens in {seconds} s, X stops it");
    }
    match &run.phase {
        Phase::Closed(_) | Phase::Ended(_) => {
            let reviews = crate::console::words::count(glass::reviews_missing(run), "review", "reviews");
            let due = glass.review_due();
            match now > due {
                true => format!("{reviews} missing, OVERDUE since {}", moment::when(due, now, &cx.here.zone)),
                false => format!("{reviews} missing, due {}", moment::when(due, now, &cx.here.zone)),
            }
        }
        _ => format!("until {}", moment::when(glass.until(), now, &cx.here.zone)),
    }
}
