//! What is said of an order when the way to its host breaks, the host misbehaves, or time runs out. The clock stands still in all of
//! them but where something waits.

use super::fake::{Does, Fault, Stage, Ways, fake};
use super::kit::{self, Came, bash, carry, carry_until, sh, with};
use crate::domain::order::{CellResult, Job, Stream};
use crate::domain::policy::Cleared;
use crate::domain::run::Reason;
use crate::domain::runbook::{Expect, Match};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

async fn carried(ways: Ways) -> (Came, usize) {
    let (executor, host, state, _dir) = fake(ways);
    let mut order = sh(&host, "the script");
    order.limits.idle_ms = 3_600_000;
    order.limits.step_ms = 7_200_000;
    let came = carry(&executor, order).await;
    (came, state.starts().len())
}

/// Row C13: at no stage may a broken way make an `Ok`, a `Failed`, or a second start of a script that may have begun.
#[tokio::test(start_paused = true)]
async fn c13_at_every_stage_a_broken_way_is_told_as_what_it_is() {
    use Fault::{BlackHole, Ended, Reset};
    use Reason::{ConnectTimeout, ConnectionLost};
    let refused = CellResult::Refused;
    let unknown = CellResult::Unknown;
    for (stage, fault, expected) in [
        (Stage::Dialed, Reset, refused(ConnectionLost)),
        (Stage::Dialed, Ended, refused(ConnectionLost)),
        (Stage::Dialed, BlackHole, refused(ConnectTimeout)),
        (Stage::Login, Reset, refused(ConnectionLost)),
        (Stage::Login, Ended, refused(ConnectionLost)),
        (Stage::Login, BlackHole, refused(ConnectTimeout)),
        (Stage::Open, Reset, refused(ConnectionLost)),
        (Stage::Open, Ended, refused(ConnectionLost)),
        (Stage::Open, BlackHole, refused(ConnectTimeout)),
        (Stage::Exec, Reset, refused(ConnectionLost)),
        (Stage::Exec, Ended, refused(ConnectionLost)),
        (Stage::Exec, BlackHole, refused(ConnectTimeout)),
        (Stage::Arriving, Reset, unknown(ConnectionLost)),
        (Stage::Arriving, Ended, unknown(ConnectionLost)),
        (Stage::Arriving, BlackHole, unknown(ConnectionLost)),
        (Stage::Arrived, Reset, unknown(ConnectionLost)),
        (Stage::Arrived, Ended, unknown(ConnectionLost)),
        (Stage::Arrived, BlackHole, unknown(ConnectionLost)),
        (Stage::Running, Reset, unknown(ConnectionLost)),
        (Stage::Running, Ended, unknown(ConnectionLost)),
        (Stage::Running, BlackHole, unknown(ConnectionLost)),
        // The host has said how it ended: that stands.
        (Stage::Exited, Reset, CellResult::Failed(Reason::Exit(7))),
        (Stage::Exited, Ended, CellResult::Failed(Reason::Exit(7))),
        (Stage::Exited, BlackHole, CellResult::Failed(Reason::Exit(7))),
    ] {
        let does = if stage == Stage::Running { Does::Runs } else { Does::Exits(7) };
        let (came, starts) =
            carried(Ways { does, faults: vec![(stage, fault, 0..usize::MAX)], ..Ways::default() }).await;
        assert_eq!(came.result(), &expected, "{fault:?} at {stage:?}: {}", came.outcome.saw);
        assert!(!came.outcome.saw.is_empty() || stage == Stage::Exited, "{fault:?} at {stage:?} says nothing");
        let may_start_again = matches!(came.result(), CellResult::Refused(_));
        assert!(starts <= 1 || may_start_again, "{fault:?} at {stage:?}: {starts} starts");
    }
}

/// The exit status may come before the last words of standard error, "the script begins" among them: where those are
/// lost it may have run, and must not be called refused.
#[tokio::test(start_paused = true)]
async fn a_script_whose_begin_was_not_heard_is_unknown_and_refused_only_where_all_was_heard() {
    for fault in [Fault::Reset, Fault::Ended, Fault::BlackHole] {
        let faults = vec![(Stage::Exited, fault, 0..1)];
        let (came, _) = carried(Ways { does: Does::ExitsUnheard(0), faults, ..Ways::default() }).await;
        assert_eq!(came.result(), &CellResult::Unknown(Reason::ConnectionLost), "{fault:?}: {}", came.outcome.saw);
    }
    let (came, _) = carried(Ways { does: Does::ExitsUnheard(0), ..Ways::default() }).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::NoShell), "{}", came.outcome.saw);
}

/// A check is judged by what it prints: where some of that may be missing, nobody can tell.
#[tokio::test(start_paused = true)]
async fn a_check_whose_output_may_be_missing_is_not_judged() {
    for fault in [Fault::Reset, Fault::BlackHole] {
        let ways = Ways { faults: vec![(Stage::Exited, fault, 0..1)], ..Ways::default() };
        let (executor, host, _, _dir) = fake(ways);
        let came = carry(&executor, kit::check(&host, "the check", Expect { exit: 0, ..Expect::default() })).await;
        assert_eq!(came.result(), &CellResult::Unknown(Reason::ConnectionLost), "{fault:?}: {}", came.outcome.saw);
        assert!(came.notes.contains("may be missing"), "{}", came.notes);
    }
}

/// A connection of an earlier step that broke while nothing ran on it costs nothing: the next step makes another.
#[tokio::test(start_paused = true)]
async fn c13_a_connection_lost_between_steps_is_made_anew() {
    for fault in [Fault::Reset, Fault::Ended] {
        let (executor, host, state, _dir) =
            fake(Ways { faults: vec![(Stage::Running, fault, 0..1)], ..Ways::default() });
        assert_eq!(carry(&executor, sh(&host, "one")).await.result(), &CellResult::Ok);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(carry(&executor, sh(&host, "two")).await.result(), &CellResult::Ok);
        assert_eq!((state.dials.load(SeqCst), state.starts().len()), (2, 2));
    }
    // A silent one is noticed by its silence to our questions.
    let (executor, host, state, _dir) =
        fake(Ways { faults: vec![(Stage::Running, Fault::BlackHole, 0..1)], ..Ways::default() });
    assert_eq!(carry(&executor, sh(&host, "one")).await.result(), &CellResult::Ok);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(carry(&executor, sh(&host, "two")).await.result(), &CellResult::Ok);
    assert_eq!((state.dials.load(SeqCst), state.starts().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn c13_a_stale_connection_costs_one_order_its_connect_time_and_no_more() {
    let (executor, host, state, _dir) =
        fake(Ways { faults: vec![(Stage::Running, Fault::BlackHole, 0..1)], ..Ways::default() });
    assert_eq!(carry(&executor, sh(&host, "one")).await.result(), &CellResult::Ok);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let came = carry(&executor, sh(&host, "two")).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::ConnectTimeout));
    assert_eq!(carry(&executor, sh(&host, "two")).await.result(), &CellResult::Ok);
    assert_eq!(state.starts().len(), 2, "the refused order never reached a host");
}

#[tokio::test(start_paused = true)]
async fn how_a_session_ends_decides() {
    for (does, expected) in [
        (Does::Exits(0), CellResult::Ok),
        (Does::Exits(3), CellResult::Failed(Reason::Exit(3))),
        (Does::Dies(russh::Sig::SEGV), CellResult::Failed(Reason::Signal("SEGV".to_owned()))),
        (Does::Dies(russh::Sig::Custom("BUS".to_owned())), CellResult::Failed(Reason::Signal("BUS".to_owned()))),
        (Does::Closes, CellResult::Unknown(Reason::NoExitStatus)),
    ] {
        let (came, _) = carried(Ways { does: does.clone(), ..Ways::default() }).await;
        assert_eq!((came.result(), came.out.as_str(), came.group), (&expected, "began\n", Some(4711)), "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signals_name_that_a_host_made_up_is_told_and_not_recorded_as_a_token() {
    for name in ["bus error\u{1b}[2J", &"X".repeat(30_000)] {
        let (came, _) =
            carried(Ways { does: Does::Dies(russh::Sig::Custom(name.to_owned())), ..Ways::default() }).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Signal("other".to_owned())));
        let saw = &came.outcome.saw;
        assert!(saw.contains(&name[..9]) && saw.len() < 1_024, "{saw}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_runs_nothing_for_us_is_told_from_one_that_answers() {
    for ways in [
        Ways { execs: false, ..Ways::default() },
        Ways { shell: false, ..Ways::default() },
        Ways { sessions: 0, ..Ways::default() },
    ] {
        let (executor, host, state, _dir) = fake(ways.clone());
        let came = carry(&executor, sh(&host, "the script")).await;
        assert_eq!(came.result(), &CellResult::Refused(Reason::NoShell), "{ways:?}");
        let came = carry(&executor, kit::order(host, Job::Reach)).await;
        assert_eq!(came.result(), &CellResult::Refused(Reason::NoShell), "{ways:?}");
        assert_eq!(state.script(), "", "a byte of the script left for {ways:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_closes_without_an_answer_is_opened_once_more_and_the_script_sent_once() {
    for (closes, expected) in [(1, CellResult::Ok), (2, CellResult::Refused(Reason::NoShell))] {
        let (executor, host, state, _dir) = fake(Ways { closes, ..Ways::default() });
        let came = carry(&executor, sh(&host, "the script")).await;
        assert_eq!(came.result(), &expected, "{}", came.outcome.saw);
        let (lines, sent) = (state.lines.lock().unwrap().len(), state.scripts.lock().unwrap().len());
        assert_eq!((lines, sent), (2, 2 - closes));
    }
}

#[tokio::test(start_paused = true)]
async fn noise_before_the_shell_is_kept_and_our_lines_are_not() {
    let noise = "Welcome!\nno line end at the last";
    let (came, _) = carried(Ways { noise: noise.to_owned(), ..Ways::default() }).await;
    assert_eq!((came.result(), came.err.as_str()), (&CellResult::Ok, noise));
}

#[tokio::test(start_paused = true)]
async fn where_no_shell_leads_its_group_setsid_makes_it_one_from_then_on() {
    let (executor, host, state, _dir) = fake(Ways { leads: false, ..Ways::default() });
    for order in [sh(&host, "one"), bash(&host, "two")] {
        assert_eq!(carry(&executor, order).await.result(), &CellResult::Ok);
    }
    let lines: Vec<String> = state.starts().iter().map(|line| line.split(" -c").next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["exec sh", "exec setsid sh", "exec setsid bash"]);
    assert_eq!(state.dials.load(SeqCst), 1);
}

/// All of them started without `setsid` before the first was heard to lead nothing.
#[tokio::test(start_paused = true)]
async fn orders_that_start_at_once_where_no_shell_leads_all_find_the_other_way() {
    let (executor, host, state, _dir) = fake(Ways { leads: false, ..Ways::default() });
    let all = (0..5).map(|n| carry(&executor, sh(&host, &format!("script {n}"))));
    for came in futures::future::join_all(all).await {
        assert_eq!((came.result(), came.group), (&CellResult::Ok, Some(4711)), "{}", came.outcome.saw);
    }
    assert!(state.starts().iter().filter(|line| !line.contains("setsid")).count() > 1, "none started at once");
}

/// Eight sessions at once is our own limit: the ninth waits for one of ours, and that is no fault of the host.
#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_of_ours_is_not_connect_time() {
    let (executor, host, state, _dir) = fake(Ways { does: Does::Takes(16), ..Ways::default() });
    let all = (0..9).map(|n| carry(&executor, sh(&host, &format!("script {n}"))));
    for came in futures::future::join_all(all).await {
        assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    }
    assert_eq!(carry(&executor, sh(&host, "one more")).await.result(), &CellResult::Ok);
    assert_eq!(state.dials.load(SeqCst), 1, "a good connection was thrown away");
}

#[tokio::test(start_paused = true)]
async fn what_a_login_prints_is_not_judged() {
    let greeting = "Last login: never\n42\n".to_owned();
    let (executor, host, _, _dir) = fake(Ways { greeting: greeting.clone(), ..Ways::default() });
    let expect = Expect { stdout: Some(Match::Equals("began".to_owned())), ..Expect::default() };
    let came = carry(&executor, kit::check(&host, "the check", expect)).await;
    assert_eq!((came.result(), came.outcome.saw.as_str()), (&CellResult::Ok, "began"));
    assert_eq!(came.out, format!("{greeting}began\n"), "it is kept all the same");
}

/// Our own goodbye waits in the same queue as what the host does not take.
#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_holds_up_neither_the_end_of_a_step_nor_the_release() {
    let faults = vec![(Stage::Arriving, Fault::Stuck, 0..1)];
    let (executor, host, _, _dir) = fake(Ways { does: Does::Runs, faults, ..Ways::default() });
    let mut order = sh(&host, &"a long script\n".repeat(100_000));
    order.limits.step_ms = 5_000;
    let begin = Instant::now();
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Unknown(Reason::StepTimeout), "{}", came.outcome.saw);
    executor.release(kit::order(host, Job::Reach).key.run).await;
    assert!(begin.elapsed().as_secs() < 30, "took {:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_host_may_open_nothing_towards_us() {
    let (executor, host, state, _dir) = fake(Ways::default());
    assert_eq!(carry(&executor, sh(&host, "one")).await.result(), &CellResult::Ok);
    assert_eq!(carry(&executor, sh(&host, "two")).await.result(), &CellResult::Ok);
    let tried = state.towards_us.lock().unwrap().clone();
    assert!(tried.len() >= 4 && tried.iter().all(|opened| !opened), "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_failed_only_where_the_end_was_seen() {
    for (dies_of, step_s, expected, words) in [
        ("TERM", 5, CellResult::Failed(Reason::StepTimeout), "seen to be gone"),
        ("KILL", 5, CellResult::Failed(Reason::StepTimeout), "seen to be gone"),
        ("", 5, CellResult::Unknown(Reason::StepTimeout), "still there after KILL"),
    ] {
        let (executor, host, _, _dir) = fake(Ways { does: Does::Runs, dies_of, ..Ways::default() });
        let mut order = sh(&host, "the script");
        order.limits.step_ms = step_s * 1000;
        let begin = Instant::now();
        let came = carry(&executor, order).await;
        assert_eq!(came.result(), &expected, "dies of {dies_of:?}: {}", came.outcome.saw);
        assert!(came.outcome.saw.contains(words), "{}", came.outcome.saw);
        let took = begin.elapsed().as_secs();
        let grace = match dies_of {
            "TERM" => 0,
            "KILL" => 10,
            _ => 15,
        };
        assert!((step_s + grace..=step_s + grace + 3).contains(&took), "dies of {dies_of:?}: took {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_from_the_last_byte() {
    let (executor, host, _, _dir) = fake(Ways { does: Does::Runs, ..Ways::default() });
    let mut order = sh(&host, "the script");
    order.limits.idle_ms = 30_000;
    order.limits.step_ms = 3_600_000;
    let begin = Instant::now();
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::IdleTimeout));
    assert_eq!(begin.elapsed().as_secs(), 30);
}

/// Our questions whether it is still there keep a healthy silent host for as long as the step may take.
#[tokio::test(start_paused = true)]
async fn a_silent_step_on_a_healthy_host_keeps_its_connection() {
    let (executor, host, _, _dir) = fake(Ways { does: Does::Runs, ..Ways::default() });
    let mut order = sh(&host, "the script");
    order.limits.idle_ms = 7_200_000;
    order.limits.step_ms = 3_600_000;
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::StepTimeout));
}

#[tokio::test(start_paused = true)]
async fn abort_over_a_dead_connection_goes_by_another() {
    let ways = Ways { does: Does::Runs, faults: vec![(Stage::Running, Fault::BlackHole, 0..1)], ..Ways::default() };
    let (executor, host, state, _dir) = fake(ways);
    let cancel = CancellationToken::new();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    };
    let order = sh(&host, "the script");
    let (came, ()) = tokio::join!(carry_until(&executor, order, cancel.clone(), |_| {}), stop);
    assert_eq!(came.result(), &CellResult::Failed(Reason::Aborted), "{}", came.outcome.saw);
    assert!(came.notes.contains("another connection"), "{}", came.notes);
    assert_eq!(state.dials.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn abort_that_reaches_nobody_is_unknown_and_before_the_script_refused() {
    let gone_for_good = vec![(Stage::Running, Fault::BlackHole, 0..1), (Stage::Dialed, Fault::BlackHole, 1..9)];
    let no_answer = vec![(Stage::Exec, Fault::BlackHole, 0..9)];
    for (faults, expected) in
        [(gone_for_good, CellResult::Unknown(Reason::Aborted)), (no_answer, CellResult::Refused(Reason::Aborted))]
    {
        let (executor, host, _, _dir) = fake(Ways { does: Does::Runs, faults, ..Ways::default() });
        let cancel = CancellationToken::new();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cancel.cancel();
        };
        let order = sh(&host, "the script");
        let (came, ()) = tokio::join!(carry_until(&executor, order, cancel.clone(), |_| {}), stop);
        assert_eq!(came.result(), &expected, "{}", came.outcome.saw);
    }
}

/// While nobody takes the output the host waits, and is not called silent for it.
#[tokio::test(start_paused = true)]
async fn a_full_channel_makes_the_host_wait_and_loses_nothing() {
    let bytes = 8 * 1024 * 1024;
    let (executor, host, _, _dir) = fake(Ways { does: Does::Prints(bytes), ..Ways::default() });
    let mut order = sh(&host, "the script");
    order.limits.idle_ms = 30_000;
    order.limits.step_ms = 3_600_000;
    let (to, mut from) = mpsc::channel::<crate::executor::Chunk>(4);
    let (started, _group) = oneshot::channel();
    let late = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        let mut taken = 0;
        while let Some(chunk) = from.recv().await {
            taken += if chunk.stream == Stream::Out { chunk.bytes.len() } else { 0 };
        }
        taken
    };
    let (outcome, taken) =
        tokio::join!(executor.carry_out(Cleared::for_test(order), to, started, CancellationToken::new()), late);
    assert_eq!((outcome.result, taken), (CellResult::Ok, bytes + "began\n".len()));
}

#[tokio::test(start_paused = true)]
async fn many_orders_for_one_host_share_one_connection_and_its_failure() {
    let (executor, host, state, _dir) = fake(Ways::default());
    let all = (0..20).map(|n| carry(&executor, sh(&host, &format!("script {n}"))));
    for came in futures::future::join_all(all).await {
        assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    }
    assert_eq!(state.dials.load(SeqCst), 1);
    let (executor, host, state, _dir) =
        fake(Ways { faults: vec![(Stage::Login, Fault::Ended, 0..usize::MAX)], ..Ways::default() });
    let all = (0..20).map(|n| carry(&executor, sh(&host, &format!("script {n}"))));
    for came in futures::future::join_all(all).await {
        assert_eq!(came.result(), &CellResult::Refused(Reason::ConnectionLost));
    }
    assert!(state.dials.load(SeqCst) <= 2, "{} dials", state.dials.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_the_script_as_reviewed_in_one_compound() {
    let (executor, host, state, _dir) = fake(Ways::default());
    let order = with(sh(&host, "echo it's \"$v\"\n"), |delivery| {
        delivery.variables = vec![("v".to_owned(), "it's".to_owned())];
        delivery.secrets = vec![kit::pinned("token")];
    });
    assert_eq!(carry(&executor, order).await.result(), &CellResult::Ok);
    let script = state.script();
    for part in [
        "{ kill -0 -$$",
        "\nunset v\nv='it'\\''s'\n",
        "token='s3cr3t-'\\''quoted'\\''-value'\n",
        "\neval 'echo it'\\''s \"$v\"\n'\n}\n",
    ] {
        assert!(script.contains(part), "no {part:?} in {script:?}");
    }
    for line in state.lines.lock().unwrap().iter() {
        assert!(!line.contains("it's") && !line.contains("s3cr3t"), "{line}");
    }
}
