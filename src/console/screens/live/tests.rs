//! The live run: what is seen, what is chosen, what is asked.

use crate::console::effect::Effect;
use crate::console::fixture;
use crate::console::harness::{Harness, keep, log_page, log_rows};
use crate::domain::query::{Fetch, Fetched, LogFrom};
use crate::domain::run::{CellState, Ending, Item, Offer, PauseCause, Phase, Reason, Run, StopHow};
use crate::domain::{Ask, Decision, PersonId, Refusal, Rule, RunId, Seen, World};

fn open(run: u64, world: World) -> Harness {
    Harness::new(world).press(":").type_str(&format!("run {run}")).press("enter")
}

fn look(run: u64) -> impl Fn(Harness) -> Harness {
    move |console| console.press(":").type_str(&format!("run {run}")).press("enter")
}

fn with_log(console: Harness, run: u64) -> Harness {
    let rows = log_rows(
        "web-5",
        Item::Step(1),
        "restart",
        &[
            "Stopping web.service - Web tier...",
            "web.service: Deactivated successfully.",
            "Started web.service - Web tier.",
            "E curl: (7) Failed to connect to localhost port 80: refused",
            "= exit 7 · paused by on_failure, 2 hosts finish this step, none start",
        ],
    );
    console.fetched_log(log_page(RunId(run), rows))
}

fn unknown() -> World {
    let mut run = fixture::paused_40();
    fixture::set(&mut run, Item::Step(0), 4, CellState::Unknown(Reason::ConnectionLost));
    run.progress.attention = [fixture::slot(Item::Step(0), 4)].into_iter().collect();
    fixture::with(run)
}

fn by_hand() -> World {
    let mut run = Run { phase: Phase::Running, ..fixture::paused_40() };
    run.progress.attention.clear();
    fixture::set(&mut run, Item::Step(1), 4, CellState::Ok);
    fixture::set_by_hand(&mut run, 3, CellState::Waiting, "");
    fixture::with(run)
}

#[test]
fn frames() {
    keep("live-failed", &fixture::world(), |console| with_log(look(40)(console), 40));
    keep("live-taken", &fixture::world(), |console| with_log(look(40)(console), 40).press("c"));
    keep("live-loading", &fixture::world(), |console| look(40)(console).wait(400));
    keep("live-log-error", &fixture::world(), |console| {
        look(40)(console).fetched(Fetched::Failed("the transcript of #40 cannot be read: I/O error".to_owned()))
    });
    keep("live-long-names", &fixture::long_names(), look(40));
    keep("live-unknown", &unknown(), |console| look(40)(console).press("c"));
    keep("live-by-hand", &by_hand(), |console| look(40)(console).press("c"));
    keep("live-stop-menu", &fixture::world(), |console| look(40)(console).press("X"));
    keep("live-waiting", &fixture::world(), look(42));
    keep("live-ended", &fixture::world(), look(39));
    keep("live-full-log", &fixture::world(), |console| with_log(look(40)(console), 40).press("f W t"));
    keep("live-refused", &fixture::world(), |console| {
        let refusal = Refusal::new(Rule::Stale, "#40 changed since you looked").next("look again, then decide");
        look(40)(console).press("c 1").refused(refusal)
    });
    keep("live-gone", &fixture::empty(), |console| console.press("3"));
    for hosts in [1, 8, 12, 200, 2_000] {
        keep(&format!("live-{hosts}-hosts"), &fixture::fleet(hosts), look(42));
    }
    keep("live-ascii", &fixture::fleet(200), |console| look(42)(console.ascii()));
}

#[test]
fn it_follows_the_run_while_it_is_looked_at() {
    let console = open(40, fixture::world());
    assert!(console.effects().contains(&Effect::Follow(RunId(40))));
    let console = console.press("esc");
    assert_eq!(console.effects().last(), Some(&Effect::Unfollow));
}

#[test]
fn what_needs_a_person_is_selected_and_its_log_is_shown() {
    let console = open(40, fixture::world());
    let Some(Fetch::Log(query)) = console.question() else { panic!("no log asked") };
    assert_eq!((query.host.as_deref(), query.item), (Some("web-5"), Some(Item::Step(1))));
    assert_eq!(query.from, LogFrom::End);
    let console = console.press("right");
    let Some(Fetch::Log(query)) = console.question() else { panic!("no log asked") };
    assert_eq!(query.host.as_deref(), Some("web-6"));
    let console = console.press("M");
    let Some(Fetch::Log(query)) = console.question() else { panic!("no log asked") };
    assert_eq!((query.host.as_deref(), query.item), (None, None));
}

#[test]
fn digits_decide_only_after_it_was_taken() {
    let console = open(40, fixture::world()).press("1");
    assert!(!console.screen().contains("▸ #40"), "1 is Home: {}", console.screen());
    let console = open(40, fixture::world()).press("c 1");
    let slot = fixture::slot(Item::Step(1), 4);
    let ask = Ask::Resolve { run: RunId(40), slot, decision: Decision::Retry, reason: String::new() };
    assert_eq!(console.ask(), Some(&ask));
    assert!(console.effects().iter().any(|e| matches!(e, Effect::Submit { seen: Seen::Attempt(3), .. })));
    // It stays taken until the world says that it is decided.
    let console = console.accepted(Some(RunId(40)));
    assert!(console.screen().contains("yours to decide"), "{}", console.screen());
}

#[test]
fn what_somebody_else_has_is_taken_over_with_a_reason_and_not_decided_before() {
    let mut world = fixture::world();
    let mut run = fixture::paused_40();
    run.claim = Some("bo".into());
    fixture::add(&mut world, run);
    let console = open(40, world);
    assert!(console.screen().contains("bo has it and decides"), "{}", console.screen());
    let console = console.press("c").type_str("bo's link is down").press("enter enter");
    let ask = Ask::Claim { run: RunId(40), reason: "bo's link is down".to_owned() };
    assert_eq!(console.ask(), Some(&ask));
}

#[test]
fn a_run_that_is_offered_is_said_to_everybody_and_taken_in_one_key_by_whom_it_is_offered_to() {
    let offered = |to: &str| {
        let mut world = fixture::world();
        let mut run = fixture::paused_40();
        run.claim = Some("bo".into());
        run.driver = run.claim.clone();
        let words = "web-5 is next".to_owned();
        run.offered = Some(Offer { to: to.into(), by: "bo".into(), at: run.phase_since, words });
        fixture::add(&mut world, run);
        world
    };
    let console = open(40, offered("ada"));
    let screen = console.screen();
    assert!(screen.contains("bo offers you this run: web-5 is next") && screen.contains("c takes it"), "{screen}");
    assert_eq!(console.press("c").ask(), Some(&Ask::Claim { run: RunId(40), reason: String::new() }));
    let console = open(40, offered("kim"));
    let screen = console.screen();
    assert!(screen.contains("bo has it and offers it to kim") && !screen.contains("offers you"), "{screen}");
    let console = console.press("c");
    assert!(console.screen().contains("why you take it over"), "{}", console.screen());
}

#[test]
fn skip_and_drop_want_a_reason() {
    for (key, decision) in [("2", Decision::Skip), ("3", Decision::Drop)] {
        let console = open(40, fixture::world()).press("c").press(key).type_str("known bad disk").press("enter enter");
        let slot = fixture::slot(Item::Step(1), 4);
        let ask = Ask::Resolve { run: RunId(40), slot, decision, reason: "known bad disk".to_owned() };
        assert_eq!(console.ask(), Some(&ask));
    }
}

#[test]
fn an_unknown_end_can_be_marked_and_a_failed_one_cannot() {
    let console = open(40, unknown()).press("c 6").type_str("saw it drained").press("enter enter");
    let slot = fixture::slot(Item::Step(0), 4);
    let ask = Ask::Resolve { run: RunId(40), slot, decision: Decision::MarkOk, reason: "saw it drained".to_owned() };
    assert_eq!(console.ask(), Some(&ask));
    let console = open(40, fixture::world()).press("c 6");
    assert!(console.screen().contains("this one failed"), "{}", console.screen());
    // Repeating a once step whose end nobody saw is never one key away.
    let console = open(40, unknown()).press("c 1");
    assert_eq!(console.ask(), Some(&Ask::Claim { run: RunId(40), reason: String::new() }), "it is taken, and no more");
    assert!(console.screen().contains("Look on the host first"), "{}", console.screen());
}

#[test]
fn what_somebody_else_decided_meanwhile_is_not_decided_again() {
    let console = open(40, fixture::world()).press("c");
    let console = console.world(|world| {
        let mut run = fixture::paused_40();
        run.progress.attention.clear();
        fixture::add(world, run);
    });
    assert!(console.screen().contains("P goes on"), "{}", console.screen());
    let claimed = Ask::Claim { run: RunId(40), reason: String::new() };
    assert_eq!(console.press("c 2").ask(), Some(&claimed), "it was taken, and nothing was decided");
}

#[test]
fn the_way_back_names_hosts_and_undo_last_step_first() {
    let screen = open(40, fixture::world()).press("c 4").screen();
    let (restart, drain) = (screen.find("── restart").unwrap(), screen.find("── drain").unwrap());
    assert!(restart < drain, "{screen}");
    assert!(screen.contains("ran on web-1 web-2 web-3 web-4 web-5 web-6 web-7"), "{screen}");
    assert!(screen.contains("no undo is written"), "{screen}");
}

#[test]
fn stopping_says_how_and_why_and_in_production_wants_the_word() {
    let console =
        open(40, fixture::world()).press("X G enter").type_str("wrong release").press("enter").type_str("abort");
    let console = console.press("enter enter");
    let ask = Ask::Stop { run: RunId(40), how: StopHow::Now, reason: "wrong release".to_owned() };
    assert_eq!(console.ask(), Some(&ask));
    let console = open(40, fixture::world()).press("X G enter").type_str("wrong release").press("enter enter enter");
    assert_eq!(console.ask(), None, "{}", console.screen());
}

#[test]
fn pausing_asks_nothing_and_going_on_asks_once() {
    let console = open(41, fixture::world()).press("P");
    assert_eq!(console.ask(), Some(&Ask::Pause { run: RunId(41) }));
    let paused = Run { phase: Phase::Paused(PauseCause::Person(PersonId::new("ada"))), ..fixture::running_41() };
    let console = open(41, fixture::with(paused)).press("P");
    assert_eq!(console.ask(), None);
    // Cancel is focused: Enter does nothing but close.
    let console = console.press("enter");
    assert_eq!(console.ask(), None);
    let console = console.press("P tab enter");
    assert_eq!(console.ask(), Some(&Ask::Continue { run: RunId(41) }));
}

#[test]
fn behind_a_batch_it_says_what_is_waited_for_and_going_on_begins_the_next() {
    let behind = Run { phase: Phase::Paused(PauseCause::Batch), ..fixture::running_41() };
    let console = open(41, fixture::with(behind));
    assert!(console.screen().contains("is through · P goes on"), "{}", console.screen());
    let console = console.press("P");
    assert!(console.screen().contains("The next batch begins."), "{}", console.screen());
    let console = console.press("tab enter");
    assert_eq!(console.ask(), Some(&Ask::Continue { run: RunId(41) }));
}

#[test]
fn z43_keys_typed_before_a_dialog_opened_do_nothing_in_it() {
    let paused = Run { phase: Phase::Paused(PauseCause::Person(PersonId::new("ada"))), ..fixture::running_41() };
    let console = open(41, fixture::with(paused)).wait(600).press_at_once("P tab enter tab enter");
    assert_eq!(console.ask(), None);
    assert!(console.screen().contains("Steps start again"), "still open: {}", console.screen());
}

#[test]
fn a_step_by_hand_is_ticked_point_by_point_with_evidence() {
    let console = open(40, by_hand()).press("c");
    let console = console.press("space enter enter").type_str("posted at 22:40").press("enter enter");
    assert_eq!(console.ask(), None, "one point is open: {}", console.screen());
    assert!(console.screen().contains("not ticked: Status page updated"), "{}", console.screen());
    let console = console.press("space enter enter enter");
    let ask = Ask::Tick {
        run: RunId(40),
        step: "announce".into(),
        checked: vec![0, 1],
        evidence: "posted at 22:40".to_owned(),
    };
    assert_eq!(console.ask(), Some(&ask));
}

#[test]
fn a_step_by_hand_is_told_with_the_values_of_the_form() {
    let world = fixture::with(fixture::told_with_values((**by_hand().run(RunId(40)).unwrap()).clone()));
    let console = open(40, world).press("c");
    assert!(console.screen().contains("Say that v2.8.1 is out by #40."), "{}", console.screen());
}

#[test]
fn an_approved_run_starts_with_its_revision_and_the_word() {
    let run = Run { phase: Phase::Approved, approved: Some(fixture::ago(1)), ..fixture::approval_42() };
    let console = open(42, fixture::with(run)).press("S").type_str("start").press("enter enter");
    assert_eq!(console.ask(), Some(&Ask::Start { run: RunId(42) }));
    assert!(console.effects().iter().any(|e| matches!(e, Effect::Submit { seen: Seen::Revision(7), .. })));
}

#[test]
fn the_outcome_note_and_the_review_close_a_run() {
    let console = open(39, fixture::world()).press("C").type_str("all hosts fine").press("enter enter");
    assert_eq!(console.ask(), Some(&Ask::Close { run: RunId(39), note: "all hosts fine".to_owned() }));
    let mut closed = Run { phase: Phase::Closed(Ending::Succeeded), ..fixture::ended_39() };
    closed.outcome_note = Some(fixture::note("ada", "all hosts fine"));
    let console = open(39, fixture::with(closed)).by("lea").press("R").type_str("agreed").press("enter enter enter");
    assert_eq!(
        console.ask(),
        Some(&Ask::Review { run: RunId(39), comment: "agreed".to_owned(), follow_ups: Vec::new() })
    );
}

#[test]
fn a_note_goes_to_the_run_that_is_open() {
    let console = open(40, fixture::world()).press(".").type_str("kim looks at web-5").press("enter enter");
    assert_eq!(console.ask(), Some(&Ask::Note { run: RunId(40), text: "kim looks at web-5".to_owned() }));
}

#[test]
fn what_is_run_is_shown_as_reviewed() {
    let screen = open(40, fixture::world()).press("@").screen();
    assert!(screen.contains("systemctl restart web.service"), "{screen}");
    assert!(screen.contains("release") && screen.contains("v2.8.1"), "{screen}");
}

#[test]
fn a_refused_decision_keeps_what_was_typed() {
    let refusal = Refusal::new(Rule::Role, "ada may not decide about a failed host").who_may("an operator: bo");
    let console =
        open(40, fixture::world()).press("c 2").type_str("known bad disk").press("enter enter").refused(refusal);
    let screen = console.screen();
    assert!(screen.contains("known bad disk") && screen.contains("who may: an operator: bo"), "{screen}");
    let console = console.press("esc w");
    assert!(console.screen().contains("role.missing"), "{}", console.screen());
}

#[test]
fn a_click_on_a_cell_selects_its_host() {
    let console = open(40, fixture::world());
    let row = console.row_of("2 restart");
    let screen = console.screen();
    let line: Vec<char> = screen.lines().nth(usize::from(row)).unwrap().chars().collect();
    let column = line.iter().position(|c| *c == '◐').unwrap();
    let console = console.click(u16::try_from(column).unwrap(), row);
    let Some(Fetch::Log(query)) = console.question() else { panic!("no log asked") };
    assert_eq!(query.host.as_deref(), Some("web-6"));
}

#[test]
fn every_size_of_fleet_is_drawn_at_every_width() {
    for hosts in [1, 2, 8, 9, 12, 60, 200, 2_000] {
        let mut console = open(42, fixture::fleet(hosts));
        for columns in [72, 80, 100, 131, 160, 240] {
            console = console.at(columns, 24);
            assert!(console.screen().contains("restart"), "{hosts} at {columns}");
            console = console.press("right right left j k");
        }
    }
}

#[test]
fn a_step_by_hand_says_what_is_to_be_done_where_a_log_would_be_empty() {
    let console = open(40, fixture::world()).press("G");
    let screen = console.screen();
    assert!(screen.contains("── by hand: announce "), "{screen}");
    assert!(screen.contains("[ ] Posted in the stakeholder chat") && !screen.contains("nothing printed"), "{screen}");
    let full = console.press("f").screen();
    assert!(full.contains("── log: everything "), "{full}");
}

#[test]
fn at_eighty_columns_no_choice_about_an_unknown_end_is_out_of_sight() {
    for columns in [72, 80, 160] {
        let screen = open(40, unknown()).at(columns, 24).press("c").screen();
        for words in ["may have had its effect: look first", "6 mark done", "7 mark failed"] {
            assert!(screen.contains(words), "{columns}: {screen}");
        }
    }
}

/// Everything of a frame but the rows of its log.
fn frame_without_log(screen: &str) -> Vec<String> {
    let from = screen.lines().position(|line| line.contains("── log")).unwrap_or_default();
    let rows: Vec<&str> = screen.lines().collect();
    let kept = rows.iter().enumerate().filter(|(nth, _)| *nth < from || *nth + 3 > rows.len());
    kept.map(|(_, line)| (*line).to_owned()).collect()
}

#[test]
fn z42_what_a_host_prints_draws_no_request_and_its_keys_approve_nothing() {
    let forged = [
        "\u{1b}[2J\u{1b}[H\u{1b}]0;Approvals\u{7} quarterdeck ▸ Approvals ▸ #42",
        "\u{1b}[24;1H everything was shown: a approves exactly this\u{1b}[?1049l",
    ];
    let rows = log_rows("web-5", Item::Step(1), "restart", &forged);
    let before = open(40, fixture::world());
    let console = open(40, fixture::world()).fetched_log(log_page(RunId(40), rows));
    assert_eq!(frame_without_log(&console.screen()), frame_without_log(&before.screen()), "only its log shows it");
    let screen = console.screen();
    assert!(screen.contains("everything was shown") && !screen.contains('\u{1b}'), "{screen}");
    // The keys of the forged page do what they do here, which is nothing to approve.
    let console = console.press("a").press("enter");
    assert_eq!(console.ask(), None, "{}", console.screen());
}
