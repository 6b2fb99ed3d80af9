//! Breaking glass: what it opens, what it never opens, who may, and who signs it off.

use super::proved::code;
use super::start::midday;
use super::*;
use crate::domain::command::{Command, Seen};
use crate::domain::decide;
use crate::domain::decide::glass::Breaking;
use crate::domain::decide::incidents::Deed;
use crate::domain::factor::STEP_MS;
use crate::domain::fixture::NOON;
use crate::domain::glass::{COUNTDOWN_MS, FOR_MS, PHRASE};
use crate::domain::id::IncidentId;
use crate::domain::incident::{Mark, Opening, Severity};
use crate::domain::people::Role;
use crate::domain::proved::Proof;
use crate::domain::run::PauseCause;
use crate::domain::site::Site;
use crate::domain::{Digest, Timestamp};

const I1: IncidentId = IncidentId(1);

/// kim commands, and may break glass where `role` says so; bo and lea review.
pub(super) fn house(role: Option<Role>, change: impl FnOnce(&mut Site)) -> Driver {
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| {
            place.policy.break_glass = role;
            for (who, role) in [("kim", Role::Commander), ("bo", Role::Reviewer), ("grace", Role::Reviewer)] {
                place.members.get_mut(&who.into()).unwrap().insert(role);
            }
        });
        change(site);
    });
    open_by(&mut driver, "grace").unwrap();
    for who in ["kim", "bo", "lea"] {
        driver.enrol(who, "grace");
    }
    driver
}

fn open_by(driver: &mut Driver, who: &str) -> Result<(), Rule> {
    let opening = Opening {
        workspace: "prod-web".into(),
        severity: Severity::P1,
        title: "checkout fails".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: "grace".into(),
        commander: None,
    };
    driver.as_person(who, Ask::OpenIncident(Box::new(opening))).map(|_| ()).map_err(|refusal| refusal.rule)
}

pub(super) fn breaking(id: u64) -> Breaking {
    Breaking { run: RunId(id), incident: I1, reason: "nobody can pay".to_owned(), phrase: PHRASE.to_owned() }
}

pub(super) fn breaks(driver: &mut Driver, who: &str, breaking: Breaking) -> Result<(), Rule> {
    // Each with a code of its own.
    driver.at = driver.at.plus_ms(STEP_MS);
    let before = driver.world.clone();
    let binding = driver.world.run(breaking.run).map(|run| run.binding).unwrap_or(Digest::of(b"none"));
    let ask = Ask::BreakGlass(Box::new(breaking));
    let proof = code(who, driver.step());
    let command = Command { by: actor(who), at: driver.at, seen: Seen::Binding(binding), ask, proof };
    let done = decide(&driver.world, &command).map(|entries| driver.record(&actor(who), entries));
    let done = done.map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

pub(super) fn later(driver: &mut Driver, ms: u64) {
    driver.at = driver.at.plus_ms(ms);
    driver.wake();
}

/// A run that waits, outside its window.
pub(super) fn waits(driver: &mut Driver) -> u64 {
    driver.at = NOON.plus_ms(4 * 3_600_000);
    driver.propose()
}

pub(super) fn in_window(site: &mut Site) {
    in_workspace(site, |place| place.windows.push(midday()));
}

#[test]
fn after_a_countdown_it_opens_one_run_without_approval_and_outside_the_window_for_half_an_hour() {
    let mut driver = house(Some(Role::Commander), in_window);
    let (id, other) = (waits(&mut driver), driver.propose());
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    let opens = driver.at.plus_ms(COUNTDOWN_MS);
    assert_eq!(crate::domain::due::next_moment(&driver.run(id)), Some(opens));
    later(&mut driver, COUNTDOWN_MS - 1);
    let refusal = driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "the countdown runs: {refusal}");
    later(&mut driver, 1);
    assert_eq!(driver.run(id).phase, Phase::Approved);
    assert_eq!(driver.run(other).phase, Phase::Waiting, "no other run");
    driver.start("ada", id);
    driver.carry_out_checks();
    let run = driver.run(id);
    assert_eq!(run.phase, Phase::Running);
    let until = run.glass.as_ref().unwrap().until();
    assert_eq!(run.may_begin_until, Some(until));
    // After half an hour nothing more begins, and nobody lets it go on.
    driver.at = until;
    driver.wake();
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Window));
    let refusal = driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::WindowClosed, "{refusal}");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn what_is_not_started_within_half_an_hour_is_over() {
    let mut driver = house(Some(Role::Commander), in_window);
    let id = waits(&mut driver);
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    later(&mut driver, COUNTDOWN_MS);
    later(&mut driver, FOR_MS);
    assert!(driver.world.run(RunId(id)).is_none(), "expired");
}

#[test]
fn z44_nobody_breaks_glass_without_an_incident_or_for_one_of_their_own() {
    let mut driver = house(Some(Role::Commander), |_| {});
    let id = driver.propose();
    let of = |incident| Breaking { incident, ..breaking(id) };
    assert_eq!(breaks(&mut driver, "kim", of(IncidentId(9))), Err(Rule::GlassIncident));
    open_by(&mut driver, "kim").unwrap();
    assert_eq!(breaks(&mut driver, "kim", of(IncidentId(2))), Err(Rule::SeparationSelf));
    // One that is over opens nothing.
    for deed in [Deed::Mark(Mark::Resolved), Deed::Close] {
        let ask = Ask::InIncident { incident: I1, deed, text: "over".to_owned() };
        driver.as_person("grace", ask).unwrap();
    }
    assert_eq!(breaks(&mut driver, "kim", of(I1)), Err(Rule::GlassIncident));
}

#[test]
fn only_the_sealed_role_breaks_glass_with_a_reason_and_the_phrase_for_what_was_looked_at() {
    let mut driver = house(None, |_| {});
    let id = driver.propose();
    assert_eq!(breaks(&mut driver, "kim", breaking(id)), Err(Rule::GlassSealed), "no role is named");
    let mut driver = house(Some(Role::Commander), |_| {});
    let id = driver.propose();
    for who in ["ada", "grace", "lea"] {
        assert_eq!(breaks(&mut driver, who, breaking(id)), Err(Rule::Role), "{who}");
    }
    let wrong = [
        (Breaking { reason: " ".to_owned(), ..breaking(id) }, Rule::ReasonMissing),
        (Breaking { phrase: "break".to_owned(), ..breaking(id) }, Rule::Input),
        (Breaking { run: RunId(99), ..breaking(id) }, Rule::NotFound),
    ];
    for (said, rule) in wrong {
        assert_eq!(breaks(&mut driver, "kim", said), Err(rule));
    }
    for (seen, rule) in [(Seen::Nothing, Rule::BindingDrift), (Seen::Binding(Digest::of(b"other")), Rule::Stale)] {
        let refusal = driver.submit(actor("kim"), seen, Ask::BreakGlass(Box::new(breaking(id)))).unwrap_err();
        assert_eq!(refusal.rule, rule, "{refusal}");
    }
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    assert_eq!(breaks(&mut driver, "kim", breaking(id)), Err(Rule::State), "once");
}

#[test]
fn z31_glass_is_broken_with_the_second_factor_of_whoever_breaks_it() {
    let mut driver = house(Some(Role::Commander), |_| {});
    let id = driver.propose();
    driver.at = driver.at.plus_ms(STEP_MS);
    let said = || Ask::BreakGlass(Box::new(breaking(id)));
    let refusal = driver.ask(actor("kim"), said(), Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::FactorMissing, "{refusal}");
    let proof = code("bo", driver.step());
    let refusal = driver.ask(actor("kim"), said(), proof).unwrap_err();
    assert_eq!(refusal.rule, Rule::FactorWrong, "somebody else's: {refusal}");
    let proof = code("kim", driver.step());
    driver.ask(actor("kim"), said(), proof.clone()).unwrap();
    // The same code opens no second run.
    let other = driver.propose();
    let again = Ask::BreakGlass(Box::new(breaking(other)));
    let refusal = driver.ask(actor("kim"), again, proof).unwrap_err();
    assert_eq!(refusal.rule, Rule::FactorUsed, "{refusal}");
    assert!(driver.run(other).glass.is_none());
}

#[test]
fn everybody_who_works_there_stops_it_while_it_counts_down_or_denies_it() {
    for stop in [true, false] {
        let mut driver = house(Some(Role::Commander), |_| {});
        let id = driver.propose();
        breaks(&mut driver, "kim", breaking(id)).unwrap();
        match stop {
            true => {
                let ask = Ask::Stop { run: RunId(id), how: StopHow::Now, reason: "wrong host".to_owned() };
                driver.as_person("bo", ask).unwrap();
            }
            false => {
                let seen = Seen::Binding(driver.run(id).binding);
                let ask = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "wrong host".to_owned() };
                driver.submit(actor("grace"), seen, ask).unwrap();
            }
        }
        later(&mut driver, COUNTDOWN_MS);
        assert!(driver.world.run(RunId(id)).is_none());
    }
}

#[test]
fn z45_it_opens_no_change_of_the_site_and_binding_and_checks_hold_as_ever() {
    let mut driver = house(Some(Role::Commander), |_| {});
    let id = driver.propose();
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    later(&mut driver, COUNTDOWN_MS);
    // A change of policy still needs an owner who did not load it.
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_workspace(&mut site, |place| place.policy.execution_expiry_ms += 1);
    site.digest = Digest::of(b"other policy");
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    let refusal = driver.as_person("kim", Ask::AcceptSite { digest, reason: "glass".to_owned() }).unwrap_err();
    assert_eq!(refusal.rule, Rule::Role, "{refusal}");
    // What changed under it is void, glass or not.
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
    assert!(driver.world.run(RunId(id)).is_none(), "drifted");
    // A check that blocks, blocks.
    let id = driver.propose();
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    later(&mut driver, COUNTDOWN_MS);
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Failed(Reason::Exit(1)));
    assert!(driver.world.run(RunId(id)).is_none_or(|run| run.started.is_none()));
}

/// Kim commands no more, or once more.
fn commands(driver: &mut Driver, yes: bool) {
    let mut site = Site::clone(driver.world.site.as_ref().unwrap());
    in_workspace(&mut site, |place| {
        let roles = place.members.get_mut(&"kim".into()).unwrap();
        let _ = if yes { roles.insert(Role::Commander) } else { roles.remove(&Role::Commander) };
    });
    site.digest = Digest::of(if yes { b"yes" } else { b"no" });
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(site), diff: String::new() }).unwrap();
    let digest = driver.world.pending.as_ref().unwrap().site.digest;
    driver.as_person("grace", Ask::AcceptSite { digest, reason: "read".to_owned() }).unwrap();
}

#[test]
fn z23_glass_lets_nothing_on_once_whoever_broke_it_may_no_more() {
    // Before the start.
    let mut driver = house(Some(Role::Commander), in_window);
    let id = waits(&mut driver);
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    commands(&mut driver, false);
    later(&mut driver, COUNTDOWN_MS);
    assert_eq!(driver.run(id).phase, Phase::Waiting);

    // While it runs: what is in flight ends, nothing more begins, and an approval does not open the window.
    let mut driver = house(Some(Role::Commander), in_window);
    let id = waits(&mut driver);
    driver.approve("grace", id).unwrap();
    breaks(&mut driver, "kim", breaking(id)).unwrap();
    later(&mut driver, COUNTDOWN_MS);
    driver.start("ada", id);
    driver.carry_out_checks();
    assert_eq!(driver.run(id).phase, Phase::Running);
    commands(&mut driver, false);
    assert_eq!(driver.run(id).phase, Phase::Paused(PauseCause::Authority));
    let refusal = driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap_err();
    assert_eq!(refusal.rule, Rule::Role, "{refusal}");
    commands(&mut driver, true);
    driver.as_person("ada", Ask::Continue { run: RunId(id) }).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Running);
    assert_eq!(fold(&driver), driver.world);
}

/// kim breaks glass, ada carries it out and writes the note.
fn carried_out(driver: &mut Driver, by: &str) -> u64 {
    let id = driver.propose();
    breaks(driver, by, breaking(id)).unwrap();
    later(driver, COUNTDOWN_MS);
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "they can pay".to_owned() }).unwrap();
    id
}

fn review(driver: &mut Driver, who: &str, id: u64) -> Result<(), Rule> {
    let ask = Ask::Review { run: RunId(id), comment: "looked at".to_owned(), follow_ups: Vec::new() };
    driver.as_person(who, ask).map(|_| ()).map_err(|refusal| refusal.rule)
}

#[test]
fn two_people_who_took_no_part_sign_it_off_and_it_is_red_until_then() {
    let mut driver = house(Some(Role::Commander), |site| {
        in_workspace(site, |place| {
            place.members.get_mut(&"kim".into()).unwrap().insert(Role::Reviewer);
        });
    });
    let id = carried_out(&mut driver, "kim");
    assert!(crate::domain::glass::is_red(&driver.run(id)));
    assert_eq!(review(&mut driver, "kim", id), Err(Rule::SeparationReview), "broke it");
    review(&mut driver, "lea", id).unwrap();
    assert!(crate::domain::glass::is_red(&driver.run(id)), "one is not enough");
    assert_eq!(review(&mut driver, "lea", id), Err(Rule::SeparationReview), "twice by one");
    review(&mut driver, "bo", id).unwrap();
    assert!(driver.world.run(RunId(id)).is_none(), "signed off");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z44_friends_do_not_review_each_other() {
    let mut driver = house(Some(Role::Reviewer), |_| {});
    // grace opened the incident; lea breaks, bo and grace sign off.
    let first = carried_out(&mut driver, "lea");
    review(&mut driver, "bo", first).unwrap();
    review(&mut driver, "grace", first).unwrap();
    let second = carried_out(&mut driver, "bo");
    assert_eq!(review(&mut driver, "lea", second), Err(Rule::SeparationReview), "bo signed off lea's");
    review(&mut driver, "grace", second).unwrap();
    // A month later it is forgotten.
    driver.at = Timestamp(driver.at.0 + 31 * 24 * 3_600_000);
    review(&mut driver, "lea", second).unwrap();
}
