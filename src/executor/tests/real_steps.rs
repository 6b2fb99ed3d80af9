//! Steps on real OpenSSH servers: what arrives there, what comes back, and how they end.

use super::kit::{self, bash, carry, carry_until, sh, with};
use super::sshd::{Sshd, executor, reach, wait_for};
use crate::domain::id::RunId;
use crate::domain::order::{CellResult, Stream};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn steps_of_a_run_share_one_connection_until_it_is_released() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let came = reach(&executor, host.clone()).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert!(came.outcome.saw.contains("SHA256:"), "{}", came.outcome.saw);
    let came = carry(&executor, sh(&host, "echo out; echo err >&2; echo $$; exit 3")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(3)), "{}", came.outcome.saw);
    assert_eq!((came.out, came.err.as_str()), (format!("out\n{}\n", came.group.unwrap()), "err\n"));
    let came = carry(&executor, bash(&host, "kill -KILL $$")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Signal("KILL".to_owned())));
    assert_eq!(sshd.logged("Accepted publickey"), 1);
    executor.release(RunId(7)).await;
    wait_for("the connection is closed", || sshd.logged("Disconnected from user") == 1).await;
    assert_eq!(carry(&executor, sh(&host, "true")).await.result(), &CellResult::Ok);
    assert_eq!(sshd.logged("Accepted publickey"), 2);
}

#[tokio::test]
async fn a_step_that_reads_its_input_does_not_eat_its_script_over_ssh() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let padding = ": padding that a greedy cat would swallow\n".repeat(64 * 1024 / 40);
    for make in [sh as fn(&PlannedHost, &str) -> _, bash] {
        let came = carry(&executor, make(&host, &format!("cat; false\n{padding}"))).await;
        // The last line is a `:`; what counts is that every line was reached.
        assert_eq!(came.result(), &CellResult::Ok);
        let came = carry(&executor, make(&host, &format!("cat; false\n{padding}exit 9"))).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(9)));
        let came = carry(&executor, make(&host, &format!("set -e\ncat; false\n{padding}echo never"))).await;
        assert_eq!((came.result(), came.out.as_str()), (&CellResult::Failed(Reason::Exit(1)), ""));
        let came = carry(&executor, make(&host, &format!("{padding}cat; false"))).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(1)));
    }
}

#[tokio::test]
async fn what_a_step_prints_is_counted_and_thrown_away_where_it_says_so() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    for (text, result) in [("exit 0", CellResult::Ok), ("exit 3", CellResult::Failed(Reason::Exit(3)))] {
        let mut order = sh(&host, &format!("echo not-for-keeping; printf %s never >&2; {text}"));
        order.withhold = true;
        let came = carry(&executor, order).await;
        assert_eq!((came.result(), came.out.as_str(), came.err.as_str()), (&result, "", ""));
        let words = format!("{}{}", came.outcome.saw, came.notes);
        assert!(
            words.contains("withheld, as the step says: 16 bytes of standard output, 5 of standard error"),
            "{words}"
        );
        assert!(!words.contains("keeping") && !words.contains("never"), "{words}");
    }
}

#[tokio::test]
async fn a_mebibyte_of_script_and_a_secret_arrive_whole() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let long = "it's ".repeat(800 * 1024);
    let order =
        with(sh(&host, "printf %s \"$long\" | wc -c; printf %s \"$token\" | wc -c; echo \"$token\""), |delivery| {
            delivery.variables = vec![("long".to_owned(), long.clone())];
            delivery.secrets = vec![kit::pinned("token")];
        });
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let lines: Vec<&str> = came.out.lines().map(str::trim).collect();
    assert_eq!(lines, [long.len().to_string().as_str(), "21", "[secret:token]"]);
}

#[tokio::test]
async fn much_output_arrives_whole_and_in_order() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let came = carry(&executor, sh(&host, "seq 1 1000000; seq 1 50000 >&2")).await;
    assert_eq!(came.result(), &CellResult::Ok);
    assert!(came.out.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=1_000_000));
    assert!(came.err.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=50_000));
}

#[tokio::test]
async fn a_step_out_of_time_is_ended_on_the_host_and_seen_gone() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let mut order = sh(&sshd.host("web-1", "127.0.1.1"), "echo $$; sleep 60 & sleep 60 | cat; echo never");
    order.limits.step_ms = 400;
    let came = carry(&executor(&sshd), order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::StepTimeout), "{}\n{}", came.outcome.saw, came.notes);
    assert_eq!(came.out, format!("{}\n", came.group.unwrap()));
    assert_eq!(sshd.logged("Accepted publickey"), 1, "ended through the same connection");
}

#[tokio::test]
async fn where_one_session_is_all_there_is_the_ending_makes_a_connection_of_its_own() {
    let Some(sshd) = Sshd::start("MaxSessions 1").await else {
        return;
    };
    let cancel = CancellationToken::new();
    let order = sh(&sshd.host("web-1", "127.0.1.1"), "echo $$; exec sleep 60");
    let came = carry_until(&executor(&sshd), order, cancel.clone(), |chunk| {
        if chunk.stream == Stream::Out {
            cancel.cancel();
        }
    })
    .await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Aborted), "{}\n{}", came.outcome.saw, came.notes);
    assert_eq!(sshd.logged("Accepted publickey"), 2);
}

#[tokio::test]
async fn c13_a_host_that_dies_in_mid_step_leaves_an_unknown() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let order = sh(&sshd.host("web-1", "127.0.1.1"), "echo $$; exec sleep 60");
    let mut pid = String::new();
    let came = carry_until(&executor(&sshd), order, CancellationToken::new(), |chunk| {
        pid = String::from_utf8_lossy(&chunk.bytes).trim().to_owned();
        sshd.cut();
    })
    .await;
    assert_eq!(came.result(), &CellResult::Unknown(Reason::ConnectionLost), "{}", came.outcome.saw);
    // It does run on: unknown is the truth.
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
}
