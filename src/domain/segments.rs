//! A run's steps in stretches. A step that is done once for the whole run is a barrier: before the next stretch
//! begins, every host has come through. Inside a stretch batches follow each other, the hosts of a batch run side by
//! side, and each host goes through the steps of the stretch in order. Where steps come first each is a stretch of its own.

use super::plan::Plan;
use super::runbook::{Done, Pace};

/// A stretch of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// Steps `first..=last` on hosts, batch by batch.
    OnHosts {
        /// First step's position.
        first: u16,
        /// Last step's position.
        last: u16,
    },
    /// One step of the whole run.
    Once {
        /// Its position.
        step: u16,
    },
}

/// The stretch with this number, in order of the plan. Asked for each host at every event, so it makes no list.
pub fn at(plan: &Plan, number: u16) -> Option<Segment> {
    let joined = plan.runbook.targets.pace == Pace::HostFirst;
    let mut walked: Option<(u16, Segment)> = None;
    for (position, step) in plan.steps() {
        let begun = match step.action.done() {
            Done::ByPeople | Done::ByServer | Done::ByTime => Segment::Once { step: position },
            Done::OnHosts => Segment::OnHosts { first: position, last: position },
        };
        walked = Some(match (walked, begun) {
            (Some((n, Segment::OnHosts { first, .. })), Segment::OnHosts { last, .. }) if joined => {
                (n, Segment::OnHosts { first, last })
            }
            (Some((n, whole)), _) if n == number => return Some(whole),
            (before, begun) => (before.map_or(0, |(n, _)| n + 1), begun),
        });
    }
    walked.and_then(|(n, last)| (n == number).then_some(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{Driver, NOON, proposal, runbook, script, site, step};
    use crate::domain::runbook::Action;
    use crate::domain::{RunId, planning};
    use std::sync::Arc;

    #[test]
    fn scripts_in_a_row_are_one_stretch_and_each_manual_step_is_its_own() {
        let by_hand =
            || Action::Manual { text: "Look.".to_owned(), checklist: Vec::new(), role: None, evidence: false };
        let by_script = || Action::Script(script("true"));
        let mut site = site();
        let mut changed = runbook("restart");
        changed.steps = [by_script(), by_script(), by_hand(), by_hand(), by_script()]
            .into_iter()
            .enumerate()
            .map(|(n, action)| step(&format!("s{n}"), action))
            .collect();
        site.runbooks.insert("restart".into(), Arc::new(changed));
        let world = Driver::new(site).world;
        let plan = planning::plan(&world, RunId(1), &"ada".into(), NOON, &proposal()).unwrap();
        let stretches: Vec<Segment> = (0..9).map_while(|number| at(&plan, number)).collect();
        assert_eq!(
            stretches,
            [
                Segment::OnHosts { first: 0, last: 1 },
                Segment::Once { step: 2 },
                Segment::Once { step: 3 },
                Segment::OnHosts { first: 4, last: 4 },
            ]
        );
    }
}
