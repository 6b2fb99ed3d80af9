//! Rows of the list of threats, each by its id.

use super::*;
use crate::domain::order::Under;
use crate::domain::people::{Actor, Door, Role};
use crate::domain::plan::How;
use crate::domain::run::Cancel;
use crate::domain::runbook::{Action, Amount, Impact, Secret};
use crate::domain::site::Site;
use crate::domain::tool::{Cluster, Tool, ToolKind};
use crate::domain::workspace::{Environment, Quorum, Reach, Slot as Seat, Trust, Window};

#[test]
fn z02_a_proposer_who_comes_in_by_another_door_is_the_same_person() {
    let mut driver = driver();
    driver.as_person("kim", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out_checks();
    let seen = Seen::Binding(driver.run(1).binding);
    let vote = Ask::Vote { run: RunId(1), choice: Choice::Approve, reason: "mine".to_owned() };
    for door in [Door::Socket { uid: 1001 }, Door::As { uid: 0 }] {
        let kim = Actor::Person { person: "kim".into(), door };
        assert_eq!(driver.submit(kim, seen, vote.clone()).unwrap_err().rule, Rule::SeparationSelf);
    }
}

#[test]
fn z06_no_machine_approves() {
    let mut driver = driver();
    let id = driver.propose();
    let seen = Seen::Binding(driver.run(id).binding);
    let vote = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() };
    assert_eq!(driver.submit(Actor::Engine, seen, vote).unwrap_err().rule, Rule::ActorMachine);
}

type Change = fn(&mut Site);

/// What voids an approved run, and what the drift is called.
fn drifts() -> Vec<(&'static str, &'static str, Change)> {
    fn reach(site: &mut Site, change: impl FnOnce(&mut String, &mut Trust)) {
        in_workspace(site, |place| {
            let Reach::Ssh { address, trust, .. } = &mut place.servers[0].reach else { panic!("by ssh") };
            change(address, trust);
        });
    }
    vec![
        ("z12 a host joins the group", "hosts, batches", |site| {
            in_workspace(site, |place| place.servers[4].groups = ["web".to_owned()].into());
        }),
        ("z13 an address changes", "hosts", |site| reach(site, |address, _| *address = "10.0.0.1".to_owned())),
        ("z14 a host key changes", "hosts", |site| reach(site, |_, trust| *trust = Trust::KnownHosts)),
        ("z29 only a comment is edited", "runbook (commands unchanged)", |site| {
            in_runbook(site, |runbook| runbook.source.push_str("\n# a comment"));
        }),
        ("z38 the quorum is lowered", "quorum", |site| {
            let from = vec![Seat { role: Role::Operator, n: 1 }];
            in_workspace(site, |place| place.policy.quorums.push(Quorum { impact: Impact::Medium, from }));
        }),
        ("a window appears", "windows", |site| in_workspace(site, |place| place.windows.push(window("nightly")))),
        ("approvals live longer", "execution expiry", |site| {
            in_workspace(site, |place| place.policy.execution_expiry_ms += 1);
        }),
        ("requests live longer", "approval expiry", |site| {
            in_workspace(site, |place| place.policy.approval_expiry_ms += 1);
        }),
        ("the environment changes", "environment, impact, quorum", |site| {
            in_workspace(site, |place| place.environment = Environment::Staging);
        }),
        ("more may fail", "tolerated failures, runbook (commands unchanged)", |site| {
            in_runbook(site, |runbook| runbook.targets.max_failures = Some(Amount::Hosts(2)));
        }),
        ("a time-out changes", "time-outs, runbook (commands unchanged)", |site| {
            in_runbook(site, |runbook| runbook.limits.idle_ms += 1);
        }),
    ]
}

fn window(name: &str) -> Window {
    let start = "0 10 * * *".to_owned();
    Window { name: name.to_owned(), start, lasts_ms: 4 * 3_600_000, zone: "UTC".to_owned() }
}

#[test]
fn z12_z13_z14_z29_drift_voids_an_approved_run_and_names_what_changed() {
    for (what, named, change) in drifts() {
        let mut driver = driver();
        let id = driver.propose();
        driver.approve("grace", id).unwrap();
        driver.change_site(change);
        assert!(driver.world.run(RunId(id)).is_none(), "{what}");
        let words = driver.last_words(id);
        assert!(words.ends_with(&format!("changed: {named}")), "{what}: {words}");
    }
    let mut moved = driver_of(|site| in_workspace(site, |place| place.windows.push(window("midday"))));
    moved.propose();
    moved.change_site(|site| in_workspace(site, |place| place.windows[0].lasts_ms += 1));
    assert!(moved.last_words(1).ends_with("changed: windows"), "also a window that keeps its name");
}

#[test]
fn z17_an_approval_of_another_site_is_worth_nothing_here() {
    let mut driver = driver();
    driver.world.origin = "another".to_owned();
    let theirs = driver.propose();
    let theirs = driver.run(theirs).binding;
    let mut driver = super::driver();
    let id = driver.propose();
    assert_ne!(driver.run(id).binding, theirs, "the same run, but for where");
    let vote = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() };
    assert_eq!(driver.submit(actor("grace"), Seen::Binding(theirs), vote).unwrap_err().rule, Rule::Stale);
}

#[test]
fn z25_of_two_approvers_who_race_the_record_says_who_was_first() {
    for denies_first in [true, false] {
        let mut driver = driver();
        let id = driver.propose();
        let seen = Seen::Binding(driver.run(id).binding);
        let deny = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "not today".to_owned() };
        if !denies_first {
            driver.approve("kim", id).unwrap();
            assert_eq!(driver.run(id).phase, Phase::Approved);
        }
        driver.submit(actor("grace"), seen, deny).unwrap();
        let approve = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "fine".to_owned() };
        assert_eq!(driver.submit(actor("kim"), seen, approve).unwrap_err().rule, Rule::NotFound);
        let denied =
            |e: &super::super::Event| matches!(e, super::super::Event::RunCancelled { cancel: Cancel::Denied, .. });
        assert_eq!(driver.log.iter().filter(|recorded| denied(&recorded.event)).count(), 1);
    }
}

fn two_approvers(site: &mut Site) {
    let from = vec![Seat { role: Role::Approver, n: 2 }];
    in_workspace(site, |place| place.policy.quorums.push(Quorum { impact: Impact::Medium, from }));
}

#[test]
fn z26_the_latest_word_of_a_person_counts() {
    let mut driver = driver_of(two_approvers);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    let seen = Seen::Binding(driver.run(id).binding);
    let deny = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "on second thoughts".to_owned() };
    driver.submit(actor("grace"), seen, deny).unwrap();
    assert!(driver.world.run(RunId(id)).is_none(), "a no is final: a further yes finds nothing");
    let yes = Ask::Vote { run: RunId(id), choice: Choice::Approve, reason: "after all".to_owned() };
    assert_eq!(driver.submit(actor("grace"), seen, yes).unwrap_err().rule, Rule::NotFound);
}

#[test]
fn z27_a_quorum_of_two_is_two_people() {
    let mut driver = driver_of(two_approvers);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.approve("grace", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Waiting, "counted once");
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
}

#[test]
fn z38_a_higher_impact_never_asks_for_fewer_people() {
    let owner = Quorum { impact: Impact::High, from: vec![Seat { role: Role::Owner, n: 1 }] };
    let mut driver = driver_of(|site| {
        two_approvers(site);
        in_workspace(site, |place| place.policy.quorums.push(owner));
    });
    for (raise_to, seats) in
        [(None, vec![(Role::Approver, 2)]), (Some(Impact::High), vec![(Role::Approver, 2), (Role::Owner, 1)])]
    {
        let mut form = proposal();
        form.raise_to = raise_to;
        driver.as_person("ada", Ask::Propose(Box::new(form))).unwrap();
        let quorum = driver.world.runs.values().next_back().unwrap().plan.quorum.clone().unwrap();
        assert_eq!(quorum.from.iter().map(|seat| (seat.role, seat.n)).collect::<Vec<_>>(), seats);
    }
    let mut lower = proposal();
    lower.raise_to = Some(Impact::Low);
    driver.as_person("ada", Ask::Propose(Box::new(lower))).unwrap();
    assert_eq!(driver.world.runs.values().next_back().unwrap().plan.impact, Impact::Medium, "and nothing lowers it");
}

/// A lab with twelve hosts, where what harms little needs nobody's word.
fn twelve_hosts(site: &mut Site) {
    in_workspace(site, |place| {
        place.environment = Environment::Lab;
        let first = place.servers[0].clone();
        place.servers = (1..=12)
            .map(|nth| crate::domain::workspace::Server { name: format!("web-{nth}").as_str().into(), ..first.clone() })
            .collect();
    });
    in_runbook(site, |runbook| runbook.impact = Impact::Low);
}

impl Driver {
    fn propose_for(&mut self, host: &str) -> u64 {
        let select = Some(format!("host:{host}"));
        self.as_person("ada", Ask::Propose(Box::new(super::super::plan::Proposal { select, ..proposal() }))).unwrap();
        self.world.next_run - 1
    }
}

#[test]
fn z39_hosts_that_runs_are_split_over_within_an_hour_count_together() {
    let mut driver = driver_of(twelve_hosts);
    let gone = driver.propose_for("web-12");
    driver.as_person("ada", Ask::Withdraw { run: RunId(gone) }).unwrap();
    for nth in 1..=10 {
        let id = driver.propose_for(&format!("web-{nth}"));
        assert_eq!((driver.run(id).plan.impact, &driver.run(id).plan.quorum), (Impact::Low, &None), "{nth}");
    }
    // The same host again is no further host.
    let id = driver.propose_for("web-1");
    assert_eq!(driver.run(id).plan.impact, Impact::Low);
    let id = driver.propose_for("web-11");
    let raised = driver.run(id);
    assert_eq!(raised.plan.impact, Impact::Medium);
    assert!(raised.plan.quorum.is_some(), "somebody else must say yes");
    assert_eq!(raised.plan.impact_because[1], "raised by 11 hosts within an hour");
    // What is asked for later changes nothing for what was asked for before.
    driver.change_site(|site| site.theme = "other".to_owned());
    assert!(driver.world.runs.values().all(|run| crate::domain::decide::drift(&driver.world, run).is_none()));
    driver.at = driver.at.plus_ms(3_600_000);
    let id = driver.propose_for("web-12");
    assert_eq!(driver.run(id).plan.impact, Impact::Low, "an hour later it counts alone");
    assert_eq!(driver.world.recent.runs(), 1);
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z39_repeating_many_small_runs_counts_together_and_undoing_one_does_not() {
    let mut driver = driver_of(|site| {
        twelve_hosts(site);
        in_runbook(site, |runbook| runbook.steps[0].undo = Some("undo restart".to_owned()));
    });
    let ids: Vec<u64> = (1..=11).map(|nth| driver.propose_for(&format!("web-{nth}"))).collect();
    driver.carry_out_checks();
    driver.start("ada", ids[0]);
    driver.carry_out(|_| CellResult::Ok);
    let again = |how| {
        let again = Some(crate::domain::plan::Again { run: RunId(ids[0]), how, settled: Vec::new() });
        Ask::Propose(Box::new(super::super::plan::Proposal { again, ..proposal() }))
    };
    for (how, impact) in [(How::Rerun, Impact::Medium), (How::Rollback, Impact::Low)] {
        driver.as_person("ada", again(how)).unwrap();
        assert_eq!(driver.run(driver.world.next_run - 1).plan.impact, impact, "{how:?}");
    }
}

#[test]
fn a_selector_that_is_too_long_is_refused_without_being_said_back_whole() {
    let select = Some(vec!["tag:a"; 20_000].join("|"));
    let asked = Ask::Propose(Box::new(super::super::plan::Proposal { select, ..proposal() }));
    let refused = driver().as_person("ada", asked).unwrap_err();
    assert!(refused.what.chars().count() < 250 && refused.what.contains("1000 characters"), "{}", refused.what);
}

#[test]
fn z56_in_production_nothing_runs_beside_the_server_without_an_account_for_it() {
    let here = |site: &mut Site| in_workspace(site, |place| place.servers[0].reach = Reach::Local);
    let propose = |driver: &mut Driver| driver.as_person("ada", Ask::Propose(Box::new(proposal())));
    let refusal = propose(&mut driver_of(here)).unwrap_err();
    assert_eq!(refusal.rule, Rule::LocalAccount, "{refusal}");
    assert!(refusal.what.contains("web-1") && refusal.next.contains("[local] account"), "{refusal}");
    let by_program = |site: &mut Site| {
        let args = vec!["version".to_owned()];
        let kind = ToolKind::Kubectl(Cluster { args, folder: None, kubeconfig: None });
        let tool = Tool { kind, files: Vec::new(), secrets: Vec::new(), timeout_ms: 1_000 };
        in_runbook(site, |runbook| runbook.steps[0].action = Action::Tool(Box::new(tool)));
    };
    let refusal = propose(&mut driver_of(by_program)).unwrap_err();
    assert!(refusal.rule == Rule::LocalAccount && refusal.what.contains("runs kubectl on this machine"), "{refusal}");
    let by_secret = |site: &mut Site| {
        let secret = Secret { reference: "command:/usr/bin/pass web".to_owned(), purpose: "p".to_owned() };
        in_runbook(site, |runbook| {
            runbook.secrets.insert("token".to_owned(), secret);
        });
    };
    let refusal = propose(&mut driver_of(by_secret)).unwrap_err();
    assert!(refusal.rule == Rule::LocalAccount && refusal.what.contains("token is printed"), "{refusal}");
    let mut named = driver_of(|site| {
        here(site);
        site.local_account = Some("work".to_owned());
    });
    propose(&mut named).unwrap();
    let orders = named.orders();
    assert!(!orders.is_empty() && orders.iter().all(|it| it.order().under == Under::Account("work".to_owned())));
    let id = 1;
    named.carry_out_checks();
    named.approve("grace", id).unwrap();
    named.change_site(|site| site.local_account = Some("another".to_owned()));
    assert!(named.world.run(RunId(id)).is_none(), "another account is another plan");
    assert!(named.last_words(id).contains("account for local work"), "{}", named.last_words(id));
}

/// A plan of a version that knew no account is checked again when the server starts: not as the server.
#[test]
fn z56_a_plan_from_before_there_were_accounts_runs_nothing_beside_the_server() {
    let mut driver = driver();
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    assert_eq!(driver.run(1).plan.local_account, None);
    let orders = driver.orders();
    assert!(!orders.is_empty() && orders.iter().all(|it| it.order().under == Under::Nobody));
    let mut lab = driver_of(|site| in_workspace(site, |place| place.environment = Environment::Lab));
    lab.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    assert!(lab.orders().iter().all(|it| it.order().under == Under::Server));
}

#[test]
fn z30_whoever_changed_the_runbook_last_is_not_its_only_approver() {
    let edited = |by: &[&str]| {
        let by: std::collections::BTreeSet<crate::domain::PersonId> = by.iter().map(|who| (*who).into()).collect();
        move |site: &mut Site| drop(site.editors.insert("restart".into(), by))
    };
    let mut driver = driver_of(edited(&["grace"]));
    let id = driver.propose();
    let before = driver.world.clone();
    let refusal = driver.approve("grace", id).unwrap_err();
    assert_eq!((refusal.rule, refusal.who_may.as_str()), (Rule::SeparationEditor, "kim"));
    assert_eq!(driver.world, before, "and nothing changes");
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
    // The same text committed by somebody else is the same edit.
    driver.change_site(|site| {
        site.editors = std::collections::BTreeMap::from([("restart".into(), ["kim".into()].into())])
    });
    assert_eq!(driver.run(id).phase, Phase::Approved);

    // No is theirs to say.
    let mut driver = driver_of(edited(&["grace"]));
    let id = driver.propose();
    let seen = Seen::Binding(driver.run(id).binding);
    let no = Ask::Vote { run: RunId(id), choice: Choice::Deny, reason: "wrong host".to_owned() };
    driver.submit(fixture::actor("grace"), seen, no).unwrap();
    assert!(driver.world.run(RunId(id)).is_none());
}

#[test]
fn z30_editors_alone_fill_no_quorum_of_several_and_checks_say_so_before() {
    let edited = |by: &'static [&'static str], third: bool| {
        driver_of(move |site| {
            two_approvers(site);
            if third {
                in_workspace(site, |place| drop(place.members.insert("lea".into(), [Role::Approver].into())));
            }
            site.editors.insert("restart".into(), by.iter().map(|who| (*who).into()).collect());
        })
    };
    let mut driver = edited(&["grace", "kim"], true);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Waiting, "two who wrote it are nobody who did not");
    let waits = crate::domain::policy::waits_for(&driver.world, &driver.run(id), driver.at);
    assert!(
        matches!(&waits[..], [crate::domain::policy::WaitsFor::Approval { missing: 1, may, .. }] if *may == ["lea".into()])
    );
    driver.approve("lea", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved);
    let mut driver = edited(&["grace"], false);
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.approve("kim", id).unwrap();
    assert_eq!(driver.run(id).phase, Phase::Approved, "one of two may have written it");
    let mut driver = edited(&["grace", "kim"], false);
    driver.as_person("ada", Ask::Propose(Box::new(proposal()))).unwrap();
    driver.carry_out_checks();
    let blocked =
        driver.log.iter().flat_map(|one| one.details.values()).any(|it| it.text().contains("not enough people"));
    assert!(blocked, "nobody is left who did not write it");
}

/// `ci` is a program of grace's, who may approve.
pub(super) fn with_machine(site: &mut Site) {
    let ci = crate::domain::people::Person { machine_of: Some("grace".into()), ..fixture::person("ci") };
    site.people.insert("ci".into(), ci);
    in_workspace(site, |place| drop(place.members.insert("ci".into(), [Role::Operator].into())));
}

#[test]
fn z06_a_machine_proposes_and_decides_nothing() {
    let mut driver = driver_of(|site| {
        with_machine(site);
        // Also where somebody gave it the role, which `check` refuses.
        in_workspace(site, |place| {
            place.members.get_mut(&"ci".into()).unwrap().extend([Role::Approver, Role::Reviewer, Role::Owner]);
        });
    });
    let others = driver.propose();
    driver.as_person("ci", Ask::Propose(Box::new(proposal()))).unwrap();
    let own = driver.world.next_run - 1;
    driver.carry_out_checks();
    for id in [others, own] {
        let (run, reason) = (RunId(id), || "because".to_owned());
        let asks = [
            Ask::Vote { run, choice: Choice::Approve, reason: reason() },
            Ask::Vote { run, choice: Choice::Deny, reason: reason() },
            Ask::Start { run },
            Ask::Schedule { run, at: driver.at.plus_ms(60_000) },
            Ask::Stop { run, how: StopHow::AfterStep, reason: reason() },
            Ask::Review { run, comment: reason(), follow_ups: Vec::new() },
            Ask::Elevate { workspace: "prod-web".into(), role: Role::Approver, for_ms: 3_600_000, reason: reason() },
        ];
        for ask in asks {
            let before = driver.world.clone();
            let seen = Seen::Binding(driver.run(id).binding);
            let refusal = driver.submit(actor("ci"), seen, ask.clone()).unwrap_err();
            assert_eq!(
                (refusal.rule, refusal.who_may.as_str()),
                (Rule::ActorMachine, "grace, or another person"),
                "{ask:?}"
            );
            assert_eq!(driver.world, before);
        }
    }
    driver.as_person("ci", Ask::Note { run: RunId(own), text: "pipeline 7".to_owned() }).unwrap();
    driver.as_person("ci", Ask::Withdraw { run: RunId(own) }).unwrap();
}

#[test]
fn z07_what_a_machine_proposed_its_owner_neither_approves_nor_reviews() {
    let mut driver = driver_of(|site| {
        with_machine(site);
        in_workspace(site, |place| {
            place.members.get_mut(&"grace".into()).unwrap().insert(Role::Reviewer);
        });
    });
    driver.as_person("ci", Ask::Propose(Box::new(proposal()))).unwrap();
    let id = driver.world.next_run - 1;
    driver.carry_out_checks();
    assert_eq!(driver.run(id).plan.behind, Some("grace".into()), "bound to the request");
    let before = driver.world.clone();
    let refusal = driver.approve("grace", id).unwrap_err();
    assert_eq!(refusal.rule, Rule::SeparationOwner, "{refusal}");
    assert_eq!(driver.world, before);
    let waits = crate::domain::policy::waits_for(&driver.world, &driver.run(id), driver.at);
    let may = waits.iter().find_map(|waits| match waits {
        crate::domain::policy::WaitsFor::Approval { may, .. } => Some(may.clone()),
        _ => None,
    });
    assert_eq!(may, Some(vec!["kim".into()]), "grace is not named");
    driver.approve("kim", id).unwrap();
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    driver.as_person("ada", Ask::Close { run: RunId(id), note: "well".to_owned() }).unwrap();
    let review = Ask::Review { run: RunId(id), comment: "seen".to_owned(), follow_ups: Vec::new() };
    assert_eq!(driver.as_person("grace", review.clone()).unwrap_err().rule, Rule::SeparationReview);
    driver.as_person("lea", review).unwrap();
}

#[test]
fn z07_a_machine_that_changes_hands_voids_what_it_asked_for() {
    let mut driver = driver_of(with_machine);
    driver.as_person("ci", Ask::Propose(Box::new(proposal()))).unwrap();
    let id = driver.world.next_run - 1;
    driver.carry_out_checks();
    driver.approve("kim", id).unwrap();
    // From now on it is kim's, who has approved: as if they had asked for it.
    driver.change_site(|site| site.people.get_mut(&"ci".into()).unwrap().machine_of = Some("kim".into()));
    assert!(driver.world.run(RunId(id)).is_none());
    assert!(driver.last_words(id).contains("whose machine asks"), "{}", driver.last_words(id));
}

#[test]
fn z37_whose_a_machine_is_and_its_key_wait_for_another_person() {
    let mut before = fixture::site();
    with_machine(&mut before);
    let changes: [fn(&mut crate::domain::people::Person); 3] = [
        |ci| ci.machine_of = Some("kim".into()),
        |ci| ci.machine_of = None,
        |ci| ci.hook_secret = Some("file:/etc/other.key".to_owned()),
    ];
    for change in changes {
        let mut after = before.clone();
        change(after.people.get_mut(&"ci".into()).unwrap());
        let waits = crate::domain::site::sensitive_changes(&before, &after);
        assert_eq!(waits, [crate::domain::site::Sensitive::People("ci".into())]);
    }
}

#[test]
fn a_person_and_their_machine_are_one_person() {
    let mut site = fixture::site();
    site.people.retain(|id, _| id.as_str() == "grace");
    let ci = crate::domain::people::Person { machine_of: Some("grace".into()), ..fixture::person("ci") };
    site.people.insert("ci".into(), ci);
    assert!(site.has_one_person());
}
