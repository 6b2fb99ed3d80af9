//! Reports, by key presses.

use crate::console::Effect;
use crate::console::cases::{State, prove::report};
use crate::console::fixture;
use crate::console::harness::Harness;
use crate::domain::changes::{Change, HostChange, How, What};
use crate::domain::compliance;
use crate::domain::history;
use crate::domain::proof::{Found, Question};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::{Digest, PersonId};
use std::sync::Arc;

fn typed(console: Harness, line: &str) -> Harness {
    console.press(":").type_str(line).press("enter")
}

fn read() -> Harness {
    let console = typed(Harness::new(fixture::world()), "compliance");
    console.fetched(Fetched::Proof(Found::Compliance(Arc::new(report(State::Busy)))))
}

fn saved(console: &Harness) -> Option<(&str, &str)> {
    console.effects().iter().rev().find_map(|effect| match effect {
        Effect::SaveText { name, text } => Some((name.as_str(), text.as_str())),
        _ => None,
    })
}

#[test]
fn a_report_is_kept_in_the_format_that_its_name_asks_for() {
    let whole = report(State::Busy);
    assert_eq!(saved(&typed(read(), "save q.csv")), Some(("q.csv", compliance::csv(&whole).as_str())));
    assert_eq!(saved(&typed(read(), "save q.HTML")), Some(("q.HTML", compliance::html(&whole).as_str())));
    let console = typed(read(), "save q.json");
    let json: serde_json::Value = serde_json::from_str(saved(&console).unwrap().1).unwrap();
    assert_eq!(json, compliance::json(&whole));
    let other = typed(read(), "save q.xlsx");
    assert_eq!(saved(&other), None);
    assert!(other.screen().contains("FILE.csv, FILE.json or FILE.html"), "{}", other.screen());
}

#[test]
fn a_period_is_asked_for_in_words_and_one_the_wrong_way_round_is_told() {
    let period = |line: &str| match typed(Harness::new(fixture::world()), line).question() {
        Some(Fetch::Proof(Question::Compliance(period))) => Some(period.clone()),
        _ => None,
    };
    let usual = period("compliance").unwrap();
    assert_eq!(usual.until.ms_since(usual.since), 90 * 86_400_000 + 1);
    let named = period("compliance 2026-01-01 2026-04-01 prod-web").unwrap();
    assert_eq!(named.workspace.as_ref().map(|id| id.as_str()), Some("prod-web"));
    assert!(period("compliance prod-web").unwrap().workspace.is_some());
    for (line, words) in [
        ("compliance 1d 2d", "ends before it begins"),
        ("compliance soon", "`soon` is no time"),
        ("compliance 1d 1h x y", "write :compliance"),
        ("changes web-1 soon", "`soon` is no time"),
        ("changes web-1 1d more", "write :changes"),
        ("changes", "write :changes HOST"),
    ] {
        let console = typed(Harness::new(fixture::world()), line);
        assert!(console.screen().contains(words), "{line}: {}", console.screen());
        assert_eq!(console.question(), None, "{line}");
    }
}

#[test]
fn changes_name_runs_loads_and_tickets_the_latest_first() {
    let console = typed(Harness::new(fixture::world()), "changes web-1");
    let Some(Fetch::Proof(Question::Changes(target, period))) = console.question() else { panic!("asked") };
    assert_eq!((target.as_str(), period.until.ms_since(period.since)), ("web-1", 86_400_001));
    let host = HostChange { workspace: "prod-web".into(), host: "web-1".into(), how: How::Changed };
    let site = What::Site {
        digest: Digest::of(b"now"),
        commit: Some("0123456789abcdef".to_owned()),
        by: Some(PersonId::new("grace")),
        hosts: vec![host],
    };
    let run = What::Run(Box::new(history::row(&fixture::ended_39())));
    let found = vec![Change { at: fixture::ago(5), what: site }, Change { at: fixture::ago(50), what: run }];
    let console = console.fetched(Fetched::Proof(Found::Changes(found)));
    let screen = console.screen();
    let (site, run) = (console.row_of("in force at 0123456789"), console.row_of("#39"));
    assert!(site < run, "{screen}");
    assert!(screen.contains("web-1 of prod-web changed"), "{screen}");
    let none =
        typed(Harness::new(fixture::world()), "changes nothing").fetched(Fetched::Proof(Found::Changes(Vec::new())));
    assert!(none.screen().contains("Nothing on record touched it."), "{}", none.screen());
}
