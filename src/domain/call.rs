//! A question or an order to another system over HTTP, made once for the whole run.

use super::runbook::Expect;
use serde::{Deserialize, Serialize};

/// One request, and what its answer must look like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Which system is asked for what.
    pub kind: CallKind,
    /// Secrets it gets, by name.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
    /// What the answer must look like.
    pub expect: Expect,
}

/// The systems that can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Any request.
    Http {
        /// `GET`, `POST`, …
        method: String,
        /// Where to; a template over the inputs.
        url: String,
        /// Names and values; templates over the inputs.
        headers: Vec<(String, String)>,
        /// What is sent along; a template over the inputs.
        body: Option<String>,
    },
}

impl Call {
    /// The word for it in files and on screen.
    pub fn word(&self) -> &'static str {
        match self.kind {
            CallKind::Http { .. } => "http",
        }
    }

    /// Everything that is asked, line by line: what an approver reads.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        match &self.kind {
            CallKind::Http { method, url, headers, body } => {
                let mut lines = vec![format!("{method} {}", told(url))];
                lines.extend(headers.iter().map(|(name, value)| format!("{name}: {}", told(value))));
                lines.extend(body.iter().map(|body| told(body)));
                lines.join("\n")
            }
        }
    }
}
