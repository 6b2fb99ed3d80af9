//! A script for any other program than a shell: it reads the script from standard input, and its values as one JSON object from file
//! descriptor 3. `sh` stands between, so that marks, process group and ending are those of every script.
//!
//! Invariant: script and values pass through `printf` of the shell itself, which starts no process: nothing of them ever
//! stands in `argv`, in the environment or on the host's disk (here-documents would).

use super::{Nonce, PAYLOAD_BYTES_MAX, ScriptError, push_leads, push_mark, push_quoted, quoted_len};
use crate::domain::order::Delivery;
use crate::secrets::Sealed;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What follows on standard input of `sh`: a check that the program is there, and the two pipes to it.
pub(super) fn payload(
    nonce: &Nonce,
    words: &[String],
    delivery: &Delivery,
    secrets: &[(String, Arc<Sealed>)],
) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    let values = object(delivery, secrets)?;
    let text = delivery.text.as_bytes();
    let of_words: usize = words.iter().map(|word| quoted_len(word.as_bytes()) + 1).sum();
    let bytes = 1_024 + 2 * of_words + quoted_len(&values) + quoted_len(text);
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(ScriptError::TooLong);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(bytes));
    push_leads(&mut out, nonce);
    out.extend_from_slice(b"command -v ");
    push_quoted(&mut out, words.first().map_or(&[][..], |word| word.as_bytes()));
    out.extend_from_slice(b" >/dev/null 2>&1 || { ");
    push_mark(&mut out, nonce, b'!');
    // A bare name says that it is the shell's own, in every language; `command -V` would say so in the host's.
    out.extend_from_slice(b"exit 0; }\ncase $(command -v printf) in printf) ;; *) ");
    push_mark(&mut out, nonce, b'!');
    out.extend_from_slice(b"exit 0;; esac\n");
    push_mark(&mut out, nonce, b'+');
    out.extend_from_slice(b"printf %s ");
    push_quoted(&mut out, &values);
    out.extend_from_slice(b" | { exec 3<&0 </dev/null; printf %s ");
    push_quoted(&mut out, text);
    out.extend_from_slice(b" |");
    for word in words {
        out.push(b' ');
        push_quoted(&mut out, word.as_bytes());
    }
    out.extend_from_slice(b"; }\n}\n");
    Ok(out)
}

/// Every value by name, secrets among them; wiped when dropped.
fn object(delivery: &Delivery, secrets: &[(String, Arc<Sealed>)]) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    let plain = delivery.variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let sealed = secrets.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let values: Vec<(&str, &[u8])> = plain.chain(sealed).collect();
    // The longest escape takes six bytes. Reserved at once: growing would leave copies of secrets behind.
    let most = values.iter().map(|(name, value)| 8 + 6 * (name.len() + value.len())).sum::<usize>() + 2;
    let mut out = Zeroizing::new(Vec::with_capacity(most));
    out.push(b'{');
    for (nth, (name, value)) in values.into_iter().enumerate() {
        if value.contains(&0) {
            return Err(ScriptError::Nul(name.to_owned()));
        }
        let value = std::str::from_utf8(value).map_err(|_| ScriptError::NotText(name.to_owned()))?;
        if nth > 0 {
            out.push(b',');
        }
        push_text(&mut out, name);
        out.push(b':');
        push_text(&mut out, value);
    }
    out.push(b'}');
    Ok(out)
}

/// A JSON string (RFC 8259, section 7).
fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}
