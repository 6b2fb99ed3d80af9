//! Second factors and signatures: enrolled, confirmed, demanded, used once, and worth nothing in other hands.

use super::*;
use crate::domain::command::Command;
use crate::domain::event::{Entry, Event};
use crate::domain::factor::{self, SKEW_STEPS, STEP_MS, Standing, WRONG_MAX, WRONG_WITHIN_MS, Want, step_at};
use crate::domain::id::{Digest, PersonId};
use crate::domain::people::{Actor, Door};
use crate::domain::proved::{Code, Proof, Signature, Signed};
use crate::domain::refusal::Refusal;
use crate::domain::runbook::{Action, Gate, Impact};
use crate::domain::site::Site;
use crate::domain::statement::Statement;
use crate::domain::workspace::Slot as Seat;
use crate::domain::{Role, decide};

const GRACE_KEY: &str = "ssh-ed25519 AAAAgrace grace@laptop";
const KIM_KEY: &str = "ssh-ed25519 AAAAkim";

/// From medium impact, which `restart` has in production.
fn asks_for(factor: bool, signed: bool) -> impl Fn(&mut Site) {
    move |site: &mut Site| {
        in_workspace(site, |place| {
            place.policy.second_factor = factor.then_some(Impact::Medium);
            place.policy.signed = signed.then_some(Impact::Medium);
        });
        for (who, key) in [("grace", GRACE_KEY), ("kim", KIM_KEY)] {
            site.people.get_mut(&PersonId::new(who)).unwrap().keys = vec![key.to_owned()];
        }
    }
}

pub(super) fn secret_of(who: &str) -> Digest {
    Digest::of(who.as_bytes())
}

pub(super) fn code(of: &str, step: u64) -> Proof {
    Proof { code: Code::Right { factor: secret_of(of), step }, ..Proof::default() }
}

fn wrong() -> Proof {
    Proof { code: Code::Wrong, ..Proof::default() }
}

pub(super) fn about(who: &str, want: Want) -> Ask {
    Ask::Factor { person: who.into(), want }
}

fn approve(id: u64) -> Ask {
    Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() }
}

impl Driver {
    /// As the engine does it: what was refused and is worth keeping is recorded too.
    pub(super) fn ask(&mut self, by: Actor, ask: Ask, proof: Proof) -> Result<Vec<Entry>, Refusal> {
        let seen = match ask.run().and_then(|run| self.world.run(run)) {
            Some(run) => Seen::Binding(run.binding),
            None => Seen::Nothing,
        };
        let command = Command { by: by.clone(), at: self.at, seen, ask, proof };
        let decided = decide(&self.world, &command);
        let kept = match &decided {
            Ok(entries) => entries.clone(),
            Err(refusal) => decide::refused(&self.world, &command, refusal),
        };
        self.record(&by, kept);
        decided
    }

    pub(super) fn step(&self) -> u64 {
        step_at(self.at)
    }

    /// Enrolled, proved and confirmed by another; then the next step of the clock has come.
    pub(super) fn enrol(&mut self, who: &str, by: &str) {
        let id = secret_of(who);
        self.ask(actor(who), about(who, Want::Offer { id }), Proof::default()).unwrap();
        let proof = code(who, self.step());
        self.ask(actor(who), about(who, Want::Prove), proof).unwrap();
        let confirm = Want::Confirm { id, reason: "compared by telephone".to_owned() };
        self.ask(actor(by), about(who, confirm), Proof::default()).unwrap();
        self.at = self.at.plus_ms(STEP_MS);
    }
}

#[test]
fn a_factor_is_in_force_once_its_person_has_shown_a_code_and_another_has_confirmed_it() {
    let mut driver = driver_of(asks_for(true, false));
    let id = secret_of("kim");
    let standing = |driver: &Driver| driver.world.factors.get(&PersonId::new("kim")).map(|it| it.standing.clone());
    let not_yet = |driver: &Driver| factor::in_force(&driver.world, &"kim".into()).unwrap_err();
    assert_eq!(not_yet(&driver).rule, Rule::FactorMissing);
    let confirm = |reason: &str| about("kim", Want::Confirm { id, reason: reason.to_owned() });

    let refusal = driver.ask(actor("grace"), confirm("x"), Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::NotFound);
    let refusal = driver.ask(actor("ada"), about("kim", Want::Offer { id }), Proof::default()).unwrap_err();
    assert_eq!((refusal.rule, refusal.who_may.as_str()), (Rule::Role, "kim"));
    driver.ask(actor("kim"), about("kim", Want::Offer { id }), Proof::default()).unwrap();
    assert_eq!(standing(&driver), Some(Standing::Offered));
    let refusal = driver.ask(actor("grace"), confirm("x"), Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::State, "{refusal}");
    let refusal = driver.ask(actor("kim"), about("kim", Want::Prove), wrong()).unwrap_err();
    assert_eq!(refusal.rule, Rule::FactorWrong);
    let proof = code("kim", driver.step());
    driver.ask(actor("kim"), about("kim", Want::Prove), proof).unwrap();
    assert!(not_yet(&driver).next.contains("people confirm kim --id"), "{}", not_yet(&driver));

    let refusal = driver.ask(actor("kim"), confirm("mine"), Proof::default()).unwrap_err();
    assert_eq!((refusal.rule, refusal.who_may.as_str()), (Rule::SeparationSelf, "grace"), "nobody confirms their own");
    let refusal = driver.ask(actor("ada"), confirm("sure"), Proof::default()).unwrap_err();
    assert_eq!((refusal.rule, refusal.who_may.as_str()), (Rule::Role, "grace"), "{refusal}");
    let other = Want::Confirm { id: secret_of("an intruder"), reason: "sure".to_owned() };
    let refusal = driver.ask(actor("grace"), about("kim", other), Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::Stale, "what was compared is what is confirmed");
    let refusal = driver.ask(actor("grace"), confirm(" "), Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::ReasonMissing);
    driver.ask(actor("grace"), confirm("by telephone"), Proof::default()).unwrap();
    assert_eq!(standing(&driver), Some(Standing::Confirmed("grace".into())));
    assert!(factor::in_force(&driver.world, &"kim".into()).is_ok());
    assert_eq!(fold(&driver), driver.world);

    let again = about("kim", Want::Offer { id: secret_of("kim's new telephone") });
    assert_eq!(driver.ask(actor("kim"), again.clone(), Proof::default()).unwrap_err().rule, Rule::State);
    let revoke = |reason: &str| about("kim", Want::Revoke { reason: reason.to_owned() });
    assert_eq!(driver.ask(actor("ada"), revoke("lost"), Proof::default()).unwrap_err().rule, Rule::Role);
    assert_eq!(driver.ask(actor("kim"), revoke(""), Proof::default()).unwrap_err().rule, Rule::ReasonMissing);
    driver.ask(actor("kim"), revoke("left it on a train"), Proof::default()).unwrap();
    assert_eq!(standing(&driver), None);
    driver.ask(actor("kim"), again, Proof::default()).unwrap();
    assert_eq!(standing(&driver), Some(Standing::Offered), "and all of it begins anew");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z03_a_second_account_with_the_same_secret_cannot_be_enrolled() {
    let mut driver = driver();
    driver.enrol("kim", "grace");
    let before = driver.world.factors.clone();
    let offer = about("ada", Want::Offer { id: secret_of("kim") });
    let refusal = driver.ask(actor("ada"), offer, Proof::default()).unwrap_err();
    assert_eq!(refusal.rule, Rule::CredentialShared, "{refusal}");
    assert_eq!(driver.world.factors, before);
    // And a code of ada's own secret says nothing about kim.
    driver.enrol("ada", "grace");
    let fresh = |of: &str| factor::fresh(&driver.world, &"kim".into(), driver.at, code(of, driver.step()).code);
    assert_eq!(fresh("ada").unwrap_err().rule, Rule::FactorWrong);
    assert_eq!(fresh("kim"), Ok(driver.step()));
}

#[test]
fn z05_who_acts_as_somebody_else_cannot_approve_without_their_second_factor() {
    let mut driver = driver_of(asks_for(true, false));
    let id = driver.propose();
    assert!(driver.run(id).plan.demands.factor);
    let refusal = driver.ask(actor("grace"), approve(id), Proof::default()).unwrap_err();
    assert!(refusal.rule == Rule::FactorMissing && refusal.next.contains("people enrol"), "{refusal}");
    // The owner's own factor is confirmed by another owner alone.
    driver.change_site(|site| {
        in_workspace(site, |place| place.members.entry("kim".into()).or_default().extend([Role::Owner]));
    });
    driver.enrol("grace", "kim");
    let sudo = Actor::Person { person: "grace".into(), door: Door::As { uid: 0 } };
    for by in [sudo, actor("grace")] {
        let refusal = driver.ask(by.clone(), approve(id), Proof::default()).unwrap_err();
        assert_eq!(refusal.rule, Rule::FactorMissing);
        assert_eq!(driver.ask(by, approve(id), wrong()).unwrap_err().rule, Rule::FactorWrong);
    }
    assert!(driver.run(id).votes.is_empty());
    let step = driver.step();
    driver.ask(actor("grace"), approve(id), code("grace", step)).unwrap();
    let run = driver.run(id);
    assert_eq!(run.phase, Phase::Approved);
    assert!(run.votes[0].proved.factor && run.votes[0].proved.key.is_none());
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z31_a_code_is_good_once_also_after_a_restart_and_none_from_before_it() {
    let mut driver = driver_of(asks_for(true, false));
    driver.enrol("kim", "grace");
    let (first, second) = (driver.propose(), driver.propose());
    let step = driver.step();
    driver.ask(actor("kim"), approve(first), code("kim", step)).unwrap();
    // What the screen showed to whoever stood behind it.
    driver.world = fold(&driver);
    let refusal = driver.ask(actor("kim"), approve(second), code("kim", step)).unwrap_err();
    assert!(refusal.rule == Rule::FactorUsed && refusal.next.contains("next one"), "{refusal}");
    let refusal = driver.ask(actor("kim"), approve(second), code("kim", step - 1)).unwrap_err();
    assert_eq!(refusal.rule, Rule::FactorUsed);
    assert!(driver.run(second).votes.is_empty());
    driver.at = driver.at.plus_ms(STEP_MS);
    let next = driver.step();
    driver.ask(actor("kim"), approve(second), code("kim", next)).unwrap();
    assert_eq!(driver.run(second).phase, Phase::Approved);
}

#[test]
fn z31_a_code_from_another_time_is_wrong_however_right_it_was_then() {
    let mut driver = driver_of(asks_for(true, false));
    driver.enrol("kim", "grace");
    driver.at = driver.at.plus_ms(20 * STEP_MS);
    let now = driver.step();
    let off = SKEW_STEPS + 2;
    for step in [now - off, now + off] {
        let judged = factor::fresh(&driver.world, &"kim".into(), driver.at, code("kim", step).code);
        assert_eq!(judged.unwrap_err().rule, Rule::FactorWrong);
    }
    for step in [now - SKEW_STEPS, now, now + SKEW_STEPS] {
        assert!(factor::fresh(&driver.world, &"kim".into(), driver.at, code("kim", step).code).is_ok());
    }
}

#[test]
fn z31_who_guesses_is_locked_out_with_the_moment_said_and_every_guess_on_the_record() {
    let mut driver = driver_of(asks_for(true, false));
    driver.enrol("kim", "grace");
    let id = driver.propose();
    let began = driver.at;
    for _ in 0..WRONG_MAX {
        assert_eq!(driver.ask(actor("kim"), approve(id), wrong()).unwrap_err().rule, Rule::FactorWrong);
        driver.at = driver.at.plus_ms(1_000);
    }
    let right = code("kim", driver.step());
    for proof in [wrong(), right] {
        let refusal = driver.ask(actor("kim"), approve(id), proof).unwrap_err();
        let until = began.plus_ms(WRONG_WITHIN_MS).to_jiff().strftime("%H:%M:%S UTC").to_string();
        assert!(refusal.rule == Rule::FactorLocked && refusal.what.contains(&until), "{refusal}");
    }
    let refused = |rule: Rule| {
        let of = |event: &Event| matches!(event, Event::Refused { rule: was, run: Some(RunId(1)), .. } if *was == rule);
        driver.log.iter().filter(|recorded| of(&recorded.event)).count()
    };
    assert_eq!((refused(Rule::FactorWrong), refused(Rule::FactorLocked)), (WRONG_MAX, 2));
    // A restart forgets no guess, a new enrolment neither.
    driver.world = fold(&driver);
    let locked =
        |driver: &mut Driver| driver.ask(actor("kim"), approve(id), code("kim", step_at(driver.at))).unwrap_err();
    assert_eq!(locked(&mut driver).rule, Rule::FactorLocked);
    // Others are not held up by it, and it ends.
    driver.at = began.plus_ms(WRONG_WITHIN_MS);
    let proof = code("kim", driver.step());
    driver.ask(actor("kim"), approve(id), proof).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
}

#[test]
fn a_no_needs_nothing_and_low_impact_neither() {
    let mut driver = driver_of(asks_for(true, true));
    let id = driver.propose();
    let deny = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "not tonight".to_owned() };
    driver.ask(actor("kim"), deny, Proof::default()).unwrap();
    assert!(driver.world.run(RunId(id)).is_none());
    let mut driver = driver_of(|site| {
        asks_for(true, true)(site);
        in_workspace(site, |place| {
            (place.policy.second_factor, place.policy.signed) = (Some(Impact::High), Some(Impact::High));
        });
    });
    let id = driver.propose();
    assert!(driver.run(id).plan.demands.is_nothing(), "medium impact");
    driver.approve("grace", id).unwrap();
}

#[test]
fn a_policy_that_asks_for_less_voids_what_waits() {
    let mut driver = driver_of(asks_for(true, true));
    let id = driver.propose();
    driver.change_site(|site| in_workspace(site, |place| place.policy.second_factor = None));
    assert!(driver.world.run(RunId(id)).is_none());
    assert!(driver.last_words(id).ends_with("changed: second factor or signature"), "{}", driver.last_words(id));
}

fn signature(run: &run::Run, who: &str, key: &str) -> Proof {
    let statement = Statement::of(run, &who.into()).text();
    let key: Vec<&str> = key.split_whitespace().take(2).collect();
    let (key, fingerprint) = (key.join(" "), Digest::of(b"key"));
    let armoured = "-----BEGIN SSH SIGNATURE-----".to_owned();
    let holds = Signature { statement, key, fingerprint, armoured };
    Proof { signature: Signed::Holds(Box::new(holds)), ..Proof::default() }
}

#[test]
fn an_approval_is_signed_by_the_approver_over_this_approval_and_stands_in_the_record() {
    let mut driver = driver_of(asks_for(false, true));
    let (id, other) = (driver.propose(), driver.propose());
    let refused = |driver: &mut Driver, proof: Proof| driver.ask(actor("grace"), approve(id), proof).unwrap_err();
    let refusal = refused(&mut driver, Proof::default());
    assert!(refusal.rule == Rule::SignatureMissing && refusal.next.contains("--sign"), "{refusal}");
    let run = driver.run(id);
    // Z16, Z3, Z1: another run's, another person's key, another person's words by one's own key.
    let wrong = [
        signature(&driver.run(other), "grace", GRACE_KEY),
        signature(&run, "grace", KIM_KEY),
        signature(&run, "kim", GRACE_KEY),
        Proof { signature: Signed::Not("it is no SSH signature".to_owned()), ..Proof::default() },
    ];
    for proof in wrong {
        assert_eq!(refused(&mut driver, proof).rule, Rule::SignatureWrong);
    }
    assert!(driver.run(id).votes.is_empty());
    driver.ask(actor("grace"), approve(id), signature(&run, "grace", GRACE_KEY)).unwrap();
    let run = driver.run(id);
    assert_eq!((run.votes[0].proved.key, run.votes[0].proved.factor), (Some(Digest::of(b"key")), false));
    assert!(run.votes[0].signature.starts_with("-----BEGIN SSH SIGNATURE"));
    let signed: Vec<Statement> = Statement::of_votes(&run).map(|(_, statement)| statement).collect();
    assert_eq!(signed.iter().map(|statement| statement.nth).collect::<Vec<_>>(), [1]);
    assert_eq!(Statement::of(&run, &"grace".into()).nth, 2);
    assert_eq!(fold(&driver), driver.world);
    // Who has no key is told so before anything is typed.
    driver
        .change_site(|site| site.people.get_mut(&PersonId::new("kim")).unwrap().keys = vec!["ssh-rsa AAAA".to_owned()]);
    let lacks = crate::domain::proved::lacks(&driver.world, &driver.run(other).plan, &"kim".into()).unwrap();
    assert!(lacks.rule == Rule::SignatureMissing && lacks.what.contains("kim"), "{lacks}");
}

#[test]
fn z05_a_gate_inside_a_run_asks_for_the_same_and_for_another_signature_when_it_is_asked_again() {
    let gate = Gate { text: "Go on?".to_owned(), from: vec![Seat { role: Role::Approver, n: 1 }] };
    let mut driver = driver_of(move |site| {
        asks_for(true, true)(site);
        in_runbook(site, |runbook| {
            runbook.steps.insert(1, fixture::step("gate", Action::Approval(gate.clone())));
        });
    });
    driver.enrol("kim", "grace");
    let id = driver.propose();
    let with_code = |driver: &Driver| {
        let signed = signature(&driver.run(id), "kim", KIM_KEY);
        Proof { code: code("kim", driver.step()).code, ..signed }
    };
    let proof = with_code(&driver);
    driver.ask(actor("kim"), approve(id), proof).unwrap();
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    let run = driver.run(id);
    assert!(crate::domain::once::open_gate(&run).is_some());
    driver.at = driver.at.plus_ms(STEP_MS);
    assert_eq!(driver.ask(actor("kim"), approve(id), Proof::default()).unwrap_err().rule, Rule::SignatureMissing);
    let only_code = code("kim", driver.step());
    assert_eq!(driver.ask(actor("kim"), approve(id), only_code).unwrap_err().rule, Rule::SignatureMissing);
    let only_signed = signature(&driver.run(id), "kim", KIM_KEY);
    assert_eq!(driver.ask(actor("kim"), approve(id), only_signed).unwrap_err().rule, Rule::FactorMissing);
    let first = with_code(&driver);
    let statement = Statement::of(&driver.run(id), &"kim".into());
    let deny = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "look first".to_owned() };
    driver.ask(actor("kim"), deny, Proof::default()).unwrap();
    driver.at = driver.at.plus_ms(STEP_MS);
    let slot = Slot { item: Item::Step(1), host: None };
    let retry = Ask::Resolve { run: RunId(id), slot, decision: Decision::Retry, reason: "looked".to_owned() };
    driver.as_person("ada", retry).unwrap();
    assert_ne!(Statement::of(&driver.run(id), &"kim".into()), statement, "another question");
    let replayed = Proof { code: code("kim", driver.step()).code, ..first };
    assert_eq!(driver.ask(actor("kim"), approve(id), replayed).unwrap_err().rule, Rule::SignatureWrong);
    let proof = with_code(&driver);
    let asked = Statement::of(&driver.run(id), &"kim".into());
    driver.ask(actor("kim"), approve(id), proof).unwrap();
    let run = driver.run(id);
    let answer = run.answers.get(&slot).and_then(|answers| answers.back()).cloned().unwrap();
    assert!(answer.proved.factor && answer.proved.key.is_some());
    let signed: Vec<Statement> = Statement::of_answers(&run, slot).map(|(_, statement)| statement).collect();
    assert_eq!(signed, [asked], "an auditor writes it again");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn a_ledger_of_before_there_were_factors_folds() {
    let mut driver = driver();
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    let voted = driver.log.iter().map(|it| &it.event).find(|event| matches!(event, Event::Voted { .. })).unwrap();
    let json = serde_json::to_string(voted).unwrap();
    assert!(!json.contains("proved"), "{json}");
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), *voted);
    let plan = serde_json::to_string(&*driver.run(id).plan).unwrap();
    assert!(!plan.contains("demands") && !plan.contains("second_factor"), "bindings stay as they were");
}

#[test]
fn z16_a_signature_that_stands_in_the_record_approves_nothing_that_was_taken_back() {
    let mut driver = driver_of(asks_for(false, true));
    let id = driver.propose();
    let first = signature(&driver.run(id), "grace", GRACE_KEY);
    driver.ask(actor("grace"), approve(id), first.clone()).unwrap();
    let retract = Ask::Vote { run: RunId(id), choice: Choice::Retract, reason: "wrong release".to_owned() };
    driver.ask(actor("grace"), retract, Proof::default()).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Waiting);
    // Everybody who sees the run can read it out of the record.
    assert_eq!(driver.ask(actor("grace"), approve(id), first).unwrap_err().rule, Rule::SignatureWrong);
    let anew = signature(&driver.run(id), "grace", GRACE_KEY);
    driver.ask(actor("grace"), approve(id), anew).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
    let nths: Vec<u32> = Statement::of_votes(&driver.run(id)).map(|(_, statement)| statement.nth).collect();
    assert_eq!(nths, [1, 2, 3]);
}

#[test]
fn s_a_code_signs_in_once_and_guessing_locks_out_all_but_the_on_call_network() {
    let mut driver = driver_of(asks_for(true, false));
    driver.enrol("kim", "grace");
    let sign_in = |on_call: bool| about("kim", Want::SignIn { on_call });
    let at_the_door = |driver: &mut Driver, on_call: bool, proof: Proof| {
        let key = Digest::of(b"kim's key");
        let by = Actor::Person { person: "kim".into(), door: Door::Ssh { key, vouched: None } };
        driver.ask(by, sign_in(on_call), proof).map_err(|refusal| refusal.rule)
    };
    let proof = code("kim", driver.step());
    assert!(at_the_door(&mut driver, false, proof.clone()).is_ok());
    driver.world = fold(&driver);
    assert_eq!(at_the_door(&mut driver, true, proof.clone()), Err(Rule::FactorUsed), "also from there");
    let another = driver.ask(actor("grace"), sign_in(false), proof).unwrap_err();
    assert_eq!(another.rule, Rule::Role, "nobody signs in as another");
    assert_eq!(at_the_door(&mut driver, false, Proof::default()), Err(Rule::FactorMissing));
    driver.at = driver.at.plus_ms(STEP_MS);
    for on_call in [true, true, true, false, false] {
        assert_eq!(at_the_door(&mut driver, on_call, wrong()), Err(Rule::FactorWrong));
    }
    let right = code("kim", driver.step());
    assert_eq!(at_the_door(&mut driver, false, right.clone()), Err(Rule::FactorLocked), "all of them counted");
    assert_eq!(at_the_door(&mut driver, true, wrong()), Err(Rule::FactorWrong));
    assert!(at_the_door(&mut driver, true, right).is_ok());
    assert_eq!(fold(&driver), driver.world);
}
