//! What somebody should look at once a week: what was let pass, left out, or is due for too long. Each has an id that stays, so
//! that looking at it can be recorded and it can become a follow-up.

use super::follow_up::FollowUpId;
use super::id::{PersonId, RunId, RunbookId, StepId};
use super::people::Role;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of them, inside a workspace. Its id is its kind and what it is about: `warning:42:freshness`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// A run that went round approval or window, as only an emergency may.
    Emergency(RunId),
    /// Somebody answered for a warning.
    Warning(RunId, StepId),
    /// A run took more than the baseline.
    Tags(RunId),
    /// A run is over and nobody has written what came of it.
    NoNote(RunId),
    /// A run was not signed off in time.
    NoReview(RunId),
    /// A follow-up whose day is over.
    FollowUp(FollowUpId),
    /// A runbook whose review date is over.
    Stale(RunbookId),
    /// A role that its holder has not used for long.
    Unused(PersonId, Role),
}

impl Deviation {
    /// The word its id begins with.
    pub fn kind(&self) -> &'static str {
        match self {
            Deviation::Emergency(_) => "emergency",
            Deviation::Warning(..) => "warning",
            Deviation::Tags(_) => "tags",
            Deviation::NoNote(_) => "note",
            Deviation::NoReview(_) => "review",
            Deviation::FollowUp(_) => "follow-up",
            Deviation::Stale(_) => "stale",
            Deviation::Unused(..) => "unused",
        }
    }

    /// The run it is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Deviation::Emergency(run)
            | Deviation::Warning(run, _)
            | Deviation::Tags(run)
            | Deviation::NoNote(run)
            | Deviation::NoReview(run) => Some(*run),
            Deviation::FollowUp(_) | Deviation::Stale(_) | Deviation::Unused(..) => None,
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            Deviation::Emergency(run) | Deviation::Tags(run) | Deviation::NoNote(run) | Deviation::NoReview(run) => {
                write!(f, "{}", run.0)
            }
            Deviation::Warning(run, warning) => write!(f, "{}:{warning}", run.0),
            Deviation::FollowUp(id) => write!(f, "{id}"),
            Deviation::Stale(runbook) => write!(f, "{runbook}"),
            Deviation::Unused(person, role) => write!(f, "{person}:{}", role.word()),
        }
    }
}

/// A text that names no deviation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a deviation is named as `quarterdeck deviations list` shows it, such as warning:42:freshness")]
pub struct NoDeviation;

impl FromStr for Deviation {
    type Err = NoDeviation;

    fn from_str(text: &str) -> Result<Self, NoDeviation> {
        let (kind, what) = text.split_once(':').filter(|(_, what)| !what.is_empty()).ok_or(NoDeviation)?;
        let run = |text: &str| text.parse::<RunId>().map_err(|_| NoDeviation);
        Ok(match kind {
            "emergency" => Deviation::Emergency(run(what)?),
            "tags" => Deviation::Tags(run(what)?),
            "note" => Deviation::NoNote(run(what)?),
            "review" => Deviation::NoReview(run(what)?),
            "follow-up" => Deviation::FollowUp(what.parse().map_err(|_| NoDeviation)?),
            "stale" => Deviation::Stale(RunbookId::new(what)),
            "warning" => {
                let (of, warning) = what.split_once(':').filter(|(_, id)| !id.is_empty()).ok_or(NoDeviation)?;
                Deviation::Warning(run(of)?, StepId::new(warning))
            }
            "unused" => {
                let (person, role) = what.split_once(':').ok_or(NoDeviation)?;
                Deviation::Unused(PersonId::new(person), Role::parse(role).ok_or(NoDeviation)?)
            }
            _ => return Err(NoDeviation),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let all = [
            Deviation::Emergency(RunId(1)),
            Deviation::Warning(RunId(42), "base/freshness".into()),
            Deviation::Tags(RunId(2)),
            Deviation::NoNote(RunId(3)),
            Deviation::NoReview(RunId(4)),
            Deviation::FollowUp(FollowUpId(7)),
            Deviation::Stale("restart".into()),
            Deviation::Unused("ada".into(), Role::Operator),
        ];
        for one in all {
            assert_eq!(one.to_string().parse(), Ok(one.clone()), "{one}");
        }
        for wrong in
            ["", "note", "note:", "note:x", "warning:1", "warning:1:", "unused:ada", "unused:ada:king", "else:1"]
        {
            assert_eq!(wrong.parse::<Deviation>(), Err(NoDeviation), "{wrong}");
        }
    }
}
