//! A run's steps in stretches. A manual step is done once for the whole run and is a barrier: before the next stretch
//! begins, every host has come through. Inside a stretch batches follow each other, the hosts of a batch run side by
//! side, and each host goes through the steps of the stretch in order.

use super::plan::Plan;
use super::runbook::Action;

/// A stretch of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// Script steps `first..=last`, batch by batch.
    Scripts {
        /// First step's position.
        first: u16,
        /// Last step's position.
        last: u16,
    },
    /// One manual step.
    Manual {
        /// Its position.
        step: u16,
    },
}

/// The stretches of a plan, in order.
pub fn of(plan: &Plan) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (position, step) in plan.steps() {
        match (&step.action, segments.last_mut()) {
            (Action::Manual { .. }, _) => segments.push(Segment::Manual { step: position }),
            (Action::Script(_), Some(Segment::Scripts { last, .. })) => *last = position,
            (Action::Script(_), Some(Segment::Manual { .. }) | None) => {
                segments.push(Segment::Scripts { first: position, last: position });
            }
        }
    }
    segments
}

/// The stretch with this number.
pub fn at(plan: &Plan, number: u16) -> Option<Segment> {
    of(plan).get(usize::from(number)).copied()
}
