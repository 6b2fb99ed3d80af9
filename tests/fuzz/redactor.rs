//! A secret in whatever surroundings: it does not come out, and what is no secret does.

use quarterdeck::secrets::{Masks, Redactor, Sealed};

const SECRET: &[u8] = b"s3cr3t-T0ken/with+Signs_42";

/// Bytes in a row that must never come out.
const WINDOW_BYTES: usize = 12;

/// How many cuts of one input are tried.
const CUTS_MAX: usize = 16;

fn masks() -> Masks {
    let value = Sealed::new(SECRET.to_vec()).unwrap();
    Masks::new(&[("token", &value)]).unwrap()
}

/// What comes out of pieces.
pub fn ours(masks: &Masks, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut redactor, mut out) = (Redactor::new(masks), Vec::new());
    for piece in pieces {
        redactor.push(piece, &mut out);
    }
    redactor.flush(&mut out);
    out
}

/// Wrong on purpose: each piece for itself, as a filter on chunks would.
pub fn forgetful(masks: &Masks, pieces: &[&[u8]]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| ours(masks, &[piece])).collect()
}

/// No window of the secret comes out, cuts change nothing, and what holds no secret passes as it is.
pub fn check(data: &[u8], redact: fn(&Masks, &[&[u8]]) -> Vec<u8>) -> Result<(), String> {
    let masks = masks();
    let whole = redact(&masks, &[data]);
    if let Some(at) = SECRET.windows(WINDOW_BYTES).position(|it| whole.windows(WINDOW_BYTES).any(|out| out == it)) {
        return Err(format!("the secret from byte {at} on is in {}", whole.escape_ascii()));
    }
    let marked = whole.windows(8).any(|it| it == b"[secret:");
    if !marked && whole != data {
        return Err(format!("changed without a mark: {}", whole.escape_ascii()));
    }
    for at in (0..=data.len()).step_by(data.len() / CUTS_MAX + 1) {
        let (left, right) = data.split_at(at);
        let cut = redact(&masks, &[left, right]);
        if cut != whole {
            return Err(format!("cut at {at}: {} instead of {}", cut.escape_ascii(), whole.escape_ascii()));
        }
    }
    Ok(())
}
