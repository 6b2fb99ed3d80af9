//! That the model would find a fault: rules are broken one by one, by showing `decide` something else than the truth, and within a
//! few commands the witness must say so. The shortest way there is printed.

use super::explore::Tally;
use super::ground::{
    self, ADMINISTRATOR, Ground, HOUR_MS, MINUTE_MS, Move, OWNER, Says, asked, inside, opens, out_of_hours, secret_of,
    wants_role, wants_standing, with_factors,
};
use super::node::{Doctor, Node};
use super::{approved_on, lea_waits, passes};
use crate::domain::command::{Ask, Command, Seen};
use crate::domain::decide::elevate::Answer;
use crate::domain::decide::standing::Word;
use crate::domain::factor::{Factor, Standing as Enrolled, Want, step_at};
use crate::domain::fixture::{NOON, actor};
use crate::domain::glass::Glass;
use crate::domain::id::{IncidentId, RunId, StandingId, Timestamp};
use crate::domain::incident::{Incident, Severity};
use crate::domain::people::Role;
use crate::domain::proved::{Code, Demands};
use crate::domain::run::{Choice, Run};
use crate::domain::standing::{Allowed, Standing};
use crate::domain::workspace::{Given, Workspace};
use crate::domain::world::World;
use imbl::Vector;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const R1: RunId = RunId(1);
const S1: StandingId = StandingId(1);
const I1: IncidentId = IncidentId(1);

/// The commands after which the witness says what is expected, by the shortest way there is.
fn shortest(root: &Node, depth: usize, says: &str) -> Option<Vec<String>> {
    let begins = root.path.len();
    let mut known = BTreeSet::from([root.key().0]);
    let mut frontier = vec![root.clone()];
    for _ in 0..depth {
        let mut reached = Vec::new();
        for node in frontier {
            for chosen in node.moves() {
                match catch_unwind(AssertUnwindSafe(|| node.make(&chosen, &mut Tally::default()))) {
                    Ok(Some(after)) if known.insert(after.key().0) => reached.push(after),
                    Ok(_) => {}
                    Err(panic) => {
                        let text = panic.downcast_ref::<String>().map(String::as_str);
                        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                        if text.contains(says) {
                            let path = node.path.iter().skip(begins).cloned();
                            return Some(path.chain([chosen.words()]).collect());
                        }
                    }
                }
            }
        }
        frontier = reached;
    }
    None
}

/// Breaks a rule and has it found; unbroken, the same commands are judged to be right.
fn finds(rule: &str, root: Node, depth: usize, says: &str, doctor: Doctor) {
    let honest = shortest(&root, depth, "");
    assert_eq!(honest, None, "{rule}: the witness objects to what is right");
    let path = shortest(&root.shown_by(doctor), depth, says);
    let path = path.unwrap_or_else(|| panic!("nobody finds that {rule}"));
    println!("{rule}:\n  {}", path.join("\n  "));
}

fn each_run(world: &mut World, change: impl Fn(&mut Run)) {
    for mut run in world.runs.values().cloned().collect::<Vec<_>>() {
        change(Arc::make_mut(&mut run));
        world.runs.insert(run.id, run);
    }
}

fn each_standing(world: &mut World, change: impl Fn(&mut Standing)) {
    let changed = world.standings.iter().map(|(id, one)| {
        let mut one = Standing::clone(one);
        change(&mut one);
        (*id, Arc::new(one))
    });
    world.standings = changed.collect();
}

fn each_factor(world: &mut World, change: impl Fn(&mut Factor)) {
    let changed = world.factors.iter().map(|(who, factor)| {
        let mut factor = factor.clone();
        change(&mut factor);
        (who.clone(), factor)
    });
    world.factors = changed.collect();
}

fn in_prod(world: &mut World, change: impl FnOnce(&mut Workspace)) {
    let site = Arc::make_mut(world.site.as_mut().unwrap());
    change(Arc::make_mut(site.workspaces.get_mut(&"prod".into()).unwrap()));
}

fn administers(world: &mut World, who: &[&str]) {
    let site = Arc::make_mut(world.site.as_mut().unwrap());
    site.administrators.extend(who.iter().map(|who| (*who).into()));
}

fn bo_still_approves(world: &mut World) {
    in_prod(world, |place| drop(place.lent.insert("bo".into(), [Role::Approver].into())));
}

/// A change of the site finds no run that it would void or pause.
fn sites_touch_no_run(world: &mut World, command: &Command) {
    if matches!(command.ask, Ask::LoadSite { .. } | Ask::AcceptSite { .. }) {
        world.runs = Default::default();
    }
}

fn s1_is_in_force(world: &mut World) {
    in_prod(world, |place| {
        place.standing.insert(S1, Given { asked: "ada".into(), by: [OWNER.into()].into() });
    });
}

fn grants(who: &'static str) -> Move {
    let ask = Ask::AnswerElevation {
        elevation: crate::domain::id::ElevationId(1),
        answer: Answer::Grant,
        reason: "so".to_owned(),
    };
    asked(who, ask)
}

fn votes(node: &Node, who: &'static str, code: Code, choice: Choice) -> Move {
    let seen = Seen::Binding(node.open(1).unwrap().binding);
    Move::Coded(who, code, seen, Ask::Vote { run: R1, choice, reason: "so".to_owned() })
}

fn says(node: &Node, change: impl FnOnce(&mut Says)) -> Move {
    let mut says = node.says;
    change(&mut says);
    Move::Site(says)
}

/// Ada may be lent the role of an approver for an hour.
fn ada_asks() -> Node {
    lea_waits(Node::empty(Ground::Elevation)).after(&[wants_role("ada", Role::Approver)])
}

#[test]
fn faults_of_roles_that_are_lent_are_found() {
    finds("somebody lends themselves a role", ada_asks(), 1, "granted themselves", |world, _| {
        administers(world, &["ada"]);
        let nobodys = world.elevations.iter().map(|(id, one)| {
            let mut one = (**one).clone();
            one.person = "nobody".into();
            (*id, Arc::new(one))
        });
        world.elevations = nobodys.collect();
    });
    finds("somebody lends what is not theirs", ada_asks(), 1, "not theirs to give", |world, _| {
        administers(world, &["bo"]);
    });
    let forever: Doctor = |world, _| {
        let changed = world.elevations.iter().map(|(id, one)| {
            let mut one = (**one).clone();
            one.granted.iter_mut().for_each(|granted| granted.until = Timestamp(i64::MAX));
            (*id, Arc::new(one))
        });
        world.elevations = changed.collect();
    };
    let lent = ada_asks().after(&[grants(OWNER)]);
    finds("a role that is over votes", lent.clone(), 3, "voted without being an approver", forever);
    let approved = lent.clone().after(&[votes(&lent, "ada", Code::None, Choice::Approve)]);
    finds("a run starts by a role that is over", approved, 3, "no approval where one is due", forever);
    let to_lea = lea_waits(Node::empty(Ground::Elevation)).after(&[wants_role("lea", Role::Approver), grants(OWNER)]);
    finds("whoever asks for a run approves it", to_lea, 1, "z1:", |world, _| {
        each_run(world, |run| Arc::make_mut(&mut run.plan).requester = "nobody".into());
    });
}

fn two_approved() -> Node {
    Node::empty(Ground::Schedule).after(&approved_on(Ground::Schedule))
}

#[test]
fn faults_of_starts_that_are_put_off_are_found() {
    let put_off = two_approved().after(&[asked("ada", Ask::Schedule { run: R1, at: NOON.plus_ms(HOUR_MS / 2) })]);
    finds("a start comes before its moment", put_off.clone(), 1, "before the moment", |world, command| {
        let at = command.at;
        each_run(world, |run| run.queued.iter_mut().for_each(|queued| queued.not_before = Some(at)));
    });
    let in_time = put_off.after(&[Move::Wait(HOUR_MS / 2)]);
    finds("a start comes when nobody expects it", in_time, 3, "nobody expected", |world, command| {
        let at = command.at;
        let late = |moment: Timestamp| if at > moment { at } else { moment };
        each_run(world, |run| run.queued.iter_mut().for_each(|q| q.not_before = q.not_before.map(late)));
    });
    finds(
        "a start comes outside the window",
        two_approved().after(&[Move::Wait(3 * HOUR_MS)]),
        1,
        "z18:",
        |world, command| {
            in_prod(world, |place| place.policy.break_glass = Some(Role::Approver));
            let glass = Glass { by: "bo".into(), incident: I1, reason: String::new(), at: command.at, open: true };
            each_run(world, |run| run.glass = Some(glass.clone()));
        },
    );
    finds("an approval that was taken back lets on", two_approved(), 2, "no approval where one is due", |world, _| {
        each_run(world, |run| {
            run.votes = run.votes.iter().filter(|vote| vote.choice != Choice::Retract).cloned().collect()
        });
    });
    finds("a start is put off by nobody's right", two_approved(), 1, "without being an operator", |_, command| {
        if command.by == actor(OWNER) {
            command.by = actor("ada");
        }
    });
    let at_work = two_approved().after(&[asked("ada", Ask::Start { run: R1 }), passes(1)]);
    finds(
        "a step begins after its approver lost the role",
        at_work,
        2,
        "no approval where one is due",
        |world, command| {
            sites_touch_no_run(world, command);
            bo_still_approves(world);
        },
    );
}

/// An incident that grace opened, and glass that bo broke for it.
fn broken() -> Node {
    let node = out_of_hours().after(&[opens(OWNER)]);
    let breaks = node.moves().into_iter().find(|chosen| {
        matches!(chosen, Move::Coded("bo", Code::Right { factor, .. }, _, Ask::BreakGlass(_)) if *factor == secret_of("bo"))
    });
    node.after(&[breaks.unwrap()])
}

fn open() -> Node {
    broken().after(&[Move::Wait(5_000), Move::Engine(Ask::Wake { run: R1 })])
}

fn incident() -> Incident {
    Incident {
        id: I1,
        workspace: "prod".into(),
        severity: Severity::P1,
        title: String::new(),
        tenant: String::new(),
        impact: String::new(),
        monitoring: Vec::new(),
        owner: OWNER.into(),
        commander: None,
        by: "nobody".into(),
        opened: NOON,
        marks: BTreeMap::new(),
        notes: Vector::new(),
    }
}

#[test]
fn faults_of_broken_glass_are_found() {
    let any_incident: Doctor = |world, _| {
        world.incidents.insert(I1, Arc::new(incident()));
    };
    finds(
        "glass is broken for one's own incident",
        out_of_hours().after(&[opens("bo")]),
        1,
        "an own incident",
        any_incident,
    );
    finds("glass is broken for no incident", out_of_hours(), 1, "no open incident", any_incident);
    let opened = out_of_hours().after(&[opens(OWNER)]);
    let no_more = opened.clone().after(&[says(&opened, |says| says.bo_approves = false)]);
    finds("glass is broken without the role", no_more, 1, "without the role", |world, _| bo_still_approves(world));
    finds("glass is broken without a code", opened, 1, "a code was taken that was not typed", |_, command| {
        let Some(who) = command.by.person() else { return };
        let (factor, step) = (secret_of(who.as_str()), step_at(command.at));
        command.proof.code = Code::Right { factor, step };
    });
    finds("glass is open at once", broken(), 1, "before everybody saw it coming", |world, _| {
        each_run(world, |run| run.glass.iter_mut().for_each(|glass| glass.at = NOON));
    });
    finds("glass is open for longer", open(), 2, "no approval where one is due", |world, command| {
        let at = command.at;
        each_run(world, |run| run.glass.iter_mut().for_each(|glass| glass.at = at));
    });
    finds("glass lets on whose breaker may no more", open(), 2, "no approval where one is due", |world, _| {
        bo_still_approves(world);
    });
}

/// A standing approval that ada asked for and bo gave.
fn given() -> Node {
    let node = Node::empty(Ground::Standing).after(&[wants_standing("ada")]);
    let yes = in_s1(&node, "bo", Word::Vote(Choice::Approve));
    node.after(&[yes])
}

fn in_s1(node: &Node, who: &'static str, word: Word) -> Move {
    let seen = Seen::Binding(node.world.standings[&S1].binding);
    Move::Person(who, seen, Ask::InStanding { standing: S1, word, reason: "so".to_owned() })
}

#[test]
fn faults_of_standing_approvals_are_found() {
    const NONE: &str = "no approval where one is due";
    let bos = Node::empty(Ground::Standing).after(&[wants_standing("bo")]);
    finds("somebody gives their own", bos, 1, "z1:", |world, _| {
        each_standing(world, |one| one.terms.by = "nobody".into())
    });
    finds("an input is out of bounds", given(), 2, NONE, |world, _| {
        each_standing(world, |one| drop(one.terms.inputs.insert("count".to_owned(), Allowed::Any)));
    });
    finds("more hosts within an hour", given().after(&[inside("lea", 1, "web-1")]), 2, NONE, |world, _| {
        each_standing(world, |one| one.terms.hosts_max = 99);
    });
    finds("it lasts for longer", given().after(&[Move::Wait(3 * HOUR_MS / 2)]), 2, NONE, |world, _| {
        each_standing(world, |one| one.terms.until = Timestamp(i64::MAX));
    });
    let used = given().after(&[inside("lea", 1, "web-1")]);
    let revoked = used.clone().after(&[in_s1(&used, "lea", Word::Revoke)]);
    finds("it was revoked", revoked, 1, NONE, |world, _| s1_is_in_force(world));
    let lost = given().after(&[says(&given(), |says| says.bo_approves = false)]);
    finds("whoever gave it may no more", lost, 2, NONE, |world, _| s1_is_in_force(world));
    let untouched: Doctor = |world, command| {
        sites_touch_no_run(world, command);
        let planned = world.runs.values().next().map(|run| Arc::clone(&run.plan.runbook));
        if let (Ask::Start { .. }, Some(runbook)) = (&command.ask, planned) {
            let site = Arc::make_mut(world.site.as_mut().unwrap());
            site.runbooks.insert(runbook.id.clone(), runbook);
            in_prod(world, |place| (place.policy.quorums, place.policy.second_factor) = (Vec::new(), None));
        }
    };
    let node = Node::empty(Ground::Standing).after(&[inside("lea", 1, "web-1"), passes(1)]);
    let yes = votes(&node, OWNER, Code::None, Choice::Approve);
    finds("the site is another one by now", node.after(&[yes]), 2, "another one by now", untouched);
}

/// Bo has shown a code, and nobody has confirmed it.
fn proved() -> Node {
    let about = |want| Ask::Factor { person: "bo".into(), want };
    let offered = with_factors().after(&[asked("bo", about(Want::Offer { id: secret_of("bo") }))]);
    let code = ground::code("bo", offered.at);
    offered.after(&[Move::Coded("bo", code, Seen::Nothing, about(Want::Prove)), Move::Wait(MINUTE_MS / 2)])
}

fn enrolled() -> Node {
    with_factors().enrolled("bo", ADMINISTRATOR)
}

#[test]
fn faults_of_second_factors_are_found() {
    finds("a factor counts that nobody confirmed", proved(), 1, "nobody confirmed", |world, _| {
        each_factor(world, |factor| factor.standing = Enrolled::Confirmed(OWNER.into()));
    });
    finds("somebody confirms their own", proved(), 1, "bo confirmed the second factor", |_, command| {
        if matches!(command.ask, Ask::Factor { want: Want::Confirm { .. }, .. }) {
            command.by = actor(OWNER);
        }
    });
    let node = enrolled();
    let shows = ground::code("bo", node.at);
    let twice = [votes(&node, "bo", shows, Choice::Approve), votes(&node, "bo", Code::None, Choice::Retract)];
    finds("a code is taken twice", node.clone().after(&twice), 1, "taken twice", |world, _| {
        each_factor(world, |factor| factor.last = 0);
    });
    finds("another's code is taken", node.clone(), 1, "was not typed", |_, command| {
        if let Code::Right { step, .. } = command.proof.code
            && command.by == actor("bo")
        {
            command.proof.code = Code::Right { factor: secret_of("bo"), step };
        }
    });
    let old = node.clone().after(&[Move::Wait(15 * MINUTE_MS)]);
    finds("an old code is taken", old, 1, "another moment", |world, command| {
        command.at = NOON;
        each_factor(world, |factor| factor.last = 0);
    });
    let guesses = [const { Code::Wrong }; 5].map(|code| votes(&node, "bo", code, Choice::Approve));
    finds("a code is taken of somebody who guesses", node.clone().after(&guesses), 1, "who guesses", |world, _| {
        each_factor(world, |factor| factor.wrong.clear());
    });
    finds("an approval comes without the code policy asks for", node, 1, "that policy asks for", |world, _| {
        each_run(world, |run| Arc::make_mut(&mut run.plan).demands = Demands::default());
    });
}
