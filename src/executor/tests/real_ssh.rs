//! Orders over SSH to real OpenSSH servers: who is let in, who is believed, and how things end.

use super::kit::{self, Came, bash, carry, carry_until, host, secrets, settings, sh, with};
use super::sshd::{Agent, Sshd, free_port, has, is_root, keygen, public, run, wait_for};
use crate::domain::order::{CellResult, Job, Stream};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::workspace::Trust;
use crate::executor::{Executor, Settings};
use std::fs;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

fn executor(sshd: &Sshd) -> Executor {
    with_settings(sshd, |_| {})
}

fn with_settings(sshd: &Sshd, change: impl FnOnce(&mut Settings)) -> Executor {
    let mut settings = settings();
    settings.keys = vec![sshd.key.clone()];
    change(&mut settings);
    Executor::new(settings, secrets(&[("token", "s3cr3t-'quoted'-value")]))
}

async fn reach(executor: &Executor, host: PlannedHost) -> Came {
    carry(executor, kit::order(host, Job::Reach)).await
}

fn refused(came: &Came, reason: Reason) {
    assert_eq!(
        came.result(),
        &CellResult::Refused(reason),
        "{}",
        came.outcome.saw
    );
    assert_eq!(came.group, None);
}

#[tokio::test]
async fn steps_of_a_run_share_one_connection_until_it_is_released() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let came = reach(&executor, host.clone()).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert!(came.outcome.saw.contains("SHA256:"), "{}", came.outcome.saw);
    let came = carry(
        &executor,
        sh(&host, "echo out; echo err >&2; echo $$; exit 3"),
    )
    .await;
    assert_eq!(
        came.result(),
        &CellResult::Failed(Reason::Exit(3)),
        "{}",
        came.outcome.saw
    );
    assert_eq!(
        (came.out, came.err.as_str()),
        (format!("out\n{}\n", came.group.unwrap()), "err\n")
    );
    let came = carry(&executor, bash(&host, "kill -KILL $$")).await;
    assert_eq!(
        came.result(),
        &CellResult::Failed(Reason::Signal("KILL".to_owned()))
    );
    assert_eq!(sshd.logged("Accepted publickey"), 1);
    executor.release(crate::domain::id::RunId(7)).await;
    wait_for("the connection is closed", || {
        sshd.logged("Disconnected from user") == 1
    })
    .await;
    assert_eq!(
        carry(&executor, sh(&host, "true")).await.result(),
        &CellResult::Ok
    );
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
        let came = carry(
            &executor,
            make(&host, &format!("cat; false\n{padding}exit 9")),
        )
        .await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(9)));
        let came = carry(
            &executor,
            make(&host, &format!("set -e\ncat; false\n{padding}echo never")),
        )
        .await;
        assert_eq!(
            (came.result(), came.out.as_str()),
            (&CellResult::Failed(Reason::Exit(1)), "")
        );
        let came = carry(&executor, make(&host, &format!("{padding}cat; false"))).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(1)));
    }
}

#[tokio::test]
async fn a_mebibyte_of_script_and_a_secret_arrive_whole() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let long = "it's ".repeat(800 * 1024);
    let order = with(
        sh(
            &host,
            "printf %s \"$long\" | wc -c; printf %s \"$token\" | wc -c; echo \"$token\"",
        ),
        |delivery| {
            delivery.variables = vec![("long".to_owned(), long.clone())];
            delivery.secrets = vec![kit::pinned("token")];
        },
    );
    let came = carry(&executor, order).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let lines: Vec<&str> = came.out.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [long.len().to_string().as_str(), "21", "[secret:token]"]
    );
}

#[tokio::test]
async fn much_output_arrives_whole_and_in_order() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let (executor, host) = (executor(&sshd), sshd.host("web-1", "127.0.1.1"));
    let came = carry(&executor, sh(&host, "seq 1 1000000; seq 1 50000 >&2")).await;
    assert_eq!(came.result(), &CellResult::Ok);
    assert!(
        came.out
            .lines()
            .map(|line| line.parse::<u32>().unwrap())
            .eq(1..=1_000_000)
    );
    assert!(
        came.err
            .lines()
            .map(|line| line.parse::<u32>().unwrap())
            .eq(1..=50_000)
    );
}

#[tokio::test]
async fn a_host_key_that_is_not_the_pinned_one_is_refused_before_the_login() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let other = keygen(sshd.dir.path(), "other", "ed25519");
    let trust = Trust::Keys(vec![public(&other)]);
    let came = reach(
        &executor(&sshd),
        host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust),
    )
    .await;
    refused(&came, Reason::HostKeyMismatch);
    assert!(
        came.outcome.saw.contains("expected ssh-ed25519 SHA256:"),
        "{}",
        came.outcome.saw
    );
    assert_eq!(
        (sshd.logged("Accepted"), sshd.logged("Starting session")),
        (0, 0),
        "{}",
        sshd.log()
    );
}

#[tokio::test]
async fn any_of_several_pinned_keys_is_accepted_whatever_its_kind() {
    let prepare = |dir: &std::path::Path, config: &mut String| {
        for kind in ["ecdsa", "rsa"] {
            let key = keygen(dir, kind, kind);
            config.push_str(&format!("HostKey {}\n", key.display()));
        }
    };
    let Some(sshd) = Sshd::start_with("", prepare, "").await else {
        return;
    };
    let ecdsa = public(&sshd.dir.path().join("ecdsa"));
    let other = public(&keygen(sshd.dir.path(), "other", "ed25519"));
    // The server prefers its ed25519 key; the pinned kind is asked for.
    for keys in [vec![ecdsa.clone()], vec![ecdsa, public(&sshd.host_key)]] {
        let host = host(
            "web-1",
            "127.0.1.1",
            sshd.port,
            &sshd.user,
            Trust::Keys(keys),
        );
        assert_eq!(
            reach(&executor(&sshd), host).await.result(),
            &CellResult::Ok
        );
    }
    let rsa = public(&sshd.dir.path().join("rsa"));
    let host = |keys| {
        host(
            "web-1",
            "127.0.1.1",
            sshd.port,
            &sshd.user,
            Trust::Keys(keys),
        )
    };
    refused(
        &reach(&executor(&sshd), host(vec![rsa])).await,
        Reason::HostKeyUnknown,
    );
    refused(
        &reach(&executor(&sshd), host(vec![other])).await,
        Reason::HostKeyMismatch,
    );
    refused(
        &reach(
            &executor(&sshd),
            host(vec!["ssh-ed25519 nonsense".to_owned()]),
        )
        .await,
        Reason::HostKeyUnknown,
    );
}

#[tokio::test]
async fn known_hosts_decides_where_the_workspace_says_so() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let file = sshd.dir.path().join("known_hosts");
    let executor = with_settings(&sshd, |settings| settings.known_hosts = vec![file.clone()]);
    let host = host(
        "web-1",
        "127.0.1.1",
        sshd.port,
        &sshd.user,
        Trust::KnownHosts,
    );
    let key = public(&sshd.host_key);
    let name = format!("[127.0.1.1]:{}", sshd.port);
    refused(
        &reach(&executor, host.clone()).await,
        Reason::HostKeyUnknown,
    );
    fs::write(&file, format!("{name} {key}\n")).unwrap();
    run("ssh-keygen", &["-q", "-H", "-f", file.to_str().unwrap()]);
    assert!(kit::read(&file).starts_with("|1|"));
    assert_eq!(
        reach(&executor, host.clone()).await.result(),
        &CellResult::Ok
    );
    executor.release(crate::domain::id::RunId(7)).await;
    fs::write(&file, format!("{name} {key}\n@revoked * {key}\n")).unwrap();
    refused(
        &reach(&executor, host.clone()).await,
        Reason::HostKeyRevoked,
    );
    fs::write(
        &file,
        format!(
            "{name} {}\n",
            public(&keygen(sshd.dir.path(), "other", "ed25519"))
        ),
    )
    .unwrap();
    refused(
        &reach(&executor, host.clone()).await,
        Reason::HostKeyMismatch,
    );
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let came = reach(&executor, host).await;
    refused(&came, Reason::HostKeyUnknown);
    assert!(
        came.outcome.saw.contains("cannot be read"),
        "{}",
        came.outcome.saw
    );
    assert_eq!(sshd.logged("Starting session"), 1);
}

/// A server whose host key is certified for `principals`, and its authority's public key.
async fn certified(principals: &str, validity: &str) -> Option<(Sshd, String)> {
    let mut authority = String::new();
    let prepare = |dir: &std::path::Path, config: &mut String| {
        let ca = keygen(dir, "ca", "ed25519");
        let key = dir.join("host.pub");
        let (ca_path, key_path) = (ca.to_str().unwrap(), key.to_str().unwrap());
        run(
            "ssh-keygen",
            &[
                "-q",
                "-s",
                ca_path,
                "-I",
                "web-1 host",
                "-h",
                "-n",
                principals,
                "-V",
                validity,
                key_path,
            ],
        );
        config.push_str(&format!(
            "HostCertificate {}/host-cert.pub\n",
            dir.display()
        ));
        authority = public(&ca);
    };
    Sshd::start_with("", prepare, "")
        .await
        .map(|sshd| (sshd, authority))
}

#[tokio::test]
async fn a_host_certificate_is_checked_for_authority_name_and_date() {
    let now = || {
        let seconds = run("date", &["+%s"]).trim().parse::<i64>().unwrap();
        crate::domain::id::Timestamp(seconds * 1000)
    };
    let Some((sshd, authority)) = certified("127.0.1.1,web-1", "-1h:+1h").await else {
        return;
    };
    let with_now = |sshd: &Sshd, offset_ms: i64| {
        with_settings(sshd, |settings| {
            let at = crate::domain::id::Timestamp(now().0 + offset_ms);
            settings.now = std::sync::Arc::new(move || at);
        })
    };
    let host = |name: &str, address: &str, trust| host(name, address, sshd.port, &sshd.user, trust);
    let trust = Trust::Authorities(vec![authority.clone()]);
    let came = reach(
        &with_now(&sshd, 0),
        host("web-1", "127.0.1.1", trust.clone()),
    )
    .await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    // The server's own name counts as well as its address; another name does not.
    assert_eq!(
        reach(
            &with_now(&sshd, 0),
            host("web-1", "127.0.1.9", trust.clone())
        )
        .await
        .result(),
        &CellResult::Ok
    );
    refused(
        &reach(
            &with_now(&sshd, 0),
            host("db-1", "127.0.1.9", trust.clone()),
        )
        .await,
        Reason::HostKeyMismatch,
    );
    for offset_ms in [-7_200_000, 7_200_000] {
        let came = reach(
            &with_now(&sshd, offset_ms),
            host("web-1", "127.0.1.1", trust.clone()),
        )
        .await;
        refused(&came, Reason::HostKeyMismatch);
        assert!(came.outcome.saw.contains("valid"), "{}", came.outcome.saw);
    }
    let stranger = public(&keygen(sshd.dir.path(), "stranger", "ed25519"));
    let came = reach(
        &with_now(&sshd, 0),
        host("web-1", "127.0.1.1", Trust::Authorities(vec![stranger])),
    )
    .await;
    refused(&came, Reason::HostKeyMismatch);
    // By known_hosts, too.
    let file = sshd.dir.path().join("known_hosts");
    fs::write(
        &file,
        format!("@cert-authority [127.0.1.*]:{} {authority}\n", sshd.port),
    )
    .unwrap();
    let executor = with_settings(&sshd, |settings| {
        settings.known_hosts = vec![file];
        let at = now();
        settings.now = std::sync::Arc::new(move || at);
    });
    assert_eq!(
        reach(&executor, host("web-1", "127.0.1.1", Trust::KnownHosts))
            .await
            .result(),
        &CellResult::Ok
    );
}

#[tokio::test]
async fn a_certificate_for_no_host_and_a_bare_key_prove_nothing() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let authority = public(&keygen(sshd.dir.path(), "ca", "ed25519"));
    let trust = Trust::Authorities(vec![authority]);
    let came = reach(
        &executor(&sshd),
        host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust),
    )
    .await;
    refused(&came, Reason::HostKeyUnknown);
    assert!(
        came.outcome.saw.contains("bare key"),
        "{}",
        came.outcome.saw
    );
}

#[tokio::test]
async fn an_agent_holds_the_key() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    if !has("ssh-agent") {
        return;
    }
    let other = keygen(sshd.dir.path(), "other", "ecdsa");
    let agent = Agent::start(&[&other, &sshd.key]);
    let executor = with_settings(&sshd, |settings| {
        settings.keys = vec![other];
        settings.agent = Some(agent.socket.clone());
    });
    let came = reach(&executor, sshd.host("web-1", "127.0.1.1")).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let executor = with_settings(&sshd, |settings| {
        settings.keys.clear();
        settings.agent = Some(PathBuf::from("/nonexistent/agent"));
    });
    let came = reach(&executor, sshd.host("web-1", "127.0.1.1")).await;
    refused(&came, Reason::LoginRefused);
    assert!(
        came.outcome.saw.contains("/nonexistent/agent"),
        "{}",
        came.outcome.saw
    );
}

#[tokio::test]
async fn key_files_that_cannot_be_used_are_named_with_what_to_do() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let dir = sshd.dir.path();
    let encrypted = dir.join("encrypted");
    run(
        "ssh-keygen",
        &[
            "-q",
            "-t",
            "ed25519",
            "-N",
            "passphrase",
            "-f",
            encrypted.to_str().unwrap(),
        ],
    );
    let open = keygen(dir, "open", "ed25519");
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let rsa = keygen(dir, "rsa", "rsa");
    let stranger = keygen(dir, "stranger", "ecdsa");
    let executor = with_settings(&sshd, |settings| {
        settings.keys = vec![encrypted, open, rsa, dir.join("missing"), stranger.clone()];
    });
    assert_eq!(executor.key_problems().len(), 4);
    let came = reach(&executor, sshd.host("web-1", "127.0.1.1")).await;
    refused(&came, Reason::LoginRefused);
    for words in [
        "ssh-add",
        "chmod 600",
        "ed25519 or ecdsa",
        "missing",
        "did not take the key",
        &sshd.user,
    ] {
        assert!(
            came.outcome.saw.contains(words),
            "no `{words}` in {}",
            came.outcome.saw
        );
    }
    // The stranger's key is let in, and the files are read again: the next order succeeds.
    fs::copy(stranger.with_extension("pub"), dir.join("authorized")).unwrap();
    executor.reload_keys();
    assert_eq!(
        reach(&executor, sshd.host("web-1", "127.0.1.1"))
            .await
            .result(),
        &CellResult::Ok
    );
}

#[tokio::test]
async fn hosts_behind_a_jump_server_share_its_connection() {
    let (Some(edge), Some(inner)) = (Sshd::start("").await, Sshd::start("").await) else {
        return;
    };
    fs::copy(
        edge.key.with_extension("pub"),
        inner.dir.path().join("authorized"),
    )
    .unwrap();
    let executor = executor(&edge);
    let through = |name: &str, address: &str| {
        let mut order = sh(&inner.host(name, address), "echo $SSH_CONNECTION");
        order.jumps = vec![edge.host("edge-1", "127.0.2.1")];
        order
    };
    let (one, two) = tokio::join!(
        carry(&executor, through("db-1", "127.0.3.1")),
        carry(&executor, through("db-2", "127.0.3.2"))
    );
    for (came, address) in [(one, "127.0.3.1"), (two, "127.0.3.2")] {
        assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
        assert!(
            came.out.contains(&format!("{address} {}", inner.port)),
            "{}",
            came.out
        );
    }
    assert_eq!(
        (
            edge.logged("Accepted publickey"),
            inner.logged("Accepted publickey")
        ),
        (1, 2)
    );
    assert_eq!(edge.logged("Starting session"), 0);
    // Each hop's own key is checked.
    let mut order = through("db-3", "127.0.3.3");
    order.host = host(
        "db-3",
        "127.0.3.3",
        inner.port,
        &inner.user,
        Trust::Keys(vec![public(&edge.host_key)]),
    );
    refused(&carry(&executor, order).await, Reason::HostKeyMismatch);
    let mut order = through("db-4", "127.0.3.4");
    order.jumps = vec![host(
        "edge-2",
        "127.0.2.2",
        edge.port,
        &edge.user,
        Trust::Keys(vec![public(&inner.host_key)]),
    )];
    let came = carry(&executor, order).await;
    refused(&came, Reason::HostKeyMismatch);
    assert!(came.outcome.saw.contains("edge-2"), "{}", came.outcome.saw);
    // What the jump server cannot reach.
    let mut order = through("db-5", "127.0.3.5");
    order.host = host(
        "db-5",
        "127.0.3.5",
        free_port(),
        &inner.user,
        Trust::Keys(vec![public(&inner.host_key)]),
    );
    refused(&carry(&executor, order).await, Reason::ConnectRefused);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let trust = Trust::Keys(vec![public(&sshd.host_key)]);
    let closed = host("web-1", "127.0.1.1", free_port(), "root", trust.clone());
    refused(
        &reach(&executor(&sshd), closed).await,
        Reason::ConnectRefused,
    );
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut order = kit::order(
        host(
            "web-1",
            "127.0.0.1",
            silent.local_addr().unwrap().port(),
            "root",
            trust.clone(),
        ),
        Job::Reach,
    );
    order.limits.connect_ms = 300;
    refused(
        &carry(&executor(&sshd), order).await,
        Reason::ConnectTimeout,
    );
    let nameless = host("web-1", "no-such-host.invalid", 22, "root", trust);
    refused(
        &reach(&executor(&sshd), nameless).await,
        Reason::Unreachable,
    );
}

#[tokio::test]
async fn a_login_without_a_shell_is_no_login() {
    if !has("unshare") || !is_root() {
        println!("skipped: only root can show other accounts to a server");
        return;
    }
    let passwd = "root:x:0:0:root:/root:/bin/bash\nsshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n\
        none:x:65534:65534:none:/:/usr/sbin/nologin\nfalse:x:65534:65534:false:/:/bin/false\n\
        gone:x:65534:65534:gone:/:/no/such/shell\n";
    let Some(sshd) = Sshd::start_with("", |_, _| {}, passwd).await else {
        return;
    };
    let trust = Trust::Keys(vec![public(&sshd.host_key)]);
    let user = |name: &str| host(name, "127.0.1.1", sshd.port, name, trust.clone());
    let executor = executor(&sshd);
    assert_eq!(
        reach(&executor, user("root")).await.result(),
        &CellResult::Ok,
        "{}",
        sshd.log()
    );
    for name in ["none", "false"] {
        refused(&reach(&executor, user(name)).await, Reason::NoShell);
        let came = carry(&executor, sh(&user(name), "echo ran")).await;
        refused(&came, Reason::NoShell);
        assert!(!came.out.contains("ran"));
    }
    // OpenSSH does not even let in a user whose shell does not exist.
    refused(&reach(&executor, user("gone")).await, Reason::LoginRefused);
}

#[tokio::test]
async fn a_forced_command_never_sees_the_script() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("taken");
    let Some(sshd) = Sshd::start(&format!("ForceCommand cat >>{}", taken.display())).await else {
        return;
    };
    let mut order = sh(&sshd.host("web-1", "127.0.1.1"), "echo the reviewed script");
    order.limits.connect_ms = 1_000;
    let came = carry(&executor(&sshd), order).await;
    assert!(
        matches!(
            came.result(),
            CellResult::Refused(Reason::ConnectTimeout | Reason::NoShell)
        ),
        "{:?}",
        came.result()
    );
    assert_eq!(kit::read(&taken), "");
}

#[tokio::test]
async fn a_step_out_of_time_is_ended_on_the_host_and_seen_gone() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let mut order = sh(
        &sshd.host("web-1", "127.0.1.1"),
        "echo $$; sleep 60 & sleep 60 | cat; echo never",
    );
    order.limits.step_ms = 400;
    let came = carry(&executor(&sshd), order).await;
    assert_eq!(
        came.result(),
        &CellResult::Failed(Reason::StepTimeout),
        "{}\n{}",
        came.outcome.saw,
        came.notes
    );
    assert_eq!(came.out, format!("{}\n", came.group.unwrap()));
    assert_eq!(
        sshd.logged("Accepted publickey"),
        1,
        "ended through the same connection"
    );
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
    assert_eq!(
        came.result(),
        &CellResult::Failed(Reason::Aborted),
        "{}\n{}",
        came.outcome.saw,
        came.notes
    );
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
    assert_eq!(
        came.result(),
        &CellResult::Unknown(Reason::ConnectionLost),
        "{}",
        came.outcome.saw
    );
    // It does run on: unknown is the truth.
    assert!(
        std::process::Command::new("kill")
            .arg(&pid)
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn dropbear_is_a_host_like_any_other() {
    if !has("dropbear") || !has("dropbearkey") || !has("ssh-keygen") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (key, host_key) = (
        keygen(dir.path(), "client", "ed25519"),
        dir.path().join("host"),
    );
    let shown = run(
        "dropbearkey",
        &["-t", "ed25519", "-f", host_key.to_str().unwrap()],
    );
    let pinned = shown
        .lines()
        .find(|line| line.starts_with("ssh-ed25519"))
        .unwrap()
        .to_owned();
    fs::copy(
        key.with_extension("pub"),
        dir.path().join("authorized_keys"),
    )
    .unwrap();
    let port = free_port();
    let mut help = std::process::Command::new("dropbear");
    let help = String::from_utf8_lossy(&help.arg("-h").output().unwrap().stderr).into_owned();
    if !help.contains("-D") {
        println!("skipped: this dropbear reads keys from home directories alone");
        return;
    }
    let mut child = std::process::Command::new("dropbear")
        .args([
            "-F",
            "-E",
            "-p",
            &format!("127.0.0.1:{port}"),
            "-r",
            host_key.to_str().unwrap(),
            "-D",
            dir.path().to_str().unwrap(),
        ])
        .spawn()
        .unwrap();
    wait_for("dropbear listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    let user = run("id", &["-un"]).trim().to_owned();
    let host = host("web-1", "127.0.0.1", port, &user, Trust::Keys(vec![pinned]));
    let mut settings = settings();
    settings.keys = vec![key];
    let came = carry(
        &Executor::new(settings, secrets(&[])),
        sh(&host, "echo out; echo err >&2; exit 3"),
    )
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        came.result(),
        &CellResult::Failed(Reason::Exit(3)),
        "{}",
        came.outcome.saw
    );
    assert_eq!((came.out.as_str(), came.err.as_str()), ("out\n", "err\n"));
}
