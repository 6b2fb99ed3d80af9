//! Every way a run can come to wait for people, and the attacks that must fail on each of them: with the same code, a word of it in
//! the record where it is one against separation or authority, and nothing changed.

use super::*;
use crate::domain::binding::{self, Code};
use crate::domain::command::Command;
use crate::domain::decide::{decide, drift, refused};
use crate::domain::fixture;
use crate::domain::id::{Digest, PersonId};
use crate::domain::people::{Actor, Door, Role};
use crate::domain::plan::{Again, How, Proposal};
use crate::domain::policy::WaitsFor;
use crate::domain::proved::Proof;
use crate::domain::refusal::Refusal;
use crate::domain::runbook::{Effect, Impact, OnFailure, Within};
use crate::domain::site::Site;
use crate::domain::workspace::{Quorum, Slot as Seat};

/// How a run came to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path {
    Proposed,
    WithinAnother,
    Rerun,
    Retry,
    Resume,
    Rollback,
}

impl Path {
    const ALL: [Path; 6] =
        [Path::Proposed, Path::WithinAnother, Path::Rerun, Path::Retry, Path::Resume, Path::Rollback];

    fn how(self) -> Option<How> {
        match self {
            Path::Proposed | Path::WithinAnother => None,
            Path::Rerun => Some(How::Rerun),
            Path::Retry => Some(How::Failed),
            Path::Resume => Some(How::Resume),
            Path::Rollback => Some(How::Rollback),
        }
    }
}

/// Steps that can be undone, the second of which stops the run where it fails; a viewer, a stranger, and somebody who may approve and execute.
fn prepared(path: Path, change: impl FnOnce(&mut Site)) -> Driver {
    driver_of(|site| {
        for id in ["vic", "stranger"] {
            site.people.insert(id.into(), fixture::person(id));
        }
        in_workspace(site, |place| {
            place.members.insert("vic".into(), [Role::Viewer].into());
        });
        in_runbook(site, |runbook| {
            for step in &mut runbook.steps {
                step.undo = Some(format!("undo {}", step.id));
                step.effect = Effect::Idempotent;
            }
            runbook.steps[1].on_failure = Some(OnFailure::Stop);
            if path == Path::WithinAnother {
                runbook.within.push(Within {
                    step: "inside".into(),
                    name: "inner@1".to_owned(),
                    digest: Digest::of(b"inner"),
                    first: 0,
                    steps: 1,
                    select: "group:web".to_owned(),
                    exclude: None,
                });
            }
        });
        change(site);
    })
}

/// A run of ada's that came to wait on this path.
fn waiting(path: Path, change: impl FnOnce(&mut Site)) -> (Driver, u64) {
    let mut driver = prepared(path, change);
    let mut id = driver.propose();
    if let Some(how) = path.how() {
        until_let_on(&mut driver, id);
        driver.as_person("ada", Ask::Start { run: RunId(id) }).unwrap();
        driver.carry_out(|order| match order.order().key.slot {
            Slot { item: Item::Step(1), .. } if order.order().host.name.as_str() == "web-2" => {
                CellResult::Failed(Reason::Exit(1))
            }
            _ => CellResult::Ok,
        });
        if driver.run(id).phase.ending().is_none() {
            let stop = Ask::Stop { run: RunId(id), how: StopHow::AfterStep, reason: "look first".to_owned() };
            driver.as_person("ada", stop).unwrap();
        }
        let again = Again { run: RunId(id), how, settled: Vec::new() };
        let form = Proposal::going_back(&driver.run(id), again, "as agreed");
        driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
        id = driver.world.next_run - 1;
        driver.carry_out_checks();
        answer_warnings(&mut driver, id);
    }
    assert_eq!(driver.run(id).phase, Phase::Waiting, "{path:?}");
    (driver, id)
}

fn answer_warnings(driver: &mut Driver, id: u64) {
    for (warning, _) in crate::domain::policy::open_warnings(&driver.run(id)) {
        driver.as_person("bo", Ask::AcceptWarning { run: RunId(id), warning, reason: "known".to_owned() }).unwrap();
    }
}

fn until_let_on(driver: &mut Driver, id: u64) {
    for who in ["grace", "kim"] {
        let run = driver.run(id);
        if run.phase == Phase::Waiting && !run.plan.editors.contains(&PersonId::new(who)) {
            driver.approve(who, id).unwrap();
        }
    }
    assert_eq!(driver.run(id).phase, Phase::Approved);
}

fn yes(driver: &Driver, id: u64) -> (Seen, Ask) {
    let vote = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() };
    (Seen::Binding(driver.run(id).binding), vote)
}

/// Whether the attempt fails by this rule with nothing changed, whichever door it comes through; and what it was told.
fn fails(driver: &Driver, who: &str, seen: Seen, ask: &Ask, rule: Rule, path: Path) -> Refusal {
    let doors = [Door::Socket { uid: 1 }, Door::As { uid: 2 }];
    let by = doors.map(|door| Actor::Person { person: PersonId::new(who), door });
    let mut told = by.map(|by| {
        let command = Command { by, at: driver.at, seen, ask: ask.clone(), proof: Proof::default() };
        let refusal = decide(&driver.world, &command).expect_err(&format!("{path:?}: {who} {ask:?}"));
        assert_eq!(refusal.rule, rule, "{path:?}: {refusal}");
        // What there is not cannot have been attacked; of anything else there is a word in the record.
        let kept = refused(&driver.world, &command, &refusal);
        assert_eq!(kept.is_empty(), matches!(rule, Rule::NotFound | Rule::State), "{path:?}: {kept:?}");
        refusal
    });
    assert_eq!(told[0], told[1], "every door answers alike");
    std::mem::replace(&mut told[0], Refusal::new(rule, ""))
}

fn starts(driver: &Driver, id: u64) -> [Ask; 2] {
    let moment = driver.at.plus_ms(60_000);
    [Ask::Start { run: RunId(id) }, Ask::Schedule { run: RunId(id), at: moment }]
}

#[test]
fn z01_z02_whoever_asked_approves_on_no_path() {
    for path in Path::ALL {
        // Also where they hold the role: it is the person that counts, whatever they may otherwise do.
        let (driver, id) = waiting(path, |site| {
            in_workspace(site, |place| {
                place.members.get_mut(&"ada".into()).unwrap().insert(Role::Approver);
            });
        });
        let (seen, ask) = yes(&driver, id);
        fails(&driver, "ada", seen, &ask, Rule::SeparationSelf, path);
    }
}

#[test]
fn z06_no_machine_approves_starts_or_answers_on_any_path() {
    for path in Path::ALL {
        let (driver, id) = waiting(path, |_| {});
        let (seen, ask) = yes(&driver, id);
        for ask in [ask].into_iter().chain(starts(&driver, id)) {
            let command = Command { by: Actor::Engine, at: driver.at, seen, ask, proof: Proof::default() };
            let refusal = decide(&driver.world, &command).unwrap_err();
            assert_eq!(refusal.rule, Rule::ActorMachine, "{path:?}: {refusal}");
            assert!(!refused(&driver.world, &command, &refusal).is_empty(), "{path:?}");
        }
    }
}

#[test]
fn z16_z17_an_approval_of_one_run_is_worth_nothing_for_another() {
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |_| {});
        let (_, ask) = yes(&driver, id);
        driver.as_person("bo", Ask::Propose(Box::new(proposal()))).unwrap();
        let other = driver.run(driver.world.next_run - 1).binding;
        fails(&driver, "grace", Seen::Binding(other), &ask, Rule::Stale, path);
        fails(&driver, "grace", Seen::Nothing, &ask, Rule::BindingDrift, path);
        // By a code alone it is the same, and one that was guessed is of no plan.
        for code in [binding::code(&other), "AAA-AAA".to_owned()] {
            fails(&driver, "grace", Seen::Code(Code::typed(&code)), &ask, Rule::Stale, path);
        }
        // Elsewhere the same run is bound to another origin.
        let elsewhere = crate::domain::plan::Plan { origin: "elsewhere".to_owned(), ..(*driver.run(id).plan).clone() };
        let text = crate::domain::binding::canonical_plan(&elsewhere).unwrap();
        let bound = Seen::Binding(crate::domain::binding::binding_of(&text));
        fails(&driver, "grace", bound, &ask, Rule::Stale, path);
    }
}

#[test]
fn z08_z12_z38_what_changes_after_approval_voids_on_every_path() {
    type Change = fn(&mut Site);
    let changes: [(&str, Change); 3] = [
        ("another address", |site| {
            in_workspace(site, |place| {
                if let crate::domain::workspace::Reach::Ssh { address, .. } = &mut place.servers[1].reach {
                    *address = "192.0.2.99".to_owned();
                }
            });
        }),
        ("a higher quorum", |site| {
            in_workspace(site, |place| place.policy.quorums = both());
        }),
        ("another environment", |site| {
            in_workspace(site, |place| place.environment = crate::domain::workspace::Environment::Staging);
        }),
    ];
    for path in Path::ALL {
        for (what, change) in &changes {
            let (mut driver, id) = waiting(path, |_| {});
            until_let_on(&mut driver, id);
            driver.change_site(change);
            let gone = driver.world.run(RunId(id)).is_none();
            assert!(gone || drift(&driver.world, &driver.run(id)).is_some(), "{path:?}: {what} changes nothing");
            for ask in starts(&driver, id) {
                let rule = if gone { Rule::NotFound } else { Rule::BindingDrift };
                fails(&driver, "ada", Seen::Nothing, &ask, rule, path);
            }
        }
    }
}

#[test]
fn z18_what_has_expired_is_neither_approved_nor_started_on_any_path() {
    const DAY_MS: u64 = 24 * 3_600_000;
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |_| {});
        // The alarm of the engine is late: nobody has said yet that it is void.
        let was = driver.at;
        driver.at = driver.at.plus_ms(4 * 3_600_000);
        let (seen, ask) = yes(&driver, id);
        fails(&driver, "grace", seen, &ask, Rule::Expired, path);
        driver.at = was;
        until_let_on(&mut driver, id);
        driver.at = driver.at.plus_ms(DAY_MS);
        for ask in starts(&driver, id) {
            fails(&driver, "ada", Seen::Nothing, &ask, Rule::Expired, path);
        }
    }
}

#[test]
fn z20_an_approver_who_lost_the_role_lets_nothing_start_on_any_path() {
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |_| {});
        until_let_on(&mut driver, id);
        driver.change_site(|site| {
            in_workspace(site, |place| drop(place.members.insert("grace".into(), [Role::Owner].into())));
        });
        for ask in starts(&driver, id) {
            let waits = driver.run(id).phase == Phase::Waiting;
            fails(&driver, "ada", Seen::Nothing, &ask, if waits { Rule::State } else { Rule::Role }, path);
        }
    }
}

#[test]
fn z24_z26_z27_one_person_is_one_voice_on_every_path() {
    for path in Path::ALL {
        let two = vec![Quorum { impact: Impact::Low, from: vec![Seat { role: Role::Approver, n: 2 }] }];
        let (mut driver, id) = waiting(path, |site| in_workspace(site, |place| place.policy.quorums = two));
        for _ in 0..3 {
            driver.approve("grace", id).unwrap();
            assert_eq!(driver.run(id).phase, Phase::Waiting, "{path:?}");
        }
        let (_, ask) = yes(&driver, id);
        fails(&driver, "kim", Seen::Binding(Digest::of(b"as it was before")), &ask, Rule::Stale, path);
        let (seen, _) = yes(&driver, id);
        let no = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "not today".to_owned() };
        driver.submit(actor("grace"), seen, no).unwrap();
        assert!(driver.world.run(RunId(id)).is_none(), "{path:?}: her latest word counts, and no wins");
    }
}

fn both() -> Vec<Quorum> {
    let from = vec![Seat { role: Role::Approver, n: 1 }, Seat { role: Role::Owner, n: 1 }];
    vec![Quorum { impact: Impact::Low, from }]
}

#[test]
fn z28_one_person_fills_one_seat_on_every_path() {
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |site| in_workspace(site, |place| place.policy.quorums = both()));
        driver.approve("grace", id).unwrap();
        assert_eq!(driver.run(id).phase, Phase::Waiting, "{path:?}: grace is approver and owner, and one person");
        driver.approve("kim", id).unwrap();
        assert_eq!(driver.run(id).phase, Phase::Approved, "{path:?}");
    }
}

#[test]
fn z30_whoever_changed_it_last_is_the_only_approver_on_no_path() {
    for path in Path::ALL {
        let (driver, id) = waiting(path, |site| {
            site.editors.insert("restart".into(), ["grace".into()].into());
            // Only what is undone or repeated has been let on before: by kim, who changed nothing.
            in_workspace(site, |place| {
                drop(place.members.insert("grace".into(), [Role::Approver, Role::Owner].into()))
            });
        });
        let (seen, ask) = yes(&driver, id);
        fails(&driver, "grace", seen, &ask, Rule::SeparationEditor, path);
        // Nor is it waited for theirs.
        for waits in crate::domain::policy::waits_for(&driver.world, &driver.run(id), driver.at) {
            let WaitsFor::Approval { may, .. } = waits else { continue };
            assert!(!may.contains(&"grace".into()) && !may.is_empty(), "{path:?}: {may:?}");
        }
    }
}

#[test]
fn z48_a_viewer_decides_starts_and_ends_nothing_on_any_path() {
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |_| {});
        let (seen, ask) = yes(&driver, id);
        fails(&driver, "vic", seen, &ask, Rule::Role, path);
        fails(&driver, "vic", Seen::Nothing, &Ask::Withdraw { run: RunId(id) }, Rule::Role, path);
        until_let_on(&mut driver, id);
        for ask in starts(&driver, id) {
            fails(&driver, "vic", Seen::Nothing, &ask, Rule::Role, path);
        }
    }
}

#[test]
fn z51_what_is_not_ones_own_is_missing_in_the_same_words_on_every_path() {
    for path in Path::ALL {
        let (driver, id) = waiting(path, |_| {});
        let (seen, vote) = yes(&driver, id);
        let of = |run: u64| {
            let reason = || "because".to_owned();
            let vote = match &vote {
                Ask::Vote { choice, reason, .. } => {
                    Ask::Vote { run: RunId(run), choice: *choice, reason: reason.clone() }
                }
                other => other.clone(),
            };
            let [start, schedule] = starts(&driver, run);
            let stop = Ask::Stop { run: RunId(run), how: StopHow::AfterStep, reason: reason() };
            [
                vote,
                start,
                schedule,
                stop,
                Ask::Withdraw { run: RunId(run) },
                Ask::Note { run: RunId(run), text: reason() },
            ]
        };
        for (ask, missing) in of(id).iter().zip(of(999)) {
            let told = fails(&driver, "stranger", seen, ask, Rule::NotFound, path);
            let nothing = fails(&driver, "stranger", seen, &missing, Rule::NotFound, path);
            assert_eq!(told.to_string().replace(&format!("#{id}"), "#999"), nothing.to_string(), "{path:?}");
        }
    }
}

#[test]
fn whoever_approved_starts_nothing_of_high_impact_on_any_path() {
    for path in Path::ALL {
        let (mut driver, id) = waiting(path, |site| in_runbook(site, |runbook| runbook.impact = Impact::High));
        driver.approve("kim", id).unwrap();
        for ask in starts(&driver, id) {
            let refusal = fails(&driver, "kim", Seen::Nothing, &ask, Rule::SeparationSelf, path);
            assert!(refusal.what.contains("whoever approved does not execute"), "{refusal}");
        }
    }
}
