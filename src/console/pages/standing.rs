//! A standing approval in full: what it lets run, on what, until when, by whose word; and the runbook it is for.

use super::{heading, labelled};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::standing::stands;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{gap, text};
use crate::domain::binding;
use crate::domain::run::Choice;
use crate::domain::standing::Standing;
use crate::terminal::line::Safe;

/// One standing approval.
pub fn parts(cx: &Cx<'_>, one: &Standing) -> Vec<Part> {
    let terms = &one.terms;
    let when = |at| moment::when(at, cx.now(), &cx.here.zone);
    let inputs: Vec<String> =
        terms.inputs.iter().map(|(name, allowed)| format!("{name}: {}", allowed.words())).collect();
    let inputs = if inputs.is_empty() { "as the runbook has them".to_owned() } else { inputs.join(", ") };
    let mut parts: Vec<Part> = [
        labelled("stands", stands(cx, one)),
        labelled("runbook", format!("{}, version {}", terms.runbook, terms.digest.short())),
        labelled("where", terms.workspace.as_str()),
        labelled("inputs", inputs),
        labelled("hosts", format!("up to {} in one run and within an hour", terms.hosts_max)),
        labelled("impact", format!("up to {}", terms.impact.word())),
        labelled("until", when(terms.until)),
        labelled("asked", format!("{} by {}: {}", when(terms.asked), terms.by, one.reason)),
        labelled("code", binding::code(&one.binding)),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.extend(heading("approvals", super::plan::quorum(Some(&terms.quorum)).as_str()));
    for vote in &one.votes {
        let (mark, word) = match vote.choice {
            Choice::Approve => (glyph::DONE, "approved"),
            Choice::Deny => (glyph::REFUSED, "denied"),
            Choice::Retract => (glyph::SKIPPED, "took the approval back"),
        };
        parts.push(Part::Line(vec![
            text(mark.role, mark.glyph),
            gap(1),
            text(Role::Title, vote.by.as_str()),
            text(Role::Muted, safe!(" {word} {}", when(vote.at))),
        ]));
        parts.push(Part::Labelled(2, Safe::default(), Role::Text, vote.reason.clone()));
    }
    let runbook = cx.world.site.as_ref().and_then(|site| site.runbooks.get(&terms.runbook));
    if let Some(runbook) = runbook.filter(|runbook| runbook.digest == terms.digest) {
        parts.extend(heading("what it runs", ""));
        parts.extend(
            runbook.source.lines().map(|line| Part::Labelled(0, Safe::default(), Role::Muted, line.to_owned())),
        );
    }
    parts
}
