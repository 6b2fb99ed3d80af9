//! What certificates and pinned keys prove, and what not.

use super::*;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::certificate::Builder;
use russh::keys::ssh_key::private::Ed25519Keypair;

const NOW: Timestamp = Timestamp(1_764_000_000_000);

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// A host certificate for key 2 by key 1 with what `add` adds.
fn certificate(add: impl FnOnce(&mut Builder)) -> PublicKeyOrCertificate {
    certificate_of(CertType::Host, add)
}

fn certificate_of(kind: CertType, add: impl FnOnce(&mut Builder)) -> PublicKeyOrCertificate {
    let now = u64::try_from(NOW.0 / 1000).unwrap();
    let mut builder = Builder::new(vec![7; 32], key(2).public_key(), now - 60, now + 60).unwrap();
    builder.key_id("web-1").unwrap().cert_type(kind).unwrap();
    add(&mut builder);
    builder.sign(&key(1)).unwrap().into()
}

fn authorities(seeds: &[u8]) -> Trust {
    let keys = seeds.iter().map(|seed| key(*seed).public_key().to_openssh().unwrap()).collect();
    let none = KnownHosts::new(&[]);
    Trust::of(&workspace::Trust::Authorities(keys), &ServerName::new("web-1"), "10.0.0.7", 22, &none).unwrap()
}

fn named(builder: &mut Builder) {
    principal(builder, "web-1");
}

fn principal(builder: &mut Builder, name: &str) {
    builder.valid_principal(name).unwrap();
}

fn demanding(builder: &mut Builder) {
    named(builder);
    builder.critical_option("force-command", "x").unwrap();
}

#[test]
fn a_certificate_is_accepted_for_what_it_names_and_nothing_else() {
    let trust = authorities(&[1]);
    assert!(trust.check(&certificate(named), NOW).is_ok());
    let by_address = certificate(|it| principal(it, "10.0.0.7"));
    assert!(trust.check(&by_address, NOW).is_ok());
    let refused = |shown: PublicKeyOrCertificate, at: Timestamp, word: &str| {
        let trouble = trust.check(&shown, at).unwrap_err();
        assert_eq!(trouble.reason, Reason::HostKeyMismatch, "{}", trouble.words);
        assert!(trouble.words.contains(word), "{word}: {}", trouble.words);
    };
    refused(certificate(|it| principal(it, "db-1")), NOW, "db-1");
    refused(certificate(|it| principal(it, "web-*")), NOW, "web-*");
    refused(certificate(|it| assert!(it.all_principals_valid().is_ok())), NOW, "no host");
    refused(certificate_of(CertType::User, named), NOW, "users");
    refused(certificate(demanding), NOW, "force-command");
    refused(certificate(named), Timestamp(NOW.0 + 60_000), "no longer");
    refused(certificate(named), Timestamp(NOW.0 - 60_001), "not valid yet");
    let stranger = authorities(&[3]).check(&certificate(named), NOW).unwrap_err();
    assert!(stranger.words.contains("not by an accepted authority"), "{}", stranger.words);
}

#[test]
fn a_certificate_with_a_forged_signature_is_refused() {
    let PublicKeyOrCertificate::Certificate(good) = certificate(named) else { panic!("a certificate") };
    let mut bytes = good.to_bytes().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Certificate::from_bytes(&bytes).unwrap();
    let trouble = authorities(&[1]).check(&forged.into(), NOW).unwrap_err();
    assert!(trouble.words.contains("not rightly signed"), "{}", trouble.words);
}

#[test]
fn an_authority_is_no_host_and_a_host_is_no_authority() {
    let trust = authorities(&[1]);
    let bare: PublicKeyOrCertificate = key(1).public_key().clone().into();
    assert_eq!(trust.check(&bare, NOW).unwrap_err().reason, Reason::HostKeyUnknown);
    let keys = vec![key(1).public_key().to_openssh().unwrap()];
    let none = KnownHosts::new(&[]);
    let pinned = Trust::of(&workspace::Trust::Keys(keys), &ServerName::new("web-1"), "10.0.0.7", 22, &none).unwrap();
    assert_eq!(pinned.check(&certificate(named), NOW).unwrap_err().reason, Reason::HostKeyMismatch);
    assert!(pinned.check(&bare, NOW).is_ok());
    assert_eq!(pinned.certificate_algorithms(), []);
}

#[test]
fn revoked_outweighs_everything_known() {
    let data = |seed: u8| key(seed).public_key().key_data().clone();
    let known = KnownHost { keys: vec![data(2)], authorities: vec![data(1)], ..KnownHost::default() };
    let trust = |known: &KnownHost| Trust { names: vec!["web-1".to_owned()], accepted: Accepted::Known(known.clone()) };
    let bare: PublicKeyOrCertificate = key(2).public_key().clone().into();
    assert!(trust(&known).check(&bare, NOW).is_ok());
    assert!(trust(&known).check(&certificate(named), NOW).is_ok());
    for (revoked, shown) in [(2, bare), (2, certificate(named)), (1, certificate(named))] {
        let known = KnownHost { revoked: vec![data(revoked)], ..known.clone() };
        assert_eq!(trust(&known).check(&shown, NOW).unwrap_err().reason, Reason::HostKeyRevoked);
    }
}

#[test]
fn a_host_known_only_by_a_key_we_cannot_check_is_unknown_and_not_another_host() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    // The modulus is long enough for the parser, and nobody's key.
    let rsa = rsa_line();
    std::fs::write(&path, format!("web-1 {rsa}\n")).unwrap();
    let of = |path: &std::path::Path| {
        let known = KnownHosts::new(&[path.to_owned()]);
        Trust::of(&workspace::Trust::KnownHosts, &ServerName::new("web-1"), "web-1", 22, &known).unwrap()
    };
    let bare: PublicKeyOrCertificate = key(2).public_key().clone().into();
    let trouble = of(&path).check(&bare, NOW).unwrap_err();
    assert_eq!(trouble.reason, Reason::HostKeyUnknown, "{}", trouble.words);
    assert!(trouble.words.ends_with("known_hosts has only an ssh-rsa key for it; add its ed25519 key"));
    std::fs::write(&path, format!("web-1 {rsa}\nweb-1 {}\n", key(2).public_key().to_openssh().unwrap())).unwrap();
    assert!(of(&path).check(&bare, NOW).is_ok());
}

fn rsa_line() -> String {
    use russh::keys::ssh_key::Mpint;
    use russh::keys::ssh_key::public::RsaPublicKey;
    let number = Mpint::from_positive_bytes;
    let key = RsaPublicKey::new(number(&[1, 0, 1]), number(&[0xc5; 256])).unwrap();
    PublicKey::new(KeyData::Rsa(key), "").to_openssh().unwrap()
}
