//! What real hosts show to whoever only looks.

use super::kit::{self, host};
use super::sshd::{Sshd, executor, free_port, keygen, public, run, with_settings};
use crate::domain::enrol::Standing;
use crate::domain::id::Timestamp;
use crate::domain::workspace::Trust;
use std::fs;

#[tokio::test]
async fn a_key_is_held_against_what_is_pinned_and_known_and_nobody_logs_in() {
    let Some(sshd) = Sshd::start("").await else { return };
    let file = sshd.dir.path().join("known_hosts");
    fs::write(&file, "").unwrap();
    let executor = with_settings(&sshd, |settings| settings.known_hosts = vec![file.clone()]);
    let key = public(&sshd.host_key);
    let other = public(&keygen(sshd.dir.path(), "other", "ed25519"));
    let at = |trust| host("web-1", "127.0.1.1", sshd.port, "nobody-there", trust);
    let seen = executor.look(&[], &at(Trust::Keys(vec![key.clone()]))).await.unwrap();
    assert_eq!(seen.standing, Standing::Pinned);
    let shown = seen.shown.unwrap();
    assert_eq!(shown.key, key.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    let printed = run("ssh-keygen", &["-lf", sshd.host_key.with_extension("pub").to_str().unwrap()]);
    assert!(printed.contains(&shown.fingerprint), "{printed} {}", shown.fingerprint);
    let differs = executor.look(&[], &at(Trust::Keys(vec![other.clone()]))).await.unwrap();
    assert!(matches!(&differs.standing, Standing::Differs(why) if why.contains("expected")), "{differs:?}");
    let unknown = executor.look(&[], &at(Trust::KnownHosts)).await.unwrap();
    assert_eq!(unknown.standing, Standing::Unknown, "known_hosts is empty");
    let name = format!("[127.0.1.1]:{}", sshd.port);
    for (line, expected) in [
        (format!("{name} {key}\n"), Some(Standing::Known)),
        (format!("{name} {other}\n"), None),
        (format!("@revoked {name} {key}\n"), None),
    ] {
        fs::write(&file, line).unwrap();
        let seen = executor.look(&[], &at(Trust::KnownHosts)).await.unwrap();
        match expected {
            Some(standing) => assert_eq!(seen.standing, standing),
            None => assert!(matches!(seen.standing, Standing::Differs(_)), "{seen:?}"),
        }
    }
    assert_eq!((sshd.logged("Accepted"), sshd.logged("Failed")), (0, 0), "{}", sshd.log());
}

#[tokio::test]
async fn a_host_behind_another_and_one_that_is_not_there() {
    let (Some(edge), Some(inner)) = (Sshd::start("").await, Sshd::start("").await) else { return };
    let executor = executor(&edge);
    let jump = edge.host("edge-1", "127.0.2.1");
    let seen = executor.look(std::slice::from_ref(&jump), &inner.host("db-1", "127.0.3.1")).await.unwrap();
    assert_eq!(seen.standing, Standing::Pinned, "over the server on the way, which alone is logged in to");
    assert_eq!((edge.logged("Accepted publickey"), inner.logged("Accepted publickey")), (1, 0));
    let gone = host("db-2", "127.0.3.2", free_port(), &inner.user, Trust::Keys(vec![public(&inner.host_key)]));
    let seen = executor.look(&[jump], &gone).await.unwrap();
    assert!(seen.shown.is_none() && matches!(seen.standing, Standing::Unreached(_)), "{seen:?}");
    assert!(executor.look(&[], &kit::here()).await.is_none(), "this machine shows nothing");
    executor.release_looks().await;
}

#[tokio::test]
async fn a_certificate_stands_for_the_authority_that_signed_it() {
    let prepare = |dir: &std::path::Path, config: &mut String| {
        let ca = keygen(dir, "ca", "ed25519");
        let host = dir.join("host.pub");
        run(
            "ssh-keygen",
            &[
                "-q",
                "-s",
                ca.to_str().unwrap(),
                "-I",
                "web-1",
                "-h",
                "-n",
                "127.0.1.1",
                "-V",
                "20200101:20990101",
                host.to_str().unwrap(),
            ],
        );
        config.push_str(&format!("HostCertificate {}/host-cert.pub\n", dir.display()));
    };
    let Some(sshd) = Sshd::start_with("", prepare, "").await else { return };
    let file = sshd.dir.path().join("known_hosts");
    let ca = public(&sshd.dir.path().join("ca"));
    fs::write(&file, format!("@cert-authority 127.0.1.1,[127.0.1.1]:{} {ca}\n", sshd.port)).unwrap();
    let executor = with_settings(&sshd, |settings| {
        settings.known_hosts = vec![file.clone()];
        settings.now = std::sync::Arc::new(|| Timestamp(1_764_000_000_000));
    });
    let at = |trust| host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust);
    let seen = executor.look(&[], &at(Trust::KnownHosts)).await.unwrap();
    assert_eq!(seen.standing, Standing::Signed, "{seen:?}");
    assert!(ca.starts_with(&seen.shown.unwrap().authority.unwrap()));
    let other = public(&keygen(sshd.dir.path(), "other", "ed25519"));
    let seen = executor.look(&[], &at(Trust::Authorities(vec![other]))).await.unwrap();
    assert!(matches!(seen.standing, Standing::Differs(_)), "{seen:?}");
}
