//! What to look for: every window of every form of every secret of a run, built once and shared by all its streams.
//!
//! A *needle* is a window of a form (see [`super::forms`]): any 12 consecutive bytes of a value give it away, so each is
//! a needle of its own, and a value of 8 to 11 bytes is one whole. The search samples the text: of every few bytes one
//! gram is looked up in a bitmap, and only where that answers are windows compared exactly.
//!
//! Why not an automaton: a 64 KiB key has 400 000 windows in its forms; an Aho-Corasick automaton over them takes more than
//! 100 MB, and one over whole forms misses re-wrapped and partial copies. The bitmap costs the same per byte for one secret
//! and for fifty.
//!
//! Invariants: each occurrence of a needle whose last byte is fresh is found exactly once, wherever the text was cut.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::forms::{self, WINDOW_BYTES};
use super::sealed::{Sealed, TELLING_BYTES_MIN};

/// Secrets of one run, old and new versions counted apart. A runbook with more hides a design fault.
pub const MASKED_SECRETS_MAX: usize = 256;

/// Sum of the values' bytes in one run: bounds the table to some tens of MiB.
pub const MASKED_BYTES_MAX: usize = 1024 * 1024;

/// What is replaced in the output of one run. Cheap to clone; every stream gets its own [`super::Redactor`] from it.
#[derive(Clone)]
pub struct Masks {
    table: Arc<Table>,
}

/// Why the secrets of a run cannot be masked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasksError {
    /// More than [`MASKED_SECRETS_MAX`] secrets.
    #[error("a run uses at most {MASKED_SECRETS_MAX} secrets; split the runbook")]
    TooMany,
    /// More than [`MASKED_BYTES_MAX`] bytes in all.
    #[error(
        "the secrets of a run are at most {MASKED_BYTES_MAX} bytes together; split the runbook"
    )]
    TooMuch,
}

/// A needle found in a skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) owner: u16,
}

#[derive(Clone, Copy)]
struct Needle {
    offset: u32,
    len: u8,
    owner: u16,
}

struct Owner {
    mark: Box<[u8]>,
    value_bytes: usize,
}

struct Table {
    owners: Vec<Owner>,
    /// The skeletons of all forms, one after another.
    text: Zeroizing<Vec<u8>>,
    /// By their bytes, then owner; none twice.
    needles: Vec<Needle>,
    /// The first window of each form.
    starts: Vec<Needle>,
    /// Needles of at least [`WINDOW_BYTES`].
    long: Search,
    /// Needles of fewer.
    short: Search,
    /// First bytes of needles.
    firsts: Filter,
    /// First [`HEAD_BYTES`] bytes of needles.
    heads: Filter,
}

const LONG_GRAM: usize = 8;
const SHORT_GRAM: usize = 4;
const HEAD_BYTES: usize = 4;

impl Masks {
    /// Nothing to mask.
    #[must_use]
    pub fn none() -> Self {
        Self {
            table: Arc::new(Table::new(
                Vec::new(),
                Zeroizing::default(),
                Vec::new(),
                Vec::new(),
            )),
        }
    }

    /// Masks for `secrets`: name and value. A name may come more than once, with an old and a new value.
    ///
    /// # Errors
    /// When there are too many, or they are too long together.
    pub fn new(secrets: &[(&str, &Sealed)]) -> Result<Self, MasksError> {
        Self::none().with(secrets)
    }

    /// These masks and those for `more`: a value rotated in mid-run is masked beside the one it replaces.
    ///
    /// # Errors
    /// When there are too many, or they are too long together.
    pub fn with(&self, more: &[(&str, &Sealed)]) -> Result<Self, MasksError> {
        let count = self.table.owners.len() + more.len();
        if count > MASKED_SECRETS_MAX {
            return Err(MasksError::TooMany);
        }
        let before: usize = self.table.owners.iter().map(|it| it.value_bytes).sum();
        if before
            + more
                .iter()
                .map(|(_, value)| value.expose().len())
                .sum::<usize>()
            > MASKED_BYTES_MAX
        {
            return Err(MasksError::TooMuch);
        }
        let all_forms: Vec<_> = more
            .iter()
            .map(|(_, value)| forms::of(value.expose()))
            .collect();
        let bytes: usize = all_forms.iter().flatten().map(|it| it.skeleton.len()).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(self.table.text.len() + bytes));
        text.extend_from_slice(&self.table.text);
        let mut needles = self.table.needles.clone();
        let mut starts = self.table.starts.clone();
        let mut owners: Vec<Owner> = (self.table.owners.iter())
            .map(|it| Owner {
                mark: it.mark.clone(),
                value_bytes: it.value_bytes,
            })
            .collect();
        for ((name, value), forms) in more.iter().zip(all_forms) {
            // Both bounded by the checks above.
            let owner = u16::try_from(owners.len()).map_err(|_| MasksError::TooMany)?;
            owners.push(Owner {
                mark: format!("[secret:{name}]").into_bytes().into(),
                value_bytes: value.expose().len(),
            });
            for form in forms {
                let len = form.window.min(form.skeleton.len());
                let small = u8::try_from(len).map_err(|_| MasksError::TooMuch)?;
                let first = needles.len();
                for start in 0..=form.skeleton.len() - len {
                    let offset =
                        u32::try_from(text.len() + start).map_err(|_| MasksError::TooMuch)?;
                    needles.push(Needle {
                        offset,
                        len: small,
                        owner,
                    });
                }
                starts.extend(needles.get(first));
                text.extend_from_slice(&form.skeleton);
            }
        }
        Ok(Self {
            table: Arc::new(Table::new(owners, text, needles, starts)),
        })
    }

    /// `text` with every secret replaced: for error messages, banners, file names and other text that comes whole.
    #[must_use]
    pub fn clean(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut redactor = super::Redactor::new(self);
        redactor.push(text, &mut out);
        redactor.flush(&mut out);
        out
    }

    /// As [`Masks::clean`], for text that is known to be UTF-8.
    #[must_use]
    pub fn clean_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.clean(text.as_bytes())).into_owned()
    }

    /// Whether `text` holds a secret: a host name, an input or a note that does is refused.
    #[must_use]
    pub fn touches(&self, text: &str) -> bool {
        let skeleton = super::skeleton::of_value(text.as_bytes());
        let mut found = false;
        self.find(&skeleton, 0, &mut |_| found = true);
        found
    }

    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.owners.is_empty()
    }

    /// What stands in the output in place of the secret `owner`.
    pub(super) fn mark(&self, owner: u16) -> &[u8] {
        self.table
            .owners
            .get(usize::from(owner))
            .map_or(b"[secret]", |it| &it.mark)
    }

    /// Length of the value of `owner`: of two that explain a text equally well the shorter is meant.
    pub(super) fn value_bytes(&self, owner: u16) -> usize {
        self.table
            .owners
            .get(usize::from(owner))
            .map_or(0, |it| it.value_bytes)
    }

    /// Calls `hit` once for each needle in `skeleton` that ends after index `fresh`.
    pub(super) fn find(&self, skeleton: &[u8], fresh: usize, hit: &mut impl FnMut(Hit)) {
        self.table
            .long
            .run::<LONG_GRAM>(&self.table, skeleton, fresh, hit);
        self.table
            .short
            .run::<SHORT_GRAM>(&self.table, skeleton, fresh, hit);
    }

    /// Whether some needle begins with `head` (of at least one byte); its owner.
    pub(super) fn begins(&self, head: &[u8]) -> Option<u16> {
        self.table.begins(head)
    }

    /// Whether some form of a secret begins with `head` (of at least one byte); its owner.
    pub(super) fn form_begins(&self, head: &[u8]) -> Option<u16> {
        self.table
            .starts
            .iter()
            .find(|it| self.table.bytes(it).starts_with(head))
            .map(|it| it.owner)
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({} secrets)", self.table.owners.len())
    }
}

impl Table {
    fn new(
        owners: Vec<Owner>,
        text: Zeroizing<Vec<u8>>,
        mut needles: Vec<Needle>,
        starts: Vec<Needle>,
    ) -> Self {
        needles.sort_unstable_by(|a, b| {
            bytes_of(&text, a)
                .cmp(bytes_of(&text, b))
                .then(a.owner.cmp(&b.owner))
        });
        needles.dedup_by(|a, b| a.owner == b.owner && bytes_of(&text, a) == bytes_of(&text, b));
        let (long, short): (Vec<&Needle>, Vec<&Needle>) = needles
            .iter()
            .partition(|it| usize::from(it.len) >= WINDOW_BYTES);
        let long = Search::new::<LONG_GRAM>(&text, &long, WINDOW_BYTES);
        let short = Search::new::<SHORT_GRAM>(&text, &short, TELLING_BYTES_MIN);
        let mut firsts = Filter::new(0);
        let mut heads = Filter::new(needles.len());
        for needle in &needles {
            let bytes = bytes_of(&text, needle);
            firsts.add(word::<1>(bytes));
            heads.add(word::<HEAD_BYTES>(bytes));
        }
        Self {
            owners,
            text,
            needles,
            starts,
            long,
            short,
            firsts,
            heads,
        }
    }

    fn bytes(&self, needle: &Needle) -> &[u8] {
        bytes_of(&self.text, needle)
    }

    fn begins(&self, head: &[u8]) -> Option<u16> {
        if !self.firsts.has(word::<1>(head))
            || (head.len() >= HEAD_BYTES && !self.heads.has(word::<HEAD_BYTES>(head)))
        {
            return None;
        }
        let at = self.needles.partition_point(|it| self.bytes(it) < head);
        self.needles
            .get(at)
            .filter(|it| self.bytes(it).starts_with(head))
            .map(|it| it.owner)
    }
}

fn bytes_of<'a>(text: &'a [u8], needle: &Needle) -> &'a [u8] {
    let start = needle.offset as usize;
    text.get(start..start + usize::from(needle.len))
        .unwrap_or_default()
}

/// Needles of one class, found by looking at one gram in every `stride` bytes.
struct Search {
    grams: Filter,
    /// The distinct lengths of the needles, ascending; empty when there are none.
    lengths: Vec<usize>,
    /// So long that a needle of the shortest length holds a sampled gram wherever it begins.
    stride: usize,
}

impl Search {
    fn new<const GRAM: usize>(text: &[u8], needles: &[&Needle], shortest: usize) -> Self {
        let mut lengths: Vec<usize> = needles.iter().map(|it| usize::from(it.len)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let stride = lengths.first().copied().unwrap_or(shortest) + 1 - GRAM;
        let mut grams = Filter::new(needles.len());
        for needle in needles {
            let bytes = bytes_of(text, needle);
            for gram in bytes.windows(GRAM).take(stride) {
                grams.add(word::<GRAM>(gram));
            }
        }
        Self {
            grams,
            lengths,
            stride,
        }
    }

    fn run<const GRAM: usize>(
        &self,
        table: &Table,
        skeleton: &[u8],
        fresh: usize,
        hit: &mut impl FnMut(Hit),
    ) {
        let Some(longest) = self.lengths.last() else {
            return;
        };
        let mut at = (fresh + 1).saturating_sub(*longest) + self.stride - 1;
        while let Some(gram) = skeleton.get(at..at + GRAM) {
            if self.grams.has(word::<GRAM>(gram)) {
                self.compare(table, skeleton, fresh, at, hit);
            }
            at += self.stride;
        }
    }

    /// Compares every window whose first sampled gram is the one at `at`.
    #[cold]
    fn compare(
        &self,
        table: &Table,
        skeleton: &[u8],
        fresh: usize,
        at: usize,
        hit: &mut impl FnMut(Hit),
    ) {
        for start in at + 1 - self.stride..=at {
            for &len in &self.lengths {
                let Some(window) = skeleton
                    .get(start..start + len)
                    .filter(|_| start + len > fresh)
                else {
                    continue;
                };
                let first = table.needles.partition_point(|it| table.bytes(it) < window);
                let same = table
                    .needles
                    .iter()
                    .skip(first)
                    .take_while(|it| table.bytes(it) == window);
                same.for_each(|it| {
                    hit(Hit {
                        start,
                        len,
                        owner: it.owner,
                    })
                });
            }
        }
    }
}

/// The first `COUNT` (at most 8) bytes as a number.
fn word<const COUNT: usize>(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<COUNT>().map_or(0, |chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        u64::from_le_bytes(word)
    })
}

/// A set of numbers that may say yes too often, never no.
struct Filter {
    bits: Vec<u64>,
    shift: u32,
}

impl Filter {
    /// 32 KiB to 2 MiB: the small one stays in the processor's first cache.
    fn new(count: usize) -> Self {
        let bits = (count * 64).next_power_of_two().clamp(1 << 18, 1 << 24);
        Self {
            bits: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
        }
    }

    // Multiplication by 2^64 divided by the golden ratio spreads neighbouring numbers evenly.
    const fn place(&self, number: u64) -> (usize, u64) {
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift;
        ((hash / 64) as usize, 1 << (hash % 64))
    }

    fn add(&mut self, number: u64) {
        let (index, bit) = self.place(number);
        if let Some(cell) = self.bits.get_mut(index) {
            *cell |= bit;
        }
    }

    fn has(&self, number: u64) -> bool {
        let (index, bit) = self.place(number);
        self.bits.get(index).is_some_and(|cell| cell & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(value: &str) -> Sealed {
        Sealed::new(value.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn r35_a_text_that_holds_a_secret_is_told() {
        let masks = Masks::new(&[("host", &sealed("db-primary-1"))]).unwrap();
        assert!(masks.touches("DB-primary-1"));
        assert!(masks.touches("ssh db-primary-1.example.com"));
        assert!(!masks.touches("db-primary-2"));
    }

    #[test]
    fn bounds_are_refused_not_cut() {
        let value = sealed("hunter22hunter22");
        let many = vec![("a", &value); MASKED_SECRETS_MAX + 1];
        assert_eq!(Masks::new(&many).unwrap_err(), MasksError::TooMany);
        let large = Sealed::new(vec![b'k'; crate::secrets::SECRET_BYTES_MAX]).unwrap();
        assert_eq!(
            Masks::new(&[("a", &large); 17]).unwrap_err(),
            MasksError::TooMuch
        );
    }

    #[test]
    fn debug_names_no_value() {
        assert_eq!(
            format!("{:?}", Masks::new(&[("a", &sealed("hunter22"))]).unwrap()),
            "Masks(1 secrets)"
        );
    }

    proptest! {
        /// The sampled search against a search by eye, from any index on.
        #[test]
        fn every_needle_is_found_once(text in "[ab1]{0,90}", value in "[ab1]{8,30}", other in "[ab1]{8,14}", fresh in 0_usize..90) {
            let (value, other) = (sealed(&value), sealed(&other));
            let masks = Masks::new(&[("v", &value), ("w", &other)]).unwrap();
            let mut found = Vec::new();
            masks.find(text.as_bytes(), fresh, &mut |hit| found.push((hit.start, hit.len, hit.owner)));
            found.sort_unstable();
            let mut expected = Vec::new();
            for needle in &masks.table.needles {
                let bytes = masks.table.bytes(needle);
                for (start, window) in text.as_bytes().windows(bytes.len()).enumerate() {
                    if window == bytes && start + bytes.len() > fresh {
                        expected.push((start, bytes.len(), needle.owner));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn heads_are_recognised(value in "[a-c]{8,30}", from in 0_usize..8, len in 1_usize..8) {
            let masks = Masks::new(&[("v", &sealed(&value))]).unwrap();
            let head = &value.as_bytes()[from.min(value.len() - 1)..];
            let head = &head[..len.min(head.len())];
            if from == 0 || (value.len() >= from + WINDOW_BYTES && value.len() >= WINDOW_BYTES) {
                prop_assert!(masks.begins(head).is_some());
            }
            prop_assert!(masks.begins(b"zq").is_none());
        }
    }
}
