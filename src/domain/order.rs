//! What the executor is told and what it answers. An [`Order`] alone runs nothing: the executor takes only a
//! `policy::Cleared`, which no other module can make.

use super::call::Call;
use super::copy::FileCopy;
use super::id::{Digest, RunId};
use super::plan::{PinnedSecret, PlannedHost};
use super::published::Publish;
use super::run::{Reason, Slot};
use super::runbook::{Expect, Interpreter};
use super::vault::VaultStep;
use serde::{Deserialize, Serialize};

/// Identifies one try of one cell, for as long as the ledger lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OrderKey {
    /// The run.
    pub run: RunId,
    /// The cell.
    pub slot: Slot,
    /// Which try, from 1.
    pub attempt: u16,
}

/// One thing to do on one host, or once for the whole run where the server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Which try of which cell it is.
    pub key: OrderKey,
    /// What it is for.
    pub purpose: Purpose,
    /// Where; `PlannedHost::here` for what is done once for the whole run.
    pub host: PlannedHost,
    /// Under which account it runs, where it runs on the server's own machine.
    pub under: Under,
    /// The servers to go through, nearest first.
    pub jumps: Vec<PlannedHost>,
    /// What.
    pub job: Job,
    /// Whether what it prints is counted and thrown away.
    pub withhold: bool,
    /// Values it publishes, where it ends well.
    pub publishes: Vec<Publish>,
    /// Published values it would use and that there are not: with any of them it does not run.
    pub lacks: Vec<String>,
    /// How long each part may take.
    pub limits: OrderLimits,
}

/// Under which account of the server's machine something runs (Z56).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Under {
    /// The one the site names for local work.
    Account(String),
    /// The server's own, which reads its keys and records: outside production alone.
    Server,
    /// There is none: nothing runs.
    Nobody,
}

/// What an order is for: nothing runs without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Purpose {
    Preflight,
    Step,
    Verify,
    Probe,
    Undo,
    Abort,
}

/// What is done on the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Job {
    /// Connect, compare the host key, log in, and see that a shell answers.
    Reach,
    /// Deliver a script and wait for its end.
    Script(Delivery),
    /// Ask another system. Done where the server is.
    Call(Errand<Call>),
    /// Put a file there.
    Copy(Box<FileCopy>),
    /// Change a secret where it lies. Done where the server is.
    Vault(Errand<VaultStep>),
}

/// Something other than a script, and what it gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Errand<T> {
    /// What.
    pub what: T,
    /// What its templates may name: inputs, then `host` (of a host), `run`, `step`, `attempt`.
    pub variables: Vec<(String, String)>,
    /// Secrets to resolve now.
    pub secrets: Vec<PinnedSecret>,
}

/// A script and what it gets. Values arrive as shell variables in a preamble on standard input, single-quoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// What reads the script.
    pub interpreter: Interpreter,
    /// Variables: inputs, then `host`, `run`, `step`, `attempt`.
    pub variables: Vec<(String, String)>,
    /// Secrets to resolve now and hand over the same way.
    pub secrets: Vec<PinnedSecret>,
    /// The script's text, exactly as reviewed.
    pub text: String,
    /// As whom it runs, where that is not who logs in.
    pub becomes: Option<Becomes>,
    /// Whether it is given a terminal.
    pub pty: bool,
    /// What a check expects; `None` for a step, whose exit status decides.
    pub expect: Option<Expect>,
    /// Whether its work goes on elsewhere: that it was seen to end here says nothing of what it had begun there.
    pub elsewhere: bool,
}

/// Another user of a host, become by `sudo`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Becomes {
    /// Whom.
    pub user: String,
    /// The password to resolve now.
    pub password: Option<PinnedSecret>,
}

/// How long each part may take, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderLimits {
    /// To a usable session.
    pub connect_ms: u64,
    /// Without a byte.
    pub idle_ms: u64,
    /// From exec to exit.
    pub step_ms: u64,
}

/// What the executor says about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Which try of which cell.
    pub key: OrderKey,
    /// What happened.
    pub what: Progressed,
}

/// What happened to an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progressed {
    /// The host has begun; its process group there.
    Started {
        /// Process group on the host.
        group: u32,
    },
    /// It is over.
    Ended(Outcome),
}

/// How an order ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The result.
    pub result: CellResult,
    /// What it printed, in numbers.
    pub output: OutputSummary,
    /// The redacted words a reader needs to see why: a check's output, an error's text. At most `SAW_BYTES_MAX`.
    pub saw: String,
    /// The secrets that were handed over.
    pub used: Vec<Used>,
    /// The values it published.
    pub published: Vec<(String, String)>,
}

impl Outcome {
    /// Nothing began.
    pub fn refused(why: Reason, words: String) -> Self {
        let (output, used, published) = (OutputSummary::nothing(), Vec::new(), Vec::new());
        Self { result: CellResult::Refused(why), output, saw: words, used, published }
    }
}

/// A secret that was handed over: which and of what version, never its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// Its name.
    pub name: String,
    /// Where it was read.
    pub reference: String,
    /// The provider's version, where it has one.
    pub version: Option<String>,
}

impl Used {
    /// `token from vault:kv/web#token, version 7`.
    pub fn words(&self) -> String {
        match &self.version {
            Some(version) => format!("{} from {}, version {version}", self.name, self.reference),
            None => format!("{} from {}", self.name, self.reference),
        }
    }
}

/// Longest text kept in the record about one result; the transcript has the rest.
pub const SAW_BYTES_MAX: usize = 2_048;

/// The result of one try.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellResult {
    /// Ended well.
    Ok,
    /// Ended badly, for certain.
    Failed(Reason),
    /// Nobody can tell.
    Unknown(Reason),
    /// Certain not to have begun.
    Refused(Reason),
}

/// What a try printed, in numbers; the bytes are in the transcript.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutputSummary {
    /// SHA-256 over the redacted payloads, in order.
    pub sha256: Digest,
    /// Bytes.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
}

impl OutputSummary {
    /// Nothing was printed.
    pub fn nothing() -> Self {
        Self { sha256: Digest::of(b""), bytes: 0, lines: 0 }
    }
}

/// Which stream a byte came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Our own words about the step: began, ended, retried.
    Note,
}
