//! Standing approvals: a quorum approves in advance one version of a runbook in one workspace, within bounds and for a while. A run
//! inside these bounds needs no approval of its own, says so, and is reviewed as any other.
//!
//! Invariants: the bounds are bound and approved as a plan is, by people other than whoever asked; a standing approval lives only
//! as long as its time, its runbook's version and the roles of those who gave it; what high impact would be is approved run by run, and
//! so is what policy asks more for by now than was given.

use super::event::{Details, Recorded};
use super::id::{Digest, PersonId, RunbookId, StandingId, Timestamp, WorkspaceId};
use super::legal::Illegal;
use super::plan::{Origin, Plan};
use super::policy::WaitsFor;
use super::proved::Proved;
use super::quorum;
use super::run::{Choice, Vote};
use super::runbook::Impact;
use super::site::Site;
use super::workspace::{Given, Quorum, Workspace};
use super::world::World;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The longest a standing approval lasts.
pub const FOR_MS_MAX: u64 = 90 * 24 * 3_600_000;

/// How long one waits for its quorum.
pub const ASKED_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// Standing approvals there may be at once.
pub const OPEN_MAX: usize = 1_000;

/// Keeps a binding from ever equalling a hash made for another purpose.
const BINDING_PREFIX: &[u8] = b"quarterdeck-standing-v1\0";

/// Every standing approval that is asked for or given.
pub type Standings = OrdMap<StandingId, Arc<Standing>>;

/// What one input may be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Whatever the runbook allows.
    Any,
    /// This value.
    Is(String),
    /// A whole number from one to another, both among it.
    Between {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
}

impl Allowed {
    /// As people write it: `*`, `1..5`, or a value.
    pub fn parse(text: &str) -> Self {
        if text == "*" {
            return Allowed::Any;
        }
        let between = text.split_once("..").and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
        match between {
            Some((least, most)) => Allowed::Between { least, most },
            None => Allowed::Is(text.to_owned()),
        }
    }

    /// As people read it.
    pub fn words(&self) -> String {
        match self {
            Allowed::Any => "anything the runbook allows".to_owned(),
            Allowed::Is(value) => format!("`{value}`"),
            Allowed::Between { least, most } => format!("{least} to {most}"),
        }
    }

    fn takes(&self, value: &str) -> bool {
        match self {
            Allowed::Any => true,
            Allowed::Is(only) => only == value,
            Allowed::Between { least, most } => {
                value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
        }
    }
}

/// What is approved in advance: everything the binding covers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The ledger's random origin.
    pub origin: String,
    /// Which.
    pub standing: StandingId,
    /// Where.
    pub workspace: WorkspaceId,
    /// Which runbook.
    pub runbook: RunbookId,
    /// In which version.
    pub digest: Digest,
    /// What its inputs may be; one that is not named keeps the runbook's default.
    pub inputs: BTreeMap<String, Allowed>,
    /// On how many hosts at most, in one run and within an hour.
    pub hosts_max: u32,
    /// What impact a run of it has at most.
    pub impact: Impact,
    /// Who must approve.
    pub quorum: Quorum,
    /// Who asked.
    pub by: PersonId,
    /// When.
    pub asked: Timestamp,
    /// The first moment at which it is over.
    pub until: Timestamp,
}

impl Terms {
    /// As recorded, and the binding of it.
    ///
    /// # Errors
    /// It cannot be written canonically.
    pub fn written(&self) -> Result<(String, Digest), String> {
        let bytes = super::canonical::of(self).map_err(|error| error.to_string())?;
        let digest = Digest::of(&[BINDING_PREFIX, bytes.as_slice()].concat());
        Ok((String::from_utf8(bytes).map_err(|error| error.to_string())?, digest))
    }
}

/// A standing approval that is asked for or given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// What is approved.
    pub terms: Terms,
    /// What votes are bound to.
    pub binding: Digest,
    /// Why it is wanted.
    pub reason: String,
    /// Votes in ledger order; the latest of a person counts.
    pub votes: Vector<Vote>,
    /// When it had its quorum for the first time.
    pub given: Option<Timestamp>,
}

impl Standing {
    /// When it is over by itself.
    pub fn over_at(&self) -> Timestamp {
        match self.given {
            Some(_) => self.terms.until,
            None => self.terms.until.min(self.terms.asked.plus_ms(ASKED_MS_MAX)),
        }
    }

    /// Approvals it still lacks, judged by the roles people hold now.
    pub fn missing(&self, site: &Site, workspace: &Workspace) -> Vec<WaitsFor> {
        let nobody = BTreeSet::new();
        let editors = site.editors.get(&self.terms.runbook).unwrap_or(&nobody);
        quorum::unfilled(
            workspace,
            &quorum::Apart::from(&self.terms.by, editors),
            &self.terms.quorum.from,
            quorum::latest(&self.votes),
        )
    }

    /// By whose word it is in force.
    fn given_by(&self) -> Given {
        let yes = quorum::latest(&self.votes).into_iter().filter(|(_, choice)| *choice == Choice::Approve);
        Given { asked: self.terms.by.clone(), by: yes.map(|(person, _)| person.clone()).collect() }
    }

    /// Whether it lets runs start now: its runbook is the one that was approved, and those who approved still may.
    fn lives(&self, site: &Site, workspace: &Workspace) -> bool {
        let same = site.runbooks.get(&self.terms.runbook).is_some_and(|runbook| runbook.digest == self.terms.digest);
        same && self.missing(site, workspace).is_empty()
    }

    /// Whether a plan is inside its bounds.
    fn covers(&self, plan: &Plan) -> bool {
        let terms = &self.terms;
        let hosts = u32::try_from(plan.hosts.len()).unwrap_or(u32::MAX).max(plan.hour_hosts);
        let usual = |name: &str| {
            let input = plan.runbook.inputs.iter().find(|input| input.name == name);
            input.and_then(|input| input.default.clone()).unwrap_or_default()
        };
        let fits = |(name, value): &(String, String)| match terms.inputs.get(name) {
            Some(allowed) => allowed.takes(value),
            None => *value == usual(name),
        };
        let as_is = plan.proposal.tags.is_empty() && plan.from == Origin::Proposed && plan.proposal.raise_to.is_none();
        let same = plan.proposal.workspace == terms.workspace && plan.runbook.digest == terms.digest;
        same && as_is && hosts <= terms.hosts_max && plan.impact <= terms.impact && plan.inputs.iter().all(fits)
    }
}

/// What happened to a standing approval, as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Somebody asked for it. Details: `terms`, `reason`.
    Asked {
        /// Which runbook.
        runbook: RunbookId,
        /// In which version.
        digest: Digest,
        /// What votes are bound to.
        binding: Digest,
        /// On how many hosts at most.
        hosts_max: u32,
        /// The first moment at which it is over.
        until: Timestamp,
    },
    /// Somebody decided. Detail: `reason`.
    Voted {
        /// What was looked at.
        binding: Digest,
        /// Which way.
        choice: Choice,
    },
    /// Its quorum is full: from now on it lets runs start.
    Given,
    /// It is over. Detail: `reason`, where a person ended it.
    Over {
        /// How.
        how: Over,
    },
}

/// How a standing approval is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Its time was over, or nobody decided in time.
    Expired,
    /// Somebody said no.
    Denied,
    /// Somebody took it away.
    Revoked,
    /// The runbook is another one by now.
    Void,
}

impl Over {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Over::Expired => "its time was over",
            Over::Denied => "denied",
            Over::Revoked => "revoked",
            Over::Void => "void: the runbook changed",
        }
    }
}

/// In a sentence, for the list of events.
pub fn words(id: StandingId, act: &Act, said: impl Fn(String, &str) -> String) -> String {
    match act {
        Act::Asked { runbook, hosts_max, .. } => {
            said(format!("{id}: asks for a standing approval of {runbook} on up to {hosts_max} hosts"), "reason")
        }
        Act::Voted { choice: Choice::Approve, .. } => said(format!("{id}: approved"), "reason"),
        Act::Voted { choice: Choice::Deny, .. } => said(format!("{id}: denied"), "reason"),
        Act::Voted { choice: Choice::Retract, .. } => said(format!("{id}: took the approval back"), "reason"),
        Act::Given => format!("{id}: in force"),
        Act::Over { how } => said(format!("{id}: over, {}", how.words()), "reason"),
    }
}

/// The standing approval a plan is inside the bounds of, where one is in force.
pub fn covering(world: &World, plan: &Plan) -> Option<StandingId> {
    // Policy may have come to ask for more since it was given: a code each time, or more people.
    let asked = plan.quorum.as_ref().filter(|_| plan.demands.is_nothing())?;
    let workspace = world.workspace(&plan.proposal.workspace)?;
    let enough = |given| quorum::is_filled(workspace, asked, given, &plan.editors);
    let fits = |id: &StandingId| world.standings.get(id).is_some_and(|standing| standing.covers(plan));
    workspace.standing.iter().find(|(id, given)| fits(id) && enough(given)).map(|(id, _)| *id)
}

/// Those that are over by time at `at`, or whose runbook is another one by now.
pub fn over(world: &World, at: Timestamp) -> Vec<(Arc<Standing>, Over)> {
    let site = world.site.as_deref();
    let how = |standing: &Arc<Standing>| {
        let runbook = site.and_then(|site| site.runbooks.get(&standing.terms.runbook));
        match runbook.is_some_and(|runbook| runbook.digest == standing.terms.digest) {
            _ if at >= standing.over_at() => Some(Over::Expired),
            true => None,
            false => Some(Over::Void),
        }
    };
    world.standings.values().filter_map(|one| Some((Arc::clone(one), how(one)?))).collect()
}

/// The next moment at which one is over.
pub fn next(standings: &Standings) -> Option<Timestamp> {
    standings.values().map(|one| one.over_at()).min()
}

/// What one standing approval's event does to the world.
///
/// # Errors
/// It fits none there is.
pub fn fold(world: &mut World, recorded: &Recorded, id: StandingId, act: &Act) -> Result<(), Illegal> {
    let wrong = |state: &str| Illegal { event: format!("standing {act:?}"), state: format!("{id} {state}") };
    let text = |name: &str| detail(&recorded.details, name);
    let known = world.standings.get(&id).cloned();
    match (act, known) {
        (Act::Asked { binding, .. }, None) => {
            world.next_standing = id.0 + 1;
            // Erased, nobody can tell what was approved: it approves nothing.
            if let Ok(terms) = serde_json::from_str::<Terms>(&text("terms")) {
                let standing =
                    Standing { terms, binding: *binding, reason: text("reason"), votes: Vector::new(), given: None };
                world.standings.insert(id, Arc::new(standing));
            }
        }
        (Act::Voted { choice, .. }, Some(mut one)) => {
            let by = recorded.by.person().cloned().ok_or_else(|| wrong("decided by nobody"))?;
            let vote = Vote {
                by,
                at: recorded.at,
                choice: *choice,
                reason: text("reason"),
                proved: Proved::default(),
                signature: "".into(),
            };
            Arc::make_mut(&mut one).votes.push_back(vote);
            world.standings.insert(id, one);
        }
        (Act::Given, Some(mut one)) => {
            Arc::make_mut(&mut one).given.get_or_insert(recorded.at);
            world.standings.insert(id, one);
        }
        (Act::Over { .. }, Some(_)) => drop(world.standings.remove(&id)),
        (Act::Asked { .. }, Some(_)) => return Err(wrong("is there already")),
        (Act::Voted { .. } | Act::Given | Act::Over { .. }, None) => {}
    }
    world.refresh_site();
    Ok(())
}

fn detail(details: &Details, name: &str) -> String {
    details.get(name).map_or("", |detail| detail.text()).to_owned()
}

/// A site that knows which standing approvals let runs start now.
pub fn with_standing(site: Arc<Site>, standings: &Standings) -> Arc<Site> {
    let mut alive: BTreeMap<&WorkspaceId, BTreeMap<StandingId, Given>> = BTreeMap::new();
    for one in standings.values().filter(|one| one.given.is_some()) {
        let workspace = site.workspaces.get(&one.terms.workspace);
        if workspace.is_some_and(|workspace| one.lives(&site, workspace)) {
            alive.entry(&one.terms.workspace).or_default().insert(one.terms.standing, one.given_by());
        }
    }
    let of = |workspace: &Workspace| alive.get(&workspace.id).cloned().unwrap_or_default();
    if site.workspaces.values().all(|workspace| workspace.standing == of(workspace)) {
        return site;
    }
    let mut whole = Site::clone(&site);
    for workspace in whole.workspaces.values_mut() {
        let standing = of(workspace);
        if workspace.standing != standing {
            Arc::make_mut(workspace).standing = standing;
        }
    }
    Arc::new(whole)
}
