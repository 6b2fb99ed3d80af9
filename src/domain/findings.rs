//! What the checks of a run came to, where it is not fine, and which of it nobody has answered for.

use super::glass;
use super::id::{HostIx, StepId};
use super::run::{Acceptance, BuiltIn, CellState, Item, Run, Verdict};
use super::runbook::Severity;
use imbl::OrdSet;

/// Hosts named in a finding before the rest is counted.
const NAMED_HOSTS_MAX: usize = 5;

/// The warning about a site with changes that are in no Git commit.
pub const UNCOMMITTED: &str = "uncommitted";

/// Ids of what is checked without being written: no check of a runbook may bear one, or the answer for the one would
/// count as the answer for the other.
pub fn built_in_ids() -> impl Iterator<Item = &'static str> {
    BuiltIn::ALL.into_iter().map(|check| check.id_and_title().0).chain([super::plan::REACH, UNCOMMITTED])
}

/// What the checks of a run on its hosts came to, where it is not fine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The check.
    pub id: StepId,
    /// Whether it warns or blocks.
    pub verdict: Verdict,
    /// Where and why.
    pub text: String,
    /// On which hosts; none where the check needs no host.
    pub hosts: OrdSet<HostIx>,
}

/// Warnings of a run that nobody has answered for: id and text. An answer covers the hosts that were found when it was
/// given: a later round that finds another asks again.
pub fn open_warnings(run: &Run) -> Vec<(StepId, String)> {
    // Whoever broke glass has answered for all of them.
    let open = |found: &Finding| covering(run, found).is_none() && !glass::is_open(run);
    all_warnings(run).into_iter().filter(open).map(|found| (found.id, found.text)).collect()
}

/// Who answered for a warning as it stands, where somebody did.
pub fn answer<'a>(run: &'a Run, warning: &StepId) -> Option<&'a Acceptance> {
    all_warnings(run).iter().find(|found| found.id == *warning).and_then(|found| covering(run, found))
}

fn covering<'a>(run: &'a Run, found: &Finding) -> Option<&'a Acceptance> {
    run.accepted.get(&found.id).filter(|given| found.hosts.is_subset(&given.hosts))
}

/// Every warning of a run: from planning, from checks without a host, from checks on hosts.
pub fn warnings(run: &Run) -> Vec<(StepId, String)> {
    all_warnings(run).into_iter().map(|found| (found.id, found.text)).collect()
}

/// The hosts a warning is about now: what an answer for it covers.
pub fn warned_hosts(run: &Run, warning: &StepId) -> OrdSet<HostIx> {
    all_warnings(run).into_iter().find(|found| found.id == *warning).map(|found| found.hosts).unwrap_or_default()
}

fn all_warnings(run: &Run) -> Vec<Finding> {
    let bare =
        |id: StepId, text: &String| Finding { id, verdict: Verdict::Warn, text: text.clone(), hosts: OrdSet::new() };
    let planned = run.plan.warnings.iter().map(|warning| bare(warning.id.clone(), &warning.text));
    let judged = run.builtin.iter().filter(|(_, judged)| judged.verdict == Verdict::Warn);
    let judged = judged.map(|(check, judged)| bare(StepId::new(check.id_and_title().0), &judged.why));
    let on_hosts = host_findings(run).into_iter().filter(|found| found.verdict == Verdict::Warn);
    planned.chain(judged).chain(on_hosts).collect()
}

/// Findings of the preflight on hosts, one per check.
///
/// A host that cannot be reached blocks the run, unless the runbook tolerates so many failed hosts: then it is a
/// warning that somebody answers for, and the run goes on without them. A check whose result is unknown counts as failed.
pub fn host_findings(run: &Run) -> Vec<Finding> {
    let mut findings: Vec<(Item, Finding)> = Vec::new();
    for (slot, cell) in &run.cells {
        let why = match &cell.state {
            CellState::Failed(reason) | CellState::Unknown(reason) | CellState::Refused(reason) => reason.words(),
            CellState::Waiting
            | CellState::Intended
            | CellState::Started { .. }
            | CellState::Ok
            | CellState::Skipped => continue,
        };
        let (id, _, severity) = match slot.item {
            Item::Reach | Item::Preflight(_) => run.plan.item_name(slot.item),
            Item::Step(_) | Item::Verify(_) => continue,
        };
        let host = slot.host.and_then(|ix| run.plan.host(ix)).map_or("?", |host| host.name.as_str());
        let why = if cell.saw.is_empty() { why } else { cell.saw.lines().next().unwrap_or_default().to_owned() };
        match findings.iter_mut().find(|(item, _)| *item == slot.item) {
            Some((_, finding)) => {
                finding.hosts.extend(slot.host);
                if finding.hosts.len() <= NAMED_HOSTS_MAX {
                    finding.text.push_str(&format!("; {host}: {why}"));
                }
            }
            None => {
                let verdict = match severity {
                    Severity::Block => Verdict::Block,
                    Severity::Warn => Verdict::Warn,
                };
                let hosts = slot.host.into_iter().collect();
                findings.push((slot.item, Finding { id, verdict, text: format!("{host}: {why}"), hosts }));
            }
        }
    }
    let all = run.plan.hosts.len();
    let tolerated = run.plan.max_failures.and_then(|most| usize::try_from(most).ok()).unwrap_or(0);
    for (item, finding) in &mut findings {
        let more = finding.hosts.len().saturating_sub(NAMED_HOSTS_MAX);
        if more > 0 {
            finding.text.push_str(&format!("; and {more} more"));
        }
        if *item == Item::Reach && finding.hosts.len() <= tolerated.min(all.saturating_sub(1)) {
            finding.verdict = Verdict::Warn;
        }
    }
    findings.into_iter().map(|(_, finding)| finding).collect()
}
