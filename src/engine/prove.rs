//! Answers what is proved out of the record: follow-ups, deviations, compliance, changes. Gathers what the views and the ledger
//! hold; what it comes to is the domain's to say.

use super::codec;
use super::fetch::{Library, unread};
use crate::domain::changes::{self, Change, What};
use crate::domain::compliance::{self, Head};
use crate::domain::event::Event;
use crate::domain::follow_up::{self, Told};
use crate::domain::proof::{Found, PROOF_RUNS_MAX, Period, Question, may_prove, may_see, places};
use crate::domain::query::HistoryRow;
use crate::domain::site::Site;
use crate::domain::week::{self, Heard};
use crate::domain::workspace::Workspace;
use crate::domain::{Beside, Digest, PersonId, Recorded, Refusal, Rule, Timestamp, WorkspaceId, World};
use crate::ledger;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Library {
    /// Answers one of these questions.
    ///
    /// # Errors
    /// As [`super::Handle::ask`].
    pub(super) fn prove(
        &self,
        world: &World,
        asker: &PersonId,
        now: Timestamp,
        question: Question,
    ) -> Result<Found, Refusal> {
        match question {
            Question::FollowUps => {
                let mut told = self.follow_ups()?;
                told.retain(|told| world.can_see(asker, &told.given.workspace));
                Ok(Found::FollowUps(told))
            }
            Question::Compliance(period) => self.compliance(world, asker, now, period),
            Question::Week(period) => self.week(world, asker, now, &period),
            Question::Changes(target, period) => self.changes(world, asker, &target, &period),
        }
    }

    fn follow_ups(&self) -> Result<Vec<Told>, Refusal> {
        Ok(follow_up::told(&self.of_kinds(&["follow_up"])?))
    }

    fn compliance(&self, world: &World, asker: &PersonId, now: Timestamp, period: Period) -> Result<Found, Refusal> {
        period.check()?;
        let workspaces = places(world, asker, period.workspace.as_ref(), may_prove)?;
        let rows = self.rows(&workspaces, &period)?;
        let head = Head {
            since: period.since,
            until: period.until,
            control: period.about,
            workspaces: ids(&workspaces),
            made: now,
            by: asker.clone(),
            events: world.events,
        };
        Ok(Found::Compliance(Arc::new(compliance::report(head, world.site.as_deref(), rows))))
    }

    fn week(&self, world: &World, asker: &PersonId, now: Timestamp, period: &Period) -> Result<Found, Refusal> {
        period.check()?;
        let workspaces = places(world, asker, period.workspace.as_ref(), may_see)?;
        let mut rows = self.rows(&workspaces, period)?;
        if let Some(release) = &period.about {
            rows.retain(|row| week::is_of_release(row, release));
        }
        let heard = Heard::of(&self.of_kinds(&["looked_at"])?, &self.follow_ups()?, period.since);
        Ok(Found::Week(Arc::new(week::look(world, &workspaces, period, &rows, &heard, now))))
    }

    fn changes(&self, world: &World, asker: &PersonId, target: &str, period: &Period) -> Result<Found, Refusal> {
        period.check()?;
        let workspaces = places(world, asker, period.workspace.as_ref(), may_see)?;
        let seen = ids(&workspaces);
        let mut found = Vec::new();
        for run in self.views()?.runs_on(changes::hosts(&workspaces, target).iter()).map_err(unread)? {
            let row = self.views()?.row(run).map_err(unread)?;
            let Some(row) = row.filter(|row| seen.contains(&row.workspace)) else {
                continue;
            };
            if let Some(started) = row.started.filter(|started| was_at_work(&row, *started, period)) {
                found.push(Change { at: started, what: What::Run(Box::new(row)) });
            }
        }
        found.extend(self.site_changes(&workspaces, target, period)?);
        found.sort_by_key(|change| std::cmp::Reverse((change.at, change.run())));
        Ok(Found::Changes(found))
    }

    /// Loads of the site in the period that changed one of the hosts: each compared with the site that was in force before it.
    fn site_changes(
        &self,
        workspaces: &[Arc<Workspace>],
        target: &str,
        period: &Period,
    ) -> Result<Vec<Change>, Refusal> {
        let mut found = Vec::new();
        let mut in_force: Option<Site> = None;
        let mut pending: BTreeMap<Digest, Site> = BTreeMap::new();
        for recorded in self.loads_since(period)? {
            if let Event::Beside(Beside::SitePending { digest, .. }) = &recorded.event {
                pending.extend(site_of(&recorded).map(|site| (*digest, site)));
            }
            let (digest, site) = if let Event::Beside(Beside::SiteLoaded { digest, .. }) = &recorded.event {
                (*digest, site_of(&recorded))
            } else if let Event::Beside(Beside::SiteAccepted { digest }) = &recorded.event {
                (*digest, pending.remove(digest))
            } else {
                continue;
            };
            // Erased, it is no longer known what it changed.
            let Some(site) = site else {
                in_force = None;
                continue;
            };
            if let Some(before) = in_force.as_ref().filter(|_| period.holds(recorded.at)) {
                let hosts = changes::of_site(before, &site, workspaces, target);
                if !hosts.is_empty() {
                    let (commit, by) = (site.commit.clone(), recorded.by.person().cloned());
                    found.push(Change { at: recorded.at, what: What::Site { digest, commit, by, hosts } });
                }
            }
            in_force = Some(site);
        }
        Ok(found)
    }

    /// Events that brought sites, from the one that was in force when the period began to its end.
    fn loads_since(&self, period: &Period) -> Result<Vec<Recorded>, Refusal> {
        let indices =
            self.views()?.events_of_kinds(&["site_loaded", "site_pending", "site_accepted"]).map_err(unread)?;
        let mut loads = Vec::new();
        // What an accepted site held stands with the event that left it waiting: that one is needed too.
        let mut waits_for = None;
        for index in indices.into_iter().rev() {
            let Some(recorded) = self.recorded(index)? else { continue };
            let before = recorded.at < period.since;
            let is_first = if let Event::Beside(Beside::SitePending { digest, .. }) = &recorded.event {
                waits_for == Some(*digest)
            } else {
                matches!(recorded.event, Event::Beside(Beside::SiteLoaded { .. })) && before && waits_for.is_none()
            };
            if let (Event::Beside(Beside::SiteAccepted { digest }), true, None) = (&recorded.event, before, waits_for) {
                waits_for = Some(*digest);
            }
            loads.push(recorded);
            if is_first {
                break;
            }
        }
        loads.reverse();
        loads.retain(|recorded| recorded.at < period.until);
        Ok(loads)
    }

    fn rows(&self, workspaces: &[Arc<Workspace>], period: &Period) -> Result<Vec<HistoryRow>, Refusal> {
        let seen = ids(workspaces);
        let wanted = |row: &HistoryRow| seen.contains(&row.workspace) && row.proposed < period.until;
        let rows = self.views()?.proposed_since(period.since, &wanted, PROOF_RUNS_MAX + 1).map_err(unread)?;
        match rows.len() > PROOF_RUNS_MAX {
            true => Err(Refusal::new(Rule::Limit, format!("the period has more than {PROOF_RUNS_MAX} runs"))
                .next("ask for a shorter one")),
            false => Ok(rows),
        }
    }

    fn of_kinds(&self, kinds: &[&str]) -> Result<Vec<Recorded>, Refusal> {
        let indices = self.views()?.events_of_kinds(kinds).map_err(unread)?;
        indices.into_iter().filter_map(|index| self.recorded(index).transpose()).collect()
    }

    fn recorded(&self, index: u64) -> Result<Option<Recorded>, Refusal> {
        let entry = self.ledger.read(index).map_err(unread)?;
        let details = self.ledger.details(&entry).map_err(unread)?;
        codec::recorded(ledger::Recorded { entry, details }).map_err(unread)
    }
}

fn ids(workspaces: &[Arc<Workspace>]) -> Vec<WorkspaceId> {
    workspaces.iter().map(|found| found.id.clone()).collect()
}

/// Whether a run that started at a moment was at work at some time of the period.
fn was_at_work(row: &HistoryRow, started: Timestamp, period: &Period) -> bool {
    started < period.until && row.ended.is_none_or(|ended| ended >= period.since)
}

fn site_of(recorded: &Recorded) -> Option<Site> {
    serde_json::from_str(recorded.details.get("site")?.text()).ok()
}
