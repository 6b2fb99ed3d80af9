//! A signed request that tells another system something, or that another system sends. How a receiver knows whose it is: see
//! [`signature`].

use super::{CallError, Request, send};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The header that says when it was sent, in seconds since 1970: a receiver refuses what is old.
pub const TIMESTAMP: &str = "X-Quarterdeck-Timestamp";

/// The header that proves who sent it.
pub const SIGNATURE: &str = "X-Quarterdeck-Signature";

/// The longest a receiver may take; what it does with a notice it does later.
const TIMEOUT_MS: u64 = 5_000;

/// HMAC-SHA256 under `key` over the timestamp, a dot and the body, in hexadecimal digits.
pub fn signature(key: &[u8], timestamp: &str, body: &str) -> String {
    let Some(mac) = over(key, timestamp, body.as_bytes()) else { return String::new() };
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `signature` is that one. Takes as long for a wrong one as for the right one.
pub fn is_signed(key: &[u8], timestamp: &str, body: &[u8], signature: &str) -> bool {
    let Some(digest) = from_hex(signature) else { return false };
    over(key, timestamp, body).is_some_and(|mac| mac.verify_slice(&digest).is_ok())
}

fn over(key: &[u8], timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // A key of any length is one: HMAC has no other.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Sends `body` once, signed. Returns the status that came back; a redirect is one and is not followed.
///
/// # Errors
/// It was not sent, or its answer was not heard in time.
pub async fn tell(url: &str, id: &str, key: &[u8], timestamp: i64, body: &str) -> Result<u16, CallError> {
    let timestamp = timestamp.to_string();
    let signature = signature(key, &timestamp, body);
    let header = |name: &str, value: &str| (name.to_owned(), Zeroizing::new(value.to_owned()));
    let headers = vec![
        header("Content-Type", "application/json"),
        header("Idempotency-Key", id),
        header(TIMESTAMP, &timestamp),
        header(SIGNATURE, &signature),
    ];
    let body = Some(Zeroizing::new(body.to_owned()));
    let request = Request { method: "POST", url: url.to_owned(), headers, body, timeout_ms: TIMEOUT_MS };
    Ok(send(request).await?.status)
}
