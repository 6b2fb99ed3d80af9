//! Canonical JSON: one value, one sequence of bytes.
//!
//! The subset of RFC 8785 that a leaf and a binding use: objects with sorted keys `[a-z0-9_]+`, arrays, strings,
//! booleans, `null`, integers of at most 53 bits; no whitespace; the shortest escapes. Byte-equal to Python's
//! `json.dumps(o, sort_keys=True, separators=(',',':'), ensure_ascii=False)`, so that an auditor's script needs no
//! library. Reading is as strict as writing: bytes that would not be written so are refused, which leaves no room
//! for duplicate keys or two parsers that disagree. Deliberately absent: floats, and any tolerance.

mod write;

use serde_json::Value;

/// The largest magnitude of an integer: what every JSON reader represents exactly.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;
/// How deep objects and arrays may nest: far beyond any event or binding, far below any parser's stack.
pub const DEPTH_MAX: usize = 32;

/// Why a value or its bytes are not canonical.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A key outside `[a-z0-9_]+`.
    #[error("key {0:?} is not of [a-z0-9_]+")]
    Key(String),
    /// A number that is not an integer of at most 53 bits.
    #[error("{0} is not an integer of at most 53 bits")]
    Number(String),
    /// Nesting beyond [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX}")]
    Depth,
    /// The bytes are not what this value's canonical form would be.
    #[error("not canonical at byte {at}: expected {expected}")]
    Bytes {
        /// Offset of the first byte that differs.
        at: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// The value could not be turned into JSON.
    #[error("cannot be written as JSON: {0}")]
    Unwritable(String),
}

/// The canonical bytes of a value.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    of(value)
}

/// The canonical bytes of anything that serialises to JSON.
pub fn of<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    write::value(value, &mut out, 0)?;
    Ok(out)
}

/// Reads canonical bytes; anything else is refused.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(|_| CanonicalError::Bytes { at: 0, expected: "JSON" })
}

/// Whether these bytes are the canonical form of the value they hold, without building it.
pub fn check(bytes: &[u8]) -> Result<(), CanonicalError> {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(CanonicalError::Bytes { at: error.valid_up_to(), expected: "UTF-8" });
    }
    let mut reader = Reader { bytes, at: 0 };
    reader.value(0)?;
    if reader.at == bytes.len() { Ok(()) } else { reader.wrong("the end") }
}

/// Whether a name may be an object's key, a detail's name or an event's kind part.
pub fn is_key(key: &str) -> bool {
    is_key_bytes(key.as_bytes())
}

fn is_key_bytes(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().copied().all(is_key_byte)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// Walks bytes that must be canonical, holding nothing but its place.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong<T>(&self, expected: &'static str) -> Result<T, CanonicalError> {
        Err(CanonicalError::Bytes { at: self.at, expected })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), CanonicalError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.wrong(expected)
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), CanonicalError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            self.wrong(word)
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), CanonicalError> {
        if depth > DEPTH_MAX {
            return Err(CanonicalError::Depth);
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) | None => self.wrong("a value"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut before: &[u8] = b"";
        loop {
            let key = self.key()?;
            if key <= before {
                return self.wrong("a key after the one before");
            }
            before = key;
            self.take(b':', "':'")?;
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) | None => return self.wrong("',' or '}'"),
            }
        }
    }

    fn key(&mut self) -> Result<&'a [u8], CanonicalError> {
        self.take(b'"', "a key")?;
        let start = self.at;
        while self.peek().is_some_and(is_key_byte) {
            self.at += 1;
        }
        let key = self.bytes.get(start..self.at).unwrap_or_default();
        if key.is_empty() {
            return self.wrong("a key of [a-z0-9_]+");
        }
        self.take(b'"', "a key of [a-z0-9_]+")?;
        Ok(key)
    }

    fn array(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) | None => return self.wrong("',' or ']'"),
            }
        }
    }

    fn integer(&mut self) -> Result<(), CanonicalError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        let mut n: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            n = n.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let zero_first = self.bytes.get(first) == Some(&b'0');
        let padded = zero_first && (self.at > first + 1 || first > start);
        if self.at == first || padded || n > INTEGER_MAX {
            self.at = start;
            return self.wrong("an integer of at most 53 bits");
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), CanonicalError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0x20..=0xff) => self.at += 1,
                Some(0x00..=0x1f) | None => return self.wrong("a character or '\"'"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), CanonicalError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = match rest {
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            // Only control characters without a short form are written as \u00xx, in lower case.
            [b'\\', b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => 6,
            [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return self.wrong("the shortest escape"),
        };
        self.at += len;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
