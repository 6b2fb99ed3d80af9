//! The names behind the numbers of a transcript: frames say "host 3, step 2", a reader sees "web-4, restart".

use crate::domain::id::{HostIx, ServerName, StepId};
use crate::domain::plan::Plan;
use crate::domain::run::{Item, Slot};

/// Names of a run's hosts, checks and steps. They never change once the run is proposed: make it once per run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Legend {
    /// Hosts, in the plan's order.
    pub hosts: Vec<ServerName>,
    /// Preflight checks, in order.
    pub preflight: Vec<StepId>,
    /// Steps that run, in order.
    pub steps: Vec<StepId>,
    /// Verifications, in order.
    pub verify: Vec<StepId>,
}

impl Legend {
    /// The names of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            hosts: plan.hosts.iter().map(|it| it.name.clone()).collect(),
            preflight: plan.runbook.preflight.iter().map(|it| it.id.clone()).collect(),
            steps: plan.steps().map(|(_, it)| it.id.clone()).collect(),
            verify: plan.runbook.verify.iter().map(|it| it.id.clone()).collect(),
        }
    }

    /// The position of a host by name.
    #[must_use]
    pub fn host_ix(&self, name: &str) -> Option<HostIx> {
        let at = self.hosts.iter().position(|it| it.as_str() == name)?;
        u32::try_from(at).ok().map(HostIx)
    }

    /// The name of a cell's host; empty for the whole run.
    #[must_use]
    pub fn host(&self, slot: &Slot) -> &str {
        let index = slot.host.and_then(|ix| usize::try_from(ix.0).ok());
        index.and_then(|index| self.hosts.get(index)).map_or("", ServerName::as_str)
    }

    /// The id of a step or check; the connection check is called `reach`.
    #[must_use]
    pub fn item(&self, item: Item) -> StepId {
        let (ids, number) = match item {
            Item::Reach => return StepId::new("reach"),
            Item::Preflight(number) => (&self.preflight, number),
            Item::Step(number) => (&self.steps, number),
            Item::Verify(number) => (&self.verify, number),
        };
        ids.get(usize::from(number)).cloned().unwrap_or_else(|| StepId::new("?"))
    }
}
