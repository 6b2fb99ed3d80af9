//! When people last used the roles they hold: a role that nobody uses is one that nobody would miss, and a key left in a door.
//!
//! Kept cheap: a moment per member and role. Never called unused: viewer and auditor, whose acts are looks that stand in no record;
//! and commander, which is held for days that one hopes do not come.

use super::beside::Beside;
use super::elevation;
use super::event::{Event, Recorded};
use super::id::{PersonId, Timestamp, WorkspaceId};
use super::people::Role;
use super::run::Run;
use super::site::Site;
use super::standing;
use super::workspace::Workspace;
use imbl::OrdMap;

/// A role is unused after so long: a quarter.
pub const UNUSED_AFTER_MS: u64 = 90 * 24 * 3_600_000;

/// Since when somebody holds a role, and when it was used last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    /// Since when, as far as the record knows.
    pub since: Timestamp,
    /// When last, where it was.
    pub last: Option<Timestamp>,
}

impl Use {
    /// Whether a role was not used for long, where its use can be seen at all.
    pub fn is_unused(&self, role: Role, now: Timestamp) -> bool {
        let since = self.last.unwrap_or(self.since).max(self.since);
        is_watched(role) && now.ms_since(since) > UNUSED_AFTER_MS
    }

    /// When it was used last, in words; a role whose use stands in no record says so.
    pub fn last_words(&self, role: Role, when: impl Fn(Timestamp) -> String) -> String {
        match (self.last, is_watched(role)) {
            (Some(at), _) => when(at),
            (None, true) => "never".to_owned(),
            (None, false) => "not recorded".to_owned(),
        }
    }
}

/// A role somebody holds in a workspace.
pub type Held = (WorkspaceId, PersonId, Role);

/// When roles were used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Used {
    held: OrdMap<Held, Use>,
}

fn is_watched(role: Role) -> bool {
    match role {
        Role::Operator | Role::Approver | Role::Reviewer | Role::Owner => true,
        Role::Viewer | Role::Auditor | Role::Commander => false,
    }
}

impl Used {
    /// A site is in force: roles that are new to it are held from now on, those that are gone are forgotten.
    pub fn in_force(&mut self, site: &Site, at: Timestamp) {
        let mut held = OrdMap::new();
        for workspace in site.workspaces.values() {
            for (person, roles) in &workspace.members {
                for role in roles.iter().copied() {
                    let key = (workspace.id.clone(), person.clone(), role);
                    let known = self.held.get(&key).copied().unwrap_or(Use { since: at, last: None });
                    held.insert(key, known);
                }
            }
        }
        self.held = held;
    }

    /// Somebody did something: which role that took.
    pub fn note(&mut self, site: Option<&Site>, recorded: &Recorded, run: Option<&Run>) {
        let (Some(person), Some(site)) = (recorded.by.person(), site) else {
            return;
        };
        let of_run = run.map(|run| &run.plan.proposal.workspace);
        match of_run.or(recorded.event.workspace()).and_then(|id| site.workspaces.get(id)) {
            Some(workspace) => {
                for role in roles(&recorded.event, run, workspace, person) {
                    self.use_of(workspace, person, role, recorded.at);
                }
            }
            None => {
                if let Event::Beside(
                    Beside::SiteLoaded { .. } | Beside::SitePending { .. } | Beside::SiteAccepted { .. },
                ) = recorded.event
                {
                    for workspace in site.workspaces.values() {
                        self.use_of(workspace, person, Role::Owner, recorded.at);
                    }
                }
            }
        }
    }

    fn use_of(&mut self, workspace: &Workspace, person: &PersonId, role: Role, at: Timestamp) {
        if let Some(known) = self.held.get_mut(&(workspace.id.clone(), person.clone(), role)) {
            known.last = Some(at);
        }
    }

    /// Every role that is held in a workspace for good: by whom, since when, and when it was used last.
    pub fn of<'a>(&'a self, workspace: &'a WorkspaceId) -> impl Iterator<Item = (&'a PersonId, Role, &'a Use)> {
        let of_here = self.held.iter().filter(move |((id, ..), _)| id == workspace);
        of_here.map(|((_, person, role), held)| (person, *role, held))
    }

    /// Roles of a workspace that were not used for long, with when they were used last.
    pub fn unused<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a PersonId, Role, &'a Use)> {
        self.of(workspace).filter(move |(_, role, held)| held.is_unused(*role, now))
    }
}

/// The roles one of which an act of no run takes.
fn beside_runs(beside: &Beside) -> &'static [Role] {
    match beside {
        Beside::Standing { act: standing::Act::Voted { .. }, .. } => &[Role::Approver, Role::Owner],
        Beside::Elevation { act: elevation::Act::Granted { .. }, .. } => &[Role::Owner],
        Beside::LookedAt { .. } => &[Role::Reviewer, Role::Owner],
        Beside::Exported { .. } => &[Role::Auditor, Role::Owner],
        Beside::Standing {
            act: standing::Act::Asked { .. } | standing::Act::Given | standing::Act::Over { .. },
            ..
        }
        | Beside::Elevation { act: elevation::Act::Asked { .. } | elevation::Act::Over { .. }, .. }
        | Beside::Booted { .. }
        | Beside::Server { .. }
        | Beside::ClockJumped { .. }
        | Beside::SiteLoaded { .. }
        | Beside::SitePending { .. }
        | Beside::SiteAccepted { .. }
        | Beside::SourceListed { .. }
        | Beside::Factor { .. }
        | Beside::Incident { .. }
        | Beside::ByHand { .. }
        | Beside::Mention { .. }
        | Beside::FollowUp { .. } => &[],
    }
}

/// The roles an act takes of those its person holds: an approver's word is an owner's where the quorum asks for one.
fn roles(event: &Event, run: Option<&Run>, workspace: &Workspace, person: &PersonId) -> Vec<Role> {
    let held = |role: Role| workspace.grants(person, role);
    match event {
        Event::Voted { .. } | Event::GateAnswered { .. } => {
            let quorum = run.and_then(|run| run.plan.quorum.as_ref());
            let asked = quorum.into_iter().flat_map(|quorum| quorum.from.iter().map(|slot| slot.role));
            asked.chain([Role::Approver]).filter(|role| held(*role)).collect()
        }
        Event::RunReviewed { .. } | Event::ReviewGiven { .. } => vec![Role::Reviewer],
        Event::GlassBroken { .. } => workspace.policy.break_glass.into_iter().collect(),
        Event::Beside(beside) => beside_runs(beside).iter().copied().filter(|role| held(*role)).collect(),
        Event::WarningAccepted { .. } => [Role::Approver, Role::Owner].into_iter().filter(|role| held(*role)).collect(),
        Event::RunProposed { .. }
        | Event::StartAsked { .. }
        | Event::StartQueued { .. }
        | Event::RunTaken { .. }
        | Event::RunOffered { .. }
        | Event::RunPaused { .. }
        | Event::RunContinued { .. }
        | Event::RunStopping { .. }
        | Event::Resolved { .. }
        | Event::Ticked { .. }
        | Event::EvidenceGiven { .. }
        | Event::RunClosed { .. } => run.map(|run| run.plan.runbook.runs_as).into_iter().collect(),
        Event::Notice { .. }
        | Event::RoundBegan { .. }
        | Event::ChecksReleased { .. }
        | Event::BuiltInJudged { .. }
        | Event::Intended { .. }
        | Event::Started { .. }
        | Event::SecretUsed { .. }
        | Event::Ended { .. }
        | Event::RetryPlanned { .. }
        | Event::HostDropped { .. }
        | Event::ManualOpened { .. }
        | Event::GateOver { .. }
        | Event::WaitOver { .. }
        | Event::BatchBegan { .. }
        | Event::RunWaiting { .. }
        | Event::RunApproved { .. }
        | Event::QueueLeft { .. }
        | Event::RunStarted { .. }
        | Event::GlassOpened { .. }
        | Event::VerifyBegan { .. }
        | Event::RunEnded { .. }
        | Event::RunCancelled { .. }
        | Event::StepOverdue { .. }
        | Event::Drifted { .. }
        | Event::Noted { .. }
        | Event::Refused { .. } => Vec::new(),
    }
}
