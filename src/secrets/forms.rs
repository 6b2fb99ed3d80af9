//! The ways in which tools write a value: each becomes something to look for.
//!
//! Only what changes the skeleton (see [`super::skeleton`]) needs a form of its own: quoting, wrapping, colours, case and
//! the url-safe alphabet do not. Deliberately absent: hashes (not the secret), compression and ciphers.

use zeroize::Zeroizing;

use super::skeleton;

/// Values longer than this are looked for in the usual forms only: a spelled-out hex form of a key file would triple
/// the table for something no tool prints.
const SPELLED_BYTES_MAX: usize = 4096;

/// Shortest line of a value of many lines that is looked for by itself.
const LINE_BYTES_MIN: usize = super::SECRET_BYTES_MIN;

/// One way to write a value, as a skeleton.
pub(super) struct Form {
    /// The skeleton. Never empty.
    pub(super) skeleton: Zeroizing<Vec<u8>>,
    /// How many consecutive bytes of it give the value away. Shorter pieces stay.
    pub(super) window: usize,
}

/// Any 12 bytes of a value in a row count as the value.
pub(super) const WINDOW_BYTES: usize = 12;

/// Longest window: 8 bytes of a value, each spelled `0xNN,`.
pub(super) const WINDOW_BYTES_MAX: usize = 40;

/// Every form of `value`, none twice.
pub(super) fn of(value: &[u8]) -> Vec<Form> {
    let mut forms = Forms { found: Vec::new() };
    forms.add(value, WINDOW_BYTES);
    for line in value.split(|byte| matches!(byte, b'\n' | b'\r')) {
        // Longer lines are covered by the windows of the whole value.
        if line.len() >= LINE_BYTES_MIN && skeleton::of_value(line).len() < WINDOW_BYTES {
            forms.add(line, WINDOW_BYTES);
        }
    }
    forms.encodings(value);
    if let Some(other_ends) = with_other_line_ends(value) {
        forms.encodings(&other_ends);
    }
    forms.found
}

struct Forms {
    found: Vec<Form>,
}

impl Forms {
    fn add(&mut self, text: &[u8], window: usize) {
        let skeleton = skeleton::of_value(text);
        if skeleton.len() >= super::sealed::TELLING_BYTES_MIN && !self.found.iter().any(|it| it.skeleton == skeleton) {
            self.found.push(Form { skeleton, window });
        }
    }

    fn encodings(&mut self, value: &[u8]) {
        for shift in 0..3 {
            self.add(&base64_inside(value, shift), WINDOW_BYTES);
        }
        self.add(&each(value, |byte, out| out.extend(hex(byte))), 16);
        for reserved in [URL_STRICT, URL_COMPONENT, URL_WHOLE, URL_PATH, URL_FORM] {
            self.add(&url(value, reserved), WINDOW_BYTES);
        }
        for dialect in [Json::Plain, Json::Html, Json::Ascii] {
            self.add(&json(value, dialect), WINDOW_BYTES);
        }
        self.add(&ansi_c(value, false), WINDOW_BYTES);
        self.add(&ansi_c(value, true), WINDOW_BYTES);
        self.add(&xml(value, "&apos;"), WINDOW_BYTES);
        self.add(&xml(value, "&#39;"), WINDOW_BYTES);
        if value.len() <= SPELLED_BYTES_MAX {
            self.add(&each(value, |byte, out| spelled(b"", byte, b":", out)), 24);
            self.add(&each(value, |byte, out| spelled(b"", byte, b"-", out)), 24);
            self.add(&each(value, |byte, out| spelled(b"\\x", byte, b"", out)), 24);
            self.add(&each(value, |byte, out| spelled(b"%", byte, b"", out)), 24);
            self.add(&each(value, |byte, out| spelled(b"0x", byte, b",", out)), WINDOW_BYTES_MAX);
        }
    }
}

type Text = Zeroizing<Vec<u8>>;

/// Writes `value` byte by byte; room for the longest spelling is taken at once, so that growing leaves no copies behind.
fn each(value: &[u8], mut write: impl FnMut(u8, &mut Vec<u8>)) -> Text {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 6));
    for &byte in value {
        write(byte, &mut out);
    }
    out
}

fn hex(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| {
        if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
    };
    [digit(byte >> 4), digit(byte & 15)]
}

fn spelled(before: &[u8], byte: u8, after: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend(hex(byte));
    out.extend_from_slice(after);
}

/// `value` in base64 as it stands inside a longer text, `shift` bytes after a multiple of three: without the characters at
/// both ends that also hold bits of its neighbours.
fn base64_inside(value: &[u8], shift: usize) -> Text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut padded = Zeroizing::new(Vec::with_capacity(value.len() + shift));
    padded.resize(shift, 0);
    padded.extend_from_slice(value);
    let mut text = Zeroizing::new(STANDARD_NO_PAD.encode(padded.as_slice()).into_bytes());
    text.truncate(padded.len() * 8 / 6);
    let shared = text.len().min((shift * 8).div_ceil(6));
    text.drain(..shared);
    text
}

// Signs that the usual encoders leave as they are. Letters and digits always stay.
const URL_STRICT: &[u8] = b"-._~";
const URL_COMPONENT: &[u8] = b"-._~!*'()";
const URL_WHOLE: &[u8] = b"-._~!*'();/?:@&=+$,#";
const URL_PATH: &[u8] = b"-._~/";
const URL_FORM: &[u8] = b"-._* ";

fn url(value: &[u8], stays: &[u8]) -> Text {
    each(value, |byte, out| match byte {
        b' ' if stays == URL_FORM => out.push(b'+'),
        _ if byte.is_ascii_alphanumeric() || stays.contains(&byte) => out.push(byte),
        _ => spelled(b"%", byte, b"", out),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Json {
    /// Only what must be escaped.
    Plain,
    /// Also `<`, `>`, `&`, `'` and `=`, as encoders for web pages do.
    Html,
    /// Also everything beyond ASCII.
    Ascii,
}

fn json(value: &[u8], dialect: Json) -> Text {
    // Bytes that are no UTF-8 cannot stand in JSON; what an encoder makes of them is not the secret.
    let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() * 6));
    for letter in text.chars() {
        match letter {
            '\n' => out.extend(b"\\n"),
            '\r' => out.extend(b"\\r"),
            '\t' => out.extend(b"\\t"),
            '\u{8}' => out.extend(b"\\b"),
            '\u{c}' => out.extend(b"\\f"),
            '\0'..='\u{1f}' => utf16_escape(letter, &mut out),
            '<' | '>' | '&' | '\'' | '=' if dialect == Json::Html => utf16_escape(letter, &mut out),
            '\u{7f}'.. if dialect == Json::Ascii => utf16_escape(letter, &mut out),
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

fn utf16_escape(letter: char, out: &mut Vec<u8>) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        out.extend(unit.to_be_bytes().into_iter().flat_map(hex));
    }
}

/// Bash's `$'…'`, as `set -x` and `printf %q` write control bytes and, outside a UTF-8 locale, all beyond ASCII.
fn ansi_c(value: &[u8], octal_beyond_ascii: bool) -> Text {
    each(value, |byte, out| match byte {
        7 => out.extend(b"\\a"),
        8 => out.extend(b"\\b"),
        b'\t' => out.extend(b"\\t"),
        b'\n' => out.extend(b"\\n"),
        11 => out.extend(b"\\v"),
        12 => out.extend(b"\\f"),
        b'\r' => out.extend(b"\\r"),
        0x1b => out.extend(b"\\E"),
        0..=31 | 127 => octal(byte, out),
        128.. if octal_beyond_ascii => octal(byte, out),
        _ => out.push(byte),
    })
}

fn octal(byte: u8, out: &mut Vec<u8>) {
    out.extend([b'\\', b'0' + (byte >> 6), b'0' + ((byte >> 3) & 7), b'0' + (byte & 7)]);
}

fn xml(value: &[u8], apostrophe: &str) -> Text {
    each(value, |byte, out| match byte {
        b'&' => out.extend(b"&amp;"),
        b'<' => out.extend(b"&lt;"),
        b'>' => out.extend(b"&gt;"),
        b'"' => out.extend(b"&quot;"),
        b'\'' => out.extend_from_slice(apostrophe.as_bytes()),
        _ => out.push(byte),
    })
}

/// The value with LF for CRLF, or the other way round; `None` for a value of one line.
fn with_other_line_ends(value: &[u8]) -> Option<Text> {
    if !value.contains(&b'\n') {
        return None;
    }
    let has_returns = value.windows(2).any(|pair| pair == b"\r\n");
    Some(each(value, |byte, out| match byte {
        b'\r' if has_returns => (),
        b'\n' if !has_returns => out.extend(b"\r\n"),
        _ => out.push(byte),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeletons(value: &str) -> Vec<String> {
        of(value.as_bytes()).iter().map(|it| String::from_utf8_lossy(&it.skeleton).into_owned()).collect()
    }

    #[test]
    fn a_plain_token_has_few_forms() {
        let forms = skeletons("hunter22");
        assert_eq!(forms.len(), 10, "{forms:?}");
        assert!(forms.contains(&"68756e7465723232".to_owned()));
    }

    #[test]
    fn base64_inside_is_what_stands_between_any_neighbours() {
        use base64::Engine as _;
        let value = b"correct-horse";
        for shift in 0..3 {
            let inside = base64_inside(value, shift);
            for (before, after) in [(0_u8, 0_u8), (255, 255), (7, 99)] {
                let mut whole = vec![before; shift];
                whole.extend_from_slice(value);
                whole.extend([after, after]);
                let text = base64::engine::general_purpose::STANDARD.encode(whole);
                assert!(text.contains(std::str::from_utf8(&inside).unwrap()), "{shift} {text}");
            }
            assert!(inside.len() >= value.len() * 8 / 6 - 1);
        }
    }

    #[test]
    fn json_escapes_by_dialect() {
        let text = "a<b>\u{1F511}\n\"\u{e9}";
        let shown = |dialect| String::from_utf8(json(text.as_bytes(), dialect).to_vec()).unwrap();
        assert_eq!(shown(Json::Plain), "a<b>\u{1F511}\\n\"\u{e9}");
        assert_eq!(shown(Json::Html), "a\\u003cb\\u003e\u{1F511}\\n\"\u{e9}");
        assert_eq!(shown(Json::Ascii), "a<b>\\ud83d\\udd11\\n\"\\u00e9");
    }

    #[test]
    fn a_short_line_within_many_is_looked_for_alone() {
        assert!(skeletons("first line here\nshort678\nlast line here").contains(&"short678".to_owned()));
        assert!(!skeletons("first line here\nshort67\nlast line here").contains(&"short67".to_owned()));
    }

    #[test]
    fn line_ends_swap_both_ways() {
        assert_eq!(with_other_line_ends(b"a\nb\n").unwrap().as_slice(), b"a\r\nb\r\n");
        assert_eq!(with_other_line_ends(b"a\r\nb").unwrap().as_slice(), b"a\nb");
        assert!(with_other_line_ends(b"ab").is_none());
    }
}
