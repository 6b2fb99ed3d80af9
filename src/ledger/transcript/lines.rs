//! What a line is: the bytes of one lane up to a line feed, wherever frames were cut; cut at [`LINE_BYTES_MAX`].
//!
//! Invariant: the pieces of a payload depend on nothing but the payload, how much of a line was open before it, and whether the lane ends
//! with it.

use super::frame::End;

/// Longer lines are cut here, so that a page of lines is bounded; nothing is lost.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

const LINE_FEED: u8 = b'\n';

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
    let feeds = payload.iter().filter(|byte| **byte == LINE_FEED).count() as u32;
    let after = payload.iter().rev().take_while(|byte| **byte != LINE_FEED).count() as u32;
    let left = if feeds == 0 { open + after } else { after };
    match end {
        End::Closed if left > 0 => Count { ended: feeds + 1, open: 0 },
        End::Open | End::Closed => Count { ended: feeds, open: left },
    }
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
