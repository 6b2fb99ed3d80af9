//! Who is let in by real servers, by what way, and to what.

use super::dropbear::Dropbear;
use super::kit::{self, carry, host, sh};
use super::sshd::{Agent, Sshd, executor, free_port, has, is_root, keygen, public, reach, refused, run, with_settings};
use crate::domain::order::{CellResult, Job};
use crate::domain::run::Reason;
use crate::domain::workspace::{Reach, Trust};
use std::fs;
use std::path::PathBuf;

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
    assert!(came.outcome.saw.contains("/nonexistent/agent"), "{}", came.outcome.saw);
}

#[tokio::test]
async fn key_files_that_cannot_be_used_are_named_with_what_to_do() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let dir = sshd.dir.path();
    let encrypted = dir.join("encrypted");
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "passphrase", "-f", encrypted.to_str().unwrap()]);
    let open = keygen(dir, "open", "ed25519");
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let rsa = keygen(dir, "rsa", "rsa");
    // No ecdsa: the library reads no key whose number happens to begin with a zero byte, one in 256.
    let stranger = keygen(dir, "stranger", "ed25519");
    let executor = with_settings(&sshd, |settings| {
        settings.keys = vec![encrypted, open, rsa, dir.join("missing"), stranger.clone()];
    });
    assert_eq!(executor.key_problems().len(), 4);
    let came = reach(&executor, sshd.host("web-1", "127.0.1.1")).await;
    refused(&came, Reason::LoginRefused);
    for words in ["ssh-add", "chmod 600", "ed25519 or ecdsa", "missing", "did not take the key", &sshd.user] {
        assert!(came.outcome.saw.contains(words), "no `{words}` in {}", came.outcome.saw);
    }
    // The stranger's key is let in, and the files are read again: the next order succeeds.
    fs::copy(stranger.with_extension("pub"), dir.join("authorized")).unwrap();
    executor.reload_keys();
    assert_eq!(reach(&executor, sshd.host("web-1", "127.0.1.1")).await.result(), &CellResult::Ok);
}

#[tokio::test]
async fn hosts_behind_a_jump_server_share_its_connection() {
    let (Some(edge), Some(inner)) = (Sshd::start("").await, Sshd::start("").await) else {
        return;
    };
    fs::copy(edge.key.with_extension("pub"), inner.dir.path().join("authorized")).unwrap();
    let executor = executor(&edge);
    let through = |name: &str, address: &str| {
        let mut order = sh(&inner.host(name, address), "echo $SSH_CONNECTION");
        order.jumps = vec![edge.host("edge-1", "127.0.2.1")];
        order
    };
    let (one, two) =
        tokio::join!(carry(&executor, through("db-1", "127.0.3.1")), carry(&executor, through("db-2", "127.0.3.2")));
    for (came, address) in [(one, "127.0.3.1"), (two, "127.0.3.2")] {
        assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
        assert!(came.out.contains(&format!("{address} {}", inner.port)), "{}", came.out);
    }
    assert_eq!((edge.logged("Accepted publickey"), inner.logged("Accepted publickey")), (1, 2));
    assert_eq!(edge.logged("Starting session"), 0);
    // Each hop's own key is checked.
    let mut order = through("db-3", "127.0.3.3");
    order.host = host("db-3", "127.0.3.3", inner.port, &inner.user, Trust::Keys(vec![public(&edge.host_key)]));
    refused(&carry(&executor, order).await, Reason::HostKeyMismatch);
    let mut order = through("db-4", "127.0.3.4");
    order.jumps = vec![host("edge-2", "127.0.2.2", edge.port, &edge.user, Trust::Keys(vec![public(&inner.host_key)]))];
    let came = carry(&executor, order).await;
    refused(&came, Reason::HostKeyMismatch);
    assert!(came.outcome.saw.contains("edge-2"), "{}", came.outcome.saw);
    // What the jump server cannot reach.
    let mut order = through("db-5", "127.0.3.5");
    order.host = host("db-5", "127.0.3.5", free_port(), &inner.user, Trust::Keys(vec![public(&inner.host_key)]));
    refused(&carry(&executor, order).await, Reason::ConnectRefused);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let trust = Trust::Keys(vec![public(&sshd.host_key)]);
    let closed = host("web-1", "127.0.1.1", free_port(), "root", trust.clone());
    refused(&reach(&executor(&sshd), closed).await, Reason::ConnectRefused);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut order =
        kit::order(host("web-1", "127.0.0.1", silent.local_addr().unwrap().port(), "root", trust.clone()), Job::Reach);
    order.limits.connect_ms = 300;
    refused(&carry(&executor(&sshd), order).await, Reason::ConnectTimeout);
    let nameless = host("web-1", "no-such-host.invalid", 22, "root", trust);
    refused(&reach(&executor(&sshd), nameless).await, Reason::Unreachable);
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
    assert_eq!(reach(&executor, user("root")).await.result(), &CellResult::Ok, "{}", sshd.log());
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
        matches!(came.result(), CellResult::Refused(Reason::ConnectTimeout | Reason::NoShell)),
        "{:?}",
        came.result()
    );
    assert_eq!(kit::read(&taken), "");
}

#[tokio::test]
async fn dropbear_is_a_host_like_any_other() {
    let Some(dropbear) = Dropbear::start().await else { return };
    let came = carry(&dropbear.executor(), sh(&dropbear.host(), "echo out; echo err >&2; exit 3")).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::Exit(3)), "{} {}", came.outcome.saw, dropbear.log());
    assert_eq!((came.out.as_str(), came.err.as_str()), ("out\n", "err\n"));
}

#[tokio::test]
async fn a_host_that_names_a_key_is_shown_that_one_and_no_other() {
    let Some(sshd) = Sshd::start("").await else { return };
    let executor = with_settings(&sshd, |settings| settings.named_keys = sshd.dir.path().to_owned());
    let naming = |name: &str| {
        let mut host = sshd.host("web-1", "127.0.1.1");
        if let Reach::Ssh { key, .. } = &mut host.reach {
            *key = Some(name.to_owned());
        }
        host
    };
    // The server's own key would be let in: it is not shown.
    keygen(sshd.dir.path(), "other", "ed25519");
    for (name, words) in [("other", "the host did not take the key"), ("gone", "there is no key to show")] {
        let came = reach(&executor, naming(name)).await;
        refused(&came, Reason::LoginRefused);
        assert!(came.outcome.saw.contains(words) && came.outcome.saw.contains("key "), "{}", came.outcome.saw);
    }
    let held = sshd.logged("Failed publickey") + sshd.logged("Accepted publickey");
    assert!(held <= 1, "another key was shown: {}", sshd.log());
    // It is let in: the file is read again, without a word from anybody.
    let of_both = [kit::read(&sshd.dir.path().join("client.pub")), kit::read(&sshd.dir.path().join("other.pub"))];
    fs::write(sshd.dir.path().join("authorized"), of_both.concat()).unwrap();
    assert_eq!(reach(&executor, naming("other")).await.result(), &CellResult::Ok);
}

#[tokio::test]
async fn a_host_behind_two_servers_is_reached_over_both_and_over_nothing_else() {
    let (Some(outer), Some(middle), Some(inner)) =
        (Sshd::start("").await, Sshd::start("").await, Sshd::start("").await)
    else {
        return;
    };
    for host in [&middle, &inner] {
        fs::copy(outer.key.with_extension("pub"), host.dir.path().join("authorized")).unwrap();
    }
    let executor = executor(&outer);
    let mut order = sh(&inner.host("db-1", "127.0.3.1"), "echo here");
    // Nearest to us first.
    order.jumps = vec![outer.host("edge-1", "127.0.2.1"), middle.host("edge-2", "127.0.2.2")];
    let came = carry(&executor, order.clone()).await;
    assert_eq!((came.result(), came.out.as_str()), (&CellResult::Ok, "here\n"), "{}", came.outcome.saw);
    let sessions = |sshd: &Sshd| (sshd.logged("Accepted publickey"), sshd.logged("Starting session"));
    assert_eq!((sessions(&outer), sessions(&middle), sessions(&inner)), ((1, 0), (1, 0), (1, 1)));
    // The one in the middle is another than was meant: nothing is asked of what lies behind it.
    let other = keygen(outer.dir.path(), "other", "ed25519");
    if let Reach::Ssh { trust, .. } = &mut order.jumps[1].reach {
        *trust = Trust::Keys(vec![public(&other)]);
    }
    order.key.run = crate::domain::id::RunId(8);
    let came = carry(&executor, order).await;
    refused(&came, Reason::HostKeyMismatch);
    assert!(came.outcome.saw.contains("edge-2"), "{}", came.outcome.saw);
    assert_eq!(sessions(&inner), (1, 1));
}

#[tokio::test]
async fn a_host_is_reached_by_an_address_of_ipv6() {
    let Some(sshd) = Sshd::start("ListenAddress ::1\n").await else { return };
    let came = carry(&executor(&sshd), sh(&sshd.host("web-1", "::1"), "echo $SSH_CONNECTION")).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert!(came.out.starts_with("::1 "), "{}", came.out);
}

#[tokio::test]
async fn a_key_with_a_certificate_is_let_in_by_the_authority_that_signed_it() {
    let prepare = |dir: &std::path::Path, config: &mut String| {
        keygen(dir, "ca", "ed25519");
        config.push_str(&format!("TrustedUserCAKeys {}/ca.pub\nAuthorizedKeysFile none\n", dir.display()));
    };
    // The first setting of its name counts.
    let first = |dir: &std::path::Path, config: &mut String| {
        prepare(dir, config);
        *config =
            config.replace(&format!("AuthorizedKeysFile {}/authorized", dir.display()), "AuthorizedKeysFile none");
    };
    let Some(sshd) = Sshd::start_with("", first, "").await else { return };
    let dir = sshd.dir.path();
    let sign = |validity: &str| {
        let (ca, key) = (dir.join("ca"), sshd.key.with_extension("pub"));
        let words =
            ["-q", "-s", ca.to_str().unwrap(), "-I", "server", "-n", &sshd.user, "-V", validity, key.to_str().unwrap()];
        run("ssh-keygen", &words);
    };
    let host = sshd.host("web-1", "127.0.1.1");
    refused(&reach(&executor(&sshd), host.clone()).await, Reason::LoginRefused);
    sign("20200101:20200102");
    refused(&reach(&executor(&sshd), host.clone()).await, Reason::LoginRefused);
    sign("20200101:20990101");
    let came = reach(&executor(&sshd), host).await;
    assert_eq!(came.result(), &CellResult::Ok, "{} {}", came.outcome.saw, sshd.log());
    assert!(sshd.log().contains("ED25519-CERT"), "{}", sshd.log());
}
