//! A signed request that tells another system something. How a receiver knows that it is ours: see [`signature`].

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
    // A key of any length is one: HMAC has no other.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
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
