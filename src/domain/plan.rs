//! A plan is everything that would run, resolved: one object that the approver's view is rendered from, that an
//! approval is bound to, and that the executor follows. Nothing outside it reaches a host.

use super::id::{Digest, HostIx, PersonId, ServerName, StandingId, StepId, Timestamp, WorkspaceId};
use super::proved::Demands;
use super::published::Heard;
use super::runbook::{Action, Impact, Limits, Runbook, Severity, Step};
use super::site::VaultAt;
use super::workspace::{AfterWindow, Environment, Quorum, Reach, Window};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The id of the connection check.
pub const REACH: &str = "reach";

/// What a person asks for: the filled form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// Which runbook.
    pub runbook: super::id::RunbookId,
    /// Values by input name.
    pub inputs: BTreeMap<String, String>,
    /// Names of the inputs whose confirmation was ticked.
    pub ticks: BTreeSet<String>,
    /// A narrower selector than the runbook's; intersected with it, never widening.
    pub select: Option<String>,
    /// Tags beyond the workspace's baseline.
    pub tags: BTreeSet<String>,
    /// What the run is for.
    pub purpose: RunPurpose,
    /// Why, in words; required for tags beyond the baseline.
    pub reason: String,
    /// Ticket reference.
    pub ticket: String,
    /// Who is told, and how.
    pub communication: String,
    /// A higher impact than the rules compute.
    pub raise_to: Option<Impact>,
    /// The earlier run it goes back to; then that run's plan decides what runs, and form fields beyond the words are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// Versions that vaults had of its secrets when it was proposed, by name. The engine asks them; nobody else fills this.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

impl Proposal {
    /// A proposal that goes back to an earlier run, with that run's own words beside the reason.
    pub fn going_back(earlier: &super::run::Run, again: Again, reason: &str) -> Self {
        Self { reason: reason.to_owned(), raise_to: None, again: Some(again), ..earlier.plan.proposal.clone() }
    }
}

/// Which earlier run, and what is to become of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Again {
    /// The earlier run.
    pub run: super::id::RunId,
    /// What is done.
    pub how: How,
    /// For a resume: what became of steps whose end nobody saw, or which must not be begun twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<Settled>,
}

/// Plans of versions that counted no hour have none.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What is done with an earlier run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// All of it once more.
    Rerun,
    /// Once more on the hosts that did not end well.
    Failed,
    /// The rest of it.
    Resume,
    /// What ran is undone.
    Rollback,
}

/// What a person says became of a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// On which host; `None` for a step of the whole run.
    pub host: Option<ServerName>,
    /// Which step.
    pub step: StepId,
    /// What became of it.
    pub became: Unsure,
    /// Why that is known.
    pub reason: String,
}

/// What may have become of a step whose end nobody saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsure {
    /// It ended well.
    Done,
    /// It is to run once more.
    Again,
    /// The run goes on without it.
    Skip,
    /// It failed: the host is left out.
    Failed,
}

/// A step that stands from the beginning, on some hosts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Given {
    /// Its position among the steps that run.
    pub step: u16,
    /// On which hosts; none for a step of the whole run.
    pub hosts: Vec<HostIx>,
    /// As what.
    pub stands: Stands,
    /// Since when, or who says so.
    pub why: String,
}

/// As what a step stands that is not done again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It is done.
    Done,
    /// It is left out.
    Skipped,
}

/// What a run is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the product's own")]
pub enum RunPurpose {
    NewEnvironment,
    Rollout,
    Fix,
    Audit,
}

impl RunPurpose {
    /// Every purpose, in the order a form lists them.
    pub const ALL: [RunPurpose; 4] =
        [RunPurpose::NewEnvironment, RunPurpose::Rollout, RunPurpose::Fix, RunPurpose::Audit];

    /// The words used on screen; `-` joins them on the command line.
    pub fn words(self) -> &'static str {
        match self {
            RunPurpose::NewEnvironment => "new environment",
            RunPurpose::Rollout => "rollout",
            RunPurpose::Fix => "fix",
            RunPurpose::Audit => "audit",
        }
    }
}

/// Everything that would run. Its canonical JSON is what the binding hashes, and it is kept whole as a detail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The ledger's random origin: an approval is worth nothing on another site.
    pub origin: String,
    /// The version of this program.
    pub crate_version: String,
    /// Digest of the site in force.
    pub site: Digest,
    /// The site's Git commit.
    pub commit: Option<String>,
    /// Whether the site held changes beyond it.
    pub dirty: Option<bool>,
    /// The run's place in the world.
    pub run: super::id::RunId,
    /// Where it comes from.
    pub from: Origin,
    /// Who asks.
    pub requester: PersonId,
    /// Whose machine asks, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<PersonId>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// The filled form.
    pub proposal: Proposal,
    /// The workspace's title.
    pub workspace_title: String,
    /// The workspace's environment.
    pub environment: Environment,
    /// The runbook as it runs: its bytes, digests, steps and checks.
    pub runbook: Arc<Runbook>,
    /// Input values, defaults filled in, in form order.
    pub inputs: Vec<(String, String)>,
    /// Secrets by name, reference and pinned version.
    pub secrets: Vec<PinnedSecret>,
    /// The hosts, in batch order.
    pub hosts: Vec<PlannedHost>,
    /// The account that hosts on the server's own machine are worked on under; `None` where there are none, or it is the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_account: Option<String>,
    /// Where programs of the server's machine lie, for those that steps need and the site names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<(String, String)>,
    /// Which hosts belong to which group, where a step wants to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<(String, Vec<HostIx>)>,
    /// Every server hosts jump through, once.
    pub jumps: Vec<PlannedHost>,
    /// Host positions per batch.
    pub batches: Vec<Vec<HostIx>>,
    /// Positions in `runbook.steps` that run, in order.
    pub steps: Vec<u16>,
    /// Steps that stand from the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Given>,
    /// Values that the run it goes back to had published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Heard>,
    /// Names that run's steps were to publish, where what is undone may use them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promised: Vec<String>,
    /// Hosts at once.
    pub parallel: u32,
    /// Failed hosts tolerated; `None` where the runbook names no number.
    pub max_failures: Option<u32>,
    /// Time-outs.
    pub limits: Limits,
    /// Who changed what runs last, as far as that is known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub editors: BTreeSet<PersonId>,
    /// How many hosts runs of this runbook here were asked for within an hour, this run's among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hour_hosts: u32,
    /// Impact after all rules.
    pub impact: Impact,
    /// Why the impact is what it is, in words.
    pub impact_because: Vec<String>,
    /// Who must approve; `None` where no approval is due.
    pub quorum: Option<Quorum>,
    /// The standing approval that it is inside the bounds of, in place of an approval of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingId>,
    /// What each approval must be given with.
    #[serde(default, skip_serializing_if = "Demands::is_nothing")]
    pub demands: Demands,
    /// A request older than this many milliseconds expires.
    pub approval_expiry_ms: u64,
    /// An approval older than this many milliseconds expires.
    pub execution_expiry_ms: u64,
    /// The workspace's windows as written; empty means always. Freezes are not bound: they are judged at the start, and one
    /// that is put up in a hurry voids nobody's approval.
    pub windows: Vec<Window>,
    /// What becomes of it when its window closes meanwhile.
    #[serde(default)]
    pub after_window: AfterWindow,
    /// Warnings computed while planning; each needs a named person and a reason.
    pub warnings: Vec<PlanWarning>,
    /// Whether a second person has accepted this runbook version, so that its checks may run before approval.
    pub runbook_accepted: bool,
}

/// A secret as pinned by a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PinnedSecret {
    /// Its name, as scripts see it.
    pub name: String,
    /// Where it lives.
    pub reference: String,
    /// The provider's version; `None` means the provider has none, and the plan says "not pinned".
    pub version: Option<String>,
    /// Where a `vault:` reference is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultAt>,
}

impl PinnedSecret {
    /// Where its value is read, the vault's address with it.
    pub fn place(&self) -> String {
        match &self.vault {
            Some(at) => format!("{} at {}", self.reference, at.address),
            None => self.reference.clone(),
        }
    }
}

/// A host as a plan names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlannedHost {
    /// Its name in the workspace.
    pub name: ServerName,
    /// How it is reached, as written.
    pub reach: Reach,
}

impl PlannedHost {
    /// Where the server is: the place of what is done once for the whole run.
    pub fn here() -> Self {
        Self { name: ServerName::new("server"), reach: Reach::Local }
    }
}

/// Something a person must accept by name and reason before the run may start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlanWarning {
    /// Its id, for `accept RUN WARNING`.
    pub id: StepId,
    /// What is wrong.
    pub text: String,
}

/// Where a run comes from. Resume, rollback and re-run are new runs with their own binding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person's proposal.
    Proposed,
    /// Goes on where that run stopped.
    Resume(super::id::RunId),
    /// Undoes that run.
    Rollback(super::id::RunId),
    /// That run once more.
    Rerun(super::id::RunId),
}

impl Plan {
    /// Whether a person asked for it, themselves or by a machine of theirs.
    pub fn is_asked_by(&self, person: &PersonId) -> bool {
        self.requester == *person || self.behind.as_ref() == Some(person)
    }

    /// The host at a position.
    pub fn host(&self, ix: HostIx) -> Option<&PlannedHost> {
        self.hosts.get(usize::try_from(ix.0).ok()?)
    }

    /// The position of a host by name.
    pub fn host_ix(&self, name: &str) -> Option<HostIx> {
        let at = self.hosts.iter().position(|host| host.name.as_str() == name)?;
        u32::try_from(at).ok().map(HostIx)
    }

    /// Where a cell is, in a person's words: a host's name; for a step of the whole run, who or what does it.
    pub fn place(&self, slot: super::run::Slot) -> String {
        use super::run::Item;
        match (slot.host, slot.item) {
            (Some(host), _) => self.host(host).map_or_else(|| "?".to_owned(), |host| host.name.to_string()),
            (None, Item::Step(n)) => match self.step(n).map(|step| &step.action) {
                None | Some(Action::Manual { .. }) => "by hand".to_owned(),
                Some(action) => action.word().to_owned(),
            },
            (None, Item::Reach | Item::Preflight(_) | Item::Verify(_)) => "all hosts".to_owned(),
        }
    }

    /// Whether a step stands from the beginning: on this host, or for the whole run.
    pub fn stands(&self, position: u16, host: Option<HostIx>) -> bool {
        self.given.iter().any(|given| {
            given.step == position
                && match host {
                    Some(host) => given.hosts.binary_search(&host).is_ok(),
                    None => given.hosts.is_empty(),
                }
        })
    }

    /// Which run it goes back to, and how.
    pub fn goes_back(&self) -> Option<String> {
        match self.from {
            Origin::Proposed => None,
            Origin::Resume(run) => Some(format!("goes on where {run} stopped")),
            Origin::Rollback(run) => Some(format!("undoes {run}")),
            Origin::Rerun(run) => Some(format!("{run} once more")),
        }
    }

    /// What stands from the beginning, a line a step: which, as what, where, and why; then a line for each value that is known already.
    pub fn standing(&self) -> Vec<String> {
        let line = |given: &Given| {
            let step = self.step(given.step).map_or("?", |step| step.id.as_str());
            let what = match given.stands {
                Stands::Done => "is done",
                Stands::Skipped => "is left out",
            };
            let names: Vec<&str> =
                given.hosts.iter().filter_map(|ix| self.host(*ix)).map(|host| host.name.as_str()).collect();
            let place = if names.is_empty() { String::new() } else { format!(" on {}", names.join(" ")) };
            format!("{step} {what}{place}: {}", given.why)
        };
        let mut known: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for heard in &self.published {
            let host = heard.host.and_then(|ix| self.host(ix)).map(|host| host.name.as_str());
            known.entry((&heard.name, &heard.value)).or_default().extend(host);
        }
        let values = known.into_iter().map(|((name, value), hosts)| {
            let place = if hosts.is_empty() { String::new() } else { format!(" on {}", hosts.join(" ")) };
            format!("{name} = {value}{place}, as it was published")
        });
        self.given.iter().map(line).chain(values).collect()
    }

    /// The step at a position among the steps that run.
    pub fn step(&self, position: u16) -> Option<&Step> {
        let index = *self.steps.get(usize::from(position))?;
        self.runbook.steps.get(usize::from(index))
    }

    /// Steps that run, with their positions.
    pub fn steps(&self) -> impl Iterator<Item = (u16, &Step)> {
        (0u16..)
            .zip(&self.steps)
            .filter_map(|(position, index)| self.runbook.steps.get(usize::from(*index)).map(|step| (position, step)))
    }

    /// The form's values as a step gets them: what is fixed for it holds, whatever the form says.
    pub fn inputs_of(&self, step: Option<&Step>) -> Vec<(String, String)> {
        let fixed = step.map(|step| &step.fixed);
        let is_fixed = |name: &String| fixed.is_some_and(|fixed| fixed.contains_key(name));
        let asked = self.inputs.iter().filter(|(name, _)| !is_fixed(name)).cloned();
        let given = fixed.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
        asked.chain(given).collect()
    }

    /// What a step tells a person, with its inputs' values and the run's number in their places. What a step before it publishes
    /// is not known yet and stands as it is written.
    pub fn told(&self, step: &Step, text: &str) -> String {
        self.filled(step, &[], text)
    }

    /// The same, with what is known in the meantime. A name that stands for nothing (`check` refuses such a text) leaves the text as it was
    /// written: better read so than not at all.
    pub(super) fn filled(&self, step: &Step, known: &[(String, String)], text: &str) -> String {
        let inputs = self.inputs_of(Some(step));
        let of = |list: &[(String, String)], name: &str| {
            list.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let to_come = |name: &str| self.steps().any(|(_, step)| step.publishes.iter().any(|it| it.name == name));
        let value = |name: &str| match name {
            "run" => Some(self.run.to_string()),
            _ => of(&inputs, name)
                .or_else(|| of(known, name))
                .or_else(|| to_come(name).then(|| format!("{{{{ {name} }}}}"))),
        };
        super::prose::fill(text, value).unwrap_or_else(|_| text.to_owned())
    }

    /// `grace, kim`: who made the last change to what runs; empty where that is not known.
    pub fn editors_in_words(&self) -> String {
        self.editors.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Id, title and severity of the item, for messages and columns. The connection check is called `reach`.
    pub fn item_name(&self, item: super::run::Item) -> (StepId, String, Severity) {
        use super::run::Item;
        let of_check = |check: Option<&super::runbook::Check>| match check {
            Some(check) => (check.id.clone(), check.title.clone(), check.severity),
            None => (StepId::new("?"), "unknown check".to_owned(), Severity::Block),
        };
        match item {
            Item::Reach => (StepId::new(REACH), "Reachable, host key and login right".to_owned(), Severity::Block),
            Item::Preflight(n) => of_check(self.runbook.preflight.get(usize::from(n))),
            Item::Verify(n) => of_check(self.runbook.verify.get(usize::from(n))),
            Item::Step(n) => match self.step(n) {
                Some(step) => (step.id.clone(), step.title.clone(), Severity::Block),
                None => (StepId::new("?"), "unknown step".to_owned(), Severity::Block),
            },
        }
    }
}
