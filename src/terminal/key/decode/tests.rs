//! Keys as terminals send them, whole, torn and late; and what terminals send that is no key.

use proptest::prelude::*;

use super::*;
use crate::terminal::key::{Key, KeyCode, Mods, Mouse, MouseKind};

const START: Duration = Duration::from_secs(1);

fn ms(millis: u64) -> Duration {
    START + Duration::from_millis(millis)
}

/// What the bytes mean once it has been quiet behind them.
fn typed(bytes: &[u8]) -> Vec<Input> {
    let mut decoder = Decoder::new();
    let mut out = decoder.feed(bytes, START);
    while let Some(deadline) = decoder.deadline() {
        out.extend(decoder.tick(deadline));
    }
    out
}

fn key(code: KeyCode) -> Input {
    Input::Key(Key::new(code))
}

fn held(code: KeyCode, mods: Mods) -> Input {
    Input::Key(Key { code, mods })
}

fn char(c: char) -> Input {
    Input::Key(Key::char(c))
}

#[test]
fn plain_keys() {
    assert_eq!(typed("aA é漢😀".as_bytes()), ['a', 'A', ' ', 'é', '漢', '😀'].map(char));
    assert_eq!(typed(b"\r\t\x7f"), [key(KeyCode::Enter), key(KeyCode::Tab), key(KeyCode::Backspace)]);
    assert_eq!(typed(b"\x08"), [key(KeyCode::Backspace)], "some terminals send this for Backspace");
    assert_eq!(
        typed(b"\x03\x0c\x00"),
        [Input::Key(Key::ctrl('c')), Input::Key(Key::ctrl('l')), Input::Key(Key::ctrl(' '))]
    );
}

#[test]
fn keys_with_sequences() {
    let table: &[(&[u8], KeyCode, Mods)] = &[
        (b"\x1b[A", KeyCode::Up, Mods::NONE),
        (b"\x1bOB", KeyCode::Down, Mods::NONE),
        (b"\x1b[1;5C", KeyCode::Right, Mods::CTRL),
        (b"\x1b[1;2D", KeyCode::Left, Mods::SHIFT),
        (b"\x1b[H", KeyCode::Home, Mods::NONE),
        (b"\x1bOF", KeyCode::End, Mods::NONE),
        (b"\x1b[1~", KeyCode::Home, Mods::NONE),
        (b"\x1b[5~", KeyCode::PageUp, Mods::NONE),
        (b"\x1b[6;3~", KeyCode::PageDown, Mods::ALT),
        (b"\x1b[2~", KeyCode::Insert, Mods::NONE),
        (b"\x1b[3~", KeyCode::Delete, Mods::NONE),
        (b"\x1b[Z", KeyCode::BackTab, Mods::NONE),
        (b"\x1bOP", KeyCode::F(1), Mods::NONE),
        (b"\x1b[11~", KeyCode::F(1), Mods::NONE),
        (b"\x1b[[A", KeyCode::F(1), Mods::NONE),
        (b"\x1b[24~", KeyCode::F(12), Mods::NONE),
        (b"\x1bx", KeyCode::Char('x'), Mods::ALT),
        ("\x1bé".as_bytes(), KeyCode::Char('é'), Mods::ALT),
        (b"\x1b\r", KeyCode::Enter, Mods::ALT),
        (b"\x1b\x1b[A", KeyCode::Up, Mods::ALT),
        (b"\x1b[97;5u", KeyCode::Char('a'), Mods::CTRL),
        (b"\x1b[97;2u", KeyCode::Char('A'), Mods::NONE),
        (b"\x1b[27u", KeyCode::Esc, Mods::NONE),
        (b"\x1b[13;2u", KeyCode::Enter, Mods::SHIFT),
        (b"\x1b[97;1:2u", KeyCode::Char('a'), Mods::NONE),
    ];
    for (bytes, code, mods) in table {
        assert_eq!(typed(bytes), [held(*code, *mods)], "{}", bytes.escape_ascii());
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new();
            let mut out = decoder.feed(&bytes[..cut], START);
            out.extend(decoder.feed(&bytes[cut..], ms(49)));
            assert_eq!(out, [held(*code, *mods)], "{} cut at {cut}", bytes.escape_ascii());
            assert_eq!(decoder.deadline(), None);
        }
    }
}

#[test]
fn escape_needs_quiet() {
    let mut decoder = Decoder::new();
    assert!(decoder.feed(b"\x1b", START).is_empty());
    assert_eq!(decoder.deadline(), Some(ms(50)));
    assert!(decoder.tick(ms(49)).is_empty());
    assert_eq!(decoder.tick(ms(50)), [key(KeyCode::Esc)]);
    assert_eq!(decoder.deadline(), None);
    assert!(decoder.tick(ms(500)).is_empty());
    assert!(decoder.feed(b"\x1b", ms(600)).is_empty());
    assert_eq!(decoder.feed(b"j", ms(700)), [key(KeyCode::Esc), char('j')], "late bytes are not part of it");
    assert_eq!(typed(b"\x1b\x1b"), [key(KeyCode::Esc), key(KeyCode::Esc)]);
    assert_eq!(typed(b"\x1b\x1bj"), [key(KeyCode::Esc), held(KeyCode::Char('j'), Mods::ALT)]);
}

#[test]
fn an_unfinished_sequence_is_given_up() {
    for begun in ["\x1b[", "\x1bO", "\x1b[1;", "\x1b]11;rgb:", "\x1bP", "\x1b[M ", "\x1b[<0;1", "\x1b\x1b[1"] {
        let mut decoder = Decoder::new();
        assert!(decoder.feed(begun.as_bytes(), START).is_empty(), "{begun:?}");
        assert_eq!(decoder.deadline(), Some(ms(100)), "{begun:?}");
        assert!(decoder.tick(ms(50)).is_empty(), "{begun:?}");
        assert!(decoder.tick(ms(100)).is_empty(), "{begun:?}");
        assert_eq!(decoder.feed(b"q", ms(101)), [char('q')], "{begun:?}");
    }
    assert_eq!(typed(b"\xe6\xbc"), [], "half a character is none");
    assert_eq!(typed(b"\xe6\xbcq\xffw\xe6\x1b[A"), [char('q'), char('w'), key(KeyCode::Up)]);
}

#[test]
fn t_unknown_sequences_never_become_text() {
    let strange: &[&[u8]] = &[
        b"\x1b[!p",
        b"\x1b[?1;2c",
        b"\x1b[>41;354;0c",
        b"\x1b[?2026;2$y",
        b"\x1b[12;40R",
        b"\x1b[8;24;80t",
        b"\x1b[I",
        b"\x1b[O",
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
        b"\x1b]11;rgb:0/0/0\x1b\\",
        b"\x1b]52;c;aGVsbG8=\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b_Gi=1;OK\x1b\\",
        b"\x1bP>|XTerm(388)\x1b\\",
        b"\x1b[=1;2x",
        b"\x1b[;u",
        b"\x1b[:1A",
        b"\x1b[1;5X",
        b"\x1b[999999999999u",
        b"\x1b[<1;2x",
        b"\x1bO5A",
        b"\x1b[201~",
        b"\x1b[57441;1u",
        b"\x1b[97;1:3u",
        b"\x1b[97;9u",
        b"\x1b[155u",
        b"\x1b[[~",
        b"\x1b[1 q",
        b"\x1bOz",
        "\u{9b}".as_bytes(),
        b"\x9b\x85",
        b"\x1b]0;a\x18",
        b"\x1b[?1u",
    ];
    for bytes in strange {
        assert_eq!(typed(bytes), [], "{}", bytes.escape_ascii());
        assert_eq!(typed(&[*bytes, b"\x1b[A"].concat()), [key(KeyCode::Up)], "{}", bytes.escape_ascii());
    }
    let long = [b"\x1b[".as_slice(), &[b'1'; 10_000], b"Aq"].concat();
    assert_eq!(typed(&long), [char('q')]);
}

#[test]
fn the_mouse() {
    let mouse = |kind, x, y| Input::Mouse(Mouse { kind, x, y });
    assert_eq!(
        typed(b"\x1b[<0;1;1M\x1b[<32;3;4M\x1b[<0;3;4m\x1b[<64;80;24M\x1b[<65;1;2M"),
        [
            mouse(MouseKind::Down, 0, 0),
            mouse(MouseKind::Drag, 2, 3),
            mouse(MouseKind::Up, 2, 3),
            mouse(MouseKind::ScrollUp, 79, 23),
            mouse(MouseKind::ScrollDown, 0, 1)
        ]
    );
    assert_eq!(typed(b"\x1b[<2;5;5M\x1b[<35;5;5M\x1b[<1;5;5m\x1b[<66;1;1M"), [], "other buttons, movement, sideways");
    assert_eq!(typed(b"\x1b[M !\"q"), [mouse(MouseKind::Down, 0, 1), char('q')]);
    assert_eq!(typed(b"\x1b[M\x10!!q"), [char('q')], "a wrong report takes its three bytes with it");
}

#[test]
fn pastes_are_text() {
    assert_eq!(
        typed(b"\x1b[200~a\x1b[A\x03q\r\nb\rc\x1b[201~x"),
        [Input::Paste("a\x1b[A\x03q\nb\nc".into()), char('x')]
    );
    assert_eq!(typed(b"\x1b[200~\x1b[201~"), [Input::Paste(String::new())]);
    assert_eq!(typed(b"\x1b[200~\x1b[20\x1b[201\x1b\x1b[201~"), [Input::Paste("\x1b[20\x1b[201\x1b".into())]);
    assert_eq!(typed(b"\x1b[200~\xff\x1b[201~"), [Input::Paste("\u{fffd}".into())]);
}

#[test]
fn t_pastes_are_capped() {
    let paste = |bytes: usize| [PASTE_BEGIN, &vec![b'y'; bytes], PASTE_END, b"q"].concat();
    assert_eq!(typed(&paste(PASTE_BYTES_MAX)), [Input::Paste("y".repeat(PASTE_BYTES_MAX)), char('q')]);
    assert_eq!(typed(&paste(PASTE_BYTES_MAX + 1)), [Input::PasteRefused, char('q')]);
    assert_eq!(typed(&paste(10 * 1024 * 1024)), [Input::PasteRefused, char('q')]);
    let mut decoder = Decoder::new();
    assert!(decoder.feed(&paste(0)[..6], START).is_empty());
    for _ in 0..100 {
        assert!(decoder.feed(&[b'y'; 8192], START).is_empty());
    }
    let State::Paste(paste) = &decoder.state else { panic!("still pasting") };
    assert!(paste.bytes.capacity() <= 2 * PASTE_BYTES_MAX, "what is refused is not kept");
}

#[test]
fn a_paste_that_stalls_is_not_taken_for_keys() {
    let mut decoder = Decoder::new();
    assert!(decoder.feed(b"\x1b[200~rm -rf", START).is_empty());
    assert!(decoder.tick(ms(30_000)).is_empty());
    assert_eq!(decoder.feed(b"x\x1b[201~", ms(30_000)), [Input::Paste("rm -rfx".into())]);
    assert!(decoder.feed(b"\x1b[200~never ended", ms(31_000)).is_empty());
    assert_eq!(decoder.tick(ms(91_000)), [Input::PasteRefused]);
    assert_eq!(decoder.feed(b"q", ms(91_001)), [char('q')]);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 1..5),
        2 => "[ -~]{1,4}".prop_map(String::into_bytes),
        2 => Just(vec![ESC]),
        2 => Just(b"\x1b[".to_vec()),
        2 => "[0-9;:<?M~umA]{1,8}".prop_map(String::into_bytes),
        1 => Just(PASTE_BEGIN.to_vec()),
        1 => Just(PASTE_END.to_vec()),
        1 => Just("漢é".as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn t_any_bytes_in_any_pieces_mean_the_same(bytes in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let (mut decoder, mut out, mut from) = (Decoder::new(), Vec::new(), 0);
        for cut in cuts {
            out.extend(decoder.feed(&bytes[from..cut], START));
            from = cut;
        }
        while let Some(deadline) = decoder.deadline() {
            out.extend(decoder.tick(deadline));
        }
        for input in &out {
            if let Input::Key(Key { code: KeyCode::Char(c), .. }) = input {
                prop_assert!(!c.is_control());
            }
        }
        prop_assert_eq!(out, typed(&bytes));
    }

    /// Whatever stands between the introducer and the final byte, no letter of it is typed.
    #[test]
    fn t_no_control_sequence_types_anything(body in "[0-9;:<=>?]{0,20}[ -/]{0,3}", last in b'@'..=b'~') {
        prop_assume!(!(body.is_empty() && matches!(last, b'M' | b'[')) && body != "200");
        let inputs = typed(&[b"\x1b[", body.as_bytes(), &[last]].concat());
        prop_assert!(inputs.len() <= 1, "{:?}", inputs);
        if last != b'u' {
            let typed = inputs.iter().any(|input| matches!(input, Input::Key(Key { code: KeyCode::Char(_), .. })));
            prop_assert!(!typed, "{:?}", inputs);
        }
    }
}
