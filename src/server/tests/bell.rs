//! The bell of a terminal, as its bytes: once for what is new, never for what is old.

use super::ship::*;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_approve_hears_the_bell_once_and_sees_the_number_on_every_screen() {
    let ship = Ship::launch().await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach").await;
    let mut grace = Seat::at(&ship, "grace", &[], "attach").await;
    ada.sees("home", |screen| screen.contains("ada")).await;
    grace.sees("home", |screen| screen.contains("grace") && !screen.contains("for you  ")).await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    grace.sees("the number", |screen| screen.contains("1 for you")).await;
    assert_eq!(grace.bells, 1);
    grace.types("3").await;
    grace.sees("it on another screen", |screen| screen.contains("Runs") && screen.contains("1 for you")).await;
    ada.sees("the run", |screen| screen.contains("#1")).await;
    assert!(ada.bells == 0 && !ada.shows().contains("1 for you"), "whoever asked for it decides nothing");

    // Who comes later is told by the number: it is nothing new.
    let mut late = Seat::at(&ship, "grace", &[], "attach").await;
    late.sees("the number", |screen| screen.contains("1 for you")).await;
    assert_eq!(late.bells, 0);
    late.types(":bell\r").await;
    late.sees("that it is silent", |screen| screen.contains("the bell is silent")).await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(2, "waiting").await;
    grace.sees("two", |screen| screen.contains("2 for you")).await;
    late.sees("two", |screen| screen.contains("2 for you")).await;
    assert_eq!((grace.bells, late.bells), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_stays_while_it_has_something_to_tell_or_to_remind_of() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    assert!(notice::due(&ship.house.engine.world().borrow()).next().is_none(), "this site tells nobody");
    let text = std::fs::read_to_string(ship.file("quarterdeck.toml")).unwrap()
        + "[notify]\ncommand = [\"/bin/true\"]\nremind = \"15m\"\n";
    std::fs::write(ship.file("quarterdeck.toml"), text).unwrap();
    ship.json("grace", "site load").await;
    let digest = ship.json("kim", "site show").await["pending"]["site"]["digest"].as_str().unwrap().to_owned();
    ship.json("kim", &format!("site accept {digest} --reason agreed")).await;
    assert!(notice::due(&ship.house.engine.world().borrow()).next().is_some(), "somebody is to be reminded");
    assert!(ship.house.is_busy());
}
