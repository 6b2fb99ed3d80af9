//! What a host is offered: servers of OpenSSH that know only some algorithms.

use super::kit::host;
use super::sshd::{Sshd, executor, public, reach, refused};
use crate::domain::algorithms::Algorithms;
use crate::domain::order::CellResult;
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::workspace::{Reach, Trust};

fn offered(sshd: &Sshd, policy: Algorithms) -> PlannedHost {
    let trust = Trust::Keys(vec![public(&sshd.host_key)]);
    let mut host = host("web-1", "127.0.1.1", sshd.port, &sshd.user, trust);
    if let Reach::Ssh { algorithms, .. } = &mut host.reach {
        *algorithms = policy;
    }
    host
}

#[tokio::test]
async fn a_host_that_knows_little_is_reached_by_the_policy_that_names_what_it_knows_and_by_no_stricter_one() {
    let curve = "KexAlgorithms curve25519-sha256\n";
    let lists = [
        ("KexAlgorithms ecdh-sha2-nistp256\n".to_owned(), Algorithms::Standard),
        ("KexAlgorithms diffie-hellman-group14-sha256\n".to_owned(), Algorithms::Standard),
        (format!("{curve}Ciphers aes256-ctr\n"), Algorithms::Standard),
        (format!("{curve}Ciphers aes128-ctr\nMACs hmac-sha2-256\n"), Algorithms::Standard),
        ("KexAlgorithms diffie-hellman-group14-sha1\n".to_owned(), Algorithms::Legacy),
        (format!("{curve}Ciphers aes128-ctr\nMACs hmac-sha1\n"), Algorithms::Legacy),
        (format!("{curve}Ciphers aes256-cbc\nMACs hmac-sha1-etm@openssh.com\n"), Algorithms::Legacy),
    ];
    for (settings, needed) in lists {
        let Some(sshd) = Sshd::start(&settings).await else { return };
        for policy in Algorithms::ALL {
            // Each over a connection of its own.
            let came = reach(&executor(&sshd), offered(&sshd, policy)).await;
            match policy >= needed {
                true => assert_eq!(came.result(), &CellResult::Ok, "{policy:?} {settings}: {}", came.outcome.saw),
                false => {
                    refused(&came, Reason::Unreachable);
                    let saw = &came.outcome.saw;
                    assert!(saw.contains("under [algorithms]") && saw.contains("the host offers"), "{saw}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_host_that_knows_everything_is_given_the_best_whatever_else_it_was_offered() {
    let settings =
        "KexAlgorithms diffie-hellman-group14-sha1,curve25519-sha256\nCiphers aes128-cbc,aes256-gcm@openssh.com\n";
    let loud = |_: &std::path::Path, text: &mut String| *text = text.replace("LogLevel VERBOSE", "LogLevel DEBUG1");
    let Some(sshd) = Sshd::start_with(settings, loud, "").await else { return };
    let came = reach(&executor(&sshd), offered(&sshd, Algorithms::Legacy)).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let log = sshd.log();
    assert!(
        log.contains("kex: algorithm: curve25519-sha256") && log.contains("cipher: aes256-gcm@openssh.com"),
        "{log}"
    );
}
