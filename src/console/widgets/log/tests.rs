//! A log pane as one reads: following, scrolling, searching, a million lines.

use crate::console::fixture;
use crate::console::harness::{Harness, log_page, log_rows};
use crate::console::msg::{LogRow, LogRows};
use crate::domain::RunId;
use crate::domain::query::{Fetch, LogFrom, LogQuery};
use crate::domain::run::Item;
use std::sync::Arc;

const RUN: RunId = RunId(40);

fn open() -> Harness {
    Harness::new(fixture::world()).press(":").type_str("run 40").press("enter")
}

fn lines(from: u64, count: u64) -> Vec<LogRow> {
    let texts: Vec<String> = (from..from + count).map(|n| format!("line {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut rows = log_rows("web-5", Item::Step(1), "restart", &texts);
    for (row, number) in rows.iter_mut().zip(from..) {
        row.number = number;
    }
    rows
}

fn page(first: u64, count: u64, total: u64) -> LogRows {
    shared(lines(first, count), first, total)
}

fn shared(rows: Vec<LogRow>, first: u64, total: u64) -> LogRows {
    LogRows { run: RUN, rows: rows.into_iter().map(Arc::new).collect(), first, total, amiss: None }
}

fn asked(console: &Harness) -> &LogQuery {
    match console.question() {
        Some(Fetch::Log(query)) => query,
        other => panic!("no log was asked for: {other:?}"),
    }
}

#[test]
fn it_follows_until_one_scrolls_up_and_follows_again_at_the_end() {
    let console = open().fetched_log(page(0, 100, 100));
    assert!(console.screen().contains("line 99") && console.screen().contains("following"));
    let console = console.tail(RUN, lines(100, 3));
    assert!(console.screen().contains("line 102"), "{}", console.screen());
    let console = console.press("tab k");
    assert!(console.screen().contains("held"), "{}", console.screen());
    let before = console.screen();
    let console = console.tail(RUN, lines(103, 50));
    let moved: Vec<_> = before
        .lines()
        .zip(console.screen().lines().map(str::to_owned))
        .filter(|(a, b)| a.contains("line ") && *a != b.as_str() && !a.contains("──"))
        .map(|(a, _)| a.to_owned())
        .collect();
    assert_eq!(moved, Vec::<String>::new(), "what is read does not move");
    assert!(console.screen().contains("153 lines"), "{}", console.screen());
    let console = console.press("G");
    assert!(console.screen().contains("line 152") && console.screen().contains("following"), "{}", console.screen());
}

#[test]
fn only_lines_of_what_is_shown_are_appended() {
    let console = open().fetched_log(page(0, 3, 3));
    let other = log_rows("web-6", Item::Step(1), "restart", &["from another host"]);
    let console = console.tail(RUN, other.clone()).tail(RunId(41), lines(3, 1));
    assert!(!console.screen().contains("another host") && console.screen().contains("3 lines"), "{}", console.screen());
    let console = console.press("M").fetched_log(page(0, 3, 3)).tail(RUN, other);
    assert!(console.screen().contains("another host"), "merged: {}", console.screen());
}

#[test]
fn lines_that_come_while_the_page_is_read_are_neither_lost_nor_doubled() {
    let all = lines(0, 10);
    let console = open().tail(RUN, all.get(4..10).unwrap().to_vec());
    let first_seven = shared(all.get(0..7).unwrap().to_vec(), 0, 7);
    let screen = console.fetched_log(first_seven).press("f").screen();
    for n in 0..10 {
        assert_eq!(screen.matches(&format!("line {n}\n")).count(), 1, "line {n}\n{screen}");
    }
    assert!(screen.contains("10 lines"), "{screen}");
}

#[test]
fn a_million_lines_are_read_by_the_page() {
    let console = open().fetched_log(page(999_000, 1_000, 1_000_000)).press("f");
    assert!(console.screen().contains("1 000 000 lines"), "{}", console.screen());
    let console = console.press("g");
    assert_eq!(asked(&console).from, LogFrom::Line(0));
    let console = console.fetched_log(page(0, 1_000, 1_000_000));
    assert!(console.screen().contains("line 0\n"), "{}", console.screen());
    let mut console = console;
    for _ in 0..60 {
        console = console.press("pgdn");
    }
    assert_eq!(asked(&console).from, LogFrom::Line(1_000), "asks for what follows");
    let console = console.fetched_log(page(1_000, 1_000, 1_000_000)).press("pgdn");
    assert!(console.screen().contains("line 1 0") || console.screen().contains("line 10"), "{}", console.screen());
    let console = console.press("s");
    assert_eq!(asked(&console).from, LogFrom::End);
}

#[test]
fn scrolling_up_past_the_window_asks_for_what_was_before() {
    let mut console = open().fetched_log(page(5_000, 1_000, 6_000)).press("f");
    for _ in 0..60 {
        console = console.press("pgup");
    }
    assert_eq!(asked(&console).from, LogFrom::Line(4_000));
    let console = console.fetched_log(page(4_000, 1_000, 6_000)).press("pgup");
    assert!(console.screen().contains("line 49"), "{}", console.screen());
}

#[test]
fn a_search_marks_what_is_seen_and_asks_for_the_rest() {
    let console = open().fetched_log(page(0, 1_000, 1_000)).press("f /").type_str("line 9[0-9]8");
    let console = console.press("enter");
    let query = asked(&console);
    assert_eq!((query.matching.as_deref(), query.from, query.count), (Some("line 9[0-9]8"), LogFrom::End, 1));
    let mut hit = lines(998, 1);
    hit[0].number = 9;
    hit[0].at = lines(0, 1_000)[998].at;
    let console = console.fetched_log(shared(hit, 9, 10));
    assert!(console.screen().contains("hit 10 of 10"), "{}", console.screen());
    let console = console.press("N");
    assert_eq!(asked(&console).from, LogFrom::Line(8));
    let console = console.press("n n");
    assert!(console.screen().contains("line 9"), "{}", console.screen());
}

#[test]
fn a_hit_outside_the_window_is_fetched_by_its_moment() {
    let console = open().fetched_log(page(9_000, 1_000, 10_000)).press("/").type_str("line 17").press("enter");
    let mut hit = lines(17, 1);
    hit[0].number = 0;
    let at = hit[0].at;
    let console = console.fetched_log(shared(hit, 0, 1));
    assert_eq!(asked(&console).from, LogFrom::Time(at));
    let mut around = page(17, 500, 10_000);
    Arc::make_mut(&mut around.rows[0]).at = at;
    let console = console.fetched_log(around);
    assert!(console.screen().contains("line 17"), "{}", console.screen());
}

#[test]
fn what_is_no_pattern_is_said() {
    let console = open().fetched_log(page(0, 3, 3)).press("/").type_str("(").press("enter");
    assert!(console.screen().contains("no regular expression"), "{}", console.screen());
    assert!(console.press("n").screen().contains("line 2"));
    let console = open().fetched_log(page(0, 3, 3)).press("n");
    assert!(console.screen().contains("nothing searched for yet"), "{}", console.screen());
}

#[test]
fn wrapped_lines_keep_every_character_and_marks_stay() {
    let long = "abcdefghij".repeat(30);
    let rows = log_rows("web-5", Item::Step(1), "restart", &[&long, "short"]);
    let console = open().fetched_log(log_page(RUN, rows)).press("f");
    assert!(console.screen().contains('…'), "cut: {}", console.screen());
    let console = console.press("W m");
    let screen = console.screen();
    assert!(screen.matches("abcdefghij").count() + screen.matches("cdefgh").count() > 25, "{screen}");
    assert!(screen.contains("read so far"), "{screen}");
    let console = console.press("W right right");
    assert!(!console.screen().contains("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij…"));
}

#[test]
fn times_are_clock_then_since_the_start_then_none() {
    let console = open().fetched_log(page(0, 3, 3));
    assert!(console.screen().contains("22:40:59"), "{}", console.screen());
    let console = console.press("t");
    assert!(console.screen().contains("+04:1"), "{}", console.screen());
    let console = console.press("t");
    assert!(!console.screen().contains("+04:1") && !console.screen().contains("22:40:59"));
}

#[test]
fn a_pane_is_bounded() {
    let mut console = open().fetched_log(page(0, 1_000, 1_000));
    for from in (1_000..12_000).step_by(1_000) {
        console = console.tail(RUN, lines(from, 1_000));
    }
    assert!(console.screen().contains("12 000 lines"), "{}", console.screen());
    let console = console.press("f g");
    assert_eq!(asked(&console).from, LogFrom::Line(0), "the oldest are gone from the window");
}

#[test]
fn s25_where_lines_were_left_out_whoever_scrolls_reads_anew_and_takes_no_strangers_for_neighbours() {
    let console = open().fetched_log(page(0, 100, 100)).tail(RUN, lines(100, 3)).press("tab k");
    assert!(!matches!(asked(&console).from, LogFrom::Time(_)), "nothing was left out");
    let console = open().fetched_log(page(0, 100, 100)).tail(RUN, lines(100, 3)).tail(RUN, lines(5_000, 40));
    assert!(console.screen().contains("line 5039") && console.screen().contains("following"), "{}", console.screen());
    let console = console.press("tab k");
    assert!(matches!(asked(&console).from, LogFrom::Time(_)), "{:?}", asked(&console));
    let console = console.fetched_log(page(4_700, 340, 5_040));
    assert!(console.screen().contains("line 4700") && console.screen().contains("040 lines"), "{}", console.screen());
    let console = console.press("k");
    assert_eq!(asked(&console).from, LogFrom::Line(3_700), "what is really before it");
}
