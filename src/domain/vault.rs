//! What a step does with a secret in Vault or OpenBao: make a new value, put one there that somebody gave, or take an old version away.
//!
//! Invariant: no value is part of a step, of its result or of the record: a new one is made by the server, written where the secret
//! lies, and read from there by whatever needs it. A version that somebody else wrote meanwhile is never written over.

use super::published::{Found, Publish};
use serde::{Deserialize, Serialize};

/// What is done with which secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VaultStep {
    /// The secret of the runbook whose place it is, by name.
    pub secret: String,
    /// What is done.
    pub does: Does,
    /// Names of the secrets it gets.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// What is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// A new value is made and written.
    Generate {
        /// Letters and digits of it.
        length: u16,
    },
    /// The value of another secret is written.
    Write {
        /// That secret's name.
        value: String,
    },
    /// The version that a step before it replaced is destroyed.
    Revoke {
        /// The published value that says which.
        version: String,
    },
}

/// The line in which a step says which version it wrote.
const VERSION: &str = "^version ([0-9]+)$";

/// The line in which it says which one that replaced; 0 where there was none.
const REPLACED: &str = "^replaced ([0-9]+)$";

/// The name under which a step publishes the version it replaced.
pub fn replaced(step: &str) -> String {
    format!("{}_replaced", step.replace('-', "_"))
}

/// What a step publishes that writes: the version it wrote, and the one it replaced.
pub fn publishes(step: &str) -> Vec<Publish> {
    let found = |name: String, line: &str| Publish { name, found: Found::Matches(line.to_owned()) };
    vec![found(format!("{}_version", step.replace('-', "_")), VERSION), found(replaced(step), REPLACED)]
}

impl VaultStep {
    /// What an approver reads. `told` fills templates where the values are known.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        let secret = &self.secret;
        match &self.does {
            Does::Generate { length } => {
                format!(
                    "makes {length} letters and digits and writes them as the secret {secret}, where it lies\nunless somebody else wrote there meanwhile"
                )
            }
            Does::Write { value } => {
                format!(
                    "writes the secret {value} as the secret {secret}, where it lies\nunless somebody else wrote there meanwhile"
                )
            }
            Does::Revoke { version } => {
                format!("destroys version {} of the secret {secret}, for good", told(&format!("{{{{ {version} }}}}")))
            }
        }
    }
}
