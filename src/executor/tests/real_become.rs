//! Steps that become another user of a host, by its real `sudo`: with a password, without one, with one that nobody asks for.

use super::kit::{self, Came, carry, pinned, with};
use super::sshd::{Sshd, has, is_root, refused, run, wait_for};
use crate::domain::order::{Becomes, CellResult, Order};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::runbook::Interpreter;
use crate::executor::Executor;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PASSWORD: &str = "wheel'house $(id) 9137";

/// A server whose login `ops` may become others as `rules` say; `None` without root and sudo.
async fn server(rules: &str) -> Option<Sshd> {
    if !is_root() || !has("sudo") || !has("openssl") {
        return None;
    }
    let hash = run("openssl", &["passwd", "-6", PASSWORD]);
    let prepare = |path: &Path, _: &mut String| {
        fs::write(
            path.join("shadow"),
            format!("root:*:19000:0:99999:7:::\nops:{}:19000:0:99999:7:::\nweb:*:19000:0:99999:7:::\n", hash.trim()),
        )
        .unwrap();
        fs::write(path.join("sudoers"), format!("root ALL=(ALL) ALL\n{rules}\n")).unwrap();
        for (name, mode) in [("shadow", 0o640), ("sudoers", 0o440)] {
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let passwd = "root:x:0:0:root:/root:/bin/bash\nsshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n\
                  ops:x:4242:4242::/:/bin/sh\nweb:x:4343:4343::/:/bin/sh\n";
    let mut sshd = Sshd::start_with("", prepare, passwd).await?;
    sshd.user = "ops".to_owned();
    Some(sshd)
}

/// An executor for which this is the password.
fn executor(sshd: &Sshd, password: &str) -> Executor {
    let mut settings = kit::settings();
    settings.keys = vec![sshd.key.clone()];
    Executor::new(settings, kit::secrets(&[("sudo", password)]))
}

fn host(sshd: &Sshd) -> PlannedHost {
    sshd.host("web-1", "127.0.1.1")
}

fn becoming(order: Order, user: &str, with_password: bool) -> Order {
    let password = with_password.then(|| pinned("sudo"));
    with(order, |delivery| delivery.becomes = Some(Becomes { user: user.to_owned(), password }))
}

async fn came(sshd: &Sshd, text: &str, user: &str, with_password: bool) -> Came {
    carry(&executor(sshd, PASSWORD), becoming(kit::sh(&host(sshd), text), user, with_password)).await
}

/// What a script says of itself: who it is, a value, that its input is empty, that it leads a group and a session.
const WHO: &str = "id -un; echo \"$x\"; read -r line || echo no input; ps -o pid=,pgid=,sid= -p $$ | awk '{print ($1==$2 && $2==$3)}'; exit 7";

#[tokio::test]
async fn a_script_becomes_whom_it_says_with_the_password_without_one_and_with_one_nobody_asks_for() {
    for (rules, with_password) in [
        ("Defaults use_pty\nops ALL=(ALL) ALL", true),
        ("Defaults !use_pty\nops ALL=(ALL) ALL", true),
        ("Defaults use_pty\nops ALL=(ALL) NOPASSWD: ALL", true),
        ("Defaults !use_pty\nops ALL=(ALL) NOPASSWD: ALL", true),
        ("Defaults use_pty\nops ALL=(ALL) NOPASSWD: ALL", false),
        ("Defaults !use_pty\nops ALL=(ALL) NOPASSWD: ALL", false),
    ] {
        let Some(sshd) = server(rules).await else { return };
        for (user, shell) in [("root", Interpreter::Sh), ("web", Interpreter::Bash)] {
            let order = becoming(kit::sh(&host(&sshd), WHO), user, with_password);
            let order = with(order, |delivery| {
                delivery.interpreter = shell.clone();
                delivery.variables = vec![("x".to_owned(), "it's $HOME".to_owned())];
            });
            let came = carry(&executor(&sshd, PASSWORD), order).await;
            assert_eq!(
                came.result(),
                &CellResult::Failed(Reason::Exit(7)),
                "{rules}: {} {}",
                came.outcome.saw,
                came.err
            );
            assert_eq!(came.out, format!("{user}\nit's $HOME\nno input\n1\n"), "{rules}");
            assert!(!came.err.contains("wheel") && !came.err.contains("not found"), "{rules}: {}", came.err);
        }
    }
}

#[tokio::test]
async fn without_the_right_password_nothing_of_the_script_runs() {
    let Some(sshd) = server("ops ALL=(ALL) ALL").await else { return };
    let flag = sshd.dir.path().join("ran");
    let text = format!("touch '{}'", flag.display());
    let none = came(&sshd, &text, "root", false).await;
    refused(&none, Reason::NoShell);
    assert!(none.outcome.saw.contains("password is required"), "{}", none.outcome.saw);
    let order = becoming(kit::sh(&host(&sshd), &text), "root", true);
    let wrong = carry(&executor(&sshd, "not the password"), order).await;
    refused(&wrong, Reason::NoShell);
    assert!(wrong.outcome.saw.contains("incorrect password"), "{}", wrong.outcome.saw);
    let lines = carry(&executor(&sshd, "two\nlines of it"), becoming(kit::sh(&host(&sshd), &text), "root", true)).await;
    refused(&lines, Reason::SecretMissing);
    let Some(nobody) = server("ops ALL=(web) NOPASSWD: ALL").await else { return };
    refused(&came(&nobody, &text, "root", false).await, Reason::NoShell);
    assert!(!flag.exists());
}

#[tokio::test]
async fn any_program_reads_its_script_and_values_as_another_user() {
    let Some(sshd) = server("ops ALL=(ALL) ALL").await else { return };
    let order = becoming(
        kit::sh(&host(&sshd), "import json, os\nprint(os.getuid(), json.load(os.fdopen(3))['x'])"),
        "root",
        true,
    );
    let order = with(order, |delivery| {
        delivery.interpreter = Interpreter::named("python3").unwrap();
        delivery.variables = vec![("x".to_owned(), "a value".to_owned())];
    });
    let came = carry(&executor(&sshd, PASSWORD), order).await;
    assert_eq!((came.result(), came.out.as_str()), (&CellResult::Ok, "0 a value\n"), "{}", came.err);
}

/// The processes whose environment or command line holds this.
fn holding(word: &str) -> Vec<String> {
    let holds = |path: &Path| {
        ["cmdline", "environ"].iter().any(|file| {
            fs::read(path.join(file)).is_ok_and(|bytes| bytes.windows(word.len()).any(|at| at == word.as_bytes()))
        })
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| path.join("stat").exists() && holds(path)).map(|path| path.display().to_string()).collect()
}

#[tokio::test]
async fn another_users_processes_are_ended_and_seen_gone_and_no_process_shows_the_password() {
    // What is deaf to TERM takes its time.
    for (rules, with_password, deaf) in [
        ("Defaults use_pty\nops ALL=(ALL) ALL", true, "trap '' TERM; "),
        ("Defaults !use_pty\nops ALL=(ALL) ALL", true, ""),
        ("Defaults use_pty\nops ALL=(ALL) NOPASSWD: ALL", false, ""),
    ] {
        let Some(sshd) = server(rules).await else { return };
        let mark = format!("1{:06}.{}", std::process::id(), sshd.port);
        // In groups of their own, in the background, under further shells.
        let text = format!("set -m; {deaf}sleep {mark} & sh -c \"sleep {mark}; true\" & sleep {mark}; true");
        let order = becoming(kit::bash(&host(&sshd), &text), "root", with_password);
        let executor = executor(&sshd, PASSWORD);
        let (cancel, here) = (tokio_util::sync::CancellationToken::new(), mark.clone());
        let stop = async {
            wait_for("three of them sleep", || {
                holding(&here)
                    .iter()
                    .filter(|path| fs::read_to_string(format!("{path}/comm")).is_ok_and(|it| it.trim() == "sleep"))
                    .count()
                    == 3
            })
            .await;
            assert_eq!(holding(PASSWORD), Vec::<String>::new());
            cancel.cancel();
        };
        let (came, ()) = tokio::join!(kit::carry_until(&executor, order, cancel.clone(), |_| {}), stop);
        assert_eq!(came.result(), &CellResult::Failed(Reason::Aborted), "{rules}: {}", came.outcome.saw);
        assert!(came.outcome.saw.contains("seen to be gone"), "{}", came.outcome.saw);
        assert_eq!(holding(&mark), Vec::<String>::new(), "{rules}");
    }
}
