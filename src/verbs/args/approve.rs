//! What one says of people and of what shows that it is them: second factors, approvals that are more than a name's word.

use crate::domain::RunId;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `approve`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Approve {
    /// The run
    pub run: RunId,
    /// The code shown with the plan, XXX-XXX
    #[arg(long)]
    pub code: String,
    /// Why
    #[arg(long, required_unless_present = "statement")]
    pub reason: Option<String>,
    /// Six digits of your second factor, where the workspace asks for them. Write `-`, and they are asked for or read from
    /// standard input: what stands here itself, every account sees in the list of processes
    #[arg(long, value_name = "DIGITS")]
    pub factor: Option<String>,
    /// Sign with your own SSH key, where the workspace asks for it: by your agent, or with --sign=KEYFILE
    #[arg(long, value_name = "KEYFILE", num_args = 0..=1, require_equals = true, default_missing_value = BY_AGENT, conflicts_with_all = ["signature", "statement"])]
    pub sign: Option<String>,
    /// Give a signature that was made elsewhere, as `ssh-keygen -Y sign` writes it; `-` for standard input, behind the digits
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    pub signature: Option<PathBuf>,
    /// Print what would be signed, and approve nothing
    #[arg(long, conflicts_with = "factor")]
    pub statement: bool,
}

/// What `--sign` without a file means; no file is called so.
pub const BY_AGENT: &str = "agent:";

/// Where standard input is named.
pub const STDIN: &str = "-";

impl Approve {
    /// Whether the line comes with standard input.
    pub fn reads(&self) -> bool {
        self.factor.as_deref() == Some(STDIN) || self.signature.is_some()
    }
}

/// `people …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum People {
    /// List whom the site knows: roles, keys, second factors
    List,
    /// Review access: who holds which role, since when, and when it was used last
    Roles {
        /// In this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// Only those that nobody used for a quarter
        #[arg(long)]
        unused: bool,
    },
    /// Enrol a second factor for yourself (TOTP): its secret is shown this once
    Enrol,
    /// Show that your device has the secret: six digits, typed or on standard input
    Prove,
    /// Confirm that a second factor is that person's; it is in force from then on
    Confirm {
        /// Whose
        person: String,
        /// Its id, as that person told you: the first 8 digits or more
        #[arg(long)]
        id: String,
        /// How you know
        #[arg(long)]
        reason: String,
    },
    /// Revoke a second factor that is lost or no longer trusted; the next one needs to be confirmed again
    Revoke {
        /// Whose
        person: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}
