//! What a person's terminal sends: the same keys whether it comes at once or byte by byte.

use quarterdeck::terminal::key::{Decoder, Input};
use std::time::Duration;

/// The inputs in pieces that come at the same moment.
pub fn ours(pieces: &[&[u8]]) -> Vec<Input> {
    let mut decoder = Decoder::new();
    let mut out: Vec<Input> = pieces.iter().flat_map(|piece| decoder.feed(piece, Duration::ZERO)).collect();
    out.extend(decoder.tick(Duration::from_secs(60)));
    out
}

/// Wrong on purpose: a sequence ends where a packet does.
pub fn forgetful(pieces: &[&[u8]]) -> Vec<Input> {
    pieces.iter().flat_map(|piece| ours(&[piece])).collect()
}

/// Cuts change nothing, and quiet settles everything.
pub fn check(data: &[u8], decode: fn(&[&[u8]]) -> Vec<Input>) -> Result<(), String> {
    let whole = decode(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    if decode(&bytes) != whole {
        return Err(format!("byte by byte {:?} instead of {whole:?}", decode(&bytes)));
    }
    let mut decoder = Decoder::new();
    drop(decoder.feed(data, Duration::ZERO));
    drop(decoder.tick(Duration::from_secs(60)));
    match decoder.deadline() {
        None => Ok(()),
        Some(_) => Err("something is unfinished after a minute of quiet".to_owned()),
    }
}
