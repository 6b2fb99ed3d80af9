//! An application of Argo CD, synchronised or taken back (its API, `/api/v1/applications/NAME`).
//!
//! Invariant: an operation is begun once and looked at until it is over; whether it was ours is told by the time it began.

use crate::domain::published::{Found, Publish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is done with the application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argo {
    /// It is brought to a revision; to the newest it follows where none is written.
    Sync {
        /// A template.
        revision: Option<String>,
        /// Whether what the revision no longer has is taken away.
        prune: bool,
    },
    /// It is taken back to what a step before it replaced.
    Rollback {
        /// The published value that says which entry of its history that is.
        replaced: String,
    },
}

/// The line in which a step says what it brought the application to.
const REVISION: &str = "^revision (.+)$";

/// The line in which it says which entry of the history that replaced; `none` where there was none.
const REPLACED: &str = "^replaced ([0-9]+|none)$";

/// The name under which a step publishes the entry it replaced.
pub fn replaced(step: &str) -> String {
    format!("{}_replaced", step.replace('-', "_"))
}

/// What a step publishes that synchronises.
pub fn publishes(step: &str) -> Vec<Publish> {
    let found = |name: String, line: &str| Publish { name, found: Found::Matches(line.to_owned()) };
    vec![found(format!("{}_revision", step.replace('-', "_")), REVISION), found(replaced(step), REPLACED)]
}

/// An application as it answers for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Application {
    /// When its last operation began; empty where it had none.
    pub began: String,
    /// How that stands: `Running`, `Terminating`, `Succeeded`, `Failed`, `Error`.
    pub phase: String,
    /// What it says about it.
    pub message: String,
    /// How its resources are: `Healthy`, `Progressing`, `Degraded`, …
    pub health: String,
    /// The revision it is at.
    pub revision: String,
    /// The newest entry of its history.
    pub newest: Option<u64>,
    /// Whether an operation is waiting to begin.
    pub pending: bool,
}

impl Application {
    /// Reads an answer.
    ///
    /// # Errors
    /// It is no application.
    pub fn read(body: &str) -> Result<Self, String> {
        let root: Value = serde_json::from_str(body).map_err(|_| "the answer is no JSON".to_owned())?;
        let text = |path: &str| root.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        if root.pointer("/metadata/name").is_none() {
            return Err("the answer is no application".to_owned());
        }
        let history = root.pointer("/status/history").and_then(Value::as_array);
        Ok(Self {
            began: text("/status/operationState/startedAt"),
            phase: text("/status/operationState/phase"),
            message: text("/status/operationState/message"),
            health: text("/status/health/status"),
            revision: text("/status/sync/revision"),
            newest: history.and_then(|all| all.iter().filter_map(|one| one.get("id")?.as_u64()).max()),
            pending: root.get("operation").is_some_and(|operation| !operation.is_null()),
        })
    }

    /// What an operation has come to that was begun after `before` was seen.
    pub fn since(&self, before: &Application) -> Standing {
        if self.pending || self.began == before.began {
            return Standing::Working("it has not begun".to_owned());
        }
        match self.phase.as_str() {
            "Succeeded" if self.health == "Healthy" => Standing::Done,
            "Succeeded" => Standing::Working(format!("done; its resources are {}", self.health)),
            "Failed" | "Error" => Standing::Failed(format!("{}: {}", self.phase, self.message)),
            other => Standing::Working(format!("{other}: {}", self.message)),
        }
    }
}

/// How an operation stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is over, and what it changed is healthy.
    Done,
    /// It goes on, or what it changed is not healthy yet; in words.
    Working(String),
    /// It has failed; in words.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(began: &str, phase: &str, health: &str) -> Application {
        let body = serde_json::json!({
            "metadata": {"name": "web"},
            "status": {
                "operationState": {"startedAt": began, "phase": phase, "message": "m"},
                "health": {"status": health}, "sync": {"revision": "abc"},
                "history": [{"id": 3}, {"id": 5}, {"id": 4}],
            },
        });
        Application::read(&body.to_string()).unwrap()
    }

    #[test]
    fn an_operation_is_ours_where_it_began_after_we_asked_and_done_where_its_resources_are_healthy() {
        let before = app("t1", "Succeeded", "Healthy");
        assert_eq!(before.newest, Some(5));
        assert!(matches!(app("t1", "Succeeded", "Healthy").since(&before), Standing::Working(_)), "the one before");
        assert!(matches!(app("t2", "Running", "Healthy").since(&before), Standing::Working(_)));
        assert!(matches!(app("t2", "Succeeded", "Progressing").since(&before), Standing::Working(_)));
        assert_eq!(app("t2", "Succeeded", "Healthy").since(&before), Standing::Done);
        assert_eq!(app("t2", "Failed", "Healthy").since(&before), Standing::Failed("Failed: m".to_owned()));
        let mut waiting = app("t2", "Succeeded", "Healthy");
        waiting.pending = true;
        assert!(matches!(waiting.since(&before), Standing::Working(_)));
        assert!(Application::read("[]").is_err() && Application::read("<html>").is_err());
    }
}
