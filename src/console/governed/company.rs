//! Several people at their consoles at once, by keys alone: who follows whom, whom notes name, and what whoever looks on may do.

use super::*;
use crate::console::effect::Effect;
use crate::console::msg::Msg;
use crate::domain::incident::{Opening, Severity};
use crate::domain::mention;
use crate::domain::people::Person;
use crate::domain::presence::{Present, Seat, Spot};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::run::StopHow;
use crate::domain::{Ask, PersonId};

/// A person of the fixture by another name.
fn person(site: &Site, id: &str) -> Person {
    Person { id: id.into(), unix: vec![id.to_owned()], ..site.people[&PersonId::new("ada")].clone() }
}

/// The house of [`super::house`] with kim, who leads incidents; vic, who looks on; and eve, who works elsewhere.
fn company() -> House {
    let mut site = site();
    for id in ["vic", "eve", "greta"] {
        site.people.insert(id.into(), person(&site, id));
    }
    let place = Arc::make_mut(site.workspaces.get_mut(&WorkspaceId::new("prod-web")).unwrap());
    place.members.insert("kim".into(), [Role::Commander].into());
    place.members.insert("vic".into(), [Role::Viewer].into());
    place.members.insert("greta".into(), [Role::Viewer].into());
    let mut lab = fixture::workspace("lab", "Lab", Environment::Lab, "web", 1);
    lab.members = [("eve".into(), [Role::Operator].into())].into();
    site.workspaces.insert(lab.id.clone(), Arc::new(lab));
    House::new(site, &["ada", "grace", "kim", "vic", "eve"]).together()
}

/// A run of ada's that works, at its step by hand; she looks at it.
fn at_work(house: &mut House) -> u64 {
    let run = approved(house);
    house.press("ada", "S");
    house.types("ada", "start");
    house.press("ada", "enter enter");
    house.all_goes_well();
    assert_eq!(house.phase(run), &Phase::Running);
    run
}

fn command(house: &mut House, who: &'static str, words: &str) {
    house.press(who, ":");
    house.types(who, words);
    house.press(who, "enter");
}

/// The row a pointer stands at, without the pointer.
fn pointed(screen: &str) -> String {
    let row = screen.lines().find(|line| line.trim_start().starts_with('▸')).unwrap_or_default();
    row.trim().to_owned()
}

#[test]
fn whoever_follows_somebody_goes_where_they_go_and_sees_what_they_select() {
    let mut house = company();
    let run = at_work(&mut house);
    let title = format!("#{run} rolling-restart");
    house.press("grace", "1 F");
    house.sees("grace", &["who is here: enter follows", "ada", &format!("#{run}"), "grace (you)"]);
    house.press("grace", "enter");
    house.sees("grace", &[&title, &format!("following ada · at #{run} · any key ends it"), "[RO]"]);
    house.sees("ada", &["grace follows"]);
    house.sees_not("ada", &["[RO]"]);

    // From screen to screen, and down the steps of a run.
    for (keys, shows) in
        [("3", "▸ Runs"), ("4", "▸ Approvals"), ("6", "▸ History"), ("7", "▸ Audit"), ("2", "▸ Runbooks")]
    {
        house.press("ada", keys);
        house.sees("grace", &[shows, "following ada"]);
    }
    house.press("ada", "3 enter");
    house.sees("grace", &[&title, "following ada"]);
    for keys in ["g", "j", "l right", "G"] {
        house.press("ada", keys.split(' ').next_back().unwrap());
        let (ada, grace) = (pointed(&house.screen("ada")), pointed(&house.screen("grace")));
        assert!(!ada.is_empty(), "{}", house.screen("ada"));
        assert_eq!(ada, grace, "after {keys}");
    }

    // What lies over her screen is hers, and what she types there.
    house.press("ada", ".");
    house.types("ada", "half a thought");
    house.sees("ada", &["half a thought"]);
    house.sees_not("grace", &["half a thought", "note on"]);
    house.press("ada", "esc");

    // Her form too, until it is a proposal.
    house.press("ada", "2 n");
    house.types("ada", "v9.9.9");
    house.sees("grace", &["▸ Runbooks", "following ada · at a proposal"]);
    house.sees_not("grace", &["v9.9.9"]);
    house.leaves("ada");
    house.sees("grace", &["ada left: you follow nobody any more"]);
    house.sees_not("grace", &["[RO]", "any key ends it"]);
}

#[test]
fn z32_no_key_of_whoever_follows_reaches_a_run_or_another_console() {
    let mut house = company();
    let run = at_work(&mut house);
    command(&mut house, "kim", "follow ada");
    house.sees("kim", &["following ada", &format!("#{run}")]);
    let (before, kinds) = (house.screen("ada"), house.kinds());
    for key in ["P", "X", "c", "S", ":", ".", "enter", "esc", "q", "1"] {
        house.press("kim", key);
        house.sees("kim", &["you follow ada no more; that key did nothing else", &format!("#{run} rolling-restart")]);
        house.sees_not("kim", &["following ada"]);
        assert_eq!(house.phase(run), &Phase::Running, "{key}");
        // Whom she follows again, she is led to again.
        command(&mut house, "kim", "follow ada");
    }
    house.pastes("kim", ":quit\n");
    house.sees("kim", &["you follow ada no more"]);
    assert_eq!(house.kinds(), kinds, "nothing was asked for");
    assert!(!house.effects("kim").contains(&Effect::Quit));
    house.sees("ada", &["kim follows you no more"]);
    let body = |screen: &str| screen.lines().skip(1).take(20).map(str::to_owned).collect::<Vec<_>>();
    let after = house.screen("ada");
    assert_eq!(body(&before)[..4], body(&after)[..4], "ada's screen is as it was");
}

#[test]
fn z51_whoever_follows_somebody_to_what_is_not_for_them_reads_nothing_of_it_and_follows_on() {
    let mut house = company();
    let run = at_work(&mut house);
    command(&mut house, "eve", "follow ada");
    house.sees("eve", &["Nothing is found here for you.", "following ada · at a run · any key ends it"]);
    house.sees_not("eve", &["rolling-restart", &format!("#{run}"), "prod-web"]);
    house.press("ada", "4");
    house.sees("eve", &["▸ Approvals", "following ada"]);
    house.press("ada", "3");
    house.sees("eve", &["▸ Runs", "No run is open."]);
    // A run that never was leads to the same words.
    house.open("ada", 99);
    house.sees("eve", &["Nothing is found here for you.", "following ada · at a run"]);
    house.sees_not("eve", &["#99"]);
}

#[test]
fn whoever_follows_catches_up_where_the_way_to_a_run_was_heard_of_before_the_run() {
    let whole = fixture::world();
    let mut early = whole.clone();
    early.runs.remove(&RunId(41));
    let seat = Seat { spot: Spot::Run(RunId(41)), ..Seat::default() };
    let bo = Present { person: "bo".into(), seat, since: fixture::NOW, heard: fixture::NOW };
    let mut console = Harness::new(early);
    console.send(Msg::Present([bo].into()));
    console = console.press(":").type_str("follow bo").press("enter").answered(|fetch| match fetch {
        Fetch::Run(run) => Some(Fetched::Failed(format!("no run {run}"))),
        _ => None,
    });
    assert!(console.screen().contains("Nothing is found here for you."), "{}", console.screen());
    console = console.world(|world| fixture::add(world, (**whole.run(RunId(41)).unwrap()).clone()));
    let screen = console.screen();
    assert!(screen.contains("▸ #41 ") && screen.contains("following bo · at #41"), "{screen}");
}

#[test]
fn nobody_follows_themselves_or_in_a_circle_or_whoever_is_not_here() {
    let mut house = company();
    for (who, whom, says) in [
        ("ada", "ada", "that is you"),
        ("ada", "nobody", "nobody is at no console"),
        ("ada", "lea", "lea is at no console"),
    ] {
        command(&mut house, who, &format!("follow {whom}"));
        house.sees(who, &[says]);
    }
    command(&mut house, "grace", "follow ada");
    command(&mut house, "kim", "follow grace");
    command(&mut house, "ada", "follow kim");
    house.sees("ada", &["kim follows you, or somebody who does"]);
    // Who follows somebody who follows goes along.
    house.press("ada", "6");
    house.sees("grace", &["▸ History", "following ada"]);
    house.sees("kim", &["▸ History", "following grace"]);
    house.press("vic", "F");
    house.sees("vic", &["follows ada", "follows grace"]);
    house.press("ada", "F");
    house.sees("ada", &["follows you", "grace follows"]);
}

#[test]
fn a_note_that_names_somebody_rings_at_their_console_and_leads_to_its_run() {
    let mut house = company();
    let run = at_work(&mut house);
    let rung = |house: &House| house.effects("grace").iter().filter(|effect| **effect == Effect::Ring).count();
    house.press("grace", "1");
    let before = rung(&house);
    house.press("ada", ".");
    house.types("ada", "@grace does web-2 look odd to you?");
    house.sees("ada", &["tells grace"]);
    house.press("ada", "enter enter");
    house.press("grace", "j k");
    house.sees("grace", &["@1", "named", &format!("#{run}"), "ada: @grace does web-2 look odd to you?"]);
    house.sees("grace", &[&format!("ada names you in a note on #{run}: :mentions opens it")]);
    assert_eq!(rung(&house), before + 1);
    house.sees_not("ada", &["@1"]);
    house.sees_not("kim", &["@1"]);
    assert_eq!(mention::unseen(&house.world, &"grace".into()).count(), 1, "at home nothing is seen");

    command(&mut house, "grace", "mentions");
    house.sees("grace", &["notes that name you", &format!("@ #{run}"), "ada: @grace does"]);
    house.press("grace", "enter");
    house.sees("grace", &[&format!("#{run} rolling-restart")]);
    house.press("grace", "j");
    assert_eq!(mention::unseen(&house.world, &"grace".into()).count(), 0);
    house.press("grace", "1 j");
    house.sees_not("grace", &["@1", "named"]);
    command(&mut house, "grace", "mentions");
    house.sees("grace", &[&format!("  #{run}")]);
    house.sees_not("grace", &[&format!("@ #{run}")]);
}

#[test]
fn what_names_somebody_is_not_seen_by_a_console_that_nobody_touches() {
    let mut house = company();
    let run = at_work(&mut house);
    // grace is at the run, and away from it; kim follows her there.
    house.open("grace", run);
    command(&mut house, "kim", "follow grace");
    house.press("ada", ".");
    house.types("ada", "@grace @kim look");
    house.press("ada", "enter enter");
    let unseen = |house: &House, who: &str| mention::unseen(&house.world, &who.into()).count();
    assert_eq!((unseen(&house, "grace"), unseen(&house, "kim")), (1, 1));
    house.press("ada", "j j j");
    assert_eq!((unseen(&house, "grace"), unseen(&house, "kim")), (1, 1), "time alone shows nothing to anybody");
    house.press("grace", "j j");
    assert_eq!((unseen(&house, "grace"), unseen(&house, "kim")), (0, 1), "whoever is led looks when they choose to");
    house.press("kim", "j");
    assert_eq!(unseen(&house, "kim"), 1, "the key that ends it does nothing else");
    house.press("kim", "j");
    assert_eq!(unseen(&house, "kim"), 0);
}

#[test]
fn an_author_is_told_whom_a_note_does_not_reach_before_it_is_sent_and_tab_completes_names() {
    let mut house = company();
    at_work(&mut house);
    let notes = |house: &House| house.kinds().iter().filter(|kind| *kind == "noted").count();
    house.press("ada", ".");
    house.types("ada", "@eve and @g");
    house.sees("ada", &["tab completes: grace, greta"]);
    house.press("ada", "tab");
    house.sees("ada", &["@eve and @gr", "tab completes: grace, greta"]);
    house.types("ada", "e");
    house.sees("ada", &["tab completes: greta"]);
    house.press("ada", "tab");
    house.sees("ada", &["@eve and @greta", "tells greta; nobody called eve can see this"]);
    house.press("ada", "enter enter");
    house.sees("ada", &["tells greta; nobody called eve can see this: press again to write it", "all the same"]);
    assert_eq!(notes(&house), 0, "it was not sent");
    house.press("ada", "enter");
    assert_eq!(notes(&house), 1);
    assert_eq!(mention::unseen(&house.world, &"eve".into()).count(), 0);
    // With nobody left out it goes at once.
    house.press("ada", ".");
    house.types("ada", "@kim all is well");
    house.press("ada", "enter enter");
    assert_eq!(notes(&house), 2);
}

#[test]
fn a_note_on_an_incident_names_people_and_is_seen_once_it_is_read() {
    let mut house = company();
    let opening = Opening {
        workspace: "prod-web".into(),
        severity: Severity::P1,
        title: "checkout fails".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: "ada".into(),
        commander: Some("kim".into()),
    };
    house.asks("ada", Ask::OpenIncident(Box::new(opening))).unwrap();
    command(&mut house, "kim", "incident");
    house.press("kim", "enter j enter");
    house.sees("kim", &["note on I1"]);
    house.types("kim", "@grace please approve quickly");
    house.sees("kim", &["tells grace"]);
    house.press("kim", "enter enter");
    house.press("grace", "j k");
    house.sees("grace", &["@1", "named", "I1", "kim: @grace please approve quickly"]);
    command(&mut house, "grace", "mentions");
    house.press("grace", "enter");
    house.sees("grace", &["checkout fails", "@grace please approve quickly"]);
    assert_eq!(mention::unseen(&house.world, &"grace".into()).count(), 0);
}

#[test]
fn whoever_can_only_look_reads_so_in_the_header_and_no_key_offers_what_is_refused() {
    let mut house = company();
    let run = at_work(&mut house);
    for screen in ["1", "2", "3", "4"] {
        house.press("vic", screen);
        house.sees("vic", &["[RO]"]);
        house.press("kim", screen);
        house.sees_not("kim", &["[RO]"]);
        let offered = house.screen("vic");
        assert!(!offered.contains("n new run") || offered.contains("n new run –"), "{offered}");
    }
    house.press("vic", "4 w");
    house.sees("vic", &["you may look and write notes, and do nothing else"]);
    house.open("vic", run);
    house.sees("vic", &["[RO]", "c take it –", "P pause –"]);
    house.sees_not("vic", &["X stop run"]);
    house.press("vic", "P");
    house.sees("vic", &["vic is not operator in prod-web and may not pause a run"]);
    assert_eq!(house.phase(run), &Phase::Running);
    // Whoever works there has no such mark, and whoever only leads is offered what they may.
    house.sees_not("ada", &["[RO]"]);
    house.open("kim", run);
    house.sees("kim", &["P pause", "X stop run"]);
    house.sees_not("kim", &["[RO]", "P pause –"]);
}

#[test]
fn whoever_leads_incidents_pauses_and_stops_a_run_by_keys_and_everybody_sees_who_did() {
    let mut house = company();
    let run = at_work(&mut house);
    for who in ["kim", "vic"] {
        house.open(who, run);
    }
    house.press("kim", "P");
    for who in ["ada", "vic", "kim"] {
        house.sees(who, &["PAUSED", "by kim"]);
    }
    house.sees("ada", &["by kim · P goes on"]);
    house.sees("kim", &["by kim · an operator lets it go on", "P continue –"]);
    house.press("ada", "P tab enter");
    assert_eq!(house.phase(run), &Phase::Running, "{}", house.screen("ada"));
    house.press("kim", "X enter");
    house.types("kim", "customers see errors");
    house.press("kim", "enter enter");
    let stopped = house.run(run).stopped.clone().unwrap_or_else(|| panic!("{}", house.screen("kim")));
    assert_eq!((stopped.by.as_str(), stopped.text.as_str()), ("kim", "customers see errors"));
    assert!(
        matches!(house.phase(run), Phase::Stopping(StopHow::AfterStep) | Phase::Ended(_)),
        "{:?}",
        house.phase(run)
    );
    for who in ["ada", "vic", "kim"] {
        house.sees(who, &["by kim"]);
    }
}
