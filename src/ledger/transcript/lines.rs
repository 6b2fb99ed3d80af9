//! What a line is: the bytes of one lane up to a line feed, wherever frames were cut; cut at [`LINE_BYTES_MAX`].
//!
//! Invariant: the pieces of a payload depend on nothing but the payload, how much of a line was open before it, and whether the lane ends
//! with it.

use super::frame::End;

/// Longer lines are cut here, so that a page of lines is bounded; nothing is lost.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

const LINE_FEED: u8 = b'\n';

/// Bytes counted together: so many fit into one byte's count.
const BLOCK_BYTES: usize = 192;

/// What a payload does to the lines of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Lines that end in it.
    pub ended: u32,
    /// Bytes of the line that it leaves open.
    pub open: u32,
}

/// Counts the lines that end in `payload`, when `open` bytes of a line were open before it.
#[must_use]
pub fn count(open: u32, payload: &[u8], end: End) -> Count {
    let first = payload.iter().position(|byte| *byte == LINE_FEED);
    // Only a line that began earlier can grow too long: a payload is no longer than a line may be.
    if open as usize + first.unwrap_or(payload.len()) > LINE_BYTES_MAX || payload.len() > LINE_BYTES_MAX {
        return pieces(open, payload, end).fold(Count { ended: 0, open }, |count, piece| match piece.ends {
            Ends::Later => {
                Count { open: (if count.ended == 0 { open } else { 0 }) + piece.bytes.len() as u32, ..count }
            }
            Ends::AtFeed | Ends::Here => Count { ended: count.ended + 1, open: 0 },
        });
    }
    let feeds = feeds(payload);
    let after = payload.iter().rev().take_while(|byte| **byte != LINE_FEED).count() as u32;
    let left = if feeds == 0 { open + after } else { after };
    match end {
        End::Closed if left > 0 => Count { ended: feeds + 1, open: 0 },
        End::Open | End::Closed => Count { ended: feeds, open: left },
    }
}

/// How many line feeds there are.
fn feeds(payload: &[u8]) -> u32 {
    // Counted in bytes, block by block: this shape compiles to vector instructions that need not widen each byte.
    let (blocks, rest) = payload.as_chunks::<BLOCK_BYTES>();
    let in_block = |bytes: &[u8]| bytes.iter().fold(0_u8, |count, byte| count + u8::from(*byte == LINE_FEED));
    blocks.iter().map(|block| u32::from(in_block(block))).sum::<u32>() + u32::from(in_block(rest))
}

/// How a piece ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// At a line feed, which is not part of the piece.
    AtFeed,
    /// Because the line is as long as a line may be, or the lane is closed.
    Here,
    /// In a later frame.
    Later,
}

/// A line, or the part of one, within a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its bytes, without the line feed.
    pub bytes: &'a [u8],
    /// How it ends.
    pub ends: Ends,
}

/// The pieces of a payload, in order; the first continues the line of which `open` bytes were open. Only the last can end later.
pub fn pieces(open: u32, payload: &[u8], end: End) -> impl Iterator<Item = Piece<'_>> {
    let (mut rest, mut open, mut closing) = (payload, open as usize, end == End::Closed);
    std::iter::from_fn(move || {
        let room = LINE_BYTES_MAX - open.min(LINE_BYTES_MAX);
        if rest.is_empty() {
            let closed = std::mem::take(&mut closing) && open > 0;
            return closed.then_some(Piece { bytes: rest, ends: Ends::Here });
        }
        let near = rest.get(..=room).unwrap_or(rest);
        let piece = match near.iter().position(|byte| *byte == LINE_FEED) {
            Some(feed) => {
                let (bytes, after) = rest.split_at(feed);
                rest = after.get(1..).unwrap_or_default();
                Piece { bytes, ends: Ends::AtFeed }
            }
            None if rest.len() > room => {
                let (bytes, after) = rest.split_at(room);
                rest = after;
                Piece { bytes, ends: Ends::Here }
            }
            None => {
                let bytes = std::mem::take(&mut rest);
                let ends = if std::mem::take(&mut closing) { Ends::Here } else { Ends::Later };
                Piece { bytes, ends }
            }
        };
        open = 0;
        Some(piece)
    })
}

/// The last of [`pieces`]; looks at no more of a payload than that.
#[must_use]
pub fn last(open: u32, payload: &[u8], end: End) -> Option<Piece<'_>> {
    let cut = |from: usize| pieces(0, payload.get(from..).unwrap_or_default(), end).last();
    match payload.iter().rposition(|byte| *byte == LINE_FEED) {
        // A payload that ends with a line ends with its piece: that line is looked for from the one before.
        Some(feed) if feed + 1 < payload.len() => cut(feed + 1),
        Some(feed) => {
            let begin = payload.get(..feed)?.iter().rposition(|byte| *byte == LINE_FEED);
            begin.map_or_else(|| pieces(open, payload, end).last(), |before| cut(before + 1))
        }
        None => pieces(open, payload, end).last(),
    }
}

/// A finished line without the carriage return before its line feed.
#[must_use]
pub fn without_return(bytes: &[u8], ends: Ends) -> &[u8] {
    match ends {
        Ends::AtFeed => bytes.strip_suffix(b"\r").unwrap_or(bytes),
        Ends::Here | Ends::Later => bytes,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(open: u32, text: &str, end: End) -> Vec<(String, Ends)> {
        pieces(open, text.as_bytes(), end).map(|it| (String::from_utf8(it.bytes.to_vec()).unwrap(), it.ends)).collect()
    }

    #[test]
    fn feeds_end_lines_and_a_closed_lane_ends_the_last() {
        assert_eq!(
            shown(0, "a\n\nb", End::Open),
            [("a".into(), Ends::AtFeed), ("".into(), Ends::AtFeed), ("b".into(), Ends::Later)]
        );
        assert_eq!(shown(0, "a\nb", End::Closed), [("a".into(), Ends::AtFeed), ("b".into(), Ends::Here)]);
        assert_eq!(shown(0, "a\n", End::Closed), [("a".into(), Ends::AtFeed)]);
        assert_eq!(shown(3, "", End::Closed), [("".into(), Ends::Here)]);
        assert_eq!(shown(0, "", End::Closed), []);
    }

    #[test]
    fn a_long_line_is_cut_and_none_is_empty_for_it() {
        let text = "x".repeat(10) + "\ny";
        let most = LINE_BYTES_MAX as u32;
        assert_eq!(shown(most - 10, &text, End::Open), [("x".repeat(10), Ends::AtFeed), ("y".into(), Ends::Later)]);
        assert_eq!(
            shown(most - 9, &text, End::Open),
            [("x".repeat(9), Ends::Here), ("x".into(), Ends::AtFeed), ("y".into(), Ends::Later)]
        );
        assert_eq!(shown(most, "\n", End::Open), [("".into(), Ends::AtFeed)]);
    }

    proptest! {
        #[test]
        fn the_last_piece_is_the_last_of_all(open in 0_u32..4, text in "[ab\n]{0,9}", closed: bool) {
            let end = if closed { End::Closed } else { End::Open };
            prop_assert_eq!(last(open, text.as_bytes(), end), pieces(open, text.as_bytes(), end).last());
        }

        #[test]
        fn counting_agrees_with_splitting(
            near in 0_u32..80, text in "[a\n]{0,60}", closed in any::<bool>(),
        ) {
            let end = if closed { End::Closed } else { End::Open };
            for open in [near.min(30), LINE_BYTES_MAX as u32 - near] {
                let counted = count(open, text.as_bytes(), end);
                let split: Vec<_> = pieces(open, text.as_bytes(), end).collect();
                let ended = split.iter().filter(|it| it.ends != Ends::Later).count() as u32;
                let left = match split.last() {
                    None => open,
                    Some(last) if last.ends == Ends::Later && ended == 0 => open + last.bytes.len() as u32,
                    Some(last) if last.ends == Ends::Later => last.bytes.len() as u32,
                    Some(_) => 0,
                };
                prop_assert_eq!(counted, Count { ended, open: left });
                prop_assert!(counted.open as usize <= LINE_BYTES_MAX);
            }
        }
    }
}
