//! Scripts on this machine, by a real shell: what holds here holds over SSH, whose delivery is the same.

use super::kit::{self, Came, bash, carry, carry_until, check, here, pinned, secrets, settings, sh, with};
use crate::domain::order::{CellResult, Job, Order, Stream};
use crate::domain::run::Reason;
use crate::domain::runbook::{Expect, Interpreter, Match};
use crate::executor::Executor;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tokio_util::sync::CancellationToken;

fn executor() -> Executor {
    Executor::new(settings(), secrets(&[("token", "s3cr3t-'quoted'-value"), ("pin", "hunter22")]))
}

async fn run(order: Order) -> Came {
    carry(&executor(), order).await
}

#[tokio::test]
async fn output_comes_apart_and_the_exit_status_decides() {
    let came = run(sh(&here(), "echo out; echo err >&2; exit 3")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(3)));
    assert_eq!((came.out.as_str(), came.err.as_str()), ("out\n", "err\n"));
    assert_eq!(came.outcome.saw, "err");
    assert!(came.group.is_some_and(|group| group > 1));
    let came = run(sh(&here(), "true")).await;
    assert_eq!((came.result(), came.outcome.saw.as_str()), (&CellResult::Ok, ""));
}

#[tokio::test]
async fn a_signal_is_told_by_its_name() {
    let came = run(sh(&here(), "kill -TERM $$")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Signal("TERM".to_owned())));
    let came = run(sh(&here(), "kill -KILL $$")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Signal("KILL".to_owned())));
}

/// The step that taught the delivery: with `sh -s` its `cat` swallows the rest and the step succeeds.
#[tokio::test]
async fn a_step_that_reads_its_input_does_not_eat_its_script() {
    let padding = format!("{}\n", ": padding that a greedy cat would swallow").repeat(64 * 1024 / 40);
    for order in [sh(&here(), ""), bash(&here(), "")] {
        let middle = with(order.clone(), |delivery| delivery.text = format!("cat; false\n{padding}exit 9\n"));
        assert_eq!(run(middle).await.result(), &CellResult::Failed(Reason::Exit(9)));
        let last = with(order, |delivery| delivery.text = format!("{padding}cat; false"));
        assert_eq!(run(last).await.result(), &CellResult::Failed(Reason::Exit(1)));
    }
}

#[tokio::test]
async fn z40_hostile_values_never_reach_a_shell_unquoted() {
    let hostile = [
        "; rm -rf /",
        "$(touch /tmp/z40-owned)",
        "`touch /tmp/z40-owned`",
        "two\nlines\n",
        "-rf",
        "'; touch /tmp/z40-owned; '",
        "'\\''; touch /tmp/z40-owned; '\\''",
        "\\",
        "a\\\nb",
        "\"$HOME\" ~ * ? [a] {x,y} !! #",
        "\u{1b}[31m\u{202e}",
        "ünïcödé ✓",
        "",
        "{",
        "}\n}",
        "EOF\n",
    ];
    for (make, shell) in [(sh as fn(&_, &str) -> Order, "sh"), (bash, "bash")] {
        let variables: Vec<(String, String)> =
            hostile.iter().enumerate().map(|(n, value)| (format!("v{n}"), (*value).to_owned())).collect();
        let text: String = (0..hostile.len()).map(|n| format!("printf '%s|' \"$v{n}\"\n")).collect();
        let came = run(with(make(&here(), &text), |delivery| delivery.variables = variables)).await;
        assert_eq!(came.result(), &CellResult::Ok, "{shell}: {}", came.err);
        let expected: String = hostile.iter().map(|value| format!("{value}|")).collect();
        assert_eq!(came.out, expected, "{shell}");
        assert!(!std::path::Path::new("/tmp/z40-owned").exists());
    }
}

#[tokio::test]
async fn z40_names_and_values_no_shell_can_carry_are_refused() {
    for (name, value) in
        [("a b", "x"), ("1a", "x"), ("", "x"), ("a;b", "x"), ("PATH", "x"), ("LD_PRELOAD", "x"), ("a", "x\0y")]
    {
        let variables = vec![(name.to_owned(), value.to_owned())];
        let came = run(with(sh(&here(), "echo ran"), |delivery| delivery.variables = variables)).await;
        assert_eq!(came.result(), &CellResult::Refused(Reason::Local), "{name:?}");
        assert_eq!((came.out.as_str(), came.group), ("", None));
    }
    let came = run(sh(&here(), "echo ran\0")).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::Local));
}

#[tokio::test]
async fn variables_are_not_exported_and_nothing_stands_in_argv() {
    let text = "env | grep -c needle; tr '\\0' ' ' </proc/$$/cmdline | grep -c needle; echo \"$input\"";
    let order = with(sh(&here(), text), |delivery| {
        let value = "needle".to_owned();
        delivery.variables = vec![("input".to_owned(), value.clone()), ("HOME".to_owned(), value)];
    });
    assert_eq!(run(order).await.out, "0\n0\nneedle\n");
}

#[tokio::test]
async fn a_secret_reaches_the_script_and_no_output() {
    let text = "printf '%s' \"$token\" | wc -c; echo \"$token\"; echo \"$token\" >&2; env | grep -c s3cr3t";
    let order = with(sh(&here(), text), |delivery| delivery.secrets = vec![pinned("token")]);
    let came = run(order).await;
    assert_eq!(came.out.lines().map(str::trim).collect::<Vec<_>>(), ["21", "[secret:token]", "0"]);
    assert_eq!(came.err, "[secret:token]\n");
    assert!(!came.outcome.saw.contains("s3cr3t"), "{}", came.outcome.saw);
}

#[tokio::test]
async fn a_secret_fetched_by_one_order_is_masked_in_the_others_of_its_run() {
    let executor = executor();
    let teller = with(sh(&here(), "true"), |delivery| delivery.secrets = vec![pinned("pin")]);
    let listener = sh(&here(), "while [ ! -e \"$flag\" ]; do sleep 0.05; done; echo hunter22");
    let flag = tempfile::tempdir().unwrap();
    let path = flag.path().join("flag");
    let listener =
        with(listener, |delivery| delivery.variables = vec![("flag".to_owned(), path.display().to_string())]);
    let tell = async {
        carry(&executor, teller).await;
        std::fs::write(&path, "").unwrap();
    };
    let (came, ()) = tokio::join!(carry(&executor, listener), tell);
    assert_eq!(came.out, "[secret:pin]\n");
}

#[tokio::test]
async fn a_missing_secret_refuses_the_order() {
    let order = with(sh(&here(), "echo ran"), |delivery| delivery.secrets = vec![pinned("nobody_typed_it")]);
    let came = run(order).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::SecretMissing));
    assert!(came.outcome.saw.contains("nobody_typed_it"), "{}", came.outcome.saw);
}

#[tokio::test]
async fn a_check_is_judged_by_what_it_prints() {
    let expect = |text: &str| Expect { stdout: Some(Match::Equals(text.to_owned())), ..Expect::default() };
    let came = run(check(&here(), "echo ready", expect("ready"))).await;
    assert_eq!((came.result(), came.outcome.saw.as_str()), (&CellResult::Ok, "ready"));
    let came = run(check(&here(), "echo not yet", expect("ready"))).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(came.outcome.saw.contains("not yet"), "{}", came.outcome.saw);
    let came = run(check(&here(), "exit 4", Expect { exit: 4, ..Expect::default() })).await;
    assert_eq!(came.result(), &CellResult::Ok);
}

#[tokio::test]
async fn reach_shows_that_a_shell_answers() {
    let came = run(kit::order(here(), Job::Reach)).await;
    assert_eq!((came.result(), came.out.as_str(), came.group), (&CellResult::Ok, "", None));
}

#[tokio::test]
async fn a_step_out_of_time_is_ended_with_its_children_and_seen_gone() {
    let dir = tempfile::tempdir().unwrap();
    let text = "echo $$ >\"$dir/pids\"
        sh -c 'trap \"\" TERM; echo $$ >>\"$0/pids\"; while :; do sleep 0.1; done' \"$dir\" &
        while [ $(wc -l <\"$dir/pids\") -lt 2 ]; do sleep 0.05; done; echo waiting; wait";
    let mut order = with(sh(&here(), text), |delivery| {
        delivery.variables = vec![("dir".to_owned(), dir.path().display().to_string())];
    });
    order.limits.step_ms = 1_000;
    let came = run(order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::StepTimeout), "{}", came.outcome.saw);
    assert_eq!(came.out, "waiting\n");
    // TERM is ignored by the child, so KILL had to follow.
    assert!(came.notes.contains("TERM") && came.notes.contains("KILL"), "{}", came.notes);
    let pids = kit::read(&dir.path().join("pids"));
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        let stat = kit::read(std::path::Path::new(&format!("/proc/{pid}/stat")));
        assert!(stat.is_empty() || stat.contains(") Z "), "{pid} lives: {stat}");
    }
}

#[tokio::test]
async fn a_silent_step_is_ended() {
    let mut order = sh(&here(), "echo before; exec sleep 60");
    order.limits.idle_ms = 400;
    let came = run(order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::IdleTimeout));
    assert_eq!(came.out, "before\n");
    let mut order = sh(&here(), "for n in 1 2 3 4 5 6; do echo $n; sleep 0.2; done");
    order.limits.idle_ms = 900;
    assert_eq!(run(order).await.result(), &CellResult::Ok);
}

#[tokio::test]
async fn abort_ends_what_runs() {
    let cancel = CancellationToken::new();
    let order = sh(&here(), "echo ready; sleep 60; echo never");
    let came = carry_until(&executor(), order, cancel.clone(), |chunk| {
        if chunk.stream == Stream::Out {
            cancel.cancel();
        }
    })
    .await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Aborted));
    assert_eq!(came.out, "ready\n");
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let came = carry_until(&executor(), sh(&here(), "echo ran"), cancelled, |_| {}).await;
    assert_eq!((came.result(), came.out.as_str()), (&CellResult::Refused(Reason::Aborted), ""));
}

#[tokio::test]
async fn abort_is_heard_while_nobody_takes_the_output() {
    let (to, mut from) = tokio::sync::mpsc::channel(1);
    let (started, group) = tokio::sync::oneshot::channel();
    let (ended, end) = tokio::sync::oneshot::channel();
    let cancel = CancellationToken::new();
    let order = crate::domain::policy::Cleared::for_test(sh(&here(), "yes"));
    let executor = executor();
    let carried = async {
        let outcome = executor.carry_out(order, to, started, cancel.clone()).await;
        ended.send(()).unwrap();
        outcome
    };
    let stop = async {
        let group = group.await.unwrap();
        cancel.cancel();
        // Nothing is taken before the host shows that the group is gone.
        let lives =
            || std::process::Command::new("kill").args(["-0", "--", &format!("-{group}")]).status().unwrap().success();
        while lives() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        while from.recv().await.is_some() {}
        end.await.unwrap();
    };
    let (outcome, ()) = tokio::join!(carried, stop);
    assert_eq!(outcome.result, CellResult::Failed(Reason::Aborted));
}

#[tokio::test]
async fn what_a_script_leaves_behind_does_not_hold_the_step() {
    let came = run(sh(&here(), "sleep 30 & echo $!; exit 0")).await;
    assert_eq!(came.result(), &CellResult::Ok);
    assert!(came.notes.contains("left behind"), "{}", came.notes);
    let pid = came.out.trim();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
}

#[tokio::test]
async fn a_place_without_a_shell_refuses_the_order() {
    let mut settings = settings();
    settings.local.home = "/nonexistent".into();
    let came = carry(&Executor::new(settings, secrets(&[])), sh(&here(), "echo ran")).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::Local));
}

#[tokio::test]
async fn a_preamble_the_shell_refuses_means_that_the_script_did_not_begin() {
    let variables = vec![("UID".to_owned(), "0".to_owned())];
    let came = run(with(bash(&here(), "echo ran"), |delivery| delivery.variables = variables)).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::NoShell));
    assert!(came.outcome.saw.contains("readonly"), "{}", came.outcome.saw);
    assert_eq!((came.out.as_str(), came.group), ("", None));
}

#[tokio::test]
async fn set_e_traps_heredocs_and_functions_work_as_in_a_file() {
    let text = "set -eu\nf() { cat <<'X'\nit's \"here\"\nX\n}\ntrap 'echo bye' EXIT\nf\nfalse\necho never\n";
    for order in [sh(&here(), text), bash(&here(), text)] {
        let came = run(order).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(1)));
        assert_eq!(came.out, "it's \"here\"\nbye\n");
    }
    let bash = kit::order(here(), Job::Script(kit::delivery(Interpreter::Bash, "a=(x y); echo \"${a[1]}\"")));
    assert_eq!(run(bash).await.out, "y\n");
}

fn program(words: &[&str], text: &str) -> crate::domain::order::Order {
    let interpreter = Interpreter::Program(words.iter().map(|word| (*word).to_owned()).collect());
    kit::order(here(), Job::Script(kit::delivery(interpreter, text)))
}

#[tokio::test]
async fn real_python_reads_its_script_from_input_and_its_values_from_descriptor_3() {
    let text = "import json, os, sys\nv = json.load(os.fdopen(3))\nprint(v['odd'])\nprint(v['token'] == 'hunter2-hunter2')\nprint(sys.stdin.read() == '')\nprint(open('/proc/self/cmdline').read().split(chr(0))[:2])\nprint([k for k in os.environ if k in v])\nsys.exit(3)\n";
    let odd = "it's \"odd\" \\ $HOME `id`\n\u{1}\tü";
    let order = with(program(&["python3", "-"], text), |delivery| {
        delivery.variables = vec![("odd".to_owned(), odd.to_owned())];
        delivery.secrets = vec![kit::pinned("token")];
    });
    let executor = Executor::new(settings(), secrets(&[("token", "hunter2-hunter2")]));
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(3)), "{} {}", came.err, came.outcome.saw);
    assert_eq!(came.out, format!("{odd}\nTrue\nTrue\n['python3', '-']\n[]\n"));
    assert!(came.group.is_some());
}

#[tokio::test]
async fn real_a_program_may_leave_megabytes_of_script_and_values_unread() {
    let order = with(program(&["true"], &"# nothing\n".repeat(100_000)), |delivery| {
        delivery.variables = vec![("big".to_owned(), "x".repeat(1_000_000))];
    });
    assert_eq!(run(order).await.result(), &CellResult::Ok);
}

#[tokio::test]
async fn a_host_without_the_program_refuses_the_script_and_names_it() {
    let came = run(program(&["/opt/nowhere/pwsh", "-File", "-"], "Write-Output ran")).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::NoInterpreter));
    assert!(came.outcome.saw.contains("/opt/nowhere/pwsh -File -"), "{}", came.outcome.saw);
    assert_eq!((came.out.as_str(), came.group), ("", None));
}

/// An order for `sh` that gets one secret, printed by this command.
fn with_printed(command: &str, text: &str) -> crate::domain::order::Order {
    with(sh(&here(), text), |delivery| {
        let mut secret = kit::pinned("token");
        secret.reference = format!("command:{command}");
        delivery.secrets = vec![secret];
    })
}

#[tokio::test]
async fn a_secret_that_a_program_prints_is_handed_over_and_masked() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("print");
    fs::write(&program, "#!/bin/sh\nprintf '%s-%s\\n' wheelhouse \"$*\"\necho $SECRET_OF_SERVER >&2\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let executor = Executor::new(kit::settings(), kit::secrets(&[]));
    // No shell reads the words.
    let order =
        with_printed(&format!("{} $HOME;id web", program.display()), "printf %s \"$token\" | wc -c; echo \"$token\"");
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert_eq!(came.out, format!("{}\n[secret:token]\n", "wheelhouse-$HOME;id web".len()));
    assert_eq!(came.outcome.used.len(), 1);
    assert!(came.outcome.used[0].reference.starts_with("command:/"), "{:?}", came.outcome.used);
}

#[tokio::test]
async fn a_program_that_prints_no_secret_keeps_the_step_from_beginning_and_says_nothing_of_what_it_said() {
    let executor = Executor::new(kit::settings(), kit::secrets(&[]));
    for (command, words) in [
        ("/bin/false", "ended with exit status: 1"),
        ("/nonexistent/pass show web", "cannot be started"),
        ("/bin/echo short", "fewer than 8"),
        ("/usr/bin/yes never-to-be-seen", "more than"),
        ("/bin/ls /never-to-be-seen", "run it by hand"),
    ] {
        let came = carry(&executor, with_printed(command, "echo began")).await;
        assert_eq!(came.result(), &CellResult::Refused(Reason::SecretMissing), "{command}");
        assert!(came.outcome.saw.contains(words), "{command}: {}", came.outcome.saw);
        let beside = came.outcome.saw.replace(command, "");
        assert!(!beside.contains("never-to-be-seen") && came.out.is_empty(), "{command}: {beside}");
    }
}
