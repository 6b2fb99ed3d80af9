//! States as people see them: a glyph, a word and a colour, never colour alone. The ASCII twins of the glyphs are
//! those of `terminal::line::Safe::to_ascii`, applied where text is painted.

use super::theme::Role;
use crate::domain::run::{Cancel, CellState, Ending, PauseCause, Phase, PhaseTag, Run, Verdict};
use crate::domain::runbook::Impact;
use crate::domain::workspace::Environment;

/// A state as it is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// One column wide.
    pub glyph: &'static str,
    /// One or two words.
    pub word: &'static str,
    /// Its colour's meaning.
    pub role: Role,
}

const fn mark(glyph: &'static str, word: &'static str, role: Role) -> Mark {
    Mark { glyph, word, role }
}

/// Not begun.
pub const WAITING: Mark = mark("·", "waiting", Role::Waiting);
/// At work.
pub const RUNNING: Mark = mark("◐", "running", Role::Running);
/// Ended well.
pub const DONE: Mark = mark("✔", "done", Role::Ok);
/// Ended badly, for certain.
pub const FAILED: Mark = mark("✘", "failed", Role::Failed);
/// Nobody can tell.
pub const UNKNOWN: Mark = mark("?", "unknown", Role::Unknown);
/// Left out by a person's word.
pub const SKIPPED: Mark = mark("–", "skipped", Role::Skipped);
/// Held.
pub const PAUSED: Mark = mark("‖", "paused", Role::Warning);
/// Certain not to have begun.
pub const REFUSED: Mark = mark("⊘", "refused", Role::Refused);
/// Somebody must answer for it.
pub const WARNING: Mark = mark("!", "warning", Role::Warning);
/// Points at the row the next key acts on.
pub const POINTER: &str = "▸";
/// Stands where text is folded.
pub const FOLDED: &str = "⋯";
/// Before what goes on from the line above: a long command on two rows is not two commands.
pub const GOES_ON: &str = "↳";

/// A host·step.
pub fn cell(state: &CellState) -> Mark {
    match state {
        CellState::Waiting => WAITING,
        CellState::Intended | CellState::Started { .. } => RUNNING,
        CellState::Ok => DONE,
        CellState::Failed(_) => FAILED,
        CellState::Unknown(_) => UNKNOWN,
        CellState::Skipped => SKIPPED,
        CellState::Refused(_) => REFUSED,
    }
}

/// Where a run stands.
pub fn phase(phase: &Phase) -> Mark {
    match phase {
        Phase::Checking(_) => mark("◐", "checking", Role::Running),
        Phase::Waiting => WAITING,
        Phase::Approved => mark("✔", "approved", Role::Ok),
        Phase::Running => RUNNING,
        Phase::Paused(
            PauseCause::Person(_)
            | PauseCause::Failure
            | PauseCause::NoRoom
            | PauseCause::Batch
            | PauseCause::Authority
            | PauseCause::Window,
        ) => PAUSED,
        Phase::Stopping(_) => mark("‖", "stopping", Role::Warning),
        Phase::Verifying => mark("◐", "verifying", Role::Running),
        Phase::Ended(how) | Phase::Closed(how) | Phase::Reviewed(how) => ending(*how),
        Phase::Cancelled(why) => cancel(why),
    }
}

/// Where a run stands, the line for its hosts among it.
pub fn standing(run: &Run) -> Mark {
    match &run.queued {
        Some(queued) if queued.not_before.is_some() => mark("⋯", "scheduled", Role::Ok),
        Some(_) => mark("⋯", "in line", Role::Warning),
        None => phase(&run.phase),
    }
}

/// Where a run stands, as lists know it.
pub fn phase_tag(tag: PhaseTag, how: Option<Ending>) -> Mark {
    match (tag, how) {
        (PhaseTag::Ended | PhaseTag::Closed | PhaseTag::Reviewed, Some(how)) => ending(how),
        (PhaseTag::Ended | PhaseTag::Closed | PhaseTag::Reviewed, None) => UNKNOWN,
        (PhaseTag::Checking, _) => mark("◐", "checking", Role::Running),
        (PhaseTag::Waiting, _) => WAITING,
        (PhaseTag::Approved, _) => mark("✔", "approved", Role::Ok),
        (PhaseTag::Running, _) => RUNNING,
        (PhaseTag::Paused, _) => PAUSED,
        (PhaseTag::Stopping, _) => mark("‖", "stopping", Role::Warning),
        (PhaseTag::Verifying, _) => mark("◐", "verifying", Role::Running),
        (PhaseTag::Cancelled, _) => mark("–", "cancelled", Role::Skipped),
    }
}

/// How a run ended.
pub fn ending(how: Ending) -> Mark {
    match how {
        Ending::Succeeded => mark("✔", how.word(), Role::Ok),
        Ending::Failed => mark("✘", how.word(), Role::Failed),
        Ending::Unverified => mark("?", how.word(), Role::Unknown),
        Ending::Aborted => mark("–", how.word(), Role::Warning),
        Ending::Interrupted => mark("?", how.word(), Role::Unknown),
        Ending::Stuck => mark("✘", how.word(), Role::Failed),
        Ending::Unknown => mark("?", how.word(), Role::Unknown),
    }
}

/// Why a run never ran.
pub fn cancel(why: &Cancel) -> Mark {
    match why {
        Cancel::Withdrawn => mark("–", "withdrawn", Role::Skipped),
        Cancel::Denied => mark("⊘", "denied", Role::Refused),
        Cancel::Stopped => mark("–", "stopped", Role::Skipped),
        Cancel::Expired => mark("–", "expired", Role::Skipped),
        Cancel::Void(_) => mark("⊘", "void", Role::Refused),
    }
}

/// What a check came to.
pub fn verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Pass => DONE,
        Verdict::Warn => WARNING,
        Verdict::Block => mark("⊘", "blocks", Role::Refused),
    }
}

/// How close to customers a workspace is: the glyph, the short word for lists, the colour.
pub fn environment(environment: Environment) -> Mark {
    match environment {
        Environment::Production => mark("■", "PROD", Role::Production),
        Environment::Staging => mark("□", "STAGING", Role::Staging),
        Environment::Lab => mark("□", "LAB", Role::Lab),
    }
}

/// How much harm a run can do.
pub fn impact(impact: Impact) -> Mark {
    match impact {
        Impact::Low => mark("", "low", Role::Muted),
        Impact::Medium => mark("", "medium", Role::Text),
        Impact::High => mark("", "HIGH", Role::Warning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::line::Safe;

    #[test]
    fn ascii_twins_are_those_of_the_screens_page() {
        let twin = |mark: Mark| Safe::new(mark.glyph).to_ascii().to_string();
        let marks = [WAITING, RUNNING, DONE, FAILED, UNKNOWN, SKIPPED, PAUSED, REFUSED];
        assert_eq!(marks.map(twin).concat(), ".>+x?-=#");
    }

    #[test]
    fn every_glyph_is_one_column() {
        for mark in [WAITING, RUNNING, DONE, FAILED, UNKNOWN, SKIPPED, PAUSED, REFUSED, WARNING] {
            assert_eq!(Safe::new(mark.glyph).width(), 1, "{mark:?}");
        }
        for ending_ in Ending::ALL {
            assert_eq!(Safe::new(ending(ending_).glyph).width(), 1);
        }
    }
}
