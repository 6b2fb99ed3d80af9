//! The matrix of what known_hosts lines mean for a host and port.

use super::*;
use std::fs;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICPGigNBkrxcMMil83ibt5sz1VuoZaw+uSg8gcxgIkT1";

fn key(text: &str) -> KeyData {
    russh::keys::PublicKey::from_openssh(text).unwrap().key_data().clone()
}

fn known(text: &str, address: &str, port: u16) -> KnownHost {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, text).unwrap();
    KnownHosts::new(&[path]).of(address, port).unwrap()
}

/// Whether a line with these patterns gives the key of `address` at `port`.
fn gives(patterns: &str, address: &str, port: u16) -> bool {
    let known = known(&format!("{patterns} {A}\n"), address, port);
    assert!(known.keys.is_empty() || known.keys == [key(A)]);
    !known.keys.is_empty()
}

#[test]
fn names_ports_wildcards_and_negation() {
    for (patterns, address, port, expected) in [
        ("web-1", "web-1", 22, true),
        ("web-1", "WEB-1", 22, true),
        ("Web-1", "web-1", 22, true),
        ("web-1", "web-10", 22, false),
        ("web-1,web-2", "web-2", 22, true),
        ("web-*", "web-12", 22, true),
        ("web-?", "web-1", 22, true),
        ("web-?", "web-12", 22, false),
        ("*", "anything", 22, true),
        ("*.example.org", "a.b.example.org", 22, true),
        ("*.example.org", "example.org", 22, false),
        ("*,!web-1", "web-1", 22, false),
        ("!web-1,*", "web-1", 22, false),
        ("*,!web-1", "web-2", 22, true),
        ("!web-1", "web-2", 22, false),
        ("[web-1]:2222", "web-1", 2222, true),
        ("[web-1]:2222", "web-1", 22, false),
        ("[web-1]:2222", "web-1", 2223, false),
        ("[web-*]:2222", "web-7", 2222, true),
        ("[web-1]:22", "web-1", 22, false),
        ("10.0.0.*", "10.0.0.7", 22, true),
        ("2001:db8::1", "2001:db8::1", 22, true),
        ("a*b*c*d", "axxbxxcxxd", 22, true),
        ("a*b*c*d", "axxbxxcxx", 22, false),
    ] {
        assert_eq!(gives(patterns, address, port), expected, "{patterns} for {address} port {port}");
    }
}

/// HMAC-SHA1 over the name as it is looked up; that `ssh-keygen -H` makes the same is seen with a real server.
#[test]
fn hashed_names_match_the_name_as_it_is_looked_up() {
    let salt = [7u8; 20];
    let line = |name: &str| {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("|1|{}|{}", encode(&salt), encode(&hashed(&salt, name).unwrap()))
    };
    assert!(gives(&line("web-1"), "web-1", 22));
    assert!(gives(&line("web-1"), "Web-1", 22));
    assert!(!gives(&line("web-1"), "web-2", 22));
    assert!(gives(&line("[web-1]:2222"), "web-1", 2222));
    assert!(!gives(&line("[web-1]:2222"), "web-1", 22));
    // From the documentation of the format: the salt and hash of one real line, whose name is not known to us.
    assert!(!gives("|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM=", "web-1", 22));
}

#[test]
fn a_key_without_port_counts_only_where_nothing_is_written_for_the_port() {
    let known = known(&format!("web-1 {A}\n"), "web-1", 2222);
    assert_eq!((known.keys.len(), known.keys_without_port), (0, vec![key(A)]));
}

#[test]
fn markers_are_kept_apart_and_hold_at_every_port() {
    let text = format!("web-1 {A}\n@revoked web-* {B}\n@cert-authority *.example.org,web-1 {B}\n");
    for port in [22, 2222] {
        let known = known(&text, "web-1", port);
        assert_eq!((known.revoked, known.authorities), (vec![key(B)], vec![key(B)]));
    }
    let known = known(&text, "db-1", 22);
    assert_eq!((known.revoked.len(), known.authorities.len(), known.keys.len()), (0, 0, 0));
}

#[test]
fn tabs_comments_and_lines_nobody_can_read_are_passed_over() {
    let text =
        format!("# web-1 {B}\n\n   \nweb-1 ssh-dss AAAA old\nnonsense\n\tweb-1\t{A}   a comment\r\n\u{fffd} x\n");
    assert_eq!(known(&text, "web-1", 22).keys, [key(A)]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, [b"\xff\xfe\n", format!("web-1 {A}\n").as_bytes()].concat()).unwrap();
    assert_eq!(KnownHosts::new(&[path]).of("web-1", 22).unwrap().keys, [key(A)]);
}

#[test]
fn a_revocation_that_cannot_be_read_refuses_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, format!("web-1 {A}\n@revoked * ssh-ed25519 AAAAtruncated\n")).unwrap();
    let trouble = KnownHosts::new(&[path]).of("web-1", 22).unwrap_err();
    assert_eq!(trouble.reason, Reason::HostKeyUnknown);
    assert!(trouble.words.contains("line 2"), "{}", trouble.words);
}

#[test]
fn what_is_no_file_is_an_error_and_what_is_missing_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert!(KnownHosts::new(&[dir.path().to_owned()]).of("web-1", 22).is_err());
    let missing = KnownHosts::new(&[dir.path().join("missing")]).of("web-1", 22).unwrap();
    assert!(missing.keys.is_empty() && missing.why_unknown.contains("missing"));
    assert!(KnownHosts::new(&[]).of("web-1", 22).unwrap().why_unknown.contains("host_key"));
}

#[test]
fn a_file_that_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, format!("web-1 {A}\n")).unwrap();
    let hosts = KnownHosts::new(std::slice::from_ref(&path));
    assert_eq!(hosts.of("web-1", 22).unwrap().keys, [key(A)]);
    fs::write(&path, format!("web-1 {A}\nweb-1 {B}\n")).unwrap();
    assert_eq!(hosts.of("web-1", 22).unwrap().keys, [key(A), key(B)]);
    fs::remove_file(&path).unwrap();
    assert_eq!(hosts.of("web-1", 22).unwrap().keys, []);
}

/// Each look-up once cost two hashes for every line.
#[test]
fn a_host_asked_for_again_is_not_hashed_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, format!("web-1,web-2 {A}\nweb-* {B}\n")).unwrap();
    let hosts = KnownHosts::new(std::slice::from_ref(&path));
    let first = hosts.of("web-1", 2222).unwrap();
    assert_eq!((hosts.of("WEB-1", 2222).unwrap(), &first.keys_without_port), (first.clone(), &vec![key(A), key(B)]));
    assert_eq!(hosts.read.lock().unwrap().answers.len(), 1);
    fs::write(&path, format!("web-1 {B}\n")).unwrap();
    assert_eq!(hosts.of("web-1", 2222).unwrap().keys_without_port, [key(B)]);
    assert_eq!(hosts.of("web-1", 22).unwrap().keys, [key(B)]);
    assert_eq!(hosts.read.lock().unwrap().answers.len(), 2);
}
