//! The wall as a room sees it: what stays, what takes turns, and that no key does anything.

use super::TURN_MS;
use crate::console::cases::wall::{freezes, incident};
use crate::console::fixture;
use crate::console::harness::Harness;
use crate::console::msg::Msg;
use crate::console::{Effect, MouseOwner};
use crate::domain::glass::Glass;
use crate::domain::id::IncidentId;
use crate::domain::incident::Severity;
use crate::domain::presence::{Present, Seat, Spot};
use crate::domain::run::Phase;
use crate::domain::{PersonId, RunId, World};
use crate::terminal::key::MouseKind;
use std::collections::BTreeSet;

fn wall(world: World) -> Harness {
    let mut console = Harness::new(world);
    console.send(Msg::Wall);
    console.send(Msg::World);
    console
}

/// Thirty runs at work, so that no small screen holds them.
fn crowded() -> World {
    let mut world = fixture::world();
    for id in 100..130 {
        let plan = fixture::plan(&fixture::site(), id, "prod-web", "rolling-restart", "bo");
        fixture::add(&mut world, fixture::run_of(plan, Phase::Running));
    }
    incident(&mut world, 1, Severity::P1, 12, "checkout fails", Some("kim"));
    world
}

#[test]
fn no_key_but_those_that_leave_does_anything() {
    let before = wall(fixture::world());
    let (screen, asked) = (before.screen(), before.effects().len());
    let keys = ": ? w . @ 1 2 3 4 6 7 j k n c p P S X A d a / enter space tab up down pgdn home f1 f2 ctrl-d";
    let mut console = before.press_at_once(keys).paste("rm -rf /").click(2, 23).click(10, 5);
    console = console.wheel(MouseKind::ScrollDown, 5, 5);
    assert_eq!(console.effects().len(), asked, "{:?}", console.effects());
    assert!(console.console.overlay.is_none() && console.console.stack.len() == 1);
    let same = |screen: &str| screen.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(same(&console.screen()), same(&screen));
    assert_eq!(console.console.here.mouse, MouseOwner::Console);
    for key in ["q", "esc", "ctrl-c"] {
        let left = wall(fixture::world()).press_at_once(key);
        assert_eq!(left.effects().last(), Some(&Effect::Quit), "{key}");
    }
    let tiny = wall(fixture::world()).at(20, 5).press_at_once("j q");
    assert_eq!(tiny.effects().last(), Some(&Effect::Quit), "also where it is too small to be read");
}

#[test]
fn pages_take_turns_with_the_clock_and_what_is_wrong_stays() {
    let mut console = wall(crowded());
    let all: usize = {
        let screen = console.screen();
        let (_, rest) = screen.split_once("page ").unwrap_or_else(|| panic!("no page is counted:\n{screen}"));
        let (_, of) = rest.split_once(" of ").unwrap();
        of.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert!(all > 2, "{all} pages");
    let (mut pages, mut runs) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..all {
        let screen = console.screen();
        assert!(screen.contains("checkout fails") && screen.contains("kim leads"), "{screen}");
        pages.extend(screen.lines().filter(|row| row.contains("page ")).map(str::to_owned));
        runs.extend((100..130).filter(|id| screen.contains(&format!("#{id} "))));
        console = console.wait(TURN_MS);
    }
    assert_eq!(pages.len(), all, "{pages:?}");
    assert_eq!(runs.len(), 30, "every run has its turn: {runs:?}");
    // The session is woken for the next turn, and not for less.
    let due = console.console.next_tick(&World { runs: fixture::empty().runs, ..fixture::empty() });
    assert!(due.ms_since(console.console.here.now) <= TURN_MS);
    let between = console.screen();
    let console = console.wait(1);
    assert_eq!(console.screen(), between, "nothing moves between turns");
}

#[test]
fn a_room_with_more_incidents_than_rows_sees_the_gravest_always_and_all_of_them_in_turn() {
    let mut world = fixture::world();
    for id in 1..=12 {
        let severity = if id == 12 { Severity::P1 } else { Severity::P2 };
        incident(&mut world, id, severity, 30, &format!("trouble number {id}."), None);
    }
    let mut console = wall(world);
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        let screen = console.screen();
        assert!(screen.contains("P1 I12 trouble number 12."), "{screen}");
        seen.extend((1..=12).filter(|id| screen.contains(&format!("number {id}."))));
        console = console.wait(TURN_MS);
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

#[test]
fn who_is_on_says_where_they_look_and_a_wall_is_nobody() {
    let present = |person: &str, spot, minutes| Present {
        person: PersonId::new(person),
        seat: Seat { spot, ..Seat::default() },
        since: fixture::ago(60),
        heard: fixture::ago(minutes),
    };
    let mut world = fixture::world();
    incident(&mut world, 1, Severity::P1, 3, "checkout fails", Some("kim"));
    let mut console = wall(world).at(160, 50);
    let here =
        [present("bo", Spot::Run(RunId(41)), 0), present("grace", Spot::Home, 7), present("lobby", Spot::Wall, 600)];
    console.send(Msg::Present(here.into()));
    let screen = console.screen();
    for (who, what) in [("bo", "drives #41, #40 · at #41"), ("grace", "at home"), ("kim", "leads I1 P1")] {
        assert!(screen.contains(&format!("{who}  {what}")), "{who}:\n{screen}");
    }
    assert!(screen.contains("quiet for 7m") && screen.contains("at no console"), "{screen}");
    assert!(!screen.contains("lobby"), "{screen}");
}

#[test]
fn broken_glass_stands_above_every_incident_on_every_page() {
    let mut world = crowded();
    let mut run = (**world.run(RunId(100)).unwrap()).clone();
    run.glass = Some(Glass {
        by: PersonId::new("grace"),
        incident: IncidentId(1),
        reason: "customers cannot pay".to_owned(),
        at: fixture::ago(2),
        open: true,
    });
    fixture::add(&mut world, run);
    let mut console = wall(world);
    for _ in 0..4 {
        let screen = console.screen();
        let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("no {text}:\n{screen}"));
        assert!(at("GLASS BROKEN #100") < at("P1 I1"), "{screen}");
        assert!(screen.contains("by grace: customers cannot pay"), "{screen}");
        console = console.wait(TURN_MS);
    }
}

#[test]
fn z51_a_wall_shows_what_its_person_may_see_and_no_more() {
    let mut world = crowded();
    let mut site = (**world.site.as_ref().unwrap()).clone();
    for workspace in site.workspaces.values_mut() {
        if workspace.id.as_str() != "lab" {
            std::sync::Arc::make_mut(workspace).members.remove(&PersonId::new("ada"));
        }
    }
    world.site = Some(std::sync::Arc::new(site));
    let console = wall(world);
    let screen = console.screen();
    assert!(screen.contains("All quiet") && screen.contains("LAB"), "{screen}");
    assert!(!screen.contains("checkout") && !screen.contains("rolling-restart") && !screen.contains("kim"), "{screen}");
    let nobody = wall(World::default()).screen();
    assert!(nobody.contains("no site is in force"), "{nobody}");
    let stranger = wall(fixture::world()).by("mallory").screen();
    assert!(stranger.contains("no workspace has you as a member"), "{stranger}");
}

#[test]
fn a_clock_that_ran_out_and_freezes_of_today_are_said() {
    let mut world = fixture::world();
    incident(&mut world, 1, Severity::P1, 12, "checkout fails", None);
    freezes(
        &mut world,
        "prod-web",
        &[
            ("audit", "2026-11-22T06:00:00", "2026-11-22T12:00:00"),
            ("far", "2026-12-24T06:00:00", "2026-12-26T12:00:00"),
        ],
    );
    freezes(&mut world, "prod-edge", &[("release", "2026-11-20T12:00:00", "2026-11-23T08:00:00")]);
    let screen = wall(world).at(160, 50).screen();
    for wanted in [
        "tell customers is 2 min late",
        "nobody leads",
        "FROZEN \"release\" until Mon 08:00",
        "freeze \"audit\" begins 06:00",
    ] {
        assert!(screen.contains(wanted), "{wanted}:\n{screen}");
    }
    assert!(!screen.contains("\"far\""), "{screen}");
}

#[test]
fn a_wall_rings_for_nobody_and_counts_for_nobody() {
    let console = wall(fixture::world()).world(|world| {
        let plan = fixture::plan(&fixture::site(), 60, "prod-web", "rolling-restart", "bo");
        fixture::add(world, fixture::run_of(plan, Phase::Waiting));
    });
    let console = console.wait(1_000);
    assert!(!console.effects().contains(&Effect::Ring), "{:?}", console.effects());
    assert!(!console.screen().contains("for you") && !console.screen().contains(" you"), "{}", console.screen());
    assert!(console.world.run(RunId(60)).is_some());
}
