//! What may become of the server itself: it drains, goes on, is handed over and taken over, or ends.

use super::*;
use crate::domain::serving::{self, Act, Goal, Serving, Want};

impl Deciding {
    pub(super) fn server(&mut self, want: &Want) -> Result<(), Refusal> {
        match want {
            Want::Drain { goal, until } => {
                self.engine_or_owner()?;
                if self.world.serving.holds() {
                    let what = format!("the server is {} already", self.world.serving.word());
                    return Err(Refusal::new(Rule::State, what).next("wait until that is through"));
                }
                self.of_server(Act::Drains { goal: *goal, until: *until }, &[])
            }
            Want::CallOff { why } => {
                self.engine_or_owner()?;
                let why = bounded(why)?;
                self.of_server(Act::CalledOff, &[("why", &why)])
            }
            Want::HandOver { from, to } => {
                self.engine_only()?;
                let left = serving::in_flight(&self.world);
                if self.world.serving.goal() != Some(Goal::Upgrade) || left > 0 {
                    return Err(Refusal::new(
                        Rule::State,
                        format!("{left} steps are in flight: nothing is handed over"),
                    ));
                }
                let act = Act::HandedOver { from: from.digest, to: to.digest };
                self.of_server(act, &[("from", &from.version), ("to", &to.version)])
            }
            Want::TakeOver { program, repaired_bytes } => {
                self.engine_only()?;
                self.of_server(Act::TookOver { program: *program, repaired_bytes: *repaired_bytes }, &[])
            }
            Want::End => {
                self.engine_only()?;
                self.interrupt_runs()
            }
        }
    }

    fn of_server(&mut self, act: Act, details: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut entry = Entry::bare(Event::Beside(Beside::Server { act }));
        for (name, text) in details {
            entry.details.insert((*name).to_owned(), Detail::Text((*text).to_owned()));
        }
        self.emit(entry)
    }

    /// Whatever runs is cut off here: the record says so, and a person goes on from its table.
    pub(super) fn interrupt_runs(&mut self) -> Result<(), Refusal> {
        let at_work: Vec<RunId> = self.world.runs.values().filter(|run| is_at_work(run)).map(|run| run.id).collect();
        for run in at_work {
            self.emit(Entry::bare(Event::RunEnded { run, ending: Ending::Interrupted }))?;
        }
        Ok(())
    }

    /// Between the word that another program goes on and that program's own nothing is recorded, or it could be begun twice.
    pub(super) fn is_ours(&self, ask: &Ask) -> Result<(), Refusal> {
        let successors = matches!(ask, Ask::Server(Want::TakeOver { .. }) | Ask::Boot { .. } | Ask::LoadSite { .. });
        match self.world.serving {
            Serving::HandedOver if !successors => {
                Err(Refusal::new(Rule::Stopping, "the server is being upgraded at this moment").next("say it again"))
            }
            Serving::HandedOver | Serving::Usual | Serving::Draining { .. } => Ok(()),
        }
    }

    /// Nobody starts a run at a server that goes.
    pub(super) fn may_begin(&self) -> Result<(), Refusal> {
        match self.world.serving.goal() {
            None => Ok(()),
            Some(Goal::Upgrade) => {
                let what = "the server is being upgraded: steps in flight finish first, and nothing starts until that is through";
                Err(Refusal::new(Rule::Stopping, what)
                    .next("say it again in a moment; the banner goes when it is through"))
            }
            Some(Goal::Stop) => {
                let what = "the server is stopping: nothing starts any more";
                Err(Refusal::new(Rule::Stopping, what).next("start it once the server is back"))
            }
        }
    }

    fn engine_or_owner(&self) -> Result<(), Refusal> {
        if self.by == Actor::Engine {
            return Ok(());
        }
        let person = self.person()?;
        let mut workspaces = self.world.site.iter().flat_map(|site| site.workspaces.values());
        match workspaces.any(|workspace| workspace.grants(&person, Role::Owner)) {
            true => Ok(()),
            false => Err(Refusal::new(Rule::Role, "only the server's own account, or an owner, may do that")),
        }
    }
}

fn is_at_work(run: &Run) -> bool {
    match run.phase {
        Phase::Running | Phase::Paused(_) | Phase::Stopping(_) | Phase::Verifying => true,
        Phase::Checking(_)
        | Phase::Waiting
        | Phase::Approved
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => false,
    }
}
