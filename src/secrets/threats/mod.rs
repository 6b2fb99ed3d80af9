//! The rows R1 to R47 of the threat table that concern values and output, each a test.
//!
//! [`cleaned`] sends every input through a redactor whole, cut in two at every byte, and byte by byte; all must come out alike, and no
//! 12-byte window of a secret may be left.

mod forms;
mod streams;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::*;

const TOKEN: &str = "s3cr3t-T0ken/with+Signs_42";

fn sealed(value: impl AsRef<[u8]>) -> Sealed {
    Sealed::new(value.as_ref().to_vec()).unwrap()
}

fn masks(secrets: &[(&str, &str)]) -> Masks {
    let sealed: Vec<_> = secrets.iter().map(|(name, value)| (*name, sealed(value))).collect();
    Masks::new(&sealed.iter().map(|(name, value)| (*name, value)).collect::<Vec<_>>()).unwrap()
}

fn in_pieces<'a>(masks: &Masks, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut redactor = Redactor::new(masks);
    let mut out = Vec::new();
    for piece in pieces {
        redactor.push(piece, &mut out);
        assert!(redactor.held_bytes() <= super::redactor::HELD_BYTES_MAX, "{} bytes held", redactor.held_bytes());
    }
    redactor.flush(&mut out);
    out
}

/// No 12-byte window of `value` in `out` (a shorter value: not the value), as it is, in base64 or in hex.
fn assert_no_window(out: &[u8], value: &[u8]) {
    let holds = |needle: &[u8]| out.windows(needle.len()).any(|it| it.eq_ignore_ascii_case(needle));
    for window in value.windows(value.len().min(12)) {
        let shown = String::from_utf8_lossy(out);
        assert!(!holds(window), "{:?} is in {shown:?}", String::from_utf8_lossy(window));
        let hex: String = window.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!holds(hex.as_bytes()), "{hex} is in {shown:?}");
        if window.len() == 12 {
            assert!(!holds(STANDARD_NO_PAD.encode(window).as_bytes()), "base64 of {window:?} is in {shown:?}");
        }
    }
}

fn cleaned_bytes(secrets: &[(&str, &str)], input: &[u8]) -> Vec<u8> {
    let masks = masks(secrets);
    let whole = in_pieces(&masks, [input]);
    for cut in 0..input.len().min(4000) {
        let (left, right) = input.split_at(cut);
        assert_eq!(in_pieces(&masks, [left, right]), whole, "cut at {cut}");
    }
    assert_eq!(in_pieces(&masks, input.chunks(1)), whole, "byte by byte");
    for (_, value) in secrets {
        assert_no_window(&whole, value.as_bytes());
    }
    whole
}

fn cleaned(secrets: &[(&str, &str)], input: &str) -> String {
    String::from_utf8(cleaned_bytes(secrets, input.as_bytes())).unwrap()
}

fn token_in(input: &str) -> String {
    cleaned(&[("token", TOKEN)], input)
}
