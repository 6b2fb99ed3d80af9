//! What is left to do, by key presses.

use crate::console::cases::{State, prove::left_to_do};
use crate::console::fixture;
use crate::console::harness::Harness;
use crate::domain::follow_up::{Draft, FollowUpId, Source, Wanted};
use crate::domain::run::{Ending, Phase, Run};
use crate::domain::{Ask, RunId};

fn open() -> Harness {
    Harness::new(left_to_do(State::Busy)).press(":").type_str("follow-ups").press("enter")
}

#[test]
fn one_is_done_with_a_note_and_the_selected_one_is_meant() {
    let console = open().press("j D").type_str("written").press("enter enter");
    let done = Wanted::Done { id: FollowUpId(2), note: "written".to_owned() };
    assert_eq!(console.ask(), Some(&Ask::FollowUp(done)));
    let blank = open().press("D enter enter");
    assert_eq!(blank.ask(), None, "without a note nothing is asked");
    assert!(blank.screen().contains("what was done is missing"), "{}", blank.screen());
}

#[test]
fn one_is_given_in_the_workspace_of_the_selected_one_and_wrong_words_are_told() {
    let console = open().press("N").type_str("bo:14:x").press("tab tab tab enter");
    assert!(console.screen().contains("`14` is no day"), "{}", console.screen());
    assert_eq!(console.ask(), None);
    let console = open().press("N").type_str("bo:14d:Automate it; all of it").press("tab");
    let console = console.type_str("rolling-restart").press("tab tab enter");
    let draft = Draft {
        owner: "bo".into(),
        due: "2026-12-05".parse().unwrap(),
        text: "Automate it; all of it".to_owned(),
        runbook: Some("rolling-restart".into()),
    };
    let give = Wanted::Add { workspace: "prod-web".into(), draft, from: Source::Person };
    assert_eq!(console.ask(), Some(&Ask::FollowUp(give)));
}

#[test]
fn a_filter_finds_them_by_state_and_owner() {
    let late = open().press("/").type_str("is:overdue").press("enter");
    assert!(late.screen().contains("F1") && !late.screen().contains("F2"), "{}", late.screen());
    let of_bo = open().press("/").type_str("owner:bo").press("enter");
    assert!(of_bo.screen().contains("F3") && !of_bo.screen().contains("F1"), "{}", of_bo.screen());
}

#[test]
fn home_counts_ones_own_and_opens_them() {
    let home = Harness::new(left_to_do(State::Busy));
    let row = home.screen().lines().find(|line| line.contains("follow-ups")).unwrap().to_owned();
    assert!(row.contains("2 follow-ups, 1 overdue") && row.contains("next due 2026-11-19"), "{row}");
    let none = Harness::new(left_to_do(State::Busy)).by("kim");
    assert!(!none.screen().contains("follow-up"), "{}", none.screen());
    assert!(!Harness::new(fixture::world()).screen().contains("follow-up"));
}

#[test]
fn those_of_other_workspaces_are_not_there() {
    let console = open().by("mallory");
    assert!(console.screen().contains("Nothing is left to do."), "{}", console.screen());
}

#[test]
fn a_review_gives_them_too() {
    let mut closed = Run { phase: Phase::Closed(Ending::Succeeded), ..fixture::ended_39() };
    closed.outcome_note = Some(fixture::note("ada", "all hosts fine"));
    let open = || {
        let console = Harness::new(fixture::with(closed.clone())).by("lea");
        console.press(":").type_str("run 39").press("enter R").type_str("agreed").press("tab")
    };
    let console = open().type_str("bo:1d:one; ada:2026-12-24:two").press("enter enter");
    let Some(Ask::Review { run, comment, follow_ups }) = console.ask() else { panic!("{}", console.screen()) };
    assert_eq!((*run, comment.as_str()), (RunId(39), "agreed"));
    let given: Vec<String> = follow_ups.iter().map(|one| format!("{} {} {}", one.owner, one.due, one.text)).collect();
    assert_eq!(given, ["bo 2026-11-22 one", "ada 2026-12-24 two"]);
    let wrong = open().type_str("bo").press("enter enter");
    assert_eq!(wrong.ask(), None);
    assert!(wrong.screen().contains("write OWNER:DUE:TEXT"), "{}", wrong.screen());
}

#[test]
fn the_note_of_a_run_that_nothing_verified_begins_with_saying_so() {
    let ended = Run { phase: Phase::Ended(Ending::Unverified), ..fixture::ended_39() };
    let console = Harness::new(fixture::with(ended)).press(":").type_str("run 39").press("enter C");
    let console = console.type_str("looked at the graphs").press("enter enter");
    let note = "Not verified: looked at the graphs".to_owned();
    assert_eq!(console.ask(), Some(&Ask::Close { run: RunId(39), note }));
}
