//! Who is here, as others at their consoles see it.

use super::ship::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_a_run_is_seen_by_others_there_and_gone_with_their_console() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach").await;
    ada.sees("home", |screen| screen.contains("ada")).await;
    ada.types(":run 1\r").await;
    ada.sees("the run", |screen| screen.contains("▸ #1")).await;
    let mut grace = Seat::at(&ship, "grace", &[], "attach").await;
    grace.sees("home", |screen| screen.contains("grace")).await;
    grace.types(":who\r").await;
    grace
        .sees("both", |screen| screen.contains("grace (you)") && screen.contains("ada") && screen.contains("#1"))
        .await;
    let listed = ship.json("grace", "sessions list").await;
    let looks: Vec<_> = listed["rows"].as_array().unwrap().iter().map(|row| row["looks_at"].clone()).collect();
    assert!(looks.contains(&"#1".into()) && looks.contains(&"home".into()), "{listed:#}");
    grace.types("q").await;
    grace.types(":run 1\r").await;
    grace.sees("that ada is there too", |screen| screen.contains("▸ #1") && screen.contains("ada looks on")).await;
    ada.sees("that grace is there too", |screen| screen.contains("grace looks on")).await;
    // A terminal that is closed is nobody there, at once.
    drop(ada);
    grace.sees("that she is alone", |screen| screen.contains("▸ #1") && !screen.contains("looks on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn z32_what_a_watcher_types_reaches_no_other_console() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach 1").await;
    ada.sees("the run", |screen| screen.contains("▸ #1")).await;
    let mut kim = Seat::at(&ship, "kim", &[], "attach 1").await;
    kim.sees("the run", |screen| screen.contains("▸ #1")).await;
    // A palette with half a command, letters, another screen: all of it on the screen of whoever typed it.
    kim.types(":as ad").await;
    kim.sees("what she types", |screen| screen.contains(":as ad")).await;
    ada.sees("that kim is there", |screen| screen.contains("kim looks on")).await;
    assert!(ada.shows().contains("▸ #1") && !ada.shows().contains(":as ad"), "{}", ada.shows());
    kim.types("a\r").await;
    kim.sees("that she stays who she is", |screen| !screen.contains(":as ada") && screen.contains("kim")).await;
    kim.types("3").await;
    kim.sees("another screen", |screen| screen.contains("Runs")).await;
    ada.sees("the run still, alone", |screen| screen.contains("▸ #1") && !screen.contains("looks on")).await;
}
