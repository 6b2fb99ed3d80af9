//! A week, or a release, looked at: its runs, what of it deviates, and which of that somebody has looked at since it began.
//!
//! Invariant: only the record speaks. What deviates is worked out from rows and from the world anew each time, so that nothing has to
//! be kept up; a look counts for every period that began before it.

use super::beside::Beside;
use super::compliance::outcome;
use super::deviation::Deviation;
use super::event::{Event, Recorded};
use super::follow_up::{FollowUpId, Source, Told, day};
use super::glass;
use super::history::{self, Said};
use super::id::{RunId, Timestamp, WorkspaceId};
use super::proof::Period;
use super::query::HistoryRow;
use super::workspace::Workspace;
use super::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A period that ended so shortly ago is the present one: between a question and its answer passes some time.
const JUST_OVER_MS: u64 = 60_000;

/// What a review is about, and what of it deviates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Week {
    /// The period.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// The text that tickets or reasons of its runs hold, where it is of a release.
    pub release: Option<String>,
    /// In these workspaces.
    pub workspaces: Vec<WorkspaceId>,
    /// Its runs, the latest first.
    pub runs: Vec<RunLine>,
    /// What deviates, those nobody has looked at first.
    pub deviations: Vec<Line>,
}

impl Week {
    /// Those nobody has looked at.
    pub fn open(&self) -> usize {
        self.deviations.iter().filter(|line| line.is_open()).count()
    }
}

/// A run in a review.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunLine {
    /// Its number.
    pub run: RunId,
    /// Where.
    pub workspace: WorkspaceId,
    /// What, how it ended and by whom, in words.
    pub words: String,
}

/// A deviation in a review.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Where.
    pub workspace: WorkspaceId,
    /// Which.
    pub deviation: Deviation,
    /// What it is, in words.
    pub words: String,
    /// Who looked at it last, and what came of it.
    pub looked: Option<Said>,
    /// The follow-up it became.
    pub follow_up: Option<FollowUpId>,
}

impl Line {
    /// Whether nobody has looked at it.
    pub fn is_open(&self) -> bool {
        self.looked.is_none() && self.follow_up.is_none()
    }

    /// As it is named at the command line: `prod-web:warning:42:freshness`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.workspace, self.deviation)
    }
}

/// What was said of deviations, out of the record: looks, and follow-ups of them.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    looks: BTreeMap<(WorkspaceId, Deviation), Said>,
    follow_ups: BTreeMap<(WorkspaceId, Deviation), FollowUpId>,
}

impl Heard {
    /// Out of looks and follow-ups since a moment.
    pub fn of(looks: &[Recorded], follow_ups: &[Told], since: Timestamp) -> Self {
        let mut heard = Self::default();
        for recorded in looks.iter().filter(|recorded| recorded.at >= since) {
            if let (Event::Beside(Beside::LookedAt { workspace, deviation }), Some(by)) =
                (&recorded.event, recorded.by.person())
            {
                let text = recorded.details.get("reason").map_or("", |detail| detail.text()).to_owned();
                let said = Said { by: by.clone(), at: recorded.at, text };
                heard.looks.insert((workspace.clone(), deviation.clone()), said);
            }
        }
        for told in follow_ups.iter().filter(|told| told.given.at >= since) {
            if let Source::Deviation(deviation) = &told.given.from {
                heard.follow_ups.insert((told.given.workspace.clone(), deviation.clone()), told.given.id);
            }
        }
        heard
    }
}

/// Looks through a period. `rows` are its runs in these workspaces, the latest first.
pub fn look(
    world: &World,
    workspaces: &[Arc<Workspace>],
    period: &Period,
    rows: &[HistoryRow],
    heard: &Heard,
    now: Timestamp,
) -> Week {
    let mut deviations: Vec<Line> = Vec::new();
    for workspace in workspaces {
        let mut found: Vec<(Deviation, String)> = Vec::new();
        for row in rows.iter().filter(|row| row.workspace == workspace.id) {
            of_run(workspace, row, now, &mut found);
        }
        // A release is its runs; a week that is not over for long is also what lies about.
        if period.about.is_none() && now.ms_since(period.until) < JUST_OVER_MS {
            for run in world.runs.values().filter(|run| run.plan.proposal.workspace == workspace.id) {
                if run.ended.is_some() && !rows.iter().any(|row| row.run == run.id) {
                    of_end(workspace, &history::row(run), now, &mut found);
                }
            }
            of_place(world, workspace, now, &mut found);
        }
        deviations.extend(found.into_iter().map(|(deviation, words)| {
            let key = (workspace.id.clone(), deviation.clone());
            let (looked, follow_up) = (heard.looks.get(&key).cloned(), heard.follow_ups.get(&key).copied());
            Line { workspace: workspace.id.clone(), deviation, words, looked, follow_up }
        }));
    }
    deviations.sort_by_key(|line| !line.is_open());
    let runs = rows.iter().map(|row| {
        let by = row.driver.as_ref().unwrap_or(&row.by);
        let words = format!("{} {}, {} by {by}", row.runbook, row.version, outcome(row));
        RunLine { run: row.run, workspace: row.workspace.clone(), words }
    });
    Week {
        since: period.since,
        until: period.until,
        release: period.about.clone(),
        workspaces: workspaces.iter().map(|found| found.id.clone()).collect(),
        runs: runs.collect(),
        deviations,
    }
}

/// Whether a run is of a release: its ticket or reason holds the text.
pub fn is_of_release(row: &HistoryRow, text: &str) -> bool {
    let text = text.to_lowercase();
    [&row.ticket, &row.acts.reason].into_iter().any(|field| field.to_lowercase().contains(&text))
}

fn of_run(workspace: &Workspace, row: &HistoryRow, now: Timestamp, found: &mut Vec<(Deviation, String)>) {
    let acts = &row.acts;
    if let Some(said) = &acts.emergency {
        let words = format!("{} broke glass for {}, for {}", said.by, row.runbook, said.text);
        found.push((Deviation::Emergency(row.run), words));
    }
    for (warning, answer) in &acts.warnings {
        let words = format!("{} answered for {warning}: {}", answer.by, answer.text);
        found.push((Deviation::Warning(row.run, warning.clone()), words));
    }
    let beyond: Vec<&str> =
        acts.tags.iter().filter(|tag| !workspace.baseline_tags.contains(*tag)).map(String::as_str).collect();
    if !beyond.is_empty() && row.started.is_some() {
        let words = format!("{} ran more than the baseline: {}", row.runbook, beyond.join(", "));
        found.push((Deviation::Tags(row.run), words));
    }
    of_end(workspace, row, now, found);
}

/// What is left to do about a run that is over, however long ago it was asked for.
fn of_end(workspace: &Workspace, row: &HistoryRow, now: Timestamp, found: &mut Vec<(Deviation, String)>) {
    let acts = &row.acts;
    let (Some(ended), None) = (row.ended, &acts.cancel) else {
        return;
    };
    if acts.noted.is_none() {
        let words = format!("{} {}, and nobody wrote what came of it", row.runbook, outcome(row));
        found.push((Deviation::NoNote(row.run), words));
    }
    let due = match &acts.emergency {
        Some(said) => said.at.plus_ms(glass::REVIEW_MS),
        None => ended.plus_ms(workspace.policy.review_within_ms),
    };
    if acts.reviewed.as_ref().map_or(now, |said| said.at) > due {
        let words = match &acts.reviewed {
            Some(said) => format!("{} was reviewed late, by {}", row.runbook, said.by),
            None => format!("{} {}, and nobody has reviewed it", row.runbook, outcome(row)),
        };
        found.push((Deviation::NoReview(row.run), words));
    }
}

fn of_place(world: &World, workspace: &Workspace, now: Timestamp, found: &mut Vec<(Deviation, String)>) {
    for one in world.follow_ups.values().filter(|one| one.workspace == workspace.id && one.is_overdue(now)) {
        let words = format!("{} had it to do by {}: {}", one.owner, one.due, one.text);
        found.push((Deviation::FollowUp(one.id), words));
    }
    let today = day(now).to_string();
    for runbook in world.site.iter().flat_map(|site| site.runbooks.values()) {
        // Only what was run here is this workspace's to look after.
        let runs_here = world.usual.contains_key(&(workspace.id.clone(), runbook.id.clone()));
        if runs_here && !runbook.next_review.is_empty() && runbook.next_review < today {
            let words = format!("the review of {} was due on {}", runbook.id, runbook.next_review);
            found.push((Deviation::Stale(runbook.id.clone()), words));
        }
    }
    for (person, role, held) in world.used.unused(&workspace.id, now) {
        let words = match held.last {
            Some(last) => format!("{person} has not been {} since {}", role.word(), day(last)),
            None => format!("{person} has been given {} and never used it", role.word()),
        };
        found.push((Deviation::Unused(person.clone(), role), words));
    }
}
