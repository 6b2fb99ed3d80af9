//! Scripts that are given a terminal, by the server of OpenSSH and by another one.

use super::dropbear::Dropbear;
use super::kit::{carry, delivery, order, secrets, settings, with};
use super::sshd::{Sshd, executor, refused, with_settings};
use crate::domain::order::{CellResult, Job, Order};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::runbook::Interpreter;
use crate::executor::Executor;

fn on_a_terminal(host: &PlannedHost, by: Interpreter, text: &str) -> Order {
    with(order(host.clone(), Job::Script(delivery(by, text))), |delivery| delivery.pty = true)
}

/// What every host must do with a terminal.
async fn is_a_terminal(executor: &Executor, host: &PlannedHost) {
    let text = "test -t 0 && test -t 1 && test -t 2 && echo yes; echo oops >&2; stty size; echo $TERM";
    let came = carry(executor, on_a_terminal(host, Interpreter::Sh, text)).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert_eq!((came.out.as_str(), came.err.as_str()), ("yes\noops\n50 160\ndumb\n", ""), "{}", came.notes);
    let came = carry(executor, on_a_terminal(host, Interpreter::Sh, "exit 7")).await;
    assert!(matches!(came.result(), CellResult::Failed(Reason::Exit(7))), "{:?}", came.result());
    // No byte means anything on the way, and what is longer than a line of any terminal arrives whole.
    let odd: String = (1u8..=126).filter(|byte| *byte != b'\'').map(char::from).collect();
    let long =
        format!("x='{}'; printf %s '{odd}' | od -An -tx1 | tr -d ' \\n'; echo; echo ${{#x}}", "y".repeat(200_000));
    let came = carry(executor, on_a_terminal(host, Interpreter::Sh, &long)).await;
    let hex: String = odd.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(came.out, format!("{hex}\n200000\n"), "{:?} {}", came.result(), came.outcome.saw);
    let python = Interpreter::Program(vec!["python3".to_owned(), "-".to_owned()]);
    let came = carry(executor, on_a_terminal(host, python, "import sys; print(sys.stdout.isatty())")).await;
    assert_eq!(came.out, "True\n", "{:?} {}", came.result(), came.outcome.saw);
}

#[tokio::test]
async fn openssh_gives_a_script_a_terminal_that_changes_nothing_of_it() {
    let Some(sshd) = Sshd::start("").await else { return };
    is_a_terminal(&executor(&sshd), &sshd.host("web-1", "127.0.1.1")).await;
}

#[tokio::test]
async fn dropbear_gives_a_script_a_terminal_that_changes_nothing_of_it() {
    let Some(dropbear) = Dropbear::start().await else { return };
    is_a_terminal(&dropbear.executor(), &dropbear.host()).await;
}

#[tokio::test]
async fn a_host_that_gives_no_terminal_is_told_nothing_of_the_script() {
    let Some(sshd) = Sshd::start("PermitTTY no\n").await else { return };
    let touched = sshd.dir.path().join("touched");
    let text = format!("touch {}", touched.display());
    let came = carry(&executor(&sshd), on_a_terminal(&sshd.host("web-1", "127.0.1.1"), Interpreter::Sh, &text)).await;
    refused(&came, Reason::NoShell);
    assert!(came.outcome.saw.contains("pty = true"), "{}", came.outcome.saw);
    assert!(!touched.exists());
}

#[tokio::test]
async fn no_terminal_says_a_secret_again_and_what_prints_one_is_masked() {
    let Some(sshd) = Sshd::start("").await else { return };
    let secret = super::kit::pinned("token");
    let executor = crate::executor::Executor::new(
        crate::executor::Settings { keys: vec![sshd.key.clone()], ..settings() },
        secrets(&[("token", "correct-horse-battery")]),
    );
    let order =
        with(on_a_terminal(&sshd.host("web-1", "127.0.1.1"), Interpreter::Sh, "stty echo; echo \"<$token>\""), |it| {
            it.secrets = vec![secret];
        });
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert!(!came.out.contains("correct-horse") && came.out.contains('<'), "{}", came.out);
    assert_eq!(came.out.lines().count(), 1, "{}", came.out);
}

#[tokio::test]
async fn what_runs_on_a_terminal_is_ended_and_seen_to_be_gone() {
    let Some(sshd) = Sshd::start("").await else { return };
    let executor = with_settings(&sshd, |_| {});
    let mut order =
        on_a_terminal(&sshd.host("web-1", "127.0.1.1"), Interpreter::Sh, "trap '' TERM HUP; sleep 1000 & sleep 1000");
    order.limits.step_ms = 500;
    let came = carry(&executor, order).await;
    assert!(
        matches!(came.result(), CellResult::Failed(Reason::StepTimeout)),
        "{:?} {}",
        came.result(),
        came.outcome.saw
    );
}
