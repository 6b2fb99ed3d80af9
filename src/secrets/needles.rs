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
    long: Search<LONG_GRAM>,
    /// Needles of fewer.
    short: Search<SHORT_GRAM>,
    /// First bytes of needles.
    firsts: Filter,
    /// First [`SHORT_GRAM`] bytes of needles.
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
        let all = || sorted.iter().enumerate().map(|(index, it)| (index, bytes_of(&text, it)));
        let long = Search::new(all().filter(|(_, it)| it.len() >= WINDOW_BYTES), WINDOW_BYTES);
        let short = Search::new(all().filter(|(_, it)| it.len() < WINDOW_BYTES), TELLING_BYTES_MIN);
        let mut firsts = Filter::new(0);
        let mut heads = Filter::new(sorted.len());
        for (_, needle) in all() {
            firsts.add(hash(word::<1>(needle)));
            heads.add(hash(word::<SHORT_GRAM>(needle)));
        }
        Self { text, sorted, starts, long, short, firsts, heads }
    }

    /// Calls `hit` once for each needle in `skeleton` that ends after index `fresh`.
    pub(super) fn find(&self, skeleton: &[u8], fresh: usize, hit: &mut impl FnMut(Hit)) {
        self.long.run(self, skeleton, fresh, hit);
        self.short.run(self, skeleton, fresh, hit);
    }

    /// Whether some needle begins with `head` (of at least one byte); its owner.
    pub(super) fn begins(&self, head: &[u8]) -> Option<u16> {
        let maybe = self.firsts.has(hash(word::<1>(head)));
        if !maybe || (head.len() >= SHORT_GRAM && !self.heads.has(hash(word::<SHORT_GRAM>(head)))) {
            return None;
        }
        let at = self.sorted.partition_point(|it| self.bytes(it) < head);
        let next = self.sorted.get(at)?;
        self.bytes(next).starts_with(head).then_some(next.owner)
    }

    /// Whether some form begins with `head` (of at least one byte); its owner.
    pub(super) fn form_begins(&self, head: &[u8]) -> Option<u16> {
        let start = self.starts.iter().find(|it| self.bytes(it).starts_with(head));
        start.map(|it| it.owner)
    }

    fn bytes(&self, needle: &Needle) -> &[u8] {
        bytes_of(&self.text, needle)
    }
}

fn bytes_of<'a>(text: &'a [u8], needle: &Needle) -> &'a [u8] {
    let start = needle.offset as usize;
    text.get(start..start + usize::from(needle.len)).unwrap_or_default()
}

/// Needles of one class, found by looking at one gram in every `stride` bytes.
struct Search<const GRAM: usize> {
    /// The grams that a sample can meet in a needle.
    grams: Filter,
    /// Hash of a needle's first gram, and the index of the first needle that begins so; by hash.
    heads: Vec<Option<(u64, u32)>>,
    /// Length of the longest needle; zero when there are none.
    longest: usize,
    /// So long that the shortest needle holds a sampled gram wherever it begins.
    stride: usize,
}

impl<const GRAM: usize> Search<GRAM> {
    /// `needles` come in order, with their index.
    fn new<'a>(needles: impl Iterator<Item = (usize, &'a [u8])> + Clone, shortest: usize) -> Self {
        let lengths = || needles.clone().map(|(_, bytes)| bytes.len());
        let stride = lengths().min().unwrap_or(shortest) + 1 - GRAM;
        let count = lengths().count();
        let mut grams = Filter::new(count);
        // At most half full, so that a look-up ends after a step or two.
        let mut heads = vec![None; (count * 2 + 1).next_power_of_two()];
        for (index, bytes) in needles.clone() {
            for gram in bytes.windows(GRAM).take(stride) {
                grams.add(hash(word::<GRAM>(gram)));
            }
            let key = hash(word::<GRAM>(bytes));
            if head_of(&heads, key).is_none() {
                let place = places(key, heads.len()).find(|it| matches!(heads.get(*it), Some(None)));
                let cell = place.and_then(|it| heads.get_mut(it));
                if let (Some(cell), Ok(index)) = (cell, u32::try_from(index)) {
                    *cell = Some((key, index));
                }
            }
        }
        Self { grams, heads, longest: lengths().max().unwrap_or(0), stride }
    }

    fn run(&self, needles: &Needles, skeleton: &[u8], fresh: usize, hit: &mut impl FnMut(Hit)) {
        if self.longest == 0 {
            return;
        }
        let mut at = (fresh + 1).saturating_sub(self.longest) + self.stride - 1;
        while let Some(gram) = skeleton.get(at..at + GRAM) {
            if self.grams.has(hash(word::<GRAM>(gram))) {
                (at + 1 - self.stride..=at).for_each(|start| self.compare(needles, skeleton, fresh, start, hit));
            }
            at += self.stride;
        }
    }

    /// Compares the skeleton from `start` on with every needle that begins as it does.
    fn compare(&self, needles: &Needles, skeleton: &[u8], fresh: usize, start: usize, hit: &mut impl FnMut(Hit)) {
        let text = skeleton.get(start..).unwrap_or_default();
        let head = word::<GRAM>(text);
        let first = head_of(&self.heads, hash(head)).unwrap_or(needles.sorted.len());
        for needle in needles.sorted.iter().skip(first) {
            let bytes = needles.bytes(needle);
            if word::<GRAM>(bytes) != head {
                return;
            }
            // A shorter needle that begins so stands between, and belongs to the other class.
            let of_class = (bytes.len() >= WINDOW_BYTES) == (GRAM == LONG_GRAM);
            if of_class && start + bytes.len() > fresh && text.starts_with(bytes) {
                hit(Hit { start, len: bytes.len(), owner: needle.owner });
            }
        }
    }
}

/// The index kept for `key`.
fn head_of(heads: &[Option<(u64, u32)>], key: u64) -> Option<usize> {
    for place in places(key, heads.len()) {
        match heads.get(place) {
            Some(Some((found, index))) if *found == key => return Some(*index as usize),
            Some(Some(_)) => (),
            Some(None) | None => return None,
        }
    }
    None
}

/// Where an entry may stand in a table of `size` places, a power of two.
fn places(key: u64, size: usize) -> impl Iterator<Item = usize> {
    (0..size).map(move |step| (key as usize).wrapping_add(step) & (size - 1))
}

/// The first `COUNT` (at most 8) bytes as a number; zero when there are fewer.
fn word<const COUNT: usize>(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<COUNT>().map_or(0, |chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        u64::from_le_bytes(word)
    })
}

/// Spreads neighbouring numbers evenly: multiplication by 2^64 divided by the golden ratio, high half folded onto low.
const fn hash(number: u64) -> u64 {
    let wide = number as u128 * 0x9E37_79B9_7F4A_7C15;
    (wide >> 64) as u64 ^ wide as u64
}

/// A set of hashes that may say yes too often (once in some thousand), never no.
struct Filter {
    /// Two bits of one word per member.
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    /// 16 KiB to 2 MiB: the small one stays in the processor's first cache.
    fn new(count: usize) -> Self {
        let words = count.next_power_of_two().clamp(1 << 11, 1 << 18);
        Self { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    const fn place(&self, hash: u64) -> (usize, u64) {
        let bits = (1 << (hash & 63)) | (1 << ((hash >> 6) & 63));
        ((hash >> self.shift) as usize, bits)
    }

    fn add(&mut self, hash: u64) {
        let (index, bits) = self.place(hash);
        if let Some(word) = self.words.get_mut(index) {
            *word |= bits;
        }
    }

    fn has(&self, hash: u64) -> bool {
        let (index, bits) = self.place(hash);
        self.words.get(index).is_some_and(|word| word & bits == bits)
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
            owned.extend(forms::of(value.as_bytes()).into_iter().map(|form| (owner, form)));
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
