//! Checkpoints: how many events there are and the root over them, signed (C2SP `tlog-checkpoint` in a `signed-note`).
//!
//! A checkpoint is three lines, the ledger's name, the number of events, the root in base64; then an empty line; then a line
//! `— NAME SIGNATURE` for each that signed. They are kept one after the other in `checkpoints`, beside the ledger and not in it,
//! so that a ledger put back from a copy is held against what was signed since.
//! Invariant: a checkpoint is written after what it covers was synced, and no two of one ledger contradict each other.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::disk::{self, Disk, DiskError, File, Mode};
use super::hash::Hash;
use super::signer::{CHECKPOINT_NAMESPACE, Identity, Signer};
use super::tree::LEAVES_MAX;

/// All checkpoints, the last one last.
pub const CHECKPOINTS_FILE: &str = "checkpoints";
/// Longest note that is read: the three lines and as many signatures as there may be.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Most signatures on one note: the ledger's own and those of witnesses.
const SIGNATURES_MAX: usize = 16;
/// What a line with a signature begins with: an em dash.
const DASH: &str = "\u{2014} ";

/// How many events, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose events: the ledger's name.
    pub origin: String,
    /// How many.
    pub size: u64,
    /// The root over their leaves.
    pub root: Hash,
}

/// A checkpoint that was signed, and that the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note.
    pub note: String,
    /// An SSH signature over its three lines by the same key.
    pub sshsig: String,
}

/// Why a text is no checkpoint of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is longer than a note may be, or has more signatures.
    #[error("it is too long for a checkpoint")]
    Length,
    /// It has not the form of a signed note.
    #[error("it is not a signed note")]
    Form,
    /// Its text is not the three lines of a checkpoint.
    #[error("its text is not a checkpoint's: name, size, root")]
    Body,
    /// It is of another ledger.
    #[error("it is another ledger's")]
    Origin,
    /// The ledger's key has not signed it.
    #[error("the ledger's key has not signed it")]
    Unsigned,
    /// Somebody signed it twice.
    #[error("it has two signatures by one key")]
    Twice,
    /// The signature of the ledger's key does not hold.
    #[error("its signature does not hold")]
    Signature,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text that is signed; `None` where it is not to the byte one that [`Checkpoint::body`] writes.
    pub fn parse(body: &str) -> Option<Self> {
        let mut lines = body.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let size = size.parse().ok().filter(|size| *size <= LEAVES_MAX)?;
        let found = Self { origin: origin.to_owned(), size, root: Hash::from_base64(root)? };
        (found.body() == body && is_name(origin)).then_some(found)
    }

    /// The note of this checkpoint.
    pub fn sign(self, signer: &Signer) -> Signed {
        let body = self.body();
        let signature = [signer.identity().note_id().as_slice(), &signer.sign_note(&body)].concat();
        let sshsig = signer.sign_ssh(CHECKPOINT_NAMESPACE, body.as_bytes());
        let note = format!("{body}\n{DASH}{} {}\n", self.origin, STANDARD.encode(signature));
        Signed { checkpoint: self, note, sshsig }
    }
}

/// Reads a checkpoint that the ledger's key has signed. Signatures of others are let be.
///
/// # Errors
/// Why it is none.
pub fn read(note: &str, ledger: &Identity) -> Result<Checkpoint, NoteError> {
    let text = opened(note, ledger)?;
    let checkpoint = Checkpoint::parse(text).ok_or(NoteError::Body)?;
    if checkpoint.origin == ledger.origin { Ok(checkpoint) } else { Err(NoteError::Origin) }
}

/// The text of a note, where this key has signed it.
fn opened<'a>(note: &'a str, by: &Identity) -> Result<&'a str, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Length);
    }
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
    let text = note.get(..=text.len()).ok_or(NoteError::Form)?;
    let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Form)?;
    if note.chars().any(|letter| letter != '\n' && letter.is_control()) {
        return Err(NoteError::Form);
    }
    let mut seen: Vec<(&str, [u8; 4])> = Vec::new();
    let mut own = None;
    for line in signatures.split('\n') {
        let (name, signature) = line.strip_prefix(DASH).and_then(|line| line.split_once(' ')).ok_or(NoteError::Form)?;
        let bytes = STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Form)?;
        if !is_name(name) || signature.is_empty() {
            return Err(NoteError::Form);
        }
        if seen.contains(&(name, *id)) {
            return Err(NoteError::Twice);
        }
        seen.push((name, *id));
        if seen.len() > SIGNATURES_MAX {
            return Err(NoteError::Length);
        }
        if name == by.origin && *id == by.note_id() {
            own = Some(signature.to_vec());
        }
    }
    let signature: [u8; 64] =
        own.ok_or(NoteError::Unsigned)?.as_slice().try_into().map_err(|_| NoteError::Signature)?;
    if by.holds(text.as_bytes(), &signature) { Ok(text) } else { Err(NoteError::Signature) }
}

/// Whether a text may be the name of a key: not empty, without spaces and `+`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter == '+')
}

/// A proof that an event stands in the ledger, as C2SP's `tlog-proof` has it.
pub fn inclusion_text(index: u64, path: &[Hash], note: &str) -> String {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in path {
        let _ = writeln!(text, "{hash}");
    }
    text.push('\n');
    text.push_str(note);
    text
}

/// The notes of `bytes`, one after the other, and how many bytes they have together. What follows them was not written whole.
pub(super) fn notes(bytes: &[u8]) -> (Vec<&str>, usize) {
    let mut found = Vec::new();
    let mut end = 0;
    while let Some(note) = bytes.get(end..).and_then(first_note) {
        end += note.len();
        found.push(note);
    }
    (found, end)
}

/// The note that `bytes` begin with: up to the end of its lines with signatures.
fn first_note(bytes: &[u8]) -> Option<&str> {
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let mut end = blank + 2;
    while let Some(rest) = bytes.get(end..).filter(|rest| rest.starts_with(DASH.as_bytes())) {
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(line) => end += line + 1,
            None => return None,
        }
    }
    let note = std::str::from_utf8(bytes.get(..end)?).ok()?;
    (end > blank + 2).then_some(note)
}

/// Whether `bytes` are the beginning of a note that was not written whole, or nothing.
pub(super) fn is_torn(bytes: &[u8]) -> bool {
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
    let behind = blank.and_then(|blank| bytes.get(blank + 2..)).unwrap_or_default();
    bytes.len() <= NOTE_BYTES_MAX && !behind.contains(&b'\n')
}

/// The file of all checkpoints.
pub(super) struct Kept {
    disk: Arc<dyn Disk>,
    /// Open for more, once there was one.
    file: Option<File>,
    /// The last one.
    pub last: Option<Arc<Signed>>,
    /// Where it ends: what stands behind was not written whole.
    end: u64,
}

/// Why the checkpoints cannot be used.
#[derive(Debug)]
pub(super) enum KeptError {
    Disk(DiskError),
    /// What stands at this byte is no checkpoint of the ledger.
    Wrong(u64, NoteError),
}

impl Kept {
    /// Reads the last checkpoint. Changes nothing on disk.
    pub fn open(disk: &Arc<dyn Disk>, ledger: &Identity, signer: Option<&Signer>) -> Result<Self, KeptError> {
        let none = Self { disk: Arc::clone(disk), file: None, last: None, end: 0 };
        let file = match File::open(disk, CHECKPOINTS_FILE, Mode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(none),
            Err(error) => return Err(KeptError::Disk(error)),
        };
        let size = file.size().map_err(KeptError::Disk)?;
        // The last note lies whole in the last two lengths of one, whatever stands half-written behind it.
        let from = size.saturating_sub(2 * NOTE_BYTES_MAX as u64);
        let tail = file.read(from, 2 * NOTE_BYTES_MAX).map_err(KeptError::Disk)?;
        let begins = format!("{}\n", ledger.origin);
        let starts = |at: &usize| {
            let before = at.checked_sub(1).and_then(|before| tail.get(before));
            (from == 0 && *at == 0 || before == Some(&b'\n'))
                && tail.get(*at..).is_some_and(|rest| rest.starts_with(begins.as_bytes()))
        };
        let last = (0..tail.len()).rev().filter(starts).find_map(|at| {
            let (found, bytes) = notes(tail.get(at..).unwrap_or_default());
            Some((at, (*found.first()?).to_owned(), at + bytes))
        });
        let end = last.as_ref().map_or(0, |(_, _, end)| *end);
        if !is_torn(tail.get(end..).unwrap_or_default()) {
            return Err(KeptError::Wrong(from + end as u64, NoteError::Form));
        }
        let Some((at, note, end)) = last else {
            return Ok(none);
        };
        let checkpoint = read(&note, ledger).map_err(|error| KeptError::Wrong(from + at as u64, error))?;
        let ssh = |signer: &Signer| signer.sign_ssh(CHECKPOINT_NAMESPACE, checkpoint.body().as_bytes());
        let sshsig = signer.map(ssh).unwrap_or_default();
        let last = Some(Arc::new(Signed { checkpoint, note, sshsig }));
        Ok(Self { last, end: from + end as u64, ..none })
    }

    /// Writes one down, durably.
    pub fn keep(&mut self, signed: Signed) -> Result<Arc<Signed>, DiskError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = File::open(&self.disk, CHECKPOINTS_FILE, Mode::Append)?;
                self.disk.sync_dir("")?;
                file
            }
        };
        let file = self.file.insert(file);
        if file.size()? > self.end {
            file.truncate(self.end)?;
        }
        file.append(signed.note.as_bytes())?;
        file.sync_data()?;
        self.end += signed.note.len() as u64;
        let signed = Arc::new(signed);
        self.last = Some(Arc::clone(&signed));
        Ok(signed)
    }
}

/// The file of all checkpoints as it stands.
pub(super) fn all(disk: &Arc<dyn Disk>) -> Result<Vec<u8>, DiskError> {
    Ok(disk::read_file(disk, CHECKPOINTS_FILE)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::*;
    use ed25519_dalek::SigningKey;

    fn signer(seed: u8, origin: &str) -> Signer {
        Signer::new(origin, SigningKey::from_bytes(&[seed; 32]))
    }

    fn signed(signer: &Signer, size: u64) -> Signed {
        let origin = signer.identity().origin.clone();
        Checkpoint { origin, size, root: leaf_hash(&size.to_le_bytes()) }.sign(signer)
    }

    #[test]
    fn the_example_note_of_the_specification_opens() {
        let key = STANDARD.decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
        let identity = Identity { origin: "example.com/foo".to_owned(), key: key[1..].try_into().unwrap() };
        let note = "This is an example message.\n\n\u{2014} example.com/foo \
                    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        assert_eq!(opened(note, &identity), Ok("This is an example message.\n"));
        assert_eq!(read(note, &identity), Err(NoteError::Body));
        assert_eq!(opened(&note.replace("example message", "Example message"), &identity), Err(NoteError::Signature));
    }

    #[test]
    fn a18_unknown_double_and_misnamed_signers_do_not_count() {
        let own = signer(1, "quarterdeck/01");
        let other = signer(2, "witness.example");
        let made = signed(&own, 7);
        let line = |signer: &Signer, name: &str| {
            let signature =
                [signer.identity().note_id().as_slice(), &signer.sign_note(&made.checkpoint.body())].concat();
            format!("{DASH}{name} {}\n", STANDARD.encode(signature))
        };
        let with = |lines: &[String]| format!("{}\n{}", made.checkpoint.body(), lines.concat());
        let (ours, witness) = (line(&own, "quarterdeck/01"), line(&other, "witness.example"));
        let read = |note: &str| read(note, own.identity());
        assert_eq!(read(&made.note), Ok(made.checkpoint.clone()));
        assert_eq!(read(&with(&[witness.clone(), ours.clone()])), Ok(made.checkpoint.clone()));
        assert_eq!(read(&with(&[witness])), Err(NoteError::Unsigned));
        assert_eq!(read(&with(&[ours.clone(), ours])), Err(NoteError::Twice));
        assert_eq!(read(&with(&[line(&own, "witness.example")])), Err(NoteError::Unsigned));
        assert_eq!(read(&with(&[])), Err(NoteError::Form));
        assert_eq!(super::read(&made.note, signer(1, "quarterdeck/02").identity()), Err(NoteError::Unsigned), "A12");
    }

    #[test]
    fn a16_a17_absurd_sizes_and_lengths_are_refused() {
        let own = signer(1, "quarterdeck/01");
        for size in
            ["9223372036854775808", "9007199254740993", "-1", "+7", "07", "7 ", "", "0x7", "99999999999999999999"]
        {
            let body = format!("quarterdeck/01\n{size}\n{}\n", leaf_hash(b""));
            assert_eq!(Checkpoint::parse(&body), None, "{size}");
        }
        let made = signed(&own, 7);
        assert_eq!(Checkpoint::parse(&format!("{}extension\n", made.checkpoint.body())), None);
        let line = made.note.lines().last().unwrap().replace("quarterdeck/01", "x");
        let many: String = (0..1_000).map(|n| format!("{}\n", line.replacen('x', &format!("x{n}"), 1))).collect();
        let note = format!("{}\n{many}", made.checkpoint.body());
        assert_eq!(read(&note, own.identity()), Err(NoteError::Length));
        let few: String = many.lines().take(20).map(|line| format!("{line}\n")).collect();
        assert_eq!(read(&format!("{}\n{few}", made.checkpoint.body()), own.identity()), Err(NoteError::Length));
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_noticed() {
        let own = signer(1, "quarterdeck/01");
        let made = signed(&own, 1_234);
        for at in 0..made.note.len() * 8 {
            let mut bytes = made.note.clone().into_bytes();
            bytes[at / 8] ^= 1 << (at % 8);
            let read = String::from_utf8(bytes).ok().and_then(|note| read(&note, own.identity()).ok());
            assert_eq!(read, None, "bit {at}");
        }
    }

    #[test]
    fn notes_are_found_one_after_the_other_and_a_torn_one_is_none() {
        let own = signer(1, "quarterdeck/01");
        let (one, two) = (signed(&own, 7).note, signed(&own, 9).note);
        let both = format!("{one}{two}");
        for cut in 0..=both.len() {
            let expected = match cut {
                _ if cut == both.len() => vec![one.as_str(), &two],
                _ if cut >= one.len() => vec![one.as_str()],
                _ => vec![],
            };
            let (found, end) = notes(&both.as_bytes()[..cut]);
            assert_eq!(found, expected, "{cut}");
            assert_eq!(end, expected.iter().map(|note| note.len()).sum::<usize>());
        }
    }
}
