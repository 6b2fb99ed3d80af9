//! Whether a real OpenSSH server is believed to be the host that was meant.

use super::kit::{self, host};
use super::sshd::{Sshd, executor, keygen, public, reach, refused, run, with_settings};
use crate::domain::id::{RunId, Timestamp};
use crate::domain::order::CellResult;
use crate::domain::run::Reason;
use crate::domain::workspace::Trust;
use std::fs;

#[tokio::test]
async fn a_host_key_that_is_not_the_pinned_one_is_refused_before_the_login() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let other = keygen(sshd.dir.path(), "other", "ed25519");
    let trust = Trust::Keys(vec![public(&other)]);
    let came = reach(&executor(&sshd), host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust)).await;
    refused(&came, Reason::HostKeyMismatch);
    assert!(came.outcome.saw.contains("expected ssh-ed25519 SHA256:"), "{}", came.outcome.saw);
    assert_eq!((sshd.logged("Accepted"), sshd.logged("Starting session")), (0, 0), "{}", sshd.log());
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
        let host = host("web-1", "127.0.1.1", sshd.port, &sshd.user, Trust::Keys(keys));
        assert_eq!(reach(&executor(&sshd), host).await.result(), &CellResult::Ok);
    }
    let rsa = public(&sshd.dir.path().join("rsa"));
    let host = |keys| host("web-1", "127.0.1.1", sshd.port, &sshd.user, Trust::Keys(keys));
    refused(&reach(&executor(&sshd), host(vec![rsa])).await, Reason::HostKeyUnknown);
    refused(&reach(&executor(&sshd), host(vec![other])).await, Reason::HostKeyMismatch);
    refused(&reach(&executor(&sshd), host(vec!["ssh-ed25519 nonsense".to_owned()])).await, Reason::HostKeyUnknown);
}

#[tokio::test]
async fn known_hosts_decides_where_the_workspace_says_so() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let file = sshd.dir.path().join("known_hosts");
    let executor = with_settings(&sshd, |settings| settings.known_hosts = vec![file.clone()]);
    let host = host("web-1", "127.0.1.1", sshd.port, &sshd.user, Trust::KnownHosts);
    let key = public(&sshd.host_key);
    let name = format!("[127.0.1.1]:{}", sshd.port);
    refused(&reach(&executor, host.clone()).await, Reason::HostKeyUnknown);
    fs::write(&file, format!("{name} {key}\n")).unwrap();
    run("ssh-keygen", &["-q", "-H", "-f", file.to_str().unwrap()]);
    assert!(kit::read(&file).starts_with("|1|"));
    assert_eq!(reach(&executor, host.clone()).await.result(), &CellResult::Ok);
    executor.release(RunId(7)).await;
    fs::write(&file, format!("{name} {key}\n@revoked * {key}\n")).unwrap();
    refused(&reach(&executor, host.clone()).await, Reason::HostKeyRevoked);
    fs::write(&file, format!("{name} {}\n", public(&keygen(sshd.dir.path(), "other", "ed25519")))).unwrap();
    refused(&reach(&executor, host.clone()).await, Reason::HostKeyMismatch);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let came = reach(&executor, host).await;
    refused(&came, Reason::HostKeyUnknown);
    assert!(came.outcome.saw.contains("cannot be read"), "{}", came.outcome.saw);
    assert_eq!(sshd.logged("Starting session"), 1);
}

/// A server whose host key is certified for `principals`, and its authority's public key.
async fn certified(principals: &str, validity: &str) -> Option<(Sshd, String)> {
    let mut authority = String::new();
    let prepare = |dir: &std::path::Path, config: &mut String| {
        let ca = keygen(dir, "ca", "ed25519");
        let key = dir.join("host.pub");
        let (ca_path, key_path) = (ca.to_str().unwrap(), key.to_str().unwrap());
        run("ssh-keygen", &["-q", "-s", ca_path, "-I", "web-1 host", "-h", "-n", principals, "-V", validity, key_path]);
        config.push_str(&format!("HostCertificate {}/host-cert.pub\n", dir.display()));
        authority = public(&ca);
    };
    Sshd::start_with("", prepare, "").await.map(|sshd| (sshd, authority))
}

#[tokio::test]
async fn a_host_certificate_is_checked_for_authority_name_and_date() {
    let now = || {
        let seconds = run("date", &["+%s"]).trim().parse::<i64>().unwrap();
        Timestamp(seconds * 1000)
    };
    let Some((sshd, authority)) = certified("127.0.1.1,web-1", "-1h:+1h").await else {
        return;
    };
    let with_now = |sshd: &Sshd, offset_ms: i64| {
        with_settings(sshd, |settings| {
            let at = Timestamp(now().0 + offset_ms);
            settings.now = std::sync::Arc::new(move || at);
        })
    };
    let host = |name: &str, address: &str, trust| host(name, address, sshd.port, &sshd.user, trust);
    let trust = Trust::Authorities(vec![authority.clone()]);
    let came = reach(&with_now(&sshd, 0), host("web-1", "127.0.1.1", trust.clone())).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    // The server's own name counts as well as its address; another name does not.
    assert_eq!(reach(&with_now(&sshd, 0), host("web-1", "127.0.1.9", trust.clone())).await.result(), &CellResult::Ok);
    refused(&reach(&with_now(&sshd, 0), host("db-1", "127.0.1.9", trust.clone())).await, Reason::HostKeyMismatch);
    for offset_ms in [-7_200_000, 7_200_000] {
        let came = reach(&with_now(&sshd, offset_ms), host("web-1", "127.0.1.1", trust.clone())).await;
        refused(&came, Reason::HostKeyMismatch);
        assert!(came.outcome.saw.contains("valid"), "{}", came.outcome.saw);
    }
    let stranger = public(&keygen(sshd.dir.path(), "stranger", "ed25519"));
    let came = reach(&with_now(&sshd, 0), host("web-1", "127.0.1.1", Trust::Authorities(vec![stranger]))).await;
    refused(&came, Reason::HostKeyMismatch);
    // By known_hosts, too.
    let file = sshd.dir.path().join("known_hosts");
    fs::write(&file, format!("@cert-authority [127.0.1.*]:{} {authority}\n", sshd.port)).unwrap();
    let executor = with_settings(&sshd, |settings| {
        settings.known_hosts = vec![file];
        let at = now();
        settings.now = std::sync::Arc::new(move || at);
    });
    assert_eq!(reach(&executor, host("web-1", "127.0.1.1", Trust::KnownHosts)).await.result(), &CellResult::Ok);
}

#[tokio::test]
async fn a_certificate_for_no_host_and_a_bare_key_prove_nothing() {
    let Some(sshd) = Sshd::start("").await else {
        return;
    };
    let authority = public(&keygen(sshd.dir.path(), "ca", "ed25519"));
    let trust = Trust::Authorities(vec![authority]);
    let came = reach(&executor(&sshd), host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust)).await;
    refused(&came, Reason::HostKeyUnknown);
    assert!(came.outcome.saw.contains("bare key"), "{}", came.outcome.saw);
}
