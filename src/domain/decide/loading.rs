//! Loading a site, and accepting one that waits.

use super::*;

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
        let written = site.written().map_err(|why| Refusal::new(Rule::Site, why))?;
        let sensitive =
            self.world.site.as_ref().map(|current| site::sensitive_changes(current, site)).unwrap_or_default();
        // Somebody alone cannot ask a second person, not even to bring one in.
        let alone = self.world.site.as_ref().is_some_and(|current| current.has_one_person());
        let (digest, commit, dirty) = (site.digest, site.commit.clone(), site.dirty);
        let entry = if sensitive.is_empty() || alone {
            Entry::bare(Event::SiteLoaded { digest, commit, dirty })
        } else {
            let count = u32::try_from(sensitive.len()).unwrap_or(u32::MAX);
            let list =
                serde_json::to_string(&sensitive).map_err(|error| Refusal::new(Rule::Site, error.to_string()))?;
            let by = self.by.person().cloned();
            Entry::with(Event::SitePending { digest, commit, dirty, by, sensitive: count }, "sensitive", list)
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
            return Err(Refusal::new(Rule::Stale, "the waiting change is another one by now").next("look at it again"));
        }
        if let Some(refusal) = pending.refuses(self.world.site.as_deref(), &person) {
            return Err(refusal);
        }
        self.emit(Entry::with(Event::SiteAccepted { digest }, "reason", needed(reason, "a reason")?))?;
        self.site_changed()
    }

    /// Voids every run that has not started and would run something else under the site now in force; and lets go on what
    /// waited for a role that somebody holds (again) now.
    fn site_changed(&mut self) -> Result<(), Refusal> {
        let open: Vec<Arc<Run>> = self.world.runs.values().cloned().collect();
        for run in open {
            let not_started = matches!(run.phase, Phase::Checking(_) | Phase::Waiting | Phase::Approved);
            if let Some(drift) = drift(&self.world, &run).filter(|_| not_started) {
                self.void(run.id, Rule::BindingDrift, &drift)?;
            } else if run.phase == Phase::Waiting {
                self.settle(run.id)?;
            }
        }
        Ok(())
    }

    pub(super) fn void(&mut self, run: RunId, rule: Rule, why: &str) -> Result<(), Refusal> {
        self.emit(Entry::with(Event::RunCancelled { run, cancel: Cancel::Void(rule) }, "why", why))
    }
}

#[cfg(test)]
mod tests;
