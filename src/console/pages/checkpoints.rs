//! The checkpoints of a run as rows: the same list before it is approved, while it is looked at, and years later.

use crate::console::glyph::{self, Mark};
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{Piece, gap, text};
use crate::domain::checkpoint::{self, Checkpoint, State};
use crate::domain::run::Run;
use crate::terminal::line::Safe;

/// Columns of a checkpoint's word.
const WORD_COLUMNS: u16 = 14;

/// What stands beside the heading: `3 of 5 · rollout · owned by team web`.
pub fn summary(run: &Run, all: &[Checkpoint]) -> Safe {
    let due = all.iter().filter(|one| one.state != State::NotDue).count();
    let done = all.iter().filter(|one| one.state == State::Done).count();
    safe!("{done} of {due} · {} · owned by {}", run.plan.proposal.purpose.words(), run.plan.runbook.owner)
}

/// The checkpoints of a run; none where its workspace is gone.
pub fn of(cx: &Cx<'_>, run: &Run) -> Vec<Checkpoint> {
    let workspace = cx.world.workspace(&run.plan.proposal.workspace);
    workspace.map(|workspace| checkpoint::of(workspace, run)).unwrap_or_default()
}

/// Mark, word, and the column where what is said begins.
pub fn head(one: &Checkpoint) -> [Piece; 4] {
    let mark = mark(one.state);
    let word = text(Role::Muted, one.point.word()).cols(WORD_COLUMNS);
    [text(mark.role, mark.glyph), gap(1), word, gap(1)]
}

/// The role of what is said.
pub fn role(one: &Checkpoint) -> Role {
    match one.state {
        State::Done => Role::Text,
        State::Open => Role::Warning,
        State::NotDue => Role::Muted,
    }
}

fn mark(state: State) -> Mark {
    match state {
        State::Done => glyph::DONE,
        State::Open => glyph::WARNING,
        State::NotDue => glyph::SKIPPED,
    }
}

/// The list as a part of a page.
pub fn parts(cx: &Cx<'_>, run: &Run) -> Vec<Part> {
    let all = of(cx, run);
    if all.is_empty() {
        return Vec::new();
    }
    let mut parts = super::heading("checkpoints", summary(run, &all)).to_vec();
    for one in &all {
        let line = head(one).into_iter().chain([text(role(one), one.words.as_str()).rest()]);
        parts.push(Part::Line(line.collect()));
    }
    parts
}
