//! Files of bytes nobody would choose but an attacker: no key is accepted for a host that no line of its own gives it, and what is
//! revoked stays so.

use super::*;

#[path = "../../../../tests/fuzz/mutate.rs"]
mod mutate;

/// Who is asked about: a plain name, one at another port, one that stands in patterns.
const ASKED: [(&str, u16); 3] = [("web-1.example", 22), ("web-1.example", 2222), ("web-9.example", 22)];

/// What a file says of a host; `None` where it cannot be used.
type Reader = fn(&[u8], &str, u16) -> Option<KnownHost>;

fn ours(text: &[u8], address: &str, port: u16) -> Option<KnownHost> {
    let file = parse(text).ok()?;
    Some(KnownHosts::new(&[]).look_up(&[Arc::new(file)], address, port))
}

/// Wrong on purpose: every line counts, whoever it names and whatever stands before it.
fn credulous(text: &[u8], _: &str, _: u16) -> Option<KnownHost> {
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let key = |pair: &[&str]| russh::keys::PublicKey::from_openssh(&pair.join(" ")).ok();
    let keys = words.windows(2).filter_map(key).map(|key| key.key_data().clone()).collect();
    Some(KnownHost { keys, ..KnownHost::default() })
}

/// Wrong on purpose: a line that cannot be read is passed over, even where it revokes.
fn forgiving(text: &[u8], address: &str, port: u16) -> Option<KnownHost> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"@revoked"));
    ours(&lines.collect::<Vec<_>>().join(&b'\n'), address, port)
}

fn check(data: &[u8], read: Reader) -> Result<(), String> {
    for (address, port) in ASKED {
        let Some(known) = read(data, address, port) else { continue };
        let lossy = String::from_utf8_lossy(data);
        for key in known.keys.iter().chain(&known.keys_without_port) {
            if !lossy.split('\n').any(|line| gives(line, key, address)) {
                return Err(format!("a key of {address} port {port} that no line gives it"));
            }
        }
        let revoked = lossy.split('\n').filter(|line| line.split_ascii_whitespace().next() == Some("@revoked"));
        if revoked.clone().any(|line| key_of(line.split_ascii_whitespace().skip(2)).is_none()) {
            return Err("a revocation that cannot be read was passed over".to_owned());
        }
        for line in revoked.filter(|line| line.split_ascii_whitespace().nth(1) == Some("*")) {
            let key = key_of(line.split_ascii_whitespace().skip(2));
            if !key.is_some_and(|key| known.revoked.contains(&key)) {
                return Err(format!("what is revoked for everybody is not revoked for {address}"));
            }
        }
    }
    Ok(())
}

/// Whether a line may give this key to this host: judged by other means than those that are tried.
fn gives(line: &str, key: &KeyData, address: &str) -> bool {
    let names = line.split_ascii_whitespace().next().unwrap_or_default().to_lowercase();
    let may_be_meant = names.contains(address) || names.contains(['*', '?']) || names.starts_with("|1|");
    may_be_meant
        && !names.starts_with(['#', '@'])
        && key_of(line.split_ascii_whitespace().skip(1)).as_ref() == Some(key)
}

fn key_of<'a>(words: impl Iterator<Item = &'a str>) -> Option<KeyData> {
    let words: Vec<&str> = words.take(2).collect();
    russh::keys::PublicKey::from_openssh(&words.join(" ")).ok().map(|key| key.key_data().clone())
}

#[test]
fn no_key_is_accepted_that_no_line_gives_and_none_that_is_revoked() {
    mutate::each("known_hosts", 400, |data| check(data, ours));
}

#[test]
fn known_hosts_target_notices_a_reader_that_takes_every_line() {
    mutate::must_notice("known_hosts", |data| check(data, credulous));
}

#[test]
fn known_hosts_target_notices_a_reader_that_passes_over_revocations() {
    mutate::must_notice("known_hosts", |data| check(data, forgiving));
}
