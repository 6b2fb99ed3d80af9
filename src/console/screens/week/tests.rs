//! What deviates, by key presses.

use crate::console::cases::{State, prove::answer};
use crate::console::fixture;
use crate::console::harness::Harness;
use crate::domain::deviation::Deviation;
use crate::domain::follow_up::{Source, Wanted};
use crate::domain::proof::{Found, Period, Question};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::{Ask, RunId, Timestamp};
use std::sync::Arc;

fn opened(line: &str) -> Harness {
    Harness::new(fixture::world()).press(":").type_str(line).press("enter")
}

fn read() -> Harness {
    opened("week").fetched(Fetched::Proof(Found::Week(Arc::new(answer(State::Busy)))))
}

fn asked(console: &Harness) -> Period {
    match console.question() {
        Some(Fetch::Proof(Question::Week(period))) => period.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_week_is_seven_days_and_a_release_is_known_by_its_words() {
    let week = asked(&opened("week prod-web"));
    assert_eq!(week.workspace.as_ref().map(|id| id.as_str()), Some("prod-web"));
    assert_eq!(week.until.ms_since(week.since), 7 * 86_400_000 + 1);
    let release = asked(&opened("release 2026.11"));
    assert_eq!(release.about.as_deref(), Some("2026.11"));
    let nowhere = opened("week elsewhere");
    assert!(nowhere.screen().contains("no workspace is called elsewhere"), "{}", nowhere.screen());
}

#[test]
fn looking_is_recorded_with_a_reason_and_the_list_is_read_again() {
    let console = read().press("v").type_str("ada writes it").press("enter enter");
    let look = Ask::LookAt {
        workspace: "prod-web".into(),
        deviation: Deviation::NoNote(RunId(39)),
        reason: "ada writes it".to_owned(),
    };
    assert_eq!(console.ask(), Some(&look));
    let questions = |console: &Harness| {
        console.effects().iter().filter(|effect| matches!(effect, crate::console::Effect::Fetch { .. })).count()
    };
    let before = questions(&console);
    assert_eq!(questions(&console.accepted(None)), before + 1);
    let blank = read().press("v enter enter");
    assert_eq!(blank.ask(), None, "a look says what came of it");
}

#[test]
fn a_deviation_becomes_a_follow_up_that_knows_where_it_came_from() {
    let console = read().press("j N").type_str("bo:14d:Review it").press("tab tab tab enter");
    let Some(Ask::FollowUp(Wanted::Add { workspace, draft, from })) = console.ask() else {
        panic!("{}", console.screen())
    };
    assert_eq!((workspace.as_str(), draft.text.as_str()), ("prod-web", "Review it"));
    assert_eq!(from, &Source::Deviation(Deviation::Stale("rolling-restart".into())));
}

#[test]
fn the_screen_says_how_many_are_not_yet_looked_at() {
    assert!(read().screen().contains("2 not yet looked at"), "{}", read().screen());
    let mut all = answer(State::Busy);
    all.deviations.retain(|line| !line.is_open());
    let console = opened("week").fetched(Fetched::Proof(Found::Week(Arc::new(all))));
    assert!(console.screen().contains("all was looked at"), "{}", console.screen());
    assert!(asked(&read()).since < Timestamp(fixture::NOW.0));
}
