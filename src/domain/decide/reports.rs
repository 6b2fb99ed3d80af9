//! What only the engine says: how orders went, and that the server has started.

use super::*;
use crate::domain::beside::Beside;

impl Deciding {
    pub(super) fn report(&mut self, report: &Report) -> Result<(), Refusal> {
        self.engine_only()?;
        let (id, slot, attempt) = (report.key.run, report.key.slot, report.key.attempt);
        if self.world.run(id).is_none() {
            return Err(Refusal::new(Rule::NotFound, format!("{id} is over")));
        }
        match &report.what {
            Progressed::Started { group } => {
                self.emit(Entry::bare(Event::Started { run: id, slot, attempt, group: *group }))
            }
            Progressed::Ended(outcome) => {
                let event =
                    Event::Ended { run: id, slot, attempt, result: outcome.result.clone(), output: outcome.output };
                let mut entry = Entry::bare(event);
                if !outcome.saw.is_empty() {
                    entry.details.insert("saw".to_owned(), Detail::Text(outcome.saw.clone()));
                }
                if !outcome.published.is_empty() {
                    let values = crate::domain::published::written(&outcome.published);
                    entry.details.insert("published".to_owned(), Detail::Text(values));
                }
                if !outcome.used.is_empty() {
                    let secrets = u32::try_from(outcome.used.len()).unwrap_or(u32::MAX);
                    let lines: Vec<String> = outcome.used.iter().map(crate::domain::order::Used::words).collect();
                    let used = Event::SecretUsed { run: id, slot, attempt, secrets };
                    self.emit(Entry::with(used, "secrets", lines.join("\n")))?;
                }
                self.emit(entry)?;
                self.settle(id)
            }
        }
    }

    /// While nothing can be recorded, nothing is begun. A person lets the run go on when there is room.
    pub(super) fn hold(&mut self, run: RunId) -> Result<(), Refusal> {
        self.engine_only()?;
        self.emit(Entry::bare(Event::RunPaused { run, cause: PauseCause::NoRoom }))
    }

    /// Nothing continues by itself after a restart: what ran is interrupted, what was only checked is checked again. A run
    /// that was checked for its start is to be started again by somebody. One event for each run, so that many open
    /// runs fit into one batch; the checks themselves begin when the engine looks at what is due.
    pub(super) fn boot(&mut self, repaired_bytes: u64) -> Result<(), Refusal> {
        self.engine_only()?;
        self.emit(Entry::bare(Event::Beside(Beside::Booted { repaired_bytes })))?;
        let open: Vec<(RunId, Phase, bool)> =
            self.world.runs.values().map(|run| (run.id, run.phase.clone(), locks::is_in_line(run))).collect();
        for (run, phase, queued) in open {
            match phase {
                Phase::Approved if queued => self.leave_line(run, "the server started anew")?,
                Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => {
                    self.emit(Entry::bare(Event::RunEnded { run, ending: Ending::Interrupted }))?;
                }
                Phase::Checking(_) => self.emit(Entry::bare(Event::RoundBegan { run, round: Round::Proposal }))?,
                Phase::Waiting
                | Phase::Approved
                | Phase::Ended(_)
                | Phase::Closed(_)
                | Phase::Reviewed(_)
                | Phase::Cancelled(_) => {}
            }
        }
        Ok(())
    }
}
