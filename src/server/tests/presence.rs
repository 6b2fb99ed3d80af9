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

#[tokio::test(flavor = "multi_thread")]
async fn z32_a_console_that_follows_goes_along_and_its_keys_reach_nobody_elses() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach").await;
    let mut kim = Seat::at(&ship, "kim", &[], "attach").await;
    let mut grace = Seat::at(&ship, "grace", &[], "attach").await;
    for seat in [&mut ada, &mut kim, &mut grace] {
        seat.sees("home", |screen| screen.contains("waiting for")).await;
    }
    kim.types(":follow ada\r").await;
    kim.sees("that she follows", |screen| screen.contains("following ada · at home") && screen.contains("[RO]")).await;
    ada.sees("who follows her", |screen| screen.contains("kim follows")).await;
    // grace follows kim, who follows ada: one moves, three look.
    grace.types(":follow kim\r").await;
    grace.sees("that she follows", |screen| screen.contains("following kim")).await;
    ada.types("3").await;
    kim.sees("the runs", |screen| screen.contains("▸ Runs") && screen.contains("following ada · at runs")).await;
    grace.sees("the runs", |screen| screen.contains("▸ Runs") && screen.contains("following kim")).await;
    ada.types("\r").await;
    ada.sees("the request", |screen| screen.contains("▸ #1")).await;
    kim.sees("the request", |screen| screen.contains("▸ #1") && screen.contains("following ada")).await;
    let listed = ship.json("ada", "sessions list").await;
    let follows: Vec<_> = listed["rows"].as_array().unwrap().iter().map(|row| row["follows"].clone()).collect();
    assert!(follows.contains(&"ada".into()) && follows.contains(&"kim".into()), "{listed:#}");

    // Whatever kim presses ends it and does nothing else: not on her screen, on ada's, or in the record.
    let events = ship.house.engine.world().borrow().events;
    kim.types("x").await;
    kim.sees("that she is alone", |screen| screen.contains("you follow ada no more") && screen.contains("▸ #1")).await;
    ada.sees("that kim is gone", |screen| screen.contains("kim follows you no more")).await;
    assert!(ada.shows().contains("▸ #1"), "{}", ada.shows());
    assert_eq!(ship.house.engine.world().borrow().events, events, "nothing happened");
    kim.types("6").await;
    kim.sees("the history", |screen| screen.contains("▸ History")).await;
    grace.sees("the history too", |screen| screen.contains("▸ History") && screen.contains("following kim")).await;
    assert!(ada.shows().contains("▸ #1"), "{}", ada.shows());
    // Whoever is followed leaves: the others stay where they are.
    drop(kim);
    grace.sees("that kim left", |screen| screen.contains("kim left: you follow nobody any more")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_names_somebody_rings_once_survives_a_reconnect_and_is_gone_once_it_was_looked_at() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let mut kim = Seat::at(&ship, "kim", &[], "attach").await;
    kim.sees("home", |screen| screen.contains("waiting for")).await;
    let said = ship.json("ada", "note 1 '@kim is the greeting yours? @joe'").await;
    assert_eq!(
        (&said["tells"], &said["nobody"]),
        (&serde_json::json!(["kim"]), &serde_json::json!(["joe"])),
        "{said:#}"
    );
    kim.sees("that a note names her", |screen| {
        screen.contains("@1") && screen.contains("named") && screen.contains("is the greeting yours?")
    })
    .await;
    assert_eq!(kim.bells, 1);
    drop(kim);
    let mut kim = Seat::at(&ship, "kim", &[], "attach").await;
    kim.sees("it still", |screen| screen.contains("@1")).await;
    assert_eq!(kim.bells, 0, "what is old does not ring");
    let listed = ship.json("kim", "mentions list").await;
    assert_eq!((&listed["rows"][0]["by"], &listed["rows"][0]["run"]), (&"ada".into(), &1.into()), "{listed:#}");
    assert_eq!(ship.json("ada", "mentions list").await["rows"], serde_json::json!([]));
    kim.types(":mentions\r").await;
    kim.sees("the list", |screen| screen.contains("notes that name you") && screen.contains("@ #1")).await;
    kim.types("\r").await;
    kim.sees("the run", |screen| screen.contains("▸ #1")).await;
    // It is seen by a key in front of it, a moment after it came.
    let looks = async {
        while ship.json("kim", "mentions list").await["rows"] != serde_json::json!([]) {
            kim.types("j").await;
        }
    };
    tokio::time::timeout(SOON, looks).await.expect("it is seen");
    kim.sees("no note", |screen| !screen.contains("@1")).await;
    let (exit, _, err) = ship.says("kim", "mentions seen 1").await;
    assert!(exit == 1 && err.contains("no note on #1 names you"), "{err}");
}
