//! Requests that were approved and became void because something changed: when one is asked for again, whoever approved it is told
//! what is different since, and that nothing is where only a comment is.
//!
//! Deliberately absent: any approval that lives on. What changed is approved anew, by whoever may.

use super::decide::differences;
use super::id::{PersonId, RunId, RunbookId, Timestamp, WorkspaceId};
use super::plan::{Plan, Proposal};
use super::policy;
use super::run::{Choice, Run};
use super::world::World;
use imbl::OrdMap;
use std::sync::Arc;

/// So long it is worth telling: by then an approver has forgotten what they read.
pub const TOLD_MS: u64 = 24 * 3_600_000;

/// The last one of each runbook in a workspace.
pub type AllVoided = OrdMap<(WorkspaceId, RunbookId), Voided>;

/// A request that was approved by somebody and became void.
#[derive(Clone, PartialEq, Debug)]
pub struct Voided {
    /// Which.
    pub run: RunId,
    /// What was approved.
    pub plan: Arc<Plan>,
    /// By whom.
    pub approvers: Vec<PersonId>,
    /// When it became void.
    pub at: Timestamp,
}

/// Keeps a run that became void, where somebody had approved it.
pub(super) fn note(world: &mut World, run: &Run, at: Timestamp) {
    let yes = policy::latest_votes(run).into_iter().filter(|(_, choice)| *choice == Choice::Approve);
    let approvers: Vec<PersonId> = yes.map(|(person, _)| person.clone()).collect();
    if !approvers.is_empty() {
        let key = (run.plan.proposal.workspace.clone(), run.plan.runbook.id.clone());
        world.voided.insert(key, Voided { run: run.id, plan: Arc::clone(&run.plan), approvers, at });
    }
}

/// The request that this one asks for again, and what is different since.
pub fn before<'a>(world: &'a World, run: &Run, now: Timestamp) -> Option<(&'a Voided, Vec<&'static str>)> {
    let key = (run.plan.proposal.workspace.clone(), run.plan.runbook.id.clone());
    let known = world.voided.get(&key).filter(|known| known.run < run.id && now.ms_since(known.at) < TOLD_MS)?;
    let form = |proposal: &Proposal| {
        (proposal.inputs.clone(), proposal.select.clone(), proposal.tags.clone(), proposal.again.clone())
    };
    (form(&known.plan.proposal) == form(&run.plan.proposal)).then(|| (known, differences(&known.plan, &run.plan)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Ask;
    use crate::domain::fixture::{Driver, proposal, site};
    use crate::domain::id::Digest;
    use crate::domain::order::CellResult;
    use crate::domain::runbook::Action;
    use crate::domain::site::Site;
    use std::sync::Arc;

    /// Approved, then the runbook changes, then it is asked for again.
    fn again(change: impl FnOnce(&mut crate::domain::runbook::Runbook)) -> Driver {
        let mut driver = Driver::new(site());
        driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
        driver.carry_out(|_| CellResult::Ok);
        driver.approve("grace", 1).unwrap();
        let mut changed = Site::clone(driver.world.site.as_ref().unwrap());
        let runbook = Arc::make_mut(changed.runbooks.get_mut(&"restart".into()).unwrap());
        runbook.digest = Digest::of(b"changed");
        change(runbook);
        changed.digest = Digest::of(b"changed");
        driver.as_person("kim", Ask::LoadSite { site: Arc::new(changed), diff: String::new() }).unwrap();
        let digest = driver.world.pending.as_ref().unwrap().site.digest;
        driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
        assert!(driver.world.runs.is_empty(), "void");
        driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
        driver
    }

    #[test]
    fn z29_whoever_approved_is_told_that_only_a_comment_changed_and_approves_anew() {
        let mut driver = again(|runbook| runbook.source.push_str("# a comment"));
        let run = driver.run(2);
        let (known, different) = before(&driver.world, &run, driver.at).unwrap();
        assert_eq!((known.run.0, known.approvers.as_slice()), (1, ["grace".into()].as_slice()));
        assert_eq!(different, ["runbook (commands unchanged)"]);
        driver.carry_out(|_| CellResult::Ok);
        assert_eq!(driver.run(2).phase.tag().word(), "waiting", "the old word lets nothing on");
        driver.approve("grace", 2).unwrap();
        driver.at = driver.at.plus_ms(TOLD_MS);
        assert!(before(&driver.world, &driver.run(2), driver.at).is_none(), "a day later nobody remembers");
    }

    #[test]
    fn whoever_approved_is_told_that_what_runs_changed() {
        let driver = again(|runbook| {
            let Action::Script(script) = &mut runbook.steps[0].action else { panic!("a script") };
            script.text.push_str("; rm -rf /srv");
        });
        let run = driver.run(2);
        assert_eq!(before(&driver.world, &run, driver.at).unwrap().1, ["steps or checks"]);
    }
}
