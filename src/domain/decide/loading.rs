//! Loading a site, and accepting one that waits.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::event::DETAIL_BYTES_MAX;
use crate::domain::id::WorkspaceId;
use crate::domain::source;
use crate::domain::workspace::Server;

/// Runs named in a refusal before the rest is counted.
const NAMED_RUNS_MAX: usize = 5;

impl Deciding {
    pub(super) fn load_site(&mut self, site: &Arc<Site>, diff: &str) -> Result<(), Refusal> {
        let same = |known: &Option<Arc<Site>>| known.as_ref().is_some_and(|known| known.digest == site.digest);
        if same(&self.world.site) && self.world.pending.is_none() {
            return Ok(());
        }
        let waiting = self.world.pending.as_ref().filter(|pending| pending.site.digest == site.digest);
        // A change that waits since the server started belongs to the first person who loads it.
        if waiting.is_some_and(|pending| pending.by.is_some() || self.by.person().is_none()) {
            return Ok(());
        }
        self.drops_no_run(site)?;
        let written = site.written().map_err(|why| Refusal::new(Rule::Site, why))?;
        let sensitive =
            self.world.site.as_ref().map(|current| site::sensitive_changes(current, site)).unwrap_or_default();
        // Somebody alone cannot ask a second person, not even to bring one in.
        let alone = self.world.site.as_ref().is_some_and(|current| current.has_one_person());
        let (digest, commit, dirty) = (site.digest, site.commit.clone(), site.dirty);
        let entry = if sensitive.is_empty() || alone {
            Entry::bare(Event::Beside(Beside::SiteLoaded { digest, commit, dirty }))
        } else {
            let count = u32::try_from(sensitive.len()).unwrap_or(u32::MAX);
            let list =
                serde_json::to_string(&sensitive).map_err(|error| Refusal::new(Rule::Site, error.to_string()))?;
            let by = self.by.person().cloned();
            Entry::with(
                Event::Beside(Beside::SitePending { digest, commit, dirty, by, sensitive: count }),
                "sensitive",
                list,
            )
        };
        self.emit(entry.and("site", written.site).and("files", written.files).and("diff", diff))?;
        self.site_changed()
    }

    pub(super) fn accept_site(&mut self, digest: Digest, reason: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let Some(pending) = self.world.pending.clone() else {
            return Err(Refusal::new(Rule::State, "no change to the site waits"));
        };
        if pending.site.digest != digest {
            return Err(Refusal::new(Rule::Stale, "another change waits than this one")
                .next(format!("read `quarterdeck site show`; it shows {}", pending.site.digest.short())));
        }
        if let Some(refusal) = pending.refuses(self.world.site.as_deref(), &person) {
            return Err(refusal);
        }
        self.drops_no_run(&pending.site)?;
        self.emit(Entry::with(Event::Beside(Beside::SiteAccepted { digest }), "reason", needed(reason, "a reason")?))?;
        self.site_changed()
    }

    /// What a source says is recorded where it differs from what it said before; what waits and would run elsewhere by it is void.
    pub(super) fn list(&mut self, workspace: &WorkspaceId, source: &str, servers: &[Server]) -> Result<(), Refusal> {
        self.engine_only()?;
        let gone = || Refusal::new(Rule::NotFound, format!("{workspace} has no source {source} any more"));
        let found = self.world.workspace(workspace).ok_or_else(gone)?;
        let of = found.sources.iter().find(|it| it.name == source).ok_or_else(gone)?;
        let before = self.world.listed.get(&(workspace.clone(), source.to_owned()));
        if before.is_some_and(|before| before.of == *of && before.servers == servers) {
            return Ok(());
        }
        if let Some(why) = source::unfit(found, source, servers) {
            return Err(Refusal::new(Rule::Targets, format!("the source {source} of {workspace}: {why}")));
        }
        let list = serde_json::to_string(servers).map_err(|error| Refusal::new(Rule::Site, error.to_string()))?;
        if list.len() > DETAIL_BYTES_MAX {
            return Err(Refusal::new(Rule::Limit, format!("the source {source} says more than one event can keep")));
        }
        let count = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        let event = Event::Beside(Beside::SourceListed {
            workspace: workspace.clone(),
            source: source.to_owned(),
            servers: count,
        });
        self.emit(Entry::with(event, "servers", list))?;
        self.site_changed()
    }

    /// A run is found by its workspace: one that has started needs it until somebody has signed it off.
    fn drops_no_run(&self, site: &Site) -> Result<(), Refusal> {
        let stranded =
            |run: &&Arc<Run>| run.started.is_some() && !site.workspaces.contains_key(&run.plan.proposal.workspace);
        let mut runs = self.world.runs.values().filter(stranded).map(|run| run.id.to_string());
        let named: Vec<String> = runs.by_ref().take(NAMED_RUNS_MAX).collect();
        let Some(first) = named.first() else {
            return Ok(());
        };
        let more = match runs.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = format!("this site drops the workspace of {}{more}, which nobody has signed off", named.join(", "));
        Err(Refusal::new(Rule::Site, what)
            .next(format!("keep the workspace until then: end, close and review {first}; then load the site again")))
    }

    /// What has not started and would run something else under the site now in force is void; what has started goes on as
    /// approved and is marked. What waited for a role that somebody holds (again) goes on, and what stands on a role that
    /// somebody lost pauses.
    pub(super) fn site_changed(&mut self) -> Result<(), Refusal> {
        self.lapse_standings()?;
        self.close_replaced()?;
        let open: Vec<Arc<Run>> = self.world.runs.values().cloned().collect();
        for run in open {
            match (&run.phase, drift(&self.world, &run)) {
                (Phase::Checking(_) | Phase::Waiting | Phase::Approved, Some(drift)) => {
                    self.emit(voided(run.id, Rule::BindingDrift, &drift))?;
                }
                (Phase::Waiting, None) => self.settle(run.id)?,
                (Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying, drift) => {
                    if let Some(why) = drift.filter(|why| run.drift.as_ref() != Some(why)) {
                        self.emit(Entry::with(Event::Drifted { run: run.id }, "why", why))?;
                    }
                    self.settle(run.id)?;
                }
                (Phase::Checking(_) | Phase::Approved, None)
                | (Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_), _) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
