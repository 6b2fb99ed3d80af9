//! The rules as given events, command, expectation.

use super::command::{Ask, Decision, Seen};
use super::fixture::{self, Driver, actor, proposal};
use super::id::{RunId, StepId};
use super::order::CellResult;
use super::refusal::Rule;
use super::run::{CellState, Choice, Ending, Item, Phase, Reason, Slot, StopHow};
use super::world::World;
use super::{evolve, run};
use std::sync::Arc;

mod again;
mod authority;
mod batches;
mod by_hand;
mod checkpoints;
mod elevation;
mod exporting;
mod failing;
mod follow_ups;
mod glass;
mod incidents;
mod locks;
mod mentions;
mod moderators;
mod notices;
mod once;
mod paths;
mod prove;
mod proved;
mod published;
mod requests;
mod retract;
mod schedule;
mod serving;
mod sign_in;
mod sources;
mod standing;
mod start;
mod strategy;
mod threats;
mod windows;
mod within;

fn driver() -> Driver {
    Driver::new(fixture::site())
}

#[test]
fn every_step_runs_on_every_host_in_batch_order() {
    let mut driver = driver();
    let id = driver.start_one();
    let mut order = Vec::new();
    driver.carry_out(|cleared| {
        let key = cleared.order().key;
        if let Item::Step(step) = key.slot.item {
            order.push((cleared.order().host.name.to_string(), step));
        }
        CellResult::Ok
    });
    assert_eq!(order.len(), 8);
    assert_eq!(order[..2], [("web-1".to_owned(), 0), ("web-1".to_owned(), 1)], "the canary goes first, alone");
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "New key everywhere.".to_owned() }).unwrap();
    let refusal = driver
        .as_person("ada", Ask::Review { run: RunId(id), comment: "ok".to_owned(), follow_ups: Vec::new() })
        .unwrap_err();
    assert_eq!(refusal.rule, Rule::Role);
    driver
        .as_person("lea", Ask::Review { run: RunId(id), comment: "Clean.".to_owned(), follow_ups: Vec::new() })
        .unwrap();
    assert!(driver.world.run(RunId(id)).is_none(), "reviewed runs leave the world");
    assert_eq!(fold(&driver), driver.world);
}

fn fold(driver: &Driver) -> World {
    let mut world = World { origin: "test".to_owned(), ..World::default() };
    for recorded in &driver.log {
        evolve(&mut world, recorded).unwrap();
    }
    world
}

#[test]
fn z01_a_proposer_does_not_approve() {
    let mut driver = driver();
    let mut form = proposal();
    form.reason = "mine".to_owned();
    driver.as_person("kim", Ask::Propose(Box::new(form))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.approve("kim", 1).unwrap_err().rule, Rule::SeparationSelf);
    assert_eq!(driver.approve("ada", 1).unwrap_err().rule, Rule::Role);
    assert_eq!(driver.run(1).phase, Phase::Waiting);
    driver.approve("grace", 1).unwrap();
    assert_eq!(driver.run(1).phase, Phase::Approved);
}

#[test]
fn z08_edit_after_approval() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("grace", 1).unwrap();
    let mut site = fixture::site();
    site.digest = super::Digest::of(b"edited");
    let mut edited = fixture::runbook("restart");
    edited.steps[1] = fixture::step("restart", super::runbook::Action::Script(fixture::script("restart --force")));
    edited.digest = super::Digest::of(b"edited runbook");
    site.runbooks.insert("restart".into(), Arc::new(edited));
    driver
        .as_person("bo", Ask::LoadSite { site: Arc::new(site.clone()), diff: "-restart\n+restart --force".to_owned() })
        .unwrap();
    assert!(driver.world.pending.is_some(), "z37: an approved runbook edited on disk waits");
    assert_eq!(driver.run(1).phase, Phase::Approved, "until accepted, the old site stays in force");
    let ask = Ask::AcceptSite { digest: site.digest, reason: "seen".to_owned() };
    assert_eq!(driver.as_person("ada", ask.clone()).unwrap_err().rule, Rule::Role);
    driver.as_person("grace", ask).unwrap();
    assert!(driver.world.run(RunId(1)).is_none(), "void");
    let last = super::words::event(&driver.log.last().unwrap().event, &driver.log.last().unwrap().details, None);
    assert!(last.contains("steps or checks"), "{last}");
}

#[test]
fn an_approver_who_gets_the_role_back_counts_without_another_word() {
    let without = |person: Option<&str>| {
        let mut site = fixture::site();
        let mut workspace = fixture::workspace("prod-web");
        if let Some(person) = person {
            workspace.members.insert(person.into(), [super::Role::Viewer].into());
            site.digest = super::Digest::of(person.as_bytes());
        }
        site.workspaces.insert("prod-web".into(), Arc::new(workspace));
        Arc::new(site)
    };
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("kim", 1).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(1) }).unwrap();
    for (site, phase) in [(without(Some("kim")), Phase::Waiting), (without(None), Phase::Approved)] {
        let digest = site.digest;
        driver.as_person("ada", Ask::LoadSite { site, diff: String::new() }).unwrap();
        driver.as_person("grace", Ask::AcceptSite { digest, reason: "agreed".to_owned() }).unwrap();
        driver.carry_out_checks();
        assert_eq!(driver.run(1).phase, phase);
    }
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z24_an_approval_names_what_was_looked_at() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    let vote =
        |seen| (actor("grace"), seen, Ask::Vote { run: RunId(1), choice: Choice::Approve, reason: "ok".to_owned() });
    let (by, seen, ask) = vote(Seen::Nothing);
    assert_eq!(driver.submit(by, seen, ask).unwrap_err().rule, Rule::BindingDrift);
    let (by, seen, ask) = vote(Seen::Binding(super::Digest::of(b"another plan")));
    assert_eq!(driver.submit(by, seen, ask).unwrap_err().rule, Rule::Stale);
}

#[test]
fn z18_two_clocks_expire_a_run() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.at = driver.at.plus_ms(4 * 3_600_000);
    driver.engine(Ask::Wake { run: RunId(1) }).unwrap();
    assert!(driver.world.run(RunId(1)).is_none(), "asked for too long ago");
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("grace", 2).unwrap();
    driver.at = driver.at.plus_ms(24 * 3_600_000);
    driver.engine(Ask::Wake { run: RunId(2) }).unwrap();
    assert!(driver.world.run(RunId(2)).is_none(), "approved too long ago");
}

#[test]
fn z18_a_late_alarm_lets_nobody_approve_or_start_what_has_expired() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    let noon = driver.at;
    driver.at = noon.plus_ms(4 * 3_600_000);
    assert_eq!(driver.approve("grace", 1).unwrap_err().rule, Rule::Expired);
    driver.at = noon;
    driver.approve("grace", 1).unwrap();
    driver.at = noon.plus_ms(24 * 3_600_000);
    assert_eq!(driver.as_person("ada", Ask::Start { run: RunId(1) }).unwrap_err().rule, Rule::Expired);
    assert_eq!(driver.run(1).phase, Phase::Approved, "a refusal changes nothing; the alarm ends it");
}

#[test]
fn z20_an_approver_who_lost_the_role_no_longer_counts() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    driver.approve("kim", 1).unwrap();
    let mut site = fixture::site();
    site.digest = super::Digest::of(b"kim left the approvers");
    let mut workspace = fixture::workspace("prod-web");
    workspace.members.insert("kim".into(), [super::Role::Operator].into());
    site.workspaces.insert("prod-web".into(), Arc::new(workspace));
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site.clone()), diff: String::new() }).unwrap();
    driver.as_person("grace", Ask::AcceptSite { digest: site.digest, reason: "yes".to_owned() }).unwrap();
    let refusal = driver.as_person("ada", Ask::Start { run: RunId(1) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::Role);
}

#[test]
fn z48_a_viewer_cannot_stop_and_anybody_who_works_there_can() {
    let mut driver = driver();
    let id = driver.start_one();
    let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "wrong host".to_owned() };
    driver.carry_out_checks();
    assert_eq!(driver.as_person("lea", stop.clone()).unwrap_err().rule, Rule::Role);
    driver.as_person("kim", stop).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Aborted));
}

#[test]
fn z51_another_workspaces_run_is_not_found() {
    let mut site = fixture::site();
    site.people.insert("mallory".into(), fixture::person("mallory"));
    let mut driver = Driver::new(site);
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    let theirs = driver.as_person("mallory", Ask::Note { run: RunId(1), text: "hi".to_owned() }).unwrap_err();
    let missing = driver.as_person("ada", Ask::Note { run: RunId(99), text: "hi".to_owned() }).unwrap_err();
    assert_eq!(theirs.to_string().replace("#1", "#99"), missing.to_string());
}

#[test]
fn z55_an_unaccepted_runbooks_preflight_does_not_run_before_approval() {
    let mut site = fixture::site();
    let mut lab = fixture::workspace("lab");
    lab.environment = super::workspace::Environment::Lab;
    site.workspaces.insert("lab".into(), Arc::new(lab));
    let mut draft = fixture::runbook("draft");
    draft.status = super::runbook::Status::Draft;
    draft.impact = super::runbook::Impact::Medium;
    let mut driver = Driver::new(site.clone());
    site.runbooks.insert("draft".into(), Arc::new(draft));
    site.digest = super::Digest::of(b"with a draft");
    driver.engine(Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let form = super::plan::Proposal { workspace: "lab".into(), runbook: "draft".into(), ..proposal() };
    driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
    let mut seen = Vec::new();
    driver.carry_out(|cleared| {
        seen.push(cleared.order().key.slot.item);
        CellResult::Ok
    });
    assert!(seen.iter().all(|item| *item == Item::Reach), "{seen:?}");
    driver.approve("grace", 1).unwrap();
    driver.as_person("ada", Ask::Start { run: RunId(1) }).unwrap();
    seen.clear();
    driver.carry_out(|cleared| {
        seen.push(cleared.order().key.slot.item);
        CellResult::Ok
    });
    assert!(seen.contains(&Item::Preflight(0)), "after approval, before the first step");
}

#[test]
fn a_failed_host_pauses_the_run_until_somebody_decides() {
    let mut driver = driver();
    let id = driver.start_one();
    let mut tries = 0;
    driver.carry_out(|cleared| {
        let key = cleared.order().key;
        if key.slot.item == Item::Step(1) && cleared.order().host.name.as_str() == "web-2" {
            tries += 1;
            if tries == 1 {
                return CellResult::Failed(Reason::Exit(7));
            }
        }
        CellResult::Ok
    });
    assert!(matches!(driver.run(id).phase, Phase::Paused(_)));
    let slot = *driver.run(id).progress.attention.iter().next().unwrap();
    let resolve = |decision, reason: &str| Ask::Resolve { run: RunId(id), slot, decision, reason: reason.to_owned() };
    assert_eq!(driver.as_person("ada", resolve(Decision::Skip, "")).unwrap_err().rule, Rule::ReasonMissing);
    assert_eq!(driver.as_person("ada", resolve(Decision::MarkOk, "x")).unwrap_err().rule, Rule::Choice);
    driver.as_person("ada", resolve(Decision::Retry, "")).unwrap();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Succeeded));
    assert_eq!(driver.run(id).cell(slot).unwrap().attempt, 2);
}

#[test]
fn a_dropped_host_makes_the_run_end_failed_and_is_not_verified() {
    let mut driver = driver();
    let id = driver.start_one();
    let web_1 = |cleared: &super::policy::Cleared| cleared.order().host.name.as_str() == "web-1";
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Step(0) if web_1(cleared) => CellResult::Unknown(Reason::ConnectionLost),
        _ => CellResult::Ok,
    });
    let slot = *driver.run(id).progress.attention.iter().next().unwrap();
    assert_eq!(*driver.run(id).state(slot), CellState::Unknown(Reason::ConnectionLost));
    let drop = Ask::Resolve { run: RunId(id), slot, decision: Decision::Drop, reason: "dead".to_owned() };
    driver.as_person("bo", drop).unwrap();
    let mut verified = Vec::new();
    driver.carry_out(|cleared| {
        if matches!(cleared.order().key.slot.item, Item::Verify(_)) {
            verified.push(cleared.order().host.name.to_string());
        }
        CellResult::Ok
    });
    assert_eq!(verified, ["web-2", "web-3", "web-4"]);
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Failed));
}

#[test]
fn a_restart_interrupts_what_ran_and_loses_no_decision() {
    let mut driver = driver();
    let id = driver.start_one();
    driver.carry_out_checks();
    let in_flight: Vec<Slot> = driver.run(id).progress.in_flight.iter().copied().collect();
    assert_eq!(in_flight.len(), 1, "the canary");
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Ended(Ending::Interrupted));
    assert_eq!(*driver.run(id).state(in_flight[0]), CellState::Unknown(Reason::Interrupted));
    assert!(driver.orders().is_empty(), "nothing continues by itself");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_block_voids_the_run_and_a_warning_waits_for_somebody_else() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Preflight(_) => CellResult::Failed(Reason::NotAsExpected),
        _ => CellResult::Ok,
    });
    assert!(driver.world.run(RunId(1)).is_none(), "void");
    let mut site = fixture::site();
    let mut warns = fixture::runbook("restart");
    warns.preflight[0].severity = super::runbook::Severity::Warn;
    site.runbooks.insert("restart".into(), Arc::new(warns));
    let mut driver = Driver::new(site);
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out(|cleared| match cleared.order().key.slot.item {
        Item::Preflight(_) => CellResult::Failed(Reason::NotAsExpected),
        _ => CellResult::Ok,
    });
    driver.approve("grace", 1).unwrap();
    assert_eq!(driver.run(1).phase, Phase::Waiting, "the warning is open");
    let accept = Ask::AcceptWarning { run: RunId(1), warning: StepId::new("disk"), reason: "known".to_owned() };
    assert_eq!(driver.as_person("ada", accept.clone()).unwrap_err().rule, Rule::SeparationSelf);
    driver.as_person("bo", accept).unwrap();
    assert_eq!(driver.run(1).phase, Phase::Approved);
}

#[test]
fn retries_wait_and_a_once_step_gets_none() {
    for (effect, expected) in [(super::runbook::Effect::Idempotent, 3), (super::runbook::Effect::Once, 1)] {
        let mut site = fixture::site();
        let mut runbook = fixture::runbook("restart");
        runbook.steps[0].effect = effect;
        runbook.steps[0].retries = super::runbook::Retries { times: 2, delay_ms: 5_000, jitter_ms: 0 };
        site.runbooks.insert("restart".into(), Arc::new(runbook));
        let mut driver = Driver::new(site);
        let id = driver.start_one();
        let mut tries = 0;
        for _ in 0..10 {
            driver.carry_out(|cleared| match cleared.order().key.slot.item {
                Item::Step(0) => {
                    tries += 1;
                    CellResult::Failed(Reason::Exit(1))
                }
                _ => CellResult::Ok,
            });
            driver.at = driver.at.plus_ms(5_000);
            driver.engine(Ask::Wake { run: RunId(id) }).unwrap();
        }
        assert_eq!(tries, expected);
        assert!(matches!(driver.run(id).phase, Phase::Paused(run::PauseCause::Failure)));
    }
}

/// A world of the fixture's site, changed.
fn driver_of(change: impl FnOnce(&mut super::site::Site)) -> Driver {
    let mut site = fixture::site();
    change(&mut site);
    Driver::new(site)
}

fn in_workspace(site: &mut super::site::Site, change: impl FnOnce(&mut super::workspace::Workspace)) {
    change(Arc::make_mut(site.workspaces.get_mut(&"prod-web".into()).unwrap()));
}

fn in_runbook(site: &mut super::site::Site, change: impl FnOnce(&mut super::runbook::Runbook)) {
    let runbook = Arc::make_mut(site.runbooks.get_mut(&"restart".into()).unwrap());
    change(runbook);
    runbook.digest = super::Digest::of(format!("{runbook:?}").as_bytes());
}

impl Driver {
    /// Proposes as ada and lets the checks pass.
    fn propose(&mut self) -> u64 {
        self.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
        self.carry_out_checks();
        self.world.next_run - 1
    }

    /// Has somebody start a run, up to its checks.
    fn start(&mut self, who: &str, id: u64) {
        self.as_person(who, Ask::Start { run: RunId(id) }).unwrap();
    }

    /// Puts a changed site into force: ada loads it, and grace accepts it where it is a matter of authority.
    fn change_site(&mut self, change: impl FnOnce(&mut super::site::Site)) {
        let mut site = (**self.world.site.as_ref().unwrap()).clone();
        change(&mut site);
        let digest = super::Digest::of(format!("{site:?}").as_bytes());
        site.digest = digest;
        self.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
        if self.world.pending.is_some() {
            self.as_person("grace", Ask::AcceptSite { digest, reason: "agreed".to_owned() }).unwrap();
        }
    }

    /// Asks whatever is due by now, as the engine does.
    fn wake(&mut self) {
        let due = super::due(&self.world).into_iter().filter_map(|work| match work {
            super::due::Work::At(moment, ask) => (moment <= self.at).then_some(ask),
            super::due::Work::Do(_) => None,
        });
        for ask in due.collect::<Vec<_>>() {
            self.engine(ask).unwrap();
        }
    }

    /// The last thing that happened to a run, in words.
    fn last_words(&self, id: u64) -> String {
        let last = self.log.iter().rev().find(|recorded| recorded.event.run() == Some(RunId(id))).unwrap();
        super::words::event(&last.event, &last.details, None)
    }

    /// Lets the checks of a round pass, and stops before the first step.
    fn carry_out_checks(&mut self) {
        while let Some(order) = self.orders().into_iter().find(|o| !matches!(o.order().key.slot.item, Item::Step(_))) {
            self.ended(&order, CellResult::Ok);
        }
    }
}
