//! From what a person typed to what it means in the world: runs, cells, moments.

use super::Cx;
use crate::domain::command::Seen;
use crate::domain::query::{Fetch, Fetched};
use crate::domain::run::{Item, Run, Slot};
use crate::domain::{Refusal, Rule, RunId, Timestamp, World, duration};
use std::sync::Arc;

impl Cx<'_> {
    /// What is true now.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.engine.world().borrow())
    }

    /// An open run that this person may see; for others it does not exist, in the same words.
    pub fn open_run(&self, id: RunId) -> Result<Arc<Run>, Refusal> {
        let world = self.world();
        let seen = world.run(id).filter(|run| world.can_see(self.person, &run.plan.proposal.workspace));
        seen.cloned().ok_or_else(|| no_such_run(id))
    }

    /// A run as it is or was, open or long over.
    pub async fn any_run(&self, id: RunId) -> Result<Arc<Run>, Refusal> {
        if let Ok(run) = self.open_run(id) {
            return Ok(run);
        }
        match self.ask(Fetch::Run(id)).await {
            Ok(Fetched::Run(run)) => Ok(run),
            Ok(other) => Err(another_answer(&other)),
            Err(refusal) if refusal.rule == Rule::NotFound => Err(no_such_run(id)),
            Err(refusal) => Err(refusal),
        }
    }

    /// Asks about what is no longer in the world.
    pub async fn ask(&self, fetch: Fetch) -> Result<Fetched, Refusal> {
        self.engine.ask(self.person, fetch).await
    }
}

pub fn no_such_run(id: RunId) -> Refusal {
    Refusal::new(Rule::NotFound, format!("no run {id}")).next("`quarterdeck runs list` shows them")
}

/// The answer is one to another question, or none.
pub fn another_answer(fetched: &Fetched) -> Refusal {
    let why = match fetched {
        Fetched::Failed(why) => why.as_str(),
        Fetched::History(_)
        | Fetched::Audit(_)
        | Fetched::Log(_)
        | Fetched::Run(_)
        | Fetched::Presets(_)
        | Fetched::Drafts(_)
        | Fetched::Secrets(_)
        | Fetched::Keys(_)
        | Fetched::Proof(_)
        | Fetched::Sealed(_)
        | Fetched::Evidence(..) => "another question was answered",
    };
    Refusal::new(Rule::Storage, why)
}

/// What somebody who typed a run's number has looked at: the run as it stands.
pub fn seen(run: &Run) -> Seen {
    Seen::Revision(run.revision)
}

/// The cell that a host's name and a step's or check's id mean. `-` is no host: a manual step.
pub fn slot(run: &Run, host: &str, step: &str) -> Result<Slot, Refusal> {
    let plan = &run.plan;
    let host = match host {
        "-" => None,
        name => Some(
            plan.host_ix(name)
                .ok_or_else(|| Refusal::new(Rule::NotFound, format!("{} has no host called {name}", run.id)))?,
        ),
    };
    let item = item(run, step)?;
    Ok(Slot { item, host })
}

/// The step or check with this id.
pub fn item(run: &Run, id: &str) -> Result<Item, Refusal> {
    items(run).find(|item| run.plan.item_name(*item).0.as_str() == id).ok_or_else(|| {
        let known: Vec<String> = items(run).map(|item| run.plan.item_name(item).0.to_string()).collect();
        Refusal::new(Rule::NotFound, format!("{} has no step or check called {id}", run.id))
            .next(format!("it has {}", known.join(", ")))
    })
}

/// Every column of a run's matrix: steps first, for where an id is used twice the step is meant.
pub fn items(run: &Run) -> impl Iterator<Item = Item> + '_ {
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let runbook = &run.plan.runbook;
    let steps = run.plan.steps().map(|(position, _)| Item::Step(position));
    steps
        .chain([Item::Reach])
        .chain((0..count(runbook.preflight.len())).map(Item::Preflight))
        .chain((0..count(runbook.verify.len())).map(Item::Verify))
}

/// A moment as people write it: `2h` ago, a day (its beginning in UTC), or RFC 3339.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.into());
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && let Ok(begins) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(begins.timestamp().into());
    }
    let ago = duration::parse_ms(text).map_err(|_| {
        Refusal::new(Rule::Input, format!("`{text}` is no moment"))
            .next("write 2h (ago), 2026-11-21 or 2026-11-21T21:41:00Z")
    })?;
    Ok(Timestamp(now.0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))))
}

/// A moment ahead, in the zone that the windows of a run's workspace are written in.
pub fn ahead(cx: &Cx<'_>, run: RunId, text: &str) -> Result<Timestamp, Refusal> {
    let run = cx.open_run(run)?;
    let world = cx.world();
    let windows = world.workspace(&run.plan.proposal.workspace).map(|workspace| workspace.windows.as_slice());
    let zone = windows.and_then(|windows| jiff::tz::TimeZone::get(&windows.first()?.zone).ok());
    crate::domain::ahead::parse(text, cx.engine.now(), &zone.unwrap_or(jiff::tz::TimeZone::UTC))
        .map_err(|wrong| Refusal::new(Rule::Input, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_three_ways() {
        let now = Timestamp(1_800_000_000_000);
        assert_eq!(moment("2h", now), Ok(Timestamp(now.0 - 7_200_000)));
        assert_eq!(moment("1970-01-02", now), Ok(Timestamp(86_400_000)));
        assert_eq!(moment("1970-01-01T00:00:01Z", now), Ok(Timestamp(1_000)));
        assert_eq!(moment("soon", now).unwrap_err().rule, Rule::Input);
    }
}
