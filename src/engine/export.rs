//! An evidence pack leaves the house: found in the record, recorded as taken out, signed for, and only then made and handed over.

use super::codec;
use super::fetch::{Library, unread};
use super::handle::{Handle, gone};
use crate::domain::command::{Ask, Seen};
use crate::domain::decide::exporting::Exporting;
use crate::domain::exported::{Selection, names};
use crate::domain::id::IncidentId;
use crate::domain::proof::{may_prove, places};
use crate::domain::{Actor, PersonId, Refusal, Rule, RunId, Timestamp, WorkspaceId, World};
use crate::ledger;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most runs of one pack: those of a long incident, or of a busy month.
const PACK_RUNS_MAX: usize = 1_000;

/// Most events of a period: some ten megabytes of leaves.
const PERIOD_EVENTS_MAX: u64 = 50_000;

/// What a selection comes to in the record.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Runs, each with all its events, and where.
    pub runs: BTreeMap<RunId, WorkspaceId>,
    /// Events of no run, and whether their details are told: those of a workspace. What is the whole site's is for nobody alone.
    pub beside: BTreeMap<u64, bool>,
    /// The workspaces all of it belongs to.
    pub workspaces: BTreeSet<WorkspaceId>,
}

impl Handle {
    /// The pack of what was selected, with proofs from the earlier heads of so many events. Its export stands in the record before
    /// anybody has it, and in the head that it is proved against.
    ///
    /// # Errors
    /// [`Rule::NotFound`] where there is nothing that this person may prove; [`Rule::Role`] where a period has events of a workspace
    /// that they may not; [`Rule::Limit`] where it is too much for one pack; [`Rule::Storage`] where nothing can be signed or read.
    pub async fn export(&self, by: Actor, selection: Selection, earlier: Vec<u64>) -> Result<Arc<[u8]>, Refusal> {
        let Some(person) = by.person().cloned() else {
            return Err(Refusal::new(Rule::ActorMachine, "only a person takes evidence out"));
        };
        let (wanted, asker) = (selection.clone(), person.clone());
        let of = self.looked_up(move |library, world| library.exporting(world, &asker, &wanted)).await?;
        let receipt = self.decided(by, Seen::Nothing, Ask::Export(of)).await?;
        let recorded = receipt.index.unwrap_or_default();
        self.looked_up(move |library, world| library.pack(world, &person, &selection, &earlier, recorded)).await
    }

    /// Reads the record where reading may take its time.
    async fn looked_up<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Library, &World) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let world = Arc::clone(&self.world.borrow());
        let library = self.shelf.library().ok_or_else(gone)?;
        let found = tokio::task::spawn_blocking(move || look(&library, &world)).await;
        found.map_err(|_| Refusal::new(Rule::Storage, "the pack could not be made; the log says why"))?
    }
}

impl Library {
    /// What is recorded of an export: for each workspace, what of it goes out.
    fn exporting(&self, world: &World, asker: &PersonId, selection: &Selection) -> Result<Exporting, Refusal> {
        // What cannot be proved is not recorded as taken out.
        self.signed()?;
        let chosen = self.chosen(world, asker, selection, self.ledger.head().size)?;
        Ok(match selection {
            Selection::Runs(_) => {
                let of = |workspace: &WorkspaceId| {
                    let runs = chosen.runs.iter().filter(|(_, place)| *place == workspace);
                    Selection::Runs(runs.map(|(run, _)| *run).collect())
                };
                chosen.workspaces.iter().map(|workspace| (workspace.clone(), of(workspace))).collect()
            }
            Selection::Incident(_) => chosen.workspaces.into_iter().map(|place| (place, selection.clone())).collect(),
            // That nothing happened somewhere is shown as well.
            Selection::Period { .. } => {
                let all = places(world, asker, None, may_prove)?;
                all.iter().map(|place| (place.id.clone(), selection.clone())).collect()
            }
        })
    }

    /// What a selection comes to among the first `size` events, if this person may prove all of it.
    pub(super) fn chosen(
        &self,
        world: &World,
        asker: &PersonId,
        selection: &Selection,
        size: u64,
    ) -> Result<Chosen, Refusal> {
        selection.check()?;
        let mut chosen = Chosen::default();
        match selection {
            Selection::Runs(runs) => {
                for run in runs {
                    self.choose(&mut chosen, *run)?.ok_or_else(|| missing(&format!("run {run}")))?;
                }
            }
            Selection::Incident(id) => self.of_incident(&mut chosen, *id, size)?,
            Selection::Period { from, until } => self.of_period(&mut chosen, (*from, *until), size)?,
        }
        let proves = |id: &WorkspaceId| world.workspace(id).is_some_and(|place| may_prove(place, asker));
        if !chosen.workspaces.iter().all(proves) {
            return Err(match selection {
                Selection::Runs(runs) => {
                    let of_others = |run: &&RunId| chosen.runs.get(run).is_none_or(|place| !proves(place));
                    missing(&runs.iter().find(of_others).map_or_else(String::new, |run| format!("run {run}")))
                }
                Selection::Incident(id) => missing(&format!("incident {id}")),
                Selection::Period { .. } => {
                    let what = "not every event from the one before the period to the one after it is yours to prove";
                    Refusal::new(Rule::Role, what)
                        .who_may("whoever audits or owns each workspace that has an event there")
                        .next("`evidence export --run` and `--incident` take what is of one workspace")
                }
            });
        }
        match chosen.runs.len() > PACK_RUNS_MAX {
            true => Err(Refusal::new(Rule::Limit, format!("it has more than {PACK_RUNS_MAX} runs"))
                .next("export a shorter period, or runs by their numbers")),
            false => Ok(chosen),
        }
    }

    /// Takes a run; `None` where there is none.
    fn choose(&self, chosen: &mut Chosen, run: RunId) -> Result<Option<()>, Refusal> {
        if chosen.runs.contains_key(&run) {
            return Ok(Some(()));
        }
        let Some(row) = self.views()?.row(run).map_err(unread)? else { return Ok(None) };
        chosen.workspaces.insert(row.workspace.clone());
        chosen.runs.insert(run, row.workspace);
        Ok(Some(()))
    }

    /// An incident's own events; the runs that broke glass for it, and those of its workspace whose ticket names it.
    fn of_incident(&self, chosen: &mut Chosen, id: IncidentId, size: u64) -> Result<(), Refusal> {
        let is_of = |entry: &ledger::Entry| entry.body.get("incident").and_then(Value::as_u64) == Some(id.0);
        let mut opened = None;
        let views = self.views()?;
        for index in views.events_of_kinds(&["incident", "glass_broken"]).map_err(unread)? {
            let entry = self.ledger.read(index).map_err(unread)?;
            if index >= size || !is_of(&entry) {
                continue;
            }
            match entry.run {
                Some(run) => drop(self.choose(chosen, RunId(run.id))?),
                None => {
                    let workspace = entry.body.get("workspace").and_then(Value::as_str).unwrap_or_default();
                    opened.get_or_insert((Timestamp(entry.at), WorkspaceId::new(workspace)));
                    chosen.beside.insert(index, true);
                }
            }
        }
        let (since, workspace) = opened.ok_or_else(|| missing(&format!("incident {id}")))?;
        let wanted = |row: &crate::domain::query::HistoryRow| row.workspace == workspace && names(&row.ticket, id);
        let named = views.proposed_since(since, &wanted, PACK_RUNS_MAX + 1).map_err(unread)?;
        chosen.runs.extend(named.into_iter().map(|row| (row.run, row.workspace)));
        chosen.workspaces.insert(workspace);
        Ok(())
    }

    /// Every event of a period, and the one before and the one after it, so that none in between can be missing.
    fn of_period(&self, chosen: &mut Chosen, (from, until): (Timestamp, Timestamp), size: u64) -> Result<(), Refusal> {
        let (first, end) = (self.first_at(from, size)?, self.first_at(until, size)?);
        if end - first > PERIOD_EVENTS_MAX {
            let what = format!("the period has {} events, a pack holds {PERIOD_EVENTS_MAX} of one", end - first);
            return Err(Refusal::new(Rule::Limit, what).next("export a shorter period"));
        }
        let whole = first.saturating_sub(1)..size.min(end + 1);
        let many = usize::try_from(whole.end - whole.start).unwrap_or(usize::MAX);
        for entry in self.ledger.iter(whole.start).take(many) {
            let entry = entry.map_err(unread)?;
            let (index, is_in) = (entry.index, (first..end).contains(&entry.index));
            match entry.run.map(|run| RunId(run.id)) {
                Some(run) if is_in => drop(self.choose(chosen, run)?),
                Some(run) => {
                    // A neighbour that is no event of the period: its leaf alone.
                    chosen.workspaces.extend(self.views()?.row(run).map_err(unread)?.map(|row| row.workspace));
                    chosen.beside.insert(index, false);
                }
                None => {
                    let read = codec::recorded(ledger::Recorded { entry, details: BTreeMap::new() }).map_err(unread)?;
                    let workspace = read.as_ref().and_then(|read| read.event.workspace());
                    chosen.beside.insert(index, is_in && workspace.is_some());
                    chosen.workspaces.extend(workspace.cloned());
                }
            }
        }
        Ok(())
    }

    /// The first of `size` events at or after a moment; `size` where there is none. Time never goes back along the record.
    fn first_at(&self, at: Timestamp, size: u64) -> Result<u64, Refusal> {
        let (mut low, mut high) = (0, size);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.ledger.read(middle).map_err(unread)?.at < at.0 {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }
}

/// In the words of what is not there, whether it is or not.
pub(super) fn missing(what: &str) -> Refusal {
    Refusal::new(Rule::NotFound, format!("no {what} that you may prove"))
}
