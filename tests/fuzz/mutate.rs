//! Inputs of a target: its corpus, and changes of it that are the same every time.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// How many times more changes are tried under `QUARTERDECK_DEEP`.
const DEEP_TIMES: usize = 50;

/// Longest input made by changes: longer ones find nothing more and cost time.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// Pieces that mean something to one reader or another.
const TOKENS: &[&[u8]] = &[
    b"\x1b",
    b"\x1b[",
    b"\x1b]",
    b"\x1bP",
    b"\x1b\\",
    b"\x9b",
    b"\xc2\x9b",
    b"\x07",
    b"\x18",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x08",
    b"\t",
    b"\0",
    b"\xff",
    b"\xe2\x80\xae",
    b"\xcc\x81",
    "漢".as_bytes(),
    "😀".as_bytes(),
    b"\x1b[200~",
    b"\x1b[201~",
    b"'''",
    b"\"",
    b"[[",
    b"]",
    b"=",
    b"\\u0000",
    b"s3cr3t-T0ken/with+Signs_42",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
];

/// splitmix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }
}

/// The inputs kept for a target, with their names.
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut found: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} is empty", directory.display());
    found
}

/// Tries every input and `changes` changes of each.
#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
pub fn each(target: &str, changes: usize, check: impl Fn(&[u8]) -> Result<(), String>) {
    let changes = if std::env::var_os("QUARTERDECK_DEEP").is_some() { changes * DEEP_TIMES } else { changes };
    let corpus = corpus(target);
    for (nth, (name, input)) in corpus.iter().enumerate() {
        judge(name, input, &check);
        let mut dice = Dice(nth as u64);
        for change in 0..changes {
            let other = &corpus[dice.below(corpus.len())].1;
            judge(&format!("{name}, change {change}"), &changed(input, other, &mut dice), &check);
        }
    }
    println!("{target}: {} inputs, {} changes", corpus.len(), corpus.len() * changes);
}

/// The check must fail on at least one input of the corpus, by saying so rather than by falling over.
pub fn must_notice(target: &str, check: impl Fn(&[u8]) -> Result<(), String>) {
    let noticed = corpus(target).iter().filter(|(_, input)| check(input).is_err()).count();
    assert!(noticed > 0, "a wrong variant passed all of {target}");
}

fn judge(name: &str, input: &[u8], check: &impl Fn(&[u8]) -> Result<(), String>) {
    match catch_unwind(AssertUnwindSafe(|| check(input))) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => panic!("{name}: {why}\ninput: {}", input.escape_ascii()),
        Err(_) => panic!("{name}: a panic\ninput: {}", input.escape_ascii()),
    }
}

/// One to four changes: a byte, a bit, a token, a stretch gone, doubled, or taken from another input.
fn changed(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(out.len() + 1);
        let end = (at + dice.below(24)).min(out.len());
        match dice.below(7) {
            0 if at < out.len() => out[at] = u8::try_from(dice.below(256)).unwrap(),
            1 if at < out.len() => out[at] ^= 1 << dice.below(8),
            2 => drop(out.drain(at..end)),
            3 => {
                let piece = out[at..end].to_vec();
                drop(out.splice(at..at, piece));
            }
            4 => {
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(64)).min(other.len());
                drop(out.splice(at..end, other[from..to].iter().copied()));
            }
            5 => out.truncate(at),
            _ => drop(out.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
        }
    }
    out.truncate(INPUT_BYTES_MAX);
    out
}
