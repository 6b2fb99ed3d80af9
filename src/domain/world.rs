//! Everything that is true now: the fold of the ledger so far. Shared read-only with every session, so it is cheap
//! to clone (persistent maps of `Arc`s) and small: a run leaves it once it is over and reviewed; history is the
//! store's.

use super::by_hand;
use super::elevation::{Elevations, with_elevated};
use super::factor::Factor;
use super::follow_up::{FollowUp, FollowUpId};
use super::hook::Heard;
use super::id::{Digest, PersonId, RunId, RunbookId, ServerName, Timestamp, WorkspaceId};
use super::incident::Incidents;
use super::mention::Mentions;
use super::notice::Outbox;
use super::recent::Recent;
use super::refusal::{Refusal, Rule};
use super::run::Run;
use super::runs::Runs;
use super::serving::Serving;
use super::site::{Sensitive, Site};
use super::source::{AllListed, with_listed};
use super::standing::{Standings, with_standing};
use super::used::Used;
use super::voided::AllVoided;
use super::workspace::Workspace;
use imbl::{OrdMap, OrdSet};
use std::sync::Arc;

/// Open runs the world holds at most: beyond it new proposals are refused, so that a runaway script cannot fill
/// the memory everybody's console shares, and so that one command can say its word about every open run.
pub const WORLD_OPEN_RUNS_MAX: usize = 20_000;

/// Everything that is true now.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct World {
    /// The ledger's random origin.
    pub origin: String,
    /// How many events there are: the next index.
    pub events: u64,
    /// The moment of the last one.
    pub last_at: Timestamp,
    /// The site in force, with the servers that its sources said; `None` before the first load.
    pub site: Option<Arc<Site>>,
    /// What the sources of servers last said.
    pub listed: AllListed,
    /// A site that waits for a second person.
    pub pending: Option<PendingSite>,
    /// Runbook digests that a second person has accepted (or that came with the first load).
    pub accepted_runbooks: OrdSet<Digest>,
    /// Runs that are open: proposed and not yet reviewed or cancelled.
    pub runs: Runs,
    /// The number the next run gets.
    pub next_run: u64,
    /// Follow-ups that are open.
    pub follow_ups: OrdMap<FollowUpId, Arc<FollowUp>>,
    /// The number the next follow-up gets.
    pub next_follow_up: u64,
    /// What is usual for a runbook in a workspace.
    pub usual: OrdMap<(WorkspaceId, RunbookId), Usual>,
    /// Runs proposed per day (UTC, days since 1970), the last 31 days, and how many of them failed.
    pub days: OrdMap<i64, Day>,
    /// Roles for a while that are asked for or lent.
    pub elevations: Elevations,
    /// The number the next of them gets.
    pub next_elevation: u64,
    /// Standing approvals that are asked for or given.
    pub standings: Standings,
    /// The number the next of them gets.
    pub next_standing: u64,
    /// Who last signed off whose broken glass, and when.
    pub glass_reviews: OrdMap<(PersonId, PersonId), Timestamp>,
    /// Incidents that are open.
    pub incidents: Incidents,
    /// The number the next of them gets.
    pub next_incident: u64,
    /// Who was named in notes, and whether they have looked.
    pub mentions: Mentions,
    /// When roles were used last.
    pub used: Used,
    /// What was done by hand and is not looked at by enough people.
    pub by_hand: by_hand::Entries,
    /// The number the next of them gets.
    pub next_by_hand: u64,
    /// Requests that were approved and became void.
    pub voided: AllVoided,
    /// What was asked for within the last hour.
    pub recent: Recent,
    /// Second factors by whose they are, from their offer to their end.
    pub factors: OrdMap<PersonId, Factor>,
    /// Requests over HTTP that were heard lately.
    pub heard: Heard,
    /// What people are told, and how far that is.
    pub outbox: Outbox,
    /// Where the server itself stands.
    pub serving: Serving,
    /// The last jump of the wall clock: when, and by how many milliseconds.
    pub clock_jump: Option<(Timestamp, i64)>,
}

/// A site that waits for a second person.
#[derive(Clone, PartialEq, Debug)]
pub struct PendingSite {
    /// The site.
    pub site: Arc<Site>,
    /// What changed, as a unified diff.
    pub diff: String,
    /// Who loaded it: that person cannot accept it. Where nobody has said so yet, nobody can.
    pub by: Option<PersonId>,
    /// When.
    pub at: Timestamp,
    /// What makes it wait.
    pub sensitive: Vec<Sensitive>,
}

/// How a line of a diff begins that stands for differences left out; no other line of one begins so.
pub const LEFT_OUT: char = '!';

impl PendingSite {
    /// Why `person` cannot accept this change of the site in force; nothing where they can.
    pub fn refuses(&self, in_force: Option<&Site>, person: &PersonId) -> Option<Refusal> {
        let Some(by) = &self.by else {
            return Some(
                Refusal::new(
                    Rule::Site,
                    "nobody has loaded this change: the files changed and the server started anew",
                )
                .next("somebody loads it first, `quarterdeck site load`, and another person accepts it"),
            );
        };
        let answerable = in_force.map(|site| site.answerable(&self.sensitive)).unwrap_or_default();
        let others: Vec<&str> = answerable.iter().filter(|one| **one != by).map(|one| one.as_str()).collect();
        let who = match others.is_empty() {
            true => "nobody else: another person loads it, or each owner's part is loaded alone".to_owned(),
            false => others.join(", "),
        };
        if by == person {
            return Some(Refusal::new(Rule::SeparationSelf, "whoever loaded a change cannot accept it").who_may(who));
        }
        if !answerable.contains(&person) {
            let what = format!("{person} does not own everything this changes");
            return Some(Refusal::new(Rule::Role, what).who_may(who));
        }
        self.diff.lines().any(|line| line.starts_with(LEFT_OUT)).then(|| {
            Refusal::new(Rule::Limit, "the change is too long to be shown whole, and nobody accepts what was not shown")
                .next("put it into force in parts, one load after the other")
        })
    }
}

/// What is usual for a runbook in a workspace, learned from runs that succeeded.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Usual {
    /// Durations of the last good runs in milliseconds, oldest first, at most `USUAL_RUNS_MAX`.
    pub durations_ms: Vec<u64>,
    /// The last good run.
    pub last_good: Option<LastGood>,
    /// What ran well on which hosts, of the version that last ran.
    pub proven: Option<Proven>,
}

/// Steps of a version of a runbook that ran well, and on which hosts: on them more than the baseline may be tried.
#[derive(Clone, PartialEq, Debug)]
pub struct Proven {
    /// The version.
    pub digest: Digest,
    /// Positions of steps in the runbook.
    pub steps: Vec<u16>,
    /// Hosts, by name.
    pub hosts: OrdSet<ServerName>,
}

impl Proven {
    /// Whether these steps ran well on this host.
    pub fn holds(&self, digest: Digest, steps: &[u16], host: &ServerName) -> bool {
        self.digest == digest && steps.iter().all(|step| self.steps.contains(step)) && self.hosts.contains(host)
    }
}

/// Durations kept per runbook and workspace: enough for a median, few enough to keep for thousands of runbooks.
pub const USUAL_RUNS_MAX: usize = 16;

impl Usual {
    /// The median duration in milliseconds.
    pub fn duration_ms(&self) -> Option<u64> {
        let mut sorted = self.durations_ms.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// The last good run of a runbook in a workspace, for "what is different this time".
#[derive(Clone, PartialEq, Debug)]
pub struct LastGood {
    /// Its number.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// What ran.
    pub plan: Arc<super::plan::Plan>,
}

/// A day's runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Day {
    /// Proposed.
    pub runs: u32,
    /// Ended other than well.
    pub failed: u32,
}

impl World {
    /// Makes the site in force tell what the record says of it: servers its sources named, roles that are lent, standing approvals.
    pub(super) fn refresh_site(&mut self) {
        let listed = self.site.take().map(|site| with_listed(site, &self.listed));
        let lent = listed.map(|site| with_elevated(site, &self.elevations));
        self.site = lent.map(|site| with_standing(site, &self.standings));
    }

    /// The open run with this number.
    pub fn run(&self, id: RunId) -> Option<&Arc<Run>> {
        self.runs.get(&id)
    }

    /// The workspace in force with this id.
    pub fn workspace(&self, id: &WorkspaceId) -> Option<&Arc<Workspace>> {
        self.site.as_ref()?.workspaces.get(id)
    }

    /// Whether `person` may see `workspace`: for everybody else it does not exist.
    pub fn can_see(&self, person: &PersonId, workspace: &WorkspaceId) -> bool {
        self.workspace(workspace).is_some_and(|found| found.has_member(person))
    }

    /// Whether `person` may read what happened in `workspace`: its members, and site administrators, who see no more of it than
    /// that.
    pub fn can_audit(&self, person: &PersonId, workspace: &WorkspaceId) -> bool {
        self.can_see(person, workspace) || self.site.as_ref().is_some_and(|site| site.administrators.contains(person))
    }

    /// Open runs that `person` may see, newest first.
    pub fn visible_runs<'a>(&'a self, person: &'a PersonId) -> impl Iterator<Item = &'a Arc<Run>> {
        self.runs.values().rev().filter(move |run| self.can_see(person, &run.plan.proposal.workspace))
    }
}
