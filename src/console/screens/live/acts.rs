//! What keys do on a live run: taking it, deciding about what failed, asking for acts, moving between its log and its matrix.

use super::*;

impl Live {
    pub(super) fn take(&mut self, cx: &Cx<'_>, run: &Run) -> Vec<Do> {
        if asks::is_offered(run, cx.me()) {
            return asks::claim(cx, run).into_iter().collect();
        }
        let waiting = facts::undecided(run);
        let slot = self.slot(run).filter(|slot| waiting.contains(slot)).or(waiting.iter().next().copied());
        match (slot, facts::hand_step(run)) {
            (Some(_), _) if run.claim.as_ref().is_some_and(|holder| holder != cx.me()) => {
                asks::claim(cx, run).into_iter().collect()
            }
            (Some(slot), _) => {
                self.taken = Some(slot);
                self.at = Some(At { item: slot.item, host: slot.host });
                asks::claim(cx, run).into_iter().chain(self.aim(run)).collect()
            }
            (None, Some((slot, _))) => asks::by_hand(cx, run, slot).into_iter().collect(),
            (None, None) => vec![Do::Say("nothing here needs a person now".to_owned())],
        }
    }

    pub(super) fn decide(&mut self, cx: &Cx<'_>, run: &Run, act: DecideAct) -> Vec<Do> {
        let Some(slot) = self.taken.filter(|slot| facts::undecided(run).contains(slot)) else {
            self.taken = None;
            return vec![Do::Say("that was decided already".to_owned())];
        };
        let unknown = matches!(run.state(slot), CellState::Unknown(_));
        let decision = match act {
            DecideAct::Retry => Decision::Retry,
            DecideAct::Probe => Decision::Probe,
            DecideAct::Skip => Decision::Skip,
            DecideAct::Drop => Decision::Drop,
            DecideAct::MarkOk if unknown => Decision::MarkOk,
            DecideAct::MarkFailed if unknown => Decision::MarkFailed,
            DecideAct::MarkOk | DecideAct::MarkFailed => {
                return vec![Do::Say("only an end that nobody saw can be marked; this one failed".to_owned())];
            }
            DecideAct::WayBack => return vec![over(Overlay::Sheet(way_back::sheet(run)))],
            DecideAct::Stop => return vec![asks::stop_menu(run)],
        };
        vec![asks::resolve(cx, run, slot, decision)]
    }

    pub(super) fn run_act(&mut self, cx: &Cx<'_>, run: &Run, act: RunAct) -> Vec<Do> {
        match act {
            RunAct::NextPane | RunAct::PrevPane => {
                self.pane = match self.pane {
                    Pane::Matrix => Pane::Log,
                    Pane::Log => Pane::Matrix,
                };
                Vec::new()
            }
            RunAct::Open if matches!(run.phase, Phase::Waiting) => vec![push(Screen::Approval(Approval::of(run.id)))],
            RunAct::Open if self.slot(run).is_some_and(|slot| matrix::is_by_people(run, slot.item)) => {
                match facts::hand_step(run) {
                    Some((slot, _)) if self.slot(run) == Some(slot) => {
                        asks::by_hand(cx, run, slot).into_iter().collect()
                    }
                    Some(_) | None => self.ran(cx).map(|sheet| over(Overlay::Sheet(sheet))).into_iter().collect(),
                }
            }
            RunAct::Open => {
                self.pane = Pane::Log;
                self.merged = Merged::Selected;
                self.aim(run)
            }
            RunAct::Take => self.take(cx, run),
            RunAct::Start if run.phase == Phase::Approved && run.queued.is_none() => {
                match asks::prompts(run).is_empty() {
                    true => vec![asks::start(cx, run)],
                    // Who starts it is asked for what it lacks first: without it the run would only fail.
                    false => vec![Do::Fetch(Want::Start, Fetch::Secrets(run.id))],
                }
            }
            RunAct::Start => vec![Do::Say(format!("{} {}: nothing to start", run.id, words::standing(run)))],
            RunAct::Pause => vec![asks::pause(cx, run)],
            RunAct::Stop => vec![asks::stop_menu(run)],
            RunAct::Accept => vec![asks::accept(cx, run)],
            RunAct::Secret if run.ended.is_some() || run.is_over() => {
                vec![Do::Say(format!("{} {}: it needs no secret any more", run.id, words::phase(&run.phase)))]
            }
            RunAct::Secret => match asks::prompts(run).is_empty() {
                true => vec![Do::Say(format!("{} asks nobody for a secret", run.id))],
                false => vec![Do::Fetch(Want::Secrets, Fetch::Secrets(run.id))],
            },
            RunAct::Close => vec![asks::close(cx, run)],
            RunAct::Review => vec![asks::review(cx, run)],
            RunAct::Back => vec![back::menu(run)],
        }
    }

    pub(super) fn log_act(&mut self, cx: &Cx<'_>, run: &Run, act: LogAct) -> Vec<Do> {
        let is_by_hand = self.selected(run).is_some_and(|at| matrix::is_by_people(run, at.item));
        if is_by_hand && self.merged == Merged::Selected && act != LogAct::Merge {
            // A step by hand has no log: what is asked of it is asked of the whole one.
            self.merged = Merged::All;
            let mut todo = self.aim(run);
            todo.extend(self.log_act(cx, run, act));
            return todo;
        }
        match act {
            LogAct::Full => {
                self.size = match self.size {
                    Size::Part => Size::Full,
                    Size::Full => Size::Part,
                };
                Vec::new()
            }
            LogAct::Merge => {
                self.merged = match self.merged {
                    Merged::Selected => Merged::All,
                    Merged::All => Merged::Selected,
                };
                self.aim(run)
            }
            LogAct::Follow
            | LogAct::Wrap
            | LogAct::Times
            | LogAct::Search
            | LogAct::NextHit
            | LogAct::PrevHit
            | LogAct::Mark => {
                let area = inset(self.parts(cx, run).log);
                self.log.act(cx, act, area)
            }
        }
    }

    pub(super) fn row_act(&self, cx: &Cx<'_>, run: &Run, act: RowAct) -> Vec<Do> {
        match act {
            RowAct::Raw => {
                vec![sheet::source(&run.plan.runbook)]
            }
            RowAct::LastRun => vec![past::last_good(cx, &run.plan)],
            RowAct::Open
            | RowAct::Mark
            | RowAct::Filter
            | RowAct::Sort
            | RowAct::New
            | RowAct::Describe
            | RowAct::Log
            | RowAct::EditDraft => Vec::new(),
        }
    }
}
