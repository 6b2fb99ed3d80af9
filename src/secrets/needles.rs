//! What to look for, and the search: every window of every form of every secret.
//!
//! A *needle* is a window of a form (see [`super::forms`]): any 12 consecutive bytes of a value give it away, so each is
//! a needle of its own, and a value of 8 to 11 bytes is one whole. The search samples the text: of every few bytes one
//! gram is looked up in a bitmap, and only where that answers are windows compared exactly.
//!
//! Why not an automaton: a 64 KiB key has some 500 000 windows in its forms. An Aho-Corasick automaton over them would need
//! millions of states, and one over whole forms would miss re-wrapped and partial copies. The bitmap costs about the same
//! per byte for one secret and for fifty.
//!
//! Invariant: each occurrence of a needle whose last byte is fresh is found exactly once, wherever the text was cut.

use zeroize::Zeroizing;

use super::forms::{Form, WINDOW_BYTES};
use super::sealed::TELLING_BYTES_MIN;

/// A needle found in a skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) owner: u16,
}

/// Every needle of a run, ready to be found.
pub(super) struct Needles {
    /// The skeletons of all forms, one after another.
    text: Zeroizing<Vec<u8>>,
    /// By their bytes, then owner; none twice.
    sorted: Vec<Needle>,
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

/// A window of a form, by where it stands in [`Needles::text`].
#[derive(Clone, Copy)]
struct Needle {
    offset: u32,
    len: u8,
    owner: u16,
}

const LONG_GRAM: usize = 8;
const SHORT_GRAM: usize = 4;
const HEAD_BYTES: usize = 4;

impl Default for Needles {
    fn default() -> Self {
        Self::new(Zeroizing::default(), Vec::new(), Vec::new())
    }
}

impl Needles {
    /// These and those of `forms`, each with its owner; `None` when there are too many to count.
    pub(super) fn with(&self, forms: &[(u16, Form)]) -> Option<Self> {
        let bytes: usize = forms.iter().map(|(_, form)| form.skeleton.len()).sum();
        // Room for all at once, so that growing leaves no copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.text.len() + bytes));
        text.extend_from_slice(&self.text);
        let mut needles = self.sorted.clone();
        let mut starts = self.starts.clone();
        for (owner, form) in forms {
            let len = form.window.min(form.skeleton.len());
            let first = needles.len();
            for start in 0..=form.skeleton.len() - len {
                needles.push(Needle {
                    offset: u32::try_from(text.len() + start).ok()?,
                    len: u8::try_from(len).ok()?,
                    owner: *owner,
                });
            }
            starts.extend(needles.get(first));
            text.extend_from_slice(&form.skeleton);
        }
        Some(Self::new(text, needles, starts))
    }

    fn new(text: Zeroizing<Vec<u8>>, mut sorted: Vec<Needle>, starts: Vec<Needle>) -> Self {
        let key = |it: &Needle| (bytes_of(&text, it), it.owner);
        sorted.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        sorted.dedup_by(|a, b| key(a) == key(b));
        let all: Vec<&[u8]> = sorted.iter().map(|it| bytes_of(&text, it)).collect();
        let (long, short): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.len() >= WINDOW_BYTES);
        let long = Search::new::<LONG_GRAM>(&long, WINDOW_BYTES);
        let short = Search::new::<SHORT_GRAM>(&short, TELLING_BYTES_MIN);
        let mut firsts = Filter::new(0);
        let mut heads = Filter::new(sorted.len());
        for needle in all {
            firsts.add(word::<1>(needle));
            heads.add(word::<HEAD_BYTES>(needle));
        }
        Self {
            text,
            sorted,
            starts,
            long,
            short,
            firsts,
            heads,
        }
    }

    /// Calls `hit` once for each needle in `skeleton` that ends after index `fresh`.
    pub(super) fn find(&self, skeleton: &[u8], fresh: usize, hit: &mut impl FnMut(Hit)) {
        self.long.run::<LONG_GRAM>(self, skeleton, fresh, hit);
        self.short.run::<SHORT_GRAM>(self, skeleton, fresh, hit);
    }

    /// Whether some needle begins with `head` (of at least one byte); its owner.
    pub(super) fn begins(&self, head: &[u8]) -> Option<u16> {
        let maybe = self.firsts.has(word::<1>(head));
        if !maybe || (head.len() >= HEAD_BYTES && !self.heads.has(word::<HEAD_BYTES>(head))) {
            return None;
        }
        let at = self.sorted.partition_point(|it| self.bytes(it) < head);
        let next = self.sorted.get(at)?;
        self.bytes(next).starts_with(head).then_some(next.owner)
    }

    /// Whether some form begins with `head` (of at least one byte); its owner.
    pub(super) fn form_begins(&self, head: &[u8]) -> Option<u16> {
        let start = self
            .starts
            .iter()
            .find(|it| self.bytes(it).starts_with(head));
        start.map(|it| it.owner)
    }

    fn bytes(&self, needle: &Needle) -> &[u8] {
        bytes_of(&self.text, needle)
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
    fn new<const GRAM: usize>(needles: &[&[u8]], shortest: usize) -> Self {
        let mut lengths: Vec<usize> = needles.iter().map(|it| it.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let stride = lengths.first().copied().unwrap_or(shortest) + 1 - GRAM;
        let mut grams = Filter::new(needles.len());
        for needle in needles {
            for gram in needle.windows(GRAM).take(stride) {
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
        needles: &Needles,
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
                self.compare(needles, skeleton, fresh, at, hit);
            }
            at += self.stride;
        }
    }

    /// Compares every window whose first sampled gram is the one at `at`.
    #[cold]
    fn compare(
        &self,
        needles: &Needles,
        skeleton: &[u8],
        fresh: usize,
        at: usize,
        hit: &mut impl FnMut(Hit),
    ) {
        for start in at + 1 - self.stride..=at {
            for &len in &self.lengths {
                let window = skeleton
                    .get(start..start + len)
                    .filter(|_| start + len > fresh);
                let Some(window) = window else { continue };
                let first = needles
                    .sorted
                    .partition_point(|it| needles.bytes(it) < window);
                let found = needles.sorted.iter().skip(first);
                for needle in found.take_while(|it| needles.bytes(it) == window) {
                    hit(Hit {
                        start,
                        len,
                        owner: needle.owner,
                    });
                }
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

    use super::super::forms;
    use super::*;

    fn needles(values: &[&str]) -> Needles {
        let mut owned = Vec::new();
        for (value, owner) in values.iter().zip(0..) {
            owned.extend(
                forms::of(value.as_bytes())
                    .into_iter()
                    .map(|form| (owner, form)),
            );
        }
        Needles::default().with(&owned).unwrap()
    }

    proptest! {
        /// The sampled search against a search by eye, from any index on.
        #[test]
        fn every_needle_is_found_once(
            text in "[ab1]{0,90}", value in "[ab1]{8,30}", other in "[ab1]{8,14}", fresh in 0_usize..90,
        ) {
            let needles = needles(&[&value, &other]);
            let mut found = Vec::new();
            needles.find(text.as_bytes(), fresh, &mut |hit| found.push((hit.start, hit.len, hit.owner)));
            found.sort_unstable();
            let mut expected = Vec::new();
            for needle in &needles.sorted {
                let bytes = needles.bytes(needle);
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
            let needles = needles(&[&value]);
            let head = &value.as_bytes()[from..(from + len).min(value.len())];
            if from == 0 || value.len() >= from + WINDOW_BYTES {
                prop_assert!(needles.begins(head).is_some());
            }
            if from == 0 {
                prop_assert!(needles.form_begins(head).is_some());
            }
            prop_assert!(needles.begins(b"zq").is_none());
        }
    }
}
