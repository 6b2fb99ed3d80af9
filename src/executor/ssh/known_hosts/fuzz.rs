//! Files of bytes nobody would choose but an attacker: no key is accepted for a host that no line of its own gives it, and what is
//! revoked stays so.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;

/// How many changed files are tried; so many times more by `tests/run --deep`.
const TRIED: u32 = 2_000;
const DEEP_TIMES: u32 = 50;

/// Pieces that mean something here.
const TOKENS: [&[u8]; 16] = [
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b" ",
    b"\t",
    b"#",
    b"@revoked ",
    b"@cert-authority ",
    b"*",
    b"?",
    b"!",
    b",",
    b"|1|",
    b"web-1.example",
    b"[web-1.example]:2222",
];

/// The files that are kept (`tests/fuzz/corpus/known_hosts/`).
fn corpus() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/known_hosts");
    let files = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One of them with up to four changes: a stretch gone, doubled, or replaced by what means something.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..40_usize, prop::option::of(select(TOKENS.to_vec())), any::<bool>());
    (select(corpus()), prop::collection::vec(change, 0..=4)).prop_map(|(mut file, changes)| {
        for (at, length, token, doubled) in changes {
            let at = at.index(file.len() + 1);
            let end = (at + length).min(file.len());
            let piece = file[at..end].to_vec();
            match (token, doubled) {
                (Some(token), _) => drop(file.splice(at..at, token.iter().copied())),
                (None, true) => drop(file.splice(at..at, piece)),
                (None, false) => drop(file.drain(at..end)),
            }
        }
        file
    })
}

#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
fn tried() -> ProptestConfig {
    let times = if std::env::var_os("QUARTERDECK_DEEP").is_some() { DEEP_TIMES } else { 1 };
    ProptestConfig { cases: TRIED * times, failure_persistence: None, ..ProptestConfig::default() }
}

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

proptest! {
    #![proptest_config(tried())]

    #[test]
    fn no_key_is_accepted_that_no_line_gives_and_none_that_is_revoked(file in changed()) {
        prop_assert_eq!(check(&file, ours), Ok(()), "{}", file.escape_ascii());
    }
}

#[test]
fn known_hosts_target_notices_readers_that_are_wrong_on_purpose() {
    for wrong in [credulous as Reader, forgiving] {
        assert!(corpus().iter().any(|file| check(file, wrong).is_err()));
    }
    assert!(corpus().iter().all(|file| check(file, ours).is_ok()));
}
