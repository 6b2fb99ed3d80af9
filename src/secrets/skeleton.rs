//! The skeleton of a text: what is left when everything is taken away that tools add to, or change in, a secret without
//! making it another one.
//!
//! Blanks, line ends, control bytes, quotes and backslashes leave no trace; letters lose their case; the url-safe base64
//! alphabet becomes the standard one; a colour or erase sequence leaves no trace; a backspace takes back the byte before it.
//! Secrets and output go through the same door, so one comparison covers wrapped, quoted, escaped, spaced, coloured and
//! overstruck copies at once, and a dump by `xxd` or `od -c` within a row.
//!
//! Invariants: the skeleton of a text does not depend on how the text is cut into pieces; no skeleton byte is zero; every
//! skeleton byte knows where it stood. A backspace takes back at most [`POPS_MAX`] bytes and none before a line end, so
//! bytes further back are settled.
//!
//! Known gap: a colour sequence has no trace, so a text that a stray `ESC [` turns into one (`ESC [` and then `1m…`) hides its few bytes.
//! The fewer sequences count as such, the fewer texts that are.

/// How many bytes backspaces can take back: one character of UTF-8. Overstriking needs no more.
pub(super) const POPS_MAX: usize = 4;

/// A control sequence longer than this is text: colours need 40 bytes at most.
const SEQUENCE_BYTES_MAX: usize = 64;

/// Longest number in a real control sequence. With more digits it may be a secret printed after a stray escape.
const SEQUENCE_DIGITS_MAX: usize = 5;

/// Bytes looked at together: two or four vectors of common processors.
const VECTOR_BYTES: usize = 64;

const ESCAPE: u8 = 0x1b;
const BACKSPACE: u8 = 0x08;
const LINE_FEED: u8 = b'\n';

/// What `byte` leaves in a skeleton; zero: nothing.
fn trace(byte: u8) -> u8 {
    TRACES.get(usize::from(byte)).copied().unwrap_or(0)
}

static TRACES: [u8; 256] = traces();

#[expect(clippy::indexing_slicing, reason = "a constant; an index out of bounds would not compile")]
const fn traces() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            0..=b' ' | 0x7f | b'"' | b'\'' | b'\\' => 0,
            b'-' => b'+',
            b'_' => b'/',
            other => other.to_ascii_lowercase(),
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// Skeleton bytes with the stream offset each stood at.
#[derive(Debug, Default)]
pub(super) struct Skeleton {
    /// The bytes; none is zero.
    pub(super) bytes: Vec<u8>,
    /// Offset in the stream of each of them.
    pub(super) at: Vec<u64>,
    /// Index of the first byte that no search has seen.
    pub(super) fresh: usize,
}

impl Skeleton {
    fn push(&mut self, byte: u8, at: u64) {
        self.bytes.push(byte);
        self.at.push(at);
    }

    /// Appends what bytes without escapes and backspaces leave; the first stands at `at`.
    fn push_plain(&mut self, plain: &[u8], at: u64) {
        let mut kept = self.bytes.len();
        self.bytes.resize(kept + plain.len(), 0);
        self.at.resize(kept + plain.len(), 0);
        for (&byte, at) in plain.iter().zip(at..) {
            // Each is written, and overwritten by the next where it leaves no trace: no branch to mispredict.
            let left = trace(byte);
            if let (Some(to), Some(place)) = (self.bytes.get_mut(kept), self.at.get_mut(kept)) {
                (*to, *place) = (left, at);
            }
            kept += usize::from(left != 0);
        }
        self.bytes.truncate(kept);
        self.at.truncate(kept);
    }
}

/// Where in an escape sequence the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    /// After ESC, seen at the offset.
    Escape(u64),
    /// After `ESC (` or `ESC )`: one more byte names a character set.
    Charset(u64),
    /// After `ESC [`.
    Sequence(u64),
}

/// Reads a stream and keeps what of the past may still change its skeleton.
#[derive(Debug)]
pub(super) struct Folder {
    mode: Mode,
    /// Bytes of the unfinished sequence after its ESC.
    sequence: Vec<u8>,
    /// How many skeleton bytes at the end may still be taken back.
    pub(super) pops: usize,
    /// Bytes without a trace since the last skeleton byte: a backspace takes these back first.
    blanks: u32,
    /// Whether a line ended since the last skeleton byte.
    pub(super) line_ended: bool,
}

impl Default for Folder {
    fn default() -> Self {
        Self { mode: Mode::Text, sequence: Vec::new(), pops: 0, blanks: 0, line_ended: false }
    }
}

impl Folder {
    /// Where the unfinished control sequence starts, if there is one: whether it is text is not known yet.
    pub(super) const fn unfinished_at(&self) -> Option<u64> {
        match self.mode {
            Mode::Text => None,
            Mode::Escape(at) | Mode::Charset(at) | Mode::Sequence(at) => Some(at),
        }
    }

    /// Whether `piece` can go through [`Folder::fold_plain`].
    pub(super) fn is_plain(&self, piece: &[u8]) -> bool {
        // Blocks of one size, and no early exit: this shape compiles to vector instructions, one loop over all does not.
        let (blocks, rest) = piece.as_chunks::<VECTOR_BYTES>();
        let special = |seen: u8, byte: &u8| seen | u8::from(*byte == ESCAPE) | u8::from(*byte == BACKSPACE);
        let seen = blocks.iter().fold(0, |seen, block| seen | block.iter().fold(0, special));
        self.mode == Mode::Text && rest.iter().fold(seen, special) == 0
    }

    /// The fast road: appends the skeleton of a piece without escapes and backspaces, leaving out where each byte stood.
    pub(super) fn fold_plain(&mut self, piece: &[u8], skeleton: &mut Vec<u8>) {
        let start = skeleton.len();
        skeleton.resize(start + piece.len(), 0);
        let mut kept = 0;
        if let Some(room) = skeleton.get_mut(start..) {
            for &byte in piece {
                let left = trace(byte);
                if let Some(cell) = room.get_mut(kept) {
                    *cell = left;
                }
                kept += usize::from(left != 0);
            }
        }
        skeleton.truncate(start + kept);
        self.settle(piece);
    }

    /// Brings `pops`, `blanks` and `line_ended` to what they are after a plain piece, reading its end only.
    fn settle(&mut self, piece: &[u8]) {
        let mut kept = 0;
        let mut blanks = 0_u32;
        for &byte in piece.iter().rev() {
            if trace(byte) != 0 {
                kept += 1;
                if kept == POPS_MAX {
                    break;
                }
            } else if byte == LINE_FEED {
                (self.pops, self.blanks, self.line_ended) = (kept, blanks, kept == 0);
                return;
            } else if kept == 0 {
                blanks = blanks.saturating_add(1);
            }
        }
        if kept == 0 {
            self.blanks = self.blanks.saturating_add(blanks);
        } else {
            (self.pops, self.blanks, self.line_ended) = (POPS_MAX.min(self.pops + kept), blanks, false);
        }
    }

    /// Appends the skeleton of any piece; its first byte stands at offset `at` of the stream. `before_pop` is called
    /// before bytes are taken back: what was printed was printed, so it must be searched first.
    pub(super) fn fold(
        &mut self,
        piece: &[u8],
        at: u64,
        skeleton: &mut Skeleton,
        before_pop: &mut impl FnMut(&mut Skeleton),
    ) {
        let (mut rest, mut at) = (piece, at);
        while let Some((&byte, after)) = rest.split_first() {
            let is_plain = |byte: &u8| !matches!(*byte, ESCAPE | BACKSPACE);
            let run = match self.mode {
                Mode::Text => rest.iter().take_while(|byte| is_plain(byte)).count(),
                Mode::Escape(_) | Mode::Charset(_) | Mode::Sequence(_) => 0,
            };
            if run > 0 {
                let (plain, others) = rest.split_at(run);
                skeleton.push_plain(plain, at);
                self.settle(plain);
                (rest, at) = (others, at + run as u64);
            } else {
                self.step(byte, at, skeleton, before_pop);
                (rest, at) = (after, at + 1);
            }
        }
    }

    fn step(&mut self, byte: u8, at: u64, skeleton: &mut Skeleton, before_pop: &mut impl FnMut(&mut Skeleton)) {
        match self.mode {
            Mode::Text => self.text(byte, at, skeleton, before_pop),
            Mode::Escape(from) => match byte {
                b'[' => self.sequence_goes_on(Mode::Sequence(from), byte),
                b'(' | b')' => self.sequence_goes_on(Mode::Charset(from), byte),
                _ => self.sequence_was_text(from, Some((byte, at)), skeleton, before_pop),
            },
            Mode::Charset(from) => match byte {
                b'0' | b'A' | b'B' | b'K' | b'U' => self.sequence_ends(),
                _ => self.sequence_was_text(from, Some((byte, at)), skeleton, before_pop),
            },
            Mode::Sequence(from) => match byte {
                b'0'..=b'?' if self.may_go_on(byte) => self.sequence_goes_on(self.mode, byte),
                b'@'..=b'~' if self.is_display(byte) => self.sequence_ends(),
                _ => self.sequence_was_text(from, Some((byte, at)), skeleton, before_pop),
            },
        }
    }

    /// The stream ends: an unfinished sequence was text.
    pub(super) fn finish(&mut self, skeleton: &mut Skeleton) {
        if let Some(from) = self.unfinished_at() {
            self.sequence_was_text(from, None, skeleton, &mut |_| ());
        }
    }

    fn text(&mut self, byte: u8, at: u64, skeleton: &mut Skeleton, before_pop: &mut impl FnMut(&mut Skeleton)) {
        let left = trace(byte);
        if left != 0 {
            skeleton.push(left, at);
            (self.pops, self.blanks, self.line_ended) = (POPS_MAX.min(self.pops + 1), 0, false);
            return;
        }
        match byte {
            ESCAPE => self.mode = Mode::Escape(at),
            BACKSPACE if self.blanks > 0 => self.blanks -= 1,
            BACKSPACE => self.take_back(skeleton, before_pop),
            LINE_FEED => (self.pops, self.blanks, self.line_ended) = (0, 0, true),
            _ => self.blanks = self.blanks.saturating_add(1),
        }
    }

    /// Takes back one character: the bytes of a UTF-8 sequence together.
    fn take_back(&mut self, skeleton: &mut Skeleton, before_pop: &mut impl FnMut(&mut Skeleton)) {
        let tail = skeleton.bytes.iter().rev().take(self.pops);
        let following = tail.take_while(|byte| (0x80..0xc0).contains(*byte)).count();
        let count = following + 1;
        if count > self.pops || count > skeleton.bytes.len() {
            return;
        }
        before_pop(skeleton);
        let left = skeleton.bytes.len() - count;
        skeleton.bytes.truncate(left);
        skeleton.at.truncate(left);
        skeleton.fresh = skeleton.fresh.min(left);
        self.pops -= count;
    }

    fn may_go_on(&self, byte: u8) -> bool {
        let digits = self.sequence.iter().rev().take_while(|it| it.is_ascii_digit()).count();
        self.sequence.len() < SEQUENCE_BYTES_MAX && !(byte.is_ascii_digit() && digits >= SEQUENCE_DIGITS_MAX)
    }

    /// Whether `last` ends a sequence that tools put amid text: colours, erasing, moves along a line or to its beginning. All others are read
    /// as text: each letter that ended a sequence here would be one that a stray `ESC [` takes from the beginning of a secret.
    fn is_display(&self, last: u8) -> bool {
        match last {
            b'A'..=b'D' | b'G' | b'H' | b'J' | b'K' | b'm' => true,
            b'h' | b'l' => self.sequence.get(1) == Some(&b'?'),
            _ => false,
        }
    }

    fn sequence_goes_on(&mut self, mode: Mode, byte: u8) {
        self.mode = mode;
        self.sequence.push(byte);
    }

    fn sequence_ends(&mut self) {
        self.mode = Mode::Text;
        self.sequence.clear();
    }

    fn sequence_was_text(
        &mut self,
        from: u64,
        then: Option<(u8, u64)>,
        skeleton: &mut Skeleton,
        before_pop: &mut impl FnMut(&mut Skeleton),
    ) {
        self.mode = Mode::Text;
        let sequence = std::mem::take(&mut self.sequence);
        for (&byte, at) in sequence.iter().zip(from + 1..) {
            self.text(byte, at, skeleton, before_pop);
        }
        if let Some((byte, at)) = then {
            self.text(byte, at, skeleton, before_pop);
        }
    }
}

/// The skeleton of a whole text.
pub(super) fn of_value(text: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    // Room for all of it at once, so that growing leaves no copies behind.
    let mut skeleton = Skeleton { bytes: Vec::with_capacity(text.len()), ..Skeleton::default() };
    let mut folder = Folder::default();
    folder.fold(text, 0, &mut skeleton, &mut |_| ());
    folder.finish(&mut skeleton);
    zeroize::Zeroizing::new(skeleton.bytes)
}

/// The last `count` bytes of a plain piece that leave a trace, in order, with their offsets.
pub(super) fn last_traces(piece: &[u8], at: u64, count: usize) -> Vec<(u8, u64)> {
    let mut tail = Vec::with_capacity(count);
    let traces = piece.iter().enumerate().rev().filter(|(_, byte)| trace(**byte) != 0);
    tail.extend(traces.take(count).map(|(index, byte)| (trace(*byte), at + index as u64)));
    tail.reverse();
    tail
}

/// The offsets of the bytes of a plain piece that leave a trace.
pub(super) fn offsets(piece: &[u8], at: u64) -> impl Iterator<Item = u64> {
    piece.iter().zip(at..).filter(|(byte, _)| trace(**byte) != 0).map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        String::from_utf8_lossy(&of_value(text.as_bytes())).into_owned()
    }

    #[test]
    fn quotes_blanks_case_and_alphabets_leave_no_trace() {
        assert_eq!(of("It'\\''s  \"a_b\"\r\n-X"), "itsa/b+x");
    }

    #[test]
    fn colours_leave_no_trace_and_stray_escapes_hide_nothing() {
        assert_eq!(of("\x1b[01;31m\x1b[Kse\x1b[mcret\x1b(B\x1b[?25h"), "secret");
        assert_eq!(of("\x1b[31415926535m"), "[31415926535m", "a long number is no colour");
        assert_eq!(of("\x1b]0;title\x07"), "]0;title", "a title is text");
        assert_eq!(of("\x1b[hunter"), "[hunter", "no such sequence");
        assert_eq!(of("ab\x1b[3"), "ab[3", "unfinished");
    }

    #[test]
    fn backspace_takes_back_one_character() {
        assert_eq!(of("s\x08se\x08ec\x08c"), "sec");
        assert_eq!(of("_\x08s_\x08e"), "se");
        assert_eq!(of("é\x08éa"), "éa");
        assert_eq!(of("ab \x08\x08c"), "ac", "the blank goes first");
        assert_eq!(of("ab\n\x08c"), "abc", "not across a line end");
    }

    #[test]
    fn what_is_taken_back_was_seen_before() {
        let (mut folder, mut skeleton, mut seen) = (Folder::default(), Skeleton::default(), Vec::new());
        folder.fold(b"abc\x08\x08d", 0, &mut skeleton, &mut |now| seen.push(now.bytes.clone()));
        assert_eq!(seen, [b"abc".to_vec(), b"ab".to_vec()]);
        assert_eq!((skeleton.bytes, skeleton.at), (b"ad".to_vec(), vec![0, 5]));
    }

    proptest! {
        #[test]
        fn the_fast_road_ends_where_the_slow_one_does(pieces in prop::collection::vec("[a-d \\n\"A_\u{e9}]{0,9}", 1..6)) {
            let (mut slow, mut there) = (Folder::default(), Skeleton::default());
            let (mut fast, mut here, mut at) = (Folder::default(), Vec::new(), 0);
            for piece in &pieces {
                slow.fold(piece.as_bytes(), at, &mut there, &mut |_| ());
                prop_assert!(fast.is_plain(piece.as_bytes()));
                fast.fold_plain(piece.as_bytes(), &mut here);
                at += piece.len() as u64;
                prop_assert_eq!((fast.pops, fast.blanks, fast.line_ended), (slow.pops, slow.blanks, slow.line_ended));
            }
            prop_assert_eq!(&here, &there.bytes);
            let whole = pieces.concat();
            prop_assert_eq!(offsets(whole.as_bytes(), 0).collect::<Vec<_>>(), there.at);
        }
    }
}
