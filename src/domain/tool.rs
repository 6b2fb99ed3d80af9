//! A program of the server's own machine, run once for the whole run under the account for local work.

use serde::{Deserialize, Serialize};

/// One program and its arguments. No shell reads them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// Which program does what.
    pub kind: ToolKind,
    /// Secrets it gets, by name.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The programs that can be run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// `kubectl` with these arguments.
    Kubectl {
        /// The arguments, each one word.
        args: Vec<String>,
    },
}

impl Tool {
    /// The word for it in files and on screen.
    pub fn word(&self) -> &'static str {
        match self.kind {
            ToolKind::Kubectl { .. } => "kubectl",
        }
    }

    /// Everything that is run, line by line: what an approver reads.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        match &self.kind {
            ToolKind::Kubectl { args } => {
                let args: Vec<String> = args.iter().map(|arg| told(arg)).collect();
                format!("kubectl {}", args.join(" "))
            }
        }
    }
}
