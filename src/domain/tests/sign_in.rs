//! Who may sign in over SSH: every refusal once, and nothing refused that should not be.

use super::super::fixture::{self, NOON};
use super::super::id::Digest;
use super::super::people::{Door, Person, Serial, Vouched};
use super::super::sign_in::{Certificate, Kind, No, Shown, SignIn, fingerprint, judge, still_holds};
use super::super::site::{Sensitive, Site, sensitive_changes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SECOND: u64 = NOON.0.unsigned_abs() / 1_000;

/// A key on a line. What is in it does not matter here: it is told by its digest.
fn line(of: &str) -> String {
    format!("ssh-ed25519 {} {of}@laptop", STANDARD.encode(of))
}

fn key(of: &str) -> Digest {
    fingerprint(&line(of)).unwrap()
}

/// ada has a key and a principal, grace has a key, bo has none; one authority is trusted.
fn site() -> Site {
    let mut site = fixture::site();
    let terms = SignIn { user_ca: vec![line("authority")], ..SignIn::default() };
    for (id, keys, principals) in [("ada", vec![line("ada")], vec!["ada@corp"]), ("grace", vec![line("grace")], vec![])]
    {
        let person: &mut Person = site.people.get_mut(&id.into()).unwrap();
        person.keys = keys;
        person.principals = principals.into_iter().map(str::to_owned).collect();
    }
    site.people.get_mut(&"ada".into()).unwrap().unix = vec!["lovelace".to_owned()];
    site.sign_in = terms;
    site
}

fn by_key(user: &str, of: &str) -> Shown {
    Shown { user: user.to_owned(), from: "192.0.2.7".parse().unwrap(), key: key(of), certificate: None }
}

fn certificate() -> Certificate {
    Certificate {
        kind: Kind::User,
        ca: key("authority"),
        serial: Serial(u64::MAX),
        principals: vec!["ada@corp".to_owned()],
        after: SECOND - 300,
        before: SECOND + 3_600,
        options: Vec::new(),
    }
}

fn by_certificate(change: impl FnOnce(&mut Certificate)) -> Shown {
    let mut certificate = certificate();
    change(&mut certificate);
    Shown { certificate: Some(certificate), ..by_key("ada", "a key of the day") }
}

#[track_caller]
fn refused(site: &Site, shown: &Shown) -> No {
    judge(site, shown, NOON).unwrap_err()
}

#[test]
fn a_person_signs_in_by_a_key_of_their_own_under_their_handle_or_account() {
    for name in ["ada", "lovelace"] {
        let welcome = judge(&site(), &by_key(name, "ada"), NOON).unwrap();
        assert_eq!((welcome.person.as_str(), welcome.until), ("ada", None), "{name}");
        assert_eq!(welcome.door, Door::Ssh { key: key("ada"), vouched: None });
    }
}

#[test]
fn z03_nobody_signs_in_by_anothers_key_or_under_a_name_that_is_nobodys() {
    assert_eq!(refused(&site(), &by_key("ada", "grace")), No::AnothersKey);
    assert_eq!(refused(&site(), &by_key("bo", "ada")), No::AnothersKey);
    for name in ["", "root", "ADA", "ada ", "mallory"] {
        assert_eq!(refused(&site(), &by_key(name, "ada")), No::Nobody, "{name:?}");
    }
    // An account that is called as somebody else's handle is means that handle.
    let mut site = site();
    site.people.get_mut(&"grace".into()).unwrap().unix.push("ada".to_owned());
    assert_eq!(judge(&site, &by_key("ada", "ada"), NOON).unwrap().person.as_str(), "ada");
    assert_eq!(refused(&site, &by_key("ada", "grace")), No::AnothersKey);
}

#[test]
fn whoever_is_disabled_comes_in_by_no_door() {
    let mut site = site();
    site.people.get_mut(&"ada".into()).unwrap().disabled = true;
    assert_eq!(refused(&site, &by_key("ada", "ada")), No::Disabled);
    assert_eq!(refused(&site, &by_certificate(|_| {})), No::Disabled);
    assert!(site.person_of_account("lovelace").is_none() && !site.knows(&"ada".into()));
    assert!(!still_holds(&site, &site.people[&"ada".into()], &key("ada"), None));
}

#[test]
fn a_certificate_of_a_trusted_authority_lets_in_whom_it_names_until_it_runs_out() {
    let welcome = judge(&site(), &by_certificate(|_| {}), NOON).unwrap();
    assert_eq!(welcome.person.as_str(), "ada");
    assert_eq!(welcome.until, Some(NOON.plus_ms(3_600_000)));
    let vouched = Vouched { ca: key("authority"), serial: Serial(u64::MAX) };
    assert_eq!(welcome.door, Door::Ssh { key: key("a key of the day"), vouched: Some(vouched) });
}

#[test]
fn s_a_certificate_is_refused_for_each_thing_that_is_wrong_with_it() {
    type Change = fn(&mut Certificate);
    let cases: [(Change, No); 14] = [
        (|it| it.ca = key("ada"), No::AuthorityUnknown),
        (|it| it.ca = key("a key of the day"), No::AuthorityUnknown),
        (|it| it.kind = Kind::Host, No::ForHosts),
        (|it| it.principals.clear(), No::NamesNobody),
        (|it| it.principals = vec!["grace@corp".to_owned()], No::NamesOthers),
        (|it| it.principals = vec!["ada".to_owned()], No::NamesOthers),
        (|it| it.after = SECOND + 1, No::Early),
        (|it| it.before = SECOND, No::Expired),
        (|it| it.before = SECOND + 24 * 3_600, No::TooLong),
        (|it| (it.after, it.before) = (0, u64::MAX), No::TooLong),
        (|it| it.options = vec![("force-command".to_owned(), "sh".to_owned())], No::ForcesCommand),
        (|it| it.options = vec![("verify-required".to_owned(), String::new())], No::OptionUnknown),
        (|it| it.options = vec![("source-address".to_owned(), "10.0.0.0/8,192.0.2.8".to_owned())], No::OtherSource),
        (|it| it.options = vec![("source-address".to_owned(), "192.0.2.7,bastion".to_owned())], No::SourceUnreadable),
    ];
    for (nr, (change, no)) in cases.into_iter().enumerate() {
        assert_eq!(refused(&site(), &by_certificate(change)), no, "case {nr}");
    }
    let from_here = by_certificate(|it| it.options = vec![("source-address".to_owned(), "192.0.2.0/24".to_owned())]);
    assert!(judge(&site(), &from_here, NOON).is_ok());
    assert!(judge(&site(), &by_certificate(|it| it.after = SECOND), NOON).is_ok(), "the first second counts");
    assert!(judge(&site(), &by_certificate(|it| it.before = SECOND + 1), NOON).is_ok(), "and the last");
    let longest = by_certificate(|it| it.before = it.after + 24 * 3_600);
    assert!(judge(&site(), &longest, NOON).is_ok());
}

#[test]
fn a_site_without_authorities_takes_no_certificate() {
    let mut site = site();
    site.sign_in.user_ca.clear();
    assert_eq!(refused(&site, &by_certificate(|_| {})), No::AuthorityUnknown);
    // Nor is one's own key made more by a certificate of it that nobody trusts.
    let own = Shown { key: key("ada"), ..by_certificate(|_| {}) };
    assert_eq!(refused(&site, &own), No::AuthorityUnknown);
}

#[test]
fn z53_what_is_revoked_counts_at_the_door_and_for_who_is_in_already() {
    let with = |change: fn(&mut SignIn)| {
        let mut site = site();
        change(&mut site.sign_in);
        site
    };
    let vouched = Vouched { ca: key("authority"), serial: Serial(u64::MAX) };
    let stays = |site: &Site, of: &str, vouched: Option<&Vouched>| {
        still_holds(site, &site.people[&"ada".into()], &key(of), vouched)
    };
    assert!(stays(&site(), "ada", None) && stays(&site(), "a key of the day", Some(&vouched)));
    assert!(!stays(&site(), "a key of the day", None));

    let own = with(|terms| terms.revoked_keys.extend([key("ada")]));
    assert_eq!(refused(&own, &by_key("ada", "ada")), No::KeyRevoked);
    assert!(!stays(&own, "ada", None));
    let of_the_day = with(|terms| terms.revoked_keys.extend([key("a key of the day")]));
    assert_eq!(refused(&of_the_day, &by_certificate(|_| {})), No::KeyRevoked);
    assert!(!stays(&of_the_day, "a key of the day", Some(&vouched)));
    let serial = with(|terms| terms.revoked_serials.extend([Serial(u64::MAX)]));
    assert_eq!(refused(&serial, &by_certificate(|_| {})), No::SerialRevoked);
    assert!(judge(&serial, &by_certificate(|it| it.serial = Serial(1)), NOON).is_ok());
    assert!(!stays(&serial, "a key of the day", Some(&vouched)));
    let authority = with(|terms| terms.revoked_keys.extend([key("authority")]));
    assert_eq!(refused(&authority, &by_certificate(|_| {})), No::AuthorityRevoked);
    assert!(!stays(&authority, "a key of the day", Some(&vouched)));
    let untrusted = with(|terms| terms.user_ca.clear());
    assert!(!stays(&untrusted, "a key of the day", Some(&vouched)) && stays(&untrusted, "ada", None));
}

#[test]
fn how_people_sign_in_is_changed_by_two() {
    let (before, mut after) = (site(), site());
    after.sign_in.user_ca.push(line("another authority"));
    assert_eq!(sensitive_changes(&before, &after), [Sensitive::SignIn]);
    let mut after = site();
    after.people.get_mut(&"ada".into()).unwrap().disabled = true;
    assert_eq!(sensitive_changes(&before, &after), [Sensitive::People("ada".into())]);
}

#[test]
fn doors_of_before_are_read_as_they_were_and_a_new_one_has_digits_and_digests_alone() {
    let old: Door = serde_json::from_str(r#"{"socket":{"uid":1000}}"#).unwrap();
    assert_eq!(old, Door::Socket { uid: 1000 });
    let door = judge(&site(), &by_certificate(|_| {}), NOON).unwrap().door;
    let bytes = super::super::canonical::of(&door).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(r#""serial":"18446744073709551615""#), "{text}");
    assert_eq!(serde_json::from_slice::<Door>(&bytes).unwrap(), door);
    let before: Site = serde_json::from_str(&serde_json::to_string(&fixture::site()).unwrap()).unwrap();
    assert!(before.sign_in.is_usual(), "a site of before says nothing about it");
    let text = serde_json::to_string(&fixture::site()).unwrap();
    assert!(!text.contains("sign_in") && !text.contains("disabled"), "and is written as it was");
}
