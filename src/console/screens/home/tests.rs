//! Home as people see it.

use crate::console::fixture;
use crate::console::harness::{Harness, keep};
use crate::console::msg::Msg;
use crate::domain::run::{CellState, Phase, Run};
use crate::domain::site::Sensitive;
use crate::domain::world::PendingSite;
use crate::domain::{Ask, PersonId, Refusal, Rule, RunId, World};
use crate::terminal::key::MouseKind;
use std::sync::Arc;

#[test]
fn frames() {
    keep("home-busy", &fixture::world(), |console| console);
    keep("home-empty", &fixture::empty(), |console| console);
    keep("home-first-run", &World::default(), |console| console);
    keep("home-long-names", &fixture::long_names(), |console| console.press("j j"));
    keep("home-ascii", &fixture::world(), Harness::ascii);
    keep("home-mono", &fixture::world(), Harness::mono);
    keep("home-refused", &fixture::world(), |console| {
        let refusal = Refusal::new(Rule::Stale, "#42 changed since you looked").next("look again, then decide");
        console.press(". ").type_str("checked with kim").press("enter enter").refused(refusal).press("esc")
    });
    keep("home-lost", &fixture::world(), |mut console| {
        console.send(Msg::Lost);
        console.wait(7_000)
    });
}

#[test]
fn rows_that_come_and_go_leave_the_selection_where_it_is() {
    let console = Harness::new(fixture::world()).press("j");
    assert!(console.screen().contains("▸ approve  #42"));
    let console = console.world(|world| fixture::add(world, fixture::run_of(other_plan(), Phase::Waiting)));
    assert!(console.screen().contains("▸ approve  #42"), "{}", console.screen());
    // Gone: the row that took its place is selected, not the top.
    let console = console.world(|world| drop(world.runs.remove(&RunId(42))));
    assert!(!console.screen().contains("▸ decide"), "{}", console.screen());
}

fn other_plan() -> crate::domain::plan::Plan {
    let mut plan = fixture::plan(&fixture::site(), 44, "prod-web", "rolling-restart", "bo");
    plan.asked = fixture::ago(30);
    plan
}

#[test]
fn enter_opens_what_the_row_names() {
    let open = |keys: &str| Harness::new(fixture::world()).press(keys).screen();
    assert!(open("enter").contains("▸ #40 rolling-restart"), "decide opens the run");
    assert!(open("j enter").contains("Approvals ▸ #42"), "approve opens the request");
    assert!(open("j j enter").contains("▸ #39 db-failover"), "note opens the run");
    let place = open("G enter");
    assert!(place.contains("── members ") && place.contains("── LAB lab "), "a place opens its page: {place}");
}

#[test]
fn z51_a_person_sees_only_their_own_workspaces() {
    let mut world = fixture::world();
    let mut site = (*world.site.clone().unwrap()).clone();
    let edge = site.workspaces.get_mut(&"prod-edge".into()).unwrap();
    Arc::make_mut(edge).members.remove(&PersonId::new("ada"));
    world.site = Some(Arc::new(site));
    let screen = Harness::new(world).screen();
    assert!(!screen.contains("#41") && !screen.contains("edge"), "{screen}");
}

#[test]
fn what_holds_a_run_up_comes_first() {
    let mut world = fixture::world();
    let mut run = fixture::running_41();
    fixture::set_by_hand(&mut run, 3, CellState::Waiting, "");
    fixture::add(&mut world, run);
    let screen = Harness::new(world).screen();
    let row =
        |text: &str| screen.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}\n{screen}"));
    assert!(row("decide   #40") < row("by hand  #41"));
    assert!(row("by hand  #41") < row("approve  #42"));
    assert!(row("approve  #42") < row("note     #39"));
}

#[test]
fn a_changed_site_waits_for_an_owner_who_did_not_change_it() {
    let mut world = fixture::world();
    let site = world.site.clone().unwrap();
    world.pending = Some(PendingSite {
        site: site.clone(),
        diff: "--- a/workspaces/prod-web.toml\n+++ b/workspaces/prod-web.toml\n-lea = [\"reviewer\"]\n+lea = [\"approver\"]\n".to_owned(),
        by: Some(PersonId::new("bo")),
        at: fixture::ago(3),
        sensitive: vec![Sensitive::Members("prod-web".into())],
    });
    let console = Harness::new(world.clone()).by("grace").press("g enter space a");
    let console = console.type_str("lea approves from today").press("enter enter");
    let digest = site.digest;
    assert_eq!(console.ask(), Some(&Ask::AcceptSite { digest, reason: "lea approves from today".to_owned() }));
    keep("home-site-change", &world, |console| console.by("grace"));
    // The banner is its row: it is not counted among the runs that wait.
    let screen = Harness::new(world).by("grace").screen();
    let rule = screen.lines().find(|line| line.contains("waiting for you")).unwrap();
    let rows = screen.lines().skip_while(|line| !line.contains("waiting for you")).skip(1);
    let rows = rows.take_while(|line| !line.contains("──")).count();
    assert!(rule.contains(&format!(" {rows} · oldest")), "{screen}");
}

#[test]
fn a_click_selects_and_a_second_click_opens() {
    let console = Harness::new(fixture::world());
    let row = console.row_of("approve  #42");
    let console = console.click(10, row);
    assert!(console.screen().contains("▸ approve  #42"));
    assert!(console.click(10, row).screen().contains("Approvals ▸ #42"));
    let console = Harness::new(fixture::world());
    let tabs = console.screen();
    let column = tabs.lines().nth(1).unwrap().find("Approvals").unwrap();
    assert!(console.click(u16::try_from(column).unwrap(), 1).screen().contains("▸ Approvals"));
}

#[test]
fn the_wheel_moves_and_the_footer_can_be_clicked() {
    let console = Harness::new(fixture::world()).wheel(MouseKind::ScrollDown, 10, 10);
    assert!(console.screen().contains("▸ approve  #43"), "three rows down: {}", console.screen());
    let footer = console.screen().lines().last().unwrap().find("keys").unwrap();
    let console = console.click(u16::try_from(footer).unwrap(), 23);
    assert!(console.screen().contains("keys: home"));
}

#[test]
fn home_is_drawn_at_every_width() {
    for world in [fixture::world(), fixture::long_names()] {
        let mut console = Harness::new(world);
        for columns in (72..220).step_by(7) {
            console = console.at(columns, 24);
            assert!(console.screen().contains("waiting for you"), "{columns}");
        }
    }
}

#[test]
fn thousands_of_open_runs_are_counted_and_not_all_drawn() {
    let mut world = fixture::world();
    let run = world.runs.get(&RunId(43)).unwrap().clone();
    for id in 100..2_100 {
        world.runs.insert(RunId(id), Arc::new(Run { id: RunId(id), ..(*run).clone() }));
    }
    let screen = Harness::new(world).at(160, 200).screen();
    assert!(screen.contains("and 1 951 more: 4 lists all requests"), "{screen}");
    assert!(screen.contains("3 Runs 2005"), "{screen}");
}
