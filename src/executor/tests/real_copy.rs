//! Files put on real OpenSSH servers by SFTP, and where the server is; ways that break in between.

use super::cut::{Breaking, Breaks};
use super::kit::{self, Came, carry, carry_until, delivery};
use super::sshd::{Sshd, executor, is_root, refused, run, with_settings};
use crate::domain::copy::{FileCopy, TEXT};
use crate::domain::id::RunId;
use crate::domain::order::{CellResult, Job, Order};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::runbook::Interpreter;
use crate::domain::tool::Enclosed;
use crate::executor::Executor;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const SFTP: &str = "Subsystem sftp internal-sftp";

fn file(to: &Path, text: &str) -> FileCopy {
    let file = Enclosed { path: "files/app.conf".to_owned(), text: text.to_owned() };
    FileCopy { file, to: to.to_str().unwrap().to_owned(), mode: 0o640, timeout_ms: 60_000 }
}

fn order(host: &PlannedHost, run: u64, copy: &FileCopy) -> Order {
    let mut order = kit::order(host.clone(), Job::Copy(Box::new(copy.clone())));
    order.key.run = RunId(run);
    order
}

/// The file where the server is: as over SSH, by a script.
fn local(run: u64, copy: &FileCopy) -> Order {
    let mut script = delivery(Interpreter::Sh, &copy.script());
    script.variables = vec![("run".to_owned(), run.to_string()), (TEXT.to_owned(), copy.file.text.clone())];
    kit::order(kit::here(), Job::Script(script))
}

async fn undone(executor: &Executor, copy: &FileCopy, run: u64) -> Came {
    carry(executor, kit::sh(&kit::here(), &copy.undo(&run.to_string()))).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn beside(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_replaced_whole_and_comes_back_as_it_was_over_ssh_and_where_the_server_is() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    for (way, make) in [
        ("sftp", Box::new(|run, copy: &FileCopy| order(&host, run, copy)) as Box<dyn Fn(u64, &FileCopy) -> Order>),
        ("local", Box::new(local)),
    ] {
        let folder = sshd.dir.path().join(way).join("it's a place");
        fs::create_dir_all(&folder).unwrap();
        let to = folder.join("app.conf");
        let came = carry(&executor, make(3, &file(&to, "first\nno new line at the end"))).await;
        assert_eq!(came.result(), &CellResult::Ok, "{way}: {}{}", came.outcome.saw, came.err);
        assert_eq!((kit::read(&to).as_str(), mode(&to)), ("first\nno new line at the end", 0o640));
        assert_eq!(beside(&folder), [".app.conf.run-3.absent", "app.conf"]);
        let again = carry(&executor, make(4, &file(&to, "first\nno new line at the end"))).await;
        assert_eq!(again.result(), &CellResult::Ok);
        assert!(again.notes.contains("already so") || again.out.contains("already so"), "{}{}", again.notes, again.out);
        assert_eq!(beside(&folder).len(), 2, "what was so already leaves nothing behind");
        // Twice in one run: what was there before the run is kept.
        for text in ["second", "third"] {
            assert_eq!(carry(&executor, make(5, &file(&to, text))).await.result(), &CellResult::Ok);
        }
        assert_eq!(kit::read(&to), "third");
        let third = file(&to, "third");
        assert!(undone(&executor, &third, 4).await.out.contains("left as it is"));
        assert_eq!(kit::read(&to), "third");
        assert_eq!(undone(&executor, &third, 5).await.result(), &CellResult::Ok);
        assert_eq!((kit::read(&to).as_str(), mode(&to)), ("first\nno new line at the end", 0o640));
        assert!(undone(&executor, &third, 3).await.out.contains("gone again"));
        assert_eq!(beside(&folder), [""; 0]);
    }
}

/// `mv` refuses to move a file over itself: the way back failed where the run had ended between keeping and replacing.
#[tokio::test]
async fn a_copy_that_ended_before_it_replaced_anything_is_undone_by_leaving_the_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let executor = Executor::new(kit::settings(), kit::secrets(&[]));
    let to = folder.path().join("app.conf");
    fs::write(&to, "theirs").unwrap();
    let copy = file(&to, "new");
    fs::hard_link(&to, copy.beside(RunId(5)).before).unwrap();
    let came = undone(&executor, &copy, 5).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.err);
    assert!(came.out.contains("was not replaced"), "{}", came.out);
    assert_eq!((kit::read(&to).as_str(), beside(folder.path())), ("theirs", vec!["app.conf".to_owned()]));
}

#[tokio::test]
async fn a_mebibyte_and_an_empty_file_arrive_whole() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let to = sshd.dir.path().join("long");
    for text in ["ü'\"$`\\\n".repeat((1 << 20) / 9), String::new()] {
        for order in [order(&host, 1, &file(&to, &text)), local(2, &file(&to, &text))] {
            fs::write(&to, "before").unwrap();
            let came = carry(&executor, order).await;
            assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
            assert!(kit::read(&to) == text);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_replaced_is_said_and_nothing_is_left_behind() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let folder = sshd.dir.path().join("place");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("real"), "kept").unwrap();
    symlink(folder.join("real"), folder.join("link")).unwrap();
    for (to, words) in [
        (folder.join("sub"), "no regular file"),
        (folder.join("link"), "no regular file"),
        (folder.join("none/app.conf"), "its folder is not there"),
    ] {
        let copy = file(&to, "new");
        let came = carry(&executor, order(&host, 1, &copy)).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected), "{}", to.display());
        assert!(came.outcome.saw.contains(words), "{}", came.outcome.saw);
        assert!(matches!(carry(&executor, local(1, &copy)).await.result(), CellResult::Failed(Reason::Exit(_))));
    }
    assert_eq!(beside(&folder), ["link", "real", "sub"]);
    assert_eq!(kit::read(&folder.join("real")), "kept");
}

#[tokio::test]
async fn what_somebody_put_beside_the_place_beforehand_is_not_written_through() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let folder = sshd.dir.path().join("shared");
    fs::create_dir_all(&folder).unwrap();
    let (to, victim) = (folder.join("app.conf"), sshd.dir.path().join("victim"));
    fs::write(&victim, "theirs").unwrap();
    let copy = file(&to, "new");
    for order in [order(&host, 1, &copy), local(2, &copy)] {
        let beside = copy.beside(order.key.run);
        let _ = fs::remove_file(&to);
        for part in [&beside.part, &copy.beside(RunId(2)).part] {
            let _ = fs::remove_file(part);
            symlink(&victim, part).unwrap();
        }
        let came = carry(&executor, order).await;
        assert_eq!(came.result(), &CellResult::Ok, "{}{}", came.outcome.saw, came.err);
        assert_eq!((kit::read(&to).as_str(), kit::read(&victim).as_str()), ("new", "theirs"));
        assert!(fs::symlink_metadata(&to).unwrap().is_file());
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_stays_theirs() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    if !is_root() {
        return;
    }
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let to = sshd.dir.path().join("theirs");
    fs::write(&to, "old").unwrap();
    run("chown", &["65534:65533", to.to_str().unwrap()]);
    let came = carry(&executor, order(&host, 1, &file(&to, "new"))).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let owner = run("stat", &["-c", "%u:%g %a", to.to_str().unwrap()]);
    assert_eq!((kit::read(&to).as_str(), owner.trim()), ("new", "65534:65533 640"));
}

/// A file system with hardly any room, for as long as this lives.
struct Small(std::path::PathBuf);

impl Small {
    fn at(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let at = path.to_str().unwrap();
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]).output();
        mounted.is_ok_and(|it| it.status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_remote_disk_is_said_and_the_old_file_stays() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let Some(small) = Small::at(&sshd.dir.path().join("small")) else {
        println!("skipped: nothing may be mounted here");
        return;
    };
    let to = small.0.join("app.conf");
    fs::write(&to, "old").unwrap();
    let copy = file(&to, &"new ".repeat(50_000));
    let came = carry(&executor, order(&host, 1, &copy)).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(came.outcome.saw.contains("is its disk full?"), "{}", came.outcome.saw);
    let came = carry(&executor, local(1, &copy)).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(1)));
    assert!(came.err.contains("is its disk full?"), "{}", came.err);
    assert_eq!((kit::read(&to).as_str(), beside(&small.0)), ("old", vec!["app.conf".to_owned()]));
}

#[tokio::test]
async fn a_host_without_sftp_says_so_before_anything_is_written() {
    let Some(sshd) = Sshd::start("").await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let to = sshd.dir.path().join("app.conf");
    let came = carry(&executor, order(&host, 1, &file(&to, "new"))).await;
    refused(&came, Reason::NoShell);
    assert!(came.outcome.saw.contains("offers no SFTP"), "{}", came.outcome.saw);
    assert!(!to.exists());
}

#[tokio::test]
async fn copying_that_is_ended_before_the_file_is_replaced_has_changed_nothing() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let folder = sshd.dir.path().join("place");
    fs::create_dir_all(&folder).unwrap();
    let to = folder.join("app.conf");
    fs::write(&to, "old").unwrap();
    let cancel = CancellationToken::new();
    let abort = cancel.clone();
    let long = file(&to, &"new ".repeat(250_000));
    let came = carry_until(&executor, order(&host, 1, &long), cancel, move |_| abort.cancel()).await;
    match came.result() {
        CellResult::Failed(Reason::Aborted) => assert_eq!(kit::read(&to), "old"),
        CellResult::Ok => assert_eq!(kit::read(&to), long.file.text),
        other => panic!("{other:?}: {}", came.outcome.saw),
    }
    assert!(!beside(&folder).iter().any(|name| name.ends_with(".part")), "{:?}", beside(&folder));
}

/// Bytes that go to the host until a whole order is through.
async fn whole_way(sshd: &Sshd, order: Order) -> i64 {
    const FAR: i64 = 1 << 40;
    let dial = Breaking::behind(FAR, Breaks::Reset);
    let executor = with_settings(sshd, |settings| settings.dial = Arc::new(dial.clone()));
    assert_eq!(carry(&executor, order).await.result(), &CellResult::Ok);
    FAR - dial.left()
}

/// What became of tries whose way broke, by its first word.
fn counted(came_to: &[CellResult]) -> std::collections::BTreeMap<&'static str, usize> {
    let mut counted = std::collections::BTreeMap::new();
    for result in came_to {
        let word = match result {
            CellResult::Ok => "ok",
            CellResult::Failed(_) => "failed",
            CellResult::Unknown(_) => "unknown",
            CellResult::Refused(_) => "refused",
        };
        *counted.entry(word).or_insert(0) += 1;
    }
    println!("{counted:?}");
    counted
}

/// An executor whose way breaks there, and the order with little patience.
fn breaking(sshd: &Sshd, behind: i64, how: Breaks, mut order: Order) -> (Executor, Order) {
    let dial = Breaking::behind(behind, how);
    let executor = with_settings(sshd, |settings| settings.dial = Arc::new(dial));
    (order.limits.idle_ms, order.limits.connect_ms) = (2_000, 4_000);
    (executor, order)
}

const TRIES: i64 = 40;

/// Places in a whole way of so many bytes: half of them anywhere, half of them in the `end` of it.
fn places(whole: i64, end: i64) -> impl Iterator<Item = (i64, Breaks)> {
    let half = TRIES / 2;
    let behind = move |n| if n < half { whole * n / half } else { whole - end * (TRIES - n) / half };
    (0..TRIES).map(behind).zip([Breaks::Reset, Breaks::Silent].into_iter().cycle())
}

#[tokio::test]
async fn c13_a_way_that_breaks_anywhere_leaves_the_old_file_or_the_new_one_and_nobody_claims_to_know() {
    let Some(sshd) = Sshd::start(SFTP).await else { return };
    let host = sshd.host("web-1", "127.0.1.1");
    let text = "new ".repeat(5_000);
    let first = sshd.dir.path().join("first");
    fs::write(&first, "old").unwrap();
    let whole = whole_way(&sshd, order(&host, 1, &file(&first, &text))).await;
    let tries = places(whole, 3_000).enumerate().map(async |(n, (behind, how))| {
        let to = sshd.dir.path().join(format!("app-{n}.conf"));
        fs::write(&to, "old").unwrap();
        let (executor, order) = breaking(&sshd, behind, how, order(&host, 1, &file(&to, &text)));
        let came = carry(&executor, order).await;
        let now = kit::read(&to);
        match came.result() {
            CellResult::Refused(_) => assert_eq!(now, "old", "{}", came.outcome.saw),
            CellResult::Ok => assert!(now == text),
            CellResult::Unknown(_) => assert!(now == "old" || now == text, "half a file: {} bytes", now.len()),
            CellResult::Failed(_) => panic!("{how:?} behind {behind} of {whole} bytes: {}", came.outcome.saw),
        }
        came.outcome.result
    });
    let came_to = counted(&futures::future::join_all(tries).await);
    assert!(came_to["refused"] > 0 && came_to["unknown"] > 0, "{came_to:?}");
}

#[tokio::test]
async fn c13_a_way_that_breaks_anywhere_runs_a_script_once_at_most_and_nobody_claims_to_know() {
    let Some(sshd) = Sshd::start("").await else { return };
    let host = sshd.host("web-1", "127.0.1.1");
    let script = |n: i64| {
        let counter = sshd.dir.path().join(format!("counter-{n}"));
        (format!(": {}\necho x >>'{}'", "y".repeat(8_000), counter.display()), counter)
    };
    let whole = whole_way(&sshd, kit::sh(&host, &script(99).0)).await;
    let tries = places(whole, 12_000).zip(10..).map(async |((behind, how), n)| {
        let (script, counter) = script(n);
        let (executor, order) = breaking(&sshd, behind, how, kit::sh(&host, &script));
        let came = carry(&executor, order).await;
        let ran = kit::read(&counter).lines().count();
        assert!(ran <= 1, "it ran {ran} times behind {behind} of {whole} bytes: {}", came.outcome.saw);
        match came.result() {
            CellResult::Refused(_) => assert_eq!(ran, 0, "{}", came.outcome.saw),
            CellResult::Ok => assert_eq!(ran, 1),
            CellResult::Unknown(_) => {}
            CellResult::Failed(_) => panic!("{how:?} behind {behind} of {whole} bytes: {:?}", came.outcome),
        }
        came.outcome.result
    });
    let came_to = counted(&futures::future::join_all(tries).await);
    assert!(came_to["refused"] > 0 && came_to["unknown"] > 0, "{came_to:?}");
}
