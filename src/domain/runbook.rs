//! A runbook as it stands after loading: flat, checked, templates merged. `site/` makes these from TOML; nothing
//! after it knows templates. The limits here are the words of `formats.md`.

pub use super::action::{Action, Become, Done, Gate, Interpreter, Script, Wait};
use super::id::{Digest, RunbookId, StepId};
use super::people::Role;
use super::published::Publish;
pub use super::targets::{Amount, Between, Lock, Pace, Targets};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A checked runbook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Runbook {
    /// Its id.
    pub id: RunbookId,
    /// Its title.
    pub title: String,
    /// What sort of work it is.
    pub kind: Kind,
    /// The author's version.
    pub version: String,
    /// Whether it may run, and where.
    pub status: Status,
    /// The team that answers for it.
    pub owner: String,
    /// Day of the last review, `YYYY-MM-DD`; empty in a draft that has none.
    pub last_reviewed: String,
    /// Day the next review is due, `YYYY-MM-DD`.
    pub next_review: String,
    /// The least impact it has.
    pub impact: Impact,
    /// The role that executes it.
    pub runs_as: Role,
    /// Template stack, in order.
    pub uses: Vec<String>,
    /// Documents to read along.
    pub links: Vec<String>,
    /// Controls it serves (`SOC2:CC8.1`).
    pub controls: Vec<String>,
    /// Words about the change, for `kind = "change"`.
    pub change: Option<Change>,
    /// What it touches and what not.
    pub scope: Scope,
    /// Where it runs and how wide.
    pub targets: Targets,
    /// Time-outs beside those of steps.
    pub limits: Limits,
    /// The form a proposer fills, in file order.
    pub inputs: Vec<Input>,
    /// Secrets it uses, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Checks before the first step.
    pub preflight: Vec<Check>,
    /// What is done.
    pub steps: Vec<Step>,
    /// Checks after the last step; without one a run cannot end `succeeded`.
    pub verify: Vec<Check>,
    /// How it is undone, in words.
    pub rollback: String,
    /// The file it came from, relative to the site.
    pub file: String,
    /// The file's own text.
    pub source: String,
    /// SHA-256 over the file's bytes and its templates' digests: what a second person accepts.
    pub digest: Digest,
    /// Each merged template, `id@version`, in order, with its file's digest.
    pub templates: Vec<(String, Digest)>,
    /// The runbooks it runs within itself, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<Within>,
}

/// A runbook that runs within another: its checks and steps stand among the other's, so that one plan shows all of them, one
/// approval covers them, and one run has the hosts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Within {
    /// The step it stands for; its own steps are named `step/…`.
    pub step: StepId,
    /// `id@version`.
    pub name: String,
    /// Its digest: what a second person accepted.
    pub digest: Digest,
    /// Where its first step stands among all steps.
    pub first: u16,
    /// How many steps it has.
    pub steps: u16,
    /// The hosts it is written for: none of the run's may be another.
    pub select: String,
    /// Hosts it never runs on, where it says so.
    pub exclude: Option<String>,
}

impl Within {
    /// `drain: drain-host@1.2.0 (abcd1234), steps 2 to 4`.
    pub fn words(&self) -> String {
        let (first, last) = (self.first + 1, self.first + self.steps);
        format!("{}: {} ({}), steps {first} to {last}", self.step, self.name, self.digest.short())
    }
}

/// What sort of work a runbook is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the formats' own")]
pub enum Kind {
    Incident,
    Change,
    Maintenance,
    Recovery,
    Security,
    Audit,
}

/// Whether a runbook may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Lab and staging alone.
    Draft,
    /// Everywhere, once a second person accepted its digest.
    Approved,
    /// Nowhere.
    Retired,
}

/// How much harm a run can do. Rules raise it, nothing lowers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the formats' own")]
pub enum Impact {
    Low,
    Medium,
    High,
}

impl Impact {
    /// Every impact, the least first.
    pub const ALL: [Impact; 3] = [Impact::Low, Impact::Medium, Impact::High];

    /// The next higher one; high stays high.
    pub fn raised(self) -> Impact {
        match self {
            Impact::Low => Impact::Medium,
            Impact::Medium | Impact::High => Impact::High,
        }
    }

    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Impact::Low => "low",
            Impact::Medium => "medium",
            Impact::High => "high",
        }
    }
}

/// Words about a change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// How it is rolled out.
    pub strategy: String,
    /// What it may cost the service level.
    pub slo_impact: String,
    /// Policies it follows, by name.
    pub policies: Vec<String>,
}

/// What a runbook touches and what not.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scope {
    /// What it changes.
    pub changes: String,
    /// Why.
    pub why: String,
    /// What to expect afterwards.
    pub expected: String,
    /// What is left alone, in words.
    pub excluded: Vec<String>,
    /// A selector: a resolved host in it refuses the run.
    pub exclude: Option<String>,
}

/// Time-outs of a run, in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// To a usable SSH session.
    pub connect_ms: u64,
    /// Without a byte from the host while a step runs.
    pub idle_ms: u64,
    /// From the start, or from going on after a pause, to the end of the last step.
    pub run_ms: u64,
}

impl Default for Limits {
    /// 15 s to connect (a sick host answers late, a dead one never), 10 min of silence, 4 h in all.
    fn default() -> Self {
        Self { connect_ms: 15_000, idle_ms: 600_000, run_ms: 4 * 3_600_000 }
    }
}

/// A field of the form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The variable's name.
    pub name: String,
    /// What the form asks.
    pub prompt: String,
    /// What may be typed.
    pub kind: InputKind,
    /// What the form starts with.
    pub default: Option<String>,
    /// Explains the field.
    pub help: String,
    /// Where the value comes from.
    pub source: String,
    /// Asks for a tick, recorded with name and time.
    pub confirm: Option<String>,
    /// Whether it may stay empty.
    pub required: bool,
}

/// What may be typed into a field. A value is text; the kind says which text is right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// One line, matching a pattern where one is written.
    String {
        /// Regular expression the whole value must match.
        pattern: Option<String>,
    },
    /// Several lines.
    Text,
    /// A whole number.
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// `true` or `false`.
    Bool,
    /// One of a list.
    Choice {
        /// The list.
        choices: Vec<String>,
    },
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A duration such as `90s` or `2h`; the script sees what was written.
    Duration,
    /// A server of the workspace, by name.
    Host,
    /// An absolute path.
    File,
}

/// A secret by reference; the value is resolved at the step and never stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// As `SecretRef` reads it.
    pub reference: String,
    /// What it is for.
    pub purpose: String,
}

/// A read-only check of a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Its id.
    pub id: StepId,
    /// Its title.
    pub title: String,
    /// What runs.
    pub script: Script,
    /// What must come out.
    pub expect: Expect,
    /// What a failure does.
    pub severity: Severity,
}

/// What a failed check does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Stops the run.
    Block,
    /// Needs a named person and a reason.
    Warn,
}

/// What a check expects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
pub struct Expect {
    /// The exit status; 0 unless written.
    pub exit: i32,
    /// What standard output must look like.
    pub stdout: Option<Match>,
    /// What standard error must look like.
    pub stderr: Option<Match>,
}

/// What a text must look like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Exactly this, surrounding white space aside.
    Equals(String),
    /// Somewhere this regular expression.
    Matches(String),
    /// A number that compares so: `>= 10`.
    Number {
        /// How it compares.
        compare: Compare,
        /// With what, as written (a decimal number).
        with: String,
    },
    /// A value inside JSON.
    Json {
        /// Path of keys and indices, `a.b.0`.
        path: String,
        /// What must stand there, compared as text.
        equals: String,
    },
}

/// How two numbers compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Compare {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// One thing that is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Its title.
    pub title: String,
    /// What is done.
    pub action: Action,
    /// What repeating it means.
    pub effect: Effect,
    /// A run takes the steps of its tags; a step without tags always runs.
    pub tags: BTreeSet<String>,
    /// From run start, in milliseconds: warned before, recorded if missed.
    pub due_ms: Option<u64>,
    /// Retries by itself, never for `once`.
    pub retries: Retries,
    /// What a failure does, where it is written.
    pub on_failure: Option<OnFailure>,
    /// Cannot be skipped.
    pub required: bool,
    /// How it is undone on a host.
    pub undo: Option<String>,
    /// Decides on a host whether it was done where nobody saw its end: exit 0 says that it was, 1 that it was not, everything
    /// else that it cannot tell. It only reads, and gets no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Script>,
    /// Whether what it prints is thrown away, redacted or not: for steps that show what nobody may keep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withhold: bool,
    /// What a script must come to, where it is not exit status 0 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Inputs whose values are fixed here, whatever the form says: those a runbook hands to one that runs within it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, String>,
    /// Values it publishes for what comes behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publishes: Vec<Publish>,
}

/// What repeating a step means, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Free to run again.
    Read,
    /// May be retried.
    Idempotent,
    /// Never run again by itself.
    Once,
}

impl Effect {
    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Read => "read",
            Effect::Idempotent => "idempotent",
            Effect::Once => "once",
        }
    }
}

/// Retries a step gets by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Retries {
    /// How often after the first try.
    pub times: u16,
    /// Milliseconds between tries.
    pub delay_ms: u64,
    /// Up to so many milliseconds more, another number for each host and try: not all of them come back at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jitter_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Retries {
    /// Milliseconds until this try of a cell is repeated. Drawn from the cell's own name, so that a replay draws the same.
    pub fn wait_ms(self, run: super::id::RunId, slot: super::run::Slot, attempt: u16) -> u64 {
        let drawn = Digest::of(format!("{run} {slot:?} {attempt}").as_bytes());
        let drawn = drawn.0.iter().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        self.delay_ms.saturating_add(drawn % self.jitter_ms.saturating_add(1))
    }
}

/// What a failed step does to its run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A person decides, whatever is tolerated; no host goes on meanwhile.
    Pause,
    /// Nothing new starts and the run ends.
    Stop,
    /// The host is dropped and the others go on, up to the failures tolerated where those are written.
    Continue,
    /// As `stop`, and a rollback is proposed.
    Rollback,
}

impl Step {
    /// What else decides how it ends or what it gets, in words: what must come out, values that no
    /// form asks for, and values it publishes.
    pub fn aside(&self) -> Vec<(&'static str, String)> {
        let script = self.action.script();
        let becomes = script.and_then(|it| it.becomes.as_ref()).map(|becomes| ("as", becomes.words()));
        // Exit status 0 alone is what every step must come to.
        let expects = self
            .expect
            .iter()
            .filter(|expect| **expect != Expect::default())
            .map(|expect| ("expects", super::check::expected(expect)));
        let fixed = self.fixed.iter().map(|(name, value)| ("with", format!("{name} = {value}")));
        let publishes = self.publishes.iter().map(|publish| ("publishes", publish.words()));
        let terminal = script.filter(|it| it.pty).map(|_| ("given", "a terminal".to_owned()));
        becomes.into_iter().chain(terminal).chain(expects).chain(fixed).chain(publishes).collect()
    }
}

impl Runbook {
    /// The check or step called `id`, as a word for messages.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Steps that publish a value under a name.
    pub fn publishers(&self, name: &str) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.publishes.iter().any(|publish| publish.name == name))
    }

    /// Roles and duties the manual steps name.
    pub fn duties(&self) -> BTreeSet<&str> {
        self.steps.iter().filter_map(|step| step.action.duty()).collect()
    }
}
