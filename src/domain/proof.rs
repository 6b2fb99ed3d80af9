//! Questions that are answered out of the record: what follow-ups there were, what deviates, who changed what under which
//! approval, what touched a host. Who may ask which is judged here; the engine brings what the views and the ledger hold.

use super::changes::Change;
use super::compliance::Report;
use super::follow_up::Told;
use super::id::{PersonId, Timestamp, WorkspaceId};
use super::people::Role;
use super::refusal::{Refusal, Rule};
use super::week::Week;
use super::workspace::Workspace;
use super::world::World;
use std::sync::Arc;

/// Longest period one answer covers: two audits of a year each.
pub const PERIOD_MS_MAX: u64 = 2 * 366 * 24 * 3_600_000;

/// Runs one answer is made of at most: years of a busy team, and some ten megabytes.
pub const PROOF_RUNS_MAX: usize = 20_000;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Follow-ups, open and closed.
    FollowUps,
    /// Who changed what, under which approval, with which outcome.
    Compliance(Period),
    /// What deviates in a period.
    Week(Period),
    /// What touched a host, or a group of hosts.
    Changes(String, Period),
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Found {
    /// To `Question::FollowUps`, the latest given first.
    FollowUps(Vec<Told>),
    /// To `Question::Compliance`.
    Compliance(Arc<Report>),
    /// To `Question::Week`.
    Week(Arc<Week>),
    /// To `Question::Changes`, the latest first.
    Changes(Vec<Change>),
}

/// Which part of the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// In this workspace; in all that the asker may ask about, where none is named.
    pub workspace: Option<WorkspaceId>,
    /// From this moment on.
    pub since: Timestamp,
    /// Up to this moment, which is not in it.
    pub until: Timestamp,
    /// Of this control alone, or of runs whose ticket or reason holds this text.
    pub about: Option<String>,
}

impl Period {
    /// Whether it is one.
    ///
    /// # Errors
    /// It ends before it begins, or is longer than one answer covers.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.since >= self.until {
            return Err(Refusal::new(Rule::Input, "the period ends before it begins").next("say since before until"));
        }
        if self.until.ms_since(self.since) > PERIOD_MS_MAX {
            return Err(Refusal::new(Rule::Input, "a period of more than two years").next("ask for each year"));
        }
        Ok(())
    }

    /// Whether a moment lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}

/// The workspaces an answer is about: those the asker may ask about in this way. For others they do not exist, in the words of
/// one that is missing.
///
/// # Errors
/// There is none.
pub fn places(
    world: &World,
    asker: &PersonId,
    named: Option<&WorkspaceId>,
    may: fn(&Workspace, &PersonId) -> bool,
) -> Result<Vec<Arc<Workspace>>, Refusal> {
    let all = world.site.iter().flat_map(|site| site.workspaces.values());
    let wanted = all.filter(|found| named.is_none_or(|id| found.id == *id) && may(found, asker));
    let found: Vec<Arc<Workspace>> = wanted.cloned().collect();
    match (found.is_empty(), named) {
        (false, _) => Ok(found),
        (true, Some(id)) => Err(Refusal::new(Rule::NotFound, format!("no workspace is called {id}"))),
        (true, None) => Err(Refusal::new(Rule::NotFound, "there is no workspace that you may ask this about")),
    }
}

/// Whoever audits a workspace, or answers for it, proves what was done there.
pub fn may_prove(workspace: &Workspace, person: &PersonId) -> bool {
    workspace.grants(person, Role::Auditor) || workspace.is_owned_by(person)
}

/// Every member sees what deviates and what changed.
pub fn may_see(workspace: &Workspace, person: &PersonId) -> bool {
    workspace.has_member(person)
}
