//! Giving follow-ups and closing them, by a person or by the runbook they were about; looking at deviations.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::deviation::Deviation;
use crate::domain::follow_up::{
    self, About, Act, Draft, FOLLOW_UP_TEXT_BYTES_MAX, FOLLOW_UPS_OPEN_MAX, FOLLOW_UPS_PER_REVIEW_MAX, FollowUpId,
    Source, Wanted, day,
};
use crate::domain::id::WorkspaceId;

impl Deciding {
    pub(super) fn follow_up(&mut self, wanted: &Wanted) -> Result<(), Refusal> {
        match wanted {
            Wanted::Add { workspace, draft, from } => {
                let person = self.person()?;
                let found = self.workspace_for(workspace, &person)?;
                let only_looks = |role: Role| role == Role::Viewer;
                let acts = found.members.get(&person).is_some_and(|roles| !roles.iter().copied().all(only_looks));
                if !acts && !found.is_owned_by(&person) {
                    let what = format!("{person} only looks at {workspace}");
                    return Err(Refusal::new(Rule::Role, what).who_may("a member with any role but viewer"));
                }
                match from {
                    Source::Person => {}
                    Source::Deviation(deviation) => self.is_of(&found, deviation)?,
                    Source::Run(id) => {
                        let what = format!("a follow-up of {id} comes with its review");
                        return Err(Refusal::new(Rule::Input, what).next("give it there, or on its own"));
                    }
                }
                self.give(&found, draft, from.clone())
            }
            Wanted::Done { id, note } => self.done(*id, note),
        }
    }

    /// Those a reviewer gives with the sign-off.
    pub(super) fn give_with_review(
        &mut self,
        workspace: &Workspace,
        id: RunId,
        drafts: &[Draft],
    ) -> Result<(), Refusal> {
        if drafts.len() > FOLLOW_UPS_PER_REVIEW_MAX {
            let what = format!("a review gives {FOLLOW_UPS_PER_REVIEW_MAX} follow-ups at most");
            return Err(Refusal::new(Rule::Limit, what).next("give the others with `follow-up add`"));
        }
        drafts.iter().try_for_each(|draft| self.give(workspace, draft, Source::Run(id)))
    }

    fn give(&mut self, workspace: &Workspace, draft: &Draft, from: Source) -> Result<(), Refusal> {
        let Draft { owner, due, text, runbook } = draft;
        if !workspace.has_member(owner) {
            let members: Vec<&str> = workspace.members.keys().map(PersonId::as_str).collect();
            let what = format!("{owner} is no member of {}", workspace.id);
            return Err(Refusal::new(Rule::Input, what).next(format!("give it to one of {}", members.join(", "))));
        }
        let today = day(self.at);
        if *due < today {
            let what = format!("{due} is over: today is {today} in UTC");
            return Err(Refusal::new(Rule::Input, what).next("say a day that comes"));
        }
        let text = needed(text, "what is to be done")?;
        if text.len() > FOLLOW_UP_TEXT_BYTES_MAX {
            let what = format!("a follow-up may have {FOLLOW_UP_TEXT_BYTES_MAX} bytes of text");
            return Err(Refusal::new(Rule::Limit, what).next("say it shortly, and name where more is written"));
        }
        if self.world.follow_ups.len() >= FOLLOW_UPS_OPEN_MAX {
            let what = format!("{FOLLOW_UPS_OPEN_MAX} follow-ups are open");
            return Err(Refusal::new(Rule::Limit, what).next("close some first"));
        }
        let about = runbook.as_ref().map(|id| {
            let site = self.world.site.as_ref();
            let found = site.and_then(|site| site.runbooks.get(id));
            found.map(|found| About { runbook: id.clone(), digest: found.digest }).ok_or_else(|| {
                Refusal::new(Rule::NotFound, format!("no runbook is called {id}")).next("`quarterdeck show` lists them")
            })
        });
        let about = about.transpose()?;
        let id = FollowUpId(self.world.next_follow_up.max(1));
        let act = Act::Added { owner: owner.clone(), due: *due, about, from };
        self.emit(Entry::with(
            Event::Beside(Beside::FollowUp { id, workspace: workspace.id.clone(), act }),
            "text",
            text,
        ))
    }

    fn done(&mut self, id: FollowUpId, note: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let found = self.world.follow_ups.get(&id).cloned();
        let found = found.filter(|one| self.world.can_see(&person, &one.workspace)).ok_or_else(|| {
            Refusal::new(Rule::NotFound, format!("no open follow-up {id}"))
                .next("`quarterdeck follow-up list --all` shows closed ones")
        })?;
        let workspace = self.workspace_for(&found.workspace, &person)?;
        if !found.may_close(&workspace, &person) {
            let what = format!("{id} is {}'s", found.owner);
            return Err(Refusal::new(Rule::Role, what).who_may(format!("{}, a reviewer or an owner", found.owner)));
        }
        let note = needed(note, "a note of what was done")?;
        let event = Event::Beside(Beside::FollowUp { id, workspace: found.workspace.clone(), act: Act::Done });
        self.emit(Entry::with(event, "note", note))
    }

    /// Whoever reviews, audits or answers for a workspace says that a deviation was looked at. Saying it again replaces nothing:
    /// both stand in the record.
    pub(super) fn look_at(
        &mut self,
        workspace: &WorkspaceId,
        deviation: &Deviation,
        reason: &str,
    ) -> Result<(), Refusal> {
        let person = self.person()?;
        let found = self.workspace_for(workspace, &person)?;
        let may = [Role::Reviewer, Role::Auditor].into_iter().any(|role| found.grants(&person, role));
        if !may && !found.is_owned_by(&person) {
            let what = format!("{person} does not look at deviations of {workspace}");
            return Err(Refusal::new(Rule::Role, what).who_may("a reviewer, an auditor or an owner"));
        }
        self.is_of(&found, deviation)?;
        let reason = needed(reason, "a word of what came of it")?;
        let event = Event::Beside(Beside::LookedAt { workspace: workspace.clone(), deviation: deviation.clone() });
        self.emit(Entry::with(event, "reason", reason))
    }

    /// What a deviation is about has to be of the workspace, as far as the world can tell: a run that is over is known to the views
    /// alone.
    fn is_of(&self, workspace: &Workspace, deviation: &Deviation) -> Result<(), Refusal> {
        let known = match deviation {
            Deviation::Emergency(id)
            | Deviation::Warning(id, _)
            | Deviation::Tags(id)
            | Deviation::NoNote(id)
            | Deviation::NoReview(id) => {
                let elsewhere = self.world.run(*id).is_some_and(|run| run.plan.proposal.workspace != workspace.id);
                !elsewhere && (1..self.world.next_run).contains(&id.0)
            }
            Deviation::FollowUp(id) => self.world.follow_ups.get(id).is_some_and(|one| one.workspace == workspace.id),
            Deviation::Stale(id) => self.world.site.as_ref().is_some_and(|site| site.runbooks.contains_key(id)),
            Deviation::Unused(person, role) => workspace.grants(person, *role),
        };
        match known {
            true => Ok(()),
            false => Err(Refusal::new(Rule::NotFound, format!("{} has no deviation {deviation}", workspace.id))
                .next("`quarterdeck deviations list` shows them")),
        }
    }

    /// A site has come into force: what was to be done about a runbook that is another one now has been.
    pub(super) fn close_replaced(&mut self) -> Result<(), Refusal> {
        let Some(site) = self.world.site.clone() else {
            return Ok(());
        };
        let over: Vec<(FollowUpId, WorkspaceId, Digest)> = follow_up::replaced(&self.world, &site)
            .map(|(one, digest)| (one.id, one.workspace.clone(), digest))
            .collect();
        for (id, workspace, digest) in over {
            self.emit(Entry::bare(Event::Beside(Beside::FollowUp { id, workspace, act: Act::Replaced { digest } })))?;
        }
        Ok(())
    }

    /// The workspace, for a person who may see it; for others it does not exist.
    pub(super) fn workspace_for(&self, id: &WorkspaceId, person: &PersonId) -> Result<Arc<Workspace>, Refusal> {
        let found = self.world.workspace(id).filter(|found| found.has_member(person));
        found.cloned().ok_or_else(|| Refusal::new(Rule::NotFound, format!("no workspace is called {id}")))
    }
}
